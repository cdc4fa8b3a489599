//! Proof of arrival: receipts for a laptop's log, acknowledgements of the feed, and when all is said.

use super::{
    Event, PeerId, Replica, Role,
    exchange::{Fault, protocol},
};
use crate::{
    id::PublicKey,
    identity::{self, Context, Signature},
    store::{
        self, StoreError, Tx, changes, devices, feeds,
        log::{self, Log},
        notes,
    },
    time::Now,
    wire::{
        Frame,
        batch::{Batch, LogName},
        frame::{Cursor, Receipt},
    },
};

impl Replica {
    pub(super) fn durable(&self, peer: PeerId) -> Result<Option<u64>, StoreError> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(None) };
        let name = LogName { author: session.device, epoch: session.epoch, reader: None };
        Ok(log::find(self.store.reader(), &name)?.map(|log| log.head.index))
    }

    /// Signs a receipt where the laptop's newest is older than what is held, or than the last backup.
    pub(super) fn receipt_if_behind(&mut self, now: Now, peer: PeerId) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        let name = LogName { author: session.device, epoch: session.epoch, reader: None };
        let tx = self.store.reader();
        let Some(log) = log::find(tx, &name)? else { return Ok(()) };
        let backed_up_through = backed_up(tx, &log)?;
        if log.head.index <= session.receipted && backed_up_through <= session.backed_up {
            return Ok(());
        }
        let receipt = self.signed_receipt(&log, now)?;
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.receipted = log.head.index;
            session.backed_up = backed_up_through;
        }
        self.say(peer, &Frame::Receipt(receipt));
        Ok(())
    }

    /// The hub's receipt for all of a device's log that it holds.
    pub(super) fn signed_receipt(&self, log: &Log, now: Now) -> Result<Receipt, StoreError> {
        let mut receipt = Receipt {
            hub_epoch: self.station.epoch,
            device: log.name.author,
            epoch: log.name.epoch,
            cursor: log.head,
            backed_up_through: backed_up(self.store.reader(), log)?,
            at: now.wall,
            signature: Vec::new(),
        };
        let signature = self.station.key.sign(Context::Receipt, &receipt.signed_message());
        receipt.signature = signature.0.to_vec();
        Ok(receipt)
    }

    /// The hub's receipt for the author of a batch, where it covers the batch: one that contradicts what was held
    /// stands beside the log, and no receipt speaks of it.
    pub(super) fn receipt_over(&self, now: Now, batch: &Batch) -> Result<Option<Receipt>, StoreError> {
        let tx = self.store.reader();
        let Some(log) = log::find(tx, &batch.log)? else { return Ok(None) };
        let covers = log::chain_at(tx, &log, batch.last)? == Some(batch.chain);
        if covers { self.signed_receipt(&log, now).map(Some) } else { Ok(None) }
    }

    pub(super) fn take_receipt(&mut self, peer: PeerId, receipt: &Receipt) -> Result<(), Fault> {
        let covered = self.keep_receipt(receipt)?.map_err(protocol)?;
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.receipted = session.receipted.max(receipt.cursor.index);
            session.covered += covered;
            let output = session.progress();
            self.outputs.push_back(output);
        }
        self.pump(peer);
        self.settle(peer)
    }

    /// Keeps a receipt of the hub for this life of this laptop. Returns how many changes it newly covers, or why it
    /// is not kept.
    pub(super) fn keep_receipt(
        &mut self,
        receipt: &Receipt,
    ) -> Result<Result<u64, &'static str>, StoreError> {
        let Some(place) = &self.station.place else { return Ok(Err("this laptop is not enrolled")) };
        if receipt.device != place.device || receipt.epoch != self.station.epoch {
            return Ok(Err("a receipt for another laptop"));
        }
        if !receipt_is_sound(receipt, &place.hub_key) {
            return Ok(Err("a receipt that the hub did not sign"));
        }
        if self.station.feed_epoch != Some(receipt.hub_epoch) {
            return Ok(Err("a receipt of another life of the hub"));
        }
        let own = self.station.log();
        let covered = self.store.commit(|tx| {
            let log = log::find(tx, &own)?;
            let chain = log.map(|log| log::chain_at(tx, &log, receipt.cursor.index)).transpose()?.flatten();
            if chain != Some(receipt.cursor.chain) {
                return Ok::<_, StoreError>(None);
            }
            let before = devices::receipted(tx, own.epoch)?;
            if receipt.cursor.index >= before {
                devices::put_receipt(tx, receipt)?;
                notes::forget_covered(tx, own.epoch, receipt.cursor.index)?;
            }
            Ok(Some(changes::count_between(tx, own.author, own.epoch, before, receipt.cursor.index)?))
        })?;
        Ok(covered.ok_or("a receipt for another log"))
    }

    pub(super) fn take_feed_ack(&mut self, peer: PeerId, cursor: Cursor) -> Result<(), Fault> {
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

    /// Parent: tells that the feed is sent to its end and the log durable up to where it is.
    pub(super) fn say_caught_up(&mut self, peer: PeerId) -> Result<(), StoreError> {
        let durable = self.durable(peer)?.unwrap_or(0);
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        if session.role != Role::Parent || session.repair.is_some() || session.wants.is_some() {
            return Ok(());
        }
        if durable < session.announced {
            return Ok(());
        }
        let Some((_, next)) = session.sending.log else { return Ok(()) };
        let state = (next - 1, durable);
        if session.caught_up != Some(state) {
            session.caught_up = Some(state);
            // Before the child can think that all is said.
            self.ask_lacking(peer)?;
            self.say(peer, &Frame::CaughtUp { feed: state.0, durable: state.1 });
        }
        Ok(())
    }

    /// Child: whether everything is handed over and read.
    pub(super) fn settle(&mut self, peer: PeerId) -> Result<(), Fault> {
        let own = log::find(self.store.reader(), &self.station.log())?.map_or(0, |log| log.head.index);
        let feed = match self.station.feed_epoch {
            Some(epoch) => log::find(self.store.reader(), &self.station.own_feed(epoch))?,
            None => None,
        };
        let feed = feed.map_or(0, |feed| feed.head.index);
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let whole = session.caught_up == Some((feed, own))
            && session.receipted >= own
            && session.reconciler.is_none()
            && session.delivering.is_empty();
        if whole && session.settled != Some((feed, own)) {
            session.settled = Some((feed, own));
            let (files, file_bytes) = self.begin_carrying(peer)?;
            let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
            let event = Event::Settled {
                peer,
                sent: session.sending.sent,
                received: session.received,
                receipted: session.covered,
                quarantined: session.quarantined,
                files,
                file_bytes,
            };
            self.event(event);
        }
        Ok(())
    }

    /// Child: asks the parent to close when everything before has arrived.
    pub fn bye(&mut self, peer: PeerId) {
        self.say(peer, &Frame::Bye);
    }
}

/// Up to which entry of a log the hub's backups hold it.
fn backed_up(tx: Tx<'_>, log: &Log) -> Result<u64, StoreError> {
    let through = store::fact(tx, &format!("backed_up/{}", log.row))?;
    Ok(through.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes))
}

pub(super) fn receipt_is_sound(receipt: &Receipt, hub: &PublicKey) -> bool {
    Signature::try_from(receipt.signature.as_slice()).is_ok_and(|signature| {
        identity::verify(*hub, Context::Receipt, &receipt.signed_message(), &signature).is_ok()
    })
}
