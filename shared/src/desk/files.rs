//! Files of a case: attached, taken away, found by what a person calls them, and where each one is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::author::{self, Author};
use crate::{
    document::{Attachment, Case, EditError, View, attachment, field},
    id::{ContentHash, DocumentId},
    store::{self, Result, StoreError, Tx},
    sync::writing::{SaveError, Writing},
};

/// Characters of a content hash that name an attachment to people.
const SHORT: usize = 8;
/// Characters of a content hash that name an attachment at least.
const SHORT_MIN: usize = 4;

/// A file that lies in the folder and is to belong to a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewFile {
    /// Its content.
    pub hash: ContentHash,
    /// Bytes.
    pub size: u64,
    /// What people call it.
    pub name: Option<String>,
    /// What it shows.
    pub kind: attachment::Kind,
    /// Its media type.
    pub media_type: String,
    /// The content of its small picture, and its bytes.
    pub thumbnail: Option<(ContentHash, u64)>,
}

/// What came of attaching or taking away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Done {
    /// The case.
    pub case: DocumentId,
    /// Its number.
    pub slip: Option<String>,
    /// The content.
    pub attachment: ContentHash,
    /// What people call it.
    pub name: Option<String>,
    /// Whether anything was changed.
    pub changed: bool,
}

/// Why a file is neither attached nor taken away nor found.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such attachment.
    #[error("the case has no attachment `{text}`")]
    Unknown {
        /// What was given, cut.
        text: String,
    },
    /// More than one attachment is called so.
    #[error("more than one attachment is called `{text}`: give more of its id")]
    Doubled {
        /// What was given, cut.
        text: String,
    },
    /// A removal needs a reason.
    #[error("to take an attachment away give the reason")]
    NoReason,
    /// A name or reason with characters that are no text.
    #[error("a name or reason holds a control character, or one that turns the direction of writing")]
    Characters,
    /// The document does not take it.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// It is not saved.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// Attaches a file to a case. One that it has already stays as it is.
///
/// # Errors
/// It is not taken; nothing is to be committed then.
pub fn attach(writing: &mut Writing<'_>, document: DocumentId, file: &NewFile) -> Result<Done, FileError> {
    file.name.as_deref().map_or(Ok(()), check_characters)?;
    let mut edit = writing.open(document)?;
    attachment::New {
        hash: file.hash,
        name: file.name.as_deref(),
        kind: file.kind,
        media_type: &file.media_type,
        size: file.size,
        at: writing.now.wall,
        thumbnail: file.thumbnail.map(|(hash, _)| hash),
    }
    .write(&mut edit)?;
    store::attachment::put_own(writing.tx, file.hash, file.size)?;
    let changed = writing.save(document, edit)?;
    if let Some((hash, size)) = file.thumbnail.filter(|_| changed) {
        store::attachment::put_own(writing.tx, hash, size)?;
    }
    done(writing, document, file.hash, changed)
}

/// Takes a file away from a case, for a reason; its bytes stay where they are.
///
/// # Errors
/// It is not taken; nothing is to be committed then.
pub fn detach(
    writing: &mut Writing<'_>,
    document: DocumentId,
    name: &str,
    reason: &str,
) -> Result<Done, FileError> {
    if reason.trim().is_empty() {
        return Err(FileError::NoReason);
    }
    check_characters(reason)?;
    let (hash, _) = find(&read_case(writing, document)?, name)?;
    let mut edit = writing.open(document)?;
    attachment::detach(&mut edit, hash, reason)?;
    let changed = writing.save(document, edit)?;
    done(writing, document, hash, changed)
}

fn done(
    writing: &mut Writing<'_>,
    document: DocumentId,
    hash: ContentHash,
    changed: bool,
) -> Result<Done, FileError> {
    let case = read_case(writing, document)?;
    let name = case.attachments.get(&hash).and_then(|attachment| attachment.name.clone());
    Ok(Done { case: document, slip: case.slip, attachment: hash, name, changed })
}

fn read_case(writing: &mut Writing<'_>, document: DocumentId) -> Result<Case, SaveError> {
    Ok(Case::read(&View::of(writing.history(document)?)))
}

fn check_characters(text: &str) -> Result<(), FileError> {
    let wrong = |c: char| c.is_control() || field::turns_direction(c);
    if text.chars().any(wrong) { Err(FileError::Characters) } else { Ok(()) }
}

/// The attachment of a case that a person means: by its id, the beginning of it, or its name.
///
/// # Errors
/// There is none, or more than one.
pub fn find(case: &Case, text: &str) -> Result<(ContentHash, Attachment), FileError> {
    let cut = || text.chars().take(64).collect();
    let start = text.to_ascii_lowercase();
    let by_id = |hash: &ContentHash| text.len() >= SHORT_MIN && hash.to_string().starts_with(&start);
    let mut found: Vec<_> = case.attachments.iter().filter(|(hash, _)| by_id(hash)).collect();
    if found.is_empty() {
        found = case.attachments.iter().filter(|(_, known)| known.name.as_deref() == Some(text)).collect();
    }
    match found.as_slice() {
        [(hash, attachment)] => Ok((**hash, (*attachment).clone())),
        [] => Err(FileError::Unknown { text: cut() }),
        [_, _, ..] => Err(FileError::Doubled { text: cut() }),
    }
}

/// Where the file of an attachment is, as far as this machine knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// The hub lacks it yet.
    ToFollow,
    /// The hub holds it.
    AtHub,
    /// Not on this laptop; at the hub, or to follow from another one.
    Elsewhere,
    /// It was here and is damaged or gone: it is fetched again where somebody holds it.
    Damaged,
}

/// An attachment with where its file is.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ShownAttachment {
    /// The content; its beginning names it.
    pub attachment: ContentHash,
    /// What people call it.
    pub name: Option<String>,
    /// What it shows.
    pub kind: Option<attachment::Kind>,
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// When it was attached, as claimed.
    pub at: Option<String>,
    /// Who attached it.
    #[serde(flatten)]
    pub author: Author,
    /// The content of a small picture of it.
    pub thumbnail: Option<ContentHash>,
    /// Why it no longer belongs to the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<String>,
    /// Where its file is.
    pub state: Where,
    /// Whether its file is on this machine.
    pub here: bool,
    /// Whether its small picture is on this machine.
    pub thumbnail_here: bool,
}

/// The attachments of a case, as a hub or a laptop knows them.
///
/// # Errors
/// The store fails.
pub fn shown(tx: Tx<'_>, case: &Case, hub: bool, offset_minutes: i16) -> Result<Vec<ShownAttachment>> {
    let mut shown = Vec::new();
    for (hash, attachment) in &case.attachments {
        let known = store::attachment::find(tx, *hash)?;
        let here = known.is_some_and(|known| known.whole);
        let small = attachment.thumbnail.map(|small| store::attachment::find(tx, small)).transpose()?;
        let thumbnail_here = small.flatten().is_some_and(|known| known.whole);
        let state = match known {
            Some(known) if hub && known.whole => Where::AtHub,
            _ if hub => Where::ToFollow,
            Some(known) if known.whole && known.own && !known.receipted => Where::ToFollow,
            Some(known) if known.whole || known.receipted => Where::AtHub,
            Some(known) if known.own => Where::Damaged,
            _ => Where::Elsewhere,
        };
        shown.push(ShownAttachment {
            attachment: *hash,
            name: attachment.name.clone(),
            kind: attachment.kind,
            media_type: attachment.media_type.clone(),
            size: attachment.size,
            at: attachment.at.map(|at| at.to_rfc3339(offset_minutes)),
            author: author::of_change(tx, &attachment.change)?,
            thumbnail: attachment.thumbnail,
            removed: attachment.removed.clone(),
            state,
            here,
            thumbnail_here,
        });
    }
    shown.sort_by(|a, b| {
        (a.removed.is_some(), &a.at, a.attachment).cmp(&(b.removed.is_some(), &b.at, b.attachment))
    });
    Ok(shown)
}

/// How many of each kind the hub lacks.
pub fn to_follow(shown: &[ShownAttachment]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for attachment in shown.iter().filter(|one| one.removed.is_none() && one.state == Where::ToFollow) {
        let kind = attachment.kind.unwrap_or(attachment::Kind::Other);
        *counts.entry(kind.as_str()).or_default() += 1;
    }
    counts
}

/// `2 scans to follow, 1 photo to follow`, of a shown case's `to_follow`; empty where nothing is to follow.
pub fn to_follow_in_words(counts: &serde_json::Value) -> String {
    let parts = counts.as_object().into_iter().flatten().map(|(kind, count)| {
        let count = count.as_u64().unwrap_or(0);
        let word = if kind == attachment::Kind::Other.as_str() { "file" } else { kind };
        format!("{count} {word}{} to follow", if count == 1 { "" } else { "s" })
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// An attachment of a shown case as a line for people.
pub fn line(shown: &serde_json::Value) -> String {
    let text = |name: &str| shown[name].as_str().unwrap_or_default();
    let id: String = text("attachment").chars().take(SHORT).collect();
    let place = match (text("state"), shown["here"].as_bool()) {
        ("to_follow", Some(true)) => "only on this laptop, to follow",
        ("to_follow", _) => "to follow",
        ("at_hub", Some(true)) => "at the hub and here",
        ("at_hub", _) => "at the hub",
        ("damaged", _) => "damaged here, fetched again where somebody holds it",
        _ => "not on this laptop",
    };
    let state =
        shown["removed"].as_str().map_or_else(|| place.to_owned(), |why| format!("taken away: {why}"));
    let size = in_bytes(shown["size"].as_u64().unwrap_or(0));
    format!("{id}  {:<9} {}  {} {size}  {state}", text("kind"), text("name"), text("type"))
}

/// Bytes as people read them: `812 B`, `4.2 KB`, `1.3 MB`.
pub fn in_bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1_000.0),
        _ => format!("{:.1} MB", bytes as f64 / 1_000_000.0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_to_follow_has_words() {
        let words = to_follow_in_words(&json!({"other": 1, "photo": 1, "scan": 2}));
        assert_eq!(words, "1 file to follow, 1 photo to follow, 2 scans to follow");
        assert_eq!(to_follow_in_words(&json!({})), "");
        let shown = json!({"attachment": "ab".repeat(32), "name": "KTP", "kind": "scan", "type": "image/png",
                           "size": 4_200, "state": "at_hub", "here": false});
        assert_eq!(line(&shown), "abababab  scan      KTP  image/png 4.2 KB  at the hub");
    }
}
