//! `custody` and `doctor`.

use serde_json::Value;
use shared::desk::files;

use super::{Desk, field};
use crate::{host::output::Failure, request::Request, start::DAMAGED};

pub(super) fn custody(desk: &mut Desk, safe_to_wipe: bool) -> anyhow::Result<()> {
    let custody = desk.ask(Request::Custody)?;
    desk.printer.value(&custody)?;
    let safe = custody["safe_to_wipe"] == true;
    for (name, title) in [
        ("on_laptop", "On this laptop only"),
        ("carried", "Carried by another"),
        ("at_hub", "At the hub"),
        ("accepted", "Accepted by the agency"),
        ("needs_you", "Needs you"),
    ] {
        desk.printer.text(format_args!("{title:<24}{}", custody[name]))?;
    }
    let held = custody["held"].as_u64().unwrap_or(0);
    if held > 0 {
        desk.printer.text(format_args!("{:<24}{held} changes, which do not count", "Held by the hub"))?;
    }
    let record_bytes = custody["record_bytes"].as_u64().unwrap_or(0);
    if record_bytes > 0 {
        desk.printer.text(format_args!(
            "{:<24}{}",
            "Records not handed over",
            files::in_bytes(record_bytes)
        ))?;
    }
    let files_here = custody["attachments"].as_u64().unwrap_or(0);
    if files_here > 0 {
        let bytes = files::in_bytes(custody["attachment_bytes"].as_u64().unwrap_or(0));
        desk.printer.text(format_args!("{:<24}{files_here} ({bytes})", "Attachments only here"))?;
    }
    let refused = custody["attachments_refused"].as_u64().unwrap_or(0);
    if refused > 0 {
        let why = "carried for others, which cannot be handed over: `van-agent bundle list` says why";
        desk.printer.text(format_args!("{:<24}{refused} {why}", "Attachments of others"))?;
    }
    if let Some(oldest) = custody["oldest_unsent"].as_str() {
        desk.printer.text(format_args!("{:<24}{oldest}", "Oldest not handed over"))?;
    }
    let for_others = custody["for_others"].as_u64().unwrap_or(0);
    if for_others > 0 {
        desk.printer.text(format_args!("{:<24}{for_others} changes", "Carried for others"))?;
        let refused = custody["for_others_refused"].as_u64().unwrap_or(0);
        if refused > 0 {
            desk.printer.text(format_args!(
                "{:<24}{refused} changes: `van-agent bundle list` says why",
                "  not taken by the hub"
            ))?;
        }
    }
    let verdict = if safe { "yes".to_owned() } else { format!("NO: {}", lost(&custody)) };
    desk.printer.text(format_args!("Safe to wipe: {verdict}"))?;
    if !safe {
        for case in custody["lost"].as_array().into_iter().flatten() {
            let (slip, name) = (field(case, "slip"), field(case, "name"));
            let why = match case["why"].as_str() {
                Some("carried") => "another laptop carries it: not at the hub yet",
                Some("draft") => "a draft, at the hub: nobody else will finish it",
                _ => "would be lost: not at the hub yet",
            };
            desk.printer.text(format_args!("  {slip}  {name}  ({why})"))?;
        }
    }
    if safe_to_wipe && !safe {
        return Err(unsafe_to_wipe(&custody).into());
    }
    Ok(())
}

/// That a wipe would lose something, and what to do next.
fn unsafe_to_wipe(custody: &Value) -> Failure {
    let (unsent, drafts) = (custody["unsent"] != 0, custody["drafts"] != 0);
    let forms = custody["forms"] != 0;
    let (what, next) = match (unsent, drafts) {
        (false, false) if forms => (
            "this laptop's page has half-typed forms that are nowhere else",
            "save or discard each on the page that `van-agent run` shows",
        ),
        (false, true) => (
            "this laptop has drafts that nobody else will finish",
            "finish or cancel each with `van-agent amend SLIP --set status=received` (or cancelled), then sync",
        ),
        (true, true) => (
            "a wipe of this laptop would lose what the hub does not hold, and it has drafts",
            "finish or cancel the drafts, then give `van-agent sync` where there is a network",
        ),
        _ => (
            "a wipe of this laptop would lose what the hub does not hold",
            "give `van-agent sync` where there is a network",
        ),
    };
    Failure::new(what).next(next)
}

/// What a wipe would lose, counted.
fn lost(custody: &Value) -> String {
    let counted = [
        ("unsent", "change", "that nobody else holds"),
        ("under_way", "change", "that another laptop carries and the hub lacks"),
        ("for_others", "change", "carried for other laptops"),
        ("drafts", "draft", "that nobody else will finish"),
        ("forms", "half-typed form", "on this laptop's page"),
        ("attachments", "attachment", "that the hub lacks"),
    ];
    let lost = counted.into_iter().filter_map(|(name, noun, what)| {
        let count = custody[name].as_u64().filter(|count| *count > 0)?;
        Some(format!("{count} {noun}{} {what}", if count == 1 { "" } else { "s" }))
    });
    lost.collect::<Vec<_>>().join("; ")
}

pub(super) fn doctor(desk: &mut Desk, rebuild: bool) -> anyhow::Result<()> {
    let found = desk.ask(Request::Doctor { rebuild })?;
    desk.printer.value(&found)?;
    let printer = &mut desk.printer;
    if found["cases"].is_u64() {
        printer.text(format_args!(
            "{} cases, {} held by the hub, {} documents wait for something.",
            found["cases"], found["quarantined"], found["waiting"]
        ))?;
    }
    if let Some(rebuilt) = found["rebuilt"].as_object() {
        printer.text(format_args!(
            "Built anew: {} changes, {} documents.",
            rebuilt["changes"], rebuilt["documents"]
        ))?;
    }
    for (name, title) in [
        ("integrity", "The file"),
        ("logs", "A log"),
        ("carried", "Carried"),
        ("carried_files", "Notice: carried for another laptop"),
        ("doubled_slips", "Notice: two cases bear the number"),
    ] {
        for problem in found[name].as_array().into_iter().flatten().filter_map(Value::as_str) {
            printer.text(format_args!("{title}: {problem}"))?;
        }
    }
    let checked = &found["attachments"];
    for (name, text) in [
        ("damaged", "was damaged and is set aside; it is fetched again where somebody holds it"),
        ("missing", "is gone; it is fetched again where somebody holds it"),
        ("found", "was here though the database did not know"),
    ] {
        for hash in checked[name].as_array().into_iter().flatten().filter_map(Value::as_str) {
            printer.text(format_args!("Attachment {}: {text}", &hash[..hash.len().min(8)]))?;
        }
    }
    if found["attachments_lost"].as_u64().unwrap_or(0) > 0 {
        return Err(Failure::new(format!(
            "{} attachments were damaged here before the hub had them",
            found["attachments_lost"]
        ))
        .next("attach the files again if you still have them: the same file takes its old place")
        .into());
    }
    if found["ok"] != true {
        return Err(Failure::new("something is wrong with this laptop's store").next(DAMAGED).into());
    }
    printer.text("Everything is sound.")?;
    Ok(())
}
