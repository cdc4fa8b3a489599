//! The conversation: what each frame does, on either side of a connection.

use super::{
    Channel, CloseCode, Event, PeerId, Replica, Role,
    enrolment::{self, EnrolError},
    feed::{Extension, Holdings},
    intake::{Intake, IntakeError, Tally},
    reconcile::Reconciler,
    session::{CREDIT_BYTES, Phase, digest, is_head},
};
use crate::{
    document,
    id::{ChangeHash, DeviceId, PublicKey},
    identity::{self, Context, Signature},
    store::{
        self, Result, StoreError, changes, devices, feeds,
        log::{self, Half},
        quarantine,
    },
    time::Now,
    wire::{
        Frame,
        batch::{BATCH_BYTES_RECEIVED_MAX, Batch, LogName},
        frame::{Cursor, Enrol, Enrolled, HASHES_MAX, Hello, LogVerdict, Partial, Receipt, VERSION, Welcome},
    },
};

/// Changes of one device that may wait before it gets no more credit.
const WAITING_MAX: u64 = 1_000;
/// Bytes of one stream that may wait for the rest of their frame, or for the greeting.
const HELD_BYTES_MAX: usize = 2 * CREDIT_BYTES as usize;
/// Half a batch is kept on disk each time that this many more bytes of it have come.
const HALF_BYTES: usize = 32 * 1024;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the database failed: try again later")]
    Store(#[from] StoreError),
    #[error("{1}")]
    Peer(CloseCode, String),
}

fn fault(code: CloseCode, reason: impl Into<String>) -> Fault {
    Fault::Peer(code, reason.into())
}

fn protocol(reason: impl Into<String>) -> Fault {
    fault(CloseCode::Protocol, reason)
}

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

    /// Says hello; `again` on a connection where the hub still holds back batches of an earlier life.
    fn hello(&mut self, now: Now, peer: PeerId, again: bool) -> Result<(), Fault> {
        if self.station.place.is_none() {
            return Err(protocol("this laptop is not enrolled: run `van-agent enroll TICKET`"));
        }
        let own = self.station.log();
        let (log, receipt, resting) = self.store.commit(|tx| {
            let log = log::find_or_begin(tx, &own)?;
            let receipt = devices::receipt(tx, own.epoch)?;
            let receipted = receipt.as_ref().map_or(0, |receipt| receipt.cursor.index);
            // Signed batches may be under way from an earlier connection; unsigned ones never were.
            let resting = !again && log::signed_head(tx, &log)? <= receipted;
            self.station.sign_log(tx, &log)?;
            Ok::<_, StoreError>((log, receipt, resting))
        })?;
        let tx = self.store.reader();
        let receipted = receipt.as_ref().map_or(0, |receipt| receipt.cursor.index);
        let feed = match self.station.feed_epoch {
            Some(epoch) => log::find(tx, &self.station.own_feed(epoch))?,
            None => None,
        };
        let half = feed.map(|feed| log::half(tx, feed.row)).transpose()?.flatten();
        let device = self.station.device();
        let scope =
            feeds::fingerprint(tx, feeds::OWN, i64::MAX as u64, device, self.station.epoch, receipted)?;
        let hello = Hello {
            versions: vec![VERSION],
            schema: document::SCHEMA,
            epoch: self.station.epoch,
            log: log.head,
            receipt,
            feed_epoch: self.station.feed_epoch,
            feed: feed.map_or(Cursor::default(), |feed| feed.head),
            partial: half.as_ref().map(partial_of),
            scope,
            holds: changes::count_but(tx, device, self.station.epoch)?,
            clock: now.wall,
            eager: resting,
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let feed_name = feed.map(|feed| feed.name);
        let session = self.sessions.get_mut(&peer).ok_or_else(|| protocol("gone"))?;
        session.phase = Phase::Asking;
        session.deadline = None;
        session.receipted = receipted;
        session.incoming = feed_name.zip(half);
        session.sending = super::session::Sending::default();
        if resting {
            session.sending.credit = CREDIT_BYTES;
            session.sending.log = Some((own, receipted + 1));
        }
        let output = session.say(&Frame::Hello(hello));
        self.outputs.push_back(output);
        self.pump(peer);
        Ok(())
    }

    /// Takes bytes of a stream. Bytes of a batch can overtake the greeting: they wait until it is done.
    pub(super) fn received(&mut self, now: Now, peer: PeerId, channel: Channel, bytes: &[u8]) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.push(channel, bytes) > HELD_BYTES_MAX {
            self.close(peer, CloseCode::Limit, "more bytes at once than allowed".to_owned());
            return;
        }
        for channel in [Channel::Control, Channel::Batch] {
            self.frames(now, peer, channel, bytes);
        }
    }

    fn frames(&mut self, now: Now, peer: PeerId, channel: Channel, bytes: &[u8]) {
        while let Some(session) = self.sessions.get_mut(&peer) {
            if channel == Channel::Batch && session.phase != Phase::Linked {
                return;
            }
            let outcome = match session.poll(channel) {
                Ok(None) => return,
                Ok(Some(frame)) => self.frame(now, peer, channel, frame),
                Err(error) => {
                    let device = session.device;
                    self.keep_debris(now, device, &error.to_string(), bytes);
                    Err(protocol(error.to_string()))
                }
            };
            if let Err(error) = outcome {
                self.fail(peer, error);
                return;
            }
        }
    }

    fn fail(&mut self, peer: PeerId, fault: Fault) {
        match fault {
            Fault::Peer(code, reason) => self.close(peer, code, reason),
            Fault::Store(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "store what a peer sent");
                let reason = match error {
                    StoreError::Full => "the other side's disk is full: it takes nothing for now",
                    _ => "the other side's database failed",
                };
                self.close(peer, CloseCode::Internal, reason.to_owned());
            }
        }
    }

    fn frame(&mut self, now: Now, peer: PeerId, channel: Channel, frame: Frame) -> Result<(), Fault> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        let (role, phase) = (session.role, session.phase);
        match (role, phase, channel, frame) {
            (_, _, _, Frame::Skipped(_)) => Ok(()),
            (_, Phase::Linked, Channel::Batch, Frame::BatchStart { log, digest, total, offset }) => {
                self.batch_start(peer, log, digest, total, offset)
            }
            (_, Phase::Linked, Channel::Batch, Frame::BatchData(data)) => self.batch_data(now, peer, &data),
            (_, _, Channel::Batch, _) => Err(protocol("that frame does not belong on the batch stream")),
            (Role::Parent, Phase::Greeting, _, Frame::Enrol(enrol)) => self.take_enrol(now, peer, &enrol),
            (Role::Parent, Phase::Greeting | Phase::Linked, _, Frame::Hello(hello)) => {
                self.take_hello(now, peer, &hello)
            }
            (Role::Child, Phase::Enrolling, _, Frame::Enrolled(enrolled)) => {
                self.take_enrolled(now, peer, enrolled)
            }
            (Role::Child, Phase::Asking, _, Frame::Welcome(welcome)) => self.take_welcome(now, peer, welcome),
            (Role::Child, Phase::Linked, _, Frame::Receipt(receipt)) => self.take_receipt(peer, &receipt),
            (Role::Parent, Phase::Linked, _, Frame::FeedAck { cursor, .. }) => {
                self.take_feed_ack(peer, cursor)
            }
            (_, Phase::Linked | Phase::Asking, _, Frame::Credit(bytes)) => {
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.sending.credit =
                        session.sending.credit.saturating_add(bytes).min(16 * CREDIT_BYTES);
                }
                self.pump(peer);
                Ok(())
            }
            (Role::Child, _, _, Frame::GoAway { retry_after }) => {
                self.event(Event::GoAway { peer, retry_after });
                Ok(())
            }
            (Role::Child, Phase::Linked, _, Frame::CaughtUp { feed, durable }) => {
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.caught_up = Some((feed, durable));
                }
                self.settle(peer)
            }
            (Role::Parent, Phase::Linked, _, Frame::Reconcile(step)) => self.answer_reconcile(peer, &step),
            (Role::Child, Phase::Linked, _, Frame::Reconcile(step)) => self.step_reconcile(peer, &step),
            (Role::Parent, Phase::Linked, _, Frame::Lacks { hashes, more }) => {
                self.take_lacks(now, peer, hashes, more)
            }
            (Role::Parent, _, _, Frame::Bye) => {
                self.close(peer, CloseCode::Done, "everything is said".to_owned());
                Ok(())
            }
            (_, _, _, _) => Err(protocol("a frame that is not due")),
        }
    }

    fn take_enrol(&mut self, now: Now, peer: PeerId, enrol: &Enrol) -> Result<(), Fault> {
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

    fn take_enrolled(&mut self, now: Now, peer: PeerId, enrolled: Enrolled) -> Result<(), Fault> {
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

    fn take_hello(&mut self, now: Now, peer: PeerId, hello: &Hello) -> Result<(), Fault> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        let key = session.key;
        let device = devices::by_key(self.store.reader(), &key)?
            .ok_or_else(|| fault(CloseCode::UnknownDevice, "this hub does not know the laptop: enrol it"))?;
        if device.standing != devices::Standing::Active {
            let reason = format!("this laptop is {}", device.standing.word());
            return Err(fault(CloseCode::Revoked, reason));
        }
        if !hello.versions.contains(&VERSION) {
            let reason = format!("this hub speaks version {VERSION}: update the laptop's program");
            return Err(fault(CloseCode::WrongVersion, reason));
        }
        for other in self.peers_of(device.device) {
            if other != peer {
                self.close(other, CloseCode::Replaced, "the laptop has connected anew".to_owned());
            }
        }
        self.check_own_past(device.device, hello)?;
        let (welcome, log_name) = self.welcome(now, &device, hello)?;
        self.journal_device(device.device);
        let reconcile = welcome.reconcile;
        let continues = welcome.verdict == LogVerdict::Continues;
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        session.device = device.device;
        session.epoch = hello.epoch;
        session.unit = Some(device.unit.clone());
        session.phase = Phase::Linked;
        session.deadline = None;
        session.reconciling = reconcile;
        session.receipted = hello.receipt.as_ref().map_or(0, |receipt| receipt.cursor.index);
        session.announced = hello.log.index;
        session.caught_up = None;
        session.sending = super::session::Sending::default();
        session.sending.credit = CREDIT_BYTES;
        session.resume = hello.partial;
        session.accepts = continues;
        session.feed_at = if hello.feed_epoch == Some(self.station.epoch) { hello.feed.index } else { 0 };
        let output = session.say(&Frame::Welcome(welcome));
        self.outputs.push_back(output);
        self.event(Event::Linked { peer, device: device.device });
        if !continues {
            return Ok(());
        }
        if let Some(half) = self.half_of(&log_name)?
            && let Some(session) = self.sessions.get_mut(&peer)
        {
            session.incoming = Some((log_name, half));
        }
        self.receipt_if_behind(now, peer)?;
        if !reconcile {
            let holdings = if hello.holds == 0 { Holdings::Nothing } else { Holdings::AsTold };
            self.extend_feed(now, peer, &holdings);
        }
        self.pump(peer);
        Ok(())
    }

    /// Whether a laptop holds proof of something that this hub has lost: then its disk went back in time,
    /// and it begins another life.
    fn check_own_past(&mut self, device: DeviceId, hello: &Hello) -> Result<(), Fault> {
        let Some(receipt) = &hello.receipt else { return Ok(()) };
        let public = self.station.key.public();
        if receipt.device != device || !receipt_is_sound(receipt, &public) {
            return Ok(());
        }
        self.keep_proof(receipt)?;
        if receipt.hub_epoch != self.station.epoch {
            return Ok(());
        }
        let name = LogName { author: device, epoch: receipt.epoch, reader: None };
        let durable = log::find(self.store.reader(), &name)?.map_or(0, |log| log.head.index);
        let feed = self.station.feed_for(device, hello.epoch);
        let fed = log::find(self.store.reader(), &feed)?.map_or(0, |log| log.head.index);
        let lost = receipt.cursor.index > durable
            || (hello.feed_epoch == Some(self.station.epoch) && hello.feed.index > fed);
        if lost {
            tracing::warn!(device = device.0, "a receipt proves that this hub's disk went back in time");
            self.event(Event::HubRewound { device, at: receipt.at });
            self.begin_life()?;
        }
        Ok(())
    }

    fn welcome(
        &mut self,
        now: Now,
        device: &devices::Device,
        hello: &Hello,
    ) -> Result<(Welcome, LogName), StoreError> {
        let Self { store, station, .. } = self;
        let name = LogName { author: device.device, epoch: hello.epoch, reader: None };
        let schema = document::SCHEMA;
        store.commit(|tx| {
            devices::set_seen(tx, device.device, now.wall)?;
            let log = log::find_or_begin(tx, &name)?;
            let feed = log::find_or_begin(tx, &station.feed_for(device.device, hello.epoch))?;
            let state = feeds::state(tx, feed.row)?;
            let follows = hello.feed_epoch == Some(station.epoch);
            let told = if follows { hello.feed.index } else { 0 };
            let verdict = if hello.log.index < log.head.index {
                match log::chain_at(tx, &log, hello.log.index)? {
                    Some(chain) if chain == hello.log.chain => LogVerdict::Rewound,
                    _ => LogVerdict::Forked,
                }
            } else if hello.log.index == log.head.index && !is_head(&hello.log, &log.head) {
                LogVerdict::Forked
            } else if told < state.acked {
                LogVerdict::Rewound
            } else {
                LogVerdict::Continues
            };
            let receipted = hello.receipt.as_ref().map_or(0, |receipt| receipt.cursor.index);
            let comparable =
                follows && state.started && told == feed.head.index && receipted == log.head.index;
            let differs = comparable
                && feeds::fingerprint(tx, feed.row, state.seen, device.device, hello.epoch, receipted)?
                    != hello.scope;
            let reconcile =
                verdict == LogVerdict::Continues && (differs || (!state.started && hello.holds > 0));
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
            };
            Ok((welcome, name))
        })
    }

    fn take_welcome(&mut self, now: Now, peer: PeerId, welcome: Welcome) -> Result<(), Fault> {
        let own = self.station.log();
        let tx = self.store.reader();
        let log = log::find(tx, &own)?.ok_or_else(|| protocol("no log"))?;
        let diverged = welcome.verdict == LogVerdict::Continues
            && log::chain_at(tx, &log, welcome.durable.index)? != Some(welcome.durable.chain);
        if welcome.verdict != LogVerdict::Continues || diverged {
            let forked = diverged || welcome.verdict == LogVerdict::Forked;
            self.event(Event::Rewound { peer, forked });
            self.begin_life()?;
            return self.hello(now, peer, true);
        }
        self.follow(&welcome)?;
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        session.phase = Phase::Linked;
        if session.sending.log.is_none() {
            session.sending.credit = welcome.credit;
            session.sending.log = Some((own, welcome.durable.index + 1));
            session.resume = welcome.partial;
        }
        let device = session.device;
        self.event(Event::Linked { peer, device });
        if welcome.reconcile {
            self.begin_reconcile(peer)?;
        }
        self.pump(peer);
        Ok(())
    }

    /// Notes the hub's life, whose feed is followed from now on, and this life's letter.
    fn follow(&mut self, welcome: &Welcome) -> Result<(), StoreError> {
        let Self { store, station, .. } = self;
        if let Some(place) = &mut station.place
            && (place.letter != welcome.letter || place.unit.as_ref() != Some(&welcome.unit))
        {
            place.letter = welcome.letter.clone();
            place.unit = Some(welcome.unit.clone());
            store.commit(|tx| place.save(tx))?;
        }
        if station.feed_epoch != Some(welcome.hub_epoch) {
            store.commit(|tx| {
                feeds::clear(tx, feeds::OWN)?;
                store::set_fact(tx, "feed_epoch", &welcome.hub_epoch.0)
            })?;
            station.feed_epoch = Some(welcome.hub_epoch);
        }
        Ok(())
    }

    fn half_of(&self, name: &LogName) -> Result<Option<Half>, StoreError> {
        let tx = self.store.reader();
        match log::find(tx, name)? {
            Some(log) => log::half(tx, log.row),
            None => Ok(None),
        }
    }

    fn batch_start(
        &mut self,
        peer: PeerId,
        log: LogName,
        digest: [u8; 16],
        total: u64,
        offset: u64,
    ) -> Result<(), Fault> {
        if total == 0 || total > BATCH_BYTES_RECEIVED_MAX as u64 || offset > total {
            return Err(fault(CloseCode::Limit, "a batch is larger than allowed"));
        }
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let expected = match session.role {
            Role::Parent => {
                log.author == session.device
                    || log.reader.is_some_and(|reader| reader.device == session.device)
            }
            Role::Child => log.author == DeviceId::HUB && log.reader.is_some(),
        };
        if !expected {
            return Err(protocol("a batch of a log that is not the sender's"));
        }
        let held = match session.incoming.take() {
            Some((name, half)) if name == log && half.digest == digest => half.bytes,
            _ => Vec::new(),
        };
        if held.len() as u64 != offset {
            if offset == 0 {
                session.incoming = Some((log, Half { digest, total, bytes: Vec::new() }));
                return Ok(());
            }
            return Err(protocol("a batch goes on where nothing is held"));
        }
        session.incoming = Some((log, Half { digest, total, bytes: held }));
        Ok(())
    }

    fn batch_data(&mut self, now: Now, peer: PeerId, data: &[u8]) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let Some((name, half)) = &mut session.incoming else {
            return Err(protocol("bytes of a batch that was not begun"));
        };
        let before = half.bytes.len();
        half.bytes.extend_from_slice(data);
        if half.bytes.len() as u64 > half.total {
            return Err(fault(CloseCode::Limit, "a batch is longer than announced"));
        }
        if (half.bytes.len() as u64) < half.total {
            if before / HALF_BYTES != half.bytes.len() / HALF_BYTES {
                let (name, half) = (*name, half.clone());
                self.store.commit(|tx| {
                    let log = log::find_or_begin(tx, &name)?;
                    log::set_half(tx, log.row, Some(&half))
                })?;
            }
            return Ok(());
        }
        let (name, half) = session.incoming.take().expect("it was there just now");
        self.whole_batch(now, peer, name, &half)
    }

    /// A batch is complete: it is judged and stored in one transaction, and only then acknowledged.
    fn whole_batch(&mut self, now: Now, peer: PeerId, name: LogName, half: &Half) -> Result<(), Fault> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        let (role, device, accepts) = (session.role, session.device, session.accepts);
        let parsed = if digest(&half.bytes) == half.digest {
            Batch::of_bytes(&half.bytes).map_err(|error| error.to_string())
        } else {
            Err("the batch is not the one announced".to_owned())
        };
        let batch = match parsed {
            Ok(batch) if batch.log == name => batch,
            Ok(_) => return self.breach(now, device, "the batch is of another log", &half.bytes),
            Err(reason) => return self.breach(now, device, &reason, &half.bytes),
        };
        if role == Role::Parent && !accepts {
            return Ok(());
        }
        if role == Role::Parent && !self.is_active(device)? {
            return Err(fault(CloseCode::Revoked, "this laptop may not connect"));
        }
        match self.intake(now, peer, &batch) {
            Ok(tally) => self.taken(now, peer, &batch, half.bytes.len() as u64, &tally),
            Err(IntakeError::Store(error)) => Err(error.into()),
            Err(IntakeError::Discontinuous) if role == Role::Parent => Ok(()),
            Err(error) if error.is_breach() => self.breach(now, device, &error.to_string(), &half.bytes),
            Err(error) => Err(protocol(error.to_string())),
        }
    }

    fn is_active(&self, device: DeviceId) -> Result<bool, StoreError> {
        let row = devices::by_number(self.store.reader(), device)?;
        Ok(row.is_some_and(|row| row.standing == devices::Standing::Active))
    }

    fn intake(&mut self, now: Now, peer: PeerId, batch: &Batch) -> Result<Tally, IntakeError> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(Tally::default()) };
        let (role, key, unit, epoch) = (session.role, session.key, session.unit.clone(), session.epoch);
        let Self { store, station, registries, .. } = self;
        let hub_key = station.place.as_ref().map(|place| place.hub_key);
        let outcome = store.commit(|tx| {
            let mut intake = Intake::new(tx, station, registries, now);
            match (role, batch.log.reader, unit, hub_key) {
                (Role::Parent, None, Some(unit), _) => {
                    let feed =
                        log::find(tx, &station.feed_for(batch.log.author, epoch))?.map(|feed| feed.row);
                    intake.log_batch(batch, &key, &unit, feed)?;
                }
                (Role::Parent, Some(_), _, Some(own)) => intake.feed_batch(batch, &own, true)?,
                (Role::Child, Some(_), _, Some(hub)) => intake.feed_batch(batch, &hub, false)?,
                _ => return Err(IntakeError::Discontinuous),
            }
            let log = log::find_or_begin(tx, &batch.log)?;
            log::set_half(tx, log.row, None)?;
            Ok(intake.tally)
        });
        if outcome.is_err() {
            // What was moved on in memory was not kept.
            self.registries = store::registries::load(self.store.reader())?;
        }
        outcome
    }

    fn taken(
        &mut self,
        now: Now,
        peer: PeerId,
        batch: &Batch,
        bytes: u64,
        tally: &Tally,
    ) -> Result<(), Fault> {
        for (device, rule) in &tally.refused {
            self.event(Event::Quarantined { device: *device, rule: rule.clone() });
        }
        if tally.own_refused {
            self.life.renew();
        }
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        session.received += tally.changes;
        session.quarantined += tally.refused.len() as u64;
        let role = session.role;
        let device = session.device;
        if role == Role::Child {
            return self.fed(peer, batch, bytes);
        }
        if changes::waiting_count(self.store.reader(), device)? < WAITING_MAX {
            self.say(peer, &Frame::Credit(bytes));
        }
        if batch.log.reader.is_none() {
            self.receipt_if_behind(now, peer)?;
        }
        let done = self.durable(peer)?.is_some_and(|durable| {
            self.sessions.get(&peer).is_some_and(|session| durable >= session.announced)
        });
        if done {
            self.extend_feed(now, peer, &Holdings::AsTold);
        }
        if tally.new > 0 {
            self.news(now);
        }
        self.pump(peer);
        Ok(())
    }

    /// A batch of the feed is stored: the hub may forget it.
    fn fed(&mut self, peer: PeerId, batch: &Batch, bytes: u64) -> Result<(), Fault> {
        let cursor = Cursor { index: batch.last, chain: batch.chain };
        self.say(peer, &Frame::FeedAck { cursor, scope: crate::wire::batch::Sum::default() });
        self.say(peer, &Frame::Credit(bytes));
        self.pump(peer);
        self.settle(peer)
    }

    fn say(&mut self, peer: PeerId, frame: &Frame) {
        if let Some(session) = self.sessions.get(&peer) {
            let output = session.say(frame);
            self.outputs.push_back(output);
        }
    }

    /// Bytes that break the rules are kept, and the connection ends.
    fn breach(&mut self, now: Now, device: DeviceId, reason: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.keep_debris(now, device, reason, bytes);
        Err(protocol(reason))
    }

    fn keep_debris(&mut self, now: Now, device: DeviceId, reason: &str, bytes: &[u8]) {
        if !self.station.hub || device == DeviceId::HUB {
            return;
        }
        let kept = self.store.commit(|tx| quarantine::keep_debris(tx, device, reason, now.wall, bytes));
        if let Err(error) = kept {
            tracing::warn!(error = &error as &dyn std::error::Error, "keep bytes that break the rules");
        }
        self.event(Event::Quarantined { device, rule: "frame".to_owned() });
    }

    fn durable(&self, peer: PeerId) -> Result<Option<u64>, StoreError> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(None) };
        let name = LogName { author: session.device, epoch: session.epoch, reader: None };
        Ok(log::find(self.store.reader(), &name)?.map(|log| log.head.index))
    }

    /// Signs a receipt where the laptop's newest is older than what is held.
    fn receipt_if_behind(&mut self, now: Now, peer: PeerId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        let name = LogName { author: session.device, epoch: session.epoch, reader: None };
        let tx = self.store.reader();
        let Some(log) = log::find(tx, &name)? else { return Ok(()) };
        if log.head.index <= session.receipted {
            return Ok(());
        }
        let backed_up = store::fact(tx, &format!("backed_up/{}", log.row))?;
        let backed_up_through =
            backed_up.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
        let mut receipt = Receipt {
            hub_epoch: self.station.epoch,
            device: name.author,
            epoch: name.epoch,
            cursor: log.head,
            backed_up_through,
            at: now.wall,
            signature: Vec::new(),
        };
        let signature = self.station.key.sign(Context::Receipt, &receipt.signed_message());
        receipt.signature = signature.0.to_vec();
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.receipted = log.head.index;
        }
        self.say(peer, &Frame::Receipt(receipt));
        Ok(())
    }

    fn take_receipt(&mut self, peer: PeerId, receipt: &Receipt) -> Result<(), Fault> {
        let Some(place) = &self.station.place else { return Ok(()) };
        if receipt.device != place.device || receipt.epoch != self.station.epoch {
            return Err(protocol("a receipt for another laptop"));
        }
        if !receipt_is_sound(receipt, &place.hub_key) {
            return Err(protocol("a receipt that the hub did not sign"));
        }
        let own = self.station.log();
        let Self { store, station, .. } = self;
        let covered = store.commit(|tx| {
            let log = log::find(tx, &own)?;
            let chain = log.map(|log| log::chain_at(tx, &log, receipt.cursor.index)).transpose()?.flatten();
            if chain != Some(receipt.cursor.chain) {
                return Ok::<_, StoreError>(None);
            }
            let before = devices::receipt(tx, station.epoch)?.map_or(0, |receipt| receipt.cursor.index);
            devices::put_receipt(tx, receipt)?;
            let mut covered = 0;
            for change in changes::of_log(tx, station.device(), station.epoch, before + 1)? {
                if change.origin.index > receipt.cursor.index {
                    break;
                }
                covered += 1;
                if change.root {
                    feeds::enter(tx, feeds::OWN, change.document)?;
                }
            }
            Ok(Some(covered))
        })?;
        let Some(covered) = covered else { return Err(protocol("a receipt for another log")) };
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.receipted = receipt.cursor.index;
            session.covered += covered;
        }
        self.pump(peer);
        self.settle(peer)
    }

    fn take_feed_ack(&mut self, peer: PeerId, cursor: Cursor) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let name = self.station.feed_for(session.device, session.epoch);
        session.feed_at = session.feed_at.max(cursor.index);
        self.store.commit(|tx| {
            let Some(log) = log::find(tx, &name)? else { return Ok::<_, StoreError>(()) };
            let feed = feeds::state(tx, log.row)?;
            if cursor.index > feed.acked && cursor.index <= log.head.index {
                feeds::set_state(tx, log.row, feeds::Feed { acked: cursor.index, ..feed })?;
                log::prune(tx, &log, cursor.index)?;
            }
            Ok(())
        })?;
        self.pump(peer);
        Ok(())
    }

    /// Parent: writes what a device has not been told into its feed.
    pub(super) fn extend_feed(&mut self, now: Now, peer: PeerId, holdings: &Holdings) {
        let Some(session) = self.sessions.get(&peer) else { return };
        if session.role != Role::Parent || session.phase != Phase::Linked || !session.accepts {
            return;
        }
        let (device, epoch, Some(unit)) = (session.device, session.epoch, session.unit.clone()) else {
            return;
        };
        let Self { store, station, registries, .. } = self;
        let extended = store
            .commit(|tx| Extension::new(tx, station, registries, (device, epoch, &unit), now)?.run(holdings));
        match extended {
            Ok(feed) => {
                if let Some(session) = self.sessions.get_mut(&peer)
                    && session.sending.log.is_none()
                {
                    session.sending.log = Some((feed.name, session.feed_at + 1));
                }
                self.pump(peer);
            }
            Err(error) => self.fail(peer, error.into()),
        }
    }

    /// Sends as much as credit allows, and says when nothing is left.
    pub(super) fn pump(&mut self, peer: PeerId) {
        if let Err(error) = self.try_pump(peer) {
            self.fail(peer, error.into());
        }
    }

    fn try_pump(&mut self, peer: PeerId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        if session.role == Role::Child && session.sending.log.is_some() {
            let own = self.station.log();
            let Self { store, station, .. } = self;
            let unsigned = log::find(store.reader(), &own)?
                .filter(|log| log::signed_head(store.reader(), log).is_ok_and(|head| head < log.head.index));
            if let Some(log) = unsigned {
                store.commit(|tx| station.sign_log(tx, &log))?;
            }
        }
        loop {
            let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
            while let Some(bytes) = session.sending.poll() {
                self.outputs.push_back(super::Output::Send { peer, channel: Channel::Batch, bytes });
            }
            if session.sending.is_busy() {
                return Ok(());
            }
            if let Some(batch) = session.sending.returns.pop_front() {
                session.sending.begin(&batch, None);
                continue;
            }
            let Some((name, next)) = session.sending.log else { return Ok(()) };
            let tx = self.store.reader();
            let log = log::find(tx, &name)?;
            let batch = log.map(|log| log::batch_with(tx, &log, next)).transpose()?.flatten();
            let Some(batch) = batch.filter(|batch| batch.first == next && !batch.signature.is_empty()) else {
                break;
            };
            session.sending.begin(&batch, session.resume.take());
            session.sending.log = Some((name, batch.last + 1));
            session.sent += batch.last - batch.first + 1;
            let left = log.map_or(0, |log| log.head.index - batch.last);
            let output = session.progress(left);
            self.outputs.push_back(output);
        }
        self.say_caught_up(peer)
    }

    /// Parent: tells that the feed is sent to its end and the log durable up to where it is.
    fn say_caught_up(&mut self, peer: PeerId) -> Result<(), StoreError> {
        let durable = self.durable(peer)?.unwrap_or(0);
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        if session.role != Role::Parent || session.reconciling || durable < session.announced {
            return Ok(());
        }
        let Some((_, next)) = session.sending.log else { return Ok(()) };
        let state = (next - 1, durable);
        if session.caught_up != Some(state) {
            session.caught_up = Some(state);
            self.say(peer, &Frame::CaughtUp { feed: state.0, durable: state.1 });
        }
        Ok(())
    }

    /// Child: whether everything is handed over and read.
    fn settle(&mut self, peer: PeerId) -> Result<(), Fault> {
        let own = log::find(self.store.reader(), &self.station.log())?.map_or(0, |log| log.head.index);
        let feed = match self.station.feed_epoch {
            Some(epoch) => log::find(self.store.reader(), &self.station.own_feed(epoch))?,
            None => None,
        };
        let feed = feed.map_or(0, |feed| feed.head.index);
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let whole =
            session.caught_up == Some((feed, own)) && session.receipted >= own && !session.reconciling;
        if whole && session.settled != Some((feed, own)) {
            session.settled = Some((feed, own));
            let event = Event::Settled {
                peer,
                sent: session.sent,
                received: session.received,
                receipted: session.covered,
                quarantined: session.quarantined,
            };
            self.event(event);
        }
        Ok(())
    }

    /// Child: asks the parent to close when everything before has arrived.
    pub fn bye(&mut self, peer: PeerId) {
        self.say(peer, &Frame::Bye);
    }

    fn begin_reconcile(&mut self, peer: PeerId) -> Result<(), Fault> {
        let (device, epoch) = (self.station.device(), self.station.epoch);
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        let items = changes::all_but(self.store.reader(), device, epoch, session.receipted)?;
        let mut reconciler = Reconciler::new(&items).map_err(|error| protocol(error.to_string()))?;
        let step = reconciler.begin().map_err(|error| protocol(error.to_string()))?;
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.reconciler = Some(reconciler);
            session.reconciling = true;
        }
        self.say(peer, &Frame::Reconcile(step));
        Ok(())
    }

    fn answer_reconcile(&mut self, peer: PeerId, step: &[u8]) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        if !session.reconciling {
            return Err(protocol("no reconciliation was asked for"));
        }
        let (device, epoch, receipted) = (session.device, session.epoch, session.receipted);
        if session.reconciler.is_none() {
            let items = changes::all_but(self.store.reader(), device, epoch, receipted)?;
            session.reconciler = Some(Reconciler::new(&items).map_err(|error| protocol(error.to_string()))?);
        }
        let Some(reconciler) = &mut session.reconciler else { return Ok(()) };
        let answer = reconciler.answer(step).map_err(|error| protocol(error.to_string()))?;
        self.say(peer, &Frame::Reconcile(answer));
        Ok(())
    }

    fn step_reconcile(&mut self, peer: PeerId, step: &[u8]) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let Some(reconciler) = &mut session.reconciler else {
            return Err(protocol("no reconciliation was begun"));
        };
        if let Some(next) = reconciler.step(step).map_err(|error| protocol(error.to_string()))? {
            self.say(peer, &Frame::Reconcile(next));
            return Ok(());
        }
        let (have, need) = (std::mem::take(&mut reconciler.have), std::mem::take(&mut reconciler.need));
        session.reconciler = None;
        session.reconciling = false;
        let returns = self.batches_with(&have)?;
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.sending.returns.extend(returns);
        }
        let mut parts = need.chunks(HASHES_MAX).peekable();
        if parts.peek().is_none() {
            self.say(peer, &Frame::Lacks { hashes: Vec::new(), more: false });
        }
        while let Some(part) = parts.next() {
            self.say(peer, &Frame::Lacks { hashes: part.to_vec(), more: parts.peek().is_some() });
        }
        self.pump(peer);
        Ok(())
    }

    /// The stored batches, signed by others or in earlier lives, that hold these changes.
    fn batches_with(&self, hashes: &[ChangeHash]) -> Result<Vec<Batch>, StoreError> {
        let tx = self.store.reader();
        let logs = log::all(tx)?;
        let mut batches = std::collections::BTreeMap::new();
        for hash in hashes {
            let Some(change) = changes::find(tx, hash)? else { continue };
            let Some(log) = logs.iter().find(|log| log.row == change.log) else { continue };
            if let Some(batch) = log::batch_with(tx, log, change.entry)?
                && !batch.signature.is_empty()
            {
                batches.insert((log.row, batch.first), batch);
            }
        }
        Ok(batches.into_values().collect())
    }

    fn take_lacks(
        &mut self,
        now: Now,
        peer: PeerId,
        hashes: Vec<ChangeHash>,
        more: bool,
    ) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        if !session.reconciling {
            return Err(protocol("no reconciliation was asked for"));
        }
        session.lacks.extend(hashes);
        if more {
            return Ok(());
        }
        session.reconciling = false;
        session.reconciler = None;
        let lacks = std::mem::take(&mut session.lacks).into_iter().collect();
        self.extend_feed(now, peer, &Holdings::AllBut(lacks));
        Ok(())
    }

    /// Appends a device's row to the file beside the database, which a restore never overwrites.
    fn journal_device(&self, device: DeviceId) {
        if let Err(error) = store::journal::append(&self.store, device) {
            tracing::error!(error = &error as &dyn std::error::Error, "append to the devices' journal");
        }
    }
}

fn partial_of(half: &Half) -> Partial {
    Partial { digest: half.digest, held: half.bytes.len() as u64 }
}

fn receipt_is_sound(receipt: &Receipt, hub: &PublicKey) -> bool {
    Signature::try_from(receipt.signature.as_slice()).is_ok_and(|signature| {
        identity::verify(*hub, Context::Receipt, &receipt.signed_message(), &signature).is_ok()
    })
}
