//! One machine: its files, its clock, the lives of its process, and images of its disk.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use shared::{
    aside::{Aside, Work},
    id::DeviceId,
    identity::OwnedEntropy,
    store::Store,
    sync::Replica,
    time::{Now, Tick, Timestamp},
};

use crate::random::Random;

/// The morning on which every simulation begins.
pub const MORNING: i64 = 1_795_132_800_000;
const DATABASE: &str = "keliling.db";
/// Where the files of attachments are.
const FILES: &str = "attachments";

/// What a machine is in the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The hub.
    Hub,
    /// An honest laptop.
    Van,
    /// A laptop in wrong hands.
    Hostile,
}

/// A machine.
#[derive(Debug)]
pub struct Machine {
    /// What the log calls it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The machine whose device it is: itself, or the one that it was cloned from.
    pub family: usize,
    /// Its number, once it is enrolled.
    pub device: DeviceId,
    /// Its process; `None` while it is down.
    pub replica: Option<Replica>,
    /// How far its wall clock is off, in milliseconds.
    pub clock: i64,
    /// The connection that it dialled.
    pub connection: Option<u64>,
    /// Whether it is in coverage.
    pub is_online: bool,
    /// Whether it stays connected once everything is said.
    pub stays: bool,
    /// Whether it knows that everything is said on its connection.
    pub is_settled: bool,
    /// When it dials.
    pub dials_at: Option<u64>,
    /// Whether the hub will not have it any more.
    pub is_shut_out: bool,
    /// Images of its disk, oldest first.
    pub images: Vec<Image>,
    folder: PathBuf,
    seed: u64,
    lives: u32,
}

/// An image of a disk.
#[derive(Clone, Debug)]
pub struct Image {
    folder: PathBuf,
    /// How much the model had noted when it was taken.
    pub noted: usize,
}

/// Does what it takes before anybody asks for it, and always at the same point, so that a seed replays.
#[derive(Debug)]
struct AtOnce;

impl Aside for AtOnce {
    fn take(&self, work: Work) {
        work();
    }
}

impl Machine {
    /// A machine with an empty disk.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(folder: &Path, name: &str, kind: Kind, number: usize, seed: u64) -> anyhow::Result<Self> {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)?;
        Ok(Self {
            name: name.to_owned(),
            kind,
            family: number,
            device: DeviceId::HUB,
            replica: None,
            clock: 0,
            connection: None,
            is_online: false,
            stays: false,
            is_settled: false,
            dials_at: None,
            is_shut_out: false,
            images: Vec::new(),
            folder,
            seed,
            lives: 0,
        })
    }

    /// What time it believes it to be.
    pub fn now(&self, at: u64) -> Now {
        let at_morning = i64::try_from(at).unwrap_or(i64::MAX);
        Now { wall: Timestamp(MORNING + at_morning + self.clock), tick: Tick(at) }
    }

    /// Where its database is.
    pub fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    /// The chance of its next life.
    pub fn entropy(&mut self) -> OwnedEntropy {
        self.lives += 1;
        let mut random = Random::of(self.seed, &format!("{}/{}", self.name, self.lives));
        Box::new(move |bytes| random.fill(bytes))
    }

    /// Starts its process on what is on its disk.
    ///
    /// # Errors
    /// The database does not open.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let mut store = Store::open(&self.database())?;
        let entropy = self.entropy();
        let replica = match self.kind {
            Kind::Hub => {
                store.set_aside(Box::new(AtOnce));
                Replica::open(store, entropy)?
            }
            Kind::Van | Kind::Hostile => Replica::open_laptop(store, entropy)?,
        };
        self.replica = Some(replica);
        Ok(())
    }

    /// Its running process.
    ///
    /// # Errors
    /// It is down.
    pub fn running(&mut self) -> anyhow::Result<&mut Replica> {
        self.replica.as_mut().with_context(|| format!("{} is down", self.name))
    }

    /// Copies its disk as it is.
    ///
    /// # Errors
    /// The files cannot be copied.
    pub fn image(&mut self, noted: usize) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("image-{}", self.images.len()));
        copy(&self.folder, &folder)?;
        self.images.push(Image { folder, noted });
        Ok(())
    }

    /// Copies its disk to where a crash shall find it.
    ///
    /// # Errors
    /// The files cannot be copied.
    pub fn remember(&self) -> io::Result<()> {
        copy(&self.folder, &self.folder.join("before"))
    }

    /// Puts what [`Machine::remember`] copied back, if anything.
    ///
    /// # Errors
    /// The files cannot be copied.
    pub fn forget(&self) -> io::Result<()> {
        let before = self.folder.join("before");
        if before.exists() { copy(&before, &self.folder) } else { Ok(()) }
    }

    /// Puts an image back in place of what is on its disk. Images that are younger stay in the drawer.
    ///
    /// # Errors
    /// The files cannot be copied.
    pub fn restore(&mut self, image: &Image) -> io::Result<()> {
        self.replica = None;
        copy(&image.folder, &self.folder)
    }

    /// A second machine with the same disk.
    ///
    /// # Errors
    /// The files cannot be copied.
    pub fn clone_to(&self, world: &Path, name: &str) -> anyhow::Result<Self> {
        let mut twin = Self::new(world, name, self.kind, self.family, self.seed)?;
        copy(&self.folder, &twin.folder)?;
        twin.device = self.device;
        twin.clock = self.clock;
        Ok(twin)
    }
}

/// Copies a database that no transaction is open on.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for file in [DATABASE.to_owned(), format!("{DATABASE}-wal")] {
        let target = to.join(&file);
        if from.join(&file).exists() {
            fs::copy(from.join(&file), target)?;
        } else if target.exists() {
            fs::remove_file(target)?;
        }
    }
    copy_files(&from.join(FILES), &to.join(FILES))?;
    match fs::remove_file(to.join(format!("{DATABASE}-shm"))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Copies a folder of folders of files, in place of what is there.
fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    if !from.exists() {
        return Ok(());
    }
    for folder in fs::read_dir(from)? {
        let folder = folder?;
        let below = to.join(folder.file_name());
        fs::create_dir_all(&below)?;
        for file in fs::read_dir(folder.path())? {
            let file = file?;
            fs::copy(file.path(), below.join(file.file_name()))?;
        }
    }
    Ok(())
}
