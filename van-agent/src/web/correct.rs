//! The pages on which an officer corrects what was saved: fields, the person, the end of a case, and what two
//! laptops wrote differently. Nothing is erased: each correction is an edit with its reason.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use shared::{
    blank::Serial,
    born::Born,
    desk::{
        amend::{Amendment, ParseSettingError, Setting},
        because::Because,
    },
    document::{Field, State as CaseState},
};

use super::{
    Site,
    acts::see,
    card::{Card, cards},
    case::{shown, ticks},
    pages::{Reason, ask, death, failed, in_language, show, text, why, words},
    posted::Posted,
    sure::{self, Answer},
};
use crate::{
    host::{output::Failure, web::Words},
    record::{
        save::FROM_PAPER,
        sheet::{form_of_moment, moment_of_form},
    },
    request::Request,
};

/// What can be corrected of the subject.
const PERSON: [Field; 10] = [
    Field::Nik,
    Field::Name,
    Field::Sex,
    Field::Born,
    Field::BirthOrder,
    Field::Mother,
    Field::Father,
    Field::Kk,
    Field::Phone,
    Field::Address,
];
/// What can be corrected of the case itself.
const CASE: [Field; 6] =
    [Field::Started, Field::Village, Field::Companion, Field::Notes, Field::Consent, Field::Blank];
/// Where an officer may say that a case stands, before the agency goes on with it.
const STATES: [CaseState; 4] =
    [CaseState::Received, CaseState::Complete, CaseState::Incomplete, CaseState::WaitingForNetwork];
/// People to choose from when a case is of another one.
const PEOPLE_MAX: usize = 20;

#[derive(Template)]
#[template(path = "correct.html")]
struct Correct {
    words: &'static Words,
    token: String,
    case: String,
    slip: String,
    name: String,
    service: String,
    /// The day on which the subject's death was reported.
    death: Option<String>,
    /// Each field with what the page showed at first, and what stands in it.
    person: Vec<(&'static str, String, String)>,
    fields: Vec<(&'static str, String, String)>,
    status: String,
    /// The state that is chosen as the page opens, or was when it was refused.
    chosen: String,
    states: [CaseState; 4],
    /// Requirements, and whether each is there.
    ticks: Vec<(String, bool)>,
    reason: String,
    /// Who was looked for, and who was found.
    wanted: String,
    people: Vec<Card>,
    wrong: Option<Reason>,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    person: String,
}

pub(super) async fn begin(
    State(site): State<Site>,
    Path(case): Path<String>,
    Query(Wanted { person }): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    page(&site, words(&headers), case, person, None, None).await
}

/// The page, with what was typed in its fields where something was, and what is wrong where something is.
async fn page(
    site: &Site,
    words: &'static Words,
    case: String,
    wanted: String,
    posted: Option<&Posted>,
    wrong: Option<Reason>,
) -> Response {
    let (shown, service) = match shown(site, &case).await {
        Ok(found) => found,
        Err(failure) => return failed(words, &failure),
    };
    let people = match find(site, words, wanted.clone(), text(&shown["subject"], "person")).await {
        Ok(people) => people,
        Err(failure) => return failed(words, &failure),
    };
    let typed = |field: Field, stored: String| match posted {
        Some(posted) => (field.as_str(), stored, posted.text(field.as_str()).to_owned()),
        None => (field.as_str(), stored.clone(), stored),
    };
    let there: Vec<_> = ticks(&shown).collect();
    let status = text(&shown, "status");
    let requirements = service.as_ref().map_or_else(Vec::new, |service| service.requirements.clone());
    let page = Correct {
        token: site.sign_in.token(),
        case: text(&shown, "case"),
        slip: text(&shown, "slip"),
        death: death(words, shown["death"].as_str()),
        name: text(&shown, "name"),
        service: service
            .as_ref()
            .map_or_else(|| text(&shown, "service"), |service| in_language(words, service)),
        person: PERSON.map(|field| typed(field, stored(&shown, field))).to_vec(),
        // Only a paper's time was typed by somebody.
        fields: (CASE.into_iter())
            .filter(|field| *field != Field::Started || shown["channel"] == FROM_PAPER)
            .map(|field| typed(field, stored(&shown, field)))
            .collect(),
        chosen: match posted.map(|posted| posted.text("status")) {
            Some(typed) if !typed.is_empty() => typed.to_owned(),
            // What an agency gave back is corrected to be sent again.
            _ if status == CaseState::Returned.as_str() => CaseState::Complete.as_str().to_owned(),
            _ => status.clone(),
        },
        status,
        states: STATES,
        ticks: requirements
            .into_iter()
            .map(|one| (there.contains(&one.as_str()), one))
            .map(|(is, one)| (one, is))
            .collect(),
        reason: posted.map_or_else(String::new, |posted| posted.text("reason").to_owned()),
        wanted,
        people,
        wrong,
        words,
    };
    let status = if page.wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    (status, show(page)).into_response()
}

/// People of some words, but for one.
async fn find(site: &Site, words: &'static Words, wanted: String, but: String) -> Result<Vec<Card>, Failure> {
    if wanted.trim().is_empty() {
        return Ok(Vec::new());
    }
    let found = site.run(move |agent, now| cards(agent, now, words, &wanted, PEOPLE_MAX));
    let found = found.await?;
    Ok(found.into_iter().filter(|card| card.id != but).collect())
}

/// Corrects a case: what differs from what the page showed, so that nothing is written over unseen.
pub(super) async fn act(
    State(site): State<Site>,
    Path(case): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Response {
    let words = words(&headers);
    let unknown = |error: ParseSettingError| Failure::new(error.to_string()).because(Because::of("id"));
    let offset_minutes = match site.run(|agent, _| Ok(agent.offset_minutes())).await {
        Ok(offset_minutes) => offset_minutes,
        Err(failure) => return failed(words, &failure),
    };
    let settings = settings(&posted, offset_minutes).map_err(|error| why(words, &unknown(error)));
    let reason = Some(posted.text("reason").to_owned()).filter(|reason| !reason.is_empty());
    let done = match settings {
        Ok(settings) if settings.is_empty() => return see(&format!("/case/{case}")),
        // What was once signed for is changed with a reason alone.
        Ok(_) if reason.is_none() => Err((words.get("wrong-reason"), None)),
        Ok(_) if posted.text("do") == "cancel" && Answer::of(&posted) != Answer::Yes => {
            return ask_to_cancel(&site, words, case, &posted).await;
        }
        Ok(settings) => match meanwhile(&site, words, &case, &posted).await {
            Ok(()) => {
                let amended = amend(&site, words, &case, settings, reason).await;
                amended.map_err(|failure| why(words, &failure))
            }
            Err(wrong) => Err(wrong),
        },
        Err(wrong) => Err(wrong),
    };
    match done {
        Ok(_) if posted.text("back") == "needs-you" => see("/needs-you"),
        Ok(_) => see(&format!("/saved/{case}")),
        Err(wrong) => page(&site, words, case, String::new(), Some(&posted), Some(wrong)).await,
    }
}

/// Asks whether a case is to be withdrawn, or shows what was typed again where it is not.
async fn ask_to_cancel(site: &Site, words: &'static Words, case: String, posted: &Posted) -> Response {
    if Answer::of(posted) == Answer::No {
        return page(site, words, case, String::new(), Some(posted), None).await;
    }
    match shown(site, &case).await {
        Ok((shown, _)) => {
            let about = format!("{} · {}", text(&shown, "slip"), text(&shown, "name"));
            sure::ask(site, words, "cancel-case", &about, format!("/correct/{case}"), posted)
        }
        Err(failure) => failed(words, &failure),
    }
}

/// Refuses where a field that is to be written over is no longer as the page showed it.
async fn meanwhile(site: &Site, words: &Words, case: &str, posted: &Posted) -> Result<(), Reason> {
    let (shown, _) = shown(site, case).await.map_err(|failure| why(words, &failure))?;
    let stored = |field: Field| stored(&shown, field);
    for field in PERSON.into_iter().chain(CASE).chain([Field::Status]) {
        let was = format!("was-{field}");
        let is_posted = posted.0.iter().any(|(name, _)| *name == was);
        let is_changed = posted.text(field.as_str()) != posted.text(&was);
        if is_posted && is_changed && stored(field).trim() != posted.text(&was) {
            let title = words.part("field", field.as_str());
            return Err((format!("{} {title}: {}", words.get("wrong-meanwhile"), stored(field)), None));
        }
    }
    Ok(())
}

/// What stands in a field of a case or of its subject, as it is posted.
fn stored(shown: &Value, field: Field) -> String {
    let name = field.as_str();
    let value = if PERSON.contains(&field) { &shown["subject"][name] } else { &shown[name] };
    if let (Field::Born, Some(Ok(born))) = (field, value.as_str().map(str::parse::<Born>)) {
        return born.as_people_write();
    }
    if let (Field::Started, Some(at)) = (field, value.as_str()) {
        return form_of_moment(at).to_owned();
    }
    value.as_bool().map_or_else(|| value.as_str().unwrap_or_default().to_owned(), |is| is.to_string())
}

async fn amend(
    site: &Site,
    words: &'static Words,
    case: &str,
    settings: Vec<Setting>,
    reason: Option<String>,
) -> Result<Value, Failure> {
    let officer = site.run(|agent, _| agent.officer()).await?;
    let officer = Some(officer).filter(|officer| !officer.is_empty());
    let amendment = Amendment { settings, reason, officer, ..Amendment::default() };
    let request = Request::Amend { case: case.to_owned(), amendment };
    ask(site, words, request).await.map(|(amended, _)| amended)
}

/// What a button of the page sets, or what was typed over what the page showed, `offset_minutes` east of UTC.
fn settings(posted: &Posted, offset_minutes: i16) -> Result<Vec<Setting>, ParseSettingError> {
    let person = posted.text("to");
    if !person.is_empty() {
        return Ok(vec![format!("subject={person}").parse()?]);
    }
    match posted.text("do") {
        "cancel" => return Ok(vec![Setting::status(CaseState::Cancelled)]),
        "decide" => return Ok(vec![setting(posted.text("field"), posted.text("value"))?]),
        _ => {}
    }
    let mut settings = Vec::new();
    let names = PERSON.iter().chain(&CASE).map(|field| field.as_str()).chain(["status"]);
    for name in names {
        let (typed, was) = (posted.text(name), posted.text(&format!("was-{name}")));
        if typed != was && name == Field::Started.as_str() {
            settings.push(setting(name, &moment_of_form(typed, offset_minutes))?);
        } else if typed != was {
            settings.push(setting(name, typed)?);
        }
    }
    let all = |name: &str| -> Vec<&str> {
        posted.0.iter().filter(|(found, _)| found == name).map(|(_, text)| text.as_str()).collect()
    };
    let (now, before) = (all("tick"), all("was-tick"));
    for tick in now.iter().filter(|tick| !before.contains(tick)) {
        settings.push(format!("tick={tick}").parse()?);
    }
    for tick in before.iter().filter(|tick| !now.contains(tick)) {
        settings.push(format!("untick={tick}").parse()?);
    }
    Ok(settings)
}

/// A field with its value; the number of a blank as the book of blanks writes it.
fn setting(name: &str, value: &str) -> Result<Setting, ParseSettingError> {
    match value.parse::<Serial>() {
        Ok(serial) if name == Field::Blank.as_str() => format!("{name}={serial}").parse(),
        Ok(_) | Err(_) => format!("{name}={value}").parse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(fields: &[(&str, &str)]) -> Posted {
        Posted(fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn only_what_the_officer_changed_is_set() {
        let set = |fields: &[(&str, &str)]| -> Vec<String> {
            settings(&posted(fields), 480).expect("settings").iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            set(&[
                ("name", "Nahak"),
                ("was-name", "Nahak"),
                ("phone", "0812"),
                ("was-phone", ""),
                ("reason", "x")
            ]),
            ["phone=0812"]
        );
        assert_eq!(
            set(&[("tick", "KTP"), ("was-tick", "KK"), ("was-tick", "KTP"), ("tick", "Surat")]),
            ["tick=Surat", "untick=KK"]
        );
        assert_eq!(
            set(&[("started", "2026-11-20T10:30"), ("was-started", "1999-11-20T10:30")]),
            ["started=2026-11-20T10:30:00+08:00"]
        );
        assert_eq!(set(&[("do", "cancel"), ("name", "y"), ("was-name", "x")]), ["status=cancelled"]);
        assert_eq!(set(&[("to", "abc"), ("name", "y"), ("was-name", "x")]), ["subject=abc"]);
        assert_eq!(set(&[("do", "decide"), ("field", "name"), ("value", "O'a")]), ["name=O'a"]);
        assert_eq!(set(&[("do", "decide"), ("field", "blank"), ("value", "a 00 12")]), ["blank=A0012"]);
        assert_eq!(
            set(&[("consent", "true"), ("was-consent", ""), ("blank", ""), ("was-blank", "7")]),
            ["consent=true", "blank="]
        );
    }
}
