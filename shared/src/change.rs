//! A change as operations: the form in which changes travel, are judged and are stored.
//!
//! This form can say less than automerge's: no marks, no text objects, no unknown values, actors
//! of 16 bytes only. What cannot be said here cannot reach automerge. `document::build` turns a
//! change into automerge's own form and its hash.

use minicbor::{Decode, Encode};

pub use crate::id::{ActorId, ChangeHash};
use crate::time::Timestamp;

/// Operations that one change may hold.
pub const OPERATIONS_MAX: usize = 2_000;
/// Parents that one change may name.
pub const PARENTS_MAX: usize = 64;
/// Predecessors that one operation may name.
pub const PREDECESSORS_MAX: usize = 64;
/// Predecessors that all operations of one change may name together.
pub const PREDECESSORS_TOTAL_MAX: usize = 2_048;
/// The highest operation counter, so that no replica reaches automerge's ceiling.
pub const COUNTER_MAX: u64 = 1 << 31;

/// The name of an operation: its counter in the document, and who made it. Ordered as automerge
/// orders concurrent values: the highest wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode)]
pub struct OperationId {
    /// Position in the document's history, from 1.
    #[n(0)]
    pub counter: u64,
    /// The writer.
    #[n(1)]
    pub actor: ActorId,
}

/// The object that an operation changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode)]
pub enum Object {
    /// The document's root map.
    #[n(0)]
    Root,
    /// The map or list that this operation made.
    #[n(1)]
    Made(#[n(0)] OperationId),
}

/// The place in the object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode)]
pub enum Key {
    /// A key of a map.
    #[n(0)]
    Map(#[n(0)] String),
    /// Before the first element of a list.
    #[n(1)]
    Head,
    /// The element of a list that this operation inserted.
    #[n(2)]
    Element(#[n(0)] OperationId),
}

/// A value without parts.
#[derive(Clone, PartialEq, Debug, Encode, Decode)]
pub enum Scalar {
    /// Nothing.
    #[n(0)]
    Null,
    /// Yes or no.
    #[n(1)]
    Boolean(#[n(0)] bool),
    /// A signed number.
    #[n(2)]
    Int(#[n(0)] i64),
    /// An unsigned number.
    #[n(3)]
    Uint(#[n(0)] u64),
    /// A floating-point number.
    #[n(4)]
    F64(#[n(0)] f64),
    /// A text that is replaced as a whole.
    #[n(5)]
    Str(#[n(0)] String),
    /// Bytes.
    #[n(6)]
    Bytes(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// A moment.
    #[n(7)]
    Timestamp(#[n(0)] Timestamp),
    /// A number that increments add to.
    #[n(8)]
    Counter(#[n(0)] i64),
}

/// What an operation does at its place.
#[derive(Clone, PartialEq, Debug, Encode, Decode)]
pub enum Action {
    /// Sets a value.
    #[n(0)]
    Put(#[n(0)] Scalar),
    /// Makes a map there.
    #[n(1)]
    MakeMap,
    /// Makes a list there.
    #[n(2)]
    MakeList,
    /// Removes what its predecessors set.
    #[n(3)]
    Delete,
    /// Adds to a counter.
    #[n(4)]
    Increment(#[n(0)] i64),
}

/// One operation. Its id is the change's first operation plus its index, by the change's actor.
#[derive(Clone, PartialEq, Debug, Encode, Decode)]
pub struct Operation {
    /// Where.
    #[n(0)]
    pub object: Object,
    /// At which key or element.
    #[n(1)]
    pub key: Key,
    /// Whether a new list element is made behind `key`.
    #[n(2)]
    pub insert: bool,
    /// What.
    #[n(3)]
    pub action: Action,
    /// The operations whose effect this one replaces, ascending.
    #[n(4)]
    pub predecessors: Vec<OperationId>,
}

/// One writer's edit of one document: what a save makes.
#[derive(Clone, PartialEq, Debug, Encode, Decode)]
pub struct Change {
    /// The writer.
    #[n(0)]
    pub actor: ActorId,
    /// The writer's running number in this document, from 1.
    #[n(1)]
    pub sequence: u64,
    /// Counter of the first operation.
    #[n(2)]
    pub first_operation: u64,
    /// The writer's claim of when.
    #[n(3)]
    pub time: Timestamp,
    /// The schema that the writer followed; travels as automerge's change message.
    #[n(4)]
    pub schema: u32,
    /// The changes that the writer had seen last, ascending.
    #[n(5)]
    pub parents: Vec<ChangeHash>,
    /// The operations, in order.
    #[n(6)]
    pub operations: Vec<Operation>,
}

impl Change {
    /// The id of the operation at `index`.
    pub fn operation_id(&self, index: usize) -> OperationId {
        OperationId { counter: self.first_operation.saturating_add(index as u64), actor: self.actor }
    }

    /// Counter of the last operation; one less than the first of a change without any.
    pub fn last_operation(&self) -> u64 {
        self.first_operation.saturating_add(self.operations.len() as u64).saturating_sub(1)
    }
}
