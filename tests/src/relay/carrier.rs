//! Moves the packets: takes them from the sockets, holds them until their time, hands them on.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BinaryHeap},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, UdpSocket},
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::sleep_until,
};

use super::{
    Link,
    air::Direction,
    lane::{Fate, UDP_HEADERS_BYTES},
    segments::Event,
    streams::Streams,
};

/// Clients that are remembered; the one silent for longest makes room.
const CLIENTS_MAX: usize = 1_024;
/// Answers of the target that wait for the relay's thread.
const ANSWERS_MAX: usize = 4_096;
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// How often a port is sought that is free for UDP and TCP.
const PORTS_MAX: usize = 64;

/// The relay's thread: its sockets, and the packets under way.
pub(super) struct Carrier {
    front: UdpSocket,
    streams: Streams,
    link: Arc<Link>,
    started: Instant,
    clients: BTreeMap<SocketAddr, Client>,
    /// One task for each client; they end with the carrier.
    readers: JoinSet<()>,
    answers: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
    under_way: BinaryHeap<Reverse<Due>>,
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

/// What happens at a time. The order is that of the times, and then that of becoming due.
#[derive(Debug)]
struct Due {
    at: Duration,
    number: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Datagram(Datagram),
    Segment { connection: u64, event: Event },
}

/// A datagram under way.
#[derive(Debug)]
struct Datagram {
    severings: u64,
    direction: Direction,
    client: SocketAddr,
    payload: Vec<u8>,
}

impl Carrier {
    pub(super) fn new((front, listener): (UdpSocket, TcpListener), link: Arc<Link>) -> Self {
        Self {
            front,
            streams: Streams::new(listener, Arc::clone(&link)),
            started: link.started,
            link,
            clients: BTreeMap::new(),
            readers: JoinSet::new(),
            answers: mpsc::channel(ANSWERS_MAX),
            under_way: BinaryHeap::new(),
            number: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        let link = Arc::clone(&self.link);
        loop {
            let due = self.under_way.peek().map(|Reverse(due)| self.started + due.at);
            tokio::select! {
                received = self.front.recv_from(&mut buffer) => {
                    if let Ok((length, client)) = received {
                        self.offer(Direction::Up, client, buffer[..length].to_vec());
                    }
                }
                Some(Answer { client, payload }) = self.answers.1.recv() => {
                    self.offer(Direction::Down, client, payload);
                }
                happening = self.streams.next() => {
                    let now = self.started.elapsed();
                    self.streams.take(now, happening);
                }
                () = link.severed.notified() => {}
                () = sleep_until(due.unwrap_or(self.started).into()), if due.is_some() => {
                    self.deliver().await;
                }
            }
            self.streams.reset_severed();
            self.streams.count();
            while let Some((at, connection, event)) = self.streams.poll() {
                self.push(at, What::Segment { connection, event });
            }
            self.link.changed.notify_all();
        }
    }

    fn push(&mut self, at: Duration, what: What) {
        self.number += 1;
        self.under_way.push(Reverse(Due { at, number: self.number, what }));
    }

    fn offer(&mut self, direction: Direction, client: SocketAddr, payload: Vec<u8>) {
        let now = self.started.elapsed();
        let mut state = self.link.lock();
        let fate = state.air.offer_datagram(direction, now, whole(&payload));
        let severings = state.air.severings();
        drop(state);
        if let Fate::Arrives(at) = fate {
            self.push(at, What::Datagram(Datagram { severings, direction, client, payload }));
        }
    }

    async fn deliver(&mut self) {
        let now = self.started.elapsed();
        while self.under_way.peek().is_some_and(|Reverse(due)| due.at <= now) {
            let Some(Reverse(due)) = self.under_way.pop() else { break };
            match due.what {
                What::Datagram(datagram) => {
                    let (direction, severings) = (datagram.direction, datagram.severings);
                    let bytes = whole(&datagram.payload);
                    if self.link.lock().air.arrive_datagram(direction, now, bytes, severings) {
                        // What a socket refuses is lost on the far side of the link, after its end.
                        drop(self.hand_on(datagram).await);
                    }
                }
                What::Segment { connection, event } => self.streams.handle(now, connection, event),
            }
            self.link.changed.notify_all();
        }
    }

    async fn hand_on(&mut self, packet: Datagram) -> io::Result<usize> {
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
        let socket = Arc::new(UdpSocket::bind((loopback(target), 0)).await?);
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

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

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

/// The bytes of the IP packet that carries a datagram.
fn whole(payload: &[u8]) -> u64 {
    payload.len() as u64 + UDP_HEADERS_BYTES
}

/// One port of the system's choice on loopback, of the target's family, for UDP and TCP. On a runtime.
pub(super) fn front(target: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 1;
    loop {
        let listener = std::net::TcpListener::bind((loopback(target), 0))?;
        match std::net::UdpSocket::bind(listener.local_addr()?) {
            Ok(socket) => {
                socket.set_nonblocking(true)?;
                listener.set_nonblocking(true)?;
                return Ok((UdpSocket::from_std(socket)?, TcpListener::from_std(listener)?));
            }
            Err(error) if tries == PORTS_MAX => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

fn loopback(target: SocketAddr) -> IpAddr {
    match target {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}
