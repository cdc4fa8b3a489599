//! `survey`.

use clap::Subcommand;

/// What to do with the survey.
#[derive(Subcommand, Clone, Debug)]
pub enum Survey {
    /// Take citizens' sheets in, all or none. Nothing of the citizen is kept with them.
    #[command(
        after_help = "Sheets that are entered together, after the visit, hide among one another: which laptop wrote them and when is\nkept, as of everything.\n\nExample:\n  van-agent survey add --visit \"Pasar Niki-Niki\" --scores 4,4,3,4,3,3,4,3,4 --scores 4,4,,4,3,3,4,3,4"
    )]
    Add {
        /// Label or id of the visit; the one of this unit that is open today, unless given.
        #[arg(long)]
        visit: Option<String>,
        /// One sheet: nine scores of 1 to 4, nothing where the citizen left one out; may be given several times.
        #[arg(long, value_name = "SCORES", required = true, allow_hyphen_values = true)]
        scores: Vec<String>,
    },
    /// The index and grade of each visit, and of this unit's visits pooled.
    #[command(after_help = "Example:\n  van-agent survey show --visit \"Pasar Niki-Niki\"")]
    Show {
        /// Label or id of a visit; all, unless given.
        #[arg(long)]
        visit: Option<String>,
    },
}
