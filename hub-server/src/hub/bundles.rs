//! Bundles: what sticks bring, and the receipts that they take home.

use std::path::Path;

use serde_json::{Value, json};
use shared::{
    id::{DeviceId, UnitId},
    slip::DeviceLetter,
    store::devices,
    sync::bundle::{BUNDLE_BYTES_MAX, ImportError},
    time::Now,
};
use van_agent::host::{files, output::Failure};

use super::Hub;

impl Hub {
    /// Takes in what laptops wrote.
    pub(super) fn import_bundle(&mut self, now: Now, file: &Path) -> anyhow::Result<Value> {
        let bytes = files::read(file, BUNDLE_BYTES_MAX)?;
        let imported = self.replica.import_bundle(now, &bytes).map_err(|error| match error {
            ImportError::Store(error) => anyhow::Error::new(error),
            error @ (ImportError::Bundle(_)
            | ImportError::District { .. }
            | ImportError::Giver { .. }
            | ImportError::Maker { .. }) => Failure::new(error.to_string())
                .next("nothing of it was taken; whoever made it has everything still: have it written again")
                .into(),
        })?;
        let maker = self.called(imported.maker)?;
        tracing::info!(changes = imported.changes, quarantined = imported.quarantined, "took in a bundle");
        let mut told = json!(imported);
        told["maker"] = json!(maker);
        Ok(told)
    }

    /// Writes receipts for the laptops of `unit`, or of all.
    pub(super) fn export_bundle(
        &mut self,
        now: Now,
        unit: Option<&UnitId>,
        file: &Path,
    ) -> anyhow::Result<Value> {
        let exported = self.replica.export_receipts(now, unit)?;
        if exported.receipts == 0 {
            let whose = unit.map_or_else(String::new, |unit| format!(" of {unit}"));
            return Err(Failure::new(format!("no laptop{whose} has handed over anything yet"))
                .next("take in what it wrote with `hub-server bundle import FILE` first")
                .into());
        }
        files::write_new(file, &exported.bytes)?;
        Ok(json!({"file": file, "bytes": exported.bytes.len(), "receipts": exported.receipts}))
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
