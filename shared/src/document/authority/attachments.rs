//! What an attachment must say of itself: van and hub alike may attach, and both merge.

use std::collections::BTreeMap;

use super::{Breach, shown};
use crate::{
    change::{Action, Change, Scalar},
    document::{attachment, schema::key, seen::Ruled},
    id::ContentHash,
};

/// What a change says of one attachment.
#[derive(Debug, Default)]
struct Said<'a> {
    kind: Option<&'a str>,
    media_type: Option<&'a str>,
    size: Option<i64>,
    at: bool,
    thumbnail: Option<&'a Scalar>,
}

/// Judges the attachments that the change makes.
///
/// # Errors
/// The key is no content hash, or what a receiver must know before the content comes is missing.
pub(super) fn check(change: &Change, places: &[Ruled<'_>]) -> Result<(), Breach> {
    for (key, said) in &said(change, places) {
        // In capitals it would be a second name for one content.
        if key.parse::<ContentHash>().is_err() || key.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Breach::AttachmentKey { key: shown(key) });
        }
        if let Some(missing) = missing(key, said) {
            return Err(Breach::AttachmentIncomplete { hash: shown(key), key: missing });
        }
    }
    Ok(())
}

fn said<'a>(change: &'a Change, places: &[Ruled<'a>]) -> BTreeMap<&'a str, Said<'a>> {
    let mut made: BTreeMap<&str, Said<'_>> = BTreeMap::new();
    for (operation, Ruled { place, .. }) in change.operations.iter().zip(places) {
        match (place.path(), &operation.action) {
            ([key::ATTACHMENTS, hash], Action::MakeMap) => drop(made.insert(hash, Said::default())),
            ([key::ATTACHMENTS, hash, field], Action::Put(value)) => {
                let Some(said) = made.get_mut(hash) else { continue };
                match (*field, value) {
                    (key::KIND, Scalar::Str(text)) => said.kind = Some(text),
                    (key::TYPE, Scalar::Str(text)) => said.media_type = Some(text),
                    (key::SIZE, Scalar::Int(size)) => said.size = Some(*size),
                    (key::AT, Scalar::Timestamp(_)) => said.at = true,
                    (key::THUMBNAIL, value) => said.thumbnail = Some(value),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    made
}

/// The first key that is missing or says nothing that can be.
fn missing(hash: &str, said: &Said<'_>) -> Option<&'static str> {
    let is_hash = |value: &Scalar| matches!(value, Scalar::Str(text) if text != hash && text.parse::<ContentHash>().is_ok());
    if said.size.is_none_or(|size| size <= 0) {
        Some(key::SIZE)
    } else if said.kind.is_none_or(|kind| kind.parse::<attachment::Kind>().is_err()) {
        Some(key::KIND)
    } else if said.media_type.is_none_or(|text| !attachment::is_media_type(text)) {
        Some(key::TYPE)
    } else if !said.at {
        Some(key::AT)
    } else if said.thumbnail.is_some_and(|value| !is_hash(value)) {
        Some(key::THUMBNAIL)
    } else {
        None
    }
}
