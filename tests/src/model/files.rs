//! What must hold of attachments: who has attached one finds it at the hub in the end, whole.

use anyhow::{Context as _, ensure};
use shared::{
    id::{ContentHash, DeviceId},
    store::attachment,
    sync::Replica,
};

use super::Model;
use crate::world::{HUB, Kind, Machine, World};

/// An acknowledged attachment.
#[derive(Debug)]
pub(super) struct NotedFile {
    pub(super) machine: usize,
    pub(super) device: DeviceId,
    hash: ContentHash,
    /// How many edits were noted before it.
    pub(super) noted: usize,
    is_excused: bool,
}

impl Model {
    /// Notes a file that a machine has acknowledged as attached.
    pub fn attached(&mut self, number: usize, machine: &Machine, hash: ContentHash, noted: usize) {
        if machine.kind == Kind::Hostile {
            return;
        }
        let device = machine.device;
        let is_excused = self.is_revoked(device);
        self.files.push(NotedFile { machine: number, device, hash, noted, is_excused });
    }

    pub(super) fn excuse_files(&mut self, which: impl Fn(&NotedFile) -> bool) {
        for file in self.files.iter_mut().filter(|file| which(file)) {
            file.is_excused = true;
        }
    }
}

/// Whatever a laptop holds a receipt for is whole at the hub.
pub(super) fn check_receipts(hub: &Replica, machine: &Machine) -> anyhow::Result<()> {
    let Some(van) = machine.replica.as_ref() else { return Ok(()) };
    let tx = van.store().reader();
    let mut statement = tx.prepare_cached("SELECT hash FROM attachment WHERE receipt IS NOT NULL")?;
    let rows = statement.query_map([], |row| Ok(ContentHash(row.get(0)?)))?;
    for hash in rows {
        let hash = hash?;
        let known = attachment::find(hub.store().reader(), hash)?;
        let is_there =
            known.is_some_and(|known| known.whole && hub.store().files().size(hash) == Some(known.size));
        ensure!(is_there, "{} shows {hash:?} as arrived: {known:?}", machine.name);
    }
    Ok(())
}

impl World {
    /// Every acknowledged attachment that a case still names is at the hub, byte for byte.
    pub(super) fn check_files(&mut self) -> anyhow::Result<()> {
        self.machines[HUB].running()?.read()?;
        let hub = self.machines[HUB].replica.as_ref().context("the hub is down")?;
        for file in &self.model.files {
            if attachment::names(hub.store().reader(), file.hash)?.is_empty() {
                continue;
            }
            let bytes = hub.store().files().read(file.hash)?;
            let known = attachment::find(hub.store().reader(), file.hash)?;
            let is_there = bytes.is_some() && known.is_some_and(|known| known.whole);
            let name = &self.machines[file.machine].name;
            ensure!(is_there || file.is_excused, "{:?}, attached on {name}, is lost: {known:?}", file.hash);
        }
        Ok(())
    }
}
