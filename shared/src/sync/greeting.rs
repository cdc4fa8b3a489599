//! First words: who is there, what each side holds, and from where the hand-over goes on.

use super::{
    CloseCode, Event, PeerId, Replica,
    enrolment::{self, EnrolError},
    exchange::{Fault, fault, protocol},
    feed::Holdings,
    gate::Refusal,
    rates::Measure,
    receipts::receipt_is_sound,
    repair::Repair,
    session::{CREDIT_BYTES, Phase, is_head},
    station::Station,
};
use crate::{
    document,
    id::{DeviceId, Epoch},
    identity::{self, Context, Signature},
    store::{
        self, StoreError, attachment, carried, changes, devices, dictionaries, feeds,
        log::{self, Half},
        notes, quarantine, signing,
    },
    time::{Now, Timestamp},
    wire::{
        Frame,
        batch::{Batch, LogName, Reader},
        frame::{Cursor, Enrol, Enrolled, Hello, LogVerdict, Partial, VERSION, Welcome},
        pack::{DictionaryName, NEWEST},
    },
};

/// Changes that a revoked or lost laptop may leave behind: a thief shall not fill the hub's disk.
pub(super) const LEFT_BEHIND_MAX: u64 = 20_000;

impl Replica {
    /// The child's first words on a connection.
    pub(super) fn greet(&mut self, now: Now, peer: PeerId) {
        if let Some(ticket) = &self.ticket {
            let Some(session) = self.sessions.get_mut(&peer) else { return };
            let proof = ticket.secret.proof(&session.exporter, self.station.key.public());
            let frame =
                Frame::Enrol(Enrol { ticket: ticket.id().0, proof: proof.0, epoch: self.station.epoch });
            session.phase = Phase::Enrolling;
            session.deadline = None;
            let output = session.say(&frame);
            self.outputs.push_back(output);
            return;
        }
        if let Err(error) = self.hello(now, peer, false) {
            self.fail(peer, error);
        }
    }

    /// Packs and signs what is not signed yet, in memory alone, so that the next greeting need not. It is work for the
    /// time in which a connection is made.
    ///
    /// # Errors
    /// The store fails.
    pub fn prepare(&mut self) -> Result<(), StoreError> {
        let tx = self.store.reader();
        let Some(log) = log::find(tx, &self.station.log())? else { return Ok(()) };
        if self.prepared.as_ref().is_none_or(|(of, _)| *of != log) {
            let signed = self.station.signed_log(tx, &log)?;
            self.prepared = Some((log, signed));
        }
        Ok(())
    }

    /// Says hello; `again` on a connection where the hub still holds back batches of an earlier life.
    pub(super) fn hello(&mut self, now: Now, peer: PeerId, again: bool) -> Result<(), Fault> {
        if self.station.place.is_none() {
            return Err(protocol("this laptop is not enrolled: run `van-agent enroll TICKET`"));
        }
        let own = self.station.log();
        let prepared = self.prepared.take();
        let (log, receipt, resting) = self.store.commit(|tx| {
            let log = log::find_or_begin(tx, &own)?;
            let receipted = devices::receipted(tx, own.epoch)?;
            // What the hub has lost since is nothing to build on.
            let receipt =
                devices::receipt(tx, own.epoch)?.filter(|receipt| receipt.cursor.index == receipted);
            let receipted = receipt.as_ref().map_or(0, |receipt| receipt.cursor.index);
            // Signed batches may be under way from an earlier connection; unsigned ones never were.
            let resting = !again && signing::signed_head(tx, &log)? <= receipted;
            match prepared.filter(|(of, _)| *of == log) {
                Some((_, signed)) => signing::put_signed(tx, &log, &signed)?,
                None => self.station.sign_log(tx, &log)?,
            }
            Ok::<_, StoreError>((log, receipt, resting))
        })?;
        let tx = self.store.reader();
        let receipted = receipt.as_ref().map_or(0, |receipt| receipt.cursor.index);
        let feed = match self.station.feed_epoch {
            Some(epoch) => log::find(tx, &self.station.own_feed(epoch))?,
            None => None,
        };
        let half = feed.map(|feed| log::half(tx, feed.row)).transpose()?.flatten();
        let told = feed.map(|feed| log::batch_with(tx, &feed, feed.head.index)).transpose()?.flatten();
        let scope = feeds::fingerprint(tx, feeds::OWN, i64::MAX as u64, log.row, receipted)?;
        let hello = Hello {
            versions: vec![VERSION],
            schema: document::SCHEMA,
            epoch: self.station.epoch,
            log: log.head,
            receipt,
            feed_epoch: self.station.feed_epoch,
            feed: feed.map_or(Cursor::default(), |feed| feed.head),
            feed_signature: told.map_or_else(Vec::new, |batch| batch.signature),
            partial: half.as_ref().map(partial_of),
            scope,
            holds: changes::count_but(tx, log.row)?,
            clock: now.wall,
            eager: resting,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            packs: Some(NEWEST),
            places: Some(true),
            dictionaries: Some(dictionaries::newest(tx)?).filter(|names| !names.is_empty()),
        };
        let feed_name = feed.map(|feed| feed.name);
        let session = self.sessions.get_mut(&peer).ok_or_else(|| protocol("gone"))?;
        session.phase = Phase::Asking;
        session.deadline = None;
        session.receipted = receipted;
        session.reconciler = None;
        session.caught_up = None;
        session.delivering.clear();
        session.takes_carried = false;
        session.incoming = feed_name.zip(half);
        session.sending = super::session::Sending::default();
        session.files = super::carrying::Carrying::default();
        if resting {
            session.sending.credit = CREDIT_BYTES;
            session.sending.log = Some((own, receipted + 1));
        }
        let output = session.say(&Frame::Hello(hello));
        self.outputs.push_back(output);
        self.pump(peer);
        Ok(())
    }

    pub(super) fn take_enrol(&mut self, now: Now, peer: PeerId, enrol: &Enrol) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let place = self.station.place.clone().ok_or_else(|| protocol("this is no hub"))?;
        let (key, exporter) = (session.key, session.exporter);
        let taken = self.store.commit(|tx| enrolment::take(tx, &place, enrol, key, &exporter, now.wall));
        match taken {
            Ok(enrolled) => {
                self.journal_device(enrolled.device);
                let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
                session.deadline = Some(now.tick.after(super::session::HELLO_MILLISECONDS));
                let output = session.say(&Frame::Enrolled(enrolled));
                self.outputs.push_back(output);
                Ok(())
            }
            Err(EnrolError::Store(error)) => Err(error.into()),
            Err(refused) => {
                tracing::warn!(ticket = crate::id::hex(&enrol.ticket[..4]), reason = %refused, "refuse a ticket");
                Err(fault(CloseCode::Ticket, refused.to_string()))
            }
        }
    }

    pub(super) fn take_enrolled(&mut self, now: Now, peer: PeerId, enrolled: Enrolled) -> Result<(), Fault> {
        let Some(ticket) = self.ticket.take() else { return Err(protocol("no enrolment was asked for")) };
        let place = super::station::Place {
            device: enrolled.device,
            district: enrolled.district,
            unit: Some(enrolled.unit),
            letter: enrolled.letter,
            hub_key: ticket.hub,
            hub_name: enrolled.hub_name,
            addresses: ticket.addresses.iter().map(ToString::to_string).collect(),
        };
        self.store.commit(|tx| place.save(tx))?;
        self.station.place = Some(place);
        self.event(Event::Enrolled { peer });
        self.hello(now, peer, false)
    }

    pub(super) fn take_hello(&mut self, now: Now, peer: PeerId, hello: &Hello) -> Result<(), Fault> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        let key = session.key;
        let device = devices::by_key(self.store.reader(), &key)?
            .ok_or_else(|| fault(CloseCode::UnknownDevice, "this hub does not know the laptop: enrol it"))?;
        let standing = device.standing;
        let shut_out = (standing != devices::Standing::Active).then_some(standing);
        if shut_out.is_some() && !self.may_leave_behind(&device, hello)? {
            return Err(fault(CloseCode::Revoked, format!("this laptop is {}", standing.word())));
        }
        if !hello.versions.contains(&VERSION) {
            let reason = format!("this hub speaks version {VERSION}: update the laptop's program");
            return Err(fault(CloseCode::WrongVersion, reason));
        }
        self.count_of(now, device.device, Measure::Greetings, 1)?;
        self.replace_others(peer, device.device);
        self.check_own_past(peer, device.device, hello)?;
        let (mut welcome, log_name) = self.welcome(now, &device, hello)?;
        welcome.reconcile &= shut_out.is_none();
        welcome.couriers = Some(shut_out.is_none());
        self.journal_device(device.device);
        let (reconcile, verdict) = (welcome.reconcile, welcome.verdict);
        let continues = verdict == LogVerdict::Continues;
        let durable = welcome.durable.index;
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        session.device = device.device;
        session.epoch = hello.epoch;
        session.unit = Some(device.unit.clone());
        session.shut_out = shut_out;
        session.phase = Phase::Linked;
        session.deadline = None;
        session.repair = reconcile.then(Repair::default);
        (session.wants, session.expiry) = (None, None);
        session.owed = 0;
        let receipt = hello.receipt.as_ref().map_or(0, |receipt| receipt.cursor.index);
        session.common = receipt.min(durable);
        // Of another life of the hub it proves nothing about this one: it is signed anew.
        let is_new = hello.receipt.as_ref().is_none_or(|receipt| receipt.hub_epoch != self.station.epoch);
        session.receipted = if is_new { 0 } else { receipt };
        session.backed_up = hello.receipt.as_ref().map_or(0, |receipt| receipt.backed_up_through);
        session.announced = hello.log.index;
        session.caught_up = None;
        session.sending = super::session::Sending::default();
        session.sending.credit = CREDIT_BYTES;
        session.resume = hello.partial;
        session.places = hello.places == Some(true);
        session.accepts = continues;
        session.feed_at = if hello.feed_epoch == Some(self.station.epoch) { hello.feed.index } else { 0 };
        let output = session.say(&Frame::Welcome(welcome));
        self.outputs.push_back(output);
        self.begin_files(peer, hello)?;
        self.event(Event::Linked { peer, device: device.device });
        if !continues {
            let forked = verdict == LogVerdict::Forked;
            self.event(Event::AnotherLife { device: device.device, forked });
            return Ok(());
        }
        if let Some(half) = self.half_of(&log_name)?
            && let Some(session) = self.sessions.get_mut(&peer)
        {
            session.incoming = Some((log_name, half));
        }
        self.receipt_if_behind(now, peer)?;
        self.end_if_left_behind(peer)?;
        if !reconcile {
            let holdings = if hello.holds == 0 { Holdings::Nothing } else { Holdings::AsTold };
            self.want_feed(now, peer, holdings);
        }
        self.pump(peer);
        Ok(())
    }

    /// A laptop has one connection: the newest.
    fn replace_others(&mut self, peer: PeerId, device: DeviceId) {
        for other in self.peers_of(device) {
            if other != peer {
                self.close(other, CloseCode::Replaced, "the laptop has connected anew".to_owned());
            }
        }
    }

    /// Whether a laptop that is revoked or lost may hand over what it has not handed over yet, or has no receipt
    /// for: it goes to quarantine, and the laptop is told nothing of others.
    fn may_leave_behind(&self, device: &devices::Device, hello: &Hello) -> Result<bool, StoreError> {
        if device.standing == devices::Standing::Suspended {
            return Ok(false);
        }
        let tx = self.store.reader();
        let name = LogName { author: device.device, epoch: hello.epoch, reader: None };
        let durable = log::find(tx, &name)?.map_or(0, |log| log.head.index);
        let receipted = hello.receipt.as_ref().map_or(0, |receipt| receipt.cursor.index);
        let held = quarantine::count_of(tx, device.device, Refusal::SHUT_OUT)?;
        Ok(held < LEFT_BEHIND_MAX && (hello.log.index > durable || receipted < durable))
    }

    /// Parent: a laptop that may only leave something behind has done so.
    pub(super) fn end_if_left_behind(&mut self, peer: PeerId) -> Result<(), StoreError> {
        let durable = self.durable(peer)?.unwrap_or(0);
        if let Some(session) = self.sessions.get(&peer)
            && session.shut_out.is_some()
            && durable >= session.announced
        {
            let feed = session.feed_at;
            self.say(peer, &Frame::CaughtUp { feed, durable });
        }
        Ok(())
    }

    /// Whether a laptop holds proof of something that this hub has lost: then its disk went back in time,
    /// and it begins another life.
    fn check_own_past(&mut self, peer: PeerId, device: DeviceId, hello: &Hello) -> Result<(), Fault> {
        if let Some(receipt) = &hello.receipt
            && receipt.device == device
            && receipt_is_sound(receipt, &self.station.key.public())
        {
            self.keep_proof(receipt)?;
        }
        let lost = self.lost_receipt(device, hello)?;
        if lost.is_some() || self.lost_feed(device, hello)? {
            let at = lost.unwrap_or(hello.clock);
            tracing::warn!(device = device.0, "a laptop proves that this hub's disk went back in time");
            self.event(Event::HubRewound { device, at });
            let path = self.store.path().to_owned();
            let taken = self.store.commit(|tx| store::journal::replay(tx, &path));
            if let Err(error) = taken {
                tracing::error!(error = &error as &dyn std::error::Error, "take the devices' journal back");
            }
            self.begin_life()?;
            // Their feeds and receipts are of the life that has ended.
            let others: Vec<_> = self.sessions.keys().copied().filter(|other| *other != peer).collect();
            for other in others {
                self.close(other, CloseCode::RetryLater, "the hub begins anew".to_owned());
            }
        }
        Ok(())
    }

    /// The time of a receipt of this hub for what it does not hold, or from a life that it does not know.
    fn lost_receipt(&self, device: DeviceId, hello: &Hello) -> Result<Option<Timestamp>, StoreError> {
        let Some(receipt) = &hello.receipt else { return Ok(None) };
        if receipt.device != device || !receipt_is_sound(receipt, &self.station.key.public()) {
            return Ok(None);
        }
        let tx = self.store.reader();
        let name = LogName { author: device, epoch: receipt.epoch, reader: None };
        let durable = log::find(tx, &name)?.map_or(0, |log| log.head.index);
        let lost = if receipt.hub_epoch == self.station.epoch {
            receipt.cursor.index > durable
        } else {
            !self.station.has_lived(tx, receipt.hub_epoch)?
        };
        Ok(lost.then_some(receipt.at))
    }

    /// Whether the laptop holds a signed part of its feed that this hub does not, or from a life that it
    /// does not know.
    fn lost_feed(&self, device: DeviceId, hello: &Hello) -> Result<bool, StoreError> {
        let (Some(life), Ok(signature)) =
            (hello.feed_epoch, Signature::try_from(hello.feed_signature.as_slice()))
        else {
            return Ok(false);
        };
        let reader = Reader { device, epoch: hello.epoch };
        let name = LogName { author: DeviceId::HUB, epoch: life, reader: Some(reader) };
        let message = Batch::signed_message(&name, hello.feed.index, hello.feed.chain);
        if identity::verify(self.station.key.public(), Context::FeedHead, &message, &signature).is_err() {
            return Ok(false);
        }
        let tx = self.store.reader();
        if life == self.station.epoch {
            Ok(hello.feed.index > log::find(tx, &name)?.map_or(0, |log| log.head.index))
        } else {
            Ok(!self.station.has_lived(tx, life)?)
        }
    }

    fn welcome(
        &mut self,
        now: Now,
        device: &devices::Device,
        hello: &Hello,
    ) -> Result<(Welcome, LogName), StoreError> {
        let Self { store, station, registries, .. } = self;
        let name = LogName { author: device.device, epoch: hello.epoch, reader: None };
        let schema = document::SCHEMA;
        let (answer, laptops) = store.commit(|tx| {
            devices::set_seen(tx, device.device, now.wall)?;
            let log = log::find_or_begin(tx, &name)?;
            let feed = log::find_or_begin(tx, &station.feed_for(device.device, hello.epoch))?;
            let state = feeds::state(tx, feed.row)?;
            let follows = hello.feed_epoch == Some(station.epoch);
            let told = if follows { hello.feed } else { Cursor::default() };
            let verdict = if hello.log.index < log.head.index {
                match log::chain_at(tx, &log, hello.log.index)? {
                    Some(chain) if chain == hello.log.chain => LogVerdict::Rewound,
                    _ => LogVerdict::Forked,
                }
            } else if hello.log.index == log.head.index && !is_head(&hello.log, &log.head) {
                LogVerdict::Forked
            } else if !log::goes_on_from(tx, &feed, &told)? {
                // One of the two has forgotten a part of the feed; as it begins anew, both tell all they hold.
                LogVerdict::Rewound
            } else {
                LogVerdict::Continues
            };
            let receipted = hello.receipt.as_ref().map_or(0, |receipt| receipt.cursor.index);
            let comparable = follows && state.started && told == feed.head && receipted == log.head.index;
            let differs = comparable
                && feeds::fingerprint(tx, feed.row, state.seen, log.row, receipted)? != hello.scope;
            // Also who holds nothing of others may hold what an earlier life has told it.
            let may_hold = hello.holds > 0 || (!follows && hello.feed_epoch.is_some());
            let reconcile = verdict == LogVerdict::Continues && (differs || (!state.started && may_hold));
            let half = log::half(tx, log.row)?;
            let letter = enrolment::letter_for(tx, device.device, hello.epoch, &device.unit)?;
            let welcome = Welcome {
                version: VERSION,
                schema,
                hub_epoch: station.epoch,
                verdict,
                durable: log.head,
                partial: half.as_ref().map(partial_of),
                credit: CREDIT_BYTES,
                clock: now.wall,
                letter,
                reconcile,
                unit: device.unit.clone(),
                packs: Some(NEWEST),
                couriers: None,
                dictionaries: Some(dictionaries::newest(tx)?).filter(|names| !names.is_empty()),
            };
            Ok::<_, StoreError>(((welcome, name), enrolment::tell_letters(tx, station, registries)?))
        })?;
        if let Some(laptops) = laptops {
            registries.put(laptops);
        }
        Ok(answer)
    }

    pub(super) fn take_welcome(&mut self, now: Now, peer: PeerId, welcome: &Welcome) -> Result<(), Fault> {
        let own = self.station.log();
        let tx = self.store.reader();
        let log = log::find(tx, &own)?.ok_or_else(|| protocol("no log"))?;
        let diverged = welcome.verdict == LogVerdict::Continues
            && log::chain_at(tx, &log, welcome.durable.index)? != Some(welcome.durable.chain);
        // The hub has a batch that was signed here with another end: the disk has forgotten it.
        let forgotten = !diverged && !log::begins_batch(tx, &log, welcome.durable.index + 1)?;
        // The hub is back in a life whose feed was followed here before: what it says now would be taken for
        // what it said then.
        let hub = welcome.hub_epoch;
        let relived = self.station.feed_epoch != Some(hub)
            && log::find(tx, &self.station.own_feed(hub))?.is_some_and(|feed| feed.head.index > 0);
        if welcome.verdict != LogVerdict::Continues || diverged || forgotten || relived {
            let forked = diverged || welcome.verdict == LogVerdict::Forked;
            self.event(Event::Rewound { peer, forked });
            self.begin_life()?;
            return self.hello(now, peer, true);
        }
        self.hub_clock_ahead = Some(welcome.clock.0.saturating_sub(now.wall.0));
        let before = self.station.packs.clone();
        let is_new = self.follow(welcome)?;
        // What the hub does not know, or has lost meanwhile, it cannot have read with.
        let read = before.is_none_or(|before| {
            welcome.packs.is_some_and(|number| before.number <= number)
                && before.brought.iter().all(|known| dictionaries_of(welcome).contains(&known.name()))
        });
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        session.phase = Phase::Linked;
        let eager = read && session.sending.log.is_some() && session.receipted == welcome.durable.index;
        if !eager {
            session.sending.restart(own, welcome.durable.index + 1, welcome.credit);
            session.resume = welcome.partial;
        }
        session.common = session.receipted.min(welcome.durable.index);
        if is_new {
            session.receipted = 0;
        }
        session.takes_carried = welcome.couriers == Some(true);
        let device = session.device;
        self.event(Event::Linked { peer, device });
        if welcome.reconcile {
            self.begin_reconcile(peer)?;
        }
        self.begin_delivery(now, peer)?;
        self.pump(peer);
        Ok(())
    }

    /// Notes the hub's life, whose feed is followed from now on, and this life's letter. Returns whether the
    /// feed begins anew.
    fn follow(&mut self, welcome: &Welcome) -> Result<bool, StoreError> {
        let Self { store, station, .. } = self;
        let is_new = station.feed_epoch != Some(welcome.hub_epoch);
        let mut place = station.place.clone();
        if let Some(place) = &mut place {
            place.letter = welcome.letter.clone();
            place.unit = Some(welcome.unit.clone());
        }
        let lowers = devices::receipted(store.reader(), station.epoch)? > welcome.durable.index;
        let said =
            (station.packs.as_ref().map(|packs| packs.number), Station::hub_dictionaries(store.reader())?);
        let packs_anew = said != (welcome.packs, dictionaries_of(welcome).to_vec());
        if is_new || lowers || packs_anew || place != station.place {
            store.commit(|tx| {
                if let Some(place) = &place {
                    place.save(tx)?;
                }
                if packs_anew {
                    Station::save_packs(tx, welcome.packs, dictionaries_of(welcome))?;
                }
                devices::lower_receipt(tx, station.epoch, welcome.durable.index)?;
                if is_new { begin_feed(tx, station, &welcome.hub_epoch) } else { Ok(()) }
            })?;
        }
        station.place = place;
        station.packs = Station::load_packs(store.reader())?;
        station.feed_epoch = Some(welcome.hub_epoch);
        Ok(is_new)
    }

    pub(super) fn half_of(&self, name: &LogName) -> Result<Option<Half>, StoreError> {
        let tx = self.store.reader();
        match log::find(tx, name)? {
            Some(log) => log::half(tx, log.row),
            None => Ok(None),
        }
    }

    /// Appends a device's row to the file beside the database, which a restore never overwrites.
    pub(super) fn journal_device(&self, device: DeviceId) {
        if let Err(error) = store::journal::append(&self.store, device) {
            tracing::error!(error = &error as &dyn std::error::Error, "append to the devices' journal");
        }
    }
}

/// Takes into scope what stands in this life's log behind `after`.
pub(super) fn enter_own(tx: store::Tx<'_>, station: &Station, after: u64) -> Result<(), StoreError> {
    let Some(own) = log::find(tx, &station.log())? else { return Ok(()) };
    for document in changes::made_in(tx, (station.device(), station.epoch), own.row, after)? {
        feeds::enter(tx, feeds::OWN, document)?;
    }
    Ok(())
}

/// Follows a new feed: the scope begins with what this life made, and what an earlier feed proved has to be
/// proven again.
fn begin_feed(tx: store::Tx<'_>, station: &Station, hub: &Epoch) -> Result<(), StoreError> {
    feeds::clear(tx, feeds::OWN)?;
    enter_own(tx, station, 0)?;
    changes::doubt_all(tx)?;
    devices::doubt_receipts(tx, station.epoch)?;
    attachment::doubt_receipts(tx)?;
    // What was handed over to the life that has ended may be lost, and what it refused may be welcome.
    notes::forget_all(tx)?;
    carried::reconsider_all(tx)?;
    carried::forget_homeward_of_others(tx, *hub)?;
    store::set_fact(tx, "feed_epoch", &hub.0)
}

fn dictionaries_of(welcome: &Welcome) -> &[DictionaryName] {
    welcome.dictionaries.as_deref().unwrap_or_default()
}

fn partial_of(half: &Half) -> Partial {
    Partial { digest: half.digest, held: half.bytes.len() as u64 }
}
