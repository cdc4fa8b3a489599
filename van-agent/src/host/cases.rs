//! What both programs do with cases in the same way: say what a search found, and write one case for other
//! programs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use data_encoding::BASE64;
use serde_json::{Value, json};
use shared::{
    desk::rows,
    document::{self, OpenError, export},
    id::DocumentId,
    store::{self, StoreError, Tx, changes},
};

use crate::host::{
    files,
    output::{Failure, PrintError, Printer},
};

/// How many cases a search tells unless asked for more or fewer.
pub const FOUND_MAX: usize = 200;

/// Options of `find`.
#[derive(Args, Clone, Debug)]
pub struct Find {
    /// Beginnings of words; all must be there.
    #[arg(required = true, value_name = "TEXT")]
    pub text: Vec<String>,
    /// At most so many.
    #[arg(long, value_name = "COUNT", default_value_t = FOUND_MAX)]
    pub limit: usize,
}

/// Options of `case export`.
#[derive(Args, Clone, Debug)]
pub struct Export {
    /// Slip number or id.
    pub case: String,
    /// Form of the file.
    #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
    pub format: ExportFormat,
    /// The file; JSON goes to standard output without it.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Form of an exported case.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportFormat {
    /// A standard automerge file.
    Automerge,
    /// A readable object with the history.
    Json,
}

/// Why a case is not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// automerge cannot hold it.
    #[error("the case cannot be written as an automerge file")]
    Automerge(#[from] OpenError),
}

/// Tells the cases that match all words of `text`, at most `limit`, until `each` has had enough. Answers with
/// how many it told and whether there are more.
///
/// # Errors
/// The store fails.
pub fn tell_found(
    tx: Tx<'_>,
    text: &str,
    limit: usize,
    each: &mut dyn FnMut(Value) -> bool,
) -> store::Result<Value> {
    let mut found = rows::find(tx, text, limit.saturating_add(1))?;
    let cut = found.len() > limit;
    found.truncate(limit);
    let count = found.len();
    for row in found {
        if !each(json!(row)) {
            break;
        }
    }
    Ok(json!({"cases": count, "cut": cut}))
}

/// Says below what was found where it was cut, or that there is nothing.
///
/// # Errors
/// The output cannot be written to.
pub fn say_found(printer: &mut Printer, answer: &Value, limit: usize) -> Result<(), PrintError> {
    if answer["cut"] == true {
        printer.value(&json!({"cut": true, "limit": limit}))?;
        printer.text(format_args!("The first {limit} of more: add words, or --limit COUNT."))?;
    }
    if answer["cases"] == 0 {
        printer.text("No case matches all of these words.")?;
    }
    Ok(())
}

/// That not all of some products were done with what was asked, by the rows of an answer; `None` where all were.
/// `program` names who shows a case.
pub fn not_done(answer: &Value, program: &str) -> Option<Failure> {
    let rows = |name: &str| answer[name].as_array().map_or(&[][..], Vec::as_slice);
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    let refused = rows("refused").iter();
    let lines: String =
        refused.map(|row| format!("\n  {}: {}", text(row, "slip"), text(row, "reason"))).collect();
    let others = match rows("done").len() {
        _ if lines.is_empty() => return None,
        0 => "nothing was changed".to_owned(),
        1 => "the other one is done".to_owned(),
        done => format!("the other {done} are done"),
    };
    let next = format!("{others}; see `{program} case show` of what is not");
    Some(Failure::new(format!("not done:{lines}")).next(next))
}

/// A case as `base64` of a standard automerge file, or as the readable object `json`.
///
/// # Errors
/// The store fails, or automerge cannot hold the case.
pub fn exported(tx: Tx<'_>, document: DocumentId, automerge: bool) -> Result<Value, ExportError> {
    let history = changes::history(tx, document)?;
    if automerge {
        let bytes = export::automerge_file(&history)?;
        return Ok(json!({"case": document, "base64": BASE64.encode(&bytes)}));
    }
    let mut object = json!({"case": document, "schema": document::SCHEMA});
    if let (Some(object), Value::Object(all)) = (object.as_object_mut(), export::json(&history)) {
        object.extend(all);
    }
    Ok(json!({"case": document, "json": object}))
}

/// Writes the case that `ask` gives, asked for as an automerge file or not, to where the options say.
///
/// # Errors
/// The case is not given, the options do not go together, or it cannot be written.
pub fn write_export(
    printer: &mut Printer,
    options: &Export,
    ask: impl FnOnce(bool) -> anyhow::Result<Value>,
) -> anyhow::Result<()> {
    let automerge = options.format == ExportFormat::Automerge;
    if automerge && options.out.is_none() {
        return Err(Failure::usage("an automerge file is no text for a terminal")
            .next("name a file with --out FILE")
            .into());
    }
    let answer = ask(automerge)?;
    let Some(out) = &options.out else {
        let line = if printer.json() {
            answer["json"].to_string()
        } else {
            serde_json::to_string_pretty(&answer["json"])?
        };
        return Ok(printer.line(&line)?);
    };
    let bytes = if automerge {
        BASE64.decode(answer["base64"].as_str().unwrap_or_default().as_bytes())?
    } else {
        (serde_json::to_string_pretty(&answer["json"])? + "\n").into_bytes()
    };
    std::fs::write(out, &bytes).map_err(|error| files::unwritable(out, &error))?;
    printer.value(&json!({"case": answer["case"], "out": out, "file": out, "bytes": bytes.len()}))?;
    printer.text(format_args!("Wrote {} ({} bytes).", out.display(), bytes.len()))?;
    Ok(())
}
