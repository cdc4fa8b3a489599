//! Who is the same person. Nothing here merges strangers: a person decides, or NIK, name and birth agree.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    born::Born,
    document::{EditError, person},
    id::DocumentId,
    name,
    store::{
        Result, StoreError, Tx,
        read_model::{self, PersonRow},
    },
    sync::writing::{SaveError, Writing},
};

/// People of agreeing names that are looked at.
const LIKE_MAX: usize = 200;

/// Somebody who may be the same person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Candidate {
    /// Who.
    #[serde(flatten)]
    pub person: PersonRow,
    /// Whether the NIK is equal.
    pub same_nik: bool,
}

/// Why two people are not told to be one, or two.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// One document twice.
    #[error("that is one document, named twice")]
    One,
    /// No such person here.
    #[error("there is no person {0} here")]
    Unknown(DocumentId),
    /// The document does not take it.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// It is not saved.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// Others who may be the person of `document`: an equal NIK, or an agreeing name and no contradicting birth.
/// Those known to be the same or another person are left out.
///
/// # Errors
/// The store fails.
pub fn candidates(tx: Tx<'_>, document: DocumentId) -> Result<Vec<Candidate>> {
    let Some(own) = read_model::person_of(tx, document)? else { return Ok(Vec::new()) };
    let found = like(tx, own.nik.as_deref(), &own.name, born_of(&own))?;
    let known = |other: &PersonRow| {
        other.twin == own.twin || are_different(&own, other) || are_siblings(birth_order(&own), other)
    };
    let open = found.into_iter().filter(|other| !known(other));
    Ok(open
        .map(|person| Candidate { same_nik: own.nik.is_some() && person.nik == own.nik, person })
        .collect())
}

/// Known people who may be somebody of this NIK, name and birth, as far as these are known: an equal NIK; or, where one
/// of the two has no NIK, an agreeing name with no contradicting birth, or the same day of birth and a word of the
/// name in common, in any order and spelling.
///
/// # Errors
/// The store fails.
pub fn like(tx: Tx<'_>, nik: Option<&str>, name: &str, born: Option<Born>) -> Result<Vec<PersonRow>> {
    let mut found = match nik {
        Some(nik) => read_model::people_of_nik(tx, nik)?,
        None => Vec::new(),
    };
    let is_open = |other: &PersonRow| nik.is_none() || other.nik.is_none();
    found.extend(read_model::people(tx, name, LIKE_MAX)?.into_iter().filter(|other| {
        name::agree(name, &other.name)
            && born.zip(born_of(other)).is_none_or(|(one, other)| one.overlaps(other))
            && is_open(other)
    }));
    if let Some(day @ Born::Day(_)) = born {
        let day = day.to_string();
        for word in name::writings(name) {
            let born_then = read_model::people_born(tx, &word, &day, LIKE_MAX)?;
            let may_be = |other: &PersonRow| name::share_a_word(name, &other.name) && is_open(other);
            found.extend(born_then.into_iter().filter(may_be));
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|other| seen.insert(other.document));
    Ok(found)
}

/// Which of twins somebody is, where that is known.
pub fn birth_order(row: &PersonRow) -> Option<&str> {
    row.detail.get("birth_order").and_then(|order| order.as_str())
}

/// Whether somebody who was born at this place among children born together is another one than `other`.
pub fn are_siblings(order: Option<&str>, other: &PersonRow) -> bool {
    order.zip(birth_order(other)).is_some_and(|(one, other)| one != other)
}

fn born_of(row: &PersonRow) -> Option<Born> {
    row.born.as_deref().and_then(|text| text.parse().ok())
}

fn lists(row: &PersonRow, key: &str, document: DocumentId) -> bool {
    let ids = row.detail.get(key).and_then(|ids| ids.as_array());
    ids.is_some_and(|ids| ids.iter().any(|id| id.as_str() == Some(&document.to_string())))
}

fn are_different(one: &PersonRow, other: &PersonRow) -> bool {
    lists(one, "not_same", other.document) || lists(other, "not_same", one.document)
}

/// Pairs that the hub links by itself: NIK, name and birth date agree, or a van's officer said that they are
/// one; nobody said that they are not. Looked at are those of whom a change arrived after `seen` and up to
/// `through`.
///
/// # Errors
/// The store fails.
pub fn to_link(tx: Tx<'_>, seen: u64, through: u64) -> Result<Vec<(DocumentId, DocumentId)>> {
    let rows = read_model::unlinked(tx, seen, through)?;
    let mut pairs = Vec::new();
    for (index, one) in rows.iter().enumerate() {
        for other in &rows[index + 1..] {
            let agree = one.nik.is_some()
                && one.nik == other.nik
                && one.born.is_some()
                && one.born == other.born
                && name::agree(&one.name, &other.name);
            if agree && one.twin != other.twin && !are_different(one, other) {
                pairs.push((one.document, other.document));
            }
        }
        for proposed in proposed(one) {
            if let Some(other) = read_model::person_of(tx, proposed)?
                && other.twin != one.twin
                && !are_different(one, &other)
            {
                pairs.push((one.document, proposed));
            }
        }
    }
    Ok(pairs)
}

fn proposed(row: &PersonRow) -> Vec<DocumentId> {
    let ids = row.detail.get("proposed").and_then(|ids| ids.as_array());
    ids.into_iter().flatten().filter_map(|id| id.as_str()?.parse().ok()).collect()
}

/// Says that two documents are of one person. The hub links them; a laptop proposes it to the hub.
///
/// # Errors
/// One is no person of this machine, or the edit is not saved.
pub fn same(
    writing: &mut Writing<'_>,
    one: DocumentId,
    other: DocumentId,
    reason: &str,
) -> Result<(), PeopleError> {
    let (first, second) = both(writing.tx, one, other)?;
    if !writing.station.hub {
        let mut edit = writing.open(one)?;
        person::unset_not_same(&mut edit, other)?;
        person::propose_same(&mut edit, other, reason)?;
        writing.save(one, edit)?;
        let mut edit = writing.open(other)?;
        person::unset_not_same(&mut edit, one)?;
        writing.save(other, edit)?;
        return Ok(());
    }
    let mut group: BTreeSet<DocumentId> = [one, other].into();
    for twin in [first.twin, second.twin] {
        group.extend(read_model::twins_of(writing.tx, twin)?.into_iter().map(|row| row.document));
    }
    let Some(lowest) = group.first().copied() else { return Ok(()) };
    for document in group {
        let mut edit = writing.open(document)?;
        person::set_same_as(&mut edit, (document != lowest).then_some(lowest))?;
        if document == one || document == other {
            person::unset_not_same(&mut edit, if document == one { other } else { one })?;
        }
        writing.save(document, edit)?;
    }
    Ok(())
}

/// Says that two documents are of two people; at the hub a link between them is cut.
///
/// # Errors
/// As [`same`].
pub fn different(
    writing: &mut Writing<'_>,
    one: DocumentId,
    other: DocumentId,
    reason: &str,
) -> Result<(), PeopleError> {
    both(writing.tx, one, other)?;
    for (document, stranger) in [(one, other), (other, one)] {
        let hub = writing.station.hub;
        let mut edit = writing.open(document)?;
        person::set_not_same(&mut edit, stranger, reason)?;
        person::withdraw_same(&mut edit, stranger)?;
        if hub {
            person::set_same_as(&mut edit, None)?;
        }
        writing.save(document, edit)?;
    }
    Ok(())
}

fn both(tx: Tx<'_>, one: DocumentId, other: DocumentId) -> Result<(PersonRow, PersonRow), PeopleError> {
    if one == other {
        return Err(PeopleError::One);
    }
    let row = |id| read_model::person_of(tx, id)?.ok_or(PeopleError::Unknown(id));
    Ok((row(one)?, row(other)?))
}
