//! Repair: where sums of a scope differ or a feed begins anew, what either side lacks is found and sent.

use super::{
    PeerId, Replica,
    exchange::{Fault, protocol},
    feed::Holdings,
    reconcile::Reconciler,
    scope::Scope,
    session::Session,
};
use crate::{
    id::ChangeHash,
    store::{
        StoreError,
        changes::{self, State},
        feeds, log, read_model,
    },
    time::Now,
    wire::{Frame, batch::Batch, frame::HASHES_MAX},
};

impl Replica {
    pub(super) fn begin_reconcile(&mut self, peer: PeerId) -> Result<(), Fault> {
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

    /// The changes of a device's scope: what its feed has entered, or would enter if it began now.
    fn scope_items(&self, now: Now, session: &Session) -> Result<Vec<(u64, ChangeHash)>, StoreError> {
        let tx = self.store.reader();
        let feed = log::find(tx, &self.station.feed_for(session.device, session.epoch))?;
        let started =
            feed.map(|feed| feeds::state(tx, feed.row)).transpose()?.is_some_and(|feed| feed.started);
        let documents = match (feed, &session.unit) {
            (Some(feed), _) if started => feeds::entered(tx, feed.row)?,
            (_, Some(unit)) => {
                let scope = Scope::of(&self.registries, unit, now.wall);
                let mut documents = Vec::new();
                for document in read_model::newest_first(tx)? {
                    if scope.contains(tx, document)? {
                        documents.push(document);
                    }
                }
                documents
            }
            (_, None) => Vec::new(),
        };
        let mut items = Vec::new();
        for document in documents {
            let held = changes::of_document(tx, document)?.into_iter().filter(|change| {
                let own = change.origin.device == session.device && change.origin.epoch == session.epoch;
                change.state != State::Refused && !(own && change.origin.index > session.receipted)
            });
            items.extend(held.map(|change| (change.second, change.hash)));
        }
        Ok(items)
    }

    pub(super) fn answer_reconcile(&mut self, now: Now, peer: PeerId, step: &[u8]) -> Result<(), Fault> {
        self.read()?;
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        if !session.reconciling {
            return Err(protocol("no reconciliation was asked for"));
        }
        let fresh = match session.reconciler {
            Some(_) => None,
            None => {
                let items = self.scope_items(now, session)?;
                Some(Reconciler::new(&items).map_err(|error| protocol(error.to_string()))?)
            }
        };
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        if fresh.is_some() {
            session.reconciler = fresh;
        }
        let Some(reconciler) = &mut session.reconciler else { return Ok(()) };
        let answer = reconciler.answer(step).map_err(|error| protocol(error.to_string()))?;
        self.say(peer, &Frame::Reconcile(answer));
        Ok(())
    }

    pub(super) fn step_reconcile(&mut self, peer: PeerId, step: &[u8]) -> Result<(), Fault> {
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
    pub(super) fn batches_with(&self, hashes: &[ChangeHash]) -> Result<Vec<Batch>, StoreError> {
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

    pub(super) fn take_lacks(
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
}
