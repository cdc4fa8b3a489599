//! What an officer asks about a case, and the hub answers.

use serde_json::json;
use tests::{
    page::{Reader, hidden},
    process::Output,
};

use crate::stage::{Stage, case, shown, sync};

fn words(output: &Output) -> Vec<(&str, &str)> {
    let rows = output.lines.iter().filter(|row| row["slip"].is_string());
    rows.map(|row| (row["words"].as_str().unwrap_or_default(), row["state"].as_str().unwrap_or_default()))
        .collect()
}

#[test]
fn a_question_waits_at_the_hub_until_it_is_answered_and_needs_the_officer_until_it_is_clear() {
    let stage = Stage::open();
    let (van, other) = (stage.van("van", "V01"), stage.van("other", "V01"));
    let (slip, quiet) = (case(&van, json!({"name": "Bete"})), case(&van, json!({"name": "Nahak"})));
    van.run(&["officer", "Yefta Nabuasa"]);
    let asked = van.run(&["question", "ask", &slip, "--words", "nama mana yang di akta?"]);
    assert_eq!((&asked.json()["slip"], &asked.json()["question"]), (&json!(slip), &json!("open")));
    assert!(van.call(&["question", "ask", &slip, "--words", " "]).run().exited(1).stderr.contains("--words"));
    assert_eq!(van.run(&["custody"]).number("needs_you"), 0, "a question that waits needs nobody here");
    sync(&van);

    let open = stage.hub.run(&["question", "list"]);
    assert_eq!(words(&open), [("nama mana yang di akta?", "open")], "{open}");
    let row = &open.lines[0];
    for (member, value) in [
        ("slip", json!(slip)),
        ("name", json!("Bete")),
        ("officer", json!("Yefta Nabuasa")),
        ("laptop", json!("V01A")),
        ("unit", json!("V01")),
    ] {
        assert_eq!(row[member], value, "{member}: {row}");
    }
    assert_eq!(stage.hub.run(&["status"]).number("questions"), 1);
    let nobody = stage.hub.call(&["question", "answer", &quiet, "--words", "ya"]).run().exited(1);
    assert!(nobody.stderr.contains("no question stands"), "{nobody}");
    stage.hub.run(&["question", "answer", &slip, "--words", "yang di KTP ibunya"]);
    assert_eq!(words(&stage.hub.run(&["question", "list"])), []);
    assert_eq!(words(&stage.hub.run(&["question", "list", "--all"])).len(), 1);

    for van in [&van, &other] {
        sync(van);
        let need = van.run(&["case", "list", "--needs-you"]);
        assert_eq!(need.lines[0]["questions"][0]["answers"][0]["words"], "yang di KTP ibunya", "{need}");
        assert_eq!(van.run(&["custody"]).number("needs_you"), 1);
    }
    let told = shown(van.run(&["case", "show", &slip]));
    assert_eq!((&told["questions"][0]["state"], &told["edits"]), (&json!("answered"), &json!([])));
    let slip_told = van.run(&["slip", "show", &slip]);
    assert_ne!(
        slip_told.json()["replaces"],
        json!(true),
        "a question corrects nothing on paper: {slip_told}"
    );

    van.run(&["question", "ask", &slip, "--words", "dan tanggalnya?"]);
    sync(&van);
    assert_eq!(van.run(&["custody"]).number("needs_you"), 1, "the first answer is there to be read still");
    let both = [("nama mana yang di akta?", "answered"), ("dan tanggalnya?", "open")];
    assert_eq!(words(&van.run(&["question", "list"])), both);
    assert_eq!(words(&stage.hub.run(&["question", "list"])), both[1..]);
    assert_eq!(stage.hub.run(&["status"]).number("questions"), 1);

    let refused = van.call(&["amend", &slip, "--set", "answer=x"]).run().exited(2);
    assert!(refused.stderr.contains("answer"), "{refused}");
    van.run(&["question", "settle", &slip]);
    assert!(van.call(&["question", "settle", &slip]).run().exited(1).stderr.contains("no question"));
    assert_eq!(van.run(&["custody"]).number("needs_you"), 0);
    assert_eq!(words(&van.run(&["question", "list"])), []);
    assert_eq!(words(&van.run(&["question", "list", "--all"])), both.map(|(words, _)| (words, "settled")));
    sync(&van);
    sync(&other);
    assert_eq!(other.run(&["custody"]).number("needs_you"), 0, "what one laptop put away is put away");
    assert_eq!(shown(stage.hub.run(&["case", "show", &slip]))["questions"][0]["state"], json!("settled"));
}

#[test]
fn the_pages_ask_and_show_the_answer_in_both_languages() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete", "service": "DUK-LAHIR"}));
    sync(&van);
    stage.hub.run(&[
        "case",
        "amend",
        &slip,
        "--as-agency",
        "DUK",
        "--set",
        "status=returned",
        "--reason",
        "tanpa akta",
    ]);
    sync(&van);
    let running = van.start(&[]);
    let reader = Reader::of(&running);
    let page = reader.get("/needs-you");
    let token = hidden(&page, "csrf").expect("a token");
    let case = van.run(&["case", "show", &slip]).text("case");
    let post = |does: &str, text: &str| {
        reader.post("/needs-you", token, &format!("case={case}&do={does}&text={text}"))
    };
    let is =
        |answer: &str, status: &str| assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    is(&post("ask", "+"), "422");
    is(&post("ask", "akta+yang+mana%3F"), "303");
    let path = format!("/case/{case}");
    assert!(reader.get(&path).contains("menunggu jawaban pusat"));
    sync(&van);
    stage.hub.run(&["question", "answer", &slip, "--words", "yang <asli>"]);
    sync(&van);
    for (language, title) in [("en", "Answer of the hub"), ("id", "Jawaban pusat")] {
        van.run(&["settings", "set", "language", language]);
        for path in ["/needs-you", &path] {
            let page = reader.get(path);
            assert!(page.contains(title) && page.contains("yang &#60;asli&#62;"), "{path} {page}");
        }
    }
    is(&post("settle", ""), "303");
    assert!(!reader.get("/needs-you").contains("akta yang mana?"));
    assert!(reader.get(&path).contains("akta yang mana?"), "what was said stays");
    running.terminate().done();
}
