//! What lanes count, over all that there were: they are started anew when modes change, and counts only grow.

use egret_enforcer::mode::Counts;
use egret_enforcer::queue::{BUCKETS, Latency, QueueState};
use egret_exporters::snapshot::{self, AttributionCount, Bucket, EnforcementState, LatencyState, VerdictCount};
use egret_model::Reason;

/// The counts of lanes that have ended.
#[derive(Default)]
pub(super) struct Sums(QueueState);

impl Sums {
    /// Adds the counts of lanes that end.
    pub(super) fn add(&mut self, ended: &QueueState) {
        self.0 = self.with(Some(ended));
        for queue in &mut self.0.queues {
            (queue.length, queue.failed) = (0, None);
        }
    }

    /// All counts, with those of lanes that are at work.
    pub(super) fn with(&self, now: Option<&QueueState>) -> QueueState {
        let mut sum = self.0.clone();
        let Some(now) = now else {
            sum.queues.clear();
            return sum;
        };
        for (verdict, reason, count) in &now.verdicts {
            match sum.verdicts.iter_mut().find(|known| (known.0, known.1) == (*verdict, *reason)) {
                Some(known) => known.2 += count,
                None => sum.verdicts.push((*verdict, *reason, *count)),
            }
        }
        for (attribution, count) in &now.attributions {
            match sum.attributions.iter_mut().find(|known| known.0 == *attribution) {
                Some(known) => known.1 += count,
                None => sum.attributions.push((*attribution, *count)),
            }
        }
        sum.latency.buckets.iter_mut().zip(&now.latency.buckets).for_each(|(sum, count)| *sum += count);
        sum.latency.sum += now.latency.sum;
        sum.hits += now.hits;
        sum.deferred += now.deferred;
        sum.parked += now.parked;
        sum.late += now.late;
        sum.refused += now.refused;
        sum.parked_now = now.parked_now;
        sum.queues = now.queues.iter().map(|queue| self.queue(queue)).collect();
        sum
    }

    fn queue(&self, now: &egret_enforcer::queue::QueueLength) -> egret_enforcer::queue::QueueLength {
        let mut sum = now.clone();
        if let Some(before) = self.0.queues.iter().find(|before| before.number == now.number) {
            sum.dropped_full += before.dropped_full;
            sum.dropped_user += before.dropped_user;
            sum.missing += before.missing;
        }
        sum
    }
}

/// What is looked at to see whether enforcing hurts.
pub(super) fn alarming(sum: &QueueState, blocks: u64) -> Counts {
    let judged = sum.verdicts.iter().map(|(.., count)| count).sum();
    let unattributed = sum.verdicts.iter().filter(|(_, reason, _)| *reason == Reason::Unattributed);
    let overflow = sum.queues.iter().map(|queue| queue.dropped_full + queue.dropped_user + queue.missing).sum();
    Counts { judged, unattributed: unattributed.map(|(.., count)| count).sum(), blocks, overflow }
}

/// Puts counts where they are shown.
pub(super) fn show(sum: &QueueState, state: &mut EnforcementState) {
    let verdict =
        |(verdict, reason, count): &(_, _, u64)| VerdictCount { verdict: *verdict, reason: *reason, count: *count };
    state.verdicts = sum.verdicts.iter().map(verdict).collect();
    let attribution = |(attribution, count): &(_, u64)| AttributionCount { attribution: *attribution, count: *count };
    state.attributions = sum.attributions.iter().map(attribution).collect();
    state.latency = latency(&sum.latency);
    state.cache_hits = sum.hits;
    state.late = sum.late;
    state.parked = sum.parked;
    let queue = |queue: &egret_enforcer::queue::QueueLength| snapshot::QueueState {
        number: queue.number,
        length: queue.length.into(),
        capacity: queue.capacity.into(),
        dropped_full: queue.dropped_full.max(queue.missing),
        dropped_user: queue.dropped_user,
    };
    state.queues = sum.queues.iter().map(queue).collect();
}

fn latency(latency: &Latency) -> LatencyState {
    let mut below = 0;
    let buckets = BUCKETS.iter().zip(&latency.buckets).map(|(bound, count)| {
        below += count;
        Bucket { at_most_seconds: bound.as_secs_f64(), count: below }
    });
    let buckets = buckets.collect();
    LatencyState { buckets, count: latency.count(), sum_seconds: latency.sum.as_secs_f64() }
}
