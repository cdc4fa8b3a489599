//! Files between laptops that meet, behind all facts: offered, wanted, and carried from then on as from a bundle.
//!
//! Each offers in its turn what no receipt of the hub covers. The other answers with the receipts that it has for any
//! of it, and says which it wants, from the byte that it holds on. What broke off goes on from there when they meet
//! again. **Invariant:** a file counts as carried only once its hash was checked and its transaction is durable.

use std::collections::{BTreeMap, BTreeSet};

use super::{Replica, bundle::Imported};
use crate::{
    document::schema::ATTACHMENT_BYTES_MAX,
    id::ContentHash,
    store::{Result, StoreError, attachment, file_receipts},
    wire::attachment::{Offered, Receipt, Wanted},
};

/// What a laptop says to an offer of files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answer {
    /// Receipts of the hub for some of them: these need no carrying any more.
    pub receipts: Vec<Receipt>,
    /// Those that it wants.
    pub wanted: Vec<Wanted>,
}

impl Replica {
    /// The files that a laptop that is met may carry: those that no receipt covers, and that the hub has not refused.
    ///
    /// # Errors
    /// The store fails.
    pub fn files_to_offer(&mut self) -> Result<Vec<Offered>> {
        let mut open = attachment::open(self.read_rows()?)?;
        open.retain(|known| known.whole && known.refused.is_none());
        Ok(open.into_iter().map(|known| Offered { hash: known.hash, size: known.size }).collect())
    }

    /// Answers what a laptop that is met offers.
    ///
    /// # Errors
    /// The store fails or is damaged.
    pub fn answer_offer(&mut self, offered: &[Offered]) -> Result<Answer> {
        self.read_rows()?;
        let tx = self.store.reader();
        let sizes: BTreeMap<_, _> = offered.iter().map(|file| (file.hash, file.size)).collect();
        let (mut answer, mut covered) = (Answer::default(), BTreeSet::new());
        for receipt in file_receipts::all(tx)? {
            let hashes = receipt.hashes.iter().filter(|hash| sizes.contains_key(hash));
            let before = covered.len();
            covered.extend(hashes.copied());
            if covered.len() > before {
                answer.receipts.push(receipt);
            }
        }
        let mut room = attachment::carried_room(tx)?;
        for Offered { hash, size } in offered.iter().filter(|file| !covered.contains(&file.hash)) {
            let known = attachment::find(tx, *hash)?;
            let is_settled = known.is_some_and(|known| known.is_settled());
            let is_allowed = (1..=ATTACHMENT_BYTES_MAX.unsigned_abs()).contains(size);
            if is_settled || !is_allowed || self.is_coming(*hash) || !room.take(*size) {
                continue;
            }
            let held = known.filter(|known| known.size == *size).map_or(0, |known| known.held);
            answer.wanted.push(Wanted { hash: *hash, held });
        }
        Ok(answer)
    }

    /// Keeps what a laptop that is met gave of a file behind the byte `from`: where that is all of it, it is checked and
    /// carried from now on; else the next meeting goes on there.
    ///
    /// # Errors
    /// The store or the folder of files fails.
    pub fn take_given(
        &mut self,
        file: Offered,
        from: u64,
        bytes: &[u8],
        imported: &mut Imported,
    ) -> Result<(), StoreError> {
        let (Offered { hash, size }, giver) = (file, imported.maker);
        let known = attachment::find(self.store.reader(), hash)?;
        if self.is_coming(hash) || known.is_some_and(|known| known.is_settled()) {
            return Ok(());
        }
        let Some(mut part) = self.open_part(giver, hash, size, from)? else {
            return self.store.commit(|tx| attachment::forget_half(tx, hash));
        };
        part.append(bytes)?;
        if part.held() < size {
            let held = part.sync()?;
            return self.store.commit(|tx| attachment::put_half(tx, hash, size, held, giver));
        }
        match self.store.files().finish(hash, part)? {
            true => self.keep_file(hash, size, imported),
            false => {
                imported.refuse(not_its_bytes(hash));
                self.store.commit(|tx| attachment::forget_half(tx, hash))
            }
        }
    }

    /// Whether a file is under way on a link to the hub.
    fn is_coming(&self, hash: ContentHash) -> bool {
        self.sessions.values().any(|session| session.files.asked.contains_key(&hash))
    }
}

/// That the bytes of a file are others.
pub(super) fn not_its_bytes(hash: ContentHash) -> String {
    format!("file {}: its bytes are not those that its case names", hash.short())
}
