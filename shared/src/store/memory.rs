//! What a store holds in memory beside SQLite's own cache.
//!
//! **Invariant:** nothing of it outlives a transaction that was not kept, and what waits here to be written is
//! written before its transaction is kept.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use crate::{id::DocumentId, wire::batch::Rows};

/// Inflated batches that are kept at hand, and the bytes that they may have together.
const BODIES_MAX: usize = 16;
const BODIES_BYTES_MAX: usize = 12 * 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(super) bodies: Bodies,
    pub(super) arrivals: Arrivals,
}

/// What has come to count in the transaction that is open.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// The number given last, once one was.
    pub(super) last: Option<u64>,
    /// Documents whose read model is older than their changes.
    pub(super) stale: BTreeSet<DocumentId>,
}

/// Batches inflated lately, by log and first entry, with the order of their use.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    rows: BTreeMap<(i64, u64), Arc<Rows>>,
    order: VecDeque<(i64, u64)>,
    /// Bytes of all of them.
    bytes: usize,
}

impl Bodies {
    pub(super) fn get(&self, log: i64, first: u64) -> Option<Arc<Rows>> {
        self.rows.get(&(log, first)).cloned()
    }

    pub(super) fn keep(&mut self, log: i64, first: u64, rows: Arc<Rows>) {
        self.bytes += rows.bytes();
        match self.rows.insert((log, first), rows) {
            Some(before) => self.bytes -= before.bytes(),
            None => self.order.push_back((log, first)),
        }
        while self.order.len() > BODIES_MAX || (self.bytes > BODIES_BYTES_MAX && self.order.len() > 1) {
            let Some((log, first)) = self.order.front().copied() else { return };
            self.forget(log, first);
        }
    }

    pub(super) fn forget(&mut self, log: i64, first: u64) {
        if let Some(rows) = self.rows.remove(&(log, first)) {
            self.bytes -= rows.bytes();
        }
        self.order.retain(|key| *key != (log, first));
    }
}
