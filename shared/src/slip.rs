//! The number on the slip that a citizen takes home: `53.02/V01A/20261121/0042-E`.
//!
//! District, unit with device letter, local day at the service point, counter, check character. The
//! check is ISO 7064 MOD 37,36 over all letters and digits before it, separators left out: it finds
//! every single wrong character and nearly all swapped neighbours.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::{Date, Month};

use crate::id::{DistrictCode, Epoch, UnitId};

const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Characters of unit and device letter together.
const DEVICE_CHARACTERS_MAX: usize = 16;

/// The letter of a device in its unit, never given twice: `A` to `Z`, then `AA` and on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DeviceLetter(String);

impl DeviceLetter {
    /// The letter that the hub gives as its `index`th in a unit, from 0.
    pub fn nth(index: u32) -> Self {
        let mut letters = Vec::new();
        let mut rest = index;
        loop {
            letters.push(b'A' + (rest % 26) as u8);
            match (rest / 26).checked_sub(1) {
                Some(next) => rest = next,
                None => break,
            }
        }
        letters.reverse();
        Self(letters.into_iter().map(char::from).collect())
    }

    /// The letter with two characters of `epoch`, for a laptop that had to mint an epoch without the
    /// hub. The first of the two is a digit, so that it is taken for no other letter.
    pub fn provisional(&self, epoch: &Epoch) -> Self {
        let digit = ALPHABET[usize::from(epoch.0[0] % 10)];
        let second = ALPHABET[usize::from(epoch.0[1] % 36)];
        Self(format!("{}{}{}", self.base(), char::from(digit), char::from(second)))
    }

    /// Whether the laptop made it up with characters of its epoch.
    pub fn is_provisional(&self) -> bool {
        self.base().len() < self.0.len()
    }

    /// The text as on slips.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn base(&self) -> &str {
        let end = self.0.find(|c: char| c.is_ascii_digit()).unwrap_or(self.0.len());
        &self.0[..end]
    }
}

/// A text that is no device letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a device letter is A to Z, AA and on, with a digit and one more character while provisional")]
pub struct ParseLetterError;

impl FromStr for DeviceLetter {
    type Err = ParseLetterError;

    fn from_str(text: &str) -> Result<Self, ParseLetterError> {
        let letter = Self(text.to_owned());
        let base = letter.base();
        let letters = (1..=4).contains(&base.len()) && base.bytes().all(|b| b.is_ascii_uppercase());
        let added = &text.as_bytes()[base.len()..];
        let ends = added.is_empty() || (added.len() == 2 && added.iter().all(|b| ALPHABET.contains(b)));
        if letters && ends { Ok(letter) } else { Err(ParseLetterError) }
    }
}

impl fmt::Display for DeviceLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A slip's number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SlipNumber {
    district: DistrictCode,
    /// Unit and device letter, which only the registry can tell apart.
    device: String,
    date: Date,
    counter: u32,
}

/// Why a text is no slip number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseSlipError {
    /// Not the form of one.
    #[error("a slip number looks like 53.02/V01A/20261121/0042-E")]
    Form,
    /// A part was misread or mistyped.
    #[error("the slip number's last character does not fit the rest: read it again")]
    Check,
}

impl SlipNumber {
    /// The number of the `counter`th slip of a device on the local day `date`.
    pub fn new(
        district: DistrictCode,
        unit: &UnitId,
        letter: &DeviceLetter,
        date: Date,
        counter: u32,
    ) -> Self {
        Self { district, device: format!("{unit}{letter}"), date, counter }
    }

    /// The number of its parts, `device` being unit and letter together.
    ///
    /// # Errors
    /// `device` is no unit with a letter, or the day or the counter is beyond what a number can say.
    pub fn of_parts(
        district: DistrictCode,
        device: &str,
        date: Date,
        counter: u32,
    ) -> Result<Self, ParseSlipError> {
        let number = Self { district, device: device.to_owned(), date, counter };
        number.to_string().parse()
    }

    /// The district.
    pub fn district(&self) -> &DistrictCode {
        &self.district
    }

    /// Unit and device letter, as written: `V01A`.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The local day at the service point.
    pub fn date(&self) -> Date {
        self.date
    }

    /// The running number.
    pub fn counter(&self) -> u32 {
        self.counter
    }

    /// The number that follows on the same day, if there is one.
    pub fn next(&self) -> Option<Self> {
        Some(Self { counter: self.counter.checked_add(1)?, ..self.clone() })
    }

    /// Everything but the check character.
    fn body(&self) -> String {
        let (year, month, day) = (self.date.year(), u8::from(self.date.month()), self.date.day());
        format!("{}/{}/{year:04}{month:02}{day:02}/{:04}", self.district, self.device, self.counter)
    }
}

impl fmt::Display for SlipNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body();
        write!(f, "{body}-{}", check_character(&body))
    }
}

impl FromStr for SlipNumber {
    type Err = ParseSlipError;

    /// Reads a number as printed or typed: small letters and spaces around it are taken.
    fn from_str(text: &str) -> Result<Self, ParseSlipError> {
        let text = text.trim();
        if !text.is_ascii() {
            return Err(ParseSlipError::Form);
        }
        let text = text.to_ascii_uppercase();
        let (number, check) = parse(&text).ok_or(ParseSlipError::Form)?;
        if check == check_character(&number.body()) { Ok(number) } else { Err(ParseSlipError::Check) }
    }
}

fn parse(text: &str) -> Option<(SlipNumber, char)> {
    let (body, check) = text.split_once('-')?;
    let mut checks = check.chars();
    let check = checks.next()?;
    let mut parts = body.split('/');
    let (district, device, date, counter) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if checks.next().is_some() || parts.next().is_some() {
        return None;
    }
    let alphanumeric = device.bytes().all(|b| ALPHABET.contains(&b));
    if !alphanumeric || !(2..=DEVICE_CHARACTERS_MAX).contains(&device.len()) {
        return None;
    }
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if date.len() != 8 || !digits(date) || !(4..=9).contains(&counter.len()) || !digits(counter) {
        return None;
    }
    let month = Month::try_from(date[4..6].parse::<u8>().ok()?).ok()?;
    let number = SlipNumber {
        district: district.parse().ok()?,
        device: device.to_owned(),
        date: Date::from_calendar_date(date[..4].parse().ok()?, month, date[6..].parse().ok()?).ok()?,
        counter: counter.parse().ok()?,
    };
    // One number has one form: no more zeros in front than needed.
    (number.body() == body).then_some((number, check))
}

/// ISO 7064 MOD 37,36 of the letters and digits in `text`, which are capital.
fn check_character(text: &str) -> char {
    let product = text.bytes().filter_map(|byte| ALPHABET.iter().position(|symbol| *symbol == byte)).fold(
        36,
        |product, value| {
            let sum = (product + value) % 36;
            (if sum == 0 { 36 } else { sum }) * 2 % 37
        },
    );
    char::from(ALPHABET[(37 - product) % 36])
}

impl Serialize for SlipNumber {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SlipNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::date;

    use super::*;

    fn number(letter: &str, counter: u32) -> SlipNumber {
        let district = "53.02".parse().expect("a district");
        let unit = "V01".parse().expect("a unit");
        SlipNumber::new(district, &unit, &letter.parse().expect("a letter"), date!(2026 - 11 - 21), counter)
    }

    #[test]
    fn the_check_is_iso_7064_mod_37_36() {
        // Published: the GRid example, and the two check characters of ISAN examples.
        for (text, check) in [
            ("A12425GABC1234002", 'M'),
            ("00000000D07A0090", 'Q'),
            ("00000000D07A009000000000", 'X'),
            ("0000000189470000", '8'),
            ("000000018947000000000000", 'D'),
            ("188166C734206541", 'Y'),
            ("188166C7342065419F3A0245", 'O'),
        ] {
            assert_eq!(check_character(text), check, "{text}");
        }
    }

    #[test]
    fn a_number_is_read_as_it_was_written() {
        let slip = number("A", 42);
        assert_eq!(slip.to_string(), "53.02/V01A/20261121/0042-E");
        for text in ["53.02/V01A/20261121/0042-E", " 53.02/v01a/20261121/0042-e\n"] {
            assert_eq!(text.parse(), Ok(slip.clone()));
        }
        assert_eq!("53.02/V01A/20261121/0043-E".parse::<SlipNumber>(), Err(ParseSlipError::Check));
        for wrong in [
            "",
            "53.02",
            "53.02/V01A/20261121/0042",
            "53.02/V01A/20261121/42-E",
            "53.02/V01A/20261131/0042-E",
            "53.02/V01A/20261121/00042-E",
            "53.02/V01A/20261121/0042-EE",
            "53.02/V-1A/20261121/0042-E",
            "53.02/V01A/20261121/0042-é",
        ] {
            assert_eq!(wrong.parse::<SlipNumber>(), Err(ParseSlipError::Form), "{wrong}");
        }
        let long = number("A7Q", 123_456);
        assert_eq!(long.to_string().parse(), Ok(long));
    }

    #[test]
    fn letters_go_on_after_z() {
        let letters = [0, 1, 25, 26, 27, 701, 702].map(|index| DeviceLetter::nth(index).to_string());
        assert_eq!(letters, ["A", "B", "Z", "AA", "AB", "ZZ", "AAA"]);
        let letter: DeviceLetter = "A".parse().expect("a letter");
        let epoch = Epoch([17; 16]);
        let made_up = letter.provisional(&epoch);
        assert_eq!(made_up.as_str(), "A7H");
        assert!(made_up.is_provisional() && !letter.is_provisional());
        assert_eq!(made_up.to_string().parse(), Ok(made_up.clone()));
        assert_eq!(made_up.provisional(&Epoch([1; 16])).as_str(), "A11");
        for wrong in ["", "a", "7Q", "A7", "A7QX", "ABCDE"] {
            assert!(wrong.parse::<DeviceLetter>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_found(counter in 0..10_000u32, at in 0..25usize, with in 0..36usize) {
            let right = number("A", counter).to_string();
            let mut wrong = right.clone().into_bytes();
            wrong[at] = ALPHABET[with];
            let wrong = String::from_utf8(wrong).expect("ASCII");
            prop_assert!(wrong == right || wrong.parse::<SlipNumber>().is_err());
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,40}") {
            let read = text.parse::<SlipNumber>().map(|number| number.to_string());
            prop_assert!(read.is_err() || read == Ok(text.trim().to_ascii_uppercase()));
            let read = text.parse::<DeviceLetter>().map(|letter| letter.to_string());
            prop_assert!(read.is_err() || read == Ok(text));
        }
    }
}
