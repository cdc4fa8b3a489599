//! `settings`.

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

fn line(value: &Value) -> String {
    format!("{}  {}", field(value, "setting"), field(value, "value").replace('\n', ", "))
}
