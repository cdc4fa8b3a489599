//! `hub-server status`, `doctor`, `backup` and `restore`.

use std::path::Path;

use shared::desk::files;
use van_agent::host::{
    home::Home,
    output::{Failure, Printer},
};

use super::{
    ask::{Desk, text},
    device,
};
use crate::{
    hub::{Findings, Status},
    request::Request,
};

pub(super) fn status(mut desk: Desk) -> anyhow::Result<()> {
    desk.say(&Request::Status, |answer| match serde_json::from_value::<Status>(answer.clone()) {
        Ok(status) => status_text(&status, answer),
        Err(_) => answer.to_string(),
    })
}

fn status_text(status: &Status, answer: &serde_json::Value) -> String {
    let addresses =
        if status.addresses.is_empty() { "unknown".to_owned() } else { status.addresses.join(", ") };
    let mut lines = vec![
        format!("Hub of {} (district {}), reached at {addresses}", status.name, status.district),
        format!(
            "Cases: {}   conflicts: {}   questions: {}",
            status.cases, status.conflicts, status.questions
        ),
        format!(
            "Quarantine: {} changes, {} transmissions   waiting: {}",
            status.quarantined, status.debris, status.waiting
        ),
        format!("Last backup: {}", status.backed_up.as_deref().unwrap_or("none: see `hub-server backup`")),
    ];
    if !status.doubled_slips.is_empty() {
        lines.push(format!("Slip numbers borne twice: {}", status.doubled_slips.join(", ")));
    }
    lines.push(format!("Laptops: {}, {} of them connected now", status.devices.len(), status.linked));
    lines.extend(answer["devices"].as_array().into_iter().flatten().map(device::line));
    lines.join("\n")
}

pub(super) fn doctor(mut desk: Desk, rebuild: bool) -> anyhow::Result<()> {
    let answer = desk.ask(&Request::Doctor { rebuild })?;
    desk.printer.value(&answer)?;
    let findings: Findings = serde_json::from_value(answer)?;
    let problems = findings.problems();
    if let Some(rebuilt) = findings.rebuilt {
        desk.printer.text(format_args!("Built {rebuilt} documents anew."))?;
    }
    for line in problems.iter().chain(&findings.notices()) {
        desk.printer.text(line)?;
    }
    if problems.is_empty() {
        desk.printer.text(format_args!("All is well: {} entries verified.", findings.entries))?;
        return Ok(());
    }
    let next = if findings.is_damaged() {
        "keep the folder as it is; `hub-server restore FILE` goes back to a backup, and laptops bring again what they hold"
    } else {
        "let the laptops named connect: they bring again what they hold"
    };
    Err(Failure::new(format!("{} problems were found", problems.len())).next(next).into())
}

pub(super) fn backup(mut desk: Desk, file: &Path) -> anyhow::Result<()> {
    let file = std::path::absolute(file)?;
    desk.say(&Request::Backup { file }, |answer| {
        format!(
            "Wrote {} ({} bytes). It holds the hub's key: keep it safe.\n{} files of attachments ({}) are not in it: \
             copy {} too.",
            text(answer, "file"),
            answer["bytes"],
            answer["attachments"],
            files::in_bytes(answer["attachment_bytes"].as_u64().unwrap_or(0)),
            text(answer, "attachments_folder"),
        )
    })
}

pub(super) fn restore(home: &Home, file: &Path, mut printer: Printer) -> anyhow::Result<()> {
    let answer = crate::restore::restore(home, file)?;
    printer.value(&answer)?;
    let former = answer["former"].as_str().map_or_else(String::new, |former| {
        format!("\nThe former database is kept as {former}: remove it when it is no longer needed.")
    });
    let missing = answer["attachments_missing"].as_u64().unwrap_or(0);
    if missing > 0 {
        printer.text(format_args!(
            "{missing} files of attachments are not beside it: laptops that hold them are asked; or copy the folder {} \
             back.",
            answer["attachments_folder"].as_str().unwrap_or("attachments")
        ))?;
    }
    printer.text(format_args!(
        "Restored {}. Start the hub with `hub-server run`: the laptops bring what the backup lacks.{former}",
        file.display()
    ))?;
    Ok(())
}
