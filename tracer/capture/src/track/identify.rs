//! Who a packet is from and where it goes, in full.

use std::net::{IpAddr, SocketAddr};

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

    /// Whether a peer sent the first datagram to an owner's socket, from the records that were taken so far.
    pub(crate) fn spoke_first(&mut self, owner: &Owner, peer: SocketAddr) -> bool {
        owner.cookie != 0 && self.peers.is_inbound(owner.cookie, peer)
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
    Identity { process, parent, server, inbound: false }
}
