//! The kernel's side of capture: what it offers, and the programs in it.

mod attach;
mod btf;
mod counters;
mod offsets;
mod probe;
mod programs;

pub use attach::LoadError;
pub(crate) use attach::{Programs, Rings, Setup};
pub use counters::Counters;
pub use probe::{Probe, Support, find_tracefs};
