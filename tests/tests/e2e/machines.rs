//! Links that are cut, hubs and laptops that went back in time, laptops that became two.

use std::fs;

use serde_json::json;
use tests::process::Van;

use crate::stage::{LIMIT, Stage, case, copy, day, shown, sync, van_cases};

#[test]
fn a_cut_batch_goes_on_where_it_stopped() {
    let stage = Stage::open();
    let up = || stage.link.stats().up.sent.bytes;
    let (whole, cut) = (stage.van("whole", "V01"), stage.van("cut", "V02"));
    for van in [&whole, &cut] {
        // What the hub tells both of them is out of the way.
        sync(van);
    }
    let start = up();
    sync(&cut);
    let handshake = up() - start;
    whole.record(&day(300, 21, "V01"));
    cut.record(&day(300, 22, "V02"));
    let start = up();
    sync(&whole);
    let uncut = up() - start;

    let start = up();
    stage.link.cut_after(uncut / 2);
    let failed = cut.call(&["sync", "--json", "--patience", "1s"]).run().exited(1);
    assert_eq!(failed.json()["ok"], false, "{failed}");
    assert!(stage.link.stats().severed);
    let custody = cut.run(&["custody"]);
    let receipted = stage.hub_cases().len() as u64 - 300;
    assert!(custody.number("on_laptop") > 0, "{custody}");
    assert!(custody.number("at_hub") <= 300 + receipted, "green only by receipts: {custody}");
    cut.call(&["custody", "--safe-to-wipe"]).run().exited(1);
    stage.link.restore();
    sync(&cut);
    let resumed = up() - start;
    let allowed = uncut * 115 / 100 + 2 * handshake;
    assert!(resumed <= allowed, "{resumed} bytes up where {uncut} do uncut, a handshake being {handshake}");
    assert_eq!(stage.hub_cases().len(), 600);
    assert_eq!(cut.run(&["custody", "--safe-to-wipe"]).number("on_laptop"), 0);
}

#[test]
fn a_hub_from_an_older_backup_is_healed_by_two_vans() {
    let stage = Stage::open();
    let (one, two) = (stage.van("one", "V01"), stage.van("two", "V02"));
    one.record(&day(20, 31, "V01"));
    for van in [&one, &two] {
        sync(van);
    }
    let backup = stage.text("backup.db");
    stage.hub.run(&["backup", &backup]);
    one.record(&day(15, 32, "V01"));
    two.record(&day(15, 33, "V02"));
    for van in [&one, &two, &one] {
        sync(van);
    }
    let all = stage.hub_cases();
    assert_eq!(all.len(), 50);
    let late = case(&two, json!({"name": "Only There"}));
    let running = stage.hub.call(&["restore", &backup]).run().exited(1);
    assert!(running.stderr.contains("stop it first"), "{running}");

    stage.stop();
    stage.hub.run(&["restore", &backup]);
    stage.start();
    assert_eq!(stage.hub_cases().len(), 20);
    // Cut off in the middle of the repair, no laptop claims what the hub does not hold.
    stage.link.cut_after(9_000);
    let cut = two.call(&["sync", "--json", "--patience", "1s"]).run();
    stage.link.restore();
    let custody = two.run(&["custody"]);
    // The cut may also fall behind the last receipt.
    let arrived = || stage.hub_cases().is_superset(&van_cases(&two));
    assert!(custody.number("on_laptop") >= 1 || arrived(), "{cut}{custody}");
    sync(&two);
    assert_eq!(two.run(&["custody", "--safe-to-wipe"]).number("on_laptop"), 0);
    assert!(stage.hub_cases().is_superset(&van_cases(&two)), "what is green is there");
    sync(&one);
    assert_eq!(one.run(&["custody", "--safe-to-wipe"]).number("on_laptop"), 0);
    let healed = stage.hub_cases();
    assert!(healed.is_superset(&all), "{} of {}", healed.len(), all.len());
    assert_eq!(healed.len(), 51);
    stage.hub.run(&["case", "show", &late]);
    for van in [&one, &two, &one] {
        sync(van);
    }
    assert_eq!((van_cases(&one), van_cases(&two)), (healed.clone(), healed));
    assert_eq!(stage.hub.run(&["doctor"]).json()["ok"], true);
}

#[test]
fn one_van_brings_back_what_another_gave_before_it_was_lost() {
    let stage = Stage::open();
    let (one, two) = (stage.van("one", "V01"), stage.van("two", "V02"));
    let backup = stage.text("backup.db");
    stage.hub.run(&["backup", &backup]);
    two.record(&day(12, 41, "V02"));
    sync(&two);
    sync(&one);
    let all = stage.hub_cases();
    drop(fs::remove_dir_all(two.home()));
    stage.stop();
    stage.hub.run(&["restore", &backup]);
    stage.start();
    sync(&one);
    assert_eq!(stage.hub_cases(), all);
    let status = stage.hub.run(&["status"]);
    assert_eq!((status.number("quarantined"), status.number("waiting")), (0, 0), "{status}");
}

#[test]
fn a_laptop_put_back_whole_is_found_out_by_the_hub() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    van.record(&day(10, 51, "V01"));
    sync(&van);
    // The image holds the head file too: nothing on the laptop tells that it is old.
    copy(van.home(), &stage.path("image"));
    van.record(&day(10, 52, "V01"));
    sync(&van);
    let all = stage.hub_cases();
    fs::remove_dir_all(van.home()).expect("the disk is gone");
    fs::remove_dir_all(van.home().with_extension("state")).expect("what was kept beside it too");
    copy(&stage.path("image"), van.home());
    assert_eq!(van.run(&["case", "list"]).lines.len(), 10);
    let slip = case(&van, json!({"name": "After The Restore"}));
    sync(&van);
    let back = van_cases(&van);
    assert!(back.is_superset(&all) && back.len() == all.len() + 1, "{} and {}", back.len(), all.len());
    assert_eq!(stage.hub_cases(), back);
    assert_eq!(van.run(&["custody", "--safe-to-wipe"]).number("on_laptop"), 0);
    // Numbers given before the hub told are given twice: that is told to people, not hidden.
    let status = stage.hub.run(&["status"]);
    let doubled = status.json()["doubled_slips"].to_string();
    assert!(doubled.contains(&slip), "{slip}: {status}");
    let both = stage.hub.call(&["case", "show", &slip]).run().exited(1);
    assert!(back.iter().filter(|id| both.stderr.contains(id.as_str())).count() == 2, "{both}");
    let next = case(&van, json!({"name": "Next"}));
    sync(&van);
    stage.hub.run(&["case", "show", &next]);
}

#[test]
fn two_laptops_that_were_one_both_hand_over_everything() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    van.record(&day(8, 61, "V01"));
    sync(&van);
    copy(van.home(), &stage.path("clone"));
    let clone = Van::at(stage.path("clone"));
    van.record(&day(9, 62, "V01"));
    clone.record(&day(7, 63, "V01"));
    let mut all = van_cases(&van);
    all.extend(van_cases(&clone));
    assert_eq!(all.len(), 24);
    for laptop in [&van, &clone, &van, &clone] {
        sync(laptop);
    }
    assert_eq!(stage.hub_cases(), all);
    for laptop in [&van, &clone] {
        assert_eq!(van_cases(laptop), all);
        assert_eq!(laptop.run(&["custody", "--safe-to-wipe"]).number("on_laptop"), 0);
    }
    let status = stage.hub.run(&["status"]);
    assert_eq!(status.json()["doubled_slips"].as_array().map(Vec::len), Some(7), "{status}");
    // From now on each has a letter of its own.
    let slips = [&van, &clone].map(|laptop| case(laptop, json!({"name": "Each Its Own"})));
    assert_ne!(slips[0], slips[1]);
    for laptop in [&van, &clone, &van] {
        sync(laptop);
    }
    for slip in &slips {
        shown(stage.hub.run(&["case", "show", slip]));
    }
    assert_eq!(van_cases(&van).len(), 26);
}

#[test]
fn a_link_that_ends_and_comes_back_is_taken_up_by_run() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let mut running = van.start(&[]);
    running.log("reconciled");
    stage.kill();
    case(&van, json!({"name": "Meanwhile"}));
    stage.start();
    // Somebody who asks need not wait for the next attempt.
    let synced = van.call(&["sync", "--json"]).within(LIMIT).run();
    if synced.json()["ok"] != true {
        sync(&van);
    }
    assert_eq!(stage.hub_cases().len(), 1);
    running.terminate().done();
}
