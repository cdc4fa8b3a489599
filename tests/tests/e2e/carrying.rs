//! What laptops carry for each other: on a stick, over a network of their own, and to the hub.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tests::process::{Call, Van};

use crate::stage::{Stage, case, ids, sync};

/// The four numbers: on the laptop, carried, at the hub, accepted.
fn custody(van: &Van) -> [u64; 4] {
    let custody = van.run(&["custody"]);
    ["on_laptop", "carried", "at_hub", "accepted"].map(|name| custody.number(name))
}

/// Two laptops of one fleet that know each other's keys.
fn two(stage: &Stage) -> (Van, Van) {
    let (one, other) = (stage.van("one", "V01"), stage.van("other", "V02"));
    sync(&one);
    sync(&other);
    (one, other)
}

fn export(van: &Van, folder: &str) -> String {
    van.run(&["bundle", "export", folder]).text("file")
}

#[test]
fn what_a_stick_brings_to_another_laptop_is_carried_then_at_the_hub() {
    let stage = Stage::open();
    let (author, carrier) = two(&stage);
    let stick = stage.text("stick");
    fs::create_dir(&stick).expect("a folder");
    case(&author, json!({}));
    case(&author, json!({"name": "Ala'ang Nope", "service": "DUK-MATI"}));
    let there = export(&author, &stick);
    assert!(there.ends_with(".bundle") && there.contains("keliling-V01A-"), "{there}");
    assert_eq!(carrier.run(&["bundle", "verify", &there]).text("maker"), "V01A");
    let taken = carrier.run(&["bundle", "import", &there]);
    assert!(taken.number("changes") > 0, "{taken}");
    assert_eq!(custody(&author), [2, 0, 0, 0], "nobody has signed for it yet");

    let carried = carrier.run(&["bundle", "list"]);
    assert_eq!(carried.json()["carrying"][0]["laptop"], "V01A", "{carried}");
    let unsafe_to_wipe = carrier.call(&["custody", "--safe-to-wipe"]).run().exited(1);
    assert!(unsafe_to_wipe.stdout.contains("Carried for others"), "{unsafe_to_wipe}");
    let verdict = unsafe_to_wipe.stdout.lines().find(|line| line.starts_with("Safe to wipe: NO: "));
    assert!(verdict.is_some_and(|line| line.contains("carried for other laptops")), "{unsafe_to_wipe}");

    let back = export(&carrier, &stage.text("stick/back.bundle"));
    assert_eq!(author.run(&["bundle", "import", &back]).number("notes"), 1);
    assert_eq!(custody(&author), [0, 2, 0, 0]);
    let listed = author.run(&["bundle", "list"]);
    assert_eq!(listed.json()["carried_by"][0]["laptop"], "V02A", "{listed}");
    author.call(&["custody", "--safe-to-wipe"]).run().exited(1);

    sync(&carrier);
    assert_eq!(stage.hub_cases(), ids(&author.run(&["case", "list"])));
    carrier.call(&["custody", "--safe-to-wipe"]).run().done();
    assert_eq!(custody(&author), [0, 2, 0, 0], "no receipt is here yet");
    let home = export(&carrier, &stage.text("stick/home.bundle"));
    assert!(author.run(&["bundle", "import", &home]).number("receipted") > 0);
    assert_eq!(custody(&author), [0, 0, 2, 0]);
    author.call(&["custody", "--safe-to-wipe"]).run().done();
    sync(&author);
}

#[test]
fn a_stick_works_straight_at_the_hub() {
    let stage = Stage::open();
    let (author, _) = two(&stage);
    case(&author, json!({}));
    let there = export(&author, &stage.text("there.bundle"));
    let none =
        stage.hub.call(&["bundle", "export", "--unit", "V09", &stage.text("none.bundle")]).run().exited(1);
    assert!(none.stderr.contains("no laptop of V09"), "{none}");
    assert!(stage.hub.run(&["bundle", "import", &there]).number("changes") > 0);
    assert_eq!(stage.hub.run(&["bundle", "import", &there]).number("changes"), 0);
    assert_eq!(stage.hub_cases().len(), 1);
    let home = stage.text("home.bundle");
    assert_eq!(stage.hub.run(&["bundle", "export", "--unit", "V01", &home]).number("receipts"), 1);
    author.run(&["bundle", "import", &home]);
    assert_eq!(custody(&author), [0, 0, 1, 0]);
    case(&author, json!({"name": "Seran"}));
    sync(&author);
    assert_eq!(stage.hub_cases().len(), 2);
}

#[test]
fn a_changed_cut_or_foreign_bundle_is_refused_with_its_reason() {
    let stage = Stage::open();
    let (author, carrier) = two(&stage);
    case(&author, json!({}));
    let file = export(&author, &stage.text("there.bundle"));
    let bytes = fs::read(&file).expect("it was written");
    let spoilt = stage.text("spoilt.bundle");
    let refused = |bytes: &[u8], words: &str| {
        fs::write(&spoilt, bytes).expect("writes");
        for output in [
            carrier.call(&["bundle", "import", &spoilt]).run().exited(1),
            carrier.call(&["bundle", "verify", &spoilt]).run().exited(1),
            stage.hub.call(&["bundle", "import", &spoilt]).run().exited(1),
        ] {
            assert!(
                output.stderr.contains(words) && output.stderr.contains("nothing of it was taken"),
                "{output}"
            );
        }
    };
    let changed = |at: usize| {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        changed
    };
    refused(&changed(0), "no bundle");
    refused(&changed(7), "update the program");
    refused(&changed(40), "part 0 of the bundle");
    refused(&changed(bytes.len() / 2), "was changed or damaged");
    refused(&changed(bytes.len() - 1), "signature is not that of its maker");
    refused(&bytes[..bytes.len() / 2], "cut off");
    refused(&[&bytes[..], b"more"].concat(), "follow the end");
    assert_eq!(carrier.run(&["bundle", "list"]).json()["carrying"], json!([]));
    assert_eq!(stage.hub_cases().len(), 0);
    let again = author.call(&["bundle", "export", &file]).run().exited(1);
    assert!(again.stderr.contains("is there already"), "{again}");
    let nowhere = carrier.call(&["bundle", "import", &stage.text("nowhere")]).run().exited(1);
    assert!(nowhere.stderr.contains("there is no file"), "{nowhere}");
    assert!(!Path::new(&format!("{file}.part")).exists());
    carrier.run(&["bundle", "import", &file]);
}

#[test]
fn laptops_that_meet_carry_for_each_other() {
    let stage = Stage::open();
    let (one, other) = two(&stage);
    case(&one, json!({}));
    case(&other, json!({"name": "Ala'ang Nope"}));
    stage.stop();
    let listening = other.start(&["--peers", "127.0.0.1:0"]);
    let address = listening.addr("peers").to_string();
    let met = one.run(&["peer", "sync", &address]);
    assert_eq!((met.text("maker").as_str(), met.number("notes")), ("V02A", 1), "{met}");
    assert_eq!((custody(&one), custody(&other)), ([0, 1, 0, 0], [0, 1, 0, 0]));
    let again = one.run(&["peer", "sync", &address]);
    assert_eq!((again.number("changes"), again.number("known")), (0, 0), "nothing goes twice: {again}");
    let peers = one.run(&["peer", "list"]);
    let found: Vec<&Value> = peers.lines.iter().filter(|line| line["address"] == address.as_str()).collect();
    assert_eq!(found.len(), 1, "{peers}");
    assert!(found[0]["met"].is_string(), "{peers}");
    assert!(
        found[0]["carries_for"].as_u64() > Some(0) && found[0]["carried_by"].as_u64() > Some(0),
        "{peers}"
    );
    let nobody = one.call(&["peer", "sync", "127.0.0.1:9"]).run().exited(1);
    assert!(nobody.stderr.contains("no laptop answers"), "{nobody}");
    drop(listening);

    stage.start();
    sync(&one);
    assert_eq!(stage.hub_cases().len(), 2, "one brought both");
    stage.stop();
    assert_eq!(custody(&other), [0, 1, 0, 0], "no receipt has come home");
    let listening = other.start(&["--peers", "127.0.0.1:0"]);
    one.run(&["peer", "sync", &listening.addr("peers").to_string()]);
    assert_eq!(custody(&other), [0, 0, 1, 0], "the one that dialled brought it");
    drop(listening);
    case(&other, json!({"name": "Seran"}));
    let listening = one.start(&["--peers", "127.0.0.1:0"]);
    let address = listening.addr("peers").to_string();
    other.run(&["peer", "sync", &address]);
    assert_eq!(custody(&other), [0, 1, 1, 0]);
    stage.start();
    sync(&one);
    let home = other.run(&["peer", "sync", &address]);
    assert!(home.number("receipted") > 0, "the one that was dialled brought it: {home}");
    assert_eq!(custody(&other), [0, 0, 2, 0]);
    assert_eq!(one.run(&["bundle", "list"]).json()["homeward"], json!([]), "it is home");
    drop(listening);
    // What it carried comes back to it in the hub's feed, which its program was stopped in.
    sync(&one);
    sync(&other);
    assert_eq!((custody(&one)[2], custody(&other)[2]), (3, 3));
    let other_fleet = Stage::open();
    let stranger = other_fleet.van("stranger", "V01");
    let listening = other.start(&["--peers", "127.0.0.1:0"]);
    let refused = stranger.call(&["peer", "sync", &listening.addr("peers").to_string()]).run().exited(1);
    assert!(refused.stderr.contains("of this fleet"), "{refused}");
    drop(listening);
}

#[cfg(unix)]
#[test]
fn a_slow_stick_keeps_nobody_waiting() {
    let stage = Stage::open();
    let (author, carrier) = two(&stage);
    case(&author, json!({}));
    let bytes = fs::read(export(&author, &stage.text("there.bundle"))).expect("it was written");
    // A pipe is a stick whose bytes come when they come.
    let slow = stage.text("slow.bundle");
    assert!(std::process::Command::new("mkfifo").arg(&slow).status().expect("runs").success());
    let taken_slowly = |taking: Call, meanwhile: &dyn Fn()| {
        let taking = taking.spawn();
        // It opens once somebody reads from the other end.
        let mut stick = fs::OpenOptions::new().write(true).open(&slow).expect("opens");
        meanwhile();
        std::io::Write::write_all(&mut stick, &bytes).expect("writes");
        drop(stick);
        assert!(taking.finish().done().number("changes") > 0);
    };
    taken_slowly(stage.hub.call(&["bundle", "import", &slow, "--json"]), &|| drop(sync(&carrier)));
    stage.stop();
    let running = carrier.start(&[]);
    taken_slowly(carrier.call(&["bundle", "import", &slow, "--json"]), &|| {
        assert_eq!(custody(&carrier), [0, 0, 0, 0], "the laptop answers meanwhile");
    });
    drop(running);
}

#[test]
fn a_budget_is_kept_by_the_program_that_runs() {
    let stage = Stage::open();
    let van = stage.van("one", "V01");
    let slip = case(&van, json!({}));
    let scan: Vec<u8> = (0..400_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = stage.text("scan.pdf");
    fs::write(&file, [b"%PDF-1.7\n", &scan[..]].concat()).expect("writes");
    stage.stop();
    van.run(&["case", "attach", &slip, &file]);
    let running = van.start(&[]);
    let begun = van.call(&["sync", "--budget", "80KB", "--json"]).spawn();
    stage.start();
    let stopped = begun.finish().done();
    assert_eq!(
        (&stopped.json()["ok"], &stopped.json()["stopped"]),
        (&json!(true), &json!("budget")),
        "{stopped}"
    );
    assert!(stopped.number("bytes_up") + stopped.number("bytes_down") <= 90_000, "{stopped}");
    assert_eq!(stopped.json()["rests"], true);
    assert!(van.run(&["custody"]).number("attachments") > 0, "it goes on only when it is asked to");
    let timed = van.run(&["sync", "--for", "60s"]);
    assert_eq!(timed.json()["ok"], true, "{timed}");
    assert_eq!(van.run(&["custody"]).number("attachments"), 0);
    drop(running);
}
