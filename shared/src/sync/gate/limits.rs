//! Rule 1: sizes, before anything is allocated in proportion to them.

use super::refusal::Limit;
use crate::change::{
    Action, Change, Key, OPERATIONS_MAX, Object, Operation, OperationId, PARENTS_MAX, PREDECESSORS_MAX,
    PREDECESSORS_TOTAL_MAX, Scalar,
};

/// Bytes of keys and texts in one change, so that every change fits a batch.
pub const TEXT_BYTES_MAX: usize = 32 * 1024;
/// The highest counter that an operation may name.
const NAMED_COUNTER_MAX: u64 = u32::MAX as u64;

/// Measures `change`.
///
/// # Errors
/// The first limit that it exceeds.
pub(super) fn check(change: &Change) -> Result<(), Limit> {
    let found = change.operations.len();
    if found == 0 {
        return Err(Limit::Empty);
    }
    if found > OPERATIONS_MAX {
        return Err(Limit::Operations { found, max: OPERATIONS_MAX });
    }
    let found = change.parents.len();
    if found > PARENTS_MAX {
        return Err(Limit::Parents { found, max: PARENTS_MAX });
    }
    let (mut predecessors, mut text) = (0, 0);
    for (index, operation) in change.operations.iter().enumerate() {
        let found = operation.predecessors.len();
        if found > PREDECESSORS_MAX {
            return Err(Limit::Predecessors { operation: index, found, max: PREDECESSORS_MAX });
        }
        predecessors += found;
        if predecessors > PREDECESSORS_TOTAL_MAX {
            return Err(Limit::PredecessorsTotal { max: PREDECESSORS_TOTAL_MAX });
        }
        text += text_bytes(operation);
        if text > TEXT_BYTES_MAX {
            return Err(Limit::Text { max: TEXT_BYTES_MAX });
        }
        let found = names(operation).map(|id| id.counter).max().unwrap_or(0);
        if found > NAMED_COUNTER_MAX {
            return Err(Limit::Counter { operation: index, found, max: NAMED_COUNTER_MAX });
        }
    }
    Ok(())
}

fn text_bytes(operation: &Operation) -> usize {
    let key = match &operation.key {
        Key::Map(key) => key.len(),
        Key::Head | Key::Element(_) => 0,
    };
    let value = match &operation.action {
        Action::Put(Scalar::Str(text)) => text.len(),
        Action::Put(Scalar::Bytes(bytes)) => bytes.len(),
        Action::Put(_) | Action::MakeMap | Action::MakeList | Action::Delete | Action::Increment(_) => 0,
    };
    key + value
}

/// Every operation that `operation` names.
fn names(operation: &Operation) -> impl Iterator<Item = &OperationId> {
    let object = match &operation.object {
        Object::Root => None,
        Object::Made(id) => Some(id),
    };
    let element = match &operation.key {
        Key::Map(_) | Key::Head => None,
        Key::Element(id) => Some(id),
    };
    object.into_iter().chain(element).chain(&operation.predecessors)
}
