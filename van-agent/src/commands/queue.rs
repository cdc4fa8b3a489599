//! `queue`.

use serde_json::Value;

use super::{Desk, field};
use crate::{cli::Queue, queue::QueueAct, request::Request};

pub(super) fn queue(desk: &mut Desk, options: Queue) -> anyhow::Result<()> {
    let act = match options {
        Queue::Take { class } => QueueAct::Take(class),
        Queue::Call { class } => QueueAct::Call(class),
        Queue::Skip { ticket } => QueueAct::Set(ticket, "skipped".to_owned()),
        Queue::Serve { ticket } => QueueAct::Set(ticket, "served".to_owned()),
        Queue::Left { ticket } => QueueAct::Set(ticket, "left".to_owned()),
        Queue::List => {
            desk.list(Request::Queue { act: QueueAct::List }, line)?;
            return Ok(());
        }
        Queue::WaitingList => {
            desk.list(Request::Queue { act: QueueAct::WaitingList }, line)?;
            return Ok(());
        }
    };
    let ticket = desk.ask(Request::Queue { act })?;
    desk.printer.value(&ticket)?;
    desk.printer.text(line(&ticket))?;
    Ok(())
}

fn line(ticket: &Value) -> String {
    format!(
        "{}  {}  {}  {}",
        field(ticket, "day"),
        field(ticket, "ticket"),
        field(ticket, "class"),
        field(ticket, "state")
    )
}
