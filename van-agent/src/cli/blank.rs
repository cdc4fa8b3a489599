//! `blank`.

use clap::{Args, Subcommand};
use shared::blank::{BlankKind, Serial};

/// What to do with numbered blanks.
#[derive(Subcommand, Clone, Debug)]
pub enum Blank {
    /// What is aboard this unit, what is wrong with it, and what the hub has lent.
    #[command(after_help = "Example:\n  van-agent blank list --json")]
    List,
    /// Blanks came aboard.
    #[command(after_help = "Example:\n  van-agent blank receive KTP-EL 000001 000100")]
    Receive(BlankRange),
    /// Blanks were spoilt.
    #[command(after_help = "Example:\n  van-agent blank spoil KTP-EL 000017 --reason \"ribbon torn\"")]
    Spoil {
        #[command(flatten)]
        range: BlankRange,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Blanks went back to the agency or the depot.
    #[command(after_help = "Example:\n  van-agent blank return KTP-EL 000091 000100")]
    Return {
        #[command(flatten)]
        range: BlankRange,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// A case used one up; the case names it from now on.
    #[command(after_help = "Example:\n  van-agent blank use 53.02/V01A/20261121/0042-E 000017")]
    Use {
        /// Slip number or id of the case.
        case: String,
        /// The blank's number.
        serial: Serial,
    },
}

/// Which blanks.
#[derive(Args, Clone, Debug)]
pub struct BlankRange {
    /// Their kind, as KTP-EL.
    pub kind: BlankKind,
    /// The first number.
    pub from: Serial,
    /// The last number; the first alone, unless given.
    pub to: Option<Serial>,
}
