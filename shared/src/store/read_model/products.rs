//! Products on their way into citizens' hands: cases that are ready, loaded, or with somebody who takes them along.

use rusqlite::params;

use super::{
    cases::{CASE, CaseRow, case},
    search,
};
use crate::{
    document::State,
    id::DocumentId,
    store::{Result, Tx, id},
};

/// Products that have the words `?1`. The words are looked up once, whatever they are, and each product among what has
/// them: hence the `+`.
const FOUND: &str =
    "SELECT document FROM case_row INDEXED BY case_product CROSS JOIN case_text USING (document)
     WHERE state IN ('ready', 'loaded', 'with_collector')
       AND +text IN (SELECT rowid FROM case_index WHERE case_index MATCH ?1)
     ORDER BY started DESC, document";
/// What stands at the state `?2` of the manifest of the unit `?1`.
const ON_MANIFEST: &str = "SELECT document FROM case_row INDEXED BY case_manifest
     WHERE state IN ('ready', 'loaded') AND coalesce(detail ->> 'for_unit', unit) = ?1 AND state = ?2
     ORDER BY started, document";
/// The same, as far as it has the words `?3`.
const FOUND_ON_MANIFEST: &str =
    "SELECT document FROM case_row INDEXED BY case_manifest CROSS JOIN case_text USING (document)
     WHERE state IN ('ready', 'loaded') AND coalesce(detail ->> 'for_unit', unit) = ?1 AND state = ?2
       AND +text IN (SELECT rowid FROM case_index WHERE case_index MATCH ?3)
     ORDER BY started, document";
/// What somebody, `?1`, took along for others.
const HELD: &str = "WHERE case_row.state = 'with_collector' AND case_row.detail ->> 'with' = ?1
     ORDER BY case_row.started DESC, case_row.document";
/// What waits for the people of the village `?1`.
const WAITING: &str = "case_row.state IN ('ready', 'loaded', 'with_collector') AND case_row.village = ?1";

/// Cases that stand at `state`, the newest sitting first, at most `limit`.
///
/// # Errors
/// The store fails.
pub fn cases_at(tx: Tx<'_>, state: State, limit: usize) -> Result<Vec<CaseRow>> {
    let mut statement = tx.prepare_cached(&format!(
        "{CASE} WHERE case_row.state = ?1 ORDER BY case_row.started DESC, case_row.document LIMIT ?2"
    ))?;
    let rows = statement.query_map(params![state.as_str(), limit], case)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What somebody took along for others, the newest sitting first.
///
/// # Errors
/// The store fails.
pub fn held_by(tx: Tx<'_>, holder: &str) -> Result<Vec<CaseRow>> {
    let mut statement = tx.prepare_cached(&format!("{CASE} {HELD}"))?;
    let rows = statement.query_map([holder], case)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Products that match every word of `text` in what is known of them or of their people, the newest sitting first.
///
/// # Errors
/// The store fails.
pub fn products_found(tx: Tx<'_>, text: &str) -> Result<Vec<DocumentId>> {
    let Some(query) = search::query(text) else { return Ok(Vec::new()) };
    let mut statement = tx.prepare_cached(FOUND)?;
    let rows = statement.query_map([query], |row| id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What is [`State::Ready`] or [`State::Loaded`] of the manifest of a unit, the oldest sitting first, and matches every
/// word of `text`; all of it where there is no text. Where nobody named a unit for a product, it is the one that took the
/// case in.
///
/// # Errors
/// The store fails.
pub fn manifest(tx: Tx<'_>, unit: &str, state: State, text: &str) -> Result<Vec<DocumentId>> {
    if text.trim().is_empty() {
        let mut statement = tx.prepare_cached(ON_MANIFEST)?;
        let rows = statement.query_map([unit, state.as_str()], |row| id(row, 0))?;
        return Ok(rows.collect::<Result<_, _>>()?);
    }
    let Some(query) = search::query(text) else { return Ok(Vec::new()) };
    let mut statement = tx.prepare_cached(FOUND_ON_MANIFEST)?;
    let rows = statement.query_map([unit, state.as_str(), &query], |row| id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many cases stand at `state`.
///
/// # Errors
/// The store fails.
pub fn count_at(tx: Tx<'_>, state: State) -> Result<u64> {
    Ok(tx
        .prepare_cached("SELECT count(*) FROM case_row WHERE state = ?1")?
        .query_row([state.as_str()], |row| row.get(0))?)
}

/// How many products wait for the people of a village.
///
/// # Errors
/// The store fails.
pub fn waiting_count(tx: Tx<'_>, village: &str) -> Result<u64> {
    let mut statement = tx.prepare_cached(&format!("SELECT count(*) FROM case_row WHERE {WAITING}"))?;
    Ok(statement.query_row([village], |row| row.get(0))?)
}

/// Products that wait for the people of a village, by where they are and then by name, at most `limit`.
///
/// # Errors
/// The store fails.
pub fn waiting(tx: Tx<'_>, village: &str, limit: usize) -> Result<Vec<CaseRow>> {
    let mut statement = tx.prepare_cached(&format!(
        "{CASE} WHERE {WAITING} ORDER BY case_row.state DESC, person_row.name, case_row.document LIMIT ?2"
    ))?;
    let rows = statement.query_map(params![village, limit], case)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::read_model::cases::plan;

    #[test]
    fn products_are_found_by_indexes_of_their_own() {
        for (query, index) in [
            (ON_MANIFEST.to_owned(), "case_manifest (<expr>=? AND state=?)"),
            (FOUND_ON_MANIFEST.to_owned(), "case_manifest (<expr>=? AND state=?)"),
            (FOUND.to_owned(), "SCAN case_row USING INDEX case_product"),
            (format!("{CASE} {HELD}"), "case_holder (<expr>=?)"),
            (format!("{CASE} WHERE {WAITING}"), "case_product (village=? AND state=?)"),
            (
                format!("SELECT count(*) FROM case_row WHERE {WAITING}"),
                "COVERING INDEX case_product (village=? AND state=?)",
            ),
        ] {
            let steps = plan(&query);
            assert!(steps.iter().any(|step| step.contains(index)), "{index}: {steps:?}");
            let for_each_word = |step: &String| step.contains("case_text") && step.contains("rowid=?");
            assert!(!steps.iter().any(for_each_word), "{index}: {steps:?}");
        }
    }
}
