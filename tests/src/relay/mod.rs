//! A link to test on: carries UDP and TCP between clients and one target, and does to the packets what a thin
//! radio link does.
//!
//! All clients share the link, as the laptops of one van do; each has a port of its own towards the target,
//! as behind a NAT. The relay has its own thread, so that a busy test does not change the link. Which
//! packets are lost follows from the seed and from the order in which they come in; when they come is the
//! machine's. A packet never arrives before its time. TCP comes in on the same port number as UDP and shares the
//! rate with it; [`Connection`] tells what losses do to it. A client's `connect` succeeds at once, since its own
//! system answers; its bytes then wait until the handshake over the link is done.
//!
//! Both are counted as whole IP packets: 28 bytes of headers for each datagram, 40 for each segment.
//!
//! An error of a socket (nobody listens at the target, say) is to the relay what it is to a link: nothing; a
//! TCP client hears of it as a reset.

mod air;
mod carrier;
mod lane;
mod profile;
mod segments;
mod streams;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{Notify, oneshot};

use self::carrier::Carrier;
pub use self::{
    air::{Air, Direction, Passage},
    lane::{Counts, Fate, Lane, TCP_HEADERS_BYTES, Tally, UDP_HEADERS_BYTES},
    profile::{Bursts, Outages, PROFILE_NAMES, Profile, Shape, UnknownProfile},
    segments::{Connection, Effect, Event, SEGMENT_BYTES},
};

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
    /// Clients of UDP that have a way back.
    pub clients: usize,
    /// TCP connections that were begun.
    pub connections: u64,
    /// Those of them that have not ended: no reset, and not both directions finished.
    pub connections_open: u64,
    /// Whether the link was cut by hand or by its bytes, and not yet restored.
    pub severed: bool,
}

impl Relay {
    /// Starts a link from a port of the system's choice on loopback to `target`.
    ///
    /// # Errors
    /// The port cannot be had, for UDP and TCP alike.
    pub fn start(target: SocketAddr, profile: Profile, seed: u64) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inside = runtime.enter();
        let front = carrier::front(target)?;
        drop(inside);
        let addr = front.0.local_addr()?;
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

    /// Takes the link down, with all that is under way on it; both ends of a TCP connection are reset.
    pub fn cut(&self) {
        self.link.lock().air.sever();
        self.link.changed.notify_all();
        self.link.severed.notify_one();
    }

    /// Lets no datagram through any more, as some networks' firewalls do, or lets them through again. TCP flows.
    pub fn block_udp(&self, blocked: bool) {
        self.link.lock().air.block_datagrams(blocked);
    }

    /// Takes the link down as soon as `bytes` more have reached the target, in whole IP packets.
    pub fn cut_after(&self, bytes: u64) {
        self.link.lock().air.sever_after(bytes);
    }

    /// Takes back [`Relay::cut`] and [`Relay::cut_after`]; the schedule of outages goes on.
    pub fn restore(&self) {
        self.link.lock().air.restore();
        self.link.changed.notify_all();
    }

    /// Makes it another link, up and idle, that begins now and has counted nothing. What is under way arrives as it
    /// would have, and counts where it arrives; so take a link that is at rest.
    pub fn reshape(&self, profile: Profile, seed: u64) {
        let now = self.link.started.elapsed();
        self.link.lock().air.reshape(profile, seed, now);
        self.link.changed.notify_all();
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        self.link.lock().stats()
    }

    /// The newest packets that were offered since the link began or was made another, oldest first; no more than
    /// twenty thousand.
    pub fn passages(&self) -> Vec<Passage> {
        self.link.lock().air.passages().copied().collect()
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
    /// All times of the link count from here.
    started: Instant,
    /// Wakes the thread to reset its connections.
    severed: Notify,
}

#[derive(Debug)]
struct State {
    target: SocketAddr,
    air: Air,
    clients: usize,
    connections: u64,
    connections_open: u64,
}

impl Link {
    fn new(target: SocketAddr, profile: Profile, seed: u64) -> Self {
        let air = Air::new(profile, seed);
        let state = State { target, air, clients: 0, connections: 0, connections_open: 0 };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            started: Instant::now(),
            severed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn stats(&self) -> Stats {
        Stats {
            up: self.air.lane(Direction::Up).counts(),
            down: self.air.lane(Direction::Down).counts(),
            clients: self.clients,
            connections: self.connections,
            connections_open: self.connections_open,
            severed: self.air.is_severed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream, UdpSocket},
    };

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

    /// A target that accepts on TCP where it listens on UDP, as the relay does.
    fn pair() -> (UdpSocket, TcpListener) {
        loop {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
                socket.set_read_timeout(Some(LIMIT)).unwrap();
                return (socket, listener);
            }
        }
    }

    fn connect(relay: &Relay) -> TcpStream {
        let stream = TcpStream::connect(relay.addr()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    #[test]
    fn tcp_goes_both_ways_and_is_counted_by_the_rule() {
        let (target, listener) = pair();
        let relay = relay(&target, Profile::even(Shape { delay: Duration::from_millis(5), ..Shape::CLEAN }));
        let mut client = connect(&relay);
        client.write_all(&[7; 14_600]).unwrap();
        let mut served = listener.accept().unwrap().0;
        served.set_read_timeout(Some(LIMIT)).unwrap();
        let mut bytes = vec![0; 14_600];
        served.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, [7; 14_600]);
        served.write_all(b"answer").unwrap();
        drop(served);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"answer");
        drop(client);
        let ended = |stats: &Stats| stats.up.sent.packets >= 14 && stats.down.sent.packets >= 8;
        let stats = relay.wait(LIMIT, ended).unwrap();
        assert_eq!(stats.connections, 1);
        // At least SYN, an acknowledgement, ten segments, FIN and its answer's acknowledgement; the machine may
        // read what was written at once in more pieces.
        assert!((14_600 + 14 * 40..14_600 + 60 * 40).contains(&stats.up.sent.bytes), "{stats:?}");
        assert!((6 + 8 * 40..6 + 60 * 40).contains(&stats.down.sent.bytes), "{stats:?}");
    }

    #[test]
    fn tcp_and_udp_share_the_rate() {
        let (target, listener) = pair();
        let shape = Shape { rate_bits: Some(1_000_000), ..Shape::CLEAN };
        let relay = relay(&target, Profile::even(shape));
        let started = Instant::now();
        let mut stream = connect(&relay);
        stream.write_all(&[0; 14_600]).unwrap();
        let client = socket();
        for _ in 0..15 {
            client.send_to(&[0; 972], relay.addr()).unwrap();
        }
        let mut served = listener.accept().unwrap().0;
        served.read_exact(&mut [0; 14_600]).unwrap();
        for _ in 0..15 {
            receive(&target);
        }
        // 15,000 bytes of each at 1 Mbit/s: 240 ms.
        assert!(started.elapsed() >= Duration::from_millis(240), "{:?}", started.elapsed());
    }

    #[test]
    fn a_firewall_stops_datagrams_and_lets_tcp_through() {
        let (target, listener) = pair();
        let relay = relay(&target, Profile::clean());
        relay.block_udp(true);
        let client = socket();
        client.send_to(b"blocked", relay.addr()).unwrap();
        relay.wait(LIMIT, |stats| stats.up.blocked.packets == 1).unwrap();
        let mut stream = connect(&relay);
        stream.write_all(b"through").unwrap();
        let mut served = listener.accept().unwrap().0;
        let mut bytes = [0; 7];
        served.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"through");
        relay.block_udp(false);
        client.send_to(b"allowed", relay.addr()).unwrap();
        assert_eq!(receive(&target).0, b"allowed");
    }

    #[test]
    fn a_cut_resets_both_ends() {
        let (target, listener) = pair();
        let relay = relay(&target, Profile::clean());
        let mut client = connect(&relay);
        client.write_all(b"x").unwrap();
        let mut served = listener.accept().unwrap().0;
        served.set_read_timeout(Some(LIMIT)).unwrap();
        served.read_exact(&mut [0; 1]).unwrap();
        relay.cut();
        for end in [&mut client, &mut served] {
            let error = end.read(&mut [0; 1]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
        // One begun now waits for the link.
        let mut waiting = connect(&relay);
        waiting.write_all(b"after").unwrap();
        relay.wait(LIMIT, |stats| stats.connections == 2 && stats.up.cut.packets > 0).unwrap();
        relay.restore();
        let mut served = listener.accept().unwrap().0;
        let mut bytes = [0; 5];
        served.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"after");
    }

    #[test]
    fn who_reaches_nobody_is_reset() {
        let (target, listener) = pair();
        drop(listener);
        let relay = relay(&target, Profile::clean());
        let error = connect(&relay).read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_link_becomes_another_one() {
        let target = socket();
        let relay = relay(&target, Profile::clean());
        let client = socket();
        client.send_to(b"before", relay.addr()).unwrap();
        assert_eq!(receive(&target).0, b"before");
        let up = Duration::from_secs(3_600);
        let outages = Outages::Cycle { up, down: up, begun: Duration::ZERO };
        let shape = Shape { delay: Duration::from_millis(30), ..Shape::CLEAN };
        relay.reshape(Profile { outages, ..Profile::even(shape) }, 2);
        assert_eq!(relay.stats().up.offered, Tally::default());
        let started = Instant::now();
        client.send_to(b"after", relay.addr()).unwrap();
        assert_eq!(receive(&target).0, b"after");
        assert!(started.elapsed() >= Duration::from_millis(30));
        assert_eq!(relay.stats().up.sent, Tally { packets: 1, bytes: 5 + UDP_HEADERS_BYTES });
    }
}
