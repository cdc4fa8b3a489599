//! The link between its two ends: two lanes, and when they carry nothing. Shared by datagrams and segments.
//!
//! Knows no clock and no socket, as its lanes do not.

use std::{collections::VecDeque, time::Duration};

use super::{
    lane::{Fate, Lane},
    profile::{Outages, Profile},
};
use crate::random::Random;

/// Which way a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    /// From a client to the target.
    Up,
    /// From the target to a client.
    Down,
}

/// Packets of the past that a link remembers.
const PASSAGES_MAX: usize = 20_000;

/// One packet that was offered to the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passage {
    /// When, after the link began.
    pub at: Duration,
    /// Which way.
    pub direction: Direction,
    /// How large it was, whole.
    pub bytes: u64,
    /// When it arrives unless the link goes down meanwhile; none for one that was dropped at once.
    pub arrives: Option<Duration>,
}

/// Both lanes, and what takes them down.
#[derive(Debug)]
pub struct Air {
    up: Lane,
    down: Lane,
    outages: Outages,
    /// When the outages began to count.
    since: Duration,
    /// The newest packets.
    passages: VecDeque<Passage>,
    severed: bool,
    /// How often the link was severed: a packet from before is gone, even if it would arrive after.
    severings: u64,
    /// The link is severed when so many bytes have gone up.
    sever_at: Option<u64>,
    /// A firewall at the far end lets no datagram through, either way.
    datagrams_blocked: bool,
}

impl Direction {
    /// The way back.
    pub fn back(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

impl Air {
    /// An idle link whose chances follow from `seed`.
    pub fn new(profile: Profile, seed: u64) -> Self {
        Self {
            up: Lane::new(profile.up, Random::of(seed, "up")),
            down: Lane::new(profile.down, Random::of(seed, "down")),
            outages: profile.outages,
            since: Duration::ZERO,
            passages: VecDeque::new(),
            severed: false,
            severings: 0,
            sever_at: None,
            datagrams_blocked: false,
        }
    }

    /// Makes it another idle link that begins at `now`, not severed, its firewall as it was.
    pub fn reshape(&mut self, profile: Profile, seed: u64, now: Duration) {
        let (severings, datagrams_blocked) = (self.severings, self.datagrams_blocked);
        *self = Self { since: now, severings, datagrams_blocked, ..Self::new(profile, seed) };
    }

    /// One of the lanes.
    pub fn lane(&self, direction: Direction) -> &Lane {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    /// There and back on an idle link.
    pub fn round_trip(&self) -> Duration {
        self.up.shape().delay + self.down.shape().delay
    }

    /// Takes an IP packet of `bytes` at `now`.
    pub fn offer(&mut self, direction: Direction, now: Duration, bytes: u64) -> Fate {
        let down = self.down_at(now);
        let fate = self.lane_mut(direction).offer(now, bytes, down);
        let arrives = match fate {
            Fate::Arrives(at) => Some(at.saturating_sub(self.since)),
            Fate::Dropped => None,
        };
        if self.passages.len() == PASSAGES_MAX {
            self.passages.pop_front();
        }
        let at = now.saturating_sub(self.since);
        self.passages.push_back(Passage { at, direction, bytes, arrives });
        fate
    }

    /// The newest packets that were offered, oldest first.
    pub fn passages(&self) -> impl Iterator<Item = &Passage> {
        self.passages.iter()
    }

    /// The same for a datagram, of which a firewall at the far end may let none in.
    pub fn offer_datagram(&mut self, direction: Direction, now: Duration, bytes: u64) -> Fate {
        if self.datagrams_blocked && direction == Direction::Down {
            self.down.block(bytes, false);
            return Fate::Dropped;
        }
        self.offer(direction, now, bytes)
    }

    /// Counts a packet, offered when the link had been severed `severings` times, as arrived or dropped; true if
    /// it may be handed on.
    pub fn arrive(&mut self, direction: Direction, now: Duration, bytes: u64, severings: u64) -> bool {
        let down = self.down_at(now) || severings != self.severings;
        self.lane_mut(direction).arrive(bytes, down);
        if self.sever_at.is_some_and(|bytes| self.up.counts().sent.bytes >= bytes) {
            self.sever();
        }
        !down
    }

    /// The same for a datagram.
    pub fn arrive_datagram(
        &mut self,
        direction: Direction,
        now: Duration,
        bytes: u64,
        severings: u64,
    ) -> bool {
        if self.datagrams_blocked && direction == Direction::Up {
            self.up.block(bytes, true);
            return false;
        }
        self.arrive(direction, now, bytes, severings)
    }

    /// Takes the link down, with all that is under way on it.
    pub fn sever(&mut self) {
        self.severed = true;
        self.severings += 1;
        self.sever_at = None;
    }

    /// Severs the link as soon as `bytes` more have arrived at the target.
    pub fn sever_after(&mut self, bytes: u64) {
        self.sever_at = Some(self.up.counts().sent.bytes + bytes);
    }

    /// Takes back [`Air::sever`] and [`Air::sever_after`].
    pub fn restore(&mut self) {
        self.severed = false;
        self.sever_at = None;
    }

    /// Puts the firewall up, or takes it away.
    pub fn block_datagrams(&mut self, blocked: bool) {
        self.datagrams_blocked = blocked;
    }

    /// Whether the link is severed and not restored.
    pub fn is_severed(&self) -> bool {
        self.severed
    }

    /// How often the link was severed.
    pub fn severings(&self) -> u64 {
        self.severings
    }

    fn lane_mut(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    fn down_at(&self, now: Duration) -> bool {
        self.severed || self.outages.down_at(now.saturating_sub(self.since))
    }
}
