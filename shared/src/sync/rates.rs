//! How fast one laptop may speak to the hub, over all of its connections: a laptop that is broken, or in wrong
//! hands, takes nothing from the others. Far above what any sound one does.

use super::{
    CloseCode, PeerId, Replica, Role,
    exchange::{Fault, fault},
    session::Phase,
};
use crate::{
    id::DeviceId,
    time::{Now, Tick},
};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Greetings,
    Frames,
    Bytes,
}

/// How much may come at once, and how much a second for ever.
struct Limit {
    at_once: u64,
    per_second: u64,
}

impl Measure {
    fn limit(self) -> Limit {
        match self {
            Self::Greetings => Limit { at_once: 120, per_second: 1 },
            Self::Frames => Limit { at_once: 200_000, per_second: 20_000 },
            Self::Bytes => Limit { at_once: 256 << 20, per_second: 32 << 20 },
        }
    }

    fn too_many(self) -> Fault {
        match self {
            Self::Greetings => {
                fault(CloseCode::RetryLater, "this laptop connects too often: it may come again in a minute")
            }
            Self::Frames => fault(CloseCode::Limit, "this laptop sends more messages a second than allowed"),
            Self::Bytes => fault(CloseCode::Limit, "this laptop sends more bytes a second than allowed"),
        }
    }
}

/// What one laptop has said lately.
#[derive(Debug, Default)]
pub(super) struct Rates {
    greetings: Bucket,
    frames: Bucket,
    bytes: Bucket,
}

/// Fills with what comes and leaks at the rate that is allowed.
#[derive(Debug, Default)]
struct Bucket {
    /// In thousandths.
    level: u64,
    at: Tick,
}

impl Rates {
    /// Counts `amount` more; whether that is allowed.
    fn count(&mut self, now: Tick, measure: Measure, amount: u64) -> bool {
        let bucket = match measure {
            Measure::Greetings => &mut self.greetings,
            Measure::Frames => &mut self.frames,
            Measure::Bytes => &mut self.bytes,
        };
        bucket.count(now, &measure.limit(), amount)
    }
}

impl Bucket {
    fn count(&mut self, now: Tick, limit: &Limit, amount: u64) -> bool {
        let milliseconds = now.0.saturating_sub(self.at.0);
        self.at = now;
        self.level = self.level.saturating_sub(milliseconds.saturating_mul(limit.per_second));
        let level = self.level.saturating_add(amount.saturating_mul(1_000));
        let fits = level <= limit.at_once * 1_000;
        if fits {
            self.level = level;
        }
        fits
    }
}

impl Replica {
    /// Counts what a linked laptop sends.
    pub(super) fn count(
        &mut self,
        now: Now,
        peer: PeerId,
        measure: Measure,
        amount: u64,
    ) -> Result<(), Fault> {
        match self.sessions.get(&peer) {
            Some(session) if session.role == Role::Parent && session.phase == Phase::Linked => {
                let device = session.device;
                self.count_of(now, device, measure, amount)
            }
            _ => Ok(()),
        }
    }

    /// Counts what a laptop does.
    pub(super) fn count_of(
        &mut self,
        now: Now,
        device: DeviceId,
        measure: Measure,
        amount: u64,
    ) -> Result<(), Fault> {
        let rates = self.rates.entry(device).or_default();
        if rates.count(now.tick, measure, amount) { Ok(()) } else { Err(measure.too_many()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_takes_a_burst_and_then_what_leaks() {
        let limit = Limit { at_once: 10, per_second: 2 };
        let mut bucket = Bucket::default();
        let mut taken = |milliseconds| {
            let now = Tick(milliseconds);
            std::iter::repeat_with(|| bucket.count(now, &limit, 1)).take(100).filter(|taken| *taken).count()
        };
        assert_eq!(
            [taken(0), taken(0), taken(499), taken(500), taken(1_500), taken(9_000)],
            [10, 0, 0, 1, 2, 10]
        );
    }
}
