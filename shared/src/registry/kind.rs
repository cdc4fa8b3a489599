//! Which registry a table is.

use std::{fmt, str::FromStr};

/// The longest name of a kind.
const NAME_BYTES_MAX: usize = 32;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// A registry. Its name is the same in commands, on the wire and on disk.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
            /// A registry of a newer hub: kept and passed on, not read.
            Other(OtherKind),
        }

        impl Kind {
            /// Every kind that this version reads.
            pub const KNOWN: &'static [Self] = &[$(Self::$name),*];

            /// The name.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other(other) => &other.0,
                }
            }
        }

        impl FromStr for Kind {
            type Err = ParseKindError;

            fn from_str(text: &str) -> Result<Self, ParseKindError> {
                match text {
                    $($text => Ok(Self::$name),)*
                    _ => OtherKind::new(text).map(Self::Other),
                }
            }
        }
    };
}

kinds! {
    /// The district's villages.
    Villages = "villages",
    /// Where units stand.
    ServicePoints = "service_points",
    /// The catalogue: what is served, by which agency, on what terms.
    Services = "services",
    /// National, joint and local holidays.
    Holidays = "holidays",
    /// Vans, boats and teams with the villages that they serve.
    Units = "units",
    /// Officers and the agencies that they act for.
    Officers = "officers",
    /// Enrolled laptops by their names on slips.
    Devices = "devices",
    /// Where the hub is reached.
    Addresses = "addresses",
    /// People whom villages announced before a visit. The file is the list: a new one takes the place of the old.
    Prelist = "prelist",
    /// Numbers and serials of blanks that are lent to units and laptops.
    Leases = "leases",
}

/// The name of a kind that this version does not know; never that of a known one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OtherKind(String);

/// A text that cannot name a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the name of a registry, such as villages")]
pub struct ParseKindError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

impl Kind {
    /// Whether this version reads rows of the kind.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Other(_))
    }

    /// Whether versions that are no longer in force stay: cases name the catalogue that they were opened under. Of
    /// every other kind an earlier version goes as soon as no difference starts from it.
    pub fn keeps_versions(&self) -> bool {
        matches!(self, Self::Services)
    }
}

impl OtherKind {
    fn new(text: &str) -> Result<Self, ParseKindError> {
        let valid = (1..=NAME_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseKindError { text: text.chars().take(64).collect() })
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<C> minicbor::Encode<C> for Kind {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(self.as_str())?;
        Ok(())
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Kind {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.str()?.parse().map_err(|_| minicbor::decode::Error::message("not the name of a registry"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_kind_is_named_once() {
        for kind in Kind::KNOWN {
            assert_eq!(kind.as_str().parse::<Kind>().as_ref(), Ok(kind));
        }
    }

    #[test]
    fn a_newer_kind_is_kept() {
        let newer: Kind = "tide_tables".parse().expect("well formed");
        assert!(!newer.is_known());
        let bytes = minicbor::to_vec(&newer).expect("encodes");
        assert_eq!(minicbor::decode::<Kind>(&bytes).expect("decodes"), newer);
        for wrong in ["", "Villages", "service-points", "a\nb", &"a".repeat(33)] {
            assert!(wrong.parse::<Kind>().is_err(), "{wrong:?}");
        }
    }
}
