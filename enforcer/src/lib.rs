//! What a host usually does, as rules that people read, and holding the host to it.
//!
//! ```text
//! events  -> store (baseline, in memory and on disk)
//! packets -> queue (workers) -> evaluate (policy) -> verdict -> verdicts (pending events), counts
//! commands -> controller (supervised): mode, firewall rules, workers, policies
//! ```
//!
//! [`baseline`], [`mode`] and [`evaluate`] are pure: they see values and text, never the host. [`firewall`] sends packets to
//! queues, and [`marks`] carry verdicts back to its rules. What the enforcer needs of capture it takes as traits
//! ([`evaluate::Identify`] and others, [`controller::Host`]).
#![forbid(unsafe_code)]

pub mod ask;
pub mod baseline;
pub mod clock;
pub mod controller;
pub mod evaluate;
#[doc(hidden)]
pub mod fault;
pub mod firewall;
pub mod marks;
pub mod mode;
pub mod packet;
mod panics;
pub mod queue;
pub mod store;
pub mod verdicts;

pub use mode::Mode;
