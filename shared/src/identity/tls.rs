//! Whom a connection reaches: the only place that decides trust on the wire.
//!
//! TLS 1.3 with raw public keys (RFC 7250) on both sides. There are no certificates: no dates that a laptop
//! with a wrong clock could trip over, no names, no issuers, and one 44-byte form to parse. A laptop takes
//! exactly the hub's key that it pinned at enrolment, or dials another laptop whose key the hub has told it. A hub
//! takes any Ed25519 key whose secret half the peer
//! proves to hold; what that key may do is decided by its row in the registry, on every connection and batch.
//!
//! **Invariant:** no early data, no session tickets, no resumption: every connection proves both keys anew.
//! No clock is read.

use std::sync::{Arc, OnceLock};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    PeerMisbehaved, ServerConfig, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring as provider},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    server::{
        AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
    time_provider::TimeProvider,
    version::TLS13,
};

use crate::{
    id::PublicKey,
    identity::{Key, verify_bytes},
};

/// The protocol that both sides must name.
pub const ALPN: &[u8] = b"keliling/1";
/// The label under which both sides export the 32 bytes that bind an enrolment to its connection.
pub const EXPORTER_LABEL: &[u8] = b"keliling enrol";
/// What a TLS library wants to be told as the peer's name; it is never sent.
pub const SERVER_NAME: &str = "hub.invalid";

/// SubjectPublicKeyInfo of an Ed25519 key up to the key itself (RFC 8410, 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// PKCS #8 version 1 of an Ed25519 key up to its seed (RFC 8410, 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// What one attempt to reach the hub needs.
#[derive(Debug)]
pub struct Pinned {
    /// For the TLS library.
    pub config: ClientConfig,
    /// What to ask when the attempt failed.
    pub stranger: Stranger,
}

/// Remembers whether somebody else than the pinned hub answered.
#[derive(Clone, Debug)]
pub struct Stranger(Arc<OnceLock<PublicKey>>);

impl Stranger {
    /// The key that the other side held in place of the pinned one, if that is why the attempt failed.
    pub fn key(&self) -> Option<PublicKey> {
        self.0.get().copied()
    }
}

/// A peer that did not show exactly one raw Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer shows no raw Ed25519 key")]
pub struct NoPeerKey;

/// How `key`'s holder reaches the hub whose key is `hub`, and nobody else.
pub fn client_config(key: &Key, hub: PublicKey) -> Pinned {
    fleet_config(key, vec![hub])
}

/// How `key`'s holder reaches whoever holds one of the keys `known`, and nobody else: another laptop of its fleet.
pub fn fleet_config(key: &Key, known: Vec<PublicKey>) -> Pinned {
    let stranger = Stranger(Arc::default());
    let verifier = PinnedKeys { known, stranger: stranger.clone() };
    let mut config = ClientConfig::builder_with_details(crypto(), Arc::new(NoClock))
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(certified(key))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config.enable_early_data = false;
    Pinned { config, stranger }
}

/// How the holder of `key`, a hub, lets peers connect: each must prove a key of its own.
pub fn server_config(key: &Key) -> ServerConfig {
    let mut config = ServerConfig::builder_with_details(crypto(), Arc::new(NoClock))
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has TLS 1.3")
        .with_client_cert_verifier(Arc::new(AnyKey))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified(key))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config
}

/// The key that the peer proved in the handshake, from what the TLS library kept of it.
///
/// # Errors
/// There is not exactly one raw Ed25519 key.
pub fn peer_key(identity: &[CertificateDer<'_>]) -> Result<PublicKey, NoPeerKey> {
    let [spki] = identity else { return Err(NoPeerKey) };
    spki.strip_prefix(&SPKI_PREFIX).and_then(|key| PublicKey::try_from(key).ok()).ok_or(NoPeerKey)
}

fn crypto() -> Arc<CryptoProvider> {
    Arc::new(provider::default_provider())
}

fn certified(key: &Key) -> Arc<CertifiedKey> {
    let pkcs8 = [&PKCS8_PREFIX[..], key.seed()].concat();
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8));
    let signer = provider::sign::any_supported_type(&der).expect("the prefix and a seed are an Ed25519 key");
    let spki = [&SPKI_PREFIX[..], key.public().as_bytes()].concat();
    Arc::new(CertifiedKey::new(vec![CertificateDer::from(spki)], signer))
}

/// The one key of a handshake message, intermediate ones being refused.
fn only_key(end: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<PublicKey, Error> {
    match (others, peer_key(std::slice::from_ref(end))) {
        ([], Ok(key)) => Ok(key),
        _ => Err(CertificateError::BadEncoding.into()),
    }
}

fn verify_handshake(
    message: &[u8],
    end: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    if signed.scheme != SignatureScheme::ED25519 {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    }
    verify_bytes(only_key(end, &[])?, message, signed.signature())
        .map(|()| HandshakeSignatureValid::assertion())
        .map_err(|_| CertificateError::BadSignature.into())
}

/// Takes whoever holds a pinned key and nobody else.
#[derive(Debug)]
struct PinnedKeys {
    known: Vec<PublicKey>,
    stranger: Stranger,
}

impl ServerCertVerifier for PinnedKeys {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = only_key(end_entity, intermediates)?;
        if self.known.contains(&key) {
            return Ok(ServerCertVerified::assertion());
        }
        self.stranger.0.get_or_init(|| key);
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_handshake(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Takes whoever proves an Ed25519 key; the registry decides the rest.
#[derive(Debug)]
struct AnyKey;

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        only_key(end_entity, intermediates).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_handshake(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Nothing here has a date, and a machine's clock may stand before 1970.
#[derive(Debug)]
struct NoClock;

impl TimeProvider for NoClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConnection, ServerConnection, server::danger::ClientCertVerifier as _};

    use super::*;

    /// Runs a handshake in memory and tells which error ended it.
    fn shake(
        client: ClientConfig,
        server: ServerConfig,
    ) -> Result<(ClientConnection, ServerConnection), Error> {
        let name = SERVER_NAME.try_into().unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets()?;
            wire.clear();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut wire.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        Ok((client, server))
    }

    #[test]
    fn both_sides_learn_the_other_key() {
        let (van, hub) = (Key::from_seed([1; 32]), Key::from_seed([2; 32]));
        let pinned = client_config(&van, hub.public());
        let (client, server) = shake(pinned.config, server_config(&hub)).expect("both keys fit");
        assert_eq!(peer_key(server.peer_certificates().unwrap()), Ok(van.public()));
        assert_eq!(peer_key(client.peer_certificates().unwrap()), Ok(hub.public()));
        assert_eq!(client.alpn_protocol(), Some(ALPN));
        assert_eq!(pinned.stranger.key(), None);
    }

    #[test]
    fn another_hub_is_a_stranger() {
        let (van, other) = (Key::from_seed([1; 32]), Key::from_seed([3; 32]));
        let pinned = client_config(&van, Key::from_seed([2; 32]).public());
        assert!(shake(pinned.config, server_config(&other)).is_err());
        assert_eq!(pinned.stranger.key(), Some(other.public()));
    }

    #[test]
    fn a_hub_that_claims_a_key_it_does_not_hold_is_refused() {
        let (van, hub, thief) = (Key::from_seed([1; 32]), Key::from_seed([2; 32]), Key::from_seed([3; 32]));
        let pinned = client_config(&van, hub.public());
        let mut config = server_config(&thief);
        let stolen = CertifiedKey::new(certified(&hub).cert.clone(), certified(&thief).key.clone());
        config.cert_resolver = Arc::new(AlwaysResolvesServerRawPublicKeys::new(Arc::new(stolen)));
        assert_eq!(
            shake(pinned.config, config).map(|_| ()),
            Err(Error::InvalidCertificate(CertificateError::BadSignature))
        );
    }

    #[test]
    fn a_client_without_a_key_is_refused() {
        let hub = Key::from_seed([2; 32]);
        let mut pinned = client_config(&Key::from_seed([1; 32]), hub.public());
        pinned.config.client_auth_cert_resolver = Arc::new(NoKey);
        assert!(shake(pinned.config, server_config(&hub)).is_err());
        assert!(AnyKey.client_auth_mandatory());
    }

    #[test]
    fn only_the_one_form_of_a_key_is_taken() {
        let key = Key::from_seed([1; 32]).public();
        let good = [&SPKI_PREFIX[..], key.as_bytes()].concat();
        let der = |bytes: &[u8]| CertificateDer::from(bytes.to_vec());
        assert_eq!(peer_key(&[der(&good)]), Ok(key));
        assert_eq!(peer_key(&[]), Err(NoPeerKey));
        assert_eq!(peer_key(&[der(&good), der(&good)]), Err(NoPeerKey));
        for end in 0..good.len() {
            assert_eq!(peer_key(&[der(&good[..end])]), Err(NoPeerKey));
        }
        assert_eq!(peer_key(&[der(&[&good[..], &[0]].concat())]), Err(NoPeerKey));
    }

    #[derive(Debug)]
    struct NoKey;

    impl rustls::client::ResolvesClientCert for NoKey {
        fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
            None
        }

        fn only_raw_public_keys(&self) -> bool {
            true
        }

        fn has_certs(&self) -> bool {
            false
        }
    }
}
