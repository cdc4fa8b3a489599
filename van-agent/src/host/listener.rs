//! Lets peers in: how many, how fast, and at what cost to those who have not proven their address.
//!
//! Whether a peer may do anything is not decided here: it has proven a key, and the core looks that up.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use quinn::{Endpoint, Incoming};
use shared::{
    identity::{Key, tls},
    sync::{CloseCode, Role},
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::AbortHandle,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::host::{
    driver::{self, Ended},
    meter::Traffic,
    owner::{Handle, Owned},
    quic, tcp,
    wire::{self, Over, Wire},
};

/// How long a leaving hub waits for its connections to end.
pub const DRAIN_PATIENCE: Duration = Duration::from_secs(20);

/// How long the last words of connections may take to leave.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);
/// How often a port is sought that is free for UDP and TCP, where the system chooses it.
const PORTS_MAX: usize = 64;
/// How long to wait where the system has no room for another TCP connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Where peers come in: one port number, for QUIC over UDP and for TLS over TCP.
pub struct Door {
    endpoint: Endpoint,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    /// Connections over TCP, unfinished handshakes included.
    tcp: watch::Sender<usize>,
    /// Links over QUIC, whose handshake is finished.
    quic: watch::Sender<usize>,
    /// Whether newcomers over TCP are let in no more.
    closed: watch::Sender<bool>,
}

/// How much is let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections at the same time over UDP and TCP together; one over is refused.
    pub connections_max: usize,
    /// Unfinished handshakes over UDP above which every newcomer must first prove its address, which TCP does by
    /// itself. Over TCP so many may be unfinished; one over ends the oldest.
    pub handshakes_open_max: usize,
    /// Unfinished handshakes over TCP from one network (/24, /48); one over is refused.
    pub handshakes_per_network_max: usize,
    /// Newcomers a second from one network (/24, /48), above which they must first prove their address.
    pub newcomers_per_second_max: u32,
    /// Newcomers a second from one network (/24, /48) that have proven their address, over UDP and TCP each; one
    /// over is refused.
    pub handshakes_per_second_max: u32,
    /// How long a handshake may take.
    pub handshake_patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_000,
            handshakes_open_max: 64,
            handshakes_per_network_max: 16,
            newcomers_per_second_max: 5,
            // More than all laptops of a district that stand behind one address.
            handshakes_per_second_max: 1_000,
            handshake_patience: Duration::from_secs(30),
        }
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Door {
    /// Opens `listen` for UDP and TCP; with port 0 one that is free for both. `reset_key` as for
    /// [`quic::hub_endpoint`].
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn open(listen: SocketAddr, key: &Key, reset_key: &[u8; 64]) -> io::Result<Self> {
        let mut tries = 1;
        let (endpoint, listener) = loop {
            let endpoint = quic::hub_endpoint(listen, key, reset_key)?;
            match tcp::listener(endpoint.local_addr()?) {
                Ok(listener) => break (endpoint, listener),
                Err(error) if listen.port() != 0 || tries == PORTS_MAX => return Err(error),
                Err(_) => tries += 1,
            }
        };
        let acceptor = TlsAcceptor::from(Arc::new(tls::server_config(key)));
        Ok(Self {
            endpoint,
            listener,
            acceptor,
            tcp: watch::Sender::new(0),
            quic: watch::Sender::new(0),
            closed: watch::Sender::new(false),
        })
    }

    /// The address, its port being that of UDP and of TCP.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn addr(&self) -> io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    fn connections(&self) -> usize {
        self.endpoint.open_connections() + *self.tcp.borrow()
    }
}

/// Lets peers in at `door` until it is closed; each is served by a task of its own.
pub async fn listen<O: Owned>(door: &Door, owner: &Handle<O>, limits: Limits) {
    tokio::join!(listen_quic(door, owner, limits), listen_tcp(door, owner, limits));
}

async fn listen_quic<O: Owned>(door: &Door, owner: &Handle<O>, limits: Limits) {
    let handshakes = Arc::new(AtomicUsize::new(0));
    let (mut newcomers, mut proven) = (Newcomers::new(), Newcomers::new());
    while let Some(incoming) = door.endpoint.accept().await {
        if door.connections() >= limits.connections_max {
            incoming.refuse();
            continue;
        }
        let from = incoming.remote_address().ip();
        if incoming.remote_address_validated() {
            if is_flood(proven.count(from), limits) {
                incoming.refuse();
                continue;
            }
        } else {
            let crowded = handshakes.load(Ordering::Relaxed) >= limits.handshakes_open_max;
            if newcomers.count(from) > limits.newcomers_per_second_max || crowded {
                // One that cannot be asked to prove itself has done so already.
                drop(incoming.retry());
                continue;
            }
        }
        let open = Open::new(&handshakes);
        let (quic, owner) = (door.quic.clone(), owner.clone());
        tokio::spawn(welcome(incoming, owner, limits.handshake_patience, open, quic));
    }
}

async fn listen_tcp<O: Owned>(door: &Door, owner: &Handle<O>, limits: Limits) {
    let mut closed = door.closed.subscribe();
    let mut strangers = Strangers::default();
    let mut newcomers = Newcomers::new();
    loop {
        let accepted = tokio::select! {
            accepted = door.listener.accept() => accepted,
            _ = closed.wait_for(|closed| *closed) => return strangers.drop_all(),
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "accept a connection");
                sleep(PAUSE).await;
                continue;
            }
        };
        // Dropped, a stream is closed.
        if is_flood(newcomers.count(from.ip()), limits) {
            continue;
        }
        if door.connections() >= limits.connections_max || !strangers.make_room(from.ip(), limits) {
            continue;
        }
        let handshake = Arc::new(());
        let unfinished = Arc::downgrade(&handshake);
        let present = Present::new(&door.tcp);
        let (acceptor, owner) = (door.acceptor.clone(), owner.clone());
        let task = tokio::spawn(async move {
            let _present = present;
            let shaken = tcp::Connection::accept(&acceptor, stream);
            let connection = match timeout(limits.handshake_patience, shaken).await {
                Ok(Ok(connection)) => connection,
                Ok(Err(error)) => return tracing::debug!(%error, "a handshake over TCP failed"),
                Err(_) => return tracing::debug!("a handshake over TCP took too long"),
            };
            drop(handshake);
            serve_tcp(connection, &owner).await;
        });
        strangers.all.push_back(StrangerTask {
            network: network(from.ip()),
            unfinished,
            task: task.abort_handle(),
        });
    }
}

/// Whether one that has proven its address, the `came`th of its network in this second, is one too many. Only who
/// has proven it counts: with forged addresses nobody shuts another network out.
fn is_flood(came: u32, limits: Limits) -> bool {
    came > limits.handshakes_per_second_max && came != Newcomers::UNCOUNTED
}

async fn serve_tcp<O: Owned>(connection: tcp::Connection, owner: &Handle<O>) {
    let meter = connection.meter().clone();
    tracing::info!(over = ?Over::Tcp, "link up");
    let ended = driver::drive(Wire::Tcp(Box::new(connection)), Role::Parent, owner).await;
    tell_end(Over::Tcp, meter.traffic(), &ended);
}

/// Lets nobody else in, asks who is there to come again, and waits until they have gone.
pub async fn drain<O: Owned>(door: &Door, owner: &Handle<O>) {
    door.endpoint.set_server_config(None);
    door.closed.send_replace(true);
    if owner.close_links(CloseCode::RetryLater, "the hub is going down").await.is_ok() {
        // Whoever has not finished its handshake is not waited for: it may have gone long ago.
        let (mut tcp, mut quic) = (door.tcp.subscribe(), door.quic.subscribe());
        let gone = async { tokio::join!(quic.wait_for(|open| *open == 0), tcp.wait_for(|open| *open == 0)) };
        if timeout(DRAIN_PATIENCE, gone).await.is_err() {
            tracing::info!("not all connections ended in time");
        }
    }
    door.endpoint.close(CloseCode::RetryLater.value().into(), b"the hub is going down");
    // What says so is still to leave; longer it is not waited for.
    drop(timeout(CLOSE_PATIENCE, door.endpoint.wait_idle()).await);
}

/// Counts as a connection until dropped.
struct Present(watch::Sender<usize>);

impl Present {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Connections over TCP whose handshake is not finished, oldest first.
#[derive(Default)]
struct Strangers {
    all: VecDeque<StrangerTask>,
}

struct StrangerTask {
    network: [u8; 6],
    /// Gone once the handshake is finished.
    unfinished: std::sync::Weak<()>,
    task: AbortHandle,
}

impl Strangers {
    /// Whether one more from `from` may begin; where there are too many the oldest makes room.
    fn make_room(&mut self, from: IpAddr, limits: Limits) -> bool {
        self.all.retain(|stranger| stranger.unfinished.strong_count() > 0);
        let network = network(from);
        let same = self.all.iter().filter(|stranger| stranger.network == network).count();
        if same >= limits.handshakes_per_network_max {
            return false;
        }
        if self.all.len() >= limits.handshakes_open_max
            && let Some(oldest) = self.all.pop_front()
        {
            oldest.task.abort();
        }
        true
    }

    fn drop_all(&mut self) {
        for stranger in self.all.drain(..).filter(|stranger| stranger.unfinished.strong_count() > 0) {
            stranger.task.abort();
        }
    }
}

/// Counts as an unfinished handshake until dropped.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn welcome<O: Owned>(
    incoming: Incoming,
    owner: Handle<O>,
    patience: Duration,
    open: Open,
    quic: watch::Sender<usize>,
) {
    let shaken = async { incoming.accept()?.await };
    let connection = match timeout(patience, shaken).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%error, "a handshake failed"),
        Err(_) => return tracing::debug!("a handshake took too long"),
    };
    drop(open);
    let _present = Present::new(&quic);
    tracing::info!(over = ?Over::Quic, "link up");
    let ended = driver::drive(Wire::Quic(connection.clone()), Role::Parent, &owner).await;
    tell_end(Over::Quic, wire::traffic(&connection), &ended);
}

fn tell_end(over: Over, traffic: Traffic, ended: &Ended) {
    tracing::info!(
        ?over,
        up_bytes = traffic.up_bytes,
        down_bytes = traffic.down_bytes,
        cause = cause(ended),
        "link down"
    );
}

/// One word for the log.
fn cause(ended: &Ended) -> &'static str {
    match ended {
        Ended::Here { .. } => "closed here",
        Ended::There { .. } => "closed there",
        Ended::Forgotten => "forgotten there",
        Ended::Silent => "silent",
        Ended::Broken(_) => "broken",
        Ended::NoKey(_) => "no key",
        Ended::Stopping => "stopping",
    }
}

/// How many came in this second from each network.
struct Newcomers {
    second: Instant,
    networks: BTreeMap<[u8; 6], u32>,
}

impl Newcomers {
    /// The count of one whose network cannot be kept apart any more.
    const UNCOUNTED: u32 = u32::MAX;

    fn new() -> Self {
        Self { second: Instant::now(), networks: BTreeMap::new() }
    }

    /// Counts one more from `from` and tells how many that are. In a second with more networks than can be
    /// kept apart, each further one counts as too many.
    fn count(&mut self, from: IpAddr) -> u32 {
        const NETWORKS_MAX: usize = 4_096;
        if self.second.elapsed() >= Duration::from_secs(1) {
            *self = Self::new();
        }
        let network = network(from);
        if self.networks.len() >= NETWORKS_MAX && !self.networks.contains_key(&network) {
            return Self::UNCOUNTED;
        }
        let count = self.networks.entry(network).or_default();
        *count = count.saturating_add(1);
        *count
    }
}

/// The /48 of an address; of an IPv4 address its /24.
fn network(address: IpAddr) -> [u8; 6] {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [0, 0, 0, a, b, c]
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => network(IpAddr::V4(v4)),
            None => first_six(v6),
        },
    }
}

fn first_six(address: Ipv6Addr) -> [u8; 6] {
    *address.octets().first_chunk().expect("an IPv6 address has 16 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_are_counted_by_network() {
        let mut newcomers = Newcomers::new();
        let mut count = |text: &str| newcomers.count(text.parse().unwrap());
        assert_eq!((count("10.0.0.1"), count("10.0.0.2"), count("10.0.1.1")), (1, 2, 1));
        assert_eq!((count("::ffff:10.0.0.3"), count("2001:db8:1::1"), count("2001:db8:1:2::9")), (3, 1, 2));
    }

    #[test]
    fn too_many_of_one_network_are_a_flood_and_one_that_cannot_be_counted_is_none() {
        let limits = Limits { handshakes_per_second_max: 4, ..Limits::default() };
        let mut newcomers = Newcomers::new();
        let mut floods = |text: &str| is_flood(newcomers.count(text.parse().unwrap()), limits);
        let here: Vec<_> = (0..6).map(|_| floods("10.0.0.1")).collect();
        assert_eq!(here, [false, false, false, false, true, true]);
        assert!(!floods("10.0.1.1"), "another network is not shut out");
        assert!(!is_flood(Newcomers::UNCOUNTED, limits));
    }

    fn stranger(network: [u8; 6], handshake: &Arc<()>) -> StrangerTask {
        let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
        StrangerTask { network, unfinished: Arc::downgrade(handshake), task }
    }

    #[tokio::test]
    async fn unfinished_handshakes_crowd_out_their_own_network_and_then_the_oldest() {
        let limits = Limits { handshakes_per_network_max: 2, handshakes_open_max: 3, ..Limits::default() };
        let (here, there): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.1.1".parse().unwrap());
        let mut strangers = Strangers::default();
        let handshake = Arc::new(());
        for _ in 0..2 {
            assert!(strangers.make_room(here, limits));
            strangers.all.push_back(stranger(network(here), &handshake));
        }
        assert!(!strangers.make_room(here, limits));
        assert!(strangers.make_room(there, limits));
        strangers.all.push_back(stranger(network(there), &handshake));
        assert!(strangers.make_room(there, limits), "the oldest made room");
        assert_eq!(strangers.all.len(), 2);
        drop(handshake);
        assert!(
            strangers.make_room(here, limits) && strangers.all.is_empty(),
            "those that are done do not count"
        );
    }
}
