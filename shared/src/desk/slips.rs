//! The slips of cases: what one says now, and what one that somebody brings is worth.

use serde::Serialize;

use super::author::Author;
use crate::{
    document::{History, correction},
    id::{DeviceId, DocumentId, Kind, PublicKey, UnitId},
    registry::Registries,
    slip::{DeviceLetter, SlipNumber},
    stamp::{Commitment, Stamp, State, Statement},
    store::{
        Result, Tx, changes,
        devices::{self, Standing},
        read_model::{self, CaseRow},
    },
    sync::{
        custody::{self, Place},
        station::Station,
        writing::{SaveError, Writing},
    },
    time::{Timestamp, Zone},
};

/// What the stamp of a case says now, as `station` signs it; `None` where the case has no number, or a stamp no room
/// for what it would say.
///
/// # Errors
/// The store fails or is damaged.
pub fn stamp(tx: Tx<'_>, station: &Station, document: DocumentId) -> Result<Option<Stamp>> {
    let Some(row) = read_model::case_of(tx, document)? else { return Ok(None) };
    let Ok(slip) = row.slip.parse::<SlipNumber>() else { return Ok(None) };
    let place = custody::of_case(tx, station.device(), document)?;
    let statement = Statement {
        state: if place == Some(Place::Accepted) { State::Registered } else { State::Recorded },
        device: station.device(),
        revision: revision(tx, document)?,
        recorded: Timestamp(row.started.unwrap_or_default()),
        name: Commitment::to(&slip, row.name.as_deref().unwrap_or_default()),
        slip,
        service: row.service,
    };
    Ok(Stamp::sign(&statement, &station.key))
}

/// Which slip of a case is the newest: 1, and one more for every correction of the case and of whom it was ever about.
/// Whoever holds the same of the case counts the same.
///
/// # Errors
/// The store fails or is damaged.
pub fn revision(tx: Tx<'_>, document: DocumentId) -> Result<u8> {
    count(document, |document| changes::history(tx, document))
}

/// The same within a transaction that edits the case.
///
/// # Errors
/// The store fails or is damaged.
pub fn revision_after(writing: &mut Writing<'_>, document: DocumentId) -> Result<u8, SaveError> {
    count(document, |document| writing.history(document).cloned())
}

fn count<E>(
    document: DocumentId,
    mut history: impl FnMut(DocumentId) -> std::result::Result<History, E>,
) -> std::result::Result<u8, E> {
    let case = history(document)?;
    let began = case.first().map_or(Timestamp(0), |(_, change)| change.time);
    let mut corrections = correction::corrections(Kind::Case, &case).count();
    let mut subjects: Vec<_> = correction::subjects(&case).collect();
    subjects.sort_unstable();
    subjects.dedup();
    for subject in subjects {
        let person = history(subject)?;
        // What was corrected before there was a case stood on its first slip already.
        corrections +=
            correction::corrections(Kind::Person, &person).filter(|change| change.time >= began).count();
    }
    Ok(u8::try_from(corrections.saturating_add(1)).unwrap_or(u8::MAX))
}

/// What a slip that somebody brings is worth.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Verified {
    /// Whether its device signed it.
    pub verdict: Verdict,
    /// The number.
    pub slip: SlipNumber,
    /// Code of the service.
    pub service: String,
    /// How far the case was when the slip was signed.
    pub state: State,
    /// When the case was recorded, in the district's zone.
    pub recorded: String,
    /// Which slip of the case it is, from 1.
    pub revision: u8,
    /// The one that it takes the place of.
    pub replaces: Option<u8>,
    /// Who signed, as far as that is known here.
    #[serde(flatten)]
    pub signer: Author,
    /// Why that laptop may connect no more, where it may not: revoked, lost, suspended, or barred where no more is known.
    pub standing: Option<&'static str>,
    /// Since when, where that is known.
    pub standing_since: Option<String>,
    /// Whether the name that was given is the one on the paper.
    pub name_agrees: Option<bool>,
    /// The cases of that number that are here; none of a slip that is not valid.
    pub cases: Vec<Held>,
}

/// Whether a device signed a slip.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It did.
    Valid,
    /// It did not: somebody made it up or changed it.
    Invalid,
    /// Nothing is known here of the device.
    UnknownSigner,
}

/// A case of a slip's number, as this machine holds it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Held {
    /// The document.
    pub case: DocumentId,
    /// Where it stands.
    pub status: String,
    /// Code of its service.
    pub service: String,
    /// The newest slip of it that could be printed here, from 1.
    pub revision: u8,
    /// Whether the slip was replaced: the case was corrected since, and a newer slip counts.
    pub replaced: bool,
    /// Whether the paper names the citizen as the case does.
    pub name_agrees: bool,
    /// When the subject's death was reported, where a case says so.
    pub death: Option<String>,
}

/// Whose key signs for a device, and whether it may connect.
struct Signer {
    key: PublicKey,
    author: Author,
    standing: Option<&'static str>,
    since: Option<Timestamp>,
}

/// Judges a slip by what this machine knows, without network. `name` is the one on the paper, where somebody read it.
///
/// # Errors
/// The store fails or is damaged.
pub fn verify(
    tx: Tx<'_>,
    station: &Station,
    registries: &Registries,
    stamp: &Stamp,
    name: Option<&str>,
) -> Result<Verified> {
    let stated = &stamp.statement;
    let signer = signer(tx, station, registries, stated.device)?;
    let verdict = match &signer {
        None => Verdict::UnknownSigner,
        Some(signer) if stamp.verify(signer.key).is_ok() => Verdict::Valid,
        Some(_) => Verdict::Invalid,
    };
    let mut cases = Vec::new();
    if verdict == Verdict::Valid {
        for row in read_model::cases_of_slip(tx, &stated.slip.to_string())? {
            cases.push(held(tx, stated, row)?);
        }
    }
    let standing = signer.as_ref().and_then(|signer| signer.standing);
    let offset_minutes = Zone::of(stated.slip.district()).offset_minutes();
    let since = signer.as_ref().and_then(|signer| signer.since);
    let author = signer.map(|signer| signer.author);
    Ok(Verified {
        verdict,
        service: stated.service.clone(),
        state: stated.state,
        recorded: stated.recorded.to_rfc3339(offset_minutes),
        revision: stated.revision,
        replaces: (stated.revision > 1).then(|| stated.revision - 1),
        signer: author.unwrap_or(Author { device: Some(stated.device), ..Author::default() }),
        standing,
        standing_since: since.map(|at| at.to_rfc3339(offset_minutes)),
        name_agrees: name.map(|name| Commitment::to(&stated.slip, name) == stated.name),
        cases,
        slip: stated.slip.clone(),
    })
}

fn held(tx: Tx<'_>, stated: &Statement, row: CaseRow) -> Result<Held> {
    let revision = revision(tx, row.document)?;
    let name_agrees = Commitment::to(&stated.slip, row.name.as_deref().unwrap_or_default()) == stated.name;
    Ok(Held {
        case: row.document,
        status: row.status,
        service: row.service,
        revision,
        replaced: stated.revision < revision,
        name_agrees,
        death: row.death,
    })
}

fn signer(
    tx: Tx<'_>,
    station: &Station,
    registries: &Registries,
    device: DeviceId,
) -> Result<Option<Signer>> {
    let named = |unit: &UnitId, letter: &str| Author {
        device: Some(device),
        unit: Some(unit.to_string()),
        laptop: Some(format!("{unit}{letter}")),
    };
    if let Some(known) = devices::by_number(tx, device)? {
        let letters = devices::letters(tx, device)?;
        let letter = letters.last().map(|(ordinal, _)| DeviceLetter::nth(*ordinal));
        let author = named(&known.unit, letter.as_ref().map_or("", DeviceLetter::as_str));
        let standing = (known.standing != Standing::Active).then(|| known.standing.word());
        let since = standing.map_or(Ok(None), |_| devices::stood(tx, device))?;
        return Ok(Some(Signer { key: known.key, author, standing, since }));
    }
    if let Some(place) = station.place.as_ref().filter(|place| place.device == device && !station.hub)
        && let Some(unit) = &place.unit
    {
        let author = named(unit, &place.letter);
        return Ok(Some(Signer { key: station.key.public(), author, standing: None, since: None }));
    }
    let lives = registries.devices().filter(|row| row.device() == Some(device));
    Ok(lives.filter_map(|row| row.key.map(|key| (row, key))).last().map(|(row, key)| Signer {
        key,
        author: named(&row.unit, &row.letter),
        standing: row.barred.then_some(BARRED),
        since: row.barred_at,
    }))
}

/// The standing of a laptop of which the registry says no more.
const BARRED: &str = "barred";
