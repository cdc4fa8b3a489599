//! Closing the day: what was written since the last seal, what must be decided before, and the seal.

use std::ops::RangeInclusive;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::{
    desk::{
        amend::{Amendment, Setting},
        blanks::{self, Written},
    },
    document::State,
    id::DocumentId,
    store::{
        self, StoreError, forms, read_model,
        seals::{self, Kept},
    },
    sync::{
        custody,
        sealing::{self, Unsealed},
    },
    time::{Now, Zone},
};

use crate::{
    agent::{Agent, not_enrolled, said},
    host::output::Failure,
    record::{
        sheet::{Sheet, first_state},
        sitting::{self, Step},
    },
};

/// The fact that holds what is kept for the next visit: the local day, then forms and drafts, a line each.
const POSTPONED: &str = "postponed";

/// Why a draft was saved or cancelled when the day was closed, as its case keeps it.
pub(crate) const DECIDED: &str = "decided when the day was closed";

/// What becomes of a draft or of a half-typed form when the day is closed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is kept as it is, and asked about again when the next day is closed.
    Postpone,
    /// It is saved with a slip, as incomplete where papers are missing.
    Save,
    /// A form is forgotten; a draft is cancelled.
    Delete,
}

impl Agent {
    /// What was written since the last seal, by agency and service; drafts and half-typed forms that must be decided
    /// before the day is closed; visits still open; custody; the last seal.
    pub(crate) fn day(&mut self, now: Now) -> Result<Value, Failure> {
        let custody = self.custody_counts()?;
        let (drafts, forms) = self.undecided(now)?;
        let unsealed = self.unsealed()?;
        let counts = self.counts(&(unsealed.first..=unsealed.last))?;
        let leases = self.leases_to_ask_for(now)?;
        let services = counts["services"].as_array();
        let cases: u64 = services.into_iter().flatten().filter_map(|row| row["cases"].as_u64()).sum();
        let visits = self.open_visits()?;
        let visits: Vec<_> = visits
            .iter()
            .map(|visit| json!({"visit": visit.document, "label": visit.label, "date": visit.date}))
            .collect();
        let last = self.last_seal()?.map(|kept| self.shown(kept)).transpose()?;
        Ok(json!({
            "date": now.wall.day(self.offset_minutes()).to_string(),
            "first": unsealed.first,
            "last": unsealed.last,
            "changes": unsealed.changes,
            "cases": cases,
            "services": counts["services"],
            "blanks": counts["blanks"],
            "leases": leases,
            "drafts": drafts,
            "forms": forms,
            "visits": visits,
            "tickets": self.tickets(now)?,
            "custody": custody,
            "seal": last,
        }))
    }

    /// Seals what was written since the last seal; the last one again where nothing was.
    pub(crate) fn close_day(&mut self, now: Now, leader: &str) -> Result<Value, Failure> {
        let (drafts, forms) = self.undecided(now)?;
        if !drafts.is_empty() || !forms.is_empty() {
            return Err(undecided(&drafts, &forms, self.zone()));
        }
        // Settles who this laptop is before anything is signed.
        let unsealed = self.unsealed()?;
        let counts = self.counts(&(unsealed.first..=unsealed.last))?;
        let date = now.wall.day(self.offset_minutes());
        let sealed = self.replica_mut().seal(now, date, leader.trim(), counts).map_err(said)?;
        let again = sealed.is_none();
        let Some(kept) = sealed.map_or_else(|| self.last_seal(), |kept| Ok(Some(kept)))? else {
            return Err(Failure::new("nothing was written on this laptop yet: there is nothing to seal")
                .why("nothing-written")
                .next("record a case first"));
        };
        let postponed = self.postpone_queue(now)?;
        let mut shown = self.shown(kept)?;
        shown["again"] = json!(again);
        shown["postponed"] = json!(postponed);
        Ok(shown)
    }

    /// Decides what becomes of a draft or of a half-typed form.
    pub(crate) fn decide(&mut self, now: Now, open: &str, decision: Decision) -> Result<Value, Failure> {
        if let Some(step) = self.decide_form(now, open, decision)? {
            let cases = match step {
                Step::Saved(cases) => cases,
                Step::Wrong { field, why } => {
                    let why = why.map_or_else(String::new, |why| format!(": {}", why.english));
                    return Err(Failure::usage(format!("the form cannot be saved for its {field}{why}"))
                        .why("unfinished")
                        .next("open it on the page of `van-agent run`, or postpone it"));
                }
                Step::Next(field) => {
                    return Err(Failure::usage(format!("the form is not finished: {field} comes next"))
                        .why("unfinished")
                        .next("open it on the page of `van-agent run`, or postpone it"));
                }
                Step::Aloud | Step::Another => Vec::new(),
            };
            return Ok(json!({"open": open, "decision": decision, "cases": cases}));
        }
        self.decide_draft(now, open, decision)
    }

    /// Decides what becomes of a draft.
    pub(crate) fn decide_draft(
        &mut self,
        now: Now,
        open: &str,
        decision: Decision,
    ) -> Result<Value, Failure> {
        let draft = self.case(open)?;
        let device = self.replica().station().device();
        if !custody::drafts(self.read()?, device).map_err(said)?.contains(&draft) {
            return Err(Failure::usage(format!("{open} is no draft of this laptop"))
                .why("no-draft")
                .next("see `van-agent day show`"));
        }
        let state = match decision {
            Decision::Postpone => return self.postpone(now, &draft.to_string()),
            Decision::Save => self.state_of_draft(draft)?,
            Decision::Delete => State::Cancelled,
        };
        let amendment = Amendment {
            settings: vec![Setting::status(state)],
            reason: Some(DECIDED.to_owned()),
            officer: Some(self.officer()?).filter(|officer| !officer.is_empty()),
            ..Amendment::default()
        };
        self.amend(now, open, &amendment)?;
        Ok(json!({"open": open, "decision": decision, "cases": [draft]}))
    }

    /// Where a draft comes to stand when it is saved as it is.
    fn state_of_draft(&mut self, draft: DocumentId) -> Result<State, Failure> {
        let row = read_model::case_of(self.read()?, draft).map_err(said)?;
        let service = row.as_ref().and_then(|row| self.replica().registries().service(&row.service));
        let (Some(row), Some(service)) = (&row, service) else { return Ok(State::Received) };
        let ticks = row.detail.get("ticks").and_then(Value::as_array);
        let is_there = |wanted: &String| {
            ticks.is_some_and(|ticks| ticks.iter().any(|tick| tick.as_str() == Some(wanted)))
        };
        Ok(first_state(service, service.requirements.iter().all(is_there)))
    }

    /// Decides what becomes of a half-typed form; `None` where no form is meant.
    pub(crate) fn decide_form(
        &mut self,
        now: Now,
        id: &str,
        decision: Decision,
    ) -> Result<Option<Step>, Failure> {
        let kept = if sitting::is_id(id) { self.sheet(id)? } else { None };
        let Some(mut kept) = kept else { return Ok(None) };
        let step = match decision {
            Decision::Postpone => self.postpone(now, id).map(|_| Step::Another)?,
            Decision::Save => self.save_sheet(now, &mut kept)?,
            Decision::Delete => self.forget_sheet(id).map(|()| Step::Another)?,
        };
        Ok(Some(step))
    }

    fn postpone(&mut self, now: Now, open: &str) -> Result<Value, Failure> {
        let mut lines = self.postponed(now)?;
        lines.push(open.to_owned());
        let text = format!("{}\n{}", now.wall.day(self.offset_minutes()), lines.join("\n"));
        let keep = |tx: store::Tx<'_>, _: &_| store::set_fact(tx, POSTPONED, text.as_bytes());
        self.replica_mut().keep::<_, StoreError>(keep).map_err(said)?;
        Ok(json!({"open": open, "decision": Decision::Postpone, "cases": []}))
    }

    /// Forms and drafts that are kept for the next visit since today.
    fn postponed(&mut self, now: Now) -> Result<Vec<String>, Failure> {
        let today = now.wall.day(self.offset_minutes()).to_string();
        let text = store::fact(self.read()?, POSTPONED).map_err(said)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut lines = text.lines();
        let is_of_today = lines.next() == Some(today.as_str());
        Ok(lines.filter(|_| is_of_today).map(str::to_owned).collect())
    }

    /// Drafts and half-typed forms about which nothing is decided today.
    fn undecided(&mut self, now: Now) -> Result<(Vec<Value>, Vec<Value>), Failure> {
        let postponed = self.postponed(now)?;
        let (mut drafts, mut forms) = (self.open_drafts()?, self.open_forms()?);
        let is_open = |name: &'static str| {
            let postponed = &postponed;
            move |value: &Value| !postponed.iter().any(|open| value[name].as_str() == Some(open))
        };
        drafts.retain(is_open("case"));
        forms.retain(is_open("form"));
        Ok((drafts, forms))
    }

    fn unsealed(&mut self) -> Result<Unsealed, Failure> {
        if self.replica().station().place.is_none() {
            return Err(not_enrolled());
        }
        sealing::unsealed(self.replica().store().reader(), self.replica().station()).map_err(said)
    }

    fn last_seal(&mut self) -> Result<Option<Kept>, Failure> {
        let own = self.replica().station().log();
        seals::newest(self.read()?, own.author, own.epoch).map_err(said)
    }

    /// A seal, with what the entries that it closes came to when it was made.
    fn shown(&mut self, kept: Kept) -> Result<Value, Failure> {
        let stated = &kept.seal.statement;
        let (changes, counts) = kept.own.map_or((None, None), |own| (Some(own.changes), own.counts));
        let counts = match counts {
            Some(counts) => counts,
            None => self.counts(&(stated.first.into()..=stated.last.into()))?,
        };
        let place = self.replica().station().place.as_ref();
        let unit = place.and_then(|place| place.unit.as_ref().map(|unit| format!("{unit}{}", place.letter)));
        Ok(json!({
            "seal": kept.seal.to_string(),
            "laptop": unit,
            "first": stated.first,
            "last": stated.last,
            "date": stated.date.to_string(),
            "changes": changes,
            "leader": kept.leader,
            "at": kept.at.to_rfc3339(self.offset_minutes()),
            "groups": kept.seal.in_groups(),
            "services": counts["services"],
            "blanks": counts["blanks"],
        }))
    }

    /// What was written in some entries of this laptop's log: `services` and `blanks`.
    fn counts(&mut self, entries: &RangeInclusive<u64>) -> Result<Map<String, Value>, Failure> {
        let (services, blanks) = (self.written(entries)?, self.blanks_written(entries)?);
        Ok(Map::from_iter([("services".to_owned(), json!(services)), ("blanks".to_owned(), json!(blanks))]))
    }

    /// Services with the cases of which something was written in some entries of this laptop's log, by state, and the fees
    /// that fall due in rupiah for those that began in them, where the tariff is one sum; by agency, then code.
    fn written(&mut self, entries: &RangeInclusive<u64>) -> Result<Vec<Value>, Failure> {
        let own = self.replica().station().log();
        let counts = seals::written(self.read()?, own.author, own.epoch, entries).map_err(said)?;
        let begun = seals::begun(self.read()?, own.author, own.epoch, entries).map_err(said)?;
        let registries = self.replica().registries();
        let mut services: Vec<(String, String, Map<String, Value>)> = Vec::new();
        for count in counts {
            let states = match services.last_mut() {
                Some((_, service, states)) if *service == count.service => states,
                _ => {
                    let known = registries.service(&count.service);
                    let agency = known.map_or_else(String::new, |service| service.agency.clone());
                    services.push((agency, count.service, Map::new()));
                    &mut services.last_mut().expect("one was just added").2
                }
            };
            states.insert(count.state, json!(count.cases));
        }
        services.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
        let row = |(agency, service, states): (String, String, Map<String, Value>)| {
            let cases: u64 = states.values().filter_map(Value::as_u64).sum();
            let terms = registries.service(&service);
            let tariff = terms.map(|terms| &terms.tariff);
            let new = begun.get(&service).copied().unwrap_or(0);
            let fees = terms.and_then(|terms| terms.tariff_rp).map(|one| one * new);
            json!({
                "agency": agency, "service": service, "cases": cases, "states": states,
                "tariff": tariff, "fees": fees,
            })
        };
        Ok(services.into_iter().map(row).collect())
    }

    /// Blanks that were used and spoilt in some entries of this laptop's log, by agency and kind.
    fn blanks_written(&mut self, entries: &RangeInclusive<u64>) -> Result<Vec<Written>, Failure> {
        self.read()?;
        let own = self.replica().station().log();
        let (tx, registries) = (self.replica().store().reader(), self.replica().registries());
        blanks::written(tx, registries, (own.author, own.epoch), entries).map_err(said)
    }

    fn open_drafts(&mut self) -> Result<Vec<Value>, Failure> {
        let device = self.replica().station().device();
        let tx = self.read()?;
        let mut drafts = Vec::new();
        for document in custody::drafts(tx, device).map_err(said)? {
            let row = read_model::case_of(tx, document).map_err(said)?;
            drafts.extend(row.map(|row| {
                json!({"case": row.document, "slip": row.slip, "name": row.name, "service": row.service,
                       "death": row.death})
            }));
        }
        Ok(drafts)
    }

    /// Half-typed forms, as custody counts them.
    fn open_forms(&mut self) -> Result<Vec<Value>, Failure> {
        let offset_minutes = self.offset_minutes();
        let tx = self.read()?;
        let mut shown = Vec::new();
        for form in forms::all(tx).map_err(said)? {
            let sheet = Sheet::of_text(&form.fields);
            let person = match sheet.text("person").parse() {
                Ok(document) => read_model::person_of(tx, document).map_err(said)?,
                Err(_) => None,
            };
            let name = sheet.called(person.as_ref());
            let death = person.and_then(|person| person.death);
            let began = form.began.to_rfc3339(offset_minutes);
            shown.push(json!({"form": form.id, "name": name, "death": death, "began": began}));
        }
        Ok(shown)
    }
}

/// Why the day cannot be closed yet: every draft and every half-typed form by its name, and what to do with each.
fn undecided(drafts: &[Value], forms: &[Value], zone: Zone) -> Failure {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let draft = |draft: &Value| format!("draft {} ({})", text(draft, "slip"), text(draft, "name"));
    let form = |form: &Value| {
        let began = text(form, "began");
        let begun = format!("begun at {} {}", began.get(11..16).unwrap_or_default(), zone.name());
        match text(form, "name").as_str() {
            "" => format!("a form {begun}"),
            name => format!("a form of {name}, {begun}"),
        }
    };
    let all: Vec<_> = drafts.iter().map(draft).chain(forms.iter().map(form)).collect();
    let mut next = Vec::new();
    if !drafts.is_empty() {
        next.push("decide each draft with `van-agent day decide SLIP postpone|save|delete`");
    }
    if !forms.is_empty() {
        next.push("decide each half-typed form on the page of `van-agent run`, or with `van-agent day decide FORM postpone|save|delete`");
    }
    Failure::new(format!(
        "the day is not closed: nothing is lost, but these are undecided: {}",
        all.join("; ")
    ))
    .why("day-open")
    .next(next.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undecided_is_told_with_its_time_in_the_districts_zone() {
        let form = json!({"form": "0011223344556677", "name": "", "began": "2026-11-22T10:30:00+08:00"});
        let draft = json!({"slip": "53.02/V01A/20261122/0001-K", "name": "Nahak"});
        let told = undecided(&[draft], &[form], Zone::Wita).message;
        assert!(
            told.ends_with("draft 53.02/V01A/20261122/0001-K (Nahak); a form begun at 10:30 WITA"),
            "{told}"
        );
    }
}
