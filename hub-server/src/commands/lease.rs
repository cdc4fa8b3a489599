//! `hub-server lease`, `hub-server blank`.

use serde_json::Value;

use super::ask::{Desk, text};
use crate::{
    cli::{Grant, Lease},
    request::Request,
};

pub(super) fn lease(mut desk: Desk, lease: Lease) -> anyhow::Result<()> {
    match lease {
        Lease::List => {
            let mut none = true;
            desk.ask_rows(&Request::Leases, |row| {
                none = false;
                line(row)
            })?;
            if none {
                desk.printer.text("Nothing is lent yet: `hub-server lease grant`")?;
            }
            Ok(())
        }
        Lease::Grant(Grant { unit, laptop, kind, from, to, until }) => desk
            .say(&Request::LeaseGrant { unit, laptop, kind, from, to, until }, |lease| {
                format!("Lent: {}\nThe laptop hears of it at its next exchange.", line(lease))
            }),
        Lease::Void { lease, reason } => {
            desk.say(&Request::LeaseVoid { lease, reason }, |lease| format!("Taken back: {}", line(lease)))
        }
    }
}

pub(super) fn blanks(mut desk: Desk) -> anyhow::Result<()> {
    let mut none = true;
    desk.ask_rows(&Request::Blanks, |stock| {
        none = false;
        let mut line = format!(
            "{}  {}: {} left; received {}, used {}, spoilt {}, returned {}",
            text(stock, "unit"),
            text(stock, "kind"),
            stock["left"],
            stock["received"],
            stock["used"],
            stock["spoilt"],
            stock["returned"],
        );
        for alarm in stock["alarms"].as_array().into_iter().flatten() {
            let cases: Vec<_> =
                alarm["cases"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let what = text(alarm, "alarm").replace('_', " ");
            line += &format!("\n  ALARM {}: {what}  {}", ends(&alarm["range"]), cases.join(", "));
        }
        line
    })?;
    if none {
        desk.printer.text("No laptop told of numbered blanks yet.")?;
    }
    Ok(())
}

fn line(lease: &Value) -> String {
    let mut line = format!(
        "{}  {}{}  {}  {}",
        text(lease, "lease"),
        text(lease, "unit"),
        text(lease, "letter"),
        text(lease, "kind"),
        ends(&lease["range"]),
    );
    if let Some(gone) = lease["gone"].as_u64() {
        line += &format!(", {gone} of {} gone", lease["numbers"]);
    }
    if let Some(until) = lease["until"].as_str() {
        line += &format!(", until {until}");
    }
    match (lease["void"].as_str(), lease["over"] == true, lease["low"] == true) {
        (Some(reason), ..) => line += &format!("  VOID: {reason}"),
        (None, true, _) => line += "  OVER",
        (None, false, true) => line += "  RUNS OUT",
        (None, false, false) if lease["soon"] == true => line += "  ENDS SOON",
        (None, false, false) => {}
    }
    line
}

fn ends(range: &Value) -> String {
    match (text(range, "from"), text(range, "to")) {
        (from, to) if from == to => from.to_owned(),
        (from, to) => format!("{from} to {to}"),
    }
}
