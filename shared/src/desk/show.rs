//! Everything that is known here of one case.

use serde::Serialize;

use super::{
    author::{self, Author},
    edits::{self, ShownEdit},
    elsewhere::{self, Elsewhere},
    files::{self, ShownAttachment},
    questions::{self, ShownQuestion},
    rows::Row,
    warnings::{self, Code, People, Warning},
};
use crate::{
    document::{
        Case, Conflict, Event, Field, History, Life, Moment, Person, State, View, Visit, conflict, correction,
    },
    id::{ChangeHash, DeviceId, DocumentId, Kind},
    registry::{Registries, row::Service},
    store::{
        Result, Tx, changes,
        quarantine::{self, Handling, Refused},
        read_model::{self, CaseRow},
    },
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
    /// Fields of the case and of its subject that were changed later, in order.
    pub edits: Vec<ShownEdit>,
    /// Requirements taken away again, with the reason.
    pub removed: std::collections::BTreeMap<String, String>,
    /// Reasons of amendments by field.
    pub reasons: std::collections::BTreeMap<String, String>,
    /// What was asked of the hub about it, in order, with the answers.
    pub questions: Vec<ShownQuestion>,
    /// What a person must decide, in the case and in its subject.
    pub conflicts: Vec<ShownConflict>,
    /// Its files, those taken away last.
    pub attachments: Vec<ShownAttachment>,
    /// How many files of each kind the hub lacks yet.
    pub to_follow: std::collections::BTreeMap<&'static str, u64>,
    /// Where it is, by stored proof.
    pub custody: Option<Place>,
    /// How others see it; at the hub nobody asks.
    pub elsewhere: Option<Elsewhere>,
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
    /// Who wrote it.
    #[serde(flatten)]
    pub author: Author,
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
    /// What it says; where cases collide, the slip number of one of them.
    pub value: String,
    /// The case, where cases collide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<DocumentId>,
    /// Who wrote it.
    #[serde(flatten)]
    pub author: Author,
    /// The officer, as claimed.
    pub officer: Option<String>,
    /// When, as claimed.
    pub at: String,
    /// The change.
    pub change: ChangeHash,
    /// The newest changes of the document that the writer had seen.
    pub seen: Vec<ChangeHash>,
}

/// Something refused.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownRefusal {
    /// The document.
    pub document: DocumentId,
    /// The change.
    pub change: ChangeHash,
    /// Whose it is.
    #[serde(flatten)]
    pub author: Author,
    /// The rule.
    pub rule: String,
    /// In words.
    pub reason: String,
    /// When it was refused.
    pub at: String,
    /// How it was dealt with here, if it was; the hub holds it still.
    pub handled: Option<ShownHandling>,
}

/// How somebody dealt with what the hub holds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownHandling {
    /// When.
    pub at: String,
    /// Who said so; nobody where a later change is the answer.
    pub by: Option<String>,
    /// Why nothing more is to be done, in that person's words.
    pub why: Option<String>,
}

/// Tells everything of a case, as `device` knows it; `None` where there is no such case.
///
/// # Errors
/// The store fails or is damaged.
pub fn case(
    tx: Tx<'_>,
    registries: &Registries,
    device: DeviceId,
    document: DocumentId,
    offset_minutes: i16,
) -> Result<Option<ShownCase>> {
    let Some(row) = read_model::case_of(tx, document)? else { return Ok(None) };
    let history = changes::history(tx, document)?;
    let case = Case::read(&View::of(&history));
    let conflicts = conflicts_of(tx, &row, &history, offset_minutes)?;
    let mut refused = quarantine::of_document(tx, document)?;
    let mut edits = edits::of(tx, document, &history, offset_minutes)?;
    if let Some(subject) = case.subject {
        edits.extend(edits::of(tx, subject, &changes::history(tx, subject)?, offset_minutes)?);
        refused.extend(quarantine::of_document(tx, subject)?);
    }
    let elsewhere =
        (device != DeviceId::HUB).then(|| elsewhere::of(tx, device, document, offset_minutes)).transpose()?;
    let attachments = files::shown(tx, &case, device == DeviceId::HUB, offset_minutes)?;
    let mut events = Vec::new();
    for event in case.status.events {
        events.push(ShownEvent { author: author::of_change(tx, &event.change)?, event });
    }
    let party = |id: Option<DocumentId>| id.map(|id| person(tx, id)).transpose().map(Option::flatten);
    let (subject, applicant, collector) =
        (party(case.subject)?, party(case.applicant)?, party(case.collector)?);
    let mut row = Row::from(row);
    if let Some(stored) = row.detail.get_mut("warnings").and_then(|found| found.as_object_mut()) {
        let is_of_another = correction::subjects(&history).any(|subject| Some(subject) != case.subject);
        let service = case.service.as_deref().and_then(|code| registries.service(code));
        hold(stored, case.consent, is_of_another, &conflicts);
        if let (Some(subject), Some(started)) = (&subject, case.started) {
            let found = people(subject, [&applicant, &collector], service, started).warnings(tx)?;
            hold_of_people(stored, service.is_some(), &found);
        }
        hold_time(stored, case.started, &edits);
    }
    Ok(Some(ShownCase {
        row,
        catalogue: case.catalogue,
        subject,
        applicant,
        collector,
        place: case.visit.map(|id| visit(tx, id)).transpose()?.flatten(),
        events,
        edits,
        removed: case.removed,
        reasons: case.reasons,
        questions: questions::of(tx, &history, offset_minutes)?,
        conflicts,
        to_follow: files::to_follow(&attachments),
        attachments,
        custody: custody::of_case(tx, device, document)?,
        elsewhere,
        quarantine: refusals(tx, refused, offset_minutes)?,
        heads: history.heads(),
    }))
}

fn refusals(tx: Tx<'_>, refused: Vec<Refused>, offset_minutes: i16) -> Result<Vec<ShownRefusal>> {
    let mut shown = Vec::new();
    for refused in refused {
        shown.push(ShownRefusal {
            document: refused.document,
            change: refused.hash,
            author: author::of(tx, refused.origin.device, refused.origin.epoch)?,
            rule: refused.rule,
            reason: refused.reason,
            at: refused.at.to_rfc3339(offset_minutes),
            handled: handling(tx, &refused.hash, offset_minutes)?,
        });
    }
    Ok(shown)
}

fn people<'a>(
    subject: &'a ShownPerson,
    others: [&'a Option<ShownPerson>; 2],
    service: Option<&'a Service>,
    started: Moment,
) -> People<'a> {
    let others = others.into_iter().flatten().map(|other| (other.person, &other.fields));
    People {
        subject: (subject.person, &subject.fields),
        others: others.collect(),
        service,
        day: started.day(),
    }
}

/// Leaves of the stored warnings of a case those that still hold, whatever its people are.
fn hold(
    stored: &mut serde_json::Map<String, serde_json::Value>,
    consent: Option<bool>,
    is_of_another: bool,
    conflicts: &[ShownConflict],
) {
    let collides = |sort| conflicts.iter().any(|conflict| conflict.sort == sort);
    stored.retain(|code, _| match code.as_str() {
        "consent" => consent != Some(true),
        "same_blank" => collides(conflict::Sort::SameBlank),
        "same_open" => !is_of_another || collides(conflict::Sort::SameService),
        "differs" => !is_of_another,
        _ => true,
    });
}

/// Leaves of the stored warnings of people those that still hold; `found` is what is odd about them as they are now. An
/// age that did not fit a service that is not in the catalogue here cannot be judged again, and stays.
fn hold_of_people(
    stored: &mut serde_json::Map<String, serde_json::Value>,
    knows_service: bool,
    found: &[Warning],
) {
    let is_judged = |code: &&Code| code.is_of_people() && (knows_service || **code != Code::Age);
    for code in Code::ALL.iter().filter(is_judged) {
        match found.iter().find(|(found, _)| found == code) {
            None => drop(stored.remove(code.as_str())),
            Some((_, words)) => {
                if let Some(told) = stored.get_mut(code.as_str()) {
                    *told = words.as_str().into();
                }
            }
        }
    }
}

/// Leaves of the stored warnings of a sitting's time those that hold of the time that was written last.
fn hold_time(
    stored: &mut serde_json::Map<String, serde_json::Value>,
    started: Option<Moment>,
    edits: &[ShownEdit],
) {
    let corrected = edits.iter().filter(|edit| edit.field == Field::Started.as_str());
    let last = corrected.filter_map(|edit| Timestamp::parse(&edit.at).ok()).max();
    let (Some(started), Some((at, offset_minutes))) = (started, last) else { return };
    let odd = warnings::typed_day(started.day(), at.day(offset_minutes)).map(|(code, _)| code.as_str());
    for code in [Code::StartedAhead, Code::StartedLongAgo].map(Code::as_str) {
        if odd != Some(code) {
            stored.remove(code);
        }
    }
}

/// What a person must decide in a case, in its subject, and between it and other cases.
///
/// # Errors
/// The store fails or is damaged.
pub fn conflicts(tx: Tx<'_>, row: &CaseRow, offset_minutes: i16) -> Result<Vec<ShownConflict>> {
    conflicts_of(tx, row, &changes::history(tx, row.document)?, offset_minutes)
}

fn conflicts_of(
    tx: Tx<'_>,
    row: &CaseRow,
    history: &History,
    offset_minutes: i16,
) -> Result<Vec<ShownConflict>> {
    let mut conflicts = shown_conflicts(tx, row.document, history, offset_minutes)?;
    if let Some(subject) = row.subject {
        conflicts.extend(shown_conflicts(tx, subject, &changes::history(tx, subject)?, offset_minutes)?);
    }
    conflicts.extend(collisions(tx, row, offset_minutes)?);
    Ok(conflicts)
}

/// The event by which an agency gave a case back or refused it, while the case stands there.
///
/// # Errors
/// The store fails or is damaged.
pub fn answer(tx: Tx<'_>, row: &CaseRow) -> Result<Option<ShownEvent>> {
    let Ok(state @ (State::Returned | State::Rejected)) = row.status.parse() else { return Ok(None) };
    let history = changes::history(tx, row.document)?;
    let events = Life::read(&View::of(&history)).events;
    let Some(event) = events.into_iter().rev().find(|event| event.state == state) else { return Ok(None) };
    Ok(Some(ShownEvent { author: author::of_change(tx, &event.change)?, event }))
}

/// How a change that the hub holds was dealt with here, if it was.
///
/// # Errors
/// The store fails.
pub fn handling(tx: Tx<'_>, change: &ChangeHash, offset_minutes: i16) -> Result<Option<ShownHandling>> {
    let found = quarantine::handling(tx, change)?;
    Ok(found.map(|Handling { at, by, why }| ShownHandling { at: at.to_rfc3339(offset_minutes), by, why }))
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

/// A visit's document, if it is here.
pub(super) fn visit(tx: Tx<'_>, document: DocumentId) -> Result<Option<ShownVisit>> {
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
            let origin = changes::find(tx, &side.change)?.map(|change| change.origin);
            let officer = match (side.officer, origin) {
                (None, Some(origin)) if kind == Kind::Person => {
                    read_model::officer_of_sitting(tx, origin, document)?
                }
                (officer, _) => officer,
            };
            told.push(ShownSide {
                value: side.value,
                case: None,
                author: author::of_change(tx, &side.change)?,
                officer,
                at: time_of(side.time, offset_minutes),
                change: side.change,
                seen: side.seen,
            });
        }
        shown.push(ShownConflict { document, field, sort, sides: told });
    }
    Ok(shown)
}

/// Conflicts in which no field collides: the same service twice for one person, one blank in two cases.
fn collisions(tx: Tx<'_>, row: &CaseRow, offset_minutes: i16) -> Result<Vec<ShownConflict>> {
    let found = [
        ("service", conflict::Sort::SameService, read_model::same_service(tx, row)?),
        ("blank", conflict::Sort::SameBlank, read_model::same_blank(tx, row)?),
    ];
    let mut shown = Vec::new();
    for (field, sort, cases) in found {
        let mut sides = Vec::new();
        for case in cases {
            let Some(first) = changes::first_of(tx, case.document)? else { continue };
            let officer = case.detail.get("officer").and_then(|officer| officer.as_str());
            sides.push(ShownSide {
                value: case.slip,
                case: Some(case.document),
                author: author::of(tx, first.origin.device, first.origin.epoch)?,
                officer: officer.map(str::to_owned),
                at: time_of(custody::moment(first.second), offset_minutes),
                change: first.hash,
                seen: Vec::new(),
            });
        }
        if sides.len() > 1 {
            shown.push(ShownConflict { document: row.document, field, sort, sides });
        }
    }
    Ok(shown)
}

fn time_of(at: Timestamp, offset_minutes: i16) -> String {
    at.to_rfc3339(offset_minutes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_age_is_told_on_where_the_service_is_not_known() {
        let stored = |knows_service| {
            let stored = json!({"age": "DUK-KIA is for people below 17", "no_nik": "there is no NIK"});
            let mut stored = stored.as_object().expect("an object").clone();
            hold_of_people(&mut stored, knows_service, &[]);
            stored.into_iter().map(|(code, _)| code).collect::<Vec<_>>()
        };
        assert_eq!(stored(false), ["age"]);
        assert_eq!(stored(true), Vec::<String>::new());
    }
}
