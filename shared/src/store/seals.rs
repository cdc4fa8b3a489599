//! Seals that were made here or came here, and what was written since the newest.

use std::{collections::BTreeMap, ops::RangeInclusive};

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Map, Value};

use super::{Result, Tx, damaged};
use crate::{
    id::{DeviceId, Epoch},
    seal::Seal,
    time::Timestamp,
};

/// How a seal came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Came {
    /// Made on this laptop.
    Made,
    /// In the laptop's log.
    Sync,
    /// As text, by a person.
    Typed,
}

impl Came {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Sync => "sync",
            Self::Typed => "typed",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Made, Self::Sync, Self::Typed].into_iter().find(|came| came.word() == word)
    }
}

/// A seal as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The seal.
    pub seal: Seal,
    /// The team leader's name, empty where nobody gave it.
    pub leader: String,
    /// Of one that was made here: what else is known of it.
    pub own: Option<Own>,
    /// How it came first.
    pub came: Came,
    /// When, by this machine's clock.
    pub at: Timestamp,
}

/// What is known of a seal that was made here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Own {
    /// The life whose log it seals.
    pub epoch: Epoch,
    /// Changes among its entries.
    pub changes: u64,
    /// What its entries came to when it was made; `None` where an older program made it.
    pub counts: Option<Map<String, Value>>,
}

/// How many cases of a service stand where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Count {
    /// Code of the service.
    pub service: String,
    /// The state.
    pub state: String,
    /// Cases.
    pub cases: u64,
}

const COLUMNS: &str = "SELECT seal, leader, epoch, changes, came, at, counts FROM seal";

/// Keeps a seal; whether it is new. Of one that is kept already, the leader's name is filled in where it lacked.
///
/// # Errors
/// The store fails.
pub fn put(tx: Tx<'_>, kept: &Kept) -> Result<bool> {
    let bytes = kept.seal.to_bytes();
    let own = kept.own.as_ref();
    let counts =
        own.and_then(|own| own.counts.as_ref()).map(|counts| Value::from(counts.clone()).to_string());
    let new = tx
        .prepare_cached(
            "INSERT INTO seal (seal, device, last, epoch, changes, leader, came, at, counts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            bytes,
            kept.seal.statement.device.0,
            kept.seal.statement.last,
            own.map(|own| own.epoch.0),
            own.map(|own| own.changes),
            kept.leader,
            kept.came.word(),
            kept.at.0,
            counts,
        ])?;
    if new == 0 {
        tx.prepare_cached("UPDATE seal SET leader = ?2 WHERE seal = ?1 AND leader = ''")?
            .execute(params![bytes, kept.leader])?;
    }
    Ok(new > 0)
}

/// The newest seal that was made in a life of this laptop's database.
///
/// # Errors
/// The store fails or is damaged.
pub fn newest(tx: Tx<'_>, device: DeviceId, epoch: Epoch) -> Result<Option<Kept>> {
    let found = tx
        .prepare_cached(&format!("{COLUMNS} WHERE device = ?1 AND epoch = ?2 ORDER BY last DESC LIMIT 1"))?
        .query_row(params![device.0, epoch.0], kept)
        .optional()?;
    found.map(|kept| kept.ok_or(damaged("seal"))).transpose()
}

/// Every seal, newest first.
///
/// # Errors
/// The store fails or is damaged.
pub fn all(tx: Tx<'_>) -> Result<Vec<Kept>> {
    let mut statement = tx.prepare_cached(&format!("{COLUMNS} ORDER BY at DESC, device, last DESC"))?;
    let rows = statement.query_map([], kept)?.collect::<Result<Vec<_>, _>>()?;
    rows.into_iter().map(|kept| kept.ok_or(damaged("seal"))).collect()
}

/// Cases that a laptop has made in some entries of its log, by service; drafts, and what was cancelled or rejected,
/// count for nothing.
///
/// # Errors
/// The store fails.
pub fn begun(
    tx: Tx<'_>,
    author: DeviceId,
    epoch: Epoch,
    entries: &RangeInclusive<u64>,
) -> Result<BTreeMap<String, u64>> {
    let mut statement = tx.prepare_cached(
        "SELECT service, count(*) FROM case_row
         WHERE state NOT IN ('draft', 'cancelled', 'rejected') AND document IN (
             SELECT document FROM change WHERE author = ?1 AND epoch = ?2 AND position BETWEEN ?3 AND ?4
               AND root = 1)
         GROUP BY service",
    )?;
    let entries = params![author.0, epoch.0, entries.start(), entries.end()];
    let rows = statement.query_map(entries, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Cases of which a laptop has written something in some entries of its log, by service and state.
///
/// # Errors
/// The store fails.
pub fn written(
    tx: Tx<'_>,
    author: DeviceId,
    epoch: Epoch,
    entries: &RangeInclusive<u64>,
) -> Result<Vec<Count>> {
    let mut statement = tx.prepare_cached(
        "SELECT service, state, count(*) FROM case_row
         WHERE document IN (
             SELECT document FROM change WHERE author = ?1 AND epoch = ?2 AND position BETWEEN ?3 AND ?4)
         GROUP BY service, state ORDER BY service, state",
    )?;
    let entries = params![author.0, epoch.0, entries.start(), entries.end()];
    let rows = statement.query_map(entries, |row| {
        Ok(Count { service: row.get(0)?, state: row.get(1)?, cases: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A row; nothing of a damaged one.
fn kept(row: &Row<'_>) -> rusqlite::Result<Option<Kept>> {
    let seal = Seal::of_bytes(&row.get::<_, Vec<u8>>(0)?).ok();
    let epoch: Option<[u8; 16]> = row.get(2)?;
    let changes: Option<u64> = row.get(3)?;
    let came = Came::of(&row.get::<_, String>(4)?);
    let (leader, at) = (row.get(1)?, Timestamp(row.get(5)?));
    let counts: Option<String> = row.get(6)?;
    let counts = counts.and_then(|text| serde_json::from_str(&text).ok());
    let own = epoch.zip(changes).map(|(epoch, changes)| Own { epoch: Epoch(epoch), changes, counts });
    Ok(seal.zip(came).map(|(seal, came)| Kept { seal, leader, own, came, at }))
}
