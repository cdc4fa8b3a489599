//! One exchange over its connections: lets the core speak, watches for silence, and goes over to a new connection
//! where one came about beside a silent one.

use std::{future::Future, time::Duration};

use shared::{
    identity::ticket::Address,
    sync::{CloseCode, Event, PeerId, Role},
};
use tokio::time::Instant;

use super::{
    Keeper, PATIENCE, Purpose, Stay, beside,
    report::{Progress, Report, measure},
    said,
    words::Cut,
};
use crate::{
    agent::Agent,
    budget::{self, Budget, Stopped},
    host::{
        dial::{Caller, Dialled},
        driver::{self, Ended},
        owner::Handle,
        quic,
        wire::Wire,
    },
};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(5);
/// How long a goodbye may take where somebody waits for a fresh exchange.
const GOODBYE_SHORT: Duration = Duration::from_millis(300);

/// What a link was dialled with, and how far the exchange had come before.
pub(super) struct Line<'a> {
    pub(super) caller: Caller,
    pub(super) addresses: &'a [Address],
    pub(super) purpose: Purpose,
    pub(super) started: Instant,
    pub(super) stay: Stay,
    pub(super) before: Before,
}

/// What came of the connections before this one, of which the core counts anew.
#[derive(Clone, Copy, Default)]
pub(super) struct Before {
    receipted: u64,
    received: u64,
    quarantined: u64,
    attachment_bytes: u64,
}

impl Before {
    fn of(report: &Report) -> Self {
        let Report { receipted, received, quarantined, attachment_bytes, .. } = *report;
        Self { receipted, received, quarantined, attachment_bytes }
    }

    /// Puts together what one connection counts with what was before; what was sent and not receipted is sent again.
    fn add(&self, report: &mut Report, sent: u64, received: u64, receipted: u64) {
        report.sent = self.receipted + sent;
        report.received = self.received + received;
        report.receipted = self.receipted + receipted;
    }
}

/// How speaking over one connection ended.
enum Turn {
    /// The exchange ended with it.
    Ended(Cut),
    /// Another connection takes over, on an endpoint of its own.
    Moved(Box<(Caller, Dialled)>),
}

/// How far an exchange is after an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// As before.
    Same,
    /// Everything but files is handed over.
    Facts,
    /// Everything is handed over.
    Whole(PeerId),
}

impl Keeper {
    /// Speaks until the exchange is over, over one connection after the other.
    pub(super) async fn speak(&mut self, mut wire: Wire, report: &mut Report, line: &mut Line<'_>) -> Cut {
        loop {
            report.over = Some(wire.over());
            match self.speak_over(wire, report, line).await {
                Turn::Ended(cut) => return cut,
                Turn::Moved(moved) => {
                    let (caller, dialled) = *moved;
                    // What was said over the connection before, to its end.
                    while let Ok(event) = self.events.try_recv() {
                        self.event(event, report, &line.before);
                    }
                    line.before = Before::of(report);
                    line.caller = caller;
                    wire = dialled.wire;
                }
            }
        }
    }

    /// Speaks until the connection ends, or another takes over.
    async fn speak_over(&mut self, wire: Wire, report: &mut Report, line: &Line<'_>) -> Turn {
        let Line { caller, addresses, purpose, started, stay, .. } = line;
        let (started, stay) = (*started, *stay);
        let (owner, pulse) = (self.owner.clone(), wire.pulse());
        let drive = driver::drive(wire, Role::Child, &owner);
        tokio::pin!(drive);
        let mut patience = self.patience.unwrap_or(PATIENCE);
        let silence = driver::silence(&pulse, patience);
        tokio::pin!(silence);
        let spent = budget::spent(&caller.meter, &pulse, self.budget, &owner, started);
        tokio::pin!(spent);
        let another = beside::another(&pulse, caller, addresses);
        tokio::pin!(another);
        loop {
            let is_awaited = !report.ok || report.sent > report.receipted;
            tokio::select! {
                ended = &mut drive => return Turn::Ended(Cut::Ended(ended)),
                found = &mut another, if is_awaited && *purpose == Purpose::Sync => {
                    tracing::info!("the link goes on over a new connection");
                    hang_up(&owner, CloseCode::Replaced, "another connection took over", drive).await;
                    return Turn::Moved(Box::new(found));
                }
                // A quiet link of `run` is watched by QUIC itself once everything is handed over.
                () = &mut silence, if !report.ok || stay == Stay::Leave => {
                    hang_up(&owner, CloseCode::Done, "no packet came", drive).await;
                    return Turn::Ended(Cut::Silent(patience));
                }
                event = self.events.recv() => {
                    let Some(event) = event else { continue };
                    match self.heard(event, report, line) {
                        Stage::Whole(peer) if stay == Stay::Leave => {
                            // The hub closes; who has not heard of it by then finds out by itself.
                            said(self.owner.run(move |agent, _| agent.replica_mut().bye(peer)).await);
                            return Turn::Ended(finish(drive).await);
                        }
                        Stage::Facts if stay == Stay::Stay => (self.on_report)(report),
                        Stage::Whole(_) => self.has_ended(report).await,
                        Stage::Same | Stage::Facts => {}
                    }
                }
                stopped = &mut spent, if !self.budget.is_unlimited() => {
                    // What is not on its way yet stays here; what has arrived is kept there.
                    hang_up(&owner, CloseCode::Limit, "the budget is spent", drive).await;
                    return Turn::Ended(Cut::Spent(stopped));
                }
                () = self.interfaces.up() => {
                    tracing::info!("a network came up: the link moves there");
                    if let Err(error) = quic::rebind(&caller.endpoint) {
                        tracing::debug!(%error, "take another port");
                    }
                    pulse.probe();
                }
                call = self.calls.recv() => {
                    let Some(call) = call else { continue };
                    self.take(call);
                    if self.rests {
                        hang_up(&owner, CloseCode::Done, "stopped", drive).await;
                        return Turn::Ended(Cut::Spent(Stopped::Asked));
                    }
                    if !self.budget.is_unlimited() || (report.ok && report.attachments_left == 0) {
                        said(self.owner.close_links(CloseCode::Done, "a fresh exchange").await);
                        finish_within(GOODBYE_SHORT, drive).await;
                        return Turn::Ended(Cut::Asked);
                    }
                    patience = self.patience.unwrap_or(patience);
                    silence.set(driver::silence(&pulse, patience));
                }
            }
        }
    }

    /// Everything is handed over: the budget was for that, and the link stays.
    async fn has_ended(&mut self, report: &Report) {
        self.tell(report);
        self.budget = Budget::default();
        self.allow().await;
    }

    /// Notes an event, and when.
    fn heard(&mut self, event: Event, report: &mut Report, line: &Line<'_>) -> Stage {
        let receipted = report.receipted;
        let stage = self.event(event, report, &line.before);
        measure(&line.caller.meter, report, line.started);
        if report.receipted > receipted {
            report.receipted_seconds = Some(report.seconds);
        }
        stage
    }

    fn event(&mut self, event: Event, report: &mut Report, before: &Before) -> Stage {
        match event {
            Event::Progress { sent, received, receipted, left, .. } => {
                before.add(report, sent, received, receipted);
                report.left = left;
                (self.on_progress)(Progress::of(report));
            }
            Event::Settled { peer, sent, received, receipted, quarantined, files, file_bytes } => {
                report.ok = true;
                before.add(report, sent, received, receipted);
                (report.quarantined, report.left) = (before.quarantined + quarantined, 0);
                (report.attachments_left, report.attachment_bytes_left) = (files, file_bytes);
                return if files == 0 { Stage::Whole(peer) } else { Stage::Facts };
            }
            Event::Carried { peer, left, left_bytes, moved_bytes, refused } => {
                let left_before = std::mem::replace(&mut report.attachments_left, left);
                report.attachment_bytes_left = left_bytes;
                report.attachment_bytes = before.attachment_bytes + moved_bytes;
                report.attachments_refused = refused;
                (self.on_progress)(Progress::of(report));
                if left == 0 && left_before > 0 && report.ok {
                    return Stage::Whole(peer);
                }
            }
            Event::GoAway { retry_after, .. } => self.retry_after = Some(Duration::from_millis(retry_after)),
            Event::Enrolled { .. } => self.enrolled = true,
            Event::Rewound { forked, .. } => {
                tracing::warn!(forked, "the hub knows more of this laptop's log: another life begins");
            }
            Event::Quarantined { rule, .. } => tracing::warn!(rule, "something of this laptop was refused"),
            Event::Linked { .. } | Event::HubRewound { .. } | Event::AnotherLife { .. } => {}
        }
        Stage::Same
    }
}

/// Closes the link from here.
async fn hang_up(
    owner: &Handle<Agent>,
    code: CloseCode,
    reason: &'static str,
    drive: impl Future<Output = Ended>,
) {
    said(owner.close_links(code, reason).await);
    finish(drive).await;
}

async fn finish(drive: impl Future<Output = Ended>) -> Cut {
    finish_within(GOODBYE, drive).await
}

async fn finish_within(goodbye: Duration, drive: impl Future<Output = Ended>) -> Cut {
    match tokio::time::timeout(goodbye, drive).await {
        Ok(ended) => Cut::Ended(ended),
        Err(_) => Cut::Silent(goodbye),
    }
}
