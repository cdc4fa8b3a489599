//! `hub-server device`.

use shared::store::devices::Standing;

use super::ask::{Desk, text};
use crate::{cli::Device, request::Request};

pub(super) fn device(mut desk: Desk, device: Device) -> anyhow::Result<()> {
    let (name, standing) = match device {
        Device::List => return list(&mut desk),
        Device::Revoke(name) => (name, Standing::Revoked),
        Device::Suspend(name) => (name, Standing::Suspended),
        Device::Resume(name) => (name, Standing::Active),
        Device::Lost(name) => (name, Standing::Lost),
    };
    desk.say(&Request::Stand { device: name.device, standing }, |answer| {
        format!("Laptop {} is {} (was {}).", answer["device"], text(answer, "state"), text(answer, "was"))
    })
}

fn list(desk: &mut Desk) -> anyhow::Result<()> {
    let mut none = true;
    desk.ask_rows(&Request::Devices, |row| {
        none = false;
        line(row)
    })?;
    if none {
        desk.printer.text("No laptop is enrolled yet: `hub-server invite --unit V01` makes a ticket.")?;
    }
    Ok(())
}

/// One laptop on one line.
pub(super) fn line(row: &serde_json::Value) -> String {
    let contact = row["last_contact"].as_str().unwrap_or("never");
    let linked = if row["linked"] == true { ", connected now" } else { "" };
    let lives = match row["lives"].as_u64() {
        Some(lives) if lives > 1 => format!("; its disk went back in time or was copied: {lives} lives"),
        _ => String::new(),
    };
    format!(
        "{:>4}  {}{:<3} {:<9} last contact {contact}{linked}; {} entries held, {} to be sent to it{lives}",
        row["device"].to_string(),
        text(row, "unit"),
        text(row, "letter"),
        text(row, "state"),
        row["held"],
        row["unconfirmed"],
    )
}
