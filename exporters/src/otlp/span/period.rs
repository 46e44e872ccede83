//! When the spans of a connection begin and end.

use egret_model::{Event, Layer, Timestamp};

/// Nanoseconds since 1970, as spans have them.
type Nanoseconds = u64;

/// A stretch of time; it never ends before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) start: Nanoseconds,
    pub(super) end: Nanoseconds,
}

/// The stretches of a connection, each child within the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Periods {
    /// From the question for the server's name, if this connection's process asked, else from the opening, to the end.
    pub(super) root: Period,
    /// From question to answer.
    pub(super) resolve: Option<Period>,
    /// From the first packet, or call, to the answer.
    pub(super) connect: Option<Period>,
}

impl Periods {
    pub(super) fn of(event: &Event) -> Self {
        let use_of = used(event);
        let resolution = event.server.as_ref().and_then(|server| server.resolution.as_ref());
        let asked = resolution.map(|resolution| nanoseconds(resolution.asked.0));
        let root = Period { start: asked.map_or(use_of.start, |asked| asked.min(use_of.start)), ..use_of };
        let handshake = event.connect_duration_ns.filter(|_| shakes_hands(event));
        Self {
            root,
            resolve: resolution
                .map(|resolution| root.part(nanoseconds(resolution.asked.0), nanoseconds(resolution.answered.0))),
            connect: handshake.map(|lasted| root.part(use_of.start, use_of.start.saturating_add(lasted))),
        }
    }
}

impl Period {
    /// The part after a moment; from its beginning without one.
    pub(super) fn since(self, moment: Option<Timestamp>) -> Self {
        self.part(moment.map_or(self.start, |moment| nanoseconds(moment.0)), self.end)
    }

    /// What of `start` to `end` lies within.
    fn part(self, start: Nanoseconds, end: Nanoseconds) -> Self {
        let start = start.clamp(self.start, self.end);
        Self { start, end: end.clamp(start, self.end) }
    }
}

/// From the opening of the connection to its end, as far as egret knows. Calls are recorded when they begin, all else when
/// it has happened.
fn used(event: &Event) -> Period {
    let time = nanoseconds(event.time.0);
    let lasted = lasted(event).unwrap_or(0);
    match event.layer {
        Layer::Sockets => Period { start: time.saturating_sub(lasted), end: time },
        Layer::Syscalls | Layer::Procfs => Period { start: time, end: time.saturating_add(lasted) },
    }
}

/// A connection that stood before egret and was not used since has no known beginning.
fn lasted(event: &Event) -> Option<u64> {
    let unknown = event.standing && event.id.opened == 0;
    event.connection_duration_ns.or(event.connect_duration_ns).filter(|_| !unknown)
}

/// Only who connects waits for an answer; a `connect` of a datagram socket sends nothing.
fn shakes_hands(event: &Event) -> bool {
    !event.inbound && event.transport.is_none_or(egret_model::Transport::has_handshake)
}

/// Times before 1970 do not occur, and spans have none.
fn nanoseconds(time: i64) -> Nanoseconds {
    u64::try_from(time).unwrap_or(0)
}
