//! What more than one laptop's cases come to.

use std::collections::BTreeSet;

use super::{Pair, record, someone};
use crate::{
    desk::{author, people, show},
    document::{NewEvent, State, conflict::Sort, person},
    id::{DeviceId, DocumentId, Kind},
    store::{StoreError, Tx, devices::Standing, read_model},
    sync::{
        Channel, CloseCode, Input, Output, PeerId, Replica, Role, custody, station::Station,
        writing::SaveError,
    },
    time::Tick,
    wire::{Frame, frame::FrameReader},
};

#[test]
fn one_service_twice_for_one_person_is_a_conflict_of_both_cases() {
    let mut pair = Pair::new();
    let (one, other) = (pair.enrol(), pair.enrol());
    let first = record(&mut pair.vans[one], pair.now, "Oa Mate", 1);
    let second = record(&mut pair.vans[other], pair.now, "O'a Mate", 2);
    for van in [one, other] {
        assert!(pair.exchange(van));
    }
    let marked = |replica: &mut Replica| {
        let tx = replica.read().expect("reads");
        assert_eq!(
            read_model::undecided(tx, 9).expect("reads").len() as u64,
            read_model::conflict_count(tx).expect("counts")
        );
        [first, second]
            .map(|case| read_model::case_of(tx, case).expect("reads").is_some_and(|row| row.conflict))
    };
    assert_eq!(marked(&mut pair.hub), [false, false]);
    let now = pair.now;
    let [someone, twin] = [first, second].map(|case| {
        let tx = pair.hub.store().reader();
        read_model::case_of(tx, case).expect("reads").and_then(|row| row.subject).expect("has a subject")
    });
    pair.hub.write(now, |writing| people::same(writing, someone, twin, "one")).expect("links");
    assert_eq!(marked(&mut pair.hub), [true, true]);
    for van in [one, other, one] {
        assert!(pair.exchange(van));
    }
    assert_eq!(marked(&mut pair.vans[one]), [true, true]);
    for (replica, device) in [(&mut pair.hub, DeviceId::HUB), (&mut pair.vans[one], DeviceId(1))] {
        replica.read().expect("reads");
        let (tx, registries) = (replica.store().reader(), replica.registries());
        let shown = show::case(tx, registries, device, first, 480).expect("reads").expect("is there");
        assert_eq!(shown.conflicts.len(), 1);
        assert_eq!(shown.conflicts[0].sort, Sort::SameService);
        let sides = &shown.conflicts[0].sides;
        let laptops: Vec<_> = sides.iter().filter_map(|side| side.author.laptop.as_deref()).collect();
        assert_eq!(BTreeSet::from_iter(laptops), BTreeSet::from(["V01A", "V02A"]));
        assert!(sides.iter().all(|side| side.officer.as_deref() == Some("Ofi")), "{sides:?}");
    }
    pair.hub.write(now, |writing| people::different(writing, someone, twin, "two")).expect("cuts");
    assert_eq!(marked(&mut pair.hub), [false, false]);
}

#[test]
fn a_draft_of_another_laptop_is_not_lost_by_a_wipe() {
    let mut pair = Pair::new();
    let (one, other) = (pair.enrol(), pair.enrol());
    let case = record(&mut pair.vans[other], pair.now, "Oa Mate", 1);
    for van in [other, one] {
        assert!(pair.exchange(van));
    }
    let lost = |replica: &mut Replica| {
        let device = replica.station().device();
        custody::open_cases(replica.read().expect("reads"), device, 9).expect("reads")
    };
    for van in [one, other] {
        pair.vans[van].read().expect("brings the cache up to date");
        // Only the cache says so: how a case comes to be a draft is not the question here.
        let draft = |tx: Tx<'_>, _: &Station| {
            Ok::<_, StoreError>(tx.execute("UPDATE case_row SET state = 'draft'", [])?)
        };
        assert_eq!(pair.vans[van].keep(draft).expect("writes"), 1);
    }
    assert_eq!(lost(&mut pair.vans[one]), []);
    assert_eq!(lost(&mut pair.vans[other]), [(case, custody::Loss::Draft)]);
    let newer = record(&mut pair.vans[other], pair.now, "Nahak", 2);
    assert!(lost(&mut pair.vans[other]).contains(&(newer, custody::Loss::Unsent)));
}

#[test]
fn a_search_finds_names_by_their_keys_and_numbers_only_as_written() {
    let mut pair = Pair::new();
    let van = pair.enrol();
    let mut cases = Vec::new();
    for n in 1..=40 {
        cases.push(record(&mut pair.vans[van], pair.now, "H. Moh. Oematan", n));
        pair.now.wall.0 += 1;
    }
    let tx = pair.vans[van].read().expect("reads");
    let found = |text: &str, limit: usize| -> Vec<DocumentId> {
        read_model::find(tx, text, limit).expect("finds").into_iter().map(|row| row.document).collect()
    };
    for (text, hits) in [
        ("zzzz", 0),
        ("eeee", 0),
        ("umatan", 40),
        ("OEMATAN duk-lahir", 40),
        ("Muhammad Oematan", 40),
        ("h. moh. oematan", 40),
        ("oematan nahak", 0),
        ("53.02/V01A/20261120/0007", 1),
        ("\"", 0),
        ("- *", 0),
    ] {
        assert_eq!(found(text, 100).len(), hits, "{text}");
    }
    cases.reverse();
    assert_eq!(found("oematan", 5), cases[..5], "the newest sittings first");
    let slip = read_model::case_of(tx, cases[0]).expect("reads").expect("is there").slip;
    assert_eq!(found(&slip, 100), cases[..1]);
}

#[test]
fn every_laptop_can_name_every_other_and_old_lists_of_them_are_forgotten() {
    let mut pair = Pair::new();
    let vans: Vec<_> = (0..5).map(|_| pair.enrol()).collect();
    for van in &vans {
        assert!(pair.exchange(*van));
    }
    for replica in pair.vans.iter().chain([&pair.hub]) {
        let tx = replica.store().reader();
        let names: Vec<_> = pair
            .vans
            .iter()
            .map(|van| author::of(tx, van.station().device(), van.station().epoch).expect("reads").laptop)
            .collect();
        assert_eq!(names, ["V01A", "V02A", "V03A", "V04A", "V05A"].map(|name| Some(name.to_owned())));
        let told: BTreeSet<_> = replica.registries().devices().map(|row| (row.key, row.barred)).collect();
        let keys = pair.vans.iter().map(|van| (Some(van.station().key.public()), false));
        assert_eq!(told, keys.collect());
    }
    let versions = "SELECT count(DISTINCT version) FROM registry_row WHERE kind = 'devices'";
    let kept: u64 = pair.hub.store().reader().query_row(versions, [], |row| row.get(0)).expect("counts");
    assert_eq!(kept, 1);
    let lost = pair.vans[1].station().device();
    pair.hub.set_standing(pair.now, lost, Standing::Lost).expect("stores");
    assert!(pair.exchange(0));
    let told = pair.vans[0].registries().devices();
    let barred: Vec<_> = told.filter(|row| row.barred).map(|row| row.key).collect();
    assert_eq!(barred, [Some(pair.vans[1].station().key.public())]);
}

/// Greets the hub on a connection of its own; how the hub closes it, if it does.
fn greet(pair: &mut Pair, van: usize, peer: u64) -> Option<CloseCode> {
    let (peer, exporter, now) = (PeerId(peer), [9; 32], pair.now);
    let (hub_key, van_key) = (pair.hub.station().key.public(), pair.vans[van].station().key.public());
    pair.hub.handle(now, Input::Connected { peer, role: Role::Parent, key: van_key, exporter });
    pair.vans[van].handle(now, Input::Connected { peer, role: Role::Child, key: hub_key, exporter });
    while let Some(output) = pair.vans[van].poll_output() {
        if let Output::Send { channel, bytes, .. } = output {
            pair.hub.handle(now, Input::Received { peer, channel, bytes });
        }
    }
    pair.vans[van].handle(now, Input::Disconnected { peer });
    closed(&mut pair.hub, peer)
}

fn closed(hub: &mut Replica, wanted: PeerId) -> Option<CloseCode> {
    let mut found = None;
    while let Some(output) = hub.poll_output() {
        if let Output::Close { peer, code, .. } = output
            && peer == wanted
        {
            found = Some(code);
        }
    }
    found
}

#[test]
fn a_laptop_that_connects_or_speaks_too_fast_is_sent_away_and_no_other() {
    let mut pair = Pair::new();
    let (one, other) = (pair.enrol(), pair.enrol());
    let mut peers = 1_000..;
    let mut next = || peers.next().expect("there is no end");
    let greeted = (0..1_000).take_while(|_| greet(&mut pair, one, next()).is_none()).count();
    assert!((100..120).contains(&greeted), "{greeted}");
    assert_eq!(greet(&mut pair, one, next()), Some(CloseCode::RetryLater));
    assert_eq!(greet(&mut pair, other, next()), None);
    pair.now.tick = Tick(pair.now.tick.0 + 2_000);
    let (last, now) = (next(), pair.now);
    assert_eq!(greet(&mut pair, one, last), None);

    // A frame of a type that may be skipped, thousands of times.
    let mut flood = || {
        let bytes = [100, 0].repeat(10_000);
        pair.hub.handle(now, Input::Received { peer: PeerId(last), channel: Channel::Control, bytes });
        closed(&mut pair.hub, PeerId(last))
    };
    let floods: Vec<_> = std::iter::repeat_with(&mut flood).take(30).collect();
    assert!(floods[..15].iter().all(Option::is_none), "{floods:?}");
    assert!(floods.contains(&Some(CloseCode::Limit)), "{floods:?}");
    assert_eq!(greet(&mut pair, other, next()), None);
}

/// Hands over what both laptops say first, and lets no time pass.
fn both_hand_over(pair: &mut Pair) {
    let (now, exporter) = (pair.now, [9; 32]);
    let hub_key = pair.hub.station().key.public();
    for (number, van) in pair.vans.iter_mut().enumerate() {
        let peer = PeerId(100 + number as u64);
        let key = van.station().key.public();
        pair.hub.handle(now, Input::Connected { peer, role: Role::Parent, key, exporter });
        van.handle(now, Input::Connected { peer, role: Role::Child, key: hub_key, exporter });
        while let Some(output) = van.poll_output() {
            if let Output::Send { channel, bytes, .. } = output {
                pair.hub.handle(now, Input::Received { peer, channel, bytes });
            }
        }
    }
}

/// Who got a receipt, and who was closed.
fn answers(hub: &mut Replica) -> (Vec<u64>, Vec<u64>) {
    let (mut receipted, mut closed) = (Vec::new(), Vec::new());
    while let Some(output) = hub.poll_output() {
        match output {
            Output::Send { peer, channel: Channel::Control, bytes } => {
                let mut reader = FrameReader::default();
                reader.push(&bytes);
                while let Some(frame) = reader.poll().expect("frames") {
                    receipted.extend(matches!(frame, Frame::Receipt(_)).then_some(peer.0));
                }
            }
            Output::Close { peer, .. } => closed.push(peer.0),
            Output::Send { .. } | Output::Event(_) => {}
        }
    }
    (receipted, closed)
}

/// Two laptops, each of which has handed over a case that the hub has not answered yet.
fn two_handing_over() -> Pair {
    let mut pair = Pair::new();
    for (number, name) in [(0, "Yuliana Nabuasa"), (1, "Dominggus Sae")] {
        pair.enrol();
        let now = pair.now;
        record(&mut pair.vans[number], now, name, 1);
    }
    both_hand_over(&mut pair);
    pair
}

#[test]
fn what_laptops_hand_over_at_once_is_spoken_of_once_it_is_stored() {
    let mut pair = two_handing_over();
    assert_eq!(pair.hub.arrived.len(), 2);
    assert_eq!(answers(&mut pair.hub), (Vec::new(), Vec::new()));
    pair.hub.handle(pair.now, Input::Timeout);
    assert_eq!(answers(&mut pair.hub), (vec![100, 101], Vec::new()));
}

#[test]
fn a_batch_that_breaks_the_rules_stops_none_that_came_with_it() {
    let mut pair = two_handing_over();
    pair.hub.arrived[0].batch.signature[5] ^= 1;
    pair.hub.handle(pair.now, Input::Timeout);
    assert_eq!(answers(&mut pair.hub), (vec![101], vec![100]));
}

#[test]
fn what_was_handed_over_whole_is_stored_though_its_laptop_hangs_up() {
    let mut pair = Pair::new();
    pair.enrol();
    let now = pair.now;
    record(&mut pair.vans[0], now, "Yuliana Nabuasa", 1);
    both_hand_over(&mut pair);
    pair.hub.handle(now, Input::Disconnected { peer: PeerId(100) });
    let tx = pair.hub.read().expect("reads");
    assert_eq!(read_model::case_count(tx).expect("counts"), 1);
}

#[test]
fn somebody_is_found_by_the_birth_among_hundreds_who_share_a_name() {
    let mut pair = Pair::new();
    let van = pair.enrol();
    let (replica, now) = (&mut pair.vans[van], pair.now);
    let write = |replica: &mut Replica, name: &str, born: &str| {
        let saved = replica.write(now, |writing| {
            let (person, mut edit) = writing.create(Kind::Person);
            let district = writing.station.place.as_ref().expect("enrolled").district.clone();
            let new = person::New { born: Some(born.parse().expect("a birth")), ..someone(&district, name) };
            new.write(&mut edit).expect("fits the schema");
            writing.save(person, edit)?;
            Ok::<_, SaveError>(person)
        });
        saved.expect("saves")
    };
    for number in 0..201 {
        write(replica, &format!("Adonis Yohanis {number}"), "1970-01-01");
    }
    let meant = write(replica, "Yohanis Nope", "1990-05-04");
    let mut like = |name: &str, born: &str| -> Vec<_> {
        let born = born.parse().expect("a birth");
        let tx = replica.read().expect("reads");
        let found = people::like(tx, None, name, Some(born)).expect("reads");
        found.into_iter().map(|row| row.document).collect()
    };
    assert_eq!(like("Johanis Nahak", "1990-05-04"), [meant]);
    assert!(like("Johanis Nahak", "1990-05-05").is_empty());
}

#[test]
fn a_stored_batch_is_read_once_for_all_that_a_batch_changes_of_it() {
    const BATCHES: u32 = 20;
    let mut pair = Pair::new();
    let van = pair.enrol();
    let mut cases = Vec::new();
    for number in 0..BATCHES {
        let record = |half| record(&mut pair.vans[van], pair.now, "Nahak", 2 * number + half + 1);
        cases.push([1, 2].map(record));
        assert!(pair.exchange(van));
    }
    let now = pair.now;
    for half in [0, 1] {
        for pair_of_cases in &cases {
            let written = pair.vans[van].write(now, |writing| {
                let mut edit = writing.open(pair_of_cases[half])?;
                NewEvent::new(State::Incomplete, now.wall).write(&mut edit).expect("allowed");
                writing.save(pair_of_cases[half], edit)
            });
            assert!(written.expect("saves"));
        }
    }
    let before = pair.hub.store().batches_read();
    assert!(pair.exchange(van));
    let read = pair.hub.store().batches_read() - before;
    // Once by the intake and once by the read model, with the new batch itself.
    assert!(read <= 2 * BATCHES as usize + 4, "{read} batches were read");
}
