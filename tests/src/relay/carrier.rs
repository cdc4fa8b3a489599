//! Moves the packets: takes them from the sockets, holds them until their time, hands them on.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::UdpSocket,
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::sleep_until,
};

use super::{Direction, Link, lane::Fate};

/// Clients that are remembered; the one silent for longest makes room.
const CLIENTS_MAX: usize = 1_024;
/// Answers of the target that wait for the relay's thread.
const ANSWERS_MAX: usize = 4_096;
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// The relay's thread: its sockets, and the packets under way.
pub(super) struct Carrier {
    front: UdpSocket,
    link: Arc<Link>,
    started: Instant,
    clients: BTreeMap<SocketAddr, Client>,
    /// One task for each client; they end with the carrier.
    readers: JoinSet<()>,
    answers: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
    under_way: BinaryHeap<Reverse<Packet>>,
    number: u64,
}

/// A client's port towards the target.
struct Client {
    target: SocketAddr,
    socket: Arc<UdpSocket>,
    reader: AbortHandle,
    heard: Instant,
}

/// What the target sent to one client.
struct Answer {
    client: SocketAddr,
    payload: Vec<u8>,
}

impl Carrier {
    pub(super) fn new(front: UdpSocket, link: Arc<Link>) -> Self {
        Self {
            front,
            link,
            started: Instant::now(),
            clients: BTreeMap::new(),
            readers: JoinSet::new(),
            answers: mpsc::channel(ANSWERS_MAX),
            under_way: BinaryHeap::new(),
            number: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let due = self.under_way.peek().map(|Reverse(packet)| self.started + packet.at);
            tokio::select! {
                received = self.front.recv_from(&mut buffer) => {
                    if let Ok((length, client)) = received {
                        self.offer(Direction::Up, client, buffer[..length].to_vec());
                    }
                }
                Some(Answer { client, payload }) = self.answers.1.recv() => {
                    self.offer(Direction::Down, client, payload);
                }
                () = sleep_until(due.unwrap_or(self.started).into()), if due.is_some() => {
                    self.deliver().await;
                }
            }
        }
    }

    fn offer(&mut self, direction: Direction, client: SocketAddr, payload: Vec<u8>) {
        let now = self.started.elapsed();
        let mut state = self.link.lock();
        let down = state.down_at(now);
        let fate = state.lane(direction).offer(now, payload.len(), down);
        let severings = state.severings;
        drop(state);
        self.link.changed.notify_all();
        if let Fate::Arrives(at) = fate {
            self.number += 1;
            let number = self.number;
            self.under_way.push(Reverse(Packet { at, number, severings, direction, client, payload }));
        }
    }

    async fn deliver(&mut self) {
        let now = self.started.elapsed();
        while self.under_way.peek().is_some_and(|Reverse(packet)| packet.at <= now) {
            let Some(Reverse(packet)) = self.under_way.pop() else { break };
            if self.link.lock().arrive(&packet, now) {
                // What a socket refuses is lost on the far side of the link, after its end.
                drop(self.hand_on(packet).await);
            }
            self.link.changed.notify_all();
        }
    }

    async fn hand_on(&mut self, packet: Packet) -> io::Result<usize> {
        match packet.direction {
            Direction::Down => self.front.send_to(&packet.payload, packet.client).await,
            Direction::Up => {
                let socket = self.socket_of(packet.client).await?;
                match socket.send(&packet.payload).await {
                    // The error may be the answer to an earlier packet, and then this one was not sent.
                    Err(_) => socket.send(&packet.payload).await,
                    sent => sent,
                }
            }
        }
    }

    async fn socket_of(&mut self, client: SocketAddr) -> io::Result<Arc<UdpSocket>> {
        let target = self.link.lock().target;
        if let Some(known) = self.clients.get_mut(&client).filter(|known| known.target == target) {
            known.heard = Instant::now();
            return Ok(Arc::clone(&known.socket));
        }
        self.forget(client);
        if self.clients.len() == CLIENTS_MAX {
            let silent = self.clients.iter().min_by_key(|(_, known)| known.heard).map(|(addr, _)| *addr);
            silent.into_iter().for_each(|addr| self.forget(addr));
        }
        let socket = Arc::new(bind(target).await?);
        socket.connect(target).await?;
        let reader = self.readers.spawn(read(Arc::clone(&socket), client, self.answers.0.clone()));
        let heard = Instant::now();
        self.clients.insert(client, Client { target, socket: Arc::clone(&socket), reader, heard });
        self.link.lock().clients = self.clients.len();
        Ok(socket)
    }

    fn forget(&mut self, client: SocketAddr) {
        if let Some(known) = self.clients.remove(&client) {
            known.reader.abort();
        }
    }
}

/// Hands what the target answers to one client to the carrier, until the carrier ends.
async fn read(socket: Arc<UdpSocket>, client: SocketAddr, to: mpsc::Sender<Answer>) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        // An error is an answer of the target's machine that nobody listens; somebody may later.
        let Ok(length) = socket.recv(&mut buffer).await else { continue };
        if to.send(Answer { client, payload: buffer[..length].to_vec() }).await.is_err() {
            return;
        }
    }
}

/// A packet under way. The order is that of arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Packet {
    at: Duration,
    number: u64,
    pub(super) severings: u64,
    pub(super) direction: Direction,
    client: SocketAddr,
    pub(super) payload: Vec<u8>,
}

/// A port of the system's choice on loopback, of the target's family.
pub(super) async fn bind(target: SocketAddr) -> io::Result<UdpSocket> {
    let loopback = match target {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    UdpSocket::bind((loopback, 0)).await
}
