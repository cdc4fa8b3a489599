//! Lets peers in: how many, how fast, and at what cost to those who have not proven their address.
//!
//! Whether a peer may do anything is not decided here: it has proven a key, and the core looks that up.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use quinn::{Endpoint, Incoming};
use shared::sync::{CloseCode, Role};
use tokio::time::{Instant, timeout};

use crate::host::{
    driver::{self, Ended},
    owner::{Handle, Owned},
};

/// How long a leaving hub waits for its connections to end.
pub const DRAIN_PATIENCE: Duration = Duration::from_secs(20);

/// How much is let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections at the same time; one over is refused.
    pub connections_max: usize,
    /// Unfinished handshakes, above which every newcomer must first prove its address.
    pub handshakes_open_max: usize,
    /// Newcomers a second from one network (/24, /48), above which they must first prove their address.
    pub newcomers_per_second_max: u32,
    /// How long a handshake may take.
    pub handshake_patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 500,
            handshakes_open_max: 64,
            newcomers_per_second_max: 5,
            handshake_patience: Duration::from_secs(10),
        }
    }
}

/// Lets peers in at `endpoint` until it is closed; each is served by a task of its own.
pub async fn listen<O: Owned>(endpoint: &Endpoint, owner: &Handle<O>, limits: Limits) {
    let handshakes = Arc::new(AtomicUsize::new(0));
    let mut newcomers = Newcomers::new();
    while let Some(incoming) = endpoint.accept().await {
        if endpoint.open_connections() >= limits.connections_max {
            incoming.refuse();
            continue;
        }
        let crowded = handshakes.load(Ordering::Relaxed) >= limits.handshakes_open_max;
        let rushed = newcomers.count(incoming.remote_address().ip()) > limits.newcomers_per_second_max;
        if !incoming.remote_address_validated() && (crowded || rushed) {
            // One that cannot be asked to prove itself has done so already.
            drop(incoming.retry());
            continue;
        }
        let open = Open::new(&handshakes);
        tokio::spawn(welcome(incoming, owner.clone(), limits.handshake_patience, open));
    }
}

/// Lets nobody else in, asks who is there to come again, and waits until they have gone.
pub async fn drain<O: Owned>(endpoint: &Endpoint, owner: &Handle<O>) {
    endpoint.set_server_config(None);
    if owner.close_links(CloseCode::RetryLater, "the hub is going down").await.is_ok()
        && timeout(DRAIN_PATIENCE, endpoint.wait_idle()).await.is_err()
    {
        tracing::info!("not all connections ended in time");
    }
    endpoint.close(CloseCode::RetryLater.value().into(), b"the hub is going down");
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

async fn welcome<O: Owned>(incoming: Incoming, owner: Handle<O>, patience: Duration, open: Open) {
    let shaken = async { incoming.accept()?.await };
    let connection = match timeout(patience, shaken).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%error, "a handshake failed"),
        Err(_) => return tracing::debug!("a handshake took too long"),
    };
    drop(open);
    tracing::info!(connection = connection.stable_id(), "link up");
    let ended = driver::drive(&connection, Role::Parent, &owner).await;
    let traffic = driver::traffic(&connection);
    tracing::info!(
        connection = connection.stable_id(),
        up_bytes = traffic.up_bytes,
        down_bytes = traffic.down_bytes,
        cause = cause(&ended),
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
            return u32::MAX;
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
}
