//! `sync`: one exchange with the hub.

use std::{
    io::{self, IsTerminal},
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use shared::sync::{CloseCode, Event, Replica};
use tokio::sync::mpsc;

use crate::{
    access::{Serving, call},
    agent::{Agent, NO_LINK, not_enrolled},
    host::{
        control::{Client, Reached, reach},
        home::{Home, LOCK_PATIENCE, Lock},
        output::{Failure, Printer},
    },
    link::{Keeper, Progress, Report, Target, said},
    request::Request,
    start::{self, StartError},
};

/// How often whoever holds the store without a link is asked again.
const LINK_POLL: Duration = Duration::from_millis(200);

pub(super) fn sync(home: &Home, patience: Duration, mut printer: Printer) -> anyhow::Result<()> {
    let report = match reach_link(home, patience)? {
        Way::Told(report) => report,
        Way::Alone(lock) => {
            home.give_way();
            let (report, serving) = exchange(
                home,
                lock,
                start::open(home),
                patience,
                |_| Ok(()),
                |agent| Target::of(agent).ok_or_else(not_enrolled),
            )?;
            serving.end();
            home.keep_room();
            serde_json::to_value(report)?
        }
    };
    tell(&report, &mut printer)
}

/// How the exchange is had.
enum Way {
    /// Somebody who keeps a link has done it.
    Told(Value),
    /// By this process.
    Alone(Lock),
}

/// Takes the home, or asks whoever keeps a link; waits a while for whoever holds the store without one.
fn reach_link(home: &Home, patience: Duration) -> anyhow::Result<Way> {
    let asked = Instant::now();
    loop {
        let client = match reach(home, LOCK_PATIENCE)? {
            Reached::Alone(lock) => return Ok(Way::Alone(lock)),
            Reached::Through(client) => client,
        };
        match ask(client, patience) {
            Err(failure) if failure.message == NO_LINK && asked.elapsed() < LOCK_PATIENCE => {
                thread::sleep(LINK_POLL);
            }
            answered => return Ok(Way::Told(answered?)),
        }
    }
}

/// Asks the process that keeps the store to reconcile now.
fn ask(mut client: Client, patience: Duration) -> Result<Value, Failure> {
    let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    call(&mut client, &Request::Sync { patience }, &mut |_| true)
}

fn tell(report: &Value, printer: &mut Printer) -> anyhow::Result<()> {
    printer.value(report)?;
    if report["ok"] == true {
        printer.text(format_args!(
            "Handed over: {} sent, {} received, {} receipted, {} held by the hub; {} bytes up, {} down, {:.1} s.",
            report["sent"],
            report["received"],
            report["receipted"],
            report["quarantined"],
            report["bytes_up"],
            report["bytes_down"],
            report["seconds"].as_f64().unwrap_or(0.0),
        ))?;
        return Ok(());
    }
    let failure = Failure::new(report["error"].as_str().unwrap_or("the exchange did not end").to_owned());
    let next = report["next"].as_str().unwrap_or("give `van-agent sync` again");
    Err(failure.next(next).into())
}

/// Holds the store on a thread that serves other commands meanwhile, and speaks with the hub once. The
/// thread is given back running.
pub(super) fn exchange(
    home: &Home,
    lock: Lock,
    replica: Result<Replica, StartError>,
    patience: Duration,
    prepare: impl FnOnce(&mut Agent) -> Result<(), Failure>,
    target: impl FnOnce(&Agent) -> Result<Target, Failure> + Send + 'static,
) -> anyhow::Result<(Report, Serving)> {
    let (event_sender, events) = mpsc::unbounded_channel::<Event>();
    let (call_sender, calls) = mpsc::unbounded_channel();
    let mut prepared = Ok(());
    let serving = Serving::begin(
        home,
        lock,
        replica,
        |agent| {
            agent.set_link(call_sender);
            prepared = prepare(agent);
        },
        // Where nobody listens any more the exchange is over.
        move |event| drop(event_sender.send(event)),
    )?;
    prepared?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (handle, home) = (serving.owner.handle().clone(), home.clone());
    let bar = progress_bar();
    let shown = bar.clone();
    let report = runtime.block_on(async move {
        let target = handle.run(|agent, _| target(agent)).await??;
        let mut keeper = Keeper::new(
            handle.clone(),
            home,
            events,
            calls,
            move |progress: Progress| {
                let (sent, left) = (progress.sent, progress.left);
                shown.set_length(sent + left);
                shown.set_position(sent);
                shown.set_message(format!("{} received", progress.received));
            },
            |_| {},
        );
        tokio::select! {
            report = keeper.once(target, patience) => anyhow::Ok(report),
            stopped = tokio::signal::ctrl_c() => {
                stopped?;
                said(handle.close_links(CloseCode::Done, "stopped").await);
                let error = Some("stopped by Ctrl-C; everything that was sent is kept".to_owned());
                let next = Some("give `van-agent sync` again".to_owned());
                Ok(Report { error, next, ..Report::default() })
            }
        }
    })?;
    bar.finish_and_clear();
    Ok((report, serving))
}

fn progress_bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} sent, {msg}");
    let bar = ProgressBar::new(0);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
