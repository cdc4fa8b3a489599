//! Finding what two sides lack without listing what both have: range-based set reconciliation.
//!
//! Items are changes, ordered by the second that each claims of itself: the same number on both sides, so
//! that a wrong clock costs bytes and nothing else.

use negentropy::{Id, Negentropy, NegentropyStorageVector};

use crate::id::ChangeHash;

/// Bytes of one message.
const MESSAGE_BYTES_MAX: u64 = 60 * 1024;

/// One side of a reconciliation under way.
#[derive(Debug)]
pub(super) struct Reconciler {
    storage: NegentropyStorageVector,
    begun: bool,
    /// Child: what it has and the parent lacks.
    pub(super) have: Vec<ChangeHash>,
    /// Child: what the parent has and it lacks.
    pub(super) need: Vec<ChangeHash>,
}

/// The peer's message follows no known form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a step of the reconciliation is malformed")]
pub(super) struct Malformed;

impl Reconciler {
    /// A reconciliation over `items`: claimed second and hash.
    pub(super) fn new(items: &[(u64, ChangeHash)]) -> Result<Self, Malformed> {
        let mut storage = NegentropyStorageVector::with_capacity(items.len());
        for (second, hash) in items {
            storage.insert(*second, Id::from_byte_array(hash.0)).map_err(|_| Malformed)?;
        }
        storage.seal().map_err(|_| Malformed)?;
        Ok(Self { storage, begun: false, have: Vec::new(), need: Vec::new() })
    }

    /// Child: the first message.
    pub(super) fn begin(&mut self) -> Result<Vec<u8>, Malformed> {
        self.begun = true;
        let mut negentropy = Negentropy::borrowed(&self.storage, MESSAGE_BYTES_MAX).map_err(|_| Malformed)?;
        negentropy.initiate().map_err(|_| Malformed)
    }

    /// Parent: the answer to a message.
    pub(super) fn answer(&mut self, message: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut negentropy = Negentropy::borrowed(&self.storage, MESSAGE_BYTES_MAX).map_err(|_| Malformed)?;
        negentropy.reconcile(message).map_err(|_| Malformed)
    }

    /// Child: takes an answer; the next message, or `None` when all is known.
    pub(super) fn step(&mut self, answer: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
        if !self.begun {
            return Err(Malformed);
        }
        let mut negentropy = Negentropy::borrowed(&self.storage, MESSAGE_BYTES_MAX).map_err(|_| Malformed)?;
        negentropy.set_initiator();
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let next = negentropy.reconcile_with_ids(answer, &mut have, &mut need).map_err(|_| Malformed)?;
        self.have.extend(have.iter().map(|id| ChangeHash(id.to_bytes())));
        self.need.extend(need.iter().map(|id| ChangeHash(id.to_bytes())));
        if next.is_none() {
            // The library tells what is needed in the order of a hash table.
            self.need.sort_unstable();
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(range: std::ops::Range<u64>) -> Vec<(u64, ChangeHash)> {
        range
            .map(|n| (1_700_000_000 + n / 10, ChangeHash(*blake3::hash(&n.to_be_bytes()).as_bytes())))
            .collect()
    }

    #[test]
    fn both_sides_differences_are_found() {
        let mut child = Reconciler::new(&items(0..5_000)).expect("sound");
        let mut parent = Reconciler::new(&items(400..6_000)).expect("sound");
        let mut message = child.begin().expect("begins");
        let mut rounds = 0;
        while let Some(next) = child.step(&parent.answer(&message).expect("answers")).expect("steps") {
            message = next;
            rounds += 1;
            assert!(rounds < 50);
        }
        assert_eq!((child.have.len(), child.need.len()), (400, 1_000));
    }

    #[test]
    fn noise_is_refused() {
        let mut parent = Reconciler::new(&items(0..10)).expect("sound");
        assert_eq!(parent.answer(&[0xff; 40]), Err(Malformed));
    }
}
