//! `today`.

use serde_json::Value;

use super::{Desk, field};
use crate::request::Request;

pub(super) fn today(desk: &mut Desk) -> anyhow::Result<()> {
    let today = desk.ask(Request::Today)?;
    desk.printer.value(&today)?;
    let (queue, products) = (&today["queue"], &today["products"]);
    desk.printer.text(format_args!(
        "{}: {} wait of {} tickets, {} on the waiting list; products: {} to load, {} aboard, {} with collectors",
        field(&today, "date"),
        queue["waiting"],
        queue["drawn"],
        queue["waiting_list"].as_array().map_or(0, Vec::len),
        products["ready"],
        products["loaded"],
        products["with_collector"],
    ))?;
    let classes = queue["classes"].as_object().into_iter().flatten();
    let waiting: Vec<_> = classes.map(|(class, count)| format!("{class} {count}")).collect();
    desk.printer.text(format_args!("Waiting: {}", waiting.join(", ")))?;
    let list = |name: &str| today[name].as_array().cloned().unwrap_or_default();
    for visit in list("expected") {
        desk.printer.text(format_args!(
            "Expected at {}: {} of the pre-list ({} served), {} products to hand over",
            field(&visit, "label"),
            visit["people"],
            visit["served"],
            visit["products"]
        ))?;
    }
    for found in list("attention") {
        desk.printer.text(format_args!("Attention: {}", attention(&found)))?;
    }
    let gates = &today["gates"];
    let passed: u64 = ["half", "urgent", "over"].iter().filter_map(|gate| gates[gate].as_u64()).sum();
    if passed > 0 {
        desk.printer.text(format_args!(
            "Legal time: {} cases past 50 %, {} past 80 %, {} run out",
            gates["half"], gates["urgent"], gates["over"]
        ))?;
    }
    for case in list("limits") {
        desk.printer.text(format_args!(
            "{} %  {}  {}  {}: {} {} left",
            case["percent"],
            field(&case, "slip"),
            field(&case, "name"),
            field(&case, "service"),
            case["left"],
            match field(&case, "unit") {
                "hour" => "hours",
                "day" => "days",
                _ => "working days",
            }
        ))?;
    }
    let battery = &today["battery"];
    if let Some(percent) = battery["percent"].as_u64() {
        let advice =
            if battery["low"] == true { "; print emergency sheets now: `van-agent sheet print`" } else { "" };
        desk.printer.text(format_args!("Battery: {percent} %{advice}"))?;
    }
    coverage(desk, &today["coverage"])?;
    Ok(())
}

/// When and where the hub is likely to be reached.
fn coverage(desk: &mut Desk, coverage: &Value) -> anyhow::Result<()> {
    if let Some(hour) = coverage["hour"].as_u64() {
        desk.printer.text(format_args!(
            "The hub is mostly reached from {hour}.00 {} on: {} of the last {} times; next likely {}",
            field(coverage, "zone"),
            coverage["contacts"],
            coverage["of"],
            field(coverage, "next")
        ))?;
    }
    for place in coverage["places"].as_array().into_iter().flatten() {
        desk.printer.text(format_args!(
            "It was reached at {} times: {}, last {}",
            field(place, "village"),
            place["contacts"],
            field(place, "last")
        ))?;
    }
    Ok(())
}

fn attention(found: &Value) -> String {
    match field(found, "code") {
        "unsent" => {
            format!("{} changes are on this laptop only, since {}", found["unsent"], field(found, "since"))
        }
        "disk" => format!("the disk has {} bytes left; make room, nothing is lost yet", found["free"]),
        "clock" => format!("the hub's clock is {} minutes ahead of this laptop's", found["minutes"]),
        "blanks" => format!("{} alarms of numbered blanks; see `van-agent blank list`", found["alarms"]),
        "lease" => field(found, "says").to_owned(),
        other => other.to_owned(),
    }
}
