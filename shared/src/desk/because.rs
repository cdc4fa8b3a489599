//! Why something was not taken, by codes for which pages have words in their language.

use super::{
    amend::AmendError, files::FileError, people::PeopleError, questions::QuestionError, resolve::ResolveError,
};
use crate::{
    document::{EditError, Field, field::SetError},
    stamp::StampError,
    store::StoreError,
    sync::writing::SaveError,
};

/// Why something was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Because {
    /// One of [`CODES`].
    pub code: &'static str,
    /// The field that it is about, where it is about one.
    pub field: Option<&'static str>,
    /// Which part of a bundle it is about, where it is about one; 0 is the head.
    pub part: Option<u64>,
}

/// Every code, in the order in which they are looked for.
pub const CODES: [&str; 40] = [
    "full",
    "damaged",
    "nothing",
    "no-party",
    "village",
    "state",
    "no-collector",
    "unit",
    "unit-elsewhere",
    "no-reason",
    "no-words",
    "no-question",
    "not-held",
    "undecided",
    "place",
    "required",
    "characters",
    "boolean",
    "digits",
    "order",
    "other-document",
    "position",
    "confirmation",
    "nik",
    "born",
    "sex",
    "time",
    "id",
    "too-long",
    "range",
    "fixed",
    "no-case",
    "doubled",
    "no-attachment",
    "several-attachments",
    "refused",
    "too-large",
    "catalogue",
    "no-slip",
    "newer-slip",
];

/// An error with a code that says why.
pub trait Explained {
    /// Why.
    fn because(&self) -> Because;
}

impl Because {
    /// A reason that is about no field.
    pub fn of(code: &'static str) -> Self {
        Self { code, field: None, part: None }
    }
}

impl Explained for StoreError {
    fn because(&self) -> Because {
        Because::of(match self {
            Self::Full => "full",
            Self::Sqlite(_) | Self::File { .. } | Self::Damaged { .. } => "damaged",
        })
    }
}

impl Explained for AmendError {
    fn because(&self) -> Because {
        match self {
            Self::Store(error) => error.because(),
            Self::Visit(error) => error.because(),
            Self::Set(error) => error.because(),
            Self::Edit(error) => error.because(),
            Self::Save(error) => error.because(),
            Self::Undecided { field } => Because { field: Some(field.as_str()), ..Because::of("undecided") },
            Self::Nothing => Because::of("nothing"),
            Self::NoParty { .. } => Because::of("no-party"),
            Self::Village { .. } => Because::of("village"),
            Self::State(_) => Because::of("state"),
            Self::NoCollector => Because::of("no-collector"),
            Self::Unit { .. } => Because::of("unit"),
            Self::UnitElsewhere { .. } => Because::of("unit-elsewhere"),
            Self::NoReason => Because::of("no-reason"),
        }
    }
}

impl Explained for SetError {
    fn because(&self) -> Because {
        let (code, field) = match self {
            Self::Edit(error) => return error.because(),
            Self::Kind { field } => ("place", Some(field)),
            Self::Required { field } => ("required", Some(field)),
            Self::Control { field } | Self::Direction { field } => ("characters", Some(field)),
            Self::Boolean { field } => ("boolean", Some(field)),
            Self::Digits { field } => ("digits", Some(field)),
            Self::Order { field } => ("order", Some(field)),
            Self::Document { field, .. } => ("other-document", Some(field)),
            Self::Event => ("place", None),
            Self::Position | Self::OutOfRange(_) => ("position", None),
            Self::Confirmation(_) => ("confirmation", None),
            Self::Nik(_) => ("nik", None),
            Self::Born(_) => ("born", None),
            Self::Sex(_) => ("sex", None),
            Self::Time(_) => ("time", None),
            Self::Id(_) => ("id", None),
        };
        Because { field: field.map(|field| field.as_str()), ..Because::of(code) }
    }
}

impl Explained for EditError {
    fn because(&self) -> Because {
        let (code, key) = match self {
            Self::TooLong { key, .. } => ("too-long", Some(key)),
            Self::Range { key } => ("range", Some(key)),
            Self::Fixed { key } | Self::Standing { key } => ("fixed", Some(key)),
            Self::NoPlace { .. } | Self::Shape { .. } | Self::NoContainer { .. } => ("place", None),
        };
        let field = key.and_then(|key| Field::ALL.iter().find(|field| field.key() == key));
        Because { field: field.map(|field| field.as_str()), ..Because::of(code) }
    }
}

impl Explained for SaveError {
    fn because(&self) -> Because {
        match self {
            Self::Store(error) => error.because(),
            Self::Open(_) | Self::Commit(_) => Because::of("damaged"),
            Self::Refused(_) => Because::of("refused"),
            Self::TooLarge { .. } => Because::of("too-large"),
            Self::Waits => Because::of("catalogue"),
        }
    }
}

impl Explained for ResolveError {
    fn because(&self) -> Because {
        match self {
            Self::Store(error) => error.because(),
            Self::Form { .. } | Self::Kind { .. } | Self::Unknown { .. } => Because::of("no-case"),
            Self::Doubled { .. } => Because::of("doubled"),
        }
    }
}

impl Explained for FileError {
    fn because(&self) -> Because {
        match self {
            Self::Store(error) => error.because(),
            Self::Edit(error) => error.because(),
            Self::Save(error) => error.because(),
            Self::Unknown { .. } => Because::of("no-attachment"),
            Self::Doubled { .. } => Because::of("several-attachments"),
            Self::NoReason => Because::of("no-reason"),
            Self::Characters => Because::of("characters"),
        }
    }
}

impl Explained for QuestionError {
    fn because(&self) -> Because {
        match self {
            Self::Store(error) => error.because(),
            Self::Officer(error) => error.because(),
            Self::Edit(error) => error.because(),
            Self::Save(error) => error.because(),
            Self::NoWords => Because::of("no-words"),
            Self::Characters => Because::of("characters"),
            Self::NoQuestion => Because::of("no-question"),
        }
    }
}

impl Explained for PeopleError {
    fn because(&self) -> Because {
        match self {
            Self::Store(error) => error.because(),
            Self::Edit(error) => error.because(),
            Self::Save(error) => error.because(),
            Self::One | Self::Unknown(_) => Because::of("other-document"),
        }
    }
}

impl Explained for StampError {
    fn because(&self) -> Because {
        Because::of(match self {
            Self::Version { .. } => "newer-slip",
            Self::Prefix | Self::Length { .. } | Self::Character { .. } | Self::Check | Self::Content => {
                "no-slip"
            }
        })
    }
}
