//! Copies of the store, and what laptops may rely on because of them.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

use anyhow::Context as _;
use serde_json::{Value, json};
use shared::{
    store::{self, Tx, attachment, log},
    time::{Now, Timestamp},
};
use van_agent::host::{files::unwritable, output::Failure};

use super::Hub;

/// The fact that tells when the last backup was made.
const AT: &str = "backed_up_at";

impl Hub {
    /// Copies the store into `file`, whole or not at all, and keeps up to where each laptop's log is in it:
    /// receipts carry that from now on.
    pub(super) fn backup(&mut self, now: Now, file: &Path) -> anyhow::Result<Value> {
        if !is_place_for_backup(file, self.replica.store().path()) {
            return Err(Failure::usage(format!("{} is no place for a backup", file.display()))
                .next("name a new file outside of the hub's own folder")
                .into());
        }
        let heads: Vec<_> = log::all(self.replica.store().reader())?
            .into_iter()
            .filter(|log| log.name.reader.is_none())
            .map(|log| (log.row, log.head.index))
            .collect();
        let mut half = file.as_os_str().to_owned();
        half.push(".part");
        let half = Path::new(&half);
        let copied = self.copy_to(half, file);
        if copied.is_err() {
            // What is left of it is of no use; the reason is told already.
            drop(fs::remove_file(half));
        }
        let bytes = copied.with_context(|| format!("write the backup {}", file.display()))?;
        self.replica.keep(|tx, _| {
            for (row, index) in &heads {
                store::set_fact(tx, &fact(*row), &index.to_be_bytes())?;
            }
            store::set_fact(tx, AT, &now.wall.0.to_be_bytes())
        })?;
        let (files, file_bytes) = attachment::count_whole(self.replica.store().reader())?;
        tracing::info!(bytes, "made a backup");
        Ok(json!({
            "file": file,
            "bytes": bytes,
            "logs": heads.len(),
            "attachments": files,
            "attachment_bytes": file_bytes,
            "attachments_folder": self.replica.store().files().folder(),
            "at": now.wall.to_rfc3339(self.offset_minutes()),
        }))
    }

    fn copy_to(&self, half: &Path, file: &Path) -> anyhow::Result<u64> {
        private_file(half).map_err(|error| unwritable(file, &error))?;
        self.replica.store().backup(half)?;
        let copy = File::options().read(true).write(true).open(half)?;
        copy.sync_all()?;
        let bytes = copy.metadata()?.len();
        fs::rename(half, file)?;
        if let Some(folder) = file.parent() {
            super::sync_folder(folder)?;
        }
        Ok(bytes)
    }
}

/// Whether a backup may be written there: not into the hub's own folder, by whatever name, and over nothing but
/// another database.
fn is_place_for_backup(file: &Path, store: &Path) -> bool {
    let whole = |path: &Path| {
        path.parent()
            .map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder }.canonicalize())
    };
    let within = match (whole(file), whole(store)) {
        (Some(Ok(folder)), Some(Ok(home))) => folder.starts_with(home),
        // Writing says what is wrong with the folder.
        (Some(Err(_)), _) => false,
        (None, _) | (_, None | Some(Err(_))) => true,
    };
    let mut head = [0; 16];
    let is_other = match File::open(file) {
        Ok(mut open) => io::Read::read_exact(&mut open, &mut head).is_err() || head != *b"SQLite format 3\0",
        Err(_) => false,
    };
    !within && !is_other && !file.is_dir()
}

/// Makes an empty file for its owner alone: a backup holds the hub's key.
pub(crate) fn private_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn fact(log: i64) -> String {
    format!("backed_up/{log}")
}

/// Index up to which the log in row `log` is in a backup.
pub(super) fn through(tx: Tx<'_>, log: i64) -> store::Result<u64> {
    Ok(number(store::fact(tx, &fact(log))?).unwrap_or(0))
}

/// When the last backup was made.
pub(super) fn last(tx: Tx<'_>) -> store::Result<Option<Timestamp>> {
    let at = number(store::fact(tx, AT)?);
    Ok(at.and_then(|at| i64::try_from(at).ok()).map(Timestamp))
}

fn number(bytes: Option<Vec<u8>>) -> Option<u64> {
    Some(u64::from_be_bytes(bytes?.try_into().ok()?))
}
