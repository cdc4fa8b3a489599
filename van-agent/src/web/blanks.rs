//! The page of numbered blanks: what is aboard, what is wrong with it, what the hub has lent, and entries.

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Site,
    acts::see,
    book::{self, Book},
    pages::{ask, detail, failed, show, text, unkept, words},
    posted::Posted,
};
use crate::{
    blank::BlankAct,
    host::{output::Failure, web::Words},
    request::Request,
};

/// What may be entered, in the order of the page.
const ACTS: [&str; 3] = ["received", "spoilt", "returned"];

#[derive(Template)]
#[template(path = "blanks.html")]
struct BlanksPage {
    words: &'static Words,
    token: String,
    stocks: Vec<Stock>,
    book: Book,
    leases: Vec<Lease>,
    acts: [&'static str; 3],
    /// Kinds that are aboard or lent.
    kinds: Vec<String>,
    typed: Typed,
    /// What is wrong, in words, and as the program says it in English.
    wrong: Option<(String, Option<String>)>,
}

/// One kind of blanks.
struct Stock {
    kind: String,
    /// Received, used, spoilt, returned, left.
    counts: [u64; 5],
    ranges: Vec<String>,
    alarms: Vec<String>,
    /// The query of a link to its entries.
    query: String,
}

/// What the hub has lent.
struct Lease {
    name: String,
    kind: String,
    range: String,
    /// The query of a link to its entries; empty of numbers that are no blanks.
    query: String,
    gone: u64,
    numbers: u64,
    until: String,
    /// That it runs out, in words.
    open: Option<String>,
}

/// What was typed into an entry that was refused.
#[derive(Default)]
struct Typed {
    act: String,
    kind: String,
    from: String,
    to: String,
    reason: String,
    case: String,
    serial: String,
}

pub(super) async fn begin(
    State(site): State<Site>,
    Query(wanted): Query<book::Wanted>,
    headers: HeaderMap,
) -> Response {
    page(&site, words(&headers), wanted, Typed::default(), None).await
}

/// Writes an entry, or lets a case name the blank that it used.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let field = |name: &str| posted.text(name).to_owned();
    let typed = Typed {
        act: field("act"),
        kind: field("kind"),
        from: field("from"),
        to: field("to"),
        reason: field("reason"),
        case: field("case"),
        serial: field("serial"),
    };
    let optional = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let act = if posted.text("do") == "use" {
        json!({"use": {"case": typed.case, "serial": typed.serial}})
    } else {
        json!({"enter": {"act": typed.act, "kind": typed.kind, "from": typed.from,
                         "to": optional(&typed.to), "reason": optional(&typed.reason)}})
    };
    let act: BlankAct = match serde_json::from_value(act) {
        Ok(act) => act,
        Err(error) => {
            let wrong = (words.get("wrong-blanks"), detail(words, &error.to_string()));
            return page(&site, words, book::Wanted::default(), typed, Some(wrong)).await;
        }
    };
    match ask(&site, words, Request::Blank { act }).await {
        Ok(_) => see("/blanks"),
        Err(failure) => {
            let wrong = match (failure.missing, failure.usage) {
                (true, _) => words.get("not-there"),
                (false, true) => words.get("wrong-blanks"),
                (false, false) => unkept(words, &failure),
            };
            page(&site, words, book::Wanted::default(), typed, Some((wrong, detail(words, &failure.message))))
                .await
        }
    }
}

async fn page(
    site: &Site,
    words: &'static Words,
    wanted: book::Wanted,
    typed: Typed,
    wrong: Option<(String, Option<String>)>,
) -> Response {
    let rows = match ask(site, words, Request::Blank { act: BlankAct::List }).await {
        Ok((_, rows)) => rows,
        Err(failure) => return failed(words, &failure),
    };
    let of = |name: &'static str| rows.iter().map(move |row| &row[name]).filter(|row| row.is_object());
    let leases: Vec<Lease> = of("lease").map(|row| lease(words, row)).collect();
    let stocks: Vec<Stock> = of("stock").map(|row| stock(words, row)).collect();
    let book = match book(site, words, &of("stock").collect::<Vec<_>>(), wanted).await {
        Ok(book) => book,
        Err(failure) => return failed(words, &failure),
    };
    let lent = of("lease").map(|row| text(row, "kind")).filter(|kind| !kind.contains(':'));
    let mut kinds: Vec<String> = stocks.iter().map(|stock| stock.kind.clone()).chain(lent).collect();
    kinds.sort();
    kinds.dedup();
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let token = site.sign_in.token();
    let page = BlanksPage { words, token, stocks, book, leases, acts: ACTS, kinds, typed, wrong };
    (status, show(page)).into_response()
}

/// The book; of which case names a blank when and by whom is read for those that are shown, or all where a text is sought.
async fn book(site: &Site, words: &Words, stocks: &[&Value], wanted: book::Wanted) -> Result<Book, Failure> {
    let sittings = |cases: Vec<String>| site.run(move |agent, _| agent.sittings(cases));
    if wanted.is_search() {
        let uses = stocks.iter().flat_map(|stock| stock["uses"].as_array().into_iter().flatten());
        let all = sittings(uses.map(|used| text(used, "case")).collect()).await?;
        return Ok(Book::of(words, stocks, wanted, &all));
    }
    let mut book = Book::of(words, stocks, wanted, &book::Sittings::new());
    let shown = book.entries.iter().filter_map(|entry| entry.case.as_ref());
    let shown = sittings(shown.map(|(case, _)| case.clone()).collect()).await?;
    book.tell(&shown);
    Ok(book)
}

fn stock(words: &Words, row: &Value) -> Stock {
    let alarm = |alarm: &Value| {
        let cases = texts(&alarm["cases"]).join(", ");
        let what = words.part("blank", &text(alarm, "alarm"));
        format!("{}: {what} {cases}", ends(&alarm["range"])).trim_end().to_owned()
    };
    let alarms = row["alarms"].as_array().into_iter().flatten();
    let ranges = row["ranges"].as_array().into_iter().flatten();
    let kind = text(row, "kind");
    Stock {
        query: book::query([("kind", &kind)].into_iter()),
        kind,
        counts: ["received", "used", "spoilt", "returned", "left"]
            .map(|name| row[name].as_u64().unwrap_or(0)),
        ranges: ranges.map(ends).collect(),
        alarms: alarms.map(alarm).collect(),
    }
}

fn lease(words: &Words, row: &Value) -> Lease {
    let open = match (row["over"] == true, row["low"] == true) {
        _ if row["gone"] == row["numbers"] => Some(words.get("lease-used-up")),
        (true, _) => Some(words.get("lease-over")),
        (false, true) => Some(words.get("lease-low")),
        (false, false) if row["soon"] == true => Some(words.get("lease-soon")),
        (false, false) => None,
    };
    let kind = text(row, "kind");
    let kind = match kind.strip_prefix("slip:") {
        Some(agency) => format!("{} {agency}", words.get("lease-slip")),
        None => kind,
    };
    let ends_of = [text(row, "kind"), text(&row["range"], "from"), text(&row["range"], "to")];
    let query = match ends_of[0].starts_with("slip:") {
        true => String::new(),
        false => book::query(["kind", "from", "to"].into_iter().zip(&ends_of)),
    };
    Lease {
        name: text(row, "lease"),
        kind,
        query,
        range: ends(&row["range"]),
        gone: row["gone"].as_u64().unwrap_or(0),
        numbers: row["numbers"].as_u64().unwrap_or(0),
        until: row["until"].as_str().map_or_else(String::new, |day| words.day(day)),
        open,
    }
}

/// That a lease runs out or is over.
pub(super) fn running_out(words: &Words, row: &Value) -> String {
    let Lease { kind, range, until, open, .. } = lease(words, row);
    let until =
        if row["soon"] == true { format!(" ({} {until})", words.get("lease-until")) } else { String::new() };
    format!("{} {kind} {range}{until}: {}", words.get("attention-lease"), open.unwrap_or_default())
}

fn ends(range: &Value) -> String {
    match (text(range, "from"), text(range, "to")) {
        (from, to) if from == to => from,
        (from, to) => format!("{from}–{to}"),
    }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
