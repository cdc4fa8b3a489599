//! A hub and a laptop with a thin link between them, and what an exchange over it takes.
//!
//! Bytes are whole IP packets as the link counts them when they are offered, both ways, handshake included: what
//! is lost was paid for.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::{
    people::{Order, Region, ndjson},
    process::{Hub, Running, Van},
    relay::{Profile, Relay, Stats},
};

pub(super) const CROSSING_LIMIT: Duration = Duration::from_secs(600);

/// An exchange that does not come about in so many tries is a failure of the program.
const TRIES_MAX: usize = 5;

/// What a crossing took.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Cost {
    pub(super) bytes: f64,
    pub(super) seconds: f64,
}

/// What an exchange took.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Exchange {
    pub(super) bytes: f64,
    /// From dialling until the newest receipt was stored.
    pub(super) receipted: f64,
    /// From dialling until the connection was closed.
    pub(super) seconds: f64,
}

/// Of bytes and of seconds, each by itself.
pub(super) fn median(costs: &[Cost]) -> Cost {
    let middle = |of: fn(&Cost) -> f64| super::median(costs.iter().map(of).collect());
    Cost { bytes: middle(|cost| cost.bytes), seconds: middle(|cost| cost.seconds) }
}

pub(super) fn offered_bytes(stats: &Stats) -> f64 {
    (stats.up.offered.bytes + stats.down.offered.bytes) as f64
}

/// The day of one van, as lines for `record`.
pub(super) fn day(seed: u64, cases: usize) -> anyhow::Result<String> {
    let (unit, day) = ("V01".to_owned(), "2026-11-20".to_owned());
    ndjson(&Region::shipped("53.02")?, &Order { seed, cases, unit, day, refs: false })
}

/// A hub and an enrolled laptop with a link between them.
#[derive(Debug)]
pub(super) struct District {
    pub(super) relay: Relay,
    pub(super) hub: Hub,
    _running: Running,
    pub(super) van: Van,
    _homes: TempDir,
}

impl District {
    pub(super) fn found() -> anyhow::Result<Self> {
        let homes = tempfile::tempdir().context("make a folder for the homes")?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let relay = Relay::start(nowhere, Profile::clean(), 1).context("start relay")?;
        let hub = Hub::init(homes.path().join("hub"), &[]);
        let running = hub.start(&["--advertise", &relay.addr().to_string()]);
        relay.retarget(running.addr("quic"));
        let van = Van::enroll(homes.path().join("van"), &hub.invite("V01"));
        // What enrolling has begun is not part of what is measured.
        van.run(&["sync"]);
        Ok(Self { relay, hub, _running: running, van, _homes: homes })
    }

    /// One exchange over another link, which begins now. Where the link broke it is had again, as a person would; the
    /// seconds of what was in vain are in it.
    pub(super) fn sync(&self, profile: Profile, seed: u64) -> anyhow::Result<Exchange> {
        self.relay.reshape(profile, seed);
        let mut in_vain = 0.0;
        for _ in 0..TRIES_MAX {
            let output = self.van.call(&["sync", "--json"]).within(CROSSING_LIMIT).run();
            let report = output.lines.iter().rev().find(|line| line["seconds"].is_number());
            let report = report.with_context(|| format!("no report from {output}"))?;
            let seconds = in_vain + report["seconds"].as_f64().unwrap_or(f64::NAN);
            if report["ok"] == true {
                let receipted = in_vain + report["receipted_seconds"].as_f64().unwrap_or(f64::NAN);
                return Ok(Exchange { bytes: offered_bytes(&self.relay.stats()), receipted, seconds });
            }
            eprintln!("once more: {}", report["error"]);
            in_vain = seconds;
        }
        bail!("no exchange came about in {TRIES_MAX} tries")
    }
}
