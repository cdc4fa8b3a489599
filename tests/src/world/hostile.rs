//! A laptop in wrong hands: it has a valid key and says what it likes.

use shared::{
    change::Change,
    document::{self, Edit, Field, History, field, person},
    id::{ActorId, DocumentId, Kind as Sort},
    identity,
    store::{changes, log, read_model},
    sync::Channel,
    time::Timestamp,
    wire::Entry,
};

use super::{Kind, World};

impl World {
    /// Spoils some of what the hostile laptop sends.
    pub(super) fn spoil(&mut self, channel: Channel, mut bytes: Vec<u8>) -> Vec<u8> {
        let often = match channel {
            Channel::Control => 0.05,
            Channel::Batch => 0.2,
            Channel::Attachment => 0.3,
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
        let mut nonce = [0; 16];
        self.random.fill(&mut nonce);
        let victim = self.model.some_actor(&mut self.random);
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
        let own = identity::actor(&replica.station().key.public(), &nonce);
        let Some(change) = forge(target, &history, as_other, own, now.wall)? else { return Ok(()) };
        let hash = document::hash(&change)?;
        replica.keep(|tx, station| {
            let mut log = log::find_or_begin(tx, &station.log())?;
            let mut entries = vec![(Entry::Change { document: target, change: change.into() }, Some(hash))];
            // A claim to anything at all does not make another's actor its own.
            entries.insert(0, (Entry::Actor { nonce }, None));
            log::append(tx, &mut log, &entries)
        })?;
        self.telling.say(self.at, || format!("x forges {hash:?}, as another: {}", as_other.is_some()));
        self.model.forged(hash);
        Ok(())
    }
}

/// A change as another's actor, or one of its own that only the hub may make.
fn forge(
    target: DocumentId,
    history: &History,
    victim: Option<ActorId>,
    own: ActorId,
    at: Timestamp,
) -> anyhow::Result<Option<Change>> {
    let mut edit = Edit::open(Sort::Person, history, victim.unwrap_or(own))?;
    if victim.is_some() {
        field::set(&mut edit, Field::Name, "Pencuri", None)?;
    } else {
        // Only the hub links people; the document itself will do as the other.
        person::set_same_as(&mut edit, Some(target))?;
    }
    Ok(edit.commit(at, document::SCHEMA)?.map(|(_, change)| change))
}
