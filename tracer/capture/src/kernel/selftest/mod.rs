//! The self-test: does the capture that runs see what this process does on loopback?
//!
//! That the programs load and attach says little; a hook that a kernel does not call stays silent. So every way into
//! the sockets that egret promises is walked once, and the event is waited for. Nothing leaves the host.

mod expected;
mod operations;
mod uring;

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use egret_model::Event;

use crate::Capture;
use expected::Expected;

/// Events that have not come after this long do not come: twenty times the reader's own bound.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Seen, under this process.
    Seen,
    /// Seen, under this process, but not with its peer.
    WithoutPeer,
    /// Seen, but this is wrong or missing.
    Partly(String),
    /// Not seen.
    NotSeen,
    /// The operation itself could not be done here, for this reason.
    NotChecked(String),
}

/// One operation of the self-test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What was done: `tcp_connect`, `io_uring_connect` and so on.
    pub name: &'static str,
    /// What became of it.
    pub outcome: Outcome,
}

/// An operation that was done, or could not be.
struct Attempt {
    name: &'static str,
    result: io::Result<Done>,
}

/// What to look for, and the sockets that must stay open until then.
struct Done {
    expected: Expected,
    _sockets: Vec<OwnedFd>,
}

/// Walks every way and waits until all are seen, two seconds at most.
#[must_use]
pub fn self_test(capture: &mut Capture) -> Vec<Trial> {
    let attempts = operations::attempt_all();
    let mut trials: Vec<Trial> = attempts.iter().map(Trial::of).collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut events = Vec::new();
        while capture.drain(&mut events) {}
        note(&attempts, &mut trials, &events);
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || !trials.iter().any(Trial::waits) {
            return trials;
        }
        capture.wait(&[], Some(left));
    }
}

/// Compares every operation with every event; the best match stays.
fn note(attempts: &[Attempt], trials: &mut [Trial], events: &[Event]) {
    let me = std::process::id();
    for (attempt, trial) in attempts.iter().zip(trials) {
        let Ok(done) = &attempt.result else { continue };
        for outcome in events.iter().filter_map(|event| done.expected.judge(event, me)) {
            if trial.outcome != Outcome::Seen {
                trial.outcome = outcome;
            }
        }
    }
}

impl Trial {
    fn of(attempt: &Attempt) -> Self {
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
