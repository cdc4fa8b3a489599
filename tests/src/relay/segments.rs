//! One TCP connection as the link sees it: segments, acknowledgements, and what losses do to them.
//!
//! A program in user space gets a stream of bytes, of which it can drop nothing. So the losses of segments are
//! computed here, and their effect is what TCP makes of them: the segment comes later, once more at the cost of
//! the rate, and everything behind it waits.
//!
//! Knows no clock and no socket: [`Connection::handle`] is given its own events at their time.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    air::{Air, Direction},
    lane::{Fate, TCP_HEADERS_BYTES},
};

/// Bytes that a segment carries at most: 1,500 less the headers.
pub const SEGMENT_BYTES: usize = 1_460;

const WINDOW_BYTES_MIN: usize = 10 * SEGMENT_BYTES;
const WINDOW_BYTES_MAX: usize = 64 << 10;
const ALONE_MAX: Duration = Duration::from_millis(40);
const TIMEOUT_EXTRA: Duration = Duration::from_millis(200);
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
const SYN_TIMEOUT: Duration = Duration::from_secs(1);
/// Segments sent behind a lost one that show its loss.
const BEHIND: u64 = 3;

/// What is to happen later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Event {
    /// A segment is at the end of its way.
    Arrival {
        /// Which way.
        direction: Direction,
        /// Which segment.
        number: u64,
        /// How often it has been sent.
        tries: u32,
        /// How often the link had been severed then.
        severings: u64,
    },
    /// An acknowledgement without bytes is at the end of its way. Only the link counts it.
    Acknowledged {
        /// Which way.
        direction: Direction,
        /// How often the link had been severed then.
        severings: u64,
    },
    /// The sender looks after a segment that was lost.
    Timer {
        /// Which way.
        direction: Direction,
        /// Which segment.
        number: u64,
        /// How often it has been sent.
        tries: u32,
        /// Whether what was sent behind it has had its time to tell.
        probe: bool,
    },
    /// The sender hears that bytes have arrived.
    Heard {
        /// Which way the bytes went.
        direction: Direction,
        /// How many.
        bytes: usize,
    },
    /// A segment has waited for another one to be acknowledged with.
    Alone {
        /// Which way it went.
        direction: Direction,
        /// How many had arrived with it.
        arrived: u64,
    },
}

/// What the connection's holder does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Gives the event back at its time.
    At(Duration, Event),
    /// Connects to the target, and says [`Connection::accepted`] or [`Connection::reset`].
    Connect,
    /// Hands bytes to the end that the direction leads to.
    Deliver(Direction, Vec<u8>),
    /// Ends the direction there.
    Finish(Direction),
    /// Resets both ends: the connection is over.
    Reset,
}

/// One connection.
///
/// The rules, after Linux as it is set up today:
/// - Segments carry up to [`SEGMENT_BYTES`] and are cut when they can be sent; 40 bytes of headers each.
/// - SYN and SYN-ACK open the connection and a FIN ends each direction, each a segment without bytes. SYN-ACK and
///   FIN are acknowledged at once, of the others every second, or one that stays alone for 40 ms unless bytes go
///   back meanwhile. A lost acknowledgement does no harm: the next one says the same.
/// - At most ten segments, or twice what the link holds if that is more, are unacknowledged. So a profile's link is
///   full from the first round trip, so there is no slow start, and the window does not shrink by losses: TCP is
///   shown a little faster than it is.
/// - A lost segment is sent again after 1.25 round trips if three were sent behind it (RACK), else after two (tail
///   loss probe); lost again, after a round trip and 200 ms, doubled each time up to a minute. A lost SYN is sent
///   again after a second, doubled each time.
#[derive(Debug)]
pub struct Connection {
    up: Flow,
    down: Flow,
    effects: VecDeque<Effect>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Open,
    Bytes,
    Finish,
    Reset,
}

#[derive(Debug)]
struct Segment {
    kind: Kind,
    payload: Vec<u8>,
    arrived: bool,
}

/// One direction.
#[derive(Debug, Default)]
struct Flow {
    /// Whether bytes may be sent.
    open: bool,
    unsent: VecDeque<u8>,
    /// Whether nothing comes after `unsent`.
    finished: bool,
    /// Sent, and not all before it released.
    under_way: BTreeMap<u64, Segment>,
    next: u64,
    unheard_bytes: usize,
    /// Segments that have arrived, and how many of them wait for an acknowledgement.
    arrived: u64,
    unacknowledged: u32,
}

impl Connection {
    /// A connection that a client begins at `now`.
    pub fn begin(air: &mut Air, now: Duration) -> Self {
        let mut connection = Self { up: Flow::default(), down: Flow::default(), effects: VecDeque::new() };
        connection.send_new(air, now, Direction::Up, Kind::Open, Vec::new());
        connection
    }

    /// The target has accepted.
    pub fn accepted(&mut self, air: &mut Air, now: Duration) {
        self.send_new(air, now, Direction::Down, Kind::Open, Vec::new());
        self.down.open = true;
    }

    /// The end that `direction` comes from has written `bytes`.
    pub fn write(&mut self, air: &mut Air, now: Duration, direction: Direction, bytes: &[u8]) {
        self.flow(direction).unsent.extend(bytes);
        self.pump(air, now, direction);
    }

    /// The end that `direction` comes from writes no more.
    pub fn finish(&mut self, air: &mut Air, now: Duration, direction: Direction) {
        self.flow(direction).finished = true;
        self.pump(air, now, direction);
    }

    /// The end that `direction` comes from has gone, or never was.
    pub fn reset(&mut self, air: &mut Air, now: Duration, direction: Direction) {
        self.flow(direction).unsent.clear();
        self.send_new(air, now, direction, Kind::Reset, Vec::new());
    }

    /// Takes an event back at its time.
    pub fn handle(&mut self, air: &mut Air, now: Duration, event: Event) {
        match event {
            Event::Arrival { direction, number, tries, severings } => {
                self.arrive(air, now, (direction, number, tries), severings);
            }
            Event::Acknowledged { direction, severings } => {
                air.arrive(direction, now, TCP_HEADERS_BYTES, severings);
            }
            Event::Timer { direction, number, tries, probe } => {
                let behind = self.flow(direction).next - number - 1;
                let opens = self.kind(direction, number) == Some(Kind::Open);
                if tries == 1 && !probe && !opens && behind < BEHIND {
                    let at = now + air.round_trip() * 3 / 4;
                    self.later(at, Event::Timer { direction, number, tries, probe: true });
                } else {
                    self.send(air, now, direction, number, tries + 1);
                }
            }
            Event::Heard { direction, bytes } => {
                self.flow(direction).unheard_bytes -= bytes;
                self.pump(air, now, direction);
            }
            Event::Alone { direction, arrived } => {
                if self.flow(direction).arrived == arrived && self.flow(direction).unacknowledged > 0 {
                    self.acknowledge(air, now, direction);
                }
            }
        }
    }

    /// The next thing to be done, until there is none.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn flow(&mut self, direction: Direction) -> &mut Flow {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    fn kind(&mut self, direction: Direction, number: u64) -> Option<Kind> {
        self.flow(direction).under_way.get(&number).map(|segment| segment.kind)
    }

    fn later(&mut self, at: Duration, event: Event) {
        self.effects.push_back(Effect::At(at, event));
    }

    /// Sends what may be sent.
    fn pump(&mut self, air: &mut Air, now: Duration, direction: Direction) {
        let window = window_bytes(air, direction);
        loop {
            let flow = self.flow(direction);
            if !flow.open {
                return;
            }
            let size = flow.unsent.len().min(SEGMENT_BYTES);
            if size == 0 {
                if flow.finished {
                    flow.finished = false;
                    self.send_new(air, now, direction, Kind::Finish, Vec::new());
                }
                return;
            }
            if flow.unheard_bytes + size > window {
                return;
            }
            let payload = flow.unsent.drain(..size).collect();
            self.send_new(air, now, direction, Kind::Bytes, payload);
        }
    }

    fn send_new(&mut self, air: &mut Air, now: Duration, direction: Direction, kind: Kind, payload: Vec<u8>) {
        let flow = self.flow(direction);
        flow.unheard_bytes += payload.len();
        let number = flow.next;
        flow.next += 1;
        flow.under_way.insert(number, Segment { kind, payload, arrived: false });
        // It says as well what has arrived from the other side.
        self.flow(direction.back()).unacknowledged = 0;
        self.send(air, now, direction, number, 1);
    }

    fn send(&mut self, air: &mut Air, now: Duration, direction: Direction, number: u64, tries: u32) {
        let Some(segment) = self.flow(direction).under_way.get(&number) else { return };
        let bytes = TCP_HEADERS_BYTES + segment.payload.len() as u64;
        match air.offer(direction, now, bytes) {
            Fate::Arrives(at) => {
                let severings = air.severings();
                self.later(at, Event::Arrival { direction, number, tries, severings });
            }
            Fate::Dropped => {
                let sent = now + air.lane(direction).backlog(now);
                self.lost(air, sent, (direction, number, tries));
            }
        }
    }

    /// Sets the time at which the sender of a segment that left at `sent` and was lost looks after it.
    fn lost(&mut self, air: &Air, sent: Duration, (direction, number, tries): (Direction, u64, u32)) {
        let wait = if self.kind(direction, number) == Some(Kind::Open) {
            SYN_TIMEOUT * 2u32.saturating_pow(tries - 1)
        } else if tries == 1 {
            air.round_trip() * 5 / 4
        } else {
            (air.round_trip() + TIMEOUT_EXTRA) * 2u32.saturating_pow(tries.min(16) - 2)
        };
        let at = sent + wait.min(TIMEOUT_MAX);
        self.later(at, Event::Timer { direction, number, tries, probe: false });
    }

    fn arrive(
        &mut self,
        air: &mut Air,
        now: Duration,
        (direction, number, tries): (Direction, u64, u32),
        severings: u64,
    ) {
        let Some(segment) = self.flow(direction).under_way.get_mut(&number) else { return };
        let length = segment.payload.len();
        if !air.arrive(direction, now, TCP_HEADERS_BYTES + length as u64, severings) {
            let left = now.saturating_sub(air.lane(direction).shape().delay);
            return self.lost(air, left, (direction, number, tries));
        }
        segment.arrived = true;
        let kind = segment.kind;
        let flow = self.flow(direction);
        flow.arrived += 1;
        flow.unacknowledged += 1;
        let (arrived, unacknowledged) = (flow.arrived, flow.unacknowledged);
        match kind {
            // The answer is a segment of its own.
            Kind::Reset => flow.unacknowledged = 0,
            Kind::Open if direction == Direction::Up => flow.unacknowledged = 0,
            Kind::Open | Kind::Finish => self.acknowledge(air, now, direction),
            Kind::Bytes if unacknowledged >= 2 => self.acknowledge(air, now, direction),
            Kind::Bytes => self.later(now + ALONE_MAX, Event::Alone { direction, arrived }),
        }
        let back = air.lane(direction.back());
        let heard = now + back.backlog(now) + back.shape().delay;
        self.later(heard, Event::Heard { direction, bytes: length });
        self.release(air, now, direction);
    }

    /// Says that everything up to here has arrived.
    fn acknowledge(&mut self, air: &mut Air, now: Duration, direction: Direction) {
        self.flow(direction).unacknowledged = 0;
        if let Fate::Arrives(at) = air.offer(direction.back(), now, TCP_HEADERS_BYTES) {
            let severings = air.severings();
            self.later(at, Event::Acknowledged { direction: direction.back(), severings });
        }
    }

    /// Hands on what has arrived with all before it.
    fn release(&mut self, air: &mut Air, now: Duration, direction: Direction) {
        while let Some(first) = self.flow(direction).under_way.first_entry()
            && first.get().arrived
        {
            let segment = first.remove();
            match (segment.kind, direction) {
                (Kind::Bytes, _) => self.effects.push_back(Effect::Deliver(direction, segment.payload)),
                (Kind::Finish, _) => self.effects.push_back(Effect::Finish(direction)),
                (Kind::Reset, _) => self.effects.push_back(Effect::Reset),
                (Kind::Open, Direction::Up) => self.effects.push_back(Effect::Connect),
                (Kind::Open, Direction::Down) => {
                    self.up.open = true;
                    self.pump(air, now, Direction::Up);
                }
            }
        }
    }
}

/// Twice what the link holds of a direction, but not less than ten segments.
fn window_bytes(air: &Air, direction: Direction) -> usize {
    let Some(rate) = air.lane(direction).shape().rate_bits else { return WINDOW_BYTES_MAX };
    let holds = u128::from(rate) * air.round_trip().as_nanos() / 8_000_000_000;
    usize::try_from(2 * holds).unwrap_or(usize::MAX).clamp(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use std::{cmp::Reverse, collections::BinaryHeap};

    use super::*;
    use crate::relay::{Outages, Profile, Shape};

    /// A connection in simulated time, whose target accepts and answers what the test says.
    struct Simulation {
        air: Air,
        connection: Connection,
        due: BinaryHeap<Reverse<(Duration, u64, Event)>>,
        number: u64,
        now: Duration,
        delivered: [Vec<u8>; 2],
        delivered_at: Duration,
        finished: [bool; 2],
        reset: bool,
    }

    impl Simulation {
        fn of(profile: Profile, seed: u64) -> Self {
            let mut air = Air::new(profile, seed);
            let connection = Connection::begin(&mut air, Duration::ZERO);
            Self {
                air,
                connection,
                due: BinaryHeap::new(),
                number: 0,
                now: Duration::ZERO,
                delivered: Default::default(),
                delivered_at: Duration::ZERO,
                finished: [false; 2],
                reset: false,
            }
        }

        fn write(&mut self, direction: Direction, bytes: &[u8]) {
            self.connection.write(&mut self.air, self.now, direction, bytes);
            self.connection.finish(&mut self.air, self.now, direction);
        }

        /// Goes on until nothing is left to happen.
        fn run(mut self) -> Self {
            loop {
                while let Some(effect) = self.connection.poll() {
                    match effect {
                        Effect::At(at, event) => {
                            assert!(at >= self.now, "nothing happens in the past");
                            self.number += 1;
                            self.due.push(Reverse((at, self.number, event)));
                        }
                        Effect::Connect => self.connection.accepted(&mut self.air, self.now),
                        Effect::Deliver(direction, bytes) => {
                            self.delivered[direction as usize].extend(bytes);
                            self.delivered_at = self.now;
                        }
                        Effect::Finish(direction) => self.finished[direction as usize] = true,
                        Effect::Reset => self.reset = true,
                    }
                }
                let Some(Reverse((at, _, event))) = self.due.pop() else { return self };
                self.now = at;
                self.connection.handle(&mut self.air, at, event);
            }
        }
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 31 % 251) as u8).collect()
    }

    fn upload(profile: Profile, seed: u64, length: usize) -> Simulation {
        let mut simulation = Simulation::of(profile, seed);
        simulation.write(Direction::Up, &bytes(length));
        let simulation = simulation.run();
        assert!(simulation.delivered[0] == bytes(length), "every byte once, in order");
        assert!(simulation.finished[0]);
        simulation
    }

    #[test]
    fn without_losses_the_time_is_that_of_the_rate() {
        let lossless = |mut profile: Profile| {
            (profile.up.loss, profile.down.loss) = (0.0, 0.0);
            profile
        };
        for (profile, rate) in
            [(Profile::edge(), 200_000.0), (Profile::vsat(), 128_000.0), (Profile::cell(), 400_000.0)]
        {
            let round_trip = profile.up.delay + profile.down.delay;
            let done = upload(lossless(profile), 1, 146_000);
            let ideal = 150_000.0 * 8.0 / rate + 1.5 * round_trip.as_secs_f64();
            let took = done.delivered_at.as_secs_f64();
            assert!((ideal..ideal * 1.02).contains(&took), "{took} where {ideal} is ideal");
        }
    }

    #[test]
    fn whole_packets_are_counted_by_the_rule() {
        let done =
            upload(Profile::even(Shape { delay: Duration::from_millis(50), ..Shape::CLEAN }), 1, 14_600);
        let (up, down) = (done.air.lane(Direction::Up).counts(), done.air.lane(Direction::Down).counts());
        // SYN, the acknowledgement of SYN-ACK, ten segments, FIN.
        assert_eq!((up.sent.packets, up.sent.bytes), (13, 14_600 + 13 * 40));
        // SYN-ACK, five acknowledgements, and that of FIN.
        assert_eq!((down.sent.packets, down.sent.bytes), (7, 7 * 40));
    }

    #[test]
    fn a_lost_segment_is_charged_again_and_delays_what_is_behind_it() {
        for (profile, share) in [(Profile::edge(), 0.02), (Profile::vsat(), 0.01), (Profile::cell(), 0.08)] {
            let (mut sent, mut lost, mut slower) = (0, 0, 0);
            for seed in 0..20 {
                let done = upload(profile.clone(), seed, 146_000);
                let up = done.air.lane(Direction::Up).counts();
                assert_eq!(up.offered.packets, up.sent.packets + up.dropped().packets);
                assert_eq!(up.overflowed.packets, 0, "the window fits the queue");
                // What arrived is each segment once: what was lost was sent again.
                assert!(up.sent.bytes >= 146_000 + 102 * 40);
                sent += up.offered.packets;
                lost += up.lost.packets;
                slower += u64::from(done.delivered_at > ideal(&profile));
            }
            let found = lost as f64 / sent as f64;
            assert!((share * 0.7..share * 1.3).contains(&found), "{found} lost where {share} should be");
            assert!(slower >= 15, "{slower} of 20 were held up");
        }
    }

    fn ideal(profile: &Profile) -> Duration {
        let rate = profile.up.rate_bits.unwrap() as f64;
        (profile.up.delay * 3) + Duration::from_secs_f64(150_000.0 * 8.0 / rate)
    }

    #[test]
    fn bursts_hold_up_but_lose_nothing() {
        for seed in 0..20 {
            upload(Profile::cell().in_bursts(), seed, 146_000);
        }
    }

    #[test]
    fn an_outage_stalls_and_what_waits_comes_after_it() {
        let second = Duration::from_secs;
        let outages = Outages::Windows(vec![second(2)..second(12)]);
        let done = upload(Profile { outages, ..Profile::edge() }, 3, 146_000);
        assert!(done.delivered_at > second(12));
        assert!(done.delivered_at < second(30), "{:?}", done.delivered_at);
        assert!(done.air.lane(Direction::Up).counts().cut.packets > 0);
    }

    #[test]
    fn both_directions_flow_at_once() {
        let mut simulation = Simulation::of(Profile::edge(), 5);
        simulation.write(Direction::Up, &bytes(30_000));
        simulation.write(Direction::Down, &bytes(50_000));
        let done = simulation.run();
        assert!(done.delivered[0] == bytes(30_000) && done.delivered[1] == bytes(50_000));
        assert_eq!((done.finished, done.reset), ([true; 2], false));
    }

    #[test]
    fn who_is_refused_hears_of_it() {
        let mut air = Air::new(Profile::edge(), 1);
        let mut connection = Connection::begin(&mut air, Duration::ZERO);
        connection.reset(&mut air, Duration::ZERO, Direction::Down);
        let mut simulation = Simulation { air, connection, ..Simulation::of(Profile::edge(), 1) };
        simulation = simulation.run();
        assert!(simulation.reset);
    }
}
