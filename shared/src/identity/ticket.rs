//! The enrolment ticket: what an operator hands to a laptop, as text or as a QR code, to let it in once.
//!
//! The text is `KLG1-` and base 32 in Crockford's alphabet (capital letters and digits only, which a QR code
//! packs tightly), over a two-byte length, the ticket in CBOR and four bytes of its BLAKE3 hash. Letters of
//! either case, spaces, line ends and hyphens within it do no harm, so that a ticket survives being typed,
//! wrapped or read aloud, and one that is cut short is told apart from one with a wrong letter.
//!
//! The secret never travels: a laptop sends [`Secret::proof`], which binds the secret to the connection and
//! to the laptop's own key. Whether a ticket has expired or was used is for the hub alone to say: a laptop's
//! clock may be wrong.

use std::{fmt, str::FromStr};

use minicbor::{Decode, Encode};

use crate::{
    id::{self, DistrictCode, PublicKey, UnitId},
    identity::Entropy,
    symbols::crockford,
    time::Timestamp,
};

/// Addresses in a ticket, at most.
pub const TICKET_ADDRESSES_MAX: usize = 8;
/// Length of a hub's name, at most.
pub const HUB_NAME_CHARACTERS_MAX: usize = 64;

const PREFIX: &str = "KLG";
const VERSION: &str = "1";
const TEXT_CHARACTERS_MAX: usize = 8_192;
const HOST_CHARACTERS_MAX: usize = 253;
const LENGTH_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 4;

/// Where a hub may be reached: a name or an IP address, and a port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The UDP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// A text that is not HOST:PORT.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an address; write it as hub.example.go.id:4433, 10.0.0.7:4433 or [2001:db8::7]:4433"
)]
pub struct ParseAddressError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        let wrong = || ParseAddressError { text: text.chars().take(64).collect() };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|&port| port != 0).ok_or_else(wrong)?;
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let valid = match inner {
            Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_host_name(host),
        };
        if !valid {
            return Err(wrong());
        }
        Ok(Self { host: inner.unwrap_or(host).to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl From<std::net::SocketAddr> for Address {
    fn from(address: std::net::SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl<C> Encode<C> for Address {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.to_string())?;
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Address {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.str()?.parse().map_err(|_| minicbor::decode::Error::message("not an address"))
    }
}

/// The 128 bits that only the hub and whoever holds the ticket know.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Secret(#[cbor(with = "minicbor::bytes")] pub [u8; 16]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A ticket's name in the hub's books; it gives the secret away to nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct TicketId(#[cbor(with = "minicbor::bytes")] pub [u8; 8]);

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&id::hex(&self.0))
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketId({self})")
    }
}

/// That a laptop knows a ticket's secret, on this connection and for this key; of no use elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(transparent)]
pub struct Proof(#[cbor(with = "minicbor::bytes")] pub [u8; 32]);

impl Secret {
    /// Draws a new one.
    pub fn generate(entropy: &mut Entropy<'_>) -> Self {
        let mut bytes = [0; 16];
        entropy(&mut bytes);
        Self(bytes)
    }

    /// The id of the ticket that holds this secret: the first eight bytes of its BLAKE3 hash.
    pub fn id(&self) -> TicketId {
        let hash = blake3::hash(&self.0);
        TicketId(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
    }

    /// Proves the secret on the connection that exported `exporter`, for the laptop whose TLS key is `device`.
    pub fn proof(&self, exporter: &[u8; 32], device: PublicKey) -> Proof {
        Proof(*self.hash(exporter, device).as_bytes())
    }

    /// Whether `proof` is the one for this secret, connection and key; compared in constant time.
    pub fn proves(&self, exporter: &[u8; 32], device: PublicKey, proof: &Proof) -> bool {
        self.hash(exporter, device) == blake3::Hash::from_bytes(proof.0)
    }

    fn hash(&self, exporter: &[u8; 32], device: PublicKey) -> blake3::Hash {
        let key = blake3::derive_key("keliling 1 enrolment proof", &self.0);
        blake3::Hasher::new_keyed(&key).update(exporter).update(device.as_bytes()).finalize()
    }
}

/// An invitation for one laptop. `Display` writes the text form, `FromStr` reads it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Ticket {
    /// Where the hub may be reached, best first.
    #[n(0)]
    pub addresses: Vec<Address>,
    /// The hub's key: no other hub will do.
    #[n(1)]
    pub hub: PublicKey,
    /// What the hub calls itself to people.
    #[n(2)]
    pub hub_name: String,
    /// Lets the holder in, once.
    #[n(3)]
    pub secret: Secret,
    /// The district whose records the laptop will see.
    #[n(4)]
    pub district: DistrictCode,
    /// The unit that the laptop works in.
    #[n(5)]
    pub unit: UnitId,
    /// From when on the hub refuses it.
    #[n(6)]
    pub expires: Timestamp,
}

impl Ticket {
    /// The ticket's name in the hub's books.
    pub fn id(&self) -> TicketId {
        self.secret.id()
    }
}

/// A text that is not a ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseTicketError {
    /// It does not begin as a ticket does.
    #[error("this is not a ticket: a ticket begins with KLG1-")]
    Prefix,
    /// A later program made it.
    #[error("this ticket is of version {found}, which this program does not know; update the program")]
    Version {
        /// The digits after KLG.
        found: u32,
    },
    /// A character that no ticket has.
    #[error("`{found}` at character {position} cannot be in a ticket; copy it again")]
    Character {
        /// What stands there.
        found: char,
        /// Counted from 1, as typed.
        position: usize,
    },
    /// Some of it is missing.
    #[error("the ticket is cut short: about {missing} characters are missing; copy it to its end")]
    Truncated {
        /// How many characters are missing, to within two.
        missing: usize,
    },
    /// There is more than one ticket's worth of text.
    #[error("about {surplus} characters too many follow the ticket; copy the ticket alone")]
    Surplus {
        /// How many characters are too many, to within two.
        surplus: usize,
    },
    /// All of it is there, but not as it was made.
    #[error("the ticket has a wrong character somewhere; copy it again, or scan its QR code")]
    Checksum,
    /// It is as it was made, but says something impossible.
    #[error("the ticket is intact but holds something this program does not take; ask for a new one")]
    Content,
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = minicbor::to_vec(self).expect("writing to memory cannot fail");
        let length = u16::try_from(body.len()).map_err(|_| fmt::Error)?.to_be_bytes();
        let framed = [&length[..], &body].concat();
        let checksum = checksum(&framed);
        let text = crockford().encode(&[&framed[..], &checksum].concat());
        write!(f, "{PREFIX}{VERSION}-{text}")
    }
}

/// No ticket is longer: a greater length was mistyped.
const TICKET_BYTES_MAX: usize = 4_096;

impl FromStr for Ticket {
    type Err = ParseTicketError;

    fn from_str(text: &str) -> Result<Self, ParseTicketError> {
        let symbols = symbols(text)?;
        let bytes = decode_symbols(&symbols)?;
        let Some((length, _)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
            return Err(ParseTicketError::Truncated { missing: symbols_of(LENGTH_BYTES + CHECKSUM_BYTES) });
        };
        if usize::from(u16::from_be_bytes(*length)) > TICKET_BYTES_MAX {
            return Err(ParseTicketError::Checksum);
        }
        let whole = LENGTH_BYTES + usize::from(u16::from_be_bytes(*length)) + CHECKSUM_BYTES;
        if bytes.len() < whole {
            return Err(ParseTicketError::Truncated { missing: symbols_of(whole - bytes.len()) });
        }
        if bytes.len() > whole {
            return Err(ParseTicketError::Surplus { surplus: symbols_of(bytes.len() - whole) });
        }
        let (framed, found) = bytes.split_at(whole - CHECKSUM_BYTES);
        if found != checksum(framed) {
            return Err(ParseTicketError::Checksum);
        }
        let ticket: Self =
            minicbor::decode(&framed[LENGTH_BYTES..]).map_err(|_| ParseTicketError::Content)?;
        let sound = (1..=TICKET_ADDRESSES_MAX).contains(&ticket.addresses.len())
            && ticket.hub_name.chars().count() <= HUB_NAME_CHARACTERS_MAX
            && !ticket.hub_name.chars().any(char::is_control);
        if sound { Ok(ticket) } else { Err(ParseTicketError::Content) }
    }
}

/// The text's base 32 as it should have been typed, the prefix checked and taken off.
fn symbols(text: &str) -> Result<String, ParseTicketError> {
    let text = text.trim();
    if text.len() > TEXT_CHARACTERS_MAX {
        return Err(ParseTicketError::Surplus { surplus: text.len() - TEXT_CHARACTERS_MAX });
    }
    let (head, _) = text.split_once('-').ok_or(ParseTicketError::Prefix)?;
    let head_length = head.chars().count() + 1;
    let version = match head.get(..PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => &head[PREFIX.len()..],
        _ => return Err(ParseTicketError::Prefix),
    };
    if version != VERSION {
        return Err(match version.parse() {
            Ok(found) => ParseTicketError::Version { found },
            Err(_) => ParseTicketError::Prefix,
        });
    }
    let mut symbols = String::new();
    for (index, found) in text.chars().enumerate().skip(head_length) {
        match found.to_ascii_uppercase() {
            'O' => symbols.push('0'),
            'I' | 'L' => symbols.push('1'),
            'U' => return Err(ParseTicketError::Character { found, position: index + 1 }),
            letter if letter.is_ascii_alphanumeric() => symbols.push(letter),
            letter if letter.is_whitespace() || letter == '-' => {}
            _ => return Err(ParseTicketError::Character { found, position: index + 1 }),
        }
    }
    Ok(symbols)
}

/// The bytes of `symbols`; up to two symbols at the end that make no whole byte are left out.
fn decode_symbols(symbols: &str) -> Result<Vec<u8>, ParseTicketError> {
    let bytes = symbols.len() * 5 / 8;
    crockford().decode(&symbols.as_bytes()[..symbols_of(bytes)]).map_err(|_| ParseTicketError::Checksum)
}

/// How many symbols `bytes` bytes take.
fn symbols_of(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}

fn checksum(framed: &[u8]) -> [u8; CHECKSUM_BYTES] {
    *blake3::hash(framed).as_bytes().first_chunk().expect("a hash has 32 bytes")
}

fn is_host_name(host: &str) -> bool {
    (1..=HOST_CHARACTERS_MAX).contains(&host.len())
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        && !host.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticket() -> Ticket {
        Ticket {
            addresses: vec!["hub.tts.go.id:4433".parse().unwrap(), "[2001:db8::7]:4433".parse().unwrap()],
            hub: PublicKey([7; 32]),
            hub_name: "Kabupaten Timor Tengah Selatan".to_owned(),
            secret: Secret([9; 16]),
            district: "53.02".parse().unwrap(),
            unit: "V01".parse().unwrap(),
            expires: Timestamp(1_795_000_000_000),
        }
    }

    #[test]
    fn a_ticket_survives_paper() {
        let text = ticket().to_string();
        assert!(text.starts_with("KLG1-") && text.len() < 260, "{text}");
        assert!(text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || b == b'-'));
        assert_eq!(text.parse(), Ok(ticket()));
        let wrapped = format!("  {}\n {} ", &text[..60], &text[60..].to_lowercase().replace('0', "o"));
        assert_eq!(wrapped.parse(), Ok(ticket()));
    }

    #[test]
    fn what_is_wrong_with_a_ticket_is_told() {
        let text = ticket().to_string();
        let parse = |text: &str| text.parse::<Ticket>().unwrap_err();
        let typo = format!("{}{}{}", &text[..40], if &text[40..41] == "7" { "8" } else { "7" }, &text[41..]);
        assert_eq!(parse(&typo), ParseTicketError::Checksum);
        assert!(matches!(parse(&text[..text.len() - 30]), ParseTicketError::Truncated { missing: 28..=32 }));
        assert!(matches!(parse("KLG1-"), ParseTicketError::Truncated { .. }));
        assert!(matches!(parse(&format!("{text}0000000000")), ParseTicketError::Surplus { .. }));
        assert_eq!(parse(&text.replacen('1', "2", 1)), ParseTicketError::Version { found: 2 });
        assert_eq!(parse("https://example.org"), ParseTicketError::Prefix);
        assert_eq!(parse("KLG1-AB\0"), ParseTicketError::Character { found: '\0', position: 8 });
        assert_eq!(parse(""), ParseTicketError::Prefix);
    }

    #[test]
    fn an_address_is_host_and_port() {
        for text in ["hub.example.go.id:4433", "127.0.0.1:1", "[::1]:4433", "hub:65535"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in
            ["", "hub", "hub:", "hub:0", "hub:70000", "::1:4433x", "2001:db8::7:4433", "a b:1", ":1", "[x]:1"]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_proof_holds_for_one_connection_and_key() {
        let secret = Secret([3; 16]);
        let device = PublicKey([4; 32]);
        let proof = secret.proof(&[5; 32], device);
        assert!(secret.proves(&[5; 32], device, &proof));
        assert!(!secret.proves(&[6; 32], device, &proof));
        assert!(!secret.proves(&[5; 32], PublicKey([5; 32]), &proof));
        assert!(!Secret([2; 16]).proves(&[5; 32], device, &proof));
        assert_ne!(secret.id(), Secret([2; 16]).id());
    }

    proptest! {
        #[test]
        fn no_text_panics_or_passes_for_a_ticket(text in "\\PC*", tail in "[0-9A-Z-]{0,400}") {
            prop_assert!(text.parse::<Ticket>().is_err());
            let text = format!("KLG1-{tail}");
            prop_assert!(text.parse::<Ticket>().is_err());
        }

        #[test]
        fn every_single_typo_is_seen(at in 5_usize..200, to in "[0-9A-Z]") {
            let text = ticket().to_string();
            prop_assume!(at < text.len() && text[at..=at] != to);
            let typo = [&text[..at], &to, &text[at + 1..]].concat();
            if let Ok(parsed) = typo.parse::<Ticket>() {
                prop_assert_eq!(parsed, ticket());
            }
        }
    }
}
