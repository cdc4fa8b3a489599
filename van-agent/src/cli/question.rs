//! What a person may type of questions to the hub.

use clap::Subcommand;

/// What to do with questions to the hub.
#[derive(Subcommand, Clone, Debug)]
pub enum Question {
    /// Ask the hub about a case; the answer comes with an exchange, and is then among what needs you.
    #[command(
        after_help = "Example:\n  van-agent question ask 53.02/V01A/20261121/0042-E --words \"which name is on the deed?\""
    )]
    Ask {
        /// Slip number or id.
        case: String,
        /// The question.
        #[arg(long, value_name = "TEXT")]
        words: String,
    },
    /// Put away what was asked about a case: it is clear now. It stays to be read on the case.
    #[command(after_help = "Example:\n  van-agent question settle 53.02/V01A/20261121/0042-E")]
    Settle {
        /// Slip number or id.
        case: String,
    },
    /// What was asked, the oldest first, with the hub's answers.
    #[command(after_help = "Example:\n  van-agent question list --json")]
    List {
        /// Also what was put away.
        #[arg(long)]
        all: bool,
    },
}
