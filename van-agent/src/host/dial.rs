//! Finds the hub: tries its addresses until the holder of the pinned key answers, over QUIC or over TCP.
//!
//! At each address both race; the one that goes first has a head start of [`HEAD_START`], and on most networks the
//! other is never begun. Which goes first is [`networks`](crate::host::networks)' to say.

use std::{
    future::pending,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use quinn::{ConnectionError, Endpoint, TransportConfig};
use shared::{
    id::PublicKey,
    identity::{Key, ticket::Address, tls},
    time::Timestamp,
};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use crate::host::{
    meter::Meter,
    networks::{Network, Networks},
    quic,
    tcp::{self, HandshakeError},
    wire::{Over, Wire},
};

/// How long an address may be silent before the next one is tried beside it.
pub const NEXT_ADDRESS_AFTER: Duration = Duration::from_secs(3);

/// How long the second way waits for the first. QUIC sends its first packet again after 2.1 s; over the slowest link
/// that this is made for (650 ms, 128 kbit/s up) that one, too, is answered within 3 s. So TCP begins where none gets
/// through, or where both were lost: one dial of 40 on a link that loses 8 % each way. The wait is paid once a
/// network, since what won is remembered.
pub const HEAD_START: Duration = Duration::from_secs(3);

/// Who dials, and with what.
#[derive(Clone, Debug)]
pub struct Caller {
    /// This laptop's endpoint.
    pub endpoint: Endpoint,
    /// What counts the packets of the endpoint; those of TCP are added.
    pub meter: Meter,
    /// This laptop's key.
    pub key: Arc<Key>,
    /// The hub's key.
    pub hub: PublicKey,
    /// The settings of QUIC.
    pub transport: Arc<TransportConfig>,
    /// How often a quiet link over TCP says something, if at all; of QUIC `transport` tells.
    pub keep_alive: Option<Duration>,
    /// What is known of networks.
    pub networks: Networks,
    /// This machine's clock.
    pub now: Timestamp,
}

/// What was found.
#[derive(Debug)]
pub struct Dialled {
    /// The connection.
    pub wire: Wire,
    /// Through which network.
    pub network: Network,
    /// Whether QUIC was tried and heard something of the hub.
    pub quic_heard: bool,
}

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
    /// The system or the hub refuses TCP.
    #[error("{address} takes no connection over TCP")]
    Refused {
        /// Where.
        address: Address,
        /// Why.
        source: HandshakeError,
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
pub async fn dial(caller: &Caller, addresses: &[Address], patience: Patience) -> Result<Dialled, DialError> {
    let until = Instant::now() + patience.whole;
    let turns = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let next_after = NEXT_ADDRESS_AFTER.min(patience.whole / turns);
    let mut attempts = JoinSet::new();
    let mut worst = DialError::NoAddress;
    let mut waiting = addresses.iter();
    loop {
        let next = waiting.next();
        if let Some(address) = next {
            attempts.spawn(attempt(caller.clone(), address.clone(), patience, until));
        }
        // With addresses left, wait for one result or for the turn of the next; else for any result.
        let result = match timeout(next_after, attempts.join_next()).await {
            Err(_) => continue,
            Ok(None) if next.is_none() => return Err(worst),
            Ok(None) => continue,
            Ok(Some(Ok(result))) => result,
            Ok(Some(Err(failed))) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Nobody aborts an attempt: the runtime is leaving, and takes this along.
                Err(_) => pending().await,
            },
        };
        match result {
            Ok(dialled) => return Ok(dialled),
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
        DialError::Refused { .. } => 3,
        DialError::Silent { .. } => 4,
        DialError::Failed { .. } => 5,
        DialError::WrongHub { .. } => 6,
    }
}

/// Has QUIC and TCP race at one address.
async fn attempt(
    caller: Caller,
    address: Address,
    patience: Patience,
    until: Instant,
) -> Result<Dialled, DialError> {
    let racing = async {
        let socket = match resolve(&address).await {
            Ok(socket) => socket,
            Err(source) => return Err(DialError::Name { address: address.clone(), source }),
        };
        let network = Network::towards(socket)
            .map_err(|source| DialError::NoRoute { address: address.clone(), source })?;
        let first = caller.networks.first(&network, caller.now);
        let at = At { caller: &caller, address: &address, socket, patience };
        let quic_heard = AtomicBool::new(false);
        let wire = at.race(first, &quic_heard).await?;
        Ok(Dialled { wire, network, quic_heard: quic_heard.into_inner() })
    };
    let silent = || DialError::Silent { address: address.clone(), patience: patience.whole };
    timeout_at(until, racing).await.unwrap_or_else(|_| Err(silent()))
}

/// One address being tried.
struct At<'a> {
    caller: &'a Caller,
    address: &'a Address,
    socket: SocketAddr,
    patience: Patience,
}

impl At<'_> {
    /// The first connection, or the more telling error. A second way begins as soon as the first has failed, but
    /// not where somebody else was found.
    async fn race(&self, first: Over, quic_heard: &AtomicBool) -> Result<Wire, DialError> {
        let failed = Notify::new();
        let turn = |over| {
            let failed = &failed;
            let head_start = HEAD_START.min(self.patience.whole / 2);
            async move {
                if over != first {
                    // Either ends the waiting.
                    drop(timeout(head_start, failed.notified()).await);
                }
            }
        };
        let quic = async {
            turn(Over::Quic).await;
            self.quic(quic_heard).await
        };
        let tcp = async {
            turn(Over::Tcp).await;
            self.tcp().await
        };
        tokio::pin!(quic, tcp);
        let (mut quic_error, mut tcp_error) = (None, None);
        loop {
            let (error, kept) = tokio::select! {
                dialled = &mut quic, if quic_error.is_none() => match dialled {
                    Ok(wire) => return Ok(wire),
                    Err(error) => (error, &mut quic_error),
                },
                dialled = &mut tcp, if tcp_error.is_none() => match dialled {
                    Ok(wire) => return Ok(wire),
                    Err(error) => (error, &mut tcp_error),
                },
            };
            if matches!(error, DialError::WrongHub { .. }) {
                return Err(error);
            }
            *kept = Some(error);
            failed.notify_one();
            if let (Some(_), Some(_)) = (&quic_error, &tcp_error) {
                let errors = [quic_error, tcp_error].into_iter().flatten();
                return Err(errors.max_by_key(telling).expect("there are two"));
            }
        }
    }

    async fn quic(&self, heard: &AtomicBool) -> Result<Wire, DialError> {
        let address = || self.address.clone();
        let pinned = tls::client_config(&self.caller.key, self.caller.hub);
        let config = quic::client_config(pinned.config, Arc::clone(&self.caller.transport));
        let mut connecting = self
            .caller
            .endpoint
            .connect_with(config, self.socket, tls::SERVER_NAME)
            .map_err(|source| DialError::Unreachable { address: address(), source })?;
        let first_packet = self.patience.first_packet;
        // What it says is told again by the connection itself.
        if timeout(first_packet, connecting.handshake_data()).await.is_err() {
            return Err(DialError::Silent { address: address(), patience: first_packet });
        }
        heard.store(true, Ordering::Relaxed);
        connecting.await.map(Wire::Quic).map_err(|source| match pinned.stranger.key() {
            Some(found) => DialError::WrongHub { address: address(), found },
            None => DialError::Failed { address: address(), source },
        })
    }

    async fn tcp(&self) -> Result<Wire, DialError> {
        let address = || self.address.clone();
        let Caller { key, hub, meter, keep_alive, .. } = self.caller;
        let pinned = tls::client_config(key, *hub);
        let connecting = tcp::Connection::connect(self.socket, pinned.config, meter.clone(), *keep_alive);
        let patience = self.patience.first_packet;
        match timeout(patience, connecting).await {
            Ok(Ok(connection)) => Ok(Wire::Tcp(Box::new(connection))),
            Ok(Err(source)) => Err(match pinned.stranger.key() {
                Some(found) => DialError::WrongHub { address: address(), found },
                None => DialError::Refused { address: address(), source },
            }),
            Err(_) => Err(DialError::Silent { address: address(), patience }),
        }
    }
}

async fn resolve(address: &Address) -> io::Result<SocketAddr> {
    let mut found = tokio::net::lookup_host((address.host(), address.port())).await?;
    found.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;
    use crate::host::quic::Side;

    fn caller(hub: PublicKey) -> Caller {
        let meter = Meter::default();
        Caller {
            endpoint: quic::van_endpoint(&meter).unwrap(),
            meter,
            key: Arc::new(Key::from_seed([1; 32])),
            hub,
            transport: Arc::new(quic::transport(Side::Van { keep_alive: None })),
            keep_alive: None,
            networks: Networks::default(),
            now: Timestamp(0),
        }
    }

    #[tokio::test]
    async fn the_most_telling_error_is_told() {
        let caller = caller(Key::from_seed([2; 32]).public());
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let silent = Address::from(silent.local_addr().unwrap());
        // Too long for a name: whoever is asked says so without a network.
        let nowhere: Address = format!("{}.invalid:4433", "x".repeat(64)).parse().unwrap();
        let reach = async |addresses: &[Address]| {
            dial(&caller, addresses, Duration::from_millis(500).into()).await.unwrap_err()
        };
        assert!(matches!(reach(&[]).await, DialError::NoAddress));
        let both = [nowhere, silent.clone()];
        assert!(matches!(reach(&both).await, DialError::Silent { address, .. } if address == silent));
    }

    #[tokio::test]
    async fn whoever_does_not_speak_the_protocol_is_silent_or_refused_and_never_the_hub() {
        let caller = caller(Key::from_seed([2; 32]).public());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = Address::from(listener.local_addr().unwrap());
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            listener.accept().await.map(drop)
        });
        let error = dial(&caller, &[address], Duration::from_millis(400).into()).await.unwrap_err();
        assert!(matches!(error, DialError::Silent { .. } | DialError::Refused { .. }), "{error:?}");
        answering.abort();
    }

    /// Panics are counted where they drop this.
    struct Falling(Arc<AtomicBool>);

    impl Drop for Falling {
        fn drop(&mut self) {
            self.0.fetch_or(std::thread::panicking(), Ordering::Relaxed);
        }
    }

    #[test]
    fn a_runtime_that_leaves_in_mid_dial_takes_the_dial_along() {
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = Address::from(silent.local_addr().unwrap());
        let fell = Arc::new(AtomicBool::new(false));
        for _ in 0..200 {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let (address, falling) = (address.clone(), Falling(Arc::clone(&fell)));
            let begun = Arc::new(Notify::new());
            let dialling = Arc::clone(&begun);
            runtime.spawn(async move {
                let _falling = falling;
                let caller = caller(Key::from_seed([2; 32]).public());
                dialling.notify_one();
                drop(dial(&caller, &[address], Duration::from_secs(9).into()).await);
            });
            runtime.block_on(begun.notified());
        }
        assert!(!fell.load(Ordering::Relaxed));
    }
}
