//! One document's changes, causally complete, and questions about any change's past.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    change::{Change, Operation, OperationId},
    id::{ActorId, ChangeHash},
};

/// The changes of one document. **Invariant:** every parent of a change in it is in it too.
///
/// Most documents have a handful of changes, and many are open at a time: lists that are kept sorted cost a
/// fraction of trees.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// In an order in which parents precede children: the order of arrival here.
    changes: Vec<(ChangeHash, Arc<Change>)>,
    /// Where each change stands in `changes`, by hash.
    places: Vec<(ChangeHash, usize)>,
    /// Ascending.
    heads: Vec<ChangeHash>,
    /// By actor and first operation: where to look for an operation.
    starts: Vec<((ActorId, u64), usize)>,
    /// By actor: the highest sequence.
    sequences: Vec<(ActorId, u64)>,
    /// The highest operation counter.
    highest: u64,
}

impl History {
    /// Adds a change whose parents are all here; one that is here already is ignored.
    /// Returns whether the parents were here, and so whether it is in now.
    pub fn insert(&mut self, hash: ChangeHash, change: impl Into<Arc<Change>>) -> bool {
        let change = change.into();
        let Err(free) = self.place(&hash) else { return true };
        if !change.parents.iter().all(|parent| self.contains(parent)) {
            return false;
        }
        self.heads.retain(|head| !change.parents.contains(head));
        let head = self.heads.partition_point(|head| *head < hash);
        self.heads.insert(head, hash);
        let place = self.changes.len();
        self.places.insert(free, (hash, place));
        let start = (change.actor, change.first_operation);
        match self.starts.binary_search_by_key(&start, |(start, _)| *start) {
            Ok(at) => self.starts[at].1 = place,
            Err(at) => self.starts.insert(at, (start, place)),
        }
        match self.sequences.binary_search_by_key(&change.actor, |(actor, _)| *actor) {
            Ok(at) => self.sequences[at].1 = change.sequence.max(self.sequences[at].1),
            Err(at) => self.sequences.insert(at, (change.actor, change.sequence)),
        }
        self.highest = self.highest.max(change.last_operation());
        self.changes.push((hash, change));
        true
    }

    /// Where a change stands in `places`, or would.
    fn place(&self, hash: &ChangeHash) -> Result<usize, usize> {
        self.places.binary_search_by_key(hash, |(hash, _)| *hash)
    }

    /// Whether there is no change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The number of changes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether the change named `hash` is here.
    pub fn contains(&self, hash: &ChangeHash) -> bool {
        self.place(hash).is_ok()
    }

    /// The change named `hash`.
    pub fn get(&self, hash: &ChangeHash) -> Option<&Change> {
        self.place(hash).ok().map(|at| &*self.changes[self.places[at].1].1)
    }

    /// The changes that no other change names as parent, ascending.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.heads.clone()
    }

    /// All changes, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = (&ChangeHash, &Change)> {
        self.changes.iter().map(|(hash, change)| (hash, &**change))
    }

    /// The first change: the one that made the document.
    pub fn first(&self) -> Option<(&ChangeHash, &Change)> {
        self.iter().next()
    }

    /// The operation named `id`, with the hash of the change that holds it.
    pub fn operation(&self, id: OperationId) -> Option<(ChangeHash, &Operation)> {
        let behind = self.starts.partition_point(|(start, _)| *start <= (id.actor, id.counter));
        let ((actor, first), place) = *self.starts[..behind].last()?;
        if actor != id.actor {
            return None;
        }
        let index = usize::try_from(id.counter - first).ok()?;
        let (hash, change) = &self.changes[place];
        change.operations.get(index).map(|operation| (*hash, operation))
    }

    /// The change that is the `sequence`-th of `actor`.
    pub fn by_sequence(&self, actor: ActorId, sequence: u64) -> Option<ChangeHash> {
        let first = self.starts.partition_point(|((other, _), _)| *other < actor);
        let own = self.starts[first..].iter().take_while(|((other, _), _)| *other == actor);
        let mut changes = own.map(|(_, place)| &self.changes[*place]);
        changes.find(|(_, change)| change.sequence == sequence).map(|(hash, _)| *hash)
    }

    fn highest_sequence(&self, actor: ActorId) -> Option<u64> {
        let at = self.sequences.binary_search_by_key(&actor, |(actor, _)| *actor).ok()?;
        Some(self.sequences[at].1)
    }

    /// Who had seen what, for comparing many changes.
    pub fn ancestry(&self) -> Ancestry {
        let mut actors: BTreeMap<ActorId, usize> = BTreeMap::new();
        let mut seen: BTreeMap<ChangeHash, Seen> = BTreeMap::new();
        for (hash, change) in self.iter() {
            let next = actors.len();
            let own = *actors.entry(change.actor).or_insert(next);
            let mut clock: Vec<u64> = Vec::new();
            for parent in change.parents.iter().filter_map(|parent| seen.get(parent)) {
                clock.resize(clock.len().max(parent.clock.len()), 0);
                for (mine, theirs) in clock.iter_mut().zip(&parent.clock) {
                    *mine = (*mine).max(*theirs);
                }
            }
            clock.resize(clock.len().max(own + 1), 0);
            clock[own] = clock[own].max(change.sequence);
            seen.insert(*hash, Seen { actor: own, sequence: change.sequence, clock });
        }
        Ancestry { seen }
    }

    /// Everything reachable from `parents`, or `None` where one of them is not here.
    pub fn past(&self, parents: &[ChangeHash]) -> Option<Past<'_>> {
        if !parents.iter().all(|parent| self.contains(parent)) {
            return None;
        }
        if self.heads.iter().all(|head| parents.contains(head)) {
            return Some(Past { history: self, members: None });
        }
        let mut members = BTreeSet::new();
        let mut open = parents.to_vec();
        while let Some(hash) = open.pop() {
            if members.insert(hash) {
                open.extend(self.get(&hash).iter().flat_map(|change| &change.parents));
            }
        }
        Some(Past { history: self, members: Some(members) })
    }
}

/// The causal order of a document's changes, by each one's highest sequence seen of every actor.
#[derive(Debug, Clone, Default)]
pub struct Ancestry {
    seen: BTreeMap<ChangeHash, Seen>,
}

#[derive(Debug, Clone)]
struct Seen {
    actor: usize,
    sequence: u64,
    /// Highest sequence seen, own included, by the actor's index.
    clock: Vec<u64>,
}

impl Ancestry {
    /// Whether the writer of `newer` had seen `older`; a change is not older than itself.
    pub fn is_older(&self, older: &ChangeHash, newer: &ChangeHash) -> bool {
        let (Some(before), Some(after)) = (self.seen.get(older), self.seen.get(newer)) else { return false };
        older != newer && after.clock.get(before.actor).is_some_and(|sequence| *sequence >= before.sequence)
    }
}

/// What one change had seen: every answer depends on it and on nothing that came later.
#[derive(Debug)]
pub struct Past<'a> {
    history: &'a History,
    /// `None` where everything here had been seen, as in most changes.
    members: Option<BTreeSet<ChangeHash>>,
}

impl<'a> Past<'a> {
    /// The history that this is a part of.
    pub fn history(&self) -> &'a History {
        self.history
    }

    /// Whether the change named `hash` had been seen.
    pub fn contains(&self, hash: &ChangeHash) -> bool {
        match &self.members {
            Some(members) => members.contains(hash),
            None => self.history.contains(hash),
        }
    }

    /// The changes seen, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = (&'a ChangeHash, &'a Change)> {
        self.history.iter().filter(|(hash, _)| self.members.is_none() || self.contains(hash))
    }

    /// The highest sequence of `actor`, 0 if none.
    pub fn highest_sequence(&self, actor: ActorId) -> u64 {
        if self.members.is_none() {
            return self.history.highest_sequence(actor).unwrap_or(0);
        }
        self.changes().filter(|change| change.actor == actor).map(|change| change.sequence).max().unwrap_or(0)
    }

    /// The highest operation counter, 0 if none.
    pub fn highest_operation(&self) -> u64 {
        if self.members.is_none() {
            return self.history.highest;
        }
        self.changes().map(Change::last_operation).max().unwrap_or(0)
    }

    /// How many actors had written.
    pub fn actor_count(&self) -> usize {
        if self.members.is_none() {
            return self.history.sequences.len();
        }
        self.changes().map(|change| change.actor).collect::<BTreeSet<_>>().len()
    }

    /// The operation named `id`, if it had been seen.
    pub fn operation(&self, id: OperationId) -> Option<&'a Operation> {
        let (hash, operation) = self.history.operation(id)?;
        self.contains(&hash).then_some(operation)
    }

    fn changes(&self) -> impl Iterator<Item = &'a Change> {
        let members = self.members.iter().flatten();
        members.filter_map(|hash| self.history.get(hash))
    }
}
