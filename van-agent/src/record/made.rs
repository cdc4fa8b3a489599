//! What the lines of one transaction have made, which the read model does not show yet.

use std::collections::BTreeMap;

use shared::{blank::BlankKind, id::DocumentId, nik::Nik};

use super::line::Line;

/// What is not in the read model yet.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) by_nik: BTreeMap<Nik, Vec<(DocumentId, String)>>,
    pub(super) by_reference: BTreeMap<String, DocumentId>,
    pub(super) cases: BTreeMap<String, MadeCase>,
    pub(super) visits: BTreeMap<(String, String), DocumentId>,
    pub(super) open: BTreeMap<(DocumentId, String), String>,
    /// By kind and number.
    pub(super) blanks: BTreeMap<(Option<BlankKind>, String), String>,
    pub(super) applicants: BTreeMap<[u8; 8], DocumentId>,
    pub(super) repeats: BTreeMap<[u8; 16], String>,
}

/// A case that was made under the caller's own name for it.
#[derive(Debug)]
pub(super) struct MadeCase {
    pub(super) case: DocumentId,
    pub(super) slip: String,
    pub(super) subject: DocumentId,
    pub(super) digest: [u8; 16],
}

/// How much was made before a line, so that what it made can be forgotten.
#[derive(Debug)]
pub(super) struct Before {
    by_nik: BTreeMap<Nik, usize>,
    references: Vec<String>,
    visits: Vec<(String, String)>,
    applicants: Vec<[u8; 8]>,
}

impl Made {
    /// How much there is now.
    pub(super) fn size(&self) -> Before {
        Before {
            by_nik: self.by_nik.iter().map(|(nik, made)| (nik.clone(), made.len())).collect(),
            references: self.by_reference.keys().cloned().collect(),
            visits: self.visits.keys().cloned().collect(),
            applicants: self.applicants.keys().copied().collect(),
        }
    }

    /// Forgets what was made after `before`.
    pub(super) fn undo(&mut self, before: &Before) {
        self.by_nik.retain(|nik, made| {
            made.truncate(before.by_nik.get(nik).copied().unwrap_or(0));
            !made.is_empty()
        });
        self.by_reference.retain(|key, _| before.references.contains(key));
        self.visits.retain(|key, _| before.visits.contains(key));
        self.applicants.retain(|key, _| before.applicants.contains(key));
    }

    pub(super) fn note_applicant(&mut self, encounter: [u8; 8], applicant: DocumentId) {
        self.applicants.entry(encounter).or_insert(applicant);
    }

    /// Notes a case of `line`, whose service uses blanks of `kind`.
    pub(super) fn note_case(
        &mut self,
        line: &Line,
        kind: Option<BlankKind>,
        case: DocumentId,
        subject: DocumentId,
        slip: &str,
    ) {
        if let Some(reference) = &line.reference {
            let made = MadeCase { case, slip: slip.to_owned(), subject, digest: line.digest };
            self.cases.insert(reference.clone(), made);
        }
        if let Some(blank) = &line.blank {
            self.blanks.entry((kind, blank.clone())).or_insert_with(|| slip.to_owned());
        }
        self.open.entry((subject, line.service.clone())).or_insert_with(|| slip.to_owned());
        self.repeats.entry(line.digest).or_insert_with(|| slip.to_owned());
    }
}
