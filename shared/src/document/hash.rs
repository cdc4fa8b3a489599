//! The name of a change: SHA-256 over the chunk that automerge writes for it, computed from our form alone.
//!
//! Every change that comes in or is rebuilt is named, and to have automerge build it for that alone would cost
//! more than its name. **Invariant:** the name is the one that automerge gives to what `document::build` makes of
//! the change; tests compare the two. The layout is
//! <https://automerge.org/automerge-binary-format-spec/#_change_chunks>.

use ring::digest::{Context, SHA256};

use super::build::{BuildError, canonical};
use crate::{
    change::{Action, Change, Key, Object, OperationId, Scalar},
    id::{ActorId, ChangeHash},
};

/// The type of a chunk that holds a change.
const CHANGE_CHUNK: u8 = 1;

/// Columns by their specification: an id in the upper bits, a type in the lower four.
const OBJECT_ACTOR: u8 = 0x01;
const OBJECT_COUNTER: u8 = 0x02;
const KEY_ACTOR: u8 = 0x11;
const KEY_COUNTER: u8 = 0x13;
const KEY_TEXT: u8 = 0x15;
const INSERT: u8 = 0x34;
const ACTION: u8 = 0x42;
const VALUE_META: u8 = 0x56;
const VALUE: u8 = 0x57;
const PREDECESSOR_GROUP: u8 = 0x70;
const PREDECESSOR_ACTOR: u8 = 0x71;
const PREDECESSOR_COUNTER: u8 = 0x73;

/// Bytes that what stands before the columns mostly has, and that the columns have for each operation.
const START_BYTES: usize = 128;
const OPERATION_BYTES: usize = 32;

/// The name of a change.
///
/// # Errors
/// The change is not in canonical order.
pub fn hash(change: &Change) -> Result<ChangeHash, BuildError> {
    canonical(change)?;
    let others = others(change);
    let columns = Columns::of(change, &others);
    let start = start(change, &others, &columns.sizes);
    let mut head = vec![CHANGE_CHUNK];
    put_unsigned(&mut head, (start.len() + columns.bytes.len()) as u64);
    let mut context = Context::new(&SHA256);
    context.update(&head);
    context.update(&start);
    context.update(&columns.bytes);
    let digest = context.finish();
    Ok(ChangeHash(*digest.as_ref().first_chunk().expect("SHA-256 has 32 bytes")))
}

/// What stands in a change's chunk before the bytes of its columns.
fn start(change: &Change, others: &[ActorId], sizes: &[(u8, usize)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(START_BYTES + 32 * change.parents.len());
    put_unsigned(&mut out, change.parents.len() as u64);
    for parent in &change.parents {
        out.extend_from_slice(&parent.0);
    }
    put_bytes(&mut out, &change.actor.0);
    put_unsigned(&mut out, change.sequence);
    put_unsigned(&mut out, change.first_operation);
    put_signed(&mut out, change.time.0);
    put_bytes(&mut out, change.schema.to_string().as_bytes());
    put_unsigned(&mut out, others.len() as u64);
    for other in others {
        put_bytes(&mut out, &other.0);
    }
    put_unsigned(&mut out, sizes.len() as u64);
    for (column, size) in sizes {
        put_unsigned(&mut out, u64::from(*column));
        put_unsigned(&mut out, *size as u64);
    }
    out
}

/// The actors that a change names beside its own, ascending.
fn others(change: &Change) -> Vec<ActorId> {
    let mut others = Vec::new();
    let mut add = |id: &OperationId| {
        if id.actor != change.actor && others.last() != Some(&id.actor) {
            others.push(id.actor);
        }
    };
    for operation in &change.operations {
        if let Object::Made(id) = &operation.object {
            add(id);
        }
        if let Key::Element(id) = &operation.key {
            add(id);
        }
        operation.predecessors.iter().for_each(&mut add);
    }
    others.sort_unstable();
    others.dedup();
    others
}

/// The columns of a change's operations; empty ones are left out.
struct Columns {
    /// Specification and length of each.
    sizes: Vec<(u8, usize)>,
    bytes: Vec<u8>,
}

impl Columns {
    fn of(change: &Change, others: &[ActorId]) -> Self {
        let number = |actor: ActorId| match others.binary_search(&actor) {
            _ if actor == change.actor => 0,
            Ok(place) | Err(place) => place as u64 + 1,
        };
        let operations = &change.operations;
        let objects = || {
            operations.iter().map(|operation| match operation.object {
                Object::Root => None,
                Object::Made(id) => Some(id),
            })
        };
        let bytes = Vec::with_capacity(OPERATION_BYTES * operations.len());
        let mut columns = Self { sizes: Vec::with_capacity(16), bytes };
        columns.unsigned(OBJECT_ACTOR, objects().map(|id| id.map(|id| number(id.actor))));
        columns.unsigned(OBJECT_COUNTER, objects().map(|id| id.map(|id| id.counter)));
        let elements = operations.iter().map(|operation| match operation.key {
            Key::Map(_) | Key::Head => None,
            Key::Element(id) => Some(number(id.actor)),
        });
        columns.unsigned(KEY_ACTOR, elements);
        let counters = operations.iter().map(|operation| match operation.key {
            Key::Map(_) => None,
            Key::Head => Some(0),
            Key::Element(id) => Some(id.counter as i64),
        });
        columns.differences(KEY_COUNTER, counters);
        let texts = operations.iter().map(|operation| match &operation.key {
            Key::Map(key) => Some(key.as_str()),
            Key::Head | Key::Element(_) => None,
        });
        columns.runs(KEY_TEXT, texts, |out, text| put_bytes(out, text.as_bytes()));
        columns.column(INSERT, |out| put_booleans(out, operations.iter().map(|operation| operation.insert)));
        columns.unsigned(ACTION, operations.iter().map(|operation| Some(action(&operation.action))));
        columns.values(change);
        let groups = operations.iter().map(|operation| Some(operation.predecessors.len() as u64));
        columns.unsigned(PREDECESSOR_GROUP, groups);
        let predecessors = || operations.iter().flat_map(|operation| &operation.predecessors);
        columns.unsigned(PREDECESSOR_ACTOR, predecessors().map(|id| Some(number(id.actor))));
        columns.differences(PREDECESSOR_COUNTER, predecessors().map(|id| Some(id.counter as i64)));
        columns
    }

    fn column(&mut self, column: u8, put: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        put(&mut self.bytes);
        let size = self.bytes.len() - start;
        if size > 0 {
            self.sizes.push((column, size));
        }
    }

    fn unsigned(&mut self, column: u8, values: impl Iterator<Item = Option<u64>> + Clone) {
        self.runs(column, values, put_unsigned);
    }

    /// Numbers as differences from the one before.
    fn differences(&mut self, column: u8, values: impl Iterator<Item = Option<i64>> + Clone) {
        let mut before = 0_i64;
        let differences = values.map(move |value| {
            value.map(|value| {
                let difference = value.saturating_sub(before);
                before = value;
                difference
            })
        });
        self.runs(column, differences, put_signed);
    }

    /// Values in runs: of equal ones, of ones that differ from their neighbours, of none. A column of nothing but
    /// none is empty.
    fn runs<T: Copy + PartialEq>(
        &mut self,
        column: u8,
        values: impl Iterator<Item = Option<T>> + Clone,
        put: impl Fn(&mut Vec<u8>, T),
    ) {
        if values.clone().all(|value| value.is_none()) {
            return;
        }
        self.column(column, |out| {
            let mut open = values;
            while let Some(first) = open.clone().next() {
                let equal = open.clone().take_while(|value| *value == first).count();
                let taken = match first {
                    None => {
                        put_signed(out, 0);
                        put_unsigned(out, equal as u64);
                        equal
                    }
                    Some(value) if equal > 1 => {
                        put_signed(out, equal as i64);
                        put(out, value);
                        equal
                    }
                    Some(_) => {
                        let differing = differing(open.clone());
                        put_signed(out, -(differing as i64));
                        open.clone().take(differing).flatten().for_each(|value| put(out, value));
                        differing
                    }
                };
                open.nth(taken - 1);
            }
        });
    }

    fn values(&mut self, change: &Change) {
        let count = change.operations.len();
        let (mut raw, mut metas) = (Vec::with_capacity(OPERATION_BYTES * count), Vec::with_capacity(count));
        for operation in &change.operations {
            let start = raw.len();
            let sort = match &operation.action {
                Action::Put(scalar) => put_scalar(&mut raw, scalar),
                Action::Increment(by) => put_scalar(&mut raw, &Scalar::Int(*by)),
                Action::MakeMap | Action::MakeList | Action::Delete => put_scalar(&mut raw, &Scalar::Null),
            };
            metas.push(Some((((raw.len() - start) as u64) << 4) | sort));
        }
        self.unsigned(VALUE_META, metas.iter().copied());
        self.column(VALUE, |out| out.extend_from_slice(&raw));
    }
}

/// How many values from the first on differ each from the next, up to where a run or nothing begins.
fn differing<T: PartialEq>(values: impl Iterator<Item = Option<T>> + Clone) -> usize {
    let next = values.clone().skip(1).map(Some).chain([None]);
    values.zip(next).take_while(|(value, next)| value.is_some() && Some(value) != next.as_ref()).count()
}

fn action(action: &Action) -> u64 {
    match action {
        Action::MakeMap => 0,
        Action::Put(_) => 1,
        Action::MakeList => 2,
        Action::Delete => 3,
        Action::Increment(_) => 5,
    }
}

/// Writes a value and returns the number of its sort.
fn put_scalar(out: &mut Vec<u8>, scalar: &Scalar) -> u64 {
    match scalar {
        Scalar::Null => 0,
        Scalar::Boolean(false) => 1,
        Scalar::Boolean(true) => 2,
        Scalar::Uint(value) => {
            put_unsigned(out, *value);
            3
        }
        Scalar::Int(value) => {
            put_signed(out, *value);
            4
        }
        Scalar::F64(value) => {
            out.extend_from_slice(&value.to_le_bytes());
            5
        }
        Scalar::Str(value) => {
            out.extend_from_slice(value.as_bytes());
            6
        }
        Scalar::Bytes(value) => {
            out.extend_from_slice(value);
            7
        }
        Scalar::Counter(value) => {
            put_signed(out, *value);
            8
        }
        Scalar::Timestamp(value) => {
            put_signed(out, value.0);
            9
        }
    }
}

/// Booleans as lengths of runs, the first of false ones.
fn put_booleans(out: &mut Vec<u8>, values: impl Iterator<Item = bool>) {
    let (mut last, mut count) = (false, 0);
    for value in values {
        if value != last {
            put_unsigned(out, count);
            (last, count) = (value, 0);
        }
        count += 1;
    }
    if count > 0 {
        put_unsigned(out, count);
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_unsigned(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// LEB128.
fn put_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Signed LEB128.
fn put_signed(out: &mut Vec<u8>, mut value: i64) {
    while !(-0x40..0x40).contains(&value) {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8 & 0x7f);
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;
    use crate::{change::Operation, document::build, time::Timestamp};

    fn id() -> impl Strategy<Value = OperationId> {
        (1..200_u64, 0..4_u8)
            .prop_map(|(counter, actor)| OperationId { counter, actor: ActorId([actor; 16]) })
    }

    fn scalar() -> impl Strategy<Value = Scalar> {
        prop_oneof![
            Just(Scalar::Null),
            any::<bool>().prop_map(Scalar::Boolean),
            any::<i64>().prop_map(Scalar::Int),
            (-70..70_i64).prop_map(Scalar::Int),
            any::<u64>().prop_map(Scalar::Uint),
            any::<f64>().prop_map(Scalar::F64),
            ".{0,40}".prop_map(Scalar::Str),
            vec(any::<u8>(), 0..200).prop_map(Scalar::Bytes),
            any::<i64>().prop_map(|value| Scalar::Timestamp(Timestamp(value))),
            any::<i64>().prop_map(Scalar::Counter),
        ]
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let key = prop_oneof![
            4 => "[ab]{0,2}".prop_map(Key::Map),
            1 => ".{0,30}".prop_map(Key::Map),
            1 => Just(Key::Head),
            2 => id().prop_map(Key::Element),
        ];
        let action = prop_oneof![
            6 => scalar().prop_map(Action::Put),
            1 => Just(Action::MakeMap),
            1 => Just(Action::MakeList),
            1 => Just(Action::Delete),
            1 => any::<i64>().prop_map(Action::Increment),
        ];
        (option::of(id()), key, any::<bool>(), action, vec(id(), 0..4)).prop_map(
            |(object, key, insert, action, mut predecessors)| {
                predecessors.sort_unstable();
                predecessors.dedup();
                let object = object.map_or(Object::Root, Object::Made);
                Operation { object, key, insert, action, predecessors }
            },
        )
    }

    proptest! {
        #[test]
        fn a_name_is_the_one_that_automerge_gives(
            actor in 0..4_u8,
            (sequence, first_operation) in (any::<u64>(), 1..u64::MAX),
            (time, schema) in (any::<i64>(), any::<u32>()),
            mut parents in vec(any::<[u8; 32]>().prop_map(ChangeHash), 0..4),
            operations in vec(operation(), 0..40),
            again in 0..3_usize,
        ) {
            parents.sort_unstable();
            // Runs of equal operations.
            let operations = operations.into_iter().flat_map(|operation| vec![operation; again + 1]).collect();
            let time = Timestamp(time);
            let actor = ActorId([actor; 16]);
            let change = Change { actor, sequence, first_operation, time, schema, parents, operations };
            let built = build(&change).expect("it is in canonical order");
            prop_assert_eq!(hash(&change), Ok(ChangeHash(built.hash().0)));
        }
    }
}
