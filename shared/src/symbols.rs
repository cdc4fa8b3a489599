//! Bytes as characters that people type, read aloud and scan: Crockford's base 32, and two check characters behind it.
//!
//! The check is CRC-10/ATM (ITU-T I.610: polynomial 0x233, nothing inverted or reflected) over the characters, five
//! bits each. A CRC finds every burst as long as itself: every wrong character, and every two neighbours that changed
//! places. Small letters, spaces and hyphens anywhere, O for 0, I and L for 1 are taken.

use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};

/// Check characters behind the others.
pub const CHECKS: usize = 2;

/// The characters, by their values.
pub(crate) const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const POLYNOMIAL: u16 = 0x233;

/// Why a text is not characters with their check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolsError {
    /// One that is never written.
    Character {
        /// Its place, from 1, spaces and hyphens left out.
        at: usize,
        /// The character.
        found: char,
    },
    /// The check does not fit: something was misread or mistyped.
    Check,
}

/// Base 32 in Crockford's alphabet, without padding.
pub fn crockford() -> &'static Encoding {
    static ENCODING: LazyLock<Encoding> = LazyLock::new(|| {
        let mut specification = Specification::new();
        specification.symbols.push_str(std::str::from_utf8(ALPHABET).expect("ASCII"));
        specification.check_trailing_bits = false;
        specification.encoding().expect("32 distinct symbols make an encoding")
    });
    &ENCODING
}

/// Characters of so many bytes, those of the check included.
pub const fn characters_of(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5) + CHECKS
}

/// The characters of `bytes`, and their check.
pub fn write(bytes: &[u8]) -> String {
    let text = crockford().encode(bytes);
    let check = check(text.bytes().filter_map(value));
    let symbol = |bits: u16| char::from(ALPHABET[usize::from(bits & 31)]);
    format!("{text}{}{}", symbol(check >> 5), symbol(check))
}

/// The values of a typed text's characters, those of the check included and not held against it.
///
/// # Errors
/// A character that is never written.
pub fn values(text: &str) -> Result<Vec<u8>, SymbolsError> {
    let typed = text.chars().filter(|typed| !typed.is_whitespace() && *typed != '-');
    let mut values = Vec::with_capacity(text.len());
    for (found, at) in typed.zip(1..) {
        let upper = match found.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let symbol = u8::try_from(upper).ok().and_then(value);
        values.push(symbol.ok_or(SymbolsError::Character { at, found })?);
    }
    Ok(values)
}

/// The bytes that [`write()`] wrote, of [`values`].
///
/// # Errors
/// The check does not fit.
pub fn bytes(values: &[u8]) -> Result<Vec<u8>, SymbolsError> {
    let (body, checks) = values.split_at(values.len().saturating_sub(CHECKS));
    let expected = check(body.iter().copied());
    if checks.iter().copied().map(u16::from).ne([expected >> 5, expected & 31]) {
        return Err(SymbolsError::Check);
    }
    let body: Vec<u8> = body.iter().map(|value| ALPHABET[usize::from(*value & 31)]).collect();
    crockford().decode(&body).map_err(|_| SymbolsError::Check)
}

fn value(symbol: u8) -> Option<u8> {
    ALPHABET.iter().zip(0..).find(|(known, _)| **known == symbol).map(|(_, value)| value)
}

/// CRC-10/ATM over symbols of five bits.
fn check(symbols: impl Iterator<Item = u8>) -> u16 {
    symbols.fold(0, |crc, symbol| crc_after(crc, symbol, 5))
}

/// The check after the lowest `bits` of `value`, highest first.
fn crc_after(crc: u16, value: u8, bits: u32) -> u16 {
    (0..bits).rev().fold(crc, |crc, bit| {
        let carry = (crc >> 9) ^ u16::from(value >> bit & 1);
        let shifted = (crc << 1) & 0x3ff;
        if carry == 1 { shifted ^ POLYNOMIAL } else { shifted }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_check_is_the_named_one() {
        // The check value of CRC-10/ATM in the catalogue of parametrised CRC algorithms.
        let crc = b"123456789".iter().fold(0, |crc, byte| crc_after(crc, *byte, 8));
        assert_eq!(crc, 0x199);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(content in prop::collection::vec(any::<u8>(), 0..120)) {
            let text = write(&content);
            prop_assert_eq!(text.len(), characters_of(content.len()));
            prop_assert_eq!(values(&text).and_then(|values| bytes(&values)), Ok(content));
        }
    }
}
