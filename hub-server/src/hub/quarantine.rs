//! What the hub holds without applying it, as people can read it.

use serde_json::{Value, json};
use shared::{
    change::{Action, Change, Key, Object, Operation, OperationId, Scalar},
    id::hex,
    slip::DeviceLetter,
    store::{
        self, Tx, changes, devices,
        quarantine::{self, Debris, Refused},
        read_model,
    },
    sync::gate::Refusal,
    time::Now,
};
use van_agent::host::output::Failure;

use super::{Hub, devices::named};

/// What names held bytes, before their number.
const BYTES: &str = "bytes-";
/// Bytes that are shown at most.
const BYTES_SHOWN_MAX: usize = 4_096;

impl Hub {
    /// Tells everything that is held, changes first.
    pub(super) fn tell_held(&mut self, tell: &mut dyn FnMut(Value) -> bool) -> anyhow::Result<Value> {
        let offset = self.offset_minutes();
        let tx = self.replica.read()?;
        for refused in quarantine::all(tx)? {
            tell(refused_row(tx, &refused, offset)?);
        }
        for debris in quarantine::debris(tx)? {
            tell(debris_row(tx, &debris, offset)?);
        }
        Ok(Value::Null)
    }

    /// One thing that is held.
    pub(super) fn held(&mut self, id: &str) -> anyhow::Result<Value> {
        let offset = self.offset_minutes();
        let tx = self.replica.read()?;
        if let Some(number) = id.strip_prefix(BYTES).and_then(|number| number.parse::<i64>().ok()) {
            let debris = quarantine::debris(tx)?.into_iter().find(|debris| debris.number == number);
            let debris = debris.ok_or_else(|| nothing_held(id))?;
            let mut shown = debris_row(tx, &debris, offset)?;
            let bytes = quarantine::debris_bytes(tx, number)?.unwrap_or_default();
            shown["begins"] = json!(hex(&bytes[..bytes.len().min(BYTES_SHOWN_MAX)]));
            return Ok(shown);
        }
        let refused = refused(tx, id)?;
        let mut shown = refused_row(tx, &refused, offset)?;
        if let Some(indexed) = changes::find(tx, &refused.hash)? {
            shown["operations"] = operations(changes::body(tx, &indexed)?.as_ref(), offset);
        }
        Ok(shown)
    }

    /// Lets out what a laptop left behind that may not connect any more: all of it, or one change.
    pub(super) fn release(&mut self, now: Now, what: &str) -> anyhow::Result<Value> {
        let tx = self.replica.read()?;
        let mut held = match named(tx, what)? {
            Some(device) => quarantine::all(tx)?
                .into_iter()
                .filter(|refused| refused.origin.device == device && refused.rule == Refusal::SHUT_OUT)
                .collect(),
            None => vec![refused(tx, what)?],
        };
        if held.is_empty() {
            return Err(nothing_held(what));
        }
        if let Some(broken) = held.iter().find(|refused| refused.rule != Refusal::SHUT_OUT) {
            return Err(Failure::new(format!("that change breaks a rule: {}", broken.reason))
                .next("only what a revoked or lost laptop left behind can be let in; record the rest anew")
                .into());
        }
        held.sort_by_key(|refused| refused.origin);
        let hashes: Vec<_> = held.iter().map(|refused| refused.hash).collect();
        let counting = self.replica.release(now, &hashes)?;
        tracing::info!(released = hashes.len(), counting, "let out of quarantine");
        Ok(json!({ "released": hashes.len(), "counting": counting }))
    }
}

/// The one change in quarantine whose id begins with `id`.
fn refused(tx: Tx<'_>, id: &str) -> anyhow::Result<Refused> {
    let wanted = id.to_ascii_lowercase();
    let mut found = quarantine::all(tx)?;
    found.retain(|refused| refused.hash.to_string().starts_with(&wanted));
    if found.len() > 1 {
        let ids: Vec<_> = found.iter().map(|refused| refused.hash.to_string()).collect();
        return Err(Failure::new(format!("{id} begins several ids: {}", ids.join(", ")))
            .next("give more of the id")
            .into());
    }
    found.pop().ok_or_else(|| nothing_held(id))
}

fn nothing_held(id: &str) -> anyhow::Error {
    Failure::new(format!("nothing in quarantine is called {id}"))
        .next("see `hub-server quarantine list`")
        .into()
}

fn refused_row(tx: Tx<'_>, refused: &Refused, offset: i16) -> store::Result<Value> {
    let kind = refused.document.kind().map_or("unknown", |kind| match kind {
        shared::id::Kind::Case => "case",
        shared::id::Kind::Person => "person",
        shared::id::Kind::Visit => "visit",
    });
    let slip = read_model::case_of(tx, refused.document)?.map(|row| row.slip);
    Ok(json!({
        "id": refused.hash,
        "device": refused.origin.device,
        "laptop": laptop(tx, refused.origin.device)?,
        "document": refused.document,
        "kind": kind,
        "slip": slip,
        "entry": refused.origin.index,
        "rule": refused.rule,
        "reason": refused.reason,
        "at": refused.at.to_rfc3339(offset),
    }))
}

fn debris_row(tx: Tx<'_>, debris: &Debris, offset: i16) -> store::Result<Value> {
    Ok(json!({
        "id": format!("{BYTES}{}", debris.number),
        "device": debris.author,
        "laptop": laptop(tx, debris.author)?,
        "kind": "bytes",
        "bytes": debris.bytes,
        "rule": "frame",
        "reason": debris.reason,
        "at": debris.at.to_rfc3339(offset),
    }))
}

/// Unit and letter of a laptop, as in slip numbers.
fn laptop(tx: Tx<'_>, device: shared::id::DeviceId) -> store::Result<Option<String>> {
    let Some(row) = devices::by_number(tx, device)? else { return Ok(None) };
    let letters = devices::letters(tx, device)?;
    let letter = letters
        .last()
        .map_or_else(String::new, |(ordinal, _)| DeviceLetter::nth(*ordinal).as_str().to_owned());
    Ok(Some(format!("{}{letter}", row.unit)))
}

/// A change as a person reads it.
fn operations(change: &Change, offset: i16) -> Value {
    let operations: Vec<_> = (0..change.operations.len())
        .map(|index| operation(change.operation_id(index), &change.operations[index]))
        .collect();
    json!({
        "actor": change.actor,
        "sequence": change.sequence,
        "time": change.time.to_rfc3339(offset),
        "schema": change.schema,
        "parents": change.parents,
        "operations": operations,
    })
}

fn operation(id: OperationId, operation: &Operation) -> Value {
    let object = match operation.object {
        Object::Root => "root".to_owned(),
        Object::Made(id) => name(id),
    };
    let key = match &operation.key {
        Key::Map(key) => key.clone(),
        Key::Head => "head".to_owned(),
        Key::Element(id) => name(*id),
    };
    let (action, value) = match &operation.action {
        Action::Put(scalar) => ("put", self::scalar(scalar)),
        Action::MakeMap => ("make_map", Value::Null),
        Action::MakeList => ("make_list", Value::Null),
        Action::Delete => ("delete", Value::Null),
        Action::Increment(by) => ("increment", json!(by)),
    };
    let predecessors: Vec<_> = operation.predecessors.iter().map(|id| name(*id)).collect();
    json!({
        "id": name(id),
        "object": object,
        "key": key,
        "insert": operation.insert,
        "action": action,
        "value": value,
        "replaces": predecessors,
    })
}

fn name(id: OperationId) -> String {
    format!("{}@{}", id.counter, id.actor.short())
}

fn scalar(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => json!(value),
        Scalar::Int(value) | Scalar::Counter(value) => json!(value),
        Scalar::Uint(value) => json!(value),
        Scalar::F64(value) => json!(value),
        Scalar::Str(value) => json!(value),
        Scalar::Bytes(value) => json!(hex(value)),
        Scalar::Timestamp(value) => json!(value),
    }
}
