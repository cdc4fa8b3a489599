//! `custody` and `doctor`.

use serde_json::Value;
use shared::desk::files;

use super::{Desk, field};
use crate::{host::output::Failure, request::Request};

/// The way out where a laptop's store is damaged.
pub(super) const DAMAGED: &str = "keep this folder as it is, for what it holds that the hub does not; ask the hub \
    operator for a new ticket and enrol anew in another folder (`van-agent --home NEW-FOLDER enroll TICKET`): the \
    hub returns everything that it holds";

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
    let files_here = custody["attachments"].as_u64().unwrap_or(0);
    if files_here > 0 {
        let bytes = files::in_bytes(custody["attachment_bytes"].as_u64().unwrap_or(0));
        desk.printer.text(format_args!("{:<24}{files_here} ({bytes})", "Attachments only here"))?;
    }
    if let Some(oldest) = custody["oldest_unsent"].as_str() {
        desk.printer.text(format_args!("{:<24}{oldest}", "Oldest not handed over"))?;
    }
    let verdict = if safe { "Safe to wipe: yes" } else { "Safe to wipe: NO" };
    desk.printer.text(verdict)?;
    if !safe {
        for case in custody["lost"].as_array().into_iter().flatten() {
            let (slip, name) = (field(case, "slip"), field(case, "name"));
            desk.printer.text(format_args!("  would be lost: {slip}  {name}"))?;
        }
    }
    if safe_to_wipe && !safe {
        return Err(Failure::new("a wipe of this laptop would lose what the hub does not hold")
            .next("give `van-agent sync` where there is a network, and finish or cancel drafts")
            .into());
    }
    Ok(())
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
    for (name, title) in
        [("integrity", "The file"), ("logs", "A log"), ("doubled_slips", "Notice: two cases bear the number")]
    {
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
