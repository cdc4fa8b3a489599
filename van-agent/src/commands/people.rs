//! `person`.

use serde_json::Value;

use super::{Desk, field};
use crate::{
    cli::{Person, Two},
    request::Request,
};

pub(super) fn person(desk: &mut Desk, options: Person) -> anyhow::Result<()> {
    match options {
        Person::List { text, limit } => {
            desk.list(Request::PersonList { text: text.join(" "), limit }, line)?;
            Ok(())
        }
        Person::Same(two) => judge(desk, two, true),
        Person::Different(two) => judge(desk, two, false),
    }
}

fn judge(desk: &mut Desk, two: Two, same: bool) -> anyhow::Result<()> {
    let Two { one, other, reason } = two;
    let answer = desk.ask(Request::PersonJudge { one, other, same, reason })?;
    desk.printer.value(&answer)?;
    desk.printer.text(if same {
        "Noted: the same person. The hub links the two at the next sync."
    } else {
        "Noted: two people."
    })?;
    Ok(())
}

fn line(person: &Value) -> String {
    if let Some(row) = person["listed"].as_str() {
        return format!(
            "pre-list {row}  {}  {}  {}",
            field(person, "nik"),
            field(person, "born"),
            field(person, "name")
        );
    }
    let mut text = format!(
        "{}  {}  {}  {}",
        field(person, "person"),
        field(person, "nik"),
        field(person, "born"),
        field(person, "name"),
    );
    for candidate in person["candidates"].as_array().into_iter().flatten() {
        text += &format!("\n  the same person? {}  {}", field(candidate, "person"), field(candidate, "name"));
    }
    text
}
