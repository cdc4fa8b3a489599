//! The page of visits: where the unit stands today, and who is expected there.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;
use shared::{registry::row::Listed, store::read_model::VisitRow, time::Now};

use super::{
    Site,
    acts::see,
    card::{Card, listed_card},
    pages::{self, Row, ask, death, failed, name_codes, show, text, unkept, words},
    posted::Posted,
    sheet,
};
use crate::{
    agent::Agent,
    host::{output::Failure, web::Words},
    request::Request,
    visit::{Awaited, Counts, Expected},
};

#[derive(Template)]
#[template(path = "visits.html")]
struct Visits {
    words: &'static Words,
    token: String,
    visits: Vec<Visit>,
    /// All villages as people write them, with their codes.
    villages: Vec<(String, String)>,
    /// What was typed of a visit to be opened: its label, and its village.
    typed: (String, String),
    wrong: Option<String>,
}

/// An open visit, and who is expected there.
struct Visit {
    id: String,
    /// What people call it, its day, and its laptop where another's looks the same.
    label: String,
    village: String,
    people: Vec<Announced>,
    products: Vec<Row>,
    /// How many there are of each, in words.
    counts: String,
}

/// Somebody whom the village announced.
struct Announced {
    card: Card,
    /// The name of the service that is wanted, and the class of the queue.
    wants: String,
    /// Whether the person is known on this laptop already.
    known: bool,
    /// Whether a case was begun for the person at this visit.
    served: bool,
}

pub(super) async fn begin(State(site): State<Site>, headers: HeaderMap) -> Response {
    page(&site, words(&headers), (String::new(), String::new()), None).await
}

/// Opens a visit of this unit, or closes one.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let visit = posted.text("visit");
    if !visit.is_empty() {
        return match ask(&site, words, Request::VisitClose { visit: visit.to_owned() }).await {
            Ok(_) => see("/"),
            Err(failure) => failed(words, &failure),
        };
    }
    let (label, named) = (posted.text("label").trim().to_owned(), posted.text("village").trim().to_owned());
    let typed = (label.clone(), named.clone());
    let found = site.run(move |agent, _| {
        // A visit is mostly called after its village; one that is open already keeps what was chosen.
        let keeps = named.is_empty() && agent.open_visits()?.iter().any(|visit| visit.label == label);
        let registries = agent.replica().registries();
        let village = match named.is_empty() {
            false => registries.village_named(&named),
            true => registries.village_called(&label),
        };
        let village = village.map(|village| village.code.clone());
        Ok((village.filter(|_| !keeps), label))
    });
    let (village, label) = match found.await {
        Ok(found) => found,
        Err(failure) => return failed(words, &failure),
    };
    if village.is_none() && !typed.1.is_empty() {
        return page(&site, words, typed, Some(words.get("wrong-village"))).await;
    }
    if label.is_empty() {
        return page(&site, words, typed, Some(words.get("wrong-label"))).await;
    }
    let request =
        Request::VisitOpen { label, date: None, village, point: None, lead: None, agencies: Vec::new() };
    match ask(&site, words, request).await {
        Ok(_) => see("/"),
        Err(failure) => page(&site, words, typed, Some(unkept(words, &failure))).await,
    }
}

async fn page(
    site: &Site,
    words: &'static Words,
    typed: (String, String),
    wrong: Option<String>,
) -> Response {
    let read = site.run(move |agent, now| {
        let mut visits = Vec::new();
        let open = agent.open_visits()?;
        for (row, (_, label)) in open.iter().zip(named(agent, words, &open)?) {
            visits.push(visit(agent, now, words, row, label)?);
        }
        Ok((visits, sheet::villages(agent.replica().registries())))
    });
    let (visits, villages) = match read.await {
        Ok(read) => read,
        Err(failure) => return failed(words, &failure),
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let token = site.sign_in.token();
    (status, show(Visits { words, token, visits, villages, typed, wrong })).into_response()
}

/// Visits to choose from: the id of each, and what people call it with its day; with the laptop that opened it where
/// several look the same.
pub(super) fn named(
    agent: &mut Agent,
    words: &Words,
    visits: &[VisitRow],
) -> Result<Vec<(String, String)>, Failure> {
    let look = |visit: &VisitRow| (visit.label.clone(), visit.date.clone());
    let named = visits.iter().map(|visit| {
        let mut name = format!("{} · {}", visit.label, words.day(&visit.date));
        if visits.iter().any(|other| other.document != visit.document && look(other) == look(visit)) {
            let laptop = agent.opener(visit.document)?.unwrap_or_else(|| "?".to_owned());
            name = format!("{name} · {laptop}");
        }
        Ok((visit.document.to_string(), name))
    });
    named.collect()
}

fn visit(
    agent: &mut Agent,
    now: Now,
    words: &Words,
    row: &VisitRow,
    label: String,
) -> Result<Visit, Failure> {
    let Expected { people, products, of } = agent.expected(row)?;
    let mut place = json!({"village": row.village});
    name_codes(agent, words, &mut place);
    let announced = |Awaited { row, known, served }: Awaited| Announced {
        wants: wants(agent, words, &row),
        card: Card {
            death: death(words, known.as_ref().and_then(|known| known.death.as_deref())),
            ..listed_card(agent, now, words, &row)
        },
        known: known.is_some(),
        served,
    };
    let people = people.into_iter().map(announced).collect();
    let product = |product| {
        let mut value = json!(product);
        name_codes(agent, words, &mut value);
        pages::row(agent, &mut value)
    };
    let products = products.into_iter().map(product).collect::<Result<_, _>>()?;
    Ok(Visit {
        id: row.document.to_string(),
        label,
        village: text(&place, "village"),
        people,
        products,
        counts: expected(words, of),
    })
}

/// How many are expected, in words.
pub(super) fn expected(words: &Words, Counts { people, served, products }: Counts) -> String {
    let counts = [
        ("people", Some(people)),
        ("served", Some(served).filter(|served| *served > 0)),
        ("products", Some(products)),
    ];
    let told =
        counts.into_iter().filter_map(|(name, count)| Some(words.count(&format!("expected-{name}"), count?)));
    told.collect::<Vec<_>>().join(", ")
}

/// What somebody of the pre-list will ask for, and in which class of the queue.
fn wants(agent: &Agent, words: &Words, row: &Listed) -> String {
    let mut value = json!({"service": row.service});
    name_codes(agent, words, &mut value);
    let priority = row.priority.as_deref().map(|code| words.part("priority", code));
    let parts = [Some(text(&value, "service")), priority];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}
