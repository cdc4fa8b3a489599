//! Rules 7 to 11: what an operation names was there, before it, and is what it is taken for.

use super::refusal::Refusal;
use crate::{
    change::{Action, Key, Operation, OperationId, Scalar},
    document::seen::Seen,
};

/// Judges what the operation at `index` refers to.
///
/// # Errors
/// The first rule that it breaks.
pub(super) fn check(seen: Seen<'_>, index: usize) -> Result<(), Refusal> {
    let operation = &seen.change.operations[index];
    let list = seen.is_list(operation.object, index).ok_or(Refusal::Object { operation: index })?;
    match (&operation.key, list) {
        (Key::Map(_), false) | (Key::Head | Key::Element(_), true) => {}
        (Key::Map(_), true) | (Key::Head | Key::Element(_), false) => {
            return Err(Refusal::Object { operation: index });
        }
    }
    check_element(seen, operation, index)?;
    check_insert(operation, list, index)?;
    check_predecessors(seen, operation, index)?;
    check_effect(seen, operation, index)
}

fn check_element(seen: Seen<'_>, operation: &Operation, index: usize) -> Result<(), Refusal> {
    let known = match operation.key {
        Key::Map(_) => true,
        Key::Head => operation.insert,
        Key::Element(id) => seen
            .operation(id, index)
            .is_some_and(|element| element.insert && element.object == operation.object),
    };
    if known { Ok(()) } else { Err(Refusal::Element { operation: index }) }
}

fn check_insert(operation: &Operation, list: bool, index: usize) -> Result<(), Refusal> {
    if !operation.insert {
        return Ok(());
    }
    let makes = match operation.action {
        Action::Put(_) | Action::MakeMap | Action::MakeList => true,
        Action::Delete | Action::Increment(_) => false,
    };
    if list && makes && operation.predecessors.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Insert { operation: index })
    }
}

fn check_predecessors(seen: Seen<'_>, operation: &Operation, index: usize) -> Result<(), Refusal> {
    if !operation.predecessors.is_sorted_by(|a, b| a < b) {
        return Err(Refusal::PredecessorOrder { operation: index });
    }
    let right = |id: &OperationId| {
        seen.operation(*id, index).is_some_and(|before| {
            let value = match before.action {
                Action::Put(_) | Action::MakeMap | Action::MakeList => true,
                Action::Delete | Action::Increment(_) => false,
            };
            value && before.object == operation.object && stands_at(before, *id, &operation.key)
        })
    };
    if operation.predecessors.iter().all(right) {
        Ok(())
    } else {
        Err(Refusal::Predecessor { operation: index })
    }
}

/// Whether what `before`, named `id`, wrote stands at `key` of its object.
fn stands_at(before: &Operation, id: OperationId, key: &Key) -> bool {
    if before.insert { *key == Key::Element(id) } else { before.key == *key }
}

fn check_effect(seen: Seen<'_>, operation: &Operation, index: usize) -> Result<(), Refusal> {
    let is_counter = |id: &OperationId| {
        matches!(
            seen.operation(*id, index).map(|before| &before.action),
            Some(Action::Put(Scalar::Counter(_)))
        )
    };
    match operation.action {
        Action::Put(_) | Action::MakeMap | Action::MakeList => Ok(()),
        Action::Delete if operation.predecessors.is_empty() => Err(Refusal::Delete { operation: index }),
        Action::Delete => Ok(()),
        Action::Increment(_)
            if operation.predecessors.is_empty() || !operation.predecessors.iter().all(is_counter) =>
        {
            Err(Refusal::Increment { operation: index })
        }
        Action::Increment(_) => Ok(()),
    }
}
