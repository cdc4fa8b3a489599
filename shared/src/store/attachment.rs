//! What is known here of the files of attachments: held, half held, wanted, receipted.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row, params};

use super::{Result, Store, Tx, changes, file_receipts, files, id};
use crate::{
    document::{Attachment, attachment::THUMBNAIL_BYTES_MAX, schema::ATTACHMENT_BYTES_MAX},
    id::{ContentHash, DeviceId, DocumentId},
};

/// A file, as far as it is here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// Its content.
    pub hash: ContentHash,
    /// Bytes of the whole.
    pub size: u64,
    /// Bytes of it that are here and synced.
    pub held: u64,
    /// Whether all of it is here.
    pub whole: bool,
    /// Whether it was attached here.
    pub own: bool,
    /// Whether it is to be fetched.
    pub wanted: bool,
    /// Laptop: whether another laptop attached it and this one carries it to the hub.
    pub carried: bool,
    /// Laptop: why it is carried and cannot be handed over for now; never of one that was attached here too.
    pub refused: Option<Refused>,
    /// Laptop: whether the hub's receipt for it is stored.
    pub receipted: bool,
}

impl Known {
    /// Whether nobody needs to bring it here: it is, or the hub holds it and nobody here asks for it.
    pub fn is_settled(&self) -> bool {
        self.whole || self.receipted && !self.wanted
    }
}

/// Why a file that is carried cannot be handed over for now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The hub: no case there names it.
    #[error("no case at the hub names it: it was taken away, or its case is not there or is held")]
    NotNamed,
    /// The hub: its case says another size.
    #[error("its case at the hub names another size")]
    Size,
    /// This laptop's disk has damaged it.
    #[error("this laptop's disk has damaged it: take a bundle of the laptop that attached it in again")]
    Damaged,
}

impl Refused {
    fn code(self) -> &'static str {
        match self {
            Self::NotNamed => "not_named",
            Self::Size => "size",
            Self::Damaged => "damaged",
        }
    }
}

/// A file that is carried for another laptop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carried {
    /// The file.
    pub known: Known,
    /// Who gave it.
    pub giver: Option<DeviceId>,
}

/// A file that a case names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Named {
    /// Whether as a small picture.
    pub thumbnail: bool,
    /// Bytes as announced; of a small picture the most that it may have.
    pub size: u64,
    /// Its content.
    pub hash: ContentHash,
}

impl Named {
    /// Whether a file of `size` bytes can be this one.
    pub fn allows(&self, size: u64) -> bool {
        size > 0 && if self.thumbnail { size <= self.size } else { size == self.size }
    }
}

const COLUMNS: &str = "hash, size, held, whole, own, wanted, carried, refused, receipt IS NOT NULL";
/// That a file belongs to a case.
const BELONGS: &str = "EXISTS (SELECT 1 FROM named WHERE named.hash = attachment.hash AND removed = 0)";

/// That a file is carried for another laptop.
const CARRIED: &str = "carried = 1 AND receipt IS NULL";

/// Bytes that a laptop carries of others' files, at most.
const CARRIED_BYTES_MAX: u64 = 1 << 30;
/// Others' files that a laptop carries, at most: fewer than the hub lets it offer, which its own are among.
const CARRIED_MAX: u64 = 10_000;

/// That the hub is still to say that it holds a file of this laptop's, or one that it carries.
fn open_here() -> String {
    format!("(own = 1 AND receipt IS NULL AND {BELONGS} OR {CARRIED})")
}

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    Ok(Known {
        hash: id(row, 0)?,
        size: row.get(1)?,
        held: row.get(2)?,
        whole: row.get(3)?,
        own: row.get(4)?,
        wanted: row.get(5)?,
        carried: row.get(6)?,
        refused: refused(row, 7)?,
        receipted: row.get(8)?,
    })
}

fn refused(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Refused>> {
    let code: Option<String> = row.get(column)?;
    let known = [Refused::NotNamed, Refused::Size, Refused::Damaged];
    Ok(code.and_then(|code| known.into_iter().find(|refused| refused.code() == code)))
}

/// What is known of a file.
///
/// # Errors
/// The store fails.
pub fn find(tx: Tx<'_>, hash: ContentHash) -> Result<Option<Known>> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM attachment WHERE hash = ?1"))?;
    Ok(statement.query_row([hash.0], known).optional()?)
}

fn all(tx: Tx<'_>, condition: &str) -> Result<Vec<Known>> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM attachment WHERE {condition}"))?;
    let rows = statement.query_map([], known)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes a file that was attached here and is in the folder. What the hub receipted stays so.
///
/// # Errors
/// The store fails.
pub fn put_own(tx: Tx<'_>, hash: ContentHash, size: u64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO attachment (hash, size, held, whole, own, wanted) VALUES (?1, ?2, ?2, 1, 1, 0)
         ON CONFLICT DO UPDATE SET size = ?2, held = ?2, whole = 1, own = 1, wanted = 0, refused = NULL",
    )?
    .execute(params![hash.0, size])?;
    Ok(())
}

/// Notes a file that came, or was found in the folder, and is whole.
///
/// # Errors
/// The store fails.
pub fn put_whole(tx: Tx<'_>, hash: ContentHash, size: u64, source: Option<DeviceId>) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO attachment (hash, size, held, whole, own, wanted, source) VALUES (?1, ?2, ?2, 1, 0, 0, ?3)
         ON CONFLICT DO UPDATE SET size = ?2, held = ?2, whole = 1, wanted = 0, source = coalesce(?3, source),
             refused = NULL",
    )?
    .execute(params![hash.0, size, source.map(|device| device.0)])?;
    Ok(())
}

/// Notes how much of a file is here and synced. One that has come whole by another connection stays so.
///
/// # Errors
/// The store fails.
pub fn put_half(tx: Tx<'_>, hash: ContentHash, size: u64, held: u64, source: DeviceId) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO attachment (hash, size, held, whole, own, wanted, source) VALUES (?1, ?2, ?3, 0, 0, 0, ?4)
         ON CONFLICT DO UPDATE SET size = ?2, held = ?3, source = ?4 WHERE whole = 0",
    )?
    .execute(params![hash.0, size, held, source.0])?;
    Ok(())
}

/// Laptop: notes a whole file of another laptop's, to be handed over; whether there was room for it.
///
/// # Errors
/// The store fails.
pub fn put_carried(tx: Tx<'_>, hash: ContentHash, size: u64, source: DeviceId) -> Result<bool> {
    let is_counted = find(tx, hash)?.is_some_and(|known| known.own || known.carried);
    if !is_counted && !carried_room(tx)?.take(size) {
        return Ok(false);
    }
    put_whole(tx, hash, size, Some(source))?;
    tx.prepare_cached("UPDATE attachment SET carried = 1 WHERE hash = ?1 AND own = 0")?.execute([hash.0])?;
    Ok(true)
}

/// What a laptop may yet carry of others' files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    files: u64,
    bytes: u64,
}

impl Room {
    /// Takes room for a file of `size` bytes; whether there was any.
    pub fn take(&mut self, size: u64) -> bool {
        let (Some(files), Some(bytes)) = (self.files.checked_sub(1), self.bytes.checked_sub(size)) else {
            return false;
        };
        *self = Self { files, bytes };
        true
    }
}

/// Laptop: what it may yet carry of others' files.
///
/// # Errors
/// The store fails.
pub fn carried_room(tx: Tx<'_>) -> Result<Room> {
    let (files, bytes): (u64, u64) = tx
        .prepare_cached("SELECT count(*), coalesce(sum(size), 0) FROM attachment WHERE carried = 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Room { files: CARRIED_MAX.saturating_sub(files), bytes: CARRIED_BYTES_MAX.saturating_sub(bytes) })
}

/// Laptop: the hub holds a file that was carried. Returns whether its file is of no use here any more: no case here
/// names it.
///
/// # Errors
/// The store fails.
pub fn put_down(tx: Tx<'_>, hash: ContentHash) -> Result<bool> {
    tx.prepare_cached("UPDATE attachment SET carried = 0, refused = NULL WHERE hash = ?1")?
        .execute([hash.0])?;
    let forgotten = tx
        .prepare_cached(
            "DELETE FROM attachment WHERE hash = ?1 AND own = 0
               AND NOT EXISTS (SELECT 1 FROM named WHERE named.hash = ?1)",
        )?
        .execute([hash.0])?;
    Ok(forgotten > 0)
}

/// Laptop: notes why a file that is only carried cannot be handed over for now, or that it can.
///
/// # Errors
/// The store fails.
pub fn set_refused(tx: Tx<'_>, hash: ContentHash, refused: Option<Refused>) -> Result<()> {
    tx.prepare_cached("UPDATE attachment SET refused = ?2 WHERE hash = ?1 AND carried = 1 AND own = 0")?
        .execute(params![hash.0, refused.map(Refused::code)])?;
    Ok(())
}

/// Laptop: the files that are carried for others, those that cannot be handed over for now first.
///
/// # Errors
/// The store fails.
pub fn carried(tx: Tx<'_>) -> Result<Vec<Carried>> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {COLUMNS}, source FROM attachment WHERE {CARRIED} ORDER BY refused IS NULL, source, hash"
    ))?;
    let rows = statement.query_map([], |row| {
        Ok(Carried { known: known(row)?, giver: row.get::<_, Option<u32>>(9)?.map(DeviceId) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Hub: files that a device attached and that are whole here.
///
/// # Errors
/// The store fails.
pub fn whole_of(tx: Tx<'_>, author: DeviceId) -> Result<Vec<ContentHash>> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT hash FROM named JOIN attachment USING (hash) WHERE author = ?1 AND whole = 1 ORDER BY hash",
    )?;
    let rows = statement.query_map([author.0], |row| id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Asks for a file that is not here: it is fetched at the next contact.
///
/// # Errors
/// The store fails.
pub fn want(tx: Tx<'_>, hash: ContentHash, size: u64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO attachment (hash, size, held, whole, own, wanted) VALUES (?1, ?2, 0, 0, 0, 1)
         ON CONFLICT DO UPDATE SET wanted = 1 - whole",
    )?
    .execute(params![hash.0, size])?;
    Ok(())
}

/// Notes that a file is not here after all, or damaged: it is to be fetched again.
///
/// # Errors
/// The store fails.
pub fn lose(tx: Tx<'_>, hash: ContentHash) -> Result<()> {
    tx.prepare_cached(
        "UPDATE attachment SET held = 0, whole = 0, wanted = 1, refused = iif(carried = 1 AND own = 0, ?2, refused)
         WHERE hash = ?1",
    )?
    .execute(params![hash.0, Refused::Damaged.code()])?;
    Ok(())
}

/// Files that are to be fetched and belong to a case.
///
/// # Errors
/// The store fails.
pub fn wanted(tx: Tx<'_>) -> Result<Vec<Known>> {
    all(tx, &format!("wanted = 1 AND whole = 0 AND {BELONGS} ORDER BY held DESC, hash"))
}

/// Laptop: files attached here, then those carried for others, that the hub has not receipted, each with small pictures
/// first; of what was attached here those that no longer belong to any case are left out. What was refused goes last.
///
/// # Errors
/// The store fails.
pub fn open(tx: Tx<'_>) -> Result<Vec<Known>> {
    all(
        tx,
        &format!(
            "{}
             ORDER BY refused IS NOT NULL, own = 0,
                 EXISTS (SELECT 1 FROM named WHERE named.hash = attachment.hash AND thumbnail = 0), hash",
            open_here()
        ),
    )
}

/// Laptop: the receipts of an earlier life of the hub prove nothing about this one. What is here is its own
/// from now on, whoever attached it: the hub may have lost it.
///
/// # Errors
/// The store fails.
pub fn doubt_receipts(tx: Tx<'_>) -> Result<()> {
    tx.execute(
        "UPDATE attachment SET receipt = NULL, own = max(own, whole), refused = iif(whole = 1, NULL, refused)",
        [],
    )?;
    file_receipts::forget_all(tx)?;
    Ok(())
}

/// Hub: parts that came from a device and are of none of the files that `keeps`; oldest names first.
///
/// # Errors
/// The store fails.
pub fn halves_of(tx: Tx<'_>, source: DeviceId) -> Result<Vec<ContentHash>> {
    let mut statement =
        tx.prepare_cached("SELECT hash FROM attachment WHERE whole = 0 AND held > 0 AND source = ?1")?;
    let rows = statement.query_map([source.0], |row| id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets what is half here of a file.
///
/// # Errors
/// The store fails.
pub fn forget_half(tx: Tx<'_>, hash: ContentHash) -> Result<()> {
    tx.prepare_cached("UPDATE attachment SET held = 0 WHERE hash = ?1 AND whole = 0")?.execute([hash.0])?;
    Ok(())
}

/// Forgets a file that is not whole here and that nobody asks for.
///
/// # Errors
/// The store fails.
pub fn forget(tx: Tx<'_>, hash: ContentHash) -> Result<()> {
    tx.prepare_cached("DELETE FROM attachment WHERE hash = ?1 AND whole = 0 AND wanted = 0")?
        .execute([hash.0])?;
    Ok(())
}

/// Notes what a case names, in place of what it named before.
///
/// # Errors
/// The store fails.
pub fn name(tx: Tx<'_>, document: DocumentId, files: &BTreeMap<ContentHash, Attachment>) -> Result<()> {
    tx.prepare_cached("DELETE FROM named WHERE document = ?1")?.execute([document.0])?;
    if files.is_empty() {
        return Ok(());
    }
    let mut insert = tx.prepare_cached(
        "INSERT OR IGNORE INTO named (document, hash, thumbnail, size, kind, removed, author)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (hash, attachment) in files {
        let kind = attachment.kind.map_or("other", |kind| kind.as_str());
        let removed = attachment.removed.is_some();
        let author = changes::find(tx, &attachment.change)?.map(|change| change.origin.device.0);
        let size = attachment.size.unwrap_or(0).min(ATTACHMENT_BYTES_MAX.unsigned_abs());
        insert.execute(params![document.0, hash.0, false, size, kind, removed, author])?;
        if let Some(thumbnail) = attachment.thumbnail {
            let row = params![document.0, thumbnail.0, true, THUMBNAIL_BYTES_MAX, kind, removed, author];
            insert.execute(row)?;
        }
    }
    Ok(())
}

/// The cases that name a file, each with what it says of it; those from which it was taken away are left out.
///
/// # Errors
/// The store fails.
pub fn names(tx: Tx<'_>, hash: ContentHash) -> Result<Vec<(DocumentId, Named)>> {
    let mut statement = tx.prepare_cached(
        "SELECT document, thumbnail, size, hash FROM named WHERE hash = ?1 AND removed = 0",
    )?;
    let rows = statement.query_map([hash.0], |row| {
        Ok((id(row, 0)?, Named { thumbnail: row.get(1)?, size: row.get(2)?, hash: id(row, 3)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Hub: files that a device attached and that are not here, small pictures first, each with the bytes that are;
/// so many at most.
///
/// # Errors
/// The store fails.
pub fn lacking_of(tx: Tx<'_>, author: DeviceId, limit: usize) -> Result<Vec<(Named, u64)>> {
    let mut statement = tx.prepare_cached(
        "SELECT max(thumbnail), max(named.size), hash, coalesce(held, 0)
         FROM named LEFT JOIN attachment USING (hash)
         WHERE author = ?1 AND removed = 0 AND coalesce(whole, 0) = 0
         GROUP BY hash ORDER BY 1 DESC, held DESC, hash LIMIT ?2",
    )?;
    let rows = statement.query_map(params![author.0, limit], |row| {
        Ok((Named { thumbnail: row.get(0)?, size: row.get(1)?, hash: id(row, 2)? }, row.get(3)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How much this laptop still has to hand over: files attached here or carried for others without a receipt, and their
/// bytes; without what is only carried and cannot be handed over for now.
///
/// # Errors
/// The store fails.
pub fn count_open(tx: Tx<'_>) -> Result<(u64, u64)> {
    Ok(tx
        .prepare_cached(&format!(
            "SELECT count(*), coalesce(sum(size), 0) FROM attachment
             WHERE {} AND (own = 1 OR refused IS NULL)",
            open_here()
        ))?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Laptop: how many files it only carries that cannot be handed over for now.
///
/// # Errors
/// The store fails.
pub fn count_refused(tx: Tx<'_>) -> Result<u64> {
    Ok(tx
        .prepare_cached(&format!(
            "SELECT count(*) FROM attachment WHERE {CARRIED} AND own = 0 AND refused IS NOT NULL"
        ))?
        .query_row([], |row| row.get(0))?)
}

/// How many files are whole here, and their bytes.
///
/// # Errors
/// The store fails.
pub fn count_whole(tx: Tx<'_>) -> Result<(u64, u64)> {
    Ok(tx
        .prepare_cached("SELECT count(*), coalesce(sum(size), 0) FROM attachment WHERE whole = 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Hub: how many files cases name that are not here.
///
/// # Errors
/// The store fails.
pub fn count_to_follow(tx: Tx<'_>) -> Result<u64> {
    Ok(tx
        .prepare_cached(
            "SELECT count(DISTINCT hash) FROM named LEFT JOIN attachment USING (hash)
             WHERE removed = 0 AND thumbnail = 0 AND coalesce(whole, 0) = 0",
        )?
        .query_row([], |row| row.get(0))?)
}

/// Files that somebody should know of.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Checked {
    /// Files whose bytes were compared with their hash.
    pub looked_at: u64,
    /// Files that were here and are not any more: fetched again where somebody holds them.
    pub missing: Vec<ContentHash>,
    /// Files whose bytes were no longer theirs: set aside, and fetched again where somebody holds them.
    pub damaged: Vec<ContentHash>,
    /// Files that cases name, found in the folder though the database did not know of them.
    pub found: Vec<ContentHash>,
}

/// How close a check looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Every byte is read.
    Bytes,
    /// Only whether the files are there, in their length.
    Lengths,
}

/// Compares the folder with what the database says of it, and notes what is missing, damaged or found.
///
/// # Errors
/// The store or the folder fails.
pub fn check(store: &mut Store, look: Look) -> Result<Checked> {
    let files = store.files();
    let mut checked = Checked::default();
    for known in all(store.reader(), "whole = 1 ORDER BY hash")? {
        let state = match look {
            Look::Bytes => files.look(known.hash)?,
            Look::Lengths => files.size(known.hash).map_or(files::State::Missing, files::State::Whole),
        };
        checked.looked_at += 1;
        match state {
            files::State::Whole(size) if size == known.size => continue,
            files::State::Missing => checked.missing.push(known.hash),
            files::State::Whole(_) | files::State::Damaged => {
                files.set_aside(known.hash)?;
                checked.damaged.push(known.hash);
            }
        }
    }
    let mut found = Vec::new();
    for hash in unknown_names(store.reader())? {
        if files.size(hash).is_some()
            && let files::State::Whole(size) = files.look(hash)?
        {
            checked.looked_at += 1;
            found.push((hash, size));
        }
    }
    checked.found = found.iter().map(|(hash, _)| *hash).collect();
    if checked.missing.len() + checked.damaged.len() + found.len() > 0 {
        store.commit(|tx| {
            checked.missing.iter().chain(&checked.damaged).try_for_each(|hash| lose(tx, *hash))?;
            found.iter().try_for_each(|(hash, size)| put_whole(tx, *hash, *size, None))
        })?;
    }
    Ok(checked)
}

/// Files that cases name and that are not known to be whole here.
fn unknown_names(tx: Tx<'_>) -> Result<Vec<ContentHash>> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT hash FROM named LEFT JOIN attachment USING (hash)
         WHERE removed = 0 AND coalesce(whole, 0) = 0 ORDER BY hash",
    )?;
    let rows = statement.query_map([], |row| id(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The bytes of a file, compared with its hash; one that turns out damaged or gone is noted to be fetched again.
///
/// # Errors
/// The store or the folder fails.
pub fn read(store: &mut Store, hash: ContentHash) -> Result<Option<Vec<u8>>> {
    let Some(known) = find(store.reader(), hash)?.filter(|known| known.whole) else { return Ok(None) };
    let files = store.files();
    let bytes = files.read(known.hash)?;
    if bytes.is_none() {
        files.set_aside(hash)?;
        store.commit(|tx| lose(tx, hash))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, StoreError};

    #[test]
    fn what_is_left_of_one_connection_makes_no_half_of_what_came_whole_by_another() {
        let folder = tempfile::tempdir().expect("folder");
        let mut store = Store::open(&folder.path().join("keliling.db")).expect("opens");
        let (hash, device) = (ContentHash([7; 32]), DeviceId(4));
        store
            .commit(|tx| {
                put_half(tx, hash, 100, 40, device)?;
                put_half(tx, hash, 100, 60, device)?;
                assert_eq!(find(tx, hash)?.map(|known| (known.held, known.whole)), Some((60, false)));
                put_whole(tx, hash, 100, Some(device))?;
                put_half(tx, hash, 100, 60, device)?;
                assert!(find(tx, hash)?.is_some_and(|known| known.whole));
                lose(tx, hash)?;
                put_half(tx, hash, 100, 20, device)?;
                assert_eq!(find(tx, hash)?.map(|known| (known.held, known.whole)), Some((20, false)));
                Ok::<_, StoreError>(())
            })
            .expect("commits");
    }

    #[test]
    fn a_file_of_this_laptops_own_that_it_carries_too_counts_against_a_wipe_whatever_the_hub_says() {
        let folder = tempfile::tempdir().expect("folder");
        let mut store = Store::open(&folder.path().join("keliling.db")).expect("opens");
        let (both, other) = (ContentHash([7; 32]), ContentHash([8; 32]));
        store
            .commit(|tx| {
                for hash in [both, other] {
                    assert!(put_carried(tx, hash, 100, DeviceId(4))?);
                }
                put_own(tx, both, 100)?;
                for hash in [both, other] {
                    set_refused(tx, hash, Some(Refused::NotNamed))?;
                }
                assert_eq!((count_open(tx)?, count_refused(tx)?), ((1, 100), 1));
                for hash in [both, other] {
                    lose(tx, hash)?;
                }
                assert_eq!((count_open(tx)?, count_refused(tx)?), ((1, 100), 1));
                let refused =
                    [both, other].map(|hash| find(tx, hash).expect("reads").and_then(|file| file.refused));
                assert_eq!(refused, [None, Some(Refused::Damaged)]);
                Ok::<_, StoreError>(())
            })
            .expect("commits");
    }

    #[test]
    fn others_files_are_carried_up_to_a_number_and_this_laptops_own_go_first() {
        let folder = tempfile::tempdir().expect("folder");
        let mut store = Store::open(&folder.path().join("keliling.db")).expect("opens");
        let (own, document) = (ContentHash([9; 32]), [1_u8; 16]);
        store
            .commit(|tx| {
                tx.execute(
                    "WITH RECURSIVE row (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row WHERE n < ?1)
                     INSERT INTO attachment (hash, size, held, whole, own, wanted, carried)
                     SELECT CAST(printf('%032d', n) AS BLOB), 7, 7, 1, 0, 0, 1 FROM row",
                    [CARRIED_MAX - 1],
                )?;
                put_own(tx, own, 100)?;
                tx.execute(
                    "INSERT INTO named (document, hash, thumbnail, size, kind, removed) VALUES (?1, ?2, 0, 100, 'scan', 0)",
                    params![document, own.0],
                )?;
                let taken = [7, 8].map(|hash| put_carried(tx, ContentHash([hash; 32]), 100, DeviceId(4)));
                assert_eq!(taken.map(|taken| taken.expect("notes")), [true, false]);
                assert!(put_carried(tx, ContentHash([7; 32]), 100, DeviceId(4))?, "it has its place");
                assert_eq!(open(tx)?.first().map(|known| known.hash), Some(own));
                Ok::<_, StoreError>(())
            })
            .expect("commits");
    }
}
