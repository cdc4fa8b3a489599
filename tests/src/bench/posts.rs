//! How fast a laptop answers what a counter posts: typing, the queue, products, papers, and the end of the day.

use anyhow::{Context as _, ensure};

use super::{
    Figure, Kind, median,
    pages::{ANSWER_GOAL, ASKED, read, timed},
};
use crate::{
    page::{Reader, hidden},
    process::Van,
};

/// Bytes of a small scan.
const SCAN_BYTES: usize = 100_000;

/// What is posted at a counter, and how long each took, in milliseconds.
#[derive(Default)]
struct Posts {
    took: Vec<(&'static str, Vec<f64>)>,
}

impl Posts {
    /// Posts a form, whose answer begins as it should.
    fn post(
        &mut self,
        reader: &Reader,
        name: &'static str,
        path: &str,
        fields: &str,
    ) -> anyhow::Result<String> {
        let page = read(reader, "/queue")?;
        let token = hidden(&page, "csrf").context("find the page's token")?;
        self.time(name, || reader.post(path, token, fields))
    }

    fn time(&mut self, name: &'static str, work: impl FnOnce() -> String) -> anyhow::Result<String> {
        let mut answer = String::new();
        let took = timed(|| {
            answer = work();
            Ok(())
        })?;
        let is_taken =
            ["HTTP/1.1 200", "HTTP/1.1 204", "HTTP/1.1 303"].iter().any(|good| answer.starts_with(good));
        ensure!(is_taken, "{name} is taken: {answer}");
        match self.took.iter_mut().find(|(known, _)| *known == name) {
            Some((_, times)) => times.push(took),
            None => self.took.push((name, vec![took])),
        }
        Ok(answer)
    }
}

/// Measures what a counter posts to a laptop that holds `cases`, each some times, and at the end the seal of its day.
///
/// # Errors
/// Something is not taken.
pub(super) fn measure(van: &Van, reader: &Reader, cases: usize) -> anyhow::Result<Vec<Figure>> {
    let manifest = van.run(&["handover", "manifest"]);
    let products: Vec<_> = manifest.lines.iter().filter_map(|row| row["case"].as_str()).collect();
    ensure!(products.len() > ASKED, "there are {} products", products.len());
    let visits = van.run(&["visit", "list"]);
    let visit = visits.lines.iter().find_map(|row| row["visit"].as_str()).context("find a visit")?;
    let mut posts = Posts::default();
    for (number, product) in products.iter().take(ASKED).enumerate() {
        at_the_table(&mut posts, reader, number)?;
        hand_over(&mut posts, reader, van, product)?;
        papers(&mut posts, reader, visit, product, number)?;
    }
    let mut figures = Vec::new();
    let mut slowest = (0.0, "");
    for (name, took) in posts.took {
        let took = median(took);
        eprintln!("{took:8.1} ms  {name}");
        if took > slowest.0 {
            slowest = (took, name);
        }
    }
    let figure = |name: &str, took| {
        Figure::new(format!("{cases} cases: {name}"), took, "ms", Kind::Time).at_most(ANSWER_GOAL)
    };
    figures.push(figure(&format!("slowest post, median of {ASKED} ({})", slowest.1), slowest.0));
    let mut once = Posts::default();
    once.post(reader, "load up to 50 products at one go", "/manifest", "do=load-all")?;
    once.post(reader, "seal a day of 300 cases", "/day", "leader=Maria")?;
    figures.extend(once.took.into_iter().map(|(name, took)| figure(name, median(took))));
    Ok(figures)
}

/// Half a form, and a ticket from its drawing to the table.
fn at_the_table(posts: &mut Posts, reader: &Reader, number: usize) -> anyhow::Result<()> {
    let page = read(reader, "/record")?;
    let form = hidden(&page, "form").context("find the form's name")?;
    let typed = format!("form={form}&name=Yohanis+Oematan+{number}&sex=L&born=1990&village=53.02.01.1001");
    posts.post(reader, "keep a half-typed form", "/record/keep", &typed)?;
    posts.post(reader, "forget it", "/record", &format!("{typed}&do=forget&sure=yes"))?;
    for state in ["skipped", "served"] {
        posts.post(reader, "draw a ticket", "/queue", "take=general")?;
        posts.post(reader, "call the next", "/queue", "call=all")?;
        let page = read(reader, "/queue")?;
        let ticket = hidden(&page, "ticket").context("find the ticket that is called")?;
        let fields = format!("ticket={}&state={state}", ticket.replace('/', "%2F"));
        posts.post(reader, if state == "served" { "serve it" } else { "skip it" }, "/queue", &fields)?;
    }
    Ok(())
}

/// A product aboard, and into the hands of whom it belongs to.
fn hand_over(posts: &mut Posts, reader: &Reader, van: &Van, case: &str) -> anyhow::Result<()> {
    let slip = van.run(&["case", "show", case]).text("slip").replace('/', "%2F");
    posts.post(reader, "load a product", "/manifest", &format!("do=load&scan={slip}"))?;
    let fields = format!("do=hand&q={slip}&case={case}&collector=subject&received=thumb");
    posts.post(reader, "hand a product over", "/handover", &fields)?;
    Ok(())
}

/// What is written of a case and of the unit.
fn papers(posts: &mut Posts, reader: &Reader, visit: &str, case: &str, number: usize) -> anyhow::Result<()> {
    let page = read(reader, "/survey")?;
    let batch = hidden(&page, "batch").context("find the batch of sheets")?;
    let scores = "&sheet-0=4".repeat(9);
    posts.post(
        reader,
        "enter a sheet of the survey",
        "/survey",
        &format!("visit={visit}&batch={batch}{scores}"),
    )?;
    let blank = format!("do=enter&act=received&kind=KTP-EL&from=B{number}0001&to=B{number}0100");
    posts.post(reader, "enter blanks", "/blanks", &blank)?;
    let correction = format!("was-companion=&companion=Maria+{number}&reason=salah+tulis");
    posts.post(reader, "correct a case", &format!("/correct/{case}"), &correction)?;
    posts.post(reader, "note a printed slip", "/slips", &format!("case={case}"))?;
    let page = read(reader, "/queue")?;
    let token = hidden(&page, "csrf").context("find the page's token")?.to_owned();
    let mut scan = b"%PDF-1.4\n".to_vec();
    scan.resize(SCAN_BYTES, number as u8);
    posts.time("attach a scan", || {
        reader.upload(&format!("/case/{case}/attach"), &token, "scan.pdf", &scan)
    })?;
    Ok(())
}
