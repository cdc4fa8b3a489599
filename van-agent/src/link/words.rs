//! How a link ended, in words: why, and what to do next.

use std::time::Duration;

use shared::sync::CloseCode;

use super::{Purpose, Why};
use crate::{
    budget::Stopped,
    host::{dial::DialError, driver::Ended},
};

/// How a link ended, told in words.
pub(super) enum Cut {
    /// Ended by itself, or by the hub.
    Ended(Ended),
    /// No packet for that long.
    Silent(Duration),
    /// Somebody asked for a fresh exchange.
    Asked,
    /// The budget is spent.
    Spent(Stopped),
}

pub(super) fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

const KEPT: &str = "everything stays saved on this laptop";

pub(super) fn why_of(error: &DialError) -> Why {
    match error {
        DialError::WrongHub { .. } => Why::WrongHub,
        DialError::NoAddress
        | DialError::Name { .. }
        | DialError::Silent { .. }
        | DialError::Failed { .. }
        | DialError::Refused { .. }
        | DialError::NoRoute { .. }
        | DialError::Unreachable { .. } => Why::NoAnswer,
    }
}

pub(super) fn next_of(error: &DialError, purpose: Purpose) -> &'static str {
    match error {
        DialError::WrongHub { .. } => {
            "somebody else answers at the hub's address: tell the hub operator; nothing was handed over"
        }
        DialError::NoAddress => "ask the hub operator for the hub's address",
        DialError::Name { .. }
        | DialError::Silent { .. }
        | DialError::Failed { .. }
        | DialError::Refused { .. }
        | DialError::NoRoute { .. }
        | DialError::Unreachable { .. } => purpose.again(),
    }
}

/// Why a link ended before everything was handed over, in words, and what to do next.
pub(super) fn words_of(cut: &Cut, purpose: Purpose) -> (Why, String, String) {
    let cut_off = |error: String| (Why::Cut, error, purpose.again().to_owned());
    match cut {
        Cut::Silent(patience) => cut_off(format!("no packet came for {} s", patience.as_secs_f32())),
        Cut::Asked => cut_off("a fresh exchange was asked for".to_owned()),
        Cut::Spent(_) => cut_off("the budget is spent".to_owned()),
        Cut::Ended(ended) => match ended {
            Ended::There { code, reason } => {
                let (why, next) = match code {
                    Some(CloseCode::Revoked | CloseCode::UnknownDevice) => {
                        (Why::ShutOut, format!("{KEPT}: bring the laptop to the hub operator"))
                    }
                    Some(CloseCode::Ticket) => (Why::Cut, "ask the hub operator for a new ticket".to_owned()),
                    Some(CloseCode::WrongVersion) => (Why::Cut, "install the newer program".to_owned()),
                    Some(CloseCode::Internal) => (
                        Why::Cut,
                        "tell the hub operator that the hub cannot store what it is sent; what is not receipted \
                         is kept here: give the command again when it is mended"
                            .to_owned(),
                    ),
                    _ => (Why::Cut, purpose.again().to_owned()),
                };
                (why, format!("the hub closed the link: {reason}"), next)
            }
            Ended::Here { code: CloseCode::Internal, reason } => {
                let next = "free some space on this laptop's disk, or run `van-agent doctor`; then give the \
                            command again";
                (Why::NotStored, format!("this laptop could not store what came: {reason}"), next.to_owned())
            }
            Ended::Here { reason, .. } => cut_off(format!("the link was closed here: {reason}")),
            Ended::Forgotten => cut_off("the hub was restarted".to_owned()),
            Ended::Silent => cut_off("the hub fell silent".to_owned()),
            Ended::Broken(error) => cut_off(format!("the link broke: {error}")),
            Ended::NoKey(error) => cut_off(format!("the hub showed no key: {error}")),
            Ended::Stopping => cut_off("the program is stopping".to_owned()),
        },
    }
}

/// Whether the hub will not have this laptop any more: that is told even after everything was handed over.
pub(super) fn shuts_out(cut: &Cut) -> bool {
    let Cut::Ended(Ended::There { code, .. }) = cut else { return false };
    matches!(code, Some(CloseCode::Revoked | CloseCode::UnknownDevice | CloseCode::WrongVersion))
}
