//! Custody: which cases have arrived, by stored proof alone.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use crate::{
    id::{DeviceId, DocumentId},
    store::{self, Result, Tx, attachment, carried, forms},
    time::Timestamp,
};

/// Every case of this laptop in exactly one of four states, and the verdict of what a wipe would lose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Custody {
    /// Cases of which something is nowhere but here.
    pub on_laptop: u64,
    /// Cases that another laptop or a bundle holds too.
    pub carried: u64,
    /// Cases that the hub holds, by its receipt or its feed.
    pub at_hub: u64,
    /// Cases that the hub holds and an agency has accepted.
    pub accepted: u64,
    /// The oldest change that is nowhere but here: seconds since 1970, as it claims.
    pub oldest_unsent: Option<u64>,
    /// Changes that are nowhere but here.
    pub unsent: u64,
    /// Changes of this laptop that another holds too, and the hub not yet.
    pub under_way: u64,
    /// Changes of others that this laptop carries to the hub.
    pub for_others: u64,
    /// Of these, changes that the hub did not take when they were offered last.
    pub for_others_refused: u64,
    /// Drafts of this laptop.
    pub drafts: u64,
    /// Half-typed forms of this laptop's page.
    pub forms: u64,
    /// Files of attachments that are nowhere but here.
    pub attachments: u64,
    /// Their bytes.
    pub attachment_bytes: u64,
    /// Whether a wipe would lose nothing.
    pub safe_to_wipe: bool,
}

/// Changes of this laptop that no stored receipt covers and no feed has brought, as `open`, and whether another laptop
/// has signed that it holds them; as `away` the cases to which they belong, and as `here` those of which nobody else
/// holds something: life for life, so that what a receipt covers is not even looked at. Receipts and notes are for
/// this laptop's own log of a life, not for what a clone of it wrote in that life.
const OPEN: &str = "WITH RECURSIVE life (epoch) AS (
         SELECT min(epoch) FROM change WHERE author = ?1
         UNION ALL
         SELECT (SELECT min(epoch) FROM change WHERE author = ?1 AND epoch > life.epoch)
         FROM life WHERE life.epoch IS NOT NULL),
     open (document, second, carried) AS (
         SELECT change.document, change.second, EXISTS (
             SELECT 1 FROM custody_note AS note JOIN log ON log.log = change.log AND log.reader = -1
             WHERE note.epoch = change.epoch AND change.position > note.after AND change.position <= note.head)
         FROM life CROSS JOIN change
         WHERE change.author = ?1 AND change.epoch = life.epoch AND change.fed = 0
           AND change.position > coalesce((SELECT head FROM receipt WHERE receipt.epoch = life.epoch), 0)
         UNION ALL
         SELECT change.document, change.second, 0 FROM log CROSS JOIN change USING (log)
         WHERE log.reader <> -1 AND change.author = ?1 AND change.fed = 0
           AND change.position <= coalesce((SELECT head FROM receipt WHERE receipt.epoch = change.epoch), 0)),
     unsent AS MATERIALIZED (SELECT document, min(carried) AS carried FROM open GROUP BY document),
     touched AS MATERIALIZED (
         SELECT case_row.document, carried FROM unsent CROSS JOIN case_row USING (document)
         UNION ALL SELECT case_row.document, carried FROM unsent CROSS JOIN case_row ON applicant = unsent.document
         UNION ALL SELECT case_row.document, carried FROM unsent CROSS JOIN case_row ON subject = unsent.document
         UNION ALL SELECT case_row.document, carried FROM unsent CROSS JOIN case_row ON visit = unsent.document),
     away AS MATERIALIZED (SELECT document, min(carried) AS carried FROM touched GROUP BY document),
     here AS (SELECT document FROM away WHERE NOT carried)";
/// That a case is a draft of this laptop.
const OWN_DRAFT: &str = "state = 'draft' AND EXISTS (
     SELECT 1 FROM change WHERE change.document = case_row.document AND change.root = 1 AND +change.author = ?1)";

/// What one case waits for; the `+` keeps SQLite from looking at everything that this laptop ever wrote.
const OF_CASE: &str = "SELECT accepted, (
         SELECT min(log.reader = -1 AND EXISTS (
             SELECT 1 FROM custody_note AS note WHERE note.epoch = change.epoch
               AND change.position > note.after AND change.position <= note.head))
         FROM change JOIN log USING (log) LEFT JOIN receipt ON receipt.epoch = change.epoch
         WHERE change.document IN (case_row.document, case_row.applicant, case_row.subject, case_row.visit)
           AND +change.author = ?1 AND change.fed = 0
           AND (log.reader <> -1 OR change.position > coalesce(receipt.head, 0)))
     FROM case_row WHERE case_row.document = ?2";

/// Counts the custody of every case.
///
/// # Errors
/// The store fails.
pub fn count(tx: Tx<'_>, device: DeviceId) -> Result<Custody> {
    let (unsent, under_way, oldest_unsent) = tx
        .prepare_cached(&format!(
            "{OPEN} SELECT count(*) FILTER (WHERE NOT carried), count(*) FILTER (WHERE carried),
                 min(second) FILTER (WHERE NOT carried) FROM open"
        ))?
        .query_row([device.0], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?, row.get::<_, Option<u64>>(2)?))
        })?;
    let (on_laptop, away, accepted, all) = tx
        .prepare_cached(&format!(
            "{OPEN} SELECT (SELECT count(*) FROM here), (SELECT count(*) FROM away),
                 (SELECT count(*) FROM case_row WHERE accepted AND document NOT IN (SELECT document FROM away)),
                 (SELECT count(*) FROM case_row)"
        ))?
        .query_row([device.0], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?, row.get::<_, u64>(2)?, row.get::<_, u64>(3)?))
        })?;
    let drafts = tx
        .prepare_cached(&format!("SELECT count(*) FROM case_row WHERE {OWN_DRAFT}"))?
        .query_row([device.0], |row| row.get::<_, u64>(0))?;
    let forms = forms::count(tx)?;
    let carried::Burden { changes: for_others, refused: for_others_refused, .. } = carried::burden(tx)?;
    let (attachments, attachment_bytes) = attachment::count_open(tx)?;
    Ok(Custody {
        on_laptop,
        carried: away - on_laptop,
        at_hub: all - away - accepted,
        accepted,
        oldest_unsent,
        unsent,
        under_way,
        for_others,
        for_others_refused,
        drafts,
        forms,
        attachments,
        attachment_bytes,
        safe_to_wipe: [unsent, under_way, for_others, drafts, forms, attachments] == [0; 6],
    })
}

/// Where a case is, by stored proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Something of it is nowhere but here.
    OnLaptop,
    /// Another laptop or a bundle holds it too.
    Carried,
    /// The hub holds it.
    AtHub,
    /// The hub holds it and an agency has accepted it.
    Accepted,
}

/// Where one case is; at the hub itself, everything is at the hub.
///
/// # Errors
/// The store fails.
pub fn of_case(tx: Tx<'_>, device: DeviceId, case: DocumentId) -> Result<Option<Place>> {
    let found = tx
        .prepare_cached(OF_CASE)?
        .query_row(params![device.0, case.0], |row| {
            Ok((row.get::<_, bool>(0)?, row.get::<_, Option<bool>>(1)?))
        })
        .optional()?;
    Ok(found.map(|(accepted, open)| match (accepted, open.filter(|_| device != DeviceId::HUB)) {
        (_, Some(false)) => Place::OnLaptop,
        (_, Some(true)) => Place::Carried,
        (true, None) => Place::Accepted,
        (false, None) => Place::AtHub,
    }))
}

/// Why a wipe would lose a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Something of it is nowhere but here.
    Unsent,
    /// Another laptop holds it too, and the hub not yet.
    Carried,
    /// It is a draft of this laptop, and all of it has arrived.
    Draft,
    /// A file of it is nowhere but here.
    Attachment,
}

/// The cases that a wipe would lose, or leave to a carrier: those of which the hub lacks something, a file too, and
/// this laptop's drafts;
/// at most `limit`, oldest first.
///
/// # Errors
/// The store fails.
pub fn open_cases(tx: Tx<'_>, device: DeviceId, limit: usize) -> Result<Vec<(DocumentId, Loss)>> {
    let mut statement = tx.prepare_cached(&format!(
        "{OPEN} SELECT document, (SELECT carried FROM away WHERE away.document = case_row.document), {OWN_DRAFT}
         FROM case_row WHERE document IN (SELECT document FROM away UNION SELECT document FROM case_row WHERE {OWN_DRAFT}
                            UNION SELECT named.document FROM attachment JOIN named USING (hash)
                                  WHERE own = 1 AND receipt IS NULL AND removed = 0)
         ORDER BY started, document LIMIT ?2"
    ))?;
    let rows = statement.query_map(params![device.0, limit], |row| {
        let loss = match (row.get::<_, Option<bool>>(1)?, row.get(2)?) {
            (Some(false), _) => Loss::Unsent,
            (Some(true), _) => Loss::Carried,
            (None, true) => Loss::Draft,
            (None, false) => Loss::Attachment,
        };
        Ok((store::id(row, 0)?, loss))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Drafts of this laptop, oldest first.
///
/// # Errors
/// The store fails.
pub fn drafts(tx: Tx<'_>, device: DeviceId) -> Result<Vec<DocumentId>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT document FROM case_row WHERE {OWN_DRAFT} ORDER BY started, document"
    ))?;
    let rows = statement.query_map([device.0], |row| store::id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A moment that is written as seconds.
pub fn moment(seconds: u64) -> Timestamp {
    Timestamp(i64::try_from(seconds).unwrap_or(i64::MAX / 1_000).saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn a_case_is_looked_for_by_its_documents() {
        let folder = tempfile::tempdir().expect("there is room");
        let store = Store::open(&folder.path().join("a")).expect("opens");
        let tx = store.reader();
        let mut plan = tx.prepare(&format!("EXPLAIN QUERY PLAN {OF_CASE}")).expect("reads");
        let steps = plan.query_map(params![1, [0_u8; 16]], |row| row.get::<_, String>(3)).expect("plans");
        let steps = steps.collect::<Result<Vec<_>, _>>().expect("plans").join("; ");
        assert!(steps.contains("change_document") && !steps.contains("change_author"), "{steps}");
    }
}
