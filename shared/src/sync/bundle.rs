//! A bundle: what one machine has for others, as a file that anyone may carry.
//!
//! It holds batches of devices' logs under their authors' signatures, the hub's receipts and custody notes, and files
//! of attachments with the hub's receipts for those, which programs that know no more than the first form refuse. Part
//! follows part, each with the digest of all before it and of itself; at the end its maker signs the last digest.
//! Nothing of a bundle is taken in before all of it has been read and verified so: any changed, missing or added
//! byte is refused. It is not encrypted: who holds the file can read what stands in it.

mod exporting;
mod importing;

use minicbor::{Decode, Encode};

pub use self::{
    exporting::{Exported, Files, For, Greeting, Held},
    importing::{ImportError, Imported},
};
use crate::{
    document::schema::ATTACHMENT_BYTES_MAX,
    id::{ContentHash, DeviceId, DistrictCode, Epoch, PublicKey},
    identity::{self, Context, Key, Signature},
    time::Timestamp,
    wire::{
        attachment,
        batch::BATCH_BYTES_RECEIVED_MAX,
        frame::{Note, Receipt},
    },
};

/// Bytes of a whole bundle.
pub const BUNDLE_BYTES_MAX: usize = 64 << 20;
/// How the name of a bundle's file ends.
pub const BUNDLE_EXTENSION: &str = "bundle";

/// How a bundle begins, before the version of its form.
const MAGIC: [u8; 7] = *b"KELBNDL";
/// The form of a bundle without files.
const FORM: u8 = 1;
/// The form of a bundle with files, or with receipts for some.
const FORM_WITH_FILES: u8 = 2;
/// Bytes of one part of the first form.
const PART_BYTES_MAX: usize = BATCH_BYTES_RECEIVED_MAX + 1024;
/// Bytes of one part of the form with files.
const FILE_PART_BYTES_MAX: usize = ATTACHMENT_BYTES_MAX as usize + 1024;
/// Parts that are taken in at one go; of a batch 64 KB each.
const PARTS_AT_ONCE: usize = 16;
const DIGEST_BYTES: usize = 16;
const SIGNATURE_BYTES: usize = 64;

/// Who made a bundle, and when.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Head {
    /// Its number; 0 of the hub.
    #[n(0)]
    pub maker: DeviceId,
    /// What it signs with.
    #[n(1)]
    pub key: PublicKey,
    /// The district.
    #[n(2)]
    pub district: DistrictCode,
    /// The maker's clock.
    #[n(3)]
    pub at: Timestamp,
    /// What a laptop says of its own log; `None` of the hub and of older programs.
    #[n(4)]
    pub life: Option<Life>,
}

/// The life of a laptop that makes a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Life {
    /// Which.
    #[n(0)]
    pub epoch: Epoch,
    /// Up to which entry of its log it has a receipt.
    #[n(1)]
    pub receipted: u64,
}

/// One part of a bundle.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Part {
    /// A batch of a device's log as it travels, readable alone.
    #[n(0)]
    Batch(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// A receipt of the hub.
    #[n(1)]
    Receipt(#[n(0)] Receipt),
    /// A carrier's note.
    #[n(2)]
    Note(#[n(0)] Note),
    /// A file of an attachment.
    #[n(3)]
    File {
        /// Its content.
        #[n(0)]
        hash: ContentHash,
        /// Its bytes.
        #[cbor(n(1), with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
    /// A receipt of the hub for files.
    #[n(4)]
    FileReceipt(#[n(0)] attachment::Receipt),
}

impl Part {
    fn is_of_files(&self) -> bool {
        matches!(self, Self::File { .. } | Self::FileReceipt(_))
    }
}

/// A bundle whose every byte is as its maker signed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bundle {
    /// Who made it.
    pub head: Head,
    /// What is in it.
    pub parts: Vec<Part>,
}

/// Why a file is not taken for a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It begins otherwise.
    #[error("this is no bundle of this program")]
    NoBundle,
    /// A later form.
    #[error("the bundle has form {found}, this program reads form {FORM_WITH_FILES}: update the program")]
    Newer {
        /// Which.
        found: u8,
    },
    /// It ends too early.
    #[error("the bundle is cut off after {bytes} bytes: copy it again")]
    CutShort {
        /// Bytes that are there.
        bytes: usize,
    },
    /// Something stands behind its end.
    #[error("{bytes} bytes follow the end of the bundle, which its maker did not write")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// Its bytes are not those that were written.
    #[error("part {part} of the bundle, which ends at byte {end}, was changed or damaged")]
    Changed {
        /// Which part; 0 is the head.
        part: usize,
        /// Where it ends.
        end: usize,
    },
    /// A part that means nothing.
    #[error("part {part} of the bundle cannot be read")]
    Malformed {
        /// Which part; 0 is the head.
        part: usize,
    },
    /// A part or the whole is too large.
    #[error("the bundle, or a part of it, has {found} bytes where {limit} are allowed")]
    TooLarge {
        /// Bytes.
        found: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// The signature is not its maker's.
    #[error("the bundle's signature is not that of its maker")]
    Signature,
}

impl Bundle {
    /// Encodes and signs the bundle; `key` is its maker's.
    pub fn to_bytes(&self, key: &Key) -> Vec<u8> {
        let form = if self.parts.iter().any(Part::is_of_files) { FORM_WITH_FILES } else { FORM };
        let mut bytes = [&MAGIC[..], &[form]].concat();
        let mut chain = chain_of(&bytes);
        let parts = self.parts.iter().map(cbor);
        for part in std::iter::once(cbor(&self.head)).chain(parts) {
            let from = bytes.len();
            bytes.extend((part.len() as u32).to_be_bytes());
            bytes.extend(part);
            chain = link(chain, &bytes[from..]);
            bytes.extend(chain);
        }
        // No part is empty: this says that none follows.
        bytes.extend(0_u32.to_be_bytes());
        bytes.extend(key.sign(Context::Bundle, &chain).0);
        bytes
    }

    /// Reads and verifies a bundle. That its maker's key belongs to anyone is not known by that.
    ///
    /// # Errors
    /// Any byte is not as its maker wrote it.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge { found: bytes.len(), limit: BUNDLE_BYTES_MAX });
        }
        let bytes_max = match bytes.split_at_checked(MAGIC.len()) {
            Some((magic, [FORM, ..])) if *magic == MAGIC => PART_BYTES_MAX,
            Some((magic, [FORM_WITH_FILES, ..])) if *magic == MAGIC => FILE_PART_BYTES_MAX,
            Some((magic, [found, ..])) if *magic == MAGIC => {
                return Err(BundleError::Newer { found: *found });
            }
            Some((_, [_, ..])) => return Err(BundleError::NoBundle),
            Some((_, [])) | None => return Err(BundleError::CutShort { bytes: bytes.len() }),
        };
        let begin = &bytes[..=MAGIC.len()];
        let mut reader = PartReader { bytes, at: begin.len(), chain: chain_of(begin), part: 0, bytes_max };
        let head = reader.next()?.ok_or(BundleError::Malformed { part: 0 })?;
        let head: Head = minicbor::decode(head).map_err(|_| BundleError::Malformed { part: 0 })?;
        let mut parts = Vec::new();
        while let Some(part) = reader.next()? {
            parts.push(minicbor::decode(part).map_err(|_| BundleError::Malformed { part: parts.len() + 1 })?);
        }
        let signature = reader.take(SIGNATURE_BYTES)?;
        let signature = Signature::try_from(signature).map_err(|_| BundleError::Signature)?;
        identity::verify(head.key, Context::Bundle, &reader.chain, &signature)
            .map_err(|_| BundleError::Signature)?;
        match bytes.len() - reader.at {
            0 => Ok(Self { head, parts }),
            bytes => Err(BundleError::Trailing { bytes }),
        }
    }

    /// The first of `parts`, so many as are taken in before others come to the store: a file stands last among them.
    pub fn some_of(parts: &mut Vec<Part>) -> Vec<Part> {
        let file = parts.iter().take(PARTS_AT_ONCE).position(Part::is_of_files);
        let count = file.map_or(PARTS_AT_ONCE, |at| at + 1).min(parts.len());
        parts.drain(..count).collect()
    }
}

struct PartReader<'a> {
    bytes: &'a [u8],
    at: usize,
    chain: [u8; DIGEST_BYTES],
    part: usize,
    /// Bytes that a part may have.
    bytes_max: usize,
}

impl<'a> PartReader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], BundleError> {
        let found = self.at.checked_add(length).and_then(|end| self.bytes.get(self.at..end));
        let found = found.ok_or(BundleError::CutShort { bytes: self.bytes.len() })?;
        self.at += length;
        Ok(found)
    }

    /// The next part, its digest verified; `None` at the end.
    fn next(&mut self) -> Result<Option<&'a [u8]>, BundleError> {
        let from = self.at;
        let length = self.take(4)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        if length == 0 {
            return Ok(None);
        }
        if length > self.bytes_max {
            return Err(BundleError::TooLarge { found: length, limit: self.bytes_max });
        }
        let part = self.take(length)?;
        self.chain = link(self.chain, &self.bytes[from..self.at]);
        if self.take(DIGEST_BYTES)? != self.chain {
            return Err(BundleError::Changed { part: self.part, end: self.at });
        }
        self.part += 1;
        Ok(Some(part))
    }
}

fn chain_of(bytes: &[u8]) -> [u8; DIGEST_BYTES] {
    link([0; DIGEST_BYTES], bytes)
}

fn link(chain: [u8; DIGEST_BYTES], bytes: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key("keliling 1 bundle");
    hasher.update(&chain).update(bytes);
    let mut head = [0; DIGEST_BYTES];
    head.copy_from_slice(&hasher.finalize().as_bytes()[..DIGEST_BYTES]);
    head
}

fn cbor(value: &impl Encode<()>) -> Vec<u8> {
    minicbor::to_vec(value).expect("encoding into memory cannot fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(key: &Key) -> Bundle {
        Bundle {
            head: Head {
                maker: DeviceId(3),
                key: key.public(),
                district: "53.02".parse().expect("valid"),
                at: Timestamp(1_795_000_000_000),
                life: None,
            },
            parts: vec![Part::Batch(vec![7; 300]), Part::Batch(vec![1; 40])],
        }
    }

    #[test]
    fn a_bundle_is_read_as_it_was_written() {
        let key = Key::from_seed([3; 32]);
        let bytes = bundle(&key).to_bytes(&key);
        assert_eq!(Bundle::of_bytes(&bytes), Ok(bundle(&key)));
        let golden = "f5da794b438fd870f4a5255b19c9551fe3023562aa3fadcfbf520cc96ccc7b55";
        assert_eq!(blake3::hash(&bytes).to_hex().as_str(), golden, "bundles on sticks must read for ever");
    }

    /// The same with a file and a receipt for it.
    fn with_files(key: &Key) -> Bundle {
        let mut bundle = bundle(key);
        let hash = ContentHash([5; 32]);
        bundle.parts.push(Part::File { hash, bytes: vec![9; 300] });
        bundle.parts.push(Part::FileReceipt(attachment::Receipt {
            hub_epoch: Epoch([2; 16]),
            device: DeviceId(3),
            hashes: vec![hash],
            at: Timestamp(1_795_000_000_000),
            signature: vec![4; 64],
        }));
        bundle
    }

    #[test]
    fn files_are_of_another_form_and_are_taken_in_one_at_a_time() {
        let key = Key::from_seed([3; 32]);
        let whole = with_files(&key);
        let bytes = whole.to_bytes(&key);
        assert_eq!((bytes[7], bundle(&key).to_bytes(&key)[7]), (2, 1), "who knows no files reads the rest");
        assert_eq!(Bundle::of_bytes(&bytes), Ok(whole.clone()));
        let golden = "e855f7bd29968ae2d005b142fbe7f8b53f35f59eece807724a4c8608ef64f0ff";
        assert_eq!(blake3::hash(&bytes).to_hex().as_str(), golden, "bundles on sticks must read for ever");
        let mut parts = whole.parts;
        let counts: Vec<_> = std::iter::from_fn(|| match Bundle::some_of(&mut parts).len() {
            0 => None,
            count => Some(count),
        })
        .collect();
        assert_eq!(counts, [3, 1]);
    }

    #[test]
    fn every_changed_missing_or_added_byte_is_refused() {
        let key = Key::from_seed([3; 32]);
        for bytes in [bundle(&key).to_bytes(&key), with_files(&key).to_bytes(&key)] {
            refuses_every_change(&bytes);
        }
    }

    fn refuses_every_change(bytes: &[u8]) {
        for at in 0..bytes.len() {
            for bit in [1, 0x80] {
                let mut changed = bytes.to_vec();
                changed[at] ^= bit;
                let error = Bundle::of_bytes(&changed).expect_err("a byte was changed");
                assert!(!error.to_string().is_empty());
            }
            assert!(Bundle::of_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
        let more = [bytes, b"x"].concat();
        assert_eq!(Bundle::of_bytes(&more), Err(BundleError::Trailing { bytes: 1 }));
        let mut later = bytes.to_vec();
        later[7] = 3;
        assert_eq!(Bundle::of_bytes(&later), Err(BundleError::Newer { found: 3 }));
        assert_eq!(Bundle::of_bytes(b"%PDF-1.7 and more"), Err(BundleError::NoBundle));
    }

    #[test]
    fn who_did_not_make_it_cannot_sign_it() {
        let (key, other) = (Key::from_seed([3; 32]), Key::from_seed([4; 32]));
        let bytes = bundle(&key).to_bytes(&other);
        assert_eq!(Bundle::of_bytes(&bytes), Err(BundleError::Signature));
    }
}
