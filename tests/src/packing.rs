//! What the packed codec costs: a van's log made of invented cases, and the least that their columns need.
//!
//! The documents are as `van-agent record --file` makes them: a person once, then each case; lines are saved two
//! hundred at a time.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use shared::{
    change::Change,
    document::{self, Edit, History, NewEvent, SCHEMA, State, case, person, visit},
    geo::Position,
    id::{ActorId, ChangeHash, DistrictCode, DocumentId, Kind, UnitId},
    nik::Nik,
    phone,
    slip::{DeviceLetter, SlipNumber},
    time::Timestamp,
    wire::{
        Entry,
        batch::{self, Hashed},
        column::{put_numbers, put_texts, zigzag},
        pack::{self, Packs, Place, Places},
    },
};

use crate::{people::Case, random::Random};

/// Lines that are saved at one time.
const GROUP_LINES: usize = 200;
const LEVEL: i32 = 19;

/// A van while it fills its log.
#[derive(Debug)]
pub struct Log {
    random: Random,
    actor: ActorId,
    district: DistrictCode,
    unit: UnitId,
    documents: u64,
    people: BTreeMap<String, DocumentId>,
    visits: BTreeMap<String, DocumentId>,
    slips: u32,
    now: Timestamp,
    /// The entries so far.
    pub entries: Hashed,
    cases: Vec<(DocumentId, History)>,
}

impl Log {
    /// The log of a van that records `cases`; what it draws follows from `seed`.
    ///
    /// # Errors
    /// A case is none that a van would record.
    pub fn of(seed: u64, cases: &[Case]) -> anyhow::Result<Self> {
        let mut random = Random::of(seed, "log");
        let mut actor = [0; 16];
        random.fill(&mut actor);
        let mut log = Self {
            random,
            actor: ActorId(actor),
            district: "53.02".parse()?,
            unit: "V01".parse()?,
            documents: 0,
            people: BTreeMap::new(),
            visits: BTreeMap::new(),
            slips: 0,
            now: Timestamp(0),
            entries: Vec::new(),
            cases: Vec::new(),
        };
        for group in cases.chunks(GROUP_LINES) {
            let last = group.last().context("a line")?;
            log.now = Timestamp(Timestamp::parse(&last.ended)?.0.0 + log.random.below(60_000) as i64);
            for case in group {
                log.record(case)?;
            }
        }
        Ok(log)
    }

    fn create(&mut self, kind: Kind) -> (DocumentId, Edit) {
        self.documents += 1;
        let prefix = document::authority::id_prefix(self.actor);
        let document = DocumentId::new(prefix, kind, self.documents);
        (document, Edit::create(document, self.actor))
    }

    fn save(&mut self, document: DocumentId, mut edit: Edit) -> anyhow::Result<(ChangeHash, Change)> {
        let (hash, change) = edit.commit(self.now, SCHEMA)?.context("nothing was written")?;
        self.entries.push((Entry::Change { document, change: change.clone().into() }, Some(hash)));
        Ok((hash, change))
    }

    fn person(&mut self, case: &Case) -> anyhow::Result<DocumentId> {
        let known = case.nik.clone().or_else(|| case.person_ref.clone()).context("a name")?;
        if let Some(document) = self.people.get(&known) {
            return Ok(*document);
        }
        let (document, mut edit) = self.create(Kind::Person);
        let nik: Option<Nik> = case.nik.as_deref().map(str::parse).transpose()?;
        let phone = case.phone.as_deref().map(|phone| phone::normalise(phone).0);
        person::New {
            district: &self.district,
            nik: nik.as_ref(),
            name: &case.name,
            sex: Some(case.sex.parse()?),
            born: case.born.as_deref().map(str::parse).transpose()?,
            born_estimated: case.born_estimated,
            birth_order: None,
            mother: None,
            father: None,
            kk: case.kk.as_deref(),
            phone: phone.as_deref(),
            address: Some(&case.address),
            village: Some(&case.village.parse()?),
            reference: case.person_ref.as_deref(),
        }
        .write(&mut edit)?;
        self.save(document, edit)?;
        self.people.insert(known, document);
        Ok(document)
    }

    fn visit(&mut self, case: &Case, label: &str) -> anyhow::Result<DocumentId> {
        if let Some(document) = self.visits.get(label) {
            return Ok(*document);
        }
        let (opened, offset_minutes) = Timestamp::parse(&case.started)?;
        let (document, mut edit) = self.create(Kind::Visit);
        visit::New {
            district: &self.district,
            unit: &self.unit,
            label,
            date: opened.day(offset_minutes),
            village: Some(&case.village.parse()?),
            point: None,
            lead: None,
            agencies: &[],
            opened,
            offset_minutes,
        }
        .write(&mut edit)?;
        self.save(document, edit)?;
        self.visits.insert(label.to_owned(), document);
        Ok(document)
    }

    fn record(&mut self, case: &Case) -> anyhow::Result<()> {
        let (started, offset_minutes) = Timestamp::parse(&case.started)?;
        let subject = self.person(case)?;
        let visit = case.visit.clone().map(|label| self.visit(case, &label)).transpose()?;
        self.slips += 1;
        let day = started.day(offset_minutes);
        let slip = SlipNumber::new(self.district.clone(), &self.unit, &DeviceLetter::nth(0), day, self.slips);
        let position = case.position.map(|[north, east]| Position::from_degrees(north, east)).transpose()?;
        let consent = ("consent", "the citizen does not consent".to_owned());
        let warnings = if case.consent { Vec::new() } else { vec![consent] };
        let (document, mut edit) = self.create(Kind::Case);
        case::New {
            service: &case.service,
            catalogue: "f2a60c1d9b7e43508c1de2fa3b5976c8",
            slip: &slip,
            unit: &self.unit,
            district: &self.district,
            village: Some(&case.village.parse()?),
            applicant: subject,
            subject,
            collector: None,
            visit,
            encounter: document.sitting(),
            started,
            ended: Some(Timestamp::parse(&case.ended)?.0),
            offset_minutes,
            officer: Some(&case.officer),
            position,
            consent: Some(case.consent),
            consent_text: None,
            confirmed: None,
            notes: Some(case.notes.as_str()).filter(|notes| !notes.is_empty()),
            reference: None,
            channel: None,
            blank: None,
            priority: None,
            companion: None,
            witnesses: &[],
            ticks: &[],
            warnings: &warnings,
            event: NewEvent { officer: Some(&case.officer), ..NewEvent::new(case.status.parse()?, started) },
        }
        .write(&mut edit)?;
        let (hash, change) = self.save(document, edit)?;
        let mut history = History::default();
        history.insert(hash, change);
        self.cases.push((document, history));
        Ok(())
    }

    /// Goes on with the first `count` cases, a minute or so each, each with its next status. Returns how many
    /// entries there were before.
    ///
    /// # Errors
    /// A case cannot be opened.
    pub fn go_on(&mut self, count: usize) -> anyhow::Result<usize> {
        let before = self.entries.len();
        let cases: Vec<_> = self.cases.iter().take(count).cloned().collect();
        for (document, history) in cases {
            self.now = Timestamp(self.now.0 + self.random.between(20_000, 120_000) as i64);
            let officer = *self.random.pick(&["Marlince Oematan", "Yefta Nabuasa", "Siti Rahmawati"]);
            let state = *self.random.pick(&[State::Complete, State::Loaded, State::HandedOver]);
            let mut edit = Edit::open_checked(Kind::Case, &history, self.actor);
            NewEvent { officer: Some(officer), ..NewEvent::new(state, self.now) }.write(&mut edit)?;
            if self.random.chance(0.2) {
                edit.put(&["notes"], &shared::change::Scalar::Str("berkas lengkap".to_owned()))?;
            }
            self.save(document, edit)?;
        }
        Ok(before)
    }

    fn places(&self, first: usize) -> Places {
        let mut places = Places::default();
        for (index, (entry, hash)) in self.entries[..first].iter().enumerate() {
            if let (Entry::Change { document, .. }, Some(hash)) = (entry, hash) {
                places.insert(index as u64 + 1, Place { document: *document, hash: *hash });
            }
        }
        places
    }

    /// Bytes of all entries from `first` on, in batches of `size`.
    pub fn bytes(&self, first: usize, size: usize) -> usize {
        let (places, packs) = (self.places(first), Packs::inside(pack::NEWEST));
        self.entries[first..].chunks(size).map(|part| batch::encode(part, &places, &packs).bytes.len()).sum()
    }

    /// What packing compresses, of all entries from `first` on in batches of `size`.
    pub fn columns(&self, first: usize, size: usize) -> Vec<Vec<u8>> {
        let places = self.places(first);
        let parts = self.entries[first..].chunks(size);
        parts.filter_map(|part| pack::columns(part, &places)).map(|(columns, _)| columns).collect()
    }

    /// How long writing the columns alone, the whole of encoding, and decoding take, per change.
    pub fn times(&self, size: usize) -> [Duration; 3] {
        let (places, packs) = (Places::default(), Packs::inside(pack::NEWEST));
        let parts: Vec<_> = self.entries.chunks(size).collect();
        let started = Instant::now();
        assert!(parts.iter().all(|part| pack::columns(part, &places).is_some()));
        let columns = started.elapsed();
        let started = Instant::now();
        let packed: Vec<_> = parts.iter().filter_map(|part| pack::encode(part, &places, &packs)).collect();
        let encoded = started.elapsed();
        let started = Instant::now();
        for (packed, part) in packed.iter().zip(&parts) {
            let entries = pack::inflate(&packed.bytes, None)
                .and_then(|columns| pack::decode(&columns, part.len(), &places, |_| None))
                .unwrap_or_default();
            let changes = entries.iter().filter_map(|(entry, _)| entry.change());
            assert!(changes.filter_map(|change| document::hash(change).ok()).count() <= part.len());
        }
        let count = self.entries.len() as u32;
        [columns / count, encoded / count, started.elapsed() / count]
    }
}

/// Bytes of the least that the cases need, in parts of `size`: each field as one column, with nothing of
/// documents, operations or writers.
///
/// # Errors
/// A case is none that a van would record.
pub fn floor(cases: &[Case], size: usize) -> anyhow::Result<usize> {
    let mut total = 0;
    for part in cases.chunks(size) {
        let mut out = Vec::new();
        for text in [
            |case: &Case| case.nik.clone(),
            |case: &Case| Some(case.name.clone()),
            |case: &Case| Some(case.sex.clone()),
            |case: &Case| case.born.clone(),
            |case: &Case| case.kk.clone(),
            |case: &Case| case.phone.clone(),
            |case: &Case| Some(case.address.clone()),
            |case: &Case| Some(case.village.clone()),
            |case: &Case| Some(case.service.clone()),
            |case: &Case| Some(case.status.clone()),
            |case: &Case| Some(case.officer.clone()),
            |case: &Case| case.visit.clone(),
            |case: &Case| Some(case.notes.clone()).filter(|notes| !notes.is_empty()),
            |case: &Case| case.person_ref.clone(),
        ] {
            let texts: Vec<_> = part.iter().map(text).collect();
            put_numbers(&mut out, &texts.iter().map(|text| u64::from(text.is_some())).collect::<Vec<_>>());
            put_texts(&mut out, &texts.iter().flatten().map(String::as_str).collect::<Vec<_>>());
        }
        let mut last = 0;
        let (mut starts, mut lengths) = (Vec::new(), Vec::new());
        for case in part {
            let (started, ended) = (Timestamp::parse(&case.started)?.0.0, Timestamp::parse(&case.ended)?.0.0);
            starts.push(zigzag(started - last));
            lengths.push(zigzag(ended - started));
            last = started;
        }
        let micro = |degrees: f64| zigzag((degrees * 1e6).round() as i64);
        let positions = part.iter().filter_map(|case| case.position);
        for numbers in [
            starts,
            lengths,
            part.iter().map(|case| u64::from(case.consent)).collect(),
            part.iter().map(|case| u64::from(case.born_estimated == Some(true))).collect(),
            part.iter().map(|case| u64::from(case.position.is_some())).collect(),
            positions.clone().map(|[north, _]| micro(north)).collect(),
            positions.map(|[_, east]| micro(east)).collect(),
        ] {
            put_numbers(&mut out, &numbers);
        }
        total += compressed(&out)?;
    }
    Ok(total)
}

/// Bytes of `bytes` as one zstd frame.
///
/// # Errors
/// zstd fails.
pub fn compressed(bytes: &[u8]) -> anyhow::Result<usize> {
    Ok(zstd::bulk::compress(bytes, LEVEL).context("compress")?.len())
}
