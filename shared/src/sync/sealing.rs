//! The seal of a day: made on a laptop over everything that it wrote since its last seal, and held against
//! what the hub has of it.
//!
//! A seal is an entry of the laptop's own log, behind all that it states: it travels, is receipted and is given
//! back after a loss as any other entry, at no cost where there is none. The next seal begins with that entry.

use serde_json::{Map, Value};
use time::Date;

use super::{Replica, station::Station};
use crate::{
    id::{DeviceId, PublicKey},
    seal::{SEAL_BYTES, Seal, Statement},
    store::{
        Result, StoreError, Tx, changes, log,
        seals::{self, Came, Kept, Own},
    },
    time::Now,
    wire::batch::{Chain, Entry},
};

/// What a note in a log is about: a seal, and behind its bytes the team leader's name.
pub(super) const SEAL: u32 = 1;
/// Bytes of a team leader's name, at most.
pub const LEADER_BYTES_MAX: usize = 120;

/// What this laptop wrote since its last seal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsealed {
    /// Index of the first entry.
    pub first: u64,
    /// Index of the last.
    pub last: u64,
    /// The chain after it.
    pub chain: Chain,
    /// Changes among the entries; where there are none, there is nothing to seal.
    pub changes: u64,
}

/// Why a day is not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log is longer than a seal can tell.
    #[error(
        "this laptop's log has more entries than a seal can state: enrol the laptop anew in a new folder"
    )]
    TooLong,
    /// The name is too long.
    #[error("the name of the team leader has {found} bytes where {LEADER_BYTES_MAX} are allowed")]
    Leader {
        /// Bytes of the name.
        found: usize,
    },
}

/// What is here of what a seal states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// How the laptop's log here compares.
    pub chain: Agreement,
    /// Entries that are not here; `None` where another life of the laptop wrote in their places.
    pub missing: Option<u64>,
    /// Lives of the laptop's database of which something is here.
    pub lives: usize,
}

/// How a log compares with a seal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Agreement {
    /// It leads to the chain that is sealed: exactly these entries are here.
    Agrees,
    /// It does not reach as far yet.
    NotYet,
    /// It reaches as far and leads elsewhere.
    Differs,
}

impl Agreement {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::NotYet => "not_yet",
            Self::Differs => "differs",
        }
    }
}

impl Replica {
    /// Seals everything that was written here since the last seal, and keeps with the seal what that came to; `None`
    /// where nothing was.
    ///
    /// # Errors
    /// The store fails, the log is too long, or the name of the team leader is.
    pub fn seal(
        &mut self,
        now: Now,
        date: Date,
        leader: &str,
        counts: Map<String, Value>,
    ) -> Result<Option<Kept>, SealingError> {
        if leader.len() > LEADER_BYTES_MAX {
            return Err(SealingError::Leader { found: leader.len() });
        }
        let sealed = self.keep(|tx, station| {
            let found = unsealed(tx, station)?;
            if found.changes == 0 {
                return Ok::<_, SealingError>(None);
            }
            let number = |index: u64| u32::try_from(index).map_err(|_| SealingError::TooLong);
            let statement = Statement {
                device: station.device(),
                date,
                first: number(found.first)?,
                last: number(found.last)?,
                chain: found.chain,
            };
            let seal = Seal::sign(statement, &station.key);
            let own = Some(Own { epoch: station.epoch, changes: found.changes, counts: Some(counts) });
            let kept = Kept { seal, leader: leader.to_owned(), own, came: Came::Made, at: now.wall };
            seals::put(tx, &kept)?;
            let bytes = [&seal.to_bytes()[..], leader.as_bytes()].concat();
            let mut log = log::find_or_begin(tx, &station.log())?;
            log::append(tx, &mut log, &[(Entry::Note { about: SEAL, bytes }, None)])?;
            Ok(Some(kept))
        })?;
        if sealed.is_some() {
            self.after_write(now);
        }
        Ok(sealed)
    }
}

/// What this laptop wrote since its last seal.
///
/// # Errors
/// The store fails.
pub fn unsealed(tx: Tx<'_>, station: &Station) -> Result<Unsealed> {
    let own = station.log();
    let head = log::find(tx, &own)?.map(|log| log.head).unwrap_or_default();
    let newest = seals::newest(tx, own.author, own.epoch)?;
    let before = newest.map_or(0, |kept| u64::from(kept.seal.statement.last));
    let changes = changes::count_between(tx, own.author, own.epoch, before, head.index)?;
    Ok(Unsealed { first: before + 1, last: head.index, chain: head.chain, changes })
}

/// What is here of what `seal` states.
///
/// # Errors
/// The store fails or is damaged.
pub fn held(tx: Tx<'_>, seal: &Seal) -> Result<Held> {
    let Statement { device, last, chain, .. } = seal.statement;
    let last = u64::from(last);
    let lives: Vec<_> = log::all(tx)?
        .into_iter()
        .filter(|log| log.name.author == device && log.name.reader.is_none())
        .collect();
    for life in lives.iter().filter(|life| life.head.index >= last) {
        if log::chain_at(tx, life, last)? == Some(chain) {
            return Ok(Held { chain: Agreement::Agrees, missing: Some(0), lives: lives.len() });
        }
    }
    let nearest = lives.iter().map(|life| life.head.index).filter(|head| *head < last).max();
    let (chain, missing) = match nearest {
        Some(head) => (Agreement::NotYet, Some((last - head).min(seal.statement.entries()))),
        None if lives.is_empty() => (Agreement::NotYet, Some(seal.statement.entries())),
        None => (Agreement::Differs, None),
    };
    Ok(Held { chain, missing, lives: lives.len() })
}

/// Keeps a seal that came in the log of its device; another's, or one that the device did not sign, is nothing
/// but bytes in that log.
pub(super) fn take_in(tx: Tx<'_>, now: Now, author: DeviceId, key: &PublicKey, bytes: &[u8]) -> Result<()> {
    let Some((seal, leader)) = bytes.split_at_checked(SEAL_BYTES) else { return Ok(()) };
    let Ok(seal) = Seal::of_bytes(seal) else { return Ok(()) };
    if seal.statement.device != author || seal.verify(*key).is_err() {
        tracing::warn!(device = author.0, "a laptop's log holds a seal that is not its own");
        return Ok(());
    }
    let leader = leader.get(..LEADER_BYTES_MAX).unwrap_or(leader);
    let leader = String::from_utf8_lossy(leader).into_owned();
    seals::put(tx, &Kept { seal, leader, own: None, came: Came::Sync, at: now.wall })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::sync::pair::{Pair, record};

    const DAY: Date = date!(2026 - 11 - 21);

    #[test]
    fn a_seal_follows_on_the_one_before_and_travels_with_the_log() {
        let mut pair = Pair::new();
        let van = pair.enrol();
        assert_eq!(
            pair.vans[van].seal(pair.now, DAY, "", Map::new()).expect("asks"),
            None,
            "nothing is written"
        );
        record(&mut pair.vans[van], pair.now, "Nahak", 1);
        let first =
            pair.vans[van].seal(pair.now, DAY, "Maria Taek", Map::new()).expect("seals").expect("written");
        assert_eq!(
            pair.vans[van].seal(pair.now, DAY, "", Map::new()).expect("asks"),
            None,
            "only a seal is written"
        );
        record(&mut pair.vans[van], pair.now, "Fallo", 2);
        let second = pair.vans[van].seal(pair.now, DAY, "", Map::new()).expect("seals").expect("written");
        assert_eq!(first.seal.statement.first, 1);
        assert_eq!(second.seal.statement.first, first.seal.statement.last + 1);

        let tx = pair.hub.store().reader();
        let before = held(tx, &first.seal).expect("reads");
        let entries = first.seal.statement.entries();
        assert_eq!((before.chain, before.missing), (Agreement::NotYet, Some(entries)));
        assert!(pair.exchange(van), "settles");
        let tx = pair.hub.store().reader();
        let mut came = seals::all(tx).expect("reads");
        came.sort_by_key(|kept| kept.seal.statement.last);
        assert_eq!(came.iter().map(|kept| kept.seal).collect::<Vec<_>>(), [first.seal, second.seal]);
        assert_eq!((came[0].leader.as_str(), came[0].came), ("Maria Taek", Came::Sync));
        for seal in [first.seal, second.seal] {
            let held = held(tx, &seal).expect("reads");
            assert_eq!((held.chain, held.missing, held.lives), (Agreement::Agrees, Some(0), 1));
        }
    }

    #[test]
    fn another_life_of_the_laptop_is_told_apart() {
        let mut pair = Pair::new();
        let van = pair.enrol();
        record(&mut pair.vans[van], pair.now, "Nahak", 1);
        let kept = pair.vans[van].seal(pair.now, DAY, "", Map::new()).expect("seals").expect("written");
        assert!(pair.exchange(van), "settles");
        let statement = Statement { chain: Chain([9; 16]), ..kept.seal.statement };
        let other = Seal::sign(statement, &pair.vans[van].station().key);
        let held = held(pair.hub.store().reader(), &other).expect("reads");
        assert_eq!((held.chain, held.missing), (Agreement::Differs, None));
    }

    #[test]
    fn a_new_life_seals_from_its_own_beginning() {
        let mut pair = Pair::new();
        let van = pair.enrol();
        record(&mut pair.vans[van], pair.now, "Nahak", 1);
        let old = pair.vans[van].seal(pair.now, DAY, "", Map::new()).expect("seals").expect("written");
        pair.vans[van].begin_life().expect("begins");
        let new = pair.vans[van].seal(pair.now, DAY, "", Map::new()).expect("seals").expect("carried over");
        assert_eq!(new.seal.statement.first, 1);
        assert!(pair.exchange(van), "settles");
        let tx = pair.hub.store().reader();
        assert_eq!(held(tx, &new.seal).expect("reads").missing, Some(0));
        let carried = held(tx, &old.seal).expect("reads");
        assert_eq!(carried.missing, Some(0), "the same entries stand in the same places of the new life");
        assert_eq!(seals::all(tx).expect("reads").len(), 2, "each came once");
    }

    #[test]
    fn what_is_no_seal_of_the_author_is_left_where_it_is() {
        let mut pair = Pair::new();
        let van = pair.enrol();
        record(&mut pair.vans[van], pair.now, "Nahak", 1);
        let kept = pair.vans[van].seal(pair.now, DAY, "", Map::new()).expect("seals").expect("written");
        let (now, key) = (pair.now, pair.vans[van].station().key.public());
        let (own, stranger) = (kept.seal.statement.device, DeviceId(77));
        let other_key = crate::identity::Key::from_seed([3; 32]).public();
        let bytes = kept.seal.to_bytes();
        pair.hub
            .keep::<_, StoreError>(|tx, _| {
                for (author, key, bytes) in [
                    (own, &key, &bytes[1..]),
                    (own, &key, &[]),
                    (stranger, &key, &bytes),
                    (own, &other_key, &bytes),
                ] {
                    take_in(tx, now, author, key, bytes)?;
                }
                assert_eq!(seals::all(tx)?, []);
                take_in(tx, now, own, &key, &bytes)
            })
            .expect("takes in");
        assert_eq!(seals::all(pair.hub.store().reader()).expect("reads").len(), 1);
    }
}
