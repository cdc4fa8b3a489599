//! Why a change is refused: for the quarantine, for its author and for the people who look into it.

use minicbor::{Decode, Encode};

use crate::{
    change::{ActorId, ChangeHash},
    document::authority::Breach,
    id::DeviceId,
    store::devices::Standing,
    time::Timestamp,
};

/// Why a change is refused, for good. Operations are counted from 0 within the change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The document's id names no kind that this schema knows.
    #[error("the document is neither a case nor a person nor a visit")]
    UnknownKind,
    /// No writer writes this schema.
    #[error("no schema has the number {found}")]
    SchemaNumber {
        /// The number.
        found: u32,
    },
    /// The actor is not the device's.
    #[error("writer {actor} is not one that device {device} has claimed")]
    ForeignActor {
        /// The writer named.
        actor: ActorId,
        /// The device that sent it.
        device: DeviceId,
    },
    /// Rule 1.
    #[error(transparent)]
    Limit(#[from] Limit),
    /// Rule 2.
    #[error("its parents are not in strictly ascending order")]
    Parents,
    /// Around rule 2: the document was begun by somebody whom its id does not name.
    #[error("it begins a document that only writer {expected}... can begin, or does not name its number")]
    Origin {
        /// The first ten bytes of the one who may.
        expected: String,
    },
    /// Rule 3.
    #[error("it is its writer's change number {found} where number {expected} comes next")]
    Sequence {
        /// The number found.
        found: u64,
        /// The number that comes next after all that the change had seen.
        expected: u64,
    },
    /// Rule 4.
    #[error("its first operation is {found} where {expected} comes next")]
    FirstOperation {
        /// The counter found.
        found: u64,
        /// The counter that comes next after all that the change had seen.
        expected: u64,
    },
    /// Rule 4.
    #[error("its last operation is {found}, above the ceiling of {max}")]
    LastOperation {
        /// The counter found.
        found: u64,
        /// The highest allowed.
        max: u64,
    },
    /// Rule 5.
    #[error("its time {} is not between 1970 and 2^53 milliseconds later", found.0)]
    Time {
        /// The claim.
        found: Timestamp,
    },
    /// Rule 6.
    #[error("operation {operation} writes `{key}`, which this kind of document has not")]
    SchemaKey {
        /// Which operation.
        operation: usize,
        /// The key, from the root.
        key: String,
    },
    /// Rule 6.
    #[error("operation {operation} does to `{key}` what cannot be done there")]
    SchemaAction {
        /// Which operation.
        operation: usize,
        /// The key, from the root.
        key: String,
    },
    /// Rule 6.
    #[error("operation {operation} puts a value in `{key}` that is of the wrong type, too large or too long")]
    SchemaValue {
        /// Which operation.
        operation: usize,
        /// The key, from the root.
        key: String,
    },
    /// Rule 7.
    #[error("operation {operation} writes in something that is not a map or list made before it")]
    Object {
        /// Which operation.
        operation: usize,
    },
    /// Rule 8.
    #[error("operation {operation} names an element that its list had not")]
    Element {
        /// Which operation.
        operation: usize,
    },
    /// Rule 9.
    #[error("operation {operation} inserts where or what cannot be inserted")]
    Insert {
        /// Which operation.
        operation: usize,
    },
    /// Rule 10.
    #[error("the predecessors of operation {operation} are not in strictly ascending order")]
    PredecessorOrder {
        /// Which operation.
        operation: usize,
    },
    /// Rule 10.
    #[error("a predecessor of operation {operation} is no value that stood in its place before it")]
    Predecessor {
        /// Which operation.
        operation: usize,
    },
    /// Rule 11.
    #[error("operation {operation} deletes nothing")]
    Delete {
        /// Which operation.
        operation: usize,
    },
    /// Rule 11.
    #[error("operation {operation} adds to something that is no counter")]
    Increment {
        /// Which operation.
        operation: usize,
    },
    /// Rule 12.
    #[error("rebuilt, its hash is {} where its batch announced {}", found.short(), announced.short())]
    Hash {
        /// The hash recomputed here.
        found: ChangeHash,
        /// The hash that came with it.
        announced: ChangeHash,
    },
    /// Too many writers.
    #[error("with it, more than {max} writers would have written the document")]
    Actors {
        /// The most allowed.
        max: usize,
    },
    /// Its writer gave this number to another change too.
    #[error("writer {actor} has given number {sequence} to two changes; the other is {}", other.short())]
    Equivocation {
        /// The writer.
        actor: ActorId,
        /// The number used twice.
        sequence: u64,
        /// The change that came first here.
        other: ChangeHash,
    },
    /// It builds on a change that was refused.
    #[error("it builds on change {}, which was refused", parent.short())]
    DependsOnRefused {
        /// That change.
        parent: ChangeHash,
    },
    /// The writer may not write that.
    #[error(transparent)]
    Authority(#[from] Breach),
    /// The laptop may not connect any more: a person judges what it had not handed over before.
    #[error("the laptop is {}: what it still held is for a person to judge", standing.word())]
    ShutOut {
        /// How the laptop stands.
        standing: Standing,
    },
    /// The second line, behind the rules: with this change the document could not be built or read.
    #[error("with it, the document can no longer be read")]
    Unreadable,
}

/// Which limit of rule 1 a change exceeds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Nothing is done in it.
    #[error("it does nothing")]
    Empty,
    /// Operations.
    #[error("it has {found} operations; {max} are allowed")]
    Operations {
        /// How many.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// Parents.
    #[error("it has {found} parents; {max} are allowed")]
    Parents {
        /// How many.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// Predecessors of one operation.
    #[error("operation {operation} has {found} predecessors; {max} are allowed")]
    Predecessors {
        /// Which operation.
        operation: usize,
        /// How many.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// Predecessors of all operations.
    #[error("it has more than {max} predecessors in all")]
    PredecessorsTotal {
        /// How many may be.
        max: usize,
    },
    /// The counter in a name of an operation.
    #[error("operation {operation} names operation {found}; {max} is the highest")]
    Counter {
        /// Which operation.
        operation: usize,
        /// The counter.
        found: u64,
        /// The highest allowed.
        max: u64,
    },
    /// Keys and texts.
    #[error("it has more than {max} bytes of text")]
    Text {
        /// How many bytes may be.
        max: usize,
    },
}

/// A refusal as it travels back to the author and stands in the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RefusalNote {
    /// The rule, a stable word for programs.
    #[n(0)]
    pub rule: String,
    /// What is wrong, for people.
    #[n(1)]
    pub text: String,
}

impl Refusal {
    /// The word for what a laptop brought that may not connect any more.
    pub const SHUT_OUT: &str = "shut_out";

    /// All words that [`Refusal::code`] gives.
    pub const CODES: [&str; 27] = [
        "kind",
        "schema_number",
        "foreign_actor",
        "limit",
        "parents",
        "origin",
        "sequence",
        "first_operation",
        "last_operation",
        "time",
        "schema_key",
        "schema_action",
        "schema_value",
        "object",
        "element",
        "insert",
        "predecessor_order",
        "predecessor",
        "delete",
        "increment",
        "hash",
        "actors",
        "equivocation",
        "depends_on_refused",
        "authority",
        Self::SHUT_OUT,
        "unreadable",
    ];

    /// The rule broken: a short word that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownKind => "kind",
            Self::SchemaNumber { .. } => "schema_number",
            Self::ForeignActor { .. } => "foreign_actor",
            Self::Limit(_) => "limit",
            Self::Parents => "parents",
            Self::Origin { .. } => "origin",
            Self::Sequence { .. } => "sequence",
            Self::FirstOperation { .. } => "first_operation",
            Self::LastOperation { .. } => "last_operation",
            Self::Time { .. } => "time",
            Self::SchemaKey { .. } => "schema_key",
            Self::SchemaAction { .. } => "schema_action",
            Self::SchemaValue { .. } => "schema_value",
            Self::Object { .. } => "object",
            Self::Element { .. } => "element",
            Self::Insert { .. } => "insert",
            Self::PredecessorOrder { .. } => "predecessor_order",
            Self::Predecessor { .. } => "predecessor",
            Self::Delete { .. } => "delete",
            Self::Increment { .. } => "increment",
            Self::Hash { .. } => "hash",
            Self::Actors { .. } => "actors",
            Self::Equivocation { .. } => "equivocation",
            Self::DependsOnRefused { .. } => "depends_on_refused",
            Self::Authority(_) => "authority",
            Self::ShutOut { .. } => Self::SHUT_OUT,
            Self::Unreadable => "unreadable",
        }
    }

    /// The form that travels and is stored.
    pub fn note(&self) -> RefusalNote {
        RefusalNote { rule: self.code().to_owned(), text: self.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_in_the_list() {
        let (_, code) = include_str!("refusal.rs").split_once("pub fn code").expect("it is there");
        let (code, _) = code.split_once("/// The form").expect("it ends");
        let arms: Vec<_> = code.lines().filter_map(|line| line.split_once("=> ")).collect();
        assert_eq!(arms.len(), Refusal::CODES.len());
        for ((_, given), listed) in arms.into_iter().zip(Refusal::CODES) {
            let given = given.trim_end_matches(',').trim_matches('"');
            assert!(given == listed || given == "Self::SHUT_OUT", "{given} stands where {listed} is listed");
        }
    }
}
