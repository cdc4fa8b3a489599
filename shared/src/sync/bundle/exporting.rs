//! Making a bundle.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};

use super::{BUNDLE_BYTES_MAX, Bundle, Head, Life, Part, cbor};
use crate::{
    id::{ContentHash, DeviceId, Epoch, UnitId},
    identity::Context,
    store::{Result, StoreError, Tx, attachment, carried, changes, devices, file_receipts, log, signing},
    sync::{Replica, station::Station},
    time::{Now, Timestamp},
    wire::{
        attachment::{self as attachment_wire, NAMED_MAX},
        batch::LogName,
        frame::{Note, Receipt},
        pack::{OLDEST, Packs},
    },
};

/// Bytes of parts above which no further batch goes into a bundle: the next one takes the rest.
const FULL_BYTES: usize = BUNDLE_BYTES_MAX - (1 << 20);

/// A bundle that was made.
#[derive(Debug, Default)]
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
    /// Files in it.
    pub files: Vec<ContentHash>,
    /// Files that found no room, and their bytes.
    pub files_left: (u64, u64),
}

/// Which files go into a bundle.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// Bytes that the whole bundle may have.
    pub bytes_max: u64,
    /// Those that an earlier bundle of a row holds. Where it is none, facts go first; into those behind it files alone.
    pub given: &'a [ContentHash],
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
    /// Up to where it has receipts: of its own log, and on their way home. `None` of an older program.
    #[n(2)]
    pub receipts: Option<Vec<Held>>,
    /// Whether it gives and takes files behind all facts. `None` of an older program.
    #[n(3)]
    pub files: Option<bool>,
}

/// Whom a bundle is for.
#[derive(Clone, Copy, Debug)]
pub enum For<'a> {
    /// Whoever the stick comes to.
    Anyone,
    /// A laptop that has said what it needs nothing more of.
    Guest(DeviceId, &'a Greeting),
    /// The same, which has been given all batches already.
    Farewell(DeviceId, &'a Greeting),
}

impl Greeting {
    /// Bytes that a greeting may have.
    pub const BYTES_MAX: usize = 128 << 10;
    /// Logs of each kind that a greeting names.
    const NAMED_MAX: usize = 1_000;

    /// Whether the speaker gives and takes files.
    pub fn has_files(&self) -> bool {
        self.files == Some(true)
    }

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
    files: Vec<ContentHash>,
    files_left: (u64, u64),
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

    fn file(&mut self, hash: ContentHash, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        self.files.push(hash);
        self.parts.push(Part::File { hash, bytes });
    }

    /// Adds receipts for files, the newest first, as long as there is room.
    fn file_receipts(&mut self, receipts: Vec<attachment_wire::Receipt>, bytes_max: usize) {
        for part in receipts.into_iter().map(Part::FileReceipt) {
            let bytes = cbor(&part).len();
            if self.bytes + bytes > bytes_max {
                return;
            }
            self.bytes += bytes;
            self.parts.push(part);
        }
    }

    fn receipt(&mut self, receipt: Receipt) {
        self.receipts += 1;
        self.parts.push(Part::Receipt(receipt));
    }
}

impl Replica {
    /// Makes a bundle of what no receipt covers: of this laptop, and of what it carries for others; with it go
    /// receipts and notes on their way home, and this laptop's own newest receipt, which frees whoever carries for it.
    /// Nothing that a guest has said to hold goes; one that takes files is brought receipts for these too.
    ///
    /// # Errors
    /// The store fails, or this laptop is not enrolled.
    pub fn export_bundle(&mut self, now: Now, whose: For<'_>) -> Result<Exported> {
        let (life, mut making) = self.facts(now, whose)?;
        if let For::Guest(_, greeting) = whose
            && greeting.has_files()
        {
            making.file_receipts(file_receipts::homeward(self.store.reader())?, FULL_BYTES);
        }
        Ok(self.wrapped(now, Some(life), making))
    }

    /// Makes a bundle for a stick as [`Replica::export_bundle`] does, and adds files that no receipt of the hub covers, of
    /// this laptop and of those that it carries for, with the hub's receipts for files on their way home. What finds no
    /// room goes into a further bundle of the same row.
    ///
    /// # Errors
    /// The store or the folder of files fails, or this laptop is not enrolled.
    pub fn export_with_files(&mut self, now: Now, files: Files<'_>) -> Result<Exported> {
        let (life, mut making) = if files.given.is_empty() {
            self.facts(now, For::Anyone)?
        } else {
            let receipted = devices::receipted(self.store.reader(), self.station.epoch)?;
            (Life { epoch: self.station.epoch, receipted }, Making::default())
        };
        let tx = self.read_rows()?;
        let open = attachment::open(tx)?;
        let bytes_max = usize::try_from(files.bytes_max).unwrap_or(FULL_BYTES).min(FULL_BYTES);
        if files.given.is_empty() {
            making.file_receipts(file_receipts::homeward(tx)?, bytes_max);
        }
        for known in open.into_iter().filter(|known| known.whole && !files.given.contains(&known.hash)) {
            let size = usize::try_from(known.size).unwrap_or(usize::MAX);
            if making.bytes.saturating_add(size) > bytes_max {
                making.files_left = (making.files_left.0 + 1, making.files_left.1 + known.size);
            } else if let Some(bytes) = self.read_file(known.hash)? {
                making.file(known.hash, bytes);
            }
        }
        Ok(self.wrapped(now, Some(life), making))
    }

    /// What no receipt covers, for whom it is.
    fn facts(&mut self, now: Now, whose: For<'_>) -> Result<(Life, Making)> {
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
        let told = Told::of(whose);
        let newest = devices::receipt(tx, station.epoch)?;
        let newest = newest.filter(|receipt| station.feed_epoch == Some(receipt.hub_epoch));
        for receipt in newest.into_iter().chain(carried::homeward(tx)?) {
            if told.receipts.get(&(receipt.device, receipt.epoch)).is_none_or(|at| *at < receipt.cursor.index)
            {
                making.receipt(receipt);
            }
        }
        let mut notes = notes(tx, station, now.wall)?;
        notes.retain(|note| told.guest.is_none_or(|guest| guest == note.author));
        making.notes = notes.len() as u64;
        making.parts.extend(notes.into_iter().map(Part::Note));
        let receipted = devices::receipted(tx, station.epoch)?;
        let life = Life { epoch: station.epoch, receipted };
        if matches!(whose, For::Farewell(..)) {
            return Ok((life, making));
        }
        let mut next = receipted.max(told.held(&own.name)) + 1;
        while let Some(batch) = log::batch_with(tx, &own, next)? {
            let (first, last) = (batch.first, batch.last);
            // Who reads a bundle has not said which dictionaries it knows.
            let packs = station.packs.as_ref().map(|packs| Packs::inside(packs.number.min(OLDEST)));
            if !making.batch(signing::alone(batch, packs.as_ref())?.to_bytes()) {
                break;
            }
            making.own_changes +=
                changes::count_between(tx, own.name.author, own.name.epoch, first - 1, last)?;
            next = last + 1;
        }
        for carried in carried::all(tx)?.iter().filter(|carried| carried.end.index > told.held(&carried.log))
        {
            if let Some(bytes) = carried::bytes(tx, carried)?
                && making.batch(bytes)
            {
                making.carried_changes += carried.changes;
            }
        }
        Ok((life, making))
    }

    /// The hub makes a bundle of its receipts for the laptops of `unit`, or of all: the way home of a stick that
    /// brought what they wrote.
    ///
    /// # Errors
    /// The store fails.
    pub fn export_receipts(&mut self, now: Now, unit: Option<&UnitId>) -> Result<Exported> {
        let tx = self.store.reader();
        let (mut making, mut told) = (Making::default(), BTreeSet::new());
        for (life, laptop) in devices::lives(tx)? {
            if unit.is_some_and(|unit| laptop.is_none_or(|laptop| laptop.unit != *unit)) {
                continue;
            }
            let name = LogName { author: life.device, epoch: life.epoch, reader: None };
            if let Some(log) = log::find(tx, &name)?.filter(|log| log.head.index > 0) {
                making.receipt(self.signed_receipt(&log, now)?);
            }
            if told.insert(life.device) {
                let held = attachment::whole_of(tx, life.device)?;
                let receipts = held.chunks(NAMED_MAX).map(|hashes| {
                    Part::FileReceipt(self.signed_file_receipt(now, life.device, hashes.to_vec()))
                });
                making.parts.extend(receipts);
            }
        }
        Ok(self.wrapped(now, None, making))
    }

    /// What this laptop says first to another one: what it needs nothing more of, in the `version` of their
    /// conversation.
    ///
    /// # Errors
    /// The store fails.
    pub fn greeting(&self, version: u32) -> Result<Greeting> {
        let tx = self.store.reader();
        let own = self.station.log();
        let head = log::find(tx, &own)?.map_or(0, |log| log.head.index);
        let mut held = BTreeMap::from([((own.author, own.epoch), head)]);
        for receipt in carried::homeward(tx)? {
            held.insert((receipt.device, receipt.epoch), receipt.cursor.index);
        }
        for run in carried::whole_runs(tx)? {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            // Up to the first gap: what lies behind it is given again with what fills it.
            let at = held.entry((first.log.author, first.log.epoch)).or_insert(first.first - 1);
            if first.first <= *at + 1 {
                *at = last.end.index.max(*at);
            }
        }
        let receipted = devices::receipted(tx, own.epoch)?;
        let mut receipts = vec![Held { author: own.author, epoch: own.epoch, index: receipted }];
        for receipt in carried::homeward(tx)? {
            let (author, epoch, index) = (receipt.device, receipt.epoch, receipt.cursor.index);
            receipts.push(Held { author, epoch, index });
        }
        let named = held.into_iter().take(Greeting::NAMED_MAX);
        let held = named.map(|((author, epoch), index)| Held { author, epoch, index }).collect();
        receipts.truncate(Greeting::NAMED_MAX);
        Ok(Greeting { version, held, receipts: Some(receipts), files: Some(true) })
    }

    /// Notes what another laptop has said first: the receipts that it has itself need not be brought to it any more.
    ///
    /// # Errors
    /// The store fails.
    pub fn greeted(&mut self, guest: DeviceId, greeting: &Greeting) -> Result<()> {
        let own = greeting.receipts.iter().flatten().filter(|held| held.author == guest);
        self.store.commit(|tx| {
            for held in own {
                carried::forget_homeward(tx, guest, held.epoch, held.index)?;
            }
            Ok(())
        })
    }

    fn wrapped(&self, now: Now, life: Option<Life>, making: Making) -> Exported {
        let Making { parts, own_changes, carried_changes, receipts, notes, left, files, files_left, .. } =
            making;
        let place = self.station.place.as_ref().expect("who makes a bundle is enrolled");
        let head = Head {
            maker: place.device,
            key: self.station.key.public(),
            district: place.district.clone(),
            at: now.wall,
            life,
        };
        let bytes = Bundle { head, parts }.to_bytes(&self.station.key);
        Exported { bytes, own_changes, carried_changes, receipts, notes, left, files, files_left }
    }
}

/// What the one has said for whom a bundle is.
#[derive(Default)]
struct Told {
    guest: Option<DeviceId>,
    held: BTreeMap<(DeviceId, Epoch), u64>,
    receipts: BTreeMap<(DeviceId, Epoch), u64>,
}

impl Told {
    fn of(whose: For<'_>) -> Self {
        let (For::Guest(guest, greeting) | For::Farewell(guest, greeting)) = whose else {
            return Self::default();
        };
        let by_log = |held: &Held| ((held.author, held.epoch), held.index);
        Self {
            guest: Some(guest),
            held: greeting.held.iter().map(by_log).collect(),
            receipts: greeting.receipts.iter().flatten().map(by_log).collect(),
        }
    }

    fn held(&self, log: &LogName) -> u64 {
        self.held.get(&(log.author, log.epoch)).copied().unwrap_or(0)
    }
}

/// Notes of all that is carried here and whole, signed now.
fn notes(tx: Tx<'_>, station: &Station, at: Timestamp) -> Result<Vec<Note>> {
    let runs = carried::whole_runs(tx)?;
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
            life: Some(station.epoch),
            hub: station.feed_epoch,
        };
        note.signature = station.key.sign(Context::Custody, &note.signed_message()).0.to_vec();
        Some(note)
    });
    Ok(noted.collect())
}
