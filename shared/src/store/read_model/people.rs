//! Persons as lists show them.

use rusqlite::{OptionalExtension, Row};
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
    /// When the death of this person was reported, as RFC 3339, where a case that stands says so.
    pub death: Option<String>,
    /// What else is known, by key.
    #[serde(flatten)]
    pub detail: Map<String, Value>,
}

/// The begin of the newest sitting at which the death of the person of `person_row` was reported, of any document of that
/// person; none where no case that stands says so.
macro_rules! death {
    () => {
        "(SELECT max(report.detail ->> 'started')
          FROM person_row AS same CROSS JOIN case_row AS report ON report.subject = same.document
          WHERE same.twin = person_row.twin AND report.service = 'DUK-MATI'
            AND report.state NOT IN ('cancelled', 'rejected', 'draft'))"
    };
}
pub(super) use death;

pub(super) const PERSON: &str = concat!(
    "SELECT document, nik, name, born, village, twin, conflict, detail, ",
    death!(),
    " FROM person_row"
);

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
        death: row.get(8)?,
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

/// By what somebody is known who was served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Served {
    /// The NIK.
    pub nik: Option<String>,
    /// The name.
    pub name: String,
    /// Birth, as far as known.
    pub born: Option<String>,
}

/// Of thousands of people only what tells them apart is read. Who waits for the network has not been served.
pub(super) const SERVED: &str = "SELECT nik, name, born FROM person_row WHERE document IN (
     SELECT subject FROM case_row WHERE visit = ?1 AND state NOT IN ('cancelled', 'draft', 'waiting_for_network'))";

/// Whom the cases of a visit are about that were begun there, stand, and do not wait for the network.
///
/// # Errors
/// The store fails.
pub fn people_served(tx: Tx<'_>, visit: DocumentId) -> Result<Vec<Served>> {
    let mut statement = tx.prepare_cached(SERVED)?;
    let rows = statement
        .query_map([visit.0], |row| Ok(Served { nik: row.get(0)?, name: row.get(1)?, born: row.get(2)? }))?;
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
    fn a_reported_death_is_found_by_the_person() {
        let steps = plan(PERSON);
        let is = |index: &str| steps.iter().any(|step| step.contains(index));
        assert!(is("case_subject (subject=? AND service=?)") && is("person_twin (twin=?)"), "{steps:?}");
    }
}
