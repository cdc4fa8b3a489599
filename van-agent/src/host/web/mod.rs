//! Guards a page that is for this machine alone.
//!
//! **Invariants:** only requests that name this machine by a loopback name are answered, so that no other site's
//! page gets in by giving its name our address; what changes something comes from our own pages; nothing is
//! framed, fetched from elsewhere or cached. A person is signed in by the secret of the page's URL, which the
//! first answer takes out of the address bar and puts into a cookie of this session; a form carries a token that
//! follows from it.

mod words;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use data_encoding::HEXLOWER;
use shared::identity;

pub use self::words::{Language, Words};
use crate::host::machine;

/// The field of a form that holds the token.
pub const CSRF_FIELD: &str = "csrf";

/// Where the choice of a language is posted to, in the field of the same name.
pub const LANGUAGE: &str = "/language";

const LANGUAGE_COOKIE: &str = "keliling-language";

const STYLE: &str = include_str!("../../../templates/style.css");
const ICON: &str = include_str!("../../../templates/icon.svg");

/// What every page of both programs refers to; it tells nothing, so anybody may have it.
pub fn assets<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/style.css", get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE) }))
        .route("/icon.svg", get(|| async { ([(header::CONTENT_TYPE, "image/svg+xml")], ICON) }))
}

/// Answers nobody but this machine, and puts the headers that every page has.
pub async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_loopback) {
        return (StatusCode::MISDIRECTED_REQUEST, "open the page at http://127.0.0.1").into_response();
    }
    if !is_safe(request.method()) && !is_own_origin(headers) {
        return (StatusCode::FORBIDDEN, "this was asked by another page").into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a `Host` is a name of this machine by itself, whatever the port.
pub fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(name, _)| name),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    matches!(name, "127.0.0.1" | "localhost" | "::1")
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Whether the browser says that our own page asks.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else { return false };
    origin.strip_prefix("http://") == Some(host)
}

/// The secret that opens the page. A laptop keeps it, so that what is open goes on when the program has begun again; a
/// hub draws it at each start.
#[derive(Clone)]
pub struct SignIn {
    secret: Arc<[u8; 32]>,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignIn(..)")
    }
}

impl Default for SignIn {
    fn default() -> Self {
        Self::new()
    }
}

impl SignIn {
    /// Draws a secret.
    pub fn new() -> Self {
        let mut secret = [0; 32];
        machine::entropy(&mut secret);
        Self { secret: Arc::new(secret) }
    }

    /// One that was kept.
    pub fn of(secret: [u8; 32]) -> Self {
        Self { secret: Arc::new(secret) }
    }

    /// What is kept.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The URL that opens the first page at `bound`, signed in.
    pub fn url(&self, bound: SocketAddr) -> String {
        self.url_of(bound, "/")
    }

    /// The URL that opens the page of a path at `bound`, signed in.
    pub fn url_of(&self, bound: SocketAddr, path: &str) -> String {
        format!("http://{bound}{path}?token={}", self.text())
    }

    /// The token that forms of our own pages carry.
    pub fn token(&self) -> String {
        HEXLOWER.encode(&self.token_bytes())
    }

    /// Whether a form carries the token.
    pub fn is_token(&self, text: &str) -> bool {
        is_secret(text, &self.token_bytes())
    }

    fn token_bytes(&self) -> [u8; 32] {
        blake3::derive_key("keliling 1 form of a page", &*self.secret)
    }

    fn text(&self) -> String {
        HEXLOWER.encode(&*self.secret)
    }

    fn is(&self, text: &str) -> bool {
        is_secret(text, &self.secret)
    }

    /// The cookie of a signed-in session; its name holds the port, as cookies do not tell ports apart.
    fn cookie(&self, port: &str) -> String {
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", cookie_name(port), self.text())
    }

    /// Lets in whoever shows the secret, once in the URL, then in the cookie.
    pub async fn require(State(sign_in): State<Self>, request: Request, next: Next) -> Response {
        let port = port_of(request.headers());
        if let Some(token) = query(request.uri(), "token") {
            if !sign_in.is(&token) {
                return denied();
            }
            let place = request.uri().path().to_owned();
            let headers = [(header::SET_COOKIE, sign_in.cookie(&port)), (header::LOCATION, place)];
            return (StatusCode::SEE_OTHER, headers).into_response();
        }
        match cookie(request.headers(), &cookie_name(&port)) {
            Some(given) if sign_in.is(&given) => next.run(request).await,
            Some(_) | None => denied(),
        }
    }
}

fn is_secret(text: &str, secret: &[u8; 32]) -> bool {
    let given = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    given.is_some_and(|given| identity::same_secret(&given, secret))
}

fn denied() -> Response {
    let text = "Buka halaman dengan alamat yang ditampilkan saat program dimulai.\n\
                Open the page by the address that the program showed when it started.\n";
    (StatusCode::UNAUTHORIZED, text).into_response()
}

fn cookie_name(port: &str) -> String {
    format!("keliling-{port}")
}

fn port_of(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rsplit_once(':').map_or("80", |(_, port)| port);
    port.chars().filter(char::is_ascii_digit).collect()
}

/// The page of ours from which a form was sent, as path and query; the first page where none is named.
pub fn came_from(headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let place = text(header::REFERER)
        .and_then(|page| page.strip_prefix("http://"))
        .zip(text(header::HOST))
        .and_then(|(page, host)| page.strip_prefix(host))
        .filter(|place| place.starts_with('/') && !place[1..].starts_with(['/', '\\']));
    place.unwrap_or("/").to_owned()
}

/// The code of the language that the reader chose in this browser, where one was.
pub fn chosen_language(headers: &HeaderMap) -> Option<String> {
    cookie(headers, LANGUAGE_COOKIE)
}

/// What keeps the choice of a language in the browser.
pub fn language_cookie(code: &str) -> String {
    let code = Language::of(Some(code)).code();
    format!("{LANGUAGE_COOKIE}={code}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000")
}

/// Keeps the choice of a language, and goes back to the page from which it was made.
pub fn choose_language(code: &str, headers: &HeaderMap) -> Response {
    let headers = [(header::SET_COOKIE, language_cookie(code)), (header::LOCATION, came_from(headers))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// A cookie by its name.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.to_owned())
}

/// A parameter of the query that needs no decoding.
fn query(uri: &Uri, name: &str) -> Option<String> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_answered() {
        for host in ["127.0.0.1:4470", "localhost", "localhost:1", "[::1]:4470", "127.0.0.1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["evil.example", "evil.example:4470", "127.0.0.1.evil.example:80", "[::2]:1", "", "10.0.0.1:1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_foreign_origin_is_told_apart() {
        let headers = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:4470"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            headers
        };
        assert!(is_own_origin(&headers(Some("http://127.0.0.1:4470"))));
        for origin in [None, Some("null"), Some("http://evil.example"), Some("http://127.0.0.1:4471")] {
            assert!(!is_own_origin(&headers(origin)), "{origin:?}");
        }
    }

    #[test]
    fn a_choice_leads_back_to_our_own_pages_only() {
        let place = |referer: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:4470"));
            headers.insert(header::REFERER, HeaderValue::from_static(referer));
            came_from(&headers)
        };
        assert_eq!(came_from(&HeaderMap::new()), "/");
        assert_eq!(place("http://127.0.0.1:4470/find?q=Ose"), "/find?q=Ose");
        for foreign in [
            "",
            "http://127.0.0.1:4470",
            "http://evil.example/find",
            "http://127.0.0.1:44701/find",
            "http://127.0.0.1:4470//evil.example",
            "http://127.0.0.1:4470/\\evil.example",
        ] {
            assert_eq!(place(foreign), "/", "{foreign}");
        }
    }

    #[test]
    fn only_the_secret_opens() {
        let sign_in = SignIn::new();
        let url = sign_in.url("127.0.0.1:7".parse().expect("an address"));
        let (_, token) = url.split_once("token=").expect("a token");
        assert!(sign_in.is(token));
        for wrong in ["", "00", &token[..63], &token.to_uppercase(), &SignIn::new().text()] {
            assert!(!sign_in.is(wrong) || wrong == token, "{wrong}");
        }
        assert!(
            sign_in.is_token(&sign_in.token()) && !sign_in.is_token(token) && !sign_in.is(&sign_in.token())
        );
    }
}
