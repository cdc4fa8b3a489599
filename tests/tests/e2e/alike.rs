//! What both programs do in the same way: find, export, speak of files, and keep their homes to themselves.

use std::fs;

use serde_json::json;

use crate::stage::{Stage, case};

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
    stage.stop();
    for file in [&gone, &folder] {
        told(&stage.hub.call(&["restore", file]).run().exited(1), file);
    }
}

fn told(refused: &tests::process::Output, file: &str) {
    assert!(refused.stderr.contains(file) && refused.stderr.contains("What to do:"), "{refused}");
}
