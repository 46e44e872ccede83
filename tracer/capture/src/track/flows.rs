//! The state of flows, as far as one record does not say it all.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use egret_model::{
    Attribution, ConnectionId, Endpoint, Event, EventName, Judgement, Layer, Loss, LossReason, LossStage, Reason,
    Transport, Verdict,
};
use egret_wire::{
    BY_TUPLE, CONNECTED, CallRecord, FlowRecord, GRANTED, INBOUND, Kind, PEER_PARTIAL, PEER_SPILLED, PREEXISTING,
    PeerTotals, TRACED, address_bytes,
};
use lru::LruCache;

use super::calls;
use super::naming::Naming;
use super::peers::{KnownPeers, PeerTable, is_same_peer, key_of};
use super::processes::Processes;
use super::resolve::Resolver;
use super::waiting::Waiting;
use crate::Options;
use crate::host;
use crate::record::{NamePacket, Record};
use crate::standing;

/// Standing sockets remembered, about 100 bytes each.
const STANDING: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
/// Connects without an answer remembered, about 100 bytes each. One that is forgotten can be told twice.
const UNANSWERED: NonZeroUsize = NonZeroUsize::new(8192).unwrap();
/// Packet sockets whose end is looked for, 200 bytes each: as many as the kernel's table has entries for.
const PACKET_SOCKETS: usize = 4096;
const AF_PACKET: u16 = 17;
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
    /// First records of packet sockets.
    packets: HashMap<u64, FlowRecord>,
    standing: LruCache<u64, ()>,
    /// Connects that were told before they were answered.
    unanswered: LruCache<u64, ()>,
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
            packets: HashMap::new(),
            standing: LruCache::new(STANDING),
            unanswered: LruCache::new(UNANSWERED),
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

    /// Detail that events lack.
    pub(crate) fn incomplete(&self) -> impl Iterator<Item = Loss> {
        let count = self.processes.cut_paths();
        let cut = Loss { stage: LossStage::KernelState, reason: LossReason::CgroupPath, count };
        self.peers.losses().chain((count != 0).then_some(cut))
    }

    /// Takes a system call.
    pub(crate) fn call(&mut self, call: &CallRecord, out: &mut Vec<Event>) {
        let mut event = calls::event(call, &mut self.processes);
        self.naming.name(&mut event);
        out.push(event);
    }

    /// Takes a record of the flow ring; appends what it means to `out`.
    pub(crate) fn flow(&mut self, kind: Kind, flow: FlowRecord, peers: &mut dyn PeerTable, out: &mut Vec<Event>) {
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
                if flow.error == 0 {
                    self.peers.add(flow);
                    if flow.family == AF_PACKET && self.packets.len() < PACKET_SOCKETS {
                        self.packets.insert(flow.cookie, flow);
                    }
                }
                let inbound = flow.header.flags & INBOUND != 0;
                let name = if inbound { EventName::Accept } else { EventName::DatagramSend };
                out.push(self.event(name, &flow));
            }
            Kind::Send => out.push(self.event(EventName::DatagramSend, &flow)),
            // Totals feed live views; the others do not travel on this ring.
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
        let mut flow = *flow;
        if flow.header.flags & PEER_SPILLED != 0 {
            self.close_peers(&flow, &used, peers, out);
            match used.iter().find(|first| is_same_peer(first, &flow)) {
                Some(first) => {
                    flow.process = first.process;
                    flow.header.flags |= first.header.flags & INBOUND;
                }
                // A peer that was named, and with which nothing moved.
                None if flow.sends | flow.receives == 0 && flow.header.flags & CONNECTED == 0 => return,
                None => {}
            }
        }
        let flow = &flow;
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
        out.push(event);
    }

    /// Whether there are packet sockets that have not ended.
    pub(crate) fn has_packet_sockets(&self) -> bool {
        !self.packets.is_empty()
    }

    /// Reports the end of the packet sockets that are no longer open.
    pub(crate) fn end_packet_sockets(
        &mut self,
        open: &HashSet<u64>,
        peers: &mut dyn PeerTable,
        out: &mut Vec<Event>,
    ) {
        let time_ns = host::boot_now();
        let ended: Vec<_> = self.packets.extract_if(|cookie, _| !open.contains(cookie)).map(|(_, flow)| flow).collect();
        for mut flow in ended {
            let totals = peers.take_socket(flow.cookie);
            flow.header.time_ns = time_ns;
            flow.header.flags |= totals.map_or(PEER_PARTIAL, |_| 0);
            flow.sent = totals.map_or(0, |totals| totals.sent);
            flow.received = totals.map_or(0, |totals| totals.received);
            self.flow(Kind::Closed, flow, peers, out);
        }
    }

    /// The peers of a socket other than its last.
    fn close_peers(&mut self, last: &FlowRecord, used: &[FlowRecord], peers: &mut dyn PeerTable, out: &mut Vec<Event>) {
        let (mut came_back, mut known) = (0, 0);
        for first in used.iter().filter(|first| !is_same_peer(first, last)) {
            let totals = peers.take(&key_of(first), first.opened_ns);
            match totals {
                Some(_) => came_back += 1,
                None => known += 1,
            }
            let totals = totals.filter(|_| self.counts);
            let mut flow = *first;
            flow.header.time_ns = last.header.time_ns;
            flow.header.flags |= totals.map_or(PEER_PARTIAL, PeerTotals::flags);
            flow.sent = totals.map_or(0, |totals| totals.sent);
            flow.received = totals.map_or(0, |totals| totals.received);
            let mut event = self.event(EventName::ConnectionClose, &flow);
            event.connection_duration_ns = flow.header.time_ns.checked_sub(flow.opened_ns);
            out.push(event);
        }
        // A part of the last one's totals is no peer that could come back.
        let partial = u64::from(last.header.flags & PEER_PARTIAL != 0);
        self.peers.account(u64::from(last.spilled), came_back, known + partial);
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
        let whole = flow.header.flags & PEER_PARTIAL == 0;
        let closes = name == EventName::ConnectionClose && whole && (self.counts || transport.has_handshake());
        let sends = name == EventName::DatagramSend && self.counts;
        let tcp_end = name == EventName::ConnectionClose && transport.has_handshake();
        let preexisting = flow.header.flags & PREEXISTING != 0;
        // A multipath socket announces itself by its first use, like one that is older than egret.
        let standing = preexisting && transport != Transport::Mptcp;
        // When a standing one was opened nobody saw; the list of those that stand names it in the same way.
        let id = ConnectionId { socket: flow.cookie, opened: if standing { 0 } else { flow.opened_ns } };
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
            ..Event::new(name, self.processes.at(flow.header.time_ns), id, self.layer)
        };
        if flow.header.flags & GRANTED != 0 {
            event.verdict = Some(Verdict::Allow);
            event.judgement = Some(Arc::clone(&self.granted));
        }
        self.naming.name(&mut event);
        event
    }
}

/// A rule let an earlier connection of the same process to the same peer pass; which one is not known here.
const fn granted() -> Judgement {
    Judgement { reason: Reason::Rule, rule: None, attribution: Attribution::Cookie, duration_ns: None }
}
