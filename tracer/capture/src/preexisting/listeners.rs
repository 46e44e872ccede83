//! The processes of preexisting listeners.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use egret_model::{Endpoint, Process};

use crate::diag::DiagSocket;

/// The address that a listener is bound to, and its process.
type Bound = (IpAddr, Option<Arc<Process>>);

/// The processes of preexisting listeners, by network namespace and port. About 100 bytes a listener.
#[derive(Debug, Default)]
pub(crate) struct Listeners(HashMap<(u32, u16), Vec<Bound>>);

impl Listeners {
    pub(super) fn add(&mut self, netns: u32, socket: &DiagSocket, process: Option<Arc<Process>>) {
        // The kernel's own half of a multipath listener has no inode number.
        if let (Some(address), Some(port), true) = (socket.local.address, socket.local.port, socket.inode != 0) {
            self.0.entry((netns, port)).or_default().push((address, process));
        }
    }

    /// Whether there is a listener that may have accepted a connection with this local endpoint.
    pub(crate) fn serve(&self, netns: u32, local: Endpoint) -> bool {
        !self.nearest(netns, local).is_empty()
    }

    /// The process that listens for connections to this local endpoint; `None` where several do (`SO_REUSEPORT`).
    pub(crate) fn process(&self, netns: u32, local: Endpoint) -> Option<Arc<Process>> {
        let nearest = self.nearest(netns, local);
        let first = (*nearest.first()?).clone()?;
        let is_first = |process: &&Option<Arc<Process>>| process.as_ref().is_some_and(|other| other.pid == first.pid);
        nearest.iter().all(is_first).then_some(first)
    }

    /// The listeners that the kernel prefers: those bound to the address, then those bound to all addresses of its
    /// family, then those bound to all (`__inet_lookup_listener` and `compute_score` in net/ipv4/inet_hashtables.c).
    fn nearest(&self, netns: u32, local: Endpoint) -> Vec<&Option<Arc<Process>>> {
        let Some((address, port)) = local.address.zip(local.port) else { return Vec::new() };
        let all = self.0.get(&(netns, port)).map_or(&[][..], Vec::as_slice);
        let is_exact = |bound: IpAddr| bound == address;
        let is_family = |bound: IpAddr| bound.is_unspecified() && bound.is_ipv4() == address.is_ipv4();
        let is_any = |bound: IpAddr| bound.is_unspecified();
        for is_near in [&is_exact as &dyn Fn(IpAddr) -> bool, &is_family, &is_any] {
            let near: Vec<_> = all.iter().filter(|(bound, _)| is_near(*bound)).map(|(_, process)| process).collect();
            if !near.is_empty() {
                return near;
            }
        }
        Vec::new()
    }
}
