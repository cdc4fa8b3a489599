//! Schema 1: the keys that each kind of document may hold, their values and how they may change.
//!
//! The tables are the only list of keys. The gate judges every operation by them; readers and
//! editors use the named keys. **Invariants:** a key's meaning never changes, new keys are
//! additive; every container of the root is made by the first change and never replaced, because
//! two replicas that each make one would hide one another's content.

use crate::{id::Kind, survey::ELEMENTS};

/// Bytes of a person's name.
pub const NAME_BYTES_MAX: usize = 200;
/// Bytes of a one-line text.
pub const TEXT_BYTES_MAX: usize = 500;
/// Bytes of notes.
pub const NOTES_BYTES_MAX: usize = 4_000;
/// Bytes of a code, date, identifier or number.
pub const CODE_BYTES_MAX: usize = 64;
/// Bytes of the requirement text that names a tick.
pub const REQUIREMENT_BYTES_MAX: usize = 200;
/// Bytes of the key of a status event.
pub const EVENT_KEY_BYTES_MAX: usize = 16;
/// Elements ever inserted into the list of witnesses by one change.
pub const WITNESSES_MAX: usize = 20;
/// The farthest offset from UTC, in minutes.
pub const OFFSET_MINUTES_MAX: i64 = 18 * 60;
/// Bytes of an attachment.
pub const ATTACHMENT_BYTES_MAX: i64 = 20_000_000;

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A text that is replaced as a whole.
    Text {
        /// Its longest form in UTF-8.
        bytes_max: usize,
    },
    /// A signed number.
    Int {
        /// The lowest.
        min: i64,
        /// The highest.
        max: i64,
    },
    /// A moment.
    Timestamp,
    /// Yes or no.
    Boolean,
    /// A map.
    Map(&'static MapShape),
    /// A list.
    List(&'static ListShape),
}

/// How a key may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// Any number of times; it may be deleted.
    Free,
    /// Only by a change without parents, the one that makes the document; never overwritten.
    FirstChange,
    /// As [`Writes::FirstChange`], but a document may do without: one that was made before there was such a place, or
    /// that needs none.
    FirstChangeIfAny,
    /// Never with a predecessor: what stands there stays.
    GrowOnly,
}

impl Writes {
    /// Whether only the change that makes the document writes there.
    pub fn is_by_first_change(self) -> bool {
        matches!(self, Self::FirstChange | Self::FirstChangeIfAny)
    }
}

/// One key of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What it holds.
    pub shape: Shape,
    /// How it may be written.
    pub writes: Writes,
    /// Whether the hub alone may write it.
    pub hub_only: bool,
}

/// The keys of a map.
#[derive(Debug, PartialEq, Eq)]
pub struct MapShape {
    /// Which keys.
    pub keys: Keys,
    /// Whether only the change that made the map writes in it.
    pub whole: bool,
}

/// Which keys a map has.
#[derive(Debug, PartialEq, Eq)]
pub enum Keys {
    /// These.
    Fixed(&'static [(&'static str, Entry)]),
    /// Any text, all with one shape.
    Any {
        /// The longest key in UTF-8; the shortest has one byte.
        key_bytes_max: usize,
        /// What each holds.
        entry: Entry,
    },
}

/// The elements of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct ListShape {
    /// What each holds.
    pub element: Entry,
    /// Elements that one change may insert.
    pub inserts_max: usize,
}

impl MapShape {
    /// What may stand at `key`, or `None` where this schema has no such key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.keys {
            Keys::Fixed(entries) => entries.iter().find(|(name, _)| *name == key).map(|(_, entry)| entry),
            Keys::Any { key_bytes_max, entry } => (1..=*key_bytes_max).contains(&key.len()).then_some(entry),
        }
    }
}

/// The root map of a kind of document.
pub fn root(kind: Kind) -> &'static MapShape {
    match kind {
        Kind::Case => &CASE,
        Kind::Person => &PERSON,
        Kind::Visit => &VISIT,
    }
}

/// What may stand at `path`, from the root through maps, or `None` where this schema has no such
/// place. The elements of a list have its [`ListShape::element`].
pub fn rule(kind: Kind, path: &[&str]) -> Option<&'static Entry> {
    rule_in(kind, path).map(|(_, entry)| entry)
}

/// As [`rule`], with the map that holds the last key.
pub fn rule_in(kind: Kind, path: &[&str]) -> Option<(&'static MapShape, &'static Entry)> {
    let (last, maps) = path.split_last()?;
    let mut map = root(kind);
    for key in maps {
        let Shape::Map(inner) = map.entry(key)?.shape else { return None };
        map = inner;
    }
    Some((map, map.entry(last)?))
}

/// The names of keys, so that a misspelt one does not compile.
pub mod key {
    #![expect(missing_docs, reason = "each name is its own text; the tables below say what it holds")]
    macro_rules! keys { ($($name:ident = $text:literal),* $(,)?) => { $(pub const $name: &str = $text;)* } }
    keys! {
        ADDRESS = "address", AGENCIES = "agencies", AGENCY = "agency", ALARM = "alarm", ANSWER = "answer", APPLICANT = "applicant", AT = "at",
        ATTACHMENTS = "attachments", BLANK = "blank", BIRTH_ORDER = "birth_order", BLANKS = "blanks", BORN = "born", BORN_ESTIMATED = "born_estimated",
        CATALOGUE = "catalogue", CHANNEL = "channel", CLOSED = "closed", COLLECTED_BY = "collected_by",
        COLLECTED_HOW = "collected_how", COLLECTOR = "collector",
        COMPANION = "companion", CONFIRM = "confirm", CONFIRMED = "confirmed", CONSENT = "consent",
        CONSENT_TEXT = "consent_text", CORRECTED_BY = "corrected_by", DATE = "date", DISTRICT = "district",
        ENCOUNTER = "encounter", ENDED = "ended", FATHER = "father", FROM = "from", ID = "id", KIND = "kind", KK = "kk", LABEL = "label",
        LATITUDE = "latitude", LEAD = "lead", LONGITUDE = "longitude", MOTHER = "mother", NAME = "name",
        NIK = "nik", NOT_SAME = "not_same", NOTES = "notes", OFFICER = "officer", OFFSET = "offset",
        OPENED = "opened", PHONE = "phone", POINT = "point", PRIORITY = "priority", QUESTION = "question", REASON = "reason",
        REASONS = "reasons", REF = "ref", REFERENCE = "reference", SAME_AS = "same_as", SERVICE = "service",
        SEX = "sex", SHEET = "sheet", SIZE = "size", SLIP = "slip", STARTED = "started", STATE = "state", STATUS = "status",
        SUBJECT = "subject", SURVEY = "survey", THUMBNAIL = "thumbnail", TICKS = "ticks", TO = "to", TYPE = "type", UNIT = "unit", VILLAGE = "village", VISIT = "visit",
        WARNINGS = "warnings", WITH = "with", WITNESSES = "witnesses",
    }
}

const fn free(shape: Shape) -> Entry {
    Entry { shape, writes: Writes::Free, hub_only: false }
}

const fn first(shape: Shape) -> Entry {
    Entry { shape, writes: Writes::FirstChange, hub_only: false }
}

const fn first_if_any(shape: Shape) -> Entry {
    Entry { shape, writes: Writes::FirstChangeIfAny, hub_only: false }
}

const fn grow(shape: Shape) -> Entry {
    Entry { shape, writes: Writes::GrowOnly, hub_only: false }
}

const CODE: Shape = Shape::Text { bytes_max: CODE_BYTES_MAX };
const NAME: Shape = Shape::Text { bytes_max: NAME_BYTES_MAX };
const TEXT: Shape = Shape::Text { bytes_max: TEXT_BYTES_MAX };
const NOTES: Shape = Shape::Text { bytes_max: NOTES_BYTES_MAX };
const NUMBER: Shape = Shape::Int { min: 0, max: (1 << 48) - 1 };
const OFFSET: Shape = Shape::Int { min: -OFFSET_MINUTES_MAX, max: OFFSET_MINUTES_MAX };
const LATITUDE: Shape = Shape::Int { min: -90_000_000, max: 90_000_000 };
const LONGITUDE: Shape = Shape::Int { min: -180_000_000, max: 180_000_000 };

static CASE: MapShape = MapShape {
    whole: false,
    keys: Keys::Fixed(&[
        (key::SERVICE, first(CODE)),
        (key::CATALOGUE, first(CODE)),
        (key::SLIP, first(CODE)),
        (key::UNIT, first(CODE)),
        (key::DISTRICT, first(CODE)),
        (key::VILLAGE, free(CODE)),
        (key::APPLICANT, free(CODE)),
        (key::SUBJECT, free(CODE)),
        (key::COLLECTOR, free(CODE)),
        (key::VISIT, free(CODE)),
        (key::ENCOUNTER, free(CODE)),
        (key::STARTED, free(Shape::Timestamp)),
        (key::ENDED, free(Shape::Timestamp)),
        (key::OFFSET, free(OFFSET)),
        (key::OFFICER, free(NAME)),
        (key::LATITUDE, free(LATITUDE)),
        (key::LONGITUDE, free(LONGITUDE)),
        (key::CONSENT, free(Shape::Boolean)),
        (key::CONSENT_TEXT, free(CODE)),
        (key::CONFIRMED, free(CODE)),
        (key::NOTES, free(NOTES)),
        (key::REF, free(NAME)),
        (key::CHANNEL, free(CODE)),
        (key::BLANK, free(CODE)),
        (key::ALARM, free(TEXT)),
        (key::PRIORITY, free(CODE)),
        (key::COMPANION, free(NAME)),
        (key::WITNESSES, first(Shape::List(&WITNESSES))),
        (key::STATUS, first(Shape::Map(&EVENTS))),
        (key::TICKS, first(Shape::Map(&TICKS))),
        (key::WARNINGS, first(Shape::Map(&WARNINGS))),
        (key::ATTACHMENTS, first(Shape::Map(&ATTACHMENTS))),
        (key::REASONS, first(Shape::Map(&REASONS))),
        (key::SHEET, first_if_any(CODE)),
        (key::CORRECTED_BY, free(NAME)),
        (key::QUESTION, free(NOTES)),
        (key::ANSWER, Entry { shape: NOTES, writes: Writes::Free, hub_only: true }),
        (key::ID, first(NUMBER)),
    ]),
};

static PERSON: MapShape = MapShape {
    whole: false,
    keys: Keys::Fixed(&[
        (key::DISTRICT, first(CODE)),
        (key::NIK, free(CODE)),
        (key::NAME, free(NAME)),
        (key::SEX, free(CODE)),
        (key::BORN, free(CODE)),
        (key::BORN_ESTIMATED, free(Shape::Boolean)),
        (key::BIRTH_ORDER, free(CODE)),
        (key::MOTHER, free(NAME)),
        (key::FATHER, free(NAME)),
        (key::KK, free(CODE)),
        (key::PHONE, free(CODE)),
        (key::ADDRESS, free(TEXT)),
        (key::VILLAGE, free(CODE)),
        (key::REF, free(NAME)),
        (key::SAME_AS, Entry { shape: CODE, writes: Writes::Free, hub_only: true }),
        (key::CORRECTED_BY, free(NAME)),
        (key::NOT_SAME, first(Shape::Map(&REASONS))),
        (key::REASONS, first(Shape::Map(&REASONS))),
        (key::ID, first(NUMBER)),
    ]),
};

static VISIT: MapShape = MapShape {
    whole: false,
    keys: Keys::Fixed(&[
        (key::DISTRICT, first(CODE)),
        (key::UNIT, first(CODE)),
        (key::LABEL, first(NAME)),
        (key::DATE, first(CODE)),
        (key::VILLAGE, free(CODE)),
        (key::POINT, free(NAME)),
        (key::LEAD, free(NAME)),
        (key::AGENCIES, first(Shape::Map(&AGENCIES))),
        (key::OPENED, free(Shape::Timestamp)),
        (key::CLOSED, free(Shape::Timestamp)),
        (key::OFFSET, free(OFFSET)),
        (key::SURVEY, first_if_any(Shape::Map(&ANSWERS))),
        (key::BLANKS, first_if_any(Shape::Map(&BLANKS))),
        (key::ID, first(NUMBER)),
    ]),
};

/// Drawn key to a citizen's nine scores, and nothing else.
static ANSWERS: MapShape = MapShape {
    whole: false,
    keys: Keys::Any { key_bytes_max: EVENT_KEY_BYTES_MAX, entry: grow(Shape::Text { bytes_max: ELEMENTS }) },
};

/// Numbered blanks that came, were spoilt or went back, by entry key.
static BLANKS: MapShape = MapShape {
    whole: false,
    keys: Keys::Any { key_bytes_max: EVENT_KEY_BYTES_MAX, entry: grow(Shape::Map(&BLANK_ENTRY)) },
};

static BLANK_ENTRY: MapShape = MapShape {
    whole: true,
    keys: Keys::Fixed(&[
        (key::KIND, grow(CODE)),
        (key::FROM, grow(CODE)),
        (key::TO, grow(CODE)),
        (key::STATE, grow(CODE)),
        (key::AT, grow(Shape::Timestamp)),
        (key::OFFICER, grow(NAME)),
        (key::REASON, grow(TEXT)),
    ]),
};

/// Status events by event key.
static EVENTS: MapShape = MapShape {
    whole: false,
    keys: Keys::Any { key_bytes_max: EVENT_KEY_BYTES_MAX, entry: grow(Shape::Map(&EVENT)) },
};

static EVENT: MapShape = MapShape {
    whole: true,
    keys: Keys::Fixed(&[
        (key::STATE, grow(CODE)),
        (key::AT, grow(Shape::Timestamp)),
        (key::OFFICER, grow(NAME)),
        (key::AGENCY, grow(CODE)),
        (key::REFERENCE, grow(NAME)),
        (key::REASON, grow(TEXT)),
        (key::CONFIRM, grow(Shape::Boolean)),
        (key::WITH, grow(NAME)),
        (key::COLLECTED_BY, grow(CODE)),
        (key::COLLECTED_HOW, grow(CODE)),
        (key::UNIT, grow(CODE)),
    ]),
};

/// Requirement to nothing (it is there) or the reason why it was removed.
static TICKS: MapShape =
    MapShape { whole: false, keys: Keys::Any { key_bytes_max: REQUIREMENT_BYTES_MAX, entry: free(TEXT) } };

/// Warning code to its words.
static WARNINGS: MapShape =
    MapShape { whole: false, keys: Keys::Any { key_bytes_max: CODE_BYTES_MAX, entry: grow(TEXT) } };

/// Content hash to what is known without the content. What was attached stays; why it was taken away again stands
/// among the reasons, under the same hash.
static ATTACHMENTS: MapShape = MapShape {
    whole: false,
    keys: Keys::Any { key_bytes_max: CODE_BYTES_MAX, entry: grow(Shape::Map(&ATTACHMENT)) },
};

static ATTACHMENT: MapShape = MapShape {
    whole: true,
    keys: Keys::Fixed(&[
        (key::NAME, grow(NAME)),
        (key::KIND, grow(CODE)),
        (key::SIZE, grow(Shape::Int { min: 0, max: ATTACHMENT_BYTES_MAX })),
        (key::TYPE, grow(CODE)),
        (key::AT, grow(Shape::Timestamp)),
        (key::THUMBNAIL, grow(CODE)),
    ]),
};

/// Field, document or content hash to a reason.
static REASONS: MapShape =
    MapShape { whole: false, keys: Keys::Any { key_bytes_max: CODE_BYTES_MAX, entry: free(TEXT) } };

/// Agency code to whether it is aboard.
static AGENCIES: MapShape =
    MapShape { whole: false, keys: Keys::Any { key_bytes_max: CODE_BYTES_MAX, entry: free(Shape::Boolean) } };

static WITNESSES: ListShape = ListShape { element: free(NAME), inserts_max: WITNESSES_MAX };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_their_path() {
        let state = rule(Kind::Case, &["status", "000-ab12", "state"]).expect("an event has a state");
        assert_eq!((state.shape, state.writes), (CODE, Writes::GrowOnly));
        assert!(rule(Kind::Person, &["same_as"]).expect("known").hub_only);
        assert_eq!(rule(Kind::Case, &["slip"]).expect("known").writes, Writes::FirstChange);
        let long = "x".repeat(EVENT_KEY_BYTES_MAX + 1);
        for wrong in [&["state"][..], &["slip", "x"], &["status", ""], &["status", &long], &[]] {
            assert_eq!(rule(Kind::Case, wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn every_container_of_a_root_is_made_by_the_first_change() {
        for kind in [Kind::Case, Kind::Person, Kind::Visit] {
            let Keys::Fixed(entries) = &root(kind).keys else { panic!("a root has fixed keys") };
            for (name, entry) in *entries {
                let container = matches!(entry.shape, Shape::Map(_) | Shape::List(_));
                assert!(!container || entry.writes.is_by_first_change(), "{name}");
            }
        }
    }
}
