//! What was changed in a document after it was made: each field with who, when and why.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{
    author::{self, Author},
    show,
};
use crate::{
    document::{Case, Field, History, Person, View, correction, schema::key},
    geo::Position,
    id::{ChangeHash, DocumentId, Kind},
    store::{Result, Tx, changes, read_model},
};

/// A field that somebody changed, or a requirement that somebody ticked or took away.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownEdit {
    /// Who wrote it.
    #[serde(flatten)]
    pub author: Author,
    /// The officer, as claimed; of a person also by the case that was made in the same sitting.
    pub officer: Option<String>,
    /// The document that holds it.
    pub document: DocumentId,
    /// The field, or `tick` or `untick`.
    pub field: &'static str,
    /// What its writer found; a person by name, a visit by label.
    pub before: Option<String>,
    /// What its writer left; `None` where the field was emptied.
    pub value: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When, as claimed.
    pub at: String,
    /// The change.
    pub change: ChangeHash,
}

/// What one side of a change says: each field, the requirements that are there or taken away, and the reasons by key.
#[derive(Default)]
struct Said {
    fields: BTreeMap<Field, String>,
    ticks: Vec<String>,
    removed: BTreeMap<String, String>,
    reasons: BTreeMap<String, String>,
}

/// What was changed in a document after its first change, in the order in which it arrived here.
///
/// # Errors
/// The store fails or is damaged.
pub fn of(
    tx: Tx<'_>,
    document: DocumentId,
    history: &History,
    offset_minutes: i16,
) -> Result<Vec<ShownEdit>> {
    let mut edits = Vec::new();
    let Some(kind) = document.kind() else { return Ok(edits) };
    for (hash, change) in history.iter().skip(1) {
        let (before, after) = (Said::at(history, &change.parents, kind), Said::at(history, &[*hash], kind));
        let origin = changes::find(tx, hash)?.map(|change| change.origin);
        let author = match origin {
            Some(origin) => author::of(tx, origin.device, origin.epoch)?,
            None => Author::default(),
        };
        let officer = match (correction::corrector(change), origin) {
            (Some(officer), _) => Some(officer.to_owned()),
            (None, Some(origin)) if kind == Kind::Person => {
                read_model::officer_of_sitting(tx, origin, document)?
            }
            (None, _) => None,
        };
        let edit = |field, before, value, reason| ShownEdit {
            author: author.clone(),
            officer: officer.clone(),
            document,
            field,
            before,
            value,
            reason,
            at: change.time.to_rfc3339(offset_minutes),
            change: *hash,
        };
        for field in Field::ALL.iter().copied().filter(|field| field.kind() == kind) {
            let (was, is) = (before.fields.get(&field), after.fields.get(&field));
            if was != is {
                let reason = after.reasons.get(field.key());
                let reason = reason.filter(|reason| before.reasons.get(field.key()) != Some(reason)).cloned();
                edits.push(edit(field.as_str(), named(tx, field, was)?, named(tx, field, is)?, reason));
            }
        }
        for tick in after.ticks.iter().filter(|tick| !before.ticks.contains(tick)) {
            edits.push(edit("tick", None, Some(tick.clone()), None));
        }
        for (tick, reason) in after.removed.iter().filter(|(tick, _)| before.ticks.contains(tick)) {
            edits.push(edit("untick", None, Some(tick.clone()), Some(reason.clone())));
        }
    }
    Ok(edits)
}

/// A shown edit in words: when, from what to what, by whom and why; of a text of several lines all of them, those after
/// the first set in.
pub fn in_words(edit: &Value) -> String {
    let value = |name: &str| edit[name].as_str().unwrap_or("nothing").to_owned();
    let text = |name: &str| edit[name].as_str().unwrap_or_default().to_owned();
    let reason = edit["reason"].as_str().map_or_else(String::new, |reason| format!(" reason: {reason}"));
    let officer = edit["officer"].as_str().map_or_else(String::new, |officer| format!(", {officer}"));
    let (at, field, by) = (text("at"), text("field"), author::in_words(edit));
    set_in(&format!("{at}  {field}: {} -> {} ({by}{officer}){reason}", value("before"), value("value")))
}

/// A text of several lines, those after the first set in.
pub fn set_in(text: &str) -> String {
    text.replace('\n', "\n      ")
}

impl Said {
    /// What a document said to whoever had seen `heads`.
    fn at(history: &History, heads: &[ChangeHash], kind: Kind) -> Self {
        let Some(past) = history.past(heads) else { return Self::default() };
        let view = View::at(&past);
        let mut said = Self::default();
        match kind {
            Kind::Case => {
                let case = Case::read(&view);
                (said.ticks, said.removed, said.reasons) = (case.ticks, case.removed, case.reasons);
            }
            Kind::Person => said.reasons = Person::read(&view).reasons,
            Kind::Visit => {}
        }
        let fields = Field::ALL.iter().copied().filter(|field| field.kind() == kind);
        said.fields = fields.filter_map(|field| Some((field, text(&view, field)?))).collect();
        said
    }
}

/// A field as text; `None` where nothing stands in it, and of the status, which is a map of events.
fn text(view: &View<'_>, field: Field) -> Option<String> {
    let root = view.root();
    let text = if field == Field::Position {
        let (latitude, longitude) = root.int(key::LATITUDE).zip(root.int(key::LONGITUDE))?;
        let (latitude, longitude) = Position::from_micro(latitude, longitude)?.degrees();
        format!("{latitude},{longitude}")
    } else if field == Field::Witnesses {
        let names = root.list(key::WITNESSES).iter().filter_map(|element| element.values.last()?.text());
        names.collect::<Vec<_>>().join("; ")
    } else if let Some(at) = root.timestamp(field.key()) {
        let offset = root.int(key::OFFSET).and_then(|offset| i16::try_from(offset).ok()).unwrap_or(0);
        at.to_rfc3339(offset)
    } else if let Some(is) = root.boolean(field.key()) {
        is.to_string()
    } else {
        root.text(field.key())?.to_owned()
    };
    Some(text).filter(|text| !text.is_empty())
}

/// What a field says, with a person by name and a visit by its label where they are here.
fn named(tx: Tx<'_>, field: Field, text: Option<&String>) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let name = match text.parse::<DocumentId>() {
        Ok(person) if matches!(field, Field::Subject | Field::Applicant | Field::Collector) => {
            show::person(tx, person)?.and_then(|person| person.fields.name)
        }
        Ok(visit) if field == Field::Visit => show::visit(tx, visit)?.and_then(|visit| visit.fields.label),
        Ok(_) | Err(_) => None,
    };
    Ok(Some(name.unwrap_or_else(|| text.clone())))
}
