//! Seals of laptops' days, held against what the hub has of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::{
    id::DeviceId,
    seal::{Seal, SealError},
    slip::DeviceLetter,
    store::{
        self, Tx, devices,
        seals::{self, Came, Kept},
    },
    sync::sealing,
    time::Now,
};
use van_agent::host::output::Failure;

use super::Hub;

impl Hub {
    /// Keeps a seal that a person typed or scanned, and tells what the hub has of it.
    pub(super) fn add_seal(&mut self, now: Now, typed: &str) -> anyhow::Result<Value> {
        let offset = self.offset_minutes();
        let seal: Seal = typed.parse().map_err(|error: SealError| {
            Failure::new(format!("that is no seal: {error}")).next("compare it with the laptop's page `/day` or `van-agent day show`, group by group; nothing was kept")
        })?;
        let device = seal.statement.device;
        let laptops = laptops(self.replica.read()?)?;
        let Some(laptop) = laptops.get(&device) else {
            return Err(Failure::new(format!(
                "the seal names laptop {}, which this hub never let in",
                device.0
            ))
            .next("see whether it is a seal of this district: `hub-server device list`; nothing was kept")
            .into());
        };
        if seal.verify(laptop.key).is_err() {
            return Err(Failure::new(format!(
                "the seal says that it is of laptop {}, but that laptop did not sign it",
                laptop.name
            ))
            .next("do not trust whoever gave it to you; ask the team for it again; nothing was kept")
            .into());
        }
        let kept = Kept { seal, leader: String::new(), own: None, came: Came::Typed, at: now.wall };
        let new = self.replica.keep(|tx, _| seals::put(tx, &kept))?;
        let tx = self.replica.read()?;
        let mut shown = row(tx, &laptops, &kept, offset)?;
        shown["new"] = json!(new);
        Ok(shown)
    }

    /// Tells every seal, newest first.
    pub(super) fn tell_seals(&mut self, tell: &mut dyn FnMut(Value) -> bool) -> anyhow::Result<Value> {
        let offset = self.offset_minutes();
        let tx = self.replica.read()?;
        let laptops = laptops(tx)?;
        for kept in seals::all(tx)? {
            if !tell(row(tx, &laptops, &kept, offset)?) {
                break;
            }
        }
        Ok(Value::Null)
    }
}

/// A laptop as seals need it.
struct Laptop {
    key: shared::id::PublicKey,
    unit: String,
    /// Unit and letter, as on slips.
    name: String,
}

fn laptops(tx: Tx<'_>) -> store::Result<BTreeMap<DeviceId, Laptop>> {
    let mut laptops = BTreeMap::new();
    for device in devices::all(tx)? {
        let letters = devices::letters(tx, device.device)?;
        let letter = letters.last().map(|(ordinal, _)| DeviceLetter::nth(*ordinal));
        let letter = letter.as_ref().map_or("", DeviceLetter::as_str);
        let name = format!("{}{letter}", device.unit);
        laptops.insert(device.device, Laptop { key: device.key, unit: device.unit.to_string(), name });
    }
    Ok(laptops)
}

fn row(tx: Tx<'_>, laptops: &BTreeMap<DeviceId, Laptop>, kept: &Kept, offset: i16) -> store::Result<Value> {
    let stated = &kept.seal.statement;
    let laptop = laptops.get(&stated.device);
    let signature = match laptop {
        Some(laptop) if kept.seal.verify(laptop.key).is_ok() => "right",
        Some(_) => "wrong",
        None => "unknown_device",
    };
    let held = sealing::held(tx, &kept.seal)?;
    Ok(json!({
        "seal": kept.seal.to_string(),
        "device": stated.device,
        "laptop": laptop.map(|laptop| &laptop.name),
        "unit": laptop.map(|laptop| &laptop.unit),
        "date": stated.date.to_string(),
        "first": stated.first,
        "last": stated.last,
        "entries": stated.entries(),
        "signature": signature,
        "chain": held.chain.word(),
        "held": held.missing.map(|missing| stated.entries() - missing),
        "missing": held.missing,
        "lives": held.lives,
        "leader": kept.leader,
        "came": kept.came.word(),
        "at": kept.at.to_rfc3339(offset),
    }))
}
