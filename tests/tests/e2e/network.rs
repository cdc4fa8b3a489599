//! Networks that let no UDP through, networks that change, and who comes to the hub's port over TCP.

use std::{
    fs,
    io::{self, Read, Write},
    net::{TcpStream, UdpSocket},
    sync::Arc,
    thread,
    time::Instant,
};

use serde_json::{Value, json};
use shared::{
    identity::tls,
    sync::CloseCode,
    wire::{Frame, frame::FrameReader},
};
use tests::{
    process::Van,
    random::Random,
    relay::{Profile, Shape},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsConnector, client::TlsStream};
use van_agent::host::{dial::dial, listener::DRAIN_PATIENCE, meter::Meter, quic, wire::Wire};

use crate::{
    hostile::{break_open, caller, hello},
    stage::{LIMIT, Stage, case, day, sync, van_cases},
};

fn over(van: &Van) -> Value {
    sync(van).json()["over"].clone()
}

/// Lets time pass since the network was found to block UDP.
fn age(van: &Van, minutes: i64) {
    let file = van.home().join("networks");
    let mut kept: Value = serde_json::from_slice(&fs::read(&file).expect("it is kept")).expect("JSON");
    for network in kept["blocked"].as_array_mut().expect("a list") {
        network["at"] = json!(network["at"].as_i64().expect("a time") - minutes * 60_000);
    }
    fs::write(file, kept.to_string()).expect("written");
}

#[test]
fn where_no_udp_gets_through_everything_goes_over_tcp() {
    let stage = Stage::open();
    stage.link.block_udp(true);
    let van = stage.van("van", "V01");
    van.record(&day(30, 7, "V01"));
    let began = stage.link.stats();
    assert_eq!(over(&van), "tcp");
    assert_eq!(van.run(&["custody", "--safe-to-wipe"]).number("at_hub"), 30);
    assert_eq!(van_cases(&van), stage.hub_cases());
    // Enrolling has told about this network: no datagram was tried.
    assert_eq!(stage.link.stats().up.blocked, began.up.blocked);
    assert!(began.up.blocked.packets > 0);

    // Back on a good network it goes on over TCP for a while, and then finds QUIC again.
    stage.link.block_udp(false);
    case(&van, json!({"name": "Nahak"}));
    assert_eq!(over(&van), "tcp");
    age(&van, 11);
    assert_eq!(over(&van), "quic");
    assert_eq!(over(&van), "quic");
    // One is tried again at its time, in vain, and then left alone for longer.
    stage.link.block_udp(true);
    assert_eq!(over(&van), "tcp");
    age(&van, 11);
    assert_eq!(over(&van), "tcp");
    age(&van, 11);
    let before = stage.link.stats().up.blocked;
    assert_eq!(over(&van), "tcp");
    assert_eq!(stage.link.stats().up.blocked, before);

    stage.hub.run(&["device", "revoke", "V01A"]);
    let refused = van.call(&["sync", "--json"]).run().exited(1);
    assert!(refused.stderr.contains("revoked"), "{refused}");
    assert_eq!((&refused.json()["over"], &refused.json()["why"]), (&json!("tcp"), &json!("shut_out")));
}

#[test]
fn over_tcp_bytes_are_counted_as_the_link_counts_them() {
    let stage = Stage::open();
    stage.link.block_udp(true);
    let van = stage.van("van", "V01");
    van.record(&day(100, 7, "V01"));
    let before = stage.link.stats();
    let output = sync(&van);
    let after = stage.link.wait(LIMIT, |stats| stats.connections_open == 0).expect("both have hung up");
    let told = output.number("bytes_up") + output.number("bytes_down");
    let counted = after.up.sent.bytes + after.down.sent.bytes - before.up.sent.bytes - before.down.sent.bytes;
    let share = told as f64 / counted as f64;
    assert!((0.9..1.1).contains(&share), "{told} bytes told, {counted} counted");
}

#[test]
fn a_batch_that_is_cut_goes_on_over_tcp_where_it_was_cut() {
    let stage = Stage::open();
    stage.link.block_udp(true);
    let van = stage.van("van", "V01");
    van.record(&day(800, 7, "V01"));
    stage.link.cut_after(8_000);
    let cut = van.call(&["sync", "--patience", "4s", "--json"]).run().exited(1);
    assert!(cut.text("error").contains("hung up"), "{cut}");
    let before = stage.link.stats().up.sent.bytes;
    stage.link.restore();
    assert_eq!(over(&van), "tcp");
    let again = stage.link.stats().up.sent.bytes - before;
    assert_eq!(stage.hub_cases().len(), 800);
    assert_eq!(van.run(&["custody", "--safe-to-wipe"]).number("at_hub"), 800);
    let whole = fs::metadata(van.home().join("keliling.db")).expect("a store").len();
    assert!(again < whole, "{again}");
}

#[test]
fn an_upload_goes_on_over_a_new_connection_where_the_old_one_has_fallen_silent() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    van.record(&day(1_500, 7, "V01"));
    stage.link.reshape(Profile::even(Shape::modem(100, 100, 0.0)), 1);
    let running = van.call(&["sync", "--json"]).spawn();
    stage.link.wait(LIMIT, |stats| stats.up.sent.bytes > 12_000).expect("the upload is under way");
    stage.link.block_udp(true);
    let output = running.finish().done();
    let report = output.json();
    assert_eq!((&report["ok"], &report["over"], &report["left"]), (&json!(true), &json!("tcp"), &json!(0)));
    assert_eq!(report["sent"], report["receipted"], "{output}");
    assert_eq!(stage.hub_cases().len(), 1_500);
    assert_eq!(van.run(&["custody", "--safe-to-wipe"]).number("at_hub"), 1_500);
    // What no datagram has got through for a while is not held against the network.
    stage.link.block_udp(false);
    assert_eq!(over(&van), "quic");
}

#[test]
fn a_living_link_over_tcp_is_cut_by_a_revocation_and_left_in_order_by_a_hub_that_stops() {
    let stage = Stage::open();
    stage.link.block_udp(true);
    let van = stage.van("van", "V01");
    let other = stage.van("other", "V02");
    let mut runs = van.start(&[]);
    let mut other_runs = other.start(&[]);
    let is_linked = |unit: &str| {
        let devices = stage.hub.run(&["device", "list"]).lines;
        devices.iter().any(|device| device["unit"] == unit && device["linked"] == true)
    };
    runs.log("reconciled");
    other_runs.log("reconciled");
    assert!(is_linked("V01") && is_linked("V02"));
    stage.hub.run(&["device", "revoke", "V01A"]);
    runs.log("shut this laptop out");
    assert!(!is_linked("V01") && is_linked("V02"));
    let asked = Instant::now();
    stage.stop();
    assert!(asked.elapsed() < DRAIN_PATIENCE / 2, "nobody was waited for in vain");
    runs.terminate().done();
    other_runs.terminate().done();
}

#[test]
fn what_is_no_tls_and_who_says_nothing_is_dropped_and_hurts_nobody() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let at = stage.running().addr("quic");
    let mut noise = vec![0; 20_000];
    Random::new(9).fill(&mut noise);
    let request = b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n".to_vec();
    for said in [request, noise, vec![0x16, 3, 1, 0xff, 0xff], Vec::new()] {
        let mut stream = TcpStream::connect(at).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        // It may well have closed before everything was said.
        drop(stream.write_all(&said));
        if said.is_empty() {
            drop(stream.shutdown(std::net::Shutdown::Write));
        }
        ended(stream);
    }
    // As many as may be unfinished from one network, saying nothing: others of the network are let in again as
    // soon as those are dropped, and QUIC is never held up.
    let silent: Vec<_> = (0..16).map(|_| TcpStream::connect(at).expect("it listens")).collect();
    case(&van, json!({"name": "Nahak"}));
    assert_eq!(over(&van), "quic");
    let waiting: Vec<_> = silent
        .into_iter()
        .map(|stream| {
            stream.set_read_timeout(Some(LIMIT)).expect("a limit");
            thread::spawn(move || ended(stream))
        })
        .collect();
    waiting.into_iter().for_each(|thread| thread.join().expect("it is dropped"));
    stage.link.block_udp(true);
    let later = stage.van("later", "V02");
    assert_eq!(over(&later), "tcp");
    assert_eq!(stage.hub_cases().len(), 1);
}

/// Reads until the hub has hung up.
fn ended(mut stream: TcpStream) {
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
    }
}

/// A handshake over TCP with the laptop's key.
async fn shake(stage: &Stage, van: &Van) -> TlsStream<tokio::net::TcpStream> {
    let (_, station) = break_open(van.home());
    let hub = station.place.as_ref().expect("it is enrolled").hub_key;
    let config = tls::client_config(&station.key, hub).config;
    let at = stage.running().addr("quic");
    let stream = tokio::net::TcpStream::connect(at).await.expect("it listens");
    let name = tls::SERVER_NAME.try_into().expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("the key is good")
}

/// The code of the close that the hub says last.
async fn close_of(stream: &mut TlsStream<tokio::net::TcpStream>) -> Option<CloseCode> {
    let mut told = Vec::new();
    // An end without TLS's own goodbye is one too.
    drop(stream.read_to_end(&mut told).await);
    let mut rest = told.as_slice();
    loop {
        let ([kind, high, low], body) = rest.split_first_chunk()?;
        let (body, next) = body.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
        if *kind == 4 {
            return CloseCode::from_value(u32::from_be_bytes(*body.first_chunk()?));
        }
        rest = next;
    }
}

#[test]
fn garbage_behind_a_good_handshake_is_refused_and_silence_ends() {
    let stage = Stage::open();
    let (bad, good) = (stage.van("bad", "V01"), stage.van("good", "V02"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let piece = |kind: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).expect("short").to_be_bytes();
        [&[kind], &length[..], body].concat()
    };
    let mut noise = vec![0; 5_000];
    Random::new(10).fill(&mut noise);
    for (what, said, code) in [
        ("no piece", b"GET / HTTP/1.1\r\n\r\n".to_vec(), None),
        ("a piece over the limit", vec![0, 0xff, 0xff, 1, 2, 3], None),
        ("an unknown frame", piece(0, &[0x3f, 4, 1, 2, 3, 4]), Some(CloseCode::Protocol)),
        ("a frame without end", piece(0, &[&[1][..], &[0xff; 12]].concat()), Some(CloseCode::Protocol)),
        (
            "a batch before the greeting, and a flood of pings",
            [piece(1, &noise), piece(2, &[]).repeat(5_000)].concat(),
            Some(CloseCode::Limit),
        ),
        ("nothing", Vec::new(), Some(CloseCode::Limit)),
    ] {
        let found = runtime.block_on(async {
            let mut stream = shake(&stage, &bad).await;
            drop(stream.write_all(&said).await);
            drop(stream.flush().await);
            tokio::time::timeout(LIMIT, close_of(&mut stream)).await.expect("the hub ends it")
        });
        assert_eq!(found, code, "{what}");
    }
    case(&good, json!({"name": "Good"}));
    sync(&good);
    case(&bad, json!({"name": "The Program Itself Is Good"}));
    stage.link.block_udp(true);
    assert_eq!(over(&bad), "tcp");
    assert_eq!(stage.hub_cases().len(), 2);
    assert_eq!(stage.hub.run(&["doctor"]).json()["ok"], true);
}

#[test]
fn a_laptop_that_gets_another_address_goes_on_through_the_link() {
    let stage = Stage::open();
    let van = stage.van("van", "V01");
    let (_, station) = break_open(van.home());
    let said = hello(&station, shared::wire::frame::Cursor::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let welcomes = runtime.block_on(async {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let endpoint = quic::van_endpoint_on(socket, &Meter::default()).expect("an endpoint");
        let caller = caller(station, endpoint);
        let dialled =
            dial(&caller, &[stage.link.addr().into()], LIMIT.into()).await.expect("the hub answers");
        let Wire::Quic(link) = dialled.wire else { panic!("TCP was quicker") };
        let (mut send, mut receive) = link.open_bi().await.expect("a stream");
        let mut reader = FrameReader::default();
        let mut welcomes = 0;
        for _ in 0..2 {
            send.write_all(&said).await.expect("the link lives");
            loop {
                let chunk =
                    receive.read_chunk(16_000, true).await.expect("the link lives").expect("an answer");
                reader.push(&chunk.bytes);
                let mut welcomed = false;
                while let Some(frame) = reader.poll().expect("frames") {
                    welcomed |= matches!(frame, Frame::Welcome(_));
                }
                if welcomed {
                    break;
                }
            }
            welcomes += 1;
            caller.endpoint.rebind(UdpSocket::bind("127.0.0.2:0").expect("a port")).expect("it moves");
        }
        welcomes
    });
    assert_eq!((welcomes, stage.link.stats().clients), (2, 3), "enrolment's port and two of this link");
}
