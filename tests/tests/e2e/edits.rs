//! Two who edit one case, who may say what of its status, and who may say anything at all.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{page::Reader, process::Van};

use crate::stage::{Stage, case, shown, sync};

fn of(van: &Van, slip: &str) -> Value {
    shown(van.run(&["case", "show", slip]))
}

#[test]
fn different_fields_merge_and_one_identity_waits_for_a_person() {
    let stage = Stage::open();
    let (one, two) = (stage.van("one", "V01"), stage.van("two", "V02"));
    let slip = case(&one, json!({"name": "Bete", "phone": null}));
    sync(&one);
    sync(&two);
    one.run(&["amend", &slip, "--set", "notes=by one", "--set", "mother=Yuliana Sae"]);
    two.run(&["amend", &slip, "--set", "phone=081234567899", "--set", "mother=Juliana Sae"]);
    one.run(&["amend", &slip, "--set", "name=Bete Nahak"]);
    two.run(&["amend", &slip, "--set", "name=Bete Nahak"]);
    for van in [&one, &two, &one] {
        sync(van);
    }
    let hub = shown(stage.hub.run(&["case", "show", &slip]));
    for case in [&of(&one, &slip), &of(&two, &slip), &hub] {
        assert_eq!((&case["notes"], &case["phone"]), (&json!("by one"), &json!("+6281234567899")));
        assert_eq!(case["subject"]["name"], "Bete Nahak", "the same value is no conflict");
        let conflicts = case["conflicts"].as_array().expect("a list");
        assert_eq!((conflicts.len(), &conflicts[0]["field"]), (1, &json!("mother")), "{case}");
        let sides = conflicts[0]["sides"].as_array().expect("a list");
        let mut told: Vec<_> = sides.iter().map(|side| (&side["value"], side["device"].as_u64())).collect();
        told.sort_by_key(|(_, device)| *device);
        assert_eq!(told, [(&json!("Yuliana Sae"), Some(1)), (&json!("Juliana Sae"), Some(2))]);
        let laptops: BTreeSet<_> = sides.iter().filter_map(|side| side["laptop"].as_str()).collect();
        assert_eq!(laptops, ["V01A", "V02A"].into(), "the second has no case here");
        assert!(sides.iter().all(|side| side["at"].as_str().is_some_and(|at| at.ends_with("+08:00"))));
    }
    assert_eq!(stage.hub.run(&["status"]).number("conflicts"), 1);
    assert!(one.run(&["custody"]).number("needs_you") >= 1);

    let without = ["amend", &slip, "--set", "mother=Yuliana Sae"];
    let refused = one.call(&without).run().exited(1);
    assert!(refused.stderr.contains("mother") && refused.stderr.contains("--reason"), "{refused}");
    let refused =
        stage.hub.call(&[["case"].as_slice(), &without, &["--reason", " "]].concat()).run().exited(1);
    assert!(refused.stderr.contains("--reason"), "{refused}");
    let decided =
        ["case", "amend", &slip, "--set", "mother=Yuliana Sae", "--reason", "birth certificate seen"];
    stage.hub.run(&decided);
    for van in [&one, &two] {
        sync(van);
        let case = of(van, &slip);
        assert_eq!((&case["conflicts"], &case["subject"]["mother"]), (&json!([]), &json!("Yuliana Sae")));
        assert!(case.to_string().contains("birth certificate seen"), "{case}");
        assert_eq!(van.run(&["custody"]).number("needs_you"), 0);
    }
}

#[test]
fn who_brings_the_same_service_of_one_person_again_hears_of_it_at_once() {
    let stage = Stage::open();
    let (one, two) = (stage.van("one", "V01"), stage.van("two", "V02"));
    let bete = json!({"name": "Bete", "nik": "5302015708909002", "born": "1990-08-17"});
    case(&one, bete.clone());
    sync(&one);
    let again = case(&two, bete);
    sync(&two);
    let conflicts = of(&two, &again)["conflicts"].clone();
    assert_eq!(conflicts[0]["sort"], "same_service", "{conflicts}");
}

#[test]
fn only_the_agency_says_that_it_is_issued() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete", "service": "DUK-LAHIR"}));
    van.run(&["amend", &slip, "--set", "status=complete"]);
    let before = of(&van, &slip);
    for state in ["issued", "rejected", "in_process", "ready"] {
        let setting = format!("status={state}");
        let refused = van.call(&["amend", &slip, "--set", &setting, "--reason", "x"]).run();
        assert!(refused.code == Some(1) && refused.stderr.contains(state), "{refused}");
    }
    assert_eq!(of(&van, &slip), before, "a refusal leaves nothing behind");
    assert_eq!(van.run(&["doctor"]).json()["ok"], true);
    sync(&van);
    assert_eq!(stage.hub.run(&["quarantine", "list"]).lines.len(), 0);

    let hub = |setting: &str, rest: &[&str]| {
        stage.hub.call(&[&["case", "amend", &slip, "--json", "--set", setting], rest].concat()).run()
    };
    hub("status=issued", &[]).exited(1);
    let foreign = hub("status=issued", &["--as-agency", "POL", "--reason", "x"]).exited(1);
    assert!(foreign.stderr.contains("DUK"), "it names whose it is: {foreign}");
    hub("status=forwarded", &["--as-agency", "DUK", "--reason", "batch 1"]).done();
    hub("status=in_process", &["--as-agency", "DUK", "--reason", "seen"]).done();
    hub("status=issued", &["--as-agency", "DUK", "--reason", "signed"]).done();
    sync(&van);
    assert_eq!(of(&van, &slip)["status"], "issued");
    let whole = case(&van, json!({"name": "Seran", "service": "KES-PUSLING"}));
    van.run(&["amend", &whole, "--set", "status=issued", "--agency", "KES", "--officer", "P-07"]);
    assert_eq!(of(&van, &whole)["status"], "issued", "a service that ends in the village");
    sync(&van);
    assert_eq!(stage.hub.run(&["quarantine", "list"]).lines.len(), 0);
}

#[test]
fn a_case_says_of_each_line_of_its_life_who_has_seen_it() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete"}));
    let seen = || {
        let elsewhere = of(&van, &slip)["elsewhere"].clone();
        ["hub", "carried", "nobody"].map(|name| elsewhere[name].as_u64().expect("a number"))
    };
    let [0, 0, made] = seen() else { panic!("nobody has seen it: {:?}", seen()) };
    let told = || {
        let running = van.start(&[]);
        let path = format!("/case/{}", of(&van, &slip)["case"].as_str().expect("an id"));
        let page = Reader::of(&running).get(&path);
        running.terminate().done();
        page
    };
    stage.stop();
    assert!(told().contains("Pusat belum mempunyai apa pun"));
    stage.start();
    sync(&van);
    stage.stop();
    van.run(&["amend", &slip, "--set", "notes=ditulis ulang"]);
    assert_eq!(seen(), [made, 0, 1]);
    for (language, nobody, hub) in
        [("id", "belum dilihat siapa pun<", "sudah di pusat<"), ("en", "seen by nobody yet<", "at the hub<")]
    {
        van.run(&["settings", "set", "language", language]);
        let page = told();
        let (life, edits) = page.split_once("id=\"edits\"").expect("what was changed");
        assert!(life.contains(hub) && !life.contains(nobody), "{page}");
        assert!(edits.contains(nobody) && edits.contains("id=\"elsewhere\""), "{page}");
    }
    stage.start();
    sync(&van);
    assert_eq!(seen(), [made + 1, 0, 0]);
    assert!(of(&van, &slip)["elsewhere"]["receipt_at"].is_string());
    assert!(shown(stage.hub.run(&["case", "show", &slip]))["elsewhere"].is_null());
}

#[test]
fn the_hub_is_not_said_to_have_a_new_case_of_somebody_it_knows_and_those_whom_a_case_names_count() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let dorkas = json!({"name": "Dorkas", "nik": "5302015708909002"});
    let known = case(&van, dorkas.clone());
    let child = json!({"name": "Seran", "born": "2026-11-01", "applicant": dorkas});
    let birth = case(&van, child);
    sync(&van);
    stage.stop();
    let elsewhere = |slip: &str| {
        let shown = of(&van, slip);
        let told = ["hub_of_case", "nobody"].map(|name| shown["elsewhere"][name].as_u64().expect("a number"));
        (shown["custody"].clone(), told, shown["elsewhere"]["hub"].as_u64() > Some(0))
    };
    let new = case(&van, json!({"name": "Dorkas", "nik": "5302015708909002", "service": "DUK-KK"}));
    assert_eq!(of(&van, &new)["person"], of(&van, &known)["person"]);
    let (place, [of_case, nobody], knows_her) = elsewhere(&new);
    assert!(place == "on_laptop" && of_case == 0 && nobody > 0 && knows_her);
    assert!(of(&van, &known)["elsewhere"]["receipt_at"].is_string());
    let running = van.start(&[]);
    let path = format!("/case/{}", of(&van, &new)["case"].as_str().expect("an id"));
    let page = Reader::of(&running).get(&path);
    running.terminate().done();
    assert!(page.contains("Pusat belum mempunyai apa pun") && !page.contains("Pusat pasti"), "{page}");
    van.run(&["amend", &known, "--set", "address=RT 9"]);
    let (place, [of_case, nobody], _) = elsewhere(&birth);
    assert!(place == "on_laptop" && of_case > 0 && nobody == 1, "the mother's address: {nobody}");
}

#[test]
fn bad_amendments_are_refused_with_the_reason() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete"}));
    let before = of(&van, &slip);
    for (setting, code, words) in [
        ("nik=123", 1, "NIK"),
        ("born=2004-02-31", 1, "birth"),
        ("village=53.99.01.2001", 1, "not in the registry"),
        ("colour=red", 2, "colour"),
        ("notes", 2, "FIELD=VALUE"),
        ("status=gone", 1, "gone"),
        ("slip=53.02/V01A/20261120/0099-K", 2, "slip"),
        ("sex=X", 1, "sex"),
    ] {
        let refused = van.call(&["amend", &slip, "--set", setting]).run();
        assert!(refused.code == Some(code) && refused.stderr.contains(words), "{setting}: {refused}");
    }
    let nobody = van.call(&["amend", "53.02/V01A/20261120/0099-K", "--set", "notes=x"]).run().exited(1);
    assert!(nobody.stderr.contains("53.02/V01A/20261120/0099-K"), "{nobody}");
    assert_eq!(of(&van, &slip), before);
    // A laptop's clock refuses nothing.
    let warned = van.run(&["amend", &slip, "--set", "born=2999-01-01"]);
    assert!(warned.json()["warnings"].to_string().contains("lies ahead"), "{warned}");
}

#[test]
fn a_revoked_laptop_is_cut_off_at_once_and_told_why() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let mut running = van.start(&[]);
    running.log("reconciled");
    case(&van, json!({"name": "Before"}));
    sync(&van);
    let began = Instant::now();
    stage.hub.run(&["device", "revoke", "V01A"]);
    running.log("this laptop is revoked");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?} with the command itself");
    case(&van, json!({"name": "After"}));
    running.terminate().done();
    let refused = van.call(&["sync", "--json"]).run().exited(1);
    assert!(refused.text("error").contains("revoked"), "{refused}");
    assert!(refused.stderr.contains("bring the laptop to the hub operator"), "{refused}");
    assert!(refused.text("error").contains("for a person to judge"), "{refused}");
    assert_eq!(stage.hub_cases().len(), 1);
    let again = stage.hub.call(&["device", "resume", "V01A"]).run().exited(1);
    assert!(again.stderr.contains("quarantine release"), "{again}");
    let status = van.run(&["custody"]);
    assert_eq!((status.number("at_hub"), status.number("on_laptop")), (2, 0), "{status}");
    let released = stage.hub.run(&["quarantine", "release", "V01A"]);
    assert_eq!(released.number("released"), released.number("counting"), "{released}");
    assert_eq!(stage.hub_cases().len(), 2, "what it had not handed over is not lost");
}

#[test]
fn a_suspended_laptop_comes_back_with_all_it_has() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    stage.hub.run(&["device", "suspend", "1"]);
    case(&van, json!({"name": "Meanwhile"}));
    let refused = van.call(&["sync", "--json"]).run().exited(1);
    assert!(refused.text("error").contains("suspended"), "{refused}");
    stage.hub.run(&["device", "resume", "V01A"]);
    sync(&van);
    assert_eq!(stage.hub_cases().len(), 1);
    let unknown = stage.hub.call(&["device", "revoke", "V09A"]).run().exited(1);
    assert!(unknown.stderr.contains("no laptop is called V09A"), "{unknown}");
}

#[test]
fn an_amendment_warns_as_a_record_does_and_a_warning_goes_when_it_holds_no_more() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete", "nik": null, "consent": null}));
    let codes = || {
        let shown = van.run(&["case", "show", &slip]);
        let warnings = shown.json()["warnings"].as_object().cloned().unwrap_or_default();
        warnings.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(codes(), ["consent", "no_nik"]);
    van.run(&["amend", &slip, "--set", "nik=5302015708909002", "--set", "consent=true"]);
    assert!(!codes().iter().any(|code| code == "consent" || code == "no_nik"), "{:?}", codes());
    let warned = van.run(&["amend", &slip, "--set", "phone=12", "--set", "nik=", "--set", "consent=false"]);
    assert_eq!(warned.json()["warnings"].as_array().map(Vec::len), Some(3), "{warned}");
    assert_eq!(codes(), ["consent", "no_nik", "phone"]);
    let other = case(&van, json!({"name": "Maria", "nik": "5302015708909003"}));
    let warned = van.run(&["amend", &slip, "--set", "nik=5302015708909003"]);
    assert!(warned.json()["warnings"].to_string().contains("under another name"), "{warned}");
    van.run(&["case", "show", &other]);
}

#[test]
fn visits_and_collectors_are_named_as_people_do() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete"}));
    van.call(&["visit", "open", " "]).run().exited(2);
    let open = ["visit", "open", "Pasar", "--agency", "DUK", "--point", "nowhere", "--lead", "Ibu Tefa"];
    let opened = van.run(&open);
    assert_eq!(opened.json()["warnings"], json!(["service point nowhere is not in the registry"]));
    let list = van.run(&["visit", "list"]);
    let visit = list.lines.iter().find(|visit| visit["label"] == "Pasar").expect("it is listed");
    assert_eq!(
        (&visit["agencies"], &visit["point"], &visit["lead"]),
        (&json!(["DUK"]), &json!("nowhere"), &json!("Ibu Tefa"))
    );
    van.run(&["amend", &slip, "--set", "visit=Pasar"]);
    assert_eq!(van.run(&["case", "show", &slip]).json()["place"]["label"], "Pasar");
    van.call(&["amend", &slip, "--set", "visit=Nowhere"]).run().exited(1);
    let nobody = van.call(&["amend", &slip, "--set", "status=with_collector"]).run().exited(1);
    assert!(nobody.stderr.contains("--with NAME"), "{nobody}");
}

#[test]
fn find_says_where_it_cut_and_takes_a_telephone_number_in_any_writing() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    for name in ["Bete Nahak", "Maria Nahak", "Yosef Nahak"] {
        case(&van, json!({"name": name, "phone": "081298765432"}));
    }
    let found = |words: &[&str]| van.run(&[&["find"], words].concat()).lines;
    assert_eq!(found(&["nahak"]).len(), 3);
    let cut = found(&["nahak", "--limit", "2"]);
    assert_eq!((cut.len(), &cut[2]["cut"]), (3, &json!(true)));
    for number in ["081298", "81298765432", "+6281298765432", "0812-9876-5432"] {
        assert_eq!(found(&[number]).len(), 3, "{number}");
    }
    assert_eq!(found(&["+62", "812", "9876"]).len(), 3);
    assert_eq!(found(&["089"]).len(), 0);
}

#[test]
fn a_fee_falls_due_once_and_for_no_cancelled_case() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    sync(&van);
    let fees = || {
        let day = van.run(&["day", "show"]);
        let services = day.json()["services"].as_array().cloned().unwrap_or_default();
        services.iter().map(|row| row["fees"].clone()).collect::<Vec<_>>()
    };
    let slips = ["Nahak", "Seran"].map(|name| case(&van, json!({"name": name, "service": "POL-SKCK"})));
    case(&van, json!({"name": "Bria", "service": "POL-SIM"}));
    assert_eq!(fees(), [json!(null), json!(60_000)], "one tariff is no single sum");
    van.run(&["amend", &slips[0], "--set", "status=cancelled", "--reason", "changed her mind"]);
    assert_eq!(fees(), [json!(null), json!(30_000)]);
    van.run(&["day", "close"]);
    van.run(&["amend", &slips[1], "--set", "notes=fetched on Friday"]);
    assert_eq!(fees(), [json!(0)], "it was asked for yesterday");
}

#[test]
fn what_an_agency_gives_back_needs_somebody_with_its_reason_and_what_was_changed_since_is_told() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete", "mother": "Maria", "status": "complete"}));
    sync(&van);
    let answer = |state: &str, reason: &str| {
        let setting = format!("status={state}");
        stage.hub.run(&["case", "amend", &slip, "--as-agency", "DUK", "--set", &setting, "--reason", reason]);
        sync(&van);
    };
    let needs = || van.run(&["custody"]).number("needs_you");
    answer("returned", "surat tidak terbaca");
    assert_eq!(needs(), 1);
    let needed = van.run(&["case", "list", "--needs-you"]);
    let told = &needed.lines[0]["answer"];
    let told = [&told["state"], &told["reason"], &told["agency"]];
    assert_eq!(told, ["returned", "surat tidak terbaca", "DUK"], "{needed}");
    let said = van.call(&["case", "show", &slip]).run().done();
    assert!(said.stdout.contains("agency DUK, reason: surat tidak terbaca"), "{said}");

    let corrected = ["amend", &slip, "--set", "mother=Maria Taek", "--set", "status=complete"];
    van.run(&[&corrected[..], &["--reason", "akta dibaca ulang", "--officer", "Yefta Nabuasa"]].concat());
    assert_eq!(needs(), 0);
    let edits = of(&van, &slip)["edits"].clone();
    let told = ["field", "before", "value", "reason", "laptop", "officer"].map(|name| edits[0][name].clone());
    let expected = ["mother", "Maria", "Maria Taek", "akta dibaca ulang", "V01A", "Yefta Nabuasa"];
    assert_eq!(told, expected, "{edits}");
    assert_eq!(edits.as_array().map(Vec::len), Some(1), "{edits}");

    sync(&van);
    answer("rejected", "bukan penduduk");
    assert_eq!(needs(), 1);
    van.run(&["amend", &slip, "--set", "status=closed", "--reason", "warga diberi tahu"]);
    assert_eq!(needs(), 0);
}

#[test]
fn a_changed_note_of_several_lines_is_told_whole() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"notes": "awal"}));
    van.run(&["amend", &slip, "--set", "notes=satu\ndua\ntiga", "--reason", "dilengkapi"]);
    sync(&van);
    for said in [van.call(&["case", "show", &slip]), stage.hub.call(&["case", "show", &slip])] {
        let said = said.run().done();
        let lines: Vec<_> = said.stdout.lines().collect();
        let at = lines.iter().position(|line| line.ends_with("notes: awal -> satu"));
        let next = &lines[at.unwrap_or_else(|| panic!("{said}"))..][1..3];
        assert_eq!(next[0], "      dua");
        assert!(next[1].starts_with("      tiga (V01A") && next[1].ends_with("reason: dilengkapi"), "{said}");
    }
}

#[test]
fn a_case_of_another_person_has_the_warnings_of_that_one() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let child =
        json!({"name": "Seran", "nik": "5302015501159001", "born": "2015-01-15", "service": "DUK-KK"});
    let wrong = json!({"name": "Bete", "service": "DUK-KIA", "phone": "0380123"});
    let (slip, other) = (case(&van, wrong), case(&van, child));
    let warnings = || {
        let shown = of(&van, &slip);
        let found = shown["warnings"].as_object().into_iter().flat_map(|found| found.keys().cloned());
        found.collect::<Vec<_>>()
    };
    assert_eq!(warnings(), ["age", "no_nik", "phone"]);
    let [bete, seran] =
        [&slip, &other].map(|slip| of(&van, slip)["person"].as_str().expect("an id").to_owned());
    let now_of = |person: &str| {
        van.run(&["amend", &slip, "--set", &format!("subject={person}"), "--reason", "tertukar"]);
    };
    now_of(&seran);
    assert_eq!(warnings(), Vec::<String>::new());
    now_of(&bete);
    assert_eq!(warnings(), ["age", "no_nik", "phone"]);
    let adult = json!({"name": "Nope", "nik": "5302016902009003", "sex": "L", "born": "2000-02-29", "service": "DUK-KK"});
    now_of(of(&van, &case(&van, adult))["person"].as_str().expect("an id"));
    assert_eq!(warnings(), ["age", "nik_sex"], "what is odd about the new one alone is told too");
}

#[test]
fn a_case_of_the_wrong_person_leaves_nobody_behind_and_a_withdrawn_one_says_so_on_its_slip() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let (slip, other) = (case(&van, json!({"name": "Bete"})), case(&van, json!({"name": "Seran"})));
    let person = of(&van, &other)["person"].clone();
    let setting = format!("subject={}", person.as_str().expect("an id"));
    van.run(&["amend", &slip, "--set", &setting, "--reason", "tertukar"]);
    let shown = of(&van, &slip);
    assert_eq!([&shown["subject"]["person"], &shown["applicant"]["person"]], [&person; 2], "{shown}");
    let told = ["field", "before", "value", "reason"].map(|name| shown["edits"][1][name].clone());
    assert_eq!(told, ["subject", "Bete", "Seran", "tertukar"], "{shown}");
    let out = van.run(&["slip", "show", &slip]);
    van.run(&["slip", "printed", &slip]);
    van.run(&["amend", &slip, "--set", "status=cancelled", "--reason", "tidak jadi"]);
    let said = van.call(&["slip", "show", &slip]).run().done();
    assert!(said.stdout.contains("DIBATALKAN") && !said.stdout.contains("TERCATAT"), "{said}");
    assert!(said.stdout.contains(&format!("PENGGANTI {}", out.number("revision"))), "{said}");
    let verified = van.call(&["slip", "verify", &out.text("stamp")]).run().done();
    assert!(verified.stdout.contains("DIGANTI"), "{verified}");
    let open = van.run(&["slip", "unprinted"]);
    assert!(open.lines.iter().any(|row| row["slip"] == slip.as_str()), "the citizen is to get the new one");
}
