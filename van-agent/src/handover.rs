//! Products on their way into citizens' hands, asked of the holder of the store.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    collection::Received,
    desk::{
        files::NewFile,
        handover::{self, Act, HandOverError, Order, Outcome},
        rows,
    },
    document::{State, attachment::Kind},
    id::DocumentId,
    slip::SlipNumber,
    store::read_model::{self, CaseRow},
    time::Now,
};

use crate::{
    agent::{Agent, explained, not_enrolled, said},
    attachment::{Content, media},
    host::output::Failure,
};

/// States in which there is a product to be given into somebody's hands.
pub(crate) const STATES: [State; 3] = [State::WithCollector, State::Loaded, State::Ready];
/// Products that are loaded in one transaction, at most: the officer at the page waits for it.
const LOADED_MAX: usize = 50;
/// Bytes of the picture of a signature, at most.
const SIGNATURE_BYTES_MAX: usize = 100_000;

/// What is done with products.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandOverAct {
    /// Carry an order out with cases, all in one transaction; answered by those with which it was done and those
    /// with which it was not.
    Do {
        /// What.
        order: Order,
        /// Slip numbers or ids. None with a returned list: all that somebody took along.
        cases: Vec<String>,
        /// The picture of a signature on the pad, a PNG in base 64.
        signature: Option<String>,
    },
    /// Load what is ready for this unit, so many at once.
    LoadAll,
    /// List what is ready for this unit or aboard: an event each.
    Manifest {
        /// Words, or a slip number; everything where there are none.
        text: String,
    },
    /// List products: an event each.
    List {
        /// Words; all products where there are none.
        text: String,
        /// Who took them along; empty for all.
        holder: String,
        /// So many of each state at most.
        limit: usize,
    },
}

/// Products of a list, and how many there are in all.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) rows: Vec<CaseRow>,
    pub(crate) of: u64,
}

impl Agent {
    pub(crate) fn hand_over(
        &mut self,
        now: Now,
        act: HandOverAct,
        each: &mut dyn FnMut(Value) -> bool,
    ) -> Result<Value, Failure> {
        match act {
            HandOverAct::Do { order, cases, signature } => {
                let cases = self.named(&order, &cases)?;
                let signature = signature.map(|text| self.signature(&order, &text)).transpose()?;
                let outcome = self.carry_out(now, order, &cases, signature.as_ref())?;
                Ok(json!(outcome))
            }
            HandOverAct::LoadAll => {
                let ready = self.manifest(State::Ready, "")?;
                let cases = &ready[..ready.len().min(LOADED_MAX)];
                let outcome = self.carry_out(now, Order::of(Act::Load), cases, None)?;
                let mut answer = json!(outcome);
                answer["of"] = json!(ready.len());
                answer["left"] = json!(ready.len() - outcome.done.len());
                Ok(answer)
            }
            HandOverAct::Manifest { text } => {
                let missing = self.manifest(State::Ready, &text)?;
                let aboard = self.manifest(State::Loaded, &text)?;
                for case in missing.iter().chain(&aboard) {
                    let row = read_model::case_of(self.read()?, *case).map_err(said)?;
                    if let Some(row) = row {
                        each(self.told_product(&row));
                    }
                }
                Ok(json!({"unit": self.unit(), "aboard": aboard.len(), "missing": missing.len()}))
            }
            HandOverAct::List { text, holder, limit } => {
                let Found { rows, of } = self.products(&text, &holder, limit)?;
                let shown = rows.len();
                for row in rows {
                    each(self.told_product(&row));
                }
                Ok(json!({"products": shown, "of": of}))
            }
        }
    }

    /// The products of words, or of somebody who took them along; all where neither is named, of each state so many
    /// at most. With words, what was handed over lately is found behind them: it may have gone into wrong hands.
    pub(crate) fn products(&mut self, text: &str, holder: &str, limit: usize) -> Result<Found, Failure> {
        let tx = self.read()?;
        if !holder.is_empty() {
            let rows = read_model::held_by(tx, holder).map_err(said)?;
            return Ok(Found { of: rows.len() as u64, rows });
        }
        if text.is_empty() {
            let (mut rows, mut of) = (Vec::new(), 0);
            for state in STATES {
                rows.extend(read_model::cases_at(tx, state, limit).map_err(said)?);
                of += read_model::count_at(tx, state).map_err(said)?;
            }
            return Ok(Found { rows, of });
        }
        let text = rows::sought(text);
        if let Ok(slip) = text.parse::<SlipNumber>() {
            let mut rows = read_model::cases_of_slip(tx, &slip.to_string()).map_err(said)?;
            let states = STATES.into_iter().chain([State::HandedOver]);
            rows.retain(|row| states.clone().any(|state| state.as_str() == row.status));
            return Ok(Found { of: rows.len() as u64, rows });
        }
        let found = read_model::products_found(tx, &text).map_err(said)?;
        let waiting = found.iter().take(limit).map(|case| read_model::case_of(tx, *case).map_err(said));
        let mut rows: Vec<_> = waiting.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let given = read_model::find(tx, &text, limit).map_err(said)?.into_iter();
        let given: Vec<_> = given.filter(|row| row.status == State::HandedOver.as_str()).collect();
        let of = (found.len() + given.len()) as u64;
        rows.extend(given);
        rows.truncate(limit);
        Ok(Found { rows, of })
    }

    /// What is ready for this unit, or aboard of it by `state`, and has the words of `text`; all of it where there is
    /// none. A slip number is looked up: as words it would be looked for among all that begin alike.
    pub(crate) fn manifest(&mut self, state: State, text: &str) -> Result<Vec<DocumentId>, Failure> {
        let unit = self.own_unit().ok_or_else(not_enrolled)?.clone();
        let (tx, text) = (self.read()?, rows::sought(text));
        let Ok(slip) = text.parse::<SlipNumber>() else {
            return read_model::manifest(tx, unit.as_str(), state, &text).map_err(said);
        };
        let rows = read_model::cases_of_slip(tx, &slip.to_string()).map_err(said)?;
        let for_unit = |row: &CaseRow| match row.detail.get("for_unit") {
            Some(Value::String(named)) => *named == unit.as_str(),
            _ => row.unit == unit.as_str(),
        };
        let is_on_it = |row: &&CaseRow| row.status == state.as_str() && for_unit(row);
        Ok(rows.iter().filter(is_on_it).map(|row| row.document).collect())
    }

    /// The cases that an order names.
    fn named(&mut self, order: &Order, cases: &[String]) -> Result<Vec<DocumentId>, Failure> {
        let holder = order.with.as_deref().unwrap_or_default();
        if cases.is_empty() && order.act == Act::Returned && !holder.is_empty() {
            let found = self.products("", holder, usize::MAX)?;
            return Ok(found.rows.into_iter().map(|row| row.document).collect());
        }
        cases.iter().map(|case| self.case(case)).collect()
    }

    fn carry_out(
        &mut self,
        now: Now,
        mut order: Order,
        cases: &[DocumentId],
        signature: Option<&NewFile>,
    ) -> Result<Outcome, Failure> {
        if order.received == Some(Received::Pad) && signature.is_none() {
            return Err(Failure::usage("a signature on the pad is kept as its picture")
                .why("pad")
                .next("name the picture, a PNG: --signature FILE"));
        }
        order.unit = self.own_unit().cloned();
        let officer = self.officer()?;
        order.officer = order.officer.or(Some(officer)).filter(|officer| !officer.is_empty());
        let written =
            self.replica_mut().write(now, |writing| handover::carry_out(writing, &order, cases, signature));
        written.map_err(|error| match error {
            HandOverError::Order(lacks) => Failure::usage(lacks.to_string()).why("handover"),
            HandOverError::Store(error) => explained(error),
            HandOverError::Read(error) => explained(error),
        })
    }

    /// Lays the picture of a signature down.
    fn signature(&mut self, order: &Order, text: &str) -> Result<NewFile, Failure> {
        let wrong = || {
            Failure::usage("the picture of a signature is a PNG of at most 100 KB")
                .why("pad")
                .next("let them sign again, or choose a signature or a thumb print on paper")
        };
        if order.received != Some(Received::Pad) {
            return Err(Failure::usage("a picture goes with a signature on the pad alone")
                .why("pad")
                .next("say how the receipt was confirmed: --received pad"));
        }
        let bytes = BASE64.decode(text.as_bytes()).map_err(|_| wrong())?;
        if bytes.len() > SIGNATURE_BYTES_MAX || media::of(&bytes).name != "image/png" {
            return Err(wrong());
        }
        self.lay_down(&Content { bytes, kind: Some(Kind::Signature), name: None, thumbnail: None })
    }

    /// A product as lists tell it.
    fn told_product(&self, row: &CaseRow) -> Value {
        let service = self.replica().registries().service(&row.service);
        let known = |name: &str| row.detail.get(name).cloned().unwrap_or_default();
        json!({
            "case": row.document,
            "slip": row.slip,
            "status": row.status,
            "service": row.service,
            "product": service.map(|service| &service.product),
            "name": row.name,
            "mother": row.subject_detail.get("mother"),
            "born": row.born,
            "nik": row.nik,
            "village": row.village,
            "for_unit": known("for_unit"),
            "with": known("with"),
            "collected_by": known("collected_by"),
            "collected_how": known("collected_how"),
        })
    }
}

/// Who took the product of a case along; empty where nobody did.
pub(crate) fn taken_by(row: &CaseRow) -> &str {
    row.detail.get("with").and_then(Value::as_str).unwrap_or_default()
}
