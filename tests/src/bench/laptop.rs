//! A laptop in the middle of its work: besides what has arrived, products aboard, changes that nobody else has in visits
//! of thousands of cases, and a day that is not sealed yet.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;

use super::{Figure, Kind};
use crate::{
    people::{Order, Region, ndjson},
    process::{Hub, Van},
};

/// How long one step may take.
const STEP_LIMIT: Duration = Duration::from_secs(1_800);
/// One in so many cases becomes a product.
const PRODUCT_SHARE: usize = 50;
/// Cases of earlier days that are not at the hub, of a thousand: with 100,000 cases 5,000 changes with the day's.
const UNSENT_OF_THOUSAND: usize = 26;
/// Cases of a day.
const DAY: usize = 300;
/// How many processes mark products at once.
const CLERKS: usize = 4;

/// Has the hub mark products ready for the van, which hears of it; how long it took to hear, as a figure.
///
/// # Errors
/// There are too few cases of which a product can come.
pub(super) fn products(hub: &Hub, van: &Van, cases: usize) -> anyhow::Result<Figure> {
    let wanted = cases / PRODUCT_SHARE;
    let newest = van.run(&["case", "list", "--limit", &(wanted * 5).to_string()]);
    let may_be = |row: &&serde_json::Value| {
        let is = |name: &str, of: &[&str]| row[name].as_str().is_some_and(|text| of.contains(&text));
        is("status", &["received", "complete"])
            && row["service"].as_str().is_some_and(|code| code.starts_with("DUK-"))
    };
    let slips: Vec<_> = newest.lines.iter().filter(may_be).filter_map(|row| row["slip"].as_str()).collect();
    ensure!(slips.len() >= wanted, "{} of {wanted} cases may become products", slips.len());
    let slips = &slips[..wanted];
    thread::scope(|scope| {
        for part in slips.chunks(wanted.div_ceil(CLERKS)) {
            scope.spawn(move || {
                for slip in part {
                    hub.run(&["case", "amend", slip, "--as-agency", "DUK", "--set", "status=issued"]);
                }
            });
        }
    });
    let ready = ["case", "ready", "--as-agency", "DUK"].into_iter().chain(slips.iter().copied());
    hub.call(&[&ready.collect::<Vec<_>>()[..], &["--json"]].concat()).within(STEP_LIMIT).run().done();
    let began = Instant::now();
    van.call(&["sync", "--json"]).within(STEP_LIMIT).run().done();
    let name = format!("{cases} cases: van hears of {wanted} products");
    Ok(Figure::new(name, began.elapsed().as_secs_f64(), "s", Kind::Time))
}

/// Seals all that was written so far, and lets the van work on without the hub; how long the seal of everything took, its
/// process included.
///
/// # Errors
/// The cases cannot be invented.
pub(super) fn at_work(van: &Van, cases: usize) -> anyhow::Result<Figure> {
    let began = Instant::now();
    van.call(&["day", "close", "--json"]).within(STEP_LIMIT).run().done();
    let sealed = began.elapsed().as_secs_f64();
    let visits = van.run(&["visit", "list"]);
    record(van, "2026-11-21", cases * UNSENT_OF_THOUSAND / 1_000)?;
    // What is written of a visit is open of each of its cases.
    for visit in visits.lines.iter().filter_map(|row| row["visit"].as_str()) {
        van.run(&["survey", "add", "--scores", "4,4,3,4,4,3,4,4,4", "--visit", visit]);
    }
    van.run(&["day", "close"]);
    record(van, "2026-11-22", DAY)?;
    Ok(Figure::new(format!("{cases} cases: seal all of them at once"), sealed, "s", Kind::Time))
}

fn record(van: &Van, day: &str, cases: usize) -> anyhow::Result<()> {
    let order = Order { seed: 2, cases, unit: "V01".to_owned(), day: day.to_owned(), refs: false };
    let lines = ndjson(&Region::shipped("53.02")?, &order)?;
    van.call(&["record", "--file", "-", "--json"]).stdin(lines).within(STEP_LIMIT).run().done();
    Ok(())
}
