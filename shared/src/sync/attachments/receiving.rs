//! Files that come in: begun where they were left, kept on a cut, checked at their end.

use crate::{
    document::{attachment::THUMBNAIL_BYTES_MAX, schema::ATTACHMENT_BYTES_MAX},
    id::{ContentHash, DeviceId},
    store::{Result, StoreError, attachment, files::Part},
    sync::{
        PeerId, Replica, Role,
        carrying::{Carrying, Incoming, SYNC_BYTES, TRIES_MAX},
        exchange::{Fault, protocol},
    },
    time::Now,
    wire::attachment::{Message, Refusal, Wanted},
};

/// Half files that are kept of one device, besides those under way.
const HALVES_MAX: usize = 4;

impl Replica {
    pub(super) fn file_start(
        &mut self,
        peer: PeerId,
        slot: u8,
        hash: ContentHash,
        (size, offset): (u64, u64),
    ) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let Some(place) = session.files.incoming.get_mut(usize::from(slot)) else {
            return Err(protocol("more files at once than allowed"));
        };
        // What was begun and not ended is begun again.
        let before = place.take();
        let asked = session.files.asked.get(&hash).copied();
        let device = session.device;
        if let Some(before) = before {
            self.keep_part(before, device);
        }
        let Some(asked) = asked else { return self.refuse(peer, hash, Refusal::NotAsked) };
        let fits =
            if asked.is_exact { size == asked.size } else { size <= asked.size.max(THUMBNAIL_BYTES_MAX) };
        if !fits || size == 0 || size > ATTACHMENT_BYTES_MAX.unsigned_abs() {
            self.forget_asked(peer, hash);
            return self.refuse(peer, hash, Refusal::Size);
        }
        if offset != 0 && offset != asked.held {
            self.forget_asked(peer, hash);
            return self.refuse(peer, hash, Refusal::NotAsked);
        }
        match self.open_part(device, hash, size, offset) {
            Ok(Some(part)) => {
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.files.incoming[usize::from(slot)] = Some(Incoming { hash, size, part });
                }
                Ok(())
            }
            Ok(None) => self.again(peer, hash),
            Err(error) => self.no_room(peer, hash, &error),
        }
    }

    /// Opens the part of a file at a byte; `None` where less of it is here than was thought.
    pub(in crate::sync) fn open_part(
        &mut self,
        device: DeviceId,
        hash: ContentHash,
        size: u64,
        offset: u64,
    ) -> Result<Option<Part>> {
        let files = self.store.files();
        let halves = match device {
            DeviceId::HUB => Vec::new(),
            _ => attachment::halves_of(self.store.reader(), device)?,
        };
        let under_way: Vec<_> = self
            .sessions
            .values()
            .flat_map(|session| session.files.incoming.iter().flatten().map(|file| file.hash))
            .chain([hash])
            .collect();
        let idle: Vec<_> = halves.into_iter().filter(|half| !under_way.contains(half)).collect();
        for half in idle.iter().skip(HALVES_MAX) {
            files.throw_away(*half);
            self.store.commit(|tx| attachment::forget_half(tx, *half))?;
        }
        let part = files.resume(hash, offset)?;
        if part.held() != offset {
            return Ok(None);
        }
        self.store.commit(|tx| attachment::put_half(tx, hash, size, offset, device))?;
        Ok(Some(part))
    }

    pub(super) fn file_data(&mut self, now: Now, peer: PeerId, slot: u8, bytes: &[u8]) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let device = session.device;
        let slot = usize::from(slot);
        let Some(place) = session.files.incoming.get_mut(slot) else {
            return Err(protocol("more files at once than allowed"));
        };
        // Bytes of a file that was refused meanwhile are thrown away.
        let Some(mut incoming) = place.take() else {
            let credit = session.files.received(bytes.len() as u64, true);
            self.give_credit(peer, credit);
            return Ok(());
        };
        let held = incoming.part.held() + bytes.len() as u64;
        let (hash, is_end) = (incoming.hash, held >= incoming.size);
        let credit = session.files.received(bytes.len() as u64, is_end);
        let outcome = if held > incoming.size {
            self.throw_away(peer, hash)?;
            self.refuse(peer, hash, Refusal::Size)
        } else {
            match incoming.part.append(bytes) {
                Ok(()) if is_end => self.file_end(now, peer, incoming),
                Ok(()) => self.file_goes_on(peer, slot, incoming, device),
                Err(error) => {
                    self.keep_part(incoming, device);
                    self.no_room(peer, hash, &error)
                }
            }
        };
        self.give_credit(peer, credit);
        self.tell_files(peer);
        outcome
    }

    fn give_credit(&mut self, peer: PeerId, credit: Option<u64>) {
        if let Some(credit) = credit {
            self.say_files(peer, Message::Credit(credit));
        }
    }

    fn file_goes_on(
        &mut self,
        peer: PeerId,
        slot: usize,
        mut incoming: Incoming,
        device: DeviceId,
    ) -> Result<(), Fault> {
        if incoming.part.unsynced() >= SYNC_BYTES {
            let held = incoming.part.sync()?;
            let Incoming { hash, size, .. } = incoming;
            self.store.commit(|tx| attachment::put_half(tx, hash, size, held, device))?;
        }
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.files.incoming[slot] = Some(incoming);
        }
        Ok(())
    }

    /// All bytes of a file are here: it is checked, named, noted, and only then acknowledged.
    fn file_end(&mut self, now: Now, peer: PeerId, incoming: Incoming) -> Result<(), Fault> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
        let (role, source) = (session.role, session.device);
        let Incoming { hash, size, part } = incoming;
        let is_dictionary = session.files.dictionary.is_some_and(|offered| offered.hash == hash);
        match self.store.files().finish(hash, part) {
            Ok(true) => {}
            Ok(false) => {
                tracing::info!(file = hash.short(), device = source.0, "an attachment came damaged");
                return self.again(peer, hash);
            }
            Err(error) => return self.no_room(peer, hash, &error),
        }
        if is_dictionary {
            return self.keep_dictionary(now, peer, hash);
        }
        self.store.commit(|tx| attachment::put_whole(tx, hash, size, Some(source)))?;
        self.forget_asked(peer, hash);
        if role == Role::Parent {
            self.receipt_files(now, peer, vec![hash]);
        }
        Ok(())
    }

    /// Asks for a file once more from its first byte, unless that was tried often enough.
    pub(super) fn again(&mut self, peer: PeerId, hash: ContentHash) -> Result<(), Fault> {
        self.store.files().throw_away(hash);
        self.store.commit(|tx| attachment::forget_half(tx, hash))?;
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let asked = session.files.asked.get_mut(&hash);
        if let Some(asked) = asked.filter(|asked| asked.tries < TRIES_MAX) {
            asked.tries += 1;
            asked.held = 0;
            self.say_files(peer, Message::Want(vec![Wanted { hash, held: 0 }]));
            return Ok(());
        }
        self.forget_asked(peer, hash);
        self.refuse(peer, hash, Refusal::Damaged)
    }

    fn no_room(&mut self, peer: PeerId, hash: ContentHash, error: &StoreError) -> Result<(), Fault> {
        tracing::warn!(error = error as &dyn std::error::Error, "store an attachment");
        self.forget_asked(peer, hash);
        self.refuse(peer, hash, Refusal::NoRoom)
    }

    fn throw_away(&mut self, peer: PeerId, hash: ContentHash) -> Result<()> {
        self.store.files().throw_away(hash);
        self.store.commit(|tx| attachment::forget_half(tx, hash))?;
        self.forget_asked(peer, hash);
        Ok(())
    }

    pub(in crate::sync) fn forget_asked(&mut self, peer: PeerId, hash: ContentHash) {
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.files.asked.remove(&hash);
        }
    }

    /// Keeps what came of a file, so that the next connection goes on from there.
    fn keep_part(&mut self, mut incoming: Incoming, source: DeviceId) {
        let Incoming { hash, size, .. } = incoming;
        let kept = incoming
            .part
            .sync()
            .and_then(|held| self.store.commit(|tx| attachment::put_half(tx, hash, size, held, source)));
        if let Err(error) = kept {
            tracing::warn!(error = &error as &dyn std::error::Error, "keep half an attachment");
        }
    }

    /// The connection is gone: what came of files stays.
    pub(in crate::sync) fn keep_parts(&mut self, carrying: &mut Carrying, source: DeviceId) {
        for incoming in carrying.incoming.iter_mut().filter_map(Option::take) {
            self.keep_part(incoming, source);
        }
    }
}
