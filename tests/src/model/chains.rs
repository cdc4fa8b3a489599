//! Chains: every stored batch continues the one before it and carries its author's signature.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use shared::{
    document,
    id::{DeviceId, PublicKey},
    identity::{self, Context, Signature},
    store::log,
    sync::{Replica, examine},
    wire::Batch,
};

use crate::world::{HUB, Kind, Machine};

/// Verifies every log on every machine.
pub(super) fn check(machines: &[Machine]) -> anyhow::Result<()> {
    let mut keys: BTreeMap<DeviceId, PublicKey> = BTreeMap::new();
    for machine in machines {
        if let Some(replica) = machine.replica.as_ref() {
            keys.insert(machine.device, replica.station().key.public());
        }
    }
    let hub = machines[HUB].replica.as_ref().context("the hub is down")?;
    keys.insert(DeviceId::HUB, hub.station().key.public());
    for machine in machines {
        let Some(replica) = machine.replica.as_ref() else { continue };
        check_logs(replica, &keys).with_context(|| machine.name.clone())?;
        let faults = examine::logs(replica.store().reader(), &mut 0)?;
        let carried = examine::carried(replica.store().reader(), replica.registries())?;
        ensure!(
            carried.is_empty() || machine.kind == Kind::Hostile,
            "{}: doctor finds {carried:?} carried",
            machine.name
        );
        ensure!(
            faults.is_empty() || machine.kind == Kind::Hostile,
            "{}: doctor finds {faults:?}",
            machine.name
        );
    }
    Ok(())
}

fn check_logs(replica: &Replica, keys: &BTreeMap<DeviceId, PublicKey>) -> anyhow::Result<()> {
    let tx = replica.store().reader();
    for log in log::all(tx)? {
        let mut statement = tx.prepare("SELECT first FROM batch WHERE log = ?1 ORDER BY first")?;
        let firsts =
            statement.query_map([log.row], |row| row.get::<_, u64>(0))?.collect::<Result<Vec<_>, _>>()?;
        let mut before: Option<Batch> = None;
        for first in firsts {
            let batch = log::batch_with(tx, &log, first)?.context("it was there just now")?;
            check_batch(&batch, keys).with_context(|| format!("{:?} from {first}", log.name))?;
            if let Some(before) = before {
                // A feed that was given back has gaps; what is adjacent must fit.
                let fits = before.last + 1 < batch.first || before.chain == batch.before;
                ensure!(fits && before.last < batch.first, "{:?} breaks at {first}", log.name);
            }
            before = Some(batch);
        }
        if let Some(last) = before {
            ensure!(last.last <= log.head.index, "{:?} ends before its last batch", log.name);
            ensure!(
                last.last < log.head.index || last.chain == log.head.chain,
                "{:?} has another end",
                log.name
            );
        }
    }
    Ok(())
}

fn check_batch(batch: &Batch, keys: &BTreeMap<DeviceId, PublicKey>) -> anyhow::Result<()> {
    let mut chain = batch.before;
    for (entry, _) in log::read(batch)? {
        let hash = entry.change().map(document::hash).transpose()?;
        chain = chain.after(&entry, hash.as_ref());
    }
    ensure!(chain == batch.chain, "the entries do not lead to the chain");
    if batch.signature.is_empty() {
        return Ok(());
    }
    let key = keys.get(&batch.log.author).context("an author's key")?;
    let context = if batch.log.is_feed() { Context::FeedHead } else { Context::LogHead };
    let message = Batch::signed_message(&batch.log.signed(), batch.last, batch.chain);
    let signature = Signature::try_from(batch.signature.as_slice())?;
    identity::verify(*key, context, &message, &signature)?;
    Ok(())
}
