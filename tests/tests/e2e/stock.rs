//! Pre-list, survey, blanks and leases, from the hub to the laptops and back.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};
use tests::process::{Output, Van};

use crate::stage::{Stage, case, record, reports, sync};

const HEADING: &str = "nik,name,sex,born,mother,kk,village,address,phone,service,priority";

impl Stage {
    fn prelist(&self, rows: &[&str]) -> Output {
        let file = self.text("prelist.csv");
        fs::write(&file, format!("{HEADING}\n{}\n", rows.join("\n"))).expect("written");
        self.hub.run(&["registry", "import", "--kind", "prelist", &file])
    }
}

fn announced(van: &Van, text: &str) -> Vec<Value> {
    let output = van.run(&["person", "list", text]);
    output.lines.iter().filter(|row| row["listed"].is_string()).cloned().collect()
}

fn stock(van: &Van, kind: &str) -> Value {
    let rows = van.run(&["blank", "list"]).lines;
    let found = rows.iter().map(|row| &row["stock"]).find(|stock| stock["kind"] == kind);
    found.cloned().unwrap_or_default()
}

#[test]
fn who_waits_for_the_network_has_not_been_served() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    stage.prelist(&[
        ",Nahak Bria,L,1948,Maria Taek,,53.02.01.1001,,,DUK-REKAM,",
        ",Yuliana Tefa,P,1990-01-02,Ana Tefa,,53.02.01.1001,,,DUK-KK,",
    ]);
    sync(&van);
    van.run(&["visit", "open", "Niki-Niki", "--village", "53.02.01.1001"]);
    let record = |name: &str, service: &str, status: &str| {
        let listed = announced(&van, name)[0]["listed"].clone();
        let line = json!({"listed": listed, "village": "53.02.01.1001", "service": service, "status": status,
                          "started": van.run(&["today"]).json()["date"].as_str().map(|day| format!("{day}T00:00:00+08:00")),
                          "officer": "P-07", "consent": true, "visit": "Niki-Niki"});
        record(&van, &[line.to_string()]);
    };
    let expected = || {
        let of = van.run(&["today"]).json()["expected"][0].clone();
        (of["people"].clone(), of["served"].clone())
    };
    assert_eq!(expected(), (json!(2), json!(0)));
    record("nahak", "DUK-REKAM", "waiting_for_network");
    assert_eq!(expected(), (json!(2), json!(0)));
    record("yuliana", "DUK-KK", "received");
    assert_eq!(expected(), (json!(2), json!(1)));
}

#[test]
fn who_was_announced_is_found_and_not_typed_again() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let told = stage.prelist(&[
        "5302016902009003,Ala'ang Nope,,2000-02-29,Yuliana Tefa,5302010101200001,53.02.01.1001,RT 1,081234567890,DUK-LAHIR,lansia",
        ",Bayi Nope,P,2026-11-02,Ala'ang Nope,5302010101200001,53.02.01.1001,RT 1,,,",
        "123,Salah,L,,,,53.02.01.1001,,,,",
    ]);
    assert_eq!((&told.json()["rows"], &told.json()["wrong_total"]), (&json!(2), &json!(1)));
    assert!(told.json()["wrong"][0].as_str().is_some_and(|line| line.starts_with("prelist.csv line 4: nik")));
    sync(&van);
    assert_eq!(announced(&van, "nope").len(), 2);
    assert_eq!(announced(&van, "5302010101200001").len(), 2);
    assert_eq!(announced(&van, "").len(), 2, "without words the list ends with all of the pre-list");

    // A NIK alone is enough, and so is the row of somebody without one.
    let shared = json!({"village": "53.02.01.1001", "service": "DUK-LAHIR", "status": "received",
                        "started": "2026-11-20T09:12:00+08:00", "officer": "P-07", "consent": true});
    let line = |who: Value| {
        let mut line = shared.clone();
        line.as_object_mut().expect("an object").extend(who.as_object().expect("an object").clone());
        line.to_string()
    };
    let baby = announced(&van, "bayi")[0]["listed"].clone();
    let lines = [
        line(json!({"nik": "5302016902009003"})),
        line(json!({"listed": baby, "mother": "Ala'ang N."})),
        line(json!({"listed": "nobody"})),
    ];
    let output = record(&van, &lines).exited(1);
    assert!(
        reports(&output)[2]["error"].as_str().is_some_and(|error| error.contains("pre-list")),
        "{output}"
    );
    let people = van.run(&["person", "list", "nope"]).lines;
    let named = |name: &str| people.iter().find(|row| row["name"] == name).expect("recorded").clone();
    let mother = named("Ala'ang Nope");
    assert_eq!((&mother["born"], &mother["phone"]), (&json!("2000-02-29"), &json!("+6281234567890")));
    assert_eq!(named("Bayi Nope")["mother"], "Ala'ang N.");
    assert_eq!(announced(&van, "nope"), Vec::<Value>::new());

    // A new list takes the place of the old one, on the laptops too.
    stage.prelist(&[",Lain Orang,L,,,,53.02.01.1001,,,,"]);
    sync(&van);
    assert_eq!((announced(&van, "nope").len(), announced(&van, "lain").len()), (0, 1));
    assert_eq!(stage.prelist(&[]).json()["rows"], 0);
    sync(&van);
    assert_eq!(announced(&van, "lain").len(), 0);
}

#[test]
fn answers_of_two_laptops_are_pooled_at_the_hub() {
    let stage = Stage::open();
    let (one, two) = (stage.van("one", "V01"), stage.van("two", "V02"));
    let refused = one.call(&["survey", "add", "--scores", "4,4,4,4,4,4,4,4,4"]).run().exited(1);
    assert!(refused.stderr.contains("visit open"), "{refused}");
    one.run(&["visit", "open", "Pasar"]);
    two.run(&["visit", "open", "Pasar"]);
    let add = |van: &Van, sheets: &[&str]| {
        let flags = sheets.iter().flat_map(|sheet| ["--scores", *sheet]);
        van.call(&["survey", "add"].into_iter().chain(flags).collect::<Vec<_>>()).run()
    };
    let wrong = add(&one, &["4,4,4,4,4,4,4,4,4", "5,4,4,4,4,4,4,4,4"]).exited(2);
    assert!(wrong.stderr.contains("sheet 2") && wrong.stderr.contains("none was saved"), "{wrong}");
    add(&one, &["4,4,4,4,4,4,4,4,4", "4,,4,4,4,4,4,4,4"]).done();
    let shown = one.run(&["survey", "show", "--visit", "Pasar"]).lines;
    assert_eq!(
        (&shown[0]["index"], &shown[0]["grade"], &shown[0]["partial"]),
        (&json!("100.00"), &json!("A"), &json!(1))
    );
    one.run(&["visit", "open", "Kantor desa"]);
    one.run(&["visit", "close", "Pasar"]);
    add(&one, &["3,3,3,3,3,3,3,3,3"; 9]).done();
    add(&two, &["1,1,1,1,1,1,1,1,1"]).done();
    sync(&one);
    sync(&two);
    let told = stage.hub.run(&["survey", "show"]).lines;
    let unit =
        |unit: &str| told.iter().find(|row| row["unit"] == unit && row["label"].is_null()).expect("there");
    // Pooled, not the mean of 100.00 and 75.00.
    assert_eq!((&unit("V01")["index"], &unit("V01")["sheets"]), (&json!("77.50"), &json!(11)));
    assert_eq!(unit("V02")["index"], "25.00");
    assert_eq!(told.iter().filter(|row| row["label"].is_string()).count(), 3);
}

#[test]
fn two_kinds_of_blanks_may_bear_one_number() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let used = |name: &str, service: &str| {
        let slip = case(&van, json!({"name": name, "service": service, "blank": "000003"}));
        van.run(&["case", "show", &slip]).json().clone()
    };
    let (card, child) = (used("Nahak", "DUK-CETAK"), used("Bria", "DUK-KIA"));
    for shown in [&card, &child] {
        assert_eq!((&shown["conflict"], &shown["warnings"]["same_blank"]), (&json!(false), &Value::Null));
    }
    let again = used("Seran", "DUK-KIA");
    assert_eq!(again["conflict"], true);
    let sides = again["conflicts"][0]["sides"].as_array().expect("sides");
    let slips: BTreeSet<_> = sides.iter().filter_map(|side| side["value"].as_str()).collect();
    assert_eq!(slips, [&child, &again].map(|shown| shown["slip"].as_str().expect("a number")).into());
    let day = van.run(&["day", "show"]);
    let rows = day.json()["blanks"].as_array().expect("blanks");
    assert!(rows.len() == 2 && rows.iter().all(|row| row["used"] == 1), "{day}");
    sync(&van);
    let conflict = |shown: &Value| {
        let slip = shown["slip"].as_str().expect("a number");
        stage.hub.run(&["case", "show", slip]).json()["conflict"].clone()
    };
    assert_eq!([&card, &child, &again].map(conflict), [json!(false), json!(true), json!(true)]);
}

#[test]
fn blanks_are_counted_and_a_second_use_is_an_alarm_everywhere() {
    let stage = Stage::open();
    let (van, mate) = (stage.van("van", "V01"), stage.van("mate", "V01"));
    stage
        .hub
        .run(&["lease", "grant", "--unit", "V01", "--kind", "KTP-EL", "--from", "000001", "--to", "000010"]);
    let twice = ["lease", "grant", "--unit", "V01", "--kind", "ktp_el", "--from", "000010", "--to", "000011"];
    let refused = stage.hub.call(&twice).run().exited(1);
    assert!(refused.stderr.contains("L0001"), "{refused}");
    sync(&van);
    van.run(&["blank", "receive", "KTP-EL", "000001", "000010"]);
    let first = case(&van, json!({"service": "DUK-CETAK"}));
    let used = van.run(&["blank", "use", &first, "000003"]);
    assert_eq!(used.json()["warnings"], json!([]), "{used}");
    van.run(&["blank", "spoil", "KTP-EL", "000004", "--reason", "tinta"]);
    let back = van.run(&["blank", "return", "KTP-EL", "000009", "000010"]);
    assert_eq!(back.json()["numbers"], 2);
    let left = stock(&van, "KTP-EL");
    assert_eq!((&left["left"], &left["used"], &left["spoilt"]), (&json!(6), &json!(1), &json!(1)));
    let day = van.run(&["day", "show"]);
    assert_eq!(
        (&day.json()["blanks"][0]["used"], &day.json()["blanks"][0]["spoilt"]),
        (&json!(1), &json!(1))
    );
    van.run(&["day", "close"]);
    assert_eq!(van.run(&["day", "show"]).json()["blanks"], json!([]));

    // Another laptop of the unit hears of the book, and uses one that is used.
    sync(&van);
    sync(&mate);
    assert_eq!(stock(&mate, "KTP-EL")["left"], 6);
    let second = case(&mate, json!({"service": "DUK-CETAK", "name": "Nope"}));
    assert!(!mate.run(&["today"]).json()["attention"].to_string().contains("alarms"));
    let alarm = mate.run(&["blank", "use", &second, "000003"]);
    let today = mate.run(&["today"]);
    assert_eq!(today.json()["attention"][0]["alarms"], 1, "{today}");
    assert!(alarm.json()["warnings"][0].as_str().is_some_and(|words| words.contains("ALARM")), "{alarm}");
    sync(&mate);
    sync(&van);
    for rows in [stage.hub.run(&["blank", "list"]).lines, vec![stock(&van, "KTP-EL")]] {
        assert_eq!(rows[0]["alarms"][0]["alarm"], "used_twice");
        assert_eq!(rows[0]["alarms"][0]["cases"].as_array().map(Vec::len), Some(2));
    }
    // What was returned and spoilt is gone of the lease, as what was used is.
    assert_eq!(stage.hub.run(&["lease", "list"]).lines[0]["gone"], 4);
    stage.hub.run(&["lease", "void", "L0001", "--reason", "habis"]);
    sync(&van);
    assert!(van.run(&["blank", "list"]).lines.iter().all(|row| row["lease"].is_null()));
}

#[test]
fn an_agency_that_numbers_centrally_has_its_numbers_taken_offline_and_none_twice() {
    let stage = Stage::open();
    let (van, mate) = (stage.van("van", "V01"), stage.van("mate", "V01"));
    let grant =
        ["lease", "grant", "--unit", "V01", "--kind", "slip:DUK", "--from", "5302-0001", "--to", "5302-0002"];
    let refused = stage.hub.call(&grant).run().exited(1);
    assert!(refused.stderr.contains("--laptop") && refused.stderr.contains("A, B"), "{refused}");
    stage.hub.call(&[&grant[..], &["--laptop", "A"]].concat()).run().done();
    sync(&van);
    sync(&mate);
    let numbered = |van: &Van, fields: Value| {
        let output = record(van, &[crate::stage::line(fields)]).done();
        reports(&output)[0].clone()
    };
    let first = numbered(&van, json!({"name": "Satu"}));
    assert_eq!(first["number"], "5302-0001");
    let shown = van.run(&["case", "show", first["slip"].as_str().expect("a slip")]);
    assert!(shown.json().to_string().contains("5302-0001"), "{shown}");
    assert_eq!(
        van.run(&["slip", "show", first["slip"].as_str().expect("a slip")]).json()["reference"],
        "5302-0001"
    );
    assert_eq!(numbered(&van, json!({"name": "Dua"}))["number"], "5302-0002");
    let third = numbered(&van, json!({"name": "Tiga"}));
    let asked = van.run(&["today"]);
    assert!(asked.json()["attention"].to_string().contains("all 2 of slip:DUK"), "{asked}");
    assert!(third["number"].is_null() && third["warnings"].to_string().contains("are used"), "{third}");
    // Another agency's service, and another laptop, take none.
    assert!(numbered(&van, json!({"name": "Empat", "service": "PBB-BAYAR"}))["number"].is_null());
    assert!(numbered(&mate, json!({"name": "Lima"}))["number"].is_null());
    let lease = || stage.hub.run(&["lease", "list"]).lines[0].clone();
    assert_eq!((&lease()["gone"], &lease()["low"]), (&json!(0), &json!(false)), "nothing has arrived");
    van.run(&[
        "amend",
        first["slip"].as_str().expect("a slip"),
        "--set",
        "status=cancelled",
        "--reason",
        "salah",
    ]);
    sync(&van);
    assert_eq!(
        (&lease()["gone"], &lease()["low"]),
        (&json!(2), &json!(true)),
        "what is cancelled is gone too"
    );
}
