//! Who carries for this laptop: what other laptops have signed that they hold of its logs.

use rusqlite::params;

use super::{Result, Tx, damaged};
use crate::{
    id::{DeviceId, Epoch},
    wire::frame::Note,
};

/// Keeps another laptop's verified note that it holds entries of this laptop's log. What it signed in other lives
/// counts no more. Returns whether the note says more than was known.
///
/// # Errors
/// The store fails.
pub fn put(tx: Tx<'_>, note: &Note) -> Result<bool> {
    keep_life(tx, note.carrier, note.life)?;
    tx.prepare_cached(
        "DELETE FROM custody_note WHERE epoch = ?1 AND carrier = ?2 AND after > ?3 AND head <= ?4",
    )?
    .execute(params![note.epoch.0, note.carrier.0, note.after, note.cursor.index])?;
    let frame = minicbor::to_vec(note).expect("encoding into memory cannot fail");
    let life = note.life.map(|life| life.0);
    let kept = tx
        .prepare_cached(
            "INSERT INTO custody_note (epoch, carrier, after, head, at, frame, life)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET head = ?4, at = ?5, frame = ?6, life = ?7 WHERE head < ?4",
        )?
        .execute(params![
            note.epoch.0,
            note.carrier.0,
            note.after,
            note.cursor.index,
            note.at.0,
            frame,
            life
        ])?;
    Ok(kept > 0)
}

/// Forgets what a carrier signed in another life than `life`: its disk may have lost what it held then.
///
/// # Errors
/// The store fails.
pub fn keep_life(tx: Tx<'_>, carrier: DeviceId, life: Option<Epoch>) -> Result<()> {
    tx.prepare_cached("DELETE FROM custody_note WHERE carrier = ?1 AND life IS NOT ?2")?
        .execute(params![carrier.0, life.map(|life| life.0)])?;
    Ok(())
}

/// Forgets what a carrier signed in life `life`.
///
/// # Errors
/// The store fails.
pub fn forget_life(tx: Tx<'_>, carrier: DeviceId, life: Epoch) -> Result<()> {
    tx.prepare_cached("DELETE FROM custody_note WHERE carrier = ?1 AND life = ?2")?
        .execute(params![carrier.0, life.0])?;
    Ok(())
}

/// Forgets the notes over what a receipt for life `epoch` of this laptop covers up to entry `index`.
///
/// # Errors
/// The store fails.
pub fn forget_covered(tx: Tx<'_>, epoch: Epoch, index: u64) -> Result<()> {
    tx.prepare_cached("DELETE FROM custody_note WHERE epoch = ?1 AND head <= ?2")?
        .execute(params![epoch.0, index])?;
    Ok(())
}

/// Forgets every note: who handed something over to another life of the hub holds it no more.
///
/// # Errors
/// The store fails.
pub fn forget_all(tx: Tx<'_>) -> Result<()> {
    tx.prepare_cached("DELETE FROM custody_note")?.execute([])?;
    Ok(())
}

/// The notes that were kept of a life of this laptop, newest first.
///
/// # Errors
/// The store fails or is damaged.
pub fn of_life(tx: Tx<'_>, epoch: Epoch) -> Result<Vec<Note>> {
    let mut statement = tx
        .prepare_cached("SELECT frame FROM custody_note WHERE epoch = ?1 ORDER BY at DESC, carrier, after")?;
    let frames =
        statement.query_map([epoch.0], |row| row.get::<_, Vec<u8>>(0))?.collect::<Result<Vec<_>, _>>()?;
    frames.iter().map(|frame| minicbor::decode(frame).map_err(|_| damaged("custody_note.frame"))).collect()
}

/// The carriers whose notes are kept, with the life that signed each.
///
/// # Errors
/// The store fails.
pub fn carriers(tx: Tx<'_>) -> Result<Vec<(DeviceId, Option<Epoch>)>> {
    let mut statement =
        tx.prepare_cached("SELECT DISTINCT carrier, life FROM custody_note ORDER BY carrier")?;
    let rows = statement
        .query_map([], |row| Ok((DeviceId(row.get(0)?), row.get::<_, Option<[u8; 16]>>(1)?.map(Epoch))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
