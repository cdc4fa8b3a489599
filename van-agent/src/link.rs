//! The way to the hub: dials, lets the core speak, tells how it went, and tries again.
//!
//! One keeper serves `sync` (one exchange, then it leaves) and `run` (it stays linked, and comes back after a cut
//! with growing, jittered pauses, at once when an interface comes up or somebody asks). When an interface comes up
//! while it is linked, the link moves there and asks the hub for a sign of life at once.

use std::{future::Future, sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::json;
use shared::{
    id::PublicKey,
    identity::{Key, ticket::Address},
    sync::{CloseCode, Event, PeerId, Role, station::Station},
};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    agent::{Agent, SyncCall, Wish},
    budget::{self, Budget, Stopped},
    host::{
        control::Reply,
        dial::{Caller, DialError, Dialled, Patience, dial},
        driver::{self, Ended},
        home::Home,
        machine::{self, Clock},
        meter::Meter,
        networks::Networks,
        owner::{self, Handle},
        quic::{self, Side},
        wire::{Over, Wire},
    },
    interfaces::Interfaces,
};

/// Without a packet for so long, a link of `run` is given up before everything is handed over.
pub const PATIENCE: Duration = Duration::from_secs(45);
/// So long an address may be silent at enrolment, where somebody sits before a laptop that has never been linked.
pub const FIRST_PACKET: Duration = Duration::from_secs(10);
/// How often `run` sends a packet on a quiet link.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(5);
/// How long a goodbye may take where somebody waits for a fresh exchange.
const GOODBYE_SHORT: Duration = Duration::from_millis(300);
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

/// Why an exchange came to nothing, as pages tell it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No network, or nobody answers.
    NoAnswer,
    /// Somebody else answers at the hub's address.
    WrongHub,
    /// The link broke off.
    Cut,
    /// The hub takes nothing from this laptop any more.
    ShutOut,
    /// This laptop could not store what came.
    NotStored,
}

impl Why {
    /// The word of a page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::WrongHub => "wrong_hub",
            Self::Cut => "cut",
            Self::ShutOut => "shut_out",
            Self::NotStored => "not_stored",
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

/// How an exchange went.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Report {
    /// Whether everything is handed over and the feed is read to its end.
    pub ok: bool,
    /// Changes sent.
    pub sent: u64,
    /// Changes received and stored.
    pub received: u64,
    /// Changes that a receipt covers since.
    pub receipted: u64,
    /// Seconds from the beginning until the newest of those receipts was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipted_seconds: Option<f64>,
    /// Refusals learnt.
    pub quarantined: u64,
    /// Changes left to send.
    pub left: u64,
    /// Files of attachments left to send or to fetch.
    pub attachments_left: u64,
    /// Their bytes.
    pub attachment_bytes_left: u64,
    /// Bytes of attachments that moved, either way.
    pub attachment_bytes: u64,
    /// Files of attachments that one of the two does not take, or does not have.
    pub attachments_refused: u64,
    /// The limit at which it was stopped, with everything that was sent kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// Bytes sent, as whole IP packets: 28 of headers for each datagram, and TCP by the rule of
    /// [`meter`](crate::host::meter), 40 for each segment. Attempts that came to nothing are in it.
    pub bytes_up: u64,
    /// Bytes received, as whole IP packets.
    pub bytes_down: u64,
    /// Over what it went; none where no connection came about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<Over>,
    /// How long it took.
    pub seconds: f64,
    /// Why it did not work, as pages tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// Why it did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What a person may see of an exchange on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Changes sent.
    pub sent: u64,
    /// Changes received.
    pub received: u64,
    /// Changes left to send.
    pub left: u64,
    /// Files of attachments left.
    pub files_left: u64,
    /// Their bytes.
    pub file_bytes_left: u64,
    /// Bytes of attachments that moved.
    pub file_bytes: u64,
}

impl Progress {
    fn of(report: &Report) -> Self {
        Self {
            sent: report.sent,
            received: report.received,
            left: report.left,
            files_left: report.attachments_left,
            file_bytes_left: report.attachment_bytes_left,
            file_bytes: report.attachment_bytes,
        }
    }
}

/// Whether a link stays after everything is handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stay {
    Leave,
    Stay,
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

/// What a link was dialled with.
#[derive(Clone, Copy)]
struct Line<'a> {
    caller: &'a Caller,
    started: Instant,
    stay: Stay,
}

/// How a link ended, told in words.
enum Cut {
    /// Ended by itself, or by the hub.
    Ended(Ended),
    /// No packet for that long.
    Silent(Duration),
    /// Somebody asked for a fresh exchange.
    Asked,
    /// The budget is spent.
    Spent(Stopped),
}

/// How far an exchange is after an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// As before.
    Same,
    /// Everything but files is handed over.
    Facts,
    /// Everything is handed over.
    Whole(PeerId),
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
            let Ok(Some(target)) = self.owner.run(|agent, _| Target::of(agent)).await else { return };
            let report = self.attempt(target, Stay::Stay).await;
            self.rests |= report.stopped.is_some();
            if self.has_call() {
                continue;
            }
            self.budget = Budget::default();
            while self.rests {
                match self.calls.recv().await {
                    Some(call) => self.take(call),
                    None => return,
                }
            }
            if self.has_call() {
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
        let meter = Meter::default();
        let endpoint = match quic::van_endpoint(&meter) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                report.error = Some(format!("no socket could be had: {error}"));
                self.tell(&report);
                return report;
            }
        };
        let keep_alive = (stay == Stay::Stay).then_some(KEEP_ALIVE);
        let purpose = target.purpose;
        let caller = Caller {
            endpoint,
            meter,
            key: Arc::new(target.key),
            hub: target.hub,
            transport: Arc::new(quic::transport(Side::Van { keep_alive })),
            keep_alive,
            networks: Networks::load(&self.home),
            now: self.clock.now().wall,
        };
        if purpose == Purpose::Sync {
            let owner = self.owner.clone();
            // Beside the handshake; whoever says hello then waits for it.
            tokio::spawn(async move { prepare(&owner).await });
        }
        // Whoever was told goodbye need not be told.
        let mut closed_there = false;
        match self.dial(&caller, purpose, &target.addresses).await {
            Err(error) => {
                report.why = Some(why_of(&error));
                report.next = Some(next_of(&error, purpose).to_owned());
                report.error = Some(chain(&error));
            }
            Ok(dialled) => {
                self.remember(&caller, &dialled);
                report.over = Some(dialled.wire.over());
                let line = Line { caller: &caller, started, stay };
                let cut = self.speak(dialled.wire, &mut report, &line).await;
                measure(&caller.meter, &mut report, started);
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
        measure(&caller.meter, &mut report, started);
        let told_before = report.ok && report.stopped.is_none() && stay == Stay::Stay && self.is_told;
        if !told_before {
            self.tell(&report);
        }
        if !closed_there {
            quic::leave(&caller.endpoint).await;
        }
        report
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

    /// Connects; whoever asks for an exchange meanwhile waits no longer than they are willing to.
    async fn dial(
        &mut self,
        caller: &Caller,
        purpose: Purpose,
        addresses: &[Address],
    ) -> Result<Dialled, DialError> {
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
                dialled = &mut dialling => return dialled,
                () = tokio::time::sleep_until(until) => {
                    let Some(address) = addresses.first().cloned() else {
                        return Err(DialError::NoAddress);
                    };
                    return Err(DialError::Silent { address, patience: self.patience.unwrap_or(whole) });
                }
                call = self.calls.recv(), if !self.calls.is_closed() => {
                    let Some(call) = call else { continue };
                    self.take(call);
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

    async fn speak(&mut self, wire: Wire, report: &mut Report, line: &Line<'_>) -> Cut {
        let Line { caller, started, stay } = *line;
        let (owner, pulse) = (self.owner.clone(), wire.pulse());
        let drive = driver::drive(wire, Role::Child, &owner);
        tokio::pin!(drive);
        let mut patience = self.patience.unwrap_or(PATIENCE);
        let silence = driver::silence(&pulse, patience);
        tokio::pin!(silence);
        let spent = budget::spent(&caller.meter, &pulse, self.budget, &owner, started);
        tokio::pin!(spent);
        loop {
            tokio::select! {
                ended = &mut drive => return Cut::Ended(ended),
                // A quiet link of `run` is watched by QUIC itself once everything is handed over.
                () = &mut silence, if !report.ok || stay == Stay::Leave => {
                    said(self.owner.close_links(CloseCode::Done, "no packet came").await);
                    finish(drive).await;
                    return Cut::Silent(patience);
                }
                event = self.events.recv() => {
                    let Some(event) = event else { continue };
                    let receipted = report.receipted;
                    let stage = self.event(event, report);
                    measure(&caller.meter, report, started);
                    if report.receipted > receipted {
                        report.receipted_seconds = Some(report.seconds);
                    }
                    match stage {
                        Stage::Same => {}
                        Stage::Facts if stay == Stay::Leave => {}
                        Stage::Facts => (self.on_report)(report),
                        Stage::Whole(peer) if stay == Stay::Leave => {
                            // The hub closes; who has not heard of it by then finds out by itself.
                            said(self.owner.run(move |agent, _| agent.replica_mut().bye(peer)).await);
                            return finish(drive).await;
                        }
                        Stage::Whole(_) => {
                            let settled = report.clone();
                            self.tell(&settled);
                        }
                    }
                }
                stopped = &mut spent, if !self.budget.is_unlimited() => {
                    // What is not on its way yet stays here; what has arrived is kept there.
                    hang_up(&owner, drive, CloseCode::Limit, "the budget is spent").await;
                    return Cut::Spent(stopped);
                }
                () = self.interfaces.up() => {
                    tracing::info!("a network came up: the link moves there");
                    if let Err(error) = quic::rebind(&caller.endpoint) {
                        tracing::debug!(%error, "take another port");
                    }
                    pulse.probe();
                }
                call = self.calls.recv() => {
                    let Some(call) = call else { continue };
                    self.take(call);
                    if self.rests {
                        hang_up(&owner, drive, CloseCode::Done, "stopped").await;
                        return Cut::Spent(Stopped::Asked);
                    }
                    if !self.budget.is_unlimited() || (report.ok && report.attachments_left == 0) {
                        said(self.owner.close_links(CloseCode::Done, "a fresh exchange").await);
                        finish_within(GOODBYE_SHORT, drive).await;
                        return Cut::Asked;
                    }
                    patience = self.patience.unwrap_or(patience);
                    silence.set(driver::silence(&pulse, patience));
                }
            }
        }
    }

    /// Notes an event.
    fn event(&mut self, event: Event, report: &mut Report) -> Stage {
        match event {
            Event::Progress { sent, received, receipted, left, .. } => {
                (report.sent, report.received, report.receipted) = (sent, received, receipted);
                report.left = left;
                (self.on_progress)(Progress::of(report));
            }
            Event::Settled { peer, sent, received, receipted, quarantined, files, file_bytes } => {
                report.ok = true;
                (report.sent, report.received, report.left) = (sent, received, 0);
                (report.receipted, report.quarantined) = (receipted, quarantined);
                (report.attachments_left, report.attachment_bytes_left) = (files, file_bytes);
                return if files == 0 { Stage::Whole(peer) } else { Stage::Facts };
            }
            Event::Carried { peer, left, left_bytes, moved_bytes, refused } => {
                let before = std::mem::replace(&mut report.attachments_left, left);
                (report.attachment_bytes_left, report.attachment_bytes) = (left_bytes, moved_bytes);
                report.attachments_refused = refused;
                (self.on_progress)(Progress::of(report));
                if left == 0 && before > 0 && report.ok {
                    return Stage::Whole(peer);
                }
            }
            Event::GoAway { retry_after, .. } => self.retry_after = Some(Duration::from_millis(retry_after)),
            Event::Enrolled { .. } => self.enrolled = true,
            Event::Rewound { forked, .. } => {
                tracing::warn!(forked, "the hub knows more of this laptop's log: another life begins");
            }
            Event::Quarantined { rule, .. } => tracing::warn!(rule, "something of this laptop was refused"),
            Event::Linked { .. } | Event::HubRewound { .. } | Event::AnotherLife { .. } => {}
        }
        Stage::Same
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

async fn hang_up(
    owner: &Handle<Agent>,
    drive: impl Future<Output = Ended>,
    code: CloseCode,
    reason: &str,
) -> Cut {
    said(owner.close_links(code, reason).await);
    finish(drive).await
}

async fn finish(drive: impl Future<Output = Ended>) -> Cut {
    finish_within(GOODBYE, drive).await
}

async fn finish_within(goodbye: Duration, drive: impl Future<Output = Ended>) -> Cut {
    match tokio::time::timeout(goodbye, drive).await {
        Ok(ended) => Cut::Ended(ended),
        Err(_) => Cut::Silent(goodbye),
    }
}

fn measure(meter: &Meter, report: &mut Report, started: Instant) {
    let traffic = meter.traffic();
    (report.bytes_up, report.bytes_down) = (traffic.up_bytes, traffic.down_bytes);
    report.seconds = started.elapsed().as_secs_f64();
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

const KEPT: &str = "everything stays saved on this laptop";

fn why_of(error: &DialError) -> Why {
    match error {
        DialError::WrongHub { .. } => Why::WrongHub,
        DialError::NoAddress
        | DialError::Name { .. }
        | DialError::Silent { .. }
        | DialError::Failed { .. }
        | DialError::Refused { .. }
        | DialError::NoRoute { .. }
        | DialError::Unreachable { .. } => Why::NoAnswer,
    }
}

fn next_of(error: &DialError, purpose: Purpose) -> &'static str {
    match error {
        DialError::WrongHub { .. } => {
            "somebody else answers at the hub's address: tell the hub operator; nothing was handed over"
        }
        DialError::NoAddress => "ask the hub operator for the hub's address",
        DialError::Name { .. }
        | DialError::Silent { .. }
        | DialError::Failed { .. }
        | DialError::Refused { .. }
        | DialError::NoRoute { .. }
        | DialError::Unreachable { .. } => purpose.again(),
    }
}

/// Why a link ended before everything was handed over, in words, and what to do next.
fn words_of(cut: &Cut, purpose: Purpose) -> (Why, String, String) {
    let cut_off = |error: String| (Why::Cut, error, purpose.again().to_owned());
    match cut {
        Cut::Silent(patience) => cut_off(format!("no packet came for {} s", patience.as_secs_f32())),
        Cut::Asked => cut_off("a fresh exchange was asked for".to_owned()),
        Cut::Spent(_) => cut_off("the budget is spent".to_owned()),
        Cut::Ended(ended) => match ended {
            Ended::There { code, reason } => {
                let (why, next) = match code {
                    Some(CloseCode::Revoked | CloseCode::UnknownDevice) => {
                        (Why::ShutOut, format!("{KEPT}: bring the laptop to the hub operator"))
                    }
                    Some(CloseCode::Ticket) => (Why::Cut, "ask the hub operator for a new ticket".to_owned()),
                    Some(CloseCode::WrongVersion) => (Why::Cut, "install the newer program".to_owned()),
                    Some(CloseCode::Internal) => (
                        Why::Cut,
                        "tell the hub operator that the hub cannot store what it is sent; what is not receipted \
                         is kept here: give the command again when it is mended"
                            .to_owned(),
                    ),
                    _ => (Why::Cut, purpose.again().to_owned()),
                };
                (why, format!("the hub closed the link: {reason}"), next)
            }
            Ended::Here { code: CloseCode::Internal, reason } => {
                let next = "free some space on this laptop's disk, or run `van-agent doctor`; then give the \
                            command again";
                (Why::NotStored, format!("this laptop could not store what came: {reason}"), next.to_owned())
            }
            Ended::Here { reason, .. } => cut_off(format!("the link was closed here: {reason}")),
            Ended::Forgotten => cut_off("the hub was restarted".to_owned()),
            Ended::Silent => cut_off("the hub fell silent".to_owned()),
            Ended::Broken(error) => cut_off(format!("the link broke: {error}")),
            Ended::NoKey(error) => cut_off(format!("the hub showed no key: {error}")),
            Ended::Stopping => cut_off("the program is stopping".to_owned()),
        },
    }
}

/// Whether the hub will not have this laptop any more: that is told even after everything was handed over.
fn shuts_out(cut: &Cut) -> bool {
    let Cut::Ended(Ended::There { code, .. }) = cut else { return false };
    matches!(code, Some(CloseCode::Revoked | CloseCode::UnknownDevice | CloseCode::WrongVersion))
}

/// Between half of `pause` and all of it.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 4];
    machine::entropy(&mut random);
    let share = f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX);
    pause.mul_f64(0.5 + share / 2.0)
}
