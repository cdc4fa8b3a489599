//! What the buttons of the first page do.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Site,
    pages::{ask, failed, words},
    posted::Posted,
};
use crate::request::Request;

/// Sends the browser to another page of ours.
pub(super) fn see(place: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, place.to_owned())]).into_response()
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
