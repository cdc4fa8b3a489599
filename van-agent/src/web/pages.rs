//! The pages, each a plain answer to a plain link.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;

use super::{ENGLISH, Exchange, INDONESIAN, Site};
use crate::{
    host::{
        output::Failure,
        web::{Language, Words, cookie},
    },
    request::Request,
};

const LANGUAGE_COOKIE: &str = "keliling-language";
/// Cases on the first page.
const RECENT_MAX: u64 = 20;
/// Cases and refusals on the page of what needs a person, each.
const NEEDED_MAX: u64 = 200;

/// A case as a page lists it.
struct Row {
    case: String,
    slip: String,
    name: String,
    service: String,
    status: String,
    conflict: bool,
}

/// A text in the page's language, or in English where no other is known.
struct Told {
    text: String,
    english: bool,
}

impl Row {
    fn of(words: &Words, value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            case: text("case"),
            slip: text("slip"),
            name: text("name"),
            service: text("service"),
            status: words.get(&format!("state-{}", text("status"))),
            conflict: value["conflict"] == true,
        }
    }
}

#[derive(Template)]
#[template(path = "today.html")]
struct Today {
    words: Words,
    custody: Custody,
    /// Whether the newest exchange ended well, and how it went, in words.
    exchange: Option<(bool, String)>,
    recent: Vec<Row>,
}

struct Custody {
    on_laptop: u64,
    carried: u64,
    at_hub: u64,
    accepted: u64,
    needs_you: u64,
    oldest_unsent: Option<String>,
    /// What a wipe would lose; empty where it would lose nothing.
    open: Vec<String>,
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
    warnings: Vec<Told>,
    conflicts: Vec<(String, Vec<String>)>,
    held: Vec<String>,
}

#[derive(Template)]
#[template(path = "needs_you.html")]
struct NeedsYou {
    words: Words,
    /// Cases with the fields to be decided.
    decide: Vec<(Row, String)>,
    held: Vec<Held>,
}

/// Something that the hub holds.
struct Held {
    case: String,
    /// The slip number, or the document where no case is known.
    name: String,
    reason: String,
    at: String,
}

#[derive(Template)]
#[template(path = "failed.html")]
struct Failed {
    words: Words,
    what: String,
    detail: String,
}

pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../templates/style.css"))
}

pub(super) async fn today(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let recent = Request::CaseList { limit: Some(RECENT_MAX) };
    let (custody, recent) = match (ask(&site, Request::Custody).await, ask(&site, recent).await) {
        (Ok((custody, _)), Ok((_, recent))) => (custody, recent),
        (Err(failure), _) | (_, Err(failure)) => return failed(words, &failure),
    };
    let recent = recent.iter().map(|row| Row::of(&words, row)).collect();
    let count = |name: &str| custody[name].as_u64().unwrap_or(0);
    let custody = Custody {
        on_laptop: count("on_laptop"),
        carried: count("carried"),
        at_hub: count("at_hub"),
        accepted: count("accepted"),
        needs_you: count("needs_you"),
        oldest_unsent: custody["oldest_unsent"].as_str().map(str::to_owned),
        open: open(&words, count("unsent"), count("drafts")),
    };
    let exchange = site.newest.borrow().as_ref().map(|exchange| told(&words, exchange));
    show(Today { words, custody, exchange, recent })
}

/// What a wipe would lose, by the numbers of custody alone.
fn open(words: &Words, unsent: u64, drafts: u64) -> Vec<String> {
    let counts = [("open-unsent", unsent), ("open-drafts", drafts)];
    let some = counts.into_iter().filter(|(_, count)| *count > 0);
    some.map(|(name, count)| words.count(name, count)).collect()
}

/// How an exchange went: that it ended, never where anything is, which only custody knows.
fn told(words: &Words, exchange: &Exchange) -> (bool, String) {
    let time = exchange.at.get(11..16).unwrap_or_default().replace(':', ".");
    let report = &exchange.report;
    let name = match (report.ok, report.why) {
        (true, _) => return (true, format!("{} {time}", words.get("sync-ok"))),
        (false, Some(why)) => format!("sync-{}", why.as_str()),
        (false, None) => "sync-cut".to_owned(),
    };
    (false, format!("{} {time}: {}", words.get("sync-failed"), words.get(&name)))
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
        Ok((_, found)) => found.iter().map(|row| Row::of(&words, row)).collect::<Vec<_>>(),
        Err(failure) => return failed(words, &failure),
    };
    let count = words.count("found", found.len() as u64);
    show(Find { words, text: q, count, found })
}

pub(super) async fn needs_you(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let found = match ask(&site, Request::NeedsYou { limit: NEEDED_MAX }).await {
        Ok((_, found)) => found,
        Err(failure) => return failed(words, &failure),
    };
    let (mut decide, mut held) = (Vec::new(), Vec::new());
    for value in &found {
        let row = Row::of(&words, value);
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        match value["reason"].as_str() {
            Some(reason) => {
                let name = if row.slip.is_empty() { text("document") } else { row.slip };
                held.push(Held { case: row.case, name, reason: reason.to_owned(), at: text("at") });
            }
            None => {
                let fields = value["fields"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let fields: Vec<_> = fields.map(|name| field_name(&words, name)).collect();
                decide.push((row, fields.join(", ")));
            }
        }
    }
    show(NeedsYou { words, decide, held })
}

/// A field's name; as it is stored where there is no word for it.
fn field_name(words: &Words, name: &str) -> String {
    words.find(&format!("field-{name}")).unwrap_or_else(|| name.to_owned())
}

pub(super) async fn case(State(site): State<Site>, Path(case): Path<String>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let shown = match ask(&site, Request::CaseShow { case }).await {
        Ok((shown, _)) => shown,
        Err(failure) => return failed(words, &failure),
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
    let state = |event: &Value| words.get(&format!("state-{}", text(event, "state")));
    let warning = |(code, english): (&String, &Value)| match words.find(&format!("warning-{code}")) {
        Some(text) => Told { text, english: false },
        None => Told { text: english.as_str().unwrap_or_default().to_owned(), english: true },
    };
    let sides = |conflict: &Value| {
        let side =
            |side: &Value| format!("{} ({}, {})", text(side, "value"), side["device"], text(side, "at"));
        conflict["sides"].as_array().into_iter().flatten().map(side).collect()
    };
    let page = Case {
        row: Row::of(&words, &shown),
        fields: names.into_iter().filter_map(field).collect(),
        events: each("events").iter().map(|event| (text(event, "at"), state(event))).collect(),
        warnings: shown["warnings"].as_object().into_iter().flatten().map(warning).collect(),
        conflicts: each("conflicts")
            .iter()
            .map(|found| (field_name(&words, &text(found, "field")), sides(found)))
            .collect(),
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

/// A page of what is not here.
pub(super) async fn missing(headers: HeaderMap) -> Response {
    failed(words(&headers), &Failure::new("no such page").missing())
}

fn words(headers: &HeaderMap) -> Words {
    let code = cookie(headers, LANGUAGE_COOKIE);
    Words::new(Language::of(code.as_deref()), INDONESIAN, ENGLISH)
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

/// What did not work, in the page's language, with the program's own words below.
fn failed(words: Words, failure: &Failure) -> Response {
    let (status, name) = match failure.missing {
        true => (StatusCode::NOT_FOUND, "failed-missing"),
        false => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
    };
    let what = words.get(name);
    let next = failure.next.as_ref().map_or_else(String::new, |next| format!(" – {next}"));
    let page = show(Failed { words, what, detail: format!("{}{next}", failure.message) });
    (status, page).into_response()
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
