//! What is let in. Every change, whoever brought it, passes here before it is acknowledged as
//! applied and before automerge sees it.
//!
//! **Invariants:** a verdict depends only on the change, its causal past, its writer and the
//! catalogue version that the case names, so that all replicas agree in any order of arrival. What
//! is accepted can be built, applied, saved and loaded. A refusal is final; its bytes are kept.
//!
//! The rules are numbered: 1 limits, 2 parents, 3 sequence, 4 first and last operation, 5 time,
//! 6 schema, 7 object, 8 element, 9 insert, 10 predecessors, 11 delete and increment, 12 hash. Each
//! was found necessary by mutating operations against automerge 0.12.0; rules that merely seem
//! sufficient let through changes that panic, poison a document or diverge.

mod limits;
#[cfg(test)]
mod mutants;
mod references;
mod refusal;
mod shape;
#[cfg(test)]
mod tests;

pub use limits::TEXT_BYTES_MAX;
pub use refusal::{Limit, Refusal, RefusalNote};

pub use crate::document::authority::{Breach, Catalogue, CatalogueAnswer, Warning, Writer};
use crate::{
    change::{COUNTER_MAX, Change, ChangeHash},
    document::{
        History, Past, SCHEMA,
        authority::{self, Denial},
        seen::Seen,
    },
    id::{DocumentId, hex},
    time::{TIMESTAMP_MAX, Timestamp},
};

/// Actors that may have written one document.
pub const ACTORS_MAX: usize = 256;

/// What becomes of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may be applied.
    Accept(Vec<Warning>),
    /// It may be judged only later; its bytes are kept.
    Wait(Wait),
    /// It goes to quarantine, for good.
    Reject(Refusal),
}

/// What a change waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// These changes of the same document.
    Parents(Vec<ChangeHash>),
    /// A version of this program that knows the schema.
    Schema {
        /// The schema that it follows.
        found: u32,
        /// The newest known here.
        newest: u32,
    },
    /// This version of the services registry.
    Catalogue(String),
}

/// Judges `change` of `document`, where `history` holds the changes of that document accepted so
/// far. Its hash, its signature and whether its number was used before are the caller's to check:
/// [`check_hash`], [`equivocation`], [`depends_on_refused`].
pub fn judge(
    document: DocumentId,
    change: &Change,
    history: &History,
    writer: &Writer,
    catalogue: Catalogue<'_>,
) -> Verdict {
    match decide(document, change, history, writer, catalogue) {
        Ok(warnings) => Verdict::Accept(warnings),
        Err(Stop::Wait(wait)) => Verdict::Wait(wait),
        Err(Stop::Reject(refusal)) => Verdict::Reject(refusal),
    }
}

/// Rule 12: compares the recomputed hash `found` with the one `announced`.
///
/// # Errors
/// They differ.
pub fn check_hash(found: ChangeHash, announced: ChangeHash) -> Result<(), Refusal> {
    if found == announced { Ok(()) } else { Err(Refusal::Hash { found, announced }) }
}

/// Whether the change named `hash` takes a number that its writer has given to another change of
/// the document. Which of the two stands is not for arrival to say: the hub chooses.
pub fn equivocation(history: &History, hash: ChangeHash, change: &Change) -> Option<Refusal> {
    let other = history.by_sequence(change.actor, change.sequence)?;
    (other != hash).then_some(Refusal::Equivocation { actor: change.actor, sequence: change.sequence, other })
}

/// Whether one of the change's parents was refused, and the change with it.
pub fn depends_on_refused(change: &Change, refused: impl Fn(&ChangeHash) -> bool) -> Option<Refusal> {
    let parent = change.parents.iter().copied().find(refused)?;
    Some(Refusal::DependsOnRefused { parent })
}

enum Stop {
    Wait(Wait),
    Reject(Refusal),
}

impl<R: Into<Refusal>> From<R> for Stop {
    fn from(refusal: R) -> Self {
        Self::Reject(refusal.into())
    }
}

fn decide(
    document: DocumentId,
    change: &Change,
    history: &History,
    writer: &Writer,
    catalogue: Catalogue<'_>,
) -> Result<Vec<Warning>, Stop> {
    if let Writer::Van { device, own_actor: false, .. } = writer {
        return Err(Refusal::ForeignActor { actor: change.actor, device: *device }.into());
    }
    if change.schema > SCHEMA {
        return Err(Stop::Wait(Wait::Schema { found: change.schema, newest: SCHEMA }));
    }
    if change.schema == 0 {
        return Err(Refusal::SchemaNumber { found: 0 }.into());
    }
    let kind = document.kind().ok_or(Refusal::UnknownKind)?;
    check_alone(document, change)?;
    let Some(past) = history.past(&change.parents) else {
        let missing = change.parents.iter().copied().filter(|parent| history.get(parent).is_none());
        return Err(Stop::Wait(Wait::Parents(missing.collect())));
    };
    check_position(change, &past)?;
    let seen = Seen { change, past: &past };
    let mut inserts = shape::Inserts::new();
    let mut places = Vec::with_capacity(change.operations.len());
    for index in 0..change.operations.len() {
        references::check(seen, index)?;
        places.push(shape::check(kind, seen, index, &mut inserts)?);
    }
    authority::check(kind, seen, &places, writer, catalogue).map_err(|denial| match denial {
        Denial::Breach(breach) => Stop::Reject(breach.into()),
        Denial::UnknownCatalogue(version) => Stop::Wait(Wait::Catalogue(version)),
    })
}

/// What can be judged without the past, so that what waits for a parent is worth keeping.
fn check_alone(document: DocumentId, change: &Change) -> Result<(), Refusal> {
    limits::check(change)?;
    if !change.parents.is_sorted_by(|a, b| a < b) {
        return Err(Refusal::Parents);
    }
    if change.parents.is_empty() && !authority::begins(document, change) {
        return Err(Refusal::Origin { expected: hex(&document.0[..10]) });
    }
    if !(Timestamp(0)..=TIMESTAMP_MAX).contains(&change.time) {
        return Err(Refusal::Time { found: change.time });
    }
    let last = change.last_operation();
    if last > COUNTER_MAX {
        return Err(Refusal::LastOperation { found: last, max: COUNTER_MAX });
    }
    Ok(())
}

/// Whether the change stands where its past puts it: rules 3 and 4, and the count of actors.
fn check_position(change: &Change, past: &Past<'_>) -> Result<(), Refusal> {
    let before = past.highest_sequence(change.actor);
    let actors = past.actor_count() + usize::from(before == 0);
    if actors > ACTORS_MAX {
        return Err(Refusal::Actors { max: ACTORS_MAX });
    }
    let expected = before + 1;
    if change.sequence != expected {
        return Err(Refusal::Sequence { found: change.sequence, expected });
    }
    let expected = past.highest_operation() + 1;
    if change.first_operation != expected {
        return Err(Refusal::FirstOperation { found: change.first_operation, expected });
    }
    Ok(())
}
