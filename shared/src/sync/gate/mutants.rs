//! Mutants by the thousand: what the gate lets in does automerge no harm, whatever was done to it.
//!
//! Each round takes a change of an honest history, spoils it at random and judges it. What is
//! accepted must build, apply in two orders to one document, save, load, and let the next local
//! edit be made, which the gate must accept in its turn.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    change::{Action, ActorId, Key, Object, Operation, OperationId, Scalar},
    document::{
        self,
        authority::id_prefix,
        oracle,
        schema::{self, Keys},
    },
    id::{DeviceId, Kind},
};

const AUTHORS: [ActorId; 4] =
    [ActorId([0x31; 16]), ActorId([0x92; 16]), ActorId([0x13; 16]), ActorId([0x74; 16])];
const HUB: ActorId = AUTHORS[3];
/// Who makes the edit after an accepted mutant.
const NEXT: ActorId = ActorId([0x55; 16]);
/// Mutants of one change before another is taken.
const LITTER: usize = 20;

#[test]
fn mutants_of_cases_do_no_harm() {
    campaign(Kind::Case, 1, 10_000);
}

#[test]
fn more_mutants_of_cases_do_no_harm() {
    campaign(Kind::Case, 2, 10_000);
}

#[test]
fn mutants_of_persons_do_no_harm() {
    campaign(Kind::Person, 3, 5_000);
}

#[test]
fn mutants_of_visits_do_no_harm() {
    campaign(Kind::Visit, 4, 5_000);
}

#[test]
fn honest_histories_pass_in_any_order_and_keep_their_hashes() {
    for seed in 0..40 {
        let mut chance = Chance(seed);
        let kind = [Kind::Case, Kind::Person, Kind::Visit][seed as usize % 3];
        let world = World::honest(kind, &mut chance);
        let mut waiting: Vec<_> =
            world.history.iter().map(|(hash, change)| (*hash, change.clone())).collect();
        chance.shuffle(&mut waiting);
        let mut history = History::default();
        while history.len() < world.history.len() {
            let before = history.len();
            for (hash, change) in &waiting {
                match judge(world.document, change, &history, &writer(change.actor), &catalogue) {
                    Verdict::Accept(_) => assert!(history.insert(*hash, change.clone())),
                    Verdict::Wait(Wait::Parents(_)) => {}
                    other @ (Verdict::Wait(_) | Verdict::Reject(_)) => {
                        panic!("seed {seed}: {other:?} for {change:#?}")
                    }
                }
                assert_eq!(document::hash(change), Ok(*hash));
            }
            assert!(history.len() > before, "every round lets something in");
        }
    }
}

/// Nothing that makes automerge fail when it is handed over in its own format does so here: the
/// only way in is our own form.
#[test]
fn changes_known_to_be_hostile_are_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus/hostile-changes");
    let known =
        [Kind::Case, Kind::Person, Kind::Visit].map(|kind| (kind, World::honest(kind, &mut Chance(7))));
    let mut parsed = BTreeSet::new();
    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(folder).expect("the corpus is there") {
        let path = file.expect("the corpus can be read").path();
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        if !name.ends_with(".bin") {
            continue;
        }
        let bytes = std::fs::read(&path).expect("the corpus can be read");
        let as_ours = minicbor::decode::<Change>(&bytes);
        assert!(as_ours.is_err(), "{name} is no change in our form");
        // automerge's parser would exhaust memory on these.
        if !name.starts_with("abort-") {
            for (hash, change) in oracle::parse(&bytes) {
                refused_everywhere(&name, &change, &known);
                parsed.insert(hash);
            }
        }
        names.insert(name);
    }
    assert_eq!(names.len(), 53);
    assert!(parsed.len() >= 5, "some of them are changes by themselves: {}", parsed.len());
}

fn refused_everywhere(name: &str, change: &Change, known: &[(Kind, World)]) {
    for (kind, known) in known {
        let fresh = DocumentId::new(id_prefix(change.actor), *kind, 1);
        for (document, history) in [(fresh, &History::default()), (known.document, &known.history)] {
            for writer in [writer(HUB), writer(AUTHORS[0])] {
                let verdict = judge(document, change, history, &writer, &catalogue);
                assert!(!matches!(verdict, Verdict::Accept(_)), "{name} was let in");
            }
        }
    }
}

fn campaign(kind: Kind, seed: u64, mutants: usize) {
    let mut chance = Chance(seed);
    let mut verdicts: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut made = 0;
    while made < mutants {
        let mut world = World::honest(kind, &mut chance);
        for _ in 0..4 {
            if world.history.is_empty() {
                break;
            }
            let (victim, others) = world.without_one(&mut chance);
            let mut heir = None;
            for _ in 0..LITTER {
                let mutant = mutate(&victim, &others, kind, &mut chance);
                let verdict = round(world.document, kind, &mutant, &others, &mut chance);
                if verdict == "accepted" && chance.below(4) == 0 {
                    heir = Some(mutant);
                }
                *verdicts.entry(verdict).or_default() += 1;
                made += 1;
            }
            world.history = others;
            if let Some(heir) = heir {
                let hash = document::hash(&heir).expect("it was built");
                assert!(world.history.insert(hash, heir));
            }
        }
    }
    assert!(verdicts["accepted"] > made / 10, "a mutator that is always refused shows nothing: {verdicts:?}");
}

/// Judges one mutant and, if it is let in, shows that it does no harm.
fn round(
    document: DocumentId,
    kind: Kind,
    mutant: &Change,
    others: &History,
    chance: &mut Chance,
) -> &'static str {
    let by = writer(mutant.actor);
    let verdict = judge(document, mutant, others, &by, &catalogue);
    let alone = others.past(&mutant.parents).map(|past| collect(past.iter()));
    if let Some(alone) = &alone
        && (matches!(verdict, Verdict::Accept(_)) || chance.below(4) == 0)
    {
        assert_eq!(verdict, judge(document, mutant, alone, &by, &catalogue), "{mutant:#?}");
    }
    match (verdict, alone) {
        (Verdict::Wait(_), _) | (_, None) => "waits",
        (Verdict::Reject(refusal), _) => refusal.code(),
        (Verdict::Accept(_), Some(past)) => {
            let hash = document::hash(mutant).expect("what is accepted can be built");
            if others.get(&hash).is_some() || equivocation(others, hash, mutant).is_some() {
                return "equivocation";
            }
            let before: Vec<_> = past.iter().map(|(_, change)| change).collect();
            let beside: Vec<_> = others
                .iter()
                .filter(|(hash, _)| past.get(hash).is_none())
                .map(|(_, change)| change)
                .collect();
            let orders = [
                vec![before.iter().chain(&beside).copied().collect(), vec![mutant]],
                vec![before, vec![mutant], beside],
            ];
            let next = oracle::exercise(kind, &orders, NEXT, &mut |end| chance.below(end));
            let next = next.unwrap_or_else(|harm| panic!("{harm:?}\nby {mutant:#?}"));
            let mut after = others.clone();
            assert!(after.insert(hash, mutant.clone()));
            let verdict = judge(document, &next, &after, &writer(NEXT), &catalogue);
            assert!(matches!(verdict, Verdict::Accept(_)), "{verdict:?} for {next:#?}\nafter {mutant:#?}");
            "accepted"
        }
    }
}

fn writer(actor: ActorId) -> Writer {
    if actor == HUB {
        return Writer::Hub;
    }
    Writer::Van { device: DeviceId(1), unit: "V01".parse().expect("a unit"), own_actor: true }
}

fn catalogue(version: &str, _: &str) -> CatalogueAnswer {
    match version {
        "c1" => CatalogueAnswer::Service { agency: "DUK".to_owned(), full: false },
        _ => CatalogueAnswer::UnknownVersion,
    }
}

fn collect<'a>(changes: impl Iterator<Item = (&'a ChangeHash, &'a Change)>) -> History {
    let mut history = History::default();
    for (hash, change) in changes {
        assert!(history.insert(*hash, change.clone()), "parents come first");
    }
    history
}

struct World {
    document: DocumentId,
    history: History,
}

impl World {
    fn honest(kind: Kind, chance: &mut Chance) -> Self {
        let edits = 3 + chance.below(16) as usize;
        let mut history = History::default();
        for change in oracle::honest(kind, &AUTHORS, edits, &mut |end| chance.below(end)) {
            let hash = document::hash(&change).expect("an honest change can be built");
            assert!(history.insert(hash, change));
        }
        Self { document: DocumentId::new(id_prefix(AUTHORS[0]), kind, 1), history }
    }

    /// One change, and all that do not build on it.
    fn without_one(&self, chance: &mut Chance) -> (Change, History) {
        let all: Vec<_> = self.history.iter().collect();
        // Rarely the first: nothing is left beside it.
        let victim = chance.below(all.len() as u64).max(chance.below(all.len() as u64)) as usize;
        let (hash, change) = all[victim];
        let mut gone = BTreeSet::from([*hash]);
        for (hash, change) in &all {
            if change.parents.iter().any(|parent| gone.contains(parent)) {
                gone.insert(**hash);
            }
        }
        (change.clone(), collect(all.into_iter().filter(|(hash, _)| !gone.contains(*hash))))
    }
}

/// Spoils `victim` in one to three ways, and often makes it fit its place again.
fn mutate(victim: &Change, others: &History, kind: Kind, chance: &mut Chance) -> Change {
    let mut change = victim.clone();
    let mut ids: Vec<_> = others.iter().flat_map(|(_, change)| ids_of(change)).collect();
    ids.extend(ids_of(&change));
    for _ in 0..=chance.below(3) {
        if chance.below(4) == 0 {
            mutate_position(&mut change, others, chance);
        } else {
            mutate_operations(&mut change, others, &ids, kind, chance);
        }
    }
    if chance.below(3) != 0 {
        refit(&mut change, others, chance);
    }
    change
}

fn ids_of(change: &Change) -> impl Iterator<Item = OperationId> {
    (0..change.operations.len()).map(|index| change.operation_id(index))
}

/// Makes sequence, first operation and the names of own operations right again.
fn refit(change: &mut Change, others: &History, chance: &mut Chance) {
    change.parents.sort_unstable();
    change.parents.dedup();
    let Some(past) = others.past(&change.parents) else { return };
    change.sequence = past.highest_sequence(change.actor) + 1;
    let first = past.highest_operation() + 1;
    let shift = |id: &mut OperationId| {
        if id.actor == change.actor && id.counter >= change.first_operation {
            id.counter = (id.counter - change.first_operation).saturating_add(first);
        }
    };
    for operation in &mut change.operations {
        if let Object::Made(id) = &mut operation.object {
            shift(id);
        }
        if let Key::Element(id) = &mut operation.key {
            shift(id);
        }
        operation.predecessors.iter_mut().for_each(shift);
        if chance.below(4) != 0 {
            operation.predecessors.sort_unstable();
            operation.predecessors.dedup();
        }
    }
    change.first_operation = first;
}

fn mutate_position(change: &mut Change, others: &History, chance: &mut Chance) {
    let known: Vec<_> = others.iter().map(|(hash, _)| *hash).collect();
    match chance.below(10) {
        0 => change.sequence = chance.number(change.sequence),
        1 => change.first_operation = chance.number(change.first_operation),
        2 => change.time = Timestamp(chance.signed()),
        3 => change.schema = chance.below(3) as u32,
        4 => change.actor = *chance.pick(&AUTHORS),
        5 => change.parents = others.heads(),
        6 if !change.parents.is_empty() => {
            let gone = chance.below(change.parents.len() as u64) as usize;
            change.parents.remove(gone);
        }
        7 => change.parents.reverse(),
        8 => change.parents.push(ChangeHash([chance.below(256) as u8; 32])),
        _ if !known.is_empty() => change.parents.push(*chance.pick(&known)),
        _ => {}
    }
}

fn mutate_operations(
    change: &mut Change,
    others: &History,
    ids: &[OperationId],
    kind: Kind,
    chance: &mut Chance,
) {
    let count = change.operations.len() as u64;
    let at = chance.below(count.max(1)) as usize;
    match chance.below(8) {
        _ if count == 0 => change.operations.push(plausible(others, kind, chance)),
        0 => drop(change.operations.remove(at)),
        1 => change.operations.insert(at, change.operations[at].clone()),
        2 => change.operations.swap(at, chance.below(count) as usize),
        3 | 4 => change.operations.push(plausible(others, kind, chance)),
        _ => mutate_operation(&mut change.operations[at], ids, kind, chance),
    }
}

/// An operation at a place of the schema or of the history, which may well be allowed.
fn plausible(others: &History, kind: Kind, chance: &mut Chance) -> Operation {
    let known: Vec<_> = others
        .iter()
        .flat_map(|(_, change)| {
            change.operations.iter().enumerate().map(|(i, o)| (change.operation_id(i), o))
        })
        .collect();
    if known.is_empty() || chance.below(4) == 0 {
        return Operation {
            object: Object::Root,
            key: Key::Map(root_key(kind, chance)),
            insert: false,
            action: action(chance),
            predecessors: Vec::new(),
        };
    }
    let (id, like) = *chance.pick(&known);
    let mut operation = like.clone();
    if operation.insert {
        operation.key = Key::Element(id);
        operation.insert = chance.below(2) == 0;
    }
    let stands = |(before, other): &(OperationId, &Operation)| {
        let same = other.key == operation.key || (other.insert && operation.key == Key::Element(*before));
        (other.object == operation.object && same).then_some(*before)
    };
    operation.predecessors = match (operation.insert, chance.below(4)) {
        (true, _) | (_, 0) => Vec::new(),
        (false, 1) => vec![id],
        _ => known.iter().filter_map(stands).collect(),
    };
    operation.predecessors.sort_unstable();
    if !operation.insert && chance.below(3) == 0 {
        operation.action = if chance.below(2) == 0 { Action::Delete } else { action(chance) };
    }
    operation
}

fn mutate_operation(operation: &mut Operation, ids: &[OperationId], kind: Kind, chance: &mut Chance) {
    let any = |chance: &mut Chance| {
        let id = chance.pick(ids);
        match chance.below(8) {
            0 => OperationId { counter: chance.number(id.counter), actor: id.actor },
            1 => OperationId { actor: *chance.pick(&AUTHORS), ..*id },
            _ => *id,
        }
    };
    match chance.below(9) {
        0 => operation.object = Object::Root,
        1 => operation.object = Object::Made(any(chance)),
        2 => operation.key = Key::Map(root_key(kind, chance)),
        3 => operation.key = if chance.below(3) == 0 { Key::Head } else { Key::Element(any(chance)) },
        4 => operation.insert = !operation.insert,
        5 => operation.action = action(chance),
        6 => operation.predecessors.push(any(chance)),
        7 => drop(operation.predecessors.pop()),
        _ => operation.predecessors.reverse(),
    }
}

fn root_key(kind: Kind, chance: &mut Chance) -> String {
    let Keys::Fixed(entries) = &schema::root(kind).keys else { panic!("a root has fixed keys") };
    match chance.below(8) {
        0 => ["", "state", "000-3131", "\u{0}", "KK"][chance.below(5) as usize].to_owned(),
        _ => chance.pick(entries).0.to_owned(),
    }
}

fn action(chance: &mut Chance) -> Action {
    Action::Put(match chance.below(14) {
        0 => return Action::MakeMap,
        1 => return Action::MakeList,
        2 => return Action::Delete,
        3 => return Action::Increment(chance.signed()),
        4 => Scalar::Null,
        5 => Scalar::Boolean(chance.below(2) == 0),
        6 => Scalar::Int(chance.signed()),
        7 => Scalar::Uint(chance.below(u64::MAX)),
        8 => Scalar::F64(f64::from_bits(chance.below(u64::MAX))),
        9 => Scalar::Bytes(vec![0; chance.below(9) as usize]),
        10 => Scalar::Timestamp(Timestamp(chance.signed())),
        11 => Scalar::Counter(chance.signed()),
        12 => Scalar::Str("x".repeat(chance.below(5_000) as usize)),
        _ => Scalar::Str(["", "issued", "O'a", "\u{0}", "handed_over"][chance.below(5) as usize].to_owned()),
    })
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(bits ^ (bits >> 31)) * u128::from(end)) >> 64) as u64
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// A number near `number`, or at an edge.
    fn number(&mut self, number: u64) -> u64 {
        match self.below(8) {
            0 => number.wrapping_add(1),
            1 => number.wrapping_sub(1),
            2 => 0,
            3 => u64::MAX,
            4 => u64::from(u32::MAX) + 1,
            5 => COUNTER_MAX,
            6 => 1 << 53,
            _ => self.below(40),
        }
    }

    fn signed(&mut self) -> i64 {
        match self.below(6) {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => -1,
            3 => (1 << 53) + 1,
            _ => self.below(1_000) as i64,
        }
    }
}
