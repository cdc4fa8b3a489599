//! From columns back to entries.

use super::{
    OPERATIONS_TOTAL_MAX, PackError, Places, TEXT_BYTES_MAX,
    layout::{BY_BACK, BY_HASH, BY_REFERENCE, DocumentBy, EntryKind, Metadata, Numbers, ParentsBy},
    memory::{Memory, PREDICTORS, Rule, cut, document, parts},
    shape::{Column, Columns, Form, Holds, KeyForm, ObjectForm, Shape, Sort, key_text, shape},
    write::prefix_of,
};
use crate::{
    change::{Action, Change, Key, Object, Operation, OperationId, Scalar},
    id::{ActorId, ChangeHash, DeviceId, DocumentId, Epoch},
    time::Timestamp,
    wire::{
        batch::{Entry, Origin},
        column::{ColumnError, Reader, numbers, texts, unzigzag},
    },
};

const OUTSIDE_TABLE: PackError = PackError::Column(ColumnError::Table);
const SHORT: PackError = PackError::Column(ColumnError::Short);

/// The log's earlier entries that a body names, ascending.
///
/// # Errors
/// The bytes are no body.
pub(super) fn references(reader: &mut Reader<'_>, count_max: usize) -> Result<Vec<u64>, PackError> {
    let count = reader.count(count_max)?;
    let mut last = 0u64;
    let gaps = numbers(reader, count)?.into_iter();
    gaps.map(|gap| {
        last = last.checked_add(gap).ok_or(OUTSIDE_TABLE)?;
        Ok(last)
    })
    .collect()
}

/// Everything that entries name by number.
#[derive(Debug)]
struct Tables {
    references: Vec<u64>,
    actors: Vec<ActorId>,
    prefixes: Vec<[u8; 10]>,
    hashes: Vec<ChangeHash>,
    origins: Vec<(DeviceId, Epoch)>,
    shapes: Vec<Shape>,
    columns: Columns,
}

impl Tables {
    fn of(reader: &mut Reader<'_>, count: usize) -> Result<Self, PackError> {
        let references = references(reader, OPERATIONS_TOTAL_MAX)?;
        let actors = many(reader, OPERATIONS_TOTAL_MAX, |reader| Ok(ActorId(reader.array()?)))?;
        let implied = reader.count(actors.len())?;
        let mut prefixes: Vec<_> = actors[..implied].iter().map(prefix_of).collect();
        prefixes.extend(many(reader, OPERATIONS_TOTAL_MAX, |reader| Ok(reader.array()?))?);
        let hashes = many(reader, OPERATIONS_TOTAL_MAX, |reader| Ok(ChangeHash(reader.array()?)))?;
        let origins = many(reader, count, |reader| {
            let device = u32::try_from(reader.varint()?).map_err(|_| OUTSIDE_TABLE)?;
            Ok((DeviceId(device), Epoch(reader.array()?)))
        })?;
        let mut columns = Columns::default();
        let mut parts_left = OPERATIONS_TOTAL_MAX;
        let shapes = many(reader, count, |reader| {
            let shape = shape(reader, &mut columns)?;
            parts_left = parts_left.checked_sub(shape.parts).ok_or(PackError::Parts)?;
            Ok(shape)
        })?;
        Ok(Self { references, actors, prefixes, hashes, origins, shapes, columns })
    }
}

fn many<T>(
    reader: &mut Reader<'_>,
    limit: usize,
    mut one: impl FnMut(&mut Reader<'_>) -> Result<T, PackError>,
) -> Result<Vec<T>, PackError> {
    (0..reader.count(limit)?).map(|_| one(reader)).collect()
}

fn at<T>(table: &[T], number: u64) -> Result<&T, PackError> {
    usize::try_from(number).ok().and_then(|number| table.get(number)).ok_or(OUTSIDE_TABLE)
}

/// One column while it is read.
#[derive(Debug)]
struct Values<'a> {
    previous: u64,
    predictor: usize,
    differences: Numbers,
    codes: Numbers,
    kinds: Numbers,
    counters: Numbers,
    texts: std::vec::IntoIter<String>,
    bytes: &'a [u8],
    rule: Rule,
}

impl<'a> Values<'a> {
    fn of(reader: &mut Reader<'a>, column: &Column, count: usize) -> Result<Self, PackError> {
        let rule = Rule::of(column);
        let mut values = Self {
            previous: 0,
            predictor: 0,
            differences: Numbers::default(),
            codes: Numbers::default(),
            kinds: Numbers::default(),
            counters: Numbers::default(),
            texts: Vec::new().into_iter(),
            bytes: &[],
            rule,
        };
        match column.holds {
            Holds::Objects | Holds::Elements | Holds::Predecessors => {
                values.codes = Numbers::of(reader, count)?;
                values.predicted(reader, count)?;
            }
            Holds::Values(Sort::Str) if rule == Rule::None => {
                values.texts = texts(reader, count)?.into_iter();
            }
            Holds::Keys | Holds::Values(Sort::Str) => {
                values.codes = Numbers::of(reader, count)?;
                let coded = values.codes.count(0);
                if rule == Rule::Document {
                    values.kinds = Numbers::of(reader, count - coded)?;
                    values.counters = Numbers::of(reader, count - coded)?;
                }
                values.texts = texts(reader, coded)?.into_iter();
            }
            Holds::Values(Sort::Bytes) => {
                values.codes = Numbers::of(reader, count)?;
                let total = values
                    .codes
                    .iter()
                    .try_fold(0usize, |total, length| total.checked_add(usize::try_from(length).ok()?));
                values.bytes = reader.take(total.ok_or(SHORT)?)?;
            }
            Holds::Values(_) => values.predicted(reader, count)?,
        }
        Ok(values)
    }

    fn predicted(&mut self, reader: &mut Reader<'a>, count: usize) -> Result<(), PackError> {
        if count > 0 {
            self.predictor = usize::from(reader.byte()?);
            if self.predictor >= PREDICTORS {
                return Err(OUTSIDE_TABLE);
            }
        }
        self.differences = Numbers::of(reader, count)?;
        Ok(())
    }

    fn number(&mut self, memory: &Memory, holds: Holds) -> Result<u64, PackError> {
        let base = memory.bases(holds, self.previous)[self.predictor];
        self.previous = base.wrapping_add(unzigzag(self.differences.pull()?) as u64);
        Ok(self.previous)
    }
}

/// What hashes the change at a position of the batch, if it can be built.
pub(super) type Hasher<'h> = &'h mut dyn FnMut(usize, &Change) -> Option<ChangeHash>;

/// Walks through the columns of a batch and makes its entries.
pub(super) struct Walk<'a, 'h> {
    tables: Tables,
    metadata: Metadata,
    memory: Memory,
    values: Vec<Values<'a>>,
    rows: Reader<'a>,
    places: &'a Places,
    hasher: Hasher<'h>,
    next_reference: u64,
    indexes: Vec<u64>,
    text_bytes_left: usize,
}

/// A batch's entries, with the hashes of changes that were needed to make them.
pub(super) type Entries = Vec<(Entry, Option<ChangeHash>)>;

impl<'a, 'h> Walk<'a, 'h> {
    pub(super) fn new(
        bytes: &'a [u8],
        count: usize,
        places: &'a Places,
        hasher: Hasher<'h>,
    ) -> Result<Self, PackError> {
        let mut reader = Reader::new(bytes, TEXT_BYTES_MAX);
        let tables = Tables::of(&mut reader, count)?;
        let metadata = Metadata::of(&mut reader, count, OPERATIONS_TOTAL_MAX)?;
        let mut uses = vec![0usize; tables.shapes.len()];
        for number in metadata.shapes.iter() {
            *usize::try_from(number).ok().and_then(|number| uses.get_mut(number)).ok_or(OUTSIDE_TABLE)? += 1;
        }
        let mut parts_left = OPERATIONS_TOTAL_MAX;
        let mut counts = vec![0usize; tables.columns.all.len()];
        for (shape, uses) in tables.shapes.iter().zip(uses) {
            let parts = shape.parts.checked_mul(uses).ok_or(PackError::Parts)?;
            parts_left = parts_left.checked_sub(parts).ok_or(PackError::Parts)?;
            for form in &shape.forms {
                for column in [form.object_at, form.key_at, form.value_at].into_iter().flatten() {
                    counts[column] += uses;
                }
                if let Some(column) = form.predecessors_at {
                    counts[column] += uses * form.predecessors.iter().filter(|own| own.is_none()).count();
                }
            }
        }
        let values = tables.columns.all.iter().zip(counts);
        let values =
            values.map(|(column, count)| Values::of(&mut reader, column, count)).collect::<Result<_, _>>()?;
        Ok(Self {
            indexes: vec![0; tables.origins.len()],
            tables,
            metadata,
            memory: Memory::default(),
            values,
            text_bytes_left: TEXT_BYTES_MAX,
            rows: reader,
            places,
            hasher,
            next_reference: 0,
        })
    }

    pub(super) fn run(mut self, count: usize) -> Result<Entries, PackError> {
        let mut entries: Entries = Vec::with_capacity(count);
        for position in 0..count {
            let entry = match EntryKind::of_number(self.metadata.kinds.pull()?)? {
                EntryKind::Change => {
                    let (document, change) = self.change(position, &mut entries)?;
                    Entry::Change { document, change: change.into() }
                }
                EntryKind::Fed => {
                    let origin = self.origin()?;
                    let (document, change) = self.change(position, &mut entries)?;
                    Entry::Fed { origin, document, change: change.into() }
                }
                EntryKind::Enter => Entry::Enter { document: self.document(None, None)? },
                EntryKind::Leave => Entry::Leave { document: self.document(None, None)? },
                EntryKind::Erased => {
                    let document = self.document(None, None)?;
                    self.memory.set_erased(document, position);
                    let hash = *at(&self.tables.hashes, self.metadata.erased.pull()?)?;
                    Entry::Erased { document, hash }
                }
                EntryKind::Row => self.row()?,
            };
            entries.push((entry, None));
        }
        if self.rows.is_empty() { Ok(entries) } else { Err(PackError::Rest) }
    }

    fn row(&mut self) -> Result<Entry, PackError> {
        let length = self.metadata.row_lengths.pull()?;
        let row = self.rows.take(usize::try_from(length).map_err(|_| SHORT)?)?;
        let mut decoder = minicbor::Decoder::new(row);
        let entry: Entry = decoder.decode().map_err(|_| PackError::Row)?;
        let whole = decoder.position() == row.len();
        if whole && EntryKind::of(&entry) == EntryKind::Row { Ok(entry) } else { Err(PackError::Row) }
    }

    fn origin(&mut self) -> Result<Origin, PackError> {
        let number = self.metadata.origins.pull()?;
        let (device, epoch) = *at(&self.tables.origins, number)?;
        let last = &mut self.indexes[number as usize];
        let expected = last.wrapping_add(1);
        *last = expected.wrapping_add(unzigzag(self.metadata.indexes.pull()?) as u64);
        Ok(Origin { device, epoch, index: *last })
    }

    /// The document of an entry; of a change the kind is its shape's.
    fn document(&mut self, kind: Option<u8>, implied: Option<DocumentId>) -> Result<DocumentId, PackError> {
        let by = DocumentBy::of_number(self.metadata.documents_by.pull()?)?;
        let mut new_kind = || match kind {
            Some(kind) => Ok(kind),
            None => u8::try_from(self.metadata.document_kinds.pull()?).map_err(|_| OUTSIDE_TABLE),
        };
        let found = match by {
            DocumentBy::Next => {
                let (prefix, counter) = self.memory.next_document().ok_or(OUTSIDE_TABLE)?;
                document(prefix, new_kind()?, counter)
            }
            DocumentBy::Parts => {
                let kind = new_kind()?;
                let prefix = *at(&self.tables.prefixes, self.metadata.prefixes.pull()?)?;
                let difference = unzigzag(self.metadata.counters.pull()?);
                document(prefix, kind, self.memory.newest_counter(prefix).wrapping_add(difference as u64))
            }
            DocumentBy::Back => {
                let back = self.metadata.documents_back.pull()?;
                let count = self.memory.documents.len() as u64;
                let place =
                    count.checked_sub(1).and_then(|last| last.checked_sub(back)).ok_or(OUTSIDE_TABLE)?;
                *at(&self.memory.documents, place)?
            }
            DocumentBy::Parent => implied.ok_or(OUTSIDE_TABLE)?,
        };
        if by.is_new() {
            let (prefix, _, counter) = parts(&found);
            self.memory.note_newest(prefix, counter);
        }
        self.memory.note_document(found);
        Ok(found)
    }

    fn change(&mut self, position: usize, entries: &mut Entries) -> Result<(DocumentId, Change), PackError> {
        let number = self.metadata.shapes.pull()? as usize;
        let kind = self.tables.shapes[number].kind;
        let actor = *at(&self.tables.actors, self.metadata.actors.pull()?)?;
        let by = ParentsBy::of_number(self.metadata.parents_by.pull()?)?;
        let (mut parents, implied) = self.parents(by, position, entries)?;
        let document = self.document(Some(kind), implied)?;
        let last = self.memory.last(&document);
        if let (ParentsBy::Expected, Some(last)) = (by, last) {
            parents.push(self.hash(last.position, entries)?);
        }
        let is_first = last.is_none() && parents.is_empty();
        let (sequence, first_operation) = self.memory.expected(document, actor, is_first);
        let metadata = &mut self.metadata;
        let sequence = sequence.wrapping_add(unzigzag(metadata.sequences.pull()?) as u64);
        let first_operation =
            first_operation.wrapping_add(unzigzag(metadata.first_operations.pull()?) as u64);
        let time = Timestamp(self.memory.time.0.wrapping_add(unzigzag(metadata.times.pull()?)));
        let schema = i64::from(self.memory.schema).wrapping_add(unzigzag(metadata.schemas.pull()?));
        let schema = u32::try_from(schema).map_err(|_| OUTSIDE_TABLE)?;
        let operations = Vec::with_capacity(self.tables.shapes[number].forms.len());
        let mut change = Change { actor, sequence, first_operation, time, schema, parents, operations };
        self.memory.begin(&document, &change);
        let none = Shape { kind: 0, forms: Vec::new(), parts: 0 };
        let shape = std::mem::replace(&mut self.tables.shapes[number], none);
        for (index, form) in shape.forms.iter().enumerate() {
            let operation = self.operation(form, &change, index)?;
            change.operations.push(operation);
        }
        self.tables.shapes[number] = shape;
        self.memory.end(position, document, &change);
        Ok((document, change))
    }

    /// The parents that are written out, and the document that they imply.
    fn parents(
        &mut self,
        by: ParentsBy,
        position: usize,
        entries: &mut Entries,
    ) -> Result<(Vec<ChangeHash>, Option<DocumentId>), PackError> {
        match by {
            ParentsBy::Expected => Ok((Vec::new(), None)),
            ParentsBy::Reference => {
                let (document, hash) = self.reference()?;
                Ok((vec![hash], Some(document)))
            }
            ParentsBy::List => {
                let count = self.metadata.parent_counts.pull()?;
                let mut parents = Vec::new();
                for _ in 0..count {
                    parents.push(match self.metadata.parents.pull()? {
                        BY_REFERENCE => self.reference()?.1,
                        BY_HASH => *at(&self.tables.hashes, self.metadata.parent_hashes.pull()?)?,
                        back => {
                            let back = usize::try_from(back - BY_BACK).map_err(|_| OUTSIDE_TABLE)?;
                            let before = position.checked_sub(1).and_then(|last| last.checked_sub(back));
                            self.hash(before.ok_or(OUTSIDE_TABLE)?, entries)?
                        }
                    });
                }
                Ok((parents, None))
            }
        }
    }

    fn reference(&mut self) -> Result<(DocumentId, ChangeHash), PackError> {
        let difference = unzigzag(self.metadata.references.pull()?);
        let number = self.next_reference.wrapping_add(difference as u64);
        self.next_reference = number.wrapping_add(1);
        let index = *at(&self.tables.references, number)?;
        let place = self.places.get(index).ok_or(PackError::Reference { index })?;
        Ok((place.document, place.hash))
    }

    /// The hash of the change at a position before this one.
    fn hash(&mut self, position: usize, entries: &mut Entries) -> Result<ChangeHash, PackError> {
        let (entry, known) = entries.get_mut(position).ok_or(OUTSIDE_TABLE)?;
        if let Entry::Erased { hash, .. } = entry {
            return Ok(*hash);
        }
        if known.is_none() {
            let change = entry.change().ok_or(OUTSIDE_TABLE)?;
            *known = Some((self.hasher)(position, change).ok_or(PackError::Parent { position })?);
        }
        known.ok_or(PackError::Parent { position })
    }

    fn operation(&mut self, form: &Form, change: &Change, index: usize) -> Result<Operation, PackError> {
        let own = |back: usize| change.operation_id(index.saturating_sub(back));
        let object = match (form.object, form.object_at) {
            (ObjectForm::Root, _) => Object::Root,
            (ObjectForm::Own(back), _) => Object::Made(own(back)),
            (ObjectForm::Outside, at) => Object::Made(self.id(at)?),
        };
        let key = match form.key {
            KeyForm::Head => Key::Head,
            KeyForm::Own(back) => Key::Element(own(back)),
            KeyForm::Outside => Key::Element(self.id(form.key_at)?),
            KeyForm::Text => Key::Map(self.key(form.key_at)?),
            KeyForm::Known(number) => {
                let key = key_text(number);
                self.spend(key.len())?;
                Key::Map(key.to_owned())
            }
        };
        let action = self.action(form)?;
        let predecessors = form
            .predecessors
            .iter()
            .map(|back| back.map_or_else(|| self.id(form.predecessors_at), |back| Ok(own(back))))
            .collect::<Result<_, _>>()?;
        Ok(Operation { object, key, insert: form.insert, action, predecessors })
    }

    fn spend(&mut self, bytes: usize) -> Result<(), PackError> {
        let left = self.text_bytes_left.checked_sub(bytes + 16);
        self.text_bytes_left = left.ok_or(PackError::Column(ColumnError::Texts))?;
        Ok(())
    }

    fn column(&mut self, at: Option<usize>) -> Result<(&mut Values<'a>, Column), PackError> {
        let at = at.ok_or(OUTSIDE_TABLE)?;
        Ok((&mut self.values[at], self.tables.columns.all[at]))
    }

    fn id(&mut self, at: Option<usize>) -> Result<OperationId, PackError> {
        let at = at.ok_or(OUTSIDE_TABLE)?;
        let values = &mut self.values[at];
        let actor = match values.codes.pull()? {
            0 => self.memory.actor(),
            number => *self::at(&self.tables.actors, number - 1)?,
        };
        let counter = values.number(&self.memory, self.tables.columns.all[at].holds)?;
        let id = OperationId { counter, actor };
        self.memory.note_id(&id);
        Ok(id)
    }

    fn key(&mut self, at: Option<usize>) -> Result<String, PackError> {
        let (values, _) = self.column(at)?;
        match values.codes.pull()? {
            0 => values.texts.next().ok_or(SHORT),
            number => {
                self.spend(16)?;
                Ok(self.memory.event_key(number - 1))
            }
        }
    }

    fn action(&mut self, form: &Form) -> Result<Action, PackError> {
        let at = form.value_at;
        Ok(match form.sort {
            Sort::Null => Action::Put(Scalar::Null),
            Sort::MakeMap => Action::MakeMap,
            Sort::MakeList => Action::MakeList,
            Sort::Delete => Action::Delete,
            Sort::Str => Action::Put(Scalar::Str(self.text(at)?)),
            Sort::Bytes => Action::Put(Scalar::Bytes(self.bytes(at)?)),
            Sort::Boolean => match self.number(at)? {
                number @ 0..=1 => Action::Put(Scalar::Boolean(number == 1)),
                _ => return Err(OUTSIDE_TABLE),
            },
            Sort::Int => Action::Put(Scalar::Int(self.number(at)? as i64)),
            Sort::Uint => Action::Put(Scalar::Uint(self.number(at)?)),
            Sort::F64 => Action::Put(Scalar::F64(f64::from_bits(self.number(at)?))),
            Sort::Timestamp => {
                let moment = self.number(at)? as i64;
                self.memory.note_moment(moment);
                Action::Put(Scalar::Timestamp(Timestamp(moment)))
            }
            Sort::Counter => Action::Put(Scalar::Counter(self.number(at)? as i64)),
            Sort::Increment => Action::Increment(self.number(at)? as i64),
        })
    }

    fn bytes(&mut self, at: Option<usize>) -> Result<Vec<u8>, PackError> {
        let (values, _) = self.column(at)?;
        let length = usize::try_from(values.codes.pull()?).map_err(|_| SHORT)?;
        let (bytes, rest) = values.bytes.split_at_checked(length).ok_or(SHORT)?;
        values.bytes = rest;
        Ok(bytes.to_vec())
    }

    fn number(&mut self, at: Option<usize>) -> Result<u64, PackError> {
        let at = at.ok_or(OUTSIDE_TABLE)?;
        self.values[at].number(&self.memory, self.tables.columns.all[at].holds)
    }

    fn text(&mut self, at: Option<usize>) -> Result<String, PackError> {
        let (values, column) = self.column(at)?;
        let rule = values.rule;
        let code = if rule == Rule::None { 0 } else { values.codes.pull()? };
        let text = if code == 0 {
            values.texts.next().ok_or(SHORT)?
        } else if rule == Rule::Document {
            let kind = u8::try_from(values.kinds.pull()?).map_err(|_| OUTSIDE_TABLE)?;
            let difference = unzigzag(values.counters.pull()?);
            let prefix = *self::at(&self.tables.prefixes, code - 1)?;
            let counter = self.memory.counter(prefix, kind).wrapping_sub(difference as u64);
            let found = document(prefix, kind, counter);
            self.memory.mention(&found);
            self.spend(32)?;
            found.to_string()
        } else {
            let text = cut(code, self.memory.text(rule)).ok_or(OUTSIDE_TABLE)?;
            self.spend(text.len())?;
            text
        };
        self.memory.note_text(&column, &text);
        Ok(text)
    }
}
