//! The commands themselves: homes, exit codes, JSON, other processes, newer files, exported files, pages.

use std::{collections::BTreeSet, fs, io::Write as _, net::SocketAddr, path::Path, process::Command};

use serde_json::{Value, json};
use tests::{
    page::ask,
    process::{Call, Output, Program, Van},
};

use crate::stage::{Stage, case, day, recording, sync, van_cases};

fn program(program: Program, arguments: &[&str]) -> Call {
    let mut command = Command::new(program.path());
    command.args(arguments);
    Call::of(command)
}

#[test]
fn a_home_is_named_before_or_after_or_by_the_environment() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete"}));
    let (home, hub) = (stage.text("van"), stage.text("hub"));
    for (which, variable, home, list) in [
        (Program::Van, "VAN_AGENT_HOME", &home, ["case", "list", "--json"]),
        (Program::Hub, "HUB_SERVER_HOME", &hub, ["device", "list", "--json"]),
    ] {
        let before = program(which, &[&["--home", home][..], &list].concat()).run().done();
        let after = program(which, &[&list[..], &["--home", home]].concat()).run().done();
        let between = program(which, &[list[0], "--home", home, list[1], list[2]]).run().done();
        let named = program(which, &list).env(variable, home).run().done();
        let all: BTreeSet<_> = [&before, &after, &between, &named].map(|output| &output.stdout).into();
        assert_eq!(all.len(), 1, "{before}{after}{between}{named}");
        // What is typed counts more than what is set.
        let typed = program(which, &[&list[..], &["--home", home]].concat()).env(variable, "/nowhere/at/all");
        assert_eq!(typed.run().done().stdout, before.stdout);
    }
    assert!(van.run(&["case", "list"]).stdout.contains(&slip));
    let nothing = program(Program::Hub, &["status", "--home", &stage.text("nothing")]).run().exited(1);
    assert!(nothing.stderr.contains("hub-server init"), "{nothing}");
    assert!(!stage.path("nothing").exists(), "a question makes no folder");
}

#[test]
fn wrong_usage_exits_with_two_and_help_with_an_example() {
    for (which, wrong) in [
        (Program::Van, &["frobnicate"][..]),
        (Program::Van, &[]),
        (Program::Van, &["case"]),
        (Program::Van, &["sync", "--patience", "soon"]),
        (Program::Van, &["amend", "x", "--set", "colour=red"]),
        (Program::Van, &["run", "--web", "0.0.0.0:0"]),
        (Program::Van, &["record"]),
        (Program::Van, &["record", "--position", "here", "--name", "A"]),
        (Program::Hub, &["init", "--district", "fifty"]),
        (Program::Hub, &["init"]),
        (Program::Hub, &["run", "--listen", "everywhere"]),
        (Program::Hub, &["invite"]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().to_str().expect("UTF-8").to_owned();
        let output = program(which, &[wrong, &["--home", &home]].concat()).run().exited(2);
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{output}");
    }
    for which in [Program::Van, Program::Hub] {
        for command in commands(which) {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            let help = program(which, &[&words[..], &["--help"]].concat()).run().done();
            assert!(help.stdout.contains("Example:"), "{help}");
            assert!(help.stdout.contains("--json") && help.stdout.contains("--home"), "{help}");
        }
        for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
            let script = program(which, &["completions", shell]).run().done();
            assert!(script.stdout.contains(which.name()), "{shell}");
        }
    }
}

/// Every subcommand, as its `--help` names them.
fn commands(which: Program) -> Vec<Vec<String>> {
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    let mut found = Vec::new();
    while let Some(command) = open.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = program(which, &[&words[..], &["--help"]].concat()).run().done().stdout;
        let listed =
            help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        for name in listed
            .filter(|line| !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
        {
            open.push([&command[..], &[name.to_owned()]].concat());
        }
        found.push(command);
    }
    found
}

#[test]
fn the_numbers_in_helps_and_in_the_tour_are_right() {
    let mut texts = vec![include_str!("../../../README.md").to_owned()];
    for which in [Program::Van, Program::Hub] {
        for command in commands(which) {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            texts.push(program(which, &[&words[..], &["--help"]].concat()).run().done().stdout);
        }
    }
    let (mut slips, mut villages) = (0, 0);
    for word in texts.iter().flat_map(|text| text.split([' ', '\n', '`', '"', '\'', ',', ';', '(', ')', '|']))
    {
        let digits = word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_digit());
        assert!(!digits || word.parse::<shared::nik::Nik>().is_ok(), "{word}");
        if word.starts_with(|c: char| c.is_ascii_digit()) && word.matches('/').count() == 3 {
            slips += 1;
            assert!(word.parse::<shared::slip::SlipNumber>().is_ok(), "{word}");
        }
        let parts: Vec<&str> = word.split('.').collect();
        let coded =
            parts.len() == 4 && parts[3].len() == 4 && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if coded {
            villages += 1;
            assert!(word.parse::<shared::id::VillageCode>().is_ok(), "{word}");
        }
    }
    assert!(slips >= 5 && villages >= 3, "{slips} slip numbers, {villages} villages");
}

/// Standard output is JSON alone, one value a line; so is standard error, but for the log.
#[track_caller]
fn all_json(output: &Output) {
    for line in output.stdout.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "`{line}` in {output}");
    }
    if output.code != Some(0) {
        let told = output.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        assert!(told.filter(|value| value["error"]["message"].is_string()).count() == 1, "{output}");
    }
}

/// A file to attach.
const PAPER: &[u8] = b"%PDF-1.4\nof one line\n";

#[test]
fn every_command_speaks_json() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete", "nik": "5302015708909002"}));
    case(&van, json!({"name": "Bete"}));
    sync(&van);
    let people = van.run(&["person", "list"]).lines;
    let person = |at: usize| people[at]["person"].as_str().expect("an id").to_owned();
    let (one, other, file) = (person(0), person(1), stage.text("export"));
    let (paper, id) = (stage.text("paper.pdf"), blake3::hash(PAPER).to_hex().to_string());
    let (given, given_by_hub) = (stage.text("given.pdf"), stage.text("given-by-hub.pdf"));
    fs::write(&paper, PAPER).expect("it can be written");
    let mut asked: BTreeSet<String> = BTreeSet::new();
    let mut ask = |which: Program, arguments: &[&str], code: i32| {
        let call = match which {
            Program::Van => van.call(&[arguments, &["--json"]].concat()),
            Program::Hub => stage.hub.call(&[arguments, &["--json"]].concat()),
        };
        let output = call.run().exited(code);
        all_json(&output);
        // Where nothing is held, met, added or expected, nothing is listed.
        let may_be_empty =
            ["quarantine", "peer", "dictionary"].contains(&arguments[0]) || arguments.contains(&"expected");
        assert!(code != 0 || output.stdout.lines().count() > 0 || may_be_empty, "{output}");
        let groups = "case handover visit day queue settings slip sheet survey blank bundle peer person device seal lease \
                      quarantine question registry dictionary service";
        let two = groups.split(' ').any(|group| group == arguments[0]);
        asked.insert(format!("{} {}", which.name(), arguments[..1 + usize::from(two)].join(" ")));
    };
    let nobody = "53.02/V01A/20261120/0999-X";
    let (bundle, receipts) = (stage.text("there.bundle"), stage.text("home.bundle"));
    for (arguments, code) in [
        (
            &[
                "record",
                "--name",
                "A",
                "--sex",
                "L",
                "--village",
                "53.02.01.1001",
                "--service",
                "DUK-KK",
                "--officer",
                "a",
            ][..],
            0,
        ),
        (&["record", "--name", "A"], 1),
        (&["amend", &slip, "--set", "notes=x"], 0),
        (&["amend", nobody, "--set", "notes=x"], 1),
        (&["case", "list"], 0),
        (&["case", "list", "--format", "ndjson"], 0),
        (&["case", "show", &slip], 0),
        (&["case", "show", nobody], 1),
        (&["case", "export", &slip, "--format", "json"], 0),
        (&["case", "export", &slip, "--format", "automerge", "--out", &file], 0),
        (&["case", "attach", &slip, &paper], 0),
        (&["case", "attachment", &slip, &id, "--out", &given], 0),
        (&["case", "scans"], 1),
        (&["case", "handled", &slip, "--reason", "said"], 1),
        (&["question", "ask", &slip, "--words", "which?"], 0),
        (&["question", "list"], 0),
        (&["question", "settle", &slip], 0),
        (&["question", "settle", &slip], 1),
        (&["handover", "list"], 0),
        (&["handover", "manifest"], 0),
        (&["handover", "load", "--all"], 0),
        (&["handover", "load", &slip], 1),
        (&["handover", "give", &slip, "--collector", "subject", "--received", "thumb"], 1),
        (&["handover", "entrust", &slip, "--with", "Kepala Desa"], 1),
        (&["handover", "returned", "--with", "Kepala Desa"], 0),
        (&["handover", "back", &slip, "--reason", "x"], 1),
        (&["handover", "wrong-hands", &slip, "--reason", "x"], 1),
        (&["officer", "Maria Taek"], 0),
        (&["officer"], 0),
        (&["settings", "list"], 0),
        (&["settings", "set", "paper", "80"], 0),
        (&["settings", "set", "paper", "57"], 2),
        (&["slip", "show", &slip], 0),
        (&["slip", "unprinted"], 0),
        (&["slip", "printed", &slip], 0),
        (&["slip", "verify", "nonsense"], 2),
        (&["sheet", "print", "2"], 0),
        (&["sheet", "list"], 0),
        (&["today"], 0),
        (&["find", "bete"], 0),
        (&["custody"], 0),
        (&["custody", "--safe-to-wipe"], 1),
        (&["day", "show"], 0),
        (&["queue", "take", "general"], 0),
        (&["day", "decide", nobody, "postpone"], 1),
        (&["day", "close", "--leader", "Maria Taek"], 0),
        (&["queue", "waiting-list"], 0),
        (&["visit", "open", "Pasar"], 0),
        (&["survey", "add", "--scores", "4,4,3,,4,4,4,4,1"], 0),
        (&["survey", "add", "--scores", "4,5"], 2),
        (&["survey", "show"], 0),
        (&["blank", "receive", "KTP-EL", "000001", "000010"], 0),
        (&["blank", "receive", "KTP-EL", "000010", "000001"], 2),
        (&["blank", "spoil", "KTP-EL", "000002", "--reason", "tinta"], 0),
        (&["blank", "return", "KTP-EL", "000009", "000010"], 0),
        (&["blank", "use", &slip, "000001"], 0),
        (&["blank", "list"], 0),
        (&["sync"], 0),
        (&["case", "detach", &slip, &id, "--reason", "of another"], 0),
        (&["visit", "open", "Pasar"], 0),
        (&["service", "list", "duk"], 0),
        (&["queue", "take", "priority"], 0),
        (&["queue", "take", "vip"], 1),
        (&["queue", "call"], 0),
        (&["queue", "skip", "B-A001"], 0),
        (&["queue", "serve", "B-A001"], 0),
        (&["queue", "left", "Z-Z999"], 1),
        (&["queue", "list"], 0),
        (&["visit", "list"], 0),
        (&["visit", "expected"], 0),
        (&["visit", "close", "Pasar"], 0),
        (&["visit", "close", "Nowhere"], 1),
        (&["person", "list"], 0),
        (&["person", "different", &one, &other], 0),
        (&["person", "same", &one, &other], 0),
        (&["bundle", "export", &bundle], 0),
        (&["bundle", "verify", &bundle], 0),
        (&["bundle", "import", &bundle], 0),
        (&["bundle", "list"], 0),
        (&["peer", "list"], 0),
        (&["peer", "sync", "127.0.0.1:9"], 1),
        (&["doctor"], 0),
        (&["enroll", "KLG1-x"], 1),
    ] {
        ask(Program::Van, arguments, code);
    }
    let backup = stage.text("backup.db");
    let points = stage.text("units.csv");
    fs::write(&points, "unit,name,kind\nV01,Mobil 1,van\n").expect("writes");
    for (arguments, code) in [
        (&["status"][..], 0),
        (&["invite", "--unit", "V01"], 0),
        (&["device", "list"], 0),
        (&["device", "suspend", "1"], 0),
        (&["device", "resume", "1"], 0),
        (&["device", "lost", "9"], 1),
        (&["case", "list"], 0),
        (&["case", "show", &slip], 0),
        (&["case", "amend", &slip, "--set", "notes=y"], 0),
        (&["case", "ready", &slip, "--as-agency", "DUK"], 1),
        (&["case", "manifest", "V01"], 0),
        (&["case", "export", &slip], 0),
        (&["case", "attachment", &slip, &id, "--out", &given_by_hub], 0),
        (&["question", "list", "--all"], 0),
        (&["question", "answer", &slip, "--words", "that one"], 1),
        (&["dictionary", "list"], 0),
        (&["dictionary", "add", &points], 1),
        (&["find", "bete"], 0),
        (&["person", "list"], 0),
        (&["person", "same", &one, &other], 0),
        (&["person", "different", &one, &other], 0),
        (&["slip", "verify", "nonsense"], 2),
        (&["seal", "list"], 0),
        (&["seal", "add", "04000003A4N0000"], 1),
        (&["bundle", "import", &bundle], 0),
        (&["bundle", "export", &receipts], 0),
        (&["survey", "show"], 0),
        (&["blank", "list"], 0),
        (&["lease", "grant", "--unit", "V01", "--kind", "KTP-EL", "--from", "000001", "--to", "000010"], 0),
        (&["lease", "grant", "--unit", "V09", "--kind", "slip:DUK", "--from", "1", "--to", "9"], 1),
        (&["lease", "list"], 0),
        (&["lease", "void", "L0001", "--reason", "habis"], 0),
        (&["quarantine", "list"], 0),
        (&["quarantine", "show", "0000"], 1),
        (&["registry", "list"], 0),
        (&["registry", "import", "--kind", "units", &points], 0),
        (&["backup", &backup], 0),
        (&["restore", &backup], 1),
        (&["doctor"], 0),
        (&["init", "--district", "53.02"], 1),
        (&["run"], 1),
        (&["device", "revoke", "1"], 0),
        (&["quarantine", "release", "V01A"], 1),
    ] {
        ask(Program::Hub, arguments, code);
    }
    let mut missing = Vec::new();
    for which in [Program::Van, Program::Hub] {
        let all = commands(which);
        let inner = |command: &&Vec<String>| {
            !all.iter().any(|other| other.len() > command.len() && other.starts_with(command))
        };
        for command in all.iter().filter(inner) {
            let name = format!("{} {}", which.name(), command.join(" "));
            // `run` speaks in other journeys, and completions are for a shell.
            if !asked.contains(&name) && name != "van-agent run" && !name.ends_with("completions") {
                missing.push(name);
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn whoever_holds_the_store_serves_the_others() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "Bete"}));
    let questions = |van: &Van| {
        van.run(&["case", "show", &slip]);
        van.run(&["amend", &slip, "--set", "notes=asked"]);
        van.run(&["find", "bete"]);
        van.run(&["custody"]);
    };
    // `sync`, held up by a link that carries nothing.
    stage.link.cut();
    let syncing = van.call(&["sync", "--json", "--patience", "30s"]).spawn();
    stage.link.wait(crate::stage::LIMIT, |stats| stats.up.cut.packets > 0).expect("it tries");
    questions(&van);
    let second = van.call(&["run", "--json"]).run().exited(1);
    assert!(second.stderr.contains("already running"), "{second}");
    stage.link.restore();
    drop(syncing.kill());
    // `record --file -`, while the one who types takes a rest.
    let folder = stage.path("pipe");
    assert!(Command::new("mkfifo").arg(&folder).status().is_ok_and(|status| status.success()));
    let mut recording = van.call(&["record", "--json", "--file", &stage.text("pipe")]).spawn();
    let mut pipe = fs::OpenOptions::new().write(true).open(&folder).expect("somebody reads");
    writeln!(pipe, "{}", crate::stage::line(json!({"name": "One"}))).expect("it is taken");
    recording.line(|line| line["line"] == 1);
    questions(&van);
    let under_way = van.call(&["sync", "--json"]).run().exited(1);
    assert!(under_way.stderr.contains("a recording is under way"), "{under_way}");
    assert!(under_way.stderr.contains("sync` again when it is done"), "{under_way}");
    assert_eq!(van_cases(&van).len(), 2);
    writeln!(pipe, "{}", crate::stage::line(json!({"name": "Two"}))).expect("it is taken");
    drop(pipe);
    assert_eq!(recording.finish().done().number("saved"), 2);
    // `run`.
    let running = van.start(&[]);
    questions(&van);
    van.record(&day(30, 1, "V01"));
    sync(&van);
    let second = van.call(&["run", "--json"]).run().exited(1);
    assert!(second.stderr.contains("already running"), "{second}");
    running.terminate().done();
    assert_eq!(van_cases(&van).len(), 33);
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    case(&van, json!({"name": "Bete"}));
    stage.stop();
    for (home, calls) in [
        (van.home(), [van.call(&["case", "list"]), van.call(&["doctor", "--rebuild"]), van.call(&["sync"])]),
        (
            stage.hub.home(),
            [
                stage.hub.call(&["status"]),
                stage.hub.call(&["run", "--listen", "127.0.0.1:0"]),
                stage.hub.call(&["doctor"]),
            ],
        ),
    ] {
        let file = home.join("keliling.db");
        let mut bytes = fs::read(&file).expect("it is there");
        // SQLite keeps the program's version at offset 60 of the file.
        bytes[60..64].copy_from_slice(&999_u32.to_be_bytes());
        fs::write(&file, &bytes).expect("writes");
        let files = listing(home);
        for call in calls {
            let output = call.run().exited(1);
            assert!(
                output.stderr.contains("version 999") && output.stderr.contains("newer program"),
                "{output}"
            );
        }
        assert_eq!(fs::read(&file).expect("it is there"), bytes);
        assert_eq!(listing(home), files);
    }
}

fn listing(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).expect("a folder").flatten();
    names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn an_exported_case_opens_in_javascript() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("js");
    if !library.join("node_modules").exists() {
        assert!(
            std::env::var_os("KELILING_COMPAT").is_none(),
            "the library is missing: npm ci --prefix tests/js"
        );
        eprintln!("not compared: scripts/test installs the JavaScript library");
        return;
    }
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    van.record(&day(6, 5, "V01"));
    let folder = stage.path("exported");
    fs::create_dir(&folder).expect("a folder");
    let slips: Vec<String> = van
        .run(&["case", "list"])
        .lines
        .iter()
        .filter_map(|row| row["slip"].as_str().map(str::to_owned))
        .collect();
    for (at, slip) in slips.iter().enumerate() {
        van.run(&["amend", slip, "--set", "notes=dari O'a\nbaris kedua", "--set", "status=complete"]);
        sync(&van);
        stage.hub.run(&["case", "amend", slip, "--set", "notes=from the hub", "--reason", "typo"]);
        sync(&van);
        for (form, end) in [("automerge", "automerge"), ("json", "json")] {
            let file = folder.join(format!("{at}.{end}"));
            van.run(&["case", "export", slip, "--format", form, "--out", file.to_str().expect("UTF-8")]);
        }
        let heads: Value =
            serde_json::from_slice(&fs::read(folder.join(format!("{at}.json"))).expect("there"))
                .expect("JSON");
        assert_eq!(heads["heads"], van.run(&["case", "show", slip]).json()["heads"]);
    }
    let output =
        Command::new("node").arg("compat.mjs").arg(&folder).current_dir(&library).output().expect("node");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        said.trim_end(),
        format!("{} passed, 0 failed", slips.len()),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Hosts that a page names, apart from itself.
fn outside(page: &str) -> Vec<&str> {
    let body = page.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    body.match_indices("//")
        .map(|(at, _)| body[at..].split(['"', '\'', ' ', '<', ')']).next().unwrap_or(""))
        .collect()
}

#[test]
fn pages_answer_this_machine_alone_and_name_no_other() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let slip = case(&van, json!({"name": "<script>alert(1)</script> O'a"}));
    let id = van.run(&["case", "list"]).text("case");
    let running = van.start(&[]);
    let url = running.ready()["url"].as_str().expect("a url").to_owned();
    let (at, query) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("it is whole");
    let page: SocketAddr = at.parse().expect("an address");
    assert!(page.ip().is_loopback());
    let get =
        |host: &str, path: &str, more: &str| ask(page, &format!("GET {path} HTTP/1.1\r\nHost: {host}{more}"));
    let signed_in = get(at, &format!("/{query}"), "");
    assert!(signed_in.starts_with("HTTP/1.1 303"), "{signed_in}");
    let cookie = signed_in.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    let cookie = format!("\r\nCookie: {}", cookie.split(';').next().expect("a pair"));
    for path in ["/", "/find?q=o", "/needs-you", &format!("/case/{id}"), "/style.css"] {
        for host in ["evil.example", "10.0.0.1", "127.0.0.1.evil.example", ""] {
            let answer = get(host, path, &cookie);
            assert!(answer.starts_with("HTTP/1.1 4"), "{host} {path}: {answer}");
        }
        if path != "/style.css" {
            assert!(get(at, path, "").starts_with("HTTP/1.1 401"), "{path}");
            assert!(get(at, path, "\r\nCookie: keliling-1=00").starts_with("HTTP/1.1 401"), "{path}");
        }
        let answer = get(at, path, &cookie);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert_eq!(outside(&answer), Vec::<&str>::new(), "{path}: {answer}");
        assert!(!answer.contains("<script>alert"), "{path}: {answer}");
        let head = answer.split_once("\r\n\r\n").expect("a head").0.to_ascii_lowercase();
        for header in ["content-security-policy: default-src", "cache-control: no-store", "nosniff"] {
            assert!(head.contains(header), "{path}: {head}");
        }
    }
    assert!(get(at, "/", &cookie).contains("<html lang=\"id\">"));
    assert!(get(at, &format!("/case/{id}"), &cookie).contains(&slip));
    assert!(get(at, "/case/ffff", &cookie).starts_with("HTTP/1.1 404"));
    let posted = ask(
        page,
        &format!("POST / HTTP/1.1\r\nHost: {at}\r\nOrigin: http://evil.example\r\nContent-Length: 0{cookie}"),
    );
    assert!(posted.starts_with("HTTP/1.1 403"), "{posted}");
    running.terminate().done();

    let web = stage.running().addr("web");
    let status = |host: &str| ask(web, &format!("GET / HTTP/1.1\r\nHost: {host}"));
    let own = status(&web.to_string());
    assert!(own.starts_with("HTTP/1.1 200") && own.contains("lang=\"id\""), "{own}");
    assert_eq!(outside(&own), Vec::<&str>::new(), "{own}");
    for host in ["evil.example", "10.0.0.1:80", ""] {
        assert!(status(host).starts_with("HTTP/1.1 4"), "{host}");
    }
    drop(recording(&van, "").run());
}
