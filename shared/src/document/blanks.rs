//! A unit's book of numbered blanks: what came, what was spoilt, what went back. Which case used one, the case says.
//!
//! The book is a document of the kind of a visit that has a district and a unit, and an empty label and date. It needs
//! no visit, since blanks come at the depot; it travels, is receipted and is given back after a loss as any document
//! is; and two laptops of a unit that write in it, or each begin one, lose nothing: entries only grow, and a reader
//! takes all books of a unit as one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    Moment,
    edit::{Edit, EditError},
    schema::key,
    view::View,
};
use crate::{
    blank::{BlankKind, SerialRange},
    change::Scalar,
    id::{ChangeHash, DistrictCode, UnitId},
    time::Timestamp,
};

/// What has become of blanks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// They came aboard.
    Received,
    /// They were spoilt.
    Spoilt,
    /// They went back to the agency or the depot.
    Returned,
}

impl Act {
    /// The word that documents and commands use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Spoilt => "spoilt",
            Self::Returned => "returned",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not what becomes of blanks; one of received, spoilt, returned")]
pub struct ParseActError(String);

impl FromStr for Act {
    type Err = ParseActError;

    fn from_str(text: &str) -> Result<Self, ParseActError> {
        let all = [Self::Received, Self::Spoilt, Self::Returned];
        let found = all.into_iter().find(|act| act.as_str() == text);
        found.ok_or_else(|| ParseActError(text.chars().take(64).collect()))
    }
}

/// One entry of a book.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Entry {
    /// What has become of them.
    pub act: Act,
    /// Their kind.
    pub kind: BlankKind,
    /// Which.
    pub range: SerialRange,
    /// When, as claimed.
    pub at: Option<Moment>,
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub officer: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The change that wrote it.
    #[serde(skip)]
    pub change: ChangeHash,
}

/// The entries of a book in the order of their keys. What is malformed is left out.
pub fn read(view: &View<'_>) -> Vec<Entry> {
    let offset = view.root().int(key::OFFSET);
    let mut found = Vec::new();
    for (_, book) in view.root().maps(key::BLANKS) {
        for name in book.keys() {
            for (value, entry) in book.maps(name) {
                let text = |key: &str| entry.text(key).map(str::to_owned);
                let range = || {
                    let ends = (entry.text(key::FROM)?.parse().ok()?, entry.text(key::TO)?.parse().ok()?);
                    SerialRange::new(ends.0, ends.1).ok()
                };
                let (Some(act), Some(kind), Some(range)) = (
                    entry.text(key::STATE).and_then(|act| act.parse().ok()),
                    entry.text(key::KIND).and_then(|kind| kind.parse().ok()),
                    range(),
                ) else {
                    continue;
                };
                found.push(Entry {
                    act,
                    kind,
                    range,
                    at: entry.timestamp(key::AT).map(|at| Moment::new(at, offset)),
                    officer: text(key::OFFICER),
                    reason: text(key::REASON),
                    change: value.change,
                });
            }
        }
    }
    found
}

/// Begins the book of a unit.
///
/// # Errors
/// The document is not new.
pub fn begin(
    edit: &mut Edit,
    district: &DistrictCode,
    unit: &UnitId,
    offset_minutes: i16,
) -> Result<(), EditError> {
    edit.put(&[key::DISTRICT], &Scalar::Str(district.to_string()))?;
    edit.put(&[key::UNIT], &Scalar::Str(unit.to_string()))?;
    // What every document of the kind begins with.
    edit.put(&[key::LABEL], &Scalar::Str(String::new()))?;
    edit.put(&[key::DATE], &Scalar::Str(String::new()))?;
    edit.make(&[key::AGENCIES])?;
    edit.put(&[key::OFFSET], &Scalar::Int(offset_minutes.into()))?;
    edit.make(&[key::BLANKS])
}

/// What is to be written in a book.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// What has become of them.
    pub act: Act,
    /// Their kind.
    pub kind: &'a BlankKind,
    /// Which.
    pub range: &'a SerialRange,
    /// When.
    pub at: Timestamp,
    /// Who says so.
    pub officer: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
}

impl New<'_> {
    /// Writes the entry behind those that are there.
    ///
    /// # Errors
    /// A text is too long, or the document is no book.
    pub fn write(&self, edit: &mut Edit) -> Result<(), EditError> {
        let number = |key: &String| key.split('-').next().and_then(|number| number.parse::<u32>().ok());
        let last = edit.keys(&[key::BLANKS]).iter().filter_map(number).max();
        let writer = edit.actor().to_string();
        let name = format!("{:04}-{}", last.map_or(0, |last| last.saturating_add(1)), &writer[..4]);
        edit.make(&[key::BLANKS, &name])?;
        let (from, to) = (self.range.from().to_string(), self.range.to().to_string());
        let texts = [
            (key::KIND, Some(self.kind.as_str())),
            (key::FROM, Some(from.as_str())),
            (key::TO, Some(to.as_str())),
            (key::STATE, Some(self.act.as_str())),
            (key::OFFICER, self.officer),
            (key::REASON, self.reason),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                edit.put(&[key::BLANKS, &name, key], &Scalar::Str(text.to_owned()))?;
            }
        }
        edit.put(&[key::BLANKS, &name, key::AT], &Scalar::Timestamp(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{
            History, Visit,
            case::tests::{OTHER, VAN, save},
        },
        id::{DocumentId, Kind},
    };

    #[test]
    fn two_laptops_write_in_one_book_and_both_stay() {
        let mut history = History::default();
        let mut edit = Edit::create(DocumentId::new([0; 10], Kind::Visit, 1), VAN);
        let (district, unit) = ("53.02".parse().expect("valid"), "V01".parse().expect("valid"));
        begin(&mut edit, &district, &unit, 480).expect("it is new");
        save(&mut edit, &mut history);
        let kind: BlankKind = "KTP-EL".parse().expect("a kind");
        let range = |from: &str, to: &str| {
            SerialRange::new(from.parse().expect("a serial"), to.parse().expect("a serial")).expect("a range")
        };
        let new = |act, range, reason| New {
            act,
            kind: &kind,
            range,
            at: Timestamp(1_000),
            officer: Some("P-07"),
            reason,
        };
        let (all, one) = (range("000001", "000100"), range("000007", "000007"));
        let mut here = Edit::open(Kind::Visit, &history, VAN).expect("opens");
        let mut there = Edit::open(Kind::Visit, &history, OTHER).expect("opens");
        new(Act::Received, &all, None).write(&mut here).expect("within the schema");
        new(Act::Spoilt, &one, Some("tinta")).write(&mut there).expect("within the schema");
        save(&mut here, &mut history);
        save(&mut there, &mut history);
        let view = View::of(&history);
        let mut entries = read(&view);
        entries.sort_by_key(|entry| entry.act);
        let told: Vec<_> =
            entries.iter().map(|e| (e.act, e.range.to_string(), e.reason.as_deref())).collect();
        assert_eq!(
            told,
            [(Act::Received, "000001–000100".into(), None), (Act::Spoilt, "000007".into(), Some("tinta"))]
        );
        assert_eq!(Visit::read(&view).label.as_deref(), Some(""));
    }
}
