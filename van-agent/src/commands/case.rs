//! `case`, `find` and `amend`.

use serde_json::Value;
use shared::{
    born,
    desk::{amend::Amendment, author, edits, files, handover, questions, rows},
};

use super::{Desk, attachment, field};
use crate::{
    cli::{Amend, Case, ListFormat},
    host::{
        cases::{Find, say_found, write_export},
        output::{PrintError, Printer},
    },
    request::Request,
};

pub(super) fn case(desk: &mut Desk, options: Case) -> anyhow::Result<()> {
    match options {
        Case::List { limit, needs_you: true, .. } => needs_you(desk, limit),
        Case::List { format, limit, needs_you: false } => list(desk, format, limit),
        Case::Handled { case, reason } => handled(desk, case, reason),
        Case::Show { case } => show(desk, case),
        Case::Attach { case, file, kind, name } => attachment::attach(desk, case, &file, kind, name),
        Case::Scans { limit } => attachment::scans(desk, limit),
        Case::Detach { case, attachment, reason } => attachment::detach(desk, case, attachment, reason),
        Case::Attachment { case, attachment, out, thumbnail } => {
            attachment::write(desk, case, attachment, &out, thumbnail)
        }
        Case::Export(options) => {
            let Desk { access, printer } = desk;
            write_export(printer, &options, |automerge| {
                let request = Request::CaseExport { case: options.case.clone(), automerge };
                Ok(access.ask(request, &mut |_| true)?)
            })
        }
    }
}

fn list(desk: &mut Desk, format: Option<ListFormat>, limit: Option<u64>) -> anyhow::Result<()> {
    let request = Request::CaseList { limit };
    let format = match format {
        None if desk.printer.json() => Some(ListFormat::Ndjson),
        given => given,
    };
    let Some(format) = format else {
        desk.list(request, row_line)?;
        return Ok(());
    };
    let Desk { access, printer } = desk;
    if format == ListFormat::Csv {
        printer.line(&rows::csv_line(&rows::COLUMNS))?;
    }
    let mut failed = None;
    access.ask(request, &mut |value| {
        let line = match format {
            ListFormat::Ndjson => value.to_string(),
            ListFormat::Csv => rows::csv_line(&rows::cells(&value)),
        };
        if let Err(error) = printer.line(&line) {
            failed.get_or_insert(error);
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

fn needs_you(desk: &mut Desk, limit: Option<u64>) -> anyhow::Result<()> {
    let request = Request::NeedsYou { limit: limit.unwrap_or(u64::MAX) };
    let answer = desk.list(request, |value| match value["reason"].as_str() {
        Some(reason) => {
            let name = value["slip"].as_str().unwrap_or_else(|| field(value, "document"));
            format!("{name}  held by the hub: {reason}{}", dealt_with(value))
        }
        None => {
            let fields = value["fields"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let fields: Vec<_> = fields.collect();
            let answer = &value["answer"];
            let answer =
                answer["state"].as_str().map(|state| format!("{state} {}", handover::in_words(answer)));
            let decide = (!fields.is_empty()).then(|| format!("to be decided: {}", fields.join(", ")));
            let told = [answer, decide].into_iter().flatten();
            let asked =
                value["questions"].as_array().into_iter().flatten().filter(|one| one["state"] == "answered");
            let told: Vec<_> = told.chain(asked.map(questions::in_words)).collect();
            format!("{}  {}", field(value, "slip"), told.join("; "))
        }
    })?;
    if answer["needs_you"] == 0 {
        desk.printer.text("Nothing needs you.")?;
    }
    Ok(())
}

fn handled(desk: &mut Desk, what: String, reason: String) -> anyhow::Result<()> {
    let answer = desk.ask(Request::Handled { what, reason })?;
    desk.printer.value(&answer)?;
    desk.printer.text(format_args!("It needs you no more, and waits for the hub, which holds it still."))?;
    Ok(())
}

/// How what the hub holds was dealt with here, behind its reason; empty where it was not.
fn dealt_with(held: &Value) -> String {
    let handled = &held["handled"];
    let Some(at) = handled["at"].as_str() else { return String::new() };
    let why = handled["why"].as_str().unwrap_or("by a later change");
    let by = handled["by"].as_str().map_or_else(String::new, |by| format!(", {by}"));
    format!("  (dealt with {at}{by}: {why})")
}

/// A case as one line for people.
fn row_line(row: &Value) -> String {
    let mark = if row["conflict"] == true { "  (needs you)" } else { "" };
    format!(
        "{}  {:<12} {:<20} {}  {}{mark}",
        field(row, "slip"),
        field(row, "service"),
        field(row, "status"),
        field(row, "name"),
        field(row, "nik"),
    )
}

pub(super) fn find(desk: &mut Desk, Find { text, limit }: &Find) -> anyhow::Result<()> {
    let answer = desk.list(Request::Find { text: text.join(" "), limit: *limit }, row_line)?;
    Ok(say_found(&mut desk.printer, &answer, *limit)?)
}

fn show(desk: &mut Desk, case: String) -> anyhow::Result<()> {
    let shown = desk.ask(Request::CaseShow { case })?;
    desk.printer.value(&shown)?;
    let printer = &mut desk.printer;
    printer.text(format_args!("{}  {}", field(&shown, "slip"), field(&shown, "case")))?;
    let whole = [
        ("service", "Service"),
        ("status", "Status"),
        ("name", "Name"),
        ("nik", "NIK"),
        ("village", "Village"),
        ("phone", "Phone"),
        ("address", "Address"),
        ("started", "Started"),
        ("officer", "Officer"),
        ("visit", "Visit"),
        ("sheet", "Sheet"),
        ("notes", "Notes"),
        ("custody", "Custody"),
    ];
    for (name, title) in whole {
        if let Some(text) = shown.get(name).and_then(Value::as_str) {
            printer.text(format_args!("  {title:<10} {}", edits::set_in(text)))?;
        }
    }
    for (title, text) in facts(&shown) {
        printer.text(format_args!("  {title:<10} {text}"))?;
    }
    for event in shown["events"].as_array().into_iter().flatten() {
        let (by, product) = (author::in_words(event), handover::in_words(event));
        let (at, state) = (field(event, "at"), field(event, "state"));
        printer.text(format_args!("  {}", format!("{at}  {state} ({by}) {product}").trim_end()))?;
    }
    for edit in shown["edits"].as_array().into_iter().flatten() {
        printer.text(format_args!("  {}", edits::in_words(edit)))?;
    }
    for question in shown["questions"].as_array().into_iter().flatten() {
        printer.text(format_args!("  Question {}", questions::in_words(question)))?;
    }
    for attachment in shown["attachments"].as_array().into_iter().flatten() {
        printer.text(format_args!("  Attachment {}", files::line(attachment)))?;
    }
    let to_follow = files::to_follow_in_words(&shown["to_follow"]);
    if !to_follow.is_empty() {
        printer.text(format_args!("  {to_follow}"))?;
    }
    for (code, words) in shown["warnings"].as_object().into_iter().flatten() {
        printer.text(format_args!("  Warning {code}: {}", words.as_str().unwrap_or("")))?;
    }
    say_conflicts(printer, &shown)?;
    let elsewhere = &shown["elsewhere"];
    printer.text(format_args!(
        "  Changes    {} at the hub, {} carried, {} seen by nobody yet",
        elsewhere["hub"], elsewhere["carried"], elsewhere["nobody"]
    ))?;
    for refused in shown["quarantine"].as_array().into_iter().flatten() {
        printer.text(format_args!(
            "  Held by the hub: {}{}",
            field(refused, "reason"),
            dealt_with(refused)
        ))?;
    }
    Ok(())
}

/// What a person must decide of a case, each side with who and when.
fn say_conflicts(printer: &mut Printer, shown: &Value) -> Result<(), PrintError> {
    for conflict in shown["conflicts"].as_array().into_iter().flatten() {
        printer.text(format_args!("  To be decided: {}", field(conflict, "field")))?;
        for side in conflict["sides"].as_array().into_iter().flatten() {
            printer.text(format_args!(
                "    {}  ({}{}, {})",
                field(side, "value"),
                author::in_words(side),
                side["officer"].as_str().map_or_else(String::new, |officer| format!(", {officer}")),
                field(side, "at")
            ))?;
        }
    }
    Ok(())
}

/// What is told of a case beside its plain fields: each with its title.
fn facts(shown: &Value) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(born) = shown["born"].as_str() {
        let about = if born::is_about(born, shown["born_estimated"] == true) { "± " } else { "" };
        facts.push(("Born", format!("{about}{born}")));
    }
    if let Some(day) = shown["death"].as_str() {
        facts.push(("Death", format!("reported {day}")));
    }
    for (name, title) in [("birth_order", "Birth order"), ("mother", "Mother"), ("kk", "KK")] {
        facts.extend(shown["subject"][name].as_str().map(|text| (title, text.to_owned())));
    }
    let missing = shown["missing"].as_array().into_iter().flatten().filter_map(Value::as_str);
    facts.extend(missing.map(|requirement| ("Missing", requirement.to_owned())));
    for (party, title) in [("applicant", "Applicant"), ("collector", "Collector")] {
        let other = shown[party]["person"] != shown["subject"]["person"];
        facts.extend(shown[party]["name"].as_str().filter(|_| other).map(|name| (title, name.to_owned())));
    }
    if let Some(consent) = shown["consent"].as_bool() {
        let text = shown["consent_text"].as_str().map_or_else(String::new, |text| format!(", text {text}"));
        facts.push(("Consent", format!("{}{text}", if consent { "yes" } else { "no" })));
    }
    let witnesses: Vec<_> =
        shown["witnesses"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    facts.extend(shown["confirmed"].as_str().map(|how| ("Confirmed", format!("by {how}"))));
    if !witnesses.is_empty() {
        facts.push(("Witnesses", witnesses.join(", ")));
    }
    facts
}

pub(super) fn amend(desk: &mut Desk, options: Amend) -> anyhow::Result<()> {
    let Amend { case, set, reason, reference, agency, with, officer } = options;
    let amendment =
        Amendment { settings: set, reason, agency, reference, with, officer, ..Amendment::default() };
    let amended = desk.ask(Request::Amend { case, amendment })?;
    desk.printer.value(&amended)?;
    let what = if amended["changed"] == true { "Amended" } else { "Nothing to change in" };
    desk.printer.text(format_args!("{what} {} ({}).", field(&amended, "slip"), field(&amended, "status")))?;
    for warning in amended["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        desk.printer.text(format_args!("Warning: {warning}"))?;
    }
    Ok(())
}
