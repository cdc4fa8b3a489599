//! Who speaks: device keys, what they sign, and who is trusted.
//!
//! A key is an Ed25519 pair grown from a 32-byte seed. Whatever it signs is bound to a [`Context`], so that
//! a signature made for one purpose never passes for another. [`ticket`] brings a new laptop in;
//! [`tls`] is the only place that decides whom a connection reaches.

pub mod ticket;
pub mod tls;

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::{
    id::{self, ActorId, PublicKey},
    symbols,
};

/// A source of random bytes: fills what it is given.
pub type Entropy<'a> = dyn FnMut(&mut [u8]) + 'a;

/// A source of random bytes that its user owns.
pub type OwnedEntropy = Box<dyn FnMut(&mut [u8]) + Send>;

/// What a signature is for; its name stands before the signed bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Context {
    /// The head of a device's log at the end of a batch.
    LogHead,
    /// The head of the feed that a hub keeps for a device.
    FeedHead,
    /// A hub's statement that it durably holds a range of a log.
    Receipt,
    /// A hub's statement that it durably holds files.
    AttachmentReceipt,
    /// Rows of a registry, or the difference between two versions.
    Registry,
    /// The registry row of one device.
    Device,
    /// A hub's order to erase a document.
    Tombstone,
    /// A device's statement of all it wrote in a day.
    Seal,
    /// A device's statement of what a slip says.
    Slip,
    /// A device's statement that it carries another's changes.
    Custody,
    /// All that a bundle holds.
    Bundle,
}

impl Context {
    fn label(self) -> &'static str {
        match self {
            Self::LogHead => "log head",
            Self::FeedHead => "feed head",
            Self::Receipt => "receipt",
            Self::AttachmentReceipt => "attachment receipt",
            Self::Registry => "registry",
            Self::Device => "device",
            Self::Tombstone => "tombstone",
            Self::Seal => "seal",
            Self::Slip => "slip",
            Self::Custody => "custody",
            Self::Bundle => "bundle",
        }
    }

    /// `keliling 1 LABEL`, a zero byte, the message: no label is the beginning of another.
    fn bind(self, message: &[u8]) -> Vec<u8> {
        [b"keliling 1 ", self.label().as_bytes(), b"\0", message].concat()
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Signature(#[cbor(with = "minicbor::bytes")] pub [u8; 64]);

impl TryFrom<&[u8]> for Signature {
    type Error = std::array::TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", id::hex(&self.0[..4]))
    }
}

/// A signature that does not belong to the key, the context and the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature of key {} does not fit", .key.short())]
pub struct BadSignature {
    /// Who was said to have signed.
    pub key: PublicKey,
}

/// The secret half of a device's or a hub's identity.
pub struct Key {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl Key {
    /// Makes a new key.
    pub fn generate(entropy: &mut Entropy<'_>) -> Self {
        let mut seed = [0; 32];
        entropy(&mut seed);
        Self::from_seed(seed)
    }

    /// The key that grew from `seed`.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("any 32 bytes are a seed");
        Self { seed, pair }
    }

    /// What to keep, in secret, to have the same key again.
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let bytes = self.pair.public_key().as_ref();
        PublicKey(bytes.try_into().expect("an Ed25519 public key has 32 bytes"))
    }

    /// Signs `message` for the purpose of `context`.
    pub fn sign(&self, context: Context, message: &[u8]) -> Signature {
        let signature = self.pair.sign(&context.bind(message));
        Signature(signature.as_ref().try_into().expect("an Ed25519 signature has 64 bytes"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.public().short())
    }
}

/// Checks that `key` signed `message` for the purpose of `context`.
///
/// # Errors
/// It did not.
pub fn verify(
    key: PublicKey,
    context: Context,
    message: &[u8],
    signature: &Signature,
) -> Result<(), BadSignature> {
    verify_bytes(key, &context.bind(message), &signature.0)
}

/// What two people read to each other to compare a key: 80 bits as `7B2Q-0XKD-PM4T-9RZE`.
pub fn fingerprint(key: &PublicKey) -> String {
    let digest = blake3::derive_key("keliling 1 fingerprint", key.as_bytes());
    let text = symbols::crockford().encode(&digest[..10]);
    [&text[..4], &text[4..8], &text[8..12], &text[12..]].join("-")
}

/// Whether two secrets are the same, in a time that does not depend on where they differ.
pub fn same_secret(one: &[u8; 32], other: &[u8; 32]) -> bool {
    blake3::Hash::from_bytes(*one) == blake3::Hash::from_bytes(*other)
}

/// The actor that the owner of `key` writes as under `nonce`: nobody else can claim it.
pub fn actor(key: &PublicKey, nonce: &[u8; 16]) -> ActorId {
    let digest = blake3::derive_key("keliling 1 actor", &[&key.as_bytes()[..], nonce].concat());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    ActorId(bytes)
}

fn verify_bytes(key: PublicKey, bytes: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
    UnparsedPublicKey::new(&ED25519, key.as_bytes())
        .verify(bytes, signature)
        .map_err(|_| BadSignature { key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_brings_the_same_key_back() {
        let key = Key::generate(&mut |bytes| bytes.fill(9));
        assert_eq!(Key::from_seed(*key.seed()).public(), key.public());
        // RFC 8032, 7.1, test 1.
        let seed = data_encoding::HEXLOWER
            .decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .unwrap();
        assert_eq!(
            Key::from_seed(seed.try_into().unwrap()).public().to_string(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
    }

    #[test]
    fn a_signature_holds_for_one_key_context_and_message() {
        let key = Key::from_seed([1; 32]);
        let signature = key.sign(Context::Receipt, b"n = 7");
        assert_eq!(verify(key.public(), Context::Receipt, b"n = 7", &signature), Ok(()));
        let other = Key::from_seed([2; 32]).public();
        let mut bent = signature;
        bent.0[10] ^= 1;
        for (who, context, message, signature) in [
            (other, Context::Receipt, &b"n = 7"[..], signature),
            (key.public(), Context::Seal, b"n = 7", signature),
            (key.public(), Context::Receipt, b"n = 8", signature),
            (key.public(), Context::Receipt, b"n = 7", bent),
        ] {
            assert_eq!(verify(who, context, message, &signature), Err(BadSignature { key: who }));
        }
    }

    #[test]
    fn secrets_stay_out_of_the_logs() {
        let key = Key::from_seed([0xab; 32]);
        assert!(!format!("{key:?}").contains("abab"));
        assert_eq!(fingerprint(&key.public()).len(), 19);
    }
}
