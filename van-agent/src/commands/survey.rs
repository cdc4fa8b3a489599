//! `survey`.

use serde_json::Value;

use super::{Desk, field};
use crate::{cli::Survey, request::Request};

pub(super) fn survey(desk: &mut Desk, options: Survey) -> anyhow::Result<()> {
    match options {
        Survey::Add { visit, scores } => {
            let answer = desk.ask(Request::SurveyAdd { visit, sheets: scores, batch: None })?;
            desk.printer.value(&answer)?;
            let partial = match answer["partial"].as_u64() {
                Some(0) | None => String::new(),
                Some(partial) => format!(" {partial} of them lack a score: kept, and left out of the index."),
            };
            desk.printer.text(format_args!(
                "{} sheets of \"{}\" of {} are saved.{partial}",
                answer["new"],
                field(&answer, "label"),
                field(&answer, "date"),
            ))?;
        }
        Survey::Show { visit } => {
            let answer = desk.list(Request::SurveyShow { visit }, line)?;
            desk.printer.value(&answer)?;
            match answer["unit"].as_object() {
                Some(_) => desk.printer.text(format_args!("All visits pooled: {}", line(&answer["unit"])))?,
                None => desk.printer.text("No sheet of this unit is here yet: `van-agent survey add`")?,
            }
        }
    }
    Ok(())
}

fn line(answers: &Value) -> String {
    let mut line = format!("{:<10}  {:<5}", answers["date"].as_str().unwrap_or(""), field(answers, "unit"));
    if let Some(label) = answers["label"].as_str() {
        line += &format!("  {label}");
    }
    line += &format!("  {} sheets", answers["sheets"]);
    if answers["partial"].as_u64() > Some(0) {
        line += &format!(", {} of them partial", answers["partial"]);
    }
    match answers["index"].as_str() {
        Some(index) => line += &format!("  index {index}  grade {}", field(answers, "grade")),
        None => line += "  no index yet",
    }
    line
}
