//! A laptop in wrong hands: it has a valid key and says what it likes.

use shared::{
    document::{self, Edit, Field, field, person},
    id::{ActorId, DocumentId},
    store::{changes, log, read_model},
    sync::Channel,
    wire::Entry,
};

use super::{HUB, Kind, World};

impl World {
    /// Spoils some of what the hostile laptop sends.
    pub(super) fn spoil(&mut self, channel: Channel, mut bytes: Vec<u8>) -> Vec<u8> {
        let often = match channel {
            Channel::Control => 0.05,
            Channel::Batch => 0.2,
        };
        if bytes.is_empty() || !self.random.chance(often) {
            return bytes;
        }
        let at = self.random.below(bytes.len() as u64) as usize;
        match self.random.below(5) {
            0 => bytes[at] ^= 1 << self.random.below(8),
            1 => bytes.truncate(at),
            2 => bytes.insert(at, self.random.bits() as u8),
            3 => bytes.extend_from_within(..),
            _ => self.random.fill(&mut bytes[at..]),
        }
        bytes
    }

    /// Writes what it may not into its own log, properly signed: a change as another's actor, or one
    /// that only the hub may make.
    pub(super) fn forge(&mut self) -> anyhow::Result<()> {
        let Some(number) = self.machines.iter().position(|machine| machine.kind == Kind::Hostile) else {
            return Ok(());
        };
        let mut own = [0; 16];
        self.random.fill(&mut own);
        let victim = match self.machines[HUB].replica.as_ref().filter(|_| !self.hub_may_forget) {
            Some(hub) => self.model.some_actor(hub, &mut self.random)?,
            None => None,
        };
        let machine = &mut self.machines[number];
        let now = machine.now(self.at);
        let Some(replica) = machine.replica.as_mut() else { return Ok(()) };
        let tx = replica.read()?;
        let people: Vec<_> = read_model::people(tx, "", 1_000)?.into_iter().map(|row| row.document).collect();
        if people.is_empty() {
            return Ok(());
        }
        let target = *self.random.pick(&people);
        let history = changes::history(tx, target)?;
        let as_other = victim.filter(|_| self.random.chance(0.6));
        let forged = forge(target, &history, as_other, ActorId(own), now.wall)?;
        let Some((claim, change)) = forged else { return Ok(()) };
        let hash = document::hash(&change)?;
        replica.keep(|tx, station| {
            let mut log = log::find_or_begin(tx, &station.log())?;
            let mut entries = vec![(Entry::Change { document: target, change }, Some(hash))];
            if let Some(actor) = claim {
                entries.insert(0, (Entry::Actor { actor }, None));
            }
            log::append(tx, &mut log, &entries)
        })?;
        self.telling.say(self.at, || format!("x forges {hash:?}, as another: {}", as_other.is_some()));
        self.model.forged(hash);
        Ok(())
    }
}

/// The forged change, and the actor that is claimed before it, if it is not another's.
fn forge(
    target: DocumentId,
    history: &document::History,
    victim: Option<ActorId>,
    own: ActorId,
    at: shared::time::Timestamp,
) -> anyhow::Result<Option<(Option<ActorId>, shared::change::Change)>> {
    let kind = shared::id::Kind::Person;
    let actor = victim.unwrap_or(own);
    let mut edit = Edit::open(kind, history, actor)?;
    if victim.is_some() {
        field::set(&mut edit, Field::Name, "Pencuri", None)?;
    } else {
        // Only the hub links people; the document itself will do as the other.
        person::set_same_as(&mut edit, Some(target))?;
    }
    let made = edit.commit(at, document::SCHEMA)?;
    Ok(made.map(|(_, change)| (victim.is_none().then_some(actor), change)))
}
