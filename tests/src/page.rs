//! A reader of the programs' pages over plain HTTP, for where no browser is needed.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use crate::process::Running;

/// What stands between the parts of a form with a file.
const BOUNDARY: &str = "----------part";

/// Asks the page at `at` by the head of a request without its blank line, and answers everything that comes back.
///
/// # Panics
/// Nobody listens there.
pub fn ask(at: SocketAddr, head: &str) -> String {
    send(at, head, b"")
}

/// Gets a path as `host`, with a cookie where there is one.
///
/// # Panics
/// Nobody listens there.
pub fn get(at: SocketAddr, host: &str, path: &str, cookie: Option<&str>) -> String {
    let cookie = cookie.map_or_else(String::new, |cookie| format!("\r\nCookie: {cookie}"));
    ask(at, &format!("GET {path} HTTP/1.1\r\nHost: {host}{cookie}"))
}

/// Posts a form from a page of its own, its fields encoded as a form's are, with a cookie where there is one.
///
/// # Panics
/// Nobody listens there.
pub fn post(at: SocketAddr, path: &str, cookie: Option<&str>, fields: &str) -> String {
    post_form(at, path, cookie, "application/x-www-form-urlencoded", fields.as_bytes())
}

fn post_form(at: SocketAddr, path: &str, cookie: Option<&str>, kind: &str, form: &[u8]) -> String {
    let cookie = cookie.map_or_else(String::new, |cookie| format!("\r\nCookie: {cookie}"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {at}\r\nOrigin: http://{at}{cookie}\r\n\
         Content-Type: {kind}\r\nContent-Length: {}",
        form.len()
    );
    send(at, &head, form)
}

fn send(at: SocketAddr, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).expect("the page listens");
    write!(stream, "{head}\r\nConnection: close\r\n\r\n").expect("writes");
    stream.write_all(body).expect("writes");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("reads");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Somebody who is signed in at a laptop's page.
#[derive(Clone, Debug)]
pub struct Reader {
    at: SocketAddr,
    cookie: String,
}

impl Reader {
    /// Signs in by the address that a laptop's `run` tells.
    ///
    /// # Panics
    /// The page lets nobody in.
    pub fn of(running: &Running) -> Self {
        let url = running.ready()["url"].as_str().expect("a url");
        let (at, query) =
            url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("it is whole");
        let at: SocketAddr = at.parse().expect("an address");
        let signed = get(at, &at.to_string(), &format!("/{query}"), None);
        let cookie = signed.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        Self { at, cookie: cookie.split(';').next().expect("a pair").to_owned() }
    }

    /// The same reader, who chose a language.
    pub fn in_language(&self, code: &str) -> Self {
        Self { at: self.at, cookie: format!("{}; keliling-language={code}", self.cookie) }
    }

    /// The whole answer for a path.
    ///
    /// # Panics
    /// The page is gone.
    pub fn get(&self, path: &str) -> String {
        get(self.at, &self.at.to_string(), path, Some(&self.cookie))
    }

    /// Posts a form, its fields encoded as a form's are, with the token that the page of it bears.
    ///
    /// # Panics
    /// The page is gone.
    pub fn post(&self, path: &str, token: &str, fields: &str) -> String {
        post(self.at, path, Some(&self.cookie), &format!("csrf={token}&{fields}"))
    }

    /// Posts a file as a scan, with the token that the page of its form bears.
    ///
    /// # Panics
    /// The page is gone.
    pub fn upload(&self, path: &str, token: &str, name: &str, bytes: &[u8]) -> String {
        let field = |field: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"");
        let (csrf, kind, file) = (field("csrf"), field("kind"), field("file"));
        let before = format!("{csrf}\r\n\r\n{token}\r\n{kind}\r\n\r\nscan\r\n{file}; filename=\"{name}\"");
        let after = format!("\r\n--{BOUNDARY}--\r\n");
        let form = [before.as_bytes(), b"\r\n\r\n", bytes, after.as_bytes()].concat();
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        post_form(self.at, path, Some(&self.cookie), &kind, &form)
    }
}

/// What the attribute `value` of the first hidden field of that name is.
pub fn hidden<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    rest.split('"').next()
}
