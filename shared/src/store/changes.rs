//! The index of changes: where each one's bytes are, who wrote it, whether it counts.
//!
//! A change waits until its parents are applied; once applied it has an arrival number, in which order
//! feeds and the read model follow. A refused change keeps its bytes and counts for nothing.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};

use super::{
    Result, Tx, damaged, id, log,
    memory::{Arrivals, Body},
    next, set_counter_floor,
};
use crate::{
    change::Change,
    document::History,
    id::{ActorId, ChangeHash, DeviceId, DocumentId, Epoch},
    wire::batch::{Entry, Origin},
};

/// The counter of arrivals.
const ARRIVAL: &str = "arrival";

/// Whether a change counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// A parent, a catalogue or a newer program is missing.
    Waiting,
    /// It counts.
    Applied,
    /// It is held in quarantine.
    Refused,
}

impl State {
    fn number(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Applied => 1,
            Self::Refused => 2,
        }
    }

    fn of_number(number: i64) -> Self {
        match number {
            0 => Self::Waiting,
            1 => Self::Applied,
            _ => Self::Refused,
        }
    }
}

/// A change as the index knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Indexed {
    /// Its name.
    pub hash: ChangeHash,
    /// Its document.
    pub document: DocumentId,
    /// Its author's log and the place in it.
    pub origin: Origin,
    /// The log here that holds its bytes.
    pub log: i64,
    /// The entry in that log.
    pub entry: u64,
    /// Whether it counts.
    pub state: State,
    /// The running number of its becoming applied.
    pub arrival: Option<u64>,
    /// Its own claim of when, in seconds.
    pub second: u64,
    /// Whether it has no parents.
    pub root: bool,
    /// On a laptop: whether the hub's feed carried or proved it.
    pub fed: bool,
}

const COLUMNS: &str =
    "hash, document, author, epoch, position, log, entry, state, arrival, second, root, fed";

fn indexed(row: &Row<'_>) -> rusqlite::Result<Indexed> {
    Ok(Indexed {
        hash: id(row, 0)?,
        document: id(row, 1)?,
        origin: Origin { device: DeviceId(row.get(2)?), epoch: id(row, 3)?, index: row.get(4)? },
        log: row.get(5)?,
        entry: row.get(6)?,
        state: State::of_number(row.get(7)?),
        arrival: u64::try_from(row.get::<_, i64>(8)?).ok(),
        second: row.get(9)?,
        root: row.get(10)?,
        fed: row.get(11)?,
    })
}

/// Adds a change to the index; an applied one gets its arrival number and makes its document stale. Returns whether
/// it is new: a change has one place in the index, whatever document it is said to be of.
///
/// # Errors
/// The store fails.
pub fn insert(tx: Tx<'_>, change: &Indexed) -> Result<bool> {
    let arrival = number(tx, change.document, change.state)?;
    let inserted = tx.prepare_cached(
        "INSERT INTO change (hash, document, author, epoch, position, log, entry, state, arrival, second, root, fed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (hash) DO NOTHING",
    )?
    .execute(params![
        change.hash.0,
        change.document.0,
        change.origin.device.0,
        change.origin.epoch.0,
        change.origin.index,
        change.log,
        change.entry,
        change.state.number(),
        arrival,
        change.second,
        change.root,
        change.fed
    ])?;
    Ok(inserted > 0)
}

/// Moves a change to another state.
///
/// # Errors
/// The store fails.
pub fn set_state(tx: Tx<'_>, hash: &ChangeHash, document: DocumentId, state: State) -> Result<()> {
    let arrival = number(tx, document, state)?;
    mark_stale(tx, document);
    tx.prepare_cached("UPDATE change SET state = ?2, arrival = ?3 WHERE hash = ?1")?.execute(params![
        hash.0,
        state.number(),
        arrival
    ])?;
    Ok(())
}

/// The number under which a change comes to stand: its arrival where it counts, else one below all others.
fn number(tx: Tx<'_>, document: DocumentId, state: State) -> Result<i64> {
    match state {
        State::Applied => Ok(arrive(tx, document)? as i64),
        State::Waiting | State::Refused => {
            let lowest: Option<i64> = tx
                .prepare_cached("SELECT arrival FROM change ORDER BY arrival LIMIT 1")?
                .query_row([], |row| row.get(0))
                .optional()?;
            Ok(lowest.unwrap_or(0).min(0) - 1)
        }
    }
}

fn arrive(tx: Tx<'_>, document: DocumentId) -> Result<u64> {
    let last = tx.memory.borrow().arrivals.last;
    let arrival = match last {
        Some(last) => last + 1,
        None => next(tx, ARRIVAL)?,
    };
    let arrivals = &mut tx.memory.borrow_mut().arrivals;
    arrivals.last = Some(arrival);
    arrivals.stale.insert(document);
    Ok(arrival)
}

/// Notes that a document's read model is older than its changes.
fn mark_stale(tx: Tx<'_>, document: DocumentId) {
    tx.memory.borrow_mut().arrivals.stale.insert(document);
}

/// Writes what the transaction has gathered about arrivals: once, rather than change by change.
///
/// # Errors
/// The store fails.
pub(super) fn settle(tx: Tx<'_>) -> Result<()> {
    let Arrivals { last, stale } = std::mem::take(&mut tx.memory.borrow_mut().arrivals);
    if let Some(last) = last {
        set_counter_floor(tx, ARRIVAL, last)?;
    }
    if stale.is_empty() {
        return Ok(());
    }
    let mut mark = tx.prepare_cached("INSERT OR IGNORE INTO stale (document) VALUES (?1)")?;
    for document in stale {
        mark.execute([document.0])?;
    }
    Ok(())
}

/// Notes that the hub's feed carried or proved a change.
///
/// # Errors
/// The store fails.
pub fn set_fed(tx: Tx<'_>, hash: &ChangeHash) -> Result<()> {
    tx.prepare_cached("UPDATE change SET fed = 1 WHERE hash = ?1")?.execute([hash.0])?;
    Ok(())
}

/// Forgets every proof of the hub's feed: it begins anew.
///
/// # Errors
/// The store fails.
pub fn doubt_all(tx: Tx<'_>) -> Result<()> {
    tx.execute("UPDATE change SET fed = 0 WHERE fed = 1", [])?;
    Ok(())
}

/// Whether a change of `author` counts in a document.
///
/// # Errors
/// The store fails.
pub fn has_written(tx: Tx<'_>, author: DeviceId, document: DocumentId) -> Result<bool> {
    Ok(tx
        .prepare_cached("SELECT 1 FROM change WHERE document = ?1 AND +author = ?2 AND state = 1 LIMIT 1")?
        .query_row(params![document.0, author.0], |_| Ok(()))
        .optional()?
        .is_some())
}

/// Notes that the hub holds every change that had arrived up to `arrival`, but for those in the log in row
/// `own`, which receipts cover.
///
/// # Errors
/// The store fails.
pub fn set_all_fed(tx: Tx<'_>, arrival: u64, own: i64) -> Result<()> {
    tx.execute(
        "UPDATE change SET fed = 1 WHERE arrival BETWEEN 1 AND ?1 AND log <> ?2",
        params![arrival, own],
    )?;
    Ok(())
}

/// The documents whose first change stands in the log in row `log`, which `author` wrote in `epoch`, behind
/// index `after`.
///
/// # Errors
/// The store fails.
pub fn made_in(
    tx: Tx<'_>,
    (author, epoch): (DeviceId, Epoch),
    log: i64,
    after: u64,
) -> Result<Vec<DocumentId>> {
    let mut statement = tx.prepare_cached(
        "SELECT document FROM change
         WHERE author = ?1 AND epoch = ?2 AND position > ?4 AND root = 1 AND log = ?3",
    )?;
    let rows = statement.query_map(params![author.0, epoch.0, log, after], |row| id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes that the bytes of a change also stand in its author's own log, where they are looked for from now on.
///
/// # Errors
/// The store fails.
pub fn move_to(tx: Tx<'_>, hash: &ChangeHash, log: i64, entry: u64) -> Result<()> {
    tx.prepare_cached("UPDATE change SET log = ?2, entry = ?3 WHERE hash = ?1")?
        .execute(params![hash.0, log, entry])?;
    Ok(())
}

/// Forgets the changes of a document; their bytes stay in the logs.
///
/// # Errors
/// The store fails.
pub fn forget_document(tx: Tx<'_>, document: DocumentId) -> Result<()> {
    mark_stale(tx, document);
    tx.prepare_cached("DELETE FROM change WHERE document = ?1")?.execute([document.0])?;
    Ok(())
}

/// The change named `hash`.
///
/// # Errors
/// The store fails.
pub fn find(tx: Tx<'_>, hash: &ChangeHash) -> Result<Option<Indexed>> {
    Ok(tx
        .prepare_cached(&format!("SELECT {COLUMNS} FROM change WHERE hash = ?1"))?
        .query_row([hash.0], indexed)
        .optional()?)
}

/// The changes of a document, applied ones first in order of arrival, then the others.
///
/// # Errors
/// The store fails.
pub fn of_document(tx: Tx<'_>, document: DocumentId) -> Result<Vec<Indexed>> {
    let mut statement =
        tx.prepare_cached(&format!("SELECT {COLUMNS} FROM change WHERE document = ?1 ORDER BY arrival"))?;
    let rows = statement.query_map([document.0], indexed)?;
    let mut changes = rows.collect::<Result<Vec<_>, _>>()?;
    changes.sort_by_key(|change| match change.arrival {
        Some(arrival) => (false, arrival, 0),
        None => (true, u64::from(change.origin.device.0), change.origin.index),
    });
    Ok(changes)
}

/// The last document between two of which a change is held.
///
/// # Errors
/// The store fails.
pub fn last_document(tx: Tx<'_>, [first, last]: [DocumentId; 2]) -> Result<Option<DocumentId>> {
    Ok(tx
        .prepare_cached(
            "SELECT document FROM change WHERE document BETWEEN ?1 AND ?2 ORDER BY document DESC LIMIT 1",
        )?
        .query_row([first.0, last.0], |row| id(row, 0))
        .optional()?)
}

/// The change that made a document.
///
/// # Errors
/// The store fails.
pub fn first_of(tx: Tx<'_>, document: DocumentId) -> Result<Option<Indexed>> {
    Ok(tx
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM change WHERE document = ?1 AND root = 1 AND state = 1 ORDER BY arrival LIMIT 1"
        ))?
        .query_row([document.0], indexed)
        .optional()?)
}

/// The operations of a change.
///
/// # Errors
/// The store fails or is damaged.
pub fn body(tx: Tx<'_>, change: &Indexed) -> Result<Arc<Change>> {
    change_of(log::entry(tx, change.log, change.entry)?)
}

fn change_of(entry: Entry) -> Result<Arc<Change>> {
    let (Entry::Change { change, .. } | Entry::Fed { change, .. }) = entry else {
        return Err(damaged("change.entry"));
    };
    Ok(change)
}

/// A document's applied changes.
///
/// # Errors
/// The store fails or is damaged.
pub fn history(tx: Tx<'_>, document: DocumentId) -> Result<History> {
    history_of(tx, &of_document(tx, document)?)
}

/// The applied ones of a document's changes, which are given as [`of_document`] gives them.
///
/// # Errors
/// The store fails or is damaged.
pub fn history_of(tx: Tx<'_>, changes: &[Indexed]) -> Result<History> {
    unread_of(tx, changes)?.read()
}

/// A document's applied changes, to be read on whatever thread.
///
/// # Errors
/// The store fails or is damaged.
pub fn unread(tx: Tx<'_>, document: DocumentId) -> Result<Unread> {
    unread_of(tx, &of_document(tx, document)?)
}

fn unread_of(tx: Tx<'_>, changes: &[Indexed]) -> Result<Unread> {
    let applied = changes.iter().filter(|change| change.state == State::Applied);
    let place = |change: &Indexed| {
        let (body, position) = log::body_with(tx, change.log, change.entry)?;
        Ok((change.hash, body, position))
    };
    applied.map(place).collect::<Result<_>>().map(Unread)
}

/// Changes and where their bytes are, parents before children.
#[derive(Debug)]
pub struct Unread(Vec<(ChangeHash, Arc<Body>, usize)>);

impl Unread {
    /// Reads them.
    ///
    /// # Errors
    /// The store is damaged.
    pub fn read(&self) -> Result<History> {
        let mut history = History::default();
        for (hash, body, position) in &self.0 {
            if !history.insert(*hash, change_of(body.entry(*position)?)?) {
                return Err(damaged("change.arrival"));
            }
        }
        Ok(history)
    }
}

/// Applied changes that arrived after `seen`, in order, at most `limit`.
///
/// # Errors
/// The store fails.
pub fn arrived_after(tx: Tx<'_>, seen: u64, limit: usize) -> Result<Vec<Indexed>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM change WHERE arrival > ?1 ORDER BY arrival LIMIT ?2"
    ))?;
    let rows = statement.query_map(params![seen, limit], indexed)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The arrival number of the change applied last, 0 of none.
///
/// # Errors
/// The store fails.
pub fn newest_arrival(tx: Tx<'_>) -> Result<u64> {
    let newest: Option<i64> = tx
        .prepare_cached("SELECT arrival FROM change ORDER BY arrival DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(newest.and_then(|newest| u64::try_from(newest).ok()).unwrap_or(0))
}

/// Documents in which a change waits.
///
/// # Errors
/// The store fails.
pub fn waiting_documents(tx: Tx<'_>) -> Result<Vec<DocumentId>> {
    let mut statement = tx.prepare_cached("SELECT DISTINCT document FROM change WHERE state = 0")?;
    let rows = statement.query_map([], |row| id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether any change waits.
///
/// # Errors
/// The store fails.
pub fn is_any_waiting(tx: Tx<'_>) -> Result<bool> {
    Ok(tx
        .prepare_cached("SELECT 1 FROM change INDEXED BY change_waiting WHERE state = 0 LIMIT 1")?
        .query_row([], |_| Ok(()))
        .optional()?
        .is_some())
}

/// How many changes of a device wait.
///
/// # Errors
/// The store fails.
pub fn waiting_count(tx: Tx<'_>, author: DeviceId) -> Result<u64> {
    Ok(tx
        // Left to itself, SQLite walks through all that the author ever wrote.
        .prepare_cached(
            "SELECT count(*) FROM change INDEXED BY change_waiting WHERE state = 0 AND author = ?1",
        )?
        .query_row([author.0], |row| row.get(0))?)
}

/// How many changes are held that count or wait, but for those in the log in row `own`.
///
/// # Errors
/// The store fails.
pub fn count_but(tx: Tx<'_>, own: i64) -> Result<u64> {
    Ok(tx
        .prepare_cached("SELECT count(*) FROM change WHERE state < 2 AND log <> ?1")?
        .query_row([own], |row| row.get(0))?)
}

/// Every change that counts or waits, with its claimed second, for a reconciliation; of those in the log in
/// row `own` only up to entry `until`.
///
/// # Errors
/// The store fails.
pub fn all_but(tx: Tx<'_>, own: i64, until: u64) -> Result<Vec<(u64, ChangeHash)>> {
    let mut statement = tx.prepare_cached(
        "SELECT second, hash FROM change WHERE state < 2 AND NOT (log = ?1 AND entry > ?2)",
    )?;
    let rows = statement.query_map(params![own, until], |row| Ok((row.get(0)?, id(row, 1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Who may write as `actor`, if a log has claimed it.
///
/// # Errors
/// The store fails.
pub fn actor(tx: Tx<'_>, actor: ActorId) -> Result<Option<DeviceId>> {
    Ok(tx
        .prepare_cached("SELECT author FROM actor WHERE actor = ?1")?
        .query_row([actor.0], |row| row.get(0).map(DeviceId))
        .optional()?)
}

/// Notes that `author` writes as `actor`, with what it was made of where that is known.
///
/// # Errors
/// The store fails.
pub fn claim_actor(tx: Tx<'_>, actor: ActorId, nonce: Option<&[u8; 16]>, author: DeviceId) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO actor (actor, nonce, author) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET nonce = coalesce(nonce, ?2)",
    )?
    .execute(params![actor.0, nonce, author.0])?;
    Ok(())
}

/// What an actor was made of, if a log here tells.
///
/// # Errors
/// The store fails.
pub fn nonce(tx: Tx<'_>, actor: ActorId) -> Result<Option<[u8; 16]>> {
    let nonce: Option<Option<[u8; 16]>> = tx
        .prepare_cached("SELECT nonce FROM actor WHERE actor = ?1")?
        .query_row([actor.0], |row| row.get(0))
        .optional()?;
    Ok(nonce.flatten())
}

/// How many changes stand in the log of `epoch` behind index `after`, up to `until`.
///
/// # Errors
/// The store fails.
pub fn count_between(tx: Tx<'_>, author: DeviceId, epoch: Epoch, after: u64, until: u64) -> Result<u64> {
    Ok(tx
        .prepare_cached(
            "SELECT count(*) FROM change WHERE author = ?1 AND epoch = ?2 AND position > ?3 AND position <= ?4",
        )?
        .query_row(params![author.0, epoch.0, after, until], |row| row.get(0))?)
}
