//! A circuit breaker: does not wait for an answer when the last ones were late.

use std::time::{Duration, Instant};

/// So many late answers in a row open it.
const THRESHOLD: u32 = 3;
/// For how long it stays open.
const COOL_DOWN: Duration = Duration::from_secs(1);

/// Counts late answers.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    late: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether to ask.
    pub(super) fn is_closed(&self, now: Instant) -> bool {
        self.open_until.is_none_or(|until| until <= now)
    }

    /// Records whether an answer came in time. After a cool-down, one late answer opens it again.
    pub(super) fn record(&mut self, in_time: bool, now: Instant) {
        self.late = if in_time { 0 } else { self.late.saturating_add(1) };
        self.open_until = (self.late >= THRESHOLD).then(|| now + COOL_DOWN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_late_answers_open_the_breaker() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        for in_time in [false, false, true, false, false] {
            breaker.record(in_time, start);
            assert!(breaker.is_closed(start));
        }
        breaker.record(false, start);
        assert!(!breaker.is_closed(start + COOL_DOWN - Duration::from_millis(1)));
        let later = start + COOL_DOWN;
        assert!(breaker.is_closed(later));
        breaker.record(false, later);
        assert!(!breaker.is_closed(later));
        breaker.record(true, later + COOL_DOWN);
        assert!(breaker.is_closed(later + COOL_DOWN));
    }
}
