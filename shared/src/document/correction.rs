//! Corrections: changes after which a slip that is out no longer says what the case does.

use super::{
    Edit, Field, History, State,
    field::{self, SetError},
    schema::key,
};
use crate::{
    change::{Action, Change, Key, Object, Operation, OperationId, Scalar},
    id::{ContentHash, DocumentId, Kind},
};

/// The fields of a case that its slip shows, and of its subject.
const OF_CASE: [&str; 3] = [key::SUBJECT, key::STARTED, key::OFFICER];
const OF_PERSON: [&str; 1] = [key::NAME];

/// The changes of a case or a person, but for those that made it, that write over what a slip shows, that correct any
/// field with a reason, or that withdraw the case.
pub fn corrections(kind: Kind, history: &History) -> impl Iterator<Item = &Change> {
    let shown: &[&str] = match kind {
        Kind::Case => &OF_CASE,
        Kind::Person => &OF_PERSON,
        Kind::Visit => &[],
    };
    let reasons = made(history, key::REASONS);
    let corrects = move |operation: &Operation| {
        let Key::Map(name) = &operation.key else { return false };
        match operation.object {
            Object::Root => shown.contains(&name.as_str()),
            // Why a file was taken away stands among the reasons under its hash.
            Object::Made(map) if Some(map) == reasons => name.parse::<ContentHash>().is_err(),
            Object::Made(_) => kind == Kind::Case && *name == key::STATE && withdraws(&operation.action),
        }
    };
    let later = history.iter().map(|(_, change)| change).filter(|change| !change.parents.is_empty());
    later.filter(move |change| change.operations.iter().any(&corrects))
}

/// Notes the officer who corrects, beside what else an edit writes; an edit that writes nothing stays empty.
///
/// # Errors
/// It is no name of an officer.
pub fn sign(edit: &mut Edit, officer: Option<&str>) -> Result<(), SetError> {
    let Some(officer) = officer.map(str::trim).filter(|officer| !officer.is_empty()) else { return Ok(()) };
    field::check(Field::Officer, officer)?;
    if edit.is_changed() {
        edit.put_anew(&[key::CORRECTED_BY], &Scalar::Str(officer.to_owned()))?;
    }
    Ok(())
}

/// The officer who made a correction, as claimed; none where it says none.
pub fn corrector(change: &Change) -> Option<&str> {
    let signs = |operation: &Operation| {
        operation.object == Object::Root
            && matches!(&operation.key, Key::Map(name) if name == key::CORRECTED_BY)
    };
    let operation = change.operations.iter().rev().find(|operation| signs(operation))?;
    let Action::Put(Scalar::Str(officer)) = &operation.action else { return None };
    Some(officer)
}

/// Everyone whom a case was ever about, in no order, each as often as somebody wrote it.
pub fn subjects(history: &History) -> impl Iterator<Item = DocumentId> {
    let operations = history.iter().flat_map(|(_, change)| &change.operations);
    operations.filter_map(|operation| match (&operation.object, &operation.key, &operation.action) {
        (Object::Root, Key::Map(name), Action::Put(Scalar::Str(id))) if name == key::SUBJECT => {
            id.parse().ok()
        }
        _ => None,
    })
}

/// Whether what is written as the state of an event ends the case without a product.
fn withdraws(action: &Action) -> bool {
    matches!(action, Action::Put(Scalar::Str(state)) if state == State::Cancelled.as_str())
}

/// The operation that made the map at a key of the root, which the first change does.
fn made(history: &History, name: &str) -> Option<OperationId> {
    let (_, first) = history.first()?;
    let makes = |operation: &Operation| {
        operation.object == Object::Root
            && operation.action == Action::MakeMap
            && matches!(&operation.key, Key::Map(found) if found == name)
    };
    first.operations.iter().position(makes).map(|at| first.operation_id(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{
        Field,
        case::tests::{VAN, open, recorded, save},
        field,
        status::NewEvent,
    };

    #[test]
    fn what_a_slip_shows_or_a_reason_corrects_makes_a_correction() {
        let mut history = recorded();
        let count = |history: &History| corrections(Kind::Case, history).count();
        assert_eq!(count(&history), 0, "what made the case corrects nothing");
        for (field, value, reason, corrections) in [
            (Field::Notes, "baru", None, 0),
            (Field::Notes, "lain", Some("salah tulis"), 1),
            (Field::Officer, "Pak Seran", None, 2),
            (Field::Officer, "Pak Seran", None, 2),
            (Field::Subject, &DocumentId::new([2; 10], Kind::Person, 7).to_string(), Some("tertukar"), 3),
        ] {
            let mut edit = open(&history, VAN);
            field::set(&mut edit, field, value, reason).expect("allowed");
            if let Some((hash, change)) = edit.commit(crate::time::Timestamp(1), 1).expect("it commits") {
                assert!(history.insert(hash, change));
            }
            assert_eq!(count(&history), corrections, "{field} {value}");
        }
        let subjects: Vec<_> = subjects(&history).collect();
        assert_eq!(
            subjects,
            [DocumentId::new([1; 10], Kind::Person, 1), DocumentId::new([2; 10], Kind::Person, 7)]
        );
        let mut edit = open(&history, VAN);
        crate::document::case::tick(&mut edit, "KTP").expect("allowed");
        save(&mut edit, &mut history);
        assert_eq!(count(&history), 3, "what is brought later corrects nothing");
        for (state, corrections) in [(State::Complete, 3), (State::Cancelled, 4)] {
            let mut edit = open(&history, VAN);
            NewEvent::new(state, crate::time::Timestamp(9)).write(&mut edit).expect("allowed");
            save(&mut edit, &mut history);
            assert_eq!(count(&history), corrections, "{state}");
        }
    }

    #[test]
    fn a_correction_is_signed_anew_each_time_and_an_empty_one_not_at_all() {
        let mut history = recorded();
        let signed = |history: &History| {
            history.iter().map(|(_, change)| corrector(change).map(str::to_owned)).collect::<Vec<_>>()
        };
        for (notes, officer) in [("a", Some("Yefta")), ("b", Some("Yefta")), ("c", None)] {
            let mut edit = open(&history, VAN);
            sign(&mut edit, Some("nobody")).expect("writes nothing");
            assert!(!edit.is_changed());
            field::set(&mut edit, Field::Notes, notes, None).expect("a note");
            sign(&mut edit, officer).expect("a name");
            let (hash, change) =
                edit.commit(crate::time::Timestamp(1), 1).expect("it commits").expect("a change");
            assert!(history.insert(hash, change));
        }
        let yefta = Some("Yefta".to_owned());
        assert_eq!(signed(&history), [None, yefta.clone(), yefta, None]);
        let mut edit = open(&history, VAN);
        assert!(sign(&mut edit, Some("a\u{7}")).is_err());
    }
}
