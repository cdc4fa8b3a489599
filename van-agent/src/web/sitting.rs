//! What the page of a sitting shows and does, on the owner's thread: half-typed sheets, the people that they may
//! be about, and saving.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::{
    born::Born,
    desk::people,
    id::{DocumentId, hex},
    name,
    registry::{
        Registries,
        row::{Service, Village},
    },
    store::{
        StoreError,
        forms::{self, Form},
        read_model::{self, PersonRow},
    },
    time::{Now, Timestamp},
};

use crate::{
    agent::{Agent, said},
    host::output::Failure,
    record::{
        save::{WholeError, save_whole},
        sheet::{Clock, Sheet},
    },
};

/// The fact that holds who works at this laptop.
const OFFICER: &str = "officer";

/// A sheet as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) id: String,
    pub(super) began: Timestamp,
    pub(super) sheet: Sheet,
}

/// What a step of the page came to.
#[derive(Debug)]
pub(super) enum Step {
    /// The sheet goes on; the field that comes next.
    Next(&'static str),
    /// Something is wrong with a field.
    Wrong {
        field: &'static str,
        /// In English, where the program said so.
        why: Option<String>,
    },
    /// Everything is saved: the cases.
    Saved(Vec<String>),
    /// The sheet is gone.
    Gone,
}

/// Whether a text may name a sheet.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Agent {
    /// A name for a new sheet.
    pub(super) fn new_sheet_id(&mut self) -> String {
        let mut id = [0; 8];
        self.replica_mut().draw(&mut id);
        hex(&id)
    }

    /// A sheet by its name.
    pub(super) fn sheet(&mut self, id: &str) -> Result<Option<Kept>, Failure> {
        let form = forms::get(self.read()?, id).map_err(said)?;
        Ok(form.map(kept))
    }

    /// All sheets that were begun and not saved, but for one.
    pub(super) fn other_sheets(&mut self, id: &str) -> Result<Vec<Kept>, Failure> {
        let forms = forms::all(self.read()?).map_err(said)?;
        Ok(forms.into_iter().filter(|form| form.id != id).map(kept).collect())
    }

    /// Keeps what was typed; a sheet on which nothing is typed is forgotten.
    pub(super) fn keep_sheet(&mut self, now: Now, id: &str, sheet: &Sheet) -> Result<(), Failure> {
        let fields = sheet.to_text();
        let Some(fields) = fields else {
            return Err(Failure::new("that is more than a form may hold").next("shorten the notes"));
        };
        let form = Form { id: id.to_owned(), began: now.wall, fields };
        let is_empty = sheet.is_empty();
        self.replica_mut()
            .keep(|tx, _| match is_empty {
                true => forms::forget(tx, id).map(drop),
                false => forms::put(tx, &form),
            })
            .map_err(said)
    }

    /// Forgets a sheet.
    pub(super) fn forget_sheet(&mut self, id: &str) -> Result<(), Failure> {
        self.replica_mut().keep(|tx, _| forms::forget(tx, id)).map(drop).map_err(said)
    }

    /// Who works at this laptop; empty where nobody said.
    pub(super) fn officer(&mut self) -> Result<String, Failure> {
        let fact = shared::store::fact(self.read()?, OFFICER).map_err(said)?;
        Ok(fact.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default())
    }

    /// Notes who works at this laptop.
    pub(super) fn set_officer(&mut self, name: &str) -> Result<(), Failure> {
        shared::document::field::check(shared::document::Field::Officer, name)
            .map_err(|error| Failure::usage(error.to_string()))?;
        let keep = |tx: shared::store::Tx<'_>, _: &_| shared::store::set_fact(tx, OFFICER, name.as_bytes());
        self.replica_mut().keep::<_, StoreError>(keep).map_err(said)
    }

    /// A new sheet, with what is known beforehand: the officer, the open visit and its village; and of a family,
    /// whose last case is `with`, what its members share.
    pub(super) fn fresh_sheet(&mut self, now: Now, with: Option<&str>) -> Result<Sheet, Failure> {
        let mut sheet = Sheet::default();
        sheet.set("officer", &self.officer()?);
        let today = now.wall.day(self.offset_minutes()).to_string();
        let visits = read_model::visits(self.read()?).map_err(said)?;
        let unit = self.unit();
        let open = |visit: &&read_model::VisitRow| {
            visit.closed.is_none() && visit.date == today && visit.unit == unit
        };
        if let Some(visit) = visits.iter().find(open) {
            sheet.set("visit", &visit.document.to_string());
            sheet.set("village", visit.village.as_deref().unwrap_or_default());
        }
        if let Some(with) = with {
            self.share(with, &mut sheet)?;
        }
        Ok(sheet)
    }

    /// Carries over what the members of a family share.
    fn share(&mut self, with: &str, sheet: &mut Sheet) -> Result<(), Failure> {
        let shown = self.show(with)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let applicant = &shown["applicant"];
        sheet.set("applicant", &text(&applicant["person"]));
        sheet.set("encounter", &text(&shown["encounter"]));
        for field in ["visit", "village", "officer"] {
            if let Some(value) = shown[field].as_str() {
                sheet.set(field, value);
            }
        }
        if let Some(visit) = shown["place"]["visit"].as_str() {
            sheet.set("visit", visit);
        }
        for field in ["kk", "address"] {
            sheet.set(field, &text(&shown["subject"][field]));
        }
        if applicant["sex"] == "P" {
            sheet.set("mother", &text(&applicant["name"]));
        }
        Ok(())
    }

    /// People who may be the one of a sheet, for an officer to choose; none where that is decided.
    pub(super) fn like(&mut self, sheet: &Sheet) -> Result<Vec<PersonRow>, Failure> {
        let typed = sheet.text("name");
        if !sheet.text("person").is_empty() || !sheet.text("stranger").is_empty() || typed.is_empty() {
            return Ok(Vec::new());
        }
        let nik = sheet.nik();
        let born = sheet.text("born").parse::<Born>().ok();
        let found = people::like(self.read()?, Some(nik.as_str()).filter(|nik| !nik.is_empty()), typed, born);
        // One card for those documents that are known to be of one person.
        let mut seen = BTreeSet::new();
        Ok(found.map_err(said)?.into_iter().filter(|person| seen.insert(person.twin)).collect())
    }

    /// The person of a document.
    pub(super) fn person_row(&mut self, id: &str) -> Result<Option<PersonRow>, Failure> {
        let Ok(document) = id.parse::<DocumentId>() else { return Ok(None) };
        read_model::person_of(self.read()?, document).map_err(said)
    }

    /// The day of a death that is reported of a person, where a case says so.
    pub(super) fn death(&mut self, person: DocumentId) -> Result<Option<Timestamp>, Failure> {
        let cases = read_model::cases_of_person(self.read()?, person).map_err(said)?;
        let report = |case: &&read_model::CaseRow| {
            case.service == DEATH
                && case.subject == Some(person)
                && !matches!(case.status.as_str(), "cancelled" | "draft")
        };
        Ok(cases.iter().find(report).and_then(|case| case.started).map(Timestamp))
    }

    /// Goes on with a sheet: looks up its NIK, takes a service in, or names the field that comes next.
    pub(super) fn next(&mut self, now: Now, sheet: &mut Sheet) -> Result<Step, Failure> {
        self.find_village(sheet);
        let nik = sheet.nik();
        if sheet.text("person").is_empty() && !nik.is_empty() {
            if nik.parse::<shared::nik::Nik>().is_err() {
                return Ok(Step::Wrong { field: "nik", why: None });
            }
            if sheet.text("stranger").is_empty() && self.meet(sheet, &nik)? {
                return Ok(Step::Next("add"));
            }
            self.decode(now, sheet, &nik);
        }
        let add = sheet.text("add").to_owned();
        if !add.is_empty() {
            let Some(code) = service_of(self.replica().registries(), &add) else {
                return Ok(Step::Wrong { field: "add", why: None });
            };
            sheet.add_service(&code);
            sheet.clear("add");
            return Ok(Step::Next("add"));
        }
        Ok(Step::Next(next_field(sheet)))
    }

    /// Writes the code of a village that was named; one that is not known stays as it was typed.
    fn find_village(&self, sheet: &mut Sheet) {
        let wanted = sheet.text("village").to_lowercase();
        let registries = self.replica().registries();
        if wanted.is_empty() || wanted.parse().is_ok_and(|code| registries.village(&code).is_some()) {
            return;
        }
        let full = |village: &Village| format!("{}, {}", village.name, village.district).to_lowercase();
        let begins = |village: &&Village| full(village).starts_with(&wanted);
        let mut found = registries.villages().filter(begins);
        if let (Some(village), None) = (found.next(), found.next()) {
            let code = village.code.to_string();
            sheet.set("village", &code);
        }
    }

    /// Takes the one known person of a NIK into a sheet on which no other name is typed; whether there is one.
    fn meet(&mut self, sheet: &mut Sheet, nik: &str) -> Result<bool, Failure> {
        let holders = read_model::people_of_nik(self.read()?, nik).map_err(said)?;
        let typed = sheet.text("name").to_owned();
        let mut agreeing =
            holders.iter().filter(|holder| typed.is_empty() || name::agree(&typed, &holder.name));
        let Some(first) = agreeing.next() else { return Ok(false) };
        if agreeing.any(|other| other.twin != first.twin) {
            return Ok(false);
        }
        sheet.set("person", &first.document.to_string());
        Ok(true)
    }

    /// Fills in what a NIK says, where nothing was typed.
    fn decode(&self, now: Now, sheet: &mut Sheet, nik: &str) {
        let Ok(nik) = nik.parse::<shared::nik::Nik>() else { return };
        if sheet.text("sex").is_empty() {
            sheet.set("sex", nik.sex().as_str());
        }
        if sheet.text("born").is_empty() {
            sheet.set("born", &nik.born(now.wall.day(self.offset_minutes())).to_string());
        }
    }

    /// Saves every service of a sheet, or none.
    pub(super) fn save_sheet(&mut self, now: Now, kept: &mut Kept) -> Result<Step, Failure> {
        let typed = kept.sheet.to_text().unwrap_or_default();
        if let Some((fields, cases)) = forms::saved(self.read()?, &kept.id).map_err(said)? {
            if fields == typed {
                return Ok(Step::Saved(cases.split(',').map(str::to_owned).collect()));
            }
            // Somebody went back in the browser and typed something else.
            (kept.id, kept.began) = (self.new_sheet_id(), now.wall);
        }
        self.find_village(&mut kept.sheet);
        let Kept { id, began, sheet } = &*kept;
        for field in ["name", "sex"] {
            if sheet.text("person").is_empty() && sheet.nik().is_empty() && sheet.text(field).is_empty() {
                return Ok(Step::Wrong { field, why: None });
            }
        }
        if sheet.services().is_empty() {
            return Ok(Step::Wrong { field: "add", why: None });
        }
        if !self.like(sheet)?.is_empty() {
            return Ok(Step::Next("like"));
        }
        let clock = Clock { began: *began, now: now.wall, offset_minutes: self.offset_minutes() };
        let lines = sheet.lines(self.replica().registries(), clock, id);
        let form = Form { id: id.clone(), began: *began, fields: typed };
        let saved = save_whole(self.replica_mut(), now, &lines, &form);
        self.note_head();
        match saved {
            Ok(reports) => {
                let cases = reports.iter().filter_map(|report| report["case"].as_str());
                Ok(Step::Saved(cases.map(str::to_owned).collect()))
            }
            Err(WholeError::Refused { field, why }) => {
                Ok(Step::Wrong { field: field.unwrap_or("other"), why: Some(why) })
            }
            Err(WholeError::Failed(failure)) => Err(failure),
        }
    }
}

/// The service that reports a death.
const DEATH: &str = "DUK-MATI";

fn kept(form: Form) -> Kept {
    Kept { sheet: Sheet::of_text(&form.fields), id: form.id, began: form.began }
}

/// The service of a code or of the beginning of one, or whose name alone holds `text`.
fn service_of(registries: &Registries, text: &str) -> Option<String> {
    let wanted = text.to_lowercase();
    let code = |service: &Service| service.code.as_str().to_lowercase();
    if let Some(service) = registries.services().find(|service| code(service) == wanted) {
        return Some(service.code.as_str().to_owned());
    }
    let one = |found: Vec<&Service>| match found.as_slice() {
        [service] => Some(service.code.as_str().to_owned()),
        _ => None,
    };
    let holds = |service: &&Service| {
        let names = format!("{} {}", service.name_id, service.name_en).to_lowercase();
        names.contains(&wanted)
            || code(service).split('-').nth(1).is_some_and(|tail| tail.starts_with(&wanted))
    };
    one(registries.services().filter(holds).collect())
}

/// The first field that is still to be filled.
fn next_field(sheet: &Sheet) -> &'static str {
    let missing = |name: &&&'static str| sheet.text(name).is_empty();
    let person: &[&'static str] =
        if sheet.text("person").is_empty() { &["name", "sex", "born"] } else { &[] };
    let sitting: &[&'static str] = &["village", "officer"];
    person.iter().chain(sitting).find(|name| missing(name)).copied().unwrap_or("add")
}
