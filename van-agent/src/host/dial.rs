//! Finds the hub: tries its addresses until the holder of the pinned key answers.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use quinn::{Connection, ConnectionError, Endpoint, TransportConfig};
use shared::{
    id::PublicKey,
    identity::{Key, ticket::Address, tls},
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use crate::host::quic;

/// How long an address may be silent before the next one is tried beside it.
pub const NEXT_ADDRESS_AFTER: Duration = Duration::from_secs(3);

/// How long to try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// Until an address has sent its first packet.
    pub first_packet: Duration,
    /// In all.
    pub whole: Duration,
}

impl From<Duration> for Patience {
    fn from(whole: Duration) -> Self {
        Self { first_packet: whole, whole }
    }
}

/// No connection to the hub came about.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// There is no address to try.
    #[error("no address of the hub is known")]
    NoAddress,
    /// The name has no address.
    #[error("the name of {address} leads nowhere")]
    Name {
        /// Which address.
        address: Address,
        /// Why, where the system says.
        source: io::Error,
    },
    /// Somebody else answers there.
    #[error("the hub at {address} does not hold the key pinned at enrolment")]
    WrongHub {
        /// Where.
        address: Address,
        /// The key held there.
        found: PublicKey,
    },
    /// Nobody answers.
    #[error("nobody answers at {address} within {} s", .patience.as_secs_f32())]
    Silent {
        /// Where.
        address: Address,
        /// How long it was waited.
        patience: Duration,
    },
    /// Somebody answers and will not talk.
    #[error("the connection to {address} failed")]
    Failed {
        /// Where.
        address: Address,
        /// Why.
        source: ConnectionError,
    },
    /// This machine has no network that leads there.
    #[error("no network here leads to {address}")]
    NoRoute {
        /// Where.
        address: Address,
        /// What the system says.
        source: io::Error,
    },
    /// No packet can even be sent there.
    #[error("{address} cannot be reached from here")]
    Unreachable {
        /// Where.
        address: Address,
        /// Why.
        source: quinn::ConnectError,
    },
}

/// Connects to the hub whose key is `hub`, at the first of `addresses` where it answers; a silent one is
/// joined by the next after [`NEXT_ADDRESS_AFTER`], or sooner where `patience` would leave the last no turn.
///
/// # Errors
/// It was found at none of them; the most telling of the errors.
pub async fn dial(
    endpoint: &Endpoint,
    key: &Key,
    hub: PublicKey,
    addresses: &[Address],
    transport: Arc<TransportConfig>,
    patience: Patience,
) -> Result<Connection, DialError> {
    let until = Instant::now() + patience.whole;
    let turns = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let next_after = NEXT_ADDRESS_AFTER.min(patience.whole / turns);
    let mut attempts = JoinSet::new();
    let mut worst = DialError::NoAddress;
    let mut waiting = addresses.iter();
    loop {
        let next = waiting.next();
        if let Some(address) = next {
            let pinned = tls::client_config(key, hub);
            let config = quic::client_config(pinned.config, Arc::clone(&transport));
            attempts.spawn(attempt(
                endpoint.clone(),
                address.clone(),
                config,
                pinned.stranger,
                (patience, until),
            ));
        }
        // With addresses left, wait for one result or for the turn of the next; else for any result.
        let result = match timeout(next_after, attempts.join_next()).await {
            Err(_) => continue,
            Ok(None) if next.is_none() => return Err(worst),
            Ok(None) => continue,
            Ok(Some(result)) => {
                result.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
            }
        };
        match result {
            Ok(connection) => return Ok(connection),
            Err(error) if telling(&error) > telling(&worst) => worst = error,
            Err(_) => {}
        }
    }
}

/// How much an error says of what is wrong: the higher, the better it is told to the person.
fn telling(error: &DialError) -> u8 {
    match error {
        DialError::NoAddress => 0,
        DialError::Unreachable { .. } | DialError::NoRoute { .. } => 1,
        DialError::Name { .. } => 2,
        DialError::Silent { .. } => 3,
        DialError::Failed { .. } => 4,
        DialError::WrongHub { .. } => 5,
    }
}

async fn attempt(
    endpoint: Endpoint,
    address: Address,
    config: quinn::ClientConfig,
    stranger: tls::Stranger,
    (patience, until): (Patience, Instant),
) -> Result<Connection, DialError> {
    let silent = |patience| DialError::Silent { address: address.clone(), patience };
    let reach = async {
        let socket = match resolve(&address).await {
            Ok(socket) => socket,
            Err(source) => return Err(DialError::Name { address: address.clone(), source }),
        };
        has_route(socket).map_err(|source| DialError::NoRoute { address: address.clone(), source })?;
        let mut connecting = endpoint
            .connect_with(config, socket, tls::SERVER_NAME)
            .map_err(|source| DialError::Unreachable { address: address.clone(), source })?;
        // What it says is told again by the connection itself.
        if timeout(patience.first_packet, connecting.handshake_data()).await.is_err() {
            return Err(silent(patience.first_packet));
        }
        connecting.await.map_err(|source| match stranger.key() {
            Some(found) => DialError::WrongHub { address: address.clone(), found },
            None => DialError::Failed { address: address.clone(), source },
        })
    };
    timeout_at(until, reach).await.unwrap_or_else(|_| Err(silent(patience.whole)))
}

async fn resolve(address: &Address) -> io::Result<SocketAddr> {
    let mut found = tokio::net::lookup_host((address.host(), address.port())).await?;
    found.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Asks the system for a way to `socket`, without a packet: QUIC itself would try until its patience ends.
fn has_route(socket: SocketAddr) -> io::Result<()> {
    let any: SocketAddr = match socket {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    UdpSocket::bind(any)?.connect(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::quic::Side;

    #[tokio::test]
    async fn the_most_telling_error_is_told() {
        let endpoint = quic::van_endpoint().unwrap();
        let key = Key::from_seed([1; 32]);
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let silent = Address::from(silent.local_addr().unwrap());
        let nowhere: Address = "nowhere.invalid:4433".parse().unwrap();
        let reach = |addresses| {
            let transport = Arc::new(quic::transport(Side::Van { keep_alive: None }));
            let (endpoint, key) = (&endpoint, &key);
            async move {
                let patience = Duration::from_millis(50);
                dial(endpoint, key, key.public(), addresses, transport, patience.into()).await.unwrap_err()
            }
        };
        assert!(matches!(reach(&[]).await, DialError::NoAddress));
        let both = [nowhere, silent.clone()];
        assert!(matches!(reach(&both).await, DialError::Silent { address, .. } if address == silent));
    }
}
