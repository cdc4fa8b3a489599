//! Registries in the store: what is in force, every catalogue that ever was, versions from which a feed still leads
//! on, and the hub's signatures.

use rusqlite::{OptionalExtension, params};

use super::{Result, Tx, damaged, id};
use crate::registry::{Kind, Registries, Table, Version};

/// Loads the tables in force and every catalogue that a case may name.
///
/// # Errors
/// The store fails or is damaged.
pub fn load(tx: Tx<'_>) -> Result<Registries> {
    let mut registries = Registries::default();
    let mut statement = tx.prepare("SELECT DISTINCT version FROM registry_row WHERE kind = ?1")?;
    let catalogues = statement
        .query_map([Kind::Services.as_str()], |row| id(row, 0))?
        .collect::<Result<Vec<Version>, _>>()?;
    for version in catalogues {
        registries.keep_catalogue(&table(tx, &Kind::Services, version)?);
    }
    let mut statement = tx.prepare("SELECT kind, version FROM registry ORDER BY kind")?;
    let current = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, id(row, 1)?)))?
        .collect::<Result<Vec<(String, Version)>, _>>()?;
    for (kind, version) in current {
        let kind = kind.parse().map_err(|_| damaged("registry.kind"))?;
        registries.put(table(tx, &kind, version)?);
    }
    Ok(registries)
}

/// A table as it was at a version; empty where that version was never in force here.
///
/// # Errors
/// The store fails.
pub fn table(tx: Tx<'_>, kind: &Kind, version: Version) -> Result<Table> {
    let mut statement =
        tx.prepare_cached("SELECT key, value FROM registry_row WHERE kind = ?1 AND version = ?2")?;
    let rows =
        statement.query_map(params![kind.as_str(), version.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Table::restore(kind.clone(), rows.collect::<Result<Vec<(String, String)>, _>>()?))
}

/// The version of `kind` in force.
///
/// # Errors
/// The store fails.
pub fn version(tx: Tx<'_>, kind: &Kind) -> Result<Option<Version>> {
    Ok(tx
        .prepare_cached("SELECT version FROM registry WHERE kind = ?1")?
        .query_row([kind.as_str()], |row| id(row, 0))
        .optional()?)
}

/// One row of the table in force, as canonical JSON.
///
/// # Errors
/// The store fails.
pub fn row(tx: Tx<'_>, kind: &Kind, key: &str) -> Result<Option<String>> {
    Ok(tx
        .prepare_cached(
            "SELECT value FROM registry CROSS JOIN registry_row USING (kind, version)
             WHERE kind = ?1 AND key = ?2",
        )?
        .query_row([kind.as_str(), key], |row| row.get(0))
        .optional()?)
}

/// Keeps the rows of a table's version.
///
/// # Errors
/// The store fails.
pub fn keep(tx: Tx<'_>, table: &Table) -> Result<()> {
    let version = table.version();
    let mut statement = tx.prepare_cached(
        "INSERT OR IGNORE INTO registry_row (kind, version, key, value) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (key, value) in table.iter() {
        statement.execute(params![table.kind().as_str(), version.0, key, value])?;
    }
    if table.kind() == &Kind::Services {
        // A case may come before the catalogue that tells which kind its blank is of.
        tx.execute_batch(
            "INSERT OR IGNORE INTO stale (document)
             SELECT document FROM case_row WHERE blank IS NOT NULL AND blank_kind IS NULL",
        )?;
    }
    Ok(())
}

/// Forgets the rows of a version that was never in force: a part of the way to another.
///
/// # Errors
/// The store fails.
pub fn forget(tx: Tx<'_>, kind: &Kind, version: Version) -> Result<()> {
    tx.execute(
        "DELETE FROM registry_row WHERE kind = ?1 AND version = ?2",
        params![kind.as_str(), version.0],
    )?;
    Ok(())
}

/// Forgets a version that is neither in force nor the last that some feed told: nothing leads on from it.
///
/// # Errors
/// The store fails.
pub fn forget_untold(tx: Tx<'_>, kind: &Kind, version: Version) -> Result<()> {
    tx.prepare_cached(
        "DELETE FROM registry_row WHERE kind = ?1 AND version = ?2
           AND NOT EXISTS (SELECT 1 FROM registry WHERE kind = ?1 AND version = ?2)
           AND NOT EXISTS (SELECT 1 FROM fed_registry WHERE kind = ?1 AND version = ?2)",
    )?
    .execute(params![kind.as_str(), version.0])?;
    Ok(())
}

/// Notes that a version is a part of the way to another, to be forgotten.
///
/// # Errors
/// The store fails.
pub fn set_part(tx: Tx<'_>, table: &Table) -> Result<()> {
    super::set_fact(tx, &part(table.kind()), &table.version().0)
}

/// Whether a version is only a part of the way to another.
///
/// # Errors
/// The store fails.
pub fn is_part(tx: Tx<'_>, kind: &Kind, version: Version) -> Result<bool> {
    Ok(super::fact(tx, &part(kind))?.is_some_and(|part| part == version.0))
}

fn part(kind: &Kind) -> String {
    format!("registry_part/{}", kind.as_str())
}

/// Puts a table in force, with the hub's signature over its version.
///
/// # Errors
/// The store fails.
pub fn put(tx: Tx<'_>, table: &Table, signature: &[u8]) -> Result<()> {
    keep(tx, table)?;
    tx.execute(
        "INSERT INTO registry (kind, version, signature) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET version = ?2, signature = ?3",
        params![table.kind().as_str(), table.version().0, signature],
    )?;
    Ok(())
}

/// The hub's signature over the version of `kind` in force.
///
/// # Errors
/// The store fails.
pub fn signature(tx: Tx<'_>, kind: &Kind) -> Result<Option<Vec<u8>>> {
    Ok(tx
        .prepare_cached("SELECT signature FROM registry WHERE kind = ?1")?
        .query_row([kind.as_str()], |row| row.get(0))
        .optional()?)
}
