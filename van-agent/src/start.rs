//! Opens the store of an enrolled laptop, and notices that its disk went back in time or came from another machine.
//!
//! Beside the database stands the `head` file: this machine's fingerprint, and the life, length and chain of
//! the own log when it was last written. A database that is older than the file says, or a file of another
//! machine, is another life: it begins before the first write. The file is written after the database, so that
//! a power cut leaves it behind and never ahead. A copy of it stands outside the home, where the system keeps a
//! person's state: it tells a home that was put back whole, the file with it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use shared::{
    id::{Epoch, PublicKey, hex},
    store::{self, Store, StoreError, log},
    sync::{Replica, replica::ReplicaError},
};

use crate::host::{
    home::{Home, HomeError, Item},
    machine,
    output::{FULL, Failure},
};

/// The way out where a laptop's store is damaged.
pub const DAMAGED: &str = "keep this folder as it is, for what it holds that the hub does not; ask the hub \
    operator for a new ticket and enrol anew in another folder (`van-agent --home NEW-FOLDER enroll TICKET`): the \
    hub returns everything that it holds";

/// Bytes of the head file.
const HEAD_BYTES: usize = 16 + 16 + 8 + 16 + 16;

/// A store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Not a store of this program.
    #[error(transparent)]
    Open(#[from] store::OpenError),
    /// It failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing that this program set up.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// A file of the home failed.
    #[error(transparent)]
    Home(#[from] HomeError),
}

impl StartError {
    /// The same for the person who gave the command, with what to do next.
    pub fn told(self, home: &Home) -> Failure {
        let next = match &self {
            Self::Replica(ReplicaError::Hub) => return of_hub(home.folder()),
            Self::Replica(ReplicaError::Empty) => return nothing_enrolled(home.folder()),
            Self::Open(store::OpenError::Damaged(_))
            | Self::Store(StoreError::Damaged { .. })
            | Self::Replica(ReplicaError::Store(StoreError::Damaged { .. })) => Some(DAMAGED),
            Self::Open(store::OpenError::Full)
            | Self::Store(StoreError::Full)
            | Self::Replica(ReplicaError::Store(StoreError::Full))
            | Self::Home(HomeError::Full { .. }) => Some(FULL),
            Self::Open(_) | Self::Store(_) | Self::Replica(_) | Self::Home(_) => None,
        };
        let failure = crate::agent::said(self);
        next.map_or(failure.clone(), |next| failure.next(next))
    }
}

/// Opens the home in `folder` if it is a laptop's. Nothing is made, and nothing of another's is touched.
///
/// # Errors
/// There is no laptop's store, or the folder cannot be opened.
pub fn home(folder: PathBuf) -> anyhow::Result<Home> {
    let database = Home::database_in(&folder);
    match fs::metadata(&database) {
        Ok(found) if found.len() > 0 => {}
        Ok(_) if folder.join(Item::Head.name()).exists() => {
            let message = format!("the database is damaged: {} is empty", database.display());
            return Err(Failure::new(message).next(DAMAGED).into());
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(HomeError::Folder { folder, source: error }.into());
        }
        Ok(_) | Err(_) => return Err(nothing_enrolled(&folder).into()),
    }
    refuse_hub(&folder)?;
    Ok(Home::open(folder)?)
}

/// Opens or makes the home in `folder`, to enrol there.
///
/// # Errors
/// It is a hub's, or cannot be made.
pub fn new_home(folder: PathBuf) -> anyhow::Result<Home> {
    refuse_hub(&folder)?;
    Ok(Home::open(folder)?)
}

fn refuse_hub(folder: &Path) -> Result<(), Failure> {
    if store::is_hub(&Home::database_in(folder)) { Err(of_hub(folder)) } else { Ok(()) }
}

fn of_hub(folder: &Path) -> Failure {
    Failure::new(format!("{} belongs to a hub, not to a laptop", folder.display()))
        .next("name the laptop's folder with --home; nothing was changed")
}

/// That no laptop keeps anything in a folder.
pub fn nothing_enrolled(folder: &Path) -> Failure {
    Failure::new(format!("nothing is enrolled in {}: no case is kept there", folder.display())).next(
        "name the laptop's folder with --home DIR or VAN_AGENT_HOME; on a new laptop ask the hub operator for a \
         ticket and give `van-agent enroll TICKET`",
    )
}

/// Where the own log ends, as the head file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// The machine; zeroes where it does not say.
    pub machine: [u8; 16],
    /// The life of the database.
    pub epoch: Epoch,
    /// Entries of the log.
    pub index: u64,
    /// The chain at their end.
    pub chain: [u8; 16],
}

impl Head {
    /// Where the log of `replica` ends now, on this machine.
    ///
    /// # Errors
    /// The store fails.
    pub fn of(replica: &Replica) -> Result<Self, StoreError> {
        let station = replica.station();
        let cursor = log::find(replica.store().reader(), &station.log())?.map(|log| log.head);
        let cursor = cursor.unwrap_or_default();
        let machine = machine::fingerprint().unwrap_or_default();
        Ok(Self { machine, epoch: station.epoch, index: cursor.index, chain: cursor.chain.0 })
    }

    /// The file's bytes, with a checksum at their end.
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        bytes.extend(self.machine);
        bytes.extend(self.epoch.0);
        bytes.extend(self.index.to_be_bytes());
        bytes.extend(self.chain);
        let check = blake3::derive_key("keliling 1 head file", &bytes);
        bytes.extend(&check[..16]);
        bytes
    }

    /// Reads the file; `None` where it was torn by a power cut.
    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEAD_BYTES] = bytes.try_into().ok()?;
        let head = Self {
            machine: *bytes[..16].first_chunk()?,
            epoch: Epoch(*bytes[16..32].first_chunk()?),
            index: u64::from_be_bytes(*bytes[32..40].first_chunk()?),
            chain: *bytes[40..56].first_chunk()?,
        };
        (head.to_bytes() == bytes).then_some(head)
    }

    /// Writes the file. It is not forced to disk: one that is behind says the same.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(self, home: &Home) -> Result<(), HomeError> {
        let file = home.path(Item::Head);
        if !file.exists() {
            return home.write(Item::Head, &self.to_bytes());
        }
        let written = fs::OpenOptions::new()
            .write(true)
            .open(&file)
            .and_then(|mut open| io::Write::write_all(&mut open, &self.to_bytes()));
        written.map_err(|source| HomeError::Write { file, source })
    }
}

/// The head's copy outside the home, one for each life of each key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Witness {
    folder: Option<PathBuf>,
}

impl Witness {
    /// The copies where the system keeps this person's state; none where it names no such place.
    pub fn of_system() -> Self {
        Self { folder: Home::state_folder().map(|folder| folder.join("heads")) }
    }

    fn file(folder: &Path, key: &PublicKey, epoch: &Epoch) -> PathBuf {
        let digest = blake3::derive_key("keliling 1 head witness", &[&key.0[..], &epoch.0].concat());
        folder.join(hex(&digest[..16]))
    }

    fn read(&self, key: &PublicKey, epoch: &Epoch) -> Option<Head> {
        let file = Self::file(self.folder.as_deref()?, key, epoch);
        Head::of_bytes(&fs::read(file).ok()?)
    }

    /// Copies the head. Best effort: where it cannot be written, the file in the home has to do.
    pub fn note(&self, replica: &Replica, head: Head) {
        let Some(folder) = &self.folder else { return };
        let file = Self::file(folder, &public_key(replica), &head.epoch);
        let written = private_folder(folder).and_then(|()| fs::write(file, head.to_bytes()));
        if let Err(error) = written {
            tracing::debug!(%error, "copy the head of the log out of the home");
        }
    }
}

fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens the store of the enrolled laptop at `home`, whose lock the caller holds.
///
/// # Errors
/// It cannot be opened, or nothing is enrolled there; nothing is changed then.
pub fn open(home: &Home) -> Result<Replica, StartError> {
    let replica = open_watched(home, &Witness::of_system())?;
    let enrolled = replica.station().place.is_some();
    if enrolled { Ok(replica) } else { Err(ReplicaError::Empty.into()) }
}

/// The same of a laptop that is to be enrolled, setting up a store where there is none.
///
/// # Errors
/// It cannot be opened or made.
pub fn open_new(home: &Home) -> Result<Replica, StartError> {
    open_watched(home, &Witness::of_system())
}

fn open_watched(home: &Home, witness: &Witness) -> Result<Replica, StartError> {
    let store = Store::open(&home.database())?;
    let mut replica = Replica::open_laptop(store, Box::new(machine::entropy))?;
    let now = Head::of(&replica)?;
    let why = match another_life(home, &replica, now)? {
        Some(why) => Some(why),
        None => put_back(witness, &replica, now)?,
    };
    if let Some(why) = why {
        tracing::warn!(why, "this database begins another life");
        replica.begin_life()?;
    }
    let head = Head::of(&replica)?;
    head.write(home)?;
    witness.note(&replica, head);
    Ok(replica)
}

/// Whether the copy outside knows more of this life than the home does.
fn put_back(witness: &Witness, replica: &Replica, now: Head) -> Result<Option<&'static str>, StartError> {
    let Some(seen) = witness.read(&public_key(replica), &now.epoch) else { return Ok(None) };
    if seen.index > now.index {
        return Ok(Some("the whole folder is older than it was on this machine"));
    }
    Ok((!agrees(replica, seen)?).then_some("the log went another way on this machine"))
}

/// Whether the own log bore the chain of `head` where it ended.
fn agrees(replica: &Replica, head: Head) -> Result<bool, StartError> {
    let tx = replica.store().reader();
    Ok(match log::find(tx, &replica.station().log())? {
        Some(log) => log::chain_at(tx, &log, head.index)?.is_some_and(|chain| chain.0 == head.chain),
        None => true,
    })
}

/// Why the database is not the one that the head file was written for.
fn another_life(home: &Home, replica: &Replica, now: Head) -> Result<Option<&'static str>, StartError> {
    let Some(bytes) = home.read(Item::Head)? else {
        return Ok((now.index > 0).then_some("the head file is missing: the database was copied here"));
    };
    let Some(file) = Head::of_bytes(&bytes) else { return Ok(None) };
    let nameless = [0; 16];
    if file.machine != now.machine && file.machine != nameless && now.machine != nameless {
        return Ok(Some("it was written on another machine"));
    }
    if file.epoch != now.epoch {
        return Ok((file.index > 0 || now.index > 0).then_some("it is of another life"));
    }
    if file.index > now.index {
        return Ok(Some("it is older than the head file"));
    }
    Ok((!agrees(replica, file)?).then_some("its log is another one"))
}

/// The laptop's key.
pub fn public_key(replica: &Replica) -> PublicKey {
    replica.station().key.public()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_head_file_says_nothing() {
        let head = Head { machine: [1; 16], epoch: Epoch([2; 16]), index: 7, chain: [3; 16] };
        let bytes = head.to_bytes();
        assert_eq!(Head::of_bytes(&bytes), Some(head));
        let mut torn = bytes.clone();
        torn[33] ^= 1;
        assert_eq!(Head::of_bytes(&torn), None);
        assert_eq!(Head::of_bytes(&bytes[..40]), None);
        assert_eq!(Head::of_bytes(b""), None);
    }

    #[test]
    fn a_home_keeps_its_life_unless_the_copy_outside_knows_more_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::open(folder.path().join("home")).expect("a home");
        let witness = Witness { folder: Some(folder.path().join("state/heads")) };
        let open = || open_watched(&home, &witness).expect("opens");
        let first = open();
        let epoch = first.station().epoch;
        assert_eq!(open().station().epoch, epoch);
        witness.note(&first, Head { index: 3, ..Head::of(&first).expect("reads") });
        let restored = open().station().epoch;
        assert_ne!(restored, epoch);
        assert_eq!(open().station().epoch, restored);
        let nowhere = Witness { folder: Some(home.path(Item::Head).join("no folder")) };
        assert_eq!(open_watched(&home, &nowhere).expect("opens").station().epoch, restored);
    }
}
