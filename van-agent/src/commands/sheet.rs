//! `sheet`.

use serde_json::Value;

use super::{Desk, field};
use crate::{cli::SheetCommand, request::Request, sheets::SheetAct};

pub(super) fn sheet(desk: &mut Desk, options: &SheetCommand) -> anyhow::Result<()> {
    match options {
        SheetCommand::Print { count } => {
            let answer = desk.list(Request::Sheet { act: SheetAct::Print(*count) }, line)?;
            desk.printer.text(format_args!(
                "{} numbers are reserved for paper. Print the sheets on the page `/sheets` of `van-agent run`, or write a number on any paper.",
                answer["sheets"]
            ))?;
        }
        SheetCommand::List => {
            let answer = desk.list(Request::Sheet { act: SheetAct::List }, line)?;
            desk.printer.text(format_args!("{} wait to be entered.", answer["open"]))?;
        }
    }
    Ok(())
}

fn line(sheet: &Value) -> String {
    format!("{}  {}  {}", field(sheet, "sheet"), field(sheet, "state"), field(sheet, "name"))
}
