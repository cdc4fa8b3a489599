//! What this laptop carries for others and others for it: bundles, and the laptops that it met.

use std::path::{Path, PathBuf, absolute};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    desk::author,
    id::{DeviceId, PublicKey},
    store::carried::{self, Carried, Met},
    sync::bundle::{BUNDLE_BYTES_MAX, BUNDLE_EXTENSION, Bundle, Exported, Held, ImportError, Imported, Part},
    time::Now,
};

use crate::{
    agent::{Agent, not_enrolled, said},
    host::{files, output::Failure},
};

/// What is done with bundles, and with what is carried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarryAct {
    /// Tell what is carried.
    List,
    /// Write a bundle into a folder, or to a file that is not there yet; absolute.
    Export(PathBuf),
    /// Take a bundle in.
    Import(PathBuf),
    /// Verify a bundle.
    Verify(PathBuf),
    /// List the laptops of the fleet: an event each.
    Peers,
}

impl Agent {
    pub(crate) fn carry(
        &mut self,
        now: Now,
        act: &CarryAct,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        if self.replica().station().place.is_none() {
            return Err(not_enrolled());
        }
        match act {
            CarryAct::List => self.carrying(),
            CarryAct::Export(to) => self.export_to(now, to),
            CarryAct::Import(file) => {
                let bytes = files::read(file, BUNDLE_BYTES_MAX)?;
                let imported = self.replica_mut().import_bundle(now, &bytes).map_err(refused)?;
                Ok(self.told(&imported))
            }
            CarryAct::Verify(file) => self.verify(file),
            CarryAct::Peers => self.peers(each),
        }
    }

    fn export_to(&mut self, now: Now, to: &Path) -> Result<Value, Failure> {
        let exported = self.replica_mut().export_bundle(now, Some(&[])).map_err(said)?;
        let file = if to.is_dir() { to.join(self.bundle_name(now)) } else { to.to_owned() };
        files::write_new(&file, &exported.bytes)?;
        let Exported { bytes, own_changes, carried_changes, receipts, notes, left } = exported;
        Ok(json!({
            "file": file,
            "bytes": bytes.len(),
            "own_changes": own_changes,
            "carried_changes": carried_changes,
            "receipts": receipts,
            "notes": notes,
            "left": left,
        }))
    }

    /// `keliling-V01A-20261122-081500.bundle`.
    fn bundle_name(&self, now: Now) -> String {
        let at = now.wall.to_rfc3339(self.offset_minutes());
        let digits: String = at.chars().filter(char::is_ascii_digit).take(14).collect();
        let (day, time) = digits.split_at(digits.len().min(8));
        format!("keliling-{}-{day}-{time}.{BUNDLE_EXTENSION}", self.called(self.replica().station().device()))
    }

    fn verify(&mut self, file: &Path) -> Result<Value, Failure> {
        let bytes = files::read(file, BUNDLE_BYTES_MAX)?;
        let (Bundle { head, parts }, wrong) = self.replica().verify_bundle(&bytes).map_err(refused)?;
        let count = |wanted: fn(&Part) -> bool| parts.iter().filter(|part| wanted(part)).count();
        Ok(json!({
            "maker": self.called(head.maker),
            "at": head.at.to_rfc3339(self.offset_minutes()),
            "batches": count(|part| matches!(part, Part::Batch(_))),
            "receipts": count(|part| matches!(part, Part::Receipt(_))),
            "notes": count(|part| matches!(part, Part::Note(_))),
            "bytes": bytes.len(),
            "refused": wrong,
        }))
    }

    /// What came of a bundle, its maker by name.
    pub(crate) fn told(&self, imported: &Imported) -> Value {
        let mut told = json!(imported);
        told["maker"] = json!(self.called(imported.maker));
        told
    }

    fn carrying(&mut self) -> Result<Value, Failure> {
        let (epoch, offset_minutes) = (self.replica().station().epoch, self.offset_minutes());
        let tx = self.read()?;
        let mut carrying = Vec::new();
        for run in carried::runs(tx).map_err(said)? {
            let Some(Carried { log, .. }) = run.first() else { continue };
            let laptop = author::of(tx, log.author, log.epoch).map_err(said)?.laptop;
            let since = run.iter().map(|carried| carried.at).min();
            carrying.push(json!({
                "device": log.author,
                "laptop": laptop,
                "changes": run.iter().map(|carried| carried.changes).sum::<u64>(),
                "bytes": run.iter().map(|carried| carried.bytes).sum::<u64>(),
                "since": since.map(|at| at.to_rfc3339(offset_minutes)),
                "refused": run.iter().find_map(|carried| carried.refused.clone()),
            }));
        }
        let homeward = carried::homeward(tx).map_err(said)?;
        let homeward = homeward.iter().map(|receipt| {
            let laptop = author::of(tx, receipt.device, receipt.epoch).map_err(said)?.laptop;
            Ok(json!({"device": receipt.device, "laptop": laptop, "entries": receipt.cursor.index}))
        });
        let homeward = homeward.collect::<Result<Vec<_>, Failure>>()?;
        let notes = carried::notes(tx, epoch).map_err(said)?;
        let carried_by = notes.iter().map(|note| {
            json!({
                "device": note.carrier,
                "laptop": self.called(note.carrier),
                "entries": note.cursor.index - note.after,
                "at": note.at.to_rfc3339(offset_minutes),
            })
        });
        Ok(json!({
            "carrying": carrying,
            "carried_by": carried_by.collect::<Vec<_>>(),
            "homeward": homeward,
        }))
    }

    /// The laptops of the fleet but this one.
    fn peers(&mut self, each: &mut dyn FnMut(Value) -> bool) -> Result<Value, Failure> {
        let (own, offset_minutes) = (self.replica().station().key.public(), self.offset_minutes());
        let met = carried::met(self.read()?).map_err(said)?;
        let mut count = 0_u64;
        for row in self.replica().registries().devices().filter(|row| row.key.is_some_and(|key| key != own)) {
            let found = met.iter().find(|met| row.device() == Some(met.device));
            count += 1;
            each(json!({
                "laptop": format!("{}{}", row.unit, row.letter),
                "unit": row.unit,
                "barred": row.barred,
                "address": found.map(|met| met.address.as_str()).filter(|address| !address.is_empty()),
                "met": found.map(|met| met.at.to_rfc3339(offset_minutes)),
            }));
        }
        Ok(json!({"peers": count}))
    }

    /// A laptop by unit and letter, or what else is known of it.
    pub(crate) fn called(&self, device: DeviceId) -> String {
        if device == DeviceId::HUB {
            return "hub".to_owned();
        }
        let row = self.replica().registries().device(device);
        row.map_or_else(|| format!("device {device}"), |row| format!("{}{}", row.unit, row.letter))
    }

    /// Who of the fleet holds a key, and may connect.
    pub(crate) fn peer_of(&self, key: PublicKey) -> Option<DeviceId> {
        let row = self.replica().registries().devices().find(|row| row.key == Some(key) && !row.barred)?;
        let own = self.replica().station().key.public();
        row.device().filter(|_| key != own)
    }

    /// The keys of the laptops that may connect.
    pub(crate) fn fleet_keys(&self) -> Vec<PublicKey> {
        let own = self.replica().station().key.public();
        let rows = self.replica().registries().devices().filter(|row| !row.barred);
        rows.filter_map(|row| row.key).filter(|key| *key != own).collect()
    }

    /// A bundle for a laptop that holds `held`; of `None` receipts and notes alone.
    pub(crate) fn bundle_for(&mut self, now: Now, held: Option<&[Held]>) -> Result<Exported, Failure> {
        self.replica_mut().export_bundle(now, held).map_err(said)
    }

    /// Takes in what another laptop gave.
    pub(crate) fn take_bundle(&mut self, now: Now, bytes: &[u8]) -> Result<Imported, Failure> {
        self.replica_mut().import_bundle(now, bytes).map_err(refused)
    }

    /// Notes that another laptop was met, at `address` where this one went there.
    pub(crate) fn note_met(&mut self, now: Now, device: DeviceId, address: &str) -> Result<(), Failure> {
        let met = Met { device, address: address.to_owned(), at: now.wall };
        self.replica_mut().keep(|tx, _| carried::put_met(tx, &met)).map_err(said)
    }
}

/// Why a bundle is not taken, and what to do next.
fn refused(error: ImportError) -> Failure {
    let next = match &error {
        ImportError::Store(_) => return said(error),
        ImportError::Bundle(_) => {
            "nothing of it was taken; whoever made it has everything still: have it written again"
        }
        ImportError::District { .. } => "nothing of it was taken; bring it to a machine of that district",
        ImportError::Maker { .. } => {
            "nothing of it was taken; sync with the hub, which tells the keys of new laptops, then try again"
        }
    };
    said(error).next(next)
}

/// The whole path of a file that a person named.
///
/// # Errors
/// The system does not know where it works.
pub fn whole(file: &Path) -> Result<PathBuf, Failure> {
    absolute(file).map_err(|error| files::unreadable(file, &error))
}
