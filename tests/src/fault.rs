//! What happens when: which acts and mishaps a seed has, how often, and how the network is.

use std::fmt;

use crate::{random::Random, world::Weather};

/// One thing that happens in a world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Act {
    /// An officer takes a sitting in.
    Record,
    /// An officer amends something.
    Amend,
    /// An officer attaches a file to a case, or takes one away.
    Attach,
    /// An agency decides, through the hub.
    Decide,
    /// The hub's operator corrects something.
    Correct,
    /// The hub imports a new version of the registries.
    MoveRegistry,
    /// A van comes into coverage.
    Coverage,
    /// A van leaves coverage.
    Dark,
    /// A connection breaks.
    Cut,
    /// A van's process dies.
    CrashVan,
    /// The hub's process dies.
    CrashHub,
    /// A process dies after it stored something and before it said all of it.
    Stumble,
    /// A disk is copied.
    Image,
    /// A van's disk goes back in time.
    RestoreVan,
    /// The hub's disk goes back in time.
    RestoreHub,
    /// A van's disk is put into a second laptop.
    Clone,
    /// A van is revoked.
    Revoke,
    /// A laptop's clock jumps.
    TurnClock,
    /// A hostile laptop forges a change.
    Forge,
    /// A bundle is written onto a stick, or taken in.
    Stick,
    /// Two laptops meet.
    Meet,
}

/// Acts of people, with how often each comes.
const DAILY: [(Act, u64); 7] = [
    (Act::Record, 20),
    (Act::Amend, 20),
    (Act::Attach, 8),
    (Act::Decide, 6),
    (Act::Correct, 4),
    (Act::Coverage, 16),
    (Act::Dark, 6),
];
/// Mishaps, and ways of carrying, with how often each comes where a seed has it.
const MISHAPS: [(Act, u64); 13] = [
    (Act::MoveRegistry, 2),
    (Act::Cut, 12),
    (Act::CrashVan, 5),
    (Act::CrashHub, 4),
    (Act::Stumble, 6),
    (Act::RestoreVan, 2),
    (Act::RestoreHub, 2),
    (Act::Clone, 2),
    (Act::Revoke, 1),
    (Act::TurnClock, 4),
    (Act::Forge, 5),
    (Act::Stick, 14),
    (Act::Meet, 8),
];

/// The acts of one seed.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// How the network is.
    pub weather: Weather,
    acts: Vec<(Act, u64)>,
    left: u64,
    /// The usual pause between two acts, in milliseconds.
    pace: u64,
    clocks_are_wrong: bool,
}

impl Schedule {
    /// The schedule of a seed: each mishap and way of carrying is in about half of them.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::of(seed, "schedule");
        let mut acts = DAILY.to_vec();
        let often = random.below(3);
        for (act, weight) in MISHAPS {
            if random.chance(0.45) {
                acts.push((act, weight * (1 + often)));
            }
        }
        if acts.iter().any(|(act, _)| matches!(act, Act::RestoreVan | Act::RestoreHub)) {
            acts.push((Act::Image, 5));
        }
        let latency_max = *random.pick(&[50, 400, 2_500]);
        Self {
            weather: Weather { latency_max, pieces_max: random.between(1, 6) },
            acts,
            left: random.between(30, 120),
            pace: *random.pick(&[100, 1_000, 8_000]),
            clocks_are_wrong: random.chance(0.6),
        }
    }

    /// The next act; `None` at the end.
    pub fn next(&mut self, random: &mut Random) -> Option<Act> {
        self.left = self.left.checked_sub(1)?;
        let all: u64 = self.acts.iter().map(|(_, weight)| weight).sum();
        let mut at = random.below(all);
        for (act, weight) in &self.acts {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return Some(*act),
            }
        }
        None
    }

    /// How long nothing else happens after an act.
    pub fn pause(&self, random: &mut Random) -> u64 {
        if random.chance(0.03) { random.below(3_600_000) } else { random.below(2 * self.pace) }
    }

    /// How far a van's clock is off at the beginning.
    pub fn clock(&self, random: &mut Random) -> i64 {
        if self.clocks_are_wrong { crate::world::some_clock(random) } else { 0 }
    }

    /// Whether an act may happen.
    pub fn has(&self, act: Act) -> bool {
        self.acts.iter().any(|(other, _)| *other == act)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.acts.iter().map(|(act, weight)| format!("{act:?} {weight}")).collect();
        write!(f, "{} acts of {}, {:?}, pace {} ms", self.left, names.join(", "), self.weather, self.pace)
    }
}
