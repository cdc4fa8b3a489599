//! What keeps the tree in order: which module may know which, sizes, names, and words that do not belong.
#![expect(clippy::unwrap_used, reason = "a tree that cannot be read fails the test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The modules of `shared` that are single values; each may know those before it.
const VALUES: [&str; 12] =
    ["id", "time", "geo", "born", "name", "nik", "phone", "slip", "symbols", "blank", "collection", "survey"];

/// The other modules of `shared`, each with those that it may know besides the values. A new module takes its
/// place here or above first.
const LAYERS: [(&str, &[&str]); 11] = [
    ("aside", &[]),
    ("change", &[]),
    ("document", &["change"]),
    ("wire", &["change"]),
    ("identity", &[]),
    ("registry", &[]),
    ("seal", &["wire", "identity"]),
    ("stamp", &["identity"]),
    ("store", &["aside", "change", "document", "wire", "registry", "seal"]),
    ("sync", &["aside", "change", "document", "wire", "identity", "registry", "seal", "store"]),
    ("desk", &["change", "document", "registry", "stamp", "store", "sync"]),
];

/// What `shared` may not depend on: it does no work of its own.
const ACTING: [&str; 5] = ["tokio", "quinn", "axum", "clap", "anyhow"];

const TOP_LEVEL: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "LICENSE",
    "van-agent",
    "hub-server",
    "shared",
    "tests",
    "scripts",
];

const LINES_WANTED: usize = 500;
const LINES_MAX: usize = 800;
/// Lines of a function, comments not counted.
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn modules_of_shared_know_only_those_below_them() {
    let mut wrong = Vec::new();
    for (path, code) in code_of("shared/src") {
        let module = first_part(&path, "shared/src");
        let Some(allowed) = allowed(&module) else {
            wrong.push(format!("{path}: module {module} has no place in the list of layers"));
            continue;
        };
        for known in paths_after(&code, "crate") {
            if known != module && !allowed.contains(&known.as_str()) {
                wrong.push(format!("{path}: {module} may not know {known}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn only_documents_know_automerge() {
    let mut wrong = Vec::new();
    for member in ["shared", "van-agent", "hub-server", "tests"] {
        let manifest = read(&root().join(member).join("Cargo.toml"));
        if member != "shared" && dependencies(&manifest).contains("automerge") {
            wrong.push(format!("{member}/Cargo.toml"));
        }
        for (path, code) in code_of(&format!("{member}/src")) {
            if !path.starts_with("shared/src/document") && !paths_after(&code, "automerge").is_empty() {
                wrong.push(path);
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn programs_know_only_what_is_below_them() {
    let mut wrong = Vec::new();
    for (path, code) in code_of("hub-server/src") {
        let of_the_van = paths_after(&code, "van_agent");
        wrong.extend(of_the_van.iter().filter(|name| *name != "host").map(|name| format!("{path}: {name}")));
    }
    for (member, above) in [("shared", ["van-agent", "hub-server"]), ("van-agent", ["hub-server", "tests"])] {
        let known = dependencies(&read(&root().join(member).join("Cargo.toml")));
        wrong.extend(
            above.iter().filter(|name| known.contains(**name)).map(|name| format!("{member}: {name}")),
        );
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn shared_does_no_work_of_its_own() {
    let known = dependencies(&read(&root().join("shared/Cargo.toml")));
    let acting: Vec<_> = ACTING.iter().filter(|name| known.contains(**name)).collect();
    assert!(acting.is_empty(), "{acting:?}");
}

#[test]
fn files_are_small_and_their_names_say_something() {
    let mut wrong = Vec::new();
    for path in files().iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        let lines = read(path).lines().count();
        let name = shown(path);
        if lines > LINES_MAX {
            wrong.push(format!("{name} has {lines} lines, {LINES_MAX} are allowed"));
        } else if lines > LINES_WANTED {
            eprintln!("{name} has {lines} lines, {LINES_WANTED} are wanted");
        }
        let empty = ["util", "utils", "common", "helper", "helpers", "misc", "types"];
        if name.trim_end_matches(".rs").split('/').any(|part| empty.contains(&part)) {
            wrong.push(format!("{name} is named by its kind"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn functions_fit_on_a_screen() {
    let mut wrong = Vec::new();
    for member in ["shared", "van-agent", "hub-server", "tests"] {
        for (path, code) in code_of(&format!("{member}/src")) {
            let long = functions(&code).into_iter().filter(|(_, lines)| *lines > FUNCTION_LINES_MAX);
            wrong.extend(long.map(|(name, lines)| format!("{path}: {name} has {lines} lines")));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Where failures are made that no page tells: the command line, the start, and the ground under both programs.
const WITHOUT_PAGES: [&str; 4] = ["commands/", "host/", "access.rs", "start.rs"];

#[test]
fn every_failure_that_a_page_may_tell_has_a_code_for_its_words() {
    let mut wrong = Vec::new();
    for (path, code) in code_of("van-agent/src") {
        let place = path.trim_start_matches("van-agent/src/");
        if WITHOUT_PAGES.iter().any(|without| place.starts_with(without)) {
            continue;
        }
        let without = failures(&code).into_iter().filter(|calls| !calls.iter().any(|call| is_code(call)));
        wrong.extend(without.map(|calls| format!("{path}: Failure::{}", calls.join("."))));
    }
    assert_eq!(wrong, Vec::<String>::new(), "give each `why` or `because`");
}

fn is_code(call: &str) -> bool {
    ["why", "because"].contains(&call)
}

/// Each failure that some code makes: the name of the function that makes it, and of the methods called on it at once.
fn failures(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (_, mut rest) in code.match_indices("Failure::").map(|(at, start)| (at, &code[at + start.len()..])) {
        let mut calls = Vec::new();
        while let Some((name, after)) = rest.split_once('(').filter(|(name, _)| identifier(name).is_some()) {
            calls.push(name.to_owned());
            let Some(end) = closing(after) else { break };
            rest = after[end..].trim_start().strip_prefix('.').unwrap_or("");
        }
        if calls.first().is_some_and(|made| ["new", "usage"].contains(&made.as_str())) {
            found.push(calls);
        }
    }
    found
}

/// Behind the parenthesis that closes one that is open before `code`; parentheses in texts come in pairs.
fn closing(code: &str) -> Option<usize> {
    let mut open = 1;
    for (at, character) in code.char_indices() {
        open += match character {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if open == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[test]
fn no_text_speaks_of_the_workplace() {
    // In halves, so that this file does not hold them.
    let words = [["issue ", "#"], ["/wo", "rk/"], ["/ro", "ot/"], ["npm", "js.org"], ["crates", ".io/api"]]
        .map(|halves| halves.concat());
    let mut wrong = Vec::new();
    for path in files() {
        // What is no text has no words.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            let found = words.iter().filter(|word| line.to_lowercase().contains(word.as_str()));
            wrong.extend(found.map(|word| format!("{}:{}: {word}", shown(&path), number + 1)));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_top_level_holds_what_it_should() {
    let names = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let strange: Vec<_> = names
        .filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()))
        .filter(|name| !root().join(name).join("CACHEDIR.TAG").exists())
        .collect();
    assert_eq!(strange, Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn scripts_can_be_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let scripts = fs::read_dir(root().join("scripts")).unwrap().map(|entry| entry.unwrap().path());
    for script in scripts.chain([root().join(".ci/run")]) {
        let mode = script.metadata().unwrap().permissions().mode();
        assert!(mode & 0o111 == 0o111, "{} is not executable", shown(&script));
        assert!(read(&script).starts_with("#!/usr/bin/env bash\n"), "{}", shown(&script));
    }
}

/// What a module of `shared` may know; None if the module has no place yet.
fn allowed(module: &str) -> Option<Vec<&'static str>> {
    if module == "lib" {
        return Some(Vec::new());
    }
    if let Some(place) = VALUES.iter().position(|value| *value == module) {
        return Some(VALUES[..place].to_vec());
    }
    let (_, layers) = LAYERS.iter().find(|(layer, _)| *layer == module)?;
    Some([VALUES.as_slice(), layers].concat())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/")
}

/// All files of the project, but for what is built or fetched.
fn files() -> Vec<PathBuf> {
    let mut open = vec![root().to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        if folder.join("CACHEDIR.TAG").exists() {
            continue;
        }
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if ![".git", "target", "node_modules", "data"].contains(&name) {
                    open.push(path);
                }
            } else if name != ".git" {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The sources below a folder with their code: without comments, and without the tests at the bottom.
fn code_of(folder: &str) -> Vec<(String, String)> {
    let sources = files().into_iter().map(|path| (shown(&path), path));
    sources
        .filter(|(name, _)| name.starts_with(folder) && name.ends_with(".rs"))
        .filter(|(name, _)| !name.ends_with("/tests.rs"))
        .map(|(name, path)| {
            let text = read(&path);
            let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
            (name, code.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n"))
        })
        .collect()
}

/// The module of a crate to which a file belongs: `shared/src/wire/frame.rs` is of `wire`.
fn first_part(path: &str, folder: &str) -> String {
    let inside = path.trim_start_matches(folder).trim_start_matches('/');
    inside.split('/').next().unwrap().trim_end_matches(".rs").to_owned()
}

/// The names that follow `start::` in code, those of a group `start::{a::B, c}` included.
fn paths_after(code: &str, start: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(&format!("{start}::")) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|before| before.is_alphanumeric() || before == '_' || before == '$') {
            continue;
        }
        let rest = code[at + start.len() + 2..].trim_start();
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(members(group));
        } else {
            found.extend(identifier(rest));
        }
    }
    found
}

/// The first name of each member of a group, up to the brace that closes it.
fn members(group: &str) -> Vec<String> {
    let mut members = Vec::new();
    let (mut depth, mut starts) = (0, true);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts = true,
            _ if starts && !character.is_whitespace() => {
                members.extend(identifier(&group[at..]));
                starts = false;
            }
            _ => {}
        }
    }
    members
}

fn identifier(text: &str) -> Option<String> {
    let name: String =
        text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// The functions of formatted code, each with its lines from the first of its signature to its last brace.
fn functions(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<_> = code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let words: Vec<_> = line.split_whitespace().take_while(|word| !word.contains('=')).collect();
        let Some(name) = words.iter().position(|word| *word == "fn").and_then(|fn_at| words.get(fn_at + 1))
        else {
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        // One without a body, or on one line, ends before the next that ends a block of its depth.
        if line.ends_with(['}', ';']) {
            continue;
        }
        if let Some(length) = lines[at..].iter().position(|line| **line == end) {
            found.push((identifier(name).unwrap_or_default(), length + 1));
        }
    }
    found
}

/// The dependencies that a manifest names, those of its tests included.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim_end_matches(']').ends_with("dependencies");
        } else if inside {
            let name = line.split(['=', '.', ' ']).next().unwrap();
            if !name.is_empty() && !name.starts_with('#') {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

#[test]
fn the_reading_of_code_sees_what_it_should() {
    let seen = |code, start| paths_after(code, start).into_iter().collect::<Vec<_>>();
    assert_eq!(seen("use crate::{\n    id::{A, B},\n    time, wire::C};", "crate"), ["id", "time", "wire"]);
    assert_eq!(seen("let x = crate::store::open(); $crate::macro_made!()", "crate"), ["store"]);
    assert_eq!(seen("use van_agent::host::Home; my_van_agent::web", "van_agent"), ["host"]);
    let code = "impl A {\n    pub fn one(\n        &self,\n    ) -> u8 {\n        1\n    }\n    fn two() {}\n}\nasync fn three() {\n}";
    assert_eq!(functions(code), [("one".to_owned(), 5), ("three".to_owned(), 2)]);
    let code = "Failure::new(format!(\"a {b}\"))\n    .why(\"c\")\n    .next(d()), Failure::usage(e), Failure::clone(f)";
    assert_eq!(failures(code), [vec!["new", "why", "next"], vec!["usage"]]);
    let manifest =
        "[package]\nname = \"x\"\n\n[dependencies]\na.workspace = true\nb = \"1\"\n# c\n\n[lints]\nd = 1";
    assert_eq!(dependencies(manifest).into_iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(first_part("shared/src/wire/frame.rs", "shared/src"), "wire");
}
