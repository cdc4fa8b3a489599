//! Who this machine is: its key, the life of its database, where it belongs. Facts of the store.

use crate::{
    id::{ActorId, DeviceId, DistrictCode, DocumentId, Epoch, Kind, PublicKey, UnitId},
    identity::{self, Context, Entropy, Key},
    store::{self, Result, Store, Tx, damaged, dictionaries, log::Log, signing},
    wire::{
        batch::{Batch, LogName, Reader},
        pack::{DictionaryName, NEWEST, OLDEST, Packs},
    },
};

/// The fact that names the lives before this one, 16 bytes each.
const PAST_LIVES: &str = "past_lives";
/// The fact that says what the hub knows of packed batches: one byte, or none.
const HUB_PACKS: &str = "hub_packs";
/// The fact that says which dictionaries the hub has been brought: four bytes of each, the newest first.
const HUB_DICTIONARIES: &str = "hub_dictionaries";

/// Who this machine is.
#[derive(Debug)]
pub struct Station {
    /// Its key.
    pub key: Key,
    /// This life of its database.
    pub epoch: Epoch,
    /// Whether it is a hub.
    pub hub: bool,
    /// Where it belongs; `None` of a laptop that is not enrolled yet.
    pub place: Option<Place>,
    /// The life of the hub whose feed is followed.
    pub feed_epoch: Option<Epoch>,
    /// What the hub knows of packed batches, as it said last, and this machine with it; `None` where it reads rows
    /// alone. Hubs are updated first: until it has said so, it knows what this program does.
    pub packs: Option<Packs>,
}

/// Where a machine belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its number; 0 of the hub.
    pub device: DeviceId,
    /// The district of every document made here.
    pub district: DistrictCode,
    /// Its unit; `None` of a hub.
    pub unit: Option<UnitId>,
    /// Its letter in slip numbers; empty of a hub.
    pub letter: String,
    /// The hub's key.
    pub hub_key: PublicKey,
    /// The hub's name.
    pub hub_name: String,
    /// Where the hub is reached, `HOST:PORT` each.
    pub addresses: Vec<String>,
}

impl Station {
    /// Reads who this machine is; `None` of an empty store.
    ///
    /// # Errors
    /// The store fails or is damaged.
    pub fn load(tx: Tx<'_>) -> Result<Option<Self>> {
        let Some(seed) = store::fact(tx, "seed")? else { return Ok(None) };
        let seed: [u8; 32] = seed.try_into().map_err(|_| damaged("fact.seed"))?;
        let epoch = store::fact(tx, "epoch")?.ok_or(damaged("fact.epoch"))?;
        let feed_epoch = store::fact(tx, "feed_epoch")?
            .map(|bytes| Epoch::try_from(bytes.as_slice()).map_err(|_| damaged("fact.feed_epoch")))
            .transpose()?;
        Ok(Some(Self {
            key: Key::from_seed(seed),
            epoch: Epoch::try_from(epoch.as_slice()).map_err(|_| damaged("fact.epoch"))?,
            hub: store::fact(tx, "hub")?.is_some(),
            place: Place::load(tx)?,
            feed_epoch,
            packs: Self::load_packs(tx)?,
        }))
    }

    /// Makes a machine: a key and a first life; a hub also gets its place.
    ///
    /// # Errors
    /// The store fails.
    pub fn create(
        store: &mut Store,
        entropy: &mut Entropy<'_>,
        hub: Option<(DistrictCode, String)>,
    ) -> Result<Self> {
        let key = Key::generate(entropy);
        let epoch = random_epoch(entropy);
        let place = hub.map(|(district, hub_name)| Place {
            device: DeviceId::HUB,
            district,
            unit: None,
            letter: String::new(),
            hub_key: key.public(),
            hub_name,
            addresses: Vec::new(),
        });
        store.commit(|tx| {
            store::set_fact(tx, "seed", key.seed())?;
            store::set_fact(tx, "epoch", &epoch.0)?;
            if let Some(place) = &place {
                store::set_fact(tx, "hub", b"1")?;
                place.save(tx)?;
            }
            Ok::<_, store::StoreError>(())
        })?;
        let packs = Some(Packs::inside(NEWEST));
        Ok(Self { key, epoch, hub: place.is_some(), place, feed_epoch: None, packs })
    }

    /// This machine's own log.
    pub fn log(&self) -> LogName {
        LogName { author: self.device(), epoch: self.epoch, reader: None }
    }

    /// The feed that a hub of this life writes for a device.
    pub fn feed_for(&self, device: DeviceId, epoch: Epoch) -> LogName {
        LogName { author: DeviceId::HUB, epoch: self.epoch, reader: Some(Reader { device, epoch }) }
    }

    /// The feed that this laptop follows, from a hub of life `hub_epoch`.
    pub fn own_feed(&self, hub_epoch: Epoch) -> LogName {
        let reader = Reader { device: self.device(), epoch: self.epoch };
        LogName { author: DeviceId::HUB, epoch: hub_epoch, reader: Some(reader) }
    }

    /// Whether this machine's database has had a life of that name, as far as it remembers.
    ///
    /// # Errors
    /// The store fails.
    pub fn has_lived(&self, tx: Tx<'_>, epoch: Epoch) -> Result<bool> {
        let past = store::fact(tx, PAST_LIVES)?.unwrap_or_default();
        Ok(epoch == self.epoch || past.chunks_exact(16).any(|life| life == epoch.0))
    }

    /// Begins another life.
    ///
    /// # Errors
    /// The store fails.
    pub(super) fn begin_life(&mut self, tx: Tx<'_>, epoch: Epoch) -> Result<()> {
        let mut past = store::fact(tx, PAST_LIVES)?.unwrap_or_default();
        past.extend_from_slice(&self.epoch.0);
        store::set_fact(tx, PAST_LIVES, &past)?;
        store::set_fact(tx, "epoch", &epoch.0)?;
        self.epoch = epoch;
        Ok(())
    }

    /// Keeps what the hub said that it knows of packed batches.
    pub(super) fn save_packs(tx: Tx<'_>, packs: Option<u8>, dictionaries: &[DictionaryName]) -> Result<()> {
        store::set_fact(tx, HUB_PACKS, packs.as_slice())?;
        let names: Vec<u8> =
            dictionaries.iter().take(dictionaries::GENERATIONS).flat_map(|name| name.0).collect();
        store::set_fact(tx, HUB_DICTIONARIES, &names)
    }

    /// What the hub said last, and what of it is here.
    pub(super) fn load_packs(tx: Tx<'_>) -> Result<Option<Packs>> {
        let number = match store::fact(tx, HUB_PACKS)? {
            Some(packs) => packs.first().copied(),
            // No hub has said anything yet.
            None => Some(OLDEST),
        };
        let Some(number) = number else { return Ok(None) };
        let names = Self::hub_dictionaries(tx)?;
        Ok(Some(Packs { number, brought: dictionaries::held(tx, &names)? }))
    }

    /// The dictionaries that the hub has said it may be written to with, the newest first.
    pub(super) fn hub_dictionaries(tx: Tx<'_>) -> Result<Vec<DictionaryName>> {
        let names = store::fact(tx, HUB_DICTIONARIES)?.unwrap_or_default();
        let name =
            |name: &[u8]| name.try_into().map(DictionaryName).map_err(|_| damaged("fact.hub_dictionaries"));
        names.chunks(4).map(name).collect()
    }

    /// Signs what is unsigned at the end of this machine's own log.
    ///
    /// # Errors
    /// The store fails or is damaged.
    pub fn sign_log(&self, tx: Tx<'_>, log: &Log) -> Result<()> {
        let signed = self.signed_log(tx, log)?;
        signing::put_signed(tx, log, &signed)
    }

    /// What [`Station::sign_log`] would put in the place of the unsigned batches; writes nothing.
    ///
    /// # Errors
    /// The store fails.
    pub fn signed_log(&self, tx: Tx<'_>, log: &Log) -> Result<Vec<Batch>> {
        let sign = |message: &[u8]| self.key.sign(Context::LogHead, message).0.to_vec();
        signing::signed(tx, log, &sign, self.packs.as_ref())
    }

    /// Its number; 0 before it is enrolled, and of a hub.
    pub fn device(&self) -> DeviceId {
        self.place.as_ref().map_or(DeviceId::HUB, |place| place.device)
    }
}

impl Place {
    fn load(tx: Tx<'_>) -> Result<Option<Self>> {
        let Some(bytes) = store::fact(tx, "place")? else { return Ok(None) };
        let (device, district, unit, letter, hub_key, hub_name, addresses) =
            minicbor::decode(&bytes).map_err(|_| damaged("fact.place"))?;
        Ok(Some(Self { device, district, unit, letter, hub_key, hub_name, addresses }))
    }

    /// Keeps where this machine belongs.
    ///
    /// # Errors
    /// The store fails.
    pub fn save(&self, tx: Tx<'_>) -> Result<()> {
        let fields = (
            self.device,
            &self.district,
            &self.unit,
            &self.letter,
            self.hub_key,
            &self.hub_name,
            &self.addresses,
        );
        let bytes = minicbor::to_vec(fields).expect("encoding into memory cannot fail");
        store::set_fact(tx, "place", &bytes)
    }
}

/// Draws the name of a new life.
pub fn random_epoch(entropy: &mut Entropy<'_>) -> Epoch {
    let mut bytes = [0; 16];
    entropy(&mut bytes);
    Epoch(bytes)
}

/// What this life of the process writes as: drawn at the first edit, never stored for reuse.
#[derive(Debug, Default)]
pub struct Life {
    nonce: Option<[u8; 16]>,
    claimed: bool,
    documents: u64,
}

impl Life {
    /// The actor of the owner of `key`, drawn now if need be.
    pub fn actor(&mut self, key: &PublicKey, entropy: &mut Entropy<'_>) -> ActorId {
        let nonce = self.nonce.get_or_insert_with(|| {
            let mut nonce = [0; 16];
            entropy(&mut nonce);
            nonce
        });
        identity::actor(key, nonce)
    }

    /// The id of a new document.
    pub fn document(&mut self, kind: Kind, key: &PublicKey, entropy: &mut Entropy<'_>) -> DocumentId {
        let prefix = crate::document::authority::id_prefix(self.actor(key, entropy));
        self.documents += 1;
        DocumentId::new(prefix, kind, self.documents)
    }

    /// What the actor is made of, if it was drawn and no log entry claims it yet.
    pub(super) fn unclaimed(&self) -> Option<[u8; 16]> {
        self.nonce.filter(|_| !self.claimed)
    }

    /// Notes that a log entry claims the actor.
    pub(super) fn set_claimed(&mut self) {
        self.claimed = true;
    }

    /// Begins another life: a fresh actor at the next edit.
    pub(super) fn renew(&mut self) {
        *self = Self::default();
    }
}
