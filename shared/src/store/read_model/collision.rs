//! Cases that collide though no field does: one service twice for one person, one blank in two cases.

use rusqlite::params;

use super::{
    cases::{CASE, CaseRow, OPEN, case},
    project::Touched,
};
use crate::{
    blank::BlankKind,
    id::DocumentId,
    store::{Result, Tx, id},
};

/// Documents of one person: `?1` is one of them, or stands for them.
const TWINS: &str = "SELECT document FROM person_row
     WHERE twin = coalesce((SELECT twin FROM person_row WHERE document = ?1), ?1) UNION SELECT ?1";

/// Whether there are others than `?1` alone.
const HAS_TWINS: &str = "SELECT 1 FROM person_row
     WHERE twin = coalesce((SELECT twin FROM person_row WHERE document = ?1), ?1) AND document <> ?1";

/// Marks the cases of `touched` people and blanks anew.
pub(super) fn mark(tx: Tx<'_>, touched: &Touched) -> Result<()> {
    let known =
        |whose| format!("SELECT document, service, {OPEN}, same_service FROM case_row WHERE subject {whose}");
    let mut of_one = tx.prepare_cached(&known("= ?1".to_owned()))?;
    let mut of_twins = tx.prepare_cached(&known(format!("IN ({TWINS})")))?;
    let mut has_twins = tx.prepare_cached(HAS_TWINS)?;
    let mut set = tx.prepare_cached("UPDATE case_row SET same_service = ?2 WHERE document = ?1")?;
    for subject in &touched.subjects {
        let known = if has_twins.exists([subject.0])? { &mut of_twins } else { &mut of_one };
        let cases = known
            .query_map([subject.0], |row| {
                Ok((id::<DocumentId>(row, 0)?, row.get::<_, String>(1)?, row.get(2)?, row.get::<_, bool>(3)?))
            })?
            .collect::<Result<Vec<_>, _>>()?;
        let open = |of: &str| cases.iter().filter(|(_, service, open, _)| *open && service == of).count();
        for (case, service, is_open, was) in &cases {
            let is = *is_open && open(service) > 1;
            if is != *was {
                set.execute(params![case.0, is])?;
            }
        }
    }
    let mut known = tx.prepare_cached(&format!(
        "SELECT document, same_blank, EXISTS (
                 SELECT 1 FROM case_row AS other
                 WHERE other.blank = ?1 AND other.document <> case_row.document
                   AND {})
             FROM case_row WHERE blank = ?1",
        same_kind("other.blank_kind")
    ))?;
    let mut set = tx.prepare_cached("UPDATE case_row SET same_blank = ?2 WHERE document = ?1")?;
    for blank in &touched.blanks {
        for (case, is) in changed(&mut known, params![blank])? {
            set.execute(params![case.0, is])?;
        }
    }
    // A case that has lost its blank collides with none.
    let mut lost = tx.prepare_cached(
        "UPDATE case_row SET same_blank = 0 WHERE document = ?1 AND same_blank AND blank IS NULL",
    )?;
    for case in &touched.with_blanks {
        lost.execute([case.0])?;
    }
    Ok(())
}

/// Cases whose mark is not what it should be, with what it should be.
fn changed(
    statement: &mut rusqlite::Statement<'_>,
    of: impl rusqlite::Params,
) -> Result<Vec<(DocumentId, bool)>> {
    let rows = statement
        .query_map(of, |row| Ok((id(row, 0)?, row.get::<_, bool>(1)?, row.get::<_, bool>(2)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().filter(|(_, was, is)| was != is).map(|(case, _, is)| (case, is)).collect())
}

/// The open cases of a case's person about the same service, itself included; none where it is the only one.
///
/// # Errors
/// The store fails.
pub fn same_service(tx: Tx<'_>, of: &CaseRow) -> Result<Vec<CaseRow>> {
    let Some(subject) = of.subject else { return Ok(Vec::new()) };
    Ok(several(of, open_cases(tx, subject, &of.service)?))
}

/// The cases with a case's blank, itself included; none where it is the only one.
///
/// # Errors
/// The store fails.
pub fn same_blank(tx: Tx<'_>, of: &CaseRow) -> Result<Vec<CaseRow>> {
    let Some(blank) = of.detail.get("blank").and_then(|blank| blank.as_str()) else { return Ok(Vec::new()) };
    let mut statement = tx.prepare_cached(&format!(
        "{CASE} JOIN case_row AS own ON own.document = ?1
         WHERE case_row.blank = ?2 AND {} ORDER BY case_row.started, case_row.document",
        same_kind("own.blank_kind")
    ))?;
    let rows = statement.query_map(params![of.document.0, blank], case)?;
    Ok(several(of, rows.collect::<Result<_, _>>()?))
}

/// The cases of a person for a service that have not ended, the oldest first.
///
/// # Errors
/// The store fails.
pub fn open_cases(tx: Tx<'_>, subject: DocumentId, service: &str) -> Result<Vec<CaseRow>> {
    let mut statement = tx.prepare_cached(&format!(
        "{CASE} WHERE case_row.subject IN ({TWINS}) AND case_row.service = ?2 AND {OPEN}
         ORDER BY case_row.started, case_row.document"
    ))?;
    let rows = statement.query_map(params![subject.0, service], case)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The cases with a numbered blank of a kind, the oldest first.
///
/// # Errors
/// The store fails.
pub fn cases_of_blank(tx: Tx<'_>, kind: Option<&BlankKind>, blank: &str) -> Result<Vec<CaseRow>> {
    let mut statement = tx.prepare_cached(&format!(
        "{CASE} WHERE case_row.blank = ?1 AND {} ORDER BY case_row.started, case_row.document",
        same_kind("?2")
    ))?;
    let rows = statement.query_map(params![blank, kind.map(BlankKind::as_str)], case)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// That a case's blank is of the kind `other`; a kind that nobody knows may be any.
fn same_kind(other: &str) -> String {
    format!("coalesce(case_row.blank_kind = {other}, 1)")
}

fn several(of: &CaseRow, cases: Vec<CaseRow>) -> Vec<CaseRow> {
    let collide = cases.len() > 1 && cases.iter().any(|case| case.document == of.document);
    if collide { cases } else { Vec::new() }
}
