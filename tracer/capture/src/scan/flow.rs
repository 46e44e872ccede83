//! A flow from its first to its last scan, and its events.

use std::sync::Arc;

use egret_model::{Attribution, ConnectionId, Event, EventName, Interface, Layer, Process, Timestamp};

use super::seen::{Key, Listeners, Phase, Seen};

/// Marks the id of a flow whose socket had no inode number any more.
const NO_SOCKET: u64 = 1 << 63;

#[derive(Debug)]
pub(super) struct Flow {
    id: ConnectionId,
    inode: u64,
    process: Option<Arc<Process>>,
    /// When it was first seen; unknown if it is preexisting, or had ended by then.
    began: Option<Timestamp>,
    preexisting: bool,
    /// That of a link-local peer.
    interface: Option<Interface>,
    /// It is reported as closed, and still in the kernel's table.
    pub(super) ended: bool,
}

impl Flow {
    pub(super) fn new(
        seen: Seen,
        serial: u64,
        process: Option<Arc<Process>>,
        preexisting: bool,
        now: Timestamp,
    ) -> Self {
        let ended = seen.phase == Phase::Ended;
        let socket = if seen.inode == 0 { NO_SOCKET | serial } else { seen.inode };
        Self {
            id: ConnectionId { socket, opened: u64::try_from(now.0).unwrap_or(0) },
            inode: seen.inode,
            process,
            began: (!preexisting && !ended).then_some(now),
            preexisting,
            interface: None,
            ended,
        }
    }

    /// The same with a peer behind an interface.
    pub(super) fn behind(self, interface: Option<Interface>) -> Self {
        Self { interface, ..self }
    }

    pub(super) fn is_unchanged(&self, seen: &Seen) -> bool {
        match seen.phase {
            Phase::Waiting => true,
            Phase::Alive => !self.ended && self.inode == seen.inode,
            Phase::Ended => self.ended,
        }
    }

    pub(super) fn open(&self, key: &Key, listeners: &Listeners, now: Timestamp) -> Event {
        let name = if key.listens {
            EventName::Listen
        } else if listeners.accepted(key) {
            EventName::Accept
        } else {
            EventName::ConnectionOpen
        };
        Event { inbound: name == EventName::Accept, ..self.event(name, key, now) }
    }

    /// The duration is the time between two scans, up to one interval too short or too long.
    pub(super) fn close(&self, key: &Key, now: Timestamp) -> Event {
        let connection_duration_ns = self.began.map(|began| now.since(began));
        Event { connection_duration_ns, ..self.event(EventName::ConnectionClose, key, now) }
    }

    fn event(&self, name: EventName, key: &Key, now: Timestamp) -> Event {
        Event {
            process: self.process.clone(),
            attribution: if self.process.is_some() { Attribution::Procfs } else { Attribution::Unknown },
            transport: Some(key.transport),
            local: key.local,
            peer: key.peer.behind(self.interface),
            preexisting: self.preexisting,
            ..Event::new(name, now, self.id, Layer::Procfs)
        }
    }
}
