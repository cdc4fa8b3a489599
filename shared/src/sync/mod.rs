//! How two machines come to hold the same, told from the child's side.
//!
//! A child (a laptop) dials a parent (the hub). It says `Hello` with the head of its log, its newest
//! receipt, its place in the feed and the sum of its scope, and at once behind it sends batches that were
//! never sent before. The parent answers `Welcome`: up to where it durably holds the log, and the part of a
//! batch that it holds beyond. Batches flow both ways under credit; the parent stores what has come
//! meanwhile in one transaction and answers each with a signed `Receipt`; the child stores each batch of the
//! feed and answers `FeedAck`. `CaughtUp` says that nothing is left. Where the sums of the scope differ, or a feed begins
//! anew for a child that holds something, a set reconciliation finds what either lacks.
//!
//! After all that come the files of attachments, on a stream of their own that is served last: the child offers
//! what it has no receipt for, the parent asks for what it lacks from the byte that it holds on, and receipts
//! each file once it is whole. A parent asks by itself for what it has lost, a child for what somebody wants.
//!
//! **Invariant:** nothing here reads a clock, draws a random number or touches a socket: [`Replica`] takes
//! inputs and gives outputs. **Invariant:** durable first, then speak: an answer that claims something is
//! made after the transaction that makes it true.

mod attachments;
mod batches;
pub mod bundle;
mod carrying;
mod courier;
pub mod custody;
pub mod dictionary;
pub mod enrolment;
pub mod examine;
mod exchange;
mod feed;
pub mod gate;
mod greeting;
mod intake;
pub mod meeting;
#[cfg(test)]
mod pair;
pub mod rates;
mod rebuild;
mod receipts;
mod reconcile;
mod release;
mod repair;
pub mod replica;
mod scope;
pub mod sealing;
mod session;
pub mod station;
mod telling;
mod together;
pub mod writing;

pub use replica::Replica;

use crate::{
    id::{DeviceId, PublicKey},
    time::Timestamp,
};

/// A connection's number, given by the driver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerId(pub u64);

/// What this side is on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It dialled, to hand over its log and follow a feed.
    Child,
    /// It was dialled, to take logs and write feeds.
    Parent,
}

/// One of a connection's three ordered byte streams each way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Channel {
    /// Everything but batches; served first.
    Control,
    /// Batches.
    Batch,
    /// Bytes of files; served last.
    Attachment,
}

/// Why a connection is closed; the code that travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseCode {
    /// Everything is said.
    Done,
    /// The peer broke the protocol.
    Protocol,
    /// The peer's key is in no registry row.
    UnknownDevice,
    /// The peer's row forbids it.
    Revoked,
    /// The same device has connected anew.
    Replaced,
    /// Come back later.
    RetryLater,
    /// No protocol version in common.
    WrongVersion,
    /// A limit was exceeded.
    Limit,
    /// The ticket is not valid.
    Ticket,
    /// This side failed.
    Internal,
}

impl CloseCode {
    const ALL: [Self; 10] = [
        Self::Done,
        Self::Protocol,
        Self::UnknownDevice,
        Self::Revoked,
        Self::Replaced,
        Self::RetryLater,
        Self::WrongVersion,
        Self::Limit,
        Self::Ticket,
        Self::Internal,
    ];

    /// The number that travels.
    pub fn value(self) -> u32 {
        Self::ALL.iter().position(|code| *code == self).map_or(9, |at| at as u32)
    }

    /// The code of a number; `None` where a newer version added it.
    pub fn from_value(value: u32) -> Option<Self> {
        Self::ALL.get(value as usize).copied()
    }
}

/// What happens to a replica.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// A connection is up; the handshake has proven the peer's key.
    Connected {
        /// The connection.
        peer: PeerId,
        /// What this side is on it.
        role: Role,
        /// The peer's key.
        key: PublicKey,
        /// The TLS exporter of this connection, label `keliling enrol`.
        exporter: [u8; 32],
    },
    /// The next bytes of a stream.
    Received {
        /// The connection.
        peer: PeerId,
        /// The stream.
        channel: Channel,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The connection is gone.
    Disconnected {
        /// The connection.
        peer: PeerId,
    },
    /// The time that `poll_timeout` named has come.
    Timeout,
}

/// What a replica wants done.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Bytes for a stream.
    Send {
        /// The connection.
        peer: PeerId,
        /// The stream.
        channel: Channel,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Close the connection when what was sent before has left.
    Close {
        /// The connection.
        peer: PeerId,
        /// Why.
        code: CloseCode,
        /// The same in words.
        reason: String,
    },
    /// Something that a person or a program may want to know.
    Event(Event),
}

/// What a replica tells.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A device has said hello.
    Linked {
        /// The connection.
        peer: PeerId,
        /// The device at the other end; 0 for the hub.
        device: DeviceId,
    },
    /// This laptop is enrolled.
    Enrolled {
        /// The connection.
        peer: PeerId,
    },
    /// Changes moved: counts since the connection began.
    Progress {
        /// The connection.
        peer: PeerId,
        /// Changes sent.
        sent: u64,
        /// Changes received and stored.
        received: u64,
        /// Changes that a receipt now covers.
        receipted: u64,
        /// Changes that are left to send.
        left: u64,
    },
    /// Child: everything is handed over and the feed is read to its end.
    Settled {
        /// The connection.
        peer: PeerId,
        /// Changes sent.
        sent: u64,
        /// Changes received and stored.
        received: u64,
        /// Changes covered by a receipt that was stored on this connection.
        receipted: u64,
        /// Refusals learnt.
        quarantined: u64,
        /// Files of attachments that are yet to move.
        files: u64,
        /// Their bytes.
        file_bytes: u64,
    },
    /// Child: how far the files of attachments have come, after everything else.
    Carried {
        /// The connection.
        peer: PeerId,
        /// Files that are yet to move: sent and receipted, or fetched.
        left: u64,
        /// Their bytes.
        left_bytes: u64,
        /// Bytes of files that moved since the connection began, either way.
        moved_bytes: u64,
        /// Files that one of the two does not take, or does not have.
        refused: u64,
    },
    /// The parent asked to come back later.
    GoAway {
        /// The connection.
        peer: PeerId,
        /// Milliseconds.
        retry_after: u64,
    },
    /// This laptop's disk went back in time, or another machine writes the same log.
    Rewound {
        /// The connection.
        peer: PeerId,
        /// Whether another machine wrote something else at the same place.
        forked: bool,
    },
    /// Parent: a laptop's disk went back in time, or was copied and both went on: it begins another life.
    AnotherLife {
        /// Which laptop.
        device: DeviceId,
        /// Whether two laptops went on from one disk.
        forked: bool,
    },
    /// The hub's disk went back in time; it began another life.
    HubRewound {
        /// Whose receipt proved it.
        device: DeviceId,
        /// The time of that receipt.
        at: Timestamp,
    },
    /// Something was put into quarantine.
    Quarantined {
        /// Whose it is.
        device: DeviceId,
        /// The rule.
        rule: String,
    },
}
