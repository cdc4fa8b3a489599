//! First words: who is there, what each side holds, and from where the hand-over goes on.

use super::{
    CloseCode, Event, PeerId, Replica,
    enrolment::{self, EnrolError},
    exchange::{Fault, fault, protocol},
    feed::Holdings,
    receipts::receipt_is_sound,
    session::{CREDIT_BYTES, Phase, is_head},
};
use crate::{
    document,
    id::DeviceId,
    store::{
        self, StoreError, changes, devices, feeds,
        log::{self, Half},
    },
    time::Now,
    wire::{
        Frame,
        batch::LogName,
        frame::{Cursor, Enrol, Enrolled, Hello, LogVerdict, Partial, VERSION, Welcome},
    },
};

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
    pub(super) fn hello(&mut self, now: Now, peer: PeerId, again: bool) -> Result<(), Fault> {
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
        session.backed_up = hello.receipt.as_ref().map_or(0, |receipt| receipt.backed_up_through);
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
    pub(super) fn check_own_past(&mut self, device: DeviceId, hello: &Hello) -> Result<(), Fault> {
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

    pub(super) fn welcome(
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

    pub(super) fn take_welcome(&mut self, now: Now, peer: PeerId, welcome: Welcome) -> Result<(), Fault> {
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
        self.doubt_receipt(welcome.durable.index)?;
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let lost = session.receipted > welcome.durable.index;
        session.receipted = session.receipted.min(welcome.durable.index);
        session.phase = Phase::Linked;
        if session.sending.log.is_none() {
            session.sending.credit = welcome.credit;
            session.sending.log = Some((own, welcome.durable.index + 1));
            session.resume = welcome.partial;
        } else if lost {
            // What went behind the greeting continued a receipt that the hub no longer covers.
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

    /// A hub that holds less than it once signed for has lost something: its receipt no longer proves
    /// custody, and what it covered is handed over again.
    fn doubt_receipt(&mut self, durable: u64) -> Result<(), StoreError> {
        let epoch = self.station.epoch;
        let stored = devices::receipt(self.store.reader(), epoch)?;
        if stored.is_some_and(|receipt| receipt.cursor.index > durable) {
            self.store.commit(|tx| devices::forget_receipt(tx, epoch))?;
        }
        Ok(())
    }

    /// Notes the hub's life, whose feed is followed from now on, and this life's letter.
    pub(super) fn follow(&mut self, welcome: &Welcome) -> Result<(), StoreError> {
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

fn partial_of(half: &Half) -> Partial {
    Partial { digest: half.digest, held: half.bytes.len() as u64 }
}
