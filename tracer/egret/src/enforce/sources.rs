//! What the packet path asks of capture.

use std::sync::Arc;
use std::time::Duration;

use egret_capture::host::Digester;
use egret_capture::{Grants, Owners};
use egret_enforcer::judge::{Digest, FindOwner, Grant};
use egret_model::{Flow, Owner, Process};

/// Finds owners by the kernel's tables.
pub(super) struct Finder(pub(super) Owners);

impl FindOwner for Finder {
    fn find(&mut self, flow: &Flow) -> Option<Owner> {
        self.0.find(flow)
    }

    fn search(&mut self, flow: &Flow) -> Option<Owner> {
        self.0.search(flow)
    }

    fn is_inbound(&mut self, flow: &Flow) -> bool {
        self.0.is_inbound(flow)
    }
}

/// Lets the kernel allow by itself; does nothing where it cannot.
#[derive(Clone)]
pub(super) struct Granter(pub(super) Option<Arc<Grants>>);

impl Grant for Granter {
    fn grant(&self, owner: &Owner, flow: &Flow, mark: u32, lasts: Duration) {
        let Some(grants) = &self.0 else { return };
        // Without it the next flow comes to the queue again: nothing is lost but time.
        if let Err(error) = grants.grant(&owner.process, flow.transport, flow.peer, mark, lasts) {
            tracing::debug!(%error, "not granted");
        }
    }

    fn revoke(&self) {
        let Some(grants) = &self.0 else { return };
        if let Err(error) = grants.revoke_all() {
            tracing::error!(%error, "what was granted cannot be taken back");
        }
    }
}

impl Granter {
    /// Says whether owners are noted and grants count, and what is on the sockets of those that were allowed.
    pub(super) fn set_policy(&self, active: bool, mask: u32, allowed: u32) -> anyhow::Result<()> {
        self.0.as_ref().map_or(Ok(()), |grants| grants.set_policy(active, mask, allowed).map_err(Into::into))
    }
}

/// Digests of what processes run.
pub(super) struct Digests(pub(super) Digester);

impl Digest for Digests {
    fn order(&self, process: &Arc<Process>, done: Box<dyn FnOnce() + Send>) -> bool {
        self.0.order(process, Some(done))
    }
}
