//! Exchanges over thin links, beside one zstd file of the same cases by HTTPS PUT.
//!
//! Our seconds begin when the program dials and end when the receipt for everything is stored; packing and signing are
//! in them. The PUT's begin when it dials and end with the answer, and compressing the file is added, since packing is
//! in ours; the share without it is told too.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::{
    Figure, Kind, Scale,
    crossing::{Cost, District, Exchange, day, median},
    median as middle, put,
};
use crate::relay::{Outages, Profile};

/// A link, and how many runs tell what it is like.
struct Link {
    name: &'static str,
    runs: u64,
    quick: u64,
}

/// Where every twelfth packet is lost, a few runs tell of the losses alone.
const LINKS: [Link; 4] = [
    Link { name: "edge", runs: 3, quick: 1 },
    Link { name: "vsat", runs: 3, quick: 1 },
    Link { name: "cell", runs: 15, quick: 9 },
    Link { name: "flaky", runs: 3, quick: 1 },
];
const ZSTD_LEVEL: i32 = 19;
const CASES: usize = 2_000;
/// Exchanges with nothing new in all runs of a link, each with losses of its own: one lost packet weighs as much as a
/// fifth of the whole exchange.
const NOTHING_RUNS: u64 = 15;
const NOTHING_RUNS_QUICK: u64 = 9;
/// So long before an outage both are begun where there are outages: no handing over of this size fits before it.
const BEFORE_OUTAGE: Duration = Duration::from_millis(1_500);

/// What one run of each took.
struct Run {
    first: Exchange,
    nothing: Vec<Cost>,
    put: Cost,
    compressing: f64,
}

/// Takes cases over each link.
///
/// # Errors
/// A program, a port or the disk fails.
pub fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut figures = Vec::new();
    for Link { name, runs, quick } in LINKS {
        let (runs, nothing_runs) =
            if scale.quick { (quick, NOTHING_RUNS_QUICK) } else { (runs, NOTHING_RUNS) };
        let mut all = Vec::new();
        for seed in 1..=runs {
            eprintln!("{name}: run {seed} of {runs}");
            all.push(run(&runtime, &name.parse()?, seed, nothing_runs.div_ceil(runs))?);
        }
        figures.extend(told(name, &all));
    }
    Ok(figures)
}

/// The first exchange, `nothing_runs` with nothing new, and the PUT of the same cases, over one link.
fn run(runtime: &Runtime, profile: &Profile, seed: u64, nothing_runs: u64) -> anyhow::Result<Run> {
    let lines = day(seed, CASES)?;
    let started = Instant::now();
    let packed = zstd::bulk::compress(lines.as_bytes(), ZSTD_LEVEL).context("compress the cases")?;
    let compressing = started.elapsed().as_secs_f64();
    let file = tempfile::NamedTempFile::new().context("make a file")?;
    std::fs::write(file.path(), packed)?;
    let put = put::put(runtime, shortly_before(profile.clone()), seed, file.path())?;
    let district = District::found()?;
    district.van.record(&lines);
    let first = district.sync(shortly_before(profile.clone()), seed)?;
    let nothing = |number| {
        let Exchange { bytes, seconds, .. } = district.sync(profile.clone(), 100 * seed + number)?;
        Ok(Cost { bytes, seconds })
    };
    let nothing = (0..nothing_runs).map(nothing).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Run { first, nothing, put, compressing })
}

/// The same link, of which the first outage comes soon.
fn shortly_before(mut profile: Profile) -> Profile {
    if let Outages::Cycle { up, begun, .. } = &mut profile.outages {
        *begun = up.saturating_sub(BEFORE_OUTAGE);
    }
    profile
}

fn told(link: &str, runs: &[Run]) -> Vec<Figure> {
    let of = |value: fn(&Run) -> f64| middle(runs.iter().map(value).collect());
    let put = median(&runs.iter().map(|run| run.put).collect::<Vec<_>>());
    let nothing = median(&runs.iter().flat_map(|run| run.nothing.clone()).collect::<Vec<_>>());
    let (ours, seconds) = (of(|run| run.first.bytes), of(|run| run.first.receipted));
    let name = |what: &str| format!("{}: {what}", link.to_uppercase());
    let bytes = |what: &str, value| Figure::new(name(what), value, "bytes", Kind::Bytes);
    let time = |what: &str, value| Figure::new(name(what), value, "s", Kind::Time);
    let share = |what: &str, value| Figure::new(name(what), value, "", Kind::Ratio);
    let compressing = of(|run| run.compressing);
    vec![
        bytes("2,000 new cases, whole exchange", ours),
        time("2,000 new cases, until all is receipted", seconds),
        time("2,000 new cases, whole exchange", of(|run| run.first.seconds)),
        bytes("2,000 cases as zstd -19 by PUT", put.bytes),
        time("2,000 cases as zstd -19 by PUT, until it is answered", put.seconds),
        time("2,000 cases, compressing by zstd -19", compressing),
        share("new cases / PUT, bytes", ours / put.bytes).at_most(0.7),
        share("new cases / PUT, seconds, compressing in", seconds / (put.seconds + compressing)).at_most(0.7),
        share("new cases / PUT, seconds, compressing left out", seconds / put.seconds),
        bytes("nothing new", nothing.bytes).at_most(5_000.0),
        time("nothing new", nothing.seconds),
    ]
}
