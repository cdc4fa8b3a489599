//! `hub-server survey`.

use super::ask::{Desk, text};
use crate::request::Request;

pub(super) fn survey(mut desk: Desk) -> anyhow::Result<()> {
    let mut none = true;
    desk.ask_rows(&Request::Survey, |answers| {
        none = false;
        let whose = match answers["label"].as_str() {
            Some(label) => format!("{}  {}  {label}", text(answers, "date"), text(answers, "unit")),
            None => format!("All visits of {} pooled", text(answers, "unit")),
        };
        let index = match answers["index"].as_str() {
            Some(index) => format!("index {index}, grade {}", text(answers, "grade")),
            None => "no index yet".to_owned(),
        };
        format!("{whose}: {} sheets, {} of them partial; {index}", answers["sheets"], answers["partial"])
    })?;
    if none {
        desk.printer.text("No answers came yet.")?;
    }
    Ok(())
}
