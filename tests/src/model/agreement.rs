//! Agreement: the hub and every honest laptop have the same heads and the same view of what both have in scope.

use std::collections::{BTreeMap, btree_map::Entry};

use anyhow::{Context as _, ensure};
use shared::{
    document::{self, Case, Edit, Person, View, Visit, conflict},
    id::{ActorId, ChangeHash, DocumentId, Kind as Sort},
    store::{Tx, changes, feeds, log, quarantine, read_model},
    sync::Replica,
};

use crate::world::{HUB, World};

impl World {
    /// Whether everybody agrees with the hub.
    ///
    /// # Errors
    /// Who does not, about what.
    pub(crate) fn agree(&mut self) -> anyhow::Result<()> {
        let vans: Vec<_> = (0..self.machines.len()).filter(|number| self.is_welcome(*number)).collect();
        let mut views = BTreeMap::new();
        self.machines[HUB].running()?.read()?;
        for number in vans {
            self.machines[number].running()?.read()?;
            let hub = self.machines[HUB].replica.as_ref().context("the hub is down")?;
            let machine = &self.machines[number];
            let van = machine.replica.as_ref().context("a van is down")?;
            let feed = hub.station().feed_for(machine.device, van.station().epoch);
            let (there, here) = (hub.store().reader(), van.store().reader());
            let row = log::find(there, &feed)?.with_context(|| format!("{} has no feed", machine.name))?.row;
            let (mut told, mut known) = (feeds::entered(there, row)?, feeds::entered(here, feeds::OWN)?);
            told.sort_unstable();
            known.sort_unstable();
            let versions = |replica: &Replica| -> Vec<_> {
                replica
                    .registries()
                    .tables()
                    .map(|(version, table)| (table.kind().clone(), version))
                    .collect()
            };
            ensure!(versions(van) == versions(hub), "{}: other registries than the hub", machine.name);
            ensure!(told == known, "{}: scope {known:?}, by the hub {told:?}", machine.name);
            let unit = van.station().place.as_ref().and_then(|place| place.unit.clone()).context("a unit")?;
            let is_partial = hub.registries().unit(&unit).is_some_and(|unit| !unit.villages.is_empty());
            for document in open_documents(there)? {
                let is_in = told.binary_search(&document).is_ok();
                ensure!(is_in || is_partial, "{}: {document:?} is not in scope", machine.name);
            }
            for document in told {
                let theirs = match views.entry(document) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => unknown.insert(Sight::of(there, document)?),
                };
                let mine = Sight::of(here, document)?;
                ensure!(
                    mine.heads == theirs.heads,
                    "{}: {document} has heads {}, the hub {}",
                    machine.name,
                    told_of(there, &mine.heads)?,
                    told_of(here, &theirs.heads)?
                );
                ensure!(
                    mine == *theirs,
                    "{}: {document:?} is {mine:?}, at the hub {:?}",
                    machine.name,
                    theirs
                );
            }
        }
        self.hub_has_settled()
    }

    /// Nothing waits at the hub, and every document opens.
    fn hub_has_settled(&self) -> anyhow::Result<()> {
        let hub = self.machines[HUB].replica.as_ref().context("the hub is down")?;
        let tx = hub.store().reader();
        for device in changes_waiting(tx)? {
            let is_hostile = self
                .machines
                .iter()
                .any(|machine| machine.device.0 == device && machine.kind == crate::world::Kind::Hostile);
            ensure!(is_hostile, "a change of device {device} waits at the hub");
        }
        let mut statement = tx.prepare_cached("SELECT DISTINCT document FROM change WHERE state = 1")?;
        let rows = statement.query_map([], |row| Ok(DocumentId(row.get(0)?)))?;
        for document in rows {
            let document = document?;
            let kind = document.kind().context("a kind")?;
            let history = changes::history(tx, document)?;
            Edit::open(kind, &history, ActorId([1; 16])).with_context(|| format!("{document:?}"))?;
        }
        Ok(())
    }
}

/// Heads of one side, with what the other one makes of them.
fn told_of(tx: Tx<'_>, heads: &[ChangeHash]) -> anyhow::Result<String> {
    let mut text = String::new();
    for hash in heads {
        let found = changes::find(tx, hash)?;
        let refused = quarantine::find(tx, hash)?.map(|refused| refused.reason);
        let state = found.as_ref().map(|change| change.state);
        let origin = found.map(|change| change.origin);
        text += &format!("{hash:?} (over there {state:?} {refused:?}, of {origin:?}) ");
    }
    Ok(text)
}

fn changes_waiting(tx: Tx<'_>) -> anyhow::Result<Vec<u32>> {
    let mut statement = tx.prepare_cached("SELECT DISTINCT author FROM change WHERE state = 0")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The documents that every laptop without villages of its own must have: all but cases that have ended.
fn open_documents(tx: Tx<'_>) -> anyhow::Result<Vec<DocumentId>> {
    let mut documents = Vec::new();
    for document in read_model::newest_first(tx)? {
        let ended: Option<i64> = match document.kind() {
            Some(Sort::Case) => {
                tx.query_row("SELECT count(closed) FROM case_row WHERE document = ?1", [document.0], |row| {
                    row.get(0)
                })?
            }
            _ => Some(0),
        };
        if ended == Some(0) {
            documents.push(document);
        }
    }
    Ok(documents)
}

/// A document as somebody sees it.
#[derive(PartialEq, Debug)]
struct Sight {
    heads: Vec<ChangeHash>,
    text: String,
    conflicts: String,
}

impl Sight {
    fn of(tx: Tx<'_>, document: DocumentId) -> anyhow::Result<Self> {
        let history = changes::history(tx, document)?;
        let view = View::of(&history);
        let kind = document.kind().context("a kind")?;
        let text = match kind {
            Sort::Case => serde_json::to_string(&Case::read(&view))?,
            Sort::Person => serde_json::to_string(&Person::read(&view))?,
            Sort::Visit => serde_json::to_string(&Visit::read(&view))?,
        };
        let conflicts = format!("{:?}", conflict::conflicts(kind, &view));
        Ok(Self { heads: document_heads(&history), text, conflicts })
    }
}

fn document_heads(history: &document::History) -> Vec<ChangeHash> {
    history.heads()
}
