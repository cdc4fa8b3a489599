//! The program: reads the command line, does what it says, tells how it went.

use std::process::ExitCode;

use clap::Parser;
use hub_server::{cli::Cli, commands};
use van_agent::host::output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json;
    output::finish(commands::run(cli), json)
}
