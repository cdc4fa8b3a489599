//! Two kinds of time, and the local days of Indonesia; nothing here reads a clock.

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use crate::id::DistrictCode;

/// A wall clock's claim: milliseconds since 1970 in UTC. Claims order nothing.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    Serialize,
    Deserialize,
    minicbor::Encode,
    minicbor::Decode,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct Timestamp(#[n(0)] pub i64);

/// A monotonic instant: milliseconds since the process began. Timers are kept in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Tick(pub u64);

/// What time it is, as the caller's clocks have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// The wall clock.
    pub wall: Timestamp,
    /// The monotonic clock.
    pub tick: Tick,
}

/// The highest time that a change may claim: 2^53 milliseconds.
pub const TIMESTAMP_MAX: Timestamp = Timestamp(1 << 53);

const FIRST_DAY: Date = time::macros::date!(1970 - 01 - 01);
/// Where the year 9999 begins, in UTC.
const YEAR_9999: Timestamp = Timestamp(253_370_764_800_000);

impl Tick {
    /// The instant `milliseconds` later.
    pub fn after(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }
}

impl Timestamp {
    /// Reads `2026-11-20T09:12:00+08:00`: the instant, and the offset as given in minutes.
    ///
    /// # Errors
    /// The text is not RFC 3339, or lies outside the years 1970 to 9998: the days of all zones can be told then.
    pub fn parse(text: &str) -> Result<(Self, i16), ParseTimestampError> {
        let wrong = || ParseTimestampError { text: text.chars().take(64).collect() };
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?;
        let milliseconds = i64::try_from(at.unix_timestamp_nanos() / 1_000_000).map_err(|_| wrong())?;
        if !(0..YEAR_9999.0).contains(&milliseconds) {
            return Err(wrong());
        }
        Ok((Self(milliseconds), at.offset().whole_minutes()))
    }

    /// RFC 3339 at `offset_minutes` from UTC, to the second.
    pub fn to_rfc3339(self, offset_minutes: i16) -> String {
        let at = self.at_offset(offset_minutes);
        at.replace_millisecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_else(|_| self.0.to_string())
    }

    /// The local calendar day at `offset_minutes` from UTC.
    pub fn day(self, offset_minutes: i16) -> Date {
        self.at_offset(offset_minutes).date()
    }

    fn at_offset(self, offset_minutes: i16) -> OffsetDateTime {
        let offset = UtcOffset::from_whole_seconds(i32::from(offset_minutes) * 60).unwrap_or(UtcOffset::UTC);
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|at| at.checked_to_offset(offset))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// Days since 1 January 1970, up to 6 June 2149; a day beyond either is taken for the nearest.
pub fn days_of(date: Date) -> u16 {
    let days = (date - FIRST_DAY).whole_days();
    u16::try_from(days.max(0)).unwrap_or(u16::MAX)
}

/// The day of [`days_of`].
pub fn date_of(days: u16) -> Date {
    FIRST_DAY + time::Duration::days(days.into())
}

/// A text that is not a moment in RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time from 1970 to 9998; write it as 2026-11-20T09:12:00+08:00")]
pub struct ParseTimestampError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

/// One of Indonesia's three time zones; none has daylight saving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Zone {
    /// UTC+7: Sumatra, Java, western and central Kalimantan.
    Wib,
    /// UTC+8: Bali, Nusa Tenggara, Sulawesi, the rest of Kalimantan.
    Wita,
    /// UTC+9: Maluku and Papua.
    Wit,
}

impl Zone {
    /// The zone of a district's province: 11-36, 61, 62 WIB; 51-53, 63-65, 71-76 WITA;
    /// 81, 82, 91-97 WIT. An unknown province counts as WIB.
    pub fn of(district: &DistrictCode) -> Self {
        match district.as_str()[..2].parse::<u8>().unwrap_or(0) {
            51..=53 | 63..=65 | 71..=76 => Self::Wita,
            81 | 82 | 91..=97 => Self::Wit,
            _ => Self::Wib,
        }
    }

    /// Minutes east of UTC.
    pub fn offset_minutes(self) -> i16 {
        match self {
            Self::Wib => 7 * 60,
            Self::Wita => 8 * 60,
            Self::Wit => 9 * 60,
        }
    }

    /// The abbreviation that people write: `14.30 WITA`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wib => "WIB",
            Self::Wita => "WITA",
            Self::Wit => "WIT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_turns_at_local_midnight() {
        let (before, offset) = Timestamp::parse("2026-11-20T23:59:59+08:00").expect("valid");
        assert_eq!(offset, 480);
        assert_eq!(before.day(480).to_string(), "2026-11-20");
        assert_eq!(Timestamp(before.0 + 1_000).day(480).to_string(), "2026-11-21");
        assert_eq!(before.to_rfc3339(480), "2026-11-20T23:59:59+08:00");
    }

    #[test]
    fn zones_follow_the_province() {
        let zone = |code: &str| Zone::of(&code.parse().expect("valid")).name();
        assert_eq!((zone("33.17"), zone("53.02"), zone("94.01")), ("WIB", "WITA", "WIT"));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for wrong in [
            "2026-11-20",
            "2026-13-01T00:00:00Z",
            "yesterday",
            "1969-12-31T00:00:00Z",
            "1970-01-01T07:59:59+08:00",
            "9999-12-31T23:59:59Z",
            "9998-12-31T23:59:59-00:01",
        ] {
            assert!(Timestamp::parse(wrong).is_err(), "{wrong}");
        }
        let (latest, _) = Timestamp::parse("9998-12-31T23:59:59Z").expect("valid");
        assert_eq!(latest.day(540).to_string(), "9999-01-01");
    }
}
