//! How much an exchange may cost: bytes as whole IP packets both ways, or time.
//!
//! A budget is kept twice over: the core hands no more to the streams than fits, and the link is left at once
//! when what really went over it, repeats included, has reached the budget.

use std::time::Duration;

use tokio::time::{Instant, interval, sleep_until};

use crate::{
    agent::Agent,
    host::{meter::Meter, owner::Handle, wire::Pulse},
};

/// The least budget in bytes: below that not even the handshake and a few records fit.
pub const BYTES_MIN: u64 = 15_000;
/// Bytes of the handshake, the first words and the goodbye, both ways.
const TALK_BYTES: u64 = 9_000;
/// Of a hundred bytes on the wire so many are payload; the others are headers and acknowledgements.
const PAYLOAD_PERCENT: u64 = 85;
const LOOK: Duration = Duration::from_millis(50);
/// A link where nothing moves for so long, two round trips added, has nothing under way.
const QUIET: Duration = Duration::from_millis(400);

/// What an exchange may cost.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Budget {
    /// Bytes both ways, as whole IP packets.
    pub bytes: Option<u64>,
    /// How long it may take, from the first packet on.
    pub time: Option<Duration>,
}

impl Budget {
    /// Whether there is no limit.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// Bytes of batches and files that may leave this laptop.
    pub fn allowance(&self) -> Option<u64> {
        self.bytes.map(|bytes| bytes.saturating_sub(TALK_BYTES) / 100 * PAYLOAD_PERCENT)
    }
}

/// Which limit was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// The bytes are spent.
    Budget,
    /// The time is over.
    Time,
    /// Somebody stopped it.
    Asked,
}

/// Returns when `meter` has counted what the budget allows, or all that fits into it has arrived.
pub(crate) async fn spent(
    meter: &Meter,
    pulse: &Pulse,
    budget: Budget,
    owner: &Handle<Agent>,
    started: Instant,
) -> Stopped {
    let mut looks = interval(LOOK);
    let until = budget.time.map(|time| started + time);
    let (mut last, mut since) = (0, Instant::now());
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = async { sleep_until(until.expect("asked only where there is one")).await }, if until.is_some() => {
                return Stopped::Time;
            }
        }
        let Some(bytes) = budget.bytes else { continue };
        let found = meter.traffic();
        let used = found.up_bytes + found.down_bytes;
        if used >= bytes {
            return Stopped::Budget;
        }
        if used != last {
            (last, since) = (used, Instant::now());
        } else if since.elapsed() >= QUIET + 2 * pulse.round_trip()
            && matches!(owner.run(|agent, _| agent.replica().allowance()).await, Ok(Some(0)))
        {
            return Stopped::Budget;
        }
    }
}

/// Reads `500KB`, `2MB`, `300000`: at least [`BYTES_MIN`].
///
/// # Errors
/// It is no size, or too small.
pub fn bytes(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let wrong = || format!("`{text}` is not a size such as 500KB or 2MB");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let bytes = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => Some(number),
        "K" | "KB" => number.checked_mul(1_000),
        "M" | "MB" => number.checked_mul(1_000_000),
        "G" | "GB" => number.checked_mul(1_000_000_000),
        _ => None,
    };
    let bytes = bytes.ok_or_else(wrong)?;
    if bytes < BYTES_MIN {
        return Err(format!("a budget is at least {BYTES_MIN} bytes, for the handshake and a few records"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, found) in [("500KB", 500_000), ("2MB", 2_000_000), ("15000", 15_000), ("20 kb", 20_000)] {
            assert_eq!(bytes(text), Ok(found), "{text}");
        }
        for wrong in ["", "KB", "-5KB", "10KB", "5 parsecs", "99999999999999999999GB", "99999999999999GB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
