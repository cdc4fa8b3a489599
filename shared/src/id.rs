//! Identifiers: one type for each, parsed once at the edge and valid from then on.
//!
//! Byte identifiers print as lower-case hexadecimal; `short()` is the form that logs carry.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A text that is not the identifier it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct ParseIdError {
    /// What was given, cut to 64 characters.
    pub text: String,
    /// What would have been right, with an example.
    pub expected: &'static str,
}

impl ParseIdError {
    fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.chars().take(64).collect(), expected }
    }
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $length:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, minicbor::Encode, minicbor::Decode)]
        #[cbor(transparent)]
        pub struct $name(#[cbor(with = "minicbor::bytes")] pub [u8; $length]);

        impl $name {
            /// The bytes, most significant first.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// The first eight hexadecimal digits, for logs.
            pub fn short(&self) -> String {
                hex(&self.0[..4])
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = ParseIdError;

            fn try_from(bytes: &[u8]) -> Result<Self, ParseIdError> {
                <[u8; $length]>::try_from(bytes)
                    .map(Self)
                    .map_err(|_| ParseIdError::new(&hex(bytes), $expected))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let bytes = data_encoding::HEXLOWER
                    .decode(text.as_bytes())
                    .map_err(|_| ParseIdError::new(text, $expected))?;
                Self::try_from(bytes.as_slice())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        text_serde!($name);
    };
}

macro_rules! text_serde {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $valid:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(String);

        impl $name {
            /// The text as people write it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(ParseIdError::new(text, $expected)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(&self.0)?;
                Ok(())
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                d.str()?.parse().map_err(|_| minicbor::decode::Error::message(concat!("not ", $expected)))
            }
        }

        text_serde!($name);
    };
}

byte_id!(
    /// SHA-256 of an automerge change: its name on every machine.
    ChangeHash, 32, "a change hash of 64 hexadecimal digits");
byte_id!(
    /// BLAKE3 of a file's bytes: the name of an attachment's content.
    ContentHash, 32, "a content hash of 64 hexadecimal digits");
byte_id!(
    /// The writer of changes in one life of one process; never stored for reuse.
    ActorId, 16, "an actor of 32 hexadecimal digits");
byte_id!(
    /// One life of a device's database.
    Epoch, 16, "an epoch of 32 hexadecimal digits");
byte_id!(
    /// An Ed25519 public key: what a device or a hub is on the wire.
    PublicKey, 32, "a public key of 64 hexadecimal digits");
byte_id!(
    /// A case, person or visit: ten random bytes, a byte for the kind, a five-byte counter.
    DocumentId, 16, "a document id of 32 hexadecimal digits");

/// What a document describes; the eleventh byte of its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One service for one subject.
    Case,
    /// A citizen.
    Person,
    /// A unit at a service point on a date.
    Visit,
}

impl DocumentId {
    /// Composes an id from the prefix of this life of the process and its running number,
    /// of which the low 40 bits are kept.
    pub fn new(prefix: [u8; 10], kind: Kind, counter: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..10].copy_from_slice(&prefix);
        bytes[10] = match kind {
            Kind::Case => 1,
            Kind::Person => 2,
            Kind::Visit => 3,
        };
        bytes[11..].copy_from_slice(&counter.to_be_bytes()[3..]);
        Self(bytes)
    }

    /// The bounds of the ids of this one's prefix and kind.
    pub fn alike(&self) -> [Self; 2] {
        let mut bounds = [*self; 2];
        bounds[0].0[11..].fill(0);
        bounds[1].0[11..].fill(u8::MAX);
        bounds
    }

    /// The kind and the running number as one: what tells apart documents that one actor made.
    pub fn number(&self) -> i64 {
        self.0[10..].iter().fold(0, |number, byte| number << 8 | i64::from(*byte))
    }

    /// The sitting of a case that shares its with no other: it follows from the case's id, so that it need not
    /// travel.
    pub fn sitting(&self) -> [u8; 8] {
        let mut sitting = [0; 8];
        sitting.copy_from_slice(&blake3::derive_key("keliling 1 sitting", &self.0)[..8]);
        sitting
    }

    /// The kind, or `None` where a newer version named one that this version does not know.
    pub fn kind(&self) -> Option<Kind> {
        match self.0[10] {
            1 => Some(Kind::Case),
            2 => Some(Kind::Person),
            3 => Some(Kind::Visit),
            _ => None,
        }
    }
}

text_id!(
    /// A regency in the Kemendagri code, `53.02`.
    DistrictCode, |t| digits_with_dots(t, &[2, 2]), "a district code such as 53.02");
text_id!(
    /// A village in the Kemendagri code, `53.02.01.1001`.
    VillageCode, |t| digits_with_dots(t, &[2, 2, 2, 4]), "a village code such as 53.02.01.1001");
text_id!(
    /// A van, bus, boat, train or walking team.
    UnitId, |t| (1..=8).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
    "a unit of one to eight capital letters and digits such as V01");

impl VillageCode {
    /// The district that the village lies in.
    pub fn district(&self) -> DistrictCode {
        DistrictCode(self.0[..5].to_owned())
    }
}

/// The number that the hub gave an enrolled laptop; 0 is the hub itself.
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
pub struct DeviceId(#[n(0)] pub u32);

impl DeviceId {
    /// The hub as the author of its own log and of every feed.
    pub const HUB: Self = Self(0);
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DeviceId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.parse().map(Self).map_err(|_| ParseIdError::new(text, "a device number such as 7"))
    }
}

/// Lower-case hexadecimal of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn digits_with_dots(text: &str, groups: &[usize]) -> bool {
    let mut parts = text.split('.');
    groups.iter().all(|&length| {
        parts.next().is_some_and(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()))
    }) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_checked_by_shape() {
        assert!("53.02".parse::<DistrictCode>().is_ok());
        assert_eq!("53.02.01.1001".parse::<VillageCode>().expect("valid").district().as_str(), "53.02");
        for wrong in ["53.2", "5302", "53.02.", "53.02.01", "٥٣.02", ""] {
            assert!(wrong.parse::<DistrictCode>().is_err(), "{wrong}");
        }
        assert!("V01".parse::<UnitId>().is_ok());
        assert!("v01".parse::<UnitId>().is_err());
    }

    #[test]
    fn a_document_id_names_its_kind() {
        let id = DocumentId::new([7; 10], Kind::Person, 258);
        assert_eq!(id.kind(), Some(Kind::Person));
        assert_eq!(id.to_string(), "07070707070707070707020000000102");
        assert_eq!(id.to_string().parse::<DocumentId>(), Ok(id));
    }
}
