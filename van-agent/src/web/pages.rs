//! The pages, each a plain answer to a plain link.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use shared::{desk::files, document::Field};

use super::{ENGLISH, Exchange, INDONESIAN, Site};
use crate::{
    agent::Agent,
    host::{
        cases::FOUND_MAX,
        output::Failure,
        web::{Language, Words, came_from, cookie},
    },
    request::Request,
};

const LANGUAGE_COOKIE: &str = "keliling-language";
/// Cases on the first page.
const RECENT_MAX: u64 = 20;
/// Open visits on the first page.
const VISITS_MAX: usize = 10;
/// Cases and refusals on the page of what needs a person, each.
const NEEDED_MAX: u64 = 200;
const CASE_FIELDS: [&str; 11] =
    ["nik", "sex", "born", "village", "address", "phone", "started", "officer", "visit", "notes", "custody"];

/// A case as a page lists it.
struct Row {
    case: String,
    slip: String,
    name: String,
    service: String,
    /// The name of the words for where it stands.
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
            status: format!("state-{}", text("status")),
            conflict: value["conflict"] == true,
        }
    }

    fn is_waiting(&self) -> bool {
        self.status == "state-waiting_for_network"
    }
}

#[derive(Template)]
#[template(path = "today.html")]
struct Today {
    words: Words,
    token: String,
    /// Who works at this laptop.
    officer: String,
    /// Open visits of this unit: the id, and what people call it.
    visits: Vec<(String, String)>,
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
    events: Vec<Happened>,
    /// Each in short, then as it was written in English.
    warnings: Vec<(String, Option<String>)>,
    token: String,
    /// Each with its title, the field where a value of it can be chosen here, and the sides.
    conflicts: Vec<(String, Option<String>, Vec<Side>)>,
    /// The rule in the page's language, and the reason as the hub gave it.
    held: Vec<(String, Option<String>)>,
    papers: Vec<Paper>,
    /// What the hub lacks of them, in a sentence.
    to_follow: String,
}

/// An attachment.
struct Paper {
    kind: String,
    name: String,
    size: String,
    /// Where its file is, or why it was taken away.
    state: String,
    writer: String,
    at: String,
}

struct Happened {
    state: String,
    at: String,
    writer: String,
}

/// One of the values that somebody must choose from.
struct Side {
    value: String,
    /// As a command takes it.
    raw: String,
    /// The case, where cases collide.
    case: String,
    /// The laptop, and the officer.
    writer: String,
    at: String,
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
    /// The rule in the page's language.
    short: String,
    /// As the hub gave it.
    reason: Option<String>,
    at: String,
}

#[derive(Template)]
#[template(path = "failed.html")]
struct Failed {
    words: Words,
    sentence: String,
    /// The program's own words, in English.
    detail: Option<String>,
}

pub(super) async fn today(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let (custody, visits, recent, officer) = match today_of(&site, &words).await {
        Ok(found) => found,
        Err(failure) => return failed(words, &failure),
    };
    let count = |name: &str| custody[name].as_u64().unwrap_or(0);
    let custody = Custody {
        on_laptop: count("on_laptop"),
        carried: count("carried"),
        at_hub: count("at_hub"),
        accepted: count("accepted"),
        needs_you: count("needs_you"),
        oldest_unsent: custody["oldest_unsent"].as_str().map(str::to_owned),
        open: open(&words, [count("unsent"), count("drafts"), count("forms"), count("attachments")]),
    };
    let exchange = site.newest.borrow().as_ref().map(|exchange| told(&words, exchange));
    show(Today { token: site.sign_in.token(), words, officer, visits, custody, exchange, recent })
}

/// What the first page tells: custody, open visits, the newest cases, and who works here.
async fn today_of(
    site: &Site,
    words: &Words,
) -> Result<(Value, Vec<(String, String)>, Vec<Row>, String), Failure> {
    let (custody, _) = ask(site, words, Request::Custody).await?;
    let (_, visits) = ask(site, words, Request::VisitList).await?;
    let unit = site.agent.run(|agent, _| agent.unit()).await;
    let unit = unit.map_err(|stopped| Failure::new(stopped.to_string()))?;
    let open = visits.iter().filter(|visit| visit["closed"].is_null() && visit["unit"] == unit.as_str());
    let named = |visit: &Value| {
        (text(visit, "visit"), format!("{} · {}", text(visit, "label"), words.day(&text(visit, "date"))))
    };
    let visits = open.map(named).take(VISITS_MAX).collect();
    let recent = list(site, words, Some(RECENT_MAX)).await?;
    let officer = site.agent.run(|agent, _| agent.officer()).await;
    let officer = officer.map_err(|stopped| Failure::new(stopped.to_string()))??;
    Ok((custody, visits, recent, officer))
}

/// What a wipe would lose, by the numbers of custody alone.
fn open(words: &Words, [unsent, drafts, forms, attachments]: [u64; 4]) -> Vec<String> {
    let counts = [
        ("open-unsent", unsent),
        ("open-drafts", drafts),
        ("open-forms", forms),
        ("open-attachments", attachments),
    ];
    let some = counts.into_iter().filter(|(_, count)| *count > 0);
    some.map(|(name, count)| words.count(name, count)).collect()
}

/// How an exchange went: that it ended, never where anything is, which only custody knows.
fn told(words: &Words, exchange: &Exchange) -> (bool, String) {
    let time = exchange.at.get(11..16).unwrap_or_default().replace(':', ".");
    let why = match (exchange.report.ok, exchange.report.why) {
        (true, _) => return (true, format!("{} {time}", words.get("sync-ok"))),
        (false, Some(why)) => why.as_str(),
        (false, None) => "cut",
    };
    (false, format!("{} {time}: {}", words.get("sync-failed"), words.get(&format!("sync-{why}"))))
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
    let request = Request::Find { text: q.clone(), limit: FOUND_MAX };
    let (cut, found) = match ask(&site, &words, request).await {
        Ok((answer, found)) => (answer["cut"] == true, found.iter().map(Row::of).collect::<Vec<_>>()),
        Err(failure) => return failed(words, &failure),
    };
    let count = words.count(if cut { "found-cut" } else { "found" }, found.len() as u64);
    show(Find { words, text: q, count, found })
}

pub(super) async fn needs_you(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let found = match ask(&site, &words, Request::NeedsYou { limit: NEEDED_MAX }).await {
        Ok((_, found)) => found,
        Err(failure) => return failed(words, &failure),
    };
    let (mut decide, mut held) = (Vec::new(), Vec::new());
    for value in &found {
        let row = Row::of(value);
        match value["reason"].as_str() {
            Some(reason) => {
                let name = if row.slip.is_empty() { text(value, "document") } else { row.slip };
                let short = refusal(&words, value);
                let reason = detail(&words, reason);
                held.push(Held { case: row.case, name, short, reason, at: text(value, "at") });
            }
            None => {
                let fields = value["fields"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let sorts = value["sorts"].as_array().into_iter().flatten();
                let titles = fields.zip(sorts).map(|(name, sort)| {
                    let sort = sort.as_str().unwrap_or_default();
                    conflict_title(&words, name, sort)
                });
                decide.push((row, titles.collect::<Vec<_>>().join(", ")));
            }
        }
    }
    show(NeedsYou { words, decide, held })
}

pub(super) async fn case(State(site): State<Site>, Path(case): Path<String>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let shown = match ask(&site, &words, Request::CaseShow { case }).await {
        Ok((shown, _)) => shown,
        Err(failure) if !failure.missing => return failed(words, &failure),
        Err(failure) => {
            let sentence = words.get("not-there");
            let detail = detail(&words, &failure.message);
            let page = Failed { words, sentence, detail };
            return (StatusCode::NOT_FOUND, show(page)).into_response();
        }
    };
    let each = |name: &str| shown[name].as_array().cloned().unwrap_or_default();
    let happened = |event: &Value| Happened {
        state: words.get(&format!("state-{}", text(event, "state"))),
        at: text(event, "at"),
        writer: writer(&words, event),
    };
    let warning = |(code, text): (&String, &Value)| {
        let text = text.as_str().unwrap_or_default();
        match words.find(&format!("warning-{code}")) {
            // Both values stand in the sentence alone.
            Some(short) if code == "differs" => (short, Some(text.to_owned())),
            Some(short) => (short, detail(&words, text)),
            None => (String::new(), Some(text.to_owned())),
        }
    };
    let warnings = shown["warnings"].as_object().into_iter().flatten().map(warning).collect();
    let subject = text(&shown["subject"], "person");
    let page = Case {
        row: Row::of(&shown),
        fields: CASE_FIELDS.into_iter().filter_map(|name| field(&words, &shown, name)).collect(),
        events: each("events").iter().map(happened).collect(),
        warnings,
        conflicts: each("conflicts").iter().map(|found| conflict(&words, found, &subject)).collect(),
        token: site.sign_in.token(),
        held: each("quarantine")
            .iter()
            .map(|refused| (refusal(&words, refused), detail(&words, &text(refused, "reason"))))
            .collect(),
        papers: each("attachments").iter().map(|shown| paper(&words, shown)).collect(),
        to_follow: to_follow(&words, &shown["to_follow"]),
        words,
    };
    show(page)
}

fn paper(words: &Words, shown: &Value) -> Paper {
    let state = match shown["removed"].as_str() {
        Some(reason) => format!("{}: {reason}", words.get("attachment-removed")),
        None => words.get(&format!("attachment-{}", text(shown, "state"))),
    };
    Paper {
        kind: words.get(&format!("attachment-{}", shown["kind"].as_str().unwrap_or("other"))),
        name: text(shown, "name"),
        size: files::in_bytes(shown["size"].as_u64().unwrap_or(0)),
        state,
        writer: writer(words, shown),
        at: text(shown, "at"),
    }
}

/// `2 scans to follow, 1 photo to follow`.
fn to_follow(words: &Words, counts: &Value) -> String {
    let parts = counts
        .as_object()
        .into_iter()
        .flatten()
        .map(|(kind, count)| words.count(&format!("to-follow-{kind}"), count.as_u64().unwrap_or(0)));
    parts.collect::<Vec<_>>().join(", ")
}

pub(super) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// A field of a case as people read it, after its name.
fn field(words: &Words, shown: &Value, name: &str) -> Option<(String, String)> {
    let text = shown.get(name)?.as_str().filter(|text| !text.is_empty())?;
    let text = match name {
        "custody" | "sex" => words.get(&format!("{name}-{text}")),
        "born" => words.day(text),
        "started" => words.moment(text),
        _ => text.to_owned(),
    };
    Some((words.get(&format!("field-{name}")), text))
}

/// A conflict: the name of its field, and the sides.
fn conflict(words: &Words, found: &Value, subject: &str) -> (String, Option<String>, Vec<Side>) {
    let name = text(found, "field");
    let value = |value: String| match name.as_str() {
        "status" => words.find(&format!("state-{value}")).unwrap_or(value),
        "sex" => words.find(&format!("sex-{value}")).unwrap_or(value),
        "born" => words.day(&value),
        _ => value,
    };
    let side = |side: &Value| Side {
        value: value(text(side, "value")),
        raw: text(side, "value"),
        case: text(side, "case"),
        writer: writer(words, side),
        at: text(side, "at"),
    };
    let sides = found["sides"].as_array().into_iter().flatten().map(side).collect();
    let is_own = text(found, "document") == subject && name.parse::<Field>().is_ok();
    let field = is_own.then(|| name.clone());
    (conflict_title(words, &name, &text(found, "sort")), field, sides)
}

/// What a conflict is about: its sort where that says more than the field does.
fn conflict_title(words: &Words, field: &str, sort: &str) -> String {
    let title = words.find(&format!("conflict-{sort}"));
    title.or_else(|| words.find(&format!("field-{field}"))).unwrap_or_else(|| field.to_owned())
}

/// What a sentence of the page's language leaves out, in English; on a page of another language the sentence
/// has to do.
fn detail(words: &Words, english: &str) -> Option<String> {
    (words.language() == Language::English).then(|| english.to_owned())
}

/// Why something is held, by the name of the rule.
fn refusal(words: &Words, refused: &Value) -> String {
    words.find(&format!("rule-{}", text(refused, "rule"))).unwrap_or_else(|| words.get("rule-other"))
}

/// Who wrote an event or a side: the laptop as on slips, or the hub, and the officer.
fn writer(words: &Words, shown: &Value) -> String {
    let laptop = match (shown["laptop"].as_str(), shown["device"].as_u64()) {
        (Some(laptop), _) => laptop.to_owned(),
        (None, Some(0)) => words.get("by-hub"),
        (None, Some(number)) => words.count("by-laptop", number),
        (None, None) => "?".to_owned(),
    };
    match shown["officer"].as_str().unwrap_or_default() {
        "" => laptop,
        officer => format!("{laptop}, {officer}"),
    }
}

/// Answers for a page that there is not.
pub(super) async fn nowhere(headers: HeaderMap) -> Response {
    let words = words(&headers);
    let sentence = words.get("no-page");
    (StatusCode::NOT_FOUND, show(Failed { words, sentence, detail: None })).into_response()
}

pub(super) async fn language(Path(code): Path<String>, headers: HeaderMap) -> Response {
    let code = Language::of(Some(&code)).code();
    let cookie = format!("{LANGUAGE_COOKIE}={code}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000");
    let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, came_from(&headers))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

pub(super) fn words(headers: &HeaderMap) -> Words {
    let code = cookie(headers, LANGUAGE_COOKIE);
    Words::new(Language::of(code.as_deref()), INDONESIAN, ENGLISH)
}

async fn list(site: &Site, words: &Words, limit: Option<u64>) -> Result<Vec<Row>, Failure> {
    let (_, rows) = ask(site, words, Request::CaseList { limit }).await?;
    Ok(rows.iter().map(Row::of).collect())
}

/// Asks the owner's thread: the answer, and the list before it, with the names of services and villages.
pub(super) async fn ask(
    site: &Site,
    words: &Words,
    request: Request,
) -> Result<(Value, Vec<Value>), Failure> {
    let language = words.language();
    let asked = site.agent.run(move |agent, now| {
        let mut list = Vec::new();
        let mut answer = agent.execute(now, request, &mut |value| {
            list.push(value);
            true
        })?;
        for value in list.iter_mut().chain([&mut answer]) {
            name_codes(agent, language, value);
        }
        Ok((answer, list))
    });
    asked.await.map_err(|stopped| Failure::new(stopped.to_string()))?
}

/// Replaces the codes that the registries know by what people call them.
pub(super) fn name_codes(agent: &Agent, language: Language, value: &mut Value) {
    let registries = agent.replica().registries();
    if let Some(service) = value["service"].as_str().and_then(|code| registries.service(code)) {
        let name = match language {
            Language::Indonesian => &service.name_id,
            Language::English => &service.name_en,
        };
        value["service"] = name.as_str().into();
    }
    let code = value["village"].as_str().and_then(|code| code.parse().ok());
    if let Some(village) = code.and_then(|code| registries.village(&code)) {
        value["village"] = format!("{}, {}", village.name, village.district).into();
    }
}

pub(super) fn failed(words: Words, failure: &Failure) -> Response {
    let sentence = words.get("try-again");
    let page = Failed { words, sentence, detail: Some(failure.message.clone()) };
    let status = match (failure.missing, failure.usage) {
        (true, _) => StatusCode::NOT_FOUND,
        (false, true) => StatusCode::UNPROCESSABLE_ENTITY,
        (false, false) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, show(page)).into_response()
}

pub(super) fn show(page: impl Template) -> Response {
    match page.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "write the page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
