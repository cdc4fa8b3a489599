//! The fleet: a hub that knows it, and vans that have recorded a day each.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use hub_server::{
    hub::{Hub, Setup},
    registries,
};
use shared::{
    id::{PublicKey, UnitId, VillageCode},
    identity::ticket::{Secret, Ticket},
    registry::{Table, row},
    store::{Store, Tx, changes, log},
    sync::{Channel, Event, Input, Output, PeerId, Replica, Role, enrolment},
    time::Now,
    wire::batch::LogName,
};
use van_agent::{
    host::{home::Home, machine, machine::Clock},
    record::save,
    request::RawLine,
};

use super::Extent;
use crate::people::{self, Order, Region};

/// What TLS would have given either side.
pub(super) const EXPORTER: [u8; 32] = [9; 32];
const DISTRICT: &str = "53.02";
const DAY: &str = "2026-11-20";
/// After so many vans it is said how many there are.
const PROGRESS_VANS: usize = 50;

/// Vans, and the home of the hub that they belong to.
pub(super) struct Fleet {
    pub(super) hub_home: PathBuf,
    pub(super) hub_key: PublicKey,
    pub(super) vans: Vec<Van>,
}

/// One van.
pub(super) struct Van {
    pub(super) replica: Replica,
    /// Its log, and how many changes stand in it.
    pub(super) log: LogName,
    pub(super) changes: u64,
    cases: u64,
}

/// What a van says first on a connection.
pub(super) struct Said {
    pub(super) key: PublicKey,
    pub(super) control: Vec<Vec<u8>>,
    pub(super) batches: Vec<Vec<u8>>,
}

impl Fleet {
    /// Sets up a hub at `hub_home`, enrols the vans, whose stores lie in `folder`, and has each record its day.
    pub(super) fn make(hub_home: PathBuf, folder: &Path, extent: Extent) -> anyhow::Result<Self> {
        let region = Region::shipped(DISTRICT)?;
        let units = units(&region, extent.vans)?;
        let mut hub = hub(&hub_home, &units)?;
        let hub_key = hub.replica().station().key.public();
        let mut vans = Vec::new();
        for (number, unit) in units.iter().enumerate() {
            let store = Store::open(&folder.join(format!("{}.db", unit.unit)))?;
            let mut replica = Replica::open_laptop(store, Box::new(machine::entropy))?;
            enrol(hub.replica_mut(), &mut replica, &unit.unit, number)?;
            record(&mut replica, &region, unit, extent.cases)?;
            vans.push(Van::of(replica, extent.cases)?);
            if vans.len().is_multiple_of(PROGRESS_VANS) {
                eprintln!("fleet: {} vans have recorded", vans.len());
            }
        }
        hub.replica().store().checkpoint()?;
        Ok(Self { hub_home, hub_key, vans })
    }

    /// What each van says first on a connection that nobody answers.
    pub(super) fn greet(&mut self) -> anyhow::Result<Vec<Said>> {
        let (now, peer) = (Clock::start().now(), PeerId(0));
        let mut all = Vec::new();
        for van in &mut self.vans {
            let key = van.replica.station().key.public();
            let mut said = Said { key, control: Vec::new(), batches: Vec::new() };
            let dialled = Input::Connected { peer, role: Role::Child, key: self.hub_key, exporter: EXPORTER };
            van.replica.handle(now, dialled);
            while let Some(output) = van.replica.poll_output() {
                match output {
                    Output::Send { channel: Channel::Control, bytes, .. } => said.control.push(bytes),
                    Output::Send { bytes, .. } => said.batches.push(bytes),
                    Output::Close { reason, .. } => anyhow::bail!("a van hung up: {reason}"),
                    Output::Event(_) => {}
                }
            }
            van.replica.handle(now, Input::Disconnected { peer });
            ensure!(!said.batches.is_empty(), "a van sends nothing unasked");
            all.push(said);
        }
        Ok(all)
    }

    /// Changes of all vans.
    pub(super) fn changes(&self) -> u64 {
        self.vans.iter().map(|van| van.changes).sum()
    }

    /// Cases of all vans.
    pub(super) fn cases(&self) -> u64 {
        self.vans.iter().map(|van| van.cases).sum()
    }

    /// Whether a hub's store holds all that the vans have.
    pub(super) fn is_whole_in(&self, tx: Tx<'_>) -> anyhow::Result<bool> {
        let mut held = 0;
        for Van { log, .. } in &self.vans {
            let end = log::find(tx, log)?.map_or(0, |log| log.head.index);
            held += changes::count_between(tx, log.author, log.epoch, 0, end)?;
        }
        Ok(held == self.changes())
    }
}

impl Van {
    fn of(replica: Replica, cases: usize) -> anyhow::Result<Self> {
        let name = replica.station().log();
        let tx = replica.store().reader();
        let end = log::find(tx, &name)?.context("a log")?.head.index;
        let changes = changes::count_between(tx, name.author, name.epoch, 0, end)?;
        Ok(Self { replica, log: name, changes, cases: cases as u64 })
    }
}

/// Units with a village each, of which there are fewer.
fn units(region: &Region, count: usize) -> anyhow::Result<Vec<row::Unit>> {
    let unit = |number: usize| {
        let unit: UnitId = format!("V{number:03}").parse()?;
        let village: VillageCode = region.villages[number % region.villages.len()].code.parse()?;
        Ok(row::Unit { name: unit.to_string(), unit, kind: row::UnitKind::Van, villages: vec![village] })
    };
    (1..=count).map(unit).collect()
}

fn hub(home: &Path, units: &[row::Unit]) -> anyhow::Result<Hub> {
    let home = Home::open(home)?;
    let addresses = vec!["127.0.0.1:9".parse()?];
    Hub::create(&home, &Setup { district: DISTRICT.parse()?, name: None, addresses })?;
    let mut hub = Hub::open(&home)?;
    let table = Table::of(units.to_vec())?;
    hub.replica_mut().keep(|tx, station| registries::put(tx, station, &table))?;
    hub.replica_mut().registries_changed(Clock::start().now())?;
    Ok(hub)
}

fn enrol(hub: &mut Replica, van: &mut Replica, unit: &UnitId, number: usize) -> anyhow::Result<()> {
    let now = Clock::start().now();
    let mut secret = [0; 16];
    secret[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    let secret = Secret(secret);
    let issued = hub.keep(|tx, _| enrolment::issue(tx, &secret, unit, now.wall))?;
    van.enrol(Ticket {
        addresses: Vec::new(),
        hub: hub.station().key.public(),
        hub_name: "SoE".to_owned(),
        secret,
        district: DISTRICT.parse()?,
        unit: unit.clone(),
        expires: issued.expires,
    });
    ensure!(exchange(hub, van, now)?, "{unit} does not come to an end with the hub");
    Ok(())
}

/// One exchange until nothing moves; whether the van settled.
fn exchange(hub: &mut Replica, van: &mut Replica, mut now: Now) -> anyhow::Result<bool> {
    let peer = PeerId(0);
    let (hub_key, van_key) = (hub.station().key.public(), van.station().key.public());
    hub.handle(now, Input::Connected { peer, role: Role::Parent, key: van_key, exporter: EXPORTER });
    van.handle(now, Input::Connected { peer, role: Role::Child, key: hub_key, exporter: EXPORTER });
    let mut settled = false;
    loop {
        let mut moved = false;
        for up in [true, false] {
            let (from, to) = if up { (&mut *van, &mut *hub) } else { (&mut *hub, &mut *van) };
            while let Some(output) = from.poll_output() {
                moved = true;
                match output {
                    Output::Send { channel, bytes, .. } => {
                        to.handle(now, Input::Received { peer, channel, bytes });
                    }
                    Output::Close { reason, .. } => anyhow::bail!("hung up: {reason}"),
                    Output::Event(event) => settled |= matches!(event, Event::Settled { .. }),
                }
            }
        }
        match hub.poll_timeout() {
            _ if moved => {}
            Some(due) if !settled => {
                now.tick = now.tick.max(due);
                hub.handle(now, Input::Timeout);
            }
            _ => break,
        }
    }
    hub.handle(now, Input::Disconnected { peer });
    van.handle(now, Input::Disconnected { peer });
    Ok(settled)
}

/// Records a day of the unit's villages.
fn record(van: &mut Replica, region: &Region, unit: &row::Unit, cases: usize) -> anyhow::Result<()> {
    let order = Order { seed: 1, cases, unit: unit.unit.to_string(), day: DAY.to_owned(), refs: false };
    let lines: Vec<_> = people::cases(region, &order)?
        .zip(1..)
        .map(|(mut case, line)| {
            case.village = unit.villages[0].to_string();
            RawLine { line, text: case.to_line() }
        })
        .collect();
    for group in lines.chunks(save::GROUP_LINES_MAX) {
        let reports = save::save(van, Clock::start().now(), group)?;
        let refused = reports.iter().find(|report| report.get("error").is_some());
        ensure!(refused.is_none(), "a line is refused: {refused:?}");
    }
    Ok(())
}
