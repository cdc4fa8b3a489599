//! What the project measures of itself, in groups of figures with a module each.
//!
//! A group reports and never fails for a figure; a program that fails ends the run. What a group says on its way goes
//! to standard error.

pub mod cases;
mod crossing;
pub mod day;
pub mod fleet;
mod laptop;
pub mod link;
pub mod pack;
mod pages;
mod posts;
mod put;
pub mod settings;

use std::fmt::Write as _;

use serde_json::{Value, json};

/// A group of figures.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// The codec of batches.
    Pack,
    /// Exchanges over thin links, beside an HTTPS PUT of the same cases.
    Link,
    /// A day's exchange, one with nothing new, edits on both sides, an upload that is cut.
    Day,
    /// What QUIC's settings are worth on thin links.
    Settings,
    /// Many vans at one hub.
    Fleet,
    /// Many cases on a van and at the hub.
    Cases,
}

impl Group {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 6] = [Self::Pack, Self::Link, Self::Day, Self::Settings, Self::Fleet, Self::Cases];

    /// Measures the group's figures.
    ///
    /// # Errors
    /// Something that is measured failed.
    pub fn measure(self, scale: Scale) -> anyhow::Result<Vec<Figure>> {
        match self {
            Self::Pack => pack::measure(),
            Self::Link => link::measure(scale),
            Self::Day => day::measure(scale),
            Self::Settings => settings::measure(scale),
            Self::Fleet => fleet::measure(scale),
            Self::Cases => cases::measure(scale),
        }
    }
}

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scale {
    /// How many cases a van and the hub hold where many are measured.
    pub cases: usize,
    /// How many vans come to the hub at once.
    pub vans: usize,
    /// What alone of the fleet is measured; all of it unless it is named.
    pub stage: Option<fleet::Stage>,
    /// Whether minutes must do, for an impression.
    pub quick: bool,
}

/// One figure of the report.
#[derive(Clone, PartialEq, Debug)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much, in `unit`.
    pub value: f64,
    /// What it should reach; none where it is for information.
    pub goal: Option<Goal>,
    /// Of what: `bytes`, `s`, or nothing for a share or a number.
    pub unit: &'static str,
    /// What sort of figure it is.
    pub kind: Kind,
}

/// What a figure should reach.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

/// Sorts of figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Bytes on a link or on a disk.
    Bytes,
    /// A share of something.
    Ratio,
    /// A time, or how much in a time.
    Time,
    /// Memory of a process.
    Memory,
    /// A number of things.
    Count,
}

impl Figure {
    /// A figure that is for information.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str, kind: Kind) -> Self {
        Self { name: name.into(), value, goal: None, unit, kind }
    }

    /// The same, which should not exceed `goal`.
    pub fn at_most(self, goal: f64) -> Self {
        Self { goal: Some(Goal::AtMost(goal)), ..self }
    }

    /// The same, which should reach `goal`.
    pub fn at_least(self, goal: f64) -> Self {
        Self { goal: Some(Goal::AtLeast(goal)), ..self }
    }

    /// Whether the goal is reached; a figure without one holds.
    pub fn holds(&self) -> bool {
        self.goal.is_none_or(|goal| match goal {
            Goal::AtMost(goal) => self.value <= goal,
            Goal::AtLeast(goal) => self.value >= goal,
        })
    }

    fn to_json(&self) -> Value {
        let Self { name, value, goal, kind, .. } = self;
        let goal = goal.map(|goal| match goal {
            Goal::AtMost(goal) | Goal::AtLeast(goal) => goal,
        });
        json!({"name": name, "value": value, "goal": goal, "kind": kind.as_str(), "holds": self.holds()})
    }
}

impl Kind {
    /// The word in the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Ratio => "ratio",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Count => "count",
        }
    }
}

/// The report as one JSON value.
pub fn report(figures: &[Figure]) -> Value {
    json!({"figures": figures.iter().map(Figure::to_json).collect::<Vec<_>>()})
}

/// The report as a table in Markdown.
pub fn table(figures: &[Figure]) -> String {
    let mut table = "| what | measured | goal | holds |\n|---|---|---|---|\n".to_owned();
    for figure in figures {
        let Figure { name, value, unit, .. } = figure;
        let (goal, holds) = match figure.goal {
            None => (String::new(), ""),
            Some(Goal::AtMost(goal)) => {
                (format!("<= {goal} {unit}"), ["no", "yes"][usize::from(figure.holds())])
            }
            Some(Goal::AtLeast(goal)) => {
                (format!(">= {goal} {unit}"), ["no", "yes"][usize::from(figure.holds())])
            }
        };
        let value = if value.abs() >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.2}") };
        let row = format!("| {name} | {value} {unit} | {goal} | {holds} |");
        let row = row.replace("  ", " ").replace(" |", "|").replace('|', " |");
        writeln!(table, "{}", row.trim_start()).expect("a text takes everything");
    }
    table
}

/// The value in the middle, or the higher of two.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_holds() {
        let figures = [
            Figure::new("share", 0.71, "", Kind::Ratio).at_most(0.7),
            Figure::new("rate", 31_000.0, "records/s", Kind::Time).at_least(30_000.0),
            Figure::new("bytes", 5.0, "bytes", Kind::Bytes),
        ];
        assert_eq!(
            report(&figures),
            json!({"figures": [
                {"name": "share", "value": 0.71, "goal": 0.7, "kind": "ratio", "holds": false},
                {"name": "rate", "value": 31_000.0, "goal": 30_000.0, "kind": "time", "holds": true},
                {"name": "bytes", "value": 5.0, "goal": null, "kind": "bytes", "holds": true},
            ]})
        );
        assert_eq!(
            table(&figures),
            "| what | measured | goal | holds |\n|---|---|---|---|\n\
             | share | 0.71 | <= 0.7 | no |\n\
             | rate | 31000 records/s | >= 30000 records/s | yes |\n\
             | bytes | 5.00 bytes | | |\n"
        );
    }
}
