//! Where the browser goes once a button has done its work.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// Sends the browser to another page of ours.
pub(super) fn see(place: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, place.to_owned())]).into_response()
}
