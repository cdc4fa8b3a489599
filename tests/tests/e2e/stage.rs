//! A hub behind a link, laptops around it, and what they say.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    people::{self, Order, Region},
    process::{Call, Hub, Output, Running, Van},
    relay::{Profile, Relay},
};

/// How long something that is sure to happen may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A hub that laptops reach through a link only, whatever port it listens on.
pub(crate) struct Stage {
    pub(crate) hub: Hub,
    pub(crate) link: Relay,
    running: RefCell<Option<Running>>,
    folder: TempDir,
}

impl Stage {
    /// A hub that runs, with its home below the stage's folder.
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let hub = Hub::init(folder.path().join("hub"), &[]);
        Self::with(folder, hub)
    }

    /// The same behind another link.
    pub(crate) fn over(profile: Profile) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let hub = Hub::init(folder.path().join("hub"), &[]);
        Self::behind(profile, folder, hub)
    }

    /// The same over a hub that was set up elsewhere.
    pub(crate) fn with(folder: TempDir, hub: Hub) -> Self {
        Self::behind(Profile::clean(), folder, hub)
    }

    fn behind(profile: Profile, folder: TempDir, hub: Hub) -> Self {
        let nobody = "127.0.0.1:9".parse().expect("an address");
        let link = Relay::start(nobody, profile, 1).expect("a link");
        let stage = Self { hub, link, running: RefCell::new(None), folder };
        stage.start();
        stage
    }

    /// Starts the hub and leads the link to it.
    pub(crate) fn start(&self) {
        let address = self.link.addr().to_string();
        let running = self.hub.start(&["--advertise", &address]);
        self.link.retarget(running.addr("quic"));
        *self.running.borrow_mut() = Some(running);
    }

    /// Ends the hub in order.
    pub(crate) fn stop(&self) {
        self.take().terminate().done();
    }

    /// Ends the hub as a power cut would.
    pub(crate) fn kill(&self) {
        self.take().kill();
    }

    fn take(&self) -> Running {
        self.running.borrow_mut().take().expect("the hub runs")
    }

    /// The hub's process.
    pub(crate) fn running(&self) -> std::cell::RefMut<'_, Running> {
        std::cell::RefMut::map(self.running.borrow_mut(), |running| running.as_mut().expect("the hub runs"))
    }

    /// A path below the stage's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("a temporary folder has a plain name").to_owned()
    }

    /// A laptop of `unit`, enrolled.
    pub(crate) fn van(&self, name: &str, unit: &str) -> Van {
        Van::enroll(self.path(name), &self.hub.invite(unit))
    }

    /// The ids of the cases that the hub holds.
    pub(crate) fn hub_cases(&self) -> BTreeSet<String> {
        ids(&self.hub.run(&["case", "list"]))
    }
}

/// The ids of the cases that a laptop holds.
pub(crate) fn van_cases(van: &Van) -> BTreeSet<String> {
    ids(&van.run(&["case", "list"]))
}

/// The ids of the cases that an output names.
pub(crate) fn ids(output: &Output) -> BTreeSet<String> {
    output.lines.iter().filter_map(|line| line["case"].as_str().map(str::to_owned)).collect()
}

/// A good line, with other values for some of its fields.
pub(crate) fn line(fields: Value) -> String {
    let mut line = json!({
        "nik": null, "name": "O'a Mate", "sex": "P", "born": "1990-08-17", "phone": "081234567890",
        "address": "RT 1", "village": "53.02.01.1001", "service": "DUK-LAHIR", "status": "received",
        "started": "2026-11-20T09:12:00+08:00", "ended": "2026-11-20T09:20:00+08:00",
        "position": [-9.86, 124.28], "officer": "P-07", "visit": "Niki-Niki", "notes": "", "consent": true,
    });
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    for (field, value) in fields {
        line[field] = value;
    }
    line.to_string()
}

/// Records lines, whatever comes of them.
pub(crate) fn record(van: &Van, lines: &[String]) -> Output {
    recording(van, lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>()).run()
}

/// A call that records `input`.
pub(crate) fn recording(van: &Van, input: impl Into<Vec<u8>>) -> Call {
    van.call(&["record", "--file", "-", "--json"]).stdin(input)
}

/// Records one good line with other values for some fields; its slip number.
pub(crate) fn case(van: &Van, fields: Value) -> String {
    let output = record(van, &[line(fields)]).done();
    let slip = output.lines.iter().find_map(|line| line["slip"].as_str());
    slip.unwrap_or_else(|| panic!("no slip number in {output}")).to_owned()
}

/// What was reported on each line.
pub(crate) fn reports(output: &Output) -> Vec<&Value> {
    output.lines.iter().filter(|line| line["line"].is_u64()).collect()
}

/// A day of invented people.
pub(crate) fn day(cases: usize, seed: u64, unit: &str) -> String {
    let region = Region::shipped("53.02").expect("it is shipped");
    let order = Order { seed, cases, unit: unit.to_owned(), day: "2026-11-20".to_owned(), refs: false };
    people::ndjson(&region, &order).expect("the day is one")
}

/// A case as a machine shows it.
pub(crate) fn shown(output: Output) -> Value {
    output.done().json().clone()
}

/// Syncs, and everything must be handed over.
pub(crate) fn sync(van: &Van) -> Output {
    let output = van.run(&["sync"]);
    assert_eq!(output.json()["ok"], true, "{output}");
    output
}

/// Copies a folder with all in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("it is a folder") {
        let entry = entry.expect("it can be read");
        if entry.file_type().expect("it has a type").is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("it can be copied");
        }
    }
}
