//! The settings of the wire, as measured best on thin links (128-256 kbit/s, 400-600 ms, 2-8 % loss).
//!
//! Endpoints are made here and nowhere else, so that no default slips in: no 0-RTT, no MTU probes, no
//! datagrams, bounded windows and bounded queues for what has not proven its address.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use quinn::{
    ConnectionId, ConnectionIdGenerator, Endpoint, EndpointConfig, IdleTimeout, TransportConfig, VarInt,
    congestion::CubicConfig,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use shared::identity::{Key, tls};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::host::{
    machine,
    meter::{Meter, MeteredRuntime},
};

/// How long a connection survives without a packet.
pub const IDLE_MAX: Duration = Duration::from_secs(90);
/// How long a leaving program stays to have its last packet sent.
pub const LEAVE_PATIENCE: Duration = Duration::from_millis(500);

const INITIAL_WINDOW_BYTES: u64 = 32_000;
const INITIAL_RTT: Duration = Duration::from_millis(700);
const DATAGRAM_BYTES: u16 = 1_200;
const PERSISTENT_CONGESTION_THRESHOLD: u32 = 8;
const STREAMS_MAX: u32 = 4;
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// More than that overflows a modem's queue of 48 KB in the first seconds, and is paid for again.
const SEND_WINDOW_BYTES: u64 = 64 << 10;
/// What the hub's socket holds until it is read: the first packets of 500 laptops that come back into coverage in
/// the same moment. The system may give less.
const SOCKET_BYTES: usize = 4 << 20;
const INCOMING_MAX: usize = 1_024;
const INCOMING_BYTES_MAX: u64 = 64 << 10;
const INCOMING_TOTAL_BYTES_MAX: u64 = 16 << 20;

/// Which end of the thin link a program is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// A laptop in the field. With `keep_alive` it sends a packet of some 50 bytes that often on a quiet link,
    /// so that the hub can reach it.
    Van {
        /// How often, well below [`IDLE_MAX`]; `None` to fall silent.
        keep_alive: Option<Duration>,
    },
    /// The district's server.
    Hub,
}

/// The transport settings of `side`.
pub fn transport(side: Side) -> TransportConfig {
    let mut congestion = CubicConfig::default();
    congestion.initial_window(INITIAL_WINDOW_BYTES);
    let idle = IdleTimeout::try_from(IDLE_MAX).expect("90 s fit");
    let mut config = TransportConfig::default();
    config
        .congestion_controller_factory(Arc::new(congestion))
        .initial_rtt(INITIAL_RTT)
        .max_idle_timeout(Some(idle))
        .initial_mtu(DATAGRAM_BYTES)
        .mtu_discovery_config(None)
        .persistent_congestion_threshold(PERSISTENT_CONGESTION_THRESHOLD)
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_MAX))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        .datagram_receive_buffer_size(None);
    match side {
        Side::Van { keep_alive } => {
            config.enable_segmentation_offload(false).keep_alive_interval(keep_alive);
        }
        Side::Hub => {}
    }
    config
}

/// The endpoint of a laptop, on a port of the system's choice, with IPv6 where the machine has it; `meter` counts
/// every datagram.
///
/// # Errors
/// The system gives no socket.
pub fn van_endpoint(meter: &Meter) -> io::Result<Endpoint> {
    van_endpoint_on(any_socket()?, meter)
}

/// The same on a socket of the caller's.
///
/// # Errors
/// The system does not take it.
pub fn van_endpoint_on(socket: UdpSocket, meter: &Meter) -> io::Result<Endpoint> {
    let runtime = Arc::new(MeteredRuntime(meter.clone()));
    let mut config = EndpointConfig::default();
    config.cid_generator(|| Box::new(NoId));
    Endpoint::new(config, None, socket, runtime)
}

/// Moves `endpoint` to another port, after the network has changed: its connections go on from there, and each
/// sends a packet at once, however long its own timers would have waited.
///
/// # Errors
/// The system gives no socket; the old one is kept.
pub fn rebind(endpoint: &Endpoint) -> io::Result<()> {
    endpoint.rebind(any_socket()?)
}

fn any_socket() -> io::Result<UdpSocket> {
    both_families().or_else(|_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)))
}

/// A socket for IPv6 and IPv4, which not every system makes unasked.
fn both_families() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_only_v6(false)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())?;
    Ok(socket.into())
}

/// One attempt's settings for reaching a pinned hub.
pub fn client_config(pinned: rustls::ClientConfig, transport: Arc<TransportConfig>) -> quinn::ClientConfig {
    let crypto = QuicClientConfig::try_from(pinned).expect("the provider has QUIC's initial suite");
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport);
    config
}

/// The endpoint of a hub, or of a laptop that others visit, on `listen`. With the same `reset_key` as before a restart it tells vans at once that
/// their old connections are no more.
///
/// # Errors
/// The address cannot be listened on.
pub fn hub_endpoint(listen: SocketAddr, key: &Key, reset_key: &[u8; 64]) -> io::Result<Endpoint> {
    let crypto = QuicServerConfig::try_from(tls::server_config(key));
    let crypto = crypto.expect("the provider has QUIC's initial suite");
    let mut server = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    server
        .transport_config(Arc::new(transport(Side::Hub)))
        .migration(true)
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_BYTES_MAX)
        .incoming_buffer_size_total(INCOMING_TOTAL_BYTES_MAX);
    let socket = UdpSocket::bind(listen)?;
    // Where the system gives no more, laptops send again what was lost.
    drop(SockRef::from(&socket).set_recv_buffer_size(SOCKET_BYTES));
    let runtime = quinn::default_runtime().ok_or_else(|| io::Error::other("no runtime for tasks"))?;
    Endpoint::new(endpoint_config(reset_key), Some(server), socket, runtime)
}

/// Closes `endpoint` and stays a moment to have that said.
pub async fn leave(endpoint: &Endpoint) {
    endpoint.close(VarInt::from_u32(0), b"");
    // Who has not heard of it by then finds out by itself.
    drop(tokio::time::timeout(LEAVE_PATIENCE, endpoint.wait_idle()).await);
}

fn endpoint_config(reset_key: &[u8; 64]) -> EndpointConfig {
    let mut config = EndpointConfig::new(Arc::new(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, reset_key)));
    config.cid_generator(|| Box::new(AnyId));
    config
}

/// No connection ids: a laptop knows its one connection by the hub's address. That saves eight bytes a packet, and
/// the packets in which either side hands out further ids.
#[derive(Debug)]
struct NoId;

impl ConnectionIdGenerator for NoId {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&[])
    }

    fn cid_len(&self) -> usize {
        0
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Connection ids of eight random bytes, each of which may have been ours: quinn's own generator would not
/// know those from before a restart, and without that sends no reset.
#[derive(Debug)]
struct AnyId;

impl ConnectionIdGenerator for AnyId {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut bytes = [0; 8];
        machine::entropy(&mut bytes);
        ConnectionId::new(&bytes)
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
