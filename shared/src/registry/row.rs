//! The rows of the known registries. Fields are only added, each with a default: a row of a newer
//! hub is read without what it adds.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use time::Date;

use super::{AgencyCode, Kind, OfficerId, PointId, ServiceCode};
pub use super::{lease::Lease, prelist::Listed};
use crate::{
    collection::Collector,
    geo::Position,
    id::{DeviceId, Epoch, PublicKey, UnitId, VillageCode},
    time::Timestamp,
};

/// A row of a known registry.
pub trait Row: Serialize + DeserializeOwned {
    /// The registry that it belongs to.
    const KIND: Kind;

    /// Its key in the table.
    fn key(&self) -> String;
}

/// A village, in the words of the official list: its `district` is a *kecamatan*, its `regency`
/// what this project calls a district.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Village {
    /// Kemendagri code.
    pub code: VillageCode,
    /// Name as written, apostrophes included.
    pub name: String,
    /// Urban, rural or customary.
    pub kind: VillageKind,
    /// Code of the *kecamatan*, `53.02.01`.
    pub district_code: String,
    /// Name of the *kecamatan*.
    pub district: String,
    /// Code of the regency, `53.02`.
    pub regency_code: String,
    /// Name of the regency.
    pub regency: String,
    /// Five digits, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
}

/// What a village is in law; the first digit of its code's last group says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VillageKind {
    /// 1xxx: an urban village under a *lurah*.
    Kelurahan,
    /// 2xxx: a village under an elected head.
    Desa,
    /// 3xxx: a customary village.
    DesaAdat,
}

/// A place where units stand.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ServicePoint {
    /// Its id: as imported, or the village's code and the name's letters.
    pub id: PointId,
    /// The village that it belongs to.
    pub village: VillageCode,
    /// Name as written.
    pub name: String,
    /// Where it is.
    pub position: Position,
    /// Where the position is from, to be credited where it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A service of the catalogue. Terms are set by each district: they are data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Service {
    /// Its code.
    pub code: ServiceCode,
    /// The agency that owns it.
    pub agency_code: AgencyCode,
    /// Name of the agency, or of its office for this service.
    pub agency: String,
    /// Name in Indonesian.
    pub name_id: String,
    /// Name in English.
    pub name_en: String,
    /// How far it goes without network.
    pub offline_mode: OfflineMode,
    /// The tariff in words.
    pub tariff: String,
    /// The tariff in rupiah, where it is one sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tariff_rp: Option<u64>,
    /// The time limit, where there is one, in `sla_unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla_value: Option<u32>,
    /// What the time limit counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla_unit: Option<LimitUnit>,
    /// What must be brought, in words; ticks name them by these texts.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// What the citizen gets in the end.
    #[serde(default)]
    pub product: String,
    /// The numbered blank that one case uses up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbered_stock: Option<String>,
    /// Class of the personal data in law.
    #[serde(default)]
    pub pdp_class: String,
    /// Where these terms are from.
    #[serde(default)]
    pub evidence: String,
    /// What officers must know.
    #[serde(default)]
    pub note: String,
    /// The subject's age in years from which it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_from: Option<u8>,
    /// The subject's age in years from which it is no longer given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_below: Option<u8>,
    /// Whether the subject must be there in person; false also where nothing is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub subject_present: bool,
    /// Who may collect the product; empty where nothing is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collectors: Vec<Collector>,
}

impl Service {
    /// Whether the service is given at this age in years; true where it has no limits.
    pub fn suits_age(&self, years: u8) -> bool {
        self.age_from.is_none_or(|from| years >= from) && self.age_below.is_none_or(|below| years < below)
    }
}

/// How far a service goes without network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfflineMode {
    /// Begun and ended in the village.
    Full,
    /// Documents are taken, the agency finishes, the product comes with a later visit.
    Intake,
    /// One step needs the agency's live system; until then the case is never shown as done.
    OnlineStep,
}

/// What a time limit counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitUnit {
    /// Hours of the clock.
    Hour,
    /// Days of the calendar.
    Day,
    /// Days without weekends and holidays.
    Workday,
}

/// A day without office hours.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Holiday {
    /// The day.
    #[serde(with = "day")]
    pub date: Date,
    /// Its name.
    pub name: String,
    /// Who declared it.
    #[serde(rename = "type")]
    pub kind: HolidayKind,
    /// The decree that names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decree: Option<String>,
}

/// Who declared a holiday.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum HolidayKind {
    /// The whole country.
    #[serde(rename = "libur_nasional")]
    National,
    /// Joint leave of the civil service.
    #[serde(rename = "cuti_bersama")]
    JointLeave,
    /// The province or the district.
    #[serde(rename = "libur_daerah")]
    Local,
}

/// A van, boat or team.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unit {
    /// Its code, the second part of slip numbers.
    pub unit: UnitId,
    /// Name as people say it.
    pub name: String,
    /// What moves it.
    pub kind: UnitKind,
    /// The villages assigned to it, ascending; empty means all of the district.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub villages: Vec<VillageCode>,
}

impl Unit {
    /// Whether the unit serves `village`.
    pub fn serves(&self, village: &VillageCode) -> bool {
        self.villages.is_empty() || self.villages.contains(village)
    }
}

/// What moves a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// *Mobil*.
    Van,
    /// *Bus*.
    Bus,
    /// *Kapal*.
    Boat,
    /// *Motor*.
    Motorcycle,
    /// *Kereta*.
    Train,
    /// *Tim jalan kaki*.
    Walking,
}

/// Someone who may record, and for whom.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Officer {
    /// The id that cases name, or the name instead.
    pub id: OfficerId,
    /// Name as written.
    pub name: String,
    /// The agencies that the officer acts for, ascending; may be none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agencies: Vec<AgencyCode>,
}

/// An enrolled laptop in one of its lives, by its name on slips and by its key. Rows are never taken away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Device {
    /// Whose row it is, see [`Device::life_of`].
    pub life: String,
    /// The unit that it works in.
    pub unit: UnitId,
    /// Its letter in that unit, the end of the second part of slip numbers: `A` to `Z`, `AA` ...
    pub letter: String,
    /// What it signs with and connects by; the same in all its lives. `None` in rows of an older hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// Whether the hub lets it connect no more, for now or for ever. What it signed before stays signed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub barred: bool,
    /// Since when, where the hub knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barred_at: Option<Timestamp>,
}

impl Device {
    /// Names a life of a device: the number, and as much of the epoch as tells the lives of one device apart.
    pub fn life_of(device: DeviceId, epoch: Epoch) -> String {
        format!("{device}/{}", epoch.short())
    }

    /// The device whose life it is.
    pub fn device(&self) -> Option<DeviceId> {
        self.life.split_once('/')?.0.parse().ok()
    }
}

/// A place where the hub is reached.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Address {
    /// Its turn: the lowest is tried first.
    #[serde(default)]
    pub order: u16,
    /// `HOST:PORT`.
    pub address: String,
}

macro_rules! row {
    ($($name:ident in $kind:ident by $field:ident),* $(,)?) => {
        $(impl Row for $name {
            const KIND: Kind = Kind::$kind;

            fn key(&self) -> String {
                self.$field.to_string()
            }
        })*
    };
}

row! {
    Village in Villages by code,
    ServicePoint in ServicePoints by id,
    Service in Services by code,
    Holiday in Holidays by date,
    Unit in Units by unit,
    Officer in Officers by id,
    Device in Devices by life,
    Address in Addresses by address,
    Listed in Prelist by listed,
    Lease in Leases by lease,
}

/// A calendar day as `2026-11-20`.
pub(super) mod day {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use time::{Date, format_description::BorrowedFormatItem, macros::format_description};

    const FORMAT: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

    pub(in crate::registry) fn parse(text: &str) -> Option<Date> {
        Date::parse(text, FORMAT).ok()
    }

    pub(super) fn serialize<S: Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(date)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| D::Error::custom("not a day such as 2026-11-20"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_newer_hub_adds_is_passed_over() {
        let row = json!({"unit": "V01", "name": "Mobil 1", "kind": "van", "range_km": 400});
        let unit: Unit = serde_json::from_value(row).expect("reads");
        assert!(unit.villages.is_empty() && unit.serves(&"53.02.01.1001".parse().expect("valid")));
    }

    #[test]
    fn a_day_is_written_as_people_write_it() {
        let text = r#"{"date":"2026-01-01","name":"Tahun Baru","type":"libur_nasional"}"#;
        let holiday: Holiday = serde_json::from_str(text).expect("reads");
        assert_eq!(holiday.key(), "2026-01-01");
        assert_eq!(serde_json::to_string(&holiday).expect("writes"), text);
        assert!(day::parse("2026-02-30").is_none());
    }
}
