//! The networks that the machine is on: its addresses there, and when an interface comes up or gets one.

use std::{future::poll_fn, net::IpAddr, sync::Arc, time::Duration};

use if_watch::{IfEvent, IpNet, tokio::IfWatcher};
use tokio::{sync::Notify, task::JoinSet};

/// Interfaces that are up when the program begins are told within this time of each other.
const INTERFACES_SETTLE: Duration = Duration::from_millis(300);

/// Addresses of the interfaces that are up, each once, those of IPv4 first. That of the machine itself is left out, and
/// those of IPv6 that mean nothing without the name of an interface.
pub(crate) fn addresses() -> Vec<IpAddr> {
    let found = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::debug!(%error, "list the network's interfaces");
        Vec::new()
    });
    let is_met = |address: &IpAddr| match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_unspecified(),
        IpAddr::V6(address) => {
            !address.is_loopback() && !address.is_unspecified() && !address.is_unicast_link_local()
        }
    };
    let up = found.iter().filter(|interface| interface.is_oper_up());
    let mut addresses: Vec<_> = up.map(if_addrs::Interface::ip).filter(is_met).collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

/// Tells when a network interface comes up, or gets an address.
pub(crate) struct Interfaces {
    came_up: Arc<Notify>,
    /// The task that watches; ends with this.
    _watching: JoinSet<()>,
}

impl Interfaces {
    /// Begins to watch; what is up already does not count.
    pub(crate) fn begin() -> Self {
        let came_up = Arc::new(Notify::new());
        let mut watching = JoinSet::new();
        match IfWatcher::new() {
            Ok(watcher) => drop(watching.spawn(watch(watcher, Arc::clone(&came_up)))),
            Err(error) => tracing::debug!(%error, "watch the network's interfaces"),
        }
        Self { came_up, _watching: watching }
    }

    /// Returns when an interface has come up since last asked; never where the system does not tell.
    pub(crate) async fn up(&self) {
        self.came_up.notified().await;
    }
}

/// Tells what comes up after the system has told what was up before.
async fn watch(mut watcher: IfWatcher, came_up: Arc<Notify>) {
    while let Ok(known) = tokio::time::timeout(INTERFACES_SETTLE, next_up(&mut watcher)).await {
        if known.is_none() {
            return;
        }
    }
    while let Some(net) = next_up(&mut watcher).await {
        tracing::debug!(%net, "an interface has come up");
        came_up.notify_one();
    }
}

/// The next address of an interface, that of the machine itself left out; none where the system tells no more.
async fn next_up(watcher: &mut IfWatcher) -> Option<IpNet> {
    loop {
        match poll_fn(|context| watcher.poll_if_event(context)).await {
            Ok(IfEvent::Up(net)) if !net.addr().is_loopback() => return Some(net),
            Ok(IfEvent::Up(_) | IfEvent::Down(_)) => {}
            Err(error) => {
                tracing::debug!(%error, "watch the network's interfaces");
                return None;
            }
        }
    }
}
