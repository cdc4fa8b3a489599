//! Looks for damage: every log's chain and signatures computed anew, and what receipts prove once to have
//! been here.

use std::fmt;

use super::{Replica, intake, receipts::receipt_is_sound, station::Station};
use crate::{
    document,
    id::{DeviceId, Epoch, PublicKey},
    identity::{self, Context, Signature},
    registry::Registries,
    store::{
        self, Result, StoreError, Tx,
        attachment::{self, Refused},
        carried, damaged, devices,
        log::{self, Log},
        notes,
    },
    wire::{
        batch::{Batch, Chain, Entry, LogName},
        frame::Receipt,
    },
};

/// A log that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFault {
    /// The log.
    pub log: LogName,
    /// The entry at which it shows.
    pub entry: u64,
    /// What is wrong.
    pub sort: LogFaultSort,
}

/// What can be wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFaultSort {
    /// Entries are missing.
    Gap,
    /// Entries cannot be read.
    Unreadable,
    /// The chain leads elsewhere.
    Chain,
    /// The author did not sign this.
    Signature,
}

impl fmt::Display for LogFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, entry, sort } = self;
        match log.reader {
            Some(reader) => write!(f, "feed for device {}", reader.device)?,
            None if log.author == DeviceId::HUB => f.write_str("the hub's log")?,
            None => write!(f, "log of device {}", log.author)?,
        }
        let what = match sort {
            LogFaultSort::Gap => "entries are missing from",
            LogFaultSort::Unreadable => "entries cannot be read from",
            LogFaultSort::Chain => "the chain breaks at",
            LogFaultSort::Signature => "the signature does not fit from",
        };
        write!(f, " (life {}): {what} entry {entry} on", log.epoch.short())
    }
}

/// What a receipt proves that this hub once held, and that it lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The receipt, as the laptop showed it.
    pub receipt: Receipt,
    /// Up to where the hub holds that log.
    pub held: u64,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Receipt { device, epoch, cursor, .. } = &self.receipt;
        write!(
            f,
            "entries {} to {} of device {device} (life {}) were receipted and are not here; that laptop holds them",
            self.held + 1,
            cursor.index,
            epoch.short(),
        )
    }
}

/// Verifies every log that is here; counts the entries into `entries`.
///
/// # Errors
/// The store fails.
pub fn logs(tx: Tx<'_>, entries: &mut u64) -> Result<Vec<LogFault>> {
    let Some(station) = Station::load(tx)? else { return Ok(Vec::new()) };
    let mut faults = Vec::new();
    for log in log::all(tx)? {
        let key = key_of(tx, &station, &log.name)?;
        // What laptops have given back is kept as it came, with gaps.
        let has_gaps =
            log.name.is_branch() || (station.hub && log.name.is_feed() && log.name.epoch != station.epoch);
        match verify(tx, &log, key, has_gaps, entries) {
            Ok(()) => {}
            Err(Broken::At(entry, sort)) => faults.push(LogFault { log: log.name, entry, sort }),
            Err(Broken::Store(error)) => return Err(error),
        }
    }
    Ok(faults)
}

/// Something that is carried, or on its way home, and does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedFault {
    /// Whose log it is about.
    pub author: DeviceId,
    /// The author's life.
    pub epoch: Epoch,
    /// What is wrong.
    pub sort: CarriedFaultSort,
}

/// What can be wrong with something that is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CarriedFaultSort {
    /// The bytes of a batch are not those that were proven.
    Damaged {
        /// The entry from which on.
        first: u64,
    },
    /// Nobody knows the laptop that wrote it.
    Orphaned,
    /// A batch is not as its author signed it.
    Unproven {
        /// The entry from which on.
        first: u64,
    },
    /// A receipt on its way home is not as the hub signed it.
    Receipt,
    /// A note is for another log than this laptop's.
    Note {
        /// Who signed it.
        carrier: DeviceId,
    },
}

impl fmt::Display for CarriedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { author, epoch, sort } = self;
        write!(f, "device {author} (life {}): ", epoch.short())?;
        match sort {
            CarriedFaultSort::Damaged { first } => {
                write!(f, "what is carried from entry {first} on: {}", carried::DAMAGED)
            }
            CarriedFaultSort::Orphaned => f.write_str(
                "something is carried for it, and no registry knows such a laptop: sync with the hub",
            ),
            CarriedFaultSort::Unproven { first } => write!(
                f,
                "what is carried from entry {first} on is not as that laptop signed it: take a bundle of it in again"
            ),
            CarriedFaultSort::Receipt => {
                f.write_str("a receipt on its way home was damaged: sync with the hub")
            }
            CarriedFaultSort::Note { carrier } => write!(
                f,
                "the note of device {carrier} is for another log than this laptop's: meet that laptop again"
            ),
        }
    }
}

/// Files that are carried for others and that the disk has damaged, each with what to do.
///
/// # Errors
/// The store fails.
pub fn carried_files(tx: Tx<'_>) -> Result<Vec<String>> {
    let mut carried = attachment::carried(tx)?;
    carried.retain(|carried| carried.known.refused == Some(Refused::Damaged));
    let told =
        carried.iter().map(|carried| format!("file {}: {}", carried.known.hash.short(), Refused::Damaged));
    Ok(told.collect())
}

/// Verifies all that is carried for others, the receipts on their way home, and the notes of who carries for this
/// laptop.
///
/// # Errors
/// The store fails.
pub fn carried(tx: Tx<'_>, registries: &Registries) -> Result<Vec<CarriedFault>> {
    let Some(station) = Station::load(tx)? else { return Ok(Vec::new()) };
    let mut faults = Vec::new();
    for carried in carried::all(tx)? {
        let (LogName { author, epoch, .. }, first) = (carried.log, carried.first);
        let key = registries.device(author).and_then(|row| row.key);
        let batch = carried::bytes(tx, &carried)?.and_then(|bytes| Batch::of_bytes(&bytes).ok());
        let sort = match (key, batch) {
            (_, None) => CarriedFaultSort::Damaged { first },
            (None, Some(_)) => CarriedFaultSort::Orphaned,
            (Some(key), Some(batch)) if intake::proven(&batch, &key).is_err() => {
                CarriedFaultSort::Unproven { first }
            }
            (Some(_), Some(_)) => continue,
        };
        faults.push(CarriedFault { author, epoch, sort });
    }
    for receipt in carried::homeward(tx)? {
        let hub = station.place.as_ref().map(|place| place.hub_key);
        if !hub.is_some_and(|hub| receipt_is_sound(&receipt, &hub)) {
            let (author, epoch) = (receipt.device, receipt.epoch);
            faults.push(CarriedFault { author, epoch, sort: CarriedFaultSort::Receipt });
        }
    }
    let own = log::find(tx, &station.log())?;
    for note in notes::of_life(tx, station.epoch)? {
        let chain = own.as_ref().map(|own| log::chain_at(tx, own, note.cursor.index)).transpose()?.flatten();
        if chain != Some(note.cursor.chain) {
            let sort = CarriedFaultSort::Note { carrier: note.carrier };
            faults.push(CarriedFault { author: note.author, epoch: note.epoch, sort });
        }
    }
    Ok(faults)
}

/// What receipts that laptops have shown prove to be missing here.
///
/// # Errors
/// The store fails or is damaged.
pub fn lacks(tx: Tx<'_>) -> Result<Vec<Lack>> {
    let mut statement = tx.prepare("SELECT value FROM fact WHERE name LIKE 'proven/%' ORDER BY name")?;
    let proofs =
        statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<Vec<u8>>, rusqlite::Error>>()?;
    let mut lacks = Vec::new();
    for proof in proofs {
        let receipt: Receipt = minicbor::decode(&proof).map_err(|_| damaged("fact.proven"))?;
        let name = LogName { author: receipt.device, epoch: receipt.epoch, reader: None };
        let held = log::find(tx, &name)?.map_or(0, |log| log.head.index);
        if held < receipt.cursor.index && !is_given_back(tx, &receipt)? {
            lacks.push(Lack { receipt, held });
        }
    }
    Ok(lacks)
}

/// Whether the laptop has given back what a receipt covers, beside what is held of that log.
fn is_given_back(tx: Tx<'_>, receipt: &Receipt) -> Result<bool> {
    for log in log::all(tx)? {
        let branch =
            log.name.is_branch() && (log.name.author, log.name.epoch) == (receipt.device, receipt.epoch);
        if branch && log::chain_at(tx, &log, receipt.cursor.index)? == Some(receipt.cursor.chain) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Replica {
    /// Keeps a sound receipt that a laptop shows, where it proves more than is here.
    pub(super) fn keep_proof(&mut self, receipt: &Receipt) -> Result<()> {
        let Receipt { device, epoch, cursor, .. } = receipt;
        let name = LogName { author: *device, epoch: *epoch, reader: None };
        let held = log::find(self.store.reader(), &name)?.map_or(0, |log| log.head.index);
        if cursor.index <= held {
            return Ok(());
        }
        let proof = minicbor::to_vec(receipt).expect("encoding into memory cannot fail");
        self.store.commit(|tx| store::set_fact(tx, &format!("proven/{device}/{epoch}"), &proof))
    }
}

enum Broken {
    At(u64, LogFaultSort),
    Store(StoreError),
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Whose signature a log bears; `None` where that key is not known here.
fn key_of(tx: Tx<'_>, station: &Station, name: &LogName) -> Result<Option<PublicKey>> {
    if name.author == station.device() && name.reader.is_none() {
        return Ok(Some(station.key.public()));
    }
    if name.author == DeviceId::HUB {
        return Ok(station.place.as_ref().map(|place| place.hub_key));
    }
    Ok(devices::by_number(tx, name.author)?.map(|device| device.key))
}

fn verify(
    tx: Tx<'_>,
    log: &Log,
    key: Option<PublicKey>,
    has_gaps: bool,
    entries: &mut u64,
) -> Result<(), Broken> {
    let mut next = first_kept(tx, log)?;
    // A feed is pruned up to what its reader has confirmed.
    if next > 1 && log.name.reader.is_none() {
        return Err(Broken::At(1, LogFaultSort::Gap));
    }
    let mut chain = (next == 1).then(Chain::default);
    while next <= log.head.index {
        let batch = match log::batch_with(tx, log, next) {
            Err(StoreError::Damaged { .. }) => return Err(Broken::At(next, LogFaultSort::Unreadable)),
            batch => batch?.filter(|batch| batch.first == next),
        };
        if batch.is_none() && has_gaps {
            let Some(later) = log::next_batch(tx, log, next)? else { return Ok(()) };
            (next, chain) = (later, None);
            continue;
        }
        let batch = batch.ok_or(Broken::At(next, LogFaultSort::Gap))?;
        if chain.is_some_and(|chain| chain != batch.before) {
            return Err(Broken::At(next, LogFaultSort::Chain));
        }
        verify_batch(log, &batch, key)?;
        *entries += batch.last + 1 - batch.first;
        chain = Some(batch.chain);
        next = batch.last + 1;
    }
    let ends = log.head.index == 0
        || next == log.head.index + 1 && chain.is_none_or(|chain| chain == log.head.chain);
    if ends { Ok(()) } else { Err(Broken::At(next, LogFaultSort::Chain)) }
}

fn verify_batch(log: &Log, batch: &Batch, key: Option<PublicKey>) -> Result<(), Broken> {
    let broken = |sort| Broken::At(batch.first, sort);
    let entries = log::read(batch).map_err(|_| broken(LogFaultSort::Unreadable))?;
    if entries.len() as u64 != (batch.last + 1).saturating_sub(batch.first) {
        return Err(broken(LogFaultSort::Gap));
    }
    let mut chain = batch.before;
    for (entry, _) in &entries {
        let hash = match entry {
            Entry::Change { change, .. } | Entry::Fed { change, .. } => {
                Some(document::hash(change).map_err(|_| broken(LogFaultSort::Unreadable))?)
            }
            Entry::Actor { .. }
            | Entry::Note { .. }
            | Entry::Erased { .. }
            | Entry::Enter { .. }
            | Entry::Leave { .. }
            | Entry::Anew
            | Entry::Refused { .. }
            | Entry::Released { .. }
            | Entry::Registry { .. } => None,
        };
        chain = chain.after(entry, hash.as_ref());
    }
    if chain != batch.chain {
        return Err(broken(LogFaultSort::Chain));
    }
    let Some(key) = key.filter(|_| !batch.signature.is_empty()) else { return Ok(()) };
    let context = if log.name.is_feed() { Context::FeedHead } else { Context::LogHead };
    let message = Batch::signed_message(&log.name.signed(), batch.last, batch.chain);
    let signature = Signature::try_from(batch.signature.as_slice());
    let fits = signature.is_ok_and(|signature| identity::verify(key, context, &message, &signature).is_ok());
    if fits { Ok(()) } else { Err(broken(LogFaultSort::Signature)) }
}

/// Index of the first entry that is kept; behind the head where none is.
fn first_kept(tx: Tx<'_>, log: &Log) -> Result<u64> {
    let first: Option<u64> = tx
        .prepare_cached("SELECT min(first) FROM batch WHERE log = ?1")?
        .query_row([log.row], |row| row.get(0))?;
    Ok(first.unwrap_or(log.head.index + 1))
}
