//! The program on a van's laptop. [`host`] is what it shares with the hub's.

pub mod host;
