//! Which laptop wrote something, in the words on slips.

use serde::Serialize;

use crate::{
    id::{ChangeHash, DeviceId, Epoch},
    registry::{Kind, row},
    slip::{DeviceLetter, SlipNumber},
    store::{Result, Tx, changes, devices, read_model, registries},
};

/// Who wrote something, as far as this machine knows.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Author {
    /// The device; 0 for the hub.
    pub device: Option<DeviceId>,
    /// The device's unit.
    pub unit: Option<String>,
    /// Unit and letter, as in slip numbers: `V01A`.
    pub laptop: Option<String>,
}

/// Who wrote a change.
///
/// # Errors
/// The store fails.
pub fn of_change(tx: Tx<'_>, change: &ChangeHash) -> Result<Author> {
    changes::find(tx, change)?
        .map_or(Ok(Author::default()), |change| of(tx, change.origin.device, change.origin.epoch))
}

/// The laptop in one of its lives: by what the hub knows of laptops and tells, or by a slip that this life of
/// it gave out.
///
/// # Errors
/// The store fails.
pub fn of(tx: Tx<'_>, device: DeviceId, epoch: Epoch) -> Result<Author> {
    let mut author = Author { device: Some(device), unit: None, laptop: None };
    if device == DeviceId::HUB {
        return Ok(author);
    }
    if let Some(known) = devices::by_number(tx, device)? {
        let letter = devices::letter(tx, device, epoch)?.map(DeviceLetter::nth);
        author.laptop = letter.map(|letter| format!("{}{letter}", known.unit));
        author.unit = Some(known.unit.to_string());
    } else if let Some(told) = told(tx, device, epoch)? {
        author.laptop = Some(format!("{}{}", told.unit, told.letter));
        author.unit = Some(told.unit.to_string());
    } else if let Some((slip, unit)) = read_model::slip_of_life(tx, device, epoch)? {
        author.laptop = slip.parse::<SlipNumber>().ok().map(|slip| slip.device().to_owned());
        author.unit = Some(unit);
    }
    Ok(author)
}

/// What the hub's registry of laptops tells of a life of one.
fn told(tx: Tx<'_>, device: DeviceId, epoch: Epoch) -> Result<Option<row::Device>> {
    let row = registries::row(tx, &Kind::Devices, &row::Device::life_of(device, epoch))?;
    Ok(row.and_then(|row| serde_json::from_str(&row).ok()))
}

/// The writer of a shown event, side or refusal in words: `V01A`, `the hub`, or what else is known.
pub fn in_words(shown: &serde_json::Value) -> String {
    match (shown["laptop"].as_str(), shown["device"].as_u64()) {
        (Some(laptop), _) => laptop.to_owned(),
        (None, Some(0)) => "the hub".to_owned(),
        (None, Some(device)) => format!("device {device}"),
        (None, None) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_writer_has_words() {
        for (shown, words) in [
            (json!({"laptop": "V01A", "device": 1}), "V01A"),
            (json!({"laptop": null, "device": 0}), "the hub"),
            (json!({"laptop": null, "device": 3}), "device 3"),
            (json!({"device": null}), "unknown"),
        ] {
            assert_eq!(in_words(&shown), words);
        }
    }
}
