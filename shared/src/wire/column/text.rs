//! Columns of texts.

use super::{ColumnError, Reader, number::numbers, number::put_numbers, put_varint};

/// Their lengths, then their bytes.
const PLAIN: u8 = 0;
/// All are one text: its length, its bytes.
const CONSTANT: u8 = 1;
/// How many different ones, these as a column, then which of them each is.
const TABLE: u8 = 2;
/// A template, then a column of numbers for each of its groups of digits.
const DIGITS: u8 = 3;
/// Lower-case hexadecimal of so many bytes each, then the bytes.
const HEX: u8 = 4;
/// How many words, these as a column; how many each text has; which they are. Words stand one space apart.
const WORDS: u8 = 5;
/// Which are equal to the one before, then a column of the others.
const REPEATS: u8 = 6;

/// Columns within columns: repeats of a table of words, and one to spare.
const DEPTH_MAX: u8 = 4;
/// Fewer texts are written out: a dictionary says more of a name than of the words of a few names.
const WORDS_TEXTS_MIN: usize = 100;
/// Bytes of a template.
const TEMPLATE_BYTES_MAX: usize = 64;
/// Digits of one group, so that every number of so many digits fits 64 bits.
const GROUP_DIGITS_MAX: usize = 6;
/// Fewer bytes are not worth being read as hexadecimal.
const HEX_CHARACTERS_MIN: usize = 12;
/// Bytes that a text costs in memory besides its own.
const TEXT_OVERHEAD_BYTES: usize = 16;

/// Writes texts; how many is for the reader to know.
pub fn put_texts(out: &mut Vec<u8>, texts: &[&str]) {
    put(out, texts, DEPTH_MAX);
}

/// Reads `count` texts.
///
/// # Errors
/// The bytes are not such a column, or hold more text than the reader was given.
pub fn texts(reader: &mut Reader<'_>, count: usize) -> Result<Vec<String>, ColumnError> {
    read(reader, count, DEPTH_MAX)
}

fn put(out: &mut Vec<u8>, texts: &[&str], depth: u8) {
    let Some(first) = texts.first() else { return };
    let repeats = texts.windows(2).filter(|pair| pair[0] == pair[1]).count();
    if repeats + 1 == texts.len() {
        out.push(CONSTANT);
        put_varint(out, first.len() as u64);
        return out.extend_from_slice(first.as_bytes());
    }
    let counts = counted(texts.to_vec());
    // A few texts are written once more where that spares the table's numbers.
    let few = counts.len() * 3 <= texts.len() * 2;
    let deeper = depth.saturating_sub(1);
    if depth > 1 && few && counts.len() * 8 > texts.len() && repeats * 2 > texts.len() - counts.len() {
        put_repeats(out, texts, deeper);
    } else if depth > 1 && few {
        put_table(out, texts, &counts, deeper);
    } else if let Some(template) = Template::of_all(texts) {
        put_digits(out, texts, &template);
    } else if let Some(length) = hex_length(texts) {
        out.push(HEX);
        put_varint(out, length as u64 / 2);
        for text in texts {
            out.extend(data_encoding::HEXLOWER.decode(text.as_bytes()).expect("checked just now"));
        }
    } else if depth > 1 && repeats * 8 > texts.len() {
        put_repeats(out, texts, deeper);
    } else if depth > 1 && has_words(texts) {
        put_words(out, texts, deeper);
    } else {
        out.push(PLAIN);
        put_numbers(out, &texts.iter().map(|text| text.len() as u64).collect::<Vec<_>>());
        texts.iter().for_each(|text| out.extend_from_slice(text.as_bytes()));
    }
}

fn read(reader: &mut Reader<'_>, count: usize, depth: u8) -> Result<Vec<String>, ColumnError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let deeper = depth.checked_sub(1).ok_or(ColumnError::Table)?;
    match reader.byte()? {
        PLAIN => {
            let lengths = numbers(reader, count)?;
            lengths.into_iter().map(|length| plain(reader, length)).collect()
        }
        CONSTANT => {
            let length = reader.varint()?;
            let text = plain(reader, length)?;
            reader.spend((text.len() + TEXT_OVERHEAD_BYTES).saturating_mul(count - 1))?;
            Ok(vec![text; count])
        }
        TABLE => {
            let size = reader.count(count)?;
            let table = read(reader, size, deeper)?;
            numbers(reader, count)?.into_iter().map(|at| copy(reader, entry(&table, at)?)).collect()
        }
        DIGITS => read_digits(reader, count),
        HEX => {
            let bytes = reader.count(TEMPLATE_BYTES_MAX)?;
            (0..count)
                .map(|_| {
                    reader.spend(2 * bytes + TEXT_OVERHEAD_BYTES)?;
                    Ok(data_encoding::HEXLOWER.encode(reader.take(bytes)?))
                })
                .collect()
        }
        WORDS => read_words(reader, count, deeper),
        REPEATS => read_repeats(reader, count, deeper),
        found => Err(ColumnError::Coder { found }),
    }
}

fn plain(reader: &mut Reader<'_>, length: u64) -> Result<String, ColumnError> {
    let length = usize::try_from(length).map_err(|_| ColumnError::Short)?;
    let bytes = reader.take(length)?;
    reader.spend(length + TEXT_OVERHEAD_BYTES)?;
    Ok(std::str::from_utf8(bytes).map_err(|_| ColumnError::Utf8)?.to_owned())
}

fn copy(reader: &mut Reader<'_>, text: &str) -> Result<String, ColumnError> {
    reader.spend(text.len() + TEXT_OVERHEAD_BYTES)?;
    Ok(text.to_owned())
}

fn entry(table: &[String], at: u64) -> Result<&str, ColumnError> {
    let found = usize::try_from(at).ok().and_then(|at| table.get(at));
    found.map(String::as_str).ok_or(ColumnError::Table)
}

/// The different texts in their order, and how often each is there.
fn counted(mut texts: Vec<&str>) -> Vec<(&str, u64)> {
    texts.sort_unstable();
    texts.chunk_by(|one, other| one == other).map(|same| (same[0], same.len() as u64)).collect()
}

/// The different texts, the frequent ones first, and which of them each is.
fn put_table(out: &mut Vec<u8>, texts: &[&str], counts: &[(&str, u64)], depth: u8) {
    out.push(TABLE);
    put_varint(out, counts.len() as u64);
    put_ranked(out, texts, counts, depth);
}

fn put_ranked(out: &mut Vec<u8>, texts: &[&str], counts: &[(&str, u64)], depth: u8) {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(counts[*at].1));
    put(out, &order.iter().map(|at| counts[*at].0).collect::<Vec<_>>(), depth);
    let mut ranks = vec![0; counts.len()];
    for (at, rank) in order.into_iter().zip(0..) {
        ranks[at] = rank;
    }
    let rank = |text: &&str| counts.binary_search_by(|(other, _)| other.cmp(text)).map_or(0, |at| ranks[at]);
    put_numbers(out, &texts.iter().map(rank).collect::<Vec<_>>());
}

fn put_words(out: &mut Vec<u8>, texts: &[&str], depth: u8) {
    let mut words = Vec::with_capacity(4 * texts.len());
    let mut lengths = Vec::with_capacity(texts.len());
    for text in texts {
        let before = words.len();
        words.extend(text.split(' '));
        lengths.push((words.len() - before) as u64);
    }
    let counts = counted(words.clone());
    out.push(WORDS);
    put_varint(out, counts.len() as u64);
    put_numbers(out, &lengths);
    put_ranked(out, &words, &counts, depth);
}

fn read_words(reader: &mut Reader<'_>, count: usize, depth: u8) -> Result<Vec<String>, ColumnError> {
    let size = reader.count(reader.bytes.len())?;
    let lengths = numbers(reader, count)?;
    let table = read(reader, size, depth)?;
    let total = lengths.iter().try_fold(0u64, |total, length| total.checked_add(*length));
    // Each word but the last of a text has a space behind it, so that their number is bounded as text is.
    let total = total.and_then(|total| usize::try_from(total).ok()).ok_or(ColumnError::Texts)?;
    if total > reader.text_bytes_left {
        return Err(ColumnError::Texts);
    }
    let mut words = numbers(reader, total)?.into_iter();
    let mut texts = Vec::with_capacity(count);
    for length in lengths {
        let mut text = String::new();
        for (at, word) in words.by_ref().take(length as usize).enumerate() {
            let word = entry(&table, word)?;
            reader.spend(word.len() + 1)?;
            if at > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
        reader.spend(TEXT_OVERHEAD_BYTES)?;
        texts.push(text);
    }
    Ok(texts)
}

fn put_repeats(out: &mut Vec<u8>, texts: &[&str], depth: u8) {
    out.push(REPEATS);
    let mut flags = vec![0];
    flags.extend(texts.windows(2).map(|pair| u64::from(pair[0] == pair[1])));
    put_numbers(out, &flags);
    let others: Vec<&str> =
        texts.iter().zip(&flags).filter(|(_, flag)| **flag == 0).map(|(text, _)| *text).collect();
    put(out, &others, depth);
}

fn read_repeats(reader: &mut Reader<'_>, count: usize, depth: u8) -> Result<Vec<String>, ColumnError> {
    let flags = numbers(reader, count)?;
    let others = read(reader, flags.iter().filter(|flag| **flag == 0).count(), depth)?;
    let mut others = others.into_iter();
    let mut texts: Vec<String> = Vec::with_capacity(count);
    for flag in flags {
        let text = match (flag, texts.last()) {
            (0, _) => others.next().ok_or(ColumnError::Table)?,
            (_, Some(last)) => copy(reader, last)?,
            (_, None) => return Err(ColumnError::Table),
        };
        texts.push(text);
    }
    Ok(texts)
}

/// Whether most of many texts have several words.
fn has_words(texts: &[&str]) -> bool {
    let several = || texts.iter().filter(|text| text.contains(' ')).count();
    texts.len() >= WORDS_TEXTS_MIN && several() * 2 > texts.len()
}

/// Characters of each of `texts`, where all are lower-case hexadecimal of one length.
fn hex_length(texts: &[&str]) -> Option<usize> {
    let length = texts[0].len();
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let fits = length >= HEX_CHARACTERS_MIN && length.is_multiple_of(2) && length <= 2 * TEMPLATE_BYTES_MAX;
    let all = texts.iter().all(|text| text.len() == length && text.bytes().all(is_hex));
    (fits && all).then_some(length)
}

/// What texts of one form share: `dddd-dd-dd` of dates, with `\0` for each digit.
#[derive(Debug, PartialEq, Eq)]
struct Template(Vec<u8>);

impl Template {
    fn of(text: &str) -> Self {
        Self(text.bytes().map(|byte| if byte.is_ascii_digit() { 0 } else { byte }).collect())
    }

    /// The template that all of `texts` follow, if there is one.
    fn of_all(texts: &[&str]) -> Option<Self> {
        let template = Self::of(texts[0]);
        let fits = template.0.len() <= TEMPLATE_BYTES_MAX
            && template.0.contains(&0)
            // A digit's place is written as no character that a text may hold.
            && texts.iter().all(|text| !text.contains('\0') && Self::of(text) == template);
        fits.then_some(template)
    }

    /// First and last place of each group of digits: a NIK's 6-2-2-2-4, a day's 4-2-2, else four at a time
    /// where more than six stand together.
    fn groups(&self) -> Vec<std::ops::Range<usize>> {
        let mut groups = Vec::new();
        let mut at = 0;
        while at < self.0.len() {
            let digits = self.0[at..].iter().take_while(|byte| **byte == 0).count();
            let parts: &[usize] = match digits {
                0 => {
                    at += 1;
                    continue;
                }
                16 => &[6, 2, 2, 2, 4],
                8 => &[4, 2, 2],
                1..=GROUP_DIGITS_MAX => &[GROUP_DIGITS_MAX],
                _ => &[4],
            };
            let end = at + digits;
            let mut parts = parts.iter().copied().cycle();
            while at < end {
                let next = end.min(at + parts.next().unwrap_or(GROUP_DIGITS_MAX));
                groups.push(at..next);
                at = next;
            }
        }
        groups
    }
}

fn put_digits(out: &mut Vec<u8>, texts: &[&str], template: &Template) {
    out.push(DIGITS);
    put_varint(out, template.0.len() as u64);
    out.extend_from_slice(&template.0);
    for group in template.groups() {
        let value = |text: &&str| {
            let digits = &text.as_bytes()[group.clone()];
            digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
        };
        put_numbers(out, &texts.iter().map(value).collect::<Vec<_>>());
    }
}

fn read_digits(reader: &mut Reader<'_>, count: usize) -> Result<Vec<String>, ColumnError> {
    let length = reader.count(TEMPLATE_BYTES_MAX)?;
    let template = Template(reader.take(length)?.to_vec());
    reader.spend((length + TEXT_OVERHEAD_BYTES).saturating_mul(count))?;
    let mut texts = vec![template.0.clone(); count];
    for group in template.groups() {
        for (text, value) in texts.iter_mut().zip(numbers(reader, count)?) {
            let mut rest = value;
            for digit in text[group.clone()].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            if rest > 0 {
                return Err(ColumnError::Digits);
            }
        }
    }
    texts.into_iter().map(|text| String::from_utf8(text).map_err(|_| ColumnError::Utf8)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT_BYTES: usize = 1 << 20;

    fn check(values: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_texts(&mut bytes, values);
        let mut reader = Reader::new(&bytes, TEXT_BYTES);
        assert_eq!(texts(&mut reader, values.len()).as_deref(), Ok(&*owned(values)));
        assert!(reader.is_empty());
        bytes
    }

    fn owned(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn checked(values: &[String]) -> Vec<u8> {
        check(&values.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn each_sort_of_text_finds_its_coder() {
        let many = |text: &dyn Fn(u32) -> String| (0..100).map(text).collect::<Vec<_>>();
        for (values, coder, bytes_max) in [
            (many(&|_| "53.02".to_owned()), CONSTANT, 8),
            (many(&|n| ["Ibu Tefa", "Pak Sae"][n as usize % 2].to_owned()), TABLE, 150),
            (many(&|n| format!("530201{:02}05{:02}{:04}", n % 60 + 1, n, 9_001 + n * 37 % 997)), DIGITS, 500),
            (many(&|n| format!("{:016x}", u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)), HEX, 802),
            (
                many(&|n| format!("Dusun {} {}", ["Oe", "Ta"][n as usize % 2], "a".repeat(n as usize / 2))),
                WORDS,
                2_000,
            ),
            (many(&|n| format!("Dusun {} RT {:03}", n % 9, n)), DIGITS, 300),
            (many(&|n| format!("{}x", n / 3 * 7)), REPEATS, 400),
            (many(&|n| "a".repeat(n as usize)), PLAIN, 5_100),
        ] {
            let bytes = checked(&values);
            assert_eq!(bytes[0], coder, "{:?}", values[1]);
            assert!(bytes.len() <= bytes_max, "{:?}: {}", values[1], bytes.len());
        }
        assert!(check(&[]).is_empty());
        let few = many(&|n| format!("Dusun {}", "a".repeat(n as usize)));
        assert_eq!(checked(&few[1..])[0], PLAIN, "a dictionary says more of them than their words");
    }

    #[test]
    fn a_number_of_more_digits_than_its_group_is_refused() {
        let mut bytes = check(&["07", "12", "13"]);
        *bytes.last_mut().expect("numbers") = 100;
        assert_eq!(texts(&mut Reader::new(&bytes, TEXT_BYTES), 3), Err(ColumnError::Digits));
    }

    #[test]
    fn no_more_text_is_made_than_allowed() {
        let bytes = check(&["kampung"; 1_000]);
        assert_eq!(texts(&mut Reader::new(&bytes, 1_000), 1_000), Err(ColumnError::Texts));
    }

    proptest! {
        #[test]
        fn texts_are_read_back(
            table in prop::collection::vec("[0-9]{0,4}[a-f0-9 -]{0,6}|[\0-\u{ff}]{0,9}|[0-9a-f]{16}", 1..9),
            picks in prop_oneof![
                9 => prop::collection::vec(any::<prop::sample::Index>(), 0..40),
                1 => prop::collection::vec(any::<prop::sample::Index>(), WORDS_TEXTS_MIN..140),
            ],
        ) {
            let values: Vec<String> = picks.iter().map(|pick| pick.get(&table).clone()).collect();
            let bytes = checked(&values);
            for end in 0..bytes.len() {
                prop_assert!(texts(&mut Reader::new(&bytes[..end], TEXT_BYTES), values.len()).is_err());
            }
        }
    }
}
