//! Columns: many values of one sort, written together so that what they share is written once.
//!
//! A column names its coder by one byte; how many values it has is known from elsewhere, so that a column whose
//! values are all as predicted costs that byte. The coder follows from statistics of one pass, never from
//! trying several. **Invariant:** reading never panics, and never allocates for more values than asked for or
//! more bytes of text than a [`Reader`] was given.

mod number;
mod text;

pub use number::{numbers, put_numbers};
pub use text::{put_texts, texts};

/// Why bytes are no column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// The bytes end before the column does.
    #[error("the bytes end in the midst of a column")]
    Short,
    /// A varint of more than 64 bits.
    #[error("a number in a column has no end")]
    Varint,
    /// A coder that this version does not know.
    #[error("coder {found} of a column is unknown")]
    Coder {
        /// Its number.
        found: u8,
    },
    /// More values than there may be.
    #[error("{found} values of a column where {limit} are allowed")]
    Count {
        /// How many there are.
        found: u64,
        /// How many may be.
        limit: u64,
    },
    /// The texts together are longer than allowed.
    #[error("the texts are longer than allowed together")]
    Texts,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    Utf8,
    /// A value names what is in no table.
    #[error("a value names what is in no table")]
    Table,
    /// A number does not fit the digits that it fills.
    #[error("a number does not fit its digits")]
    Digits,
}

/// Reads what [`put_varint`] and its like wrote, and counts the bytes of text that are made of it.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    text_bytes_left: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes` from which at most `text_bytes` of text are made.
    pub fn new(bytes: &'a [u8], text_bytes: usize) -> Self {
        Self { bytes, text_bytes_left: text_bytes }
    }

    /// Whether everything is read.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Everything that is not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// The next byte.
    ///
    /// # Errors
    /// There is none.
    pub fn byte(&mut self) -> Result<u8, ColumnError> {
        let (first, rest) = self.bytes.split_first().ok_or(ColumnError::Short)?;
        self.bytes = rest;
        Ok(*first)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// There are fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], ColumnError> {
        let (head, rest) = self.bytes.split_at_checked(count).ok_or(ColumnError::Short)?;
        self.bytes = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// There are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ColumnError> {
        let (head, rest) = self.bytes.split_first_chunk().ok_or(ColumnError::Short)?;
        self.bytes = rest;
        Ok(*head)
    }

    /// The next varint: seven bits a byte, lowest first.
    ///
    /// # Errors
    /// There is none.
    pub fn varint(&mut self) -> Result<u64, ColumnError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(ColumnError::Varint);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ColumnError::Varint)
    }

    /// The next varint, which counts something of which there are at most `limit`.
    ///
    /// # Errors
    /// There is none, or it is more.
    pub fn count(&mut self, limit: usize) -> Result<usize, ColumnError> {
        let found = self.varint()?;
        usize::try_from(found)
            .ok()
            .filter(|found| *found <= limit)
            .ok_or(ColumnError::Count { found, limit: limit as u64 })
    }

    /// Counts `bytes` of text that is about to be made.
    ///
    /// # Errors
    /// It is more than this reader was given.
    pub fn spend(&mut self, bytes: usize) -> Result<(), ColumnError> {
        self.text_bytes_left = self.text_bytes_left.checked_sub(bytes).ok_or(ColumnError::Texts)?;
        Ok(())
    }
}

/// Writes a number as seven bits a byte, lowest first: 1 to 10 bytes.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes that [`put_varint`] writes.
pub fn varint_bytes(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// A difference as a number that is small where the difference is small, of either sign.
pub fn zigzag(difference: i64) -> u64 {
    ((difference << 1) ^ (difference >> 63)) as u64
}

/// The difference that [`zigzag`] made a number of.
pub fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn varints_and_zigzag_are_read_back(value: u64, difference: i64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            prop_assert_eq!(bytes.len(), varint_bytes(value));
            prop_assert_eq!(Reader::new(&bytes, 0).varint(), Ok(value));
            prop_assert_eq!(unzigzag(zigzag(difference)), difference);
        }
    }

    #[test]
    fn a_varint_without_end_is_refused() {
        assert_eq!(Reader::new(&[0xff; 11], 0).varint(), Err(ColumnError::Varint));
        assert_eq!(Reader::new(&[0xff; 3], 0).varint(), Err(ColumnError::Short));
        let over = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2];
        assert_eq!(Reader::new(&over, 0).varint(), Err(ColumnError::Varint));
        assert!(matches!(Reader::new(&[9], 0).count(8), Err(ColumnError::Count { found: 9, limit: 8 })));
    }
}
