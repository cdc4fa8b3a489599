//! Files after facts: offered, asked for, sent at low priority, checked, receipted.
//!
//! Once all facts of a laptop are durable the hub asks for what that laptop attached and it lacks, from the byte
//! that it holds on; the laptop offers what else it holds no receipt for, and gets a receipt or a question. Whoever receives says what
//! comes and from where: nothing else is taken. **Invariants:** a file is receipted only after its hash was
//! checked and its transaction is durable; only files that a document of the device's scope names are given; taken is,
//! from anyone, what a case at the hub names, since its hash proves it and a laptop may carry another's; a breach costs
//! the file, not the facts.

mod receiving;

use std::{
    collections::btree_map::Entry,
    io::{Cursor, Read as _},
};

use super::{
    Channel, CloseCode, Event, Output, PeerId, Replica, Role,
    carrying::{Asked, BREACHES_MAX, Carrying, DATA_BYTES, OFFERED_MAX, Sending, Source},
    exchange::{Fault, fault, protocol},
    session::Phase,
};
use crate::{
    id::{ContentHash, DeviceId},
    identity::{self, Context, Signature},
    store::{
        Result, StoreError,
        attachment::{self, Named, Refused},
        changes, dictionaries, feeds, file_receipts,
        files::State,
        log,
    },
    time::Now,
    wire::{
        Frame,
        attachment::{Message, NAMED_MAX, Offered, Receipt, Refusal, Wanted},
        frame::Hello,
    },
};

/// What a receipt for files was good for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    /// Files that were attached here and had none.
    pub(super) covered: u64,
    /// Whether it is newly brought home to others.
    pub(super) homeward: bool,
}

impl Replica {
    /// Takes a word about files. Words said to an earlier life of a side are nothing to this one.
    pub(super) fn take_attachment(
        &mut self,
        now: Now,
        peer: PeerId,
        channel: Channel,
        message: Message,
    ) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        if session.phase != Phase::Linked {
            return Ok(());
        }
        if message.is_content() != (channel == Channel::Attachment) {
            return Err(protocol("a word about files on the wrong stream"));
        }
        match (session.role, message) {
            (Role::Child, Message::Carries) => {
                session.files.peer_takes = true;
                Ok(())
            }
            (Role::Parent, Message::Offer(files)) => self.take_offer(now, peer, &files),
            (_, Message::Want(files)) => self.take_want(now, peer, &files),
            (_, Message::Start { slot, hash, size, offset }) => {
                self.file_start(peer, slot, hash, (size, offset))
            }
            (_, Message::Data { slot, bytes }) => self.file_data(now, peer, slot, &bytes),
            (_, Message::Credit(bytes)) => {
                session.files.acknowledged(bytes, now.tick);
                self.send_files(now, peer)
            }
            (Role::Child, Message::Receipt(receipt)) => self.take_file_receipt(peer, &receipt),
            (Role::Child, Message::Dictionary(offered)) => self.take_dictionary_offer(peer, offered),
            (_, Message::Refuse { hash, refusal }) => self.take_refusal(now, peer, hash, refusal),
            (Role::Parent, Message::Carries | Message::Receipt(_) | Message::Dictionary(_))
            | (Role::Child, Message::Offer(_)) => {
                Err(protocol("a word about files that is not the sender's"))
            }
        }
    }

    pub(super) fn say_files(&mut self, peer: PeerId, message: Message) {
        self.say(peer, &Frame::Attachment(message));
    }

    /// Parent: tells that it takes files, and offers what the child lacks to read batches.
    pub(super) fn begin_files(&mut self, peer: PeerId, hello: &Hello) -> Result<()> {
        let packs = self.packs_with(hello)?;
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.packs = packs;
            session.files = Carrying::default();
        }
        self.say_files(peer, Message::Carries);
        self.offer_dictionary(peer, hello)
    }

    /// Child: offers what the hub has no receipt for, and asks for what somebody wants here; as soon as all facts
    /// are handed over. Returns how many files are to move, and their bytes.
    pub(super) fn begin_carrying(&mut self, peer: PeerId) -> Result<(u64, u64)> {
        let takes = self.sessions.get(&peer).is_some_and(|session| session.files.peer_takes);
        if !takes {
            return Ok((0, 0));
        }
        let dictionary = self.wanted_dictionary(peer)?;
        let tx = self.read_rows()?;
        let open = attachment::open(tx)?;
        let wanted = dictionary.into_iter().chain(attachment::wanted(tx)?);
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok((0, 0)) };
        let carrying = &mut session.files;
        let mut offers = Vec::new();
        for known in open.into_iter().filter(|known| known.whole && !carrying.given_up.contains(&known.hash))
        {
            if let Entry::Vacant(place) = carrying.open.entry(known.hash) {
                place.insert(known.size);
                offers.push(Offered { hash: known.hash, size: known.size });
            }
        }
        let mut asks = Vec::new();
        for known in wanted.filter(|known| !carrying.given_up.contains(&known.hash)) {
            if let Entry::Vacant(place) = carrying.asked.entry(known.hash) {
                place.insert(Asked { size: known.size, is_exact: false, held: known.held, tries: 1 });
                asks.push(Wanted { hash: known.hash, held: known.held });
            }
        }
        let left = carrying.left();
        for part in offers.chunks(NAMED_MAX) {
            self.say_files(peer, Message::Offer(part.to_vec()));
        }
        for part in asks.chunks(NAMED_MAX) {
            self.say_files(peer, Message::Want(part.to_vec()));
        }
        Ok(left)
    }

    /// Offers and asks at once on every link where all facts are handed over, after a person did something.
    ///
    /// # Errors
    /// The store fails.
    fn carry_now(&mut self) -> Result<()> {
        let settled = |session: &&super::session::Session| {
            session.role == Role::Child && session.phase == Phase::Linked && session.settled.is_some()
        };
        let peers: Vec<_> = self.sessions.values().filter(settled).map(|session| session.peer).collect();
        peers.into_iter().try_for_each(|peer| self.begin_carrying(peer).map(drop))
    }

    /// The bytes of a file, compared with its hash; `None` where it is not here. One that turns out damaged is put
    /// aside and fetched again.
    ///
    /// # Errors
    /// The store or the folder fails.
    pub fn read_file(&mut self, hash: ContentHash) -> Result<Option<Vec<u8>>> {
        attachment::read(&mut self.store, hash)
    }

    /// Asks for a file of `size` bytes that is not here: on a link that is up at once, else at the next contact.
    ///
    /// # Errors
    /// The store fails.
    pub fn want_file(&mut self, hash: ContentHash, size: u64) -> Result<()> {
        self.store.commit(|tx| attachment::want(tx, hash, size))?;
        self.carry_now()
    }

    /// Compares the folder of files with what the database says of it, and has fetched again what is wrong.
    ///
    /// # Errors
    /// The store or the folder fails.
    pub fn check_files(&mut self, look: attachment::Look) -> Result<attachment::Checked> {
        self.read_rows()?;
        let checked = attachment::check(&mut self.store, look)?;
        self.carry_now()?;
        Ok(checked)
    }

    /// What the documents that a device holds say of a file; with `written` those too that it has written in and
    /// that are out of its scope by now: what it attached meanwhile is still to arrive.
    fn named_to(&mut self, peer: PeerId, hash: ContentHash, written: bool) -> Result<Option<Named>> {
        let Some(session) = self.sessions.get(&peer) else { return Ok(None) };
        let (device, epoch) = (session.device, session.epoch);
        let feed = self.station.feed_for(device, epoch);
        let tx = self.read_rows()?;
        let Some(feed) = log::find(tx, &feed)? else { return Ok(None) };
        let mut found: Option<Named> = None;
        for (document, named) in attachment::names(tx, hash)? {
            if feeds::is_entered(tx, feed.row, document)?
                || (written && changes::has_written(tx, device, document)?)
            {
                found = found.max(Some(named));
            }
        }
        Ok(found)
    }

    fn take_offer(&mut self, now: Now, peer: PeerId, files: &[Offered]) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        session.files.offered += files.len();
        if session.files.offered > OFFERED_MAX {
            return Err(fault(CloseCode::Limit, "more files are offered than allowed"));
        }
        let (mut held, mut wanted) = (Vec::new(), Vec::new());
        for Offered { hash, size } in files {
            if self.sessions.get(&peer).is_some_and(|session| session.files.asked.contains_key(hash)) {
                continue;
            }
            let names = attachment::names(self.read_rows()?, *hash)?;
            let Some(named) = names.into_iter().map(|(_, named)| named).max() else {
                self.refuse(peer, *hash, Refusal::NotNamed)?;
                continue;
            };
            if !named.allows(*size) {
                self.refuse(peer, *hash, Refusal::Size)?;
            } else if self.is_here(*hash, *size)? {
                held.push(*hash);
            } else {
                let known = attachment::find(self.store.reader(), *hash)?;
                let bytes = known.filter(|known| known.size == *size).map_or(0, |known| known.held);
                wanted.push((!named.thumbnail, bytes == 0, Wanted { hash: *hash, held: bytes }, *size));
            }
        }
        // Small pictures first, then what is half here.
        wanted.sort_by_key(|(is_whole, is_new, ..)| (*is_whole, *is_new));
        if let Some(session) = self.sessions.get_mut(&peer) {
            for (_, _, Wanted { hash, held }, size) in &wanted {
                let asked = Asked { size: *size, is_exact: true, held: *held, tries: 1 };
                session.files.asked.insert(*hash, asked);
            }
        }
        if !held.is_empty() {
            self.receipt_files(now, peer, held);
        }
        if !wanted.is_empty() {
            let files = wanted.into_iter().map(|(_, _, wanted, _)| wanted).collect();
            self.say_files(peer, Message::Want(files));
        }
        Ok(())
    }

    /// Whether a content is whole here; one that only the folder knew of is noted.
    fn is_here(&mut self, hash: ContentHash, size: u64) -> Result<bool> {
        let known = attachment::find(self.store.reader(), hash)?;
        let files = self.store.files();
        if known.is_some_and(|known| known.whole) {
            if files.size(hash) == Some(size) {
                return Ok(true);
            }
            files.set_aside(hash)?;
            self.store.commit(|tx| attachment::lose(tx, hash))?;
            return Ok(false);
        }
        if files.size(hash) == Some(size) && files.look(hash)? == State::Whole(size) {
            self.store.commit(|tx| attachment::put_whole(tx, hash, size, None))?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Parent: asks a device once for what it attached and this hub lacks, whatever either believes: a disk that
    /// went back in time may have forgotten a file that was receipted. And for what was here and is lost.
    pub(super) fn ask_lacking(&mut self, peer: PeerId) -> Result<()> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        if session.role != Role::Parent || session.files.has_asked || !session.accepts {
            return Ok(());
        }
        session.files.has_asked = true;
        let device = session.device;
        let tx = self.read_rows()?;
        let mut lacking = attachment::lacking_of(tx, device, NAMED_MAX)?;
        for known in attachment::wanted(tx)?.into_iter().take(NAMED_MAX) {
            if let Some(named) = self.named_to(peer, known.hash, true)? {
                lacking.push((named, known.held));
            }
        }
        let mut wanted = Vec::new();
        for (named, held) in lacking {
            let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
            if let Entry::Vacant(place) = session.files.asked.entry(named.hash) {
                place.insert(Asked { size: named.size, is_exact: !named.thumbnail, held, tries: 1 });
                wanted.push(Wanted { hash: named.hash, held });
            }
        }
        for part in wanted.chunks(NAMED_MAX) {
            self.say_files(peer, Message::Want(part.to_vec()));
        }
        Ok(())
    }

    fn take_want(&mut self, now: Now, peer: PeerId, files: &[Wanted]) -> Result<(), Fault> {
        for wanted in files {
            let Some(session) = self.sessions.get(&peer) else { return Ok(()) };
            if session.files.queue.len() >= 4 * NAMED_MAX {
                return Err(fault(CloseCode::Limit, "more files are asked for than allowed"));
            }
            let role = session.role;
            if role == Role::Parent && dictionaries::file(self.store.reader(), wanted.hash)?.is_some() {
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.files.queue.push_back(*wanted);
                }
                continue;
            }
            let known = attachment::find(self.store.reader(), wanted.hash)?.filter(|known| known.whole);
            let may = match role {
                // The hub may have whatever a document here names or this laptop carries; a laptop what its own
                // documents name.
                Role::Child => {
                    known.is_some_and(|known| known.carried)
                        || !attachment::names(self.read_rows()?, wanted.hash)?.is_empty()
                }
                Role::Parent => self.named_to(peer, wanted.hash, false)?.is_some(),
            };
            let refusal = match known {
                _ if !may => Refusal::NotNamed,
                None => Refusal::NotHere,
                Some(known) => {
                    if known.refused.is_some() {
                        self.store.commit(|tx| attachment::set_refused(tx, wanted.hash, None))?;
                    }
                    if let Some(session) = self.sessions.get_mut(&peer) {
                        if session.role == Role::Child {
                            let remaining = known.size.saturating_sub(wanted.held);
                            session.files.open.insert(wanted.hash, remaining);
                        }
                        session.files.queue.push_back(*wanted);
                    }
                    continue;
                }
            };
            self.refuse(peer, wanted.hash, refusal)?;
        }
        self.send_files(now, peer)
    }

    /// Sends as much of the files as there is room for on the way, two of them in turns.
    pub(super) fn send_files(&mut self, now: Now, peer: PeerId) -> Result<(), Fault> {
        self.fill_slots(peer)?;
        loop {
            let allowance = self.allowance.unwrap_or(u64::MAX);
            let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
            if allowance == 0 {
                break;
            }
            let Some((slot, room)) = session.files.next_slot() else { break };
            let Some(sending) = session.files.sending[slot].as_mut() else { break };
            let left = sending.size - sending.offset;
            let bytes = left.min(room).min(allowance).min(DATA_BYTES as u64);
            let mut data = vec![0; usize::try_from(bytes).unwrap_or(DATA_BYTES)];
            let hash = sending.hash;
            if sending.file.read_exact(&mut data).is_err() {
                // It was whole when it was opened: the receiver finds out by the hash of what it has.
                session.files.sending[slot] = None;
                self.lose(hash)?;
                self.refuse(peer, hash, Refusal::NotHere)?;
                continue;
            }
            sending.offset += bytes;
            let remaining = sending.size - sending.offset;
            if remaining == 0 {
                session.files.sending[slot] = None;
            }
            session.files.sent(hash, bytes, remaining, now.tick);
            let message = Message::Data { slot: slot as u8, bytes: data };
            self.send_content(peer, message);
            self.spend(bytes);
            if remaining == 0 {
                self.fill_slots(peer)?;
            }
        }
        self.tell_files(peer);
        Ok(())
    }

    fn send_content(&mut self, peer: PeerId, message: Message) {
        let bytes = Frame::Attachment(message).to_bytes();
        self.outputs.push_back(Output::Send { peer, channel: Channel::Attachment, bytes });
    }

    /// Opens what was asked for next in the slots that are free, each checked before its first byte leaves.
    fn fill_slots(&mut self, peer: PeerId) -> Result<(), Fault> {
        loop {
            let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
            let Some(slot) = session.files.sending.iter().position(Option::is_none) else { return Ok(()) };
            let Some(Wanted { hash, held }) = session.files.queue.pop_front() else { return Ok(()) };
            let Some((size, offset, file)) = self.open_source(hash, held)? else {
                self.lose(hash)?;
                self.refuse(peer, hash, Refusal::NotHere)?;
                continue;
            };
            if let Some(session) = self.sessions.get_mut(&peer) {
                session.files.sending[slot] = Some(Sending { hash, size, offset, file });
            }
            self.send_content(peer, Message::Start { slot: slot as u8, hash, size, offset });
        }
    }

    /// A file's size, the byte that its receiver lacks, and what is behind that; `None` where it is not here.
    fn open_source(&self, hash: ContentHash, held: u64) -> Result<Option<(u64, u64, Source)>> {
        let offset = |size| if held < size { held } else { 0 };
        if let Some(file) = dictionaries::file(self.store.reader(), hash)? {
            let size = file.len() as u64;
            let mut file = Cursor::new(file);
            file.set_position(offset(size));
            return Ok(Some((size, offset(size), Source::Store(file))));
        }
        let State::Whole(size) = self.store.files().look(hash)? else { return Ok(None) };
        let file = self.store.files().open_at(hash, offset(size))?;
        Ok(Some((size, offset(size), Source::Folder(file))))
    }

    /// A file that was here is damaged or gone: it is put aside and fetched again.
    fn lose(&mut self, hash: ContentHash) -> Result<()> {
        tracing::warn!(file = hash.short(), "an attachment's file is damaged or gone");
        self.store.files().set_aside(hash)?;
        self.store.commit(|tx| attachment::lose(tx, hash))
    }

    /// Tells the peer that a file is not taken or not sent, and why.
    fn refuse(&mut self, peer: PeerId, hash: ContentHash, refusal: Refusal) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        session.files.refused += 1;
        session.files.open.remove(&hash);
        let device = session.device;
        tracing::info!(file = hash.short(), device = device.0, %refusal, "refuse an attachment");
        session.files.given_up.insert(hash);
        // What an honest laptop may come to: its case was refused, its disk fails, this one is full.
        let is_breach = matches!(refusal, Refusal::Size | Refusal::Damaged | Refusal::NotAsked);
        if is_breach && session.role == Role::Parent {
            session.files.breaches += 1;
            if session.files.breaches > BREACHES_MAX {
                return Err(fault(CloseCode::Limit, "too many files that are not taken"));
            }
        }
        self.say_files(peer, Message::Refuse { hash, refusal });
        Ok(())
    }

    fn take_refusal(
        &mut self,
        now: Now,
        peer: PeerId,
        hash: ContentHash,
        refusal: Refusal,
    ) -> Result<(), Fault> {
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        let carrying = &mut session.files;
        let was_open = carrying.open.remove(&hash).is_some();
        let was_asked = carrying.asked.remove(&hash).is_some();
        carrying.queue.retain(|wanted| wanted.hash != hash);
        for slot in &mut carrying.sending {
            slot.take_if(|sending| sending.hash == hash);
        }
        carrying.refused += u64::from(was_open || was_asked);
        carrying.given_up.insert(hash);
        if was_open {
            let refused = match refusal {
                Refusal::NotNamed => Some(Refused::NotNamed),
                Refusal::Size => Some(Refused::Size),
                // These pass.
                Refusal::NotHere | Refusal::Damaged | Refusal::NotAsked | Refusal::NoRoom => None,
            };
            // What is carried is offered at each exchange: that it is refused again is no news.
            let known = attachment::find(self.store.reader(), hash)?;
            if refused.is_none() || known.is_none_or(|known| known.refused != refused) {
                tracing::warn!(file = hash.short(), %refusal, "the hub does not take an attachment");
                if refused.is_some() {
                    self.store.commit(|tx| attachment::set_refused(tx, hash, refused))?;
                }
            }
        }
        self.send_files(now, peer)
    }

    /// Parent: signs a receipt for files that are durably here.
    fn receipt_files(&mut self, now: Now, peer: PeerId, hashes: Vec<ContentHash>) {
        let Some(session) = self.sessions.get(&peer) else { return };
        let receipt = self.signed_file_receipt(now, session.device, hashes);
        self.say_files(peer, Message::Receipt(receipt));
    }

    /// Parent: its statement to a device that it durably holds files.
    pub(super) fn signed_file_receipt(
        &self,
        now: Now,
        device: DeviceId,
        hashes: Vec<ContentHash>,
    ) -> Receipt {
        let (hub_epoch, at) = (self.station.epoch, now.wall);
        let mut receipt = Receipt { hub_epoch, device, hashes, at, signature: Vec::new() };
        let signature = self.station.key.sign(Context::AttachmentReceipt, &receipt.signed_message());
        receipt.signature = signature.0.to_vec();
        receipt
    }

    /// Whether the hub signed a receipt for files.
    pub(super) fn file_receipt_is_sound(&self, receipt: &Receipt) -> bool {
        let hub = self.station.place.as_ref().map(|place| place.hub_key);
        let signature = Signature::try_from(receipt.signature.as_slice()).ok();
        hub.zip(signature).is_some_and(|(hub, signature)| {
            let message = receipt.signed_message();
            identity::verify(hub, Context::AttachmentReceipt, &message, &signature).is_ok()
        })
    }

    /// Child: keeps a sound receipt for files, whoever it was said to: for what was attached here, and to be brought home
    /// for what others did. What it covers is carried no more.
    pub(super) fn keep_file_receipt(&mut self, receipt: &Receipt) -> Result<Kept> {
        let (kept, of_no_use) = self.store.commit(|tx| {
            let (mut kept, mut of_no_use, mut others) = (Kept::default(), Vec::new(), false);
            let number = file_receipts::put(tx, receipt)?;
            for hash in &receipt.hashes {
                let known = attachment::find(tx, *hash)?;
                let is_own = known.is_some_and(|known| known.own);
                kept.covered += u64::from(known.is_some_and(|known| known.own && !known.receipted));
                others |= !is_own;
                file_receipts::set(tx, *hash, number)?;
                if known.is_some_and(|known| known.carried) && attachment::put_down(tx, *hash)? {
                    of_no_use.push(*hash);
                }
            }
            kept.homeward = others && file_receipts::bring_home(tx, number)?;
            Ok::<_, StoreError>((kept, of_no_use))
        })?;
        of_no_use.into_iter().for_each(|hash| self.store.files().remove(hash));
        Ok(kept)
    }

    fn take_file_receipt(&mut self, peer: PeerId, receipt: &Receipt) -> Result<(), Fault> {
        let Some(place) = &self.station.place else { return Ok(()) };
        let sound = self.file_receipt_is_sound(receipt);
        if !sound || receipt.device != place.device || self.station.feed_epoch != Some(receipt.hub_epoch) {
            return Err(protocol("a receipt for files that the hub did not sign for this laptop"));
        }
        self.keep_file_receipt(receipt)?;
        if let Some(session) = self.sessions.get_mut(&peer) {
            for hash in &receipt.hashes {
                session.files.open.remove(hash);
            }
        }
        self.tell_files(peer);
        Ok(())
    }

    /// Child: tells how far the files have come, once all facts are handed over.
    fn tell_files(&mut self, peer: PeerId) {
        let Some(session) = self.sessions.get(&peer) else { return };
        if session.role != Role::Child || session.settled.is_none() {
            return;
        }
        let (left, left_bytes) = session.files.left();
        let moved_bytes = session.files.moved;
        let refused = session.files.refused;
        self.event(Event::Carried { peer, left, left_bytes, moved_bytes, refused });
    }

    /// Notes that bytes of batches or files were handed to a stream.
    pub(super) fn spend(&mut self, bytes: u64) {
        if let Some(allowance) = &mut self.allowance {
            *allowance = allowance.saturating_sub(bytes);
        }
    }

    /// Limits how many bytes of batches and files leave this machine from now on; `None` for no limit.
    pub fn set_allowance(&mut self, bytes: Option<u64>) {
        self.allowance = bytes;
    }

    /// How many bytes of batches and files may still leave this machine; `None` where there is no limit.
    pub fn allowance(&self) -> Option<u64> {
        self.allowance
    }
}
