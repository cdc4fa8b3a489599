//! One line: a JSON object with the fields of one case, checked for form.
//!
//! What needs the registries or the store is checked when it is saved.

use serde_json::{Map, Value};
use shared::{
    born::Born,
    desk::because::{Because, Explained as _},
    document::{
        Confirmation, Field, State,
        consent::{self, TEXTS},
        field,
    },
    geo::Position,
    id::VillageCode,
    nik::{Nik, Sex},
    slip::SlipNumber,
    time::Timestamp,
};

/// Bytes of a line, at most.
pub const LINE_BYTES_MAX: usize = 64 << 10;
/// Witnesses or ticks in a line, at most.
pub const TEXTS_MAX: usize = 20;

/// Witnesses who confirm for somebody, at least.
const WITNESSES_MIN: usize = 2;

/// Why a line is refused before anything is looked up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not one JSON object.
    #[error("the line is not one JSON object: {why}")]
    Json {
        /// Why.
        why: String,
    },
    /// A required field is missing or null.
    #[error("{field} is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field that nobody knows.
    #[error("{field} is not a field of a case")]
    Unknown {
        /// The field, cut.
        field: String,
    },
    /// Another kind of value.
    #[error("{field} is to be {expected}")]
    Shape {
        /// The field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A value that cannot be.
    #[error("{field}: {why}")]
    Value {
        /// The field.
        field: &'static str,
        /// Why.
        why: String,
        /// The code by which a page says why; none where the field says it.
        code: Option<&'static str>,
    },
}

impl LineError {
    /// The field that is wrong, where it is one.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Missing { field } | Self::Shape { field, .. } | Self::Value { field, .. } => Some(field),
            Self::Json { .. } | Self::Unknown { .. } => None,
        }
    }

    /// Why, as a page says it after the field; none where the field says it.
    pub fn because(&self) -> Option<Because> {
        match self {
            Self::Value { field, code, .. } => {
                code.map(|code| Because { field: Some(field), ..Because::of(code) })
            }
            Self::Missing { .. } | Self::Shape { .. } | Self::Json { .. } | Self::Unknown { .. } => None,
        }
    }

    /// Why, in English, for who has named the field.
    pub fn without_field(&self) -> String {
        match self {
            Self::Missing { .. } => "it is missing".to_owned(),
            Self::Shape { expected, .. } => format!("it is to be {expected}"),
            Self::Value { why, .. } => why.clone(),
            Self::Json { .. } | Self::Unknown { .. } => self.to_string(),
        }
    }
}

/// Who somebody is, as far as the line says.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Identity {
    /// A known person: an id, or the caller's own name.
    pub person_ref: Option<String>,
    /// A row of the pre-list that says the rest.
    pub listed: Option<String>,
    /// National identity number.
    pub nik: Option<Nik>,
    /// Name as typed.
    pub name: Option<String>,
    /// Sex.
    pub sex: Option<Sex>,
    /// Birth as far as known.
    pub born: Option<Born>,
    /// Whether it is a guess.
    pub born_estimated: Option<bool>,
    /// Telephone as typed.
    pub phone: Option<String>,
    /// Address below the village.
    pub address: Option<String>,
    /// Village of residence, where it is another one.
    pub village: Option<VillageCode>,
    /// Family card.
    pub kk: Option<String>,
    /// Which of twins.
    pub birth_order: Option<String>,
    /// Mother's name.
    pub mother: Option<String>,
    /// Father's name.
    pub father: Option<String>,
}

/// A line whose every field has the right form.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// Whom it is about.
    pub subject: Identity,
    /// Who asks, where it is somebody else.
    pub applicant: Option<Identity>,
    /// Who will fetch the product, where it is somebody else.
    pub collector: Option<Identity>,
    /// Village.
    pub village: VillageCode,
    /// Code of the service.
    pub service: String,
    /// First status.
    pub status: State,
    /// Begin of the sitting.
    pub started: Timestamp,
    /// Minutes east of UTC, as given.
    pub offset_minutes: i16,
    /// End of the sitting.
    pub ended: Option<Timestamp>,
    /// Where.
    pub position: Option<Position>,
    /// Who records.
    pub officer: Option<String>,
    /// Label or id of the visit.
    pub visit: Option<String>,
    /// Notes.
    pub notes: Option<String>,
    /// Whether the citizen consents.
    pub consent: Option<bool>,
    /// Version of the text that the citizen was asked to agree to.
    pub consent_text: Option<String>,
    /// How the citizen confirmed what was read out.
    pub confirmed: Option<Confirmation>,
    /// The caller's own name for the case.
    pub reference: Option<String>,
    /// By which way it came in.
    pub channel: Option<String>,
    /// Serial of the numbered blank.
    pub blank: Option<String>,
    /// Class of the queue.
    pub priority: Option<String>,
    /// Who accompanies the citizen.
    pub companion: Option<String>,
    /// Who witnesses.
    pub witnesses: Vec<String>,
    /// Why it is recorded though a case like it is here.
    pub again: Option<String>,
    /// Requirements that are there.
    pub ticks: Vec<String>,
    /// Key that lines of one sitting share.
    pub encounter: Option<String>,
    /// The number on the emergency sheet from which it is entered.
    pub sheet: Option<SlipNumber>,
    /// The number on the emergency sheet from which it is entered, where an earlier case of that sheet bears it.
    pub of_sheet: Option<SlipNumber>,
    /// What tells a repeated line.
    pub digest: [u8; 16],
}

/// Reads a line.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn parse(text: &str) -> Result<Line, LineError> {
    let value = super::json::read(text).map_err(|error| {
        let why = if text.contains('\0') { "it holds a NUL byte".to_owned() } else { error.to_string() };
        LineError::Json { why }
    })?;
    let digest = *blake3::hash(shared::registry::canonical(&value).as_bytes())
        .as_bytes()
        .first_chunk()
        .expect("a hash has 32 bytes");
    let Value::Object(object) = value else {
        return Err(LineError::Json { why: "it is another JSON value".to_owned() });
    };
    let mut fields = Fields { object };
    let applicant =
        fields.object("applicant")?.map(|fields| whole_identity(fields, "applicant")).transpose()?;
    let collector =
        fields.object("collector")?.map(|fields| whole_identity(fields, "collector")).transpose()?;
    let subject = identity(&mut fields)?;
    let village: VillageCode = parsed(&fields.required("village")?, "village")?;
    let status: State = parsed(&fields.required("status")?, "status")?;
    if !status.may_begin() {
        let why = "a case begins as draft, received, complete, incomplete or waiting_for_network".to_owned();
        return Err(cannot_be("status", why));
    }
    let (started, offset_minutes) = moment(&fields.required("started")?, "started")?;
    let line = Line {
        subject,
        applicant,
        collector,
        village,
        service: fields.required("service")?,
        status,
        started,
        offset_minutes,
        ended: fields.text("ended")?.map(|text| moment(&text, "ended")).transpose()?.map(|(at, _)| at),
        position: fields.position()?,
        officer: Some(fields.required("officer")?),
        visit: fields.text("visit")?,
        notes: fields.text("notes")?,
        consent: fields.boolean("consent")?,
        consent_text: fields.consent_text()?,
        confirmed: fields.text("confirmed")?.map(|text| parsed(&text, "confirmed")).transpose()?,
        reference: fields.text("ref")?,
        channel: fields.text("channel")?,
        blank: fields.text("blank")?,
        priority: fields.text("priority")?,
        companion: fields.text("companion")?,
        witnesses: fields.texts("witnesses")?,
        again: fields.text("again")?,
        ticks: fields.texts("ticks")?,
        encounter: fields.text("encounter")?,
        sheet: fields.text("sheet")?.map(|text| parsed(&text, "sheet")).transpose()?,
        of_sheet: fields.text("of_sheet")?.map(|text| parsed(&text, "of_sheet")).transpose()?,
        digest,
    };
    fields.end()?;
    if line.confirmed == Some(Confirmation::Witnesses) && line.witnesses.len() < WITNESSES_MIN {
        let why = "two witnesses confirm, and both are named".to_owned();
        return Err(cannot_be("witnesses", why));
    }
    if line.subject.person_ref.is_none() && line.subject.nik.is_none() && line.subject.listed.is_none() {
        let missing = if line.subject.name.is_none() { "name" } else { "sex" };
        if line.subject.name.is_none() || line.subject.sex.is_none() {
            return Err(LineError::Missing { field: missing });
        }
    }
    Ok(line)
}

fn whole_identity(mut fields: Fields, field: &'static str) -> Result<Identity, LineError> {
    let found = identity(&mut fields)?;
    fields.end()?;
    let Identity { person_ref, nik, name, listed, .. } = &found;
    if [person_ref, name, listed].into_iter().all(Option::is_none) && nik.is_none() {
        return Err(cannot_be(field, "name, nik or person_ref is missing".to_owned()));
    }
    Ok(found)
}

fn identity(fields: &mut Fields) -> Result<Identity, LineError> {
    Ok(Identity {
        person_ref: fields.text("person_ref")?,
        listed: fields.text("listed")?,
        nik: fields.text("nik")?.map(|text| parsed(&text, "nik")).transpose()?,
        name: fields.checked("name", Field::Name)?,
        sex: fields.text("sex")?.map(|text| parsed(&text, "sex")).transpose()?,
        born: fields.text("born")?.map(|text| parsed(&text, "born")).transpose()?,
        born_estimated: fields.boolean("born_estimated")?,
        phone: fields.checked("phone", Field::Phone)?,
        address: fields.checked("address", Field::Address)?,
        village: fields.text("domicile")?.map(|text| parsed(&text, "domicile")).transpose()?,
        kk: fields.checked("kk", Field::Kk)?,
        birth_order: fields.checked("birth_order", Field::BirthOrder)?,
        mother: fields.checked("mother", Field::Mother)?,
        father: fields.checked("father", Field::Father)?,
    })
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: &str,
    field: &'static str,
) -> Result<T, LineError> {
    text.parse().map_err(|error: T::Err| cannot_be(field, error.to_string()))
}

/// A value that cannot be, of a field that says why.
fn cannot_be(field: &'static str, why: String) -> LineError {
    LineError::Value { field, why, code: None }
}

fn moment(text: &str, field: &'static str) -> Result<(Timestamp, i16), LineError> {
    Timestamp::parse(text).map_err(|error| cannot_be(field, error.to_string()))
}

/// The fields that were not taken yet.
struct Fields {
    object: Map<String, Value>,
}

impl Fields {
    fn take(&mut self, field: &str) -> Option<Value> {
        self.object.remove(field).filter(|value| !value.is_null())
    }

    /// A text; absent, null and blank are the same.
    fn text(&mut self, field: &'static str) -> Result<Option<String>, LineError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => {
                let code = Some("characters");
                let lines = field == "notes";
                let wrong = |c: char| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'));
                if text.chars().any(wrong) {
                    let why = "it holds a control character".to_owned();
                    return Err(LineError::Value { field, why, code });
                }
                if !lines && text.chars().any(field::turns_direction) {
                    let why = "it holds a character that turns the direction of writing".to_owned();
                    return Err(LineError::Value { field, why, code });
                }
                Ok(Some(text).filter(|text| !text.trim().is_empty()))
            }
            Some(_) => Err(LineError::Shape { field, expected: "text" }),
        }
    }

    fn required(&mut self, field: &'static str) -> Result<String, LineError> {
        self.text(field)?.ok_or(LineError::Missing { field })
    }

    /// A text in the form of a field that can be amended.
    fn checked(&mut self, field: &'static str, form: Field) -> Result<Option<String>, LineError> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        field::check(form, &text).map_err(|error| {
            let code = Some(error.because().code);
            LineError::Value { field, why: error.to_string(), code }
        })?;
        Ok(Some(text))
    }

    /// The version of a text of consent that this program knows.
    fn consent_text(&mut self) -> Result<Option<String>, LineError> {
        let field = "consent_text";
        let Some(version) = self.text(field)? else { return Ok(None) };
        if consent::of(&version).is_some() {
            return Ok(Some(version));
        }
        let known: Vec<_> = TEXTS.iter().map(|text| text.version).collect();
        let why = format!("there is no such version of the text of consent; there is {}", known.join(", "));
        Err(cannot_be(field, why))
    }

    fn boolean(&mut self, field: &'static str) -> Result<Option<bool>, LineError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(LineError::Shape { field, expected: "true or false" }),
        }
    }

    fn texts(&mut self, field: &'static str) -> Result<Vec<String>, LineError> {
        let expected = "a list of at most 20 texts";
        let Some(value) = self.take(field) else { return Ok(Vec::new()) };
        let Value::Array(values) = value else { return Err(LineError::Shape { field, expected }) };
        if values.len() > TEXTS_MAX {
            return Err(LineError::Shape { field, expected });
        }
        let text = |value: Value| {
            let text = value.as_str().filter(|text| !text.trim().is_empty())?;
            (!text.chars().any(|c| c.is_control() || field::turns_direction(c))).then(|| text.to_owned())
        };
        let texts: Option<_> = values.into_iter().map(text).collect();
        texts.ok_or(LineError::Shape { field, expected })
    }

    fn position(&mut self) -> Result<Option<Position>, LineError> {
        let field = "position";
        let expected = "[latitude, longitude] in degrees";
        let Some(value) = self.take(field) else { return Ok(None) };
        let degrees: [f64; 2] =
            serde_json::from_value(value).map_err(|_| LineError::Shape { field, expected })?;
        let position = Position::try_from(degrees);
        position.map(Some).map_err(|error| cannot_be(field, error.to_string()))
    }

    fn object(&mut self, field: &'static str) -> Result<Option<Self>, LineError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(Self { object })),
            Some(_) => Err(LineError::Shape { field, expected: "an object" }),
        }
    }

    /// Refuses what nobody took.
    fn end(self) -> Result<(), LineError> {
        match self.object.keys().next() {
            Some(field) => Err(LineError::Unknown { field: field.chars().take(64).collect() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({
            "nik": "5302014501049001", "name": "O'a Mate", "sex": "P", "born": "2004-01-05", "phone": null,
            "address": "RT 1", "village": "53.02.01.1001", "service": "DUK-LAHIR", "status": "received",
            "started": "2026-11-20T09:12:00+08:00", "ended": "2026-11-20T09:20:00+08:00",
            "position": [-9.86, 124.28], "officer": "P-07", "visit": "Pasar", "notes": "", "consent": true
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut line = good();
        line[field] = value;
        line
    }

    #[test]
    fn a_good_line_is_read() {
        let line = parse(&good().to_string()).expect("it is good");
        assert_eq!(line.subject.name.as_deref(), Some("O'a Mate"));
        assert_eq!((line.offset_minutes, line.status), (480, State::Received));
        assert_eq!(line.notes, None);
        for born in [json!(null), json!("1948"), json!("1948-07")] {
            assert!(parse(&with("born", born).to_string()).is_ok());
        }
        assert!(parse(&with("nik", json!(null)).to_string()).is_ok());
    }

    #[test]
    fn the_order_of_fields_does_not_make_another_line() {
        let text = good().to_string();
        let Value::Object(map) = good() else { unreachable!() };
        let turned = Value::Object(map.into_iter().rev().collect()).to_string();
        assert_ne!(text, turned);
        assert_eq!(parse(&text).expect("good").digest, parse(&turned).expect("good").digest);
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_field() {
        let cases = [
            (with("nik", json!("123")), "nik"),
            (with("nik", json!("5302013213049001")), "nik"),
            (with("nik", json!(5302014501049001_u64)), "nik"),
            (with("born", json!("2004-02-31")), "born"),
            (with("sex", json!("X")), "sex"),
            (with("village", json!(null)), "village"),
            (with("village", json!("nowhere")), "village"),
            (with("status", json!("issued")), "status"),
            (with("status", json!("gone")), "status"),
            (with("started", json!("yesterday")), "started"),
            (with("position", json!([100, 200])), "position"),
            (with("position", json!("here")), "position"),
            (with("name", json!("a\u{0}b")), "name"),
            (with("consent", json!("yes")), "consent"),
            (with("consent_text", json!("2025-9")), "consent_text"),
            (with("confirmed", json!("fingerprint")), "confirmed"),
            (with("confirmed", json!("witnesses")), "witnesses"),
            (with("witnesses", json!([1])), "witnesses"),
            (with("name", json!("a\u{202e}b")), "name"),
            (with("witnesses", json!(["a\u{2066}b"])), "witnesses"),
            (with("colour", json!("red")), "colour"),
            (with("applicant", json!({"phone": "0812"})), "applicant"),
            (with("applicant", json!({"name": "x", "slip": "y"})), "slip"),
        ];
        for (line, field) in cases {
            let error = parse(&line.to_string()).expect_err(field).to_string();
            assert!(error.starts_with(field), "{error}");
        }
        for text in ["", "[]", "1", "{}{}", "{\"a\":1", "null", "{\"nik\":\"\u{0}\"}"] {
            assert!(matches!(parse(text), Err(LineError::Json { .. })), "{text}");
        }
    }

    #[test]
    fn a_missing_field_is_named() {
        for field in ["name", "sex", "village", "service", "status", "started", "officer"] {
            let mut line = good();
            line["nik"] = Value::Null;
            line.as_object_mut().expect("an object").remove(field);
            assert_eq!(parse(&line.to_string()), Err(LineError::Missing { field }), "{field}");
        }
    }
}
