//! The files of attachments: one file a content, `attachments/ab/HASH`, beside the database.
//!
//! **Invariants:** a file has its name only when all its bytes are on disk and its hash was checked; a
//! transaction names it only after that. What is half received is in `HASH.part`, and only what was synced
//! counts. A file whose bytes no longer have its hash is set aside as `HASH.damaged` and never given out.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{Result, StoreError};
use crate::id::ContentHash;

/// Bytes read at once where a whole file is looked at.
const READ_BYTES: usize = 64 * 1024;

/// The folder of one store.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
}

/// What a look at a file found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// All of it, as it should be: so many bytes.
    Whole(u64),
    /// There is no such file.
    Missing,
    /// Its bytes do not have its hash.
    Damaged,
}

impl Files {
    /// The folder beside the store at `path`.
    pub fn beside(path: &Path) -> Self {
        Self { folder: path.with_file_name("attachments") }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the content `hash` is, or would be.
    pub fn path(&self, hash: ContentHash) -> PathBuf {
        let name = hash.to_string();
        self.folder.join(&name[..2]).join(name)
    }

    fn beside_it(&self, hash: ContentHash, end: &str) -> PathBuf {
        self.path(hash).with_extension(end)
    }

    /// Keeps `bytes`, durable on return; those that are here already are not written again.
    ///
    /// # Errors
    /// The disk is full or fails; nothing is kept then.
    pub fn put(&self, bytes: &[u8]) -> Result<ContentHash> {
        let hash = ContentHash(*blake3::hash(bytes).as_bytes());
        if self.look(hash)? == State::Whole(bytes.len() as u64) {
            return Ok(hash);
        }
        let fresh = self.beside_it(hash, "new");
        let written = self.make_room(hash).and_then(|()| {
            let mut file =
                private(OpenOptions::new().write(true).create(true).truncate(true)).open(&fresh)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            self.settle(hash, &fresh)
        });
        written.map_err(|source| {
            // What is left of it is of no use; the reason is told already.
            drop(fs::remove_file(&fresh));
            failed(fresh, source)
        })?;
        Ok(hash)
    }

    /// All bytes of a content; `None` where it is missing or damaged.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(&self, hash: ContentHash) -> Result<Option<Vec<u8>>> {
        let path = self.path(hash);
        match fs::read(&path) {
            Ok(bytes) if blake3::hash(&bytes).as_bytes() == &hash.0 => Ok(Some(bytes)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed(path, source)),
        }
    }

    /// Reads the whole content and compares its hash.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn look(&self, hash: ContentHash) -> Result<State> {
        let path = self.path(hash);
        match File::open(&path).and_then(|mut file| digest(&mut file)) {
            Ok((found, bytes)) if found.finalize().as_bytes() == &hash.0 => Ok(State::Whole(bytes)),
            Ok(_) => Ok(State::Damaged),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::Missing),
            Err(source) => Err(failed(path, source)),
        }
    }

    /// Bytes of the file of a content, without a look at them; `None` where there is none.
    pub fn size(&self, hash: ContentHash) -> Option<u64> {
        fs::metadata(self.path(hash)).ok().map(|found| found.len())
    }

    /// Puts a file aside whose bytes do not have its hash.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn set_aside(&self, hash: ContentHash) -> Result<()> {
        let path = self.path(hash);
        match fs::rename(&path, self.beside_it(hash, "damaged")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, error)),
            _ => Ok(()),
        }
    }

    /// Opens a whole content at a byte, for sending.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open_at(&self, hash: ContentHash, offset: u64) -> Result<File> {
        let path = self.path(hash);
        let open = || -> io::Result<File> {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        };
        open().map_err(|source| failed(path.clone(), source))
    }

    /// Opens what is half received of a content, of which `held` bytes were synced; the rest is cut off.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn resume(&self, hash: ContentHash, held: u64) -> Result<Part> {
        let path = self.beside_it(hash, "part");
        let open = || -> io::Result<Part> {
            self.make_room(hash)?;
            let options = &mut OpenOptions::new();
            let mut file = private(options.read(true).write(true).create(true)).open(&path)?;
            let held = file.metadata()?.len().min(held);
            file.set_len(held)?;
            file.seek(SeekFrom::Start(0))?;
            let (hasher, _) = digest(&mut file)?;
            Ok(Part { path: path.clone(), file, hasher, held, synced: held })
        };
        open().map_err(|source| failed(path.clone(), source))
    }

    /// Gives a part that is complete its name, durable on return. Returns whether its bytes have the hash; they
    /// are thrown away otherwise.
    ///
    /// # Errors
    /// The disk fails.
    pub fn finish(&self, hash: ContentHash, part: Part) -> Result<bool> {
        if part.hasher.finalize().as_bytes() != &hash.0 {
            drop(part);
            self.throw_away(hash);
            return Ok(false);
        }
        let settle = || -> io::Result<()> {
            part.file.sync_all()?;
            self.settle(hash, &part.path)
        };
        settle().map(|()| true).map_err(|source| failed(part.path.clone(), source))
    }

    /// Throws away what is half received of a content.
    pub fn throw_away(&self, hash: ContentHash) {
        // Where it stays nothing names it, and the next attempt overwrites it.
        drop(fs::remove_file(self.beside_it(hash, "part")));
    }

    /// Removes a content that nothing names any more.
    pub fn remove(&self, hash: ContentHash) {
        // Where it stays it is in nobody's way.
        drop(fs::remove_file(self.path(hash)));
    }

    fn make_room(&self, hash: ContentHash) -> io::Result<()> {
        let path = self.path(hash);
        let folder = path.parent().expect("a hash has a folder of its own");
        if folder.is_dir() {
            return Ok(());
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        sync_folder(&self.folder)?;
        sync_folder(self.folder.parent().unwrap_or(&self.folder))
    }

    fn settle(&self, hash: ContentHash, fresh: &Path) -> io::Result<()> {
        let path = self.path(hash);
        fs::rename(fresh, &path)?;
        sync_folder(path.parent().expect("a hash has a folder of its own"))
    }
}

/// A content that is half received.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    file: File,
    hasher: blake3::Hasher,
    held: u64,
    synced: u64,
}

impl Part {
    /// Bytes received.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Bytes received since [`Part::sync`].
    pub fn unsynced(&self) -> u64 {
        self.held - self.synced
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|source| failed(self.path.clone(), source))?;
        self.hasher.update(bytes);
        self.held += bytes.len() as u64;
        Ok(())
    }

    /// Makes what was received durable; so many bytes are.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sync(&mut self) -> Result<u64> {
        self.file.sync_data().map_err(|source| failed(self.path.clone(), source))?;
        self.synced = self.held;
        Ok(self.held)
    }
}

fn digest(file: &mut File) -> io::Result<(blake3::Hasher, u64)> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((hasher, bytes));
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
}

fn failed(file: PathBuf, source: io::Error) -> StoreError {
    if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return StoreError::Full;
    }
    StoreError::File { file, source }
}

/// For the owner alone, where the system knows owners.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().expect("folder");
        let files = Files::beside(&folder.path().join("keliling.db"));
        (folder, files)
    }

    #[test]
    fn a_content_is_kept_once_and_damage_is_seen() {
        let (_folder, files) = files();
        let hash = files.put(b"a scan").expect("keeps");
        assert_eq!(files.put(b"a scan").expect("keeps"), hash);
        assert!(files.path(hash).ends_with(format!("attachments/{}/{hash}", &hash.to_string()[..2])));
        assert_eq!(files.read(hash).expect("reads").as_deref(), Some(b"a scan".as_slice()));
        assert_eq!(files.look(hash).expect("looks"), State::Whole(6));
        fs::write(files.path(hash), b"a scam").expect("writes");
        assert_eq!(files.look(hash).expect("looks"), State::Damaged);
        assert_eq!(files.read(hash).expect("reads"), None);
        files.set_aside(hash).expect("renames");
        assert_eq!(files.look(hash).expect("looks"), State::Missing);
        files.put(b"a scan").expect("keeps");
        assert_eq!(files.look(hash).expect("looks"), State::Whole(6));
    }

    #[test]
    fn a_part_goes_on_where_it_was_synced() {
        let (_folder, files) = files();
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
        let hash = ContentHash(*blake3::hash(&bytes).as_bytes());
        let mut part = files.resume(hash, 0).expect("begins");
        part.append(&bytes[..70_000]).expect("writes");
        assert_eq!(part.sync().expect("syncs"), 70_000);
        part.append(&bytes[70_000..90_000]).expect("writes");
        drop(part);
        let mut part = files.resume(hash, 70_000).expect("goes on");
        assert_eq!(part.held(), 70_000);
        part.append(&bytes[70_000..]).expect("writes");
        assert!(files.finish(hash, part).expect("is whole"));
        assert_eq!(files.read(hash).expect("reads"), Some(bytes));
        let mut part = files.resume(ContentHash([1; 32]), 0).expect("begins");
        part.append(b"something else").expect("writes");
        assert!(!files.finish(ContentHash([1; 32]), part).expect("is not"));
        assert_eq!(files.resume(ContentHash([1; 32]), 14).expect("begins").held(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn files_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, files) = files();
        let hash = files.put(b"a scan").expect("keeps");
        let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!((mode(files.folder()), mode(&files.path(hash))), (0o700, 0o600));
    }
}
