//! Numbered blanks and leases, asked of the holder of the store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    blank::{BlankKind, Serial, SerialRange},
    desk::{
        amend::{Amendment, Setting},
        because::Because,
        blanks::{self, Lent, Stock},
    },
    document::blanks::{self as book, Act},
    id::Kind,
    registry::lease::{Lease, LeaseKind},
    store::{self, read_model},
    time::Now,
};

use crate::{
    agent::{Agent, explained, no_case, not_enrolled, said},
    host::output::Failure,
    record::number,
    visit::VisitError,
};

/// What is done with numbered blanks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlankAct {
    /// What is aboard and what is lent: an event each.
    List,
    /// An entry into the unit's book.
    Enter {
        /// What has become of them.
        act: Act,
        /// Their kind.
        kind: BlankKind,
        /// The first.
        from: Serial,
        /// The last; the first alone where none is named.
        to: Option<Serial>,
        /// Why.
        reason: Option<String>,
    },
    /// A case used one up.
    Use {
        /// Slip number or id.
        case: String,
        /// The blank's number.
        serial: Serial,
    },
}

impl Agent {
    pub(crate) fn blank(
        &mut self,
        now: Now,
        act: BlankAct,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        match act {
            BlankAct::List => {
                let stocks = self.stocks()?;
                let leases = self.lent(now, self.leases()?, &stocks)?;
                stocks.iter().for_each(|stock| {
                    each(json!({"stock": stock}));
                });
                leases.iter().for_each(|lease| {
                    each(json!({"lease": lease}));
                });
                let runs_out = leases.iter().filter(|lease| lease.runs_out()).count();
                Ok(json!({"kinds": stocks.len(), "leases": leases.len(), "runs_out": runs_out}))
            }
            BlankAct::Enter { act, kind, from, to, reason } => {
                let to = to.unwrap_or_else(|| from.clone());
                let range = SerialRange::new(from, to)
                    .map_err(|error| Failure::usage(error.to_string()).because(Because::of("id")))?;
                self.enter_blanks(now, act, &kind, &range, reason.as_deref())
            }
            BlankAct::Use { case, serial } => self.use_blank(now, &case, &serial),
        }
    }

    /// What of this unit's leases is low or over, each with its sentence, for whoever must ask the hub for more.
    pub(crate) fn leases_to_ask_for(&mut self, now: Now) -> Result<Vec<Value>, Failure> {
        if self.replica().station().place.is_none() {
            return Ok(Vec::new());
        }
        let leases = self.leases()?;
        let are_blanks = leases.iter().any(|lease| matches!(lease.kind, LeaseKind::Blank(_)));
        let stocks = if are_blanks { self.stocks()? } else { Vec::new() };
        let low = self.lent(now, leases, &stocks)?.into_iter().filter(Lent::runs_out);
        Ok(low.map(|lent| json!({"lease": lent, "says": running_out(&lent)})).collect())
    }

    /// How many things are wrong with the blanks of this unit that no merge settles.
    pub(crate) fn blank_alarms(&mut self) -> Result<usize, Failure> {
        if self.replica().station().place.is_none() {
            return Ok(0);
        }
        Ok(self.stocks()?.iter().map(|stock| stock.alarms.len()).sum())
    }

    /// When the sitting of each of some cases began, as RFC 3339, and its officer.
    pub(crate) fn sittings(
        &mut self,
        cases: Vec<String>,
    ) -> Result<BTreeMap<String, (String, String)>, Failure> {
        let tx = self.read()?;
        let mut found = BTreeMap::new();
        for case in cases {
            let Ok(document) = case.parse() else { continue };
            let Some(row) = read_model::case_of(tx, document).map_err(said)? else { continue };
            let text = |key: &str| row.detail.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            found.insert(case, (text("started"), text("officer")));
        }
        Ok(found)
    }

    /// The blanks of this unit, by kind.
    fn stocks(&mut self) -> Result<Vec<Stock>, Failure> {
        let unit = self.unit();
        self.read()?;
        let stocks = blanks::stocks(self.replica().store().reader(), self.replica().registries());
        Ok(stocks.map_err(said)?.into_iter().filter(|stock| stock.unit == unit).collect())
    }

    /// What the hub has lent to this unit, or to this laptop alone, and has not taken back.
    fn leases(&self) -> Result<Vec<Lease>, Failure> {
        let place = self.replica().station().place.as_ref().ok_or_else(not_enrolled)?;
        let is_mine = |lease: &&Lease| {
            lease.is_in_force()
                && place.unit.as_ref() == Some(&lease.unit)
                && lease.letter.as_ref().is_none_or(|letter| *letter == place.letter)
        };
        Ok(self.replica().registries().leases().filter(is_mine).cloned().collect())
    }

    /// What is left of `leases`, by this unit's `stocks`.
    fn lent(&self, now: Now, leases: Vec<Lease>, stocks: &[Stock]) -> Result<Vec<Lent>, Failure> {
        let today = now.wall.day(self.offset_minutes());
        let tx = self.replica().store().reader();
        let lent = leases.into_iter().map(|lease| {
            let gone = match lease.kind {
                LeaseKind::Blank(_) => blanks::gone(&lease, stocks),
                LeaseKind::Slip(_) => store::counter(tx, &number::counter(&lease)).map_err(said)?,
            };
            Ok(blanks::lent(&lease, gone, today))
        });
        lent.collect()
    }

    fn enter_blanks(
        &mut self,
        now: Now,
        act: Act,
        kind: &BlankKind,
        range: &SerialRange,
        reason: Option<&str>,
    ) -> Result<Value, Failure> {
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        if act == Act::Spoilt && reason.is_none() {
            return Err(Failure::usage("a spoilt blank needs a reason")
                .because(Because::of("no-reason"))
                .next("say why it was spoilt"));
        }
        let place = self.replica().station().place.clone().ok_or_else(not_enrolled)?;
        let unit = place.unit.clone().ok_or_else(not_enrolled)?;
        let officer = self.officer()?;
        let (offset_minutes, own) = (self.offset_minutes(), self.unit());
        let books = read_model::books(self.read()?).map_err(said)?;
        let known = books.into_iter().find(|(_, unit)| *unit == own).map(|(document, _)| document);
        let new = book::New {
            act,
            kind,
            range,
            at: now.wall,
            officer: Some(officer.as_str()).filter(|officer| !officer.is_empty()),
            reason,
        };
        let written = self.replica_mut().write(now, |writing| -> Result<(), VisitError> {
            let (document, mut edit) = match known {
                Some(document) => (document, writing.open(document)?),
                None => {
                    let (document, mut edit) = writing.create(Kind::Visit);
                    book::begin(&mut edit, &place.district, &unit, offset_minutes)?;
                    (document, edit)
                }
            };
            new.write(&mut edit)?;
            writing.save(document, edit)?;
            Ok(())
        });
        written.map_err(explained)?;
        let warnings = self.odd(now, kind, range)?;
        Ok(
            json!({"act": act, "kind": kind, "range": range, "numbers": range.numbers(), "warnings": warnings}),
        )
    }

    /// Lets a case name the blank that it used up; what is odd is told and stops nothing.
    fn use_blank(&mut self, now: Now, case: &str, serial: &Serial) -> Result<Value, Failure> {
        let document = self.case(case)?;
        let row = read_model::case_of(self.read()?, document).map_err(said)?;
        let row = row.ok_or_else(|| no_case(case))?;
        let setting: Setting = format!("blank={serial}").parse().map_err(said)?;
        let amendment = Amendment { settings: vec![setting], ..Amendment::default() };
        self.amend(now, case, &amendment)?;
        let range = SerialRange::one(serial.clone());
        let mut warnings = Vec::new();
        let before =
            row.detail.get("blank").and_then(Value::as_str).filter(|before| *before != serial.to_string());
        if let Some(before) = before {
            warnings.push(format!("this case named blank {before} before: if that one is spoilt, note so"));
        }
        match blanks::kind_of(self.replica().registries(), &row.service) {
            Some(kind) => warnings.extend(self.odd(now, &kind, &range)?),
            None => warnings.push(format!("service {} uses no numbered blanks", row.service)),
        }
        Ok(json!({"case": document, "slip": row.slip, "blank": serial, "warnings": warnings}))
    }

    /// What is odd about blanks of this unit, in words: alarms, and what does not go with what the hub has lent.
    fn odd(&mut self, now: Now, kind: &BlankKind, range: &SerialRange) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        let stocks = self.stocks()?;
        let alarms = stocks.iter().filter(|stock| stock.kind == *kind).flat_map(|stock| &stock.alarms);
        for alarm in alarms.filter(|alarm| alarm.range.overlaps(range)) {
            let cases = alarm.cases.join(", ");
            found.push(format!(
                "ALARM: {kind} {}: {}{}{cases}",
                alarm.range,
                words(alarm.alarm),
                if cases.is_empty() { "" } else { ": " }
            ));
        }
        let unit = self.unit();
        let of_kind = |lease: &&Lease| {
            lease.is_in_force() && lease.kind == LeaseKind::Blank(kind.clone()) && lease.range.overlaps(range)
        };
        let others = self.replica().registries().leases().filter(of_kind).filter(|l| l.unit.as_str() != unit);
        found.extend(others.map(|lease| format!("{kind} {} are lent to {}", lease.range, lease.unit)));
        let own = LeaseKind::Blank(kind.clone());
        let mut leases = self.leases()?;
        leases.retain(|lease| lease.kind == own && lease.range.overlaps(range));
        let lent = self.lent(now, leases, &stocks)?;
        found.extend(lent.iter().filter(|lent| lent.runs_out()).map(running_out));
        Ok(found)
    }
}

/// That a lease runs out, in words.
pub(crate) fn running_out(lent: &Lent) -> String {
    let Lent { lease, numbers, gone, .. } = lent;
    let what = format!("{} {}", lease.kind, lease.range);
    match lease.until {
        _ if gone == numbers => format!("all {numbers} of {what} are used; ask the hub for more"),
        Some(until) if lent.over => format!("the lease of {what} ended on {until}; ask the hub for another"),
        Some(until) if lent.soon => format!("the lease of {what} ends on {until}; ask the hub for another"),
        Some(_) | None => format!("{} of {numbers} are left of {what}; ask the hub for more", numbers - gone),
    }
}

fn words(alarm: blanks::Wrong) -> &'static str {
    match alarm {
        blanks::Wrong::UsedTwice => "more than one case names it",
        blanks::Wrong::UsedAndSpoilt => "it was spoilt, and a case names it",
        blanks::Wrong::UsedAndReturned => "it went back, and a case names it",
        blanks::Wrong::NotReceived => "it never came aboard, and a case names it",
        blanks::Wrong::GoneBefore => "not all of these were aboard",
    }
}
