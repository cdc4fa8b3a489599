//! What a field officer does: offline in a village, at a market town with a network, after a power cut.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use shared::time::Timestamp;
use tests::{
    page::{Reader, get, hidden, post},
    people::{self, Order, Region},
    process::{Hub, Output, Running, Van},
};

fn base() -> Value {
    json!({
        "nik": null, "name": "O'a Mate", "sex": "P", "born": "1990-08-17", "phone": "081234567890",
        "address": "RT 1", "village": "53.02.01.1001", "service": "DUK-LAHIR", "status": "received",
        "started": "2026-11-20T09:12:00+08:00", "ended": "2026-11-20T09:20:00+08:00",
        "position": [-9.86, 124.28], "officer": "P-07", "visit": "Niki-Niki", "notes": "", "consent": true,
    })
}

fn with(fields: Value) -> String {
    let mut line = base();
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    for (field, value) in fields {
        line[field] = value;
    }
    line.to_string()
}

fn begin(folder: &Path) -> (Hub, Running, Van) {
    let hub = Hub::init(folder.join("hub"), &[]);
    let running = hub.start(&[]);
    let van = Van::enroll(folder.join("van"), &hub.invite("V01"));
    (hub, running, van)
}

fn record(van: &Van, lines: &[String]) -> Output {
    let input: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    van.call(&["record", "--file", "-", "--json"]).stdin(input).run()
}

fn reports(output: &Output) -> Vec<&Value> {
    output.lines.iter().filter(|line| line["line"].is_u64()).collect()
}

fn day(cases: usize, seed: u64, unit: &str) -> String {
    let region = Region::shipped("53.02").expect("it is shipped");
    let order = Order { seed, cases, unit: unit.to_owned(), day: "2026-11-20".to_owned(), refs: true };
    people::ndjson(&region, &order).expect("the day is one")
}

#[test]
fn a_day_is_recorded_offline_and_its_custody_turns_green_only_by_receipts() {
    let folder = tempfile::tempdir().expect("folder");
    let (hub, running, van) = begin(folder.path());
    let at = running.addr("quic").to_string();
    running.terminate().done();
    let saved = van.record(&day(300, 7, "V01"));
    assert_eq!(saved.number("saved"), 300, "{saved}");
    let custody = van.run(&["custody"]);
    assert_eq!((custody.number("on_laptop"), custody.number("at_hub")), (300, 0), "{custody}");
    van.call(&["custody", "--safe-to-wipe"]).run().exited(1);
    let failed = van.call(&["sync", "--patience", "1s", "--json"]).run().exited(1);
    assert_eq!(failed.json()["ok"], false, "{failed}");

    let running = hub.call(&["run", "--json", "--listen", &at, "--web", "127.0.0.1:0"]).start();
    let refused = van.call(&["sync", "--stop", "--json"]).run().exited(1);
    assert!(refused.stderr.contains("no exchange to stop"), "{refused}");
    let synced = van.run(&["sync"]);
    assert_eq!((&synced.json()["ok"], synced.number("receipted") > 300), (&json!(true), true), "{synced}");
    let custody = van.run(&["custody", "--safe-to-wipe"]);
    assert_eq!((custody.number("on_laptop"), custody.number("at_hub")), (0, 300), "{custody}");
    let rows = |list: &Output| list.stdout.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(rows(&van.run(&["case", "list"])), rows(&hub.run(&["case", "list"])));
    running.terminate().done();
}

#[test]
fn each_line_is_its_own_unit() {
    let folder = tempfile::tempdir().expect("folder");
    let (_hub, _running, van) = begin(folder.path());
    let lines = [
        with(json!({"name": "One"})),
        with(json!({"village": "53.99.01.2001"})),
        with(json!({"service": "NO-SUCH"})),
        with(json!({"nik": "123"})),
        with(json!({"nik": "5302013113909001"})),
        with(json!({"born": "2004-02-30"})),
        with(json!({"born": "2999"})),
        with(json!({"colour": "red"})),
        with(json!({"notes": "x".repeat(5_000)})),
        "x".repeat(10_000_000),
        "[1]".to_owned(),
        "{\"name\":\"a\u{0}b\"}".to_owned(),
        with(json!({"consent": false, "name": "Two", "born": "1948"})),
        with(json!({"name": "One"})),
    ];
    let output = record(&van, &lines).exited(1);
    let (saved, refused): (Vec<_>, Vec<_>) =
        reports(&output).into_iter().partition(|report| report["error"].is_null());
    let numbers =
        |found: &[&Value]| found.iter().filter_map(|found| found["line"].as_u64()).collect::<Vec<_>>();
    assert_eq!(numbers(&saved), [1, 7, 13, 14], "{output}");
    assert_eq!(numbers(&refused), (2..=6).chain(8..=12).collect::<Vec<_>>(), "{output}");
    assert_eq!(refused[0]["error"], "village 53.99.01.2001 is not in the registry");
    let warned = |at: usize, words: &str| {
        let warnings = saved[at]["warnings"].as_array().expect("a list");
        assert!(
            warnings.iter().any(|found| found.as_str().is_some_and(|text| text.contains(words))),
            "{output}"
        );
    };
    warned(1, "lies ahead");
    warned(2, "does not consent");
    warned(3, "recorded before");
    let summary = output.json();
    assert_eq!((&summary["saved"], &summary["refused"]), (&json!(4), &json!(10)), "{output}");
    assert_eq!(van.run(&["case", "list"]).lines.len(), 4);
}

#[test]
fn a_ref_leads_only_to_what_this_laptop_recorded() {
    let folder = tempfile::tempdir().expect("folder");
    let (hub, _running, first) = begin(folder.path());
    let second = Van::enroll(folder.path().join("second"), &hub.invite("V02"));
    let line = with(json!({"name": "Bete", "ref": "m5", "person_ref": "p1"}));
    let made = first.record(&line).lines[0].clone();
    first.run(&["sync"]);
    second.run(&["sync"]);
    assert_eq!(second.run(&["case", "list"]).lines.len(), 1);
    let other = second.record(&with(json!({"name": "Maria", "ref": "m5", "person_ref": "p1"})));
    assert_eq!(other.number("saved"), 1, "{other}");
    assert_ne!(other.lines[0]["person"], made["person"]);
    assert_eq!(first.record(&line).number("known"), 1);
    let changed = with(json!({"name": "Maria", "ref": "m5"}));
    let refused = record(&first, &[changed.clone(), with(json!({"ref": "m6"})), changed]).exited(1);
    assert_eq!(refused.number("refused"), 2, "{refused}");
    let words = refused.lines[0]["error"].as_str().expect("words");
    let slip = made["slip"].as_str().expect("a number");
    assert_eq!(words, format!("ref m5 was used for other content, by case {slip}; give it another ref"));
}

#[test]
fn a_home_that_was_put_back_whole_gives_no_number_twice() {
    let folder = tempfile::tempdir().expect("folder");
    let (_hub, _running, van) = begin(folder.path());
    van.record(&with(json!({"name": "One"})));
    let files = ["keliling.db", "head"];
    let image = files.map(|file| fs::read(van.home().join(file)).expect("an image is taken"));
    let second = van.record(&with(json!({"name": "Two"}))).lines[0]["slip"].clone();
    for (file, bytes) in files.iter().zip(image) {
        fs::write(van.home().join(file), bytes).expect("the image is put back");
    }
    let third = van.record(&with(json!({"name": "Three"}))).lines[0]["slip"].clone();
    assert_ne!(second, third);
    assert!(!third.as_str().expect("a number").contains("/V01A/"), "{third}");
}

#[test]
fn a_case_by_flags_begins_now_in_the_districts_zone_with_who_works_here() {
    let folder = tempfile::tempdir().expect("folder");
    let (_hub, _running, van) = begin(folder.path());
    let example = "record --name Bete --sex P --village 53.02.01.1001 --service DUK-LAHIR --consent true";
    let example: Vec<_> = example.split(' ').collect();
    assert!(van.call(&example).run().exited(1).stderr.contains("officer is missing"));
    van.run(&["officer", "Yefta"]);
    van.run(&example);
    let list = van.run(&["case", "list"]);
    assert!(list.text("started").ends_with("+08:00"), "{list}");
    let told = van.run(&["case", "show", &list.text("slip")]);
    assert_eq!(told.text("officer"), "Yefta", "who works here recorded it");
    let warned = van.run(&["visit", "open", "Pasar", "--agency", "ZZZ", "--agency", "DUK"]);
    assert_eq!(warned.json()["warnings"], json!(["agency ZZZ is not in the registry"]));
}

#[test]
fn people_are_linked_only_where_it_is_sure() {
    let folder = tempfile::tempdir().expect("folder");
    let (_hub, _running, van) = begin(folder.path());
    let nik = "5302015708909002";
    let lines = [
        with(json!({"nik": nik, "name": "Bete Nahak"})),
        with(json!({"nik": nik, "name": "BETE  NAHAK", "service": "DUK-KK"})),
        with(json!({"nik": nik, "name": "Someone Else", "service": "DUK-KIA"})),
        with(json!({"name": "Bete Nahak", "service": "DUK-KK"})),
        with(json!({"name": "Child", "person_ref": "child-1", "ref": "c1"})),
        with(json!({"name": "Child", "person_ref": "child-1", "service": "DUK-KIA"})),
        with(json!({"name": "Child", "person_ref": "child-1", "ref": "c1"})),
    ];
    let output = record(&van, &lines).done();
    let found = reports(&output);
    let person = |at: usize| found[at]["person"].as_str();
    assert_eq!(person(0), person(1), "{output}");
    assert_ne!(person(0), person(2), "{output}");
    assert_ne!(person(0), person(3), "{output}");
    assert_eq!(person(4), person(5), "{output}");
    assert_eq!(found[6]["case"], found[4]["case"], "{output}");
    assert_eq!(output.number("saved"), 6, "{output}");
    let candidates = van.run(&["person", "list", "bete"]);
    let open = candidates.lines.iter().filter(|person| person["candidates"] != json!([])).count();
    assert!(open >= 2, "{candidates}");
    let (one, other) = (person(0).expect("an id").to_owned(), person(3).expect("an id").to_owned());
    van.run(&["person", "different", &one, &other, "--reason", "cousins"]);
    let after = van.run(&["person", "list", "bete"]);
    let of_one = after.lines.iter().find(|person| person["person"] == json!(one)).expect("she is there");
    let named =
        of_one["candidates"].as_array().expect("a list").iter().any(|found| found["person"] == json!(other));
    assert!(!named, "{after}");
}

#[test]
fn what_is_typed_of_a_known_person_is_never_lost() {
    let folder = tempfile::tempdir().expect("folder");
    let (_hub, _running, van) = begin(folder.path());
    let nik = "5302015708909002";
    let first = with(json!({"name": "Citra Dewi", "person_ref": "p-1", "nik": nik, "mother": null}));
    let made = van.record(&first).lines[0].clone();
    let person = made["person"].as_str().expect("an id");
    let refused = [
        with(json!({"name": "Budi Santoso", "person_ref": "p-1"})),
        with(json!({"name": "Citra Dewi", "person_ref": "p-1", "nik": "5302015708909003"})),
        with(json!({"name": "Budi Santoso", "person_ref": person})),
    ];
    let output = record(&van, &refused).exited(1);
    assert_eq!(output.number("refused"), 3, "{output}");
    let words = output.lines[0]["error"].as_str().expect("words");
    assert!(
        words.starts_with("person_ref p-1 is Citra Dewi, NIK 530201") && words.contains("another person_ref"),
        "{words}"
    );
    let later = json!({
        "name": "CITRA DEWI", "nik": nik, "service": "DUK-KK", "born": "1990-08-18", "phone": "081299999999",
        "address": "RT 2", "mother": "Bete",
    });
    let output = record(&van, &[with(later)]).done();
    let slip = output.lines[0]["slip"].as_str().expect("a number");
    let shown = van.run(&["case", "show", slip]);
    let stored = &shown.json()["subject"];
    assert_eq!(
        (&stored["born"], &stored["phone"], &stored["address"], &stored["mother"]),
        (&json!("1990-08-17"), &json!("+6281234567890"), &json!("RT 1"), &json!("Bete")),
        "{shown}"
    );
    let warning = shown.json()["warnings"]["differs"].as_str().expect("it is stored");
    for both in ["1990-08-17", "1990-08-18", "+6281234567890", "+6281299999999", "RT 1", "RT 2"] {
        assert!(warning.contains(both), "{both}: {warning}");
    }
    assert!(output.lines[0]["warnings"].to_string().contains("RT 2"), "{output}");
}

#[test]
fn a_running_program_serves_commands_and_a_second_one_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let (hub, running, van) = begin(folder.path());
    let mut page = van.start(&[]);
    page.log("reconciled");
    let second = van.call(&["run", "--json"]).run().exited(1);
    assert!(second.stderr.contains("already running"), "{second}");
    van.record(&with(json!({"name": "While It Runs"})));
    assert_eq!(van.run(&["sync"]).json()["ok"], true);
    assert_eq!(hub.run(&["case", "list"]).lines.len(), 1);
    assert_eq!(van.run(&["custody", "--safe-to-wipe"]).json()["safe_to_wipe"], true);

    let url = page.ready()["url"].as_str().expect("a url").to_owned();
    let (at, query) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("it is whole");
    let at = at.parse().expect("an address");
    let own = format!("{at}");
    assert!(get(at, &own, "/", None).starts_with("HTTP/1.1 401"));
    assert!(get(at, "evil.example", &format!("/{query}"), None).starts_with("HTTP/1.1 421"));
    let signed = get(at, &own, &format!("/{query}"), None);
    let cookie = signed.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{signed}");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let today = get(at, &own, "/", Some(&cookie));
    assert!(today.contains("<html lang=\"id\">") && today.contains("While It Runs"), "{today}");
    let by_link = get(at, &own, "/language/en", Some(&cookie));
    assert!(by_link.starts_with("HTTP/1.1 404") && !by_link.contains("set-cookie"), "{by_link}");
    let choose = |token: &str| post(at, "/language", Some(&cookie), &format!("csrf={token}&language=en"));
    assert!(choose("00").starts_with("HTTP/1.1 403"));
    assert!(choose(hidden(&today, "csrf").expect("a token")).contains("set-cookie: keliling-language=en"));
    let found = get(at, &own, "/find?q=while", Some(&cookie));
    assert!(found.contains("While It Runs") && found.contains("diterima"), "{found}");
    assert!(today.contains(" WITA · ") && today.contains("Pertukaran terakhir selesai pukul"), "{today}");
    let missing = get(at, &own, "/case/nothing", Some(&cookie));
    assert!(missing.starts_with("HTTP/1.1 404") && missing.contains("tidak ada di laptop ini"), "{missing}");
    page.terminate().done();
    running.terminate().done();
    let again = van.start(&[]);
    let sync = Reader::of(&again).get("/sync");
    assert!(
        sync.contains("Pertukaran terakhir selesai pukul"),
        "a new program knows of the exchanges before: {sync}"
    );
    again.terminate().done();
}

#[test]
fn what_was_reported_survives_a_power_cut() {
    let folder = tempfile::tempdir().expect("folder");
    let (_hub, _running, van) = begin(folder.path());
    let lines = day(2_000, 11, "V01");
    let mut recording = van.call(&["record", "--file", "-", "--json"]).stdin(lines).spawn();
    recording.line(|line| line["line"].as_u64().is_some_and(|line| line >= 300));
    let cut = recording.kill();
    let told: BTreeSet<String> =
        reports(&cut).iter().filter_map(|report| report["case"].as_str().map(str::to_owned)).collect();
    assert!(told.len() >= 300, "{}", told.len());
    let list = van.run(&["case", "list"]);
    let held: BTreeSet<String> =
        list.lines.iter().filter_map(|row| row["case"].as_str().map(str::to_owned)).collect();
    assert!(told.is_subset(&held));
    assert_eq!(van.run(&["doctor"]).json()["ok"], true);
}

#[test]
fn two_laptops_edit_one_case_and_both_see_the_conflict() {
    let folder = tempfile::tempdir().expect("folder");
    let (hub, _running, first) = begin(folder.path());
    let second = Van::enroll(folder.path().join("second"), &hub.invite("V02"));
    first.record(&with(json!({"name": "Bete"})));
    let slip = first.run(&["case", "list"]).text("slip");
    first.run(&["sync"]);
    second.run(&["sync"]);
    first.run(&["amend", &slip, "--set", "name=Bete Nahak", "--set", "notes=here"]);
    second.run(&["amend", &slip, "--set", "name=Bete Bria", "--set", "phone=081234567899"]);
    for van in [&first, &second, &first] {
        van.run(&["sync"]);
    }
    let mut shown = Vec::new();
    for van in [&first, &second] {
        let case = van.run(&["case", "show", &slip]);
        let conflict = &case.json()["conflicts"][0];
        assert_eq!(conflict["field"], "name", "{case}");
        assert_eq!(conflict["sides"].as_array().map(Vec::len), Some(2), "{case}");
        assert_eq!(
            (&case.json()["notes"], &case.json()["phone"]),
            (&json!("here"), &json!("+6281234567899"))
        );
        let needed = van.run(&["case", "list", "--needs-you"]);
        assert_eq!((&needed.json()["slip"], &needed.json()["fields"]), (&json!(slip), &json!(["name"])));
        shown.push(conflict.clone());
    }
    assert_eq!(shown[0], shown[1]);
    first.run(&["amend", &slip, "--set", "name=Bete Nahak", "--reason", "as on the card"]);
    first.run(&["sync"]);
    second.run(&["sync"]);
    assert_eq!(second.run(&["case", "show", &slip]).json()["conflicts"], json!([]));
}

#[test]
fn a_restored_laptop_begins_another_life_and_gets_its_records_back() {
    let folder = tempfile::tempdir().expect("folder");
    let (_hub, _running, van) = begin(folder.path());
    van.record(&day(20, 3, "V01"));
    let database = van.home().join("keliling.db");
    let image = folder.path().join("image.db");
    fs::copy(&database, &image).expect("an image is taken");
    van.record(&day(40, 4, "V01").replace("\"V01-2026", "\"later-V01-2026"));
    let before = van.run(&["case", "list"]).lines.len();
    assert_eq!(van.run(&["sync"]).json()["ok"], true);
    fs::copy(&image, &database).expect("the image is put back");
    assert_eq!(van.run(&["case", "list"]).lines.len(), 20);
    let again = van.record(&with(json!({"name": "After The Restore"})));
    let slip = reports(&again)[0]["slip"].as_str().expect("a number").to_owned();
    assert!(!slip.contains("/V01A/"), "{slip}");
    assert_eq!(van.run(&["sync"]).json()["ok"], true);
    assert_eq!(van.run(&["case", "list"]).lines.len(), before + 1);
    let doctor = van.run(&["doctor"]);
    assert_eq!(doctor.json()["doubled_slips"], json!([]), "{doctor}");
    assert_eq!(van.run(&["custody", "--safe-to-wipe"]).number("on_laptop"), 0);
}

#[test]
fn everything_is_built_anew_from_the_logs() {
    let folder = tempfile::tempdir().expect("folder");
    let (hub, _running, van) = begin(folder.path());
    van.record(&day(50, 5, "V01"));
    van.run(&["sync"]);
    let slip = van.run(&["case", "list"]).text("slip");
    hub.run(&["case", "amend", &slip, "--set", "notes=from the hub"]);
    van.run(&["sync"]);
    van.record(&with(json!({"name": "Not Yet There"})));
    let (list, custody) = (van.run(&["case", "list"]).stdout, van.run(&["custody"]).stdout);
    assert_eq!(van.run(&["doctor", "--rebuild"]).json()["ok"], true);
    assert_eq!(van.run(&["case", "list"]).stdout, list);
    assert_eq!(van.run(&["custody"]).stdout, custody);
    assert_eq!(van.run(&["sync"]).json()["ok"], true);
    hub.run(&["doctor", "--rebuild"]);
    assert_eq!(van.run(&["sync"]).number("received"), 0);
}

#[test]
fn a_legal_time_that_runs_out_is_told_whatever_else_waits_longer() {
    let folder = tempfile::tempdir().expect("folder");
    let (_hub, _running, van) = begin(folder.path());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let complete = |service: &str, hours: i64| {
        let started = Timestamp(now - hours * 3_600_000).to_rfc3339(480);
        with(json!({"service": service, "status": "complete", "started": started, "ended": null}))
    };
    // More than are told one by one have no limit, or have run out.
    let waiting = ["SOS-USUL", "DUK-KK"].iter().flat_map(|service| (0..30).map(|_| complete(service, 48)));
    let lines: Vec<_> = waiting.chain([complete("DUK-LAHIR", 21), complete("DUK-LAHIR", 13)]).collect();
    van.record(&lines.join("\n"));
    let today = van.run(&["today"]);
    assert_eq!(today.json()["gates"], json!({"half": 1, "urgent": 1, "over": 30}), "{today}");
    let limits = today.json()["limits"].as_array().expect("listed");
    let first: Vec<_> = limits.iter().take(3).map(|limit| limit["percent"].as_u64()).collect();
    assert_eq!(first, [Some(87), Some(54), Some(200)], "those first of which something is left: {today}");
}

#[test]
fn services_are_looked_up_exchanges_stopped_and_coverage_told_by_commands() {
    let folder = tempfile::tempdir().expect("folder");
    let (_hub, running, van) = begin(folder.path());
    let services = van.run(&["service", "list", "duk", "lahir"]).lines;
    let [service, .., count] = &services[..] else { panic!("{services:?}") };
    assert_eq!((&service["code"], &count["services"]), (&json!("DUK-LAHIR"), &json!(services.len() - 1)));
    let needed = service["requirements"].as_array().is_some_and(|needed| !needed.is_empty());
    assert!(needed && service["offline_mode"].is_string(), "{service}");
    assert_eq!(van.run(&["service", "list", "nosuch"]).json()["services"], 0);

    van.run(&["visit", "open", "Niki-Niki", "--village", "53.02.01.1001"]);
    assert_eq!(van.run(&["today"]).json()["coverage"]["next"], json!(null));
    let page = van.start(&[]);
    assert_eq!(van.run(&["sync", "--stop"]).json()["stopped"], true);
    for _ in 0..6 {
        assert_eq!(van.run(&["sync"]).json()["ok"], true);
    }
    // Some of them in one hour, even where the hour ends meanwhile.
    let coverage = van.run(&["today"]).json()["coverage"].clone();
    assert!(coverage["hour"].is_u64() && coverage["next"].is_string(), "{coverage}");
    assert_eq!(coverage["places"][0]["village"], "53.02.01.1001", "{coverage}");
    let today = Reader::of(&page).get("/");
    assert!(today.contains("Berikutnya kira-kira") && today.contains("Terakhir terjangkau di"), "{today}");
    page.terminate().done();
    running.terminate().done();
}
