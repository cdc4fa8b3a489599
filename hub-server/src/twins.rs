//! Twins: documents that two laptops made of one person.
//!
//! Where NIK, name and birth date agree, or an officer said that two are one, the hub links them by itself:
//! each names the lowest id of the group. What a person has told apart stays apart. The work follows the
//! arrival of changes, so that it can be cut off anywhere and done twice without harm.

use std::collections::{BTreeMap, BTreeSet};

use shared::{
    desk::people,
    document::person,
    id::DocumentId,
    store::{
        self, StoreError, Tx, changes,
        read_model::{self, PersonRow},
    },
    sync::{Replica, writing::SaveError},
    time::Now,
};

/// Arrivals that are looked at in one go.
const ARRIVALS_MAX: u64 = 2_000;
/// The fact that tells up to which arrival persons were looked at.
const SEEN: &str = "twins_seen";

/// Up to where what has arrived was looked at.
#[derive(Debug)]
pub struct Watch {
    seen: u64,
    kept: u64,
}

impl Watch {
    /// Goes on where the last process stopped.
    ///
    /// # Errors
    /// The store fails.
    pub fn resume(tx: Tx<'_>) -> store::Result<Self> {
        let bytes = store::fact(tx, SEEN)?.and_then(|bytes| bytes.try_into().ok());
        let seen = bytes.map_or(0, u64::from_be_bytes);
        Ok(Self { seen, kept: seen })
    }

    /// Links the persons that agree with one of whom something has arrived since the last time.
    ///
    /// # Errors
    /// The store fails, or a link cannot be written.
    pub fn link(&mut self, replica: &mut Replica, now: Now) -> anyhow::Result<()> {
        let newest = changes::newest_arrival(replica.store().reader())?;
        // Arrivals are numbered anew where everything was built anew.
        self.seen = if self.seen > newest { 0 } else { self.seen };
        while self.seen < newest {
            let through = newest.min(self.seen + ARRIVALS_MAX);
            link_arrived(replica, now, self.seen, through)?;
            self.seen = through;
        }
        Ok(())
    }

    /// Keeps how far it has come. Where that is lost, it is only done again.
    ///
    /// # Errors
    /// The store fails.
    pub fn keep(&mut self, replica: &mut Replica) -> store::Result<()> {
        if self.kept != self.seen {
            replica.keep(|tx, _| store::set_fact(tx, SEEN, &self.seen.to_be_bytes()))?;
            self.kept = self.seen;
        }
        Ok(())
    }
}

fn link_arrived(replica: &mut Replica, now: Now, seen: u64, through: u64) -> anyhow::Result<()> {
    let tx = replica.read_rows()?;
    let mut links = BTreeMap::new();
    for group in groups(people::to_link(tx, seen, through)?) {
        links.extend(links_of(tx, &group)?);
    }
    if links.is_empty() {
        return Ok(());
    }
    replica.write(now, |writing| {
        for (document, twin) in &links {
            let mut edit = writing.open(*document)?;
            person::set_same_as(&mut edit, *twin).expect("a person takes a link");
            writing.save(*document, edit)?;
        }
        Ok::<_, SaveError>(())
    })?;
    tracing::info!(linked = links.len(), "linked documents of one person");
    Ok(())
}

/// The groups that pairs make.
fn groups(pairs: Vec<(DocumentId, DocumentId)>) -> Vec<BTreeSet<DocumentId>> {
    let mut groups: Vec<BTreeSet<DocumentId>> = Vec::new();
    for (one, other) in pairs {
        let mut merged = BTreeSet::from([one, other]);
        groups.retain(|group| {
            let apart = group.is_disjoint(&merged);
            if !apart {
                merged.extend(group);
            }
            apart
        });
        groups.push(merged);
    }
    groups
}

/// The links that make one of `group`, and of what is linked to it already, where they differ from those
/// there are; none where somebody has told two of them apart.
fn links_of(
    tx: Tx<'_>,
    group: &BTreeSet<DocumentId>,
) -> Result<Vec<(DocumentId, Option<DocumentId>)>, StoreError> {
    let mut rows: BTreeMap<DocumentId, PersonRow> = BTreeMap::new();
    for document in group {
        let Some(row) = read_model::person_of(tx, *document)? else { continue };
        for twin in read_model::twins_of(tx, row.twin)? {
            rows.insert(twin.document, twin);
        }
        rows.insert(row.document, row);
    }
    if are_told_apart(&rows) {
        return Ok(Vec::new());
    }
    let twins = rows.values().map(|row| (row.document, row.twin)).collect();
    Ok(links(&twins))
}

/// The links that make the lowest id stand for all of `twins`, where they differ from those there are. Each
/// document comes with the one that stands for it now.
fn links(twins: &BTreeMap<DocumentId, DocumentId>) -> Vec<(DocumentId, Option<DocumentId>)> {
    let Some(&lowest) = twins.keys().next() else { return Vec::new() };
    let differing = twins.iter().filter(|(_, twin)| **twin != lowest);
    differing.map(|(document, _)| (*document, (*document != lowest).then_some(lowest))).collect()
}

/// Whether somebody has found two of these to be of different persons.
fn are_told_apart(rows: &BTreeMap<DocumentId, PersonRow>) -> bool {
    let strangers = rows.values().filter_map(|row| row.detail.get("not_same")?.as_array()).flatten();
    strangers.filter_map(|id| id.as_str()?.parse::<DocumentId>().ok()).any(|id| rows.contains_key(&id))
}

#[cfg(test)]
mod tests {
    use shared::id::Kind;

    use super::*;

    fn id(number: u64) -> DocumentId {
        DocumentId::new([1; 10], Kind::Person, number)
    }

    #[test]
    fn pairs_that_touch_are_one_group() {
        let pairs = vec![(id(1), id(2)), (id(5), id(6)), (id(3), id(4)), (id(2), id(3))];
        let found: BTreeSet<_> = groups(pairs).into_iter().collect();
        let wanted = [BTreeSet::from([id(5), id(6)]), [1, 2, 3, 4].map(id).into()];
        assert_eq!(found, wanted.into());
    }

    #[test]
    fn the_lowest_stands_for_all_and_nothing_is_written_twice() {
        let mut twins = BTreeMap::from([(id(2), id(2)), (id(3), id(2)), (id(7), id(7))]);
        assert_eq!(links(&twins), [(id(7), Some(id(2)))]);
        twins.insert(id(7), id(2));
        assert_eq!(links(&twins), []);
        twins.insert(id(1), id(1));
        assert_eq!(links(&twins), [(id(2), Some(id(1))), (id(3), Some(id(1))), (id(7), Some(id(1)))]);
        let turned = BTreeMap::from([(id(1), id(4)), (id(4), id(4))]);
        assert_eq!(links(&turned), [(id(1), None), (id(4), Some(id(1)))]);
    }
}
