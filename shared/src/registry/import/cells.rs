//! CSV, JSON and GeoJSON as rows of named cells.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{ImportError, Place, Problem, ROWS_MAX, error::RowErrors};
use crate::registry::Kind;

/// The columns that a registry reads.
#[derive(Debug)]
pub(super) struct Columns {
    /// Columns that must be there.
    pub(super) required: &'static [&'static str],
    /// Columns that may be there.
    pub(super) optional: &'static [&'static str],
    /// Columns that may be there and say nothing new.
    pub(super) unused: &'static [&'static str],
    /// The column to name where two rows have one key.
    pub(super) key: &'static str,
}

/// One row: the cells of the columns that are read.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) place: Place,
    cells: BTreeMap<&'static str, Cell>,
}

#[derive(Debug)]
enum Cell {
    Text(String),
    List(Vec<String>),
}

enum Column {
    Read(&'static str),
    Unused,
    Unknown,
}

impl Columns {
    fn named(&self, name: &str) -> Column {
        if let Some(name) = self.required.iter().chain(self.optional).find(|column| **column == name) {
            Column::Read(name)
        } else if self.unused.contains(&name) {
            Column::Unused
        } else {
            Column::Unknown
        }
    }
}

impl Cells {
    /// The text of a cell; empty where there is none.
    pub(super) fn text(&self, column: &str) -> String {
        match self.cells.get(column) {
            Some(Cell::Text(text)) => text.clone(),
            Some(Cell::List(parts)) => parts.join(";"),
            None => String::new(),
        }
    }

    /// The parts of a list.
    pub(super) fn list(&self, column: &str) -> Vec<String> {
        match self.cells.get(column) {
            Some(Cell::Text(text)) => {
                text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
            }
            Some(Cell::List(parts)) => parts.clone(),
            None => vec![],
        }
    }
}

/// Reads CSV; the columns left out.
pub(super) fn csv(
    text: &str,
    columns: &Columns,
    errors: &mut RowErrors,
    mut each: impl FnMut(Cells, &mut RowErrors),
) -> Result<BTreeSet<String>, ImportError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    if !reader.read_record(&mut record).map_err(ImportError::Csv)? {
        return Err(ImportError::NoRows);
    }
    let (header, ignored) = header(&record, columns)?;
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut rows = 0;
    while reader.read_record(&mut record).map_err(ImportError::Csv)? {
        if record.iter().all(str::is_empty) {
            continue;
        }
        rows += 1;
        if rows > ROWS_MAX {
            return Err(ImportError::TooManyRows { rows_max: ROWS_MAX });
        }
        let place = Place::Line(lines.line(record.position().map_or(0, csv::Position::byte)));
        if record.len() != header.len() {
            let problem = Problem::Cells { cells: record.len(), columns: header.len() };
            errors.add(place, "row", record.get(0).unwrap_or_default(), problem);
            continue;
        }
        let named = header.iter().zip(&record);
        let cells =
            named.filter_map(|(column, cell)| Some(((*column)?, Cell::Text(cell.to_owned())))).collect();
        each(Cells { place, cells }, errors);
    }
    Ok(ignored)
}

/// The column of each cell, `None` where it is not read; and the names of those left out.
type Header = (Vec<Option<&'static str>>, BTreeSet<String>);

fn header(record: &csv::StringRecord, columns: &Columns) -> Result<Header, ImportError> {
    if record.len() == 1
        && let Some(separator) = record[0].chars().find(|c| [';', '\t', '|'].contains(c))
    {
        return Err(ImportError::Separator { separator });
    }
    let mut ignored = BTreeSet::new();
    let mut header: Vec<Option<&'static str>> = vec![];
    for name in record {
        let column = match columns.named(&name.to_ascii_lowercase()) {
            Column::Read(column) if header.contains(&Some(column)) => {
                return Err(ImportError::RepeatedColumn { column });
            }
            Column::Read(column) => Some(column),
            Column::Unused => None,
            Column::Unknown => {
                ignored.insert(name.to_owned());
                None
            }
        };
        header.push(column);
    }
    let missing: Vec<_> =
        columns.required.iter().copied().filter(|column| !header.contains(&Some(*column))).collect();
    if !missing.is_empty() {
        return Err(ImportError::MissingColumns { missing, required: columns.required });
    }
    Ok((header, ignored))
}

/// Counts lines up to a row; rows come in order, so each byte is looked at once.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn line(&mut self, byte: u64) -> u64 {
        let bytes = self.text.as_bytes();
        let mut to = usize::try_from(byte).unwrap_or(usize::MAX).min(bytes.len());
        // The reader's position lies before line ends and empty lines that it passes over.
        while bytes.get(to).is_some_and(|b| b"\r\n".contains(b)) {
            to += 1;
        }
        let to = to.max(self.at);
        self.line += bytes[self.at..to].iter().filter(|&&b| b == b'\n').count() as u64;
        self.at = to;
        self.line
    }
}

/// Reads a list of objects; the members left out.
pub(super) fn json(
    text: &str,
    kind: &Kind,
    columns: &Columns,
    errors: &mut RowErrors,
    mut each: impl FnMut(Cells, &mut RowErrors),
) -> Result<BTreeSet<String>, ImportError> {
    let value: Value = serde_json::from_str(text).map_err(ImportError::Json)?;
    let value = match value {
        Value::Object(mut members) => members.remove(kind.as_str()).unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => value,
    };
    let expected = "a list of objects, alone or under the registry's name";
    let items = value.as_array().ok_or(ImportError::Shape { expected })?;
    let mut ignored = BTreeSet::new();
    for (place, item) in places(items)? {
        if let Value::Object(members) = item {
            let cells = members_as_cells(place, members, columns, &mut ignored, errors);
            each(Cells { place, cells }, errors);
        } else {
            errors.add(place, "row", &item.to_string(), Problem::Not { expected: "an object" });
        }
    }
    Ok(ignored)
}

/// Reads a FeatureCollection of Points; the properties left out.
pub(super) fn geojson(
    text: &str,
    columns: &Columns,
    errors: &mut RowErrors,
    mut each: impl FnMut(Cells, &mut RowErrors),
) -> Result<BTreeSet<String>, ImportError> {
    let value: Value = serde_json::from_str(text).map_err(ImportError::Json)?;
    let features = match (&value["type"], &value["features"]) {
        (Value::String(kind), Value::Array(features)) if kind == "FeatureCollection" => features,
        _ => return Err(ImportError::Shape { expected: "a GeoJSON FeatureCollection" }),
    };
    let mut ignored = BTreeSet::new();
    for (place, feature) in places(features)? {
        let Value::Object(properties) = &feature["properties"] else {
            let expected = "a Feature with the properties village_code and name";
            errors.add(place, "properties", &feature["properties"].to_string(), Problem::Not { expected });
            continue;
        };
        let mut cells = members_as_cells(place, properties, columns, &mut ignored, errors);
        let geometry = &feature["geometry"];
        let coordinates = &geometry["coordinates"];
        match (geometry["type"].as_str(), coordinates[0].as_f64(), coordinates[1].as_f64()) {
            (Some("Point"), Some(longitude), Some(latitude)) => {
                cells.insert("lon", Cell::Text(longitude.to_string()));
                cells.insert("lat", Cell::Text(latitude.to_string()));
                each(Cells { place, cells }, errors);
            }
            _ => {
                let expected = "a Point with coordinates [longitude, latitude]";
                errors.add(place, "geometry", &geometry.to_string(), Problem::Not { expected });
            }
        }
    }
    Ok(ignored)
}

fn places(items: &[Value]) -> Result<impl Iterator<Item = (Place, &Value)>, ImportError> {
    if items.len() > ROWS_MAX {
        return Err(ImportError::TooManyRows { rows_max: ROWS_MAX });
    }
    Ok(items.iter().enumerate().map(|(index, item)| (Place::Item(index + 1), item)))
}

fn members_as_cells(
    place: Place,
    members: &Map<String, Value>,
    columns: &Columns,
    ignored: &mut BTreeSet<String>,
    errors: &mut RowErrors,
) -> BTreeMap<&'static str, Cell> {
    let mut cells = BTreeMap::new();
    for (name, value) in members {
        let column = match columns.named(name) {
            Column::Read(column) => column,
            Column::Unused => continue,
            Column::Unknown => {
                ignored.insert(name.clone());
                continue;
            }
        };
        if let Some(cell) = cell(value) {
            cells.insert(column, cell);
        } else {
            let expected = "a text, a number, true, false, null or a list of texts";
            errors.add(place, column, &value.to_string(), Problem::Not { expected });
        }
    }
    cells
}

fn cell(value: &Value) -> Option<Cell> {
    match value {
        Value::Null => Some(Cell::Text(String::new())),
        Value::Bool(_) | Value::Number(_) => Some(Cell::Text(value.to_string())),
        Value::String(text) => Some(Cell::Text(text.trim().to_owned())),
        Value::Array(parts) => {
            let texts = parts.iter().map(|part| part.as_str().map(|text| text.trim().to_owned()));
            texts.collect::<Option<_>>().map(Cell::List)
        }
        Value::Object(_) => None,
    }
}
