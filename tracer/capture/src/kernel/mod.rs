//! The kernel's side of capture: what it offers, and the programs in it.

mod attach;
mod btf;
mod counters;
mod error;
mod offsets;
mod probe;
mod programs;
mod selftest;
mod tables;
mod unreleased;

pub(crate) use attach::{Programs, Rings, Setup, trim_memory};
pub use counters::Counters;
pub use error::LoadError;
pub use probe::{Probe, Support, find_tracefs};
pub use selftest::{Outcome, Trial, self_test};
pub(crate) use tables::{OwnerTables, Permits, ProcessTable, Shared};

/// The offsets that raw type information leads to; a door for the fuzz target alone.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
#[must_use]
pub fn offsets_in(types: &[u8]) -> Option<egret_wire::Config> {
    btf::Btf::parse(types).ok().map(|types| offsets::read(&types))
}
