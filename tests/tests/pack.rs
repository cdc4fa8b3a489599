//! Packed batches that were written once read for ever, and damaged ones are refused in little memory.
#![expect(clippy::unwrap_used, reason = "a vector that cannot be made or read fails the test")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use shared::{
    change::{Action, Change, Key, Object, Operation, OperationId, Scalar},
    document,
    id::{ActorId, ChangeHash, DeviceId, DocumentId, Epoch, Kind},
    time::Timestamp,
    wire::{
        Batch, Entry,
        batch::{self, Body, Chain, Codec, Hashed, LogName, Origin, Stage},
        pack::{NEWEST, Packs, Place, Places},
    },
};
use tests::{
    packing::Log,
    people::{self, Order, Region},
};

/// The first four were written with the first dictionary, each other with that of its number.
const VECTORS: [&str; 6] = ["day", "edits", "feed", "everything", "day-2", "day-3"];
/// Megabytes that a damaged batch may need on the way to its refusal.
const MEGABYTES_MAX: u64 = 64;

#[test]
fn packed_batches_of_old_read_as_they_did() {
    for name in VECTORS {
        let file = |extension| folder().join(name).with_extension(extension);
        if std::env::var_os("KELILING_WRITE_VECTORS").is_some() && !file("batch").exists() {
            let (first, entries, places) = vector(name);
            let batch = packed(first, &entries, &places);
            fs::write(file("batch"), batch.to_bytes()).unwrap();
            fs::write(file("rows"), rows(entries.iter().map(|(entry, _)| entry))).unwrap();
            fs::write(file("places"), batch.places.to_bytes()).unwrap();
        }
        let batch = read(name);
        assert_eq!(batch.codec, Codec::Pack, "{name}");
        let entries = batch.entries(hash).unwrap();
        assert!(rows(entries.iter().map(|(entry, _)| entry)) == fs::read(file("rows")).unwrap(), "{name}");
        for (entry, known) in entries {
            let made = entry.change().and_then(hash);
            assert!(known.is_none() || known == made, "{name}");
        }
    }
}

#[test]
fn what_is_packed_now_reads_as_the_vectors_do() {
    for name in VECTORS {
        let (first, entries, places) = vector(name);
        let batch = packed(first, &entries, &places);
        let read = batch.entries(hash).unwrap();
        assert!(rows(read.iter().map(|(entry, _)| entry)) == rows(entries.iter().map(|(entry, _)| entry)));
    }
}

#[test]
fn damage_at_every_offset_is_refused_in_little_memory() {
    let before = peak_megabytes();
    for name in VECTORS {
        let batch = read(name);
        for end in 0..batch.body.len() {
            let cut = Batch { body: batch.body[..end].to_vec(), ..batch.clone() };
            let refused = cut.entries(hash).unwrap_err();
            assert!(!refused.to_string().is_empty(), "{name} {end}");
        }
        for bit in 0..batch.body.len() * 8 {
            let mut broken = batch.clone();
            broken.body[bit / 8] ^= 1 << (bit % 8);
            drop(broken.open().map(|opened| opened.references()));
            drop(broken.entries(hash));
        }
    }
    if let (Some(before), Some(after)) = (before, peak_megabytes()) {
        assert!(after - before <= MEGABYTES_MAX, "{before} MB before, {after} MB after");
    }
}

/// The most memory that this process has held.
fn peak_megabytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1_024)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/packed")
}

fn read(name: &str) -> Batch {
    let file = |extension| fs::read(folder().join(name).with_extension(extension)).unwrap();
    let places = Places::of_bytes(&file("places")).unwrap();
    Batch { places, ..Batch::of_bytes(&file("batch")).unwrap() }
}

fn hash(change: &Change) -> Option<ChangeHash> {
    document::hash(change).ok()
}

fn rows<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<u8> {
    let mut rows = Vec::new();
    for entry in entries {
        minicbor::encode(entry, &mut rows).unwrap();
    }
    rows
}

fn packed(first: u64, entries: &Hashed, places: &Places) -> Batch {
    let Body { codec, bytes, places, dictionary } = batch::encode(entries, places, &Packs::inside(NEWEST));
    assert_eq!(codec, Codec::Pack);
    let (before, chain) = (Chain([1; 16]), Chain([2; 16]));
    let log = LogName { author: DeviceId(4), epoch: Epoch([9; 16]), reader: None };
    let last = first + entries.len() as u64 - 1;
    let signature = vec![7; 64];
    Batch { log, first, last, before, chain, codec, body: bytes, signature, places, dictionary }
}

/// The index of the first entry, the entries, and what stands before them.
fn vector(name: &str) -> (u64, Hashed, Places) {
    let order =
        Order { seed: 3, cases: 6, unit: "V01".to_owned(), day: "2026-11-20".to_owned(), refs: false };
    let cases: Vec<_> = people::cases(&Region::shipped("53.02").unwrap(), &order).unwrap().collect();
    let mut log = Log::of(3, &cases).unwrap();
    let before = log.go_on(4).unwrap();
    let edits = log.entries.split_off(before);
    let mut places = Places::default();
    for ((entry, hash), index) in log.entries.iter().zip(1..) {
        let (Entry::Change { document, .. }, Some(hash)) = (entry, hash) else { continue };
        places.insert(index, Place { document: *document, hash: *hash });
    }
    match name {
        "day" | "day-2" | "day-3" => (1, log.entries, Places::default()),
        "edits" => (before as u64 + 1, edits, places),
        "feed" => (1, fed(log.entries.into_iter().chain(edits)), Places::default()),
        _ => (1, everything(), Places::default()),
    }
}

/// The entries as a hub tells them to another van.
fn fed(entries: impl Iterator<Item = (Entry, Option<ChangeHash>)>) -> Hashed {
    let mut fed = Hashed::new();
    for ((entry, hash), index) in entries.zip(1..) {
        let Entry::Change { document, change } = entry else { continue };
        if change.parents.is_empty() {
            fed.push((Entry::Enter { document }, None));
        }
        let origin = Origin { device: DeviceId(3), epoch: Epoch([5; 16]), index };
        fed.push((Entry::Fed { origin, document, change }, hash));
    }
    fed
}

/// An entry of each kind, and a change with each kind of operation, key and value.
fn everything() -> Hashed {
    let (one, other) = (ActorId([1; 16]), ActorId([2; 16]));
    let id = |counter, actor| OperationId { counter, actor };
    let put = |key: &str, scalar| Operation {
        object: Object::Root,
        key: Key::Map(key.to_owned()),
        insert: false,
        action: Action::Put(scalar),
        predecessors: Vec::new(),
    };
    let scalars = [
        Scalar::Null,
        Scalar::Boolean(true),
        Scalar::Int(i64::MIN),
        Scalar::Uint(u64::MAX),
        Scalar::F64(f64::NAN),
        Scalar::F64(-0.0),
        Scalar::Str("O'a Mate \u{1F6A2}".to_owned()),
        Scalar::Bytes(vec![0, 255]),
        Scalar::Timestamp(Timestamp(1_795_000_000_123)),
        Scalar::Counter(-4),
    ];
    let mut operations: Vec<_> =
        scalars.into_iter().enumerate().map(|(index, scalar)| put(&format!("k{index}"), scalar)).collect();
    let list = id(operations.len() as u64 + 1, one);
    operations.push(Operation { action: Action::MakeList, ..put("witnesses", Scalar::Null) });
    let element =
        |key, object| Operation { object, key, insert: true, ..put("", Scalar::Str("Nahak".to_owned())) };
    operations.push(element(Key::Head, Object::Made(list)));
    operations.push(element(Key::Element(id(list.counter + 1, one)), Object::Made(list)));
    operations.push(Operation { action: Action::MakeMap, ..put("ticks", Scalar::Null) });
    let first = Change {
        actor: one,
        sequence: 1,
        first_operation: 1,
        time: Timestamp(1_795_000_000_000),
        schema: 1,
        parents: Vec::new(),
        operations,
    };
    let mut parents = vec![hash(&first).unwrap(), ChangeHash([0xfe; 32])];
    parents.sort_unstable();
    let second = Change {
        actor: other,
        sequence: 7,
        first_operation: 40,
        time: Timestamp(-1),
        schema: 2,
        parents,
        operations: vec![
            Operation {
                action: Action::Increment(-3),
                predecessors: vec![id(10, one)],
                ..put("k9", Scalar::Null)
            },
            Operation {
                action: Action::Delete,
                insert: false,
                predecessors: vec![id(12, one), id(3, other)],
                ..element(Key::Element(id(12, one)), Object::Made(list))
            },
        ],
    };
    let document = DocumentId::new([1; 10], Kind::Person, 1);
    let origin = Origin { device: DeviceId(3), epoch: Epoch([5; 16]), index: 9 };
    let entries = vec![
        Entry::Actor { nonce: [3; 16] },
        Entry::Change { document, change: first.into() },
        Entry::Fed { origin, document, change: second.into() },
        Entry::Note { about: 3, bytes: vec![1, 2, 3] },
        Entry::Erased { document: DocumentId([0xaa; 16]), hash: ChangeHash([4; 32]) },
        Entry::Enter { document },
        Entry::Leave { document: DocumentId::new([1; 10], Kind::Visit, 2) },
        Entry::Anew,
        Entry::Refused {
            origin,
            document,
            hash: ChangeHash([6; 32]),
            rule: "r".to_owned(),
            text: "t".to_owned(),
        },
        Entry::Released { hash: ChangeHash([6; 32]) },
        Entry::Registry { difference: vec![9; 5000], signature: vec![8; 64], stage: Stage::Past },
    ];
    entries.into_iter().map(|entry| (entry.clone(), entry.change().and_then(hash))).collect()
}
