//! What one operation may refer to: its change's past and the earlier operations of the change.
//!
//! **Invariant:** answers never depend on anything that the change's author had not seen.

use crate::{
    change::{Action, Change, Key, Object, Operation, OperationId},
    document::{
        Past,
        schema::{self, Entry, MapShape},
    },
    id::Kind,
};

/// Maps and lists within one another, more than any schema has.
const DEPTH_MAX: usize = 8;

/// A change on top of its past.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The change.
    pub change: &'a Change,
    /// What its author had seen.
    pub past: &'a Past<'a>,
}

/// Where an operation writes, in names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Map keys, of which the last `depth` count, from the root; few enough to need no memory of their own.
    keys: [&'a str; DEPTH_MAX],
    depth: usize,
    /// Whether an element of the list at the path is written rather than the path itself.
    pub element: bool,
}

impl<'a> Place<'a> {
    /// Map keys from the root; the last is the key written, or the key of the list written in.
    pub fn path(&self) -> &[&'a str] {
        &self.keys[DEPTH_MAX - self.depth..]
    }

    /// What may stand there in a document of `kind`, or `None` where its schema has no such place.
    pub fn ruled(self, kind: Kind) -> Option<Ruled<'a>> {
        let (map, entry) = schema::rule_in(kind, self.path())?;
        Some(Ruled { place: self, entry, map })
    }
}

/// A place with what the schema says of it. Looked up once for each operation: every judge asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Ruled<'a> {
    /// The place.
    pub place: Place<'a>,
    /// What may stand there.
    pub entry: &'static Entry,
    /// The map that holds the last key of the path.
    pub map: &'static MapShape,
}

impl<'a> Seen<'a> {
    /// Whether the change itself has an operation named `id`, in whatever place.
    pub fn is_own(&self, id: OperationId) -> bool {
        id.actor == self.change.actor && id.counter >= self.change.first_operation
    }

    /// The operation named `id`, if it is in the past or earlier in the change than `index`.
    pub fn operation(&self, id: OperationId, index: usize) -> Option<&'a Operation> {
        if !self.is_own(id) {
            return self.past.operation(id);
        }
        let own = usize::try_from(id.counter - self.change.first_operation).ok()?;
        self.change.operations[..index].get(own)
    }

    /// Where the operation at `index` writes, or `None` where its object was never seen, a list
    /// stands in a list, or nesting is deeper than any schema's.
    pub fn place(&self, index: usize) -> Option<Place<'a>> {
        self.place_of(self.change.operations.get(index)?, index)
    }

    /// Where an `operation` of the past, or one before `index`, writes.
    pub fn place_of(&self, operation: &'a Operation, index: usize) -> Option<Place<'a>> {
        let element = !matches!(operation.key, Key::Map(_));
        let mut place = Place { keys: [""; DEPTH_MAX], depth: 0, element };
        let mut at = operation;
        for depth in 0..DEPTH_MAX {
            match &at.key {
                Key::Map(key) => {
                    place.depth += 1;
                    place.keys[DEPTH_MAX - place.depth] = key.as_str();
                }
                Key::Head | Key::Element(_) if depth == 0 => {}
                Key::Head | Key::Element(_) => return None,
            }
            match at.object {
                Object::Root => return Some(place),
                Object::Made(id) => at = self.operation(id, index)?,
            }
        }
        None
    }

    /// Whether `object` is a list rather than a map, if it was made before `index`.
    pub fn is_list(&self, object: Object, index: usize) -> Option<bool> {
        let Object::Made(id) = object else { return Some(false) };
        match self.operation(id, index)?.action {
            Action::MakeMap => Some(false),
            Action::MakeList => Some(true),
            Action::Put(_) | Action::Delete | Action::Increment(_) => None,
        }
    }
}
