//! The registries that a new hub starts with: the rows of its district out of those shipped in
//! `data/registry`, and the catalogue.

use serde_json::{Map, Value};
use shared::{
    id::DistrictCode,
    registry::{
        Kind, Registries, Table,
        import::{Format, ImportError, Source, import},
    },
};

const VILLAGES: &str = include_str!("../data/registry/villages_codes.csv");
const SERVICE_POINTS: &str = include_str!("../data/registry/service_points.csv");
const HOLIDAYS: &str = include_str!("../data/registry/holidays_id_2026_2027.csv");
const SERVICES: &str = include_str!("../data/registry/services.json");
const SERVICE_RULES: &str = include_str!("../data/registry/service_rules.json");

/// The credit to show wherever the shipped service points are shown.
pub const POSITIONS_CREDIT: &str = "GeoNames (CC BY 4.0)";

/// What a new hub starts with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seed {
    /// Villages, service points, services and holidays; one without rows is empty.
    pub tables: Vec<Table>,
    /// What the operator must know.
    pub warnings: Vec<SeedWarning>,
}

/// What is not shipped for a district.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeedWarning {
    /// None of its villages.
    #[error(
        "no villages of district {district} are shipped: import them with `hub-server registry import --kind villages FILE`"
    )]
    NoVillages {
        /// The district.
        district: DistrictCode,
    },
    /// None of its service points.
    #[error(
        "no service points of district {district} are shipped: import them with `hub-server registry import --kind service_points FILE`"
    )]
    NoServicePoints {
        /// The district.
        district: DistrictCode,
    },
}

/// The tables of `district`. A district that is not shipped starts with the catalogue and the
/// holidays alone, and a warning.
pub fn seed_tables(district: &DistrictCode) -> Seed {
    let mut known = Registries::default();
    let mut read = |kind: Kind, format, text: &str| {
        let source = Source { kind: &kind, format, known: &known };
        let table = match import(&source, text.as_bytes()) {
            Err(ImportError::NoRows) => Table::new(kind),
            imported => imported.expect("a test imports all that is shipped").table,
        };
        known.put(table.clone());
        table
    };
    let villages = read(Kind::Villages, Format::Csv, &rows_of(district, VILLAGES));
    let points = read(Kind::ServicePoints, Format::Csv, &rows_of(district, SERVICE_POINTS));
    let services = read(Kind::Services, Format::Json, &catalogue());
    let holidays = read(Kind::Holidays, Format::Csv, HOLIDAYS);
    let mut warnings = vec![];
    if villages.is_empty() {
        warnings.push(SeedWarning::NoVillages { district: district.clone() });
    }
    if points.is_empty() {
        warnings.push(SeedWarning::NoServicePoints { district: district.clone() });
    }
    Seed { tables: vec![villages, points, services, holidays], warnings }
}

/// The first line and the rows whose village is of the district.
fn rows_of(district: &DistrictCode, csv: &str) -> String {
    let prefix = format!("{district}.");
    let (header, rows) = csv.split_once('\n').expect("shipped files have a first line");
    let rows = rows.lines().filter(|row| row.starts_with(&prefix));
    std::iter::once(header).chain(rows).collect::<Vec<_>>().join("\n")
}

/// The services with the rules of whom they suit.
fn catalogue() -> String {
    let parse = |text| serde_json::from_str::<Value>(text).expect("a test reads all that is shipped");
    let (mut catalogue, mut rules) = (parse(SERVICES), parse(SERVICE_RULES));
    let objects = |list: &mut Value| -> Vec<Map<String, Value>> {
        let items = list.as_array_mut().map(std::mem::take).unwrap_or_default();
        items
            .into_iter()
            .filter_map(|item| if let Value::Object(item) = item { Some(item) } else { None })
            .collect()
    };
    let rules = objects(&mut rules["rules"]);
    let mut services = objects(&mut catalogue["services"]);
    for service in &mut services {
        let rule = rules.iter().find(|rule| rule.get("code") == service.get("code"));
        for (name, value) in rule.into_iter().flatten() {
            service.entry(name.as_str()).or_insert_with(|| value.clone());
        }
    }
    Value::from_iter(services).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(district: &str) -> (Registries, Vec<SeedWarning>) {
        let seed = seed_tables(&district.parse().expect("valid"));
        let mut registries = Registries::default();
        for table in seed.tables {
            registries.put(table);
        }
        assert_eq!(registries.unreadable().count(), 0);
        (registries, seed.warnings)
    }

    #[test]
    fn every_shipped_district_starts_with_its_villages() {
        let districts: std::collections::BTreeSet<_> =
            VILLAGES.lines().skip(1).map(|line| &line[..5]).collect();
        let villages: Vec<_> = districts.iter().map(|district| seed(district).0.villages().len()).collect();
        assert_eq!((villages.len(), villages.iter().sum()), (10, 1_725));
        let points: usize = districts.iter().map(|district| seed(district).0.points().len()).sum();
        assert_eq!(points, 275);
    }

    #[test]
    fn the_demo_district_starts_ready() {
        let (registries, warnings) = seed("53.02");
        assert_eq!(warnings, []);
        let sizes = (registries.villages().len(), registries.points().len(), registries.services().count());
        assert_eq!(sizes, (278, 59, 24));
        let point = registries.point("53.02.01.1001-soe").expect("shipped");
        assert_eq!(point.source.as_deref(), Some("GeoNames 1626703"));
        let service = |code| registries.service(code).expect("shipped");
        assert!(service("DUK-REKAM").subject_present && !service("DUK-REKAM").suits_age(16));
        assert!(service("DUK-KIA").suits_age(16) && !service("DUK-KIA").suits_age(17));
        assert!(service("DUK-LAHIR").suits_age(0));
        assert!(
            service("DUK-REKAM").evidence.starts_with("verified"),
            "a rule does not hide the service's own"
        );
    }

    #[test]
    fn what_is_not_shipped_is_told() {
        let district: DistrictCode = "53.05".parse().expect("valid");
        let (registries, warnings) = seed("53.05");
        assert_eq!(registries.villages().len(), 175);
        assert_eq!(warnings, [SeedWarning::NoServicePoints { district }]);
        let (registries, warnings) = seed("53.99");
        assert_eq!((registries.villages().len(), registries.services().count(), warnings.len()), (0, 24, 2));
        assert_eq!(registries.holidays().len(), 51);
    }

    #[test]
    fn every_rule_is_of_a_shipped_service() {
        let (registries, _) = seed("53.02");
        let rules: Value = serde_json::from_str(SERVICE_RULES).expect("JSON");
        for rule in rules["rules"].as_array().expect("a list") {
            assert!(registries.service(rule["code"].as_str().expect("a code")).is_some());
        }
    }
}
