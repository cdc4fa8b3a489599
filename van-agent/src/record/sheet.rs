//! What an officer has typed of one sitting of one person on the page, and the lines that it becomes.
//!
//! **Invariant:** a sheet keeps what was typed as it was typed, whatever it is; only [`Sheet::lines`] reads it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::{
    desk::warnings::{self, Code},
    document::{Confirmation, State, consent},
    registry::{
        Registries,
        row::{OfflineMode, Service},
    },
    store::{forms::FORM_BYTES_MAX, read_model::PersonRow},
    time::Timestamp,
};

use crate::request::RawLine;

/// Fields that one text fills. Those of a person are called as in a line.
pub const PERSON: [&str; 11] =
    ["nik", "name", "sex", "born", "birth_order", "mother", "father", "kk", "phone", "address", "domicile"];
/// What a sitting has beside its person and its services.
const SITTING: [&str; 22] = [
    "person",
    "listed",
    "stranger",
    "applicant",
    "collector",
    "encounter",
    "sheet",
    "started",
    STARTED_SEEN,
    "village",
    "visit",
    "officer",
    "priority",
    "companion",
    "notes",
    "consent",
    "confirmed",
    "witness-1",
    "witness-2",
    "again",
    "seek",
    "sought",
];
/// The time on the paper of which somebody was told that it is odd.
pub const STARTED_SEEN: &str = "started-seen";
/// Fields that several texts fill, one a service: codes.
const SERVICE: &str = "service";
/// What is being looked for among the services.
const ADD: &str = "add";
/// How the fields of a service's ticks begin; its code follows.
const TICK: &str = "tick-";
/// How the field of a service's numbered blank begins; its code follows.
const BLANK: &str = "blank-";

/// Priority classes of the queue, in the words of the Fluent files.
pub const PRIORITIES: [&str; 5] = ["elderly", "disability", "mother", "child", OTHER_PRIORITY];
/// Why somebody comes first of whom the queue alone says so.
pub const OTHER_PRIORITY: &str = "other";

/// What was typed, by field.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sheet {
    fields: BTreeMap<String, Vec<String>>,
}

/// When a sheet was begun and is saved, in the district's zone.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// When it was begun.
    pub began: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

impl Sheet {
    /// Takes the fields of a posted form that belong to a sheet.
    pub fn of(posted: &[(String, String)]) -> Self {
        let mut sheet = Self::default();
        for (name, text) in posted {
            let several = name == SERVICE || name.starts_with(TICK);
            let one = name == ADD
                || PERSON.contains(&name.as_str())
                || SITTING.contains(&name.as_str())
                || name.starts_with(BLANK);
            if text.trim().is_empty() {
                continue;
            }
            if several {
                sheet.fields.entry(name.clone()).or_default().push(text.clone());
            } else if one {
                sheet.set(name, text);
            }
        }
        sheet
    }

    /// Reads what [`Sheet::to_text`] wrote; an empty sheet of anything else.
    pub fn of_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// The form in which it is kept; `None` where it is over [`FORM_BYTES_MAX`].
    pub fn to_text(&self) -> Option<String> {
        let text = json!(self).to_string();
        (text.len() <= FORM_BYTES_MAX).then_some(text)
    }

    /// What stands in a field, without spaces around it; empty where nothing does.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(|texts| texts.first()).map_or("", |text| text.trim())
    }

    /// Every text with its field, as a form holds them.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.fields.iter();
        fields.flat_map(|(name, texts)| texts.iter().map(move |text| (name.as_str(), text.as_str())))
    }

    /// Writes one text into a field.
    pub fn set(&mut self, name: &str, text: &str) {
        self.fields.insert(name.to_owned(), vec![text.to_owned()]);
    }

    /// Empties a field.
    pub fn clear(&mut self, name: &str) {
        self.fields.remove(name);
    }

    /// The NIK without the spaces between its groups.
    pub fn nik(&self) -> String {
        self.text("nik").split_whitespace().collect()
    }

    /// Whose it is, as far as anything was typed; `person` is the known one that was chosen.
    pub fn called(&self, person: Option<&PersonRow>) -> String {
        match person {
            Some(person) => person.name.clone(),
            None if self.text("name").is_empty() => self.nik(),
            None => self.text("name").to_owned(),
        }
    }

    /// Whether nothing was typed but what a sheet may hold when it is begun.
    pub fn is_empty(&self) -> bool {
        let beside = ["officer", "visit", "village", "encounter", "applicant", "domicile", "priority"];
        self.fields.keys().all(|name| beside.contains(&name.as_str()))
    }

    /// Codes of the services, in the order of their choice.
    pub fn services(&self) -> Vec<&str> {
        let mut codes = Vec::new();
        for code in self.fields.get(SERVICE).into_iter().flatten() {
            if !codes.contains(&code.as_str()) {
                codes.push(code.as_str());
            }
        }
        codes
    }

    /// Adds a service.
    pub fn add_service(&mut self, code: &str) {
        if !self.services().contains(&code) {
            self.fields.entry(SERVICE.to_owned()).or_default().push(code.to_owned());
        }
    }

    /// Takes a service away, with its ticks.
    pub fn drop_service(&mut self, code: &str) {
        if let Some(codes) = self.fields.get_mut(SERVICE) {
            codes.retain(|known| known != code);
        }
        self.clear(&format!("{TICK}{code}"));
        self.clear(&format!("{BLANK}{code}"));
    }

    /// Whether a requirement of a service is there.
    pub fn has(&self, service: &str, requirement: &str) -> bool {
        self.ticked(service).iter().any(|tick| tick == requirement)
    }

    /// What was ticked of a service.
    pub fn ticked(&self, service: &str) -> &[String] {
        self.fields.get(&format!("{TICK}{service}")).map_or(&[], Vec::as_slice)
    }

    /// The serial of the numbered blank that a service uses up; empty where none was typed.
    pub fn blank(&self, service: &str) -> &str {
        self.text(&format!("{BLANK}{service}"))
    }

    /// Names of the witnesses who confirm, as far as they were typed; none where nobody has to.
    pub fn witnesses(&self) -> Vec<&str> {
        if self.text("confirmed") != Confirmation::Witnesses.as_str() {
            return Vec::new();
        }
        ["witness-1", "witness-2"]
            .map(|name| self.text(name))
            .into_iter()
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// The text that the citizen agreed to, if this program knows it.
    pub fn consent(&self) -> Option<&'static consent::Text> {
        consent::of(self.text("consent"))
    }

    /// Requirements of a service that are not there.
    pub fn missing<'a>(&self, service: &'a Service) -> Vec<&'a str> {
        let missing = service.requirements.iter().filter(|text| !self.has(service.code.as_str(), text));
        missing.map(String::as_str).collect()
    }

    /// The lines that it becomes, one a service, all of one sitting and one person. `form` names the sheet.
    pub fn lines(&self, registries: &Registries, clock: Clock, form: &str) -> Vec<RawLine> {
        let codes = self.services();
        let text = |at: Timestamp| json!(at.to_rfc3339(clock.offset_minutes));
        let number = self.text("sheet");
        let lines = codes.iter().enumerate().map(|(index, code)| {
            let service = registries.service(code);
            let mut line = self.person(form, codes.len() > 1);
            self.sitting(&mut line, code);
            if codes.len() > 1 || !self.text("encounter").is_empty() {
                let key = Some(self.text("encounter")).filter(|key| !key.is_empty()).unwrap_or(form);
                line.insert("encounter".to_owned(), json!(key));
            }
            line.insert("service".to_owned(), json!(code));
            line.insert(
                "status".to_owned(),
                json!(service.map_or("received", |service| {
                    first_state(service, self.missing(service).is_empty()).as_str()
                })),
            );
            line.insert("ticks".to_owned(), json!(service.map_or(Vec::new(), |service| self.ticks(service))));
            if number.is_empty() {
                line.insert("started".to_owned(), text(clock.began));
                line.insert("ended".to_owned(), text(clock.now));
            } else {
                let started = moment_of_form(self.text("started"), clock.offset_minutes);
                line.insert("started".to_owned(), json!(started));
            }
            // A sheet has one number: the first case bears it, the others name it.
            if index == 0 && !number.is_empty() {
                line.insert("sheet".to_owned(), json!(number));
            } else if !number.is_empty() {
                line.insert("of_sheet".to_owned(), json!(number));
            }
            Value::Object(line).to_string()
        });
        lines.zip(1..).map(|(text, line)| RawLine { line, text }).collect()
    }

    /// What a line has of the sitting and of the citizen's word.
    fn sitting(&self, line: &mut Map<String, Value>, code: &str) {
        for field in ["village", "visit", "officer", "priority", "companion", "notes", "confirmed", "again"] {
            self.put(line, field);
        }
        for party in ["applicant", "collector"] {
            if !self.text(party).is_empty() {
                line.insert(party.to_owned(), json!({"person_ref": self.text(party)}));
            }
        }
        let agreed = self.consent();
        // Who did not tick it has not said that the citizen refuses.
        line.insert("consent".to_owned(), json!(agreed.map(|_| true)));
        line.insert("consent_text".to_owned(), json!(agreed.map(|text| text.version)));
        line.insert("witnesses".to_owned(), json!(self.witnesses()));
        line.insert("blank".to_owned(), json!(self.blank(code)));
    }

    /// The fields of the person: a known one by its document; a new one whom several lines name, and who has no
    /// NIK, by the sheet.
    fn person(&self, form: &str, several: bool) -> Map<String, Value> {
        let mut line = Map::new();
        let known = self.text("person");
        if !known.is_empty() {
            line.insert("person_ref".to_owned(), json!(known));
            return line;
        }
        for field in PERSON {
            self.put(&mut line, field);
        }
        if let Some(nik) = line.get_mut("nik") {
            *nik = json!(self.nik());
        }
        if several && self.text("nik").is_empty() {
            line.insert("person_ref".to_owned(), json!(form));
        }
        // A year alone is what people say who know no more.
        if line.get("born").and_then(Value::as_str).is_some_and(|born| born.len() == 4) {
            line.insert("born_estimated".to_owned(), json!(true));
        }
        line
    }

    /// What is odd about the time on an emergency sheet, by the clock of `now`.
    pub fn odd_paper_time(&self, now: Timestamp, offset_minutes: i16) -> Option<Code> {
        if self.text("sheet").is_empty() {
            return None;
        }
        let started = moment_of_form(self.text("started"), offset_minutes);
        let (started, _) = Timestamp::parse(&started).ok()?;
        warnings::typed_day(started.day(offset_minutes), now.day(offset_minutes)).map(|(code, _)| code)
    }

    fn put(&self, line: &mut Map<String, Value>, field: &str) {
        let text = self.text(field);
        if !text.is_empty() {
            line.insert(field.to_owned(), json!(text));
        }
    }

    fn ticks<'a>(&self, service: &'a Service) -> Vec<&'a str> {
        let there = service.requirements.iter().filter(|text| self.has(service.code.as_str(), text));
        there.map(String::as_str).collect()
    }
}

/// The time of a form's field as RFC 3339; what was typed where it is none.
pub fn moment_of_form(typed: &str, offset_minutes: i16) -> String {
    if typed.len() == MOMENT_OF_FORM.len() {
        format!("{typed}:00{}", text_of_offset(offset_minutes))
    } else {
        typed.to_owned()
    }
}

/// A time as a form's field holds it, of RFC 3339 in the zone of the district.
pub fn form_of_moment(moment: &str) -> &str {
    moment.get(..MOMENT_OF_FORM.len()).unwrap_or(moment)
}

/// A time as a form's field holds it.
const MOMENT_OF_FORM: &str = "2026-11-20T10:30";

/// `+08:00`.
fn text_of_offset(offset_minutes: i16) -> String {
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    let minutes = offset_minutes.unsigned_abs();
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Where a case comes to stand when it is saved: what is missing first, then what the network alone can do.
pub fn first_state(service: &Service, is_all_there: bool) -> State {
    match (is_all_there, service.offline_mode) {
        (false, _) => State::Incomplete,
        (true, OfflineMode::OnlineStep) => State::WaitingForNetwork,
        (true, OfflineMode::Full | OfflineMode::Intake) => State::Complete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(fields: &[(&str, &str)]) -> Sheet {
        let owned: Vec<_> =
            fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Sheet::of(&owned)
    }

    #[test]
    fn a_sheet_keeps_what_was_typed_and_nothing_else() {
        let sheet = posted(&[
            ("name", " O'a Mate "),
            ("service", "DUK-KK"),
            ("service", "DUK-LAHIR"),
            ("service", "DUK-KK"),
            ("tick-DUK-KK", "Fotokopi KK"),
            ("colour", "red"),
            ("csrf", "00"),
            ("mother", "  "),
        ]);
        assert_eq!((sheet.text("name"), sheet.text("colour"), sheet.text("mother")), ("O'a Mate", "", ""));
        assert_eq!(sheet.services(), ["DUK-KK", "DUK-LAHIR"]);
        assert!(sheet.has("DUK-KK", "Fotokopi KK") && !sheet.has("DUK-LAHIR", "Fotokopi KK"));
        assert_eq!(Sheet::of_text(&sheet.to_text().expect("small")), sheet);
        assert_eq!(Sheet::of_text("[]"), Sheet::default());
        assert!(posted(&[("name", &"x".repeat(FORM_BYTES_MAX))]).to_text().is_none());
    }

    #[test]
    fn a_sheet_is_empty_until_something_is_typed() {
        let begun = [("officer", "P-07"), ("village", "53.02.01.1001"), ("priority", OTHER_PRIORITY)];
        assert!(posted(&begun).is_empty());
        for typed in
            [("nik", "53020"), ("seek", "Nahak"), ("consent", "2026-1"), ("notes", "x"), ("add", "ktp")]
        {
            assert!(!posted(&[&begun[..], &[typed]].concat()).is_empty(), "{typed:?}");
        }
    }

    #[test]
    fn services_of_one_person_without_a_nik_name_the_same_person() {
        let clock = Clock { began: Timestamp(0), now: Timestamp(60_000), offset_minutes: 480 };
        let lines = |fields: &[(&str, &str)]| -> Vec<Value> {
            let lines = posted(fields).lines(&Registries::default(), clock, "0011223344556677");
            lines.iter().map(|line| serde_json::from_str(&line.text).expect("JSON")).collect()
        };
        let two = lines(&[("name", "Nahak"), ("born", "1948"), ("service", "A"), ("service", "B")]);
        assert_eq!(two.len(), 2);
        for line in &two {
            assert_eq!(line["person_ref"], "0011223344556677");
            assert_eq!(line["encounter"], "0011223344556677");
            assert_eq!(line["born_estimated"], true);
            assert_eq!(line["ended"], "1970-01-01T08:01:00+08:00");
        }
        let one = lines(&[("name", "Nahak"), ("service", "A")]);
        assert!(one[0].get("person_ref").is_none() && one[0].get("encounter").is_none());
        let paper = lines(&[
            ("name", "Nahak"),
            ("sheet", "53.02/V01A/20261121/0042-E"),
            ("started", "2026-11-20T10:30"),
            ("service", "A"),
            ("service", "B"),
        ]);
        assert_eq!((&paper[0]["sheet"], paper[1].get("sheet")), (&json!("53.02/V01A/20261121/0042-E"), None));
        for line in &paper {
            assert_eq!((&line["started"], line.get("ended")), (&json!("2026-11-20T10:30:00+08:00"), None));
        }
        assert_eq!(paper[1]["of_sheet"], "53.02/V01A/20261121/0042-E");
        let known = lines(&[("person", "abc"), ("name", "typed before"), ("service", "A")]);
        assert_eq!((&known[0]["consent"], &known[0]["consent_text"]), (&Value::Null, &Value::Null));
        assert_eq!((&known[0]["person_ref"], known[0].get("name")), (&json!("abc"), None));
    }

    #[test]
    fn an_odd_time_on_paper_is_told_of_a_sheet_alone() {
        let (now, _) = Timestamp::parse("2026-11-22T08:00:00+08:00").expect("a time");
        let odd = |fields: &[(&str, &str)]| posted(fields).odd_paper_time(now, 480);
        let sheet = ("sheet", "53.02/V01A/20261121/0042-E");
        assert_eq!(odd(&[sheet, ("started", "2026-12-25T10:30")]), Some(Code::StartedAhead));
        assert_eq!(odd(&[sheet, ("started", "1999-11-20T10:30")]), Some(Code::StartedLongAgo));
        for usual in ["2026-11-22T23:59", "2026-09-23T00:00", "", "kemarin"] {
            assert_eq!(odd(&[sheet, ("started", usual)]), None, "{usual}");
        }
        assert_eq!(odd(&[("started", "1999-11-20T10:30")]), None);
        let moment = moment_of_form("2026-11-20T10:30", 480);
        assert_eq!(
            (moment.as_str(), form_of_moment(&moment)),
            ("2026-11-20T10:30:00+08:00", "2026-11-20T10:30")
        );
    }

    #[test]
    fn what_the_citizen_said_stands_in_every_line() {
        let clock = Clock { began: Timestamp(0), now: Timestamp(0), offset_minutes: 480 };
        let sheet = posted(&[
            ("person", "abc"),
            ("collector", "def"),
            ("consent", consent::NOW.version),
            ("confirmed", "witnesses"),
            ("witness-1", "Bria"),
            ("witness-2", "Seran"),
            ("again", "yang lama hilang"),
            ("service", "A"),
            ("service", "B"),
            ("blank-B", "000123"),
        ]);
        let lines = sheet.lines(&Registries::default(), clock, "0011223344556677");
        let lines: Vec<Value> =
            lines.iter().map(|line| serde_json::from_str(&line.text).expect("JSON")).collect();
        for line in &lines {
            assert_eq!(line["consent"], true);
            assert_eq!(line["consent_text"], consent::NOW.version);
            assert_eq!(
                (&line["confirmed"], &line["witnesses"]),
                (&json!("witnesses"), &json!(["Bria", "Seran"]))
            );
            assert_eq!(
                (&line["collector"]["person_ref"], &line["again"]),
                (&json!("def"), &json!("yang lama hilang"))
            );
        }
        assert_eq!((&lines[0]["blank"], &lines[1]["blank"]), (&json!(""), &json!("000123")));
        let thumb = posted(&[("confirmed", "thumb"), ("witness-1", "Bria")]);
        assert!(thumb.witnesses().is_empty(), "typed before another way was chosen");
        let old = posted(&[("consent", "true"), ("name", "x")]);
        assert!(old.consent().is_none(), "nobody was shown a text of that version");
        let mut whole = sheet;
        for (field, text) in [("village", "53.02.01.1001"), ("officer", "P-07")] {
            whole.set(field, text);
        }
        for line in whole.lines(&Registries::default(), clock, "0011223344556677") {
            let line = crate::record::line::parse(&line.text).expect("a line");
            assert_eq!(line.witnesses, ["Bria", "Seran"]);
            assert_eq!(line.consent_text.as_deref(), Some(consent::NOW.version));
        }
    }
}
