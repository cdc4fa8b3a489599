//! hub-server

pub mod seed;
