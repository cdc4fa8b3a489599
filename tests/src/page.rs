//! A reader of the programs' pages over plain HTTP, for where no browser is needed.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use crate::process::Running;

/// Asks the page at `at` by the head of a request without its blank line, and answers everything that comes back.
///
/// # Panics
/// Nobody listens there.
pub fn ask(at: SocketAddr, head: &str) -> String {
    send(at, head, "")
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
    let cookie = cookie.map_or_else(String::new, |cookie| format!("\r\nCookie: {cookie}"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {at}\r\nOrigin: http://{at}{cookie}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}",
        fields.len()
    );
    send(at, &head, fields)
}

fn send(at: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(at).expect("the page listens");
    write!(stream, "{head}\r\nConnection: close\r\n\r\n{body}").expect("writes");
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
}

/// What the attribute `value` of the first hidden field of that name is.
pub fn hidden<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    rest.split('"').next()
}
