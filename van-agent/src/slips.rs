//! Slips: what one says, whether it came out on paper, and what one that somebody brings is worth; asked of the
//! holder of the store.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    desk::{amend, because::Because, rows, show, slips as desk},
    document::State,
    id::DocumentId,
    registry::row::Service,
    store::{
        StoreError, read_model,
        slips::{self, Printing},
    },
    sync::writing::{SaveError, Writing},
    time::Now,
};

use crate::{
    agent::{Agent, explained, said},
    host::{self, output::Failure},
    needs,
};

/// Slips of a sitting, or on one page, at most.
pub(crate) const SITTING_MAX: usize = 24;

/// What is done with slips.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlipAct {
    /// What the slip of a case says: slip number or id.
    Show(String),
    /// What the slips of a sitting say: slip number or id of one of its cases; an event each.
    Sitting(String),
    /// What a slip that somebody brings is worth.
    Verify {
        /// What its QR says.
        typed: String,
        /// The name on the paper.
        name: Option<String>,
    },
    /// List the slips that are not on paper yet: an event each.
    Unprinted {
        /// So many at most.
        limit: u64,
    },
    /// Slips came out on paper, or were written by hand: slip numbers or ids.
    Printed(Vec<String>),
}

impl Agent {
    pub(crate) fn slip(
        &mut self,
        now: Now,
        act: &SlipAct,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        match act {
            SlipAct::Show(case) => {
                let case = self.case(case)?;
                self.paper(case)
            }
            SlipAct::Sitting(case) => self.sitting(case, each),
            SlipAct::Verify { typed, name } => {
                self.read()?;
                let replica = self.replica();
                let (station, registries) = (replica.station(), replica.registries());
                host::slips::verify(replica.store().reader(), station, registries, typed, name.as_deref())
            }
            SlipAct::Unprinted { limit } => self.unprinted(*limit, each),
            SlipAct::Printed(cases) => self.printed(now, cases),
        }
    }

    /// Everything that stands on the slip of a case.
    fn paper(&mut self, case: DocumentId) -> Result<Value, Failure> {
        let (device, offset_minutes) = (self.replica().station().device(), self.offset_minutes());
        self.read()?;
        let (tx, registries) = (self.replica().store().reader(), self.replica().registries());
        let shown = show::case(tx, registries, device, case, offset_minutes).map_err(said)?;
        let Some(shown) = shown.map(|shown| json!(shown)) else {
            return Err(Failure::new("there is no such case here").because(Because::of("no-case")).missing());
        };
        let replica = self.replica();
        let tx = replica.store().reader();
        let stamp = desk::stamp(tx, replica.station(), case).map_err(said)?;
        let stamp = stamp.ok_or_else(|| {
            Failure::new("the case has no slip number that can be signed").because(Because::of("no-slip"))
        })?;
        let printing = slips::of_case(tx, case).map_err(said)?;
        let service = replica.registries().service(&stamp.statement.service);
        let revision = stamp.statement.revision;
        let copies =
            printing.filter(|printing| printing.printed == revision).map_or(0, |printing| printing.copies);
        Ok(json!({
            "case": case,
            "slip": stamp.statement.slip,
            "service": stamp.statement.service,
            "agency": service.map(|service| &service.agency),
            "tariff": service.map(|service| &service.tariff),
            "free": service.is_some_and(|service| service.tariff_rp == Some(0)),
            "name": shown["name"],
            "death": shown["death"],
            "recorded": shown["started"],
            "unit": shown["unit"],
            "officer": shown["officer"],
            "status": shown["status"],
            "state": stamp.statement.state,
            "reference": reference(&shown),
            "outcome": outcome(&shown),
            "missing": missing(&shown, service),
            "warnings": shown["warnings"],
            "custody": shown["custody"],
            "encounter": shown["encounter"],
            "revision": revision,
            "replaces": (revision > 1).then(|| revision - 1),
            "copies": copies,
            "stamp": stamp.to_string(),
        }))
    }

    fn sitting(&mut self, case: &str, each: &mut dyn FnMut(Value) -> bool) -> Result<Value, Failure> {
        let document = self.case(case)?;
        let cases = read_model::cases_of_sitting(self.read()?, document).map_err(said)?;
        let mut documents: Vec<_> = cases.into_iter().map(|case| case.document).take(SITTING_MAX).collect();
        if documents.is_empty() {
            documents.push(document);
        }
        for document in &documents {
            if !each(self.paper(*document)?) {
                break;
            }
        }
        Ok(json!({"slips": documents.len()}))
    }

    fn unprinted(&mut self, limit: u64, each: &mut dyn FnMut(Value) -> bool) -> Result<Value, Failure> {
        let tx = self.read()?;
        for Printing { case, wanted, printed, .. } in slips::open(tx, limit).map_err(said)? {
            let Some(row) = read_model::case_of(tx, case).map_err(said)? else { continue };
            let mut value = json!(rows::Row::from(row));
            value["revision"] = json!(wanted);
            value["replaces"] = json!((printed > 0).then_some(printed));
            if !each(value) {
                break;
            }
        }
        Ok(json!({"unprinted": slips::open_count(tx).map_err(said)?}))
    }

    fn printed(&mut self, now: Now, cases: &[String]) -> Result<Value, Failure> {
        let mut documents = Vec::new();
        for text in cases {
            let (case, revision) = text.rsplit_once('@').unwrap_or((text, ""));
            documents.push((self.case(case)?, revision.parse::<u8>().ok()));
        }
        let printed = self.replica_mut().keep(|tx, _| {
            let mut printed = Vec::new();
            for (document, printed_revision) in &documents {
                // What was corrected since it was printed is still to be printed.
                let newest = desk::revision(tx, *document)?;
                let revision = printed_revision.map_or(newest, |printed| printed.min(newest));
                slips::set_printed(tx, *document, revision, now.wall)?;
                printed.push((slips::of_case(tx, *document)?, revision));
            }
            Ok::<_, StoreError>((printed, slips::open_count(tx)?))
        });
        let (printed, unprinted) = printed.map_err(said)?;
        let slips: Vec<_> = printed
            .into_iter()
            .filter_map(|(printing, revision)| Some((printing?, revision)))
            .map(|(printing, revision)| json!({"case": printing.case, "revision": revision, "copies": printing.copies}))
            .collect();
        Ok(json!({"printed": slips, "unprinted": unprinted}))
    }

    /// Amends a case; where that corrects what a slip says, a new one is to be printed, of each case of the person that
    /// this laptop has given a slip to.
    pub(crate) fn amend(
        &mut self,
        now: Now,
        case: &str,
        amendment: &amend::Amendment,
    ) -> Result<Value, Failure> {
        let document = self.case(case)?;
        let amended = self.replica_mut().write(now, |writing| {
            let amended = amend::amend(writing, document, amendment)?;
            if amended.changed {
                needs::answer(writing)?;
                want_after(writing, document)?;
            }
            Ok::<_, amend::AmendError>(amended)
        });
        amended.map(|amended| json!(amended)).map_err(explained)
    }
}

/// Notes which slips are to be printed anew after an edit of a case or its subject.
fn want_after(writing: &mut Writing<'_>, document: DocumentId) -> Result<(), SaveError> {
    let row = read_model::case_of(writing.tx, document)?;
    let others = match row.and_then(|row| row.subject) {
        Some(subject) => read_model::cases_of_person(writing.tx, subject)?,
        None => Vec::new(),
    };
    let others: Vec<_> =
        others.into_iter().map(|other| other.document).filter(|other| *other != document).collect();
    for case in others.into_iter().chain([document]) {
        let revision = desk::revision_after(writing, case)?;
        let is_ours = case == document || slips::of_case(writing.tx, case)?.is_some();
        if is_ours && revision > 1 {
            slips::want(writing.tx, case, revision, writing.now.wall)?;
        }
    }
    Ok(())
}

/// The agency's own number, by the last event that names one.
fn reference(shown: &Value) -> Option<&str> {
    let events = shown["events"].as_array().into_iter().flatten();
    events.rev().find_map(|event| event["reference"].as_str())
}

/// What came of a case, and when: the last event that the agency's decision or the hand-over made, while the case stands
/// by it.
fn outcome(shown: &Value) -> Option<Value> {
    let state: State = shown["status"].as_str()?.parse().ok()?;
    let decided: &[State] = match state {
        State::HandedOver => &[State::HandedOver],
        State::Closed => &[State::HandedOver, State::Rejected, State::Issued, State::IssuedByDefault],
        State::Rejected => &[State::Rejected],
        State::Issued | State::IssuedByDefault | State::Ready | State::Loaded | State::WithCollector => {
            &[State::Issued, State::IssuedByDefault]
        }
        State::Draft
        | State::Received
        | State::Complete
        | State::Incomplete
        | State::WaitingForNetwork
        | State::Forwarded
        | State::InProcess
        | State::Returned
        | State::Cancelled => return None,
    };
    let events = shown["events"].as_array()?;
    let by = |event: &&Value| decided.iter().any(|state| event["state"] == state.as_str());
    let event = events.iter().rfind(by)?;
    Some(json!({"state": event["state"], "at": event["at"]}))
}

/// What the citizen has to bring yet.
pub(crate) fn missing<'a>(shown: &Value, service: Option<&'a Service>) -> Vec<&'a str> {
    if !["incomplete", "returned"].contains(&shown["status"].as_str().unwrap_or_default()) {
        return Vec::new();
    }
    let there =
        |text: &&String| shown["ticks"].as_array().into_iter().flatten().any(|tick| tick == text.as_str());
    let needed = service.into_iter().flat_map(|service| &service.requirements);
    needed.filter(|text| !there(text)).map(String::as_str).collect()
}
