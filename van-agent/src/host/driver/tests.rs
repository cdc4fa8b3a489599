//! Two replicas that talk over real sockets.

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
        assert_eq!(error.to_string(), format!("the hub at {at} does not hold the key pinned at enrolment"));
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
