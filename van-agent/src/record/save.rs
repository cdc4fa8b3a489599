//! Makes the documents of a group of lines, in one transaction.
//!
//! A line that is refused leaves nothing behind. What lines of the same group made is found by the lines after
//! them, though the read model does not show it before the transaction ends.

use std::ops::RangeInclusive;

use serde_json::{Value, json};
use shared::{
    desk::{
        because::{Because, Explained as _},
        blanks,
        warnings::{self, Code, Warning},
    },
    document::{EditError, NewEvent, State, case, field::SetError, visit},
    id::{DocumentId, Kind, UnitId, VillageCode, hex},
    nik::Nik,
    registry::row::{OfflineMode, Service},
    slip::SlipNumber,
    store::{
        StoreError,
        forms::{self, Form},
        lines, read_model, sheets, slips,
    },
    sync::{
        Replica,
        station::Place,
        writing::{SaveError, Writing},
    },
    time::{Now, Zone},
};

use super::{
    line::{self, Line},
    made::Made,
    number,
};
use crate::{
    agent::{not_enrolled, said},
    host::output::Failure,
    request::RawLine,
    sheets::next_slip,
};

/// Lines in one transaction.
pub const GROUP_LINES_MAX: usize = 200;
/// The channel of what is entered from an emergency sheet.
pub const FROM_PAPER: &str = "paper";
/// How far before and behind a line others of its sitting are looked for, in milliseconds.
const SITTING_MILLISECONDS: i64 = 24 * 3_600 * 1_000;

/// What became of a line that was saved.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Saved {
    case: DocumentId,
    slip: String,
    /// The number of an agency that numbers centrally.
    number: Option<String>,
    person: Option<DocumentId>,
    warnings: Vec<String>,
    /// The case was here before, under the same `ref`.
    known: bool,
}

/// Why a line is refused when it is saved.
#[derive(Debug, thiserror::Error)]
pub(super) enum RefusedError {
    #[error(transparent)]
    Line(#[from] line::LineError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("village {0} is not in the registry")]
    Village(VillageCode),
    #[error("service {0} is not in the registry")]
    Service(String),
    #[error("ref {reference} was used for other content, by case {slip}; give it another ref")]
    ReferenceUsed { reference: String, slip: String },
    #[error("`{0}` is not on the pre-list; see `van-agent person list NAME`")]
    Listed(String),
    #[error("number {0} was never printed on an emergency sheet; read it again, and see `sheet list`")]
    NoSheet(SlipNumber),
    #[error(
        "number {number} is on no emergency sheet of this laptop; enter it on laptop {}, which printed it",
        .number.device()
    )]
    SheetElsewhere { number: SlipNumber },
    #[error("number {0} is that of a case that came from no emergency sheet; see `case show`")]
    NotOfSheet(SlipNumber),
    #[error(
        "number {0} was reserved before this laptop's data began anew, and may be used elsewhere; record it with a new number"
    )]
    SheetExpired(SlipNumber),
    #[error("the sheet with number {0} was entered already; see `case show`")]
    SheetEntered(SlipNumber),
    #[error("nothing was entered from the sheet with number {0} yet; give its first case that number")]
    SheetOpen(SlipNumber),
    #[error("visit {0} is not on this laptop")]
    Visit(DocumentId),
    #[error("person {0} is not on this laptop")]
    Person(String),
    #[error(
        "person_ref {reference} is {name}{}; give this person another person_ref, or correct what is stored by amend",
        .nik.as_ref().map_or_else(String::new, |nik| format!(", NIK {}", masked(nik)))
    )]
    Somebody { reference: String, name: String, nik: Option<Nik> },
    #[error("NIK {} is not known here yet: {missing} is missing", masked(.nik))]
    Stranger { nik: Nik, missing: &'static str },
    #[error("{missing} is missing")]
    Missing { missing: &'static str },
    #[error(transparent)]
    Set(#[from] SetError),
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error(transparent)]
    Save(#[from] SaveError),
}

impl RefusedError {
    /// The field that is wrong, where it is one.
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Line(error) => error.field(),
            Self::Village(_) => Some("village"),
            Self::Service(_) => Some("service"),
            Self::ReferenceUsed { .. } => Some("ref"),
            Self::Listed(_) => Some("listed"),
            Self::NoSheet(_)
            | Self::SheetElsewhere { .. }
            | Self::NotOfSheet(_)
            | Self::SheetExpired(_)
            | Self::SheetEntered(_)
            | Self::SheetOpen(_) => Some("sheet"),
            Self::Visit(_) => Some("visit"),
            Self::Person(_) | Self::Somebody { .. } => Some("person_ref"),
            Self::Stranger { missing, .. } | Self::Missing { missing } => Some(missing),
            Self::Set(error) => error.because().field,
            Self::Edit(error) => error.because().field,
            Self::Store(_) | Self::Save(_) => None,
        }
    }

    /// Why, by a code for which pages have words; none where the field says it.
    fn because(&self) -> Option<Because> {
        let code = match self {
            Self::Line(error) => return error.because(),
            Self::Set(error) => return Some(error.because()),
            Self::Edit(error) => return Some(error.because()),
            Self::Save(error) => return Some(error.because()),
            Self::Store(error) => return Some(error.because()),
            Self::Village(_) => "village",
            Self::NoSheet(_) => "no-sheet",
            Self::SheetElsewhere { .. } => "sheet-elsewhere",
            Self::NotOfSheet(_) => "not-of-sheet",
            Self::SheetExpired(_) => "sheet-expired",
            Self::SheetEntered(_) => "sheet-entered",
            Self::SheetOpen(_) => "sheet-open",
            Self::Visit(_) => "no-visit",
            Self::Somebody { .. } => "somebody",
            Self::Service(_)
            | Self::ReferenceUsed { .. }
            | Self::Listed(_)
            | Self::Person(_)
            | Self::Stranger { .. }
            | Self::Missing { .. } => return None,
        };
        Some(Because::of(code))
    }

    /// Why, in English, for who has named the field.
    fn without_field(&self) -> String {
        match self {
            Self::Line(error) => error.without_field(),
            Self::Somebody { name, .. } => format!("the person who was chosen is {name}"),
            Self::Missing { .. } => "it is missing".to_owned(),
            Self::Store(_)
            | Self::Village(_)
            | Self::Service(_)
            | Self::ReferenceUsed { .. }
            | Self::Listed(_)
            | Self::NoSheet(_)
            | Self::SheetElsewhere { .. }
            | Self::NotOfSheet(_)
            | Self::SheetExpired(_)
            | Self::SheetEntered(_)
            | Self::SheetOpen(_)
            | Self::Visit(_)
            | Self::Person(_)
            | Self::Stranger { .. }
            | Self::Set(_)
            | Self::Edit(_)
            | Self::Save(_) => self.to_string(),
        }
    }

    /// The failure of the store that it is, if it is one.
    fn into_store(self) -> Result<StoreError, Self> {
        if let Self::Store(error) | Self::Save(SaveError::Store(error)) = self {
            return Ok(error);
        }
        Err(self)
    }
}

/// What is wrong with a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Why {
    /// By a code for which pages have words; none where the field says it.
    pub because: Option<Because>,
    /// In English, without the field.
    pub english: String,
}

/// Why nothing is saved of lines that belong together.
#[derive(Debug)]
pub enum WholeError {
    /// One of them is refused.
    Refused {
        /// The field that is wrong, where it is one.
        field: Option<&'static str>,
        /// What is wrong.
        why: Why,
    },
    /// The laptop is not enrolled, or the store failed.
    Failed(Failure),
}

impl From<RefusedError> for WholeError {
    fn from(error: RefusedError) -> Self {
        let why = Why { because: error.because(), english: error.without_field() };
        let field = error.field();
        match error.into_store() {
            Ok(error) => error.into(),
            Err(_) => Self::Refused { field, why },
        }
    }
}

impl From<StoreError> for WholeError {
    fn from(error: StoreError) -> Self {
        Self::Failed(said(error).next("repair the cause and save it again"))
    }
}

/// A NIK as errors may show it.
fn masked(nik: &Nik) -> String {
    format!("{}…{}", &nik.as_str()[..6], &nik.as_str()[12..])
}

/// Saves lines all together or not at all, and notes in the same transaction that the half-typed form that they come
/// from is saved. Reports as [`save`] does.
///
/// # Errors
/// A line is refused, the laptop is not enrolled, or the store failed: nothing is kept then, and the form stays.
pub fn save_whole(
    replica: &mut Replica,
    now: Now,
    raw: &[RawLine],
    form: &Form,
) -> Result<Vec<Value>, WholeError> {
    let place = place(replica).map_err(WholeError::Failed)?;
    replica.write(now, |writing| {
        let mut group = Group::new(&place);
        let mut reports = Vec::with_capacity(raw.len());
        for raw in raw {
            let line = line::parse(&raw.text).map_err(RefusedError::from)?;
            reports.push(report(raw.line, &group.line(writing, &line)?));
        }
        let cases: Vec<_> = reports.iter().filter_map(|report| report["case"].as_str()).collect();
        forms::set_saved(writing.tx, form, &cases.join(","))?;
        Ok(reports)
    })
}

/// Where this laptop belongs.
fn place(replica: &Replica) -> Result<Place, Failure> {
    replica.station().place.clone().filter(|place| place.unit.is_some()).ok_or_else(not_enrolled)
}

/// Saves lines and reports on each: `{"line","case","slip","person","warnings"}` or `{"line","error"}`.
///
/// # Errors
/// The laptop is not enrolled, or the store failed: nothing of these lines is kept then.
pub fn save(replica: &mut Replica, now: Now, raw: &[RawLine]) -> Result<Vec<Value>, Failure> {
    let place = place(replica)?;
    let parsed: Vec<_> = raw.iter().map(|raw| (raw.line, line::parse(&raw.text))).collect();
    let saved = replica.write(now, |writing| {
        let mut group = Group::new(&place);
        let mut reports = Vec::with_capacity(parsed.len());
        for (number, line) in &parsed {
            let saved = match line {
                Ok(line) => group.line(writing, line),
                Err(error) => Err(error.clone().into()),
            };
            reports.push(match saved {
                Ok(saved) => report(*number, &saved),
                Err(RefusedError::Store(error) | RefusedError::Save(SaveError::Store(error))) => {
                    return Err(error);
                }
                Err(error) => json!({"line": number, "error": error.to_string()}),
            });
        }
        Ok(reports)
    });
    saved.map_err(|error| said(error).next("repair the cause and record it again"))
}

fn report(number: u64, saved: &Saved) -> Value {
    let mut report = json!({
        "line": number,
        "case": saved.case,
        "slip": saved.slip,
        "person": saved.person,
        "warnings": saved.warnings,
    });
    if let Some(number) = &saved.number {
        report["number"] = number.as_str().into();
    }
    if saved.known {
        report["known"] = true.into();
    }
    report
}

/// What the lines of a transaction have made so far.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) place: &'a Place,
    zone: Zone,
    pub(super) made: Made,
}

impl<'a> Group<'a> {
    fn new(place: &'a Place) -> Self {
        Self { place, zone: Zone::of(&place.district), made: Made::default() }
    }

    /// Saves one line, whole or not at all.
    fn line(&mut self, writing: &mut Writing<'_>, line: &Line) -> Result<Saved, RefusedError> {
        let mark = writing.mark();
        let before = self.made.size();
        let saved = self.try_line(writing, line);
        if saved.is_err() {
            writing.rewind(mark);
            self.made.undo(&before);
        }
        saved
    }

    fn try_line(&mut self, writing: &mut Writing<'_>, line: &Line) -> Result<Saved, RefusedError> {
        if let Some(known) = self.known(writing, line)? {
            return Ok(known);
        }
        let service = Self::check(writing, line)?.clone();
        let mut warnings = self.warnings(writing, line, &service)?;
        let subject = self.person(writing, &line.subject, Some(&line.village), &mut warnings)?;
        let encounter = self.encounter(writing, line)?;
        let (applicant, collector) = self.parties(writing, line, subject, encounter, &mut warnings)?;
        self.duplicates(writing, subject, line, &mut warnings)?;
        let visit = line.visit.as_ref().map(|label| self.visit(writing, label, line)).transpose()?;
        let slip = self.slip(writing, line)?;
        let taken = number::take(writing, self.place, &service)?;
        warnings.extend(taken.warning);
        let catalogue = writing.registries.catalogue().to_string();
        let unit = self.unit();
        let (document, mut edit) = writing.create(Kind::Case);
        let confirmed: Vec<_> =
            unique(&warnings).into_iter().map(|(code, words)| (code.as_str(), words)).collect();
        case::New {
            service: &line.service,
            catalogue: &catalogue,
            slip: &slip,
            unit: &unit,
            district: &self.place.district,
            village: Some(&line.village),
            applicant,
            subject,
            collector,
            visit,
            encounter: encounter.unwrap_or_else(|| document.sitting()),
            started: line.started,
            ended: line.ended,
            offset_minutes: line.offset_minutes,
            officer: line.officer.as_deref(),
            position: line.position,
            consent: line.consent,
            consent_text: line.consent_text.as_deref(),
            confirmed: line.confirmed,
            notes: line.notes.as_deref(),
            reference: line.reference.as_deref(),
            channel: channel(line),
            blank: line.blank.as_deref(),
            priority: line.priority.as_deref(),
            companion: line.companion.as_deref(),
            witnesses: &line.witnesses,
            ticks: &line.ticks,
            warnings: &confirmed,
            event: NewEvent {
                officer: line.officer.as_deref(),
                reference: taken.number.as_deref(),
                ..NewEvent::new(line.status, line.started)
            },
        }
        .write(&mut edit)?;
        case::put_sheet(&mut edit, line.of_sheet.as_ref())?;
        writing.save(document, edit)?;
        let slip = slip.to_string();
        self.note(writing, line, document, subject, &slip)?;
        let warnings = confirmed.into_iter().map(|(_, words)| words).chain(taken.told).collect();
        Ok(Saved {
            case: document,
            slip,
            number: taken.number,
            person: Some(subject),
            warnings,
            known: false,
        })
    }

    /// Notes what a line made, and that its slip is to be printed.
    fn note(
        &mut self,
        writing: &Writing<'_>,
        line: &Line,
        document: DocumentId,
        subject: DocumentId,
        slip: &str,
    ) -> Result<(), RefusedError> {
        lines::put(writing.tx, &line.digest, document)?;
        match &line.sheet {
            // Whoever brought the sheet has its number already.
            Some(number) => sheets::set_entered(writing.tx, number, document)?,
            None => slips::want(writing.tx, document, 1, writing.now.wall)?,
        }
        let kind = blanks::kind_of(writing.registries, &line.service);
        self.made.note_case(line, kind, document, subject, slip);
        Ok(())
    }

    /// Who asks, and who will fetch the product where that is somebody else.
    fn parties(
        &mut self,
        writing: &mut Writing<'_>,
        line: &Line,
        subject: DocumentId,
        encounter: Option<[u8; 8]>,
        warnings: &mut Vec<Warning>,
    ) -> Result<(DocumentId, Option<DocumentId>), RefusedError> {
        let applicant = match &line.applicant {
            Some(applicant) => self.person(writing, applicant, None, warnings)?,
            None => self.applicant(writing, line, encounter)?.unwrap_or(subject),
        };
        if let Some(encounter) = encounter {
            self.made.note_applicant(encounter, applicant);
        }
        let collector = line.collector.as_ref();
        let collector =
            collector.map(|collector| self.person(writing, collector, None, warnings)).transpose()?;
        Ok((applicant, collector))
    }

    fn unit(&self) -> UnitId {
        self.place.unit.clone().expect("an enrolled laptop has a unit")
    }

    /// The case that this laptop recorded before under the same `ref`; other content is refused.
    fn known(&self, writing: &Writing<'_>, line: &Line) -> Result<Option<Saved>, RefusedError> {
        let Some(reference) = &line.reference else { return Ok(None) };
        let known = |case, slip, person| {
            Ok(Some(Saved { case, slip, number: None, person, warnings: Vec::new(), known: true }))
        };
        let used = |slip: &str| RefusedError::ReferenceUsed {
            reference: reference.chars().take(64).collect(),
            slip: slip.to_owned(),
        };
        if let Some(made) = self.made.cases.get(reference) {
            if made.digest != line.digest {
                return Err(used(&made.slip));
            }
            return known(made.case, made.slip.clone(), Some(made.subject));
        }
        let mut other = None;
        for case in lines::cases_named(writing.tx, self.place.device, reference)? {
            let Some(row) = read_model::case_of(writing.tx, case)? else { continue };
            let same = match lines::digest_of(writing.tx, case)? {
                Some(digest) => digest == line.digest,
                // The digests were lost with a disk: what the hub gave back has to do.
                None => row.service == line.service && row.started == Some(line.started.0),
            };
            if same {
                return known(case, row.slip, row.subject);
            }
            other.get_or_insert(row.slip);
        }
        other.map_or(Ok(None), |slip| Err(used(&slip)))
    }

    /// Refuses what only the registries can tell.
    fn check<'w>(writing: &'w Writing<'_>, line: &Line) -> Result<&'w Service, RefusedError> {
        let people = [Some(&line.subject), line.applicant.as_ref(), line.collector.as_ref()];
        for village in people.into_iter().flatten().filter_map(|person| person.village.as_ref()) {
            known_village(writing, village)?;
        }
        known_village(writing, &line.village)?;
        writing.registries.service(&line.service).ok_or_else(|| {
            RefusedError::Service(line.service.chars().filter(|c| !c.is_control()).take(64).collect())
        })
    }

    /// What is odd about a line and stops nothing.
    fn warnings(
        &self,
        writing: &Writing<'_>,
        line: &Line,
        service: &Service,
    ) -> Result<Vec<Warning>, RefusedError> {
        let mut found = Vec::new();
        let day = line.started.day(self.zone.offset_minutes());
        match line.consent {
            Some(true) => {}
            Some(false) => found.push((Code::Consent, "the citizen does not consent".to_owned())),
            None => found.push((Code::Consent, "nobody noted whether the citizen consents".to_owned())),
        }
        found.extend(warnings::officer(writing.registries, line.officer.as_deref()));
        found.extend(warnings::age(service, line.subject.born, day));
        let subject = &line.subject;
        found.extend(warnings::identity(subject.nik.as_ref(), subject.sex, subject.born, day));
        found.extend(subject.phone.as_deref().and_then(warnings::phone));
        let today = writing.now.wall.day(self.zone.offset_minutes());
        let people = [Some(subject), line.applicant.as_ref(), line.collector.as_ref()];
        let ahead = |born| warnings::born_ahead(born, today);
        found.extend(people.into_iter().flatten().filter_map(|person| person.born.and_then(ahead)));
        found.extend(mode(service, line.status));
        found.extend(match is_on_paper(line) {
            true => warnings::typed_day(day, today),
            false => warnings::started_ahead(day, today),
        });
        if line.ended.is_some_and(|ended| ended < line.started) {
            found.push((Code::Ended, "the sitting ended before it began".to_owned()));
        }
        let earlier = match self.made.repeats.get(&line.digest) {
            Some(slip) => Some(slip.clone()),
            None => match lines::find(writing.tx, &line.digest)? {
                Some(case) => Some(
                    read_model::case_of(writing.tx, case)?.map_or_else(|| case.to_string(), |row| row.slip),
                ),
                None => None,
            },
        };
        if let Some(earlier) = earlier {
            found.push((Code::Repeated, format!("the same line was recorded before, as case {earlier}")));
        }
        Ok(found)
    }

    /// The id of the sitting that its lines name by a key: it follows from the key and their day, where the key
    /// is not the id of a sitting already.
    fn encounter(&self, writing: &Writing<'_>, line: &Line) -> Result<Option<[u8; 8]>, RefusedError> {
        let Some(key) = line.encounter.as_ref() else { return Ok(None) };
        if let Some(known) = hex_id(key)
            && read_model::applicant_of_encounter(writing.tx, key, &around(line))?.is_some()
        {
            return Ok(Some(known));
        }
        let day = line.started.day(self.zone.offset_minutes());
        let device = self.place.device;
        let digest = blake3::derive_key("keliling 1 encounter", format!("{device}/{day}/{key}").as_bytes());
        Ok(digest.first_chunk().copied())
    }

    /// Who asked in this sitting before.
    fn applicant(
        &self,
        writing: &Writing<'_>,
        line: &Line,
        encounter: Option<[u8; 8]>,
    ) -> Result<Option<DocumentId>, RefusedError> {
        let Some(encounter) = encounter else { return Ok(None) };
        if let Some(applicant) = self.made.applicants.get(&encounter) {
            return Ok(Some(*applicant));
        }
        Ok(read_model::applicant_of_encounter(writing.tx, &hex(&encounter), &around(line))?)
    }

    /// Warns of cases that this one repeats, with the reason why it is recorded all the same.
    fn duplicates(
        &self,
        writing: &Writing<'_>,
        subject: DocumentId,
        line: &Line,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), RefusedError> {
        let again = line.again.as_deref();
        let open = match self.made.open.get(&(subject, line.service.clone())) {
            Some(slip) => vec![slip.clone()],
            None => slips(read_model::open_cases(writing.tx, subject, &line.service)?),
        };
        if !open.is_empty() {
            warnings.push(warnings::same_open(&open, again));
        }
        let Some(blank) = &line.blank else { return Ok(()) };
        let key = (blanks::kind_of(writing.registries, &line.service), blank.clone());
        let used = match self.made.blanks.get(&key) {
            Some(slip) => vec![slip.clone()],
            None => slips(read_model::cases_of_blank(writing.tx, key.0.as_ref(), blank)?),
        };
        if !used.is_empty() {
            warnings.push(warnings::same_blank(blank, &used, again));
        }
        Ok(())
    }

    /// The visit of a label, made if it is new; or of an id.
    fn visit(
        &mut self,
        writing: &mut Writing<'_>,
        label: &str,
        line: &Line,
    ) -> Result<DocumentId, RefusedError> {
        if let Ok(document) = label.parse::<DocumentId>() {
            let known = read_model::visits(writing.tx)?.iter().any(|visit| visit.document == document);
            return if known { Ok(document) } else { Err(RefusedError::Visit(document)) };
        }
        let date = line.started.day(self.zone.offset_minutes());
        let key = (label.to_owned(), date.to_string());
        if let Some(document) = self.made.visits.get(&key) {
            return Ok(*document);
        }
        let unit = self.unit();
        if let Some(document) = read_model::visit_of(writing.tx, unit.as_str(), label, &key.1)? {
            return Ok(document);
        }
        let (document, mut edit) = writing.create(Kind::Visit);
        visit::New {
            district: &self.place.district,
            unit: &unit,
            label,
            date,
            village: Some(&line.village),
            point: None,
            lead: None,
            agencies: &[],
            opened: line.started,
            offset_minutes: line.offset_minutes,
        }
        .write(&mut edit)?;
        writing.save(document, edit)?;
        self.made.visits.insert(key, document);
        Ok(document)
    }

    /// The number on the sheet that is entered, or else the next slip number of the day.
    fn slip(&self, writing: &Writing<'_>, line: &Line) -> Result<SlipNumber, RefusedError> {
        let Some(number) = line.sheet.clone() else {
            self.check_sheet(writing, line)?;
            let date = line.started.day(self.zone.offset_minutes());
            return Ok(next_slip(writing.tx, self.place, date)?);
        };
        let Some(sheet) = sheets::find(writing.tx, &number)? else {
            return Err(self.no_sheet(writing, number)?);
        };
        if sheet.case.is_some() || !read_model::cases_of_slip(writing.tx, &number.to_string())?.is_empty() {
            return Err(RefusedError::SheetEntered(number));
        }
        if sheet.epoch != writing.station.epoch {
            return Err(RefusedError::SheetExpired(number));
        }
        Ok(number)
    }

    /// Why a number that is on no sheet of this laptop is refused.
    fn no_sheet(&self, writing: &Writing<'_>, number: SlipNumber) -> Result<RefusedError, StoreError> {
        let cases = read_model::cases_of_slip(writing.tx, &number.to_string())?;
        let is_from_paper =
            |row: &read_model::CaseRow| row.detail.get("channel").is_some_and(|by| by == FROM_PAPER);
        Ok(match cases.first() {
            Some(row) if is_from_paper(row) => RefusedError::SheetEntered(number),
            Some(_) => RefusedError::NotOfSheet(number),
            None if !self.is_own(&number) => RefusedError::SheetElsewhere { number },
            None => RefusedError::NoSheet(number),
        })
    }

    /// Whether a number is one of those that this laptop gives.
    fn is_own(&self, number: &SlipNumber) -> bool {
        number.device() == format!("{}{}", self.unit(), self.place.letter)
    }

    /// Refuses a further case of a sheet from which no first one was entered, on this laptop.
    fn check_sheet(&self, writing: &Writing<'_>, line: &Line) -> Result<(), RefusedError> {
        let Some(number) = &line.of_sheet else { return Ok(()) };
        match sheets::find(writing.tx, number)? {
            None if !self.is_own(number) => Err(RefusedError::SheetElsewhere { number: number.clone() }),
            None => Err(self.no_sheet(writing, number.clone())?),
            Some(sheet) if sheet.case.is_none() => Err(RefusedError::SheetOpen(number.clone())),
            Some(_) => Ok(()),
        }
    }
}

/// By which way a case came in.
fn channel(line: &Line) -> Option<&str> {
    if is_on_paper(line) { Some(FROM_PAPER) } else { line.channel.as_deref() }
}

/// Whether it is entered from an emergency sheet.
fn is_on_paper(line: &Line) -> bool {
    line.sheet.is_some() || line.of_sheet.is_some()
}

/// The id of a sitting, as the read model writes it.
fn hex_id(text: &str) -> Option<[u8; 8]> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// When other lines of a line's sitting may have begun.
fn around(line: &Line) -> RangeInclusive<i64> {
    let at = line.started.0;
    at.saturating_sub(SITTING_MILLISECONDS)..=at.saturating_add(SITTING_MILLISECONDS)
}

fn slips(cases: Vec<read_model::CaseRow>) -> Vec<String> {
    cases.into_iter().map(|case| case.slip).collect()
}

fn known_village(writing: &Writing<'_>, code: &VillageCode) -> Result<(), RefusedError> {
    match writing.registries.village(code) {
        Some(_) => Ok(()),
        None => Err(RefusedError::Village(code.clone())),
    }
}

/// A first status that does not go with how far the service goes without network.
fn mode(service: &Service, status: State) -> Option<Warning> {
    let waits = status == State::WaitingForNetwork;
    let words = match (service.offline_mode, status) {
        (OfflineMode::OnlineStep, State::Complete | State::Received) => {
            "this service needs the agency's live system: it is not done before waiting_for_network"
        }
        (OfflineMode::Full | OfflineMode::Intake, _) if waits => "this service does not wait for the network",
        _ => return None,
    };
    Some((Code::Mode, format!("{}: {words}", service.code)))
}

/// One warning of each code; what differs of several people stands in one.
fn unique(warnings: &[Warning]) -> Vec<Warning> {
    let mut found: Vec<Warning> = Vec::new();
    for (code, words) in warnings {
        match found.iter_mut().find(|(known, _)| known == code) {
            None => found.push((*code, words.clone())),
            Some((_, all)) if *code == Code::Differs => {
                all.push_str("; ");
                all.push_str(words);
            }
            Some(_) => {}
        }
    }
    found
}
