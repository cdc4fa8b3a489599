//! Bytes between machines: frames on a stream, and batches of a log in them.
//!
//! **Invariant:** the wire carries operations, never automerge's own bytes. Every length has a named
//! maximum that is checked before anything is allocated; nothing here panics on any input.

pub mod batch;
pub mod column;
pub mod frame;
pub mod pack;

pub use batch::{Batch, Chain, Entry, LogName};
pub use frame::{Frame, FrameReader};
