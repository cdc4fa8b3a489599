//! `hub-server invite`.

use std::io::{self, IsTerminal};

use shared::id::UnitId;
use van_agent::host::qr;

use super::ask::{Desk, text};
use crate::request::Request;

pub(super) fn invite(mut desk: Desk, unit: UnitId) -> anyhow::Result<()> {
    desk.say(&Request::Invite { unit }, |answer| {
        let ticket = text(answer, "ticket");
        let picture = if io::stdout().is_terminal() { qr::terminal(ticket) } else { None };
        format!(
            "{}{ticket}\n\nOne laptop of unit {} may use this ticket once, until {}:\n  van-agent enroll TICKET",
            picture.map_or_else(String::new, |picture| picture + "\n"),
            text(answer, "unit"),
            text(answer, "expires"),
        )
    })
}
