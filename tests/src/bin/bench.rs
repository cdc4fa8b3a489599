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
    crossing::{self, Extent, Line},
    people::{Order, Region, ndjson},
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
    /// A tenth of the cases: an impression within minutes.
    #[arg(long)]
    quick: bool,
    /// Only the exchange over thin links: minutes.
    #[arg(long)]
    link: bool,
    /// Prints the figures as one JSON value, not as a table.
    #[arg(long)]
    json: bool,
}

/// One line of the table.
#[derive(Debug)]
struct Figure {
    name: &'static str,
    value: f64,
    /// What the value should not exceed; None is for information.
    goal: Option<f64>,
    unit: &'static str,
    kind: &'static str,
}

const STEP_LIMIT: Duration = Duration::from_secs(1_800);
const SEARCHES: u32 = 20;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let cases = if arguments.quick { arguments.cases / 10 } else { arguments.cases };
    let mut figures = if arguments.link { Vec::new() } else { measure(cases)? };
    figures.extend(crossings(arguments.quick)?);
    let mut out = io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", json!({"figures": figures.iter().map(Figure::to_json).collect::<Vec<_>>()}))?;
    } else {
        writeln!(out, "{cases} cases\n\n{}", table(&figures))?;
    }
    Ok(())
}

/// Takes cases over thin links.
fn crossings(quick: bool) -> anyhow::Result<Vec<Figure>> {
    let extent = if quick { Extent { cases: 300, runs: 1 } } else { Extent { cases: 2_000, runs: 3 } };
    let mut figures = Vec::new();
    crossing::measure(extent, |Line { name, value, goal, unit, kind }| {
        // The names are as many as the lines of the table, and needed to the end.
        figures.push(Figure { name: name.leak(), value, goal, unit, kind });
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
    let mut add = |name, value, goal, unit, kind| figures.push(Figure { name, value, goal, unit, kind });

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
        self.goal.is_none_or(|goal| self.value <= goal)
    }

    fn to_json(&self) -> Value {
        let Self { name, value, goal, kind, .. } = self;
        json!({"name": name, "value": value, "goal": goal, "kind": kind, "holds": self.holds()})
    }
}

fn table(figures: &[Figure]) -> String {
    let rows = figures.iter().map(|figure| {
        let Figure { name, value, unit, .. } = figure;
        let goal = figure.goal.map_or_else(String::new, |goal| format!("<= {goal} {unit}"));
        let holds = if figure.goal.is_none() { "" } else { ["no", "yes"][usize::from(figure.holds())] };
        format!("| {name} | {value:.2} {unit} | {goal} | {holds} |\n")
    });
    ["| what | measured | goal | holds |\n|---|---|---|---|\n".to_owned()].into_iter().chain(rows).collect()
}
