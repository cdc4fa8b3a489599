//! `run`: the page, and the link in the background.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use shared::sync::{CloseCode, Event};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    access::Serving,
    agent::{Agent, PeerCall, SyncCall},
    host::{
        control::Client,
        home::{Home, Item, LOCK_PATIENCE, Lock},
        machine::Clock,
        output::{Failure, Printer},
        owner::Handle,
        web::SignIn,
    },
    link::{Exchange, Keeper, Progress, Report, said},
    peers, start, today, web,
};

/// How often the owner's thread is asked whether it lives.
const PULSE: Duration = Duration::from_secs(5);

/// Refuses an address that others could open.
pub(super) fn check(at: SocketAddr) -> Result<(), Failure> {
    if !at.ip().is_loopback() {
        return Err(Failure::usage(format!("the page is not shown on {at}: it is for this machine alone"))
            .next("use a loopback address such as --web 127.0.0.1:4470"));
    }
    Ok(())
}

pub(super) fn run(
    home: &Home,
    at: SocketAddr,
    peers: Option<SocketAddr>,
    mut printer: Printer,
) -> anyhow::Result<()> {
    let lock = take(home)?;
    let (event_sender, events) = mpsc::unbounded_channel::<Event>();
    let (call_sender, calls) = mpsc::unbounded_channel();
    let (peer_sender, peer_calls) = mpsc::channel(peers::WAITING_MAX);
    let mut offset_minutes = 0;
    let serving = Serving::begin(
        home,
        lock,
        start::open(home),
        |agent| {
            offset_minutes = agent.offset_minutes();
            agent.set_link(call_sender);
            agent.set_peers(peer_sender);
        },
        // Where nobody listens any more the program is ending.
        move |event| drop(event_sender.send(event)),
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let handle = serving.owner.handle().clone();
    let link = Link { home: home.clone(), events, calls, peers, peer_calls, offset_minutes };
    let died = runtime.block_on(serve(at, handle, link, &mut printer));
    runtime.shutdown_timeout(Duration::from_secs(1));
    serving.end();
    if died? {
        return Err(Failure::new("the thread that owns the database stopped")
            .next("see the log, and run doctor")
            .into());
    }
    Ok(())
}

/// What is kept of the page: its secret, and its port.
const PAGE_BYTES: usize = 32 + 2;

/// What comes from the owner's thread, for whoever keeps the link.
struct Link {
    home: Home,
    events: mpsc::UnboundedReceiver<Event>,
    calls: mpsc::UnboundedReceiver<SyncCall>,
    /// Where to listen for other laptops.
    peers: Option<SocketAddr>,
    peer_calls: mpsc::Receiver<PeerCall>,
    /// Minutes east of UTC in the district.
    offset_minutes: i16,
}

/// Opens the page where it stood when the program last ran, unless a port is asked for or that one is taken, and by the
/// same secret: a page that is open goes on, and what is typed on it is not lost.
async fn page(home: &Home, at: SocketAddr) -> anyhow::Result<(TcpListener, SignIn)> {
    let kept = home.secret::<PAGE_BYTES>(Item::Page).ok().flatten();
    let kept = kept.as_ref().and_then(|kept| kept.split_last_chunk::<2>());
    let sign_in = kept.and_then(|(secret, _)| secret.try_into().ok()).map_or_else(SignIn::new, SignIn::of);
    let former = match kept {
        Some((_, port)) if at.port() == 0 => {
            TcpListener::bind(SocketAddr::new(at.ip(), u16::from_be_bytes(*port))).await.ok()
        }
        Some(_) | None => None,
    };
    let listener = match former {
        Some(listener) => listener,
        None => TcpListener::bind(at).await.map_err(|error| {
            Failure::new(format!("cannot show the page on {at}: {error}"))
                .next("choose another address with --web IP:PORT; port 0 takes any that is free")
        })?,
    };
    let port = listener.local_addr()?.port().to_be_bytes();
    let keeping = [&sign_in.secret()[..], &port].concat();
    if let Err(error) = home.write(Item::Page, &keeping) {
        // The page works all the same; after a restart it is opened by its new address.
        tracing::warn!(%error, "the page's address is not kept");
    }
    Ok((listener, sign_in))
}

/// Shows the page and keeps the link until told to stop; whether the owner's thread died before.
async fn serve(
    at: SocketAddr,
    handle: Handle<Agent>,
    link: Link,
    printer: &mut Printer,
) -> anyhow::Result<bool> {
    let (listener, sign_in) = page(&link.home, at).await?;
    let url = sign_in.url(listener.local_addr()?);
    let newest = handle.run(|agent, _| agent.newest_exchange()).await?;
    let (reports, newest) = tokio::sync::watch::channel(newest.unwrap_or_default());
    let (clock, offset_minutes) = (Clock::start(), link.offset_minutes);
    let noting = handle.clone();
    let report = move |report: &Report| {
        note(report);
        let at = clock.now().wall.to_rfc3339(offset_minutes);
        let (handle, ended) = (noting.clone(), Exchange { report: report.clone(), at });
        // The page may have gone; the log has it.
        drop(reports.send(Some(ended.clone())));
        tokio::spawn(async move { today::note_exchange(&handle, ended).await });
    };
    let (moved, progress) = tokio::sync::watch::channel(Progress::default());
    let show = move |progress| {
        moved.send_replace(progress);
    };
    let mut keeper = Keeper::new(handle.clone(), link.home, link.events, link.calls, show, report);
    let keeping = tokio::spawn(async move { keeper.stay().await });
    let visited = match link.peers {
        Some(listen) => Some(peers::open(&handle, listen).await?),
        None => None,
    };
    let door = visited.as_ref().map(quinn::Endpoint::local_addr).transpose()?;
    let pages =
        tokio::spawn(web::serve(listener, handle.clone(), sign_in, web::Link { newest, progress, door }));
    let obliging = tokio::spawn(peers::oblige(handle.clone(), link.peer_calls));
    let receiving = visited.map(|endpoint| tokio::spawn(peers::receive(endpoint, handle.clone())));
    printer.value(&json!({"ready": true, "url": url, "peers": door}))?;
    printer.text(format_args!("Ready: {url}"))?;
    if let Some(door) = door {
        printer.text(format_args!("Other laptops of the fleet: van-agent peer sync {door}"))?;
    }
    printer.text("Ctrl-C stops.")?;
    let died = tokio::select! {
        stopped = asked_to_stop() => { stopped?; false }
        () = pulse(&handle) => true,
    };
    tracing::info!("stopping");
    pages.abort();
    obliging.abort();
    if let Some(receiving) = receiving {
        receiving.abort();
    }
    said(handle.close_links(CloseCode::Done, "the program stops").await);
    keeping.abort();
    Ok(died)
}

fn note(report: &Report) {
    tracing::info!(
        ok = report.ok,
        sent = report.sent,
        received = report.received,
        receipted = report.receipted,
        error = report.error.as_deref().unwrap_or(""),
        "reconciled"
    );
}

/// Takes the home; while another program serves there that is told at once, and only short commands are waited
/// for.
fn take(home: &Home) -> anyhow::Result<Lock> {
    match home.lock(Duration::ZERO) {
        Ok(lock) => Ok(lock),
        Err(_) if Client::connect(home).is_some() => {
            Err(Failure::new(format!("another program is already running in {}", home.folder().display()))
                .next("use that one, stop it first, or name another folder with --home")
                .into())
        }
        Err(_) => Ok(home.lock(LOCK_PATIENCE)?),
    }
}

/// Returns once the owner's thread answers no more.
async fn pulse(handle: &Handle<Agent>) {
    let mut beats = tokio::time::interval(PULSE);
    loop {
        beats.tick().await;
        if handle.run(|_, _| ()).await.is_err() {
            return;
        }
    }
}

/// Returns when a person or the system asks the program to stop.
async fn asked_to_stop() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => stopped,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
