//! Between our form of a change and automerge's.
//!
//! **Invariant:** automerge's parsers never see bytes from another machine: a change enters only
//! through [`build`], from operations. automerge panics on some inputs that it should refuse, so
//! each entry is guarded; a panic is an error here.

use std::{
    num::NonZeroU64,
    panic::{AssertUnwindSafe, catch_unwind},
};

use automerge::{ExpandedChange, ObjType, ScalarValue, legacy};

use crate::{
    change::{Action, Change, Key, Object, Operation, OperationId, Scalar},
    id::{ActorId, ChangeHash},
    time::Timestamp,
};

/// Why a change cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Operations are counted from 1.
    #[error("the first operation is numbered 0")]
    FirstOperation,
    /// Two orders of the same list would give one hash to two changes.
    #[error("parents are not strictly ascending")]
    ParentOrder,
    /// As with parents.
    #[error("predecessors of operation {index} are not strictly ascending")]
    PredecessorOrder {
        /// The operation's index in the change.
        index: usize,
    },
    /// automerge broke down on it.
    #[error("automerge cannot build the change")]
    Panicked,
}

/// Whether a change is written in the one order in which it has its name; counter of its first operation.
pub(super) fn canonical(change: &Change) -> Result<NonZeroU64, BuildError> {
    let first = NonZeroU64::new(change.first_operation).ok_or(BuildError::FirstOperation)?;
    if !change.parents.is_sorted_by(|a, b| a < b) {
        return Err(BuildError::ParentOrder);
    }
    for (index, operation) in change.operations.iter().enumerate() {
        if !operation.predecessors.is_sorted_by(|a, b| a < b) {
            return Err(BuildError::PredecessorOrder { index });
        }
    }
    Ok(first)
}

/// Builds automerge's form of a change.
///
/// # Errors
/// The change is not in canonical order, or automerge panics on it.
pub fn build(change: &Change) -> Result<automerge::Change, BuildError> {
    let start_op = canonical(change)?;
    let expanded = ExpandedChange {
        operations: change.operations.iter().map(to_legacy).collect(),
        actor_id: actor_to(change.actor),
        hash: None,
        seq: change.sequence,
        start_op,
        time: change.time.0,
        message: Some(change.schema.to_string()),
        deps: change.parents.iter().map(|parent| automerge::ChangeHash(parent.0)).collect(),
        extra_bytes: Vec::new(),
        author: None,
    };
    guarded(move || automerge::Change::from(expanded)).ok_or(BuildError::Panicked)
}

/// Why an automerge change cannot be said in our form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Actors have 16 bytes.
    #[error("an actor does not have 16 bytes")]
    Actor,
    /// The message is the schema's number.
    #[error("the message is not the number of a schema")]
    Message,
    /// Something rides along.
    #[error("the change carries an author or extra bytes")]
    Extra,
    /// A text object, table, mark or unknown value.
    #[error("operation {index} is of a sort that documents do not use")]
    Operation {
        /// The operation's index in the change.
        index: usize,
    },
    /// automerge broke down on it.
    #[error("automerge cannot decode the change")]
    Panicked,
}

/// Our form of a change that automerge made on this machine.
///
/// # Errors
/// The change says what [`Change`] cannot.
pub fn of_automerge(change: &automerge::Change) -> Result<(ChangeHash, Change), DecodeError> {
    let expanded = guarded(|| change.decode()).ok_or(DecodeError::Panicked)?;
    if change.author().is_some() || !expanded.extra_bytes.is_empty() {
        return Err(DecodeError::Extra);
    }
    let message = expanded.message.as_deref().unwrap_or_default();
    let schema: u32 = message.parse().map_err(|_| DecodeError::Message)?;
    if schema.to_string() != message {
        return Err(DecodeError::Message);
    }
    let mut parents: Vec<_> = expanded.deps.iter().map(|parent| ChangeHash(parent.0)).collect();
    parents.sort_unstable();
    let operations = expanded
        .operations
        .into_iter()
        .enumerate()
        .map(|(index, operation)| of_legacy(operation).map_err(|wrong| wrong.at(index)))
        .collect::<Result<_, _>>()?;
    let ours = Change {
        actor: actor_of(&expanded.actor_id)?,
        sequence: expanded.seq,
        first_operation: expanded.start_op.get(),
        time: Timestamp(expanded.time),
        schema,
        parents,
        operations,
    };
    Ok((ChangeHash(change.hash().0), ours))
}

/// Runs what may panic within automerge; `None` if it did.
pub(super) fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

pub(super) fn actor_to(actor: ActorId) -> automerge::ActorId {
    automerge::ActorId::from(actor.0)
}

fn actor_of(actor: &automerge::ActorId) -> Result<ActorId, DecodeError> {
    actor.to_bytes().try_into().map_err(|_| DecodeError::Actor)
}

pub(super) fn scalar_to(scalar: &Scalar) -> ScalarValue {
    match scalar {
        Scalar::Null => ScalarValue::Null,
        Scalar::Boolean(value) => ScalarValue::Boolean(*value),
        Scalar::Int(value) => ScalarValue::Int(*value),
        Scalar::Uint(value) => ScalarValue::Uint(*value),
        Scalar::F64(value) => ScalarValue::F64(*value),
        Scalar::Str(value) => ScalarValue::from(value.as_str()),
        Scalar::Bytes(value) => ScalarValue::Bytes(value.clone()),
        Scalar::Timestamp(value) => ScalarValue::Timestamp(value.0),
        Scalar::Counter(value) => ScalarValue::counter(*value),
    }
}

fn scalar_of(scalar: ScalarValue) -> Option<Scalar> {
    Some(match scalar {
        ScalarValue::Null => Scalar::Null,
        ScalarValue::Boolean(value) => Scalar::Boolean(value),
        ScalarValue::Int(value) => Scalar::Int(value),
        ScalarValue::Uint(value) => Scalar::Uint(value),
        ScalarValue::F64(value) => Scalar::F64(value),
        ScalarValue::Str(value) => Scalar::Str(value.to_string()),
        ScalarValue::Bytes(value) => Scalar::Bytes(value),
        ScalarValue::Timestamp(value) => Scalar::Timestamp(Timestamp(value)),
        ScalarValue::Counter(value) => Scalar::Counter(i64::from(&value)),
        ScalarValue::Unknown { .. } => return None,
    })
}

fn id_to(id: OperationId) -> legacy::OpId {
    legacy::OpId(id.counter, actor_to(id.actor))
}

fn to_legacy(operation: &Operation) -> legacy::Op {
    legacy::Op {
        action: match &operation.action {
            Action::Put(scalar) => legacy::OpType::Put(scalar_to(scalar)),
            Action::MakeMap => legacy::OpType::Make(ObjType::Map),
            Action::MakeList => legacy::OpType::Make(ObjType::List),
            Action::Delete => legacy::OpType::Delete,
            Action::Increment(by) => legacy::OpType::Increment(*by),
        },
        obj: match operation.object {
            Object::Root => legacy::ObjectId::Root,
            Object::Made(id) => legacy::ObjectId::Id(id_to(id)),
        },
        key: match &operation.key {
            Key::Map(key) => legacy::Key::from(key.as_str()),
            Key::Head => legacy::Key::head(),
            Key::Element(id) => legacy::Key::from(id_to(*id)),
        },
        pred: operation.predecessors.iter().map(|id| id_to(*id)).collect(),
        insert: operation.insert,
    }
}

/// What of one operation cannot be said.
enum Unsayable {
    Actor,
    Sort,
}

impl Unsayable {
    fn at(self, index: usize) -> DecodeError {
        match self {
            Self::Actor => DecodeError::Actor,
            Self::Sort => DecodeError::Operation { index },
        }
    }
}

fn id_of(id: &legacy::OpId) -> Result<OperationId, Unsayable> {
    let actor = actor_of(id.actor()).map_err(|_| Unsayable::Actor)?;
    Ok(OperationId { counter: id.counter(), actor })
}

fn of_legacy(operation: legacy::Op) -> Result<Operation, Unsayable> {
    Ok(Operation {
        object: match &operation.obj {
            legacy::ObjectId::Root => Object::Root,
            legacy::ObjectId::Id(id) => Object::Made(id_of(id)?),
        },
        key: match &operation.key {
            legacy::Key::Map(key) => Key::Map(key.to_string()),
            legacy::Key::Seq(legacy::ElementId::Head) => Key::Head,
            legacy::Key::Seq(legacy::ElementId::Id(id)) => Key::Element(id_of(id)?),
        },
        insert: operation.insert,
        predecessors: operation.pred.iter().map(id_of).collect::<Result<_, _>>()?,
        action: match operation.action {
            legacy::OpType::Put(scalar) => Action::Put(scalar_of(scalar).ok_or(Unsayable::Sort)?),
            legacy::OpType::Make(ObjType::Map) => Action::MakeMap,
            legacy::OpType::Make(ObjType::List) => Action::MakeList,
            legacy::OpType::Delete => Action::Delete,
            legacy::OpType::Increment(by) => Action::Increment(by),
            legacy::OpType::Make(ObjType::Text | ObjType::Table)
            | legacy::OpType::MarkBegin(_)
            | legacy::OpType::MarkEnd(_) => return Err(Unsayable::Sort),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::hash;

    fn change(operations: Vec<Operation>) -> Change {
        Change {
            actor: ActorId([7; 16]),
            sequence: 1,
            first_operation: 1,
            time: Timestamp(1_795_000_000_123),
            schema: 1,
            parents: Vec::new(),
            operations,
        }
    }

    fn put(key: &str, scalar: Scalar) -> Operation {
        Operation {
            object: Object::Root,
            key: Key::Map(key.to_owned()),
            insert: false,
            action: Action::Put(scalar),
            predecessors: Vec::new(),
        }
    }

    #[test]
    fn every_scalar_survives_both_ways() {
        let scalars = [
            Scalar::Null,
            Scalar::Boolean(true),
            Scalar::Int(-3),
            Scalar::Uint(3),
            Scalar::F64(1.5),
            Scalar::Str("O'a Mate".to_owned()),
            Scalar::Bytes(vec![0, 255]),
            Scalar::Timestamp(Timestamp(12)),
            Scalar::Counter(4),
        ];
        let ours = change(
            scalars.into_iter().enumerate().map(|(index, scalar)| put(&index.to_string(), scalar)).collect(),
        );
        let built = build(&ours).expect("canonical");
        let (hash_of_built, back) = of_automerge(&built).expect("made from ours");
        assert_eq!(back, ours);
        assert_eq!(hash(&ours), Ok(hash_of_built));
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        let mut wrong = change(Vec::new());
        wrong.first_operation = 0;
        assert_eq!(build(&wrong).unwrap_err(), BuildError::FirstOperation);
        let mut wrong = change(Vec::new());
        wrong.parents = vec![ChangeHash([2; 32]), ChangeHash([1; 32])];
        assert_eq!(build(&wrong).unwrap_err(), BuildError::ParentOrder);
        let id = OperationId { counter: 1, actor: ActorId([7; 16]) };
        let mut operation = put("name", Scalar::Null);
        operation.predecessors = vec![id, id];
        assert_eq!(build(&change(vec![operation])).unwrap_err(), BuildError::PredecessorOrder { index: 0 });
    }
}
