//! Tickets, devices and letters at the hub; taking a place at the laptop.

use super::station::{Place, Station};
use crate::{
    id::{DeviceId, Epoch, PublicKey, UnitId},
    identity::{
        Context,
        ticket::{Proof, Secret, TicketId},
    },
    registry::{self, Registries, Table, row},
    slip::DeviceLetter,
    store::{
        self, Result, StoreError, Tx,
        devices::{self, Device, Issued, Letter, Standing},
    },
    time::Timestamp,
    wire::frame::{Enrol, Enrolled},
};

/// How long a ticket is valid, in milliseconds: a day.
pub const TICKET_MILLISECONDS: i64 = 24 * 3_600 * 1_000;

/// Why a laptop is not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The store failed.
    #[error("the hub could not store the enrolment")]
    Store(#[from] StoreError),
    /// Another hub's ticket, or one that was restored away.
    #[error("this hub gave out no such ticket: ask for a new one")]
    Unknown,
    /// It was used before: an alarm.
    #[error("the ticket was used before, by device {device}: ask for a new one, and tell the hub operator")]
    Used {
        /// Who used it.
        device: DeviceId,
    },
    /// Too late.
    #[error("the ticket has expired: ask for a new one")]
    Expired,
    /// Whoever sent it does not know the secret.
    #[error("the ticket's proof is wrong")]
    Proof,
}

/// Keeps a new ticket for `unit`.
///
/// # Errors
/// The store fails.
pub fn issue(tx: Tx<'_>, secret: &Secret, unit: &UnitId, now: Timestamp) -> Result<Issued> {
    let issued = Issued {
        ticket: secret.id().0,
        secret: secret.0,
        unit: unit.clone(),
        expires: Timestamp(now.0 + TICKET_MILLISECONDS),
        device: None,
    };
    devices::put_ticket(tx, &issued)?;
    Ok(issued)
}

/// Takes a ticket: the laptop's row, its letter and the mark on the ticket, in one transaction. A laptop
/// that already took this ticket and lost the answer gets it again.
pub(super) fn take(
    tx: Tx<'_>,
    place: &Place,
    enrol: &Enrol,
    key: PublicKey,
    exporter: &[u8; 32],
    now: Timestamp,
) -> Result<Enrolled, EnrolError> {
    let issued = devices::ticket(tx, &TicketId(enrol.ticket).0)?.ok_or(EnrolError::Unknown)?;
    if !Secret(issued.secret).proves(exporter, key, &Proof(enrol.proof)) {
        return Err(EnrolError::Proof);
    }
    let device = match issued.device {
        Some(device) => {
            let again = devices::by_number(tx, device)?.filter(|row| row.key == key);
            again.ok_or(EnrolError::Used { device })?
        }
        None if issued.expires < now => return Err(EnrolError::Expired),
        None => {
            let known = devices::by_key(tx, &key)?;
            let number = match &known {
                Some(known) => known.device,
                None => DeviceId(u32::try_from(store::next(tx, "device")?).unwrap_or(u32::MAX)),
            };
            let device = Device {
                device: number,
                key,
                unit: issued.unit.clone(),
                standing: Standing::Active,
                enrolled: now,
                seen: Some(now),
            };
            devices::put(tx, &device)?;
            devices::put_ticket(tx, &Issued { device: Some(number), ..issued })?;
            device
        }
    };
    let letter = letter_for(tx, device.device, enrol.epoch, &device.unit)?;
    Ok(Enrolled {
        device: device.device,
        unit: device.unit,
        letter,
        district: place.district.clone(),
        hub_name: place.hub_name.clone(),
    })
}

/// Brings the registry of laptops up to the letters that were given, so that everyone can name who wrote
/// something and knows the key that signs for it. Returns the table where it moved on.
pub(super) fn tell_letters(tx: Tx<'_>, station: &Station, registries: &Registries) -> Result<Option<Table>> {
    let barred = registries.devices().filter(|row| row.barred).count();
    let is_told = (registries.devices().len(), barred) == devices::letter_counts(tx)?;
    if is_told && registries.devices().all(|row| row.key.is_some()) {
        return Ok(None);
    }
    tell_laptops(tx, station, registries)
}

/// Brings the registry of laptops up to what the hub knows of them. Returns the table where it moved on.
pub(super) fn tell_laptops(tx: Tx<'_>, station: &Station, registries: &Registries) -> Result<Option<Table>> {
    let Some(place) = &station.place else { return Ok(None) };
    let mut rows = Vec::new();
    for (letter, laptop) in devices::lives(tx)? {
        let barred = laptop.as_ref().is_some_and(|laptop| laptop.standing != Standing::Active);
        rows.push(row::Device {
            life: row::Device::life_of(letter.device, letter.epoch),
            unit: letter.unit,
            letter: DeviceLetter::nth(letter.ordinal).as_str().to_owned(),
            key: laptop.map(|laptop| laptop.key),
            barred,
            barred_at: if barred { devices::stood(tx, letter.device)? } else { None },
        });
    }
    let table = Table::of(rows).expect("a unit and a letter are short");
    let before = registries.version(table.kind());
    if before == Some(table.version()) {
        return Ok(None);
    }
    let message = registry::signed_message(&place.district, table.kind(), &table.version());
    store::registries::put(tx, &table, &station.key.sign(Context::Registry, &message).0)?;
    if let Some(before) = before {
        store::registries::forget_untold(tx, table.kind(), before)?;
    }
    Ok(Some(table))
}

/// The letter of a life of a device, given now if it has none.
pub(super) fn letter_for(tx: Tx<'_>, device: DeviceId, epoch: Epoch, unit: &UnitId) -> Result<String> {
    let ordinal = match devices::letter(tx, device, epoch)? {
        Some(ordinal) => ordinal,
        None => {
            let ordinal = devices::free_letter(tx, unit)?;
            devices::put_letter(tx, &Letter { unit: unit.clone(), ordinal, device, epoch })?;
            ordinal
        }
    };
    Ok(DeviceLetter::nth(ordinal).as_str().to_owned())
}
