//! The packed codec: the entries of a batch taken apart into columns across all documents.
//!
//! A body is, in this order: [`LAYOUT`], the number of a dictionary (0 for none, 255 with a name behind it for one that
//! did not come with the program), how many bytes it inflates to as a varint, and a zstd frame without its four magic
//! bytes. What it inflates to begins with tables: the
//! entries that parents name, earlier ones of the log, or of a feed those of its reader's own log; actors; prefixes of document ids; hashes; authors' logs; and the shapes of
//! operations, one for most changes of a batch. Then come columns that say what each entry is, as differences
//! from what is expected; then a column of values for each key, across documents; then rows, of entries that
//! hold no change. Reader and writer walk through the entries alike and expect the same, so that what is as
//! expected costs nothing.
//!
//! No hash of a change in the batch travels: who reads makes the change and its hash anew, and the batch's
//! signed chain proves them. A parent outside the batch travels as its place in the log where it has one, else
//! as its hash; the place gives the document too.
//!
//! **Invariants:** what is written reads back as it was, or [`encode`] gives none: it reads its own work. No
//! bytes make the reader panic, or hold more than [`INFLATED_BYTES_MAX`] inflated, [`OPERATIONS_TOTAL_MAX`]
//! operations and [`TEXT_BYTES_MAX`] of text.

mod dictionary;
mod layout;
mod memory;
mod read;
mod shape;
mod write;

use std::collections::BTreeMap;

pub use self::dictionary::{
    DICTIONARY_BYTES_MAX, Dictionary, DictionaryError, DictionaryName, NEWEST, OLDEST, Packs,
};
use self::{read::Walk, write::Writer};
use super::{
    batch::Entry,
    column::{ColumnError, Reader, put_varint},
};
use crate::{
    change::Change,
    id::{ChangeHash, DocumentId},
};

/// How bodies are laid out, their first byte.
pub const LAYOUT: u8 = 1;
/// Bytes that a body may inflate to.
pub const INFLATED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Operations and their predecessors that a batch may hold.
pub const OPERATIONS_TOTAL_MAX: usize = 128 * 1024;
/// Bytes of text that a batch may hold: what stands in it once, and as often as it is used.
pub const TEXT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Earlier entries of its log that a batch may name.
pub const REFERENCES_MAX: usize = 1_000;

/// What zstd's frames begin with.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Without a dictionary: each byte is paid on a thin link.
const LEVEL: i32 = 19;
/// In place of a number: the name of a dictionary follows.
const BROUGHT: u8 = 0xff;

/// Why bytes are no packed body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// A layout that this version does not know.
    #[error("layout {found} of a packed batch is unknown")]
    Layout {
        /// Its number.
        found: u8,
    },
    /// A dictionary that this version does not have.
    #[error("dictionary {found} of a packed batch is unknown")]
    Dictionary {
        /// Its number.
        found: u8,
    },
    /// A dictionary that was brought to its writer, and not here.
    #[error("a packed batch names the dictionary {name}, which is not here")]
    Lacking {
        /// Its name.
        name: DictionaryName,
    },
    /// It would inflate to more bytes than allowed.
    #[error("a packed batch of {found} bytes where {INFLATED_BYTES_MAX} are allowed")]
    Inflated {
        /// What it says of itself.
        found: u64,
    },
    /// It does not inflate to what it says of itself.
    #[error("a packed batch does not inflate to what it says")]
    Zstd,
    /// A column is malformed.
    #[error(transparent)]
    Column(#[from] ColumnError),
    /// A shape is malformed.
    #[error("a shape of operations is malformed")]
    Shape,
    /// Too many operations, predecessors or parents together.
    #[error("a packed batch holds more than {OPERATIONS_TOTAL_MAX} parts of changes")]
    Parts,
    /// A row is malformed, or holds what belongs into columns.
    #[error("a row of a packed batch is malformed")]
    Row,
    /// Bytes are left over.
    #[error("bytes follow on a packed batch")]
    Rest,
    /// It names an entry of its log that is not held.
    #[error("the batch names entry {index} of its log, which is not held")]
    Reference {
        /// The entry's index.
        index: u64,
    },
    /// A change that another one names as parent cannot be built.
    #[error("entry {position} of the batch, a parent, cannot be built")]
    Parent {
        /// Its position in the batch, from 0.
        position: usize,
    },
}

/// A change at its place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The document.
    pub document: DocumentId,
    /// The change.
    pub hash: ChangeHash,
}

/// Earlier entries of a log, to which a batch of it may refer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    by_index: BTreeMap<u64, Place>,
    by_hash: BTreeMap<ChangeHash, u64>,
}

/// Bytes of a place in [`Places::to_bytes`]: its index, its document, its hash.
const PLACE_BYTES: usize = 8 + 16 + 32;

impl Places {
    /// Adds the change at entry `index`.
    pub fn insert(&mut self, index: u64, place: Place) {
        self.by_index.insert(index, place);
        self.by_hash.insert(place.hash, index);
    }

    /// The change at entry `index`.
    pub fn get(&self, index: u64) -> Option<Place> {
        self.by_index.get(&index).copied()
    }

    /// The entry that holds the change named `hash`.
    pub fn index_of(&self, hash: &ChangeHash) -> Option<u64> {
        self.by_hash.get(hash).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_index.is_empty()
    }

    /// Those of `indexes` alone.
    #[must_use]
    pub fn only(&self, indexes: &[u64]) -> Self {
        let mut some = Self::default();
        for index in indexes {
            if let Some(place) = self.get(*index) {
                some.insert(*index, place);
            }
        }
        some
    }

    /// The form in which a store keeps them: 56 bytes each.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PLACE_BYTES * self.len());
        for (index, place) in &self.by_index {
            bytes.extend_from_slice(&index.to_be_bytes());
            bytes.extend_from_slice(&place.document.0);
            bytes.extend_from_slice(&place.hash.0);
        }
        bytes
    }

    /// Reads [`Places::to_bytes`]; `None` of anything else.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let mut places = Self::default();
        for place in bytes.chunks(PLACE_BYTES) {
            let (index, rest) = place.split_first_chunk()?;
            let (document, hash) = rest.split_first_chunk()?;
            let hash = ChangeHash(hash.try_into().ok()?);
            places.insert(u64::from_be_bytes(*index), Place { document: DocumentId(*document), hash });
        }
        Some(places)
    }
}

/// A packed body, and the earlier entries of its log that are needed to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The body.
    pub bytes: Vec<u8>,
    /// Indexes of the entries, ascending.
    pub references: Vec<u64>,
}

/// Packs entries, each with the hash of the change that it holds. Parents that are in `places` are named by
/// their place; bodies are written with the newest dictionary that the reader knows. `None` where the entries
/// do not read back as they were, or are over a limit.
pub fn encode(entries: &[(Entry, Option<ChangeHash>)], places: &Places, packs: &Packs) -> Option<Packed> {
    let (columns, references) = columns(entries, places)?;
    let mut hasher = |position: usize, _: &Change| entries.get(position).and_then(|(_, hash)| *hash);
    let read =
        Walk::new(&columns, entries.len(), places, &mut hasher).and_then(|walk| walk.run(entries.len()));
    let same = |((read, _), (entry, _)): (&(Entry, _), &(Entry, _))| is_same(read, entry);
    if !read.is_ok_and(|read| read.len() == entries.len() && read.iter().zip(entries).all(same)) {
        return None;
    }
    let dictionary = packs.writes(columns.len());
    let frame = match dictionary {
        Some(dictionary) => dictionary.compress(&columns).ok()?,
        None => {
            let mut compressor = zstd::bulk::Compressor::new(LEVEL).ok()?;
            compressor.include_contentsize(false).ok()?;
            compressor.compress(&columns).ok()?
        }
    };
    let mut bytes = vec![LAYOUT];
    match dictionary {
        None => bytes.push(0),
        Some(brought) if brought.number() == 0 => {
            bytes.push(BROUGHT);
            bytes.extend_from_slice(&brought.name().0);
        }
        Some(inside) => bytes.push(inside.number()),
    }
    put_varint(&mut bytes, columns.len() as u64);
    bytes.extend_from_slice(frame.strip_prefix(&ZSTD_MAGIC)?);
    Some(Packed { bytes, references })
}

/// What [`encode`] compresses, and the earlier entries that it names; dictionaries are trained from such.
pub fn columns(entries: &[(Entry, Option<ChangeHash>)], places: &Places) -> Option<(Vec<u8>, Vec<u64>)> {
    let mut writer = Writer::new(entries, places);
    for (position, (entry, hash)) in entries.iter().enumerate() {
        writer.entry(position, entry, *hash).ok()?;
    }
    let (columns, references) = writer.finish();
    (columns.len() <= INFLATED_BYTES_MAX && references.len() <= REFERENCES_MAX)
        .then_some((columns, references))
}

/// Whether two entries are the same to the bit: a number that is not one is unlike itself.
fn is_same(one: &Entry, other: &Entry) -> bool {
    one == other || minicbor::to_vec(one).ok() == minicbor::to_vec(other).ok()
}

/// Reads an [inflated](inflate) body of `count` entries; each comes with the hash of its change where that was needed. `places`
/// holds the earlier entries that it [names](references), `hash` gives the name of a change, or `None` where
/// none can be built.
///
/// # Errors
/// The bytes are not such a body, it is over a limit, or an entry that it names is not in `places`.
pub fn decode(
    columns: &[u8],
    count: usize,
    places: &Places,
    hash: fn(&Change) -> Option<ChangeHash>,
) -> Result<Vec<(Entry, Option<ChangeHash>)>, PackError> {
    Walk::new(columns, count, places, &mut |_, change| hash(change))?.run(count)
}

/// Indexes of the log's earlier entries that an [inflated](inflate) body names, ascending.
///
/// # Errors
/// The bytes are no body.
pub fn references(columns: &[u8]) -> Result<Vec<u64>, PackError> {
    read::references(&mut Reader::new(columns, 0), REFERENCES_MAX)
}

/// The name of the dictionary that a body was written with, where that did not come with the program.
pub fn dictionary_name(body: &[u8]) -> Option<DictionaryName> {
    match body {
        [LAYOUT, BROUGHT, a, b, c, d, ..] => Some(DictionaryName([*a, *b, *c, *d])),
        _ => None,
    }
}

/// Inflates a body, which says of itself how large it becomes; `brought` is the dictionary that it
/// [names](dictionary_name), as far as that is here.
///
/// # Errors
/// The bytes are no body, it is over a limit, or names another dictionary.
pub fn inflate(body: &[u8], brought: Option<&Dictionary>) -> Result<Vec<u8>, PackError> {
    let mut reader = Reader::new(body, 0);
    match reader.byte()? {
        LAYOUT => {}
        found => return Err(PackError::Layout { found }),
    }
    let dictionary = match reader.byte()? {
        0 => None,
        BROUGHT => {
            let name = DictionaryName(reader.array()?);
            Some(brought.filter(|brought| brought.name() == name).ok_or(PackError::Lacking { name })?)
        }
        found => Some(Dictionary::of(found).ok_or(PackError::Dictionary { found })?),
    };
    let found = reader.varint()?;
    let size = usize::try_from(found).ok().filter(|size| *size <= INFLATED_BYTES_MAX);
    let size = size.ok_or(PackError::Inflated { found })?;
    let frame = [&ZSTD_MAGIC, reader.rest()].concat();
    let columns = match dictionary {
        Some(dictionary) => dictionary.decompress(&frame, size),
        None => zstd::bulk::decompress(&frame, size),
    };
    let columns = columns.map_err(|_| PackError::Zstd)?;
    if columns.len() == size { Ok(columns) } else { Err(PackError::Zstd) }
}

#[cfg(test)]
mod tests;
