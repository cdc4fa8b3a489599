//! The official JavaScript library of automerge opens what we export: the same heads, the same values.
//!
//! What is expected comes from our own reading of the operations, which knows nothing of automerge.
#![expect(clippy::unwrap_used, reason = "a document that cannot be made fails the test")]

use std::{fs, path::Path, process::Command};

use shared::{
    change::Scalar,
    document::{Edit, History, SCHEMA, export},
    id::{ActorId, Kind},
    time::Timestamp,
};
use tests::random::Random;

const DOCUMENTS: u64 = 60;
const TEXTS: [&str; 6] =
    ["", "Ala'ang", "O'a Mate", "Ni Luh Ayu Śrī", "surat menyusul\nminggu depan", "\u{1F6A2} kapal"];

#[test]
fn the_javascript_library_opens_exported_files() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    if !library.join("node_modules").exists() {
        let required = std::env::var_os("KELILING_COMPAT").is_some();
        assert!(!required, "the library is missing: npm ci --prefix tests/js");
        eprintln!("not compared: scripts/test installs the JavaScript library");
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compat");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    for seed in 0..DOCUMENTS {
        let history = document(seed);
        fs::write(folder.join(format!("{seed:03}.automerge")), export::automerge_file(&history).unwrap())
            .unwrap();
        fs::write(folder.join(format!("{seed:03}.json")), export::json(&history).to_string()).unwrap();
    }
    let output = Command::new("node").arg("compat.mjs").arg(&folder).current_dir(&library).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.trim_end(), format!("{DOCUMENTS} passed, 0 failed"), "{errors}");
}

/// A document with some rounds of two machines that do not see each other.
fn document(seed: u64) -> History {
    let mut random = Random::new(seed);
    let kind = [Kind::Case, Kind::Person, Kind::Visit][seed as usize % 3];
    let machines = [1, 2].map(|machine| ActorId([machine + (seed as u8); 16]));
    let mut history = History::default();
    let mut first = Edit::create(shared::id::DocumentId::new([0; 10], kind, seed), machines[0]);
    first.put(&["district"], &Scalar::Str("53.02".to_owned())).unwrap();
    if kind == Kind::Case {
        first.make(&["ticks"]).unwrap();
        first.make(&["witnesses"]).unwrap();
    }
    write(&mut first, &mut random);
    save(&mut first, &mut history);
    for _ in 0..random.below(5) {
        let mut edits = machines.map(|machine| Edit::open(kind, &history, machine).unwrap());
        for edit in &mut edits {
            for _ in 0..random.below(3) {
                write(edit, &mut random);
            }
        }
        for edit in &mut edits {
            save(edit, &mut history);
        }
    }
    history
}

/// One thing that a person may write.
fn write(edit: &mut Edit, random: &mut Random) {
    let text = Scalar::Str((*random.pick(&TEXTS)).to_owned());
    let number = random.below(180_000_000) as i64 - 90_000_000;
    let moment = Scalar::Timestamp(Timestamp(1_795_000_000_000 + random.below(86_400_000) as i64));
    match (edit.kind(), random.below(6)) {
        (Kind::Case, 0) => edit.put(&["notes"], &text).unwrap(),
        (Kind::Case, 1) => edit.put(&["latitude"], &Scalar::Int(number)).unwrap(),
        (Kind::Case, 2) => edit.put(&["ended"], &moment).unwrap(),
        (Kind::Case, 3) => edit.put(&["consent"], &Scalar::Boolean(number > 0)).unwrap(),
        (Kind::Case, 4) => {
            edit.clear(&["witnesses"]).unwrap();
            edit.push(&["witnesses"], &text).unwrap();
            edit.push(&["witnesses"], &Scalar::Str("Nahak".to_owned())).unwrap();
        }
        (Kind::Case, _) => edit.put(&["ticks", "Fotokopi KK"], &text).unwrap(),
        (Kind::Person, 0..=2) => edit.put(&["name"], &text).unwrap(),
        (Kind::Person, 3) => edit.delete(&["phone"]).unwrap(),
        (Kind::Person, _) => edit.put(&["phone"], &text).unwrap(),
        (Kind::Visit, 0..=2) => edit.put(&["lead"], &text).unwrap(),
        (Kind::Visit, _) => edit.put(&["closed"], &moment).unwrap(),
    }
}

/// Ends an edit; one that wrote nothing makes no change.
fn save(edit: &mut Edit, history: &mut History) {
    if let Some((hash, change)) = edit.commit(Timestamp(1_795_000_000_000), SCHEMA).unwrap() {
        assert!(history.insert(hash, change));
    }
}
