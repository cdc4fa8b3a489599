//! Logs: appending batches, reading entries back.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use super::{Result, Tx, damaged, dictionaries, id, memory};
use crate::{
    aside,
    change::Change,
    document,
    id::{ChangeHash, DeviceId, Epoch},
    wire::{
        batch::{self, Batch, BatchError, Body, Chain, Codec, Entry, Hashed, LogName, Opened, Reader},
        frame::Cursor,
        pack::{Place, Places},
    },
};

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
    let Body { codec, bytes, places, dictionary } =
        batch::encode_rows(entries.iter().map(|(entry, _)| entry));
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
        dictionary,
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

pub(super) fn insert(tx: Tx<'_>, log: i64, batch: &Batch) -> Result<()> {
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
                    dictionary: None,
                },
            ))
        })
        .optional()?;
    match batch {
        Some((None, _)) => Err(damaged("batch.codec")),
        Some((Some(_), batch)) if batch.last >= index => dictionaries::attached(tx, batch).map(Some),
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
    let (body, position) = body_with(tx, row, index)?;
    body.entry(position)
}

/// The stored batch that holds entry `index` of the log in row `row`, and the entry's position in it.
pub(super) fn body_with(tx: Tx<'_>, row: i64, index: u64) -> Result<(Arc<memory::Body>, usize)> {
    if let Some(found) = tx.memory.borrow_mut().bodies.with(row, index) {
        return Ok(found);
    }
    // The name is not needed to decode a body.
    let nameless = LogName { author: DeviceId::HUB, epoch: Epoch::default(), reader: None };
    let log = Log { row, name: nameless, head: Cursor::default() };
    let batch = batch_with(tx, &log, index)?.ok_or(damaged("batch"))?;
    let position = (index - batch.first) as usize;
    let body = Arc::new(memory::Body::of(batch));
    let gone = tx.memory.borrow_mut().bodies.keep(row, Arc::clone(&body));
    if !gone.is_empty() {
        aside::free(tx.aside(), gone);
    }
    Ok((body, position))
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

/// The entries of an opened batch, by these `places`.
///
/// # Errors
/// The batch is malformed.
pub fn read_opened(opened: &Opened<'_>, places: &Places) -> Result<Hashed, BatchError> {
    opened.entries(places, name_of)
}

pub(super) fn name_of(change: &Change) -> Option<ChangeHash> {
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

/// The hash of the change at entry `index` of `log`, or `None` where the entry holds none.
pub(super) fn hash_at(tx: Tx<'_>, log: &Log, index: u64, entry: &Entry) -> Result<Option<ChangeHash>> {
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
    tx.memory.borrow_mut().bodies.forget_log(log.row);
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
