//! Saving: edits of documents become entries of this machine's own log, in one transaction.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    intake,
    station::{Life, Station},
};
use crate::{
    change::Change,
    document::{self, Edit, History, authority::Writer},
    id::{ActorId, ChangeHash, DocumentId, Kind},
    identity::{self, Entropy},
    registry::Registries,
    store::{
        StoreError, Tx,
        changes::{self, Indexed, State},
        feeds, log, read_model,
    },
    sync::gate::{self, Refusal, Verdict},
    time::Now,
    wire::batch::{self, ENTRY_BYTES_MAX, Entry, Origin},
};

/// A transaction in which documents are edited.
pub struct Writing<'a> {
    /// The store.
    pub tx: Tx<'a>,
    /// Who writes.
    pub station: &'a Station,
    /// The registries.
    pub registries: &'a Registries,
    /// When.
    pub now: Now,
    life: &'a mut Life,
    entropy: &'a mut Entropy<'a>,
    saved: Vec<(DocumentId, ChangeHash, Arc<Change>)>,
    histories: BTreeMap<DocumentId, History>,
}

/// Why an edit is not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The document cannot be opened for editing.
    #[error("the document cannot be opened")]
    Open(#[from] document::OpenError),
    /// The edit makes no change.
    #[error("the edit cannot be written")]
    Commit(#[from] document::CommitError),
    /// The hub would refuse it.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// It is too large.
    #[error("the record has {found} bytes where {ENTRY_BYTES_MAX} are allowed: shorten the notes")]
    TooLarge {
        /// Bytes of the change.
        found: usize,
    },
    /// It depends on something that is not here yet.
    #[error("the record names a version of the catalogue that is not on this machine yet: sync first")]
    Waits,
}

impl std::fmt::Debug for Writing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writing").field("saved", &self.saved.len()).finish_non_exhaustive()
    }
}

impl<'a> Writing<'a> {
    pub(super) fn new(
        tx: Tx<'a>,
        station: &'a Station,
        registries: &'a Registries,
        now: Now,
        life: &'a mut Life,
        entropy: &'a mut Entropy<'a>,
    ) -> Self {
        Self { tx, station, registries, now, life, entropy, saved: Vec::new(), histories: BTreeMap::new() }
    }

    /// The actor that this life of the process writes as.
    pub fn actor(&mut self) -> ActorId {
        self.life.actor(&self.station.key.public(), self.entropy)
    }

    /// Fills `bytes` at random.
    pub fn draw(&mut self, bytes: &mut [u8]) {
        (self.entropy)(bytes);
    }

    /// A new document, to be filled and given to [`Writing::save`].
    pub fn create(&mut self, kind: Kind) -> (DocumentId, Edit) {
        let document = self.life.document(kind, &self.station.key.public(), self.entropy);
        let actor = self.actor();
        (document, Edit::create(document, actor))
    }

    /// An existing document, to be changed and given to [`Writing::save`].
    ///
    /// # Errors
    /// The store fails, or automerge cannot open what is stored.
    pub fn open(&mut self, document: DocumentId) -> Result<Edit, SaveError> {
        let kind = document.kind().ok_or(Refusal::UnknownKind)?;
        let actor = self.actor();
        Ok(Edit::open(kind, self.history(document)?, actor)?)
    }

    /// A document as it is within this transaction.
    ///
    /// # Errors
    /// The store fails.
    pub fn history(&mut self, document: DocumentId) -> Result<&History, SaveError> {
        match self.histories.entry(document) {
            std::collections::btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let mut history = changes::history(self.tx, document)?;
                for (_, hash, change) in self.saved.iter().filter(|(saved, ..)| *saved == document) {
                    history.insert(*hash, change.clone());
                }
                Ok(entry.insert(history))
            }
        }
    }

    /// Takes an edit into the transaction. Returns whether it changed anything.
    ///
    /// # Errors
    /// The hub would refuse the change, or it is too large; nothing of it is taken.
    pub fn save(&mut self, document: DocumentId, mut edit: Edit) -> Result<bool, SaveError> {
        let Some((hash, change)) = edit.commit(self.now.wall, document::SCHEMA)? else { return Ok(false) };
        let change = Arc::new(change);
        let found = batch::entry_bytes(&Entry::Change { document, change: change.clone() });
        if found > ENTRY_BYTES_MAX {
            return Err(SaveError::TooLarge { found });
        }
        let writer = self.writer();
        let registries = self.registries;
        let history = self.history(document)?;
        let catalogue = |version: &str, service: &str| intake::catalogue(registries, version, service);
        match gate::judge(document, &change, history, &writer, &catalogue) {
            Verdict::Accept(_) => {}
            Verdict::Wait(_) => return Err(SaveError::Waits),
            Verdict::Reject(refusal) => return Err(refusal.into()),
        }
        self.histories.entry(document).or_default().insert(hash, change.clone());
        self.saved.push((document, hash, change));
        Ok(true)
    }

    /// The documents that were changed so far, one for each change.
    pub fn changed(&self) -> impl Iterator<Item = DocumentId> {
        self.saved.iter().map(|(document, ..)| *document)
    }

    /// How much was taken so far, for [`Writing::rewind`].
    pub fn mark(&self) -> usize {
        self.saved.len()
    }

    /// Forgets what was taken after `mark`.
    pub fn rewind(&mut self, mark: usize) {
        for (document, ..) in self.saved.drain(mark..) {
            self.histories.remove(&document);
        }
    }

    fn writer(&self) -> Writer {
        match &self.station.place {
            Some(place) if !self.station.hub => Writer::Van {
                device: place.device,
                unit: place.unit.clone().expect("an enrolled laptop has a unit"),
                own_actor: true,
            },
            _ => Writer::Hub,
        }
    }

    /// Writes what was taken into the log, the index and the read model.
    pub(super) fn finish(self) -> Result<usize, StoreError> {
        if self.saved.is_empty() {
            return Ok(0);
        }
        let tx = self.tx;
        let author = self.station.device();
        let mut own = log::find_or_begin(tx, &self.station.log())?;
        let mut index = own.head.index;
        let mut entries = Vec::with_capacity(self.saved.len() + 1);
        if let Some(nonce) = self.life.unclaimed() {
            entries.push((Entry::Actor { nonce }, None));
            let actor = identity::actor(&self.station.key.public(), &nonce);
            changes::claim_actor(tx, actor, Some(&nonce), author)?;
            index += 1;
        }
        let count = self.saved.len();
        for (document, hash, change) in self.saved {
            index += 1;
            if !self.station.hub && change.parents.is_empty() {
                feeds::enter(tx, feeds::OWN, document)?;
            }
            changes::insert(
                tx,
                &Indexed {
                    hash,
                    document,
                    origin: Origin { device: author, epoch: self.station.epoch, index },
                    log: own.row,
                    entry: index,
                    state: State::Applied,
                    arrival: None,
                    second: second(&change),
                    root: change.parents.is_empty(),
                    fed: false,
                },
            )?;
            entries.push((Entry::Change { document, change }, Some(hash)));
        }
        log::append(tx, &mut own, &entries)?;
        if self.station.hub {
            // Words follow by themselves there.
            read_model::refresh_rows(tx)?;
        } else {
            read_model::refresh(tx)?;
        }
        Ok(count)
    }
}

/// A change's own claim of when, in seconds: the order of a reconciliation.
pub(super) fn second(change: &Change) -> u64 {
    u64::try_from(change.time.0).unwrap_or(0) / 1_000
}
