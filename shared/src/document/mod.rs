//! Cases, persons and visits: the only place that knows automerge and the keys in a document.
//!
//! A document is the set of its changes. [`History`] holds them with what the gate asks about the
//! past; [`schema`] says which keys there are; [`View`] reads and [`Edit`] makes the next change, both
//! on operations; [`materialise`] proves that automerge can hold them. [`case`], [`person`] and [`visit`] are the typed forms,
//! [`attachment`] is what a case says of a file, [`consent`] what citizens agree to and how they confirm it,
//! [`correction`] says which changes a slip does not know, [`survey`] what a visit says of citizens' answers, [`blanks`]
//! what a unit's book says of numbered blanks, [`question`] what officers ask of the hub about a case, [`field`] is what a
//! person may amend one by one, [`status`] derives in which [`state`] a case stands, [`conflict`] lists what a
//! person must decide, and [`export`] writes standard files.
//!
//! **Invariants:** changes enter automerge only through [`build()`], from operations; a breakdown
//! within automerge is an error of one document and touches no other.

pub mod attachment;
pub mod authority;
pub mod blanks;
mod build;
pub mod case;
pub mod conflict;
pub mod consent;
pub mod correction;
pub mod edit;
pub mod export;
pub mod field;
mod hash;
pub mod history;
pub mod materialise;
mod moment;
#[cfg(test)]
pub(crate) mod oracle;
pub mod person;
pub mod question;
pub mod schema;
pub mod seen;
pub mod state;
pub mod status;
pub mod survey;
#[cfg(test)]
mod trial;
pub mod view;
pub mod visit;

pub use attachment::Attachment;
pub use build::{BuildError, DecodeError, build, of_automerge};
pub use case::Case;
pub use conflict::Conflict;
pub use consent::Confirmation;
pub use edit::{CommitError, Edit, EditError};
pub use field::Field;
pub use hash::hash;
pub use history::{Ancestry, History, Past};
pub use materialise::OpenError;
pub use moment::Moment;
pub use person::Person;
pub use question::Asked;
pub use state::State;
pub use status::{Event, Life, NewEvent};
pub use view::View;
pub use visit::Visit;

/// The schema that this version writes.
pub const SCHEMA: u32 = 1;
