//! What this laptop carries for others and others for it: bundles, and the laptops that it met.

use std::path::{Path, PathBuf, absolute};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    desk::{author, because::Because},
    id::{ContentHash, DeviceId, PublicKey},
    store::{
        attachment,
        carried::{self, Carried, Met},
        notes,
    },
    sync::bundle::{
        BUNDLE_BYTES_MAX, BUNDLE_EXTENSION, Bundle, BundleError, Exported, Files, ImportError, Imported, Part,
    },
    time::Now,
};

use crate::{
    agent::{Agent, NO_LINK, not_enrolled, said},
    host::{
        control::Call,
        files,
        output::Failure,
        owner::{Handle, Stopped},
    },
};

/// What is done with bundles, and with what is carried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarryAct {
    /// Tell what is carried.
    List,
    /// Work with a file.
    File(FileAct),
    /// List the laptops of the fleet: an event each.
    Peers,
}

/// What is done with a bundle's file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileAct {
    /// Write a bundle into a folder, with further ones beside it for files that find no room in it, or to a file that is
    /// not there yet; absolute.
    Export {
        /// Where to.
        to: PathBuf,
        /// Bytes that all of it may have.
        budget: Option<u64>,
    },
    /// Take a bundle in.
    Import(PathBuf),
    /// Verify a bundle.
    Verify(PathBuf),
}

/// Where the store is: on this thread, or on another.
pub trait Store {
    /// Runs `work` where the store is.
    ///
    /// # Errors
    /// Whoever holds it has stopped.
    fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Agent, Now) -> T + Send + 'static,
    ) -> Result<T, Failure>;
}

impl Store for Handle<Agent> {
    fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Agent, Now) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        self.run_blocking(work).map_err(|stopped| Failure::new(stopped.to_string()).why("stopped"))
    }
}

/// Hands a call to the thread that holds the store; what works with a file is done on this one, so that a slow stick
/// keeps nobody else waiting.
///
/// # Errors
/// Whoever holds the store has stopped.
pub(crate) fn pass_on(owner: &Handle<Agent>, call: Call) -> Result<(), Stopped> {
    let act = call.request.get("act").filter(|_| call.request["do"] == "carry");
    let act = act.and_then(|act| serde_json::from_value(act.clone()).ok());
    let Some(CarryAct::File(act)) = act else { return owner.call_blocking(call) };
    match work_with_file(&mut owner.clone(), &act) {
        Ok(done) => call.reply.done(done),
        Err(failure) => call.reply.fail(failure),
    }
    Ok(())
}

/// Works with a bundle's file on this thread; only what concerns the store is done where that is.
///
/// # Errors
/// The file cannot be read, written or taken for a bundle.
pub fn work_with_file(store: &mut impl Store, act: &FileAct) -> Result<Value, Failure> {
    match act {
        FileAct::Export { to, budget } => export(store, to, budget.unwrap_or(u64::MAX)),
        FileAct::Import(file) => {
            let bytes = files::read(file, BUNDLE_BYTES_MAX)?;
            let imported = take_in(store, &bytes, None)?;
            store.run(move |agent, _| agent.told(&imported))
        }
        FileAct::Verify(file) => {
            let bytes = files::read(file, BUNDLE_BYTES_MAX)?;
            store.run(move |agent, _| agent.verify(&bytes))?
        }
    }
}

/// Writes bundles, of which the first holds all facts; where one finds no room, none stays but the facts alone, where
/// those find room. Where another failure ends it, those that are whole stay.
fn export(store: &mut impl Store, to: &Path, budget: u64) -> Result<Value, Failure> {
    let (mut written, mut given) = (Vec::new(), Vec::new());
    let (first, left) = match write_row(store, to, budget, &mut written, &mut given) {
        Ok(row) => row,
        Err(failure) if !failure.is_full() => {
            return Err(naming_what_stays(failure, &written));
        }
        Err(_) => {
            for file in written.drain(..) {
                // What stays of it is of no use.
                drop(std::fs::remove_file(file));
            }
            given.clear();
            write_row(store, to, 0, &mut written, &mut given)?
        }
    };
    let bytes = written.iter().filter_map(|file| Some(std::fs::metadata(file).ok()?.len())).sum::<u64>();
    Ok(json!({
        "file": written[0],
        "files": written,
        "bytes": bytes,
        "own_changes": first.own_changes,
        "carried_changes": first.carried_changes,
        "receipts": first.receipts,
        "notes": first.notes,
        "left": first.left,
        "attachments": given.len(),
        "attachments_left": left.0,
        "attachment_bytes_left": left.1,
    }))
}

/// A failure, with the bundles that were written before it and are whole.
fn naming_what_stays(mut failure: Failure, written: &[PathBuf]) -> Failure {
    if !written.is_empty() {
        let names: Vec<_> = written.iter().map(|file| file.display().to_string()).collect();
        failure.message =
            format!("{}; what was written before is whole: {}", failure.message, names.join(", "));
    }
    failure
}

/// Writes bundle after bundle until no file is left, or none finds room: the first one, and the files that are left
/// with their bytes.
fn write_row(
    store: &mut impl Store,
    to: &Path,
    budget: u64,
    written: &mut Vec<PathBuf>,
    given: &mut Vec<ContentHash>,
) -> Result<(Exported, (u64, u64)), Failure> {
    let (mut rest, mut first, mut name) = (budget, None, String::new());
    loop {
        let before = given.clone();
        let made = store.run(move |agent, now| {
            agent.enrolled()?;
            let files = Files { bytes_max: rest, given: &before };
            let exported = agent.replica_mut().export_with_files(now, files).map_err(said)?;
            Ok::<_, Failure>((agent.bundle_name(now), exported))
        })?;
        let (named, mut exported) = made?;
        let left = exported.files_left;
        if let Some(first) = first.take_if(|_| exported.files.is_empty()) {
            return Ok((first, left));
        }
        let file = match written.len() {
            _ if !to.is_dir() => to.to_owned(),
            0 => {
                name = not_taken(to, &named);
                to.join(format!("{name}.{BUNDLE_EXTENSION}"))
            }
            // Behind the first one in lists too, since that one holds the records.
            before => to.join(format!("{name}_{}.{BUNDLE_EXTENSION}", before + 1)),
        };
        let bytes = std::mem::take(&mut exported.bytes);
        files::write_new(&file, &bytes)?;
        rest = rest.saturating_sub(bytes.len() as u64);
        written.push(file);
        given.extend(&exported.files);
        let is_done = left.0 == 0 || exported.files.is_empty() || !to.is_dir();
        let first = first.get_or_insert(exported);
        if is_done {
            return Ok((std::mem::take(first), left));
        }
    }
}

/// A name that no bundle of the folder has: two may be made within a second.
fn not_taken(folder: &Path, named: &str) -> String {
    let is_free = |name: &String| !folder.join(format!("{name}.{BUNDLE_EXTENSION}")).exists();
    let others = (2_u64..).map(|number| format!("{named}-{number}"));
    let mut names = std::iter::once(named.to_owned()).chain(others);
    names.find(is_free).unwrap_or_else(|| named.to_owned())
}

/// Takes a bundle in, a few parts at a time, so that others come to the store between them; where somebody `giver`
/// gives it, it must have made it.
pub(crate) fn take_in(
    store: &mut impl Store,
    bytes: &[u8],
    giver: Option<DeviceId>,
) -> Result<Imported, Failure> {
    let Bundle { head, mut parts } = Bundle::of_bytes(bytes).map_err(|error| refused(error.into()))?;
    let begun = store.run(move |agent, _| {
        agent.enrolled()?;
        agent.replica_mut().begin_import(&head, giver).map_err(refused)
    })?;
    let mut imported = begun?;
    while !parts.is_empty() {
        let some = Bundle::some_of(&mut parts);
        let taken = store.run(move |agent, now| {
            for part in some {
                agent.replica_mut().take_part(now, part, &mut imported).map_err(said)?;
            }
            Ok::<_, Failure>(imported)
        })?;
        imported = taken?;
    }
    Ok(imported)
}

impl Agent {
    pub(crate) fn carry(
        &mut self,
        act: &CarryAct,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        self.enrolled()?;
        match act {
            CarryAct::List => self.carrying(),
            CarryAct::Peers => self.peers(each),
            CarryAct::File(_) => {
                Err(Failure::new(NO_LINK).why("busy").next("give the command again when it is done"))
            }
        }
    }

    fn enrolled(&self) -> Result<(), Failure> {
        if self.replica().station().place.is_some() { Ok(()) } else { Err(not_enrolled()) }
    }

    /// `keliling-V01A-20261122-081500`.
    fn bundle_name(&self, now: Now) -> String {
        let at = now.wall.to_rfc3339(self.offset_minutes());
        let digits: String = at.chars().filter(char::is_ascii_digit).take(14).collect();
        let (day, time) = digits.split_at(digits.len().min(8));
        format!("keliling-{}-{day}-{time}", self.called(self.replica().station().device()))
    }

    fn verify(&self, bytes: &[u8]) -> Result<Value, Failure> {
        self.enrolled()?;
        let (Bundle { head, parts }, wrong) = self.replica().verify_bundle(bytes).map_err(refused)?;
        let count = |wanted: fn(&Part) -> bool| parts.iter().filter(|part| wanted(part)).count();
        Ok(json!({
            "maker": self.called(head.maker),
            "at": head.at.to_rfc3339(self.offset_minutes()),
            "batches": count(|part| matches!(part, Part::Batch(_))),
            "receipts": count(|part| matches!(part, Part::Receipt(_))),
            "notes": count(|part| matches!(part, Part::Note(_))),
            "attachments": count(|part| matches!(part, Part::File { .. })),
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
        let files = attachment::carried(tx).map_err(said)?;
        let notes = notes::of_life(tx, epoch).map_err(said)?;
        let files = files.iter().map(|attachment::Carried { known, giver }| {
            json!({
                "file": known.hash,
                "bytes": known.size,
                "from": giver.map(|giver| self.called(giver)),
                "refused": known.refused,
                "why": known.refused.map(|refused| refused.to_string()),
            })
        });
        let files: Vec<_> = files.collect();
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
            "files": files,
            "carried_by": carried_by.collect::<Vec<_>>(),
            "homeward": homeward,
        }))
    }

    /// The laptops of the fleet but this one.
    fn peers(&mut self, each: &mut dyn FnMut(Value) -> bool) -> Result<Value, Failure> {
        let (own, offset_minutes) = (self.replica().station().key.public(), self.offset_minutes());
        let epoch = self.replica().station().epoch;
        let tx = self.read()?;
        let met = carried::met(tx).map_err(said)?;
        let carrying = carried::all(tx).map_err(said)?;
        let notes = notes::of_life(tx, epoch).map_err(said)?;
        let homeward = carried::homeward(tx).map_err(said)?;
        let registries = self.replica().registries();
        let mut count = 0_u64;
        for row in registries.devices().filter(|row| row.key.is_some_and(|key| key != own)) {
            let Some(device) = row.device().filter(|device| registries.newest_life(*device) == Some(row))
            else {
                continue;
            };
            let found = met.iter().find(|met| met.device == device);
            let carried = carrying.iter().filter(|carried| carried.log.author == device);
            let signed = notes.iter().filter(|note| note.carrier == device);
            count += 1;
            each(json!({
                "laptop": format!("{}{}", row.unit, row.letter),
                "unit": row.unit,
                "barred": row.barred,
                "address": found.map(|met| met.address.as_str()).filter(|address| !address.is_empty()),
                "met": found.map(|met| met.at.to_rfc3339(offset_minutes)),
                "carries_for": carried.map(|carried| carried.changes).sum::<u64>(),
                "carried_by": signed.map(|note| note.cursor.index - note.after).sum::<u64>(),
                "brings_receipt": homeward.iter().any(|receipt| receipt.device == device),
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
        ImportError::Giver { .. } => {
            "nothing of it was taken; sync both laptops with the hub, then try again"
        }
        ImportError::Maker { .. } => {
            "nothing of it was taken; sync with the hub, which tells the keys of new laptops, then try again"
        }
    };
    let because =
        if let ImportError::Bundle(BundleError::Changed { part, .. } | BundleError::Malformed { part }) =
            &error
        {
            Because { part: Some(*part as u64), ..Because::of("bundle-part") }
        } else {
            Because::of("bundle")
        };
    said(error).next(next).because(because)
}

/// The whole path of a file that a person named.
///
/// # Errors
/// The system does not know where it works.
pub fn whole(file: &Path) -> Result<PathBuf, Failure> {
    absolute(file).map_err(|error| files::unreadable(file, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_bundles_that_stay() {
        let failed = || Failure::new("the stick is gone");
        assert_eq!(naming_what_stays(failed(), &[]).message, "the stick is gone");
        let written = ["a.bundle", "a_2.bundle"].map(PathBuf::from);
        assert_eq!(
            naming_what_stays(failed(), &written).message,
            "the stick is gone; what was written before is whole: a.bundle, a_2.bundle"
        );
    }
}
