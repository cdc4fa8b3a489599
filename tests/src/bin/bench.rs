//! Measures the real programs with many cases, and says which figures hold.
//!
//! Reports and never fails for a figure; a program that fails ends the run.

use std::{
    io::{self, Write as _},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Parser;
use serde_json::{Value, json};
use tests::{
    bench::fleet,
    crossing::{self, Extent, Line},
    packing::{Log, compressed, floor},
    people::{self, Order, Region, ndjson},
    process::{Hub, Running, Van},
    relay::{Profile, Relay},
};

/// Measures start, search, memory and the first synchronisation with many cases.
#[derive(Parser, Debug)]
#[command(after_help = "Example: scripts/bench --quick")]
struct Arguments {
    /// How many cases a van and the hub hold.
    #[arg(long, default_value_t = 100_000)]
    cases: usize,
    /// How many vans come at once.
    #[arg(long, default_value_t = 500)]
    vans: usize,
    /// A tenth of the cases and vans: an impression within minutes.
    #[arg(long)]
    quick: bool,
    /// Only these parts.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Prints the figures as one JSON value, not as a table.
    #[arg(long)]
    json: bool,
}

/// A part of the benchmark.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// The codec of batches: seconds.
    Pack,
    /// The exchange over thin links: minutes.
    Link,
    /// Many cases on a van and at the hub.
    Cases,
    /// Many vans at once: minutes.
    Fleet,
}

/// One line of the table.
#[derive(Debug)]
struct Figure {
    name: String,
    value: f64,
    /// What the value should not exceed; None is for information.
    goal: Option<f64>,
    unit: &'static str,
    kind: &'static str,
    /// Whether the goal is the least, not the most.
    is_rate: bool,
}

const STEP_LIMIT: Duration = Duration::from_secs(1_800);
const SEARCHES: u32 = 20;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let cases = if arguments.quick { arguments.cases / 10 } else { arguments.cases };
    let is_wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let mut figures = Vec::new();
    if is_wanted(Part::Pack) {
        figures.extend(packed()?);
    }
    if is_wanted(Part::Link) {
        figures.extend(crossings(arguments.quick)?);
    }
    if is_wanted(Part::Cases) {
        figures.extend(measure(cases)?);
    }
    if is_wanted(Part::Fleet) {
        figures.extend(fleets(if arguments.quick { arguments.vans / 10 } else { arguments.vans })?);
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", json!({"figures": figures.iter().map(Figure::to_json).collect::<Vec<_>>()}))?;
    } else {
        writeln!(out, "{cases} cases\n\n{}", table(&figures))?;
    }
    Ok(())
}

/// Cases whose columns are weighed.
const PACKED_CASES: usize = 2_000;

/// Weighs a van's log on the wire.
fn packed() -> anyhow::Result<Vec<Figure>> {
    let order = Order {
        seed: 1,
        cases: PACKED_CASES,
        unit: "V01".to_owned(),
        day: "2026-11-20".to_owned(),
        refs: false,
    };
    let region = Region::shipped("53.02")?;
    let cases: Vec<_> = people::cases(&region, &order)?.collect();
    let lines: String = cases.iter().flat_map(|case| [case.to_line(), "\n".to_owned()]).collect();
    let file = compressed(lines.as_bytes())?;
    let mut log = Log::of(order.seed, &cases)?;
    let least = floor(&cases, PACKED_CASES)?;
    let whole = log.bytes(0, log.entries.len());
    let mut figures = Vec::new();
    let mut add = |name: &str, value, goal, unit, kind| {
        figures.push(Figure { name: name.to_owned(), value, goal, unit, kind, is_rate: false });
    };
    add("entries of 2,000 cases", log.entries.len() as f64, None, "", "count");
    let each = |bytes: usize| bytes as f64 / PACKED_CASES as f64;
    add("columnar floor, per case", each(least), None, "bytes", "bytes");
    add("packed, per case", each(whole), None, "bytes", "bytes");
    add("packed, batch of 2,000 cases / floor", whole as f64 / least as f64, Some(1.10), "", "ratio");
    for (name, size, goal) in
        [("packed, batches of 80 / floor", 80, 1.6), ("packed, batches of 10 / floor", 10, 2.5)]
    {
        // Not every case makes a person.
        let entries = size * log.entries.len() / PACKED_CASES;
        let bytes = log.bytes(0, entries);
        add(name, bytes as f64 / least as f64, Some(goal), "", "ratio");
    }
    add("packed / NDJSON by zstd -19", whole as f64 / file as f64, Some(0.6), "", "ratio");
    for (size, names) in [
        (PACKED_CASES, ["encode, 2,000 changes, each", "decode and hash, 2,000 changes, each"]),
        (10, ["encode, 10 changes, each", "decode and hash, 10 changes, each"]),
    ] {
        let times = log.times(size);
        for ((name, time), goal) in names.into_iter().zip(times).zip([30.0, 25.0]) {
            add(name, time.as_secs_f64() * 1e6, Some(goal), "µs", "time");
        }
    }
    let before = log.go_on(PACKED_CASES / 2)?;
    let edits = log.bytes(before, 100) as f64 / (PACKED_CASES / 2) as f64;
    add("later edit, batches of 100", edits, Some(45.0), "bytes", "bytes");
    Ok(figures)
}

/// Takes cases over thin links.
fn crossings(quick: bool) -> anyhow::Result<Vec<Figure>> {
    let extent = if quick { Extent { cases: 300, runs: 1 } } else { Extent { cases: 2_000, runs: 3 } };
    let mut figures = Vec::new();
    crossing::measure(extent, |Line { name, value, goal, unit, kind }| {
        figures.push(Figure { name, value, goal, unit, kind, is_rate: false });
    })?;
    Ok(figures)
}

/// Lets many vans come at once.
fn fleets(vans: usize) -> anyhow::Result<Vec<Figure>> {
    let extent = fleet::Extent { vans, cases: 300 };
    let mut figures = Vec::new();
    let tell = |step: &str| drop(writeln!(io::stderr(), "{step}"));
    fleet::measure(extent, tell, |fleet::Line { name, value, goal, unit, kind, is_rate }| {
        tell(&format!("{name}: {value:.1} {unit}"));
        figures.push(Figure { name, value, goal, unit, kind, is_rate });
    })?;
    Ok(figures)
}

fn measure(cases: usize) -> anyhow::Result<Vec<Figure>> {
    let homes = tempfile::tempdir().context("make a folder for the homes")?;
    let nowhere = "127.0.0.1:9".parse().context("read the address of no one")?;
    let relay = Relay::start(nowhere, Profile::clean(), 1).context("start relay")?;
    let hub = Hub::init(homes.path().join("hub"), &[]);
    let advertise = relay.addr().to_string();
    let serving = hub.start(&["--advertise", &advertise]);
    relay.retarget(serving.addr("quic"));
    let van = Van::enroll(homes.path().join("van"), &hub.invite("V01"));

    let (unit, day) = ("V01".to_owned(), "2026-11-20".to_owned());
    let lines = ndjson(&Region::shipped("53.02")?, &Order { seed: 1, cases, unit, day, refs: false })?;
    let mut figures = Vec::new();
    let mut add = |name: &str, value, goal, unit, kind| {
        figures.push(Figure { name: name.to_owned(), value, goal, unit, kind, is_rate: false });
    };

    let started = Instant::now();
    van.call(&["record", "--file", "-", "--json"]).stdin(lines).within(STEP_LIMIT).run().done();
    add("van: save, each durable", started.elapsed().as_secs_f64(), None, "s", "time");

    let before = relay.stats();
    let started = Instant::now();
    van.call(&["sync", "--json"]).within(STEP_LIMIT).run().done();
    add("first sync, no thin link", started.elapsed().as_secs_f64(), None, "s", "time");
    let after = relay.stats();
    let bytes = after.up.offered.bytes + after.down.offered.bytes
        - before.up.offered.bytes
        - before.down.offered.bytes;
    add("first sync, per case", bytes as f64 / cases.max(1) as f64, None, "bytes", "bytes");
    serving.terminate().done();

    let (hub_runs, seconds) = timed(|| hub.start(&[]));
    add("hub: start", seconds, Some(2.0), "s", "time");
    add("hub: memory after start", megabytes(&hub_runs), None, "MB", "memory");
    let (van_runs, seconds) = timed(|| van.start(&[]));
    add("van: start", seconds, Some(2.0), "s", "time");
    let started = Instant::now();
    for _ in 0..SEARCHES {
        van.run(&["find", "Oematan"]);
    }
    let each = started.elapsed() / SEARCHES;
    add("van: find, its process included", each.as_secs_f64() * 1e3, Some(50.0), "ms", "time");
    add("van: memory after searches", megabytes(&van_runs), None, "MB", "memory");
    van_runs.terminate().done();
    hub_runs.terminate().done();
    Ok(figures)
}

fn timed(start: impl FnOnce() -> Running) -> (Running, f64) {
    let started = Instant::now();
    let running = start();
    (running, started.elapsed().as_secs_f64())
}

fn megabytes(running: &Running) -> f64 {
    running.memory_bytes().map_or(f64::NAN, |bytes| bytes as f64 / 1e6)
}

impl Figure {
    fn holds(&self) -> bool {
        self.goal.is_none_or(|goal| if self.is_rate { self.value >= goal } else { self.value <= goal })
    }

    fn to_json(&self) -> Value {
        let Self { name, value, goal, kind, .. } = self;
        json!({"name": name, "value": value, "goal": goal, "kind": kind, "holds": self.holds()})
    }
}

fn table(figures: &[Figure]) -> String {
    let rows = figures.iter().map(|figure| {
        let Figure { name, value, unit, .. } = figure;
        let goal = figure.goal.map_or_else(String::new, |goal| {
            let sign = if figure.is_rate { ">=" } else { "<=" };
            format!("{sign} {goal} {unit}")
        });
        let holds = if figure.goal.is_none() { "" } else { ["no", "yes"][usize::from(figure.holds())] };
        format!("| {name} | {value:.2} {unit} | {goal} | {holds} |\n")
    });
    ["| what | measured | goal | holds |\n|---|---|---|---|\n".to_owned()].into_iter().chain(rows).collect()
}
