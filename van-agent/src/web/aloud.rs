//! The page that is read aloud to the citizen before anything is saved, and asks how the citizen confirmed it.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use shared::{document::Confirmation, time::Now};

use super::{
    Site,
    acts::see,
    card::Card,
    pages::{failed, show, words},
    sheet::{Chosen, View, consent_words},
};
use crate::{
    agent::Agent,
    host::{output::Failure, web::Words},
    record::sitting,
};

#[derive(Template)]
#[template(path = "aloud.html")]
struct Aloud {
    words: &'static Words,
    token: String,
    view: View,
    /// What is to be read out of the person and the sitting: each with its name.
    facts: Vec<(String, String)>,
    confirmations: [Confirmation; 3],
}

impl Aloud {
    /// What is missing of a service, each by its name.
    fn missing<'a>(&self, service: &'a Chosen) -> Vec<&'a str> {
        let missing = service.requirements.iter().filter(|(_, there)| !there);
        missing.map(|(requirement, _)| requirement.as_str()).collect()
    }

    /// Whether anything is missing of any service.
    fn is_short(&self) -> bool {
        self.view.chosen.iter().any(|service| !self.missing(service).is_empty())
    }

    /// Whether this page asks for a field itself.
    fn is_asked(&self, name: &str) -> bool {
        ["confirmed", "witness-1", "witness-2"].contains(&name)
    }
}

pub(super) async fn aloud(
    State(site): State<Site>,
    Path(form): Path<String>,
    headers: HeaderMap,
) -> Response {
    let words = words(&headers);
    let found = site.run(move |agent, now| prepare(agent, now, words, &form)).await;
    match found {
        Ok(Some((view, facts))) => {
            let confirmations = Confirmation::ALL;
            show(Aloud { words, token: site.sign_in.token(), view, facts, confirmations })
        }
        // It is saved or discarded meanwhile.
        Ok(None) => see("/record"),
        Err(failure) => failed(words, &failure),
    }
}

type Prepared = (View, Vec<(String, String)>);

fn prepare(agent: &mut Agent, now: Now, words: &Words, form: &str) -> Result<Option<Prepared>, Failure> {
    let kept = if sitting::is_id(form) { agent.sheet(form)? } else { None };
    let Some(kept) = kept else { return Ok(None) };
    let view = View::of(agent, now, words, &kept, String::new())?;
    let facts = facts(agent, words, &view);
    Ok(Some((view, facts)))
}

/// Who it is, as the card of a known person or as typed; then what the sitting has beside.
fn facts(agent: &Agent, words: &Words, view: &View) -> Vec<(String, String)> {
    let sheet = &view.kept.sheet;
    let typed = |name: &str| sheet.text(name).to_owned();
    let person = match &view.known {
        Some(card) => vec![
            ("name", card.name.clone()),
            ("nik", card.nik.clone()),
            ("born", card.born.clone()),
            ("birth_order", card.order.clone()),
            ("mother", card.mother.clone()),
            ("father", card.father.clone()),
            ("address", card.place.clone()),
        ],
        None => {
            let sex = words.find(&format!("sex-{}", sheet.text("sex"))).unwrap_or_default();
            vec![
                ("name", typed("name")),
                ("nik", typed("nik")),
                ("sex", sex),
                ("born", words.born(sheet.text("born"), false)),
                ("birth_order", typed("birth_order")),
                ("mother", typed("mother")),
                ("father", typed("father")),
                ("kk", typed("kk")),
                ("phone", typed("phone")),
                ("address", typed("address")),
            ]
        }
    };
    let village = agent.replica().registries().village_name(sheet.text("village"));
    let party = |card: &Option<Card>| card.as_ref().map_or_else(String::new, |card| card.name.clone());
    let agreed = match sheet.consent() {
        Some(text) => consent_words(words, text).to_owned(),
        None => words.get("warning-consent"),
    };
    let sitting = [
        ("village", village),
        ("applicant", party(&view.applicant)),
        ("collector", party(&view.collector)),
        ("companion", typed("companion")),
        ("notes", typed("notes")),
        ("consent", agreed),
    ];
    let facts = person.into_iter().chain(sitting).filter(|(_, text)| !text.is_empty());
    facts.map(|(name, text)| (words.part("field", name), text)).collect()
}
