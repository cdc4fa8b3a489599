//! Custody: which cases have arrived, by stored proof alone.

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use crate::{
    id::{ChangeHash, DeviceId, DocumentId, Epoch},
    store::{self, Result, Tx, attachment, carried, forms, read_model},
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
    /// Bytes of what this laptop wrote and the hub has not receipted, packed as they are stored here: what an exchange
    /// sends is a little less or more.
    pub record_bytes: u64,
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
    /// Files carried for others that cannot be handed over for now: a wipe loses none, whoever attached them has them.
    pub attachments_refused: u64,
    /// Whether a wipe would lose nothing.
    pub safe_to_wipe: bool,
}

/// Changes of this laptop that no stored receipt covers and no feed has brought, as `open`, and whether another laptop
/// has signed that it holds them: life for life, so that what a receipt covers is not even looked at. Receipts and
/// notes are for this laptop's own log of a life, not for what a clone of it wrote in that life. As `unsent` their
/// documents, and as `own` the cases among these and those of people among these. The cases of an unsent visit may be
/// thousands, and are nowhere listed: `case_visit` counts them.
const OPEN: &str = "WITH RECURSIVE life (epoch) AS (
         SELECT min(epoch) FROM change WHERE author = ?1
         UNION ALL
         SELECT (SELECT min(epoch) FROM change WHERE author = ?1 AND epoch > life.epoch)
         FROM life WHERE life.epoch IS NOT NULL),
     open (document, second, carried) AS MATERIALIZED (
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
     touched AS (
         SELECT case_row.document, carried FROM unsent CROSS JOIN case_row USING (document)
         UNION ALL SELECT case_row.document, carried FROM unsent CROSS JOIN case_row ON applicant = unsent.document
         UNION ALL SELECT case_row.document, carried FROM unsent CROSS JOIN case_row ON subject = unsent.document),
     own AS MATERIALIZED (SELECT document, min(carried) AS carried FROM touched GROUP BY document)";
/// How many changes are open, and cases: as `of_visits` those of unsent visits, as `alone` those of `own`, each with what
/// its visit waits for, which is null where that has arrived.
const COUNTS: &str = ", of_visits AS MATERIALIZED (
         SELECT count(*) FILTER (WHERE NOT carried) AS here, count(*) AS away,
                count(*) FILTER (WHERE accepted) AS accepted
         FROM unsent CROSS JOIN case_row ON visit = unsent.document),
     alone AS (
         SELECT own.carried, accepted, its.carried AS its_visit
         FROM own CROSS JOIN case_row USING (document) LEFT JOIN unsent AS its ON its.document = case_row.visit),
     of_own AS MATERIALIZED (
         SELECT count(*) FILTER (WHERE NOT carried AND its_visit IS NOT 0) AS here,
                count(*) FILTER (WHERE its_visit IS NULL) AS away,
                count(*) FILTER (WHERE its_visit IS NULL AND accepted) AS accepted
         FROM alone)
     SELECT (SELECT count(*) FROM open WHERE NOT carried), (SELECT count(*) FROM open WHERE carried),
            (SELECT min(second) FROM open WHERE NOT carried),
            of_visits.here + of_own.here, of_visits.away + of_own.away, of_visits.accepted + of_own.accepted
     FROM of_visits CROSS JOIN of_own";
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

/// Bytes of this laptop's own entries that no receipt covers; of a batch that is covered in part, the like part. The
/// batch in which the first of them stands is found by its key.
const RECORD_BYTES: &str = "WITH open (log, head) AS (
         SELECT log.log, coalesce((SELECT head FROM receipt WHERE receipt.epoch = log.epoch), 0)
         FROM log WHERE log.author = ?1 AND log.reader = -1)
     SELECT coalesce(sum((length(body) * (last - max(first - 1, head)) + last - first) / (last - first + 1)), 0)
     FROM open CROSS JOIN batch ON batch.log = open.log AND batch.first >= coalesce(
         (SELECT max(first) FROM batch AS before WHERE before.log = open.log AND before.first <= open.head + 1), 0)
     WHERE last > head";

/// Counts the custody of every case.
///
/// # Errors
/// The store fails.
pub fn count(tx: Tx<'_>, device: DeviceId) -> Result<Custody> {
    let number = |row: &Row<'_>, column| row.get::<_, u64>(column);
    let ([unsent, under_way, on_laptop, away, away_accepted], oldest_unsent) =
        tx.prepare_cached(&format!("{OPEN} {COUNTS}"))?.query_row([device.0], |row| {
            let counts =
                [number(row, 0)?, number(row, 1)?, number(row, 3)?, number(row, 4)?, number(row, 5)?];
            Ok((counts, row.get::<_, Option<u64>>(2)?))
        })?;
    let record_bytes = match unsent + under_way {
        0 => 0,
        _ => tx.prepare_cached(RECORD_BYTES)?.query_row([device.0], |row| row.get(0))?,
    };
    let all = read_model::case_count(tx)?;
    let accepted = read_model::accepted_count(tx)? - away_accepted;
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
        record_bytes,
        for_others,
        for_others_refused,
        drafts,
        forms,
        attachments,
        attachment_bytes,
        attachments_refused: attachment::count_refused(tx)?,
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

/// Who has a change, by stored proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// Nobody but this laptop.
    Nobody,
    /// Another laptop or a bundle has it too, and the hub not for certain.
    Carried,
    /// The hub has it, and other laptops get it from there.
    Hub,
}

/// A change that counts, and who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenChange {
    /// The change.
    pub hash: ChangeHash,
    /// Its own claim of when, in seconds.
    pub second: u64,
    /// Who has it.
    pub seen: Seen,
    /// The life of this laptop that wrote it; none of another's change.
    pub own_epoch: Option<Epoch>,
}

/// Who has each change of a document that counts here, in the order of their arrival. What another wrote and no feed has
/// brought or proved came from another laptop.
///
/// # Errors
/// The store fails.
pub fn seen(tx: Tx<'_>, device: DeviceId, document: DocumentId) -> Result<Vec<SeenChange>> {
    let mut statement = tx.prepare_cached(
        "SELECT change.hash, change.second, change.epoch, change.author,
             change.fed OR change.author = 0 OR (log.author = ?1 AND log.reader = -1
                 AND change.position <= coalesce(receipt.head, 0)),
             change.author <> ?1 OR (log.reader = -1 AND EXISTS (
                 SELECT 1 FROM custody_note AS note WHERE note.epoch = change.epoch
                   AND change.position > note.after AND change.position <= note.head))
         FROM change JOIN log USING (log) LEFT JOIN receipt ON receipt.epoch = change.epoch
         WHERE change.document = ?2 AND change.state = 1 ORDER BY change.arrival",
    )?;
    let rows = statement.query_map(params![device.0, document.0], |row| {
        let seen = match (row.get(4)?, row.get(5)?) {
            (true, _) => Seen::Hub,
            (false, true) => Seen::Carried,
            (false, false) => Seen::Nobody,
        };
        let is_own = row.get::<_, u32>(3)? == device.0;
        Ok(SeenChange {
            hash: store::id(row, 0)?,
            second: row.get(1)?,
            seen,
            own_epoch: if is_own { Some(store::id(row, 2)?) } else { None },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
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
    let mut statement = tx.prepare_cached(&lost())?;
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

/// Asks for what a wipe would lose, and whether somebody carries it, which is null where all of it has arrived. Of an
/// unsent visit the oldest cases are candidates, as many as are listed in all.
fn lost() -> String {
    format!(
        "{OPEN}, candidate AS (
             SELECT document FROM own
             UNION SELECT oldest.document FROM unsent CROSS JOIN case_row AS oldest ON oldest.document IN (
                 SELECT document FROM case_row WHERE visit = unsent.document ORDER BY started, document LIMIT ?2)
             UNION SELECT named.document FROM attachment JOIN named USING (hash)
                   WHERE attachment.own = 1 AND receipt IS NULL AND removed = 0
             UNION SELECT document FROM case_row WHERE {OWN_DRAFT})
         SELECT document, (SELECT min(carried) FROM (
                    SELECT carried FROM own WHERE own.document = case_row.document
                    UNION ALL SELECT carried FROM unsent WHERE unsent.document = case_row.visit)), {OWN_DRAFT}
         FROM case_row WHERE document IN (SELECT document FROM candidate)
         ORDER BY started, document LIMIT ?2"
    )
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
    use proptest::{collection::vec, option, prelude::*};

    use super::*;
    use crate::store::{Store, StoreError};

    const DEVICE: DeviceId = DeviceId(1);
    /// People, visits and cases in turn, as a number names them.
    const DOCUMENTS: u8 = 24;

    fn document(number: u8) -> DocumentId {
        DocumentId([number; 16])
    }

    fn epoch(life: bool) -> [u8; 16] {
        [u8::from(life) + 1; 16]
    }

    /// A case: its people and its visit by their numbers, when it began, and whether an agency accepted it.
    type Known = (u8, u8, Option<u8>, i64, bool);
    /// A change: of which document, by this laptop or another, in which life, from a feed, and whether the hub has it.
    type Written = (u8, bool, bool, bool, bool);

    /// A laptop's store with such cases and changes, receipts up to an entry of each life, and a note over some entries.
    fn laid_out(
        tx: Tx<'_>,
        cases: &[Known],
        written: &[Written],
        receipts: [Option<u64>; 2],
        note: Option<(bool, u64, u64)>,
    ) -> Result<()> {
        for (number, (applicant, subject, visit, started, accepted)) in cases.iter().enumerate() {
            tx.execute(
                "INSERT INTO case_row (document, slip, service, state, unit, applicant, subject, visit, started,
                                       accepted, conflict, detail)
                 VALUES (?1, '', '', 'received', 'V01', ?2, ?3, ?4, ?5, ?6, 0, '{}')",
                params![
                    document(2 * DOCUMENTS + number as u8).0,
                    document(*applicant).0,
                    document(*subject).0,
                    visit.map(|visit| document(DOCUMENTS + visit).0),
                    started,
                    accepted
                ],
            )?;
        }
        for (log, (life, reader)) in [(false, -1), (true, -1), (false, 1)].into_iter().enumerate() {
            tx.execute(
                "INSERT INTO log (log, author, epoch, reader, chain) VALUES (?1, ?2, ?3, ?4, x'')",
                params![log, DEVICE.0, epoch(life), reader],
            )?;
        }
        for (at, (of, own, life, from_feed, fed)) in written.iter().enumerate() {
            let hash = [at as u8; 32];
            let (author, log) =
                (if *own { DEVICE.0 } else { 2 }, if *from_feed { 2 } else { u8::from(*life) });
            tx.execute(
                "INSERT INTO change (arrival, hash, document, author, epoch, position, log, entry, state, second,
                                     root, fed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?1, ?6, 0, 1, ?1, 0, ?7)",
                params![at + 1, hash, document(*of).0, author, epoch(*life), log, fed],
            )?;
        }
        for (life, head) in [false, true].into_iter().zip(receipts) {
            if let Some(head) = head {
                tx.execute(
                    "INSERT INTO receipt (epoch, head, frame) VALUES (?1, ?2, x'')",
                    params![epoch(life), head],
                )?;
            }
        }
        if let Some((life, after, entries)) = note {
            tx.execute(
                "INSERT INTO custody_note (epoch, carrier, after, head, at, frame) VALUES (?1, 3, ?2, ?3, 0, x'')",
                params![epoch(life), after, after + entries],
            )?;
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn counts_and_lists_tell_of_all_cases_what_each_tells_alone(
            cases in vec((0..6_u8, 0..6_u8, option::of(0..3_u8), 0..4_i64, any::<bool>()), 1..12),
            written in vec((0..3 * DOCUMENTS, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()), 0..40),
            receipts in [option::of(0..30_u64), option::of(0..30_u64)],
            note in option::of((any::<bool>(), 0..20_u64, 0..30_u64)),
        ) {
            // Most changes of a store are of documents that are there.
            let shrunk = |(of, own, life, from_feed, fed): Written| {
                let of = match of / DOCUMENTS {
                    0 => of % 6,
                    1 => DOCUMENTS + of % 3,
                    _ => 2 * DOCUMENTS + of % cases.len() as u8,
                };
                (of, own, life, from_feed, fed)
            };
            let written: Vec<_> = written.into_iter().map(shrunk).collect();
            let folder = tempfile::tempdir().expect("there is room");
            let mut store = Store::open(&folder.path().join("a")).expect("opens");
            store.commit::<_, StoreError>(|tx| laid_out(tx, &cases, &written, receipts, note)).expect("lays out");
            let tx = store.reader();
            let places: Vec<_> = (0..cases.len()).map(|number| {
                let case = document(2 * DOCUMENTS + number as u8);
                let place = of_case(tx, DEVICE, case).expect("reads").expect("is there");
                (cases[number].3, case, place)
            }).collect();
            for (_, case, place) in &places {
                let named = read_model::named_by(tx, *case).expect("reads");
                let open = named.into_iter().chain([*case]).flat_map(|document| seen(tx, DEVICE, document).expect("reads"));
                let own = open.filter(|change| change.own_epoch.is_some()).map(|change| change.seen).min();
                let expected = match own {
                    Some(Seen::Nobody) => &[Place::OnLaptop][..],
                    Some(Seen::Carried) => &[Place::Carried],
                    Some(Seen::Hub) | None => &[Place::AtHub, Place::Accepted],
                };
                prop_assert!(expected.contains(place), "{own:?} {place:?}");
            }
            let at = |wanted| places.iter().filter(|(_, _, place)| *place == wanted).count() as u64;
            let counted = count(tx, DEVICE).expect("counts");
            prop_assert_eq!(
                [counted.on_laptop, counted.carried, counted.at_hub, counted.accepted],
                [Place::OnLaptop, Place::Carried, Place::AtHub, Place::Accepted].map(at)
            );
            let mut open: Vec<_> = places.iter().filter_map(|(started, case, place)| match place {
                Place::OnLaptop => Some((*started, *case, Loss::Unsent)),
                Place::Carried => Some((*started, *case, Loss::Carried)),
                Place::AtHub | Place::Accepted => None,
            }).collect();
            open.sort_by_key(|(started, case, _)| (*started, *case));
            let open: Vec<_> = open.into_iter().map(|(_, case, loss)| (case, loss)).collect();
            for limit in [1, 3, 100] {
                let listed = open_cases(tx, DEVICE, limit).expect("lists");
                prop_assert_eq!(&listed[..], &open[..open.len().min(limit)]);
            }
        }
    }

    #[test]
    fn bytes_of_records_are_those_that_no_receipt_covers() {
        let folder = tempfile::tempdir().expect("there is room");
        let mut store = Store::open(&folder.path().join("a")).expect("opens");
        let written = vec![(0, true, false, false, false); 9];
        let mut bytes = |head: Option<u64>| {
            let laid = store.pretend(|tx| {
                laid_out(tx, &[(0, 0, None, 0, false)], &written, [head, None], None)?;
                for (log, first, last, size) in [(0, 1, 4, 400), (0, 5, 8, 402), (2, 1, 4, 999)] {
                    tx.execute(
                        "INSERT INTO batch (log, first, last, before, chain, codec, signature, body)
                         VALUES (?1, ?2, ?3, x'', x'', 0, x'', zeroblob(?4))",
                        params![log, first, last, size],
                    )?;
                }
                Ok(())
            });
            laid.expect("lays out");
            count(store.reader(), DEVICE).expect("counts").record_bytes
        };
        assert_eq!([None, Some(3), Some(4), Some(7)].map(&mut bytes), [802, 502, 402, 101]);
        assert_eq!(bytes(Some(9)), 0, "all has arrived");
    }

    #[test]
    fn no_count_looks_at_every_case() {
        let folder = tempfile::tempdir().expect("there is room");
        let store = Store::open(&folder.path().join("a")).expect("opens");
        let plan = |query: &str| {
            let tx = store.reader();
            let mut plan = tx.prepare(&format!("EXPLAIN QUERY PLAN {query}")).expect("reads");
            let mut rows = plan.raw_query();
            let mut steps = Vec::new();
            while let Some(row) = rows.next().expect("plans") {
                steps.push(row.get::<_, String>(3).expect("a step"));
            }
            steps
        };
        let counts = plan(&format!("{OPEN} {COUNTS}"));
        let by_visit = "SEARCH case_row USING COVERING INDEX case_visit (visit=?)";
        assert!(counts.iter().any(|step| step == by_visit), "{counts:?}");
        let lost = plan(&lost());
        for steps in [&counts, &lost] {
            assert!(!steps.iter().any(|step| step.starts_with("SCAN case_row")), "{steps:?}");
        }
        let one = plan(OF_CASE).join("; ");
        assert!(one.contains("change_document") && !one.contains("change_author"), "{one}");
    }
}
