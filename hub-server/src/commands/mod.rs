//! Does what was typed: most by asking whoever holds the store, and saying the answer to a person or a program.

mod ask;
mod bundle;
mod case;
mod device;
mod dictionary;
mod init;
mod invite;
mod lease;
mod person;
mod quarantine;
mod question;
mod registry;
mod run;
mod seal;
mod slip;
mod store;
mod survey;

use std::path::PathBuf;

use clap::CommandFactory;
use van_agent::host::{
    home::Home,
    log,
    output::{Failure, Printer},
};

use self::ask::Desk;
use crate::cli::{Blank, Cli, Command, Survey};

/// Does what was typed.
///
/// # Errors
/// It did not work; the error says what to do next.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let long = matches!(cli.command, Command::Run(_));
    log::begin(&cli.log, if long { "info" } else { "warn" })?;
    let printer = Printer::new(cli.json);
    let folder = folder(cli.home)?;
    let desk = |folder| Ok::<_, anyhow::Error>(Desk::new(existing(folder)?, Printer::new(cli.json)));
    match cli.command {
        Command::Init(options) => init::init(&Home::open(folder)?, options, printer),
        Command::Restore(options) => store::restore(&Home::open(folder)?, &options.file, printer),
        Command::Run(options) => run::run(&existing(folder)?, &options, printer),
        Command::Invite(options) => invite::invite(desk(folder)?, options.unit),
        Command::Device(device) => device::device(desk(folder)?, device),
        Command::Case(case) => case::case(desk(folder)?, case),
        Command::Question(question) => question::question(desk(folder)?, question),
        Command::Find(find) => case::find(desk(folder)?, &find),
        Command::Person(person) => person::person(desk(folder)?, person),
        Command::Bundle(bundle) => bundle::bundle(desk(folder)?, bundle),
        Command::Seal(seal) => seal::seal(desk(folder)?, seal),
        Command::Dictionary(dictionary) => dictionary::dictionary(desk(folder)?, dictionary),
        Command::Slip(slip) => slip::slip(desk(folder)?, slip),
        Command::Lease(lease) => lease::lease(desk(folder)?, lease),
        Command::Blank(Blank::List) => lease::blanks(desk(folder)?),
        Command::Survey(Survey::Show) => survey::survey(desk(folder)?),
        Command::Quarantine(quarantine) => quarantine::quarantine(desk(folder)?, quarantine),
        Command::Registry(registry) => registry::registry(desk(folder)?, registry),
        Command::Status => store::status(desk(folder)?),
        Command::Doctor(doctor) => store::doctor(desk(folder)?, doctor.rebuild),
        Command::Backup(backup) => store::backup(desk(folder)?, &backup.file),
        Command::Completions { shell } => completions(shell, printer),
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
