//! Cases that a new one would repeat, told before it is saved.

use serde::Serialize;

use super::{
    author::{self, Author},
    blanks,
};
use crate::{
    document::conflict::Sort,
    id::DocumentId,
    registry::Registries,
    store::{
        Result, Tx, changes,
        read_model::{self, CaseRow},
    },
    time::Timestamp,
};

/// A case that is here already.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Duplicate {
    /// What is the same: [`Sort::SameService`] or [`Sort::SameBlank`].
    pub sort: Sort,
    /// The case.
    pub case: DocumentId,
    /// Its number.
    pub slip: String,
    /// Whom it is about.
    pub name: Option<String>,
    /// Where it stands.
    pub status: String,
    /// Begin of its sitting, in the zone of the asker, as RFC 3339.
    pub started: Option<String>,
    /// The officer, as claimed.
    pub officer: Option<String>,
    /// The laptop.
    #[serde(flatten)]
    pub author: Author,
    /// Label of the visit.
    pub visit: Option<String>,
    /// Code of the village.
    pub village: Option<String>,
}

/// The open cases of a known person about `service`, and all cases with the numbered blank `blank` of its kind.
///
/// # Errors
/// The store fails.
pub fn of(
    tx: Tx<'_>,
    registries: &Registries,
    subject: Option<DocumentId>,
    service: &str,
    blank: Option<&str>,
    offset_minutes: i16,
) -> Result<Vec<Duplicate>> {
    let open = subject.map_or(Ok(Vec::new()), |subject| read_model::open_cases(tx, subject, service))?;
    let kind = blanks::kind_of(registries, service);
    let used = blank.map_or(Ok(Vec::new()), |blank| read_model::cases_of_blank(tx, kind.as_ref(), blank))?;
    let open = open.into_iter().map(|case| (Sort::SameService, case));
    let used = used.into_iter().map(|case| (Sort::SameBlank, case));
    open.chain(used).map(|(sort, case)| duplicate(tx, sort, case, offset_minutes)).collect()
}

fn duplicate(tx: Tx<'_>, sort: Sort, case: CaseRow, offset_minutes: i16) -> Result<Duplicate> {
    let first = changes::first_of(tx, case.document)?.map(|first| first.origin);
    let author = first.map_or(Ok(Author::default()), |origin| author::of(tx, origin.device, origin.epoch))?;
    let officer = case.detail.get("officer").and_then(|officer| officer.as_str()).map(str::to_owned);
    Ok(Duplicate {
        sort,
        case: case.document,
        slip: case.slip,
        name: case.name,
        status: case.status,
        started: case.started.map(|at| Timestamp(at).to_rfc3339(offset_minutes)),
        officer,
        author,
        visit: case.visit,
        village: case.village,
    })
}
