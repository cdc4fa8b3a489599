//! Visits as lists show them.

use rusqlite::{OptionalExtension, Row, params};

use crate::{
    id::DocumentId,
    store::{Result, Tx, id},
    survey::Scores,
};

/// A visit as lists show it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct VisitRow {
    /// The document.
    #[serde(rename = "visit")]
    pub document: DocumentId,
    /// The unit.
    pub unit: String,
    /// What people call it.
    pub label: String,
    /// The local day.
    pub date: String,
    /// The village.
    pub village: Option<String>,
    /// When it was opened: milliseconds since 1970.
    pub opened: Option<i64>,
    /// When it was closed.
    pub closed: Option<i64>,
}

/// All visits, newest first; a document without label is none.
///
/// # Errors
/// The store fails.
pub fn visits(tx: Tx<'_>) -> Result<Vec<VisitRow>> {
    let mut statement = tx.prepare_cached(
        "SELECT document, unit, label, day, village, opened, closed
         FROM visit_row WHERE label <> '' ORDER BY day DESC, label, document",
    )?;
    let rows = statement.query_map([], visit)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Visits of a unit on a local day, `YYYY-MM-DD`, or later, the earliest first.
///
/// # Errors
/// The store fails.
pub fn visits_since(tx: Tx<'_>, unit: &str, day: &str) -> Result<Vec<VisitRow>> {
    let mut statement = tx.prepare_cached(
        "SELECT document, unit, label, day, village, opened, closed
         FROM visit_row WHERE label <> '' AND unit = ?1 AND day >= ?2 ORDER BY day, label, document",
    )?;
    let rows = statement.query_map([unit, day], visit)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many cases name a visit.
///
/// # Errors
/// The store fails.
pub fn cases_of_visit(tx: Tx<'_>, visit: DocumentId) -> Result<u64> {
    let mut statement = tx.prepare_cached("SELECT count(*) FROM case_row WHERE visit = ?1")?;
    Ok(statement.query_row([visit.0], |row| row.get(0))?)
}

/// Visits of a unit that are still open, newest first, at most `limit`.
///
/// # Errors
/// The store fails.
pub fn open_visits(tx: Tx<'_>, unit: &str, limit: usize) -> Result<Vec<VisitRow>> {
    let mut statement = tx.prepare_cached(
        "SELECT document, unit, label, day, village, opened, closed
         FROM visit_row WHERE label <> '' AND closed IS NULL AND unit = ?1
         ORDER BY day DESC, label, document LIMIT ?2",
    )?;
    let rows = statement.query_map(params![unit, limit], visit)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A visit with answers of a survey.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Surveyed {
    /// The local day.
    pub date: String,
    /// The unit.
    pub unit: String,
    /// What people call it.
    pub label: String,
    /// The sheets, in an order that tells nothing.
    pub sheets: Vec<Scores>,
}

/// Visits with answers of a survey.
///
/// # Errors
/// The store fails.
pub fn surveyed(tx: Tx<'_>) -> Result<Vec<Surveyed>> {
    let mut statement = tx.prepare_cached(
        "SELECT day, unit, label, answers FROM visit_row WHERE answers <> '' AND label <> '' ORDER BY document",
    )?;
    let rows = statement.query_map([], |row| {
        let answers: String = row.get(3)?;
        let sheets = answers.lines().filter_map(Scores::of_stored).collect();
        Ok(Surveyed { date: row.get(0)?, unit: row.get(1)?, label: row.get(2)?, sheets })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn visit(row: &Row<'_>) -> rusqlite::Result<VisitRow> {
    Ok(VisitRow {
        document: id(row, 0)?,
        unit: row.get(1)?,
        label: row.get(2)?,
        date: row.get(3)?,
        village: row.get(4)?,
        opened: row.get(5)?,
        closed: row.get(6)?,
    })
}

/// The visit of a unit under a label on a day.
///
/// # Errors
/// The store fails.
pub fn visit_of(tx: Tx<'_>, unit: &str, label: &str, day: &str) -> Result<Option<DocumentId>> {
    Ok(tx
        .prepare_cached(
            "SELECT document FROM visit_row WHERE label = ?2 AND day = ?3 AND unit = ?1 ORDER BY document LIMIT 1",
        )?
        .query_row([unit, label, day], |row| id(row, 0))
        .optional()?)
}
