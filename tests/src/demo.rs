//! The demo's district: a hub, laptops, a link that comes and goes, and the steps of its day.
//!
//! Every step runs the commands as a person would and verifies what they answer; it panics where they do not
//! hold what the project promises.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use shared::{
    change::{Action, Change, Key, Object, Operation, Scalar},
    document,
    id::{ActorId, DocumentId, Kind},
    store::{
        Store,
        changes::{self, Indexed, State},
        log,
    },
    sync::station::Station,
    time::Timestamp,
    wire::batch::{Entry, Origin},
};

use crate::{
    people::{Order, Region, ndjson},
    process::{Hub, Output, Running, Van},
    relay::{Profile, Relay},
};

/// Cases that each van records.
const CASES: usize = 100;
const DAY: &str = "2026-11-20";
const LIMIT: Duration = Duration::from_secs(180);

/// What a step does: the lines that it tells.
pub type Step = fn(&mut District) -> Vec<String>;

/// The day, in order.
pub const STEPS: [(&str, Step); 15] = [
    ("A hub for Kabupaten Timor Tengah Selatan, with its villages, service points and services", found_hub),
    ("Three units enrol their laptops, and have the registries with them", enrol),
    ("A day in villages without network: every case is on its laptop, and nowhere else", record),
    ("One person, several services: the identity is typed once", several_services),
    ("Coverage at V01: one exchange, and custody turns green by its receipt", first_sync),
    ("Coverage at V02, cut in mid-batch: nothing turns green that has no receipt", cut_sync),
    ("V02 comes back into coverage: the batch goes on at the byte where it was cut", resumed_sync),
    ("V03 hands over, and everybody has everybody's cases", all_sync),
    ("V01 and V02 both edit one case: other fields merge, one name is for a person to decide", both_edit),
    ("The agency takes a case on: the hub writes it, the van sees it, custody says accepted", amend),
    ("A laptop sends what it may not: the record is held with its reason, all else goes on", hostile),
    ("That laptop is revoked", revoke),
    (
        "A network that lets no UDP through: the same exchange over TCP, found in a short race and remembered",
        udp_blocked,
    ),
    ("The hub is killed and started again: every case that was reported is there", killed_hub),
    ("A laptop may be wiped, and the pages open, one with its day in progress", pages),
];

/// Everything that the demo runs.
#[derive(Debug)]
pub struct District {
    folder: PathBuf,
    relay: Relay,
    hub: Option<Hub>,
    serving: Option<Running>,
    page: Option<Running>,
    vans: Vec<Van>,
    stranger: Option<Van>,
    slips: BTreeSet<String>,
    /// Bytes that V01's first exchange sent up.
    first_up: u64,
}

impl District {
    /// A district of which nothing is set up yet; homes go into `folder`.
    pub fn found(folder: &Path) -> Self {
        let nowhere = "127.0.0.1:9".parse().expect("an address");
        Self {
            folder: folder.to_owned(),
            relay: Relay::start(nowhere, Profile::edge(), 7).expect("the system gives a port"),
            hub: None,
            serving: None,
            page: None,
            vans: Vec::new(),
            stranger: None,
            slips: BTreeSet::new(),
            first_up: 0,
        }
    }

    /// Where the hub's page is.
    pub fn hub_page(&self) -> String {
        self.serving.as_ref().map_or_else(String::new, |hub| format!("http://{}/", hub.addr("web")))
    }

    /// Where V01's page is, signed in.
    pub fn van_page(&self) -> String {
        let url = self.page.as_ref().and_then(|van| van.ready()["url"].as_str());
        url.unwrap_or_default().to_owned()
    }

    /// Stops everything.
    pub fn end(self) {
        for running in [self.page, self.serving].into_iter().flatten() {
            running.terminate();
        }
    }

    fn hub(&self) -> &Hub {
        self.hub.as_ref().expect("the hub was set up")
    }

    fn serve(&mut self) {
        let advertise = self.relay.addr().to_string();
        let serving = self.hub().start(&["--advertise", &advertise]);
        self.relay.retarget(serving.addr("quic"));
        self.serving = Some(serving);
    }

    fn sync(&self, van: usize) -> Output {
        self.vans[van].call(&["sync", "--json"]).within(LIMIT).run()
    }

    fn synced(&self, van: usize) -> String {
        let output = self.sync(van).done();
        let last = output.json();
        assert_eq!(last["ok"], Value::Bool(true), "{last}");
        let seconds = last["seconds"].as_f64().unwrap_or(f64::NAN);
        let over = if last["over"] == "tcp" { "EDGE, by TCP" } else { "EDGE" };
        format!(
            "{} sent, {} received, {} covered by receipts; {} bytes up, {} down, {seconds:.1} s over {over}",
            last["sent"], last["received"], last["receipted"], last["bytes_up"], last["bytes_down"],
        )
    }

    fn custody(&self, van: usize) -> [u64; 4] {
        let output = self.vans[van].run(&["custody"]);
        ["on_laptop", "carried", "at_hub", "accepted"].map(|state| output.number(state))
    }
}

fn unit(van: usize) -> String {
    format!("V{:02}", van + 1)
}

fn found_hub(district: &mut District) -> Vec<String> {
    district.hub = Some(Hub::init(district.folder.join("hub"), &[]));
    district.serve();
    let rows = district.hub().run(&["registry", "list"]).lines;
    let count = |kind: &str| {
        let row = rows.iter().find(|row| row["kind"] == kind);
        row.and_then(|row| row["rows"].as_u64()).unwrap_or_else(|| panic!("no {kind} in {rows:?}"))
    };
    assert_eq!((count("villages"), count("service_points"), count("services")), (278, 59, 24));
    vec![format!("{} villages, 59 service points (GeoNames), 24 services", count("villages"))]
}

fn enrol(district: &mut District) -> Vec<String> {
    for van in 0..3 {
        let ticket = district.hub().invite(&unit(van));
        let home = district.folder.join(unit(van));
        district.vans.push(Van::at(&home));
        district.vans[van].call(&["enroll", &ticket]).within(LIMIT).run().done();
        let again = Van::at(district.folder.join("again")).call(&["enroll", &ticket]).within(LIMIT).run();
        assert_eq!(again.code, Some(1), "a ticket works once: {again}");
    }
    let devices = district.hub().run(&["device", "list"]).lines;
    assert_eq!(devices.len(), 3, "{devices:?}");
    vec!["V01, V02 and V03 are enrolled; each ticket worked once".to_owned()]
}

fn record(district: &mut District) -> Vec<String> {
    district.relay.cut();
    let region = Region::shipped("53.02").expect("the district is shipped");
    let mut told = Vec::new();
    for van in 0..3 {
        let order = Order { seed: 7, cases: CASES, unit: unit(van), day: DAY.to_owned(), refs: false };
        let output = district.vans[van].record(&ndjson(&region, &order).expect("a valid day"));
        assert_eq!((output.number("saved"), output.number("refused")), (CASES as u64, 0));
        let slips = output.lines.iter().filter_map(|line| line["slip"].as_str());
        district.slips.extend(slips.map(ToOwned::to_owned));
        assert_eq!(district.custody(van), [CASES as u64, 0, 0, 0]);
        told.push(format!("{}: {CASES} saved, {CASES} on this laptop only", unit(van)));
    }
    assert_eq!(district.slips.len(), 3 * CASES, "every case has a slip number of its own");
    district.vans[0].call(&["custody", "--safe-to-wipe"]).run().exited(1);
    let dark = district.vans[0].call(&["sync", "--patience", "2s", "--json"]).within(LIMIT).run();
    assert_eq!(dark.code, Some(1), "there is no network: {dark}");
    told.push("a sync without network says so and loses nothing".to_owned());
    told
}

fn several_services(district: &mut District) -> Vec<String> {
    let rows = district.vans[0].call(&["case", "list", "--format", "ndjson"]).run().done().lines;
    let person = |row: &Value| row["person"].as_str().map(ToOwned::to_owned);
    let people: BTreeSet<_> = rows.iter().filter_map(person).collect();
    assert!(people.len() < rows.len(), "{} people, {} cases", people.len(), rows.len());
    let known = rows.iter().find(|row| row["nik"].is_string()).expect("somebody has a NIK");
    let nik = known["nik"].as_str().expect("a text");
    let found = district.vans[0].run(&["person", "list", nik]).lines;
    assert_eq!(found.len(), 1, "{found:?}");
    vec![format!("{} cases of {} people", rows.len(), people.len())]
}

fn first_sync(district: &mut District) -> Vec<String> {
    district.relay.restore();
    let before = district.relay.stats().up.sent.bytes;
    let told = district.synced(0);
    district.first_up = district.relay.stats().up.sent.bytes - before;
    assert_eq!(district.custody(0), [0, 0, CASES as u64, 0]);
    vec![told]
}

fn cut_sync(district: &mut District) -> Vec<String> {
    // V02's day is as large as V01's: the handshake is in the first half of it, the end of the batch behind this.
    district.relay.cut_after(district.first_up * 3 / 4);
    let output = district.vans[1].call(&["sync", "--patience", "4s", "--json"]).within(LIMIT).run();
    assert_eq!(output.code, Some(1), "the link was cut: {output}");
    let [on_laptop, _, at_hub, _] = district.custody(1);
    assert_eq!(on_laptop + at_hub, CASES as u64);
    assert!(on_laptop > 0, "what has no receipt is not shown as arrived");
    vec![format!("after the cut: {on_laptop} on this laptop, {at_hub} at the hub")]
}

fn resumed_sync(district: &mut District) -> Vec<String> {
    district.relay.restore();
    let told = district.synced(1);
    let [on_laptop, carried, at_hub, accepted] = district.custody(1);
    assert_eq!((on_laptop, carried, accepted), (0, 0, 0));
    assert!(at_hub >= CASES as u64);
    vec![told]
}

fn all_sync(district: &mut District) -> Vec<String> {
    let told = vec![district.synced(2), district.synced(0), district.synced(1)];
    let hub = district.hub().call(&["case", "list", "--format", "ndjson"]).run().done().lines;
    for van in &district.vans {
        let rows = van.call(&["case", "list", "--format", "ndjson"]).run().done().lines;
        assert_eq!(rows.len(), hub.len());
    }
    assert_eq!(slips_of(&hub), district.slips);
    told
}

fn slips_of(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().filter_map(|row| row["slip"].as_str().map(ToOwned::to_owned)).collect()
}

fn both_edit(district: &mut District) -> Vec<String> {
    district.relay.cut();
    let slip = district.slips.first().expect("there are slips").clone();
    let set = |van: usize, setting: &str| {
        district.vans[van].call(&["amend", &slip, "--set", setting, "--reason", "diperiksa"]).run().done();
    };
    set(0, "notes=dicatat V01");
    set(0, "name=Yohanis Nope");
    set(1, "phone=081234567890");
    set(1, "name=Yohanes Nope");
    district.relay.restore();
    let told = vec![district.synced(0), district.synced(1), district.synced(0)];
    for shown in
        [district.hub().run(&["case", "show", &slip]), district.vans[0].run(&["case", "show", &slip])]
    {
        let case = shown.json();
        assert_eq!(case["notes"], "dicatat V01", "{case}");
        let conflicts = case["conflicts"].as_array().expect("a list");
        assert!(!conflicts.is_empty(), "both names are kept: {case}");
        assert!(case.to_string().contains("Yohanis Nope") && case.to_string().contains("Yohanes Nope"));
    }
    let decide = ["case", "amend", &slip, "--set", "name=Yohanis Nope", "--reason", "sesuai KTP"];
    district.hub().call(&decide).run().done();
    district.synced(1);
    let case = district.vans[1].run(&["case", "show", &slip]);
    assert_eq!(case.json()["conflicts"].as_array().map(Vec::len), Some(0), "{}", case.json());
    told
}

fn amend(district: &mut District) -> Vec<String> {
    let rows = district.hub().call(&["case", "list", "--format", "ndjson"]).run().done().lines;
    let ours = rows
        .iter()
        .find(|row| row["status"] == "complete" && row["service"] == "DUK-LAHIR" && row["unit"] == "V01");
    let ours = ours.or_else(|| {
        rows.iter().find(|row| {
            row["unit"] == "V01" && row["service"].as_str().is_some_and(|s| s.starts_with("DUK-"))
        })
    });
    let slip = ours.and_then(|row| row["slip"].as_str()).expect("V01 took a case for Dukcapil").to_owned();
    let refused = district.vans[0].call(&["amend", &slip, "--set", "status=rejected"]).run();
    assert_eq!(refused.code, Some(1), "only the agency rejects: {refused}");
    let settings =
        ["--set", "status=forwarded", "--set", "reference=DUK/2026/118", "--reason", "berkas diterima"];
    let call = [&["case", "amend", &slip, "--as-agency", "DUK"], &settings[..]].concat();
    district.hub().call(&call).run().done();
    let told = district.synced(0);
    let case = district.vans[0].run(&["case", "show", &slip]);
    assert_eq!(case.json()["status"], "forwarded", "{}", case.json());
    assert_eq!(district.custody(0)[3], 1);
    vec![told, format!("{slip}: forwarded to DUK as DUK/2026/118")]
}

fn hostile(district: &mut District) -> Vec<String> {
    let ticket = district.hub().invite("V09");
    let stranger = Van::at(district.folder.join("V09"));
    stranger.call(&["enroll", &ticket]).within(LIMIT).run().done();
    forge(&stranger.home().join("keliling.db"));
    stranger.call(&["sync", "--json"]).within(LIMIT).run().done();
    let held = district.hub().run(&["quarantine", "list"]).lines;
    assert_eq!(held.len(), 1, "{held:?}");
    let told = district.synced(2);
    assert_eq!(district.custody(2)[0], 0, "nobody else suffers");
    district.stranger = Some(stranger);
    vec![format!("held: {}", held[0]), told]
}

/// Writes a change under another's name into the log of the laptop with this database, past every check.
fn forge(database: &Path) {
    let mut store = Store::open(database).expect("the database opens");
    let station = Station::load(store.reader()).expect("it reads").expect("it is enrolled");
    let actor = ActorId([0x66; 16]);
    let document = DocumentId::new(document::authority::id_prefix(actor), Kind::Person, 1);
    let operation = Operation {
        object: Object::Root,
        key: Key::Map("name".to_owned()),
        insert: false,
        action: Action::Put(Scalar::Str("Bukan Siapa-siapa".to_owned())),
        predecessors: Vec::new(),
    };
    let change = Change {
        actor,
        sequence: 1,
        first_operation: 1,
        time: Timestamp(1_795_137_120_000),
        schema: 1,
        parents: Vec::new(),
        operations: vec![operation],
    };
    let hash = document::hash(&change).expect("it builds");
    let written = store.commit(|tx| {
        let mut own = log::find_or_begin(tx, &station.log())?;
        let index = own.head.index + 1;
        let origin = Origin { device: station.device(), epoch: station.epoch, index };
        let indexed = Indexed {
            hash,
            document,
            origin,
            log: own.row,
            entry: index,
            state: State::Waiting,
            arrival: None,
            second: 1_795_137_120,
            root: true,
            fed: false,
        };
        changes::insert(tx, &indexed)?;
        log::append(tx, &mut own, &[(Entry::Change { document, change: change.into() }, Some(hash))])
    });
    written.expect("the log takes everything");
}

fn revoke(district: &mut District) -> Vec<String> {
    let devices = district.hub().run(&["device", "list"]).lines;
    let device = devices.iter().find(|row| row["unit"] == "V09").expect("it is enrolled");
    district.hub().call(&["device", "revoke", &device["device"].to_string()]).run().done();
    let stranger = district.stranger.as_ref().expect("it was enrolled");
    let output = stranger.call(&["sync", "--json"]).within(LIMIT).run();
    assert_eq!(output.code, Some(1), "{output}");
    assert!(output.stderr.contains("revoked") || output.stdout.contains("revoked"), "{output}");
    vec!["its next sync is refused: this laptop is revoked".to_owned()]
}

fn udp_blocked(district: &mut District) -> Vec<String> {
    district.relay.block_udp(true);
    let slip = district.slips.last().expect("there are slips").clone();
    let note = ["amend", &slip, "--set", "notes=dilengkapi", "--reason", "berkas menyusul"];
    district.vans[2].call(&note).run().done();
    let blocked = |district: &District| district.relay.stats().up.blocked.packets;
    let tried = blocked(district);
    let told = vec![district.synced(2), district.synced(2)];
    assert!(told.iter().all(|line| line.ends_with("by TCP")), "{told:?}");
    assert!(blocked(district) > tried, "QUIC goes first where nothing is known of the network");
    let known = blocked(district);
    district.synced(2);
    assert_eq!(blocked(district), known, "once known, it is left alone for a while");
    assert_eq!(district.hub().run(&["case", "show", &slip]).json()["notes"], "dilengkapi");
    assert_eq!(district.custody(2)[0], 0);
    district.relay.block_udp(false);
    told
}

fn killed_hub(district: &mut District) -> Vec<String> {
    district.serving.take().expect("the hub runs").kill();
    district.serve();
    let rows = district.hub().call(&["case", "list", "--format", "ndjson"]).run().done().lines;
    assert!(slips_of(&rows).is_superset(&district.slips));
    vec![format!("{} cases at the hub", rows.len()), district.synced(2)]
}

fn pages(district: &mut District) -> Vec<String> {
    district.vans[2].call(&["custody", "--safe-to-wipe"]).run().done();
    let today = day_in_progress(district);
    let page = district.vans[0].start(&[]);
    let url = page.ready()["url"].as_str().expect("a URL").to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    district.page = Some(page);
    vec![today, format!("laptop {}", district.van_page()), format!("hub    {}", district.hub_page())]
}

/// Laptop V01 in the middle of its day, away from the hub: what its page shows.
fn day_in_progress(district: &District) -> String {
    let van = &district.vans[0];
    let village = "53.02.01.1001";
    van.call(&["settings", "set", "officers", "Yefta Nabuasa\nMaria Taek"]).run().done();
    van.call(&["visit", "open", "Pasar Niki-Niki", "--village", village, "--agency", "DUK"]).run().done();
    for (name, sex, service) in [("Dorkas Fallo", "P", "DUK-KK"), ("Nahak", "L", "DUK-KIA")] {
        let person = ["--name", name, "--sex", sex, "--born", "1988-03-01", "--village", village];
        let case =
            ["--service", service, "--status", "received", "--officer", "Yefta Nabuasa", "--consent", "true"];
        let line: Vec<&str> = ["record"].into_iter().chain(person).chain(case).collect();
        van.call(&line).run().done();
    }
    for class in ["general", "general", "priority", "collect"] {
        van.call(&["queue", "take", class]).run().done();
    }
    let called = van.run(&["queue", "call"]).json().clone();
    assert_eq!(called["class"], "priority", "{called}");
    let today = van.run(&["today"]).json().clone();
    assert_eq!([&today["queue"]["drawn"], &today["queue"]["waiting"]], [4, 3], "{today}");
    assert_eq!(district.custody(0)[0], 2, "two cases are on this laptop only");
    format!(
        "V01 goes on without the hub: 2 cases on this laptop only, {} tickets wait",
        today["queue"]["waiting"]
    )
}
