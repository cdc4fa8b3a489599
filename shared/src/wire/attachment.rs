//! What two machines say about files: offered, wanted, sent, receipted, refused.
//!
//! All types are even: who knows nothing of attachments skips them.

use minicbor::{Decode, Encode};

use super::frame::DATA_BYTES_MAX;
use crate::{
    id::{ContentHash, DeviceId, Epoch},
    time::Timestamp,
};

/// Files that one frame names.
pub const NAMED_MAX: usize = 500;
/// Files under way in one direction of a connection.
pub const SLOTS: usize = 2;

const CARRIES: u64 = 40;
const OFFER: u64 = 42;
const WANT: u64 = 44;
const START: u64 = 46;
const DATA: u64 = 48;
const CREDIT: u64 = 50;
const RECEIPT: u64 = 52;
const REFUSE: u64 = 54;
const DICTIONARY: u64 = 56;

/// A file that a laptop holds and that the hub may lack.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Offered {
    /// Its content.
    #[n(0)]
    pub hash: ContentHash,
    /// Bytes.
    #[n(1)]
    pub size: u64,
}

/// A file that is to be sent, from a byte on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Wanted {
    /// Its content.
    #[n(0)]
    pub hash: ContentHash,
    /// Bytes of it that the receiver holds.
    #[n(1)]
    pub held: u64,
}

/// The hub's signed statement that it durably holds files.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Receipt {
    /// The hub's life.
    #[n(0)]
    pub hub_epoch: Epoch,
    /// The device that it was said to.
    #[n(1)]
    pub device: DeviceId,
    /// The contents.
    #[n(2)]
    pub hashes: Vec<ContentHash>,
    /// The hub's clock when it signed.
    #[n(3)]
    pub at: Timestamp,
    /// The hub's signature over all of the above.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

impl Receipt {
    /// What the hub signs.
    pub fn signed_message(&self) -> Vec<u8> {
        let unsigned = Self { signature: Vec::new(), ..self.clone() };
        minicbor::to_vec(&unsigned).expect("encoding into memory cannot fail")
    }
}

/// Why a file is not taken, or not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, thiserror::Error)]
#[cbor(index_only)]
pub enum Refusal {
    /// No document that the device holds names it.
    #[n(0)]
    #[error("no case that this laptop holds names it")]
    NotNamed,
    /// It has another size than its case says, or more than an attachment may have.
    #[n(1)]
    #[error("it has another size than its case says")]
    Size,
    /// It is not here.
    #[n(2)]
    #[error("it is not there")]
    NotHere,
    /// Its bytes do not have its hash.
    #[n(3)]
    #[error("its bytes are not those that its case names")]
    Damaged,
    /// Nobody asked for it, or not from that byte.
    #[n(4)]
    #[error("nobody asked for it")]
    NotAsked,
    /// It cannot be stored.
    #[n(5)]
    #[error("there is no room for it")]
    NoRoom,
}

/// A frame about files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// Parent: it takes files.
    Carries,
    /// Child: files that it holds and has no receipt for.
    Offer(Vec<Offered>),
    /// Files that are to be sent, in this order.
    Want(Vec<Wanted>),
    /// A file begins, or goes on at a byte.
    Start {
        /// Which of [`SLOTS`] it takes.
        slot: u8,
        /// Its content.
        hash: ContentHash,
        /// Bytes of the whole.
        size: u64,
        /// The byte that the next data begins at.
        offset: u64,
    },
    /// The next bytes of the file in a slot.
    Data {
        /// The slot.
        slot: u8,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Bytes of files that the receiver has taken off the stream.
    Credit(u64),
    /// Parent: what it durably holds.
    Receipt(Receipt),
    /// A file is not taken, or not sent.
    Refuse {
        /// Its content.
        hash: ContentHash,
        /// Why.
        refusal: Refusal,
    },
    /// Parent: a newer dictionary of packed batches, which the child may ask for as for a file.
    Dictionary(Offered),
}

impl Message {
    /// The number of the frame's type, and its body.
    pub(super) fn to_parts(&self) -> (u64, Vec<u8>) {
        match self {
            Self::Carries => (CARRIES, Vec::new()),
            Self::Offer(files) => (OFFER, cbor(files)),
            Self::Want(files) => (WANT, cbor(files)),
            Self::Start { slot, hash, size, offset } => (START, cbor((slot, hash, size, offset))),
            Self::Data { slot, bytes } => (DATA, [&[*slot], bytes.as_slice()].concat()),
            Self::Credit(bytes) => (CREDIT, cbor(bytes)),
            Self::Receipt(receipt) => (RECEIPT, cbor(receipt)),
            Self::Refuse { hash, refusal } => (REFUSE, cbor((hash, refusal))),
            Self::Dictionary(offered) => (DICTIONARY, cbor(offered)),
        }
    }

    /// The message of a frame; `None` where its type is another's, an error where its body is malformed.
    pub(super) fn of_parts(kind: u64, body: &[u8]) -> Option<Result<Self, Malformed>> {
        let message = match kind {
            CARRIES => Ok(Self::Carries),
            OFFER => list(body).map(Self::Offer),
            WANT => list(body).map(Self::Want),
            START => minicbor::decode(body)
                .map(|(slot, hash, size, offset)| Self::Start { slot, hash, size, offset })
                .map_err(|_| Malformed),
            DATA => match body.split_first() {
                Some((slot, bytes)) if bytes.len() <= DATA_BYTES_MAX => {
                    Ok(Self::Data { slot: *slot, bytes: bytes.to_vec() })
                }
                _ => Err(Malformed),
            },
            CREDIT => minicbor::decode(body).map(Self::Credit).map_err(|_| Malformed),
            RECEIPT => match minicbor::decode::<Receipt>(body) {
                Ok(receipt) if receipt.hashes.len() <= NAMED_MAX => Ok(Self::Receipt(receipt)),
                _ => Err(Malformed),
            },
            REFUSE => minicbor::decode(body)
                .map(|(hash, refusal)| Self::Refuse { hash, refusal })
                .map_err(|_| Malformed),
            DICTIONARY => minicbor::decode(body).map(Self::Dictionary).map_err(|_| Malformed),
            _ => return None,
        };
        Some(message)
    }

    /// Whether it travels on the stream of files rather than on the control stream.
    pub fn is_content(&self) -> bool {
        matches!(self, Self::Start { .. } | Self::Data { .. })
    }
}

/// A body that does not follow its type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Malformed;

fn cbor<T: Encode<()>>(value: T) -> Vec<u8> {
    minicbor::to_vec(value).expect("encoding into memory cannot fail")
}

fn list<'a, T: Decode<'a, ()>>(body: &'a [u8]) -> Result<Vec<T>, Malformed> {
    match minicbor::decode::<Vec<T>>(body) {
        Ok(files) if files.len() <= NAMED_MAX => Ok(files),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> Vec<Message> {
        let hash = ContentHash([7; 32]);
        let (hub_epoch, device, at) = (Epoch([1; 16]), DeviceId(3), Timestamp(5));
        vec![
            Message::Carries,
            Message::Offer(vec![Offered { hash, size: 300_000 }]),
            Message::Want(vec![Wanted { hash, held: 4_096 }]),
            Message::Start { slot: 1, hash, size: 300_000, offset: 4_096 },
            Message::Data { slot: 1, bytes: vec![9; 20] },
            Message::Credit(8_192),
            Message::Receipt(Receipt { hub_epoch, device, hashes: vec![hash], at, signature: vec![4; 64] }),
            Message::Refuse { hash, refusal: Refusal::Damaged },
        ]
    }

    #[test]
    fn messages_read_back_and_keep_their_bytes() {
        let mut all = Vec::new();
        for message in messages() {
            let (kind, body) = message.to_parts();
            assert_eq!(kind % 2, 0, "older programs skip it");
            assert_eq!(Message::of_parts(kind, &body), Some(Ok(message)));
            all.extend((kind as u16).to_be_bytes());
            all.extend(body);
        }
        let golden = "b9ad3ed0847c3f7977d54f026a13815cd0d7838d545e6a8d5d2f9207681b624a";
        assert_eq!(blake3::hash(&all).to_hex().as_str(), golden);
    }

    #[test]
    fn the_offer_of_a_dictionary_keeps_its_bytes() {
        let message = Message::Dictionary(Offered { hash: ContentHash([7; 32]), size: 65_536 });
        let (kind, body) = message.to_parts();
        let expected = [&[0x82, 0x58, 0x20][..], &[7; 32], &[0x1a, 0, 1, 0, 0]].concat();
        assert_eq!((kind, body), (56, expected));
        let (kind, body) = message.to_parts();
        assert_eq!(Message::of_parts(kind, &body), Some(Ok(message)));
    }

    #[test]
    fn what_is_cut_or_too_long_is_malformed() {
        for message in messages() {
            let (kind, body) = message.to_parts();
            for end in 0..body.len() {
                let read = Message::of_parts(kind, &body[..end]);
                assert!(matches!(read, Some(Err(_))) || kind == DATA, "{message:?} cut at {end}");
            }
        }
        let many = Message::Want(vec![Wanted { hash: ContentHash([1; 32]), held: 0 }; NAMED_MAX + 1]);
        let (kind, body) = many.to_parts();
        assert_eq!(Message::of_parts(kind, &body), Some(Err(Malformed)));
        assert_eq!(Message::of_parts(DATA, &vec![0; DATA_BYTES_MAX + 2]), Some(Err(Malformed)));
        assert_eq!(Message::of_parts(41, &[]), None);
    }
}
