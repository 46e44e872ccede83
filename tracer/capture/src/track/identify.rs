//! Who a packet is from and where it goes, in full.

use std::net::IpAddr;

use egret_model::{Identity, Owner};
use egret_wire::ProcessKey;

use super::flows::Tracker;
use super::naming::Naming;
use super::processes::Processes;

impl Tracker {
    /// What is known of an owner and a peer from the records that were taken so far.
    pub(crate) fn identify(
        &mut self,
        owner: &Owner,
        peer: IpAddr,
        running: &dyn Fn(u32) -> Option<ProcessKey>,
    ) -> Identity {
        identify(&mut self.processes, &mut self.naming, owner, peer, running)
    }
}

/// Puts together what is known. `running` says what the kernel side knows of a process now.
pub(crate) fn identify(
    processes: &mut Processes,
    naming: &mut Naming,
    owner: &Owner,
    peer: IpAddr,
    running: &dyn Fn(u32) -> Option<ProcessKey>,
) -> Identity {
    let process = processes.identify(&owner.process, running);
    let parent = process.as_ref().and_then(|_| processes.parent_path(&owner.process, running));
    let server = naming.server(owner.cookie, owner.process.pid, peer, processes.now());
    Identity { process, parent, server }
}
