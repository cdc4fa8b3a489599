//! What a command says to a person or to a program, and how it ends.
//!
//! With `--json` standard output carries one JSON value a line and nothing else; otherwise text for people,
//! in which control characters that came with data are made harmless. Errors go to standard error, with what
//! to do next. Exit codes: 0 done, 1 failed, 2 wrong usage. A reader that goes away early (`| head`) ends a
//! command quietly.

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use serde::{Deserialize, Serialize};
use shared::desk::because::Because;

/// Why a command failed, for the person who gave it; also travels over the control channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What did not work.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether the command was given wrongly, rather than failed.
    #[serde(default)]
    pub usage: bool,
    /// Whether what was named is not here, rather than failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
    /// The same for a page, which has words of its own; it stays within the program.
    #[serde(skip)]
    pub because: Option<Because>,
}

/// Codes for why something was not done that no shared error has; pages have words for each.
pub const WHY: [&str; 46] = [
    "not-enrolled",
    "busy",
    "choice",
    "no-folder",
    "no-scanner",
    "scanner-file",
    "no-file",
    "not-a-file",
    "unreadable",
    "unwritable",
    "there-already",
    "wrong-bytes",
    "file-empty",
    "file-large",
    "no-picture",
    "no-qr",
    "pad",
    "bundle",
    "bundle-part",
    "no-laptop",
    "nothing-written",
    "other",
    "stopped",
    "no-copy",
    "lost-copy",
    "no-draft",
    "unfinished",
    "day-open",
    "handover",
    "no-ticket",
    "too-many",
    "no-visit",
    "visit-elsewhere",
    "label",
    "date",
    "reload",
    "scores",
    "broke-off",
    "other-version",
    "no-sheet",
    "sheet-elsewhere",
    "not-of-sheet",
    "sheet-expired",
    "sheet-entered",
    "sheet-open",
    "somebody",
];

impl Failure {
    /// Something did not work.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), next: None, usage: false, missing: false, because: None }
    }

    /// The command was given wrongly.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { usage: true, ..Self::new(message) }
    }

    /// The same, of something that is not here.
    #[must_use]
    pub fn missing(self) -> Self {
        Self { missing: true, ..self }
    }

    /// The same, with the code of [`WHY`] by which a page says it.
    #[must_use]
    pub fn why(self, code: &'static str) -> Self {
        debug_assert!(WHY.contains(&code), "{code} has words");
        self.because(Because::of(code))
    }

    /// The same, with why as the error says it to a page.
    #[must_use]
    pub fn because(self, because: Because) -> Self {
        Self { because: Some(because), ..self }
    }

    /// Whether a disk is full.
    pub fn is_full(&self) -> bool {
        self.because.is_some_and(|because| because.code == "full")
    }

    /// The same, with what to do next.
    #[must_use]
    pub fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }
}

/// Standard output could not be written to.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// Whoever read it has had enough.
    #[error("the reader of the output has gone")]
    ReaderGone,
    /// It failed.
    #[error("write the output")]
    Io(#[source] io::Error),
    /// A value has no JSON form.
    #[error("write a value as JSON")]
    Json(#[source] serde_json::Error),
}

/// Writes a command's results, either form of them.
#[derive(Debug)]
pub struct Printer<W: Write = io::Stdout> {
    out: W,
    json: bool,
}

impl Printer {
    /// A printer on standard output; `json` for one JSON value a line.
    pub fn new(json: bool) -> Self {
        Self { out: io::stdout(), json }
    }
}

impl<W: Write> Printer<W> {
    /// Whether programs rather than people are spoken to.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Writes `value` on a line of its own and flushes it; only with `--json`.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn value(&mut self, value: &impl Serialize) -> Result<(), PrintError> {
        if !self.json {
            return Ok(());
        }
        let line = serde_json::to_string(value).map_err(PrintError::Json)?;
        self.line(&line)
    }

    /// Writes `text` and a line end; only without `--json`.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn text(&mut self, text: impl fmt::Display) -> Result<(), PrintError> {
        if self.json {
            return Ok(());
        }
        self.line(&harmless(&text.to_string()))
    }

    /// Writes `line` as it is, in either form: for exports.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn line(&mut self, line: &str) -> Result<(), PrintError> {
        let written = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
        written.map_err(|error| {
            let gone = error.kind() == io::ErrorKind::BrokenPipe;
            if gone { PrintError::ReaderGone } else { PrintError::Io(error) }
        })
    }
}

/// Tells the person how the command ended, and gives the process's exit code.
pub fn finish(result: anyhow::Result<()>, json: bool) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if matches!(error.downcast_ref(), Some(PrintError::ReaderGone)) {
        return ExitCode::SUCCESS;
    }
    let failure = failure_of(&error);
    // Where even standard error is gone, the exit code is all that is left to say.
    drop(io::stderr().write_all(render(&failure, json).as_bytes()));
    ExitCode::from(if failure.usage { 2 } else { 1 })
}

/// An error as a failure: a [`Failure`] anywhere in its chain as it is, all else as `what: why: why`.
pub fn failure_of(error: &anyhow::Error) -> Failure {
    match error.chain().find_map(|cause| cause.downcast_ref::<Failure>()) {
        Some(failure) => failure.clone(),
        None => {
            let failure = Failure::new(format!("{error:#}"));
            if is_full(error) { failure.next(FULL) } else { failure }
        }
    }
}

/// What to do where the disk is full.
pub const FULL: &str =
    "free some space on the disk, then give the command again; nothing that was saved is lost";

fn is_full(error: &anyhow::Error) -> bool {
    let no_room = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::StorageFull)
    };
    error.chain().any(no_room)
}

fn render(failure: &Failure, json: bool) -> String {
    if json {
        return format!("{}\n", serde_json::json!({ "error": failure }));
    }
    let next = failure.next.as_ref().map_or_else(String::new, |next| format!("What to do: {next}\n"));
    harmless(&format!("Error: {}\n{next}", failure.message))
}

/// `text` without what could steer a terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_gets_its_own() {
        let speak = |json| {
            let mut printer = Printer { out: Vec::new(), json };
            printer.value(&serde_json::json!({ "saved": 2, "name": "a\nb" })).unwrap();
            printer.text("two saved \u{1b}[31m").unwrap();
            String::from_utf8(printer.out).unwrap()
        };
        assert_eq!(speak(true), "{\"saved\":2,\"name\":\"a\\nb\"}\n");
        assert_eq!(speak(false), "two saved \u{fffd}[31m\n");
    }

    #[test]
    fn an_error_says_what_to_do_next() {
        let error =
            anyhow::Error::new(Failure::usage("no such unit").next("see `unit list`")).context("invite");
        assert_eq!(render(&failure_of(&error), false), "Error: no such unit\nWhat to do: see `unit list`\n");
        assert_eq!(render(&Failure::new("x"), true), "{\"error\":{\"message\":\"x\",\"usage\":false}}\n");
        let chain = anyhow::Error::new(io::Error::other("disk full")).context("open database");
        assert_eq!(failure_of(&chain).message, "open database: disk full");
        let full = anyhow::Error::new(io::Error::from(io::ErrorKind::StorageFull)).context("write");
        assert!(failure_of(&full).next.is_some_and(|next| next.starts_with("free some space")));
    }

    #[test]
    fn a_gone_reader_is_no_failure() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = Printer { out: Gone, json: false }.text("x").unwrap_err();
        assert!(matches!(error, PrintError::ReaderGone));
        assert_eq!(finish(Err(error.into()), false), ExitCode::SUCCESS);
    }
}
