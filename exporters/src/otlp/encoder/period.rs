//! The periods of a connection's spans.

use egret_model::{Event, Layer, Transport};

/// Nanoseconds since 1970, as spans have them.
pub(super) type Nanoseconds = u64;

/// A period of time; `start <= end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) start: Nanoseconds,
    pub(super) end: Nanoseconds,
}

/// The periods of a connection's spans. The children are within the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Periods {
    /// From the opening to the end; from the DNS query if the process looked up the server's name for this connection.
    pub(super) root: Period,
    /// From DNS query to answer.
    pub(super) resolve: Option<Period>,
    /// The handshake: from the first packet or the call to the answer.
    pub(super) connect: Option<Period>,
}

impl Periods {
    pub(super) fn new(event: &Event) -> Self {
        let connection = connection(event);
        let resolution = event.server.as_ref().and_then(|server| server.resolution.as_ref());
        let asked = resolution.map(|resolution| nanoseconds(resolution.asked.0));
        let root = Period { start: asked.map_or(connection.start, |asked| asked.min(connection.start)), ..connection };
        let handshake = event.connect_duration_ns.filter(|_| has_handshake(event));
        Self {
            root,
            resolve: resolution
                .map(|resolution| root.clamp(nanoseconds(resolution.asked.0), nanoseconds(resolution.answered.0))),
            connect: handshake.map(|duration| root.clamp(connection.start, connection.start.saturating_add(duration))),
        }
    }
}

impl Period {
    /// The part after `time`; all of it without one.
    pub(super) fn since(self, time: Option<Nanoseconds>) -> Self {
        self.clamp(time.unwrap_or(self.start), self.end)
    }

    /// From the earlier start to the later end of two periods.
    pub(super) fn with(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The part of `start` to `end` that is within this period.
    fn clamp(self, start: Nanoseconds, end: Nanoseconds) -> Self {
        let start = start.clamp(self.start, self.end);
        Self { start, end: end.clamp(start, self.end) }
    }
}

/// From the opening of the connection to its end, as far as egret knows. The `sockets` layer records an event when it has
/// happened, the other layers record a call when it begins.
fn connection(event: &Event) -> Period {
    let time = nanoseconds(event.time.0);
    let duration = duration(event).unwrap_or(0);
    match event.layer {
        Layer::Sockets => Period { start: time.saturating_sub(duration), end: time },
        Layer::Syscalls | Layer::Procfs => Period { start: time, end: time.saturating_add(duration) },
    }
}

/// The beginning of a preexisting connection is unknown.
fn duration(event: &Event) -> Option<u64> {
    event.connection_duration_ns.or(event.connect_duration_ns).filter(|_| !event.preexisting)
}

/// Whether this host waited for a handshake: it connected, and the transport has one.
fn has_handshake(event: &Event) -> bool {
    !event.inbound && event.transport.is_none_or(Transport::has_handshake)
}

/// Times before 1970 do not occur, and spans cannot express them.
pub(super) fn nanoseconds(time: i64) -> Nanoseconds {
    u64::try_from(time).unwrap_or(0)
}
