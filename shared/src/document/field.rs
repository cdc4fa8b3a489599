//! The fields that a person amends one by one, by the names that commands use.
//!
//! Every value is checked for its form here; whether a village or an officer is in a registry, and
//! whether a date lies ahead, is for the caller, who has the registry and the clock.

use std::{fmt, str::FromStr};

use super::{
    case::put_position,
    consent::{Confirmation, ParseConfirmationError},
    edit::{Edit, EditError},
    schema::key,
};
use crate::{
    born::{Born, ParseBornError},
    change::Scalar,
    geo::{Position, PositionError},
    id::{DocumentId, Kind, ParseIdError, VillageCode},
    nik::{Nik, NikError, ParseSexError, Sex},
    phone,
    time::{ParseTimestampError, Timestamp},
};

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $kind:ident, $key:expr, $form:ident;)*) => {
        /// Something that can be amended.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Field { $($(#[$doc])* $name,)* }

        impl Field {
            /// All fields, those of a case first.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name that commands use.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The kind of document that holds it: a case's own fields, and those of its subject.
            pub fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)* }
            }

            /// The key in the document.
            pub fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            fn form(self) -> Form {
                match self { $(Self::$name => Form::$form,)* }
            }
        }
    };
}

fields! {
    /// Where the case stands; a new event, written by [`super::NewEvent`].
    Status = "status", Case, key::STATUS, Event;
    /// Village of the service.
    Village = "village", Case, key::VILLAGE, Village;
    /// Who asked.
    Applicant = "applicant", Case, key::APPLICANT, Person;
    /// Whom it is about.
    Subject = "subject", Case, key::SUBJECT, Person;
    /// Who will fetch the product.
    Collector = "collector", Case, key::COLLECTOR, PersonOrNone;
    /// The visit.
    Visit = "visit", Case, key::VISIT, Visit;
    /// Begin of the sitting.
    Started = "started", Case, key::STARTED, Moment;
    /// End of the sitting.
    Ended = "ended", Case, key::ENDED, Moment;
    /// The officer.
    Officer = "officer", Case, key::OFFICER, Text;
    /// Where it was taken in, `-9.86,124.28`.
    Position = "position", Case, key::LATITUDE, Position;
    /// Whether the citizen consents.
    Consent = "consent", Case, key::CONSENT, Boolean;
    /// How the citizen confirmed what was read out.
    Confirmed = "confirmed", Case, key::CONFIRMED, Confirmation;
    /// Free text.
    Notes = "notes", Case, key::NOTES, Notes;
    /// The caller's own name.
    Ref = "ref", Case, key::REF, Text;
    /// By which way it came in.
    Channel = "channel", Case, key::CHANNEL, Text;
    /// Serial of the numbered blank.
    Blank = "blank", Case, key::BLANK, Text;
    /// That the product went into wrong hands, and how; an alarm until it is emptied.
    Alarm = "alarm", Case, key::ALARM, Text;
    /// Class of the queue.
    Priority = "priority", Case, key::PRIORITY, Text;
    /// Who accompanied the citizen.
    Companion = "companion", Case, key::COMPANION, Text;
    /// Who witnessed, separated by semicolons.
    Witnesses = "witnesses", Case, key::WITNESSES, Texts;
    /// National identity number.
    Nik = "nik", Person, key::NIK, Nik;
    /// Name as typed.
    Name = "name", Person, key::NAME, Name;
    /// `L` or `P`.
    Sex = "sex", Person, key::SEX, Sex;
    /// Birth, as far as known.
    Born = "born", Person, key::BORN, Born;
    /// Whether the birth date is a guess.
    BornEstimated = "born_estimated", Person, key::BORN_ESTIMATED, Boolean;
    /// Which of twins it is, by the order of their births: `1` to `9`.
    BirthOrder = "birth_order", Person, key::BIRTH_ORDER, Order;
    /// Name of the mother.
    Mother = "mother", Person, key::MOTHER, Text;
    /// Name of the father.
    Father = "father", Person, key::FATHER, Text;
    /// Number of the family card.
    Kk = "kk", Person, key::KK, Digits;
    /// Telephone.
    Phone = "phone", Person, key::PHONE, Phone;
    /// Address below the village.
    Address = "address", Person, key::ADDRESS, Text;
    /// Village of residence.
    Domicile = "domicile", Person, key::VILLAGE, Village;
}

#[derive(Clone, Copy)]
enum Form {
    Event,
    Village,
    Person,
    PersonOrNone,
    Visit,
    Moment,
    Text,
    Texts,
    Position,
    Boolean,
    Confirmation,
    Notes,
    Nik,
    Name,
    Sex,
    Born,
    Digits,
    Order,
    Phone,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a field; one of {all}", all = Field::ALL.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(", "))]
pub struct ParseFieldError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

impl FromStr for Field {
    type Err = ParseFieldError;

    fn from_str(text: &str) -> Result<Self, ParseFieldError> {
        let found = Self::ALL.iter().find(|field| field.as_str() == text);
        found.copied().ok_or_else(|| ParseFieldError { text: text.chars().take(64).collect() })
    }
}

/// Why a field does not take a value.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// The field is in another kind of document.
    #[error("{field} is kept in another document than this one")]
    Kind {
        /// The field.
        field: Field,
    },
    /// A new state is an event with its time and officer.
    #[error("the status is set by an event")]
    Event,
    /// The field cannot be emptied.
    #[error("{field} cannot be empty")]
    Required {
        /// The field.
        field: Field,
    },
    /// Control characters are no text.
    #[error("{field} holds a control character")]
    Control {
        /// The field.
        field: Field,
    },
    /// A character that turns the direction of writing.
    #[error("{field} holds a character that turns the direction of writing")]
    Direction {
        /// The field.
        field: Field,
    },
    /// Neither yes nor no.
    #[error("{field} is true or false")]
    Boolean {
        /// The field.
        field: Field,
    },
    /// Not 16 digits.
    #[error("{field} has 16 digits")]
    Digits {
        /// The field.
        field: Field,
    },
    /// Not the place among children born together.
    #[error("{field} is 1 for the first of twins, 2 for the second; 9 at most")]
    Order {
        /// The field.
        field: Field,
    },
    /// Not the id of such a document.
    #[error("{field} is the id of a {kind:?}")]
    Document {
        /// The field.
        field: Field,
        /// What it names.
        kind: Kind,
    },
    /// Not a position.
    #[error("a position is written as latitude,longitude, such as -9.86,124.28")]
    Position,
    /// Beyond the earth.
    #[error(transparent)]
    OutOfRange(#[from] PositionError),
    /// Not a way to confirm.
    #[error(transparent)]
    Confirmation(#[from] ParseConfirmationError),
    /// Not a NIK.
    #[error(transparent)]
    Nik(#[from] NikError),
    /// Not a birth date.
    #[error(transparent)]
    Born(#[from] ParseBornError),
    /// Neither `L` nor `P`.
    #[error(transparent)]
    Sex(#[from] ParseSexError),
    /// Not a time.
    #[error(transparent)]
    Time(#[from] ParseTimestampError),
    /// Not a village code.
    #[error(transparent)]
    Id(#[from] ParseIdError),
    /// The document does not take it.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Amends one field, and keeps the reason if one is given. An empty value empties the field.
///
/// # Errors
/// The value has not the form of the field, or the document does not take it.
pub fn set(edit: &mut Edit, field: Field, value: &str, reason: Option<&str>) -> Result<(), SetError> {
    if field.kind() != edit.kind() {
        return Err(SetError::Kind { field });
    }
    if value.trim().is_empty() {
        empty(edit, field)?;
    } else {
        check_characters(field, value)?;
        put(edit, field, value)?;
    }
    if let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) {
        check_characters(field, reason)?;
        edit.put(&[key::REASONS, field.key()], &Scalar::Str(reason.to_owned()))?;
    }
    Ok(())
}

/// Whether a text can be the value of `field`, without a document.
///
/// # Errors
/// As [`set`].
pub fn check(field: Field, value: &str) -> Result<(), SetError> {
    check_characters(field, value)?;
    if !matches!(field.form(), Form::Event) {
        scalars(field, value)?;
    }
    Ok(())
}

fn empty(edit: &mut Edit, field: Field) -> Result<(), SetError> {
    match field.form() {
        Form::Event => return Err(SetError::Event),
        Form::Village | Form::Person | Form::Name => return Err(SetError::Required { field }),
        Form::Moment if field == Field::Started => return Err(SetError::Required { field }),
        Form::Texts => edit.clear(&[field.key()])?,
        Form::Position => {
            edit.delete(&[key::LATITUDE])?;
            edit.delete(&[key::LONGITUDE])?;
        }
        Form::PersonOrNone
        | Form::Visit
        | Form::Moment
        | Form::Text
        | Form::Boolean
        | Form::Confirmation
        | Form::Notes
        | Form::Nik
        | Form::Sex
        | Form::Born
        | Form::Digits
        | Form::Order
        | Form::Phone => edit.delete(&[field.key()])?,
    }
    Ok(())
}

fn put(edit: &mut Edit, field: Field, value: &str) -> Result<(), SetError> {
    match scalars(field, value)? {
        Checked::One(scalar) => edit.put(&[field.key()], &scalar)?,
        Checked::Moment(at, offset_minutes) => {
            edit.put(&[field.key()], &Scalar::Timestamp(at))?;
            if field == Field::Started {
                edit.put(&[key::OFFSET], &Scalar::Int(offset_minutes.into()))?;
            }
        }
        Checked::Position(position) => put_position(edit, position)?,
        Checked::Many(texts) => {
            edit.clear(&[field.key()])?;
            for text in texts {
                edit.push(&[field.key()], &Scalar::Str(text))?;
            }
        }
    }
    Ok(())
}

enum Checked {
    One(Scalar),
    Moment(Timestamp, i16),
    Position(Position),
    Many(Vec<String>),
}

fn scalars(field: Field, value: &str) -> Result<Checked, SetError> {
    let trimmed = value.trim();
    let text = |text: &str| Ok(Checked::One(Scalar::Str(text.to_owned())));
    match field.form() {
        Form::Event => Err(SetError::Event),
        Form::Village => text(trimmed.parse::<VillageCode>()?.as_str()),
        Form::Person | Form::PersonOrNone => text(&document(field, trimmed, Kind::Person)?),
        Form::Visit => text(&document(field, trimmed, Kind::Visit)?),
        Form::Moment => {
            let (at, offset_minutes) = Timestamp::parse(trimmed)?;
            Ok(Checked::Moment(at, offset_minutes))
        }
        Form::Text | Form::Name | Form::Notes => text(value),
        Form::Texts => {
            let parts = trimmed.split(';').map(str::trim).filter(|part| !part.is_empty());
            Ok(Checked::Many(parts.map(str::to_owned).collect()))
        }
        Form::Position => {
            let (latitude, longitude) = trimmed.split_once(',').ok_or(SetError::Position)?;
            let degrees = |text: &str| text.trim().parse::<f64>().map_err(|_| SetError::Position);
            Ok(Checked::Position(Position::from_degrees(degrees(latitude)?, degrees(longitude)?)?))
        }
        Form::Boolean => match trimmed {
            "true" | "yes" | "ya" => Ok(Checked::One(Scalar::Boolean(true))),
            "false" | "no" | "tidak" => Ok(Checked::One(Scalar::Boolean(false))),
            _ => Err(SetError::Boolean { field }),
        },
        Form::Confirmation => text(trimmed.parse::<Confirmation>()?.as_str()),
        Form::Nik => text(trimmed.parse::<Nik>()?.as_str()),
        Form::Sex => text(trimmed.parse::<Sex>()?.as_str()),
        Form::Born => text(&trimmed.parse::<Born>()?.to_string()),
        Form::Digits if trimmed.len() == 16 && trimmed.bytes().all(|b| b.is_ascii_digit()) => text(trimmed),
        Form::Digits => Err(SetError::Digits { field }),
        Form::Order if matches!(trimmed.as_bytes(), [b'1'..=b'9']) => text(trimmed),
        Form::Order => Err(SetError::Order { field }),
        Form::Phone => text(&phone::normalise(trimmed).0),
    }
}

fn document(field: Field, text: &str, kind: Kind) -> Result<String, SetError> {
    let id: DocumentId = text.parse()?;
    if id.kind() == Some(kind) { Ok(id.to_string()) } else { Err(SetError::Document { field, kind }) }
}

/// Only notes have more than one line.
fn check_characters(field: Field, value: &str) -> Result<(), SetError> {
    let lines = matches!(field.form(), Form::Notes);
    let wrong = |c: char| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'));
    if value.chars().any(wrong) {
        return Err(SetError::Control { field });
    }
    if !lines && value.chars().any(turns_direction) {
        return Err(SetError::Direction { field });
    }
    Ok(())
}

/// Whether a character turns the direction of writing, so that a name reads as another one.
pub fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{
        Case, Person, View,
        case::tests::{VAN, open, recorded, save},
        person, schema,
    };

    #[test]
    fn every_field_names_a_place_of_its_document() {
        for field in Field::ALL {
            assert_eq!(field.as_str().parse(), Ok(*field));
            assert!(schema::rule(field.kind(), &[field.key()]).is_some(), "{field}");
        }
        assert!("slip".parse::<Field>().unwrap_err().to_string().contains("born_estimated"));
    }

    #[test]
    fn values_have_the_form_of_their_field() {
        let person = "01010101010101010101020000000001";
        let visit = "01010101010101010101030000000001";
        for (field, right, wrong) in [
            (Field::Village, "53.02.01.2003", "53.02"),
            (Field::Subject, person, visit),
            (Field::Visit, visit, person),
            (Field::Started, "2026-11-20T09:12:00+08:00", "kemarin"),
            (Field::Position, "-9.86, 124.28", "91,0"),
            (Field::Position, "0,0", "0"),
            (Field::Consent, "ya", "maybe"),
            (Field::Confirmed, "thumb", "fingerprint"),
            (Field::Nik, "5302011708909001", "0000000000000000"),
            (Field::Sex, "P", "X"),
            (Field::Born, "1948-07", "1948-13"),
            (Field::Kk, "5302011708909001", "5302"),
            (Field::BirthOrder, "2", "0"),
            (Field::Name, "O'a Mate", "O\0a"),
            (Field::Notes, "one\ntwo", "\u{1b}[2J"),
            (Field::Officer, "Ibu Tefa", "Ibu\nTefa"),
        ] {
            assert!(check(field, right).is_ok(), "{field} {right}");
            assert!(check(field, wrong).is_err(), "{field} {wrong}");
        }
    }

    #[test]
    fn a_case_is_amended_field_by_field() {
        let mut history = recorded();
        let mut edit = open(&history, VAN);
        set(&mut edit, Field::Notes, "baru", Some("mistyped")).expect("allowed");
        set(&mut edit, Field::Witnesses, "Bria; Seran", None).expect("allowed");
        set(&mut edit, Field::Position, "", None).expect("allowed");
        set(&mut edit, Field::Started, "2026-11-20T08:12:00+07:00", None).expect("allowed");
        assert!(matches!(set(&mut edit, Field::Name, "x", None), Err(SetError::Kind { .. })));
        assert!(matches!(set(&mut edit, Field::Subject, "", None), Err(SetError::Required { .. })));
        assert!(matches!(set(&mut edit, Field::Status, "ready", None), Err(SetError::Event)));
        save(&mut edit, &mut history);
        let case = Case::read(&View::of(&history));
        assert_eq!(case.notes.as_deref(), Some("baru"));
        assert_eq!(case.reasons["notes"], "mistyped");
        assert_eq!(case.witnesses, ["Bria", "Seran"]);
        assert_eq!(case.position, None);
        assert_eq!(case.started.map(|started| started.offset_minutes), Some(420));
    }

    #[test]
    fn a_person_is_amended_field_by_field() {
        let mut history = person::tests::recorded();
        let mut edit = Edit::open(Kind::Person, &history, VAN).expect("it opens");
        set(&mut edit, Field::Phone, "0812 3456 7891", None).expect("allowed");
        set(&mut edit, Field::Nik, "", Some("not hers")).expect("allowed");
        set(&mut edit, Field::Domicile, "53.02.01.2003", None).expect("allowed");
        save(&mut edit, &mut history);
        let person = Person::read(&View::of(&history));
        assert_eq!(person.phone.as_deref(), Some("+6281234567891"));
        assert_eq!(person.nik, None);
        assert_eq!(person.village.map(|village| village.to_string()).as_deref(), Some("53.02.01.2003"));
    }
}
