//! `settings` and `officer`.

use serde_json::Value;

use super::{Desk, field};
use crate::{cli::Settings, request::Request};

pub(super) fn settings(desk: &mut Desk, options: Settings) -> anyhow::Result<()> {
    match options {
        Settings::List => {
            desk.list(Request::SettingList, line)?;
        }
        Settings::Set { setting, value } => {
            let set = desk.ask(Request::SettingSet { setting, value })?;
            desk.printer.value(&set)?;
            desk.printer.text(line(&set))?;
        }
    }
    Ok(())
}

pub(super) fn officer(desk: &mut Desk, name: Option<String>) -> anyhow::Result<()> {
    let answer = desk.ask(Request::Officer { name })?;
    desk.printer.value(&answer)?;
    let officer = answer["officer"].as_str().filter(|officer| !officer.is_empty());
    match officer {
        Some(officer) => desk.printer.text(format_args!("{officer} works at this laptop."))?,
        None => desk.printer.text("Nobody said who works at this laptop: give the name.")?,
    }
    Ok(())
}

fn line(value: &Value) -> String {
    format!("{}  {}", field(value, "setting"), field(value, "value").replace('\n', ", "))
}
