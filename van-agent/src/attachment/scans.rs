//! What a scanner wrote into its folder, to be attached by one press.

use std::{
    fs,
    path::{Component, Path, PathBuf},
    time::SystemTime,
};

use shared::document::schema::ATTACHMENT_BYTES_MAX;

use crate::host::{files as named, output::Failure};

/// Files of the folder that are looked at.
const LOOKED_AT_MAX: usize = 10_000;

/// A file that a scanner wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    /// Its name in the folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Why it cannot be attached, where it cannot.
    pub unfit: Option<Unfit>,
    /// When it was written.
    written: SystemTime,
}

/// Why a file cannot be attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// It holds nothing, or is not written yet.
    Empty,
    /// It is larger than an attachment may be.
    Large,
}

impl Unfit {
    fn of(size: u64) -> Option<Self> {
        match size {
            0 => Some(Self::Empty),
            size => (size > ATTACHMENT_BYTES_MAX.unsigned_abs()).then_some(Self::Large),
        }
    }

    /// The word that programs read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Large => "large",
        }
    }
}

/// The newest files of a folder, at most `limit`, the newest first.
///
/// # Errors
/// The folder cannot be read.
pub fn newest(folder: &Path, limit: usize) -> Result<Vec<Scan>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| named::unreadable(folder, &error))?;
    let scan = |entry: fs::DirEntry| {
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let name = entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'))?;
        let size = metadata.len();
        Some(Scan { name, size, unfit: Unfit::of(size), written: metadata.modified().ok()? })
    };
    let mut found: Vec<_> = entries.flatten().take(LOOKED_AT_MAX).filter_map(scan).collect();
    found.sort_by(|one, other| other.written.cmp(&one.written).then_with(|| one.name.cmp(&other.name)));
    found.truncate(limit);
    Ok(found)
}

/// Where the file `name` of a folder is; no name leads out of the folder.
///
/// # Errors
/// It is no plain name.
pub fn path(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(part)), None) if part == name => Ok(folder.join(name)),
        _ => Err(Failure::usage(format!("`{name}` is no file of the scanner's folder")).why("scanner-file")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_newest_scans_come_first_and_nothing_else() {
        let folder = tempfile::tempdir().expect("there is room");
        for (index, name) in ["old.jpg", "new.pdf", ".hidden", "empty"].into_iter().enumerate() {
            let file = fs::File::create(folder.path().join(name)).expect("there is room");
            if name != "empty" {
                fs::write(folder.path().join(name), "scan").expect("there is room");
            }
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(index as u64);
            file.set_modified(at).expect("it is ours");
        }
        fs::create_dir(folder.path().join("inner")).expect("there is room");
        let names = |limit| -> Vec<String> {
            newest(folder.path(), limit).expect("it is there").into_iter().map(|scan| scan.name).collect()
        };
        assert_eq!(names(8), ["empty", "new.pdf", "old.jpg"]);
        assert_eq!(names(2), ["empty", "new.pdf"]);
        let found = newest(folder.path(), 8).expect("it is there");
        assert_eq!((found[0].unfit, found[1].unfit), (Some(Unfit::Empty), None));
        let most = ATTACHMENT_BYTES_MAX.unsigned_abs();
        assert_eq!((Unfit::of(most), Unfit::of(most + 1)), (None, Some(Unfit::Large)));
        assert!(newest(&folder.path().join("none"), 8).is_err());
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let folder = Path::new("/scans");
        assert_eq!(path(folder, "KTP ibu.jpg").expect("a name"), folder.join("KTP ibu.jpg"));
        for wrong in ["", ".", "..", "../x", "/etc/passwd", "a/b", "a/"] {
            assert!(path(folder, wrong).is_err(), "{wrong}");
        }
    }
}
