//! Keeps repeated errors from filling the log.

use std::time::Duration;

use tokio::time::Instant;

/// Lets one message through per interval.
#[derive(Debug)]
pub(crate) struct RateLimit {
    interval: Duration,
    last: Option<Instant>,
}

impl RateLimit {
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { interval, last: None }
    }

    /// Whether a message may be logged now. If so, the next interval begins.
    pub(crate) fn allows(&mut self) -> bool {
        let allowed = self.last.is_none_or(|last| last.elapsed() >= self.interval);
        if allowed {
            self.last = Some(Instant::now());
        }
        allowed
    }

    /// Lets the next message through at once.
    pub(crate) fn reset(&mut self) {
        self.last = None;
    }
}
