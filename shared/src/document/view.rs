//! Reads a document straight from its operations, without automerge.
//!
//! Every key gives all its concurrent values, ascending as automerge orders them: the last one
//! wins. One pass over the operations; nothing is copied out of the history. What a gate would
//! have refused (an object of another sort, a place that nobody made) is left out, never a panic.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    change::{Action, Change, Key, Object, Operation, OperationId, Scalar},
    document::{History, Past},
    id::ChangeHash,
    time::Timestamp,
};

/// A document as its changes leave it.
#[derive(Debug)]
pub struct View<'a> {
    history: &'a History,
    maps: BTreeMap<Object, BTreeMap<&'a str, Vec<Value<'a>>>>,
    lists: BTreeMap<Object, Vec<Element<'a>>>,
}

/// An element of a list that holds something.
#[derive(Debug, Clone, PartialEq)]
pub struct Element<'a> {
    /// The operation that inserted it.
    pub id: OperationId,
    /// All its concurrent values, ascending: the last one wins. Never empty.
    pub values: Vec<Value<'a>>,
}

/// One of the values that stand at a place, with who put it there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value<'a> {
    /// The operation that set it.
    pub operation: OperationId,
    /// The change that holds the operation.
    pub change: ChangeHash,
    /// What it is.
    pub content: Content<'a>,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Content<'a> {
    /// A value without parts.
    Scalar(&'a Scalar),
    /// A counter with its increments added.
    Counter(i64),
    /// The map made by the value's operation.
    Map,
    /// The list made by the value's operation.
    List,
}

impl<'a> View<'a> {
    /// The document with all its changes.
    pub fn of(history: &'a History) -> Self {
        Self::read(history, &|| Box::new(history.iter()))
    }

    /// The document as one change had seen it.
    pub fn at(past: &'a Past<'a>) -> Self {
        Self::read(past.history(), &|| Box::new(past.iter()))
    }

    /// The history that was read.
    pub fn history(&self) -> &'a History {
        self.history
    }

    /// Every map, reachable or not, with its keys and all their values.
    pub(super) fn maps(&self) -> impl Iterator<Item = (Object, &BTreeMap<&'a str, Vec<Value<'a>>>)> {
        self.maps.iter().map(|(object, map)| (*object, map))
    }

    /// Every list, reachable or not.
    pub(super) fn lists(&self) -> impl Iterator<Item = (Object, &[Element<'a>])> {
        self.lists.iter().map(|(object, list)| (*object, list.as_slice()))
    }

    /// The root map.
    pub fn root(&self) -> MapView<'_> {
        MapView { view: self, object: Object::Root }
    }

    /// The change that holds a value.
    pub fn change(&self, value: &Value<'_>) -> Option<&'a Change> {
        self.history.get(&value.change)
    }

    fn read(history: &'a History, changes: &dyn Fn() -> Box<dyn Iterator<Item = Entry<'a>> + 'a>) -> Self {
        let replaced = Replaced::of(changes());
        let mut view = Self { history, maps: BTreeMap::new(), lists: BTreeMap::new() };
        let mut lists: BTreeMap<Object, ListParts<'a>> = BTreeMap::new();
        view.maps.insert(Object::Root, BTreeMap::new());
        for (hash, change) in changes() {
            for (index, operation) in change.operations.iter().enumerate() {
                let id = change.operation_id(index);
                match operation.action {
                    Action::MakeMap => {
                        view.maps.entry(Object::Made(id)).or_default();
                    }
                    Action::MakeList => {
                        lists.entry(Object::Made(id)).or_default();
                    }
                    Action::Put(_) | Action::Delete | Action::Increment(_) => {}
                }
                let value = replaced.value(id, *hash, operation);
                match &operation.key {
                    Key::Map(key) => {
                        if let (Some(map), Some(value)) = (view.maps.get_mut(&operation.object), value) {
                            map.entry(key.as_str()).or_default().push(value);
                        }
                    }
                    Key::Head | Key::Element(_) => {
                        if let Some(list) = lists.get_mut(&operation.object) {
                            list.add(id, operation, value);
                        }
                    }
                }
            }
        }
        for values in view.maps.values_mut().flat_map(BTreeMap::values_mut) {
            values.sort_unstable_by_key(|value| value.operation);
        }
        view.lists = lists.into_iter().map(|(object, parts)| (object, parts.in_order())).collect();
        view
    }
}

type Entry<'a> = (&'a ChangeHash, &'a Change);

/// The operations that others name as predecessors, and what increments add up to.
struct Replaced {
    gone: BTreeSet<OperationId>,
    added: BTreeMap<OperationId, i64>,
}

impl Replaced {
    fn of<'a>(changes: impl Iterator<Item = Entry<'a>>) -> Self {
        let mut replaced = Self { gone: BTreeSet::new(), added: BTreeMap::new() };
        for operation in changes.flat_map(|(_, change)| &change.operations) {
            if let Action::Increment(by) = operation.action {
                for counter in &operation.predecessors {
                    let sum = replaced.added.entry(*counter).or_default();
                    *sum = sum.wrapping_add(by);
                }
            } else {
                replaced.gone.extend(&operation.predecessors);
            }
        }
        replaced
    }

    fn value<'a>(&self, id: OperationId, change: ChangeHash, operation: &'a Operation) -> Option<Value<'a>> {
        if self.gone.contains(&id) {
            return None;
        }
        let content = match &operation.action {
            Action::Put(Scalar::Counter(start)) => {
                Content::Counter(start.wrapping_add(self.added.get(&id).copied().unwrap_or(0)))
            }
            // An increment beside a counter replaces what is none.
            _ if self.added.contains_key(&id) => return None,
            Action::Put(scalar) => Content::Scalar(scalar),
            Action::MakeMap => Content::Map,
            Action::MakeList => Content::List,
            Action::Delete | Action::Increment(_) => return None,
        };
        Some(Value { operation: id, change, content })
    }
}

/// A list while it is read: who stands behind whom, and what stands at each element.
#[derive(Default)]
struct ListParts<'a> {
    behind: BTreeMap<Option<OperationId>, Vec<OperationId>>,
    values: BTreeMap<OperationId, Vec<Value<'a>>>,
}

impl<'a> ListParts<'a> {
    fn add(&mut self, id: OperationId, operation: &Operation, value: Option<Value<'a>>) {
        let at = match operation.key {
            Key::Element(element) => Some(element),
            Key::Head | Key::Map(_) => None,
        };
        let element = if operation.insert {
            self.behind.entry(at).or_default().push(id);
            id
        } else {
            let Some(element) = at else { return };
            element
        };
        if let Some(value) = value {
            self.values.entry(element).or_default().push(value);
        }
    }

    /// The elements that hold something, in order: of the elements inserted behind the same one, the
    /// highest comes first, each followed by what was inserted behind it.
    fn in_order(mut self) -> Vec<Element<'a>> {
        let mut elements = Vec::new();
        let mut open = self.take_behind(None);
        while let Some(element) = open.pop() {
            if let Some(mut values) = self.values.remove(&element) {
                values.sort_unstable_by_key(|value| value.operation);
                elements.push(Element { id: element, values });
            }
            open.extend(self.take_behind(Some(element)));
        }
        elements
    }

    fn take_behind(&mut self, at: Option<OperationId>) -> Vec<OperationId> {
        let mut elements = self.behind.remove(&at).unwrap_or_default();
        elements.sort_unstable();
        elements
    }
}

/// A map of a document.
#[derive(Debug, Clone, Copy)]
pub struct MapView<'v> {
    view: &'v View<'v>,
    object: Object,
}

impl<'v> MapView<'v> {
    /// All concurrent values at `key`, ascending: the last one wins. Empty where nothing stands.
    pub fn values(&self, key: &str) -> &'v [Value<'v>] {
        self.view.maps.get(&self.object).and_then(|map| map.get(key)).map_or(&[], Vec::as_slice)
    }

    /// The winner at `key`.
    pub fn get(&self, key: &str) -> Option<&'v Value<'v>> {
        self.values(key).last()
    }

    /// The keys at which something stands, ascending.
    pub fn keys(&self) -> impl Iterator<Item = &'v str> + use<'v> {
        let map = self.view.maps.get(&self.object);
        map.into_iter().flatten().map(|(key, _)| *key)
    }

    /// The winner at `key`, if it is a text.
    pub fn text(&self, key: &str) -> Option<&'v str> {
        self.get(key).and_then(Value::text)
    }

    /// The winner at `key`, if it is a number.
    pub fn int(&self, key: &str) -> Option<i64> {
        match self.get(key)?.content {
            Content::Scalar(Scalar::Int(value)) => Some(*value),
            Content::Scalar(_) | Content::Counter(_) | Content::Map | Content::List => None,
        }
    }

    /// The winner at `key`, if it is yes or no.
    pub fn boolean(&self, key: &str) -> Option<bool> {
        match self.get(key)?.content {
            Content::Scalar(Scalar::Boolean(value)) => Some(*value),
            Content::Scalar(_) | Content::Counter(_) | Content::Map | Content::List => None,
        }
    }

    /// The winner at `key`, if it is a moment.
    pub fn timestamp(&self, key: &str) -> Option<Timestamp> {
        match self.get(key)?.content {
            Content::Scalar(Scalar::Timestamp(value)) => Some(*value),
            Content::Scalar(_) | Content::Counter(_) | Content::Map | Content::List => None,
        }
    }

    /// The winner at `key`, if it is a map.
    pub fn map(&self, key: &str) -> Option<Self> {
        self.open(self.get(key)?)
    }

    /// Every concurrent map at `key`, ascending, with the value that stands for it.
    pub fn maps(&self, key: &str) -> impl Iterator<Item = (&'v Value<'v>, Self)> {
        self.values(key).iter().filter_map(|value| Some((value, self.open(value)?)))
    }

    /// The elements of the list that wins at `key`.
    pub fn list(&self, key: &str) -> &'v [Element<'v>] {
        self.get(key).map_or(&[], |value| self.elements(value))
    }

    /// The elements of the list that `value` stands for.
    pub fn elements(&self, value: &Value<'_>) -> &'v [Element<'v>] {
        self.view.lists.get(&Object::Made(value.operation)).map_or(&[], Vec::as_slice)
    }

    /// The map that `value` stands for.
    pub fn open(&self, value: &Value<'_>) -> Option<Self> {
        let object = Object::Made(value.operation);
        (value.content == Content::Map).then_some(Self { view: self.view, object })
    }

    /// The view that this map is a part of.
    pub fn view(&self) -> &'v View<'v> {
        self.view
    }
}

impl<'a> Value<'a> {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&'a str> {
        match self.content {
            Content::Scalar(Scalar::Str(text)) => Some(text),
            Content::Scalar(_) | Content::Counter(_) | Content::Map | Content::List => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::trial;

    proptest! {
        #[test]
        fn reads_what_automerge_reads(steps in trial::steps(), pick: prop::sample::Index) {
            let mut merged = trial::run(&steps);
            let history = trial::history(&mut merged);
            trial::assert_same(&View::of(&history), &merged);
            if let Some((hash, _)) = history.iter().nth(pick.index(history.len() + 1)) {
                let past = history.past(&[*hash]).expect("it is there");
                let mut before = merged.fork_at(&[automerge::ChangeHash(hash.0)]).expect("it is there");
                before.commit();
                trial::assert_same(&View::at(&past), &before);
            }
        }
    }

    #[test]
    fn an_operation_on_what_is_not_there_is_left_out() {
        let nowhere = Object::Made(OperationId { counter: 99, actor: Default::default() });
        let operation = |object, key| Operation {
            object,
            key,
            insert: false,
            action: Action::Put(Scalar::Null),
            predecessors: Vec::new(),
        };
        let change = Change {
            actor: Default::default(),
            sequence: 1,
            first_operation: 1,
            time: Timestamp(0),
            schema: 1,
            parents: Vec::new(),
            operations: vec![
                operation(nowhere, Key::Map("x".to_owned())),
                operation(Object::Root, Key::Head),
            ],
        };
        let mut history = History::default();
        history.insert(ChangeHash([1; 32]), change);
        let view = View::of(&history);
        assert_eq!(view.root().keys().count(), 0);
        assert_eq!(view.root().list("x").len(), 0);
    }
}
