//! Shapes: what is left of a change's operations when everything that differs between records is taken out.
//!
//! In bytes: the document's kind, how many operations, then each of them as object, key and action; own
//! operations are named by how far back they are. Most changes of a batch share a few shapes.

use std::{collections::BTreeMap, sync::LazyLock};

use super::PackError;
use crate::{
    change::{Action, Change, Key, OPERATIONS_MAX, Object, OperationId, PREDECESSORS_MAX, Scalar},
    wire::column::{Reader, put_varint},
};

/// Keys that are written as their place in this list; others travel as text. **Invariant:** only ever
/// appended to, with a new [`super::LAYOUT`].
const KEYS: [&str; 59] = [
    "address",
    "agencies",
    "agency",
    "applicant",
    "at",
    "attachments",
    "blank",
    "born",
    "born_estimated",
    "catalogue",
    "channel",
    "closed",
    "collector",
    "companion",
    "confirm",
    "consent",
    "date",
    "district",
    "encounter",
    "ended",
    "father",
    "id",
    "kind",
    "kk",
    "label",
    "latitude",
    "lead",
    "longitude",
    "mother",
    "name",
    "nik",
    "not_same",
    "notes",
    "offset",
    "officer",
    "opened",
    "phone",
    "point",
    "priority",
    "reason",
    "reasons",
    "ref",
    "reference",
    "same_as",
    "service",
    "sex",
    "size",
    "slip",
    "started",
    "state",
    "status",
    "subject",
    "ticks",
    "unit",
    "village",
    "visit",
    "warnings",
    "with",
    "witnesses",
];

/// Where in [`KEYS`] a key stands.
pub(super) fn key_number(key: &str) -> Option<u16> {
    /// By their first bytes, which tell most of them apart.
    static NUMBERS: LazyLock<BTreeMap<u8, Vec<(&str, u16)>>> = LazyLock::new(|| {
        let mut numbers: BTreeMap<u8, Vec<_>> = BTreeMap::new();
        for (key, number) in KEYS.into_iter().zip(0..) {
            numbers.entry(key.as_bytes()[0]).or_default().push((key, number));
        }
        numbers
    });
    let alike = NUMBERS.get(key.as_bytes().first()?)?;
    alike.iter().find(|(known, _)| *known == key).map(|(_, number)| *number)
}

/// The key of a number, if there is one.
pub(super) fn key_text(number: u16) -> &'static str {
    KEYS.get(usize::from(number)).copied().unwrap_or_default()
}

/// The object of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectForm {
    Root,
    /// Made by another change: its id is in a column.
    Outside,
    /// Made by the operation so many before.
    Own(usize),
}

/// The key of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyForm {
    Head,
    /// An element that another change made: its id is in a column.
    Outside,
    /// A text in a column.
    Text,
    /// By its number in [`KEYS`].
    Known(u16),
    /// The element that the operation so many before made.
    Own(usize),
}

/// What an operation does, without its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sort {
    Null,
    Boolean,
    Int,
    Uint,
    F64,
    Str,
    Bytes,
    Timestamp,
    Counter,
    MakeMap,
    MakeList,
    Delete,
    Increment,
}

const SORTS: [Sort; 13] = [
    Sort::Null,
    Sort::Boolean,
    Sort::Int,
    Sort::Uint,
    Sort::F64,
    Sort::Str,
    Sort::Bytes,
    Sort::Timestamp,
    Sort::Counter,
    Sort::MakeMap,
    Sort::MakeList,
    Sort::Delete,
    Sort::Increment,
];
const SORT_BITS: u8 = 0x3f;
const HAS_PREDECESSORS: u8 = 0x40;
const INSERTS: u8 = 0x80;

impl Sort {
    fn of(action: &Action) -> Self {
        match action {
            Action::Put(Scalar::Null) => Self::Null,
            Action::Put(Scalar::Boolean(_)) => Self::Boolean,
            Action::Put(Scalar::Int(_)) => Self::Int,
            Action::Put(Scalar::Uint(_)) => Self::Uint,
            Action::Put(Scalar::F64(_)) => Self::F64,
            Action::Put(Scalar::Str(_)) => Self::Str,
            Action::Put(Scalar::Bytes(_)) => Self::Bytes,
            Action::Put(Scalar::Timestamp(_)) => Self::Timestamp,
            Action::Put(Scalar::Counter(_)) => Self::Counter,
            Action::MakeMap => Self::MakeMap,
            Action::MakeList => Self::MakeList,
            Action::Delete => Self::Delete,
            Action::Increment(_) => Self::Increment,
        }
    }

    fn has_value(self) -> bool {
        !matches!(self, Self::Null | Self::MakeMap | Self::MakeList | Self::Delete)
    }
}

/// One operation of a shape, with the columns that hold what it lacks.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) object: ObjectForm,
    pub(super) key: KeyForm,
    pub(super) insert: bool,
    pub(super) sort: Sort,
    /// Own operations by how far back they are; the ids of others are in a column.
    pub(super) predecessors: Vec<Option<usize>>,
    pub(super) object_at: Option<usize>,
    pub(super) key_at: Option<usize>,
    pub(super) value_at: Option<usize>,
    pub(super) predecessors_at: Option<usize>,
}

/// A shape.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// The eleventh byte of the document's id.
    pub(super) kind: u8,
    pub(super) forms: Vec<Form>,
    /// Operations and predecessors.
    pub(super) parts: usize,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Ids of objects.
    Objects,
    /// Ids of list elements.
    Elements,
    /// Ids of predecessors.
    Predecessors,
    /// Keys of maps.
    Keys,
    /// Values.
    Values(Sort),
}

/// In which map or list an operation writes, as far as its change shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Root,
    /// In one that another change made.
    Outside,
    /// In one that stands at a key of this number.
    Under(u16),
    /// In one that stands at another key, or in a list.
    UnderText,
}

/// The key of a column: none, a known one, or any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    List,
    Text,
    Known(u16),
}

/// What tells one column of values from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) kind: u8,
    pub(super) place: Place,
    pub(super) at: At,
    pub(super) holds: Holds,
}

impl Column {
    /// Everything of it in one number, which is found quicker than its parts: 8, 24, 24 and 8 bits, of which a key
    /// has 16.
    fn number(self) -> u64 {
        let place = match self.place {
            Place::Root => 0,
            Place::Outside => 1,
            Place::UnderText => 2,
            Place::Under(key) => 3 + u64::from(key),
        };
        let at = match self.at {
            At::List => 0,
            At::Text => 1,
            At::Known(key) => 2 + u64::from(key),
        };
        let holds = match self.holds {
            Holds::Objects => 0,
            Holds::Elements => 1,
            Holds::Predecessors => 2,
            Holds::Keys => 3,
            Holds::Values(sort) => 4 + sort as u64,
        };
        u64::from(self.kind) << 56 | place << 32 | at << 8 | holds
    }
}

/// All columns, in the order in which the shapes first need them.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) all: Vec<Column>,
    numbers: BTreeMap<u64, usize>,
}

impl Columns {
    fn number(&mut self, column: Column) -> usize {
        *self.numbers.entry(column.number()).or_insert_with(|| {
            self.all.push(column);
            self.all.len() - 1
        })
    }
}

/// Whether `id` is an operation of `change` before the one at `index`; how far back it is.
fn back(change: &Change, index: usize, id: &OperationId) -> Option<usize> {
    let own = usize::try_from(id.counter.checked_sub(change.first_operation)?).ok()?;
    (id.actor == change.actor && own < index).then(|| index - own)
}

/// Writes the shape of a change of a document of this kind.
pub(super) fn put_shape(out: &mut Vec<u8>, kind: u8, change: &Change) {
    out.push(kind);
    put_varint(out, change.operations.len() as u64);
    for (index, operation) in change.operations.iter().enumerate() {
        let object = match &operation.object {
            Object::Root => 0,
            Object::Made(id) => back(change, index, id).map_or(1, |back| 1 + back as u64),
        };
        let key = match &operation.key {
            Key::Head => 0,
            Key::Element(id) => back(change, index, id).map_or(1, |back| 2 + 2 * back as u64),
            Key::Map(key) => key_number(key).map_or(2, |number| 3 + 2 * u64::from(number)),
        };
        put_varint(out, object);
        put_varint(out, key);
        let mut action = Sort::of(&operation.action) as u8;
        action |= if operation.insert { INSERTS } else { 0 };
        action |= if operation.predecessors.is_empty() { 0 } else { HAS_PREDECESSORS };
        out.push(action);
        if !operation.predecessors.is_empty() {
            put_varint(out, operation.predecessors.len() as u64);
            for id in &operation.predecessors {
                put_varint(out, back(change, index, id).unwrap_or(0) as u64);
            }
        }
    }
}

/// Reads a shape and finds its columns.
///
/// # Errors
/// The bytes hold none, or it is over the limit of a change.
pub(super) fn shape(reader: &mut Reader<'_>, columns: &mut Columns) -> Result<Shape, PackError> {
    let kind = reader.byte()?;
    let count = reader.count(OPERATIONS_MAX)?;
    let mut shape = Shape { kind, forms: Vec::with_capacity(count), parts: count };
    for index in 0..count {
        let mut form = form(reader, index)?;
        shape.parts += form.predecessors.len();
        let place = match form.object {
            ObjectForm::Root => Place::Root,
            ObjectForm::Outside => Place::Outside,
            ObjectForm::Own(back) => match shape.forms[index - back].key {
                KeyForm::Known(number) => Place::Under(number),
                KeyForm::Head | KeyForm::Outside | KeyForm::Text | KeyForm::Own(_) => Place::UnderText,
            },
        };
        let at = match form.key {
            KeyForm::Known(number) => At::Known(number),
            KeyForm::Text => At::Text,
            KeyForm::Head | KeyForm::Outside | KeyForm::Own(_) => At::List,
        };
        let mut column = |holds| Some(columns.number(Column { kind, place, at, holds }));
        if form.object == ObjectForm::Outside {
            form.object_at = column(Holds::Objects);
        }
        form.key_at = match form.key {
            KeyForm::Text => column(Holds::Keys),
            KeyForm::Outside => column(Holds::Elements),
            KeyForm::Head | KeyForm::Known(_) | KeyForm::Own(_) => None,
        };
        if form.sort.has_value() {
            form.value_at = column(Holds::Values(form.sort));
        }
        if form.predecessors.contains(&None) {
            form.predecessors_at = column(Holds::Predecessors);
        }
        shape.forms.push(form);
    }
    Ok(shape)
}

fn form(reader: &mut Reader<'_>, index: usize) -> Result<Form, PackError> {
    let object = match reader.count(index + 1)? {
        0 => ObjectForm::Root,
        1 => ObjectForm::Outside,
        back => ObjectForm::Own(back - 1),
    };
    let key = match reader.varint()? {
        0 => KeyForm::Head,
        1 => KeyForm::Outside,
        2 => KeyForm::Text,
        known if known % 2 == 1 && known / 2 <= KEYS.len() as u64 => KeyForm::Known((known / 2 - 1) as u16),
        own if own % 2 == 0 && own / 2 - 1 <= index as u64 => KeyForm::Own((own / 2 - 1) as usize),
        _ => return Err(PackError::Shape),
    };
    let action = reader.byte()?;
    let sort = *SORTS.get(usize::from(action & SORT_BITS)).ok_or(PackError::Shape)?;
    let count = if action & HAS_PREDECESSORS == 0 { 0 } else { reader.count(PREDECESSORS_MAX)? };
    let predecessors = (0..count)
        .map(|_| Ok(Some(reader.count(index)?).filter(|back| *back > 0)))
        .collect::<Result<_, PackError>>()?;
    Ok(Form {
        object,
        key,
        insert: action & INSERTS != 0,
        sort,
        predecessors,
        object_at: None,
        key_at: None,
        value_at: None,
        predecessors_at: None,
    })
}
