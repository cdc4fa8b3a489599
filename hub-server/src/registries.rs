//! Registries in force at the hub: signed, imported from files, told to connected laptops.

use std::{io::Read, path::Path};

use serde_json::{Value, json};
use shared::{
    identity::{Context, ticket::Address},
    registry::{
        self, Kind, Table,
        import::{Format, Mode, Source, import},
        row,
    },
    store::{self, Tx},
    sync::{Replica, station::Station},
    time::Now,
};
use van_agent::host::{files, output::Failure};

/// Puts `table` in force under the hub's signature.
///
/// # Errors
/// The store fails.
pub fn put(tx: Tx<'_>, station: &Station, table: &Table) -> store::Result<()> {
    let place = station.place.as_ref().expect("a hub has its place from the first transaction");
    let message = registry::signed_message(&place.district, table.kind(), &table.version());
    let signature = station.key.sign(Context::Registry, &message);
    let before = store::registries::version(tx, table.kind())?;
    store::registries::put(tx, table, &signature.0)?;
    match before.filter(|_| !table.kind().keeps_versions()) {
        Some(before) => store::registries::forget_untold(tx, table.kind(), before),
        None => Ok(()),
    }
}

/// The table that tells where the hub is reached, best first.
pub fn addresses(addresses: &[Address]) -> Table {
    let rows = addresses
        .iter()
        .zip(0..)
        .map(|(address, order)| row::Address { order, address: address.to_string() });
    Table::of(rows).expect("a host name fits into a key")
}

/// The addresses in force, best first.
pub fn advertised(replica: &Replica) -> Vec<Address> {
    let mut rows: Vec<_> = replica.registries().addresses().cloned().collect();
    rows.sort();
    rows.iter().filter_map(|row| row.address.parse().ok()).collect()
}

/// Takes the rows of `file` into the registry `kind`.
///
/// # Errors
/// The file cannot be read, any row of it is wrong, or the store fails.
pub fn take_in(
    replica: &mut Replica,
    now: Now,
    kind: &str,
    file: &Path,
    replace: bool,
) -> anyhow::Result<Value> {
    let kind: Kind = kind.parse()?;
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let Some(format) = Format::of_file(&name) else {
        return Err(Failure::usage(format!("what {name} holds cannot be told from its name"))
            .next("give it a name that ends in .csv, .json or .geojson")
            .into());
    };
    let mut bytes = Vec::new();
    files::open(file)?.read_to_end(&mut bytes).map_err(|error| files::unreadable(file, &error))?;
    let source = Source { kind: &kind, format, known: replica.registries() };
    let imported = import(&source, &bytes).map_err(|error| {
        Failure::new(error.lines(&name).join("\n"))
            .next("correct the file and import it again; nothing was taken")
    })?;
    let (ignored, wrong) = (imported.ignored.clone(), imported.wrong.clone());
    let told: Vec<_> = wrong.rows.iter().map(|row| format!("{name} {row}")).collect();
    // Whoever is no longer on the list of a village is not to stay in the registry.
    let mode = if replace || kind == Kind::Prelist { Mode::Replace } else { Mode::Merge };
    let current = replica.registries().table(&kind).cloned();
    let table = imported.onto(current.as_ref(), mode);
    let changed = current.as_ref() != Some(&table);
    if changed {
        replica.keep(|tx, station| put(tx, station, &table))?;
        replica.registries_changed(now)?;
    }
    let rows = table.len();
    Ok(json!({
        "kind": kind.as_str(),
        "rows": rows,
        "version": table.version(),
        "changed": changed,
        "ignored": ignored,
        "wrong": told,
        "wrong_total": wrong.total,
    }))
}

/// Puts where the hub is reached in force, where that differs.
///
/// # Errors
/// The store fails.
pub fn advertise(replica: &mut Replica, now: Now, to: &[Address]) -> store::Result<()> {
    let table = addresses(to);
    if replica.registries().table(&Kind::Addresses) == Some(&table) {
        return Ok(());
    }
    replica.keep(|tx, station| put(tx, station, &table))?;
    replica.registries_changed(now)
}
