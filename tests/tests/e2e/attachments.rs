//! Scans and photos: attached offline, carried after the records, cut, resumed, shared, damaged, fetched.

use std::path::PathBuf;

use serde_json::{Value, json};
use tests::{process::Van, relay::Profile};

use crate::stage::{LIMIT, Stage, case, day, shown, sync};

/// Pixels of the picture: some 300 KB.
const SIDES: (u32, u32) = (400, 250);

/// A picture that any program opens, its pixels not compressed.
fn png() -> Vec<u8> {
    let (width, height) = SIDES;
    let mut rows = Vec::new();
    for y in 0..height {
        rows.push(0);
        for x in 0..width {
            let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 24;
            rows.extend([x as u8, y as u8, noise as u8]);
        }
    }
    let mut packed = vec![0x78, 0x01];
    let mut blocks = rows.chunks(60_000).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        packed.push(u8::from(blocks.peek().is_none()));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(block);
    }
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in &rows {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    packed.extend((b << 16 | a).to_be_bytes());
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, body) in [(b"IHDR", header), (b"IDAT", packed), (b"IEND", Vec::new())] {
        let named = [name.as_slice(), body.as_slice()].concat();
        file.extend((body.len() as u32).to_be_bytes());
        file.extend(&named);
        file.extend(crc(&named).to_be_bytes());
    }
    file
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
            },
        )
    };
    !bytes.iter().fold(!0, step)
}

/// A file of so many bytes that compress badly.
fn pdf(size: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    b"%PDF-1.7\n".iter().copied().chain(noise).take(size).collect()
}

fn file(stage: &Stage, name: &str, bytes: &[u8]) -> String {
    std::fs::write(stage.path(name), bytes).expect("there is room");
    stage.text(name)
}

fn attach(van: &Van, slip: &str, file: &str, more: &[&str]) -> Value {
    van.run(&[&["case", "attach", slip, file], more].concat()).json().clone()
}

/// Where a machine keeps a content.
fn kept(home: &std::path::Path, id: &str) -> PathBuf {
    home.join("attachments").join(&id[..2]).join(id)
}

fn fetched(run: impl Fn(&[&str]) -> tests::process::Output, stage: &Stage, slip: &str, id: &str) -> Vec<u8> {
    let out = stage.text("fetched");
    run(&["case", "attachment", slip, id, "--out", &out]).done();
    std::fs::read(out).expect("it was written")
}

#[test]
fn a_scan_follows_its_case_whatever_happens_on_the_way() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Ala'ang Nope"}));
    let scan = png();
    let path = file(&stage, "ktp.png", &scan);
    let none = van.call(&["case", "attach", &slip, &file(&stage, "none", b"")]).run().exited(1);
    assert!(none.stderr.contains("is empty"), "{none}");
    let large =
        van.call(&["case", "attach", &slip, &file(&stage, "large", &pdf(20_000_001))]).run().exited(1);
    assert!(large.stderr.contains("at most 20.0 MB"), "{large}");
    let done = attach(&van, &slip, &path, &["--kind", "scan", "--name", "KTP"]);
    let id = done["attachment"].as_str().expect("an id").to_owned();
    assert_eq!(
        (&done["changed"], &done["type"], &done["size"]),
        (&json!(true), &json!("image/png"), &json!(scan.len()))
    );
    assert!((500..10_000).contains(&done["thumbnail_size"].as_u64().expect("a small picture")), "{done}");
    assert_eq!(attach(&van, &slip, &path, &[])["changed"], false);
    let case = shown(van.run(&["case", "show", &slip]));
    assert_eq!(
        (&case["to_follow"], &case["attachments"][0]["state"]),
        (&json!({"scan": 1}), &json!("to_follow"))
    );
    let words = van.call(&["case", "show", &slip]).run().done();
    assert!(words.stdout.contains("1 scan to follow"), "{words}");
    let custody = van.call(&["custody", "--safe-to-wipe", "--json"]).run().exited(1);
    assert_eq!(custody.number("attachments"), 2);

    // A budget stops it, a cut stops it, and nothing is sent twice.
    let handshake = {
        let other = stage.van("other", "V02");
        let before = stage.link.stats().up.sent.bytes;
        sync(&other);
        stage.link.stats().up.sent.bytes - before
    };
    let start = stage.link.stats().up.sent.bytes;
    let short = van.run(&["sync", "--budget", "80KB"]);
    assert_eq!((&short.json()["stopped"], &short.json()["ok"]), (&json!("budget"), &json!(true)), "{short}");
    assert!(short.number("bytes_up") + short.number("bytes_down") <= 84_000, "{short}");
    assert!(short.number("attachments_left") >= 1 && short.number("attachment_bytes") > 20_000, "{short}");
    assert_eq!(shown(stage.hub.run(&["case", "show", &slip]))["to_follow"], json!({"scan": 1}));
    stage.link.cut_after(100_000);
    let cut = van.call(&["sync", "--json", "--patience", "1s"]).run().exited(1);
    assert!(cut.stderr.contains("every record is handed over"), "{cut}");
    stage.link.restore();
    sync(&van);
    let up = stage.link.stats().up.sent.bytes - start;
    let allowed = scan.len() as u64 * 112 / 100 + 3 * handshake + 100_000;
    assert!(up <= allowed, "{up} bytes up where {allowed} are allowed, a handshake being {handshake}");
    assert_eq!(van.run(&["custody", "--safe-to-wipe"]).number("attachments"), 0);
    let case = shown(stage.hub.run(&["case", "show", &slip]));
    assert_eq!((&case["to_follow"], &case["attachments"][0]["state"]), (&json!({}), &json!("at_hub")));
    assert_eq!(fetched(|arguments| stage.hub.run(arguments), &stage, &slip, &id[..8]), scan);
    assert_eq!(stage.hub.run(&["doctor"]).json()["ok"], true);
}

#[test]
fn a_file_is_shared_taken_away_and_survives_its_disks() {
    let stage = Stage::open();
    let (one, two) = (stage.van("one", "V01"), stage.van("two", "V02"));
    let slip = case(&one, json!({"name": "Ala'ang Nope"}));
    let scan = pdf(150_000);
    let path = file(&stage, "surat.pdf", &scan);
    let id = attach(&one, &slip, &path, &[])["attachment"].as_str().expect("an id").to_owned();
    sync(&one);
    // Equal bytes travel once.
    let twin = case(&two, json!({"name": "Bete"}));
    attach(&two, &twin, &path, &[]);
    assert!(sync(&two).number("bytes_up") < 20_000);
    assert_eq!(two.run(&["custody", "--safe-to-wipe"]).number("attachments"), 0);
    // Another laptop fetches what it needs.
    let letter = pdf(40_000);
    attach(&two, &twin, &file(&stage, "lain.pdf", &letter), &["--name", "Surat lain", "--kind", "other"]);
    sync(&two);
    sync(&one);
    let out = stage.text("out");
    let asked = one.call(&["case", "attachment", &twin, "Surat lain", "--out", &out]).run().exited(1);
    assert!(asked.stderr.contains("asked for"), "{asked}");
    sync(&one);
    assert_eq!(fetched(|arguments| one.run(arguments), &stage, &twin, "Surat lain"), letter);
    // Taken away, with a reason that stays.
    let done = one.run(&["case", "detach", &twin, "Surat lain", "--reason", "of another person"]);
    assert_eq!(done.json()["changed"], true);
    sync(&one);
    let case = shown(stage.hub.run(&["case", "show", &twin]));
    let removed: Vec<_> =
        case["attachments"].as_array().expect("a list").iter().map(|one| &one["removed"]).collect();
    assert!(removed.contains(&&json!("of another person")) && removed.len() == 2, "{case}");
    // A disk rots: the laptop's, then the hub's.
    std::fs::write(kept(one.home(), &id), b"rot").expect("it is there");
    let found = one.run(&["doctor"]);
    assert_eq!(found.json()["attachments"]["damaged"], json!([id]), "{found}");
    assert!(sync(&one).number("bytes_down") > 150_000);
    assert_eq!(fetched(|arguments| one.run(arguments), &stage, &slip, &id), scan);
    std::fs::remove_file(kept(stage.hub.home(), &id)).expect("it is there");
    let found = stage.hub.call(&["doctor", "--json"]).run().exited(1);
    assert_eq!(found.json()["attachments_missing"], json!([id]), "{found}");
    sync(&two);
    assert_eq!(stage.hub.run(&["doctor"]).json()["ok"], true);
    assert_eq!(fetched(|arguments| stage.hub.run(arguments), &stage, &slip, &id), scan);
    // A backup names the folder; without it a restore asks for the files again.
    let backup = stage.text("backup.db");
    let made = stage.hub.run(&["backup", &backup]);
    assert_eq!(made.number("attachments"), 2, "{made}");
    stage.stop();
    std::fs::remove_dir_all(stage.hub.home().join("attachments")).expect("it is there");
    assert_eq!(stage.hub.run(&["restore", &backup]).number("attachments_missing"), 2);
    stage.start();
    for van in [&two, &one] {
        sync(van);
    }
    assert_eq!(fetched(|arguments| stage.hub.run(arguments), &stage, &slip, &id), scan);
}

#[test]
fn where_no_udp_gets_through_a_scan_goes_over_tcp_and_goes_on_where_it_was_cut() {
    let stage = Stage::open();
    stage.link.block_udp(true);
    let (one, two) = (stage.van("one", "V01"), stage.van("two", "V02"));
    let slip = case(&one, json!({"name": "Ala'ang Nope"}));
    let scan = pdf(300_000);
    let id = attach(&one, &slip, &file(&stage, "surat.pdf", &scan), &[])["attachment"].clone();
    let id = id.as_str().expect("an id");
    let start = stage.link.stats().up.sent.bytes;
    stage.link.cut_after(200_000);
    let cut = one.call(&["sync", "--json", "--patience", "4s"]).run().exited(1);
    assert!(cut.stderr.contains("every record is handed over"), "{cut}");
    stage.link.restore();
    assert_eq!(sync(&one).json()["over"], "tcp");
    let up = stage.link.stats().up.sent.bytes - start;
    assert!((300_000..450_000).contains(&up), "{up} bytes up");
    assert_eq!(one.run(&["custody", "--safe-to-wipe"]).number("attachments"), 0);
    assert_eq!(fetched(|arguments| stage.hub.run(arguments), &stage, &slip, id), scan);
    // Down it goes likewise.
    sync(&two);
    let asked = two.call(&["case", "attachment", &slip, id, "--out", &stage.text("out")]).run().exited(1);
    assert!(asked.stderr.contains("asked for"), "{asked}");
    let heard = sync(&two);
    assert!(heard.json()["over"] == "tcp" && heard.number("bytes_down") > 300_000, "{heard}");
    assert_eq!(fetched(|arguments| two.run(arguments), &stage, &slip, id), scan);
}

#[test]
fn a_record_overtakes_a_large_scan_that_is_under_way() {
    let stage = Stage::over(Profile::edge());
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Ala'ang Nope"}));
    attach(&van, &slip, &file(&stage, "large.pdf", &pdf(20_000_000)), &[]);
    let running = van.start(&[]);
    let start = stage.link.stats().up.sent.bytes;
    // At this rate the file alone takes a quarter of an hour.
    stage.link.wait(LIMIT, |stats| stats.up.sent.bytes > start + 200_000).expect("it is under way");
    let held = stage.hub_cases().len();
    van.record(&day(20, 5, "V01"));
    let before = stage.link.stats().up.sent.bytes;
    while stage.hub_cases().len() < held + 20 {
        assert!(stage.link.stats().up.sent.bytes < before + 400_000, "the records wait behind the scan");
    }
    let custody = van.run(&["custody"]);
    assert!(custody.number("attachments") == 1 && custody.json()["safe_to_wipe"] == false, "{custody}");
    running.terminate().done();
}
