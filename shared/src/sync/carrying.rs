//! What is known on one connection of the files under way on it. Pure state, no store.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs::File,
    io::{self, Cursor, Read},
};

use crate::{
    id::ContentHash,
    store::files::Part,
    time::Tick,
    wire::attachment::{Offered, SLOTS, Wanted},
};

/// Bytes of a file in one frame: a cut loses at most the frame that it falls into.
pub(super) const DATA_BYTES: usize = 4 * 1024;
/// Received bytes after which the sender is told that there is room again.
const CREDIT_BYTES: u64 = 8 * 1024;
/// Received bytes after which a part is synced to disk.
pub(super) const SYNC_BYTES: u64 = 256 * 1024;
/// Bytes of files that may be under way: what stands in a thin link's queue is what a fact waits behind.
const WINDOW_BYTES_MIN: u64 = 16 * 1024;
const WINDOW_BYTES: u64 = 32 * 1024;
/// Well below what the transport buffers, so that facts always find room there.
const WINDOW_BYTES_MAX: u64 = 96 * 1024;
/// Milliseconds from sending to credit: below the first the window grows, above the second it shrinks.
const WAIT_SHORT: u64 = 400;
const WAIT_LONG: u64 = 1_500;
/// Attempts at one file on one connection.
pub(super) const TRIES_MAX: u8 = 2;
/// Breaches of the rules about files, after which a connection ends.
pub(super) const BREACHES_MAX: u32 = 16;
/// Files that one connection may offer.
pub(super) const OFFERED_MAX: usize = 20_000;

/// The files of one connection.
#[derive(Debug, Default)]
pub(super) struct Carrying {
    /// Child: the parent takes files.
    pub(super) peer_takes: bool,
    /// Child: bytes that remain of each file that the hub has yet to receipt or to refuse.
    pub(super) open: BTreeMap<ContentHash, u64>,
    /// Bytes that remain of each file that the peer was asked for, and how often it was.
    pub(super) asked: BTreeMap<ContentHash, Asked>,
    /// What the peer asked for and is not sent yet.
    pub(super) queue: VecDeque<Wanted>,
    pub(super) sending: [Option<Sending>; SLOTS],
    pub(super) incoming: [Option<Incoming>; SLOTS],
    /// Parent: what was offered in all.
    pub(super) offered: usize,
    /// Files that this connection will not move any more.
    pub(super) given_up: BTreeSet<ContentHash>,
    /// Files refused on this connection, here or there.
    pub(super) refused: u64,
    pub(super) breaches: u32,
    /// Bytes of files that moved, either way.
    pub(super) moved: u64,
    /// Child: the dictionary that the parent offers.
    pub(super) dictionary: Option<Offered>,
    /// Parent: it has asked for what it lacks.
    pub(super) has_asked: bool,
    /// The slot that sends next.
    turn: usize,
    window: Window,
    /// Bytes taken off the stream since the last credit.
    owed: u64,
}

/// A file that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    /// Bytes of the whole, or the most that it may have.
    pub(super) size: u64,
    /// Whether `size` is exact.
    pub(super) is_exact: bool,
    /// Bytes held when it was asked for.
    pub(super) held: u64,
    /// Attempts so far.
    pub(super) tries: u8,
}

/// A file on its way out.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) hash: ContentHash,
    pub(super) size: u64,
    pub(super) offset: u64,
    pub(super) file: Source,
}

/// Where the bytes of a file come from.
#[derive(Debug)]
pub(super) enum Source {
    /// The folder of files.
    Folder(File),
    /// The database.
    Store(Cursor<Vec<u8>>),
}

impl Read for Source {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Folder(file) => file.read(bytes),
            Self::Store(file) => file.read(bytes),
        }
    }
}

/// A file on its way in.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) hash: ContentHash,
    pub(super) size: u64,
    pub(super) part: Part,
}

/// How much may be under way, by how long the way takes.
#[derive(Debug)]
struct Window {
    bytes: u64,
    sent: u64,
    acknowledged: u64,
    /// The byte whose way is timed, and when it left.
    timed: Option<(u64, Tick)>,
}

impl Default for Window {
    fn default() -> Self {
        Self { bytes: WINDOW_BYTES, sent: 0, acknowledged: 0, timed: None }
    }
}

impl Window {
    fn room(&self) -> u64 {
        self.bytes.saturating_sub(self.sent - self.acknowledged)
    }

    fn sent(&mut self, bytes: u64, now: Tick) {
        self.sent += bytes;
        if self.timed.is_none() {
            self.timed = Some((self.sent, now));
        }
    }

    fn acknowledged(&mut self, bytes: u64, now: Tick) {
        self.acknowledged = self.acknowledged.saturating_add(bytes).min(self.sent);
        let Some((byte, at)) = self.timed.filter(|(byte, _)| *byte <= self.acknowledged) else { return };
        self.timed = None;
        debug_assert!(byte <= self.sent);
        match now.0.saturating_sub(at.0) {
            0..=WAIT_SHORT => self.bytes = (self.bytes * 2).min(WINDOW_BYTES_MAX),
            WAIT_LONG.. => self.bytes = (self.bytes / 2).max(WINDOW_BYTES_MIN),
            _ => {}
        }
    }
}

impl Carrying {
    /// The slot that may send a frame next, and how many bytes; each in its turn.
    pub(super) fn next_slot(&mut self) -> Option<(usize, u64)> {
        let room = self.window.room().min(DATA_BYTES as u64);
        // Never in crumbs.
        if room < (DATA_BYTES / 4) as u64 {
            return None;
        }
        let slot = (0..SLOTS).map(|n| (self.turn + n) % SLOTS).find(|slot| self.sending[*slot].is_some())?;
        self.turn = (slot + 1) % SLOTS;
        Some((slot, room))
    }

    /// Notes that bytes of `hash` were handed to the stream, and how many of it remain.
    pub(super) fn sent(&mut self, hash: ContentHash, bytes: u64, remaining: u64, now: Tick) {
        self.window.sent(bytes, now);
        self.moved += bytes;
        if let Some(open) = self.open.get_mut(&hash) {
            *open = remaining;
        }
    }

    /// Notes that the peer has taken bytes off the stream.
    pub(super) fn acknowledged(&mut self, bytes: u64, now: Tick) {
        self.window.acknowledged(bytes, now);
    }

    /// Notes bytes taken off the stream; returns the credit that is due, at the end of a file at once.
    pub(super) fn received(&mut self, bytes: u64, is_end: bool) -> Option<u64> {
        self.moved += bytes;
        self.owed += bytes;
        (is_end || self.owed >= CREDIT_BYTES).then(|| std::mem::take(&mut self.owed))
    }

    /// Files that are yet to move, and their bytes.
    pub(super) fn left(&self) -> (u64, u64) {
        let incoming = |hash: &ContentHash| self.incoming.iter().flatten().find(|file| file.hash == *hash);
        let fetched = self.asked.iter().map(|(hash, asked)| {
            let held = incoming(hash).map_or(asked.held, |file| file.part.held());
            asked.size.saturating_sub(held)
        });
        let bytes = self.open.values().copied().chain(fetched).sum();
        ((self.open.len() + self.asked.len()) as u64, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_follows_how_long_the_way_takes() {
        let mut window = Window::default();
        let mut now = 0;
        let mut round = |window: &mut Window, wait: u64| {
            let room = window.room();
            window.sent(room, Tick(now));
            assert_eq!(window.room(), 0);
            now += wait;
            window.acknowledged(room, Tick(now));
            window.bytes
        };
        assert_eq!(round(&mut window, 100), 2 * WINDOW_BYTES);
        assert_eq!(round(&mut window, 100), WINDOW_BYTES_MAX);
        assert_eq!(round(&mut window, 800), WINDOW_BYTES_MAX);
        for _ in 0..4 {
            round(&mut window, 4_000);
        }
        assert_eq!(window.bytes, WINDOW_BYTES_MIN);
        window.acknowledged(u64::MAX, Tick(0));
        assert_eq!(window.room(), WINDOW_BYTES_MIN, "nobody acknowledges more than was sent");
    }
}
