//! Journeys over real processes, real QUIC and TCP, and real disks.

#[path = "e2e/alike.rs"]
mod alike;
#[path = "e2e/attachments.rs"]
mod attachments;
#[path = "e2e/bad_input.rs"]
mod bad_input;
#[path = "e2e/carrying.rs"]
mod carrying;
#[path = "e2e/carrying_files.rs"]
mod carrying_files;
#[path = "e2e/dictionaries.rs"]
mod dictionaries;
#[path = "e2e/edits.rs"]
mod edits;
#[path = "e2e/forms.rs"]
mod forms;
#[path = "e2e/full_disk.rs"]
mod full_disk;
#[path = "e2e/glance.rs"]
mod glance;
#[path = "e2e/hostile.rs"]
mod hostile;
#[path = "e2e/hub.rs"]
mod hub;
#[path = "e2e/kills.rs"]
mod kills;
#[path = "e2e/links.rs"]
mod links;
#[path = "e2e/machines.rs"]
mod machines;
#[path = "e2e/network.rs"]
mod network;
#[path = "e2e/products.rs"]
mod products;
#[path = "e2e/questions.rs"]
mod questions;
#[path = "e2e/slips.rs"]
mod slips;
#[path = "e2e/stage.rs"]
mod stage;
#[path = "e2e/stock.rs"]
mod stock;
#[path = "e2e/taken_in.rs"]
mod taken_in;
#[path = "e2e/tickets.rs"]
mod tickets;
#[path = "e2e/van.rs"]
mod van;
#[path = "e2e/words.rs"]
mod words;
