//! How a product comes into a citizen's hands: who collects it, and how its receipt is confirmed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Who may collect a product.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collector {
    /// The subject alone.
    Subject,
    /// A member of the family.
    Family,
    /// Anyone with a letter from the subject.
    Proxy,
    /// The village head, for many at once.
    VillageHead,
}

impl Collector {
    /// All of them, the usual one first.
    pub const ALL: [Self; 4] = [Self::Subject, Self::Family, Self::Proxy, Self::VillageHead];

    /// The word that documents, registries and commands use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Family => "family",
            Self::Proxy => "proxy",
            Self::VillageHead => "village_head",
        }
    }
}

/// How whoever takes a product confirms that it came into their hands. Nothing of it is analysed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Received {
    /// A signature on paper.
    Signature,
    /// A thumb print on paper.
    Thumb,
    /// A signature on the laptop's pad, whose picture is an attachment of the case.
    Pad,
}

impl Received {
    /// All of them, those on paper first.
    pub const ALL: [Self; 3] = [Self::Signature, Self::Thumb, Self::Pad];

    /// The word that documents and commands use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Thumb => "thumb",
            Self::Pad => "pad",
        }
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names nobody who may collect, or no way to confirm it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCollectionError {
    /// Nobody who may collect.
    #[error("`{text}` is nobody who may collect; one of {}", listed(&Collector::ALL))]
    Collector {
        /// What was given, cut to 64 characters.
        text: String,
    },
    /// No way to confirm.
    #[error("`{text}` is no way to confirm a receipt; one of {}", listed(&Received::ALL))]
    Received {
        /// What was given, cut to 64 characters.
        text: String,
    },
}

impl FromStr for Collector {
    type Err = ParseCollectionError;

    fn from_str(text: &str) -> Result<Self, ParseCollectionError> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| ParseCollectionError::Collector { text: text.chars().take(64).collect() })
    }
}

impl FromStr for Received {
    type Err = ParseCollectionError;

    fn from_str(text: &str) -> Result<Self, ParseCollectionError> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| ParseCollectionError::Received { text: text.chars().take(64).collect() })
    }
}

/// Words one after the other, for a sentence.
pub(crate) fn listed<T: fmt::Display>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_no_other_does() {
        for one in Collector::ALL {
            assert_eq!(one.as_str().parse(), Ok(one));
            assert_eq!(serde_json::to_string(&one).expect("writes"), format!("\"{one}\""));
        }
        for one in Received::ALL {
            assert_eq!(one.as_str().parse(), Ok(one));
            assert_eq!(serde_json::to_string(&one).expect("writes"), format!("\"{one}\""));
        }
        let wrong = "neighbour".parse::<Collector>().expect_err("nobody");
        assert!(wrong.to_string().contains("subject, family, proxy, village_head"), "{wrong}");
        assert!("fingerprint".parse::<Received>().is_err());
    }
}
