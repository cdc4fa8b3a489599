//! What the tests, the demo and the benchmarks of Keliling stand on.
//!
//! In reading order: [`random`] makes chance repeatable; [`people`] invents citizens and their cases;
//! [`relay`] is a link to test on; [`process`] runs the real programs.

pub mod people;
pub mod process;
pub mod random;
pub mod relay;
