//! The state of flows, as far as one record does not say it all.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use egret_model::{
    Attribution, ConnectionId, Endpoint, Event, EventName, Judgement, Layer, Loss, LossReason, LossStage,
    OpenConnections, Reason, Transport, Verdict,
};
use egret_wire::{
    BY_TUPLE, CallRecord, FlowRecord, GRANTED, INBOUND, Kind, PEER_SPILLED, PREEXISTING, TRACED, address_bytes,
};
use lru::LruCache;

use super::calls;
use super::naming::Naming;
use super::peers::{KnownPeers, PeerTable, key_of};
use super::processes::Processes;
use super::resolve::Resolver;
use super::totals::{Reported, Totals};
use super::waiting::Waiting;
use crate::Options;
use crate::diag;
use crate::record::{NamePacket, Record};
use crate::standing;

/// Standing sockets remembered, about 100 bytes each.
const STANDING: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
/// Connects without an answer remembered, about 100 bytes each. One that is forgotten can be told twice.
const UNANSWERED: NonZeroUsize = NonZeroUsize::new(8192).unwrap();
/// How long an accepted connection is held back for a process other than its listener to use it first, nanoseconds.
const PATIENCE_NS: u64 = 100_000_000;

/// Turns records into events.
pub(crate) struct Tracker {
    pub(crate) processes: Processes,
    pub(super) naming: Naming,
    pub(super) layer: Layer,
    /// The kernel side counts what calls move. Without that TCP still counts for itself.
    counts: bool,
    waiting: Waiting,
    resolver: Resolver,
    peers: KnownPeers,
    standing: LruCache<u64, ()>,
    /// Preexisting connections that were not used since the start, so that the kernel side does not follow them, with their
    /// executables. About 100 bytes each.
    unused: LruCache<u64, Option<Arc<str>>>,
    /// Connects that were told before they were answered.
    unanswered: LruCache<u64, ()>,
    evicted: u64,
    /// What was reported of connections that are still open.
    reported: Reported,
    /// What every flow that was granted its peer says.
    granted: Arc<Judgement>,
}

impl Tracker {
    pub(crate) fn new(layer: Layer, options: &Options) -> Self {
        Self {
            processes: Processes::new(options.trace_context),
            naming: Naming::new(options.names.as_ref()),
            layer,
            counts: true,
            waiting: Waiting::default(),
            resolver: Resolver::new(),
            peers: KnownPeers::new(),
            standing: LruCache::new(STANDING),
            unused: LruCache::new(STANDING),
            unanswered: LruCache::new(UNANSWERED),
            evicted: 0,
            reported: Reported::default(),
            granted: Arc::new(granted()),
        }
    }

    /// Takes a record of the process ring.
    pub(crate) fn process_record(&mut self, record: Record) {
        match record {
            Record::Exec(exec) => self.processes.exec(&exec),
            Record::Cgroup { id, path } => self.processes.cgroup(id, &path),
            // The kernel side does not write those to that ring.
            Record::Flow(..) | Record::Call(_) | Record::Name(..) => {}
        }
    }

    /// Takes a packet of the ring of names.
    pub(crate) fn name_packet(&mut self, kind: Kind, packet: &NamePacket) {
        self.naming.packet(kind, packet, self.processes.at(packet.record.header.time_ns));
    }

    /// What is known of names; `None` where none are wanted.
    pub(crate) fn names(&self) -> Option<egret_names::State> {
        self.naming.state()
    }

    /// The layer whose records these are.
    pub(crate) const fn layer(&self) -> Layer {
        self.layer
    }

    /// Says that the kernel side does not count what calls move.
    pub(crate) fn without_counts(&mut self) {
        self.counts = false;
    }

    /// The sockets that stand now, as events, and remembers them.
    pub(crate) fn list_standing(&mut self) -> Vec<Event> {
        let now = self.processes.now();
        let mut events = standing::list(&mut self.processes, self.layer, now).unwrap_or_else(|error| {
            tracing::warn!(%error, "standing sockets are not listed");
            Vec::new()
        });
        for event in &mut events {
            self.standing.put(event.id.socket, ());
            if event.name != EventName::Listen {
                let path = event.process.as_ref().and_then(|process| process.executable.path.clone());
                self.unused.put(event.id.socket, path);
            }
            self.naming.name(event);
        }
        events
    }

    /// The connects that are not answered yet and have not been told, as events: the kernel side tells of one after a
    /// second without an answer, and capture ends now.
    pub(crate) fn list_unanswered(&mut self) -> Vec<Event> {
        let now = self.processes.now();
        let mut events = standing::unanswered(&mut self.processes, self.layer, now).unwrap_or_else(|error| {
            tracing::warn!(%error, "connects without an answer are not listed");
            Vec::new()
        });
        events.retain(|event| !self.unanswered.contains(&event.id.socket) && !self.standing.contains(&event.id.socket));
        events.iter_mut().for_each(|event| self.naming.name(event));
        events
    }

    /// Peers whose totals made room for others before they could be read.
    pub(crate) fn incomplete(&self) -> Option<Loss> {
        (self.evicted != 0).then_some(Loss {
            stage: LossStage::KernelState,
            reason: LossReason::PeerEvicted,
            count: self.evicted,
        })
    }

    /// Takes a system call.
    pub(crate) fn call(&mut self, call: &CallRecord, out: &mut Vec<Event>) {
        let mut event = calls::event(call, &mut self.processes);
        self.naming.name(&mut event);
        out.push(event);
    }

    /// Takes a record of the flow ring; appends what it means to `out`.
    pub(crate) fn flow(&mut self, kind: Kind, flow: FlowRecord, peers: &mut dyn PeerTable, out: &mut Vec<Event>) {
        self.unused.pop(&flow.cookie);
        match kind {
            Kind::Connecting => {
                self.unanswered.put(flow.cookie, ());
                out.push(self.event(EventName::ConnectionOpen, &flow));
            }
            Kind::Accepted => {
                if let Some(oldest) = self.waiting.add(flow) {
                    out.push(self.unsettled(&oldest));
                }
            }
            Kind::Established => {
                let mut event = self.event(EventName::ConnectionOpen, &flow);
                event.connect_duration_ns = flow.established_ns.checked_sub(flow.opened_ns);
                out.push(event);
            }
            Kind::Owned => self.owned(&flow, out),
            Kind::Failed => {
                let mut event = self.event(EventName::ConnectionFailed, &flow);
                event.connect_duration_ns = flow.header.time_ns.checked_sub(flow.opened_ns);
                out.push(event);
                self.naming.forget(flow.cookie);
            }
            Kind::SocketError => out.push(self.event(EventName::ConnectionFailed, &flow)),
            Kind::Closed => {
                self.closed(&flow, peers, out);
                self.naming.forget(flow.cookie);
            }
            Kind::Listening => out.push(self.event(EventName::Listen, &flow)),
            Kind::Bound => out.push(self.event(EventName::ConnectionOpen, &flow)),
            Kind::Datagram => {
                self.peers.add(flow);
                let inbound = flow.header.flags & INBOUND != 0;
                let name = if inbound { EventName::Accept } else { EventName::DatagramSend };
                out.push(self.event(name, &flow));
            }
            Kind::Send => out.push(self.event(EventName::DatagramSend, &flow)),
            // These do not travel on this ring.
            Kind::Totals | Kind::Exec | Kind::Cgroup | Kind::Call | Kind::Question | Kind::Answer | Kind::Hello => {}
        }
    }

    /// A held record whose successor did not come in time: the listener has it. One that is older than egret is asked for.
    fn unsettled(&mut self, flow: &FlowRecord) -> Event {
        let mut event = self.event(EventName::Accept, flow);
        if event.process.is_none()
            && let Some(transport) = event.transport
            && let Some((process, attribution)) =
                self.resolver.resolve(flow.cookie, transport, event.local, event.peer, &mut self.processes)
        {
            event.process = Some(process);
            event.attribution = attribution;
        }
        event
    }

    /// Tells what has waited for long; with `None` everything.
    pub(crate) fn flush(&mut self, now_ns: Option<u64>, out: &mut Vec<Event>) {
        let until = now_ns.map_or(u64::MAX, |now| now.saturating_sub(PATIENCE_NS));
        while let Some(flow) = self.waiting.take_until(until) {
            out.push(self.unsettled(&flow));
        }
    }

    fn owned(&mut self, flow: &FlowRecord, out: &mut Vec<Event>) {
        if flow.header.flags & PREEXISTING != 0 {
            if self.standing.get(&flow.cookie).is_none() {
                out.push(self.event(EventName::ConnectionOpen, flow));
            }
            return;
        }
        if let Some(accepted) = self.waiting.take(flow.cookie) {
            let mut event = self.event(EventName::Accept, flow);
            event.time = self.processes.at(accepted.header.time_ns);
            event.bytes_sent = None;
            event.bytes_received = None;
            out.push(event);
        }
    }

    fn closed(&mut self, flow: &FlowRecord, peers: &mut dyn PeerTable, out: &mut Vec<Event>) {
        if flow.header.flags & INBOUND != 0
            && let Some(held) = self.waiting.take(flow.cookie)
        {
            out.push(self.unsettled(&held));
        }
        let used = self.peers.remove(flow.cookie);
        if flow.header.flags & PEER_SPILLED != 0 {
            self.close_peers(flow, &used, peers, out);
        }
        // A socket that nobody had listed and nobody used has no peer and nothing to tell.
        let unlisted = flow.header.flags & PREEXISTING != 0 && self.standing.pop(&flow.cookie).is_none();
        if unlisted && flow.sends == 0 && flow.receives == 0 {
            return;
        }
        let mut event = self.event(EventName::ConnectionClose, flow);
        if !event.standing {
            event.connection_duration_ns = flow.header.time_ns.checked_sub(flow.opened_ns);
        }
        if !event.inbound && flow.established_ns != 0 {
            event.connect_duration_ns = flow.established_ns.checked_sub(flow.opened_ns);
        }
        self.subtract_reported(&mut event, flow);
        out.push(event);
    }

    /// Says what an event that ends a connection adds to what was reported of it.
    fn subtract_reported(&mut self, event: &mut Event, flow: &FlowRecord) {
        let reported = self.reported.take(event.id).unwrap_or_else(|| before(flow));
        event.bytes_sent_delta = delta(event.bytes_sent, reported.sent);
        event.bytes_received_delta = delta(event.bytes_received, reported.received);
    }

    /// Begins a round through the connections that are open.
    pub(crate) fn begin_totals(&mut self) -> OpenConnections {
        self.reported.begin();
        OpenConnections::default()
    }

    /// Takes the totals of a socket that is open, and reports those of its peers that have grown. One that began after
    /// `until_ns` is left to the next round.
    pub(crate) fn totals(
        &mut self,
        flow: &FlowRecord,
        until_ns: u64,
        peers: &dyn PeerTable,
        open: &mut OpenConnections,
        out: &mut Vec<Event>,
    ) {
        let process = self.processes.find(&flow.process);
        open.add(process.as_ref().and_then(|process| process.executable.path.as_ref()));
        if flow.opened_ns.max(flow.established_ns) < until_ns {
            self.update(flow, out);
        }
        if flow.header.flags & PEER_SPILLED == 0 {
            return;
        }
        for at in 0..self.peers.of(flow.cookie).len() {
            let Some(mut other) = self.peers.of(flow.cookie).get(at).copied() else { return };
            if (other.peer, other.peer_port) != (flow.peer, flow.peer_port)
                && let Some(totals) = peers.read(&key_of(&other))
            {
                other.header.time_ns = flow.header.time_ns;
                (other.sent, other.received, other.error) = (totals.sent, totals.received, 0);
                self.update(&other, out);
            }
        }
    }

    fn update(&mut self, flow: &FlowRecord, out: &mut Vec<Event>) {
        let now = Totals { sent: flow.sent, received: flow.received };
        let Some((reported, now)) = self.reported.update(id_of(flow), before(flow), now) else { return };
        let mut event = self.event(EventName::ConnectionUpdate, flow);
        if !event.standing {
            event.connection_duration_ns = flow.header.time_ns.checked_sub(flow.opened_ns);
        }
        (event.bytes_sent, event.bytes_received) = (Some(now.sent), Some(now.received));
        event.bytes_sent_delta = delta(event.bytes_sent, reported.sent);
        event.bytes_received_delta = delta(event.bytes_received, reported.received);
        out.push(event);
    }

    /// Ends a round. `lost` says that records were lost since the last one, so that connections may have ended unnoticed.
    pub(crate) fn end_totals(&mut self, open: &mut OpenConnections, lost: bool) {
        self.reported.end();
        if lost && !self.unused.is_empty() {
            self.forget_ended();
        }
        self.unused.iter().for_each(|(_, executable)| open.add(executable.as_ref()));
    }

    /// Forgets the unused connections that are gone, and those of network namespaces that may not be entered any more.
    fn forget_ended(&mut self) {
        let standing = match diag::standing() {
            Ok(standing) => standing,
            Err(error) => return tracing::warn!(%error, "preexisting sockets are not looked at again"),
        };
        let sockets = standing.namespaces.iter().flat_map(|namespace| &namespace.sockets);
        let cookies: HashSet<u64> = sockets.filter_map(|socket| socket.cookie).collect();
        let gone: Vec<u64> = self.unused.iter().map(|(cookie, _)| *cookie).filter(|it| !cookies.contains(it)).collect();
        gone.iter().for_each(|cookie| drop(self.unused.pop(cookie)));
    }

    /// The peers of a socket other than its last.
    fn close_peers(&mut self, last: &FlowRecord, used: &[FlowRecord], peers: &mut dyn PeerTable, out: &mut Vec<Event>) {
        for first in used.iter().filter(|first| (first.peer, first.peer_port) != (last.peer, last.peer_port)) {
            let mut flow = *first;
            flow.header.time_ns = last.header.time_ns;
            let mut event = self.event(EventName::ConnectionClose, &flow);
            event.connection_duration_ns = flow.header.time_ns.checked_sub(flow.opened_ns);
            if !self.counts {
                event.bytes_sent = None;
            } else if let Some(totals) = peers.take(&key_of(first)) {
                event.bytes_sent = Some(totals.sent);
                event.bytes_received = Some(totals.received);
            } else {
                self.evicted += 1;
                event.bytes_sent = None;
                event.bytes_received = None;
            }
            event.error = None;
            self.subtract_reported(&mut event, first);
            out.push(event);
        }
    }

    /// What every event of a flow says.
    fn event(&mut self, name: EventName, flow: &FlowRecord) -> Event {
        let process = self.processes.find(&flow.process);
        // The hook that wrote the record ran in the process's context, or copied what such a hook had noted on the
        // socket; without a connect hook, `sock_ops` noted who was about to send the first packet.
        let attribution = match &process {
            None => Attribution::Unknown,
            Some(_) if flow.header.flags & BY_TUPLE != 0 => Attribution::Tuple,
            Some(_) => Attribution::Cookie,
        };
        let transport = Transport::of_socket(flow.family, flow.socket_type, flow.protocol);
        // The kernel keeps the protocol number of a raw socket, and the identifier of a ping socket, where others have
        // the local port.
        let port = |port: u16| if transport.has_ports() { port } else { 0 };
        let closes = name == EventName::ConnectionClose && (self.counts || transport.has_handshake());
        let sends = name == EventName::DatagramSend && self.counts;
        let tcp_end = name == EventName::ConnectionClose && transport.has_handshake();
        let preexisting = flow.header.flags & PREEXISTING != 0;
        let standing = is_standing(flow);
        let mut event = Event {
            process,
            attribution,
            transport: Some(transport),
            local: Endpoint::from_wire(address_bytes(flow.local), port(flow.local_port)),
            peer: Endpoint::from_wire(address_bytes(flow.peer), port(flow.peer_port)),
            error: (flow.error != 0).then_some(flow.error),
            bytes_sent: (closes || sends).then_some(flow.sent),
            bytes_received: closes.then_some(flow.received),
            retransmits: (tcp_end && !preexisting).then_some(flow.retransmits),
            rtt_ns: (tcp_end && flow.srtt_us != 0).then(|| u64::from(flow.srtt_us) * 1000),
            inbound: flow.header.flags & INBOUND != 0,
            standing,
            followed: flow.process.flags & TRACED != 0,
            ..Event::new(name, self.processes.at(flow.header.time_ns), id_of(flow), self.layer)
        };
        if flow.header.flags & GRANTED != 0 {
            event.verdict = Some(Verdict::Allow);
            event.judgement = Some(Arc::clone(&self.granted));
        }
        self.naming.name(&mut event);
        event
    }
}

/// Whether a flow is older than egret. A multipath socket announces itself by its first use, like one that is.
fn is_standing(flow: &FlowRecord) -> bool {
    flow.header.flags & PREEXISTING != 0
        && Transport::of_socket(flow.family, flow.socket_type, flow.protocol) != Transport::Mptcp
}

/// When a standing one was opened nobody saw; the list of those that stand names it in the same way.
fn id_of(flow: &FlowRecord) -> ConnectionId {
    ConnectionId { socket: flow.cookie, opened: if is_standing(flow) { 0 } else { flow.opened_ns } }
}

/// What moved before the kernel side followed the socket, which nobody reports.
const fn before(flow: &FlowRecord) -> Totals {
    Totals { sent: flow.sent_before, received: flow.received_before }
}

/// What a total adds to what was reported; `None` for all of it.
fn delta(total: Option<u64>, reported: u64) -> Option<u64> {
    total.filter(|_| reported != 0).map(|total| total.saturating_sub(reported))
}

/// A rule let an earlier connection of the same process to the same peer pass; which one is not known here.
const fn granted() -> Judgement {
    Judgement { reason: Reason::Rule, rule: None, attribution: Attribution::Cookie, duration_ns: None }
}
