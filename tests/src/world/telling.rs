//! What is told of a world: the hash of all that was said, and a log for a person.

use std::collections::BTreeMap;

use shared::{
    sync::{Channel, Event},
    wire::{Frame, FrameReader, attachment::Message},
};

use super::{Arrival, End};

/// What was said in a world.
#[derive(Debug)]
pub struct Telling {
    is_told: bool,
    trace: blake3::Hasher,
    readers: BTreeMap<(u64, End, Channel), FrameReader>,
    /// How often bytes arrived.
    pub messages: u64,
    /// Bytes of batches and files that were sent.
    pub batch_bytes: u64,
    /// Frames of reconciliations that were sent.
    pub repairs: u64,
    /// Edits that were refused where they were typed.
    pub refusals: u64,
    /// Crashes, and disks that went back in time.
    pub mishaps: u64,
}

impl Telling {
    /// Nothing yet; with `is_told` a log is written to standard error.
    pub fn new(is_told: bool) -> Self {
        Self {
            is_told,
            trace: blake3::Hasher::new(),
            readers: BTreeMap::new(),
            messages: 0,
            batch_bytes: 0,
            repairs: 0,
            refusals: 0,
            mishaps: 0,
        }
    }

    /// The hash of everything that arrived anywhere, in order and with its time.
    pub fn trace(&self) -> String {
        self.trace.finalize().to_hex().to_string()
    }

    /// Writes a line, if anybody reads.
    pub fn say(&self, at: u64, line: impl FnOnce() -> String) {
        if self.is_told {
            eprintln!("{:>9}.{:03}  {}", at / 1_000, at % 1_000, line());
        }
    }

    /// Something went wrong.
    pub fn mishap(&mut self, at: u64, line: impl FnOnce() -> String) {
        self.mishaps += 1;
        self.say(at, line);
    }

    /// A machine told something.
    pub fn event(&mut self, at: u64, name: &str, event: &Event) {
        self.trace.update(format!("{at} {name} {event:?}").as_bytes());
        self.say(at, || format!("{name}: {event:?}"));
    }

    /// A machine sent something: one or more whole frames.
    pub fn sent(&mut self, at: u64, connection: u64, from: End, channel: Channel, bytes: &[u8]) {
        match bytes.first() {
            Some(19 | 21) => self.repairs += 1,
            Some(25 | 27 | 46 | 48) => self.batch_bytes += bytes.len() as u64,
            _ => {}
        }
        if !self.is_told {
            return;
        }
        let reader = self.readers.entry((connection, from, channel)).or_default();
        reader.push(bytes);
        let mut lines = Vec::new();
        while let Ok(Some(frame)) = reader.poll() {
            lines.push(described(&frame));
        }
        for line in lines {
            self.say(at, || format!("  {connection} {from:?} says {line}"));
        }
    }

    /// Something arrived somewhere.
    pub fn arrived(&mut self, at: u64, connection: u64, end: End, arrival: &Arrival) {
        self.messages += 1;
        self.trace.update(format!("{at} {connection} {end:?} ").as_bytes());
        match arrival {
            Arrival::Bytes(channel, bytes) => {
                self.trace.update(format!("{channel:?} {} ", bytes.len()).as_bytes());
                self.trace.update(bytes);
                let digest = blake3::hash(bytes).to_hex();
                self.say(at, || {
                    format!("  {connection} {end:?} gets {} bytes {}", bytes.len(), &digest[..8])
                });
            }
            Arrival::Opened | Arrival::Gone(_) => {
                self.trace.update(format!("{arrival:?}").as_bytes());
                self.say(at, || format!("  {connection} {end:?}: {arrival:?}"));
            }
        }
    }
}

fn described(frame: &Frame) -> String {
    match frame {
        Frame::BatchData(bytes) => format!("BatchData({} bytes)", bytes.len()),
        Frame::Reconcile(bytes) => format!("Reconcile({} bytes)", bytes.len()),
        Frame::Hello(hello) => format!(
            "Hello(epoch {:?}, log {}, receipt {:?}, feed {:?} {}, scope {}, holds {}, eager {})",
            hello.epoch,
            hello.log.index,
            hello.receipt.as_ref().map(|receipt| (receipt.hub_epoch, receipt.cursor.index)),
            hello.feed_epoch,
            hello.feed.index,
            hello.scope.count,
            hello.holds,
            hello.eager
        ),
        Frame::Welcome(welcome) => format!(
            "Welcome(hub {:?}, {:?}, durable {}, reconcile {}, letter {})",
            welcome.hub_epoch, welcome.verdict, welcome.durable.index, welcome.reconcile, welcome.letter
        ),
        Frame::Receipt(receipt) => format!("Receipt({:?} {})", receipt.epoch, receipt.cursor.index),
        Frame::BatchStart { log, total, offset, .. } => {
            format!("BatchStart({:?} {:?} {:?}, {offset} of {total})", log.author, log.epoch, log.reader)
        }
        Frame::Lacks { hashes, returned } => format!("Lacks({}, {returned:?})", hashes.len()),
        Frame::Attachment(Message::Data { slot, bytes }) => format!("Data({slot}, {} bytes)", bytes.len()),
        Frame::Attachment(_)
        | Frame::Enrol(_)
        | Frame::Enrolled(_)
        | Frame::FeedAck { .. }
        | Frame::Credit(_)
        | Frame::GoAway { .. }
        | Frame::CaughtUp { .. }
        | Frame::Bye
        | Frame::Delivered(_)
        | Frame::Skipped(_) => format!("{frame:?}"),
    }
}
