//! The page on which a counter looks at a slip that somebody brings: scanned, pasted, or as a photo.

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Site,
    pages::{Reason, ask, death, show, text, why, words},
    uploaded::Uploaded,
};
use crate::{
    host::{
        output::Failure,
        picture::{self, Sought},
        web::Words,
    },
    request::Request,
    slips::SlipAct,
};

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    words: &'static Words,
    token: String,
    /// The name on the paper, where somebody typed it.
    name: String,
    judged: Option<Judged>,
    /// Why what was brought is no slip, in English.
    wrong: Option<Reason>,
}

/// What a slip is worth.
struct Judged {
    /// The name of the words for it: `verdict-valid`.
    verdict: String,
    valid: bool,
    number: String,
    service: String,
    at: String,
    registered: bool,
    /// Which slip of the case it is, in words.
    revision: String,
    laptop: String,
    /// That its laptop may connect no more, in words.
    standing: Option<String>,
    name_agrees: Option<bool>,
    cases: Vec<Known>,
}

impl Judged {
    /// Whether it is good for what it says, as far as is known here.
    fn counts(&self) -> bool {
        self.valid
            && self.standing.is_none()
            && self.cases.iter().all(|case| !case.replaced && case.name_agrees)
    }
}

/// A case of the slip's number.
struct Known {
    case: String,
    status: String,
    replaced: bool,
    name_agrees: bool,
    /// The day on which the subject's death was reported.
    death: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Brought {
    #[serde(default)]
    slip: String,
    #[serde(default)]
    name: String,
}

pub(super) async fn begin(
    State(site): State<Site>,
    Query(Brought { slip, name }): Query<Brought>,
    headers: HeaderMap,
) -> Response {
    let brought = if slip.trim().is_empty() { None } else { Some(Ok(slip)) };
    page(&site, words(&headers), name, brought).await
}

/// Looks for a slip in a photo.
pub(super) async fn photo(State(site): State<Site>, headers: HeaderMap, form: Uploaded) -> Response {
    let words = words(&headers);
    let name = String::from_utf8_lossy(form.content("name")).trim().to_owned();
    page(&site, words, name, Some(slip_in(form).await)).await
}

/// What a slip's QR says in a picture of the camera; no content while there is none in sight.
pub(super) async fn frame(form: Uploaded) -> Response {
    match slip_in(form).await {
        Ok(slip) => slip.into_response(),
        Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn slip_in(form: Uploaded) -> Result<String, Failure> {
    let found =
        tokio::task::spawn_blocking(move || picture::text_in(form.content("photo"), Sought::Slip)).await;
    found.unwrap_or_else(|stopped| Err(Failure::new(stopped.to_string()).why("stopped")))
}

async fn page(
    site: &Site,
    words: &'static Words,
    name: String,
    brought: Option<Result<String, Failure>>,
) -> Response {
    let verified = match brought {
        None => Ok(None),
        Some(Err(failure)) => Err(failure),
        Some(Ok(typed)) => {
            let name = Some(name.clone()).filter(|name| !name.trim().is_empty());
            let asked = ask(site, words, Request::Slip { act: SlipAct::Verify { typed, name } }).await;
            asked.map(|(verified, _)| Some(judged(words, &verified)))
        }
    };
    let (status, judged, wrong) = match verified {
        Ok(judged) => (StatusCode::OK, judged, None),
        Err(failure) => (StatusCode::UNPROCESSABLE_ENTITY, None, Some(why(words, &failure))),
    };
    (status, show(VerifyPage { words, token: site.sign_in.token(), name, judged, wrong })).into_response()
}

fn judged(words: &Words, verified: &Value) -> Judged {
    let known = |case: &Value| Known {
        case: text(case, "case"),
        status: words.part("state", &text(case, "status")),
        replaced: case["replaced"] == true,
        name_agrees: case["name_agrees"] == true,
        death: death(words, case["death"].as_str()),
    };
    let laptop = verified["laptop"].as_str().map(str::to_owned);
    let standing = verified["standing"].as_str().map(|standing| {
        let since = verified["standing_since"].as_str().map_or_else(String::new, |since| words.moment(since));
        format!("{} {since}", words.part("standing", standing)).trim().to_owned()
    });
    Judged {
        verdict: format!("verdict-{}", text(verified, "verdict")),
        valid: verified["verdict"] == "valid",
        number: text(verified, "slip"),
        service: text(verified, "service"),
        at: words.moment(&text(verified, "recorded")),
        registered: verified["state"] == "registered",
        revision: words.count("slip-revision", verified["revision"].as_u64().unwrap_or(0)),
        laptop: laptop.unwrap_or_else(|| words.count("by-laptop", verified["device"].as_u64().unwrap_or(0))),
        standing,
        name_agrees: verified["name_agrees"].as_bool(),
        cases: verified["cases"].as_array().into_iter().flatten().map(known).collect(),
    }
}
