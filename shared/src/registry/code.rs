//! The codes by which rows of registries are named, beyond those that documents share.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::id::ParseIdError;

macro_rules! code {
    ($(#[$doc:meta])* $name:ident, $valid:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What a right one looks like, to complete "is not ...".
            pub const EXPECTED: &'static str = $expected;

            /// The text as people write it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, ParseIdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) {
                    Ok(Self(text))
                } else {
                    Err(ParseIdError { text: text.chars().take(64).collect(), expected: $expected })
                }
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> Self {
                code.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

code!(
    /// A service of the catalogue.
    ServiceCode,
    |text| (1..=24).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-'),
    "a service code such as DUK-LAHIR");
code!(
    /// An agency that services belong to.
    AgencyCode,
    |text| (1..=8).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()),
    "an agency code such as DUK");
code!(
    /// A service point.
    PointId,
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
    "a service point's id of letters, digits, dots and hyphens");
code!(
    /// An officer, as the officer's agency names them.
    OfficerId,
    |text| (1..=64).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(char::is_control),
    "an officer's id of at most 64 characters");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_checked_by_shape() {
        for right in ["DUK-LAHIR", "NAK-AK1"] {
            assert!(right.parse::<ServiceCode>().is_ok(), "{right}");
        }
        for wrong in ["", "duk-lahir", "-DUK", "DUK LAHIR", "DUK-LAHIR\0"] {
            assert!(wrong.parse::<ServiceCode>().is_err(), "{wrong:?}");
        }
        assert!("DUK-KK".parse::<AgencyCode>().is_err());
        assert!("53.02.01.1001-soe".parse::<PointId>().is_ok());
        assert!("Mama Ina".parse::<OfficerId>().is_ok());
        assert!(" ".parse::<OfficerId>().is_err());
        assert!(serde_json::from_str::<AgencyCode>("\"duk\"").is_err());
    }
}
