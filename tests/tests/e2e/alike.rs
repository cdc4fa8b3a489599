//! What both programs do in the same way: find, export, speak of files, and keep their homes to themselves.

use std::fs;

use serde_json::{Value, json};

use crate::stage::{Stage, case, sync};

#[test]
fn both_find_and_export_in_the_same_way() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slips: Vec<_> =
        ["Bete Nahak", "Bria Nahak", "Seran Nahak"].map(|name| case(&van, json!({"name": name}))).into();
    sync(&van);
    let find = ["find", "nahak", "--limit", "2"];
    for found in [van.run(&find).lines, stage.hub.run(&find).lines] {
        assert_eq!((found.len(), &found[2]), (3, &json!({"cut": true, "limit": 2})));
    }
    let text = stage.hub.call(&find).run().done();
    assert!(text.stdout.contains("The first 2 of more"), "{text}");

    let export = ["case", "export", &slips[0]];
    let (here, there) = (van.run(&export).json().clone(), stage.hub.run(&export).json().clone());
    assert_eq!(here, there);
    assert!(here["heads"].is_array() && here["schema"].is_u64(), "{here}");
    for format in ["json", "automerge"] {
        let files = [stage.text("by-van"), stage.text("by-hub")];
        let by_van = van.run(&[&export[..], &["--format", format, "--out", &files[0]]].concat());
        let by_hub = stage.hub.run(&[&export[..], &["--format", format, "--out", &files[1]]].concat());
        let keys =
            |answer: &Value| answer.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(by_van.json()), keys(by_hub.json()));
        let [one, other] = files.map(|file| fs::read(file).expect("it was written"));
        assert_eq!(one, other, "{format}");
    }
    let bare = [&export[..], &["--format", "automerge"]].concat();
    for call in [van.call(&bare), stage.hub.call(&bare)] {
        let refused = call.run().exited(2);
        assert!(refused.stderr.contains("--out FILE"), "{refused}");
    }
}

#[test]
fn who_names_a_file_that_is_not_there_hears_which_and_what_to_do() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete"}));
    let (gone, folder) = (stage.text("gone.csv"), stage.text("folder.csv"));
    let beyond = stage.text("nowhere/new.db");
    fs::create_dir(&folder).expect("a folder");
    for file in [&gone, &folder] {
        let calls = [
            van.call(&["record", "--file", file]),
            van.call(&["case", "attach", &slip, file]),
            stage.hub.call(&["registry", "import", "--kind", "units", file]),
        ];
        for call in calls {
            told(&call.run().exited(1), file);
        }
    }
    told(&stage.hub.call(&["backup", &beyond]).run().exited(1), &beyond);
    told(&van.call(&["case", "export", &slip, "--out", &beyond]).run().exited(1), &beyond);
    stage.stop();
    for file in [&gone, &folder] {
        told(&stage.hub.call(&["restore", file]).run().exited(1), file);
    }
}

fn told(refused: &tests::process::Output, file: &str) {
    assert!(refused.stderr.contains(file) && refused.stderr.contains("What to do:"), "{refused}");
}

#[cfg(unix)]
#[test]
fn homes_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete"}));
    let paper = stage.text("paper.txt");
    fs::write(&paper, "paper").expect("it can be written");
    van.run(&["case", "attach", &slip, &paper]);
    sync(&van);
    stage.hub.run(&["device", "suspend", "1"]);
    let mut open = vec![van.home().to_owned(), stage.hub.home().to_owned()];
    let mut names = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let found = path.metadata().expect("it is there");
            let mode = found.permissions().mode() & 0o777;
            let wanted = if found.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, wanted, "{}", path.display());
            names.push(path.file_name().expect("a name").to_string_lossy().into_owned());
            if found.is_dir() {
                open.push(path);
            }
        }
    }
    for name in ["keliling.db", "keliling.devices", "control", "reset-key", "attachments", "head"] {
        assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
    }
}
