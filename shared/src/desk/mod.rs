//! What both programs do with documents on a person's word.
//!
//! [`resolve`] finds what a person names; [`rows`] lists; [`show`] tells everything of one case, [`elsewhere`] how others see it; [`amend`]
//! changes fields; [`edits`] tells what was changed, [`duplicates`] finds what a new case would repeat; [`files`] attaches and takes away; [`handover`] moves products into citizens' hands; [`people`] says who is the same person; [`questions`] carries what officers ask and the hub answers; [`warnings`] finds what is odd and stops nothing;
//! [`because`] says by codes why something was not taken, [`survey`] adds up what citizens answered, [`blanks`] what became of numbered blanks and leases.
//!
//! **Invariant:** nothing here goes around the gate: an edit that the hub would refuse is refused at once,
//! with the same reason.

pub mod amend;
pub mod author;
pub mod because;
pub mod blanks;
pub mod duplicates;
pub mod edits;
pub mod elsewhere;
pub mod files;
pub mod handover;
pub mod people;
pub mod questions;
pub mod resolve;
pub mod rows;
pub mod show;
pub mod slips;
pub mod survey;
pub mod warnings;
