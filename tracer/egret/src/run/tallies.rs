//! The tallies of captured records, as last published by the capture thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egret_model::snapshot::NamesState;
use egret_model::{LossReason, LossStage, OpenConnections, Tally};

/// Published values.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) tally: Tally,
    pub(super) names: Option<NamesState>,
    pub(super) open: Option<Arc<OpenConnections>>,
}

/// The tallies for other threads. Only the capture thread reads the kernel's counters. It publishes them several times a
/// second while there is traffic, and when it stops.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    published: Mutex<Published>,
    /// Events that left the capture thread.
    handed_on: AtomicU64,
    /// Events that were offered to the sinks.
    offered: AtomicU64,
}

#[derive(Debug, Default)]
struct Published {
    sums: Sums,
    /// No further changes.
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

    pub(super) fn handed_on(&self, events: usize) {
        self.handed_on.fetch_add(count(events), Ordering::Relaxed);
    }

    pub(super) fn offered(&self, events: usize) {
        self.offered.fetch_add(count(events), Ordering::Relaxed);
    }

    /// Counts events that have not reached the sinks as lost. After a complete drain there are none.
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
    fn settling_counts_events_that_did_not_reach_the_sinks_as_lost() {
        let tallies = Tallies::default();
        let waiting = vec![Loss { stage: LossStage::FlowRing, reason: LossReason::Shutdown, count: 45 }];
        tallies.handed_on(200);
        tallies.offered(150);
        let tally = Tally { captured: 263, delivered: 218, waiting, ..Tally::default() };
        tallies.set(Sums { tally, ..Sums::default() });
        tallies.settle();
        tallies.settle();
        // The capture thread may publish later.
        let tally = Tally { captured: 300, delivered: 300, ..Tally::default() };
        tallies.set(Sums { tally, ..Sums::default() });
        let Sums { tally, .. } = tallies.get();
        assert_eq!((tally.captured, tally.delivered, tally.lost_total()), (263, 168, 95));
    }
}
