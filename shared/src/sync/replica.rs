//! The replica: the store, who this machine is, and every connection. One thread owns it.
//!
//! Use: `handle` an input, then `poll_output` until it is empty, then sleep until `poll_timeout` or the
//! next input. `write` saves what a person did.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    CloseCode, Event, Input, Output, PeerId, Role, enrolment,
    intake::Intake,
    rates::Rates,
    session::{HELLO_KNOWN_MILLISECONDS, HELLO_MILLISECONDS, Phase, Session},
    station::{Life, Station},
    together::Arrived,
    writing::Writing,
};
use crate::{
    id::{DeviceId, DistrictCode, PublicKey},
    identity::{OwnedEntropy, ticket::Ticket},
    registry::Registries,
    store::{self, Result, Store, StoreError, changes, devices, feeds, log, notes, read_model, registries},
    time::{Now, Tick},
    wire::batch::{Batch, Entry, LogName},
};

/// How late a timeout is where the thread was busy with something else, in milliseconds.
const BUSY_MILLISECONDS: u64 = 100;

/// A machine's whole state, in memory and on disk.
pub struct Replica {
    pub(super) store: Store,
    pub(super) station: Station,
    pub(super) registries: Registries,
    pub(super) life: Life,
    pub(super) entropy: OwnedEntropy,
    pub(super) sessions: BTreeMap<PeerId, Session>,
    pub(super) outputs: VecDeque<Output>,
    /// A laptop's ticket, until it is taken.
    pub(super) ticket: Option<Ticket>,
    /// How fast each laptop has spoken lately.
    pub(super) rates: BTreeMap<DeviceId, Rates>,
    /// Parent: whole batches that are not stored yet, and spoken of by nobody.
    pub(super) arrived: Vec<Arrived>,
    /// Since when the read model is behind what peers have handed over.
    pub(super) behind_due: Option<Tick>,
    /// On the hub: when the full text is to follow the read model's rows.
    pub(super) words_due: Option<Tick>,
    /// When the feeds are extended that a peer waits for, and when all are.
    pub(super) wanted_due: Option<Tick>,
    pub(super) news_due: Option<Tick>,
    pub(super) draining: bool,
    /// A laptop's unsigned batches as they will be signed, with the head of the log that they were made of.
    pub(super) prepared: Option<(log::Log, Vec<Batch>)>,
    /// Bytes of batches and files that may still leave, where somebody has set a limit.
    pub(super) allowance: Option<u64>,
    /// How far the hub's clock was ahead when it was last heard, in milliseconds.
    pub(super) hub_clock_ahead: Option<i64>,
}

impl std::fmt::Debug for Replica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replica").field("device", &self.station.device()).finish_non_exhaustive()
    }
}

/// Why a replica cannot be had from a store.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing was set up in this store.
    #[error("nothing is set up here yet")]
    Empty,
    /// It is a hub's, not a laptop's.
    #[error("this folder belongs to a hub, not to a laptop")]
    Hub,
    /// Something is set up in this store already.
    #[error("this folder already belongs to district {district}")]
    Taken {
        /// The district.
        district: String,
    },
}

impl Replica {
    /// Sets up a hub in an empty store.
    ///
    /// # Errors
    /// The store fails, or is taken.
    pub fn create_hub(
        mut store: Store,
        mut entropy: OwnedEntropy,
        district: DistrictCode,
        name: String,
    ) -> Result<Self, ReplicaError> {
        if let Some(station) = Station::load(store.reader())? {
            let district = station.place.map_or_else(String::new, |place| place.district.to_string());
            return Err(ReplicaError::Taken { district });
        }
        let station = Station::create(&mut store, &mut *entropy, Some((district, name)))?;
        Ok(Self::of(store, station, Registries::default(), entropy))
    }

    /// Opens a laptop's store, set up with a key if it is empty.
    ///
    /// # Errors
    /// The store fails, or is a hub's.
    pub fn open_laptop(mut store: Store, mut entropy: OwnedEntropy) -> Result<Self, ReplicaError> {
        let station = match Station::load(store.reader())? {
            Some(station) if station.hub => return Err(ReplicaError::Hub),
            Some(station) => station,
            None => Station::create(&mut store, &mut *entropy, None)?,
        };
        let registries = registries::load(store.reader())?;
        Ok(Self::of(store, station, registries, entropy))
    }

    /// Opens a store that was set up before.
    ///
    /// # Errors
    /// The store fails, or is empty.
    pub fn open(store: Store, entropy: OwnedEntropy) -> Result<Self, ReplicaError> {
        let station = Station::load(store.reader())?.ok_or(ReplicaError::Empty)?;
        let registries = registries::load(store.reader())?;
        Ok(Self::of(store, station, registries, entropy))
    }

    /// How far the hub's clock was ahead of this machine's when it was last heard in this life of the process, in
    /// milliseconds; what the hub said needed half a round trip to come here.
    pub fn hub_clock_ahead(&self) -> Option<i64> {
        self.hub_clock_ahead
    }

    fn of(store: Store, station: Station, registries: Registries, entropy: OwnedEntropy) -> Self {
        Self {
            store,
            station,
            registries,
            life: Life::default(),
            entropy,
            sessions: BTreeMap::new(),
            outputs: VecDeque::new(),
            ticket: None,
            rates: BTreeMap::new(),
            arrived: Vec::new(),
            behind_due: None,
            words_due: None,
            wanted_due: None,
            news_due: None,
            draining: false,
            prepared: None,
            allowance: None,
            hub_clock_ahead: None,
        }
    }

    /// Who this machine is.
    pub fn station(&self) -> &Station {
        &self.station
    }

    /// The registries.
    pub fn registries(&self) -> &Registries {
        &self.registries
    }

    /// The store, for reading what needs no read model.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The store, its read model brought up to date first; in memory alone where the disk is full.
    ///
    /// # Errors
    /// The store fails.
    pub fn read(&mut self) -> Result<store::Tx<'_>> {
        self.brought_up_to_date(read_model::is_stale, read_model::refresh)
    }

    /// The same for who looks for no words: the full text may stay behind.
    ///
    /// # Errors
    /// The store fails.
    pub fn read_rows(&mut self) -> Result<store::Tx<'_>> {
        self.brought_up_to_date(read_model::are_rows_stale, read_model::refresh_rows)
    }

    fn brought_up_to_date(
        &mut self,
        is_stale: fn(store::Tx<'_>) -> Result<bool>,
        refresh: fn(store::Tx<'_>) -> Result<()>,
    ) -> Result<store::Tx<'_>> {
        if is_stale(self.store.reader())? {
            match self.store.commit(refresh) {
                Err(StoreError::Full) => self.store.pretend(refresh)?,
                refreshed => refreshed?,
            }
        }
        Ok(self.store.reader())
    }

    /// Whether the rows of the read model are behind what peers have handed over; they follow by themselves.
    pub fn is_behind(&self) -> bool {
        self.behind_due.is_some()
    }

    /// Saves what `work` edits, in one durable transaction.
    ///
    /// # Errors
    /// What `work` returned, or the store failed; nothing is kept then.
    pub fn write<T, E: From<StoreError>>(
        &mut self,
        now: Now,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let Self { store, station, registries, life, entropy, .. } = self;
        let value = store.commit(|tx| {
            let mut writing = Writing::new(tx, station, registries, now, life, &mut **entropy);
            let value = work(&mut writing)?;
            let saved = writing.finish()?;
            Ok::<_, E>((value, saved))
        });
        let (value, saved) = value?;
        if saved > 0 {
            self.life.set_claimed();
            self.after_write(now);
        }
        Ok(value)
    }

    /// Draws random bytes.
    pub fn draw(&mut self, bytes: &mut [u8]) {
        (self.entropy)(bytes);
    }

    /// Runs `work` on the store in one durable transaction, for what is no edit of a document.
    ///
    /// # Errors
    /// What `work` returned, or the store failed.
    pub fn keep<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(store::Tx<'_>, &Station) -> Result<T, E>,
    ) -> Result<T, E> {
        let Self { store, station, .. } = self;
        store.commit(|tx| work(tx, station))
    }

    /// Loads the registries anew after they were changed on the hub, and tells connected laptops.
    ///
    /// # Errors
    /// The store fails.
    pub fn registries_changed(&mut self, now: Now) -> Result<()> {
        self.registries = registries::load(self.store.reader())?;
        let Self { store, station, registries, .. } = self;
        store.commit(|tx| {
            let mut intake = Intake::new(tx, station, registries, now)?;
            for document in changes::waiting_documents(tx)? {
                intake.look_again(document).map_err(super::intake::IntakeError::into_store)?;
            }
            Ok::<_, StoreError>(())
        })?;
        self.news(now);
        Ok(())
    }

    /// A laptop's ticket: the next connection enrols.
    pub fn enrol(&mut self, ticket: Ticket) {
        self.ticket = Some(ticket);
    }

    /// Sets whether a device may connect, and tells all laptops; one that may not is disconnected at once.
    ///
    /// # Errors
    /// The store fails.
    pub fn set_standing(&mut self, now: Now, device: DeviceId, standing: devices::Standing) -> Result<bool> {
        let Self { store, station, registries, .. } = self;
        let (known, laptops) = store.commit(|tx| {
            let Some(row) = devices::by_number(tx, device)? else {
                return Ok::<_, StoreError>((false, None));
            };
            if row.standing != standing {
                devices::set_stood(tx, device, now.wall)?;
            }
            devices::put(tx, &devices::Device { standing, ..row })?;
            Ok((true, enrolment::tell_laptops(tx, station, registries)?))
        })?;
        if let Some(laptops) = laptops {
            registries.put(laptops);
            self.news(now);
        }
        self.journal_device(device);
        if standing != devices::Standing::Active {
            let peers: Vec<_> = self.peers_of(device);
            for peer in peers {
                self.close(peer, CloseCode::Revoked, format!("this laptop is {}", standing.word()));
            }
        }
        Ok(known)
    }

    /// The connections of a device.
    pub(super) fn peers_of(&self, device: DeviceId) -> Vec<PeerId> {
        let linked = |session: &&Session| {
            session.role == Role::Parent && session.phase == Phase::Linked && session.device == device
        };
        self.sessions.values().filter(linked).map(|session| session.peer).collect()
    }

    /// The devices that are connected.
    pub fn linked(&self) -> Vec<DeviceId> {
        let linked = |session: &&Session| session.role == Role::Parent && session.phase == Phase::Linked;
        self.sessions.values().filter(linked).map(|session| session.device).collect()
    }

    /// Asks every connected laptop to come back later and takes no new one.
    pub fn drain(&mut self, retry_after: u64) {
        self.draining = true;
        let peers: Vec<_> = self.sessions.keys().copied().collect();
        for peer in peers {
            if self.sessions[&peer].role == Role::Parent {
                let frame = crate::wire::Frame::GoAway { retry_after };
                let output = self.sessions[&peer].say(&frame);
                self.outputs.push_back(output);
                self.close(peer, CloseCode::RetryLater, "the hub is shutting down".to_owned());
            }
        }
    }

    /// Takes an input; then poll the outputs.
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Connected { peer, role, key, exporter } => self.connected(now, peer, role, key, exporter),
            Input::Received { peer, channel, bytes } => self.received(now, peer, channel, &bytes),
            Input::Disconnected { peer } => self.disconnected(peer),
            Input::Timeout => self.timed_out(now),
        }
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `handle` wants to be called with [`Input::Timeout`].
    pub fn poll_timeout(&self) -> Option<Tick> {
        let deadlines = self.sessions.values().filter_map(|session| session.deadline);
        deadlines.chain(self.telling_due()).min()
    }

    fn connected(&mut self, now: Now, peer: PeerId, role: Role, key: PublicKey, exporter: [u8; 32]) {
        let mut session = Session::new(peer, role, key, exporter, now.tick);
        if role == Role::Parent && devices::by_key(self.store.reader(), &key).is_ok_and(|row| row.is_some()) {
            session.deadline = Some(now.tick.after(HELLO_KNOWN_MILLISECONDS));
        }
        self.sessions.insert(peer, session);
        match role {
            Role::Parent if self.draining => {
                self.close(peer, CloseCode::RetryLater, "the hub is shutting down".to_owned());
            }
            Role::Parent => {}
            Role::Child => self.greet(now, peer),
        }
    }

    fn disconnected(&mut self, peer: PeerId) {
        if self.has_arrived(peer) {
            self.take_arrived();
        }
        let Some(mut session) = self.sessions.remove(&peer) else { return };
        self.keep_parts(&mut session.files, session.device);
        let Some((name, half)) = session.incoming.take() else { return };
        // What is carried is begun anew.
        if session.role == Role::Parent && session.carries(&name) {
            return;
        }
        let kept = self.store.commit(|tx| {
            let log = log::find_or_begin(tx, &name)?;
            log::set_half(tx, log.row, Some(&half))
        });
        if let Err(error) = kept {
            tracing::warn!(error = &error as &dyn std::error::Error, "keep half a batch");
        }
    }

    fn timed_out(&mut self, now: Now) {
        let is_late = |session: &&Session| session.deadline.is_some_and(|deadline| deadline <= now.tick);
        let peers: Vec<_> = self.sessions.values().filter(is_late).map(|session| session.peer).collect();
        for peer in peers {
            let Some(session) = self.sessions.get_mut(&peer) else { continue };
            // Where this side was busy when the time was up, the words may lie unread.
            if session.deadline.is_some_and(|deadline| deadline.after(BUSY_MILLISECONDS) < now.tick) {
                session.deadline = Some(now.tick.after(HELLO_MILLISECONDS));
            } else {
                self.close(peer, CloseCode::Limit, "the first words did not come in time".to_owned());
            }
        }
        self.tell(now);
    }

    /// Lets the connected know that something was saved here.
    pub(super) fn after_write(&mut self, now: Now) {
        if self.station.hub {
            self.words_follow(now);
        }
        if self.sessions.is_empty() {
            return;
        }
        if self.station.hub {
            self.news(now);
        }
        let children = |session: &&Session| session.role == Role::Child && session.phase == Phase::Linked;
        let peers: Vec<_> = self.sessions.values().filter(children).map(|session| session.peer).collect();
        for peer in peers {
            self.pump(peer);
        }
    }

    /// Closes a connection and forgets it, half a batch kept.
    pub(super) fn close(&mut self, peer: PeerId, code: CloseCode, reason: String) {
        if self.sessions.contains_key(&peer) {
            self.outputs.push_back(Output::Close { peer, code, reason });
            self.disconnected(peer);
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Begins another life of this laptop's database: a new epoch and a fresh actor. What no receipt covers
    /// is written into the new log as well.
    ///
    /// # Errors
    /// The store fails.
    pub fn begin_life(&mut self) -> Result<()> {
        let old = self.station.log();
        let epoch = super::station::random_epoch(&mut *self.entropy);
        let Self { store, station, .. } = self;
        store.commit(|tx| {
            station.begin_life(tx, epoch)?;
            tx.execute("DELETE FROM fact WHERE name = 'feed_epoch'", [])?;
            feeds::clear(tx, feeds::OWN)?;
            notes::forget_all(tx)?;
            if let Some(place) = &mut station.place
                && !station.hub
            {
                place.letter = provisional(&place.letter, &epoch);
                place.save(tx)?;
            }
            // What a hub wrote needs no receipt: it stays in the log of the life that wrote it.
            if station.hub { Ok(()) } else { carry_over(tx, &old, &LogName { epoch, ..old }) }
        })?;
        self.station.feed_epoch = None;
        self.life.renew();
        Ok(())
    }
}

/// The letter that a laptop uses until the hub gives its new life one.
fn provisional(letter: &str, epoch: &crate::id::Epoch) -> String {
    let base: String = letter.chars().take_while(char::is_ascii_alphabetic).collect();
    match base.parse::<crate::slip::DeviceLetter>() {
        Ok(letter) => letter.provisional(epoch).as_str().to_owned(),
        Err(_) => letter.to_owned(),
    }
}

/// Writes what no receipt covers of log `old` into log `new`.
fn carry_over(tx: store::Tx<'_>, old: &LogName, new: &LogName) -> Result<()> {
    let Some(from) = log::find(tx, old)? else { return Ok(()) };
    let receipted = devices::receipted(tx, old.epoch)?;
    let mut to = log::find_or_begin(tx, new)?;
    let mut entries = Vec::new();
    let mut claimed = BTreeSet::new();
    let mut index = to.head.index;
    for position in receipted + 1..=from.head.index {
        let entry = log::entry(tx, from.row, position)?;
        let hash = match &entry {
            Entry::Change { change, .. } => {
                let hash = crate::document::hash(change).map_err(|_| store::damaged("batch.body"))?;
                if claimed.insert(change.actor)
                    && let Some(nonce) = changes::nonce(tx, change.actor)?
                {
                    entries.push((Entry::Actor { nonce }, None));
                    index += 1;
                }
                Some(hash)
            }
            Entry::Note { .. } => None,
            Entry::Actor { .. }
            | Entry::Erased { .. }
            | Entry::Fed { .. }
            | Entry::Enter { .. }
            | Entry::Leave { .. }
            | Entry::Anew
            | Entry::Refused { .. }
            | Entry::Released { .. }
            | Entry::Registry { .. } => continue,
        };
        index += 1;
        if let Some(hash) = hash {
            tx.execute(
                "UPDATE change SET epoch = ?2, position = ?3, log = ?4, entry = ?3 WHERE hash = ?1",
                rusqlite::params![hash.0, new.epoch.0, index, to.row],
            )?;
        }
        entries.push((entry, hash));
    }
    for part in entries.chunks(500) {
        log::append(tx, &mut to, part)?;
    }
    Ok(())
}
