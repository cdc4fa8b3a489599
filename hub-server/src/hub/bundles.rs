//! Bundles: what sticks bring, and the receipts that they take home.

use std::path::Path;

use serde_json::{Value, json};
use shared::{
    id::{DeviceId, UnitId},
    slip::DeviceLetter,
    store::devices,
    sync::bundle::{BUNDLE_BYTES_MAX, Bundle, Exported, Head, ImportError, Imported, Part},
    time::Now,
};
use van_agent::host::{
    control::Call,
    files,
    output::{Failure, failure_of},
    owner::{Handle, Stopped},
};

use super::Hub;
use crate::request::Request;

/// Hands `call` to the hub's thread; what reads or writes a file is done on this one, so that a slow stick keeps no
/// laptop waiting.
///
/// # Errors
/// The hub has stopped.
pub(crate) fn pass_on(hub: &Handle<Hub>, call: Call) -> Result<(), Stopped> {
    match serde_json::from_value(call.request.clone()) {
        Ok(Request::BundleImport { file }) => answer(call, import(hub, &file)),
        Ok(Request::BundleExport { unit, file }) => answer(call, export(hub, unit, &file)),
        Ok(_) | Err(_) => hub.call_blocking(call),
    }
}

fn answer(call: Call, done: Result<anyhow::Result<Value>, Stopped>) -> Result<(), Stopped> {
    match done? {
        Ok(value) => call.reply.done(value),
        Err(error) => call.reply.fail(failure_of(&error)),
    }
    Ok(())
}

fn import(hub: &Handle<Hub>, file: &Path) -> Result<anyhow::Result<Value>, Stopped> {
    let (head, mut parts) = match read(file) {
        Ok(Bundle { head, parts }) => (head, parts),
        Err(error) => return Ok(Err(error)),
    };
    let mut imported = match hub.run_blocking(move |hub, _| hub.begin_import(&head))? {
        Ok(imported) => imported,
        Err(error) => return Ok(Err(error)),
    };
    while !parts.is_empty() {
        let some = Bundle::some_of(&mut parts);
        imported = match hub.run_blocking(move |hub, now| hub.take_parts(now, some, imported))? {
            Ok(imported) => imported,
            Err(error) => return Ok(Err(error)),
        };
    }
    hub.run_blocking(move |hub, _| hub.told(&imported))
}

fn export(hub: &Handle<Hub>, unit: Option<UnitId>, file: &Path) -> Result<anyhow::Result<Value>, Stopped> {
    let exported = hub.run_blocking(move |hub, now| hub.receipts_for(now, unit.as_ref()))?;
    Ok(exported.and_then(|exported| write(file, &exported)))
}

fn read(file: &Path) -> anyhow::Result<Bundle> {
    let bytes = files::read(file, BUNDLE_BYTES_MAX)?;
    Bundle::of_bytes(&bytes).map_err(|error| untaken(error.into()))
}

fn write(file: &Path, exported: &Exported) -> anyhow::Result<Value> {
    files::write_new(file, &exported.bytes)?;
    Ok(json!({"file": file, "bytes": exported.bytes.len(), "receipts": exported.receipts}))
}

/// Why a bundle is not taken, and what to do next.
fn untaken(error: ImportError) -> anyhow::Error {
    match error {
        ImportError::Store(error) => anyhow::Error::new(error),
        error @ (ImportError::Bundle(_)
        | ImportError::District { .. }
        | ImportError::Giver { .. }
        | ImportError::Maker { .. }) => Failure::new(error.to_string())
            .next("nothing of it was taken; whoever made it has everything still: have it written again")
            .into(),
    }
}

impl Hub {
    /// Takes in what laptops wrote, where nobody else waits for the store.
    pub(super) fn import_bundle(&mut self, now: Now, file: &Path) -> anyhow::Result<Value> {
        let Bundle { head, parts } = read(file)?;
        let imported = self.begin_import(&head)?;
        let imported = self.take_parts(now, parts, imported)?;
        self.told(&imported)
    }

    fn begin_import(&mut self, head: &Head) -> anyhow::Result<Imported> {
        self.replica.begin_import(head, None).map_err(untaken)
    }

    fn take_parts(&mut self, now: Now, parts: Vec<Part>, mut imported: Imported) -> anyhow::Result<Imported> {
        for part in parts {
            self.replica.take_part(now, part, &mut imported)?;
        }
        Ok(imported)
    }

    fn told(&self, imported: &Imported) -> anyhow::Result<Value> {
        let maker = self.called(imported.maker)?;
        tracing::info!(changes = imported.changes, quarantined = imported.quarantined, "took in a bundle");
        let mut told = json!(imported);
        told["maker"] = json!(maker);
        Ok(told)
    }

    /// Writes receipts for the laptops of `unit`, or of all, where nobody else waits for the store.
    pub(super) fn export_bundle(
        &mut self,
        now: Now,
        unit: Option<&UnitId>,
        file: &Path,
    ) -> anyhow::Result<Value> {
        write(file, &self.receipts_for(now, unit)?)
    }

    fn receipts_for(&mut self, now: Now, unit: Option<&UnitId>) -> anyhow::Result<Exported> {
        let exported = self.replica.export_receipts(now, unit)?;
        if exported.receipts == 0 {
            let whose = unit.map_or_else(String::new, |unit| format!(" of {unit}"));
            return Err(Failure::new(format!("no laptop{whose} has handed over anything yet"))
                .next("take in what it wrote with `hub-server bundle import FILE` first")
                .into());
        }
        Ok(exported)
    }

    /// A laptop by its unit and its newest letter.
    fn called(&self, device: DeviceId) -> anyhow::Result<String> {
        let tx = self.replica.store().reader();
        let unit = devices::by_number(tx, device)?.map(|row| row.unit.to_string());
        let letter = devices::letters(tx, device)?.pop().map(|(ordinal, _)| DeviceLetter::nth(ordinal));
        Ok(match (unit, letter) {
            (Some(unit), Some(letter)) => format!("{unit}{letter}"),
            _ => format!("device {device}"),
        })
    }
}
