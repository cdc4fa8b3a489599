//! Does what was typed: most by asking whoever holds the store, and saying the answer to a person or a program.

mod ask;
mod case;
mod device;
mod init;
mod invite;
mod person;
mod quarantine;
mod registry;
mod run;
mod store;

use std::path::PathBuf;

use clap::CommandFactory;
use van_agent::host::{
    home::Home,
    log,
    output::{Failure, Printer},
};

use self::ask::Desk;
use crate::cli::{Cli, Command};

/// Does what was typed.
///
/// # Errors
/// It did not work; the error says what to do next.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let long = matches!(cli.command, Command::Run(_));
    log::begin(&cli.log, if long { "info" } else { "warn" })?;
    let printer = Printer::new(cli.json);
    if let Command::Completions { shell } = cli.command {
        return completions(shell, printer);
    }
    let folder = folder(cli.home)?;
    match cli.command {
        Command::Init(options) => return init::init(&Home::open(folder)?, options, printer),
        Command::Restore(options) => return store::restore(&Home::open(folder)?, &options.file, printer),
        Command::Run(options) => return run::run(&existing(folder)?, &options, printer),
        _ => {}
    }
    let desk = Desk::new(existing(folder)?, printer);
    match cli.command {
        Command::Invite(options) => invite::invite(desk, options.unit),
        Command::Device(device) => device::device(desk, device),
        Command::Case(case) => case::case(desk, case),
        Command::Find(find) => case::find(desk, find),
        Command::Person(person) => person::person(desk, person),
        Command::Quarantine(quarantine) => quarantine::quarantine(desk, quarantine),
        Command::Registry(registry) => registry::registry(desk, registry),
        Command::Status => store::status(desk),
        Command::Doctor(doctor) => store::doctor(desk, doctor.rebuild),
        Command::Backup(backup) => store::backup(desk, &backup.file),
        Command::Init(_) | Command::Restore(_) | Command::Run(_) | Command::Completions { .. } => Ok(()),
    }
}

fn folder(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    given.or_else(|| Home::default_folder("hub-server")).ok_or_else(|| {
        Failure::usage("this system names no place for the hub's folder")
            .next("name one with --home DIR or HUB_SERVER_HOME")
            .into()
    })
}

/// The home at a folder that must be there already.
fn existing(folder: PathBuf) -> anyhow::Result<Home> {
    if folder.exists() { Ok(Home::open(folder)?) } else { Err(crate::hub::nothing_here(&folder)) }
}

fn completions(shell: clap_complete::Shell, mut printer: Printer) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hub-server", &mut script);
    Ok(printer.line(String::from_utf8_lossy(&script).trim_end())?)
}
