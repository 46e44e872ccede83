//! The kernel's side of capture: what it offers, and the programs in it.

mod adapt;
mod attach;
mod btf;
mod counters;
mod error;
mod features;
mod load;
mod maps;
mod offsets;
mod packet_sockets;
mod probe;
mod programs;
mod selftest;
mod setup;
mod shared;
mod system;
mod totals;

pub use counters::Counters;
pub use error::LoadError;
pub use probe::{Probe, Support, find_tracefs};
pub(crate) use programs::{Programs, Rings};
pub use selftest::{Observation, Outcome, self_test};
pub(crate) use setup::Setup;
pub(crate) use shared::{OwnerTables, Permits, ProcessTable, Shared};
pub use system::trim_memory;

/// The offsets that raw type information leads to; public for the fuzz target alone.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
#[must_use]
pub fn offsets_in(types: &[u8]) -> Option<egret_wire::Config> {
    btf::Btf::parse(types).ok().map(|types| offsets::read(&types))
}
