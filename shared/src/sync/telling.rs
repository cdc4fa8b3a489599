//! When connected laptops are told: what one waits for at once, news of others gathered, many feeds in one
//! transaction. What was handed over goes first: a receipt waits for no feed and for no row of the read model.

use super::{
    PeerId, Replica, Role,
    feed::{self, Holdings, Listener},
    session::{Phase, Session},
};
use crate::{
    store::{StoreError, read_model},
    time::{Now, Tick},
};

/// How long the hub gathers news before it extends the feeds of connected laptops, in milliseconds.
const FEED_MILLISECONDS: u64 = 250;
/// Documents that the read model takes in before the hub looks for what else has come.
const DOCUMENTS_MAX: usize = 5_000;
/// How long the full text waits for what laptops wait for, in milliseconds: before it is begun, and at most.
const WORDS_MILLISECONDS: u64 = 1_000;
const WORDS_WAIT_MILLISECONDS: u64 = 10_000;
/// How long what is being handed over may keep the read model waiting, and feeds, in milliseconds. Feeds need the
/// whole read model and look through what has arrived once, however many they are: when a whole fleet hands over,
/// that is best done once, behind its receipts.
const ROWS_WAIT_MILLISECONDS: u64 = 10_000;
const FEEDS_WAIT_MILLISECONDS: u64 = 30_000;
/// Feeds that are extended together: what has arrived is looked through once for them, and all are held in memory.
const PEERS_MAX: usize = 250;
/// How often cases that ended long ago are looked for in a feed of a standing connection, in milliseconds.
const EXPIRY_MILLISECONDS: u64 = 3_600_000;

impl Replica {
    /// Parent: has what a device has not been told written into its feed, before it hears that it is caught up.
    pub(super) fn want_feed(&mut self, now: Now, peer: PeerId, holdings: Holdings) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if !is_told(session) {
            return;
        }
        // What is known of its holdings is not forgotten over something new.
        if session.wants.is_none() || !matches!(holdings, Holdings::AsTold) {
            session.wants = Some(holdings);
        }
        self.wanted_due.get_or_insert(now.tick);
    }

    /// Extends the feeds of connected laptops soon.
    pub(super) fn news(&mut self, now: Now) {
        if !self.sessions.is_empty() && self.news_due.is_none() {
            self.news_due = Some(now.tick.after(FEED_MILLISECONDS));
        }
    }

    /// Has the full text follow the rows soon.
    pub(super) fn words_follow(&mut self, now: Now) {
        self.words_due.get_or_insert(now.tick.after(WORDS_MILLISECONDS));
    }

    /// When something is to be told or taken in.
    pub(super) fn telling_due(&self) -> Option<Tick> {
        match self.others_due() {
            None => self.words_due,
            Some(due) => {
                let late = self.words_due.map(|due| due.after(WORDS_WAIT_MILLISECONDS));
                Some(late.map_or(due, |late| late.min(due)))
            }
        }
    }

    /// When something is to be told or taken in, words aside.
    fn others_due(&self) -> Option<Tick> {
        let arrived = self.arrived.first().map(|arrived| arrived.now.tick);
        [arrived, self.behind_due, self.wanted_due, self.news_due].into_iter().flatten().min()
    }

    /// Whether nothing but the full text is left to be done.
    pub fn is_text_alone_due(&self) -> bool {
        self.words_due.is_some() && self.others_due().is_none()
    }

    /// Whether the next [`Input::Timeout`](super::Input::Timeout) tells somebody what is new, by a read model that
    /// holds it all: what is written here before is among that.
    pub fn is_about_to_tell(&self, now: Now) -> bool {
        self.arrived.is_empty() && !self.is_behind() && self.wanted_due.is_some_and(|due| due <= now.tick)
    }

    /// Does one piece of what is due: what has arrived, then a part of the read model, then feeds, then words.
    pub(super) fn tell(&mut self, now: Now) {
        if self.others_due().is_none_or(|due| due > now.tick) {
            if self.telling_due().is_some_and(|due| due <= now.tick) {
                self.word(now);
            }
            return;
        }
        let is_late = |due: Option<Tick>, wait| due.is_some_and(|due| due.after(wait) <= now.tick);
        if !self.arrived.is_empty() {
            self.take_arrived();
            if !is_late(self.behind_due.or(self.wanted_due), ROWS_WAIT_MILLISECONDS) {
                return;
            }
        }
        if self.behind_due.is_some_and(|due| due <= now.tick) {
            match self.store.commit(|tx| read_model::refresh_rows_part(tx, DOCUMENTS_MAX)) {
                Ok(true) if is_late(self.wanted_due, FEEDS_WAIT_MILLISECONDS) => {}
                Ok(true) => return,
                Ok(false) => {
                    self.behind_due = None;
                    return;
                }
                Err(error) => {
                    // Tried again when it is read, or when more comes.
                    self.behind_due = None;
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "bring the read model up to date"
                    );
                }
            }
        }
        self.tell_peers(now);
    }

    /// Brings a part of the full text up to date.
    fn word(&mut self, now: Now) {
        if self.words_due.take_if(|due| *due <= now.tick).is_none() {
            return;
        }
        match self.store.commit(|tx| read_model::refresh_words_part(tx, DOCUMENTS_MAX)) {
            Ok(true) => self.words_due = Some(now.tick),
            Ok(false) => {}
            // Tried again when it is read, or when more comes.
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "bring the full text up to date");
            }
        }
    }

    fn tell_peers(&mut self, now: Now) {
        let is_news = self.news_due.take_if(|due| *due <= now.tick).is_some();
        let is_wanted = self.wanted_due.take_if(|due| *due <= now.tick).is_some();
        if !is_news && !is_wanted {
            return;
        }
        let listens = |session: &&Session| is_told(session) && (is_news || session.wants.is_some());
        let peers: Vec<_> = self.sessions.values().filter(listens).map(|session| session.peer).collect();
        peers.chunks(PEERS_MAX).for_each(|peers| self.extend_feeds(now, peers));
        if is_news {
            for peer in self.sessions.keys().copied().collect::<Vec<_>>() {
                if let Err(error) = self.pay(peer) {
                    self.fail(peer, error.into());
                }
            }
        }
    }

    /// Parent: writes what devices have not been told into their feeds: all together, or each by itself where that
    /// fails.
    fn extend_feeds(&mut self, now: Now, peers: &[PeerId]) {
        match self.try_extend(now, peers) {
            Ok(()) => {}
            Err(error) if peers.len() < 2 => {
                if let Some(peer) = peers.first() {
                    self.fail(*peer, error.into());
                }
            }
            Err(_) => peers.iter().for_each(|peer| self.extend_feeds(now, &[*peer])),
        }
    }

    fn try_extend(&mut self, now: Now, peers: &[PeerId]) -> Result<(), StoreError> {
        let Self { store, station, registries, sessions, .. } = self;
        let listener = |peer: &PeerId| {
            let session = sessions.get(peer)?;
            let listener = Listener {
                device: session.device,
                epoch: session.epoch,
                unit: session.unit.as_ref()?,
                packs: session.packs.clone(),
                places: session.places,
                holdings: session.wants.as_ref().unwrap_or(&Holdings::AsTold),
                expires: session.expiry.is_none_or(|due| due <= now.tick),
            };
            Some((*peer, listener))
        };
        let (peers, listeners): (Vec<_>, Vec<_>) = peers.iter().filter_map(listener).unzip();
        if listeners.is_empty() {
            return Ok(());
        }
        let logs = store.commit(|tx| feed::extend(tx, station, registries, &listeners, now))?;
        for (peer, log) in peers.into_iter().zip(logs) {
            let Some(session) = self.sessions.get_mut(&peer) else { continue };
            session.wants = None;
            if session.expiry.is_none_or(|due| due <= now.tick) {
                session.expiry = Some(now.tick.after(EXPIRY_MILLISECONDS));
            }
            if session.sending.log.is_none() {
                session.sending.log = Some((log.name, session.feed_at + 1));
            }
            self.pump(peer);
        }
        Ok(())
    }
}

/// Whether a feed is written for whoever is at the other end.
fn is_told(session: &Session) -> bool {
    session.role == Role::Parent
        && session.phase == Phase::Linked
        && session.accepts
        && session.shut_out.is_none()
        && session.unit.is_some()
}
