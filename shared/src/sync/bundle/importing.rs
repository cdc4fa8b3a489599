//! Taking a bundle in: each part stands or falls by its own signature.

use super::{Bundle, BundleError, Head, Part};
use crate::{
    id::{ContentHash, DeviceId, DistrictCode, PublicKey},
    identity::{self, Context, Signature},
    store::{StoreError, Tx, attachment, carried, devices, log, notes},
    sync::{
        Replica, courier,
        intake::{self, IntakeError},
        meeting,
        receipts::receipt_is_sound,
    },
    time::Now,
    wire::{
        attachment as attachment_wire,
        batch::{Batch, LogName},
        frame::{Cursor, Note, Receipt},
    },
};

/// Bytes that a laptop carries for others at most.
const CARRIED_BYTES_MAX: u64 = 256 << 20;

/// Why nothing of a bundle is taken in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The store failed; the bundle may be taken in again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not as its maker wrote it.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Documents never leave their district.
    #[error("the bundle is of district {found}, this machine belongs to {own}")]
    District {
        /// Whose it is.
        found: DistrictCode,
        /// Whose this machine is.
        own: String,
    },
    /// Somebody else made it than gave it.
    #[error("the bundle was made by device {maker}, and device {giver} gave it")]
    Giver {
        /// Who made it.
        maker: DeviceId,
        /// Who gave it.
        giver: DeviceId,
    },
    /// Its maker's key is in no row of the registry, or may not connect any more.
    #[error("the bundle was made by device {maker}, which is not known here as a laptop that may connect")]
    Maker {
        /// Who it says to be.
        maker: DeviceId,
    },
}

/// What came of a bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// Who made it.
    pub maker: DeviceId,
    /// Changes that were not held before: carried from now on, or at the hub let in.
    pub changes: u64,
    /// Batches that were here already, or are at the hub.
    pub known: u64,
    /// Changes of this laptop that a receipt in the bundle newly covers.
    pub receipted: u64,
    /// Receipts for other laptops, brought home from now on.
    pub homeward: u64,
    /// Notes of other laptops that say more than was known of what they hold of this one's.
    pub notes: u64,
    /// Files that were not held before: carried from now on, or at the hub taken.
    pub files: u64,
    /// Files of this laptop that a receipt in the bundle newly covers.
    pub files_receipted: u64,
    /// Hub: changes that were put into quarantine.
    pub quarantined: u64,
    /// Why parts were not taken, each once.
    pub refused: Vec<String>,
}

impl Imported {
    /// Adds what came of another bundle of the same maker.
    pub fn add(&mut self, other: Self) {
        self.changes += other.changes;
        self.known += other.known;
        self.receipted += other.receipted;
        self.homeward += other.homeward;
        self.notes += other.notes;
        self.files += other.files;
        self.files_receipted += other.files_receipted;
        self.quarantined += other.quarantined;
        other.refused.into_iter().for_each(|reason| self.refuse(reason));
    }

    /// Notes why something was not taken.
    pub fn refuse(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if !self.refused.contains(&reason) {
            self.refused.push(reason);
        }
    }
}

impl Replica {
    /// Reads a bundle, verifies every signature in it, and takes nothing in. Returns it with what of it would not
    /// be taken.
    ///
    /// # Errors
    /// It is not as its maker wrote it, or of no machine that is known here.
    pub fn verify_bundle(&self, bytes: &[u8]) -> Result<(Bundle, Vec<String>), ImportError> {
        let bundle = Bundle::of_bytes(bytes)?;
        self.check_head(&bundle.head)?;
        let mut imported = Imported::default();
        let hub = self.station.place.as_ref().map(|place| place.hub_key);
        for part in &bundle.parts {
            let checked = match part {
                Part::Batch(bytes) => self.proven(bytes).map(drop),
                Part::Receipt(receipt) if hub.is_some_and(|hub| receipt_is_sound(receipt, &hub)) => Ok(()),
                Part::Receipt(_) => Err(UNSOUND.to_owned()),
                Part::Note(note) => self.note_is_sound(note).then_some(()).ok_or_else(|| NOTE.to_owned()),
                Part::File { hash, bytes } => is_content(*hash, bytes),
                Part::FileReceipt(receipt) if self.file_receipt_is_sound(receipt) => Ok(()),
                Part::FileReceipt(_) => Err(UNSOUND.to_owned()),
            };
            if let Err(reason) = checked {
                imported.refuse(reason);
            }
        }
        Ok((bundle, imported.refused))
    }

    /// Takes a bundle in: a laptop carries from now on what others wrote, and keeps receipts and notes; the hub
    /// lets in what laptops wrote. What of it cannot be taken is told, and stops nothing else.
    ///
    /// # Errors
    /// It is not as its maker wrote it, or of no machine that is known here; nothing is taken then.
    pub fn import_bundle(&mut self, now: Now, bytes: &[u8]) -> Result<Imported, ImportError> {
        let Bundle { head, parts } = Bundle::of_bytes(bytes)?;
        let mut imported = self.begin_import(&head, None)?;
        for part in parts {
            self.take_part(now, part, &mut imported)?;
        }
        Ok(imported)
    }

    /// Judges by its head whether a bundle is taken in that is as its maker wrote it; where somebody `giver` gives it,
    /// it must have made it. Then take its parts with [`Replica::take_part`].
    ///
    /// # Errors
    /// It is of no machine that is known here, or of another than the giver; nothing is taken then.
    pub fn begin_import(&mut self, head: &Head, giver: Option<DeviceId>) -> Result<Imported, ImportError> {
        let maker = head.maker;
        if let Some(giver) = giver.filter(|giver| *giver != maker) {
            return Err(ImportError::Giver { maker, giver });
        }
        self.check_head(head)?;
        if let Some(life) = head.life.filter(|_| !self.station.hub && maker != self.station.device())
            && !self.registries.is_past_life(maker, life.epoch)
        {
            self.store.commit(|tx| {
                notes::keep_life(tx, maker, Some(life.epoch))?;
                carried::forget_homeward(tx, maker, life.epoch, life.receipted)
            })?;
        }
        Ok(Imported { maker, ..Imported::default() })
    }

    /// Takes in one part of a bundle that was begun; told in `imported`.
    ///
    /// # Errors
    /// The store fails.
    pub fn take_part(&mut self, now: Now, part: Part, imported: &mut Imported) -> Result<(), StoreError> {
        match part {
            Part::Batch(bytes) if self.station.hub => self.let_in_batch(now, &bytes, imported),
            Part::Batch(bytes) => self.carry(now, &bytes, imported),
            Part::File { hash, bytes } => self.take_file(hash, &bytes, imported),
            Part::Receipt(_) | Part::Note(_) | Part::FileReceipt(_) if self.station.hub => Ok(()),
            Part::FileReceipt(receipt) => self.bring_file_receipt_home(&receipt, imported),
            Part::Receipt(receipt) => self.bring_home(&receipt, imported),
            Part::Note(note) => self.keep_note(&note, imported),
        }
    }

    fn check_head(&self, head: &Head) -> Result<(), ImportError> {
        let place = self.station.place.as_ref();
        if place.is_none_or(|place| place.district != head.district) {
            let own = place.map_or_else(|| "none".to_owned(), |place| place.district.to_string());
            return Err(ImportError::District { found: head.district.clone(), own });
        }
        let maker = head.maker;
        if self.key_of(maker)? == Some(head.key) { Ok(()) } else { Err(ImportError::Maker { maker }) }
    }

    /// What a device signs with; on a laptop only where the hub lets the device connect.
    fn key_of(&self, device: DeviceId) -> Result<Option<PublicKey>, StoreError> {
        if device == self.station.device() {
            return Ok(Some(self.station.key.public()));
        }
        if device == DeviceId::HUB {
            return Ok(self.station.place.as_ref().map(|place| place.hub_key));
        }
        if self.station.hub {
            return Ok(devices::by_number(self.store.reader(), device)?.map(|row| row.key));
        }
        Ok(self.registries.device(device).filter(|row| !row.barred).and_then(|row| row.key))
    }

    /// A batch of a laptop's log that is proven to be as its author signed it, with the number of its changes.
    fn proven(&self, bytes: &[u8]) -> Result<(Batch, u64), String> {
        let batch = Batch::of_bytes(bytes).map_err(|error| error.to_string())?;
        let author = batch.log.author;
        if batch.log.reader.is_some() || author == DeviceId::HUB {
            return Err("a batch of a log that nobody carries".to_owned());
        }
        let key = self.key_of(author).map_err(|error| error.to_string())?;
        let key = key.ok_or_else(|| {
            format!("device {author} is not known here as a laptop that may connect: sync with the hub first")
        })?;
        let changes = intake::proven(&batch, &key).map_err(|error| format!("device {author}: {error}"))?;
        Ok((batch, changes))
    }

    /// A laptop keeps a batch of another's log, to hand it over.
    fn carry(&mut self, now: Now, bytes: &[u8], imported: &mut Imported) -> Result<(), StoreError> {
        let (batch, changes) = match self.proven(bytes) {
            Ok(proven) => proven,
            Err(reason) => {
                imported.refuse(reason);
                return Ok(());
            }
        };
        if batch.log.author == self.station.device() {
            imported.known += 1;
            return Ok(());
        }
        let hub = self.station.feed_epoch;
        let outcome = self.store.commit(|tx| {
            let proven = carried::homeward_of(tx, batch.log.author, batch.log.epoch)?
                .filter(|receipt| hub == Some(receipt.hub_epoch));
            if proven.is_some_and(|receipt| receipt.cursor.index >= batch.last) {
                return Ok::<_, StoreError>(Some(false));
            }
            if carried::burden(tx)?.bytes + bytes.len() as u64 > CARRIED_BYTES_MAX {
                return Ok(None);
            }
            carried::put(tx, &batch, bytes, changes, now.wall).map(Some)
        })?;
        match outcome {
            Some(true) => imported.changes += changes,
            Some(false) => imported.known += 1,
            None => imported.refuse("this laptop carries as much as it may: sync with the hub first"),
        }
        Ok(())
    }

    /// The hub takes a batch as from a courier.
    fn let_in_batch(&mut self, now: Now, bytes: &[u8], imported: &mut Imported) -> Result<(), StoreError> {
        let maker = imported.maker;
        let batch = match Batch::of_bytes(bytes) {
            Ok(batch) if batch.log.reader.is_none() => batch,
            Ok(_) | Err(_) => {
                self.keep_debris(now, maker, "a part of a bundle is no batch of a laptop's log", bytes);
                imported.refuse("a part that is no batch of a laptop's log is kept in quarantine");
                return Ok(());
            }
        };
        let author = batch.log.author;
        let Self { store, station, registries, .. } = self;
        match store.commit(|tx| courier::take_in(tx, station, registries, now, &batch)) {
            Ok(tally) => {
                imported.changes += tally.new;
                imported.known += u64::from(tally.changes.is_empty());
                imported.quarantined += tally.refused.len() as u64;
                self.let_in(now, &tally);
            }
            Err(IntakeError::Store(error)) => return Err(error),
            Err(error) => {
                if error.is_breach() {
                    self.keep_debris(now, maker, &error.to_string(), bytes);
                }
                imported.refuse(format!("device {author}: {error}"));
            }
        }
        Ok(())
    }

    /// A receipt is kept where it is for this laptop, else brought home; what it proves to be at the hub is carried
    /// no more.
    fn bring_home(&mut self, receipt: &Receipt, imported: &mut Imported) -> Result<(), StoreError> {
        if receipt.device == self.station.device() {
            if receipt.epoch != self.station.epoch {
                return Ok(());
            }
            match self.keep_receipt(receipt)? {
                Ok(covered) => imported.receipted += covered,
                Err(reason) => imported.refuse(reason),
            }
            return Ok(());
        }
        let hub = self.station.place.as_ref().map(|place| place.hub_key);
        if !hub.is_some_and(|hub| receipt_is_sound(receipt, &hub)) {
            imported.refuse(UNSOUND);
            return Ok(());
        }
        // A hub that was restored may have lost what an earlier life of it proved: that goes on being carried.
        if self.station.feed_epoch != Some(receipt.hub_epoch) {
            imported.refuse("a receipt of another life of the hub");
            return Ok(());
        }
        let wants_home = courier::wants_home(&self.registries, receipt) && receipt.device != imported.maker;
        let kept = self.store.commit(|tx| {
            forget_delivered(tx, receipt)?;
            Ok::<_, StoreError>(wants_home && carried::put_homeward(tx, receipt)?)
        })?;
        imported.homeward += u64::from(kept);
        Ok(())
    }

    /// Takes a file whose bytes are those that it is named by: the hub where a case names it, a laptop to carry it.
    fn take_file(
        &mut self,
        hash: ContentHash,
        bytes: &[u8],
        imported: &mut Imported,
    ) -> Result<(), StoreError> {
        let size = bytes.len() as u64;
        if let Err(reason) = is_content(hash, bytes) {
            imported.refuse(reason);
            return Ok(());
        }
        let is_hub = self.station.hub;
        let names = attachment::names(self.read_rows()?, hash)?;
        if is_hub && !names.iter().any(|(_, named)| named.allows(size)) {
            imported.refuse(format!("file {}: no case here names it, in its size", hash.short()));
            return Ok(());
        }
        let known = attachment::find(self.store.reader(), hash)?;
        if known.is_some_and(|known| known.is_settled()) {
            return Ok(());
        }
        self.store.files().put(bytes)?;
        self.keep_file(hash, size, imported)
    }

    /// Notes a file that is whole in the folder: at the hub as taken, on a laptop to carry it.
    pub(in crate::sync) fn keep_file(
        &mut self,
        hash: ContentHash,
        size: u64,
        imported: &mut Imported,
    ) -> Result<(), StoreError> {
        let (is_hub, source) = (self.station.hub, imported.maker);
        let taken = self.store.commit(|tx| match is_hub {
            true => attachment::put_whole(tx, hash, size, Some(source)).map(|()| true),
            false => attachment::put_carried(tx, hash, size, source),
        })?;
        if taken {
            imported.files += 1;
        } else {
            self.store.files().remove(hash);
            imported.refuse("this laptop carries as many files as it may: sync with the hub first");
        }
        Ok(())
    }

    /// The hub's receipt for files is kept where they are of this laptop, and else brought home; what it covers is
    /// carried no more.
    fn bring_file_receipt_home(
        &mut self,
        receipt: &attachment_wire::Receipt,
        imported: &mut Imported,
    ) -> Result<(), StoreError> {
        if !self.file_receipt_is_sound(receipt) {
            imported.refuse(UNSOUND);
            return Ok(());
        }
        if self.station.feed_epoch != Some(receipt.hub_epoch) {
            imported.refuse("a receipt of another life of the hub");
            return Ok(());
        }
        let kept = self.keep_file_receipt(receipt)?;
        imported.files_receipted += kept.covered;
        imported.homeward += u64::from(kept.homeward);
        Ok(())
    }

    fn note_is_sound(&self, note: &Note) -> bool {
        let key = self.key_of(note.carrier).ok().flatten();
        let signature = Signature::try_from(note.signature.as_slice()).ok();
        key.zip(signature).is_some_and(|(key, signature)| {
            identity::verify(key, Context::Custody, &note.signed_message(), &signature).is_ok()
        })
    }

    /// Keeps what another laptop says to hold of this life's log; what it says of others is not for this laptop.
    fn keep_note(&mut self, note: &Note, imported: &mut Imported) -> Result<(), StoreError> {
        let own = self.station.log();
        if note.author != own.author || note.epoch != own.epoch || note.carrier == own.author {
            return Ok(());
        }
        if !self.note_is_sound(note) {
            imported.refuse(NOTE);
            return Ok(());
        }
        // What was handed over to another life of the hub may be lost there, and is held by nobody then.
        if note.hub.is_some() && note.hub != self.station.feed_epoch {
            imported.refuse(
                "a note from before another life of the hub began: sync with the hub, and meet again",
            );
            return Ok(());
        }
        // What it held in an earlier life it may have lost.
        if note.life.is_some_and(|life| self.registries.is_past_life(note.carrier, life)) {
            imported.refuse("a note that its carrier signed before its disk went back in time");
            return Ok(());
        }
        let kept = self.store.commit(|tx| {
            let log = log::find(tx, &own)?;
            let chain = log.map(|log| log::chain_at(tx, &log, note.cursor.index)).transpose()?.flatten();
            if chain != Some(note.cursor.chain) {
                return Ok::<_, StoreError>(None);
            }
            if devices::receipted(tx, own.epoch)? >= note.cursor.index {
                return Ok(Some(false));
            }
            notes::put(tx, note).map(Some)
        })?;
        match kept {
            Some(kept) => imported.notes += u64::from(kept),
            None => imported.refuse("a note for another log than this laptop's"),
        }
        Ok(())
    }
}

const UNSOUND: &str = "a receipt that the hub did not sign";
const NOTE: &str = "a note that its carrier did not sign";

/// Whether bytes are those of a content, with what is to be told of others.
fn is_content(hash: ContentHash, bytes: &[u8]) -> Result<(), String> {
    match bytes.is_empty() || blake3::hash(bytes).as_bytes() != &hash.0 {
        true => Err(meeting::not_its_bytes(hash)),
        false => Ok(()),
    }
}

/// Forgets what leads to the very place that a receipt proves.
fn forget_delivered(tx: Tx<'_>, receipt: &Receipt) -> Result<(), StoreError> {
    for run in carried::runs(tx)? {
        let of_log = |end: &Cursor| *end == receipt.cursor;
        let Some(until) = run.iter().position(|carried| {
            carried.log.author == receipt.device && carried.log.epoch == receipt.epoch && of_log(&carried.end)
        }) else {
            continue;
        };
        for carried in &run[..=until] {
            carried::forget(tx, carried.place())?;
        }
    }
    carried::reconsider(tx, LogName { author: receipt.device, epoch: receipt.epoch, reader: None })
}
