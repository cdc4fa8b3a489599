//! What a store holds in memory beside SQLite's own cache.
//!
//! **Invariant:** nothing of it outlives a transaction that was not kept, and what waits here to be written is
//! written before its transaction is kept.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, OnceLock},
};

use super::{Result, damaged, log};
use crate::{
    id::DocumentId,
    wire::{
        batch::{Batch, BatchError, Entry, Rows},
        pack::{Dictionary, DictionaryName},
    },
};

/// Inflated batches that are kept at hand, and the bytes that they may have together.
const BODIES_MAX: usize = 16;
const BODIES_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The same of a store that was widened: there what waits to be freed takes memory too.
pub(super) const WIDE_BODIES_BYTES_MAX: usize = 6 * 1024 * 1024;
/// What a body's bytes are taken for, inflated, before they are.
const INFLATED_RATIO: usize = 40;
/// Dictionaries that are kept prepared: each takes some megabytes.
const DICTIONARIES_MAX: usize = 2;

#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(super) bodies: Bodies,
    pub(super) arrivals: Arrivals,
    pub(super) dictionaries: Dictionaries,
}

impl Memory {
    /// Forgets everything but how much may be held.
    pub(super) fn forget(&mut self) {
        let bytes_max = self.bodies.bytes_max;
        *self = Self::default();
        self.bodies.bytes_max = bytes_max;
    }
}

/// Dictionaries used lately, the last one at the end.
#[derive(Debug, Default)]
pub(super) struct Dictionaries(VecDeque<Arc<Dictionary>>);

impl Dictionaries {
    pub(super) fn with(&mut self, name: DictionaryName) -> Option<Arc<Dictionary>> {
        let at = self.0.iter().position(|known| known.name() == name)?;
        let known = self.0.remove(at)?;
        self.0.push_back(Arc::clone(&known));
        Some(known)
    }

    pub(super) fn keep(&mut self, dictionary: Arc<Dictionary>) {
        self.0.push_back(dictionary);
        if self.0.len() > DICTIONARIES_MAX {
            self.0.pop_front();
        }
    }
}

/// What has come to count in the transaction that is open.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// The number given last, once one was.
    pub(super) last: Option<u64>,
    /// Documents whose read model is older than their changes.
    pub(super) stale: BTreeSet<DocumentId>,
}

/// A stored batch, inflated once somebody needs an entry of it, on whatever thread.
#[derive(Debug)]
pub(super) struct Body {
    batch: Batch,
    rows: OnceLock<Result<Rows, BatchError>>,
}

impl Body {
    pub(super) fn of(batch: Batch) -> Self {
        Self { batch, rows: OnceLock::new() }
    }

    /// The entry at `position` of the batch, from 0.
    pub(super) fn entry(&self, position: usize) -> Result<Entry> {
        let rows = self.rows.get_or_init(|| self.batch.rows(log::name_of));
        let entry = rows.as_ref().map_err(|error| *error).and_then(|rows| rows.entry(position));
        entry.map_err(|_| damaged("batch.body"))
    }

    /// Bytes that it holds in memory, about; of what is not inflated yet, that it will hold.
    fn bytes(&self) -> usize {
        let rows = match self.rows.get() {
            Some(rows) => rows.as_ref().map_or(0, Rows::bytes),
            None => self.batch.body.len() * INFLATED_RATIO,
        };
        self.batch.body.len() + rows
    }
}

/// Batches used lately, by log and first entry, with the order of their use.
#[derive(Debug)]
pub(super) struct Bodies {
    /// The bytes that they may have together.
    pub(super) bytes_max: usize,
    bodies: BTreeMap<(i64, u64), Arc<Body>>,
    order: VecDeque<(i64, u64)>,
    /// Batches that were read from the file.
    #[cfg(test)]
    pub(super) read: usize,
}

impl Default for Bodies {
    fn default() -> Self {
        Self {
            bytes_max: BODIES_BYTES_MAX,
            bodies: BTreeMap::new(),
            order: VecDeque::new(),
            #[cfg(test)]
            read: 0,
        }
    }
}

impl Bodies {
    /// The batch that holds entry `index` of a log, and the entry's position in it.
    pub(super) fn with(&mut self, log: i64, index: u64) -> Option<(Arc<Body>, usize)> {
        let (key, body) = self.bodies.range((log, 0)..=(log, index)).next_back()?;
        let found = (index <= body.batch.last).then(|| (Arc::clone(body), (index - key.1) as usize))?;
        let key = *key;
        if self.order.back() != Some(&key) {
            self.order.retain(|used| *used != key);
            self.order.push_back(key);
        }
        Some(found)
    }

    /// Keeps a batch; those that made room for it.
    pub(super) fn keep(&mut self, log: i64, body: Arc<Body>) -> Vec<Arc<Body>> {
        #[cfg(test)]
        {
            self.read += 1;
        }
        let key = (log, body.batch.first);
        self.forget(log, key.1);
        self.bodies.insert(key, body);
        self.order.push_back(key);
        let mut bytes: usize = self.bodies.values().map(|body| body.bytes()).sum();
        let mut gone = Vec::new();
        while self.order.len() > BODIES_MAX || (bytes > self.bytes_max && self.order.len() > 1) {
            let Some(body) = self.order.pop_front().and_then(|key| self.bodies.remove(&key)) else { break };
            bytes -= body.bytes();
            gone.push(body);
        }
        gone
    }

    pub(super) fn forget(&mut self, log: i64, first: u64) {
        if self.bodies.remove(&(log, first)).is_some() {
            self.order.retain(|key| *key != (log, first));
        }
    }

    /// Forgets every batch of a log.
    pub(super) fn forget_log(&mut self, log: i64) {
        self.bodies.retain(|key, _| key.0 != log);
        self.order.retain(|key| key.0 != log);
    }
}
