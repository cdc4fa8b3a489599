//! The form of a case on its way into a van: one line of NDJSON.

use serde::{Deserialize, Serialize};

/// A case as a line of NDJSON gives it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Case {
    /// 16 digits, or none.
    pub nik: Option<String>,
    /// As written on the person's papers.
    pub name: String,
    /// `L` or `P`.
    pub sex: String,
    /// `1948`, `1948-07` or `2004-01-05`.
    pub born: Option<String>,
    /// Present where the birth date is a guess.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born_estimated: Option<bool>,
    /// 16 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kk: Option<String>,
    /// As people write it.
    pub phone: Option<String>,
    /// Hamlet and numbers of the neighbourhood.
    pub address: String,
    /// The code of the village of residence.
    pub village: String,
    /// The code of the service.
    pub service: String,
    /// The first status.
    pub status: String,
    /// RFC 3339 with the district's offset.
    pub started: String,
    /// RFC 3339 with the district's offset.
    pub ended: String,
    /// Degrees north and east.
    pub position: Option<[f64; 2]>,
    /// Who wrote it.
    pub officer: String,
    /// The label of the visit.
    pub visit: Option<String>,
    /// Free text.
    pub notes: String,
    /// Whether the person agreed to the processing.
    pub consent: bool,
    /// Names a person without NIK, so that a second case finds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_ref: Option<String>,
    /// Names the line, so that it is taken once.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl Case {
    /// The case as one line, without its end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always serialise")
    }
}
