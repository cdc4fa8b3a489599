//! Runs what the fuzz targets of `tests/fuzz` run, on every file of their corpora: it cannot rot, and what they
//! have found once stays found. `KELILING_WRITE_VECTORS=1` writes the corpora's first files where they are missing.
#![expect(clippy::unwrap_used, reason = "a corpus that cannot be read fails the test")]

#[path = "../fuzz/frames.rs"]
mod frames;
#[path = "../fuzz/pack.rs"]
mod pack;

use std::{
    fs,
    path::{Path, PathBuf},
};

use shared::{
    id::{ChangeHash, DeviceId, Epoch},
    time::Timestamp,
    wire::{
        Frame,
        batch::{Chain, LogName, Sum},
        frame::{Cursor, Enrol, Hello, LogVerdict, Partial, VERSION, Welcome},
    },
};

#[test]
fn the_corpus_of_packed_batches_is_read() {
    for name in ["day", "edits", "everything", "feed"] {
        let file =
            |extension| fs::read(root().join("corpus/packed").join(name).with_extension(extension)).unwrap();
        let (places, batch) = (file("places"), file("batch"));
        let length = u16::try_from(places.len()).unwrap().to_be_bytes();
        begin("pack", name, &[&length[..], &places, &batch].concat());
    }
    run("pack", pack::read);
}

#[test]
fn the_corpus_of_frames_is_read() {
    for (name, frames) in streams() {
        let stream: Vec<u8> = frames.iter().flat_map(Frame::to_bytes).collect();
        begin("frames", name, &[&[6][..], &stream].concat());
    }
    run("frames", frames::read);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn corpus(target: &str) -> PathBuf {
    root().join("fuzz/corpus").join(target)
}

/// Writes a first file of a corpus where it is wanted.
fn begin(target: &str, name: &str, bytes: &[u8]) {
    let file = corpus(target).join(name);
    if std::env::var_os("KELILING_WRITE_VECTORS").is_some() && !file.exists() {
        fs::create_dir_all(corpus(target)).unwrap();
        fs::write(file, bytes).unwrap();
    }
}

/// Reads every file of a corpus, cut and damaged too.
fn run(target: &str, read: fn(&[u8])) {
    let files: Vec<_> = fs::read_dir(corpus(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        let bytes = fs::read(file).unwrap();
        read(&bytes);
        for at in 0..bytes.len() {
            read(&bytes[..at]);
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            read(&damaged);
        }
    }
}

/// What a laptop and a hub say.
fn streams() -> [(&'static str, Vec<Frame>); 2] {
    let cursor = Cursor { index: 3, chain: Chain([2; 16]) };
    let partial = Some(Partial { digest: [4; 16], held: 77 });
    let log = LogName { author: DeviceId(3), epoch: Epoch([5; 16]), reader: None };
    let hello = Hello {
        versions: vec![VERSION],
        schema: 1,
        epoch: log.epoch,
        log: cursor,
        receipt: None,
        feed_epoch: Some(Epoch([1; 16])),
        feed: cursor,
        feed_signature: vec![7; 64],
        partial,
        scope: Sum::default(),
        holds: 9,
        clock: Timestamp(5),
        eager: true,
        program: "0.1.0".to_owned(),
        packs: Some(1),
        dictionaries: None,
        places: Some(true),
    };
    let welcome = Welcome {
        version: VERSION,
        schema: 1,
        hub_epoch: Epoch([1; 16]),
        verdict: LogVerdict::Continues,
        durable: cursor,
        partial,
        credit: 1 << 18,
        clock: Timestamp(6),
        letter: "A".to_owned(),
        reconcile: false,
        unit: "V01".parse().unwrap(),
        packs: Some(1),
        dictionaries: None,
        couriers: Some(true),
    };
    let up = vec![
        Frame::Enrol(Enrol { ticket: [1; 8], proof: [2; 32], epoch: log.epoch }),
        Frame::Hello(hello),
        Frame::BatchStart { log, digest: [4; 16], total: 600, offset: 0 },
        Frame::BatchData(vec![8; 600]),
        Frame::FeedAck { cursor },
        Frame::Lacks { hashes: vec![ChangeHash([8; 32])], returned: Some(2) },
        Frame::Bye,
    ];
    let down = vec![
        Frame::Welcome(welcome),
        Frame::Credit(600),
        Frame::Reconcile(vec![9; 40]),
        Frame::CaughtUp { feed: 3, durable: 4 },
        Frame::GoAway { retry_after: 1_000 },
    ];
    [("up", up), ("down", down)]
}
