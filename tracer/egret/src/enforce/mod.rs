//! What connects the enforcer with the rest of the daemon: settings, what capture knows of owners and processes, and the sink that
//! learns.
//!
//! ```text
//! events -> learner (sink) -> baseline store (egret_enforcer)
//! packets -> workers (egret_enforcer) -> owners (the kernel's tables), identity requests (the capture thread)
//! ```

mod host;
mod identity;
mod learner;
mod settings;

pub(crate) use host::DaemonHost;
pub(crate) use identity::IdentityRequests;
pub(crate) use learner::{Learner, Losses};
pub(crate) use settings::{baseline, enforcer};
