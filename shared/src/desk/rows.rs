//! Cases as lists give them: one object each, the same on every machine that holds the same.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    id::{DistrictCode, DocumentId},
    stamp::Stamp,
    store::{
        Result, Tx,
        read_model::{self, CaseRow},
    },
    time::{Timestamp, Zone},
};

/// One case of a list.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    /// The document.
    pub case: DocumentId,
    /// Its slip number.
    pub slip: String,
    /// Code of its service.
    pub service: String,
    /// Where it stands.
    pub status: String,
    /// The unit that took it.
    pub unit: String,
    /// The citizen's village.
    pub village: Option<String>,
    /// Whom it is about.
    pub person: Option<DocumentId>,
    /// The subject's NIK.
    pub nik: Option<String>,
    /// The subject's name.
    pub name: Option<String>,
    /// The subject's birth, as far as known.
    pub born: Option<String>,
    /// Label of the visit.
    pub visit: Option<String>,
    /// The caller's own name for the case.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Whether a person must decide something.
    pub conflict: bool,
    /// When the subject's death was reported, where a case says so.
    pub death: Option<String>,
    /// The case's other fields: started, ended, officer, position, consent, notes ...
    #[serde(flatten)]
    pub detail: Map<String, Value>,
    /// The subject's other fields: sex, phone, address ...
    #[serde(flatten)]
    pub subject: Map<String, Value>,
}

/// The columns of a list as CSV.
pub const COLUMNS: [&str; 31] = [
    "case",
    "slip",
    "service",
    "status",
    "unit",
    "village",
    "person",
    "nik",
    "name",
    "sex",
    "born",
    "phone",
    "address",
    "started",
    "ended",
    "officer",
    "visit",
    "position",
    "consent",
    "notes",
    "ref",
    "channel",
    "sheet",
    "blank",
    "to_be_confirmed",
    "for_unit",
    "with",
    "collected_by",
    "collected_how",
    "conflict",
    "warnings",
];

impl From<CaseRow> for Row {
    fn from(row: CaseRow) -> Self {
        let mut subject = row.subject_detail;
        subject.retain(|key, _| key != "not_same" && key != "proposed");
        Self {
            case: row.document,
            slip: row.slip,
            service: row.service,
            status: row.status,
            unit: row.unit,
            village: row.village,
            person: row.subject,
            nik: row.nik,
            name: row.name,
            born: row.born,
            visit: row.visit,
            reference: row.reference,
            conflict: row.conflict,
            death: row.death,
            detail: row.detail,
            subject,
        }
    }
}

/// The cells of [`COLUMNS`] of a row as JSON; what is unknown is empty, lists are JSON, maps their keys.
pub fn cells(row: &Value) -> Vec<String> {
    COLUMNS.iter().map(|column| row.get(*column).map_or_else(String::new, cell)).collect()
}

/// A value as a cell: what is unknown is empty, lists and maps are JSON or their keys.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(map) => map.keys().cloned().collect::<Vec<_>>().join(" "),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    }
}

/// Calls `each` for every case, newest sitting first; at most `limit`.
///
/// # Errors
/// The store fails.
pub fn all(tx: Tx<'_>, limit: Option<u64>, mut each: impl FnMut(Row)) -> Result<()> {
    read_model::cases(tx, limit, |row| each(row.into()))
}

/// Cases that match every word of `text`, newest first; at most `limit`. What the QR of a slip says stands for its
/// number.
///
/// # Errors
/// The store fails.
pub fn find(tx: Tx<'_>, text: &str, limit: usize) -> Result<Vec<Row>> {
    Ok(read_model::find(tx, &sought(text), limit)?.into_iter().map(Row::from).collect())
}

/// What is looked for by a text: the slip number of the QR of a slip, and everything else as it is.
pub fn sought(text: &str) -> Cow<'_, str> {
    match text.parse::<Stamp>() {
        Ok(stamp) => Cow::Owned(stamp.statement.slip.to_string()),
        Err(_) => Cow::Borrowed(text),
    }
}

/// A line of CSV; what a spreadsheet would take for a formula gets an apostrophe before it.
///
/// # Panics
/// Never: writing into memory cannot fail.
pub fn csv_line<T: AsRef<str>>(cells: &[T]) -> String {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    let plain = cells.iter().map(|cell| {
        let cell = cell.as_ref();
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        if formula { format!("'{cell}") } else { cell.to_owned() }
    });
    writer.write_record(plain).expect("writing into memory cannot fail");
    let bytes = writer.into_inner().expect("writing into memory cannot fail");
    String::from_utf8(bytes).expect("cells are UTF-8").trim_end_matches('\n').to_owned()
}

/// A moment in the district's own zone.
pub fn local(at: Timestamp, district: &DistrictCode) -> String {
    at.to_rfc3339(Zone::of(district).offset_minutes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(csv_line(&["=1+1", "+62812", "-1", "@x", "a=b"]), "'=1+1,'+62812,'-1,'@x,a=b");
        assert_eq!(csv_line(&["O'a Mate", "a,b", "c\"d", "x\ny"]), "O'a Mate,\"a,b\",\"c\"\"d\",\"x\ny\"");
    }
}
