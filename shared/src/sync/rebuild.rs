//! Builds every cache anew from the logs: the index of changes, the actors and the read model.
//!
//! What the logs and the quarantine say is the truth. What the former index knew beyond them (in which order
//! changes came to count, which of them the hub's feed proved) is kept where it is still readable; where it
//! is lost, custody falls back to what receipts prove, and feeds look at everything once more.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params;

use super::{
    Replica,
    intake::{Intake, IntakeError, writer_of},
    station::Station,
};
use crate::{
    document::{self, authority::Writer},
    id::{ChangeHash, DocumentId},
    identity,
    registry::Registries,
    store::{
        Result, StoreError, Tx, changes, damaged, devices, feeds, id,
        log::{self, Log},
        quarantine, read_model,
    },
    time::Now,
    wire::batch::{Entry, Origin},
};

/// Changes judged with the same documents in memory.
const CHANGES_AT_ONCE: usize = 1_000;

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Rebuilt {
    /// Changes in the index.
    pub changes: u64,
    /// Documents in the read model.
    pub documents: u64,
}

impl Replica {
    /// Empties every cache and builds it anew from the logs, in one transaction.
    ///
    /// # Errors
    /// The store fails, or a log cannot be read; everything stays as it was.
    pub fn rebuild(&mut self, now: Now) -> Result<Rebuilt> {
        let Self { store, station, registries, .. } = self;
        store.commit(|tx| rebuild(tx, station, registries, now))
    }
}

/// What the former index knew of a change that logs do not tell.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    arrival: Option<u64>,
    fed: bool,
}

/// A change where it stands in a log.
#[derive(Debug)]
struct Found {
    hash: ChangeHash,
    document: DocumentId,
    origin: Origin,
    log: i64,
    entry: u64,
    fed: bool,
}

/// What all logs hold.
#[derive(Debug, Default)]
struct Contents {
    changes: Vec<Found>,
    places: BTreeMap<ChangeHash, usize>,
}

fn rebuild(tx: Tx<'_>, station: &Station, registries: &mut Registries, now: Now) -> Result<Rebuilt> {
    let known = known(tx)?;
    let base = changes::newest_arrival(tx)?;
    read_model::forget_all(tx)?;
    tx.execute_batch("DELETE FROM change; DELETE FROM actor")?;
    let mut contents = read_logs(tx, station)?;
    for found in &mut contents.changes {
        found.fed |= known.get(&found.hash).is_some_and(|known| known.fed);
    }
    let arrival = |found: &Found| known.get(&found.hash).and_then(|known| known.arrival);
    contents.changes.sort_by_key(|found| (arrival(found).is_none(), arrival(found)));
    let refused: BTreeSet<ChangeHash> =
        quarantine::all(tx)?.into_iter().map(|refused| refused.hash).collect();
    for part in contents.changes.chunks(CHANGES_AT_ONCE) {
        let mut intake = Intake::new(tx, station, registries, now)?;
        for found in part {
            readmit(tx, &mut intake, found, refused.contains(&found.hash))
                .map_err(IntakeError::into_store)?;
        }
    }
    if !station.hub {
        let_go(tx, station, &contents, &known)?;
    }
    move_feeds(tx, &known, base)?;
    let documents = read_model::stale_count(tx)?;
    read_model::refresh(tx)?;
    let changes = tx.query_row("SELECT count(*) FROM change", [], |row| row.get(0))?;
    Ok(Rebuilt { changes, documents })
}

fn known(tx: Tx<'_>) -> Result<BTreeMap<ChangeHash, Known>> {
    let mut statement = tx.prepare("SELECT hash, arrival, fed FROM change")?;
    let rows = statement.query_map([], |row| {
        let arrival = u64::try_from(row.get::<_, i64>(1)?).ok();
        Ok((id(row, 0)?, Known { arrival, fed: row.get(2)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads every log: own and others' before feeds, newer lives of this machine before older ones, so that a
/// change that stands in several is indexed where it was first looked for before.
fn read_logs(tx: Tx<'_>, station: &Station) -> Result<Contents> {
    let mut logs = log::all(tx)?;
    let current = station.log();
    logs.sort_by_key(|log| (log.name.reader.is_some(), log.name != current, std::cmp::Reverse(log.row)));
    let mut contents = Contents::default();
    for log in logs {
        let mut statement = tx.prepare_cached("SELECT first FROM batch WHERE log = ?1 ORDER BY first")?;
        let firsts = statement.query_map([log.row], |row| row.get(0))?.collect::<Result<Vec<u64>, _>>()?;
        for first in firsts {
            let batch = log::batch_with(tx, &log, first)?.ok_or(damaged("batch"))?;
            for ((entry, _), index) in log::entries(&batch)?.into_iter().zip(first..) {
                contents.take(tx, station, &log, index, entry)?;
            }
        }
    }
    Ok(contents)
}

impl Contents {
    fn take(&mut self, tx: Tx<'_>, station: &Station, log: &Log, index: u64, entry: Entry) -> Result<()> {
        let own = Origin { device: log.name.author, epoch: log.name.epoch, index };
        let (document, change, origin, fed) = match entry {
            Entry::Change { document, change } => (document, change, own, false),
            Entry::Fed { origin, document, change } => {
                if station.hub {
                    changes::claim_actor(tx, change.actor, None, origin.device)?;
                }
                (document, change, origin, !station.hub)
            }
            Entry::Actor { nonce } => {
                let author = log.name.author;
                let own = || station.key.public();
                let key = if author == station.device() {
                    own()
                } else {
                    devices::by_number(tx, author)?.map_or_else(own, |device| device.key)
                };
                return changes::claim_actor(tx, identity::actor(&key, &nonce), Some(&nonce), author);
            }
            Entry::Note { .. }
            | Entry::Erased { .. }
            | Entry::Enter { .. }
            | Entry::Leave { .. }
            | Entry::Anew
            | Entry::Refused { .. }
            | Entry::Released { .. }
            | Entry::Registry { .. } => return Ok(()),
        };
        let hash = document::hash(&change).map_err(|_| damaged("batch.body"))?;
        if let Some(&place) = self.places.get(&hash) {
            self.changes[place].fed |= fed;
            return Ok(());
        }
        self.places.insert(hash, self.changes.len());
        self.changes.push(Found { hash, document, origin, log: log.row, entry: index, fed });
        Ok(())
    }
}

fn readmit(tx: Tx<'_>, intake: &mut Intake<'_>, found: &Found, refused: bool) -> Result<(), IntakeError> {
    let (Entry::Change { change, .. } | Entry::Fed { change, .. }) = log::entry(tx, found.log, found.entry)?
    else {
        return Err(damaged("batch.body").into());
    };
    if refused {
        return Ok(intake.keep_refused(
            found.document,
            found.hash,
            &change,
            found.origin,
            (found.log, found.entry),
            found.fed,
        )?);
    }
    let own_actor = found.fed || changes::actor(tx, change.actor)? == Some(found.origin.device);
    let writer = match writer_of(found.origin.device, &change) {
        Writer::Van { device, unit, .. } => Writer::Van { device, unit, own_actor },
        Writer::Hub => Writer::Hub,
    };
    let place = (found.log, found.entry);
    intake.admit(found.document, found.hash, change, found.origin, place, &writer, found.fed)
}

/// Forgets again what a laptop had let go when it left its scope.
fn let_go(
    tx: Tx<'_>,
    station: &Station,
    contents: &Contents,
    known: &BTreeMap<ChangeHash, Known>,
) -> Result<()> {
    let kept = |found: &&Found| {
        known.contains_key(&found.hash) || found.origin.device == station.device() || !found.fed
    };
    let kept: BTreeSet<_> = contents.changes.iter().filter(kept).map(|found| found.document).collect();
    let gone: BTreeSet<_> = contents.changes.iter().map(|found| found.document).collect();
    for document in gone.difference(&kept) {
        if !feeds::is_entered(tx, feeds::OWN, *document)? {
            changes::forget_document(tx, *document)?;
        }
    }
    Ok(())
}

/// Sets each feed to the new number of the last change that it had looked at.
fn move_feeds(tx: Tx<'_>, known: &BTreeMap<ChangeHash, Known>, base: u64) -> Result<()> {
    let mut numbers = Vec::new();
    for (hash, known) in known {
        if let (Some(old), Some(new)) = (known.arrival, changes::find(tx, hash)?.and_then(|new| new.arrival))
        {
            numbers.push((old, new));
        }
    }
    numbers.sort_unstable();
    let mut statement = tx.prepare("SELECT log, seen FROM feed")?;
    let feeds = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(i64, u64)>, _>>()?;
    for (feed, seen) in feeds {
        let looked_at = numbers.iter().take_while(|(old, _)| *old <= seen).map(|(_, new)| *new).max();
        tx.execute("UPDATE feed SET seen = ?2 WHERE log = ?1", params![feed, looked_at.unwrap_or(base)])
            .map_err(StoreError::from)?;
    }
    Ok(())
}
