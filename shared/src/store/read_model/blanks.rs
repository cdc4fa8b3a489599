//! Numbered blanks: the books of units, and cases that used one.

use rusqlite::params;

use super::cases::{CASE, CaseRow, case};
use crate::{
    id::{DeviceId, DocumentId, Epoch},
    store::{Result, Tx, id},
};

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

/// Cases that name a blank, in the order of their sittings.
///
/// # Errors
/// The store fails.
pub fn cases_with_blanks(tx: Tx<'_>) -> Result<Vec<CaseRow>> {
    let mut statement = tx.prepare_cached(&format!(
        "{CASE} WHERE case_row.blank IS NOT NULL ORDER BY case_row.started, case_row.document"
    ))?;
    let rows = statement.query_map([], case)?;
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
