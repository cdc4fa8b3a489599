//! How the hub is: laptops, cases, what is held, what waits.

use serde::{Deserialize, Serialize};
use shared::{
    document::Asked,
    id::{DeviceId, Epoch, PublicKey, UnitId},
    slip::DeviceLetter,
    store::{
        self, Tx, changes,
        devices::{self, Device, Standing},
        feeds, log, quarantine, read_model,
    },
    wire::batch::{LogName, Reader},
};

use super::Hub;

/// How the hub is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Its district.
    pub district: String,
    /// What it calls itself.
    pub name: String,
    /// The life of its database.
    pub epoch: Epoch,
    /// Where laptops reach it, best first.
    pub addresses: Vec<String>,
    /// Cases.
    pub cases: u64,
    /// Cases and persons that need a decision.
    pub conflicts: u64,
    /// Cases of which a question of an officer waits for an answer.
    pub questions: u64,
    /// Changes held in quarantine.
    pub quarantined: u64,
    /// Transmissions held as bytes.
    pub debris: u64,
    /// Changes that wait for a parent, a catalogue or a newer program.
    pub waiting: u64,
    /// Slip numbers that more than one case bears.
    pub doubled_slips: Vec<String>,
    /// When the last backup was made.
    pub backed_up: Option<String>,
    /// Laptops that are connected now.
    pub linked: usize,
    /// All laptops.
    pub devices: Vec<DeviceStatus>,
}

/// How one laptop stands with the hub.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// Its number.
    pub device: DeviceId,
    /// Its unit.
    pub unit: UnitId,
    /// Its newest letter in slip numbers.
    pub letter: Option<String>,
    /// active, suspended, revoked or lost.
    pub state: Standing,
    /// Whether it is connected now.
    pub linked: bool,
    /// When it was enrolled.
    pub enrolled: String,
    /// When it last said hello.
    pub last_contact: Option<String>,
    /// Entries of its log that the hub holds, over all its lives.
    pub held: u64,
    /// Entries of that log which are in a backup.
    pub backed_up_through: u64,
    /// Its changes that wait for something.
    pub waiting: u64,
    /// Changes at the hub that were not looked at for it yet.
    pub unsorted: u64,
    /// Entries of its feed that it has not confirmed.
    pub unconfirmed: u64,
    /// Lives of its database that the hub has met.
    pub lives: usize,
    /// Its public key.
    pub key: PublicKey,
}

impl Hub {
    /// Looks at all of it.
    ///
    /// # Errors
    /// The store fails.
    pub fn status(&mut self) -> store::Result<Status> {
        let offset = self.offset_minutes();
        let linked = self.replica.linked();
        let addresses = self.reached_at().iter().map(ToString::to_string).collect();
        let epoch = self.replica.station().epoch;
        let place = self.replica.station().place.clone().expect("a hub has its place");
        let tx = self.replica.read()?;
        let mut rows = Vec::new();
        for device in devices::all(tx)? {
            let is_linked = linked.contains(&device.device);
            rows.push(device_status(tx, &device, epoch, is_linked, offset)?);
        }
        Ok(Status {
            district: place.district.to_string(),
            name: place.hub_name,
            epoch,
            addresses,
            cases: read_model::case_count(tx)?,
            conflicts: read_model::conflict_count(tx)?,
            questions: read_model::asked_count(tx, Asked::Open)?,
            quarantined: quarantine::count(tx)?,
            debris: quarantine::debris(tx)?.len() as u64,
            waiting: rows.iter().map(|row| row.waiting).sum(),
            doubled_slips: read_model::doubled_slips(tx)?,
            backed_up: super::backup::last(tx)?.map(|at| at.to_rfc3339(offset)),
            linked: linked.len(),
            devices: rows,
        })
    }
}

fn device_status(
    tx: Tx<'_>,
    device: &Device,
    hub: Epoch,
    linked: bool,
    offset: i16,
) -> store::Result<DeviceStatus> {
    let lives = devices::letters(tx, device.device)?;
    let newest = lives.last().copied();
    let mut status = DeviceStatus {
        device: device.device,
        unit: device.unit.clone(),
        letter: newest.map(|(ordinal, _)| DeviceLetter::nth(ordinal).as_str().to_owned()),
        state: device.standing,
        linked,
        enrolled: device.enrolled.to_rfc3339(offset),
        last_contact: device.seen.map(|at| at.to_rfc3339(offset)),
        held: 0,
        backed_up_through: 0,
        waiting: changes::waiting_count(tx, device.device)?,
        unsorted: changes::newest_arrival(tx)?,
        unconfirmed: 0,
        lives: lives.len(),
        key: device.key,
    };
    for (_, epoch) in &lives {
        let name = LogName { author: device.device, epoch: *epoch, reader: None };
        status.held += log::find(tx, &name)?.map_or(0, |log| log.head.index);
    }
    let Some((_, epoch)) = newest else { return Ok(status) };
    if let Some(own) = log::find(tx, &LogName { author: device.device, epoch, reader: None })? {
        status.backed_up_through = super::backup::through(tx, own.row)?;
    }
    let reader = Some(Reader { device: device.device, epoch });
    if let Some(feed) = log::find(tx, &LogName { author: DeviceId::HUB, epoch: hub, reader })? {
        let state = feeds::state(tx, feed.row)?;
        status.unsorted = status.unsorted.saturating_sub(state.seen);
        status.unconfirmed = feed.head.index.saturating_sub(state.acked);
    }
    Ok(status)
}
