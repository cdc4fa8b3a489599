//! Many vans at once against one hub: how fast what they bring is durable, and what a van costs in memory.
//!
//! Vans are laptops' replicas with stores of their own, enrolled before, each with a day recorded in the villages
//! of its own unit. A record is a case with its share of people and visits: what one line of `record --file` makes.

mod vans;
mod wire;

use std::{collections::BTreeMap, fs, io, path::Path, time::Instant};

use anyhow::{Context as _, ensure};
use hub_server::hub::{Hub, spare};
use shared::{
    store::{Store, read_model},
    sync::{Channel, Input, Output, PeerId, Replica, Role},
    time::{Now, Tick},
    wire::{Frame, frame::FrameReader},
};
use tempfile::TempDir;
use van_agent::host::{
    home::Home,
    machine::{self, Clock},
    owner::Owned,
};

use self::vans::{EXPORTER, Fleet, Said};
use super::{Figure, Kind, Scale};
use crate::process::Program;

/// How many vans come, with how much.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Vans.
    pub vans: usize,
    /// Cases of each.
    pub cases: usize,
}

/// What of a fleet may be measured alone.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The hub's core in this process.
    Core,
    /// The hub's program over QUIC.
    Wire,
}

/// Records a second, durable and receipted: of the core alone, and with the read model.
const CORE_GOAL: f64 = 30_000.0;
const FOLLOWED_GOAL: f64 = 15_000.0;
/// Bytes of the hub's memory for a van, where so many come.
const VANS_OF_GOAL: usize = 500;
const VAN_BYTES_GOAL: f64 = 256.0 * 1_024.0;
/// Vans whose batches lie ready before the hub is told that time has passed, as with its owner's thread.
const GATHERED: usize = 16;

/// Cases of each van.
const CASES: usize = 300;

/// Measures the hub against a fleet.
///
/// # Errors
/// A disk fails, or a program.
pub fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let extent = Extent { vans: scale.vans, cases: CASES };
    // Built now where that is due, not in the midst.
    drop(Program::Hub.path());
    let folder = tempfile::tempdir().context("make a folder for the homes")?;
    let laptops = laptops_folder().context("make a folder for the laptops' stores")?;
    eprintln!("fleet: {} vans record {} cases each", extent.vans, extent.cases);
    let mut fleet = Fleet::make(folder.path().join("hub"), laptops.path(), extent)?;
    let mut figures = Vec::new();
    if scale.stage.is_none_or(|stage| stage == Stage::Core) {
        figures.extend(core(folder.path(), &mut fleet)?);
    }
    if scale.stage.is_none_or(|stage| stage == Stage::Wire) {
        eprintln!("fleet: the hub's program over QUIC");
        figures.extend(wire::measure(&folder.path().join("wire"), fleet)?);
    }
    let name = |name: &str| format!("{} vans, {} cases each: {name}", extent.vans, extent.cases);
    Ok(figures.into_iter().map(|figure| Figure { name: name(&figure.name), ..figure }).collect())
}

/// What the hub's core makes of it in this process.
fn core(folder: &Path, fleet: &mut Fleet) -> anyhow::Result<Vec<Figure>> {
    let said = fleet.greet()?;
    let (records, changes) = (fleet.cases() as f64, fleet.changes() as f64);
    let rate = |what: &str, value: f64| Figure::new(what, value, "/s", Kind::Count);
    eprintln!("fleet: the core alone");
    let alone = alone(&folder.join("alone"), fleet, &said)?;
    eprintln!("fleet: the core, its read model, feeds and twins");
    let Followed { rows, told, words } = followed(&folder.join("followed"), fleet, &said)?;
    Ok(vec![
        rate("core alone, records receipted", records / alone.seconds).at_least(CORE_GOAL),
        rate("core alone, changes receipted", changes / alone.seconds),
        rate("core alone, changes by processor time", changes / alone.processor),
        rate("core with its read model, records", records / rows.seconds).at_least(FOLLOWED_GOAL),
        rate("core with its read model, changes by processor time", changes / rows.processor),
        rate("with feeds and twins too, records", records / told.seconds),
        rate("with feeds and twins too, changes by processor time", changes / told.processor),
        rate("with full text too, records", records / words.seconds),
        rate("with full text too, changes by processor time", changes / words.processor),
    ])
}

/// A folder in memory, where the system has one: laptops have a disk each, and one disk for all of them and the hub
/// would be what is measured.
fn laptops_folder() -> io::Result<TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// What a stretch of work took.
struct Taken {
    seconds: f64,
    /// Seconds of the processor's time, which other work on the machine does not lengthen much.
    processor: f64,
}

/// When a stretch of work began.
struct Stretch(Instant, f64);

impl Stretch {
    fn begin() -> Self {
        Self(Instant::now(), processor_seconds())
    }

    fn end(&self) -> Taken {
        Taken { seconds: self.0.elapsed().as_secs_f64(), processor: processor_seconds() - self.1 }
    }
}

/// Seconds of the processor's time that this process has used, to a hundredth; 0 where the system does not tell.
fn processor_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}

/// Hands what the vans say first to a hub in this process; what that takes from the first batch to the last receipt.
fn alone(home: &Path, fleet: &Fleet, said: &[Said]) -> anyhow::Result<Taken> {
    copy_home(&fleet.hub_home, home)?;
    let mut store = Store::open(&Home::database_in(home))?;
    store.widen()?;
    spare::lend(&mut store);
    let mut replica = Bare(Replica::open(store, Box::new(machine::entropy))?);
    let mut table = Table::lay(&mut replica, said)?;
    // No time passes in which the read model would be due.
    table.stands_at = Some(table.clock.now());
    let stretch = Stretch::begin();
    table.serve()?;
    let taken = stretch.end();
    ensure!(fleet.is_whole_in(replica.0.store().reader())?, "the hub lacks what it receipted");
    Ok(taken)
}

/// What a hub took from the first batch.
struct Followed {
    /// Until everything is receipted and every row of the read model up to date.
    rows: Taken,
    /// Until every feed is written and every twin linked, too.
    told: Taken,
    /// Until the full text is up to date, too.
    words: Taken,
}

/// The same of a whole hub, with what follows its receipts.
fn followed(home: &Path, fleet: &Fleet, said: &[Said]) -> anyhow::Result<Followed> {
    copy_home(&fleet.hub_home, home)?;
    let mut hub = Hub::open(&Home::open(home)?)?;
    let mut table = Table::lay(&mut hub, said)?;
    let stretch = Stretch::begin();
    table.serve()?;
    table.settle(|hub| !hub.replica().is_behind());
    let rows = stretch.end();
    let tx = table.hub.replica().store().reader();
    ensure!(!read_model::are_rows_stale(tx)?, "the read model is behind");
    ensure!(read_model::case_count(tx)? == fleet.cases(), "the read model lacks cases");
    table.settle(Hub::is_text_alone_due);
    let told = stretch.end();
    table.settle(|_| false);
    let words = stretch.end();
    ensure!(!read_model::is_stale(hub.replica().store().reader())?, "the full text is behind");
    Ok(Followed { rows, told, words })
}

/// A replica without a hub's other work.
struct Bare(Replica);

impl Owned for Bare {
    fn handle(&mut self, now: Now, input: Input) {
        self.0.handle(now, input);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.0.poll_output()
    }

    fn poll_timeout(&self) -> Option<Tick> {
        self.0.poll_timeout()
    }

    fn call(&mut self, _: Now, _: van_agent::host::control::Call) {}
}

/// A hub, the vans before it, and the receipts that it has given.
struct Table<'a, O> {
    hub: &'a mut O,
    clock: Clock,
    /// Where the time does not pass.
    stands_at: Option<Now>,
    batches: Vec<(PeerId, Vec<Vec<u8>>)>,
    control: BTreeMap<PeerId, FrameReader>,
    waiting: usize,
}

impl<'a, O: Owned> Table<'a, O> {
    /// All vans have greeted; what they bring lies ready.
    fn lay(hub: &'a mut O, said: &[Said]) -> anyhow::Result<Self> {
        let clock = Clock::start();
        let mut table = Self {
            hub,
            clock,
            stands_at: None,
            batches: Vec::new(),
            control: BTreeMap::new(),
            waiting: said.len(),
        };
        for (number, said) in said.iter().enumerate() {
            let peer = PeerId(number as u64);
            let connected = Input::Connected { peer, role: Role::Parent, key: said.key, exporter: EXPORTER };
            table.hub.handle(clock.now(), connected);
            table.control.insert(peer, FrameReader::default());
            for bytes in said.control.clone() {
                table.hub.handle(clock.now(), Input::Received { peer, channel: Channel::Control, bytes });
            }
            table.batches.push((peer, said.batches.clone()));
        }
        table.settle(|_| false);
        table.drain()?;
        Ok(table)
    }

    /// Hands over every batch; returns once every receipt is out.
    fn serve(&mut self) -> anyhow::Result<()> {
        let batches = std::mem::take(&mut self.batches);
        for (number, (peer, parts)) in batches.into_iter().enumerate() {
            for bytes in parts {
                let received = Input::Received { peer, channel: Channel::Batch, bytes };
                self.hub.handle(self.now(), received);
                self.drain()?;
            }
            if number % GATHERED == GATHERED - 1 {
                self.pass()?;
            }
        }
        while self.waiting > 0 {
            ensure!(self.pass()?, "{} vans have no receipt", self.waiting);
        }
        Ok(())
    }

    fn now(&self) -> Now {
        self.stands_at.unwrap_or_else(|| self.clock.now())
    }

    /// Lets due time pass; whether any was due.
    fn pass(&mut self) -> anyhow::Result<bool> {
        let now = self.now();
        let is_due = self.hub.poll_timeout().is_some_and(|due| due <= now.tick);
        if is_due {
            self.hub.handle(now, Input::Timeout);
            self.drain()?;
        }
        Ok(is_due)
    }

    /// Lets time pass until nothing is due any more, or `enough` is done.
    fn settle(&mut self, enough: impl Fn(&O) -> bool) {
        let mut now = self.clock.now();
        while let Some(due) = self.hub.poll_timeout().filter(|_| !enough(self.hub)) {
            now.tick = now.tick.max(due);
            self.hub.handle(now, Input::Timeout);
            while self.hub.poll_output().is_some() {}
        }
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Send { peer, channel: Channel::Control, bytes } => {
                    let reader = self.control.get_mut(&peer).context("a van")?;
                    reader.push(&bytes);
                    while let Some(frame) = reader.poll()? {
                        if matches!(frame, Frame::Receipt(_)) {
                            self.waiting = self.waiting.checked_sub(1).context("more receipts than vans")?;
                        }
                    }
                }
                Output::Close { reason, .. } => anyhow::bail!("the hub hung up: {reason}"),
                Output::Send { .. } | Output::Event(_) => {}
            }
        }
        Ok(())
    }
}

/// Copies the files of a home whose programs have ended.
fn copy_home(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        if file.file_type()?.is_file() {
            fs::copy(file.path(), to.join(file.file_name()))?;
        }
    }
    Ok(())
}
