//! The life of a case: the events that set its states, and the current state.
//!
//! Events only grow. The current state is derived from all of them: what came later in causal order
//! replaces what it had seen, and concurrent events are settled by authority.

use serde::Serialize;

use super::{
    Moment, State,
    edit::{Edit, EditError},
    schema::key,
    view::{MapView, Value, View},
};
use crate::{
    change::{OperationId, Scalar},
    collection::{Collector, Received},
    document::history::Ancestry,
    id::{ActorId, ChangeHash, UnitId},
    time::Timestamp,
};

/// What somebody wrote about where a case stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Event {
    /// Its key in the document.
    pub key: String,
    /// The state that it sets.
    pub state: State,
    /// When, as claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// The officer, as claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub officer: Option<String>,
    /// The agency in whose name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agency: Option<String>,
    /// The agency's own reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the hub has yet to confirm it.
    pub confirm: bool,
    /// Who took the product along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    /// Who that is to the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collected_by: Option<Collector>,
    /// How they confirmed that they have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collected_how: Option<Received>,
    /// The unit that a product is ready for, or aboard of.
    #[serde(skip_serializing_if = "Option::is_none", rename = "for_unit")]
    pub unit: Option<UnitId>,
    /// The change that wrote it.
    pub change: ChangeHash,
    /// Who wrote it.
    pub actor: ActorId,
    /// The operation that made it, which orders events of one change.
    #[serde(skip)]
    pub operation: OperationId,
}

/// An event to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewEvent<'a> {
    /// The state to set.
    pub state: State,
    /// When.
    pub at: Timestamp,
    /// The officer.
    pub officer: Option<&'a str>,
    /// The agency in whose name.
    pub agency: Option<&'a str>,
    /// The agency's own reference.
    pub reference: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
    /// Whether the hub has yet to confirm it.
    pub confirm: bool,
    /// Who took the product along.
    pub with: Option<&'a str>,
    /// Who that is to the subject.
    pub collected_by: Option<Collector>,
    /// How they confirm that they have it.
    pub collected_how: Option<Received>,
    /// The unit that a product is ready for, or aboard of.
    pub unit: Option<&'a UnitId>,
}

impl NewEvent<'_> {
    /// An event of nothing but a state and a time.
    pub fn new(state: State, at: Timestamp) -> Self {
        Self {
            state,
            at,
            officer: None,
            agency: None,
            reference: None,
            reason: None,
            confirm: false,
            with: None,
            collected_by: None,
            collected_how: None,
            unit: None,
        }
    }

    /// Writes the event into a case; gives its key.
    ///
    /// # Errors
    /// The document is no case, or a text is too long.
    pub fn write(&self, edit: &mut Edit) -> Result<String, EditError> {
        let last = edit.keys(&[key::STATUS]).iter().filter_map(|key| index_of(key)).max();
        let actor = edit.actor().to_string();
        let event = format!("{:03}-{}", last.map_or(0, |last| last + 1), &actor[..4]);
        edit.make(&[key::STATUS, &event])?;
        edit.put(&[key::STATUS, &event, key::STATE], &Scalar::Str(self.state.as_str().to_owned()))?;
        edit.put(&[key::STATUS, &event, key::AT], &Scalar::Timestamp(self.at))?;
        let texts = [
            (key::OFFICER, self.officer),
            (key::AGENCY, self.agency),
            (key::REFERENCE, self.reference),
            (key::REASON, self.reason),
            (key::WITH, self.with),
            (key::COLLECTED_BY, self.collected_by.map(Collector::as_str)),
            (key::COLLECTED_HOW, self.collected_how.map(Received::as_str)),
            (key::UNIT, self.unit.map(UnitId::as_str)),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                edit.put(&[key::STATUS, &event, name], &Scalar::Str(text.to_owned()))?;
            }
        }
        if self.confirm {
            edit.put(&[key::STATUS, &event, key::CONFIRM], &Scalar::Boolean(true))?;
        }
        Ok(event)
    }
}

fn index_of(key: &str) -> Option<u32> {
    // Nine digits at most, so that a hostile index leaves room for the next ones.
    key.split_once('-').map(|(index, _)| index).filter(|index| index.len() <= 9)?.parse().ok()
}

/// All events of a case and what follows from them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Life {
    /// The events, ascending by operation: what somebody had seen comes before what they wrote.
    pub events: Vec<Event>,
    /// Index of the event that sets the current state; `None` of a case without events.
    pub current: Option<usize>,
    /// Indexes of concurrent events that authority cannot settle: a person decides.
    pub clash: Vec<usize>,
}

impl Life {
    /// Reads the events of a case and derives where it stands.
    pub fn read(view: &View<'_>) -> Self {
        let mut events: Vec<Event> = Vec::new();
        let offset = view.root().int(key::OFFSET);
        for (_, status) in view.root().maps(key::STATUS) {
            for name in status.keys() {
                events.extend(
                    status.maps(name).filter_map(|(value, map)| Event::read(name, map, value, offset)),
                );
            }
        }
        events.sort_by_key(|event| event.operation);
        let one_change = events.windows(2).all(|pair| pair[0].change == pair[1].change);
        let ancestry = if one_change { Ancestry::default() } else { view.history().ancestry() };
        Self::derive(events, |older, newer| {
            if older.change == newer.change {
                older.operation < newer.operation
            } else {
                ancestry.is_older(&older.change, &newer.change)
            }
        })
    }

    /// Where the case stands; a case without events is a draft.
    pub fn state(&self) -> State {
        self.current().map_or(State::Draft, |event| event.state)
    }

    /// The event that sets the current state.
    pub fn current(&self) -> Option<&Event> {
        self.current.map(|index| &self.events[index])
    }

    /// Whether it was issued in the village and no agency has confirmed or refused it since.
    pub fn is_to_be_confirmed(&self) -> bool {
        let issued = |event: &&Event| event.state == State::Issued;
        let decided = |event: &Event| !event.confirm && is_decision(event.state);
        self.events.iter().filter(issued).any(|event| event.confirm) && !self.events.iter().any(decided)
    }

    fn derive(events: Vec<Event>, is_older: impl Fn(&Event, &Event) -> bool) -> Self {
        let replaces = |new: &Event, old: &Event| is_older(old, new) && may_follow(old.state, new.state);
        let open: Vec<usize> =
            (0..events.len()).filter(|&old| !events.iter().any(|new| replaces(new, &events[old]))).collect();
        // An end carries the authority of what it ended.
        let rank = |index: usize| {
            let event = &events[index];
            let before = events.iter().filter(|old| event.state == State::Closed && replaces(event, old));
            let class = before.map(|old| class(old.state)).max().unwrap_or(0).max(class(event.state));
            (class, stage(event), event.operation)
        };
        let current = open.iter().copied().max_by_key(|&index| rank(index));
        let clash = current.map_or_else(Vec::new, |current| {
            let against = |other: &usize| {
                let (one, other) = (&events[current], &events[*other]);
                clashes(one, other) && !is_older(one, other) && !is_older(other, one)
            };
            let mut clash: Vec<usize> =
                open.iter().copied().filter(|other| *other != current).filter(against).collect();
            if !clash.is_empty() {
                clash.push(current);
                clash.sort_unstable();
            }
            clash
        });
        Self { events, current, clash }
    }
}

impl Event {
    /// The unit that a product was made ready for or is aboard of, by the last of a case's events that names one.
    pub fn unit_named_last(events: &[Self]) -> Option<&UnitId> {
        let says =
            |event: &&Self| matches!(event.state, State::Ready | State::Loaded) && event.unit.is_some();
        events.iter().rev().find(says).and_then(|event| event.unit.as_ref())
    }

    fn read(name: &str, map: MapView<'_>, value: &Value<'_>, offset: Option<i64>) -> Option<Self> {
        let text = |key: &str| map.text(key).map(str::to_owned);
        Some(Self {
            key: name.to_owned(),
            state: map.text(key::STATE)?.parse().ok()?,
            at: map.timestamp(key::AT).map(|at| Moment::new(at, offset)),
            officer: text(key::OFFICER),
            agency: text(key::AGENCY),
            reference: text(key::REFERENCE),
            reason: text(key::REASON),
            confirm: map.boolean(key::CONFIRM).unwrap_or(false),
            with: text(key::WITH),
            collected_by: map.text(key::COLLECTED_BY).and_then(|text| text.parse().ok()),
            collected_how: map.text(key::COLLECTED_HOW).and_then(|text| text.parse().ok()),
            unit: map.text(key::UNIT).and_then(|text| text.parse().ok()),
            change: value.change,
            actor: value.operation.actor,
            operation: value.operation,
        })
    }
}

/// Whether somebody who had seen a case in `old` may take it to `new`. What may not follow stands
/// beside it, and authority decides.
fn may_follow(old: State, new: State) -> bool {
    match class(old) {
        FINAL => old == State::HandedOver && new == State::Closed,
        // A withdrawal is taken back at the table, never by processing.
        WITHDRAWN => class(new) == INTAKE || new == State::HandedOver || new == State::Closed,
        DECIDED => class(new) != INTAKE,
        ENDED => false,
        _ => true,
    }
}

const INTAKE: u8 = 0;
const PROCESSING: u8 = 1;
const ENDED: u8 = 2;
const DECIDED: u8 = 3;
const WITHDRAWN: u8 = 4;
const FINAL: u8 = 5;

/// Whose word is stronger: the hand-over is final, withdrawal beats processing, the agency's
/// decision beats the van's states.
fn class(state: State) -> u8 {
    match state {
        State::HandedOver => FINAL,
        State::Cancelled => WITHDRAWN,
        State::Issued
        | State::Rejected
        | State::IssuedByDefault
        | State::Ready
        | State::Loaded
        | State::WithCollector => DECIDED,
        State::Closed => ENDED,
        State::Forwarded | State::InProcess | State::Returned => PROCESSING,
        State::Draft | State::Received | State::Complete | State::Incomplete | State::WaitingForNetwork => {
            INTAKE
        }
    }
}

/// What is further within one class: a refusal before the product's way to the citizen, as nothing
/// may be promised meanwhile; a wait for the network before what hides it.
fn stage(event: &Event) -> u8 {
    match event.state {
        State::Draft => 0,
        State::Received => 1,
        State::Complete | State::Incomplete => 2,
        State::WaitingForNetwork => 3,
        State::Forwarded => 0,
        State::InProcess => 1,
        State::Returned => 2,
        State::Issued => u8::from(!event.confirm),
        State::IssuedByDefault => 1,
        State::Ready => 2,
        State::Loaded => 3,
        State::WithCollector => 4,
        State::Rejected => 5,
        State::HandedOver | State::Closed | State::Cancelled => 0,
    }
}

fn is_decision(state: State) -> bool {
    matches!(state, State::Issued | State::Rejected | State::IssuedByDefault)
}

/// Whether two concurrent events cannot both be true and none has the greater authority: one product
/// handed over or loaded twice, an agency's two answers.
fn clashes(one: &Event, other: &Event) -> bool {
    let product = |state| matches!(state, State::HandedOver | State::Loaded | State::WithCollector);
    let answers = is_decision(one.state) && is_decision(other.state) && !one.confirm && !other.confirm;
    let refused = (one.state == State::Rejected) != (other.state == State::Rejected);
    (one.state == other.state && product(one.state)) || (answers && refused)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Events by state, each with the indexes of those that its writer had seen (with all that
    /// those had seen).
    fn life(events: &[(State, &[usize])]) -> Life {
        let mut seen: Vec<Vec<usize>> = Vec::new();
        for (_, parents) in events {
            let mut all = parents.to_vec();
            all.extend(parents.iter().flat_map(|parent| seen[*parent].clone()));
            seen.push(all);
        }
        let made = events.iter().enumerate().map(|(index, (state, _))| event(*state, index)).collect();
        Life::derive(made, |older, newer| {
            let index = |event: &Event| usize::from(event.change.0[0]);
            seen[index(newer)].contains(&index(older))
        })
    }

    fn event(state: State, index: usize) -> Event {
        Event {
            key: format!("{index:03}-0000"),
            state,
            at: None,
            officer: None,
            agency: None,
            reference: None,
            reason: None,
            confirm: false,
            with: None,
            collected_by: None,
            collected_how: None,
            unit: None,
            change: ChangeHash([index as u8; 32]),
            actor: ActorId([index as u8; 16]),
            operation: OperationId { counter: index as u64 + 1, actor: ActorId([index as u8; 16]) },
        }
    }

    #[test]
    fn concurrent_events_are_settled_by_authority() {
        use State::*;
        for (case, events, state, clash) in [
            ("nothing yet", &[][..], Draft, &[][..]),
            ("one after the other", &[(Received, &[][..]), (Complete, &[0])], Complete, &[]),
            ("agency beats van", &[(Received, &[]), (Issued, &[0]), (Incomplete, &[0])], Issued, &[]),
            ("agency beats a van that saw it", &[(Issued, &[]), (Complete, &[0])], Issued, &[]),
            ("sent back, then repaired", &[(Issued, &[]), (Returned, &[0]), (Complete, &[1])], Complete, &[]),
            (
                "withdrawal beats processing",
                &[(Received, &[]), (Cancelled, &[0]), (InProcess, &[0])],
                Cancelled,
                &[],
            ),
            ("also the decision", &[(Received, &[]), (Cancelled, &[0]), (Issued, &[0])], Cancelled, &[]),
            ("also a later one", &[(Cancelled, &[]), (Issued, &[0])], Cancelled, &[]),
            ("but not hand-over", &[(Ready, &[]), (HandedOver, &[0]), (Cancelled, &[0])], HandedOver, &[]),
            ("withdrawal taken back", &[(Cancelled, &[]), (Received, &[0])], Received, &[]),
            ("hand-over is final", &[(HandedOver, &[]), (Ready, &[0]), (Rejected, &[0])], HandedOver, &[]),
            ("then closed", &[(HandedOver, &[]), (Closed, &[0]), (Received, &[1])], Closed, &[]),
            ("an end hides no decision", &[(Received, &[]), (Closed, &[0]), (Issued, &[0])], Issued, &[]),
            ("two answers", &[(InProcess, &[]), (Issued, &[0]), (Rejected, &[0])], Rejected, &[1, 2]),
            ("answered again", &[(Issued, &[]), (Rejected, &[]), (Issued, &[0, 1])], Issued, &[]),
            ("two hand-overs", &[(Ready, &[]), (HandedOver, &[0]), (HandedOver, &[0])], HandedOver, &[1, 2]),
            ("looked into", &[(HandedOver, &[]), (HandedOver, &[]), (Closed, &[0, 1])], Closed, &[]),
            ("back to stock", &[(Loaded, &[]), (Ready, &[0])], Ready, &[]),
            ("never shown as done", &[(Complete, &[]), (WaitingForNetwork, &[])], WaitingForNetwork, &[]),
        ] {
            let life = life(events);
            assert_eq!((life.state(), life.clash.as_slice()), (state, clash), "{case}");
        }
    }

    #[test]
    fn issued_in_the_village_waits_for_the_hub() {
        let mut issued = event(State::Issued, 0);
        issued.confirm = true;
        let older = |older: &Event, newer: &Event| older.operation < newer.operation;
        let life = Life::derive(vec![issued.clone(), event(State::Loaded, 1)], older);
        assert!(life.is_to_be_confirmed() && life.state() == State::Loaded);
        let life = Life::derive(vec![issued.clone(), event(State::Issued, 1)], older);
        assert!(!life.is_to_be_confirmed() && life.state() == State::Issued);
        let life = Life::derive(vec![issued, event(State::Rejected, 1)], |_, _| false);
        assert!(life.clash.is_empty() && life.state() == State::Rejected);
    }

    #[test]
    fn an_index_leaves_room_for_the_next() {
        assert_eq!(index_of("007-ab12"), Some(7));
        assert_eq!(index_of("9999999999-ab12"), None);
    }

    proptest! {
        #[test]
        fn the_state_does_not_depend_on_the_order_of_arrival(
            states in prop::collection::vec((0..17usize, any::<u8>()), 1..7),
            turn in any::<prop::sample::Index>(),
        ) {
            // Each event may have seen some of those before it, by the bits of its number.
            let seen = |old: usize, new: usize| old < new && states[new].1 & (1 << old) != 0;
            let is_older = |old: &Event, new: &Event| seen(old.change.0[0].into(), new.change.0[0].into());
            let events: Vec<Event> =
                states.iter().enumerate().map(|(index, (state, _))| event(State::ALL[*state], index)).collect();
            let mut turned = events.clone();
            turned.rotate_left(turn.index(events.len()));
            let (one, other) = (Life::derive(events, is_older), Life::derive(turned, is_older));
            prop_assert_eq!(one.current().map(|event| &event.key), other.current().map(|event| &event.key));
        }
    }
}
