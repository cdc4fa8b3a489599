//! Dictionaries of packed batches that did not come with the program: kept for ever, as stored batches name them.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use super::{Result, Tx, damaged, id};
use crate::{
    id::ContentHash,
    time::Timestamp,
    wire::{
        batch::{Batch, Codec},
        pack::{Dictionary, DictionaryName},
    },
};

/// How many of the newest are written with.
pub const GENERATIONS: usize = 2;

/// A dictionary that is held here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What batches name it by.
    pub name: DictionaryName,
    /// Its content.
    pub hash: ContentHash,
    /// Bytes.
    pub bytes: u64,
    /// Since when.
    pub at: Timestamp,
    /// Stored batches that were written with it.
    pub batches: u64,
}

/// Keeps a dictionary as the newest; whether it was not here before.
///
/// # Errors
/// The store fails, or holds another of that name.
pub fn put(tx: Tx<'_>, file: &[u8], at: Timestamp) -> Result<bool> {
    let hash = ContentHash(*blake3::hash(file).as_bytes());
    if self::file(tx, hash)?.is_some() {
        return Ok(false);
    }
    tx.prepare_cached("INSERT INTO dictionary (name, hash, file, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![DictionaryName::of_file(file).0, hash.0, file, at.0])?;
    Ok(true)
}

/// The names of the newest, up to [`GENERATIONS`], the newest first.
///
/// # Errors
/// The store fails.
pub fn newest(tx: Tx<'_>) -> Result<Vec<DictionaryName>> {
    let mut statement = tx.prepare_cached("SELECT name FROM dictionary ORDER BY number DESC LIMIT ?1")?;
    let rows = statement.query_map([GENERATIONS], |row| row.get(0).map(DictionaryName))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The content of a dictionary, if it is held here.
///
/// # Errors
/// The store fails.
pub fn file(tx: Tx<'_>, hash: ContentHash) -> Result<Option<Vec<u8>>> {
    let mut statement = tx.prepare_cached("SELECT file FROM dictionary WHERE hash = ?1")?;
    Ok(statement.query_row([hash.0], |row| row.get(0)).optional()?)
}

/// Content and size of a named dictionary.
///
/// # Errors
/// The store fails.
pub fn content(tx: Tx<'_>, name: DictionaryName) -> Result<Option<(ContentHash, u64)>> {
    let mut statement = tx.prepare_cached("SELECT hash, length(file) FROM dictionary WHERE name = ?1")?;
    Ok(statement.query_row([name.0], |row| Ok((id(row, 0)?, row.get(1)?))).optional()?)
}

/// A named dictionary, prepared for use, if it is held here.
///
/// # Errors
/// The store fails or is damaged.
pub fn named(tx: Tx<'_>, name: DictionaryName) -> Result<Option<Arc<Dictionary>>> {
    if let Some(known) = tx.memory.borrow_mut().dictionaries.with(name) {
        return Ok(Some(known));
    }
    let mut statement = tx.prepare_cached("SELECT file FROM dictionary WHERE name = ?1")?;
    let Some(file) = statement.query_row([name.0], |row| row.get::<_, Vec<u8>>(0)).optional()? else {
        return Ok(None);
    };
    let dictionary = Dictionary::of_file(&file).map_err(|_| damaged("dictionary.file"))?;
    let dictionary = Arc::new(dictionary);
    tx.memory.borrow_mut().dictionaries.keep(Arc::clone(&dictionary));
    Ok(Some(dictionary))
}

/// Of these those that are held here, prepared for use, in the same order.
///
/// # Errors
/// The store fails or is damaged.
pub fn held(tx: Tx<'_>, names: &[DictionaryName]) -> Result<Vec<Arc<Dictionary>>> {
    let mut held = Vec::new();
    for name in names.iter().take(GENERATIONS) {
        held.extend(named(tx, *name)?);
    }
    Ok(held)
}

/// The batch with the dictionary that it names, as far as it is held here.
///
/// # Errors
/// The store fails or is damaged.
pub fn attached(tx: Tx<'_>, batch: Batch) -> Result<Batch> {
    let Some(name) = batch.dictionary_name() else { return Ok(batch) };
    Ok(Batch { dictionary: named(tx, name)?, ..batch })
}

/// Every dictionary that is held here, the newest first.
///
/// # Errors
/// The store fails.
pub fn all(tx: Tx<'_>) -> Result<Vec<Kept>> {
    let mut statement = tx.prepare(
        "SELECT name, hash, length(file), at,
             (SELECT count(*) FROM batch WHERE codec = ?1 AND substr(body, 2, 1) = x'ff' AND substr(body, 3, 4) = name)
         FROM dictionary ORDER BY number DESC",
    )?;
    let rows = statement.query_map([Codec::Pack.number()], |row| {
        Ok(Kept {
            name: DictionaryName(row.get(0)?),
            hash: id(row, 1)?,
            bytes: row.get(2)?,
            at: Timestamp(row.get(3)?),
            batches: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
