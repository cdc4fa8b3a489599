//! What a case says of a file that belongs to it: everything but its bytes.
//!
//! A file is named by the BLAKE3 of its bytes. What was attached is never taken out of the document: a reason
//! under the same hash tells why it no longer belongs to the case. **Invariant:** who attached a file while
//! somebody else took it away without having seen that, wins.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    edit::{Edit, EditError},
    schema::key,
    view::{MapView, View},
};
use crate::{
    change::Scalar,
    id::{ChangeHash, ContentHash},
    time::Timestamp,
};

/// Bytes that the small picture of an attachment may have.
pub const THUMBNAIL_BYTES_MAX: u64 = 16 * 1024;

/// What an attachment shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A document, scanned or photographed to be read.
    Scan,
    /// A picture of a person or a place.
    Photo,
    /// A signature.
    Signature,
    /// Anything else.
    Other,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Scan, Self::Photo, Self::Signature, Self::Other];

    /// The word that documents and commands use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Photo => "photo",
            Self::Signature => "signature",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no kind of attachment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a kind of attachment; one of scan, photo, signature, other")]
pub struct ParseKindError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

impl FromStr for Kind {
    type Err = ParseKindError;

    fn from_str(text: &str) -> Result<Self, ParseKindError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| ParseKindError { text: text.chars().take(64).collect() })
    }
}

/// What is known of an attachment without its content. What is missing or malformed is `None`.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Attachment {
    /// What people call it.
    pub name: Option<String>,
    /// What it shows.
    pub kind: Option<Kind>,
    /// Its media type, as `image/jpeg`.
    #[serde(rename = "type")]
    pub media_type: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// When it was attached, as claimed.
    pub at: Option<Timestamp>,
    /// The content of a small picture of it.
    pub thumbnail: Option<ContentHash>,
    /// Why it no longer belongs to the case.
    pub removed: Option<String>,
    /// The change that attached it.
    #[serde(skip)]
    pub change: ChangeHash,
}

/// The attachments of a case, by content.
pub(super) fn read(view: &View<'_>) -> BTreeMap<ContentHash, Attachment> {
    let root = view.root();
    let mut found = BTreeMap::new();
    for (_, map) in root.maps(key::ATTACHMENTS) {
        for name in map.keys() {
            let (Ok(hash), Some((value, known))) = (name.parse::<ContentHash>(), map.maps(name).last())
            else {
                continue;
            };
            let text = |key: &str| known.text(key).map(str::to_owned);
            let attachment = Attachment {
                name: text(key::NAME),
                kind: known.text(key::KIND).and_then(|kind| kind.parse().ok()),
                media_type: text(key::TYPE),
                size: known.int(key::SIZE).and_then(|size| u64::try_from(size).ok()),
                at: known.timestamp(key::AT),
                thumbnail: known.text(key::THUMBNAIL).and_then(|hash| hash.parse().ok()),
                removed: removed(map, root, name),
                change: value.change,
            };
            found.insert(hash, attachment);
        }
    }
    found
}

/// Why the attachment `name` was taken away, unless somebody attached it without having been seen.
fn removed(attachments: MapView<'_>, root: MapView<'_>, name: &str) -> Option<String> {
    let reasons: Vec<_> = root.maps(key::REASONS).flat_map(|(_, map)| map.values(name)).collect();
    let last = reasons.last().and_then(|value| value.text())?;
    if reasons.iter().any(|value| value.text() == Some("")) {
        return None;
    }
    let history = root.view().history();
    let mut seen = Vec::new();
    for reason in reasons {
        seen.push(history.past(&[reason.change])?);
    }
    let covered = |value: &ChangeHash| seen.iter().any(|past| past.contains(value));
    attachments.maps(name).all(|(value, _)| covered(&value.change)).then(|| last.to_owned())
}

/// Whether `text` has the form of a media type: two words of plain characters with a slash between.
pub fn is_media_type(text: &str) -> bool {
    let plain = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    text.split_once('/').is_some_and(|(kind, form)| plain(kind) && plain(form))
}

/// A file that is to belong to a case.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Its content.
    pub hash: ContentHash,
    /// What people call it.
    pub name: Option<&'a str>,
    /// What it shows.
    pub kind: Kind,
    /// Its media type.
    pub media_type: &'a str,
    /// Bytes.
    pub size: u64,
    /// When.
    pub at: Timestamp,
    /// The content of its small picture.
    pub thumbnail: Option<ContentHash>,
}

impl New<'_> {
    /// Attaches the file; one that was taken away belongs to the case again, one that is there stays as it is.
    ///
    /// # Errors
    /// The name is too long, the file too large, or the document is no case.
    pub fn write(&self, edit: &mut Edit) -> Result<(), EditError> {
        let hash = self.hash.to_string();
        if edit.keys(&[key::ATTACHMENTS]).contains(&hash) {
            if edit.text(&[key::REASONS, &hash]).is_some_and(|reason| !reason.is_empty()) {
                edit.put(&[key::REASONS, &hash], &Scalar::Str(String::new()))?;
            }
            return Ok(());
        }
        edit.make(&[key::ATTACHMENTS, &hash])?;
        let mut put = |key: &str, value: Scalar| edit.put(&[key::ATTACHMENTS, &hash, key], &value);
        if let Some(name) = self.name {
            put(key::NAME, Scalar::Str(name.to_owned()))?;
        }
        put(key::KIND, Scalar::Str(self.kind.as_str().to_owned()))?;
        put(key::TYPE, Scalar::Str(self.media_type.to_owned()))?;
        put(key::SIZE, Scalar::Int(i64::try_from(self.size).unwrap_or(i64::MAX)))?;
        put(key::AT, Scalar::Timestamp(self.at))?;
        if let Some(thumbnail) = self.thumbnail {
            put(key::THUMBNAIL, Scalar::Str(thumbnail.to_string()))?;
        }
        Ok(())
    }
}

/// Takes a file away from a case, for a reason. What was written of it stays.
///
/// # Errors
/// There is no such attachment, the reason is too long, or it is empty ([`EditError::Shape`]).
pub fn detach(edit: &mut Edit, hash: ContentHash, reason: &str) -> Result<(), EditError> {
    let hash = hash.to_string();
    if !edit.keys(&[key::ATTACHMENTS]).contains(&hash) {
        return Err(EditError::NoContainer { key: hash });
    }
    if reason.trim().is_empty() {
        return Err(EditError::Shape { key: key::REASONS.to_owned() });
    }
    edit.put(&[key::REASONS, &hash], &Scalar::Str(reason.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{
        Case, History,
        case::tests::{OTHER, VAN, open, recorded, save},
    };

    const HASH: ContentHash = ContentHash([7; 32]);

    fn new(name: &str) -> New<'_> {
        New {
            hash: HASH,
            name: Some(name),
            kind: Kind::Scan,
            media_type: "image/jpeg",
            size: 3,
            at: Timestamp(5),
            thumbnail: Some(ContentHash([8; 32])),
        }
    }

    fn removed(history: &History) -> Option<String> {
        Case::read(&View::of(history)).attachments[&HASH].removed.clone()
    }

    #[test]
    fn what_was_attached_stays_and_a_reason_takes_it_away() {
        let mut history = recorded();
        let mut edit = open(&history, VAN);
        new("KTP").write(&mut edit).expect("allowed");
        save(&mut edit, &mut history);
        let mut edit = open(&history, VAN);
        new("another name").write(&mut edit).expect("is there already");
        assert!(!edit.is_changed());
        assert!(detach(&mut edit, HASH, " ").is_err());
        assert!(detach(&mut edit, ContentHash([9; 32]), "x").is_err());
        detach(&mut edit, HASH, "of another person").expect("allowed");
        save(&mut edit, &mut history);
        let case = Case::read(&View::of(&history));
        let found = &case.attachments[&HASH];
        assert_eq!((found.name.as_deref(), found.kind, found.size), (Some("KTP"), Some(Kind::Scan), Some(3)));
        assert_eq!(found.removed.as_deref(), Some("of another person"));
        assert!(case.reasons.is_empty());
        let mut edit = open(&history, OTHER);
        new("KTP").write(&mut edit).expect("allowed");
        save(&mut edit, &mut history);
        assert_eq!(removed(&history), None);
    }

    #[test]
    fn who_attaches_unseen_wins() {
        let mut history = recorded();
        let mut here = open(&history, VAN);
        let mut there = open(&history, OTHER);
        new("KTP").write(&mut here).expect("allowed");
        new("KTP").write(&mut there).expect("allowed");
        save(&mut here, &mut history);
        let mut away = open(&history, VAN);
        detach(&mut away, HASH, "blurred").expect("allowed");
        save(&mut away, &mut history);
        assert_eq!(removed(&history).as_deref(), Some("blurred"));
        save(&mut there, &mut history);
        assert_eq!(removed(&history), None, "the other one was never seen");
    }

    #[test]
    fn media_types_have_their_form() {
        assert!(is_media_type("image/svg+xml"));
        for wrong in ["", "image", "/x", "a/", "a/b/c", "text/plain; charset=x", "a\n/b"] {
            assert!(!is_media_type(wrong), "{wrong}");
        }
    }
}
