//! The page of the queue: tickets drawn, called, served.

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use serde_json::Value;

use super::{
    Site,
    acts::see,
    pages::{ask, failed, show, text, words},
    posted::Posted,
};
use crate::{host::web::Words, queue::QueueAct, request::Request};

/// Classes, in the order of the page.
const CLASSES: [&str; 3] = ["general", "priority", "collect"];

#[derive(Template)]
#[template(path = "queue.html")]
struct Queue {
    words: &'static Words,
    token: String,
    /// Called now: as it is named, and as on paper.
    called: Vec<(String, String)>,
    /// Who was not served on an earlier day, and comes first.
    waiting_list: Vec<String>,
    classes: Vec<Line>,
    /// Drawn last.
    drawn: Option<String>,
}

/// Who waits in one class.
struct Line {
    class: &'static str,
    waiting: Vec<String>,
    skipped: Vec<String>,
    served: usize,
}

pub(super) async fn begin(State(site): State<Site>, headers: HeaderMap) -> Response {
    page(&site, words(&headers), None).await
}

async fn page(site: &Site, words: &'static Words, drawn: Option<String>) -> Response {
    let tickets = match ask(site, words, Request::Queue { act: QueueAct::List }).await {
        Ok((_, tickets)) => tickets,
        Err(failure) => return failed(words, &failure),
    };
    let waiting_list = match ask(site, words, Request::Queue { act: QueueAct::WaitingList }).await {
        Ok((_, list)) => list.iter().map(|one| text(one, "ticket")).collect(),
        Err(failure) => return failed(words, &failure),
    };
    let of = |class: &str, state: &str| -> Vec<String> {
        let wanted = |ticket: &&Value| ticket["class"] == class && ticket["state"] == state;
        tickets.iter().filter(wanted).map(|ticket| text(ticket, "ticket")).collect()
    };
    let line = |class| Line {
        class,
        waiting: of(class, "waiting"),
        skipped: of(class, "skipped"),
        served: of(class, "served").len(),
    };
    let page = Queue {
        token: site.sign_in.token(),
        called: tickets
            .iter()
            .filter(|ticket| ticket["state"] == "called")
            .map(|one| (format!("{}/{}", text(one, "day"), text(one, "ticket")), text(one, "ticket")))
            .collect(),
        waiting_list,
        classes: CLASSES.map(line).into(),
        words,
        drawn,
    };
    show(page)
}

/// Does what a button says; serving somebody leads to a new sheet.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let field = |name: &str| posted.text(name).to_owned();
    let drawing = !field("take").is_empty();
    let act = match (field("take"), field("call"), field("state")) {
        (class, ..) if drawing => QueueAct::Take(class),
        (_, class, _) if !class.is_empty() => QueueAct::Call(Some(class).filter(|class| class != "all")),
        (.., state) => QueueAct::Set(field("ticket"), state),
    };
    match ask(&site, words, Request::Queue { act }).await {
        Ok((ticket, _)) if drawing => page(&site, words, Some(text(&ticket, "ticket"))).await,
        Ok((ticket, _)) if ticket["state"] == "served" && ticket["class"] == "collect" => see("/handover"),
        Ok((ticket, _)) if ticket["state"] == "served" => {
            see(&format!("/record?class={}", text(&ticket, "class")))
        }
        Ok(_) => see("/queue"),
        Err(failure) if failure.missing => see("/queue"),
        Err(failure) => failed(words, &failure),
    }
}
