//! Products: ready for a unit, aboard, in whose hands, and how that was confirmed.

use std::fs;

use serde_json::{Value, json};
use tests::{
    page::{Reader, hidden},
    process::{Output, Van},
};

use crate::stage::{Stage, case, line, sync};

/// More products than are loaded at one go.
const MANY: usize = 210;

/// A picture of one pixel, as a pad would draw it.
const MARK: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\
    \x9cc\xf8\xff\xff?\0\x05\xfe\x02\xfe\xa7\x9a\xa0\xa0\0\0\0\0IEND\xaeB`\x82";

impl Stage {
    /// Cases of `van` whose products the hub marked ready: for `unit`, or for whoever took them in.
    fn ready(&self, van: &Van, count: usize, unit: Option<&str>) -> Vec<String> {
        let slips: Vec<_> = (0..count)
            .map(|at| case(van, json!({"name": format!("Nahak {at}"), "mother": "Maria"})))
            .collect();
        sync(van);
        for slip in &slips {
            self.hub.run(&["case", "amend", slip, "--as-agency", "DUK", "--set", "status=issued"]);
        }
        let names = slips.iter().map(String::as_str);
        let unit = unit.map_or_else(Vec::new, |unit| vec!["--unit", unit]);
        let marked = self.hub.run(
            &["case", "ready", "--as-agency", "DUK"].into_iter().chain(unit).chain(names).collect::<Vec<_>>(),
        );
        assert_eq!(done(&marked).len(), count);
        sync(van);
        slips
    }
}

fn rows(output: &Output) -> Vec<(&str, &str)> {
    let rows = output.lines.iter().filter(|row| row["slip"].is_string());
    rows.map(|row| (row["slip"].as_str().unwrap_or_default(), row["status"].as_str().unwrap_or_default()))
        .collect()
}

fn done(output: &Output) -> Vec<&str> {
    let done = output.json()["done"].as_array().into_iter().flatten();
    done.filter_map(|done| done["slip"].as_str()).collect()
}

fn refused(output: &Output) -> Vec<(&str, &str)> {
    let refused = output.json()["refused"].as_array().into_iter().flatten();
    refused
        .map(|one| (one["slip"].as_str().unwrap_or_default(), one["reason"].as_str().unwrap_or_default()))
        .collect()
}

fn newest(shown: &Value) -> Value {
    shown["events"].as_array().and_then(|events| events.last()).cloned().unwrap_or_default()
}

#[test]
fn a_unit_loads_what_is_ready_for_it_and_nothing_else() {
    let stage = Stage::open();
    let (one, two) = (stage.van("one", "V01"), stage.van("two", "V02"));
    let own = stage.ready(&one, 2, None);
    let other = stage.ready(&one, 1, Some("V02"));
    let again = stage.hub.run(&["case", "ready", &other[0], "--as-agency", "DUK"]);
    assert_eq!(
        again.json()["done"][0]["for_unit"],
        "V02",
        "who names no unit leaves it with the one named before"
    );
    let wait = case(&one, json!({"name": "Bria"}));
    sync(&two);

    let manifest = one.run(&["handover", "manifest"]);
    let mut listed: Vec<_> = rows(&manifest).into_iter().map(|(slip, _)| slip).collect();
    listed.sort_unstable();
    assert_eq!(listed, own, "{manifest}");
    let last = manifest.lines.last().expect("a sum");
    assert_eq!((&last["aboard"], &last["missing"]), (&json!(0), &json!(2)));
    assert_eq!(rows(&one.run(&["handover", "manifest", &own[1]])), [(own[1].as_str(), "ready")]);

    let loaded = one.run(&["handover", "load", "--all"]);
    assert_eq!((done(&loaded).len(), &loaded.json()["left"]), (2, &json!(0)));
    let refusal = one.call(&["handover", "load", &wait, "--json"]).run().exited(1);
    assert_eq!(refused(&refusal), [(wait.as_str(), "it is received")]);
    assert!(refusal.stderr.contains(&wait) && refusal.stderr.contains("nothing was changed"), "{refusal}");

    assert_eq!(rows(&two.run(&["handover", "manifest"])), [(other[0].as_str(), "ready")]);
    two.run(&["handover", "load", &other[0]]);
    sync(&two);
    let at_hub = stage.hub.run(&["case", "manifest", "V02"]);
    assert_eq!(rows(&at_hub), [(other[0].as_str(), "loaded")]);
    assert_eq!(newest(stage.hub.run(&["case", "show", &other[0]]).json())["for_unit"], "V02");
    let twice = stage.hub.call(&["case", "ready", &other[0], "--as-agency", "DUK"]).run().exited(1);
    assert!(twice.stderr.contains("it is loaded") && twice.stderr.contains("nothing was changed"), "{twice}");
}

#[test]
fn who_took_a_product_and_how_they_confirmed_it_is_known_everywhere() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slips = stage.ready(&van, 2, None);
    let mark = stage.text("mark.png");
    fs::write(&mark, MARK).expect("written");
    let give = |slip: &str, more: &[&str]| {
        let base = ["handover", "give", slip, "--collector", "family", "--with", "Maria Taek"];
        van.call(&[&base[..], more].concat()).run()
    };
    give(&slips[0], &["--received", "pad"]).exited(2);
    give(&slips[0], &["--received", "fingerprint"]).exited(2);
    let nameless = van
        .call(&["handover", "give", &slips[0], "--collector", "family", "--received", "thumb"])
        .run()
        .exited(2);
    assert!(nameless.stderr.contains("the name of who takes it"), "{nameless}");
    let scan = stage.text("scan.txt");
    fs::write(&scan, "no picture").expect("written");
    let no_picture = give(&slips[0], &["--received", "pad", "--signature", &scan]).exited(2);
    assert!(no_picture.stderr.contains("PNG"), "{no_picture}");

    let ashore = give(&slips[0], &["--received", "thumb"]).exited(1);
    assert!(ashore.stderr.contains("it is ready, but not aboard: load it first"), "{ashore}");
    van.run(&["handover", "load", "--all"]);
    give(&slips[0], &["--received", "pad", "--signature", &mark]).done();
    give(&slips[1], &["--received", "thumb"]).done();
    sync(&van);
    for shown in [van.run(&["case", "show", &slips[0]]), stage.hub.run(&["case", "show", &slips[0]])] {
        let event = newest(shown.json());
        let told = [&event["state"], &event["collected_by"], &event["collected_how"], &event["with"]];
        assert_eq!(told, ["handed_over", "family", "pad", "Maria Taek"], "{shown}");
        assert_eq!(shown.json()["attachments"][0]["kind"], "signature");
    }
    let said = stage.hub.call(&["case", "show", &slips[1]]).run().done();
    assert!(said.stdout.contains("with Maria Taek, as family, by thumb"), "{said}");
    let said = van.call(&["case", "show", &slips[1]]).run().done();
    assert!(said.stdout.contains("with Maria Taek, as family, by thumb"), "{said}");
    let csv = van.call(&["case", "list", "--format", "csv"]).run().done();
    assert!(csv.stdout.contains("Maria Taek,family,thumb") && csv.stdout.contains("family,pad"), "{csv}");
    let exported = van.run(&["case", "export", &slips[0]]);
    let events = exported.json()["values"]["status"].as_object().expect("events").values();
    assert!(events.filter(|event| event["collected_how"] == "pad").count() == 1, "{exported}");
}

#[test]
fn nobody_signs_for_a_product_after_their_death() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = &stage.ready(&van, 1, None)[0];
    van.run(&["handover", "load", "--all"]);
    let dead = van.run(&["case", "show", slip]).json()["subject"]["person"].clone();
    let report = case(&van, json!({"service": "DUK-MATI", "started": "2026-11-21T10:00:00+08:00"}));
    let of = format!("subject={}", dead.as_str().expect("an id"));
    van.run(&["amend", &report, "--set", &of, "--reason", "yang meninggal"]);
    let give = |collector: &str| {
        let call =
            ["handover", "give", slip, "--collector", collector, "--with", "Maria", "--received", "thumb"];
        van.call(&call).run()
    };
    let told = give("subject").exited(1);
    assert!(told.stderr.contains("the subject's death was reported on 2026-11-21"), "{told}");
    give("family").done();
}

#[test]
fn a_returned_list_closes_all_that_it_can_at_once_and_names_the_rest() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slips = stage.ready(&van, 3, None);
    let names: Vec<_> = slips.iter().map(String::as_str).collect();
    van.run(&["handover", "load", "--all"]);
    let entrust = [&["handover", "entrust", "--with", "Kepala Desa"], &names[..]].concat();
    assert_eq!(done(&van.run(&entrust)).len(), 3);
    assert_eq!(newest(van.run(&["case", "show", names[0]]).json())["collected_by"], "village_head");
    assert_eq!(rows(&van.run(&["handover", "list", "--with", "Kepala Desa"])).len(), 3);
    // One is fetched at the table before the list comes back.
    van.run(&["handover", "give", names[1], "--collector", "subject", "--received", "signature"]);

    let returned = [&["handover", "returned", "--json"], &names[..]].concat();
    let returned = van.call(&returned).run().exited(1);
    assert_eq!(done(&returned), [names[0], names[2]]);
    assert_eq!(refused(&returned), [(names[1], "it is handed_over")]);
    let event = newest(van.run(&["case", "show", names[2]]).json());
    let told = [&event["state"], &event["with"], &event["collected_by"], &event["collected_how"]];
    assert_eq!(told, ["handed_over", "Kepala Desa", "village_head", "thumb"]);
    assert_eq!(rows(&van.run(&["handover", "list", "--with", "Kepala Desa"])), []);

    van.run(&["handover", "wrong-hands", names[0], "--reason", "diambil orang senama"]);
    assert_eq!(van.run(&["custody"]).number("needs_you"), 1);
    let back = van.call(&["handover", "back", names[0], "--reason", "x", "--json"]).run().exited(1);
    assert_eq!(refused(&back), [(names[0], "it is handed_over")]);
}

/// Cases that a laptop recorded at one go, and whose products the hub marked ready: their slip numbers.
fn many_ready(stage: &Stage, van: &Van) -> Vec<String> {
    let lines = (0..MANY).map(|at| format!("{}\n", line(json!({"name": format!("Nahak {at}")}))));
    van.record(&lines.collect::<String>());
    sync(van);
    let listed = van.run(&["case", "list"]);
    let slips: Vec<_> =
        listed.lines.iter().filter_map(|row| Some(row["slip"].as_str()?.to_owned())).collect();
    assert_eq!(slips.len(), MANY);
    let hub = &stage.hub;
    std::thread::scope(|scope| {
        for part in slips.chunks(MANY / 3) {
            scope.spawn(move || {
                for slip in part {
                    hub.run(&["case", "amend", slip, "--as-agency", "DUK", "--set", "status=issued"]);
                }
            });
        }
    });
    let ready = ["case", "ready", "--as-agency", "DUK"].into_iter().chain(slips.iter().map(String::as_str));
    stage.hub.run(&ready.collect::<Vec<_>>());
    sync(van);
    slips
}

#[test]
fn of_many_products_pages_show_the_beginning_and_whatever_is_looked_for() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slips = many_ready(&stage, &van);
    let running = van.start(&[]);
    let reader = Reader::of(&running);
    let rows = |page: &str| page.matches("<td class=\"slip\">").count();

    let manifest = reader.get("/manifest");
    assert!(rows(&manifest) == 50 && manifest.contains("210</dd>"), "{manifest}");
    let one = reader.get(&format!("/manifest?q={}", slips[7]));
    assert!(rows(&one) == 1 && one.contains(&slips[7]), "{one}");
    assert_eq!(rows(&reader.get("/manifest?q=nahak&show=5000")), MANY);
    assert_eq!(rows(&reader.get("/manifest?q=oematan")), 0);

    let first = reader.get("/handover");
    assert_eq!(rows(&first), 50);
    let listed = van.run(&["case", "show", &slips[9]]);
    let ticked = format!("case={}&show=50&do=more", listed.text("case"));
    let more = reader.post("/handover", hidden(&first, "csrf").expect("a token"), &ticked);
    assert!((100..=101).contains(&rows(&more)) && more.matches(" checked").count() == 1, "{more}");
    let found = reader.get("/handover?q=nahak");
    assert_eq!(rows(&found), 50);

    let token = hidden(&manifest, "csrf").expect("a token");
    let told = reader.post("/manifest", token, "do=load-all");
    assert!(told.contains("50 dimuat") && rows(&told) == 100, "fifty missing, fifty aboard: {told}");
    let loaded = van.run(&["handover", "load", "--all"]);
    assert_eq!(
        (done(&loaded).len(), &loaded.json()["of"], &loaded.json()["left"]),
        (160, &json!(160), &json!(0))
    );
    assert_eq!((rows(&reader.get("/manifest")), rows(&reader.get("/handover"))), (50, 50));
    assert_eq!(van.run(&["handover", "manifest"]).lines.len(), MANY + 1);
    running.terminate().done();
}

#[test]
fn products_expected_at_a_visit_are_told_with_where_their_cases_are() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slips = stage.ready(&van, 2, None);
    stage.stop();
    van.run(&["visit", "open", "Pasar", "--village", "53.02.01.1001"]);
    van.run(&["handover", "load", &slips[0]]);
    let running = van.start(&[]);
    let visits = Reader::of(&running).get("/visits");
    let row = |slip: &str| {
        let found = visits.split("<tr>").find(|row| row.contains(slip));
        found.unwrap_or_else(|| panic!("{slip} is not expected: {visits}")).to_owned()
    };
    assert!(row(&slips[0]).contains("Masih di laptop"), "it was loaded since: {visits}");
    assert!(row(&slips[1]).contains("Sudah di pusat"), "{visits}");
    running.terminate().done();
}
