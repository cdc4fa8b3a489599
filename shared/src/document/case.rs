//! A case: one service for one subject.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Attachment, Confirmation, Life, Moment, NewEvent, State, attachment,
    edit::{Edit, EditError},
    schema::key,
    view::{MapView, View},
};
use crate::{
    change::Scalar,
    geo::Position,
    id::{ContentHash, DistrictCode, DocumentId, UnitId, VillageCode},
    slip::SlipNumber,
    time::Timestamp,
};

/// A case as its changes leave it. What is missing or malformed is `None`.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Case {
    /// Code of the service.
    pub service: Option<String>,
    /// Version of the services registry under which it was opened.
    pub catalogue: Option<String>,
    /// Number on the slip.
    pub slip: Option<String>,
    /// Unit that took it in.
    pub unit: Option<UnitId>,
    /// District that it belongs to.
    pub district: Option<DistrictCode>,
    /// Village of the service.
    pub village: Option<VillageCode>,
    /// Who asked.
    pub applicant: Option<DocumentId>,
    /// Whom it is about.
    pub subject: Option<DocumentId>,
    /// Who will fetch the product.
    pub collector: Option<DocumentId>,
    /// Visit at which it was taken in.
    pub visit: Option<DocumentId>,
    /// Sitting that cases share.
    pub encounter: Option<String>,
    /// Begin of the sitting.
    pub started: Option<Moment>,
    /// End of the sitting.
    pub ended: Option<Moment>,
    /// Officer, as claimed.
    pub officer: Option<String>,
    /// Where it was taken in.
    pub position: Option<Position>,
    /// Whether the citizen consented.
    pub consent: Option<bool>,
    /// Version of the text that the citizen was asked to agree to.
    pub consent_text: Option<String>,
    /// How the citizen confirmed what was read out.
    pub confirmed: Option<Confirmation>,
    /// Free text.
    pub notes: Option<String>,
    /// The caller's own name for it, which makes recording idempotent.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// By which way it came in.
    pub channel: Option<String>,
    /// Serial of the numbered blank used.
    pub blank: Option<String>,
    /// Number of the emergency sheet from which it was entered, where another case bears it.
    pub sheet: Option<String>,
    /// Class of the queue.
    pub priority: Option<String>,
    /// Who accompanied the citizen.
    pub companion: Option<String>,
    /// Who witnessed.
    pub witnesses: Vec<String>,
    /// Requirements that are there.
    pub ticks: Vec<String>,
    /// Requirements taken away again, with the reason.
    pub removed: BTreeMap<String, String>,
    /// Warnings by code.
    pub warnings: BTreeMap<String, String>,
    /// Attachments by content hash.
    pub attachments: BTreeMap<ContentHash, Attachment>,
    /// Reasons of amendments by field.
    pub reasons: BTreeMap<String, String>,
    /// Where it stands and how it came there.
    #[serde(flatten)]
    pub status: Status,
}

/// Where a case stands.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Status {
    /// The current state.
    pub status: State,
    /// Whether it was issued in the village and the hub has yet to confirm it.
    pub to_be_confirmed: bool,
    /// All events, in an order that respects causality.
    pub events: Vec<super::Event>,
}

impl Case {
    /// Reads a case.
    pub fn read(view: &View<'_>) -> Self {
        let root = view.root();
        let text = |key: &str| root.text(key).map(str::to_owned);
        let offset = root.int(key::OFFSET);
        let moment = |key: &str| root.timestamp(key).map(|at| Moment::new(at, offset));
        let micro = root.int(key::LATITUDE).zip(root.int(key::LONGITUDE));
        let life = Life::read(view);
        let (ticks, removed) = ticks(root);
        let attachments = attachment::read(view);
        let mut reasons = texts(root, key::REASONS);
        // Those tell why a file was taken away, and stand with it.
        reasons.retain(|name, _| name.parse::<ContentHash>().is_err());
        Self {
            service: text(key::SERVICE),
            catalogue: text(key::CATALOGUE),
            slip: text(key::SLIP),
            unit: parsed(root, key::UNIT),
            district: parsed(root, key::DISTRICT),
            village: parsed(root, key::VILLAGE),
            applicant: parsed(root, key::APPLICANT),
            subject: parsed(root, key::SUBJECT),
            collector: parsed(root, key::COLLECTOR),
            visit: parsed(root, key::VISIT),
            encounter: text(key::ENCOUNTER),
            started: moment(key::STARTED),
            ended: moment(key::ENDED),
            officer: text(key::OFFICER),
            position: micro.and_then(|(latitude, longitude)| Position::from_micro(latitude, longitude)),
            consent: root.boolean(key::CONSENT),
            consent_text: text(key::CONSENT_TEXT),
            confirmed: parsed(root, key::CONFIRMED),
            notes: text(key::NOTES),
            reference: text(key::REF),
            channel: text(key::CHANNEL),
            blank: text(key::BLANK),
            sheet: text(key::SHEET),
            priority: text(key::PRIORITY),
            companion: text(key::COMPANION),
            witnesses: witnesses(root),
            ticks,
            removed,
            warnings: texts(root, key::WARNINGS),
            attachments,
            reasons,
            status: Status {
                status: life.state(),
                to_be_confirmed: life.is_to_be_confirmed(),
                events: life.events,
            },
        }
    }

    /// The current state.
    pub fn status(&self) -> State {
        self.status.status
    }
}

/// A case to be made.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Code of the service.
    pub service: &'a str,
    /// Version of the services registry.
    pub catalogue: &'a str,
    /// Number on the slip.
    pub slip: &'a SlipNumber,
    /// Unit that takes it in.
    pub unit: &'a UnitId,
    /// District of the device.
    pub district: &'a DistrictCode,
    /// Village of the service.
    pub village: Option<&'a VillageCode>,
    /// Who asks.
    pub applicant: DocumentId,
    /// Whom it is about.
    pub subject: DocumentId,
    /// Who will fetch the product.
    pub collector: Option<DocumentId>,
    /// Visit at which it is taken in.
    pub visit: Option<DocumentId>,
    /// Sitting that cases share.
    pub encounter: [u8; 8],
    /// Begin of the sitting.
    pub started: Timestamp,
    /// End of the sitting.
    pub ended: Option<Timestamp>,
    /// Minutes east of UTC, as given.
    pub offset_minutes: i16,
    /// Officer.
    pub officer: Option<&'a str>,
    /// Where it is taken in.
    pub position: Option<Position>,
    /// Whether the citizen consents.
    pub consent: Option<bool>,
    /// Version of the text that the citizen is asked to agree to.
    pub consent_text: Option<&'a str>,
    /// How the citizen confirms what is read out.
    pub confirmed: Option<Confirmation>,
    /// Free text.
    pub notes: Option<&'a str>,
    /// The caller's own name for it.
    pub reference: Option<&'a str>,
    /// By which way it comes in.
    pub channel: Option<&'a str>,
    /// Serial of the numbered blank used.
    pub blank: Option<&'a str>,
    /// Class of the queue.
    pub priority: Option<&'a str>,
    /// Who accompanies the citizen.
    pub companion: Option<&'a str>,
    /// Who witnesses.
    pub witnesses: &'a [String],
    /// Requirements that are there.
    pub ticks: &'a [String],
    /// Warnings: code and words.
    pub warnings: &'a [(&'a str, String)],
    /// The first event.
    pub event: NewEvent<'a>,
}

impl New<'_> {
    /// Writes the case into a new document. Optional keys stay absent, containers are always made.
    ///
    /// # Errors
    /// A text is too long, or the document is not new.
    pub fn write(&self, edit: &mut Edit) -> Result<(), EditError> {
        let slip = self.slip.to_string();
        let ids = [self.applicant.to_string(), self.subject.to_string()];
        let collector = self.collector.map(|id| id.to_string());
        let visit = self.visit.map(|id| id.to_string());
        let encounter = crate::id::hex(&self.encounter);
        let texts = [
            (key::SERVICE, Some(self.service)),
            (key::CATALOGUE, Some(self.catalogue)),
            (key::SLIP, Some(slip.as_str())),
            (key::UNIT, Some(self.unit.as_str())),
            (key::DISTRICT, Some(self.district.as_str())),
            (key::VILLAGE, self.village.map(VillageCode::as_str)),
            (key::APPLICANT, Some(ids[0].as_str())),
            (key::SUBJECT, Some(ids[1].as_str())),
            (key::COLLECTOR, collector.as_deref()),
            (key::VISIT, visit.as_deref()),
            (key::ENCOUNTER, Some(encounter.as_str())),
            (key::OFFICER, self.officer),
            (key::CONSENT_TEXT, self.consent_text),
            (key::CONFIRMED, self.confirmed.map(Confirmation::as_str)),
            (key::NOTES, self.notes),
            (key::REF, self.reference),
            (key::CHANNEL, self.channel),
            (key::BLANK, self.blank),
            (key::PRIORITY, self.priority),
            (key::COMPANION, self.companion),
        ];
        put_texts(edit, &texts)?;
        edit.put(&[key::STARTED], &Scalar::Timestamp(self.started))?;
        if let Some(ended) = self.ended {
            edit.put(&[key::ENDED], &Scalar::Timestamp(ended))?;
        }
        edit.put(&[key::OFFSET], &Scalar::Int(self.offset_minutes.into()))?;
        if let Some(position) = self.position {
            put_position(edit, position)?;
        }
        if let Some(consent) = self.consent {
            edit.put(&[key::CONSENT], &Scalar::Boolean(consent))?;
        }
        for container in
            [key::WITNESSES, key::STATUS, key::TICKS, key::WARNINGS, key::ATTACHMENTS, key::REASONS]
        {
            edit.make(&[container])?;
        }
        for witness in self.witnesses {
            edit.push(&[key::WITNESSES], &Scalar::Str(witness.clone()))?;
        }
        for requirement in self.ticks {
            tick(edit, requirement)?;
        }
        for (code, words) in self.warnings {
            warn(edit, code, words)?;
        }
        self.event.write(edit)?;
        Ok(())
    }
}

/// Names, in the change that makes a case, the emergency sheet from which it is entered, where another case bears its
/// number.
///
/// # Errors
/// The document is no case.
pub fn put_sheet(edit: &mut Edit, sheet: Option<&SlipNumber>) -> Result<(), EditError> {
    sheet.map_or(Ok(()), |sheet| edit.put(&[key::SHEET], &Scalar::Str(sheet.to_string())))
}

/// Notes that a requirement is there.
///
/// # Errors
/// Its name is too long, or the document is no case.
pub fn tick(edit: &mut Edit, requirement: &str) -> Result<(), EditError> {
    edit.put(&[key::TICKS, requirement], &Scalar::Str(String::new()))
}

/// Takes a requirement away again. Somebody's concurrent tick wins.
///
/// # Errors
/// As [`tick`]; an empty reason is [`EditError::Shape`].
pub fn untick(edit: &mut Edit, requirement: &str, reason: &str) -> Result<(), EditError> {
    if reason.trim().is_empty() {
        return Err(EditError::Shape { key: requirement.to_owned() });
    }
    edit.put(&[key::TICKS, requirement], &Scalar::Str(reason.to_owned()))
}

/// Stores a warning; one of the same code that stands already stays.
///
/// # Errors
/// The code is too long, or the document is no case. Long words are cut.
pub fn warn(edit: &mut Edit, code: &str, words: &str) -> Result<(), EditError> {
    if edit.text(&[key::WARNINGS, code]).is_some() {
        return Ok(());
    }
    let end = words.floor_char_boundary(super::schema::TEXT_BYTES_MAX);
    edit.put(&[key::WARNINGS, code], &Scalar::Str(words[..end].to_owned()))
}

pub(super) fn put_texts(edit: &mut Edit, texts: &[(&str, Option<&str>)]) -> Result<(), EditError> {
    for (key, text) in texts {
        if let Some(text) = text {
            edit.put(&[key], &Scalar::Str((*text).to_owned()))?;
        }
    }
    Ok(())
}

pub(super) fn put_position(edit: &mut Edit, position: Position) -> Result<(), EditError> {
    let (latitude, longitude) = position.micro();
    edit.put(&[key::LATITUDE], &Scalar::Int(latitude))?;
    edit.put(&[key::LONGITUDE], &Scalar::Int(longitude))
}

pub(super) fn parsed<T: std::str::FromStr>(map: MapView<'_>, key: &str) -> Option<T> {
    map.text(key)?.parse().ok()
}

/// The texts of the map at `key`.
pub(super) fn texts(root: MapView<'_>, key: &str) -> BTreeMap<String, String> {
    let maps = root.maps(key).flat_map(|(_, map)| map.keys().map(move |name| (name, map)));
    maps.filter_map(|(name, map)| Some((name.to_owned(), map.text(name)?.to_owned()))).collect()
}

/// A requirement ticked by anybody is there, whoever removed it concurrently.
fn ticks(root: MapView<'_>) -> (Vec<String>, BTreeMap<String, String>) {
    let (mut ticks, mut removed) = (Vec::new(), BTreeMap::new());
    let Some(map) = root.map(key::TICKS) else { return (ticks, removed) };
    for requirement in map.keys() {
        if map.values(requirement).iter().any(|value| value.text() == Some("")) {
            ticks.push(requirement.to_owned());
        } else if let Some(reason) = map.text(requirement) {
            removed.insert(requirement.to_owned(), reason.to_owned());
        }
    }
    (ticks, removed)
}

fn witnesses(root: MapView<'_>) -> Vec<String> {
    let elements = root.list(key::WITNESSES).iter();
    elements.filter_map(|element| element.values.last()?.text().map(str::to_owned)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        document::History,
        id::{ActorId, Kind},
        slip::DeviceLetter,
    };

    pub(in super::super) const VAN: ActorId = ActorId([0xa1; 16]);
    pub(in super::super) const OTHER: ActorId = ActorId([0xb2; 16]);

    /// A case as a van makes it.
    pub(in super::super) fn recorded() -> History {
        let (started, offset_minutes) = Timestamp::parse("2026-11-20T09:12:00+08:00").expect("a time");
        let district: DistrictCode = "53.02".parse().expect("a district");
        let unit: UnitId = "V01".parse().expect("a unit");
        let slip =
            SlipNumber::new(district.clone(), &unit, &DeviceLetter::nth(0), started.day(offset_minutes), 1);
        let person = DocumentId::new([1; 10], Kind::Person, 1);
        let new = New {
            service: "DUK-LAHIR",
            catalogue: "00",
            slip: &slip,
            unit: &unit,
            district: &district,
            village: Some(&"53.02.01.2003".parse().expect("a village")),
            applicant: person,
            subject: person,
            collector: None,
            visit: None,
            encounter: [9; 8],
            started,
            ended: None,
            offset_minutes,
            officer: Some("Ibu Tefa"),
            position: Position::from_micro(-9_860_000, 124_280_000),
            consent: Some(true),
            consent_text: Some("2026-1"),
            confirmed: Some(Confirmation::Thumb),
            notes: Some("O'a Mate"),
            reference: None,
            channel: None,
            blank: None,
            priority: None,
            companion: None,
            witnesses: &["Nahak".to_owned(), "Bria".to_owned()],
            ticks: &["Fotokopi KK".to_owned()],
            warnings: &[("nik_sex", "the NIK names another sex".to_owned())],
            event: NewEvent { officer: Some("Ibu Tefa"), ..NewEvent::new(State::Received, started) },
        };
        let mut history = History::default();
        let mut edit = Edit::create(DocumentId::new([0; 10], Kind::Case, 1), VAN);
        new.write(&mut edit).expect("within the schema");
        save(&mut edit, &mut history);
        history
    }

    /// Ends an edit and adds its change.
    pub(in super::super) fn save(edit: &mut Edit, history: &mut History) {
        let (hash, change) =
            edit.commit(Timestamp(1_795_000_000_000), 1).expect("it commits").expect("a change");
        assert!(history.insert(hash, change));
    }

    pub(in super::super) fn open(history: &History, actor: ActorId) -> Edit {
        Edit::open(Kind::Case, history, actor).expect("it opens")
    }

    #[test]
    fn a_case_is_read_as_it_was_written() {
        let history = recorded();
        let case = Case::read(&View::of(&history));
        assert_eq!(case.slip.as_deref(), Some("53.02/V01A/20261120/0001-R"));
        assert_eq!(case.witnesses, ["Nahak", "Bria"]);
        assert_eq!(
            (case.status(), case.ticks.as_slice()),
            (State::Received, &["Fotokopi KK".to_owned()][..])
        );
        let json = serde_json::to_value(&case).expect("plain values");
        assert_eq!(json["started"], "2026-11-20T09:12:00+08:00");
        assert_eq!(json["events"][0]["at"], "2026-11-20T09:12:00+08:00");
        assert_eq!(json["status"], "received");
        assert_eq!((&json["consent_text"], &json["confirmed"]), (&"2026-1".into(), &"thumb".into()));
        assert_eq!(json["position"], serde_json::json!([-9.86, 124.28]));
        assert_eq!(history.len(), 1);
    }

    #[test]
    fn a_tick_wins_over_its_removal_and_events_only_grow() {
        let mut history = recorded();
        let mut here = open(&history, VAN);
        let mut there = open(&history, OTHER);
        untick(&mut here, "Fotokopi KK", "unreadable").expect("allowed");
        NewEvent::new(State::Incomplete, Timestamp(5)).write(&mut here).expect("allowed");
        tick(&mut there, "Formulir F-2.01").expect("allowed");
        warn(&mut there, "nik_sex", "again").expect("stays as it is");
        NewEvent::new(State::Complete, Timestamp(5)).write(&mut there).expect("allowed");
        save(&mut here, &mut history);
        let case = Case::read(&View::of(&history));
        assert_eq!(case.removed.get("Fotokopi KK").map(String::as_str), Some("unreadable"));
        save(&mut there, &mut history);
        let case = Case::read(&View::of(&history));
        assert_eq!(case.ticks, ["Formulir F-2.01"]);
        assert_eq!(case.status.events.len(), 3);
        assert_eq!(case.warnings["nik_sex"], "the NIK names another sex");

        let mut here = open(&history, VAN);
        let mut there = open(&history, OTHER);
        tick(&mut here, "Fotokopi KK").expect("allowed");
        untick(&mut there, "Fotokopi KK", "of another child").expect("allowed");
        save(&mut here, &mut history);
        save(&mut there, &mut history);
        assert_eq!(Case::read(&View::of(&history)).ticks, ["Formulir F-2.01", "Fotokopi KK"]);
        assert!(untick(&mut open(&history, VAN), "Fotokopi KK", " ").is_err());
    }
}
