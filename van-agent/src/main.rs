//! `van-agent`: see the library.

use std::process::ExitCode;

use clap::Parser;
use van_agent::{cli::Cli, commands, host::output};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json;
    output::finish(commands::run(cli), json)
}
