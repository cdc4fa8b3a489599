//! Trains a dictionary of the packed codec from invented days of many vans.
//!
//! The same program and seed make the same file. One that is inside the program stays as it is.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use clap::Parser;
use shared::wire::pack::DICTIONARY_BYTES_MAX;
use tests::{
    packing::Log,
    people::{self, Order, Region},
};

/// Trains a dictionary of the packed codec and writes it to a file.
#[derive(Parser, Debug)]
#[command(after_help = "Example: dictionary batches.zdict")]
struct Arguments {
    /// Where it is written.
    file: PathBuf,
    /// Its size at most.
    #[arg(long, default_value_t = DICTIONARY_BYTES_MAX)]
    bytes: usize,
    /// Seed of the first day that is learnt from; benchmarks and tests use lower ones.
    #[arg(long, default_value_t = 1_000)]
    seed: u64,
}

/// Days that are learnt from.
const DAYS: u64 = 400;
/// Cases of each day.
const CASES: usize = 300;
/// Entries of the batches that are learnt from.
const BATCHES: [usize; 5] = [8, 17, 34, 136, 500];

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let region = Region::shipped("53.02")?;
    let mut samples = Vec::new();
    for seed in arguments.seed..arguments.seed.saturating_add(DAYS) {
        let unit = format!("V{:02}", seed % 40 + 1);
        let day = format!("2026-{:02}-{:02}", seed % 12 + 1, seed % 28 + 1);
        let order = Order { seed, cases: CASES, unit, day, refs: seed % 5 == 0 };
        let cases: Vec<_> = people::cases(&region, &order)?.collect();
        let mut log = Log::of(seed, &cases)?;
        let size = BATCHES[seed as usize % BATCHES.len()];
        samples.extend(log.columns(0, size));
        let before = log.go_on(CASES / 2)?;
        samples.extend(log.columns(before, size));
    }
    let dictionary = zstd::dict::from_samples(&samples, arguments.bytes).context("train the dictionary")?;
    fs::write(&arguments.file, dictionary).context("write the dictionary")?;
    Ok(())
}
