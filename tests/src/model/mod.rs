//! What must hold in every world: the oracle.
//!
//! It tracks the edits that were acknowledged and the receipts that were given, never convergence alone: with
//! nothing ever stored, all replicas would agree too. An edit is excused only where the disk that took it went
//! back in time behind it, or its device was revoked; and even then it must be at the hub if any honest laptop
//! still holds it.

mod agreement;
mod chains;
mod custody;
mod files;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use shared::{
    id::{ActorId, ChangeHash, DeviceId, DocumentId},
    store::{
        changes::{self, State},
        devices, log, quarantine,
    },
    sync::{Replica, gate::Refusal},
};

use crate::{
    random::Random,
    world::{HUB, Kind, Machine, World},
};

/// What was noted of a world.
#[derive(Debug, Default)]
pub struct Model {
    edits: Vec<Noted>,
    actors: BTreeMap<ActorId, DeviceId>,
    files: Vec<files::NotedFile>,
    /// Changes that some laptop had the hub's word for.
    promised: BTreeSet<ChangeHash>,
    forged: BTreeSet<ChangeHash>,
    revoked: BTreeSet<DeviceId>,
    hub_restores: u32,
    /// Devices whose disk went back in time, or was copied.
    rewound: BTreeSet<DeviceId>,
    /// The hub's life when its disk last went back in time: until it begins another, nobody knows.
    unnoticed: Option<shared::id::Epoch>,
}

/// An acknowledged edit.
#[derive(Debug)]
struct Noted {
    machine: usize,
    device: DeviceId,
    document: DocumentId,
    hash: ChangeHash,
    is_excused: bool,
}

impl Model {
    /// How many edits were acknowledged.
    pub fn edits(&self) -> usize {
        self.edits.len()
    }

    /// Notes what a machine has acknowledged.
    pub fn acknowledge(
        &mut self,
        number: usize,
        machine: &Machine,
        saved: &[(DocumentId, ChangeHash)],
        actor: ActorId,
    ) {
        if machine.kind == Kind::Hostile {
            return;
        }
        let device = machine.device;
        self.actors.insert(actor, device);
        let is_excused = self.revoked.contains(&device);
        self.edits.extend(saved.iter().map(|(document, hash)| Noted {
            machine: number,
            device,
            document: *document,
            hash: *hash,
            is_excused,
        }));
    }

    /// How much is noted by now.
    pub fn noted(&self) -> usize {
        self.edits.len()
    }

    /// A machine's disk is as it was when that much was noted.
    pub fn taken_back(&mut self, number: usize, noted: usize) {
        for edit in &mut self.edits[noted..] {
            edit.is_excused |= edit.machine == number;
        }
        self.excuse_files(|file| file.machine == number && file.noted >= noted);
        self.hub_restores += u32::from(number == HUB);
    }

    /// A device's disk went back in time, or was copied: what it signed for it may hold no more.
    pub fn rewound(&mut self, device: DeviceId) {
        self.rewound.insert(device);
    }

    /// The hub's disk has gone back in time, and nobody may know yet.
    pub fn unnoticed(&mut self, hub: &Replica) {
        self.unnoticed = Some(hub.station().epoch);
    }

    /// A device may not connect any more: what only it holds is out of reach.
    pub fn revoke(&mut self, device: DeviceId) {
        self.revoked.insert(device);
        self.excuse_files(|file| file.device == device);
        for edit in &mut self.edits {
            edit.is_excused |= edit.device == device;
        }
    }

    /// Whether a device was revoked.
    pub fn is_revoked(&self, device: DeviceId) -> bool {
        self.revoked.contains(&device)
    }

    /// Notes a change that must never count.
    pub fn forged(&mut self, hash: ChangeHash) {
        self.forged.insert(hash);
    }

    /// An honest machine's actor.
    pub fn some_actor(&self, random: &mut Random) -> Option<ActorId> {
        let actors: Vec<_> = self.actors.keys().copied().collect();
        (!actors.is_empty()).then(|| *random.pick(&actors))
    }

    /// Where a laptop and the hub stand to one another, for a person.
    ///
    /// # Errors
    /// A store fails.
    pub fn state_of(hub: &Machine, machine: &Machine) -> anyhow::Result<String> {
        let (Some(hub), Some(van)) = (hub.replica.as_ref(), machine.replica.as_ref()) else {
            return Ok("down".to_owned());
        };
        let own = van.station().log();
        let feed = hub.station().feed_for(machine.device, van.station().epoch);
        let head = |replica: &Replica, name| -> anyhow::Result<_> {
            Ok(log::find(replica.store().reader(), name)?.map(|log| log.head.index))
        };
        let receipt = devices::receipt(van.store().reader(), van.station().epoch)?;
        Ok(format!(
            "own log {:?}, at the hub {:?}, receipt {:?}, feed here {:?}, at the hub {:?}, hub's life {:?}, \
             followed {:?}",
            head(van, &own)?,
            head(hub, &own)?,
            receipt.map(|receipt| receipt.cursor.index),
            head(van, &feed)?,
            head(hub, &feed)?,
            hub.station().epoch,
            van.station().feed_epoch
        ))
    }

    /// What was acknowledged or promised is at the hub, under its author's key; what was forged is not.
    fn check_edits(&self, machines: &[Machine], welcome: &[usize]) -> anyhow::Result<()> {
        let hub = machines[HUB].replica.as_ref().context("the hub is down")?;
        let tx = hub.store().reader();
        for edit in &self.edits {
            let name = &machines[edit.machine].name;
            let Some(found) = changes::find(tx, &edit.hash)? else {
                ensure!(
                    edit.is_excused,
                    "{:?} of {:?}, acknowledged by {name}, is lost",
                    edit.hash,
                    edit.document
                );
                continue;
            };
            // What a revoked laptop brought is held for a person, for no other reason.
            let is_left_behind = self.revoked.contains(&edit.device)
                && quarantine::find(tx, &edit.hash)?.is_some_and(|held| held.rule == Refusal::SHUT_OUT);
            ensure!(
                found.state == State::Applied || is_left_behind,
                "{:?} of {name} is {:?} at the hub",
                edit.hash,
                found.state
            );
            ensure!(found.document == edit.document, "{:?} is in another document", edit.hash);
            ensure!(found.origin.device == edit.device, "{:?} of {name} has another author", edit.hash);
            let body = changes::body(tx, &found)?;
            ensure!(shared::document::hash(&body)? == edit.hash, "{:?} has other operations", edit.hash);
            ensure!(self.actors.get(&body.actor) == Some(&edit.device), "{:?} has another actor", edit.hash);
        }
        for hash in &self.promised {
            let is_there = changes::find(tx, hash)?.is_some();
            ensure!(is_there || self.hub_restores > 0, "{hash:?} was promised to be at the hub, and is not");
        }
        for hash in &self.forged {
            let state = changes::find(tx, hash)?.map(|change| change.state);
            ensure!(state != Some(State::Applied), "the forged change {hash:?} counts at the hub");
        }
        for number in welcome {
            let van = machines[*number].replica.as_ref().context("a van is down")?;
            for hash in held(van)? {
                let is_there = changes::find(tx, &hash)?.is_some_and(|change| change.state == State::Applied);
                ensure!(is_there, "{hash:?} is on {} and not at the hub", machines[*number].name);
            }
        }
        Ok(())
    }

    /// Nobody's change stands under another's key.
    fn check_authors(&self, machines: &[Machine]) -> anyhow::Result<()> {
        for machine in machines.iter().filter(|machine| machine.kind != Kind::Hostile) {
            let Some(replica) = machine.replica.as_ref() else { continue };
            let tx = replica.store().reader();
            let mut statement = tx.prepare_cached("SELECT hash FROM change WHERE state = 1")?;
            let hashes = statement.query_map([], |row| row.get::<_, [u8; 32]>(0))?;
            for hash in hashes {
                let hash = ChangeHash(hash?);
                ensure!(
                    !self.forged.contains(&hash),
                    "the forged change {hash:?} counts on {}",
                    machine.name
                );
                let found = changes::find(tx, &hash)?.context("it was there just now")?;
                let body = changes::body(tx, &found)?;
                let device = self.actors.get(&body.actor);
                ensure!(
                    device.is_none_or(|device| *device == found.origin.device),
                    "{}: {hash:?} stands under device {}, and {device:?} wrote it",
                    machine.name,
                    found.origin.device
                );
            }
        }
        Ok(())
    }
}

/// The changes that count on a laptop.
fn held(replica: &Replica) -> anyhow::Result<Vec<ChangeHash>> {
    let tx = replica.store().reader();
    let mut statement = tx.prepare_cached("SELECT hash FROM change WHERE state = 1")?;
    let rows = statement.query_map([], |row| Ok(ChangeHash(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl World {
    /// The verdict, once everything has healed.
    pub(crate) fn judge(&mut self) -> anyhow::Result<()> {
        self.check_custody(None)?;
        let welcome: Vec<_> = (0..self.machines.len()).filter(|number| self.is_welcome(*number)).collect();
        self.model.check_edits(&self.machines, &welcome)?;
        self.model.check_authors(&self.machines)?;
        self.check_files()?;
        chains::check(&self.machines)?;
        custody::check_all_arrived(&mut self.machines, &welcome)?;
        self.rebuild()
    }

    /// The logs alone hold everything: built anew from them, every cache says the same.
    fn rebuild(&mut self) -> anyhow::Result<()> {
        let at = self.at;
        let van = 1 + self.seed as usize % (self.machines.len() - 1);
        for number in [HUB, van] {
            let machine = &mut self.machines[number];
            if machine.kind == Kind::Hostile {
                continue;
            }
            let now = machine.now(at);
            let Some(replica) = machine.replica.as_mut() else { continue };
            let mut before = held(replica)?;
            replica.rebuild(now)?;
            let mut after = held(replica)?;
            before.sort_unstable();
            after.sort_unstable();
            for hash in before.iter().filter(|hash| !after.contains(hash)) {
                let tx = replica.store().reader();
                let found = changes::find(tx, hash)?;
                let refused = quarantine::find(tx, hash)?.map(|refused| refused.reason);
                eprintln!("{}: {hash:?} is now {found:?}, {refused:?}", machine.name);
            }
            ensure!(
                before == after,
                "{} holds {} changes, rebuilt {}",
                machine.name,
                before.len(),
                after.len()
            );
        }
        self.agree().context("rebuilt")
    }
}
