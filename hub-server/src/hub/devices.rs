//! Tickets for laptops, and who may connect.

use serde_json::{Value, json};
use shared::{
    id::{DeviceId, UnitId},
    identity::ticket::{Secret, TICKET_ADDRESSES_MAX, Ticket},
    slip::DeviceLetter,
    store::{
        self, Tx,
        devices::{self, Standing},
        journal,
    },
    sync::enrolment,
    time::Now,
};
use van_agent::host::output::Failure;

use super::Hub;

impl Hub {
    /// Makes a ticket for a laptop of `unit`.
    pub(super) fn invite(&mut self, now: Now, unit: &UnitId) -> anyhow::Result<Value> {
        let registries = self.replica.registries();
        if registries.units().len() > 0 && registries.unit(unit).is_none() {
            let known: Vec<_> = registries.units().map(|unit| unit.unit.to_string()).collect();
            return Err(Failure::new(format!(
                "unit {unit} is not in the registry; known: {}",
                known.join(", ")
            ))
            .next("add it with `hub-server registry import --kind units FILE`")
            .into());
        }
        let mut addresses = self.reached_at();
        addresses.truncate(TICKET_ADDRESSES_MAX);
        if addresses.is_empty() {
            return Err(Failure::new("no address is known at which laptops reach this hub")
                .next("start it with `hub-server run --advertise HOST:PORT`, or let it listen on one address with --listen IP:PORT")
                .into());
        }
        let secret = Secret::generate(&mut |bytes| self.replica.draw(bytes));
        let issued = self.replica.keep(|tx, _| enrolment::issue(tx, &secret, unit, now.wall))?;
        let place = self.replica.station().place.clone().expect("a hub has its place");
        let ticket = Ticket {
            addresses,
            hub: self.replica.station().key.public(),
            hub_name: place.hub_name,
            secret,
            district: place.district,
            unit: unit.clone(),
            expires: issued.expires,
        };
        let addresses: Vec<_> = ticket.addresses.iter().map(ToString::to_string).collect();
        Ok(json!({
            "ticket": ticket.to_string(),
            "expires": issued.expires.to_rfc3339(self.offset_minutes()),
            "unit": unit,
            "addresses": addresses,
        }))
    }

    /// Tells every laptop.
    pub(super) fn tell_devices(&mut self, tell: &mut dyn FnMut(Value) -> bool) -> anyhow::Result<Value> {
        for device in self.status()?.devices {
            tell(serde_json::to_value(device)?);
        }
        Ok(Value::Null)
    }

    /// Gives a laptop another standing; where it may not connect, its connections are cut at once.
    pub(super) fn stand(&mut self, now: Now, device: &str, standing: Standing) -> anyhow::Result<Value> {
        let number = named(self.replica.store().reader(), device)?;
        let Some(number) = number else {
            return Err(Failure::new(format!("no laptop is called {device}"))
                .next("see `hub-server device list`")
                .into());
        };
        let row = devices::by_number(self.replica.store().reader(), number)?;
        let before = row.map_or(standing, |row| row.standing);
        if standing == Standing::Active && before != Standing::Suspended && before != Standing::Active {
            return Err(Failure::new(format!("a laptop that is {} is not let back in", before.word()))
                .next("let it sync once more: what it had not handed over goes to `hub-server quarantine list`, and `hub-server quarantine release` lets it in; then enrol it in a new folder with a ticket of `hub-server invite`")
                .into());
        }
        self.replica.set_standing(now, number, standing)?;
        journal::append(self.replica.store(), number)?;
        tracing::info!(device = number.0, state = standing.word(), "changed a laptop's state");
        Ok(json!({ "device": number, "state": standing.word(), "was": before.word() }))
    }
}

/// The laptop with a number, or with a unit and a letter.
pub(super) fn named(tx: Tx<'_>, name: &str) -> store::Result<Option<DeviceId>> {
    if let Ok(number) = name.parse() {
        return Ok(devices::by_number(tx, DeviceId(number))?.map(|row| row.device));
    }
    for row in devices::all(tx)? {
        let letters = devices::letters(tx, row.device)?;
        let called = |(ordinal, _): &(u32, _)| {
            name.strip_prefix(row.unit.as_str()) == Some(DeviceLetter::nth(*ordinal).as_str())
        };
        if letters.iter().any(called) {
            return Ok(Some(row.device));
        }
    }
    Ok(None)
}
