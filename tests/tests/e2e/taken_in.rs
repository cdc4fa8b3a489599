//! What a case keeps of the citizen's word, what it would repeat, and whose death was reported.

use serde_json::json;
use tests::page::Reader;

use crate::stage::{Stage, case, line, record, reports, shown};

#[test]
fn what_the_citizen_agreed_to_and_how_it_was_confirmed_travels_with_the_case() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let said = json!({
        "name": "Bete", "consent_text": "2026-1", "confirmed": "witnesses", "witnesses": ["Bria", "Seran"],
    });
    let slip = case(&van, said);
    let wrong = [
        json!({"name": "A", "consent_text": "2025-9"}),
        json!({"name": "A", "confirmed": "fingerprint"}),
        json!({"name": "A", "confirmed": "witnesses", "witnesses": ["Bria"]}),
    ];
    let refused = record(&van, &wrong.map(line)).exited(1);
    for (report, word) in reports(&refused).into_iter().zip(["2026-1", "signature", "both are named"]) {
        assert!(report["error"].as_str().is_some_and(|error| error.contains(word)), "{report}");
    }
    van.run(&["sync"]);
    for whole in [van.run(&["case", "show", &slip]), stage.hub.run(&["case", "show", &slip])] {
        let whole = shown(whole);
        assert_eq!((&whole["consent_text"], &whole["confirmed"]), (&json!("2026-1"), &json!("witnesses")));
        assert_eq!(whole["witnesses"], json!(["Bria", "Seran"]));
    }
    van.run(&["amend", &slip, "--set", "confirmed=thumb", "--reason", "salah pilih"]);
    assert_eq!(shown(van.run(&["case", "show", &slip]))["confirmed"], "thumb");
    van.call(&["amend", &slip, "--set", "confirmed=fingerprint"]).run().exited(1);
    let flags = [
        "record",
        "--name",
        "Maria",
        "--sex",
        "P",
        "--village",
        "53.02.01.1001",
        "--service",
        "DUK-KK",
        "--officer",
        "P-07",
        "--consent",
        "true",
        "--consent-text",
        "2026-1",
        "--confirmed",
        "signature",
    ];
    let slip = van.run(&flags).lines[0]["slip"].as_str().expect("a slip").to_owned();
    let words = van.call(&["case", "show", &slip]).run().done();
    assert!(words.stdout.contains("yes, text 2026-1") && words.stdout.contains("by signature"), "{words}");
}

#[test]
fn what_repeats_a_case_is_warned_of_with_the_reason_why_it_is_recorded() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let nik = "5302015708909002";
    let first = case(&van, json!({"nik": nik, "blank": "KIA 1", "service": "DUK-KIA"}));
    let lines = [
        json!({"nik": nik, "service": "DUK-KIA", "again": "yang lama hilang"}),
        json!({"name": "Maria", "service": "DUK-KIA", "blank": "KIA 1"}),
        json!({"name": "Yosef", "service": "DUK-KIA", "blank": "KIA 2"}),
        json!({"name": "Petrus", "service": "DUK-KIA", "blank": "KIA 2"}),
    ];
    let output = record(&van, &lines.map(line)).done();
    let warnings: Vec<String> =
        reports(&output).iter().map(|report| report["warnings"].to_string()).collect();
    assert!(
        warnings[0].contains(&first) && warnings[0].contains("recorded again: yang lama hilang"),
        "{output}"
    );
    assert!(warnings[1].contains("blank KIA 1 was used") && warnings[1].contains(&first), "{output}");
    assert!(!warnings[2].contains("was used"), "{output}");
    assert!(warnings[3].contains("blank KIA 2 was used"), "of the same group: {output}");
}

#[test]
fn a_reported_death_is_told_of_every_case_of_that_person() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let nik = "5302015708909002";
    let slip = case(&van, json!({"nik": nik}));
    let death = || shown(van.run(&["case", "show", &slip]))["death"].clone();
    assert!(death().is_null());
    let report =
        case(&van, json!({"nik": nik, "service": "DUK-MATI", "started": "2026-11-21T10:00:00+08:00"}));
    assert_eq!(death(), "2026-11-21T10:00:00+08:00");
    for told in [&["find", nik][..], &["case", "list"], &["slip", "unprinted"], &["slip", "show", &slip]] {
        assert_eq!(van.run(told).lines[0]["death"], death(), "{told:?}");
    }
    van.run(&["amend", &report, "--set", "status=cancelled", "--reason", "orang lain"]);
    assert!(death().is_null(), "the report was withdrawn");
}

#[test]
fn a_reported_death_is_told_wherever_a_page_shows_that_person() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let nik = "5302015708909002";
    let long_ago = "2026-06-01T10:00:00+08:00";
    let late = case(&van, json!({"nik": nik, "status": "complete", "started": long_ago}));
    case(&van, json!({"nik": nik, "status": "draft"}));
    let sheet = van.run(&["sheet", "print", "1"]).text("sheet");
    case(&van, json!({"nik": nik, "sheet": sheet}));
    let running = van.start(&[]);
    let reader = Reader::of(&running);
    let stamp = van.run(&["slip", "show", &late]).text("stamp");
    let verify = format!("/verify?slip={}", stamp.replace('+', "%2B"));
    let paths = ["/", "/custody", "/day", "/sheets", &verify];
    let told = |path: &str| {
        let page = reader.get(path);
        assert!(page.starts_with("HTTP/1.1 200"), "{path}: {page}");
        // The newest cases stand further down on the first page.
        let (page, _) = page.split_once("id=\"going\"").unwrap_or((&page, ""));
        page.contains("pelayanan tanggal 21 November 2026")
    };
    assert!(paths.iter().all(|path| !told(path)));
    case(&van, json!({"nik": nik, "service": "DUK-MATI", "started": "2026-11-21T10:00:00+08:00"}));
    for path in paths {
        assert!(told(path), "{path}: {}", reader.get(path));
    }
    let today = van.run(&["today"]).json().clone();
    assert_eq!(today["limits"][0]["slip"], json!(late), "{today}");
    assert!(today["limits"][0]["death"].is_string(), "{today}");
    assert!(van.run(&["sheet", "list"]).lines[0]["death"].is_string());
    assert!(van.run(&["slip", "verify", &stamp]).json()["cases"][0]["death"].is_string());
    running.terminate().done();
}
