//! A bundle: what one machine has for others, as a file that anyone may carry.
//!
//! It holds batches of devices' logs under their authors' signatures, the hub's receipts and custody notes. Part
//! follows part, each with the digest of all before it and of itself; at the end its maker signs the last digest.
//! Nothing of a bundle is taken in before all of it has been read and verified so: any changed, missing or added
//! byte is refused. It is not encrypted: who holds the file can read what stands in it.

mod exporting;
mod importing;

use minicbor::{Decode, Encode};

pub use self::{
    exporting::{Exported, For, Greeting, Held},
    importing::{ImportError, Imported},
};
use crate::{
    id::{DeviceId, DistrictCode, Epoch, PublicKey},
    identity::{self, Context, Key, Signature},
    time::Timestamp,
    wire::{
        batch::BATCH_BYTES_RECEIVED_MAX,
        frame::{Note, Receipt},
    },
};

/// Bytes of a whole bundle.
pub const BUNDLE_BYTES_MAX: usize = 64 << 20;
/// How the name of a bundle's file ends.
pub const BUNDLE_EXTENSION: &str = "bundle";

/// How a bundle begins: seven letters and the version of its form.
const MAGIC: [u8; 8] = *b"KELBNDL\x01";
/// Bytes of one part.
const PART_BYTES_MAX: usize = BATCH_BYTES_RECEIVED_MAX + 1024;
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
    #[error("the bundle has form {found}, this program reads form {}: update the program", MAGIC[7])]
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
        let mut bytes = MAGIC.to_vec();
        let mut chain = chain_of(&MAGIC);
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
        match bytes.first_chunk::<8>() {
            Some(magic) if *magic == MAGIC => {}
            Some(magic) if magic[..7] == MAGIC[..7] => return Err(BundleError::Newer { found: magic[7] }),
            Some(_) => return Err(BundleError::NoBundle),
            None => return Err(BundleError::CutShort { bytes: bytes.len() }),
        }
        let mut reader = PartReader { bytes, at: MAGIC.len(), chain: chain_of(&MAGIC), part: 0 };
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
}

struct PartReader<'a> {
    bytes: &'a [u8],
    at: usize,
    chain: [u8; DIGEST_BYTES],
    part: usize,
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
        if length > PART_BYTES_MAX {
            return Err(BundleError::TooLarge { found: length, limit: PART_BYTES_MAX });
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

    #[test]
    fn every_changed_missing_or_added_byte_is_refused() {
        let key = Key::from_seed([3; 32]);
        let bytes = bundle(&key).to_bytes(&key);
        for at in 0..bytes.len() {
            for bit in [1, 0x80] {
                let mut changed = bytes.clone();
                changed[at] ^= bit;
                let error = Bundle::of_bytes(&changed).expect_err("a byte was changed");
                assert!(!error.to_string().is_empty());
            }
            assert!(Bundle::of_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
        let more = [&bytes[..], b"x"].concat();
        assert_eq!(Bundle::of_bytes(&more), Err(BundleError::Trailing { bytes: 1 }));
        let mut later = bytes.clone();
        later[7] = 2;
        assert_eq!(Bundle::of_bytes(&later), Err(BundleError::Newer { found: 2 }));
        assert_eq!(Bundle::of_bytes(b"%PDF-1.7 and more"), Err(BundleError::NoBundle));
    }

    #[test]
    fn who_did_not_make_it_cannot_sign_it() {
        let (key, other) = (Key::from_seed([3; 32]), Key::from_seed([4; 32]));
        let bytes = bundle(&key).to_bytes(&other);
        assert_eq!(Bundle::of_bytes(&bytes), Err(BundleError::Signature));
    }
}
