//! What a van's days cost on the link: a day of cases, nothing new, edits on both sides, and an upload that is cut
//! again and again.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{
    Figure, Kind, Scale,
    crossing::{CROSSING_LIMIT, District, day, offered_bytes},
    median,
};
use crate::{
    random::Random,
    relay::{Direction, Profile, Relay, Shape, Stats},
};

const CASES: usize = 300;
const RUNS: u64 = 3;
/// Cases of the upload that is cut, and how often it is.
const CASES_CUT: usize = 20_000;
const CUTS: u64 = 50;
/// Bytes from one cut to the next are up to twice this, handshake included: that many cuts fall into the upload.
const CUT_BYTES: u64 = 8_000;

/// Measures all of it.
///
/// # Errors
/// A program fails, or the two sides do not agree at the end.
pub fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let runs = if scale.quick { 1 } else { RUNS };
    let mut figures = Vec::new();
    for link in ["edge", "vsat", "cell"] {
        eprintln!("a day over {link}");
        let costs: Vec<f64> = (1..=runs).map(|seed| whole_day(link, seed)).collect::<Result<_, _>>()?;
        let name = format!("{}: a day of {CASES} cases", link.to_uppercase());
        figures.push(Figure::new(name, median(costs), "bytes", Kind::Bytes).at_most(20_000.0));
    }
    figures.push(nothing_new()?);
    eprintln!("edits on both sides");
    figures.extend(both_edit()?);
    eprintln!("an upload, cut {CUTS} times");
    figures.extend(cut()?);
    Ok(figures)
}

fn whole_day(link: &str, seed: u64) -> anyhow::Result<f64> {
    let district = District::found()?;
    district.van.record(&day(seed, CASES)?);
    Ok(district.sync(link.parse()?, seed)?.bytes)
}

/// Round trips of an exchange with nothing new, on a link where all else takes no time.
fn nothing_new() -> anyhow::Result<Figure> {
    let district = District::found()?;
    let delay = Duration::from_secs(1);
    district.sync(Profile::even(Shape { delay, ..Shape::CLEAN }), 1)?;
    let packets = district.relay.passages();
    let last = packets.iter().rfind(|packet| packet.direction == Direction::Down);
    let ended = last.and_then(|packet| packet.arrives).context("find the hub's last packet")?;
    let round_trips = (ended.as_secs_f64() / (2.0 * delay.as_secs_f64())).floor();
    let name = "nothing new: round trips in all (handshake, one exchange, goodbye)";
    Ok(Figure::new(name, round_trips, "", Kind::Count).at_most(3.0))
}

/// The laptop and the hub edit all cases, half of them in the same field, and exchange that once.
fn both_edit() -> anyhow::Result<Vec<Figure>> {
    let district = District::found()?;
    let District { hub, van, .. } = &district;
    van.record(&day(1, CASES)?);
    district.sync(Profile::clean(), 1)?;
    let rows = |output: crate::process::Output| output.done().lines;
    let listed = rows(van.call(&["case", "list", "--format", "ndjson"]).run());
    let slips: Vec<_> = listed.iter().filter_map(|row| row["slip"].as_str()).collect();
    ensure!(slips.len() == CASES, "{} cases", slips.len());
    let (here, there) = (|n: usize| format!("di van {n}"), |n: usize| format!("di pusat {n}"));
    for (n, slip) in slips.iter().enumerate() {
        let fields = if n % 2 == 0 { ["blank", "blank"] } else { ["notes", "channel"] };
        let set = [format!("{}={}", fields[0], here(n)), format!("{}={}", fields[1], there(n))];
        van.run(&["amend", slip, "--set", &set[0], "--reason", "diperiksa"]);
        hub.run(&["case", "amend", slip, "--set", &set[1], "--reason", "diperiksa"]);
    }
    let exchange = district.sync("edge".parse()?, 1)?;
    let (mut merged, mut marked, mut lost) = (0, 0, 0);
    for (n, slip) in slips.iter().enumerate() {
        for shown in [van.run(&["case", "show", slip]), hub.run(&["case", "show", slip])] {
            let case = shown.json();
            let holds = |text: &str| case.to_string().contains(&format!("\"{text}\""));
            lost += usize::from(!holds(&here(n))) + usize::from(!holds(&there(n)));
            merged += usize::from(case["notes"] == here(n) && case["channel"] == there(n));
            marked += usize::from(case["conflicts"].as_array().is_some_and(|all| !all.is_empty()));
        }
    }
    let conflicts = |lines: Vec<Value>| lines.iter().filter(|row| row["conflict"] == true).count();
    let list = ["case", "list", "--format", "ndjson"];
    let (at_van, at_hub) = (conflicts(rows(van.call(&list).run())), conflicts(rows(hub.call(&list).run())));
    ensure!((at_van, at_hub) == (marked / 2, marked / 2), "{at_van} and {at_hub} conflicts are listed");
    let name = |what: &str| format!("EDGE: {CASES} cases edited on both sides, {what}");
    let count = |what: &str, value: usize| Figure::new(name(what), value as f64, "", Kind::Count);
    let half = (CASES / 2) as f64;
    Ok(vec![
        Figure::new(name("one exchange"), exchange.bytes, "bytes", Kind::Bytes).at_most(30_000.0),
        count("merged alike on both sides", merged / 2).at_least(half),
        count("conflicts marked on both sides", marked / 2).at_least(half),
        count("values lost", lost).at_most(0.0),
    ])
}

/// One upload in one go, and the same cut at random moments until it is through.
fn cut() -> anyhow::Result<Vec<Figure>> {
    let lines = day(1, CASES_CUT)?;
    let link = || Profile::even(Shape::modem(1_000, 100, 0.0));
    let whole = District::found()?;
    whole
        .van
        .call(&["record", "--file", "-", "--json"])
        .stdin(lines.clone())
        .within(CROSSING_LIMIT)
        .run()
        .done();
    whole.sync(link(), 1)?;
    let uncut = arrived_bytes(&whole.relay.stats());
    whole.sync(link(), 2)?;
    let handshake = arrived_bytes(&whole.relay.stats());

    let district = District::found()?;
    district.van.call(&["record", "--file", "-", "--json"]).stdin(lines).within(CROSSING_LIMIT).run().done();
    let mut random = Random::of(1, "cuts");
    district.relay.reshape(link(), 1);
    let mut cuts = 0;
    while cuts < CUTS {
        district.relay.cut_after(random.between(1, 2 * CUT_BYTES));
        let output = district.van.call(&["sync", "--json", "--patience", "1s"]).within(CROSSING_LIMIT).run();
        ensure!(output.code == Some(1), "the upload was over before cut {}: {output}", cuts + 1);
        restored(&district.relay);
        cuts += 1;
    }
    district.van.call(&["sync", "--json"]).within(CROSSING_LIMIT).run().done();
    let (arrived, offered) = (arrived_bytes(&district.relay.stats()), offered_bytes(&district.relay.stats()));
    let custody = district.van.run(&["custody"]);
    ensure!(custody.number("at_hub") == CASES_CUT as u64, "not everything is at the hub: {custody}");
    let beyond = arrived - CUTS as f64 * handshake;
    let name = |what: &str| format!("an upload of {CASES_CUT} cases, {what}");
    Ok(vec![
        Figure::new(name("in one go, bytes that arrived"), uncut, "bytes", Kind::Bytes),
        Figure::new(name("an exchange with nothing new"), handshake, "bytes", Kind::Bytes),
        Figure::new(name("cut 50 times, bytes that arrived"), arrived, "bytes", Kind::Bytes),
        Figure::new(name("cut 50 times, bytes offered to the link"), offered, "bytes", Kind::Bytes),
        Figure::new(name("cut 50 times, less 50 handshakes / in one go"), beyond / uncut, "", Kind::Ratio)
            .at_most(1.1),
    ])
}

/// Takes the cut back, whether it has come or not.
fn restored(relay: &Relay) {
    relay.cut();
    relay.restore();
}

/// Whole IP packets that reached the other end, both ways: what is sent again after it had arrived counts again, what
/// was still under way at a cut does not.
fn arrived_bytes(stats: &Stats) -> f64 {
    (stats.up.sent.bytes + stats.down.sent.bytes) as f64
}
