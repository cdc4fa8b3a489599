//! Numbered blanks: what came aboard a unit, what is left, what is wrong; and what is left of what the hub has lent.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use serde::Serialize;
use time::Date;

use crate::{
    blank::{BlankKind, Serial, SerialRange},
    document::{
        View,
        blanks::{self, Act, Entry},
        schema::key,
    },
    id::{ChangeHash, DeviceId, DocumentId, Epoch},
    registry::{
        AgencyCode, Registries,
        lease::{Lease, LeaseKind},
        row::Service,
    },
    store::{Result, Tx, changes, read_model},
};

/// A lease is low where fewer than one in so many numbers are left.
const LOW: u64 = 10;
/// Days before the last one of a lease from which it ends soon.
const SOON_DAYS: i64 = 3;

/// One kind of blanks in one unit.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Stock {
    /// The unit.
    pub unit: String,
    /// The kind.
    pub kind: BlankKind,
    /// How many came.
    pub received: u64,
    /// How many cases name one.
    pub used: u64,
    /// How many were spoilt.
    pub spoilt: u64,
    /// How many went back.
    pub returned: u64,
    /// How many are left.
    pub left: u64,
    /// Those that are left.
    pub ranges: Vec<SerialRange>,
    /// What is wrong.
    pub alarms: Vec<Alarm>,
    /// What was written, in the order of its times.
    pub entries: Vec<Entry>,
    /// Which case used which.
    pub uses: Vec<Use>,
}

/// A blank that a case names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Use {
    /// Its number.
    pub serial: Serial,
    /// The case's slip number.
    pub slip: String,
    /// Code of the service.
    pub service: String,
    /// The case.
    pub case: DocumentId,
    /// When its sitting began: milliseconds since 1970.
    pub started: Option<i64>,
}

/// Something that no merge settles.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Alarm {
    /// Which blanks.
    pub range: SerialRange,
    /// What is wrong.
    pub alarm: Wrong,
    /// Slip numbers of the cases that name one.
    pub cases: Vec<String>,
}

/// What may be wrong with a blank.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// More than one case names it.
    UsedTwice,
    /// A case names it, and it was spoilt.
    UsedAndSpoilt,
    /// A case names it, and it went back.
    UsedAndReturned,
    /// A case names it, and it never came aboard the case's unit.
    NotReceived,
    /// It was spoilt or went back, and never came aboard or was gone by then.
    GoneBefore,
}

impl Wrong {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::UsedTwice, Self::UsedAndSpoilt, Self::UsedAndReturned, Self::NotReceived, Self::GoneBefore];

    /// The word that programs read and pages have words for.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UsedTwice => "used_twice",
            Self::UsedAndSpoilt => "used_and_spoilt",
            Self::UsedAndReturned => "used_and_returned",
            Self::NotReceived => "not_received",
            Self::GoneBefore => "gone_before",
        }
    }
}

/// Every kind of blanks of every unit, by unit and kind.
///
/// # Errors
/// The store fails.
pub fn stocks(tx: Tx<'_>, registries: &Registries) -> Result<Vec<Stock>> {
    let mut books: BTreeMap<(String, BlankKind), Vec<Entry>> = BTreeMap::new();
    for (book, unit) in read_model::books(tx)? {
        let history = changes::history(tx, book)?;
        for entry in blanks::read(&View::of(&history)) {
            books.entry((unit.clone(), entry.kind.clone())).or_default().push(entry);
        }
    }
    let mut uses: BTreeMap<(String, BlankKind), Vec<Use>> = BTreeMap::new();
    for row in read_model::used_blanks(tx)? {
        let Ok(serial) = row.blank.parse() else { continue };
        let kind = kind_of(registries, &row.service).or_else(|| holding(&books, &row.unit, &serial));
        let Some(kind) = kind else { continue };
        let found =
            Use { serial, slip: row.slip, service: row.service, case: row.case, started: row.started };
        uses.entry((row.unit, kind)).or_default().push(found);
    }
    let mut keys: Vec<_> = books.keys().chain(uses.keys()).cloned().collect();
    keys.sort();
    keys.dedup();
    let stocks = keys.into_iter().map(|key| {
        let (entries, used) = (books.remove(&key).unwrap_or_default(), uses.remove(&key).unwrap_or_default());
        stock(key.0, key.1, entries, used)
    });
    Ok(stocks.collect())
}

/// The kind of blank that a service uses up.
pub fn kind_of(registries: &Registries, service: &str) -> Option<BlankKind> {
    registries.service(service)?.numbered_stock.as_deref()?.parse().ok()
}

/// The kind of the blanks of a unit among which a serial came.
fn holding(
    books: &BTreeMap<(String, BlankKind), Vec<Entry>>,
    unit: &str,
    serial: &Serial,
) -> Option<BlankKind> {
    let holds = |entry: &Entry| entry.act == Act::Received && entry.range.contains(serial);
    let found = books.iter().find(|((of, _), entries)| of == unit && entries.iter().any(holds));
    found.map(|((_, kind), _)| kind.clone())
}

fn stock(unit: String, kind: BlankKind, mut entries: Vec<Entry>, mut uses: Vec<Use>) -> Stock {
    entries.sort_by_key(|entry| entry.at.map(|at| at.at));
    uses.sort();
    let mut ranges = Vec::new();
    let mut counts = BTreeMap::new();
    let mut alarms = Vec::new();
    for entry in &entries {
        let moved = match entry.act {
            Act::Received => put(&mut ranges, &entry.range),
            Act::Spoilt | Act::Returned => take(&mut ranges, &entry.range),
        };
        *counts.entry(entry.act).or_insert(0) += moved;
        if entry.act != Act::Received && moved < entry.range.numbers() {
            alarms.push(Alarm { range: entry.range.clone(), alarm: Wrong::GoneBefore, cases: Vec::new() });
        }
    }
    let mut by_serial: BTreeMap<&Serial, Vec<String>> = BTreeMap::new();
    for found in &uses {
        by_serial.entry(&found.serial).or_default().push(found.slip.clone());
    }
    for (serial, cases) in &by_serial {
        let range = SerialRange::one((*serial).clone());
        let held = take(&mut ranges, &range) > 0;
        let among = |act: Act| entries.iter().any(|entry| entry.act == act && entry.range.contains(serial));
        let wrong = [
            (cases.len() > 1, Wrong::UsedTwice),
            (!held && among(Act::Spoilt), Wrong::UsedAndSpoilt),
            (!held && among(Act::Returned), Wrong::UsedAndReturned),
            (!among(Act::Received), Wrong::NotReceived),
        ];
        for (_, alarm) in wrong.into_iter().filter(|(is, _)| *is) {
            alarms.push(Alarm { range: range.clone(), alarm, cases: cases.clone() });
        }
    }
    ranges.sort();
    alarms.sort();
    let count = |act: Act| counts.get(&act).copied().unwrap_or(0);
    Stock {
        received: count(Act::Received),
        used: by_serial.len() as u64,
        spoilt: count(Act::Spoilt),
        returned: count(Act::Returned),
        left: ranges.iter().map(SerialRange::numbers).sum(),
        unit,
        kind,
        ranges,
        alarms,
        entries,
        uses,
    }
}

/// Adds what is not there yet; how much that was.
fn put(ranges: &mut Vec<SerialRange>, range: &SerialRange) -> u64 {
    let there = take(ranges, range);
    ranges.push(range.clone());
    range.numbers() - there
}

/// Takes out what is there of `range`; how much that was.
fn take(ranges: &mut Vec<SerialRange>, range: &SerialRange) -> u64 {
    let (first, last) = range.ends();
    let mut taken = 0;
    let mut rest = Vec::with_capacity(ranges.len() + 1);
    for held in ranges.drain(..) {
        if !held.overlaps(range) {
            rest.push(held);
            continue;
        }
        let (from, to) = held.ends();
        taken += to.min(last) - from.max(first) + 1;
        if from < first {
            rest.push(SerialRange::of(held.series().clone(), from, first - 1));
        }
        if to > last {
            rest.push(SerialRange::of(held.series().clone(), last + 1, to));
        }
    }
    *ranges = rest;
    taken
}

/// A lease, and what is left of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Lent {
    /// The lease.
    #[serde(flatten)]
    pub lease: Lease,
    /// How many numbers it has.
    pub numbers: u64,
    /// How many of them are gone.
    pub gone: u64,
    /// Whether its last day is over.
    pub over: bool,
    /// Whether its last day is near: today, or one of the next few days.
    pub soon: bool,
    /// Whether fewer than one in ten are left.
    pub low: bool,
}

impl Lent {
    /// Whether somebody should ask the hub for more: it is in force, and low, over or nearly so.
    pub fn runs_out(&self) -> bool {
        self.lease.is_in_force() && (self.over || self.soon || self.low)
    }
}

/// A lease with `gone` of its numbers used up.
pub fn lent(lease: &Lease, gone: u64, today: Date) -> Lent {
    let numbers = lease.range.numbers();
    let left = numbers.saturating_sub(gone);
    Lent {
        numbers,
        gone: gone.min(numbers),
        over: lease.is_over(today),
        soon: lease.until.is_some_and(|until| (0..=SOON_DAYS).contains(&(until - today).whole_days())),
        low: left * LOW < numbers,
        lease: lease.clone(),
    }
}

/// The numbers of agencies with which the cases that are here began, each once.
///
/// # Errors
/// The store fails.
pub fn numbers(tx: Tx<'_>, registries: &Registries) -> Result<BTreeSet<(AgencyCode, Serial)>> {
    let begun = read_model::numbers(tx)?.into_iter().filter_map(|(service, number)| {
        Some((registries.service(&service)?.agency_code.clone(), number.parse().ok()?))
    });
    Ok(begun.collect())
}

/// How many of an agency's numbers that were lent are among `numbers`.
pub fn given(lease: &Lease, numbers: &BTreeSet<(AgencyCode, Serial)>) -> u64 {
    let LeaseKind::Slip(agency) = &lease.kind else { return 0 };
    numbers.iter().filter(|(of, number)| of == agency && lease.range.contains(number)).count() as u64
}

/// How many numbers of a lease of blanks are used, spoilt or returned, by `stocks`; 0 of an agency's numbers, which
/// the laptop that takes them counts, and [`given`] by what has arrived.
pub fn gone(lease: &Lease, stocks: &[Stock]) -> u64 {
    let LeaseKind::Blank(kind) = &lease.kind else { return 0 };
    let mut out = Vec::new();
    for stock in stocks.iter().filter(|stock| stock.unit == lease.unit.as_str() && stock.kind == *kind) {
        for found in &stock.uses {
            put(&mut out, &SerialRange::one(found.serial.clone()));
        }
        for entry in stock.entries.iter().filter(|entry| entry.act != Act::Received) {
            put(&mut out, &entry.range);
        }
    }
    take(&mut out, &lease.range)
}

/// What became of blanks of one agency and kind behind a place in a laptop's log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Written {
    /// The agency's name; empty where no service uses such blanks.
    pub agency: String,
    /// The kind.
    pub kind: String,
    /// How many cases were given one.
    pub used: u64,
    /// How many were spoilt.
    pub spoilt: u64,
}

/// What a laptop wrote of blanks in some entries of its log, by agency and kind.
///
/// # Errors
/// The store fails or is damaged.
pub fn written(
    tx: Tx<'_>,
    registries: &Registries,
    (author, epoch): (DeviceId, Epoch),
    entries: &RangeInclusive<u64>,
) -> Result<Vec<Written>> {
    let is_new = |change: &ChangeHash| -> Result<bool> {
        let origin = changes::find(tx, change)?.map(|found| found.origin);
        Ok(origin.is_some_and(|origin| {
            origin.device == author && origin.epoch == epoch && entries.contains(&origin.index)
        }))
    };
    let mut counts: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    // A blank of two cases is an alarm, and one blank.
    let mut used = BTreeSet::new();
    for case in read_model::cases_with_blanks_since(tx, author, epoch, entries.start().saturating_sub(1))? {
        let history = changes::history(tx, case.document)?;
        let view = View::of(&history);
        let Some(value) = view.root().get(key::BLANK) else { continue };
        if is_new(&value.change)? {
            let service = registries.service(&case.service);
            let agency = service.map_or_else(String::new, |service| service.agency.clone());
            let kind: String = kind_of(registries, &case.service).map_or_else(String::new, Into::into);
            if used.insert((kind.clone(), view.root().text(key::BLANK).map(str::to_owned))) {
                counts.entry((agency, kind)).or_default().0 += 1;
            }
        }
    }
    for (book, _) in read_model::books(tx)? {
        let history = changes::history(tx, book)?;
        for entry in blanks::read(&View::of(&history)) {
            if entry.act == Act::Spoilt && is_new(&entry.change)? {
                let agency = agency_of(registries, &entry.kind);
                counts.entry((agency, entry.kind.into())).or_default().1 += entry.range.numbers();
            }
        }
    }
    let row = |((agency, kind), (used, spoilt))| Written { agency, kind, used, spoilt };
    Ok(counts.into_iter().map(row).collect())
}

/// The name of the agency whose services use a kind of blanks up.
fn agency_of(registries: &Registries, kind: &BlankKind) -> String {
    let uses = |service: &&Service| kind_of(registries, service.code.as_str()).as_ref() == Some(kind);
    registries.services().find(uses).map_or_else(String::new, |service| service.agency.clone())
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::{document::Moment, id::ChangeHash, time::Timestamp};

    fn range(from: &str, to: &str) -> SerialRange {
        SerialRange::new(from.parse().expect("a serial"), to.parse().expect("a serial")).expect("a range")
    }

    fn entry(at: i64, act: Act, from: &str, to: &str) -> Entry {
        let kind = "KTP-EL".parse().expect("a kind");
        let at = Some(Moment::new(Timestamp(at), None));
        Entry {
            act,
            kind,
            range: range(from, to),
            at,
            officer: None,
            reason: None,
            change: ChangeHash([0; 32]),
        }
    }

    fn used(serial: &str, slip: &str) -> Use {
        Use {
            serial: serial.parse().expect("a serial"),
            slip: slip.into(),
            service: "DUK-CETAK".into(),
            case: DocumentId([0; 16]),
            started: None,
        }
    }

    fn told(stock: &Stock) -> Vec<(Wrong, String)> {
        stock.alarms.iter().map(|alarm| (alarm.alarm, alarm.range.to_string())).collect()
    }

    fn of(entries: Vec<Entry>, uses: Vec<Use>) -> Stock {
        stock("V01".into(), "KTP-EL".parse().expect("a kind"), entries, uses)
    }

    #[test]
    fn what_is_left_is_what_came_without_what_went() {
        let entries = vec![
            entry(3, Act::Returned, "0091", "0100"),
            entry(1, Act::Received, "0001", "0100"),
            entry(2, Act::Spoilt, "0010", "0010"),
        ];
        let stock = of(entries, vec![used("0001", "a"), used("0050", "b")]);
        let counts = (stock.received, stock.used, stock.spoilt, stock.returned, stock.left);
        assert_eq!(counts, (100, 2, 1, 10, 87));
        let ranges: Vec<_> = stock.ranges.iter().map(ToString::to_string).collect();
        assert_eq!(ranges, ["0002–0009", "0011–0049", "0051–0090"]);
        assert_eq!(told(&stock), []);
    }

    #[test]
    fn what_came_back_may_come_again_and_a_range_counts_once() {
        let entries = vec![
            entry(1, Act::Received, "0001", "0010"),
            entry(2, Act::Returned, "0001", "0010"),
            entry(3, Act::Received, "0001", "0005"),
            entry(4, Act::Received, "0004", "0006"),
        ];
        let stock = of(entries, vec![used("0005", "a")]);
        assert_eq!((stock.received, stock.returned, stock.left), (16, 10, 5));
        assert_eq!(told(&stock), []);
    }

    #[test]
    fn every_wrong_use_is_an_alarm() {
        let entries = vec![
            entry(1, Act::Received, "0001", "0010"),
            entry(2, Act::Spoilt, "0002", "0002"),
            entry(3, Act::Returned, "0003", "0003"),
            entry(4, Act::Spoilt, "0003", "0003"),
        ];
        let uses = vec![used("0001", "a"), used("0001", "b"), used("0002", "c"), used("0099", "d")];
        let stock = of(entries, uses);
        assert_eq!(
            told(&stock),
            [
                (Wrong::UsedTwice, "0001".to_owned()),
                (Wrong::UsedAndSpoilt, "0002".to_owned()),
                (Wrong::GoneBefore, "0003".to_owned()),
                (Wrong::NotReceived, "0099".to_owned()),
            ]
        );
        assert_eq!(stock.alarms[0].cases, ["a", "b"]);
    }

    #[test]
    fn a_lease_is_low_below_a_tenth_and_over_after_its_day() {
        let lease = Lease {
            lease: "L0001".into(),
            unit: "V01".parse().expect("a unit"),
            letter: None,
            kind: "KTP-EL".parse().expect("a kind"),
            range: range("0001", "0020"),
            until: Some(date!(2026 - 11 - 21)),
            void: None,
        };
        let entries = vec![entry(1, Act::Received, "0001", "0030"), entry(2, Act::Spoilt, "0018", "0025")];
        let stocks = [of(entries, vec![used("0001", "a"), used("0001", "b"), used("0026", "c")])];
        assert_eq!(gone(&lease, &stocks), 4);
        let at = |gone, day| lent(&lease, gone, day);
        assert!(!at(18, date!(2026 - 11 - 17)).runs_out());
        assert!(at(19, date!(2026 - 11 - 17)).low && at(0, date!(2026 - 11 - 22)).over);
        assert!(at(0, date!(2026 - 11 - 18)).runs_out() && at(0, date!(2026 - 11 - 21)).soon);
        assert!(!at(0, date!(2026 - 11 - 22)).soon, "it is over");
    }
}
