//! The pages after a day: every link leads somewhere by itself, none leads out, and looking changes nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::json;
use tests::{
    page::{Reader, hidden},
    process::Van,
};

use crate::stage::{Stage, case, shown, sync};

/// What pages of a laptop lead to after a day: what was met by its path, and on which page first.
fn walked(reader: &Reader) -> BTreeMap<String, String> {
    let mut met: BTreeMap<String, String> = [("/".to_owned(), "the beginning".to_owned())].into();
    let mut next: VecDeque<_> = met.keys().cloned().collect();
    while let Some(path) = next.pop_front() {
        let answer = reader.get(&path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path} of {}: {}", met[&path], &answer[..15]);
        for place in ["href", "src", "action", "formaction"].iter().flat_map(|name| values(&answer, name)) {
            let inside = place.starts_with('/') && !place.starts_with("//");
            assert!(inside || place.starts_with(['#', '?']) || place.starts_with("data:"), "{path}: {place}");
        }
        for link in values(&answer, "href").into_iter().filter(|link| link.starts_with('/')) {
            let link = link.split('#').next().unwrap_or_default();
            for link in [link, link.split('?').next().unwrap_or_default()] {
                if !met.contains_key(link) {
                    met.insert(link.to_owned(), path.clone());
                    next.push_back(link.to_owned());
                }
            }
        }
    }
    met
}

/// The values of an attribute on a page.
fn values(page: &str, name: &str) -> BTreeSet<String> {
    let mark = format!(" {name}=\"");
    let rest = page.split(&mark).skip(1).filter_map(|rest| rest.split('"').next());
    rest.map(|value| value.replace("&#38;", "&").replace("&amp;", "&")).collect()
}

/// A day with everything that pages list; gives the case of a file that is on another laptop, and the file.
fn play(stage: &Stage, van: &Van) -> (String, String) {
    let other = stage.van("other", "V01");
    van.run(&["officer", "Yefta Nabuasa"]);
    van.run(&["visit", "open", "Pasar", "--agency", "DUK"]);
    let slip = case(van, json!({"name": "Ala'ang <Nope>", "service": "DUK-LAHIR"}));
    let dead = case(van, json!({"name": "Bete Nahak", "service": "DUK-MATI"}));
    van.run(&["amend", &slip, "--set", "notes=ditulis ulang"]);
    van.run(&["question", "ask", &slip, "--words", "nama mana?"]);
    van.run(&["queue", "take", "general"]);
    van.run(&["sheet", "print", "2"]);
    van.run(&["blank", "receive", "KTP-EL", "000001", "000010"]);
    van.run(&["blank", "use", &dead, "000001"]);
    let paper = stage.text("letter.txt");
    std::fs::write(&paper, "surat").expect("writes");
    let twin = case(&other, json!({"name": "Seran"}));
    let file = other.run(&["case", "attach", &twin, &paper, "--name", "Surat lain"]).text("attachment");
    sync(van);
    sync(&other);
    stage.hub.run(&["question", "answer", &slip, "--words", "yang di akta"]);
    sync(van);
    van.run(&["day", "close", "--leader", "Maria Taek"]);
    case(van, json!({"name": "After", "service": "DUK-KK"}));
    (shown(van.run(&["case", "show", &twin]))["case"].as_str().expect("an id").to_owned(), file)
}

/// All that a laptop's store has written: the log of every life of it, and everything else.
fn written(van: &Van) -> [Vec<u8>; 2] {
    ["keliling.db", "keliling.db-wal"].map(|name| std::fs::read(van.home().join(name)).expect("it is there"))
}

/// Has the program rest that begins exchanges, once the page says that it has one under way.
fn let_rest(van: &Van, reader: &Reader) {
    let until = |words: &str| {
        while !reader.get("/sync").contains(words) {
            // It answers once something has moved.
            reader.get("/sync/news?seen=");
        }
    };
    until("Menghubungi pusat");
    van.run(&["sync", "--stop"]);
    until("Pertukaran dihentikan");
}

#[test]
fn every_link_leads_somewhere_by_itself_and_looking_changes_nothing() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let (away, file) = play(&stage, &van);
    stage.stop();
    let running = van.start(&[]);
    let reader = Reader::of(&running);
    // What an exchange notes when it ends is none of the pages' doing.
    let_rest(&van, &reader);
    let paper = format!("/case/{away}/file/{file}");
    for (language, title, not_here, asked) in [
        ("id", "Hari ini", "Belum diminta", "Sudah diminta"),
        ("en", "Today", "Nobody has asked", "is asked for"),
    ] {
        van.run(&["settings", "set", "language", language]);
        let before = written(&van);
        let met = walked(&reader);
        assert!(written(&van) == before, "looking wrote something");
        assert!(reader.get("/").contains(title));
        for path in [&paper, "/blanks", "/sheets", "/needs-you", "/custody", "/settings", "/verify"] {
            assert!(met.contains_key(path), "{path} is linked: {met:#?}");
        }
        let custody = van.run(&["custody"]);
        assert!((1..5_000).contains(&custody.number("record_bytes")), "{custody}");
        for (path, told) in [("/custody", "</dt><dd>"), ("/sync", "<li>")] {
            let page = reader.get(path);
            let line = page
                .split(told)
                .find(|line| line.starts_with(|c: char| c.is_ascii_digit()) && line.contains("B)"));
            assert!(line.is_some(), "{path} tells the bytes of records: {page}");
        }
        // What is not here says so, whoever looks; only a press asks for it.
        let page = reader.get(&paper);
        if language == "id" {
            assert!(page.contains(not_here) && !page.contains(asked), "{page}");
            let token = hidden(&page, "csrf").expect("a token").to_owned();
            assert!(reader.post(&paper, &token, "").starts_with("HTTP/1.1 303"));
        }
        let page = reader.get(&paper);
        assert!(page.starts_with("HTTP/1.1 200") && page.contains(asked), "{page}");
    }
    running.terminate().done();
    let cut = van.call(&["sync", "--json", "--patience", "1"]).run().exited(1);
    assert_eq!(cut.number("record_bytes_left"), van.run(&["custody"]).number("record_bytes"), "{cut}");
    stage.start();
    sync(&van);
    assert_eq!(sync(&van).number("left"), 0);
    assert_eq!(van.run(&["custody"]).number("record_bytes"), 0);
    let running = van.start(&[]);
    assert!(Reader::of(&running).get(&paper).ends_with("surat"), "it came");
    running.terminate().done();
}
