//! The folder that holds everything of one laptop or one hub, and the lock that lets one process write to it.
//!
//! **Invariants:** the folder is its owner's alone where the system knows owners; a file is replaced whole or
//! not at all; the lock is the operating system's, so that a killed process holds nothing.

use std::{
    env, fs,
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    io::{Read, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use shared::identity::Entropy;

/// How long a command waits for another to let go of the home.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(10);

const LOCK_POLL: Duration = Duration::from_millis(50);
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Room that is kept for an exchange on a full disk.
const RESERVE_BYTES: usize = 2 << 20;
/// Less free room than this, and the reserve is given up.
const ROOM_BYTES: usize = 256 << 10;

const DATABASE: &str = "keliling.db";
const LOCK: &str = "lock";

/// A small file of a home, apart from the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item {
    /// The seed of the device's or the hub's key: 32 bytes.
    Key,
    /// With what a hub tells vans that it has forgotten their connections: 64 bytes.
    ResetKey,
    /// Where the process that holds the lock may be called.
    Control,
    /// The second copy of the log's head, outside the database.
    Head,
    /// Which networks let no UDP through.
    Networks,
    /// What opens the page, and the port where it last stood.
    Page,
    /// Nothing: room for one exchange on a full disk.
    Reserve,
}

impl Item {
    /// The file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::ResetKey => "reset-key",
            Self::Control => "control",
            Self::Head => "head",
            Self::Networks => "networks",
            Self::Page => "page",
            Self::Reserve => "reserve",
        }
    }
}

/// The folder of one laptop or one hub.
#[derive(Clone, Debug)]
pub struct Home {
    folder: PathBuf,
}

/// What went wrong with a file of the home.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The folder could not be made or looked at.
    #[error("open the folder {}", .folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("read {}", .file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written; the former one stands as it was.
    #[error("write {}", .file.display())]
    Write {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no room for a file; the former one stands as it was.
    #[error("the disk is full: free some space and try again; {} was not written", .file.display())]
    Full {
        /// Which.
        file: PathBuf,
    },
    /// A file has another length than it was written with.
    #[error("{} has {found} bytes where {expected} belong; restore it from a backup", .file.display())]
    Damaged {
        /// Which.
        file: PathBuf,
        /// Its length.
        found: usize,
        /// The right length.
        expected: usize,
    },
}

/// The home could not be had for oneself.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another program is at work in {}", .folder.display())]
    Busy {
        /// Which home.
        folder: PathBuf,
    },
    /// The lock file could not be opened.
    #[error("lock {}", .file.display())]
    Io {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// That this process, and no other, may write to the home; let go when dropped, or when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Home {
    /// Opens the home at `folder`, making it where there is none; it is made its owner's alone.
    ///
    /// # Errors
    /// The folder cannot be made, or is none.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, HomeError> {
        let folder = folder.into();
        let made = match fs::metadata(&folder) {
            Ok(found) if found.is_dir() => adopt_folder(&folder),
            Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_private_folder(&folder),
            Err(error) => Err(error),
        };
        match made {
            Ok(()) => Ok(Self { folder }),
            Err(source) => Err(HomeError::Folder { folder, source }),
        }
    }

    /// Where `program` keeps its home when nobody says otherwise; `None` where the system names no such place.
    pub fn default_folder(program: &str) -> Option<PathBuf> {
        let given = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let data = if cfg!(windows) {
            given("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            given("HOME").map(|home| home.join("Library/Application Support"))
        } else {
            given("XDG_DATA_HOME").or_else(|| given("HOME").map(|home| home.join(".local/share")))
        };
        Some(data?.join("keliling").join(program))
    }

    /// Where what is to outlive a home's restore is kept, of the same person; `None` where the system names no
    /// such place.
    pub fn state_folder() -> Option<PathBuf> {
        let given = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = if cfg!(windows) {
            given("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            given("HOME").map(|home| home.join("Library/Application Support"))
        } else {
            given("XDG_STATE_HOME").or_else(|| given("HOME").map(|home| home.join(".local/state")))
        };
        Some(state?.join("keliling"))
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The database's file of a home in `folder`, which need not be one.
    pub fn database_in(folder: &Path) -> PathBuf {
        folder.join(DATABASE)
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    /// The file of `item`.
    pub fn path(&self, item: Item) -> PathBuf {
        self.folder.join(item.name())
    }

    /// Takes the home for this process, waiting for up to `patience` while another has it.
    /// What a killed process left behind of its control channel is cleared away.
    ///
    /// # Errors
    /// Another process kept it, or the lock file cannot be opened.
    pub fn lock(&self, patience: Duration) -> Result<Lock, LockError> {
        let path = self.folder.join(LOCK);
        let io = |source| LockError::Io { file: path.clone(), source };
        let file = private(OpenOptions::new().read(true).write(true).create(true)).open(&path).map_err(io)?;
        let asked = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if asked.elapsed() >= patience => {
                    return Err(LockError::Busy { folder: self.folder.clone() });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(LOCK_POLL),
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
        }
        match fs::remove_file(self.path(Item::Control)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io(error)),
            _ => Ok(Lock { _file: file }),
        }
    }

    /// Lays aside room for an exchange on a full disk. Best effort: where there is none, there is none.
    pub fn keep_room(&self) {
        if !self.path(Item::Reserve).exists()
            && let Err(error) = self.write(Item::Reserve, &vec![0; RESERVE_BYTES])
        {
            tracing::debug!(error = &error as &dyn std::error::Error, "keep room for a full disk");
        }
    }

    /// Gives the reserve up where the disk is full.
    pub fn give_way(&self) {
        let probe = self.folder.join("room");
        let full = fs::write(&probe, vec![0; ROOM_BYTES]).is_err();
        drop(fs::remove_file(probe));
        if full && fs::remove_file(self.path(Item::Reserve)).is_ok() {
            tracing::warn!("the disk is full: the room that was kept for an exchange is used");
        }
    }

    /// The bytes of `item`, or `None` where there is no such file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, item: Item) -> Result<Option<Vec<u8>>, HomeError> {
        let file = self.path(item);
        let mut bytes = Vec::new();
        match File::open(&file).and_then(|open| open.take(FILE_BYTES_MAX).read_to_end(&mut bytes)) {
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(HomeError::Read { file, source }),
        }
    }

    /// Replaces `item` with `bytes`, for the owner alone; durable on return.
    ///
    /// # Errors
    /// It cannot be written; what was there before still is.
    pub fn write(&self, item: Item, bytes: &[u8]) -> Result<(), HomeError> {
        let file = self.path(item);
        replace(&self.folder, &file, bytes).map_err(|source| {
            let full = source.kind() == io::ErrorKind::StorageFull;
            if full { HomeError::Full { file } } else { HomeError::Write { file, source } }
        })
    }

    /// The `N` secret bytes of `item`, or `None` where there are none yet.
    ///
    /// # Errors
    /// They cannot be read, or are not `N`.
    pub fn secret<const N: usize>(&self, item: Item) -> Result<Option<[u8; N]>, HomeError> {
        let Some(bytes) = self.read(item)? else { return Ok(None) };
        let found = bytes.len();
        let secret = bytes.try_into();
        secret.map(Some).map_err(|_| HomeError::Damaged { file: self.path(item), found, expected: N })
    }

    /// The `N` secret bytes of `item`, drawn and kept where there are none yet.
    ///
    /// # Errors
    /// They cannot be read or written, or are not `N`.
    pub fn secret_or_new<const N: usize>(
        &self,
        item: Item,
        entropy: &mut Entropy<'_>,
    ) -> Result<[u8; N], HomeError> {
        if let Some(secret) = self.secret(item)? {
            return Ok(secret);
        }
        let mut secret = [0; N];
        entropy(&mut secret);
        self.write(item, &secret)?;
        Ok(secret)
    }
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a folder private that is ours; one that many share, such as `/tmp`, or another's stays as it is.
fn adopt_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        const SHARED: u32 = 0o1000;
        let mode = fs::metadata(folder)?.permissions().mode();
        if mode & SHARED == 0 && mode & 0o777 != 0o700 {
            match fs::set_permissions(folder, fs::Permissions::from_mode(0o700)) {
                Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
                _ => {}
            }
        }
    }
    fs::read_dir(folder).map(drop)
}

/// For the owner alone, where the system knows owners; elsewhere the folder's own rights hold.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn replace(folder: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = file.with_extension("new");
    let mut open = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&fresh)?;
    let written = open.write_all(bytes).and_then(|()| open.sync_all());
    drop(open);
    if let Err(error) = written {
        // On a full disk half a file takes room that others need.
        drop(fs::remove_file(&fresh));
        return Err(error);
    }
    fs::rename(&fresh, file)?;
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let lock = home.lock(Duration::ZERO).unwrap();
        assert!(matches!(home.lock(Duration::ZERO), Err(LockError::Busy { .. })));
        drop(lock);
        home.lock(Duration::ZERO).unwrap();
    }

    /// Run by [`a_killed_process_lets_go`] in a process of its own; does nothing in an ordinary run.
    #[test]
    fn hold_until_killed() {
        let Some(folder) = env::var_os("KELILING_TEST_HOLD") else { return };
        let _lock = Home::open(folder).unwrap().lock(Duration::ZERO).unwrap();
        io::stderr().write_all(b"held\n").unwrap();
        io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }

    #[test]
    fn a_killed_process_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let mut holder = Command::new(env::current_exe().unwrap())
            .args(["--exact", "host::home::tests::hold_until_killed", "--nocapture"])
            .env("KELILING_TEST_HOLD", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = [0; 5];
        holder.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"held\n");
        assert!(matches!(home.lock(Duration::ZERO), Err(LockError::Busy { .. })));
        fs::write(home.path(Item::Control), "left behind").unwrap();
        holder.kill().unwrap();
        holder.wait().unwrap();
        home.lock(Duration::ZERO).unwrap();
        assert_eq!(home.read(Item::Control).unwrap(), None);
    }

    #[test]
    fn files_are_whole_private_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("deep/home")).unwrap();
        fs::create_dir(folder.path().join("given")).unwrap();
        fs::write(folder.path().join("given/something"), "x").unwrap();
        let given = Home::open(folder.path().join("given")).unwrap();
        let mut draw = |bytes: &mut [u8]| bytes.fill(7);
        assert_eq!(home.secret::<32>(Item::Key).unwrap(), None);
        assert_eq!(home.secret_or_new::<32>(Item::Key, &mut draw).unwrap(), [7; 32]);
        assert_eq!(home.secret_or_new::<32>(Item::Key, &mut |bytes| bytes.fill(8)).unwrap(), [7; 32]);
        home.write(Item::Key, &[1; 31]).unwrap();
        assert!(matches!(home.secret::<32>(Item::Key), Err(HomeError::Damaged { found: 31, .. })));
        assert!(Home::open(home.path(Item::Key)).is_err());
        assert_eq!(given.read(Item::Head).unwrap(), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(home.folder()), mode(given.folder())), (0o700, 0o700));
            assert_eq!(mode(&home.path(Item::Key)), 0o600);
        }
    }
}
