//! The holder of the laptop's store: drives the replica and answers what commands and pages ask, on one thread.

use std::time::Duration;

use serde_json::{Value, json};
use shared::{
    desk::{
        because::{Because, Explained},
        people,
        resolve::{self, ResolveError},
        rows, show,
    },
    id::{DocumentId, UnitId},
    store::{
        attachment::{self, Known, Look},
        changes, devices, log, quarantine, read_model,
    },
    sync::{
        Input, Output, Replica,
        custody::{self, Custody},
        writing::Writing,
    },
    time::{Now, Tick, Zone},
};
use tokio::sync::mpsc;

use crate::{
    attachment::Given,
    budget::{BYTES_MIN, Budget},
    host::{
        cases,
        control::{Call, Reply},
        home::Home,
        output::Failure,
        owner::Owned,
    },
    record,
    request::Request,
    slips,
    start::{Head, Witness},
    visit::OpenVisit,
};

/// What somebody hears who asks a process without a link to reconcile.
pub const NO_LINK: &str = "a recording is under way";
/// Cases that custody names when it is not safe to wipe, at most.
const LOST_MAX: usize = 100;

/// A wish to reconcile now, for whoever keeps the link.
#[derive(Debug)]
pub struct SyncCall {
    /// What is wished.
    pub wish: Wish,
    /// Who wants to hear of it.
    pub reply: Reply,
}

/// What is wished of whoever keeps the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// To reconcile now.
    Now {
        /// So long without a packet it goes on.
        patience: Duration,
        /// What it may cost.
        budget: Budget,
    },
    /// To stop, and to begin nothing until asked.
    Stop,
}

/// The holder of the store.
#[derive(Debug)]
pub struct Agent {
    replica: Replica,
    pub(crate) home: Home,
    head: Option<Head>,
    witness: Witness,
    /// Where wishes to reconcile go, while this process keeps a link.
    link: Option<mpsc::UnboundedSender<SyncCall>>,
    /// Where wishes to exchange with another laptop go, while this process runs on.
    peers: Option<mpsc::Sender<PeerCall>>,
}

/// A wish to exchange with another laptop now.
#[derive(Debug)]
pub struct PeerCall {
    /// Where it listens, `HOST:PORT`.
    pub address: String,
    /// Who wants to hear of it.
    pub reply: Reply,
}

impl Agent {
    /// Holds the store of `home`, whose lock the caller holds.
    pub fn new(replica: Replica, home: Home) -> Self {
        Self { replica, home, head: None, witness: Witness::of_system(), link: None, peers: None }
    }

    /// The replica.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// The replica, to be driven.
    pub fn replica_mut(&mut self) -> &mut Replica {
        &mut self.replica
    }

    /// Sets where wishes to reconcile go.
    pub fn set_link(&mut self, link: mpsc::UnboundedSender<SyncCall>) {
        self.link = Some(link);
    }

    /// Sets where wishes to exchange with another laptop go.
    pub fn set_peers(&mut self, peers: mpsc::Sender<PeerCall>) {
        self.peers = Some(peers);
    }

    /// The unit that this laptop works in; empty before it is enrolled.
    pub(crate) fn unit(&self) -> String {
        self.own_unit().map_or_else(String::new, ToString::to_string)
    }

    /// The unit that this laptop works in, once it is enrolled.
    pub(crate) fn own_unit(&self) -> Option<&UnitId> {
        self.replica.station().place.as_ref()?.unit.as_ref()
    }

    /// Minutes east of UTC in this laptop's district.
    pub fn offset_minutes(&self) -> i16 {
        self.zone().offset_minutes()
    }

    /// The zone of the laptop's district.
    pub(crate) fn zone(&self) -> Zone {
        let place = self.replica.station().place.as_ref();
        place.map_or(Zone::Wib, |place| Zone::of(&place.district))
    }

    /// Does what is asked. Lists are given to `each` one by one, which says whether to go on.
    ///
    /// # Errors
    /// It did not work; nothing of it is kept.
    pub fn execute(
        &mut self,
        now: Now,
        request: Request,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        let answer = match request {
            Request::Record { lines } => {
                record::save::save(&mut self.replica, now, &lines).map(|reports| json!(reports))
            }
            Request::Amend { case, amendment } => self.amend(now, &case, &amendment),
            Request::CaseList { limit } => self.list(limit, each),
            Request::CaseShow { case } => self.show(&case),
            Request::CaseExport { case, automerge } => {
                let document = self.case(&case)?;
                cases::exported(self.read()?, document, automerge).map_err(said)
            }
            Request::CaseAttach { case, file, kind, name, thumbnail } => {
                let given = Given { file, kind, name, thumbnail };
                self.attach_file(now, &case, &given)
            }
            Request::CaseDetach { case, attachment, reason } => self.detach(now, &case, &attachment, &reason),
            Request::CaseAttachment { case, attachment, out, thumbnail } => {
                self.write_attachment(&case, &attachment, &out, thumbnail)
            }
            Request::Find { text, limit } => self.find(&text, limit, each),
            Request::Sync { .. } | Request::SyncStop => Err(no_link("sync")),
            Request::Custody => self.custody(),
            Request::Today => self.today(now),
            Request::Time => Ok(json!({"now": now.wall.to_rfc3339(self.offset_minutes())})),
            Request::NeedsYou { limit } => self.needs_you(limit, each),
            Request::Handled { what, reason } => self.handled(now, &what, &reason),
            Request::Doctor { rebuild } => self.doctor(now, rebuild),
            Request::VisitOpen { label, date, village, point, lead, agencies } => {
                let visit = OpenVisit { label, date, village, point, lead, agencies };
                self.open_visit(now, &visit)
            }
            Request::VisitClose { visit } => self.close_visit(now, &visit),
            Request::VisitList => self.visits(each),
            Request::VisitExpected => self.list_expected(each),
            Request::SettingList => self.settings(each),
            Request::SettingSet { setting, value } => self.set_setting(setting, value),
            Request::ServiceList { text } => Ok(self.services(&text, each)),
            Request::Officer { name } => self.work_as(name.as_deref()),
            Request::Queue { act } => self.queue(now, &act, each),
            Request::Question { act } => self.question(now, &act, each),
            Request::HandOver { act } => self.hand_over(now, act, each),
            Request::Slip { act } => self.slip(now, &act, each),
            Request::SurveyAdd { visit, sheets, batch } => {
                self.add_sheets(now, visit.as_deref(), &sheets, batch.as_deref())
            }
            Request::SurveyShow { visit } => self.survey(visit.as_deref(), each),
            Request::Blank { act } => self.blank(now, act, each),
            Request::Sheet { act } => self.sheets(now, &act, each),
            Request::Carry { act } => self.carry(&act, each),
            Request::PeerSync { .. } => Err(no_link("peer sync")),
            Request::DayShow => self.day(now),
            Request::DayDecide { open, decision } => self.decide(now, &open, decision),
            Request::DayClose { leader } => self.close_day(now, &leader),
            Request::PersonList { text, limit } => self.people(&text, limit, each),
            Request::PersonJudge { one, other, same, reason } => {
                self.judge(now, &one, &other, same, reason.as_deref())
            }
        };
        self.note_head();
        answer
    }

    /// Keeps the head file in step with the log.
    pub(crate) fn note_head(&mut self) {
        let noted = match Head::of(&self.replica) {
            Ok(head) if self.head != Some(head) => {
                self.witness.note(&self.replica, head);
                head.write(&self.home).map(|()| Some(head))
            }
            Ok(head) => Ok(Some(head)),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "read the head of the log");
                Ok(None)
            }
        };
        match noted {
            Ok(head) => self.head = head,
            // It stays behind, which is never taken for a restored disk.
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "note the head of the log")
            }
        }
    }

    pub(crate) fn case(&mut self, text: &str) -> Result<DocumentId, Failure> {
        resolve::case(self.read()?, text).map_err(|error| match error {
            ResolveError::Unknown { .. } | ResolveError::Form { .. } | ResolveError::Kind { .. } => {
                explained(error).missing()
            }
            ResolveError::Store(_) | ResolveError::Doubled { .. } => explained(error),
        })
    }

    pub(crate) fn read(&mut self) -> Result<shared::store::Tx<'_>, Failure> {
        self.replica.read().map_err(said)
    }

    fn list(&mut self, limit: Option<u64>, each: &mut dyn FnMut(Value) -> bool) -> Result<Value, Failure> {
        let mut count = 0_u64;
        let mut go_on = true;
        rows::all(self.read()?, limit, |row| {
            if go_on {
                count += 1;
                go_on = each(json!(row));
            }
        })
        .map_err(said)?;
        Ok(json!({"cases": count}))
    }

    fn find(
        &mut self,
        text: &str,
        limit: usize,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        cases::tell_found(self.read()?, text, limit, each).map_err(said)
    }

    /// Everything of a case.
    pub(crate) fn show(&mut self, case: &str) -> Result<Value, Failure> {
        let document = self.case(case)?;
        let (device, offset_minutes) = (self.replica.station().device(), self.offset_minutes());
        self.read()?;
        let (tx, registries) = (self.replica.store().reader(), self.replica.registries());
        let shown = show::case(tx, registries, device, document, offset_minutes).map_err(said)?;
        let shown = shown.ok_or_else(|| no_case(case))?;
        let service = self.replica.registries().service(&shown.row.service);
        let mut shown = json!(shown);
        shown["missing"] = json!(slips::missing(&shown, service));
        Ok(shown)
    }

    /// Where every case is, and which cases a wipe would lose.
    fn custody(&mut self) -> Result<Value, Failure> {
        let mut custody = self.custody_counts()?;
        let device = self.replica.station().device();
        let tx = self.read()?;
        let mut lost = Vec::new();
        if custody["safe_to_wipe"] != true {
            for (case, why) in custody::open_cases(tx, device, LOST_MAX).map_err(said)? {
                let row = read_model::case_of(tx, case).map_err(said)?;
                lost.extend(row.map(|row| {
                    json!({"case": row.document, "slip": row.slip, "name": row.name, "death": row.death,
                           "status": row.status, "why": why})
                }));
            }
        }
        custody["lost"] = json!(lost);
        Ok(custody)
    }

    /// How many cases are where, and what a wipe would lose, in numbers alone.
    pub(crate) fn custody_counts(&mut self) -> Result<Value, Failure> {
        let (device, offset_minutes) = (self.replica.station().device(), self.offset_minutes());
        let own = self.replica.station().log();
        let tx = self.read()?;
        let counted: Custody = custody::count(tx, device).map_err(said)?;
        let oldest_unsent =
            counted.oldest_unsent.map(|seconds| custody::moment(seconds).to_rfc3339(offset_minutes));
        let needs_you =
            quarantine::open_count(tx).map_err(said)? + read_model::undecided_count(tx).map_err(said)?;
        let held = quarantine::count(tx).map_err(said)?;
        let receipt = devices::receipt(tx, own.epoch).map_err(said)?;
        let of = log::find(tx, &own).map_err(said)?.map_or(0, |log| log.head.index);
        let receipt = receipt.map(|receipt| {
            json!({
                "entries": receipt.cursor.index,
                "of": of,
                "backed_up": receipt.backed_up_through,
                "at": receipt.at.to_rfc3339(offset_minutes),
            })
        });
        Ok(json!({
            "on_laptop": counted.on_laptop,
            "carried": counted.carried,
            "at_hub": counted.at_hub,
            "accepted": counted.accepted,
            "oldest_unsent": oldest_unsent,
            "safe_to_wipe": counted.safe_to_wipe,
            "unsent": counted.unsent,
            "under_way": counted.under_way,
            "record_bytes": counted.record_bytes,
            "for_others": counted.for_others,
            "for_others_refused": counted.for_others_refused,
            "drafts": counted.drafts,
            "forms": counted.forms,
            "attachments": counted.attachments,
            "attachment_bytes": counted.attachment_bytes,
            "attachments_refused": counted.attachments_refused,
            "needs_you": needs_you,
            "held": held,
            "receipt": receipt,
        }))
    }

    fn doctor(&mut self, now: Now, rebuild: bool) -> Result<Value, Failure> {
        let integrity = self.replica.store().integrity().unwrap_or_else(|error| vec![said(error).message]);
        if !integrity.is_empty() {
            // What else is asked of a damaged file may fail, or be wrong.
            let enrolled = self.replica.station().place.is_some();
            return Ok(json!({"ok": false, "enrolled": enrolled, "integrity": integrity}));
        }
        let checked = self.replica.check_files(Look::Bytes).map_err(said)?;
        let rebuilt = rebuild.then(|| self.replica.rebuild(now)).transpose().map_err(said)?;
        let station = self.replica.station();
        let enrolled = station.place.is_some();
        let registries = self.replica.registries().clone();
        let tx = self.read()?;
        let faults = shared::sync::examine::logs(tx, &mut 0).map_err(said)?;
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let carried = shared::sync::examine::carried(tx, &registries).map_err(said)?;
        let carried: Vec<String> = carried.iter().map(ToString::to_string).collect();
        let doubled = read_model::doubled_slips(tx).map_err(said)?;
        let waiting = changes::waiting_documents(tx).map_err(said)?.len();
        let open = attachment::open(tx).map_err(said)?;
        // Whoever attached what is only carried keeps it until the hub's receipt.
        let is_lost = |known: &&Known| !known.whole && (known.own || !known.carried);
        let attachments_lost = open.iter().filter(is_lost).count();
        let carried_files = shared::sync::examine::carried_files(tx).map_err(said)?;
        // A doubled number is a notice: each case has an id of its own; so is a carried file that is damaged.
        let ok = integrity.is_empty() && faults.is_empty() && carried.is_empty() && attachments_lost == 0;
        Ok(json!({
            "ok": ok,
            "enrolled": enrolled,
            "integrity": integrity,
            "logs": faults,
            "carried": carried,
            "carried_files": carried_files,
            "doubled_slips": doubled,
            "cases": read_model::case_count(tx).map_err(said)?,
            "quarantined": quarantine::count(tx).map_err(said)?,
            "waiting": waiting,
            "attachments": checked,
            "attachments_lost": attachments_lost,
            "rebuilt": rebuilt,
        }))
    }

    fn people(
        &mut self,
        text: &str,
        limit: usize,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        let tx = self.read()?;
        let found = read_model::people(tx, text, limit).map_err(said)?;
        let count = found.len();
        for person in found {
            let candidates = people::candidates(tx, person.document).map_err(said)?;
            let mut value = json!(person);
            value["candidates"] = json!(candidates);
            each(value);
        }
        let listed = self.listed(text, limit.saturating_sub(count))?;
        let announced = listed.len();
        for row in listed {
            each(json!(row));
        }
        Ok(json!({"persons": count, "listed": announced}))
    }

    fn judge(
        &mut self,
        now: Now,
        one: &str,
        other: &str,
        same: bool,
        reason: Option<&str>,
    ) -> Result<Value, Failure> {
        let tx = self.read()?;
        let (first, second) =
            (resolve::person(tx, one).map_err(said)?, resolve::person(tx, other).map_err(said)?);
        let work = |writing: &mut Writing<'_>| match same {
            true => people::same(writing, first, second, reason.unwrap_or("the same person")),
            false => people::different(writing, first, second, reason.unwrap_or("another person")),
        };
        self.replica.write(now, work).map_err(explained)?;
        Ok(json!({"one": first, "other": second, "same": same}))
    }
}

/// What was named is no case of this laptop.
pub(crate) fn no_case(case: &str) -> Failure {
    Failure::new(format!("there is no case {case} here")).because(Because::of("no-case"))
}

/// An error in words for a person; to a page it says of a failed store what that is, and of all else that it failed.
pub(crate) fn said(error: impl std::error::Error + 'static) -> Failure {
    let found: &(dyn std::error::Error + 'static) = &error;
    let because = found
        .downcast_ref::<shared::store::StoreError>()
        .map_or_else(|| Because::of("other"), Explained::because);
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(found) = cause {
        let more = found.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = found.source();
    }
    Failure::new(words).because(because)
}

/// An error in words for a person, and by a code for a page.
pub(crate) fn explained(error: impl std::error::Error + Explained + 'static) -> Failure {
    let because = error.because();
    said(error).because(because)
}

/// That nobody who keeps the store now can do what `van-agent COMMAND` does.
fn no_link(command: &str) -> Failure {
    let next = format!("give `van-agent {command}` again when it is done");
    Failure::new(NO_LINK).why("busy").next(next)
}

/// That the laptop belongs nowhere yet.
pub fn not_enrolled() -> Failure {
    Failure::new("this laptop is not enrolled yet")
        .why("not-enrolled")
        .next("ask the hub operator for a ticket and give `van-agent enroll TICKET`")
}

/// What a request wishes of whoever keeps the link.
fn wish(request: &Request) -> Wish {
    let Request::Sync { patience, budget, time } = request else { return Wish::Stop };
    let bytes = budget.map(|bytes| bytes.max(BYTES_MIN));
    let budget = Budget { bytes, time: time.map(Duration::from_millis) };
    Wish::Now { patience: Duration::from_millis(*patience), budget }
}

impl Owned for Agent {
    fn handle(&mut self, now: Now, input: Input) {
        let epoch = self.replica.station().epoch;
        self.replica.handle(now, input);
        if self.replica.station().epoch != epoch {
            self.note_head();
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.replica.poll_output()
    }

    fn poll_timeout(&self) -> Option<Tick> {
        self.replica.poll_timeout()
    }

    fn call(&mut self, now: Now, call: Call) {
        let Call { request, mut reply } = call;
        let request = match serde_json::from_value(request) {
            Ok(wished @ (Request::Sync { .. } | Request::SyncStop)) if self.link.is_some() => {
                let call = SyncCall { wish: wish(&wished), reply };
                // Where the keeper of the link has gone, the dropped reply says so.
                drop(self.link.as_ref().map(|link| link.send(call)));
                return;
            }
            Ok(Request::PeerSync { address }) if self.peers.is_some() => {
                let sent = self.peers.as_ref().map(|peers| peers.try_send(PeerCall { address, reply }));
                if let Some(Err(mpsc::error::TrySendError::Full(call))) = sent {
                    call.reply.fail(
                        Failure::new("other exchanges with laptops are waiting already")
                            .why("busy")
                            .next("give `van-agent peer sync` again when they are done"),
                    );
                }
                return;
            }
            Ok(request) => request,
            Err(error) => {
                return reply.fail(
                    Failure::new(format!(
                        "the program that serves this folder does not know the request: {error}"
                    ))
                    .why("other-version")
                    .next("stop it and start it again: it is of another version"),
                );
            }
        };
        match self.execute(now, request, &mut |value| reply.event(value)) {
            Ok(answer) => reply.done(answer),
            Err(failure) => reply.fail(failure),
        }
    }
}
