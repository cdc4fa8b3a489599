//! What the driver and the core say to each other; the protocol itself stands elsewhere.

use crate::id::PublicKey;

/// A connection's number, given by the driver and never used twice in one life of the process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PeerId(pub u64);

/// Which side of a handing-over we are on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// We hand over: the van.
    Child,
    /// We take over: the hub.
    Parent,
}

/// One of the ordered byte streams of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Channel {
    /// One bidirectional stream of the highest priority.
    Control,
    /// One stream in each direction for batches.
    Batch,
}

/// Why a connection is closed; travels as the application's close code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseCode {
    /// All is handed over.
    Done,
    /// The peer broke the protocol.
    Protocol,
    /// The hub does not know the device.
    UnknownDevice,
    /// The device is revoked, suspended or lost.
    Revoked,
    /// The device has connected anew.
    Replaced,
    /// The hub is busy or going down.
    RetryLater,
    /// No common version.
    WrongVersion,
    /// The peer went over a limit.
    Limit,
    /// The enrolment ticket is not valid.
    Ticket,
    /// A fault on the side that closes.
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

    /// The code on the wire.
    pub fn value(self) -> u32 {
        self as u32
    }

    /// The meaning of a code from the wire; `None` for one that this version does not know.
    pub fn from_value(value: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.value() == value)
    }
}

/// What happens to the core.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// A connection stands.
    Connected {
        /// Its number.
        peer: PeerId,
        /// Our side of it.
        role: Role,
        /// The peer's TLS key, proven by the handshake.
        key: PublicKey,
        /// TLS exporter under the label `keliling enrol`, equal on both sides.
        exporter: [u8; 32],
    },
    /// Bytes came, in order within their channel.
    Received {
        /// From whom.
        peer: PeerId,
        /// On which stream.
        channel: Channel,
        /// The next bytes of it.
        bytes: Vec<u8>,
    },
    /// A connection is gone; nothing more comes of it.
    Disconnected {
        /// Which.
        peer: PeerId,
    },
    /// The instant of `poll_timeout` has come.
    Timeout,
}

/// What the core wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send bytes.
    Send {
        /// To whom.
        peer: PeerId,
        /// On which stream.
        channel: Channel,
        /// The next bytes of it.
        bytes: Vec<u8>,
    },
    /// End a connection.
    Close {
        /// Which.
        peer: PeerId,
        /// Why.
        code: CloseCode,
        /// Why, for the peer's operator.
        reason: String,
    },
    /// Tell whoever watches.
    Event(Event),
}

/// What a person who watches would like to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Something moved.
    Progress {
        /// On which connection.
        peer: PeerId,
        /// Changes sent so far.
        sent: u64,
        /// Changes received so far.
        received: u64,
    },
    /// Both sides hold the same.
    Settled {
        /// On which connection.
        peer: PeerId,
    },
    /// It came to nothing.
    Failed {
        /// On which connection.
        peer: PeerId,
        /// Why, for a person.
        reason: String,
    },
}
