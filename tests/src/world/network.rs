//! Connections in memory: each channel's bytes arrive in order, cut anywhere, late, or not at all.

use std::collections::BTreeMap;

use shared::sync::{Channel, CloseCode};

use crate::random::Random;

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum End {
    /// Who dialled.
    Child,
    /// Who was dialled.
    Parent,
}

impl End {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Child => Self::Parent,
            Self::Parent => Self::Child,
        }
    }

    /// 0 or 1.
    pub fn index(self) -> usize {
        self as usize
    }
}

/// What happens at a moment of the network's time.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// The other end learns of the connection.
    Opened,
    /// Bytes of a channel.
    Bytes(Channel, Vec<u8>),
    /// The connection is gone; with the code if the other end closed it.
    Gone(Option<CloseCode>),
}

/// A connection between two machines.
#[derive(Debug)]
pub struct Connection {
    /// The machine at each end.
    pub machines: [usize; 2],
    /// Whether that end still holds the connection.
    pub held: [bool; 2],
    /// What both ends' TLS exports.
    pub exporter: [u8; 32],
    /// Whether everything under way is lost.
    cut: bool,
    /// When the last bytes for each end arrive, by channel.
    last: [[u64; 3]; 2],
}

/// How the network treats what it carries.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// The longest latency, in milliseconds.
    pub latency_max: u64,
    /// The most pieces that one write is cut into.
    pub pieces_max: u64,
}

/// All connections, and what is under way.
#[derive(Debug)]
pub struct Network {
    connections: BTreeMap<u64, Connection>,
    under_way: BTreeMap<(u64, u64), (u64, End, Arrival)>,
    next_connection: u64,
    next_arrival: u64,
    /// How it treats what it carries.
    pub weather: Weather,
}

impl Network {
    /// A network without connections.
    pub fn new(weather: Weather) -> Self {
        Self {
            connections: BTreeMap::new(),
            under_way: BTreeMap::new(),
            next_connection: 1,
            next_arrival: 0,
            weather,
        }
    }

    /// Opens a connection at `at`; the parent learns of it later.
    pub fn open(&mut self, at: u64, child: usize, parent: usize, random: &mut Random) -> u64 {
        let number = self.next_connection;
        self.next_connection += 1;
        let mut exporter = [0; 32];
        random.fill(&mut exporter);
        let there = at + self.latency(random);
        let connection = Connection {
            machines: [child, parent],
            held: [true, true],
            exporter,
            cut: false,
            last: [[at; 3], [there; 3]],
        };
        self.connections.insert(number, connection);
        self.arrive(there, number, End::Parent, Arrival::Opened);
        number
    }

    /// The connection of that number.
    ///
    /// # Panics
    /// There never was one.
    pub fn connection(&self, number: u64) -> &Connection {
        &self.connections[&number]
    }

    /// Takes bytes that `from` sends.
    pub fn send(
        &mut self,
        at: u64,
        number: u64,
        from: End,
        channel: Channel,
        bytes: &[u8],
        random: &mut Random,
    ) {
        let to = from.other();
        let mut rest = bytes;
        let pieces = random.between(1, self.weather.pieces_max);
        for piece in 0..pieces {
            if rest.is_empty() {
                break;
            }
            let size = match pieces - piece {
                1 => rest.len(),
                _ => random.between(1, rest.len() as u64) as usize,
            };
            let (now, later) = rest.split_at(size);
            rest = later;
            let latency = self.latency(random);
            let Some(connection) = self.connections.get_mut(&number) else { return };
            let last = &mut connection.last[to.index()][channel as usize];
            *last = (*last).max(at + latency);
            let when = *last;
            self.arrive(when, number, to, Arrival::Bytes(channel, now.to_vec()));
        }
    }

    /// `from` lets go after what it sent; what still comes to it is nobody's.
    pub fn close(&mut self, at: u64, number: u64, from: End, code: CloseCode) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.held[from.index()] = false;
        let to = from.other();
        let when = connection.last[to.index()].into_iter().max().unwrap_or(at).max(at) + 1;
        self.arrive(when, number, to, Arrival::Gone(Some(code)));
    }

    /// Everything under way is lost; each end that is left learns of it in its own time.
    pub fn cut(&mut self, at: u64, number: u64, random: &mut Random) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if std::mem::replace(&mut connection.cut, true) {
            return;
        }
        let held = connection.held;
        for end in [End::Child, End::Parent] {
            if held[end.index()] {
                let when = at
                    + random.below(match end {
                        End::Child => 3_000,
                        End::Parent => 90_000,
                    });
                self.arrive(when, number, end, Arrival::Gone(None));
            }
        }
    }

    /// A machine is gone with its ends of connections.
    pub fn vanish(&mut self, at: u64, machine: usize, random: &mut Random) {
        let numbers: Vec<_> = self.connections.keys().copied().collect();
        for number in numbers {
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            for end in [End::Child, End::Parent] {
                if connection.machines[end.index()] == machine && connection.held[end.index()] {
                    connection.held[end.index()] = false;
                    if random.chance(0.5) {
                        self.cut(at, number, random);
                    } else {
                        let other = end.other();
                        let last = self.connections[&number].last[other.index()];
                        let when = last.into_iter().max().unwrap_or(at).max(at) + random.below(5_000);
                        self.arrive(when, number, other, Arrival::Gone(None));
                    }
                    break;
                }
            }
        }
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<u64> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    /// Whether bytes are under way that somebody will get.
    pub fn is_quiet(&self) -> bool {
        !self.under_way.values().any(|(number, end, _)| {
            let connection = &self.connections[number];
            connection.held[end.index()] && !connection.cut
        })
    }

    /// Takes the next thing that happens; `None` where it comes to nobody.
    pub fn take(&mut self) -> Option<(u64, End, Arrival)> {
        let (_, (number, end, arrival)) = self.under_way.pop_first()?;
        let connection = self.connections.get_mut(&number)?;
        if !connection.held[end.index()] {
            return None;
        }
        match &arrival {
            Arrival::Gone(_) => connection.held[end.index()] = false,
            Arrival::Opened | Arrival::Bytes(..) if connection.cut => return None,
            Arrival::Opened | Arrival::Bytes(..) => {}
        }
        Some((number, end, arrival))
    }

    fn arrive(&mut self, at: u64, number: u64, end: End, arrival: Arrival) {
        self.under_way.insert((at, self.next_arrival), (number, end, arrival));
        self.next_arrival += 1;
    }

    fn latency(&self, random: &mut Random) -> u64 {
        20 + random.below(self.weather.latency_max)
    }
}
