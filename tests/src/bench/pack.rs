//! The codec of batches alone.

use super::{Figure, Kind};
use crate::{
    packing::{Log, compressed, floor},
    people::{self, Order, Region},
};

/// Cases whose columns are weighed.
const CASES: usize = 2_000;
/// Changes of a small batch.
const FEW: usize = 10;
/// How often times are taken; the least tells what the work takes, the others what else the machine did.
const TIMES: usize = 5;

/// Weighs a van's log on the wire, and times its coding.
///
/// # Errors
/// A case is none that a van would record.
pub fn measure() -> anyhow::Result<Vec<Figure>> {
    let order =
        Order { seed: 1, cases: CASES, unit: "V01".to_owned(), day: "2026-11-20".to_owned(), refs: false };
    let region = Region::shipped("53.02")?;
    let cases: Vec<_> = people::cases(&region, &order)?.collect();
    let lines: String = cases.iter().flat_map(|case| [case.to_line(), "\n".to_owned()]).collect();
    let file = compressed(lines.as_bytes())?;
    let mut log = Log::of(order.seed, &cases)?;
    let least = floor(&cases, CASES)?;
    let whole = log.bytes(0, log.entries.len());
    let each = |bytes: usize| bytes as f64 / CASES as f64;
    let to_floor = |bytes: usize| bytes as f64 / least as f64;
    // Not every case makes a person.
    let in_batches = |cases: usize| log.bytes(0, cases * log.entries.len() / CASES);
    let ratio = |name: &str, value, goal| Figure::new(name, value, "", Kind::Ratio).at_most(goal);
    let mut figures = vec![
        Figure::new("pack: entries of 2,000 cases", log.entries.len() as f64, "", Kind::Count),
        Figure::new("pack: columnar floor, a case", each(least), "bytes", Kind::Bytes),
        Figure::new("pack: packed, a case", each(whole), "bytes", Kind::Bytes),
        ratio("pack: one batch of 2,000 cases / floor", to_floor(whole), 1.10),
        ratio("pack: batches of 80 cases / floor", to_floor(in_batches(80)), 1.6),
        ratio("pack: batches of 10 cases / floor", to_floor(in_batches(10)), 2.5),
        ratio("pack: packed / NDJSON by zstd -19", whole as f64 / file as f64, 0.6),
    ];
    figures.extend(times(&log));
    let before = log.go_on(CASES / 2)?;
    let edits = log.bytes(before, 100) as f64 / (CASES / 2) as f64;
    figures.push(
        Figure::new("pack: a later edit, in batches of 100", edits, "bytes", Kind::Bytes).at_most(45.0),
    );
    Ok(figures)
}

/// What a change costs in one large batch and in small ones, in microseconds.
fn times(log: &Log) -> Vec<Figure> {
    let least = |size: usize| {
        let mut least = [f64::INFINITY; 3];
        for _ in 0..TIMES {
            for (least, took) in least.iter_mut().zip(log.times(size)) {
                *least = least.min(took.as_secs_f64() * 1e6);
            }
        }
        least
    };
    let (many, few) = (least(CASES), least(FEW));
    let figure = |what: &str, of: &str, value| {
        Figure::new(format!("pack: {what}, each of {of} changes"), value, "µs", Kind::Time)
    };
    let ratio = |what: &str, value| {
        Figure::new(format!("pack: {what}, each of 10 changes / each of 2,000"), value, "", Kind::Ratio)
    };
    vec![
        figure("columns alone", "2,000", many[0]),
        figure("columns alone", "10", few[0]),
        ratio("columns alone", few[0] / many[0]),
        figure("encode", "2,000", many[1]).at_most(30.0),
        figure("encode", "10", few[1]).at_most(30.0),
        ratio("encode", few[1] / many[1]).at_most(1.0),
        figure("decode and hash", "2,000", many[2]).at_most(25.0),
        figure("decode and hash", "10", few[2]).at_most(25.0),
    ]
}
