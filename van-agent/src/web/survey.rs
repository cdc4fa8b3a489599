//! The pages of the survey: many sheets at once from paper, what they add up to, and the paper itself.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use shared::survey::{ELEMENTS, NAMES, SCALE};

use super::{
    Site,
    acts::see,
    pages::{ask, detail, failed, show, text, unkept, words},
    posted::Posted,
    visits,
};
use crate::{
    host::web::{Language, Words},
    request::Request,
};

/// Empty sheets that the grid begins with.
const ROWS: usize = 12;
/// Sheets that one grid takes.
const ROWS_MAX: usize = 100;
/// Visits that may be chosen.
const VISITS_MAX: usize = 50;

#[derive(Template)]
#[template(path = "survey.html")]
struct SurveyPage {
    words: &'static Words,
    token: String,
    batch: String,
    /// Visits of this unit with what people call them, the open one first.
    visits: Vec<(String, String)>,
    visit: String,
    /// The elements' names.
    elements: [&'static str; ELEMENTS],
    /// What is typed: nine texts a sheet.
    rows: Vec<[String; ELEMENTS]>,
    /// How many sheets were saved just now, in words.
    saved: Option<String>,
    /// What is wrong, in words, and as the program says it in English.
    wrong: Option<(String, Option<String>)>,
    results: Vec<Answers>,
}

/// The answers of a visit, or of the unit.
struct Answers {
    date: String,
    /// The visit; empty of the unit.
    label: String,
    sheets: u64,
    partial: u64,
    /// The index, and the name of the words of its grade.
    index: Option<(String, String)>,
    /// The elements' means.
    means: Vec<String>,
}

#[derive(Template)]
#[template(path = "survey_paper.html")]
struct Paper {
    words: &'static Words,
    /// Number, Indonesian and English of each element.
    elements: Vec<(usize, &'static str, &'static str)>,
    scale: Vec<(usize, &'static str, &'static str)>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    visit: Option<String>,
    saved: Option<u64>,
    rows: Option<usize>,
}

/// What a page shows that was typed.
struct Typed {
    batch: String,
    visit: String,
    rows: Vec<[String; ELEMENTS]>,
}

pub(super) async fn begin(
    State(site): State<Site>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let words = words(&headers);
    let batch = match site.run(|agent, _| Ok(agent.draw_name())).await {
        Ok(batch) => batch,
        Err(failure) => return failed(words, &failure),
    };
    let rows = asked.rows.unwrap_or(ROWS).clamp(1, ROWS_MAX);
    let typed = Typed {
        batch,
        visit: asked.visit.unwrap_or_default(),
        rows: vec![std::array::from_fn(|_| String::new()); rows],
    };
    let saved = asked.saved.map(|sheets| words.count("survey-saved", sheets));
    page(&site, words, typed, saved, None).await
}

/// Saves every sheet on which something is typed, or none.
pub(super) async fn add(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let mut typed: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (name, text) in &posted.0 {
        if let Some(row) = name.strip_prefix("sheet-").and_then(|row| row.parse().ok())
            && row < ROWS_MAX
        {
            typed.entry(row).or_default().push(text.trim().to_owned());
        }
    }
    let rows: Vec<[String; ELEMENTS]> = typed.into_values().filter_map(|row| row.try_into().ok()).collect();
    let sheets = rows.iter().filter(|row| row.iter().any(|text| !text.is_empty())).map(|row| row.join(","));
    let sheets: Vec<String> = sheets.collect();
    let (visit, batch) = (posted.text("visit").to_owned(), posted.text("batch").to_owned());
    if sheets.is_empty() || visit.is_empty() {
        let wrong = words.get(if visit.is_empty() { "wrong-survey-visit" } else { "wrong-survey-empty" });
        let typed = Typed { batch, visit, rows };
        return page(&site, words, typed, None, Some((wrong, None))).await;
    }
    let request = Request::SurveyAdd { visit: Some(visit.clone()), sheets, batch: Some(batch.clone()) };
    match ask(&site, words, request).await {
        Ok((answer, _)) => see(&format!("/survey?visit={visit}&saved={}", answer["sheets"])),
        Err(failure) => {
            let wrong = if failure.usage { words.get("wrong-survey") } else { unkept(words, &failure) };
            let wrong = (wrong, detail(words, &failure.message));
            page(&site, words, Typed { batch, visit, rows }, None, Some(wrong)).await
        }
    }
}

/// The form to print, in both languages whatever the page's.
pub(super) async fn paper(headers: HeaderMap) -> Response {
    let numbered = |names: &[(&'static str, &'static str)]| {
        (1..).zip(names).map(|(number, (id, en))| (number, *id, *en)).collect()
    };
    show(Paper { words: words(&headers), elements: numbered(&NAMES), scale: numbered(&SCALE) })
}

async fn page(
    site: &Site,
    words: &'static Words,
    typed: Typed,
    saved: Option<String>,
    wrong: Option<(String, Option<String>)>,
) -> Response {
    let known = site.run(|agent, _| {
        let mut visits = agent.visits_of_unit()?;
        visits.sort_by_key(|visit| visit.closed.is_some());
        visits.truncate(VISITS_MAX);
        visits::named(agent, words, &visits)
    });
    let known = known.await;
    let told = ask(site, words, Request::SurveyShow { visit: None }).await;
    let (visits, (pooled, rows)) = match (known, told) {
        (Ok(visits), Ok(told)) => (visits, told),
        (Err(failure), _) | (_, Err(failure)) => return failed(words, &failure),
    };
    let unit = Some(&pooled["unit"]).filter(|unit| unit.is_object());
    let results = unit.into_iter().chain(&rows).map(|row| answers(words, row)).collect();
    let language = words.language();
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let Typed { batch, visit, rows } = typed;
    let page = SurveyPage {
        token: site.sign_in.token(),
        visit: Some(visit)
            .filter(|visit| !visit.is_empty())
            .or_else(|| visits.first().map(|(visit, _)| visit.clone()))
            .unwrap_or_default(),
        elements: NAMES.map(|(id, en)| if language == Language::Indonesian { id } else { en }),
        words,
        batch,
        visits,
        rows,
        saved,
        wrong,
        results,
    };
    (status, show(page)).into_response()
}

fn answers(words: &Words, row: &Value) -> Answers {
    let index = row["index"].as_str().map(|index| {
        let grade = text(row, "grade");
        (words.decimal(index), format!("{grade}: {}", words.part("grade", &grade)))
    });
    let means = row["elements"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Answers {
        date: row["date"].as_str().map_or_else(String::new, |day| words.day(day)),
        label: text(row, "label"),
        sheets: row["sheets"].as_u64().unwrap_or(0),
        partial: row["partial"].as_u64().unwrap_or(0),
        index,
        means: means.map(|mean| words.decimal(mean)).collect(),
    }
}
