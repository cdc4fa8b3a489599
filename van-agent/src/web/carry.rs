//! The page of what laptops carry for each other: bundles, other laptops, what is carried for whom.

use std::path::{Path, PathBuf};

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use shared::{store::carried, sync::bundle::BUNDLE_EXTENSION};

use super::{
    Site,
    pages::{Reason, ask, detail, failed, show, text, why, words},
    posted::Posted,
};
use crate::{
    carry::{CarryAct, FileAct, work_with_file},
    host::{output::Failure, web::Words},
    peers,
    request::Request,
};

/// Where systems put sticks.
const STICKS: [&str; 4] = ["/media", "/run/media", "/mnt", "/Volumes"];
/// Sticks and bundles that are shown, each.
const SHOWN_MAX: usize = 30;

#[derive(Template)]
#[template(path = "carry.html")]
struct Carry {
    words: &'static Words,
    token: String,
    /// The folder that was chosen, if it is there.
    folder: String,
    /// What the field of the folder offers: the one that was chosen, or else a stick that is there.
    offered: String,
    sticks: Vec<String>,
    /// The bundles in the folder: the file, and its name.
    bundles: Vec<(String, String)>,
    carrying: Vec<Load>,
    carried_by: Vec<Load>,
    homeward: Vec<Load>,
    /// Scans and photos that are carried and can be handed over: how many, in words, and their bytes.
    files: Option<(String, String)>,
    /// Those that cannot for now: the file, its bytes, who gave it, and why in words.
    stuck: Vec<(String, String, String, String)>,
    peers: Vec<Peer>,
    /// Where other laptops meet this one, if it listens; nowhere while it is on no network.
    here: Option<Vec<String>>,
    /// What was done, in words.
    done: Option<String>,
    /// Why it was not done, in words, and in the program's own.
    wrong: Option<(String, Option<String>)>,
}

/// What is carried, by or for one laptop.
struct Load {
    laptop: String,
    /// How many, in words.
    count: String,
    size: String,
    at: String,
    /// Why the hub did not take it.
    refused: Option<Reason>,
}

/// Another laptop of the fleet.
struct Peer {
    laptop: String,
    address: String,
    met: String,
    barred: bool,
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    folder: String,
}

/// What was done with a button.
type Outcome = Option<Result<String, (String, Option<String>)>>;

pub(super) async fn begin(
    State(site): State<Site>,
    Query(Chosen { folder }): Query<Chosen>,
    headers: HeaderMap,
) -> Response {
    page(&site, words(&headers), folder, None).await
}

async fn page(site: &Site, words: &'static Words, folder: String, outcome: Outcome) -> Response {
    let peers = ask(site, words, Request::Carry { act: CarryAct::Peers }).await;
    let (listed, peers) = match (asked(site, words, CarryAct::List).await, peers) {
        (Ok(listed), Ok((_, peers))) => (listed, peers),
        (Err(failure), _) | (_, Err(failure)) => return failed(words, &failure),
    };
    // A slow stick keeps only this page waiting.
    let looked_in = folder.clone();
    let look = move || (sticks(), is_folder(&looked_in), bundles(Path::new(&looked_in)));
    let (sticks, is_there, bundles) = tokio::task::spawn_blocking(look).await.unwrap_or_default();
    let offered =
        if folder.is_empty() { sticks.first().cloned().unwrap_or_default() } else { folder.clone() };
    let outcome = match is_there || folder.is_empty() {
        true => outcome,
        false => Some(Err((words.get("carry-no-folder"), None))),
    };
    let loads = |name: &str, count: &'static str, at: &'static str| {
        let load = |row: &Value| Load {
            laptop: text(row, "laptop"),
            count: words.count(count, row[count].as_u64().unwrap_or(0)),
            size: words.size(row["bytes"].as_u64().unwrap_or(0)),
            at: text(row, at),
            refused: row["refused"].as_str().map(|reason| not_taken(words, reason)),
        };
        listed[name].as_array().into_iter().flatten().map(load).collect()
    };
    let peer = |row: &Value| Peer {
        laptop: text(row, "laptop"),
        address: text(row, "address"),
        met: text(row, "met"),
        barred: row["barred"] == true,
    };
    let (stuck, files): (Vec<&Value>, Vec<_>) =
        listed["files"].as_array().into_iter().flatten().partition(|file| file["refused"].is_string());
    let bytes = |file: &&Value| file["bytes"].as_u64().unwrap_or(0);
    let held = (!files.is_empty()).then(|| {
        let count = words.count("carry-scans", files.len() as u64);
        (count, words.size(files.iter().map(bytes).sum()))
    });
    let stuck = stuck.iter().map(|file| {
        let name: String = text(file, "file").chars().take(8).collect();
        (name, words.size(bytes(file)), text(file, "from"), words.part("carry-scan", &text(file, "refused")))
    });
    let (done, wrong) = match outcome {
        None => (None, None),
        Some(Ok(done)) => (Some(done), None),
        Some(Err(wrong)) => (None, Some(wrong)),
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Carry {
        words,
        token: site.sign_in.token(),
        sticks,
        bundles,
        folder: if is_there { folder } else { String::new() },
        offered,
        carrying: loads("carrying", "changes", "since"),
        carried_by: loads("carried_by", "entries", "at"),
        homeward: loads("homeward", "entries", "at"),
        files: held,
        stuck: stuck.collect(),
        peers: peers.iter().map(peer).collect(),
        here: site.link.door.map(|door| peers::met_at(door).iter().map(ToString::to_string).collect()),
        done,
        wrong,
    };
    (status, show(page)).into_response()
}

/// Writes a bundle, takes one in, or meets another laptop.
pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, posted: Posted) -> Response {
    let words = words(&headers);
    let field = |name: &str| posted.text(name).to_owned();
    let (file, folder, address) = (field("import"), field("folder"), field("address"));
    let (answer, said) = if !file.is_empty() {
        (with_file(&site, FileAct::Import(file.into())).await, "carry-imported")
    } else if !address.is_empty() {
        (peers::meet(&site.agent, &address).await, "carry-met")
    } else {
        (
            with_file(&site, FileAct::Export { to: folder.clone().into(), budget: None }).await,
            "carry-exported",
        )
    };
    let outcome = match answer {
        Ok(answer) => done(words, said, &answer),
        Err(failure) => {
            let (sentence, detail) = why(words, &failure);
            Err((format!("{} {sentence}", words.get("carry-failed")), detail))
        }
    };
    page(&site, words, folder, Some(outcome)).await
}

/// Why a load is still here.
fn not_taken(words: &Words, reason: &str) -> Reason {
    let name = if reason == carried::DAMAGED { "carry-damaged" } else { "carry-not-taken" };
    (words.get(name), detail(words, reason))
}

async fn asked(site: &Site, words: &'static Words, act: CarryAct) -> Result<Value, Failure> {
    ask(site, words, Request::Carry { act }).await.map(|(answer, _)| answer)
}

/// Works with a file beside the thread that holds the store, and those that show pages.
async fn with_file(site: &Site, act: FileAct) -> Result<Value, Failure> {
    let mut owner = site.agent.clone();
    let worked = tokio::task::spawn_blocking(move || work_with_file(&mut owner, &act)).await;
    worked.unwrap_or_else(|error| Err(Failure::new(error.to_string()).why("stopped")))
}

fn done(words: &Words, said: &str, answer: &Value) -> Result<String, (String, Option<String>)> {
    let refused: Vec<_> =
        answer["refused"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !refused.is_empty() {
        return Err((words.get("carry-partly"), detail(words, &refused.join("; "))));
    }
    let files: Vec<_> = answer["files"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let what = match (files.is_empty(), answer["file"].as_str()) {
        (false, _) => files.join(", "),
        (true, Some(file)) => file.to_owned(),
        (true, None) => text(answer, "maker"),
    };
    let left = answer["attachments_left"].as_u64().filter(|left| *left > 0);
    let left = left.map_or_else(String::new, |left| format!(". {}", words.count("carry-scans-left", left)));
    Ok(format!("{} {what}{left}", words.get(said)))
}

fn is_folder(folder: &str) -> bool {
    let folder = Path::new(folder);
    folder.is_absolute() && folder.is_dir()
}

/// Folders that look like sticks that are in.
fn sticks() -> Vec<String> {
    let folders = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).take(SHOWN_MAX).collect()
    };
    let mut found = Vec::new();
    for place in STICKS {
        for folder in folders(Path::new(place)) {
            let below = folders(&folder);
            let user = std::env::var("USER").unwrap_or_default();
            // Some systems put a user's sticks one folder deeper.
            match folder.file_name().is_some_and(|name| name == user.as_str()) {
                true => found.extend(below),
                false => found.push(folder),
            }
        }
    }
    let there = found.into_iter().filter(|path| is_mounted(path));
    let mut found: Vec<_> = there.map(|path| path.display().to_string()).collect();
    found.sort();
    found.truncate(SHOWN_MAX);
    found
}

/// Whether a folder is on another disk than the one around it: what was left of a stick that is out is not.
#[cfg(unix)]
fn is_mounted(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let disk = |folder: &Path| std::fs::metadata(folder).ok().map(|folder| folder.dev());
    folder.parent().is_some_and(|around| disk(folder).is_some_and(|own| disk(around) != Some(own)))
}

#[cfg(not(unix))]
fn is_mounted(folder: &Path) -> bool {
    folder.is_dir()
}

/// The bundles in a folder, newest names first.
fn bundles(folder: &Path) -> Vec<(String, String)> {
    if !folder.is_absolute() {
        return Vec::new();
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let files = entries.map(|entry| entry.path());
    let bundle =
        |path: &PathBuf| path.extension().is_some_and(|end| end == BUNDLE_EXTENSION) && path.is_file();
    let mut found: Vec<_> = files
        .filter(bundle)
        .filter_map(|path| Some((path.display().to_string(), path.file_name()?.to_str()?.to_owned())))
        .collect();
    found.sort();
    found.reverse();
    found.truncate(SHOWN_MAX);
    found
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_stick_that_is_out_is_not_offered() {
        let left = tempfile::tempdir().expect("a folder");
        assert!(!is_mounted(left.path()) && is_folder(&left.path().display().to_string()));
        assert!(!is_folder("") && !is_folder("src") && !is_folder("/nowhere"));
        assert_eq!(is_mounted(Path::new("/proc")), Path::new("/proc/self").exists());
    }
}
