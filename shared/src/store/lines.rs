//! Digests of what was recorded here, so that a repeated line is noticed.

use rusqlite::{OptionalExtension, params};

use super::{Result, Tx, id};
use crate::id::DocumentId;

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
