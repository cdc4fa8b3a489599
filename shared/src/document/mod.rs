//! Cases, persons and visits: the only place that knows automerge and the keys in a document.
//!
//! A document is the set of its changes. [`History`] holds them with what the gate asks about the
//! past.

pub mod authority;
mod build;
pub mod history;
#[cfg(test)]
pub(crate) mod oracle;
pub mod schema;
pub mod seen;
pub mod status;

pub use build::{BuildError, DecodeError, build, hash, of_automerge};
pub use history::{History, Past};
pub use status::State;

/// The schema that this version writes.
pub const SCHEMA: u32 = 1;
