//! Twins: documents that two laptops made of one person.
//!
//! Where NIK, name and birth date agree the hub links them by itself: each names the lowest id of the group.
//! What a person has told apart stays apart. The work follows the arrival of changes, so that it can be cut
//! off anywhere and done twice without harm.

use std::collections::{BTreeMap, BTreeSet};

use shared::{
    born::Born,
    document::{Person, View, person},
    id::{DocumentId, Kind},
    name,
    store::{
        self, StoreError, Tx, changes,
        read_model::{self, PersonRow},
    },
    sync::{Replica, writing::SaveError},
    time::Now,
};

/// Changes that are looked at in one go.
const CHANGES_MAX: usize = 2_000;
/// The fact that tells up to which arrival persons were looked at.
const SEEN: &str = "twins_seen";

/// Whether there is more to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Everything that has arrived was looked at.
    Done,
    /// There is more.
    More,
}

/// Looks at the persons that have arrived since the last time and links those that agree.
///
/// # Errors
/// The store fails, or a link cannot be written.
pub fn link(replica: &mut Replica, now: Now) -> anyhow::Result<Progress> {
    let tx = replica.read()?;
    let seen = seen(tx)?;
    let arrived = changes::arrived_after(tx, seen, CHANGES_MAX)?;
    let Some(last) = arrived.iter().filter_map(|change| change.arrival).max() else {
        return Ok(Progress::Done);
    };
    let persons: BTreeSet<_> =
        arrived.iter().map(|change| change.document).filter(|id| id.kind() == Some(Kind::Person)).collect();
    let mut links = BTreeMap::new();
    for person in persons {
        links.extend(links_of(tx, person)?);
    }
    let linked = links.len();
    replica.write(now, |writing| {
        for (document, twin) in &links {
            let mut edit = writing.open(*document)?;
            person::set_same_as(&mut edit, *twin).expect("a person takes a link");
            writing.save(*document, edit)?;
        }
        store::set_fact(writing.tx, SEEN, &last.to_be_bytes())?;
        Ok::<_, SaveError>(())
    })?;
    if linked > 0 {
        tracing::info!(linked, "linked documents of one person");
    }
    Ok(if arrived.len() < CHANGES_MAX { Progress::Done } else { Progress::More })
}

fn seen(tx: Tx<'_>) -> store::Result<u64> {
    let bytes = store::fact(tx, SEEN)?.and_then(|bytes| bytes.try_into().ok());
    Ok(bytes.map_or(0, u64::from_be_bytes))
}

/// The links that a person's document calls for, where they differ from those there are.
fn links_of(tx: Tx<'_>, document: DocumentId) -> Result<Vec<(DocumentId, Option<DocumentId>)>, StoreError> {
    let Some(row) = read_model::person_of(tx, document)? else { return Ok(Vec::new()) };
    let Some(nik) = row.nik.as_deref().filter(|_| !row.conflict) else { return Ok(Vec::new()) };
    let mut group = BTreeMap::new();
    for other in read_model::people_of_nik(tx, nik)? {
        if agrees(&row, &other) {
            for twin in read_model::twins_of(tx, other.twin)? {
                group.insert(twin.document, twin.twin);
            }
        }
    }
    if group.len() < 2 || told_apart(tx, group.keys().copied())? {
        return Ok(Vec::new());
    }
    Ok(links(&group))
}

/// The links that make the lowest id of `group` stand for all of it, where they differ from those there are.
/// Each document comes with the one that stands for it now.
fn links(group: &BTreeMap<DocumentId, DocumentId>) -> Vec<(DocumentId, Option<DocumentId>)> {
    let Some(&lowest) = group.keys().next() else { return Vec::new() };
    let differing = group.iter().filter(|(_, twin)| **twin != lowest);
    differing.map(|(document, _)| (*document, (*document != lowest).then_some(lowest))).collect()
}

/// Whether two documents of one NIK are of one person beyond doubt.
fn agrees(one: &PersonRow, other: &PersonRow) -> bool {
    let born = |row: &PersonRow| row.born.as_deref().and_then(|born| born.parse::<Born>().ok());
    let births = born(one).zip(born(other)).is_some_and(|(one, other)| one.overlaps(other));
    !other.conflict && births && name::agree(&one.name, &other.name)
}

/// Whether somebody has found two of these to be of different persons.
fn told_apart(tx: Tx<'_>, documents: impl Iterator<Item = DocumentId>) -> Result<bool, StoreError> {
    let ids: Vec<_> = documents.collect();
    for id in &ids {
        let history = changes::history(tx, *id)?;
        let apart = Person::read(&View::of(&history)).not_same;
        if ids.iter().any(|other| apart.contains_key(&other.to_string())) {
            return Ok(true);
        }
    }
    Ok(false)
}
