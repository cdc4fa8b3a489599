//! The second line behind the gate: a document is what automerge can hold, save and load again.
//!
//! Everything happens on a copy and under guard; a document that fails is one document, and its
//! changes stay as they are. A guard stops neither an abort nor a long loop: the gate's limits come
//! first.

use automerge::{AutoCommit, Automerge};

use super::{
    BuildError, History,
    build::{build, guarded},
};
use crate::id::ChangeHash;

/// Why automerge cannot hold a document.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A change cannot be built.
    #[error("change {} cannot be built", .change.short())]
    Build {
        /// Which.
        change: ChangeHash,
        /// Why.
        #[source]
        source: BuildError,
    },
    /// A change builds to another hash than it is filed under.
    #[error("change {} has another hash than it is filed under", .change.short())]
    Hash {
        /// The name it is filed under.
        change: ChangeHash,
    },
    /// automerge refuses the changes or its own file of them.
    #[error("automerge refuses the document")]
    Refused(#[source] Box<automerge::AutomergeError>),
    /// The file of the document has other heads than its changes.
    #[error("the document does not survive being saved and loaded")]
    Heads,
    /// automerge broke down.
    #[error("automerge cannot open the document")]
    Panicked,
}

/// Proves that automerge can hold a document: builds and applies its changes, saves, loads, and
/// compares the heads.
///
/// # Errors
/// What went wrong; where it is one change, which.
pub fn check(history: &History) -> Result<(), OpenError> {
    materialise(history, Automerge::save_nocompress).map(|_| ())
}

/// The standard file of a document as `save` writes it, and the document as it loads from there.
pub(super) fn materialise(
    history: &History,
    save: fn(&Automerge) -> Vec<u8>,
) -> Result<(Vec<u8>, AutoCommit), OpenError> {
    let changes = history
        .iter()
        .map(|(hash, change)| {
            let built = build(change).map_err(|source| OpenError::Build { change: *hash, source })?;
            if built.hash().0 == hash.0 { Ok(built) } else { Err(OpenError::Hash { change: *hash }) }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let loaded = guarded(|| {
        let mut document = Automerge::new();
        document.apply_changes(changes)?;
        let bytes = save(&document);
        let mut loaded = AutoCommit::load(&bytes)?;
        let heads = loaded.get_heads();
        Ok((bytes, loaded, heads))
    });
    let (bytes, document, heads) = loaded
        .ok_or(OpenError::Panicked)?
        .map_err(|source: automerge::AutomergeError| OpenError::Refused(Box::new(source)))?;
    let mut heads: Vec<_> = heads.iter().map(|head| ChangeHash(head.0)).collect();
    heads.sort_unstable();
    if heads == history.heads() { Ok((bytes, document)) } else { Err(OpenError::Heads) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        change::Scalar,
        document::{
            Edit, NewEvent, State, View,
            case::tests::{recorded, save},
            of_automerge, trial,
        },
        id::{ActorId, Kind},
        time::Timestamp,
    };

    fn text(text: &str) -> Scalar {
        Scalar::Str(text.to_owned())
    }

    #[test]
    fn a_change_filed_under_another_hash_is_found() {
        let history = recorded();
        assert!(check(&history).is_ok());
        let change = history.first().expect("one change").1.clone();
        let mut history = History::default();
        history.insert(ChangeHash([9; 32]), change);
        let error = check(&history).unwrap_err();
        assert!(matches!(error, OpenError::Hash { .. }), "{error}");
    }

    /// What one of three vans does with a case: which field, which value; or takes over what another
    /// one has.
    type Step = (usize, u8, u8);

    fn act(edit: &mut Edit, what: u8, value: u8) {
        let value_text = format!("{}", value % 3);
        let done = match what {
            0 => edit.put(&["notes"], &text(&value_text)),
            1 => edit.put(&["blank"], &text(&value_text)),
            2 => edit.delete(&["notes"]),
            3 => edit.put(&["ticks", &value_text], &text("")),
            4 => edit.delete(&["ticks", &value_text]),
            5 => edit.push(&["witnesses"], &text(&value_text)),
            6 => edit.clear(&["witnesses"]),
            _ => NewEvent::new(State::ALL[usize::from(value) % 17], Timestamp(7)).write(edit).map(drop),
        };
        assert_eq!(done, Ok(()));
    }

    proptest! {
        #[test]
        fn automerge_holds_whatever_is_edited(
            steps in prop::collection::vec((0..3usize, 0..10u8, any::<u8>()), 0..40),
        ) {
            let steps: Vec<Step> = steps;
            let mut vans = [recorded(), recorded(), recorded()];
            for (van, what, value) in steps {
                if what >= 8 {
                    let other = vans[(van + 1 + usize::from(value % 2)) % 3].clone();
                    for (hash, change) in other.iter() {
                        prop_assert!(vans[van].insert(*hash, change.clone()));
                    }
                    continue;
                }
                let mut edit = Edit::open_checked(Kind::Case, &vans[van], ActorId([van as u8 * 90 + 9; 16]));
                act(&mut edit, what, value);
                if value.is_multiple_of(2) {
                    act(&mut edit, (what + 3) % 8, value);
                }
                if edit.is_changed() {
                    save(&mut edit, &mut vans[van]);
                }
            }
            for history in &vans {
                let (_, document) = materialise(history, Automerge::save).expect("automerge takes it");
                trial::assert_same(&View::of(history), &document);
                for (_, change) in history.iter() {
                    let back = of_automerge(&build(change).expect("canonical")).expect("made from ours");
                    prop_assert_eq!(&back.1, change);
                }
            }
        }
    }
}
