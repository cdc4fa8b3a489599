//! Couriers: a laptop hands over what it carries of other laptops' logs, under their authors' signatures.
//!
//! It goes behind the carrier's own log, a batch at a time, and each is answered: the hub holds it, with its
//! receipt for the author to be brought home, or does not take it, with the reason. What is not taken stays with
//! the carrier, and stops neither the carrier's own hand-over nor anything else that it carries.

use super::{
    PeerId, Replica, Role,
    exchange::{Fault, protocol},
    greeting::LEFT_BEHIND_MAX,
    intake::{Intake, IntakeError, Tally},
    receipts::receipt_is_sound,
    session::Session,
    station::Station,
};
use crate::{
    registry::{Registries, row},
    store::{
        StoreError, Tx, carried,
        devices::{self, Standing},
        log, notes, quarantine,
    },
    sync::gate::Refusal,
    time::Now,
    wire::{
        Frame,
        batch::{Batch, LogName},
        frame::{Delivered, Receipt},
    },
};

impl Session {
    /// Parent: whether a log is another laptop's own, which this one may only carry.
    pub(super) fn carries(&self, log: &LogName) -> bool {
        log.reader.is_none() && log.author != self.device
    }
}

impl Replica {
    /// Child: what it carries is due on this connection, but for what the hub has not taken of late; also what became
    /// due meanwhile.
    pub(super) fn begin_delivery(&mut self, now: Now, peer: PeerId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get_mut(&peer).filter(|session| session.takes_carried) else {
            return Ok(());
        };
        for carried in carried::due(self.store.reader(), now.wall)? {
            if session.delivering.insert(carried.place()) {
                session.sending.carried.push_back((carried, now.wall));
            }
        }
        Ok(())
    }

    /// Child: begins to send the next batch that it carries; whether there was one. What the disk has damaged stays.
    pub(super) fn send_carried(&mut self, peer: PeerId) -> Result<bool, StoreError> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(false) };
        while let Some((next, at)) = session.sending.carried.pop_front() {
            let bytes = carried::bytes(self.store.reader(), &next)?;
            if let Some(batch) = bytes.and_then(|bytes| Batch::of_bytes(&bytes).ok()) {
                session.sending.begin(&batch, 0, None);
                return Ok(true);
            }
            session.delivering.remove(&next.place());
            self.store.commit(|tx| carried::set_refused(tx, next.place(), carried::DAMAGED, at))?;
        }
        Ok(false)
    }

    /// Child: what became of a batch that it carried.
    pub(super) fn take_delivered(
        &mut self,
        now: Now,
        peer: PeerId,
        delivered: &Delivered,
    ) -> Result<(), Fault> {
        let Some(place) = &self.station.place else { return Ok(()) };
        let receipt = delivered.receipt.as_ref();
        if receipt.is_some_and(|receipt| !receipt_is_sound(receipt, &place.hub_key)) {
            return Err(protocol("a receipt that the hub did not sign"));
        }
        let Delivered { log, first, chain, taken, reason, .. } = delivered;
        let place = (*log, *first, chain.0);
        let Self { store, registries, .. } = self;
        store.commit(|tx| {
            if let Some(receipt) = receipt.filter(|receipt| wants_home(registries, receipt)) {
                carried::put_homeward(tx, receipt)?;
            }
            if !taken {
                return carried::set_refused(tx, place, reason, now.wall);
            }
            carried::forget(tx, place)?;
            carried::reconsider(tx, *log)
        })?;
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.delivering.remove(&place);
        }
        if *taken {
            self.begin_delivery(now, peer)?;
            self.pump(peer);
        }
        self.settle(peer)
    }

    /// Parent: says what became of a batch that a laptop carried here.
    pub(super) fn delivered(
        &mut self,
        now: Now,
        peer: PeerId,
        (batch, bytes): (&Batch, &[u8]),
        outcome: Result<Option<Tally>, IntakeError>,
    ) -> Result<(), Fault> {
        let reason = match outcome {
            Ok(None) => return Ok(()),
            Ok(Some(tally)) => {
                // What its author made enters the author's feed, and a case among it may have ended long ago.
                for session in self.sessions.values_mut() {
                    if session.role == Role::Parent && session.device == batch.log.author {
                        session.expiry = None;
                    }
                }
                self.let_in(now, &tally);
                None
            }
            Err(IntakeError::Store(error)) => return Err(error.into()),
            Err(error) => {
                let carrier = self.sessions.get(&peer).map(|session| session.device);
                if let Some(carrier) = carrier.filter(|_| error.is_breach()) {
                    self.keep_debris(now, carrier, &error.to_string(), bytes);
                }
                Some(error.to_string())
            }
        };
        let receipt = match reason {
            None => self.receipt_over(now, batch)?,
            Some(_) => None,
        };
        self.say(
            peer,
            &Frame::Delivered(Delivered {
                log: batch.log,
                first: batch.first,
                chain: batch.chain,
                taken: reason.is_none(),
                receipt,
                reason: reason.unwrap_or_default(),
            }),
        );
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.owed += bytes.len() as u64;
        }
        Ok(self.pay(peer)?)
    }
}

/// Whether a laptop still lives the life that a receipt is for, as far as the hub has told.
pub(super) fn wants_home(registries: &Registries, receipt: &Receipt) -> bool {
    !registries.is_past_life(receipt.device, receipt.epoch)
}

/// The hub has told of laptops: what it did not take it may take now, receipts for lives that have ended are of no use
/// any more, and who signed for something in another life than its newest may hold it no more.
pub(super) fn laptops_told(tx: Tx<'_>, registries: &Registries) -> Result<(), StoreError> {
    carried::reconsider_all(tx)?;
    for receipt in carried::homeward(tx)?.iter().filter(|receipt| !wants_home(registries, receipt)) {
        carried::forget_homeward(tx, receipt.device, receipt.epoch, receipt.cursor.index)?;
    }
    for (carrier, life) in notes::carriers(tx)? {
        let newest = registries.newest_life(carrier);
        if let Some(life) = life
            && newest.is_some_and(|row| row.life != row::Device::life_of(carrier, life))
        {
            notes::forget_life(tx, carrier, life)?;
        }
    }
    Ok(())
}

/// The hub takes a batch of a laptop's log from somebody else's hands.
pub(super) fn take_in(
    tx: Tx<'_>,
    station: &Station,
    registries: &mut Registries,
    now: Now,
    batch: &Batch,
) -> Result<Tally, IntakeError> {
    let author = devices::by_number(tx, batch.log.author)?.ok_or(IntakeError::Author)?;
    let log = log::find(tx, &batch.log)?;
    let mut intake = Intake::new(tx, station, registries, now)?;
    if let Some(log) = &log
        && log::chain_at(tx, log, batch.last)? == Some(batch.chain)
    {
        return Ok(intake.tally);
    }
    match author.standing {
        Standing::Active => {}
        Standing::Suspended => return Err(IntakeError::ShutOut),
        standing @ (Standing::Revoked | Standing::Lost) => {
            if quarantine::count_of(tx, author.device, Refusal::SHUT_OUT)? >= LEFT_BEHIND_MAX {
                return Err(IntakeError::ShutOut);
            }
            intake.shut_out = Some(standing);
        }
    }
    let head = log.map_or_else(Default::default, |log| log.head);
    if batch.first > head.index + 1 {
        return Err(IntakeError::Discontinuous);
    }
    if batch.first == head.index + 1 && batch.before == head.chain {
        let feed = log::find(tx, &station.feed_for(author.device, batch.log.epoch))?.map(|feed| feed.row);
        intake.log_batch(batch, &author.key, &author.unit, feed)?;
    } else {
        // Two machines wrote this log: what contradicts it is kept beside it.
        intake.returned_batch(batch, &author.key, &author.unit)?;
    }
    Ok(intake.tally)
}
