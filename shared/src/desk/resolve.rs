//! Finds the document that a person names: a case by its slip number or id, people and visits by id.

use crate::{
    id::{DocumentId, Kind},
    slip::{ParseSlipError, SlipNumber},
    store::{
        StoreError, Tx,
        read_model::{self, CaseRow},
    },
};

/// Why a name leads to no single document.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Neither an id nor a slip number.
    #[error("`{text}` is neither the id of a {kind} nor a slip number: {why}")]
    Form {
        /// What was given, cut.
        text: String,
        /// What it should be.
        kind: &'static str,
        /// What is wrong with it as a slip number.
        why: ParseSlipError,
    },
    /// An id of something else.
    #[error("`{text}` is not the id of a {kind}")]
    Kind {
        /// What was given, cut.
        text: String,
        /// What it should be.
        kind: &'static str,
    },
    /// Nothing of that name is here.
    #[error("there is no {kind} {text} here")]
    Unknown {
        /// What was given.
        text: String,
        /// What it should be.
        kind: &'static str,
    },
    /// Two or more cases bear the number.
    #[error("{} cases bear the number {slip}; name one by its id:{}", cases.len(), listed(cases))]
    Doubled {
        /// The number.
        slip: String,
        /// The cases.
        cases: Vec<CaseRow>,
    },
}

fn listed(cases: &[CaseRow]) -> String {
    let line = |case: &CaseRow| {
        let name = case.name.as_deref().unwrap_or("-");
        format!("\n  {} {} {} {name} ({})", case.document, case.unit, case.service, case.status)
    };
    cases.iter().map(line).collect()
}

/// The case that a slip number or an id names.
///
/// # Errors
/// There is none, or more than one.
pub fn case(tx: Tx<'_>, text: &str) -> Result<DocumentId, ResolveError> {
    let text = text.trim();
    if let Ok(id) = text.parse::<DocumentId>() {
        return match id.kind() {
            Some(Kind::Case) if read_model::case_of(tx, id)?.is_some() => Ok(id),
            Some(Kind::Case) => Err(unknown(text, "case")),
            Some(Kind::Person | Kind::Visit) | None => Err(wrong_kind(text, "case")),
        };
    }
    let slip = text.parse::<SlipNumber>().map_err(|why| ResolveError::Form {
        text: cut(text),
        kind: "case",
        why,
    })?;
    let slip = slip.to_string();
    let mut cases = read_model::cases_of_slip(tx, &slip)?;
    match cases.len() {
        0 => Err(unknown(&slip, "case")),
        1 => Ok(cases.remove(0).document),
        _ => Err(ResolveError::Doubled { slip, cases }),
    }
}

/// The person of an id.
///
/// # Errors
/// There is none.
pub fn person(tx: Tx<'_>, text: &str) -> Result<DocumentId, ResolveError> {
    let text = text.trim();
    let id: DocumentId = text.parse().map_err(|_| wrong_kind(text, "person"))?;
    if id.kind() != Some(Kind::Person) {
        return Err(wrong_kind(text, "person"));
    }
    read_model::person_of(tx, id)?.map(|row| row.document).ok_or_else(|| unknown(text, "person"))
}

/// The visit of an id or of a label: of several with one label, the newest.
///
/// # Errors
/// There is none.
pub fn visit(tx: Tx<'_>, unit: Option<&str>, text: &str) -> Result<DocumentId, ResolveError> {
    let text = text.trim();
    let id = text.parse::<DocumentId>().ok();
    let found = read_model::visits(tx)?.into_iter().find(|visit| match id {
        Some(id) => visit.document == id,
        None => visit.label == text && unit.is_none_or(|unit| visit.unit == unit),
    });
    found.map(|visit| visit.document).ok_or_else(|| unknown(text, "visit"))
}

fn unknown(text: &str, kind: &'static str) -> ResolveError {
    ResolveError::Unknown { text: cut(text), kind }
}

fn wrong_kind(text: &str, kind: &'static str) -> ResolveError {
    ResolveError::Kind { text: cut(text), kind }
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}
