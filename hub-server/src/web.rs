//! The operator's pages, on this machine alone, in Bahasa Indonesia or English. The first shows how the hub is: counts
//! and laptops, nothing of any citizen. `products` is for whoever opened it by the address that the program showed.

mod products;

use askama::Template;
use axum::{
    Form, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::net::TcpListener;
use van_agent::host::{
    owner::Handle,
    web::{self, Language, SignIn, Words},
};

use crate::hub::{Hub, Status};

const INDONESIAN: &str = include_str!("../locales/id.ftl");
const ENGLISH: &str = include_str!("../locales/en.ftl");

/// Where products are marked ready.
pub const PRODUCTS: &str = "/products";

/// What the pages know.
#[derive(Clone)]
struct Site {
    hub: Handle<Hub>,
    sign_in: SignIn,
    /// What was marked lately, so that a page that is loaded again marks nothing again.
    marked: products::Marked,
}

/// Shows the pages to whoever asks at `listener`, until it is dropped.
pub async fn serve(listener: TcpListener, hub: Handle<Hub>, sign_in: SignIn) {
    let signed_in = Router::new()
        .route(PRODUCTS, get(products::begin).post(products::act))
        .route_layer(middleware::from_fn_with_state(sign_in.clone(), SignIn::require));
    let pages = Router::new()
        .route("/", get(status))
        .route(web::LANGUAGE, post(choose))
        .merge(web::assets())
        .merge(signed_in)
        .layer(middleware::from_fn(web::guard))
        .with_state(Site { hub, sign_in, marked: products::Marked::default() });
    if let Err(error) = axum::serve(listener, pages).await {
        tracing::error!(%error, "show the page");
    }
}

#[derive(Deserialize)]
struct Choice {
    csrf: String,
    language: String,
}

/// Keeps the language that was chosen.
async fn choose(State(site): State<Site>, headers: HeaderMap, Form(choice): Form<Choice>) -> Response {
    if !site.sign_in.is_token(&choice.csrf) {
        return foreign(&words_of(&headers));
    }
    web::choose_language(&choice.language, &headers)
}

/// Answers a form without the token of our own pages.
fn foreign(words: &Words) -> Response {
    (StatusCode::FORBIDDEN, words.get("load-again")).into_response()
}

#[derive(Template)]
#[template(path = "status.html")]
struct Page {
    words: Words,
    token: String,
    status: Status,
}

async fn status(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words_of(&headers);
    let status = match site.hub.run(|hub, _| hub.status()).await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "read the status");
            return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
        }
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    };
    page(&Page { words, token: site.sign_in.token(), status })
}

/// Writes a page.
fn page(page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "write the page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The words of the language that was chosen, or that the browser asks for.
fn words_of(headers: &HeaderMap) -> Words {
    Words::new(language(headers), INDONESIAN, ENGLISH)
}

/// The language that was chosen, or else the one that the browser asks for first.
fn language(headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let first = accepted.and_then(|accepted| accepted.trim().get(..2));
    Language::of(web::chosen_language(headers).as_deref().or(first))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn both_languages_have_the_same_words() {
        let names = |text: &str| -> BTreeSet<String> {
            let line = |line: &str| line.split_once(" =").map(|(name, _)| name.to_owned());
            text.lines().filter(|text| !text.starts_with([' ', '#'])).filter_map(line).collect()
        };
        assert_eq!(names(INDONESIAN), names(ENGLISH));
        for language in [Language::Indonesian, Language::English] {
            let words = Words::new(language, INDONESIAN, ENGLISH);
            for name in names(ENGLISH) {
                assert!(words.find(&name).is_some(), "{name}");
            }
            for state in shared::document::State::ALL {
                assert!(words.find(&format!("state-{state}")).is_some(), "{state}");
            }
        }
    }

    #[test]
    fn the_first_language_is_indonesian() {
        let mut headers = HeaderMap::new();
        assert_eq!(language(&headers), Language::Indonesian);
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("en-GB,en;q=0.9,id;q=0.8"));
        assert_eq!(language(&headers), Language::English);
        headers.insert(header::COOKIE, HeaderValue::from_static("keliling-language=id"));
        assert_eq!(language(&headers), Language::Indonesian);
    }
}
