//! What was recorded here, by the digests of lines and by the callers' own names: so that a repeated line is
//! noticed, and no name leads to what another laptop recorded.

use rusqlite::{OptionalExtension, params};

use super::{Result, Tx, id};
use crate::id::{DeviceId, DocumentId};

/// The case that a line of this digest made.
///
/// # Errors
/// The store fails.
pub fn find(tx: Tx<'_>, digest: &[u8; 16]) -> Result<Option<DocumentId>> {
    Ok(tx
        .prepare_cached("SELECT document FROM line WHERE digest = ?1")?
        .query_row([digest], |row| id(row, 0))
        .optional()?)
}

/// Remembers the case that a line made; the first one stays.
///
/// # Errors
/// The store fails.
pub fn put(tx: Tx<'_>, digest: &[u8; 16], document: DocumentId) -> Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO line (digest, document) VALUES (?1, ?2)")?
        .execute(params![digest, document.0])?;
    Ok(())
}

/// The digest of the line that made a case; `None` of one that was recorded elsewhere, or before a disk was lost.
///
/// # Errors
/// The store fails.
pub fn digest_of(tx: Tx<'_>, document: DocumentId) -> Result<Option<[u8; 16]>> {
    Ok(tx
        .prepare_cached("SELECT digest FROM line WHERE document = ?1")?
        .query_row([document.0], |row| row.get(0))
        .optional()?)
}

/// Whether the device `?1` made the document of `row`.
const MADE_HERE: &str =
    "EXISTS (SELECT 1 FROM change WHERE change.document = row.document AND change.root = 1
                                                        AND +change.author = ?1)";

/// The cases that `device` made under the caller's own name `reference`.
///
/// # Errors
/// The store fails.
pub fn cases_named(tx: Tx<'_>, device: DeviceId, reference: &str) -> Result<Vec<DocumentId>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT document FROM case_row AS row WHERE ref = ?2 AND {MADE_HERE} ORDER BY document"
    ))?;
    let rows = statement.query_map(params![device.0, reference], |row| id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The person that `device` made under the caller's own name `reference`.
///
/// # Errors
/// The store fails.
pub fn person_named(tx: Tx<'_>, device: DeviceId, reference: &str) -> Result<Option<DocumentId>> {
    Ok(tx
        .prepare_cached(&format!(
            "SELECT document FROM person_row AS row WHERE ref = ?2 AND {MADE_HERE} ORDER BY document LIMIT 1"
        ))?
        .query_row(params![device.0, reference], |row| id(row, 0))
        .optional()?)
}
