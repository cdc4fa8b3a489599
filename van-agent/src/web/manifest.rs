//! The page of the manifest: what the hub marked ready for this unit, loaded one by one by scanning or all at once, and
//! what is missing. Of a long one the beginning is shown until all is asked for, or words of some.

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use shared::{
    desk::handover::{Act, Order},
    document::State as CaseState,
    store::read_model,
    time::Now,
};

use super::{
    Site,
    acts::see,
    handover::{Product, Refused, products, refused},
    pages::{ask, failed, show, words},
    posted::Posted,
};
use crate::{
    agent::{Agent, said},
    handover::HandOverAct,
    host::{output::Failure, web::Words},
    request::Request,
};

/// Products of each of the two lists until all are asked for.
const SHOWN: usize = 50;
/// The same at most.
const SHOWN_MAX: usize = 5_000;

#[derive(Template)]
#[template(path = "manifest.html")]
struct Manifest {
    words: &'static Words,
    token: String,
    unit: String,
    /// Words of the products that are shown alone.
    q: String,
    /// Ready, and not aboard yet.
    missing: List,
    aboard: List,
    told: Option<String>,
    wrong: Option<String>,
    refused: Vec<Refused>,
}

/// A part of the manifest.
struct List {
    products: Vec<Product>,
    /// How many there are.
    of: u64,
    /// How many of how many are shown, in words, where those are not all.
    cut: Option<String>,
}

impl Manifest {
    /// Whether more can be shown, or printed.
    fn is_cut(&self) -> bool {
        self.missing.cut.is_some() || self.aboard.cut.is_some()
    }

    /// How many of each list are shown where all are asked for.
    fn shown_max(&self) -> usize {
        SHOWN_MAX
    }
}

/// What of the manifest is asked for.
#[derive(Deserialize, Default)]
pub(super) struct Wanted {
    /// Words; everything where there are none.
    #[serde(default)]
    q: String,
    /// How many of each list.
    #[serde(default)]
    show: Option<usize>,
}

/// What a page says of what was just done.
#[derive(Default)]
struct Told {
    /// What was done, in words.
    done: Option<String>,
    wrong: Option<String>,
    refused: Vec<Refused>,
}

pub(super) async fn begin(
    State(site): State<Site>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    page(&site, words(&headers), wanted, Told::default()).await
}

async fn page(site: &Site, words: &'static Words, wanted: Wanted, told: Told) -> Response {
    let at_most = wanted.show.unwrap_or(SHOWN).min(SHOWN_MAX);
    let q = wanted.q.trim().to_owned();
    let text = q.clone();
    let read = site.run(move |agent, now| {
        let missing = list(agent, now, words, CaseState::Ready, &text, at_most)?;
        let aboard = list(agent, now, words, CaseState::Loaded, &text, at_most)?;
        Ok((agent.unit(), missing, aboard))
    });
    let (unit, missing, aboard) = match read.await {
        Ok(read) => read,
        Err(failure) => return failed(words, &failure),
    };
    let Told { done, wrong, refused } = told;
    let has_failed = wrong.is_some() || !refused.is_empty();
    let status = if has_failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let token = site.sign_in.token();
    let page = Manifest { words, token, unit, q, missing, aboard, told: done, wrong, refused };
    (status, show(page)).into_response()
}

fn list(
    agent: &mut Agent,
    now: Now,
    words: &Words,
    state: CaseState,
    text: &str,
    at_most: usize,
) -> Result<List, Failure> {
    let found = agent.manifest(state, text)?;
    let mut rows = Vec::with_capacity(found.len().min(at_most));
    for case in found.iter().take(at_most) {
        rows.extend(read_model::case_of(agent.read()?, *case).map_err(said)?);
    }
    let (shown, of) = (rows.len() as u64, found.len() as u64);
    Ok(List { products: products(agent, now, words, rows)?, of, cut: words.shown_of(shown, of) })
}

/// Loads the product that was scanned, or everything that is ready.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let told = match posted.text("do") {
        "load-all" => load_all(&site, words).await,
        _ => load(&site, words, posted.text("scan")).await,
    };
    match told {
        Ok(Told { done: None, wrong: None, .. }) => see("/manifest"),
        Ok(told) => page(&site, words, Wanted::default(), told).await,
        Err(failure) => failed(words, &failure),
    }
}

async fn load_all(site: &Site, words: &'static Words) -> Result<Told, Failure> {
    let (answer, _) = ask(site, words, Request::HandOver { act: HandOverAct::LoadAll }).await?;
    let refused = refused(words, &answer);
    let (of, left) = (answer["of"].as_u64().unwrap_or(0), answer["left"].as_u64().unwrap_or(0));
    if left == 0 {
        return Ok(Told::default());
    }
    let loaded = words.count("loaded", of - left);
    let again = if refused.is_empty() { words.get("load-again") } else { String::new() };
    let done = format!("{loaded} {} {again}", words.count("shown-of", of));
    Ok(Told { done: Some(done), wrong: None, refused })
}

/// Loads one product of the manifest; one that is not on it is named, with where it is.
async fn load(site: &Site, words: &'static Words, scan: &str) -> Result<Told, Failure> {
    if scan.is_empty() {
        return Ok(Told::default());
    }
    let wanted = scan.to_owned();
    let found = site.run(move |agent, _| {
        let mut on_it = agent.manifest(CaseState::Ready, &wanted)?;
        on_it.extend(agent.manifest(CaseState::Loaded, &wanted)?);
        let several = on_it.len() > 1;
        let case = (on_it.len() == 1).then(|| on_it[0].to_string());
        let elsewhere = if on_it.is_empty() { agent.products(&wanted, "", 1)?.rows } else { Vec::new() };
        let elsewhere = elsewhere.into_iter().next().map(|row| (row.slip, row.status));
        Ok((case, several, elsewhere))
    });
    let (case, several, elsewhere) = found.await?;
    let Some(case) = case else {
        if several {
            let wrong = format!("{} {scan}", words.get("wrong-scan"));
            return Ok(Told { wrong: Some(wrong), ..Told::default() });
        }
        let state = elsewhere
            .map_or_else(String::new, |(slip, state)| format!(" {slip}: {}", words.part("state", &state)));
        let wrong = format!("{} {scan}.{state}", words.get("wrong-manifest"));
        return Ok(Told { wrong: Some(wrong), ..Told::default() });
    };
    let act = HandOverAct::Do { order: Order::of(Act::Load), cases: vec![case], signature: None };
    let (outcome, _) = ask(site, words, Request::HandOver { act }).await?;
    let refused = refused(words, &outcome);
    let first =
        outcome["done"].as_array().and_then(|done| done.first()).and_then(|done| done["slip"].as_str());
    let done = first.map(|slip| format!("{slip}: {}", words.get("state-loaded")));
    Ok(Told { done, wrong: None, refused })
}
