//! Who may set which state of a case.

use std::collections::{BTreeMap, BTreeSet};

use super::{Breach, Catalogue, CatalogueAnswer, Denial, Warning, Writer, map_place, root_text, shown};
use crate::{
    change::{Action, Change, Scalar},
    document::{
        schema::key,
        seen::{Ruled, Seen},
        state::State,
    },
    id::{ActorId, hex},
};

/// A status event, as the change writes it.
#[derive(Debug, Clone, Copy, Default)]
struct Event<'a> {
    state: Option<&'a str>,
    at: bool,
    agency: Option<&'a str>,
    reference: Option<&'a str>,
    confirm: bool,
}

/// Judges the status events that the change makes.
///
/// # Errors
/// As [`super::check`].
pub(super) fn check(
    seen: Seen<'_>,
    places: &[Ruled<'_>],
    writer: &Writer,
    catalogue: Catalogue<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<(), Denial> {
    let events = events(seen.change, places);
    if events.is_empty() {
        return Ok(());
    }
    let mut before = states_before(seen);
    let mut owned = Vec::new();
    for (name, event) in &events {
        let state = check_event(name, event, seen.change.actor)?;
        check_state(state, event, &before, writer)?;
        if matches!(state, State::Issued | State::Rejected) {
            owned.push(event);
        }
        before.insert(state);
    }
    for event in owned {
        warnings.extend(check_owner(seen, event, writer, catalogue)?);
    }
    Ok(())
}

/// The events that the change makes, in its order.
fn events<'a>(change: &'a Change, places: &[Ruled<'a>]) -> Vec<(&'a str, Event<'a>)> {
    let mut events: Vec<(&str, Event<'_>)> = Vec::new();
    let mut positions = BTreeMap::new();
    for (operation, Ruled { place, .. }) in change.operations.iter().zip(places) {
        match (place.path(), &operation.action) {
            ([key::STATUS, name], Action::MakeMap) => {
                positions.insert(*name, events.len());
                events.push((name, Event::default()));
            }
            ([key::STATUS, name, field], Action::Put(value)) => {
                if let Some(&position) = positions.get(name) {
                    set(&mut events[position].1, field, value);
                }
            }
            _ => {}
        }
    }
    events
}

fn set<'a>(event: &mut Event<'a>, field: &str, value: &'a Scalar) {
    match (field, value) {
        (key::STATE, Scalar::Str(text)) => event.state = Some(text),
        (key::AT, Scalar::Timestamp(_)) => event.at = true,
        (key::AGENCY, Scalar::Str(text)) => event.agency = Some(text),
        (key::REFERENCE, Scalar::Str(text)) => event.reference = Some(text),
        (key::CONFIRM, Scalar::Boolean(confirm)) => event.confirm = *confirm,
        _ => {}
    }
}

/// The states that the case had had, as far as the author had seen.
fn states_before(seen: Seen<'_>) -> BTreeSet<State> {
    let mut states = BTreeSet::new();
    for (_, change) in seen.past.iter() {
        for operation in &change.operations {
            if map_place(operation).is_some_and(|(_, name)| name == key::STATE)
                && let Action::Put(Scalar::Str(text)) = &operation.action
                && let Ok(state) = text.parse()
                && seen.place_of(operation, 0).is_some_and(|place| place.path()[0] == key::STATUS)
            {
                states.insert(state);
            }
        }
    }
    states
}

fn check_event(name: &str, event: &Event<'_>, actor: ActorId) -> Result<State, Breach> {
    let number_and_writer = name.rsplit_once('-').is_some_and(|(number, writer)| {
        number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit()) && writer == hex(&actor.0[..2])
    });
    if !number_and_writer {
        return Err(Breach::EventKey { event: shown(name) });
    }
    let incomplete = |key| Breach::EventIncomplete { event: shown(name), key };
    let text = event.state.ok_or_else(|| incomplete(key::STATE))?;
    if !event.at {
        return Err(incomplete(key::AT));
    }
    text.parse().map_err(|_| Breach::UnknownState { text: shown(text) })
}

/// Whether `writer` may set `state` after the states `before`, as far as no catalogue is needed.
fn check_state(
    state: State,
    event: &Event<'_>,
    before: &BTreeSet<State>,
    writer: &Writer,
) -> Result<(), Breach> {
    let hub = *writer == Writer::Hub;
    // The hub may confirm, after the hand-over, what a van issued to be confirmed.
    let final_allows = state == State::Closed || (hub && state == State::Issued);
    if before.contains(&State::HandedOver) && !final_allows {
        return Err(Breach::AfterHandOver { state });
    }
    match state {
        State::Draft
        | State::Received
        | State::Complete
        | State::Incomplete
        | State::WaitingForNetwork
        | State::Loaded
        | State::WithCollector
        | State::HandedOver
        | State::Closed
        | State::Cancelled => Ok(()),
        State::Ready if hub || before.contains(&State::Loaded) => Ok(()),
        State::Ready => Err(Breach::NotLoaded),
        State::Issued if !hub => Ok(()),
        State::Forwarded
        | State::InProcess
        | State::Returned
        | State::Issued
        | State::Rejected
        | State::IssuedByDefault => {
            if !hub {
                return Err(Breach::HubState { state });
            }
            if event.agency.is_none_or(str::is_empty) {
                return Err(Breach::AgencyMissing { state });
            }
            Ok(())
        }
    }
}

/// Whether the agency that owns the service stands behind *issued* or *rejected*.
fn check_owner(
    seen: Seen<'_>,
    event: &Event<'_>,
    writer: &Writer,
    catalogue: Catalogue<'_>,
) -> Result<Option<Warning>, Denial> {
    let with_reference = event.reference.is_some_and(|text| !text.is_empty()) && event.confirm;
    let first = seen.past.iter().next().map_or(seen.change, |(_, change)| change);
    let version = root_text(first, key::CATALOGUE).unwrap_or_default();
    let service = root_text(first, key::SERVICE).unwrap_or_default();
    let (owner, full) = match catalogue(version, service) {
        CatalogueAnswer::UnknownVersion => return Err(Denial::UnknownCatalogue(version.to_owned())),
        CatalogueAnswer::UnknownService => {
            return Err(Breach::UnknownService { service: shown(service) }.into());
        }
        CatalogueAnswer::Service { agency, full } => (agency, full),
    };
    if let Some(found) = event.agency.filter(|found| *found != owner) {
        return Err(Breach::OtherAgency { found: shown(found), owner }.into());
    }
    if *writer == Writer::Hub {
        return Ok(None);
    }
    if !full && !with_reference {
        return Err(Breach::IssuedByVan.into());
    }
    Ok(Some(Warning::IssuedByVan { agency: owner, to_be_confirmed: with_reference }))
}
