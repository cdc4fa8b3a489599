//! The page of where every case is, with the proof behind it, and what a wipe would lose.

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use serde_json::Value;

use super::{
    Site,
    pages::{ask, death, failed, show, text, words},
    today::open,
};
use crate::{carry::CarryAct, host::web::Words, request::Request};

#[derive(Template)]
#[template(path = "custody.html")]
struct Custody {
    words: &'static Words,
    /// The name of each of the four, and how many cases.
    counts: Vec<(&'static str, u64)>,
    /// What a wipe would lose, in words; empty where it would lose nothing.
    open: Vec<String>,
    /// The cases behind that, oldest first.
    lost: Vec<Lost>,
    oldest: Option<String>,
    /// Changes that the hub holds and does not count, if any, in words.
    held: Option<String>,
    /// Changes that are not at the hub, and their bytes, in words.
    records: Option<(String, String)>,
    /// Scans and photos that are nowhere but here, and their bytes.
    scans: Option<(u64, String)>,
    /// Of those carried for others, how many cannot be handed over for now, in words.
    stuck: Option<String>,
    receipt: Option<Receipt>,
    /// Who signed for entries of this laptop, how many, and when.
    notes: Vec<(String, String, String)>,
}

/// A case that a wipe would lose.
struct Lost {
    case: String,
    slip: String,
    name: String,
    /// The day on which the subject's death was reported.
    death: Option<String>,
    /// Why, in words.
    why: String,
}

/// The newest receipt of the hub.
struct Receipt {
    at: String,
    entries: u64,
    /// Of how many, in words.
    of: String,
    /// Up to which entry the hub's backups hold it, where they do.
    backed_up: Option<u64>,
}

pub(super) async fn page(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let carried = ask(&site, words, Request::Carry { act: CarryAct::List }).await;
    let (custody, carried) = match (ask(&site, words, Request::Custody).await, carried) {
        (Ok((custody, _)), Ok((carried, _))) => (custody, carried),
        (Err(failure), _) | (_, Err(failure)) => return failed(words, &failure),
    };
    let count = |name: &str| custody[name].as_u64().unwrap_or(0);
    let lost = custody["lost"].as_array().into_iter().flatten().map(|case| Lost {
        case: text(case, "case"),
        slip: text(case, "slip"),
        name: text(case, "name"),
        death: death(words, case["death"].as_str()),
        why: words.part("lost", &text(case, "why")),
    });
    let notes = carried["carried_by"].as_array().into_iter().flatten().map(|note| {
        (
            text(note, "laptop"),
            words.count("entries", note["entries"].as_u64().unwrap_or(0)),
            text(note, "at"),
        )
    });
    let receipt = |receipt: &Value| Receipt {
        at: text(receipt, "at"),
        entries: receipt["entries"].as_u64().unwrap_or(0),
        of: words.count("entries", receipt["of"].as_u64().unwrap_or(0)),
        backed_up: receipt["backed_up"].as_u64().filter(|index| *index > 0),
    };
    let changes = count("unsent") + count("under_way");
    let scans = count("attachments");
    show(Custody {
        words,
        counts: ["on_laptop", "carried", "at_hub", "accepted"].map(|name| (name, count(name))).into(),
        open: open(words, &custody),
        lost: lost.collect(),
        oldest: custody["oldest_unsent"].as_str().map(str::to_owned),
        records: (changes > 0).then(|| (words.count("changes", changes), words.size(count("record_bytes")))),
        held: Some(count("held")).filter(|held| *held > 0).map(|held| words.count("changes", held)),
        scans: (scans > 0).then(|| (scans, words.size(count("attachment_bytes")))),
        stuck: Some(count("attachments_refused"))
            .filter(|stuck| *stuck > 0)
            .map(|stuck| words.count("custody-stuck", stuck)),
        receipt: custody.get("receipt").filter(|found| found.is_object()).map(receipt),
        notes: notes.collect(),
    })
}
