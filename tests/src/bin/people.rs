//! Invented citizens and their cases as NDJSON: what `van-agent record --file -` reads.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Parser;
use tests::people::{Order, Region, cases};

/// Prints one unit's day with invented citizens, one case a line.
#[derive(Parser, Debug)]
#[command(
    after_help = "Example: people --seed 7 --cases 300 --unit V01 --day 2026-11-20 | van-agent record --file -"
)]
struct Arguments {
    /// What all else follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many cases.
    #[arg(long, default_value_t = 300)]
    cases: usize,
    /// The unit; two units of one seed meet different people.
    #[arg(long, default_value = "V01")]
    unit: String,
    /// The day.
    #[arg(long, default_value = "2026-11-20")]
    day: String,
    /// The district.
    #[arg(long, default_value = "53.02")]
    district: String,
    /// Gives each line a `ref`, so that reading it again makes nothing new.
    #[arg(long)]
    refs: bool,
    /// A folder with villages_codes.csv, service_points.csv and services.json instead of the hub's own.
    #[arg(long)]
    registry: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let Arguments { seed, cases: count, unit, day, district, refs, registry } = Arguments::parse();
    let region = match &registry {
        Some(folder) => read(&district, folder)?,
        None => Region::shipped(&district)?,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    for case in cases(&region, &Order { seed, cases: count, unit, day, refs })? {
        writeln!(out, "{}", case.to_line())?;
    }
    out.flush()?;
    Ok(())
}

fn read(district: &str, folder: &Path) -> anyhow::Result<Region> {
    let text = |name| fs::read_to_string(folder.join(name)).with_context(|| format!("read {name}"));
    Region::read(
        district,
        &text("villages_codes.csv")?,
        &text("service_points.csv")?,
        &text("services.json")?,
    )
}
