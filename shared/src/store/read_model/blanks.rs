//! Numbered blanks: the books of units, and cases that used one.

use rusqlite::params;

use super::cases::{CASE, CaseRow, case};
use crate::{
    id::{DeviceId, DocumentId, Epoch},
    store::{Result, Tx, id},
};

pub(super) const USED: &str = "SELECT unit, slip, service, blank, document, started FROM case_row
     WHERE blank IS NOT NULL ORDER BY blank, document";

pub(super) const NUMBERS: &str =
    "SELECT DISTINCT service, number FROM case_row WHERE number IS NOT NULL ORDER BY service, number";

/// Books of blanks, each with its unit: documents of the kind of a visit that have no label.
///
/// # Errors
/// The store fails.
pub fn books(tx: Tx<'_>) -> Result<Vec<(DocumentId, String)>> {
    let mut statement = tx.prepare_cached(
        "SELECT document, unit FROM visit_row WHERE label = '' AND day = '' ORDER BY document",
    )?;
    let rows = statement.query_map([], |row| Ok((id(row, 0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A blank that a case names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsedBlank {
    /// The unit that took the case in.
    pub unit: String,
    /// The case's slip number.
    pub slip: String,
    /// Code of its service.
    pub service: String,
    /// The blank's number as the case has it.
    pub blank: String,
    /// The case.
    pub case: DocumentId,
    /// When its sitting began: milliseconds since 1970.
    pub started: Option<i64>,
}

/// The blanks that cases name, in the order of their numbers.
///
/// # Errors
/// The store fails.
pub fn used_blanks(tx: Tx<'_>) -> Result<Vec<UsedBlank>> {
    let mut statement = tx.prepare_cached(USED)?;
    let rows = statement.query_map([], |row| {
        Ok(UsedBlank {
            unit: row.get(0)?,
            slip: row.get(1)?,
            service: row.get(2)?,
            blank: row.get(3)?,
            case: id(row, 4)?,
            started: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The references with which cases began, each with the code of the service; each once.
///
/// # Errors
/// The store fails.
pub fn numbers(tx: Tx<'_>) -> Result<Vec<(String, String)>> {
    let mut statement = tx.prepare_cached(NUMBERS)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Cases that name a blank, of which a laptop has written something behind entry `after` of its log.
///
/// # Errors
/// The store fails.
pub fn cases_with_blanks_since(
    tx: Tx<'_>,
    author: DeviceId,
    epoch: Epoch,
    after: u64,
) -> Result<Vec<CaseRow>> {
    let mut statement = tx.prepare_cached(&format!(
        "{CASE} WHERE case_row.blank IS NOT NULL AND case_row.document IN
             (SELECT document FROM change WHERE author = ?1 AND epoch = ?2 AND position > ?3)"
    ))?;
    let rows = statement.query_map(params![author.0, epoch.0, after], case)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
