//! What was refused: the reason and the place of the bytes; nothing is ever dropped.

use rusqlite::{OptionalExtension, Row, params};

use super::{Result, Tx, id};
use crate::{
    id::{ChangeHash, DeviceId, DocumentId},
    time::Timestamp,
    wire::batch::Origin,
};

/// A refused change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The change.
    pub hash: ChangeHash,
    /// Its document.
    pub document: DocumentId,
    /// Who wrote it, and where it stands in that log.
    pub origin: Origin,
    /// The rule's stable name.
    pub rule: String,
    /// The reason in words.
    pub reason: String,
    /// When it was refused, by this machine's clock.
    pub at: Timestamp,
}

const COLUMNS: &str = "hash, document, author, epoch, position, rule, reason, at";

fn refused(row: &Row<'_>) -> rusqlite::Result<Refused> {
    Ok(Refused {
        hash: id(row, 0)?,
        document: id(row, 1)?,
        origin: Origin { device: DeviceId(row.get(2)?), epoch: id(row, 3)?, index: row.get(4)? },
        rule: row.get(5)?,
        reason: row.get(6)?,
        at: Timestamp(row.get(7)?),
    })
}

/// Keeps a refusal.
///
/// # Errors
/// The store fails.
pub fn insert(tx: Tx<'_>, refused: &Refused) -> Result<()> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO quarantine (hash, document, author, epoch, position, rule, reason, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        refused.hash.0,
        refused.document.0,
        refused.origin.device.0,
        refused.origin.epoch.0,
        refused.origin.index,
        refused.rule,
        refused.reason,
        refused.at.0
    ])?;
    Ok(())
}

/// Everything in quarantine, newest first.
///
/// # Errors
/// The store fails.
pub fn all(tx: Tx<'_>) -> Result<Vec<Refused>> {
    let mut statement =
        tx.prepare_cached(&format!("SELECT {COLUMNS} FROM quarantine ORDER BY at DESC, hash"))?;
    let rows = statement.query_map([], refused)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The refusal of one change.
///
/// # Errors
/// The store fails.
pub fn find(tx: Tx<'_>, hash: &ChangeHash) -> Result<Option<Refused>> {
    Ok(tx
        .prepare_cached(&format!("SELECT {COLUMNS} FROM quarantine WHERE hash = ?1"))?
        .query_row([hash.0], refused)
        .optional()?)
}

/// What was refused last and nobody here has dealt with, newest first, at most `limit`.
///
/// # Errors
/// The store fails.
pub fn open(tx: Tx<'_>, limit: usize) -> Result<Vec<Refused>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM quarantine WHERE handled IS NULL ORDER BY at DESC, hash LIMIT ?1"
    ))?;
    let rows = statement.query_map([limit], refused)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What somebody here has dealt with and the hub holds still, dealt with last first, at most `limit`.
///
/// # Errors
/// The store fails.
pub fn handled(tx: Tx<'_>, limit: usize) -> Result<Vec<Refused>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM quarantine WHERE handled IS NOT NULL ORDER BY handled DESC, hash LIMIT ?1"
    ))?;
    let rows = statement.query_map([limit], refused)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many changes are held that nobody here has dealt with.
///
/// # Errors
/// The store fails.
pub fn open_count(tx: Tx<'_>) -> Result<u64> {
    Ok(tx
        .prepare_cached("SELECT count(*) FROM quarantine WHERE handled IS NULL")?
        .query_row([], |row| row.get(0))?)
}

/// That somebody has dealt with what is held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handling {
    /// When, by this machine's clock.
    pub at: Timestamp,
    /// Who said so; nobody where a later change is the answer.
    pub by: Option<String>,
    /// Why nothing more is to be done here, in that person's words.
    pub why: Option<String>,
}

/// Notes that what is held of a document was dealt with; what was dealt with before stays as it is. Returns how much
/// was noted.
///
/// # Errors
/// The store fails.
pub fn handle(tx: Tx<'_>, document: DocumentId, handling: &Handling) -> Result<usize> {
    let Handling { at, by, why } = handling;
    Ok(tx
        .prepare_cached(
            "UPDATE quarantine SET handled = ?2, handled_by = ?3, handled_why = ?4
             WHERE document = ?1 AND handled IS NULL",
        )?
        .execute(params![document.0, at.0, by, why])?)
}

/// Notes that one held change was dealt with, unless it was before. Returns how much was noted.
///
/// # Errors
/// The store fails.
pub fn handle_change(tx: Tx<'_>, hash: &ChangeHash, handling: &Handling) -> Result<usize> {
    let Handling { at, by, why } = handling;
    Ok(tx
        .prepare_cached(
            "UPDATE quarantine SET handled = ?2, handled_by = ?3, handled_why = ?4
             WHERE hash = ?1 AND handled IS NULL",
        )?
        .execute(params![hash.0, at.0, by, why])?)
}

/// How a held change was dealt with, if it was.
///
/// # Errors
/// The store fails.
pub fn handling(tx: Tx<'_>, hash: &ChangeHash) -> Result<Option<Handling>> {
    Ok(tx
        .prepare_cached(
            "SELECT handled, handled_by, handled_why FROM quarantine WHERE hash = ?1 AND handled IS NOT NULL",
        )?
        .query_row([hash.0], |row| {
            Ok(Handling { at: Timestamp(row.get(0)?), by: row.get(1)?, why: row.get(2)? })
        })
        .optional()?)
}

/// What was refused in one document.
///
/// # Errors
/// The store fails.
pub fn of_document(tx: Tx<'_>, document: DocumentId) -> Result<Vec<Refused>> {
    let mut statement = tx
        .prepare_cached(&format!("SELECT {COLUMNS} FROM quarantine WHERE document = ?1 ORDER BY position"))?;
    let rows = statement.query_map([document.0], refused)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether something of a document is held.
///
/// # Errors
/// The store fails.
pub fn is_held(tx: Tx<'_>, document: DocumentId) -> Result<bool> {
    Ok(tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM quarantine WHERE document = ?1)")?
        .query_row([document.0], |row| row.get(0))?)
}

/// Refusals of a device's changes that its feed does not carry yet.
///
/// # Errors
/// The store fails.
pub fn untold(tx: Tx<'_>, author: DeviceId) -> Result<Vec<Refused>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM quarantine WHERE author = ?1 AND told = 0 ORDER BY epoch, position"
    ))?;
    let rows = statement.query_map([author.0], refused)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes that the author's feed carries a refusal.
///
/// # Errors
/// The store fails.
pub fn set_told(tx: Tx<'_>, hash: &ChangeHash) -> Result<()> {
    tx.prepare_cached("UPDATE quarantine SET told = 1 WHERE hash = ?1")?.execute([hash.0])?;
    Ok(())
}

/// Notes that a device's refusals must be told anew: it begins another life.
///
/// # Errors
/// The store fails.
pub fn tell_again(tx: Tx<'_>, author: DeviceId) -> Result<()> {
    tx.execute("UPDATE quarantine SET told = 0 WHERE author = ?1", [author.0])?;
    Ok(())
}

/// How many changes are held.
///
/// # Errors
/// The store fails.
pub fn count(tx: Tx<'_>) -> Result<u64> {
    Ok(tx.query_row("SELECT count(*) FROM quarantine", [], |row| row.get(0))?)
}

/// How many changes of one device are held for one reason.
///
/// # Errors
/// The store fails.
pub fn count_of(tx: Tx<'_>, author: DeviceId, rule: &str) -> Result<u64> {
    Ok(tx
        .prepare_cached("SELECT count(*) FROM quarantine WHERE author = ?1 AND rule = ?2")?
        .query_row(params![author.0, rule], |row| row.get(0))?)
}

/// Bytes that are no valid batch, kept as they came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Debris {
    /// Running number.
    pub number: i64,
    /// Who sent them.
    pub author: DeviceId,
    /// What is wrong with them.
    pub reason: String,
    /// When they came.
    pub at: Timestamp,
    /// How many bytes there are.
    pub bytes: u64,
}

/// Keeps bytes that are no valid batch; the same bytes once.
///
/// # Errors
/// The store fails.
pub fn keep_debris(tx: Tx<'_>, author: DeviceId, reason: &str, at: Timestamp, bytes: &[u8]) -> Result<()> {
    tx.execute(
        "INSERT INTO debris (author, reason, at, bytes) SELECT ?1, ?2, ?3, ?4
         WHERE NOT EXISTS (SELECT 1 FROM debris WHERE author = ?1 AND bytes = ?4)",
        params![author.0, reason, at.0, bytes],
    )?;
    Ok(())
}

/// All bytes kept that are no valid batch, newest first.
///
/// # Errors
/// The store fails.
pub fn debris(tx: Tx<'_>) -> Result<Vec<Debris>> {
    let mut statement =
        tx.prepare("SELECT debris, author, reason, at, length(bytes) FROM debris ORDER BY debris DESC")?;
    let rows = statement.query_map([], |row| {
        Ok(Debris {
            number: row.get(0)?,
            author: DeviceId(row.get(1)?),
            reason: row.get(2)?,
            at: Timestamp(row.get(3)?),
            bytes: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The bytes kept under a running number.
///
/// # Errors
/// The store fails.
pub fn debris_bytes(tx: Tx<'_>, number: i64) -> Result<Option<Vec<u8>>> {
    Ok(tx
        .prepare_cached("SELECT bytes FROM debris WHERE debris = ?1")?
        .query_row([number], |row| row.get(0))
        .optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::Epoch, store::Store};

    #[test]
    fn what_is_dealt_with_is_held_still_and_counts_no_more() {
        let folder = tempfile::tempdir().expect("there is room");
        let mut store = Store::open(&folder.path().join("a")).expect("opens");
        let held = |hash: u8, document: u8| Refused {
            hash: ChangeHash([hash; 32]),
            document: DocumentId([document; 16]),
            origin: Origin { device: DeviceId(1), epoch: Epoch([0; 16]), index: hash.into() },
            rule: "authority".to_owned(),
            reason: "no".to_owned(),
            at: Timestamp(hash.into()),
        };
        let why = |why: &str, at| Handling { at: Timestamp(at), by: None, why: Some(why.to_owned()) };
        store
            .commit::<_, super::super::StoreError>(|tx| {
                for (hash, document) in [(1, 1), (2, 1), (3, 2)] {
                    insert(tx, &held(hash, document))?;
                }
                assert_eq!(handle(tx, DocumentId([1; 16]), &why("written anew", 9))?, 2);
                // What comes later asks for a person again, and what was said first is kept.
                insert(tx, &held(4, 1))?;
                assert_eq!(handle(tx, DocumentId([1; 16]), &why("again", 10))?, 1);
                insert(tx, &held(5, 1))
            })
            .expect("commits");
        let tx = store.reader();
        let hashes = |found: Vec<Refused>| found.iter().map(|one| one.hash.0[0]).collect::<Vec<_>>();
        assert_eq!(hashes(open(tx, 9).expect("reads")), [5, 3]);
        assert_eq!(hashes(handled(tx, 9).expect("reads")), [4, 1, 2]);
        assert_eq!((open_count(tx).expect("counts"), count(tx).expect("counts")), (2, 5));
        assert_eq!(handling(tx, &ChangeHash([2; 32])).expect("reads"), Some(why("written anew", 9)));
        assert_eq!(handling(tx, &ChangeHash([5; 32])).expect("reads"), None);
    }
}
