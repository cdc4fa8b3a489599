//! The words of a page, in both languages.

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

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
        let resource = FluentResource::try_new(text.to_owned()).expect("a test reads the words");
        bundle.add_resource(resource).expect("each word stands once");
        Self { language, bundle }
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

    /// A sentence by its name, with a number in it.
    pub fn count(&self, name: &str, count: u64) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set("count", FluentValue::from(u32::try_from(count).unwrap_or(u32::MAX)));
        self.format(name, Some(&arguments))
    }

    fn format(&self, name: &str, arguments: Option<&FluentArgs<'_>>) -> String {
        let Some(pattern) = self.bundle.get_message(name).and_then(|message| message.value()) else {
            return name.to_owned();
        };
        self.bundle.format_pattern(pattern, arguments, &mut Vec::new()).into_owned()
    }
}
