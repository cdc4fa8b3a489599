//! What the buttons of the first page do: visits, and reconciling now.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    Site,
    pages::{ask, failed, words},
    posted::Posted,
};
use crate::{
    host::{control::Call, output::Failure},
    request::Request,
};

/// How long an exchange goes on without a packet, in milliseconds.
const PATIENCE_MILLISECONDS: u64 = 45_000;

/// Sends the browser to another page of ours.
pub(super) fn see(place: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, place.to_owned())]).into_response()
}

/// Reconciles now, as far as there is a network; the first page tells how it went.
pub(super) async fn sync(State(site): State<Site>, headers: HeaderMap, _: Posted) -> Response {
    let (call, mut answers) = Call::new(json!(Request::Sync { patience: PATIENCE_MILLISECONDS }));
    if let Err(stopped) = site.agent.call(call).await {
        return failed(words(&headers), &Failure::new(stopped.to_string()));
    }
    // Whoever goes away is taken to have lost interest.
    tokio::spawn(async move { while answers.next().await.is_some() {} });
    see("/")
}

/// Opens a visit of this unit, or closes one.
pub(super) async fn visit(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let visit = posted.text("visit");
    let request = if visit.is_empty() {
        let label = posted.text("label").to_owned();
        let village = posted.text("village").parse().ok();
        Request::VisitOpen { label, date: None, village, point: None, lead: None, agencies: Vec::new() }
    } else {
        Request::VisitClose { visit: visit.to_owned() }
    };
    match ask(&site, words, request).await {
        Ok(_) => see("/"),
        Err(failure) => failed(words, &failure),
    }
}
