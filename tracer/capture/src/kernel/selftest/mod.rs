//! The self-test: whether the running capture sees operations of this process on loopback.
//!
//! A program that is loaded and attached may never be called by the kernel. So every kind of operation that egret
//! promises to see is done once, and its event is waited for. No traffic leaves the host.

mod expected;
mod operations;

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use egret_model::Event;

use crate::Capture;
use expected::Expected;

/// An event that has not come after this long is missing: twenty times the latency of the reader.
const PATIENCE: Duration = Duration::from_secs(2);

/// The result of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Seen, under this process.
    Seen,
    /// Seen, under this process, but not with its peer.
    WithoutPeer,
    /// Seen, but with this difference.
    Partly(String),
    /// Not seen.
    NotSeen,
    /// The operation failed here, for this reason.
    NotChecked(String),
}

/// One operation of the self-test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The operation: `tcp_connect`, `io_uring_connect` and so on.
    pub name: &'static str,
    /// Its result.
    pub outcome: Outcome,
}

/// An operation that succeeded or failed.
struct Attempt {
    name: &'static str,
    result: io::Result<Done>,
}

/// The expected event, and the sockets that must stay open until it is seen.
struct Done {
    expected: Expected,
    _sockets: Vec<OwnedFd>,
}

/// Does every operation and waits until all are seen, two seconds at most.
#[must_use]
pub fn self_test(capture: &mut Capture) -> Vec<Observation> {
    let attempts = operations::attempt_all();
    let mut observations: Vec<Observation> = attempts.iter().map(Observation::from_attempt).collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut events = Vec::new();
        while capture.drain(&mut events) {}
        update(&attempts, &mut observations, &events);
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || !observations.iter().any(Observation::waits) {
            return observations;
        }
        capture.wait(&[], Some(left));
    }
}

/// Compares every operation with every event, and keeps the best result.
fn update(attempts: &[Attempt], observations: &mut [Observation], events: &[Event]) {
    let me = std::process::id();
    for (attempt, observation) in attempts.iter().zip(observations) {
        let Ok(done) = &attempt.result else { continue };
        for outcome in events.iter().filter_map(|event| done.expected.compare(event, me)) {
            if observation.outcome != Outcome::Seen {
                observation.outcome = outcome;
            }
        }
    }
}

impl Observation {
    fn from_attempt(attempt: &Attempt) -> Self {
        let outcome = match &attempt.result {
            Ok(_) => Outcome::NotSeen,
            Err(error) => Outcome::NotChecked(error.to_string()),
        };
        Self { name: attempt.name, outcome }
    }

    /// Whether a later event could still improve it.
    fn waits(&self) -> bool {
        matches!(self.outcome, Outcome::NotSeen | Outcome::Partly(_))
    }
}
