//! A person as officers tell people apart: by mother, hamlet and age, and whether a death is reported.

use serde_json::Value;
use shared::{
    born::Born,
    nik::Nik,
    registry::row::Listed,
    store::read_model::{self, PersonRow},
    time::Now,
};

use super::pages::death;
use crate::{
    agent::{Agent, said},
    host::{output::Failure, web::Words},
};

/// A person as officers tell people apart.
pub(super) struct Card {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) nik: String,
    pub(super) born: String,
    pub(super) age: String,
    /// Which of twins.
    pub(super) order: String,
    pub(super) mother: String,
    pub(super) father: String,
    pub(super) place: String,
    /// The day of a reported death.
    pub(super) death: Option<String>,
}

/// How a person is told apart from others.
pub(super) fn card(agent: &Agent, now: Now, words: &Words, person: PersonRow) -> Card {
    let offset_minutes = agent.offset_minutes();
    let born = person.born.as_deref().and_then(|text| text.parse::<Born>().ok());
    let guess = person.detail.get("born_estimated") == Some(&Value::Bool(true));
    let age = born.map(|born| age(words, born.age(now.wall.day(offset_minutes))));
    let detail = |name: &str| person.detail.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let registries = agent.replica().registries();
    let village = person.village.as_deref().map_or_else(String::new, |code| registries.village_name(code));
    let place = [detail("address"), village].into_iter().filter(|part| !part.is_empty());
    Card {
        id: person.document.to_string(),
        nik: grouped(person.nik.as_deref().unwrap_or_default()),
        born: person.born.as_deref().map_or_else(String::new, |born| words.born(born, guess)),
        age: age.unwrap_or_default(),
        order: detail("birth_order"),
        mother: detail("mother"),
        father: detail("father"),
        place: place.collect::<Vec<_>>().join(", "),
        death: death(words, person.death.as_deref()),
        name: person.name,
    }
}

/// How many years old somebody is, between the fewest and the most: `17 tahun`, `77–78 tahun`.
fn age(words: &Words, (fewest, most): (u32, u32)) -> String {
    let most_said = words.count("years", most.into());
    if fewest == most { most_said } else { format!("{fewest}–{most_said}") }
}

/// How somebody on the pre-list is told apart from others; the card's id is the row's key.
pub(super) fn listed_card(agent: &Agent, now: Now, words: &Words, row: &Listed) -> Card {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let village = agent.replica().registries().village_name(row.village.as_str());
    let place = [text(&row.address), village].into_iter().filter(|part| !part.is_empty());
    let age = row.born.map(|born| age(words, born.age(now.wall.day(agent.offset_minutes()))));
    Card {
        id: row.listed.clone(),
        name: row.name.clone(),
        nik: grouped(row.nik.as_ref().map(Nik::as_str).unwrap_or_default()),
        born: row.born.map_or_else(String::new, |born| words.day(&born.to_string())),
        age: age.unwrap_or_default(),
        order: String::new(),
        mother: text(&row.mother),
        father: text(&row.father),
        place: place.collect::<Vec<_>>().join(", "),
        death: None,
    }
}

/// People of some words, as officers tell them apart.
pub(super) fn cards(
    agent: &mut Agent,
    now: Now,
    words: &Words,
    wanted: &str,
    limit: usize,
) -> Result<Vec<Card>, Failure> {
    let found = read_model::people(agent.read()?, wanted, limit).map_err(said)?;
    Ok(found.into_iter().map(|person| card(agent, now, words, person)).collect())
}

/// A NIK in groups: district, birth, serial.
fn grouped(nik: &str) -> String {
    match (nik.get(..6), nik.get(6..12), nik.get(12..)) {
        (Some(district), Some(born), Some(serial)) => format!("{district} {born} {serial}"),
        _ => nik.to_owned(),
    }
}
