//! `sync`: one exchange with the hub.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use shared::{
    desk::files,
    sync::{CloseCode, Event, Replica},
};
use tokio::sync::mpsc;

use super::progress::Meter;
use crate::{
    access::{Serving, call},
    agent::{Agent, NO_LINK, not_enrolled},
    budget::Budget,
    host::{
        control::{Client, Reached, reach},
        home::{Home, LOCK_PATIENCE, Lock},
        output::{Failure, Printer},
    },
    link::{Exchange, Keeper, Progress, Report, Target, said},
    request::Request,
    start::{self, StartError},
    today,
};

/// How often whoever holds the store without a link is asked again.
const LINK_POLL: Duration = Duration::from_millis(200);

pub(super) fn sync(
    home: &Home,
    patience: Duration,
    budget: Budget,
    mut printer: Printer,
) -> anyhow::Result<()> {
    let report = match reach_link(home, patience, budget)? {
        Way::Told(report) => report,
        Way::Alone(lock) => {
            home.give_way();
            let meter = Meter::begin(printer.json());
            let (report, serving) = exchange(
                home,
                lock,
                start::open(home),
                (patience, budget),
                meter,
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

/// Has the process that keeps a link stop its exchange, and begin none by itself.
pub(super) fn stop(home: &Home, mut printer: Printer) -> anyhow::Result<()> {
    let told = match reach(home, LOCK_PATIENCE)? {
        Reached::Alone(_) => None,
        Reached::Through(mut client) => match call(&mut client, &Request::SyncStop, &mut |_| true) {
            Err(failure) if failure.message == NO_LINK => None,
            told => Some(told?),
        },
    };
    let Some(told) = told else {
        let next = "an exchange of `van-agent sync` ends with Ctrl-C; what was sent is kept";
        return Err(Failure::new("`van-agent run` is not at work here: it has no exchange to stop")
            .next(next)
            .into());
    };
    printer.value(&told)?;
    printer
        .text("Stopped: what was sent is kept, and no exchange begins by itself until `van-agent sync`.")?;
    Ok(())
}

/// How the exchange is had.
enum Way {
    /// Somebody who keeps a link has done it.
    Told(Value),
    /// By this process.
    Alone(Lock),
}

/// Takes the home, or asks whoever keeps a link; waits a while for whoever holds the store without one.
fn reach_link(home: &Home, patience: Duration, budget: Budget) -> anyhow::Result<Way> {
    let asked = Instant::now();
    loop {
        let client = match reach(home, LOCK_PATIENCE)? {
            Reached::Alone(lock) => return Ok(Way::Alone(lock)),
            Reached::Through(client) => client,
        };
        match ask(client, patience, budget) {
            Err(failure) if failure.message == NO_LINK && asked.elapsed() < LOCK_PATIENCE => {
                thread::sleep(LINK_POLL);
            }
            answered => return Ok(Way::Told(answered?)),
        }
    }
}

/// Asks the process that keeps the store to reconcile now.
fn ask(mut client: Client, patience: Duration, budget: Budget) -> Result<Value, Failure> {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (patience, time) = (milliseconds(patience), budget.time.map(milliseconds));
    let mut told = call(&mut client, &Request::Sync { patience, budget: budget.bytes, time }, &mut |_| true)?;
    if told["stopped"].is_string() {
        told["rests"] = true.into();
    }
    Ok(told)
}

fn tell(report: &Value, printer: &mut Printer) -> anyhow::Result<()> {
    printer.value(report)?;
    let number = |name: &str| report[name].as_u64().unwrap_or(0);
    let stopped = report["stopped"].as_str();
    if report["ok"] == true || stopped.is_some() {
        let head = match stopped {
            None => "Handed over",
            Some("time") => "Stopped when the time was over",
            Some("asked") => "Stopped",
            Some(_) => "Stopped at the budget",
        };
        printer.text(format_args!(
            "{head}: {} sent, {} received, {} receipted, {} held by the hub; {} bytes up, {} down, {:.1} s.",
            report["sent"],
            report["received"],
            report["receipted"],
            report["quarantined"],
            report["bytes_up"],
            report["bytes_down"],
            report["seconds"].as_f64().unwrap_or(0.0),
        ))?;
        printer.text(left(report))?;
        if report["rests"] == true {
            printer.text(
                "`van-agent run` begins no exchange by itself until you give `van-agent sync` again.",
            )?;
        }
        if number("attachments_refused") > 0 {
            printer.text(format_args!(
                "{} attachments were not taken, or are not there: `case show` tells which, and `bundle list` of others.",
                report["attachments_refused"]
            ))?;
        }
        return Ok(());
    }
    let mut error = report["error"].as_str().unwrap_or("the exchange did not end").to_owned();
    if number("left") == 0 && number("attachments_left") > 0 {
        error +=
            &format!("; every record is handed over, {} attachments are left", report["attachments_left"]);
    }
    let next = report["next"].as_str().unwrap_or("give `van-agent sync` again");
    Err(Failure::new(error).next(next).into())
}

/// What is left, in words.
fn left(report: &Value) -> String {
    let number = |name: &str| report[name].as_u64().unwrap_or(0);
    let (changes, attachments) = (number("left"), number("attachments_left"));
    let records = report["record_bytes_left"].as_u64().map(files::in_bytes);
    let bytes = files::in_bytes(number("attachment_bytes_left"));
    match (changes, attachments, records) {
        (_, _, None) if report["ok"] != true => {
            format!("What is left could not be counted: {changes} changes at least.")
        }
        (1.., _, Some(records)) if report["ok"] != true => {
            format!("Not everything is handed over: {changes} changes are left ({records}).")
        }
        (_, 0, _) => "Nothing is left.".to_owned(),
        (_, attachments, _) => {
            format!("Every record is handed over; {attachments} attachments are left ({bytes}).")
        }
    }
}

/// Holds the store on a thread that serves other commands meanwhile, and speaks with the hub once. The
/// thread is given back running.
pub(super) fn exchange(
    home: &Home,
    lock: Lock,
    replica: Result<Replica, StartError>,
    (patience, budget): (Duration, Budget),
    mut meter: Meter,
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
    let bar = meter.bar();
    let report = runtime.block_on(async move {
        let target = handle.run(|agent, _| target(agent)).await??;
        let mut keeper = Keeper::new(
            handle.clone(),
            home,
            events,
            calls,
            move |progress: Progress| meter.show(progress),
            |_| {},
        );
        tokio::select! {
            report = keeper.once(target, patience, budget) => {
                let at = handle.run(|agent, now| now.wall.to_rfc3339(agent.offset_minutes())).await?;
                today::note_exchange(&handle, Exchange { report: report.clone(), at }).await;
                anyhow::Ok(report)
            }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_is_told_as_far_as_it_is_known() {
        let told = |changes, bytes: Option<u64>, attachments| {
            left(
                &json!({"ok": false, "left": changes, "record_bytes_left": bytes, "attachments_left": attachments}),
            )
        };
        assert_eq!(told(0, Some(0), 0), "Nothing is left.");
        assert!(told(0, Some(0), 2).starts_with("Every record is handed over; 2 attachments are left"));
        assert!(told(150, Some(40_000), 2).contains("150 changes are left (40"));
        let unknown = told(3, None, 0);
        assert!(unknown.contains("3 changes at least.") && !unknown.contains('('), "{unknown}");
    }
}
