//! The stamp on a slip: a device's signed statement of what the paper says, as a QR, by which any counter of the
//! fleet tells a true slip from a false one without network.
//!
//! It says no more of the citizen than the paper does: the name stands in it as a [`Commitment`] alone, which tells
//! whether a name is the one on the paper. Numbers with their highest byte first:
//!
//! | bytes | |
//! |---|---|
//! | 1 | state: 1 recorded, 2 registered |
//! | 4 | number of the device that signs |
//! | 1 | revision of the slip, from 1; each takes the place of those before it |
//! | 4 | when the case was recorded: minutes since 1970, up to the year 10136 |
//! | 10 | commitment to the slip number and the name |
//! | 2 + 2 + 4 | of the slip number: the district's digits as a number, days since 1970, counter |
//! | 1 + n | of the slip number: bytes of unit and letter, and these |
//! | rest | code of the service |
//! | 64 | Ed25519 signature of the version and all before it, for the purpose of a slip |
//!
//! The text is `KLS`, the version, a hyphen, and the bytes with their check (see `symbols`): 177 characters for
//! `DUK-LAHIR`, which a QR of 45 modules a side holds. What the check lets pass the signature finds.
//!
//! The device may not exist, or the slip number may belong to no case: who verifies looks.

use std::{fmt, str::FromStr};

use crate::{
    id::{DeviceId, PublicKey},
    identity::{self, BadSignature, Context, Key, Signature},
    slip::SlipNumber,
    symbols::{self, SymbolsError},
    time::{Timestamp, date_of, days_of},
};

const PREFIX: &str = "KLS";
const VERSION: u8 = 1;
/// Bytes before unit and letter.
const FIXED_BYTES: usize = 29;
const SIGNATURE_BYTES: usize = 64;
const SERVICE_BYTES_MAX: usize = 64;
const DEVICE_BYTES_MAX: usize = 16;
/// Typed text that is looked at: the longest with a space behind every character, and as much again.
const TEXT_BYTES_MAX: usize =
    4 * symbols::characters_of(FIXED_BYTES + DEVICE_BYTES_MAX + SERVICE_BYTES_MAX + SIGNATURE_BYTES);
const MINUTE_MILLISECONDS: i64 = 60_000;

/// How far the case was when the slip was signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Written down on a laptop: the agency does not know of it yet.
    Recorded,
    /// The agency has it in its books.
    Registered,
}

/// What tells whether a name is the one that a slip was signed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Commitment(pub [u8; 10]);

impl Commitment {
    /// The commitment to a slip number and a name, whose case and spaces do not matter.
    pub fn to(slip: &SlipNumber, name: &str) -> Self {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let digest = blake3::derive_key("keliling 1 slip name", format!("{slip}\0{name}").as_bytes());
        Self(*digest.first_chunk().expect("a hash has 32 bytes"))
    }
}

/// What a slip says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// How far the case was.
    pub state: State,
    /// The device that signs.
    pub device: DeviceId,
    /// Which slip of the case it is, from 1; each takes the place of those before it.
    pub revision: u8,
    /// When the case was recorded, to the minute.
    pub recorded: Timestamp,
    /// The name on the paper.
    pub name: Commitment,
    /// The number.
    pub slip: SlipNumber,
    /// Code of the service.
    pub service: String,
}

/// A statement with the signature that came with it, which may be anybody's until [`Stamp::verify`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// What is stated.
    pub statement: Statement,
    /// By whom, if it is right.
    pub signature: Signature,
}

/// Why a text is no stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// Something else altogether.
    #[error("the QR of a slip begins with KLS1-")]
    Prefix,
    /// Made by a newer program.
    #[error("the slip has version {found}, this program knows {VERSION}: install the newer program")]
    Version {
        /// Its version.
        found: u8,
    },
    /// Longer than any.
    #[error("the text of a slip is far shorter than {found} characters")]
    Length {
        /// Bytes of the text.
        found: usize,
    },
    /// A character that no stamp has.
    #[error("`{}` is in no slip: character {at} behind KLS1-", .found.escape_debug())]
    Character {
        /// Its place behind the prefix, from 1, spaces and hyphens left out.
        at: usize,
        /// The character.
        found: char,
    },
    /// Something was misread or mistyped.
    #[error("the two check characters at the end do not fit the rest: scan or read it again")]
    Check,
    /// The check fits and the content cannot be.
    #[error("the text is whole, but what it says cannot be on a slip")]
    Content,
}

impl From<SymbolsError> for StampError {
    fn from(error: SymbolsError) -> Self {
        match error {
            SymbolsError::Character { at, found } => Self::Character { at, found },
            SymbolsError::Check => Self::Check,
        }
    }
}

impl Statement {
    /// The bytes before the signature.
    fn to_bytes(&self) -> Vec<u8> {
        let district: String = self.slip.district().as_str().split('.').collect();
        let district: u16 = district.parse().expect("a district code is four digits and a dot");
        let device = self.slip.device().as_bytes();
        let mut bytes = vec![match self.state {
            State::Recorded => 1,
            State::Registered => 2,
        }];
        bytes.extend(self.device.0.to_be_bytes());
        bytes.push(self.revision);
        bytes.extend(minutes_of(self.recorded).to_be_bytes());
        bytes.extend(self.name.0);
        bytes.extend(district.to_be_bytes());
        bytes.extend(days_of(self.slip.date()).to_be_bytes());
        bytes.extend(self.slip.counter().to_be_bytes());
        bytes.push(u8::try_from(device.len()).expect("unit and letter are short"));
        bytes.extend(device);
        bytes.extend(self.service.as_bytes());
        bytes
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (fixed, rest) = bytes.split_at_checked(FIXED_BYTES)?;
        let number = |at: usize| fixed[at..].first_chunk().map(|four| u32::from_be_bytes(*four));
        let short = |at: usize| fixed[at..].first_chunk().map(|two| u16::from_be_bytes(*two));
        let (device, service) = rest.split_at_checked(usize::from(fixed[28]))?;
        let district = format!("{:04}", short(20)?);
        let district = format!("{}.{}", district.get(..2)?, district.get(2..)?).parse().ok()?;
        let device = std::str::from_utf8(device).ok()?;
        let service = std::str::from_utf8(service).ok()?;
        if service.is_empty() || service.len() > SERVICE_BYTES_MAX || fixed[5] == 0 {
            return None;
        }
        Some(Self {
            state: match fixed[0] {
                1 => State::Recorded,
                2 => State::Registered,
                _ => return None,
            },
            device: DeviceId(number(1)?),
            revision: fixed[5],
            recorded: Timestamp(i64::from(number(6)?) * MINUTE_MILLISECONDS),
            name: Commitment(*fixed[10..].first_chunk()?),
            slip: SlipNumber::of_parts(district, device, date_of(short(22)?), number(24)?).ok()?,
            service: service.to_owned(),
        })
    }

    /// What is signed: the version first.
    fn signed(bytes: &[u8]) -> Vec<u8> {
        [&[VERSION], bytes].concat()
    }
}

impl Stamp {
    /// The device's stamp on `statement`; `None` where a stamp has no room for what it says.
    pub fn sign(statement: &Statement, key: &Key) -> Option<Self> {
        let bytes = statement.to_bytes();
        let statement = Statement::of_bytes(&bytes)?;
        Some(Self { statement, signature: key.sign(Context::Slip, &Statement::signed(&bytes)) })
    }

    /// Checks that the owner of `key` stated it.
    ///
    /// # Errors
    /// Somebody else did, or it was changed since.
    pub fn verify(&self, key: PublicKey) -> Result<(), BadSignature> {
        let message = Statement::signed(&self.statement.to_bytes());
        identity::verify(key, Context::Slip, &message, &self.signature)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.statement.to_bytes()[..], &self.signature.0].concat();
        write!(f, "{PREFIX}{VERSION}-{}", symbols::write(&bytes))
    }
}

impl FromStr for Stamp {
    type Err = StampError;

    /// Reads a stamp as scanned or typed: small letters, spaces and hyphens are taken.
    fn from_str(text: &str) -> Result<Self, StampError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(StampError::Length { found: text.len() });
        }
        let (head, body) = text.trim().split_once('-').ok_or(StampError::Prefix)?;
        match head.get(..PREFIX.len()) {
            Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => {}
            _ => return Err(StampError::Prefix),
        }
        match head[PREFIX.len()..].parse() {
            Ok(VERSION) => {}
            Ok(found) => return Err(StampError::Version { found }),
            Err(_) => return Err(StampError::Prefix),
        }
        let bytes = symbols::bytes(&symbols::values(body)?)?;
        let (statement, signature) =
            bytes.split_last_chunk::<SIGNATURE_BYTES>().ok_or(StampError::Content)?;
        let statement = Statement::of_bytes(statement).ok_or(StampError::Content)?;
        Ok(Self { statement, signature: Signature(*signature) })
    }
}

/// Whole minutes since 1970; a clock beyond is taken for the nearest.
fn minutes_of(at: Timestamp) -> u32 {
    let minutes = at.0.div_euclid(MINUTE_MILLISECONDS);
    u32::try_from(minutes.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use ::time::macros::date;
    use proptest::prelude::*;

    use super::*;
    use crate::{slip::DeviceLetter, symbols::ALPHABET};

    /// A released stamp: it must read for ever.
    const GOLDEN: &str = "KLS1-04000003040WH4WGS60ZWS6EW32YG25X2JV52AG00002M12P60RM2H2N9CPMRGA89592ES3RNM8H9VJWFXFFAX0XWN4PYHBFR8GZQD64FCQAPQKB9NZWEMM2EBVHHXWXCAYJ9D3HFXW23R1VQP20DBKXH7NZ049BP9NX62C31M9K";

    fn key() -> Key {
        Key::from_seed([7; 32])
    }

    fn statement(counter: u32, revision: u8, service: &str, minutes: u32) -> Statement {
        let (district, unit) = ("53.02".parse().expect("a district"), "V01".parse().expect("a unit"));
        let slip = SlipNumber::new(district, &unit, &DeviceLetter::nth(0), date!(2026 - 11 - 21), counter);
        Statement {
            state: if revision.is_multiple_of(2) { State::Registered } else { State::Recorded },
            device: DeviceId(3),
            revision,
            recorded: Timestamp(i64::from(minutes) * MINUTE_MILLISECONDS),
            name: Commitment::to(&slip, "O'a Mate"),
            slip,
            service: service.to_owned(),
        }
    }

    fn stamp() -> Stamp {
        Stamp::sign(&statement(42, 1, "DUK-LAHIR", 29_922_192), &key()).expect("it fits")
    }

    #[test]
    fn a_released_stamp_reads_for_ever() {
        assert_eq!(stamp().to_string(), GOLDEN);
        assert_eq!(GOLDEN.parse(), Ok(stamp()));
        assert_eq!(stamp().verify(key().public()), Ok(()));
        assert_eq!(GOLDEN.len(), 177);
        let small = GOLDEN.to_lowercase().replace("kls1-", " kls1-");
        assert_eq!(small.replace("00", "0 -o\n").parse(), Ok(stamp()));
    }

    #[test]
    fn the_name_is_told_from_others_and_not_told() {
        let slip = stamp().statement.slip;
        let name = |text| Commitment::to(&slip, text);
        assert_eq!(stamp().statement.name, name(" o'a  MATE "));
        assert_ne!(stamp().statement.name, name("O'a Mata"));
        let other = slip.next().expect("there is one");
        assert_ne!(Commitment::to(&other, "O'a Mate"), name("O'a Mate"), "one name is not told by two slips");
    }

    #[test]
    fn what_is_no_stamp_is_named() {
        for (text, error) in [
            ("", StampError::Prefix),
            ("hello", StampError::Prefix),
            ("KLG1-0400", StampError::Prefix),
            ("KLS2-0400", StampError::Version { found: 2 }),
            ("KLS-0400", StampError::Prefix),
            ("KLS1-04U0", StampError::Character { at: 3, found: 'U' }),
            ("KLS1-", StampError::Check),
            ("KLS1-00", StampError::Content),
            (&GOLDEN[..GOLDEN.len() - 1], StampError::Check),
            (&"0 ".repeat(1_000), StampError::Length { found: 2_000 }),
        ] {
            assert_eq!(text.parse::<Stamp>(), Err(error), "{text}");
        }
        assert_eq!(Stamp::sign(&statement(1, 1, "", 0), &key()), None);
        assert_eq!(Stamp::sign(&statement(1, 1, &"X".repeat(65), 0), &key()), None);
    }

    #[test]
    fn every_wrong_character_and_every_swap_of_neighbours_is_found() {
        for at in 5..GOLDEN.len() {
            for symbol in ALPHABET.iter().filter(|symbol| **symbol != GOLDEN.as_bytes()[at]) {
                let mut wrong = GOLDEN.as_bytes().to_vec();
                wrong[at] = *symbol;
                let wrong = String::from_utf8(wrong).expect("ASCII");
                assert_eq!(wrong.parse::<Stamp>(), Err(StampError::Check), "at {at}");
            }
            let mut swapped = GOLDEN.as_bytes().to_vec();
            swapped.swap(at - 1, at);
            let swapped = String::from_utf8(swapped).expect("ASCII");
            let same = swapped.parse() == Ok(stamp());
            assert_eq!(same, swapped == GOLDEN, "at {at}");
        }
    }

    #[test]
    fn another_purpose_and_another_key_are_refused() {
        let message = Statement::signed(&stamp().statement.to_bytes());
        let sealed = Stamp { signature: key().sign(Context::Seal, &message), ..stamp() };
        assert!(sealed.verify(key().public()).is_err());
        assert!(stamp().verify(Key::from_seed([8; 32]).public()).is_err());
    }

    proptest! {
        #[test]
        fn a_stamp_is_read_as_it_was_written(
            counter in 0..1_000_000_000u32,
            revision in 1..=u8::MAX,
            service in "[A-Z-]{1,64}",
            minutes in any::<u32>(),
        ) {
            let stated = statement(counter, revision, &service, minutes);
            let stamp = Stamp::sign(&stated, &key()).expect("it fits");
            prop_assert_eq!(&stamp.statement, &stated);
            prop_assert_eq!(stamp.to_string().parse(), Ok(stamp));
        }

        #[test]
        fn a_changed_byte_is_found_though_its_check_fits(at in 0..106usize, by in 1..=u8::MAX) {
            let mut bytes = [stamp().statement.to_bytes(), stamp().signature.0.to_vec()].concat();
            bytes[at] ^= by;
            let read = format!("KLS1-{}", symbols::write(&bytes)).parse::<Stamp>();
            prop_assert!(read.is_err() || read.is_ok_and(|read| read.verify(key().public()).is_err()));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "(KLS1-)?.{0,60}") {
            prop_assert!(text.parse::<Stamp>().is_err());
        }
    }
}
