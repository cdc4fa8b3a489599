//! What both programs must agree on, byte for byte. No socket, thread, clock or task lives here.
//!
//! In reading order: [`id`] names things; [`time`] and [`geo`] place them; [`born`] is a birth as far as it is
//! known, [`name`] tells when two names may be one, [`nik`] is the national identity number, [`phone`] a
//! telephone in one writing, [`slip`] the number that the citizen takes home, [`symbols`] are bytes as people type them,
//! [`blank`] is the number of a printed blank, [`collection`] who takes a product and how it is confirmed, [`survey`] what citizens say of the service; [`change`] is one edit as
//! operations; [`document`] gives changes meaning; [`registry`] is what the hub alone decides;
//! [`identity`] says who speaks; [`aside`] is work that another thread may do; [`wire`] is the bytes between machines; [`seal`] states a day's work, [`stamp`] what a slip says;
//! [`store`] keeps everything on disk; [`sync`] brings two machines to the same; [`desk`] is what both
//! programs do on a person's word.

pub mod aside;
pub mod blank;
pub mod born;
pub mod change;
pub mod collection;
pub mod desk;
pub mod document;
pub mod geo;
pub mod id;
pub mod identity;
pub mod name;
pub mod nik;
pub mod phone;
pub mod registry;
pub mod seal;
pub mod slip;
pub mod stamp;
pub mod store;
pub mod survey;
pub mod symbols;
pub mod sync;
pub mod time;
pub mod wire;
