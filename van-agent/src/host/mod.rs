//! What both programs need of the machine they run on; no rule of the work itself stands here.
//!
//! In reading order: [`home`] is the folder and its lock; [`machine`] tells time, randomness and which machine
//! this is; [`log`] and [`output`] speak to operators and people, [`typed`] is what they type, [`qr`] draws for cameras and [`picture`] finds what was drawn; [`files`] are those that a person names, [`cases`]
//! what both programs do with cases, [`slips`] with slips that somebody brings; [`control`] reaches the process that holds a
//! home; [`owner`] runs the thread that owns the core; [`quic`] has the settings of the wire, [`tcp`]
//! is the other wire, for where no UDP gets through, [`mux`] keeps its channels apart, [`wire`] is either of them and
//! [`meter`] counts what goes over it; [`networks`] remembers which is needed where, [`dial`] finds the hub,
//! [`listener`] lets peers in and [`driver`] moves the bytes; [`web`] guards a page on loopback.

pub mod cases;
pub mod control;
pub mod dial;
pub mod driver;
pub mod files;
pub mod home;
pub mod listener;
pub mod log;
pub mod machine;
pub mod meter;
pub mod mux;
pub mod networks;
pub mod output;
pub mod owner;
pub mod picture;
pub mod qr;
pub mod quic;
pub mod slips;
pub mod tcp;
pub mod typed;
pub mod web;
pub mod wire;
