//! Frames: what two machines say to each other, and the reader that cuts a stream into frames.
//!
//! On the stream a frame is a varint type, a varint length and a body. Even types may be skipped by
//! who does not know them; an unknown odd type ends the connection.

use minicbor::{Decode, Encode};

use super::{
    attachment,
    batch::{Chain, LogName, Sum},
    pack::DictionaryName,
};
use crate::{
    id::{ChangeHash, DeviceId, DistrictCode, Epoch, UnitId},
    time::Timestamp,
};

/// Bytes that one frame's body may have.
pub const FRAME_BYTES_MAX: usize = 128 * 1024;
/// Bytes of a batch that one frame carries.
pub const DATA_BYTES_MAX: usize = 16 * 1024;
/// Hashes that one frame names.
pub const HASHES_MAX: usize = 2_000;
/// The version of the protocol that this program speaks.
pub const VERSION: u32 = 1;

/// A place in a log: everything up to `index`, proven by the chain there.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Encode, Decode)]
pub struct Cursor {
    /// Index of the last entry held; 0 of an empty log.
    #[n(0)]
    pub index: u64,
    /// The chain after that entry.
    #[n(1)]
    pub chain: Chain,
}

/// A batch of which a part is held, to be resumed at the byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Partial {
    /// First 16 bytes of the batch's blake3.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub digest: [u8; 16],
    /// Bytes held.
    #[n(1)]
    pub held: u64,
}

/// The hub's signed statement that it durably holds a device's log up to an index.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Receipt {
    /// The hub's life.
    #[n(0)]
    pub hub_epoch: Epoch,
    /// The device.
    #[n(1)]
    pub device: DeviceId,
    /// The device's life.
    #[n(2)]
    pub epoch: Epoch,
    /// Up to where, and the chain there.
    #[n(3)]
    pub cursor: Cursor,
    /// Up to where the hub's backups hold it too.
    #[n(4)]
    pub backed_up_through: u64,
    /// The hub's clock when it signed.
    #[n(5)]
    pub at: Timestamp,
    /// The hub's signature over all of the above.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

impl Receipt {
    /// What the hub signs.
    pub fn signed_message(&self) -> Vec<u8> {
        let unsigned = Self { signature: Vec::new(), ..self.clone() };
        minicbor::to_vec(&unsigned).expect("encoding into memory cannot fail")
    }
}

/// A laptop's signed statement that it durably holds entries of another's log, and will hand them over.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Note {
    /// Who holds them.
    #[n(0)]
    pub carrier: DeviceId,
    /// Whose log.
    #[n(1)]
    pub author: DeviceId,
    /// The author's life.
    #[n(2)]
    pub epoch: Epoch,
    /// The entry behind which they begin.
    #[n(3)]
    pub after: u64,
    /// Up to where, and the chain there.
    #[n(4)]
    pub cursor: Cursor,
    /// The carrier's clock when it signed.
    #[n(5)]
    pub at: Timestamp,
    /// The carrier's signature over everything else.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
    /// The carrier's life; what it held then it may have lost in another. `None` of an older program.
    #[n(7)]
    pub life: Option<Epoch>,
    /// The hub's life that the carrier follows: what it has handed over to that, it holds no more.
    #[n(8)]
    pub hub: Option<Epoch>,
}

impl Note {
    /// What the carrier signs.
    pub fn signed_message(&self) -> Vec<u8> {
        let unsigned = Self { signature: Vec::new(), ..self.clone() };
        minicbor::to_vec(&unsigned).expect("encoding into memory cannot fail")
    }
}

/// What became of a batch of another laptop's log that the child carried.
#[derive(Clone, PartialEq, Debug, Encode, Decode)]
pub struct Delivered {
    /// The log.
    #[n(0)]
    pub log: LogName,
    /// Index of the batch's first entry.
    #[n(1)]
    pub first: u64,
    /// The chain after its last entry.
    #[n(2)]
    pub chain: Chain,
    /// Whether the parent durably holds it.
    #[n(3)]
    pub taken: bool,
    /// The receipt for the log's author, to be brought home.
    #[n(4)]
    pub receipt: Option<Receipt>,
    /// Why it was not taken, in words; empty where it was.
    #[n(5)]
    pub reason: String,
}

/// The child's first words.
#[derive(Clone, PartialEq, Debug, Encode, Decode)]
pub struct Hello {
    /// Protocol versions that the child speaks, best first.
    #[n(0)]
    pub versions: Vec<u32>,
    /// The newest schema that the child knows.
    #[n(1)]
    pub schema: u32,
    /// The child's life.
    #[n(2)]
    pub epoch: Epoch,
    /// The head of the child's own log.
    #[n(3)]
    pub log: Cursor,
    /// The newest receipt that the child stores for this life.
    #[n(4)]
    pub receipt: Option<Receipt>,
    /// The feed that the child follows: the hub's life, and the place.
    #[n(5)]
    pub feed_epoch: Option<Epoch>,
    /// The place in that feed.
    #[n(6)]
    pub feed: Cursor,
    /// The batch of the feed that is half received.
    #[n(7)]
    pub partial: Option<Partial>,
    /// The hub's signature over the feed at that place; empty of an empty feed.
    #[cbor(n(13), with = "minicbor::bytes")]
    pub feed_signature: Vec<u8>,
    /// What the child holds of its scope at `feed` and at the receipt.
    #[n(8)]
    pub scope: Sum,
    /// How many changes the child holds at all: whether a new feed is worth a reconciliation.
    #[n(9)]
    pub holds: u64,
    /// The child's clock.
    #[n(10)]
    pub clock: Timestamp,
    /// Batches follow at once.
    #[n(11)]
    pub eager: bool,
    /// The version of the child's program.
    #[n(12)]
    pub program: String,
    /// The newest dictionary of packed batches that the child knows, 0 of none; `None` where it reads rows alone.
    #[n(14)]
    pub packs: Option<u8>,
    /// Whether the feed may name the child's own changes by their places in its log of this life; `None` of a
    /// child that does not know of it.
    #[n(15)]
    pub places: Option<bool>,
    /// The newest dictionaries that the child holds besides those of its program; `None` of none.
    #[n(16)]
    pub dictionaries: Option<Vec<DictionaryName>>,
}

/// What the parent makes of the child's log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(index_only)]
pub enum LogVerdict {
    /// It continues what the parent holds.
    #[n(0)]
    Continues,
    /// The parent holds more than the child: the child's disk went back in time.
    #[n(1)]
    Rewound,
    /// The parent holds something else at that place: two machines wrote the same log.
    #[n(2)]
    Forked,
}

/// The parent's answer.
#[derive(Clone, PartialEq, Debug, Encode, Decode)]
pub struct Welcome {
    /// The protocol version chosen.
    #[n(0)]
    pub version: u32,
    /// The newest schema that the parent knows; the child writes the lower of the two.
    #[n(1)]
    pub schema: u32,
    /// The hub's life.
    #[n(2)]
    pub hub_epoch: Epoch,
    /// What the parent makes of the child's log.
    #[n(3)]
    pub verdict: LogVerdict,
    /// The child's log as durably held.
    #[n(4)]
    pub durable: Cursor,
    /// The batch of it that is half received.
    #[n(5)]
    pub partial: Option<Partial>,
    /// Bytes of batches that the child may send before more credit comes.
    #[n(6)]
    pub credit: u64,
    /// The parent's clock.
    #[n(7)]
    pub clock: Timestamp,
    /// The letter for slip numbers in this life of the device.
    #[n(8)]
    pub letter: String,
    /// The child shall begin a reconciliation before the feed goes on.
    #[n(9)]
    pub reconcile: bool,
    /// The unit of the device.
    #[n(10)]
    pub unit: UnitId,
    /// The newest dictionary of packed batches that the parent knows, 0 of none; `None` where it reads rows alone.
    #[n(11)]
    pub packs: Option<u8>,
    /// Whether the parent takes what the child carries of others' logs; `None` of one that does not know of it.
    #[n(12)]
    pub couriers: Option<bool>,
    /// The dictionaries that the child may write with, besides those of its program, the newest first; `None` of none.
    #[n(13)]
    pub dictionaries: Option<Vec<DictionaryName>>,
}

/// A laptop's proof that it holds a ticket.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Enrol {
    /// The ticket's id.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub ticket: [u8; 8],
    /// The secret, bound to this connection and this laptop's key.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub proof: [u8; 32],
    /// The life in which the laptop begins.
    #[n(2)]
    pub epoch: Epoch,
}

/// The hub's answer to a valid ticket.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Enrolled {
    /// The device's number.
    #[n(0)]
    pub device: DeviceId,
    /// Its unit.
    #[n(1)]
    pub unit: UnitId,
    /// Its letter for slip numbers.
    #[n(2)]
    pub letter: String,
    /// The district.
    #[n(3)]
    pub district: DistrictCode,
    /// The hub's name.
    #[n(4)]
    pub hub_name: String,
}

/// A frame.
#[derive(Clone, PartialEq, Debug)]
pub enum Frame {
    /// Child: who it is and what it holds.
    Hello(Hello),
    /// Parent: the answer.
    Welcome(Welcome),
    /// Child: its ticket.
    Enrol(Enrol),
    /// Parent: the ticket is taken.
    Enrolled(Enrolled),
    /// Parent: what it durably holds.
    Receipt(Receipt),
    /// Child: the feed is stored up to here.
    FeedAck {
        /// The place.
        cursor: Cursor,
    },
    /// More bytes of batches may be sent.
    Credit(u64),
    /// Parent: come back later.
    GoAway {
        /// Milliseconds, jitter included.
        retry_after: u64,
    },
    /// Parent: the feed ends here for now, and the child's log is durable up to `durable`.
    CaughtUp {
        /// Index of the feed's last entry.
        feed: u64,
        /// Index of the child's last durable entry.
        durable: u64,
    },
    /// A step of a reconciliation.
    Reconcile(Vec<u8>),
    /// Child: the reconciliation is over; these changes of its scope it lacks.
    Lacks {
        /// The hashes.
        hashes: Vec<ChangeHash>,
        /// How many batches the child gives back; `None` where another such frame follows.
        returned: Option<u64>,
    },
    /// Child: it is done and asks for the close.
    Bye,
    /// A batch begins, or goes on at a byte.
    BatchStart {
        /// The log that it belongs to.
        log: LogName,
        /// First 16 bytes of the batch's blake3.
        digest: [u8; 16],
        /// Bytes of the whole batch.
        total: u64,
        /// The byte that the next data begins at.
        offset: u64,
    },
    /// The next bytes of the batch.
    BatchData(Vec<u8>),
    /// Parent: what became of a batch that the child carried for another.
    Delivered(Delivered),
    /// A word about files.
    Attachment(attachment::Message),
    /// A frame of a newer version that may be skipped.
    Skipped(u64),
}

impl Frame {
    /// Encodes the frame for the stream.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Hello(body) => (1, cbor(body)),
            Self::Welcome(body) => (3, cbor(body)),
            Self::Enrol(body) => (5, cbor(body)),
            Self::Enrolled(body) => (7, cbor(body)),
            Self::Receipt(body) => (9, cbor(body)),
            Self::FeedAck { cursor } => (11, cbor((cursor,))),
            Self::Credit(bytes) => (13, cbor(bytes)),
            Self::GoAway { retry_after } => (15, cbor(retry_after)),
            Self::CaughtUp { feed, durable } => (17, cbor((feed, durable))),
            Self::Reconcile(step) => (19, step.clone()),
            Self::Lacks { hashes, returned } => (21, cbor((hashes, returned))),
            Self::Bye => (23, Vec::new()),
            Self::BatchStart { log, digest, total, offset } => {
                (25, cbor((log, minicbor::bytes::ByteArray::from(*digest), total, offset)))
            }
            Self::BatchData(bytes) => (27, bytes.clone()),
            Self::Delivered(body) => (29, cbor(body)),
            Self::Attachment(message) => message.to_parts(),
            Self::Skipped(kind) => (*kind, Vec::new()),
        };
        let mut bytes = Vec::with_capacity(body.len() + 6);
        put_varint(&mut bytes, kind);
        put_varint(&mut bytes, body.len() as u64);
        bytes.extend_from_slice(&body);
        bytes
    }

    fn of(kind: u64, body: &[u8]) -> Result<Self, FrameError> {
        let malformed = |_| FrameError::Malformed { kind };
        Ok(match kind {
            1 => Self::Hello(minicbor::decode(body).map_err(malformed)?),
            3 => Self::Welcome(minicbor::decode(body).map_err(malformed)?),
            5 => Self::Enrol(minicbor::decode(body).map_err(malformed)?),
            7 => Self::Enrolled(minicbor::decode(body).map_err(malformed)?),
            9 => Self::Receipt(minicbor::decode(body).map_err(malformed)?),
            11 => {
                let (cursor,) = minicbor::decode(body).map_err(malformed)?;
                Self::FeedAck { cursor }
            }
            13 => Self::Credit(minicbor::decode(body).map_err(malformed)?),
            15 => Self::GoAway { retry_after: minicbor::decode(body).map_err(malformed)? },
            17 => {
                let (feed, durable) = minicbor::decode(body).map_err(malformed)?;
                Self::CaughtUp { feed, durable }
            }
            19 => Self::Reconcile(body.to_vec()),
            21 => {
                let (hashes, returned): (Vec<ChangeHash>, Option<u64>) =
                    minicbor::decode(body).map_err(malformed)?;
                if hashes.len() > HASHES_MAX {
                    return Err(FrameError::Malformed { kind });
                }
                Self::Lacks { hashes, returned }
            }
            23 => Self::Bye,
            25 => {
                let (log, digest, total, offset): (_, minicbor::bytes::ByteArray<16>, _, _) =
                    minicbor::decode(body).map_err(malformed)?;
                Self::BatchStart { log, digest: digest.into(), total, offset }
            }
            27 if body.len() <= DATA_BYTES_MAX => Self::BatchData(body.to_vec()),
            29 => Self::Delivered(minicbor::decode(body).map_err(malformed)?),
            unknown => match attachment::Message::of_parts(unknown, body) {
                Some(message) => Self::Attachment(message.map_err(|_| FrameError::Malformed { kind })?),
                None if unknown % 2 == 0 => Self::Skipped(unknown),
                None => return Err(FrameError::Unknown { kind: unknown }),
            },
        })
    }
}

/// Cuts a stream into frames.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: Vec<u8>,
    start: usize,
}

impl FrameReader {
    /// Takes the next bytes of the stream; [`FrameReader::poll`] until it has no frame left. Returns how
    /// many bytes wait for the rest of their frame.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
        self.buffer.len()
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// The stream is not of frames, or one is over the limit. The stream is of no further use.
    pub fn poll(&mut self) -> Result<Option<Frame>, FrameError> {
        let rest = &self.buffer[self.start..];
        let Some((kind, used_kind)) = varint(rest)? else { return Ok(None) };
        let Some((length, used_length)) = varint(&rest[used_kind..])? else { return Ok(None) };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong { kind, found: length });
        }
        let from = used_kind + used_length;
        let Some(body) = rest.get(from..from + length) else { return Ok(None) };
        let frame = Frame::of(kind, body)?;
        self.start += from + length;
        Ok(Some(frame))
    }
}

/// Why a stream is not one of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The body does not follow its type.
    #[error("a frame of type {kind} is malformed")]
    Malformed {
        /// The type.
        kind: u64,
    },
    /// A type that may not be skipped.
    #[error("frame type {kind} is unknown")]
    Unknown {
        /// The type.
        kind: u64,
    },
    /// Over the limit.
    #[error("a frame of type {kind} has {found} bytes where {FRAME_BYTES_MAX} are allowed")]
    TooLong {
        /// The type.
        kind: u64,
        /// Its length.
        found: usize,
    },
    /// A varint of more than ten bytes.
    #[error("a number in a frame's head has no end")]
    Varint,
}

fn cbor<T: Encode<()>>(value: T) -> Vec<u8> {
    minicbor::to_vec(value).expect("encoding into memory cannot fail")
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, FrameError> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate() {
        if index == 9 {
            return Err(FrameError::Varint);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((value, index + 1)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Frame {
        Frame::Hello(Hello {
            versions: vec![VERSION],
            schema: 1,
            epoch: Epoch([1; 16]),
            log: Cursor { index: 3, chain: Chain([2; 16]) },
            receipt: None,
            feed_epoch: None,
            feed: Cursor::default(),
            feed_signature: Vec::new(),
            partial: Some(Partial { digest: [4; 16], held: 77 }),
            scope: Sum::default(),
            holds: 0,
            clock: Timestamp(5),
            eager: true,
            program: "0.1.0".into(),
            packs: Some(1),
            places: Some(true),
            dictionaries: None,
        })
    }

    #[test]
    fn frames_read_back_however_the_stream_is_cut() {
        let frames = [
            hello(),
            Frame::Credit(7),
            Frame::Lacks { hashes: vec![ChangeHash([8; 32])], returned: Some(2) },
            Frame::BatchData(vec![1; DATA_BYTES_MAX]),
            Frame::Bye,
        ];
        let stream: Vec<u8> = frames.iter().flat_map(Frame::to_bytes).collect();
        for piece in [1, 2, 7, 1_000, stream.len()] {
            let mut reader = FrameReader::default();
            let mut read = Vec::new();
            for bytes in stream.chunks(piece) {
                reader.push(bytes);
                while let Some(frame) = reader.poll().expect("valid") {
                    read.push(frame);
                }
            }
            assert_eq!(read, frames);
        }
    }

    #[test]
    fn an_even_unknown_type_is_skipped_and_an_odd_one_refused() {
        let mut reader = FrameReader::default();
        reader.push(&[100, 2, 9, 9]);
        assert_eq!(reader.poll(), Ok(Some(Frame::Skipped(100))));
        reader.push(&[101, 0]);
        assert_eq!(reader.poll(), Err(FrameError::Unknown { kind: 101 }));
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_its_body_comes() {
        let mut reader = FrameReader::default();
        reader.push(&[1, 0xff, 0xff, 0xff, 0x7f]);
        assert!(matches!(reader.poll(), Err(FrameError::TooLong { .. })));
        let mut endless = FrameReader::default();
        endless.push(&[0xff; 11]);
        assert_eq!(endless.poll(), Err(FrameError::Varint));
    }

    #[test]
    fn no_flipped_bit_panics() {
        let bytes = hello().to_bytes();
        for at in 0..bytes.len() * 8 {
            let mut mutant = bytes.clone();
            mutant[at / 8] ^= 1 << (at % 8);
            let mut reader = FrameReader::default();
            reader.push(&mutant);
            drop(reader.poll());
        }
    }
}
