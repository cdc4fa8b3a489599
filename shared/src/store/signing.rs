//! Signed batches: the entries of a log gathered until a batch is full, packed and signed by the log's author.

use rusqlite::params;

use super::{
    Result, Tx, changes, damaged,
    log::{self, Log, batch_with, entries, hash_at, insert},
};
use crate::{
    id::ChangeHash,
    wire::{
        batch::{
            self, BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, BATCH_INFLATED_BYTES_MAX, Batch, Body, Chain, Entry,
            Hashed,
        },
        pack::{Packs, Place, Places, REFERENCES_MAX},
    },
};

/// How many bytes of rows are taken for one encoded byte before any are encoded, and at most.
const PACKED_RATIO: usize = 40;
const ROWS_RATIO: usize = 3;

/// Signs a message as a log's author.
pub type Sign<'a> = dyn Fn(&[u8]) -> Vec<u8> + 'a;

/// Entries on their way into signed batches of up to [`BATCH_BYTES_MAX`].
pub struct Signing<'a> {
    tx: Tx<'a>,
    log: Log,
    /// The log whose entries parents are named by, if by any.
    named: Option<Log>,
    sign: &'a Sign<'a>,
    /// What the reader knows of packed batches, `None` where it reads rows alone.
    packs: Option<Packs>,
    /// The entry that comes next, and the chain before it.
    next: (u64, Chain),
    /// What is not in a batch yet, and its bytes as rows.
    open: Hashed,
    open_bytes: usize,
    /// What rows have packed to so far.
    ratio: usize,
    signed: Vec<Batch>,
}

impl std::fmt::Debug for Signing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signing").field("next", &self.next.0).finish_non_exhaustive()
    }
}

impl<'a> Signing<'a> {
    /// Goes on behind the end of `log`, of which every entry is signed. `packs` is what the reader knows
    /// of packed batches, `None` where it reads rows alone.
    pub fn behind(tx: Tx<'a>, log: Log, sign: &'a Sign<'a>, packs: Option<Packs>) -> Self {
        Self::from(tx, log, (log.head.index + 1, log.head.chain), sign, packs)
    }

    /// The same, naming parents by their places in `named`: of a feed, its reader's own log, where the reader can
    /// find them.
    #[must_use]
    pub fn naming(self, named: Option<Log>) -> Self {
        Self { named, ..self }
    }

    fn from(tx: Tx<'a>, log: Log, next: (u64, Chain), sign: &'a Sign<'a>, packs: Option<Packs>) -> Self {
        Self {
            tx,
            log,
            // A feed is cut at its beginning as its reader confirms it: none of its own entries is named.
            named: Some(log).filter(|log| log.name.reader.is_none()),
            sign,
            ratio: ratio_max(packs.as_ref()),
            packs,
            next,
            open: Hashed::new(),
            open_bytes: 0,
            signed: Vec::new(),
        }
    }

    /// Takes the next entry, with the hash of the change that it holds, if it holds one.
    ///
    /// # Errors
    /// The store fails.
    pub fn push(&mut self, entry: Entry, hash: Option<ChangeHash>) -> Result<()> {
        let size = batch::entry_bytes(&entry);
        let bytes = self.open_bytes + size;
        // By what rows have packed to so far; what turns out larger is split when it is written.
        let full = bytes / self.ratio > BATCH_BYTES_MAX || bytes > BATCH_INFLATED_BYTES_MAX;
        if self.open.len() >= BATCH_ENTRIES_MAX || full {
            self.close()?;
        }
        self.open_bytes += size;
        self.open.push((entry, hash));
        Ok(())
    }

    /// The batches of all that was taken.
    ///
    /// # Errors
    /// The store fails.
    pub fn finish(mut self) -> Result<Vec<Batch>> {
        self.close()?;
        Ok(self.signed)
    }

    /// Bytes, as rows, of what is not in a batch yet.
    pub fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// Makes a batch of what is not in one yet, however little it is.
    ///
    /// # Errors
    /// The store fails.
    pub fn close(&mut self) -> Result<()> {
        let open = std::mem::take(&mut self.open);
        let written = self.add(&open)?;
        self.ratio = (self.open_bytes / written.max(1)).clamp(1, ratio_max(self.packs.as_ref()));
        self.open_bytes = 0;
        Ok(())
    }

    /// Adds `entries`, which come next, as one batch, or as more where it would be too large. Returns how many bytes
    /// they are encoded.
    fn add(&mut self, entries: &[(Entry, Option<ChangeHash>)]) -> Result<usize> {
        if entries.is_empty() {
            return Ok(0);
        }
        let (first, before) = self.next;
        let places = match &self.named {
            Some(named) if *named == self.log => parents(self.tx, named, first, entries)?,
            Some(named) => parents(self.tx, named, named.head.index + 1, entries)?,
            None => Places::default(),
        };
        let Body { codec, bytes, places, dictionary } = encode(entries, &places, self.packs.as_ref());
        if bytes.len() > BATCH_BYTES_MAX && entries.len() > 1 {
            let (left, right) = entries.split_at(entries.len() / 2);
            return Ok(self.add(left)? + self.add(right)?);
        }
        let chain = entries.iter().fold(before, |chain, (entry, hash)| chain.after(entry, hash.as_ref()));
        let last = first + entries.len() as u64 - 1;
        let log = self.log.name;
        let signature = (self.sign)(&Batch::signed_message(&log, last, chain));
        let size = bytes.len();
        self.signed.push(Batch {
            log,
            first,
            last,
            before,
            chain,
            codec,
            body: bytes,
            signature,
            places,
            dictionary,
        });
        self.next = (last + 1, chain);
        Ok(size)
    }
}

fn ratio_max(packs: Option<&Packs>) -> usize {
    if packs.is_some() { PACKED_RATIO } else { ROWS_RATIO }
}

/// Index of the last entry that is signed, 0 of none.
///
/// # Errors
/// The store fails.
pub fn signed_head(tx: Tx<'_>, log: &Log) -> Result<u64> {
    let first: Option<u64> = tx
        .prepare_cached("SELECT min(first) FROM batch WHERE log = ?1 AND signature = x''")?
        .query_row([log.row], |row| row.get(0))?;
    Ok(first.map_or(log.head.index, |first| first - 1))
}

/// The unsigned batches at the end of `log` merged into signed ones, entry for entry, for [`put_signed`]; writes
/// nothing. `packs` as for [`Signing::behind`].
///
/// # Errors
/// The store fails or is damaged.
pub fn signed(tx: Tx<'_>, log: &Log, sign: &Sign<'_>, packs: Option<&Packs>) -> Result<Vec<Batch>> {
    let unsigned = unsigned(tx, log)?;
    let Some(&first) = unsigned.first() else { return Ok(Vec::new()) };
    let before = batch_with(tx, log, first)?.ok_or(damaged("batch"))?.before;
    let mut signing = Signing::from(tx, *log, (first, before), sign, packs.cloned());
    for first in unsigned {
        let batch = batch_with(tx, log, first)?.ok_or(damaged("batch"))?;
        for ((entry, _), at) in entries(&batch)?.into_iter().zip(first..) {
            let hash = hash_at(tx, log, at, &entry)?;
            signing.push(entry, hash)?;
        }
    }
    signing.finish()
}

/// Puts signed batches in the place of the unsigned ones that they were made of: entries keep their index.
///
/// # Errors
/// The store fails, or the batches are not those of the log's unsigned end.
pub fn put_signed(tx: Tx<'_>, log: &Log, signed: &[Batch]) -> Result<()> {
    let (Some(first), Some(last)) = (signed.first(), signed.last()) else { return Ok(()) };
    let unsigned = unsigned(tx, log)?;
    if unsigned.first() != Some(&first.first) || last.last != log.head.index || last.chain != log.head.chain {
        return Err(damaged("batch"));
    }
    for first in unsigned {
        tx.prepare_cached("DELETE FROM batch WHERE log = ?1 AND first = ?2")?
            .execute(params![log.row, first])?;
        tx.memory.borrow_mut().bodies.forget(log.row, first);
    }
    signed.iter().try_for_each(|batch| insert(tx, log.row, batch))
}

/// Where the unsigned batches of `log` begin.
fn unsigned(tx: Tx<'_>, log: &Log) -> Result<Vec<u64>> {
    let mut statement =
        tx.prepare_cached("SELECT first FROM batch WHERE log = ?1 AND signature = x'' ORDER BY first")?;
    Ok(statement.query_map([log.row], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// A stored batch that needs nothing else of its log to be read, for who may not hold the rest.
///
/// # Errors
/// The store is damaged.
pub fn alone(batch: Batch, packs: Option<&Packs>) -> Result<Batch> {
    if batch.places.is_empty() { readable(batch, packs) } else { repacked(batch, &Places::default(), packs) }
}

/// A stored batch as its reader knows to read it: what was written with a dictionary that the reader has not said it
/// knows is packed anew.
///
/// # Errors
/// The store is damaged.
pub fn readable(batch: Batch, packs: Option<&Packs>) -> Result<Batch> {
    if batch.is_read_with(packs) {
        return Ok(batch);
    }
    let places = batch.places.clone();
    repacked(batch, &places, packs)
}

fn repacked(batch: Batch, places: &Places, packs: Option<&Packs>) -> Result<Batch> {
    let mut entries = entries(&batch)?;
    for (entry, hash) in &mut entries {
        if hash.is_none() {
            *hash = entry.change().and_then(log::name_of);
        }
    }
    let Body { codec, bytes, places, dictionary } = encode(&entries, places, packs);
    Ok(Batch { codec, body: bytes, places, dictionary, ..batch })
}

fn encode(entries: &[(Entry, Option<ChangeHash>)], places: &Places, packs: Option<&Packs>) -> Body {
    match packs {
        Some(packs) => batch::encode(entries, places, packs),
        None => batch::encode_rows(entries.iter().map(|(entry, _)| entry)),
    }
}

/// The parents of `entries` that stand in `log` before entry `end`.
fn parents(tx: Tx<'_>, log: &Log, end: u64, entries: &[(Entry, Option<ChangeHash>)]) -> Result<Places> {
    let mut places = Places::default();
    let parents = entries.iter().filter_map(|(entry, _)| entry.change()).flat_map(|change| &change.parents);
    for parent in parents {
        if places.len() == REFERENCES_MAX {
            break;
        }
        if let Some(found) = changes::find(tx, parent)?
            && found.log == log.row
            && found.entry < end
        {
            places.insert(found.entry, Place { document: found.document, hash: found.hash });
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{Edit, History, NewEvent, SCHEMA, State},
        id::{ActorId, DeviceId, DocumentId, Epoch, Kind},
        store::{
            Store,
            log::{append, find_or_begin, find_places, read, read_opened},
        },
        time::Timestamp,
        wire::{
            batch::{BatchError, Codec, LogName, Reader},
            pack::{NEWEST, PackError},
        },
    };

    const NAME: LogName = LogName { author: DeviceId(3), epoch: Epoch([5; 16]), reader: None };

    /// Cases, and a second status of each.
    fn cases() -> (Hashed, Hashed) {
        let actor = ActorId([7; 16]);
        let (mut made, mut edited) = (Hashed::new(), Hashed::new());
        for number in 0..20 {
            let document = DocumentId::new([7; 10], Kind::Case, number);
            let mut history = History::default();
            let mut edit = Edit::create(document, actor);
            edit.make(&["status"]).expect("allowed");
            for (entries, state) in [(&mut made, State::Received), (&mut edited, State::Complete)] {
                let at = Timestamp(1_795_000_000_000 + number as i64);
                NewEvent::new(state, at).write(&mut edit).expect("allowed");
                let (hash, change) = edit.commit(at, SCHEMA).expect("commits").expect("a change");
                entries.push((Entry::Change { document, change: change.clone().into() }, Some(hash)));
                assert!(history.insert(hash, change));
                edit = Edit::open_checked(Kind::Case, &history, actor);
            }
        }
        (made, edited)
    }

    /// Appends entries, tells the index of them and signs; the batch that came of it.
    fn appended(tx: Tx<'_>, entries: &Hashed, packs: Option<&Packs>) -> Batch {
        let mut log = find_or_begin(tx, &NAME).expect("begins");
        let first = log.head.index + 1;
        append(tx, &mut log, entries).expect("appends");
        for ((entry, hash), index) in entries.iter().zip(first..) {
            let (Entry::Change { document, change }, Some(hash)) = (entry, *hash) else { continue };
            let origin = batch::Origin { device: NAME.author, epoch: NAME.epoch, index };
            let indexed = changes::Indexed {
                hash,
                document: *document,
                origin,
                log: log.row,
                entry: index,
                state: changes::State::Applied,
                arrival: None,
                second: 0,
                root: change.parents.is_empty(),
                fed: false,
            };
            changes::insert(tx, &indexed).expect("inserts");
        }
        let batches = signed(tx, &log, &|_: &[u8]| vec![9; 64], packs).expect("signs");
        put_signed(tx, &log, &batches).expect("puts them in place");
        batch_with(tx, &log, first).expect("reads").expect("it is there")
    }

    #[test]
    fn signed_batches_are_packed_and_read_without_the_rest_of_their_log() {
        let folder = tempfile::tempdir().expect("folder");
        let mut store = Store::open(&folder.path().join("keliling.db")).expect("opens");
        let (made, edited) = cases();
        store
            .commit(|tx| {
                let first = appended(tx, &made, Some(&Packs::inside(NEWEST)));
                assert_eq!((first.codec, first.places.len()), (Codec::Pack, 0));
                let second = appended(tx, &edited, Some(&Packs::inside(NEWEST)));
                assert_eq!((second.codec, second.places.len()), (Codec::Pack, 20));
                let plain = |batch: &Batch| -> Vec<Entry> {
                    entries(batch).expect("reads").into_iter().map(|(entry, _)| entry).collect()
                };
                let expected: Vec<_> = edited.iter().map(|(entry, _)| entry.clone()).collect();
                assert_eq!(plain(&second), expected);
                // As it arrives elsewhere: its places are found in the log there.
                let log = find_or_begin(tx, &NAME).expect("is there");
                let sent = Batch::of_bytes(&second.to_bytes()).expect("reads");
                assert!(matches!(read(&sent), Err(BatchError::Pack(PackError::Reference { .. }))));
                let named = sent.open().and_then(|opened| opened.references()).expect("reads");
                let places = find_places(tx, &log, &named).expect("finds");
                assert_eq!(places, second.places);
                tx.execute("DELETE FROM change", []).expect("forgets");
                assert_eq!(find_places(tx, &log, &named).expect("finds"), places);
                for packs in [None, Some(Packs::inside(1)), Some(Packs::inside(NEWEST))] {
                    let batch = readable(second.clone(), packs.as_ref()).expect("is read");
                    assert!(batch.is_read_with(packs.as_ref()), "{packs:?}: {:?}", batch.codec);
                    assert_eq!(plain(&batch), expected);
                }
                let alone = alone(second, Some(&Packs::inside(NEWEST))).expect("stands alone");
                assert!(alone.places.is_empty());
                assert_eq!(alone.open().and_then(|opened| opened.references()), Ok(Vec::new()));
                assert_eq!(plain(&alone), expected);
                Ok::<_, crate::store::StoreError>(())
            })
            .expect("commits");
    }

    #[test]
    fn a_feed_names_what_its_reader_wrote_by_its_place_in_the_readers_log() {
        let folder = tempfile::tempdir().expect("folder");
        let mut store = Store::open(&folder.path().join("keliling.db")).expect("opens");
        let (made, edited) = cases();
        store
            .commit(|tx| {
                appended(tx, &made, Some(&Packs::inside(NEWEST)));
                let own = find_or_begin(tx, &NAME).expect("is there");
                let reader = Some(Reader { device: NAME.author, epoch: NAME.epoch });
                let name = LogName { author: DeviceId::HUB, epoch: Epoch([6; 16]), reader };
                let feed = find_or_begin(tx, &name).expect("begins");
                let fed: Hashed = (1..)
                    .zip(edited)
                    .map(|(index, (entry, hash))| {
                        let Entry::Change { document, change } = entry else { unreachable!("made above") };
                        let origin = batch::Origin { device: DeviceId::HUB, epoch: Epoch([6; 16]), index };
                        (Entry::Fed { origin, document, change }, hash)
                    })
                    .collect();
                let signed = |named| {
                    let mut signing =
                        Signing::behind(tx, feed, &|_: &[u8]| vec![9; 64], Some(Packs::inside(NEWEST)))
                            .naming(named);
                    for (entry, hash) in fed.clone() {
                        signing.push(entry, hash).expect("takes it");
                    }
                    signing.finish().expect("signs").remove(0)
                };
                let (by_hash, by_place) = (signed(None), signed(Some(own)));
                assert_eq!((by_hash.places.len(), by_place.places.len()), (0, 20));
                assert!(by_hash.body.len() > by_place.body.len() + 20 * 30);
                assert_eq!(by_hash.chain, by_place.chain, "the chain binds hashes");
                // As it arrives where that log is.
                let sent = Batch::of_bytes(&by_place.to_bytes()).expect("reads");
                assert_eq!(sent.log.named(), NAME);
                let opened = sent.open().expect("inflates");
                let places = find_places(tx, &own, &opened.references().expect("reads")).expect("finds");
                let read = read_opened(&opened, &places).expect("reads");
                let plain = |entries: &Hashed| -> Vec<Entry> {
                    entries.iter().map(|(entry, _)| entry.clone()).collect()
                };
                assert_eq!(plain(&read), plain(&fed));
                Ok::<_, crate::store::StoreError>(())
            })
            .expect("commits");
    }

    #[test]
    fn who_does_not_pack_gets_rows() {
        let folder = tempfile::tempdir().expect("folder");
        let mut store = Store::open(&folder.path().join("keliling.db")).expect("opens");
        let (made, _) = cases();
        store
            .commit(|tx| {
                let batch = appended(tx, &made, None);
                assert_eq!(batch.codec, Codec::RowsZstd);
                assert_eq!(entries(&batch).expect("reads").len(), made.len());
                Ok::<_, crate::store::StoreError>(())
            })
            .expect("commits");
    }
}
