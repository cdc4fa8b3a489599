//! Who may write what: the table of states, and what stays as it was written.

use super::*;
use crate::document::State;

#[test]
fn a_document_begins_with_all_that_only_its_first_change_may_write() {
    for kind in [Kind::Case, Kind::Person, Kind::Visit] {
        let replica =
            Replica { document: DocumentId::new(id_prefix(ANA), kind, 1), history: History::default() };
        let whole = replica.beginning(kind, ANA, "DUK-CETAK");
        assert_eq!(replica.code(&van(), &whole), "accepted");
        for index in 0..whole.operations.len() {
            let mut mutant = whole.clone();
            mutant.operations.remove(index);
            if whole.operations[index].key == Key::Map("id".to_owned()) {
                assert_eq!(replica.code(&van(), &mutant), "origin");
                continue;
            }
            let breach = replica.breach(&van(), &mutant);
            assert!(matches!(breach, Some(Breach::Missing { .. })), "{breach:?}");
        }
    }
}

#[test]
fn another_unit_is_only_a_warning() {
    let replica =
        Replica { document: DocumentId::new(id_prefix(ANA), Kind::Case, 1), history: History::default() };
    let change = replica.beginning(Kind::Case, ANA, "DUK-CETAK");
    let writer = Writer::Van { device: DeviceId(7), unit: "V02".parse().expect("a unit"), own_actor: true };
    let warning = Warning::OtherUnit { named: "V01".to_owned() };
    assert_eq!(replica.judge(&writer, &change), Verdict::Accept(vec![warning]));
}

#[test]
fn what_the_first_change_fixed_stays() {
    let replica = Replica::case("DUK-CETAK");
    for operation in [
        over(write(Object::Root, "service", text("KES-PUSLING")), &[id(1, ANA)]),
        write(Object::Root, "service", text("KES-PUSLING")),
        over(write(Object::Root, "slip", Action::Delete), &[id(3, ANA)]),
        over(write(Object::Root, "status", Action::MakeMap), &[id(STATUS, ANA)]),
        write(Object::Root, "status", Action::MakeMap),
        over(write(Object::Root, "witnesses", Action::Delete), &[id(WITNESSES, ANA)]),
    ] {
        for writer in [van(), Writer::Hub] {
            let breach = replica.breach(&writer, &replica.edit(ANA, vec![operation.clone()]));
            assert!(matches!(breach, Some(Breach::WrittenOnce { .. })), "{breach:?}");
        }
    }
}

#[test]
fn events_and_warnings_only_grow() {
    let mut replica = Replica::case("DUK-CETAK");
    let warn = || write(made(WARNINGS, ANA), "age", text("too young"));
    replica.accept(&van(), replica.edit(ANA, vec![warn()]));
    replica.accept(&van(), replica.event(ANA, "received", &[]));
    let (warning, event, state) = (id(13, ANA), id(14, ANA), id(15, ANA));
    let name = "002-a1a1";
    for operation in [
        over(warn(), &[warning]),
        warn(),
        over(write(made(WARNINGS, ANA), "age", Action::Delete), &[warning]),
        over(write(made(STATUS, ANA), name, Action::MakeMap), &[event]),
        over(write(made(STATUS, ANA), name, Action::Delete), &[event]),
        write(made(STATUS, ANA), name, Action::MakeMap),
    ] {
        let breach = replica.breach(&Writer::Hub, &replica.edit(ANA, vec![operation]));
        assert!(matches!(breach, Some(Breach::GrowsOnly { .. })), "{breach:?}");
    }
    for operation in [
        over(write(Object::Made(event), "state", text("issued")), &[state]),
        write(Object::Made(event), "agency", text("DUK")),
    ] {
        let breach = replica.breach(&Writer::Hub, &replica.edit(ANA, vec![operation]));
        assert!(matches!(breach, Some(Breach::WrittenWhole { .. })), "{breach:?}");
    }
}

#[test]
fn a_tick_is_removed_only_with_a_reason() {
    let mut replica = Replica::case("DUK-CETAK");
    let root = replica.history.heads();
    let tick = |action| write(made(TICKS, ANA), "KK", action);
    replica.accept(&van(), replica.edit(ANA, vec![tick(text(""))]));
    let [ana, budi] = [id(13, ANA), id(13, BUDI)];
    let edit = |replica: &Replica, action, predecessors: &[OperationId]| {
        replica.edit(BUDI, vec![over(tick(action), predecessors)])
    };
    assert_eq!(replica.code(&van(), &edit(&replica, text("illegible"), &[ana])), "accepted");
    let breach = Some(Breach::TickDeleted { requirement: "KK".to_owned() });
    assert_eq!(replica.breach(&van(), &edit(&replica, Action::Delete, &[ana])), breach);
    let concurrent = Change { operations: vec![tick(text("torn"))], ..replica.next(BUDI, &root) };
    replica.accept(&van(), concurrent);
    // automerge's way of settling on the other value.
    assert_eq!(replica.code(&van(), &edit(&replica, Action::Delete, &[ana])), "accepted");
    assert_eq!(replica.breach(&van(), &edit(&replica, Action::Delete, &[ana, budi])), breach);
}

#[test]
fn only_the_hub_writes_same_as() {
    let document = DocumentId::new(id_prefix(ANA), Kind::Person, 1);
    let mut replica = Replica { document, history: History::default() };
    replica.accept(&van(), replica.beginning(Kind::Person, ANA, ""));
    let change = replica.edit(BUDI, vec![write(Object::Root, "same_as", text("00"))]);
    assert_eq!(replica.breach(&van(), &change), Some(Breach::HubOnly { key: "same_as".to_owned() }));
    assert_eq!(replica.code(&Writer::Hub, &change), "accepted");
}

/// State; may a van set it, without an agency; may the hub, naming the agency; must it name it.
const AUTHORITY: [(State, bool, bool, bool); 17] = [
    (State::Draft, true, true, false),
    (State::Received, true, true, false),
    (State::Complete, true, true, false),
    (State::Incomplete, true, true, false),
    (State::WaitingForNetwork, true, true, false),
    (State::Forwarded, false, true, true),
    (State::InProcess, false, true, true),
    (State::Returned, false, true, true),
    (State::Issued, false, true, true),
    (State::Rejected, false, true, true),
    (State::IssuedByDefault, false, true, true),
    (State::Ready, false, true, false),
    (State::Loaded, true, true, false),
    (State::WithCollector, true, true, false),
    (State::HandedOver, true, true, false),
    (State::Closed, true, true, false),
    (State::Cancelled, true, true, false),
];

#[test]
fn who_may_set_which_state() {
    let replica = Replica::case("DUK-CETAK");
    assert_eq!(AUTHORITY.map(|(state, ..)| state), State::ALL);
    for (state, by_van, by_hub, agency_needed) in AUTHORITY {
        let accepted = |writer: &Writer, fields: &[(&str, Action)]| {
            replica.code(writer, &replica.event(BUDI, state.as_str(), fields)) == "accepted"
        };
        let agency = [("agency", text("DUK"))];
        assert_eq!(accepted(&van(), &[]), by_van, "{state} by a van");
        assert_eq!(accepted(&van(), &agency), by_van, "{state} by a van with an agency");
        assert_eq!(accepted(&Writer::Hub, &agency), by_hub, "{state} by the hub");
        assert_eq!(accepted(&Writer::Hub, &[]), by_hub && !agency_needed, "{state} by the hub alone");
    }
}

#[test]
fn a_van_issues_in_the_village_or_with_the_agencys_reference() {
    let reference = || [("reference", text("R-1")), ("confirm", Action::Put(Scalar::Boolean(true)))];
    let issued = |service: &str, fields: &[(&str, Action)]| {
        let replica = Replica::case(service);
        replica.judge(&van(), &replica.event(BUDI, "issued", fields))
    };
    let accepted = |agency: &str, to_be_confirmed| {
        Verdict::Accept(vec![Warning::IssuedByVan { agency: agency.to_owned(), to_be_confirmed }])
    };
    let refused = Verdict::Reject(Refusal::Authority(Breach::IssuedByVan));
    assert_eq!(issued("KES-PUSLING", &[]), accepted("KES", false));
    assert_eq!(issued("DUK-CETAK", &reference()), accepted("DUK", true));
    assert_eq!(issued("DUK-CETAK", &reference()[..1]), refused);
    assert_eq!(issued("DUK-CETAK", &reference()[1..]), refused);
    assert!(matches!(
        issued("KES-PUSLING", &[("agency", text("DUK"))]),
        Verdict::Reject(Refusal::Authority(Breach::OtherAgency { .. }))
    ));
    assert!(matches!(issued("XYZ", &[]), Verdict::Reject(Refusal::Authority(Breach::UnknownService { .. }))));
}

#[test]
fn issued_waits_for_the_catalogue_that_the_case_names() {
    let replica = Replica::case("KES-PUSLING");
    let nothing = |_: &str, _: &str| CatalogueAnswer::UnknownVersion;
    let judged = |change: &Change| judge(replica.document, change, &replica.history, &van(), &nothing);
    let wait = Verdict::Wait(Wait::Catalogue("c1".to_owned()));
    assert_eq!(judged(&replica.event(BUDI, "issued", &[])), wait);
    assert_eq!(judged(&replica.event(BUDI, "complete", &[])), Verdict::Accept(Vec::new()));
}

#[test]
fn only_the_agency_that_owns_the_service_decides() {
    let replica = Replica::case("DUK-CETAK");
    for state in ["issued", "rejected"] {
        let change = replica.event(BUDI, state, &[("agency", text("KES"))]);
        let breach = replica.breach(&Writer::Hub, &change);
        let expected = Breach::OtherAgency { found: "KES".to_owned(), owner: "DUK".to_owned() };
        assert_eq!(breach, Some(expected));
    }
}

#[test]
fn hand_over_is_final() {
    let mut replica = Replica::case("DUK-CETAK");
    let before = replica.history.heads();
    replica.accept(&van(), replica.event(ANA, "handed_over", &[]));
    let agency = [("agency", text("DUK"))];
    for state in State::ALL {
        let code = |writer: &Writer| replica.code(writer, &replica.event(BUDI, state.as_str(), &agency));
        let closed = state == State::Closed;
        assert_eq!(code(&van()) == "accepted", closed, "{state} by a van");
        assert_eq!(code(&Writer::Hub) == "accepted", closed || state == State::Issued, "{state} by the hub");
    }
    let mut concurrent = replica.event(BUDI, "cancelled", &[]);
    let first = concurrent.first_operation;
    concurrent.parents = before;
    concurrent.first_operation = 13;
    for operation in &mut concurrent.operations {
        if operation.object == made(first, BUDI) {
            operation.object = made(13, BUDI);
        }
    }
    assert_eq!(replica.code(&van(), &concurrent), "accepted");
}

#[test]
fn only_a_loaded_product_goes_back_to_stock() {
    let mut replica = Replica::case("DUK-CETAK");
    assert_eq!(replica.breach(&van(), &replica.event(ANA, "ready", &[])), Some(Breach::NotLoaded));
    replica.accept(&van(), replica.event(ANA, "loaded", &[]));
    assert_eq!(replica.code(&van(), &replica.event(ANA, "ready", &[])), "accepted");
}

#[test]
fn an_event_is_whole_and_its_writers_own() {
    let replica = Replica::case("DUK-CETAK");
    let honest = replica.event(ANA, "received", &[]);
    let breach = |mutate: &dyn Fn(&mut Change)| {
        let mut mutant = honest.clone();
        mutate(&mut mutant);
        replica.breach(&van(), &mutant)
    };
    assert!(matches!(
        breach(&|change| change.operations.truncate(2)),
        Some(Breach::EventIncomplete { key: "at", .. })
    ));
    assert!(matches!(
        breach(&|change| change.operations.truncate(1)),
        Some(Breach::EventIncomplete { key: "state", .. })
    ));
    assert!(matches!(
        breach(&|change| change.operations[1].action = text("done")),
        Some(Breach::UnknownState { .. })
    ));
    for wrong in ["001-b2b2", "1-a1a1", "001a1a1", "x01-a1a1", "001-A1A1"] {
        let found = breach(&|change| change.operations[0].key = Key::Map(wrong.to_owned()));
        assert!(matches!(found, Some(Breach::EventKey { .. })), "{wrong}: {found:?}");
    }
}
