//! Who may write what in a document: the rules that depend on the writer and on what a key means.
//!
//! The gate asks here after it has found a change well formed. **Invariants:** what the first
//! change fixed stays as it was; what only grows is never overwritten or hidden; only the hub
//! speaks for an agency, except where a van issues for a service that ends in the village or with
//! that agency's own reference; anyone may attach, and nobody takes an attachment out again. A breach condemns the change, whoever carried it.

mod attachments;
mod events;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    change::{Action, Change, Key, Object, Operation, OperationId, Scalar},
    document::{
        schema::{self, Entry, Keys, Writes, key},
        seen::{Ruled, Seen},
        state::State,
    },
    id::{ActorId, DeviceId, DocumentId, Kind, UnitId},
};

/// Who wrote a change, as its signature proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writer {
    /// An enrolled laptop.
    Van {
        /// Its number.
        device: DeviceId,
        /// The unit that it belongs to.
        unit: UnitId,
        /// Whether the device's signed log claims the change's actor.
        own_actor: bool,
    },
    /// The hub.
    Hub,
}

/// What a version of the services registry says of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogueAnswer {
    /// That version has not arrived.
    UnknownVersion,
    /// That version has no such service.
    UnknownService,
    /// The service.
    Service {
        /// Code of the agency that owns it.
        agency: String,
        /// Whether it begins and ends in the village.
        full: bool,
    },
}

/// Looks a service up: catalogue version, then service code.
pub type Catalogue<'a> = &'a dyn Fn(&str, &str) -> CatalogueAnswer;

/// What is worth a person's eye, in a change that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A van set *issued*: the caller compares the agency with those aboard its visit.
    IssuedByVan {
        /// Code of the agency that owns the service.
        agency: String,
        /// Whether the agency must confirm it yet.
        to_be_confirmed: bool,
    },
    /// The document names another unit than its writer's.
    OtherUnit {
        /// The unit named.
        named: String,
    },
}

/// Why a writer was not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// Only the hub writes there.
    #[error("only the hub may write `{key}`")]
    HubOnly {
        /// The key, from the root.
        key: String,
    },
    /// It was fixed when the document was made.
    #[error("`{key}` is written once, when the document is made")]
    WrittenOnce {
        /// The key, from the root.
        key: String,
    },
    /// What stands there stays.
    #[error("`{key}` only grows: what stands there can be neither replaced nor removed")]
    GrowsOnly {
        /// The key, from the root.
        key: String,
    },
    /// Its parts come in one change.
    #[error("`{key}` is part of an entry that another change has written whole")]
    WrittenWhole {
        /// The key, from the root.
        key: String,
    },
    /// A requirement's tick vanished without a reason.
    #[error("the tick of `{requirement}` cannot be deleted; give the reason for its removal instead")]
    TickDeleted {
        /// The requirement.
        requirement: String,
    },
    /// The change that makes a document lacks a key.
    #[error("the document was made without `{key}`")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// An attachment under a key that is no content hash.
    #[error("`{key}` is not the hash of an attachment's content")]
    AttachmentKey {
        /// The key, cut.
        key: String,
    },
    /// An attachment that does not say what it is.
    #[error("attachment `{hash}` lacks a valid {key}")]
    AttachmentIncomplete {
        /// The hash, cut.
        hash: String,
        /// What it lacks.
        key: &'static str,
    },
    /// A status event without its state or its time.
    #[error("status event `{event}` lacks its {key}")]
    EventIncomplete {
        /// Key of the event.
        event: String,
        /// What it lacks.
        key: &'static str,
    },
    /// A status event under a key that is not its writer's.
    #[error("`{event}` is not a status event's number with the first four digits of its writer")]
    EventKey {
        /// Key of the event.
        event: String,
    },
    /// No such state.
    #[error("`{text}` is not a state of a case")]
    UnknownState {
        /// What was written, cut.
        text: String,
    },
    /// That state is for the hub to set.
    #[error("a van may not set `{state}`; the hub does, naming the agency")]
    HubState {
        /// The state.
        state: State,
    },
    /// A van issued what it may not.
    #[error(
        "a van may set `issued` only for a service that ends in the village, or with the agency's own reference and marked to be confirmed"
    )]
    IssuedByVan,
    /// A van took back to stock what was not loaded.
    #[error("`ready` is for the hub to set, except for a product that was loaded and goes back to stock")]
    NotLoaded,
    /// The product had been handed over.
    #[error("the product had been handed over, which is final: `{state}` comes too late")]
    AfterHandOver {
        /// The state.
        state: State,
    },
    /// The hub set an agency's state and named no agency.
    #[error("`{state}` names no agency")]
    AgencyMissing {
        /// The state.
        state: State,
    },
    /// The agency named does not own the service.
    #[error("`{found}` does not own this service; `{owner}` does")]
    OtherAgency {
        /// The agency named, cut.
        found: String,
        /// The service's agency.
        owner: String,
    },
    /// The case's own catalogue version has no such service.
    #[error("the catalogue that the case names has no service `{service}`")]
    UnknownService {
        /// The code, cut.
        service: String,
    },
}

/// Why a change cannot be let in, or not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// Never.
    Breach(Breach),
    /// Not before this version of the services registry has arrived.
    UnknownCatalogue(String),
}

impl From<Breach> for Denial {
    fn from(breach: Breach) -> Self {
        Self::Breach(breach)
    }
}

/// The part of an id that all documents made under one actor share: its first ten bytes, so that
/// nobody else can pass a second beginning of the document off as the first.
pub fn id_prefix(actor: ActorId) -> [u8; 10] {
    let mut prefix = [0; 10];
    prefix.copy_from_slice(&actor.0[..10]);
    prefix
}

/// Whether `change` is the beginning of `document`: made by the actor in its id, and naming its number, so that
/// no change begins two documents and equal contents of two documents have two hashes.
pub fn begins(document: DocumentId, change: &Change) -> bool {
    let number = Action::Put(Scalar::Int(document.number()));
    document.0[..10] == change.actor.0[..10]
        && change.operations.iter().any(|operation| {
            operation.object == Object::Root
                && matches!(&operation.key, Key::Map(found) if found == key::ID)
                && operation.action == number
        })
}

/// The text that `change` puts at `key` of the root.
pub fn root_text<'a>(change: &'a Change, key: &str) -> Option<&'a str> {
    change.operations.iter().find_map(|operation| {
        match (&operation.object, &operation.key, &operation.action) {
            (Object::Root, Key::Map(found), Action::Put(Scalar::Str(text))) if found == key => {
                Some(text.as_str())
            }
            _ => None,
        }
    })
}

/// Judges a well-formed change by its writer: every operation has a place in the schema of `kind`, as `places` has
/// them in the change's order.
///
/// # Errors
/// The first rule broken in the change's order; or the catalogue version that its verdict needs,
/// where nothing else is wrong with it.
pub fn check(
    kind: Kind,
    seen: Seen<'_>,
    places: &[Ruled<'_>],
    writer: &Writer,
    catalogue: Catalogue<'_>,
) -> Result<Vec<Warning>, Denial> {
    check_keys(seen, places, writer)?;
    let mut warnings = Vec::new();
    if seen.change.parents.is_empty() {
        check_beginning(kind, places)?;
        warnings.extend(other_unit(seen.change, writer));
    }
    if kind == Kind::Case {
        attachments::check(seen.change, places)?;
        events::check(seen, places, writer, catalogue, &mut warnings)?;
    }
    Ok(warnings)
}

fn check_keys(seen: Seen<'_>, places: &[Ruled<'_>], writer: &Writer) -> Result<(), Breach> {
    let creates = seen.change.parents.is_empty();
    let mut taken = Taken::default();
    let mut ticks = BTreeSet::new();
    for (operation, Ruled { place, entry, map }) in seen.change.operations.iter().zip(places) {
        let name = || shown(&place.path().join("."));
        if entry.hub_only && *writer != Writer::Hub {
            return Err(Breach::HubOnly { key: name() });
        }
        if place.element {
            continue;
        }
        // Whole is what only the change that made the map writes in.
        if map.whole && !matches!(operation.object, Object::Made(id) if seen.is_own(id)) {
            return Err(Breach::WrittenWhole { key: name() });
        }
        let fresh = operation.predecessors.is_empty() && taken.add(seen, entry, operation);
        match entry.writes {
            Writes::FirstChange | Writes::FirstChangeIfAny if !creates || !fresh => {
                return Err(Breach::WrittenOnce { key: name() });
            }
            Writes::GrowOnly if !fresh => return Err(Breach::GrowsOnly { key: name() }),
            Writes::FirstChange | Writes::FirstChangeIfAny | Writes::GrowOnly | Writes::Free => {}
        }
        if operation.action == Action::Delete && place.path()[0] == key::TICKS {
            ticks.extend(map_place(operation));
        }
    }
    check_ticks(seen, &ticks)
}

/// Whether a value is left standing at each of the ticks where the change deletes one: automerge
/// settles concurrent values by deleting all but the one that is wanted.
fn check_ticks(seen: Seen<'_>, ticks: &BTreeSet<(Object, &str)>) -> Result<(), Breach> {
    if ticks.is_empty() {
        return Ok(());
    }
    let mut put: BTreeMap<OperationId, (Object, &str)> = BTreeMap::new();
    let mut replaced: BTreeSet<OperationId> = BTreeSet::new();
    for change in seen.past.iter().map(|(_, change)| change).chain([seen.change]) {
        for (index, operation) in change.operations.iter().enumerate() {
            let Some(place) = map_place(operation).filter(|place| ticks.contains(place)) else { continue };
            if operation.action != Action::Delete {
                put.insert(change.operation_id(index), place);
            }
            replaced.extend(&operation.predecessors);
        }
    }
    put.retain(|id, _| !replaced.contains(id));
    let standing: BTreeSet<_> = put.into_values().collect();
    match ticks.difference(&standing).next() {
        Some((_, requirement)) => Err(Breach::TickDeleted { requirement: shown(requirement) }),
        None => Ok(()),
    }
}

/// The places that had been written, as far as they matter: those that are written only once.
#[derive(Default)]
struct Taken<'a> {
    past: Option<BTreeSet<(Object, &'a str)>>,
    own: BTreeSet<(Object, &'a str)>,
}

impl<'a> Taken<'a> {
    /// Notes that `operation` writes its place; returns whether nothing had been written there.
    fn add(&mut self, seen: Seen<'a>, entry: &Entry, operation: &'a Operation) -> bool {
        let Some(place) = map_place(operation) else { return true };
        if entry.writes == Writes::Free {
            return true;
        }
        let past = self.past.get_or_insert_with(|| {
            let changes = seen.past.iter().map(|(_, change)| change);
            changes.flat_map(|change| change.operations.iter().filter_map(map_place)).collect()
        });
        !past.contains(&place) && self.own.insert(place)
    }
}

fn map_place(operation: &Operation) -> Option<(Object, &str)> {
    match &operation.key {
        Key::Map(key) => Some((operation.object, key.as_str())),
        Key::Head | Key::Element(_) => None,
    }
}

/// Whether everything that only the first change may write is there.
fn check_beginning(kind: Kind, places: &[Ruled<'_>]) -> Result<(), Breach> {
    let Keys::Fixed(entries) = &schema::root(kind).keys else { return Ok(()) };
    let is_written =
        |entry| places.iter().any(|ruled| ruled.place.path().len() == 1 && std::ptr::eq(ruled.entry, entry));
    let missing = entries.iter().find(|(_, entry)| entry.writes == Writes::FirstChange && !is_written(entry));
    match missing {
        Some((key, _)) => Err(Breach::Missing { key }),
        None => Ok(()),
    }
}

fn other_unit(change: &Change, writer: &Writer) -> Option<Warning> {
    let Writer::Van { unit, .. } = writer else { return None };
    let named = root_text(change, key::UNIT)?;
    (named != unit.as_str()).then(|| Warning::OtherUnit { named: shown(named) })
}

/// `text` cut to 64 characters, without control characters: it comes from another machine.
fn shown(text: &str) -> String {
    text.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
