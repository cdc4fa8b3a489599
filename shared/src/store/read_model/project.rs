//! Brings the rows of documents up to date with their changes.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};
use serde_json::json;

use super::{collision, search};
use crate::{
    blank::BlankKind,
    document::{Case, Event, History, Person, State, View, Visit, conflict, survey},
    id::{ChangeHash, DeviceId, DocumentId, Kind, VillageCode},
    registry::{Kind as Registry, Version},
    store::{Result, Tx, attachment, changes, id},
    survey::Scores,
};

/// Documents that are brought up to date at one go.
const DOCUMENTS_MAX: usize = 2_000;

/// What a refresh has touched, for what depends on more than one document.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Cases whose words may differ.
    pub cases: BTreeSet<DocumentId>,
    /// Persons whose words may differ.
    pub people: BTreeSet<DocumentId>,
    /// Persons whose cases, or whose twins, may differ.
    pub subjects: BTreeSet<DocumentId>,
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
    for document in &documents {
        project(tx, *document, &mut touched)?;
    }
    collision::mark(tx, &touched)?;
    search::mark(tx, &touched)?;
    let mut done = tx.prepare_cached("DELETE FROM stale WHERE document = ?1")?;
    for document in &documents {
        done.execute([document.0])?;
    }
    Ok(documents.len() == limit && are_rows_stale(tx)?)
}

/// The villages that a document concerns: its own, and those of the cases that name it; `None` is one that
/// nobody knows.
///
/// # Errors
/// The store fails.
pub fn villages_of(tx: Tx<'_>, document: DocumentId) -> Result<Vec<Option<VillageCode>>> {
    let sql = match document.kind() {
        Some(Kind::Case) => "SELECT village FROM case_row WHERE document = ?1",
        Some(Kind::Person) => {
            "SELECT village FROM person_row WHERE document = ?1
             UNION SELECT village FROM case_row WHERE applicant = ?1
             UNION SELECT village FROM case_row WHERE subject = ?1"
        }
        Some(Kind::Visit) => {
            "SELECT village FROM visit_row WHERE document = ?1
             UNION SELECT village FROM case_row WHERE visit = ?1"
        }
        None => return Ok(vec![None]),
    };
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([document.0], |row| row.get::<_, Option<String>>(0))?;
    let villages = rows.map(|village| Ok(village?.and_then(|village| village.parse().ok())));
    villages.collect()
}

fn project(tx: Tx<'_>, document: DocumentId, touched: &mut Touched) -> Result<()> {
    let Some(kind) = document.kind() else { return Ok(()) };
    let history = changes::history(tx, document)?;
    let view = View::of(&history);
    let conflict = !conflict::conflicts(kind, &view).is_empty();
    touch(tx, kind, document, touched)?;
    match kind {
        _ if history.is_empty() => forget(tx, kind, document)?,
        Kind::Case => {
            let case = Case::read(&view);
            put_case(tx, document, &case, &history, conflict)?;
            attachment::name(tx, document, &case.attachments)?;
            touched.subjects.extend(case.subject);
            touched.blanks.extend(case.blank);
        }
        Kind::Person => {
            let person = Person::read(&view);
            put_person(tx, document, &person, conflict)?;
            touched.subjects.extend(person.same_as);
        }
        Kind::Visit => put_visit(tx, document, &Visit::read(&view), &survey::read(&view))?,
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
            let mut statement =
                tx.prepare_cached("SELECT document FROM case_row WHERE subject = ?1 OR applicant = ?1")?;
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

fn put_case(tx: Tx<'_>, document: DocumentId, case: &Case, history: &History, conflict: bool) -> Result<()> {
    let closed = case
        .status
        .status
        .is_ended()
        .then(|| case.status.events.iter().filter_map(|event| event.at.map(|at| at.at.0)).max())
        .flatten();
    tx.prepare_cached(
        "INSERT INTO case_row (document, slip, service, state, unit, village, applicant, subject, visit, ref,
                               blank, started, closed, accepted, conflict, detail, blank_kind)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         ON CONFLICT DO UPDATE SET slip = ?2, service = ?3, state = ?4, unit = ?5, village = ?6, applicant = ?7,
             subject = ?8, visit = ?9, ref = ?10, blank = ?11, started = ?12, closed = ?13, accepted = ?14,
             conflict = ?15, detail = ?16, blank_kind = ?17",
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
        case_detail(case),
        blank_kind(tx, case)?
    ])?;
    Ok(())
}

/// The kind of the numbered blank that a case names, by its service as its catalogue has it.
fn blank_kind(tx: Tx<'_>, case: &Case) -> Result<Option<String>> {
    let version = case.catalogue.as_deref().and_then(|version| version.parse::<Version>().ok());
    let (Some(_), Some(service), Some(version)) = (&case.blank, &case.service, version) else {
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

/// What lists show of a case beside the columns that are searched or sorted by.
fn case_detail(case: &Case) -> String {
    let events = &case.status.events;
    let at = |state: State| events.iter().rev().find(move |event| event.state == state);
    let along = (case.status() == State::WithCollector).then(|| at(State::WithCollector)).flatten();
    let taken = at(State::HandedOver).or(along);
    let detail = json!({
        "started": case.started,
        "ended": case.ended,
        "officer": case.officer,
        "position": case.position,
        "consent": case.consent,
        "consent_text": case.consent_text,
        "confirmed": case.confirmed,
        "notes": case.notes,
        "channel": case.channel,
        "blank": case.blank,
        "sheet": case.sheet,
        "priority": case.priority,
        "companion": case.companion,
        "witnesses": case.witnesses,
        "ticks": case.ticks,
        "encounter": case.encounter,
        "to_be_confirmed": case.status.to_be_confirmed,
        "with": taken.and_then(|event| event.with.as_ref()),
        "collected_by": taken.and_then(|event| event.collected_by),
        "collected_how": taken.and_then(|event| event.collected_how),
        "for_unit": Event::unit_named_last(events),
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
    let mut accepts = case.status.events.iter().filter(|event| {
        event.agency.is_some()
            && event.reference.is_some()
            && event.state >= State::Forwarded
            && event.state != State::Cancelled
    });
    let Some(first) = accepts.next() else { return Ok(false) };
    let all = changes::of_document(tx, document)?;
    let written_by = |hub: bool| {
        let applied = all.iter().filter(|change| change.arrival.is_some());
        applied.filter(move |change| (change.origin.device == DeviceId::HUB) == hub).map(|change| change.hash)
    };
    let by_hub: Vec<ChangeHash> = written_by(true).collect();
    for event in std::iter::once(first).chain(accepts).filter(|event| by_hub.contains(&event.change)) {
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
    Ok(())
}

fn put_visit(tx: Tx<'_>, document: DocumentId, visit: &Visit, sheets: &[Scores]) -> Result<()> {
    let mut answers: Vec<String> = sheets.iter().map(Scores::stored).collect();
    // Their order tells nothing.
    answers.sort_unstable();
    tx.prepare_cached(
        "INSERT INTO visit_row (document, unit, label, day, village, opened, closed, answers)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET unit = ?2, label = ?3, day = ?4, village = ?5, opened = ?6, closed = ?7,
             answers = ?8",
    )?
    .execute(params![
        document.0,
        visit.unit.as_ref().map_or("", |unit| unit.as_str()),
        visit.label.as_deref().unwrap_or(""),
        visit.date.as_deref().unwrap_or(""),
        visit.village.as_ref().map(|village| village.as_str()),
        visit.opened.map(|at| at.at.0),
        visit.closed.map(|at| at.at.0),
        answers.join("\n")
    ])?;
    Ok(())
}
