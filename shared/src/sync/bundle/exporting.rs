//! Making a bundle.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use super::{BUNDLE_BYTES_MAX, Bundle, Head, Part};
use crate::{
    id::{DeviceId, Epoch, UnitId},
    identity::Context,
    store::{Result, StoreError, Tx, carried, changes, devices, log, signing},
    sync::{Replica, station::Station},
    time::{Now, Timestamp},
    wire::{
        batch::LogName,
        frame::{Note, Receipt},
    },
};

/// Bytes of parts above which no further batch goes into a bundle: the next one takes the rest.
const FULL_BYTES: usize = BUNDLE_BYTES_MAX - (1 << 20);

/// A bundle that was made.
#[derive(Debug)]
pub struct Exported {
    /// The file.
    pub bytes: Vec<u8>,
    /// Changes of this laptop in it.
    pub own_changes: u64,
    /// Changes of others in it.
    pub carried_changes: u64,
    /// Receipts in it.
    pub receipts: u64,
    /// Custody notes in it.
    pub notes: u64,
    /// Batches that found no room.
    pub left: u64,
}

/// Up to where somebody needs nothing more of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Held {
    /// Whose log.
    #[n(0)]
    pub author: DeviceId,
    /// The author's life.
    #[n(1)]
    pub epoch: Epoch,
    /// Index of the entry.
    #[n(2)]
    pub index: u64,
}

/// What laptops that meet say first.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Greeting {
    /// The version of their conversation.
    #[n(0)]
    pub version: u32,
    /// What the speaker needs nothing more of.
    #[n(1)]
    pub held: Vec<Held>,
}

impl Greeting {
    /// Bytes that a greeting may have.
    pub const BYTES_MAX: usize = 64 << 10;

    /// Encodes the greeting.
    pub fn to_bytes(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("encoding into memory cannot fail")
    }

    /// Reads a greeting; `None` of what is none.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        minicbor::decode(bytes).ok()
    }
}

#[derive(Default)]
struct Making {
    parts: Vec<Part>,
    bytes: usize,
    own_changes: u64,
    carried_changes: u64,
    notes: u64,
    receipts: u64,
    left: u64,
}

impl Making {
    fn batch(&mut self, bytes: Vec<u8>) -> bool {
        if self.bytes + bytes.len() > FULL_BYTES {
            self.left += 1;
            return false;
        }
        self.bytes += bytes.len();
        self.parts.push(Part::Batch(bytes));
        true
    }

    fn receipt(&mut self, receipt: Receipt) {
        self.receipts += 1;
        self.parts.push(Part::Receipt(receipt));
    }
}

impl Replica {
    /// Makes a bundle of what no receipt covers: of this laptop, and of what it carries for others; with it go
    /// receipts and notes on their way home. Nothing that `held` says the receiver holds already goes; of `None`
    /// receipts and notes alone.
    ///
    /// # Errors
    /// The store fails, or this laptop is not enrolled.
    pub fn export_bundle(&mut self, now: Now, held: Option<&[Held]>) -> Result<Exported> {
        let is_whole = held.is_some();
        let held: BTreeMap<_, _> =
            held.unwrap_or_default().iter().map(|held| ((held.author, held.epoch), held.index)).collect();
        let held = |log: &LogName| held.get(&(log.author, log.epoch)).copied().unwrap_or(0);
        let Self { store, station, .. } = self;
        let own = store.commit(|tx| {
            let log = log::find_or_begin(tx, &station.log())?;
            station.sign_log(tx, &log)?;
            Ok::<_, StoreError>(log)
        })?;
        self.prepared = None;
        let (store, station) = (&self.store, &self.station);
        let tx = store.reader();
        let mut making = Making::default();
        for receipt in carried::homeward(tx)? {
            making.receipt(receipt);
        }
        let notes = notes(tx, station, now.wall)?;
        making.notes = notes.len() as u64;
        making.parts.extend(notes.into_iter().map(Part::Note));
        if !is_whole {
            return Ok(self.wrapped(now, making));
        }
        let mut next = devices::receipted(tx, station.epoch)?.max(held(&own.name)) + 1;
        while let Some(batch) = log::batch_with(tx, &own, next)? {
            let (first, last) = (batch.first, batch.last);
            if !making.batch(signing::alone(batch, station.packs)?.to_bytes()) {
                break;
            }
            making.own_changes +=
                changes::count_between(tx, own.name.author, own.name.epoch, first - 1, last)?;
            next = last + 1;
        }
        for carried in carried::all(tx)? {
            if carried.end.index > held(&carried.log) && making.batch(carried::bytes(tx, &carried)?) {
                making.carried_changes += carried.changes;
            }
        }
        Ok(self.wrapped(now, making))
    }

    /// The hub makes a bundle of its receipts for the laptops of `unit`, or of all: the way home of a stick that
    /// brought what they wrote.
    ///
    /// # Errors
    /// The store fails.
    pub fn export_receipts(&mut self, now: Now, unit: Option<&UnitId>) -> Result<Exported> {
        let tx = self.store.reader();
        let mut making = Making::default();
        for (life, laptop) in devices::lives(tx)? {
            if unit.is_some_and(|unit| laptop.is_none_or(|laptop| laptop.unit != *unit)) {
                continue;
            }
            let name = LogName { author: life.device, epoch: life.epoch, reader: None };
            if let Some(log) = log::find(tx, &name)?.filter(|log| log.head.index > 0) {
                making.receipt(self.signed_receipt(&log, now)?);
            }
        }
        Ok(self.wrapped(now, making))
    }

    /// What this laptop needs nothing more of.
    ///
    /// # Errors
    /// The store fails.
    pub fn holds(&self) -> Result<Vec<Held>> {
        let tx = self.store.reader();
        let own = self.station.log();
        let head = log::find(tx, &own)?.map_or(0, |log| log.head.index);
        let mut held = vec![Held { author: own.author, epoch: own.epoch, index: head }];
        for run in carried::runs(tx)? {
            if let Some(last) = run.last() {
                held.push(Held { author: last.log.author, epoch: last.log.epoch, index: last.end.index });
            }
        }
        for receipt in carried::homeward(tx)? {
            let index = receipt.cursor.index;
            held.push(Held { author: receipt.device, epoch: receipt.epoch, index });
        }
        held.sort_by_key(|held| (held.author, held.epoch, held.index));
        Ok(held)
    }

    fn wrapped(&self, now: Now, making: Making) -> Exported {
        let Making { parts, own_changes, carried_changes, receipts, notes, left, .. } = making;
        let place = self.station.place.as_ref().expect("who makes a bundle is enrolled");
        let head = Head {
            maker: place.device,
            key: self.station.key.public(),
            district: place.district.clone(),
            at: now.wall,
        };
        let bytes = Bundle { head, parts }.to_bytes(&self.station.key);
        Exported { bytes, own_changes, carried_changes, receipts, notes, left }
    }
}

/// Notes of all that is carried here, signed now.
fn notes(tx: Tx<'_>, station: &Station, at: Timestamp) -> Result<Vec<Note>> {
    let runs = carried::runs(tx)?;
    let noted = runs.iter().filter_map(|run| {
        let (first, last) = (run.first()?, run.last()?);
        let mut note = Note {
            carrier: station.device(),
            author: first.log.author,
            epoch: first.log.epoch,
            after: first.first - 1,
            cursor: last.end,
            at,
            signature: Vec::new(),
        };
        note.signature = station.key.sign(Context::Custody, &note.signed_message()).0.to_vec();
        Some(note)
    });
    Ok(noted.collect())
}
