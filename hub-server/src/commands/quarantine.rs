//! `hub-server quarantine`.

use serde_json::Value;

use super::ask::{Desk, text};
use crate::{cli::Quarantine, request::Request};

pub(super) fn quarantine(mut desk: Desk, quarantine: Quarantine) -> anyhow::Result<()> {
    match quarantine {
        Quarantine::List => {
            let mut none = true;
            desk.ask_rows(&Request::Quarantine, |row| {
                none = false;
                line(row)
            })?;
            if none {
                desk.printer.text("Nothing is held.")?;
            }
            Ok(())
        }
        Quarantine::Release { what } => desk.say(&Request::Release { what }, |answer| {
            format!("Let {} changes out of quarantine: {} count now.", answer["released"], answer["counting"])
        }),
        Quarantine::Show { id } => desk.say(&Request::Held { id }, |answer| {
            let mut shown = line(answer);
            if let Some(operations) = answer["operations"]["operations"].as_array() {
                for operation in operations {
                    shown.push_str(&format!(
                        "\n  {} {} {}.{} = {}",
                        text(operation, "id"),
                        text(operation, "action"),
                        text(operation, "object"),
                        text(operation, "key"),
                        operation["value"],
                    ));
                }
            }
            if let Some(bytes) = answer["begins"].as_str() {
                shown.push_str(&format!("\n  {bytes}"));
            }
            shown
        }),
    }
}

fn line(row: &Value) -> String {
    let id = text(row, "id");
    let short = if row["kind"] == "bytes" { id } else { id.get(..12).unwrap_or(id) };
    let what = row["slip"]
        .as_str()
        .or_else(|| row["document"].as_str())
        .map_or_else(|| format!("{} bytes", row["bytes"]), |name| format!("{} {name}", text(row, "kind")));
    let laptop = row["laptop"].as_str().unwrap_or("unknown laptop");
    format!("{short}  {}  {laptop}  {what}: {} ({})", text(row, "at"), text(row, "reason"), text(row, "rule"))
}
