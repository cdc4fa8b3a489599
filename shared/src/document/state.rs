//! The states of a case, in the words of documents and commands.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Where a case stands in its life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Begun, not yet taken in.
    Draft,
    /// Taken in.
    Received,
    /// Every requirement is there.
    Complete,
    /// A requirement is missing.
    Incomplete,
    /// A step needs the agency's live system; never shown as done.
    WaitingForNetwork,
    /// With the agency.
    Forwarded,
    /// The agency works on it.
    InProcess,
    /// The agency wants something repaired.
    Returned,
    /// The agency granted it.
    Issued,
    /// The agency refused it.
    Rejected,
    /// A legal time limit passed unanswered.
    IssuedByDefault,
    /// The product is ready for hand-over.
    Ready,
    /// The product is aboard a unit.
    Loaded,
    /// Somebody took the product along for the citizen.
    WithCollector,
    /// The product is in the citizen's hands; final.
    HandedOver,
    /// Ended.
    Closed,
    /// Withdrawn.
    Cancelled,
}

impl State {
    /// All states, in the order of a case's life.
    pub const ALL: [Self; 17] = [
        Self::Draft,
        Self::Received,
        Self::Complete,
        Self::Incomplete,
        Self::WaitingForNetwork,
        Self::Forwarded,
        Self::InProcess,
        Self::Returned,
        Self::Issued,
        Self::Rejected,
        Self::IssuedByDefault,
        Self::Ready,
        Self::Loaded,
        Self::WithCollector,
        Self::HandedOver,
        Self::Closed,
        Self::Cancelled,
    ];

    /// The word that documents and commands use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Received => "received",
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::WaitingForNetwork => "waiting_for_network",
            Self::Forwarded => "forwarded",
            Self::InProcess => "in_process",
            Self::Returned => "returned",
            Self::Issued => "issued",
            Self::Rejected => "rejected",
            Self::IssuedByDefault => "issued_by_default",
            Self::Ready => "ready",
            Self::Loaded => "loaded",
            Self::WithCollector => "with_collector",
            Self::HandedOver => "handed_over",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a new case may begin with it.
    pub fn may_begin(self) -> bool {
        self <= Self::WaitingForNetwork
    }

    /// Whether nothing more is to be done.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::HandedOver | Self::Closed | Self::Cancelled)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a state; one of draft, received, complete, incomplete, waiting_for_network, forwarded, in_process, returned, issued, rejected, issued_by_default, ready, loaded, with_collector, handed_over, closed, cancelled"
)]
pub struct ParseStateError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

impl FromStr for State {
    type Err = ParseStateError;

    fn from_str(text: &str) -> Result<Self, ParseStateError> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| ParseStateError { text: text.chars().take(64).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_written_in_words() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).expect("a word"), state.as_str());
        }
        assert!("diterima".parse::<State>().is_err());
    }
}
