//! What only the machine can tell: its clocks, randomness, and which machine it is.

use std::time::{Duration, Instant, SystemTime};

use shared::time::{Now, Tick, Timestamp};

/// Both clocks; ticks count from [`Clock::start`].
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock whose first tick is now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// What time it is. A wall clock that stands before 1970 counts from there backwards.
    pub fn now(&self) -> Now {
        let wall = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => milliseconds(since),
            Err(before) => milliseconds(before.duration()).saturating_neg(),
        };
        let tick = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { wall: Timestamp(wall), tick: Tick(tick) }
    }
}

/// Fills `bytes` with the operating system's randomness.
///
/// # Panics
/// The operating system has none to give: nothing safe can be done then.
pub fn entropy(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives randomness");
}

/// Which machine this is, or `None` where the operating system does not say.
///
/// The answer differs between machines, is the same after a restart, and does not give the machine's own
/// identifier away.
pub fn fingerprint() -> Option<[u8; 16]> {
    let identifier = machine_uid::get().ok().filter(|identifier| !identifier.is_empty())?;
    let digest = blake3::derive_key("keliling 1 machine", identifier.as_bytes());
    digest.first_chunk().copied()
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_tells_the_same_twice() {
        assert_eq!(fingerprint(), fingerprint());
        let clock = Clock::start();
        assert!(clock.now().tick <= clock.now().tick);
    }
}
