//! Takes cases over thin links: by the programs, by a file compressed with zstd and sent by HTTPS PUT, and by QUIC
//! with other settings than ours.
//!
//! Bytes are whole IP packets as the link counts them when they are offered, both ways, handshake included: what
//! is lost was paid for. The PUT is a single TLS 1.3 connection with the raw keys of this project on both sides, some
//! hundred bytes less than a web server's certificates would take, and its TCP has neither slow start nor a window
//! that shrinks by losses (see [`relay`](crate::relay)): the comparison errs in its favour.

use std::{
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use quinn::{Endpoint, TransportConfig, congestion::CubicConfig};
use shared::identity::{Key, tls};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use van_agent::host::{
    meter::Meter,
    quic::{self, Side},
};

use crate::{
    people::{Order, Region, ndjson},
    process::{Hub, Running, Van},
    relay::{Profile, Relay, Stats},
};

/// The links, by name.
const LINKS: [&str; 4] = ["edge", "vsat", "cell", "flaky"];
const ZSTD_LEVEL: i32 = 19;
/// From so many cases on the goals are meant: with few of them the handshake is the larger part.
const CASES_OF_GOALS: usize = 2_000;
/// Uploads with the same settings, each with other losses.
const UPLOADS: u64 = 15;
const CROSSING_LIMIT: Duration = Duration::from_secs(600);
const HEAD_BYTES_MAX: usize = 4_096;

/// One line of the report: its name, its value, what it should not exceed, its unit and its kind.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// How much it should be at most; None is for information.
    pub goal: Option<f64>,
    /// Of what: `bytes`, `s`, or nothing for a share.
    pub unit: &'static str,
    /// `bytes`, `time` or `ratio`.
    pub kind: &'static str,
}

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Cases in the first exchange.
    pub cases: usize,
    /// Runs of each, with other losses; the median is told.
    pub runs: u64,
}

/// What a crossing took.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Cost {
    bytes: f64,
    seconds: f64,
}

/// Measures everything, calling `told` for each line as soon as it is known.
///
/// # Errors
/// A program, a port or the disk fails.
pub fn measure(extent: Extent, mut told: impl FnMut(Line)) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for link in LINKS {
        for line in cross(&runtime, link, extent)? {
            told(line);
        }
    }
    for link in ["edge", "vsat", "cell"] {
        for line in compare_settings(&runtime, link)? {
            told(line);
        }
    }
    Ok(())
}

/// The first exchange, one with nothing new, and the PUT of the same cases, over one link.
fn cross(runtime: &Runtime, link: &str, extent: Extent) -> anyhow::Result<Vec<Line>> {
    let (mut firsts, mut nothings, mut puts) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 1..=extent.runs {
        let lines = day(seed, extent.cases)?;
        let file = zstd::bulk::compress(lines.as_bytes(), ZSTD_LEVEL).context("compress the cases")?;
        puts.push(put(runtime, link.parse()?, seed, &file)?);
        let district = District::found()?;
        district.van.record(&lines);
        firsts.push(district.sync(link.parse()?, seed)?);
        nothings.push(district.sync(link.parse()?, seed + 100)?);
    }
    let name = |what: &str| format!("{}: {what}", link.to_uppercase());
    let (first, nothing, put) = (median(&firsts), median(&nothings), median(&puts));
    let cases = extent.cases;
    let goal = (cases >= CASES_OF_GOALS).then_some(0.7);
    let line = |what: String, value, goal, unit, kind| Line { name: name(&what), value, goal, unit, kind };
    Ok(vec![
        line(format!("{cases} new cases"), first.bytes, None, "bytes", "bytes"),
        line(format!("{cases} new cases"), first.seconds, None, "s", "time"),
        line(format!("zstd -19 of {cases} by PUT"), put.bytes, None, "bytes", "bytes"),
        line(format!("zstd -19 of {cases} by PUT"), put.seconds, None, "s", "time"),
        line("new cases / PUT, bytes".to_owned(), first.bytes / put.bytes, goal, "", "ratio"),
        line("new cases / PUT, seconds".to_owned(), first.seconds / put.seconds, goal, "", "ratio"),
        line("nothing new".to_owned(), nothing.bytes, Some(5_000.0), "bytes", "bytes"),
        line("nothing new".to_owned(), nothing.seconds, None, "s", "time"),
    ])
}

fn day(seed: u64, cases: usize) -> anyhow::Result<String> {
    let (unit, day) = ("V01".to_owned(), "2026-11-20".to_owned());
    ndjson(&Region::shipped("53.02")?, &Order { seed, cases, unit, day, refs: false })
}

/// Of bytes and of seconds, each by itself.
fn median(costs: &[Cost]) -> Cost {
    let middle = |of: fn(&Cost) -> f64| {
        let mut all: Vec<_> = costs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Cost { bytes: middle(|cost| cost.bytes), seconds: middle(|cost| cost.seconds) }
}

fn offered_bytes(stats: &Stats) -> f64 {
    (stats.up.offered.bytes + stats.down.offered.bytes) as f64
}

/// A hub and an enrolled laptop with a link between them.
struct District {
    relay: Relay,
    _hub: Running,
    van: Van,
    _homes: TempDir,
}

impl District {
    fn found() -> anyhow::Result<Self> {
        let homes = tempfile::tempdir().context("make a folder for the homes")?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let relay = Relay::start(nowhere, Profile::clean(), 1).context("start relay")?;
        let hub = Hub::init(homes.path().join("hub"), &[]);
        let running = hub.start(&["--advertise", &relay.addr().to_string()]);
        relay.retarget(running.addr("quic"));
        let van = Van::enroll(homes.path().join("van"), &hub.invite("V01"));
        // What enrolling has begun is not part of what is measured.
        van.run(&["sync"]);
        Ok(Self { relay, _hub: running, van, _homes: homes })
    }

    fn sync(&self, profile: Profile, seed: u64) -> anyhow::Result<Cost> {
        self.relay.reshape(profile, seed);
        let output = self.van.call(&["sync", "--json"]).within(CROSSING_LIMIT).run().done();
        let seconds = output.json()["seconds"].as_f64().context("read the seconds")?;
        Ok(Cost { bytes: offered_bytes(&self.relay.stats()), seconds })
    }
}

/// Sends `file` by HTTPS PUT, until it is answered.
fn put(runtime: &Runtime, profile: Profile, seed: u64, file: &[u8]) -> anyhow::Result<Cost> {
    let server_key = Key::from_seed([2; 32]);
    let pinned = tls::client_config(&Key::from_seed([1; 32]), server_key.public());
    let acceptor = TlsAcceptor::from(Arc::new(tls::server_config(&server_key)));
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let target = listener.local_addr()?;
        let serving = tokio::spawn(async move { serve_put(&listener, &acceptor).await });
        let relay = Relay::start(target, profile, seed).context("start relay")?;
        let started = Instant::now();
        let stream = TcpStream::connect(relay.addr()).await?;
        stream.set_nodelay(true)?;
        let name = tls::SERVER_NAME.try_into().context("name the server")?;
        let mut stream = TlsConnector::from(Arc::new(pinned.config)).connect(name, stream).await?;
        let head = format!(
            "PUT /cases HTTP/1.1\r\nHost: hub\r\nContent-Type: application/zstd\r\nContent-Length: {}\r\n\r\n",
            file.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(file).await?;
        stream.flush().await?;
        let answer = read_head(&mut stream).await?.0;
        ensure!(answer.starts_with("HTTP/1.1 201"), "the server answered {answer}");
        let seconds = started.elapsed().as_secs_f64();
        // It may have been closed there before.
        drop(stream.shutdown().await);
        drop(stream);
        let taken: usize = serving.await??;
        ensure!(taken == file.len(), "{taken} bytes came of {}", file.len());
        let relay = tokio::task::spawn_blocking(move || {
            relay.wait(CROSSING_LIMIT, |stats| stats.connections_open == 0).context("wait for the close")
        });
        Ok(Cost { bytes: offered_bytes(&relay.await??), seconds })
    })
}

/// Takes one PUT; how many bytes it had.
async fn serve_put(listener: &TcpListener, acceptor: &TlsAcceptor) -> anyhow::Result<usize> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let (head, mut file) = read_head(&mut stream).await?;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let (length, have): (usize, usize) = (length.context("read the length")?.parse()?, file.len());
    file.resize(length, 0);
    stream.read_exact(&mut file[have..]).await?;
    stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await?;
    stream.flush().await?;
    // The client hangs up.
    drop(stream.read(&mut [0; 1]).await);
    Ok(length)
}

/// The head of a request or an answer, and what came behind it.
async fn read_head(stream: &mut (impl AsyncReadExt + Unpin)) -> anyhow::Result<(String, Vec<u8>)> {
    const END: &[u8] = b"\r\n\r\n";
    let mut head = Vec::new();
    loop {
        let read = stream.read_buf(&mut head).await?;
        if let Some(at) = head.windows(END.len()).position(|window| window == END) {
            let rest = head.split_off(at + END.len());
            return Ok((String::from_utf8(head)?, rest));
        }
        ensure!(read > 0 && head.len() < HEAD_BYTES_MAX, "the head has no end");
    }
}

/// Uploads of two sizes with our settings, and with one changed. All runs of a size go at once, each over a link of its own; a link's losses are the same for all settings.
fn compare_settings(runtime: &Runtime, link: &str) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for kilobytes in [20, 150] {
        let profile: Profile = link.parse()?;
        let all: Vec<Vec<anyhow::Result<Cost>>> = thread::scope(|scope| {
            let begin = |settings: Settings, seed| {
                let profile = profile.clone();
                scope.spawn(move || upload(runtime, profile, seed, kilobytes * 1_000, settings.transport()))
            };
            let running: Vec<Vec<_>> = Settings::ALL
                .iter()
                .map(|settings| (1..=UPLOADS).map(|seed| begin(*settings, seed)).collect())
                .collect();
            let join = |uploads: Vec<_>| uploads.into_iter().map(joined).collect();
            running.into_iter().map(join).collect()
        });
        for (settings, costs) in Settings::ALL.iter().zip(all) {
            let costs: Vec<Cost> = costs.into_iter().collect::<anyhow::Result<_>>()?;
            let (cost, mean) = (median(&costs), costs.iter().map(|cost| cost.seconds).sum::<f64>());
            let name =
                |of: &str| format!("{}: {kilobytes} KB by QUIC, {settings}, {of}", link.to_uppercase());
            let line = |of, value, unit, kind| Line { name: name(of), value, goal: None, unit, kind };
            lines.push(line("median", cost.seconds, "s", "time"));
            lines.push(line("mean", mean / costs.len() as f64, "s", "time"));
            lines.push(line("median", cost.bytes, "bytes", "bytes"));
        }
    }
    Ok(lines)
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A laptop's settings, or what is measured beside them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Settings {
    Ours,
    /// quinn's own first window, 12,000 bytes.
    Window,
    /// quinn's own first guess of the round trip, 333 ms.
    RoundTrip,
    /// Up to so many bytes unacknowledged.
    Unacknowledged(u64),
}

impl Settings {
    const ALL: [Self; 6] = [
        Self::Ours,
        Self::Window,
        Self::RoundTrip,
        Self::Unacknowledged(32 << 10),
        Self::Unacknowledged(48 << 10),
        Self::Unacknowledged(128 << 10),
    ];

    fn transport(self) -> TransportConfig {
        let mut transport = quic::transport(Side::Van { keep_alive: None });
        match self {
            Self::Ours => {}
            Self::Window => {
                transport.congestion_controller_factory(Arc::new(CubicConfig::default()));
            }
            Self::RoundTrip => {
                transport.initial_rtt(Duration::from_millis(333));
            }
            Self::Unacknowledged(bytes) => {
                transport.send_window(bytes);
            }
        }
        transport
    }
}

impl std::fmt::Display for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ours => f.write_str("our settings"),
            Self::Window => f.write_str("but a first window of 12,000 bytes"),
            Self::RoundTrip => f.write_str("but a first round trip of 333 ms"),
            Self::Unacknowledged(bytes) => write!(f, "but up to {} KB unacknowledged", bytes >> 10),
        }
    }
}

/// Connects, sends so many bytes and waits until the other side has them all.
fn upload(
    runtime: &Runtime,
    profile: Profile,
    seed: u64,
    bytes: usize,
    transport: TransportConfig,
) -> anyhow::Result<Cost> {
    let hub_key = Key::from_seed([2; 32]);
    let pinned = tls::client_config(&Key::from_seed([1; 32]), hub_key.public());
    runtime.block_on(async {
        let hub = quic::hub_endpoint(SocketAddr::from(([127, 0, 0, 1], 0)), &hub_key, &[5; 64])?;
        let target = hub.local_addr()?;
        let taking: JoinHandle<anyhow::Result<usize>> = tokio::spawn(take_upload(hub.clone()));
        let relay = Relay::start(target, profile, seed).context("start relay")?;
        let started = Instant::now();
        let endpoint = quic::van_endpoint(&Meter::default())?;
        let config = quic::client_config(pinned.config, Arc::new(transport));
        let connection = endpoint.connect_with(config, relay.addr(), tls::SERVER_NAME)?.await?;
        let (mut send, mut receive) = connection.open_bi().await?;
        send.write_all(&vec![7; bytes]).await?;
        send.finish()?;
        receive.read_exact(&mut [0; 1]).await.context("read the answer")?;
        let seconds = started.elapsed().as_secs_f64();
        let offered = offered_bytes(&relay.stats());
        quic::leave(&endpoint).await;
        hub.close(0u32.into(), b"");
        let taken = taking.await??;
        ensure!(taken == bytes, "{taken} bytes came of {bytes}");
        Ok(Cost { bytes: offered, seconds })
    })
}

/// Takes one upload and answers it; how many bytes it had.
async fn take_upload(hub: Endpoint) -> anyhow::Result<usize> {
    let connection = hub.accept().await.context("accept the laptop")?.await?;
    let (mut send, mut receive) = connection.accept_bi().await?;
    let bytes = receive.read_to_end(usize::MAX).await?;
    send.write_all(&[1]).await?;
    connection.closed().await;
    Ok(bytes.len())
}
