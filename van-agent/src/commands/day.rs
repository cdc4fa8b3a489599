//! `day`.

use std::io::{self, IsTerminal};

use serde_json::Value;

use super::{Desk, field};
use crate::{
    cli::Day,
    day::Decision,
    host::{output::Printer, qr},
    request::Request,
};

pub(super) fn day(desk: &mut Desk, options: Day) -> anyhow::Result<()> {
    match options {
        Day::Show => show(desk),
        Day::Decide { open, decision } => decide(desk, open, decision),
        Day::Close { leader } => close(desk, leader.unwrap_or_default()),
    }
}

fn show(desk: &mut Desk) -> anyhow::Result<()> {
    let day = desk.ask(Request::DayShow)?;
    desk.printer.value(&day)?;
    let list = |name: &str| day[name].as_array().cloned().unwrap_or_default();
    let printer = &mut desk.printer;
    printer.text(format_args!(
        "{}: {} changes of {} cases since the last seal",
        field(&day, "date"),
        day["changes"],
        day["cases"]
    ))?;
    counts(printer, &day)?;
    for lease in list("leases") {
        printer.text(format_args!("Warning: {}", field(&lease, "says")))?;
    }
    for draft in list("drafts") {
        printer.text(format_args!(
            "Undecided draft: {}  {}",
            field(&draft, "slip"),
            field(&draft, "name")
        ))?;
    }
    for form in list("forms") {
        let name = form["name"].as_str().filter(|name| !name.is_empty()).unwrap_or("nobody named yet");
        let [form, began] = ["form", "began"].map(|key| field(&form, key));
        printer.text(format_args!("Half-typed form {form}: {name}, begun {began}"))?;
    }
    for visit in list("visits") {
        printer.text(format_args!(
            "Visit still open: {}  {}",
            field(&visit, "date"),
            field(&visit, "label")
        ))?;
    }
    let tickets = &day["tickets"];
    printer.text(format_args!(
        "Tickets: {} drawn, {} served, {} left, {} on the waiting list",
        tickets["drawn"],
        tickets["served"],
        tickets["left"],
        tickets["waiting_list"].as_array().map_or(0, Vec::len)
    ))?;
    let custody = &day["custody"];
    printer.text(format_args!(
        "On this laptop only {}, carried {}, at the hub {}, accepted {}",
        custody["on_laptop"], custody["carried"], custody["at_hub"], custody["accepted"]
    ))?;
    match day["seal"].as_object() {
        Some(_) => {
            let seal = &day["seal"];
            printer.text(format_args!("Last seal: {}\n{}", sentence(seal), lines(field(seal, "groups"))))?;
            counts(printer, seal)?;
        }
        None => printer.text("No seal was made yet: `van-agent day close`")?,
    }
    Ok(())
}

/// What was written of each service and of each kind of blanks, a line each: since the last seal, or in one.
fn counts(printer: &mut Printer, of: &Value) -> anyhow::Result<()> {
    for row in of["services"].as_array().into_iter().flatten() {
        printer.text(format_args!(
            "  {:<5} {:<12} {}: {}; {}",
            field(row, "agency"),
            field(row, "service"),
            row["cases"],
            states(row),
            fees(row)
        ))?;
    }
    for row in of["blanks"].as_array().into_iter().flatten() {
        printer.text(blanks(row))?;
    }
    Ok(())
}

fn decide(desk: &mut Desk, open: String, decision: Decision) -> anyhow::Result<()> {
    let decided = desk.ask(Request::DayDecide { open, decision })?;
    desk.printer.value(&decided)?;
    let cases = decided["cases"].as_array().into_iter().flatten().filter_map(Value::as_str);
    desk.printer.text(match decision {
        Decision::Postpone => "Kept for the next visit.".to_owned(),
        Decision::Save => format!("Saved: {}", cases.collect::<Vec<_>>().join(", ")),
        Decision::Delete => {
            "Deleted: nothing of it was sent, and a draft stays as a cancelled case.".to_owned()
        }
    })?;
    Ok(())
}

fn close(desk: &mut Desk, leader: String) -> anyhow::Result<()> {
    let sealed = desk.ask(Request::DayClose { leader })?;
    desk.printer.value(&sealed)?;
    if sealed["again"] == true {
        desk.printer.text("Nothing was written since the last seal; this is the last one again.")?;
    }
    if sealed["postponed"] != 0 {
        desk.printer.text(format_args!(
            "{} with tickets were not served: they come first at the next visit (`van-agent queue waiting-list`).",
            sealed["postponed"]
        ))?;
    }
    let picture = if io::stdout().is_terminal() { qr::terminal(field(&sealed, "seal")) } else { None };
    desk.printer.text(format_args!(
        "{}{}\n\n{}\nSend it to the hub by SMS or read it aloud: `hub-server seal add TEXT`. It also travels by itself with the next sync.",
        picture.map_or_else(String::new, |picture| picture + "\n"),
        lines(field(&sealed, "groups")),
        sentence(&sealed),
    ))?;
    Ok(())
}

/// Groups, four a line.
fn lines(groups: &str) -> String {
    let groups: Vec<_> = groups.split(' ').collect();
    groups.chunks(4).map(|line| line.join(" ")).collect::<Vec<_>>().join("\n")
}

fn sentence(seal: &Value) -> String {
    let mut sentence = format!(
        "{}, laptop {}, entries {} to {} of its log, {} changes",
        field(seal, "date"),
        field(seal, "laptop"),
        seal["first"],
        seal["last"],
        seal["changes"],
    );
    if let Some(leader) = seal["leader"].as_str().filter(|leader| !leader.is_empty()) {
        sentence += &format!(", team leader {leader}");
    }
    sentence
}

fn blanks(row: &Value) -> String {
    let (agency, kind) = (field(row, "agency"), field(row, "kind"));
    format!("  {agency:<5} blanks {kind}: {} used, {} spoilt", row["used"], row["spoilt"])
}

fn fees(row: &Value) -> String {
    match row["fees"].as_u64() {
        Some(0) => "free of charge".to_owned(),
        Some(rupiah) => format!("Rp {rupiah} fall due"),
        None => format!("tariff: {}", field(row, "tariff")),
    }
}

fn states(row: &Value) -> String {
    let states = row["states"].as_object().into_iter().flatten();
    states.map(|(state, cases)| format!("{cases} {state}")).collect::<Vec<_>>().join(", ")
}
