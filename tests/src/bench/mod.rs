//! What the benchmark measures, one group a module.

pub mod fleet;
