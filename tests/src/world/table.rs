//! The registries of the simulated district: a few villages, units and services, in numbered versions.

use serde_json::json;
use shared::{
    identity::Context,
    registry::{self, Row, Table, row},
    store::registries,
    sync::Replica,
};

use super::{HUB, Kind, Machine, World};

/// The villages.
pub(super) const VILLAGES: [&str; 4] = ["53.02.01.2001", "53.02.01.2002", "53.02.02.2001", "53.02.02.2002"];
/// The services: code, agency, how far they go without network.
pub(super) const SERVICES: [(&str, &str, &str); 3] =
    [("DUK-KTP", "DUK", "online_step"), ("DUK-SURAT", "DUK", "full"), ("TAS-PENSIUN", "TAS", "intake")];

impl World {
    /// Sets the hub up on its empty disk.
    pub(super) fn found(&mut self, machine: &mut Machine) -> anyhow::Result<()> {
        let store = shared::store::Store::open(&machine.database())?;
        let entropy = machine.entropy();
        let hub = Replica::create_hub(store, entropy, self.district.clone(), "TTS".to_owned())?;
        let now = machine.now(self.at);
        let hub = machine.replica.insert(hub);
        import(hub, 0, false)?;
        hub.registries_changed(now)?;
        Ok(())
    }

    /// The hub imports a new version of the registries.
    pub(super) fn move_registry(&mut self) -> anyhow::Result<()> {
        self.registry += 1;
        if self.machines[HUB].replica.is_some() { self.import_registry() } else { Ok(()) }
    }

    /// The hub imports the newest version, as an operator does after a restore too.
    pub(crate) fn import_registry(&mut self) -> anyhow::Result<()> {
        let (at, registry) = (self.at, self.registry);
        let machine = &mut self.machines[HUB];
        debug_assert_eq!(machine.kind, Kind::Hub);
        let now = machine.now(at);
        let hub = machine.running()?;
        import(hub, registry, true)?;
        hub.registries_changed(now)?;
        self.drain(HUB)
    }
}

fn import(hub: &mut Replica, version: u64, moves: bool) -> anyhow::Result<()> {
    for table in tables(version, moves)? {
        hub.keep(|tx, station| {
            let place = station.place.as_ref().expect("a hub has a place");
            let message = registry::signed_message(&place.district, table.kind(), &table.version());
            let signature = station.key.sign(Context::Registry, &message);
            registries::put(tx, &table, &signature.0)
        })?;
    }
    Ok(())
}

/// The tables of a version. Where a unit's villages move, they do so with the version.
fn tables(version: u64, moves: bool) -> anyhow::Result<[Table; 3]> {
    let villages = VILLAGES.iter().map(|code| {
        json!({"code": code, "name": format!("Desa {code}"), "kind": "desa", "district_code": &code[..8],
               "district": "Kec", "regency_code": "53.02", "regency": "TTS"})
    });
    let services = SERVICES.iter().map(|(code, agency, mode)| {
        json!({"code": code, "agency_code": agency, "agency": agency, "name_id": code, "name_en": code,
               "offline_mode": mode, "tariff": "Rp 0", "note": format!("version {version}")})
    });
    let units = (1..=super::VANS).map(|number| {
        let first = (version as usize + number) % VILLAGES.len();
        let some = [VILLAGES[first], VILLAGES[(first + 1) % VILLAGES.len()]];
        let mut assigned: Vec<_> = if moves && number == 4 { some.to_vec() } else { Vec::new() };
        assigned.sort_unstable();
        json!({"unit": format!("V0{number}"), "name": format!("Mobil {number}"), "kind": "van",
               "villages": assigned})
    });
    Ok([table::<row::Village>(villages)?, table::<row::Service>(services)?, table::<row::Unit>(units)?])
}

fn table<R: Row>(rows: impl Iterator<Item = serde_json::Value>) -> anyhow::Result<Table> {
    let rows = rows.map(serde_json::from_value).collect::<Result<Vec<R>, _>>()?;
    Ok(Table::of(rows)?)
}
