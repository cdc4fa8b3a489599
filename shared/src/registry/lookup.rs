//! The registries of one district, read once and looked up by code.

use std::collections::{BTreeMap, BTreeSet};

use time::Date;

use super::{
    AgencyCode, ApplyError, Difference, Kind, OfficerId, PointId, Row, ServiceCode, Table, Version,
    row::{Address, Device, Holiday, Lease, Listed, Officer, Service, ServicePoint, Unit, Village},
};
use crate::id::{DeviceId, Epoch, UnitId, VillageCode};

/// The newest table of each kind, and every catalogue that a case may have been opened under.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    tables: BTreeMap<Kind, (Version, Table)>,
    unreadable: BTreeMap<Kind, BTreeSet<String>>,
    villages: BTreeMap<VillageCode, Village>,
    points: BTreeMap<PointId, ServicePoint>,
    catalogue: Version,
    catalogues: BTreeMap<Version, BTreeMap<ServiceCode, Service>>,
    holidays: BTreeMap<Date, Holiday>,
    units: BTreeMap<UnitId, Unit>,
    officers: BTreeMap<OfficerId, Officer>,
    devices: BTreeMap<String, Device>,
    addresses: BTreeSet<Address>,
    listed: BTreeMap<String, Listed>,
    leases: BTreeMap<String, Lease>,
}

/// A row that this version cannot read. It is kept and passed on, and no lookup finds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnreadableRow<'a> {
    /// The registry.
    pub kind: &'a Kind,
    /// The row's key.
    pub key: &'a str,
}

impl Registries {
    /// Sets a table in place of the one of its kind. A catalogue joins those kept so far.
    pub fn put(&mut self, table: Table) {
        let version = table.version();
        let kind = table.kind().clone();
        let unreadable = match kind {
            Kind::Villages => fill(&mut self.villages, &table, |row: &Village| row.code.clone()),
            Kind::ServicePoints => fill(&mut self.points, &table, |row: &ServicePoint| row.id.clone()),
            Kind::Services => {
                self.catalogue = version;
                self.keep_catalogue(&table)
            }
            Kind::Holidays => fill(&mut self.holidays, &table, |row: &Holiday| row.date),
            Kind::Units => fill(&mut self.units, &table, |row: &Unit| row.unit.clone()),
            Kind::Officers => fill(&mut self.officers, &table, |row: &Officer| row.id.clone()),
            Kind::Devices => fill(&mut self.devices, &table, |row: &Device| row.life.clone()),
            Kind::Addresses => {
                let (rows, unreadable) = read::<Address>(&table);
                self.addresses = rows.into_iter().collect();
                unreadable
            }
            Kind::Prelist => fill(&mut self.listed, &table, Row::key),
            Kind::Leases => fill(&mut self.leases, &table, Row::key),
            Kind::Other(_) => BTreeSet::new(),
        };
        self.unreadable.insert(kind.clone(), unreadable);
        self.tables.insert(kind, (version, table));
    }

    /// Keeps a former catalogue for the cases that were opened under it; the keys of rows that
    /// could not be read.
    ///
    /// # Panics
    /// The table is no catalogue.
    pub fn keep_catalogue(&mut self, table: &Table) -> BTreeSet<String> {
        assert_eq!(table.kind(), &Kind::Services, "only a table of services is a catalogue");
        let services = self.catalogues.entry(table.version()).or_default();
        fill(services, table, |row: &Service| row.code.clone())
    }

    /// Moves a table on; an unknown one starts empty. Returns the table as it is now.
    ///
    /// # Errors
    /// The difference does not fit; nothing has changed.
    pub fn apply(&mut self, difference: &Difference) -> Result<&Table, ApplyError> {
        let kind = &difference.kind;
        let after = match self.tables.get(kind) {
            Some((_, table)) => table.apply(difference)?,
            None => Table::new(kind.clone()).apply(difference)?,
        };
        self.put(after);
        Ok(self.table(kind).expect("it was put there just now"))
    }

    /// The table of a kind; `None` until one came.
    pub fn table(&self, kind: &Kind) -> Option<&Table> {
        self.tables.get(kind).map(|(_, table)| table)
    }

    /// The version of a kind's table; `None` until one came.
    pub fn version(&self, kind: &Kind) -> Option<Version> {
        self.tables.get(kind).map(|(version, _)| *version)
    }

    /// All tables with their versions, unknown kinds included.
    pub fn tables(&self) -> impl Iterator<Item = (Version, &Table)> {
        self.tables.values().map(|(version, table)| (*version, table))
    }

    /// The rows that this version cannot read.
    pub fn unreadable(&self) -> impl Iterator<Item = UnreadableRow<'_>> {
        self.unreadable
            .iter()
            .flat_map(|(kind, keys)| keys.iter().map(move |key| UnreadableRow { kind, key }))
    }

    /// A village by its code.
    pub fn village(&self, code: &VillageCode) -> Option<&Village> {
        self.villages.get(code)
    }

    /// The village of a code, or the one whose name, with its *kecamatan*, begins with `text`.
    pub fn village_named(&self, text: &str) -> Option<&Village> {
        if let Some(village) = text.parse().ok().and_then(|code| self.village(&code)) {
            return Some(village);
        }
        let wanted = text.trim().to_lowercase();
        let one = |is: &dyn Fn(&str) -> bool| {
            let mut found = self.villages().filter(|village| is(&full_name(village).to_lowercase()));
            let first = found.next()?;
            found.next().is_none().then_some(first)
        };
        // The whole name of one may be how another's begins.
        let begun = || one(&|name| !wanted.is_empty() && name.starts_with(&wanted));
        one(&|name| name == wanted).or_else(begun)
    }

    /// What people write for a village, by which [`Self::village_named`] finds it again: the name with its
    /// *kecamatan*, or the code where another village bears both.
    pub fn village_written(&self, village: &Village) -> String {
        let same = |other: &&Village| other.name == village.name && other.district == village.district;
        if self.villages().filter(same).count() > 1 { village.code.to_string() } else { full_name(village) }
    }

    /// The name of the village of a code; the text itself where it is the code of none that is known.
    pub fn village_name(&self, code: &str) -> String {
        let village = code.parse().ok().and_then(|code| self.village(&code));
        village.map_or_else(|| code.to_owned(), |village| village.name.clone())
    }

    /// The one village that bears this name alone, or this name with its *kecamatan*.
    pub fn village_called(&self, name: &str) -> Option<&Village> {
        let wanted = name.trim().to_lowercase();
        let is_called = |village: &&Village| {
            let name = village.name.to_lowercase();
            name == wanted || format!("{name}, {}", village.district.to_lowercase()) == wanted
        };
        let mut found = self.villages().filter(is_called);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// All villages by code.
    pub fn villages(&self) -> impl ExactSizeIterator<Item = &Village> {
        self.villages.values()
    }

    /// A service point by its id.
    pub fn point(&self, id: &str) -> Option<&ServicePoint> {
        self.points.get(id)
    }

    /// All service points by id.
    pub fn points(&self) -> impl ExactSizeIterator<Item = &ServicePoint> {
        self.points.values()
    }

    /// The service points of one village.
    pub fn points_of<'a>(&'a self, village: &'a VillageCode) -> impl Iterator<Item = &'a ServicePoint> {
        self.points.values().filter(move |point| &point.village == village)
    }

    /// The version of the newest catalogue, under which new cases are opened; all zeroes before
    /// there is one.
    pub fn catalogue(&self) -> Version {
        self.catalogue
    }

    /// The versions of the catalogue that are kept here.
    pub fn catalogues(&self) -> impl Iterator<Item = Version> {
        self.catalogues.keys().copied()
    }

    /// Whether the catalogue of this version is kept here.
    pub fn knows_catalogue(&self, version: &Version) -> bool {
        self.catalogues.contains_key(version)
    }

    /// A service in the newest catalogue.
    pub fn service(&self, code: &str) -> Option<&Service> {
        self.service_at(&self.catalogue, code)
    }

    /// A service in the catalogue that a case names.
    pub fn service_at(&self, version: &Version, code: &str) -> Option<&Service> {
        self.catalogues.get(version)?.get(code)
    }

    /// All services of the newest catalogue by code.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.catalogues.get(&self.catalogue).into_iter().flat_map(BTreeMap::values)
    }

    /// The agencies of the newest catalogue, each with its name at its first service.
    pub fn agencies(&self) -> BTreeMap<&AgencyCode, &str> {
        let mut agencies = BTreeMap::new();
        for service in self.services() {
            agencies.entry(&service.agency_code).or_insert(service.agency.as_str());
        }
        agencies
    }

    /// The holiday on a day.
    pub fn holiday(&self, date: Date) -> Option<&Holiday> {
        self.holidays.get(&date)
    }

    /// All holidays, earliest first.
    pub fn holidays(&self) -> impl ExactSizeIterator<Item = &Holiday> {
        self.holidays.values()
    }

    /// A unit by its code.
    pub fn unit(&self, unit: &UnitId) -> Option<&Unit> {
        self.units.get(unit)
    }

    /// All units by code.
    pub fn units(&self) -> impl ExactSizeIterator<Item = &Unit> {
        self.units.values()
    }

    /// An officer by id, or by the name as written.
    pub fn officer(&self, known: &str) -> Option<&Officer> {
        self.officers.get(known).or_else(|| self.officers.values().find(|officer| officer.name == known))
    }

    /// All lives of laptops, by [`Device::life_of`].
    pub fn devices(&self) -> impl ExactSizeIterator<Item = &Device> {
        self.devices.values()
    }

    /// A laptop by its number, in any of its lives: the key is the same in all.
    pub fn device(&self, device: DeviceId) -> Option<&Device> {
        let (from, until) = (format!("{device}/"), format!("{device}0"));
        self.devices.range(from..until).next().map(|(_, row)| row)
    }

    /// The newest life of a laptop of which the hub has told: letters are given in order.
    pub fn newest_life(&self, device: DeviceId) -> Option<&Device> {
        let (from, until) = (format!("{device}/"), format!("{device}0"));
        let lives = self.devices.range(from..until).map(|(_, row)| row);
        lives.max_by_key(|row| (row.letter.len(), &row.letter))
    }

    /// Whether the hub has told of this life of a laptop, and of a newer one.
    pub fn is_past_life(&self, device: DeviceId, epoch: Epoch) -> bool {
        let life = Device::life_of(device, epoch);
        self.devices.contains_key(&life) && self.newest_life(device).is_some_and(|row| row.life != life)
    }

    /// All officers by id.
    pub fn officers(&self) -> impl ExactSizeIterator<Item = &Officer> {
        self.officers.values()
    }

    /// The hub's addresses, the one to try first leading.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = &Address> {
        self.addresses.iter()
    }

    /// A person of the pre-list by the row's key.
    pub fn listed(&self, key: &str) -> Option<&Listed> {
        self.listed.get(key)
    }

    /// Everybody on the pre-list, by the rows' keys.
    pub fn prelist(&self) -> impl ExactSizeIterator<Item = &Listed> {
        self.listed.values()
    }

    /// All leases, those that are void included, by the rows' keys.
    pub fn leases(&self) -> impl ExactSizeIterator<Item = &Lease> {
        self.leases.values()
    }
}

/// Reads `table` into `rows`; the keys that could not be read.
fn fill<K: Ord, R: Row>(rows: &mut BTreeMap<K, R>, table: &Table, key: impl Fn(&R) -> K) -> BTreeSet<String> {
    let (read, unreadable) = read::<R>(table);
    *rows = read.into_iter().map(|row| (key(&row), row)).collect();
    unreadable
}

fn read<R: Row>(table: &Table) -> (Vec<R>, BTreeSet<String>) {
    let mut rows = vec![];
    let mut unreadable = BTreeSet::new();
    for (key, value) in table.iter() {
        match serde_json::from_str::<R>(value) {
            Ok(row) if row.key() == key => rows.push(row),
            Ok(_) | Err(_) => {
                unreadable.insert(key.to_owned());
            }
        }
    }
    (rows, unreadable)
}

/// The name of a village with its *kecamatan*.
fn full_name(village: &Village) -> String {
    format!("{}, {}", village.name, village.district)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{DeviceId, Epoch},
        registry::diff,
    };

    fn services(rows: &[(&str, &str)]) -> Table {
        Table::restore(Kind::Services, rows.iter().map(|(code, mode)| {
            ((*code).to_owned(), format!(
                r#"{{"code":"{code}","agency_code":"DUK","agency":"Dinas Dukcapil","name_id":"x","name_en":"x","offline_mode":"{mode}","tariff":"gratis"}}"#
            ))
        }))
    }

    #[test]
    fn a_case_is_judged_by_the_catalogue_that_it_names() {
        let mut registries = Registries::default();
        registries.put(services(&[("DUK-KK", "intake")]));
        let former = registries.catalogue();
        registries.put(services(&[("DUK-KK", "full")]));
        use crate::registry::row::OfflineMode::{Full, Intake};
        let mode = |version: &Version| registries.service_at(version, "DUK-KK").map(|s| s.offline_mode);
        assert_eq!((mode(&former), mode(&registries.catalogue())), (Some(Intake), Some(Full)));
        assert_eq!(registries.services().count(), 1);
        assert!(!registries.knows_catalogue(&Version([1; 16])));
    }

    #[test]
    fn what_cannot_be_read_is_kept_and_named() {
        let mut registries = Registries::default();
        registries.put(services(&[("DUK-KK", "intake"), ("DUK-MATI", "by_pigeon")]));
        let newer = Table::restore("tides".parse().expect("valid"), [("a".to_owned(), "1".to_owned())]);
        registries.put(newer.clone());
        assert_eq!(registries.services().count(), 1);
        let unreadable: Vec<_> = registries.unreadable().map(|row| row.key.to_owned()).collect();
        assert_eq!(unreadable, ["DUK-MATI"]);
        assert_eq!(registries.table(&Kind::Services).map(Table::len), Some(2));
        assert_eq!(registries.table(newer.kind()), Some(&newer));
    }

    #[test]
    fn a_difference_moves_a_registry_on_once() {
        let device = |letter: &str| Device {
            life: Device::life_of(DeviceId(7), Epoch([7; 16])),
            unit: "V01".parse().expect("valid"),
            letter: letter.into(),
            key: None,
            barred: false,
            barred_at: None,
        };
        let empty = Table::new(Kind::Devices);
        let first = Table::of([device("A")]).expect("short");
        let second = Table::of([device("B")]).expect("short");
        let mut registries = Registries::default();
        registries.apply(&diff(&empty, &first)).expect("applies");
        registries.apply(&diff(&first, &second)).expect("applies");
        assert!(registries.apply(&diff(&first, &second)).is_err());
        assert_eq!(registries.version(&Kind::Devices), Some(second.version()));
        assert_eq!(registries.unreadable().count(), 0);
    }

    #[test]
    fn addresses_come_in_their_order() {
        let address = |order, address: &str| Address { order, address: address.into() };
        let mut registries = Registries::default();
        registries.put(Table::of([address(2, "a:1"), address(1, "b:1")]).expect("short"));
        assert_eq!(registries.addresses().map(|a| a.address.as_str()).collect::<Vec<_>>(), ["b:1", "a:1"]);
    }

    #[test]
    fn a_village_is_found_by_its_beginning_and_called_by_its_name() {
        let mut registries = Registries::default();
        let row = |code: &str, name: &str| {
            let row = format!(
                r#"{{"code":"{code}","name":"{name}","kind":"desa","district_code":"53.02.01","district":"Kota Soe","regency_code":"53.02","regency":"Timor Tengah Selatan"}}"#
            );
            (code.to_owned(), row)
        };
        registries.put(Table::restore(
            Kind::Villages,
            [
                row("53.02.01.2001", "Oebesa"),
                row("53.02.01.2002", "Nonohonis"),
                row("53.02.01.1003", "Soe"),
                row("53.02.01.2003", "Soe"),
            ],
        ));
        let named = |text: &str| registries.village_named(text).map(|village| village.name.as_str());
        let called = |text: &str| registries.village_called(text).map(|village| village.name.as_str());
        assert_eq!((named("oe"), called("oe")), (Some("Oebesa"), None));
        assert_eq!((named("53.02.01.2002"), named("")), (Some("Nonohonis"), None));
        let written = |code: &str| {
            registries
                .village(&code.parse().expect("a code"))
                .map(|village| registries.village_written(village))
        };
        assert_eq!(written("53.02.01.2001").as_deref(), Some("Oebesa, Kota Soe"));
        assert_eq!(written("53.02.01.2003").as_deref(), Some("53.02.01.2003"), "two bear one name");
        assert_eq!(registries.village_name("53.02.01.2001"), "Oebesa");
        assert_eq!(registries.village_name("53.02.09.2001"), "53.02.09.2001");
        assert_eq!((called(" oebesa "), called("Oebesa, Kota Soe")), (Some("Oebesa"), Some("Oebesa")));
    }
}
