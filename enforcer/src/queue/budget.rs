//! How much of the slow path's time may go into searches for owners.
//!
//! A search takes as long as there are descriptors on the host, and any user can send packets that need one. Without a bound, a
//! burst of pings would occupy the worker, and every other packet that waits there would wait behind them.

use std::time::{Duration, Instant};

/// Longest time for one search. A host with 100,000 descriptors needs about 100 ms.
const LONGEST: Duration = Duration::from_millis(500);
/// Search time that is available at once after a quiet period.
const BURST: Duration = Duration::from_millis(250);
/// In the long run, one part in so many of the worker's time goes into searches.
const PART: u32 = 4;

/// A leaky bucket of search time.
#[derive(Debug)]
pub(super) struct Budget {
    /// Time spent and not yet recovered, at `updated`.
    debt: Duration,
    updated: Instant,
}

impl Budget {
    pub(super) const fn new(now: Instant) -> Self {
        Self { debt: Duration::ZERO, updated: now }
    }

    /// Until when a search that begins now may take, or `None` while the budget is used up.
    pub(super) fn deadline(&mut self, now: Instant) -> Option<Instant> {
        let recovered = now.saturating_duration_since(self.updated) / (PART - 1);
        self.debt = self.debt.saturating_sub(recovered);
        self.updated = now;
        (self.debt < BURST).then(|| now + LONGEST)
    }

    /// Accounts for a search that began at `begun`.
    pub(super) fn spend(&mut self, begun: Instant, now: Instant) {
        self.debt = self.debt.saturating_add(now.saturating_duration_since(begun));
        self.updated = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Time spent searching when every search takes `each` and one is wanted all the time.
    fn spent(each: Duration, over: Duration) -> Duration {
        let start = Instant::now();
        let (mut budget, mut now, mut spent) = (Budget::new(start), start, Duration::ZERO);
        while now < start + over {
            if budget.deadline(now).is_some() {
                let begun = now;
                now += each;
                budget.spend(begun, now);
                spent += each;
            } else {
                now += MS;
            }
        }
        spent
    }

    #[test]
    fn searches_under_endless_demand_stay_within_the_budget() {
        let over = Duration::from_secs(60);
        for each in [MS / 10, MS, 40 * MS, LONGEST] {
            let spent = spent(each, over);
            let most = over / PART + BURST + 2 * LONGEST;
            assert!(spent <= most && spent >= over / PART - LONGEST, "{each:?} a search: {spent:?}");
        }
    }

    #[test]
    fn idle_lane_searches_at_once_and_each_search_is_bounded() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        assert_eq!(budget.deadline(start), Some(start + LONGEST));
        budget.spend(start, start + LONGEST);
        assert_eq!(budget.deadline(start + LONGEST), None);
        assert!(budget.deadline(start + LONGEST + (LONGEST - BURST) * PART).is_some());
    }
}
