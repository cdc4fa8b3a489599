//! What a laptop carries for others, the receipts that it brings home, and who carries for it.

use rusqlite::{OptionalExtension, params};

use super::{Result, Tx, damaged, id};
use crate::{
    id::{DeviceId, Epoch},
    time::Timestamp,
    wire::{
        batch::{Batch, Chain, LogName},
        frame::{Cursor, Note, Receipt},
    },
};

/// A batch that is carried, without its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carried {
    /// Whose log.
    pub log: LogName,
    /// Index of the first entry.
    pub first: u64,
    /// The chain before it.
    pub before: Chain,
    /// Index of the last entry, and the chain after it.
    pub end: Cursor,
    /// Entries that are changes.
    pub changes: u64,
    /// Bytes as it travels.
    pub bytes: u64,
    /// Since when.
    pub at: Timestamp,
    /// Why the hub did not take it when it was offered last.
    pub refused: Option<String>,
}

/// Keeps a batch. Returns whether it was not carried before.
///
/// # Errors
/// The store fails.
pub fn put(tx: Tx<'_>, batch: &Batch, bytes: &[u8], changes: u64, at: Timestamp) -> Result<bool> {
    let kept = tx
        .prepare_cached(
            "INSERT OR IGNORE INTO carried (author, epoch, first, last, before, chain, changes, bytes, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            batch.log.author.0,
            batch.log.epoch.0,
            batch.first,
            batch.last,
            batch.before.0,
            batch.chain.0,
            changes,
            bytes,
            at.0
        ])?;
    Ok(kept > 0)
}

/// Everything that is carried, by author, life and place.
///
/// # Errors
/// The store fails.
pub fn all(tx: Tx<'_>) -> Result<Vec<Carried>> {
    let mut statement = tx.prepare_cached(
        "SELECT author, epoch, first, last, before, chain, changes, length(bytes), at, refused FROM carried
         ORDER BY author, epoch, first, chain",
    )?;
    let rows = statement.query_map([], |row| {
        let log = LogName { author: DeviceId(row.get(0)?), epoch: id(row, 1)?, reader: None };
        Ok(Carried {
            log,
            first: row.get(2)?,
            before: Chain(row.get(4)?),
            end: Cursor { index: row.get(3)?, chain: Chain(row.get(5)?) },
            changes: row.get(6)?,
            bytes: row.get(7)?,
            at: Timestamp(row.get(8)?),
            refused: row.get(9)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Runs of what is carried of one log without a gap: each begins behind an entry and leads to a place.
///
/// # Errors
/// The store fails.
pub fn runs(tx: Tx<'_>) -> Result<Vec<Vec<Carried>>> {
    let mut runs: Vec<Vec<Carried>> = Vec::new();
    for carried in all(tx)? {
        let follows = |run: &&mut Vec<Carried>| {
            run.last().is_some_and(|last| {
                last.log == carried.log
                    && last.end.index + 1 == carried.first
                    && last.end.chain == carried.before
            })
        };
        match runs.iter_mut().rev().find(follows) {
            Some(run) => run.push(carried),
            None => runs.push(vec![carried]),
        }
    }
    Ok(runs)
}

/// The bytes of a carried batch as it travels.
///
/// # Errors
/// The store fails.
pub fn bytes(tx: Tx<'_>, carried: &Carried) -> Result<Vec<u8>> {
    Ok(tx
        .prepare_cached(
            "SELECT bytes FROM carried WHERE author = ?1 AND epoch = ?2 AND first = ?3 AND chain = ?4",
        )?
        .query_row(key(carried.log, carried.first, carried.end.chain), |row| row.get(0))?)
}

/// Forgets a batch: the hub holds it.
///
/// # Errors
/// The store fails.
pub fn forget(tx: Tx<'_>, log: LogName, first: u64, chain: Chain) -> Result<()> {
    tx.prepare_cached("DELETE FROM carried WHERE author = ?1 AND epoch = ?2 AND first = ?3 AND chain = ?4")?
        .execute(key(log, first, chain))?;
    Ok(())
}

/// Notes why the hub did not take a batch.
///
/// # Errors
/// The store fails.
pub fn set_refused(tx: Tx<'_>, log: LogName, first: u64, chain: Chain, reason: &str) -> Result<()> {
    tx.prepare_cached(
        "UPDATE carried SET refused = ?5 WHERE author = ?1 AND epoch = ?2 AND first = ?3 AND chain = ?4",
    )?
    .execute(params![log.author.0, log.epoch.0, first, chain.0, reason])?;
    Ok(())
}

fn key(log: LogName, first: u64, chain: Chain) -> (u32, [u8; 16], u64, [u8; 16]) {
    (log.author.0, log.epoch.0, first, chain.0)
}

/// What is carried for others, in sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Burden {
    /// Batches.
    pub batches: u64,
    /// Changes in them.
    pub changes: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Since when the oldest is carried.
    pub since: Option<Timestamp>,
}

/// Sums up what is carried for others.
///
/// # Errors
/// The store fails.
pub fn burden(tx: Tx<'_>) -> Result<Burden> {
    Ok(tx
        .prepare_cached(
            "SELECT count(*), coalesce(sum(changes), 0), coalesce(sum(length(bytes)), 0), min(at) FROM carried",
        )?
        .query_row([], |row| {
            let since = row.get::<_, Option<i64>>(3)?.map(Timestamp);
            Ok(Burden { batches: row.get(0)?, changes: row.get(1)?, bytes: row.get(2)?, since })
        })?)
}

/// Keeps a receipt for another laptop that was verified, unless one of the same life of the hub that proves more is
/// here.
///
/// # Errors
/// The store fails or is damaged.
pub fn put_homeward(tx: Tx<'_>, receipt: &Receipt) -> Result<bool> {
    let known = homeward_of(tx, receipt.device, receipt.epoch)?;
    let proves_more =
        |known: Receipt| known.hub_epoch == receipt.hub_epoch && known.cursor.index >= receipt.cursor.index;
    if known.is_some_and(proves_more) {
        return Ok(false);
    }
    let frame = minicbor::to_vec(receipt).expect("encoding into memory cannot fail");
    tx.prepare_cached(
        "INSERT OR REPLACE INTO homeward (device, epoch, head, frame) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![receipt.device.0, receipt.epoch.0, receipt.cursor.index, frame])?;
    Ok(true)
}

/// The receipts on their way home.
///
/// # Errors
/// The store fails or is damaged.
pub fn homeward(tx: Tx<'_>) -> Result<Vec<Receipt>> {
    let mut statement = tx.prepare_cached("SELECT frame FROM homeward ORDER BY device, epoch")?;
    let frames = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?.collect::<Result<Vec<_>, _>>()?;
    frames.iter().map(|frame| minicbor::decode(frame).map_err(|_| damaged("homeward.frame"))).collect()
}

/// The receipt on its way home to a life of a laptop.
///
/// # Errors
/// The store fails or is damaged.
pub fn homeward_of(tx: Tx<'_>, device: DeviceId, epoch: Epoch) -> Result<Option<Receipt>> {
    let frame: Option<Vec<u8>> = tx
        .prepare_cached("SELECT frame FROM homeward WHERE device = ?1 AND epoch = ?2")?
        .query_row(params![device.0, epoch.0], |row| row.get(0))
        .optional()?;
    frame.map(|frame| minicbor::decode(&frame).map_err(|_| damaged("homeward.frame"))).transpose()
}

/// Keeps another laptop's verified note that it holds entries of this laptop's log. Returns whether it says more
/// than was known.
///
/// # Errors
/// The store fails.
pub fn put_note(tx: Tx<'_>, note: &Note) -> Result<bool> {
    let frame = minicbor::to_vec(note).expect("encoding into memory cannot fail");
    let kept = tx
        .prepare_cached(
            "INSERT INTO custody_note (epoch, carrier, after, head, at, frame) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET head = ?4, at = ?5, frame = ?6 WHERE head < ?4",
        )?
        .execute(params![note.epoch.0, note.carrier.0, note.after, note.cursor.index, note.at.0, frame])?;
    Ok(kept > 0)
}

/// The notes that were kept of a life of this laptop, newest first.
///
/// # Errors
/// The store fails or is damaged.
pub fn notes(tx: Tx<'_>, epoch: Epoch) -> Result<Vec<Note>> {
    let mut statement = tx
        .prepare_cached("SELECT frame FROM custody_note WHERE epoch = ?1 ORDER BY at DESC, carrier, after")?;
    let frames =
        statement.query_map([epoch.0], |row| row.get::<_, Vec<u8>>(0))?.collect::<Result<Vec<_>, _>>()?;
    frames.iter().map(|frame| minicbor::decode(frame).map_err(|_| damaged("custody_note.frame"))).collect()
}

/// A laptop that was met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Met {
    /// Which.
    pub device: DeviceId,
    /// Where it was found; empty of one that came by itself.
    pub address: String,
    /// When last.
    pub at: Timestamp,
}

/// Notes a meeting; where it was found is kept when it comes by itself later.
///
/// # Errors
/// The store fails.
pub fn put_met(tx: Tx<'_>, met: &Met) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO peer (device, address, at) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET address = iif(?2 = '', address, ?2), at = ?3",
    )?
    .execute(params![met.device.0, met.address, met.at.0])?;
    Ok(())
}

/// The laptops that were met, latest first.
///
/// # Errors
/// The store fails.
pub fn met(tx: Tx<'_>) -> Result<Vec<Met>> {
    let mut statement = tx.prepare_cached("SELECT device, address, at FROM peer ORDER BY at DESC, device")?;
    let rows = statement.query_map([], |row| {
        Ok(Met { device: DeviceId(row.get(0)?), address: row.get(1)?, at: Timestamp(row.get(2)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
