//! What was captured, as the capture thread last summed it up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egret_model::snapshot::NamesState;
use egret_model::{LossReason, LossStage, OpenConnections, Tally};

/// What others read.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) tally: Tally,
    pub(super) names: Option<NamesState>,
    pub(super) open: Option<Arc<OpenConnections>>,
}

/// The sums that others read. The kernel's counters belong to the capture thread, which may be busy; so it publishes
/// them: several times a second while there is traffic, and when it stops.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    published: Mutex<Published>,
    /// Events that the capture thread had to hand on.
    handed_on: AtomicU64,
    /// Events that were offered to the sinks.
    offered: AtomicU64,
}

#[derive(Debug, Default)]
struct Published {
    sums: Sums,
    /// Nothing changes any more.
    settled: bool,
}

impl Tallies {
    pub(super) fn set(&self, sums: Sums) {
        let mut published = self.lock();
        if !published.settled {
            published.sums = sums;
        }
    }

    pub(super) fn get(&self) -> Sums {
        self.lock().sums.clone()
    }

    /// Events have begun their way to the sinks.
    pub(super) fn handed_on(&self, events: usize) {
        self.handed_on.fetch_add(count(events), Ordering::Relaxed);
    }

    /// Events were offered to the sinks.
    pub(super) fn offered(&self, events: usize) {
        self.offered.fetch_add(count(events), Ordering::Relaxed);
    }

    /// Counts as lost whatever has not reached the sinks: nobody waits for it any more. After a stop that nothing cut short
    /// that is nothing.
    pub(super) fn settle(&self) {
        let mut published = self.lock();
        if published.settled {
            return;
        }
        published.settled = true;
        published.sums.tally.settle();
        let offered = self.offered.load(Ordering::Relaxed);
        let left = self.handed_on.load(Ordering::Relaxed).saturating_sub(offered);
        published.sums.tally.lose_delivered(LossStage::Queue, LossReason::Shutdown, left);
    }

    fn lock(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(events: usize) -> u64 {
    u64::try_from(events).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use egret_model::Loss;

    use super::*;

    #[test]
    fn what_has_not_reached_the_sinks_is_lost_once_and_for_all() {
        let tallies = Tallies::default();
        let waiting = vec![Loss { stage: LossStage::FlowRing, reason: LossReason::Shutdown, count: 45 }];
        tallies.handed_on(200);
        tallies.offered(150);
        let tally = Tally { captured: 263, delivered: 218, waiting, ..Tally::default() };
        tallies.set(Sums { tally, ..Sums::default() });
        tallies.settle();
        tallies.settle();
        // The capture thread may come to itself later.
        let tally = Tally { captured: 300, delivered: 300, ..Tally::default() };
        tallies.set(Sums { tally, ..Sums::default() });
        let Sums { tally, .. } = tallies.get();
        assert_eq!((tally.captured, tally.delivered, tally.lost_total()), (263, 168, 95));
    }
}
