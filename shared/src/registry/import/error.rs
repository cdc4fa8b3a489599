//! What is wrong with a file, in words that let its owner mend it.

use std::fmt;

use crate::registry::{Kind, TooLongError};

use super::{FILE_BYTES_MAX, Format, ROW_ERRORS_MAX};

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The registry is not imported, or not from such a file.
    #[error("{kind} cannot be imported from {format}")]
    NotImported {
        /// The registry.
        kind: Kind,
        /// The format asked for.
        format: Format,
    },
    /// The file is too long.
    #[error("the file has {bytes} bytes; at most {FILE_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The file is not in UTF-8.
    #[error("line {line} is not in UTF-8; save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\")")]
    NotUtf8 {
        /// The first line that is not.
        line: u64,
    },
    /// No row was found.
    #[error("the file holds no rows")]
    NoRows,
    /// The file holds more rows than a table may.
    #[error("the file holds more than {rows_max} rows")]
    TooManyRows {
        /// How many are taken.
        rows_max: usize,
    },
    /// The columns are parted by something else than a comma.
    #[error("the columns are separated by {separator:?}; save the file with commas")]
    Separator {
        /// What parts them.
        separator: char,
    },
    /// Columns that the registry needs are not there.
    #[error("the first line lacks the columns {}; it must name {}", missing.join(", "), required.join(", "))]
    MissingColumns {
        /// What is not there.
        missing: Vec<&'static str>,
        /// What must be there.
        required: &'static [&'static str],
    },
    /// A column is there twice.
    #[error("the first line names the column {column} twice")]
    RepeatedColumn {
        /// Its name.
        column: &'static str,
    },
    /// The file is not CSV.
    #[error("the file is not CSV")]
    Csv(#[source] csv::Error),
    /// The file is not JSON.
    #[error("the file is not JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// The file is JSON of another shape.
    #[error("the file is not {expected}")]
    Shape {
        /// What it should be.
        expected: &'static str,
    },
    /// Rows are wrong; each is told.
    #[error("{}", Self::told(rows, *total))]
    Rows {
        /// The first of what is wrong, in the order of the file.
        rows: Vec<RowError>,
        /// How many there are in all.
        total: usize,
    },
}

impl ImportError {
    /// One line for each thing that is wrong, under the name of the file.
    pub fn lines(&self, file: &str) -> Vec<String> {
        let told = self.to_string();
        let separator = if matches!(self, Self::Rows { .. }) { " " } else { ": " };
        told.lines().map(|line| format!("{file}{separator}{line}")).collect()
    }

    fn told(rows: &[RowError], total: usize) -> String {
        let mut lines: Vec<String> = rows.iter().map(RowError::to_string).collect();
        if total > rows.len() {
            lines.push(format!("and {} more", total - rows.len()));
        }
        lines.join("\n")
    }
}

/// Where a row stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The line on which it begins, from 1.
    Line(u64),
    /// Its number in a list, from 1.
    Item(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Item(item) => write!(f, "item {item}"),
        }
    }
}

/// One thing that is wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {column} {found:?} {problem}")]
pub struct RowError {
    /// The row.
    pub place: Place,
    /// The column, or `row` for the row as a whole.
    pub column: &'static str,
    /// What is there, cut to 64 characters.
    pub found: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a cell or row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is not what the column holds.
    #[error("is not {expected}")]
    Not {
        /// What the column holds, with an example.
        expected: &'static str,
    },
    /// It is empty where it must not be.
    #[error("is empty; write {expected}")]
    Empty {
        /// What the column holds, with an example.
        expected: &'static str,
    },
    /// Another row has it.
    #[error("is already on {first}")]
    Repeated {
        /// That row.
        first: Place,
    },
    /// It names a row of another registry that is not there.
    #[error("is not in the {kind} registry")]
    Unregistered {
        /// That registry.
        kind: Kind,
    },
    /// Another column says otherwise.
    #[error("disagrees with {column}: it should be {expected:?}")]
    Disagrees {
        /// That column.
        column: &'static str,
        /// What follows from it.
        expected: String,
    },
    /// The row has more or fewer cells than the first line.
    #[error("has {cells} cells where the first line has {columns}")]
    Cells {
        /// Cells of the row.
        cells: usize,
        /// Cells of the first line.
        columns: usize,
    },
    /// No update could carry it.
    #[error("is too long: {0}")]
    TooLong(#[source] TooLongError),
}

/// What is wrong with rows of a file whose other rows were taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wrong {
    /// The first of it, in the order of the file.
    pub rows: Vec<RowError>,
    /// How much there is in all.
    pub total: usize,
}

/// Gathers what is wrong with rows, the first of it in full.
#[derive(Debug, Default)]
pub(super) struct RowErrors {
    rows: Vec<RowError>,
    total: usize,
}

impl RowErrors {
    pub(super) fn add(&mut self, place: Place, column: &'static str, found: &str, problem: Problem) {
        self.total += 1;
        if self.rows.len() < ROW_ERRORS_MAX {
            let found = found.chars().take(64).collect();
            self.rows.push(RowError { place, column, found, problem });
        }
    }

    /// Fails if anything was gathered.
    pub(super) fn none(self) -> Result<Wrong, ImportError> {
        match self.total {
            0 => Ok(Wrong::default()),
            total => Err(ImportError::Rows { rows: self.rows, total }),
        }
    }

    /// What was gathered, for a file whose other rows are taken.
    pub(super) fn told(self) -> Wrong {
        Wrong { rows: self.rows, total: self.total }
    }
}
