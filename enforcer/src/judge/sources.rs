//! What the packet path asks of the rest of the program.

use std::sync::Arc;
use std::time::Duration;

use egret_model::{Flow, Identity, Judgement, Owner, Process, Verdict};

/// Finds the process behind a packet that is about to leave.
pub trait FindOwner: Send {
    /// Without waiting for anything: this is asked for every packet.
    fn find(&mut self, flow: &Flow) -> Option<Owner>;

    /// At greater cost, in milliseconds at most, when the above found nothing.
    fn search(&mut self, flow: &Flow) -> Option<Owner>;

    /// Whether the other end opened a TCP connection that stands: somebody listens at this end.
    fn is_inbound(&mut self, flow: &Flow) -> bool;
}

/// Tells a process and the other end in full.
pub trait Identify: Send + Sync {
    /// All that is known, what happened before the packet left included; `None` if that took longer than it may.
    fn identify(&self, owner: &Owner, flow: &Flow, within: Duration) -> Option<Identity>;
}

/// Lets the kernel allow by itself what was allowed once.
pub trait Grant: Send + Sync {
    /// Sockets that this process connects to this peer have the mark, for some time.
    fn grant(&self, owner: &Owner, flow: &Flow, mark: u32, lasts: Duration);

    /// Takes everything back that was granted.
    fn revoke(&self);
}

/// Is told of every verdict. It may not wait for anything: packets do.
pub trait Audit: Send + Sync {
    /// A packet gets this verdict; it has not gone on yet.
    fn judged(&self, owner: Option<&Owner>, flow: Option<&Flow>, verdict: Verdict, judgement: &Arc<Judgement>);
}

/// Has digests of executables computed. It may not wait for that: packets do.
pub trait Digest: Send {
    /// Orders the SHA-256 of what a process runs, which is set in its executable, also if it cannot be had; `done` is called
    /// then, and never where the order is lost. Says whether there is room for the order.
    fn order(&self, process: &Arc<Process>, done: Box<dyn FnOnce() + Send>) -> bool;
}
