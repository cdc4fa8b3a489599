//! Letting in what another machine sent: one batch, one transaction.
//!
//! Every change is judged by the gate before anything is acknowledged. What is refused is kept with its
//! reason and stops nothing else; what waits for a parent is looked at again when something of its
//! document arrives.

mod reading;
mod registries;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map},
    sync::Arc,
};

use super::{
    gate::{self, Refusal, Verdict},
    greeting::enter_own,
    sealing,
    station::Station,
    writing::second,
};
use crate::{
    aside,
    change::Change,
    document::{
        self, History,
        authority::{CatalogueAnswer, Writer},
    },
    id::{ActorId, ChangeHash, DeviceId, DocumentId, UnitId},
    identity::{self, Context},
    registry::{self, Registries},
    store::{
        self, StoreError, Tx,
        changes::{self, Indexed, State},
        devices::{self, Standing},
        feeds, log, quarantine,
        quarantine::Refused,
    },
    time::Now,
    wire::batch::{Batch, BatchError, Entry, Origin},
};

pub(super) use self::reading::{Numbered, proven, read_ahead};
use self::reading::{hashed, opened, verify};

/// How long a laptop keeps its own changes of documents out of scope, in seconds: thirty days.
const KEEP_SECONDS: u64 = 30 * 86_400;

/// Why a batch is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum IntakeError {
    /// The store failed; the batch may be sent again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its sender may not connect any more.
    #[error("this laptop may not connect")]
    ShutOut,
    /// Its author is in no registry row.
    #[error("its author is not known here")]
    Author,
    /// It is not the batch that comes next.
    #[error("the batch does not continue the log")]
    Discontinuous,
    /// The bytes hold no entries.
    #[error("{0}")]
    Batch(#[from] BatchError),
    /// The signature does not belong to the log's author.
    #[error("the signature is not the author's")]
    Signature,
    /// The entries do not lead to the chain that was signed.
    #[error("the entries do not lead to the signed chain")]
    Chain,
    /// A change cannot be built.
    #[error("entry {index} cannot be built")]
    Build {
        /// Its index.
        index: u64,
    },
    /// An entry that does not belong into this kind of log.
    #[error("entry {index} does not belong into this log")]
    Misplaced {
        /// Its index.
        index: u64,
    },
    /// A registry's difference that does not fit.
    #[error("the difference of a registry does not fit")]
    Registry,
}

impl IntakeError {
    /// Whether the sender broke the rules, so that its bytes are kept as evidence.
    pub(super) fn is_breach(&self) -> bool {
        !matches!(self, Self::Store(_) | Self::ShutOut | Self::Discontinuous | Self::Registry)
    }

    /// As a failure of the store, where nothing came from outside.
    pub(super) fn into_store(self) -> StoreError {
        let Self::Store(error) = self else { return store::damaged("change") };
        error
    }
}

/// What came of a batch.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Changes that were not held before.
    pub(super) new: u64,
    /// Changes in the batch.
    pub(super) changes: Vec<ChangeHash>,
    /// What was refused: rule and author.
    pub(super) refused: Vec<(DeviceId, String)>,
    /// Whether one of this machine's own changes was refused.
    pub(super) own_refused: bool,
    /// Whether a registry moved on.
    pub(super) registries: bool,
}

/// A document as it is held here, read once for all that a batch brings of it.
#[derive(Debug, Default)]
struct Held {
    /// Every change, and whether it counts.
    states: Vec<(ChangeHash, State)>,
    /// Those that count.
    history: History,
}

impl Held {
    fn of(tx: Tx<'_>, document: DocumentId) -> Result<Self, StoreError> {
        let changes = changes::of_document(tx, document)?;
        let states = changes.iter().map(|change| (change.hash, change.state)).collect();
        Ok(Self { states, history: changes::history_of(tx, &changes)? })
    }

    fn state(&self, hash: &ChangeHash) -> Option<State> {
        self.states.iter().find(|(held, _)| held == hash).map(|(_, state)| *state)
    }

    fn set_state(&mut self, hash: ChangeHash, state: State) {
        match self.states.iter_mut().find(|(held, _)| *held == hash) {
            Some((_, before)) => *before = state,
            None => self.states.push((hash, state)),
        }
    }
}

/// One batch on its way in.
pub(super) struct Intake<'a> {
    tx: Tx<'a>,
    station: &'a Station,
    registries: &'a mut Registries,
    now: Now,
    documents: BTreeMap<DocumentId, Held>,
    /// By the last id like a document's, the last such document that was held before: those behind it are new.
    last_held: BTreeMap<DocumentId, Option<DocumentId>>,
    /// Whose actors the changes so far were written by.
    actors: BTreeMap<ActorId, Option<DeviceId>>,
    /// Whether any change at all waits, in any document.
    waits: bool,
    /// The entries of the batch that is taken, where somebody has read them already.
    pub(super) read_ahead: Option<Numbered>,
    /// How the sender stands, where it may only leave things behind for a person to judge.
    pub(super) shut_out: Option<Standing>,
    pub(super) tally: Tally,
}

impl<'a> Intake<'a> {
    pub(super) fn new(
        tx: Tx<'a>,
        station: &'a Station,
        registries: &'a mut Registries,
        now: Now,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            tx,
            station,
            registries,
            now,
            documents: BTreeMap::new(),
            last_held: BTreeMap::new(),
            actors: BTreeMap::new(),
            waits: changes::is_any_waiting(tx)?,
            read_ahead: None,
            shut_out: None,
            tally: Tally::default(),
        })
    }

    /// What was taken in.
    pub(super) fn end(self) -> Tally {
        aside::free(self.tx.aside(), self.documents);
        self.tally
    }

    /// Who may write as `actor`.
    fn author_of(&mut self, actor: ActorId) -> Result<Option<DeviceId>, StoreError> {
        if let Some(author) = self.actors.get(&actor) {
            return Ok(*author);
        }
        let author = changes::actor(self.tx, actor)?;
        self.actors.insert(actor, author);
        Ok(author)
    }

    fn claim(
        &mut self,
        actor: ActorId,
        nonce: Option<&[u8; 16]>,
        author: DeviceId,
    ) -> Result<(), StoreError> {
        self.actors.remove(&actor);
        changes::claim_actor(self.tx, actor, nonce, author)
    }

    /// Takes a batch of a device's own log; `key` and `unit` are the device's, `feed` is its feed.
    pub(super) fn log_batch(
        &mut self,
        batch: &Batch,
        key: &crate::id::PublicKey,
        unit: &UnitId,
        feed: Option<i64>,
    ) -> Result<(), IntakeError> {
        verify(batch, key, Context::LogHead)?;
        let mut log = log::find_or_begin(self.tx, &batch.log)?;
        if batch.last <= log.head.index {
            return Ok(());
        }
        if batch.first != log.head.index + 1 || batch.before != log.head.chain {
            return Err(IntakeError::Discontinuous);
        }
        if let Some(entries) = self.read_ahead.take() {
            log::store(self.tx, &mut log, batch)?;
            return self.log_entries(batch, entries, log.row, (key, unit), feed);
        }
        let (batch, entries) = opened(self.tx, batch)?;
        log::store(self.tx, &mut log, &batch)?;
        self.log_entries(&batch, entries, log.row, (key, unit), feed)
    }

    /// Takes a batch of an earlier life of a device, which gives it back: it may leave a gap behind what is held
    /// of that log, or contradict it where two machines wrote it.
    pub(super) fn returned_batch(
        &mut self,
        batch: &Batch,
        key: &crate::id::PublicKey,
        unit: &UnitId,
    ) -> Result<(), IntakeError> {
        verify(batch, key, Context::LogHead)?;
        let entries = hashed(batch, log::read(batch))?;
        let mut log = log::find_or_begin(self.tx, &batch.log)?;
        let row = if batch.first == log.head.index + 1 && batch.before == log.head.chain {
            log::store(self.tx, &mut log, batch)?;
            log.row
        } else if log::chain_at(self.tx, &log, batch.last)? == Some(batch.chain) {
            return Ok(());
        } else {
            let mut branch = log::find_or_begin(self.tx, &batch.log.branch(batch.before))?;
            if !log::keep(self.tx, &mut branch, batch)? {
                return Ok(());
            }
            branch.row
        };
        self.log_entries(batch, entries, row, (key, unit), None)
    }

    fn log_entries(
        &mut self,
        batch: &Batch,
        entries: Numbered,
        row: i64,
        (key, unit): (&crate::id::PublicKey, &UnitId),
        feed: Option<i64>,
    ) -> Result<(), IntakeError> {
        self.read_documents(&entries)?;
        for (index, entry, hash) in entries {
            match (entry, hash) {
                (Entry::Change { document, change }, Some(hash)) => {
                    let origin = Origin { device: batch.log.author, epoch: batch.log.epoch, index };
                    let own_actor = self.author_of(change.actor)? == Some(batch.log.author);
                    let writer = Writer::Van { device: batch.log.author, unit: unit.clone(), own_actor };
                    if let Some(feed) = feed.filter(|_| self.shut_out.is_none())
                        && change.parents.is_empty()
                    {
                        feeds::enter(self.tx, feed, document)?;
                    }
                    self.admit(document, hash, change, origin, (row, index), &writer, false)?;
                }
                (Entry::Actor { nonce }, _) => {
                    let actor = identity::actor(key, &nonce);
                    self.claim(actor, Some(&nonce), batch.log.author)?;
                }
                (Entry::Note { about: sealing::SEAL, bytes }, _) => {
                    sealing::take_in(self.tx, self.now, batch.log.author, key, &bytes)?;
                }
                (Entry::Note { .. }, _) => {}
                _ => return Err(IntakeError::Misplaced { index }),
            }
        }
        Ok(())
    }

    /// Takes a batch of the feed that this laptop follows, or, at the hub, of one that a laptop gives back.
    pub(super) fn feed_batch(
        &mut self,
        batch: &Batch,
        hub: &crate::id::PublicKey,
        given_back: bool,
    ) -> Result<(), IntakeError> {
        verify(batch, hub, Context::FeedHead)?;
        let mut log = log::find_or_begin(self.tx, &batch.log)?;
        if !given_back {
            if batch.last <= log.head.index {
                return Ok(());
            }
            if batch.first != log.head.index + 1 || batch.before != log.head.chain {
                return Err(IntakeError::Discontinuous);
            }
        }
        let (batch, entries) = opened(self.tx, batch)?;
        if !given_back {
            log::store(self.tx, &mut log, &batch)?;
        } else if batch.log.epoch == self.station.epoch || !log::keep(self.tx, &mut log, &batch)? {
            // Of this life of the hub nothing can be given back that it does not hold.
            return Ok(());
        }
        self.read_documents(&entries)?;
        for (index, entry, hash) in entries {
            self.feed_entry(log.row, index, entry, hash, given_back)?;
        }
        Ok(())
    }

    fn feed_entry(
        &mut self,
        log: i64,
        index: u64,
        entry: Entry,
        hash: Option<ChangeHash>,
        given_back: bool,
    ) -> Result<(), IntakeError> {
        match (entry, hash) {
            (Entry::Fed { origin, document, change }, Some(hash)) => {
                let writer = writer_of(origin.device, &change);
                if given_back {
                    self.claim(change.actor, None, origin.device)?;
                }
                self.admit(document, hash, change, origin, (log, index), &writer, true)
            }
            (Entry::Registry { difference, signature, .. }, _) if given_back => {
                self.recall_catalogue(&difference, &signature)
            }
            (_, _) if given_back => Ok(()),
            (Entry::Enter { document }, _) => Ok(feeds::enter(self.tx, feeds::OWN, document)?),
            (Entry::Anew, _) => {
                feeds::clear(self.tx, feeds::OWN)?;
                let receipted = devices::receipted(self.tx, self.station.epoch)?;
                // What the hub may not know yet stays.
                Ok(enter_own(self.tx, self.station, receipted)?)
            }
            (Entry::Leave { document }, _) => {
                feeds::leave(self.tx, feeds::OWN, document)?;
                self.doubt(document);
                Ok(self.let_go(document)?)
            }
            (Entry::Refused { origin, document, hash, rule, text }, _) => {
                let at = self.now.wall;
                self.learn_refusal(&Refused { hash, document, origin, rule, reason: text, at })
            }
            (Entry::Released { hash }, _) => self.release(&hash),
            (Entry::Registry { difference, signature, stage }, _) => {
                self.move_registry(&difference, &signature, stage)
            }
            _ => Err(IntakeError::Misplaced { index }),
        }
    }

    /// Judges one change and puts it where it belongs.
    #[expect(clippy::too_many_arguments, reason = "one change with its place and its writer")]
    pub(super) fn admit(
        &mut self,
        document: DocumentId,
        hash: ChangeHash,
        change: Arc<Change>,
        origin: Origin,
        (log, entry): (i64, u64),
        writer: &Writer,
        fed: bool,
    ) -> Result<(), IntakeError> {
        self.tally.changes.push(hash);
        if self.held(document)?.state(&hash).is_some() {
            return self.known(hash, origin, (log, entry), fed);
        }
        let (state, refusal) = match self.verdict(document, hash, &change, writer)? {
            Verdict::Accept(_) => (State::Applied, None),
            Verdict::Wait(_) => (State::Waiting, None),
            Verdict::Reject(refusal) => (State::Refused, Some(refusal)),
        };
        let indexed = Indexed {
            hash,
            document,
            origin,
            log,
            entry,
            state,
            arrival: None,
            second: second(&change),
            root: change.parents.is_empty(),
            fed,
        };
        if !changes::insert(self.tx, &indexed)? {
            // As a change of another document.
            return self.known(hash, origin, (log, entry), fed);
        }
        self.tally.new += 1;
        if let Some(refusal) = refusal {
            self.refuse(&indexed, &refusal)?;
        }
        self.waits |= state == State::Waiting;
        let held = self.held(document)?;
        held.set_state(hash, state);
        if state == State::Applied {
            held.history.insert(hash, change);
            if self.waits {
                self.look_again(document)?;
            }
        }
        Ok(())
    }

    /// A change has come that is in the index already.
    fn known(
        &mut self,
        hash: ChangeHash,
        origin: Origin,
        (log, entry): (i64, u64),
        fed: bool,
    ) -> Result<(), IntakeError> {
        let Some(known) = changes::find(self.tx, &hash)? else { return Ok(()) };
        if fed && !known.fed {
            changes::set_fed(self.tx, &hash)?;
        }
        if !fed && known.origin == origin && known.log != log {
            changes::move_to(self.tx, &hash, log, entry)?;
        }
        // The hub had let it in before its disk went back in time: it has signed so.
        if fed && self.station.hub && known.state == State::Refused && self.is_left_behind(&hash)? {
            self.release(&hash)?;
        }
        Ok(())
    }

    /// Puts a change that is in quarantine back into the index.
    pub(super) fn keep_refused(
        &mut self,
        document: DocumentId,
        hash: ChangeHash,
        change: &Change,
        origin: Origin,
        (log, entry): (i64, u64),
        fed: bool,
    ) -> Result<(), StoreError> {
        let indexed = Indexed {
            hash,
            document,
            origin,
            log,
            entry,
            state: State::Refused,
            arrival: None,
            second: second(change),
            root: change.parents.is_empty(),
            fed,
        };
        changes::insert(self.tx, &indexed)?;
        self.doubt(document);
        Ok(())
    }

    fn verdict(
        &mut self,
        document: DocumentId,
        hash: ChangeHash,
        change: &Change,
        writer: &Writer,
    ) -> Result<Verdict, StoreError> {
        if let Some(standing) = self.shut_out {
            return Ok(Verdict::Reject(Refusal::ShutOut { standing }));
        }
        let mut refused = Vec::new();
        for parent in &change.parents {
            let state = match self.held(document)?.state(parent) {
                Some(state) => Some(state),
                None => changes::find(self.tx, parent)?.map(|known| known.state),
            };
            // What waits for a person's judgement is waited for.
            if state == Some(State::Refused) && !self.is_left_behind(parent)? {
                refused.push(*parent);
            }
        }
        if let Some(refusal) = gate::depends_on_refused(change, |parent| refused.contains(parent)) {
            return Ok(Verdict::Reject(refusal));
        }
        self.held(document)?;
        let history = &self.documents[&document].history;
        if let Some(refusal) = gate::equivocation(history, hash, change) {
            return Ok(Verdict::Reject(refusal));
        }
        let registries = &*self.registries;
        let catalogue = |version: &str, service: &str| catalogue(registries, version, service);
        Ok(gate::judge(document, change, history, writer, &catalogue))
    }

    /// Whether a refused change breaks no rule, but came from a laptop that may not connect any more.
    fn is_left_behind(&self, hash: &ChangeHash) -> Result<bool, StoreError> {
        Ok(quarantine::find(self.tx, hash)?.is_some_and(|held| held.rule == Refusal::SHUT_OUT))
    }

    /// Reads the documents of a batch's changes as they lie in the store, not as they come: a stored batch that holds
    /// several of them is inflated once.
    fn read_documents(&mut self, entries: &Numbered) -> Result<(), StoreError> {
        let changed = entries.iter().filter_map(|(_, entry, _)| entry.changed());
        let documents: BTreeSet<_> = changed.map(|(document, _)| document).collect();
        documents.into_iter().try_for_each(|document| self.held(document).map(drop))
    }

    fn held(&mut self, document: DocumentId) -> Result<&mut Held, StoreError> {
        match self.documents.entry(document) {
            btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            btree_map::Entry::Vacant(entry) => {
                let alike = document.alike();
                let last = match self.last_held.get(&alike[1]) {
                    Some(last) => *last,
                    None => {
                        let last = changes::last_document(self.tx, alike)?;
                        self.last_held.insert(alike[1], last);
                        last
                    }
                };
                let is_new = last.is_none_or(|last| last < document);
                Ok(entry.insert(if is_new { Held::default() } else { Held::of(self.tx, document)? }))
            }
        }
    }

    /// Has a document read anew when it is asked for next.
    fn doubt(&mut self, document: DocumentId) {
        self.documents.remove(&document);
        self.last_held.clear();
    }

    /// Judges again what waits in a document, until nothing moves.
    pub(super) fn look_again(&mut self, document: DocumentId) -> Result<(), IntakeError> {
        loop {
            let mut moved = false;
            for waiting in changes::of_document(self.tx, document)? {
                if waiting.state != State::Waiting {
                    continue;
                }
                let change = changes::body(self.tx, &waiting)?;
                let own_actor = waiting.fed || self.author_of(change.actor)? == Some(waiting.origin.device);
                let writer = match writer_of(waiting.origin.device, &change) {
                    Writer::Van { device, unit, .. } => Writer::Van { device, unit, own_actor },
                    Writer::Hub => Writer::Hub,
                };
                match self.verdict(document, waiting.hash, &change, &writer)? {
                    Verdict::Wait(_) => {}
                    Verdict::Accept(_) => {
                        changes::set_state(self.tx, &waiting.hash, document, State::Applied)?;
                        let held = self.held(document)?;
                        held.set_state(waiting.hash, State::Applied);
                        held.history.insert(waiting.hash, change);
                        moved = true;
                    }
                    Verdict::Reject(refusal) => {
                        changes::set_state(self.tx, &waiting.hash, document, State::Refused)?;
                        self.held(document)?.set_state(waiting.hash, State::Refused);
                        self.refuse(&waiting, &refusal)?;
                        moved = true;
                    }
                }
            }
            if !moved {
                return Ok(());
            }
        }
    }

    fn refuse(&mut self, change: &Indexed, refusal: &Refusal) -> Result<(), StoreError> {
        self.tally.refused.push((change.origin.device, refusal.code().to_owned()));
        quarantine::insert(
            self.tx,
            &Refused {
                hash: change.hash,
                document: change.document,
                origin: change.origin,
                rule: refusal.code().to_owned(),
                reason: refusal.to_string(),
                at: self.now.wall,
            },
        )
    }

    /// The hub refused a change of this laptop: the document goes on without it and its dependants.
    fn learn_refusal(&mut self, refused: &Refused) -> Result<(), IntakeError> {
        let document = refused.document;
        quarantine::insert(self.tx, refused)?;
        self.tally.refused.push((refused.origin.device, refused.rule.clone()));
        self.tally.own_refused = true;
        let all = changes::of_document(self.tx, document)?;
        let mut gone = vec![refused.hash];
        for change in &all {
            let depends = changes::body(self.tx, change)?.parents.iter().any(|parent| gone.contains(parent));
            if depends {
                gone.push(change.hash);
            }
            if (depends || change.hash == refused.hash) && change.state != State::Refused {
                changes::set_state(self.tx, &change.hash, document, State::Refused)?;
                if depends {
                    let dependant = Refused { hash: change.hash, origin: change.origin, ..refused.clone() };
                    quarantine::insert(self.tx, &dependant)?;
                }
            }
        }
        self.doubt(document);
        Ok(())
    }

    /// A document is out of scope: this laptop forgets it, unless it holds something of its own in it that
    /// the hub's backups do not hold, or that is younger than [`KEEP_SECONDS`].
    fn let_go(&mut self, document: DocumentId) -> Result<(), StoreError> {
        let all = changes::of_document(self.tx, document)?;
        let own = self.station.device();
        let old = second_of(self.now).saturating_sub(KEEP_SECONDS);
        for change in &all {
            let backed_up = devices::receipt(self.tx, change.origin.epoch)?
                .is_some_and(|receipt| change.origin.index <= receipt.backed_up_through);
            let safe =
                if change.origin.device == own { backed_up && change.second < old } else { change.fed };
            if !safe {
                return Ok(());
            }
        }
        changes::forget_document(self.tx, document)
    }

    /// Judges a change anew that was refused.
    pub(super) fn release(&mut self, hash: &ChangeHash) -> Result<(), IntakeError> {
        if let Some(change) = changes::find(self.tx, hash)?
            && change.state == State::Refused
        {
            changes::set_state(self.tx, hash, change.document, State::Waiting)?;
            self.waits = true;
            self.tx.execute("DELETE FROM quarantine WHERE hash = ?1", [hash.0]).map_err(StoreError::from)?;
            self.doubt(change.document);
            self.look_again(change.document)?;
        }
        Ok(())
    }
}

fn second_of(now: Now) -> u64 {
    u64::try_from(now.wall.0).unwrap_or(0) / 1_000
}

/// Whose change the hub says this is; laptops trust the hub for authorship.
pub(super) fn writer_of(device: DeviceId, change: &Change) -> Writer {
    if device == DeviceId::HUB {
        return Writer::Hub;
    }
    let unit = document::authority::root_text(change, "unit").and_then(|unit| unit.parse().ok());
    let unknown = || "X".parse().expect("a valid unit");
    Writer::Van { device, unit: unit.unwrap_or_else(unknown), own_actor: true }
}

/// What a version of the catalogue says of a service.
pub(super) fn catalogue(registries: &Registries, version: &str, service: &str) -> CatalogueAnswer {
    let Ok(version) = version.parse() else { return CatalogueAnswer::UnknownVersion };
    if !registries.knows_catalogue(&version) {
        return CatalogueAnswer::UnknownVersion;
    }
    registries.service_at(&version, service).map_or(CatalogueAnswer::UnknownService, |service| {
        CatalogueAnswer::Service {
            agency: service.agency_code.to_string(),
            full: service.offline_mode == registry::row::OfflineMode::Full,
        }
    })
}
