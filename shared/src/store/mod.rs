//! The durable truth: logs of changes in SQLite, and the caches that pages read.
//!
//! **Invariant:** nothing is acknowledged before [`Store::commit`] has returned: WAL with
//! `synchronous=FULL`, one transaction for what belongs together. **Invariant:** tables marked CACHE in
//! the schema can be emptied and rebuilt from those marked TRUTH. A file of a newer version is refused
//! and left as it is.

pub mod changes;
pub mod devices;
pub mod feeds;
pub mod journal;
pub mod lines;
pub mod log;
pub mod quarantine;
pub mod read_model;
pub mod registries;

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use crate::wire::batch::Rows;

/// The schema version that this program writes.
pub const VERSION: u32 = MIGRATIONS.len() as u32;
const MIGRATIONS: [&str; 2] =
    [include_str!("migrations/0001_initial.sql"), include_str!("migrations/0002_search_and_collisions.sql")];
/// Pages of a store's write-ahead log before it is folded back.
const CHECKPOINT_PAGES: u32 = 1_000;

/// Inflated batches that are kept at hand.
const BODIES_MAX: usize = 16;

/// An open store. One thread owns it.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    bodies: RefCell<Bodies>,
}

/// Batches inflated lately, by log and first entry, with the order of their use.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    rows: BTreeMap<(i64, u64), Arc<Rows>>,
    order: VecDeque<(i64, u64)>,
}

impl Bodies {
    pub(crate) fn get(&self, log: i64, first: u64) -> Option<Arc<Rows>> {
        self.rows.get(&(log, first)).cloned()
    }

    pub(crate) fn keep(&mut self, log: i64, first: u64, rows: Arc<Rows>) {
        if self.rows.insert((log, first), rows).is_none() {
            self.order.push_back((log, first));
        }
        if self.order.len() > BODIES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.rows.remove(&oldest);
        }
    }

    pub(crate) fn forget(&mut self, log: i64, first: u64) {
        self.rows.remove(&(log, first));
        self.order.retain(|key| *key != (log, first));
    }
}

/// Access to the store: within a transaction of [`Store::commit`], or for reading.
#[derive(Debug, Clone, Copy)]
pub struct Tx<'a> {
    connection: &'a Connection,
    bodies: &'a RefCell<Bodies>,
}

impl std::ops::Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file was written by a newer program.
    #[error(
        "the database has version {found}, this program knows up to {newest}: install the newer program; nothing was changed"
    )]
    Newer {
        /// The file's version.
        found: u32,
        /// The newest that this program knows.
        newest: u32,
    },
    /// SQLite cannot read or write the file.
    #[error("the database cannot be opened")]
    Sqlite(#[from] rusqlite::Error),
}

/// A failed read or write of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full; nothing of the transaction was kept.
    #[error("the disk is full: free some space and try again; nothing that was saved before is lost")]
    Full,
    /// SQLite failed.
    #[error("the database failed")]
    Sqlite(#[source] rusqlite::Error),
    /// Something stored does not read back: the file is damaged.
    #[error("the database is damaged at {place}: run doctor")]
    Damaged {
        /// Table or part.
        place: &'static str,
    },
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Sqlite(error),
        }
    }
}

/// A result of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What identifies a damaged place.
pub(crate) fn damaged(place: &'static str) -> StoreError {
    StoreError::Damaged { place }
}

impl Store {
    /// Opens or creates the store at `path` and brings its schema up to date.
    ///
    /// # Errors
    /// The file is of a newer version (and untouched), no database, or not accessible.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        refuse_newer(path)?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "secure_delete", true)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "cache_size", -16_000)?;
        connection.set_prepared_statement_cache_capacity(128);
        migrate(&mut connection)?;
        Ok(Self { connection, path: path.to_owned(), bodies: RefCell::default() })
    }

    /// Runs `work` in one transaction, durable when this returns `Ok`; nothing of it is kept otherwise.
    ///
    /// # Errors
    /// What `work` returned, or the commit failed.
    pub fn commit<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StoreError::from)?;
        let value = work(Tx { connection: &transaction, bodies: &self.bodies });
        let committed = value.and_then(|value| match transaction.commit() {
            Ok(()) => Ok(value),
            Err(error) => Err(StoreError::from(error).into()),
        });
        if committed.is_err() {
            self.bodies.take();
        }
        committed
    }

    /// Access for reading.
    pub fn reader(&self) -> Tx<'_> {
        Tx { connection: &self.connection, bodies: &self.bodies }
    }

    /// Where the store is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Copies the whole store into a new file at `path`, while it is in use.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn backup(&self, path: &Path) -> Result<()> {
        self.connection.backup("main", path, None::<fn(rusqlite::backup::Progress)>)?;
        Ok(())
    }

    /// SQLite's own check of every page; the problems found, none of a sound file.
    ///
    /// # Errors
    /// The check cannot run.
    pub fn integrity(&self) -> Result<Vec<String>> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        let lines = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// Folds the write-ahead log back into the file.
    ///
    /// # Errors
    /// The disk fails.
    pub fn checkpoint(&self) -> Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

fn refuse_newer(path: &Path) -> Result<(), OpenError> {
    if !path.exists() || std::fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        return Ok(());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let found = version(&connection)?;
    if found > VERSION {
        return Err(OpenError::Newer { found, newest: VERSION });
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let found = version(connection)?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", index as u32 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// A single fact by its name, or `None`.
///
/// # Errors
/// The store fails.
pub fn fact(tx: Tx<'_>, name: &str) -> Result<Option<Vec<u8>>> {
    Ok(tx
        .prepare_cached("SELECT value FROM fact WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

/// Writes a single fact.
///
/// # Errors
/// The store fails.
pub fn set_fact(tx: Tx<'_>, name: &str, value: &[u8]) -> Result<()> {
    tx.prepare_cached("INSERT INTO fact (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2")?
        .execute(params![name, value])?;
    Ok(())
}

/// Forgets a single fact.
///
/// # Errors
/// The store fails.
pub fn forget_fact(tx: Tx<'_>, name: &str) -> Result<()> {
    tx.prepare_cached("DELETE FROM fact WHERE name = ?1")?.execute([name])?;
    Ok(())
}

/// The next value of the counter `name`, from 1; kept with the transaction it is taken in.
///
/// # Errors
/// The store fails.
pub fn next(tx: Tx<'_>, name: &str) -> Result<u64> {
    let value: i64 = tx
        .prepare_cached(
            "INSERT INTO counter (name, value) VALUES (?1, 1)
             ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
        )?
        .query_row([name], |row| row.get(0))?;
    Ok(value as u64)
}

/// Lifts the counter `name` to at least `floor`.
///
/// # Errors
/// The store fails.
pub fn set_counter_floor(tx: Tx<'_>, name: &str, floor: u64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO counter (name, value) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET value = max(value, ?2)",
    )?
    .execute(params![name, floor])?;
    Ok(())
}

/// Reads a 16- or 32-byte identifier from a column.
pub(crate) fn id<T: for<'a> TryFrom<&'a [u8]>>(
    row: &rusqlite::Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    let bytes = row.get_ref(column)?.as_blob().map_err(|_| wrong(column))?;
    T::try_from(bytes).map_err(|_| wrong(column))
}

fn wrong(column: usize) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        column,
        rusqlite::types::Type::Blob,
        "not an identifier of the right length".into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("keliling.db");
        (folder, path)
    }

    #[test]
    fn what_is_committed_is_there_after_reopening_and_what_failed_is_not() {
        let (_folder, path) = file();
        let mut store = Store::open(&path).expect("opens");
        store.commit(|t| set_fact(t, "a", b"1")).expect("commits");
        let failed: Result<()> = store.commit(|t| {
            set_fact(t, "a", b"2")?;
            Err(damaged("test"))
        });
        assert!(failed.is_err());
        drop(store);
        let store = Store::open(&path).expect("opens again");
        assert_eq!(fact(store.reader(), "a").expect("reads"), Some(b"1".to_vec()));
        let level: i64 = store.reader().query_row("PRAGMA synchronous", [], |r| r.get(0)).expect("asks");
        assert_eq!(level, 2, "FULL");
    }

    #[test]
    fn a_newer_file_is_refused_and_left_byte_identical() {
        let (_folder, path) = file();
        drop(Store::open(&path).expect("opens"));
        let connection = Connection::open(&path).expect("opens");
        connection.pragma_update(None, "user_version", VERSION + 1).expect("raises");
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("folds");
        drop(connection);
        let before = std::fs::read(&path).expect("reads");
        assert!(matches!(Store::open(&path), Err(OpenError::Newer { .. })));
        assert_eq!(std::fs::read(&path).expect("reads"), before);
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let (_folder, path) = file();
        std::fs::write(&path, b"this is no database at all, only some text").expect("writes");
        assert!(matches!(Store::open(&path), Err(OpenError::Sqlite(_))));
    }
}
