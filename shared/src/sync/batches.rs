//! Batches: gathering what comes in, what follows once it is stored, and sending as far as credit goes.

use super::{
    Channel, CloseCode, Event, PeerId, Replica, Role,
    exchange::{Fault, fault, protocol},
    feed::Holdings,
    intake::Tally,
    session::digest,
    together::Arrived,
};
use crate::{
    id::DeviceId,
    store::{
        StoreError, changes, devices, dictionaries,
        log::{self, Half},
        quarantine, signing,
    },
    time::Now,
    wire::{
        Frame,
        batch::{BATCH_BYTES_RECEIVED_MAX, Batch, LogName},
        frame::Cursor,
    },
};

/// Changes of one device that may wait before it gets no more credit.
const WAITING_MAX: u64 = 1_000;
/// Half a batch is kept on disk each time that this many more bytes of it have come.
const HALF_BYTES: usize = 32 * 1024;

impl Replica {
    pub(super) fn batch_start(
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
        let own = LogName { author: session.device, epoch: session.epoch, reader: None };
        let expected = match session.role {
            Role::Parent if session.shut_out.is_some() => log == own,
            Role::Parent => {
                log.author == session.device
                    || log.reader.is_some_and(|reader| reader.device == session.device)
                    || (session.carries(&log) && log.author != DeviceId::HUB)
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
        let held = match offset {
            0 => Vec::new(),
            offset if offset == held.len() as u64 => held,
            _ => {
                // The next connection begins the batch anew.
                self.store.commit(|tx| match log::find(tx, &log)? {
                    Some(log) => log::set_half(tx, log.row, None),
                    None => Ok(()),
                })?;
                return Err(protocol("a batch goes on where nothing is held"));
            }
        };
        session.incoming = Some((log, Half { digest, total, bytes: held }));
        Ok(())
    }

    pub(super) fn batch_data(&mut self, now: Now, peer: PeerId, data: &[u8]) -> Result<(), Fault> {
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
                // What is carried is begun anew after a cut.
                if session.role == Role::Parent && session.carries(&name) {
                    return Ok(());
                }
                self.store.commit(|tx| {
                    let log = log::find_or_begin(tx, &name)?;
                    log::set_half(tx, log.row, Some(&half))
                })?;
            }
            return Ok(());
        }
        let (name, half) = session.incoming.take().expect("it was there just now");
        self.whole_batch(now, peer, name, half)
    }

    /// A batch is complete. What a parent gets waits for what comes at the same time; a child stores it at once.
    fn whole_batch(&mut self, now: Now, peer: PeerId, name: LogName, half: Half) -> Result<(), Fault> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        let (role, device) = (session.role, session.device);
        // A feed written for an earlier life of this laptop, or by one of the hub.
        let followed = self.station.feed_epoch.map(|epoch| self.station.own_feed(epoch));
        if role == Role::Child && followed != Some(name) {
            return Ok(());
        }
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
        let batch = dictionaries::attached(self.store.reader(), batch)?;
        self.arrived.push(Arrived { peer, now, batch, bytes: half.bytes });
        if role == Role::Child {
            self.take_arrived();
        }
        Ok(())
    }

    pub(super) fn is_active(&self, device: DeviceId) -> Result<bool, StoreError> {
        let row = devices::by_number(self.store.reader(), device)?;
        Ok(row.is_some_and(|row| row.standing == devices::Standing::Active))
    }

    pub(super) fn taken(
        &mut self,
        now: Now,
        peer: PeerId,
        batch: &Batch,
        bytes: u64,
        tally: &Tally,
    ) -> Result<(), Fault> {
        self.let_in(now, tally);
        if tally.own_refused {
            self.life.renew();
        }
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        session.received += tally.changes.len() as u64;
        session.quarantined += tally.refused.len() as u64;
        if session.role == Role::Child {
            if tally.registries {
                self.begin_delivery(now, peer)?;
            }
            return self.fed(peer, batch, bytes);
        }
        session.owed += bytes;
        let is_returned = batch.log.reader.is_some() || batch.log.epoch != session.epoch;
        self.pay(peer)?;
        if is_returned {
            self.given_back(now, peer, tally.changes.iter().copied())?;
        } else {
            self.receipt_if_behind(now, peer)?;
        }
        let done = self.durable(peer)?.is_some_and(|durable| {
            self.sessions.get(&peer).is_some_and(|session| durable >= session.announced)
        });
        if done {
            self.end_if_left_behind(peer)?;
            self.want_feed(now, peer, Holdings::AsTold);
        }
        self.pump(peer);
        Ok(())
    }

    /// What follows once something was stored: what was refused is told, and the hub's read model and feeds follow.
    pub(super) fn let_in(&mut self, now: Now, tally: &Tally) {
        for (device, rule) in &tally.refused {
            self.event(Event::Quarantined { device: *device, rule: rule.clone() });
        }
        if tally.new > 0 && self.station.hub {
            self.behind_due.get_or_insert(now.tick);
            self.words_follow(now);
            self.news(now);
        }
    }

    /// Parent: gives credit back, unless too much of the device waits.
    pub(super) fn pay(&mut self, peer: PeerId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        if session.owed > 0 && changes::waiting_count(self.store.reader(), session.device)? < WAITING_MAX {
            let owed = std::mem::take(&mut session.owed);
            self.say(peer, &Frame::Credit(owed));
        }
        Ok(())
    }

    /// A batch of the feed is stored: the hub may forget it.
    pub(super) fn fed(&mut self, peer: PeerId, batch: &Batch, bytes: u64) -> Result<(), Fault> {
        let cursor = Cursor { index: batch.last, chain: batch.chain };
        self.say(peer, &Frame::FeedAck { cursor });
        self.say(peer, &Frame::Credit(bytes));
        self.pump(peer);
        self.settle(peer)
    }

    /// Bytes that break the rules are kept, and the connection ends.
    pub(super) fn breach(
        &mut self,
        now: Now,
        device: DeviceId,
        reason: &str,
        bytes: &[u8],
    ) -> Result<(), Fault> {
        self.keep_debris(now, device, reason, bytes);
        Err(protocol(reason))
    }

    pub(super) fn keep_debris(&mut self, now: Now, device: DeviceId, reason: &str, bytes: &[u8]) {
        if !self.station.hub || device == DeviceId::HUB {
            return;
        }
        let kept = self.store.commit(|tx| quarantine::keep_debris(tx, device, reason, now.wall, bytes));
        if let Err(error) = kept {
            tracing::warn!(error = &error as &dyn std::error::Error, "keep bytes that break the rules");
        }
        self.event(Event::Quarantined { device, rule: "frame".to_owned() });
    }

    /// Sends as much as credit allows, and says when nothing is left.
    pub(super) fn pump(&mut self, peer: PeerId) {
        if let Err(error) = self.try_pump(peer) {
            self.fail(peer, error.into());
        }
    }

    pub(super) fn try_pump(&mut self, peer: PeerId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        if session.role == Role::Child && session.sending.log.is_some() {
            let own = self.station.log();
            let Self { store, station, .. } = self;
            let unsigned = log::find(store.reader(), &own)?.filter(|log| {
                signing::signed_head(store.reader(), log).is_ok_and(|head| head < log.head.index)
            });
            if let Some(log) = unsigned {
                store.commit(|tx| station.sign_log(tx, &log))?;
                self.prepared = None;
            }
        }
        loop {
            let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
            if self.allowance == Some(0) {
                return Ok(());
            }
            if let Some(bytes) = session.sending.poll() {
                self.spend(bytes.len() as u64);
                self.outputs.push_back(super::Output::Send { peer, channel: Channel::Batch, bytes });
                continue;
            }
            if session.sending.is_busy() {
                return Ok(());
            }
            if let Some(batch) = session.sending.returns.pop_front() {
                session.sending.begin(&batch, 0, None);
                continue;
            }
            let Some((name, next)) = session.sending.log else { return Ok(()) };
            let tx = self.store.reader();
            let log = log::find(tx, &name)?;
            let batch = log.map(|log| log::batch_with(tx, &log, next)).transpose()?.flatten();
            let Some(batch) = batch.filter(|batch| batch.first == next && !batch.signature.is_empty()) else {
                if self.send_carried(peer)? {
                    continue;
                }
                break;
            };
            let changes = if name.reader.is_some() {
                batch.last - batch.first + 1
            } else {
                changes::count_between(tx, name.author, name.epoch, batch.first - 1, batch.last)?
            };
            let packs = if session.role == Role::Child { &self.station.packs } else { &session.packs };
            let batch = signing::readable(batch, packs.as_ref())?;
            session.sending.begin(&batch, changes, session.resume.take());
            session.sending.log = Some((name, batch.last + 1));
            session.left = log.map_or(0, |log| log.head.index - batch.last);
            let output = session.progress();
            self.outputs.push_back(output);
        }
        self.say_caught_up(peer)
    }
}
