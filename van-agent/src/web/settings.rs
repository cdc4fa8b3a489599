//! The pages of how this laptop is set up, and of who works at it.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    Site,
    acts::see,
    pages::{Reason, ask, failed, show, unkept, why, words},
    posted::Posted,
};
use crate::{
    host::{
        output::Failure,
        web::{Words, language_cookie},
    },
    request::Request,
    settings::{Colleague, Setting},
};

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    words: &'static Words,
    token: String,
    settings: Vec<Set>,
    /// What the examination of the database came to: whether it is sound, and in words.
    examined: Option<(bool, String)>,
    wrong: Option<Reason>,
}

/// A setting as it stands.
struct Set {
    name: &'static str,
    value: String,
    choices: &'static [&'static str],
    /// Whether it takes several lines.
    lines: bool,
}

#[derive(Template)]
#[template(path = "officer.html")]
struct OfficerPage {
    words: &'static Words,
    token: String,
    officer: String,
    officers: Vec<Colleague>,
}

pub(super) async fn begin(State(site): State<Site>, headers: HeaderMap) -> Response {
    page(&site, words(&headers), None, None, &[]).await
}

async fn page(
    site: &Site,
    words: &'static Words,
    examined: Option<(bool, String)>,
    wrong: Option<Reason>,
    typed: &[(Setting, String)],
) -> Response {
    let typed = typed.to_vec();
    let read = site.run(move |agent, _| {
        let set = |setting: Setting| {
            let typed = typed.iter().find(|(of, _)| *of == setting);
            Ok(Set {
                name: setting.as_str(),
                value: typed.map_or_else(|| agent.setting(setting), |(_, value)| Ok(value.clone()))?,
                choices: setting.choices(),
                lines: setting == Setting::Officers,
            })
        };
        Setting::ALL.into_iter().map(set).collect::<Result<Vec<_>, Failure>>()
    });
    let settings = match read.await {
        Ok(settings) => settings,
        Err(failure) => return failed(words, &failure),
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = SettingsPage { words, token: site.sign_in.token(), settings, examined, wrong };
    (status, show(page)).into_response()
}

/// Sets what was chosen, or examines the database.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    if posted.text("do") == "doctor" {
        return match ask(&site, words, Request::Doctor { rebuild: false }).await {
            Ok((found, _)) => page(&site, words, Some(examined(words, &found)), None, &[]).await,
            Err(failure) => failed(words, &failure),
        };
    }
    let language = posted.text(Setting::Language.as_str()).to_owned();
    let is_posted = |setting: &Setting| posted.0.iter().any(|(name, _)| name == setting.as_str());
    let typed: Vec<_> = Setting::ALL.into_iter().filter(is_posted).collect();
    let typed: Vec<_> =
        typed.into_iter().map(|setting| (setting, posted.text(setting.as_str()).to_owned())).collect();
    let wanted = typed.clone();
    match site.run(move |agent, _| agent.set_settings(&wanted)).await {
        // What the browser chose before would go before it.
        Ok(()) => ([(header::SET_COOKIE, language_cookie(&language))], see("/settings")).into_response(),
        Err(failure) => {
            let (sentence, detail) = why(words, &failure);
            let sentence = if failure.usage { sentence } else { unkept(words, &failure) };
            page(&site, words, None, Some((sentence, detail)), &typed).await
        }
    }
}

fn examined(words: &Words, found: &Value) -> (bool, String) {
    let are_files_damaged = found["carried_files"].as_array().is_some_and(|files| !files.is_empty());
    match found["ok"] == true {
        true if are_files_damaged => (true, words.get("doctor-carried")),
        true => (true, words.get("doctor-sound")),
        false => (false, words.get("doctor-unsound")),
    }
}

/// The page on which another officer takes over.
pub(super) async fn officers(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let read = site.run(|agent, _| Ok::<_, Failure>((agent.officer()?, agent.officers()?)));
    match read.await {
        Ok((officer, officers)) => {
            show(OfficerPage { words, token: site.sign_in.token(), officer, officers })
        }
        Err(failure) => failed(words, &failure),
    }
}

/// Notes who works at this laptop from now on. Half-typed forms keep the name of who began them.
pub(super) async fn take_over(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let name = posted.text("officer").to_owned();
    let noted = site.run(move |agent, _| agent.set_officer(&name)).await;
    match noted {
        Ok(()) => see("/"),
        Err(failure) => failed(words, &failure),
    }
}
