//! The page of the exchange with the hub: what is left, how the last one went, start, stop and budget, live.

use std::time::Duration;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Site,
    acts::see,
    pages::{detail, failed, show, words},
    posted::Posted,
    today::told,
};
use crate::{
    host::{control::Call, output::Failure, web::Words},
    link::{Exchange, Progress},
    request::Request,
};

/// How long an exchange goes on without a packet, in milliseconds.
const PATIENCE_MILLISECONDS: u64 = 45_000;
/// How long the browser waits for news before it asks again.
const NEWS_PATIENCE: Duration = Duration::from_secs(20);
/// Budgets that the page offers, in bytes.
const BUDGETS: [u64; 4] = [50_000, 200_000, 500_000, 2_000_000];

#[derive(Template)]
#[template(path = "sync.html")]
struct Sync {
    words: &'static Words,
    token: String,
    /// Whether the newest exchange ended well, and how it went, in words.
    exchange: Option<(bool, String)>,
    /// The program's own words, and what to do next.
    error: Option<String>,
    /// Bytes up and down of the newest exchange.
    bytes: Option<(String, String)>,
    /// What is not handed over yet, in words.
    left: Vec<String>,
    /// How far the exchange under way is, in words.
    progress: String,
    /// Which exchange is the newest.
    seen: String,
    budgets: Vec<(u64, String)>,
}

#[derive(Deserialize)]
pub(super) struct Seen {
    /// The exchange that the page tells of.
    #[serde(default)]
    seen: String,
}

pub(super) async fn page(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let custody = match site.run(|agent, _| agent.custody_counts()).await {
        Ok(custody) => custody,
        Err(failure) => return failed(words, &failure),
    };
    let count = |name: &str| custody[name].as_u64().unwrap_or(0);
    let waiting = [
        ("changes", count("unsent") + count("under_way"), count("record_bytes")),
        ("carried-changes", count("for_others"), 0),
        ("open-attachments", count("attachments"), count("attachment_bytes")),
    ];
    let some = waiting.into_iter().filter(|(_, count, _)| *count > 0);
    let left = some.map(|(name, count, bytes)| match bytes {
        0 => words.count(name, count),
        bytes => format!("{} ({})", words.count(name, count).trim_end_matches('.'), words.size(bytes)),
    });
    let newest = site.link.newest.borrow().clone();
    let report = newest.as_ref().map(|exchange| &exchange.report);
    let error = report.and_then(|report| report.error.as_deref()).and_then(|error| detail(words, error));
    let progress = *site.link.progress.borrow();
    show(Sync {
        words,
        token: site.sign_in.token(),
        exchange: newest.as_ref().map(|exchange| told(words, exchange)),
        error,
        bytes: report.map(|report| (words.size(report.bytes_up), words.size(report.bytes_down))),
        left: left.collect(),
        progress: in_words(words, progress),
        seen: newest.as_ref().map_or_else(String::new, Exchange::mark),
        budgets: BUDGETS.map(|bytes| (bytes, words.size(bytes))).into(),
    })
}

/// Starts an exchange, with a budget where one was chosen, or stops the one that is under way.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let request = match posted.text("do") {
        "stop" => Request::SyncStop,
        _ => Request::Sync {
            patience: PATIENCE_MILLISECONDS,
            budget: posted.text("budget").parse().ok(),
            time: None,
        },
    };
    let (call, mut answers) = Call::new(json!(request));
    if let Err(stopped) = site.agent.call(call).await {
        return failed(words(&headers), &Failure::new(stopped.to_string()).why("stopped"));
    }
    // Whoever goes away is taken to have lost interest.
    tokio::spawn(async move { while answers.next().await.is_some() {} });
    see(if posted.text("from") == "sync" { "/sync" } else { "/" })
}

/// Answers once something has moved, or after a while; the browser's event source then asks again.
pub(super) async fn news(
    State(site): State<Site>,
    Query(Seen { seen }): Query<Seen>,
    headers: HeaderMap,
) -> Response {
    let words = words(&headers);
    let (mut progress, mut newest) = (site.link.progress.clone(), site.link.newest.clone());
    progress.mark_unchanged();
    if newest.borrow_and_update().as_ref().is_none_or(|exchange| exchange.mark() == seen) {
        newest.mark_unchanged();
    } else {
        newest.mark_changed();
    }
    let moved = async {
        tokio::select! {
            moved = progress.changed() => moved.is_ok().then_some("progress"),
            ended = newest.changed() => ended.is_ok().then_some("ended"),
        }
    };
    let event = tokio::time::timeout(NEWS_PATIENCE, moved).await.ok().flatten();
    let data = in_words(words, *site.link.progress.borrow());
    let text = match event {
        Some(event) => format!("retry: 500\nevent: {event}\ndata: {data}\n\n"),
        None => "retry: 500\n\n".to_owned(),
    };
    ([(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

fn in_words(words: &Words, progress: Progress) -> String {
    let counts = [
        ("sync-sent", progress.sent),
        ("sync-received", progress.received),
        ("sync-left", progress.left),
        ("open-attachments", progress.files_left),
    ];
    if progress.dialling {
        return words.get("sync-dialling");
    }
    let some = counts.into_iter().filter(|(_, count)| *count > 0);
    let mut told: Vec<_> = some.map(|(name, count)| words.count(name, count)).collect();
    if progress.file_bytes_left > 0 {
        told.push(words.size(progress.file_bytes_left));
    }
    told.join(" ")
}
