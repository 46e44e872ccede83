//! What is counted by executable.

use std::sync::Arc;

use egret_model::Event;

use super::blocked::{Blocked, ByReason};
use super::catalogue::{BLOCKED, BYTES, CONNECTION_FAILURES, CONNECTIONS};
use super::count::{Count, Counts};
use super::family::Family;
use super::label::{self, DIRECTIONS, NETWORK_TYPES, OTHER, TRANSPORTS, UNKNOWN};
use super::meaning;
use super::top::Top;
use crate::errno::ErrnoName;

/// Pairs of error and transport that each executable has a series for; further errors are `other`.
pub(super) const FAILURES: usize = 16;

const CONNECTION_KINDS: usize = DIRECTIONS.len() * TRANSPORTS.len() * NETWORK_TYPES.len();

/// Counts of one executable, about 1.7 KiB.
#[derive(Debug)]
pub(super) struct ExecutableCounts {
    /// By direction, transport and network type.
    connections: [Count; CONNECTION_KINDS],
    /// At most [`FAILURES`], and one for each transport.
    failures: Vec<Failures>,
    sent: Count,
    received: Count,
    blocked: ByReason,
}

#[derive(Debug)]
struct Failures {
    error: Error,
    transport: usize,
    count: Count,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Error {
    Errno(i32),
    Unknown,
    Other,
}

impl Default for ExecutableCounts {
    fn default() -> Self {
        Self {
            connections: [Count::ZERO; CONNECTION_KINDS],
            failures: Vec::new(),
            sent: Count::ZERO,
            received: Count::ZERO,
            blocked: ByReason::default(),
        }
    }
}

impl Counts for ExecutableCounts {
    fn end(&mut self, other: &mut Self) {
        for (ends, heir) in self.connections.iter_mut().zip(&mut other.connections) {
            heir.add(ends.end());
        }
        for mut ends in self.failures.drain(..) {
            other.failed(ends.error, ends.transport, ends.count.end());
        }
        other.sent.add(self.sent.end());
        other.received.add(self.received.end());
        self.blocked.end(&mut other.blocked);
    }
}

impl ExecutableCounts {
    fn connected(&mut self, event: &Event) {
        let kind = label::direction(meaning::inbound(event)) * TRANSPORTS.len() + label::transport(event.transport);
        let kind = kind * NETWORK_TYPES.len() + label::network_type(event.network_type());
        if let Some(count) = self.connections.get_mut(kind) {
            count.add(1);
        }
    }

    /// Counts failures; whether their error has a series.
    fn failed(&mut self, error: Error, transport: usize, amount: u64) -> bool {
        let known = self.failures.iter_mut().find(|known| (known.error, known.transport) == (error, transport));
        if let Some(failures) = known {
            failures.count.add(amount);
        } else if self.failures.len() < FAILURES || error == Error::Other {
            let mut count = Count::ZERO;
            count.add(amount);
            self.failures.push(Failures { error, transport, count });
        } else {
            self.failed(Error::Other, transport, amount);
            return false;
        }
        error != Error::Other
    }

    fn show(&mut self, executable: &str, families: &mut Families) {
        for (kind, count) in self.connections.iter_mut().enumerate() {
            let labels = [
                label::at(&DIRECTIONS, kind / (TRANSPORTS.len() * NETWORK_TYPES.len())),
                label::at(&TRANSPORTS, kind / NETWORK_TYPES.len() % TRANSPORTS.len()),
                label::at(&NETWORK_TYPES, kind % NETWORK_TYPES.len()),
                executable,
            ];
            families.connections.shown(&labels, count);
        }
        for Failures { error, transport, count } in &mut self.failures {
            let labels = [&error.to_text(), label::at(&TRANSPORTS, *transport), executable];
            families.failures.shown(&labels, count);
        }
        families.bytes.shown(&["sent", executable], &mut self.sent);
        families.bytes.shown(&["received", executable], &mut self.received);
        self.blocked.show(|verdict, reason, count| families.blocked.shown(&[verdict, reason, executable], count));
    }
}

impl Error {
    fn of(event: &Event) -> Self {
        event.error.filter(|errno| *errno != 0).map_or(Self::Unknown, Self::Errno)
    }

    fn to_text(self) -> String {
        match self {
            Self::Errno(errno) => ErrnoName(errno).to_string(),
            Self::Unknown => UNKNOWN.to_owned(),
            Self::Other => OTHER.to_owned(),
        }
    }
}

struct Families {
    connections: Family,
    failures: Family,
    bytes: Family,
    blocked: Family,
}

/// The counts of all executables.
#[derive(Debug)]
pub(super) struct Executables {
    pub(super) top: Top<Arc<str>, ExecutableCounts>,
    /// Failures whose error is among the others.
    pub(super) other_errors: u64,
}

impl Executables {
    pub(super) fn new(limit: usize) -> Self {
        Self { top: Top::new(limit), other_errors: 0 }
    }

    /// Counts what an event says of its executable.
    pub(super) fn count(&mut self, event: &Event, opens: bool, blocked: Option<Blocked>) {
        let (sent, received) = meaning::bytes(event);
        let fails = meaning::fails(event);
        if !opens && !fails && blocked.is_none() && sent.is_none() && received.is_none() {
            return;
        }
        let path = meaning::path(event).map(label::bounded);
        let counts = self.top.of(path.as_ref());
        if opens {
            counts.connected(event);
        }
        if fails && !counts.failed(Error::of(event), label::transport(event.transport), 1) {
            self.other_errors += 1;
        }
        if let Some(blocked) = blocked {
            counts.blocked.add(blocked, event.judgement.as_deref());
        }
        counts.sent.add(sent.unwrap_or(0));
        counts.received.add(received.unwrap_or(0));
    }

    /// The metrics, for a scrape.
    pub(super) fn show(&mut self) -> [Family; 4] {
        let mut families = Families {
            connections: Family::new(CONNECTIONS),
            failures: Family::new(CONNECTION_FAILURES),
            bytes: Family::new(BYTES),
            blocked: Family::new(BLOCKED),
        };
        self.top.show(|executable, counts| counts.show(executable, &mut families));
        [families.connections, families.failures, families.bytes, families.blocked]
    }
}
