//! Capture: the connections of this host, and the process behind each.
//!
//! ```text
//! hook -> ring buffer -> record (decode) -> track (attribute) -> egret_model::Event
//! ```
//!
//! Of all crates in user space only this one may use `unsafe`. Every use states why it is sound.

mod capture;
mod kernel;
mod owner;
mod preexisting;
mod record;
mod track;

pub use capture::{Capture, CaptureError, NamesOptions, Options};
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use kernel::offsets_in;
pub use kernel::{Counters, LoadError, Observation, Outcome, Probe, Support, find_tracefs, self_test, trim_memory};
pub use owner::{Enforcement, Grants, Owners};
pub use record::{DecodeError, Exec, NamePacket, Record, decode};

pub mod diag;
pub mod host;
pub mod scan;
