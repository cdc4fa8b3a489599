//! Makes the next change of a document with automerge.
//!
//! One [`Edit`] is one open document; [`Edit::commit`] ends one save by the user. **Invariants:**
//! every write is held against the schema first, so that no change made here is refused for its
//! form; a value that stands already is not written again; writing over concurrent values settles
//! them. An edit that failed within automerge is thrown away: the changes are the truth.

use automerge::{
    AutoCommit, Automerge, ObjId, ObjType, ROOT, ReadDoc,
    transaction::{CommitOptions, Transactable},
};

use super::{
    BuildError, DecodeError, History,
    build::{actor_to, build, guarded, of_automerge, scalar_to},
    schema::{self, Shape, Writes},
};
use crate::{
    change::{Change, Scalar},
    id::{ActorId, ChangeHash, Kind},
    time::{TIMESTAMP_MAX, Timestamp},
};

/// An open document.
#[derive(Debug)]
pub struct Edit {
    kind: Kind,
    actor: ActorId,
    document: AutoCommit,
    /// Whether the next change is the one that makes the document.
    is_new: bool,
}

/// Why a document cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A change cannot be built.
    #[error("change {} cannot be built", .change.short())]
    Build {
        /// Which.
        change: ChangeHash,
        /// Why.
        #[source]
        source: BuildError,
    },
    /// A change builds to another hash than it is filed under.
    #[error("change {} has another hash than it is filed under", .change.short())]
    Hash {
        /// The name it is filed under.
        change: ChangeHash,
    },
    /// automerge refuses the changes or its own file of them.
    #[error("automerge refuses the document")]
    Refused(#[source] Box<automerge::AutomergeError>),
    /// The file of the document has other heads than its changes.
    #[error("the document does not survive being saved and loaded")]
    Heads,
    /// automerge broke down.
    #[error("automerge cannot open the document")]
    Panicked,
}

/// Why something cannot be written into a document.
#[derive(Debug, thiserror::Error)]
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
    /// automerge refuses.
    #[error("automerge refuses the edit")]
    Refused(#[source] Box<automerge::AutomergeError>),
    /// automerge broke down.
    #[error("automerge cannot make the edit")]
    Panicked,
}

/// Why an edit did not become a change.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The time is before 1970 or after the year 287,000.
    #[error("the time of the change is out of range")]
    Time,
    /// automerge broke down, or made no change of a commit.
    #[error("automerge cannot make the change")]
    Panicked,
    /// The change cannot be said in operations.
    #[error("the change cannot be said in operations")]
    Decode(#[source] DecodeError),
    /// The operations do not give the change back.
    #[error("the operations do not give the change back")]
    Differs,
}

impl Edit {
    /// Begins a document.
    pub fn create(kind: Kind, actor: ActorId) -> Self {
        Self { kind, actor, document: AutoCommit::new().with_actor(actor_to(actor)), is_new: true }
    }

    /// Opens a document to continue it as `actor`, after proving that it survives being saved and
    /// loaded.
    ///
    /// # Errors
    /// automerge cannot hold the changes; nothing else is touched.
    pub fn open(kind: Kind, history: &History, actor: ActorId) -> Result<Self, OpenError> {
        if history.is_empty() {
            return Ok(Self::create(kind, actor));
        }
        let (_, document) = materialise(history)?;
        Ok(Self { kind, actor, document: document.with_actor(actor_to(actor)), is_new: false })
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
        self.is_new
    }

    /// Sets the value at `path`. Writes nothing where exactly this value stands alone.
    ///
    /// # Errors
    /// The schema does not allow it there.
    pub fn put(&mut self, path: &[&str], value: &Scalar) -> Result<(), EditError> {
        let (key, entry) = self.rule(path)?;
        check(key, entry.shape, value)?;
        let object = self.container(path)?;
        let value = scalar_to(value);
        self.run(|edit| {
            let standing = edit.document.get_all(&object, key)?;
            if let [(automerge::Value::Scalar(alone), _)] = standing.as_slice()
                && **alone == value
            {
                return Ok(Ok(()));
            }
            if !standing.is_empty() && entry.writes != Writes::Free {
                return Ok(Err(EditError::Standing { key: key.to_owned() }));
            }
            // automerge would only delete the losers where the winner is written again: another
            // person's concurrent decision would then beat this one unseen.
            if standing.len() > 1 {
                edit.document.delete(&object, key)?;
            }
            edit.document.put(&object, key, value).map(Ok)
        })?
    }

    /// Makes the map or list at `path`, where none stands.
    ///
    /// # Errors
    /// The schema has none there, or something stands there.
    pub fn make(&mut self, path: &[&str]) -> Result<(), EditError> {
        let (key, entry) = self.rule(path)?;
        let sort = match entry.shape {
            Shape::Map(_) => ObjType::Map,
            Shape::List(_) => ObjType::List,
            Shape::Text { .. } | Shape::Int { .. } | Shape::Timestamp | Shape::Boolean => {
                return Err(EditError::Shape { key: key.to_owned() });
            }
        };
        let object = self.container(path)?;
        self.run(|edit| {
            if edit.document.get(&object, key)?.is_some() {
                return Ok(Err(EditError::Standing { key: key.to_owned() }));
            }
            edit.document.put_object(&object, key, sort).map(|_| Ok(()))
        })?
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
        let object = self.object(path, ObjType::List)?;
        self.run(|edit| {
            let end = edit.document.length(&object);
            edit.document.insert(&object, end, scalar_to(value)).map(Ok)
        })?
    }

    /// Empties the list at `path`.
    ///
    /// # Errors
    /// There is no list.
    pub fn clear(&mut self, path: &[&str]) -> Result<(), EditError> {
        let object = self.object(path, ObjType::List)?;
        self.run(|edit| {
            for index in (0..edit.document.length(&object)).rev() {
                edit.document.delete(&object, index)?;
            }
            Ok(Ok(()))
        })?
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
        self.run(|edit| {
            if edit.document.get(&object, key)?.is_some() {
                edit.document.delete(&object, key)?;
            }
            Ok(Ok(()))
        })?
    }

    /// The keys of the map at `path`; none where there is no map.
    pub fn keys(&self, path: &[&str]) -> Vec<String> {
        guarded(|| self.find(path).map(|object| self.document.keys(&object).collect()))
            .flatten()
            .unwrap_or_default()
    }

    /// The text that wins at `path`.
    pub fn text(&self, path: &[&str]) -> Option<String> {
        let (key, maps) = path.split_last()?;
        guarded(|| {
            let object = self.find(maps)?;
            let (value, _) = self.document.get(&object, *key).ok()??;
            value.as_str().map(str::to_owned)
        })
        .flatten()
    }

    /// Ends one save: what was written since the last one, as one change. `None` if nothing was.
    ///
    /// # Errors
    /// The change cannot be said in operations that give it back. The edit must be thrown away.
    pub fn commit(
        &mut self,
        time: Timestamp,
        schema: u32,
    ) -> Result<Option<(ChangeHash, Change)>, CommitError> {
        if time < Timestamp(0) || time > TIMESTAMP_MAX {
            return Err(CommitError::Time);
        }
        let options = CommitOptions::default().with_message(schema.to_string()).with_time(time.0);
        let made = guarded(|| {
            if self.document.pending_ops() == 0 {
                return Some(None);
            }
            let hash = self.document.commit_with(options)?;
            self.document.get_change_by_hash(&hash).map(Some)
        });
        let Some(made) = made.flatten().ok_or(CommitError::Panicked)? else { return Ok(None) };
        let (hash, change) = of_automerge(&made).map_err(CommitError::Decode)?;
        if super::hash(&change) != Ok(hash) {
            return Err(CommitError::Differs);
        }
        self.is_new = false;
        Ok(Some((hash, change)))
    }

    fn rule<'p>(&self, path: &[&'p str]) -> Result<(&'p str, &'static schema::Entry), EditError> {
        let entry = schema::rule(self.kind, path);
        let (Some(entry), Some(key)) = (entry, path.last().copied()) else {
            return Err(EditError::NoPlace { kind: self.kind, path: owned(path) });
        };
        if entry.writes == Writes::FirstChange && !self.is_new {
            return Err(EditError::Fixed { key: key.to_owned() });
        }
        Ok((key, entry))
    }

    /// The map that holds the last key of `path`.
    fn container(&self, path: &[&str]) -> Result<ObjId, EditError> {
        let (key, maps) = path.split_last().map_or(("", &[][..]), |(key, maps)| (*key, maps));
        let missing = || EditError::NoContainer { key: key.to_owned() };
        guarded(|| self.find(maps)).ok_or(EditError::Panicked)?.ok_or_else(missing)
    }

    fn object(&self, path: &[&str], sort: ObjType) -> Result<ObjId, EditError> {
        let object = guarded(|| self.find(path)).ok_or(EditError::Panicked)?;
        let missing = || EditError::NoContainer { key: path.last().copied().unwrap_or_default().to_owned() };
        let object = object.ok_or_else(missing)?;
        match self.document.object_type(&object) {
            Ok(found) if found == sort => Ok(object),
            Ok(_) | Err(_) => Err(missing()),
        }
    }

    fn find(&self, path: &[&str]) -> Option<ObjId> {
        path.iter().try_fold(ROOT, |object, key| {
            let (value, id) = self.document.get(&object, *key).ok()??;
            value.is_object().then_some(id)
        })
    }

    fn run<T>(
        &mut self,
        edit: impl FnOnce(&mut Self) -> Result<T, automerge::AutomergeError>,
    ) -> Result<T, EditError> {
        guarded(|| edit(self))
            .ok_or(EditError::Panicked)?
            .map_err(|source| EditError::Refused(Box::new(source)))
    }
}

/// The document of all changes and its standard file, proven to load again with the same heads.
pub(super) fn materialise(history: &History) -> Result<(Vec<u8>, AutoCommit), OpenError> {
    let changes = history
        .iter()
        .map(|(hash, change)| {
            let built = build(change).map_err(|source| OpenError::Build { change: *hash, source })?;
            if built.hash().0 == hash.0 { Ok(built) } else { Err(OpenError::Hash { change: *hash }) }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let loaded = guarded(|| {
        let mut document = Automerge::new();
        document.apply_changes(changes)?;
        let bytes = document.save();
        let loaded = AutoCommit::load(&bytes)?;
        Ok((bytes, loaded))
    });
    let (bytes, mut document) = loaded
        .ok_or(OpenError::Panicked)?
        .map_err(|source: automerge::AutomergeError| OpenError::Refused(Box::new(source)))?;
    let mut heads: Vec<_> = guarded(|| document.get_heads())
        .ok_or(OpenError::Panicked)?
        .iter()
        .map(|head| ChangeHash(head.0))
        .collect();
    heads.sort_unstable();
    if heads == history.heads() { Ok((bytes, document)) } else { Err(OpenError::Heads) }
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
    use crate::document::View;

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
        let mut edit = Edit::create(Kind::Person, HERE);
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
        let winner = edit.text(&["name"]).expect("a name");
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

    #[test]
    fn a_change_filed_under_another_hash_does_not_open() {
        let (_, change) = person().iter().next().map(|(hash, change)| (*hash, change.clone())).expect("one");
        let mut history = History::default();
        history.insert(ChangeHash([9; 32]), change);
        let error = Edit::open(Kind::Person, &history, HERE).unwrap_err();
        assert!(matches!(error, OpenError::Hash { .. }), "{error}");
    }
}
