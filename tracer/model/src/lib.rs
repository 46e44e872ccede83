//! The data model of egret: connections, processes, losses and snapshots, independent of capture and exporters.
//!
//! Capture creates these values; sinks and the enforcer read them. The crate does no I/O.
#![forbid(unsafe_code)]

mod arguments;
mod attribution;
mod bytes;
mod container;
mod degradation;
mod evaluation;
mod event;
mod loss;
mod mode;
mod network;
mod open;
mod owner;
mod process;
#[doc(hidden)]
pub mod sample;
mod script;
mod server;
pub mod snapshot;
mod time;
mod trace_parent;
pub mod work;

pub use arguments::{Arguments, ArgumentsForm};
pub use attribution::{Attribution, Layer, Verdict};
pub use bytes::{escaped, unescaped};
pub use container::{Container, Image, Pod, Workload, WorkloadKind};
pub use degradation::Degradation;
pub use evaluation::{Evaluation, Reason};
pub use event::{ConnectionId, Event, EventName, NetworkNamespace};
pub use loss::{Loss, LossReason, LossStage, Tally};
pub use mode::Mode;
pub use network::{Endpoint, Interface, NetworkType, Transport, is_link_local, parse_link_local};
pub use open::OpenConnections;
pub use owner::{Flow, Identity, Owner, ProcessId};
pub use process::{
    BuildId, Cgroup, Completeness, Executable, FileId, FileState, NamedBy, Ordered, Origin, Process, Sha256,
};
pub use script::{CommandLine, Script};
pub use server::{NameSource, Resolution, Server};
pub use time::Timestamp;
pub use trace_parent::TraceParent;
