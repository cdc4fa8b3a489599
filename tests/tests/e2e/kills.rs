//! Power cuts: what was reported is there, whenever it came.

use std::collections::BTreeSet;

use serde_json::json;
use tests::random::Random;

use crate::stage::{LIMIT, Stage, case, day, ids, recording, sync, van_cases};

/// How many kills a loop has; more of them for a soak.
fn kills() -> u64 {
    std::env::var("KELILING_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

/// The seed of the moments.
fn seed() -> u64 {
    std::env::var("KELILING_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

#[test]
fn what_a_killed_laptop_reported_is_there() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let mut random = Random::of(seed(), "van");
    let mut told = BTreeSet::new();
    for round in 0..kills() {
        let mut call = recording(&van, day(150, 100 + round, "V01")).spawn();
        let moment = random.between(1, 150);
        if random.chance(0.8) {
            call.line(|line| line["line"].as_u64().is_some_and(|line| line >= moment));
        }
        told.append(&mut ids(&call.kill()));
        let held = van_cases(&van);
        assert!(told.is_subset(&held), "seed {}, round {round}: reported and not there", seed());
    }
    assert!(!told.is_empty());
    let doctor = van.run(&["doctor"]);
    assert_eq!((&doctor.json()["ok"], &doctor.json()["doubled_slips"]), (&json!(true), &json!([])));
    sync(&van);
    assert_eq!(stage.hub_cases(), van_cases(&van));
}

#[test]
fn a_hub_that_is_killed_again_and_again_holds_what_it_signed_for() {
    let stage = Stage::open();
    let vans = [stage.van("one", "V01"), stage.van("two", "V02")];
    let mut random = Random::of(seed(), "hub");
    for round in 0..kills() {
        let van = &vans[(round % 2) as usize];
        van.record(&day(40, 200 + round, "V01"));
        let before = stage.link.stats().up.sent.bytes;
        let syncing = van.call(&["sync", "--json", "--patience", "2s"]).spawn();
        // From the first packet of the handshake to after the last one of the hand-over.
        let moment = before + random.between(1_200, 26_000);
        let reached = stage.link.wait(LIMIT / 60, |stats| stats.up.sent.bytes >= moment);
        stage.kill();
        stage.start();
        let synced = syncing.finish();
        assert_eq!(synced.code == Some(0), synced.json()["ok"] == true, "{reached:?} {synced}");
        let held = stage.hub_cases();
        for van in &vans {
            let custody = van.run(&["custody"]);
            let missing: BTreeSet<_> = van_cases(van).difference(&held).cloned().collect();
            assert!(missing.len() as u64 <= custody.number("on_laptop"), "round {round}: {custody}");
            let lost = custody.json()["lost"].as_array().expect("a list");
            let lost: BTreeSet<_> =
                lost.iter().filter_map(|case| case["case"].as_str().map(str::to_owned)).collect();
            // The list of what a wipe would lose names a hundred at most.
            assert!(lost.len() == 100 || missing.is_subset(&lost), "round {round}: {missing:?} {custody}");
        }
    }
    for van in [&vans[0], &vans[1], &vans[0]] {
        sync(van);
    }
    let all = stage.hub_cases();
    assert_eq!(all.len() as u64, 40 * kills());
    for van in &vans {
        assert_eq!(van_cases(van), all);
        assert_eq!(van.run(&["custody", "--safe-to-wipe"]).number("on_laptop"), 0);
    }
    assert_eq!(stage.hub.run(&["doctor"]).json()["ok"], true);
}

#[test]
fn a_laptop_killed_during_its_syncs_loses_nothing_and_doubles_nothing() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let mut random = Random::of(seed(), "sync");
    for round in 0..kills() {
        van.record(&day(30, 300 + round, "V01"));
        let before = stage.link.stats().up.sent.bytes;
        let syncing = van.call(&["sync", "--json"]).spawn();
        let moment = before + random.between(1_200, 20_000);
        // Where it was quicker than that there is nothing left to kill.
        let _quick = stage.link.wait(LIMIT / 60, |stats| stats.up.sent.bytes >= moment);
        syncing.kill();
        let custody = van.run(&["custody"]);
        let held = stage.hub_cases();
        assert!(custody.number("at_hub") <= held.len() as u64, "{custody}");
    }
    case(&van, json!({"name": "After All"}));
    sync(&van);
    let all = stage.hub_cases();
    assert_eq!((all.len() as u64, &all), (30 * kills() + 1, &van_cases(&van)));
    assert_eq!(van.run(&["custody", "--safe-to-wipe"]).number("on_laptop"), 0);
    let status = stage.hub.run(&["status"]);
    assert_eq!((status.number("quarantined"), status.number("debris")), (0, 0), "{status}");
}
