//! Where each feed stands, and which documents are in scope.

use rusqlite::{OptionalExtension, params};

use super::{Result, Tx, id};
use crate::{
    id::{ChangeHash, DocumentId},
    wire::batch::Sum,
};

/// The key under which a laptop keeps its own scope.
pub const OWN: i64 = 0;

/// Where a feed stands at the hub.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Feed {
    /// Arrival number up to which the feed was extended.
    pub seen: u64,
    /// Index that the reader confirmed.
    pub acked: u64,
    /// Whether the reader's holdings are known, so that the feed may begin.
    pub started: bool,
}

/// Where the feed with log row `log` stands; a new one at its beginning.
///
/// # Errors
/// The store fails.
pub fn state(tx: Tx<'_>, log: i64) -> Result<Feed> {
    Ok(tx
        .prepare_cached("SELECT seen, acked, started FROM feed WHERE log = ?1")?
        .query_row([log], |row| Ok(Feed { seen: row.get(0)?, acked: row.get(1)?, started: row.get(2)? }))
        .optional()?
        .unwrap_or_default())
}

/// Keeps where a feed stands.
///
/// # Errors
/// The store fails.
pub fn set_state(tx: Tx<'_>, log: i64, feed: Feed) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO feed (log, seen, acked, started) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET seen = ?2, acked = ?3, started = ?4",
    )?
    .execute(params![log, feed.seen, feed.acked, feed.started])?;
    Ok(())
}

/// Whether a document is in scope.
///
/// # Errors
/// The store fails.
pub fn is_entered(tx: Tx<'_>, feed: i64, document: DocumentId) -> Result<bool> {
    Ok(tx
        .prepare_cached("SELECT 1 FROM entered WHERE feed = ?1 AND document = ?2")?
        .query_row(params![feed, document.0], |_| Ok(()))
        .optional()?
        .is_some())
}

/// Takes a document into scope.
///
/// # Errors
/// The store fails.
pub fn enter(tx: Tx<'_>, feed: i64, document: DocumentId) -> Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO entered (feed, document) VALUES (?1, ?2)")?
        .execute(params![feed, document.0])?;
    Ok(())
}

/// Takes a document out of scope.
///
/// # Errors
/// The store fails.
pub fn leave(tx: Tx<'_>, feed: i64, document: DocumentId) -> Result<()> {
    tx.prepare_cached("DELETE FROM entered WHERE feed = ?1 AND document = ?2")?
        .execute(params![feed, document.0])?;
    Ok(())
}

/// The documents in scope.
///
/// # Errors
/// The store fails.
pub fn entered(tx: Tx<'_>, feed: i64) -> Result<Vec<DocumentId>> {
    let mut statement = tx.prepare_cached("SELECT document FROM entered WHERE feed = ?1")?;
    let rows = statement.query_map([feed], |row| id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets the scope of a feed that begins anew.
///
/// # Errors
/// The store fails.
pub fn clear(tx: Tx<'_>, feed: i64) -> Result<()> {
    tx.execute("DELETE FROM entered WHERE feed = ?1", [feed])?;
    tx.execute("DELETE FROM fed_registry WHERE feed = ?1", [feed])?;
    Ok(())
}

/// The fingerprint of a scope: all changes of entered documents that arrived up to `seen`, and of the reader's
/// own log, in row `own`, those up to entry `receipted` instead; refused ones left out.
///
/// # Errors
/// The store fails.
pub fn fingerprint(tx: Tx<'_>, feed: i64, seen: u64, own: i64, receipted: u64) -> Result<Sum> {
    let mut statement = tx.prepare_cached(
        "SELECT change.hash FROM entered JOIN change USING (document)
         WHERE entered.feed = ?1 AND change.state < 2
           AND CASE WHEN change.log = ?3 THEN change.entry <= ?4 ELSE change.arrival BETWEEN 1 AND ?2 END",
    )?;
    let rows = statement.query_map(params![feed, seen, own, receipted], |row| id::<ChangeHash>(row, 0))?;
    let mut sum = Sum::default();
    for hash in rows {
        sum.add(&hash?);
    }
    Ok(sum)
}

/// The registry version that a feed has carried, if any.
///
/// # Errors
/// The store fails.
pub fn fed_registry(tx: Tx<'_>, feed: i64, kind: &str) -> Result<Option<Vec<u8>>> {
    Ok(tx
        .prepare_cached("SELECT version FROM fed_registry WHERE feed = ?1 AND kind = ?2")?
        .query_row(params![feed, kind], |row| row.get(0))
        .optional()?)
}

/// Notes which registry version a feed has carried.
///
/// # Errors
/// The store fails.
pub fn set_fed_registry(tx: Tx<'_>, feed: i64, kind: &str, version: &[u8]) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO fed_registry (feed, kind, version) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET version = ?3",
    )?
    .execute(params![feed, kind, version])?;
    Ok(())
}
