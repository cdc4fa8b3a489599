//! The words of the pages, in both languages.

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

const INDONESIAN: &str = include_str!("../../locales/id.ftl");
const ENGLISH: &str = include_str!("../../locales/en.ftl");

/// A language of the pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Language {
    /// Bahasa Indonesia, the first language.
    Indonesian,
    /// English.
    English,
}

impl Language {
    /// The language that was chosen, or else the one that the browser asks for first, or else the first.
    pub(super) fn choose(chosen: Option<&str>, accepted: Option<&str>) -> Self {
        let first = accepted.and_then(|accepted| accepted.split([',', ';']).next());
        match chosen.or(first) {
            Some(language) if language.trim().to_ascii_lowercase().starts_with("en") => Self::English,
            _ => Self::Indonesian,
        }
    }
}

/// The words of one language.
pub(super) struct Words {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl Words {
    pub(super) fn new(language: Language) -> Self {
        let (id, text) = match language {
            Language::Indonesian => ("id", INDONESIAN),
            Language::English => ("en", ENGLISH),
        };
        let mut bundle =
            FluentBundle::new_concurrent(vec![id.parse::<LanguageIdentifier>().expect("a language")]);
        bundle.set_use_isolating(false);
        let resource = FluentResource::try_new(text.to_owned()).expect("a test reads the words");
        bundle.add_resource(resource).expect("each word stands once");
        Self { language, bundle }
    }

    /// The code of the language.
    pub(super) fn code(&self) -> &'static str {
        match self.language {
            Language::Indonesian => "id",
            Language::English => "en",
        }
    }

    /// A word by its name.
    pub(super) fn get(&self, name: &str) -> String {
        self.format(name, None)
    }

    /// A sentence by its name, with a number in it.
    pub(super) fn count(&self, name: &str, count: impl TryInto<u32>) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set("count", FluentValue::from(count.try_into().unwrap_or(u32::MAX)));
        self.format(name, Some(&arguments))
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

    use super::*;

    #[test]
    fn both_languages_have_the_same_words() {
        let names = |text: &str| -> BTreeSet<String> {
            let line = |line: &str| line.split_once(" =").map(|(name, _)| name.to_owned());
            text.lines().filter(|text| !text.starts_with([' ', '#'])).filter_map(line).collect()
        };
        assert_eq!(names(INDONESIAN), names(ENGLISH));
        for language in [Language::Indonesian, Language::English] {
            let words = Words::new(language);
            for name in names(ENGLISH) {
                assert!(words.bundle.has_message(&name), "{name}");
                assert!(!words.count(&name, 2u32).contains('{'), "{name}");
            }
        }
    }

    #[test]
    fn the_first_language_is_indonesian() {
        assert_eq!(Language::choose(None, None), Language::Indonesian);
        assert_eq!(Language::choose(None, Some("en-GB,en;q=0.9,id;q=0.8")), Language::English);
        assert_eq!(Language::choose(Some("id"), Some("en")), Language::Indonesian);
        assert_eq!(Words::new(Language::Indonesian).count("cases", 3u32), "3 kasus");
    }
}
