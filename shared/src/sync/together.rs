//! Taking in together: what several peers have handed over meanwhile is judged and stored in one transaction, and
//! only then acknowledged. A batch that cannot be taken stops no other: each is tried by itself then.

use std::collections::VecDeque;

use super::{
    CloseCode, PeerId, Replica, Role, courier,
    exchange::{Fault, fault, protocol},
    intake::{Intake, IntakeError, Numbered, Tally, read_ahead},
    session::Session,
    station::Station,
};
use crate::{
    aside::{Aside, Promised},
    registry::Registries,
    store::{self, Tx, log},
    time::Now,
    wire::{Frame, batch::Batch},
};

/// Batches that are read ahead of the one that is taken: each may take some megabytes.
const AHEAD_MAX: usize = 4;

/// A whole batch that waits to be stored.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) peer: PeerId,
    /// When it was whole.
    pub(super) now: Now,
    pub(super) batch: Batch,
    /// As it came, to be kept if it breaks the rules.
    pub(super) bytes: Vec<u8>,
}

impl Replica {
    /// Stores what has arrived, and says so.
    pub(super) fn take_arrived(&mut self) {
        let all = std::mem::take(&mut self.arrived);
        let mut tallies = match all.len() {
            0 | 1 => Vec::new(),
            _ => self.intake(&all).unwrap_or_default(),
        }
        .into_iter();
        for arrived in all {
            let peer = arrived.peer;
            let outcome = match tallies.next() {
                Some(tally) => Ok(tally),
                None => self.intake(std::slice::from_ref(&arrived)).map(|mut tallies| tallies.remove(0)),
            };
            if let Err(fault) = self.acknowledge(&arrived, outcome) {
                self.fail(peer, fault);
            }
        }
    }

    /// Whether something of `peer` waits to be stored.
    pub(super) fn has_arrived(&self, peer: PeerId) -> bool {
        self.arrived.iter().any(|arrived| arrived.peer == peer)
    }

    fn acknowledge(
        &mut self,
        arrived: &Arrived,
        outcome: Result<Option<Tally>, IntakeError>,
    ) -> Result<(), Fault> {
        let Arrived { peer, now, batch, bytes } = arrived;
        let Some(session) = self.sessions.get(peer) else { return Ok(()) };
        let (role, device) = (session.role, session.device);
        if role == Role::Parent && session.carries(&batch.log) {
            return self.delivered(*now, *peer, (batch, bytes), outcome);
        }
        match outcome {
            Ok(Some(tally)) => self.taken(*now, *peer, batch, bytes.len() as u64, &tally),
            Ok(None) => Ok(()),
            Err(IntakeError::Store(error)) => Err(error.into()),
            Err(IntakeError::ShutOut) => Err(fault(CloseCode::Revoked, "this laptop may not connect")),
            Err(IntakeError::Discontinuous) if role == Role::Parent => {
                self.say(*peer, &Frame::Credit(bytes.len() as u64));
                Ok(())
            }
            Err(error) if error.is_breach() => self.breach(*now, device, &error.to_string(), bytes),
            Err(error) => Err(protocol(error.to_string())),
        }
    }

    /// Judges and stores all of these, or none; `None` of a batch that is not wanted any more.
    fn intake(&mut self, all: &[Arrived]) -> Result<Vec<Option<Tally>>, IntakeError> {
        for Arrived { peer, .. } in all {
            if let Some(session) = self.sessions.get(peer)
                && session.role == Role::Parent
                && session.accepts
                && session.shut_out.is_none()
                && !self.is_active(session.device)?
            {
                return Err(IntakeError::ShutOut);
            }
        }
        let Self { store, station, registries, sessions, .. } = self;
        let outcome = store.commit(|tx| {
            let mut ahead =
                Ahead { aside: tx.aside().filter(|_| all.len() > 1), rest: all, read: VecDeque::new() };
            let take = |arrived: &Arrived| {
                let read = ahead.next();
                match sessions.get(&arrived.peer) {
                    Some(session) if session.accepts => {
                        take_in(tx, station, registries, session, arrived, read).map(Some)
                    }
                    _ => Ok(None),
                }
            };
            all.iter().map(take).collect()
        });
        if outcome.is_err() {
            // What was moved on in memory was not kept.
            self.registries = store::registries::load(self.store.reader())?;
        }
        outcome
    }
}

/// Has the next batches read while one is judged and stored.
struct Ahead<'a> {
    aside: Option<&'a dyn Aside>,
    rest: &'a [Arrived],
    read: VecDeque<Promised<Option<Numbered>>>,
}

impl Ahead<'_> {
    /// The entries of the next batch, where they were read.
    fn next(&mut self) -> Option<Numbered> {
        let aside = self.aside?;
        while self.read.len() < AHEAD_MAX
            && let Some((next, rest)) = self.rest.split_first()
        {
            self.rest = rest;
            let batch = next.batch.clone();
            self.read.push_back(Promised::new(Some(aside), move || read_ahead(&batch)));
        }
        self.read.pop_front()?.get()
    }
}

fn take_in(
    tx: Tx<'_>,
    station: &Station,
    registries: &mut Registries,
    session: &Session,
    Arrived { batch, now, .. }: &Arrived,
    read: Option<Numbered>,
) -> Result<Tally, IntakeError> {
    let (key, epoch) = (&session.key, session.epoch);
    let hub_key = station.place.as_ref().map(|place| place.hub_key);
    if session.role == Role::Parent && session.carries(&batch.log) {
        return courier::take_in(tx, station, registries, *now, batch);
    }
    let mut intake = Intake::new(tx, station, registries, *now)?;
    intake.shut_out = session.shut_out;
    intake.read_ahead = read;
    match (session.role, batch.log.reader, &session.unit, hub_key) {
        (Role::Parent, None, Some(unit), _) if batch.log.epoch != epoch => {
            intake.returned_batch(batch, key, unit)?;
        }
        (Role::Parent, None, Some(unit), _) => {
            let feed = log::find(tx, &station.feed_for(batch.log.author, epoch))?.map(|feed| feed.row);
            intake.log_batch(batch, key, unit, feed)?;
        }
        (Role::Parent, Some(_), _, Some(own)) => intake.feed_batch(batch, &own, true)?,
        (Role::Child, Some(_), _, Some(hub)) => intake.feed_batch(batch, &hub, false)?,
        _ => return Err(IntakeError::Discontinuous),
    }
    let log = log::find_or_begin(tx, &batch.log)?;
    log::set_half(tx, log.row, None)?;
    Ok(intake.end())
}
