//! Random concurrent edits by several actors on automerge itself, and the comparison of what we read
//! with what it reads, for the tests.

use automerge::{
    AutoCommit, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value as Theirs,
    transaction::{CommitOptions, Transactable},
};
use proptest::prelude::*;

use crate::document::{
    History, View,
    build::{of_automerge, scalar_to},
    view::{Content, MapView, Value},
};

/// Who does what, with which key or index and which value.
pub(super) type Step = (usize, u8, usize, u8);

const ACTORS: usize = 4;

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..ACTORS, 0..14u8, 0..4usize, any::<u8>()), 0..60)
}

/// The document after all steps, all actors merged.
pub(super) fn run(steps: &[Step]) -> AutoCommit {
    let mut actors: Vec<AutoCommit> = (0..ACTORS)
        .map(|index| AutoCommit::new().with_actor(automerge::ActorId::from([index as u8 * 40 + 3; 16])))
        .collect();
    for (index, step) in steps.iter().enumerate() {
        let (actor, kind, at, value) = *step;
        if kind >= 10 {
            commit(&mut actors[actor], index);
            let other = (actor + 1 + at % (ACTORS - 1)) % ACTORS;
            commit(&mut actors[other], index);
            let mut other = actors[other].clone();
            actors[actor].merge(&mut other).expect("they merge");
        } else {
            edit(&mut actors[actor], kind, at, value);
            if value.is_multiple_of(2) {
                commit(&mut actors[actor], index);
            }
        }
    }
    let mut merged = actors.remove(0);
    commit(&mut merged, 0);
    for mut other in actors {
        commit(&mut other, 0);
        merged.merge(&mut other).expect("they merge");
    }
    merged
}

/// The changes of `document` in our form.
pub(super) fn history(document: &mut AutoCommit) -> History {
    let mut history = History::default();
    for change in document.get_changes(&[]) {
        let (hash, ours) = of_automerge(&change).expect("a change of plain values");
        assert!(history.insert(hash, ours), "parents come first");
    }
    history
}

/// That both read the same values, the same conflicts and the same order of elements.
pub(super) fn assert_same(view: &View<'_>, theirs: &AutoCommit) {
    assert_map(&view.root(), theirs, &ROOT);
}

fn assert_values(ours: &[Value<'_>], theirs: &[(Theirs<'_>, ObjId)]) {
    assert_eq!(ours.len(), theirs.len(), "{ours:?} {theirs:?}");
    for (our, (their, id)) in ours.iter().zip(theirs) {
        let ObjId::Id(counter, actor, _) = id else { panic!("a value has an id") };
        assert_eq!((our.operation.counter, &our.operation.actor.0[..]), (*counter, actor.to_bytes()));
        match (our.content, their) {
            (Content::Scalar(scalar), Theirs::Scalar(their)) => assert_eq!(scalar_to(scalar), **their),
            (Content::Counter(value), Theirs::Scalar(their)) => assert_eq!(their.as_i64(), Some(value)),
            (Content::Map, Theirs::Object(ObjType::Map)) | (Content::List, Theirs::Object(ObjType::List)) => {
            }
            (ours, theirs) => panic!("{ours:?} is not {theirs:?}"),
        }
    }
}

fn assert_below(view: &View<'_>, value: &Value<'_>, theirs: &AutoCommit, id: &ObjId) {
    match value.content {
        Content::Map => {
            let map = view.root().open(value).expect("a map");
            assert_map(&map, theirs, id);
        }
        Content::List => {
            let elements = view.root().elements(value);
            assert_eq!(elements.len(), theirs.length(id));
            for (index, element) in elements.iter().enumerate() {
                assert_values(&element.values, &theirs.get_all(id, index).expect("an element"));
            }
        }
        Content::Scalar(_) | Content::Counter(_) => {}
    }
}

fn assert_map(map: &MapView<'_>, theirs: &AutoCommit, object: &ObjId) {
    // Theirs gives a key twice where a counter and another value are in conflict.
    let mut keys: Vec<_> = theirs.keys(object).collect();
    keys.dedup();
    assert!(map.keys().eq(keys));
    for key in map.keys() {
        let all = theirs.get_all(object, key).expect("a key");
        assert_values(map.values(key), &all);
        for (value, (_, id)) in map.values(key).iter().zip(&all) {
            assert_below(map.view(), value, theirs, id);
        }
    }
}

fn commit(document: &mut AutoCommit, time: usize) {
    document.commit_with(CommitOptions::default().with_message("1").with_time(time as i64));
}

fn edit(document: &mut AutoCommit, kind: u8, at: usize, value: u8) {
    let key = ["a", "b", "c", "d"][at];
    let object =
        if value.is_multiple_of(3) { child(document, key, ObjType::Map).unwrap_or(ROOT) } else { ROOT };
    match kind {
        0 | 1 => document.put(&object, key, i64::from(value % 5)).expect("a key"),
        2 => document.put(&object, key, format!("text {}", value % 4)).expect("a key"),
        3 => document.put(&object, key, ScalarValue::counter(i64::from(value))).expect("a key"),
        4 => drop(document.put_object(&object, key, ObjType::Map).expect("a key")),
        5 => drop(document.put_object(&object, key, ObjType::List).expect("a key")),
        6 => document.delete(&object, key).expect("a key"),
        7 => {
            let counter = document.get(&object, key).expect("a key");
            if counter.is_some_and(|(found, _)| matches!(found.as_scalar(), Some(ScalarValue::Counter(_)))) {
                document.increment(&object, key, i64::from(value)).expect("a counter");
            }
        }
        _ => edit_list(document, key, kind, value),
    }
}

fn edit_list(document: &mut AutoCommit, key: &str, kind: u8, value: u8) {
    let Some(list) = child(document, key, ObjType::List) else { return };
    let length = document.length(&list);
    let index = usize::from(value) % (length + 1);
    if kind == 8 || length == 0 {
        document.insert(&list, index, i64::from(value)).expect("an index");
    } else if value.is_multiple_of(2) {
        document.put(&list, index % length, i64::from(value)).expect("an index");
    } else {
        document.delete(&list, index % length).expect("an index");
    }
}

fn child(document: &AutoCommit, key: &str, sort: ObjType) -> Option<ObjId> {
    let (value, id) = document.get(ROOT, key).expect("a key")?;
    (value.to_objtype() == Some(sort)).then_some(id)
}
