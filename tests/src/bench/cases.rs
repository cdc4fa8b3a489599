//! Start, search, memory, pages and the first exchange with many cases.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::{Figure, Kind, Scale, laptop, pages};
use crate::{
    people::{Order, Region, ndjson},
    process::{Hub, Running, Van},
    relay::{Profile, Relay},
};

const STEP_LIMIT: Duration = Duration::from_secs(1_800);
const SEARCHES: u32 = 20;

/// Measures a van and a hub that hold `scale.cases` cases.
///
/// # Errors
/// The homes or the link cannot be made.
pub fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let cases = scale.cases;
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
    let mut add = |name: &str, value, unit, kind| {
        figures.push(Figure::new(format!("{cases} cases: {name}"), value, unit, kind));
    };

    let started = Instant::now();
    van.call(&["record", "--file", "-", "--json"]).stdin(lines).within(STEP_LIMIT).run().done();
    add("van saves them, each group durable", started.elapsed().as_secs_f64(), "s", Kind::Time);

    let before = relay.stats();
    let started = Instant::now();
    van.call(&["sync", "--json"]).within(STEP_LIMIT).run().done();
    add("first sync, no thin link", started.elapsed().as_secs_f64(), "s", Kind::Time);
    let after = relay.stats();
    let bytes = after.up.offered.bytes + after.down.offered.bytes
        - before.up.offered.bytes
        - before.down.offered.bytes;
    add("first sync, a case", bytes as f64 / cases.max(1) as f64, "bytes", Kind::Bytes);
    let heard = laptop::products(&hub, &van, cases)?;
    serving.terminate().done();

    let (hub_runs, hub_start) = timed(|| hub.start(&[]));
    add("hub's memory after its start", megabytes(&hub_runs), "MB", Kind::Memory);
    let (van_runs, van_start) = timed(|| van.start(&[]));
    let started = Instant::now();
    for _ in 0..SEARCHES {
        van.run(&["find", "Oematan"]);
    }
    let each = started.elapsed() / SEARCHES;
    add("van's memory after searches", megabytes(&van_runs), "MB", Kind::Memory);
    van_runs.terminate().done();
    hub_runs.terminate().done();
    let mut aimed = |name: &str, value, unit, goal| {
        let figure = Figure::new(format!("{cases} cases: {name}"), value, unit, Kind::Time);
        figures.push(figure.at_most(goal));
    };
    aimed("hub's start", hub_start, "s", 2.0);
    aimed("van's start", van_start, "s", 2.0);
    aimed("find, its process included", each.as_secs_f64() * 1e3, "ms", 50.0);
    figures.push(heard);
    figures.push(laptop::at_work(&van, cases)?);
    figures.extend(pages::measure(&van, cases)?);
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
