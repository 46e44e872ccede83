//! What the packet path needs of the rest of the program.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egret_model::{Evaluation, Flow, Identity, Owner, Process, Verdict};

/// Finds the owner of a packet that is about to leave.
pub trait FindOwner: Send {
    /// The owner, from tables that need no waiting: called for every packet.
    fn find(&mut self, flow: &Flow) -> Option<Owner>;

    /// At greater cost, when [`Self::find`] found none: the processes of which one is the owner. Empty where that is not certain, or
    /// not known by the deadline.
    fn candidates(&mut self, flow: &Flow, deadline: Instant) -> Vec<Owner>;

    /// Whether the peer opened an established TCP connection: the local port has a listener.
    fn is_inbound(&mut self, flow: &Flow) -> bool;
}

/// Identifies processes and peers.
pub trait Identify: Send + Sync {
    /// All that is known, including what happened before the packet left; `None` if that takes longer than `within`.
    fn identify(&self, owner: &Owner, flow: &Flow, within: Duration) -> Option<Identity>;
}

/// Lets the kernel allow on its own what was allowed once.
pub trait Grant: Send + Sync {
    /// Sockets that this process connects to this peer get the mark, for some time.
    fn grant(&self, owner: &Owner, flow: &Flow, mark: u32, lasts: Duration);

    /// Revokes all grants.
    fn revoke(&self);

    /// Whether owners are noted and grants apply, the mask of marks, and the mark of sockets that are allowed.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    fn set_policy(&self, active: bool, mask: u32, allowed: u32) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// Records every verdict. It may not wait for anything: packets wait for it.
pub trait Audit: Send + Sync {
    /// A packet gets this verdict; it has not left the queue yet.
    fn record(&self, owner: Option<&Owner>, flow: Option<&Flow>, verdict: Verdict, evaluation: &Arc<Evaluation>);

    /// A packet is held, until this time at the latest: its verdict comes later.
    fn held(&self, owner: &Owner, flow: &Flow, until: Instant);
}

/// Orders digests of executables. It may not wait for them: packets wait for it.
pub trait Digest: Send {
    /// Orders the SHA-256 of a process's executable, which is set in it, also if it cannot be computed; `done` is called then, and
    /// never where the order is lost. False if there is no room for the order.
    fn order(&self, process: &Arc<Process>, done: Box<dyn FnOnce() + Send>) -> bool;
}
