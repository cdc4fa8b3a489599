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
        pack::{self, Place, Places, REFERENCES_MAX},
    },
};

/// How many bytes of rows are taken for one packed byte before any are packed, and at most.
const RATIO: usize = 40;

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
pub fn alone(batch: Batch) -> Result<Batch> {
    if batch.places.is_empty() {
        return Ok(batch);
    }
    let mut entries = entries(&batch)?;
    for (entry, hash) in &mut entries {
        if hash.is_none() {
            *hash = entry.change().and_then(name_of);
        }
    }
    let Body { codec, bytes, places } = batch::encode(&entries, &Places::default(), pack::NEWEST);
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
/// place: entries keep their index. `sign` signs a message as the log's author.
///
/// # Errors
/// The store fails or is damaged.
pub fn sign(tx: Tx<'_>, log: &Log, sign: impl Fn(&[u8]) -> Vec<u8>) -> Result<()> {
    let mut statement =
        tx.prepare("SELECT first FROM batch WHERE log = ?1 AND signature = x'' ORDER BY first")?;
    let unsigned = statement.query_map([log.row], |row| row.get(0))?.collect::<Result<Vec<u64>, _>>()?;
    let Some(&first) = unsigned.first() else { return Ok(()) };
    let mut before = batch_with(tx, log, first)?.ok_or(damaged("batch"))?.before;
    let mut open = Hashed::new();
    let mut bytes = 0;
    let mut start = first;
    let mut ratio = RATIO;
    for first in unsigned {
        let batch = batch_with(tx, log, first)?.ok_or(damaged("batch"))?;
        tx.prepare_cached("DELETE FROM batch WHERE log = ?1 AND first = ?2")?
            .execute(params![log.row, first])?;
        tx.bodies.borrow_mut().forget(log.row, first);
        for ((entry, _), at) in entries(&batch)?.into_iter().zip(first..) {
            let size = batch::entry_bytes(&entry);
            // By what rows have packed to so far; what turns out larger is split when it is written.
            let full = (bytes + size) / ratio > BATCH_BYTES_MAX || bytes + size > BATCH_INFLATED_BYTES_MAX;
            if open.len() >= BATCH_ENTRIES_MAX || full {
                let written = write_signed(tx, log, start, before, &open, &sign)?;
                before = written.chain;
                ratio = (bytes / written.bytes.max(1)).clamp(1, RATIO);
                start += open.len() as u64;
                open.clear();
                bytes = 0;
            }
            bytes += size;
            let hash = hash_at(tx, log, at, &entry)?;
            open.push((entry, hash));
        }
    }
    write_signed(tx, log, start, before, &open, &sign)?;
    Ok(())
}

/// What [`write_signed`] wrote.
struct Written {
    /// The chain at the end.
    chain: Chain,
    /// Encoded bytes.
    bytes: usize,
}

/// Writes `entries` from index `first` as signed batches.
fn write_signed(
    tx: Tx<'_>,
    log: &Log,
    first: u64,
    before: Chain,
    entries: &[(Entry, Option<ChangeHash>)],
    sign: &impl Fn(&[u8]) -> Vec<u8>,
) -> Result<Written> {
    if entries.is_empty() {
        return Ok(Written { chain: before, bytes: 0 });
    }
    let places = parents_before(tx, log, first, entries)?;
    let Body { codec, bytes, places } = batch::encode(entries, &places, pack::NEWEST);
    if bytes.len() > BATCH_BYTES_MAX && entries.len() > 1 {
        let (left, right) = entries.split_at(entries.len() / 2);
        let left_written = write_signed(tx, log, first, before, left, sign)?;
        let written = write_signed(tx, log, first + left.len() as u64, left_written.chain, right, sign)?;
        return Ok(Written { bytes: left_written.bytes + written.bytes, ..written });
    }
    let chain = entries.iter().fold(before, |chain, (entry, hash)| chain.after(entry, hash.as_ref()));
    let last = first + entries.len() as u64 - 1;
    let signature = sign(&Batch::signed_message(&log.name, last, chain));
    let written = Written { chain, bytes: bytes.len() };
    let log_name = log.name;
    insert(
        tx,
        log.row,
        &Batch { log: log_name, first, last, before, chain, codec, body: bytes, signature, places },
    )?;
    Ok(written)
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
