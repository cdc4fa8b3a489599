//! The holder of the hub's store: takes what laptops send and answers what commands and pages ask, on one
//! thread.

mod backup;
mod bundles;
mod cases;
mod devices;
mod dictionaries;
mod doctor;
mod leases;
mod quarantine;
mod seals;
pub mod spare;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use self::{backup::private_file, bundles::pass_on};
pub use self::{
    doctor::Findings,
    status::{DeviceStatus, Status},
};

use std::{net::SocketAddr, path::Path};

use serde_json::{Value, json};
use shared::{
    desk::survey,
    id::DistrictCode,
    identity::ticket::{Address, HUB_NAME_CHARACTERS_MAX},
    registry::{Kind, Table},
    store::{self, Store, StoreError},
    sync::{Channel, Event, Input, Output, Replica, replica::ReplicaError, station::Station},
    time::{Now, Tick, Zone},
};
use van_agent::host::{
    cases::tell_found,
    control::Call,
    home::Home,
    machine,
    output::{Failure, failure_of},
    owner::Owned,
    slips,
};

use crate::{
    registries,
    request::Request,
    seed::{SeedWarning, seed_tables},
    twins,
};

/// How long the hub gathers new persons before it looks for twins, in milliseconds.
const TWINS_MILLISECONDS: u64 = 500;
/// The fact that tells on which machine the store was last opened.
const MACHINE: &str = "machine";

/// The hub's store and what runs over it.
#[derive(Debug)]
pub struct Hub {
    replica: Replica,
    /// Where laptops reach this process, while it listens.
    bound: Option<SocketAddr>,
    twins: twins::Watch,
    twins_due: Option<Tick>,
}

/// What a new hub is made of.
#[derive(Debug)]
pub struct Setup {
    /// Its district.
    pub district: DistrictCode,
    /// What it calls itself.
    pub name: Option<String>,
    /// Where it is reached.
    pub addresses: Vec<Address>,
}

impl Hub {
    /// Sets up a hub at `home`: whole, or not at all.
    ///
    /// # Errors
    /// Something is set up there already, or the disk fails.
    pub fn create(home: &Home, setup: &Setup) -> anyhow::Result<Vec<SeedWarning>> {
        let path = home.database();
        if path.exists() {
            return Err(taken(&path));
        }
        let fresh = home.folder().join("keliling.new");
        remove_store(&fresh)?;
        private_file(&fresh)?;
        let warnings = fill(&fresh, setup)?;
        std::fs::rename(&fresh, &path)?;
        sync_folder(home.folder())?;
        Ok(warnings)
    }

    /// Opens the hub at `home`, whose lock the caller holds.
    ///
    /// # Errors
    /// Nothing, or no hub, is set up there; the store cannot be opened.
    pub fn open(home: &Home) -> anyhow::Result<Self> {
        let path = home.database();
        if !path.exists() {
            return Err(nothing_here(home.folder()));
        }
        let mut store = Store::open(&path)?;
        store.widen()?;
        spare::lend(&mut store);
        let mut replica = match Replica::open(store, Box::new(machine::entropy)) {
            Err(ReplicaError::Empty) => return Err(nothing_here(home.folder())),
            opened => opened?,
        };
        if !replica.station().hub {
            return Err(no_hub(home.folder()));
        }
        notice_a_move(&mut replica)?;
        let twins = twins::Watch::resume(replica.store().reader())?;
        Ok(Self { replica, bound: None, twins, twins_due: Some(Tick(0)) })
    }

    /// The replica.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// The replica, to be driven.
    pub fn replica_mut(&mut self) -> &mut Replica {
        &mut self.replica
    }

    /// Whether nothing but the full text is left to be done.
    pub fn is_text_alone_due(&self) -> bool {
        self.twins_due.is_none() && self.replica.is_text_alone_due()
    }

    /// Tells where laptops reach this process.
    pub fn set_bound(&mut self, bound: SocketAddr) {
        self.bound = Some(bound);
    }

    /// Where laptops reach the hub, best first: as advertised, or else where it listens.
    pub fn reached_at(&self) -> Vec<Address> {
        let advertised = registries::advertised(&self.replica);
        let bound = self.bound.filter(|bound| !bound.ip().is_unspecified());
        if advertised.is_empty() { bound.map(Address::from).into_iter().collect() } else { advertised }
    }

    /// Minutes by which the district's time is ahead of UTC.
    pub fn offset_minutes(&self) -> i16 {
        let place = self.replica.station().place.as_ref();
        place.map_or(0, |place| Zone::of(&place.district).offset_minutes())
    }

    /// Answers `request`; the rows of a list go to `tell`, which says whether anybody still listens.
    ///
    /// # Errors
    /// What was asked is not there or not allowed, or the store fails.
    pub fn answer(
        &mut self,
        now: Now,
        request: &Request,
        tell: &mut dyn FnMut(Value) -> bool,
    ) -> anyhow::Result<Value> {
        match request {
            Request::Invite { unit } => self.invite(now, unit),
            Request::Devices => self.tell_devices(tell),
            Request::Stand { device, standing } => self.stand(now, device, *standing),
            Request::Status => Ok(serde_json::to_value(self.status()?)?),
            Request::CaseList { limit } => self.tell_cases(*limit, tell),
            Request::CaseShow { case } => self.show_case(case),
            Request::Amend { case, amendment } => self.amend(now, case, amendment),
            Request::Questions { all } => self.tell_questions(*all, tell),
            Request::Answer { case, words } => self.answer_question(now, case, words),
            Request::HandOver { order, cases } => self.hand_over(now, order, cases),
            Request::Manifest { unit } => self.tell_manifest(unit, tell),
            Request::CaseExport { case, automerge } => self.export(case, *automerge),
            Request::CaseAttachment { case, attachment, out, thumbnail } => {
                self.write_attachment(case, attachment, out, *thumbnail)
            }
            Request::Find { text, limit } => Ok(tell_found(self.replica.read()?, text, *limit, tell)?),
            Request::Persons { text, limit } => self.tell_persons(text, *limit, tell),
            Request::Judge { one, other, same, reason } => self.judge(now, one, other, *same, reason),
            Request::SealAdd { typed } => self.add_seal(now, typed),
            Request::Seals => self.tell_seals(tell),
            Request::SlipVerify { typed, name } => {
                self.replica.read()?;
                let (station, registries) = (self.replica.station(), self.replica.registries());
                let tx = self.replica.store().reader();
                Ok(slips::verify(tx, station, registries, typed, name.as_deref())?)
            }
            Request::DictionaryAdd { file } => self.add_dictionary(now, file),
            Request::Dictionaries => self.tell_dictionaries(tell),
            Request::BundleImport { file } => self.import_bundle(now, file),
            Request::BundleExport { unit, file } => self.export_bundle(now, unit.as_ref(), file),
            Request::LeaseGrant { unit, laptop, kind, from, to, until } => {
                let wanted =
                    leases::Wanted { unit, laptop: laptop.as_deref(), kind, until: until.as_deref() };
                self.grant(now, &wanted, from, to)
            }
            Request::Leases => self.tell_leases(now, tell),
            Request::LeaseVoid { lease, reason } => self.void_lease(now, lease, reason),
            Request::Blanks => self.tell_blanks(tell),
            Request::Survey => {
                let tx = self.replica.read()?;
                for answers in survey::by_visit(tx)?.into_iter().chain(survey::by_unit(tx)?) {
                    tell(json!(answers));
                }
                Ok(Value::Null)
            }
            Request::Quarantine => self.tell_held(tell),
            Request::Held { id } => self.held(id),
            Request::Release { what } => self.release(now, what),
            Request::Registries => {
                for (version, table) in self.replica.registries().tables() {
                    tell(json!({ "kind": table.kind().as_str(), "rows": table.len(), "version": version }));
                }
                Ok(Value::Null)
            }
            Request::Import { kind, file, replace } => {
                registries::take_in(&mut self.replica, now, kind, file, *replace)
            }
            Request::Doctor { rebuild } => Ok(serde_json::to_value(self.examine(now, *rebuild)?)?),
            Request::Backup { file } => self.backup(now, file),
        }
    }

    fn link_twins(&mut self, now: Now) {
        if let Err(error) = self.twins.link(&mut self.replica, now) {
            tracing::warn!(error = format!("{error:#}"), "link the documents of one person");
        }
    }
}

impl Owned for Hub {
    fn handle(&mut self, now: Now, input: Input) {
        let brings = matches!(input, Input::Received { channel: Channel::Batch, .. });
        if matches!(input, Input::Timeout) && self.twins_due.is_some_and(|due| due <= now.tick) {
            self.twins_due = None;
            if self.replica.is_behind() {
                // Looking for twins would wait for the whole read model, and vans for that.
                self.twins_due = Some(now.tick.after(TWINS_MILLISECONDS));
            } else {
                self.link_twins(now);
                if let Err(error) = self.twins.keep(&mut self.replica) {
                    tracing::debug!(%error, "keep how far twins were looked for");
                }
            }
        }
        if matches!(input, Input::Timeout) && self.replica.is_about_to_tell(now) {
            // So that who brought a twin hears of it at once.
            self.link_twins(now);
        }
        self.replica.handle(now, input);
        if brings && self.twins_due.is_none() {
            self.twins_due = Some(now.tick.after(TWINS_MILLISECONDS));
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.replica.poll_output()
    }

    fn poll_timeout(&self) -> Option<Tick> {
        self.replica.poll_timeout().into_iter().chain(self.twins_due).min()
    }

    fn call(&mut self, now: Now, call: Call) {
        let Call { request, mut reply } = call;
        let request: Request = match serde_json::from_value(request) {
            Ok(request) => request,
            Err(_) => {
                let failure = Failure::new("the hub that is running does not know this command")
                    .next("restart it with the same version of the program");
                return reply.fail(failure);
            }
        };
        let answered = self.answer(now, &request, &mut |row| reply.event(row));
        match answered {
            Ok(value) => reply.done(value),
            Err(error) => reply.fail(failure_of(&error)),
        }
    }
}

/// Tells the operator's log what the core tells.
pub fn log_event(event: Event) {
    match event {
        Event::Linked { device, .. } => tracing::info!(device = device.0, "linked"),
        Event::Quarantined { device, rule } => {
            tracing::warn!(device = device.0, rule, "put into quarantine");
        }
        Event::AnotherLife { device, forked } => {
            tracing::warn!(
                device = device.0,
                forked,
                "a laptop's disk went back in time: it begins another life"
            );
        }
        Event::HubRewound { device, at } => {
            tracing::warn!(device = device.0, at = at.0, "went back in time: began another life");
        }
        Event::Progress { received, .. } => tracing::debug!(received, "took changes in"),
        Event::Enrolled { .. }
        | Event::Carried { .. }
        | Event::Settled { .. }
        | Event::GoAway { .. }
        | Event::Rewound { .. } => {}
    }
}

/// Makes a hub's whole store at `path`.
fn fill(path: &Path, setup: &Setup) -> anyhow::Result<Vec<SeedWarning>> {
    let seed = seed_tables(&setup.district);
    let name = match &setup.name {
        Some(name) if !(1..=HUB_NAME_CHARACTERS_MAX).contains(&name.trim().chars().count()) => {
            return Err(
                Failure::usage(format!("a name has 1 to {HUB_NAME_CHARACTERS_MAX} characters")).into()
            );
        }
        Some(name) => name.trim().to_owned(),
        None => name_of(&setup.district, &seed.tables),
    };
    let store = Store::open(path)?;
    let mut replica = Replica::create_hub(store, Box::new(machine::entropy), setup.district.clone(), name)?;
    let mut tables = seed.tables;
    tables.push(Table::new(Kind::Units));
    tables.push(Table::new(Kind::Officers));
    tables.push(registries::addresses(&setup.addresses));
    replica.keep(|tx, station| {
        for table in &tables {
            registries::put(tx, station, table)?;
        }
        keep_machine(tx)
    })?;
    replica.store().checkpoint()?;
    Ok(seed.warnings)
}

/// The district's name as its villages have it, or its code.
fn name_of(district: &DistrictCode, tables: &[Table]) -> String {
    let villages = tables.iter().filter(|table| table.kind() == &Kind::Villages);
    let rows = villages.flat_map(|table| table.iter().map(|(_, row)| row));
    let name = rows.take(1).find_map(|row| {
        let row: Value = serde_json::from_str(row).ok()?;
        row["regency"].as_str().map(str::to_owned)
    });
    let name = name.unwrap_or_else(|| format!("District {district}"));
    name.chars().take(HUB_NAME_CHARACTERS_MAX).collect()
}

/// Begins another life where the database was copied from another machine.
fn notice_a_move(replica: &mut Replica) -> anyhow::Result<()> {
    let Some(here) = machine::fingerprint() else { return Ok(()) };
    match store::fact(replica.store().reader(), MACHINE)? {
        Some(kept) if kept == here => return Ok(()),
        Some(_) => {
            tracing::warn!("the database came from another machine: it begins another life");
            replica.begin_life()?;
        }
        None => {}
    }
    Ok(replica.keep(|tx, _| keep_machine(tx))?)
}

/// Keeps which machine the store is on.
pub(crate) fn keep_machine(tx: store::Tx<'_>) -> Result<(), StoreError> {
    match machine::fingerprint() {
        Some(here) => store::set_fact(tx, MACHINE, &here),
        None => Ok(()),
    }
}

/// Removes the files of a store that was left unfinished.
pub(crate) fn remove_store(path: &Path) -> std::io::Result<()> {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match std::fs::remove_file(name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Makes what was renamed in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// There is no hub in `folder`.
pub(crate) fn nothing_here(folder: &Path) -> anyhow::Error {
    Failure::new(format!("no hub is set up in {}", folder.display()))
        .next("set one up with `hub-server init --district CODE`, or name its folder with --home")
        .into()
}

fn no_hub(folder: &Path) -> anyhow::Error {
    Failure::new(format!("{} belongs to a laptop, not to a hub", folder.display()))
        .next("name the hub's folder with --home")
        .into()
}

fn taken(path: &Path) -> anyhow::Error {
    let place = Store::open(path).ok().and_then(|store| Station::load(store.reader()).ok().flatten());
    let whose = match place.and_then(|station| station.hub.then_some(station.place).flatten()) {
        Some(place) => format!("the hub of district {} ({})", place.district, place.hub_name),
        None => "another database".to_owned(),
    };
    let folder = path.parent().unwrap_or(path);
    Failure::new(format!("{} already holds {whose}", folder.display()))
        .next("choose another folder with --home; nothing was changed")
        .into()
}
