//! A link to test on: carries UDP between clients and one target, and does to the packets what a thin
//! radio link does.
//!
//! All clients share the link, as the laptops of one van do; each has a port of its own towards the target,
//! as behind a NAT. The relay has its own thread, so that a busy test does not change the link. Which
//! packets are lost follows from the seed and from the order in which they come in; when they come is the
//! machine's. A packet never arrives before its time.
//!
//! An error of a socket (nobody listens at the target, say) is to the relay what it is to a link: nothing.

mod carrier;
mod lane;
mod profile;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use self::carrier::{Carrier, Packet, bind};
pub use self::{
    lane::{Counts, Fate, HEADERS_BYTES, Lane, Tally},
    profile::{Outages, PROFILE_NAMES, Profile, Shape, UnknownProfile},
};
use crate::random::Random;

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

#[cfg(test)]
mod tests {
    use std::{net::UdpSocket, time::Instant};

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
