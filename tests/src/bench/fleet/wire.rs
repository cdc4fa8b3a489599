//! The fleet over QUIC on loopback, against the hub's real program.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use shared::{
    id::PublicKey,
    identity::Key,
    sync::{Event, Input, Output, Replica, Role},
    time::{Now, Tick},
};
use tokio::{sync::Barrier, task::JoinSet};
use van_agent::host::{
    control::Call,
    dial::{Caller, Patience, dial},
    driver,
    machine::Clock,
    meter::Meter,
    networks::Networks,
    owner::{Owned, Owner},
    quic::{self, Side},
    wire::Over,
};

use super::{
    Figure, Kind, VAN_BYTES_GOAL, copy_home,
    vans::{Fleet, Van},
};
use crate::process::Hub;

/// How long the whole fleet may take.
const LIMIT: Duration = Duration::from_secs(600);

/// What a van tells of itself.
enum Told {
    /// A receipt covers all of its log.
    Receipted(Instant),
    /// Everything is handed over and its feed is read.
    Settled(Instant),
    /// It could not connect.
    Failed(String),
}

/// Lets all vans in at once.
pub(super) fn measure(home: &Path, fleet: Fleet) -> anyhow::Result<Vec<Figure>> {
    copy_home(&fleet.hub_home, home)?;
    let hub = Hub::at(home);
    let serving = hub.start(&[]);
    let address = serving.addr("quic");
    let count = fleet.vans.len();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;

    let before = serving.memory_bytes().context("the hub's memory")?;
    let told = runtime.block_on(all(fleet.vans, address, fleet.hub_key))?;
    let peak = serving.memory_peak_bytes().context("the hub's memory")?;
    serving.terminate().done();
    for failure in told.failures.iter().take(3) {
        eprintln!("fleet: a van failed: {failure}");
    }
    let each = peak.saturating_sub(before) as f64 / count as f64;
    let unreceipted = (count - told.receipted) as f64;
    Ok(vec![
        Figure::new("over QUIC, vans without a receipt", unreceipted, "", Kind::Count).at_most(0.0),
        Figure::new("over QUIC, all receipted", told.last_receipt.as_secs_f64(), "s", Kind::Time),
        Figure::new("over QUIC, all told everything", told.last_settled.as_secs_f64(), "s", Kind::Time),
        Figure::new("over QUIC, hub's peak memory, each van", each, "bytes", Kind::Memory)
            .at_most(VAN_BYTES_GOAL),
    ])
}

/// What came of the fleet.
#[derive(Default)]
struct Outcome {
    receipted: usize,
    last_receipt: Duration,
    last_settled: Duration,
    failures: Vec<String>,
}

async fn all(vans: Vec<Van>, address: SocketAddr, hub: PublicKey) -> anyhow::Result<Outcome> {
    let (sender, told) = mpsc::channel();
    let count = vans.len();
    let start = Arc::new(Barrier::new(count + 1));
    let mut tasks = JoinSet::new();
    for van in vans {
        let (sender, start) = (sender.clone(), Arc::clone(&start));
        tasks.spawn(async move {
            if let Err(error) = one(van, address, hub, &start, &sender).await {
                drop(sender.send(Told::Failed(format!("{error:#}"))));
            }
        });
    }
    drop(sender);
    start.wait().await;
    let started = Instant::now();
    let whole = async { while tasks.join_next().await.is_some() {} };
    let ended = tokio::time::timeout(LIMIT, whole).await;
    let mut outcome = Outcome::default();
    for told in told.try_iter() {
        match told {
            Told::Receipted(at) => {
                outcome.receipted += 1;
                outcome.last_receipt = outcome.last_receipt.max(at - started);
            }
            Told::Settled(at) => outcome.last_settled = outcome.last_settled.max(at - started),
            Told::Failed(error) => outcome.failures.push(error),
        }
    }
    ensure!(ended.is_ok(), "the vans are not done after {} s", LIMIT.as_secs());
    Ok(outcome)
}

/// One van from dialling to the close.
async fn one(
    van: Van,
    address: SocketAddr,
    hub: PublicKey,
    start: &Barrier,
    told: &mpsc::Sender<Told>,
) -> anyhow::Result<()> {
    let meter = Meter::default();
    let caller = Caller {
        endpoint: quic::van_endpoint(&meter)?,
        meter,
        key: Arc::new(Key::from_seed(*van.replica.station().key.seed())),
        hub,
        transport: Arc::new(quic::transport(Side::Van { keep_alive: None })),
        keep_alive: None,
        networks: Networks::default(),
        now: Clock::start().now().wall,
    };
    let laptop = Laptop { changes: van.changes, replica: van.replica, told: told.clone(), is_told: false };
    let owner = Owner::spawn(laptop, Clock::start(), drop)?;
    start.wait().await;
    let dialled = dial(&caller, &[address.into()], Patience::from(LIMIT)).await?;
    ensure!(dialled.wire.over() == Over::Quic, "a van came over TCP");
    driver::drive(dialled.wire, Role::Child, owner.handle()).await;
    // Waits for the thread.
    tokio::task::spawn_blocking(move || drop(owner.stop())).await?;
    quic::leave(&caller.endpoint).await;
    Ok(())
}

/// A laptop that leaves once everything is said.
struct Laptop {
    replica: Replica,
    changes: u64,
    told: mpsc::Sender<Told>,
    is_told: bool,
}

impl Owned for Laptop {
    fn handle(&mut self, now: Now, input: Input) {
        self.replica.handle(now, input);
    }

    fn poll_output(&mut self) -> Option<Output> {
        let output = self.replica.poll_output();
        match &output {
            Some(Output::Event(Event::Progress { receipted, .. }))
                if *receipted >= self.changes && !self.is_told =>
            {
                self.is_told = true;
                drop(self.told.send(Told::Receipted(Instant::now())));
            }
            Some(Output::Event(Event::Settled { peer, .. })) => {
                drop(self.told.send(Told::Settled(Instant::now())));
                self.replica.bye(*peer);
            }
            _ => {}
        }
        output
    }

    fn poll_timeout(&self) -> Option<Tick> {
        self.replica.poll_timeout()
    }

    fn call(&mut self, _: Now, _: Call) {}
}
