//! What a host usually does, as rules that people read, and holding the host to it.
//!
//! ```text
//! observation -> learn -> baseline (text) -> decide -> verdict
//! ```
//!
//! [`baseline`] is pure: it sees values and text, never the host.
#![forbid(unsafe_code)]

pub mod ask;
pub mod baseline;
pub mod judge;
pub mod marks;
pub mod packet;
pub mod queue;
