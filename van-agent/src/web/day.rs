//! The page of the day's end: what was written since the last seal, what must be decided first, and the seal.

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use clap::ValueEnum as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use shared::desk::warnings::Code;

use super::{
    Site,
    acts::see,
    blanks::running_out,
    pages::{Reason, ask, death, failed, show, text, words, wrong},
    posted::Posted,
    sure::{self, Answer},
};
use crate::{
    day::Decision,
    host::{output::Failure, qr, web::Words},
    record::sitting::{self, Step},
    request::Request,
};

#[derive(Template)]
#[template(path = "day.html")]
struct DayPage {
    words: &'static Words,
    token: String,
    date: String,
    /// How much was written since the last seal, in words; empty where nothing was.
    written: String,
    services: Vec<Service>,
    /// All fees that fall due.
    fees: String,
    /// Blanks used and spoilt, by agency and kind, in words.
    blanks: Vec<String>,
    /// Drafts: the case, what people call it, and the day on which the subject's death was reported.
    drafts: Vec<(String, String, Option<String>)>,
    /// Half-typed forms: the form, whose it is, and the day on which that person's death was reported.
    forms: Vec<(String, String, Option<String>)>,
    /// Leases that run out or are over, in words.
    leases: Vec<String>,
    /// Labels of visits that are still open.
    visits: Vec<String>,
    /// What became of today's tickets: the name of its word, and how many.
    tickets: Vec<(&'static str, u64)>,
    /// Who comes first at the next visit: the ticket, its class, and the day on which it was drawn.
    waiting_list: Vec<(String, String, String)>,
    /// The four states of custody: the name of its word, and cases.
    custody: Vec<(&'static str, u64)>,
    seal: Option<Sealed>,
    /// Whether there is something to close: what was written, or who waits with a ticket.
    closable: bool,
    /// The team leader's name as typed.
    leader: String,
    /// What is wrong: what was to be decided or saved and could not be.
    wrong: Option<Wrong>,
}

/// What is wrong.
struct Wrong {
    /// In words.
    sentence: String,
    /// The form in which it is mended, where it is one.
    form: Option<String>,
}

/// What was written of a service.
struct Service {
    agency: String,
    name: String,
    cases: u64,
    states: String,
    /// The fees that fall due, or the tariff where it is not one sum.
    fees: String,
}

/// A seal as it is shown and printed.
struct Sealed {
    groups: Vec<String>,
    /// Unit and letter, as on slips.
    laptop: String,
    at: String,
    leader: String,
    /// Entries and changes, in words.
    states: String,
    /// Modules a side, and the path of the dark ones.
    picture: Option<(usize, String)>,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    /// The team leader's name as typed before.
    #[serde(default)]
    leader: String,
}

pub(super) async fn day(
    State(site): State<Site>,
    Query(Wanted { leader }): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    page(&site, &headers, leader, None).await
}

/// Closes the day, or tells what must be decided first.
pub(super) async fn close(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let undecided = match ask(&site, words, Request::DayShow).await {
        Ok((day, _)) => [&day["drafts"], &day["forms"]].into_iter().any(|open| !each(open).is_empty()),
        Err(failure) => return failed(words, &failure),
    };
    let leader = posted.text("leader").to_owned();
    if undecided {
        let wrong = Some(Wrong { sentence: words.get("day-refused"), form: None });
        return (StatusCode::CONFLICT, page(&site, &headers, leader, wrong).await).into_response();
    }
    match ask(&site, words, Request::DayClose { leader }).await {
        Ok(_) => see("/day"),
        Err(failure) => failed(words, &failure),
    }
}

/// Decides what becomes of a draft or of a half-typed form.
pub(super) async fn decide(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let open = posted.text("open").to_owned();
    let leader = posted.text("leader").to_owned();
    let back = match leader.as_str() {
        "" => "/day".to_owned(),
        name => format!("/day?leader={}", utf8_percent_encode(name, NON_ALPHANUMERIC)),
    };
    let Ok(decision) = Decision::from_str(posted.text("do"), false) else { return see(&back) };
    match Answer::of(&posted) {
        Answer::Yes => {}
        Answer::No => return see(&back),
        Answer::Unasked if decision == Decision::Delete => {
            // A form is forgotten; a draft is a case, whose end the hub hears of.
            let press = if sitting::is_id(&open) { "forget" } else { "cancel-case" };
            return sure::ask(&site, words, press, posted.text("name"), "/day/decide".to_owned(), &posted);
        }
        Answer::Unasked => {}
    }
    let form = open.clone();
    let decided = site.run(move |agent, now| -> Result<Option<(Step, Option<Code>)>, Failure> {
        if !sitting::is_id(&open) {
            return agent.decide_draft(now, &open, decision).map(|_| None);
        }
        // A form that is gone was decided by an earlier press.
        let Some(step) = agent.decide_form(now, &open, decision)? else { return Ok(None) };
        let sheet = agent.sheet(&open)?.map(|kept| kept.sheet);
        let odd = sheet.and_then(|sheet| sheet.odd_paper_time(now.wall, agent.offset_minutes()));
        Ok(Some((step, odd)))
    });
    let (field, reason) = match decided.await {
        Ok(Some((Step::Wrong { field, why }, _))) => (field, wrong(words, field, why.as_ref())),
        Ok(Some((Step::Next(field), odd))) => (field, unseen(words, field, odd)),
        Ok(Some((Step::Saved(_) | Step::Aloud | Step::Another, _)) | None) => return see(&back),
        Err(failure) => return failed(words, &failure),
    };
    let (sentence, detail) = reason;
    let sentence = format!("{} {sentence} {}", words.get("day-not-saved"), detail.unwrap_or_default());
    let form = Some(format!("/record?form={form}&at={field}"));
    let wrong = Some(Wrong { sentence, form });
    (StatusCode::UNPROCESSABLE_ENTITY, page(&site, &headers, leader, wrong).await).into_response()
}

/// Why a form is to be looked at before it is saved.
fn unseen(words: &Words, field: &str, odd: Option<Code>) -> Reason {
    match odd.filter(|_| field == "started") {
        Some(code) => {
            let odd = words.part("warning", code.as_str());
            (format!("{odd} {}", words.get("day-look")), None)
        }
        None => wrong(words, field, None),
    }
}

async fn page(site: &Site, headers: &HeaderMap, leader: String, wrong: Option<Wrong>) -> Response {
    let words = words(headers);
    let asked = match ask(site, words, Request::DayShow).await {
        Ok((day, _)) => named(site, words, day).await,
        Err(failure) => Err(failure),
    };
    let day = match asked {
        Ok(day) => day,
        Err(failure) => return failed(words, &failure),
    };
    let count = |name: &str| day[name].as_u64().unwrap_or(0);
    let written = match count("changes") {
        0 => String::new(),
        changes => {
            format!("{}, {}", words.count("found", count("cases")), words.count("day-changes", changes))
        }
    };
    // What was sealed stays on the page, and on paper, until something new is written.
    let told = if written.is_empty() && day["seal"].is_object() { &day["seal"] } else { &day };
    let draft = |draft: &Value| {
        (
            text(draft, "case"),
            format!("{} · {} · {}", text(draft, "slip"), text(draft, "name"), text(draft, "service")),
            death(words, draft["death"].as_str()),
        )
    };
    let form = |form: &Value| {
        let name = Some(text(form, "name")).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| words.get("day-nobody"));
        let name = format!("{name} · {}", words.moment(&text(form, "began")));
        (text(form, "form"), name, death(words, form["death"].as_str()))
    };
    let visit = |visit: &Value| format!("{} · {}", text(visit, "label"), words.day(&text(visit, "date")));
    let custody = ["on_laptop", "carried", "at_hub", "accepted"];
    let custody = custody.map(|name| (name, day["custody"][name].as_u64().unwrap_or(0)));
    let tickets = &day["tickets"];
    let states = ["drawn", "served", "waiting", "skipped", "left"];
    let waiting = |ticket: &Value| {
        (text(ticket, "ticket"), words.part("class", &text(ticket, "class")), words.day(&text(ticket, "day")))
    };
    let seal = day["seal"].is_object().then(|| sealed(words, &day["seal"]));
    let waits = ["waiting", "called", "skipped"].iter().any(|state| tickets[*state].as_u64() > Some(0));
    let page = DayPage {
        closable: !written.is_empty() || (waits && seal.is_some()),
        token: site.sign_in.token(),
        date: words.day(&text(&day, "date")),
        written,
        services: each(&told["services"]).iter().map(|row| service(words, row)).collect(),
        fees: words.rupiah(each(&told["services"]).iter().filter_map(|row| row["fees"].as_u64()).sum()),
        blanks: each(&told["blanks"]).iter().map(|row| blanks(words, row)).collect(),
        leases: each(&day["leases"]).iter().map(|row| running_out(words, &row["lease"])).collect(),
        drafts: each(&day["drafts"]).iter().map(draft).collect(),
        forms: each(&day["forms"]).iter().map(form).collect(),
        visits: each(&day["visits"]).iter().map(visit).collect(),
        tickets: states.map(|name| (name, tickets[name].as_u64().unwrap_or(0))).into(),
        waiting_list: each(&tickets["waiting_list"]).iter().map(waiting).collect(),
        custody: custody.into(),
        seal,
        leader,
        wrong,
        words,
    };
    show(page)
}

/// The day with the names of its services.
async fn named(site: &Site, words: &'static Words, mut day: Value) -> Result<Value, Failure> {
    let asked = site.run(move |agent, _| {
        for list in ["/services", "/drafts", "/seal/services"] {
            for row in day.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                super::pages::name_codes(agent, words, row);
            }
        }
        Ok(day)
    });
    asked.await
}

fn each(list: &Value) -> Vec<Value> {
    list.as_array().cloned().unwrap_or_default()
}

fn service(words: &Words, row: &Value) -> Service {
    let states = row["states"].as_object().into_iter().flatten();
    let states = states.map(|(state, cases)| format!("{cases} {}", words.part("state", state)));
    let fees = match row["fees"].as_u64() {
        Some(0) => words.get("free"),
        Some(rupiah) => words.rupiah(rupiah),
        None => text(row, "tariff"),
    };
    Service {
        fees,
        agency: text(row, "agency"),
        name: text(row, "service"),
        cases: row["cases"].as_u64().unwrap_or(0),
        states: states.collect::<Vec<_>>().join(", "),
    }
}

fn blanks(words: &Words, row: &Value) -> String {
    let count = |name: &str| format!("{} {}", row[name], words.part("blank", name));
    let named = format!("{} {}", text(row, "agency"), text(row, "kind"));
    format!("{}: {}, {}", named.trim(), count("used"), count("spoilt"))
}

fn sealed(words: &Words, seal: &Value) -> Sealed {
    let count = |name: &str| seal[name].as_u64().unwrap_or(0);
    let entries = format!("{} {}–{}", words.get("day-entries"), count("first"), count("last"));
    Sealed {
        groups: text(seal, "groups").split(' ').map(str::to_owned).collect(),
        laptop: text(seal, "laptop"),
        at: words.moment(&text(seal, "at")),
        leader: text(seal, "leader"),
        states: format!("{entries}, {}", words.count("day-changes", count("changes"))),
        picture: qr::outline(&text(seal, "seal")),
    }
}
