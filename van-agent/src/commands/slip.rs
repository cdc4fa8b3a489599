//! `slip`.

use std::io::{self, IsTerminal};

use serde_json::Value;

use super::{Desk, field};
use crate::{
    cli::Slip,
    host::{qr, slips},
    request::Request,
    slips::SlipAct,
};

pub(super) fn slip(desk: &mut Desk, options: Slip) -> anyhow::Result<()> {
    match options {
        Slip::Show { case, family: false } => show(desk, case),
        Slip::Show { case, family: true } => {
            desk.list(Request::Slip { act: SlipAct::Sitting(case) }, said)?;
            Ok(())
        }
        Slip::Verify(options) => {
            let act = SlipAct::Verify { typed: options.typed()?, name: options.name };
            let verified = desk.ask(Request::Slip { act })?;
            desk.printer.value(&verified)?;
            desk.printer.text(slips::lines(&verified))?;
            Ok(slips::judged(&verified)?)
        }
        Slip::Unprinted { limit } => {
            let act = SlipAct::Unprinted { limit };
            let answer = desk.list(Request::Slip { act }, line)?;
            if answer["unprinted"] == 0 {
                desk.printer.text("Every slip is on paper.")?;
            }
            Ok(())
        }
        Slip::Printed { cases } => {
            let answer = desk.ask(Request::Slip { act: SlipAct::Printed(cases) })?;
            desk.printer.value(&answer)?;
            desk.printer.text(format_args!("Noted. Not on paper yet: {}", answer["unprinted"]))?;
            Ok(())
        }
    }
}

fn show(desk: &mut Desk, case: String) -> anyhow::Result<()> {
    let paper = desk.ask(Request::Slip { act: SlipAct::Show(case) })?;
    desk.printer.value(&paper)?;
    let picture = if io::stdout().is_terminal() { qr::terminal(field(&paper, "stamp")) } else { None };
    let picture = picture.map_or_else(String::new, |picture| picture + "\n");
    desk.printer.text(format_args!("{picture}{}", said(&paper)))?;
    Ok(())
}

/// A slip in words.
fn said(paper: &Value) -> String {
    let marks = [
        paper["reference"].as_str().map(|number| format!(", agency's number {number}")),
        paper["outcome"]["state"].as_str().map(|state| {
            let at = paper["outcome"]["at"].as_str().and_then(|at| at.get(..10)).unwrap_or_default();
            format!(", {state} {at}")
        }),
        paper["replaces"].as_u64().map(|earlier| format!(", PENGGANTI {earlier}")),
        paper["copies"]
            .as_u64()
            .filter(|copies| *copies > 0)
            .map(|copies| format!(", on paper {copies} times")),
    ];
    format!(
        "{}  {}  {}  {}\n{}: slip {}{}\n{}",
        field(paper, "slip"),
        field(paper, "service"),
        field(paper, "name"),
        field(paper, "recorded"),
        match (paper["status"].as_str(), paper["state"].as_str()) {
            (Some("cancelled"), _) => "DIBATALKAN",
            (_, Some("registered")) => "TERDAFTAR",
            _ => "TERCATAT, belum TERDAFTAR",
        },
        paper["revision"],
        marks.into_iter().flatten().collect::<String>(),
        field(paper, "stamp"),
    )
}

fn line(row: &Value) -> String {
    let replaces = if row["replaces"].is_null() { "" } else { "  PENGGANTI" };
    format!("{}  {}  {}{replaces}", field(row, "slip"), field(row, "service"), field(row, "name"))
}
