//! Moves bytes between a connection and the owner of the core, and nothing else.
//!
//! Over TCP that is [`tcp`](crate::host::tcp)'s to do. Over QUIC the control stream is opened by the child, has the
//! highest priority and runs both ways; for batches each side opens one stream when it first has something to send;
//! for files likewise one that is served last, told from that for batches by being of the other sort. Bytes keep
//! their order within a channel, not
//! between channels: a batch may overtake a control frame that was lost once.
//!
//! **Invariants:** nothing is read from the network that the owner has no room for; the core hears that a link
//! is gone only after the last byte of it. After the core's close, what it had sent before still goes out for
//! up to [`LINGER_MAX`], except where the close is a punishment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use shared::{
    identity::tls::NoPeerKey,
    sync::{Channel, CloseCode, PeerId, Role},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, interval, timeout},
};

use crate::host::{
    mux::MuxError,
    owner::{Handle, Outbound, Owned, Stopped},
    wire::{self, Pulse, Wire},
};

/// How long a link that the core has closed may take to deliver what was sent before.
pub const LINGER_MAX: Duration = Duration::from_secs(3);

const READ_BYTES_MAX: usize = 16 << 10;
const CONTROL_PRIORITY: i32 = 1;
const BATCH_PRIORITY: i32 = 0;
const ATTACHMENT_PRIORITY: i32 = -1;
const SILENCE_POLL: Duration = Duration::from_millis(250);

/// How a link ended.
#[derive(Debug)]
pub enum Ended {
    /// This side's core closed it.
    Here {
        /// Why.
        code: CloseCode,
        /// Why, in words.
        reason: String,
    },
    /// The peer closed it.
    There {
        /// Why; `None` for a code of a later version.
        code: Option<CloseCode>,
        /// Why, in the peer's words.
        reason: String,
    },
    /// The peer has forgotten the connection: it was restarted.
    Forgotten,
    /// No packet came for [`IDLE_MAX`](crate::host::quic::IDLE_MAX).
    Silent,
    /// The connection broke.
    Broken(Break),
    /// The peer showed no key: the connection was never a link.
    NoKey(NoPeerKey),
    /// This program is stopping.
    Stopping,
}

/// How a connection breaks.
#[derive(Debug, thiserror::Error)]
pub enum Break {
    /// QUIC ended it.
    #[error(transparent)]
    Quic(ConnectionError),
    /// The system ended it.
    #[error(transparent)]
    Tcp(std::io::Error),
    /// The peer sent what makes no sense.
    #[error(transparent)]
    Mux(MuxError),
    /// The peer hung up without a word.
    #[error("the other end hung up")]
    HungUp,
}

/// Returns once there has been no sign of life for `patience`.
pub async fn silence(pulse: &Pulse, patience: Duration) {
    let mut polls = interval(SILENCE_POLL.min(patience));
    let mut beats = pulse.beats();
    let mut last = Instant::now();
    loop {
        polls.tick().await;
        let found = pulse.beats();
        if found != beats {
            (beats, last) = (found, Instant::now());
        } else if last.elapsed() >= patience {
            return;
        }
    }
}

/// Serves a connection until it ends, in `role` (the child dialled).
pub async fn drive<O: Owned>(wire: Wire, role: Role, owner: &Handle<O>) -> Ended {
    match wire {
        Wire::Quic(connection) => drive_quic(&connection, role, owner).await,
        Wire::Tcp(connection) => {
            let (key, exporter) = (connection.key(), connection.exporter());
            let Ok((peer, outbound)) = owner.open(role, key, exporter).await else { return Ended::Stopping };
            let ended = connection.serve(owner, role, peer, outbound).await;
            owner.gone(peer).await;
            ended
        }
    }
}

async fn drive_quic<O: Owned>(connection: &Connection, role: Role, owner: &Handle<O>) -> Ended {
    let (key, exporter) = match wire::proven(connection) {
        Ok(proven) => proven,
        Err(error) => {
            connection.close(VarInt::from_u32(CloseCode::Protocol.value()), b"no key");
            return Ended::NoKey(error);
        }
    };
    let Ok((peer, outbound)) = owner.open(role, key, exporter).await else {
        close(connection, CloseCode::RetryLater, "the program is stopping");
        return Ended::Stopping;
    };
    let ended = Tasks::start(connection, role, owner, peer, outbound).end(connection).await;
    owner.gone(peer).await;
    ended
}

fn close(connection: &Connection, code: CloseCode, reason: &str) {
    connection.close(VarInt::from_u32(code.value()), reason.as_bytes());
}

/// Whether what was sent before a close for `code` is worth waiting for. A child that has asked its parent for the
/// close has everything: the wait would cost it a round trip.
pub(super) fn lingers(code: CloseCode, role: Role) -> bool {
    match code {
        CloseCode::Done => role == Role::Child,
        CloseCode::RetryLater | CloseCode::WrongVersion | CloseCode::UnknownDevice | CloseCode::Ticket => {
            true
        }
        CloseCode::Protocol
        | CloseCode::Revoked
        | CloseCode::Replaced
        | CloseCode::Limit
        | CloseCode::Internal => false,
    }
}

/// The tasks of one link; dropped, they end.
struct Tasks {
    role: Role,
    readers: JoinSet<()>,
    writers: JoinSet<()>,
    close: oneshot::Receiver<(CloseCode, String)>,
}

impl Tasks {
    fn start<O: Owned>(
        connection: &Connection,
        role: Role,
        owner: &Handle<O>,
        peer: PeerId,
        outbound: Outbound,
    ) -> Self {
        let Outbound { control, batch, attachment, close, waiting } = outbound;
        let (mut readers, mut writers) = (JoinSet::new(), JoinSet::new());
        let (opened, control_in) = oneshot::channel();
        let (agreed, first_taken) = oneshot::channel();
        let (link, count) = (connection.clone(), Arc::clone(&waiting));
        writers.spawn(async move {
            let stream = match role {
                Role::Child => link.open_bi().await,
                Role::Parent => link.accept_bi().await,
            };
            let Ok((send, receive)) = stream else { return };
            // Where the child opened the first such stream, the next one that the parent gets is for files.
            if agreed.send(()).is_err() {
                return;
            }
            // Fails only once the stream is closed, which the first write would tell.
            drop(send.set_priority(CONTROL_PRIORITY));
            drop(opened.send(receive));
            write(send, control, &count).await;
        });
        let (link, count) = (connection.clone(), Arc::clone(&waiting));
        writers.spawn(async move {
            let open = async || link.open_uni().await;
            write_late(open, BATCH_PRIORITY, batch, &count).await;
        });
        let link = connection.clone();
        writers.spawn(async move {
            let open = async || link.open_bi().await.map(|(send, _)| send);
            write_late(open, ATTACHMENT_PRIORITY, attachment, &waiting).await;
        });
        let inbound = Inbound { owner: owner.clone(), peer };
        readers.spawn(async move {
            if let Ok(stream) = control_in.await {
                inbound.read(stream, Channel::Control).await;
            }
        });
        let (link, inbound) = (connection.clone(), Inbound { owner: owner.clone(), peer });
        readers.spawn(async move {
            if let Ok(stream) = link.accept_uni().await {
                inbound.read(stream, Channel::Batch).await;
            }
        });
        let (link, inbound) = (connection.clone(), Inbound { owner: owner.clone(), peer });
        readers.spawn(async move {
            if first_taken.await.is_ok()
                && let Ok((_, stream)) = link.accept_bi().await
            {
                inbound.read(stream, Channel::Attachment).await;
            }
        });
        Self { role, readers, writers, close }
    }

    async fn end(mut self, connection: &Connection) -> Ended {
        let ended = tokio::select! {
            error = connection.closed() => ended_by(error),
            asked = &mut self.close => match asked {
                Ok((code, reason)) => {
                    if lingers(code, self.role) {
                        self.linger(connection).await;
                    }
                    close(connection, code, &reason);
                    Ended::Here { code, reason }
                }
                Err(_) => {
                    close(connection, CloseCode::RetryLater, "the program is stopping");
                    Ended::Stopping
                }
            },
        };
        // The connection is closed: the readers end by themselves, once what had come is with the owner.
        while self.readers.join_next().await.is_some() {}
        ended
    }

    /// Waits until the peer has everything, but no longer than is worth it.
    async fn linger(&mut self, connection: &Connection) {
        let delivered = async { while self.writers.join_next().await.is_some() {} };
        tokio::select! {
            _ = connection.closed() => {}
            _ = timeout(LINGER_MAX, delivered) => {}
        }
    }
}

/// Writes what comes to `stream`; at its end waits until the peer has it all.
async fn write(mut stream: SendStream, mut source: mpsc::UnboundedReceiver<Vec<u8>>, waiting: &AtomicUsize) {
    while let Some(bytes) = source.recv().await {
        let length = bytes.len();
        if stream.write_chunk(bytes.into()).await.is_err() {
            return;
        }
        waiting.fetch_sub(length, Ordering::Relaxed);
    }
    if stream.finish().is_ok() {
        // An error means that the peer wants no more of it.
        drop(stream.stopped().await);
    }
}

/// Opens a stream once there is something to send on it.
async fn write_late(
    open: impl AsyncFnOnce() -> Result<SendStream, ConnectionError>,
    priority: i32,
    mut source: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: &AtomicUsize,
) {
    let Some(first) = source.recv().await else { return };
    let Ok(mut stream) = open().await else { return };
    // Fails only once the stream is closed, which the first write would tell.
    drop(stream.set_priority(priority));
    let length = first.len();
    if stream.write_chunk(first.into()).await.is_ok() {
        waiting.fetch_sub(length, Ordering::Relaxed);
        write(stream, source, waiting).await;
    }
}

/// Where what comes in on a link goes.
struct Inbound<O> {
    owner: Handle<O>,
    peer: PeerId,
}

impl<O: Owned> Inbound<O> {
    /// Reads `stream` to its end, no faster than the owner takes it.
    async fn read(self, mut stream: RecvStream, channel: Channel) {
        while let Ok(Some(chunk)) = stream.read_chunk(READ_BYTES_MAX, true).await {
            match self.owner.received(self.peer, channel, chunk.bytes.to_vec()).await {
                Ok(()) => {}
                Err(Stopped) => return,
            }
        }
    }
}

fn ended_by(error: ConnectionError) -> Ended {
    match error {
        ConnectionError::ApplicationClosed(close) => Ended::There {
            code: u32::try_from(close.error_code.into_inner()).ok().and_then(CloseCode::from_value),
            reason: String::from_utf8_lossy(&close.reason).into_owned(),
        },
        ConnectionError::Reset => Ended::Forgotten,
        ConnectionError::TimedOut => Ended::Silent,
        error @ (ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::LocallyClosed
        | ConnectionError::CidsExhausted) => Ended::Broken(Break::Quic(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{SocketAddr, UdpSocket},
        sync::mpsc as std_mpsc,
    };

    use shared::{
        id::PublicKey,
        identity::{Key, ticket::Address},
        sync::{Input, Output},
        time::{Now, Tick, Timestamp},
    };

    use super::*;
    use crate::host::{
        control::Call,
        dial::{Caller, DialError, dial},
        listener::{self, Door, Limits},
        machine::Clock,
        meter::Meter,
        networks::{Network, Networks},
        owner::Owner,
        quic::{self, Side},
        wire::Over,
    };

    const RESET_KEY: [u8; 64] = [5; 64];
    const PATIENCE: Duration = Duration::from_secs(20);
    const BATCH_BYTES: usize = 600_000;

    /// Greets as a child; sends back what it gets as a parent; reports everything.
    struct Talker {
        outputs: Vec<Output>,
        seen: std_mpsc::Sender<Input>,
        received: usize,
        echoes: bool,
    }

    impl Owned for Talker {
        fn handle(&mut self, _: Now, input: Input) {
            match &input {
                Input::Connected { peer, role: Role::Child, .. } => {
                    let send = |channel, bytes| Output::Send { peer: *peer, channel, bytes };
                    self.outputs.push(send(Channel::Batch, vec![7; BATCH_BYTES]));
                    self.outputs.push(send(Channel::Control, b"hello".to_vec()));
                }
                Input::Received { peer, channel, bytes } => {
                    self.received += bytes.len();
                    if bytes.starts_with(b"close") {
                        let reason = "as asked".to_owned();
                        self.outputs
                            .insert(0, Output::Close { peer: *peer, code: CloseCode::RetryLater, reason });
                    } else if self.echoes {
                        let bytes = bytes.iter().map(u8::to_ascii_uppercase).collect();
                        self.outputs.push(Output::Send { peer: *peer, channel: *channel, bytes });
                    }
                }
                Input::Connected { .. } => self.echoes = true,
                Input::Disconnected { .. } | Input::Timeout => {}
            }
            drop(self.seen.send(input));
        }

        fn poll_output(&mut self) -> Option<Output> {
            self.outputs.pop()
        }

        fn poll_timeout(&self) -> Option<Tick> {
            None
        }

        fn call(&mut self, _: Now, _: Call) {}
    }

    struct Party {
        owner: Owner<Talker>,
        seen: std_mpsc::Receiver<Input>,
    }

    impl Party {
        fn new() -> Self {
            let (sender, seen) = std_mpsc::channel();
            let talker = Talker { outputs: Vec::new(), seen: sender, received: 0, echoes: false };
            Self { owner: Owner::spawn(talker, Clock::start(), drop).unwrap(), seen }
        }

        /// The key and exporter of the connection that comes next.
        fn connected(&self) -> (PeerId, PublicKey, [u8; 32]) {
            let input = self.seen.recv_timeout(PATIENCE).unwrap();
            let Input::Connected { peer, key, exporter, .. } = input else { panic!("{input:?}") };
            (peer, key, exporter)
        }

        /// Bytes on control and on batch until there are as many as given.
        fn received(&self, control_bytes: usize, batch_bytes: usize) -> (Vec<u8>, Vec<u8>) {
            let (mut control, mut batch) = (Vec::new(), Vec::new());
            while control.len() < control_bytes || batch.len() < batch_bytes {
                let input = self.seen.recv_timeout(PATIENCE).unwrap();
                let Input::Received { channel, bytes, .. } = input else { panic!("{input:?}") };
                match channel {
                    Channel::Control => control.extend(bytes),
                    Channel::Batch => batch.extend(bytes),
                    Channel::Attachment => panic!("no files are sent"),
                }
            }
            (control, batch)
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    }

    fn hub(runtime: &tokio::runtime::Runtime, listen: SocketAddr, key: &Key, party: &Party) -> Arc<Door> {
        let _inside = runtime.enter();
        let door = Arc::new(Door::open(listen, key, &RESET_KEY).unwrap());
        let (listening, owner) = (Arc::clone(&door), party.owner.handle().clone());
        runtime.spawn(async move { listener::listen(&listening, &owner, Limits::default()).await });
        door
    }

    /// Reaches the hub over what is asked for.
    async fn reach(
        over: Over,
        key: [u8; 32],
        hub: PublicKey,
        at: SocketAddr,
    ) -> Result<(Caller, Wire), DialError> {
        let (meter, now) = (Meter::default(), Timestamp(0));
        let mut networks = Networks::default();
        if over == Over::Tcp {
            networks.note(&Network::of(at.ip()), Over::Tcp, false, now);
        }
        let caller = Caller {
            endpoint: quic::van_endpoint_on(UdpSocket::bind("127.0.0.1:0").unwrap(), &meter).unwrap(),
            meter,
            key: Arc::new(Key::from_seed(key)),
            hub,
            transport: Arc::new(quic::transport(Side::Van { keep_alive: None })),
            keep_alive: None,
            networks,
            now,
        };
        let dialled = dial(&caller, &[Address::from(at)], PATIENCE.into()).await?;
        assert_eq!(dialled.wire.over(), over);
        Ok((caller, dialled.wire))
    }

    fn any_port() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn bytes_move_both_ways_between_proven_keys() {
        for over in [Over::Quic, Over::Tcp] {
            move_bytes(over);
        }
    }

    fn move_bytes(over: Over) {
        let runtime = runtime();
        let (van_key, hub_key) = (Key::from_seed([1; 32]), Key::from_seed([2; 32]));
        let (van, hub_party) = (Party::new(), Party::new());
        let door = hub(&runtime, any_port(), &hub_key, &hub_party);
        let at = door.addr().unwrap();
        let (caller, wire) = runtime.block_on(reach(over, [1; 32], hub_key.public(), at)).unwrap();
        let owner = van.owner.handle().clone();
        let driven = runtime.spawn(async move { drive(wire, Role::Child, &owner).await });

        let (peer, key, exporter) = van.connected();
        assert_eq!(key, hub_key.public());
        let (_, key, hub_exporter) = hub_party.connected();
        assert_eq!((key, hub_exporter), (van_key.public(), exporter));
        let (control, batch) = hub_party.received(5, BATCH_BYTES);
        assert_eq!((control.as_slice(), batch == vec![7; BATCH_BYTES]), (&b"hello"[..], true));
        let (control, batch) = van.received(5, BATCH_BYTES);
        assert_eq!((control.as_slice(), batch == vec![7; BATCH_BYTES]), (&b"HELLO"[..], true));
        let traffic = caller.meter.traffic();
        assert!(traffic.up_bytes > 600_000 && traffic.down_bytes > 600_000, "{traffic:?}");
        assert!(traffic.up_bytes > traffic.up_packets * 28);

        // The hub closes when asked, and both cores hear of it once.
        let ask = move |talker: &mut Talker, _: Now| {
            let bytes = b"close".to_vec();
            talker.outputs.push(Output::Send { peer, channel: Channel::Control, bytes });
        };
        runtime.block_on(van.owner.handle().run(ask)).unwrap();
        let ended = runtime.block_on(driven).unwrap();
        assert!(
            matches!(&ended, Ended::There { code: Some(CloseCode::RetryLater), reason } if reason == "as asked"),
            "{over:?}: {ended:?}"
        );
        assert_eq!(van.seen.recv_timeout(PATIENCE), Ok(Input::Disconnected { peer }));
        assert_eq!(hub_party.received(5, 0).0, b"close");
        assert!(matches!(hub_party.seen.recv_timeout(PATIENCE), Ok(Input::Disconnected { .. })));
        runtime.block_on(quic::leave(&caller.endpoint));
        runtime.block_on(listener::drain(&door, hub_party.owner.handle()));
        assert_eq!(van.owner.stop().received, BATCH_BYTES + 5);
        assert_eq!(hub_party.owner.stop().received, BATCH_BYTES + 10);
    }

    #[test]
    fn what_was_sent_before_a_close_arrives_before_it() {
        for over in [Over::Quic, Over::Tcp] {
            let runtime = runtime();
            let hub_key = Key::from_seed([2; 32]);
            let (van, hub_party) = (Party::new(), Party::new());
            let door = hub(&runtime, any_port(), &hub_key, &hub_party);
            let at = door.addr().unwrap();
            let (_caller, wire) = runtime.block_on(reach(over, [1; 32], hub_key.public(), at)).unwrap();
            let owner = van.owner.handle().clone();
            let driven = runtime.spawn(async move { drive(wire, Role::Child, &owner).await });
            let (peer, _, _) = van.connected();
            let last_words = move |talker: &mut Talker, _: Now| {
                let reason = "everything is said".to_owned();
                talker.outputs.push(Output::Close { peer, code: CloseCode::Done, reason });
                let bytes = vec![9; 100_000];
                talker.outputs.push(Output::Send { peer, channel: Channel::Batch, bytes });
            };
            runtime.block_on(van.owner.handle().run(last_words)).unwrap();
            hub_party.connected();
            hub_party.received(5, BATCH_BYTES + 100_000);
            assert!(matches!(hub_party.seen.recv_timeout(PATIENCE), Ok(Input::Disconnected { .. })));
            let ended = runtime.block_on(driven).unwrap();
            assert!(matches!(ended, Ended::Here { code: CloseCode::Done, .. }), "{over:?}: {ended:?}");
        }
    }

    #[test]
    fn a_hub_with_another_key_is_told_apart() {
        for over in [Over::Quic, Over::Tcp] {
            let runtime = runtime();
            let hub_party = Party::new();
            let door = hub(&runtime, any_port(), &Key::from_seed([3; 32]), &hub_party);
            let at = door.addr().unwrap();
            let pinned = Key::from_seed([2; 32]).public();
            let error = runtime.block_on(reach(over, [1; 32], pinned, at)).unwrap_err();
            assert!(
                matches!(&error, DialError::WrongHub { found, .. } if *found == Key::from_seed([3; 32]).public())
            );
            assert_eq!(
                error.to_string(),
                format!("the hub at {at} does not hold the key pinned at enrolment")
            );
            assert!(hub_party.seen.try_recv().is_err());
        }
    }

    #[test]
    fn a_laptop_that_moves_to_another_address_keeps_its_link() {
        let runtime = runtime();
        let hub_key = Key::from_seed([2; 32]);
        let (van, hub_party) = (Party::new(), Party::new());
        let door = hub(&runtime, any_port(), &hub_key, &hub_party);
        let at = door.addr().unwrap();
        let (caller, wire) = runtime.block_on(reach(Over::Quic, [1; 32], hub_key.public(), at)).unwrap();
        let Wire::Quic(connection) = &wire else { panic!("{wire:?}") };
        let connection = connection.clone();
        let owner = van.owner.handle().clone();
        runtime.spawn(async move { drive(wire, Role::Child, &owner).await });
        let (peer, _, _) = van.connected();
        van.received(5, BATCH_BYTES);
        hub_party.connected();
        hub_party.received(5, BATCH_BYTES);
        let before = connection.stats().frame_tx.ping;
        let _inside = runtime.enter();
        caller.endpoint.rebind(UdpSocket::bind("127.0.0.2:0").unwrap()).unwrap();
        let speak = move |talker: &mut Talker, _: Now| {
            let bytes = vec![1; 1_000];
            talker.outputs.push(Output::Send { peer, channel: Channel::Batch, bytes });
        };
        runtime.block_on(van.owner.handle().run(speak)).unwrap();
        hub_party.received(0, 1_000);
        van.received(0, 1_000);
        assert!(connection.stats().frame_tx.ping > before, "it probed at once");
        assert_eq!(caller.endpoint.local_addr().unwrap().ip().to_string(), "127.0.0.2");
    }

    #[test]
    fn a_probe_over_tcp_finds_a_peer_that_lives() {
        let runtime = runtime();
        let hub_key = Key::from_seed([2; 32]);
        let (van, hub_party) = (Party::new(), Party::new());
        let door = hub(&runtime, any_port(), &hub_key, &hub_party);
        let at = door.addr().unwrap();
        let (_caller, wire) = runtime.block_on(reach(Over::Tcp, [1; 32], hub_key.public(), at)).unwrap();
        let (pulse, owner) = (wire.pulse(), van.owner.handle().clone());
        runtime.spawn(async move { drive(wire, Role::Child, &owner).await });
        van.connected();
        van.received(5, BATCH_BYTES);
        let before = pulse.beats();
        pulse.probe();
        let answered = async {
            while pulse.beats() < before + 2 * 25 {
                tokio::task::yield_now().await;
            }
        };
        // A ping and its answer, each a TLS record of 25 bytes.
        runtime.block_on(async { timeout(PATIENCE, answered).await }).expect("an answer");
    }

    #[test]
    fn a_restarted_hub_says_that_it_forgot() {
        for over in [Over::Quic, Over::Tcp] {
            let van_runtime = runtime();
            let hub_key = Key::from_seed([2; 32]);
            let (van, first, second) = (Party::new(), Party::new(), Party::new());
            let hub_runtime = runtime();
            let at = hub(&hub_runtime, any_port(), &hub_key, &first).addr().unwrap();
            let (_caller, wire) = van_runtime.block_on(reach(over, [1; 32], hub_key.public(), at)).unwrap();
            let owner = van.owner.handle().clone();
            let driven = van_runtime.spawn(async move { drive(wire, Role::Child, &owner).await });
            let (peer, _, _) = van.connected();
            van.received(5, BATCH_BYTES);
            // Ends all tasks at once, as a kill does, without a word to the van.
            drop(hub_runtime);
            let hub_runtime = runtime();
            let _restarted = hub(&hub_runtime, at, &hub_key, &second);
            let speak = move |talker: &mut Talker, _: Now| {
                let bytes = vec![1; 1_000];
                talker.outputs.push(Output::Send { peer, channel: Channel::Batch, bytes });
            };
            van_runtime.block_on(van.owner.handle().run(speak)).unwrap();
            let ended = van_runtime.block_on(driven).unwrap();
            let as_told = match over {
                Over::Quic => matches!(ended, Ended::Forgotten),
                Over::Tcp => matches!(ended, Ended::Broken(Break::HungUp)),
            };
            assert!(as_told, "{over:?}: {ended:?}");
        }
    }
}
