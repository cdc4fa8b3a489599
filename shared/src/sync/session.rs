//! One connection: what was said on it and what may be sent. Pure state, no store.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    Channel, Event, Output, PeerId, Role, carrying::Carrying, feed::Holdings, reconcile::Reconciler,
    repair::Repair,
};
use crate::{
    id::{DeviceId, Epoch, PublicKey, UnitId},
    store::{
        carried::{Carried, Place},
        devices::Standing,
        log::Half,
    },
    time::{Tick, Timestamp},
    wire::{
        batch::{Batch, LogName},
        frame::{Cursor, DATA_BYTES_MAX, Frame, FrameReader, Partial},
        pack::Packs,
    },
};

/// Bytes of batches that may be under way before the receiver has stored any of them.
pub(super) const CREDIT_BYTES: u64 = 256 * 1024;
/// Bytes of a batch in one frame: a cut loses at most the frame that it falls into.
const DATA_BYTES: usize = 2 * 1024;
const _: () = assert!(DATA_BYTES <= DATA_BYTES_MAX);
/// How long a new connection may take to say its first words, in milliseconds.
pub(super) const HELLO_MILLISECONDS: u64 = 10_000;
/// The same for a laptop that the hub knows: an outage may take its first words, and the link bears it.
pub(super) const HELLO_KNOWN_MILLISECONDS: u64 = 40_000;

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Parent: waits for `Hello` or `Enrol`.
    Greeting,
    /// Child: has said `Enrol` and waits for `Enrolled`.
    Enrolling,
    /// Child: has said `Hello` and waits for `Welcome`.
    Asking,
    /// Both know of each other.
    Linked,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) peer: PeerId,
    pub(super) role: Role,
    pub(super) key: PublicKey,
    pub(super) exporter: [u8; 32],
    pub(super) phase: Phase,
    /// Until when the first words must have come.
    pub(super) deadline: Option<Tick>,
    /// The device at the other end and its life; the hub is device 0.
    pub(super) device: DeviceId,
    pub(super) epoch: Epoch,
    pub(super) unit: Option<UnitId>,
    /// What the child's newest receipt of this life of the hub covers.
    pub(super) receipted: u64,
    /// Parent: up to where the child's newest receipt says that backups hold its log.
    pub(super) backed_up: u64,
    /// Up to where both sides held the child's log when the connection began.
    pub(super) common: u64,
    /// Parent: the head of the child's log as it said.
    pub(super) announced: u64,
    /// Parent: whether the child's log continues what is held.
    pub(super) accepts: bool,
    /// Parent: how the device stands, where it may only leave behind what it had not handed over.
    pub(super) shut_out: Option<Standing>,
    /// Parent: the feed's entry that the child holds last.
    pub(super) feed_at: u64,
    /// Parent: the newest dictionary of packed batches that the child knows; `None` where it reads rows alone.
    pub(super) packs: Option<Packs>,
    /// Parent: whether the feed may name the child's own changes by their places in its log.
    pub(super) places: bool,
    /// The part of our next batch that the peer holds.
    pub(super) resume: Option<Partial>,
    readers: BTreeMap<Channel, FrameReader>,
    /// The batch that comes in, and of which log.
    pub(super) incoming: Option<(LogName, Half)>,
    pub(super) sending: Sending,
    /// Parent: `CaughtUp` as said last. Child: as heard last.
    pub(super) caught_up: Option<(u64, u64)>,
    /// Parent: the repair that is under way.
    pub(super) repair: Option<Repair>,
    /// Child: the reconciliation that is under way.
    pub(super) reconciler: Option<Reconciler>,
    /// Parent: what is newly known of what the child holds, until its feed is written accordingly.
    pub(super) wants: Option<Holdings>,
    /// Parent: when its feed is looked through again for cases that ended long ago.
    pub(super) expiry: Option<Tick>,
    /// Parent: credit that is withheld while too much waits.
    pub(super) owed: u64,
    /// Child: the feed's and the log's end at which `Settled` was told last.
    pub(super) settled: Option<(u64, u64)>,
    /// Child: whether the parent takes what is carried for others.
    pub(super) takes_carried: bool,
    /// Child: batches of others' logs that the parent has not answered yet.
    pub(super) delivering: BTreeSet<Place>,
    /// Entries that were left to send when the last batch was begun.
    pub(super) left: u64,
    pub(super) received: u64,
    pub(super) covered: u64,
    pub(super) quarantined: u64,
    pub(super) files: Carrying,
}

/// What goes out on the batch stream.
#[derive(Debug, Default)]
pub(super) struct Sending {
    /// The log that is sent, and the entry that comes next; nothing is sent before it is known.
    pub(super) log: Option<(LogName, u64)>,
    /// Batches of other logs that go first.
    pub(super) returns: VecDeque<Batch>,
    /// Batches that are carried for others, which go last, and when it was found that they are due.
    pub(super) carried: VecDeque<(Carried, Timestamp)>,
    current: Option<Current>,
    pub(super) credit: u64,
    /// Changes, of a feed entries, in batches that are sent whole.
    pub(super) sent: u64,
}

#[derive(Debug)]
struct Current {
    log: LogName,
    digest: [u8; 16],
    bytes: Vec<u8>,
    offset: usize,
    begun: bool,
    changes: u64,
}

impl Session {
    pub(super) fn new(peer: PeerId, role: Role, key: PublicKey, exporter: [u8; 32], now: Tick) -> Self {
        Self {
            peer,
            role,
            key,
            exporter,
            phase: Phase::Greeting,
            deadline: Some(now.after(HELLO_MILLISECONDS)),
            device: DeviceId::HUB,
            epoch: Epoch::default(),
            unit: None,
            receipted: 0,
            backed_up: 0,
            common: 0,
            announced: 0,
            accepts: role == Role::Child,
            shut_out: None,
            feed_at: 0,
            packs: None,
            places: false,
            resume: None,
            readers: BTreeMap::new(),
            incoming: None,
            sending: Sending::default(),
            caught_up: None,
            repair: None,
            reconciler: None,
            wants: None,
            expiry: None,
            owed: 0,
            settled: None,
            takes_carried: false,
            delivering: BTreeSet::new(),
            left: 0,
            received: 0,
            covered: 0,
            quarantined: 0,
            files: Carrying::default(),
        }
    }

    /// Takes bytes of a stream; [`Session::poll`] until it has no frame left. Returns how many bytes wait.
    pub(super) fn push(&mut self, channel: Channel, bytes: &[u8]) -> usize {
        self.readers.entry(channel).or_default().push(bytes)
    }

    /// The next whole frame of `channel`.
    pub(super) fn poll(&mut self, channel: Channel) -> Result<Option<Frame>, crate::wire::frame::FrameError> {
        self.readers.entry(channel).or_default().poll()
    }

    /// `frame` on the control stream.
    pub(super) fn say(&self, frame: &Frame) -> Output {
        Output::Send { peer: self.peer, channel: Channel::Control, bytes: frame.to_bytes() }
    }

    /// How far the hand-over has come.
    pub(super) fn progress(&self) -> Output {
        Output::Event(Event::Progress {
            peer: self.peer,
            sent: self.sending.sent,
            received: self.received,
            receipted: self.covered,
            left: self.left,
        })
    }
}

impl Sending {
    /// Whether a batch is half sent.
    pub(super) fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    /// Sends `log` from entry `next` on, whatever was being sent.
    pub(super) fn restart(&mut self, log: LogName, next: u64, credit: u64) {
        *self = Self { log: Some((log, next)), credit, ..Self::default() };
    }

    /// Begins to send a batch with a number of changes that count as sent, from the byte that the receiver lacks.
    pub(super) fn begin(&mut self, batch: &Batch, changes: u64, held: Option<Partial>) {
        let bytes = batch.to_bytes();
        let digest = digest(&bytes);
        let offset = held
            .filter(|held| held.digest == digest)
            .map_or(0, |held| usize::try_from(held.held).unwrap_or(0).min(bytes.len()));
        self.current = Some(Current { log: batch.log, digest, bytes, offset, begun: false, changes });
    }

    /// The next bytes for the batch stream, as far as credit goes.
    pub(super) fn poll(&mut self) -> Option<Vec<u8>> {
        let current = self.current.as_mut()?;
        if !current.begun {
            current.begun = true;
            return Some(
                Frame::BatchStart {
                    log: current.log,
                    digest: current.digest,
                    total: current.bytes.len() as u64,
                    offset: current.offset as u64,
                }
                .to_bytes(),
            );
        }
        let left = current.bytes.len() - current.offset;
        let size = left.min(DATA_BYTES).min(usize::try_from(self.credit).unwrap_or(usize::MAX));
        if left == 0 {
            self.sent += current.changes;
            self.current = None;
            return None;
        }
        if size == 0 {
            return None;
        }
        let data = current.bytes[current.offset..current.offset + size].to_vec();
        current.offset += size;
        self.credit -= size as u64;
        Some(Frame::BatchData(data).to_bytes())
    }
}

/// First 16 bytes of a batch's blake3.
pub(super) fn digest(bytes: &[u8]) -> [u8; 16] {
    let mut head = [0; 16];
    head.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    head
}

/// Whether `cursor` is the head of a log that ends in `head`.
pub(super) fn is_head(cursor: &Cursor, head: &Cursor) -> bool {
    cursor.index == head.index && cursor.chain == head.chain
}
