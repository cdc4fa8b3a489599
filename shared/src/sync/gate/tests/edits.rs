//! What the editor makes is let in: every change of a day's work by two vans and the hub.

use super::*;
use crate::{
    document::{
        Edit, Field, NewEvent, State, case, field,
        person::{self, set_same_as},
        visit,
    },
    id::{DistrictCode, UnitId},
    slip::{DeviceLetter, SlipNumber},
};

const AT: Timestamp = Timestamp(1_795_137_120_000);

fn district() -> DistrictCode {
    "53.02".parse().expect("a district")
}

fn unit() -> UnitId {
    "V01".parse().expect("a unit")
}

/// A document begun by `ANA`.
fn begun(kind: Kind, write: impl FnOnce(&mut Edit)) -> Replica {
    let document = DocumentId::new(id_prefix(ANA), kind, 1);
    let mut replica = Replica { document, history: History::default() };
    let mut edit = Edit::create(document, ANA);
    write(&mut edit);
    keep(&mut replica, &van(), edit);
    replica
}

/// Ends an edit; its change must be let in.
fn keep(replica: &mut Replica, writer: &Writer, mut edit: Edit) {
    let (hash, change) = edit.commit(AT, SCHEMA).expect("it commits").expect("something was written");
    let verdict = replica.judge(writer, &change);
    assert!(matches!(verdict, Verdict::Accept(_)), "{verdict:?} for {change:#?}");
    assert!(replica.history.insert(hash, change));
}

fn open(replica: &Replica, actor: ActorId) -> Edit {
    let kind = replica.document.kind().expect("a kind");
    Edit::open(kind, &replica.history, actor).expect("it opens")
}

fn recorded() -> Replica {
    let person = DocumentId::new(id_prefix(ANA), Kind::Person, 2);
    let slip = SlipNumber::new(district(), &unit(), &DeviceLetter::nth(0), AT.day(480), 1);
    begun(Kind::Case, |edit| {
        let new = case::New {
            service: "DUK-CETAK",
            catalogue: "c1",
            slip: &slip,
            unit: &unit(),
            district: &district(),
            village: Some(&"53.02.01.2003".parse().expect("a village")),
            applicant: person,
            subject: person,
            collector: None,
            visit: None,
            encounter: [9; 8],
            started: AT,
            ended: Some(AT),
            offset_minutes: 480,
            officer: Some("Ibu Tefa"),
            position: None,
            consent: Some(true),
            consent_text: None,
            confirmed: None,
            notes: Some("O'a Mate"),
            reference: None,
            channel: None,
            blank: None,
            priority: None,
            companion: None,
            witnesses: &["Nahak".to_owned()],
            ticks: &["Fotokopi KK".to_owned()],
            warnings: &[("nik_sex", "the NIK names another sex".to_owned())],
            event: NewEvent::new(State::WaitingForNetwork, AT),
        };
        new.write(edit).expect("within the schema");
    })
}

#[test]
fn the_life_of_a_case_is_let_in() {
    let mut replica = recorded();
    let [mut ana, mut budi] = [ANA, BUDI].map(|actor| open(&replica, actor));
    for (edit, notes) in [(&mut ana, "from the family"), (&mut budi, "from the village head")] {
        field::set(edit, Field::Notes, notes, Some("as told")).expect("a note");
        case::warn(edit, "age", "too young").expect("a warning");
    }
    case::tick(&mut ana, "KTP").expect("a tick");
    case::untick(&mut budi, "KTP", "illegible").expect("a reason");
    keep(&mut replica, &van(), ana);
    keep(&mut replica, &van(), budi);
    // Whoever wins, automerge settles on either value in its own way.
    for (notes, removed) in [("from the family", false), ("from the village head", true)] {
        let mut settled = Replica { document: replica.document, history: replica.history.clone() };
        let mut edit = open(&settled, BUDI);
        field::set(&mut edit, Field::Notes, notes, None).expect("a note");
        if removed {
            case::untick(&mut edit, "KTP", "illegible").expect("a reason");
        } else {
            case::tick(&mut edit, "KTP").expect("a tick");
        }
        keep(&mut settled, &van(), edit);
    }
    let confirm = NewEvent { reference: Some("R-1"), confirm: true, ..NewEvent::new(State::Issued, AT) };
    let agency = |state| NewEvent { agency: Some("DUK"), ..NewEvent::new(state, AT) };
    for (writer, actor, event) in [
        (Writer::Hub, BUDI, agency(State::Forwarded)),
        (van(), ANA, confirm),
        (van(), ANA, NewEvent::new(State::Loaded, AT)),
        (van(), ANA, NewEvent { with: Some("Kepala desa"), ..NewEvent::new(State::WithCollector, AT) }),
        (van(), ANA, NewEvent::new(State::HandedOver, AT)),
        (Writer::Hub, BUDI, agency(State::Issued)),
        (van(), ANA, NewEvent::new(State::Closed, AT)),
    ] {
        let mut edit = open(&replica, actor);
        event.write(&mut edit).expect("an event");
        keep(&mut replica, &writer, edit);
    }
}

#[test]
fn a_persons_changes_are_let_in() {
    let mut replica = begun(Kind::Person, |edit| {
        let new = person::New {
            district: &district(),
            nik: None,
            name: "O'a Mate",
            sex: None,
            born: Some("1948".parse().expect("a year")),
            born_estimated: Some(true),
            birth_order: None,
            mother: Some("Nahak"),
            father: None,
            kk: None,
            phone: Some("+6281234567890"),
            address: Some("RT 2"),
            village: None,
            reference: None,
        };
        new.write(edit).expect("within the schema");
    });
    let mut edit = open(&replica, BUDI);
    field::set(&mut edit, Field::Address, "", Some("moved")).expect("it may be empty");
    keep(&mut replica, &van(), edit);
    let other = DocumentId::new(id_prefix(BUDI), Kind::Person, 1);
    let mut edit = open(&replica, BUDI);
    person::set_not_same(&mut edit, other, "the sister").expect("a reason");
    keep(&mut replica, &van(), edit);
    let mut edit = open(&replica, BUDI);
    person::unset_not_same(&mut edit, other).expect("it stands");
    set_same_as(&mut edit, Some(other)).expect("a person");
    keep(&mut replica, &Writer::Hub, edit);
    let mut edit = open(&replica, BUDI);
    set_same_as(&mut edit, None).expect("it is removable");
    keep(&mut replica, &Writer::Hub, edit);
}

#[test]
fn a_visits_changes_are_let_in() {
    let mut replica = begun(Kind::Visit, |edit| {
        let new = visit::New {
            district: &district(),
            unit: &unit(),
            label: "Noebesi",
            date: AT.day(480),
            village: None,
            point: Some("Balai desa"),
            lead: None,
            agencies: &["DUK".to_owned()],
            opened: AT,
            offset_minutes: 480,
        };
        new.write(edit).expect("within the schema");
    });
    let mut edit = open(&replica, BUDI);
    visit::set_aboard(&mut edit, "TAS", true).expect("an agency");
    visit::set_closed(&mut edit, Some(AT)).expect("a time");
    keep(&mut replica, &van(), edit);
}
