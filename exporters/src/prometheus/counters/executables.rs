//! Counters by executable.

use std::sync::Arc;

use egret_model::Event;

use super::blocked::{Blocked, ByReason};
use super::classify;
use super::top::{Count, Counts, Top};
use crate::errno::ErrnoName;
use crate::prometheus::encoder::Family;
use crate::prometheus::encoder::catalogue::{BLOCKED, BYTES, CONNECTION_FAILURES, CONNECTIONS};
use crate::prometheus::encoder::label::{self, DIRECTIONS, NETWORK_TYPES, OTHER, SCOPES, TRANSPORTS, UNKNOWN};

/// Maximum number of combinations of error, transport and scope with their own series, by executable; further errors are `other`.
pub(in crate::prometheus) const FAILURES: usize = 16;

const CONNECTION_KINDS: usize = DIRECTIONS.len() * TRANSPORTS.len() * NETWORK_TYPES.len() * SCOPES.len();

/// The counters of an executable, about 2.6 KiB.
#[derive(Debug)]
pub(super) struct ExecutableCounts {
    /// By direction, transport, network type and scope.
    connections: [Count; CONNECTION_KINDS],
    /// At most [`FAILURES`], and one `other` for each transport and scope.
    failures: Vec<Failures>,
    /// By scope.
    sent: [Count; SCOPES.len()],
    /// By scope.
    received: [Count; SCOPES.len()],
    blocked: ByReason,
}

#[derive(Debug)]
struct Failures {
    kind: FailureKind,
    count: Count,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FailureKind {
    error: Error,
    transport: usize,
    scope: usize,
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
            sent: [Count::ZERO; SCOPES.len()],
            received: [Count::ZERO; SCOPES.len()],
            blocked: ByReason::default(),
        }
    }
}

impl Counts for ExecutableCounts {
    fn move_to(&mut self, other: &mut Self) {
        let connections = self.connections.iter_mut().zip(&mut other.connections);
        connections.for_each(|(count, other)| count.move_to(other));
        for mut failures in self.failures.drain(..) {
            other.add_failures(failures.kind, failures.count.take());
        }
        let bytes = self.sent.iter_mut().chain(&mut self.received);
        let other_bytes = other.sent.iter_mut().chain(&mut other.received);
        bytes.zip(other_bytes).for_each(|(count, other)| count.move_to(other));
        self.blocked.move_to(&mut other.blocked);
    }
}

impl ExecutableCounts {
    fn add_connection(&mut self, event: &Event) {
        let kind = label::direction(classify::inbound(event)) * TRANSPORTS.len() + label::transport(event.transport);
        let kind = kind * NETWORK_TYPES.len() + label::network_type(event.network_type());
        let kind = kind * SCOPES.len() + label::scope(classify::loopback(event));
        if let Some(count) = self.connections.get_mut(kind) {
            count.add(1);
        }
    }

    /// Counts failures. Returns whether their error has its own series.
    fn add_failures(&mut self, kind: FailureKind, amount: u64) -> bool {
        let FailureKind { error, .. } = kind;
        let known = self.failures.iter_mut().find(|known| known.kind == kind);
        if let Some(failures) = known {
            failures.count.add(amount);
        } else if self.failures.len() < FAILURES || error == Error::Other {
            let mut count = Count::ZERO;
            count.add(amount);
            self.failures.push(Failures { kind, count });
        } else {
            self.add_failures(FailureKind { error: Error::Other, ..kind }, amount);
            return false;
        }
        error != Error::Other
    }

    fn add_bytes(&mut self, scope: usize, sent: Option<u64>, received: Option<u64>) {
        for (counts, bytes) in [(&mut self.sent, sent), (&mut self.received, received)] {
            if let Some(count) = counts.get_mut(scope) {
                count.add(bytes.unwrap_or(0));
            }
        }
    }

    fn scrape(&mut self, executable: &str, families: &mut Families) {
        for (kind, count) in self.connections.iter_mut().enumerate() {
            let labels = [
                label::at(&DIRECTIONS, kind / (TRANSPORTS.len() * NETWORK_TYPES.len() * SCOPES.len())),
                label::at(&TRANSPORTS, kind / (NETWORK_TYPES.len() * SCOPES.len()) % TRANSPORTS.len()),
                label::at(&NETWORK_TYPES, kind / SCOPES.len() % NETWORK_TYPES.len()),
                label::at(&SCOPES, kind % SCOPES.len()),
                executable,
            ];
            count.scrape(&mut families.connections, &labels);
        }
        for Failures { kind, count } in &mut self.failures {
            let (transport, scope) = (label::at(&TRANSPORTS, kind.transport), label::at(&SCOPES, kind.scope));
            let labels = [&kind.error.to_text(), transport, scope, executable];
            count.scrape(&mut families.failures, &labels);
        }
        for (direction, counts) in [("sent", &mut self.sent), ("received", &mut self.received)] {
            for (scope, count) in SCOPES.iter().zip(counts) {
                count.scrape(&mut families.bytes, &[direction, scope, executable]);
            }
        }
        self.blocked
            .scrape(|verdict, reason, count| count.scrape(&mut families.blocked, &[verdict, reason, executable]));
    }
}

impl FailureKind {
    fn new(event: &Event) -> Self {
        let scope = label::scope(classify::loopback(event));
        Self { error: Error::new(event), transport: label::transport(event.transport), scope }
    }
}

impl Error {
    fn new(event: &Event) -> Self {
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

/// The counters of all executables.
#[derive(Debug)]
pub(super) struct Executables {
    pub(super) top: Top<Arc<str>, ExecutableCounts>,
    /// Failures whose error has no series of its own.
    pub(super) other_errors: u64,
}

impl Executables {
    pub(super) fn new(limit: usize) -> Self {
        Self { top: Top::new(limit), other_errors: 0 }
    }

    /// Counts an event for its executable.
    pub(super) fn count(&mut self, event: &Event, opens: bool, blocked: Option<Blocked>) {
        let (sent, received) = classify::bytes(event);
        let fails = classify::fails(event);
        if !opens && !fails && blocked.is_none() && sent.is_none() && received.is_none() {
            return;
        }
        let path = classify::path(event).map(label::bounded);
        let counts = self.top.count_key(path.as_ref());
        if opens {
            counts.add_connection(event);
        }
        if fails && !counts.add_failures(FailureKind::new(event), 1) {
            self.other_errors += 1;
        }
        if let Some(blocked) = blocked {
            counts.blocked.add(blocked, event.evaluation.as_deref());
        }
        counts.add_bytes(label::scope(classify::loopback(event)), sent, received);
    }

    pub(super) fn families(&mut self) -> [Family; 4] {
        let mut families = Families {
            connections: Family::new(CONNECTIONS),
            failures: Family::new(CONNECTION_FAILURES),
            bytes: Family::new(BYTES),
            blocked: Family::new(BLOCKED),
        };
        self.top.scrape(|executable, counts| counts.scrape(executable, &mut families));
        [families.connections, families.failures, families.bytes, families.blocked]
    }
}
