//! Columns of numbers.

use super::{ColumnError, Reader, put_varint, varint_bytes};

/// All are 0.
const ZERO: u8 = 0;
/// All are one number, which follows.
const CONSTANT: u8 = 1;
/// A varint each.
const VARINTS: u8 = 2;
/// Least number, step, then multiples of the step above the least: all their lowest bytes, then all their
/// second bytes, and on; the coder is this one plus how many bytes there are, 1 to 8.
const PLANES: u8 = 2;
/// Least number, step, width in bits, then multiples of the step above the least, lowest bit first.
const BITS: u8 = 11;

/// Fewer numbers than this do not show how they are spread.
const SPREAD_COUNT_MIN: usize = 16;

/// Writes numbers; how many is for the reader to know.
pub fn put_numbers(out: &mut Vec<u8>, numbers: &[u64]) {
    let (Some(min), Some(max)) = (numbers.iter().min().copied(), numbers.iter().max().copied()) else {
        return;
    };
    if max == 0 {
        return out.push(ZERO);
    }
    if min == max {
        out.push(CONSTANT);
        return put_varint(out, min);
    }
    let varints: usize = numbers.iter().map(|number| varint_bytes(*number)).sum();
    let step = numbers.iter().fold(0, |step, number| gcd(step, number - min));
    let range = (max - min) / step;
    let bits = u64::BITS - range.leading_zeros();
    let width = bits.div_ceil(8) as usize;
    let head = varint_bytes(min) + varint_bytes(step);
    let packed = (numbers.len() * bits as usize).div_ceil(8) + 1;
    let multiples = || numbers.iter().map(|number| (number - min) / step);
    if bits % 8 != 0 && packed < varints && is_even(multiples(), numbers.len(), range) {
        put_frame(out, BITS, min, step);
        out.push(bits as u8);
        put_bits(out, multiples(), bits);
    } else if varints <= head + width * numbers.len() {
        out.push(VARINTS);
        numbers.iter().for_each(|number| put_varint(out, *number));
    } else {
        put_frame(out, PLANES + width as u8, min, step);
        for plane in 0..width {
            out.extend(multiples().map(|number| (number >> (8 * plane)) as u8));
        }
    }
}

/// Reads `count` numbers.
///
/// # Errors
/// The bytes are not such a column.
pub fn numbers(reader: &mut Reader<'_>, count: usize) -> Result<Vec<u64>, ColumnError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    match reader.byte()? {
        ZERO => Ok(vec![0; count]),
        CONSTANT => Ok(vec![reader.varint()?; count]),
        VARINTS => {
            if reader.bytes.len() < count {
                return Err(ColumnError::Short);
            }
            (0..count).map(|_| reader.varint()).collect()
        }
        BITS => {
            let (min, step) = (reader.varint()?, reader.varint()?);
            let bits = u32::from(reader.byte()?);
            bit_packed(reader, count, bits)?.into_iter().map(|number| above(min, step, number)).collect()
        }
        coder @ 3..=10 => {
            let (min, step) = (reader.varint()?, reader.varint()?);
            let planes = reader.take(count.saturating_mul(usize::from(coder - PLANES)))?;
            let mut numbers = vec![0u64; count];
            for (plane, bytes) in planes.chunks_exact(count).enumerate() {
                for (number, byte) in numbers.iter_mut().zip(bytes) {
                    *number |= u64::from(*byte) << (8 * plane);
                }
            }
            numbers.into_iter().map(|number| above(min, step, number)).collect()
        }
        found => Err(ColumnError::Coder { found }),
    }
}

fn put_frame(out: &mut Vec<u8>, coder: u8, min: u64, step: u64) {
    out.push(coder);
    put_varint(out, min);
    put_varint(out, step);
}

fn above(min: u64, step: u64, number: u64) -> Result<u64, ColumnError> {
    number.checked_mul(step).and_then(|number| number.checked_add(min)).ok_or(ColumnError::Varint)
}

/// Whether numbers from 0 to `range` are spread so evenly that nothing but their range can be saved: each
/// quarter of the range holds its share, or nearly.
fn is_even(numbers: impl Iterator<Item = u64>, count: usize, range: u64) -> bool {
    if count < SPREAD_COUNT_MIN || range < 4 {
        return false;
    }
    let mut quarters = [0usize; 4];
    for number in numbers {
        quarters[(u128::from(number) * 4 / (u128::from(range) + 1)) as usize] += 1;
    }
    quarters.iter().all(|share| share * 7 >= count)
}

fn put_bits(out: &mut Vec<u8>, numbers: impl Iterator<Item = u64>, bits: u32) {
    let (mut open, mut filled) = (0u128, 0);
    for number in numbers {
        open |= u128::from(number) << filled;
        filled += bits;
        while filled >= 8 {
            out.push(open as u8);
            open >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(open as u8);
    }
}

fn bit_packed(reader: &mut Reader<'_>, count: usize, bits: u32) -> Result<Vec<u64>, ColumnError> {
    if bits == 0 || bits > u64::BITS {
        return Err(ColumnError::Digits);
    }
    let bytes = reader.take(count.saturating_mul(bits as usize).div_ceil(8))?;
    let mut bytes = bytes.iter();
    let (mut open, mut filled) = (0u128, 0);
    let mask = u64::MAX >> (u64::BITS - bits);
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        while filled < bits {
            open |= u128::from(bytes.next().copied().unwrap_or(0)) << filled;
            filled += 8;
        }
        numbers.push(open as u64 & mask);
        open >>= bits;
        filled -= bits;
    }
    Ok(numbers)
}

fn gcd(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(values: &[u64]) -> usize {
        let mut bytes = Vec::new();
        put_numbers(&mut bytes, values);
        let mut reader = Reader::new(&bytes, 0);
        assert_eq!(numbers(&mut reader, values.len()).as_deref(), Ok(values));
        assert!(reader.is_empty());
        for end in 0..bytes.len() {
            assert!(numbers(&mut Reader::new(&bytes[..end], 0), values.len()).is_err());
        }
        bytes.len()
    }

    #[test]
    fn what_is_equal_costs_nothing_and_what_is_even_costs_its_bits() {
        assert_eq!(check(&[]), 0);
        assert_eq!(check(&[0; 4_000]), 1);
        assert_eq!(check(&[7; 4_000]), 2);
        let serials: Vec<u64> = (0..1_000).map(|n| 9_001 + n * 619 % 999).collect();
        assert!(check(&serials) <= 1_000 * 10 / 8 + 6);
        let positions: Vec<u64> = (0..1_000).map(|n| 124_280_000 + 10 * (n * 619 % 601)).collect();
        assert!(check(&positions) <= 1_000 * 10 / 8 + 9);
        assert!(check(&[0, u64::MAX, 1, u64::MAX - 1]) <= 36);
    }

    #[test]
    fn a_count_beyond_the_bytes_allocates_nothing() {
        for coder in 0..=255 {
            let bytes = [coder, 1, 1, 1, 1];
            let mut reader = Reader::new(&bytes, 0);
            if let Ok(read) = numbers(&mut reader, 1_000_000) {
                assert!(coder <= CONSTANT && read.len() == 1_000_000);
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_are_read_back(
            values in prop::collection::vec(any::<u64>(), 0..40),
            shift in 0..64u32,
            step in 1..1_000u64,
        ) {
            check(&values.iter().map(|value| (value >> shift).wrapping_mul(step)).collect::<Vec<_>>());
        }
    }
}
