//! The page of products: aboard, into whose hands, or back to stock. A case changes by an event, as by `amend`.

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use shared::{
    desk::{amend::Amendment, rows},
    document::State as CaseState,
    id::DocumentId,
    registry::row::Collector,
    store::read_model::{self, CaseRow},
    time::Now,
};

use super::{
    Site,
    acts::see,
    card::{Card, card},
    case::shown,
    pages::{ask, failed, in_language, show, words},
    posted::Posted,
};
use crate::{
    agent::{Agent, said},
    host::{output::Failure, web::Words},
    request::Request,
};

/// States in which there is a product to be given into somebody's hands.
const STATES: [CaseState; 3] = [CaseState::WithCollector, CaseState::Loaded, CaseState::Ready];
/// Products of each state on the page.
const PRODUCTS_MAX: usize = 200;
/// Who may collect, in the words of the registry and of the Fluent files.
const COLLECTORS: [(&str, Collector); 4] = [
    ("subject", Collector::Subject),
    ("family", Collector::Family),
    ("proxy", Collector::Proxy),
    ("village_head", Collector::VillageHead),
];

#[derive(Template)]
#[template(path = "handover.html")]
struct HandOver {
    words: &'static Words,
    token: String,
    text: String,
    /// The one product that was found, to be given out.
    one: Option<Product>,
    products: Vec<Product>,
    collectors: Vec<&'static str>,
    /// Somebody who holds products for others, whose list is printed.
    holder: String,
    wrong: Option<String>,
}

/// Something that a citizen waits for.
struct Product {
    case: String,
    slip: String,
    service: String,
    product: String,
    state: String,
    /// Who holds it for the citizen.
    with: String,
    person: Option<Card>,
}

impl Product {
    fn is(&self, state: &str) -> bool {
        self.state == state
    }
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    holder: String,
}

pub(super) async fn begin(
    State(site): State<Site>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    page(&site, words(&headers), wanted, None).await
}

async fn page(site: &Site, words: &'static Words, wanted: Wanted, wrong: Option<String>) -> Response {
    let (text, holder) = (wanted.q.trim().to_owned(), wanted.holder.trim().to_owned());
    let (wanted, held_by) = (text.clone(), holder.clone());
    let found = site.run(move |agent, now| products(agent, now, words, &wanted, &held_by)).await;
    let mut products = match found {
        Ok(products) => products,
        Err(failure) => return failed(words, &failure),
    };
    let one = if !text.is_empty() && products.len() == 1 { products.pop() } else { None };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let collectors = COLLECTORS.map(|(name, _)| name).to_vec();
    let token = site.sign_in.token();
    let page = HandOver { words, token, text, one, products, collectors, holder, wrong };
    (status, show(page)).into_response()
}

/// The products of a text, or of somebody who holds them; all where neither is named.
fn products(
    agent: &mut Agent,
    now: Now,
    words: &Words,
    wanted: &str,
    holder: &str,
) -> Result<Vec<Product>, Failure> {
    let tx = agent.read()?;
    let found: Vec<CaseRow> = if wanted.is_empty() {
        let mut all = Vec::new();
        for state in STATES {
            all.extend(read_model::cases_at(tx, state, PRODUCTS_MAX).map_err(said)?);
        }
        all
    } else {
        let rows = rows::find(tx, wanted, PRODUCTS_MAX).map_err(said)?;
        // What was handed over is found as well: it may have gone into wrong hands.
        let states = STATES.into_iter().chain([CaseState::HandedOver]);
        let is_wanted = |row: &rows::Row| states.clone().any(|state| state.as_str() == row.status);
        let rows = rows.into_iter().filter(is_wanted);
        let known = rows.map(|row| read_model::case_of(tx, row.case).map_err(said));
        known.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()
    };
    let mut products = Vec::with_capacity(found.len());
    for row in found {
        let product = product(agent, now, words, row)?;
        if holder.is_empty() || product.with == holder {
            products.push(product);
        }
    }
    Ok(products)
}

fn product(agent: &mut Agent, now: Now, words: &Words, row: CaseRow) -> Result<Product, Failure> {
    let person = row.subject.map(|subject| read_model::person_of(agent.read()?, subject).map_err(said));
    let person = person.transpose()?.flatten();
    let person = person.map(|person| card(agent, now, words, person)).transpose()?;
    let with = match row.status.as_str() {
        "with_collector" => holder(agent, row.document)?,
        _ => String::new(),
    };
    let service = agent.replica().registries().service(&row.service);
    Ok(Product {
        case: row.document.to_string(),
        slip: row.slip,
        product: service.map_or_else(String::new, |service| service.product.clone()),
        service: service.map_or(row.service, |service| in_language(words, service)),
        state: row.status,
        with,
        person,
    })
}

/// Who holds the product of a case, by its last event.
fn holder(agent: &mut Agent, case: DocumentId) -> Result<String, Failure> {
    let shown = agent.show(&case.to_string())?;
    let events = shown["events"].as_array().cloned().unwrap_or_default();
    let last = events.iter().rev().find(|event| event["state"] == "with_collector");
    Ok(last.and_then(|event| event["with"].as_str()).unwrap_or_default().to_owned())
}

/// What is done with products.
struct Act {
    /// Where the case stands then; `None` where it stays, as an alarm is raised.
    state: Option<CaseState>,
    /// Who takes it, where it is not the subject.
    with: Option<String>,
    reason: Option<String>,
    collector: Option<Collector>,
}

impl Act {
    /// Reads a button with what was typed; the name of what is wrong otherwise.
    fn of(posted: &Posted) -> Result<Self, &'static str> {
        let text = |name: &str| Some(posted.text(name).to_owned()).filter(|text| !text.is_empty());
        let known = COLLECTORS.iter().find(|(name, _)| *name == posted.text("collector"));
        let collector = known.map(|(_, collector)| *collector);
        let (with, reason) = (text("with"), text("reason"));
        let act = |state| Self { state: Some(state), with: None, reason: None, collector };
        match posted.text("do") {
            "load" | "load-all" => Ok(act(CaseState::Loaded)),
            "entrust" if with.is_none() => Err("wrong-with"),
            "entrust" => Ok(Self { with, ..act(CaseState::WithCollector) }),
            "back" if reason.is_none() => Err("wrong-reason"),
            "back" => Ok(Self { reason, ..act(CaseState::Ready) }),
            "wrong-hands" if reason.is_none() => Err("wrong-reason"),
            "wrong-hands" => Ok(Self { state: None, with: None, reason, collector: None }),
            "returned" => Ok(act(CaseState::HandedOver)),
            "hand" if collector.is_none() => Err("wrong-collector"),
            "hand" if collector != Some(Collector::Subject) && with.is_none() => Err("wrong-with"),
            "hand" => Ok(Self { with, ..act(CaseState::HandedOver) }),
            _ => Err("wrong-other"),
        }
    }
}

/// Does with the chosen products what a button says.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let wanted = Wanted { q: posted.text("q").to_owned(), holder: posted.text("holder").to_owned() };
    let cases = posted.0.iter().filter(|(name, _)| name == "case").map(|(_, case)| case.clone());
    let mut cases: Vec<String> = cases.collect();
    if posted.text("do") == "load-all" {
        cases = match manifest(&site).await {
            Ok(cases) => cases,
            Err(failure) => return failed(words, &failure),
        };
    }
    let done = match Act::of(&posted) {
        Ok(_) if cases.is_empty() => Err(words.get("wrong-product")),
        Ok(act) => all(&site, words, &cases, &act).await,
        Err(wrong) => Err(words.get(wrong)),
    };
    match done {
        Ok(()) if posted.text("do") == "entrust" => {
            let holder = utf8_percent_encode(posted.text("with"), NON_ALPHANUMERIC);
            see(&format!("/handover?holder={holder}"))
        }
        Ok(()) => see("/handover"),
        Err(wrong) => page(&site, words, wanted, Some(wrong)).await,
    }
}

/// Every product that the hub marked ready for this unit and that is not aboard yet.
async fn manifest(site: &Site) -> Result<Vec<String>, Failure> {
    let ready = site.run(|agent, _| {
        let rows = read_model::cases_at(agent.read()?, CaseState::Ready, PRODUCTS_MAX).map_err(said)?;
        Ok(rows.into_iter().map(|row| row.document.to_string()).collect())
    });
    ready.await
}

/// Does one thing with every case, one after the other; what stopped it, in words.
async fn all(site: &Site, words: &'static Words, cases: &[String], act: &Act) -> Result<(), String> {
    // All of them first: what is refused in the middle would leave the others given away.
    for case in cases {
        may_give(site, words, case, act).await?;
    }
    for case in cases {
        let officer = site.run(|agent, _| agent.officer()).await.map_err(|failure| failure.message)?;
        let (setting, reason) = match act.state {
            Some(state) => (format!("status={state}"), act.reason.clone()),
            None => (format!("alarm={}", act.reason.as_deref().unwrap_or_default()), None),
        };
        let amendment = Amendment {
            settings: vec![setting.parse().map_err(|_| words.get("wrong-other"))?],
            reason,
            with: act.with.clone(),
            officer: Some(officer).filter(|officer| !officer.is_empty()),
            ..Amendment::default()
        };
        let request = Request::Amend { case: case.clone(), amendment };
        ask(site, words, request).await.map_err(|failure| failure.message)?;
    }
    Ok(())
}

/// Refuses a case of which there is no product to give, and somebody who may not collect it, naming who may.
async fn may_give(site: &Site, words: &Words, case: &str, act: &Act) -> Result<(), String> {
    let (shown, service) = shown(site, case).await.map_err(|failure| failure.message)?;
    let terms = service.map_or_else(Vec::new, |service| service.collectors);
    let state = shown["status"].as_str().unwrap_or_default();
    let fits: &[CaseState] = if act.state.is_some() { &STATES } else { &[CaseState::HandedOver] };
    if !fits.iter().any(|known| known.as_str() == state) {
        let slip = shown["slip"].as_str().unwrap_or_default();
        return Err(format!("{} {slip}, {}.", words.get("wrong-product-state"), words.part("state", state)));
    }
    // Where the catalogue says nothing, the officer knows the district's rule.
    if terms.is_empty() || act.collector.is_none_or(|collector| terms.contains(&collector)) {
        return Ok(());
    }
    let who = COLLECTORS.iter().filter(|(_, one)| terms.contains(one));
    let who: Vec<_> = who.map(|(name, _)| words.part("collector", name)).collect();
    Err(format!("{} {}", words.get("wrong-may-collect"), who.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_into_other_hands_without_a_name() {
        let act = |fields: &[(&str, &str)]| {
            let fields = fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
            Act::of(&Posted(fields.collect())).map(|act| act.state.expect("not an alarm"))
        };
        assert_eq!(act(&[("do", "hand"), ("collector", "subject")]), Ok(CaseState::HandedOver));
        assert_eq!(act(&[("do", "hand"), ("collector", "family")]), Err("wrong-with"));
        assert_eq!(act(&[("do", "hand")]), Err("wrong-collector"));
        assert_eq!(act(&[("do", "entrust")]), Err("wrong-with"));
        assert_eq!(act(&[("do", "back")]), Err("wrong-reason"));
        assert_eq!(act(&[("do", "back"), ("reason", "tidak datang")]), Ok(CaseState::Ready));
        assert_eq!(act(&[("do", "x")]), Err("wrong-other"));
    }
}
