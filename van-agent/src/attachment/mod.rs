//! Files of cases on this laptop: taken in, given out, asked for.

pub mod media;
pub mod scans;
pub mod thumbnail;

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use shared::{
    desk::{
        because::Explained as _,
        files::{self, FileError, NewFile},
    },
    document::{Attachment, Case, View, attachment, field, schema::ATTACHMENT_BYTES_MAX},
    id::{ContentHash, DocumentId},
    store::{self, changes},
    time::Now,
};

use crate::{
    agent::{Agent, explained},
    host::{files as named, output::Failure},
};

/// Characters of a file's own name that become the attachment's.
const NAME_CHARACTERS_MAX: usize = 100;

/// A file as a person gave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// Where it is.
    pub file: PathBuf,
    /// What it shows; by its form where nobody says.
    pub kind: Option<attachment::Kind>,
    /// What people call it; its own name where nobody says.
    pub name: Option<String>,
    /// A small picture of it, a JPEG in base 64.
    pub thumbnail: Option<String>,
}

/// A file whose bytes are here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Content {
    /// All of it.
    pub(crate) bytes: Vec<u8>,
    /// What it shows; by its form where nobody says.
    pub(crate) kind: Option<attachment::Kind>,
    /// What people call it.
    pub(crate) name: Option<String>,
    /// A small picture of it, a JPEG.
    pub(crate) thumbnail: Option<Vec<u8>>,
}

/// A file of a case as it is given out.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Taken {
    pub(crate) case: DocumentId,
    pub(crate) hash: ContentHash,
    pub(crate) known: Attachment,
    /// All of it, or of its small picture.
    pub(crate) bytes: Vec<u8>,
}

/// Where a file of a case was found.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Found {
    /// It is here.
    Here(Taken),
    /// It is not.
    Away(Away),
}

/// A file of a case that is not here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Away {
    hash: ContentHash,
    /// Its bytes, as the case says.
    pub(crate) size: u64,
    /// What people call it.
    pub(crate) name: Option<String>,
    /// Whether it is to be fetched.
    pub(crate) asked: bool,
    /// Whether it was attached here, and damaged before the hub had it.
    pub(crate) lost: bool,
}

impl Agent {
    /// Lets a file on disk belong to a case.
    pub(crate) fn attach_file(&mut self, now: Now, case: &str, given: &Given) -> Result<Value, Failure> {
        let bytes = read(&given.file)?;
        let thumbnail = given.thumbnail.as_deref();
        let thumbnail = thumbnail.and_then(|text| data_encoding::BASE64.decode(text.as_bytes()).ok());
        let name = given.name.clone().or_else(|| own_name(&given.file));
        self.attach(now, case, &Content { bytes, kind: given.kind, name, thumbnail })
    }

    /// Lets a file belong to a case.
    pub(crate) fn attach(&mut self, now: Now, case: &str, content: &Content) -> Result<Value, Failure> {
        let document = self.case(case)?;
        let file = self.lay_down(content)?;
        let written = self.replica_mut().write(now, |writing| files::attach(writing, document, &file));
        let mut answer = json!(written.map_err(said)?);
        answer["kind"] = json!(file.kind);
        answer["type"] = json!(file.media_type);
        answer["size"] = json!(file.size);
        answer["thumbnail_size"] = json!(file.thumbnail.map(|(_, size)| size));
        Ok(answer)
    }

    /// Writes a file's bytes to disk, before any case names them.
    pub(crate) fn lay_down(&mut self, content: &Content) -> Result<NewFile, Failure> {
        let media = media::of(&content.bytes);
        let folder = self.replica().store().files();
        let hash = folder.put(&content.bytes).map_err(said)?;
        let fits = |small: &&Vec<u8>| small.len() as u64 <= attachment::THUMBNAIL_BYTES_MAX;
        let thumbnail = match content.thumbnail.as_ref().filter(fits) {
            Some(small) => Some((folder.put(small).map_err(said)?, small.len() as u64)),
            None => None,
        };
        Ok(NewFile {
            hash,
            size: content.bytes.len() as u64,
            name: content.name.clone(),
            kind: content.kind.unwrap_or(media.kind),
            media_type: media.name.to_owned(),
            thumbnail: thumbnail.filter(|(small, _)| *small != hash),
        })
    }

    /// Takes a file away from a case.
    pub(crate) fn detach(
        &mut self,
        now: Now,
        case: &str,
        name: &str,
        reason: &str,
    ) -> Result<Value, Failure> {
        let document = self.case(case)?;
        let written = self.replica_mut().write(now, |writing| files::detach(writing, document, name, reason));
        match written {
            Err(error @ FileError::NoReason) => {
                let because = error.because();
                Err(Failure::usage(error.to_string()).because(because))
            }
            written => Ok(json!(written.map_err(explained)?)),
        }
    }

    /// Writes a file of a case to `out`; asks the hub for one that is not here.
    pub(crate) fn write_attachment(
        &mut self,
        case: &str,
        name: &str,
        out: &Path,
        thumbnail: bool,
    ) -> Result<Value, Failure> {
        let Taken { case, hash, known, bytes } = self.take_attachment(case, name, thumbnail)?;
        fs::write(out, &bytes).map_err(|error| named::unwritable(out, &error))?;
        Ok(json!({
            "case": case, "attachment": hash, "name": known.name, "type": known.media_type,
            "out": out, "bytes": bytes.len(),
        }))
    }

    /// Gives a file of a case out, or its small picture; asks the hub for one that is not here.
    pub(crate) fn take_attachment(
        &mut self,
        case: &str,
        name: &str,
        thumbnail: bool,
    ) -> Result<Taken, Failure> {
        match self.find_attachment(case, name, thumbnail)? {
            Found::Here(taken) => Ok(taken),
            Found::Away(away) => Err(self.ask_for(&away)),
        }
    }

    /// Looks for a file of a case, or its small picture, and asks nobody.
    pub(crate) fn find_attachment(
        &mut self,
        case: &str,
        name: &str,
        thumbnail: bool,
    ) -> Result<Found, Failure> {
        let document = self.case(case)?;
        let history = changes::history(self.read()?, document).map_err(said)?;
        let (hash, known) = files::find(&Case::read(&View::of(&history)), name).map_err(explained)?;
        let (wanted, size) = match (thumbnail, known.thumbnail) {
            (false, _) => (hash, known.size.unwrap_or(0)),
            (true, Some(small)) => (small, attachment::THUMBNAIL_BYTES_MAX),
            (true, None) => {
                return Err(Failure::new("there is no small picture of it").why("no-copy").missing());
            }
        };
        if let Some(bytes) = self.replica_mut().read_file(wanted).map_err(said)? {
            return Ok(Found::Here(Taken { case: document, hash: wanted, known, bytes }));
        }
        let stored = store::attachment::find(self.replica().store().reader(), wanted).map_err(said)?;
        Ok(Found::Away(Away {
            hash: wanted,
            size,
            name: known.name,
            asked: stored.as_ref().is_some_and(|stored| stored.wanted),
            lost: stored.is_some_and(|stored| stored.own && !stored.receipted && !stored.whole),
        }))
    }

    /// Asks the hub for a file of a case, unless it is here.
    pub(crate) fn ask_for_attachment(&mut self, case: &str, name: &str) -> Result<(), Failure> {
        match self.find_attachment(case, name, false)? {
            Found::Here(_) => Ok(()),
            Found::Away(Away { hash, size, .. }) => self.replica_mut().want_file(hash, size).map_err(said),
        }
    }

    fn ask_for(&mut self, away: &Away) -> Failure {
        if let Err(error) = self.replica_mut().want_file(away.hash, away.size) {
            return said(error);
        }
        if away.lost {
            return Failure::new("it was damaged here before the hub had it")
                .why("lost-copy")
                .next("attach the file again if you still have it: the same file takes its old place")
                .missing();
        }
        Failure::new(
            "it is not on this laptop; it is asked for and comes with the next exchange with the hub",
        )
        .why("no-copy")
        .next("give `van-agent sync` where there is a network, then this command again")
        .missing()
    }
}

fn said(error: impl std::error::Error + 'static) -> Failure {
    crate::agent::said(error)
}

/// The bytes of a file that can be attached.
///
/// # Errors
/// It is empty, too large, no file, or cannot be read.
pub fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let shown = file.display();
    let failed = |error: std::io::Error| named::unreadable(file, &error);
    let open = named::open(file)?;
    let metadata = open.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(Failure::usage(format!("{shown} is no file"))
            .why("not-a-file")
            .next("name a file that holds a scan, a photo or a text"));
    }
    let limit = ATTACHMENT_BYTES_MAX.unsigned_abs();
    let mut bytes = Vec::new();
    open.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.is_empty() {
        return Err(Failure::new(format!("{shown} is empty"))
            .why("file-empty")
            .next("scan it again, or name another file"));
    }
    if bytes.len() as u64 > limit {
        return Err(Failure::new(format!(
            "{shown} has {}, and an attachment at most {}",
            files::in_bytes(metadata.len()),
            files::in_bytes(limit)
        ))
        .why("file-large")
        .next("scan it with fewer dots per inch, or take the photo smaller"));
    }
    Ok(bytes)
}

fn own_name(file: &Path) -> Option<String> {
    Some(shortened(&file.file_name()?.to_string_lossy()))
}

/// A file's name as an attachment may be called.
pub(crate) fn shortened(name: &str) -> String {
    let plain = |c: &char| !c.is_control() && !field::turns_direction(*c);
    name.chars().filter(plain).take(NAME_CHARACTERS_MAX).collect()
}
