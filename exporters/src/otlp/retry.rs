//! When a request is sent again.

use std::time::Duration;

/// Waits before the first repetition are up to this long, and up to twice as long before each further one.
const FIRST: Duration = Duration::from_millis(500);
/// No wait is longer, unless the collector asks for it.
const LONGEST: Duration = Duration::from_secs(30);

/// Exponential back-off with full jitter: after a collector was away, the hosts that wait for it do not come back all
/// at once (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The next wait, between zero and a bound that doubles each time.
    pub(super) fn next(&mut self) -> Duration {
        let bound = ceiling(self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        bound.mul_f64(rand::random())
    }
}

fn ceiling(attempts: u32) -> Duration {
    FIRST.saturating_mul(2_u32.saturating_pow(attempts)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        assert_eq!(ceiling(0), FIRST);
        assert_eq!(ceiling(1), 2 * FIRST);
        assert_eq!(ceiling(6), LONGEST);
        assert_eq!(ceiling(u32::MAX), LONGEST);
    }

    #[test]
    fn waits_are_spread_over_the_whole_stretch() {
        let first: Vec<_> = (0..1000).map(|_| Backoff::default().next()).collect();
        assert!(first.iter().all(|wait| *wait <= FIRST));
        assert!(first.iter().any(|wait| *wait < FIRST / 4) && first.iter().any(|wait| *wait > FIRST * 3 / 4));
    }
}
