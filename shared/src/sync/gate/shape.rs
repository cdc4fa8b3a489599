//! Rule 6: object and key decide action and value type.

use std::collections::BTreeMap;

use super::refusal::Refusal;
use crate::{
    change::{Action, Object, Scalar},
    document::{
        schema::{ListShape, Shape},
        seen::{Place, Ruled, Seen},
    },
    id::Kind,
    time::{TIMESTAMP_MAX, Timestamp},
};

/// Inserted elements by list, in one change.
pub(super) type Inserts = BTreeMap<Object, usize>;

/// Judges what the operation at `index` writes where; its place, and what the schema says of it.
///
/// # Errors
/// The kind has no such key, nothing like that is done there, or the value is not one of its own.
pub(super) fn check<'a>(
    kind: Kind,
    seen: Seen<'a>,
    index: usize,
    inserts: &mut Inserts,
) -> Result<Ruled<'a>, Refusal> {
    let place = seen.place(index).ok_or(Refusal::Object { operation: index })?;
    let key = || shown(&place);
    let Some(ruled) = place.ruled(kind) else {
        return Err(Refusal::SchemaKey { operation: index, key: key() });
    };
    let entry = ruled.entry;
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
        (Action::Delete, _) | (Action::MakeMap, Shape::Map(_)) | (Action::MakeList, Shape::List(_)) => {
            Ok(ruled)
        }
        (Action::Put(scalar), _) if fits(scalar, shape) => Ok(ruled),
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
    let path = place.path().join(".");
    path.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
