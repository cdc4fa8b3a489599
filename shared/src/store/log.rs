//! Logs: appending batches, reading entries back, merging what is not yet signed.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use super::{Result, Tx, changes, damaged, id};
use crate::{
    change::Change,
    document,
    id::{ChangeHash, DeviceId, Epoch},
    wire::{
        batch::{
            self, BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, BATCH_INFLATED_BYTES_MAX, Batch, BatchError, Body,
            Chain, Codec, Entry, Hashed, LogName, Reader,
        },
        frame::Cursor,
        pack::{Place, Places, REFERENCES_MAX},
    },
};

/// How many bytes of rows are taken for one encoded byte before any are encoded, and at most.
const PACKED_RATIO: usize = 40;
const ROWS_RATIO: usize = 3;

/// A log in this store: its row and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// Key of the row.
    pub row: i64,
    /// The log's name.
    pub name: LogName,
    /// Its end.
    pub head: Cursor,
}

/// The log named `name`, if this store holds a part of it.
///
/// # Errors
/// The store fails.
pub fn find(tx: Tx<'_>, name: &LogName) -> Result<Option<Log>> {
    let (reader, reader_epoch) = reader_columns(name);
    let mut statement = tx.prepare_cached(
        "SELECT log, head, chain FROM log
         WHERE author = ?1 AND epoch = ?2 AND reader = ?3 AND reader_epoch = ?4",
    )?;
    Ok(statement
        .query_row(params![name.author.0, name.epoch.0, reader, reader_epoch], |row| {
            let chain = Chain(row.get(2)?);
            Ok(Log { row: row.get(0)?, name: *name, head: Cursor { index: row.get(1)?, chain } })
        })
        .optional()?)
}

/// The log named `name`, begun if need be.
///
/// # Errors
/// The store fails.
pub fn find_or_begin(tx: Tx<'_>, name: &LogName) -> Result<Log> {
    if let Some(log) = find(tx, name)? {
        return Ok(log);
    }
    let (reader, reader_epoch) = reader_columns(name);
    tx.execute(
        "INSERT INTO log (author, epoch, reader, reader_epoch, chain) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![name.author.0, name.epoch.0, reader, reader_epoch, Chain::default().0],
    )?;
    Ok(Log { row: tx.last_insert_rowid(), name: *name, head: Cursor::default() })
}

/// Every log of which this store holds a part.
///
/// # Errors
/// The store fails.
pub fn all(tx: Tx<'_>) -> Result<Vec<Log>> {
    let mut statement =
        tx.prepare("SELECT log, head, chain, author, epoch, reader, reader_epoch FROM log ORDER BY log")?;
    let rows = statement.query_map([], |row| {
        let reader: i64 = row.get(5)?;
        let reader = match u32::try_from(reader) {
            Ok(device) => Some(Reader { device: DeviceId(device), epoch: id(row, 6)? }),
            Err(_) => None,
        };
        Ok(Log {
            row: row.get(0)?,
            name: LogName { author: DeviceId(row.get(3)?), epoch: id(row, 4)?, reader },
            head: Cursor { index: row.get(1)?, chain: Chain(row.get(2)?) },
        })
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

/// Appends entries of this machine's own as an unsigned batch and moves `log` to its new end. Each
/// entry comes with the hash of the change that it holds, if it holds one.
///
/// # Errors
/// The store fails.
pub fn append(tx: Tx<'_>, log: &mut Log, entries: &[(Entry, Option<ChangeHash>)]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let before = log.head;
    let chain = entries.iter().fold(before.chain, |chain, (entry, hash)| chain.after(entry, hash.as_ref()));
    // Packed when it is signed.
    let Body { codec, bytes, places } = batch::encode_rows(entries.iter().map(|(entry, _)| entry));
    let batch = Batch {
        log: log.name,
        first: before.index + 1,
        last: before.index + entries.len() as u64,
        before: before.chain,
        chain,
        codec,
        body: bytes,
        signature: Vec::new(),
        places,
    };
    store(tx, log, &batch)
}

/// Stores a batch that continues `log`, as it is, and moves `log` to its new end.
///
/// # Errors
/// The store fails.
pub fn store(tx: Tx<'_>, log: &mut Log, batch: &Batch) -> Result<()> {
    insert(tx, log.row, batch)?;
    log.head = Cursor { index: batch.last, chain: batch.chain };
    tx.prepare_cached("UPDATE log SET head = ?2, chain = ?3 WHERE log = ?1")?.execute(params![
        log.row,
        log.head.index,
        log.head.chain.0
    ])?;
    Ok(())
}

fn insert(tx: Tx<'_>, log: i64, batch: &Batch) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO batch (log, first, last, before, chain, codec, body, signature, places)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        log,
        batch.first,
        batch.last,
        batch.before.0,
        batch.chain.0,
        batch.codec.number(),
        batch.body,
        batch.signature,
        batch.places.to_bytes()
    ])?;
    Ok(())
}

/// The stored batch that holds entry `index`, if there is one.
///
/// # Errors
/// The store fails or is damaged.
pub fn batch_with(tx: Tx<'_>, log: &Log, index: u64) -> Result<Option<Batch>> {
    let mut statement = tx.prepare_cached(
        "SELECT first, last, before, chain, codec, body, signature, places FROM batch
         WHERE log = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1",
    )?;
    let batch = statement
        .query_row(params![log.row, index], |row| {
            let codec = Codec::of_number(row.get(4)?);
            let places = Places::of_bytes(&row.get::<_, Vec<u8>>(7)?);
            Ok((
                codec.filter(|_| places.is_some()),
                Batch {
                    log: log.name,
                    first: row.get(0)?,
                    last: row.get(1)?,
                    before: Chain(row.get(2)?),
                    chain: Chain(row.get(3)?),
                    codec: codec.unwrap_or(Codec::Rows),
                    body: row.get(5)?,
                    signature: row.get(6)?,
                    places: places.unwrap_or_default(),
                },
            ))
        })
        .optional()?;
    match batch {
        Some((None, _)) => Err(damaged("batch.codec")),
        Some((Some(_), batch)) if batch.last >= index => Ok(Some(batch)),
        _ => Ok(None),
    }
}

/// Index of the first entry behind `index` at which a batch begins, if one does.
///
/// # Errors
/// The store fails.
pub fn next_batch(tx: Tx<'_>, log: &Log, index: u64) -> Result<Option<u64>> {
    Ok(tx
        .prepare_cached("SELECT min(first) FROM batch WHERE log = ?1 AND first > ?2")?
        .query_row(params![log.row, index], |row| row.get(0))?)
}

/// Entry `index` of the log in row `row`.
///
/// # Errors
/// The store fails, or the entry is not there.
pub fn entry(tx: Tx<'_>, row: i64, index: u64) -> Result<Entry> {
    let first: u64 = tx
        .prepare_cached("SELECT first FROM batch WHERE log = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1")?
        .query_row(params![row, index], |row| row.get(0))
        .optional()?
        .ok_or(damaged("batch"))?;
    let kept = tx.bodies.borrow().get(row, first);
    let rows = match kept {
        Some(rows) => rows,
        None => {
            // The name is not needed to decode a body.
            let nameless = LogName { author: DeviceId::HUB, epoch: Epoch::default(), reader: None };
            let log = Log { row, name: nameless, head: Cursor::default() };
            let batch = batch_with(tx, &log, index)?.ok_or(damaged("batch"))?;
            let rows = Arc::new(batch.rows(name_of).map_err(|_| damaged("batch.body"))?);
            tx.bodies.borrow_mut().keep(row, first, Arc::clone(&rows));
            rows
        }
    };
    rows.entry((index - first) as usize).map_err(|_| damaged("batch.body"))
}

/// Whether the batch that holds entry `index` holds a change.
///
/// # Errors
/// The store fails or is damaged.
pub fn has_changes(tx: Tx<'_>, log: &Log, index: u64) -> Result<bool> {
    let Some(batch) = batch_with(tx, log, index)? else { return Ok(false) };
    let entries = entries(&batch)?;
    Ok(entries.iter().any(|(entry, _)| entry.change().is_some()))
}

/// The entries of a stored batch, with the hashes of changes that were needed to read them.
///
/// # Errors
/// The store is damaged.
pub fn entries(batch: &Batch) -> Result<Hashed> {
    read(batch).map_err(|_| damaged("batch.body"))
}

/// The entries of a batch whose places are known.
///
/// # Errors
/// The batch is malformed.
pub fn read(batch: &Batch) -> Result<Hashed, BatchError> {
    batch.entries(name_of)
}

fn name_of(change: &Change) -> Option<ChangeHash> {
    document::hash(change).ok()
}

/// Finds the earlier entries of `log` that a batch from elsewhere names. What is not held is left out.
///
/// # Errors
/// The store fails.
pub fn find_places(tx: Tx<'_>, log: &Log, references: &[u64]) -> Result<Places> {
    let mut places = Places::default();
    for index in references {
        if let Some(place) = place(tx, log, *index)? {
            places.insert(*index, place);
        }
    }
    Ok(places)
}

/// The change at entry `index`, erased or not.
fn place(tx: Tx<'_>, log: &Log, index: u64) -> Result<Option<Place>> {
    let indexed = tx
        .prepare_cached(
            "SELECT document, hash FROM change WHERE author = ?1 AND epoch = ?2 AND position = ?3 AND log = ?4",
        )?
        .query_row(params![log.name.author.0, log.name.epoch.0, index, log.row], |row| {
            Ok(Place { document: id(row, 0)?, hash: id(row, 1)? })
        })
        .optional()?;
    if indexed.is_some() || log.name.reader.is_some() || batch_with(tx, log, index)?.is_none() {
        return Ok(indexed);
    }
    // The index has forgotten it, or never held it.
    let entry = entry(tx, log.row, index)?;
    if let Entry::Erased { document, hash } = entry {
        return Ok(Some(Place { document, hash }));
    }
    let Entry::Change { document, change } = entry else { return Ok(None) };
    Ok(name_of(&change).map(|hash| Place { document, hash }))
}

/// A stored batch that needs nothing else of its log to be read, for who may not hold the rest.
///
/// # Errors
/// The store is damaged.
pub fn alone(batch: Batch, packs: Option<u8>) -> Result<Batch> {
    if batch.places.is_empty() {
        return Ok(batch);
    }
    let mut entries = entries(&batch)?;
    for (entry, hash) in &mut entries {
        if hash.is_none() {
            *hash = entry.change().and_then(name_of);
        }
    }
    let Body { codec, bytes, places } = encode(&entries, &Places::default(), packs);
    Ok(Batch { codec, body: bytes, places, ..batch })
}

/// The hash of the change at entry `index` of `log`, or `None` where the entry holds none.
fn hash_at(tx: Tx<'_>, log: &Log, index: u64, entry: &Entry) -> Result<Option<ChangeHash>> {
    let Some(change) = entry.change() else { return Ok(None) };
    // In a feed a change's place is not its place in its author's log, by which the index knows it.
    let known = match log.name.reader {
        Some(_) => None,
        None => tx
            .prepare_cached(
                "SELECT hash FROM change WHERE author = ?1 AND epoch = ?2 AND position = ?3 AND log = ?4",
            )?
            .query_row(params![log.name.author.0, log.name.epoch.0, index, log.row], |row| id(row, 0))
            .optional()?,
    };
    match known {
        Some(hash) => Ok(Some(hash)),
        None => Ok(Some(document::hash(change).map_err(|_| damaged("batch.body"))?)),
    }
}

/// The chain after entry `index`, or `None` where the log does not reach that far.
///
/// # Errors
/// The store fails or is damaged.
pub fn chain_at(tx: Tx<'_>, log: &Log, index: u64) -> Result<Option<Chain>> {
    if index == 0 {
        return Ok(Some(Chain::default()));
    }
    let Some(batch) = batch_with(tx, log, index)? else { return Ok(None) };
    if batch.last == index {
        return Ok(Some(batch.chain));
    }
    let mut chain = batch.before;
    for ((entry, hash), at) in entries(&batch)?.iter().zip(batch.first..=index) {
        let hash = if hash.is_some() { *hash } else { hash_at(tx, log, at, entry)? };
        chain = chain.after(entry, hash.as_ref());
    }
    Ok(Some(chain))
}

/// Whether entry `index` is not in the midst of a batch: one begins there, or the log ends before it.
///
/// # Errors
/// The store fails or is damaged.
pub fn begins_batch(tx: Tx<'_>, log: &Log, index: u64) -> Result<bool> {
    Ok(batch_with(tx, log, index)?.is_none_or(|batch| batch.first == index))
}

/// Whether what stands behind `cursor` in `log` continues it, and is still there.
///
/// # Errors
/// The store fails or is damaged.
pub fn goes_on_from(tx: Tx<'_>, log: &Log, cursor: &Cursor) -> Result<bool> {
    if cursor.index >= log.head.index {
        return Ok(*cursor == log.head);
    }
    let next = batch_with(tx, log, cursor.index + 1)?;
    Ok(next.is_some_and(|batch| batch.first == cursor.index + 1 && batch.before == cursor.chain))
}

/// Index of the last entry that is signed, 0 of none.
///
/// # Errors
/// The store fails.
pub fn signed_head(tx: Tx<'_>, log: &Log) -> Result<u64> {
    let first: Option<u64> = tx
        .prepare_cached("SELECT min(first) FROM batch WHERE log = ?1 AND signature = x''")?
        .query_row([log.row], |row| row.get(0))?;
    Ok(first.map_or(log.head.index, |first| first - 1))
}

/// Merges the unsigned batches at the end of `log` into signed ones of up to [`BATCH_BYTES_MAX`], in
/// place: entries keep their index. `packs` is the newest dictionary that the reader knows, `None` where it reads
/// rows alone; `sign` signs a message as the log's author.
///
/// # Errors
/// The store fails or is damaged.
pub fn sign(tx: Tx<'_>, log: &Log, packs: Option<u8>, sign: impl Fn(&[u8]) -> Vec<u8>) -> Result<()> {
    let signed = signed(tx, log, packs, sign)?;
    put_signed(tx, log, &signed)
}

/// What [`sign`] would put in the place of the unsigned batches; writes nothing.
///
/// # Errors
/// The store fails or is damaged.
pub fn signed(
    tx: Tx<'_>,
    log: &Log,
    packs: Option<u8>,
    sign: impl Fn(&[u8]) -> Vec<u8>,
) -> Result<Vec<Batch>> {
    let unsigned = unsigned(tx, log)?;
    let Some(&first) = unsigned.first() else { return Ok(Vec::new()) };
    let before = batch_with(tx, log, first)?.ok_or(damaged("batch"))?.before;
    let mut signing = Signing { tx, log, packs, sign, next: (first, before), signed: Vec::new() };
    let mut open = Hashed::new();
    let mut bytes = 0;
    let ratio_max = if packs.is_some() { PACKED_RATIO } else { ROWS_RATIO };
    let mut ratio = ratio_max;
    for first in unsigned {
        let batch = batch_with(tx, log, first)?.ok_or(damaged("batch"))?;
        for ((entry, _), at) in entries(&batch)?.into_iter().zip(first..) {
            let size = batch::entry_bytes(&entry);
            // By what rows have packed to so far; what turns out larger is split when it is written.
            let full = (bytes + size) / ratio > BATCH_BYTES_MAX || bytes + size > BATCH_INFLATED_BYTES_MAX;
            if open.len() >= BATCH_ENTRIES_MAX || full {
                let written = signing.add(&open)?;
                ratio = (bytes / written.max(1)).clamp(1, ratio_max);
                open.clear();
                bytes = 0;
            }
            bytes += size;
            let hash = hash_at(tx, log, at, &entry)?;
            open.push((entry, hash));
        }
    }
    signing.add(&open)?;
    Ok(signing.signed)
}

/// Puts signed batches in the place of the unsigned ones that they were made of.
///
/// # Errors
/// The store fails, or the batches are not those of the log's unsigned end.
pub fn put_signed(tx: Tx<'_>, log: &Log, signed: &[Batch]) -> Result<()> {
    let (Some(first), Some(last)) = (signed.first(), signed.last()) else { return Ok(()) };
    let unsigned = unsigned(tx, log)?;
    if unsigned.first() != Some(&first.first) || last.last != log.head.index || last.chain != log.head.chain {
        return Err(damaged("batch"));
    }
    for first in unsigned {
        tx.prepare_cached("DELETE FROM batch WHERE log = ?1 AND first = ?2")?
            .execute(params![log.row, first])?;
        tx.bodies.borrow_mut().forget(log.row, first);
    }
    signed.iter().try_for_each(|batch| insert(tx, log.row, batch))
}

/// Where the unsigned batches of `log` begin.
fn unsigned(tx: Tx<'_>, log: &Log) -> Result<Vec<u64>> {
    let mut statement =
        tx.prepare_cached("SELECT first FROM batch WHERE log = ?1 AND signature = x'' ORDER BY first")?;
    Ok(statement.query_map([log.row], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn encode(entries: &[(Entry, Option<ChangeHash>)], places: &Places, packs: Option<u8>) -> Body {
    match packs {
        Some(dictionary) => batch::encode(entries, places, dictionary),
        None => batch::encode_rows(entries.iter().map(|(entry, _)| entry)),
    }
}

/// The signed batches of a log while they are made.
struct Signing<'a, S> {
    tx: Tx<'a>,
    log: &'a Log,
    packs: Option<u8>,
    sign: S,
    /// The entry that comes next, and the chain before it.
    next: (u64, Chain),
    signed: Vec<Batch>,
}

impl<S: Fn(&[u8]) -> Vec<u8>> Signing<'_, S> {
    /// Adds `entries`, which come next, as one batch, or as more where it would be too large. Returns how many bytes
    /// they are encoded.
    fn add(&mut self, entries: &[(Entry, Option<ChangeHash>)]) -> Result<usize> {
        if entries.is_empty() {
            return Ok(0);
        }
        let (first, before) = self.next;
        let places = parents_before(self.tx, self.log, first, entries)?;
        let Body { codec, bytes, places } = encode(entries, &places, self.packs);
        if bytes.len() > BATCH_BYTES_MAX && entries.len() > 1 {
            let (left, right) = entries.split_at(entries.len() / 2);
            return Ok(self.add(left)? + self.add(right)?);
        }
        let chain = entries.iter().fold(before, |chain, (entry, hash)| chain.after(entry, hash.as_ref()));
        let last = first + entries.len() as u64 - 1;
        let log = self.log.name;
        let signature = (self.sign)(&Batch::signed_message(&log, last, chain));
        let size = bytes.len();
        self.signed.push(Batch { log, first, last, before, chain, codec, body: bytes, signature, places });
        self.next = (last + 1, chain);
        Ok(size)
    }
}

/// The parents of `entries` that stand in `log` before entry `first`. A feed names none: it is cut at its
/// beginning as its reader confirms it.
fn parents_before(
    tx: Tx<'_>,
    log: &Log,
    first: u64,
    entries: &[(Entry, Option<ChangeHash>)],
) -> Result<Places> {
    let mut places = Places::default();
    if log.name.reader.is_some() {
        return Ok(places);
    }
    let parents = entries.iter().filter_map(|(entry, _)| entry.change()).flat_map(|change| &change.parents);
    for parent in parents {
        if places.len() == REFERENCES_MAX {
            break;
        }
        if let Some(found) = changes::find(tx, parent)?
            && found.log == log.row
            && found.entry < first
        {
            places.insert(found.entry, Place { document: found.document, hash: found.hash });
        }
    }
    Ok(places)
}

/// Keeps a batch of a log of which parts may be missing; the log's end only ever moves on. Returns whether it
/// was not held before.
///
/// # Errors
/// The store fails.
pub fn keep(tx: Tx<'_>, log: &mut Log, batch: &Batch) -> Result<bool> {
    if batch_with(tx, log, batch.first)?.is_some() {
        return Ok(false);
    }
    if batch.last > log.head.index {
        store(tx, log, batch)?;
    } else {
        insert(tx, log.row, batch)?;
    }
    Ok(true)
}

/// Drops the batches of a feed that its reader has confirmed up to `index`.
///
/// # Errors
/// The store fails.
pub fn prune(tx: Tx<'_>, log: &Log, index: u64) -> Result<()> {
    tx.prepare_cached("DELETE FROM batch WHERE log = ?1 AND last <= ?2")?.execute(params![log.row, index])?;
    Ok(())
}

/// A batch of which a part is held: its digest, its whole length, and the bytes held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Half {
    /// First 16 bytes of the batch's blake3.
    pub digest: [u8; 16],
    /// Bytes of the whole batch.
    pub total: u64,
    /// The bytes held.
    pub bytes: Vec<u8>,
}

/// The half-received batch of the log in row `log`.
///
/// # Errors
/// The store fails.
pub fn half(tx: Tx<'_>, log: i64) -> Result<Option<Half>> {
    Ok(tx
        .prepare_cached("SELECT digest, total, bytes FROM partial WHERE log = ?1")?
        .query_row([log], |row| Ok(Half { digest: row.get(0)?, total: row.get(1)?, bytes: row.get(2)? }))
        .optional()?)
}

/// Keeps a half-received batch, or forgets it.
///
/// # Errors
/// The store fails.
pub fn set_half(tx: Tx<'_>, log: i64, half: Option<&Half>) -> Result<()> {
    match half {
        Some(half) => tx
            .prepare_cached(
                "INSERT INTO partial (log, digest, total, bytes) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET digest = ?2, total = ?3, bytes = ?4",
            )?
            .execute(params![log, half.digest, half.total, half.bytes])?,
        None => tx.prepare_cached("DELETE FROM partial WHERE log = ?1")?.execute([log])?,
    };
    Ok(())
}

fn reader_columns(name: &LogName) -> (i64, Vec<u8>) {
    match name.reader {
        Some(reader) => (reader.device.0.into(), reader.epoch.0.to_vec()),
        None => (-1, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{Edit, History, NewEvent, SCHEMA, State},
        id::{ActorId, DocumentId, Kind},
        store::Store,
        time::Timestamp,
        wire::pack::{NEWEST, PackError},
    };

    const NAME: LogName = LogName { author: DeviceId(3), epoch: Epoch([5; 16]), reader: None };

    /// Cases, and a second status of each.
    fn cases() -> (Hashed, Hashed) {
        let actor = ActorId([7; 16]);
        let (mut made, mut edited) = (Hashed::new(), Hashed::new());
        for number in 0..20 {
            let document = DocumentId::new([7; 10], Kind::Case, number);
            let mut history = History::default();
            let mut edit = Edit::create(document, actor);
            edit.make(&["status"]).expect("allowed");
            for (entries, state) in [(&mut made, State::Received), (&mut edited, State::Complete)] {
                let at = Timestamp(1_795_000_000_000 + number as i64);
                NewEvent::new(state, at).write(&mut edit).expect("allowed");
                let (hash, change) = edit.commit(at, SCHEMA).expect("commits").expect("a change");
                entries.push((Entry::Change { document, change: change.clone() }, Some(hash)));
                assert!(history.insert(hash, change));
                edit = Edit::open_checked(Kind::Case, &history, actor);
            }
        }
        (made, edited)
    }

    /// Appends entries, tells the index of them and signs; the batch that came of it.
    fn signed(tx: Tx<'_>, entries: &Hashed, packs: Option<u8>) -> Batch {
        let mut log = find_or_begin(tx, &NAME).expect("begins");
        let first = log.head.index + 1;
        append(tx, &mut log, entries).expect("appends");
        for ((entry, hash), index) in entries.iter().zip(first..) {
            let (Entry::Change { document, change }, Some(hash)) = (entry, *hash) else { continue };
            let origin = batch::Origin { device: NAME.author, epoch: NAME.epoch, index };
            let indexed = changes::Indexed {
                hash,
                document: *document,
                origin,
                log: log.row,
                entry: index,
                state: changes::State::Applied,
                arrival: None,
                second: 0,
                root: change.parents.is_empty(),
                fed: false,
            };
            changes::insert(tx, &indexed).expect("inserts");
        }
        sign(tx, &log, packs, |_| vec![9; 64]).expect("signs");
        batch_with(tx, &log, first).expect("reads").expect("it is there")
    }

    #[test]
    fn signed_batches_are_packed_and_read_without_the_rest_of_their_log() {
        let folder = tempfile::tempdir().expect("folder");
        let mut store = Store::open(&folder.path().join("keliling.db")).expect("opens");
        let (made, edited) = cases();
        store
            .commit(|tx| {
                let first = signed(tx, &made, Some(NEWEST));
                assert_eq!((first.codec, first.places.len()), (Codec::Pack, 0));
                let second = signed(tx, &edited, Some(NEWEST));
                assert_eq!((second.codec, second.places.len()), (Codec::Pack, 20));
                let plain = |batch: &Batch| -> Vec<Entry> {
                    entries(batch).expect("reads").into_iter().map(|(entry, _)| entry).collect()
                };
                let expected: Vec<_> = edited.iter().map(|(entry, _)| entry.clone()).collect();
                assert_eq!(plain(&second), expected);
                // As it arrives elsewhere: its places are found in the log there.
                let log = find_or_begin(tx, &NAME).expect("is there");
                let sent = Batch::of_bytes(&second.to_bytes()).expect("reads");
                assert!(matches!(read(&sent), Err(BatchError::Pack(PackError::Reference { .. }))));
                let places = find_places(tx, &log, &sent.references().expect("reads")).expect("finds");
                assert_eq!(places, second.places);
                tx.execute("DELETE FROM change", []).expect("forgets");
                assert_eq!(find_places(tx, &log, &sent.references().expect("reads")).expect("finds"), places);
                let alone = alone(second, Some(NEWEST)).expect("stands alone");
                assert!(alone.places.is_empty() && alone.references().expect("reads").is_empty());
                assert_eq!(plain(&alone), expected);
                Ok::<_, crate::store::StoreError>(())
            })
            .expect("commits");
    }

    #[test]
    fn who_does_not_pack_gets_rows() {
        let folder = tempfile::tempdir().expect("folder");
        let mut store = Store::open(&folder.path().join("keliling.db")).expect("opens");
        let (made, _) = cases();
        store
            .commit(|tx| {
                let batch = signed(tx, &made, None);
                assert_eq!(batch.codec, Codec::RowsZstd);
                assert_eq!(entries(&batch).expect("reads").len(), made.len());
                Ok::<_, crate::store::StoreError>(())
            })
            .expect("commits");
    }
}
