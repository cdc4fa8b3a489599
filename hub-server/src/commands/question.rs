//! `hub-server question`.

use shared::desk::questions;

use super::ask::{Desk, text};
use crate::{cli::Question, request::Request};

pub(super) fn question(mut desk: Desk, question: Question) -> anyhow::Result<()> {
    match question {
        Question::List { all } => {
            let answer = desk.ask_rows(&Request::Questions { all }, |row| {
                format!("{}  {}  {}", text(row, "slip"), text(row, "name"), questions::in_words(row))
            })?;
            if answer["questions"] == 0 {
                desk.printer.text("No question is open.")?;
            }
            Ok(())
        }
        Question::Answer { case, words } => desk.say(&Request::Answer { case, words }, |answer| {
            format!(
                "Answered about {}: the laptops hear of it with their next exchange.",
                text(answer, "slip")
            )
        }),
    }
}
