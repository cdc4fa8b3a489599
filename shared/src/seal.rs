//! The seal of a day: a device's signed statement of everything that it wrote since its last one, short enough
//! for one SMS or a QR.
//!
//! 95 bytes, numbers with their highest byte first:
//!
//! | bytes | |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | number of the device |
//! | 2 | local date: days since 1 January 1970, up to 6 June 2149; a clock beyond either is written as the nearest |
//! | 4 + 4 | index of the first and of the last entry in the device's own log |
//! | 16 | the log's chain after the last entry, as receipts name it |
//! | 64 | Ed25519 signature of all before it, for the purpose of a seal |
//!
//! As text that is 152 characters of base 32 and two of check (see `symbols`); what the check lets pass the signature
//! finds.
//!
//! Which life of the device's database the log belongs to is not said: the chain tells.

use std::{fmt, str::FromStr};

use ::time::Date;

use crate::{
    id::{DeviceId, PublicKey},
    identity::{self, BadSignature, Context, Key, Signature},
    symbols::{self, SymbolsError},
    time,
    wire::batch::Chain,
};

/// Bytes of a seal.
pub const SEAL_BYTES: usize = 95;
/// Characters of a seal as text.
pub const SEAL_CHARACTERS: usize = symbols::characters_of(SEAL_BYTES);
/// Characters that are written together, for eyes and voices; a seal has 22 such groups.
pub const GROUP_CHARACTERS: usize = 7;

const VERSION: u8 = 1;
const SIGNED_BYTES: usize = 31;
/// Typed text that is looked at: a seal with a space behind every character, and as much again.
const TEXT_BYTES_MAX: usize = 4 * SEAL_CHARACTERS;

/// What a device states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
    /// The device.
    pub device: DeviceId,
    /// The local day, as its clock had it.
    pub date: Date,
    /// Index of the first entry since the seal before, from 1.
    pub first: u32,
    /// Index of the last entry.
    pub last: u32,
    /// The chain of the device's log after `last`.
    pub chain: Chain,
}

/// A statement with the signature that came with it, which may be anybody's until [`Seal::verify`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seal {
    /// What is stated.
    pub statement: Statement,
    /// By whom, if it is right.
    pub signature: Signature,
}

/// Why bytes or a text are no seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A character that no seal has.
    #[error("`{}` is in no seal: character {at}, in group {}", .found.escape_debug(), group_of(*.at))]
    Character {
        /// Its place, from 1, spaces and hyphens left out.
        at: usize,
        /// The character.
        found: char,
    },
    /// Too few or too many.
    #[error("a seal has {SEAL_CHARACTERS} characters without spaces and hyphens, here are {found}")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// Something was misread or mistyped.
    #[error("the two check characters at the end do not fit the rest: read it again")]
    Check,
    /// Not 95 bytes.
    #[error("a seal has {SEAL_BYTES} bytes, here are {found}")]
    Bytes {
        /// How many there are.
        found: usize,
    },
    /// Made by a newer program.
    #[error("the seal has version {found}, this program knows {VERSION}: install the newer program")]
    Version {
        /// Its version.
        found: u8,
    },
    /// A range of entries that cannot be.
    #[error("the seal states no entries: from {first} to {last}")]
    Range {
        /// Index of the first.
        first: u32,
        /// Index of the last.
        last: u32,
    },
}

impl Statement {
    /// Entries that are stated.
    pub fn entries(&self) -> u64 {
        u64::from(self.last) + 1 - u64::from(self.first)
    }

    /// What is signed.
    fn to_bytes(self) -> [u8; SIGNED_BYTES] {
        let mut bytes = [0; SIGNED_BYTES];
        bytes[0] = VERSION;
        bytes[1..5].copy_from_slice(&self.device.0.to_be_bytes());
        bytes[5..7].copy_from_slice(&time::days_of(self.date).to_be_bytes());
        bytes[7..11].copy_from_slice(&self.first.to_be_bytes());
        bytes[11..15].copy_from_slice(&self.last.to_be_bytes());
        bytes[15..].copy_from_slice(&self.chain.0);
        bytes
    }
}

impl Seal {
    /// The device's seal on `statement`, whose date comes to lie in what a seal can tell.
    pub fn sign(statement: Statement, key: &Key) -> Self {
        let statement = Statement { date: time::date_of(time::days_of(statement.date)), ..statement };
        Self { statement, signature: key.sign(Context::Seal, &statement.to_bytes()) }
    }

    /// Checks that the owner of `key` stated it.
    ///
    /// # Errors
    /// Somebody else did, or it was changed since.
    pub fn verify(&self, key: PublicKey) -> Result<(), BadSignature> {
        identity::verify(key, Context::Seal, &self.statement.to_bytes(), &self.signature)
    }

    /// The bytes, signature included.
    pub fn to_bytes(&self) -> [u8; SEAL_BYTES] {
        let mut bytes = [0; SEAL_BYTES];
        bytes[..SIGNED_BYTES].copy_from_slice(&self.statement.to_bytes());
        bytes[SIGNED_BYTES..].copy_from_slice(&self.signature.0);
        bytes
    }

    /// Reads what [`Seal::to_bytes`] wrote.
    ///
    /// # Errors
    /// The bytes are no seal of this version.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, SealError> {
        let bytes: &[u8; SEAL_BYTES] =
            bytes.try_into().map_err(|_| SealError::Bytes { found: bytes.len() })?;
        if bytes[0] != VERSION {
            return Err(SealError::Version { found: bytes[0] });
        }
        let number = |at: usize| {
            u32::from_be_bytes(*bytes[at..].first_chunk().expect("four bytes lie before the chain"))
        };
        let (first, last) = (number(7), number(11));
        if first == 0 || first > last {
            return Err(SealError::Range { first, last });
        }
        let statement = Statement {
            device: DeviceId(number(1)),
            date: time::date_of(u16::from_be_bytes([bytes[5], bytes[6]])),
            first,
            last,
            chain: Chain(*bytes[15..].first_chunk().expect("the chain lies before the signature")),
        };
        let signature = Signature(*bytes[SIGNED_BYTES..].first_chunk().expect("64 bytes are left"));
        Ok(Self { statement, signature })
    }

    /// The text in groups, with a space between them, as people read, type and read aloud.
    pub fn in_groups(&self) -> String {
        let text = self.to_string();
        let groups: Vec<_> = (0..SEAL_CHARACTERS / GROUP_CHARACTERS)
            .map(|group| &text[group * GROUP_CHARACTERS..(group + 1) * GROUP_CHARACTERS])
            .collect();
        groups.join(" ")
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&symbols::write(&self.to_bytes()))
    }
}

impl FromStr for Seal {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(SealError::Length { found: text.len() });
        }
        let values = symbols::values(text)?;
        if values.len() != SEAL_CHARACTERS {
            return Err(SealError::Length { found: values.len() });
        }
        Self::of_bytes(&symbols::bytes(&values)?)
    }
}

impl From<SymbolsError> for SealError {
    fn from(error: SymbolsError) -> Self {
        match error {
            SymbolsError::Character { at, found } => Self::Character { at, found },
            SymbolsError::Check => Self::Check,
        }
    }
}

/// The group of a character, both from 1.
fn group_of(at: usize) -> usize {
    at.div_ceil(GROUP_CHARACTERS)
}

#[cfg(test)]
mod tests {
    use ::time::macros::date;
    use proptest::prelude::*;

    use super::*;
    use crate::symbols::ALPHABET;

    /// A released seal: it must read for ever.
    const GOLDEN: &str = "04000003A4N000000400005G60RK4CSM6MV3EE1SC5H66S35CSJ8MMBR1FVAR6539WRB76J7VEQTHCGW49H2YGPCQQVCQVWECD3K8QAHKQZXSP645B4WHSHJN2GD4VS8G3CKNNN5WNHPNS1JKXK7D5R9C2";

    fn key() -> Key {
        Key::from_seed([7; 32])
    }

    fn seal() -> Seal {
        let statement = Statement {
            device: DeviceId(3),
            date: date!(2026 - 11 - 21),
            first: 1,
            last: 176,
            chain: Chain(*b"0123456789abcdef"),
        };
        Seal::sign(statement, &key())
    }

    fn with(text: &str, at: usize, symbol: u8) -> String {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = symbol;
        String::from_utf8(bytes).expect("ASCII")
    }

    #[test]
    fn a_released_seal_reads_for_ever() {
        assert_eq!(seal().to_string(), GOLDEN);
        assert_eq!(GOLDEN.parse(), Ok(seal()));
        assert_eq!(
            seal().to_bytes()[..SIGNED_BYTES],
            *b"\x01\0\0\0\x03\x51\x2a\0\0\0\x01\0\0\0\xb00123456789abcdef"
        );
        assert_eq!(seal().verify(key().public()), Ok(()));
        assert_eq!(GOLDEN.len(), SEAL_CHARACTERS);
    }

    #[test]
    fn a_seal_is_taken_as_people_write_it() {
        let groups = seal().in_groups();
        assert_eq!(groups.split(' ').count(), 22);
        for typed in [
            groups.clone(),
            groups.to_lowercase(),
            groups.replace(' ', "-\n "),
            GOLDEN.replace('0', "o").replace('1', "l"),
            GOLDEN.replace('0', "O").replace('1', "I"),
        ] {
            assert_eq!(typed.parse(), Ok(seal()), "{typed}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = with(GOLDEN, 36, b'U').parse::<Seal>();
        assert_eq!(wrong, Err(SealError::Character { at: 37, found: 'U' }));
        assert_eq!(wrong.unwrap_err().to_string(), "`U` is in no seal: character 37, in group 6");
        for (text, error) in [
            (&GOLDEN[1..], SealError::Length { found: 153 }),
            (&format!("{GOLDEN}0"), SealError::Length { found: 155 }),
            ("", SealError::Length { found: 0 }),
            (&"0 ".repeat(1_000), SealError::Length { found: 2_000 }),
            ("é", SealError::Character { at: 1, found: 'é' }),
        ] {
            assert_eq!(text.parse::<Seal>(), Err(error), "{text}");
        }
        let mut bytes = seal().to_bytes();
        bytes[0] = 2;
        assert_eq!(Seal::of_bytes(&bytes), Err(SealError::Version { found: 2 }));
        bytes[0] = 1;
        bytes[7..15].copy_from_slice(&[0, 0, 0, 9, 0, 0, 0, 8]);
        assert_eq!(Seal::of_bytes(&bytes), Err(SealError::Range { first: 9, last: 8 }));
        assert_eq!(Seal::of_bytes(&bytes[1..]), Err(SealError::Bytes { found: 94 }));
    }

    #[test]
    fn every_wrong_character_and_every_swap_of_neighbours_is_found() {
        for at in 0..SEAL_CHARACTERS {
            for symbol in ALPHABET.iter().filter(|symbol| **symbol != GOLDEN.as_bytes()[at]) {
                assert_eq!(with(GOLDEN, at, *symbol).parse::<Seal>(), Err(SealError::Check), "at {at}");
            }
        }
        for at in 1..SEAL_CHARACTERS {
            let (one, other) = (GOLDEN.as_bytes()[at - 1], GOLDEN.as_bytes()[at]);
            let swapped = with(&with(GOLDEN, at, one), at - 1, other);
            assert_eq!(swapped.parse::<Seal>().is_err(), one != other, "at {at}");
        }
    }

    #[test]
    fn every_bit_is_signed() {
        for bit in 0..SEAL_BYTES * 8 {
            let mut bytes = seal().to_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let passes = Seal::of_bytes(&bytes).is_ok_and(|bent| bent.verify(key().public()).is_ok());
            assert!(!passes, "bit {bit}");
        }
        assert!(seal().verify(Key::from_seed([8; 32]).public()).is_err());
    }

    #[test]
    fn a_clock_beyond_the_days_of_a_seal_is_written_as_the_nearest() {
        for (date, written) in [
            (date!(1969 - 12 - 31), date!(1970 - 01 - 01)),
            (date!(2149 - 06 - 06), date!(2149 - 06 - 06)),
            (date!(9998 - 12 - 31), date!(2149 - 06 - 06)),
        ] {
            let sealed = Seal::sign(Statement { date, ..seal().statement }, &key());
            assert_eq!(sealed.statement.date, written);
            assert_eq!(Seal::of_bytes(&sealed.to_bytes()), Ok(sealed));
        }
    }

    proptest! {
        #[test]
        fn bytes_and_text_lead_back(
            device: u32, days: u16, first in 1..=u32::MAX, more: u32, chain: [u8; 16], seed: [u8; 32],
        ) {
            let statement = Statement {
                device: DeviceId(device),
                date: time::date_of(days),
                first,
                last: first.saturating_add(more),
                chain: Chain(chain),
            };
            let seal = Seal::sign(statement, &Key::from_seed(seed));
            prop_assert_eq!(seal.statement, statement);
            prop_assert_eq!(Seal::of_bytes(&seal.to_bytes()), Ok(seal));
            prop_assert_eq!(seal.in_groups().parse(), Ok(seal));
            prop_assert_eq!(seal.verify(Key::from_seed(seed).public()), Ok(()));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text: String, symbols in "[0-9A-TV-Z]{154}") {
            prop_assert!(text.parse::<Seal>().is_err());
            if let Ok(seal) = symbols.parse::<Seal>() {
                prop_assert_eq!(seal.to_string(), symbols);
            }
        }
    }
}
