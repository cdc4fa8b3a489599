//! What QUIC's settings are worth: uploads with ours, and with one changed.

use std::{
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use quinn::{Endpoint, TransportConfig, congestion::CubicConfig};
use shared::identity::{Key, tls};
use tokio::{runtime::Runtime, task::JoinHandle};
use van_agent::host::{
    meter::Meter,
    quic::{self, Side},
};

use super::{
    Figure, Kind, Scale,
    crossing::{Cost, median, offered_bytes},
};
use crate::relay::{Profile, Relay};

/// Uploads with the same settings, each with other losses.
const UPLOADS: u64 = 15;

/// Measures uploads over three links; nothing where minutes must do, since few runs show nothing.
///
/// # Errors
/// A port fails, or an upload.
pub fn measure(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    if scale.quick {
        return Ok(Vec::new());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut figures = Vec::new();
    for link in ["edge", "vsat", "cell"] {
        figures.extend(compare(&runtime, link)?);
    }
    Ok(figures)
}

/// Uploads of two sizes. All runs of a size go at once, each over a link of its own; a link's losses are the same for
/// all settings.
fn compare(runtime: &Runtime, link: &str) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
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
            let (cost, sum) = (median(&costs), costs.iter().map(|cost| cost.seconds).sum::<f64>());
            let name =
                |of: &str| format!("{}: {kilobytes} KB by QUIC, {settings}, {of}", link.to_uppercase());
            figures.push(Figure::new(name("median"), cost.seconds, "s", Kind::Time));
            figures.push(Figure::new(name("mean"), sum / costs.len() as f64, "s", Kind::Time));
            figures.push(Figure::new(name("median"), cost.bytes, "bytes", Kind::Bytes));
        }
    }
    Ok(figures)
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
