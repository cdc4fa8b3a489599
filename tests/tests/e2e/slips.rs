//! Slips that citizens bring to a counter: true, false, replaced, of nobody known, of a lost laptop.

use serde_json::{Value, json};
use shared::slip::SlipNumber;
use tests::process::{Output, Van};

use crate::stage::{Stage, case, line, record, sync};

fn stamp(van: &Van, slip: &str) -> String {
    van.run(&["slip", "show", slip]).text("stamp")
}

fn verified(output: Output) -> Value {
    output.done().json().clone()
}

fn unprinted(van: &Van) -> Vec<String> {
    let output = van.run(&["slip", "unprinted"]);
    output.lines.iter().filter_map(|row| Some(row["slip"].as_str()?.to_owned())).collect()
}

#[test]
fn a_slip_is_verified_at_every_counter_without_network() {
    let stage = Stage::open();
    let (one, two) = (stage.van("one", "V01"), stage.van("two", "V02"));
    let slip = case(&one, json!({}));
    let text = stamp(&one, &slip);
    // The other laptop was let in later than the first, whose key it has heard with the registries.
    stage.stop();
    let own = verified(one.run(&["slip", "verify", &text, "--name", "o'a  mate"]));
    assert_eq!(
        (&own["verdict"], &own["slip"], &own["laptop"]),
        (&json!("valid"), &json!(slip), &json!("V01A"))
    );
    assert_eq!(
        (&own["state"], &own["revision"], &own["name_agrees"]),
        (&json!("recorded"), &json!(1), &json!(true))
    );
    assert_eq!(own["recorded"], "2026-11-20T09:12:00+08:00");
    assert_eq!(
        (&own["cases"][0]["status"], &own["cases"][0]["replaced"]),
        (&json!("received"), &json!(false))
    );

    let other = verified(
        two.call(&["slip", "verify", "-", "--json"]).stdin(format!(" {}\n", text.to_lowercase())).run(),
    );
    assert_eq!((&other["verdict"], &other["cases"]), (&json!("valid"), &json!([])));
    assert_eq!(other["service"], "DUK-LAHIR");
    let hub = verified(stage.hub.run(&["slip", "verify", &text, "--name", "Somebody Else"]));
    assert_eq!((&hub["verdict"], &hub["name_agrees"]), (&json!("valid"), &json!(false)));

    let wrong = if text.ends_with('7') { '8' } else { '7' };
    let mistyped = format!("{}{wrong}", &text[..text.len() - 1]);
    for program in [two.call(&["slip", "verify", &mistyped]), stage.hub.call(&["slip", "verify", &mistyped])]
    {
        let output = program.run().exited(2);
        assert!(
            output.stderr.contains("check characters") && output.stderr.contains("What to do"),
            "{output}"
        );
    }
    let elsewhere = two.call(&["slip", "verify", "04000003A4N000"]).run().exited(2);
    assert!(elsewhere.stderr.contains("KLS1-"), "{elsewhere}");
}

#[test]
fn a_laptop_that_has_not_heard_of_the_signer_says_how_to_learn_of_it() {
    let stage = Stage::open();
    let one = stage.van("one", "V01");
    let two = stage.van("two", "V02");
    let slip = case(&two, json!({}));
    let text = stamp(&two, &slip);
    let unknown = one.call(&["slip", "verify", &text, "--json"]).run().exited(1);
    assert_eq!(unknown.json()["verdict"], "unknown_signer");
    assert!(unknown.stderr.contains("van-agent sync"), "{unknown}");
    sync(&one);
    assert_eq!(verified(one.run(&["slip", "verify", &text]))["laptop"], "V02A");
    stage.hub.run(&["device", "lost", "V02A"]);
    sync(&one);
    let warned = verified(one.run(&["slip", "verify", &text]));
    assert_eq!((&warned["verdict"], &warned["standing"]), (&json!("valid"), &json!("barred")));
    let at_hub = verified(stage.hub.run(&["slip", "verify", &text]));
    assert_eq!(at_hub["standing"], "lost");
    assert_eq!(at_hub["standing_since"], warned["standing_since"]);
    assert!(at_hub["standing_since"].as_str().is_some_and(|since| since.ends_with("+08:00")), "{at_hub}");
}

#[test]
fn a_corrected_case_asks_for_a_new_slip_and_the_old_one_is_known_as_replaced() {
    let stage = Stage::open();
    let (one, two) = (stage.van("one", "V01"), stage.van("two", "V01"));
    let slip = case(&one, json!({}));
    let sibling = case(&one, json!({"person_ref": "oa", "name": "Bria", "service": "DUK-KK"}));
    let old = stamp(&one, &slip);
    let scanned = one.run(&["find", &old]);
    assert_eq!(scanned.lines.iter().find_map(|row| row["slip"].as_str()), Some(slip.as_str()));
    assert_eq!(unprinted(&one), [slip.clone(), sibling.clone()]);
    let printed = verified(one.run(&["slip", "printed", &slip, &sibling]));
    assert_eq!((&printed["unprinted"], &printed["printed"][0]["copies"]), (&json!(0), &json!(1)));
    assert_eq!(verified(one.run(&["slip", "printed", &slip]))["printed"][0]["copies"], 2);

    one.run(&["amend", &slip, "--set", "phone=081234567891"]);
    assert_eq!(unprinted(&one), Vec::<String>::new(), "the slip shows no telephone");
    one.run(&["amend", &slip, "--set", "name=O'a Matte", "--reason", "salah eja"]);
    assert_eq!(unprinted(&one), std::slice::from_ref(&slip));
    let new = one.run(&["slip", "show", &slip]);
    assert_eq!((new.number("revision"), new.number("replaces"), new.number("copies")), (2, 1, 0));
    let new = new.text("stamp");
    sync(&one);
    sync(&two);
    stage.stop();
    for verified in [
        verified(one.run(&["slip", "verify", &old])),
        verified(two.run(&["slip", "verify", &old])),
        verified(stage.hub.run(&["slip", "verify", &old])),
    ] {
        let case = &verified["cases"][0];
        assert_eq!(
            (&verified["verdict"], &case["replaced"], &case["revision"]),
            (&json!("valid"), &json!(true), &json!(2))
        );
        assert_eq!(case["name_agrees"], false);
    }
    let counts = verified(two.run(&["slip", "verify", &new]));
    assert_eq!((&counts["replaces"], &counts["cases"][0]["replaced"]), (&json!(1), &json!(false)));
    one.run(&["slip", "printed", &slip]);
    assert_eq!(unprinted(&one), Vec::<String>::new());
    let said = two.call(&["slip", "verify", &old]).run().done();
    assert!(said.stdout.contains("DIGANTI: slip 2"), "{said}");
}

#[test]
fn numbers_on_emergency_sheets_are_given_to_nobody_else_and_entered_once() {
    let stage = Stage::open();
    let (one, two) = (stage.van("one", "V01"), stage.van("two", "V02"));
    stage.stop();
    let reserved: Vec<String> = one
        .run(&["sheet", "print", "3"])
        .lines
        .iter()
        .filter_map(|row| Some(row["sheet"].as_str()?.to_owned()))
        .collect();
    assert_eq!(reserved.len(), 3);
    let record = |name| {
        let person = ["record", "--name", name, "--sex", "L", "--village", "53.02.01.1001"];
        [&person[..], &["--service", "DUK-KK", "--officer", "P-07"]].concat()
    };
    let today = one.run(&record("Seran"));
    let other = today.lines.iter().find_map(|row| row["slip"].as_str()).expect("a number").to_owned();
    assert!(!reserved.contains(&other));
    let from_paper = |van: &Van, number: &str| {
        let sheet = ["--json", "--sheet", number, "--started", "2026-11-19T10:30:00+08:00"];
        van.call(&[&record("Bria")[..], &sheet].concat())
    };
    let refused = from_paper(&two, &reserved[0]).run().exited(1);
    assert!(refused.to_string().contains("enter it on laptop V01A"), "{refused}");
    from_paper(&one, &reserved[0]).run().done();
    let shown = verified(one.run(&["case", "show", &reserved[0]]));
    assert_eq!(
        (&shown["channel"], &shown["started"]),
        (&json!("paper"), &json!("2026-11-19T10:30:00+08:00"))
    );
    assert_eq!(unprinted(&one), std::slice::from_ref(&other), "whoever brought the sheet has its number");
    let again = from_paper(&one, &reserved[0]).run().exited(1);
    assert!(again.to_string().contains("was entered already"), "{again}");
    let never = from_paper(&one, &other).run().exited(1);
    assert!(never.to_string().contains("came from no emergency sheet"), "{never}");
    let last: SlipNumber = reserved[2].parse().expect("a number");
    let unprinted = (1..4).fold(last, |number, _| number.next().expect("there is one")).to_string();
    let never = from_paper(&one, &unprinted).run().exited(1);
    assert!(never.to_string().contains("was never printed"), "{never}");
    one.call(&["record", "--name", "Bria", "--sheet", &reserved[1]]).run().exited(2);
    let states: Vec<Value> = one
        .run(&["sheet", "list"])
        .lines
        .iter()
        .filter(|row| row["sheet"].is_string())
        .map(|row| row["state"].clone())
        .collect();
    assert_eq!(states, ["entered", "open", "open"]);
    one.call(&["sheet", "print", "0"]).run().exited(2);
}

#[test]
fn every_case_of_an_emergency_sheet_names_it() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let sheets = van.run(&["sheet", "print", "2"]);
    let numbers: Vec<_> = sheets.lines.iter().filter_map(|row| row["sheet"].as_str()).collect();
    let entered = |fields: Value| {
        let mut fields = fields;
        fields["started"] = json!("2026-11-19T10:30:00+08:00");
        fields["visit"] = Value::Null;
        line(fields)
    };
    let early = record(&van, &[entered(json!({"of_sheet": numbers[1]}))]).exited(1);
    assert!(early.to_string().contains("nothing was entered from the sheet"), "{early}");
    let lines = [
        entered(json!({"sheet": numbers[0], "service": "DUK-KK"})),
        entered(json!({"of_sheet": numbers[0], "service": "DUK-KIA"})),
    ];
    let output = record(&van, &lines).done();
    let slips: Vec<_> = output.lines.iter().filter_map(|row| row["slip"].as_str()).collect();
    assert_eq!(slips[0], numbers[0]);
    let second = van.run(&["case", "show", slips[1]]);
    assert_eq!((second.text("sheet").as_str(), second.text("channel").as_str()), (numbers[0], "paper"));
    let found = van.run(&["find", numbers[0]]).lines;
    assert_eq!(found.len(), 2, "the paper leads to every case of it");
    sync(&van);
    assert_eq!(stage.hub.run(&["case", "show", slips[1]]).text("sheet"), numbers[0]);
}
