//! The interface of the daemon for the enforcer.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egret_capture::host::{Digester, Known, Limits};
use egret_capture::{Enforcement, Grants, Owners};
use egret_enforcer::controller::Host;
use egret_enforcer::evaluate::{Digest, FindOwner, Grant, Identify};
use egret_model::{Flow, Owner, Process};

use super::identity::IdentityRequests;
use crate::privilege;

pub(crate) struct DaemonHost {
    handles: Enforcement,
    identities: Arc<IdentityRequests>,
    grants: Arc<Granter>,
    /// Known digests, and the largest file to compute one for.
    digests: (Known, u64),
}

impl DaemonHost {
    pub(crate) fn new(handles: Enforcement, identities: Arc<IdentityRequests>, digests: (Known, u64)) -> Self {
        let grants = Arc::new(Granter(handles.grants()));
        Self { handles, identities, grants, digests }
    }
}

impl Host for DaemonHost {
    fn reduce_privileges(&self) {
        if let Err(error) = privilege::pass_on(&privilege::ENFORCE, &privilege::FIREWALL) {
            tracing::error!("{error:#}");
        }
    }

    fn owners(&self) -> io::Result<Box<dyn FindOwner>> {
        Ok(Box::new(Finder(self.handles.owners())))
    }

    /// Packets wait for these digests, so there is no rate limit.
    fn digests(&self) -> io::Result<Box<dyn Digest>> {
        let (known, largest) = &self.digests;
        let limits = Limits { largest: Some(*largest), rate: None, is_background: false };
        let digester = Digester::start(limits, known.clone(), privilege::reduce_to_files)?;
        Ok(Box::new(Digests(digester)))
    }

    fn identify(&self) -> Arc<dyn Identify> {
        Arc::clone(&self.identities) as _
    }

    fn grant(&self) -> Arc<dyn Grant> {
        Arc::clone(&self.grants) as _
    }

    fn resolvers(&self) -> Vec<IpAddr> {
        egret_names::resolvers()
    }
}

/// Finds owners in the kernel's tables.
struct Finder(Owners);

impl FindOwner for Finder {
    fn find(&mut self, flow: &Flow) -> Option<Owner> {
        self.0.find(flow)
    }

    fn candidates(&mut self, flow: &Flow, deadline: Instant) -> Vec<Owner> {
        self.0.candidates(flow, deadline)
    }

    fn is_inbound(&mut self, flow: &Flow) -> bool {
        self.0.is_inbound(flow)
    }
}

/// Grants flows in the kernel, if it supports that.
struct Granter(Option<Grants>);

impl Grant for Granter {
    fn grant(&self, owner: &Owner, flow: &Flow, mark: u32, lasts: Duration) {
        let Some(grants) = &self.0 else { return };
        // Without a grant the next flow is queued again.
        if let Err(error) = grants.grant(&owner.process, flow.transport, flow.peer, mark, lasts) {
            tracing::debug!(%error, "grant failed");
        }
    }

    fn revoke(&self) {
        let Some(grants) = &self.0 else { return };
        if let Err(error) = grants.revoke_all() {
            tracing::error!(%error, "cannot revoke grants");
        }
    }

    fn set_policy(&self, active: bool, mask: u32, allowed: u32) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.0.as_ref().map_or(Ok(()), |grants| grants.set_policy(active, mask, allowed).map_err(Into::into))
    }
}

/// Digests of executables.
struct Digests(Digester);

impl Digest for Digests {
    fn order(&self, process: &Arc<Process>, done: Box<dyn FnOnce() + Send>) -> bool {
        self.0.request(process, Some(done))
    }
}
