//! The way to the hub: dials, lets the core speak, tells how it went, and tries again.
//!
//! One keeper serves `sync` (one exchange, then it leaves) and `run` (it stays linked, and comes back after a cut
//! with growing, jittered pauses, at once when an interface comes up or somebody asks). When an interface comes up
//! while it is linked, the link moves there and asks the hub for a sign of life at once; where the hub falls silent, a
//! connection dialled beside it takes over.

mod beside;
mod report;
mod speak;
mod words;

use std::{sync::Arc, time::Duration};

use serde_json::json;
use shared::{
    id::PublicKey,
    identity::{Key, ticket::Address},
    sync::{Event, station::Station},
};
use tokio::{sync::mpsc, time::Instant};

pub use self::report::{Exchange, Progress, Report, Why};
use self::{
    report::measure,
    speak::{Before, Line},
    words::{Cut, chain, next_of, shuts_out, why_of, words_of},
};
use crate::{
    agent::{Agent, SyncCall, Wish},
    budget::{Budget, Stopped},
    host::{
        control::Reply,
        dial::{Caller, DialError, Dialled, Patience, dial},
        driver::Ended,
        home::Home,
        machine::{self, Clock},
        meter::Meter,
        networks::Networks,
        owner::{self, Handle},
        quic::{self, Side},
    },
    interfaces::Interfaces,
};

/// Without a packet for so long, a link of `run` is given up before everything is handed over.
pub const PATIENCE: Duration = Duration::from_secs(45);
/// So long an address may be silent at enrolment, where somebody sits before a laptop that has never been linked.
pub const FIRST_PACKET: Duration = Duration::from_secs(10);
/// How often `run` sends a packet on a quiet link.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// A dial that has gone on for longer is begun anew where somebody asks: what was sent last may lie back long.
const DIAL_ANEW: Duration = Duration::from_secs(4);
/// A dial is begun anew after so long: QUIC's own pauses double, and an outage ends when it ends. The slowest link
/// that this is made for has answered over UDP and over TCP by then.
const DIAL_AGAIN: Duration = Duration::from_secs(10);
/// Beyond its patience a dial is given this to tell what was wrong.
const DIAL_SLACK: Duration = Duration::from_millis(200);
/// The first pause after a cut; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// What a link is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To hand over and to be brought up to date.
    Sync,
    /// To be let in; an address may be silent for so long.
    Enrol(Duration),
}

impl Purpose {
    /// What to do where there was no network.
    fn again(self) -> &'static str {
        match self {
            Self::Sync => {
                "everything stays saved on this laptop, and what was sent is kept: give `van-agent sync` again \
                 where there is a network"
            }
            Self::Enrol(_) => {
                "give `van-agent enroll TICKET` again with the same ticket where there is a network, or ask the hub \
                 operator whether the hub runs at that address"
            }
        }
    }
}

/// Where the hub is, and who asks.
#[derive(Debug)]
pub struct Target {
    /// What for.
    pub purpose: Purpose,
    /// This laptop's key.
    pub key: Key,
    /// The hub's key.
    pub hub: PublicKey,
    /// Its addresses, best first.
    pub addresses: Vec<Address>,
}

impl Target {
    /// The hub of an enrolled laptop.
    pub fn of(agent: &Agent) -> Option<Self> {
        let station: &Station = agent.replica().station();
        let place = station.place.as_ref()?;
        let mut addresses: Vec<Address> = Vec::new();
        let told = agent.replica().registries().addresses().map(|row| row.address.clone());
        for text in told.chain(place.addresses.iter().cloned()) {
            if let Ok(address) = text.parse()
                && !addresses.contains(&address)
            {
                addresses.push(address);
            }
        }
        Some(Self {
            purpose: Purpose::Sync,
            key: Key::from_seed(*station.key.seed()),
            hub: place.hub_key,
            addresses,
        })
    }
}

/// Whether a link stays after everything is handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stay {
    Leave,
    Stay,
}

/// Why no link came about.
#[derive(Debug)]
enum Unlinked {
    /// The hub was not reached.
    Unreached(DialError),
    /// Somebody stopped it.
    Stopped,
}

/// Keeps the link of one laptop.
pub struct Keeper {
    owner: Handle<Agent>,
    home: Home,
    clock: Clock,
    interfaces: Interfaces,
    events: mpsc::UnboundedReceiver<Event>,
    calls: mpsc::UnboundedReceiver<SyncCall>,
    waiting: Vec<Reply>,
    /// The least patience of those who wait.
    patience: Option<Duration>,
    on_progress: Box<dyn FnMut(Progress) + Send>,
    on_report: Box<dyn FnMut(&Report) + Send>,
    retry_after: Option<Duration>,
    enrolled: bool,
    /// What an exchange may cost.
    budget: Budget,
    /// Whether those who wait have been told of this link.
    is_told: bool,
    /// Whether nothing is begun until somebody asks.
    rests: bool,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl Keeper {
    /// A keeper over the owner's thread; `events` are the core's, `calls` the wishes to reconcile. What it finds of
    /// networks is kept in `home`. Watches the network's interfaces from now on; made on a runtime.
    pub fn new(
        owner: Handle<Agent>,
        home: Home,
        events: mpsc::UnboundedReceiver<Event>,
        calls: mpsc::UnboundedReceiver<SyncCall>,
        on_progress: impl FnMut(Progress) + Send + 'static,
        on_report: impl FnMut(&Report) + Send + 'static,
    ) -> Self {
        Self {
            owner,
            home,
            clock: Clock::start(),
            interfaces: Interfaces::begin(),
            events,
            calls,
            waiting: Vec::new(),
            patience: None,
            on_progress: Box::new(on_progress),
            on_report: Box::new(on_report),
            retry_after: None,
            enrolled: false,
            budget: Budget::default(),
            is_told: false,
            rests: false,
        }
    }

    /// Whether the hub let this laptop in meanwhile.
    pub fn has_enrolled(&self) -> bool {
        self.enrolled
    }

    /// Reconciles once and leaves, at the latest when `budget` is spent.
    pub async fn once(&mut self, target: Target, patience: Duration, budget: Budget) -> Report {
        self.patience = Some(patience);
        self.budget = budget;
        self.attempt(target, Stay::Leave).await
    }

    /// Stays linked for ever, as far as the network lets it.
    pub async fn stay(&mut self) {
        let mut pause = PAUSE;
        loop {
            while self.rests {
                match self.calls.recv().await {
                    Some(call) => self.take(call),
                    None => return,
                }
            }
            let Ok(Some(target)) = self.owner.run(|agent, _| Target::of(agent)).await else { return };
            let report = self.attempt(target, Stay::Stay).await;
            self.rests |= report.stopped.is_some();
            if self.has_call() {
                continue;
            }
            self.budget = Budget::default();
            if self.rests {
                continue;
            }
            pause = if report.ok { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
            let wait = jittered(self.retry_after.take().unwrap_or(pause));
            tracing::debug!(seconds = wait.as_secs_f32(), "wait before the next link");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.interfaces.up() => pause = PAUSE,
                call = self.calls.recv() => match call {
                    Some(call) => self.take(call),
                    None => return,
                },
            }
        }
    }

    fn take(&mut self, call: SyncCall) {
        let Wish::Now { patience, budget } = call.wish else {
            self.rests = true;
            return call.reply.done(json!({"stopped": true}));
        };
        self.rests = false;
        self.budget = budget;
        self.patience = Some(self.patience.map_or(patience, |known| known.min(patience)));
        self.waiting.push(call.reply);
    }

    /// Whether somebody waits for an exchange.
    fn has_call(&mut self) -> bool {
        while let Ok(call) = self.calls.try_recv() {
            self.take(call);
        }
        !self.waiting.is_empty()
    }

    fn tell(&mut self, report: &Report) {
        self.is_told = true;
        (self.on_report)(report);
        for reply in self.waiting.drain(..) {
            reply.done(json!(report));
        }
        self.patience = None;
    }

    /// Tells the core what the next exchange may cost.
    async fn allow(&mut self) {
        let allowance = self.budget.allowance();
        said(self.owner.run(move |agent, _| agent.replica_mut().set_allowance(allowance)).await);
    }

    /// Dials, and speaks until the link ends.
    async fn attempt(&mut self, target: Target, stay: Stay) -> Report {
        let started = Instant::now();
        self.is_told = false;
        self.allow().await;
        while self.events.try_recv().is_ok() {}
        let mut report = Report::default();
        let addresses = target.addresses.clone();
        let purpose = target.purpose;
        let caller = match self.caller(target, stay) {
            Ok(caller) => caller,
            Err(error) => {
                report.error = Some(format!("no socket could be had: {error}"));
                self.tell(&report);
                return report;
            }
        };
        let before = Before::default();
        let mut line = Line { caller, addresses: &addresses, purpose, started, stay, before };
        if purpose == Purpose::Sync {
            let owner = self.owner.clone();
            // Beside the handshake; whoever says hello then waits for it.
            tokio::spawn(async move { prepare(&owner).await });
        }
        // Whoever was told goodbye need not be told.
        let mut closed_there = false;
        (self.on_progress)(Progress { dialling: true, ..Progress::default() });
        let dialled = self.dial(&line.caller, purpose, &addresses).await;
        (self.on_progress)(Progress::default());
        match dialled {
            Err(Unlinked::Stopped) => report.stopped = Some(Stopped::Asked),
            Err(Unlinked::Unreached(error)) => {
                report.why = Some(why_of(&error));
                report.next = Some(next_of(&error, purpose).to_owned());
                report.error = Some(chain(&error));
            }
            Ok(dialled) => {
                self.remember(&line.caller, &dialled);
                let cut = self.speak(dialled.wire, &mut report, &mut line).await;
                measure(&line.caller.meter, &mut report, started);
                closed_there = matches!(cut, Cut::Ended(Ended::There { .. } | Ended::Forgotten));
                if matches!(cut, Cut::Asked) {
                    return report;
                }
                if let Cut::Spent(stopped) = cut {
                    report.stopped = Some(stopped);
                } else if !report.ok || report.attachments_left > 0 || shuts_out(&cut) {
                    let (why, error, next) = words_of(&cut, purpose);
                    if why == Why::ShutOut {
                        tracing::info!("the hub shut this laptop out");
                    }
                    report.ok = false;
                    (report.why, report.error, report.next) = (Some(why), Some(error), Some(next));
                }
            }
        }
        measure(&line.caller.meter, &mut report, started);
        if purpose == Purpose::Sync {
            self.count_left(&mut report).await;
        }
        let told_before = report.ok && report.stopped.is_none() && stay == Stay::Stay && self.is_told;
        if !told_before {
            self.tell(&report);
        }
        if !closed_there {
            quic::leave(&line.caller.endpoint).await;
        }
        report
    }

    /// Counts by custody what an exchange has left that came to no end: changes, this laptop's and those that it can hand
    /// over for others, and the bytes of its own.
    async fn count_left(&mut self, report: &mut Report) {
        report.record_bytes_left = report.ok.then_some(0);
        if report.ok {
            return;
        }
        match self.owner.run(|agent, _| agent.custody_counts()).await {
            Ok(Ok(custody)) => {
                let count = |name: &str| custody[name].as_u64().unwrap_or(0);
                let for_others = count("for_others").saturating_sub(count("for_others_refused"));
                report.left = count("unsent") + count("under_way") + for_others;
                report.record_bytes_left = custody["record_bytes"].as_u64();
                if report.attachments_left == 0 {
                    report.attachments_left = count("attachments");
                    report.attachment_bytes_left = count("attachment_bytes");
                }
            }
            Ok(Err(error)) => tracing::warn!(reason = error.message, "count what is left"),
            Err(stopped) => tracing::debug!(%stopped, "count what is left"),
        }
    }

    /// Who dials a target.
    fn caller(&self, target: Target, stay: Stay) -> std::io::Result<Caller> {
        let keep_alive = (stay == Stay::Stay).then_some(KEEP_ALIVE);
        let meter = Meter::default();
        Ok(Caller {
            endpoint: quic::van_endpoint(&meter)?,
            meter,
            key: Arc::new(target.key),
            hub: target.hub,
            transport: Arc::new(quic::transport(Side::Van { keep_alive })),
            keep_alive,
            networks: Networks::load(&self.home),
            now: self.clock.now().wall,
        })
    }

    /// Keeps over what the hub is reached in this network; where that fails it is found out anew.
    fn remember(&self, caller: &Caller, dialled: &Dialled) {
        let mut networks = caller.networks.clone();
        let over = dialled.wire.over();
        if networks.note(&dialled.network, over, dialled.quic_heard, caller.now) {
            tracing::info!(?over, "this network's way to the hub is another now");
            if let Err(error) = networks.save(&self.home) {
                tracing::debug!(error = &error as &dyn std::error::Error, "keep the way to the hub");
            }
        }
    }

    /// Connects, until somebody stops it; whoever asks for an exchange meanwhile waits no longer than they are willing to.
    async fn dial(
        &mut self,
        caller: &Caller,
        purpose: Purpose,
        addresses: &[Address],
    ) -> Result<Dialled, Unlinked> {
        let whole = self.patience.unwrap_or(PATIENCE);
        let first_packet = match purpose {
            Purpose::Sync => whole,
            Purpose::Enrol(first_packet) => first_packet.min(whole),
        };
        let patience = Patience { first_packet, whole };
        let mut begun = Instant::now();
        let dialling = dial(caller, addresses, patience);
        tokio::pin!(dialling);
        let mut until = begun + whole + DIAL_SLACK;
        loop {
            tokio::select! {
                dialled = &mut dialling => return dialled.map_err(Unlinked::Unreached),
                () = tokio::time::sleep_until(until) => {
                    let Some(address) = addresses.first().cloned() else {
                        return Err(Unlinked::Unreached(DialError::NoAddress));
                    };
                    let patience = self.patience.unwrap_or(whole);
                    return Err(Unlinked::Unreached(DialError::Silent { address, patience }));
                }
                call = self.calls.recv(), if !self.calls.is_closed() => {
                    let Some(call) = call else { continue };
                    self.take(call);
                    if self.rests {
                        return Err(Unlinked::Stopped);
                    }
                    self.allow().await;
                    let now = Instant::now();
                    if begun + DIAL_ANEW < now {
                        dialling.set(dial(caller, addresses, patience));
                        begun = now;
                    }
                    until = now + self.patience.unwrap_or(whole) + DIAL_SLACK;
                }
                () = self.interfaces.up() => {
                    begun = Instant::now();
                    dialling.set(dial(caller, addresses, patience));
                }
                () = tokio::time::sleep_until(begun + DIAL_AGAIN), if purpose == Purpose::Sync => {
                    begun = Instant::now();
                    dialling.set(dial(caller, addresses, patience));
                }
            }
        }
    }
}

/// Has the owner pack what it will send.
async fn prepare(owner: &Handle<Agent>) {
    let prepared = owner.run(|agent, _| agent.replica_mut().prepare()).await;
    if let Ok(Err(error)) = prepared {
        tracing::debug!(error = &error as &dyn std::error::Error, "pack what is to be sent");
    }
}

/// An owner that has stopped ends the link by itself.
pub(crate) fn said(result: Result<(), owner::Stopped>) {
    if let Err(stopped) = result {
        tracing::debug!(%stopped, "tell the owner's thread");
    }
}

/// Between half of `pause` and all of it.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 4];
    machine::entropy(&mut random);
    let share = f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX);
    pause.mul_f64(0.5 + share / 2.0)
}
