//! The durable truth: logs of changes in SQLite, and the caches that pages read.
//!
//! **Invariant:** nothing is acknowledged before [`Store::commit`] has returned: WAL with
//! `synchronous=FULL`, one transaction for what belongs together. **Invariant:** tables marked CACHE in
//! the schema can be emptied and rebuilt from those marked TRUTH. A file of a newer version is refused
//! and left as it is.

pub mod attachment;
pub mod carried;
pub mod changes;
pub mod devices;
pub mod dictionaries;
pub mod feeds;
pub mod file_receipts;
pub mod files;
pub mod forms;
pub mod journal;
pub mod lines;
pub mod log;
mod memory;
pub mod notes;
pub mod quarantine;
pub mod queue;
pub mod read_model;
pub mod registries;
pub mod seals;
pub mod sheets;
pub mod signing;
pub mod slips;

use std::{
    cell::{Cell, RefCell},
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{
    Connection, OpenFlags, OptionalExtension, TransactionBehavior, config::DbConfig, ffi, params,
};

use self::memory::Memory;
use crate::aside::Aside;

/// The schema version that this program writes.
pub const VERSION: u32 = MIGRATIONS.len() as u32;
const MIGRATIONS: [&str; 24] = [
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_search_and_collisions.sql"),
    include_str!("migrations/0003_places.sql"),
    include_str!("migrations/0004_attachments.sql"),
    include_str!("migrations/0005_forms.sql"),
    include_str!("migrations/0006_seals.sql"),
    include_str!("migrations/0007_tickets.sql"),
    include_str!("migrations/0008_slips.sql"),
    include_str!("migrations/0009_sheets.sql"),
    include_str!("migrations/0010_carrying.sql"),
    include_str!("migrations/0011_products_and_blanks.sql"),
    include_str!("migrations/0012_refusals.sql"),
    include_str!("migrations/0013_words.sql"),
    include_str!("migrations/0014_answers.sql"),
    include_str!("migrations/0015_pages.sql"),
    include_str!("migrations/0016_arrivals.sql"),
    include_str!("migrations/0017_counted.sql"),
    include_str!("migrations/0018_questions.sql"),
    include_str!("migrations/0019_numbers.sql"),
    include_str!("migrations/0020_carried_files.sql"),
    include_str!("migrations/0021_dictionaries.sql"),
    include_str!("migrations/0022_limits.sql"),
    include_str!("migrations/0023_refused_files.sql"),
    include_str!("migrations/0024_handled.sql"),
];
/// Pages of a store's write-ahead log before it is folded back.
const CHECKPOINT_PAGES: u32 = 1_000;
/// The same of a store that was widened.
const WIDE_CHECKPOINT_PAGES: u32 = 16_000;
/// How a database file begins, and where its header holds `user_version`.
const MAGIC: &[u8] = b"SQLite format 3\0";
const VERSION_OFFSET: usize = 60;
const HEADER_BYTES: usize = 64;

/// Statements that are kept prepared: more than there are.
const STATEMENTS_MAX: usize = 256;

/// An open store. One thread owns it.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    memory: RefCell<Memory>,
    /// Whether something is written that [`Store::pretend`] keeps from the disk.
    pretending: Cell<bool>,
    aside: Option<Box<dyn Aside>>,
}

/// Access to the store: within a transaction of [`Store::commit`], or for reading.
#[derive(Debug, Clone, Copy)]
pub struct Tx<'a> {
    connection: &'a Connection,
    memory: &'a RefCell<Memory>,
    aside: Option<&'a dyn Aside>,
}

impl<'a> Tx<'a> {
    /// Who does work that needs no store meanwhile, if anybody.
    pub(crate) fn aside(&self) -> Option<&'a dyn Aside> {
        self.aside
    }
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
    /// The disk is full.
    #[error("the disk is full: the database cannot be opened")]
    Full,
    /// The file is no database, or a page of it does not read back.
    #[error("the database is damaged and cannot be opened")]
    Damaged(#[source] rusqlite::Error),
    /// SQLite cannot read or write the file.
    #[error("the database cannot be opened")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Damaged(error)
            }
            _ => Self::Sqlite(error),
        }
    }
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
    /// A file beside the database cannot be read or written.
    #[error("the file {} cannot be used", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
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
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Damaged { place: "a page of its file" }
            }
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
        make_private(path);
        match Self::open_as(path, Locking::Shared) {
            // No room for the index of the write-ahead log: it is held in memory then, for this process alone.
            Err(OpenError::Full) => Self::open_as(path, Locking::Alone),
            Err(OpenError::Sqlite(error)) if is_out_of_room(&error) => Self::open_as(path, Locking::Alone),
            opened => opened,
        }
    }

    fn open_as(path: &Path, locking: Locking) -> Result<Self, OpenError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        match locking {
            Locking::Shared => {}
            Locking::Alone => connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?,
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "secure_delete", true)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "cache_size", -16_000)?;
        // A plan stays as it was made: SQLite would otherwise plan anew for every new value that is compared.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        migrate(&mut connection)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            memory: RefCell::default(),
            pretending: Cell::new(false),
            aside: None,
        })
    }

    /// Has the store take in much at a time: its write-ahead log is folded back seldom, and fewer batches are kept at
    /// hand.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn widen(&self) -> Result<()> {
        self.connection.pragma_update(None, "wal_autocheckpoint", WIDE_CHECKPOINT_PAGES)?;
        self.memory.borrow_mut().bodies.bytes_max = memory::WIDE_BODIES_BYTES_MAX;
        Ok(())
    }

    /// Has `aside` do what needs no store while the store is at work.
    pub fn set_aside(&mut self, aside: Box<dyn Aside>) {
        self.aside = Some(aside);
    }

    /// Runs `work` in one transaction, durable when this returns `Ok`; nothing of it is kept otherwise.
    ///
    /// # Errors
    /// What `work` returned, or the commit failed.
    pub fn commit<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.stop_pretending()?;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StoreError::from)?;
        let tx = Tx { connection: &transaction, memory: &self.memory, aside: self.aside.as_deref() };
        let value = work(tx).and_then(|value| {
            changes::settle(tx)?;
            Ok(value)
        });
        let committed = value.and_then(|value| match transaction.commit() {
            Ok(()) => Ok(value),
            Err(error) => Err(StoreError::from(error).into()),
        });
        if committed.is_err() {
            self.memory.borrow_mut().forget();
        }
        committed
    }

    /// Runs `work` without a byte to the disk: what it writes is what [`Store::reader`] sees until the next
    /// commit, and nobody ever after. So a full disk can still show what is not projected yet.
    ///
    /// # Errors
    /// What `work` returned; nothing of it is seen then.
    pub fn pretend(&mut self, work: impl FnOnce(Tx<'_>) -> Result<()>) -> Result<()> {
        self.stop_pretending()?;
        self.connection.execute_batch("PRAGMA cache_spill = OFF; BEGIN IMMEDIATE")?;
        self.pretending.set(true);
        let done = work(self.reader());
        if done.is_err() {
            self.stop_pretending()?;
        }
        done
    }

    fn stop_pretending(&self) -> Result<()> {
        if self.pretending.take() {
            if !self.connection.is_autocommit() {
                self.connection.execute_batch("ROLLBACK")?;
            }
            self.connection.execute_batch("PRAGMA cache_spill = ON")?;
        }
        Ok(())
    }

    /// Access for reading.
    pub fn reader(&self) -> Tx<'_> {
        Tx { connection: &self.connection, memory: &self.memory, aside: self.aside.as_deref() }
    }

    /// Stored batches that were read from the file so far, to be inflated.
    #[cfg(test)]
    pub(crate) fn batches_read(&self) -> usize {
        self.memory.borrow().bodies.read
    }

    /// Where the store is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of attachments beside the store.
    pub fn files(&self) -> files::Files {
        files::Files::beside(&self.path)
    }

    /// Copies the whole store into a new file at `path`, while it is in use; not the files of attachments.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn backup(&self, path: &Path) -> Result<()> {
        self.stop_pretending()?;
        make_private(path);
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
        self.stop_pretending()?;
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

/// Makes the file at `path` its owner's alone, creating it, so that the logs that SQLite lays beside it are so
/// too. Best effort: where it cannot be done, opening it fails or its owner has decided otherwise.
#[cfg(unix)]
fn make_private(path: &Path) {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    drop(std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path));
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        drop(std::fs::set_permissions(name, std::fs::Permissions::from_mode(0o600)));
    }
}

/// Elsewhere the rights of the folder hold.
#[cfg(not(unix))]
fn make_private(_: &Path) {}

/// Who else may open the file meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Locking {
    Shared,
    Alone,
}

/// Whether SQLite found no room for the shared memory of the write-ahead log.
fn is_out_of_room(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code.is_some_and(|code| {
        matches!(code, ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_SHMOPEN | ffi::SQLITE_FULL)
    })
}

/// Refuses a file of a newer version, touching nothing: not even opening it makes a file beside it, unless
/// there is a write-ahead log that may hold the newest version.
fn refuse_newer(path: &Path) -> Result<(), OpenError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-wal");
    let found = match std::fs::metadata(beside) {
        Ok(log) if log.len() > 0 => version_in_log(path)?,
        _ => version_in_header(path),
    };
    newer(found)
}

fn newer(found: u32) -> Result<(), OpenError> {
    if found > VERSION { Err(OpenError::Newer { found, newest: VERSION }) } else { Ok(()) }
}

/// The version as SQLite keeps it in the file's header; 0 of what is no database, which opening tells.
fn version_in_header(path: &Path) -> u32 {
    let mut header = [0; HEADER_BYTES];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    let version = header[VERSION_OFFSET..].first_chunk().copied().unwrap_or_default();
    if read.is_ok() && header.starts_with(MAGIC) { u32::from_be_bytes(version) } else { 0 }
}

fn version_in_log(path: &Path) -> Result<u32, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    match Connection::open_with_flags(path, flags).and_then(|connection| version(&connection)) {
        // Told when it is opened for one process alone.
        Err(error) if is_out_of_room(&error) => Ok(0),
        found => Ok(found?),
    }
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let found = version(connection)?;
    newer(found)?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", index as u32 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Whether the file at `path` is a hub's store. It is looked at as it is: nothing is written, nothing laid
/// beside it; what cannot be read is not known to be a hub's.
pub fn is_hub(path: &Path) -> bool {
    let Some(name) = path.to_str() else { return false };
    let name = name.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let found =
        Connection::open_with_flags(format!("file:{name}?immutable=1"), flags).and_then(|connection| {
            connection.query_row("SELECT 1 FROM fact WHERE name = 'hub'", [], |_| Ok(())).optional()
        });
    matches!(found, Ok(Some(())))
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

/// The last number that the counter `name` gave; 0 before the first.
///
/// # Errors
/// The store fails.
pub fn counter(tx: Tx<'_>, name: &str) -> Result<u64> {
    let value: Option<i64> = tx
        .prepare_cached("SELECT value FROM counter WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(value.unwrap_or(0) as u64)
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
    use crate::id::{ChangeHash, DocumentId};

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
    fn changes_of_an_older_file_are_carried_over_with_their_arrivals() {
        let (_folder, path) = file();
        let before = MIGRATIONS.iter().position(|migration| migration.contains("change_in_order"));
        let before = before.expect("the migration that puts changes in order");
        let connection = Connection::open(&path).expect("opens");
        for migration in &MIGRATIONS[..before] {
            connection.execute_batch(migration).expect("migrates");
        }
        connection.pragma_update(None, "user_version", before as u32).expect("sets");
        // Hash and document are this number, and so is the position; 9 and 5 wait, 8 is refused.
        for (number, state, arrival) in
            [(9_u8, 0, None), (1, 1, Some(7)), (5, 0, None), (8, 2, None), (3, 1, Some(2))]
        {
            let row = params![[number; 32], [number; 16], [1_u8; 16], number, state, arrival];
            let insert = "INSERT INTO change VALUES (?1, ?2, 4, ?3, ?4, 6, ?4, ?5, ?6, 11, 1, 0)";
            connection.execute(insert, row).expect("inserts");
        }
        drop(connection);
        let mut store = Store::open(&path).expect("opens");
        let number = |change: &changes::Indexed| (change.document.0[0], change.origin.index, change.arrival);
        let tx = store.reader();
        let arrived = changes::arrived_after(tx, 0, 9).expect("reads");
        assert_eq!(arrived.iter().map(number).collect::<Vec<_>>(), [(3, 3, Some(2)), (1, 1, Some(7))]);
        assert_eq!(changes::newest_arrival(tx).expect("reads"), 7);
        for (of, state) in
            [(9, changes::State::Waiting), (5, changes::State::Waiting), (8, changes::State::Refused)]
        {
            let held = changes::find(tx, &ChangeHash([of; 32])).expect("reads").expect("it is there");
            assert_eq!((number(&held), held.state), ((of, of.into(), None), state));
            assert_eq!(
                (held.log, held.entry, held.second, held.root, held.fed),
                (6, of.into(), 11, true, false)
            );
        }
        // What counts after all comes last; what does not any more leaves its place.
        let (nine, one) = (ChangeHash([9; 32]), ChangeHash([1; 32]));
        store
            .commit(|tx| {
                set_counter_floor(tx, "arrival", 7)?;
                changes::set_state(tx, &nine, DocumentId([9; 16]), changes::State::Applied)?;
                changes::set_state(tx, &one, DocumentId([1; 16]), changes::State::Refused)
            })
            .expect("commits");
        let arrived = changes::arrived_after(store.reader(), 0, 9).expect("reads");
        assert_eq!(arrived.iter().map(number).collect::<Vec<_>>(), [(3, 3, Some(2)), (9, 9, Some(8))]);
    }

    #[cfg(unix)]
    #[test]
    fn the_files_are_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, path) = file();
        std::fs::write(&path, b"").expect("writes");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("opens it to all");
        let mut store = Store::open(&path).expect("opens");
        store.commit(|tx| set_fact(tx, "a", b"1")).expect("commits");
        store.backup(&folder.path().join("copy.db")).expect("copies");
        for name in ["keliling.db", "keliling.db-wal", "keliling.db-shm", "copy.db"] {
            let mode = std::fs::metadata(folder.path().join(name)).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn what_is_pretended_is_seen_until_the_next_commit_and_never_stored() {
        let (_folder, path) = file();
        let mut store = Store::open(&path).expect("opens");
        let size = || std::fs::metadata(path.with_extension("db-wal")).expect("a log").len();
        let before = size();
        store.pretend(|t| set_fact(t, "a", b"1")).expect("pretends");
        assert_eq!(fact(store.reader(), "a").expect("reads"), Some(b"1".to_vec()));
        store.pretend(|t| set_fact(t, "b", b"2")).expect("pretends again");
        assert_eq!(fact(store.reader(), "a").expect("reads"), None);
        assert_eq!(size(), before);
        store.commit(|t| set_fact(t, "c", b"3")).expect("commits");
        assert_eq!(fact(store.reader(), "b").expect("reads"), None);
        let failed = store.pretend(|t| set_fact(t, "d", b"4").and_then(|()| Err(damaged("test"))));
        assert!(failed.is_err());
        assert_eq!(fact(store.reader(), "d").expect("reads"), None);
        store.checkpoint().expect("folds");
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
        let files = std::fs::read_dir(path.parent().expect("a folder")).expect("lists").count();
        assert_eq!(files, 1, "nothing is made beside it");
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let (_folder, path) = file();
        std::fs::write(&path, b"this is no database at all, only some text").expect("writes");
        assert!(matches!(Store::open(&path), Err(OpenError::Damaged(_))));
    }
}
