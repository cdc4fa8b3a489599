//! Rows from cells, each cell judged by itself so that every wrong one is told.

use std::{collections::BTreeSet, str::FromStr};

use super::{
    Problem, Source,
    cells::{Cells, Columns},
    error::RowErrors,
};
use crate::{
    geo::Position,
    id::{UnitId, VillageCode},
    registry::{
        AgencyCode, Kind, OfficerId, PointId, Row, ServiceCode,
        row::{
            Holiday, HolidayKind, LimitUnit, Officer, OfflineMode, Service, ServicePoint, Unit, UnitKind,
            Village, VillageKind, day,
        },
    },
};

/// The longest text of one cell or of one part of a list.
const TEXT_CHARS_MAX: usize = 500;

pub(super) const NAME: &str = "a name of at most 500 characters";
pub(super) const VILLAGE_CODE: &str = "a village code such as 53.02.01.1001";
pub(super) const SENTENCE: &str = "a text of at most 500 characters on one line";
/// What Indonesia spans, with its sea: a lost minus sign falls outside.
const LATITUDES: std::ops::RangeInclusive<f64> = -11.5..=6.5;
const LONGITUDES: std::ops::RangeInclusive<f64> = 94.5..=141.5;

/// A row that people may import.
pub(super) trait FromCells: Row {
    /// What its files hold.
    const COLUMNS: Columns;
    /// Whether sound rows are taken from a file with wrong ones; such a file may also be empty.
    const PARTLY: bool = false;

    /// Reads one row; `None` after telling what is wrong.
    fn read(cells: &mut Reader<'_>) -> Option<Self>;
}

/// One row of a file on its way to a row of a table.
pub(super) struct Reader<'a> {
    pub(super) cells: &'a Cells,
    pub(super) source: &'a Source<'a>,
    pub(super) errors: &'a mut RowErrors,
}

impl Reader<'_> {
    /// Tells what is wrong with a cell.
    pub(super) fn wrong<T>(&mut self, column: &'static str, problem: Problem) -> Option<T> {
        self.wrong_part(column, &self.cells.text(column), problem)
    }

    fn wrong_part<T>(&mut self, column: &'static str, found: &str, problem: Problem) -> Option<T> {
        self.errors.add(self.cells.place, column, found, problem);
        None
    }

    /// A cell that must not be empty.
    pub(super) fn required<T>(
        &mut self,
        column: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        match self.optional(column, expected, parse)? {
            Some(value) => Some(value),
            None => self.wrong(column, Problem::Empty { expected }),
        }
    }

    /// A cell that may be empty.
    pub(super) fn optional<T>(
        &mut self,
        column: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        let text = self.cells.text(column);
        if text.is_empty() {
            return Some(None);
        }
        match parse(&text) {
            Some(value) => Some(Some(value)),
            None => self.wrong(column, Problem::Not { expected }),
        }
    }

    /// The parts of a list, none twice, in the order of the file.
    fn list<T: Ord + Clone>(
        &mut self,
        column: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let parts = self.cells.list(column);
        let mut values = vec![];
        let mut seen = BTreeSet::new();
        for part in &parts {
            match parse(part) {
                Some(value) if seen.insert(value.clone()) => values.push(value),
                Some(_) => {
                    let problem = Problem::Repeated { first: self.cells.place };
                    self.wrong_part::<()>(column, part, problem);
                }
                None => {
                    self.wrong_part::<()>(column, part, Problem::Not { expected });
                }
            }
        }
        (values.len() == parts.len()).then_some(values)
    }

    /// The code of a village in the hub's registry.
    pub(super) fn registered_village(&mut self, column: &'static str) -> Option<VillageCode> {
        let code = self.required(column, VILLAGE_CODE, parsed)?;
        self.is_registered(column, &code).then_some(code)
    }

    fn is_registered(&mut self, column: &'static str, code: &VillageCode) -> bool {
        let known = self.source.known;
        if known.villages().len() == 0 || known.village(code).is_some() {
            return true;
        }
        let problem = Problem::Unregistered { kind: Kind::Villages };
        self.wrong_part::<()>(column, code.as_str(), problem);
        false
    }

    /// A cell that must say what the code says.
    fn following(&mut self, column: &'static str, code: &'static str, expected: &str) -> Option<String> {
        let found = self.required(column, SENTENCE, text)?;
        if found == expected {
            return Some(found);
        }
        self.wrong(column, Problem::Disagrees { column: code, expected: expected.to_owned() })
    }
}

pub(super) fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

pub(super) fn text(text: &str) -> Option<String> {
    let sound = text.chars().count() <= TEXT_CHARS_MAX && !text.chars().any(char::is_control);
    (sound && !text.is_empty()).then(|| text.to_owned())
}

pub(super) fn one_of<T: Copy>(choices: &[(&str, T)]) -> impl Fn(&str) -> Option<T> {
    move |text| choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| *value)
}

impl FromCells for Village {
    const COLUMNS: Columns = Columns {
        required: &["code", "name", "kind", "district_code", "district", "regency_code", "regency"],
        optional: &["postal_code"],
        unused: &[],
        key: "code",
    };

    fn read(cells: &mut Reader<'_>) -> Option<Self> {
        let code: Option<VillageCode> = cells.required("code", VILLAGE_CODE, parsed);
        let name = cells.required("name", NAME, text);
        let district = cells.required("district", NAME, text);
        let regency = cells.required("regency", NAME, text);
        let postal_code = cells.optional("postal_code", "a postal code of five digits", |text| {
            (text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
        });
        let kinds = [
            ("kelurahan", VillageKind::Kelurahan),
            ("desa", VillageKind::Desa),
            ("desa_adat", VillageKind::DesaAdat),
            ("desa adat", VillageKind::DesaAdat),
        ];
        let kind = cells.required("kind", "kelurahan, desa or desa_adat", one_of(&kinds));
        let code = code?;
        let district_code = cells.following("district_code", "code", &code.as_str()[..8]);
        let regency_code = cells.following("regency_code", "code", &code.as_str()[..5]);
        let kind = kind.and_then(|kind| {
            let (of_code, expected) = match code.as_str().as_bytes()[9] {
                b'1' => (VillageKind::Kelurahan, "kelurahan"),
                b'2' => (VillageKind::Desa, "desa"),
                b'3' => (VillageKind::DesaAdat, "desa_adat"),
                _ => {
                    let expected = "a village code whose last group begins with 1, 2 or 3";
                    return cells.wrong("code", Problem::Not { expected });
                }
            };
            if kind == of_code {
                return Some(kind);
            }
            cells.wrong("kind", Problem::Disagrees { column: "code", expected: expected.to_owned() })
        });
        Some(Self {
            name: name?,
            kind: kind?,
            district_code: district_code?,
            district: district?,
            regency_code: regency_code?,
            regency: regency?,
            postal_code: postal_code?,
            code,
        })
    }
}

impl FromCells for ServicePoint {
    const COLUMNS: Columns = Columns {
        required: &["village_code", "name", "lat", "lon"],
        optional: &["id", "source", "geonameid"],
        unused: &["district_code", "district", "regency_code", "regency", "geonames_admin2"],
        key: "id",
    };

    fn read(cells: &mut Reader<'_>) -> Option<Self> {
        let village = cells.registered_village("village_code");
        let name = cells.required("name", NAME, text);
        let degrees = |range: std::ops::RangeInclusive<f64>| {
            move |text: &str| text.parse::<f64>().ok().filter(|degrees| range.contains(degrees))
        };
        let latitude =
            cells.required("lat", "a latitude in Indonesia, -11.5 to 6.5 degrees", degrees(LATITUDES));
        let longitude =
            cells.required("lon", "a longitude in Indonesia, 94.5 to 141.5 degrees", degrees(LONGITUDES));
        let id = cells.optional("id", PointId::EXPECTED, parsed::<PointId>);
        let source = cells.optional("source", SENTENCE, text);
        let geonames = cells.optional("geonameid", "a GeoNames number", parsed::<u64>);
        let (village, name) = (village?, name?);
        Some(Self {
            id: id?.unwrap_or_else(|| point_id(&village, &name)),
            position: Position::from_degrees(latitude?, longitude?).ok()?,
            source: source?.or(geonames?.map(|number| format!("GeoNames {number}"))),
            village,
            name,
        })
    }
}

/// The village's code and the letters of the name: the same however the file is sorted.
fn point_id(village: &VillageCode, name: &str) -> PointId {
    const NAME_CHARS_MAX: usize = 40;
    let letters = name.chars().filter_map(|c| match c {
        ' ' | '-' => Some('-'),
        _ => c.is_ascii_alphanumeric().then(|| c.to_ascii_lowercase()),
    });
    let letters: String = letters.take(NAME_CHARS_MAX).collect();
    let id = if letters.is_empty() { village.to_string() } else { format!("{village}-{letters}") };
    id.parse().expect("a code with letters, digits and hyphens is an id")
}

impl FromCells for Service {
    const COLUMNS: Columns = Columns {
        required: &["code", "agency_code", "agency", "name_id", "name_en", "offline_mode", "tariff"],
        optional: &[
            "tariff_rp",
            "sla_value",
            "sla_unit",
            "requirements",
            "product",
            "numbered_stock",
            "pdp_class",
            "evidence",
            "note",
            "age_from",
            "age_below",
            "subject_present",
            "collectors",
        ],
        unused: &[],
        key: "code",
    };

    fn read(cells: &mut Reader<'_>) -> Option<Self> {
        const AGE: &str = "an age in years such as 17";
        let modes = [
            ("full", OfflineMode::Full),
            ("intake", OfflineMode::Intake),
            ("online_step", OfflineMode::OnlineStep),
        ];
        let code = cells.required("code", ServiceCode::EXPECTED, parsed::<ServiceCode>);
        let agency_code = cells.required("agency_code", AgencyCode::EXPECTED, parsed::<AgencyCode>);
        let agency = cells.required("agency", NAME, text);
        let name_id = cells.required("name_id", NAME, text);
        let name_en = cells.required("name_en", NAME, text);
        let offline_mode = cells.required("offline_mode", "full, intake or online_step", one_of(&modes));
        let tariff = cells.required("tariff", "a tariff such as gratis", text);
        let tariff_rp = cells.optional("tariff_rp", "a sum in whole rupiah such as 30000", parsed);
        let limit = limit(cells);
        let requirements = cells.list("requirements", SENTENCE, text);
        let product = cells.optional("product", SENTENCE, text);
        let numbered_stock = cells.optional("numbered_stock", SENTENCE, text);
        let pdp_class = cells.optional("pdp_class", SENTENCE, text);
        let evidence = cells.optional("evidence", SENTENCE, text);
        let note = cells.optional("note", SENTENCE, text);
        let age_from = cells.optional("age_from", AGE, parsed);
        let age_below = cells.optional("age_below", AGE, parsed);
        let subject_present =
            cells.optional("subject_present", "true or false", one_of(&[("true", true), ("false", false)]));
        let collectors = cells.list("collectors", "subject, family, proxy or village_head", parsed);
        let (sla_value, sla_unit) = limit?;
        Some(Self {
            code: code?,
            agency_code: agency_code?,
            agency: agency?,
            name_id: name_id?,
            name_en: name_en?,
            offline_mode: offline_mode?,
            tariff: tariff?,
            tariff_rp: tariff_rp?,
            sla_value,
            sla_unit,
            requirements: requirements?,
            product: product?.unwrap_or_default(),
            numbered_stock: numbered_stock?,
            pdp_class: pdp_class?.unwrap_or_default(),
            evidence: evidence?.unwrap_or_default(),
            note: note?.unwrap_or_default(),
            age_from: age_from?,
            age_below: age_below?,
            subject_present: subject_present?.unwrap_or_default(),
            collectors: collectors?,
        })
    }
}

/// A time limit: both cells or neither.
fn limit(cells: &mut Reader<'_>) -> Option<(Option<u32>, Option<LimitUnit>)> {
    const NUMBER: &str = "a whole number such as 24";
    const UNIT: &str = "hour, day or workday";
    let units = [("hour", LimitUnit::Hour), ("day", LimitUnit::Day), ("workday", LimitUnit::Workday)];
    let value = cells.optional("sla_value", NUMBER, parsed);
    let unit = cells.optional("sla_unit", UNIT, one_of(&units));
    match (value?, unit?) {
        (Some(_), None) => cells.wrong("sla_unit", Problem::Empty { expected: UNIT }),
        (None, Some(_)) => cells.wrong("sla_value", Problem::Empty { expected: NUMBER }),
        limit => Some(limit),
    }
}

impl FromCells for Holiday {
    const COLUMNS: Columns =
        Columns { required: &["date", "name", "type"], optional: &["decree"], unused: &[], key: "date" };

    fn read(cells: &mut Reader<'_>) -> Option<Self> {
        let kinds = [
            ("libur_nasional", HolidayKind::National),
            ("cuti_bersama", HolidayKind::JointLeave),
            ("libur_daerah", HolidayKind::Local),
        ];
        let date = cells.required("date", "a day such as 2026-11-20", day::parse);
        let name = cells.required("name", NAME, text);
        let kind = cells.required("type", "libur_nasional, cuti_bersama or libur_daerah", one_of(&kinds));
        let decree = cells.optional("decree", SENTENCE, text);
        Some(Self { date: date?, name: name?, kind: kind?, decree: decree? })
    }
}

impl FromCells for Unit {
    const COLUMNS: Columns =
        Columns { required: &["unit", "name", "kind"], optional: &["villages"], unused: &[], key: "unit" };

    fn read(cells: &mut Reader<'_>) -> Option<Self> {
        let kinds = [
            ("van", UnitKind::Van),
            ("mobil", UnitKind::Van),
            ("bus", UnitKind::Bus),
            ("boat", UnitKind::Boat),
            ("kapal", UnitKind::Boat),
            ("motorcycle", UnitKind::Motorcycle),
            ("motor", UnitKind::Motorcycle),
            ("train", UnitKind::Train),
            ("kereta", UnitKind::Train),
            ("walking", UnitKind::Walking),
            ("tim jalan kaki", UnitKind::Walking),
        ];
        let unit =
            cells.required("unit", "a unit of capital letters and digits such as V01", parsed::<UnitId>);
        let name = cells.required("name", NAME, text);
        let expected = "van, bus, boat, motorcycle, train or walking";
        let kind = cells.required("kind", expected, one_of(&kinds));
        let villages: Option<Vec<VillageCode>> = cells.list("villages", VILLAGE_CODE, parsed);
        let mut villages = villages?;
        let known = villages.iter().filter(|code| cells.is_registered("villages", code));
        if known.count() < villages.len() {
            return None;
        }
        villages.sort();
        Some(Self { unit: unit?, name: name?, kind: kind?, villages })
    }
}

impl FromCells for Officer {
    const COLUMNS: Columns =
        Columns { required: &["id", "name"], optional: &["agencies"], unused: &[], key: "id" };

    fn read(cells: &mut Reader<'_>) -> Option<Self> {
        let id = cells.required("id", OfficerId::EXPECTED, parsed::<OfficerId>);
        let name = cells.required("name", NAME, text);
        let agencies = cells.list("agencies", AgencyCode::EXPECTED, parsed::<AgencyCode>);
        let known = cells.source.known.agencies();
        let mut agencies = agencies?;
        let mut registered = true;
        for agency in agencies.iter().filter(|agency| !known.is_empty() && !known.contains_key(agency)) {
            cells.wrong_part::<()>(
                "agencies",
                agency.as_str(),
                Problem::Unregistered { kind: Kind::Services },
            );
            registered = false;
        }
        agencies.sort();
        Some(Self { id: id?, name: name?, agencies }).filter(|_| registered)
    }
}
