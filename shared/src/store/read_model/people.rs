//! Persons as lists show them.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Map, Value};

use super::detail;
use crate::{
    id::DocumentId,
    store::{Result, Tx, id},
};

/// A person as lists show it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct PersonRow {
    /// The document.
    #[serde(rename = "person")]
    pub document: DocumentId,
    /// The NIK.
    pub nik: Option<String>,
    /// The name.
    pub name: String,
    /// Birth, as far as known.
    pub born: Option<String>,
    /// The village.
    pub village: Option<String>,
    /// The document that stands for this person.
    pub twin: DocumentId,
    /// Whether a person must decide something.
    pub conflict: bool,
    /// What else is known, by key.
    #[serde(flatten)]
    pub detail: Map<String, Value>,
}

pub(super) const PERSON: &str =
    "SELECT document, nik, name, born, village, twin, conflict, detail FROM person_row";

const REPORTED: &str = "SELECT max(started) FROM case_row
     WHERE subject IN (
         SELECT ?1 UNION SELECT twin FROM person_row WHERE document = ?1
         UNION SELECT other.document FROM person_row AS one JOIN person_row AS other USING (twin) WHERE one.document = ?1)
       AND service = ?2 AND state NOT IN ('cancelled', 'rejected', 'draft')";

pub(super) fn person(row: &Row<'_>) -> rusqlite::Result<PersonRow> {
    Ok(PersonRow {
        document: id(row, 0)?,
        nik: row.get(1)?,
        name: row.get(2)?,
        born: row.get(3)?,
        village: row.get(4)?,
        twin: id(row, 5)?,
        conflict: row.get(6)?,
        detail: detail(row, 7)?,
    })
}

/// The person of a document.
///
/// # Errors
/// The store fails.
pub fn person_of(tx: Tx<'_>, document: DocumentId) -> Result<Option<PersonRow>> {
    Ok(tx
        .prepare_cached(&format!("{PERSON} WHERE document = ?1"))?
        .query_row([document.0], person)
        .optional()?)
}

/// The people with a NIK.
///
/// # Errors
/// The store fails.
pub fn people_of_nik(tx: Tx<'_>, nik: &str) -> Result<Vec<PersonRow>> {
    let mut statement = tx.prepare_cached(&format!("{PERSON} WHERE nik = ?1 ORDER BY document"))?;
    let rows = statement.query_map([nik], person)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The documents that one document stands for, itself included.
///
/// # Errors
/// The store fails.
pub fn twins_of(tx: Tx<'_>, twin: DocumentId) -> Result<Vec<PersonRow>> {
    let mut statement =
        tx.prepare_cached(&format!("{PERSON} WHERE twin = ?1 OR document = ?1 ORDER BY document"))?;
    let rows = statement.query_map([twin.0], person)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// When the newest case of a service began, in milliseconds since 1970, that stands and is about a person, as whichever
/// document.
///
/// # Errors
/// The store fails.
pub fn reported(tx: Tx<'_>, person: DocumentId, service: &str) -> Result<Option<i64>> {
    Ok(tx.prepare_cached(REPORTED)?.query_row(params![person.0, service], |row| row.get(0))?)
}

/// People with a NIK that another document, not known to be of the same person, has too, where a change of one
/// of the two arrived after `seen` and up to `through`; and people whom somebody proposed to be another
/// document's.
///
/// # Errors
/// The store fails.
pub fn unlinked(tx: Tx<'_>, seen: u64, through: u64) -> Result<Vec<PersonRow>> {
    let mut statement = tx.prepare_cached(&format!(
        "{PERSON} WHERE document IN (
             SELECT other.document FROM change
                 CROSS JOIN person_row AS one ON one.document = change.document
                 CROSS JOIN person_row AS other ON other.nik = one.nik
             WHERE change.arrival > ?1 AND change.arrival <= ?2
               AND EXISTS (SELECT 1 FROM person_row AS third WHERE third.nik = one.nik AND third.twin <> one.twin)
             UNION SELECT document FROM person_row WHERE detail ->> '$.proposed[0]' IS NOT NULL)
         ORDER BY document"
    ))?;
    let rows = statement.query_map([seen, through], person)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The person that was recorded under the caller's own name `reference`.
///
/// # Errors
/// The store fails.
pub fn person_of_reference(tx: Tx<'_>, reference: &str) -> Result<Option<PersonRow>> {
    Ok(tx
        .prepare_cached(&format!("{PERSON} WHERE ref = ?1 ORDER BY document LIMIT 1"))?
        .query_row([reference], person)
        .optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::read_model::cases::plan;

    #[test]
    fn what_was_reported_of_a_person_is_found_by_the_person() {
        let steps = plan(REPORTED);
        let is = |index: &str| steps.iter().any(|step| step.contains(index));
        assert!(is("case_subject (subject=? AND service=?)") && is("person_twin (twin=?)"), "{steps:?}");
    }
}
