//! The operator's page, on this machine alone: how the hub is, in Bahasa Indonesia or English.

mod words;

use askama::Template;
use axum::{
    Router,
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use tokio::net::TcpListener;
use van_agent::host::owner::Handle;

use self::words::{Language, Words};
use crate::hub::{Hub, Status};

/// Shows the page to whoever asks at `listener`, until it is dropped.
pub async fn serve(listener: TcpListener, hub: Handle<Hub>) {
    let pages = Router::new().route("/", get(status)).layer(middleware::from_fn(guard)).with_state(hub);
    if let Err(error) = axum::serve(listener, pages).await {
        tracing::error!(%error, "show the page");
    }
}

#[derive(Deserialize)]
struct Choice {
    lang: Option<String>,
}

#[derive(Template)]
#[template(path = "status.html")]
struct Page {
    words: Words,
    status: Status,
}

async fn status(
    State(hub): State<Handle<Hub>>,
    Query(choice): Query<Choice>,
    headers: HeaderMap,
) -> Response {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let words = Words::new(Language::choose(choice.lang.as_deref(), accepted));
    let status = match hub.run(|hub, _| hub.status()).await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "read the status");
            return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
        }
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    };
    match (Page { words, status }).render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "write the page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Answers only what was asked of this machine by its own name, so that no other site's page gets in by
/// giving its name our address, and lets no page be framed or fetch anything.
async fn guard(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_loopback) {
        return (StatusCode::MISDIRECTED_REQUEST, "open the page at http://127.0.0.1").into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_answered() {
        for host in ["127.0.0.1:4480", "127.0.0.1", "localhost:80", "LOCALHOST", "[::1]:4480", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "evil.example", "127.0.0.1.evil.example:4480", "10.0.0.1:4480", "localhost.evil:1", ":80"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
