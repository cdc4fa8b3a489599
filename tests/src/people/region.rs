//! The places and services that invented people live with: read from the registries' own files.

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use shared::{id::DistrictCode, time::Zone};

/// A district with its villages, its service points and the catalogue.
#[derive(Clone, Debug)]
pub struct Region {
    /// The zone that the district's clocks show.
    pub zone: Zone,
    /// All villages, at least one.
    pub villages: Vec<Village>,
    /// The places where a unit may stand; may be empty.
    pub points: Vec<Point>,
    /// The catalogue, at least one.
    pub services: Vec<Service>,
}

/// A village, as `villages_codes.csv` names its columns.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Village {
    /// `53.02.01.2003`.
    pub code: String,
    /// As people write it.
    pub name: String,
    /// The code of the regency: `53.02`.
    pub regency_code: String,
    /// The name of the kecamatan.
    pub district: String,
}

/// A service point, as `service_points.csv` names its columns.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Point {
    /// The village that it belongs to.
    pub village_code: String,
    /// As people write it.
    pub name: String,
    /// The code of the regency.
    pub regency_code: String,
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
}

/// A service, as `services.json` names its fields.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Service {
    /// `DUK-LAHIR`.
    pub code: String,
    /// What of it can be done without network.
    pub offline_mode: OfflineMode,
}

/// What of a service can be done without network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfflineMode {
    /// All of it.
    Full,
    /// The documents are taken, the agency finishes.
    Intake,
    /// One step needs the agency's live system.
    OnlineStep,
}

#[derive(Deserialize)]
struct Catalogue {
    services: Vec<Service>,
}

impl Region {
    /// Reads a district from the text of its three registries; rows of other districts are left out.
    ///
    /// # Errors
    /// A text that is not what it should be, or no village or service in it.
    pub fn read(district: &str, villages: &str, points: &str, services: &str) -> anyhow::Result<Self> {
        let code: DistrictCode = district.parse()?;
        let villages: Vec<Village> = rows(villages).context("read villages")?;
        let points: Vec<Point> = rows(points).context("read service points")?;
        let Catalogue { services } = serde_json::from_str(services).context("read services")?;
        let region = Self {
            zone: Zone::of(&code),
            villages: villages.into_iter().filter(|village| village.regency_code == district).collect(),
            points: points.into_iter().filter(|point| point.regency_code == district).collect(),
            services,
        };
        ensure!(!region.villages.is_empty(), "no village of district {district}");
        ensure!(!region.services.is_empty(), "no service in the catalogue");
        Ok(region)
    }

    /// A district of the registries that the hub ships.
    ///
    /// # Errors
    /// The district is not among them.
    pub fn shipped(district: &str) -> anyhow::Result<Self> {
        Self::read(
            district,
            include_str!("../../../hub-server/data/registry/villages_codes.csv"),
            include_str!("../../../hub-server/data/registry/service_points.csv"),
            include_str!("../../../hub-server/data/registry/services.json"),
        )
    }
}

fn rows<T: serde::de::DeserializeOwned>(text: &str) -> Result<Vec<T>, csv::Error> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().collect()
}
