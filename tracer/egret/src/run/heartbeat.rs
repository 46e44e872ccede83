//! Whether the capture thread still makes progress.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The thread counts as stuck after this time. Without events it wakes after at most five seconds.
const LATE: Duration = Duration::from_secs(30);

/// The heartbeat of the capture thread, one beat each time it has drained the ring buffers.
#[derive(Debug)]
pub(super) struct Heartbeat {
    started: Instant,
    /// Milliseconds after the start.
    last: AtomicU64,
    interval: Option<Duration>,
}

impl Heartbeat {
    /// `watchdog` is the time within which the service manager expects a notification.
    pub(super) fn new(watchdog: Option<Duration>) -> Self {
        // A quarter, so that there is at least one beat between two notifications at half the time.
        Self { started: Instant::now(), last: AtomicU64::new(0), interval: watchdog.map(|limit| limit / 4) }
    }

    /// The longest time between beats; `None` without a watchdog.
    pub(super) const fn interval(&self) -> Option<Duration> {
        self.interval
    }

    pub(super) fn beat(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    pub(super) fn has_beaten_within(&self, within: Duration) -> bool {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last) <= within
    }

    /// Whether the thread works, for the health report.
    pub(super) fn is_alive(&self) -> bool {
        self.has_beaten_within(LATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_beats_are_noticed() {
        let heartbeat = Heartbeat::new(None);
        let begun = Instant::now();
        while heartbeat.has_beaten_within(Duration::from_millis(5)) {
            assert!(begun.elapsed() < Duration::from_secs(10));
        }
        heartbeat.beat();
        assert!(heartbeat.has_beaten_within(Duration::from_secs(1)));
    }
}
