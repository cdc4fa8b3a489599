//! What leads from one version of a table to the next.

use minicbor::{Decode, Decoder, Encode, decode::Error};

use super::{
    Kind, Table, Version,
    table::{KEY_BYTES_MAX, VALUE_BYTES_MAX},
};

/// Rows that one difference may name.
pub const DIFFERENCE_ROWS_MAX: usize = 1 << 16;

/// Rows set and removed between two versions of one table. Keys ascend in both lists and none is in
/// both.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Difference {
    /// The registry.
    #[n(0)]
    pub kind: Kind,
    /// The version that it starts from.
    #[n(1)]
    pub from: Version,
    /// The version that it leads to.
    #[n(2)]
    pub to: Version,
    /// Keys with their new rows as canonical JSON.
    #[cbor(n(3), decode_with = "decode_upserts")]
    pub upserts: Vec<(String, String)>,
    /// Keys of rows that are gone.
    #[cbor(n(4), decode_with = "decode_removals")]
    pub removals: Vec<String>,
}

/// Why a difference was not applied; the table is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// It is of another registry.
    #[error("the difference is of {found}, the table of {expected}")]
    OtherKind {
        /// The difference's kind.
        found: Kind,
        /// The table's kind.
        expected: Kind,
    },
    /// It starts elsewhere.
    #[error("the difference starts from version {expected}, the table is at {found}")]
    OtherBase {
        /// The table's version.
        found: Version,
        /// The version that the difference starts from.
        expected: Version,
    },
    /// Its rows do not lead to the version that it names.
    #[error("the difference leads to version {found} and promises {expected}")]
    OtherResult {
        /// The version that its rows lead to.
        found: Version,
        /// The version that it promises.
        expected: Version,
    },
}

/// The rows that turn `from` into `to`.
///
/// # Panics
/// The tables are of two kinds.
pub fn diff(from: &Table, to: &Table) -> Difference {
    assert_eq!(from.kind(), to.kind(), "a difference is between versions of one registry");
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    Difference {
        kind: to.kind().clone(),
        from: from.version(),
        to: to.version(),
        upserts: to.iter().filter(|(key, value)| from.get(key) != Some(value)).map(owned).collect(),
        removals: from
            .iter()
            .map(|(key, _)| key)
            .filter(|key| to.get(key).is_none())
            .map(str::to_owned)
            .collect(),
    }
}

impl Table {
    /// The table after `difference`.
    ///
    /// # Errors
    /// The difference is of another registry, starts from another version, or does not lead where
    /// it says.
    pub fn apply(&self, difference: &Difference) -> Result<Self, ApplyError> {
        if self.kind() != &difference.kind {
            let (found, expected) = (difference.kind.clone(), self.kind().clone());
            return Err(ApplyError::OtherKind { found, expected });
        }
        let base = self.version();
        if base != difference.from {
            return Err(ApplyError::OtherBase { found: base, expected: difference.from });
        }
        let after = self.after(&difference.upserts, &difference.removals);
        let found = after.version();
        if found != difference.to {
            return Err(ApplyError::OtherResult { found, expected: difference.to });
        }
        Ok(after)
    }

    fn after(&self, upserts: &[(String, String)], removals: &[String]) -> Self {
        let mut after = self.clone();
        let rows = after.rows_mut();
        for key in removals {
            rows.remove(key);
        }
        rows.extend(upserts.iter().cloned());
        after
    }
}

impl Difference {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.removals.is_empty()
    }

    /// Cuts it into differences of at most about `bytes_max` bytes each, which lead from version to
    /// version; one row alone may be longer. The versions between are of no table that the hub
    /// signed: only the last one is to be used.
    ///
    /// # Errors
    /// It does not apply to `base`.
    pub fn split(&self, base: &Table, bytes_max: usize) -> Result<Vec<Self>, ApplyError> {
        base.apply(self)?;
        let mut pieces = vec![];
        let mut table = base.clone();
        let mut piece = Piece::default();
        let removals = self.removals.iter().map(|key| (key, None));
        for (key, value) in removals.chain(self.upserts.iter().map(|(key, value)| (key, Some(value)))) {
            let bytes = key.len() + value.map_or(0, String::len) + 2 * LENGTH_BYTES_MAX;
            if piece.rows > 0 && (piece.bytes + bytes > bytes_max || piece.rows >= DIFFERENCE_ROWS_MAX) {
                pieces.push(piece.close(&mut table));
            }
            piece.bytes += bytes;
            piece.rows += 1;
            match value {
                Some(value) => piece.upserts.push((key.clone(), value.clone())),
                None => piece.removals.push(key.clone()),
            }
        }
        if piece.rows > 0 {
            pieces.push(piece.close(&mut table));
        }
        Ok(pieces)
    }
}

/// Bytes that CBOR spends on the length of a key or row.
const LENGTH_BYTES_MAX: usize = 3;

#[derive(Default)]
struct Piece {
    upserts: Vec<(String, String)>,
    removals: Vec<String>,
    bytes: usize,
    rows: usize,
}

impl Piece {
    /// Turns what was gathered into a difference from `table`, and moves `table` on.
    fn close(&mut self, table: &mut Table) -> Difference {
        let Self { upserts, removals, .. } = std::mem::take(self);
        let from = table.version();
        *table = table.after(&upserts, &removals);
        Difference { kind: table.kind().clone(), from, to: table.version(), upserts, removals }
    }
}

fn decode_upserts<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Vec<(String, String)>, Error> {
    let rows = rows(d)?;
    let mut upserts: Vec<(String, String)> = vec![];
    for _ in 0..rows {
        if d.array()? != Some(2) {
            return Err(Error::message("a row is not a key and a value"));
        }
        let key = key(d, upserts.last().map(|(last, _)| last.as_str()))?;
        let value = d.str()?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(Error::message("a row is too long"));
        }
        upserts.push((key, value.to_owned()));
    }
    Ok(upserts)
}

fn decode_removals<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Vec<String>, Error> {
    let rows = rows(d)?;
    let mut removals: Vec<String> = vec![];
    for _ in 0..rows {
        let key = key(d, removals.last().map(String::as_str))?;
        removals.push(key);
    }
    Ok(removals)
}

fn rows(d: &mut Decoder<'_>) -> Result<u64, Error> {
    match d.array()? {
        Some(rows) if rows <= DIFFERENCE_ROWS_MAX as u64 => Ok(rows),
        Some(_) => Err(Error::message("a difference names too many rows")),
        None => Err(Error::message("a list of rows is of indefinite length")),
    }
}

fn key(d: &mut Decoder<'_>, last: Option<&str>) -> Result<String, Error> {
    let key = d.str()?;
    if key.len() > KEY_BYTES_MAX {
        return Err(Error::message("a row's key is too long"));
    }
    if last.is_some_and(|last| last >= key) {
        return Err(Error::message("keys do not ascend"));
    }
    Ok(key.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn table(rows: &BTreeMap<String, String>) -> Table {
        Table::restore(Kind::Units, rows.clone())
    }

    fn of(rows: &[(&str, &str)]) -> Table {
        Table::restore(Kind::Units, rows.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn only_what_differs_travels() {
        let (from, to) =
            (of(&[("a", "1"), ("b", "2"), ("c", "3")]), of(&[("a", "1"), ("b", "4"), ("d", "5")]));
        let difference = diff(&from, &to);
        assert_eq!(difference.upserts, [("b".into(), "4".into()), ("d".into(), "5".into())]);
        assert_eq!(difference.removals, ["c"]);
        assert_eq!(from.apply(&difference), Ok(to.clone()));
        assert!(diff(&to, &to).is_empty());
    }

    #[test]
    fn only_the_promised_result_is_taken() {
        let (from, to) = (of(&[("a", "1")]), of(&[("a", "2")]));
        let difference = diff(&from, &to);
        assert!(matches!(to.apply(&difference), Err(ApplyError::OtherBase { .. })));
        let forged = Difference { upserts: vec![("a".into(), "3".into())], ..difference.clone() };
        assert!(matches!(from.apply(&forged), Err(ApplyError::OtherResult { .. })));
        let renamed = Difference { kind: Kind::Officers, ..difference };
        assert!(matches!(from.apply(&renamed), Err(ApplyError::OtherKind { .. })));
    }

    #[test]
    fn what_is_over_a_limit_is_not_decoded() {
        let sound = diff(&of(&[("a", "1")]), &of(&[("b", "1"), ("c", "1")]));
        let decodes = |difference: &Difference| {
            minicbor::decode::<Difference>(&minicbor::to_vec(difference).expect("encodes")).is_ok()
        };
        assert!(decodes(&sound));
        let row = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
        for upserts in [
            row(&"k".repeat(KEY_BYTES_MAX + 1), "1"),
            row("k", &"v".repeat(VALUE_BYTES_MAX + 1)),
            [row("b", "1"), row("a", "1")].concat(),
            [row("b", "1"), row("b", "2")].concat(),
        ] {
            assert!(!decodes(&Difference { upserts, ..sound.clone() }));
        }
        let removals = vec!["b".to_owned(), "a".to_owned()];
        assert!(!decodes(&Difference { removals, ..sound }));
    }

    fn rows() -> impl Strategy<Value = BTreeMap<String, String>> {
        prop::collection::btree_map("[a-d]{1,2}", "[0-9]{0,30}", 0..20)
    }

    proptest! {
        #[test]
        fn a_difference_leads_there_whole_and_in_pieces(from in rows(), to in rows(), bytes_max in 1usize..200) {
            let (from, to) = (table(&from), table(&to));
            let difference = diff(&from, &to);
            let bytes = minicbor::to_vec(&difference).expect("encodes");
            prop_assert_eq!(&minicbor::decode::<Difference>(&bytes).expect("decodes"), &difference);
            prop_assert_eq!(&from.apply(&difference).expect("applies"), &to);
            let mut table = from.clone();
            for piece in difference.split(&from, bytes_max).expect("applies") {
                table = table.apply(&piece).expect("applies");
            }
            prop_assert_eq!(table, to);
        }

        #[test]
        fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let decoded = minicbor::decode::<Difference>(&bytes);
            prop_assert!(decoded.is_err() || decoded.is_ok());
        }

        #[test]
        fn a_flipped_bit_never_panics_or_passes(at in 0usize..10_000, bit in 0u8..8) {
            let (from, to) = (of(&[("a", "1"), ("b", "2")]), of(&[("a", "1"), ("c", "3")]));
            let mut bytes = minicbor::to_vec(diff(&from, &to)).expect("encodes");
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(Ok(after)) = minicbor::decode::<Difference>(&bytes).map(|d| from.apply(&d)) {
                prop_assert_eq!(after, to);
            }
        }
    }
}
