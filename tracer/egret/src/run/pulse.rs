//! Whether the capture thread still makes progress.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Without a watchdog the thread is looked after all the same: it wakes by itself after five seconds at most.
const LATE: Duration = Duration::from_secs(30);

/// A heart that the capture thread beats each time it has drained the rings and handed on what was there.
#[derive(Debug)]
pub(super) struct Pulse {
    started: Instant,
    /// Milliseconds after the start.
    last: AtomicU64,
    interval: Option<Duration>,
}

impl Pulse {
    /// `watchdog` is the time within which the service manager wants to hear that all is well.
    pub(super) fn new(watchdog: Option<Duration>) -> Self {
        // Four times as often, so that one beat at least lies between two reports at half the time.
        Self { started: Instant::now(), last: AtomicU64::new(0), interval: watchdog.map(|limit| limit / 4) }
    }

    /// How often it has to beat; `None` if nobody counts on it.
    pub(super) const fn interval(&self) -> Option<Duration> {
        self.interval
    }

    pub(super) fn beat(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Whether it has beaten within this time.
    pub(super) fn is_felt(&self, within: Duration) -> bool {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last) <= within
    }

    /// Whether the thread does its work, as far as people are concerned.
    pub(super) fn is_alive(&self) -> bool {
        self.is_felt(LATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heart_that_does_not_beat_is_not_felt() {
        let pulse = Pulse::new(None);
        let begun = Instant::now();
        while pulse.is_felt(Duration::from_millis(5)) {
            assert!(begun.elapsed() < Duration::from_secs(10));
        }
        pulse.beat();
        assert!(pulse.is_felt(Duration::from_secs(1)));
    }
}
