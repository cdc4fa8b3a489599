//! Repair: where sums of a scope differ or a feed begins anew, what either side lacks is found and sent.
//!
//! The child gives back what the hub was found to lack before the hub's feed goes on. **Invariant:** a feed
//! that has begun over a reconciliation proves that the hub holds all that the child held at its beginning: a
//! reconciliation that is cut is begun again.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    PeerId, Replica,
    exchange::{Fault, protocol},
    feed::Holdings,
    reconcile::{Malformed, Reconciler},
};
use crate::{
    id::{ChangeHash, Epoch},
    store::{self, StoreError, changes, log, signing},
    time::Now,
    wire::{
        Entry, Frame,
        batch::{Batch, LogName},
        frame::HASHES_MAX,
    },
};

/// The fact that names the reconciliation made last: the hub's life, and what had arrived here by then.
const RECONCILED: &str = "reconciled";

/// Parent: a repair that is under way.
#[derive(Debug, Default)]
pub(super) struct Repair {
    reconciler: Option<Reconciler>,
    /// What had arrived here when it began.
    arrival: u64,
    /// What the child lacks.
    lacks: BTreeSet<ChangeHash>,
    /// Batches that the child gives back, once it has said so.
    announced: Option<u64>,
    /// Batches that it gave back.
    taken: u64,
    /// The changes in them.
    given: BTreeSet<ChangeHash>,
}

/// Batches that a child gives back, by log and first entry.
type Returns = BTreeMap<(i64, u64), Batch>;

fn malformed(error: Malformed) -> Fault {
    protocol(error.to_string())
}

impl Replica {
    /// Child: the first step.
    pub(super) fn begin_reconcile(&mut self, peer: PeerId) -> Result<(), Fault> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        let Some(hub) = self.station.feed_epoch else { return Ok(()) };
        let (own, common) = (self.station.log(), session.common);
        let feed = self.station.own_feed(hub);
        let items = self.store.commit(|tx| {
            let own = log::find_or_begin(tx, &own)?;
            // A feed under way goes on without a repair, if this one is cut: it would prove nothing.
            if log::find(tx, &feed)?.is_none_or(|feed| feed.head.index == 0) {
                let arrival = changes::newest_arrival(tx)?;
                store::set_fact(tx, RECONCILED, &[&hub.0[..], &arrival.to_be_bytes()].concat())?;
            }
            changes::all_but(tx, own.row, common)
        })?;
        let mut reconciler = Reconciler::new(&items).map_err(malformed)?;
        let step = reconciler.begin().map_err(malformed)?;
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.reconciler = Some(reconciler);
        }
        self.say(peer, &Frame::Reconcile(step));
        Ok(())
    }

    pub(super) fn answer_reconcile(&mut self, peer: PeerId, step: &[u8]) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let own = LogName { author: session.device, epoch: session.epoch, reader: None };
        let common = session.common;
        let repair = session.repair.as_mut().ok_or_else(|| protocol("no reconciliation was asked for"))?;
        let reconciler = match &mut repair.reconciler {
            Some(reconciler) => reconciler,
            none => {
                let tx = self.store.reader();
                repair.arrival = changes::newest_arrival(tx)?;
                let own = log::find(tx, &own)?.map_or(-1, |own| own.row);
                let items = changes::all_but(tx, own, common)?;
                none.insert(Reconciler::new(&items).map_err(malformed)?)
            }
        };
        let answer = reconciler.answer(step).map_err(malformed)?;
        self.say(peer, &Frame::Reconcile(answer));
        Ok(())
    }

    /// Child: takes an answer; at the end gives back what the hub lacks and says what it lacks itself.
    pub(super) fn step_reconcile(&mut self, peer: PeerId, step: &[u8]) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let Some(reconciler) = &mut session.reconciler else {
            return Err(protocol("no reconciliation was begun"));
        };
        if let Some(next) = reconciler.step(step).map_err(malformed)? {
            self.say(peer, &Frame::Reconcile(next));
            return Ok(());
        }
        let (have, need) = (std::mem::take(&mut reconciler.have), std::mem::take(&mut reconciler.need));
        session.reconciler = None;
        let mut returns = self.batches_with(&have)?;
        self.add_registries(&mut returns)?;
        let returns: Vec<_> = returns.into_values().collect();
        let returned = returns.len() as u64;
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.sending.returns.extend(returns);
        }
        let mut parts = need.chunks(HASHES_MAX).peekable();
        while let Some(part) = parts.next_if(|part| part.len() == HASHES_MAX) {
            self.say(peer, &Frame::Lacks { hashes: part.to_vec(), returned: None });
        }
        let rest = parts.next().unwrap_or_default().to_vec();
        self.say(peer, &Frame::Lacks { hashes: rest, returned: Some(returned) });
        self.pump(peer);
        Ok(())
    }

    /// The stored batches, signed by others or in earlier lives, that hold these changes. Of a log of an
    /// earlier life also the batches just before that hold no change: they say who writes.
    fn batches_with(&self, hashes: &[ChangeHash]) -> Result<Returns, StoreError> {
        let tx = self.store.reader();
        let own = self.station.log();
        let logs: BTreeMap<i64, _> = log::all(tx)?.into_iter().map(|log| (log.row, log)).collect();
        let mut batches = BTreeMap::new();
        for hash in hashes {
            let Some(change) = changes::find(tx, hash)? else { continue };
            // What this life wrote is handed over in any case.
            let Some(log) = logs.get(&change.log).filter(|log| log.name != own) else { continue };
            let mut at = change.entry;
            while let Some(batch) = log::batch_with(tx, log, at)?
                && !batch.signature.is_empty()
                && !batches.contains_key(&(log.row, batch.first))
            {
                at = batch.first - 1;
                batches.insert((log.row, batch.first), signing::alone(batch, self.station.packs.as_ref())?);
                let silent = log.name.reader.is_none() && at > 0 && !log::has_changes(tx, log, at)?;
                if !silent {
                    break;
                }
            }
        }
        Ok(batches)
    }

    /// Adds what an earlier life of the hub has told of its registries: it may have forgotten catalogues that
    /// cases name.
    fn add_registries(&self, returns: &mut Returns) -> Result<(), StoreError> {
        let tx = self.store.reader();
        let device = self.station.device();
        let is_past = |log: &log::Log| {
            log.name.reader.is_some_and(|reader| reader.device == device)
                && Some(log.name.epoch) != self.station.feed_epoch
                && log.head.index > 0
        };
        let Some(log) = log::all(tx)?.into_iter().rfind(is_past) else { return Ok(()) };
        let mut at = Some(1);
        while let Some(first) = at {
            if let Some(batch) = log::batch_with(tx, &log, first)?
                && log::entries(&batch)?.iter().any(|(entry, _)| matches!(entry, Entry::Registry { .. }))
            {
                let place = (log.row, batch.first);
                returns.insert(place, signing::alone(batch, self.station.packs.as_ref())?);
            }
            at = log::next_batch(tx, &log, first)?;
        }
        Ok(())
    }

    pub(super) fn take_lacks(
        &mut self,
        now: Now,
        peer: PeerId,
        hashes: Vec<ChangeHash>,
        returned: Option<u64>,
    ) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let repair = session.repair.as_mut().ok_or_else(|| protocol("no reconciliation was asked for"))?;
        repair.lacks.extend(hashes);
        repair.announced = returned;
        self.end_repair(now, peer)
    }

    /// Parent: a batch that the child gives back is stored.
    pub(super) fn given_back(
        &mut self,
        now: Now,
        peer: PeerId,
        hashes: impl IntoIterator<Item = ChangeHash>,
    ) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let Some(repair) = session.repair.as_mut() else { return Ok(()) };
        repair.taken += 1;
        repair.given.extend(hashes);
        self.end_repair(now, peer)
    }

    /// Once everything is given back, the feed goes on with what the child lacks.
    fn end_repair(&mut self, now: Now, peer: PeerId) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let whole = |repair: &mut Repair| repair.announced.is_some_and(|announced| repair.taken >= announced);
        let Some(mut repair) = session.repair.take_if(whole) else { return Ok(()) };
        let tx = self.store.reader();
        let own = LogName { author: session.device, epoch: session.epoch, reader: None };
        let own = log::find(tx, &own)?.map(|own| own.row);
        for change in changes::arrived_after(tx, repair.arrival, usize::MAX >> 1)? {
            if Some(change.log) != own && !repair.given.contains(&change.hash) {
                repair.lacks.insert(change.hash);
            }
        }
        self.want_feed(now, peer, Holdings::AllBut(repair.lacks));
        Ok(())
    }

    /// Child: the hub's feed goes on, so it holds all that was here at the reconciliation.
    pub(super) fn conclude_repair(&mut self, hub: Epoch) -> Result<(), StoreError> {
        let Some(fact) = store::fact(self.store.reader(), RECONCILED)? else { return Ok(()) };
        let Some((of, arrival)) = fact.split_first_chunk::<16>() else { return Ok(()) };
        let arrival = arrival.try_into().map_or(0, u64::from_be_bytes);
        let own = self.station.log();
        self.store.commit(|tx| {
            if Epoch(*of) == hub {
                let own = log::find_or_begin(tx, &own)?;
                changes::set_all_fed(tx, arrival, own.row)?;
            }
            store::forget_fact(tx, RECONCILED)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{Field, field},
        sync::{
            pair::{Pair, record},
            writing::SaveError,
        },
    };

    #[test]
    fn what_is_given_back_with_a_registry_is_read_without_the_readers_own_log() {
        let mut pair = Pair::new();
        let (one, other) = (pair.enrol(), pair.enrol());
        let now = pair.now;
        let case = record(&mut pair.vans[other], now, "Nahak", 1);
        for van in [other, one] {
            assert!(pair.exchange(van));
        }
        pair.vans[one]
            .write(now, |writing| {
                let mut edit = writing.open(case)?;
                field::set(&mut edit, Field::Notes, "dua", None).expect("a note");
                writing.save(case, edit)?;
                Ok::<_, SaveError>(())
            })
            .expect("saves");
        assert!(pair.exchange(one));
        // A third laptop is told of beside the edit of what the reader wrote itself.
        pair.enrol();
        assert!(pair.exchange(other));

        let van = &mut pair.vans[other];
        van.station.feed_epoch = Some(Epoch([0; 16]));
        let tx = van.store.reader();
        let feeds = log::all(tx).expect("reads").into_iter().filter(|log| log.name.reader.is_some());
        let names_places = |feed: log::Log| {
            let mut at = Some(1);
            std::iter::from_fn(move || {
                let first = at?;
                at = log::next_batch(tx, &feed, first).expect("reads");
                log::batch_with(tx, &feed, first).expect("reads")
            })
            .any(|batch| !batch.places.is_empty() && brings_registry(&batch))
        };
        assert_eq!(
            feeds.filter(|feed| names_places(*feed)).count(),
            1,
            "the feed names a place of its reader"
        );
        let mut returns = Returns::new();
        van.add_registries(&mut returns).expect("reads");
        let returns: Vec<_> = returns.into_values().collect();
        assert!(!returns.is_empty() && returns.iter().all(brings_registry));
        assert!(returns.iter().all(|batch| batch.places.is_empty()), "each is read alone");
    }

    fn brings_registry(batch: &Batch) -> bool {
        let entries = log::entries(batch).expect("reads");
        entries.iter().any(|(entry, _)| matches!(entry, Entry::Registry { .. }))
    }
}
