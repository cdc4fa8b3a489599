//! The devices' journal: a file beside the hub's database that a restore never overwrites.
//!
//! One JSON line for each row of a device, its letters included, synced to disk before the laptop hears of
//! it. After a restore it is read back, and the stricter standing wins: a revocation is never undone by an
//! old backup.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Result, Store, StoreError, Tx,
    devices::{self, Device, Letter, Standing},
    set_counter_floor,
};
use crate::{
    id::{DeviceId, Epoch, PublicKey, UnitId},
    time::Timestamp,
};

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    device: DeviceId,
    key: PublicKey,
    unit: UnitId,
    standing: Standing,
    enrolled: Timestamp,
    letters: Vec<(u32, Epoch)>,
}

/// A failure of the journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be written or read.
    #[error("the devices' journal cannot be used")]
    File(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where the journal of a store is.
pub fn path(store: &Path) -> PathBuf {
    store.with_extension("devices")
}

/// Appends a device's row as it is now.
///
/// # Errors
/// The file or the store fails.
pub fn append(store: &Store, device: DeviceId) -> Result<(), JournalError> {
    let tx = store.reader();
    let Some(row) = devices::by_number(tx, device)? else { return Ok(()) };
    let line = Line {
        device,
        key: row.key,
        unit: row.unit,
        standing: row.standing,
        enrolled: row.enrolled,
        letters: devices::letters(tx, device)?,
    };
    let mut text = serde_json::to_string(&line).map_err(io::Error::other)?;
    text.push('\n');
    let path = path(store.path());
    if last_line_of(&path, device)?.as_deref() == Some(text.trim_end()) {
        return Ok(());
    }
    super::make_private(&path);
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    Ok(())
}

fn last_line_of(path: &Path, device: DeviceId) -> io::Result<Option<String>> {
    Ok(lines(path)?.into_iter().rfind(|(line, _)| line.device == device).map(|(_, text)| text))
}

fn lines(path: &Path) -> io::Result<Vec<(Line, String)>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut lines = Vec::new();
    for text in BufReader::new(file).lines() {
        let text = text?;
        // A line cut off by a power cut was never answered to anybody.
        if let Ok(line) = serde_json::from_str(&text) {
            lines.push((line, text));
        }
    }
    Ok(lines)
}

/// Takes the journal's rows back into a store that was restored; returns how many rows changed.
///
/// # Errors
/// The file or the store fails.
pub fn replay(tx: Tx<'_>, store: &Path) -> Result<usize, JournalError> {
    let mut changed = 0;
    for (line, _) in lines(&path(store))? {
        let known = devices::by_number(tx, line.device)?;
        let strictest = |a: Standing, b: Standing| if strictness(a) >= strictness(b) { a } else { b };
        let standing = known.as_ref().map_or(line.standing, |known| strictest(known.standing, line.standing));
        let row = Device {
            device: line.device,
            key: line.key,
            unit: line.unit.clone(),
            standing,
            enrolled: line.enrolled,
            seen: known.as_ref().and_then(|known| known.seen),
        };
        if known.as_ref() != Some(&row) {
            devices::put(tx, &row)?;
            changed += 1;
        }
        set_counter_floor(tx, "device", u64::from(line.device.0))?;
        for (ordinal, epoch) in line.letters {
            devices::put_letter(
                tx,
                &Letter { unit: line.unit.clone(), ordinal, device: line.device, epoch },
            )?;
        }
    }
    Ok(changed)
}

fn strictness(standing: Standing) -> u8 {
    match standing {
        Standing::Active => 0,
        Standing::Suspended => 1,
        Standing::Lost => 2,
        Standing::Revoked => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(standing: Standing) -> Device {
        Device {
            device: DeviceId(3),
            key: PublicKey([7; 32]),
            unit: "V01".parse().expect("valid"),
            standing,
            enrolled: Timestamp(5),
            seen: None,
        }
    }

    #[test]
    fn a_revocation_survives_an_old_backup() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("keliling.db");
        let mut store = Store::open(&path).expect("opens");
        for standing in [Standing::Active, Standing::Revoked] {
            store.commit(|tx| devices::put(tx, &device(standing))).expect("commits");
            append(&store, DeviceId(3)).expect("appends");
            append(&store, DeviceId(3)).expect("appends nothing");
        }
        assert_eq!(lines(&super::path(&path)).expect("reads").len(), 2);
        store.commit(|tx| devices::put(tx, &device(Standing::Active))).expect("restores");
        store.commit(|tx| replay(tx, &path)).expect("replays");
        let row = devices::by_number(store.reader(), DeviceId(3)).expect("reads").expect("there");
        assert_eq!(row.standing, Standing::Revoked);
        assert_eq!(super::super::next(store.reader(), "device").expect("counts"), 4);
    }
}
