//! What the hub's operator does, from the first command to a restored backup.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{
    page::{get, hidden, post},
    process::{Hub, Output, Running, Van},
};

/// One case, as NDJSON takes it.
fn line(name: &str, nik: Option<&str>) -> String {
    let case = json!({
        "nik": nik, "name": name, "sex": "P", "born": "1990-08-17", "village": "53.02.01.1001",
        "service": "DUK-LAHIR", "status": "received", "started": "2026-11-20T09:12:00+08:00",
        "officer": "a", "visit": "Niki-Niki", "consent": true,
    });
    format!("{case}\n")
}

fn slip(output: &Output) -> String {
    let slip = output.lines.iter().find_map(|value| value["slip"].as_str());
    slip.unwrap_or_else(|| panic!("no slip number in {output}")).to_owned()
}

fn sync(van: &Van) -> Output {
    van.call(&["sync", "--json"]).run().done()
}

fn hub(folder: &Path) -> (Hub, Running) {
    let hub = Hub::init(folder.join("hub"), &[]);
    let running = hub.start(&[]);
    (hub, running)
}

#[test]
fn a_case_goes_to_the_agency_and_the_van_sees_it() {
    let folder = tempfile::tempdir().expect("folder");
    let (hub, running) = hub(folder.path());
    let van = Van::enroll(folder.path().join("van"), &hub.invite("V01"));
    van.record(&line("O'a Mate", Some("5302015708909002")));
    sync(&van);
    let cases = hub.run(&["case", "list"]);
    assert_eq!(cases.lines.len(), 1, "{cases}");
    let slip = slip(&cases);
    assert_eq!(hub.run(&["find", "mate"]).text("slip"), slip);
    assert_eq!(hub.run(&["case", "show", &slip]).json()["subject"]["name"], "O'a Mate");

    let set = ["--set", "status=forwarded", "--set", "reference=472/118"];
    let nameless = hub.call(&[&["case", "amend", &slip], &set[..]].concat()).run().exited(1);
    assert!(nameless.stderr.contains("--as-agency"), "{nameless}");
    let amend = ["case", "amend", &slip, "--as-agency", "DUK", "--reason", "batch of 21 November"];
    let amended = hub.run(&[&amend, &set[..]].concat());
    assert_eq!(amended.text("status"), "forwarded");
    sync(&van);
    let shown = van.run(&["case", "show", &slip]);
    assert_eq!(shown.text("status"), "forwarded");
    let event =
        shown.json()["events"].as_array().and_then(|events| events.last()).cloned().unwrap_or_default();
    assert_eq!((&event["agency"], &event["reference"]), (&json!("DUK"), &json!("472/118")), "{shown}");
    assert_eq!(van.run(&["custody"]).number("accepted"), 1);

    let file = folder.path().join("case.automerge");
    let file = file.to_str().expect("UTF-8");
    hub.run(&["case", "export", &slip, "--format", "automerge", "--out", file]);
    assert_eq!(&std::fs::read(file).expect("written")[..4], b"\x85\x6f\x4a\x83", "automerge's own magic");
    let csv = hub.call(&["case", "list", "--format", "csv"]).run().done();
    assert_eq!((csv.stdout.lines().count(), csv.stdout.contains("O'a Mate")), (2, true), "{csv}");
    running.terminate().done();
}

#[test]
fn a_revocation_cuts_a_living_link_in_under_a_second() {
    let folder = tempfile::tempdir().expect("folder");
    let (hub, mut running) = hub(folder.path());
    let van = Van::enroll(folder.path().join("van"), &hub.invite("V01"));
    let linked = van.start(&["--web", "127.0.0.1:0"]);
    running.log("linked");
    let is_linked = |hub: &Hub| hub.run(&["device", "list"]).json()["linked"] == true;
    let asked = Instant::now();
    while !is_linked(&hub) {
        assert!(asked.elapsed() < Duration::from_secs(30), "the van does not link");
    }
    hub.run(&["device", "revoke", "V01A"]);
    let revoked = Instant::now();
    assert!(!is_linked(&hub));
    assert!(revoked.elapsed() < Duration::from_secs(1));
    linked.terminate();
    let refused = van.call(&["sync", "--json"]).run().exited(1);
    assert!(refused.stderr.contains("revoked"), "{refused}");
    hub.call(&["device", "resume", "V01A"]).run().exited(1);
    running.terminate().done();
}

#[test]
fn a_ticket_is_for_one_laptop_of_this_hub() {
    let folder = tempfile::tempdir().expect("folder");
    let (hub, running) = hub(folder.path());
    let ticket = hub.invite("V01");
    Van::enroll(folder.path().join("one"), &ticket);
    let second = Van::at(folder.path().join("two"));
    let reused = second.call(&["enroll", &ticket]).run().exited(1);
    assert!(reused.stderr.contains("used before"), "{reused}");
    assert_eq!(hub.run(&["device", "list"]).lines.len(), 1);
    running.terminate().done();
    let nowhere = hub.call(&["invite", "--unit", "V01"]).run().exited(1);
    assert!(nowhere.stderr.contains("--advertise"), "{nowhere}");
}

#[test]
fn a_running_hub_serves_commands_and_its_page_and_leaves_in_order() {
    let folder = tempfile::tempdir().expect("folder");
    let (hub, running) = hub(folder.path());
    let second = hub.call(&["run", "--listen", "127.0.0.1:0", "--web", "127.0.0.1:0"]).run().exited(1);
    assert!(second.stderr.contains("already running"), "{second}");
    hub.call(&["init", "--district", "53.01"]).run().exited(1);
    hub.call(&["run", "--web", "0.0.0.0:0"]).run().exited(2);
    let web = running.addr("web");
    let shown = get(web, &web.to_string(), "/", None);
    assert!(shown.contains("Kabupaten Timor Tengah Selatan") && shown.contains("Perlu keputusan"), "{shown}");
    let token = hidden(&shown, "csrf").expect("a token");
    let chosen = post(web, "/language", None, &format!("csrf={token}&language=en"));
    assert!(chosen.contains("keliling-language=en") && chosen.contains("location: /\r\n"), "{chosen}");
    let english = Some("keliling-language=en");
    assert!(get(web, &web.to_string(), "/", english).contains("To be decided"));
    assert!(
        !get(web, &web.to_string(), "/?lang=en", None).contains("To be decided"),
        "a link changes nothing"
    );
    assert!(post(web, "/language", None, "csrf=00&language=en").starts_with("HTTP/1.1 403"));
    assert!(get(web, "evil.example", "/", None).starts_with("HTTP/1.1 421"));

    let units = folder.path().join("units.csv");
    std::fs::write(&units, "unit,name,kind\nV01,Mobil 1,van\nV02,Mobil 2,zeppelin\n").expect("writes");
    let import = ["registry", "import", "--kind", "units", units.to_str().expect("UTF-8")];
    let wrong = hub.call(&import).run().exited(1);
    assert!(wrong.stderr.contains("units.csv line 3") && wrong.stderr.contains("zeppelin"), "{wrong}");
    std::fs::write(&units, "unit,name,kind\nV01,Mobil 1,van\n").expect("writes");
    assert_eq!(hub.run(&import).number("rows"), 1);
    hub.call(&["invite", "--unit", "V09"]).run().exited(1);
    let rows = hub.run(&["registry", "list"]).lines;
    let of = |kind: &str| rows.iter().find(|row| row["kind"] == kind).map(|row| row["rows"].clone());
    assert_eq!((of("units"), of("villages")), (Some(json!(1)), Some(json!(278))));
    assert_eq!(hub.run(&["doctor", "--rebuild"]).json()["ok"], true);
    running.terminate().done();
    assert_eq!(hub.run(&["status"]).json()["devices"], json!([]));
}

#[test]
fn a_killed_hub_is_back_with_all_it_signed_for() {
    let folder = tempfile::tempdir().expect("folder");
    let (hub, running) = hub(folder.path());
    let listen = running.addr("quic").to_string();
    let van = Van::enroll(folder.path().join("van"), &hub.invite("V01"));
    van.record(&line("Nahak", None));
    sync(&van);
    running.kill();
    let running = hub.start(&["--listen", &listen]);
    assert_eq!(hub.run(&["case", "list"]).lines.len(), 1);
    assert_eq!(hub.run(&["doctor"]).json()["ok"], true);
    van.record(&line("Seran", None));
    assert_eq!(sync(&van).json()["ok"], true);
    assert_eq!(hub.run(&["case", "list"]).lines.len(), 2);
    running.terminate().done();
}

#[test]
fn a_restored_hub_is_healed_by_the_vans() {
    let folder = tempfile::tempdir().expect("folder");
    let (hub, running) = hub(folder.path());
    let listen = running.addr("quic").to_string();
    let van = Van::enroll(folder.path().join("van"), &hub.invite("V01"));
    van.record(&line("Nahak", None));
    sync(&van);
    let file = folder.path().join("backup.db");
    let file = file.to_str().expect("UTF-8");
    hub.run(&["backup", file]);
    van.record(&line("Seran", None));
    sync(&van);
    let later = Van::enroll(folder.path().join("later"), &hub.invite("V02"));
    hub.run(&["device", "lost", "V02A"]);
    hub.call(&["restore", file]).run().exited(1);
    running.terminate().done();

    hub.run(&["restore", file]);
    assert_eq!(hub.run(&["case", "list"]).lines.len(), 1);
    let running = hub.start(&["--listen", &listen]);
    let states: Vec<Value> =
        hub.run(&["device", "list"]).lines.iter().map(|device| device["state"].clone()).collect();
    assert_eq!(states, ["active", "lost"], "who was let in and shut out since is known");
    later.call(&["sync"]).run().exited(1);
    van.record(&line("Fahik", None));
    sync(&van);
    assert_eq!(hub.run(&["case", "list"]).lines.len(), 3, "the van brought what the backup lacks");
    assert_eq!(van.run(&["custody"]).json()["safe_to_wipe"], true);
    assert_eq!(hub.run(&["doctor"]).json()["ok"], true);
    running.terminate().done();
}
