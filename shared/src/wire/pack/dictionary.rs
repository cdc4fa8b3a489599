//! Dictionaries: what bodies have in common, known to both sides beforehand.
//!
//! Some come inside the program and go by their number; others are brought by a hub's operator, travel as files do,
//! and go by the beginning of their hash. `dictionary`, a program of the tests, trains them from records.
//! **Invariant:** one that was ever released stays inside, as stored bodies name it. Machines tell one another which
//! they know, and nobody is written to with another.

use std::{
    fmt, io,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use minicbor::{Decode, Encode};
use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::{CParameter, Strategy},
};

use super::dictionary_name;

/// How a small body is searched for what it shares with a dictionary and itself: so that a change of ten takes no
/// longer than one of two thousand.
const QUICK: [CParameter; 6] = [
    CParameter::WindowLog(17),
    CParameter::HashLog(17),
    CParameter::ChainLog(17),
    CParameter::SearchLog(6),
    CParameter::MinMatch(5),
    CParameter::Strategy(Strategy::ZSTD_greedy),
];
/// Bodies of so many bytes are searched by zstd's level alone: each byte is paid on a thin link.
const THOROUGH_BYTES_MIN: usize = 8 * 1024;
/// Its tables for a dictionary of this size reach no further back.
const DICTIONARY_USED_BYTES: usize = 128 * 1024;
/// What else is to be said of a search.
const LEVEL: i32 = 19;
/// Bytes that a dictionary may have.
pub const DICTIONARY_BYTES_MAX: usize = 64 * 1024;
/// Bytes that zstd trains at least.
const DICTIONARY_BYTES_MIN: usize = 256;
/// The number of the dictionary that everybody knows who reads packed batches at all.
pub const OLDEST: u8 = 1;
/// The number of the newest dictionary inside. All before it are known too, from 1; 0 is none.
pub const NEWEST: u8 = FILES.len() as u8;
/// By their numbers, from 1.
const FILES: [&[u8]; 3] = [
    include_bytes!("dictionary-1.zdict"),
    include_bytes!("dictionary-2.zdict"),
    include_bytes!("dictionary-3.zdict"),
];
/// What a trained dictionary begins with.
const MAGIC: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];

/// What a brought dictionary goes by: the first bytes of its blake3. No store holds two of one name, and under another
/// dictionary of that name a batch would not lead to its signed chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode)]
#[cbor(transparent)]
pub struct DictionaryName(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 4]);

impl DictionaryName {
    /// The name of a file.
    pub fn of_file(file: &[u8]) -> Self {
        let [a, b, c, d, ..] = *blake3::hash(file).as_bytes();
        Self([a, b, c, d])
    }
}

impl fmt::Display for DictionaryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::id::hex(&self.0))
    }
}

/// Why a file is no dictionary that can be brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DictionaryError {
    /// More bytes than allowed.
    #[error("a dictionary of {found} bytes where {DICTIONARY_BYTES_MAX} are allowed")]
    Bytes {
        /// How many there are.
        found: usize,
    },
    /// It was not trained by zstd, or is damaged.
    #[error("the file is no dictionary of zstd, or is damaged")]
    Malformed,
    /// It is one of those inside.
    #[error("the program knows this dictionary already, as number {number}")]
    Inside {
        /// Its number.
        number: u8,
    },
}

/// A dictionary, prepared for use.
pub struct Dictionary {
    name: DictionaryName,
    /// Of one inside; 0 of one that was brought.
    number: u8,
    /// Kept, as making one takes a good part of the time that a batch of ten changes takes.
    quick: Mutex<Compressor<'static>>,
    thorough: Mutex<Compressor<'static>>,
    reader: Mutex<Decompressor<'static>>,
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Dictionary {}

impl Dictionary {
    /// The number of the dictionary inside whose file this is, if it is one.
    pub fn inside(file: &[u8]) -> Option<u8> {
        (1..).zip(FILES).find_map(|(number, known)| (known == file).then_some(number))
    }

    /// Prepares a dictionary that was brought; one that has come inside since is read by its name still.
    ///
    /// # Errors
    /// The file is none, or is too large.
    pub fn of_file(file: &[u8]) -> Result<Self, DictionaryError> {
        if file.len() > DICTIONARY_BYTES_MAX {
            return Err(DictionaryError::Bytes { found: file.len() });
        }
        // What is shorter is taken for words rather than for a dictionary.
        if file.len() < DICTIONARY_BYTES_MIN || !file.starts_with(&MAGIC) {
            return Err(DictionaryError::Malformed);
        }
        let dictionary = Self::prepare(0, file).map_err(|_| DictionaryError::Malformed)?;
        // zstd looks into a dictionary at its first use.
        let probe = &file[file.len() / 2..];
        let reads = |writer| {
            let read = compressed(writer, probe).and_then(|frame| dictionary.decompress(&frame, probe.len()));
            read.is_ok_and(|read| read == probe)
        };
        let sound = reads(&dictionary.quick) && reads(&dictionary.thorough);
        if sound { Ok(dictionary) } else { Err(DictionaryError::Malformed) }
    }

    /// What it goes by where it was brought.
    pub fn name(&self) -> DictionaryName {
        self.name
    }

    /// Its number, of one inside; 0 of one that was brought.
    pub(super) fn number(&self) -> u8 {
        self.number
    }

    /// The dictionary inside of a number, if this version has it.
    pub(super) fn of(number: u8) -> Option<&'static Self> {
        static ALL: LazyLock<Vec<Dictionary>> = LazyLock::new(|| {
            let all = FILES.iter().zip(1..).map(|(file, number)| {
                Dictionary::prepare(number, file).expect("what is released can be prepared")
            });
            all.collect()
        });
        ALL.get(usize::from(number).checked_sub(1)?)
    }

    fn prepare(number: u8, file: &[u8]) -> io::Result<Self> {
        let mut quick = Compressor::with_dictionary(LEVEL, file)?;
        for parameter in QUICK {
            quick.set_parameter(parameter)?;
        }
        let mut thorough = Compressor::with_dictionary(LEVEL, file)?;
        for writer in [&mut quick, &mut thorough] {
            writer.include_contentsize(false)?;
            writer.include_dictid(false)?;
        }
        let reader = Decompressor::with_dictionary(file)?;
        let name = DictionaryName::of_file(file);
        Ok(Self {
            name,
            number,
            quick: Mutex::new(quick),
            thorough: Mutex::new(thorough),
            reader: Mutex::new(reader),
        })
    }

    /// Compresses bytes to a frame of zstd, which says neither their size nor the dictionary.
    pub(super) fn compress(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        compressed(if bytes.len() < THOROUGH_BYTES_MIN { &self.quick } else { &self.thorough }, bytes)
    }

    /// Inflates such a frame to at most `size` bytes.
    pub(super) fn decompress(&self, frame: &[u8], size: usize) -> io::Result<Vec<u8>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).decompress(frame, size)
    }
}

fn compressed(writer: &Mutex<Compressor<'static>>, bytes: &[u8]) -> io::Result<Vec<u8>> {
    // Every call begins a frame anew, whatever became of the one before.
    writer.lock().unwrap_or_else(PoisonError::into_inner).compress(bytes)
}

/// What a reader of packed batches knows, and the writer with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packs {
    /// The newest dictionary inside that both know, 0 of none; those before it are known too.
    pub number: u8,
    /// Brought ones that both hold, the newest first: it is written with, the others are read.
    pub brought: Vec<Arc<Dictionary>>,
}

impl Packs {
    /// Those inside alone, up to a number.
    pub fn inside(number: u8) -> Self {
        Self { number, brought: Vec::new() }
    }

    /// Whether the reader knows the dictionary of a body.
    pub fn reads(&self, body: &[u8]) -> bool {
        match (dictionary_name(body), body.get(1)) {
            (Some(name), _) => self.brought.iter().any(|known| known.name() == name),
            (None, number) => number.is_some_and(|number| *number <= self.number),
        }
    }

    /// The dictionary that columns of so many bytes are written with, if there is one.
    pub(super) fn writes(&self, bytes: usize) -> Option<&Dictionary> {
        if bytes > DICTIONARY_USED_BYTES {
            return None;
        }
        self.brought.first().map_or_else(|| Dictionary::of(self.number.min(NEWEST)), |brought| Some(brought))
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
                "69331c630a8202bf5c0ef519ca0e08d7283eba31070183332f05fcf1d512b550",
            ]
        );
    }

    #[test]
    fn every_dictionary_is_there_and_within_its_size() {
        for number in 1..=NEWEST {
            assert_eq!(Dictionary::of(number).map(Dictionary::number), Some(number));
            assert!(FILES[usize::from(number) - 1].len() <= DICTIONARY_BYTES_MAX);
        }
        assert!(Dictionary::of(0).is_none() && Dictionary::of(NEWEST + 1).is_none());
        assert_eq!(Packs::inside(u8::MAX).writes(1).map(Dictionary::number), Some(NEWEST));
        assert_eq!(Packs::inside(0).writes(1), None);
    }

    #[test]
    fn what_is_no_dictionary_is_refused_with_its_reason() {
        let refused = |file: &[u8]| Dictionary::of_file(file).expect_err("is refused");
        assert_eq!((Dictionary::inside(FILES[1]), Dictionary::inside(b"words")), (Some(2), None));
        assert!(Dictionary::of_file(FILES[1]).is_ok(), "a batch may name it still");
        assert_eq!(refused(&[7; DICTIONARY_BYTES_MAX + 1]), DictionaryError::Bytes { found: 65_537 });
        for broken in
            [&b""[..], b"words", &FILES[0][..4], &FILES[0][..40], &[&FILES[0][..8], &[0xff; 999]].concat()]
        {
            assert_eq!(refused(broken), DictionaryError::Malformed);
        }
    }
}
