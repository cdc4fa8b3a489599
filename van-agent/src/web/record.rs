//! The page on which an officer records a sitting: who it is, which services, what is missing.

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use shared::{document::Confirmation, store::queue::Class, time::Now};

use super::{
    Site,
    acts::see,
    pages::{Reason, detail, failed, show, status, unkept, words, wrong},
    posted::Posted,
    sheet::View,
    sure::{self, Answer},
};
use crate::{
    agent::Agent,
    host::{output::Failure, web::Words},
    record::{
        sheet::{OTHER_PRIORITY, PRIORITIES, Sheet},
        sitting::{self, Kept, Step},
    },
};

#[derive(Template)]
#[template(path = "record.html")]
struct Record {
    words: &'static Words,
    token: String,
    view: View,
    priorities: [&'static str; 5],
    confirmations: [Confirmation; 3],
    told: Option<Told>,
}

/// What is told above a form.
struct Told {
    status: StatusCode,
    /// What is wrong, and what is lost by it.
    sentence: String,
    /// What the sentence leaves out, in English.
    detail: Option<String>,
    /// Whether it comes before any field.
    comes_first: bool,
}

impl Told {
    /// That a field is to be corrected.
    fn wrong(words: &Words, (sentence, detail): Reason) -> Self {
        let sentence = format!("{sentence} {}", words.get("nothing-lost"));
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, sentence, detail, comes_first: false }
    }

    /// That what was typed stands on the page alone.
    fn unkept(words: &Words, failure: &Failure) -> Self {
        let detail = detail(words, &failure.message);
        Self { status: status(failure), sentence: unkept(words, failure), detail, comes_first: true }
    }
}

/// What came of a button: the step, or why nothing was kept; and the form, where it goes on.
type Pressed = (Result<Step, Failure>, Option<View>);

#[derive(Deserialize)]
pub(super) struct Begin {
    form: Option<String>,
    with: Option<String>,
    at: Option<String>,
    /// The number of the emergency sheet that is entered.
    sheet: Option<String>,
    /// Whom of the pre-list it is for.
    listed: Option<String>,
    /// The class of the ticket that was called for it.
    class: Option<String>,
}

pub(super) async fn begin(
    State(site): State<Site>,
    Query(asked): Query<Begin>,
    headers: HeaderMap,
) -> Response {
    let words = words(&headers);
    let at = asked.at.unwrap_or_default();
    let found = site.run(move |agent, now| {
        let kept = match asked.form.filter(|id| sitting::is_id(id)) {
            Some(id) => agent.sheet(&id)?.map(|kept| (kept, false)),
            None => None,
        };
        let (kept, fresh) = match kept {
            Some(found) => found,
            None => {
                let mut sheet = agent.fresh_sheet(now, asked.with.as_deref(), asked.sheet.as_deref())?;
                if asked.class.as_deref() == Some(Class::Priority.as_str()) {
                    sheet.set("priority", OTHER_PRIORITY);
                }
                if let Some(listed) = &asked.listed {
                    agent.take_listed(&mut sheet, listed);
                }
                (Kept { id: agent.draw_name(), began: now.wall, sheet }, true)
            }
        };
        let at = if fresh { "nik".to_owned() } else { at };
        View::of(agent, now, words, &kept, at)
    });
    match found.await {
        Ok(view) => answer(&site, words, view, None),
        Err(failure) => failed(words, &failure),
    }
}

/// The page of a form.
fn answer(site: &Site, words: &'static Words, view: View, told: Option<Told>) -> Response {
    let status = told.as_ref().map_or(StatusCode::OK, |told| told.status);
    let page = Record {
        words,
        token: site.sign_in.token(),
        view,
        priorities: PRIORITIES,
        confirmations: Confirmation::ALL,
        told,
    };
    (status, show(page)).into_response()
}

/// Keeps what was typed so far.
pub(super) async fn keep(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let id = posted.text("form").to_owned();
    if !sitting::is_id(&id) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let sheet = Sheet::of(&posted.0);
    let kept = site.run(move |agent, now| agent.keep_sheet(now, &id, &sheet)).await;
    match kept {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(failure) => (status(&failure), unkept(words(&headers), &failure)).into_response(),
    }
}

/// Does what a button of the page says.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let action = posted.text("do").to_owned();
    let id = posted.text("form").to_owned();
    if !sitting::is_id(&id) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let sheet = Sheet::of(&posted.0);
    match (action.as_str(), Answer::of(&posted)) {
        ("forget", Answer::No) => return see(&format!("/record?form={id}")),
        ("forget", Answer::Unasked) if !sheet.is_empty() => {
            return ask_to_forget(&site, words, id, sheet).await;
        }
        _ => {}
    }
    let aloud = format!("/record/aloud/{id}");
    let done = site.run(move |agent, now| -> Result<Pressed, Failure> {
        let began = agent.sheet(&id)?.map_or(now.wall, |kept| kept.began);
        let mut kept = Kept { id, began, sheet };
        let pressed = press(agent, now, &mut kept, &action);
        goes_on(agent, now, words, &kept, pressed)
    });
    match done.await {
        Ok((Ok(Step::Saved(cases)), _)) => see(&format!("/saved/{}", cases.join(","))),
        Ok((Ok(Step::Aloud), _)) => see(&aloud),
        Ok((Ok(Step::Next(at)), Some(view))) => see(&format!("/record?form={}&at={at}", view.kept.id)),
        Ok((Ok(Step::Wrong { field, why }), Some(view))) => {
            answer(&site, words, view, Some(Told::wrong(words, wrong(words, field, why.as_ref()))))
        }
        Ok((Err(failure), Some(view))) => answer(&site, words, view, Some(Told::unkept(words, &failure))),
        Ok((Ok(_), _)) => see("/record"),
        Ok((Err(failure), None)) | Err(failure) => failed(words, &failure),
    }
}

/// The form after a button, where it goes on: with what was typed, whether that could be kept or not.
fn goes_on(
    agent: &mut Agent,
    now: Now,
    words: &Words,
    kept: &Kept,
    pressed: Result<Step, Failure>,
) -> Result<Pressed, Failure> {
    let at = match &pressed {
        Ok(Step::Next(field) | Step::Wrong { field, .. }) => (*field).to_owned(),
        Ok(Step::Saved(_) | Step::Aloud | Step::Another) => return Ok((pressed, None)),
        Err(_) => String::new(),
    };
    match (View::of(agent, now, words, kept, at), pressed) {
        (Ok(view), pressed) => Ok((pressed, Some(view))),
        (Err(_), Err(failure)) | (Err(failure), Ok(_)) => Err(failure),
    }
}

/// Does what a button says, and keeps the form where it goes on.
fn press(agent: &mut Agent, now: Now, kept: &mut Kept, action: &str) -> Result<Step, Failure> {
    let step = step(agent, now, kept, action)?;
    if matches!(step, Step::Next(_) | Step::Wrong { .. } | Step::Aloud) || action == "later" {
        agent.keep_sheet(now, &kept.id, &kept.sheet)?;
    }
    Ok(step)
}

/// Keeps what was typed and asks whether it is to be forgotten.
async fn ask_to_forget(site: &Site, words: &'static Words, id: String, sheet: Sheet) -> Response {
    let form = id.clone();
    let kept = site.run(move |agent, now| -> Result<(String, Pressed), Failure> {
        let name = sheet.called(agent.person_row(sheet.text("person"))?.as_ref());
        let kept = Kept { id: form, began: now.wall, sheet };
        let done = agent.keep_sheet(now, &kept.id, &kept.sheet).map(|()| Step::Another);
        Ok((name, goes_on(agent, now, words, &kept, done)?))
    });
    let name = match kept.await {
        Ok((_, (Err(failure), Some(view)))) => {
            return answer(site, words, view, Some(Told::unkept(words, &failure)));
        }
        Ok((name, _)) => name,
        Err(failure) => return failed(words, &failure),
    };
    let again = [("form", id.as_str()), ("do", "forget")];
    let again = again.map(|(name, text)| (name.to_owned(), text.to_owned()));
    sure::ask(site, words, "forget", &name, "/record".to_owned(), &Posted(again.to_vec()))
}

fn step(agent: &mut Agent, now: Now, kept: &mut Kept, action: &str) -> Result<Step, Failure> {
    let sheet = &mut kept.sheet;
    if let Some(code) = action.strip_prefix("drop:") {
        sheet.drop_service(code);
        return Ok(Step::Next("add"));
    }
    if let Some(person) = action.strip_prefix("same:") {
        sheet.set("person", person);
        return Ok(Step::Next("add"));
    }
    if let Some(key) = action.strip_prefix("take:") {
        agent.take_listed(sheet, key);
        return Ok(Step::Next("add"));
    }
    for party in ["applicant", "collector"] {
        if let Some(person) = action.strip_prefix(party).and_then(|rest| rest.strip_prefix(':')) {
            sheet.set(party, person);
            for done in ["seek", "sought"] {
                sheet.clear(done);
            }
            return Ok(Step::Next("seek"));
        }
    }
    match action {
        "save" => agent.save_sheet(now, kept),
        "kin" => {
            agent.take_kin(sheet)?;
            Ok(Step::Next("name"))
        }
        "aloud" => Ok(agent.check_sheet(now, sheet)?.unwrap_or(Step::Aloud)),
        "later" => Ok(Step::Another),
        "forget-applicant" => {
            // Who asked in a sitting asks in all of it.
            sheet.clear("applicant");
            sheet.clear("encounter");
            Ok(Step::Next("seek"))
        }
        "forget-collector" => {
            sheet.clear("collector");
            Ok(Step::Next("seek"))
        }
        "stranger" => {
            sheet.set("stranger", "1");
            agent.next(now, sheet)
        }
        "forget-person" => {
            sheet.clear("person");
            sheet.clear("stranger");
            sheet.clear("listed");
            Ok(Step::Next("nik"))
        }
        "forget" => {
            agent.forget_sheet(&kept.id)?;
            Ok(Step::Another)
        }
        _ if Agent::seek(sheet) => Ok(Step::Next("seek")),
        _ => agent.next(now, sheet),
    }
}
