//! A batch: consecutive entries of one log, encoded once, signed at its end, stored as it came.

use std::sync::Arc;

use minicbor::{Decode, Encode};

use super::pack::{self, Dictionary, DictionaryName, PackError, Packed, Packs, Places};
use crate::{
    change::{
        Action, Change, Key, OPERATIONS_MAX, PARENTS_MAX, PREDECESSORS_MAX, PREDECESSORS_TOTAL_MAX, Scalar,
    },
    id::{ChangeHash, DeviceId, DocumentId, Epoch},
};

/// Encoded bytes that a batch is filled to.
pub const BATCH_BYTES_MAX: usize = 64 * 1024;
/// Encoded bytes that a received batch may have: one entry may overshoot the mark.
pub const BATCH_BYTES_RECEIVED_MAX: usize = 2 * BATCH_BYTES_MAX;
/// Entries that a batch may hold.
pub const BATCH_ENTRIES_MAX: usize = 4_096;
/// Bytes that a batch's entries may inflate to.
pub const BATCH_INFLATED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of one entry in row form.
pub const ENTRY_BYTES_MAX: usize = 60 * 1024;
/// Below this many bytes of rows, packing may not be worth its tables: rows are tried too.
const ROWS_TRIED_BYTES: usize = 4 * 1024;
/// Bytes that an operation in row form has at most besides its texts, bytes and predecessors.
const OPERATION_BYTES: usize = 96;
/// Bytes of an operation's id in row form.
const ID_BYTES: usize = 28;
/// Bytes that an entry in row form has at most besides its operations, for entries that hold a change.
const HEAD_BYTES: usize = 160;
/// Below this many bytes a batch is not worth compressing.
const COMPRESS_BYTES_MIN: usize = 256;

/// Which log: a device's own, or the hub's feed to one device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode)]
pub struct LogName {
    /// Who writes it and signs it.
    #[n(0)]
    pub author: DeviceId,
    /// The author's life in which it was begun.
    #[n(1)]
    pub epoch: Epoch,
    /// For a feed: the device, and its life, that it is written for.
    #[n(2)]
    pub reader: Option<Reader>,
}

impl LogName {
    /// The part of a device's log behind `before` that contradicts, or leaves a gap behind, what a store holds
    /// of the log: a branch stands in a log of its own.
    pub fn branch(self, before: Chain) -> Self {
        Self { reader: Some(Reader { device: self.author, epoch: Epoch(before.0) }), ..self }
    }

    /// Whether it is a feed.
    pub fn is_feed(&self) -> bool {
        self.reader.is_some() && self.author == DeviceId::HUB
    }

    /// Whether it is a [`LogName::branch`].
    pub fn is_branch(&self) -> bool {
        self.reader.is_some() && self.author != DeviceId::HUB
    }

    /// The log whose entries a batch names by their places: its own, of a feed its reader's.
    pub fn named(self) -> Self {
        match self.reader {
            Some(reader) if self.is_feed() => {
                Self { author: reader.device, epoch: reader.epoch, reader: None }
            }
            _ => self,
        }
    }

    /// The name that the author signed: a branch's is that of its log.
    pub fn signed(self) -> Self {
        if self.is_branch() { Self { reader: None, ..self } } else { self }
    }
}

/// Whom a feed is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode)]
pub struct Reader {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// Its life.
    #[n(1)]
    pub epoch: Epoch,
}

/// The running digest of a log: `chain_n = blake3(chain_{n-1}, kind, entry_n)[..16]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug, Encode, Decode)]
#[cbor(transparent)]
pub struct Chain(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

/// Who wrote a change that a feed carries, and where in the author's log it stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode)]
pub struct Origin {
    /// The author.
    #[n(0)]
    pub device: DeviceId,
    /// The author's life.
    #[n(1)]
    pub epoch: Epoch,
    /// Position in the author's log, from 1.
    #[n(2)]
    pub index: u64,
}

/// One entry of a log.
#[derive(Clone, PartialEq, Debug, Encode, Decode)]
pub enum Entry {
    /// A change that the log's author made.
    #[n(0)]
    Change {
        /// The document.
        #[n(0)]
        document: DocumentId,
        /// The operations.
        #[cbor(n(1), with = "held")]
        change: Arc<Change>,
    },
    /// From here on the author writes changes as this actor.
    #[n(1)]
    Actor {
        /// What the actor was made of, with the author's key.
        #[cbor(n(0), with = "minicbor::bytes")]
        nonce: [u8; 16],
    },
    /// A signed statement of the author: a seal, a custody note.
    #[n(2)]
    Note {
        /// What is stated, by a number that newer versions add to.
        #[n(0)]
        about: u32,
        /// The statement.
        #[cbor(n(1), with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
    /// A change whose operations were removed by an erasure; its hash keeps the chain whole.
    #[n(3)]
    Erased {
        /// The erased document.
        #[n(0)]
        document: DocumentId,
        /// The change that stood here.
        #[n(1)]
        hash: ChangeHash,
    },
    /// Feed: another author's change.
    #[n(10)]
    Fed {
        /// Who wrote it.
        #[n(0)]
        origin: Origin,
        /// The document.
        #[n(1)]
        document: DocumentId,
        /// The operations.
        #[cbor(n(2), with = "held")]
        change: Arc<Change>,
    },
    /// Feed: the document is in the reader's scope from here on.
    #[n(11)]
    Enter {
        /// The document.
        #[n(0)]
        document: DocumentId,
    },
    /// Feed: the document is out of the reader's scope from here on.
    #[n(12)]
    Leave {
        /// The document.
        #[n(0)]
        document: DocumentId,
    },
    /// Feed: which documents are in the reader's scope is told anew, by the entries behind this one.
    #[n(16)]
    Anew,
    /// Feed: a change of the reader is held in quarantine.
    #[n(13)]
    Refused {
        /// Where it stands.
        #[n(0)]
        origin: Origin,
        /// The document.
        #[n(1)]
        document: DocumentId,
        /// The change.
        #[n(2)]
        hash: ChangeHash,
        /// The rule's stable name.
        #[n(3)]
        rule: String,
        /// The reason in words.
        #[n(4)]
        text: String,
    },
    /// Feed: a change was let out of quarantine.
    #[n(14)]
    Released {
        /// The change.
        #[n(0)]
        hash: ChangeHash,
    },
    /// Feed: row differences of a registry, with the hub's signature over the version they lead to.
    #[n(15)]
    Registry {
        /// The encoded difference.
        #[cbor(n(0), with = "minicbor::bytes")]
        difference: Vec<u8>,
        /// The hub's signature.
        #[cbor(n(1), with = "minicbor::bytes")]
        signature: Vec<u8>,
        /// What the version is that it leads to.
        #[n(2)]
        stage: Stage,
    },
}

impl Entry {
    /// The change that the entry holds, if it holds one.
    pub fn change(&self) -> Option<&Change> {
        self.changed().map(|(_, change)| change)
    }

    /// The document that the entry changes, and the change, if it holds one.
    pub fn changed(&self) -> Option<(DocumentId, &Change)> {
        match self {
            Self::Change { document, change } | Self::Fed { document, change, .. } => {
                Some((*document, change))
            }
            Self::Actor { .. }
            | Self::Note { .. }
            | Self::Erased { .. }
            | Self::Enter { .. }
            | Self::Leave { .. }
            | Self::Anew
            | Self::Refused { .. }
            | Self::Released { .. }
            | Self::Registry { .. } => None,
        }
    }
}

/// A change that many may hold is written as the change.
mod held {
    use std::sync::Arc;

    use minicbor::{Decode, Decoder, Encode, Encoder};

    use crate::change::Change;

    pub(super) fn encode<C, W: minicbor::encode::Write>(
        change: &Arc<Change>,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        change.as_ref().encode(encoder, context)
    }

    pub(super) fn decode<C>(
        decoder: &mut Decoder<'_>,
        context: &mut C,
    ) -> Result<Arc<Change>, minicbor::decode::Error> {
        Change::decode(decoder, context).map(Arc::new)
    }
}

/// What a version of a registry is, to which a difference in a feed leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(index_only)]
pub enum Stage {
    /// A part of the way: a long difference comes in parts.
    #[n(0)]
    Part,
    /// Once in force; cases name it.
    #[n(1)]
    Past,
    /// In force.
    #[n(2)]
    InForce,
}

/// A sum of change hashes, order-free: equal sets have equal sums.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Encode, Decode)]
pub struct Sum {
    /// First 16 bytes of every hash, added modulo 2^128.
    #[cbor(n(0), with = "minicbor::bytes")]
    sum: [u8; 16],
    /// How many hashes.
    #[n(1)]
    pub count: u64,
}

impl Sum {
    /// Adds one hash.
    pub fn add(&mut self, hash: &ChangeHash) {
        self.combine(hash, u128::wrapping_add);
        self.count = self.count.wrapping_add(1);
    }

    fn combine(&mut self, hash: &ChangeHash, operation: fn(u128, u128) -> u128) {
        let mut head = [0; 16];
        head.copy_from_slice(&hash.0[..16]);
        self.sum = operation(u128::from_be_bytes(self.sum), u128::from_be_bytes(head)).to_be_bytes();
    }
}

impl<'a> FromIterator<&'a ChangeHash> for Sum {
    fn from_iter<I: IntoIterator<Item = &'a ChangeHash>>(hashes: I) -> Self {
        let mut sum = Self::default();
        for hash in hashes {
            sum.add(hash);
        }
        sum
    }
}

impl Chain {
    /// The chain after `entry`. `hash` is the change's hash where the entry holds a change: the chain
    /// binds hashes, so that an entry may later be erased.
    pub fn after(self, entry: &Entry, hash: Option<&ChangeHash>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        match (entry, hash) {
            (Entry::Change { document, .. }, Some(hash)) | (Entry::Erased { document, hash }, _) => {
                hasher.update(b"change").update(&document.0).update(&hash.0);
            }
            (Entry::Fed { origin, document, .. }, Some(hash)) => {
                hasher.update(b"fed").update(&row(origin)).update(&document.0).update(&hash.0);
            }
            _ => {
                hasher.update(b"entry").update(&row(entry));
            }
        }
        let mut head = [0; 16];
        head.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(head)
    }
}

/// How a batch's entries are encoded. A stored batch names it, so that old ones stay readable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(index_only)]
pub enum Codec {
    /// One row after the other.
    #[n(0)]
    Rows,
    /// Rows, compressed by zstd.
    #[n(1)]
    RowsZstd,
    /// Columns: [`pack`].
    #[n(2)]
    Pack,
}

impl Codec {
    /// The number that a store keeps.
    pub fn number(self) -> i64 {
        match self {
            Self::Rows => 0,
            Self::RowsZstd => 1,
            Self::Pack => 2,
        }
    }

    /// The codec of a stored number.
    pub fn of_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Rows),
            1 => Some(Self::RowsZstd),
            2 => Some(Self::Pack),
            _ => None,
        }
    }
}

/// Consecutive entries of one log, as they travel and are stored.
#[derive(Clone, PartialEq, Debug, Encode, Decode)]
pub struct Batch {
    /// The log.
    #[n(0)]
    pub log: LogName,
    /// Index of the first entry, from 1.
    #[n(1)]
    pub first: u64,
    /// Index of the last entry.
    #[n(2)]
    pub last: u64,
    /// The chain before the first entry.
    #[n(3)]
    pub before: Chain,
    /// The chain after the last entry.
    #[n(4)]
    pub chain: Chain,
    /// How `body` is encoded.
    #[n(5)]
    pub codec: Codec,
    /// The entries.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// The author's Ed25519 signature over [`Batch::signed_message`]; empty on a batch that never left
    /// its author.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
    /// The entries of [`LogName::named`] that the body names, as far as they are known here. They do not travel:
    /// who receives a batch finds them by [`Opened::references`], and who stores it keeps them with it.
    #[cbor(skip)]
    pub places: Places,
    /// The dictionary that the body names, where it was brought and is held here. It does not travel with it.
    #[cbor(skip)]
    pub dictionary: Option<Arc<Dictionary>>,
}

/// Gives the name of a change, or `None` where none can be built.
pub type Hash = fn(&Change) -> Option<ChangeHash>;

/// Entries, each with the hash of the change that it holds, where it holds one and it is known.
pub type Hashed = Vec<(Entry, Option<ChangeHash>)>;

impl Batch {
    /// What the author signs: the log's name, the last index and the chain there.
    pub fn signed_message(log: &LogName, last: u64, chain: Chain) -> Vec<u8> {
        let mut message = row(log);
        message.extend_from_slice(&last.to_be_bytes());
        message.extend_from_slice(&chain.0);
        message
    }

    /// Encodes the batch for the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        row(self)
    }

    /// Reads a batch from the wire, its entries still encoded.
    ///
    /// # Errors
    /// The bytes are no batch, or over a limit.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, BatchError> {
        if bytes.len() > BATCH_BYTES_RECEIVED_MAX {
            return Err(BatchError::Bytes { found: bytes.len(), limit: BATCH_BYTES_RECEIVED_MAX });
        }
        let batch: Self = minicbor::decode(bytes).map_err(|_| BatchError::Malformed)?;
        let count = batch.last.checked_sub(batch.first).and_then(|n| n.checked_add(1));
        match count {
            Some(count) if batch.first > 0 && count <= BATCH_ENTRIES_MAX as u64 => Ok(batch),
            _ => Err(BatchError::Range { first: batch.first, last: batch.last }),
        }
    }

    /// The name of the dictionary that the body was written with, where that did not come with the program.
    pub fn dictionary_name(&self) -> Option<DictionaryName> {
        match self.codec {
            Codec::Rows | Codec::RowsZstd => None,
            Codec::Pack => pack::dictionary_name(&self.body),
        }
    }

    /// Whether somebody reads it who knows these dictionaries, or, where there are none, no packed batches.
    pub fn is_read_with(&self, packs: Option<&Packs>) -> bool {
        match self.codec {
            Codec::Rows | Codec::RowsZstd => true,
            Codec::Pack => packs.is_some_and(|packs| packs.reads(&self.body)),
        }
    }

    /// Inflates what travelled, to learn which earlier entries it names before it is read.
    ///
    /// # Errors
    /// The body is malformed.
    pub fn open(&self) -> Result<Opened<'_>, BatchError> {
        let packed = match self.codec {
            Codec::Rows | Codec::RowsZstd => None,
            Codec::Pack => Some(pack::inflate(&self.body, self.dictionary.as_deref())?),
        };
        Ok(Opened { batch: self, packed })
    }

    /// Decodes the entries; where a change's hash was needed for that, it comes along.
    ///
    /// # Errors
    /// The body does not hold exactly the entries that the header announces, exceeds a limit, or names an entry
    /// that is not in `places`.
    pub fn entries(&self, hash: Hash) -> Result<Hashed, BatchError> {
        self.open()?.entries(&self.places, hash)
    }

    /// Inflates the body, to read single entries of it.
    ///
    /// # Errors
    /// As [`Batch::entries`].
    pub fn rows(&self, hash: Hash) -> Result<Rows, BatchError> {
        let bytes = match self.codec {
            Codec::Rows => self.body.clone(),
            Codec::RowsZstd => zstd::bulk::decompress(&self.body, BATCH_INFLATED_BYTES_MAX)
                .map_err(|_| BatchError::Malformed)?,
            Codec::Pack => {
                let entries: Vec<_> = self.entries(hash)?.into_iter().map(|(entry, _)| entry).collect();
                let bytes_max = entries.iter().map(|entry| bytes_at_most(entry).min(ENTRY_BYTES_MAX)).sum();
                return Ok(Rows::Decoded { entries, bytes_max });
            }
        };
        let mut ends = Vec::new();
        let mut decoder = minicbor::Decoder::new(&bytes);
        let mut start = 0;
        for _ in self.first..=self.last {
            decoder.skip().map_err(|_| BatchError::Malformed)?;
            let end = decoder.position();
            within(end - start, ENTRY_BYTES_MAX)?;
            ends.push(end);
            start = end;
        }
        if start != bytes.len() {
            return Err(BatchError::Malformed);
        }
        Ok(Rows::Encoded { bytes, ends })
    }

    /// How many entries the header announces.
    fn count(&self) -> usize {
        self.last.checked_sub(self.first).map_or(0, |before| before as usize + 1)
    }
}

/// A batch whose body is inflated where it was packed.
#[derive(Debug)]
pub struct Opened<'a> {
    batch: &'a Batch,
    packed: Option<Vec<u8>>,
}

impl Opened<'_> {
    /// Indexes of the entries of [`LogName::named`] that the body names, ascending.
    ///
    /// # Errors
    /// The body is malformed.
    pub fn references(&self) -> Result<Vec<u64>, BatchError> {
        match &self.packed {
            Some(columns) => Ok(pack::references(columns)?),
            None => Ok(Vec::new()),
        }
    }

    /// As [`Batch::entries`], by these `places`.
    ///
    /// # Errors
    /// As there.
    pub fn entries(&self, places: &Places, hash: Hash) -> Result<Hashed, BatchError> {
        let Some(columns) = &self.packed else {
            let rows = self.batch.rows(hash)?;
            return (0..self.batch.count()).map(|position| Ok((rows.entry(position)?, None))).collect();
        };
        let entries = pack::decode(columns, self.batch.count(), places, hash)?;
        let mut total = 0;
        for (entry, _) in &entries {
            if let Some(change) = entry.change() {
                limits(change)?;
            }
            let bytes = match bytes_at_most(entry) {
                bytes if bytes <= ENTRY_BYTES_MAX => bytes,
                _ => entry_bytes(entry),
            };
            within(bytes, ENTRY_BYTES_MAX)?;
            total += bytes;
        }
        if total > BATCH_INFLATED_BYTES_MAX {
            within(entries.iter().map(|(entry, _)| entry_bytes(entry)).sum(), BATCH_INFLATED_BYTES_MAX)?;
        }
        Ok(entries)
    }
}

/// A batch's body, inflated: rows are decoded one at a time, what was packed is decoded already.
#[derive(Debug, Clone)]
pub enum Rows {
    /// Rows, one behind the other, and where each ends.
    Encoded {
        /// The rows.
        bytes: Vec<u8>,
        /// Their ends.
        ends: Vec<usize>,
    },
    /// Entries, and the most bytes that they have as rows.
    Decoded {
        /// The entries.
        entries: Vec<Entry>,
        /// Bytes.
        bytes_max: usize,
    },
}

impl Rows {
    /// Bytes that they hold in memory, about.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Encoded { bytes, .. } => bytes.len(),
            Self::Decoded { bytes_max, .. } => *bytes_max,
        }
    }

    /// The entry at `position`, from 0.
    ///
    /// # Errors
    /// There is none, it is malformed, or its change is over a limit.
    pub fn entry(&self, position: usize) -> Result<Entry, BatchError> {
        let (bytes, ends) = match self {
            Self::Decoded { entries, .. } => {
                return entries.get(position).cloned().ok_or(BatchError::Malformed);
            }
            Self::Encoded { bytes, ends } => (bytes, ends),
        };
        let end = *ends.get(position).ok_or(BatchError::Malformed)?;
        let start = position.checked_sub(1).map_or(0, |before| ends[before]);
        let entry = minicbor::decode(&bytes[start..end]).map_err(|_| BatchError::Malformed)?;
        if let Some(change) = Entry::change(&entry) {
            limits(change)?;
        }
        Ok(entry)
    }
}

/// The parts of a batch before it is signed: [`encode`]'s result.
#[derive(Clone, PartialEq, Debug)]
pub struct Body {
    /// How `bytes` is encoded.
    pub codec: Codec,
    /// The entries.
    pub bytes: Vec<u8>,
    /// The entries of other batches that they name.
    pub places: Places,
    /// The dictionary that they name.
    pub dictionary: Option<Arc<Dictionary>>,
}

/// Encodes entries, each with the hash of the change that it holds: packed, or as rows where that is smaller
/// or packing does not give back what it was given. Parents that are in `places` are named by their place;
/// of dictionaries the newest is used that the reader knows.
pub fn encode(entries: &[(Entry, Option<ChangeHash>)], places: &Places, packs: &Packs) -> Body {
    let Some(Packed { bytes, references }) = pack::encode(entries, places, packs) else {
        return encode_rows(entries.iter().map(|(entry, _)| entry));
    };
    if bytes.len() < ROWS_TRIED_BYTES {
        let rows = encode_rows(entries.iter().map(|(entry, _)| entry));
        if rows.bytes.len() <= bytes.len() {
            return rows;
        }
    }
    let dictionary = pack::dictionary_name(&bytes).and_then(|_| packs.brought.first().cloned());
    Body { codec: Codec::Pack, bytes, places: places.only(&references), dictionary }
}

/// Encodes entries as rows, compressed where that makes them smaller: quick, for what is soon encoded anew.
pub fn encode_rows<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Body {
    let mut rows = Vec::new();
    for entry in entries {
        rows.extend_from_slice(&row(entry));
    }
    if rows.len() >= COMPRESS_BYTES_MIN
        && let Ok(bytes) = zstd::bulk::compress(&rows, 3)
        && bytes.len() < rows.len()
    {
        return Body { codec: Codec::RowsZstd, bytes, places: Places::default(), dictionary: None };
    }
    Body { codec: Codec::Rows, bytes: rows, places: Places::default(), dictionary: None }
}

/// Bytes of an entry in row form, before compression.
pub fn entry_bytes(entry: &Entry) -> usize {
    row(entry).len()
}

/// No less than [`entry_bytes`] of an entry that holds a change, without encoding it; `usize::MAX` of others.
fn bytes_at_most(entry: &Entry) -> usize {
    let Some(change) = entry.change() else { return usize::MAX };
    let operations = change.operations.iter().map(|operation| {
        let key = match &operation.key {
            Key::Map(key) => key.len(),
            Key::Head | Key::Element(_) => 0,
        };
        let value = match &operation.action {
            Action::Put(Scalar::Str(text)) => text.len(),
            Action::Put(Scalar::Bytes(bytes)) => bytes.len(),
            Action::Put(_) | Action::MakeMap | Action::MakeList | Action::Delete | Action::Increment(_) => 0,
        };
        OPERATION_BYTES + key + value + ID_BYTES * operation.predecessors.len()
    });
    HEAD_BYTES + 34 * change.parents.len() + operations.sum::<usize>()
}

fn within(found: usize, limit: usize) -> Result<(), BatchError> {
    if found > limit { Err(BatchError::Bytes { found, limit }) } else { Ok(()) }
}

fn row<T: Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).expect("encoding into memory cannot fail")
}

fn limits(change: &Change) -> Result<(), BatchError> {
    let over = |found: usize, limit: usize| {
        if found > limit { Err(BatchError::Count { found, limit }) } else { Ok(()) }
    };
    over(change.operations.len(), OPERATIONS_MAX)?;
    over(change.parents.len(), PARENTS_MAX)?;
    let mut total = 0;
    for operation in &change.operations {
        over(operation.predecessors.len(), PREDECESSORS_MAX)?;
        total += operation.predecessors.len();
    }
    over(total, PREDECESSORS_TOTAL_MAX)
}

/// Why bytes are no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes follow no known form.
    #[error("the bytes are not a batch")]
    Malformed,
    /// Too many bytes.
    #[error("{found} bytes where {limit} are allowed")]
    Bytes {
        /// How many there are.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// Too many parts of a change.
    #[error("{found} parts of a change where {limit} are allowed")]
    Count {
        /// How many there are.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// First and last index do not name a range within the limit.
    #[error("entries {first} to {last} are no range of at most {BATCH_ENTRIES_MAX}")]
    Range {
        /// The first index.
        first: u64,
        /// The last index.
        last: u64,
    },
    /// The packed form is broken.
    #[error(transparent)]
    Pack(#[from] PackError),
}

#[cfg(test)]
mod tests;
