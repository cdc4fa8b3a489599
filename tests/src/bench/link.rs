//! Exchanges over thin links, beside one zstd file of the same cases by HTTPS PUT.

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::{
    Figure, Kind, Scale,
    crossing::{District, day, median},
    put::put,
};

/// The links, by name.
const LINKS: [&str; 4] = ["edge", "vsat", "cell", "flaky"];
const ZSTD_LEVEL: i32 = 19;
const CASES: usize = 2_000;
const RUNS: u64 = 3;

/// Takes cases over each link.
///
/// # Errors
/// A program, a port or the disk fails.
pub fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let runs = if scale.quick { 1 } else { RUNS };
    let mut figures = Vec::new();
    for link in LINKS {
        figures.extend(cross(&runtime, link, runs)?);
    }
    Ok(figures)
}

/// The first exchange, one with nothing new, and the PUT of the same cases, over one link.
fn cross(runtime: &Runtime, link: &str, runs: u64) -> anyhow::Result<Vec<Figure>> {
    let (mut firsts, mut nothings, mut puts) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 1..=runs {
        let lines = day(seed, CASES)?;
        let file = zstd::bulk::compress(lines.as_bytes(), ZSTD_LEVEL).context("compress the cases")?;
        puts.push(put(runtime, link.parse()?, seed, &file)?);
        let district = District::found()?;
        district.van.record(&lines);
        firsts.push(district.sync(link.parse()?, seed)?);
        nothings.push(district.sync(link.parse()?, seed + 100)?);
    }
    let (first, nothing, put) = (median(&firsts), median(&nothings), median(&puts));
    let name = |what: &str| format!("{}: {what}", link.to_uppercase());
    let bytes = |what: &str, value| Figure::new(name(what), value, "bytes", Kind::Bytes);
    let seconds = |what: &str, value| Figure::new(name(what), value, "s", Kind::Time);
    let share = |what: &str, value| Figure::new(name(what), value, "", Kind::Ratio).at_most(0.7);
    Ok(vec![
        bytes("2,000 new cases", first.bytes),
        seconds("2,000 new cases", first.seconds),
        bytes("zstd -19 of 2,000 by PUT", put.bytes),
        seconds("zstd -19 of 2,000 by PUT", put.seconds),
        share("new cases / PUT, bytes", first.bytes / put.bytes),
        share("new cases / PUT, seconds", first.seconds / put.seconds),
        bytes("nothing new", nothing.bytes).at_most(5_000.0),
        seconds("nothing new", nothing.seconds),
    ])
}
