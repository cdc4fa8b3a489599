//! From entries to columns.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    PackError, Places,
    layout::{BY_BACK, BY_HASH, BY_REFERENCE, DocumentBy, EntryKind, Metadata, ParentsBy},
    memory::{Memory, PREDICTORS, Rule, cut_of, parts},
    shape::{Columns, Form, Holds, Shape, Sort, put_shape, shape},
};
use crate::{
    change::{Action, Change, Key, Object, Operation, OperationId, Scalar},
    id::{ActorId, ChangeHash, DeviceId, DocumentId, Epoch},
    wire::{
        batch::{Entry, Origin},
        column::{Reader, put_numbers, put_texts, put_varint, zigzag},
    },
};

/// Walks through the entries of a batch and collects their columns.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    places: &'a Places,
    memory: Memory,
    metadata: Metadata,
    actors: Table<ActorId>,
    prefixes: Table<[u8; 10]>,
    hashes: Table<ChangeHash>,
    origins: Table<(DeviceId, Epoch)>,
    /// By origin: the index written last.
    indexes: Vec<u64>,
    /// The log's earlier entries that parents name, ascending, and the one expected next.
    references: Vec<u64>,
    next_reference: u64,
    positions: BTreeMap<ChangeHash, usize>,
    /// The shape written last, kept for its room.
    shape: Vec<u8>,
    shapes: Table<Vec<u8>>,
    forms: Vec<Shape>,
    columns: Columns,
    values: Vec<Values<'a>>,
    rows: Vec<u8>,
}

/// Distinct things in the order of their appearance.
#[derive(Debug)]
struct Table<T> {
    all: Vec<T>,
    numbers: BTreeMap<T, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { all: Vec::new(), numbers: BTreeMap::new() }
    }
}

impl<T: Ord + Clone> Table<T> {
    fn number(&mut self, thing: &T) -> u64 {
        if let Some(number) = self.numbers.get(thing) {
            return *number as u64;
        }
        self.numbers.insert(thing.clone(), self.all.len());
        self.all.push(thing.clone());
        self.all.len() as u64 - 1
    }
}

/// One column while it grows.
#[derive(Debug, Default)]
struct Values<'a> {
    previous: u64,
    /// Differences from each prediction, and the bits that they have together.
    differences: Vec<[u64; PREDICTORS]>,
    bits: [u64; PREDICTORS],
    codes: Vec<u64>,
    kinds: Vec<u64>,
    counters: Vec<u64>,
    texts: Vec<&'a str>,
    bytes: Vec<u8>,
}

impl Values<'_> {
    fn number(&mut self, value: u64, bases: [u64; PREDICTORS]) {
        let differences = bases.map(|base| zigzag(value.wrapping_sub(base) as i64));
        for (bits, difference) in self.bits.iter_mut().zip(differences) {
            *bits += u64::from(u64::BITS - difference.leading_zeros());
        }
        self.differences.push(differences);
        self.previous = value;
    }

    fn put(&self, out: &mut Vec<u8>, holds: Holds, rule: Rule) {
        let predicted = |out: &mut Vec<u8>| {
            let best = (0..PREDICTORS).min_by_key(|at| self.bits[*at]).unwrap_or(0);
            out.push(best as u8);
            put_numbers(out, &self.differences.iter().map(|all| all[best]).collect::<Vec<_>>());
        };
        match holds {
            Holds::Objects | Holds::Elements | Holds::Predecessors => {
                put_numbers(out, &self.codes);
                predicted(out);
            }
            Holds::Values(Sort::Str) if rule == Rule::None => put_texts(out, &self.texts),
            Holds::Keys | Holds::Values(Sort::Str) => {
                put_numbers(out, &self.codes);
                if rule == Rule::Document {
                    put_numbers(out, &self.kinds);
                    put_numbers(out, &self.counters);
                }
                put_texts(out, &self.texts);
            }
            Holds::Values(Sort::Bytes) => {
                put_numbers(out, &self.codes);
                out.extend_from_slice(&self.bytes);
            }
            Holds::Values(_) => predicted(out),
        }
    }
}

impl<'a> Writer<'a> {
    /// A writer that names parents outside the batch by `places` where they are there.
    pub(super) fn new(entries: &[(Entry, Option<ChangeHash>)], places: &'a Places) -> Self {
        let mut actors = Table::default();
        let mut references = BTreeSet::new();
        for (entry, _) in entries {
            if let Some(change) = entry.change() {
                actors.number(&change.actor);
                references.extend(change.parents.iter().filter_map(|parent| places.index_of(parent)));
            }
        }
        let mut prefixes = Table::default();
        for actor in &actors.all {
            prefixes.number(&prefix_of(actor));
        }
        Self {
            places,
            memory: Memory::default(),
            metadata: Metadata::default(),
            actors,
            prefixes,
            hashes: Table::default(),
            origins: Table::default(),
            indexes: Vec::new(),
            references: references.into_iter().collect(),
            next_reference: 0,
            positions: BTreeMap::new(),
            shape: Vec::new(),
            shapes: Table::default(),
            forms: Vec::new(),
            columns: Columns::default(),
            values: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Takes the entry at `position`.
    ///
    /// # Errors
    /// Its change is over a limit.
    pub(super) fn entry(
        &mut self,
        position: usize,
        entry: &'a Entry,
        hash: Option<ChangeHash>,
    ) -> Result<(), PackError> {
        let kind = EntryKind::of(entry);
        self.metadata.kinds.push(kind as u64);
        match entry {
            Entry::Change { document, change } => self.change(position, *document, change)?,
            Entry::Fed { origin, document, change } => {
                self.origin(origin);
                self.change(position, *document, change)?;
            }
            Entry::Enter { document } | Entry::Leave { document } => self.document(kind, *document, None),
            Entry::Erased { document, hash } => {
                self.document(kind, *document, None);
                let number = self.hashes.number(hash);
                self.metadata.erased.push(number);
                self.memory.set_erased(*document, position);
                self.positions.insert(*hash, position);
            }
            Entry::Actor { .. }
            | Entry::Note { .. }
            | Entry::Anew
            | Entry::Refused { .. }
            | Entry::Released { .. }
            | Entry::Registry { .. } => {
                let row = minicbor::to_vec(entry).expect("encoding into memory cannot fail");
                self.metadata.row_lengths.push(row.len() as u64);
                self.rows.extend_from_slice(&row);
            }
        }
        if let Some(hash) = hash.filter(|_| entry.change().is_some()) {
            self.positions.insert(hash, position);
        }
        Ok(())
    }

    fn origin(&mut self, origin: &Origin) {
        let number = self.origins.number(&(origin.device, origin.epoch));
        self.metadata.origins.push(number);
        self.indexes.resize(self.origins.all.len(), 0);
        let last = &mut self.indexes[number as usize];
        self.metadata.indexes.push(zigzag(origin.index.wrapping_sub(last.wrapping_add(1)) as i64));
        *last = origin.index;
    }

    fn change(&mut self, position: usize, document: DocumentId, change: &'a Change) -> Result<(), PackError> {
        let mut bytes = std::mem::take(&mut self.shape);
        bytes.clear();
        put_shape(&mut bytes, document.0[10], change);
        let number = self.shapes.number(&bytes) as usize;
        if number == self.forms.len() {
            self.forms.push(shape(&mut Reader::new(&bytes, 0), &mut self.columns)?);
            self.values.resize_with(self.columns.all.len(), Values::default);
        }
        self.shape = bytes;
        self.metadata.shapes.push(number as u64);
        let actor = self.actors.number(&change.actor);
        self.metadata.actors.push(actor);
        let implied = self.parents(position, document, change);
        self.document(EntryKind::Change, document, implied);
        let is_first = self.memory.last(&document).is_none() && change.parents.is_empty();
        let (sequence, first_operation) = self.memory.expected(document, change.actor, is_first);
        let metadata = &mut self.metadata;
        metadata.sequences.push(zigzag(change.sequence.wrapping_sub(sequence) as i64));
        metadata.first_operations.push(zigzag(change.first_operation.wrapping_sub(first_operation) as i64));
        metadata.times.push(zigzag(change.time.0.wrapping_sub(self.memory.time.0)));
        metadata.schemas.push(zigzag(i64::from(change.schema) - i64::from(self.memory.schema)));
        self.memory.begin(&document, change);
        let shape =
            std::mem::replace(&mut self.forms[number], Shape { kind: 0, forms: Vec::new(), parts: 0 });
        for (form, operation) in shape.forms.iter().zip(&change.operations) {
            self.operation(form, operation);
        }
        self.forms[number] = shape;
        self.memory.end(position, document, change);
        Ok(())
    }

    /// Writes how the parents are named; the document that the first of them implies.
    fn parents(&mut self, position: usize, document: DocumentId, change: &Change) -> Option<DocumentId> {
        let last = self.memory.last(&document).map(|last| last.position);
        let expected = match (last, change.parents.as_slice()) {
            (None, []) => true,
            (Some(last), [parent]) => self.positions.get(parent) == Some(&last),
            _ => false,
        };
        if expected {
            self.metadata.parents_by.push(ParentsBy::Expected as u64);
            return None;
        }
        if let [parent] = change.parents.as_slice()
            && let Some(index) = self.places.index_of(parent)
            && !self.positions.contains_key(parent)
        {
            self.metadata.parents_by.push(ParentsBy::Reference as u64);
            self.reference(index);
            return self.places.get(index).map(|place| place.document);
        }
        self.metadata.parents_by.push(ParentsBy::List as u64);
        self.metadata.parent_counts.push(change.parents.len() as u64);
        for parent in &change.parents {
            if let Some(at) = self.positions.get(parent) {
                self.metadata.parents.push(BY_BACK + (position - at) as u64 - 1);
            } else if let Some(index) = self.places.index_of(parent) {
                self.metadata.parents.push(BY_REFERENCE);
                self.reference(index);
            } else {
                self.metadata.parents.push(BY_HASH);
                let number = self.hashes.number(parent);
                self.metadata.parent_hashes.push(number);
            }
        }
        None
    }

    fn reference(&mut self, index: u64) {
        let number = self.references.partition_point(|known| *known < index) as u64;
        self.metadata.references.push(zigzag(number.wrapping_sub(self.next_reference) as i64));
        self.next_reference = number + 1;
    }

    /// Writes which document an entry is about.
    fn document(&mut self, entry: EntryKind, document: DocumentId, implied: Option<DocumentId>) {
        let (prefix, kind, counter) = parts(&document);
        let by = if implied == Some(document) {
            DocumentBy::Parent
        } else if let Some(place) = self.memory.place(&document) {
            self.metadata.documents_back.push((self.memory.documents.len() - 1 - place) as u64);
            DocumentBy::Back
        } else if self.memory.next_document() == Some((prefix, counter)) {
            DocumentBy::Next
        } else {
            let number = self.prefixes.number(&prefix);
            self.metadata.prefixes.push(number);
            let known = self.memory.newest_counter(prefix);
            self.metadata.counters.push(zigzag(counter.wrapping_sub(known) as i64));
            DocumentBy::Parts
        };
        self.metadata.documents_by.push(by as u64);
        if by.is_new() {
            if !entry.is_change() {
                self.metadata.document_kinds.push(u64::from(kind));
            }
            self.memory.note_newest(prefix, counter);
        }
        self.memory.note_document(document);
    }

    fn operation(&mut self, form: &Form, operation: &'a Operation) {
        if let (Some(at), Object::Made(id)) = (form.object_at, &operation.object) {
            self.id(at, id);
        }
        match (form.key_at, &operation.key) {
            (Some(at), Key::Element(id)) => self.id(at, id),
            (Some(at), Key::Map(key)) => self.key(at, key),
            _ => {}
        }
        if let Some(at) = form.value_at {
            self.value(at, &operation.action);
        }
        if let Some(at) = form.predecessors_at {
            for (own, id) in form.predecessors.iter().zip(&operation.predecessors) {
                if own.is_none() {
                    self.id(at, id);
                }
            }
        }
    }

    fn id(&mut self, at: usize, id: &OperationId) {
        let own = self.memory.is_actor(&id.actor);
        let code = if own { 0 } else { self.actors.number(&id.actor) + 1 };
        let values = &mut self.values[at];
        values.codes.push(code);
        values.number(id.counter, self.memory.bases(self.columns.all[at].holds, values.previous));
        self.memory.note_id(id);
    }

    fn key(&mut self, at: usize, key: &'a str) {
        let values = &mut self.values[at];
        let number = key.split_once('-').and_then(|(number, _)| number.parse::<u32>().ok());
        match number.filter(|number| self.memory.event_key(u64::from(*number)) == key) {
            Some(number) => values.codes.push(u64::from(number) + 1),
            None => {
                values.codes.push(0);
                values.texts.push(key);
            }
        }
    }

    fn value(&mut self, at: usize, action: &'a Action) {
        let column = self.columns.all[at];
        let number = match action {
            Action::Put(Scalar::Str(text)) => return self.text(at, text),
            Action::Put(Scalar::Bytes(bytes)) => {
                self.values[at].codes.push(bytes.len() as u64);
                return self.values[at].bytes.extend_from_slice(bytes);
            }
            Action::Put(Scalar::Boolean(value)) => u64::from(*value),
            Action::Put(Scalar::Int(value) | Scalar::Counter(value)) | Action::Increment(value) => {
                *value as u64
            }
            Action::Put(Scalar::Uint(value)) => *value,
            Action::Put(Scalar::F64(value)) => value.to_bits(),
            Action::Put(Scalar::Timestamp(value)) => value.0 as u64,
            Action::Put(Scalar::Null) | Action::MakeMap | Action::MakeList | Action::Delete => return,
        };
        let values = &mut self.values[at];
        values.number(number, self.memory.bases(column.holds, values.previous));
        if column.holds == Holds::Values(Sort::Timestamp) {
            self.memory.note_moment(number as i64);
        }
    }

    fn text(&mut self, at: usize, text: &'a str) {
        let column = self.columns.all[at];
        let values = &mut self.values[at];
        match Rule::of(&column) {
            Rule::None => values.texts.push(text),
            Rule::Document => match text.parse::<DocumentId>() {
                Ok(document) => {
                    let (prefix, kind, counter) = parts(&document);
                    values.codes.push(self.prefixes.number(&prefix) + 1);
                    values.kinds.push(u64::from(kind));
                    let known = self.memory.counter(prefix, kind);
                    values.counters.push(zigzag(known.wrapping_sub(counter) as i64));
                    self.memory.mention(&document);
                }
                Err(_) => {
                    values.codes.push(0);
                    values.texts.push(text);
                }
            },
            rule @ (Rule::Village | Rule::Officer | Rule::Sex | Rule::Born | Rule::Slip | Rule::Sitting) => {
                let code = cut_of(text, self.memory.text(rule).as_deref());
                values.codes.push(code);
                if code == 0 {
                    values.texts.push(text);
                }
            }
        }
        self.memory.note_text(&column, text);
    }

    /// The body, before it is compressed, and the earlier entries of the log that it names.
    pub(super) fn finish(self) -> (Vec<u8>, Vec<u64>) {
        let mut out = Vec::new();
        put_varint(&mut out, self.references.len() as u64);
        let gaps = self.references.iter().scan(0, |last, index| {
            let gap = index - *last;
            *last = *index;
            Some(gap)
        });
        put_numbers(&mut out, &gaps.collect::<Vec<_>>());
        put_varint(&mut out, self.actors.all.len() as u64);
        self.actors.all.iter().for_each(|actor| out.extend_from_slice(&actor.0));
        // The prefixes of the changes' actors are known with them.
        let prefixes = &self.prefixes.all[..];
        let implied =
            prefixes.iter().zip(&self.actors.all).take_while(|(prefix, actor)| **prefix == prefix_of(actor));
        let implied = implied.count();
        put_varint(&mut out, implied as u64);
        put_varint(&mut out, (prefixes.len() - implied) as u64);
        prefixes[implied..].iter().for_each(|prefix| out.extend_from_slice(prefix));
        put_varint(&mut out, self.hashes.all.len() as u64);
        self.hashes.all.iter().for_each(|hash| out.extend_from_slice(&hash.0));
        put_varint(&mut out, self.origins.all.len() as u64);
        for (device, epoch) in &self.origins.all {
            put_varint(&mut out, u64::from(device.0));
            out.extend_from_slice(&epoch.0);
        }
        put_varint(&mut out, self.shapes.all.len() as u64);
        self.shapes.all.iter().for_each(|shape| out.extend_from_slice(shape));
        self.metadata.put(&mut out);
        for (column, values) in self.columns.all.iter().zip(&self.values) {
            values.put(&mut out, column.holds, Rule::of(column));
        }
        out.extend_from_slice(&self.rows);
        (out, self.references)
    }
}

/// The prefix of the ids of documents that an actor makes.
pub(super) fn prefix_of(actor: &ActorId) -> [u8; 10] {
    let mut prefix = [0; 10];
    prefix.copy_from_slice(&actor.0[..10]);
    prefix
}
