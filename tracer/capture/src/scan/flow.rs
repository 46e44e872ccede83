//! A flow between its first and last sighting, and the events about it.

use std::sync::Arc;

use egret_model::{Attribution, ConnectionId, Event, EventName, Layer, Process, Timestamp};

use super::seen::{Key, Listeners, Phase, Seen};

/// Marks the number of a flow whose socket had none any more.
const NO_SOCKET: u64 = 1 << 63;

/// What is remembered of a flow.
#[derive(Debug)]
pub(super) struct Flow {
    id: ConnectionId,
    inode: u64,
    process: Option<Arc<Process>>,
    /// When it was first seen; unknown for what stood before, and for what was over by then.
    began: Option<Timestamp>,
    standing: bool,
    /// It was reported as closed; the kernel still shows it.
    pub(super) ended: bool,
}

impl Flow {
    pub(super) fn new(seen: Seen, serial: u64, process: Option<Arc<Process>>, standing: bool, now: Timestamp) -> Self {
        let ended = seen.phase == Phase::Ended;
        let socket = if seen.inode == 0 { NO_SOCKET | serial } else { seen.inode };
        Self {
            id: ConnectionId { socket, opened: u64::try_from(now.0).unwrap_or(0) },
            inode: seen.inode,
            process,
            began: (!standing && !ended).then_some(now),
            standing,
            ended,
        }
    }

    /// Nothing has happened to it.
    pub(super) fn is_as_seen(&self, seen: &Seen) -> bool {
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

    /// The duration is what passed between two scans, so at most one interval short or long.
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
            peer: key.peer,
            standing: self.standing,
            ..Event::new(name, now, self.id, Layer::Procfs)
        }
    }
}
