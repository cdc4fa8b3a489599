//! Invented citizens and a unit's day with them: what `van-agent record --file` reads.
//!
//! Everything follows from the seed, the unit and the day. The people are as a village has them: names of one
//! word, apostrophes, elders who know only the year of their birth, newborns without NIK, families under one
//! KK, an applicant with several services. Nobody is real: serials of NIK and KK are 9001 and up, telephone
//! numbers begin with 0812-0000.

mod case;
mod names;
mod region;

use std::collections::{BTreeSet, VecDeque};

use anyhow::Context as _;
use shared::time::Timestamp;
use time::{Date, Duration, Month, macros::format_description};

pub use self::case::Case;
pub use self::region::{OfflineMode, Point, Region, Service, Village};
use crate::random::Random;

/// What is asked for: one unit's day.
#[derive(Clone, Debug)]
pub struct Order {
    /// What all else follows from.
    pub seed: u64,
    /// How many cases.
    pub cases: usize,
    /// The unit, `V01`; two units of one seed meet different people.
    pub unit: String,
    /// The day, `2026-11-20`.
    pub day: String,
    /// Whether each line carries a `ref`, so that reading it again makes nothing new.
    pub refs: bool,
}

/// The cases of a unit's day, in the order of their times.
///
/// # Errors
/// The day is no date.
pub fn cases<'a>(region: &'a Region, order: &'a Order) -> anyhow::Result<impl Iterator<Item = Case> + 'a> {
    let format = format_description!("[year]-[month]-[day]");
    let day = Date::parse(&order.day, format).with_context(|| format!("`{}` is no day", order.day))?;
    Ok(Sitting::new(region, order, day).take(order.cases))
}

/// The cases as NDJSON, each line ended.
///
/// # Errors
/// The day is no date.
pub fn ndjson(region: &Region, order: &Order) -> anyhow::Result<String> {
    Ok(cases(region, order)?.flat_map(|case| [case.to_line(), "\n".to_owned()]).collect())
}

/// How long a unit works, and when it begins.
const WORK: Duration = Duration::hours(8);
const BEGINS: Duration = Duration::hours(8);
/// A service point is left after so many cases.
const CASES_OF_A_STOP: usize = 150;
const OFFICERS: [&str; 6] =
    ["Marlince Oematan", "Yefta Nabuasa", "Siti Rahmawati", "Dominggus Sae", "Ni Luh Ayu", "Arnoldus Ta'neo"];
const NOTES: [&str; 8] = [
    "berkas lengkap, sudah diperiksa kepala dusun",
    "fotokopi KK menyusul minggu depan",
    "datang bersama keponakan; tidak bisa tanda tangan, cap jempol",
    "nama di ijazah berbeda satu huruf",
    "rumah di seberang kali, musim hujan sulit dijangkau",
    "minta diantar ke rumah pada kunjungan berikut",
    "surat keterangan desa terlampir",
    "pernah mengurus di kantor camat, belum selesai",
];
const HAMLETS: [&str; 6] = ["Dusun A", "Dusun B", "Dusun C", "Oe'ekam", "Fatukoko", "Nunbaun"];

/// The stream of cases: people come to the table one after the other.
struct Sitting<'a> {
    region: &'a Region,
    order: &'a Order,
    random: Random,
    day: Date,
    stops: Vec<Stop<'a>>,
    taken: BTreeSet<String>,
    emitted: usize,
    people: usize,
    waiting: VecDeque<Case>,
}

/// Where the unit stands for a part of the day.
struct Stop<'a> {
    label: String,
    position: Option<[f64; 2]>,
    /// The villages whose people come: those of its kecamatan.
    villages: Vec<&'a Village>,
}

/// Those who share a KK.
struct Household<'a> {
    village: &'a Village,
    clan: &'static str,
    kk: String,
    phone: Option<String>,
    address: String,
}

/// Somebody, as far as a case names them.
struct Person {
    nik: Option<String>,
    name: String,
    sex: &'static str,
    born: String,
    estimated: bool,
    reference: Option<String>,
}

impl<'a> Sitting<'a> {
    fn new(region: &'a Region, order: &'a Order, day: Date) -> Self {
        let mut random = Random::of(order.seed, &format!("{} {}", order.unit, order.day));
        let count = order.cases.div_ceil(CASES_OF_A_STOP).clamp(1, 6);
        let stops = (0..count).map(|_| stop(region, order, &mut random)).collect();
        Self {
            region,
            order,
            random,
            day,
            stops,
            taken: BTreeSet::new(),
            emitted: 0,
            people: 0,
            waiting: VecDeque::new(),
        }
    }

    /// One applicant at the table: one to three services, for themselves or for a child.
    fn encounter(&mut self) {
        let stop = &self.stops[self.emitted * self.stops.len() / self.order.cases.max(1) % self.stops.len()];
        let (label, position) = (stop.label.clone(), stop.position);
        let village = *self.random.pick(&stop.villages);
        let home = self.household(village);
        let age = self.random.between(17, 60) + if self.random.chance(0.15) { 22 } else { 0 };
        let applicant = self.person(&home, age);
        let wanted = [1, 1, 1, 2, 2, 3][self.random.below(6) as usize];
        let mut services: Vec<&Service> = Vec::new();
        for _ in 0..wanted {
            let service = self.service(age);
            if !services.iter().any(|chosen| chosen.code == service.code) {
                services.push(service);
            }
        }
        let started = self.time(self.emitted);
        for service in services {
            let subject = match service.code.as_str() {
                "DUK-LAHIR" => &self.newborn(&home),
                "DUK-KIA" => &self.child(&home),
                "DUK-MATI" => &self.elder(&home),
                _ => &applicant,
            };
            let case = self.case(&home, subject, service, &started);
            let place = position.map(|place| self.beside(place));
            self.waiting.push_back(Case { position: place, visit: Some(label.clone()), ..case });
        }
    }

    fn case(&mut self, home: &Household<'_>, subject: &Person, service: &Service, started: &str) -> Case {
        let number = self.emitted + self.waiting.len();
        let notes = if self.random.chance(0.3) { *self.random.pick(&NOTES) } else { "" };
        Case {
            nik: subject.nik.clone(),
            name: subject.name.clone(),
            sex: subject.sex.to_owned(),
            born: Some(subject.born.clone()),
            born_estimated: subject.estimated.then_some(true),
            kk: Some(home.kk.clone()),
            phone: home.phone.clone(),
            address: home.address.clone(),
            village: home.village.code.clone(),
            service: service.code.clone(),
            status: self.status(service).to_owned(),
            started: started.to_owned(),
            ended: self.time(number + 1),
            position: None,
            officer: self.officer(),
            visit: None,
            notes: notes.to_owned(),
            consent: self.random.chance(0.98),
            person_ref: subject.reference.clone(),
            reference: self.order.refs.then(|| format!("{}-{}-{number:06}", self.order.unit, self.order.day)),
        }
    }

    fn household(&mut self, village: &'a Village) -> Household<'a> {
        let clan = names::clan(&mut self.random);
        let days = self.random.between(30, 6_000) as i64;
        let issued = self.day_before(days);
        let kk = self.number(&kecamatan(&village.code), issued, 0);
        let phone = self.random.chance(0.6).then(|| format!("08120000{:04}", self.random.below(10_000)));
        let (rt, rw) = (self.random.between(1, 12), self.random.between(1, 6));
        let address = format!("{} RT {rt:03}/RW {rw:03}", self.random.pick(&HAMLETS));
        Household { village, clan, kk, phone, address }
    }

    fn person(&mut self, home: &Household<'_>, years: u64) -> Person {
        let days = years * 365 + years / 4 + self.random.below(360);
        let sex = if self.random.chance(0.55) { "P" } else { "L" };
        let born = self.day_before(days as i64);
        self.born_on(home, born, sex)
    }

    /// A person with a NIK; an elder may know no more than the year.
    fn born_on(&mut self, home: &Household<'_>, born: Date, sex: &'static str) -> Person {
        let elder = born.year() < 1960;
        let known = if elder { [10, 7, 4][self.random.below(3) as usize] } else { 10 };
        // Who knew only the year was registered as born on its last day.
        let registered = if known == 4 { last_day(born.year()) } else { born };
        // A NIK keeps the kecamatan in which it was first issued.
        let moved = self.random.chance(0.06);
        let from = if moved { &self.random.pick(&self.region.villages).code } else { &home.village.code };
        let nik = self.number(&kecamatan(from), registered, if sex == "P" { 40 } else { 0 });
        Person {
            nik: Some(nik),
            name: names::name(&mut self.random, sex, home.clan),
            sex,
            born: registered.to_string()[..known].to_owned(),
            estimated: known < 10,
            reference: None,
        }
    }

    fn newborn(&mut self, home: &Household<'_>) -> Person {
        self.people += 1;
        let sex = if self.random.chance(0.5) { "P" } else { "L" };
        let days = self.random.between(3, 300) as i64;
        let order = self.order;
        Person {
            nik: None,
            name: names::name(&mut self.random, sex, home.clan),
            sex,
            born: self.day_before(days).to_string(),
            estimated: false,
            reference: Some(format!("{}-{}-bayi-{}-{:04}", order.unit, order.day, order.seed, self.people)),
        }
    }

    fn child(&mut self, home: &Household<'_>) -> Person {
        let years = self.random.between(1, 15);
        self.person(home, years)
    }

    fn elder(&mut self, home: &Household<'_>) -> Person {
        let years = self.random.between(55, 90);
        self.person(home, years)
    }

    /// 16 digits: kecamatan, date (its day raised for women), a serial of 9001 and up; never the same twice.
    fn number(&mut self, kecamatan: &str, date: Date, raised: u8) -> String {
        loop {
            let serial = self.random.between(9_001, 9_999);
            let (day, month) = (date.day() + raised, u8::from(date.month()));
            let number = format!("{kecamatan}{day:02}{month:02}{:02}{serial}", date.year() % 100);
            if self.taken.insert(number.clone()) {
                return number;
            }
        }
    }

    /// A service that fits the applicant's age, the frequent ones more often.
    fn service(&mut self, age: u64) -> &'a Service {
        let services = &self.region.services;
        let weight = |service: &Service| {
            let (weight, ages) = demand(&service.code);
            if ages.contains(&age) { weight } else { 0 }
        };
        let total: u64 = services.iter().map(weight).sum();
        let mut left = self.random.below(total);
        services
            .iter()
            .find(|service| {
                let chosen = left < weight(service);
                left = left.saturating_sub(weight(service));
                chosen
            })
            .unwrap_or(&services[0])
    }

    fn status(&mut self, service: &Service) -> &'static str {
        match service.offline_mode {
            OfflineMode::Full => ["complete", "complete", "received"][self.random.below(3) as usize],
            OfflineMode::Intake => {
                ["complete", "complete", "incomplete", "received"][self.random.below(4) as usize]
            }
            OfflineMode::OnlineStep => "waiting_for_network",
        }
    }

    fn officer(&mut self) -> String {
        let shift = self.order.unit.bytes().map(usize::from).sum::<usize>();
        OFFICERS[(shift + self.random.below(3) as usize) % OFFICERS.len()].to_owned()
    }

    /// When the case of this number begins.
    fn time(&self, number: usize) -> String {
        let share = number as f64 / self.order.cases.max(1) as f64;
        let offset = self.region.zone.offset_minutes();
        let local = self.day.midnight().assume_utc() + BEGINS + WORK * share.min(1.5);
        let at = local - Duration::minutes(offset.into());
        Timestamp(at.unix_timestamp() * 1_000).to_rfc3339(offset)
    }

    fn day_before(&self, days: i64) -> Date {
        self.day.checked_sub(Duration::days(days)).unwrap_or(self.day)
    }

    /// Within some 300 m, in steps of a hundred thousandth of a degree.
    fn beside(&mut self, place: [f64; 2]) -> [f64; 2] {
        place.map(|degrees| {
            let moved = degrees + (self.random.between(0, 600) as f64 - 300.0) / 1e5;
            (moved * 1e5).round() / 1e5
        })
    }
}

impl Iterator for Sitting<'_> {
    type Item = Case;

    fn next(&mut self) -> Option<Case> {
        if self.waiting.is_empty() {
            self.encounter();
        }
        self.emitted += 1;
        self.waiting.pop_front()
    }
}

fn stop<'a>(region: &'a Region, order: &Order, random: &mut Random) -> Stop<'a> {
    let (code, name, position) = if region.points.is_empty() {
        let village = random.pick(&region.villages);
        (village.code.as_str(), village.name.as_str(), None)
    } else {
        let point = random.pick(&region.points);
        (point.village_code.as_str(), point.name.as_str(), Some([point.lat, point.lon]))
    };
    let near = kecamatan(code);
    let mut villages: Vec<_> =
        region.villages.iter().filter(|village| kecamatan(&village.code) == near).collect();
    if villages.is_empty() {
        villages = region.villages.iter().collect();
    }
    Stop { label: format!("{} {name} {}", order.unit, order.day), position, villages }
}

/// The six digits of a village's kecamatan: `53.02.01.2003` gives `530201`.
fn kecamatan(village: &str) -> String {
    village.chars().filter(char::is_ascii_digit).take(6).collect()
}

fn last_day(year: i32) -> Date {
    Date::from_calendar_date(year, Month::December, 31).expect("every year has a last day")
}

/// How often a service is asked for, and by applicants of what age.
fn demand(code: &str) -> (u64, std::ops::RangeInclusive<u64>) {
    match code {
        "DUK-KK" => (20, 17..=120),
        "DUK-CETAK" => (16, 17..=120),
        "DUK-REKAM" => (14, 17..=40),
        "DUK-LAHIR" => (14, 17..=45),
        "DUK-KIA" => (8, 20..=55),
        "KES-PUSLING" => (6, 17..=120),
        "SAM-PKB" => (5, 20..=70),
        "DUK-IKD" => (4, 17..=60),
        "BPJ-DATA" | "SOS-USUL" => (4, 17..=120),
        "TAS-AUT" => (8, 56..=120),
        "TAS-KLAIM" => (2, 56..=120),
        "DUK-MATI" | "DUK-PINDAH" | "PBB-BAYAR" => (3, 20..=120),
        "AGA-ISBAT" => (2, 19..=70),
        "KES-SIP" => (1, 22..=55),
        "NAK-AK1" => (2, 17..=45),
        _ => (1, 17..=120),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn order(seed: u64, unit: &str, cases: usize) -> Order {
        Order { seed, cases, unit: unit.to_owned(), day: "2026-11-20".to_owned(), refs: false }
    }

    fn day(order: &Order) -> Vec<Case> {
        cases(&Region::shipped("53.02").unwrap(), order).unwrap().collect()
    }

    #[test]
    fn a_day_follows_from_seed_and_unit() {
        let of = |seed, unit| day(&order(seed, unit, 50));
        assert_eq!(of(7, "V01"), of(7, "V01"));
        assert_ne!(of(7, "V01"), of(8, "V01"));
        assert_ne!(of(7, "V01"), of(7, "V02"));
        assert_eq!(day(&order(7, "V01", 300)).len(), 300);
        assert!(
            cases(&Region::shipped("53.02").unwrap(), &Order { day: "x".into(), ..order(1, "V01", 1) })
                .is_err()
        );
    }

    #[test]
    fn a_line_is_a_case_of_the_registries() {
        let region = Region::shipped("53.02").unwrap();
        let villages: BTreeSet<_> = region.villages.iter().map(|village| village.code.as_str()).collect();
        let services: BTreeSet<_> = region.services.iter().map(|service| service.code.as_str()).collect();
        assert_eq!((villages.len(), region.points.len(), services.len()), (278, 59, 24));
        let mut last = String::new();
        for case in day(&order(7, "V01", 2_000)) {
            assert!(villages.contains(case.village.as_str()) && services.contains(case.service.as_str()));
            assert!(case.started >= last && case.started < case.ended, "{} {last}", case.started);
            assert!(case.started.starts_with("2026-11-20T") && case.started.ends_with("+08:00"));
            last.clone_from(&case.started);
            let line = case.to_line();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Case>(&line).unwrap(), case);
        }
    }

    #[test]
    fn a_nik_is_of_its_person_and_a_test_number() {
        let mut niks = BTreeMap::new();
        for case in day(&order(7, "V01", 2_000)) {
            let kk = case.kk.clone().unwrap();
            assert!(kk.len() == 16 && &kk[12..] >= "9001", "{kk}");
            let Some(nik) = &case.nik else {
                assert_eq!((case.service.as_str(), case.person_ref.is_some()), ("DUK-LAHIR", true));
                continue;
            };
            assert!(nik.len() == 16 && nik.starts_with("5302") && &nik[12..] >= "9001", "{nik}");
            assert_eq!(nik[6..8].parse::<u8>().unwrap() > 40, case.sex == "P");
            assert_eq!(nik[10..12], case.born.clone().unwrap()[2..4]);
            let who = (case.name.clone(), case.born.clone(), case.sex.clone());
            assert_eq!(niks.entry(nik.clone()).or_insert(who.clone()), &who);
        }
    }

    #[test]
    fn a_village_has_all_kinds_of_people() {
        let cases = day(&order(7, "V01", 2_000));
        let share = |wanted: &dyn Fn(&Case) -> bool| cases.iter().filter(|case| wanted(case)).count();
        for (what, range, count) in [
            ("apostrophe", 60..600, share(&|case| case.name.contains('\''))),
            ("one word", 40..200, share(&|case| !case.name.contains(' '))),
            ("no NIK", 60..500, share(&|case| case.nik.is_none())),
            ("birth not to the day", 40..400, share(&|case| case.born_estimated == Some(true))),
            ("no phone", 500..1_100, share(&|case| case.phone.is_none())),
            ("no network", 300..1_000, share(&|case| case.status == "waiting_for_network")),
            ("no consent", 10..100, share(&|case| !case.consent)),
        ] {
            assert!(range.contains(&count), "{what}: {count}");
        }
        let people: BTreeSet<_> = cases.iter().filter_map(|case| case.nik.as_ref()).collect();
        assert!(people.len() + 300 < cases.len(), "several services for one person: {}", people.len());
    }

    #[test]
    fn lines_can_be_made_idempotent() {
        let cases = day(&Order { refs: true, ..order(7, "V01", 500) });
        let references: BTreeSet<_> = cases.iter().map(|case| case.reference.clone().unwrap()).collect();
        assert_eq!(references.len(), 500);
    }

    #[test]
    fn a_district_without_points_has_a_day_too() {
        let villages = "code,name,regency_code,district\n94.01.01.2001,Wasur,94.01,Merauke\n";
        let points = "village_code,name,regency_code,lat,lon\n";
        let services = r#"{"services":[{"code":"DES-SURAT","offline_mode":"full"}]}"#;
        let region = Region::read("94.01", villages, points, services).unwrap();
        let cases: Vec<_> = cases(&region, &order(1, "K01", 20)).unwrap().collect();
        assert!(cases.iter().all(|case| case.service == "DES-SURAT" && case.position.is_none()));
        assert!(cases.iter().all(|case| case.started.ends_with("+09:00")));
        assert!(Region::read("53.02", villages, points, services).is_err());
    }
}
