//! Everything that is known here of one case.

use serde::Serialize;

use super::rows::Row;
use crate::{
    document::{Case, Conflict, Event, History, Person, View, Visit, conflict},
    id::{ChangeHash, DeviceId, DocumentId},
    store::{Result, Tx, changes, quarantine, read_model},
    sync::custody::{self, Place},
    time::Timestamp,
};

/// A case with its people, its life, and what is to be decided.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownCase {
    /// As lists give it.
    #[serde(flatten)]
    pub row: Row,
    /// Version of the catalogue under which it was opened.
    pub catalogue: Option<String>,
    /// Whom it is about.
    pub subject: Option<ShownPerson>,
    /// Who asked.
    pub applicant: Option<ShownPerson>,
    /// Who will fetch the product.
    pub collector: Option<ShownPerson>,
    /// Where it was taken in.
    pub place: Option<ShownVisit>,
    /// What happened, in order.
    pub events: Vec<ShownEvent>,
    /// Requirements taken away again, with the reason.
    pub removed: std::collections::BTreeMap<String, String>,
    /// Reasons of amendments by field.
    pub reasons: std::collections::BTreeMap<String, String>,
    /// What a person must decide, in the case and in its subject.
    pub conflicts: Vec<ShownConflict>,
    /// Where it is, by stored proof.
    pub custody: Option<Place>,
    /// What was refused of it or of its people.
    pub quarantine: Vec<ShownRefusal>,
    /// The newest changes of its document.
    pub heads: Vec<ChangeHash>,
}

/// A person.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownPerson {
    /// The document.
    pub person: DocumentId,
    /// The document that stands for this person.
    pub twin: DocumentId,
    /// The fields.
    #[serde(flatten)]
    pub fields: Person,
}

/// A visit.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownVisit {
    /// The document.
    pub visit: DocumentId,
    /// The fields.
    #[serde(flatten)]
    pub fields: Visit,
}

/// An event with the device that wrote it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownEvent {
    /// The device; 0 for the hub.
    pub device: Option<DeviceId>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A conflict, each side with who, when and on which device.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownConflict {
    /// The document that holds it.
    pub document: DocumentId,
    /// The field.
    pub field: &'static str,
    /// Why it needs a person.
    pub sort: conflict::Sort,
    /// The sides; the last one is shown meanwhile.
    pub sides: Vec<ShownSide>,
}

/// One side of a conflict.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownSide {
    /// What it says.
    pub value: String,
    /// The device that wrote it; 0 for the hub.
    pub device: Option<DeviceId>,
    /// When, as claimed.
    pub at: String,
    /// The change.
    pub change: ChangeHash,
}

/// Something refused.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownRefusal {
    /// The document.
    pub document: DocumentId,
    /// The change.
    pub change: ChangeHash,
    /// Whose it is.
    pub device: DeviceId,
    /// The rule.
    pub rule: String,
    /// In words.
    pub reason: String,
    /// When it was refused.
    pub at: String,
}

/// Tells everything of a case, as `device` knows it; `None` where there is no such case.
///
/// # Errors
/// The store fails or is damaged.
pub fn case(
    tx: Tx<'_>,
    device: DeviceId,
    document: DocumentId,
    offset_minutes: i16,
) -> Result<Option<ShownCase>> {
    let Some(row) = read_model::case_of(tx, document)? else { return Ok(None) };
    let history = changes::history(tx, document)?;
    let view = View::of(&history);
    let case = Case::read(&view);
    let mut conflicts = shown_conflicts(tx, document, &history, offset_minutes)?;
    let mut refused = quarantine::of_document(tx, document)?;
    if let Some(subject) = case.subject {
        conflicts.extend(shown_conflicts(tx, subject, &changes::history(tx, subject)?, offset_minutes)?);
        refused.extend(quarantine::of_document(tx, subject)?);
    }
    let mut events = Vec::new();
    for event in case.status.events {
        events.push(ShownEvent { device: writer(tx, &event.change)?, event });
    }
    let quarantine = refused.into_iter().map(|refused| ShownRefusal {
        document: refused.document,
        change: refused.hash,
        device: refused.origin.device,
        rule: refused.rule,
        reason: refused.reason,
        at: refused.at.to_rfc3339(offset_minutes),
    });
    Ok(Some(ShownCase {
        row: row.into(),
        catalogue: case.catalogue,
        subject: case.subject.map(|id| person(tx, id)).transpose()?.flatten(),
        applicant: case.applicant.map(|id| person(tx, id)).transpose()?.flatten(),
        collector: case.collector.map(|id| person(tx, id)).transpose()?.flatten(),
        place: case.visit.map(|id| visit(tx, id)).transpose()?.flatten(),
        events,
        removed: case.removed,
        reasons: case.reasons,
        conflicts,
        custody: custody::of_case(tx, device, document)?,
        quarantine: quarantine.collect(),
        heads: history.heads(),
    }))
}

/// A person's document, if it is here.
///
/// # Errors
/// The store fails or is damaged.
pub fn person(tx: Tx<'_>, document: DocumentId) -> Result<Option<ShownPerson>> {
    let history = changes::history(tx, document)?;
    if history.is_empty() {
        return Ok(None);
    }
    let twin = read_model::person_of(tx, document)?.map_or(document, |row| row.twin);
    Ok(Some(ShownPerson { person: document, twin, fields: Person::read(&View::of(&history)) }))
}

fn visit(tx: Tx<'_>, document: DocumentId) -> Result<Option<ShownVisit>> {
    let history = changes::history(tx, document)?;
    let here = !history.is_empty();
    Ok(here.then(|| ShownVisit { visit: document, fields: Visit::read(&View::of(&history)) }))
}

fn shown_conflicts(
    tx: Tx<'_>,
    document: DocumentId,
    history: &History,
    offset_minutes: i16,
) -> Result<Vec<ShownConflict>> {
    let Some(kind) = document.kind() else { return Ok(Vec::new()) };
    let mut shown = Vec::new();
    for Conflict { field, sort, sides } in conflict::conflicts(kind, &View::of(history)) {
        let mut told = Vec::new();
        for side in sides {
            told.push(ShownSide {
                device: writer(tx, &side.change)?,
                value: side.value,
                at: time_of(side.time, offset_minutes),
                change: side.change,
            });
        }
        shown.push(ShownConflict { document, field, sort, sides: told });
    }
    Ok(shown)
}

fn time_of(at: Timestamp, offset_minutes: i16) -> String {
    at.to_rfc3339(offset_minutes)
}

fn writer(tx: Tx<'_>, change: &ChangeHash) -> Result<Option<DeviceId>> {
    Ok(changes::find(tx, change)?.map(|change| change.origin.device))
}
