//! The OTLP sink by the requests of a collector and by its account.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod collector;
mod delivery;
#[path = "../support/events.rs"]
mod events;
mod resource;
mod running;
mod shutdown;
mod spans;
mod throttling;
mod tls;
