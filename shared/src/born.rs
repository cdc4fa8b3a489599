//! A birth date as far as it is known: a year, a month or a day; what is unknown stays unknown.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::{Date, Month};

/// The earliest year of birth that is taken.
const YEAR_MIN: i32 = 1850;

/// When a person was born. Read as people write it (the day first, a month by number or name) and as documents do;
/// written as documents do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Born {
    /// In this year.
    Year(i32),
    /// In this month.
    Month(i32, Month),
    /// On this day.
    Day(Date),
}

/// A text that is not a birth date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a birth date; write what is known: 1948, 07-1948 or 21-07-1948")]
pub struct ParseBornError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

/// Whether a birth, as documents write it, is about right at best: a guess, or a year alone.
pub fn is_about(text: &str, guess: bool) -> bool {
    guess || matches!(text.parse(), Ok(Born::Year(_)))
}

impl Born {
    /// The year.
    pub fn year(self) -> i32 {
        match self {
            Self::Year(year) | Self::Month(year, _) => year,
            Self::Day(day) => day.year(),
        }
    }

    /// Whether a birth on `day` is what this says.
    pub fn agrees(self, day: Date) -> bool {
        match self {
            Self::Year(year) => day.year() == year,
            Self::Month(year, month) => (day.year(), day.month()) == (year, month),
            Self::Day(known) => known == day,
        }
    }

    /// Whether two statements can be of one birth.
    pub fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::Day(day), known) | (known, Self::Day(day)) => known.agrees(day),
            (Self::Month(year, month), Self::Month(other_year, other_month)) => {
                (year, month) == (other_year, other_month)
            }
            (Self::Year(_), _) | (_, Self::Year(_)) => self.year() == other.year(),
        }
    }

    /// Whether it lies wholly after `today`.
    pub fn is_after(self, today: Date) -> bool {
        match self {
            Self::Year(year) => year > today.year(),
            Self::Month(year, month) => (year, u8::from(month)) > (today.year(), u8::from(today.month())),
            Self::Day(day) => day > today,
        }
    }

    /// As people write it, the day first: `5/1/2004`, `1/2004` or `2004`.
    pub fn as_people_write(self) -> String {
        match self {
            Self::Year(year) => format!("{year:04}"),
            Self::Month(year, month) => format!("{}/{year:04}", u8::from(month)),
            Self::Day(day) => format!("{}/{}/{:04}", day.day(), u8::from(day.month()), day.year()),
        }
    }

    /// The fewest and the most whole years of age on `today`; 0 for one not yet born.
    pub fn age(self, today: Date) -> (u32, u32) {
        let years = |born: Date| {
            let birthday_is_ahead =
                (u8::from(today.month()), today.day()) < (u8::from(born.month()), born.day());
            u32::try_from(today.year() - born.year() - i32::from(birthday_is_ahead)).unwrap_or(0)
        };
        let (first, last) = match self {
            Self::Day(day) => (Some(day), Some(day)),
            Self::Month(year, month) => (
                Date::from_calendar_date(year, month, 1).ok(),
                Date::from_calendar_date(year, month, month.length(year)).ok(),
            ),
            Self::Year(year) => (
                Date::from_calendar_date(year, Month::January, 1).ok(),
                Date::from_calendar_date(year, Month::December, 31).ok(),
            ),
        };
        (last.map_or(0, years), first.map_or(0, years))
    }
}

impl FromStr for Born {
    type Err = ParseBornError;

    fn from_str(text: &str) -> Result<Self, ParseBornError> {
        parse(text).ok_or_else(|| ParseBornError { text: text.chars().take(64).collect() })
    }
}

/// Months by their names in Indonesian and in English, written whole or by their first three letters.
const MONTHS: [(&[&str], Month); 12] = [
    (&["januari", "january"], Month::January),
    (&["februari", "february", "pebruari"], Month::February),
    (&["maret", "march"], Month::March),
    (&["april"], Month::April),
    (&["mei", "may"], Month::May),
    (&["juni", "june"], Month::June),
    (&["juli", "july"], Month::July),
    (&["agustus", "august", "agt"], Month::August),
    (&["september"], Month::September),
    (&["oktober", "october"], Month::October),
    (&["november", "nopember"], Month::November),
    (&["desember", "december"], Month::December),
];

fn parse(text: &str) -> Option<Born> {
    let parts: Vec<_> = text.split(['-', '/', '.', ' ']).filter(|part| !part.is_empty()).collect();
    let (year, month, day) = match parts[..] {
        [all] if all.len() == 8 => (all.get(4..)?, Some(all.get(2..4)?), Some(all.get(..2)?)),
        [year] => (year, None, None),
        [year, month] if year.len() == 4 && digits(month).is_some() => (year, Some(month), None),
        [month, year] => (year, Some(month), None),
        // As documents have it; everywhere else people write the day first.
        [year, month, day] if year.len() == 4 => (year, Some(month), Some(day)),
        [day, month, year] => (year, Some(month), Some(day)),
        _ => return None,
    };
    let year = i32::from(digits(year).filter(|_| year.len() == 4)?);
    if year < YEAR_MIN {
        return None;
    }
    let Some(month) = month else { return Some(Born::Year(year)) };
    let month = self::month(month)?;
    let Some(day) = day else { return Some(Born::Month(year, month)) };
    let day = u8::try_from(digits(day).filter(|_| day.len() <= 2)?).ok()?;
    Some(Born::Day(Date::from_calendar_date(year, month, day).ok()?))
}

/// A month by its number or its name.
fn month(text: &str) -> Option<Month> {
    if let Some(number) = digits(text).filter(|_| text.len() <= 2) {
        return Month::try_from(u8::try_from(number).ok()?).ok();
    }
    let typed = text.to_lowercase();
    let is_named = |(names, _): &&(&[&str], Month)| {
        names.iter().any(|name| *name == typed || name.get(..3) == Some(&*typed))
    };
    MONTHS.iter().find(is_named).map(|(_, month)| *month)
}

fn digits(text: &str) -> Option<u16> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

impl fmt::Display for Born {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Year(year) => write!(f, "{year:04}"),
            Self::Month(year, month) => write!(f, "{year:04}-{:02}", u8::from(*month)),
            Self::Day(day) => write!(f, "{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day()),
        }
    }
}

impl Serialize for Born {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Born {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn born(text: &str) -> Born {
        text.parse().expect("a birth date")
    }

    #[test]
    fn what_is_known_is_kept_and_nothing_is_added() {
        for text in ["1948", "1948-07", "2004-01-05", "2024-02-29"] {
            assert_eq!(born(text).to_string(), text);
        }
        for wrong in [
            "48",
            "1948-13",
            "1948-00",
            "2023-02-29",
            "21/07/48",
            "1948/07/021",
            "31-04-1990",
            "13/1948",
            "18 Nope 1990",
            "18 No 1990",
            "Foo 1990",
            "1990 November 18 1",
            "210719480",
            "0948",
            "+948",
            "١٩٤٨",
            "",
        ] {
            assert!(wrong.parse::<Born>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn dates_are_read_as_people_write_them() {
        for text in [
            "18/11/1990",
            "18-11-1990",
            "18.11.1990",
            "18 11 1990",
            "18111990",
            "18 November 1990",
            "18 nop 1990",
        ] {
            assert_eq!(born(text).to_string(), "1990-11-18", "{text}");
        }
        for (text, known) in [
            ("5/1/2004", "2004-01-05"),
            ("7/1948", "1948-07"),
            ("Agustus 1948", "1948-08"),
            ("1948-7", "1948-07"),
        ] {
            assert_eq!(born(text).to_string(), known);
        }
        for text in ["5/1/2004", "7/1948", "1948"] {
            assert_eq!(born(text).as_people_write(), text);
        }
    }

    #[test]
    fn ages_are_as_uncertain_as_the_date() {
        let today = date!(2026 - 11 - 21);
        assert_eq!(born("2009-11-21").age(today), (17, 17));
        assert_eq!(born("2009-11-22").age(today), (16, 16));
        assert_eq!(born("1948").age(today), (77, 78));
        assert_eq!(born("2026-12").age(today), (0, 0));
    }

    #[test]
    fn statements_are_compared_as_far_as_they_go() {
        assert!(born("1948").overlaps(born("1948-07")));
        assert!(born("1948-07").overlaps(born("1948-07-21")));
        assert!(!born("1948-07").overlaps(born("1948-08")));
        assert!(!born("1948").overlaps(born("1949-01-01")));
        assert!(born("2027").is_after(date!(2026 - 11 - 21)));
        assert!(!born("2026-11").is_after(date!(2026 - 11 - 21)));
    }
}
