//! The fleet over QUIC on loopback, against the hub's real program.

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use shared::{
    id::PublicKey,
    identity::Key,
    sync::{Event, Input, Output, Replica, Role},
    time::{Now, Tick},
};
use tokio::{
    sync::{Barrier, mpsc},
    task::JoinSet,
    time::{interval, timeout_at},
};
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
    Figure, Kind, VAN_BYTES_GOAL, VANS_OF_GOAL, copy_home,
    vans::{Fleet, Van},
};
use crate::process::{Hub, Running};

/// How long the whole fleet may take.
const LIMIT: Duration = Duration::from_secs(600);
/// As of `van-agent run`.
const KEEP_ALIVE: Option<Duration> = Some(Duration::from_secs(30));
/// How often it is said how far the fleet has come.
const PROGRESS: Duration = Duration::from_secs(5);

/// What a van tells of itself.
enum Told {
    /// It has a connection.
    Linked(Over),
    /// A receipt covers all of its log.
    Receipted,
    /// Everything is handed over and its feed is read.
    Settled,
    /// It could not connect, or the link ended before that.
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
    let told = runtime.block_on(all(fleet.vans, address, fleet.hub_key, &serving));
    let peak = serving.memory_peak_bytes().context("the hub's memory")?;
    serving.terminate().done();
    for failure in told.failures.iter().take(3) {
        eprintln!("fleet: a van failed: {failure}");
    }
    let each = peak.saturating_sub(before) as f64 / count as f64;
    let lacking = |so_many: usize| (count - so_many) as f64;
    let number = |what: &str, value| Figure::new(what, value, "", Kind::Count);
    let memory = Figure::new("over QUIC, hub's peak memory, each van", each, "bytes", Kind::Memory);
    Ok(vec![
        number("over QUIC, vans without a receipt", lacking(told.receipted)).at_most(0.0),
        number("over QUIC, vans that were not told everything", lacking(told.settled)).at_most(0.0),
        number("over QUIC, vans that went over to TCP", told.over_tcp as f64),
        Figure::new("over QUIC, all receipted", told.last_receipt.as_secs_f64(), "s", Kind::Time),
        Figure::new("over QUIC, all told everything", told.last_settled.as_secs_f64(), "s", Kind::Time),
        // What the hub holds whoever comes is shared by too few otherwise.
        if count < VANS_OF_GOAL { memory } else { memory.at_most(VAN_BYTES_GOAL) },
    ])
}

/// What came of the fleet.
#[derive(Default)]
struct Outcome {
    linked: usize,
    over_tcp: usize,
    receipted: usize,
    settled: usize,
    last_receipt: Duration,
    last_settled: Duration,
    failures: Vec<String>,
}

impl Outcome {
    fn take(&mut self, told: Told, at: Duration) {
        match told {
            Told::Linked(over) => {
                self.linked += 1;
                self.over_tcp += usize::from(over == Over::Tcp);
            }
            Told::Receipted => {
                self.receipted += 1;
                self.last_receipt = at;
            }
            Told::Settled => {
                self.settled += 1;
                self.last_settled = at;
            }
            Told::Failed(error) => self.failures.push(error),
        }
    }

    fn say(&self, at: Duration, hub: &Running) {
        let Self { linked, receipted, settled, failures, .. } = self;
        let (seconds, failed) = (at.as_secs(), failures.len());
        let megabytes = hub.memory_bytes().unwrap_or(0) / 1_000_000;
        eprintln!(
            "fleet: {seconds} s: {linked} linked, {receipted} receipted, {settled} told everything, {failed} failed; hub {megabytes} MB"
        );
    }
}

/// Lets all vans dial at once; what came of it when the last has left, or [`LIMIT`] has passed.
async fn all(vans: Vec<Van>, address: SocketAddr, key: PublicKey, hub: &Running) -> Outcome {
    let (sender, mut told) = mpsc::unbounded_channel();
    let start = Arc::new(Barrier::new(vans.len() + 1));
    let mut tasks = JoinSet::new();
    for van in vans {
        let (sender, start) = (sender.clone(), Arc::clone(&start));
        tasks.spawn(async move {
            if let Err(error) = one(van, address, key, &start, &sender).await {
                drop(sender.send(Told::Failed(format!("{error:#}"))));
            }
        });
    }
    drop(sender);
    start.wait().await;
    let started = Instant::now();
    let (mut outcome, mut progress) = (Outcome::default(), interval(PROGRESS));
    loop {
        tokio::select! {
            biased;
            _ = progress.tick() => outcome.say(started.elapsed(), hub),
            told = timeout_at((started + LIMIT).into(), told.recv()) => match told {
                Ok(Some(told)) => outcome.take(told, started.elapsed()),
                Ok(None) => return outcome,
                Err(_) => {
                    outcome.failures.push(format!("the vans are not done after {} s", LIMIT.as_secs()));
                    return outcome;
                }
            },
        }
    }
}

/// One van from dialling to the close.
async fn one(
    van: Van,
    address: SocketAddr,
    hub: PublicKey,
    start: &Barrier,
    told: &mpsc::UnboundedSender<Told>,
) -> anyhow::Result<()> {
    let meter = Meter::default();
    let caller = Caller {
        endpoint: quic::van_endpoint(&meter)?,
        meter,
        key: Arc::new(Key::from_seed(*van.replica.station().key.seed())),
        hub,
        transport: Arc::new(quic::transport(Side::Van { keep_alive: KEEP_ALIVE })),
        keep_alive: KEEP_ALIVE,
        networks: Networks::default(),
        now: Clock::start().now().wall,
    };
    let laptop = Laptop {
        changes: van.changes,
        replica: van.replica,
        told: told.clone(),
        is_receipted: false,
        is_settled: false,
    };
    let owner = Owner::spawn(laptop, Clock::start(), drop)?;
    start.wait().await;
    let dialled = dial(&caller, &[address.into()], Patience::from(LIMIT)).await?;
    drop(told.send(Told::Linked(dialled.wire.over())));
    let ended = driver::drive(dialled.wire, Role::Child, owner.handle()).await;
    // Waits for the thread.
    let laptop = tokio::task::spawn_blocking(move || owner.stop()).await?;
    quic::leave(&caller.endpoint).await;
    ensure!(laptop.is_settled, "the link ended too early: {ended:?}");
    Ok(())
}

/// A laptop that leaves once everything is said.
struct Laptop {
    replica: Replica,
    changes: u64,
    told: mpsc::UnboundedSender<Told>,
    is_receipted: bool,
    is_settled: bool,
}

impl Owned for Laptop {
    fn handle(&mut self, now: Now, input: Input) {
        self.replica.handle(now, input);
    }

    fn poll_output(&mut self) -> Option<Output> {
        let output = self.replica.poll_output();
        match &output {
            Some(Output::Event(Event::Progress { receipted, .. }))
                if *receipted >= self.changes && !self.is_receipted =>
            {
                self.is_receipted = true;
                drop(self.told.send(Told::Receipted));
            }
            Some(Output::Event(Event::Settled { peer, .. })) => {
                if !std::mem::replace(&mut self.is_settled, true) {
                    drop(self.told.send(Told::Settled));
                }
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
