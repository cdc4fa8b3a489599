//! What citizens answered, by visit and by unit.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    store::{
        Result, Tx,
        read_model::{self, Surveyed},
    },
    survey::{Hundredths, Index, Tally},
};

/// The answers of a visit, or of a unit's visits pooled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Answers {
    /// The unit.
    pub unit: String,
    /// The visit's label; `None` of a whole unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The visit's local day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// All sheets.
    pub sheets: u64,
    /// Sheets on which an element was left out: kept, and left out of the index.
    pub partial: u64,
    /// The index; `None` without a whole sheet.
    #[serde(flatten)]
    pub index: Option<Index>,
    /// The elements' means, in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elements: Option<[Hundredths; crate::survey::ELEMENTS]>,
}

/// The answers by visit, newest first: documents of one unit, label and date are one visit.
///
/// # Errors
/// The store fails.
pub fn by_visit(tx: Tx<'_>) -> Result<Vec<Answers>> {
    Ok(tallies(tx)?
        .into_iter()
        .rev()
        .map(|((date, unit, label), tally)| answers(unit, Some(label), Some(date), &tally))
        .collect())
}

/// The answers by unit, all visits of a unit pooled.
///
/// # Errors
/// The store fails.
pub fn by_unit(tx: Tx<'_>) -> Result<Vec<Answers>> {
    let mut units: BTreeMap<String, Tally> = BTreeMap::new();
    for ((_, unit, _), tally) in tallies(tx)? {
        units.entry(unit).or_default().pool(&tally);
    }
    Ok(units.into_iter().map(|(unit, tally)| answers(unit, None, None, &tally)).collect())
}

/// Date, unit and label of a visit to its answers.
fn tallies(tx: Tx<'_>) -> Result<BTreeMap<(String, String, String), Tally>> {
    let mut found: BTreeMap<_, Tally> = BTreeMap::new();
    for Surveyed { date, unit, label, sheets } in read_model::surveyed(tx)? {
        let tally = found.entry((date, unit, label)).or_default();
        sheets.iter().for_each(|sheet| tally.add(sheet));
    }
    Ok(found)
}

fn answers(unit: String, label: Option<String>, date: Option<String>, tally: &Tally) -> Answers {
    let (sheets, partial) = (tally.whole + tally.partial, tally.partial);
    Answers { unit, label, date, sheets, partial, index: tally.index(), elements: tally.means() }
}
