//! The national identity number: 16 digits, of which 6 name the district that issued it, 6 the birth date, 4 a serial.
//!
//! It has no check digit, keeps the district where it was first issued, and may name a wrong birth
//! date for life: only what can be no NIK at all is refused, every disagreement is a warning.
//! Women have 40 added to the day.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::{Date, Month};

use crate::{born::Born, id::DistrictCode};

/// Whether Kemendagri has such a province.
fn is_province(code: u8) -> bool {
    matches!(code, 11..=19 | 21 | 31..=36 | 51..=53 | 61..=65 | 71..=76 | 81 | 82 | 91..=97)
}

/// A NIK that is well-formed and possible.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nik(String);

/// Man or woman, as the registers have it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Sex {
    /// Laki-laki, male.
    L,
    /// Perempuan, female.
    P,
}

/// Why a text is no NIK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NikError {
    /// Not 16 digits.
    #[error("a NIK has 16 digits")]
    Format,
    /// No such day.
    #[error("the NIK names a birth date that does not exist (digits 7 to 12)")]
    BirthDate,
    /// No such province.
    #[error("the NIK names a province that does not exist (digits 1 and 2)")]
    Province,
    /// Serials begin at 0001.
    #[error("the NIK has serial 0000 (digits 13 to 16)")]
    Serial,
}

/// What of a NIK disagrees with what is otherwise known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NikWarning {
    /// Another birth date than stated.
    BirthDate,
    /// Another sex than stated.
    Sex,
    /// Issued in a district that the registry does not know: perhaps before a split.
    DistrictUnknown,
    /// The stated birth date fits only a century ago: a person of 100 years or more.
    Century,
}

impl Nik {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The sex that the number names.
    pub fn sex(&self) -> Sex {
        if self.pair(6) > 40 { Sex::P } else { Sex::L }
    }

    /// The birth date that the number names, as of `today`: a year above the current one is of the
    /// last century.
    pub fn born(&self, today: Date) -> Date {
        let [recent, earlier] = self.candidates(today);
        recent.or(earlier).expect("parsing found the day in at least one century")
    }

    /// The district that issued it.
    pub fn district(&self) -> DistrictCode {
        format!("{}.{}", &self.0[..2], &self.0[2..4]).parse().expect("four digits make a district code")
    }

    /// Where it disagrees with what is stated. `district_known`: whether the registry of all
    /// districts has [`Nik::district`], `None` where there is no such registry.
    pub fn warnings(
        &self,
        sex: Option<Sex>,
        born: Option<Born>,
        district_known: Option<bool>,
        today: Date,
    ) -> Vec<NikWarning> {
        let mut warnings = Vec::new();
        if let Some(born) = born {
            let [recent, earlier] = self.candidates(today).map(|day| day.is_some_and(|day| born.agrees(day)));
            match (recent, earlier) {
                (true, _) => {}
                (false, true) if self.candidates(today)[0].is_none() => {}
                (false, true) => warnings.push(NikWarning::Century),
                (false, false) => warnings.push(NikWarning::BirthDate),
            }
        }
        if sex.is_some_and(|sex| sex != self.sex()) {
            warnings.push(NikWarning::Sex);
        }
        if district_known == Some(false) {
            warnings.push(NikWarning::DistrictUnknown);
        }
        warnings
    }

    /// The day in the century of `today`, if it is not ahead by its year, and in the one before.
    fn candidates(&self, today: Date) -> [Option<Date>; 2] {
        let century = today.year() / 100 * 100;
        let year = i32::from(self.pair(10));
        let recent = if year <= today.year() % 100 { self.date(century + year) } else { None };
        [recent, self.date(century - 100 + year)]
    }

    fn date(&self, year: i32) -> Option<Date> {
        let day = self.pair(6);
        let month = Month::try_from(self.pair(8)).ok()?;
        Date::from_calendar_date(year, month, if day > 40 { day - 40 } else { day }).ok()
    }

    fn pair(&self, at: usize) -> u8 {
        self.0.as_bytes()[at..at + 2].iter().fold(0, |number, digit| number * 10 + (digit - b'0'))
    }
}

impl FromStr for Nik {
    type Err = NikError;

    fn from_str(text: &str) -> Result<Self, NikError> {
        if text.len() != 16 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NikError::Format);
        }
        let nik = Self(text.to_owned());
        let year = i32::from(nik.pair(10));
        if nik.date(2000 + year).is_none() && nik.date(1900 + year).is_none() {
            return Err(NikError::BirthDate);
        }
        if !is_province(nik.pair(0)) {
            return Err(NikError::Province);
        }
        if nik.0.ends_with("0000") {
            return Err(NikError::Serial);
        }
        Ok(nik)
    }
}

impl fmt::Display for Nik {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Nik {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nik({}…)", &self.0[..6])
    }
}

impl Serialize for Nik {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Nik {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Sex {
    /// `L` or `P`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::L => "L",
            Self::P => "P",
        }
    }
}

/// A text that is neither `L` nor `P`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sex is L (male) or P (female)")]
pub struct ParseSexError;

impl FromStr for Sex {
    type Err = ParseSexError;

    fn from_str(text: &str) -> Result<Self, ParseSexError> {
        match text {
            "L" | "l" => Ok(Self::L),
            "P" | "p" => Ok(Self::P),
            _ => Err(ParseSexError),
        }
    }
}

impl NikWarning {
    /// The code under which a case keeps it.
    pub fn code(self) -> &'static str {
        match self {
            Self::BirthDate => "nik_birth_date",
            Self::Sex => "nik_sex",
            Self::DistrictUnknown => "nik_district_unknown",
            Self::Century => "nik_century",
        }
    }
}

impl fmt::Display for NikWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BirthDate => "the NIK names another birth date than the one given",
            Self::Sex => "the NIK names another sex than the one given",
            Self::DistrictUnknown => "the NIK was issued in a district that is not in the registry",
            Self::Century => "the NIK fits the birth date only a century ago: ask for the age",
        })
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    const TODAY: Date = date!(2026 - 11 - 21);

    #[test]
    fn possible_numbers_tell_sex_and_birth_date() {
        for (nik, sex, born) in [
            ("5305011708909001", Sex::L, date!(1990 - 08 - 17)),
            ("5305015708909002", Sex::P, date!(1990 - 08 - 17)),
            ("5305016902009003", Sex::P, date!(2000 - 02 - 29)),
            ("5399011708909001", Sex::L, date!(1990 - 08 - 17)),
        ] {
            let nik: Nik = nik.parse().expect("possible");
            assert_eq!((nik.sex(), nik.born(TODAY)), (sex, born));
        }
    }

    #[test]
    fn impossible_numbers_are_refused_with_the_reason() {
        for (nik, error) in [
            ("5305010000000001", NikError::BirthDate),
            ("5305013002900001", NikError::BirthDate),
            ("5305017102900001", NikError::BirthDate),
            ("0005011708909001", NikError::Province),
            ("530501170890900", NikError::Format),
            ("5305011708900000", NikError::Serial),
            ("53050117089090０1", NikError::Format),
            ("5305012902019001", NikError::BirthDate),
        ] {
            assert_eq!(nik.parse::<Nik>(), Err(error), "{nik}");
        }
    }

    #[test]
    fn disagreement_is_a_warning() {
        let nik: Nik = "5302011708909001".parse().expect("possible");
        let born = |text: &str| Some(text.parse().expect("a birth date"));
        assert_eq!(nik.warnings(Some(Sex::L), born("1990-08"), Some(true), TODAY), []);
        assert_eq!(
            nik.warnings(Some(Sex::P), born("1991"), Some(false), TODAY),
            [NikWarning::BirthDate, NikWarning::Sex, NikWarning::DistrictUnknown]
        );
        let old: Nik = "5302011708249001".parse().expect("possible");
        assert_eq!(old.born(TODAY), date!(2024 - 08 - 17));
        assert_eq!(old.warnings(None, born("1924"), None, TODAY), [NikWarning::Century]);
        assert_eq!(nik.district().as_str(), "53.02");
    }
}
