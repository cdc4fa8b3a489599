//! A registry as rows of canonical JSON, and the hash that names its contents.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Kind, Row};
use crate::id::{ParseIdError, hex};

/// The longest key of a row.
pub(super) const KEY_BYTES_MAX: usize = 128;
/// The longest row, so that any one fits into a batch.
pub(super) const VALUE_BYTES_MAX: usize = 32 * 1024;

/// A table's contents: the first 16 bytes of BLAKE3 over its kind and all rows in key order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Version(#[cbor(with = "minicbor::bytes")] pub [u8; 16]);

impl TryFrom<&[u8]> for Version {
    type Error = std::array::TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

/// One registry. Keys are unique and ascending; values are canonical JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    kind: Kind,
    rows: BTreeMap<String, String>,
}

/// A row that no difference could carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a row of {kind} has a key of {key_bytes} and {value_bytes} bytes; at most {KEY_BYTES_MAX} and {VALUE_BYTES_MAX} are possible"
)]
pub struct TooLongError {
    /// The registry.
    pub kind: Kind,
    /// Length of the key.
    pub key_bytes: usize,
    /// Length of the row as JSON.
    pub value_bytes: usize,
}

impl Table {
    /// A table without rows.
    pub fn new(kind: Kind) -> Self {
        Self { kind, rows: BTreeMap::new() }
    }

    /// A table of typed rows. Of rows with one key the last stays.
    ///
    /// # Errors
    /// A row is over the limits.
    pub fn of<R: Row>(rows: impl IntoIterator<Item = R>) -> Result<Self, TooLongError> {
        let mut table = Self::new(R::KIND);
        for row in rows {
            table.put(&row)?;
        }
        Ok(table)
    }

    /// A table as [`Table::iter`] gave it to a store.
    pub fn restore(kind: Kind, rows: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { kind, rows: rows.into_iter().collect() }
    }

    /// Sets a typed row in place of the one with its key.
    ///
    /// # Errors
    /// The row is over the limits.
    ///
    /// # Panics
    /// The row is of another kind than the table.
    pub fn put<R: Row>(&mut self, row: &R) -> Result<(), TooLongError> {
        assert_eq!(self.kind, R::KIND, "a row goes into a table of its kind");
        let value = serde_json::to_value(row).expect("rows hold texts, numbers and lists only");
        let (key, value) = (row.key(), canonical(&value));
        if key.len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
            let (key_bytes, value_bytes) = (key.len(), value.len());
            return Err(TooLongError { kind: R::KIND, key_bytes, value_bytes });
        }
        self.rows.insert(key, value);
        Ok(())
    }

    /// Removes a row; whether there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        self.rows.remove(key).is_some()
    }

    /// The registry that this is.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// A row as canonical JSON.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.rows.get(key).map(String::as_str)
    }

    /// All rows, keys ascending.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The hash of the contents. Costs time in proportion to the table.
    pub fn version(&self) -> Version {
        let mut hasher = blake3::Hasher::new_derive_key("keliling registry table 1");
        let mut part = |text: &str| {
            hasher.update(&(text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        };
        part(self.kind.as_str());
        for (key, value) in &self.rows {
            part(key);
            part(value);
        }
        let mut version = [0; 16];
        version.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Version(version)
    }

    pub(super) fn rows_mut(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.rows
    }
}

/// JSON without spaces and with the keys of every object ascending: equal values, equal texts.
pub fn canonical(value: &Value) -> String {
    sorted(value).to_string()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(members) => {
            let ascending: BTreeMap<&String, &Value> = members.iter().collect();
            Value::Object(ascending.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

impl Version {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The first eight hexadecimal digits, for logs.
    pub fn short(&self) -> String {
        hex(&self.0[..4])
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.short())
    }
}

impl FromStr for Version {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 16]>::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(|| ParseIdError {
                text: text.chars().take(64).collect(),
                expected: "a registry version of 32 hexadecimal digits",
            })
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::row::Address;

    #[test]
    fn equal_values_have_equal_texts() {
        let one = json!({"b": [{"y": 1.5, "x": "O'a"}], "a": null});
        let other = json!({"a": null, "b": [{"x": "O'a", "y": 1.5}]});
        assert_eq!(canonical(&one), r#"{"a":null,"b":[{"x":"O'a","y":1.5}]}"#);
        assert_eq!(canonical(&one), canonical(&other));
    }

    #[test]
    fn a_version_is_of_the_kind_and_every_row() {
        let table = |rows: &[(&str, &str)], kind: Kind| {
            Table::restore(kind, rows.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))).version()
        };
        let version = table(&[("a", "1"), ("b", "2")], Kind::Units);
        assert_eq!(version, table(&[("b", "2"), ("a", "1")], Kind::Units));
        assert_eq!(version.to_string().parse(), Ok(version));
        for (rows, kind) in [
            (&[("a", "1"), ("b", "2")][..], Kind::Officers),
            (&[("a", "1")], Kind::Units),
            (&[("a", "2"), ("b", "1")], Kind::Units),
            (&[("a", "1b2")], Kind::Units),
            (&[], Kind::Units),
        ] {
            assert_ne!(version, table(rows, kind), "{rows:?}");
        }
    }

    #[test]
    fn a_row_that_fits_no_batch_is_refused() {
        let address = Address { address: "h".repeat(KEY_BYTES_MAX + 1), order: 0 };
        assert!(Table::of([address]).is_err());
    }
}
