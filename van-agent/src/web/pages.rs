//! The pages that list, each a plain answer to a plain link; and what all pages answer with.

use std::sync::LazyLock;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    desk::because::Because, document::State as CaseState, registry::row::Service, store::quarantine,
    sync::custody,
};

pub(super) use super::header::show;
use super::{ENGLISH, INDONESIAN, Site, header::language_of_laptop, posted::Posted};
use crate::{
    agent::{Agent, said},
    host::{
        cases::FOUND_MAX,
        output::Failure,
        web::{Language, Words, choose_language, chosen_language},
    },
    record::save::Why,
    request::Request,
};

/// A sentence, and in English what it leaves out.
pub(super) type Reason = (String, Option<String>);

/// A case as a page lists it.
pub(super) struct Row {
    pub(super) case: String,
    pub(super) slip: String,
    pub(super) name: String,
    pub(super) service: String,
    /// The name of the words for where it stands.
    pub(super) status: String,
    pub(super) conflict: bool,
    /// Where it is, by stored proof; empty where that was not asked.
    pub(super) custody: String,
    /// Whether the hub holds something of it, or of its subject, that does not count; false where that was not asked.
    pub(super) held: bool,
    /// Name of the citizen's village; empty where none is known.
    pub(super) village: String,
    /// When the subject's death was reported; empty where it was not.
    death: String,
}

impl Row {
    pub(super) fn of(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            case: text("case"),
            slip: text("slip"),
            name: text("name"),
            service: text("service"),
            status: format!("state-{}", text("status")),
            conflict: value["conflict"] == true,
            custody: text("custody"),
            held: value["held"] == true,
            village: text("village"),
            death: text("death"),
        }
    }

    /// The day on which the subject's death was reported, where it was.
    pub(super) fn death(&self, words: &Words) -> Option<String> {
        death(words, Some(&self.death))
    }

    /// Whether nothing more is to be done with it.
    pub(super) fn has_ended(&self) -> bool {
        let state = self.status.strip_prefix("state-").and_then(|state| state.parse::<CaseState>().ok());
        state.is_some_and(CaseState::is_ended)
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.status == "state-waiting_for_network"
    }
}

#[derive(Template)]
#[template(path = "find.html")]
struct Find {
    words: &'static Words,
    text: String,
    /// How many, in words.
    count: String,
    found: Vec<Row>,
}

#[derive(Template)]
#[template(path = "failed.html")]
pub(super) struct Failed {
    pub(super) words: &'static Words,
    pub(super) sentence: String,
    /// The program's own words, in English.
    pub(super) detail: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    q: String,
}

pub(super) async fn find(
    State(site): State<Site>,
    Query(Wanted { q }): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let words = words(&headers);
    let request = Request::Find { text: q.clone(), limit: FOUND_MAX };
    let (cut, found) = match ask(&site, words, request).await {
        Ok((answer, found)) => (answer["cut"] == true, found),
        Err(failure) => return failed(words, &failure),
    };
    let found = match rows(&site, found).await {
        Ok(found) => found,
        Err(failure) => return failed(words, &failure),
    };
    let count = words.count(if cut { "found-cut" } else { "found" }, found.len() as u64);
    show(Find { words, text: q, count, found })
}

/// Cases as a page lists them, each with its custody.
pub(super) async fn rows(site: &Site, mut found: Vec<Value>) -> Result<Vec<Row>, Failure> {
    site.run(move |agent, _| found.iter_mut().map(|value| row(agent, value)).collect()).await
}

/// A case as a page lists it, with its custody.
pub(super) fn row(agent: &mut Agent, value: &mut Value) -> Result<Row, Failure> {
    if let Some(case) = value["case"].as_str().and_then(|case| case.parse().ok()) {
        let device = agent.replica().station().device();
        let tx = agent.read()?;
        value["custody"] = json!(custody::of_case(tx, device, case).map_err(said)?);
        let person = value["person"].as_str().and_then(|person| person.parse().ok());
        let held =
            [Some(case), person].into_iter().flatten().map(|document| quarantine::is_held(tx, document));
        value["held"] = json!(held.collect::<Result<Vec<_>, _>>().map_err(said)?.contains(&true));
    }
    Ok(Row::of(value))
}

pub(super) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// The day of a moment at which a death was reported, in words.
pub(super) fn death(words: &Words, at: Option<&str>) -> Option<String> {
    Some(words.day(at?.get(..10)?))
}

/// What a conflict is about: its sort where that says more than the field does.
pub(super) fn conflict_title(words: &Words, field: &str, sort: &str) -> String {
    let title = words.find(&format!("conflict-{sort}"));
    title.or_else(|| words.find(&format!("field-{field}"))).unwrap_or_else(|| field.to_owned())
}

/// What a sentence of the page's language leaves out, in English; on a page of another language the sentence
/// has to do.
pub(super) fn detail(words: &Words, english: &str) -> Option<String> {
    (words.language() == Language::English).then(|| english.to_owned())
}

/// Why something was not done: in words of the page's language, and in English what those leave out.
pub(super) fn why(words: &Words, failure: &Failure) -> Reason {
    let because = failure.because.unwrap_or_else(|| Because::of("other"));
    (words.because(because), detail(words, &failure.message))
}

/// What is wrong with a field of a form: by its code where it has one, or else as the field says it; the field is
/// called as the form calls it.
pub(super) fn wrong(words: &Words, field: &str, why: Option<&Why>) -> Reason {
    let named = || Some(format!("{}: {}", words.find(&format!("field-{field}"))?, words.get("wrong-other")));
    let of_field = || words.find(&format!("wrong-{field}")).or_else(named);
    let because = why.and_then(|why| why.because);
    let sentence = because.map(|because| words.because(because)).or_else(of_field);
    // Words after the name of the field say all; what is said in English may name it as commands do.
    let says_all = because.is_some_and(|because| because.field.is_some());
    let english = why.filter(|_| !says_all).and_then(|why| detail(words, &why.english));
    (sentence.unwrap_or_else(|| words.get("wrong-other")), english)
}

/// Why something is held, by the name of the rule.
pub(super) fn refusal(words: &Words, refused: &Value) -> String {
    words.find(&format!("rule-{}", text(refused, "rule"))).unwrap_or_else(|| words.get("rule-other"))
}

/// Answers for a page that there is not.
pub(super) async fn nowhere(headers: HeaderMap) -> Response {
    let words = words(&headers);
    let sentence = words.get("no-page");
    (StatusCode::NOT_FOUND, show(Failed { words, sentence, detail: None })).into_response()
}

pub(super) async fn language(headers: HeaderMap, posted: Posted) -> Response {
    choose_language(posted.text("language"), &headers)
}

/// The words of the language that the reader chose, or else of this laptop's.
pub(super) fn words(headers: &HeaderMap) -> &'static Words {
    static INDONESIAN_WORDS: LazyLock<Words> =
        LazyLock::new(|| Words::new(Language::Indonesian, INDONESIAN, ENGLISH));
    static ENGLISH_WORDS: LazyLock<Words> =
        LazyLock::new(|| Words::new(Language::English, INDONESIAN, ENGLISH));
    let chosen = chosen_language(headers).or_else(language_of_laptop);
    match Language::of(chosen.as_deref()) {
        Language::Indonesian => &INDONESIAN_WORDS,
        Language::English => &ENGLISH_WORDS,
    }
}

/// Asks the owner's thread: the answer, and the list before it, with the names of services and villages.
pub(super) async fn ask(
    site: &Site,
    words: &'static Words,
    request: Request,
) -> Result<(Value, Vec<Value>), Failure> {
    let asked = site.run(move |agent, now| {
        let mut list = Vec::new();
        let mut answer = agent.execute(now, request, &mut |value| {
            list.push(value);
            true
        })?;
        for value in list.iter_mut().chain([&mut answer]) {
            name_codes(agent, words, value);
        }
        Ok((answer, list))
    });
    asked.await
}

/// Replaces the codes that the registries know by what people call them.
pub(super) fn name_codes(agent: &Agent, words: &Words, value: &mut Value) {
    let registries = agent.replica().registries();
    if let Some(service) = value["service"].as_str().and_then(|code| registries.service(code)) {
        value["service"] = in_language(words, service).into();
    }
    let village = |value: &mut Value| {
        let code = value.as_str().and_then(|code| code.parse().ok());
        if let Some(village) = code.and_then(|code| registries.village(&code)) {
            *value = format!("{}, {}", village.name, village.district).into();
        }
    };
    village(&mut value["village"]);
    for edit in value["edits"].as_array_mut().into_iter().flatten() {
        if ["village", "domicile"].contains(&edit["field"].as_str().unwrap_or_default()) {
            village(&mut edit["before"]);
            village(&mut edit["value"]);
        }
    }
}

/// The name of a service.
pub(super) fn in_language(words: &Words, service: &Service) -> String {
    match words.language() {
        Language::Indonesian => service.name_id.clone(),
        Language::English => service.name_en.clone(),
    }
}

/// Answers for something that is not here, with the name of the words for it.
pub(super) fn absent(words: &'static Words, name: &str, failure: &Failure) -> Response {
    let page = Failed { words, sentence: words.get(name), detail: detail(words, &failure.message) };
    (StatusCode::NOT_FOUND, show(page)).into_response()
}

pub(super) fn failed(words: &'static Words, failure: &Failure) -> Response {
    let (sentence, detail) = why(words, failure);
    let page = Failed { words, sentence, detail };
    (status(failure), show(page)).into_response()
}

/// That what was typed last is kept nowhere but on the page, why, and what to do.
pub(super) fn unkept(words: &Words, failure: &Failure) -> String {
    match failure.is_full() {
        true => words.get("unkept-full"),
        false => format!("{} {}", words.get("unkept-other"), why(words, failure).0),
    }
}

/// How a browser is told of a failure.
pub(super) fn status(failure: &Failure) -> StatusCode {
    match (failure.missing, failure.usage) {
        (true, _) => StatusCode::NOT_FOUND,
        (false, true) => StatusCode::UNPROCESSABLE_ENTITY,
        (false, false) if failure.is_full() => StatusCode::INSUFFICIENT_STORAGE,
        (false, false) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
