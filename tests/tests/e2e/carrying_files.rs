//! Scans on a stick: to the hub by another laptop, and its receipts home.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tests::{
    page::Reader,
    process::{Output, Van},
};

use crate::stage::{Stage, case, shown, sync};

/// The author of records, and who carries them; both know the key of the other.
fn two(stage: &Stage) -> (Van, Van) {
    let author = stage.van("author", "V01");
    let carrier = stage.van("carrier", "V02");
    sync(&author);
    (author, carrier)
}

/// A scan of so many bytes, none of which repeat.
fn scan(stage: &Stage, name: &str, size: usize, seed: u8) -> String {
    let path = stage.text(name);
    let mut bytes = vec![0; size];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[seed]).finalize_xof().fill(&mut bytes);
    fs::write(&path, bytes).expect("written");
    path
}

fn attach(van: &Van, slip: &str, paper: &str, name: &str) {
    van.run(&["case", "attach", slip, paper, "--kind", "scan", "--name", name]);
}

fn open(van: &Van) -> u64 {
    van.run(&["custody"]).number("attachments")
}

fn paths(output: &Output) -> Vec<String> {
    let files = output.json()["files"].as_array().cloned().unwrap_or_default();
    files.iter().filter_map(|file| file.as_str().map(str::to_owned)).collect()
}

#[test]
fn a_scan_reaches_the_hub_by_a_stick_and_its_receipt_comes_home() {
    let stage = Stage::open();
    let (author, carrier) = two(&stage);
    let stick = stage.text("stick");
    fs::create_dir(&stick).expect("a folder");
    let slip = case(&author, json!({"name": "Bete"}));
    let paper = scan(&stage, "ktp.bin", 300_000, 1);
    attach(&author, &slip, &paper, "KTP");
    assert_eq!(open(&author), 1);

    let made = author.run(&["bundle", "export", &stick]);
    assert_eq!((made.number("attachments"), made.number("attachments_left")), (1, 0), "{made}");
    let there = made.text("file");
    assert_eq!(carrier.run(&["bundle", "verify", &there]).number("attachments"), 1);
    let taken = carrier.run(&["bundle", "import", &there]);
    assert_eq!(taken.number("files"), 1, "{taken}");
    assert_eq!(carrier.run(&["bundle", "import", &there]).number("files"), 0, "it is here already");
    assert_eq!(open(&carrier), 1);
    carrier.call(&["custody", "--safe-to-wipe"]).run().exited(1);

    sync(&carrier);
    let at_hub = shown(stage.hub.run(&["case", "show", &slip]));
    assert_eq!(at_hub["attachments"][0]["state"], "at_hub", "{at_hub}");
    let out = stage.text("out.bin");
    stage.hub.run(&["case", "attachment", &slip, "KTP", "--out", &out]);
    assert_eq!(fs::read(&out).expect("written"), fs::read(&paper).expect("it is there"));
    assert_eq!(open(&carrier), 0);
    carrier.call(&["custody", "--safe-to-wipe"]).run().done();
    assert_eq!(files_in(&stage.path("carrier/attachments")), 0, "what is of no use here any more is gone");

    // The author has not met the hub: what proves it comes back by the carrier.
    let back = carrier.run(&["bundle", "export", &stage.text("stick/back.bundle")]);
    let home = author.run(&["bundle", "import", &back.text("file")]);
    assert_eq!(home.number("files_receipted"), 1, "{home}");
    assert_eq!(open(&author), 0);
    author.call(&["custody", "--safe-to-wipe"]).run().done();
    assert_eq!(shown(author.run(&["case", "show", &slip]))["attachments"][0]["state"], "at_hub");
}

#[test]
fn the_hub_takes_scans_from_a_stick_and_gives_receipts_for_them() {
    let stage = Stage::open();
    let (author, _) = two(&stage);
    let slip = case(&author, json!({"name": "Bete"}));
    attach(&author, &slip, &scan(&stage, "a.bin", 40_000, 1), "A");
    let there = author.run(&["bundle", "export", &stage.text("there.bundle")]);
    let taken = stage.hub.run(&["bundle", "import", &there.text("file")]);
    assert_eq!((taken.number("files"), &taken.json()["refused"]), (1, &json!([])), "{taken}");
    let back = stage.text("back.bundle");
    stage.hub.run(&["bundle", "export", "--unit", "V01", &back]);
    assert_eq!(author.run(&["bundle", "import", &back]).number("files_receipted"), 1);
    author.call(&["custody", "--safe-to-wipe"]).run().done();
}

#[test]
fn records_go_before_scans_and_what_finds_no_room_goes_beside_or_stays() {
    let stage = Stage::open();
    let (author, carrier) = two(&stage);
    let stick = stage.text("stick");
    fs::create_dir(&stick).expect("a folder");
    let slip = case(&author, json!({"name": "Bete"}));
    for (name, seed) in [("a.bin", 1), ("b.bin", 2)] {
        attach(&author, &slip, &scan(&stage, name, 60_000, seed), name);
    }
    let little = author.run(&["bundle", "export", "--budget", "90KB", &stage.text("little.bundle")]);
    assert_eq!((little.number("attachments"), little.number("attachments_left")), (1, 1), "{little}");
    assert_eq!(little.number("attachment_bytes_left"), 60_000);
    assert!(little.number("own_changes") > 0 && little.number("bytes") < 90_000, "{little}");
    let none = author.run(&["bundle", "export", "--budget", "15KB", &stick]);
    assert_eq!((paths(&none).len(), none.number("attachments")), (1, 0), "{none}");
    assert!(none.number("own_changes") > 0, "records go whatever the budget");

    // Of 4 scans of 20 MB three fit into one file.
    for seed in 3..7 {
        let name = format!("{seed}.bin");
        let paper = scan(&stage, &name, 20_000_000, seed);
        attach(&author, &slip, &paper, &name);
    }
    let all = author.run(&["bundle", "export", &stick]);
    let files = paths(&all);
    assert_eq!((files.len(), all.number("attachments"), all.number("attachments_left")), (2, 6, 0), "{all}");
    // Of scans whose case nobody knows yet the hub takes none, whoever brings them.
    let early = stage.hub.call(&["bundle", "import", &files[1], "--json"]).run();
    assert!(early.to_string().contains("no case here names it"), "{early}");
    for file in &files {
        carrier.run(&["bundle", "import", file]);
    }
    assert_eq!(open(&carrier), 6);
}

#[test]
fn a_changed_byte_of_a_scan_is_refused_and_whoever_made_it_has_it_still() {
    let stage = Stage::open();
    let (author, carrier) = two(&stage);
    let slip = case(&author, json!({"name": "Bete"}));
    attach(&author, &slip, &scan(&stage, "a.bin", 40_000, 1), "A");
    let made = author.run(&["bundle", "export", &stage.text("there.bundle")]);
    let there = made.text("file");
    let mut bytes = fs::read(&there).expect("it is there");
    let middle = bytes.len() - 20_000;
    bytes[middle] ^= 1;
    fs::write(&there, bytes).expect("written");
    let refused = carrier.call(&["bundle", "import", &there]).run().exited(1);
    assert!(
        refused.stderr.contains("was changed or damaged") && refused.stderr.contains("still"),
        "{refused}"
    );
    assert_eq!((open(&carrier), open(&author)), (0, 1));
}

#[test]
fn a_scan_that_the_hub_refuses_is_listed_with_its_reason_and_its_carrier_may_be_wiped() {
    let stage = Stage::open();
    let (author, carrier) = two(&stage);
    let slip = case(&author, json!({"name": "Bete"}));
    attach(&author, &slip, &scan(&stage, "a.bin", 40_000, 1), "A");
    let made = author.run(&["bundle", "export", &stage.text("there.bundle")]);
    carrier.run(&["bundle", "import", &made.text("file")]);
    let listed = |van: &Van| van.run(&["bundle", "list"]).json()["files"].clone();
    assert_eq!((&listed(&carrier)[0]["from"], &listed(&carrier)[0]["why"]), (&json!("V01A"), &Value::Null));
    author.run(&["case", "detach", &slip, "A", "--reason", "blurred"]);
    sync(&author);
    sync(&carrier);
    let stuck = listed(&carrier);
    assert_eq!(stuck[0]["refused"], "not_named", "{stuck}");
    assert!(stuck[0]["why"].as_str().is_some_and(|why| why.contains("no case at the hub")), "{stuck}");
    let custody = carrier.run(&["custody"]);
    assert_eq!((custody.number("attachments"), custody.number("attachments_refused")), (0, 1), "{custody}");
    carrier.call(&["custody", "--safe-to-wipe"]).run().done();
    carrier.call(&["doctor"]).run().done();
    let running = carrier.start(&[]);
    let reader = Reader::of(&running);
    assert!(reader.get("/custody").contains("1 belum dapat diserahkan"));
    let page = reader.get("/carry");
    assert!(
        page.contains("Tidak ada permohonan di pusat yang menyebutnya") && page.contains("V01A"),
        "{page}"
    );
    drop(running);

    fs::remove_dir_all(stage.path("carrier/attachments")).expect("there is something");
    let told = carrier.run(&["doctor"]);
    assert_eq!(told.json()["ok"], true, "its author has it: {told}");
    let notice = told.json()["carried_files"][0].as_str().unwrap_or_default().to_owned();
    assert!(notice.contains("take a bundle of the laptop that attached it"), "{told}");
    assert_eq!(listed(&carrier)[0]["refused"], "damaged");
    carrier.run(&["bundle", "import", &made.text("file")]);
    carrier.call(&["doctor"]).run().done();
}

#[test]
fn laptops_that_meet_carry_scans_for_each_other_and_bring_receipts_home() {
    let stage = Stage::open();
    let (author, carrier) = two(&stage);
    let slip = case(&author, json!({"name": "Bete"}));
    attach(&author, &slip, &scan(&stage, "a.bin", 5_000_000, 1), "A");
    let other = case(&carrier, json!({"name": "Seran"}));
    attach(&carrier, &other, &scan(&stage, "b.bin", 50_000, 2), "B");
    stage.stop();
    let listening = carrier.start(&["--peers", "127.0.0.1:0"]);
    let address = listening.addr("peers").to_string();
    let met = author.run(&["peer", "sync", &address]);
    assert_eq!(met.number("files"), 1, "{met}");
    assert_eq!((open(&author), open(&carrier)), (2, 2), "each carries for the other");
    let again = author.run(&["peer", "sync", &address]);
    assert_eq!(again.number("files"), 0, "{again}");
    drop(listening);

    stage.start();
    sync(&carrier);
    assert_eq!(open(&carrier), 0);
    for slip in [&slip, &other] {
        assert_eq!(shown(stage.hub.run(&["case", "show", slip]))["attachments"][0]["state"], "at_hub");
    }
    stage.stop();
    let listening = carrier.start(&["--peers", "127.0.0.1:0"]);
    let home = author.run(&["peer", "sync", &listening.addr("peers").to_string()]);
    assert_eq!((home.number("files_receipted"), home.number("files")), (1, 0), "{home}");
    assert_eq!(open(&author), 0, "and what it carried is at the hub too");
    drop(listening);
    author.call(&["custody", "--safe-to-wipe"]).run().done();
}

/// Files below a folder.
#[test]
fn facts_that_arrived_count_where_the_scans_behind_them_break_off() {
    let stage = Stage::open();
    let (author, carrier) = two(&stage);
    let slip = case(&author, json!({"name": "Bete"}));
    attach(&author, &slip, &scan(&stage, "a.bin", 300_000, 1), "A");
    stage.stop();
    let listening = carrier.start(&["--peers", "127.0.0.1:0"]);
    let folder = stage.path("carrier/attachments");
    assert!(!folder.exists(), "nothing was attached there");
    fs::write(&folder, b"no folder").expect("writes");
    let address = listening.addr("peers").to_string();
    let met = author.run(&["peer", "sync", &address]);
    let refused = met.json()["refused"][0].as_str().unwrap_or_default().to_owned();
    assert!(refused.contains("not all attachments"), "{met}");
    let custody = author.run(&["custody"]);
    assert_eq!((custody.number("unsent"), custody.number("attachments")), (0, 1), "{custody}");
    let peers = author.run(&["peer", "list"]);
    assert!(peers.lines.iter().any(|line| line["met"].is_string()), "{peers}");
    drop(listening);

    fs::remove_file(&folder).expect("is there");
    let listening = carrier.start(&["--peers", "127.0.0.1:0"]);
    let again = author.run(&["peer", "sync", &listening.addr("peers").to_string()]);
    assert_eq!(again.json()["refused"], json!([]), "{again}");
    drop(listening);
    assert_eq!(open(&carrier), 1);
}

fn files_in(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| if entry.path().is_dir() { files_in(&entry.path()) } else { 1 }).sum()
}
