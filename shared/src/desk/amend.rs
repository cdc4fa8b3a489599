//! Changes fields of a case and of its people, by the names that commands use.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    resolve::{self, ResolveError},
    warnings::{self, Code, People, Warning},
};
use crate::{
    collection::{Collector, Received},
    document::{
        Case, Edit, EditError, Field, NewEvent, Person, State, View, case, conflict, correction, field,
        state::ParseStateError,
    },
    id::{DocumentId, Kind, UnitId, VillageCode},
    registry::row::OfflineMode,
    store::StoreError,
    sync::writing::{SaveError, Writing},
    time::{Timestamp, Zone},
};

/// `FIELD=VALUE`, the field with `applicant.` or `collector.` before it where it is not the subject's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Setting {
    party: Party,
    item: Item,
    value: String,
}

/// Whose field it is, if it is a person's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Party {
    Subject,
    Applicant,
    Collector,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Item {
    Field(Field),
    /// A requirement is there.
    Tick,
    /// A requirement is not there after all.
    Untick,
}

/// A text that sets nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseSettingError {
    /// No `=`.
    #[error("`{text}` is not FIELD=VALUE, such as phone=081234567890")]
    Form {
        /// What was given, cut.
        text: String,
    },
    /// No such field.
    #[error("{0}; also tick and untick with a requirement")]
    Field(#[from] field::ParseFieldError),
}

impl FromStr for Setting {
    type Err = ParseSettingError;

    fn from_str(text: &str) -> Result<Self, ParseSettingError> {
        let form = || ParseSettingError::Form { text: text.chars().take(64).collect() };
        let (name, value) = text.split_once('=').ok_or_else(form)?;
        let (party, name) = match name.trim().split_once('.') {
            Some(("applicant", name)) => (Party::Applicant, name),
            Some(("collector", name)) => (Party::Collector, name),
            Some(("subject", name)) => (Party::Subject, name),
            _ => (Party::Subject, name.trim()),
        };
        let item = match name {
            "tick" => Item::Tick,
            "untick" => Item::Untick,
            name => Item::Field(name.parse()?),
        };
        Ok(Self { party, item, value: value.to_owned() })
    }
}

impl Setting {
    /// That a case comes to stand elsewhere.
    pub fn status(state: State) -> Self {
        Self { party: Party::Subject, item: Item::Field(Field::Status), value: state.as_str().to_owned() }
    }

    /// That a product went into wrong hands, and how.
    pub(super) fn alarm(how: &str) -> Self {
        Self { party: Party::Subject, item: Item::Field(Field::Alarm), value: how.to_owned() }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.party {
            Party::Subject => "",
            Party::Applicant => "applicant.",
            Party::Collector => "collector.",
        })?;
        match self.item {
            Item::Field(field) => write!(f, "{field}={}", self.value),
            Item::Tick => write!(f, "tick={}", self.value),
            Item::Untick => write!(f, "untick={}", self.value),
        }
    }
}

impl TryFrom<String> for Setting {
    type Error = ParseSettingError;

    fn try_from(text: String) -> Result<Self, ParseSettingError> {
        text.parse()
    }
}

impl From<Setting> for String {
    fn from(setting: Setting) -> Self {
        setting.to_string()
    }
}

/// What is to change, and in whose name.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Amendment {
    /// The fields.
    pub settings: Vec<Setting>,
    /// Why.
    pub reason: Option<String>,
    /// The agency in whose name a status is set.
    pub agency: Option<String>,
    /// The agency's own reference.
    pub reference: Option<String>,
    /// Who took the product along.
    pub with: Option<String>,
    /// Who that is to the subject.
    pub collector: Option<Collector>,
    /// How they confirm that they have it.
    pub received: Option<Received>,
    /// The unit that a product is ready for, or aboard of.
    pub unit: Option<UnitId>,
    /// The officer who corrects, or sets a status.
    pub officer: Option<String>,
}

/// What came of an amendment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Amended {
    /// The case.
    pub case: DocumentId,
    /// Its number.
    pub slip: Option<String>,
    /// Where it stands now.
    pub status: State,
    /// Whether anything was changed; a value that stood already is not written again.
    pub changed: bool,
    /// What is odd about it.
    pub warnings: Vec<String>,
}

/// Why nothing was amended.
#[derive(Debug, thiserror::Error)]
pub enum AmendError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing to set.
    #[error("nothing is to be set: give FIELD=VALUE")]
    Nothing,
    /// The case has nobody in that place.
    #[error("the case has no {party}")]
    NoParty {
        /// Whose place.
        party: &'static str,
    },
    /// No such village.
    #[error("village {code} is not in the registry")]
    Village {
        /// The code.
        code: VillageCode,
    },
    /// No such state.
    #[error(transparent)]
    State(#[from] ParseStateError),
    /// Nobody is named who took the product.
    #[error("with_collector needs the name of who took the product: add --with NAME")]
    NoCollector,
    /// No such unit.
    #[error("unit {unit} is not in the registry")]
    Unit {
        /// The unit.
        unit: UnitId,
    },
    /// The unit's laptops would never hear of it.
    #[error(
        "unit {unit} does not serve {village}: its laptops would not hear of the case; assign the village first"
    )]
    UnitElsewhere {
        /// The unit.
        unit: UnitId,
        /// The case's village.
        village: VillageCode,
    },
    /// No such visit.
    #[error(transparent)]
    Visit(#[from] ResolveError),
    /// A removal needs a reason.
    #[error("to take a requirement away give the reason")]
    NoReason,
    /// A decision between the sides of a conflict travels with its reason.
    #[error("{field} is in conflict, and to decide it needs a reason: add --reason TEXT")]
    Undecided {
        /// The field.
        field: Field,
    },
    /// The value has not the form of the field.
    #[error(transparent)]
    Set(#[from] field::SetError),
    /// The document does not take it.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// It is not saved.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// Amends a case and its people, all of it or nothing.
///
/// # Errors
/// A value is refused; nothing is to be committed then.
pub fn amend(
    writing: &mut Writing<'_>,
    document: DocumentId,
    amendment: &Amendment,
) -> Result<Amended, AmendError> {
    if amendment.settings.is_empty() {
        return Err(AmendError::Nothing);
    }
    let case = read_case(writing, document)?;
    let mut edit = writing.open(document)?;
    let mut changed = false;
    let mut warnings: Vec<Warning> = Vec::new();
    for setting in &amendment.settings {
        check(writing, setting)?;
        match setting.item {
            Item::Tick => case::tick(&mut edit, &setting.value)?,
            Item::Untick => {
                let reason = amendment.reason.as_deref().ok_or(AmendError::NoReason)?;
                case::untick(&mut edit, &setting.value, reason)?;
            }
            Item::Field(field) if field.kind() == Kind::Person => {
                changed |= set_of_person(writing, &case, setting, field, amendment, &mut warnings)?;
            }
            Item::Field(field) => {
                decides(writing, document, field, amendment)?;
                set_of_case(writing, &mut edit, &case, setting, field, amendment, &mut warnings)?;
                if field == Field::Subject {
                    warnings.extend(of_subject(writing, &case, &setting.value)?);
                }
            }
        }
    }
    // An event bears its own officer.
    if amendment.settings.iter().any(|setting| setting.item != Item::Field(Field::Status)) {
        correction::sign(&mut edit, amendment.officer.as_deref())?;
    }
    for (code, words) in &warnings {
        case::warn(&mut edit, code.as_str(), words)?;
    }
    changed |= writing.save(document, edit)?;
    let after = read_case(writing, document)?;
    Ok(Amended {
        case: document,
        slip: after.slip.clone(),
        status: after.status(),
        changed,
        warnings: warnings.into_iter().map(|(_, words)| words).collect(),
    })
}

/// Whether a reason is there where `field` of a document is in conflict.
fn decides(
    writing: &mut Writing<'_>,
    document: DocumentId,
    field: Field,
    amendment: &Amendment,
) -> Result<(), AmendError> {
    if amendment.reason.as_deref().is_some_and(|reason| !reason.trim().is_empty()) {
        return Ok(());
    }
    let conflicts = conflict::conflicts(field.kind(), &View::of(writing.history(document)?));
    if conflicts.iter().any(|conflict| conflict.field == field.key()) {
        return Err(AmendError::Undecided { field });
    }
    Ok(())
}

/// Sets a field of one of the people of `case`; whether that changed anything.
fn set_of_person(
    writing: &mut Writing<'_>,
    case: &Case,
    setting: &Setting,
    field: Field,
    amendment: &Amendment,
    warnings: &mut Vec<Warning>,
) -> Result<bool, AmendError> {
    let person = party(case, setting.party)?;
    decides(writing, person, field, amendment)?;
    let mut edit = writing.open(person)?;
    field::set(&mut edit, field, &setting.value, amendment.reason.as_deref())?;
    correction::sign(&mut edit, amendment.officer.as_deref())?;
    let changed = writing.save(person, edit)?;
    if setting.party == Party::Subject {
        warnings.extend(identity(writing, person)?);
        if field == Field::Born {
            warnings.extend(age(writing, case, &setting.value));
        }
        if field == Field::Phone && !setting.value.trim().is_empty() {
            warnings.extend(warnings::phone(&setting.value));
        }
    }
    if field == Field::Nik && setting.value.trim().is_empty() {
        warnings.push(warnings::no_nik());
    } else if matches!(field, Field::Nik | Field::Name) {
        warnings.extend(other_name(writing, person)?);
    }
    if field == Field::Born
        && let Ok(born) = setting.value.trim().parse()
    {
        warnings.extend(warnings::born_ahead(born, today(writing)));
    }
    Ok(changed)
}

/// Sets a field of the case itself, in `edit`.
fn set_of_case(
    writing: &Writing<'_>,
    edit: &mut Edit,
    case: &Case,
    setting: &Setting,
    field: Field,
    amendment: &Amendment,
    warnings: &mut Vec<Warning>,
) -> Result<(), AmendError> {
    if field == Field::Status {
        return set_status(writing, edit, case, setting, amendment);
    }
    let visit = (field == Field::Visit).then(|| visit(writing, &setting.value)).transpose()?;
    let value = visit.as_ref().unwrap_or(&setting.value);
    field::set(edit, field, value, amendment.reason.as_deref())?;
    if field == Field::Subject {
        // Who came on their own behalf is the wrong person in each of these places.
        let is_named = |other| amendment.settings.iter().any(|setting| setting.item == Item::Field(other));
        for (other, party) in [(Field::Applicant, case.applicant), (Field::Collector, case.collector)] {
            if party.is_some() && party == case.subject && !is_named(other) {
                field::set(edit, other, value, amendment.reason.as_deref())?;
            }
        }
    }
    if field == Field::Consent && matches!(value.trim(), "false" | "no" | "tidak") {
        warnings.push((Code::Consent, "the citizen does not consent".to_owned()));
    }
    if field == Field::Started
        && let Ok((started, offset_minutes)) = Timestamp::parse(value.trim())
    {
        warnings.extend(warnings::typed_day(started.day(offset_minutes), today(writing)));
    }
    if field == Field::Officer {
        warnings.extend(warnings::officer(writing.registries, Some(&setting.value)));
    }
    Ok(())
}

fn read_case(writing: &mut Writing<'_>, document: DocumentId) -> Result<Case, SaveError> {
    Ok(Case::read(&View::of(writing.history(document)?)))
}

fn identity(writing: &mut Writing<'_>, person: DocumentId) -> Result<Vec<Warning>, SaveError> {
    let today = today(writing);
    let person = Person::read(&View::of(writing.history(person)?));
    Ok(warnings::identity(person.nik.as_ref(), person.sex, person.born, today))
}

/// Whether the NIK of a person is another person's too, by name.
fn other_name(writing: &mut Writing<'_>, document: DocumentId) -> Result<Option<Warning>, SaveError> {
    let person = Person::read(&View::of(writing.history(document)?));
    Ok(warnings::other_name(writing.tx, document, &person)?)
}

/// What is odd about another subject than a case had.
fn of_subject(writing: &mut Writing<'_>, case: &Case, subject: &str) -> Result<Vec<Warning>, SaveError> {
    let (Ok(document), Some(started)) = (subject.trim().parse(), case.started) else { return Ok(Vec::new()) };
    let person = Person::read(&View::of(writing.history(document)?));
    let people = People {
        subject: (document, &person),
        others: Vec::new(),
        service: case.service.as_deref().and_then(|code| writing.registries.service(code)),
        day: started.day(),
    };
    Ok(people.warnings(writing.tx)?)
}

fn age(writing: &Writing<'_>, case: &Case, born: &str) -> Option<Warning> {
    let started = case.started?;
    let service = writing.registries.service(case.service.as_deref()?)?;
    warnings::age(service, born.trim().parse().ok(), started.at.day(started.offset_minutes))
}

/// The id of a visit that an id or the label of one of this unit names; empty where none is meant.
fn visit(writing: &Writing<'_>, text: &str) -> Result<String, AmendError> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let unit = writing.station.place.as_ref().and_then(|place| place.unit.as_ref());
    let found = resolve::visit(writing.tx, unit.map(UnitId::as_str), text)?;
    Ok(found.to_string())
}

fn today(writing: &Writing<'_>) -> time::Date {
    let zone = writing.station.place.as_ref().map_or(Zone::Wib, |place| Zone::of(&place.district));
    writing.now.wall.day(zone.offset_minutes())
}

/// Checks what only the registries can tell.
fn check(writing: &Writing<'_>, setting: &Setting) -> Result<(), AmendError> {
    let Item::Field(field) = setting.item else { return Ok(()) };
    if matches!(field, Field::Village | Field::Domicile)
        && let Ok(code) = setting.value.trim().parse::<VillageCode>()
        && writing.registries.village(&code).is_none()
    {
        return Err(AmendError::Village { code });
    }
    Ok(())
}

fn party(case: &Case, party: Party) -> Result<DocumentId, AmendError> {
    let (found, party) = match party {
        Party::Subject => (case.subject, "subject"),
        Party::Applicant => (case.applicant, "applicant"),
        Party::Collector => (case.collector, "collector"),
    };
    found.ok_or(AmendError::NoParty { party })
}

/// Whether the laptops of a unit, for which a product is to be ready, hear of the case.
fn check_unit(writing: &Writing<'_>, case: &Case, unit: &UnitId) -> Result<(), AmendError> {
    let Some(known) = writing.registries.unit(unit) else {
        // Before any unit is in the registry, each is known by its laptops alone.
        let none = writing.registries.units().len() == 0;
        return if none { Ok(()) } else { Err(AmendError::Unit { unit: unit.clone() }) };
    };
    let Some(village) = &case.village else { return Ok(()) };
    let serves = known.villages.is_empty() || known.villages.contains(village);
    if serves || case.unit.as_ref() == Some(unit) {
        return Ok(());
    }
    Err(AmendError::UnitElsewhere { unit: unit.clone(), village: village.clone() })
}

fn set_status(
    writing: &Writing<'_>,
    edit: &mut Edit,
    case: &Case,
    setting: &Setting,
    amendment: &Amendment,
) -> Result<(), AmendError> {
    let state: State = setting.value.trim().parse()?;
    if state == State::WithCollector && amendment.with.as_deref().is_none_or(|name| name.trim().is_empty()) {
        return Err(AmendError::NoCollector);
    }
    if let Some(unit) = amendment.unit.as_ref().filter(|_| writing.station.hub) {
        check_unit(writing, case, unit)?;
    }
    let version = case.catalogue.as_deref().and_then(|version| version.parse().ok());
    let service = version
        .zip(case.service.as_deref())
        .and_then(|(version, service)| writing.registries.service_at(&version, service));
    let ends_there = service.is_some_and(|service| service.offline_mode == OfflineMode::Full);
    let confirm = state == State::Issued && !writing.station.hub && !ends_there;
    let event = NewEvent {
        officer: amendment.officer.as_deref(),
        agency: amendment.agency.as_deref(),
        reference: amendment.reference.as_deref(),
        reason: amendment.reason.as_deref(),
        with: amendment.with.as_deref(),
        collected_by: amendment.collector,
        collected_how: amendment.received,
        unit: amendment.unit.as_ref(),
        confirm,
        ..NewEvent::new(state, writing.now.wall)
    };
    event.write(edit)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_written_back() {
        for text in
            ["phone=0812", "notes=a=b", "applicant.name=O'a Mate", "tick=KTP", "status=complete", "visit="]
        {
            assert_eq!(text.parse::<Setting>().expect("it is a setting").to_string(), text);
        }
        for wrong in ["phone", "colour=red", "=x"] {
            assert!(wrong.parse::<Setting>().is_err(), "{wrong}");
        }
    }
}
