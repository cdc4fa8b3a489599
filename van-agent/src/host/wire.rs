//! What carries a link: QUIC, or TLS over TCP where no UDP gets through.

use std::{sync::Arc, time::Duration};

use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use shared::{
    id::PublicKey,
    identity::tls::{self, NoPeerKey},
};
use tokio::sync::Notify;

use crate::host::{
    meter::{Progress, Traffic, UDP_HEADERS_BYTES},
    tcp,
};

/// Round trip of a slow link.
const ROUND_TRIP_ASSUMED: Duration = Duration::from_millis(700);

/// A connection whose handshake is done.
#[derive(Debug)]
pub enum Wire {
    /// Over UDP.
    Quic(quinn::Connection),
    /// Over TCP.
    Tcp(Box<tcp::Connection>),
}

/// Over what a connection goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// UDP.
    Quic,
    /// TCP.
    Tcp,
}

/// Tells whether the other side of a connection lives.
#[derive(Clone, Debug)]
pub enum Pulse {
    /// By the packets that come.
    Quic(quinn::Connection),
    /// By the bytes that come, and by those that the system can send.
    Tcp(TcpPulse),
}

/// The pulse of a connection over TCP.
#[derive(Clone, Debug)]
pub struct TcpPulse {
    progress: Arc<Progress>,
    probe: Arc<Notify>,
}

impl Wire {
    /// Over what it goes.
    pub fn over(&self) -> Over {
        match self {
            Self::Quic(_) => Over::Quic,
            Self::Tcp(_) => Over::Tcp,
        }
    }

    /// What tells whether the other side lives; outlasts the connection.
    pub fn pulse(&self) -> Pulse {
        match self {
            Self::Quic(connection) => Pulse::Quic(connection.clone()),
            Self::Tcp(connection) => {
                Pulse::Tcp(TcpPulse { progress: connection.progress(), probe: connection.probe() })
            }
        }
    }
}

impl Pulse {
    /// A count that grows as long as the other side lives.
    pub fn beats(&self) -> u64 {
        match self {
            Self::Quic(connection) => connection.stats().udp_rx.datagrams,
            Self::Tcp(pulse) => pulse.progress.total(),
        }
    }

    /// How many datagrams were sent; of TCP the system does not tell.
    pub fn sent(&self) -> Option<u64> {
        match self {
            Self::Quic(connection) => Some(connection.stats().udp_tx.datagrams),
            Self::Tcp(_) => None,
        }
    }

    /// How long a packet and its answer take, as far as is known: of TCP the system does not tell, and the slowest
    /// link that this is made for is assumed.
    pub fn round_trip(&self) -> Duration {
        match self {
            Self::Quic(connection) => connection.rtt(),
            Self::Tcp(_) => ROUND_TRIP_ASSUMED,
        }
    }

    /// Asks for a sign of life after the network has changed. Of QUIC the endpoint's own rebinding does that.
    pub fn probe(&self) {
        match self {
            Self::Quic(_) => {}
            Self::Tcp(pulse) => pulse.probe.notify_one(),
        }
    }
}

/// What went over a connection so far, handshake included.
pub fn traffic(connection: &quinn::Connection) -> Traffic {
    let stats = connection.stats();
    let whole = |udp: quinn::UdpStats| udp.bytes + UDP_HEADERS_BYTES * udp.datagrams;
    Traffic {
        up_bytes: whole(stats.udp_tx),
        up_packets: stats.udp_tx.datagrams,
        down_bytes: whole(stats.udp_rx),
        down_packets: stats.udp_rx.datagrams,
    }
}

/// The key that the peer has proven, and the 32 bytes that only this connection has.
///
/// # Errors
/// It has proven none.
pub(crate) fn proven(connection: &quinn::Connection) -> Result<(PublicKey, [u8; 32]), NoPeerKey> {
    let identity = connection.peer_identity().ok_or(NoPeerKey)?;
    let certificates = identity.downcast::<Vec<CertificateDer<'static>>>().map_err(|_| NoPeerKey)?;
    let mut exporter = [0; 32];
    connection
        .export_keying_material(&mut exporter, tls::EXPORTER_LABEL, b"")
        .expect("a finished handshake exports 32 bytes");
    Ok((tls::peer_key(&certificates)?, exporter))
}
