//! The row of a document, as its changes make it: a function of them alone.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    collection::{Collector, Received},
    document::{
        Asked, Attachment, Case, Confirmation, Event, History, Moment, Person, State, View, Visit, conflict,
        question, survey,
    },
    geo::Position,
    id::{ChangeHash, ContentHash, DocumentId, Kind, UnitId},
    nik::Sex,
    survey::Scores,
};

/// States in which the legal time of a case runs.
const LIMITED: [State; 3] = [State::Complete, State::Forwarded, State::InProcess];

/// What is written of a document.
#[derive(Debug)]
pub(super) enum Row {
    /// Into `case_row`.
    Case(Box<CaseRow>),
    /// Into `person_row`.
    Person(PersonRow),
    /// Into `visit_row`.
    Visit(VisitRow),
}

/// A row of a case, and what else follows from the case.
#[derive(Debug)]
pub(super) struct CaseRow {
    pub(super) slip: String,
    pub(super) service: Option<String>,
    pub(super) catalogue: Option<String>,
    pub(super) state: State,
    pub(super) unit: String,
    pub(super) village: Option<String>,
    pub(super) applicant: Option<DocumentId>,
    pub(super) subject: Option<DocumentId>,
    pub(super) visit: Option<DocumentId>,
    pub(super) reference: Option<String>,
    pub(super) blank: Option<String>,
    /// The reference with which it began.
    pub(super) number: Option<String>,
    /// Begin of the sitting, milliseconds.
    pub(super) started: Option<i64>,
    /// When it reached an end state, milliseconds.
    pub(super) closed: Option<i64>,
    /// When its documents were complete, milliseconds, while its legal time runs.
    pub(super) complete: Option<i64>,
    pub(super) conflict: bool,
    /// What has become of what was asked of the hub.
    pub(super) asked: Option<Asked>,
    pub(super) detail: String,
    pub(super) attachments: BTreeMap<ContentHash, Attachment>,
    /// Changes in which an agency accepts the case, where the hub wrote them.
    pub(super) accepting: Vec<ChangeHash>,
}

/// A row of a person.
#[derive(Debug)]
pub(super) struct PersonRow {
    pub(super) nik: Option<String>,
    pub(super) name: String,
    pub(super) born: Option<String>,
    pub(super) village: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) same_as: Option<DocumentId>,
    pub(super) conflict: bool,
    pub(super) detail: String,
}

/// A row of a visit.
#[derive(Debug)]
pub(super) struct VisitRow {
    pub(super) unit: String,
    pub(super) label: String,
    pub(super) day: String,
    pub(super) village: Option<String>,
    pub(super) opened: Option<i64>,
    pub(super) closed: Option<i64>,
    pub(super) answers: String,
}

impl Row {
    /// The row of a document of this kind.
    pub(super) fn of(kind: Kind, history: &History) -> Self {
        let view = View::of(history);
        let conflict = !conflict::conflicts(kind, &view).is_empty();
        match kind {
            Kind::Case => {
                Self::Case(Box::new(CaseRow::of(Case::read(&view), conflict, question::asked(history))))
            }
            Kind::Person => Self::Person(PersonRow::of(Person::read(&view), conflict)),
            Kind::Visit => Self::Visit(VisitRow::of(Visit::read(&view), &survey::read(&view))),
        }
    }
}

impl CaseRow {
    fn of(case: Case, conflict: bool, asked: Option<Asked>) -> Self {
        let events = &case.status.events;
        let closed = case
            .status
            .status
            .is_ended()
            .then(|| events.iter().filter_map(|event| event.at.map(|at| at.at.0)).max())
            .flatten();
        let complete = LIMITED.contains(&case.status.status).then(|| {
            let last = events.iter().rev().find(|event| event.state == State::Complete)?;
            last.at.map(|at| at.at.0)
        });
        let accepts = |event: &&Event| {
            event.agency.is_some()
                && event.reference.is_some()
                && event.state >= State::Forwarded
                && event.state != State::Cancelled
        };
        Self {
            closed,
            complete: complete.flatten(),
            conflict,
            asked,
            detail: stored(&CaseDetail::of(&case)),
            number: events.first().and_then(|event| event.reference.clone()),
            accepting: events.iter().filter(accepts).map(|event| event.change).collect(),
            slip: case.slip.unwrap_or_default(),
            service: case.service,
            catalogue: case.catalogue,
            state: case.status.status,
            unit: case.unit.map_or_else(String::new, |unit| unit.to_string()),
            village: case.village.map(|village| village.to_string()),
            applicant: case.applicant,
            subject: case.subject,
            visit: case.visit,
            reference: case.reference,
            blank: case.blank,
            started: case.started.map(|at| at.at.0),
            attachments: case.attachments,
        }
    }
}

impl PersonRow {
    fn of(person: Person, conflict: bool) -> Self {
        Self {
            detail: stored(&PersonDetail::of(&person)),
            nik: person.nik.map(|nik| nik.to_string()),
            name: person.name.unwrap_or_default(),
            born: person.born.map(|born| born.to_string()),
            village: person.village.map(|village| village.to_string()),
            reference: person.reference,
            same_as: person.same_as,
            conflict,
        }
    }
}

impl VisitRow {
    fn of(visit: Visit, sheets: &[Scores]) -> Self {
        let mut answers: Vec<String> = sheets.iter().map(Scores::stored).collect();
        // Their order tells nothing.
        answers.sort_unstable();
        Self {
            unit: visit.unit.map_or_else(String::new, |unit| unit.to_string()),
            label: visit.label.unwrap_or_default(),
            day: visit.date.unwrap_or_default(),
            village: visit.village.map(|village| village.to_string()),
            opened: visit.opened.map(|at| at.at.0),
            closed: visit.closed.map(|at| at.at.0),
            answers: answers.join("\n"),
        }
    }
}

fn stored(detail: &impl Serialize) -> String {
    serde_json::to_string(detail).expect("keys are text")
}

/// What lists show of a case beside the columns that are searched or sorted by.
#[derive(Serialize)]
struct CaseDetail<'a> {
    started: Option<Moment>,
    ended: Option<Moment>,
    officer: &'a Option<String>,
    position: Option<Position>,
    consent: Option<bool>,
    consent_text: &'a Option<String>,
    confirmed: Option<Confirmation>,
    notes: &'a Option<String>,
    channel: &'a Option<String>,
    blank: &'a Option<String>,
    sheet: &'a Option<String>,
    priority: &'a Option<String>,
    companion: &'a Option<String>,
    witnesses: &'a [String],
    ticks: &'a [String],
    encounter: &'a Option<String>,
    to_be_confirmed: bool,
    with: Option<&'a String>,
    collected_by: Option<Collector>,
    collected_how: Option<Received>,
    for_unit: Option<&'a UnitId>,
    warnings: &'a BTreeMap<String, String>,
}

impl<'a> CaseDetail<'a> {
    fn of(case: &'a Case) -> Self {
        let events = &case.status.events;
        let at = |state: State| events.iter().rev().find(move |event| event.state == state);
        let along = (case.status() == State::WithCollector).then(|| at(State::WithCollector)).flatten();
        let taken = at(State::HandedOver).or(along);
        Self {
            started: case.started,
            ended: case.ended,
            officer: &case.officer,
            position: case.position,
            consent: case.consent,
            consent_text: &case.consent_text,
            confirmed: case.confirmed,
            notes: &case.notes,
            channel: &case.channel,
            blank: &case.blank,
            sheet: &case.sheet,
            priority: &case.priority,
            companion: &case.companion,
            witnesses: &case.witnesses,
            ticks: &case.ticks,
            encounter: &case.encounter,
            to_be_confirmed: case.status.to_be_confirmed,
            with: taken.and_then(|event| event.with.as_ref()),
            collected_by: taken.and_then(|event| event.collected_by),
            collected_how: taken.and_then(|event| event.collected_how),
            for_unit: Event::unit_named_last(events),
            warnings: &case.warnings,
        }
    }
}

/// What lists show of a person beside the columns that are searched by.
#[derive(Serialize)]
struct PersonDetail<'a> {
    sex: Option<Sex>,
    born_estimated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    birth_order: Option<&'a str>,
    mother: &'a Option<String>,
    father: &'a Option<String>,
    kk: &'a Option<String>,
    phone: &'a Option<String>,
    address: &'a Option<String>,
    not_same: Vec<&'a String>,
    proposed: Vec<DocumentId>,
}

impl<'a> PersonDetail<'a> {
    fn of(person: &'a Person) -> Self {
        Self {
            sex: person.sex,
            born_estimated: person.born_estimated,
            birth_order: person.birth_order.as_deref(),
            mother: &person.mother,
            father: &person.father,
            kk: &person.kk,
            phone: &person.phone,
            address: &person.address,
            not_same: person.not_same.keys().collect(),
            proposed: person.proposed().collect(),
        }
    }
}
