//! Numbers and serials of blanks that are lent to units and laptops.

use serde_json::{Value, json};
use shared::{
    blank::{Serial, SerialRange},
    born::Born,
    desk::blanks,
    id::UnitId,
    registry::{
        Kind, Table,
        lease::{Lease, LeaseKind},
    },
    slip::DeviceLetter,
    store::{
        Tx,
        devices::{self, Standing},
    },
    time::Now,
};
use van_agent::host::output::Failure;

use super::Hub;
use crate::registries;

/// What is to be lent, but for the numbers.
pub(super) struct Wanted<'a> {
    pub(super) unit: &'a UnitId,
    /// Letter of the one laptop that takes them.
    pub(super) laptop: Option<&'a str>,
    pub(super) kind: &'a LeaseKind,
    /// The last day.
    pub(super) until: Option<&'a str>,
}

impl Hub {
    /// Lends numbers that are not lent to anybody yet.
    pub(super) fn grant(
        &mut self,
        now: Now,
        wanted: &Wanted<'_>,
        from: &Serial,
        to: &Serial,
    ) -> anyhow::Result<Value> {
        let range =
            SerialRange::new(from.clone(), to.clone()).map_err(|error| Failure::usage(error.to_string()))?;
        let until = wanted
            .until
            .map(|text| match text.parse() {
                Ok(Born::Day(day)) => Ok(day),
                Ok(_) | Err(_) => Err(Failure::usage(format!("`{text}` is not a day such as 2026-12-31"))),
            })
            .transpose()?;
        let today = now.wall.day(self.offset_minutes());
        if let Some(until) = until.filter(|until| *until < today) {
            return Err(Failure::usage(format!("{until} is over already")).next("name a day to come").into());
        }
        let registries = self.replica.registries();
        let in_force = |lease: &&Lease| lease.is_in_force() && lease.kind == *wanted.kind;
        if let Some(other) = registries.leases().filter(in_force).find(|lease| lease.range.overlaps(&range)) {
            return Err(Failure::new(format!(
                "some of these are lent already: {} lends {} {} to {}",
                other.lease, other.kind, other.range, other.unit
            ))
            .next("choose other numbers, or take that lease back with `hub-server lease void`")
            .into());
        }
        let letter = letter(self.replica.store().reader(), wanted)?;
        let last =
            registries.leases().filter_map(|lease| lease.lease.strip_prefix('L')?.parse::<u32>().ok()).max();
        let lease = Lease {
            lease: format!("L{:04}", last.unwrap_or(0) + 1),
            unit: wanted.unit.clone(),
            letter,
            kind: wanted.kind.clone(),
            range,
            until,
            void: None,
        };
        self.put_lease(now, &lease)?;
        Ok(json!(lease))
    }

    /// Takes a lease back.
    pub(super) fn void_lease(&mut self, now: Now, name: &str, reason: &str) -> anyhow::Result<Value> {
        let found = self.replica.registries().leases().find(|lease| lease.lease.eq_ignore_ascii_case(name));
        let Some(lease) = found.cloned() else {
            return Err(Failure::new(format!("there is no lease {name}"))
                .next("see `hub-server lease list`")
                .into());
        };
        if reason.trim().is_empty() {
            return Err(Failure::usage("a lease is taken back for a reason")
                .next("say why with --reason")
                .into());
        }
        let lease = Lease { void: lease.void.or_else(|| Some(reason.trim().to_owned())), ..lease };
        self.put_lease(now, &lease)?;
        Ok(json!(lease))
    }

    /// Tells every lease with what is gone of it by what has arrived here.
    pub(super) fn tell_leases(
        &mut self,
        now: Now,
        tell: &mut dyn FnMut(Value) -> bool,
    ) -> anyhow::Result<Value> {
        let today = now.wall.day(self.offset_minutes());
        self.replica.read()?;
        let registries = self.replica.registries();
        let tx = self.replica.store().reader();
        let (stocks, numbers) = (blanks::stocks(tx, registries)?, blanks::numbers(tx, registries)?);
        for lease in registries.leases() {
            let gone = match lease.kind {
                LeaseKind::Blank(_) => blanks::gone(lease, &stocks),
                LeaseKind::Slip(_) => blanks::given(lease, &numbers),
            };
            if !tell(json!(blanks::lent(lease, gone, today))) {
                break;
            }
        }
        Ok(Value::Null)
    }

    /// Tells every unit's stock of blanks.
    pub(super) fn tell_blanks(&mut self, tell: &mut dyn FnMut(Value) -> bool) -> anyhow::Result<Value> {
        self.replica.read()?;
        for stock in blanks::stocks(self.replica.store().reader(), self.replica.registries())? {
            tell(json!(stock));
        }
        Ok(Value::Null)
    }

    fn put_lease(&mut self, now: Now, lease: &Lease) -> anyhow::Result<()> {
        let mut table = self
            .replica
            .registries()
            .table(&Kind::Leases)
            .cloned()
            .unwrap_or_else(|| Table::new(Kind::Leases));
        table.put(lease)?;
        self.replica.keep(|tx, station| registries::put(tx, station, &table))?;
        self.replica.registries_changed(now)?;
        Ok(())
    }
}

/// The laptop that takes the numbers: as named, or of an agency's numbers the only one of the unit.
fn letter(tx: Tx<'_>, wanted: &Wanted<'_>) -> anyhow::Result<Option<String>> {
    let mut letters = Vec::new();
    for device in devices::all(tx)? {
        if device.unit == *wanted.unit && device.standing == Standing::Active {
            let newest = devices::letters(tx, device.device)?.last().map(|(ordinal, _)| *ordinal);
            letters.extend(newest.map(|ordinal| DeviceLetter::nth(ordinal).as_str().to_owned()));
        }
    }
    let unit = wanted.unit;
    let known = || match letters.as_slice() {
        [] => format!("no laptop works in {unit}"),
        letters => format!("laptops of {unit}: {}", letters.join(", ")),
    };
    match (wanted.laptop, wanted.kind) {
        (Some(named), _) if letters.iter().any(|letter| letter == named) => Ok(Some(named.to_owned())),
        (Some(named), _) => Err(Failure::new(format!("{unit} has no laptop {named}")).next(known()).into()),
        (None, LeaseKind::Blank(_)) if letters.is_empty() => {
            Err(Failure::new(known()).next("see `hub-server device list`").into())
        }
        (None, LeaseKind::Blank(_)) => Ok(None),
        (None, LeaseKind::Slip(_)) if letters.len() == 1 => Ok(letters.pop()),
        (None, LeaseKind::Slip(_)) => Err(Failure::new(
            "an agency's numbers go to one laptop, or two would give the same number to two cases",
        )
        .next(format!("name it with --laptop; {}", known()))
        .into()),
    }
}
