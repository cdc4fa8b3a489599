//! The words of a page, in both languages.

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use shared::{
    born::{self, Born},
    desk::{because::Because, files},
};
use unic_langid::LanguageIdentifier;

const WHY_INDONESIAN: &str = include_str!("../../../locales/why.id.ftl");
const WHY_ENGLISH: &str = include_str!("../../../locales/why.en.ftl");

const MONTHS_INDONESIAN: [&str; 12] = [
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
];
const MONTHS_ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A language of the pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// Bahasa Indonesia, the first language.
    Indonesian,
    /// English.
    English,
}

impl Language {
    /// The language of a code; the first one where it is none.
    pub fn of(code: Option<&str>) -> Self {
        match code {
            Some("en") => Self::English,
            Some(_) | None => Self::Indonesian,
        }
    }

    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Indonesian => "id",
            Self::English => "en",
        }
    }
}

impl Language {
    /// What its speakers call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Indonesian => "Bahasa Indonesia",
            Self::English => "English",
        }
    }

    fn months(self) -> &'static [&'static str; 12] {
        match self {
            Self::Indonesian => &MONTHS_INDONESIAN,
            Self::English => &MONTHS_ENGLISH,
        }
    }
}

/// The words of one language.
pub struct Words {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").field("language", &self.language).finish_non_exhaustive()
    }
}

impl Words {
    /// Reads the words of `language`, given in Fluent in each of the two.
    ///
    /// # Panics
    /// The text is not Fluent, or holds a word twice; a test of the program reads it.
    pub fn new(language: Language, indonesian: &str, english: &str) -> Self {
        let (id, text) = match language {
            Language::Indonesian => ("id", indonesian),
            Language::English => ("en", english),
        };
        let id: LanguageIdentifier = id.parse().expect("two letters name a language");
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        bundle.set_use_isolating(false);
        let why = match language {
            Language::Indonesian => WHY_INDONESIAN,
            Language::English => WHY_ENGLISH,
        };
        for text in [text, why] {
            let resource = FluentResource::try_new(text.to_owned()).expect("a test reads the words");
            bundle.add_resource(resource).expect("each word stands once");
        }
        Self { language, bundle }
    }

    /// A number with decimals, written with a point, as the language writes it.
    pub fn decimal(&self, number: &str) -> String {
        match self.language {
            Language::Indonesian => number.replace('.', ","),
            Language::English => number.to_owned(),
        }
    }

    /// Bytes as people read them.
    pub fn size(&self, bytes: u64) -> String {
        self.decimal(&files::in_bytes(bytes))
    }

    /// The language.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The code of the language.
    pub fn code(&self) -> &'static str {
        self.language.code()
    }

    /// The other language.
    pub fn other(&self) -> Language {
        match self.language {
            Language::Indonesian => Language::English,
            Language::English => Language::Indonesian,
        }
    }

    /// A word by its name; the name itself where there is none.
    pub fn get(&self, name: &str) -> String {
        self.format(name, None)
    }

    /// The word for one of a kind: of `field` and `name`, the word `field-name`.
    pub fn part(&self, kind: &str, name: &str) -> String {
        self.get(&format!("{kind}-{name}"))
    }

    /// A word by its name, where there is one.
    pub fn find(&self, name: &str) -> Option<String> {
        self.bundle.has_message(name).then(|| self.get(name))
    }

    /// Why something was not done, after the name of the field that it is about.
    pub fn because(&self, because: Because) -> String {
        let why = match because.part {
            Some(part) => self.count(&format!("why-{}", because.code), part),
            None => self.part("why", because.code),
        };
        let field = because.field.and_then(|field| self.find(&format!("field-{field}")));
        field.map_or(why.clone(), |field| format!("{field}: {why}"))
    }

    /// A birth, in any writing, as people read it: `± 1948` where it is a guess, or a year alone.
    pub fn born(&self, text: &str, guess: bool) -> String {
        let about = if born::is_about(text, guess) { "± " } else { "" };
        let known = text.parse::<Born>().map_or_else(|_| text.to_owned(), |born| born.to_string());
        format!("{about}{}", self.day(&known))
    }

    /// A day as people write it, as far as it is known: `5 Januari 2004`, `Januari 2004`, `2004`. A text that is
    /// none comes back as it is.
    pub fn day(&self, text: &str) -> String {
        let mut parts = text.splitn(3, '-');
        let (Some(year), month, day) = (parts.next(), parts.next(), parts.next()) else {
            return text.to_owned();
        };
        let Some(month) = month else { return year.to_owned() };
        let month =
            month.parse::<usize>().ok().and_then(|month| self.language.months().get(month.checked_sub(1)?));
        match (month, day.map(str::parse::<u8>)) {
            (Some(month), None) => format!("{month} {year}"),
            (Some(month), Some(Ok(day))) => format!("{day} {month} {year}"),
            (None, _) | (_, Some(Err(_))) => text.to_owned(),
        }
    }

    /// A moment of RFC 3339 as people of its zone write it: `21 November 2026 · 14.30 WITA`. A text that is none
    /// comes back as it is.
    pub fn moment(&self, text: &str) -> String {
        match (text.split_once('T'), self.time(text)) {
            (Some((day, _)), Some(clock)) => format!("{} · {clock}", self.day(day)),
            (None, _) | (_, None) => text.to_owned(),
        }
    }

    /// The time of day of a moment of RFC 3339 as people of its zone write it: `14.30 WITA`. A text that is none
    /// comes back as it is.
    pub fn clock(&self, text: &str) -> String {
        self.time(text).unwrap_or_else(|| text.to_owned())
    }

    fn time(&self, text: &str) -> Option<String> {
        let (_, clock) = text.split_once('T')?;
        let (hour, minute, zone) = (clock.get(..2)?, clock.get(3..5)?, clock.get(8..)?);
        let zone =
            match zone.trim_start_matches(|character: char| character == '.' || character.is_ascii_digit()) {
                "+07:00" => "WIB",
                "+08:00" => "WITA",
                "+09:00" => "WIT",
                "Z" | "+00:00" => "UTC",
                other => other,
            };
        let point = match self.language {
            Language::Indonesian => '.',
            Language::English => ':',
        };
        Some(format!("{hour}{point}{minute} {zone}"))
    }

    /// A sum of rupiah as people write it: `Rp75.000`, in English `Rp75,000`.
    pub fn rupiah(&self, sum: u64) -> String {
        let digits = sum.to_string();
        let mut text = "Rp".to_owned();
        for (at, digit) in digits.char_indices() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(match self.language {
                    Language::Indonesian => '.',
                    Language::English => ',',
                });
            }
            text.push(digit);
        }
        text
    }

    /// A sentence by its name, with a number in it.
    pub fn count(&self, name: &str, count: u64) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set("count", FluentValue::from(u32::try_from(count).unwrap_or(u32::MAX)));
        self.format(name, Some(&arguments))
    }

    /// How many of how many are shown; nothing where those are all.
    pub fn shown_of(&self, shown: u64, of: u64) -> Option<String> {
        (shown < of).then(|| format!("{} {}", self.count("shown", shown), self.count("shown-of", of)))
    }

    fn format(&self, name: &str, arguments: Option<&FluentArgs<'_>>) -> String {
        let Some(pattern) = self.bundle.get_message(name).and_then(|message| message.value()) else {
            return name.to_owned();
        };
        self.bundle.format_pattern(pattern, arguments, &mut Vec::new()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shared::desk::because::CODES;

    use super::*;
    use crate::host::output::WHY;

    #[test]
    fn every_reason_has_words_in_both_languages() {
        let known: BTreeSet<_> = CODES.iter().chain(&WHY).copied().collect();
        for text in [WHY_INDONESIAN, WHY_ENGLISH] {
            let lines = text.lines().filter_map(|line| line.strip_prefix("why-")?.split_once(" = "));
            let has: BTreeSet<_> =
                lines.filter(|(_, words)| !words.is_empty()).map(|(code, _)| code).collect();
            assert_eq!(has, known);
        }
        let words = Words::new(Language::Indonesian, "field-name = Nama", "");
        let required = Because { field: Some("name"), ..Because::of("required") };
        assert_eq!(words.because(required), "Nama: Tidak boleh kosong.");
        assert_eq!(words.because(Because::of("no-reason")), "Tulis alasannya.");
    }

    #[test]
    fn days_moments_and_sums_are_written_as_people_do() {
        let words = |language| Words::new(language, "", "");
        let (indonesian, english) = (words(Language::Indonesian), words(Language::English));
        for (text, expected) in [
            ("2004-01-05", "5 Januari 2004"),
            ("1948-08", "Agustus 1948"),
            ("1948", "1948"),
            ("", ""),
            ("1948-13", "1948-13"),
            ("1948-00-01", "1948-00-01"),
            ("a-b-c", "a-b-c"),
        ] {
            assert_eq!(indonesian.day(text), expected);
        }
        for (text, expected) in [
            ("2026-11-21T14:30:05+08:00", "21 November 2026 · 14.30 WITA"),
            ("2026-11-21T14:30:05.125+09:00", "21 November 2026 · 14.30 WIT"),
            ("2026-05-01T00:00:00Z", "1 Mei 2026 · 00.00 UTC"),
            ("T", "T"),
            ("2026-11-21Tééééé", "2026-11-21Tééééé"),
        ] {
            assert_eq!(indonesian.moment(text), expected);
        }
        assert_eq!(indonesian.clock("2026-11-21T14:30:05+07:00"), "14.30 WIB");
        assert_eq!(english.moment("2026-05-01T07:05:00-03:30"), "1 May 2026 · 07:05 -03:30");
        for (sum, expected) in [(0, "Rp0"), (999, "Rp999"), (30_000, "Rp30.000"), (1_234_567, "Rp1.234.567")]
        {
            assert_eq!(indonesian.rupiah(sum), expected);
        }
        assert_eq!(english.rupiah(1_234_567), "Rp1,234,567");
    }
}
