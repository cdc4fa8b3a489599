//! Reads the files that people hand the hub: villages, service points, the catalogue, holidays,
//! units, officers, the pre-list.
//!
//! All or nothing: one wrong row and nothing is imported, and every wrong row is told with its
//! line, column, what was found and what was expected. Of a pre-list the sound rows are taken, and the wrong ones told:
//! what a village wrote by hand is never right to the last line. Rows of other districts are taken too: a citizen
//! may live in one. Columns that no row uses are left out and named to the operator.

mod cells;
mod error;
mod listed;
mod read;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

pub use error::{ImportError, Place, Problem, RowError, Wrong};

use super::{
    Kind, Registries, Table,
    row::{Holiday, Listed, Officer, Service, ServicePoint, Unit, Village},
};
use cells::Cells;
use error::RowErrors;
use read::{FromCells, Reader};

/// The longest file that is read.
pub const FILE_BYTES_MAX: usize = 64 << 20;
/// Rows that one file may hold.
pub const ROWS_MAX: usize = 200_000;
/// How many wrong cells are told in full.
pub const ROW_ERRORS_MAX: usize = 100;

/// The form of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Comma-separated, in UTF-8, the first line naming the columns. Lists are parted by `;`.
    Csv,
    /// A list of objects, alone or under the registry's name in an object.
    Json,
    /// A FeatureCollection of Points (service points only).
    GeoJson,
}

/// What a file is taken for.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The registry.
    pub kind: &'a Kind,
    /// The file's form.
    pub format: Format,
    /// The hub's registries: service points and units name villages, officers name agencies. What
    /// is not there yet is not checked against.
    pub known: &'a Registries,
}

/// What a file held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Imported {
    /// Its rows.
    pub table: Table,
    /// Columns that were left out.
    pub ignored: BTreeSet<String>,
    /// What is wrong with rows that were left out, where sound ones are taken without them.
    pub wrong: Wrong,
}

/// What becomes of rows that the file does not name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// They go: the file is the registry.
    Replace,
    /// They stay.
    Merge,
}

/// Reads a file, with or without a byte order mark.
///
/// # Errors
/// The file cannot be read, or any of its rows is wrong.
pub fn import(source: &Source<'_>, bytes: &[u8]) -> Result<Imported, ImportError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ImportError::TooLong { bytes: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| ImportError::NotUtf8 {
        line: 1 + bytes[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count() as u64,
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match source.kind {
        Kind::Villages => rows::<Village>(source, text),
        Kind::ServicePoints => rows::<ServicePoint>(source, text),
        Kind::Services => rows::<Service>(source, text),
        Kind::Holidays => rows::<Holiday>(source, text),
        Kind::Units => rows::<Unit>(source, text),
        Kind::Officers => rows::<Officer>(source, text),
        Kind::Prelist => rows::<Listed>(source, text),
        Kind::Devices | Kind::Addresses | Kind::Leases | Kind::Other(_) => Err(source.not_imported()),
    }
}

impl Imported {
    /// The registry after the import into `current`.
    pub fn onto(self, current: Option<&Table>, mode: Mode) -> Table {
        match (current, mode) {
            (None, _) | (_, Mode::Replace) => self.table,
            (Some(current), Mode::Merge) => {
                let imported = self.table.iter();
                let rows =
                    current.iter().chain(imported).map(|(key, value)| (key.to_owned(), value.to_owned()));
                Table::restore(self.table.kind().clone(), rows)
            }
        }
    }
}

impl Format {
    /// The form that the end of a file's name tells.
    pub fn of_file(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "geojson" => Some(Self::GeoJson),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::GeoJson => "GeoJSON",
        })
    }
}

impl Source<'_> {
    fn not_imported(&self) -> ImportError {
        ImportError::NotImported { kind: self.kind.clone(), format: self.format }
    }
}

fn rows<R: FromCells>(source: &Source<'_>, text: &str) -> Result<Imported, ImportError> {
    let mut gathered = Gathered { source, table: Table::new(R::KIND), places: BTreeMap::new() };
    let mut errors = RowErrors::default();
    let each = |cells: Cells, errors: &mut RowErrors| gathered.take::<R>(&cells, errors);
    let ignored = match source.format {
        Format::Csv => cells::csv(text, &R::COLUMNS, &mut errors, each)?,
        Format::Json => cells::json(text, &R::KIND, &R::COLUMNS, &mut errors, each)?,
        Format::GeoJson if R::KIND == Kind::ServicePoints => {
            cells::geojson(text, &R::COLUMNS, &mut errors, each)?
        }
        Format::GeoJson => return Err(source.not_imported()),
    };
    let wrong = if R::PARTLY && !gathered.table.is_empty() { errors.told() } else { errors.none()? };
    if gathered.table.is_empty() && !R::PARTLY {
        return Err(ImportError::NoRows);
    }
    Ok(Imported { table: gathered.table, ignored, wrong })
}

/// The rows read so far, and where each stood.
struct Gathered<'a> {
    source: &'a Source<'a>,
    table: Table,
    places: BTreeMap<String, Place>,
}

impl Gathered<'_> {
    fn take<R: FromCells>(&mut self, cells: &Cells, errors: &mut RowErrors) {
        let Some(row) = R::read(&mut Reader { cells, source: self.source, errors }) else { return };
        let (key, column) = (row.key(), R::COLUMNS.key);
        if let Some(&first) = self.places.get(&key) {
            errors.add(cells.place, column, &key, Problem::Repeated { first });
            return;
        }
        if let Err(error) = self.table.put(&row) {
            errors.add(cells.place, column, &key, Problem::TooLong(error));
        }
        self.places.insert(key, cells.place);
    }
}

#[cfg(test)]
mod tests;
