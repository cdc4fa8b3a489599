//! Custody is proven: whatever a laptop shows as arrived is at the hub at that very moment.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use shared::{
    document,
    id::{ChangeHash, DeviceId, DocumentId, Epoch},
    registry::row,
    store::{carried, changes, devices, log},
    sync::{Replica, custody},
    wire::Batch,
};

use crate::world::{HUB, Kind, Machine, World};

impl World {
    /// Holds what laptops show against what the hub has: every laptop, or those of one turn in four.
    ///
    /// # Errors
    /// A laptop shows more than is true, or its numbers do not add up.
    pub(crate) fn check_custody(&mut self, turn: Option<usize>) -> anyhow::Result<()> {
        let hub_epoch = self.machines[HUB].replica.as_ref().map(|hub| hub.station().epoch);
        let mut proven: BTreeMap<usize, Vec<ChangeHash>> = BTreeMap::new();
        for (number, machine) in self.machines.iter_mut().enumerate() {
            let is_due = turn.is_none_or(|turn| turn % 4 == number % 4);
            if machine.kind != Kind::Van || machine.device.0 == 0 || !is_due {
                continue;
            }
            let Some(replica) = machine.replica.as_mut() else { continue };
            let arrived = arrived(replica)?;
            check_numbers(replica, &arrived).with_context(|| machine.name.clone())?;
            self.model.promised.extend(&arrived);
            if hub_epoch.is_some() && replica.station().feed_epoch == hub_epoch {
                proven.insert(number, arrived.into_iter().collect());
            }
        }
        if hub_epoch.is_none() || self.model.unnoticed == hub_epoch {
            return Ok(());
        }
        self.check_notes(&proven.keys().copied().collect::<Vec<_>>())?;
        let hub = self.machines[HUB].replica.as_ref().context("the hub is down")?;
        for number in proven.keys() {
            super::files::check_receipts(hub, &self.machines[*number])?;
        }
        for (number, hashes) in proven {
            for hash in hashes {
                let is_there = changes::find(hub.store().reader(), &hash)?.is_some();
                ensure!(is_there, "{} shows {hash:?} as arrived: it is not", self.machines[number].name);
            }
        }
        Ok(())
    }
}

impl World {
    /// What these laptops, which follow the hub's present life, show as carried is with its carrier, or at the hub.
    /// A carrier's disk that went back in time excuses it only until the laptop has heard of the carrier's other life.
    fn check_notes(&self, numbers: &[usize]) -> anyhow::Result<()> {
        for number in numbers {
            let Some(replica) = self.machines[*number].replica.as_ref() else { continue };
            for (hash, carrier, life) in noted(replica)? {
                let hub = self.machines[HUB].replica.as_ref().context("the hub is down")?;
                if changes::find(hub.store().reader(), &hash)?.is_some() || self.is_held(carrier, &hash)? {
                    continue;
                }
                let newest = replica.registries().newest_life(carrier);
                let is_told = newest.is_none_or(|row| row.life != row::Device::life_of(carrier, life));
                ensure!(
                    self.model.rewound.contains(&carrier) && !is_told,
                    "{} shows {hash:?} as carried by device {carrier} (life {life:?}), which holds it no more",
                    self.machines[*number].name
                );
            }
        }
        Ok(())
    }

    /// Whether a laptop of that device carries a change, or is down, or not to be asked.
    fn is_held(&self, carrier: DeviceId, hash: &ChangeHash) -> anyhow::Result<bool> {
        for machine in self.machines.iter().filter(|machine| machine.device == carrier) {
            let Some(replica) = machine.replica.as_ref().filter(|_| machine.kind == Kind::Van) else {
                return Ok(true);
            };
            let tx = replica.store().reader();
            for carried in carried::all(tx)? {
                let Some(bytes) = carried::bytes(tx, &carried)? else { continue };
                for (entry, _) in log::read(&Batch::of_bytes(&bytes)?)? {
                    if entry.change().map(document::hash).transpose()? == Some(*hash) {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }
}

/// A laptop's own changes that count as carried, by whom, and the carrier's life that signed.
fn noted(replica: &Replica) -> anyhow::Result<Vec<(ChangeHash, DeviceId, Epoch)>> {
    let tx = replica.store().reader();
    let mut statement = tx.prepare_cached(
        "SELECT hash, note.carrier, note.life FROM change
         JOIN log USING (log) JOIN custody_note AS note ON note.epoch = change.epoch
         LEFT JOIN receipt ON receipt.epoch = change.epoch
         WHERE change.author = ?1 AND change.fed = 0 AND log.reader = -1
           AND change.position > coalesce(receipt.head, 0)
           AND change.position > note.after AND change.position <= note.head",
    )?;
    let rows = statement.query_map([replica.station().device().0], |row| {
        Ok((ChangeHash(row.get(0)?), DeviceId(row.get(1)?), Epoch(row.get(2)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A laptop's own changes that a stored receipt covers or the feed has brought. A receipt covers the laptop's own
/// log of a life, never what a twin of it wrote in that life.
fn arrived(replica: &Replica) -> anyhow::Result<BTreeSet<ChangeHash>> {
    let tx = replica.store().reader();
    let device = replica.station().device();
    let mut statement = tx.prepare_cached(
        "SELECT hash FROM change JOIN log USING (log) LEFT JOIN receipt ON receipt.epoch = change.epoch
         WHERE change.author = ?1
           AND (change.fed = 1 OR log.reader = -1 AND change.position <= coalesce(receipt.head, 0))",
    )?;
    let rows = statement.query_map([device.0], |row| Ok(ChangeHash(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Counts the states of cases in the plainest way and compares.
fn check_numbers(replica: &mut Replica, arrived: &BTreeSet<ChangeHash>) -> anyhow::Result<()> {
    let device = replica.station().device();
    let tx = replica.read()?;
    let mut open: BTreeSet<DocumentId> = BTreeSet::new();
    let mut statement = tx.prepare_cached("SELECT hash, document FROM change WHERE author = ?1")?;
    let rows =
        statement.query_map([device.0], |row| Ok((ChangeHash(row.get(0)?), DocumentId(row.get(1)?))))?;
    for row in rows {
        let (hash, document) = row?;
        if !arrived.contains(&hash) {
            open.insert(document);
        }
    }
    let mut here = 0;
    let mut all = 0;
    let mut statement = tx.prepare_cached("SELECT document, applicant, subject, visit FROM case_row")?;
    let rows = statement.query_map([], |row| {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, Option<[u8; 16]>>(3)?])
    })?;
    for row in rows {
        all += 1;
        here += u64::from(row?.into_iter().flatten().any(|document| open.contains(&DocumentId(document))));
    }
    let counted = custody::count(tx, device)?;
    ensure!(
        counted.on_laptop + counted.carried == here
            && counted.on_laptop + counted.carried + counted.at_hub + counted.accepted == all,
        "custody counts {counted:?} where {here} of {all} cases are not at the hub"
    );
    Ok(())
}

/// Once everything has healed, every laptop shows that all has arrived, and its receipts are of its log.
pub(super) fn check_all_arrived(machines: &mut [Machine], welcome: &[usize]) -> anyhow::Result<()> {
    for number in welcome {
        let machine = &mut machines[*number];
        let replica = machine.running()?;
        let (device, epoch) = (replica.station().device(), replica.station().epoch);
        let counted = custody::count(replica.read()?, device)?;
        ensure!(
            [counted.unsent, counted.under_way, counted.on_laptop, counted.carried, counted.attachments]
                == [0; 5],
            "{} shows {counted:?} after everything was said",
            machine.name
        );
        let carried = carried::all(machine.running()?.store().reader())?;
        ensure!(
            carried.iter().all(|carried| carried.refused.is_some()),
            "{} carries {carried:?} after everything was said",
            machine.name
        );
        let receipt = devices::receipt(machine.running()?.store().reader(), epoch)?;
        let log = machine.running()?.station().log();
        let head = log::find(machine.running()?.store().reader(), &log)?.map(|log| log.head);
        ensure!(
            receipt.as_ref().map(|receipt| receipt.cursor) == head.filter(|head| head.index > 0),
            "{}: receipt {receipt:?}, log {head:?}",
            machine.name
        );
    }
    Ok(())
}
