//! What the hub has lent: serials of numbered blanks to a unit, and numbers of an agency to one laptop.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::Date;

use super::{AgencyCode, row::day};
use crate::{
    blank::{BlankKind, SerialRange},
    id::UnitId,
    slip::DeviceLetter,
};

/// Numbers that the hub has lent. A row is never removed: what is void says so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lease {
    /// The row's key: `L0001`, counted by the hub.
    pub lease: String,
    /// The unit that they are lent to.
    pub unit: UnitId,
    /// Letter of the one laptop that takes them, where two laptops must not take the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<String>,
    /// What is numbered.
    pub kind: LeaseKind,
    /// The first and the last.
    pub range: SerialRange,
    /// The last day on which they are to be used.
    #[serde(default, with = "optional_day", skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// Why they are no longer lent; `None` of what is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
}

impl Lease {
    /// Whether it is lent still, whatever the day.
    pub fn is_in_force(&self) -> bool {
        self.void.is_none()
    }

    /// Whether its last day is over.
    pub fn is_over(&self, today: Date) -> bool {
        self.until.is_some_and(|until| until < today)
    }

    /// Whether a laptop of `unit` with `letter` may take from it.
    pub fn is_of(&self, unit: &UnitId, letter: &DeviceLetter) -> bool {
        self.unit == *unit && self.letter.as_deref().is_none_or(|own| own == letter.as_str())
    }
}

/// What a lease numbers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LeaseKind {
    /// Physical blanks.
    Blank(BlankKind),
    /// Cases of an agency that numbers them centrally.
    Slip(AgencyCode),
}

/// A text that names nothing that can be lent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is neither a kind of blank such as KTP-EL nor an agency's numbers such as slip:DUK")]
pub struct ParseLeaseKindError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

impl FromStr for LeaseKind {
    type Err = ParseLeaseKindError;

    fn from_str(text: &str) -> Result<Self, ParseLeaseKindError> {
        let agency = text.split_once(':').filter(|(word, _)| word.eq_ignore_ascii_case("slip"));
        let kind = match agency {
            Some((_, agency)) => agency.to_ascii_uppercase().parse().ok().map(Self::Slip),
            None => text.parse().ok().map(Self::Blank),
        };
        kind.ok_or_else(|| ParseLeaseKindError { text: text.chars().take(64).collect() })
    }
}

impl TryFrom<String> for LeaseKind {
    type Error = ParseLeaseKindError;

    fn try_from(text: String) -> Result<Self, ParseLeaseKindError> {
        text.parse()
    }
}

impl From<LeaseKind> for String {
    fn from(kind: LeaseKind) -> Self {
        kind.to_string()
    }
}

impl fmt::Display for LeaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank(kind) => kind.fmt(f),
            Self::Slip(agency) => write!(f, "slip:{agency}"),
        }
    }
}

mod optional_day {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use time::Date;

    use super::day;

    pub(super) fn serialize<S: Serializer>(date: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
        match date {
            Some(date) => serializer.collect_str(date),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        day::parse(&text).map(Some).ok_or_else(|| D::Error::custom("not a day such as 2026-11-20"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::date;

    use super::*;

    #[test]
    fn a_lease_reads_as_it_is_written() {
        let row = json!({"lease": "L0001", "unit": "V01", "kind": "KTP-EL", "until": "2026-12-31",
                         "range": {"from": "000001", "to": "000100"}});
        let lease: Lease = serde_json::from_value(row.clone()).expect("reads");
        assert_eq!(serde_json::to_value(&lease).expect("writes"), row);
        assert!(!lease.is_over(date!(2026 - 12 - 31)) && lease.is_over(date!(2027 - 01 - 01)));
        let (unit, letter) = ("V01".parse().expect("a unit"), "A".parse().expect("a letter"));
        assert!(lease.is_of(&unit, &letter));
        let of_b = Lease { letter: Some("B".into()), ..lease };
        assert!(!of_b.is_of(&unit, &letter));
    }

    #[test]
    fn kinds_are_blanks_or_agencies() {
        for (text, written) in
            [("slip:DUK", "slip:DUK"), ("slip:duk", "slip:DUK"), ("blanko_ktp_el", "KTP-EL")]
        {
            assert_eq!(text.parse::<LeaseKind>().expect("a kind").to_string(), written);
        }
        for wrong in ["", "slip:", "slip:D-K", "stempel:DUK"] {
            assert!(wrong.parse::<LeaseKind>().is_err(), "{wrong:?}");
        }
    }
}
