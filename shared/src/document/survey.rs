//! Citizens' answers on the document of a visit: nine scores each, no person, no sitting, no time.
//!
//! Answers only grow. Their keys are drawn, and those of one save are written in the order of the keys, so that the
//! order of the sheets is in neither. What a change tells besides, here as everywhere: which laptop wrote it, when,
//! between which other saves, and how many answers came in it. Sheets that are entered together, after the visit,
//! hide among one another; a sheet that is saved alone stands beside whatever the laptop saved before it.

use super::{
    edit::{Edit, EditError},
    schema::key,
    view::View,
};
use crate::{change::Scalar, id::hex, survey::Scores};

/// Sheets that one save may hold.
pub const SHEETS_MAX: usize = 200;
/// Bytes of a batch's name.
pub const BATCH_BYTES: usize = 8;

/// The answers of a visit. What is malformed is left out.
pub fn read(view: &View<'_>) -> Vec<Scores> {
    let mut found = Vec::new();
    for (_, answers) in view.root().maps(key::SURVEY) {
        found.extend(answers.keys().filter_map(|key| Scores::of_stored(answers.text(key)?)));
    }
    found
}

/// Whether the document takes answers: one that was made before there were any does not.
pub fn has_place(view: &View<'_>) -> bool {
    view.root().map(key::SURVEY).is_some()
}

/// Writes sheets; those that were written before under the same drawn name of a batch stay as they are. Gives how
/// many are new.
///
/// # Errors
/// The document is no visit, or takes no answers.
pub fn add(edit: &mut Edit, batch: [u8; BATCH_BYTES], sheets: &[Scores]) -> Result<usize, EditError> {
    let standing = edit.keys(&[key::SURVEY]);
    let mut keyed: Vec<(String, &Scores)> = sheets
        .iter()
        .enumerate()
        .map(|(place, scores)| {
            let material = [&batch[..], &(place as u64).to_be_bytes()].concat();
            (hex(&blake3::derive_key("keliling 1 survey answer", &material)[..8]), scores)
        })
        .filter(|(key, _)| !standing.contains(key))
        .collect();
    keyed.sort_by(|one, other| one.0.cmp(&other.0));
    for (key, scores) in &keyed {
        edit.put(&[key::SURVEY, key], &Scalar::Str(scores.stored()))?;
    }
    Ok(keyed.len())
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::{
        document::{
            History,
            case::tests::{OTHER, VAN, save},
            visit,
        },
        id::{DocumentId, Kind},
        time::Timestamp,
    };

    fn visit(history: &mut History) {
        let new = visit::New {
            district: &"53.02".parse().expect("a district"),
            unit: &"V01".parse().expect("a unit"),
            label: "Noebesi",
            date: date!(2026 - 11 - 20),
            village: None,
            point: None,
            lead: None,
            agencies: &[],
            opened: Timestamp(1_000),
            offset_minutes: 480,
        };
        let mut edit = Edit::create(DocumentId::new([0; 10], Kind::Visit, 1), VAN);
        new.write(&mut edit).expect("within the schema");
        save(&mut edit, history);
    }

    fn sheet(text: &str) -> Scores {
        text.parse().expect("a sheet")
    }

    #[test]
    fn answers_of_two_laptops_both_stay_and_none_is_saved_twice() {
        let mut history = History::default();
        visit(&mut history);
        let sheets = [sheet("4,4,4,4,4,4,4,4,4"), sheet("1,,3,4,1,2,3,4,1"), sheet("4,4,4,4,4,4,4,4,4")];
        let mut here = Edit::open(Kind::Visit, &history, VAN).expect("opens");
        let mut there = Edit::open(Kind::Visit, &history, OTHER).expect("opens");
        assert_eq!(add(&mut here, [1; 8], &sheets), Ok(3));
        assert_eq!(add(&mut there, [2; 8], &sheets[..1]), Ok(1));
        save(&mut here, &mut history);
        save(&mut there, &mut history);
        assert_eq!(read(&View::of(&history)).len(), 4);
        let mut again = Edit::open(Kind::Visit, &history, VAN).expect("opens");
        assert_eq!(add(&mut again, [1; 8], &sheets), Ok(0));
        assert!(!again.is_changed());
        assert!(has_place(&View::of(&history)));
    }

    #[test]
    fn the_order_of_the_sheets_is_not_written() {
        let sheets = [sheet("1,1,1,1,1,1,1,1,1"), sheet("2,2,2,2,2,2,2,2,2"), sheet("3,3,3,3,3,3,3,3,3")];
        let mut orders = std::collections::BTreeSet::new();
        for batch in 0..20 {
            let mut history = History::default();
            visit(&mut history);
            let mut edit = Edit::open(Kind::Visit, &history, VAN).expect("opens");
            add(&mut edit, [batch; 8], &sheets).expect("within the schema");
            save(&mut edit, &mut history);
            orders.insert(read(&View::of(&history)).iter().map(Scores::stored).collect::<Vec<_>>());
        }
        assert!(orders.len() > 3, "{orders:?}");
    }
}
