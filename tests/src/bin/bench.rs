//! Measures the real programs, and says which figures hold.

use std::io::{self, Write as _};

use clap::Parser;
use tests::bench::{Group, Scale, fleet::Stage, report, table};

/// Measures the codec, exchanges over thin links, and the programs with many vans and many cases.
#[derive(Parser, Debug)]
#[command(after_help = "Example: scripts/bench --quick --only link")]
struct Arguments {
    /// How many cases a van and the hub hold.
    #[arg(long, default_value_t = 100_000)]
    cases: usize,
    /// How many vans come to the hub at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 500)]
    vans: usize,
    /// Only this of the group `fleet`.
    #[arg(long, value_enum)]
    stage: Option<Stage>,
    /// Fewer runs and a tenth of the cases and vans: an impression within ten minutes.
    #[arg(long)]
    quick: bool,
    /// Only these groups.
    #[arg(long, value_enum, value_name = "GROUP")]
    only: Vec<Group>,
    /// Prints the figures as one JSON value, not as a table.
    #[arg(long)]
    json: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let share = if arguments.quick { 10 } else { 1 };
    let Arguments { cases, vans, stage, quick, .. } = arguments;
    let scale = Scale { cases: cases / share, vans: vans / share, stage, quick };
    let mut figures = Vec::new();
    for group in Group::ALL {
        if arguments.only.is_empty() || arguments.only.contains(&group) {
            figures.extend(group.measure(scale)?);
        }
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", report(&figures))?;
    } else {
        write!(out, "{}", table(&figures))?;
    }
    Ok(())
}
