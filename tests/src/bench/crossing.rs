//! A hub and a laptop with a thin link between them, and what an exchange over it takes.
//!
//! Bytes are whole IP packets as the link counts them when they are offered, both ways, handshake included: what
//! is lost was paid for.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::{
    people::{Order, Region, ndjson},
    process::{Hub, Running, Van},
    relay::{Profile, Relay, Stats},
};

pub(super) const CROSSING_LIMIT: Duration = Duration::from_secs(600);

/// What a crossing took.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Cost {
    pub(super) bytes: f64,
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
    _hub: Running,
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
        Ok(Self { relay, _hub: running, van, _homes: homes })
    }

    pub(super) fn sync(&self, profile: Profile, seed: u64) -> anyhow::Result<Cost> {
        self.relay.reshape(profile, seed);
        let output = self.van.call(&["sync", "--json"]).within(CROSSING_LIMIT).run().done();
        let seconds = output.json()["seconds"].as_f64().context("read the seconds")?;
        Ok(Cost { bytes: offered_bytes(&self.relay.stats()), seconds })
    }
}
