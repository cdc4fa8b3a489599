//! What citizens agree to, and how they confirm what was read to them.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// A text to which citizens agree.
///
/// **Invariant:** the words of a version never change; other words are a new version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text {
    /// What a case keeps of it.
    pub version: &'static str,
    /// In Indonesian, to be read out.
    pub indonesian: &'static str,
    /// In English.
    pub english: &'static str,
}

/// The text that is shown now.
pub const NOW: &Text = &TEXTS[TEXTS.len() - 1];

/// Every text that was ever shown, the newest last.
pub const TEXTS: &[Text] = &[Text {
    version: "2026-1",
    indonesian: "Bapak/Ibu setuju data diri dan berkas Bapak/Ibu dicatat di laptop ini dan dikirim ke instansi \
                 yang mengurus layanan yang diminta, hanya untuk layanan itu. Bapak/Ibu boleh melihat datanya, \
                 meminta perbaikan, dan menarik persetujuan ini lewat petugas.",
    english: "You agree that your data and papers are recorded on this laptop and sent to the agency that \
              handles the service you ask for, for that service alone. You may see your data, have it \
              corrected, and withdraw this consent through an officer.",
}];

/// The text of a version, where this program knows it.
pub fn of(version: &str) -> Option<&'static Text> {
    TEXTS.iter().find(|text| text.version == version)
}

/// How a citizen confirmed what was read out. Only that it was done is kept: no signature, no thumb print.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirmation {
    /// A signature on paper.
    Signature,
    /// A thumb print on paper.
    Thumb,
    /// Two witnesses, who are named.
    Witnesses,
}

impl Confirmation {
    /// All of them, the usual one first.
    pub const ALL: [Self; 3] = [Self::Signature, Self::Thumb, Self::Witnesses];

    /// The word that documents and commands use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Thumb => "thumb",
            Self::Witnesses => "witnesses",
        }
    }
}

impl fmt::Display for Confirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no way to confirm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no way to confirm; one of signature, thumb, witnesses")]
pub struct ParseConfirmationError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

impl FromStr for Confirmation {
    type Err = ParseConfirmationError;

    fn from_str(text: &str) -> Result<Self, ParseConfirmationError> {
        let found = Self::ALL.into_iter().find(|way| way.as_str() == text);
        found.ok_or_else(|| ParseConfirmationError { text: text.chars().take(64).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::schema::CODE_BYTES_MAX;

    #[test]
    fn every_version_stands_once_and_fits_its_key() {
        for (index, text) in TEXTS.iter().enumerate() {
            assert!(text.version.len() <= CODE_BYTES_MAX);
            assert_eq!(TEXTS.iter().position(|other| other.version == text.version), Some(index));
            assert_eq!(of(text.version), Some(text));
        }
        assert_eq!(of("2025-9"), None);
    }

    /// The words of a version that was shown are what people agreed to.
    #[test]
    fn the_words_of_a_version_stay() {
        let sums = TEXTS.iter().map(|text| {
            let sum = blake3::hash(format!("{}\n{}", text.indonesian, text.english).as_bytes());
            (text.version, sum.to_hex()[..16].to_owned())
        });
        assert_eq!(sums.collect::<Vec<_>>(), [("2026-1", "0ebb5fb23c60aa0c".to_owned())]);
    }

    #[test]
    fn ways_to_confirm_are_read_as_they_are_written() {
        for way in Confirmation::ALL {
            assert_eq!(way.to_string().parse(), Ok(way));
        }
        assert!("fingerprint".parse::<Confirmation>().is_err());
    }
}
