//! What needs a person, asked of the read model by its flags.

use rusqlite::{OptionalExtension, params};

use super::{Result, Tx, id};
use crate::id::DocumentId;

/// The cases in which, or in whose subject, something must be decided: newest sitting first, at most `limit`.
///
/// # Errors
/// The store fails.
pub fn conflicts(tx: Tx<'_>, limit: u64) -> Result<Vec<DocumentId>> {
    let mut statement = tx.prepare_cached(
        "SELECT document FROM case_row
         WHERE (conflict OR same_service OR same_blank)
            OR subject IN (SELECT document FROM person_row WHERE conflict)
         ORDER BY started DESC, document LIMIT ?1",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![limit], |row| id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The newest case that is, or names, a document.
///
/// # Errors
/// The store fails.
pub fn case_touched(tx: Tx<'_>, document: DocumentId) -> Result<Option<DocumentId>> {
    Ok(tx
        .prepare_cached(
            "SELECT document FROM case_row
             WHERE document = ?1 OR subject = ?1 OR applicant = ?1 OR visit = ?1
             ORDER BY started DESC, document LIMIT 1",
        )?
        .query_row([document.0], |row| id(row, 0))
        .optional()?)
}
