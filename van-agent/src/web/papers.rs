//! The papers of a case on its pages: attached from a file, the camera or the scanner's folder, shown, and taken
//! away with a reason.

use std::path::PathBuf;

use askama::Template;
use axum::{
    extract::{Multipart, Path, State, multipart::Field},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use shared::{
    desk::because::Because,
    document::{
        attachment::{Kind, is_media_type},
        schema::ATTACHMENT_BYTES_MAX,
    },
};

use super::{
    Site,
    acts::see,
    case::page,
    pages::{Reason, absent, ask, failed, nowhere, show, why, words},
    posted::{Posted, foreign},
};
use crate::{
    attachment::{self, Content, Found, Taken, scans, shortened, thumbnail},
    host::{
        output::Failure,
        web::{CSRF_FIELD, Words, came_from},
    },
    request::Request,
    settings::Setting,
};

/// Scans that a page offers.
const SCANS_MAX: usize = 8;
/// Bytes of a field of an upload that is no file.
const TEXT_BYTES_MAX: usize = 4_000;
/// Pictures that a page may show itself; everything else is given to be kept as a file.
const PICTURES: [&str; 6] = ["image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/avif"];

/// Whether a page may show a file of this media type itself.
pub(super) fn is_picture(media_type: &str) -> bool {
    PICTURES.contains(&media_type)
}

/// That a file of a case is not on this laptop.
#[derive(Template)]
#[template(path = "away.html")]
struct AwayPage {
    words: &'static Words,
    token: String,
    case: String,
    attachment: String,
    name: String,
    /// In words.
    size: String,
    /// Whether it is asked for.
    asked: bool,
    /// Whether it was damaged here before the hub had it.
    lost: bool,
}

/// What there is to attach from.
pub(super) struct Sources {
    /// Whether a scanner's folder is set.
    pub(super) scanner: bool,
    /// Its newest files.
    pub(super) scans: Vec<Scan>,
    /// Why its files cannot be listed.
    pub(super) unread: Option<Reason>,
}

/// A file of the scanner's folder.
pub(super) struct Scan {
    pub(super) name: String,
    /// In words.
    pub(super) size: String,
    /// Why it cannot be attached, where it cannot.
    pub(super) unfit: Option<String>,
}

impl Sources {
    /// Looks into the scanner's folder, as far as one is set.
    pub(super) async fn of(site: &Site, words: &Words) -> Result<Self, Failure> {
        let Some(folder) = scanner_folder(site).await? else {
            return Ok(Self { scanner: false, scans: Vec::new(), unread: None });
        };
        // A folder on another machine may take its time: nobody else waits for it.
        let found = tokio::task::spawn_blocking(move || scans::newest(&folder, SCANS_MAX)).await;
        let (found, unread) = match found {
            Ok(Ok(found)) => (found, None),
            Ok(Err(failure)) => (Vec::new(), Some(why(words, &failure))),
            Err(error) => (Vec::new(), Some(why(words, &Failure::new(error.to_string()).why("stopped")))),
        };
        let scan = |scan: scans::Scan| Scan {
            name: scan.name,
            size: words.size(scan.size),
            unfit: scan.unfit.map(|unfit| match unfit {
                scans::Unfit::Empty => words.get("why-file-empty"),
                scans::Unfit::Large => words.get("wrong-file-large"),
            }),
        };
        let scans = found.into_iter().map(scan).collect();
        Ok(Self { scanner: true, scans, unread })
    }
}

async fn scanner_folder(site: &Site) -> Result<Option<PathBuf>, Failure> {
    let folder = site.run(|agent, _| agent.setting(Setting::ScannerFolder)).await?;
    Ok(Some(PathBuf::from(folder)).filter(|folder| !folder.as_os_str().is_empty()))
}

/// What is wrong with an upload: the name of the words for it.
#[derive(Debug)]
enum Wrong {
    /// It comes from no page of ours.
    Foreign,
    /// No file was chosen, or it is empty.
    Empty,
    Large,
    /// It broke off, or is no form.
    Cut,
    Failed(Failure),
}

/// Attaches the file of a posted form, which comes in pieces.
pub(super) async fn upload(
    State(site): State<Site>,
    Path(case): Path<String>,
    headers: HeaderMap,
    mut form: Multipart,
) -> Response {
    let words = words(&headers);
    let done = match received(&site, &mut form).await {
        Ok(content) => attach(&site, &case, content).await.map_err(Wrong::Failed),
        Err(wrong) => Err(wrong),
    };
    if done.is_err() {
        // A browser hears the answer only after it has said all.
        while let Ok(Some(mut field)) = form.next_field().await {
            while let Ok(Some(_)) = field.chunk().await {}
        }
    }
    let wrong = match done {
        Ok(()) => return see(&back(&headers, &case)),
        Err(Wrong::Foreign) => return foreign(),
        Err(Wrong::Empty) => words.get("wrong-file-empty"),
        Err(Wrong::Large) => words.get("wrong-file-large"),
        Err(Wrong::Cut) => words.get("wrong-file-cut"),
        Err(Wrong::Failed(failure)) if failure.missing => return absent(words, "not-there", &failure),
        Err(Wrong::Failed(failure)) => return failed(words, &failure),
    };
    page(&site, words, case, Some((wrong, None))).await
}

/// The page that somebody came from, where it is one on which papers are attached.
fn back(headers: &HeaderMap, case: &str) -> String {
    let from = came_from(headers);
    if from.starts_with("/saved/") { from } else { format!("/case/{case}#papers") }
}

/// Takes a form in: the token of our own pages stands before the file.
async fn received(site: &Site, form: &mut Multipart) -> Result<Content, Wrong> {
    let (mut is_own, mut kind, mut name) = (false, None, String::new());
    while let Some(field) = form.next_field().await.map_err(|_| Wrong::Cut)? {
        let which = field.name().unwrap_or_default().to_owned();
        match which.as_str() {
            CSRF_FIELD => is_own = site.sign_in.is_token(&short(field).await?),
            "kind" => kind = short(field).await?.parse::<Kind>().ok(),
            "name" => name = short(field).await?,
            "file" if !is_own => return Err(Wrong::Foreign),
            "file" => {
                let own_name = field.file_name().unwrap_or_default().to_owned();
                let name = if name.trim().is_empty() { own_name } else { name };
                let bytes = whole(field).await?;
                let name = Some(shortened(name.trim())).filter(|name| !name.is_empty());
                return Ok(Content { bytes, kind, name, thumbnail: None });
            }
            _ => {}
        }
    }
    Err(if is_own { Wrong::Empty } else { Wrong::Foreign })
}

/// The text of a field that is no file; a longer one is cut.
async fn short(mut field: Field<'_>) -> Result<String, Wrong> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|_| Wrong::Cut)? {
        bytes.extend(piece.iter().take(TEXT_BYTES_MAX - bytes.len()));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// All bytes of a file, as far as it may be attached.
async fn whole(mut field: Field<'_>) -> Result<Vec<u8>, Wrong> {
    let limit = usize::try_from(ATTACHMENT_BYTES_MAX).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|_| Wrong::Cut)? {
        if bytes.len() + piece.len() > limit {
            while let Ok(Some(_)) = field.chunk().await {}
            return Err(Wrong::Large);
        }
        bytes.extend_from_slice(&piece);
    }
    if bytes.is_empty() { Err(Wrong::Empty) } else { Ok(bytes) }
}

async fn attach(site: &Site, case: &str, content: Content) -> Result<(), Failure> {
    // Decoding takes a moment and memory: here rather than where everybody waits for the store.
    let content = tokio::task::spawn_blocking(move || {
        let thumbnail = thumbnail::of(&content.bytes);
        Content { thumbnail, ..content }
    });
    let content = content.await.map_err(|error| Failure::new(error.to_string()).why("stopped"))?;
    let case = case.to_owned();
    let done = site.run(move |agent, now| {
        let done = agent.attach(now, &case, &content);
        agent.note_head();
        done
    });
    let done = done.await;
    done.map(drop)
}

/// Attaches a file of the scanner's folder, or takes a paper away.
pub(super) async fn act(
    State(site): State<Site>,
    Path(case): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Response {
    let words = words(&headers);
    let scan = posted.text("scan");
    let done = match scan {
        "" => detach(&site, words, &case, &posted).await,
        scan => from_scanner(&site, &case, scan).await,
    };
    match done {
        Ok(()) => see(&back(&headers, &case)),
        Err(failure) => page(&site, words, case, Some(why(words, &failure))).await,
    }
}

async fn from_scanner(site: &Site, case: &str, scan: &str) -> Result<(), Failure> {
    let folder = scanner_folder(site)
        .await?
        .ok_or_else(|| Failure::new("no scanner folder is set").why("no-scanner"))?;
    let file = scans::path(&folder, scan)?;
    let read = tokio::task::spawn_blocking(move || attachment::read(&file)).await;
    let bytes = read.map_err(|error| Failure::new(error.to_string()).why("stopped"))??;
    let content = Content { bytes, kind: Some(Kind::Scan), name: Some(shortened(scan)), thumbnail: None };
    attach(site, case, content).await
}

async fn detach(site: &Site, words: &'static Words, case: &str, posted: &Posted) -> Result<(), Failure> {
    let reason = posted.text("reason").to_owned();
    if reason.is_empty() {
        return Err(
            Failure::usage("an attachment is taken away for a reason").because(Because::of("no-reason"))
        );
    }
    let attachment = posted.text("attachment").to_owned();
    let request = Request::CaseDetach { case: case.to_owned(), attachment, reason };
    ask(site, words, request).await.map(drop)
}

/// A file of a case, whole; of one that is not here, a page that says so.
pub(super) async fn file(
    State(site): State<Site>,
    Path((case, attachment)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let words = words(&headers);
    match find(&site, &case, &attachment, false).await {
        Ok(Found::Here(taken)) => give(taken, false),
        Ok(Found::Away(away)) => {
            let token = site.sign_in.token();
            let name = away.name.unwrap_or_else(|| attachment.clone());
            let (asked, lost, size) = (away.asked, away.lost, words.size(away.size));
            show(AwayPage { words, token, case, attachment, name, size, asked, lost })
        }
        Err(failure) => unfound(words, &failure),
    }
}

/// Asks the hub for a file of a case that is not here.
pub(super) async fn wish(
    State(site): State<Site>,
    Path((case, attachment)): Path<(String, String)>,
    headers: HeaderMap,
    _posted: Posted,
) -> Response {
    let place = format!("/case/{case}/file/{attachment}");
    match site.run(move |agent, _| agent.ask_for_attachment(&case, &attachment)).await {
        Ok(()) => see(&place),
        Err(failure) => unfound(words(&headers), &failure),
    }
}

/// The small picture of a file.
pub(super) async fn small(
    State(site): State<Site>,
    Path((case, attachment)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    match find(&site, &case, &attachment, true).await {
        Ok(Found::Here(taken)) => give(taken, true),
        Ok(Found::Away(_)) => nowhere(headers).await,
        Err(failure) => unfound(words(&headers), &failure),
    }
}

async fn find(site: &Site, case: &str, attachment: &str, small: bool) -> Result<Found, Failure> {
    let (case, attachment) = (case.to_owned(), attachment.to_owned());
    site.run(move |agent, _| agent.find_attachment(&case, &attachment, small)).await
}

fn unfound(words: &'static Words, failure: &Failure) -> Response {
    if failure.missing { absent(words, "no-page", failure) } else { failed(words, failure) }
}

fn give(taken: Taken, small: bool) -> Response {
    let media_type = match (small, taken.known.media_type) {
        (true, _) => "image/jpeg".to_owned(),
        (false, known) => {
            known.filter(|text| is_media_type(text)).unwrap_or_else(|| "application/octet-stream".to_owned())
        }
    };
    let shown = if is_picture(&media_type) { "inline" } else { "attachment" };
    let name = taken.known.name.unwrap_or_else(|| taken.hash.to_string());
    let name = utf8_percent_encode(&name, NON_ALPHANUMERIC);
    let headers: [(HeaderName, String); 2] = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_DISPOSITION, format!("{shown}; filename*=UTF-8''{name}")),
    ];
    (StatusCode::OK, headers, taken.bytes).into_response()
}
