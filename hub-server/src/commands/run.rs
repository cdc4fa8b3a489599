//! `hub-server run`: listens for laptops, serves commands and the page, and leaves in order.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use serde_json::json;
use shared::identity::Key;
use tokio::net::TcpListener;
use van_agent::host::{
    control::{Client, Control},
    home::{Home, Item, LOCK_PATIENCE, Lock},
    listener::{self, Door, Limits},
    machine::{self, Clock},
    output::{Failure, Printer},
    owner::{Handle, Owner},
    web::SignIn,
};

use super::ask::busy;
use crate::{
    cli::Run,
    hub::{Hub, log_event, pass_on},
    registries, web,
};

/// After how long laptops are asked to come back when the hub stops, in milliseconds; up to twice that.
const RETRY_MILLISECONDS: u64 = 5_000;
/// How often the owner's thread is asked whether it lives.
const PULSE: Duration = Duration::from_secs(5);

pub(super) fn run(home: &Home, options: &Run, printer: Printer) -> anyhow::Result<()> {
    if !options.web.ip().is_loopback() {
        return Err(Failure::usage(format!(
            "the page is not shown on {}: it is for this machine alone",
            options.web
        ))
        .next("use a loopback address such as --web 127.0.0.1:4480, and reach it from elsewhere through ssh")
        .into());
    }
    let lock = take(home)?;
    let mut hub = Hub::open(home)?;
    let clock = Clock::start();
    if !options.advertise.advertise.is_empty() {
        registries::advertise(hub.replica_mut(), clock.now(), &options.advertise.advertise)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(home, &lock, hub, clock, options, printer))
}

/// Takes the home; while another hub serves there that is told at once, and only short commands are waited
/// for.
fn take(home: &Home) -> anyhow::Result<Lock> {
    match home.lock(Duration::ZERO) {
        Ok(lock) => Ok(lock),
        Err(_) if Client::connect(home).is_some() => {
            Err(Failure::new(format!("another hub is already running in {}", home.folder().display()))
                .next("use that one, stop it first, or name another folder with --home")
                .into())
        }
        Err(_) => home.lock(LOCK_PATIENCE).map_err(busy),
    }
}

async fn serve(
    home: &Home,
    lock: &Lock,
    mut hub: Hub,
    clock: Clock,
    options: &Run,
    mut printer: Printer,
) -> anyhow::Result<()> {
    // From here on a signal ends the program in order.
    let mut asked_to_stop = Signals::new()?;
    let reset_key = home.secret_or_new(Item::ResetKey, &mut machine::entropy)?;
    let key = Key::from_seed(*hub.replica().station().key.seed());
    let door = Door::open(options.listen, &key, &reset_key)
        .map_err(|error| cannot_listen("--listen", options.listen, &error))?;
    let door = Arc::new(door);
    let bound = door.addr().context("read the address")?;
    hub.set_bound(bound);
    let page =
        TcpListener::bind(options.web).await.map_err(|error| cannot_listen("--web", options.web, &error))?;
    let page_at = page.local_addr().context("read the page's address")?;
    let owner = Owner::spawn(hub, clock, log_event)?;
    let handle = owner.handle().clone();
    let caller = handle.clone();
    let control = Control::serve(home, lock, move |call| pass_on(&caller, call).is_ok())?;
    let listening = tokio::spawn({
        let (door, handle) = (Arc::clone(&door), handle.clone());
        async move { listener::listen(&door, &handle, Limits::default()).await }
    });
    let sign_in = SignIn::new();
    let products = sign_in.url_of(page_at, web::PRODUCTS);
    let pages = tokio::spawn(web::serve(page, handle.clone(), sign_in));
    let (quic, at) = (bound.to_string(), page_at.to_string());
    printer.value(&json!({ "ready": true, "quic": quic, "web": at, "products": products }))?;
    printer.text(format_args!("Ready: laptops at {bound}, page at http://{page_at}/. Ctrl-C stops."))?;
    printer.text(format_args!("Products are marked ready at {products}"))?;
    tracing::info!(quic = %bound, web = %page_at, "ready");
    let died = tokio::select! {
        () = asked_to_stop.next() => false,
        () = pulse(&handle) => true,
    };
    tracing::info!("stopping");
    pages.abort();
    tokio::select! {
        () = drain(&door, &handle) => {}
        () = asked_to_stop.next() => tracing::info!("stopping without waiting for laptops"),
    }
    listening.abort();
    // Closing the channel waits for its thread; a caller that is being served gets its answer first.
    tokio::task::spawn_blocking(move || drop(control)).await?;
    let hub = tokio::task::spawn_blocking(move || owner.stop()).await?;
    hub.replica().store().checkpoint()?;
    if died {
        return Err(Failure::new("the thread that owns the database stopped")
            .next("see the log, and run doctor")
            .into());
    }
    tracing::info!("stopped");
    Ok(())
}

/// Asks the laptops to come back later and waits until they have gone.
async fn drain(door: &Door, handle: &Handle<Hub>) {
    let mut jitter = [0; 2];
    machine::entropy(&mut jitter);
    let retry = RETRY_MILLISECONDS + u64::from(u16::from_be_bytes(jitter)) % RETRY_MILLISECONDS;
    let drained = handle.run(move |hub, _| hub.replica_mut().drain(retry)).await;
    if drained.is_ok() {
        listener::drain(door, handle).await;
    }
}

/// Returns once the owner's thread answers no more.
async fn pulse(handle: &Handle<Hub>) {
    let mut beats = tokio::time::interval(PULSE);
    loop {
        beats.tick().await;
        if handle.run(|_, _| ()).await.is_err() {
            return;
        }
    }
}

fn cannot_listen(flag: &str, address: SocketAddr, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot listen on {address}: {error}"))
        .next(format!("choose another address with {flag} IP:PORT; port 0 takes any that is free"))
}

/// What asks a program to stop: Ctrl-C and SIGTERM.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    /// Returns when asked once more.
    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    }
}
