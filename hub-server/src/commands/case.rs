//! `hub-server case` and `find`.

use serde_json::Value;
use shared::desk::{
    amend::Amendment,
    author, edits, files,
    handover::{self, Act, Order},
    questions, rows,
};
use shared::id::UnitId;
use van_agent::host::{
    cases::{Find, not_done, say_found, write_export},
    output::Failure,
};

use super::ask::{Desk, ask, text};
use crate::{
    cli::{Amend, Case, ListFormat},
    request::Request,
};

pub(super) fn case(mut desk: Desk, case: Case) -> anyhow::Result<()> {
    match case {
        Case::List { format, limit } => list(&mut desk, format, limit),
        Case::Show(name) => desk.say(&Request::CaseShow { case: name.case }, shown),
        Case::Amend(options) => amend(&mut desk, options),
        Case::Ready { cases, unit, as_agency } => {
            let order = Order { unit, agency: Some(as_agency), ..Order::of(Act::Ready) };
            ready(&mut desk, order, cases)
        }
        Case::Manifest { unit } => manifest(&mut desk, unit),
        Case::Attachment { case, attachment, out, thumbnail } => {
            let out = std::path::absolute(out)?;
            let request = Request::CaseAttachment { case, attachment, out, thumbnail };
            desk.say(&request, |answer| format!("Wrote {} ({} bytes).", text(answer, "out"), answer["bytes"]))
        }
        Case::Export(options) => {
            let Desk { home, printer } = &mut desk;
            write_export(printer, &options, |automerge| {
                ask(home, &Request::CaseExport { case: options.case.clone(), automerge }, |_| true)
            })
        }
    }
}

pub(super) fn find(mut desk: Desk, Find { text, limit }: &Find) -> anyhow::Result<()> {
    let request = Request::Find { text: text.join(" "), limit: *limit };
    let answer = desk.ask_rows(&request, line)?;
    Ok(say_found(&mut desk.printer, &answer, *limit)?)
}
fn list(desk: &mut Desk, format: Option<ListFormat>, limit: Option<u64>) -> anyhow::Result<()> {
    let request = Request::CaseList { limit };
    if desk.printer.json() && format != Some(ListFormat::Csv) {
        return desk.ask_rows(&request, Value::to_string).map(drop);
    }
    match format {
        None => desk.ask_rows(&request, line).map(drop),
        Some(ListFormat::Ndjson) => desk.ask_lines(&request, None, Value::to_string),
        Some(ListFormat::Csv) => desk.ask_lines(&request, Some(rows::csv_line(&rows::COLUMNS)), |row| {
            rows::csv_line(&rows::COLUMNS.map(|column| rows::cell(&row[column])))
        }),
    }
}

fn amend(desk: &mut Desk, options: Amend) -> anyhow::Result<()> {
    let mut amendment =
        Amendment { reason: options.reason, agency: options.as_agency, ..Amendment::default() };
    for setting in options.set {
        // What belongs to a status is written with it, and is no field of its own.
        match setting.split_once('=') {
            Some(("reference", value)) => amendment.reference = Some(value.to_owned()),
            Some(("with", value)) => amendment.with = Some(value.to_owned()),
            Some(("unit", value)) => {
                let unit = value.parse().map_err(|error| Failure::usage(format!("{error}")))?;
                amendment.unit = Some(unit);
            }
            _ => amendment.settings.push(setting.parse().map_err(|error| {
                Failure::usage(format!("{error}")).next("see `hub-server case amend --help`")
            })?),
        }
    }
    desk.say(&Request::Amend { case: options.case, amendment }, |answer| {
        let changed = if answer["changed"] == true { "Amended" } else { "Nothing to change in" };
        let name = answer["slip"].as_str().unwrap_or_else(|| text(answer, "case"));
        let warnings = answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let warnings: String = warnings.map(|warning| format!("\nNote: {warning}")).collect();
        format!("{changed} {name}: {}.{warnings}", text(answer, "status"))
    })
}

/// Marks products ready; it has failed where one of them may not be.
fn ready(desk: &mut Desk, order: Order, cases: Vec<String>) -> anyhow::Result<()> {
    let answer = desk.ask(&Request::HandOver { order, cases })?;
    desk.printer.value(&answer)?;
    for done in answer["done"].as_array().into_iter().flatten() {
        let (slip, status, unit) = (text(done, "slip"), text(done, "status"), text(done, "for_unit"));
        desk.printer.text(format_args!("{slip}  {status}  for {unit}"))?;
    }
    not_done(&answer, "hub-server").map_or(Ok(()), |failure| Err(failure.into()))
}

fn manifest(desk: &mut Desk, unit: UnitId) -> anyhow::Result<()> {
    let answer = desk.ask_rows(&Request::Manifest { unit }, line)?;
    desk.printer.value(&answer)?;
    let (aboard, missing) = (&answer["aboard"], &answer["missing"]);
    desk.printer.text(format_args!("Aboard: {aboard}. Ready and not aboard: {missing}."))?;
    Ok(())
}

fn line(row: &Value) -> String {
    let conflict = if row["conflict"] == true { "  [to be decided]" } else { "" };
    format!(
        "{:<24} {:<11} {:<19} {}{conflict}",
        text(row, "slip"),
        text(row, "service"),
        text(row, "status"),
        row["name"].as_str().unwrap_or("-"),
    )
}

fn shown(case: &Value) -> String {
    let mut lines = vec![line(case), format!("  id {}", text(case, "case"))];
    let objects = |member: &str| case[member].as_array().cloned().unwrap_or_default();
    for party in ["subject", "applicant", "collector"] {
        let person = &case[party];
        if person.is_object() {
            let facts = ["nik", "born", "phone", "address"].iter().filter_map(|key| person[*key].as_str());
            let facts: Vec<_> = facts.collect();
            lines.push(format!("  {party}: {} ({})", text(person, "name"), facts.join(", ")));
        }
    }
    lines.extend(case["notes"].as_str().map(|notes| format!("  Notes: {}", edits::set_in(notes))));
    for event in objects("events") {
        let extra = ["agency", "reference", "reason"].iter().filter_map(|key| event[*key].as_str());
        let product = handover::in_words(&event);
        let extra: Vec<_> =
            extra.chain([product.as_str()].into_iter().filter(|text| !text.is_empty())).collect();
        let at = event["at"].as_str().unwrap_or("");
        lines.push(format!(
            "  {at} {} ({}) {}",
            text(&event, "state"),
            author::in_words(&event),
            extra.join("; ")
        ));
    }
    lines.extend(objects("edits").iter().map(|edit| format!("  {}", edits::in_words(edit))));
    lines.extend(objects("questions").iter().map(|one| format!("  Question {}", questions::in_words(one))));
    lines.extend(objects("attachments").iter().map(|one| format!("  Attachment {}", files::line(one))));
    let to_follow = files::to_follow_in_words(&case["to_follow"]);
    if !to_follow.is_empty() {
        lines.push(format!("  {to_follow}"));
    }
    for conflict in objects("conflicts") {
        lines.push(format!("  To be decided: {}", text(&conflict, "field")));
        for side in conflict["sides"].as_array().into_iter().flatten() {
            lines.push(format!(
                "    {} ({}{}, {})",
                text(side, "value"),
                author::in_words(side),
                side["officer"].as_str().map_or_else(String::new, |officer| format!(", {officer}")),
                text(side, "at")
            ));
        }
    }
    for (code, words) in case["warnings"].as_object().into_iter().flatten() {
        lines.push(format!("  Warning {code}: {}", words.as_str().unwrap_or("")));
    }
    for refusal in objects("quarantine") {
        lines.push(format!("  Held: {} ({})", text(&refusal, "reason"), text(&refusal, "rule")));
    }
    lines.join("\n")
}
