//! What a person must decide: concurrent values of which none may silently win.
//!
//! Identity fields, and whom a case is about, keep every side. A blank's serial that two writers
//! gave one case is an alarm. States clash where authority settles nothing. All else merges. To
//! resolve a conflict is to write over it: an ordinary change with a reason, which can be undone.

use serde::Serialize;

use super::{
    Life,
    schema::key,
    view::{Content, Value, View},
};
use crate::{
    change::{Action, Change, Key, Scalar},
    id::{ActorId, ChangeHash, Kind},
    time::Timestamp,
};

/// Concurrent values of one field.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Conflict {
    /// The key of the field.
    pub field: &'static str,
    /// Why it needs a person.
    pub sort: Sort,
    /// All sides, ascending: the last one is shown meanwhile.
    pub sides: Vec<Side>,
}

/// Why a conflict needs a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Who somebody is.
    Identity,
    /// Where the case stands, and authority does not tell.
    Status,
    /// Which numbered blank was used.
    Blank,
    /// More than one open case of one person about the same service.
    SameService,
    /// More than one case with the same numbered blank.
    SameBlank,
    /// The product went into wrong hands.
    WrongHands,
}

/// One side of a conflict.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Side {
    /// What it says.
    pub value: String,
    /// Who wrote it.
    pub actor: ActorId,
    /// In which change.
    pub change: ChangeHash,
    /// When, as claimed.
    pub time: Timestamp,
    /// The officer, as claimed by the change itself, or by the first change where that is of the same writer.
    pub officer: Option<String>,
    /// The newest changes that the writer had seen.
    pub seen: Vec<ChangeHash>,
}

const IDENTITY: [&str; 7] =
    [key::NIK, key::NAME, key::BORN, key::BIRTH_ORDER, key::SEX, key::MOTHER, key::FATHER];
const PARTIES: [&str; 2] = [key::APPLICANT, key::SUBJECT];

/// The conflicts of a document that a person must decide.
pub fn conflicts(kind: Kind, view: &View<'_>) -> Vec<Conflict> {
    match kind {
        Kind::Person => differing(view, &IDENTITY, Sort::Identity).collect(),
        Kind::Case => differing(view, &PARTIES, Sort::Identity)
            .chain(differing(view, &[key::BLANK], Sort::Blank))
            .chain(clash(view))
            .chain(alarm(view))
            .collect(),
        Kind::Visit => Vec::new(),
    }
}

fn differing<'v>(
    view: &'v View<'_>,
    fields: &'v [&'static str],
    sort: Sort,
) -> impl Iterator<Item = Conflict> + use<'v> {
    fields.iter().filter_map(move |field| {
        let values = view.root().values(field);
        // Nearly always: one value is no conflict, whoever wrote it.
        if values.len() < 2 {
            return None;
        }
        let sides: Vec<Side> = values
            .iter()
            .map(|value| side(view, value.operation.actor, value.change, shown(value)))
            .collect();
        let differ = sides.windows(2).any(|pair| pair[0].value != pair[1].value);
        differ.then_some(Conflict { field, sort, sides })
    })
}

/// An alarm stands until it is emptied, whatever else is agreed.
fn alarm(view: &View<'_>) -> Option<Conflict> {
    let values = view.root().values(key::ALARM);
    let sides = values.iter().map(|value| side(view, value.operation.actor, value.change, shown(value)));
    let sides: Vec<Side> = sides.filter(|side| !side.value.is_empty()).collect();
    (!sides.is_empty()).then_some(Conflict { field: key::ALARM, sort: Sort::WrongHands, sides })
}

fn clash(view: &View<'_>) -> Option<Conflict> {
    let life = Life::read(view);
    let sides = life.clash.iter().map(|&index| {
        let event = &life.events[index];
        let shown = side(view, event.actor, event.change, event.state.to_string());
        Side { officer: event.officer.clone().or(shown.officer), ..shown }
    });
    let sides: Vec<Side> = sides.collect();
    (!sides.is_empty()).then_some(Conflict { field: key::STATUS, sort: Sort::Status, sides })
}

fn side(view: &View<'_>, actor: ActorId, hash: ChangeHash, shown: String) -> Side {
    let change = view.history().get(&hash);
    let first = || view.history().iter().map(|(_, change)| change).find(|change| change.parents.is_empty());
    let officer = change
        .and_then(officer_of)
        .or_else(|| first().filter(|first| first.actor == actor).and_then(officer_of));
    Side {
        value: shown,
        actor,
        change: hash,
        time: change.map_or(Timestamp(0), |change| change.time),
        officer: officer.map(str::to_owned),
        seen: change.map_or_else(Vec::new, |change| change.parents.clone()),
    }
}

/// The officer whom a change names.
fn officer_of(change: &Change) -> Option<&str> {
    change.operations.iter().find_map(|operation| match (&operation.key, &operation.action) {
        (Key::Map(name), Action::Put(Scalar::Str(officer))) if name == key::OFFICER => Some(officer.as_str()),
        _ => None,
    })
}

/// A value as a person reads it.
fn shown(value: &Value<'_>) -> String {
    match value.content {
        Content::Scalar(Scalar::Str(text)) => text.clone(),
        Content::Scalar(Scalar::Boolean(value)) => value.to_string(),
        Content::Scalar(Scalar::Int(value)) => value.to_string(),
        Content::Counter(value) => value.to_string(),
        Content::Scalar(
            Scalar::Null
            | Scalar::Uint(_)
            | Scalar::F64(_)
            | Scalar::Bytes(_)
            | Scalar::Timestamp(_)
            | Scalar::Counter(_),
        )
        | Content::Map
        | Content::List => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{
        Edit, Field, History, NewEvent, State,
        case::tests::{OTHER, VAN, recorded, save},
        field::set,
        person,
    };

    #[test]
    fn a_product_in_wrong_hands_is_an_alarm_until_somebody_settles_it() {
        let mut history = recorded();
        let mut alarms = |value: &str, reason| {
            let mut edit = Edit::open(Kind::Case, &history, VAN).expect("it opens");
            set(&mut edit, Field::Alarm, value, reason).expect("allowed");
            save(&mut edit, &mut history);
            let found = conflicts(Kind::Case, &View::of(&history));
            found.iter().map(|conflict| (conflict.sort, conflict.sides[0].value.clone())).collect::<Vec<_>>()
        };
        assert_eq!(
            alarms("taken by a namesake", None),
            [(Sort::WrongHands, "taken by a namesake".to_owned())]
        );
        assert_eq!(alarms("", Some("brought back")), []);
    }

    /// Two concurrent amendments of one field.
    fn amend(kind: Kind, history: &mut History, field: Field, here: &str, there: &str) {
        let mut ours = Edit::open(kind, history, VAN).expect("it opens");
        let mut theirs = Edit::open(kind, history, OTHER).expect("it opens");
        set(&mut ours, field, here, None).expect("allowed");
        set(&mut theirs, field, there, None).expect("allowed");
        save(&mut ours, history);
        save(&mut theirs, history);
    }

    fn fields(kind: Kind, history: &History) -> Vec<&'static str> {
        conflicts(kind, &View::of(history)).iter().map(|conflict| conflict.field).collect()
    }

    #[test]
    fn an_identity_keeps_both_sides_until_a_person_decides() {
        let mut history = person::tests::recorded();
        amend(Kind::Person, &mut history, Field::Name, "Oa Mate", "O'a Mate Bria");
        amend(Kind::Person, &mut history, Field::Phone, "081234567891", "081234567892");
        amend(Kind::Person, &mut history, Field::Mother, "Bete", "Bete");
        let found = conflicts(Kind::Person, &View::of(&history));
        assert_eq!(fields(Kind::Person, &history), ["name"]);
        assert!(found[0].sides.iter().all(|side| side.seen.len() == 1), "{found:?}");
        let sides: Vec<_> = found[0].sides.iter().map(|side| (side.value.as_str(), side.actor)).collect();
        assert_eq!(sides, [("Oa Mate", VAN), ("O'a Mate Bria", OTHER)]);

        let mut edit = Edit::open(Kind::Person, &history, VAN).expect("it opens");
        set(&mut edit, Field::Name, "Oa Mate", Some("as on the card")).expect("allowed");
        save(&mut edit, &mut history);
        assert_eq!(fields(Kind::Person, &history), [""; 0]);
    }

    #[test]
    fn a_case_has_conflicts_of_subject_blank_and_status() {
        let mut history = recorded();
        let (one, other) = ("01010101010101010101020000000007", "01010101010101010101020000000008");
        amend(Kind::Case, &mut history, Field::Subject, one, other);
        amend(Kind::Case, &mut history, Field::Blank, "A1", "A2");
        amend(Kind::Case, &mut history, Field::Notes, "here", "there");
        let mut ours = Edit::open(Kind::Case, &history, VAN).expect("it opens");
        let mut theirs = Edit::open(Kind::Case, &history, OTHER).expect("it opens");
        NewEvent::new(State::HandedOver, Timestamp(1)).write(&mut ours).expect("allowed");
        NewEvent::new(State::HandedOver, Timestamp(2)).write(&mut theirs).expect("allowed");
        save(&mut ours, &mut history);
        save(&mut theirs, &mut history);
        assert_eq!(fields(Kind::Case, &history), ["subject", "blank", "status"]);
        let json = serde_json::to_value(conflicts(Kind::Case, &View::of(&history))).expect("plain values");
        assert_eq!(json[2]["sort"], "status");
        assert_eq!(json[2]["sides"][1]["value"], "handed_over");
    }
}
