//! Numbered blanks: their kinds, and serials one by one and in ranges.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Numbers that one range may hold.
pub const RANGE_MAX: u64 = 100_000;
/// Characters of a serial.
const SERIAL_CHARACTERS_MAX: usize = 32;
/// Digits of a serial's number.
const DIGITS_MAX: usize = 15;

/// What a blank is for, in one writing: `blanko_ktp_el`, `ktp-el` and `KTP-EL` are one kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlankKind(String);

/// One blank's number: what stands before it, and digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial {
    series: Series,
    number: u64,
}

/// What the serials of one print run share: what stands before the digits, and how many these are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Series {
    prefix: String,
    digits: usize,
}

/// Serials of one series, without a gap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "Ends", into = "Ends")]
pub struct SerialRange {
    series: Series,
    first: u64,
    last: u64,
}

/// A range as it is written.
#[derive(Clone, Serialize, Deserialize)]
struct Ends {
    from: Serial,
    to: Serial,
}

/// A text that is no kind, serial or range of blanks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlankError {
    /// Not a kind.
    #[error("`{text}` is not a kind of blank: write letters, digits and hyphens, such as KTP-EL")]
    Kind {
        /// What was given, cut.
        text: String,
    },
    /// Not a serial.
    #[error("`{text}` is not a blank's number: it ends in digits, such as 000017 or KTP000017")]
    Serial {
        /// What was given, cut.
        text: String,
    },
    /// Two serials that no range joins.
    #[error("{from} to {to} is no range: both are to be of one series, the first not above the last")]
    Ends {
        /// The first.
        from: Serial,
        /// The last.
        to: Serial,
    },
    /// Too long.
    #[error("{from} to {to} are {numbers} numbers; at most {RANGE_MAX} go into one range")]
    TooLong {
        /// The first.
        from: Serial,
        /// The last.
        to: Serial,
        /// How many they are.
        numbers: u64,
    },
}

impl FromStr for BlankKind {
    type Err = BlankError;

    fn from_str(text: &str) -> Result<Self, BlankError> {
        let upper = text.trim().to_ascii_uppercase().replace(['_', ' '], "-");
        let kind = upper.strip_prefix("BLANKO-").unwrap_or(&upper);
        let sound = (1..=24).contains(&kind.len())
            && kind.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
            && !kind.starts_with('-');
        if sound { Ok(Self(kind.to_owned())) } else { Err(BlankError::Kind { text: cut(text) }) }
    }
}

impl BlankKind {
    /// The text as people write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Serial {
    type Err = BlankError;

    fn from_str(text: &str) -> Result<Self, BlankError> {
        let wrong = || BlankError::Serial { text: cut(text) };
        let plain: String = text.split_whitespace().collect::<String>().to_ascii_uppercase();
        let sound = plain.len() <= SERIAL_CHARACTERS_MAX
            && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-./".contains(&b));
        let prefix = plain.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &plain[prefix.len()..];
        if !sound || !(1..=DIGITS_MAX).contains(&digits.len()) {
            return Err(wrong());
        }
        let number = digits.parse().map_err(|_| wrong())?;
        Ok(Self { series: Series { prefix: prefix.to_owned(), digits: digits.len() }, number })
    }
}

impl Serial {
    /// Its series.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// Its number in the series.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl SerialRange {
    /// The serials from one to another, both included.
    ///
    /// # Errors
    /// They are of two series, in the wrong order, or too many.
    pub fn new(from: Serial, to: Serial) -> Result<Self, BlankError> {
        if from.series != to.series || from.number > to.number {
            return Err(BlankError::Ends { from, to });
        }
        let numbers = to.number - from.number + 1;
        if numbers > RANGE_MAX {
            return Err(BlankError::TooLong { from, to, numbers });
        }
        Ok(Self { series: from.series, first: from.number, last: to.number })
    }

    /// Of one serial.
    pub fn one(serial: Serial) -> Self {
        Self { first: serial.number, last: serial.number, series: serial.series }
    }

    /// Numbers of one series.
    pub fn of(series: Series, first: u64, last: u64) -> Self {
        Self { series, first, last }
    }

    /// Their series.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// The numbers of the first and the last.
    pub fn ends(&self) -> (u64, u64) {
        (self.first, self.last)
    }

    /// How many they are.
    pub fn numbers(&self) -> u64 {
        self.last - self.first + 1
    }

    /// Whether a serial is one of them.
    pub fn contains(&self, serial: &Serial) -> bool {
        self.series == serial.series && (self.first..=self.last).contains(&serial.number)
    }

    /// Whether any serial is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.series == other.series && self.first <= other.last && other.first <= self.last
    }

    /// The serial at a place, from 0; `None` behind the last.
    pub fn at(&self, place: u64) -> Option<Serial> {
        let number = self.first.checked_add(place).filter(|number| *number <= self.last)?;
        Some(Serial { series: self.series.clone(), number })
    }

    /// The first.
    pub fn from(&self) -> Serial {
        Serial { series: self.series.clone(), number: self.first }
    }

    /// The last.
    pub fn to(&self) -> Serial {
        Serial { series: self.series.clone(), number: self.last }
    }
}

impl TryFrom<Ends> for SerialRange {
    type Error = BlankError;

    fn try_from(ends: Ends) -> Result<Self, BlankError> {
        Self::new(ends.from, ends.to)
    }
}

impl From<SerialRange> for Ends {
    fn from(range: SerialRange) -> Self {
        Self { from: range.from(), to: range.to() }
    }
}

impl fmt::Display for SerialRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.numbers() {
            1 => self.from().fmt(f),
            _ => write!(f, "{}–{}", self.from(), self.to()),
        }
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Series { prefix, digits } = &self.series;
        write!(f, "{prefix}{:0digits$}", self.number)
    }
}

impl fmt::Display for BlankKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {
        $(impl TryFrom<String> for $name {
            type Error = BlankError;

            fn try_from(text: String) -> Result<Self, BlankError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        })*
    };
}

as_text!(BlankKind, Serial);

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str) -> Result<SerialRange, BlankError> {
        SerialRange::new(from.parse().expect("a serial"), to.parse().expect("a serial"))
    }

    #[test]
    fn a_kind_has_one_writing() {
        for text in ["blanko_ktp_el", "KTP-EL", " ktp el "] {
            assert_eq!(text.parse::<BlankKind>().expect("a kind").as_str(), "KTP-EL");
        }
        for wrong in ["", "-", "blanko_", "KTP/EL", "ktp\0"] {
            assert!(wrong.parse::<BlankKind>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_serial_keeps_its_zeroes_and_its_prefix() {
        for (text, written) in [("000017", "000017"), ("ktp 0017", "KTP0017"), ("A-1/002", "A-1/002")] {
            assert_eq!(text.parse::<Serial>().expect("a serial").to_string(), written);
        }
        assert_ne!("17".parse::<Serial>(), "017".parse::<Serial>());
        for wrong in ["", "KTP", "00_1", "1234567890123456", "é1"] {
            assert!(wrong.parse::<Serial>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn ranges_hold_what_lies_between() {
        let lent = range("KTP0098", "KTP0102").expect("a range");
        assert_eq!((lent.numbers(), lent.to_string().as_str()), (5, "KTP0098–KTP0102"));
        assert_eq!(lent.at(4).map(|serial| serial.to_string()).as_deref(), Some("KTP0102"));
        assert_eq!(lent.at(5), None);
        assert!(lent.contains(&"KTP0100".parse().expect("a serial")));
        assert!(!lent.contains(&"KTP00100".parse().expect("a serial")));
        assert!(lent.overlaps(&range("KTP0102", "KTP0200").expect("a range")));
        assert!(!lent.overlaps(&range("KTP0103", "KTP0200").expect("a range")));
        assert!(range("0002", "0001").is_err() && range("1", "10").is_err() && range("A1", "B2").is_err());
        assert!(range("000001", "999999").is_err());
        let text = r#"{"from":"0001","to":"0002"}"#;
        let read: SerialRange = serde_json::from_str(text).expect("reads");
        assert_eq!(serde_json::to_string(&read).expect("writes"), text);
    }
}
