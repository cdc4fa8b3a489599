//! Brings the rows of documents up to date with their changes.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};

use super::{
    collision,
    row::{CaseRow, PersonRow, Row, VisitRow},
    search,
};
use crate::{
    aside::{self, Promised},
    blank::BlankKind,
    document::{Asked, History},
    id::{ChangeHash, DeviceId, DocumentId, Kind, VillageCode},
    registry::{Kind as Registry, Version},
    store::{Result, Tx, attachment, changes, id},
};

/// Documents that are brought up to date at one go.
const DOCUMENTS_MAX: usize = 2_000;
/// Documents whose rows are made while those of as many before them are written.
const PART_DOCUMENTS: usize = 250;

/// What a refresh has touched, for what depends on more than one document.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Cases whose words may differ.
    pub cases: BTreeSet<DocumentId>,
    /// Persons whose words may differ.
    pub people: BTreeSet<DocumentId>,
    /// Persons whose cases, or whose twins, may differ.
    pub subjects: BTreeSet<DocumentId>,
    /// Cases that had a blank.
    pub with_blanks: Vec<DocumentId>,
    /// Blanks that cases have or had.
    pub blanks: BTreeSet<String>,
}

/// Whether any row is older than its document, or any words than their row.
///
/// # Errors
/// The store fails.
pub fn is_stale(tx: Tx<'_>) -> Result<bool> {
    Ok(are_rows_stale(tx)? || search::is_stale(tx)?)
}

/// Whether any row is older than its document.
///
/// # Errors
/// The store fails.
pub fn are_rows_stale(tx: Tx<'_>) -> Result<bool> {
    changes::settle(tx)?;
    Ok(tx.prepare_cached("SELECT 1 FROM stale LIMIT 1")?.query_row([], |_| Ok(())).optional()?.is_some())
}

/// How many rows are older than their documents.
///
/// # Errors
/// The store fails.
pub fn stale_count(tx: Tx<'_>) -> Result<u64> {
    changes::settle(tx)?;
    Ok(tx.query_row("SELECT count(*) FROM stale", [], |row| row.get(0))?)
}

/// Brings every stale row up to date, and the full text with it.
///
/// # Errors
/// The store fails or is damaged.
pub fn refresh(tx: Tx<'_>) -> Result<()> {
    refresh_rows(tx)?;
    while search::refresh_part(tx, DOCUMENTS_MAX)? {}
    Ok(())
}

/// Brings every stale row up to date; the full text stays behind.
///
/// # Errors
/// The store fails or is damaged.
pub fn refresh_rows(tx: Tx<'_>) -> Result<()> {
    while refresh_rows_part(tx, DOCUMENTS_MAX)? {}
    Ok(())
}

/// Brings so many stale rows up to date at most; whether there are more.
///
/// # Errors
/// The store fails or is damaged.
pub fn refresh_rows_part(tx: Tx<'_>, limit: usize) -> Result<bool> {
    changes::settle(tx)?;
    // What one process made lies together, as it does in the logs: each stored batch is inflated once.
    let mut statement = tx.prepare_cached("SELECT document FROM stale ORDER BY document LIMIT ?1")?;
    let documents =
        statement.query_map([limit], |row| id(row, 0))?.collect::<Result<Vec<DocumentId>, _>>()?;
    let mut touched = Touched::default();
    let mut made = None;
    for part in documents.chunks(PART_DOCUMENTS).map(Some).chain([None]) {
        let next = part.map(|part| rows_of(tx, part)).transpose()?;
        let ready: Option<Promised<Result<Vec<Made>>>> = std::mem::replace(&mut made, next);
        if let Some(ready) = ready.map(Promised::get).transpose()? {
            ready.iter().try_for_each(|made| put(tx, made, &mut touched))?;
            aside::free(tx.aside(), ready);
        }
    }
    collision::mark(tx, &touched)?;
    search::mark(tx, &touched)?;
    if let Some(last) = documents.last() {
        tx.prepare_cached("DELETE FROM stale WHERE document <= ?1")?.execute([last.0])?;
    }
    Ok(documents.len() == limit && are_rows_stale(tx)?)
}

/// The villages that a document concerns: its own, and those of the cases that name it, some more than once; `None`
/// is one that nobody knows.
///
/// # Errors
/// The store fails.
pub fn villages_of(tx: Tx<'_>, document: DocumentId) -> Result<Vec<Option<VillageCode>>> {
    let sql = match document.kind() {
        Some(Kind::Case) => "SELECT village FROM case_row WHERE document = ?1",
        Some(Kind::Person) => {
            "SELECT village FROM person_row WHERE document = ?1
             UNION ALL SELECT village FROM case_row WHERE applicant = ?1
             UNION ALL SELECT village FROM case_row WHERE subject = ?1"
        }
        Some(Kind::Visit) => {
            "SELECT village FROM visit_row WHERE document = ?1
             UNION ALL SELECT DISTINCT village FROM case_row WHERE visit = ?1"
        }
        None => return Ok(vec![None]),
    };
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([document.0], |row| row.get::<_, Option<String>>(0))?;
    let villages = rows.map(|village| Ok(village?.and_then(|village| village.parse().ok())));
    villages.collect()
}

/// A row that was made of its document's changes.
#[derive(Debug)]
struct Made {
    document: DocumentId,
    kind: Kind,
    /// `None` where no change counts.
    row: Option<Row>,
    /// The changes, where the row alone does not tell whether an agency has accepted.
    history: Option<History>,
}

impl Made {
    fn of(document: DocumentId, kind: Kind, history: History) -> Self {
        let row = (!history.is_empty()).then(|| Row::of(kind, &history));
        let may_be_accepted = matches!(&row, Some(Row::Case(row)) if !row.accepting.is_empty());
        Self { document, kind, row, history: may_be_accepted.then_some(history) }
    }
}

/// Has the rows of documents made.
fn rows_of(tx: Tx<'_>, documents: &[DocumentId]) -> Result<Promised<Result<Vec<Made>>>> {
    let known = documents.iter().filter_map(|document| Some((*document, document.kind()?)));
    let unread = known
        .map(|(document, kind)| Ok((document, kind, changes::unread(tx, document)?)))
        .collect::<Result<Vec<_>>>()?;
    Ok(Promised::new(tx.aside(), move || {
        unread
            .into_iter()
            .map(|(document, kind, unread)| Ok(Made::of(document, kind, unread.read()?)))
            .collect()
    }))
}

fn put(tx: Tx<'_>, Made { document, kind, row, history }: &Made, touched: &mut Touched) -> Result<()> {
    let (document, kind) = (*document, *kind);
    touch(tx, kind, document, touched)?;
    match row {
        None => forget(tx, kind, document)?,
        Some(Row::Case(row)) => {
            let is_accepted = match history {
                Some(history) => is_accepted(tx, document, row, history)?,
                None => false,
            };
            put_case(tx, document, row, is_accepted)?;
            attachment::name(tx, document, &row.attachments)?;
            touched.subjects.extend(row.subject);
            touched.blanks.extend(row.blank.clone());
        }
        Some(Row::Person(row)) => {
            put_person(tx, document, row)?;
            touched.subjects.extend(row.same_as);
        }
        Some(Row::Visit(row)) => put_visit(tx, document, row)?,
    }
    Ok(())
}

/// Notes what depends on the row as it was before.
fn touch(tx: Tx<'_>, kind: Kind, document: DocumentId, touched: &mut Touched) -> Result<()> {
    match kind {
        Kind::Case => {
            touched.cases.insert(document);
            let row: Option<(Option<[u8; 16]>, Option<String>)> = tx
                .prepare_cached("SELECT subject, blank FROM case_row WHERE document = ?1")?
                .query_row([document.0], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let (subject, blank) = row.unwrap_or_default();
            touched.subjects.extend(subject.map(DocumentId));
            touched.with_blanks.extend(blank.is_some().then_some(document));
            touched.blanks.extend(blank);
        }
        Kind::Person => {
            touched.people.insert(document);
            touched.subjects.insert(document);
            let twin = tx
                .prepare_cached("SELECT twin FROM person_row WHERE document = ?1")?
                .query_row([document.0], |row| id::<DocumentId>(row, 0))
                .optional()?;
            touched.subjects.extend(twin);
            let mut statement = tx.prepare_cached(
                "SELECT document FROM case_row WHERE subject = ?1
                 UNION ALL SELECT document FROM case_row WHERE applicant = ?1",
            )?;
            for case in statement.query_map([document.0], |row| id(row, 0))? {
                touched.cases.insert(case?);
            }
        }
        Kind::Visit => {}
    }
    Ok(())
}

fn forget(tx: Tx<'_>, kind: Kind, document: DocumentId) -> Result<()> {
    let table = match kind {
        Kind::Case => "case_row",
        Kind::Person => "person_row",
        Kind::Visit => "visit_row",
    };
    tx.execute(&format!("DELETE FROM {table} WHERE document = ?1"), [document.0])?;
    tx.prepare_cached("DELETE FROM named WHERE document = ?1")?.execute([document.0])?;
    Ok(())
}

fn put_case(tx: Tx<'_>, document: DocumentId, row: &CaseRow, is_accepted: bool) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO case_row (document, slip, service, state, unit, village, applicant, subject, visit, ref,
                               blank, started, closed, accepted, conflict, detail, blank_kind, question, number,
                               complete)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
         ON CONFLICT DO UPDATE SET slip = ?2, service = ?3, state = ?4, unit = ?5, village = ?6, applicant = ?7,
             subject = ?8, visit = ?9, ref = ?10, blank = ?11, started = ?12, closed = ?13, accepted = ?14,
             conflict = ?15, detail = ?16, blank_kind = ?17, question = ?18, number = ?19, complete = ?20",
    )?
    .execute(params![
        document.0,
        row.slip,
        row.service.as_deref().unwrap_or(""),
        row.state.as_str(),
        row.unit,
        row.village,
        row.applicant.map(|person| person.0),
        row.subject.map(|person| person.0),
        row.visit.map(|visit| visit.0),
        row.reference,
        row.blank,
        row.started,
        row.closed,
        is_accepted,
        row.conflict,
        row.detail,
        blank_kind(tx, row)?,
        row.asked.map(Asked::as_str),
        row.number,
        row.complete
    ])?;
    Ok(())
}

/// The kind of the numbered blank that a case names, by its service as its catalogue has it.
fn blank_kind(tx: Tx<'_>, row: &CaseRow) -> Result<Option<String>> {
    let version = row.catalogue.as_deref().and_then(|version| version.parse::<Version>().ok());
    let (Some(_), Some(service), Some(version)) = (&row.blank, &row.service, version) else {
        return Ok(None);
    };
    let stock: Option<Option<String>> = tx
        .prepare_cached(
            "SELECT value ->> 'numbered_stock' FROM registry_row WHERE kind = ?1 AND version = ?2 AND key = ?3",
        )?
        .query_row(params![Registry::Services.as_str(), version.0, service], |row| row.get(0))
        .optional()?;
    let kind = stock.flatten().and_then(|stock| stock.parse::<BlankKind>().ok());
    Ok(kind.map(String::from))
}

/// Whether an agency's event, written by the hub, has every van-written change among its ancestors.
fn is_accepted(tx: Tx<'_>, document: DocumentId, row: &CaseRow, history: &History) -> Result<bool> {
    let all = changes::of_document(tx, document)?;
    let written_by = |hub: bool| {
        let applied = all.iter().filter(|change| change.arrival.is_some());
        applied.filter(move |change| (change.origin.device == DeviceId::HUB) == hub).map(|change| change.hash)
    };
    let by_hub: Vec<ChangeHash> = written_by(true).collect();
    for event in row.accepting.iter().filter(|event| by_hub.contains(event)) {
        if let Some(past) = history.past(&[*event])
            && written_by(false).all(|hash| past.contains(&hash))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn put_person(tx: Tx<'_>, document: DocumentId, row: &PersonRow) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO person_row (document, nik, name, born, village, ref, twin, conflict, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT DO UPDATE SET nik = ?2, name = ?3, born = ?4, village = ?5, ref = ?6, twin = ?7,
             conflict = ?8, detail = ?9",
    )?
    .execute(params![
        document.0,
        row.nik,
        row.name,
        row.born,
        row.village,
        row.reference,
        row.same_as.unwrap_or(document).0,
        row.conflict,
        row.detail
    ])?;
    Ok(())
}

fn put_visit(tx: Tx<'_>, document: DocumentId, row: &VisitRow) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO visit_row (document, unit, label, day, village, opened, closed, answers)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET unit = ?2, label = ?3, day = ?4, village = ?5, opened = ?6, closed = ?7,
             answers = ?8",
    )?
    .execute(params![
        document.0,
        row.unit,
        row.label,
        row.day,
        row.village,
        row.opened,
        row.closed,
        row.answers
    ])?;
    Ok(())
}
