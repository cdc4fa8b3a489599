//! The page of one case: what is known of it, what happened, and what must be decided; and a case as the other pages
//! read it.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use shared::{
    desk::warnings::{self, Difference, Told},
    document::{Field, attachment, consent},
    registry::row::Service,
};

use super::{
    Site,
    needs::dealt_with,
    pages::{Reason, Row, absent, ask, conflict_title, death, detail, failed, refusal, show, text, words},
    papers::{Sources, is_picture},
    sheet::consent_words,
};
use crate::{
    day::DECIDED,
    host::{output::Failure, web::Words},
    request::Request,
};

const CASE_FIELDS: [&str; 18] = [
    "nik",
    "sex",
    "born",
    "birth_order",
    "mother",
    "kk",
    "village",
    "address",
    "phone",
    "started",
    "officer",
    "visit",
    "priority",
    "companion",
    "notes",
    "channel",
    "sheet",
    "custody",
];

#[derive(Template)]
#[template(path = "case.html")]
struct Case {
    words: &'static Words,
    row: Row,
    /// The day on which the subject's death was reported.
    death: Option<String>,
    fields: Vec<(String, String)>,
    events: Vec<Happened>,
    edits: Vec<Edited>,
    /// How others see it, a sentence each.
    elsewhere: Vec<String>,
    /// Requirements that are still to be brought.
    missing: Vec<String>,
    /// What was asked of the hub about it.
    questions: Vec<Question>,
    /// Each in short, then as it was written in English.
    warnings: Vec<(String, Option<String>)>,
    token: String,
    conflicts: Vec<Undecided>,
    /// The rule in the page's language, the reason as the hub gave it, and how it was dealt with here.
    held: Vec<(String, Option<String>, String)>,
    papers: Vec<Paper>,
    sources: Sources,
    /// What the hub lacks of them, in a sentence.
    to_follow: String,
    wrong: Option<Reason>,
}

/// An attachment.
struct Paper {
    id: String,
    /// Where its picture is, if it has one here.
    picture: Option<String>,
    /// Whether it belongs to the case no more.
    removed: bool,
    kind: String,
    name: String,
    size: String,
    /// Where its file is, or why it was taken away.
    state: String,
    writer: String,
    at: String,
}

/// An event of a case's life.
pub(super) struct Happened {
    pub(super) state: String,
    /// Why; empty where nobody said.
    pub(super) reason: String,
    /// Who took the product, how they confirmed it, the unit, and the agency with its own number.
    pub(super) more: String,
    pub(super) at: String,
    pub(super) writer: String,
    /// Who has it, as the name of its words; empty where that is not asked.
    pub(super) seen: String,
}

impl Happened {
    pub(super) fn of(words: &Words, event: &Value) -> Self {
        Self {
            state: words.part("state", &text(event, "state")),
            reason: reason(words, event),
            more: beside(words, event),
            at: text(event, "at"),
            writer: writer(words, event),
            seen: String::new(),
        }
    }
}

/// A question to the hub.
pub(super) struct Question {
    pub(super) words: String,
    pub(super) writer: String,
    pub(super) at: String,
    /// Whether it waits for its answer.
    pub(super) waits: bool,
    /// The hub's words, and when.
    pub(super) answers: Vec<(String, String)>,
}

impl Question {
    pub(super) fn of(words: &Words, asked: &Value) -> Self {
        let answers = asked["answers"].as_array().into_iter().flatten();
        Self {
            words: text(asked, "words"),
            writer: writer(words, asked),
            at: text(asked, "at"),
            waits: asked["state"] == "open",
            answers: answers.map(|answer| (text(answer, "words"), text(answer, "at"))).collect(),
        }
    }
}

/// A field that was changed.
struct Edited {
    field: String,
    /// Empty where nothing stood there, or nothing does now.
    before: String,
    value: String,
    reason: String,
    at: String,
    writer: String,
    /// Who has it, as the name of its words.
    seen: String,
}

/// What somebody must decide.
pub(super) struct Undecided {
    pub(super) title: String,
    /// The field, where a value of it can be chosen here.
    pub(super) field: Option<String>,
    /// The number of the blank that several cases name.
    pub(super) blank: Option<String>,
    pub(super) sides: Vec<Side>,
}

impl Undecided {
    /// The cases that collide, in their order.
    pub(super) fn cases(&self) -> impl Iterator<Item = &str> {
        self.sides.iter().map(|side| side.case.as_str())
    }
}

/// One of the values that somebody must choose from.
pub(super) struct Side {
    pub(super) value: String,
    /// As a command takes it.
    pub(super) raw: String,
    /// The case, where cases collide.
    pub(super) case: String,
    /// The laptop, and the officer.
    pub(super) writer: String,
    pub(super) at: String,
}

pub(super) async fn case(State(site): State<Site>, Path(case): Path<String>, headers: HeaderMap) -> Response {
    page(&site, words(&headers), case, None).await
}

/// The page of a case, with what is wrong where something is.
pub(super) async fn page(
    site: &Site,
    words: &'static Words,
    case: String,
    wrong: Option<Reason>,
) -> Response {
    let shown = match ask(site, words, Request::CaseShow { case }).await {
        Ok((shown, _)) => shown,
        Err(failure) if !failure.missing => return failed(words, &failure),
        Err(failure) => return absent(words, "not-there", &failure),
    };
    let sources = match Sources::of(site, words).await {
        Ok(sources) => sources,
        Err(failure) => return failed(words, &failure),
    };
    let each = |name: &str| shown[name].as_array().cloned().unwrap_or_default();
    let warnings = shown["warnings"].as_object().into_iter().flatten();
    let warnings = warnings.map(|(code, text)| warning(words, code, text)).collect();
    let subject = text(&shown["subject"], "person");
    let page = Case {
        row: Row::of(&shown),
        death: death(words, shown["death"].as_str()),
        fields: CASE_FIELDS
            .into_iter()
            .filter_map(|name| field(words, &shown, name))
            .chain(said_by_citizen(words, &shown))
            .collect(),
        events: each("events")
            .iter()
            .map(|event| Happened { seen: seen(&shown, event), ..Happened::of(words, event) })
            .collect(),
        edits: each("edits").iter().map(|edit| edited(words, edit, seen(&shown, edit))).collect(),
        elsewhere: elsewhere(words, &shown["elsewhere"]),
        missing: each("missing").iter().filter_map(|text| text.as_str().map(str::to_owned)).collect(),
        questions: each("questions").iter().map(|asked| Question::of(words, asked)).collect(),
        warnings,
        conflicts: each("conflicts")
            .iter()
            .map(|found| undecided(words, found, &subject, &shown["blank"]))
            .collect(),
        token: site.sign_in.token(),
        held: each("quarantine")
            .iter()
            .map(|refused| {
                let handled = dealt_with(words, &refused["handled"]);
                (refusal(words, refused), detail(words, &text(refused, "reason")), handled)
            })
            .collect(),
        sources,
        papers: each("attachments").iter().map(|paper_shown| paper(words, &shown, paper_shown)).collect(),
        to_follow: to_follow(words, &shown["to_follow"]),
        wrong,
        words,
    };
    let status = if page.wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    (status, show(page)).into_response()
}

/// A warning in words, then as it was written in English where that tells more.
fn warning(words: &Words, code: &str, text: &Value) -> (String, Option<String>) {
    let text = text.as_str().unwrap_or_default();
    let Some(short) = words.find(&format!("warning-{code}")) else {
        return (String::new(), Some(text.to_owned()));
    };
    let more = match warnings::told(code, text) {
        Some(Told::Repeats { slips, again }) => {
            let why = again.map_or_else(String::new, |why| format!(" · {}: {why}", words.get("reason")));
            format!("{slips}{why}")
        }
        Some(Told::Differs(found)) => {
            let one = |one: &Difference<'_>| {
                let field = words.part("field", one.field);
                let (stored, typed) = (words.get("value-stored"), words.get("value-typed"));
                format!("{field} ({}): {stored} {}, {typed} {}", one.name, one.stored, one.typed)
            };
            found.iter().map(one).collect::<Vec<_>>().join("; ")
        }
        None => return (short, detail(words, text)),
    };
    (format!("{short} {more}"), None)
}

/// Why somebody did something; what the program wrote by itself in words of the page's language.
fn reason(words: &Words, told: &Value) -> String {
    match text(told, "reason") {
        said if said == DECIDED => words.get("day-decided"),
        said => said,
    }
}

/// Who has what somebody wrote in a case, as the name of its words; empty where it is not known.
fn seen(shown: &Value, told: &Value) -> String {
    let seen = &shown["elsewhere"]["changes"][told["change"].as_str().unwrap_or_default()];
    seen.as_str().map_or_else(String::new, |seen| format!("seen-{seen}"))
}

/// How others see a case, a sentence each.
fn elsewhere(words: &Words, found: &Value) -> Vec<String> {
    let count = |name: &str| found[name].as_u64().unwrap_or(0);
    let [hub, carried, nobody] = ["hub", "carried", "nobody"].map(count);
    let through = found["hub_through"].as_str().filter(|_| count("hub_of_case") > 0);
    let mut told = vec![match through {
        None => words.get("elsewhere-none"),
        Some(through) => {
            let receipt = found["receipt_at"].as_str();
            let receipt =
                receipt.map(|at| format!("; {}: {}", words.get("custody-receipt"), words.moment(at)));
            let through = format!("{}: {}", words.get("elsewhere-through"), words.moment(through));
            format!("{} {through}{}.", words.count("elsewhere-hub", hub), receipt.unwrap_or_default())
        }
    }];
    let rest = [("elsewhere-carried", carried), ("elsewhere-nobody", nobody)];
    told.extend(
        rest.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| words.count(name, count)),
    );
    told.push(words.get("elsewhere-others"));
    told
}

/// A changed field, its values as people read them.
fn edited(words: &Words, edit: &Value, seen: String) -> Edited {
    let name = text(edit, "field");
    let value = |side: &str| match (name.as_str(), text(edit, side)) {
        ("sex", code) if !code.is_empty() => words.part("sex", &code),
        ("born", born) => words.born(&born, false),
        ("started" | "ended", at) => words.moment(&at),
        ("priority", class) => words.find(&format!("priority-{class}")).unwrap_or(class),
        ("confirmed", way) => words.find(&format!("confirmed-{way}")).unwrap_or(way),
        ("consent" | "born_estimated", yes) => words.find(&format!("is-{yes}")).unwrap_or(yes),
        (_, other) => other,
    };
    Edited {
        field: words.part("field", &name),
        before: value("before"),
        value: value("value"),
        reason: reason(words, edit),
        at: text(edit, "at"),
        writer: writer(words, edit),
        seen,
    }
}

/// Who took a product, how they confirmed it, the unit that it is for or aboard of, and the agency with its own number:
/// each after its name.
fn beside(words: &Words, event: &Value) -> String {
    let word = |kind: &str, name: &str| event[name].as_str().map(|value| words.part(kind, value));
    let who = [event["with"].as_str().map(str::to_owned), word("collector", "collected_by")];
    let who: Vec<_> = who.into_iter().flatten().collect();
    let facts = [
        ("event-with", Some(who.join(", ")).filter(|who| !who.is_empty())),
        ("event-how", word("received", "collected_how")),
        ("event-unit", event["for_unit"].as_str().map(str::to_owned)),
        ("event-agency", event["agency"].as_str().map(str::to_owned)),
        ("event-reference", event["reference"].as_str().map(str::to_owned)),
    ];
    let told = facts.into_iter().filter_map(|(name, fact)| Some(format!("{}: {}", words.get(name), fact?)));
    told.collect::<Vec<_>>().join(" · ")
}

fn paper(words: &Words, whole: &Value, shown: &Value) -> Paper {
    let state = match shown["removed"].as_str() {
        Some(reason) => format!("{}: {reason}", words.get("attachment-removed")),
        None => words.get(&format!("attachment-{}", text(shown, "state"))),
    };
    let (id, case) = (text(shown, "attachment"), text(whole, "case"));
    let size = shown["size"].as_u64().unwrap_or(0);
    let is_small = is_picture(&text(shown, "type")) && size <= attachment::THUMBNAIL_BYTES_MAX;
    let picture = match (shown["thumbnail_here"] == true, shown["here"] == true && is_small) {
        (true, _) => Some(format!("/case/{case}/small/{id}")),
        (false, true) => Some(format!("/case/{case}/file/{id}")),
        (false, false) => None,
    };
    Paper {
        id,
        picture,
        removed: shown["removed"].is_string(),
        kind: words.get(&format!("attachment-{}", shown["kind"].as_str().unwrap_or("other"))),
        name: text(shown, "name"),
        size: words.size(size),
        state,
        writer: writer(words, shown),
        at: text(shown, "at"),
    }
}

/// `2 scans to follow, 1 photo to follow`.
fn to_follow(words: &Words, counts: &Value) -> String {
    let parts = counts
        .as_object()
        .into_iter()
        .flatten()
        .map(|(kind, count)| words.count(&format!("to-follow-{kind}"), count.as_u64().unwrap_or(0)));
    parts.collect::<Vec<_>>().join(", ")
}

/// A case with its codes, and the terms of its service.
pub(super) async fn shown(site: &Site, case: &str) -> Result<(Value, Option<Service>), Failure> {
    let case = case.to_owned();
    let found = site.run(move |agent, _| {
        let shown = agent.show(&case)?;
        let service = agent.replica().registries().service(shown["service"].as_str().unwrap_or_default());
        let service = service.cloned();
        Ok((shown, service))
    });
    found.await
}

/// Requirements that are there.
pub(super) fn ticks(shown: &Value) -> impl Iterator<Item = &str> {
    shown["ticks"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// A field of a case as people read it, after its name.
fn field(words: &Words, shown: &Value, name: &str) -> Option<(String, String)> {
    let text = shown.get(name)?.as_str().filter(|text| !text.is_empty())?;
    let text = match name {
        "custody" | "sex" => words.get(&format!("{name}-{text}")),
        "born" => words.born(text, shown["born_estimated"] == true),
        "priority" => words.part("priority", text),
        "started" => words.moment(text),
        "channel" => words.find(&format!("channel-{text}")).unwrap_or_else(|| text.to_owned()),
        _ => text.to_owned(),
    };
    Some((words.get(&format!("field-{name}")), text))
}

/// Who else takes part, what the citizen agreed to, and how what was read out was confirmed: each after its name.
fn said_by_citizen(words: &Words, shown: &Value) -> Vec<(String, String)> {
    let mut said = Vec::new();
    for party in ["applicant", "collector"] {
        if shown[party]["person"] != shown["subject"]["person"] {
            said.push((party, text(&shown[party], "name")));
        }
    }
    if let Some(agreed) = shown["consent"].as_bool() {
        let answer = words.get(if agreed { "consent-yes" } else { "consent-no" });
        let version = text(shown, "consent_text");
        let asked = consent::of(&version).map(|text| consent_words(words, text));
        let asked = asked
            .map_or_else(String::new, |text| format!(": {text} ({} {version})", words.get("consent-text")));
        said.push(("consent", format!("{answer}{asked}")));
    }
    let way = words.find(&format!("confirmed-{}", text(shown, "confirmed")));
    said.push(("confirmed", way.unwrap_or_default()));
    let witnesses = shown["witnesses"].as_array().into_iter().flatten().filter_map(Value::as_str);
    said.push(("witnesses", witnesses.collect::<Vec<_>>().join(", ")));
    said.retain(|(_, text)| !text.is_empty());
    said.into_iter().map(|(name, text)| (words.part("field", name), text)).collect()
}

/// What somebody must decide of a case of `subject` that may name a `blank`.
pub(super) fn undecided(words: &Words, found: &Value, subject: &str, blank: &Value) -> Undecided {
    let name = text(found, "field");
    let value = |value: String| match name.as_str() {
        "status" => words.find(&format!("state-{value}")).unwrap_or(value),
        "sex" => words.find(&format!("sex-{value}")).unwrap_or(value),
        "born" => words.born(&value, false),
        _ => value,
    };
    let is_alarm = text(found, "sort") == "wrong_hands";
    let side = |side: &Value| Side {
        value: value(text(side, "value")),
        raw: text(side, "value"),
        case: text(side, "case"),
        writer: writer(words, side),
        at: text(side, "at"),
    };
    let sides = found["sides"].as_array().into_iter().flatten().map(side).collect();
    let is_own = is_alarm || text(found, "document") == subject && name.parse::<Field>().is_ok();
    let field = is_own.then(|| name.clone());
    let sort = text(found, "sort");
    let blank = blank.as_str().filter(|_| sort == "same_blank").map(str::to_owned);
    Undecided { title: conflict_title(words, &name, &sort), field, blank, sides }
}

/// Who wrote an event or a side: the laptop as on slips, or the hub, and the officer.
pub(super) fn writer(words: &Words, shown: &Value) -> String {
    let laptop = match (shown["laptop"].as_str(), shown["device"].as_u64()) {
        (Some(laptop), _) => laptop.to_owned(),
        (None, Some(0)) => words.get("by-hub"),
        (None, Some(number)) => words.count("by-laptop", number),
        (None, None) => "?".to_owned(),
    };
    match shown["officer"].as_str().unwrap_or_default() {
        "" => laptop,
        officer => format!("{laptop}, {officer}"),
    }
}
