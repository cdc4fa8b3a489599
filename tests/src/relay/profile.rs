//! What a link does to its packets, and the links that have a name.

use std::{fmt, ops::Range, str::FromStr, time::Duration};

/// What one direction of a link does to its packets.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shape {
    /// From the end of a packet's sending to its arrival.
    pub delay: Duration,
    /// Bits per second; None is without limit.
    pub rate_bits: Option<u64>,
    /// What may wait to be sent, in bytes of whole IP packets; what finds no room is dropped.
    pub queue_bytes: u64,
    /// The share of packets that are sent and never arrive, 0 to 1.
    pub loss: f64,
    /// How those come together; None loses each packet by itself.
    pub bursts: Option<Bursts>,
    /// The share of packets that are held for `reorder_by`, so that later ones overtake them.
    pub reorder: f64,
    /// How much longer a held packet takes.
    pub reorder_by: Duration,
}

/// Losses that come in bursts: Gilbert's and Elliott's chain of a good state without loss and a bad one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bursts {
    /// How many packets the bad state lasts on average, at least 1.
    pub packets: f64,
    /// The share that is lost in the bad state, above the whole link's share.
    pub loss: f64,
}

/// When a link is down, counted from the relay's start.
#[derive(Clone, PartialEq, Debug)]
pub enum Outages {
    /// Never.
    Never,
    /// Up first, then down, for ever.
    Cycle {
        /// How long the link is up.
        up: Duration,
        /// How long it then is down.
        down: Duration,
        /// How much of the first cycle is over when the link begins.
        begun: Duration,
    },
    /// In these windows.
    Windows(Vec<Range<Duration>>),
}

/// A link: both directions, and when it is down.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// From the client to the target.
    pub up: Shape,
    /// From the target to the client.
    pub down: Shape,
    /// When neither direction carries anything.
    pub outages: Outages,
}

/// The names that [`Profile`] reads.
pub const PROFILE_NAMES: [&str; 5] = ["clean", "edge", "vsat", "cell", "flaky"];

/// A name that no link has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownProfile {
    /// What was given.
    pub name: String,
}

impl Shape {
    /// No delay, no limit, no loss.
    pub const CLEAN: Self = Self {
        delay: Duration::ZERO,
        rate_bits: None,
        queue_bytes: u64::MAX,
        loss: 0.0,
        bursts: None,
        reorder: 0.0,
        reorder_by: Duration::ZERO,
    };

    /// A modem's link: a queue of one and a half seconds, at least 48 KB, as such modems have.
    pub fn modem(kilobits: u64, round_trip_ms: u64, loss: f64) -> Self {
        Self {
            delay: Duration::from_micros(round_trip_ms * 500),
            rate_bits: Some(kilobits * 1_000),
            queue_bytes: (kilobits * 1_000 / 8 * 3 / 2).max(48_000),
            loss,
            ..Self::CLEAN
        }
    }
}

impl Bursts {
    /// The chances, at each packet, to leave the bad state and to enter it, with which `share` of all packets is
    /// lost: the bad state holds for `share / loss` of the time.
    pub fn steps(&self, share: f64) -> (f64, f64) {
        let leave = 1.0 / self.packets.max(1.0);
        let bad = (share / self.loss).min(1.0);
        (leave, if bad < 1.0 { leave * bad / (1.0 - bad) } else { 1.0 })
    }
}

impl Outages {
    /// Whether the link is down this long after the relay's start.
    pub fn down_at(&self, since_start: Duration) -> bool {
        match self {
            Self::Never => false,
            Self::Cycle { up, down, begun } => {
                let period = (*up + *down).as_nanos().max(1);
                (since_start + *begun).as_nanos() % period >= up.as_nanos()
            }
            Self::Windows(windows) => windows.iter().any(|window| window.contains(&since_start)),
        }
    }
}

impl Profile {
    /// A link that only counts.
    pub fn clean() -> Self {
        Self::even(Shape::CLEAN)
    }

    /// 200 kbit/s both ways, 300 ms, 2 % lost in each direction: a village's edge of coverage.
    pub fn edge() -> Self {
        Self::even(Shape::modem(200, 300, 0.02))
    }

    /// 128 kbit/s up, 512 down, 650 ms, 1 %: a satellite terminal.
    pub fn vsat() -> Self {
        Self { down: Shape::modem(512, 650, 0.01), ..Self::even(Shape::modem(128, 650, 0.01)) }
    }

    /// 400 kbit/s both ways, 150 ms, 8 %: a crowded cell.
    pub fn cell() -> Self {
        Self::even(Shape::modem(400, 150, 0.08))
    }

    /// Edge, 25 s up and 20 s down: coverage that comes and goes along the road.
    pub fn flaky() -> Self {
        let (up, down) = (Duration::from_secs(25), Duration::from_secs(20));
        Self { outages: Outages::Cycle { up, down, begun: Duration::ZERO }, ..Self::edge() }
    }

    /// The same link with its share of losses in bursts: half of eight packets, on average, in a bad state.
    pub fn in_bursts(mut self) -> Self {
        for shape in [&mut self.up, &mut self.down] {
            shape.bursts = (shape.loss > 0.0).then_some(Bursts { packets: 8.0, loss: 0.5 });
        }
        self
    }

    /// The same in both directions, never down.
    pub fn even(shape: Shape) -> Self {
        Self { up: shape, down: shape, outages: Outages::Never }
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    /// Reads a name of [`PROFILE_NAMES`], or one with `-bursts` behind it.
    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        if let Some(plain) = name.strip_suffix("-bursts") {
            return plain.parse().map(Self::in_bursts);
        }
        match name.to_ascii_lowercase().as_str() {
            "clean" => Ok(Self::clean()),
            "edge" => Ok(Self::edge()),
            "vsat" => Ok(Self::vsat()),
            "cell" => Ok(Self::cell()),
            "flaky" => Ok(Self::flaky()),
            _ => Err(UnknownProfile { name: name.to_owned() }),
        }
    }
}

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = PROFILE_NAMES.join(", ");
        write!(f, "`{}` is no profile; take one of {names}, or one with -bursts behind it", self.name)
    }
}

impl std::error::Error for UnknownProfile {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_profile() {
        for name in PROFILE_NAMES {
            assert!(name.parse::<Profile>().is_ok(), "{name}");
        }
        let refused = "dialup".parse::<Profile>().unwrap_err().to_string();
        assert_eq!(
            refused,
            "`dialup` is no profile; take one of clean, edge, vsat, cell, flaky, or one with -bursts behind it"
        );
        let bursts = "cell-bursts".parse::<Profile>().unwrap();
        assert_eq!(bursts, Profile::cell().in_bursts());
        assert!(bursts.up.bursts.is_some() && Profile::cell().up.bursts.is_none());
    }

    #[test]
    fn outages_come_by_the_schedule() {
        let second = Duration::from_secs;
        let flaky = Profile::flaky().outages;
        for (at, down) in [(0, false), (24, false), (25, true), (44, true), (45, false), (70, true)] {
            assert_eq!(flaky.down_at(second(at)), down, "{at}");
        }
        let begun = Outages::Cycle { up: second(25), down: second(20), begun: second(24) };
        for (at, down) in [(0, false), (1, true), (20, true), (21, false), (46, true)] {
            assert_eq!(begun.down_at(second(at)), down, "{at}");
        }
        let windows = Outages::Windows(vec![second(2)..second(3), second(5)..second(9)]);
        for (at, down) in [(0, false), (2, true), (3, false), (8, true), (9, false)] {
            assert_eq!(windows.down_at(second(at)), down, "{at}");
        }
    }
}
