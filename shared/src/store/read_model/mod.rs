//! What commands and pages read: one row a document, and the full text.
//!
//! A cache: rows follow the changes of their document, and the full text follows the rows. [`refresh`] brings all of
//! it up to date, and is called before anything is read; [`refresh_rows`] is enough for who looks for no words.

mod blanks;
mod cases;
mod collision;
mod people;
mod products;
mod project;
mod row;
mod search;
mod visits;

use rusqlite::Row;
use serde_json::{Map, Value};

use super::{Result, Tx};
use crate::id::DocumentId;

pub use self::{
    blanks::{UsedBlank, books, cases_with_blanks_since, numbers, used_blanks},
    cases::{
        CaseRow, accepted_count, applicant_of_encounter, asked, asked_count, case_count, case_of,
        case_of_reference, case_touched, cases, cases_of_person, cases_of_sitting, cases_of_slip,
        conflict_count, doubled_slips, limited, named_by, officer_of_sitting, slip_of_life, undecided,
        undecided_count,
    },
    collision::{cases_of_blank, open_cases, same_blank, same_service},
    people::{
        PersonRow, Served, people_of_nik, people_served, person_of, person_of_reference, twins_of, unlinked,
    },
    products::{cases_at, count_at, held_by, manifest, products_found, waiting, waiting_count},
    project::{are_rows_stale, is_stale, refresh, refresh_rows, refresh_rows_part, stale_count, villages_of},
    search::{find, people, people_born, refresh_part as refresh_words_part},
    visits::{Surveyed, VisitRow, cases_of_visit, open_visits, surveyed, visit_of, visits, visits_since},
};

/// A column that holds a JSON object; a cache that does not read back shows nothing.
fn detail(row: &Row<'_>, column: usize) -> rusqlite::Result<Map<String, Value>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Every document in the order in which a new laptop gets them: visits, then cases newest first, each with its
/// people before it, then everybody else.
///
/// # Errors
/// The store fails.
pub fn newest_first(tx: Tx<'_>) -> Result<Vec<DocumentId>> {
    let mut seen = std::collections::BTreeSet::new();
    let mut order = Vec::new();
    let mut add = |document: [u8; 16]| {
        if seen.insert(document) {
            order.push(DocumentId(document));
        }
    };
    let mut visits = tx.prepare("SELECT document FROM visit_row ORDER BY day DESC, document")?;
    for row in visits.query_map([], |row| row.get(0))? {
        add(row?);
    }
    let mut cases =
        tx.prepare("SELECT applicant, subject, document FROM case_row ORDER BY started DESC, document")?;
    let rows = cases
        .query_map([], |row| Ok([row.get::<_, Option<[u8; 16]>>(0)?, row.get(1)?, Some(row.get(2)?)]))?;
    for row in rows {
        row?.into_iter().flatten().for_each(&mut add);
    }
    let mut people = tx.prepare("SELECT document FROM person_row ORDER BY document")?;
    for row in people.query_map([], |row| row.get(0))? {
        add(row?);
    }
    Ok(order)
}

/// Forgets every cache, to be rebuilt from the logs.
///
/// # Errors
/// The store fails.
pub fn forget_all(tx: Tx<'_>) -> Result<()> {
    tx.execute_batch(
        "DELETE FROM stale; DELETE FROM unworded; DELETE FROM named; DELETE FROM person_row; DELETE FROM case_row; DELETE FROM visit_row;
         DELETE FROM case_text; INSERT INTO case_index (case_index) VALUES ('delete-all');
         DELETE FROM person_text; INSERT INTO person_index (person_index) VALUES ('delete-all');",
    )?;
    Ok(())
}
