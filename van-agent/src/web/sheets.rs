//! The pages of emergency sheets: printing them while there is power, and which are out.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::Value;

use super::{
    Site,
    acts::see,
    pages::{ask, death, failed, nowhere, show, text, words},
    posted::Posted,
    sheet::now_agreed_to,
};
use crate::{
    battery::Battery,
    host::{qr, web::Words},
    request::Request,
    sheets::SheetAct,
};

#[derive(Template)]
#[template(path = "sheets.html")]
struct SheetsPage {
    words: &'static Words,
    token: String,
    /// How many wait to be entered, in words.
    open: String,
    sheets: Vec<Line>,
    /// How full the battery is, where that is known, and whether it is time to print.
    battery: Option<(String, bool)>,
}

/// A sheet as the page lists it.
struct Line {
    slip: String,
    state: &'static str,
    printed: String,
    batch: i64,
    case: String,
    name: String,
    /// The day on which the subject's death was reported.
    death: Option<String>,
}

#[derive(Template)]
#[template(path = "sheets_paper.html")]
struct PaperPage {
    words: &'static Words,
    sheets: Vec<Paper>,
    /// The version of the text that the citizen agrees to, and the text.
    consent: (&'static str, &'static str),
}

/// A sheet on paper: its number, and the number as a code: modules a side, and the path of the dark ones.
struct Paper {
    slip: String,
    code: Option<(usize, String)>,
}

/// How full the battery is, in words, and whether emergency sheets should be printed now.
pub(super) fn battery(words: &Words) -> Option<(String, bool)> {
    let battery = Battery::now()?;
    Some((words.count("battery", battery.percent.into()), battery.is_low()))
}

pub(super) async fn begin(State(site): State<Site>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let (answer, found) = match ask(&site, words, Request::Sheet { act: SheetAct::List }).await {
        Ok(found) => found,
        Err(failure) => return failed(words, &failure),
    };
    let line = |sheet: &Value| Line {
        slip: text(sheet, "sheet"),
        state: match sheet["state"].as_str() {
            Some("entered") => "sheet-entered",
            Some("open") => "sheet-open",
            _ => "sheet-expired",
        },
        printed: words.moment(&text(sheet, "printed")),
        batch: sheet["batch"].as_i64().unwrap_or_default(),
        case: text(sheet, "case"),
        name: text(sheet, "name"),
        death: death(words, sheet["death"].as_str()),
    };
    show(SheetsPage {
        words,
        token: site.sign_in.token(),
        open: words.count("sheets-open", answer["open"].as_u64().unwrap_or(0)),
        sheets: found.iter().map(line).collect(),
        battery: battery(words),
    })
}

/// Reserves numbers; the page that is then shown is to be printed.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let count = posted.text("count").parse().unwrap_or(0);
    match ask(&site, words, Request::Sheet { act: SheetAct::Print(count) }).await {
        Ok((_, sheets)) => see(&format!(
            "/sheets/{}",
            sheets.first().map_or(0, |sheet| sheet["batch"].as_i64().unwrap_or(0))
        )),
        Err(failure) => failed(words, &failure),
    }
}

/// The sheets that were reserved together and not entered yet, as paper.
pub(super) async fn paper(State(site): State<Site>, Path(batch): Path<i64>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    let found = match ask(&site, words, Request::Sheet { act: SheetAct::List }).await {
        Ok((_, found)) => found,
        Err(failure) => return failed(words, &failure),
    };
    let wanted = |sheet: &&Value| sheet["batch"] == batch && sheet["state"] == "open";
    let paper = |sheet: &Value| {
        let slip = text(sheet, "sheet");
        Paper { code: qr::outline(&slip), slip }
    };
    let sheets: Vec<_> = found.iter().filter(wanted).map(paper).collect();
    if sheets.is_empty() {
        return nowhere(headers).await;
    }
    show(PaperPage { words, sheets, consent: now_agreed_to(words) })
}
