//! Finding the owner of a packet.

use std::sync::Arc;
use std::time::Instant;

use egret_model::{Attribution, Flow, Owner, Transport};
use egret_wire::{ANSWERS, KERNEL_THREAD, ProcessRef, TupleOwner};

use super::convert::{process_id, tuple_key};
use super::search::Search;
use crate::diag::Diag;
use crate::kernel::{OwnerTables, ProcessTable};

/// Finds the owners of packets. Each thread that evaluates packets has one; it takes 32 KiB, and some hundred more
/// with the first search.
pub struct Owners {
    tables: Option<OwnerTables>,
    diag: Option<Diag>,
    processes: Option<Arc<ProcessTable>>,
    search: Option<Search>,
}

impl Owners {
    pub(super) fn new(tables: Option<OwnerTables>, processes: Option<Arc<ProcessTable>>) -> Self {
        let diag = Diag::open().inspect_err(|error| tracing::warn!(%error, "connected datagram sockets are not found"));
        Self { tables, diag: diag.ok(), processes, search: None }
    }

    /// The owner that the kernel side recorded: exact or unknown. Fast enough for the packet path: one map look-up
    /// for TCP, and for datagrams one more and a request to `sock_diag`.
    ///
    /// Unknown are the owners of connections of a kernel thread, which may act for a process, of connections that
    /// were open before the policy became active, of other transports than TCP, UDP and UDP-Lite, and of endpoints
    /// between which several processes send.
    pub fn find(&mut self, flow: &Flow) -> Option<Owner> {
        match flow.transport {
            Transport::Tcp => {
                let recorded = self.recorded(flow).filter(|found| found.rival == 0 && !is_kernel(found));
                recorded.map(|found| by_tuple(&found))
            }
            Transport::Udp | Transport::UdpLite => self.datagram(flow),
            _ => None,
        }
    }

    /// The owner by a search through `/proc`: the only process with a socket that could have sent the packet. It
    /// takes a system call for every descriptor of the host, and the process may have got its socket after the
    /// packet was sent.
    pub fn search(&mut self, flow: &Flow, deadline: Instant) -> Option<Owner> {
        let candidates = self.candidates(flow, deadline);
        if let [only] = candidates.as_slice() { Some(*only) } else { None }
    }

    /// All processes that the search finds, one of which sent the packet. Empty if that is uncertain, or if the
    /// search is not done by the deadline.
    pub fn candidates(&mut self, flow: &Flow, deadline: Instant) -> Vec<Owner> {
        let processes = &self.processes;
        let search = self.search.get_or_insert_with(|| Search::new(processes.clone()));
        let found = search.candidates(flow, self.diag.as_mut(), deadline);
        // A process that sent last and was not found has closed its socket meanwhile: the packet may be its.
        let last = self.recorded(flow).filter(|recorded| recorded.rival != 0);
        let is_found = |last: TupleOwner| {
            let is_last = |owner: &Owner| {
                owner.process.pid == last.process.pid && owner.process.start_ns == last.process.start_ns
            };
            found.iter().any(is_last)
        };
        if !last.is_none_or(is_found) {
            return Vec::new();
        }
        // A further subflow of multipath TCP belongs to the owner of its connection; a socket without an owner is
        // the kernel's.
        let kernel = || self.recorded(flow).filter(is_kernel).map(|recorded| by_tuple(&recorded));
        if found.is_empty() { kernel().into_iter().collect() } else { found }
    }

    /// Whether the peer opened a TCP connection: a socket listens at the local endpoint now.
    pub fn is_inbound(&mut self, flow: &Flow) -> bool {
        let Some(diag) = self.diag.as_mut().filter(|_| flow.transport == Transport::Tcp) else { return false };
        diag.listener(flow.local).is_ok_and(|listener| listener.is_some())
    }

    /// The owner of a datagram. The connected socket is looked up first: if it is closed after that, its owner is
    /// recorded.
    fn datagram(&mut self, flow: &Flow) -> Option<Owner> {
        let connected = self.connected(flow);
        let recorded = self.recorded(flow);
        let only = recorded.filter(|recorded| recorded.rival == 0);
        let Some(cookie) = connected else {
            return only.map(|recorded| by_tuple(&recorded));
        };
        let Some(process) = self.socket_owner(cookie) else {
            return only.filter(|recorded| recorded.cookie == cookie).map(|recorded| by_tuple(&recorded));
        };
        // The packet may also be from an unconnected socket on the same port.
        let is_other = |other: &ProcessRef| other.pid != process.pid || other.start_ns != process.start_ns;
        let is_ambiguous = recorded.is_some_and(|recorded| {
            let is_last = recorded.cookie != cookie && is_other(&recorded.process);
            let rival = || self.socket_owner(recorded.rival).is_some_and(|rival| is_other(&rival));
            is_last && self.socket_owner(recorded.cookie).is_some() || recorded.rival != cookie && rival()
        });
        // That the peer spoke first is known of endpoints, not of a socket, whose last connect may have failed.
        let inbound = recorded.is_some_and(|recorded| recorded.cookie == cookie && answers(&recorded.process));
        (!is_ambiguous).then(|| Owner { inbound, ..owner(&process, cookie, Attribution::Diag) })
    }

    /// The owner that the hooks recorded for these endpoints.
    fn recorded(&self, flow: &Flow) -> Option<TupleOwner> {
        self.tables.as_ref()?.tuples.get(&tuple_key(flow)?, 0).ok()
    }

    /// Cookie of the socket with exactly these endpoints.
    fn connected(&mut self, flow: &Flow) -> Option<u64> {
        self.diag.as_mut()?.lookup(flow.transport, flow.local, flow.peer).ok()??.cookie
    }

    fn socket_owner(&self, cookie: u64) -> Option<ProcessRef> {
        self.tables.as_ref()?.cookies.get(&cookie, 0).ok()
    }
}

const fn is_kernel(recorded: &TupleOwner) -> bool {
    recorded.process.flags & KERNEL_THREAD != 0
}

fn by_tuple(recorded: &TupleOwner) -> Owner {
    owner(&recorded.process, recorded.cookie, Attribution::Tuple)
}

const fn owner(process: &ProcessRef, cookie: u64, attribution: Attribution) -> Owner {
    Owner { process: process_id(process), cookie, attribution, inbound: answers(process) }
}

const fn answers(process: &ProcessRef) -> bool {
    process.flags & ANSWERS != 0
}
