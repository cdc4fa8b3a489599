//! The hub's feed to one device: what changed in its scope, in an order of the hub's own, signed.

use std::collections::BTreeSet;

use super::{
    scope::{Audience, Scope},
    station::{Place, Station},
};
use crate::{
    id::{ChangeHash, DeviceId, DocumentId, Epoch, UnitId},
    identity::Context,
    registry::{self, Registries, Version},
    store::{
        Result, Tx,
        changes::{self, Indexed, State},
        feeds::{self, Feed},
        log::{self, Log},
        quarantine, read_model, registries,
        signing::{Sign, Signing},
    },
    time::Now,
    wire::{
        batch::{ENTRY_BYTES_MAX, Entry, LogName, Stage},
        pack::Packs,
    },
};

/// Arrivals that are looked at in one go.
const ARRIVALS_MAX: usize = 500;
/// Bytes, as rows, of what feeds that are extended together hold before it is packed.
const OPEN_BYTES_MAX: usize = 2 << 20;

/// What is newly known of what a device holds.
#[derive(Debug)]
pub(super) enum Holdings {
    /// Nothing new: the feed goes on.
    AsTold,
    /// It holds nothing but what it wrote itself in this life.
    Nothing,
    /// It holds all of its scope but these.
    AllBut(BTreeSet<ChangeHash>),
}

/// Whom a feed is extended for.
#[derive(Debug)]
pub(super) struct Listener<'a> {
    pub(super) device: DeviceId,
    pub(super) epoch: Epoch,
    pub(super) unit: &'a UnitId,
    /// What the device knows of packed batches; `None` where it reads rows alone.
    pub(super) packs: Option<Packs>,
    /// Whether the feed may name what the device wrote in this life by its place in the device's log.
    pub(super) places: bool,
    /// A feed begins, or is repaired, by what is newly known of the device's holdings.
    pub(super) holdings: &'a Holdings,
    /// Whether cases that ended long ago are to leave now.
    pub(super) expires: bool,
}

/// Writes everything that the devices have not been told; their feeds, in the same order.
pub(super) fn extend(
    tx: Tx<'_>,
    station: &Station,
    registries: &Registries,
    listeners: &[Listener<'_>],
    now: Now,
) -> Result<Vec<Log>> {
    read_model::refresh_rows(tx)?;
    let sign = |message: &[u8]| station.key.sign(Context::FeedHead, message).0.to_vec();
    let mut feeds = Vec::new();
    for listener in listeners {
        let mut feed = Extension::new(tx, (station, &sign), registries, listener, now)?;
        feed.begin_or_repair(listener.holdings)?;
        feeds.push(feed);
        relieve(&mut feeds)?;
    }
    arrivals(tx, &mut feeds)?;
    feeds.into_iter().zip(listeners).map(|(feed, listener)| feed.finish(listener)).collect()
}

/// Tells every feed what has arrived since it was extended last.
fn arrivals(tx: Tx<'_>, feeds: &mut [Extension<'_>]) -> Result<()> {
    while let Some(seen) = feeds.iter().filter(|feed| feed.feed.started).map(|feed| feed.feed.seen).min() {
        let arrived = changes::arrived_after(tx, seen, ARRIVALS_MAX)?;
        let Some(last) = arrived.last().and_then(|change| change.arrival) else { return Ok(()) };
        let heard = arrived.into_iter().map(|change| Heard::of(tx, change)).collect::<Result<Vec<_>>>()?;
        for feed in feeds.iter_mut().filter(|feed| feed.feed.started && feed.feed.seen < last) {
            heard.iter().try_for_each(|heard| feed.hear(heard))?;
            feed.feed.seen = last;
        }
        relieve(feeds)?;
    }
    Ok(())
}

/// Packs what feeds have to tell where all together hold too much of it.
fn relieve(feeds: &mut [Extension<'_>]) -> Result<()> {
    if feeds.iter().map(|feed| feed.written.open_bytes()).sum::<usize>() > OPEN_BYTES_MAX {
        feeds.iter_mut().try_for_each(|feed| feed.written.close())?;
    }
    Ok(())
}

/// A change that has arrived, and whom it may concern.
struct Heard {
    change: Indexed,
    audience: Audience,
}

impl Heard {
    fn of(tx: Tx<'_>, change: Indexed) -> Result<Self> {
        // What is there already may be in scope for other reasons than its villages.
        let audience = if change.root { Audience::of(tx, change.document)? } else { Audience::Everyone };
        Ok(Self { change, audience })
    }
}

/// The feed of one device, for extending it.
struct Extension<'a> {
    tx: Tx<'a>,
    station: &'a Station,
    registries: &'a Registries,
    device: DeviceId,
    epoch: Epoch,
    /// The device's own log of this life.
    own: Option<Log>,
    scope: Scope,
    log: Log,
    feed: Feed,
    /// Where the feed stood before.
    before: Feed,
    /// Whether the villages of units have moved since the feed was extended last.
    scope_moved: bool,
    /// What has entered with all that counts of it.
    whole: BTreeSet<DocumentId>,
    written: Signing<'a>,
}

impl<'a> Extension<'a> {
    fn new(
        tx: Tx<'a>,
        (station, sign): (&'a Station, &'a Sign<'a>),
        registries: &'a Registries,
        listener: &Listener<'_>,
        now: Now,
    ) -> Result<Self> {
        let Listener { device, epoch, unit, .. } = *listener;
        let log = log::find_or_begin(tx, &station.feed_for(device, epoch))?;
        let feed = feeds::state(tx, log.row)?;
        let own = log::find(tx, &LogName { author: device, epoch, reader: None })?;
        let scope = Scope::of(registries, unit, device, now.wall);
        Ok(Self {
            tx,
            station,
            registries,
            device,
            epoch,
            own,
            scope,
            log,
            feed,
            before: feed,
            scope_moved: false,
            whole: BTreeSet::new(),
            written: Signing::behind(tx, log, sign, listener.packs.clone())
                .naming(own.filter(|_| listener.places)),
        })
    }

    fn begin_or_repair(&mut self, holdings: &Holdings) -> Result<()> {
        self.registries()?;
        match holdings {
            Holdings::AsTold => {}
            Holdings::AllBut(lacks) if self.feed.started => self.repair(lacks)?,
            Holdings::AllBut(_) | Holdings::Nothing if !self.feed.started => self.begin(holdings)?,
            Holdings::AllBut(_) | Holdings::Nothing => {}
        }
        if self.feed.started && self.scope_moved { self.move_scope() } else { Ok(()) }
    }

    fn finish(mut self, listener: &Listener<'_>) -> Result<Log> {
        if self.feed.started && listener.expires {
            self.expired()?;
        }
        self.refusals()?;
        if self.feed != self.before {
            feeds::set_state(self.tx, self.log.row, self.feed)?;
        }
        for batch in self.written.finish()? {
            log::store(self.tx, &mut self.log, &batch)?;
        }
        Ok(self.log)
    }

    fn push(&mut self, entry: Entry, hash: Option<ChangeHash>) -> Result<()> {
        self.written.push(entry, hash)
    }

    fn registries(&mut self) -> Result<()> {
        let Some(place) = &self.station.place else { return Ok(()) };
        let registries = self.registries;
        for (version, table) in registries.tables() {
            let kind = table.kind().as_str().to_owned();
            let told = feeds::fed_registry(self.tx, self.log.row, &kind)?;
            let told = told.and_then(|bytes| Version::try_from(bytes.as_slice()).ok());
            if told == Some(version) {
                continue;
            }
            self.scope_moved |= told.is_some() && *table.kind() == registry::Kind::Units;
            let base = match told {
                Some(told) => registries::table(self.tx, table.kind(), told)?,
                None => registry::Table::new(table.kind().clone()),
            };
            self.difference(place, &base, table, Stage::InForce)?;
            feeds::set_fed_registry(self.tx, self.log.row, &kind, &version.0)?;
            if let Some(told) = told.filter(|_| !table.kind().keeps_versions()) {
                registries::forget_untold(self.tx, table.kind(), told)?;
            }
            if *table.kind() == registry::Kind::Services {
                feeds::set_fed_registry(self.tx, self.log.row, &format!("catalogue/{version}"), &version.0)?;
            }
        }
        self.catalogues(place)
    }

    /// Tells every catalogue that was ever in force: cases name the one that they were opened under.
    fn catalogues(&mut self, place: &Place) -> Result<()> {
        let Some(base) = self.registries.table(&registry::Kind::Services).cloned() else { return Ok(()) };
        for version in self.registries.catalogues() {
            let name = format!("catalogue/{version}");
            if feeds::fed_registry(self.tx, self.log.row, &name)?.is_some() {
                continue;
            }
            let past = registries::table(self.tx, base.kind(), version)?;
            self.difference(place, &base, &past, Stage::Past)?;
            feeds::set_fed_registry(self.tx, self.log.row, &name, &version.0)?;
        }
        Ok(())
    }

    fn difference(
        &mut self,
        place: &Place,
        base: &registry::Table,
        table: &registry::Table,
        stage: Stage,
    ) -> Result<()> {
        let whole = registry::diff(base, table);
        let parts = whole.split(base, ENTRY_BYTES_MAX / 2).unwrap_or_else(|_| vec![whole]);
        for (index, part) in parts.iter().enumerate() {
            let stage = if index + 1 == parts.len() { stage } else { Stage::Part };
            let message = registry::signed_message(&place.district, &part.kind, &part.to);
            let signature = self.station.key.sign(Context::Registry, &message).0.to_vec();
            let difference = minicbor::to_vec(part).expect("encoding into memory cannot fail");
            self.push(Entry::Registry { difference, signature, stage }, None)?;
        }
        Ok(())
    }

    /// Begins a feed: every document of the scope enters, with what the device lacks of it. What the device
    /// made in this life is in scope without a word.
    fn begin(&mut self, holdings: &Holdings) -> Result<()> {
        self.feed.seen = changes::newest_arrival(self.tx)?;
        self.feed.started = true;
        quarantine::tell_again(self.tx, self.device)?;
        if let Some(own) = self.own {
            for document in changes::made_in(self.tx, (self.device, self.epoch), own.row, 0)? {
                feeds::enter(self.tx, self.log.row, document)?;
            }
        }
        for document in read_model::newest_first(self.tx)? {
            let is_in = feeds::is_entered(self.tx, self.log.row, document)?;
            if !is_in && !self.scope.contains(self.tx, document)? {
                continue;
            }
            if !is_in {
                feeds::enter(self.tx, self.log.row, document)?;
                self.push(Entry::Enter { document }, None)?;
            }
            for change in self.counted(document)? {
                match holdings {
                    Holdings::AllBut(lacks) if !lacks.contains(&change.hash) => {}
                    Holdings::AllBut(_) => self.feed_body(&change)?,
                    Holdings::AsTold | Holdings::Nothing => self.feed_change(&change)?,
                }
            }
        }
        Ok(())
    }

    fn counted(&self, document: DocumentId) -> Result<Vec<Indexed>> {
        let mut all = changes::of_document(self.tx, document)?;
        all.retain(|change| change.state == State::Applied);
        Ok(all)
    }

    /// Tells what the device was found to lack. Where that is nothing, the two differ in which documents are
    /// in scope, which is told anew.
    fn repair(&mut self, lacks: &BTreeSet<ChangeHash>) -> Result<()> {
        let mut found = false;
        for hash in lacks {
            if let Some(change) = changes::find(self.tx, hash)?
                && change.state == State::Applied
                && feeds::is_entered(self.tx, self.log.row, change.document)?
            {
                found = true;
                self.feed_body(&change)?;
            }
        }
        if !found {
            self.push(Entry::Anew, None)?;
            for document in feeds::entered(self.tx, self.log.row)? {
                self.push(Entry::Enter { document }, None)?;
            }
        }
        Ok(())
    }

    /// Tells a change that has arrived, where it is in scope.
    fn hear(&mut self, heard: &Heard) -> Result<()> {
        let change = &heard.change;
        if change.arrival.is_none_or(|arrival| arrival <= self.feed.seen) {
            return Ok(());
        }
        if change.root && change.origin.device != self.device && !self.scope.may_contain(&heard.audience) {
            return Ok(());
        }
        if feeds::is_entered(self.tx, self.log.row, change.document)? {
            if self.whole.contains(&change.document) { Ok(()) } else { self.feed_change(change) }
        } else if self.scope.contains(self.tx, change.document)? {
            let entered = self.enter(change.document)?;
            self.whole.extend(entered);
            Ok(())
        } else {
            Ok(())
        }
    }

    /// Takes a document into scope with all that counts of it, and with a case its people and its visit. Also
    /// what the device wrote itself: it may have let the document go before. Returns what entered.
    fn enter(&mut self, document: DocumentId) -> Result<Vec<DocumentId>> {
        let mut entering = read_model::named_by(self.tx, document)?;
        entering.push(document);
        let mut entered = Vec::new();
        for document in entering {
            let counted = self.counted(document)?;
            if counted.is_empty() || feeds::is_entered(self.tx, self.log.row, document)? {
                continue;
            }
            feeds::enter(self.tx, self.log.row, document)?;
            self.push(Entry::Enter { document }, None)?;
            counted.iter().try_for_each(|change| self.feed_body(change))?;
            entered.push(document);
        }
        Ok(entered)
    }

    /// The unit's villages have moved: documents enter and leave with them.
    fn move_scope(&mut self) -> Result<()> {
        for document in read_model::newest_first(self.tx)? {
            let is_in = feeds::is_entered(self.tx, self.log.row, document)?;
            match (is_in, self.scope.contains(self.tx, document)?) {
                (false, true) => drop(self.enter(document)?),
                (true, false) => {
                    feeds::leave(self.tx, self.log.row, document)?;
                    self.push(Entry::Leave { document }, None)?;
                }
                (true, true) | (false, false) => {}
            }
        }
        Ok(())
    }

    fn feed_change(&mut self, change: &Indexed) -> Result<()> {
        if self.is_own(change) { Ok(()) } else { self.feed_body(change) }
    }

    /// Whether the device has written a change in this life. What another laptop wrote as this device, in
    /// this very life, stands elsewhere than in this log.
    fn is_own(&self, change: &Indexed) -> bool {
        change.origin.device == self.device
            && change.origin.epoch == self.epoch
            && self.own.is_some_and(|own| own.row == change.log)
    }

    fn feed_body(&mut self, change: &Indexed) -> Result<()> {
        let body = changes::body(self.tx, change)?;
        let entry = Entry::Fed { origin: change.origin, document: change.document, change: body };
        self.push(entry, Some(change.hash))
    }

    fn expired(&mut self) -> Result<()> {
        for document in self.scope.expired(self.tx, self.log.row)? {
            feeds::leave(self.tx, self.log.row, document)?;
            self.push(Entry::Leave { document }, None)?;
        }
        Ok(())
    }

    fn refusals(&mut self) -> Result<()> {
        for refused in quarantine::untold(self.tx, self.device)? {
            quarantine::set_told(self.tx, &refused.hash)?;
            let entry = Entry::Refused {
                origin: refused.origin,
                document: refused.document,
                hash: refused.hash,
                rule: refused.rule,
                text: refused.reason,
            };
            self.push(entry, None)?;
        }
        Ok(())
    }
}
