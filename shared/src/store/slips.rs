//! Which slips came out on paper. It stays on this laptop: whoever printed a slip knows, nobody else.

use rusqlite::{OptionalExtension, Row, params};

use super::{Result, Tx, id};
use crate::{id::DocumentId, time::Timestamp};

/// How the slip of a case stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Printing {
    /// The case.
    pub case: DocumentId,
    /// The revision that the citizen should hold, from 1.
    pub wanted: u8,
    /// The newest revision on paper; 0 where none is.
    pub printed: u8,
    /// How often that revision came out.
    pub copies: u32,
}

impl Printing {
    /// Whether the citizen should hold a slip that is not on paper yet.
    pub fn is_open(&self) -> bool {
        self.printed < self.wanted
    }
}

fn printing(row: &Row<'_>) -> rusqlite::Result<Printing> {
    Ok(Printing { case: id(row, 0)?, wanted: row.get(1)?, printed: row.get(2)?, copies: row.get(3)? })
}

const COLUMNS: &str = "SELECT document, wanted, printed, copies FROM slip";

/// Notes that the citizen should hold slip `revision` of a case; an earlier one changes nothing.
///
/// # Errors
/// The store fails.
pub fn want(tx: Tx<'_>, case: DocumentId, revision: u8, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO slip (document, wanted, printed, copies, at) VALUES (?1, ?2, 0, 0, ?3)
         ON CONFLICT DO UPDATE SET wanted = ?2, at = ?3 WHERE wanted < ?2",
    )?
    .execute(params![case.0, revision, now.0])?;
    Ok(())
}

/// Notes that slip `revision` of a case came out on paper, or was written by hand: once more.
///
/// # Errors
/// The store fails.
pub fn set_printed(tx: Tx<'_>, case: DocumentId, revision: u8, now: Timestamp) -> Result<()> {
    want(tx, case, revision, now)?;
    tx.prepare_cached(
        "UPDATE slip SET copies = CASE printed WHEN ?2 THEN copies + 1 ELSE 1 END, printed = ?2, at = ?3
         WHERE document = ?1 AND printed <= ?2",
    )?
    .execute(params![case.0, revision, now.0])?;
    Ok(())
}

/// How the slip of a case stands; `None` where this laptop has had nothing to print of it.
///
/// # Errors
/// The store fails.
pub fn of_case(tx: Tx<'_>, case: DocumentId) -> Result<Option<Printing>> {
    let mut statement = tx.prepare_cached(&format!("{COLUMNS} WHERE document = ?1"))?;
    Ok(statement.query_row([case.0], printing).optional()?)
}

/// Slips that are not on paper yet, the oldest first.
///
/// # Errors
/// The store fails.
pub fn open(tx: Tx<'_>, limit: u64) -> Result<Vec<Printing>> {
    let mut statement =
        tx.prepare_cached(&format!("{COLUMNS} WHERE printed < wanted ORDER BY at, document LIMIT ?1"))?;
    let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], printing)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many slips are not on paper yet.
///
/// # Errors
/// The store fails.
pub fn open_count(tx: Tx<'_>) -> Result<u64> {
    let mut statement = tx.prepare_cached("SELECT count(*) FROM slip WHERE printed < wanted")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::Kind,
        store::{Store, StoreError},
    };

    #[test]
    fn a_slip_is_open_until_it_came_out_and_a_second_time_is_a_copy() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("a");
        let mut store = Store::open(&path).expect("opens");
        let [one, other] = [1, 2].map(|counter| DocumentId::new([1; 10], Kind::Case, counter));
        let at = Timestamp;
        store
            .commit(|tx| {
                want(tx, one, 1, at(1))?;
                want(tx, other, 1, at(2))?;
                assert_eq!(open(tx, 9)?.iter().map(|slip| slip.case).collect::<Vec<_>>(), [one, other]);
                set_printed(tx, one, 1, at(3))?;
                assert_eq!((open_count(tx)?, of_case(tx, one)?.map(|slip| slip.copies)), (1, Some(1)));
                set_printed(tx, one, 1, at(4))?;
                assert_eq!(of_case(tx, one)?.map(|slip| slip.copies), Some(2));
                want(tx, one, 2, at(5))?;
                want(tx, one, 1, at(6))?;
                Ok::<_, StoreError>(())
            })
            .expect("kept");
        drop(store);
        let mut store = Store::open(&path).expect("opens again");
        store
            .commit(|tx| {
                let slip = of_case(tx, one)?.expect("it is known");
                assert_eq!((slip.wanted, slip.printed, slip.is_open()), (2, 1, true));
                set_printed(tx, one, 2, at(7))?;
                set_printed(tx, one, 1, at(8))?;
                let slip = of_case(tx, one)?.expect("it is known");
                assert_eq!((slip.printed, slip.copies), (2, 1), "an old slip that comes out late is none");
                Ok::<_, StoreError>(())
            })
            .expect("kept");
    }
}
