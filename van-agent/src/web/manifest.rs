//! The page of the manifest: what the hub marked ready for this unit, loaded one by one by scanning or all at once, and
//! what is missing.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use shared::desk::handover::{Act, Order};

use super::{
    Site,
    acts::see,
    handover::{Product, Refused, products, refused},
    pages::{ask, failed, show, words},
    posted::Posted,
};
use crate::{
    handover::HandOverAct,
    host::{output::Failure, web::Words},
    request::Request,
};

#[derive(Template)]
#[template(path = "manifest.html")]
struct Manifest {
    words: &'static Words,
    token: String,
    unit: String,
    /// Ready, and not aboard yet.
    missing: Vec<Product>,
    aboard: Vec<Product>,
    told: Option<String>,
    wrong: Option<String>,
    refused: Vec<Refused>,
}

/// What a page says of what was just done.
#[derive(Default)]
struct Told {
    /// What was done, in words.
    done: Option<String>,
    wrong: Option<String>,
    refused: Vec<Refused>,
}

pub(super) async fn begin(State(site): State<Site>, headers: HeaderMap) -> Response {
    page(&site, words(&headers), Told::default()).await
}

async fn page(site: &Site, words: &'static Words, told: Told) -> Response {
    let read = site.run(move |agent, now| {
        let rows = agent.manifest()?;
        Ok((agent.unit(), products(agent, now, words, rows)?))
    });
    let (unit, all) = match read.await {
        Ok(read) => read,
        Err(failure) => return failed(words, &failure),
    };
    let (missing, aboard) = all.into_iter().partition(|product| product.is("ready"));
    let Told { done, wrong, refused } = told;
    let has_failed = wrong.is_some() || !refused.is_empty();
    let status = if has_failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let token = site.sign_in.token();
    let page = Manifest { words, token, unit, missing, aboard, told: done, wrong, refused };
    (status, show(page)).into_response()
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
        Ok(told) => page(&site, words, told).await,
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
        let on_it = agent.manifest()?;
        let found = agent.products(&wanted, "", on_it.len() + 1)?.rows;
        let is_on_it = |case| on_it.iter().any(|row| row.document == case);
        let cases: Vec<_> = found.iter().filter(|row| is_on_it(row.document)).collect();
        let several = cases.len() > 1;
        let case = (cases.len() == 1).then(|| cases[0].document.to_string());
        let elsewhere = found.first().map(|row| (row.slip.clone(), row.status.clone()));
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
