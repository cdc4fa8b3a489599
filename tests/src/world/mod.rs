//! A simulated world: one hub, vans, a network between them, and what goes wrong.
//!
//! Every machine is the real [`shared::sync::Replica`] on a real SQLite file. Time, chance and the network are
//! of the world alone, so that a seed replays byte for byte.

mod carry;
mod contact;
mod hostile;
mod machine;
mod mishap;
mod network;
mod office;
mod paper;
mod table;
mod telling;

use std::path::Path;

use anyhow::{Context as _, ensure};
use shared::{
    id::DistrictCode,
    sync::{CloseCode, Event, Input, Output, PeerId, Role},
};

pub(crate) use self::mishap::some_clock;
pub use self::{
    machine::{Image, Kind, MORNING, Machine},
    network::{Arrival, Connection, End, Network, Weather},
    telling::Telling,
};
use crate::{
    fault::{Act, Schedule},
    model::Model,
    random::Random,
};

/// The hub among the machines.
pub const HUB: usize = 0;
/// Vans of every world.
pub const VANS: usize = 5;
/// A planted crash takes back what the hub stored in up to that many messages.
const FORGOTTEN_MESSAGES: u64 = 96;

/// A bug that is put into the world on purpose: the model must find it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Planted {
    /// A van's crash takes back what it saved last.
    VanForgets,
    /// The hub's crash takes back what it stored last.
    HubForgets,
}

/// A world.
#[derive(Debug)]
pub struct World {
    /// What everything follows from.
    pub seed: u64,
    /// Milliseconds since the morning.
    pub at: u64,
    /// The hub, the vans, and what came later.
    pub machines: Vec<Machine>,
    /// What is under way.
    pub network: Network,
    /// What must hold.
    pub model: Model,
    /// How much happened, and the log for a person.
    pub telling: Telling,
    random: Random,
    district: DistrictCode,
    folder: tempfile::TempDir,
    planted: Option<Planted>,
    /// The newest version of the registries.
    registry: u64,
    /// When each machine that is down is started again.
    returns_at: Vec<Option<u64>>,
    /// A machine that crashes before it has said everything, and after how many outputs.
    stumbles: Option<(usize, u64)>,
    /// Sticks with bundles on them.
    sticks: Vec<carry::Stick>,
}

/// What became of a world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The hash of all that was said, in order.
    pub trace: String,
    /// How often bytes arrived.
    pub messages: u64,
    /// Edits that were acknowledged.
    pub edits: usize,
    /// How often processes crashed and disks went back in time.
    pub mishaps: u64,
}

/// Runs the world of a seed to its end.
///
/// # Errors
/// Something that must hold does not.
pub fn run(seed: u64, planted: Option<Planted>, is_told: bool) -> anyhow::Result<Outcome> {
    let mut world = World::new(seed, planted, is_told)?;
    let mut schedule = Schedule::of(seed);
    world.telling.say(0, || format!("seed {seed}: {schedule}"));
    world.network.weather = schedule.weather;
    world.begin(&schedule)?;
    let mut turn = 0;
    while let Some(act) = schedule.next(&mut world.random) {
        turn += 1;
        world.act(act).with_context(|| format!("{act:?} at {}", world.at))?;
        let pause = schedule.pause(&mut world.random);
        world.run_until(world.at + pause)?;
        world.check_custody(Some(turn)).with_context(|| format!("after {act:?} at {}", world.at))?;
    }
    world.heal().with_context(|| format!("healing at {}", world.at))?;
    world.judge().with_context(|| format!("at the end, {}", world.at))?;
    Ok(Outcome {
        trace: world.telling.trace(),
        messages: world.telling.messages,
        edits: world.model.edits(),
        mishaps: world.telling.mishaps,
    })
}

impl World {
    /// A world of a hub and vans that are not enrolled yet.
    ///
    /// # Errors
    /// A database cannot be made.
    pub fn new(seed: u64, planted: Option<Planted>, is_told: bool) -> anyhow::Result<Self> {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? };
        let mut world = Self {
            seed,
            at: 0,
            machines: Vec::new(),
            network: Network::new(Weather { latency_max: 100, pieces_max: 2 }),
            model: Model::default(),
            telling: Telling::new(is_told),
            random: Random::of(seed, "world"),
            district: "53.02".parse()?,
            folder,
            planted,
            registry: 0,
            returns_at: Vec::new(),
            stumbles: None,
            sticks: Vec::new(),
        };
        world.add("hub", Kind::Hub)?;
        for number in 1..=VANS {
            world.add(&format!("v{number}"), Kind::Van)?;
        }
        Ok(world)
    }

    fn add(&mut self, name: &str, kind: Kind) -> anyhow::Result<usize> {
        let number = self.machines.len();
        let mut machine = Machine::new(self.folder.path(), name, kind, number, self.seed)?;
        match kind {
            Kind::Hub => self.found(&mut machine)?,
            Kind::Van | Kind::Hostile => machine.start()?,
        }
        self.machines.push(machine);
        self.returns_at.push(None);
        Ok(number)
    }

    /// Enrols every van, each clock as wrong as the schedule has it.
    fn begin(&mut self, schedule: &Schedule) -> anyhow::Result<()> {
        for number in 1..=VANS {
            self.machines[number].clock = schedule.clock(&mut self.random);
            self.enrol(number)?;
        }
        if schedule.has(Act::Forge) {
            let number = self.add("x", Kind::Hostile)?;
            self.enrol(number)?;
        }
        Ok(())
    }

    /// One van enrols, records one sitting, and everything is said.
    ///
    /// # Errors
    /// Something that must hold does not.
    pub fn smoke(&mut self) -> anyhow::Result<()> {
        self.enrol(1)?;
        self.record()?;
        self.machines.truncate(2);
        self.heal()?;
        self.judge()?;
        ensure!(self.model.edits() >= 2, "nothing was recorded");
        Ok(())
    }

    /// Does one act, then lets its effects out.
    fn act(&mut self, act: Act) -> anyhow::Result<()> {
        self.telling.say(self.at, || format!("{act:?}"));
        match act {
            Act::Record => self.record(),
            Act::Amend => self.amend(),
            Act::Attach => self.attach(),
            Act::Decide => self.decide(),
            Act::Correct => self.correct(),
            Act::MoveRegistry => self.move_registry(),
            Act::Coverage => self.coverage(),
            Act::Dark => self.dark(),
            Act::Cut => self.cut(),
            Act::CrashVan => self.crash_van(),
            Act::CrashHub => self.crash_hub(),
            Act::Stumble => self.stumble(),
            Act::Image => self.image(),
            Act::RestoreVan => self.restore_van(),
            Act::RestoreHub => self.restore_hub(),
            Act::Clone => self.clone_van(),
            Act::Revoke => self.revoke(),
            Act::TurnClock => self.turn_clock(),
            Act::Forge => self.forge(),
            Act::Stick => self.stick(),
            Act::Meet => self.meet(),
        }
    }

    /// Lets time pass up to `until`.
    ///
    /// # Errors
    /// The simulation itself fails.
    pub fn run_until(&mut self, until: u64) -> anyhow::Result<()> {
        let mut steps = 0_u64;
        while let Some(at) = self.next_at().filter(|at| *at <= until) {
            self.at = self.at.max(at);
            self.step()?;
            steps += 1;
            ensure!(steps < 2_000_000, "nothing comes to rest");
        }
        self.at = self.at.max(until);
        Ok(())
    }

    /// When the next thing happens.
    fn next_at(&self) -> Option<u64> {
        let timers =
            self.machines.iter().filter_map(|machine| Some(machine.replica.as_ref()?.poll_timeout()?.0));
        let dials = self.machines.iter().filter_map(|machine| machine.dials_at);
        let returns = self.returns_at.iter().copied().flatten();
        timers.chain(dials).chain(returns).chain(self.network.next_at()).min()
    }

    fn step(&mut self) -> anyhow::Result<()> {
        let at = self.at;
        for number in 0..self.machines.len() {
            if self.returns_at[number].is_some_and(|due| due <= at) {
                self.returns_at[number] = None;
                return self.start(number);
            }
            if self.machines[number].dials_at.is_some_and(|due| due <= at) {
                return self.dial(number);
            }
            let due = self.machines[number].replica.as_ref().and_then(shared::sync::Replica::poll_timeout);
            if due.is_some_and(|due| due.0 <= at) {
                return self.handle(number, Input::Timeout);
            }
        }
        if self.network.next_at().is_some_and(|due| due <= at)
            && let Some((connection, end, arrival)) = self.network.take()
        {
            return self.deliver(connection, end, arrival);
        }
        Ok(())
    }

    fn deliver(&mut self, number: u64, end: End, arrival: Arrival) -> anyhow::Result<()> {
        let machine = self.network.connection(number).machines[end.index()];
        self.telling.arrived(self.at, number, end, &arrival);
        if self.machines[machine].replica.is_none() {
            return Ok(());
        }
        let peer = PeerId(number);
        match arrival {
            Arrival::Opened => self.opened(number, end),
            Arrival::Bytes(channel, bytes) => {
                let forgets = machine == HUB && self.planted == Some(Planted::HubForgets);
                if forgets && self.telling.messages.is_multiple_of(FORGOTTEN_MESSAGES) {
                    self.machines[HUB].remember()?;
                }
                self.handle(machine, Input::Received { peer, channel, bytes })
            }
            Arrival::Gone(code) => {
                self.handle(machine, Input::Disconnected { peer })?;
                self.lost(machine, number, code);
                Ok(())
            }
        }
    }

    fn opened(&mut self, number: u64, end: End) -> anyhow::Result<()> {
        let connection = self.network.connection(number);
        let (machine, other) = (connection.machines[end.index()], connection.machines[end.other().index()]);
        let exporter = connection.exporter;
        let role = match end {
            End::Child => Role::Child,
            End::Parent => Role::Parent,
        };
        let key = match self.machines[other].replica.as_ref() {
            Some(replica) => replica.station().key.public(),
            // Nobody is there any more; the end will learn of it.
            None => return Ok(()),
        };
        if let Some(replica) = self.machines[machine].replica.as_mut().filter(|_| role == Role::Child) {
            // As a laptop does while it dials.
            replica.prepare()?;
        }
        self.handle(machine, Input::Connected { peer: PeerId(number), role, key, exporter })
    }

    /// Gives a machine an input and does what it wants done.
    ///
    /// # Errors
    /// A machine that crashes does not start again.
    pub(crate) fn handle(&mut self, number: usize, input: Input) -> anyhow::Result<()> {
        let now = self.machines[number].now(self.at);
        if let Some(replica) = self.machines[number].replica.as_mut() {
            replica.handle(now, input);
        }
        self.drain(number)
    }

    /// Does what a machine wants done.
    fn drain(&mut self, number: usize) -> anyhow::Result<()> {
        loop {
            if let Some((stumbler, left)) = self.stumbles
                && stumbler == number
            {
                if left == 0 {
                    self.stumbles = None;
                    return self.crash(number);
                }
                self.stumbles = Some((stumbler, left - 1));
            }
            let Some(replica) = self.machines[number].replica.as_mut() else { return Ok(()) };
            let Some(output) = replica.poll_output() else { return Ok(()) };
            self.put_out(number, output)?;
        }
    }

    fn put_out(&mut self, number: usize, output: Output) -> anyhow::Result<()> {
        let from = if number == HUB { End::Parent } else { End::Child };
        match output {
            Output::Send { peer, channel, bytes } => {
                let bytes = match self.machines[number].kind {
                    Kind::Hostile => self.spoil(channel, bytes),
                    Kind::Hub | Kind::Van => bytes,
                };
                self.telling.sent(self.at, peer.0, from, channel, &bytes);
                self.network.send(self.at, peer.0, from, channel, &bytes, &mut self.random);
                Ok(())
            }
            Output::Close { peer, code, reason } => {
                self.telling.say(self.at, || {
                    format!("{} closes {}: {code:?}, {reason}", self.machines[number].name, peer.0)
                });
                self.check_close(number, peer, code, &reason)?;
                self.network.close(self.at, peer.0, from, code);
                self.lost(number, peer.0, None);
                Ok(())
            }
            Output::Event(event) => self.note(number, &event),
        }
    }

    /// Honest machines never break the protocol against one another.
    fn check_close(&self, number: usize, peer: PeerId, code: CloseCode, reason: &str) -> anyhow::Result<()> {
        let machines = self.network.connection(peer.0).machines;
        let honest = machines.iter().all(|machine| self.machines[*machine].kind != Kind::Hostile);
        let wrong = matches!(code, CloseCode::Protocol | CloseCode::Limit | CloseCode::Internal)
            // Whoever dialled may have died before the first word.
            && reason != "the first words did not come in time";
        ensure!(!(honest && wrong), "{} closes {code:?}: {reason}", self.machines[number].name);
        Ok(())
    }

    fn note(&mut self, number: usize, event: &Event) -> anyhow::Result<()> {
        self.telling.event(self.at, &self.machines[number].name, event);
        match event {
            Event::Carried { peer, left: 0, .. } => {
                let machine = &mut self.machines[number];
                if machine.is_settled && machine.connection == Some(peer.0) && !machine.stays {
                    machine.running()?.bye(*peer);
                }
            }
            Event::Settled { peer, files, .. } => {
                let machine = &mut self.machines[number];
                machine.is_settled = machine.connection == Some(peer.0);
                if machine.is_settled && !machine.stays && *files == 0 {
                    machine.running()?.bye(*peer);
                }
            }
            Event::Enrolled { .. } => {
                let machine = &mut self.machines[number];
                machine.device = machine.running()?.station().device();
            }
            Event::Linked { .. }
            | Event::Carried { .. }
            | Event::Progress { .. }
            | Event::GoAway { .. }
            | Event::Rewound { .. }
            | Event::AnotherLife { .. }
            | Event::HubRewound { .. }
            | Event::Quarantined { .. } => {}
        }
        Ok(())
    }
}
