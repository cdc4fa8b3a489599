//! From lines to cases: [`reader`] cuts input into bounded lines, [`mod@line`] reads one, [`save`] makes the
//! documents of a group of lines in one transaction; [`sheet`] makes lines of what was typed on the
//! page, which `sitting` keeps and goes through.
//!
//! **Invariant:** each line is its own unit; a bad one is reported and the others are saved.

mod announced;
mod json;
pub mod line;
mod made;
pub(crate) mod number;
mod people;
pub mod reader;
pub mod save;
pub mod sheet;
pub(crate) mod sitting;
