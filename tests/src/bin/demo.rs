//! A district's day from the villages to the receipts, with the real programs on real data.

use std::{
    io::{self, IsTerminal as _, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use tests::demo::{District, STEPS};

/// Shows the main job end to end: a hub, four laptops, a day without network, a minute of coverage.
#[derive(Parser, Debug)]
#[command(after_help = "Example: scripts/demo --check")]
struct Arguments {
    /// Verifies every step and ends, without leaving the pages up.
    #[arg(long)]
    check: bool,
    /// Keeps the homes here instead of in a temporary folder that goes with the demo.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let temporary = tempfile::tempdir()?;
    let folder = arguments.keep.unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder)?;
    let mut out = io::stdout();
    let mut district = District::found(&folder);
    let (mut passed, mut failed) = (0, 0);
    for (title, step) in STEPS {
        writeln!(out, "\n{:>2}. {title}", passed + failed + 1)?;
        match catch_unwind(AssertUnwindSafe(|| step(&mut district))) {
            Ok(told) => {
                passed += 1;
                for line in told {
                    writeln!(out, "    {line}")?;
                }
            }
            Err(_) => {
                failed += 1;
                writeln!(out, "    FAILED: see above")?;
            }
        }
        out.flush()?;
    }
    if !arguments.check {
        writeln!(
            out,
            "\nThe pages are up:\n  hub     {}\n  laptop  {}",
            district.hub_page(),
            district.van_page()
        )?;
        writeln!(out, "Homes are in {}. Press Enter to end.", folder.display())?;
        if io::stdin().is_terminal() {
            io::stdin().read_line(&mut String::new())?;
        } else {
            loop {
                std::thread::park();
            }
        }
    }
    district.end();
    writeln!(out, "\n{passed} passed, {failed} failed")?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
