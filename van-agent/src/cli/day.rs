//! What a person may type about visits and about the day's end.

use clap::Subcommand;
use shared::id::VillageCode;

use crate::day::Decision;

/// What to do with visits.
#[derive(Subcommand, Clone, Debug)]
pub enum Visit {
    /// Open a visit, or change one that is open today.
    #[command(
        after_help = "Example:\n  van-agent visit open \"Pasar Niki-Niki\" --village 53.02.01.1001 --agency DUK --agency KES"
    )]
    Open {
        /// What people call it.
        label: String,
        /// The local day, 2026-11-20; today, unless given.
        #[arg(long, value_name = "DAY")]
        date: Option<String>,
        /// Code of the village.
        #[arg(long)]
        village: Option<VillageCode>,
        /// The service point.
        #[arg(long)]
        point: Option<String>,
        /// Who leads the team.
        #[arg(long)]
        lead: Option<String>,
        /// Code of an agency aboard; may be given several times.
        #[arg(long, value_name = "CODE")]
        agency: Vec<String>,
    },
    /// Close a visit.
    #[command(after_help = "Example:\n  van-agent visit close \"Pasar Niki-Niki\"")]
    Close {
        /// Its label (the newest of this unit) or its id.
        visit: String,
    },
    /// All visits, newest first.
    #[command(after_help = "Example:\n  van-agent visit list")]
    List,
    /// Who is expected at the open visits: people of the pre-list, and products for their village.
    #[command(after_help = "Example:\n  van-agent visit expected")]
    Expected,
}

/// What to do with the day.
#[derive(Subcommand, Clone, Debug)]
pub enum Day {
    /// What was written since the last seal, and what must be decided before the day is closed.
    #[command(after_help = "Example:\n  van-agent day show")]
    Show,
    /// Decide what becomes of a draft or of a half-typed form: keep it for the next visit, save it as it is, or delete
    /// it.
    #[command(
        after_help = "What is saved goes out with a slip, as incomplete where papers are missing.\n\nExample:\n  van-agent day decide 53.02/V01A/20261121/0042-E postpone"
    )]
    Decide {
        /// The form, as `day show --json` names it, or slip number or id of the draft.
        open: String,
        /// What becomes of it.
        decision: Decision,
    },
    /// Sign a seal of everything that was written since the last one: one SMS, read aloud, or a QR.
    #[command(
        after_help = "Drafts and half-typed forms must be decided first. A day may be closed more than once.\n\nExample:\n  van-agent day close --leader \"Maria Taek\""
    )]
    Close {
        /// The team leader's name.
        #[arg(long, value_name = "NAME")]
        leader: Option<String>,
    },
}
