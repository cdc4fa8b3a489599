//! Dictionaries: what small bodies have in common, known to both sides beforehand.
//!
//! They are trained from invented records by `dictionary`, a program of the tests. **Invariant:** one that was
//! ever released stays, as stored bodies name it. Machines tell one another which they know.

use std::{
    fmt, io,
    sync::{LazyLock, Mutex, PoisonError},
};

use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::{CParameter, Strategy},
};

/// How a small body is searched for what it shares with a dictionary and itself: as level 15 of zstd but for
/// the last two, which halve the time and cost less than one byte in a hundred.
const SEARCH: [CParameter; 6] = [
    CParameter::WindowLog(17),
    CParameter::HashLog(17),
    CParameter::ChainLog(17),
    CParameter::Strategy(Strategy::ZSTD_btopt),
    CParameter::MinMatch(5),
    CParameter::TargetLength(20),
];
/// The level that the rest of the parameters is of.
const LEVEL: i32 = 15;
/// Bytes that a dictionary may have.
pub const DICTIONARY_BYTES_MAX: usize = 64 * 1024;
/// The number of the newest dictionary. All before it are known too, from 1; 0 is none.
pub const NEWEST: u8 = FILES.len() as u8;
/// By their numbers, from 1.
const FILES: [&[u8]; 2] = [include_bytes!("dictionary-1.zdict"), include_bytes!("dictionary-2.zdict")];

/// A dictionary, prepared for use.
pub(super) struct Dictionary {
    pub(super) number: u8,
    /// Kept, as making one takes a third of the time that a batch of ten changes takes.
    writer: Mutex<Compressor<'static>>,
    reader: Mutex<Decompressor<'static>>,
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Dictionary {
    /// The dictionary of a number, if this version has it.
    pub(super) fn of(number: u8) -> Option<&'static Self> {
        static ALL: LazyLock<Vec<Dictionary>> = LazyLock::new(|| {
            let all = FILES.iter().zip(1..).map(|(file, number)| {
                Dictionary::prepare(number, file).expect("what is released can be prepared")
            });
            all.collect()
        });
        ALL.get(usize::from(number).checked_sub(1)?)
    }

    /// The newest dictionary up to a number, if there is one.
    pub(super) fn at_most(number: u8) -> Option<&'static Self> {
        Self::of(number.min(NEWEST))
    }

    fn prepare(number: u8, file: &[u8]) -> io::Result<Self> {
        let mut writer = Compressor::with_dictionary(LEVEL, file)?;
        for parameter in SEARCH {
            writer.set_parameter(parameter)?;
        }
        writer.include_contentsize(false)?;
        writer.include_dictid(false)?;
        let reader = Decompressor::with_dictionary(file)?;
        Ok(Self { number, writer: Mutex::new(writer), reader: Mutex::new(reader) })
    }

    /// Compresses bytes to a frame of zstd, which says neither their size nor the dictionary.
    pub(super) fn compress(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        // Every call begins a frame anew, whatever became of the one before.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).compress(bytes)
    }

    /// Inflates such a frame to at most `size` bytes.
    pub(super) fn decompress(&self, frame: &[u8], size: usize) -> io::Result<Vec<u8>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).decompress(frame, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_dictionary_stays_as_it_is() {
        let hashes = FILES.map(|file| blake3::hash(file).to_hex().to_string());
        assert_eq!(
            hashes,
            [
                "419b5b8edf6698fe0752b219a070334c898d1a608bf1142296221f6c47620804",
                "eba18e5eb0e0efbe993e822126b2176798b742d40ec1e8c2c1ba8e229369f3d6",
            ]
        );
    }

    #[test]
    fn every_dictionary_is_there_and_within_its_size() {
        for number in 1..=NEWEST {
            assert_eq!(Dictionary::of(number).map(|dictionary| dictionary.number), Some(number));
            assert!(FILES[usize::from(number) - 1].len() <= DICTIONARY_BYTES_MAX);
        }
        assert!(Dictionary::of(0).is_none() && Dictionary::of(NEWEST + 1).is_none());
        assert_eq!(Dictionary::at_most(u8::MAX).map(|dictionary| dictionary.number), Some(NEWEST));
    }
}
