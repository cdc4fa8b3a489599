//! Which networks let no UDP through, as far as this laptop has found.
//!
//! A network is named by the laptop's own address towards the hub, cut to /24 or /64: what it got from the network's
//! router. Two networks may share that name; then the other way is tried first, and costs a head start.
//!
//! **Rule:** on a network where TCP won while QUIC heard nothing, TCP goes first for [`FORGET_AFTER`], then QUIC
//! is tried again; each time that it hears nothing again the time doubles, up to [`FORGET_AFTER_MAX`]. Where QUIC
//! wins the network is forgotten, and QUIC goes first as everywhere.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use shared::time::Timestamp;

use crate::host::{
    home::{Home, HomeError, Item},
    wire::Over,
};

/// How long TCP goes first after it has won once.
pub const FORGET_AFTER: Duration = Duration::from_secs(10 * 60);
/// How long at most.
pub const FORGET_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Networks that are remembered; the one found longest ago makes room.
const NETWORKS_MAX: usize = 64;

/// The name of a network.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Network(String);

/// What is known of networks.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Networks {
    blocked: Vec<Blocked>,
}

/// A network that let no UDP through.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Blocked {
    network: Network,
    /// When that was found last, by this machine's clock.
    at: i64,
    /// How often in a row.
    times: u32,
}

impl Network {
    /// The network through which the system would send to `address`. Sends nothing.
    ///
    /// # Errors
    /// No network leads there.
    pub fn towards(address: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        Ok(Self::of(socket.local_addr()?.ip()))
    }

    /// The network of one of this machine's own addresses.
    pub fn of(own: IpAddr) -> Self {
        Self(match own {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                format!("{}/24", Ipv4Addr::new(a, b, c, 0))
            }
            IpAddr::V6(v6) => format!("{}/64", Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        })
    }
}

impl Networks {
    /// What `home` remembers; a file that cannot be read is forgotten.
    pub fn load(home: &Home) -> Self {
        let kept = match home.read(Item::Networks) {
            Ok(kept) => kept.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "read which networks let no UDP through"
                );
                Vec::new()
            }
        };
        serde_json::from_slice(&kept).unwrap_or_default()
    }

    /// Keeps it in `home`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, home: &Home) -> Result<(), HomeError> {
        home.write(Item::Networks, &serde_json::to_vec(self).expect("it is plain data"))
    }

    /// What goes first on `network`.
    pub fn first(&self, network: &Network, now: Timestamp) -> Over {
        let known = self.blocked.iter().find(|known| known.network == *network);
        match known {
            Some(known) if known.holds(now) => Over::Tcp,
            _ => Over::Quic,
        }
    }

    /// Takes in that `won` was first on `network`, where QUIC has `heard` something or not; whether that was new.
    pub fn note(&mut self, network: &Network, won: Over, heard: bool, now: Timestamp) -> bool {
        let at = self.blocked.iter().position(|known| known.network == *network);
        match (won, at) {
            (Over::Quic, Some(at)) => drop(self.blocked.remove(at)),
            // It was not tried, or it was only slower.
            (Over::Tcp, _) if heard || self.first(network, now) == Over::Tcp => return false,
            (Over::Tcp, Some(at)) => {
                let known = &mut self.blocked[at];
                (known.at, known.times) = (now.0, known.times.saturating_add(1));
            }
            (Over::Tcp, None) => {
                if self.blocked.len() == NETWORKS_MAX {
                    let oldest = (0..NETWORKS_MAX).min_by_key(|at| self.blocked[*at].at);
                    oldest.map(|at| self.blocked.remove(at));
                }
                self.blocked.push(Blocked { network: network.clone(), at: now.0, times: 1 });
            }
            (Over::Quic, None) => return false,
        }
        true
    }
}

impl Blocked {
    /// Whether TCP still goes first. After a clock was set back that is unknown, and so it does not.
    fn holds(&self, now: Timestamp) -> bool {
        let forget = FORGET_AFTER * 2u32.saturating_pow(self.times.clamp(1, 20) - 1);
        let forget = i64::try_from(forget.min(FORGET_AFTER_MAX).as_millis()).unwrap_or(i64::MAX);
        (0..forget).contains(&now.0.saturating_sub(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(minutes: i64) -> Timestamp {
        Timestamp(1_795_200_000_000 + minutes * MINUTE)
    }

    fn network(own: &str) -> Network {
        Network::of(own.parse().unwrap())
    }

    #[test]
    fn a_network_is_the_prefix_of_the_own_address() {
        assert_eq!(network("192.168.7.13").0, "192.168.7.0/24");
        assert_eq!(network("2001:db8:1:2:3:4:5:6").0, "2001:db8:1:2::/64");
        let here = Network::towards("127.0.0.1:9".parse().unwrap()).unwrap();
        assert_eq!(here, network("127.0.0.1"));
    }

    #[test]
    fn quic_is_tried_again_ever_more_rarely_until_it_wins() {
        let (here, there) = (network("192.168.7.13"), network("10.0.0.1"));
        let mut networks = Networks::default();
        assert_eq!(networks.first(&here, at(0)), Over::Quic);
        assert!(!networks.note(&here, Over::Tcp, true, at(0)), "it heard something, and was slower");
        assert!(networks.note(&here, Over::Tcp, false, at(0)));
        assert_eq!((networks.first(&here, at(9)), networks.first(&there, at(9))), (Over::Tcp, Over::Quic));
        assert!(!networks.note(&here, Over::Tcp, false, at(9)), "QUIC was not tried");
        assert_eq!(networks.first(&here, at(10)), Over::Quic);
        assert!(networks.note(&here, Over::Tcp, false, at(11)));
        assert_eq!((networks.first(&here, at(30)), networks.first(&here, at(31))), (Over::Tcp, Over::Quic));
        for again in 1..20 {
            networks.note(&here, Over::Tcp, false, at(again * 1_440));
        }
        assert_eq!(networks.first(&here, at(19 * 1_440 + 1_439)), Over::Tcp);
        assert_eq!(networks.first(&here, at(20 * 1_440)), Over::Quic);
        assert!(networks.note(&here, Over::Quic, true, at(20 * 1_440)));
        assert_eq!(networks, Networks::default());
    }

    #[test]
    fn a_clock_set_back_or_a_spoilt_file_forgets() {
        let here = network("192.168.7.13");
        let mut networks = Networks::default();
        networks.note(&here, Over::Tcp, false, at(0));
        assert_eq!(networks.first(&here, at(-1)), Over::Quic);
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        networks.save(&home).unwrap();
        assert_eq!(Networks::load(&home), networks);
        home.write(Item::Networks, b"{").unwrap();
        assert_eq!(Networks::load(&home), Networks::default());
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut networks = Networks::default();
        for n in 0..100u8 {
            networks.note(&network(&format!("10.0.{n}.1")), Over::Tcp, false, at(i64::from(n)));
        }
        assert_eq!(networks.blocked.len(), NETWORKS_MAX);
        assert!(networks.blocked.iter().all(|known| known.network != network("10.0.35.1")));
    }
}
