//! What both programs must agree on, byte for byte. No socket, thread, clock or task lives here.
//!
//! In reading order: [`id`] names things; [`time`] and [`geo`] place them; [`nik`], [`born`],
//! [`name`], [`phone`] and [`slip`] read what people write; [`change`] is one edit as operations;
//! [`document`] gives changes meaning; [`sync`] decides what is let in.

pub mod born;
pub mod change;
pub mod document;
pub mod geo;
pub mod id;
pub mod name;
pub mod nik;
pub mod phone;
pub mod slip;
pub mod sync;
pub mod time;
