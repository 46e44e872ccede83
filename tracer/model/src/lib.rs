//! What egret knows about connections and processes, free of where it came from and where it goes.
//!
//! Capture makes these values, sinks and the enforcer read them. Nothing here does I/O.
#![forbid(unsafe_code)]

mod attribution;
mod degradation;
mod event;
mod judgement;
mod loss;
mod network;
mod open;
mod owner;
mod process;
mod server;
mod time;
mod trace_parent;
pub mod work;

pub use attribution::{Attribution, Layer, Verdict};
pub use degradation::Degradation;
pub use event::{ConnectionId, Event, EventName};
pub use judgement::{Judgement, Reason};
pub use loss::{Loss, LossReason, LossStage, Tally};
pub use network::{Endpoint, NetworkType, Transport};
pub use open::OpenConnections;
pub use owner::{Flow, Identity, Owner, ProcessId};
pub use process::{Cgroup, Executable, FileId, Process, Sha256};
pub use server::{NameSource, Resolution, Server};
pub use time::Timestamp;
pub use trace_parent::TraceParent;
