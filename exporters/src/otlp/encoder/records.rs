//! Which records become spans: neither those of egret's own connections, nor every update.

use std::num::NonZeroUsize;

use egret_model::{ConnectionId, Endpoint, Event, EventName, Layer, Transport};
use lru::LruCache;

use super::period::{Nanoseconds, Period, nanoseconds};

/// Datagram sockets whose errors are cached, about 60 bytes each. The span of an evicted one lacks its error.
const ERRORS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// egret's own connections that are cached, about 120 bytes each. egret opens two at a time: for the sink, and for spans about its
/// own work.
const OWN_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Minimum interval between two update spans of a connection. A backend gets the first update at once and then one at least every
/// minute while data moves, but not one for every report of totals.
const UPDATE_INTERVAL_NS: u64 = 30_000_000_000;

/// Open connections with update spans that are cached, about 90 bytes each: 1.5 MB. The next update span of an evicted connection
/// comes early, and its root may begin later than its updates.
const UPDATED_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// Whether a connection's spans are made of this record: the last one in the `sockets` layer, the only one in the other layers,
/// which do not see the end.
///
/// An error of a datagram socket does not end it.
pub(super) fn is_last(event: &Event) -> bool {
    match (event.layer, event.name) {
        (_, EventName::Listen) => false,
        (Layer::Sockets, EventName::ConnectionClose) => true,
        (Layer::Sockets, EventName::ConnectionFailed) => event.transport.is_none_or(Transport::has_handshake),
        (Layer::Sockets, _) => false,
        (Layer::Syscalls | Layer::Procfs, _) => true,
    }
}

/// Errors reported for datagram sockets that are not closed yet.
#[derive(Debug)]
pub(super) struct Errors(LruCache<ConnectionId, i32>);

impl Default for Errors {
    fn default() -> Self {
        Self(LruCache::new(ERRORS))
    }
}

impl Errors {
    /// Records the error of an event that is not the last of its connection.
    pub(super) fn record(&mut self, event: &Event) {
        if let (EventName::ConnectionFailed, Some(error)) = (event.name, errno(event)) {
            self.0.put(event.id, error);
        }
    }

    /// Removes the error of a connection whose last event this is.
    pub(super) fn take(&mut self, event: &Event) -> Option<i32> {
        errno(event).or_else(|| self.0.pop(&event.id))
    }
}

/// The kernel reports zero where there was no error.
fn errno(event: &Event) -> Option<i32> {
    event.error.filter(|errno| *errno != 0)
}

/// Recognizes egret's own connections.
///
/// Spans about the connection that carries spans would never end, because each request would cause another span. Both endpoints'
/// records are filtered, as far as the peer is on this host and sees the same addresses.
#[derive(Debug)]
pub(super) struct OwnConnections {
    pid: u32,
    /// By local and peer endpoint as egret sees them.
    open: LruCache<(Endpoint, Endpoint), ()>,
}

impl OwnConnections {
    pub(super) fn new(pid: u32) -> Self {
        Self { pid, open: LruCache::new(OWN_CONNECTIONS) }
    }

    /// Whether the connection is egret's own. Must be called for every record, in order.
    pub(super) fn contains(&mut self, event: &Event) -> bool {
        if event.process.as_ref().is_some_and(|process| process.pid == self.pid) {
            self.record(event);
            return true;
        }
        self.is_peer(event)
    }

    fn record(&mut self, event: &Event) {
        let endpoints = (event.local, event.peer);
        match event.name {
            EventName::ConnectionOpen => drop(self.open.put(endpoints, ())),
            EventName::ConnectionFailed => drop(self.open.pop(&endpoints)),
            // The peer may close later.
            _ => {}
        }
    }

    /// Whether the record is the peer's. The last one releases the endpoints, because another program may reuse the port.
    fn is_peer(&mut self, event: &Event) -> bool {
        let endpoints = (event.peer, event.local);
        if is_last(event) { self.open.pop(&endpoints).is_some() } else { self.open.contains(&endpoints) }
    }
}

/// The period that the update spans of each open connection cover so far.
#[derive(Debug)]
pub(super) struct Updates(LruCache<ConnectionId, Period>);

impl Default for Updates {
    fn default() -> Self {
        Self(LruCache::new(UPDATED_CONNECTIONS))
    }
}

impl Updates {
    /// Whether an update span is due, and when the previous one ended. A clock that was set back does not delay it.
    pub(super) fn due(&mut self, update: &Event) -> Option<Option<Nanoseconds>> {
        let now = nanoseconds(update.time.0);
        let last = self.0.get(&update.id).map(|covered| covered.end);
        let too_early = last.is_some_and(|last| last <= now && now - last < UPDATE_INTERVAL_NS);
        (!too_early).then_some(last)
    }

    /// Records the period of an update span that is sent.
    pub(super) fn record(&mut self, id: ConnectionId, period: Period) {
        let covered = self.0.peek(&id).map_or(period, |covered| covered.with(period));
        self.0.put(id, covered);
    }

    /// Removes an ended connection; returns the period that its update spans cover.
    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Period> {
        self.0.pop(&id)
    }
}
