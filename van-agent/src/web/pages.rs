//! The pages, each a plain answer to a plain link.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;

use super::{ENGLISH, INDONESIAN, Site};
use crate::{
    host::{
        output::Failure,
        web::{Language, Words, cookie},
    },
    link::Report,
    request::Request,
};

const LANGUAGE_COOKIE: &str = "keliling-language";
/// Cases on the first page.
const RECENT_MAX: u64 = 20;

/// A case as a page lists it.
struct Row {
    case: String,
    slip: String,
    name: String,
    service: String,
    status: String,
    conflict: bool,
}

impl Row {
    fn of(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            case: text("case"),
            slip: text("slip"),
            name: text("name"),
            service: text("service"),
            status: text("status"),
            conflict: value["conflict"] == true,
        }
    }
}

#[derive(Template)]
#[template(path = "today.html")]
struct Today {
    words: Words,
    custody: Custody,
    report: Option<Report>,
    recent: Vec<Row>,
}

struct Custody {
    on_laptop: u64,
    carried: u64,
    at_hub: u64,
    accepted: u64,
    needs_you: u64,
    oldest_unsent: Option<String>,
    safe_to_wipe: bool,
}

#[derive(Template)]
#[template(path = "find.html")]
struct Find {
    words: Words,
    text: String,
    /// How many, in words.
    count: String,
    found: Vec<Row>,
}

#[derive(Template)]
#[template(path = "case.html")]
struct Case {
    words: Words,
    row: Row,
    fields: Vec<(String, String)>,
    events: Vec<(String, String)>,
    warnings: Vec<String>,
    conflicts: Vec<(String, Vec<String>)>,
    held: Vec<String>,
}

#[derive(Template)]
#[template(path = "needs_you.html")]
struct NeedsYou {
    words: Words,
    rows: Vec<Row>,
}

pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../templates/style.css"))
}

pub(super) async fn today(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let (custody, recent) = match (ask(&site, Request::Custody).await, list(&site, Some(RECENT_MAX)).await) {
        (Ok((custody, _)), Ok(recent)) => (custody, recent),
        (Err(failure), _) | (_, Err(failure)) => return failed(&words, &failure),
    };
    let count = |name: &str| custody[name].as_u64().unwrap_or(0);
    let custody = Custody {
        on_laptop: count("on_laptop"),
        carried: count("carried"),
        at_hub: count("at_hub"),
        accepted: count("accepted"),
        needs_you: count("needs_you"),
        oldest_unsent: custody["oldest_unsent"].as_str().map(str::to_owned),
        safe_to_wipe: custody["safe_to_wipe"] == true,
    };
    let report = site.newest.borrow().clone();
    show(Today { words, custody, report, recent })
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    q: String,
}

pub(super) async fn find(
    State(site): State<Site>,
    Query(Wanted { q }): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let words = words(&headers);
    let found = match ask(&site, Request::Find { text: q.clone() }).await {
        Ok((_, found)) => found.iter().map(Row::of).collect::<Vec<_>>(),
        Err(failure) => return failed(&words, &failure),
    };
    let count = words.count("found", found.len() as u64);
    show(Find { words, text: q, count, found })
}

pub(super) async fn needs_you(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let rows = match list(&site, None).await {
        Ok(rows) => rows.into_iter().filter(|row| row.conflict).collect(),
        Err(failure) => return failed(&words, &failure),
    };
    show(NeedsYou { words, rows })
}

pub(super) async fn case(State(site): State<Site>, Path(case): Path<String>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let shown = match ask(&site, Request::CaseShow { case }).await {
        Ok((shown, _)) => shown,
        Err(failure) => return failed(&words, &failure),
    };
    let names = [
        "nik", "sex", "born", "village", "address", "phone", "started", "officer", "visit", "notes",
        "custody",
    ];
    let field = |name: &str| {
        let text = shown.get(name)?.as_str()?;
        let text = if name == "custody" { words.get(&format!("custody-{text}")) } else { text.to_owned() };
        Some((words.get(&format!("field-{name}")), text))
    };
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let each = |name: &str| shown[name].as_array().cloned().unwrap_or_default();
    let sides = |conflict: &Value| {
        let side =
            |side: &Value| format!("{} ({}, {})", text(side, "value"), side["device"], text(side, "at"));
        conflict["sides"].as_array().into_iter().flatten().map(side).collect()
    };
    let page = Case {
        row: Row::of(&shown),
        fields: names.into_iter().filter_map(field).collect(),
        events: each("events").iter().map(|event| (text(event, "at"), text(event, "state"))).collect(),
        warnings: shown["warnings"]
            .as_object()
            .into_iter()
            .flat_map(|map| map.values())
            .filter_map(|words| words.as_str().map(str::to_owned))
            .collect(),
        conflicts: each("conflicts").iter().map(|found| (text(found, "field"), sides(found))).collect(),
        held: each("quarantine").iter().map(|refused| text(refused, "reason")).collect(),
        words,
    };
    show(page)
}

pub(super) async fn language(Path(code): Path<String>) -> Response {
    let code = Language::of(Some(&code)).code();
    let cookie = format!("{LANGUAGE_COOKIE}={code}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000");
    let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, "/".to_owned())];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn words(headers: &HeaderMap) -> Words {
    let code = cookie(headers, LANGUAGE_COOKIE);
    Words::new(Language::of(code.as_deref()), INDONESIAN, ENGLISH)
}

async fn list(site: &Site, limit: Option<u64>) -> Result<Vec<Row>, Failure> {
    let (_, rows) = ask(site, Request::CaseList { limit }).await?;
    Ok(rows.iter().map(Row::of).collect())
}

/// Asks the owner's thread: the answer, and the list before it.
async fn ask(site: &Site, request: Request) -> Result<(Value, Vec<Value>), Failure> {
    let asked = site.agent.run(move |agent, now| {
        let mut list = Vec::new();
        let answer = agent.execute(now, request, &mut |value| {
            list.push(value);
            true
        });
        answer.map(|answer| (answer, list))
    });
    asked.await.map_err(|stopped| Failure::new(stopped.to_string()))?
}

fn failed(words: &Words, failure: &Failure) -> Response {
    let text = format!("{}: {}", words.get("failed"), failure.message);
    (StatusCode::NOT_FOUND, text).into_response()
}

fn show(page: impl Template) -> Response {
    match page.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "write the page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
