//! Rule by rule: the honest change is let in, the mutant is not. (Mutants by the thousand against
//! automerge itself are in the `tests` crate.)

mod authority;
mod edits;

use super::*;
use crate::{
    change::{
        Action, ActorId, Key, OPERATIONS_MAX, Object, Operation, OperationId, PARENTS_MAX, PREDECESSORS_MAX,
        PREDECESSORS_TOTAL_MAX, Scalar,
    },
    document::{
        authority::id_prefix,
        schema::{self, Keys, Shape, Writes},
    },
    id::{DeviceId, Kind},
};

const ANA: ActorId = ActorId([0xa1; 16]);
const BUDI: ActorId = ActorId([0xb2; 16]);

/// Operations of the first change of a case, by their counter.
const WITNESSES: u64 = 6;
const STATUS: u64 = 7;
const TICKS: u64 = 8;
const WARNINGS: u64 = 9;

fn van() -> Writer {
    Writer::Van { device: DeviceId(7), unit: "V01".parse().expect("a unit"), own_actor: true }
}

fn catalogue(version: &str, service: &str) -> CatalogueAnswer {
    match (version, service) {
        ("c1", "KES-PUSLING") => CatalogueAnswer::Service { agency: "KES".to_owned(), full: true },
        ("c1", "DUK-CETAK") => CatalogueAnswer::Service { agency: "DUK".to_owned(), full: false },
        ("c1", _) => CatalogueAnswer::UnknownService,
        _ => CatalogueAnswer::UnknownVersion,
    }
}

fn hash_of(change: &Change) -> ChangeHash {
    let bytes = minicbor::to_vec(change).expect("a vector takes everything");
    ChangeHash(*blake3::hash(&bytes).as_bytes())
}

fn id(counter: u64, actor: ActorId) -> OperationId {
    OperationId { counter, actor }
}

fn text(text: &str) -> Action {
    Action::Put(Scalar::Str(text.to_owned()))
}

fn write(object: Object, key: &str, action: Action) -> Operation {
    Operation { object, key: Key::Map(key.to_owned()), insert: false, action, predecessors: Vec::new() }
}

fn over(mut operation: Operation, predecessors: &[OperationId]) -> Operation {
    operation.predecessors = predecessors.to_vec();
    operation
}

fn made(counter: u64, actor: ActorId) -> Object {
    Object::Made(id(counter, actor))
}

fn insert(object: Object, key: Key, action: Action) -> Operation {
    Operation { object, key, insert: true, action, predecessors: Vec::new() }
}

/// A document as a replica has it.
struct Replica {
    document: DocumentId,
    history: History,
}

impl Replica {
    /// A case of `service` made by `ANA`, with nothing in it but what must be: 11 operations.
    fn case(service: &str) -> Self {
        let document = DocumentId::new(id_prefix(ANA), Kind::Case, 1);
        let mut replica = Self { document, history: History::default() };
        let first = replica.beginning(Kind::Case, ANA, service);
        replica.accept(&van(), first);
        replica
    }

    fn beginning(&self, kind: Kind, actor: ActorId, service: &str) -> Change {
        let Keys::Fixed(entries) = &schema::root(kind).keys else { panic!("a root has fixed keys") };
        let mut change = self.next(actor, &[]);
        for (key, entry) in entries.iter().filter(|(_, entry)| entry.writes == Writes::FirstChange) {
            let action = match (entry.shape, *key) {
                (Shape::Map(_), _) => Action::MakeMap,
                (Shape::List(_), _) => Action::MakeList,
                (_, "service") => text(service),
                (_, "id") => Action::Put(Scalar::Int(self.document.number())),
                (_, "catalogue") => text("c1"),
                (_, "unit") => text("V01"),
                _ => text("x"),
            };
            change.operations.push(write(Object::Root, key, action));
        }
        change
    }

    /// An empty change of `actor` on top of `parents`.
    fn next(&self, actor: ActorId, parents: &[ChangeHash]) -> Change {
        let past = self.history.past(parents).expect("the parents are here");
        Change {
            actor,
            sequence: past.highest_sequence(actor) + 1,
            first_operation: past.highest_operation() + 1,
            time: Timestamp(1_795_137_120_000),
            schema: SCHEMA,
            parents: parents.to_vec(),
            operations: Vec::new(),
        }
    }

    /// A change of `actor` on top of everything.
    fn edit(&self, actor: ActorId, operations: Vec<Operation>) -> Change {
        Change { operations, ..self.next(actor, &self.history.heads()) }
    }

    /// A status event of one state, with further text fields.
    fn event(&self, actor: ActorId, state: &str, fields: &[(&str, Action)]) -> Change {
        let mut change = self.edit(actor, Vec::new());
        let name = format!("{:03}-{}", self.history.len(), hex(&actor.0[..2]));
        let event = made(change.first_operation, actor);
        change.operations.push(write(made(STATUS, ANA), &name, Action::MakeMap));
        change.operations.push(write(event, "state", text(state)));
        change.operations.push(write(event, "at", Action::Put(Scalar::Timestamp(Timestamp(1)))));
        change.operations.extend(fields.iter().map(|(key, action)| write(event, key, action.clone())));
        change
    }

    fn judge(&self, writer: &Writer, change: &Change) -> Verdict {
        judge(self.document, change, &self.history, writer, &catalogue)
    }

    fn accept(&mut self, writer: &Writer, change: Change) -> ChangeHash {
        assert!(
            matches!(self.judge(writer, &change), Verdict::Accept(_)),
            "{:?}",
            self.judge(writer, &change)
        );
        let hash = hash_of(&change);
        assert!(self.history.insert(hash, change));
        hash
    }

    /// The code of the refusal, or what else came out.
    fn code(&self, writer: &Writer, change: &Change) -> String {
        match self.judge(writer, change) {
            Verdict::Accept(_) => "accepted".to_owned(),
            Verdict::Wait(wait) => format!("{wait:?}"),
            Verdict::Reject(refusal) => refusal.code().to_owned(),
        }
    }

    fn breach(&self, writer: &Writer, change: &Change) -> Option<Breach> {
        match self.judge(writer, change) {
            Verdict::Reject(Refusal::Authority(breach)) => Some(breach),
            Verdict::Accept(_) | Verdict::Wait(_) | Verdict::Reject(_) => None,
        }
    }
}

/// What comes of a change after a mutation.
type Mutant<'a> = (&'a str, &'a dyn Fn(&mut Change));

/// Judges `honest` as changed by each mutation.
fn table(replica: &Replica, honest: &Change, mutants: &[Mutant<'_>]) {
    assert_eq!(replica.code(&van(), honest), "accepted");
    for (number, (expected, mutate)) in mutants.iter().enumerate() {
        let mut mutant = honest.clone();
        mutate(&mut mutant);
        assert_eq!(replica.code(&van(), &mutant), *expected, "mutant {number}");
    }
}

fn note(value: &str) -> Operation {
    write(Object::Root, "notes", text(value))
}

#[test]
fn rule_1_limits() {
    let replica = Replica::case("DUK-CETAK");
    let ids = |count: usize| (1..=count as u64).map(|counter| id(counter, ANA)).collect::<Vec<_>>();
    let ticks = |count: usize| -> Vec<_> {
        (0..count).map(|n| write(made(TICKS, ANA), &n.to_string(), text(""))).collect()
    };
    let honest = replica.edit(BUDI, ticks(OPERATIONS_MAX));
    table(
        &replica,
        &honest,
        &[
            ("limit", &|change| change.operations.clear()),
            ("limit", &|change| change.operations.push(note("x"))),
            ("limit", &|change| {
                change.parents = (0..=PARENTS_MAX as u8).map(|n| ChangeHash([n; 32])).collect()
            }),
            ("limit", &|change| change.operations[0].predecessors = ids(PREDECESSORS_MAX + 1)),
            ("limit", &|change| {
                for operation in
                    change.operations.iter_mut().take(1 + PREDECESSORS_TOTAL_MAX / PREDECESSORS_MAX)
                {
                    operation.predecessors = ids(PREDECESSORS_MAX);
                }
            }),
            ("limit", &|change| change.operations[3].object = made(u64::from(u32::MAX) + 1, ANA)),
            ("limit", &|change| change.operations[3].predecessors = vec![id(u64::MAX, ANA)]),
            ("limit", &|change| change.operations[3].key = Key::Element(id(u64::MAX, ANA))),
            ("limit", &|change| {
                for operation in &mut change.operations[..TEXT_BYTES_MAX / 500 + 1] {
                    operation.action = text(&"x".repeat(500));
                }
            }),
        ],
    );
}

#[test]
fn rule_2_parents() {
    let mut replica = Replica::case("DUK-CETAK");
    let root = replica.history.heads()[0];
    let one = replica.accept(&van(), Change { operations: vec![note("a")], ..replica.next(ANA, &[root]) });
    let two = replica.accept(&van(), Change { operations: vec![note("b")], ..replica.next(BUDI, &[root]) });
    let honest = replica.edit(ANA, vec![write(Object::Root, "ref", text("r"))]);
    let (low, high) = (one.min(two), one.max(two));
    let missing = |hashes: &[ChangeHash]| format!("{:?}", Wait::Parents(hashes.to_vec()));
    let (lone, both) =
        (missing(&[ChangeHash([9; 32])]), missing(&[ChangeHash([8; 32]), ChangeHash([9; 32])]));
    table(
        &replica,
        &honest,
        &[
            ("parents", &|change| change.parents = vec![high, low]),
            ("parents", &|change| change.parents = vec![low, low]),
            (&lone, &|change| change.parents = vec![ChangeHash([9; 32])]),
            (&both, &|change| change.parents = vec![ChangeHash([8; 32]), ChangeHash([9; 32])]),
        ],
    );
}

#[test]
fn a_document_is_begun_only_by_the_one_whom_its_id_names() {
    let replica = Replica::case("DUK-CETAK");
    let second = replica.beginning(Kind::Case, BUDI, "DUK-CETAK");
    assert_eq!(replica.code(&van(), &second), "origin");
    assert_eq!(replica.code(&Writer::Hub, &second), "origin");
}

#[test]
fn rule_3_sequence() {
    let mut replica = Replica::case("DUK-CETAK");
    let root = replica.history.heads()[0];
    replica.accept(&van(), replica.edit(ANA, vec![note("a")]));
    // What was not in its past does not count: that is for `equivocation` to see.
    let behind = Change { operations: vec![note("b")], ..replica.next(ANA, &[root]) };
    assert_eq!((behind.sequence, replica.code(&van(), &behind).as_str()), (2, "accepted"));
    assert!(matches!(
        equivocation(&replica.history, hash_of(&behind), &behind),
        Some(Refusal::Equivocation { sequence: 2, .. })
    ));
    let honest = replica.edit(ANA, vec![note("c")]);
    assert_eq!(equivocation(&replica.history, hash_of(&honest), &honest), None);
    let known = replica.history.heads()[0];
    assert_eq!(equivocation(&replica.history, known, replica.history.get(&known).expect("here")), None);
    table(
        &replica,
        &honest,
        &[
            ("sequence", &|change| change.sequence = 0),
            ("sequence", &|change| change.sequence = 2),
            ("sequence", &|change| change.sequence = 4),
            ("sequence", &|change| change.sequence = u64::MAX),
            ("sequence", &|change| change.actor = BUDI),
        ],
    );
}

#[test]
fn rule_4_first_and_last_operation() {
    let replica = Replica::case("DUK-CETAK");
    let honest = replica.edit(ANA, vec![note("a")]);
    table(
        &replica,
        &honest,
        &[
            ("first_operation", &|change| change.first_operation = 0),
            ("first_operation", &|change| change.first_operation -= 1),
            ("first_operation", &|change| change.first_operation += 1),
            ("first_operation", &|change| change.first_operation = COUNTER_MAX),
            ("last_operation", &|change| change.first_operation = COUNTER_MAX + 1),
            ("last_operation", &|change| change.first_operation = u64::MAX),
        ],
    );
}

#[test]
fn rule_5_time() {
    let replica = Replica::case("DUK-CETAK");
    let honest = replica.edit(ANA, vec![note("a")]);
    table(
        &replica,
        &honest,
        &[
            ("accepted", &|change| change.time = Timestamp(0)),
            ("accepted", &|change| change.time = TIMESTAMP_MAX),
            ("time", &|change| change.time = Timestamp(-1)),
            ("time", &|change| change.time = Timestamp(TIMESTAMP_MAX.0 + 1)),
            ("time", &|change| change.time = Timestamp(i64::MIN)),
        ],
    );
}

#[test]
fn rule_6_schema() {
    let replica = Replica::case("DUK-CETAK");
    let honest = replica.edit(ANA, vec![write(Object::Root, "offset", Action::Put(Scalar::Int(480)))]);
    let set = |change: &mut Change, key: &str, action: Action| {
        change.operations[0] = write(Object::Root, key, action);
    };
    table(
        &replica,
        &honest,
        &[
            ("schema_number", &|change| change.schema = 0),
            ("schema_key", &|change| set(change, "nik", text("x"))),
            ("schema_key", &|change| set(change, "", text("x"))),
            ("schema_value", &|change| set(change, "offset", Action::Put(Scalar::Int(100_000)))),
            ("schema_value", &|change| set(change, "offset", Action::Put(Scalar::Uint(480)))),
            ("schema_value", &|change| set(change, "offset", Action::Put(Scalar::F64(f64::NAN)))),
            ("schema_value", &|change| set(change, "offset", Action::Put(Scalar::Counter(1)))),
            ("schema_value", &|change| set(change, "notes", Action::Put(Scalar::Bytes(vec![1])))),
            ("schema_value", &|change| set(change, "notes", Action::Put(Scalar::Null))),
            ("schema_value", &|change| set(change, "notes", text(&"x".repeat(4_001)))),
            ("schema_value", &|change| set(change, "started", Action::Put(Scalar::Timestamp(Timestamp(-1))))),
            ("schema_value", &|change| set(change, "status", text("x"))),
            ("schema_action", &|change| set(change, "notes", Action::MakeMap)),
            ("schema_action", &|change| set(change, "status", Action::MakeList)),
            ("schema_action", &|change| {
                change.operations = (0..=schema::WITNESSES_MAX)
                    .map(|_| insert(made(WITNESSES, ANA), Key::Head, text("Ana")))
                    .collect();
            }),
            ("schema_key", &|change| {
                change.operations[0] = write(made(TICKS, ANA), &"x".repeat(201), text(""));
            }),
            ("schema_value", &|change| {
                change.operations[0] = insert(made(WITNESSES, ANA), Key::Head, Action::Put(Scalar::Int(1)));
            }),
            ("schema_action", &|change| {
                change.operations[0] = insert(made(WITNESSES, ANA), Key::Head, Action::MakeMap);
            }),
        ],
    );
    let mut newer = honest.clone();
    newer.schema = SCHEMA + 1;
    newer.operations[0] = write(Object::Root, "of the future", Action::Increment(1));
    assert_eq!(
        replica.judge(&van(), &newer),
        Verdict::Wait(Wait::Schema { found: SCHEMA + 1, newest: SCHEMA })
    );
    let mut unknown = replica.document;
    unknown.0[10] = 9;
    assert_eq!(
        judge(unknown, &honest, &replica.history, &van(), &catalogue),
        Verdict::Reject(Refusal::UnknownKind)
    );
}

#[test]
fn rule_7_object() {
    let replica = Replica::case("DUK-CETAK");
    let first = replica.history.len() as u64 + 12;
    let honest = replica.edit(BUDI, vec![write(made(TICKS, ANA), "KK", text("")), note("a")]);
    assert_eq!(honest.first_operation, first);
    let onto = |change: &mut Change, object: Object| change.operations[0].object = object;
    table(
        &replica,
        &honest,
        &[
            ("object", &|change| onto(change, made(1, ANA))),
            ("object", &|change| onto(change, made(99, ANA))),
            ("object", &|change| onto(change, made(TICKS, BUDI))),
            ("object", &|change| onto(change, made(0, ANA))),
            ("object", &|change| onto(change, made(first, BUDI))),
            ("object", &|change| onto(change, made(first + 1, BUDI))),
            ("object", &|change| onto(change, made(WITNESSES, ANA))),
            ("object", &|change| change.operations[0].key = Key::Head),
            ("object", &|change| change.operations[0].key = Key::Element(id(1, ANA))),
        ],
    );
}

#[test]
fn rule_7_object_not_in_the_past() {
    let mut replica = Replica::case("DUK-CETAK");
    let root = replica.history.heads()[0];
    replica.accept(&van(), replica.event(ANA, "received", &[]));
    let event = made(13, ANA);
    let unseen =
        Change { operations: vec![write(event, "reason", text("x"))], ..replica.next(BUDI, &[root]) };
    assert_eq!(replica.code(&van(), &unseen), "object");
}

#[test]
fn rule_8_element() {
    let mut replica = Replica::case("DUK-CETAK");
    let list = made(WITNESSES, ANA);
    replica.accept(&van(), replica.edit(ANA, vec![insert(list, Key::Head, text("Ana"))]));
    let element = id(13, ANA);
    let put = Operation { insert: false, ..insert(list, Key::Element(element), text("Ani")) };
    let honest = replica.edit(BUDI, vec![over(put, &[element])]);
    let at = |change: &mut Change, key: Key| {
        change.operations[0].key = key;
        change.operations[0].predecessors.clear();
    };
    table(
        &replica,
        &honest,
        &[
            ("element", &|change| at(change, Key::Head)),
            ("element", &|change| at(change, Key::Element(id(1, ANA)))),
            ("element", &|change| at(change, Key::Element(id(13, BUDI)))),
            ("element", &|change| at(change, Key::Element(id(14, BUDI)))),
            ("element", &|change| at(change, Key::Element(id(0, ANA)))),
            ("element", &|change| {
                at(change, Key::Element(id(14, BUDI)));
                change.operations[0].insert = true;
            }),
        ],
    );
}

#[test]
fn rule_9_insert() {
    let mut replica = Replica::case("DUK-CETAK");
    let list = made(WITNESSES, ANA);
    replica.accept(&van(), replica.edit(ANA, vec![insert(list, Key::Head, text("Ana"))]));
    let element = id(13, ANA);
    let honest = replica.edit(BUDI, vec![insert(list, Key::Element(element), text("Budi"))]);
    table(
        &replica,
        &honest,
        &[
            ("insert", &|change| change.operations[0].predecessors = vec![element]),
            ("insert", &|change| change.operations[0].action = Action::Delete),
            ("insert", &|change| change.operations[0].action = Action::Increment(1)),
            ("insert", &|change| change.operations[0] = Operation { insert: true, ..note("x") }),
        ],
    );
}

#[test]
fn rule_10_predecessors() {
    let mut replica = Replica::case("DUK-CETAK");
    let root = replica.history.heads()[0];
    let one = Change { operations: vec![note("a")], ..replica.next(ANA, &[root]) };
    let two = Change { operations: vec![note("b")], ..replica.next(BUDI, &[root]) };
    replica.accept(&van(), one);
    let two = replica.accept(&van(), two);
    let [a, b] = [id(13, ANA), id(13, BUDI)];
    let honest = replica.edit(BUDI, vec![over(note("c"), &[a, b])]);
    let after = |change: &mut Change, predecessors: &[OperationId]| {
        change.operations[0].predecessors = predecessors.to_vec();
    };
    table(
        &replica,
        &honest,
        &[
            ("accepted", &|change| after(change, &[a])),
            ("accepted", &|change| after(change, &[])),
            ("predecessor_order", &|change| after(change, &[b, a])),
            ("predecessor_order", &|change| after(change, &[a, a])),
            ("predecessor", &|change| after(change, &[id(1, ANA)])),
            ("predecessor", &|change| after(change, &[id(14, BUDI)])),
            ("predecessor", &|change| after(change, &[a, id(15, BUDI)])),
            ("predecessor", &|change| after(change, &[id(0, ANA)])),
        ],
    );
    let unseen = Change { operations: vec![over(note("c"), &[a])], ..replica.next(BUDI, &[two]) };
    assert_eq!(replica.code(&van(), &unseen), "predecessor");
    let delete = over(write(Object::Root, "notes", Action::Delete), &[a, b]);
    replica.accept(&van(), replica.edit(BUDI, vec![delete]));
    let deleted = id(14, BUDI);
    assert_eq!(replica.code(&van(), &replica.edit(ANA, vec![over(note("d"), &[deleted])])), "predecessor");
    let within = replica.edit(ANA, vec![note("e"), over(note("f"), &[id(15, ANA)])]);
    assert_eq!(replica.code(&van(), &within), "accepted");
}

#[test]
fn rule_11_delete_and_increment() {
    let mut replica = Replica::case("DUK-CETAK");
    replica.accept(&van(), replica.edit(ANA, vec![note("a")]));
    let value = id(13, ANA);
    let honest = replica.edit(BUDI, vec![over(write(Object::Root, "notes", Action::Delete), &[value])]);
    table(
        &replica,
        &honest,
        &[
            ("delete", &|change| change.operations[0].predecessors.clear()),
            ("increment", &|change| change.operations[0].action = Action::Increment(1)),
            ("increment", &|change| {
                change.operations[0].action = Action::Increment(1);
                change.operations[0].predecessors.clear();
            }),
        ],
    );
}

#[test]
fn rule_12_hash() {
    assert_eq!(check_hash(ChangeHash([1; 32]), ChangeHash([1; 32])), Ok(()));
    let refusal = check_hash(ChangeHash([1; 32]), ChangeHash([2; 32])).expect_err("they differ");
    assert_eq!(refusal.code(), "hash");
}

#[test]
fn no_more_actors_than_the_limit() {
    let mut replica = Replica::case("DUK-CETAK");
    for n in 1..ACTORS_MAX {
        let mut actor = [0; 16];
        actor[..2].copy_from_slice(&(n as u16).to_be_bytes());
        replica.accept(&van(), replica.edit(ActorId(actor), vec![note("x")]));
    }
    assert_eq!(replica.code(&van(), &replica.edit(BUDI, vec![note("x")])), "actors");
    assert_eq!(replica.code(&van(), &replica.edit(ANA, vec![note("x")])), "accepted");
}

#[test]
fn a_change_under_another_devices_actor_is_refused() {
    let replica = Replica::case("DUK-CETAK");
    let change = replica.edit(BUDI, vec![note("x")]);
    let writer = Writer::Van { device: DeviceId(7), unit: "V01".parse().expect("a unit"), own_actor: false };
    assert_eq!(replica.code(&writer, &change), "foreign_actor");
}

#[test]
fn what_builds_on_a_refused_change_is_refused() {
    let replica = Replica::case("DUK-CETAK");
    let change = replica.edit(BUDI, vec![note("x")]);
    let parent = change.parents[0];
    assert_eq!(depends_on_refused(&change, |_| false), None);
    let refusal = depends_on_refused(&change, |hash| *hash == parent).expect("its parent was refused");
    assert_eq!(refusal, Refusal::DependsOnRefused { parent });
}

#[test]
fn a_refusal_travels() {
    let refusal = Refusal::Authority(Breach::HubOnly { key: "same_as".to_owned() });
    let bytes = minicbor::to_vec(refusal.note()).expect("a vector takes everything");
    let note: RefusalNote = minicbor::decode(&bytes).expect("the bytes are whole");
    assert_eq!((note.rule.as_str(), note.text.as_str()), ("authority", "only the hub may write `same_as`"));
}

#[test]
fn the_verdict_does_not_depend_on_what_came_from_elsewhere() {
    let mut replica = Replica::case("DUK-CETAK");
    let root = replica.history.heads()[0];
    let change = Change { operations: vec![note("a")], ..replica.next(BUDI, &[root]) };
    let before = replica.judge(&van(), &change);
    replica.accept(&van(), replica.event(ANA, "handed_over", &[]));
    assert_eq!(replica.judge(&van(), &change), before);
    let event = Change { parents: vec![root], ..replica.event(BUDI, "cancelled", &[]) };
    assert_eq!(replica.code(&van(), &event), "first_operation");
}
