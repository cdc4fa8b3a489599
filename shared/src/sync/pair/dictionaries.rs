//! Dictionaries that an operator brings: fetched behind facts, used by both sides, never towards who lacks them.

use super::{Pair, record};
use crate::{
    store::{StoreError, damaged, dictionaries, log, read_model},
    sync::{
        Replica,
        bundle::{Bundle, For, Part},
        dictionary::AddDictionaryError,
    },
    time::Timestamp,
    wire::{
        Batch,
        pack::{DictionaryError, DictionaryName, OLDEST, Packs},
    },
};

/// A dictionary that no program knows.
fn trained(seed: u8) -> Vec<u8> {
    let mut file = include_bytes!("../../wire/pack/dictionary-2.zdict").to_vec();
    let last = file.len() - 1;
    file[last] = seed;
    file
}

/// Which dictionaries a machine holds, the newest first, and how many stored batches were written with each.
fn held(replica: &Replica) -> Vec<(DictionaryName, u64)> {
    let all = dictionaries::all(replica.store().reader()).expect("reads");
    all.into_iter().map(|kept| (kept.name, kept.batches)).collect()
}

impl Pair {
    fn add(&mut self, file: &[u8]) -> DictionaryName {
        assert!(self.hub.add_dictionary(self.now, file).expect("is one"));
        DictionaryName::of_file(file)
    }

    /// Records some cases and hands them over; how many the hub has then.
    fn handed_over(&mut self, van: usize, counter: u32) -> u64 {
        for n in 0..3 {
            record(&mut self.vans[van], self.now, &format!("Ala'ang {counter} {n}"), counter + n);
        }
        assert!(self.exchange(van), "{:?}", self.events);
        read_model::case_count(self.hub.read().expect("reads")).expect("counts")
    }

    /// Every batch that the hub stores reads.
    fn hub_reads_all(&self) {
        let tx = self.hub.store().reader();
        for log in log::all(tx).expect("reads") {
            let mut next = Some(1);
            while let Some(first) = next {
                if let Some(batch) = log::batch_with(tx, &log, first).expect("reads") {
                    log::entries(&batch).expect("reads");
                }
                next = log::next_batch(tx, &log, first).expect("reads");
            }
        }
    }
}

#[test]
fn a_dictionary_is_fetched_behind_facts_and_written_with_from_then_on() {
    let mut pair = Pair::new();
    let (one, other) = (pair.enrol(), pair.enrol());
    let name = pair.add(&trained(1));
    assert!(!pair.hub.add_dictionary(pair.now, &trained(1)).expect("is one"), "it is there already");
    assert_eq!(pair.handed_over(one, 1), 3);
    assert_eq!(held(&pair.vans[one]), [(name, 0)], "what came first was written without it");
    assert_eq!(held(&pair.hub), [(name, 0)]);
    assert_eq!(pair.handed_over(one, 10), 6);
    assert_eq!((held(&pair.vans[one]), held(&pair.hub)), (vec![(name, 1)], vec![(name, 1)]));
    // Who lacks it is written to without it, until it has said that it holds it.
    assert!(pair.exchange(other));
    assert_eq!(held(&pair.vans[other]), [(name, 0)]);
    assert_eq!(pair.handed_over(one, 20), 9);
    assert!(pair.exchange(other));
    assert_eq!(held(&pair.vans[other]), [(name, 1)]);
    let found = read_model::find(pair.vans[other].read().expect("reads"), "ala'ang", 100);
    assert_eq!(found.expect("finds").len(), 9);
    pair.hub_reads_all();
}

#[test]
fn two_generations_are_written_with_and_all_are_read() {
    let mut pair = Pair::new();
    let (one, other) = (pair.enrol(), pair.enrol());
    let first = pair.add(&trained(1));
    assert!(pair.exchange(one) && pair.exchange(other));
    let second = pair.add(&trained(2));
    assert_eq!(pair.handed_over(one, 1), 3);
    assert_eq!(held(&pair.hub), [(second, 0), (first, 1)], "the last but one is still written with");
    assert_eq!(pair.handed_over(one, 10), 6);
    let third = pair.add(&trained(3));
    assert_eq!(pair.handed_over(other, 20), 9);
    // The other knew the first alone, and wrote before it heard that this one is not written with any more.
    assert_eq!(held(&pair.hub), [(third, 0), (second, 1), (first, 2)]);
    assert_eq!(held(&pair.vans[other]), [(third, 0), (first, 1)]);
    assert_eq!(pair.handed_over(other, 30), 12);
    assert_eq!(held(&pair.hub), [(third, 1), (second, 1), (first, 2)]);
    pair.hub_reads_all();
}

#[test]
fn a_hub_that_has_lost_a_dictionary_gets_everything_without_it() {
    let mut pair = Pair::new();
    let van = pair.enrol();
    let name = pair.add(&trained(1));
    assert!(pair.exchange(van));
    assert_eq!(held(&pair.vans[van]), [(name, 0)]);
    // As after an older backup: what was written with it stands in the laptop's log, and goes out before the hub says
    // what it knows.
    pair.hub
        .keep(|tx, _| tx.execute("DELETE FROM dictionary", []).map_err(StoreError::from))
        .expect("deletes");
    let forgotten = pair.hub.keep(|_, _| Err::<(), _>(damaged("nothing: what memory holds is forgotten")));
    assert!(forgotten.is_err());
    assert_eq!(pair.handed_over(van, 1), 3);
    assert_eq!((held(&pair.hub), held(&pair.vans[van])), (vec![], vec![(name, 1)]));
    // From then on nothing is written with it, until the hub has it again.
    assert_eq!(pair.handed_over(van, 10), 6);
    assert_eq!(held(&pair.vans[van]), [(name, 1)]);
    pair.add(&trained(1));
    assert!(pair.exchange(van));
    assert_eq!(pair.handed_over(van, 20), 9);
    assert_eq!(held(&pair.hub), [(name, 1)]);
    pair.hub_reads_all();
}

#[test]
fn a_bundle_names_no_dictionary_that_its_reader_may_lack() {
    let mut pair = Pair::new();
    let (author, carrier) = (pair.enrol(), pair.enrol());
    let name = pair.add(&trained(1));
    assert!(pair.exchange(author) && pair.exchange(carrier));
    record(&mut pair.vans[author], pair.now, "Bete", 1);
    // Signed for the hub: it stands in the log as it would have gone there.
    let bundle = pair.vans[author].export_bundle(pair.now, For::Anyone).expect("exports").bytes;
    assert_eq!(held(&pair.vans[author]), [(name, 1)]);
    let parts = Bundle::of_bytes(&bundle).expect("reads").parts;
    let batches: Vec<_> = parts
        .iter()
        .filter_map(|part| if let Part::Batch(bytes) = part { Batch::of_bytes(bytes).ok() } else { None })
        .collect();
    let oldest = Packs::inside(OLDEST);
    assert!(!batches.is_empty() && batches.iter().all(|batch| batch.is_read_with(Some(&oldest))));
    let imported = pair.vans[carrier].import_bundle(pair.now, &bundle).expect("imports");
    assert!(imported.changes > 0);
    assert!(pair.exchange(carrier));
    assert_eq!(read_model::case_count(pair.hub.read().expect("reads")).expect("counts"), 1);
    assert!(pair.exchange(author));
}

#[test]
fn what_is_no_dictionary_changes_nothing() {
    let mut pair = Pair::new();
    let van = pair.enrol();
    for file in [&b"not one"[..], &[0; 70_000]] {
        let refused = pair.hub.add_dictionary(pair.now, file).expect_err("is refused");
        assert!(matches!(
            refused,
            AddDictionaryError::Dictionary(DictionaryError::Malformed | DictionaryError::Bytes { .. })
        ));
    }
    assert_eq!(held(&pair.hub), []);
    // A hub that offers what is none all the same.
    let at = Timestamp(1);
    pair.hub.keep(|tx, _| dictionaries::put(tx, b"not one", at)).expect("puts");
    assert_eq!(pair.handed_over(van, 1), 3);
    assert_eq!(held(&pair.vans[van]), []);
    assert_eq!(pair.handed_over(van, 10), 6);
}
