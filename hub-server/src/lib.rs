//! The district's server: holds what the laptops bring, hands each what it should have, and answers its
//! operator.
//!
//! In reading order: [`cli`] is what a person may type; [`commands`] does it, most by sending a
//! [`request::Request`] to whoever holds the store; [`hub`] is that holder, and answers; [`twins`] links
//! the documents of one person; [`seed`] and [`registries`] are what the hub decides; [`restore`] goes back
//! to a backup; [`web`] is the operator's page.

pub mod cli;
pub mod commands;
pub mod hub;
pub mod registries;
pub mod request;
pub mod restore;
pub mod seed;
pub mod twins;
pub mod web;

/// Changes are many small pieces, made and let go by the thousand: with the system's allocator that was two fifths of
/// the processor's time of taking them in.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
