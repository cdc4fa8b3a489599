//! What is packed reads back, whatever it is; what is damaged is refused.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    change::{Action, Key, Object, Operation, OperationId, Scalar},
    document::{self, Edit, History, NewEvent, State, case, person},
    id::{ActorId, ChangeHash, DeviceId, Epoch, Kind},
    slip::{DeviceLetter, SlipNumber},
    time::Timestamp,
    wire::batch::{Origin, Stage},
};

/// A name for a change that needs no automerge.
#[expect(clippy::unnecessary_wraps, reason = "the form of what names changes")]
fn name(change: &Change) -> Option<ChangeHash> {
    Some(ChangeHash(*blake3::hash(&minicbor::to_vec(change).expect("encodes")).as_bytes()))
}

fn built(change: &Change) -> Option<ChangeHash> {
    document::hash(change).ok()
}

type Hash = fn(&Change) -> Option<ChangeHash>;
type Read = Result<Vec<(Entry, Option<ChangeHash>)>, PackError>;

fn unpack(body: &[u8], count: usize, places: &Places, hash: Hash) -> Read {
    decode(&inflate(body, None)?, count, places, hash)
}

fn hashed(entries: Vec<Entry>, hash: Hash) -> Vec<(Entry, Option<ChangeHash>)> {
    entries.into_iter().map(|entry| (entry.clone(), entry.change().and_then(hash))).collect()
}

fn check(entries: &[(Entry, Option<ChangeHash>)], places: &Places, hash: Hash) -> Packed {
    let packed = encode(entries, places, &Packs::inside(NEWEST)).expect("packs");
    assert_eq!(references(&inflate(&packed.bytes, None).expect("inflates")).as_ref(), Ok(&packed.references));
    let read = unpack(&packed.bytes, entries.len(), &places.only(&packed.references), hash).expect("reads");
    assert_eq!(read.len(), entries.len());
    for ((read, known), (entry, hash)) in read.iter().zip(entries) {
        assert_eq!(minicbor::to_vec(read).expect("encodes"), minicbor::to_vec(entry).expect("encodes"));
        assert!(known.is_none() || matches!(entry, Entry::Erased { .. }) || known == hash);
    }
    packed
}

#[test]
fn each_generation_of_dictionaries_is_written_for_who_knows_no_newer_and_read_by_all() {
    // Bodies that are searched quickly, thoroughly, and without any.
    for (padding, used) in [(0, true), (20_000, true), (200_000, false)] {
        let mut entries = day(8);
        let Some(Entry::Change { change, .. }) = entries.last_mut() else {
            unreachable!("a status comes last")
        };
        let mut padded = Change::clone(change);
        padded.operations.push(Operation {
            object: Object::Root,
            key: Key::Map("padding".to_owned()),
            insert: false,
            action: Action::Put(Scalar::Bytes(vec![7; padding])),
            predecessors: Vec::new(),
        });
        *change = padded.into();
        let entries = hashed(entries, built);
        for known in [0, 1, 2, NEWEST, u8::MAX] {
            let packed = encode(&entries, &Places::default(), &Packs::inside(known)).expect("packs");
            assert_eq!(packed.bytes[1], if used { known.min(NEWEST) } else { 0 });
            let knows = |number| Packs::inside(number).reads(&packed.bytes);
            assert!(knows(packed.bytes[1]) && (packed.bytes[1] == 0 || !knows(packed.bytes[1] - 1)));
            let read = unpack(&packed.bytes, entries.len(), &Places::default(), built).expect("reads");
            assert!(read.iter().zip(&entries).all(|((read, _), (entry, _))| read == entry));
        }
    }
}

#[test]
fn a_brought_dictionary_is_named_by_its_hash_and_makes_what_is_like_its_samples_smaller() {
    let places = Places::default();
    let sample = |cases| columns(&hashed(day(cases), built), &places).expect("packs").0;
    let samples: Vec<_> = (4..40).map(sample).collect();
    let file = zstd::dict::from_samples(&samples, DICTIONARY_BYTES_MAX).expect("trains");
    let brought = Arc::new(Dictionary::of_file(&file).expect("is one"));
    let packs = Packs { number: NEWEST, brought: vec![Arc::clone(&brought)] };
    let entries = hashed(day(8), built);
    let packed = encode(&entries, &places, &packs).expect("packs");
    assert!(packed.bytes.len() < check(&entries, &places, built).bytes.len());
    let name = DictionaryName::of_file(&file);
    assert_eq!(dictionary_name(&packed.bytes), Some(name));
    for other in [None, Dictionary::of(1)] {
        assert_eq!(inflate(&packed.bytes, other), Err(PackError::Lacking { name }));
    }
    let inflated = inflate(&packed.bytes, Some(&brought)).expect("inflates");
    let read = decode(&inflated, entries.len(), &places, built).expect("reads");
    assert!(read.iter().zip(&entries).all(|((read, _), (entry, _))| read == entry));
}

const ACTORS: [ActorId; 3] = [ActorId([0xa1; 16]), ActorId([0xb2; 16]), ActorId([0xc3; 16])];

fn actors() -> impl Strategy<Value = ActorId> {
    prop::sample::select(ACTORS.to_vec())
}

fn ids() -> impl Strategy<Value = OperationId> {
    let counters = prop_oneof![1..40u64, any::<u64>()];
    (counters, actors()).prop_map(|(counter, actor)| OperationId { counter, actor })
}

fn texts() -> impl Strategy<Value = String> {
    let known = ["name", "nik", "village", "officer", "status", "slip", "applicant", "sex", "born", "at"];
    prop_oneof![
        prop::sample::select(known.map(str::to_owned).to_vec()),
        "00[0-9]-(a1a1|b2b2)|[a-z ]{0,12}|.{0,6}|53(0[1-9]){7}|(a1){10}020000000[0-9]{3}|2004-01-05",
        any::<String>(),
    ]
}

fn scalars() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        Just(Scalar::Null),
        any::<bool>().prop_map(Scalar::Boolean),
        any::<i64>().prop_map(Scalar::Int),
        any::<u64>().prop_map(Scalar::Uint),
        any::<u64>().prop_map(|bits| Scalar::F64(f64::from_bits(bits))),
        prop::sample::select(vec![f64::NAN, -0.0, f64::INFINITY]).prop_map(Scalar::F64),
        texts().prop_map(Scalar::Str),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(Scalar::Bytes),
        any::<i64>().prop_map(|at| Scalar::Timestamp(Timestamp(at))),
        any::<i64>().prop_map(Scalar::Counter),
    ]
}

fn operations() -> impl Strategy<Value = Operation> {
    let objects = prop_oneof![Just(Object::Root), ids().prop_map(Object::Made)];
    let keys =
        prop_oneof![4 => texts().prop_map(Key::Map), 1 => Just(Key::Head), 1 => ids().prop_map(Key::Element)];
    let actions = prop_oneof![
        6 => scalars().prop_map(Action::Put),
        1 => Just(Action::MakeMap),
        1 => Just(Action::MakeList),
        1 => Just(Action::Delete),
        1 => any::<i64>().prop_map(Action::Increment),
    ];
    (objects, keys, any::<bool>(), actions, prop::collection::vec(ids(), 0..3)).prop_map(
        |(object, key, insert, action, predecessors)| Operation { object, key, insert, action, predecessors },
    )
}

fn documents() -> impl Strategy<Value = DocumentId> {
    prop_oneof![
        (prop::sample::select(vec![[0xa1; 10], [7; 10]]), 0..4u64)
            .prop_map(|(prefix, counter)| DocumentId::new(prefix, Kind::Case, counter)),
        any::<[u8; 16]>().prop_map(DocumentId),
    ]
}

/// How a generated change follows on what is before it.
#[derive(Debug, Clone)]
enum Follows {
    /// The parents as they come.
    AsItComes,
    /// The last change of its document.
    Last,
    /// A change in the log before the batch, of the same document.
    Log(u8),
    /// Changes anywhere before it in the batch.
    Any(Vec<prop::sample::Index>),
}

fn changes() -> impl Strategy<Value = (Change, Follows)> {
    let hashes = prop::collection::vec(any::<[u8; 32]>().prop_map(ChangeHash), 0..3);
    let follows = prop_oneof![
        Just(Follows::AsItComes),
        Just(Follows::Last),
        any::<u8>().prop_map(Follows::Log),
        prop::collection::vec(any::<prop::sample::Index>(), 0..3).prop_map(Follows::Any),
    ];
    let head = (actors(), prop_oneof![1..4u64, any::<u64>()], prop_oneof![1..40u64, any::<u64>()]);
    let rest = (any::<i64>(), any::<u32>(), hashes, prop::collection::vec(operations(), 0..6));
    (head, rest, follows).prop_map(
        |((actor, sequence, first_operation), (time, schema, parents, operations), follows)| {
            let time = Timestamp(time);
            (Change { actor, sequence, first_operation, time, schema, parents, operations }, follows)
        },
    )
}

fn origins() -> impl Strategy<Value = Origin> {
    (0..3u32, 0..3u8, any::<u64>()).prop_map(|(device, epoch, index)| Origin {
        device: DeviceId(device),
        epoch: Epoch([epoch; 16]),
        index,
    })
}

fn entries() -> impl Strategy<Value = (Entry, Follows)> {
    let plain = prop_oneof![
        any::<[u8; 16]>().prop_map(|nonce| Entry::Actor { nonce }),
        (any::<u32>(), prop::collection::vec(any::<u8>(), 0..9))
            .prop_map(|(about, bytes)| Entry::Note { about, bytes }),
        (documents(), any::<[u8; 32]>())
            .prop_map(|(document, hash)| Entry::Erased { document, hash: ChangeHash(hash) }),
        documents().prop_map(|document| Entry::Enter { document }),
        documents().prop_map(|document| Entry::Leave { document }),
        Just(Entry::Anew),
        (origins(), documents(), any::<[u8; 32]>(), texts(), texts()).prop_map(
            |(origin, document, hash, rule, text)| {
                Entry::Refused { origin, document, hash: ChangeHash(hash), rule, text }
            }
        ),
        any::<[u8; 32]>().prop_map(|hash| Entry::Released { hash: ChangeHash(hash) }),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|difference| Entry::Registry {
            signature: difference.clone(),
            difference,
            stage: Stage::Past
        }),
    ];
    prop_oneof![
        1 => plain.prop_map(|entry| (entry, Follows::AsItComes)),
        3 => (documents(), changes())
            .prop_map(|(document, (change, follows))| (Entry::Change { document, change: change.into() }, follows)),
        1 => (origins(), documents(), changes())
            .prop_map(|(origin, document, (change, follows))| (Entry::Fed { origin, document, change: change.into() }, follows)),
    ]
}

/// Entries whose changes follow on one another, and the log before them.
fn linked(generated: Vec<(Entry, Follows)>) -> (Vec<(Entry, Option<ChangeHash>)>, Places) {
    let mut places = Places::default();
    let mut all: Vec<(Entry, Option<ChangeHash>)> = Vec::new();
    for (mut entry, follows) in generated {
        if let Entry::Change { document, change } | Entry::Fed { document, change, .. } = &mut entry {
            let change = Arc::make_mut(change);
            match follows {
                Follows::AsItComes => {}
                Follows::Last => {
                    let is_of = |before: &Entry| {
                        matches!(before, Entry::Change { document: other, .. } | Entry::Fed { document: other, .. }
                            if other == document)
                    };
                    let last = all.iter().rev().find(|(before, _)| is_of(before));
                    change.parents = last.and_then(|(_, hash)| *hash).into_iter().collect();
                }
                Follows::Log(index) => {
                    let hash = ChangeHash(*blake3::hash(&[&document.0[..], &[index]].concat()).as_bytes());
                    let index = u64::from_le_bytes(*hash.0.first_chunk().expect("32 bytes")) >> 8;
                    places.insert(index, Place { document: *document, hash });
                    change.parents = vec![hash];
                }
                Follows::Any(picks) if !all.is_empty() => {
                    change.parents = picks.iter().filter_map(|pick| pick.get(&all).1).collect();
                }
                Follows::Any(_) => {}
            }
        }
        let hash = entry.change().and_then(name);
        all.push((entry, hash));
    }
    (all, places)
}

proptest! {
    #[test]
    fn whatever_entries_hold_is_read_back(generated in prop::collection::vec(entries(), 0..12)) {
        let (entries, places) = linked(generated);
        check(&entries, &places, name);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0..50usize) {
        let places = Places::default();
        prop_assert!(Walk::new(&bytes, count, &places, &mut |_, change| name(change)).is_err()
            || bytes.len() >= count.min(1));
        drop(unpack(&bytes, count, &places, name));
    }
}

/// A day of a van: people and their cases, then a second status of each case.
pub(super) fn day(records: u64) -> Vec<Entry> {
    let actor = ACTORS[0];
    let prefix = document::authority::id_prefix(actor);
    let mut entries = vec![Entry::Actor { nonce: [3; 16] }];
    let mut histories = Vec::new();
    let (started, offset_minutes) = Timestamp::parse("2026-11-20T09:12:00+08:00").expect("a time");
    let district = "53.02".parse().expect("a district");
    let unit = "V01".parse().expect("a unit");
    for n in 0..records {
        let at = Timestamp(started.0 + n as i64 * 240_000);
        let nik = format!("530201{:02}05{:02}{:04}", n % 28 + 1, n % 70 + 10, 9_001 + n * 37 % 997);
        let nik = nik.parse().expect("a NIK");
        let village = format!("53.02.01.{}", 2_001 + n % 5).parse().expect("a village");
        let subject = DocumentId::new(prefix, Kind::Person, 2 * n + 1);
        let mut edit = Edit::create(subject, actor);
        let names = ["Yohana Tefa", "Marten Oematan", "Ni Luh Ayu", "Dominggus O'a"];
        person::New {
            district: &district,
            nik: Some(&nik),
            name: names[n as usize % 4],
            sex: Some(nik.sex()),
            born: None,
            born_estimated: None,
            birth_order: None,
            mother: None,
            father: None,
            kk: None,
            phone: Some("+6281200001234"),
            address: Some("Dusun A RT 003/RW 002"),
            village: Some(&village),
            reference: None,
        }
        .write(&mut edit)
        .expect("fits");
        let (_, change) = edit.commit(at, document::SCHEMA).expect("commits").expect("a change");
        entries.push(Entry::Change { document: subject, change: change.into() });
        let own = DocumentId::new(prefix, Kind::Case, 2 * n + 2);
        let mut edit = Edit::create(own, actor);
        let day = started.day(offset_minutes);
        let slip =
            SlipNumber::new("53.02".parse().expect("valid"), &unit, &DeviceLetter::nth(0), day, n as u32 + 1);
        case::New {
            service: ["DUK-LAHIR", "DUK-KK", "SAM-PKB"][n as usize % 3],
            catalogue: "00112233445566778899aabbccddeeff",
            slip: &slip,
            unit: &unit,
            district: &district,
            village: Some(&village),
            applicant: subject,
            subject,
            collector: None,
            visit: None,
            encounter: blake3::hash(&n.to_le_bytes()).as_bytes()[..8].try_into().expect("eight"),
            started: at,
            ended: Some(Timestamp(at.0 + 200_000)),
            offset_minutes,
            officer: Some(["Ibu Tefa", "Pak Sae"][n as usize % 2]),
            position: None,
            consent: Some(true),
            consent_text: None,
            confirmed: None,
            notes: None,
            reference: None,
            channel: None,
            blank: None,
            priority: None,
            companion: None,
            witnesses: &["Nahak".to_owned(), "Bria".to_owned()],
            ticks: &["Fotokopi KK".to_owned()],
            warnings: &[],
            event: NewEvent {
                officer: Some(["Ibu Tefa", "Pak Sae"][n as usize % 2]),
                ..NewEvent::new(State::Received, at)
            },
        }
        .write(&mut edit)
        .expect("fits");
        let (hash, change) = edit.commit(at, document::SCHEMA).expect("commits").expect("a change");
        let mut history = History::default();
        assert!(history.insert(hash, change.clone()));
        histories.push((own, history, at));
        entries.push(Entry::Change { document: own, change: change.into() });
    }
    for (own, history, at) in histories {
        let at = Timestamp(at.0 + 3_600_000);
        let mut edit = Edit::open(Kind::Case, &history, actor).expect("opens");
        NewEvent { officer: Some("Ibu Tefa"), ..NewEvent::new(State::Complete, at) }
            .write(&mut edit)
            .expect("fits");
        let (_, change) = edit.commit(at, document::SCHEMA).expect("commits").expect("a change");
        entries.push(Entry::Change { document: own, change: change.into() });
    }
    entries
}

#[test]
fn a_day_costs_little_and_later_edits_name_their_parents_by_place() {
    let entries = hashed(day(100), built);
    let packed = check(&entries, &Places::default(), built);
    eprintln!("{} bytes for 100 records with an edit each", packed.bytes.len());
    assert!(packed.references.is_empty());
    assert!(packed.bytes.len() < 100 * 40, "{}", packed.bytes.len());
    // The same cut in two: what comes second refers to what came first.
    let (first, second) = entries.split_at(201);
    let mut places = Places::default();
    for ((entry, hash), index) in first.iter().zip(1..) {
        if let (Entry::Change { document, .. }, Some(hash)) = (entry, hash) {
            places.insert(index, Place { document: *document, hash: *hash });
        }
    }
    check(first, &Places::default(), built);
    let packed = check(second, &places, built);
    eprintln!("{} bytes for 100 edits", packed.bytes.len());
    assert_eq!(packed.references.len(), 100);
    assert!(packed.bytes.len() < 100 * 20, "{}", packed.bytes.len());
    let missing = unpack(&packed.bytes, second.len(), &Places::default(), built);
    assert!(matches!(missing, Err(PackError::Reference { .. })));
    assert_eq!(Places::of_bytes(&places.to_bytes()), Some(places));
}

#[test]
fn a_bomb_is_refused_before_it_inflates() {
    for (size, said) in
        [(INFLATED_BYTES_MAX + 1, INFLATED_BYTES_MAX + 1), (INFLATED_BYTES_MAX + 1, 100), (9, 10)]
    {
        let frame = zstd::bulk::compress(&vec![0; size], 19).expect("compresses");
        let mut bomb = vec![LAYOUT, 0];
        put_varint(&mut bomb, said as u64);
        bomb.extend_from_slice(&frame[4..]);
        let refused = unpack(&bomb, 1, &Places::default(), name);
        assert!(matches!(refused, Err(PackError::Inflated { .. } | PackError::Zstd)), "{refused:?}");
    }
}

#[test]
fn no_prefix_and_no_flipped_bit_of_columns_panics() {
    let entries = hashed(day(3), name);
    let places = Places::default();
    let mut writer = Writer::new(&entries, &places);
    for (position, (entry, hash)) in entries.iter().enumerate() {
        writer.entry(position, entry, *hash).expect("fits");
    }
    let (columns, _) = writer.finish();
    let read = |bytes: &[u8]| {
        Walk::new(bytes, entries.len(), &places, &mut |_, change| name(change))
            .and_then(|walk| walk.run(entries.len()))
    };
    assert!(read(&columns).is_ok());
    for end in 0..columns.len() {
        assert!(read(&columns[..end]).is_err(), "{end}");
    }
    for bit in 0..columns.len() * 8 {
        let mut mutant = columns.clone();
        mutant[bit / 8] ^= 1 << (bit % 8);
        drop(read(&mutant));
    }
}
