//! What the tests, the demo and the benchmarks of Keliling stand on.
//!
//! In reading order: [`random`] makes chance repeatable; [`people`] invents citizens and their cases;
//! [`relay`] is a link to test on; [`process`] runs the real programs, and [`page`] reads their pages. [`world`] simulates hub and vans with
//! everything that goes wrong as [`fault`] has it, and [`model`] says what must hold. [`packing`] weighs what a
//! van's log needs on the wire, and [`mod@bench`] measures what the project promises.

pub mod bench;
pub mod demo;
pub mod fault;
pub mod model;
pub mod packing;
pub mod page;
pub mod people;
pub mod process;
pub mod random;
pub mod relay;
pub mod world;
