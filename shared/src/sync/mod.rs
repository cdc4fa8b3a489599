//! How replicas agree. What arrives passes the [`gate`] first.

pub mod gate;
