//! The process behind a packet, and the name of its peer, in full.

use std::net::{IpAddr, SocketAddr};

use egret_model::{Identity, Owner};
use egret_names::ProcessImage;
use egret_wire::ProcessKey;

use super::naming::Naming;
use super::processes::Processes;
use super::tracker::Tracker;

impl Tracker {
    /// The identity of an owner and a peer, from the records that were taken so far.
    pub(crate) fn identify(
        &mut self,
        owner: &Owner,
        peer: IpAddr,
        running: &dyn Fn(u32) -> Option<ProcessKey>,
    ) -> Identity {
        identify(&mut self.processes, &mut self.naming, owner, peer, running)
    }

    /// Whether the peer sent the first datagram to the owner's socket, from the records that were taken so far.
    pub(crate) fn spoke_first(&mut self, owner: &Owner, peer: SocketAddr) -> bool {
        owner.cookie != 0 && self.peers.is_inbound(owner.cookie, peer)
    }
}

/// The identity of an owner and a peer. `running` returns the kernel side's present entry of a process.
pub(crate) fn identify(
    processes: &mut Processes,
    naming: &mut Naming,
    owner: &Owner,
    peer: IpAddr,
    running: &dyn Fn(u32) -> Option<ProcessKey>,
) -> Identity {
    let process = processes.identify(&owner.process, running);
    let parent = process.as_ref().and_then(|_| processes.parent_path(&owner.process, running));
    let image = ProcessImage { pid: owner.process.pid, exec_id: owner.process.exec_id };
    let server = naming.server(owner.cookie, image, peer, processes.now());
    Identity { process, parent, server, inbound: false }
}
