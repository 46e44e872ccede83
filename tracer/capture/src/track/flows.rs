//! The state of flows, as far as one record does not say it all.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use egret_model::{
    Attribution, ConnectionId, Endpoint, Event, EventName, Judgement, Layer, Loss, LossReason, LossStage,
    NetworkNamespace, Process, Reason, Transport, Verdict,
};
use egret_wire::{
    ANSWER_NS, BY_TUPLE, CONNECTED, CallRecord, FlowRecord, GRANTED, INBOUND, Kind, PEER_PARTIAL, PEER_SPILLED,
    PREEXISTING, PeerTotals, TRACED, UNDIRECTED, address_bytes,
};
use lru::LruCache;

use super::calls;
use super::naming::Naming;
use super::peers::{KnownPeers, PeerTable, is_same_peer, key_of};
use super::processes::Processes;
use super::resolve::Resolver;
use super::waiting::Waiting;
use crate::Options;
use crate::diag;
use crate::host;
use crate::record::{NamePacket, Record};
use crate::standing::{Found, Listeners, Listing};

/// Sockets remembered whose process or beginning was found in user space, about 500 bytes each. What is forgotten closes
/// without them.
const FOUND: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
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
    pub(super) peers: KnownPeers,
    /// What the kernel side could not know of sockets, by cookie.
    found: LruCache<u64, Found>,
    listeners: Listeners,
    /// Preexisting UDP sockets without a peer, by cookie, and until when their first datagrams may be answers.
    unconnected: HashSet<u64>,
    answers_until_ns: u64,
    /// Connects that were told before they were answered.
    unanswered: LruCache<u64, ()>,
    /// What every flow that was granted its peer says.
    granted: Arc<Judgement>,
    /// Inode number of the network namespace that egret runs in.
    own_namespace: Option<u32>,
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
            found: LruCache::new(FOUND),
            listeners: Listeners::default(),
            unconnected: HashSet::new(),
            answers_until_ns: 0,
            unanswered: LruCache::new(UNANSWERED),
            granted: Arc::new(granted()),
            own_namespace: diag::own_namespace(),
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

    /// Remembers the preexisting sockets of a listing, all but those in `begun`; gives them as events if they are to be
    /// `reported`.
    pub(crate) fn list_standing(&mut self, mut listing: Listing, begun: &HashSet<u64>, reported: bool) -> Vec<Event> {
        let now = self.processes.now();
        self.unconnected = listing.take_unconnected();
        self.answers_until_ns = host::boot_now() + ANSWER_NS;
        let (sockets, listeners) = listing.events(&mut self.processes, self.layer, now);
        self.listeners = listeners;
        let mut events = Vec::new();
        for mut found in sockets.into_iter().filter(|found| !begun.contains(&found.event.id.socket)) {
            self.naming.name(&mut found.event);
            found.reported = reported;
            events.extend(reported.then(|| found.event.clone()));
            self.found.put(found.event.id.socket, found);
        }
        events
    }

    /// The connects that are not answered yet and have not been told, as events: the kernel side tells of one after a
    /// second without an answer, and capture ends now.
    pub(crate) fn list_unanswered(&mut self) -> Vec<Event> {
        let now = self.processes.now();
        let (sockets, _) = Listing::of_unanswered().events(&mut self.processes, self.layer, now);
        let mut events: Vec<Event> = sockets.into_iter().map(|found| found.event).collect();
        events.retain(|event| !self.unanswered.contains(&event.id.socket) && !self.found.contains(&event.id.socket));
        for event in &mut events {
            event.standing = false;
            self.naming.name(event);
        }
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
        if flow.header.flags & PREEXISTING == 0 && matches!(kind, Kind::Connecting | Kind::Established | Kind::Failed) {
            self.supersede(&flow, out);
        }
        match kind {
            Kind::Connecting => {
                self.unanswered.put(flow.cookie, ());
                out.push(Event { outstanding: true, ..self.event(EventName::ConnectionOpen, &flow) });
            }
            Kind::Accepted => {
                if let Some(oldest) = self.waiting.add(flow) {
                    out.push(self.unsettled(&oldest));
                }
            }
            Kind::Established if flow.header.flags & PREEXISTING != 0 => self.answered(flow, out),
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
            Kind::Datagram if flow.error == 0 && self.is_undirected(&flow) => {
                // Its end is reported. A beginning would say who began.
                self.peers.add(undirected(flow));
            }
            Kind::Datagram => {
                if flow.error == 0 {
                    self.peers.add(flow);
                }
                let name = match flow.header.flags & (INBOUND | PREEXISTING) {
                    0 => EventName::DatagramSend,
                    // An answer to what was sent before the start.
                    PREEXISTING => EventName::ConnectionOpen,
                    _ => EventName::Accept,
                };
                out.push(self.event(name, &flow));
            }
            Kind::Send => out.push(self.event(EventName::DatagramSend, &flow)),
            // Totals feed live views, a beginning is for the listing; the others do not travel on this ring.
            Kind::Totals
            | Kind::Begun
            | Kind::Exec
            | Kind::Cgroup
            | Kind::Call
            | Kind::Question
            | Kind::Answer
            | Kind::Hello => {}
        }
    }

    /// A held record whose successor did not come in time: the listener has it, also one that is older than egret. What
    /// user space finds stays with the socket until it is used.
    fn unsettled(&mut self, flow: &FlowRecord) -> Event {
        let mut event = self.opening(flow);
        if event.process.is_none()
            && let Some((process, attribution)) = self.search(flow, &event)
        {
            event.process = Some(process);
            event.attribution = attribution;
            self.remember(&event);
        }
        event
    }

    /// Keeps what was reported of a socket for its later events.
    fn remember(&mut self, event: &Event) {
        self.found.put(event.id.socket, Found { event: event.clone(), connecting: false, reported: true });
    }

    /// The process of a socket that no hook could name.
    fn search(&mut self, flow: &FlowRecord, event: &Event) -> Option<(Arc<Process>, Attribution)> {
        let resolver = &mut self.resolver;
        let exact = resolver.resolve(flow.cookie, event.transport?, event.local, event.peer, &mut self.processes);
        // Nobody holds what waits to be accepted but its listener.
        let listening = || self.listeners.process(flow.netns, event.local).filter(|_| event.inbound);
        exact.or_else(|| Some((listening()?, Attribution::Procfs)))
    }

    /// The first event of a connection whose process was not known at its beginning.
    fn opening(&mut self, flow: &FlowRecord) -> Event {
        let mut event = self.event(EventName::ConnectionOpen, flow);
        if event.inbound {
            event.name = EventName::Accept;
        }
        if flow.header.flags & PREEXISTING != 0 {
            self.remember(&event);
        }
        event
    }

    /// A connect that is older than egret is answered. If the listing has it, it is reported already, perhaps as outstanding.
    fn answered(&mut self, flow: FlowRecord, out: &mut Vec<Event>) {
        if let Some(found) = self.found.get_mut(&flow.cookie) {
            found.connecting = false;
            let was_outstanding = std::mem::take(&mut found.event.outstanding);
            if found.reported {
                out.extend(was_outstanding.then(|| self.event(EventName::ConnectionOpen, &flow)));
                return;
            }
        }
        if let Some(oldest) = self.waiting.add(flow) {
            out.push(self.unsettled(&oldest));
        }
    }

    /// A socket is connected anew: what it was before, if it is older than egret, is over.
    fn supersede(&mut self, flow: &FlowRecord, out: &mut Vec<Event>) {
        let is_older = self.found.peek(&flow.cookie).is_some_and(|found| found.event.standing);
        if let Some(found) = is_older.then(|| self.found.pop(&flow.cookie)).flatten() {
            out.extend(found.reported.then(|| self.end_of(&found, flow)));
        }
    }

    /// The end of a socket as it was found.
    fn end_of(&self, found: &Found, flow: &FlowRecord) -> Event {
        let name = if found.connecting { EventName::ConnectionFailed } else { EventName::ConnectionClose };
        let time = self.processes.at(flow.header.time_ns);
        Event { name, time, outstanding: false, ..found.event.clone() }
    }

    /// Whether the first datagram seen of a preexisting socket says nothing of who spoke first.
    fn is_undirected(&self, flow: &FlowRecord) -> bool {
        flow.header.flags & UNDIRECTED != 0
            && flow.header.time_ns < self.answers_until_ns
            && self.unconnected.contains(&flow.cookie)
    }

    /// Tells what has waited for long; with `None` everything.
    pub(crate) fn flush(&mut self, now_ns: Option<u64>, out: &mut Vec<Event>) {
        if now_ns.is_some_and(|now| now > self.answers_until_ns) {
            self.unconnected = HashSet::new();
        }
        let until = now_ns.map_or(u64::MAX, |now| now.saturating_sub(PATIENCE_NS));
        while let Some(flow) = self.waiting.take_until(until) {
            out.push(self.unsettled(&flow));
        }
    }

    fn owned(&mut self, flow: &FlowRecord, out: &mut Vec<Event>) {
        if let Some(held) = self.waiting.take(flow.cookie) {
            let event = self.opening(flow);
            out.push(Event { time: self.processes.at(held.header.time_ns), ..event });
        } else if flow.header.flags & PREEXISTING != 0 {
            let is_reported = self.found.peek(&flow.cookie).is_some_and(|found| found.reported);
            out.extend((!is_reported).then(|| self.opening(flow)));
        }
    }

    fn closed(&mut self, flow: &FlowRecord, peers: &mut dyn PeerTable, out: &mut Vec<Event>) {
        if let Some(held) = self.waiting.take(flow.cookie) {
            out.push(self.unsettled(&held));
        }
        let used = self.peers.remove(flow.cookie);
        let mut flow = *flow;
        let last = used.iter().find(|first| is_same_peer(first, &flow));
        let unused = flow.sends == 0 && flow.receives == 0;
        let spilled = flow.header.flags & PEER_SPILLED != 0;
        // A peer that was named, or connected to, and with which nothing moved.
        let never_begun = spilled && last.is_none() && unused && (self.counts || flow.header.flags & CONNECTED == 0);
        if spilled {
            self.close_peers(&flow, &used, peers, out);
        }
        if let Some(first) = last {
            flow.process = first.process;
            flow = directed(flow, first);
        }
        let flow = &flow;
        let mut event = self.event(EventName::ConnectionClose, flow);
        let found = self.found.pop(&flow.cookie);
        let is_reported = found.as_ref().is_some_and(|found| found.reported);
        // A socket that nobody listed and nobody used has nothing to report.
        if flow.header.flags & PREEXISTING != 0 && unused && last.is_none() && !is_reported {
            return;
        }
        let is_found = found.as_ref().is_some_and(|found| found.event.id == event.id);
        if let Some(found) = found.filter(|_| is_reported) {
            if found.connecting && unused {
                event.name = EventName::ConnectionFailed;
            } else if !is_found && !used.iter().any(|first| peer_of(first) == found.event.peer) {
                // It has had other peers since it was listed.
                out.push(self.end_of(&found, flow));
            }
        }
        if never_begun && !(is_found && is_reported) {
            return;
        }
        if !event.standing {
            event.connection_duration_ns = flow.header.time_ns.checked_sub(flow.opened_ns);
        }
        if !event.inbound && flow.established_ns != 0 {
            event.connect_duration_ns = flow.established_ns.checked_sub(flow.opened_ns);
        }
        out.push(event);
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
            flow = directed(flow, first);
            flow.sent = totals.map_or(0, |totals| totals.sent);
            flow.received = totals.map_or(0, |totals| totals.received);
            let mut event = self.event(EventName::ConnectionClose, &flow);
            if !event.standing {
                event.connection_duration_ns = flow.header.time_ns.checked_sub(flow.opened_ns);
            }
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
        let local = Endpoint::from_wire(address_bytes(flow.local), port(flow.local_port));
        let peer = peer_of(flow);
        let found =
            self.found.get(&flow.cookie).map(|found| &found.event).filter(|found| {
                if transport.has_handshake() { found.standing == preexisting } else { found.peer == peer }
            });
        // A multipath socket announces itself by its first use, like one that is older than egret.
        let standing = found.map_or(preexisting && transport != Transport::Mptcp, |found| found.standing);
        // When a preexisting one was opened nobody saw; the list of them names it in the same way.
        let nameless = standing && (found.is_some() || transport.has_handshake());
        let id = ConnectionId { socket: flow.cookie, opened: if nameless { 0 } else { flow.opened_ns } };
        let served = || preexisting && transport.has_handshake() && self.listeners.serve(flow.netns, local);
        let inbound = flow.header.flags & INBOUND != 0 || found.map_or_else(served, |found| found.inbound);
        let (process, attribution) = match (process, found) {
            (None, Some(found)) => (found.process.clone(), found.attribution),
            (process, _) => (process, attribution),
        };
        let mut event = Event {
            process,
            attribution,
            transport: Some(transport),
            local,
            peer,
            error: (flow.error != 0).then_some(flow.error),
            bytes_sent: (closes || sends).then_some(flow.sent),
            bytes_received: closes.then_some(flow.received),
            retransmits: (tcp_end && !preexisting).then_some(flow.retransmits),
            rtt_ns: (tcp_end && flow.srtt_us != 0).then(|| u64::from(flow.srtt_us) * 1000),
            inbound,
            standing,
            namespace: (flow.netns != 0)
                .then(|| NetworkNamespace { inode: flow.netns, own: Some(flow.netns) == self.own_namespace })
                .or_else(|| found.and_then(|found| found.namespace)),
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

/// A flow of a preexisting datagram socket, without a direction.
const fn undirected(mut flow: FlowRecord) -> FlowRecord {
    flow.header.flags = flow.header.flags & !INBOUND | PREEXISTING;
    flow
}

/// A flow with the direction that the first record of its peer has.
const fn directed(mut flow: FlowRecord, first: &FlowRecord) -> FlowRecord {
    flow.header.flags |= first.header.flags & INBOUND;
    if first.header.flags & PREEXISTING != 0 { undirected(flow) } else { flow }
}

/// The peer that a record names. The kernel keeps the protocol number of a raw socket, and the identifier of a ping socket,
/// where others have the port.
fn peer_of(flow: &FlowRecord) -> Endpoint {
    let has_ports = Transport::of_socket(flow.family, flow.socket_type, flow.protocol).has_ports();
    Endpoint::from_wire(address_bytes(flow.peer), if has_ports { flow.peer_port } else { 0 })
}

/// A rule let an earlier connection of the same process to the same peer pass; which one is not known here.
const fn granted() -> Judgement {
    Judgement { reason: Reason::Rule, rule: None, attribution: Attribution::Cookie, duration_ns: None }
}
