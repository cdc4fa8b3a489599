//! What a laptop's first page tells that needs attention, in the words of both languages.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use shared::{
    store::{Store, StoreError, set_fact},
    time::{Now, Tick, Timestamp},
};
use tests::{
    page::Reader,
    process::{Call, Program, Running, Van},
};
use van_agent::{
    agent::Agent,
    request::{RawLine, Request},
    start,
};

use crate::{
    full_disk::Disk,
    stage::{Stage, line, record, sync},
};

const HOUR_MILLISECONDS: i64 = 3_600_000;
const DAY_MILLISECONDS: i64 = 24 * HOUR_MILLISECONDS;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("it is this age")
}

/// Has the laptop whose program does not run do something by a clock that stands some days from now; its answer.
fn days_from_now(van: &Van, days: i64, request: Request) -> Value {
    let home = start::home(van.home().to_owned()).expect("it is enrolled");
    let replica = start::open(&home).expect("it opens");
    let mut agent = Agent::new(replica, home);
    let then = Now { wall: Timestamp(now() + days * DAY_MILLISECONDS), tick: Tick(0) };
    agent.execute(then, request, &mut |_| true).unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn open_visit() -> Request {
    Request::VisitOpen {
        label: "Niki-Niki".to_owned(),
        date: None,
        village: None,
        point: None,
        lead: None,
        agencies: Vec::new(),
    }
}

/// Notes in the store of a laptop whose program does not run how far the hub's clock was ahead at the last contact.
fn note_clock(van: &Van, minutes: i64) {
    let mut store = Store::open(&van.home().join("keliling.db")).expect("the laptop's store");
    let noted =
        store.commit(|tx| set_fact(tx, "hub_clock_ahead", &(minutes * HOUR_MILLISECONDS / 60).to_le_bytes()));
    noted.map_err(|error: StoreError| error).expect("written");
}

/// A laptop that runs where the system tells of one battery.
struct Powered {
    running: Running,
}

impl Powered {
    /// Starts the laptop's program, with a folder of supplies that nobody else sees.
    fn start(van: &Van) -> Self {
        let supplies = "mount -t tmpfs tmpfs /sys/class/power_supply && mkdir /sys/class/power_supply/BAT0 && \
                        echo Battery > /sys/class/power_supply/BAT0/type && exec \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", supplies, "sh"])
            .arg(Program::Van.path())
            .arg("--home")
            .arg(van.home());
        command.args(["run", "--json", "--web", "127.0.0.1:0"]);
        command.env("XDG_STATE_HOME", van.home().with_extension("state"));
        Self { running: Call::of(command).start() }
    }

    /// What the system tells of the battery from now on.
    fn set(&self, percent: u8, status: &str) {
        let battery = PathBuf::from(format!("/proc/{}/root", self.running.id()))
            .join(Path::new("sys/class/power_supply/BAT0"));
        fs::write(battery.join("capacity"), format!("{percent}\n")).expect("it can be written");
        fs::write(battery.join("status"), format!("{status}\n")).expect("it can be written");
    }
}

/// Whether a page tells each of the words, in that order.
fn tells(page: &str, words: &[&str]) {
    let mut rest = page;
    for wanted in words {
        let Some((_, after)) = rest.split_once(wanted) else {
            panic!("`{wanted}` is not told in order: {page}")
        };
        rest = after;
    }
}

#[test]
fn what_needs_attention_stands_on_the_first_page() {
    let stage = Stage::open();
    let Some(disk) = Disk::mount(&stage.path("disk"), 80_000) else { return };
    let van = Van::enroll(disk.at.join("van"), &stage.hub.invite("V01"));
    let soon = Timestamp(now() + DAY_MILLISECONDS).to_rfc3339(480);
    let day = soon.split_once('T').expect("a day and a time").0;
    stage.hub.run(&[
        "lease", "grant", "--unit", "V01", "--kind", "KTP-EL", "--from", "000001", "--to", "000010",
        "--until", day,
    ]);
    sync(&van);
    stage.stop();
    let complete = |hours: i64| {
        let started = Timestamp(now() - hours * HOUR_MILLISECONDS).to_rfc3339(480);
        line(json!({"service": "DUK-LAHIR", "status": "complete", "started": started, "ended": null}))
    };
    record(&van, &[complete(21), complete(13)]).done();
    note_clock(&van, 37);
    days_from_now(&van, -2, open_visit());

    let laptop = Powered::start(&van);
    laptop.set(29, "Discharging");
    let reader = Reader::of(&laptop.running);
    let since = Timestamp(now() - 2 * DAY_MILLISECONDS).to_rfc3339(480);
    let since = since.split_once('T').expect("a day and a time").0;
    let found = reader.get("/");
    tells(
        &found,
        &[
            "Perlu perhatian",
            "hanya ada di laptop ini sejak",
            "Ruang disk hampir habis",
            "37 menit dari jam pusat",
        ],
    );
    tells(&found, &["Jatah nomor", "KTP-EL", "000001", "segera berakhir: minta yang baru ke pusat"]);
    tells(&found, &["Lewat 80 %: 1.", "Lewat 50 %: 1.", "87 %", "sisa 3 jam", "54 %", "sisa 11 jam"]);
    tells(&found, &["Baterai 29 %", "href=\"/sheets\"", "Cetak lembar darurat sekarang."]);
    tells(&found, &["Tertua yang belum di pusat", since]);
    tells(&reader.get("/sheets"), &["Baterai 29 %", "Cetak lembar darurat sekarang."]);
    let english = reader.in_language("en").get("/");
    tells(
        &english,
        &[
            "Needs attention",
            "on this laptop only, since",
            "The disk is nearly full",
            "37 minutes from the hub",
        ],
    );
    tells(&english, &["Lease of numbers", "ends soon", "Past 80 %: 1.", "Past 50 %: 1.", "Battery 29 %"]);
    laptop.set(29, "Charging");
    let charged = reader.get("/");
    assert!(charged.contains("Baterai 29 %") && !charged.contains("Cetak lembar darurat"), "{charged}");
    laptop.running.terminate().done();
}

#[test]
fn a_laptop_of_which_nothing_is_odd_asks_for_no_attention() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    sync(&van);
    let running = van.start(&[]);
    let page = Reader::of(&running).get("/");
    // How much room the disk has is not this test's to say.
    for odd in ["hanya ada di laptop ini sejak", "dari jam pusat", "Jatah nomor", "Lewat 50 %"] {
        assert!(!page.contains(odd), "{odd}: {page}");
    }
    running.terminate().done();
}

#[test]
fn a_lease_that_is_over_warns_and_stops_no_work() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let today = Timestamp(now()).to_rfc3339(480);
    let day = today.split_once('T').expect("a day and a time").0;
    for (kind, letter) in [("slip:DUK", Some("A")), ("KTP-EL", None)] {
        let grant = [
            "lease", "grant", "--unit", "V01", "--kind", kind, "--from", "500", "--to", "599", "--until", day,
        ];
        let laptop = letter.map_or_else(Vec::new, |letter| vec!["--laptop", letter]);
        stage.hub.run(&[&grant[..], &laptop].concat());
    }
    sync(&van);
    let lines = [json!({}), json!({"service": "DUK-CETAK", "blank": "501"})];
    let lines =
        lines.into_iter().zip(1..).map(|(fields, number)| RawLine { line: number, text: line(fields) });
    let reports = days_from_now(&van, 3, Request::Record { lines: lines.collect() });
    for (report, number) in reports.as_array().expect("a report each").iter().zip(["500", "501"]) {
        assert_eq!(report["number"], number, "the next number is taken all the same: {reports}");
        let warning = report["warnings"].to_string();
        assert!(warning.contains("ended on") && warning.contains("ask the hub"), "{warning}");
    }
    let attention = days_from_now(&van, 3, Request::Today)["attention"].clone();
    let leases: Vec<_> =
        attention.as_array().expect("a list").iter().filter(|one| one["code"] == "lease").collect();
    assert_eq!(leases.len(), 2, "{attention}");
    assert!(
        leases.iter().all(|one| one["says"].as_str().is_some_and(|says| says.contains("ended on"))),
        "{attention}"
    );
}
