//! What is told of an exchange, on its way and at its end.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    budget::Stopped,
    host::{meter::Meter, wire::Over},
};

/// Why an exchange came to nothing, as pages tell it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No network, or nobody answers.
    NoAnswer,
    /// Somebody else answers at the hub's address.
    WrongHub,
    /// The link broke off.
    Cut,
    /// The hub takes nothing from this laptop any more.
    ShutOut,
    /// This laptop could not store what came.
    NotStored,
}

impl Why {
    /// The word of a page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::WrongHub => "wrong_hub",
            Self::Cut => "cut",
            Self::ShutOut => "shut_out",
            Self::NotStored => "not_stored",
        }
    }
}

/// How an exchange went.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Whether everything is handed over and the feed is read to its end.
    pub ok: bool,
    /// Changes sent.
    pub sent: u64,
    /// Changes received and stored.
    pub received: u64,
    /// Changes that a receipt covers since.
    pub receipted: u64,
    /// Seconds from the beginning until the newest of those receipts was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipted_seconds: Option<f64>,
    /// Refusals learnt.
    pub quarantined: u64,
    /// Changes left to send; after an exchange that came to no end as custody counts them.
    pub left: u64,
    /// Bytes of this laptop's records that no receipt covers, packed as they are stored; 0 where everything is handed
    /// over, none where they could not be counted.
    pub record_bytes_left: Option<u64>,
    /// Files of attachments left to send or to fetch.
    pub attachments_left: u64,
    /// Their bytes.
    pub attachment_bytes_left: u64,
    /// Bytes of attachments that moved, either way.
    pub attachment_bytes: u64,
    /// Files of attachments that one of the two does not take, or does not have.
    pub attachments_refused: u64,
    /// The limit at which it was stopped, with everything that was sent kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// Bytes sent, as whole IP packets: 28 of headers for each datagram, and TCP by the rule of
    /// [`meter`](crate::host::meter), 40 for each segment. Attempts that came to nothing are in it.
    pub bytes_up: u64,
    /// Bytes received, as whole IP packets.
    pub bytes_down: u64,
    /// Over what it went; none where no connection came about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<Over>,
    /// How long it took.
    pub seconds: f64,
    /// Why it did not work, as pages tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// Why it did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An exchange that ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Exchange {
    /// How it went.
    pub report: Report,
    /// When, in the district's zone, as RFC 3339.
    pub at: String,
}

impl Exchange {
    /// What tells it from others, of which two may end within one second.
    pub fn mark(&self) -> String {
        format!("{} {}", self.at, self.report.seconds)
    }
}

/// What a person may see of an exchange on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Whether the hub is being looked for.
    pub dialling: bool,
    /// Changes sent.
    pub sent: u64,
    /// Changes received.
    pub received: u64,
    /// Changes left to send.
    pub left: u64,
    /// Files of attachments left.
    pub files_left: u64,
    /// Their bytes.
    pub file_bytes_left: u64,
    /// Bytes of attachments that moved.
    pub file_bytes: u64,
}

impl Progress {
    pub(super) fn of(report: &Report) -> Self {
        Self {
            dialling: false,
            sent: report.sent,
            received: report.received,
            left: report.left,
            files_left: report.attachments_left,
            file_bytes_left: report.attachment_bytes_left,
            file_bytes: report.attachment_bytes,
        }
    }
}

/// Notes what it has cost so far.
pub(super) fn measure(meter: &Meter, report: &mut Report, started: Instant) {
    let traffic = meter.traffic();
    (report.bytes_up, report.bytes_down) = (traffic.up_bytes, traffic.down_bytes);
    report.seconds = started.elapsed().as_secs_f64();
}
