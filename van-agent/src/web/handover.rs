//! The page of products: aboard, into whose hands, or back to stock.

use std::collections::BTreeSet;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use shared::{
    collection::{Collector, Received},
    desk::handover::{Act, Order, OrderError},
    store::read_model::{self, CaseRow},
    time::Now,
};

use super::{
    Site,
    acts::see,
    card::{Card, card},
    pages::{Reason, ask, death, detail, failed, in_language, show, text, why, words},
    posted::Posted,
    sure::{self, Answer},
};
use crate::{
    agent::{Agent, said},
    handover::{Found, HandOverAct, taken_by},
    host::{output::Failure, web::Words},
    request::Request,
};

/// Products of each state on the page, and how many more of each whoever asks for more gets.
const SHOWN: usize = 50;
/// The same at most; and how many a page tells to be done.
const PRODUCTS_MAX: usize = 1_000;
/// What stands before the picture of a signature that the pad draws.
const PICTURE: &str = "data:image/png;base64,";

#[derive(Template)]
#[template(path = "handover.html")]
struct HandOver {
    words: &'static Words,
    token: String,
    /// The one product that was found, to be given out.
    one: Option<Product>,
    products: Vec<Product>,
    /// How many of how many are shown, where those are not all.
    cut: Option<String>,
    typed: Typed,
    /// Whether a name was given and a button is still to be pressed.
    named: bool,
    wrong: Option<Reason>,
    refused: Vec<Refused>,
    /// What was done before the browser came here, a sentence each.
    done: Vec<String>,
    /// What stands above a list that is printed.
    head: Head,
}

/// The head of a printed list: the day, the unit, and the villages of those whose products are on it.
#[derive(Default)]
struct Head {
    day: String,
    unit: String,
    villages: String,
}

impl Head {
    fn of(agent: &Agent, now: Now, words: &Words, rows: &[CaseRow]) -> Self {
        let registries = agent.replica().registries();
        let codes: BTreeSet<_> = rows.iter().filter_map(|row| row.village.as_deref()).collect();
        let name = |code: &str| match code.parse().ok().and_then(|code| registries.village(&code)) {
            Some(village) => format!("{}, {}", village.name, village.district),
            None => code.to_owned(),
        };
        Self {
            day: words.day(&now.wall.day(agent.offset_minutes()).to_string()),
            unit: agent.unit(),
            villages: codes.into_iter().map(name).collect::<Vec<_>>().join("; "),
        }
    }
}

impl HandOver {
    /// Whether something was not done.
    fn has_refused(&self) -> bool {
        self.wrong.is_some() || !self.refused.is_empty()
    }

    /// Whether the focus is at what was not done. Among products to choose from it stays where the next one is scanned.
    fn begins_with_why(&self) -> bool {
        self.has_refused() && (self.one.is_some() || !self.typed.holder.is_empty())
    }

    fn collectors(&self) -> [Collector; 4] {
        Collector::ALL
    }

    /// Ways to confirm a receipt that need no script.
    fn on_paper(&self) -> [Received; 2] {
        [Received::Signature, Received::Thumb]
    }
}

/// What was typed or chosen, which a page shows again after it was refused.
#[derive(Default)]
struct Typed {
    q: String,
    /// Somebody who holds products for others, whose list is printed.
    holder: String,
    collector: String,
    received: String,
    with: String,
    reason: String,
    /// The picture that the pad drew.
    signature: String,
    /// Ids of the chosen cases, in their order.
    cases: Vec<String>,
    /// How many products of each state are shown.
    show: usize,
    /// Whether somebody has chosen, were it none.
    posted: bool,
}

impl Typed {
    fn of(posted: &Posted) -> Self {
        let text = |name: &str| posted.text(name).to_owned();
        let cases = posted.0.iter().filter(|(name, _)| name == "case").map(|(_, case)| case.clone());
        Self {
            q: text("q"),
            holder: text("holder"),
            collector: text("collector"),
            received: text("received"),
            with: text("with"),
            reason: text("reason"),
            signature: text("signature"),
            cases: cases.collect(),
            show: shown(posted.text("show").parse().ok()),
            posted: true,
        }
    }

    fn collects(&self, collector: &Collector) -> bool {
        self.collector == collector.as_str()
    }

    fn is_received(&self, received: &str) -> bool {
        self.received == received
    }

    fn chosen(&self) -> u64 {
        self.cases.len() as u64
    }

    fn has(&self, case: &str) -> bool {
        self.cases.iter().any(|chosen| chosen == case)
    }

    /// Whether a case of a list is ticked: of a list that somebody took along, all are until somebody chooses.
    fn is_ticked(&self, case: &str) -> bool {
        self.has(case) || (!self.posted && !self.holder.is_empty())
    }

    /// What a button orders; `None` of a button that there is not.
    fn order(&self, button: &str) -> Option<Order> {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let act = match button {
            "load" => Act::Load,
            "entrust" => Act::Entrust,
            "back" => Act::Back,
            "wrong-hands" => Act::WrongHands,
            "returned" => Act::Returned,
            "hand" => Act::Give,
            _ => return None,
        };
        Some(Order {
            collector: self.collector.parse().ok(),
            received: self.received.parse().ok(),
            with: text(&self.with),
            reason: text(&self.reason),
            ..Order::of(act)
        })
    }
}

/// Something that a citizen waits for.
pub(super) struct Product {
    pub(super) case: String,
    pub(super) slip: String,
    pub(super) service: String,
    pub(super) product: String,
    pub(super) state: String,
    /// Who holds it for the citizen.
    pub(super) with: String,
    pub(super) person: Option<Card>,
}

impl Product {
    pub(super) fn is(&self, state: &str) -> bool {
        self.state == state
    }
}

/// A product with which something was not done.
pub(super) struct Refused {
    pub(super) slip: String,
    pub(super) why: String,
    /// As the program says it, where the page has no words of its own.
    pub(super) detail: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    holder: String,
    /// How many products of each state.
    #[serde(default)]
    show: Option<usize>,
    /// Ids of cases with which something was just done, between commas.
    #[serde(default)]
    done: String,
}

pub(super) async fn begin(
    State(site): State<Site>,
    Query(Wanted { q, holder, show, done }): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let (q, holder) = (q.trim().to_owned(), holder.trim().to_owned());
    let typed = Typed { q, holder, show: shown(show), ..Typed::default() };
    let done = done.split(',').filter(|case| !case.is_empty()).take(PRODUCTS_MAX).map(str::to_owned);
    page(&site, words(&headers), typed, Told { done: done.collect(), ..Told::default() }).await
}

/// How many products of each state are shown.
fn shown(wanted: Option<usize>) -> usize {
    wanted.unwrap_or(SHOWN).clamp(SHOWN, PRODUCTS_MAX)
}

/// What became of a product, by where it is now: a page that tells it may be loaded again.
fn became(agent: &mut Agent, words: &Words, case: &str) -> Result<String, Failure> {
    let shown = agent.show(case)?;
    let (slip, name, with) = (text(&shown, "slip"), text(&shown, "name"), text(&shown, "with"));
    let is_alarm = |conflict: &Value| conflict["sort"] == "wrong_hands";
    let state = match shown["conflicts"].as_array().is_some_and(|found| found.iter().any(is_alarm)) {
        true => "wrong_hands".to_owned(),
        false => text(&shown, "status"),
    };
    let who = if with.is_empty() { name } else { with };
    let did = words.find(&format!("became-{state}")).unwrap_or_else(|| words.part("state", &state));
    Ok(match state.as_str() {
        "handed_over" | "with_collector" => format!("{did} {who} ({slip})"),
        _ => format!("{did}: {who} ({slip})"),
    })
}

/// What a page says of what was just done.
#[derive(Default)]
struct Told {
    wrong: Option<Reason>,
    refused: Vec<Refused>,
    /// The cases with which it was done all the same.
    done: Vec<String>,
    /// Whether a name was given and a button is still to be pressed.
    named: bool,
}

impl Told {
    fn wrong(sentence: String) -> Self {
        Self { wrong: Some((sentence, None)), ..Self::default() }
    }

    fn failed(words: &Words, failure: &Failure) -> Self {
        Self { wrong: Some(why(words, failure)), ..Self::default() }
    }
}

async fn page(site: &Site, words: &'static Words, typed: Typed, told: Told) -> Response {
    let (text, holder, chosen) = (typed.q.clone(), typed.holder.clone(), typed.cases.clone());
    let Told { wrong, refused, done, named } = told;
    let has_failed = wrong.is_some() || (!refused.is_empty() && done.is_empty());
    let (is_one, show_max) = (!text.is_empty(), typed.show);
    let found = site.run(move |agent, now| {
        let Found { rows, of } = agent.products(&text, &holder, show_max)?;
        let rows = chosen_first(agent, rows, if is_one { &[] } else { &chosen })?;
        let of = of.max(rows.len() as u64);
        let head = if holder.is_empty() { Head::default() } else { Head::of(agent, now, words, &rows) };
        // A case that somebody wrote into the address and that is not here is nothing to tell.
        let done = done.iter().filter_map(|case| became(agent, words, case).ok()).collect();
        Ok((products(agent, now, words, rows)?, of, done, head))
    });
    let (mut products, of, done, head) = match found.await {
        Ok(found) => found,
        Err(failure) => return failed(words, &failure),
    };
    let one = if is_one && products.len() == 1 { products.pop() } else { None };
    let shown = products.len() as u64;
    let cut = if one.is_none() { words.shown_of(shown, of) } else { None };
    let status = if has_failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let token = site.sign_in.token();
    let page = HandOver { words, token, one, products, cut, typed, named, wrong, refused, done, head };
    (status, show(page)).into_response()
}

/// The chosen cases, in their order, before the others of a list.
fn chosen_first(agent: &mut Agent, rows: Vec<CaseRow>, chosen: &[String]) -> Result<Vec<CaseRow>, Failure> {
    let mut first = Vec::with_capacity(rows.len());
    for case in chosen {
        let case = agent.case(case)?;
        first.extend(read_model::case_of(agent.read()?, case).map_err(said)?);
    }
    let is_chosen = |row: &CaseRow| chosen.contains(&row.document.to_string());
    first.extend(rows.into_iter().filter(|row| !is_chosen(row)));
    Ok(first)
}

/// Products as pages show them.
pub(super) fn products(
    agent: &mut Agent,
    now: Now,
    words: &Words,
    rows: Vec<CaseRow>,
) -> Result<Vec<Product>, Failure> {
    rows.into_iter().map(|row| product(agent, now, words, row)).collect()
}

fn product(agent: &mut Agent, now: Now, words: &Words, row: CaseRow) -> Result<Product, Failure> {
    let person = row.subject.map(|subject| read_model::person_of(agent.read()?, subject).map_err(said));
    let person = person.transpose()?.flatten();
    let person = person.map(|person| card(agent, now, words, person));
    let service = agent.replica().registries().service(&row.service);
    Ok(Product {
        case: row.document.to_string(),
        with: taken_by(&row).to_owned(),
        slip: row.slip,
        product: service.map_or_else(String::new, |service| service.product.clone()),
        service: service.map_or(row.service, |service| in_language(words, service)),
        state: row.status,
        person,
    })
}

/// Does with the chosen products what a button says.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let mut typed = Typed::of(&posted);
    let button = posted.text("do");
    if button == "more" {
        typed.show = shown(Some(typed.show + SHOWN));
        return page(&site, words, typed, Told::default()).await;
    }
    if button == "add" {
        // Enter presses the form's first button, wherever the focus is: it adds, and gives nothing into any hands.
        let told = match (posted.text("scan"), posted.text("with")) {
            ("", with) if !with.is_empty() => Told { named: true, ..Told::default() },
            (scan, _) => add(&site, words, &mut typed, scan).await,
        };
        return page(&site, words, typed, told).await;
    }
    if button == "wrong-hands" && !typed.cases.is_empty() && !typed.reason.is_empty() {
        match Answer::of(&posted) {
            Answer::Yes => {}
            Answer::No => return page(&site, words, typed, Told::default()).await,
            Answer::Unasked => {
                let (about, place) = (format!("{}: {}", typed.q, typed.reason), "/handover".to_owned());
                return sure::ask(&site, words, "wrong-hands-raise", &about, place, &posted);
            }
        }
    }
    let told = match typed.order(button) {
        None => Told::wrong(words.get("wrong-other")),
        Some(_) if typed.cases.is_empty() => Told::wrong(words.get("wrong-product")),
        Some(order) => carry_out(&site, words, order, &typed).await,
    };
    if told.wrong.is_some() || !told.refused.is_empty() {
        typed.cases.retain(|case| !told.done.contains(case));
        return page(&site, words, typed, told).await;
    }
    let done = told.done.join(",");
    match button {
        "entrust" => {
            let holder = utf8_percent_encode(&typed.with, NON_ALPHANUMERIC);
            see(&format!("/handover?holder={holder}&done={done}"))
        }
        _ => see(&format!("/handover?done={done}")),
    }
}

/// Chooses one more product, that was scanned or typed.
async fn add(site: &Site, words: &'static Words, typed: &mut Typed, scan: &str) -> Told {
    let wanted = scan.to_owned();
    let found = site.run(move |agent, _| Ok(agent.products(&wanted, "", SHOWN)?.rows));
    match found.await.as_deref() {
        Ok([row]) => {
            let case = row.document.to_string();
            if !typed.has(&case) {
                typed.cases.push(case);
            }
            Told::default()
        }
        Ok(_) => Told::wrong(format!("{} {scan}", words.get("wrong-scan"))),
        Err(failure) => Told::failed(words, failure),
    }
}

async fn carry_out(site: &Site, words: &'static Words, order: Order, typed: &Typed) -> Told {
    if let Err(lacks) = order.check() {
        return Told::wrong(words.get(name_of(lacks)));
    }
    let is_pad = order.act == Act::Give && order.received == Some(Received::Pad);
    let signature = typed.signature.strip_prefix(PICTURE).map(str::to_owned);
    if is_pad && signature.is_none() {
        return Told::wrong(words.get("wrong-pad"));
    }
    let cases = typed.cases.clone();
    let act = HandOverAct::Do { order, cases, signature: signature.filter(|_| is_pad) };
    match ask(site, words, Request::HandOver { act }).await {
        Ok((outcome, _)) => {
            let done = outcome["done"].as_array().into_iter().flatten();
            let done = done.map(|done| text(done, "case")).collect();
            Told { refused: refused(words, &outcome), done, ..Told::default() }
        }
        Err(failure) => Told::failed(words, &failure),
    }
}

/// The name of the words for what an order lacks.
fn name_of(lacks: OrderError) -> &'static str {
    match lacks {
        OrderError::Collector => "wrong-collector",
        OrderError::With => "wrong-with",
        OrderError::Received => "wrong-received",
        OrderError::Reason => "wrong-reason",
    }
}

/// The products with which something was not done, of an answer.
pub(super) fn refused(words: &Words, outcome: &Value) -> Vec<Refused> {
    let why = |refused: &Value| match refused["why"].as_str() {
        Some("state") => {
            let state = words.part("state", &text(refused, "state"));
            (format!("{} {state}.", words.get("wrong-product-state")), None)
        }
        Some("not_aboard") => (words.get("wrong-not-aboard"), None),
        Some("death") => {
            let day = death(words, refused["death"].as_str()).unwrap_or_default();
            (format!("{} {day}.", words.get("wrong-dead-collects")), None)
        }
        Some("collector") => {
            let may = refused["collectors"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let may: Vec<_> = may.map(|one| words.part("collector", one)).collect();
            (format!("{} {}.", words.get("wrong-may-collect"), may.join(", ")), None)
        }
        _ => (words.part("why", &text(refused, "code")), detail(words, &text(refused, "reason"))),
    };
    let each = outcome["refused"].as_array().into_iter().flatten();
    let one = |refused: &Value| {
        let (why, detail) = why(refused);
        Refused { slip: text(refused, "slip"), why, detail }
    };
    each.map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_button_with_what_was_typed_is_an_order() {
        let typed = |fields: &[(&str, &str)]| {
            let fields = fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
            Typed::of(&Posted(fields.collect()))
        };
        let family =
            typed(&[("collector", "family"), ("received", "pad"), ("with", " Maria "), ("case", "x")]);
        let order = family.order("hand").expect("a button");
        assert_eq!((order.act, order.collector), (Act::Give, Some(Collector::Family)));
        assert_eq!((order.received, order.with.as_deref()), (Some(Received::Pad), Some("Maria")));
        assert!(family.has("x") && !family.has("y"));
        let list = |posted| Typed { holder: "Kepala Desa".into(), posted, ..Typed::default() };
        assert!(list(false).is_ticked("x") && !list(true).is_ticked("x"), "none chosen is none");
        assert_eq!(typed(&[]).order("hand").expect("a button").check(), Err(OrderError::Collector));
        assert_eq!(typed(&[]).order("x"), None);
    }

    #[test]
    fn why_a_product_is_not_given_is_said_in_words() {
        let outcome = json!({"refused": [
            {"slip": "1", "why": "death", "death": "2026-11-21T10:00:00+08:00"},
            {"slip": "2", "why": "not_aboard"},
        ]});
        let told: Vec<_> =
            refused(words(&HeaderMap::new()), &outcome).into_iter().map(|one| one.why).collect();
        assert!(told[0].ends_with("ada laporan kematian, 21 November 2026."), "{}", told[0]);
        assert!(told[1].contains("muat dulu"), "{}", told[1]);
    }
}
