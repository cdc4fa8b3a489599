//! What people and files give a laptop that it must not take, and what it takes with a warning.

use serde_json::{Value, json};

use tests::process::Van;

use crate::stage::{Stage, case, ids, line, record, recording, reports, shown, van_cases};

#[test]
fn the_bad_lines_are_named_and_the_others_saved() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let without = |field: &str| {
        let mut value: Value = serde_json::from_str(&line(json!({}))).expect("a good line is JSON");
        value.as_object_mut().expect("an object").remove(field);
        value.to_string().into_bytes()
    };
    let good = |name: &str| line(json!({"name": name})).into_bytes();
    let with = |fields: Value| line(fields).into_bytes();
    let two = [good("Two"), good("Objects")].concat();
    let rows: Vec<(Vec<u8>, Option<&str>)> = vec![
        (good("One"), None),
        (with(json!({"village": "53.99.01.2001"})), Some("village 53.99.01.2001 is not in the registry")),
        (with(json!({"service": "NO-SUCH"})), Some("service NO-SUCH is not in the registry")),
        (with(json!({"nik": "12345"})), Some("nik: ")),
        (with(json!({"nik": "53020157089O9002"})), Some("nik: ")),
        (with(json!({"nik": "5302013113909001"})), Some("nik: ")),
        (with(json!({"born": "2004-02-30"})), Some("born: ")),
        (with(json!({"born": "besok pagi"})), Some("born: ")),
        (with(json!({"started": "2026-11-20 09:12"})), Some("started: ")),
        (with(json!({"started": "2026-13-20T09:12:00+08:00"})), Some("started: ")),
        (with(json!({"colour": "red"})), Some("colour is not a field of a case")),
        (without("village"), Some("village is missing")),
        (without("service"), Some("service is missing")),
        (without("officer"), Some("officer is missing")),
        (without("name"), Some("name is missing")),
        (b"[{}]".to_vec(), Some("not one JSON object")),
        (two, Some("not one JSON object")),
        (b"{".to_vec(), Some("not one JSON object")),
        (b"[".repeat(60_000), Some("not one JSON object")),
        (vec![b'x'; 10_000_000], Some("10000000 bytes")),
        ([&good("A")[..20], b"\0", &good("A")[20..]].concat(), Some("NUL")),
        (with(json!({"name": "a\u{0}b"})), Some("name: ")),
        (b"{\"name\":\"\xff\xfe\"}".to_vec(), Some("UTF-8")),
        (b"\x7fELF\x02\x01\x01\x00\x80\x81\xfe\xff\x00".to_vec(), Some("UTF-8")),
        (with(json!({"status": "issued"})), Some("status: ")),
        (with(json!({"notes": "x".repeat(70_000)})), Some("bytes where")),
        (good("Last"), None),
    ];
    let input = rows.iter().flat_map(|(row, _)| [&row[..], b"\n"].concat()).collect::<Vec<u8>>();
    let output = recording(&van, input.clone()).run().exited(1);
    let reported = reports(&output);
    assert_eq!(reported.len(), rows.len(), "{output}");
    for (number, ((_, wanted), report)) in rows.iter().zip(&reported).enumerate() {
        assert_eq!(report["line"], number + 1, "{report}");
        match wanted {
            None => assert!(report["slip"].is_string() && report["error"].is_null(), "{report}"),
            Some(words) => {
                let told = report["error"].as_str().unwrap_or_else(|| panic!("refused: {report}"));
                assert!(told.contains(words), "{report}: {words}");
            }
        }
    }
    let refused = rows.iter().filter(|(_, wanted)| wanted.is_some()).count();
    assert_eq!((output.number("saved"), output.number("refused")), (2, refused as u64), "{output}");
    assert_eq!(van_cases(&van), ids(&output));

    let told = van.call(&["record", "--file", "-"]).stdin(input).run().exited(1);
    assert!(told.stderr.contains("line 2: village 53.99.01.2001 is not in the registry\n"), "{told}");
    assert!(told.stdout.contains(&format!("saved 2, refused {refused}")), "{told}");
    let clean = |text: &str| !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    assert!(clean(&told.stderr) && clean(&told.stdout), "{told}");
    assert_eq!(van.run(&["doctor"]).json()["ok"], true);
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let missing = stage.text("missing.ndjson");
    let folder = stage.text("");
    for file in [&missing, &folder] {
        let output = van.call(&["record", "--file", file]).run().exited(1);
        assert!(output.stderr.contains(file.as_str()), "{output}");
    }
    let empty = recording(&van, "").run().done();
    assert_eq!((empty.number("saved"), empty.number("refused")), (0, 0), "{empty}");
    let both = van.call(&["record", "--file", &missing, "--name", "A"]).run();
    both.exited(2);
}

#[test]
fn what_is_odd_is_saved_with_a_warning_that_the_case_shows() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let rows = [
        (json!({"consent": false}), "does not consent"),
        (json!({"consent": null, "name": "B"}), "whether the citizen consents"),
        (json!({"nik": "5302015708909002", "born": "1991-08-17", "name": "C"}), "NIK"),
        (json!({"nik": "5302015708909003", "sex": "L", "name": "D"}), "NIK"),
        (json!({"service": "DUK-REKAM", "born": "2020-01-05", "name": "E"}), "age"),
        (json!({"service": "DUK-CETAK", "status": "complete", "name": "F"}), "waiting_for_network"),
        (json!({"service": "DUK-KK", "status": "waiting_for_network", "name": "G"}), "does not wait"),
        (json!({"service": "DUK-KK", "name": "H"}), "no NIK"),
        (json!({"service": "DUK-KK", "name": "I", "phone": "12"}), "phone"),
        (json!({"service": "DUK-KK", "name": "J", "ended": "2026-11-20T08:00:00+08:00"}), "ended before"),
    ];
    for (fields, words) in rows {
        let slip = case(&van, fields.clone());
        let case = shown(van.run(&["case", "show", &slip]));
        assert!(case["warnings"].to_string().contains(words), "{words}: {fields}: {}", case["warnings"]);
    }

    let first = json!({"nik": "5302015708909005", "name": "Bete", "service": "DUK-MATI"});
    let (one, again) = (case(&van, first.clone()), case(&van, first.clone()));
    assert_ne!(one, again);
    let repeated = shown(van.run(&["case", "show", &again]))["warnings"].to_string();
    assert!(repeated.contains("still open") && repeated.contains(&format!("as case {one}")), "{repeated}");

    let named = line(json!({"ref": "desk-7", "name": "K"}));
    let output = record(&van, &[named.clone(), named.clone()]).done();
    let later = record(&van, &[named]).done();
    let slips: Vec<_> =
        [&output, &later].into_iter().flat_map(reports).map(|report| &report["slip"]).collect();
    assert!(slips.len() == 3 && slips.windows(2).all(|pair| pair[0] == pair[1]), "{output}{later}");
    assert_eq!((output.number("saved"), later.number("saved")), (1, 0));
}

#[test]
fn an_officer_who_is_not_listed_is_a_warning() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let officers = stage.text("officers.csv");
    std::fs::write(&officers, "id,name,agencies\nP-01,Marlince Oematan,DUK\n").expect("writes");
    stage.hub.run(&["registry", "import", "--kind", "officers", &officers]);
    van.run(&["sync"]);
    let warnings = |officer: &str| {
        let slip = case(&van, json!({"officer": officer, "name": officer}));
        shown(van.run(&["case", "show", &slip]))["warnings"].to_string()
    };
    assert!(!warnings("P-01").contains("P-01"));
    // As the page offers them, and notes who works.
    let offered = van.run(&["officer"]).json()["officers"].clone();
    assert_eq!(offered, json!([{"name": "Marlince Oematan", "agencies": ["DUK"]}]));
    assert!(!warnings("Marlince Oematan").contains("Marlince"));
    assert!(warnings("P-99").contains("P-99"));
}

#[test]
fn a_folder_that_is_not_a_laptops_is_told_and_left_as_it_is() {
    let stage = Stage::open();
    let commands: [&[&str]; 6] = [
        &["custody", "--safe-to-wipe"],
        &["find", "x"],
        &["doctor"],
        &["sync"],
        &["run"],
        &["record", "--name", "A"],
    ];
    let nowhere = Van::at(stage.path("nowhere"));
    std::fs::create_dir(stage.path("empty")).expect("a folder");
    for van in [&nowhere, &Van::at(stage.path("empty"))] {
        for arguments in commands {
            let output = van.call(arguments).run().exited(1);
            assert!(output.stderr.contains("nothing is enrolled in"), "{output}");
            assert!(output.stderr.contains("What to do"), "{output}");
        }
    }
    assert!(!nowhere.home().exists());
    assert_eq!(std::fs::read_dir(stage.path("empty")).expect("a folder").count(), 0);
    stage.stop();
    let files = |folder: &std::path::Path| {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("a folder")
            .flatten()
            .map(|entry| (entry.file_name(), std::fs::read(entry.path()).expect("a file")))
            .collect();
        files.sort();
        files
    };
    let before = files(stage.hub.home());
    let van = Van::at(stage.hub.home().to_owned());
    for arguments in commands.into_iter().chain([&["enroll", "KLG1-x"][..]]) {
        let output = van.call(arguments).run().exited(1);
        assert!(output.stderr.contains("belongs to a hub"), "{output}");
    }
    assert!(files(stage.hub.home()) == before, "not a byte is changed");
}

#[test]
fn a_file_that_is_no_database_is_told_with_the_way_out() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let file = van.home().join("keliling.db");
    let whole = std::fs::read(&file).expect("it is there");
    let malformed = [&whole[..100], &[0xff; 8_000]].concat();
    for bytes in [b"this is no database, and longer than a header is. ".repeat(100), malformed, Vec::new()] {
        std::fs::write(&file, &bytes).expect("writes");
        for arguments in
            [&["custody"][..], &["find", "x"], &["doctor"], &["sync"], &["record", "--name", "A"]]
        {
            let output = van.call(arguments).run().exited(1);
            assert!(output.stderr.contains("damaged"), "{output}");
            assert!(output.stderr.contains("What to do: keep this folder"), "{output}");
        }
    }
}
