//! automerge as the judge of the gate, for its tests: what was let in must do no harm.

use std::fmt::Write as _;

use automerge::{
    AutoCommit, Automerge, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value,
    transaction::{CommitOptions, Transactable},
};

use crate::{
    change::Change,
    document::{
        build,
        build::{actor_to, guarded},
        of_automerge,
        schema::{self, Entry, Keys, Shape, Writes, key},
    },
    id::{ActorId, ChangeHash, DocumentId, Kind, hex},
};

/// A number below its argument, by chance.
pub(crate) type Below<'a> = &'a mut dyn FnMut(u64) -> u64;

/// The states that an honest van sets here, and an honest hub.
const VAN_STATES: [&str; 6] = ["received", "complete", "incomplete", "loaded", "cancelled", "handed_over"];
const HUB_STATES: [&str; 4] = ["forwarded", "in_process", "issued", "rejected"];

/// What an accepted change did that none may do.
#[derive(Debug)]
#[expect(dead_code, reason = "the fields are for the person who reads the failed test")]
pub(crate) enum Harm {
    /// automerge panicked.
    Panic(&'static str),
    /// automerge refused the change, its own file or the next edit.
    Refused(&'static str, Box<AutomergeError>),
    /// The change was queued: automerge misses something.
    Missing,
    /// The document came back from its file with other heads or content.
    Reload,
    /// Two orders of arrival gave two documents.
    Diverged(String, String),
}

/// Several authors' honest edits of one document, merged now and then. The last author is the hub.
pub(crate) fn honest(kind: Kind, authors: &[ActorId], edits: usize, below: Below<'_>) -> Vec<Change> {
    let first = begin(kind, authors[0]);
    let mut documents: Vec<_> =
        authors.iter().map(|actor| first.clone().with_actor(actor_to(*actor))).collect();
    let count = authors.len() as u64;
    for time in 0..edits {
        let author = below(count) as usize;
        for _ in 0..=below(3) {
            edit(&mut documents[author], kind, authors[author], author + 1 == authors.len(), below);
        }
        commit(&mut documents[author], time as i64 + 1);
        if below(2) == 0 {
            let mut other = documents[below(count) as usize].clone();
            documents[author].merge(&mut other).expect("honest documents merge");
        }
    }
    let mut merged = first;
    for document in &mut documents {
        merged.merge(document).expect("honest documents merge");
    }
    let changes = merged.get_changes(&[]);
    changes.iter().map(|change| of_automerge(change).expect("plain values").1).collect()
}

/// Applies all `orders` of the same changes, each in batches, and compares; saves, loads and makes
/// the next local edit, which is returned.
pub(crate) fn exercise(
    kind: Kind,
    orders: &[Vec<Vec<&Change>>],
    next: ActorId,
    below: Below<'_>,
) -> Result<Change, Harm> {
    let mut first: Option<(Automerge, String)> = None;
    for order in orders {
        let document = guarded(|| apply(order)).ok_or(Harm::Panic("apply"))??;
        if !document.get_missing_deps(&[]).is_empty() {
            return Err(Harm::Missing);
        }
        let shown = guarded(|| show(&document)).ok_or(Harm::Panic("read"))?;
        match &first {
            None => first = Some((document, shown)),
            Some((_, other)) if *other == shown => {}
            Some((_, other)) => return Err(Harm::Diverged(other.clone(), shown)),
        }
    }
    let (document, shown) = first.expect("there is an order");
    let mut loaded = reload(&document)?;
    if guarded(|| show(loaded.document())).ok_or(Harm::Panic("read again"))? != shown {
        return Err(Harm::Reload);
    }
    continue_with(kind, &mut loaded, next, below)
}

fn apply(order: &[Vec<&Change>]) -> Result<Automerge, Harm> {
    let mut document = Automerge::new();
    for batch in order {
        let built: Vec<_> = batch
            .iter()
            .map(|change| build(change).map_err(|_| Harm::Panic("build")))
            .collect::<Result<_, _>>()?;
        document.apply_changes(built).map_err(|error| Harm::Refused("apply", Box::new(error)))?;
    }
    Ok(document)
}

fn reload(document: &Automerge) -> Result<AutoCommit, Harm> {
    let bytes = guarded(|| document.save()).ok_or(Harm::Panic("save"))?;
    let loaded = guarded(|| AutoCommit::load(&bytes)).ok_or(Harm::Panic("load"))?;
    let mut loaded = loaded.map_err(|error| Harm::Refused("load", Box::new(error)))?;
    if loaded.get_heads() == document.get_heads() { Ok(loaded) } else { Err(Harm::Reload) }
}

fn continue_with(
    kind: Kind,
    document: &mut AutoCommit,
    next: ActorId,
    below: Below<'_>,
) -> Result<Change, Harm> {
    let edited = guarded(|| {
        document.set_actor(actor_to(next));
        let text = format!("next {}", below(1_000));
        document.put(ROOT, free_key(kind), text).map_err(|error| Harm::Refused("edit", Box::new(error)))?;
        for _ in 0..3 {
            edit(document, kind, next, false, below);
        }
        commit(document, 9);
        let change = document.get_last_local_change().ok_or(Harm::Reload)?;
        let change = of_automerge(&change).map_err(|_| Harm::Reload)?.1;
        reload(document.document())?;
        Ok(change)
    });
    edited.ok_or(Harm::Panic("next edit"))?
}

fn free_key(kind: Kind) -> &'static str {
    match kind {
        Kind::Case => key::NOTES,
        Kind::Person => key::ADDRESS,
        Kind::Visit => key::LEAD,
    }
}

/// The changes that `bytes` hold, as far as automerge finds any and they can be said in our form, with
/// a message that we understand.
/// Only for bytes that are known not to exhaust memory.
pub(crate) fn parse(bytes: &[u8]) -> Vec<(ChangeHash, Change)> {
    let mut found = Vec::new();
    for (start, _) in bytes.windows(4).enumerate().filter(|(_, magic)| *magic == [0x85, 0x6f, 0x4a, 0x83]) {
        for end in [bytes.len(), chunk_end(bytes, start)] {
            let chunk = bytes[start..end].to_vec();
            let change = guarded(|| {
                let mut expanded = automerge::Change::from_bytes(chunk).ok()?.decode();
                expanded.message = Some("1".to_owned());
                of_automerge(&automerge::Change::from(expanded)).ok()
            });
            found.extend(change.flatten());
        }
    }
    found
}

/// Where the chunk at `start` ends by its own header: magic 4, checksum 4, type 1, length, body.
fn chunk_end(bytes: &[u8], start: usize) -> usize {
    let (mut length, mut shift, mut at) = (0u64, 0, start + 9);
    while let Some(byte) = bytes.get(at) {
        length |= u64::from(byte & 0x7f) << shift;
        (shift, at) = (shift + 7, at + 1);
        if byte & 0x80 == 0 || shift > 28 {
            break;
        }
    }
    (at + usize::try_from(length).unwrap_or(usize::MAX - at)).min(bytes.len()).max(start)
}

/// Everything that `document` shows, conflicts included.
fn show(document: &Automerge) -> String {
    let mut heads: Vec<_> = document.get_heads();
    heads.sort_unstable();
    let mut out = format!("{heads:?}\n");
    show_object(document, &ROOT, &mut out);
    out
}

fn show_object(document: &Automerge, object: &ObjId, out: &mut String) {
    let places: Vec<automerge::Prop> = match document.object_type(object).expect("it is there") {
        ObjType::Map | ObjType::Table => document.keys(object).map(automerge::Prop::from).collect(),
        ObjType::List | ObjType::Text => (0..document.length(object)).map(automerge::Prop::from).collect(),
    };
    for place in places {
        for (value, id) in document.get_all(object, place.clone()).expect("it is there") {
            writeln!(out, "{place:?} {id} {value:?}").expect("a string takes everything");
            if value.is_object() {
                show_object(document, &id, out);
            }
        }
    }
    out.push_str(".\n");
}

fn commit(document: &mut AutoCommit, time: i64) {
    document.commit_with(CommitOptions::default().with_message("1").with_time(time));
}

fn begin(kind: Kind, actor: ActorId) -> AutoCommit {
    let mut document = AutoCommit::new().with_actor(actor_to(actor));
    let Keys::Fixed(entries) = &schema::root(kind).keys else { panic!("a root has fixed keys") };
    for (name, entry) in entries.iter().filter(|(_, entry)| entry.writes.is_by_first_change()) {
        match entry.shape {
            Shape::Map(_) => drop(document.put_object(ROOT, *name, ObjType::Map).expect("a key")),
            Shape::List(_) => drop(document.put_object(ROOT, *name, ObjType::List).expect("a key")),
            _ if *name == key::ID => {
                let number = DocumentId::new(super::authority::id_prefix(actor), kind, 1).number();
                document.put(ROOT, *name, number).expect("a key");
            }
            _ if *name == key::SERVICE => document.put(ROOT, *name, "DUK-CETAK").expect("a key"),
            Shape::Text { .. } | Shape::Int { .. } | Shape::Timestamp | Shape::Boolean => {
                document.put(ROOT, *name, "c1").expect("a key");
            }
        }
    }
    commit(&mut document, 0);
    document
}

/// One honest edit somewhere in the document.
fn edit(document: &mut AutoCommit, kind: Kind, actor: ActorId, hub: bool, below: Below<'_>) {
    let Keys::Fixed(entries) = &schema::root(kind).keys else { panic!("a root has fixed keys") };
    let (name, entry) = &entries[below(entries.len() as u64) as usize];
    let inner = document.get(ROOT, *name).expect("a key").map(|(_, id)| id);
    match (entry.shape, inner) {
        _ if entry.hub_only && !hub => {}
        (Shape::List(_), Some(list)) => edit_list(document, &list, below),
        (Shape::Map(_), Some(events)) if *name == key::STATUS => event(document, &events, actor, hub, below),
        (Shape::Map(_), Some(book)) if *name == key::BLANKS => blanks(document, &book, below),
        (Shape::Map(shape), Some(map)) => {
            let Keys::Any { entry, .. } = &shape.keys else { return };
            let key = match *name {
                key::ATTACHMENTS => &[["0b", "7c"][below(2) as usize]; 32].concat(),
                _ => ["KK", "KTP", "0b", "age"][below(4) as usize],
            };
            write(document, &map, key, entry, *name != key::TICKS, below);
        }
        (Shape::Map(_) | Shape::List(_), None) => {}
        _ if entry.writes.is_by_first_change() => {}
        _ => write(document, &ROOT, name, entry, true, below),
    }
}

fn write(
    document: &mut AutoCommit,
    object: &ObjId,
    key: &str,
    entry: &Entry,
    may_delete: bool,
    below: Below<'_>,
) {
    let stands = document.get(object, key).expect("a key").is_some();
    if stands && entry.writes != Writes::Free {
        return;
    }
    if stands && may_delete && below(5) == 0 {
        return document.delete(object, key).expect("a key");
    }
    match entry.shape {
        Shape::Map(_) => {
            let map = document.put_object(object, key, ObjType::Map).expect("a key");
            for (key, text) in [(key::NAME, "photo"), (key::KIND, "photo"), (key::TYPE, "image/jpeg")] {
                document.put(&map, key, text).expect("a key");
            }
            document.put(&map, key::SIZE, 1 + below(20_000_000) as i64).expect("a key");
            document.put(&map, key::AT, ScalarValue::Timestamp(below(1 << 40) as i64)).expect("a key");
        }
        Shape::Text { .. } => document.put(object, key, format!("text {}", below(4))).expect("a key"),
        Shape::Int { max, .. } => document.put(object, key, max - below(4) as i64).expect("a key"),
        Shape::Timestamp => {
            document.put(object, key, ScalarValue::Timestamp(below(1 << 40) as i64)).expect("a key");
        }
        Shape::Boolean => document.put(object, key, below(2) == 0).expect("a key"),
        Shape::List(_) => {}
    }
}

fn blanks(document: &mut AutoCommit, book: &ObjId, below: Below<'_>) {
    let name = format!("{:04}", document.keys(book).count());
    let entry = document.put_object(book, name, ObjType::Map).expect("a key");
    let serial = format!("{:06}", below(1_000));
    for (key, text) in
        [(key::KIND, "KTP-EL"), (key::FROM, &serial), (key::TO, &serial), (key::STATE, "received")]
    {
        document.put(&entry, key, text).expect("a key");
    }
    document.put(&entry, key::AT, ScalarValue::Timestamp(below(1 << 40) as i64)).expect("a key");
}

fn edit_list(document: &mut AutoCommit, list: &ObjId, below: Below<'_>) {
    let length = document.length(list);
    let index = below(length as u64 + 1) as usize;
    match below(4) {
        0 if index < length => document.delete(list, index).expect("an index"),
        1 if index < length => document.put(list, index, "Ani").expect("an index"),
        _ => document.insert(list, index, "Budi").expect("an index"),
    }
}

fn event(document: &mut AutoCommit, events: &ObjId, actor: ActorId, hub: bool, below: Below<'_>) {
    let names: Vec<_> = document.keys(events).collect();
    let ended = names.iter().any(|name| {
        let Some((_, event)) = document.get(events, name.as_str()).expect("a key") else { return false };
        let state = document.get(&event, key::STATE).expect("a key");
        matches!(state, Some((Value::Scalar(text), _)) if text.as_str() == Some("handed_over"))
    });
    let state = match (ended, hub) {
        (true, _) => "closed",
        (false, true) => HUB_STATES[below(HUB_STATES.len() as u64) as usize],
        (false, false) => VAN_STATES[below(VAN_STATES.len() as u64) as usize],
    };
    let name = format!("{:03}-{}", names.len(), hex(&actor.0[..2]));
    let event = document.put_object(events, name, ObjType::Map).expect("a key");
    document.put(&event, key::STATE, state).expect("a key");
    document.put(&event, key::AT, ScalarValue::Timestamp(below(1 << 40) as i64)).expect("a key");
    if hub {
        document.put(&event, key::AGENCY, "DUK").expect("a key");
    }
}
