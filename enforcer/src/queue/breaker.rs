//! Does not wait again for what was late again and again.

use std::time::{Duration, Instant};

/// As often in a row.
const ENOUGH: u32 = 3;
/// For so long nothing is asked then.
const REST: Duration = Duration::from_secs(1);

/// Counts how often somebody was late.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    late: u32,
    rests_until: Option<Instant>,
}

impl Breaker {
    /// Whether it is worth asking.
    pub(super) fn is_closed(&self, now: Instant) -> bool {
        self.rests_until.is_none_or(|until| until <= now)
    }

    /// What came of asking. After a rest, being late once is enough for another one.
    pub(super) fn told(&mut self, in_time: bool, now: Instant) {
        self.late = if in_time { 0 } else { self.late.saturating_add(1) };
        self.rests_until = (self.late >= ENOUGH).then(|| now + REST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rests_after_being_late_in_a_row() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        for in_time in [false, false, true, false, false] {
            breaker.told(in_time, start);
            assert!(breaker.is_closed(start));
        }
        breaker.told(false, start);
        assert!(!breaker.is_closed(start + REST - Duration::from_millis(1)));
        let later = start + REST;
        assert!(breaker.is_closed(later));
        breaker.told(false, later);
        assert!(!breaker.is_closed(later));
        breaker.told(true, later + REST);
        assert!(breaker.is_closed(later + REST));
    }
}
