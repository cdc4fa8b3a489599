//! `hub-server invite`.

use std::io::{self, IsTerminal};

use qrcode::{QrCode, render::unicode};
use shared::id::UnitId;

use super::ask::{Desk, text};
use crate::request::Request;

pub(super) fn invite(mut desk: Desk, unit: UnitId) -> anyhow::Result<()> {
    desk.say(&Request::Invite { unit }, |answer| {
        let ticket = text(answer, "ticket");
        let picture = if io::stdout().is_terminal() { qr(ticket) } else { None };
        format!(
            "{}{ticket}\n\nOne laptop of unit {} may use this ticket once, until {}:\n  van-agent enroll TICKET",
            picture.map_or_else(String::new, |picture| picture + "\n"),
            text(answer, "unit"),
            text(answer, "expires"),
        )
    })
}

/// The ticket as a picture of characters; `None` where it is too long for one.
fn qr(ticket: &str) -> Option<String> {
    let code = QrCode::new(ticket).ok()?;
    Some(
        code.render::<unicode::Dense1x2>()
            .dark_color(unicode::Dense1x2::Light)
            .light_color(unicode::Dense1x2::Dark)
            .build(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_has_a_picture() {
        let picture = qr(&format!("KLG1-{}", "0123456789ABCDEFGHJKMNPQRSTVWXYZ".repeat(8))).expect("it fits");
        assert!(picture.lines().count() > 20);
    }
}
