//! `question`.

use serde_json::Value;
use shared::desk::questions;

use super::{Desk, field};
use crate::{cli::Question, question::QuestionAct, request::Request};

pub(super) fn question(desk: &mut Desk, options: Question) -> anyhow::Result<()> {
    let (act, done) = match options {
        Question::Ask { case, words } => (QuestionAct::Ask(case, words), "Asked about"),
        Question::Settle { case } => (QuestionAct::Settle(case), "Put away: the question about"),
        Question::List { all } => {
            let answer = desk.list(Request::Question { act: QuestionAct::List { all } }, line)?;
            if answer["questions"] == 0 {
                desk.printer.text("No question stands.")?;
            }
            return Ok(());
        }
    };
    let answer = desk.ask(Request::Question { act })?;
    desk.printer.value(&answer)?;
    desk.printer.text(format_args!("{done} {}.", field(&answer, "slip")))?;
    Ok(())
}

fn line(question: &Value) -> String {
    format!("{}  {}  {}", field(question, "slip"), field(question, "name"), questions::in_words(question))
}
