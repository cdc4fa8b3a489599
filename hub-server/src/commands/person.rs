//! `hub-server person`.

use super::ask::{Desk, text};
use crate::{cli::Person, request::Request};

pub(super) fn person(mut desk: Desk, person: Person) -> anyhow::Result<()> {
    let (pair, same) = match person {
        Person::List { text, limit } => {
            desk.ask_rows(&Request::Persons { text: text.join(" "), limit }, line)?;
            return Ok(());
        }
        Person::Same(pair) => (pair, true),
        Person::Different(pair) => (pair, false),
    };
    let request =
        Request::Judge { one: pair.person, other: pair.other, same, reason: pair.reason.unwrap_or_default() };
    desk.say(&request, |answer| {
        let said = if same { "of one person" } else { "of different persons" };
        format!("{} and {} are {said}.", text(answer, "person"), text(answer, "other"))
    })
}

fn line(row: &serde_json::Value) -> String {
    let candidates = row["candidates"].as_array().map_or(0, Vec::len);
    let note = if candidates > 0 { format!("  [{candidates} may be the same]") } else { String::new() };
    format!(
        "{}  {:<30} {:<16} {}{note}",
        text(row, "person"),
        text(row, "name"),
        row["nik"].as_str().unwrap_or("no NIK"),
        row["born"].as_str().unwrap_or(""),
    )
}
