//! What an officer types: kept whatever it is, told in words where it cannot be saved, and decided at the day's end.

use serde_json::json;
use tests::{
    page::{Reader, hidden},
    process::{Running, Van},
};

use crate::stage::{Stage, case, van_cases};

const FORM: &str = "00112233aabbccdd";
const OTHER: &str = "ddccbbaa33221100";
const WHOLE: &str =
    "name=Bete&sex=P&born=1990&village=53.02.01.1001&officer=P-07&service=DUK-KK&started=2026-11-20T10:30";

/// A laptop that runs, who reads its pages, and the token of these.
fn begin(van: &Van) -> (Running, Reader, String) {
    let running = van.start(&[]);
    let reader = Reader::of(&running);
    let token = hidden(&reader.get("/record"), "csrf").expect("a token").to_owned();
    (running, reader, token)
}

/// The notice of a page.
fn notice(page: &str) -> &str {
    let rest = page.split_once("role=\"alert\"").map_or("", |(_, rest)| rest);
    rest.split("</p>").next().unwrap_or_default()
}

#[test]
fn a_half_typed_form_is_kept_whatever_was_typed() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let (running, reader, token) = begin(&van);
    let keep = |form: &str, fields: &str| {
        let kept = reader.post("/record/keep", &token, &format!("form={form}&{fields}"));
        assert!(kept.starts_with("HTTP/1.1 204"), "{kept}");
    };
    keep(FORM, "nik=53020");
    keep(OTHER, WHOLE);
    assert!(reader.get(&format!("/record?form={FORM}")).contains("value=\"53020\""));
    assert_eq!(van.run(&["custody"]).number("forms"), 2);
    running.terminate().done();
}

#[test]
fn a_refusal_names_its_field_as_the_form_does() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let (running, reader, token) = begin(&van);
    let long = format!("notes={}", "x".repeat(5_000));
    for (wrong, told) in [
        ("kk=123", "Nomor KK: Harus 16 angka."),
        ("birth_order=x", "Kembar ke-: 1 untuk"),
        ("blank-DUK-KK=a%07b", "Nomor blanko: Ada tanda"),
        ("companion=a%07b", "Pendamping: Ada tanda"),
        (&long, "Catatan: Tulisannya terlalu panjang"),
        ("service=DUK-TIDAK-ADA", "Ada layanan pilihan yang tidak dikenal laptop ini"),
    ] {
        let refused = reader.post("/record", &token, &format!("form={FORM}&do=save&{WHOLE}&{wrong}"));
        assert!(refused.starts_with("HTTP/1.1 422"), "{wrong}: {refused}");
        let notice = notice(&refused);
        assert!(notice.contains(told) && notice.contains("Tidak ada yang hilang"), "{wrong}: {notice}");
    }
    // A service that is not known stays on the form until somebody takes it away.
    let kept = reader.get(&format!("/record?form={FORM}"));
    assert!(
        kept.contains("value=\"DUK-TIDAK-ADA\"") && kept.contains("tidak mengenal layanan ini"),
        "{kept}"
    );
    assert!(van_cases(&van).is_empty());
    running.terminate().done();
}

#[test]
fn a_form_is_decided_alone_and_an_odd_time_is_looked_at_first() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    van.run(&["sheet", "print", "1"]);
    let sheets = van.run(&["sheet", "list"]).lines;
    let number = sheets.iter().find_map(|row| row["sheet"].as_str()).expect("a number").to_owned();
    case(&van, json!({"name": "Konsep", "status": "draft"}));
    let (running, reader, token) = begin(&van);
    let odd = WHOLE.replace("2026-11-20", "1999-11-20");
    reader.post("/record/keep", &token, &format!("form={FORM}&sheet={number}&{odd}"));
    let decide =
        |open: &str, what: &str| reader.post("/day/decide", &token, &format!("open={open}&do={what}"));
    let told = decide(FORM, "save");
    let notice = notice(&told);
    assert!(told.starts_with("HTTP/1.1 422"), "{told}");
    assert!(notice.contains("lebih dari 60 hari") && notice.contains("buka isiannya"), "{notice}");
    assert!(
        notice.contains(&format!("href=\"/record?form={FORM}")) && notice.contains("Buka isian ini"),
        "{notice}"
    );
    let day = || van.run(&["day", "show"]).json().clone();
    let open = |name: &str| day()[name].as_array().map_or(0, Vec::len);
    assert_eq!((open("drafts"), open("forms")), (1, 1));
    // A second press finds nothing more to decide, and touches no draft.
    for _ in 0..2 {
        let deleted = decide(FORM, "delete&sure=yes");
        assert!(deleted.starts_with("HTTP/1.1 303"), "{deleted}");
        assert_eq!((open("drafts"), open("forms")), (1, 0));
    }
    let draft = day()["drafts"][0]["case"].as_str().expect("an id").to_owned();
    let asked = decide(&draft, "delete");
    assert!(asked.contains("Permohonan berakhir di sini"), "its end is told, and asked about: {asked}");
    assert_eq!(open("drafts"), 1);
    decide(&draft, "delete&sure=yes");
    assert_eq!(open("drafts"), 0);
    running.terminate().done();
}
