//! What stands at the top of every page and how it looks: who works at this laptop, its language, its
//! colours, and how many slips wait for paper. Read
//! once a request, before its page.

use std::any::Any;

use askama::{Template, Values};
use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};

use shared::store::slips;

use super::Site;
use crate::{
    agent::{Agent, said},
    host::output::Failure,
    settings::Setting,
};

tokio::task_local! {
    /// The header of the page that is being answered.
    static HEADER: Header;
}

/// The style of high contrast, over the other one.
const CONTRAST: &str = include_str!("../../templates/contrast.css");

/// What the header says; nothing where it could not be read, so that the page can say why.
#[derive(Clone, Default, Debug)]
struct Header {
    officer: String,
    language: String,
    /// Slips that are not on paper yet.
    unprinted: u64,
    /// The token of our own pages.
    token: String,
}

impl Values for Header {
    fn get_value<'a>(&'a self, key: &str) -> Option<&'a dyn Any> {
        match key {
            "officer" => Some(&self.officer),
            "unprinted" => Some(&self.unprinted),
            "token" => Some(&self.token),
            _ => None,
        }
    }
}

fn of(agent: &mut Agent) -> Result<Header, Failure> {
    let unprinted = slips::open_count(agent.read()?).map_err(said)?;
    let (officer, language) = (agent.officer()?, agent.setting(Setting::Language)?);
    Ok(Header { officer, language, unprinted, ..Header::default() })
}

/// Reads the header, and answers with it at hand.
pub(super) async fn read(State(site): State<Site>, request: Request, next: Next) -> Response {
    let read = site.run(|agent, _| of(agent)).await.unwrap_or_default();
    let header = Header { token: site.sign_in.token(), ..read };
    HEADER.scope(header, next.run(request)).await
}

/// The language that this laptop is set to.
pub(super) fn language_of_laptop() -> Option<String> {
    HEADER.try_with(|header| header.language.clone()).ok()
}

/// Answers with a page.
pub(super) fn show(page: impl Template) -> Response {
    let rendered = HEADER.try_with(|header| page.render_with_values(header));
    match rendered.unwrap_or_else(|_| page.render_with_values(&Header::default())) {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "write the page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The colours that this laptop chose, over the style of all pages.
pub(super) async fn theme(State(site): State<Site>) -> Response {
    let theme = site.run(|agent, _| agent.setting(Setting::Theme)).await;
    let is_contrast = matches!(theme, Ok(theme) if theme == "contrast");
    let style = if is_contrast { CONTRAST } else { "" };
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], style).into_response()
}
