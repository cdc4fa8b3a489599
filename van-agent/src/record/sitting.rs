//! A sitting as it is typed: half-typed sheets, the people that they may be about, and saving.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::{
    born::Born,
    desk::{
        because::Because,
        duplicates::{self, Duplicate},
        people,
    },
    document::Confirmation,
    id::{DocumentId, hex},
    name,
    registry::{
        Registries,
        row::{Listed, Service},
    },
    store::{
        StoreError,
        forms::{self, Form},
        read_model::{self, PersonRow},
    },
    time::{Now, Timestamp},
};

use super::{
    save::{WholeError, Why, save_whole},
    sheet::{Clock, STARTED_SEEN, Sheet},
};
use crate::{
    agent::{Agent, explained, said},
    host::output::Failure,
};

/// The fact that holds who works at this laptop.
const OFFICER: &str = "officer";

/// A sheet as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) id: String,
    pub(crate) began: Timestamp,
    pub(crate) sheet: Sheet,
}

/// What a step of the page came to.
#[derive(Debug)]
pub(crate) enum Step {
    /// The sheet goes on; the field that comes next.
    Next(&'static str),
    /// Something is wrong with a field.
    Wrong {
        field: &'static str,
        /// What is wrong, where the field does not say it.
        why: Option<Why>,
    },
    /// Everything is saved: the cases.
    Saved(Vec<String>),
    /// The sheet can be saved, and is to be read out first.
    Aloud,
    /// The next citizen's turn: the sheet is gone, or is kept for later.
    Another,
}

/// Whether a text may name a sheet.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Agent {
    /// A drawn name, 16 hexadecimal digits, for what must not be saved twice.
    pub(crate) fn draw_name(&mut self) -> String {
        let mut id = [0; 8];
        self.replica_mut().draw(&mut id);
        hex(&id)
    }

    /// A sheet by its name.
    pub(crate) fn sheet(&mut self, id: &str) -> Result<Option<Kept>, Failure> {
        let form = forms::get(self.read()?, id).map_err(said)?;
        Ok(form.map(kept))
    }

    /// All sheets that were begun and not saved, but for one.
    pub(crate) fn other_sheets(&mut self, id: &str) -> Result<Vec<Kept>, Failure> {
        let forms = forms::all(self.read()?).map_err(said)?;
        Ok(forms.into_iter().filter(|form| form.id != id).map(kept).collect())
    }

    /// Keeps what was typed; a sheet on which nothing is typed is forgotten.
    pub(crate) fn keep_sheet(&mut self, now: Now, id: &str, sheet: &Sheet) -> Result<(), Failure> {
        let fields = sheet.to_text();
        let Some(fields) = fields else {
            return Err(Failure::new("that is more than a form may hold")
                .because(Because::of("too-large"))
                .next("shorten the notes"));
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
    pub(crate) fn forget_sheet(&mut self, id: &str) -> Result<(), Failure> {
        self.replica_mut().keep(|tx, _| forms::forget(tx, id)).map(drop).map_err(said)
    }

    /// Who works at this laptop; empty where nobody said.
    pub(crate) fn officer(&mut self) -> Result<String, Failure> {
        let fact = shared::store::fact(self.read()?, OFFICER).map_err(said)?;
        Ok(fact.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default())
    }

    /// Notes who works at this laptop.
    pub(crate) fn set_officer(&mut self, name: &str) -> Result<(), Failure> {
        shared::document::field::check(shared::document::Field::Officer, name)
            .map_err(|error| Failure { usage: true, ..explained(error) })?;
        let keep = |tx: shared::store::Tx<'_>, _: &_| shared::store::set_fact(tx, OFFICER, name.as_bytes());
        self.replica_mut().keep::<_, StoreError>(keep).map_err(said)
    }

    /// A new sheet, with what is known beforehand: the officer, the open visit and its village; and of a family,
    /// whose last case is `with`, what its members share; of an emergency sheet its number.
    pub(crate) fn fresh_sheet(
        &mut self,
        now: Now,
        with: Option<&str>,
        number: Option<&str>,
    ) -> Result<Sheet, Failure> {
        let mut sheet = Sheet::default();
        sheet.set("officer", &self.officer()?);
        if let Some(number) = number {
            sheet.set("sheet", number);
        }
        let today = now.wall.day(self.offset_minutes()).to_string();
        let visits = self.open_visits()?;
        if let Some(visit) = visits.iter().find(|visit| visit.date == today) {
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
    pub(crate) fn like(&mut self, sheet: &Sheet) -> Result<Vec<PersonRow>, Failure> {
        let typed = sheet.text("name");
        if !sheet.text("person").is_empty() || !sheet.text("stranger").is_empty() || typed.is_empty() {
            return Ok(Vec::new());
        }
        let nik = sheet.nik();
        let born = sheet.text("born").parse::<Born>().ok();
        let found = people::like(self.read()?, Some(nik.as_str()).filter(|nik| !nik.is_empty()), typed, born);
        // One card for those documents that are known to be of one person.
        let mut seen = BTreeSet::new();
        let order = Some(sheet.text("birth_order")).filter(|order| !order.is_empty());
        let found = found.map_err(said)?.into_iter().filter(|person| !people::are_siblings(order, person));
        Ok(found.filter(|person| seen.insert(person.twin)).collect())
    }

    /// The person of a document.
    pub(crate) fn person_row(&mut self, id: &str) -> Result<Option<PersonRow>, Failure> {
        let Ok(document) = id.parse::<DocumentId>() else { return Ok(None) };
        read_model::person_of(self.read()?, document).map_err(said)
    }

    /// Goes on with a sheet: looks up its NIK, takes a service in, or names the field that comes next.
    pub(crate) fn next(&mut self, now: Now, sheet: &mut Sheet) -> Result<Step, Failure> {
        self.find_village(sheet);
        let nik = sheet.nik();
        if sheet.text("person").is_empty() && !nik.is_empty() {
            if nik.parse::<shared::nik::Nik>().is_err() {
                return Ok(Step::Wrong { field: "nik", why: None });
            }
            if sheet.text("stranger").is_empty() && self.meet(sheet, &nik)? {
                return Ok(Step::Next("add"));
            }
            if let (true, Ok(nik)) = (sheet.text("name").is_empty(), nik.parse()) {
                let key = Listed::key_of_nik(&nik);
                self.take_listed(sheet, &key);
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
            return Ok(Step::Next("tick"));
        }
        Ok(Step::Next(next_field(sheet)))
    }

    /// Looks for the applicant or collector who is typed and was not looked for yet; whether that comes next.
    pub(crate) fn seek(sheet: &mut Sheet) -> bool {
        let wanted = sheet.text("seek").to_owned();
        if wanted == sheet.text("sought") {
            return false;
        }
        sheet.set("sought", &wanted);
        !wanted.is_empty()
    }

    /// Fills a sheet with what the pre-list says of somebody.
    pub(crate) fn take_listed(&self, sheet: &mut Sheet, key: &str) {
        let Some(row) = self.replica().registries().listed(key) else { return };
        for (field, text) in row.fields() {
            sheet.set(field, &text);
        }
        if let Some(born) = row.born {
            sheet.set("born", &born.as_people_write());
        }
        sheet.set("listed", key);
        if sheet.text("village").is_empty() {
            sheet.set("village", row.village.as_str());
        }
        if let Some(priority) = row.priority.as_deref().filter(|_| sheet.text("priority").is_empty()) {
            sheet.set("priority", priority);
        }
        if let Some(service) = &row.service {
            sheet.add_service(service.as_str());
        }
    }

    /// Whom the pre-list may mean by a sheet: by the name, or by the family card where no name is typed; none where
    /// that is decided.
    pub(crate) fn announced(&mut self, sheet: &Sheet) -> Result<Vec<Listed>, Failure> {
        let decided = ["person", "stranger", "listed"].into_iter().any(|name| !sheet.text(name).is_empty());
        match [sheet.text("name"), sheet.text("kk")].into_iter().find(|text| !text.is_empty()) {
            Some(text) if !decided => self.listed(text, LISTED_MAX),
            Some(_) | None => Ok(Vec::new()),
        }
    }

    /// People known here who have the family card of a sheet on which no name is typed yet.
    pub(crate) fn kin(&mut self, sheet: &Sheet) -> Result<Vec<PersonRow>, Failure> {
        let kk = sheet.text("kk").to_owned();
        let decided =
            ["person", "stranger", "listed", "name"].into_iter().any(|name| !sheet.text(name).is_empty());
        if kk.is_empty() || decided {
            return Ok(Vec::new());
        }
        let found = read_model::people(self.read()?, &kk, LISTED_MAX).map_err(said)?;
        let same = |person: &PersonRow| person.detail.get("kk").and_then(Value::as_str) == Some(kk.as_str());
        Ok(found.into_iter().filter(|person| person.twin == person.document && same(person)).collect())
    }

    /// Takes over what the members of a family card share: the address, and mother and father where all agree.
    pub(crate) fn take_kin(&mut self, sheet: &mut Sheet) -> Result<(), Failure> {
        let (kin, listed) = (self.kin(sheet)?, self.announced(sheet)?);
        for field in ["address", "domicile", "mother", "father"] {
            let known = kin.iter().filter_map(|person| match field {
                "domicile" => person.village.clone(),
                field => person.detail.get(field).and_then(Value::as_str).map(str::to_owned),
            });
            let announced = listed.iter().flat_map(Listed::fields);
            let announced = announced.filter(|(name, _)| *name == field).map(|(_, text)| text);
            let mut texts: Vec<String> = known.chain(announced).collect();
            texts.dedup();
            if let ([text], true) = (texts.as_slice(), sheet.text(field).is_empty()) {
                sheet.set(field, text);
            }
        }
        // Whoever is like the one that is typed next is still asked about.
        sheet.set("listed", "kin");
        Ok(())
    }

    /// Writes the code of a village that was named; one that is not known stays as it was typed.
    fn find_village(&self, sheet: &mut Sheet) {
        if let Some(village) = self.replica().registries().village_named(sheet.text("village")) {
            let code = village.code.to_string();
            sheet.set("village", &code);
        }
    }

    /// Takes the one known person of a NIK into a sheet on which no other name is typed; whether there is one.
    fn meet(&mut self, sheet: &mut Sheet, nik: &str) -> Result<bool, Failure> {
        let Some(document) = self.holder(sheet, nik)? else { return Ok(false) };
        sheet.set("person", &document.to_string());
        Ok(true)
    }

    /// The one known person of a NIK whose name agrees with what is typed.
    fn holder(&mut self, sheet: &Sheet, nik: &str) -> Result<Option<DocumentId>, Failure> {
        let holders = read_model::people_of_nik(self.read()?, nik).map_err(said)?;
        let typed = sheet.text("name").to_owned();
        let mut agreeing =
            holders.iter().filter(|holder| typed.is_empty() || name::agree(&typed, &holder.name));
        let Some(first) = agreeing.next() else { return Ok(None) };
        let is_one = agreeing.all(|other| other.twin == first.twin);
        Ok(is_one.then_some(first.document))
    }

    /// Cases that a service of a sheet would repeat.
    pub(crate) fn duplicates(&mut self, sheet: &Sheet, service: &str) -> Result<Vec<Duplicate>, Failure> {
        let nik = sheet.nik();
        let subject = match sheet.text("person").parse::<DocumentId>() {
            Ok(document) => Some(document),
            Err(_) if nik.is_empty() => None,
            Err(_) => self.holder(sheet, &nik)?,
        };
        let blank = Some(sheet.blank(service)).filter(|blank| !blank.is_empty());
        let offset_minutes = self.offset_minutes();
        self.read()?;
        let (tx, registries) = (self.replica().store().reader(), self.replica().registries());
        duplicates::of(tx, registries, subject, service, blank, offset_minutes).map_err(said)
    }

    /// Fills in what a NIK says, where nothing was typed.
    fn decode(&self, now: Now, sheet: &mut Sheet, nik: &str) {
        let Ok(nik) = nik.parse::<shared::nik::Nik>() else { return };
        if sheet.text("sex").is_empty() {
            sheet.set("sex", nik.sex().as_str());
        }
        if sheet.text("born").is_empty() {
            let born = Born::Day(nik.born(now.wall.day(self.offset_minutes())));
            sheet.set("born", &born.as_people_write());
        }
    }

    /// Whether every service of a sheet could be saved as it stands; what is to be done first, if not.
    pub(crate) fn check_sheet(&mut self, now: Now, sheet: &mut Sheet) -> Result<Option<Step>, Failure> {
        let wrong = |field| Ok(Some(Step::Wrong { field, why: None }));
        // A service that is typed and not taken in yet is meant.
        if !sheet.text("add").is_empty()
            && let wrong @ Step::Wrong { .. } = self.next(now, sheet)?
        {
            return Ok(Some(wrong));
        }
        self.find_village(sheet);
        for field in ["name", "sex"] {
            if sheet.text("person").is_empty() && sheet.nik().is_empty() && sheet.text(field).is_empty() {
                return wrong(field);
            }
        }
        if !sheet.text("sheet").is_empty() && sheet.text("started").is_empty() {
            return wrong("started");
        }
        if sheet.services().is_empty() {
            return wrong("add");
        }
        let is_odd = sheet.odd_paper_time(now.wall, self.offset_minutes()).is_some();
        if is_odd && sheet.text(STARTED_SEEN) != sheet.text("started") {
            return Ok(Some(Step::Next("started")));
        }
        if !self.like(sheet)?.is_empty() {
            return Ok(Some(Step::Next("like")));
        }
        if sheet.text("confirmed") == Confirmation::Witnesses.as_str() && sheet.witnesses().len() < 2 {
            return wrong("witnesses");
        }
        if sheet.text("again").is_empty() {
            for service in sheet.services() {
                if !self.duplicates(sheet, service)?.is_empty() {
                    return wrong("again");
                }
            }
        }
        Ok(None)
    }

    /// Saves every service of a sheet, or none.
    pub(crate) fn save_sheet(&mut self, now: Now, kept: &mut Kept) -> Result<Step, Failure> {
        if let Some((fields, cases)) = forms::saved(self.read()?, &kept.id).map_err(said)? {
            if fields == kept.sheet.to_text().unwrap_or_default() {
                return Ok(Step::Saved(cases.split(',').map(str::to_owned).collect()));
            }
            // Somebody went back in the browser and typed something else.
            (kept.id, kept.began) = (self.draw_name(), now.wall);
        }
        let typed = kept.sheet.to_text().unwrap_or_default();
        if let Some(first) = self.check_sheet(now, &mut kept.sheet)? {
            return Ok(first);
        }
        let Kept { id, began, sheet } = &*kept;
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

/// Rows of the pre-list, and members of a family, that a page offers.
const LISTED_MAX: usize = 12;

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
