//! A document for other programs: a standard automerge file, and a readable object with its history.

use std::collections::BTreeMap;

use automerge::Automerge;
use serde_json::{Map, Value as Json, json};

use super::{
    History,
    materialise::{OpenError, materialise},
    view::{Content, MapView, Value, View},
};
use crate::change::{Action, Change, Key, Object, Operation, Scalar};

/// A standard automerge file of a document, with the same heads, which any automerge library opens.
///
/// # Errors
/// automerge cannot hold the changes.
pub fn automerge_file(history: &History) -> Result<Vec<u8>, OpenError> {
    materialise(history, Automerge::save).map(|(bytes, _)| bytes)
}

/// A readable object: `heads`, `values`, `conflicts` (all values of the keys that have several) and
/// `history` (of every change its hash, parents, actor, sequence, time, schema and what it set).
pub fn json(history: &History) -> Json {
    let view = View::of(history);
    let mut conflicts = Map::new();
    let values = map(view.root(), "", &mut conflicts);
    json!({
        "heads": history.heads(),
        "values": values,
        "conflicts": conflicts,
        "history": changes(history),
    })
}

fn map(view: MapView<'_>, path: &str, conflicts: &mut Map<String, Json>) -> Json {
    let mut object = Map::new();
    for key in view.keys() {
        let path = join(path, key);
        let values = view.values(key);
        let Some(winner) = values.last() else { continue };
        if values.len() > 1 {
            let sides = values.iter().map(|value| {
                let mut below = Map::new();
                json!({
                    "value": content(view, value, &path, &mut below),
                    "change": value.change,
                    "actor": value.operation.actor,
                })
            });
            conflicts.insert(path.clone(), sides.collect());
        }
        object.insert(key.to_owned(), content(view, winner, &path, conflicts));
    }
    Json::Object(object)
}

fn content(view: MapView<'_>, value: &Value<'_>, path: &str, conflicts: &mut Map<String, Json>) -> Json {
    match value.content {
        Content::Scalar(found) => scalar(found),
        Content::Counter(count) => count.into(),
        Content::Map => view.open(value).map_or(Json::Null, |below| map(below, path, conflicts)),
        Content::List => {
            let elements = view.elements(value).iter().filter_map(|element| element.values.last());
            elements.map(|value| content(view, value, path, conflicts)).collect()
        }
    }
}

fn changes(history: &History) -> Json {
    let mut places: BTreeMap<Object, String> = BTreeMap::new();
    let all = history.iter().map(|(hash, change)| {
        json!({
            "hash": hash,
            "parents": change.parents,
            "actor": change.actor,
            "sequence": change.sequence,
            "time": change.time.to_rfc3339(0),
            "schema": change.schema,
            "set": set(change, &mut places),
        })
    });
    all.collect()
}

/// What a change set, by path; `null` for what it removed. A list's elements are collected.
fn set(change: &Change, places: &mut BTreeMap<Object, String>) -> Json {
    let mut set = Map::new();
    for (index, operation) in change.operations.iter().enumerate() {
        let place = places.get(&operation.object).map_or("", String::as_str);
        let path = match &operation.key {
            Key::Map(key) => join(place, key),
            Key::Head | Key::Element(_) => place.to_owned(),
        };
        match &operation.action {
            Action::MakeMap | Action::MakeList => {
                places.insert(Object::Made(change.operation_id(index)), path);
            }
            Action::Put(_) | Action::Delete | Action::Increment(_) => note(&mut set, path, operation),
        }
    }
    Json::Object(set)
}

fn note(set: &mut Map<String, Json>, path: String, operation: &Operation) {
    let value = match &operation.action {
        Action::Put(found) => scalar(found),
        Action::Increment(by) => json!({ "added": by }),
        Action::Delete | Action::MakeMap | Action::MakeList => Json::Null,
    };
    match operation.key {
        Key::Map(_) => {
            set.insert(path, value);
        }
        Key::Head | Key::Element(_) => {
            if let Json::Array(elements) = set.entry(path).or_insert_with(|| Json::Array(Vec::new())) {
                elements.push(value);
            }
        }
    }
}

fn scalar(scalar: &Scalar) -> Json {
    match scalar {
        Scalar::Null => Json::Null,
        Scalar::Boolean(value) => (*value).into(),
        Scalar::Int(value) | Scalar::Counter(value) => (*value).into(),
        Scalar::Uint(value) => (*value).into(),
        Scalar::F64(value) => (*value).into(),
        Scalar::Str(value) => value.as_str().into(),
        Scalar::Bytes(value) => crate::id::hex(value).into(),
        Scalar::Timestamp(value) => value.to_rfc3339(0).into(),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}/{key}") }
}

#[cfg(test)]
mod tests {
    use automerge::{AutoCommit, ROOT, ReadDoc};
    use proptest::prelude::*;

    use super::*;
    use crate::document::{
        Edit, Field,
        case::tests::{OTHER, VAN, open, recorded, save},
        field::set,
        trial,
    };

    fn amended() -> History {
        let mut history = recorded();
        let (mut here, mut there): (Edit, Edit) = (open(&history, VAN), open(&history, OTHER));
        set(&mut here, Field::Notes, "here", None).expect("allowed");
        set(&mut there, Field::Notes, "there", Some("because")).expect("allowed");
        set(&mut there, Field::Officer, "", None).expect("allowed");
        save(&mut here, &mut history);
        save(&mut there, &mut history);
        history
    }

    #[test]
    fn a_file_opens_with_the_same_heads() {
        let history = amended();
        let bytes = automerge_file(&history).expect("it is sound");
        let mut opened = AutoCommit::load(&bytes).expect("it is a standard file");
        let mut heads: Vec<_> = opened.get_heads().iter().map(|head| head.0).collect();
        heads.sort_unstable();
        assert!(heads.iter().eq(history.heads().iter().map(|head| &head.0)));
        assert_eq!(opened.get_all(ROOT, "notes").expect("a key").len(), 2);
    }

    #[test]
    fn an_object_shows_values_conflicts_and_history() {
        let json = json(&amended());
        assert_eq!(json["values"]["witnesses"], json!(["Nahak", "Bria"]));
        assert_eq!(json["values"]["notes"], "there");
        assert_eq!(json["values"]["started"], "2026-11-20T01:12:00Z");
        assert_eq!(json["conflicts"]["notes"][0]["value"], "here");
        assert_eq!(json["history"][0]["set"]["status/000-a1a1/state"], "received");
        assert_eq!(json["history"][0]["set"]["witnesses"], json!(["Nahak", "Bria"]));
        assert_eq!(
            json["history"][2]["set"],
            json!({
                "notes": "there", "reasons/notes": "because", "officer": null
            })
        );
    }

    proptest! {
        #[test]
        fn anything_that_automerge_made_can_be_exported(steps in trial::steps()) {
            let mut merged = trial::run(&steps);
            let history = trial::history(&mut merged);
            if !history.is_empty() {
                prop_assert!(automerge_file(&history).is_ok());
            }
            prop_assert_eq!(json(&history)["history"].as_array().map(Vec::len), Some(history.len()));
        }
    }
}
