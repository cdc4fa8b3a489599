//! Files that a person names: opened, or told why not and what to do next.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, absolute},
};

use shared::desk::because::Because;

use crate::host::output::{FULL, Failure};

/// Opens a file, or anything else that can be read but a folder.
///
/// # Errors
/// It is not there, is a folder, or may not be read.
pub fn open(file: &Path) -> Result<File, Failure> {
    let failed = |error: io::Error| unreadable(file, &error);
    let open = File::open(file).map_err(failed)?;
    if open.metadata().map_err(failed)?.is_dir() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    Ok(open)
}

/// Reads a whole file of at most `bytes_max` bytes.
///
/// # Errors
/// It cannot be opened or read, or is larger.
pub fn read(file: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let read = open(file)?.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(file, &error))?;
    if bytes.len() <= bytes_max {
        return Ok(bytes);
    }
    Err(Failure::new(format!("{} is larger than {bytes_max} bytes", file.display()))
        .why("file-large")
        .next("name another file"))
}

/// Writes a new file whole or not at all: under another name first, forced to the disk, and read again.
///
/// # Errors
/// There is such a file already, it cannot be written, or the disk gives back other bytes.
pub fn write_new(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if file.exists() {
        return Err(Failure::new(format!("{} is there already", file.display()))
            .why("there-already")
            .next("name another file; nothing was changed"));
    }
    let mut half = file.as_os_str().to_owned();
    half.push(".part");
    let half = Path::new(&half);
    let written =
        write_synced(half, bytes).and_then(|()| std::fs::rename(half, file)).and_then(|()| sync_folder(file));
    if let Err(error) = written {
        // What is left of it is of no use; the reason is told already.
        drop(std::fs::remove_file(half));
        return Err(unwritable(file, &error));
    }
    match std::fs::read(file) {
        Ok(found) if found == bytes => Ok(()),
        Ok(_) => Err(Failure::new(format!("{} does not hold what was written", file.display()))
            .why("wrong-bytes")
            .next("take another stick")),
        Err(error) => Err(unreadable(file, &error)),
    }
}

fn write_synced(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut open = File::create(file)?;
    open.write_all(bytes)?;
    open.sync_all()
}

/// Forces the name of a file to the disk.
fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent().filter(|folder| cfg!(unix) && !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Why a file cannot be read, and what to do next.
pub fn unreadable(file: &Path, error: &io::Error) -> Failure {
    let (shown, kind) = (file.display(), error.kind());
    if kind == ErrorKind::NotFound {
        return Failure::new(format!("there is no file {shown}"))
            .why("no-file")
            .next(format!("check its name; it was looked for as {}", whole(file)))
            .missing();
    }
    if kind == ErrorKind::PermissionDenied {
        return Failure::new(format!("{shown} may not be read"))
            .why("unreadable")
            .next("let the user who gives the command read it, or copy it into a folder of that user");
    }
    if kind == ErrorKind::IsADirectory {
        return folder(file);
    }
    Failure::new(format!("{shown} cannot be read: {error}")).why("unreadable").next(LOOK)
}

/// Why a file cannot be written, and what to do next.
pub fn unwritable(file: &Path, error: &io::Error) -> Failure {
    let (shown, kind) = (file.display(), error.kind());
    if kind == ErrorKind::NotFound {
        return Failure::new(format!("there is no folder for {shown}"))
            .why("no-folder")
            .next("make the folder, or name another");
    }
    if [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem].contains(&kind) {
        return Failure::new(format!("{shown} may not be written"))
            .why("unwritable")
            .next("name a file in a folder of the user who gives the command");
    }
    if kind == ErrorKind::IsADirectory {
        return folder(file);
    }
    let failure = Failure::new(format!("{shown} cannot be written: {error}"));
    match [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge].contains(&kind) {
        true => failure.because(Because::of("full")).next(FULL),
        false => failure.why("unwritable").next(LOOK),
    }
}

const LOOK: &str =
    "see whether the disk or the stick that it is on is still there, then give the command again";

fn folder(file: &Path) -> Failure {
    Failure::new(format!("{} is no file, but a folder", file.display()))
        .why("not-a-file")
        .next("name a file in it")
}

fn whole(file: &Path) -> String {
    absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_names_the_file_and_what_to_do() {
        let file = Path::new("stick/people.ndjson");
        for kind in [
            ErrorKind::NotFound,
            ErrorKind::PermissionDenied,
            ErrorKind::IsADirectory,
            ErrorKind::StorageFull,
            ErrorKind::Other,
        ] {
            for failure in [unreadable(file, &kind.into()), unwritable(file, &kind.into())] {
                assert!(failure.message.contains("stick/people.ndjson"), "{failure:?}");
                assert!(failure.next.is_some(), "{failure:?}");
            }
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(open(folder.path()).unwrap_err().message.contains("folder"));
        assert!(open(&folder.path().join("x")).unwrap_err().missing);
    }
}
