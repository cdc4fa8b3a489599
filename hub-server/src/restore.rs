//! Goes back to a backup without undoing what must not be undone.
//!
//! The backup is made ready beside the database and takes its place whole: with the laptops that were let in
//! or shut out since, out of the journal beside the database, which is never overwritten; without tickets
//! that somebody may have used since; under a new life, so that the laptops bring again what the backup
//! lacks. The former database is kept.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use serde_json::{Value, json};
use shared::{
    store::{self, OpenError, Store, attachment, devices, journal, read_model},
    sync::{Replica, station::Station},
};
use van_agent::host::{files, home::Home, machine, output::Failure};

use crate::hub;

/// What the former database is called.
const FORMER: &str = "keliling.before-restore.db";

/// Puts the backup `file` in place of the database of `home`.
///
/// # Errors
/// A hub is at work there, the file is no backup of this hub, or the disk fails; the database is as it was.
pub fn restore(home: &Home, file: &Path) -> anyhow::Result<Value> {
    let _lock = home.lock(Duration::ZERO).map_err(|_| {
        Failure::new(format!("a hub is at work in {}", home.folder().display()))
            .next("stop it first (Ctrl-C, or SIGTERM), then restore again")
    })?;
    let database = home.database();
    let fresh = home.folder().join("keliling.restored");
    hub::remove_store(&fresh)?;
    let made = copy(file, &fresh).and_then(|()| make_ready(&fresh, &database, file));
    let ready = match made {
        Ok(ready) => ready,
        Err(error) => {
            hub::remove_store(&fresh)?;
            return Err(error);
        }
    };
    let former = put_aside(&database)?;
    fs::rename(&fresh, &database).context("put the backup in place")?;
    hub::sync_folder(home.folder())?;
    // The folder of files stays as it is: it may hold more than the backup knows of, or less.
    let mut store = Store::open(&database)?;
    let folder = store.files().folder().to_owned();
    store.commit(read_model::refresh)?;
    let files = attachment::check(&mut store, attachment::Look::Lengths)?;
    store.checkpoint()?;
    tracing::info!(laptops = ready.changed, tickets = ready.withdrawn, "restored a backup");
    Ok(json!({
        "restored": file,
        "epoch": ready.epoch,
        "devices_from_journal": ready.changed,
        "tickets_withdrawn": ready.withdrawn,
        "former": former,
        "attachments_folder": folder,
        "attachments_missing": files.missing.len() + files.damaged.len(),
        "attachments_found": files.found.len(),
    }))
}

struct Ready {
    epoch: shared::id::Epoch,
    changed: usize,
    withdrawn: usize,
}

fn copy(file: &Path, fresh: &Path) -> anyhow::Result<()> {
    let mut from = files::open(file)?;
    hub::private_file(fresh)?;
    let mut to = fs::File::options().write(true).open(fresh)?;
    io::copy(&mut from, &mut to).with_context(|| format!("copy the backup {}", file.display()))?;
    Ok(())
}

/// Makes the copy of a backup at `fresh` into what may take the place of `database`.
fn make_ready(fresh: &Path, database: &Path, file: &Path) -> anyhow::Result<Ready> {
    let no_backup = |what: &str| {
        Failure::new(format!("{} {what}", file.display()))
            .next("name a file that `hub-server backup` made; nothing was changed")
    };
    let mut store = match Store::open(fresh) {
        Err(OpenError::Sqlite(_)) => return Err(no_backup("is not a database").into()),
        opened => opened?,
    };
    if !store.integrity()?.is_empty() {
        return Err(no_backup("is damaged").into());
    }
    let station = Station::load(store.reader())?.filter(|station| station.hub);
    let station = station.ok_or_else(|| no_backup("is not a hub's database"))?;
    if let Some(other) = hub_of(database).filter(|key| *key != station.key.public()) {
        let own = other.short();
        return Err(no_backup(&format!("is a backup of another hub (this one has the key {own})")).into());
    }
    let (changed, withdrawn) = store.commit(|tx| {
        let before = devices::all(tx)?;
        journal::replay(tx, database)?;
        let changed = devices::all(tx)?.iter().filter(|row| !before.contains(row)).count();
        hub::keep_machine(tx)?;
        Ok::<_, journal::JournalError>((changed, devices::withdraw_tickets(tx)?))
    })?;
    let mut replica = Replica::open(store, Box::new(machine::entropy))?;
    replica.begin_life()?;
    replica.store().checkpoint()?;
    Ok(Ready { epoch: replica.station().epoch, changed, withdrawn })
}

/// The key of the hub whose database is at `path`, if it can be read.
fn hub_of(path: &Path) -> Option<shared::id::PublicKey> {
    if !path.exists() {
        return None;
    }
    let store = Store::open(path).ok()?;
    let seed = store::fact(store.reader(), "hub").ok()?;
    let station = Station::load(store.reader()).ok().flatten()?;
    seed.map(|_| station.key.public())
}

/// Renames the former database, with what SQLite keeps beside it.
fn put_aside(database: &Path) -> io::Result<Option<PathBuf>> {
    let former = database.with_file_name(FORMER);
    if !database.exists() {
        return Ok(None);
    }
    hub::remove_store(&former)?;
    for end in ["-wal", "-shm", ""] {
        match fs::rename(beside(database, end), beside(&former, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(Some(former))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}
