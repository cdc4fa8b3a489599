//! The page of what needs a person: conflicts with both values, who wrote them and when, what an agency gave back or
//! refused, what the hub answered, and what it refused, with the reason; each is decided, corrected, withdrawn or asked about there.

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use shared::{
    desk::amend::{Amendment, Setting},
    document::State as CaseState,
};

use super::{
    Site,
    acts::see,
    case::{Happened, Question, Undecided, undecided, writer},
    pages::{Reason, Row, ask, detail, failed, refusal, show, text, why, words},
    posted::Posted,
    sure::{self, Answer},
};
use crate::{
    host::{output::Failure, web::Words},
    question::QuestionAct,
    request::Request,
};

/// Cases on the page, and refusals, each, until more are asked for.
const NEEDED: u64 = 10;
/// The same at most.
const NEEDED_MAX: u64 = 1_000;

#[derive(Template)]
#[template(path = "needs_you.html")]
struct NeedsYou {
    words: &'static Words,
    token: String,
    decide: Vec<(Row, Vec<Undecided>)>,
    answered: Vec<Answered>,
    replied: Vec<Replied>,
    held: Vec<Held>,
    /// What the hub holds and somebody here has dealt with.
    handled: Vec<Held>,
    /// How many of each are shown at most.
    at_most: u64,
    /// How many of how many are shown, in words, where those are not all, and how many are to be shown next.
    cut: Option<(String, u64)>,
    /// The same of what was dealt with.
    handled_cut: Option<(String, u64)>,
    /// Whether a question was just written down.
    asked: bool,
    /// What was typed about a case and is not done.
    typed: Option<Typed>,
    wrong: Option<Reason>,
}

/// What was typed about a case.
struct Typed {
    case: String,
    text: String,
}

impl NeedsYou {
    /// What was typed about a case and is not done.
    fn typed(&self, case: &str) -> &str {
        self.typed.as_ref().filter(|typed| typed.case == case).map_or("", |typed| &typed.text)
    }
}

/// A case that an agency gave back or refused.
struct Answered {
    row: Row,
    event: Happened,
    /// What a button does that ends it, and the name of its words.
    end: (&'static str, &'static str),
}

/// A case about which the hub answered a question.
struct Replied {
    row: Row,
    /// What was asked and is not put away.
    questions: Vec<Question>,
}

/// Something that the hub holds.
struct Held {
    /// The case; empty where none is known.
    row: Row,
    /// The slip number, or the document where no case is known.
    name: String,
    /// The rule in the page's language.
    short: String,
    /// As the hub gave it.
    reason: Option<String>,
    /// The laptop that wrote it.
    writer: String,
    at: String,
    /// The change that is held.
    change: String,
    /// How it was dealt with here, in words; empty where it was not.
    handled: String,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    /// How many of each, at most.
    #[serde(default)]
    show: Option<u64>,
    /// Whether a question was just written down.
    #[serde(default)]
    asked: Option<String>,
}

pub(super) async fn begin(
    State(site): State<Site>,
    Query(Wanted { show, asked }): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    page(&site, words(&headers), show, asked.is_some(), None, None).await
}

/// Asks the hub about a case, puts its answer away, withdraws the case, or ends what an agency answered.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let (case, said) = (posted.text("case"), posted.text("text").trim());
    let shown_max = posted.text("show").parse().ok();
    let typed = || Some(Typed { case: case.to_owned(), text: said.to_owned() });
    let does = posted.text("do");
    if said.is_empty() && does != "settle" {
        return page(&site, words, shown_max, false, typed(), Some((words.get("wrong-reason"), None))).await;
    }
    if does == "withdraw" {
        match Answer::of(&posted) {
            Answer::Yes => {}
            Answer::No => return page(&site, words, shown_max, false, typed(), None).await,
            Answer::Unasked => {
                let place = "/needs-you".to_owned();
                return sure::ask(&site, words, "cancel-case", posted.text("about"), place, &posted);
            }
        }
    }
    let state = match does {
        "withdraw" => Some(CaseState::Cancelled),
        "again" => Some(CaseState::Complete),
        "told" => Some(CaseState::Closed),
        _ => None,
    };
    let question = |act| ask(&site, words, Request::Question { act });
    let handled = || Request::Handled { what: posted.text("change").to_owned(), reason: said.to_owned() };
    let done = match state {
        Some(state) => amend(&site, words, case, Setting::status(state), said).await,
        None if does == "handled" => ask(&site, words, handled()).await.map(drop),
        None if does == "settle" => question(QuestionAct::Settle(case.to_owned())).await.map(drop),
        None => question(QuestionAct::Ask(case.to_owned(), said.to_owned())).await.map(drop),
    };
    match done {
        Ok(()) => see(if does == "ask" { "/needs-you?asked=yes" } else { "/needs-you" }),
        Err(failure) if failure.missing => failed(words, &failure),
        Err(failure) => page(&site, words, shown_max, false, typed(), Some(why(words, &failure))).await,
    }
}

async fn amend(
    site: &Site,
    words: &'static Words,
    case: &str,
    setting: Setting,
    reason: &str,
) -> Result<(), Failure> {
    let officer = site.run(|agent, _| agent.officer()).await?;
    let amendment = Amendment {
        settings: vec![setting],
        reason: Some(reason.to_owned()),
        officer: Some(officer).filter(|officer| !officer.is_empty()),
        ..Amendment::default()
    };
    let request = Request::Amend { case: case.to_owned(), amendment };
    ask(site, words, request).await.map(drop)
}

async fn page(
    site: &Site,
    words: &'static Words,
    wanted: Option<u64>,
    asked: bool,
    typed: Option<Typed>,
    wrong: Option<Reason>,
) -> Response {
    let at_most = wanted.unwrap_or(NEEDED).clamp(NEEDED, NEEDED_MAX);
    let (answer, found) = match ask(site, words, Request::NeedsYou { limit: at_most }).await {
        Ok(told) => told,
        Err(failure) => return failed(words, &failure),
    };
    let needed = found.iter().filter(|value| value["handled"].is_null()).count() as u64;
    let cut = |shown: u64, name: &str| {
        words.shown_of(shown, answer[name].as_u64().unwrap_or(0)).map(|cut| (cut, at_most * 2))
    };
    let handled_cut = cut(found.len() as u64 - needed, "handled");
    let cut = cut(needed, "of");
    let (mut decide, mut answered, mut replied) = (Vec::new(), Vec::new(), Vec::new());
    let (mut held, mut handled) = (Vec::new(), Vec::new());
    for value in &found {
        if value["reason"].is_string() {
            let list = if value["handled"].is_null() { &mut held } else { &mut handled };
            list.push(refused(words, value));
            continue;
        }
        let answer = &value["answer"];
        if let Some(state) = answer["state"].as_str() {
            let end = match state {
                "rejected" => ("told", "answer-told"),
                _ => ("again", "answer-again"),
            };
            answered.push(Answered { row: Row::of(value), event: Happened::of(words, answer), end });
        }
        let asked = value["questions"].as_array().into_iter().flatten();
        let standing: Vec<_> = asked.filter(|asked| asked["state"] != "settled").collect();
        if standing.iter().any(|asked| asked["state"] == "answered") {
            let questions = standing.into_iter().map(|asked| Question::of(words, asked)).collect();
            replied.push(Replied { row: Row::of(value), questions });
        }
        let conflicts = to_decide(words, value, &decide);
        if !conflicts.is_empty() {
            decide.push((Row::of(value), conflicts));
        }
    }
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let token = site.sign_in.token();
    let page = NeedsYou {
        words,
        token,
        decide,
        answered,
        replied,
        held,
        handled,
        at_most,
        cut,
        handled_cut,
        asked,
        typed,
        wrong,
    };
    (status, show(page)).into_response()
}

/// What must be decided about a case and is not told above.
fn to_decide(words: &Words, value: &Value, above: &[(Row, Vec<Undecided>)]) -> Vec<Undecided> {
    let subject = text(value, "subject");
    let conflicts = value["conflicts"].as_array().into_iter().flatten();
    let conflicts = conflicts.map(|found| undecided(words, found, &subject, &value["blank"]));
    // A blank of several cases is one alarm, which shows all of them.
    let is_told = |conflict: &Undecided| {
        let mut told = above.iter().flat_map(|(_, told)| told);
        conflict.blank.is_some()
            && told.any(|told| told.blank == conflict.blank && told.cases().eq(conflict.cases()))
    };
    conflicts.filter(|conflict| !is_told(conflict)).collect()
}

fn refused(words: &Words, value: &Value) -> Held {
    let slip = text(value, "slip");
    Held {
        row: Row::of(value),
        name: if slip.is_empty() { text(value, "document") } else { slip },
        short: refusal(words, value),
        reason: detail(words, &text(value, "reason")),
        writer: writer(words, &value["author"]),
        at: text(value, "at"),
        change: text(value, "change"),
        handled: dealt_with(words, &value["handled"]),
    }
}

/// How what the hub holds was dealt with here, in words; empty where it was not.
pub(super) fn dealt_with(words: &Words, handled: &Value) -> String {
    let Some(at) = handled["at"].as_str() else { return String::new() };
    let why = handled["why"].as_str().map_or_else(|| words.get("handled-change"), str::to_owned);
    let by = handled["by"].as_str().map_or_else(String::new, |by| format!(", {by}"));
    format!("{}: {why} ({}{by})", words.get("handled"), words.moment(at))
}
