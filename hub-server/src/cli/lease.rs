//! `lease`, `blank`, `survey`.

use clap::{Args, Subcommand};
use shared::{blank::Serial, id::UnitId, registry::lease::LeaseKind};

/// What to do with leases.
#[derive(Subcommand, Clone, Debug)]
pub enum Lease {
    /// Lend numbers to a unit; laptops hear of it at their next exchange.
    #[command(
        after_help = "Numbers of an agency that numbers its cases centrally go to one laptop: name its letter where the unit\nhas several.\n\nExample:\n  hub-server lease grant --unit V01 --kind KTP-EL --from 000001 --to 000100 --until 2026-12-31\n  hub-server lease grant --unit V01 --laptop A --kind slip:DUK --from 5302-0001 --to 5302-0500"
    )]
    Grant(Grant),
    /// All leases, those that are void included.
    #[command(after_help = "Example:\n  hub-server lease list --json")]
    List,
    /// Take a lease back; what was used of it stays used.
    #[command(after_help = "Example:\n  hub-server lease void L0001 --reason \"returned to the depot\"")]
    Void {
        /// As listed.
        lease: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Options of `lease grant`.
#[derive(Args, Clone, Debug)]
pub struct Grant {
    /// The unit.
    #[arg(long, value_name = "UNIT")]
    pub unit: UnitId,
    /// Letter of the one laptop that takes them.
    #[arg(long, value_name = "LETTER")]
    pub laptop: Option<String>,
    /// What is numbered: a kind of blank such as KTP-EL, or an agency's cases such as slip:DUK.
    #[arg(long, value_name = "KIND")]
    pub kind: LeaseKind,
    /// The first number.
    #[arg(long, value_name = "NUMBER")]
    pub from: Serial,
    /// The last number.
    #[arg(long, value_name = "NUMBER")]
    pub to: Serial,
    /// The last day on which they are to be used.
    #[arg(long, value_name = "DAY")]
    pub until: Option<String>,
}

/// What to do with numbered blanks.
#[derive(Subcommand, Clone, Debug)]
pub enum Blank {
    /// What each unit has, and what is wrong with it.
    #[command(after_help = "Example:\n  hub-server blank list --json")]
    List,
}

/// What to do with the survey.
#[derive(Subcommand, Clone, Debug)]
pub enum Survey {
    /// Index and grade of each visit, then of each unit with all its visits pooled.
    #[command(after_help = "Example:\n  hub-server survey show --json")]
    Show,
}
