//! The event of a flow record.

use std::sync::Arc;

use egret_model::{Attribution, Endpoint, Event, EventName, NetworkNamespace, Origin, Process, Transport, Verdict};
use egret_wire::{BY_TUPLE, FlowRecord, GRANTED, INBOUND, PEER_PARTIAL, PREEXISTING, TRACED, address_bytes};

use super::preexisting::Beginning;
use super::tracker::Tracker;

impl Tracker {
    /// The parts that the events of all kinds of records have.
    pub(super) fn event(&mut self, name: EventName, flow: &FlowRecord) -> Event {
        let recorded = self.process_of(flow);
        self.preexisting.found.promote(&flow.cookie);
        let found = self.preexisting.matching(flow);
        let local = local_of(flow);
        let Beginning { id, preexisting, inbound } = self.preexisting.beginning(flow, found, local);
        let namespace = self.namespace(flow.netns).or_else(|| found.and_then(|found| found.namespace));
        let peer = peer_of(flow);
        // The listing has the interface where the kernel side does not know it.
        let listed = found.and_then(|found| found.peer.interface.filter(|_| found.peer.address == peer.address));
        let interface = self.interfaces.get(flow.interface, namespace).or(listed);
        let (process, attribution) = choose_owner(recorded, found);
        let mut event = Event {
            boot_ns: flow.header.time_ns,
            process,
            attribution,
            transport: Some(transport_of(flow)),
            local,
            peer: peer.behind(interface),
            error: (flow.error != 0).then_some(flow.error),
            inbound,
            preexisting,
            namespace,
            followed: flow.process.flags & TRACED != 0,
            ..Event::new(name, self.processes.at(flow.header.time_ns), id, self.layer)
        };
        self.set_counts(&mut event, flow);
        self.set_verdict(&mut event, flow);
        self.naming.name(&mut event, flow.process.exec_id);
        event
    }

    /// The process that the kernel side recorded. The hook that wrote the record ran in the process's context, or
    /// copied what such a hook had stored with the socket; without a connect hook, `sock_ops` recorded who was
    /// about to send the first packet.
    fn process_of(&mut self, flow: &FlowRecord) -> (Option<Arc<Process>>, Attribution) {
        let process = self.processes.find(&flow.process);
        let attribution = match &process {
            None => Attribution::Unknown,
            Some(_) if flow.header.flags & BY_TUPLE != 0 => Attribution::Tuple,
            Some(_) => Attribution::Cookie,
        };
        (process, attribution)
    }

    /// Bytes and TCP statistics, where the event has them.
    fn set_counts(&self, event: &mut Event, flow: &FlowRecord) {
        let has_handshake = transport_of(flow).has_handshake();
        let closes = event.name == EventName::ConnectionClose;
        let has_totals = closes && flow.header.flags & PEER_PARTIAL == 0 && (self.counts || has_handshake);
        let sends = event.name == EventName::DatagramSend && self.counts;
        let closes_tcp = closes && has_handshake;
        event.bytes_sent = (has_totals || sends).then_some(flow.sent);
        event.bytes_received = has_totals.then_some(flow.received);
        event.retransmits = (closes_tcp && flow.header.flags & PREEXISTING == 0).then_some(flow.retransmits);
        event.rtt_ns = (closes_tcp && flow.srtt_us != 0).then(|| u64::from(flow.srtt_us) * 1000);
    }

    fn set_verdict(&self, event: &mut Event, flow: &FlowRecord) {
        if flow.header.flags & GRANTED != 0 {
            event.verdict = Some(Verdict::Allow);
            event.evaluation = Some(Arc::clone(&self.granted));
        }
    }

    /// The network namespace of an inode number; `None` for zero, which stands for unknown.
    pub(super) fn namespace(&self, inode: u32) -> Option<NetworkNamespace> {
        (inode != 0).then(|| NetworkNamespace { inode, own: Some(inode) == self.own_namespace })
    }
}

/// The owner by the kernel side; that of the listing if the former is unknown or a kernel thread.
fn choose_owner(
    recorded: (Option<Arc<Process>>, Attribution),
    found: Option<&Event>,
) -> (Option<Arc<Process>>, Attribution) {
    match found {
        Some(found) if recorded.0.as_deref().is_none_or(is_kernel) => (found.process.clone(), found.attribution),
        _ => recorded,
    }
}

/// Whether it is a thread of the kernel.
pub(super) fn is_kernel(process: &Process) -> bool {
    process.executable.origin == Origin::Kernel
}

pub(super) fn transport_of(flow: &FlowRecord) -> Transport {
    Transport::from_socket(flow.family, flow.socket_type, flow.protocol)
}

fn local_of(flow: &FlowRecord) -> Endpoint {
    endpoint(flow, flow.local, flow.local_port)
}

/// The peer of a record, without its interface.
fn peer_of(flow: &FlowRecord) -> Endpoint {
    endpoint(flow, flow.peer, flow.peer_port)
}

/// The kernel keeps the protocol number of a raw socket, and the identifier of a ping socket, where others have
/// the port.
fn endpoint(flow: &FlowRecord, address: egret_wire::Address, port: u16) -> Endpoint {
    Endpoint::from_wire(address_bytes(address), if transport_of(flow).has_ports() { port } else { 0 })
}

/// Whether a record is about an event's peer. Two uses of the same address behind two interfaces differ in the
/// time at which they began.
pub(super) fn is_peer_of(flow: &FlowRecord, peer: Endpoint) -> bool {
    peer_of(flow) == peer.without_interface()
}

/// A flow of a preexisting datagram socket, without a direction.
pub(super) const fn undirected(mut flow: FlowRecord) -> FlowRecord {
    flow.header.flags = flow.header.flags & !INBOUND | PREEXISTING;
    flow
}

/// A flow that the peer began.
pub(super) const fn inbound(mut flow: FlowRecord) -> FlowRecord {
    flow.header.flags = flow.header.flags & !PREEXISTING | INBOUND;
    flow
}

/// A flow with the direction of the first record of its peer.
pub(super) const fn directed(flow: FlowRecord, first: &FlowRecord) -> FlowRecord {
    match first.header.flags & (INBOUND | PREEXISTING) {
        0 => flow,
        INBOUND => inbound(flow),
        _ => undirected(flow),
    }
}
