//! What both programs must agree on, byte for byte. No socket, thread, clock or task lives here.
//!
//! In reading order: [`id`] names things; [`time`] and [`geo`] place them; [`change`] is one edit as
//! operations; [`document`] gives changes meaning. [`identity`] says who speaks and who is trusted;
//! [`sync`] hands over.

pub mod change;
pub mod document;
pub mod geo;
pub mod id;
pub mod identity;
pub mod sync;
pub mod time;
