//! What commands and pages read: one row a document, and the full text.
//!
//! A cache: rows follow the changes of their document. [`refresh`] brings every stale row up to date, and is
//! called before anything is read.

use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Map, Value, json};

use super::{Result, Tx, changes, id};
use crate::{
    document::{Case, History, Person, State, View, Visit, conflict},
    id::{ChangeHash, DeviceId, DocumentId, Kind},
    name,
};

/// Whether any row is older than its document.
///
/// # Errors
/// The store fails.
pub fn is_stale(tx: Tx<'_>) -> Result<bool> {
    Ok(tx.prepare_cached("SELECT 1 FROM stale LIMIT 1")?.query_row([], |_| Ok(())).optional()?.is_some())
}

/// Brings every stale row up to date.
///
/// # Errors
/// The store fails or is damaged.
pub fn refresh(tx: Tx<'_>) -> Result<()> {
    if !is_stale(tx)? {
        return Ok(());
    }
    // In the order of arrival, so that each stored batch is inflated once.
    let mut statement = tx.prepare_cached(
        "SELECT document FROM stale LEFT JOIN change USING (document)
         GROUP BY document ORDER BY max(change.arrival)",
    )?;
    let documents = statement.query_map([], |row| id(row, 0))?.collect::<Result<Vec<DocumentId>, _>>()?;
    for document in documents {
        project(tx, document)?;
    }
    tx.execute("DELETE FROM stale", [])?;
    Ok(())
}

fn project(tx: Tx<'_>, document: DocumentId) -> Result<()> {
    let history = changes::history(tx, document)?;
    let Some(kind) = document.kind() else { return Ok(()) };
    if history.is_empty() {
        return forget(tx, document);
    }
    let view = View::of(&history);
    let conflict = !conflict::conflicts(kind, &view).is_empty();
    match kind {
        Kind::Case => put_case(tx, document, &Case::read(&view), &history, conflict),
        Kind::Person => put_person(tx, document, &Person::read(&view), conflict),
        Kind::Visit => put_visit(tx, document, &Visit::read(&view)),
    }
}

fn forget(tx: Tx<'_>, document: DocumentId) -> Result<()> {
    for table in ["case_row", "person_row", "visit_row"] {
        tx.execute(&format!("DELETE FROM {table} WHERE document = ?1"), [document.0])?;
    }
    index(tx, document, "")
}

fn put_case(tx: Tx<'_>, document: DocumentId, case: &Case, history: &History, conflict: bool) -> Result<()> {
    let closed = case
        .status
        .status
        .is_ended()
        .then(|| case.status.events.iter().filter_map(|event| event.at.map(|at| at.at.0)).max())
        .flatten();
    tx.prepare_cached(
        "INSERT INTO case_row (document, slip, service, state, unit, village, applicant, subject, visit, ref,
                               blank, started, closed, accepted, conflict, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         ON CONFLICT DO UPDATE SET slip = ?2, service = ?3, state = ?4, unit = ?5, village = ?6, applicant = ?7,
             subject = ?8, visit = ?9, ref = ?10, blank = ?11, started = ?12, closed = ?13, accepted = ?14,
             conflict = ?15, detail = ?16",
    )?
    .execute(params![
        document.0,
        case.slip.as_deref().unwrap_or(""),
        case.service.as_deref().unwrap_or(""),
        case.status.status.as_str(),
        case.unit.as_ref().map_or("", |unit| unit.as_str()),
        case.village.as_ref().map(|village| village.as_str()),
        case.applicant.map(|person| person.0),
        case.subject.map(|person| person.0),
        case.visit.map(|visit| visit.0),
        case.reference,
        case.blank,
        case.started.map(|at| at.at.0),
        closed,
        is_accepted(tx, document, case, history)?,
        conflict,
        case_detail(case)
    ])?;
    let words = [
        case.slip.as_deref(),
        case.service.as_deref(),
        case.reference.as_deref(),
        case.blank.as_deref(),
        case.notes.as_deref(),
        case.companion.as_deref(),
    ];
    index(tx, document, &words.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// What lists show of a case beside the columns that are searched or sorted by.
fn case_detail(case: &Case) -> String {
    let detail = json!({
        "started": case.started,
        "ended": case.ended,
        "officer": case.officer,
        "position": case.position,
        "consent": case.consent,
        "notes": case.notes,
        "channel": case.channel,
        "blank": case.blank,
        "priority": case.priority,
        "companion": case.companion,
        "witnesses": case.witnesses,
        "ticks": case.ticks,
        "encounter": case.encounter,
        "to_be_confirmed": case.status.to_be_confirmed,
        "warnings": case.warnings,
    });
    detail.to_string()
}

fn person_detail(person: &Person) -> String {
    let detail = json!({
        "sex": person.sex,
        "born_estimated": person.born_estimated,
        "mother": person.mother,
        "father": person.father,
        "kk": person.kk,
        "phone": person.phone,
        "address": person.address,
        "not_same": person.not_same.keys().collect::<Vec<_>>(),
        "proposed": person.proposed().collect::<Vec<_>>(),
    });
    detail.to_string()
}

/// Whether an agency's event, written by the hub, has every van-written change among its ancestors.
fn is_accepted(tx: Tx<'_>, document: DocumentId, case: &Case, history: &History) -> Result<bool> {
    let all = changes::of_document(tx, document)?;
    let written_by = |hub: bool| {
        let applied = all.iter().filter(|change| change.arrival.is_some());
        applied.filter(move |change| (change.origin.device == DeviceId::HUB) == hub).map(|change| change.hash)
    };
    let by_hub: Vec<ChangeHash> = written_by(true).collect();
    let accepts = case.status.events.iter().filter(|event| {
        by_hub.contains(&event.change)
            && event.agency.is_some()
            && event.reference.is_some()
            && event.state >= State::Forwarded
            && event.state != State::Cancelled
    });
    for event in accepts {
        if let Some(past) = history.past(&[event.change])
            && written_by(false).all(|hash| past.contains(&hash))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn put_person(tx: Tx<'_>, document: DocumentId, person: &Person, conflict: bool) -> Result<()> {
    let nik = person.nik.as_ref().map(ToString::to_string);
    let name = person.name.as_deref().unwrap_or("");
    let village = person.village.as_ref().map(|village| village.as_str());
    tx.prepare_cached(
        "INSERT INTO person_row (document, nik, name, born, village, ref, twin, conflict, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT DO UPDATE SET nik = ?2, name = ?3, born = ?4, village = ?5, ref = ?6, twin = ?7,
             conflict = ?8, detail = ?9",
    )?
    .execute(params![
        document.0,
        nik,
        name,
        person.born.map(|born| born.to_string()),
        village,
        person.reference,
        person.same_as.unwrap_or(document).0,
        conflict,
        person_detail(person)
    ])?;
    let key = name::search_key(name);
    let village_name = village.map(|code| village_name(tx, code)).transpose()?.flatten();
    let words = [
        Some(name),
        Some(key.as_str()),
        nik.as_deref(),
        person.phone.as_deref(),
        person.kk.as_deref(),
        person.mother.as_deref(),
        village,
        village_name.as_deref(),
    ];
    index(tx, document, &words.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

fn village_name(tx: Tx<'_>, code: &str) -> Result<Option<String>> {
    Ok(tx
        .prepare_cached(
            "SELECT value ->> 'name' FROM registry_row JOIN registry USING (kind, version)
             WHERE kind = 'villages' AND key = ?1",
        )?
        .query_row([code], |row| row.get(0))
        .optional()?)
}

fn put_visit(tx: Tx<'_>, document: DocumentId, visit: &Visit) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO visit_row (document, unit, label, day, village, opened, closed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET unit = ?2, label = ?3, day = ?4, village = ?5, opened = ?6, closed = ?7",
    )?
    .execute(params![
        document.0,
        visit.unit.as_ref().map_or("", |unit| unit.as_str()),
        visit.label.as_deref().unwrap_or(""),
        visit.date.as_deref().unwrap_or(""),
        visit.village.as_ref().map(|village| village.as_str()),
        visit.opened.map(|at| at.at.0),
        visit.closed.map(|at| at.at.0)
    ])?;
    Ok(())
}

/// Replaces a document's full text.
fn index(tx: Tx<'_>, document: DocumentId, words: &str) -> Result<()> {
    let known: Option<i64> = tx
        .prepare_cached("SELECT text FROM text_document WHERE document = ?1")?
        .query_row([document.0], |row| row.get(0))
        .optional()?;
    let text = match known {
        Some(text) => {
            tx.prepare_cached("DELETE FROM text_index WHERE rowid = ?1")?.execute([text])?;
            text
        }
        None => tx
            .prepare_cached("INSERT INTO text_document (document) VALUES (?1) RETURNING text")?
            .query_row([document.0], |row| row.get(0))?,
    };
    tx.prepare_cached("INSERT INTO text_index (rowid, words) VALUES (?1, ?2)")?
        .execute(params![text, words])?;
    Ok(())
}

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
    /// What else is known of the case, by key.
    #[serde(skip)]
    pub detail: Map<String, Value>,
    /// What else is known of the subject, by key.
    #[serde(skip)]
    pub subject_detail: Map<String, Value>,
}

const CASE: &str =
    "SELECT case_row.document, case_row.slip, case_row.service, case_row.state, case_row.unit, case_row.village,
            case_row.subject, person_row.name, person_row.nik, person_row.born, visit_row.label, case_row.ref,
            case_row.started, case_row.conflict OR coalesce(person_row.conflict, 0), case_row.detail,
            person_row.detail
     FROM case_row LEFT JOIN person_row ON person_row.document = case_row.subject
                   LEFT JOIN visit_row ON visit_row.document = case_row.visit";

fn case(row: &Row<'_>) -> rusqlite::Result<CaseRow> {
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
    })
}

/// A column that holds a JSON object; a cache that does not read back shows nothing.
fn detail(row: &Row<'_>, column: usize) -> rusqlite::Result<Map<String, Value>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
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

/// The case of a person for a service that has not ended, if there is one.
///
/// # Errors
/// The store fails.
pub fn open_case(tx: Tx<'_>, subject: DocumentId, service: &str) -> Result<Option<CaseRow>> {
    Ok(tx
        .prepare_cached(&format!(
            "{CASE} WHERE case_row.subject = ?1 AND case_row.service = ?2 AND case_row.closed IS NULL
                      AND case_row.state NOT IN ('handed_over', 'closed', 'cancelled', 'rejected')
             ORDER BY case_row.started DESC LIMIT 1"
        ))?
        .query_row(params![subject.0, service], case)
        .optional()?)
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

/// The applicant of a sitting that began at `since` (milliseconds) or later, by the encounter's id.
///
/// # Errors
/// The store fails.
pub fn applicant_of_encounter(tx: Tx<'_>, encounter: &str, since: i64) -> Result<Option<DocumentId>> {
    Ok(tx
        .prepare_cached(
            "SELECT applicant FROM case_row
             WHERE started >= ?2 AND applicant IS NOT NULL AND detail ->> 'encounter' = ?1
             ORDER BY document LIMIT 1",
        )?
        .query_row(params![encounter, since], |row| id(row, 0))
        .optional()?)
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

/// How many cases and persons need a decision.
///
/// # Errors
/// The store fails.
pub fn conflict_count(tx: Tx<'_>) -> Result<u64> {
    Ok(tx.query_row(
        "SELECT (SELECT count(*) FROM case_row WHERE conflict) + (SELECT count(*) FROM person_row WHERE conflict)",
        [],
        |row| row.get(0),
    )?)
}

/// Cases that match every word of `text` in what is known of them or of their people; at most `limit`, newest
/// first.
///
/// # Errors
/// The store fails.
pub fn find(tx: Tx<'_>, text: &str, limit: usize) -> Result<Vec<CaseRow>> {
    let words: Vec<_> = text.split_whitespace().map(ToOwned::to_owned).collect();
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let mut queries = vec![phrases(&words)];
    let key = name::query_key(text);
    let keys: Vec<_> = key.split_whitespace().map(ToOwned::to_owned).collect();
    if !keys.is_empty() && keys != words {
        queries.push(phrases(&keys));
    }
    let mut statement = tx.prepare_cached(&format!(
        "WITH hit AS (SELECT document FROM text_index JOIN text_document ON text = text_index.rowid
                      WHERE text_index MATCH ?1 LIMIT 2000)
         {CASE} WHERE case_row.document IN (
             SELECT document FROM hit
             UNION SELECT case_row.document FROM case_row JOIN hit ON hit.document = case_row.subject
             UNION SELECT case_row.document FROM case_row JOIN hit ON hit.document = case_row.applicant)
         ORDER BY case_row.started DESC, case_row.document LIMIT ?2"
    ))?;
    let mut found: Vec<CaseRow> = Vec::new();
    for query in queries {
        for row in statement.query_map(params![query, limit], case)? {
            let row = row?;
            if !found.iter().any(|other| other.document == row.document) {
                found.push(row);
            }
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// Each word as the beginning of a word of the text, quoted so that nothing in it is syntax.
fn phrases(words: &[String]) -> String {
    let quoted = words.iter().map(|word| format!("\"{}\"*", word.replace('"', "\"\"")));
    quoted.collect::<Vec<_>>().join(" ")
}

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

const PERSON: &str = "SELECT document, nik, name, born, village, twin, conflict, detail FROM person_row";

fn person(row: &Row<'_>) -> rusqlite::Result<PersonRow> {
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

/// People with a NIK that another document, not known to be of the same person, has too; and people whom
/// somebody proposed to be another document's.
///
/// # Errors
/// The store fails.
pub fn unlinked(tx: Tx<'_>) -> Result<Vec<PersonRow>> {
    let mut statement = tx.prepare_cached(&format!(
        "{PERSON} WHERE nik IN (SELECT nik FROM person_row WHERE nik IS NOT NULL
                                GROUP BY nik HAVING count(DISTINCT twin) > 1)
                     OR detail ->> '$.proposed[0]' IS NOT NULL
         ORDER BY document"
    ))?;
    let rows = statement.query_map([], person)?;
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

/// People whose names, numbers or places match every word of `text`; all of an empty text. At most `limit`.
///
/// # Errors
/// The store fails.
pub fn people(tx: Tx<'_>, text: &str, limit: usize) -> Result<Vec<PersonRow>> {
    let key = name::query_key(text);
    let words: Vec<_> =
        if key.is_empty() { text } else { &key }.split_whitespace().map(ToOwned::to_owned).collect();
    if words.is_empty() {
        let mut statement = tx.prepare_cached(&format!("{PERSON} ORDER BY name, document LIMIT ?1"))?;
        let rows = statement.query_map([limit], person)?;
        return Ok(rows.collect::<Result<_, _>>()?);
    }
    let mut statement = tx.prepare_cached(&format!(
        "{PERSON} WHERE document IN (SELECT document FROM text_index JOIN text_document ON text = text_index.rowid
                                     WHERE text_index MATCH ?1)
         ORDER BY name, document LIMIT ?2"
    ))?;
    let rows = statement.query_map(params![phrases(&words), limit], person)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

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
    /// How many cases name it.
    pub cases: u64,
}

/// All visits, newest first.
///
/// # Errors
/// The store fails.
pub fn visits(tx: Tx<'_>) -> Result<Vec<VisitRow>> {
    let mut statement = tx.prepare_cached(
        "SELECT document, unit, label, day, village, opened, closed,
                (SELECT count(*) FROM case_row WHERE case_row.visit = visit_row.document)
         FROM visit_row ORDER BY day DESC, label, document",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(VisitRow {
            document: id(row, 0)?,
            unit: row.get(1)?,
            label: row.get(2)?,
            date: row.get(3)?,
            village: row.get(4)?,
            opened: row.get(5)?,
            closed: row.get(6)?,
            cases: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
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

/// Every document in the order in which a new laptop gets them: visits, then cases newest first, each with its
/// people before it, then everybody else.
///
/// # Errors
/// The store fails.
pub fn newest_first(tx: Tx<'_>) -> Result<Vec<DocumentId>> {
    let mut seen = std::collections::BTreeSet::new();
    let mut order = Vec::new();
    let mut add = |document: [u8; 16]| {
        if seen.insert(document) {
            order.push(DocumentId(document));
        }
    };
    let mut visits = tx.prepare("SELECT document FROM visit_row ORDER BY day DESC, document")?;
    for row in visits.query_map([], |row| row.get(0))? {
        add(row?);
    }
    let mut cases =
        tx.prepare("SELECT applicant, subject, document FROM case_row ORDER BY started DESC, document")?;
    let rows = cases
        .query_map([], |row| Ok([row.get::<_, Option<[u8; 16]>>(0)?, row.get(1)?, Some(row.get(2)?)]))?;
    for row in rows {
        row?.into_iter().flatten().for_each(&mut add);
    }
    let mut people = tx.prepare("SELECT document FROM person_row ORDER BY document")?;
    for row in people.query_map([], |row| row.get(0))? {
        add(row?);
    }
    Ok(order)
}

/// Forgets every cache, to be rebuilt from the logs.
///
/// # Errors
/// The store fails.
pub fn forget_all(tx: Tx<'_>) -> Result<()> {
    tx.execute_batch(
        "DELETE FROM stale; DELETE FROM person_row; DELETE FROM case_row; DELETE FROM visit_row;
         DELETE FROM text_document; INSERT INTO text_index (text_index) VALUES ('delete-all');",
    )?;
    Ok(())
}
