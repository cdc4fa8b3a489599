//! Names as people write them: when two writings are one name, and the keys by which one is found.
//!
//! Names are stored as typed, never split into first and last. Comparison forgives case, spaces,
//! apostrophes, titles, doubled letters and the old Indonesian spelling (Dj, Tj, Sj, Nj, Oe; Moh,
//! Muh).

/// Titles that are no part of a name, without dots, in small letters.
const TITLES: [&str; 22] = [
    "alm",
    "almarhum",
    "almarhumah",
    "bapak",
    "bpk",
    "dr",
    "dra",
    "drg",
    "drh",
    "drs",
    "h",
    "haji",
    "hajah",
    "hajjah",
    "hj",
    "ibu",
    "ir",
    "kh",
    "ny",
    "nyonya",
    "prof",
    "tn",
];

/// Degrees, which stand behind a comma.
const DEGREES: [&str; 27] = [
    "amd", "amdkeb", "amdkep", "amk", "mh", "mhum", "mkes", "mkom", "mm", "mpd", "msi", "ners", "sag", "se",
    "sh", "sip", "sked", "skeb", "skep", "skm", "skom", "sp", "spd", "ssi", "ssos", "st", "sth",
];

/// The old letters and what is written now.
const SPELLINGS: [(&str, &str); 5] = [("dj", "j"), ("tj", "c"), ("sj", "sy"), ("nj", "ny"), ("oe", "u")];

/// What begins a writing of Muhammad.
const MUHAMMADS: [&str; 6] = ["mokh", "moch", "moh", "mukh", "much", "muh"];

/// Whether two writings can be of one name.
///
/// Nothing but titles may be missing in one of them: `Yohanis` and `Yohanis Nope` do not agree.
pub fn agree(one: &str, other: &str) -> bool {
    let (one, other) = (joined(one), joined(other));
    !one.is_empty() && one == other
}

/// Whether two writings have a word in common, in any order; J and Y are one letter, as in the spelling before 1972.
pub fn share_a_word(one: &str, other: &str) -> bool {
    let folded = |name: &str| -> Vec<String> {
        words(name).iter().map(|word| full_word(word).replace('y', "j")).collect()
    };
    let other = folded(other);
    folded(one).iter().any(|word| other.contains(word))
}

/// Each word of a name, and as it is written with Y for J or J for Y where it begins so: to look for who may be meant.
pub fn writings(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in words(name) {
        let other = [("j", "y"), ("y", "j")]
            .iter()
            .find_map(|(begins, instead)| word.strip_prefix(begins).map(|rest| format!("{instead}{rest}")));
        found.push(word);
        found.extend(other);
    }
    found
}

/// The words by which a stored name is found, in today's spelling.
pub fn search_key(name: &str) -> String {
    words(name).iter().map(|word| full_word(word)).collect::<Vec<_>>().join(" ")
}

/// The beginnings of words that somebody looks for: each one is the beginning of a word of
/// [`search_key`] of the names meant. Nothing is completed, as the last word may be half typed, and a word
/// that is one letter over and over stays as it is: that letter alone would begin nearly everything.
pub fn query_key(text: &str) -> String {
    let key = |word: &String| {
        let spelt = spelling(word);
        if spelt.chars().nth(1).is_none() { word.clone() } else { spelt }
    };
    words(text).iter().map(key).collect::<Vec<_>>().join(" ")
}

fn joined(name: &str) -> String {
    words(name).iter().map(|word| full_word(word)).collect()
}

/// The words in small letters, without titles, apostrophes and dots.
fn words(name: &str) -> Vec<String> {
    let (before, behind) = name.split_once(',').unwrap_or((name, ""));
    let split = |part: &str| -> Vec<String> {
        part.split(|c: char| c.is_whitespace() || matches!(c, ',' | '-' | '/' | '(' | ')'))
            .map(|word| word.chars().flat_map(char::to_lowercase).filter(|c| is_letter(*c)).collect())
            .filter(|word: &String| !word.is_empty())
            .collect()
    };
    let (before, behind) = (split(before), split(behind));
    let named: Vec<String> = (before.iter().filter(|word| !TITLES.contains(&word.as_str())))
        .chain(
            behind
                .iter()
                .filter(|word| !DEGREES.contains(&word.as_str()) && !TITLES.contains(&word.as_str())),
        )
        .cloned()
        .collect();
    if named.is_empty() { before } else { named }
}

/// Letters and digits; the apostrophes that Unicode counts as letters are none.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && !matches!(c, '\u{2b9}'..='\u{2bf}')
}

/// A word in today's spelling, with a short Muhammad written out.
fn full_word(word: &str) -> String {
    let spelt = spelling(word);
    match spelt.as_str() {
        "muh" | "muhd" | "muhamed" | "muhamet" => "muhamad".to_owned(),
        _ => spelt,
    }
}

fn spelling(word: &str) -> String {
    let begins = MUHAMMADS.iter().find_map(|beginning| word.strip_prefix(beginning));
    let mut spelt = match begins {
        Some(rest) => format!("muh{rest}"),
        None => word.to_owned(),
    };
    for (old, new) in SPELLINGS {
        spelt = spelt.replace(old, new);
    }
    let mut last = None;
    spelt.retain(|c| last.replace(c) != Some(c) || c.is_ascii_digit());
    spelt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writings_of_one_name_agree() {
        for (one, other) in [
            ("Yohanis Nope", "YOHANIS  NOPE"),
            ("Ala'ang", "Alaang"),
            ("O'a Mate", "O’a Mate"),
            ("H. Moh. Saleh", "Muhammad Saleh"),
            ("Mochamad Ali", "Muhamad Ali"),
            ("Soetjipto", "Sucipto"),
            ("Djoko Soekarno", "Joko Sukarno"),
            ("dr. Maria Tahun, S.Ked", "Maria Tahun"),
            ("Drs. Yakob Sila, M.Si", "Yakob Sila"),
            ("Nahak", "nahak"),
            ("Hj. Sitti Aminah", "Siti Aminah"),
        ] {
            assert!(agree(one, other), "{one} / {other}: {} / {}", joined(one), joined(other));
        }
    }

    #[test]
    fn different_names_do_not_agree() {
        for (one, other) in [
            ("Yohanis", "Yohanis Nope"),
            ("Maria Bria", "Marta Bria"),
            ("", ""),
            ("Nahak", ""),
            ("H.", "Hj."),
        ] {
            assert!(!agree(one, other), "{one} / {other}");
        }
    }

    #[test]
    fn names_that_share_a_word_in_any_spelling_may_be_of_one_person() {
        for (one, other) in [
            ("Johanis Nope", "Yohanis Nope"),
            ("Johanis", "Yohanis"),
            ("Nope Yohanis", "Yohanis Nope"),
            ("Johannes Nope", "Yohanis Nope"),
        ] {
            assert!(share_a_word(one, other), "{one} / {other}");
        }
        assert!(!share_a_word("Maria Bria", "Marta Tahun"));
        assert_eq!(writings("Johanis Nope"), ["johanis", "yohanis", "nope"]);
    }

    #[test]
    fn a_half_typed_name_begins_the_key_of_the_whole() {
        for (typed, stored) in [
            ("moh", "Mohammad Saleh"),
            ("Mochamm", "Muhamad Ali"),
            ("soetj", "Sucipto"),
            ("sucip", "Soetjipto"),
            ("ala", "Ala'ang"),
            ("muh", "Moh. Ali"),
            ("muhidin", "Mohidin"),
        ] {
            let (typed, stored) = (query_key(typed), search_key(stored));
            assert!(stored.split(' ').any(|word| word.starts_with(&typed)), "{typed} / {stored}");
        }
    }

    #[test]
    fn a_repeated_letter_stays_repeated() {
        assert_eq!(query_key("zzzz"), "zzzz");
        assert_eq!(query_key("z Annas"), "z anas");
    }

    #[test]
    fn one_word_and_titles_alone_stay_searchable() {
        assert_eq!(search_key("Nahak"), "nahak");
        assert_eq!(search_key("Haji"), "haji");
        assert_eq!(search_key("5302-01"), "5302 01");
    }
}
