//! Connects the enforcer with the daemon: owners and processes from capture, and the learner.
//!
//! ```text
//! events -> learner (sink) -> baseline store (egret_enforcer)
//! packets -> workers (egret_enforcer) -> owners (the kernel's tables), identity requests (the capture thread)
//! ```

mod host;
mod identity;
mod learner;

pub(crate) use host::DaemonHost;
pub(crate) use identity::IdentityRequests;
pub(crate) use learner::{Learner, Losses};
