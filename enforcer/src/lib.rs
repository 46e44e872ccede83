//! What a host usually does, as rules that people read, and holding the host to it.
//!
//! ```text
//! observation -> learn -> baseline (text) -> decide -> verdict
//! ```
//!
//! [`baseline`] and [`mode`] are pure: they see values and text, never the host. [`firewall`] leads packets to where they are
//! judged, and [`marks`] are how verdicts get back to it.
#![forbid(unsafe_code)]

pub mod ask;
pub mod baseline;
pub mod firewall;
pub mod judge;
pub mod marks;
pub mod mode;
pub mod packet;
pub mod queue;

pub use mode::Mode;
