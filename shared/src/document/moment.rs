//! A time in a document together with the offset at which it was written down.

use serde::Serialize;

use crate::time::Timestamp;

/// An instant and its writer's offset; ordered by the instant, written as RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

impl Moment {
    /// The instant as read at an offset kept beside it; UTC where that is missing or out of range.
    pub(crate) fn new(at: Timestamp, offset_minutes: Option<i64>) -> Self {
        Self { at, offset_minutes: offset_minutes.and_then(|minutes| minutes.try_into().ok()).unwrap_or(0) }
    }

    /// The local day.
    pub fn day(self) -> time::Date {
        self.at.day(self.offset_minutes)
    }
}

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.at.to_rfc3339(self.offset_minutes))
    }
}
