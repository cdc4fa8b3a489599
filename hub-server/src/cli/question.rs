//! What a person may type of questions.

use clap::Subcommand;

/// What to do with questions of officers.
#[derive(Subcommand, Clone, Debug)]
pub enum Question {
    /// List what waits for an answer, the oldest first.
    #[command(after_help = "Example:\n  hub-server question list --json")]
    List {
        /// Also what was answered or put away, with the answers.
        #[arg(long)]
        all: bool,
    },
    /// Answer what was asked about a case. A second answer goes on where the first one ended.
    #[command(
        after_help = "Example:\n  hub-server question answer 53.02/V01A/20261121/0042-E --words \"the name on the deed\""
    )]
    Answer {
        /// Slip number or id.
        case: String,
        /// The answer.
        #[arg(long, value_name = "TEXT")]
        words: String,
    },
}
