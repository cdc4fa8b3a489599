//! Does what was typed: most by asking whoever holds the store, and saying the answer to a person or a program.

mod attachment;
mod blank;
mod bundle;
mod case;
mod day;
mod enroll;
mod handover;
mod peer;
mod people;
mod progress;
mod question;
mod queue;
mod record;
mod run;
mod service;
mod settings;
mod sheet;
mod slip;
mod state;
mod survey;
mod sync;
mod today;
mod visit;

use std::path::PathBuf;

use clap::CommandFactory;
use serde_json::Value;

use crate::{
    access::Access,
    budget::Budget,
    cli::{Cli, Command, Peer},
    host::{
        home::Home,
        log,
        output::{Failure, Printer},
    },
    request::Request,
    start,
};

/// Does what was typed.
///
/// # Errors
/// It did not work; the error says what to do next.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let long = matches!(cli.command, Command::Run { .. });
    log::begin(&cli.log, if long { "info" } else { "error" })?;
    let printer = Printer::new(cli.json);
    if let Command::Completions { shell } = cli.command {
        return completions(shell, printer);
    }
    if let Command::Run { web, .. } = &cli.command {
        run::check(*web)?;
    }
    if let Command::Record(options) = &cli.command {
        record::check(options)?;
    }
    let folder = folder(cli.home)?;
    let enrols = matches!(cli.command, Command::Enroll(_));
    let home = if enrols { start::new_home(folder)? } else { start::home(folder)? };
    match cli.command {
        Command::Enroll(options) => enroll::enroll(&home, &options, printer),
        Command::Record(options) => record::record(&home, *options, printer),
        Command::Sync { stop: true, .. } => sync::stop(&home, printer),
        Command::Sync { patience, budget, time, stop: false } => {
            sync::sync(&home, patience, Budget { bytes: budget, time }, printer)
        }
        Command::Run { web, peers } => run::run(&home, web, peers, printer),
        Command::Peer(Peer::Sync { address }) => peer::sync(&home, &address, printer),
        Command::Completions { shell } => completions(shell, printer),
        command @ (Command::Amend(_)
        | Command::Case(_)
        | Command::Find(_)
        | Command::Question(_)
        | Command::Handover(_)
        | Command::Custody { .. }
        | Command::Today
        | Command::Visit(_)
        | Command::Settings(_)
        | Command::Service(_)
        | Command::Officer { .. }
        | Command::Queue(_)
        | Command::Slip(_)
        | Command::Sheet(_)
        | Command::Day(_)
        | Command::Bundle(_)
        | Command::Peer(_)
        | Command::Survey(_)
        | Command::Blank(_)
        | Command::Person(_)
        | Command::Doctor { .. }) => ask(&home, command, printer),
    }
}

/// Does what needs nothing but the holder of the store.
fn ask(home: &Home, command: Command, printer: Printer) -> anyhow::Result<()> {
    let mut desk = Desk { access: Access::open(home)?, printer };
    match command {
        Command::Amend(options) => case::amend(&mut desk, options),
        Command::Case(options) => case::case(&mut desk, options),
        Command::Find(options) => case::find(&mut desk, &options),
        Command::Question(options) => question::question(&mut desk, options),
        Command::Handover(options) => handover::hand_over(&mut desk, options),
        Command::Custody { safe_to_wipe } => state::custody(&mut desk, safe_to_wipe),
        Command::Today => today::today(&mut desk),
        Command::Visit(options) => visit::visit(&mut desk, options),
        Command::Settings(options) => settings::settings(&mut desk, options),
        Command::Service(options) => service::service(&mut desk, options),
        Command::Officer { name } => settings::officer(&mut desk, name),
        Command::Queue(options) => queue::queue(&mut desk, options),
        Command::Slip(options) => slip::slip(&mut desk, options),
        Command::Survey(options) => survey::survey(&mut desk, options),
        Command::Blank(options) => blank::blank(&mut desk, options),
        Command::Sheet(options) => sheet::sheet(&mut desk, &options),
        Command::Day(options) => day::day(&mut desk, options),
        Command::Bundle(options) => bundle::bundle(&mut desk, options),
        Command::Peer(_) => peer::list(&mut desk),
        Command::Person(options) => people::person(&mut desk, options),
        Command::Doctor { rebuild } => state::doctor(&mut desk, rebuild),
        Command::Enroll(_)
        | Command::Record(_)
        | Command::Sync { .. }
        | Command::Run { .. }
        | Command::Completions { .. } => Ok(()),
    }
}

/// Where a command asks, and where it answers.
struct Desk {
    access: Access,
    printer: Printer,
}

impl Desk {
    fn ask(&mut self, request: Request) -> Result<Value, Failure> {
        self.access.ask(request, &mut |_| true)
    }

    /// Asks for a list and prints each value as it comes: as JSON, or as the line that `text` makes of it.
    fn list(&mut self, request: Request, text: impl Fn(&Value) -> String) -> anyhow::Result<Value> {
        let Self { access, printer } = self;
        let mut failed = None;
        let answer = access.ask(request, &mut |value| {
            let printed = if printer.json() { printer.value(&value) } else { printer.text(text(&value)) };
            if let Err(error) = printed {
                failed.get_or_insert(error);
            }
            failed.is_none()
        })?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(answer),
        }
    }
}

/// A text field of an answer, or a dash.
fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or("-")
}

fn folder(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    given.or_else(|| Home::default_folder("van-agent")).ok_or_else(|| {
        Failure::usage("no folder is known to keep things in").next("name one with --home DIR").into()
    })
}

fn completions(shell: clap_complete::Shell, mut printer: Printer) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "van-agent", &mut script);
    printer.line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(())
}
