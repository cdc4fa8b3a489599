//! `blank`.

use serde_json::Value;
use shared::document::blanks::Act;

use super::{Desk, field};
use crate::{
    blank::BlankAct,
    cli::{Blank, BlankRange},
    request::Request,
};

pub(super) fn blank(desk: &mut Desk, options: Blank) -> anyhow::Result<()> {
    let act = match options {
        Blank::List => {
            let answer = desk.list(Request::Blank { act: BlankAct::List }, line)?;
            if answer["kinds"] == 0 && answer["leases"] == 0 {
                desk.printer
                    .text("No numbered blank came aboard yet: `van-agent blank receive KIND FROM TO`")?;
            }
            return Ok(());
        }
        Blank::Receive(range) => entry(Act::Received, range, None),
        Blank::Spoil { range, reason } => entry(Act::Spoilt, range, Some(reason)),
        Blank::Return { range, reason } => entry(Act::Returned, range, reason),
        Blank::Use { case, serial } => BlankAct::Use { case, serial },
    };
    let answer = desk.ask(Request::Blank { act })?;
    desk.printer.value(&answer)?;
    match answer["slip"].as_str() {
        Some(slip) => desk.printer.text(format_args!("{slip} used blank {}.", field(&answer, "blank")))?,
        None => desk.printer.text(format_args!(
            "{} {}: {} {}.",
            answer["numbers"],
            field(&answer, "kind"),
            ends(&answer["range"]),
            field(&answer, "act"),
        ))?,
    }
    for warning in answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        desk.printer.text(format_args!("Warning: {warning}"))?;
    }
    Ok(())
}

fn entry(act: Act, range: BlankRange, reason: Option<String>) -> BlankAct {
    let BlankRange { kind, from, to } = range;
    BlankAct::Enter { act, kind, from, to, reason }
}

fn ends(range: &Value) -> String {
    match (field(range, "from"), field(range, "to")) {
        (from, to) if from == to => from.to_owned(),
        (from, to) => format!("{from} to {to}"),
    }
}

fn line(row: &Value) -> String {
    if row["lease"].is_object() { lease(&row["lease"]) } else { stock(&row["stock"]) }
}

fn stock(stock: &Value) -> String {
    let mut line = format!(
        "{}: {} left; received {}, used {}, spoilt {}, returned {}",
        field(stock, "kind"),
        stock["left"],
        stock["received"],
        stock["used"],
        stock["spoilt"],
        stock["returned"],
    );
    for range in stock["ranges"].as_array().into_iter().flatten() {
        line += &format!("\n  left: {}", ends(range));
    }
    for alarm in stock["alarms"].as_array().into_iter().flatten() {
        let cases: Vec<_> =
            alarm["cases"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let what = field(alarm, "alarm").replace('_', " ");
        line += &format!("\n  ALARM {}: {what}  {}", ends(&alarm["range"]), cases.join(", "));
    }
    line
}

fn lease(lease: &Value) -> String {
    let until = lease["until"].as_str().map_or_else(String::new, |until| format!(", until {until}"));
    let state = match (lease["over"] == true, lease["low"] == true) {
        (true, _) => "  OVER: ask the hub for another",
        (false, true) => "  RUNS OUT: ask the hub for more",
        (false, false) if lease["soon"] == true => "  ENDS SOON: ask the hub for another",
        (false, false) => "",
    };
    format!(
        "lease {}  {}  {}, {} of {} gone{until}{state}",
        field(lease, "lease"),
        field(lease, "kind"),
        ends(&lease["range"]),
        lease["gone"],
        lease["numbers"],
    )
}
