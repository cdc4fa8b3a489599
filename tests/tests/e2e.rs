//! Journeys over real processes, real QUIC and real disks.

#[path = "e2e/hub.rs"]
mod hub;
#[path = "e2e/van.rs"]
mod van;
