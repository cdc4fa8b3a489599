//! The page on which an operator marks products ready for a unit, and sees what is ready for it and aboard. What was
//! marked is told by a page of its own, which may be loaded again.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use shared::{
    desk::{
        because::{Because, Explained as _},
        handover::{Act, Order},
        resolve::ResolveError,
    },
    id::{ParseIdError, UnitId},
};
use van_agent::host::web::{Language, Words};

use super::{PRODUCTS, Site, foreign, page, words_of};
use crate::{hub::Hub, request::Request};

/// Answers that are kept.
const KEPT_MAX: usize = 32;

#[derive(Template)]
#[template(path = "products.html")]
struct Products {
    words: Words,
    token: String,
    /// What was typed, one number a line.
    slips: String,
    agency: String,
    unit: String,
    /// Code and name of each agency of the catalogue.
    agencies: Vec<(String, String)>,
    units: BTreeSet<String>,
    /// Numbers of what was marked, each with the unit that it is ready for.
    done: Vec<(String, String)>,
    refused: Vec<Refused>,
    /// Why nothing was done, and in English what that leaves out.
    wrong: Option<Reason>,
    manifest: Option<Manifest>,
}

/// A sentence, and in English what it leaves out.
type Reason = (String, Option<String>);

/// A product that is not marked.
struct Refused {
    slip: String,
    why: String,
    /// As the program says it, where the page has no words of its own.
    detail: Option<String>,
}

/// What is ready for a unit or aboard of it.
struct Manifest {
    aboard: u64,
    missing: u64,
    rows: Vec<Row>,
}

struct Row {
    slip: String,
    name: String,
    service: String,
    status: String,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    unit: String,
    /// Which of the answers that are kept.
    told: Option<u64>,
}

/// What was posted.
#[derive(Deserialize)]
pub(super) struct Posted {
    csrf: String,
    #[serde(default)]
    slips: String,
    #[serde(default)]
    agency: String,
    #[serde(default)]
    unit: String,
}

/// What an order came to.
#[derive(Clone, Default)]
struct Told {
    /// Which of those that are kept it is; none of one that is not kept.
    number: Option<u64>,
    agency: String,
    outcome: Value,
    wrong: Option<Reason>,
}

impl Told {
    fn has_done(&self) -> bool {
        self.outcome["done"].as_array().is_some_and(|done| !done.is_empty())
    }
}

/// The newest answers, to be told after the browser was sent on, and again when it loads the page again.
#[derive(Clone, Default)]
pub(super) struct Marked(Arc<Mutex<VecDeque<Told>>>);

impl Marked {
    /// Keeps an answer; its number.
    fn keep(&self, told: Told) -> u64 {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = kept.back().and_then(|last| last.number).map_or(1, |last| last + 1);
        kept.push_back(Told { number: Some(number), ..told });
        if kept.len() > KEPT_MAX {
            kept.pop_front();
        }
        number
    }

    fn find(&self, number: u64) -> Option<Told> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|told| told.number == Some(number)).cloned()
    }
}

pub(super) async fn begin(
    State(site): State<Site>,
    Query(Asked { unit, told }): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let words = words_of(&headers);
    let told = told.and_then(|number| site.marked.find(number)).unwrap_or_default();
    let agency = told.agency.clone();
    let posted = Posted { csrf: String::new(), slips: String::new(), agency, unit };
    show(&site, words, posted, told).await
}

/// Marks the products of the numbers that were typed.
pub(super) async fn act(
    State(site): State<Site>,
    headers: HeaderMap,
    Form(posted): Form<Posted>,
) -> Response {
    let words = words_of(&headers);
    if !site.sign_in.is_token(&posted.csrf) {
        return foreign(&words);
    }
    let told = match order(&posted) {
        Ok((order, cases)) => {
            let request = Request::HandOver { order, cases };
            let done = site.hub.run(move |hub, now| hub.answer(now, &request, &mut |_| true));
            match done.await {
                Ok(Ok(outcome)) => Told { outcome, agency: posted.agency.clone(), ..Told::default() },
                Ok(Err(error)) => Told { wrong: Some(why(&words, &error)), ..Told::default() },
                Err(error) => {
                    let stopped = because(&words, Because::of("stopped"), error.to_string());
                    Told { wrong: Some(stopped), ..Told::default() }
                }
            }
        }
        Err(error) => {
            Told { wrong: Some(because(&words, Because::of("id"), error.to_string())), ..Told::default() }
        }
    };
    if !told.has_done() {
        return show(&site, words, posted, told).await;
    }
    // A unit's name needs no escaping, and an order with any other did nothing.
    let unit = posted.unit.trim();
    let place = format!("{PRODUCTS}?unit={unit}&told={}", site.marked.keep(told));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

fn order(posted: &Posted) -> Result<(Order, Vec<String>), ParseIdError> {
    let unit = Some(posted.unit.trim()).filter(|unit| !unit.is_empty());
    let unit = unit.map(str::parse::<UnitId>).transpose()?;
    let agency = Some(posted.agency.clone());
    let slips = posted.slips.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok((Order { unit, agency, ..Order::of(Act::Ready) }, slips.map(str::to_owned).collect()))
}

async fn show(site: &Site, words: Words, posted: Posted, told: Told) -> Response {
    let (wanted, language) = (posted.unit.trim().to_owned(), words.language());
    let read = site.hub.run(move |hub, now| -> anyhow::Result<_> {
        let known = known(hub);
        let Ok(unit) = wanted.parse::<UnitId>() else { return Ok((known, None)) };
        let mut rows = Vec::new();
        let sum = hub.answer(now, &Request::Manifest { unit }, &mut |row| {
            rows.push(row);
            true
        })?;
        let rows = rows.iter().map(|row| self::row(hub, language, row)).collect();
        let count = |name: &str| sum[name].as_u64().unwrap_or(0);
        Ok((known, Some(Manifest { aboard: count("aboard"), missing: count("missing"), rows })))
    });
    let ((agencies, units), manifest) = match read.await {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    };
    let each = |name: &str| told.outcome[name].as_array().cloned().unwrap_or_default();
    let done: Vec<_> = each("done").iter().map(|done| (text(done, "slip"), text(done, "for_unit"))).collect();
    let refused: Vec<_> = each("refused").iter().map(|refused| not_marked(&words, refused)).collect();
    // What is done need not be typed again; what is not stays there.
    let slips = match (told.wrong.is_some(), refused.is_empty()) {
        (true, _) => posted.slips,
        (false, true) => String::new(),
        (false, false) => refused.iter().map(|one| format!("{}\n", one.slip)).collect(),
    };
    let has_failed = told.wrong.is_some() || (!refused.is_empty() && done.is_empty());
    let status = if has_failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let token = site.sign_in.token();
    let Posted { agency, unit, .. } = posted;
    let unit = unit.trim().to_owned();
    let wrong = told.wrong;
    let shown =
        Products { words, token, slips, agency, unit, agencies, units, done, refused, wrong, manifest };
    (status, page(&shown)).into_response()
}

/// The agencies of the catalogue, and the units of the registry and of laptops.
fn known(hub: &Hub) -> (Vec<(String, String)>, BTreeSet<String>) {
    let registries = hub.replica().registries();
    let agencies = registries.agencies();
    let agencies = agencies.into_iter().map(|(code, name)| (code.to_string(), name.to_owned())).collect();
    let units = registries.units().map(|unit| unit.unit.to_string());
    let of_laptops = registries.devices().map(|device| device.unit.to_string());
    (agencies, units.chain(of_laptops).collect())
}

fn row(hub: &Hub, language: Language, row: &Value) -> Row {
    let code = text(row, "service");
    let name = hub.replica().registries().service(&code).map(|service| match language {
        Language::Indonesian => service.name_id.clone(),
        Language::English => service.name_en.clone(),
    });
    Row {
        slip: text(row, "slip"),
        name: text(row, "name"),
        service: name.unwrap_or(code),
        status: text(row, "status"),
    }
}

fn not_marked(words: &Words, refused: &Value) -> Refused {
    let (why, detail) = match refused["why"].as_str() {
        Some("state") => {
            let state = words.part("state", &text(refused, "state"));
            (format!("{} {state}", words.get("products-state")), None)
        }
        _ => (words.part("why", &text(refused, "code")), in_english(words, text(refused, "reason"))),
    };
    Refused { slip: text(refused, "slip"), why, detail }
}

/// Why nothing was done.
fn why(words: &Words, error: &anyhow::Error) -> Reason {
    let known = error.chain().find_map(|cause| cause.downcast_ref::<ResolveError>());
    match known {
        Some(known) => because(words, known.because(), known.to_string()),
        None => because(words, Because::of("other"), format!("{error:#}")),
    }
}

fn because(words: &Words, because: Because, error: String) -> Reason {
    (words.because(because), in_english(words, error))
}

/// What a sentence of a page leaves out, on a page in English.
fn in_english(words: &Words, text: String) -> Option<String> {
    (words.language() == Language::English).then_some(text)
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
