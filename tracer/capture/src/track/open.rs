//! Open connections, and the totals that were reported of them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use egret_model::{Attribution, ConnectionId, Event, EventName, OpenConnections, Process, Transport};
use egret_wire::{PeerKey, PeerTotals, TotalsSlot};
use lru::LruCache;

/// Open connections that are followed, about 450 bytes each: 15 MB, and as much for events if the totals of all of
/// them have grown at once. Of an evicted connection only the end is reported.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(32_768).unwrap();
/// Connections that were evicted after an update, about 80 bytes each: 5 MB.
const PAST: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
/// A connection that was in the kernel's table and is missing there for so many rounds has ended, and the record
/// of its end was lost. After one round that record may still come.
const ROUNDS: u8 = 2;

/// The kernel side's tables of totals.
pub(crate) trait TotalsTable {
    /// The totals of a socket's current connection.
    fn find(&self, cookie: u64) -> Option<TotalsSlot>;

    /// The totals of an earlier peer of a datagram socket.
    fn peer(&self, key: &PeerKey) -> Option<PeerTotals>;
}

/// Payload bytes sent and received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) sent: u64,
    pub(super) received: u64,
}

impl Totals {
    pub(super) const fn from_slot(slot: &TotalsSlot) -> Self {
        Self { sent: slot.sent, received: slot.received }
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self { sent: self.sent.saturating_add(other.sent), received: self.received.saturating_add(other.received) }
    }

    const fn is_zero(self) -> bool {
        self.sent == 0 && self.received == 0
    }
}

#[derive(Debug)]
struct Connection {
    /// The event that reported its beginning.
    begin: Event,
    reported: Totals,
    /// Rounds since it was last in the kernel's table; `None` if it never was.
    missing: Option<u8>,
}

#[derive(Debug)]
pub(super) struct Open {
    connections: LruCache<ConnectionId, Connection>,
    /// What was reported of evicted connections.
    past: LruCache<ConnectionId, Totals>,
}

impl Default for Open {
    fn default() -> Self {
        Self { connections: LruCache::new(CONNECTIONS), past: LruCache::new(PAST) }
    }
}

impl Open {
    /// Accounts for events before they are emitted: follows connections that begin, removes those that end, and
    /// sets the difference between an end's totals and those that were reported.
    pub(super) fn account(&mut self, events: &mut [Event]) {
        for event in events {
            match event.name {
                EventName::ConnectionOpen | EventName::Accept if !event.outstanding => self.begin(event),
                EventName::DatagramSend if event.error.is_none() && !self.connections.contains(&event.id) => {
                    self.begin(event);
                }
                EventName::ConnectionFailed if event.transport.is_some_and(Transport::has_handshake) => {
                    self.take(event.id);
                }
                EventName::ConnectionClose => {
                    let reported = self.take(event.id);
                    event.bytes_sent_delta = delta(event.bytes_sent, reported.sent);
                    event.bytes_received_delta = delta(event.bytes_received, reported.received);
                }
                _ => {}
            }
        }
    }

    /// Follows a connection that begins with this event.
    pub(super) fn begin(&mut self, event: &Event) {
        if let Some(known) = self.connections.get_mut(&event.id) {
            known.begin = event.clone();
            return;
        }
        let reported = self.past.pop(&event.id).unwrap_or_default();
        let connection = Connection { begin: event.clone(), reported, missing: None };
        if let Some((id, evicted)) = self.connections.push(event.id, connection) {
            self.remember(id, evicted.reported);
        }
    }

    /// Sets the process of a connection that was not known, or not exactly.
    pub(super) fn set_process(&mut self, id: ConnectionId, process: &Arc<Process>, attribution: Attribution) {
        if let Some(known) = self.connections.peek_mut(&id) {
            known.begin.process = Some(Arc::clone(process));
            known.begin.attribution = attribution;
        }
    }

    fn remember(&mut self, id: ConnectionId, reported: Totals) {
        if !reported.is_zero() {
            self.past.put(id, reported);
        }
    }

    /// Removes a connection that has ended; returns the totals that were reported of it.
    fn take(&mut self, id: ConnectionId) -> Totals {
        let followed = self.connections.pop(&id).map(|connection| connection.reported);
        followed.or_else(|| self.past.pop(&id)).unwrap_or_default()
    }

    /// The connections with a handshake.
    pub(super) fn with_handshake(&self) -> Vec<ConnectionId> {
        let has = |connection: &Connection| connection.begin.transport.is_some_and(Transport::has_handshake);
        self.connections.iter().filter(|(_, connection)| has(connection)).map(|(id, _)| *id).collect()
    }

    /// The event that reported the beginning of a connection that is followed.
    pub(super) fn beginning(&self, id: ConnectionId) -> Option<&Event> {
        self.connections.peek(&id).map(|connection| &connection.begin)
    }

    /// Counts a round in which a connection is not in the kernel's table.
    pub(super) fn miss(&mut self, id: ConnectionId) {
        let Some(missing) = self.connections.peek_mut(&id).and_then(|connection| connection.missing.as_mut()) else {
            return;
        };
        *missing += 1;
        if *missing >= ROUNDS
            && let Some(ended) = self.connections.pop(&id)
        {
            self.remember(id, ended.reported);
        }
    }

    /// Takes the totals of a connection. If they have grown, returns an update, without its time and the name of
    /// the peer.
    pub(super) fn update(&mut self, id: ConnectionId, now: Totals) -> Option<Event> {
        let connection = self.connections.peek_mut(&id)?;
        connection.missing = Some(0);
        let reported = connection.reported;
        // Two threads may write the totals at once, and the lower value stays until the next write.
        let now = Totals { sent: now.sent.max(reported.sent), received: now.received.max(reported.received) };
        if now == reported {
            return None;
        }
        connection.reported = now;
        let event = Event {
            name: EventName::ConnectionUpdate,
            bytes_sent: Some(now.sent),
            bytes_received: Some(now.received),
            bytes_sent_delta: delta(Some(now.sent), reported.sent),
            bytes_received_delta: delta(Some(now.received), reported.received),
            connect_duration_ns: None,
            verdict: None,
            evaluation: None,
            ..connection.begin.clone()
        };
        self.connections.promote(&id);
        Some(event)
    }

    /// Counts the open connections by program.
    pub(super) fn count(&self) -> OpenConnections {
        let mut open = OpenConnections::default();
        for (_, connection) in &self.connections {
            let process = connection.begin.process.as_ref();
            open.add(process.and_then(|process| process.executable.path.as_ref()));
        }
        open
    }
}

/// What a total adds to what was reported; `None` if nothing was.
fn delta(total: Option<u64>, reported: u64) -> Option<u64> {
    total.filter(|_| reported != 0).map(|total| total.saturating_sub(reported))
}

#[cfg(test)]
mod tests {
    use egret_model::{Layer, Timestamp};

    use super::*;

    const ID: ConnectionId = ConnectionId { socket: 1, opened: 2 };

    const fn totals(sent: u64, received: u64) -> Totals {
        Totals { sent, received }
    }

    fn event(name: EventName, id: ConnectionId) -> Event {
        Event { transport: Some(Transport::Tcp), ..Event::new(name, Timestamp(7), id, Layer::Sockets) }
    }

    fn opened(open: &mut Open, id: ConnectionId) {
        open.account(&mut [event(EventName::ConnectionOpen, id)]);
    }

    fn close(open: &mut Open, id: ConnectionId, sent: u64, received: u64) -> (Option<u64>, Option<u64>) {
        let close =
            Event { bytes_sent: Some(sent), bytes_received: Some(received), ..event(EventName::ConnectionClose, id) };
        let mut events = [close];
        open.account(&mut events);
        let [close] = events;
        (close.bytes_sent_delta, close.bytes_received_delta)
    }

    #[test]
    fn deltas_of_updates_and_close_add_up_to_the_total() {
        let mut open = Open::default();
        opened(&mut open, ID);
        let deltas = |event: Event| (event.bytes_sent_delta, event.bytes_received_delta);
        assert_eq!(open.update(ID, totals(7, 0)).map(deltas), Some((None, None)));
        assert!(open.update(ID, totals(7, 0)).is_none());
        // One direction is read before the other has caught up.
        let update = open.update(ID, totals(6, 3)).unwrap();
        assert_eq!((update.bytes_sent, update.bytes_received), (Some(7), Some(3)));
        assert_eq!(deltas(update), (Some(0), None));
        assert_eq!(close(&mut open, ID, 10, 3), (Some(3), Some(0)));
        assert_eq!(close(&mut open, ID, 10, 3), (None, None));
    }

    #[test]
    fn unanswered_and_failed_connects_are_not_open() {
        let mut open = Open::default();
        let outstanding = Event { outstanding: true, ..event(EventName::ConnectionOpen, ID) };
        open.account(&mut [outstanding]);
        assert_eq!(open.count().unknown, 0);
        opened(&mut open, ID);
        assert_eq!(open.count().unknown, 1);
        open.account(&mut [event(EventName::ConnectionFailed, ID)]);
        assert_eq!(open.count().unknown, 0);
    }

    #[test]
    fn connection_whose_close_is_lost_is_not_counted_as_open() {
        let mut open = Open::default();
        opened(&mut open, ID);
        // It was never in the table.
        (0..9).for_each(|_| open.miss(ID));
        assert_eq!(open.count().unknown, 1);
        open.update(ID, totals(1, 1));
        open.miss(ID);
        assert_eq!(open.count().unknown, 1);
        open.miss(ID);
        assert_eq!(open.count().unknown, 0);
        // Its close may still come.
        assert_eq!(close(&mut open, ID, 3, 1), (Some(2), Some(0)));
    }

    #[test]
    fn bytes_of_an_evicted_connection_are_not_reported_twice() {
        let mut open = Open::default();
        opened(&mut open, ID);
        open.update(ID, totals(5, 0));
        for socket in 10..10 + CONNECTIONS.get() as u64 {
            opened(&mut open, ConnectionId { socket, opened: 0 });
        }
        assert!(open.update(ID, totals(6, 0)).is_none());
        assert_eq!(close(&mut open, ID, 8, 0), (Some(3), None));
    }
}
