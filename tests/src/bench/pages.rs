//! How fast a laptop's pages answer when it holds many cases.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::{Figure, Kind, median, posts};
use crate::{
    page::{Reader, hidden},
    process::Van,
};

/// How soon the first page is to stand after the program began, in seconds.
const FIRST_GOAL: f64 = 1.0;
/// How soon any page is to answer, in milliseconds.
pub(super) const ANSWER_GOAL: f64 = 100.0;
/// How often each page is asked for; the one in the middle counts.
pub(super) const ASKED: usize = 7;
/// Every page of the menu and of its second half, and the searches that a counter makes.
const PAGES: [&str; 24] = [
    "/",
    "/record",
    "/handover",
    "/handover?q=Oematan",
    "/manifest",
    "/manifest?q=Oematan",
    "/manifest?show=5000",
    "/find?q=Oematan",
    "/find?q=V01A",
    "/find?q=a",
    "/needs-you",
    "/custody",
    "/sync",
    "/queue",
    "/slips",
    "/verify",
    "/sheets",
    "/survey",
    "/blanks",
    "/day",
    "/carry",
    "/officer",
    "/settings",
    "/visits",
];

/// Measures the pages of a laptop that holds `cases`.
///
/// # Errors
/// A page does not answer as it should.
pub(super) fn measure(van: &Van, cases: usize) -> anyhow::Result<Vec<Figure>> {
    let began = Instant::now();
    let running = van.start(&[]);
    let reader = Reader::of(&running);
    let today = read(&reader, "/")?;
    let first = began.elapsed().as_secs_f64();
    let figure = |name: &str, value, unit, goal| {
        Figure::new(format!("{cases} cases: {name}"), value, unit, Kind::Time).at_most(goal)
    };
    let mut figures = vec![figure("first page after the program's start", first, "s", FIRST_GOAL)];

    let link = today.split("href=\"/case/").nth(1).and_then(|rest| rest.split('"').next());
    let case = link.context("find a case on the first page")?;
    let paths = PAGES.iter().map(|path| (*path).to_owned());
    let paths = paths.chain(["case", "correct", "saved"].map(|page| format!("/{page}/{case}")));
    let mut slowest = (0.0, String::new());
    for path in paths {
        let took = (0..ASKED).map(|_| timed(|| read(&reader, &path))).collect::<anyhow::Result<Vec<_>>>()?;
        let took = median(took);
        eprintln!("{took:8.1} ms  {path}");
        if took > slowest.0 {
            slowest = (took, path);
        }
    }
    let name = format!("slowest page, median of {ASKED} ({})", slowest.1);
    figures.push(figure(&name, slowest.0, "ms", ANSWER_GOAL));

    let saves = (0..ASKED).map(|number| save(&reader, number)).collect::<anyhow::Result<Vec<_>>>()?;
    let (sought, saved): (Vec<_>, Vec<_>) = saves.into_iter().unzip();
    figures.push(figure("look for a person by name, median", median(sought), "ms", ANSWER_GOAL));
    figures.push(figure("save a case, durable, median", median(saved), "ms", ANSWER_GOAL));
    figures.extend(posts::measure(van, &reader, cases)?);
    running.terminate().done();
    Ok(figures)
}

/// Records somebody as an officer does: how long the search for the name took, and the save, in milliseconds.
fn save(reader: &Reader, number: usize) -> anyhow::Result<(f64, f64)> {
    let page = read(reader, "/record")?;
    let token = hidden(&page, "csrf").context("find the page's token")?;
    let form = hidden(&page, "form").context("find the form's name")?;
    let typed = format!(
        "form={form}&name=Yohanis+Oematan+{number}&sex=L&born=1990&village=53.02.01.1001&officer=Bete"
    );
    let mut answer = String::new();
    let sought = timed(|| {
        answer = reader.post("/record", token, &format!("{typed}&do=next"));
        Ok(())
    })?;
    ensure!(answer.starts_with("HTTP/1.1 303"), "a form is taken: {answer}");
    let services = "stranger=1&service=DUK-LAHIR&consent=2026-1&confirmed=signature";
    let saved = timed(|| {
        answer = reader.post("/record", token, &format!("{typed}&{services}&do=save"));
        Ok(())
    })?;
    ensure!(answer.contains("location: /saved/"), "a case is saved: {answer}");
    Ok((sought, saved))
}

pub(super) fn read(reader: &Reader, path: &str) -> anyhow::Result<String> {
    let answer = reader.get(path);
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path} is shown: {answer}");
    Ok(answer)
}

/// How long something took, in milliseconds.
pub(super) fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<f64> {
    let began = Instant::now();
    work()?;
    Ok(Duration::as_secs_f64(&began.elapsed()) * 1e3)
}
