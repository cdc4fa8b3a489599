//! Makes the next change of a document.
//!
//! One [`Edit`] is one open document; [`Edit::commit`] ends one save by the user. The operations are
//! written here as automerge would write them, with one difference: whoever writes over concurrent
//! values replaces all of them, the winner too, so that two people who settle one conflict
//! concurrently and differently see a conflict again.
//!
//! **Invariants:** every write is held against the schema first, so that no change made here is
//! refused for its form; a value that stands alone already is not written again.

use std::collections::BTreeMap;

use super::{
    BuildError, History,
    materialise::{self, OpenError},
    schema::{self, Shape, Writes, key},
    view::{Content, Value, View},
};
use crate::{
    change::{
        Action, COUNTER_MAX, Change, Key, OPERATIONS_MAX, Object, Operation, OperationId, PARENTS_MAX,
        PREDECESSORS_MAX, PREDECESSORS_TOTAL_MAX, Scalar,
    },
    id::{ActorId, ChangeHash, DocumentId, Kind},
    time::{TIMESTAMP_MAX, Timestamp},
};

/// An open document.
#[derive(Debug, Clone)]
pub struct Edit {
    kind: Kind,
    actor: ActorId,
    /// Parents of the next change, ascending.
    heads: Vec<ChangeHash>,
    /// The next change's number among the actor's.
    sequence: u64,
    /// Counter of the next change's first operation.
    first_operation: u64,
    operations: Vec<Operation>,
    maps: BTreeMap<Object, BTreeMap<String, Vec<Standing>>>,
    lists: BTreeMap<Object, Vec<Slot>>,
}

/// One of the values that stand at a place.
#[derive(Debug, Clone)]
struct Standing {
    id: OperationId,
    what: What,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    Scalar(Scalar),
    Map,
    List,
}

/// An element of a list.
#[derive(Debug, Clone)]
struct Slot {
    id: OperationId,
    /// The operations whose values stand there, ascending.
    standing: Vec<OperationId>,
}

/// Why something cannot be written into a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The schema has no such place.
    #[error("a {kind:?} has no {path}", path = .path.join("/"))]
    NoPlace {
        /// The kind of document.
        kind: Kind,
        /// The keys from the root.
        path: Vec<String>,
    },
    /// The place holds another sort of value.
    #[error("{key} holds another sort of value")]
    Shape {
        /// The last key.
        key: String,
    },
    /// A text is too long.
    #[error("{key} is {bytes} bytes long; at most {bytes_max} are kept")]
    TooLong {
        /// The last key.
        key: String,
        /// Its length.
        bytes: usize,
        /// The longest.
        bytes_max: usize,
    },
    /// A number or moment is out of range.
    #[error("{key} is out of range")]
    Range {
        /// The last key.
        key: String,
    },
    /// The place is written once, when the document is made.
    #[error("{key} never changes")]
    Fixed {
        /// The last key.
        key: String,
    },
    /// Something else stands at a place that only grows.
    #[error("{key} is written already; what is written there stays")]
    Standing {
        /// The last key.
        key: String,
    },
    /// The map or list that should hold it is not there.
    #[error("there is no place for {key}: the document lacks what should hold it")]
    NoContainer {
        /// The last key.
        key: String,
    },
}

/// Why an edit did not become a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The time is before 1970 or after the year 287,000.
    #[error("the time of the change is out of range")]
    Time,
    /// One save holds more than one change may.
    #[error("too much for one save: save in parts")]
    TooLarge,
    /// The document has reached its last operation.
    #[error("the document is full")]
    Full,
    /// The change cannot be built.
    #[error("the change cannot be built")]
    Build(#[from] BuildError),
}

impl Edit {
    /// Begins a document, which says its own number first.
    ///
    /// # Panics
    /// The id names no kind: it was not made by [`DocumentId::new`].
    pub fn create(document: DocumentId, actor: ActorId) -> Self {
        let mut edit = Self {
            kind: document.kind().expect("an id made here names its kind"),
            actor,
            heads: Vec::new(),
            sequence: 1,
            first_operation: 1,
            operations: Vec::new(),
            maps: BTreeMap::from([(Object::Root, BTreeMap::new())]),
            lists: BTreeMap::new(),
        };
        edit.put(&[key::ID], &Scalar::Int(document.number())).expect("every kind has a number");
        edit
    }

    /// Opens a document to continue it as `actor`, after [`materialise::check`].
    ///
    /// # Errors
    /// automerge cannot hold the document; nothing is touched.
    pub fn open(kind: Kind, history: &History, actor: ActorId) -> Result<Self, OpenError> {
        materialise::check(history)?;
        Ok(Self::open_checked(kind, history, actor))
    }

    /// As [`Edit::open`], of a document that automerge is known to hold.
    pub fn open_checked(kind: Kind, history: &History, actor: ActorId) -> Self {
        let view = View::of(history);
        let changes = || history.iter().map(|(_, change)| change);
        let own = changes().filter(|change| change.actor == actor).map(|change| change.sequence);
        let maps = view.maps().map(|(object, map)| {
            let map = map
                .iter()
                .map(|(key, values)| ((*key).to_owned(), values.iter().map(Standing::of).collect()));
            (object, map.collect())
        });
        let lists = view.lists().map(|(object, elements)| {
            let slots = elements.iter().map(|element| Slot {
                id: element.id,
                standing: element.values.iter().map(|value| value.operation).collect(),
            });
            (object, slots.collect())
        });
        Self {
            kind,
            actor,
            heads: history.heads(),
            sequence: own.max().unwrap_or(0) + 1,
            first_operation: changes().map(Change::last_operation).max().unwrap_or(0) + 1,
            operations: Vec::new(),
            maps: maps.collect(),
            lists: lists.collect(),
        }
    }

    /// The kind of document.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Who writes.
    pub fn actor(&self) -> ActorId {
        self.actor
    }

    /// Whether the next change is the one that makes the document.
    pub fn is_new(&self) -> bool {
        self.heads.is_empty()
    }

    /// Whether anything was written since the last save.
    pub fn is_changed(&self) -> bool {
        !self.operations.is_empty()
    }

    /// Sets the value at `path`. Writes nothing where exactly this value stands alone.
    ///
    /// # Errors
    /// The schema does not allow it there.
    pub fn put(&mut self, path: &[&str], value: &Scalar) -> Result<(), EditError> {
        let (key, entry) = self.rule(path)?;
        check(key, entry.shape, value)?;
        let object = self.container(path)?;
        let standing = self.standing(object, key);
        if let [alone] = standing
            && matches!(&alone.what, What::Scalar(scalar) if scalar == value)
        {
            return Ok(());
        }
        if !standing.is_empty() && entry.writes != Writes::Free {
            return Err(EditError::Standing { key: key.to_owned() });
        }
        self.write(object, key, Action::Put(value.clone()), Some(What::Scalar(value.clone())));
        Ok(())
    }

    /// Sets the value at `path`, which anybody may change, also where exactly this value stands: what it says is said
    /// of this change.
    ///
    /// # Errors
    /// The schema does not allow it there.
    pub fn put_anew(&mut self, path: &[&str], value: &Scalar) -> Result<(), EditError> {
        let (key, entry) = self.rule(path)?;
        check(key, entry.shape, value)?;
        if entry.writes != Writes::Free {
            return Err(EditError::Standing { key: key.to_owned() });
        }
        let object = self.container(path)?;
        self.write(object, key, Action::Put(value.clone()), Some(What::Scalar(value.clone())));
        Ok(())
    }

    /// Makes the map or list at `path`, where none stands.
    ///
    /// # Errors
    /// The schema has none there, or something stands there.
    pub fn make(&mut self, path: &[&str]) -> Result<(), EditError> {
        let (key, entry) = self.rule(path)?;
        let object = self.container(path)?;
        if !self.standing(object, key).is_empty() {
            return Err(EditError::Standing { key: key.to_owned() });
        }
        match entry.shape {
            Shape::Map(_) => {
                let id = self.write(object, key, Action::MakeMap, Some(What::Map));
                self.maps.insert(Object::Made(id), BTreeMap::new());
            }
            Shape::List(_) => {
                let id = self.write(object, key, Action::MakeList, Some(What::List));
                self.lists.insert(Object::Made(id), Vec::new());
            }
            Shape::Text { .. } | Shape::Int { .. } | Shape::Timestamp | Shape::Boolean => {
                return Err(EditError::Shape { key: key.to_owned() });
            }
        }
        Ok(())
    }

    /// Appends a value to the list at `path`.
    ///
    /// # Errors
    /// There is no list, or the schema does not allow the value in it.
    pub fn push(&mut self, path: &[&str], value: &Scalar) -> Result<(), EditError> {
        let no_place = || EditError::NoPlace { kind: self.kind, path: owned(path) };
        let Some(Shape::List(list)) = schema::rule(self.kind, path).map(|entry| entry.shape) else {
            return Err(no_place());
        };
        let key = path.last().copied().unwrap_or_default();
        check(key, list.element.shape, value)?;
        let object = self.list(path)?;
        let last = self.lists.get(&object).and_then(|slots| slots.last());
        let behind = last.map_or(Key::Head, |slot| Key::Element(slot.id));
        let id = self.add(object, behind, true, Action::Put(value.clone()), Vec::new());
        self.lists.entry(object).or_default().push(Slot { id, standing: vec![id] });
        Ok(())
    }

    /// Empties the list at `path`.
    ///
    /// # Errors
    /// There is no list.
    pub fn clear(&mut self, path: &[&str]) -> Result<(), EditError> {
        let object = self.list(path)?;
        for slot in self.lists.insert(object, Vec::new()).unwrap_or_default() {
            self.add(object, Key::Element(slot.id), false, Action::Delete, slot.standing);
        }
        Ok(())
    }

    /// Removes what stands at `path`, if anything.
    ///
    /// # Errors
    /// The schema has no such place, or it keeps what stands there.
    pub fn delete(&mut self, path: &[&str]) -> Result<(), EditError> {
        let (key, entry) = self.rule(path)?;
        if entry.writes != Writes::Free {
            return Err(EditError::Standing { key: key.to_owned() });
        }
        let object = self.container(path)?;
        if !self.standing(object, key).is_empty() {
            self.write(object, key, Action::Delete, None);
        }
        Ok(())
    }

    /// The keys of the map at `path`; none where there is no map.
    pub fn keys(&self, path: &[&str]) -> Vec<String> {
        let map = self.find(path).and_then(|object| self.maps.get(&object));
        map.map_or_else(Vec::new, |map| map.keys().cloned().collect())
    }

    /// The text that wins at `path`.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        let (key, maps) = path.split_last()?;
        match &self.standing(self.find(maps)?, key).last()?.what {
            What::Scalar(Scalar::Str(text)) => Some(text),
            What::Scalar(_) | What::Map | What::List => None,
        }
    }

    /// Ends one save: what was written since the last one, as one change. `None` if nothing was.
    ///
    /// # Errors
    /// It is not one change that every replica takes; the edit keeps what was written.
    pub fn commit(
        &mut self,
        time: Timestamp,
        schema: u32,
    ) -> Result<Option<(ChangeHash, Change)>, CommitError> {
        if time < Timestamp(0) || time > TIMESTAMP_MAX {
            return Err(CommitError::Time);
        }
        if self.operations.is_empty() {
            return Ok(None);
        }
        let predecessors = || self.operations.iter().map(|operation| operation.predecessors.len());
        if self.operations.len() > OPERATIONS_MAX
            || self.heads.len() > PARENTS_MAX
            || predecessors().any(|count| count > PREDECESSORS_MAX)
            || predecessors().sum::<usize>() > PREDECESSORS_TOTAL_MAX
        {
            return Err(CommitError::TooLarge);
        }
        let change = Change {
            actor: self.actor,
            sequence: self.sequence,
            first_operation: self.first_operation,
            time,
            schema,
            parents: self.heads.clone(),
            operations: self.operations.clone(),
        };
        if change.last_operation() > COUNTER_MAX {
            return Err(CommitError::Full);
        }
        let hash = super::hash(&change)?;
        self.operations.clear();
        self.heads = vec![hash];
        self.sequence += 1;
        self.first_operation = change.last_operation() + 1;
        Ok(Some((hash, change)))
    }

    fn rule<'p>(&self, path: &[&'p str]) -> Result<(&'p str, &'static schema::Entry), EditError> {
        let entry = schema::rule(self.kind, path);
        let (Some(entry), Some(key)) = (entry, path.last().copied()) else {
            return Err(EditError::NoPlace { kind: self.kind, path: owned(path) });
        };
        if entry.writes.is_by_first_change() && !self.is_new() {
            return Err(EditError::Fixed { key: key.to_owned() });
        }
        Ok((key, entry))
    }

    /// The map that holds the last key of `path`.
    fn container(&self, path: &[&str]) -> Result<Object, EditError> {
        let (key, maps) = path.split_last().map_or(("", &[][..]), |(key, maps)| (*key, maps));
        self.find(maps).ok_or_else(|| EditError::NoContainer { key: key.to_owned() })
    }

    fn list(&self, path: &[&str]) -> Result<Object, EditError> {
        let key = path.last().copied().unwrap_or_default();
        let found = self.standing(self.container(path)?, key).last();
        let list = found.filter(|standing| standing.what == What::List);
        list.map(|standing| Object::Made(standing.id))
            .ok_or_else(|| EditError::NoContainer { key: key.to_owned() })
    }

    /// The map at `path` that wins.
    fn find(&self, path: &[&str]) -> Option<Object> {
        path.iter().try_fold(Object::Root, |object, key| {
            let found = self.standing(object, key).last()?;
            (found.what == What::Map).then_some(Object::Made(found.id))
        })
    }

    /// All values at a key of a map, ascending.
    fn standing(&self, object: Object, key: &str) -> &[Standing] {
        self.maps.get(&object).and_then(|map| map.get(key)).map_or(&[], Vec::as_slice)
    }

    /// Replaces all that stands at a key of a map.
    fn write(&mut self, object: Object, key: &str, action: Action, what: Option<What>) -> OperationId {
        let predecessors = self.standing(object, key).iter().map(|standing| standing.id).collect();
        let id = self.add(object, Key::Map(key.to_owned()), false, action, predecessors);
        let map = self.maps.entry(object).or_default();
        match what {
            Some(what) => drop(map.insert(key.to_owned(), vec![Standing { id, what }])),
            None => drop(map.remove(key)),
        }
        id
    }

    fn add(
        &mut self,
        object: Object,
        key: Key,
        insert: bool,
        action: Action,
        predecessors: Vec<OperationId>,
    ) -> OperationId {
        let counter = self.first_operation + self.operations.len() as u64;
        self.operations.push(Operation { object, key, insert, action, predecessors });
        OperationId { counter, actor: self.actor }
    }
}

impl Standing {
    fn of(value: &Value<'_>) -> Self {
        let what = match value.content {
            Content::Scalar(scalar) => What::Scalar(scalar.clone()),
            Content::Counter(count) => What::Scalar(Scalar::Counter(count)),
            Content::Map => What::Map,
            Content::List => What::List,
        };
        Self { id: value.operation, what }
    }
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|key| (*key).to_owned()).collect()
}

fn check(key: &str, shape: Shape, value: &Scalar) -> Result<(), EditError> {
    let within = match (shape, value) {
        (Shape::Text { bytes_max }, Scalar::Str(text)) if text.len() > bytes_max => {
            return Err(EditError::TooLong { key: key.to_owned(), bytes: text.len(), bytes_max });
        }
        (Shape::Text { .. }, Scalar::Str(_)) | (Shape::Boolean, Scalar::Boolean(_)) => true,
        (Shape::Int { min, max }, Scalar::Int(value)) => (min..=max).contains(value),
        (Shape::Timestamp, Scalar::Timestamp(value)) => (Timestamp(0)..=TIMESTAMP_MAX).contains(value),
        _ => return Err(EditError::Shape { key: key.to_owned() }),
    };
    if within { Ok(()) } else { Err(EditError::Range { key: key.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: ActorId = ActorId([1; 16]);
    const THERE: ActorId = ActorId([2; 16]);

    fn text(text: &str) -> Scalar {
        Scalar::Str(text.to_owned())
    }

    fn save(edit: &mut Edit, history: &mut History) -> Option<ChangeHash> {
        let (hash, change) = edit.commit(Timestamp(1_000), 1).expect("a change")?;
        assert!(history.insert(hash, change));
        Some(hash)
    }

    fn person() -> History {
        let mut history = History::default();
        let mut edit = Edit::create(DocumentId::new([0; 10], Kind::Person, 1), HERE);
        edit.put(&["district"], &text("53.02")).expect("allowed");
        edit.put(&["name"], &text("Nahak")).expect("allowed");
        edit.make(&["reasons"]).expect("allowed");
        save(&mut edit, &mut history).expect("something was written");
        history
    }

    #[test]
    fn a_save_is_one_change_and_nothing_new_is_none() {
        let mut history = person();
        assert_eq!(history.len(), 1);
        let mut edit = Edit::open(Kind::Person, &history, THERE).expect("it opens");
        edit.put(&["name"], &text("Nahak")).expect("allowed");
        edit.delete(&["phone"]).expect("allowed");
        assert_eq!(save(&mut edit, &mut history), None);
        edit.put(&["name"], &text("Nahak Bria")).expect("allowed");
        edit.put(&["reasons", "name"], &text("as on the card")).expect("allowed");
        let hash = save(&mut edit, &mut history).expect("something was written");
        assert_eq!(history.heads(), [hash]);
        assert_eq!(history.get(&hash).map(|change| change.operations.len()), Some(2));
    }

    #[test]
    fn writing_over_concurrent_values_settles_them() {
        let mut history = person();
        let mut here = Edit::open(Kind::Person, &history, HERE).expect("it opens");
        let mut there = Edit::open(Kind::Person, &history, THERE).expect("it opens");
        here.put(&["name"], &text("Bria")).expect("allowed");
        there.put(&["name"], &text("Nahak B.")).expect("allowed");
        save(&mut here, &mut history);
        save(&mut there, &mut history);
        assert_eq!(history.heads().len(), 2);
        let mut edit = Edit::open(Kind::Person, &history, HERE).expect("it opens");
        let winner = edit.text(&["name"]).expect("a name").to_owned();
        edit.put(&["name"], &Scalar::Str(winner)).expect("allowed");
        let hash = save(&mut edit, &mut history).expect("the same value settles too");
        assert_eq!(history.get(&hash).map(|change| change.operations[0].predecessors.len()), Some(2));
        assert_eq!(View::of(&history).root().values("name").len(), 1);
    }

    #[test]
    fn two_concurrent_decisions_of_one_conflict_are_a_conflict() {
        let mut history = person();
        for sides in [["Bria", "Nahak B."], ["Bria", "Nahak B."]] {
            let mut edits =
                [HERE, THERE].map(|actor| Edit::open(Kind::Person, &history, actor).expect("it opens"));
            for (edit, side) in edits.iter_mut().zip(sides) {
                edit.put(&["name"], &text(side)).expect("allowed");
                save(edit, &mut history);
            }
            let view = View::of(&history);
            let values: Vec<_> = view.root().values("name").iter().filter_map(|value| value.text()).collect();
            assert_eq!(values, sides);
        }
    }

    #[test]
    fn what_the_schema_forbids_is_not_written() {
        let history = person();
        let mut edit = Edit::open(Kind::Person, &history, HERE).expect("it opens");
        let long = "x".repeat(schema::NAME_BYTES_MAX + 1);
        assert!(matches!(edit.put(&["slip"], &text("x")), Err(EditError::NoPlace { .. })));
        assert!(matches!(edit.put(&["name"], &Scalar::Int(1)), Err(EditError::Shape { .. })));
        assert!(matches!(edit.put(&["name"], &text(&long)), Err(EditError::TooLong { bytes: 201, .. })));
        assert!(matches!(edit.put(&["district"], &text("53.03")), Err(EditError::Fixed { .. })));
        assert!(matches!(edit.make(&["reasons"]), Err(EditError::Fixed { .. })));
        assert!(matches!(edit.put(&["not_same", "x"], &text("y")), Err(EditError::NoContainer { .. })));
        assert!(matches!(edit.commit(Timestamp(-1), 1), Err(CommitError::Time)));
    }
}
