//! The field officer's program: records on a laptop without network, and hands over when there is one.
//!
//! In reading order: [`cli`] is what a person may type; [`request`] is what a command asks of whoever holds the
//! store; [`agent`] is that holder; [`start`] opens it and notices a disk that went back in time; [`record`]
//! turns lines into cases; [`attachment`] takes files in and gives them out; [`queue`] keeps the tickets of a day, `visit`
//! says where the unit stands, [`question`] asks the hub, `needs` says what needs a person, [`day`] closes the day with a seal;
//! `prelist` knows whom villages announced, `services` is the catalogue, `survey` takes what
//! citizens answer, [`blank`] keeps the book of numbered blanks; [`slips`] is what citizens take home, [`handover`] how products come into their hands, [`sheets`] is paper for when the `battery` is empty;
//! [`carry`] is what laptops carry for each other, by bundles and [`peers`];
//! [`access`] gets a command to the holder; [`link`] is the way to the hub, which `interfaces` wakes, and [`budget`] what it may cost; [`commands`]
//! does what was typed; [`web`] is the page; [`host`] is what both programs need of the machine.

pub mod access;
pub mod agent;
pub mod attachment;
mod battery;
pub mod blank;
pub mod budget;
pub mod carry;
pub mod cli;
pub mod commands;
pub mod day;
pub mod handover;
pub mod host;
mod interfaces;
pub mod link;
mod needs;
pub mod peers;
mod prelist;
pub mod question;
pub mod queue;
pub mod record;
pub mod request;
mod services;
pub mod settings;
pub mod sheets;
pub mod slips;
pub mod start;
mod survey;
mod today;
mod visit;
pub mod web;
