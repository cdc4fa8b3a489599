//! What a laptop carries for others, the receipts that it brings home, and the laptops that it met.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};

use super::{Result, Tx, damaged, id};
use crate::{
    id::{DeviceId, Epoch},
    time::Timestamp,
    wire::{
        batch::{Batch, Chain, LogName},
        frame::{Cursor, Receipt},
    },
};

/// Milliseconds for which a batch is not offered that the hub did not take.
const REFUSED_PAUSE: i64 = 24 * 60 * 60 * 1_000;
/// Why a batch is not handed over whose bytes are not those that were proven.
pub const DAMAGED: &str =
    "this laptop's disk has damaged it: take a bundle of the laptop that wrote it in again";
const DIGEST_BYTES: usize = 16;

/// Which batch: of which log, its first entry, and the chain after its last.
pub type Place = (LogName, u64, [u8; 16]);

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

impl Carried {
    /// Which batch it is.
    pub fn place(&self) -> Place {
        (self.log, self.first, self.end.chain.0)
    }
}

/// Keeps a batch whose signature and entries were proven, in place of one that was refused or that the disk has
/// damaged. Returns whether it was
/// not carried before.
///
/// # Errors
/// The store fails.
pub fn put(tx: Tx<'_>, batch: &Batch, bytes: &[u8], changes: u64, at: Timestamp) -> Result<bool> {
    forget_damaged(tx, batch)?;
    let kept = tx
        .prepare_cached(
            "INSERT INTO carried (author, epoch, first, last, before, chain, changes, bytes, at, digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT DO UPDATE SET bytes = ?8, digest = ?10, refused = NULL, refused_at = NULL
             WHERE refused IS NOT NULL",
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
            at.0,
            digest(bytes)
        ])?;
    Ok(kept > 0)
}

/// Makes room for a batch that is carried, and is not what was proven any more.
fn forget_damaged(tx: Tx<'_>, batch: &Batch) -> Result<()> {
    let place = (batch.log, batch.first, batch.chain.0);
    let kept: Option<(Vec<u8>, Option<[u8; DIGEST_BYTES]>)> = tx
        .prepare_cached(
            "SELECT bytes, digest FROM carried WHERE author = ?1 AND epoch = ?2 AND first = ?3 AND chain = ?4",
        )?
        .query_row(key(place), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if kept.is_some_and(|(bytes, proven)| proven.is_some_and(|proven| proven != digest(&bytes))) {
        tx.prepare_cached(
            "DELETE FROM carried WHERE author = ?1 AND epoch = ?2 AND first = ?3 AND chain = ?4",
        )?
        .execute(key(place))?;
    }
    Ok(())
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
    Ok(all(tx)?.into_iter().fold(Vec::new(), joined))
}

/// The same of what the disk has not damaged.
///
/// # Errors
/// The store fails.
pub fn whole_runs(tx: Tx<'_>) -> Result<Vec<Vec<Carried>>> {
    let mut runs = Vec::new();
    for carried in all(tx)? {
        if bytes(tx, &carried)?.is_some() {
            runs = joined(runs, carried);
        }
    }
    Ok(runs)
}

fn joined(mut runs: Vec<Vec<Carried>>, carried: Carried) -> Vec<Vec<Carried>> {
    let follows = |run: &&mut Vec<Carried>| {
        run.last().is_some_and(|last| {
            last.log == carried.log && last.end.index + 1 == carried.first && last.end.chain == carried.before
        })
    };
    match runs.iter_mut().rev().find(follows) {
        Some(run) => run.push(carried),
        None => runs.push(vec![carried]),
    }
    runs
}

/// What the hub may be offered now: all but what it has not taken of late.
///
/// # Errors
/// The store fails.
pub fn due(tx: Tx<'_>, now: Timestamp) -> Result<Vec<Carried>> {
    let mut statement = tx.prepare_cached(
        "SELECT author, epoch, first, chain FROM carried
         WHERE refused_at IS NULL OR refused_at > ?1 OR refused_at <= ?2",
    )?;
    let rows = statement.query_map(params![now.0, now.0.saturating_sub(REFUSED_PAUSE)], |row| {
        let log = LogName { author: DeviceId(row.get(0)?), epoch: id(row, 1)?, reader: None };
        Ok((log, row.get(2)?, row.get(3)?))
    })?;
    let due: BTreeSet<Place> = rows.collect::<Result<_, _>>()?;
    let mut found = all(tx)?;
    found.retain(|carried| due.contains(&carried.place()));
    Ok(found)
}

/// The bytes of a carried batch as it travels; `None` where they are not those that were proven.
///
/// # Errors
/// The store fails.
pub fn bytes(tx: Tx<'_>, carried: &Carried) -> Result<Option<Vec<u8>>> {
    let (bytes, proven): (Vec<u8>, Option<[u8; DIGEST_BYTES]>) = tx
        .prepare_cached(
            "SELECT bytes, digest FROM carried WHERE author = ?1 AND epoch = ?2 AND first = ?3 AND chain = ?4",
        )?
        .query_row(key(carried.place()), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let is_whole = match proven {
        Some(proven) => proven == digest(&bytes),
        None => Batch::of_bytes(&bytes).is_ok_and(|batch| {
            (batch.log, batch.first, batch.before) == (carried.log, carried.first, carried.before)
                && (batch.last, batch.chain) == (carried.end.index, carried.end.chain)
        }),
    };
    Ok(is_whole.then_some(bytes))
}

fn digest(bytes: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut head = [0; DIGEST_BYTES];
    head.copy_from_slice(&blake3::hash(bytes).as_bytes()[..DIGEST_BYTES]);
    head
}

/// Forgets a batch: the hub holds it.
///
/// # Errors
/// The store fails.
pub fn forget(tx: Tx<'_>, place: Place) -> Result<()> {
    tx.prepare_cached("DELETE FROM carried WHERE author = ?1 AND epoch = ?2 AND first = ?3 AND chain = ?4")?
        .execute(key(place))?;
    Ok(())
}

/// Notes why the hub did not take a batch, and when.
///
/// # Errors
/// The store fails.
pub fn set_refused(tx: Tx<'_>, place: Place, reason: &str, at: Timestamp) -> Result<()> {
    let (author, epoch, first, chain) = key(place);
    tx.prepare_cached(
        "UPDATE carried SET refused = ?5, refused_at = ?6
         WHERE author = ?1 AND epoch = ?2 AND first = ?3 AND chain = ?4",
    )?
    .execute(params![author, epoch, first, chain, reason, at.0])?;
    Ok(())
}

/// Lets everything be offered again: the hub lives another life, or knows of other laptops.
///
/// # Errors
/// The store fails.
pub fn reconsider_all(tx: Tx<'_>) -> Result<()> {
    tx.prepare_cached("UPDATE carried SET refused_at = NULL WHERE refused_at IS NOT NULL")?.execute([])?;
    Ok(())
}

/// Lets what is carried of one log be offered again: the hub has more of it now.
///
/// # Errors
/// The store fails.
pub fn reconsider(tx: Tx<'_>, log: LogName) -> Result<()> {
    tx.prepare_cached(
        "UPDATE carried SET refused_at = NULL WHERE author = ?1 AND epoch = ?2 AND refused_at IS NOT NULL",
    )?
    .execute(params![log.author.0, log.epoch.0])?;
    Ok(())
}

fn key((log, first, chain): Place) -> (u32, [u8; 16], u64, [u8; 16]) {
    (log.author.0, log.epoch.0, first, chain)
}

/// What is carried for others, in sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Burden {
    /// Batches.
    pub batches: u64,
    /// Changes in them.
    pub changes: u64,
    /// Changes of these that the hub did not take when they were offered last.
    pub refused: u64,
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
            "SELECT count(*), coalesce(sum(changes), 0), coalesce(sum(length(bytes)), 0), min(at),
                 coalesce(sum(changes) FILTER (WHERE refused IS NOT NULL), 0) FROM carried",
        )?
        .query_row([], |row| {
            let since = row.get::<_, Option<i64>>(3)?.map(Timestamp);
            let (batches, changes, refused) = (row.get(0)?, row.get(1)?, row.get(4)?);
            Ok(Burden { batches, changes, refused, bytes: row.get(2)?, since })
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

/// Forgets a receipt on its way home: the laptop has one that proves as much, or needs it no more.
///
/// # Errors
/// The store fails.
pub fn forget_homeward(tx: Tx<'_>, device: DeviceId, epoch: Epoch, index: u64) -> Result<()> {
    tx.prepare_cached("DELETE FROM homeward WHERE device = ?1 AND epoch = ?2 AND head <= ?3")?
        .execute(params![device.0, epoch.0, index])?;
    Ok(())
}

/// Forgets the receipts of every life of the hub but one.
///
/// # Errors
/// The store fails or is damaged.
pub fn forget_homeward_of_others(tx: Tx<'_>, hub: Epoch) -> Result<()> {
    for receipt in homeward(tx)?.into_iter().filter(|receipt| receipt.hub_epoch != hub) {
        forget_homeward(tx, receipt.device, receipt.epoch, receipt.cursor.index)?;
    }
    Ok(())
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
