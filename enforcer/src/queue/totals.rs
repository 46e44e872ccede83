//! What workers have counted in all: counts only grow, and survive the workers that made them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::state::{QueueLength, QueueState};

/// The counts of workers that have ended.
#[derive(Debug, Default)]
pub struct Totals(Mutex<QueueState>);

impl Totals {
    /// Adds the counts of workers that end.
    pub(super) fn add(&self, ended: &QueueState) {
        let mut totals = self.lock();
        totals.merge(ended);
        for queue in &mut totals.queues {
            (queue.length, queue.capacity, queue.failed) = (0, 0, None);
        }
        totals.parked_now = 0;
    }

    /// All counts, with those of workers that run.
    #[must_use]
    pub fn with(&self, running: Option<&QueueState>) -> QueueState {
        let mut sum = self.lock().clone();
        running.into_iter().for_each(|running| sum.merge(running));
        sum
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    /// Adds the counts of other workers; what is not a count is theirs.
    fn merge(&mut self, other: &Self) {
        other.verdicts.iter().for_each(|(verdict, reason, count)| self.add_verdicts(*verdict, *reason, *count));
        other.attributions.iter().for_each(|(attribution, count)| self.add_attributions(*attribution, *count));
        self.latency.buckets.iter_mut().zip(&other.latency.buckets).for_each(|(sum, count)| *sum += count);
        self.latency.sum += other.latency.sum;
        self.hits += other.hits;
        self.deferred += other.deferred;
        self.parked += other.parked;
        self.unsearched += other.unsearched;
        self.late += other.late;
        self.refused += other.refused;
        self.parked_now = other.parked_now;
        for queue in &other.queues {
            match self.queues.iter_mut().find(|known| known.number == queue.number) {
                Some(known) => *known = added(known, queue),
                None => self.queues.push(queue.clone()),
            }
        }
    }
}

/// A queue as it is now, with what it dropped before.
fn added(before: &QueueLength, now: &QueueLength) -> QueueLength {
    let mut sum = now.clone();
    sum.dropped_full += before.dropped_full;
    sum.dropped_user += before.dropped_user;
    sum.missing += before.missing;
    sum
}

#[cfg(test)]
mod tests {
    use egret_model::{Reason, Verdict};

    use super::*;

    fn state(number: u16, drops: u64) -> QueueState {
        let queue = QueueLength {
            number,
            length: 3,
            capacity: 1024,
            dropped_full: drops,
            missing: drops,
            ..QueueLength::default()
        };
        QueueState { verdicts: vec![(Verdict::Allow, Reason::Rule, 10)], queues: vec![queue], ..QueueState::default() }
    }

    #[test]
    fn drops_are_counted_once_and_stay_while_workers_restart() {
        let totals = Totals::default();
        let overflow = |now: Option<&QueueState>| totals.with(now).unread();
        assert_eq!(overflow(Some(&state(10, 100))), 100);
        totals.add(&state(10, 100));
        assert_eq!(overflow(None), 100, "no worker");
        assert_eq!(overflow(Some(&state(10, 0))), 100, "a new one");
        assert_eq!(overflow(Some(&state(20, 1))), 101, "one with another queue");
        assert_eq!(totals.with(None).verdicts, [(Verdict::Allow, Reason::Rule, 10)]);
        let idle = totals.with(None);
        assert_eq!((idle.queues[0].length, idle.queues[0].capacity), (0, 0));
    }
}
