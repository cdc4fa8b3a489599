//! The pages of slips: those of a sitting, to be printed, and those that are not on paper yet.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Site,
    acts::see,
    pages::{Row, ask, death, failed, nowhere, show, text, words},
    papers::Sources,
    posted::Posted,
};
use crate::{
    host::{output::Failure, qr, web::Words},
    request::Request,
    settings::Setting,
    slips::{SITTING_MAX, SlipAct},
};

/// Slips on the page of those that are not on paper, at most.
const UNPRINTED_MAX: u64 = 200;

#[derive(Template)]
#[template(path = "saved.html")]
struct SavedPage {
    words: &'static Words,
    token: String,
    sources: Sources,
    slips: Vec<Slip>,
    /// Whether the hub has all of it, by stored proof.
    arrived: bool,
    /// The last case, with which a family goes on.
    with: String,
    /// What the printer takes: `58`, `80`, `a5`.
    paper: String,
    /// Whether one paper bears all of a sitting.
    family: bool,
    /// Cases of the sitting, in words, where there is more than one.
    sitting: Option<String>,
    /// Those that are shown, as the address of this page names them.
    shown: String,
}

impl SavedPage {
    /// Whether every slip came out on paper before, so that another one is a copy.
    fn is_copy(&self) -> bool {
        self.slips.iter().all(|slip| slip.copy)
    }
}

/// A slip as it is shown and printed.
struct Slip {
    case: String,
    /// Which slip of its case it is.
    revision: u64,
    number: String,
    service: String,
    agency: String,
    /// The agency's own number; empty where it has none yet.
    reference: String,
    /// What it costs, in words.
    tariff: String,
    at: String,
    status: String,
    waits: bool,
    missing: Vec<String>,
    warnings: Vec<String>,
    name: String,
    /// The day on which the subject's death was reported.
    death: Option<String>,
    unit: String,
    officer: String,
    /// The slip that this one takes the place of, in words.
    replaces: Option<String>,
    /// Whether this slip came out on paper before.
    copy: bool,
    /// Whether the case was withdrawn, and the paper is worth nothing.
    cancelled: bool,
    /// Whether the agency has the case in its books.
    registered: bool,
    /// What came of the case, with the day, in words.
    outcome: Option<String>,
    /// Its stamp: modules a side, and the path of the dark ones.
    stamp: Option<(usize, String)>,
}

#[derive(Template)]
#[template(path = "slips.html")]
struct UnprintedPage {
    words: &'static Words,
    token: String,
    /// How many there are, in words.
    count: String,
    /// How many of them are shown, in words, where those are not all.
    cut: Option<String>,
    /// Slips, and whether each takes the place of one that is out.
    rows: Vec<(Row, bool)>,
    /// The first of them, as the address of the page that prints them names them.
    first: String,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    /// Whether one paper is to bear all of the sitting.
    #[serde(default)]
    family: bool,
}

/// The page after saving: where it is, and the slips, to be printed or their numbers to be written down.
pub(super) async fn saved(
    State(site): State<Site>,
    Path(cases): Path<String>,
    Query(Wanted { family }): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let words = words(&headers);
    let (papers, sitting) = match papers(&site, words, &cases, family).await {
        Ok(found) => found,
        Err(failure) if failure.missing => return nowhere(headers).await,
        Err(failure) => return failed(words, &failure),
    };
    let paper = site.run(|agent, _| agent.setting(Setting::Paper)).await;
    let paper = match paper {
        Ok(paper) => paper,
        Err(failure) => return failed(words, &failure),
    };
    let sources = match Sources::of(&site, words).await {
        Ok(sources) => sources,
        Err(failure) => return failed(words, &failure),
    };
    let arrived = |paper: &Value| matches!(paper["custody"].as_str(), Some("at_hub" | "accepted"));
    show(SavedPage {
        words,
        token: site.sign_in.token(),
        sources,
        slips: papers.iter().map(|paper| slip(words, paper)).collect(),
        arrived: papers.iter().all(arrived),
        with: papers.last().map_or_else(String::new, |paper| text(paper, "case")),
        paper,
        family,
        sitting: (sitting > 1).then(|| words.count("slip-family", sitting)),
        shown: cases,
    })
}

/// The papers of cases, or of the sitting of the last of them; and how many cases that sitting has.
async fn papers(
    site: &Site,
    words: &'static Words,
    cases: &str,
    family: bool,
) -> Result<(Vec<Value>, u64), Failure> {
    let last = cases.rsplit(',').next().unwrap_or_default().to_owned();
    let (_, sitting) = ask(site, words, Request::Slip { act: SlipAct::Sitting(last) }).await?;
    let of_sitting = sitting.len() as u64;
    if family {
        return Ok((sitting, of_sitting));
    }
    let mut papers = Vec::new();
    for case in cases.split(',').take(SITTING_MAX) {
        papers.push(ask(site, words, Request::Slip { act: SlipAct::Show(case.to_owned()) }).await?.0);
    }
    Ok((papers, of_sitting))
}

fn slip(words: &Words, paper: &Value) -> Slip {
    let warnings = paper["warnings"].as_object().into_iter().flatten();
    let warning = |(code, said): (&String, &Value)| {
        let short = words.find(&format!("warning-{code}"));
        short.unwrap_or_else(|| said.as_str().unwrap_or_default().to_owned())
    };
    let status = text(paper, "status");
    let missing = paper["missing"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Slip {
        case: text(paper, "case"),
        revision: paper["revision"].as_u64().unwrap_or(0),
        number: text(paper, "slip"),
        service: text(paper, "service"),
        agency: text(paper, "agency"),
        reference: text(paper, "reference"),
        tariff: if paper["free"] == true { words.get("free") } else { text(paper, "tariff") },
        at: words.moment(&text(paper, "recorded")),
        waits: status == "waiting_for_network",
        missing: missing.map(str::to_owned).collect(),
        status: words.part("state", &status),
        warnings: warnings.map(warning).collect(),
        name: text(paper, "name"),
        death: death(words, paper["death"].as_str()),
        unit: text(paper, "unit"),
        officer: text(paper, "officer"),
        replaces: paper["replaces"].as_u64().map(|earlier| words.count("replaces", earlier)),
        copy: paper["copies"].as_u64().is_some_and(|copies| copies > 0),
        cancelled: status == "cancelled",
        registered: paper["state"] == "registered",
        outcome: paper["outcome"]["state"].as_str().map(|state| {
            let day = paper["outcome"]["at"].as_str().and_then(|at| at.get(..10)).unwrap_or_default();
            format!("{} {}", words.part("state", state).to_uppercase(), words.day(day))
        }),
        stamp: qr::outline(&text(paper, "stamp")),
    }
}

/// The page of slips that are not on paper yet.
pub(super) async fn begin(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let act = SlipAct::Unprinted { limit: UNPRINTED_MAX };
    let (count, found) = match ask(&site, words, Request::Slip { act }).await {
        Ok((answer, found)) => (answer["unprinted"].as_u64().unwrap_or(0), found),
        Err(failure) => return failed(words, &failure),
    };
    let first: Vec<_> = found.iter().take(SITTING_MAX).map(|row| text(row, "case")).collect();
    show(UnprintedPage {
        words,
        token: site.sign_in.token(),
        count: words.count("unprinted-count", count),
        cut: words.shown_of(found.len() as u64, count),
        rows: found.iter().map(|row| (Row::of(row), !row["replaces"].is_null())).collect(),
        first: first.join(","),
    })
}

/// Notes that slips came out on paper, or were written by hand.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let cases: Vec<_> =
        posted.0.iter().filter(|(name, _)| name == "case").map(|(_, case)| case.clone()).collect();
    if cases.is_empty() {
        return see("/slips");
    }
    let back = match posted.text("back") {
        "" => "/slips".to_owned(),
        shown => {
            format!("/saved/{shown}{}", if posted.text("family").is_empty() { "" } else { "?family=true" })
        }
    };
    let request = Request::Slip { act: SlipAct::Printed(cases) };
    match ask(&site, words(&headers), request).await {
        Ok(_) => see(&back),
        Err(failure) => failed(words(&headers), &failure),
    }
}
