//! What writer and reader both remember of a batch as they walk through it: all that predictions are made from.

use std::collections::BTreeMap;

use super::shape::{At, Column, Holds, Place, Sort, key_text};
use crate::{
    change::{Change, OperationId},
    id::{ActorId, DocumentId},
    slip::SlipNumber,
    time::Timestamp,
};

/// How a text is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Not at all.
    None,
    /// It is the id of a document.
    Document,
    /// A case's village: the one named last.
    Village,
    /// An event's officer: that of the case.
    Officer,
    /// A person's sex, by the NIK.
    Sex,
    /// A person's birth, by the NIK.
    Born,
    /// A slip number: the next one of its writer.
    Slip,
    /// A sitting: that of the document.
    Sitting,
}

/// How many beginnings of a prediction a text may be: none, all of it, a year and month, a year.
const CUTS: [usize; 2] = [7, 4];
/// The eleventh byte of the ids of cases.
const CASE: u8 = 1;
/// What a NIK adds to the day of a woman's birth.
const NIK_WOMAN: u8 = 40;

impl Rule {
    /// The rule of a column.
    pub(super) fn of(column: &Column) -> Self {
        let (At::Known(number), Holds::Values(Sort::Str)) = (column.at, column.holds) else {
            return Self::None;
        };
        match (key_text(number), column.place) {
            ("applicant" | "subject" | "collector" | "visit" | "same_as", Place::Root) => Self::Document,
            ("village", Place::Root) if column.kind == CASE => Self::Village,
            ("sex", Place::Root) => Self::Sex,
            ("born", Place::Root) => Self::Born,
            ("slip", Place::Root) => Self::Slip,
            ("encounter", Place::Root) => Self::Sitting,
            ("officer", Place::Outside | Place::Under(_) | Place::UnderText) => Self::Officer,
            _ => Self::None,
        }
    }
}

/// How many predictions a column of numbers chooses from.
pub(super) const PREDICTORS: usize = 4;

/// The last change of a document in the batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    /// Its position in the batch.
    pub(super) position: usize,
    /// Counter of its last operation, where it is not erased.
    pub(super) operation: Option<u64>,
}

/// What is known of the batch up to here.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Documents in the order of their appearance.
    pub(super) documents: Vec<DocumentId>,
    places: BTreeMap<DocumentId, usize>,
    last: BTreeMap<DocumentId, Last>,
    sequences: BTreeMap<(DocumentId, ActorId), u64>,
    /// The counter mentioned last, by prefix and kind.
    counters: BTreeMap<([u8; 10], u8), u64>,
    /// Prefix and counter of the document that appeared last, and the last counter of each prefix.
    newest: Option<([u8; 10], u64)>,
    newest_counters: BTreeMap<[u8; 10], u64>,
    /// Of the last change that began elsewhere: sequence and first operation.
    pub(super) elsewhere: (u64, u64),
    pub(super) time: Timestamp,
    pub(super) schema: u32,
    village: Option<String>,
    slips: BTreeMap<ActorId, String>,
    /// Of the change at hand.
    nik: Option<String>,
    officer: Option<String>,
    moment: i64,
    named: u64,
    first_operation: u64,
    actor: ActorId,
    document: DocumentId,
}

impl Memory {
    /// Where a document stands among those seen, if it was.
    pub(super) fn place(&self, document: &DocumentId) -> Option<usize> {
        self.places.get(document).copied()
    }

    /// Notes a document; a new one takes the next place.
    pub(super) fn note_document(&mut self, document: DocumentId) {
        if let std::collections::btree_map::Entry::Vacant(place) = self.places.entry(document) {
            place.insert(self.documents.len());
            self.documents.push(document);
        }
        self.mention(&document);
    }

    /// Notes the prefix and counter of a document that appeared for the first time.
    pub(super) fn note_newest(&mut self, prefix: [u8; 10], counter: u64) {
        self.newest = Some((prefix, counter));
        self.newest_counters.insert(prefix, counter);
    }

    /// The counter of the document of this prefix that appeared last.
    pub(super) fn newest_counter(&self, prefix: [u8; 10]) -> u64 {
        self.newest_counters.get(&prefix).copied().unwrap_or(0)
    }

    /// Prefix and counter that a new document is expected to have.
    pub(super) fn next_document(&self) -> Option<([u8; 10], u64)> {
        self.newest.map(|(prefix, counter)| (prefix, counter.wrapping_add(1) & COUNTER_BITS))
    }

    /// The counter mentioned last with this prefix and kind.
    pub(super) fn counter(&self, prefix: [u8; 10], kind: u8) -> u64 {
        self.counters.get(&(prefix, kind)).copied().unwrap_or(0)
    }

    /// Notes that a document is named.
    pub(super) fn mention(&mut self, document: &DocumentId) {
        let (prefix, kind, counter) = parts(document);
        self.counters.insert((prefix, kind), counter);
    }

    pub(super) fn last(&self, document: &DocumentId) -> Option<Last> {
        self.last.get(document).copied()
    }

    /// Notes a change of which only the hash is left.
    pub(super) fn set_erased(&mut self, document: DocumentId, position: usize) {
        let operation = self.last(&document).and_then(|last| last.operation);
        self.last.insert(document, Last { position, operation });
    }

    /// Whether the change at hand is this actor's.
    pub(super) fn is_actor(&self, actor: &ActorId) -> bool {
        self.actor == *actor
    }

    pub(super) fn actor(&self) -> ActorId {
        self.actor
    }

    /// Sequence and first operation that a change is expected to have; `is_first` of one that makes its document.
    pub(super) fn expected(&self, document: DocumentId, actor: ActorId, is_first: bool) -> (u64, u64) {
        let (sequence, first_operation) = if is_first { (1, 1) } else { self.elsewhere };
        let sequence =
            self.sequences.get(&(document, actor)).map_or(sequence, |sequence| sequence.wrapping_add(1));
        let last = self.last(&document).and_then(|last| last.operation);
        (sequence, last.map_or(first_operation, |last| last.wrapping_add(1)))
    }

    /// Begins a change whose operations come next; what it has of them is not looked at.
    pub(super) fn begin(&mut self, document: &DocumentId, change: &Change) {
        self.nik = None;
        self.officer = None;
        self.moment = change.time.0;
        self.named = change.first_operation;
        self.first_operation = change.first_operation;
        self.actor = change.actor;
        self.document = *document;
        self.time = change.time;
        self.schema = change.schema;
    }

    /// Ends a change at `position`.
    pub(super) fn end(&mut self, position: usize, document: DocumentId, change: &Change) {
        self.last.insert(document, Last { position, operation: Some(change.last_operation()) });
        self.sequences.insert((document, change.actor), change.sequence);
        if !change.parents.is_empty() {
            self.elsewhere = (change.sequence, change.first_operation);
        }
    }

    /// Where the counters of ids, and which numbers, are expected; what a column wrote last comes as `previous`.
    pub(super) fn bases(&self, holds: Holds, previous: u64) -> [u64; PREDICTORS] {
        match holds {
            Holds::Objects | Holds::Elements | Holds::Predecessors => {
                [0, previous, self.named, self.first_operation]
            }
            Holds::Values(Sort::Timestamp) => [0, previous, self.time.0 as u64, self.moment as u64],
            Holds::Values(_) | Holds::Keys => [0, previous, self.document.number() as u64, 0],
        }
    }

    /// Notes the id of an operation.
    pub(super) fn note_id(&mut self, id: &OperationId) {
        self.named = id.counter;
    }

    /// Notes a moment.
    pub(super) fn note_moment(&mut self, at: i64) {
        self.moment = at;
    }

    /// What a text is expected to be.
    pub(super) fn text(&self, rule: Rule) -> Option<String> {
        match rule {
            Rule::None | Rule::Document => None,
            Rule::Village => self.village.clone(),
            Rule::Officer => self.officer.clone(),
            Rule::Sitting => Some(crate::id::hex(&self.document.sitting())),
            Rule::Sex => self.nik().map(|(day, ..)| if day > NIK_WOMAN { "P" } else { "L" }.to_owned()),
            Rule::Born => {
                let (day, month, year) = self.nik()?;
                let day = if day > NIK_WOMAN { day - NIK_WOMAN } else { day };
                // The century in which a birth is not in the future of the change.
                let now = self.time.day(0).year();
                let this = 2_000 + i32::from(year);
                let year = if this > now { this - 100 } else { this };
                Some(format!("{year:04}-{month:02}-{day:02}"))
            }
            Rule::Slip => {
                let slip: SlipNumber = self.slips.get(&self.actor)?.parse().ok()?;
                slip.next().map(|slip| slip.to_string())
            }
        }
    }

    /// Day, month and year of the NIK at hand.
    fn nik(&self) -> Option<(u8, u8, u8)> {
        let nik = self.nik.as_deref().filter(|nik| nik.len() == 16 && nik.is_ascii())?;
        Some((nik[6..8].parse().ok()?, nik[8..10].parse().ok()?, nik[10..12].parse().ok()?))
    }

    /// Notes a text that others are predicted from.
    pub(super) fn note_text(&mut self, column: &Column, text: &str) {
        let (At::Known(number), Place::Root) = (column.at, column.place) else { return };
        match key_text(number) {
            "village" => self.village = Some(text.to_owned()),
            "nik" => self.nik = Some(text.to_owned()),
            "officer" => self.officer = Some(text.to_owned()),
            "slip" => drop(self.slips.insert(self.actor, text.to_owned())),
            _ => {}
        }
    }

    /// An event's key by its running number, as the actor at hand writes it: `002-a1b2`.
    pub(super) fn event_key(&self, number: u64) -> String {
        format!("{number:03}-{}", crate::id::hex(&self.actor.0[..2]))
    }
}

const COUNTER_BITS: u64 = (1 << 40) - 1;

/// Prefix, kind and counter of an id.
pub(super) fn parts(document: &DocumentId) -> ([u8; 10], u8, u64) {
    let mut prefix = [0; 10];
    prefix.copy_from_slice(&document.0[..10]);
    let counter = document.0[11..].iter().fold(0, |counter, byte| counter << 8 | u64::from(*byte));
    (prefix, document.0[10], counter)
}

/// The id of these parts; of the counter the low 40 bits count.
pub(super) fn document(prefix: [u8; 10], kind: u8, counter: u64) -> DocumentId {
    let mut id = [0; 16];
    id[..10].copy_from_slice(&prefix);
    id[10] = kind;
    id[11..].copy_from_slice(&counter.to_be_bytes()[3..]);
    DocumentId(id)
}

/// How `text` follows from what was expected: 0 not at all, 1 it is that, then a beginning of it.
pub(super) fn cut_of(text: &str, expected: Option<&str>) -> u64 {
    let Some(expected) = expected else { return 0 };
    if text == expected {
        return 1;
    }
    let cut = CUTS.iter().position(|cut| text.len() == *cut && expected.get(..*cut) == Some(text));
    cut.map_or(0, |cut| cut as u64 + 2)
}

/// The text that [`cut_of`] gave this number.
pub(super) fn cut(number: u64, expected: Option<String>) -> Option<String> {
    let expected = expected?;
    match number {
        1 => Some(expected),
        _ => {
            let cut = CUTS.get(usize::try_from(number).ok()?.checked_sub(2)?)?;
            expected.get(..*cut).map(str::to_owned)
        }
    }
}
