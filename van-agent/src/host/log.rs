//! The operator's log: lines on standard error, as text or as JSON.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

/// What a person may say about the log on the command line.
#[derive(clap::Args, Clone, Debug)]
pub struct LogArgs {
    /// Form of the log on standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogForm::Text, value_name = "FORM")]
    pub log: LogForm,
    /// What to log: error, warn, info, debug, trace, or filters such as `warn,shared=debug` [env: RUST_LOG].
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// The form of the log.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogForm {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level or filter is none.
    #[error("`{text}` is not a log level; write error, warn, info, debug or trace")]
    Level {
        /// What was given.
        text: String,
        /// Why.
        source: tracing_subscriber::filter::ParseError,
    },
    /// It was set up before.
    #[error("the log is already set up")]
    Twice {
        /// Why.
        source: tracing::subscriber::SetGlobalDefaultError,
    },
}

/// Begins to log as `args` say, or else the environment's RUST_LOG, or else at `default`.
///
/// # Errors
/// The level is none, or logging has begun before.
pub fn begin(args: &LogArgs, default: &str) -> Result<(), LogError> {
    let text = match &args.log_level {
        Some(level) => level.clone(),
        None => std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| default.to_owned()),
    };
    let filter = EnvFilter::builder().parse(&text).map_err(|source| LogError::Level { text, source })?;
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr);
    let set = match args.log {
        LogForm::Text => {
            let plain = builder.with_ansi(io::stderr().is_terminal()).with_target(false).finish();
            tracing::subscriber::set_global_default(plain)
        }
        LogForm::Json => tracing::subscriber::set_global_default(builder.json().finish()),
    };
    set.map_err(|source| LogError::Twice { source })
}
