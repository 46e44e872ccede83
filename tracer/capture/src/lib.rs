//! Capture: what happens to the sockets of this host, and which process did it.
//!
//! ```text
//! hook -> ring buffer -> record (decode) -> track (attribute) -> egret_model::Event
//! ```
//!
//! `unsafe` is allowed here, with its reason beside it, and nowhere else in user space.

mod capture;
mod kernel;
mod owner;
mod record;
mod standing;
mod track;

pub use capture::{Capture, CaptureError, NamesOptions, Options};
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use kernel::offsets_in;
pub use kernel::{Counters, LoadError, Outcome, Probe, Support, Trial, find_tracefs, self_test, trim_memory};
pub use owner::{Enforcement, Grants, Owners};
pub use record::{DecodeError, Exec, NamePacket, Record, decode};

pub mod diag;
pub mod host;
pub mod scan;
