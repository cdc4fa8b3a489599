//! A newer dictionary of packed batches: added at the hub, fetched by laptops, written with from then on.

use std::{fs, path::Path};

use serde_json::Value;

use crate::stage::{Stage, day, line, record, recording, sync, van_cases};

/// A dictionary that no program knows, in a file of the stage.
fn file(stage: &Stage, seed: u8) -> String {
    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src/wire/pack/dictionary-2.zdict");
    let mut bytes = fs::read(known).expect("it is there");
    *bytes.last_mut().expect("it holds something") = seed;
    let name = format!("batches-{seed}.zdict");
    fs::write(stage.path(&name), bytes).expect("there is room");
    stage.text(&name)
}

fn listed(stage: &Stage) -> Vec<Value> {
    let output = stage.hub.run(&["dictionary", "list"]);
    output.lines.iter().filter(|line| line["name"].is_string()).cloned().collect()
}

fn batches(stage: &Stage) -> Vec<u64> {
    listed(stage).iter().map(|row| row["batches"].as_u64().expect("counted")).collect()
}

#[test]
fn a_dictionary_reaches_a_laptop_and_what_is_written_with_it_reads_after_a_restart() {
    let stage = Stage::open();
    let van = stage.van("v01", "V01");
    let first = file(&stage, 1);
    let added = stage.hub.run(&["dictionary", "add", &first]).json().clone();
    assert_eq!((&added["new"], &added["bytes"]), (&Value::Bool(true), &Value::from(65_536)));
    recording(&van, day(10, 1, "V01")).run().done();
    sync(&van);
    assert_eq!(batches(&stage), [0], "the laptop did not hold it when it wrote");
    recording(&van, day(10, 2, "V01")).run().done();
    sync(&van);
    assert_eq!(batches(&stage), [1]);
    stage.stop();
    let backup = stage.text("backup.db");
    stage.hub.run(&["backup", &backup]);
    stage.start();
    // A second generation, before the laptop has it.
    let second = file(&stage, 2);
    stage.hub.run(&["dictionary", "add", &second]);
    recording(&van, day(10, 3, "V01")).run().done();
    sync(&van);
    assert_eq!(batches(&stage), [0, 2]);
    record(&van, &[line(serde_json::json!({ "name": "Bete" }))]).done();
    recording(&van, day(10, 4, "V01")).run().done();
    sync(&van);
    assert_eq!(batches(&stage), [1, 2]);
    // Who came later reads all of it.
    let other = stage.van("v02", "V02");
    sync(&other);
    assert_eq!(stage.hub_cases().len(), 41);
    assert_eq!(van_cases(&other), stage.hub_cases());
    assert_eq!(stage.hub.run(&["doctor"]).json()["ok"], true);
    // The disk goes back to before the second one.
    stage.stop();
    stage.hub.run(&["restore", &backup]);
    stage.start();
    recording(&van, day(10, 5, "V01")).run().done();
    sync(&van);
    sync(&van);
    assert_eq!(listed(&stage).len(), 1);
    assert_eq!(stage.hub_cases().len(), 51);
}

#[test]
fn what_is_no_dictionary_is_refused_with_its_reason() {
    let stage = Stage::open();
    fs::write(stage.path("long"), vec![7; 65_537]).expect("there is room");
    fs::write(stage.path("words"), "not one").expect("there is room");
    for (name, reason) in
        [("long", "65537 bytes where 65536"), ("words", "no dictionary of zstd"), ("none", "cannot be read")]
    {
        let refused = stage.hub.call(&["dictionary", "add", &stage.text(name)]).run().exited(1);
        assert!(refused.stderr.contains(reason), "{refused}");
    }
    assert!(listed(&stage).is_empty());
}
