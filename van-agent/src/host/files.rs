//! Files that a person names: opened, or told why not and what to do next.

use std::{
    fs::File,
    io::{self, ErrorKind},
    path::{Path, absolute},
};

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

/// Why a file cannot be read, and what to do next.
pub fn unreadable(file: &Path, error: &io::Error) -> Failure {
    let (shown, kind) = (file.display(), error.kind());
    if kind == ErrorKind::NotFound {
        return Failure::new(format!("there is no file {shown}"))
            .next(format!("check its name; it was looked for as {}", whole(file)))
            .missing();
    }
    if kind == ErrorKind::PermissionDenied {
        return Failure::new(format!("{shown} may not be read"))
            .next("let the user who gives the command read it, or copy it into a folder of that user");
    }
    if kind == ErrorKind::IsADirectory {
        return folder(file);
    }
    Failure::new(format!("{shown} cannot be read: {error}")).next(LOOK)
}

/// Why a file cannot be written, and what to do next.
pub fn unwritable(file: &Path, error: &io::Error) -> Failure {
    let (shown, kind) = (file.display(), error.kind());
    if kind == ErrorKind::NotFound {
        return Failure::new(format!("there is no folder for {shown}"))
            .next("make the folder, or name another");
    }
    if [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem].contains(&kind) {
        return Failure::new(format!("{shown} may not be written"))
            .next("name a file in a folder of the user who gives the command");
    }
    if kind == ErrorKind::IsADirectory {
        return folder(file);
    }
    let next = if kind == ErrorKind::StorageFull { FULL } else { LOOK };
    Failure::new(format!("{shown} cannot be written: {error}")).next(next)
}

const LOOK: &str =
    "see whether the disk or the stick that it is on is still there, then give the command again";

fn folder(file: &Path) -> Failure {
    Failure::new(format!("{} is no file, but a folder", file.display())).next("name a file in it")
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
