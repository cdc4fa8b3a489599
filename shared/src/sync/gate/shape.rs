//! Rule 6: object and key decide action and value type.

use std::collections::BTreeMap;

use super::refusal::Refusal;
use crate::{
    change::{Action, Object, Scalar},
    document::{
        schema::{self, ListShape, Shape},
        seen::{Place, Seen},
    },
    id::Kind,
    time::{TIMESTAMP_MAX, Timestamp},
};

/// Inserted elements by list, in one change.
pub(super) type Inserts = BTreeMap<Object, usize>;

/// Judges what the operation at `index` writes where.
///
/// # Errors
/// The kind has no such key, nothing like that is done there, or the value is not one of its own.
pub(super) fn check(kind: Kind, seen: Seen<'_>, index: usize, inserts: &mut Inserts) -> Result<(), Refusal> {
    let place = seen.place(index).ok_or(Refusal::Object { operation: index })?;
    let key = || shown(&place);
    let Some(entry) = schema::rule(kind, &place.path) else {
        return Err(Refusal::SchemaKey { operation: index, key: key() });
    };
    let operation = &seen.change.operations[index];
    let shape = match (entry.shape, place.element) {
        (Shape::List(list), true) => {
            let inserted = inserts.entry(operation.object).or_default();
            *inserted += usize::from(operation.insert);
            element(list, *inserted).ok_or_else(|| Refusal::SchemaAction { operation: index, key: key() })?
        }
        (shape, false) => shape,
        (_, true) => return Err(Refusal::SchemaAction { operation: index, key: key() }),
    };
    match (&operation.action, shape) {
        // Whether it may be deleted is a question of authority.
        (Action::Delete, _) | (Action::MakeMap, Shape::Map(_)) | (Action::MakeList, Shape::List(_)) => Ok(()),
        (Action::Put(scalar), _) if fits(scalar, shape) => Ok(()),
        (Action::Put(_), _) => Err(Refusal::SchemaValue { operation: index, key: key() }),
        (Action::MakeMap | Action::MakeList | Action::Increment(_), _) => {
            Err(Refusal::SchemaAction { operation: index, key: key() })
        }
    }
}

fn element(list: &ListShape, inserted: usize) -> Option<Shape> {
    (inserted <= list.inserts_max).then_some(list.element.shape)
}

fn fits(scalar: &Scalar, shape: Shape) -> bool {
    match (scalar, shape) {
        (Scalar::Str(text), Shape::Text { bytes_max }) => text.len() <= bytes_max,
        (Scalar::Int(number), Shape::Int { min, max }) => (min..=max).contains(number),
        (Scalar::Timestamp(at), Shape::Timestamp) => (Timestamp(0)..=TIMESTAMP_MAX).contains(at),
        (Scalar::Boolean(_), Shape::Boolean) => true,
        _ => false,
    }
}

/// The path in a form fit to be shown: it comes from another machine.
fn shown(place: &Place<'_>) -> String {
    let path = place.path.join(".");
    path.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
