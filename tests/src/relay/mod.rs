//! A link to test on: carries UDP between clients and one target, and does to the packets what a thin
//! radio link does.
//!
//! All clients share the link, as the laptops of one van do; each has a port of its own towards the target,
//! as behind a NAT. The relay has its own thread, so that a busy test does not change the link. Which
//! packets are lost follows from the seed and from the order in which they come in; when they come is the
//! machine's. A packet never arrives before its time.
//!
//! An error of a socket (nobody listens at the target, say) is to the relay what it is to a link: nothing.

mod lane;
mod profile;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::sleep_until,
};

pub use self::{
    lane::{Counts, Fate, HEADERS_BYTES, Lane, Tally},
    profile::{Outages, PROFILE_NAMES, Profile, Shape, UnknownProfile},
};
use crate::random::Random;

/// Clients that are remembered; the one silent for longest makes room.
const CLIENTS_MAX: usize = 1_024;
/// Packets from the target that wait for the relay's thread.
const ARRIVALS_MAX: usize = 4_096;
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A link that runs until it is dropped.
#[derive(Debug)]
pub struct Relay {
    addr: SocketAddr,
    link: Arc<Link>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What a link did so far, and whether it is up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stats {
    /// From the clients to the target.
    pub up: Counts,
    /// From the target to the clients.
    pub down: Counts,
    /// Clients that have a way back.
    pub clients: usize,
    /// Whether the link was cut by hand or by its bytes, and not yet restored.
    pub severed: bool,
}

impl Relay {
    /// Starts a link from a port of the system's choice on loopback to `target`.
    ///
    /// # Errors
    /// The port cannot be had.
    pub fn start(target: SocketAddr, profile: Profile, seed: u64) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let front = runtime.block_on(bind(target))?;
        let addr = front.local_addr()?;
        let link = Arc::new(Link::new(target, profile, seed));
        let (stop, stopped) = oneshot::channel();
        let carried = Arc::clone(&link);
        let thread = thread::Builder::new().name("relay".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = Carrier::new(front, carried).run() => {}
                }
            });
        })?;
        Ok(Self { addr, link, stop: Some(stop), thread: Some(thread) })
    }

    /// Where clients send to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Points the link at another target, a hub that came back on another port; the clients keep the link.
    pub fn retarget(&self, target: SocketAddr) {
        self.link.lock().target = target;
    }

    /// Takes the link down, with all that is under way on it.
    pub fn cut(&self) {
        self.link.lock().sever();
        self.link.changed.notify_all();
    }

    /// Takes the link down as soon as `bytes` more have reached the target, in whole IP packets.
    pub fn cut_after(&self, bytes: u64) {
        let mut state = self.link.lock();
        state.sever_at = Some(state.up.counts().sent.bytes + bytes);
    }

    /// Takes back [`Relay::cut`] and [`Relay::cut_after`]; the schedule of outages goes on.
    pub fn restore(&self) {
        let mut state = self.link.lock();
        state.severed = false;
        state.sever_at = None;
        drop(state);
        self.link.changed.notify_all();
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        self.link.lock().stats()
    }

    /// Waits until the counts are as `wanted`; None if they are not within `limit`.
    pub fn wait(&self, limit: Duration, wanted: impl Fn(&Stats) -> bool) -> Option<Stats> {
        let (state, waited) = self
            .link
            .changed
            .wait_timeout_while(self.link.lock(), limit, |state| !wanted(&state.stats()))
            .unwrap_or_else(PoisonError::into_inner);
        (!waited.timed_out()).then(|| state.stats())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed, and the test sees a dead link.
            drop(thread.join());
        }
    }
}

/// What the relay's thread and its owner share.
#[derive(Debug)]
struct Link {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    target: SocketAddr,
    up: Lane,
    down: Lane,
    outages: Outages,
    clients: usize,
    severed: bool,
    /// How often the link was severed: a packet from before is gone, even if it would arrive after.
    severings: u64,
    /// The link is severed when so many bytes have gone up.
    sever_at: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Direction {
    Up,
    Down,
}

/// A packet under way. The order is that of arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Packet {
    at: Duration,
    number: u64,
    severings: u64,
    direction: Direction,
    client: SocketAddr,
    payload: Vec<u8>,
}

impl Link {
    fn new(target: SocketAddr, profile: Profile, seed: u64) -> Self {
        let state = State {
            target,
            up: Lane::new(profile.up, Random::of(seed, "up")),
            down: Lane::new(profile.down, Random::of(seed, "down")),
            outages: profile.outages,
            clients: 0,
            severed: false,
            severings: 0,
            sever_at: None,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lane(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    fn sever(&mut self) {
        self.severed = true;
        self.severings += 1;
        self.sever_at = None;
    }

    fn down_at(&self, now: Duration) -> bool {
        self.severed || self.outages.down_at(now)
    }

    /// Counts the packet as arrived or dropped; true if it may be handed on.
    fn arrive(&mut self, packet: &Packet, now: Duration) -> bool {
        let down = self.down_at(now) || packet.severings != self.severings;
        self.lane(packet.direction).arrive(packet.payload.len(), down);
        if self.sever_at.is_some_and(|bytes| self.up.counts().sent.bytes >= bytes) {
            self.sever();
        }
        !down
    }

    fn stats(&self) -> Stats {
        Stats { up: self.up.counts(), down: self.down.counts(), clients: self.clients, severed: self.severed }
    }
}

/// The relay's thread: its sockets, and the packets under way.
struct Carrier {
    front: UdpSocket,
    link: Arc<Link>,
    started: Instant,
    clients: BTreeMap<SocketAddr, Client>,
    /// One task for each client; they end with the carrier.
    readers: JoinSet<()>,
    arrivals: (mpsc::Sender<(SocketAddr, Vec<u8>)>, mpsc::Receiver<(SocketAddr, Vec<u8>)>),
    under_way: BinaryHeap<Reverse<Packet>>,
    number: u64,
}

/// A client's port towards the target.
struct Client {
    target: SocketAddr,
    socket: Arc<UdpSocket>,
    reader: tokio::task::AbortHandle,
    heard: Instant,
}

impl Carrier {
    fn new(front: UdpSocket, link: Arc<Link>) -> Self {
        Self {
            front,
            link,
            started: Instant::now(),
            clients: BTreeMap::new(),
            readers: JoinSet::new(),
            arrivals: mpsc::channel(ARRIVALS_MAX),
            under_way: BinaryHeap::new(),
            number: 0,
        }
    }

    async fn run(mut self) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let due = self.under_way.peek().map(|Reverse(packet)| self.started + packet.at);
            tokio::select! {
                received = self.front.recv_from(&mut buffer) => {
                    if let Ok((length, client)) = received {
                        self.offer(Direction::Up, client, buffer[..length].to_vec());
                    }
                }
                Some((client, payload)) = self.arrivals.1.recv() => {
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
        match fate {
            Fate::Arrives(at) => {
                self.number += 1;
                let number = self.number;
                self.under_way.push(Reverse(Packet { at, number, severings, direction, client, payload }));
            }
            Fate::Dropped => self.link.changed.notify_all(),
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
        let reader = self.readers.spawn(read(Arc::clone(&socket), client, self.arrivals.0.clone()));
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
async fn read(socket: Arc<UdpSocket>, client: SocketAddr, to: mpsc::Sender<(SocketAddr, Vec<u8>)>) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        // An error is an answer of the target's machine that nobody listens; somebody may later.
        let Ok(length) = socket.recv(&mut buffer).await else { continue };
        if to.send((client, buffer[..length].to_vec())).await.is_err() {
            return;
        }
    }
}

/// A port of the system's choice on loopback, of the target's family.
async fn bind(target: SocketAddr) -> io::Result<UdpSocket> {
    let loopback = match target {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    UdpSocket::bind((loopback, 0)).await
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket
    }

    fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2_048];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        (buffer[..length].to_vec(), from)
    }

    fn relay(target: &UdpSocket, profile: Profile) -> Relay {
        Relay::start(target.local_addr().unwrap(), profile, 1).unwrap()
    }

    #[test]
    fn each_client_has_its_own_way_back() {
        let target = socket();
        let relay = relay(&target, Profile::clean());
        let clients = [socket(), socket(), socket()];
        for (n, client) in clients.iter().enumerate() {
            client.send_to(&[n as u8; 100], relay.addr()).unwrap();
            let (payload, from) = receive(&target);
            target.send_to(&payload, from).unwrap();
        }
        for (n, client) in clients.iter().enumerate() {
            assert_eq!(receive(client), (vec![n as u8; 100], relay.addr()));
        }
        let stats = relay.stats();
        let three = Tally { packets: 3, bytes: 3 * 128 };
        assert_eq!((stats.clients, stats.up.sent, stats.down.sent), (3, three, three));
        assert_eq!((stats.up.offered, stats.up.dropped()), (three, Tally::default()));
    }

    #[test]
    fn a_packet_takes_its_time_and_the_rate_holds() {
        let target = socket();
        let delay = Duration::from_millis(40);
        let shape = Shape { delay, rate_bits: Some(1_000_000), ..Shape::CLEAN };
        let relay = relay(&target, Profile::even(shape));
        let client = socket();
        let started = Instant::now();
        for _ in 0..25 {
            client.send_to(&[0; 972], relay.addr()).unwrap();
        }
        receive(&target);
        assert!(started.elapsed() >= delay + Duration::from_millis(8));
        for _ in 1..25 {
            receive(&target);
        }
        // 25 packets of 1,000 bytes at 1 Mbit/s: 200 ms. Late is the machine's fault, early the relay's.
        assert!(started.elapsed() >= delay + Duration::from_millis(200));
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_cut_link_carries_nothing_until_it_is_restored() {
        let target = socket();
        let slow = Shape { delay: Duration::from_millis(50), ..Shape::CLEAN };
        let relay = relay(&target, Profile::even(slow));
        let client = socket();
        client.send_to(b"under way", relay.addr()).unwrap();
        relay.wait(LIMIT, |stats| stats.up.offered.packets == 1).unwrap();
        relay.cut();
        client.send_to(b"cut", relay.addr()).unwrap();
        let stats = relay.wait(LIMIT, |stats| stats.up.cut.packets == 2).unwrap();
        assert!(stats.severed);
        assert_eq!(stats.up.sent, Tally::default());
        relay.restore();
        client.send_to(b"restored", relay.addr()).unwrap();
        assert_eq!(receive(&target).0, b"restored");
    }

    #[test]
    fn a_link_is_cut_after_its_bytes() {
        let target = socket();
        let relay = relay(&target, Profile::clean());
        let client = socket();
        relay.cut_after(3 * 1_000);
        for n in 0..10 {
            client.send_to(&[n; 972], relay.addr()).unwrap();
        }
        let stats = relay.wait(LIMIT, |stats| stats.up.cut.packets == 7).unwrap();
        assert_eq!(stats.up.sent, Tally { packets: 3, bytes: 3_000 });
        relay.restore();
        client.send_to(&[10; 972], relay.addr()).unwrap();
        relay.wait(LIMIT, |stats| stats.up.sent.packets == 4).unwrap();
    }

    #[test]
    fn a_link_follows_its_target() {
        let (first, second) = (socket(), socket());
        let relay = relay(&first, Profile::clean());
        let client = socket();
        client.send_to(b"first", relay.addr()).unwrap();
        assert_eq!(receive(&first).0, b"first");
        relay.retarget(second.local_addr().unwrap());
        client.send_to(b"second", relay.addr()).unwrap();
        let (payload, from) = receive(&second);
        assert_eq!(payload, b"second");
        second.send_to(b"answer", from).unwrap();
        assert_eq!(receive(&client).0, b"answer");
        assert_eq!(relay.stats().clients, 1);
    }

    #[test]
    fn a_link_waits_for_a_target_that_comes_later() {
        let target = socket();
        let addr = target.local_addr().unwrap();
        let relay = relay(&target, Profile::clean());
        drop(target);
        let client = socket();
        client.send_to(b"nobody", relay.addr()).unwrap();
        relay.wait(LIMIT, |stats| stats.up.sent.packets == 1).unwrap();
        let target = UdpSocket::bind(addr).unwrap();
        target.set_read_timeout(Some(LIMIT)).unwrap();
        client.send_to(b"somebody", relay.addr()).unwrap();
        assert_eq!(receive(&target).0, b"somebody");
    }
}
