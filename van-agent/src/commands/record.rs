//! `record`: by flags, or a file line by line.

use std::{
    io::{self, BufRead, BufReader, Write as _},
    path::Path,
    sync::mpsc,
    thread,
};

use serde_json::{Map, Value, json};

use crate::{
    access::{Access, Serving, call},
    cli,
    host::{
        control::{Answer, Call, Client, Reached, reach},
        files,
        home::{Home, LOCK_PATIENCE},
        output::{Failure, Printer},
        owner::Handle,
    },
    record::{
        reader::{Lines, Piece},
        save::GROUP_LINES_MAX,
    },
    request::{RawLine, Request},
    start,
};

/// Bytes of lines in one request, at most: escaped they still fit into it.
const GROUP_BYTES_MAX: usize = 400 << 10;
/// Lines that may wait to be saved.
const AHEAD_MAX: usize = 2 * GROUP_LINES_MAX;

/// What became of all lines.
#[derive(Clone, Copy, Default)]
struct Summary {
    saved: u64,
    known: u64,
    refused: u64,
    warned: u64,
    /// The first line that is not saved because the store failed; none after it was tried.
    unsaved_from: Option<u64>,
}

/// Refuses flags that make no case, whatever is on the laptop.
pub(super) fn check(options: &cli::Record) -> Result<(), Failure> {
    if options.file.is_some() {
        return Ok(());
    }
    let cli::Record { nik, name, person_ref, listed, village, service, officer, .. } = options;
    if [nik, name, person_ref, listed, village, service, officer].into_iter().all(Option::is_none) {
        let message = "there is nothing to record: name (or nik, person_ref or listed), sex, village and service are missing";
        return Err(
            Failure::usage(message).next("give them as flags, or --file FILE; see `van-agent record --help`")
        );
    }
    line_of(options.clone()).map(drop)
}

pub(super) fn record(home: &Home, options: cli::Record, mut printer: Printer) -> anyhow::Result<()> {
    let Some(path) = options.file.clone() else { return record_one(home, options, &mut printer) };
    let input: Box<dyn BufRead + Send> = if path == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(files::open(&path)?))
    };
    let mut summary = Summary::default();
    let result = match reach(home, LOCK_PATIENCE)? {
        Reached::Through(mut client) => {
            save_all(input, &mut printer, &mut summary, |request| ask_other(&mut client, request))
        }
        Reached::Alone(lock) => {
            let serving = Serving::begin(home, lock, start::open(home), |_| {}, |_| {})?;
            let handle = serving.owner.handle().clone();
            let result = save_all(input, &mut printer, &mut summary, |request| ask_own(&handle, request));
            serving.end();
            result
        }
    };
    summary.tell(&mut printer)?;
    result?;
    if summary.refused > 0 {
        return Err(Failure::new(match summary.refused {
            1 => "1 line was refused".to_owned(),
            refused => format!("{refused} lines were refused"),
        })
        .next("correct these lines and record them again; the others are saved")
        .into());
    }
    Ok(())
}

/// Records the case of the flags; that needs no room for anything else, so a full disk is told as such.
fn record_one(home: &Home, options: cli::Record, printer: &mut Printer) -> anyhow::Result<()> {
    let mut access = Access::open(home)?;
    let mut line = line_of(options)?;
    if line.get("started").is_none() {
        line["started"] = access.ask(Request::Time, &mut |_| true)?["now"].take();
    }
    if line.get("officer").is_none() {
        let working = access.ask(Request::Officer { name: None }, &mut |_| true)?["officer"].take();
        if working.as_str().is_some_and(|name| !name.is_empty()) {
            line["officer"] = working;
        }
    }
    let lines = vec![RawLine { line: 1, text: line.to_string() }];
    let saved = access.ask(Request::Record { lines }, &mut |_| true).map_err(|failure| {
        let message = format!("the case is not saved: {}", failure.message);
        Failure { message, ..failure }
    })?;
    let mut summary = Summary::default();
    let report = saved.get(0).ok_or_else(|| Failure::new("the answer is not a list of reports"))?;
    tell(report, printer, &mut summary)?;
    summary.tell(printer)?;
    if summary.refused > 0 {
        return Err(Failure::new("the case was refused").next("correct it and record it again").into());
    }
    Ok(())
}

impl Summary {
    fn tell(&self, printer: &mut Printer) -> anyhow::Result<()> {
        let Self { saved, known, refused, warned, unsaved_from } = *self;
        let mut told = json!({"saved": saved, "refused": refused, "warned": warned});
        if known > 0 {
            told["known"] = known.into();
        }
        if let Some(line) = unsaved_from {
            told["unsaved_from"] = line.into();
        }
        printer.value(&told)?;
        let known = if known > 0 { format!(", {known} known before") } else { String::new() };
        printer.text(format_args!("saved {saved}, refused {refused}, warned {warned}{known}"))?;
        Ok(())
    }
}

fn ask_other(client: &mut Client, request: &Request) -> Result<Value, Failure> {
    call(client, request, &mut |_| true)
}

fn ask_own(handle: &Handle<crate::agent::Agent>, request: &Request) -> Result<Value, Failure> {
    let (call, mut answers) = Call::new(json!(request));
    handle.call_blocking(call).map_err(|stopped| Failure::new(stopped.to_string()))?;
    while let Some(answer) = answers.next_blocking() {
        match answer {
            Answer::Event(_) => {}
            Answer::Ok(value) => return Ok(value),
            Answer::Error(failure) => return Err(failure),
        }
    }
    Err(Failure::new("the program is stopping"))
}

/// Saves every line of `input` in groups: as many as are there, so that a slow writer sees each line saved.
fn save_all(
    input: Box<dyn BufRead + Send>,
    printer: &mut Printer,
    summary: &mut Summary,
    mut ask: impl FnMut(&Request) -> Result<Value, Failure>,
) -> anyhow::Result<()> {
    let (sender, pieces) = mpsc::sync_channel::<io::Result<Piece>>(AHEAD_MAX);
    let reading = thread::Builder::new().name("reader".to_owned()).spawn(move || {
        let mut lines = Lines::new(input);
        while let Some(piece) = lines.next_piece().transpose() {
            let failed = piece.is_err();
            if sender.send(piece).is_err() || failed {
                return;
            }
        }
    })?;
    let mut unread = None;
    while let Ok(first) = pieces.recv() {
        let mut group = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(piece) = next {
            match piece {
                Ok(piece) => {
                    bytes += piece.bytes();
                    group.push(piece);
                }
                Err(error) => unread = Some(error),
            }
            let room = group.len() < GROUP_LINES_MAX && bytes < GROUP_BYTES_MAX;
            next = if room { pieces.try_recv().ok() } else { None };
        }
        save_group(group, printer, summary, &mut ask)?;
    }
    drop(pieces);
    if reading.join().is_err() {
        return Err(Failure::new("the input could not be read to its end").into());
    }
    match unread {
        Some(error) => Err(Failure::new(format!("the input could not be read to its end: {error}")).into()),
        None => Ok(()),
    }
}

fn save_group(
    group: Vec<Piece>,
    printer: &mut Printer,
    summary: &mut Summary,
    ask: &mut impl FnMut(&Request) -> Result<Value, Failure>,
) -> anyhow::Result<()> {
    let mut lines: Vec<RawLine> = Vec::new();
    let mut reports: Vec<Value> = Vec::new();
    for piece in group {
        match piece {
            Piece::Line(line) => lines.push(line),
            Piece::Bad { line, error } => reports.push(json!({"line": line, "error": error})),
        }
    }
    let mut failed = None;
    if !lines.is_empty() {
        let first = lines[0].line;
        match ask(&Request::Record { lines }) {
            Ok(Value::Array(saved)) => reports.extend(saved),
            Ok(_) => failed = Some(Failure::new("the answer is not a list of reports")),
            Err(failure) => {
                summary.unsaved_from = Some(first);
                let message = format!("line {first} and all after it are not saved: {}", failure.message);
                let next = format!("free some space or repair the cause, and record from line {first} on");
                failed = Some(Failure { message, ..failure }.next(next));
                reports.retain(|report| report["line"].as_u64() < Some(first));
            }
        }
    }
    reports.sort_by_key(|report| report["line"].as_u64());
    for report in &reports {
        tell(report, printer, summary)?;
    }
    failed.map_or(Ok(()), |failure| Err(failure.into()))
}

fn tell(report: &Value, printer: &mut Printer, summary: &mut Summary) -> anyhow::Result<()> {
    printer.value(report)?;
    let line = &report["line"];
    if let Some(error) = report["error"].as_str() {
        summary.refused += 1;
        if !printer.json() {
            let clean: String = error.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            // Where standard error is gone, the summary still counts it.
            drop(writeln!(io::stderr(), "line {line}: {clean}"));
        }
        return Ok(());
    }
    let known = report["known"] == true;
    summary.known += u64::from(known);
    summary.saved += u64::from(!known);
    let warnings: Vec<&str> =
        report["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    summary.warned += u64::from(!warnings.is_empty());
    let slip = report["slip"].as_str().unwrap_or("-");
    let number = report["number"].as_str().map_or_else(String::new, |number| format!("  number {number}"));
    printer.text(format_args!("line {line}: {slip}{number}"))?;
    for warning in warnings {
        printer.text(format_args!("line {line}: warning: {warning}"))?;
    }
    Ok(())
}

/// The flags of one case as a line.
fn line_of(options: cli::Record) -> Result<Value, Failure> {
    let mut line = Map::new();
    let texts = [
        ("nik", options.nik),
        ("name", options.name),
        ("sex", options.sex),
        ("born", options.born),
        ("phone", options.phone),
        ("address", options.address),
        ("kk", options.kk),
        ("birth_order", options.birth_order),
        ("mother", options.mother),
        ("father", options.father),
        ("person_ref", options.person_ref),
        ("listed", options.listed),
        ("village", options.village),
        ("service", options.service),
        ("status", Some(options.status)),
        ("started", options.started),
        ("ended", options.ended),
        ("officer", options.officer),
        ("visit", options.visit),
        ("notes", options.notes),
        ("consent_text", options.consent_text),
        ("confirmed", options.confirmed),
        ("again", options.again),
        ("ref", options.reference),
        ("blank", options.blank),
        ("encounter", options.encounter),
        ("sheet", options.sheet),
        ("of_sheet", options.of_sheet),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            line.insert(field.to_owned(), text.into());
        }
    }
    if options.born_estimated {
        line.insert("born_estimated".to_owned(), true.into());
    }
    if let Some(consent) = options.consent {
        line.insert("consent".to_owned(), consent.into());
    }
    if let Some(position) = options.position {
        let wrong = || Failure::usage(format!("`{position}` is not LATITUDE,LONGITUDE such as -9.86,124.28"));
        let (latitude, longitude) = position.split_once(',').ok_or_else(wrong)?;
        let degrees = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
        line.insert("position".to_owned(), json!([degrees(latitude)?, degrees(longitude)?]));
    }
    for (field, texts) in [("ticks", options.tick), ("witnesses", options.witness)] {
        if !texts.is_empty() {
            line.insert(field.to_owned(), texts.into());
        }
    }
    Ok(line.into())
}
