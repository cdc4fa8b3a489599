//! The columns that say what each entry is: which document, which change of it, after which parents.

use super::PackError;
use crate::{
    change::PARENTS_MAX,
    wire::{
        batch::Entry,
        column::{ColumnError, Reader, numbers, put_numbers},
    },
};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum EntryKind {
    Change,
    Fed,
    Enter,
    Leave,
    Erased,
    /// Anything else: a row.
    Row,
}

impl EntryKind {
    const ALL: [Self; 6] = [Self::Change, Self::Fed, Self::Enter, Self::Leave, Self::Erased, Self::Row];

    pub(super) fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Change { .. } => Self::Change,
            Entry::Fed { .. } => Self::Fed,
            Entry::Enter { .. } => Self::Enter,
            Entry::Leave { .. } => Self::Leave,
            Entry::Erased { .. } => Self::Erased,
            Entry::Actor { .. }
            | Entry::Note { .. }
            | Entry::Anew
            | Entry::Refused { .. }
            | Entry::Released { .. }
            | Entry::Registry { .. } => Self::Row,
        }
    }

    pub(super) fn of_number(number: u64) -> Result<Self, PackError> {
        pick(&Self::ALL, number)
    }

    pub(super) fn is_change(self) -> bool {
        matches!(self, Self::Change | Self::Fed)
    }
}

/// How an entry names its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum DocumentBy {
    /// The one that follows on the one made last.
    Next,
    /// By its prefix, and its counter from the one made last with it.
    Parts,
    /// One that appeared before, counted from the newest.
    Back,
    /// The document of the parent.
    Parent,
}

impl DocumentBy {
    const ALL: [Self; 4] = [Self::Next, Self::Parts, Self::Back, Self::Parent];

    pub(super) fn of_number(number: u64) -> Result<Self, PackError> {
        pick(&Self::ALL, number)
    }

    pub(super) fn is_new(self) -> bool {
        matches!(self, Self::Next | Self::Parts)
    }
}

/// How a change names its parents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ParentsBy {
    /// The change of the document before it in the batch, or none where there is none.
    Expected,
    /// One, by its place in the log.
    Reference,
    /// Each by itself.
    List,
}

impl ParentsBy {
    const ALL: [Self; 3] = [Self::Expected, Self::Reference, Self::List];

    pub(super) fn of_number(number: u64) -> Result<Self, PackError> {
        pick(&Self::ALL, number)
    }
}

/// A parent in a list: by its place in the log.
pub(super) const BY_REFERENCE: u64 = 0;
/// A parent in a list: by its hash.
pub(super) const BY_HASH: u64 = 1;
/// A parent in a list: the entry before, the one before that, and on.
pub(super) const BY_BACK: u64 = 2;

fn pick<T: Copy>(all: &[T], number: u64) -> Result<T, PackError> {
    let found = usize::try_from(number).ok().and_then(|number| all.get(number));
    found.copied().ok_or(PackError::Column(ColumnError::Table))
}

/// A column of numbers: written at its end, read from its begin.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    all: Vec<u64>,
    read: usize,
}

impl Numbers {
    pub(super) fn push(&mut self, number: u64) {
        self.all.push(number);
    }

    /// The next number.
    pub(super) fn pull(&mut self) -> Result<u64, PackError> {
        let number = self.all.get(self.read).copied().ok_or(PackError::Column(ColumnError::Short))?;
        self.read += 1;
        Ok(number)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_numbers(out, &self.all);
    }

    pub(super) fn of(reader: &mut Reader<'_>, count: usize) -> Result<Self, PackError> {
        Ok(Self { all: numbers(reader, count)?, read: 0 })
    }

    /// How many numbers are `number`.
    pub(super) fn count(&self, number: u64) -> usize {
        self.all.iter().filter(|other| **other == number).count()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u64> + Clone {
        self.all.iter().copied()
    }
}

/// The columns, in the order in which they are written.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// Of each entry.
    pub(super) kinds: Numbers,
    /// Of each change.
    pub(super) shapes: Numbers,
    pub(super) actors: Numbers,
    /// Of each entry that is about a document.
    pub(super) documents_by: Numbers,
    /// Of each new document that no change names.
    pub(super) document_kinds: Numbers,
    /// Of each document by parts: which prefix, and how far its counter is from the last.
    pub(super) prefixes: Numbers,
    pub(super) counters: Numbers,
    pub(super) documents_back: Numbers,
    /// Of each change, from what is expected.
    pub(super) sequences: Numbers,
    pub(super) first_operations: Numbers,
    pub(super) times: Numbers,
    pub(super) schemas: Numbers,
    pub(super) parents_by: Numbers,
    pub(super) parent_counts: Numbers,
    /// Of each parent in a list.
    pub(super) parents: Numbers,
    pub(super) parent_hashes: Numbers,
    /// Of each parent in the log: which, from the one behind the last.
    pub(super) references: Numbers,
    /// Of each change in a feed: its author's log, and its place there from the one behind the last.
    pub(super) origins: Numbers,
    pub(super) indexes: Numbers,
    /// Of each erased change.
    pub(super) erased: Numbers,
    pub(super) row_lengths: Numbers,
}

impl Metadata {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        for numbers in [
            &self.kinds,
            &self.shapes,
            &self.actors,
            &self.documents_by,
            &self.document_kinds,
            &self.prefixes,
            &self.counters,
            &self.documents_back,
            &self.sequences,
            &self.first_operations,
            &self.times,
            &self.schemas,
            &self.parents_by,
            &self.parent_counts,
            &self.parents,
            &self.parent_hashes,
            &self.references,
            &self.origins,
            &self.indexes,
            &self.erased,
            &self.row_lengths,
        ] {
            numbers.put(out);
        }
    }

    /// Reads the columns of `count` entries, whose changes have at most `parents_max` parents in lists.
    ///
    /// # Errors
    /// The bytes are not such columns.
    pub(super) fn of(reader: &mut Reader<'_>, count: usize, parents_max: usize) -> Result<Self, PackError> {
        let kinds = Numbers::of(reader, count)?;
        let of_kind = |kind: EntryKind| kinds.count(kind as u64);
        let (fed, erased, rows) =
            (of_kind(EntryKind::Fed), of_kind(EntryKind::Erased), of_kind(EntryKind::Row));
        let changes = of_kind(EntryKind::Change) + fed;
        let shapes = Numbers::of(reader, changes)?;
        let actors = Numbers::of(reader, changes)?;
        let about = kinds.iter().filter(|kind| *kind != EntryKind::Row as u64);
        let documents_by = Numbers::of(reader, about.clone().count())?;
        let unchanged = about.zip(documents_by.iter()).filter(|(kind, by)| {
            let is_new = [DocumentBy::Next, DocumentBy::Parts].iter().any(|new| *new as u64 == *by);
            is_new && ![EntryKind::Change, EntryKind::Fed].iter().any(|change| *change as u64 == *kind)
        });
        let document_kinds = Numbers::of(reader, unchanged.count())?;
        let parts = documents_by.count(DocumentBy::Parts as u64);
        let prefixes = Numbers::of(reader, parts)?;
        let counters = Numbers::of(reader, parts)?;
        let documents_back = Numbers::of(reader, documents_by.count(DocumentBy::Back as u64))?;
        let sequences = Numbers::of(reader, changes)?;
        let first_operations = Numbers::of(reader, changes)?;
        let times = Numbers::of(reader, changes)?;
        let schemas = Numbers::of(reader, changes)?;
        let parents_by = Numbers::of(reader, changes)?;
        let parent_counts = Numbers::of(reader, parents_by.count(ParentsBy::List as u64))?;
        let listed = parent_counts.iter().try_fold(0usize, |total, count| {
            let count = usize::try_from(count).ok().filter(|count| *count <= PARENTS_MAX)?;
            total.checked_add(count).filter(|total| *total <= parents_max)
        });
        let parents = Numbers::of(reader, listed.ok_or(PackError::Parts)?)?;
        let parent_hashes = Numbers::of(reader, parents.count(BY_HASH))?;
        let referred = parents_by.count(ParentsBy::Reference as u64) + parents.count(BY_REFERENCE);
        let references = Numbers::of(reader, referred)?;
        Ok(Self {
            kinds,
            shapes,
            actors,
            documents_by,
            document_kinds,
            prefixes,
            counters,
            documents_back,
            sequences,
            first_operations,
            times,
            schemas,
            parents_by,
            parent_counts,
            parents,
            parent_hashes,
            references,
            origins: Numbers::of(reader, fed)?,
            indexes: Numbers::of(reader, fed)?,
            erased: Numbers::of(reader, erased)?,
            row_lengths: Numbers::of(reader, rows)?,
        })
    }
}
