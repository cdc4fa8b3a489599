//! What people do: record citizens and cases, amend their own and others', decide for agencies.

use anyhow::Context as _;
use shared::{
    document::{Edit, Field, NewEvent, State, case, field, person, visit},
    id::{ChangeHash, DocumentId, Kind as Sort, UnitId},
    slip::{DeviceLetter, SlipNumber},
    store::{self, read_model},
    sync::writing::{SaveError, Writing},
    time::Timestamp,
};

use super::{
    HUB, Kind, VANS, World,
    table::{SERVICES, VILLAGES},
};
use crate::random::Random;

const NAMES: [&str; 8] = [
    "Yuliana Nabuasa",
    "Oni",
    "Dominggus Sae",
    "O'a Mate",
    "Marlince Oematan",
    "Siti",
    "Arnoldus Ta'neo",
    "Ni Luh",
];
const NIK: [&str; 3] = ["5302015708909002", "5302015708909001", "5302011708909003"];

/// The unit of a machine: the first two laptops share one.
pub(super) fn unit_of(number: usize) -> UnitId {
    let unit = match number {
        2 => 1,
        number if number <= VANS => number,
        _ => 5,
    };
    format!("V0{unit}").parse().expect("a unit")
}

/// A transaction in which somebody works, and what it saved.
pub(super) struct Desk<'w, 'a> {
    pub(super) writing: &'w mut Writing<'a>,
    pub(super) random: &'w mut Random,
    saved: Vec<(DocumentId, ChangeHash)>,
}

impl Desk<'_, '_> {
    pub(super) fn save(&mut self, document: DocumentId, edit: Edit) -> anyhow::Result<()> {
        if self.writing.save(document, edit)? {
            let heads = self.writing.history(document)?.heads();
            let [head] = heads[..] else { anyhow::bail!("an edit leaves {} heads", heads.len()) };
            self.saved.push((document, head));
        }
        Ok(())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.writing.now.wall
    }
}

impl World {
    /// Lets somebody work on a machine. What is saved when this returns is acknowledged.
    pub(super) fn work(
        &mut self,
        number: usize,
        work: impl FnOnce(&mut Desk<'_, '_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let at = self.at;
        let machine = &mut self.machines[number];
        if machine.kind == Kind::Van && self.planted == Some(super::Planted::VanForgets) {
            machine.remember()?;
        }
        let now = machine.now(at);
        let random = &mut self.random;
        let replica = machine.running()?;
        let outcome = replica.write(now, |writing| {
            let mut desk = Desk { writing, random, saved: Vec::new() };
            work(&mut desk)?;
            let saved = std::mem::take(&mut desk.saved);
            let actor = desk.writing.actor();
            Ok::<_, anyhow::Error>((saved, actor))
        });
        match outcome {
            Ok((saved, actor)) => {
                self.telling.say(at, || format!("{} saves {saved:?}", machine.name));
                machine.is_settled = false;
                if machine.is_online && machine.connection.is_none() && machine.dials_at.is_none() {
                    machine.dials_at = Some(at + 500);
                }
                self.model.acknowledge(number, machine, &saved, actor);
            }
            Err(error) => match error.downcast_ref::<SaveError>() {
                // Nothing was kept and nothing acknowledged: a person tries something else.
                Some(SaveError::Refused(_) | SaveError::Waits) => {
                    self.telling.say(at, || format!("{} saves nothing: {error}", machine.name));
                    self.telling.refusals += 1;
                }
                _ => return Err(error),
            },
        }
        self.drain(number)
    }

    /// A van that is running, by chance.
    pub(super) fn some_van(&mut self) -> Option<usize> {
        let up = |number: &usize| {
            let machine = &self.machines[*number];
            machine.kind != Kind::Hub && machine.replica.is_some() && machine.device.0 != 0
        };
        let vans: Vec<_> = (0..self.machines.len()).filter(up).collect();
        (!vans.is_empty()).then(|| *self.random.pick(&vans))
    }

    /// An officer takes one sitting in: people, cases, at times a visit.
    pub(super) fn record(&mut self) -> anyhow::Result<()> {
        let Some(van) = self.some_van() else { return Ok(()) };
        self.work(van, |desk| {
            let visit = if desk.random.chance(0.2) { Some(new_visit(desk)?) } else { None };
            let citizen = new_person(desk)?;
            let subject = if desk.random.chance(0.2) { new_person(desk)? } else { citizen };
            for _ in 0..desk.random.between(1, 2) {
                new_case(desk, citizen, subject, visit)?;
            }
            Ok(())
        })
    }

    /// An officer amends something that the van holds, whoever made it.
    pub(super) fn amend(&mut self) -> anyhow::Result<()> {
        let Some(van) = self.some_van() else { return Ok(()) };
        let Some(document) = self.some_document(van)? else { return Ok(()) };
        self.work(van, |desk| {
            let mut edit = desk.writing.open(document)?;
            match document.kind().context("a kind")? {
                Sort::Case => amend_case(desk, &mut edit)?,
                Sort::Person => amend_person(desk, &mut edit)?,
                Sort::Visit => {
                    let end = desk.random.chance(0.5).then(|| desk.now());
                    visit::set_closed(&mut edit, end)?;
                    visit::set_place(&mut edit, None, None, Some(name(desk.random)))?;
                }
            }
            desk.save(document, edit)
        })
    }

    /// An agency decides, through the hub.
    pub(super) fn decide(&mut self) -> anyhow::Result<()> {
        let Some(document) = self.some_case(HUB)? else { return Ok(()) };
        self.work(HUB, |desk| {
            let mut edit = desk.writing.open(document)?;
            let service = edit.text(&["service"]).map(str::to_owned);
            let owner = SERVICES.iter().find(|(code, ..)| service.as_deref() == Some(code));
            let states =
                [State::Forwarded, State::InProcess, State::Returned, State::Issued, State::Rejected];
            let event = NewEvent {
                agency: owner.map(|(_, agency, _)| *agency),
                reference: Some("REG/7"),
                ..NewEvent::new(*desk.random.pick(&states), desk.now())
            };
            event.write(&mut edit)?;
            desk.save(document, edit)
        })
    }

    /// The operator corrects something at the hub.
    pub(super) fn correct(&mut self) -> anyhow::Result<()> {
        if self.machines[HUB].replica.is_none() {
            return Ok(());
        }
        let Some(document) = self.some_document(HUB)? else { return Ok(()) };
        self.work(HUB, |desk| {
            let mut edit = desk.writing.open(document)?;
            match document.kind().context("a kind")? {
                Sort::Case => field::set(&mut edit, Field::Notes, &word(desk.random), Some("koreksi"))?,
                Sort::Person => amend_person(desk, &mut edit)?,
                Sort::Visit => visit::set_aboard(&mut edit, "TAS", desk.random.chance(0.5))?,
            }
            desk.save(document, edit)
        })
    }

    fn some_case(&mut self, number: usize) -> anyhow::Result<Option<DocumentId>> {
        let Some(replica) = self.machines[number].replica.as_mut() else { return Ok(None) };
        let mut cases = Vec::new();
        read_model::cases(replica.read()?, None, |row| cases.push(row.document))?;
        Ok((!cases.is_empty()).then(|| *self.random.pick(&cases)))
    }

    fn some_document(&mut self, number: usize) -> anyhow::Result<Option<DocumentId>> {
        if self.random.chance(0.6) {
            return self.some_case(number);
        }
        let tx = self.machines[number].running()?.read()?;
        let mut documents: Vec<_> =
            read_model::people(tx, "", 1_000)?.into_iter().map(|row| row.document).collect();
        documents.extend(read_model::visits(tx)?.into_iter().map(|row| row.document));
        Ok((!documents.is_empty()).then(|| *self.random.pick(&documents)))
    }
}

fn new_person(desk: &mut Desk<'_, '_>) -> anyhow::Result<DocumentId> {
    let (document, mut edit) = desk.writing.create(Sort::Person);
    let place = desk.writing.station.place.as_ref().context("a place")?;
    let nik = if desk.random.chance(0.3) { Some(desk.random.pick(&NIK).parse()?) } else { None };
    let village = VILLAGES[desk.random.below(4) as usize].parse()?;
    let mother = word(desk.random);
    person::New {
        district: &place.district,
        nik: nik.as_ref(),
        name: name(desk.random),
        sex: None,
        born: Some("1990".parse()?),
        born_estimated: Some(true),
        birth_order: None,
        mother: Some(&mother),
        father: None,
        kk: None,
        phone: None,
        address: None,
        village: Some(&village),
        reference: None,
    }
    .write(&mut edit)?;
    desk.save(document, edit)?;
    Ok(document)
}

fn new_visit(desk: &mut Desk<'_, '_>) -> anyhow::Result<DocumentId> {
    let (document, mut edit) = desk.writing.create(Sort::Visit);
    let place = desk.writing.station.place.as_ref().context("a place")?;
    let village = VILLAGES[desk.random.below(4) as usize].parse()?;
    visit::New {
        district: &place.district,
        unit: place.unit.as_ref().context("a unit")?,
        label: "Noebesi",
        date: desk.now().day(480),
        village: Some(&village),
        point: None,
        lead: None,
        agencies: &["DUK".to_owned()],
        opened: desk.now(),
        offset_minutes: 480,
    }
    .write(&mut edit)?;
    desk.save(document, edit)?;
    Ok(document)
}

fn new_case(
    desk: &mut Desk<'_, '_>,
    applicant: DocumentId,
    subject: DocumentId,
    visit: Option<DocumentId>,
) -> anyhow::Result<()> {
    let (document, mut edit) = desk.writing.create(Sort::Case);
    let place = desk.writing.station.place.as_ref().context("a place")?;
    let unit = place.unit.as_ref().context("a unit")?;
    let letter: DeviceLetter = place.letter.parse()?;
    let day = desk.now().day(480);
    let counter = u32::try_from(store::next(desk.writing.tx, &format!("slip/{letter}/{day}"))?)?;
    let slip = SlipNumber::new(place.district.clone(), unit, &letter, day, counter);
    let village = VILLAGES[desk.random.below(4) as usize].parse()?;
    let (service, ..) = *desk.random.pick(&SERVICES);
    let mut encounter = [0; 8];
    desk.writing.draw(&mut encounter);
    let catalogue = desk.writing.registries.catalogue().to_string();
    let notes = word(desk.random);
    let begins = [State::Draft, State::Received, State::Complete];
    case::New {
        service,
        catalogue: &catalogue,
        slip: &slip,
        unit,
        district: &place.district,
        village: Some(&village),
        applicant,
        subject,
        collector: None,
        visit,
        encounter,
        started: desk.now(),
        ended: None,
        offset_minutes: 480,
        officer: Some("Marlince Oematan"),
        position: None,
        consent: Some(true),
        consent_text: None,
        confirmed: None,
        notes: Some(&notes),
        reference: None,
        channel: None,
        blank: None,
        priority: None,
        companion: None,
        witnesses: &["Oni".to_owned()],
        ticks: &["KK".to_owned()],
        warnings: &[],
        event: NewEvent::new(*desk.random.pick(&begins), desk.now()),
    }
    .write(&mut edit)?;
    desk.save(document, edit)
}

fn amend_case(desk: &mut Desk<'_, '_>, edit: &mut Edit) -> anyhow::Result<()> {
    match desk.random.below(6) {
        0 => case::tick(edit, "Akta")?,
        1 => case::untick(edit, "KK", "salah")?,
        2 => field::set(edit, Field::Officer, name(desk.random), None)?,
        3 | 4 => {
            let states = [
                State::Complete,
                State::Incomplete,
                State::WaitingForNetwork,
                State::Loaded,
                State::Issued,
                State::HandedOver,
                State::Closed,
                State::Cancelled,
            ];
            let event = NewEvent {
                agency: Some("DUK"),
                reference: Some("REG/1"),
                confirm: true,
                ..NewEvent::new(*desk.random.pick(&states), desk.now())
            };
            event.write(edit)?;
        }
        _ => field::set(edit, Field::Notes, &word(desk.random), Some("dibetulkan"))?,
    }
    Ok(())
}

fn amend_person(desk: &mut Desk<'_, '_>, edit: &mut Edit) -> anyhow::Result<()> {
    match desk.random.below(3) {
        0 => field::set(edit, Field::Name, name(desk.random), Some("sesuai KTP"))?,
        1 => field::set(edit, Field::Mother, &word(desk.random), None)?,
        _ => field::set(edit, Field::Address, &word(desk.random), None)?,
    }
    Ok(())
}

fn name(random: &mut Random) -> &'static str {
    NAMES[random.below(NAMES.len() as u64) as usize]
}

/// Some letters that nobody has typed before, at times very many.
fn word(random: &mut Random) -> String {
    let length = if random.chance(0.1) { random.between(150, 190) } else { random.between(5, 30) };
    (0..length).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
}
