//! Enrolled laptops, their letters, the tickets, and receipts.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row, params};

use super::{Result, Tx, damaged, id};
use crate::{
    id::{DeviceId, Epoch, PublicKey, UnitId},
    time::Timestamp,
    wire::frame::Receipt,
};

/// Whether a laptop may connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It may.
    Active,
    /// Not for now.
    Suspended,
    /// Never again.
    Revoked,
    /// Never again: nobody knows who has it.
    Lost,
}

impl Standing {
    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Lost => "lost",
        }
    }

    /// The standing of a stored word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Revoked, Self::Lost].into_iter().find(|s| s.word() == word)
    }
}

/// An enrolled laptop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// Its number.
    pub device: DeviceId,
    /// Its key.
    pub key: PublicKey,
    /// Its unit.
    pub unit: UnitId,
    /// Whether it may connect.
    pub standing: Standing,
    /// When it was enrolled.
    pub enrolled: Timestamp,
    /// When it was last in contact.
    pub seen: Option<Timestamp>,
}

const COLUMNS: &str = "device, key, unit, state, enrolled, seen";

fn device(row: &Row<'_>) -> rusqlite::Result<(String, String, Device)> {
    let (unit, state): (String, String) = (row.get(2)?, row.get(3)?);
    let device = Device {
        device: DeviceId(row.get(0)?),
        key: id(row, 1)?,
        unit: unit.parse().unwrap_or_else(|_| "X".parse().expect("a valid unit")),
        standing: Standing::of_word(&state).unwrap_or(Standing::Suspended),
        enrolled: Timestamp(row.get(4)?),
        seen: row.get::<_, Option<i64>>(5)?.map(Timestamp),
    };
    Ok((unit, state, device))
}

fn sound((unit, state, device): (String, String, Device)) -> Result<Device> {
    if device.unit.as_str() == unit && device.standing.word() == state {
        Ok(device)
    } else {
        Err(damaged("device"))
    }
}

/// The laptop with `key`.
///
/// # Errors
/// The store fails.
pub fn by_key(tx: Tx<'_>, key: &PublicKey) -> Result<Option<Device>> {
    tx.prepare_cached(&format!("SELECT {COLUMNS} FROM device WHERE key = ?1"))?
        .query_row([key.0], device)
        .optional()?
        .map(sound)
        .transpose()
}

/// The laptop with a number.
///
/// # Errors
/// The store fails.
pub fn by_number(tx: Tx<'_>, number: DeviceId) -> Result<Option<Device>> {
    tx.prepare_cached(&format!("SELECT {COLUMNS} FROM device WHERE device = ?1"))?
        .query_row([number.0], device)
        .optional()?
        .map(sound)
        .transpose()
}

/// All laptops, by number.
///
/// # Errors
/// The store fails.
pub fn all(tx: Tx<'_>) -> Result<Vec<Device>> {
    let mut statement = tx.prepare(&format!("SELECT {COLUMNS} FROM device ORDER BY device"))?;
    let rows = statement.query_map([], device)?.collect::<Result<Vec<_>, _>>()?;
    rows.into_iter().map(sound).collect()
}

/// Adds a laptop, or replaces the row of one with the same number.
///
/// # Errors
/// The store fails.
pub fn put(tx: Tx<'_>, device: &Device) -> Result<()> {
    tx.execute(
        "INSERT INTO device (device, key, unit, state, enrolled, seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (device) DO UPDATE SET key = ?2, unit = ?3, state = ?4, enrolled = ?5, seen = ?6",
        params![
            device.device.0,
            device.key.0,
            device.unit.as_str(),
            device.standing.word(),
            device.enrolled.0,
            device.seen.map(|at| at.0)
        ],
    )?;
    Ok(())
}

/// Notes a contact.
///
/// # Errors
/// The store fails.
pub fn set_seen(tx: Tx<'_>, device: DeviceId, at: Timestamp) -> Result<()> {
    tx.prepare_cached("UPDATE device SET seen = ?2 WHERE device = ?1")?.execute(params![device.0, at.0])?;
    Ok(())
}

/// Notes when a laptop came to the standing that it has.
///
/// # Errors
/// The store fails.
pub fn set_stood(tx: Tx<'_>, device: DeviceId, at: Timestamp) -> Result<()> {
    tx.prepare_cached("UPDATE device SET stood = ?2 WHERE device = ?1")?.execute(params![device.0, at.0])?;
    Ok(())
}

/// When a laptop came to the standing that it has, where that is known.
///
/// # Errors
/// The store fails.
pub fn stood(tx: Tx<'_>, device: DeviceId) -> Result<Option<Timestamp>> {
    let mut statement = tx.prepare_cached("SELECT stood FROM device WHERE device = ?1")?;
    let at: Option<Option<i64>> = statement.query_row([device.0], |row| row.get(0)).optional()?;
    Ok(at.flatten().map(Timestamp))
}

/// A letter that a life of a device was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// The unit.
    pub unit: UnitId,
    /// 0 for A.
    pub ordinal: u32,
    /// The device.
    pub device: DeviceId,
    /// Its life.
    pub epoch: Epoch,
}

/// The letter of a life of a device, if it was given one.
///
/// # Errors
/// The store fails.
pub fn letter(tx: Tx<'_>, device: DeviceId, epoch: Epoch) -> Result<Option<u32>> {
    Ok(tx
        .prepare_cached("SELECT ordinal FROM letter WHERE device = ?1 AND epoch = ?2")?
        .query_row(params![device.0, epoch.0], |row| row.get(0))
        .optional()?)
}

/// The lives of a device that this hub knows.
///
/// # Errors
/// The store fails.
pub fn letters(tx: Tx<'_>, device: DeviceId) -> Result<Vec<(u32, Epoch)>> {
    let mut statement = tx.prepare("SELECT ordinal, epoch FROM letter WHERE device = ?1 ORDER BY ordinal")?;
    let rows = statement.query_map([device.0], |row| Ok((row.get(0)?, id(row, 1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many letters were given, in all units, and how many of them to laptops that may not connect.
///
/// # Errors
/// The store fails.
pub fn letter_counts(tx: Tx<'_>) -> Result<(usize, usize)> {
    Ok(tx.query_row(
        "SELECT count(*), count(*) FILTER (WHERE state <> 'active') FROM letter LEFT JOIN device USING (device)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?)
}

/// Every life that was given a letter, by unit, with the row of its laptop.
///
/// # Errors
/// The store fails or is damaged.
pub fn lives(tx: Tx<'_>) -> Result<Vec<(Letter, Option<Device>)>> {
    let laptops: BTreeMap<_, _> = all(tx)?.into_iter().map(|row| (row.device, row)).collect();
    let mut statement =
        tx.prepare("SELECT unit, ordinal, device, epoch FROM letter ORDER BY unit, ordinal")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?, DeviceId(row.get(2)?), id(row, 3)?))
    })?;
    rows.map(|row| {
        let (unit, ordinal, device, epoch) = row?;
        let unit = unit.parse().map_err(|_| damaged("letter.unit"))?;
        Ok((Letter { unit, ordinal, device, epoch }, laptops.get(&device).cloned()))
    })
    .collect()
}

/// The first letter of `unit` that no life was given yet.
///
/// # Errors
/// The store fails.
pub fn free_letter(tx: Tx<'_>, unit: &UnitId) -> Result<u32> {
    Ok(tx.query_row(
        "SELECT coalesce(max(ordinal) + 1, 0) FROM letter WHERE unit = ?1",
        [unit.as_str()],
        |row| row.get(0),
    )?)
}

/// Gives a letter.
///
/// # Errors
/// The store fails.
pub fn put_letter(tx: Tx<'_>, letter: &Letter) -> Result<()> {
    tx.execute(
        "INSERT OR IGNORE INTO letter (unit, ordinal, device, epoch) VALUES (?1, ?2, ?3, ?4)",
        params![letter.unit.as_str(), letter.ordinal, letter.device.0, letter.epoch.0],
    )?;
    Ok(())
}

/// A ticket that was given out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issued {
    /// Its id.
    pub ticket: [u8; 8],
    /// Its secret.
    pub secret: [u8; 16],
    /// The unit that it enrols into.
    pub unit: UnitId,
    /// Until when.
    pub expires: Timestamp,
    /// Who used it.
    pub device: Option<DeviceId>,
}

/// Keeps a ticket.
///
/// # Errors
/// The store fails.
pub fn put_ticket(tx: Tx<'_>, issued: &Issued) -> Result<()> {
    tx.execute(
        "INSERT INTO ticket (ticket, secret, unit, expires, device) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET device = ?5",
        params![
            issued.ticket,
            issued.secret,
            issued.unit.as_str(),
            issued.expires.0,
            issued.device.map(|device| device.0)
        ],
    )?;
    Ok(())
}

/// The ticket with an id.
///
/// # Errors
/// The store fails or is damaged.
pub fn ticket(tx: Tx<'_>, ticket: &[u8; 8]) -> Result<Option<Issued>> {
    let row = tx
        .prepare_cached("SELECT ticket, secret, unit, expires, device FROM ticket WHERE ticket = ?1")?
        .query_row([ticket], |row| {
            let unit: String = row.get(2)?;
            let device: Option<u32> = row.get(4)?;
            Ok((row.get(0)?, row.get(1)?, unit, Timestamp(row.get(3)?), device.map(DeviceId)))
        })
        .optional()?;
    let Some((ticket, secret, unit, expires, device)) = row else { return Ok(None) };
    let unit = unit.parse().map_err(|_| damaged("ticket.unit"))?;
    Ok(Some(Issued { ticket, secret, unit, expires, device }))
}

/// Withdraws every ticket that nobody has used: after a restore one of them may have been. Returns how
/// many there were.
///
/// # Errors
/// The store fails.
pub fn withdraw_tickets(tx: Tx<'_>) -> Result<usize> {
    Ok(tx.execute("DELETE FROM ticket WHERE device IS NULL", [])?)
}

/// The newest receipt for a life of this device.
///
/// # Errors
/// The store fails or is damaged.
pub fn receipt(tx: Tx<'_>, epoch: Epoch) -> Result<Option<Receipt>> {
    let frame: Option<Vec<u8>> = tx
        .prepare_cached("SELECT frame FROM receipt WHERE epoch = ?1")?
        .query_row([epoch.0], |row| row.get(0))
        .optional()?;
    frame.map(|bytes| minicbor::decode(&bytes).map_err(|_| damaged("receipt.frame"))).transpose()
}

/// Up to which entry of a life's log custody counts on a receipt.
///
/// # Errors
/// The store fails.
pub fn receipted(tx: Tx<'_>, epoch: Epoch) -> Result<u64> {
    let head = tx
        .prepare_cached("SELECT head FROM receipt WHERE epoch = ?1")?
        .query_row([epoch.0], |row| row.get(0))
        .optional()?;
    Ok(head.unwrap_or(0))
}

/// Lowers what custody counts on to what the hub says that it holds; the receipt stays as evidence.
///
/// # Errors
/// The store fails.
pub fn lower_receipt(tx: Tx<'_>, epoch: Epoch, durable: u64) -> Result<()> {
    tx.prepare_cached("UPDATE receipt SET head = min(head, ?2) WHERE epoch = ?1")?
        .execute(params![epoch.0, durable])?;
    Ok(())
}

/// Counts on no receipt any more but that for `epoch`: the hub begins another life, or this device does.
///
/// # Errors
/// The store fails.
pub fn doubt_receipts(tx: Tx<'_>, epoch: Epoch) -> Result<()> {
    tx.execute("UPDATE receipt SET head = 0 WHERE epoch <> ?1", [epoch.0])?;
    Ok(())
}

/// Keeps a receipt that was verified.
///
/// # Errors
/// The store fails.
pub fn put_receipt(tx: Tx<'_>, receipt: &Receipt) -> Result<()> {
    let frame = minicbor::to_vec(receipt).expect("encoding into memory cannot fail");
    tx.prepare_cached(
        "INSERT INTO receipt (epoch, head, frame) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET head = ?2, frame = ?3",
    )?
    .execute(params![receipt.epoch.0, receipt.cursor.index, frame])?;
    Ok(())
}
