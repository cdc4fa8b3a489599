//! Cases as lists show them.

use std::ops::RangeInclusive;

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Map, Value};

use super::{detail, people::death};
use crate::{
    document::Asked,
    id::{DeviceId, DocumentId, Epoch},
    store::{Result, Tx, id},
    time::Timestamp,
    wire::batch::Origin,
};

/// Entries of a log between a person and the case that was made with it, at most: people and a visit.
const SITTING_ENTRIES: u64 = 5;

/// A case as lists show it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct CaseRow {
    /// The document.
    #[serde(rename = "case")]
    pub document: DocumentId,
    /// Its slip number.
    pub slip: String,
    /// Code of its service.
    pub service: String,
    /// Where it stands.
    pub status: String,
    /// The unit that took it.
    pub unit: String,
    /// The citizen's village.
    pub village: Option<String>,
    /// Whom it is about.
    pub subject: Option<DocumentId>,
    /// The subject's name.
    pub name: Option<String>,
    /// The subject's NIK.
    pub nik: Option<String>,
    /// The subject's birth, as far as known.
    pub born: Option<String>,
    /// Label of the visit.
    pub visit: Option<String>,
    /// The caller's own name for the case.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// When the sitting began: milliseconds since 1970.
    pub started: Option<i64>,
    /// Whether a person must decide something.
    pub conflict: bool,
    /// When the subject's death was reported, as RFC 3339, where a case that stands says so.
    pub death: Option<String>,
    /// What else is known of the case, by key.
    #[serde(skip)]
    pub detail: Map<String, Value>,
    /// What else is known of the subject, by key.
    #[serde(skip)]
    pub subject_detail: Map<String, Value>,
}

pub(super) const CASE: &str = concat!(
    "SELECT case_row.document, case_row.slip, case_row.service, case_row.state, case_row.unit, case_row.village,
            case_row.subject, person_row.name, person_row.nik, person_row.born, visit_row.label, case_row.ref,
            case_row.started,
            case_row.conflict OR case_row.same_service OR case_row.same_blank OR coalesce(person_row.conflict, 0),
            case_row.detail,
            person_row.detail, ",
    death!(),
    " FROM case_row LEFT JOIN person_row ON person_row.document = case_row.subject
                   LEFT JOIN visit_row ON visit_row.document = case_row.visit"
);

/// The applicant of a sitting: of few cases of a day or two, whatever else there is.
const APPLICANT: &str = "SELECT applicant FROM case_row
     WHERE started BETWEEN ?2 AND ?3 AND applicant IS NOT NULL AND detail ->> 'encounter' = ?1
     ORDER BY +document LIMIT 1";
/// The sitting of a case: a sitting is one applicant's.
const SITTING: &str = "WHERE case_row.applicant = (SELECT applicant FROM case_row WHERE document = ?1)
     AND case_row.detail ->> 'encounter' = (SELECT detail ->> 'encounter' FROM case_row WHERE document = ?1)
     ORDER BY case_row.slip";
/// Those of a service whose legal time has run since a moment, in order, and how many.
const LIMITED: &str =
    "SELECT complete, document FROM case_row WHERE service = ?1 AND complete > ?2 AND complete <= ?3
     ORDER BY complete, document LIMIT ?4";
const LIMITED_COUNT: &str =
    "SELECT count(*) FROM case_row WHERE service = ?1 AND complete > ?2 AND complete <= ?3";
/// Cases in which, or in whose subject, a person must decide something, those that an agency gave back or refused, and
/// those of which the hub answered a question.
const UNDECIDED: &str = "SELECT document FROM case_row WHERE conflict OR same_service OR same_blank
     UNION SELECT other.document FROM person_row AS person CROSS JOIN case_row AS other
           ON other.subject = person.document WHERE person.conflict
     UNION SELECT document FROM case_row WHERE state IN ('returned', 'rejected')
     UNION SELECT document FROM case_row WHERE question IN ('answered', 'answered_and_open')";

/// Those about which the hub was asked, by what has become of it.
const ASKED: &str = "WHERE case_row.question IN (?1, ?2)";

/// That a case has not ended.
pub(super) const OPEN: &str = "case_row.state NOT IN ('handed_over', 'closed', 'cancelled', 'rejected')";

pub(super) fn case(row: &Row<'_>) -> rusqlite::Result<CaseRow> {
    let subject: Option<[u8; 16]> = row.get(6)?;
    Ok(CaseRow {
        document: id(row, 0)?,
        slip: row.get(1)?,
        service: row.get(2)?,
        status: row.get(3)?,
        unit: row.get(4)?,
        village: row.get(5)?,
        subject: subject.map(DocumentId),
        name: row.get(7)?,
        nik: row.get(8)?,
        born: row.get(9)?,
        visit: row.get(10)?,
        reference: row.get(11)?,
        started: row.get(12)?,
        conflict: row.get(13)?,
        detail: detail(row, 14)?,
        subject_detail: detail(row, 15)?,
        death: row.get(16)?,
    })
}

/// Calls `each` for every case, newest sitting first; at most `limit`.
///
/// # Errors
/// The store fails.
pub fn cases(tx: Tx<'_>, limit: Option<u64>, mut each: impl FnMut(CaseRow)) -> Result<()> {
    let limit = limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let mut statement =
        tx.prepare_cached(&format!("{CASE} ORDER BY case_row.started DESC, case_row.document LIMIT ?1"))?;
    let rows = statement.query_map([limit], case)?;
    for row in rows {
        each(row?);
    }
    Ok(())
}

/// The case of a document.
///
/// # Errors
/// The store fails.
pub fn case_of(tx: Tx<'_>, document: DocumentId) -> Result<Option<CaseRow>> {
    Ok(tx
        .prepare_cached(&format!("{CASE} WHERE case_row.document = ?1"))?
        .query_row([document.0], case)
        .optional()?)
}

/// The newest case that is, or names, a document.
///
/// # Errors
/// The store fails.
pub fn case_touched(tx: Tx<'_>, document: DocumentId) -> Result<Option<CaseRow>> {
    Ok(tx
        .prepare_cached(&format!(
            "{CASE} WHERE case_row.document = ?1 OR case_row.subject = ?1 OR case_row.applicant = ?1
                    OR case_row.visit = ?1
             ORDER BY case_row.started DESC, case_row.document LIMIT 1"
        ))?
        .query_row([document.0], case)
        .optional()?)
}

/// The people and the visit that a case names; nothing of another document.
///
/// # Errors
/// The store fails.
pub fn named_by(tx: Tx<'_>, document: DocumentId) -> Result<Vec<DocumentId>> {
    let named: Option<[Option<[u8; 16]>; 3]> = tx
        .prepare_cached("SELECT applicant, subject, visit FROM case_row WHERE document = ?1")?
        .query_row([document.0], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
        .optional()?;
    let mut documents: Vec<_> = named.into_iter().flatten().flatten().map(DocumentId).collect();
    documents.dedup();
    Ok(documents)
}

/// The cases that bear a slip number: one, none, or more where a disk went back in time.
///
/// # Errors
/// The store fails.
pub fn cases_of_slip(tx: Tx<'_>, slip: &str) -> Result<Vec<CaseRow>> {
    let mut statement =
        tx.prepare_cached(&format!("{CASE} WHERE case_row.slip = ?1 ORDER BY case_row.document"))?;
    let rows = statement.query_map([slip], case)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The cases of a person, as subject or applicant, newest first.
///
/// # Errors
/// The store fails.
pub fn cases_of_person(tx: Tx<'_>, person: DocumentId) -> Result<Vec<CaseRow>> {
    let mut statement = tx.prepare_cached(&format!(
        "{CASE} WHERE case_row.subject = ?1 OR case_row.applicant = ?1 ORDER BY case_row.started DESC"
    ))?;
    let rows = statement.query_map([person.0], case)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The case that was recorded under the caller's own name `reference`.
///
/// # Errors
/// The store fails.
pub fn case_of_reference(tx: Tx<'_>, reference: &str) -> Result<Option<CaseRow>> {
    Ok(tx
        .prepare_cached(&format!("{CASE} WHERE case_row.ref = ?1 ORDER BY case_row.document LIMIT 1"))?
        .query_row([reference], case)
        .optional()?)
}

/// The applicant of a sitting of which a case began `within` (milliseconds), by the encounter's id.
///
/// # Errors
/// The store fails.
pub fn applicant_of_encounter(
    tx: Tx<'_>,
    encounter: &str,
    within: &RangeInclusive<i64>,
) -> Result<Option<DocumentId>> {
    Ok(tx
        .prepare_cached(APPLICANT)?
        .query_row(params![encounter, within.start(), within.end()], |row| id(row, 0))
        .optional()?)
}

/// The cases of the sitting of a case, itself included, by their numbers; none of a case without an applicant, whose
/// a sitting is.
///
/// # Errors
/// The store fails.
pub fn cases_of_sitting(tx: Tx<'_>, document: DocumentId) -> Result<Vec<CaseRow>> {
    let mut statement = tx.prepare_cached(&format!("{CASE} {SITTING}"))?;
    let rows = statement.query_map([document.0], case)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Slip numbers that more than one case bears.
///
/// # Errors
/// The store fails.
pub fn doubled_slips(tx: Tx<'_>) -> Result<Vec<String>> {
    let mut statement =
        tx.prepare("SELECT slip FROM case_row GROUP BY slip HAVING count(*) > 1 ORDER BY slip")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many cases there are.
///
/// # Errors
/// The store fails.
pub fn case_count(tx: Tx<'_>) -> Result<u64> {
    Ok(tx.prepare_cached("SELECT count(*) FROM case_row")?.query_row([], |row| row.get(0))?)
}

/// How many cases an agency has accepted as they are.
///
/// # Errors
/// The store fails.
pub fn accepted_count(tx: Tx<'_>) -> Result<u64> {
    Ok(tx.prepare_cached("SELECT count(*) FROM case_row WHERE accepted")?.query_row([], |row| row.get(0))?)
}

/// How many cases and persons need a decision.
///
/// # Errors
/// The store fails.
pub fn conflict_count(tx: Tx<'_>) -> Result<u64> {
    Ok(tx.query_row(
        "SELECT (SELECT count(*) FROM case_row WHERE conflict OR same_service OR same_blank)
              + (SELECT count(*) FROM person_row WHERE conflict)",
        [],
        |row| row.get(0),
    )?)
}

/// Cases in which, or in whose subject, a person must decide something, those that an agency gave back or refused, and
/// those of which the hub answered a question; newest first, at most `limit`.
///
/// # Errors
/// The store fails.
pub fn undecided(tx: Tx<'_>, limit: usize) -> Result<Vec<CaseRow>> {
    let mut statement = tx.prepare_cached(&format!(
        "{CASE} WHERE case_row.document IN ({UNDECIDED})
         ORDER BY case_row.started DESC, case_row.document LIMIT ?1"
    ))?;
    let rows = statement.query_map([limit], case)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many cases there are in which, or in whose subject, a person must decide something, that an agency gave back or
/// refused, or of which the hub answered a question.
///
/// # Errors
/// The store fails.
pub fn undecided_count(tx: Tx<'_>) -> Result<u64> {
    let mut statement = tx.prepare_cached(&format!("SELECT count(*) FROM ({UNDECIDED})"))?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// The cases with questions to the hub that have become `asked`, oldest sitting first.
///
/// # Errors
/// The store fails.
pub fn asked(tx: Tx<'_>, asked: Asked) -> Result<Vec<CaseRow>> {
    let mut statement =
        tx.prepare_cached(&format!("{CASE} {ASKED} ORDER BY case_row.started, case_row.document"))?;
    let rows = statement.query_map(at(asked), case)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many cases there are with questions to the hub that have become `asked`.
///
/// # Errors
/// The store fails.
pub fn asked_count(tx: Tx<'_>, asked: Asked) -> Result<u64> {
    let mut statement = tx.prepare_cached(&format!("SELECT count(*) FROM case_row {ASKED}"))?;
    Ok(statement.query_row(at(asked), |row| row.get(0))?)
}

/// What is said of cases that have a question that has become `asked`.
fn at(asked: Asked) -> [&'static str; 2] {
    let with_another = match asked {
        Asked::Open | Asked::Answered | Asked::AnsweredAndOpen => Asked::AnsweredAndOpen,
        Asked::Settled => asked,
    };
    [asked, with_another].map(Asked::as_str)
}

/// Cases of a service whose legal time runs since a moment after `after`, up to `until`: how many, and at most `limit` of
/// them with the moment, the longest waiting first.
///
/// # Errors
/// The store fails.
pub fn limited(
    tx: Tx<'_>,
    service: &str,
    after: Timestamp,
    until: Timestamp,
    limit: usize,
) -> Result<(u64, Vec<(Timestamp, DocumentId)>)> {
    let count =
        tx.prepare_cached(LIMITED_COUNT)?.query_row(params![service, after.0, until.0], |row| row.get(0))?;
    let mut statement = tx.prepare_cached(LIMITED)?;
    let rows = statement.query_map(params![service, after.0, until.0, limit], |row| {
        Ok((Timestamp(row.get(0)?), id(row, 1)?))
    })?;
    Ok((count, rows.collect::<Result<_, _>>()?))
}

/// The slip number and the unit of a case that a life of a device made, if one is here.
///
/// # Errors
/// The store fails.
pub fn slip_of_life(tx: Tx<'_>, device: DeviceId, epoch: Epoch) -> Result<Option<(String, String)>> {
    Ok(tx
        .prepare_cached(
            "SELECT slip, unit FROM change CROSS JOIN case_row USING (document)
             WHERE author = ?1 AND epoch = ?2 AND root = 1 AND slip <> '' LIMIT 1",
        )?
        .query_row(params![device.0, epoch.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// The officer of the case of `person` that was made together with entry `position` of a life's log.
///
/// # Errors
/// The store fails.
pub fn officer_of_sitting(tx: Tx<'_>, origin: Origin, person: DocumentId) -> Result<Option<String>> {
    Ok(tx
        .prepare_cached(
            "SELECT detail ->> 'officer' FROM change CROSS JOIN case_row USING (document)
             WHERE author = ?1 AND epoch = ?2 AND position BETWEEN ?3 AND ?3 + ?4 AND root = 1
               AND (subject = ?5 OR applicant = ?5)
             ORDER BY position LIMIT 1",
        )?
        .query_row(params![origin.device.0, origin.epoch.0, origin.index, SITTING_ENTRIES, person.0], |row| {
            row.get::<_, Option<String>>(0)
        })
        .optional()?
        .flatten())
}

/// How SQLite goes about a query, a step each.
#[cfg(test)]
pub(super) fn plan(query: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("there is room");
    let store = crate::store::Store::open(&folder.path().join("a")).expect("opens");
    let tx = store.reader();
    let mut statement = tx.prepare(&format!("EXPLAIN QUERY PLAN {query}")).expect("reads");
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().expect("plans") {
        steps.push(row.get(3).expect("a step"));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::read_model::{blanks, people};

    /// What each asks for, and by which indexes alone it may look at cases: among 100,000 cases all else takes longer
    /// than a person waits.
    #[test]
    fn what_pages_ask_for_is_found_by_an_index() {
        for (query, index) in [
            (LIMITED.to_owned(), "COVERING INDEX case_limit (service=? AND complete>? AND complete<?)"),
            (LIMITED_COUNT.to_owned(), "COVERING INDEX case_limit (service=? AND complete>? AND complete<?)"),
            (format!("{CASE} {SITTING}"), "case_applicant (applicant=?)"),
            (APPLICANT.to_owned(), "case_started (started>? AND started<?)"),
            (UNDECIDED.to_owned(), "case_conflict"),
            (format!("{CASE} {ASKED}"), "case_question (question=?)"),
            (blanks::USED.to_owned(), "case_blank"),
            (blanks::NUMBERS.to_owned(), "COVERING INDEX case_number"),
            (people::SERVED.to_owned(), "COVERING INDEX case_visit (visit=?)"),
        ] {
            let steps = plan(&query);
            assert!(steps.iter().any(|step| step.contains(index)), "{index}: {steps:?}");
            let read = |step: &String| {
                ["case_row", "report", "same"].iter().any(|of| step.starts_with(&format!("SCAN {of}")))
            };
            let whole = |step: &String| read(step) && !step.contains(index);
            assert!(!steps.iter().any(whole), "{index}: {steps:?}");
            assert!(
                !steps.iter().any(|step| step == "USE TEMP B-TREE FOR ORDER BY") || !index.contains("state")
            );
        }
    }
}
