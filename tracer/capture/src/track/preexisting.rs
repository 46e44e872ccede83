//! Preexisting sockets: what the listing found, and which of their datagrams are answers.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use egret_model::{ConnectionId, Endpoint, Event, EventName, Transport};
use egret_wire::{ANSWER_NS, FlowRecord, INBOUND, PREEXISTING, UNDIRECTED};
use lru::LruCache;

use super::event::{inbound, is_peer_of, transport_of, undirected};
use super::tracker::Tracker;
use crate::host;
use crate::preexisting::{Found, Listeners, Listing};

/// Sockets that are remembered because their process or beginning was found in user space, about 500 bytes each. An evicted
/// one closes without them.
const FOUND: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
/// How long a record may take to be read, nanoseconds.
const LATE_NS: u64 = 5_000_000_000;

/// What user space found of preexisting sockets.
pub(super) struct Preexisting {
    /// What the kernel side could not know of sockets, by cookie.
    pub(super) found: LruCache<u64, Found>,
    pub(super) listeners: Listeners,
    /// Preexisting UDP sockets without a peer, by cookie. For a while after the listing their first datagrams may be answers.
    unconnected: HashSet<u64>,
    listed_ns: u64,
    /// When this egret started, on the boot clock. The ids of preexisting sockets have it.
    pub(super) started_ns: u64,
}

/// How the first event of a connection describes it.
pub(super) struct Beginning {
    pub(super) id: ConnectionId,
    pub(super) preexisting: bool,
    pub(super) inbound: bool,
}

impl Preexisting {
    pub(super) fn new(started_ns: u64) -> Self {
        Self {
            found: LruCache::new(FOUND),
            listeners: Listeners::default(),
            unconnected: HashSet::new(),
            listed_ns: 0,
            started_ns,
        }
    }

    /// The event that reported the connection of a record, if user space found it.
    pub(super) fn matching(&self, flow: &FlowRecord) -> Option<&Event> {
        let preexisting = flow.header.flags & PREEXISTING != 0;
        self.found.peek(&flow.cookie).map(|found| &found.event).filter(|found| {
            if transport_of(flow).has_handshake() {
                found.preexisting == preexisting
            } else {
                is_peer_of(flow, found.peer)
            }
        })
    }

    /// Identity and direction of the connection of a record. `found` is what [`Self::matching`] found.
    pub(super) fn beginning(&self, flow: &FlowRecord, found: Option<&Event>, local: Endpoint) -> Beginning {
        let transport = transport_of(flow);
        let is_older = flow.header.flags & PREEXISTING != 0;
        // A multipath socket announces itself by its first use, like a preexisting one.
        let preexisting = found.map_or(is_older && transport != Transport::Mptcp, |found| found.preexisting);
        // The time at which a preexisting one was opened is unknown; its id is that of the listing, and another in another egret.
        let is_named_by_start = preexisting && (found.is_some() || transport.has_handshake());
        let opened = if is_named_by_start { self.started_ns } else { flow.opened_ns };
        let served = || is_older && transport.has_handshake() && self.listeners.serve(flow.netns, local);
        Beginning {
            id: ConnectionId { socket: flow.cookie, opened },
            preexisting,
            inbound: flow.header.flags & INBOUND != 0 || found.map_or_else(served, |found| found.inbound),
        }
    }

    /// Whether the first datagram that was seen of a preexisting socket does not show its direction.
    pub(super) fn is_undirected(&self, flow: &FlowRecord) -> bool {
        flow.header.flags & UNDIRECTED != 0 && self.may_be_older(flow)
    }

    /// The kernel side treats what comes first to a port that it chose itself as an answer, while one may be on its way. Only a
    /// preexisting socket can have sent the question.
    pub(super) fn directed_by_age(&self, flow: FlowRecord) -> FlowRecord {
        let is_answer = flow.header.flags & (INBOUND | PREEXISTING) == PREEXISTING;
        if is_answer && !self.may_be_older(&flow) { inbound(flow) } else { flow }
    }

    /// Whether a UDP socket without a peer may be preexisting, and get its first answer. A socket that was closed before the
    /// listing is not in it.
    fn may_be_older(&self, flow: &FlowRecord) -> bool {
        let time = flow.header.time_ns;
        time < self.listed_ns || time < self.listed_ns + ANSWER_NS && self.unconnected.contains(&flow.cookie)
    }

    /// Frees the cookies of unconnected sockets once no answer can be on its way any more.
    pub(super) fn expire(&mut self, now_ns: u64) {
        if now_ns > self.listed_ns + ANSWER_NS + LATE_NS {
            self.unconnected = HashSet::new();
        }
    }
}

impl Tracker {
    /// Remembers the sockets of a listing, all but those in `begun`; returns them as events if they are to be `reported`.
    pub(crate) fn list_preexisting(
        &mut self,
        mut listing: Listing,
        begun: &HashSet<u64>,
        reported: bool,
    ) -> Vec<Event> {
        let now = self.processes.now();
        self.preexisting.unconnected = listing.take_unconnected();
        self.preexisting.listed_ns = host::boot_now();
        let started_ns = self.preexisting.started_ns;
        let (sockets, listeners) = listing.events(&mut self.processes, self.layer, now, started_ns);
        self.preexisting.listeners = listeners;
        let mut events = Vec::new();
        for mut found in sockets.into_iter().filter(|found| !begun.contains(&found.event.id.socket)) {
            self.naming.name(&mut found.event, 0);
            found.reported = reported;
            events.extend(reported.then(|| found.event.clone()));
            self.preexisting.found.put(found.event.id.socket, found);
        }
        self.account(&mut events);
        events
    }

    /// The connects that are not answered and not reported yet, as events: the kernel side reports one after a second without
    /// an answer, and capture ends now.
    pub(crate) fn list_unanswered(&mut self) -> Vec<Event> {
        let now = self.processes.now();
        let started_ns = self.preexisting.started_ns;
        let (sockets, _) = Listing::of_unanswered().events(&mut self.processes, self.layer, now, started_ns);
        let mut events: Vec<Event> = sockets.into_iter().map(|found| found.event).collect();
        let is_reported = |cookie: &u64| self.unanswered.contains(cookie) || self.preexisting.found.contains(cookie);
        events.retain(|event| !is_reported(&event.id.socket));
        for event in &mut events {
            event.preexisting = false;
            self.naming.name(event, 0);
        }
        events
    }

    /// Keeps what was reported of a socket for its later events.
    pub(super) fn remember(&mut self, event: &Event) {
        let found = Found { event: event.clone(), connecting: false, reported: true };
        self.preexisting.found.put(event.id.socket, found);
    }

    /// A preexisting connect is answered. If it was listed, it is reported already, perhaps as outstanding.
    pub(super) fn answered(&mut self, flow: FlowRecord, out: &mut Vec<Event>) {
        if let Some(found) = self.preexisting.found.get_mut(&flow.cookie) {
            found.connecting = false;
            let was_outstanding = std::mem::take(&mut found.event.outstanding);
            if found.reported {
                out.extend(was_outstanding.then(|| self.event(EventName::ConnectionOpen, &flow)));
                return;
            }
        }
        self.hold_back(flow, out);
    }

    /// A socket is connected anew: its preexisting connection has ended.
    pub(super) fn supersede(&mut self, flow: &FlowRecord, out: &mut Vec<Event>) {
        let found = &mut self.preexisting.found;
        let is_older = found.peek(&flow.cookie).is_some_and(|found| found.event.preexisting);
        if let Some(found) = is_older.then(|| found.pop(&flow.cookie)).flatten() {
            out.extend(found.reported.then(|| self.close_found(&found, flow)));
        }
    }

    /// The event that ends a connection as it was found.
    pub(super) fn close_found(&self, found: &Found, flow: &FlowRecord) -> Event {
        let name = if found.connecting { EventName::ConnectionFailed } else { EventName::ConnectionClose };
        let time = self.processes.at(flow.header.time_ns);
        Event { name, time, boot_ns: flow.header.time_ns, outstanding: false, ..found.event.clone() }
    }

    /// Remembers a flow without a direction. Its end is reported; an event at its beginning would claim a direction.
    pub(super) fn add_undirected(&mut self, flow: FlowRecord) {
        let flow = undirected(flow);
        self.peers.add(flow);
        if self.open.is_some() {
            let unreported = self.event(EventName::ConnectionOpen, &flow);
            self.account(&mut [unreported]);
        }
    }
}
