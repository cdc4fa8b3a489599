//! The first page: what an officer must know at a glance, and who works where today.

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use serde_json::Value;

use super::{
    Exchange, Site,
    blanks::running_out,
    pages::{Row, ask, death, failed, name_codes, rows, show, text, words},
    sheets::battery,
    visits,
};
use crate::{
    host::{
        output::Failure,
        web::{Language, Words},
    },
    request::Request,
    visit::Counts,
};

/// Cases on the first page.
const RECENT_MAX: u64 = 20;
/// Open visits on the first page.
const VISITS_MAX: usize = 10;

#[derive(Template)]
#[template(path = "today.html")]
struct Today {
    words: &'static Words,
    token: String,
    /// Who works at this laptop.
    officer: String,
    /// Open visits of this unit: the id, and what people call it.
    visits: Vec<(String, String)>,
    custody: Custody,
    /// Whether the newest exchange ended well, and how it went, in words.
    exchange: Option<(bool, String)>,
    recent: Vec<Row>,
    /// Who waits in the queue: the class, and how many.
    classes: Vec<(&'static str, u64)>,
    /// What has become of the other tickets: the name of the word, and how many.
    queue: Vec<(&'static str, u64)>,
    /// Who is expected: where, and how many people and products, in words.
    expected: Vec<(String, String)>,
    /// Products: the name of the word, and how many.
    products: Vec<(&'static str, u64)>,
    /// What is odd about this laptop, in words; and whether the page of blanks tells more.
    attention: Vec<(String, bool)>,
    /// Cases of which the legal time runs out.
    limits: Vec<Limit>,
    /// How many cases have passed which gate of their legal time, and how many of them are shown.
    gates: Vec<String>,
    /// When and where the hub is likely to be reached, in words.
    coverage: Vec<String>,
    /// How full the battery is, where that is known, and whether to print emergency sheets now.
    battery: Option<(String, bool)>,
}

/// A case of which the legal time runs out.
struct Limit {
    case: String,
    slip: String,
    name: String,
    service: String,
    urgent: bool,
    /// Hundredths of the time that are used up.
    percent: u64,
    /// What is left, in words.
    left: String,
    /// The day on which the subject's death was reported.
    death: Option<String>,
}

struct Custody {
    on_laptop: u64,
    carried: u64,
    at_hub: u64,
    accepted: u64,
    needs_you: u64,
    oldest_unsent: Option<String>,
    /// What a wipe would lose; empty where it would lose nothing.
    open: Vec<String>,
}

pub(super) async fn today(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    match page(&site, words).await {
        Ok(page) => show(page),
        Err(failure) => failed(words, &failure),
    }
}

async fn page(site: &Site, words: &'static Words) -> Result<Today, Failure> {
    let (visits, recent, officer) = today_of(site, words).await?;
    let (glance, _) = ask(site, words, Request::Today).await?;
    let custody = &glance["custody"];
    let count = |name: &str| custody[name].as_u64().unwrap_or(0);
    let custody = Custody {
        on_laptop: count("on_laptop"),
        carried: count("carried"),
        at_hub: count("at_hub"),
        accepted: count("accepted"),
        needs_you: count("needs_you"),
        oldest_unsent: custody["oldest_unsent"].as_str().map(str::to_owned),
        open: open(words, custody),
    };
    let counts = |of: &Value, names: &[&'static str]| -> Vec<_> {
        names.iter().map(|name| (*name, of[name].as_u64().unwrap_or(0))).collect()
    };
    let mut queue = counts(&glance["queue"], &["skipped", "served"]);
    queue.push(("waiting_list", glance["queue"]["waiting_list"].as_array().map_or(0, Vec::len) as u64));
    let each = |name: &str| glance[name].as_array().cloned().unwrap_or_default();
    let limits = named(site, words, each("limits")).await?;
    let places = glance["coverage"]["places"].as_array().cloned().unwrap_or_default();
    let places = named(site, words, places).await?;
    Ok(Today {
        token: site.sign_in.token(),
        words,
        officer,
        visits,
        custody,
        exchange: site.link.newest.borrow().as_ref().map(|exchange| told(words, exchange)),
        recent,
        classes: counts(&glance["queue"]["classes"], &["general", "priority", "collect"]),
        queue,
        expected: each("expected").iter().map(|visit| expected(words, visit)).collect(),
        products: counts(&glance["products"], &["ready", "loaded", "with_collector"]),
        attention: each("attention").iter().map(|found| attention(words, found)).collect(),
        gates: gates(words, &glance["gates"], limits.len() as u64),
        limits: limits.iter().map(|limit| running(words, limit)).collect(),
        coverage: coverage(words, &glance["coverage"], places),
        battery: battery(words),
    })
}

/// The same with the names of services and villages.
async fn named(site: &Site, words: &'static Words, mut rows: Vec<Value>) -> Result<Vec<Value>, Failure> {
    let asked = site.run(move |agent, _| {
        rows.iter_mut().for_each(|row| name_codes(agent, words, row));
        Ok(rows)
    });
    asked.await
}

/// When the hub is mostly reached and likely next, and where it was reached, a sentence each.
fn coverage(words: &Words, likely: &Value, places: Vec<Value>) -> Vec<String> {
    let hour = likely["hour"].as_u64().map(|hour| {
        let point = match words.language() {
            Language::Indonesian => '.',
            Language::English => ':',
        };
        let (mostly, next) = (words.get("coverage"), words.get("coverage-next"));
        let (zone, at) = (text(likely, "zone"), words.moment(&text(likely, "next")));
        format!("{mostly} {hour:02}{point}00 {zone}. {next} {at}.")
    });
    let places = places.into_iter().map(|place| {
        let (village, last) = (text(&place, "village"), words.moment(&text(&place, "last")));
        let times = words.count("coverage-times", place["contacts"].as_u64().unwrap_or(0));
        format!("{} {village}: {last} ({times}).", words.get("coverage-place"))
    });
    hour.into_iter().chain(places).collect()
}

fn expected(words: &Words, visit: &Value) -> (String, String) {
    let count = |name: &str| visit[name].as_u64().unwrap_or(0);
    let counts = Counts { people: count("people"), served: count("served"), products: count("products") };
    (text(visit, "label"), visits::expected(words, counts))
}

fn attention(words: &Words, found: &Value) -> (String, bool) {
    let number = |name: &str| found[name].as_i64().unwrap_or(0);
    let code = text(found, "code");
    let told = match code.as_str() {
        "unsent" => {
            let count = words.count("attention-unsent", number("unsent").unsigned_abs());
            format!("{count} {}", words.moment(&text(found, "since")))
        }
        "disk" => {
            let free = words.size(number("free").unsigned_abs());
            format!("{} {free}.", words.get("attention-disk"))
        }
        "lease" => running_out(words, &found["lease"]),
        "clock" => words.count("attention-clock", number("minutes").unsigned_abs()),
        "blanks" => words.count("attention-blanks", number("alarms").unsigned_abs()),
        code => words.part("attention", code),
    };
    (told, ["lease", "blanks"].contains(&code.as_str()))
}

fn gates(words: &Words, gates: &Value, shown: u64) -> Vec<String> {
    let counts = ["urgent", "half", "over"].map(|gate| (gate, gates[gate].as_u64().unwrap_or(0)));
    let of = counts.iter().map(|(_, count)| count).sum();
    let told = counts.into_iter().filter(|(_, count)| *count > 0);
    let mut told: Vec<_> = told.map(|(gate, count)| words.count(&format!("gate-{gate}"), count)).collect();
    told.extend(words.shown_of(shown, of));
    told
}

fn running(words: &Words, limit: &Value) -> Limit {
    let unit = format!("left-{}", text(limit, "unit"));
    let left = match limit["left"].as_u64().unwrap_or(0) {
        0 => words.get("left-over"),
        left => words.count(&unit, left),
    };
    Limit {
        case: text(limit, "case"),
        slip: text(limit, "slip"),
        name: text(limit, "name"),
        service: text(limit, "service"),
        urgent: limit["urgent"] == true,
        percent: limit["percent"].as_u64().unwrap_or(0),
        left,
        death: death(words, limit["death"].as_str()),
    }
}

/// What the first page tells beside the glance: open visits, the newest cases, and who works here.
async fn today_of(
    site: &Site,
    words: &'static Words,
) -> Result<(Vec<(String, String)>, Vec<Row>, String), Failure> {
    let open = site.run(|agent, _| {
        let mut open = agent.open_visits()?;
        open.truncate(VISITS_MAX);
        visits::named(agent, words, &open)
    });
    let visits = open.await?;
    let (_, recent) = ask(site, words, Request::CaseList { limit: Some(RECENT_MAX) }).await?;
    let recent = rows(site, recent).await?;
    let officer = site.run(|agent, _| agent.officer()).await?;
    Ok((visits, recent, officer))
}

/// What a wipe would lose, by the numbers of custody alone.
pub(super) fn open(words: &Words, custody: &Value) -> Vec<String> {
    const OPEN: [&str; 6] = ["unsent", "under_way", "for_others", "drafts", "forms", "attachments"];
    let counts = OPEN.map(|name| (name, custody[name].as_u64().unwrap_or(0)));
    let some = counts.into_iter().filter(|(_, count)| *count > 0);
    some.map(|(name, count)| words.count(&format!("open-{name}"), count)).collect()
}

/// How an exchange went: that it ended, never where anything is, which only custody knows.
pub(super) fn told(words: &Words, exchange: &Exchange) -> (bool, String) {
    let day = exchange.at.split_once('T').map_or("", |(day, _)| day);
    let time = format!("{} · {}", words.clock(&exchange.at), words.day(day));
    if exchange.report.stopped.is_some() {
        return (true, format!("{} {time}", words.get("sync-stopped")));
    }
    let why = match (exchange.report.ok, exchange.report.why) {
        (true, _) => return (true, format!("{} {time}", words.get("sync-ok"))),
        (false, Some(why)) => why.as_str(),
        (false, None) => "cut",
    };
    (false, format!("{} {time}: {}", words.get("sync-failed"), words.get(&format!("sync-{why}"))))
}
