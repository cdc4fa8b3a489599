//! One direction of a link: decides when a packet arrives, or why it never does, and counts both.
//!
//! Knows no clock and no socket: time is what has passed since the relay's start, randomness follows from
//! the seed. The same packets at the same times meet the same fate.

use std::time::Duration;

use super::profile::Shape;
use crate::random::Random;

/// What IPv4 and UDP put in front of a datagram, in bytes.
pub const UDP_HEADERS_BYTES: u64 = 28;
/// What IPv4 and TCP put in front of a segment, in bytes; options are not counted.
pub const TCP_HEADERS_BYTES: u64 = 40;

/// Packets and their bytes, each packet whole: headers of IP and UDP included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// How many.
    pub packets: u64,
    /// How large together.
    pub bytes: u64,
}

/// What happened in one direction. `offered` is `sent`, what was dropped, and what is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Came in.
    pub offered: Tally,
    /// Went out at the other end.
    pub sent: Tally,
    /// Dropped by chance.
    pub lost: Tally,
    /// Dropped since the queue was full.
    pub overflowed: Tally,
    /// Dropped since the link was down.
    pub cut: Tally,
    /// Dropped by a firewall that lets no datagram through.
    pub blocked: Tally,
}

/// What becomes of a packet that was offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It arrives at this time after the relay's start, unless the link is down then.
    Arrives(Duration),
    /// It never arrives, and is counted already.
    Dropped,
}

/// One direction of a link.
#[derive(Debug)]
pub struct Lane {
    shape: Shape,
    random: Random,
    /// Whether losses are frequent now, where they come in bursts.
    bad: bool,
    /// When the last byte that waits will have been sent.
    busy_until: Duration,
    counts: Counts,
}

impl Tally {
    fn add(&mut self, bytes: u64) {
        self.packets += 1;
        self.bytes += bytes;
    }
}

impl Counts {
    /// Everything that was dropped, whatever the cause.
    pub fn dropped(&self) -> Tally {
        let causes = [self.lost, self.overflowed, self.cut, self.blocked];
        Tally {
            packets: causes.iter().map(|tally| tally.packets).sum(),
            bytes: causes.iter().map(|tally| tally.bytes).sum(),
        }
    }
}

impl Lane {
    /// An empty lane whose chances follow from `random`.
    pub fn new(shape: Shape, random: Random) -> Self {
        Self { shape, random, bad: false, busy_until: Duration::ZERO, counts: Counts::default() }
    }

    /// Takes an IP packet of `bytes` at `now`, on a link that is up or `down`.
    pub fn offer(&mut self, now: Duration, bytes: u64, down: bool) -> Fate {
        self.counts.offered.add(bytes);
        if down {
            self.counts.cut.add(bytes);
            return Fate::Dropped;
        }
        let Some(sent) = self.transmit(now, bytes) else {
            self.counts.overflowed.add(bytes);
            return Fate::Dropped;
        };
        // Both chances are drawn for each packet, so that one packet's fate shifts no other's.
        let (lost, held) = (self.loses(), self.random.chance(self.shape.reorder));
        if lost {
            self.counts.lost.add(bytes);
            return Fate::Dropped;
        }
        let extra = if held { self.shape.reorder_by } else { Duration::ZERO };
        Fate::Arrives(sent + self.shape.delay + extra)
    }

    /// Counts a packet that arrived, or that the link, `down` by then, dropped on its way.
    pub fn arrive(&mut self, bytes: u64, down: bool) {
        let tally = if down { &mut self.counts.cut } else { &mut self.counts.sent };
        tally.add(bytes);
    }

    /// Counts a packet that a firewall takes from the link: when it is offered, or (`offered` before) at the end
    /// of its way.
    pub fn block(&mut self, bytes: u64, offered: bool) {
        if !offered {
            self.counts.offered.add(bytes);
        }
        self.counts.blocked.add(bytes);
    }

    /// How long a packet offered at `now` waits for those before it.
    pub fn backlog(&self, now: Duration) -> Duration {
        self.busy_until.saturating_sub(now)
    }

    /// What the lane does to packets.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether the next packet is lost by chance: each alone, or by Gilbert's and Elliott's chain of a good state,
    /// which loses nothing, and a bad one, with one step a packet.
    fn loses(&mut self) -> bool {
        let Some(bursts) = self.shape.bursts else { return self.random.chance(self.shape.loss) };
        let (leave, enter) = bursts.steps(self.shape.loss);
        self.bad = if self.bad { !self.random.chance(leave) } else { self.random.chance(enter) };
        self.random.chance(if self.bad { bursts.loss } else { 0.0 })
    }

    /// When the packet's last bit is sent, if the queue has room for it.
    fn transmit(&mut self, now: Duration, bytes: u64) -> Option<Duration> {
        let Some(rate) = self.shape.rate_bits else { return Some(now) };
        let waiting_bytes = self.backlog(now).as_nanos() * u128::from(rate) / 8_000_000_000;
        if waiting_bytes + u128::from(bytes) > u128::from(self.shape.queue_bytes) {
            return None;
        }
        let nanoseconds = (bytes * 8_000_000_000).div_ceil(rate.max(1));
        self.busy_until = self.busy_until.max(now) + Duration::from_nanos(nanoseconds);
        Some(self.busy_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::Bursts;

    const PACKET: u64 = 1_200;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn lane(shape: Shape) -> Lane {
        Lane::new(shape, Random::new(1))
    }

    #[test]
    fn the_rate_is_exact_and_the_delay_comes_on_top() {
        let shape = Shape { rate_bits: Some(96_000), delay: ms(150), ..Shape::CLEAN };
        let mut lane = lane(shape);
        for n in 1..=100 {
            // 1,200 bytes at 96 kbit/s take 100 ms.
            assert_eq!(lane.offer(Duration::ZERO, PACKET, false), Fate::Arrives(ms(100 * n + 150)));
        }
        assert_eq!(lane.offer(ms(60_000), PACKET, false), Fate::Arrives(ms(60_250)));
    }

    #[test]
    fn the_queue_holds_what_it_may_and_no_byte_more() {
        let shape = Shape { rate_bits: Some(96_000), queue_bytes: 12_000, ..Shape::CLEAN };
        let mut lane = lane(shape);
        let fates: Vec<_> = (0..15).map(|_| lane.offer(Duration::ZERO, PACKET, false)).collect();
        assert_eq!(fates.iter().filter(|fate| **fate == Fate::Dropped).count(), 5);
        assert!(fates[..10].iter().all(|fate| *fate != Fate::Dropped));
        assert_eq!(lane.counts().overflowed, Tally { packets: 5, bytes: 6_000 });
        assert_eq!(lane.offer(ms(99), PACKET, false), Fate::Dropped);
        assert_eq!(lane.offer(ms(100), PACKET, false), Fate::Arrives(ms(1_100)));
    }

    #[test]
    fn losses_are_the_share_asked_for_and_follow_from_the_seed() {
        let shape = Shape { loss: 0.08, ..Shape::CLEAN };
        let fates = |seed| {
            let mut lane = Lane::new(shape, Random::new(seed));
            (0..10_000).map(|_| lane.offer(Duration::ZERO, 100, false)).collect::<Vec<_>>()
        };
        assert_eq!(fates(3), fates(3));
        assert_ne!(fates(3), fates(4));
        for seed in 0..20 {
            let lost = fates(seed).iter().filter(|fate| **fate == Fate::Dropped).count();
            assert!((690..=910).contains(&lost), "seed {seed} lost {lost} of 10,000");
        }
    }

    #[test]
    fn losses_in_bursts_are_the_same_share_and_come_together() {
        let bursts = Bursts { packets: 8.0, loss: 0.5 };
        let shape = Shape { loss: 0.02, bursts: Some(bursts), ..Shape::CLEAN };
        let fates = |seed| {
            let mut lane = Lane::new(shape, Random::new(seed));
            (0..400_000).map(|_| lane.offer(Duration::ZERO, 100, false)).collect::<Vec<_>>()
        };
        let fates = fates(5);
        let lost: Vec<_> = fates.iter().map(|fate| *fate == Fate::Dropped).collect();
        let share = lost.iter().filter(|lost| **lost).count() as f64 / lost.len() as f64;
        assert!((0.018..0.022).contains(&share), "{share}");
        // After a loss the next packet is in the bad state seven times of eight, and lost in half of those.
        let pairs: Vec<_> = lost.windows(2).filter(|pair| pair[0]).collect();
        let again = pairs.iter().filter(|pair| pair[1]).count() as f64 / pairs.len() as f64;
        assert!((0.40..0.48).contains(&again), "{again}");
    }

    #[test]
    fn a_held_packet_is_overtaken_and_never_early() {
        let shape = Shape { delay: ms(10), reorder: 0.3, reorder_by: ms(50), ..Shape::CLEAN };
        let mut lane = lane(shape);
        let mut arrivals = Vec::new();
        for n in 0..1_000u64 {
            let Fate::Arrives(at) = lane.offer(ms(n), 100, false) else { panic!("dropped") };
            assert!(at >= ms(n + 10));
            arrivals.push(at);
        }
        let overtaken = arrivals.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!((150..300).contains(&overtaken), "{overtaken}");
    }

    #[test]
    fn every_packet_is_counted_once() {
        let shape = Shape { rate_bits: Some(96_000), queue_bytes: 6_000, loss: 0.2, ..Shape::CLEAN };
        let mut lane = lane(shape);
        let mut under_way = 0;
        for n in 0..1_000u64 {
            match lane.offer(ms(n * 50), PACKET, n % 10 == 0) {
                Fate::Arrives(_) => under_way += 1,
                Fate::Dropped => {}
            }
        }
        let before = lane.counts();
        assert_eq!(before.offered, Tally { packets: 1_000, bytes: 1_200_000 });
        assert_eq!(before.offered.packets, before.dropped().packets + under_way);
        for n in 0..under_way {
            lane.arrive(PACKET, n % 2 == 0);
        }
        let after = lane.counts();
        assert_eq!(after.offered.packets, after.sent.packets + after.dropped().packets);
        assert_eq!(after.offered.bytes, after.sent.bytes + after.dropped().bytes);
        assert_eq!(after.cut.packets, 100 + under_way.div_ceil(2));
    }
}
