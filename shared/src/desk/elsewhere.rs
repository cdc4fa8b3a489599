//! How others see a case: what of it the hub has for certain, what another laptop carries, and what nobody has seen.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{
    id::{ChangeHash, DeviceId, DocumentId},
    store::{Result, Tx, devices, read_model},
    sync::custody::{self, Seen},
};

/// How others see a case, its people and its visit, by stored proof: what [`custody::of_case`] asks about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Elsewhere {
    /// Changes that the hub has, which other laptops get from it.
    pub hub: u64,
    /// Of these, changes of the case's own document; without one the hub does not know the case.
    pub hub_of_case: u64,
    /// Changes that another laptop or a bundle holds, and the hub not for certain.
    pub carried: u64,
    /// Changes that nobody else holds.
    pub nobody: u64,
    /// When the newest of those that the hub has was written, as it claims.
    pub hub_through: Option<String>,
    /// When the newest of the hub's receipts for this laptop's own changes among these was signed.
    pub receipt_at: Option<String>,
    /// Who has each change.
    pub changes: BTreeMap<ChangeHash, Seen>,
}

/// Tells how others see the changes that count here of a case, and of what it names.
///
/// # Errors
/// The store fails.
pub fn of(tx: Tx<'_>, device: DeviceId, case: DocumentId, offset_minutes: i16) -> Result<Elsewhere> {
    let mut found = Elsewhere::default();
    let (mut through, mut epochs) = (None, BTreeSet::new());
    for document in [case].into_iter().chain(read_model::named_by(tx, case)?) {
        for change in custody::seen(tx, device, document)? {
            match change.seen {
                Seen::Hub => {
                    found.hub += 1;
                    found.hub_of_case += u64::from(document == case);
                    through = through.max(Some(change.second));
                    epochs.extend(change.own_epoch);
                }
                Seen::Carried => found.carried += 1,
                Seen::Nobody => found.nobody += 1,
            }
            found.changes.insert(change.hash, change.seen);
        }
    }
    let mut signed = None;
    for epoch in epochs {
        signed = signed.max(devices::receipt(tx, epoch)?.map(|receipt| receipt.at));
    }
    found.hub_through = through.map(|second| custody::moment(second).to_rfc3339(offset_minutes));
    found.receipt_at = signed.map(|at| at.to_rfc3339(offset_minutes));
    Ok(found)
}
