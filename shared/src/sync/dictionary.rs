//! Dictionaries of packed batches: a hub offers its newest, and a laptop that lacks it fetches it as a file, behind all
//! facts and before all other files. It is used from the next greeting on, in which the laptop says that it holds it.

use super::{PeerId, Replica, exchange::Fault, station::Station};
use crate::{
    id::ContentHash,
    store::{
        Result, StoreError,
        attachment::{self, Known},
        dictionaries,
    },
    time::Now,
    wire::{
        attachment::{Message, Offered},
        frame::Hello,
        pack::{DICTIONARY_BYTES_MAX, Dictionary, DictionaryError, Packs},
    },
};

/// Why a dictionary is not added.
#[derive(Debug, thiserror::Error)]
pub enum AddDictionaryError {
    /// The file is none.
    #[error(transparent)]
    Dictionary(#[from] DictionaryError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Replica {
    /// Hub: takes a dictionary as the newest, which laptops are offered at their next greeting. Returns whether it was
    /// not here before.
    ///
    /// # Errors
    /// The file is no dictionary, or the store fails; nothing has changed then.
    pub fn add_dictionary(&mut self, now: Now, file: &[u8]) -> Result<bool, AddDictionaryError> {
        if let Some(number) = Dictionary::inside(file) {
            return Err(DictionaryError::Inside { number }.into());
        }
        Dictionary::of_file(file)?;
        Ok(self.store.commit(|tx| dictionaries::put(tx, file, now.wall))?)
    }

    /// What a laptop knows of packed batches, as it says, and this hub with it.
    pub(super) fn packs_with(&self, hello: &Hello) -> Result<Option<Packs>> {
        let Some(number) = hello.packs else { return Ok(None) };
        let tx = self.store.reader();
        let mut names = dictionaries::newest(tx)?;
        names.retain(|name| hello.dictionaries.as_ref().is_some_and(|held| held.contains(name)));
        Ok(Some(Packs { number, brought: dictionaries::held(tx, &names)? }))
    }

    /// Parent: offers its newest dictionary to a child that does not hold it.
    pub(super) fn offer_dictionary(&mut self, peer: PeerId, hello: &Hello) -> Result<()> {
        let tx = self.store.reader();
        let Some(newest) = dictionaries::newest(tx)?.first().copied() else { return Ok(()) };
        let held = hello.dictionaries.as_ref().is_some_and(|held| held.contains(&newest));
        if hello.packs.is_some()
            && !held
            && let Some((hash, size)) = dictionaries::content(tx, newest)?
        {
            self.say_files(peer, Message::Dictionary(Offered { hash, size }));
        }
        Ok(())
    }

    /// Child: a dictionary is offered; it is fetched once all facts are handed over.
    pub(super) fn take_dictionary_offer(&mut self, peer: PeerId, offered: Offered) -> Result<(), Fault> {
        let held = dictionaries::file(self.store.reader(), offered.hash)?.is_some();
        let Some(session) = self.sessions.get_mut(&peer) else { return Ok(()) };
        if !held && offered.size <= DICTIONARY_BYTES_MAX as u64 {
            session.files.dictionary = Some(offered);
        }
        Ok(())
    }

    /// Child: the offered dictionary, as a file to be fetched.
    pub(super) fn wanted_dictionary(&self, peer: PeerId) -> Result<Option<Known>> {
        let Some(offered) = self.sessions.get(&peer).and_then(|session| session.files.dictionary) else {
            return Ok(None);
        };
        let Offered { hash, size } = offered;
        let held = attachment::find(self.store.reader(), hash)?.map_or(0, |known| known.held);
        let (whole, own, carried, receipted) = (false, false, false, false);
        Ok(Some(Known { hash, size, held, whole, own, carried, wanted: true, refused: None, receipted }))
    }

    /// Child: all bytes of the offered dictionary are here, and have its hash.
    pub(super) fn keep_dictionary(&mut self, now: Now, peer: PeerId, hash: ContentHash) -> Result<(), Fault> {
        let file = self.store.files().read(hash)?.unwrap_or_default();
        match Dictionary::of_file(&file) {
            Ok(dictionary) => {
                tracing::info!(dictionary = %dictionary.name(), "take a dictionary of packed batches");
                self.store.commit(|tx| {
                    attachment::forget(tx, hash)?;
                    dictionaries::put(tx, &file, now.wall)
                })?;
                self.station.packs = Station::load_packs(self.store.reader())?;
            }
            Err(error) => {
                tracing::warn!(%error, file = hash.short(), "the hub offers a dictionary that is none");
                self.store.commit(|tx| attachment::forget(tx, hash))?;
            }
        }
        // A case may name the same bytes.
        if attachment::find(self.store.reader(), hash)?.is_none() {
            self.store.files().remove(hash);
        }
        self.forget_asked(peer, hash);
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.files.dictionary = None;
        }
        Ok(())
    }
}
