//! The field officer's page, on this machine alone: recording, what has arrived, what needs a person, recent
//! cases, find.
//!
//! Every change is a POST that carries the token of our own pages (`posted`). Pages work without scripts.

mod acts;
mod aloud;
mod blanks;
mod book;
mod card;
mod carry;
mod case;
mod correct;
mod custody;
mod day;
mod handover;
mod header;
mod manifest;
mod needs;
mod pages;
mod papers;
mod posted;
mod queue;
mod record;
mod settings;
mod sheet;
mod sheets;
mod slips;
mod sure;
mod survey;
mod sync;
mod today;
mod uploaded;
mod verify;
mod visits;

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef},
    http::header::CONTENT_TYPE,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use shared::time::Now;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    agent::Agent,
    host::{
        output::Failure,
        owner::Handle,
        web::{LANGUAGE, SignIn, assets, guard},
    },
    link::{Exchange, Progress},
};

const INDONESIAN: &str = include_str!("../../locales/id.ftl");
const ENGLISH: &str = include_str!("../../locales/en.ftl");

const KEYS: &str = include_str!("../../templates/keys.mjs");
const SHEET: &str = include_str!("../../templates/sheet.mjs");
const CAMERA: &str = include_str!("../../templates/camera.mjs");
const SURVEY: &str = include_str!("../../templates/survey.mjs");
const PAD: &str = include_str!("../../templates/pad.mjs");
const SCAN: &str = include_str!("../../templates/scan.mjs");
const PRINT: &str = include_str!("../../templates/print.mjs");
const LIVE: &str = include_str!("../../templates/live.mjs");

/// What the pages know.
#[derive(Clone)]
struct Site {
    agent: Handle<Agent>,
    sign_in: SignIn,
    link: Link,
}

/// What pages tell of how this laptop meets the hub and other laptops.
#[derive(Clone, Debug)]
pub struct Link {
    /// How the newest exchange went.
    pub newest: watch::Receiver<Option<Exchange>>,
    /// How far the exchange under way is.
    pub progress: watch::Receiver<Progress>,
    /// Where this laptop listens for others, if it does.
    pub door: Option<SocketAddr>,
}

impl Site {
    /// Has the owner's thread do something that may fail.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Agent, Now) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.agent.run(work).await.map_err(|stopped| Failure::new(stopped.to_string()).why("stopped"))?
    }
}

impl FromRef<Site> for SignIn {
    fn from_ref(site: &Site) -> Self {
        site.sign_in.clone()
    }
}

/// Shows the page to whoever is signed in at `listener`, until it is dropped.
pub async fn serve(listener: TcpListener, agent: Handle<Agent>, sign_in: SignIn, link: Link) {
    let site = Site { agent, sign_in: sign_in.clone(), link };
    let signed_in = Router::new()
        .route("/", get(today::today))
        .route("/record", get(record::begin).post(record::act))
        .route("/record/keep", post(record::keep))
        .route("/record/aloud/{form}", get(aloud::aloud))
        .route("/saved/{cases}", get(slips::saved))
        .route("/slips", get(slips::begin).post(slips::act))
        .route(
            "/verify",
            get(verify::begin).post(verify::photo).layer(DefaultBodyLimit::max(uploaded::FORM_BYTES_MAX)),
        )
        .route("/verify/frame", post(verify::frame).layer(DefaultBodyLimit::max(uploaded::FORM_BYTES_MAX)))
        .route("/sheets", get(sheets::begin).post(sheets::act))
        .route("/sheets/{batch}", get(sheets::paper))
        .route("/correct/{case}", get(correct::begin).post(correct::act))
        .route("/handover", get(handover::begin).post(handover::act))
        .route("/manifest", get(manifest::begin).post(manifest::act))
        .route("/queue", get(queue::begin).post(queue::act))
        .route("/officer", get(settings::officers).post(settings::take_over))
        .route("/settings", get(settings::begin).post(settings::act))
        .route("/theme.css", get(header::theme))
        .route("/carry", get(carry::begin).post(carry::act))
        .route("/custody", get(custody::page))
        .route("/sync", get(sync::page).post(sync::act))
        .route("/sync/news", get(sync::news))
        .route("/visits", get(visits::begin).post(visits::act))
        .route("/survey", get(survey::begin).post(survey::add))
        .route("/survey/paper", get(survey::paper))
        .route("/blanks", get(blanks::begin).post(blanks::act))
        .route("/day", get(day::day).post(day::close))
        .route("/day/decide", post(day::decide))
        .route("/find", get(pages::find))
        .route("/case/{case}", get(case::case).post(papers::act))
        .route("/case/{case}/attach", post(papers::upload).layer(DefaultBodyLimit::disable()))
        .route("/case/{case}/file/{attachment}", get(papers::file).post(papers::wish))
        .route("/case/{case}/small/{attachment}", get(papers::small))
        .route("/needs-you", get(needs::begin).post(needs::act))
        .route(LANGUAGE, post(pages::language))
        .fallback(pages::nowhere)
        .layer(from_fn_with_state(site.clone(), header::read))
        .layer(from_fn_with_state(sign_in, SignIn::require));
    let pages = Router::new()
        .merge(assets())
        .merge(scripts())
        .merge(signed_in)
        .layer(from_fn(guard))
        .with_state(site);
    if let Err(error) = axum::serve(listener, pages).await {
        tracing::error!(%error, "show the page");
    }
}

/// The pages' scripts; they tell nothing, so anybody may have them.
fn scripts() -> Router<Site> {
    let script = |text: &'static str| get(move || async move { ([(CONTENT_TYPE, "text/javascript")], text) });
    Router::new()
        .route("/keys.mjs", script(KEYS))
        .route("/sheet.mjs", script(SHEET))
        .route("/survey.mjs", script(SURVEY))
        .route("/pad.mjs", script(PAD))
        .route("/scan.mjs", script(SCAN))
        .route("/print.mjs", script(PRINT))
        .route("/camera.mjs", script(CAMERA))
        .route("/live.mjs", script(LIVE))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::host::web::{Language, Words};

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
            for code in shared::desk::warnings::Code::ALL {
                assert!(words.find(&format!("warning-{}", code.as_str())).is_some(), "{code:?}");
            }
            for rule in shared::sync::gate::Refusal::CODES {
                assert!(words.find(&format!("rule-{rule}")).is_some(), "{rule}");
            }
        }
    }
}
