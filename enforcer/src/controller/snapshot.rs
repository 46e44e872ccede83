//! The state of enforcement, as status and metrics show it.

use std::sync::Arc;

use egret_model::Reason;
use egret_model::snapshot::{
    self, AttributionCount, Bucket, ConnectionTable, EnforcementState, Fallback, FallbackCount, LatencyState, Phase,
    VerdictCount,
};

use super::lasting::Lasting;
use crate::clock;
use crate::mode::{Counts, FallbackReason, ModeState};
use crate::queue::{BUCKETS, Latency, QueueLength, QueueState};
use crate::verdicts::Verdicts;

/// The state of enforcement. `counts` are those of all workers so far.
pub(super) fn snapshot(
    phase: Phase,
    lasting: &Lasting,
    counts: &QueueState,
    verdicts: &Verdicts,
    connection_table: Option<ConnectionTable>,
) -> EnforcementState {
    let ModeState { mode, since, only, pending, fallback, .. } = &lasting.mode;
    let count = |reason: FallbackReason| FallbackCount {
        reason: reason.as_str(),
        count: lasting.fallbacks.get(&reason).copied().unwrap_or_default(),
    };
    let mut state = EnforcementState {
        mode: *mode,
        phase,
        restarts: lasting.restarts,
        since: *since,
        confirm_by: pending.as_ref().map(|pending| pending.ends_at(clock::on_both())),
        only: only.as_deref().map(Arc::from),
        backend: lasting.firewall.backend(),
        generation: lasting.generation,
        firewall_recreated: lasting.firewall.recreated(),
        last_fallback: fallback.map(|fallback| Fallback { reason: fallback.reason.as_str(), at: fallback.at }),
        fallbacks: FallbackReason::ALL.map(count).to_vec(),
        granted: verdicts.granted(),
        connection_table,
        ..EnforcementState::default()
    };
    show(counts, &mut state);
    state
}

/// What the fallback monitor watches.
pub(super) fn monitored(counts: &QueueState, blocks: u64) -> Counts {
    let evaluated = counts.verdicts.iter().map(|(.., count)| count).sum();
    let unattributed = counts.verdicts.iter().filter(|(_, reason, _)| *reason == Reason::Unattributed);
    let unattributed = unattributed.map(|(.., count)| count).sum();
    Counts { evaluated, unattributed, blocks, overflow: counts.unread() }
}

fn show(counts: &QueueState, state: &mut EnforcementState) {
    let verdict =
        |(verdict, reason, count): &(_, _, u64)| VerdictCount { verdict: *verdict, reason: *reason, count: *count };
    state.verdicts = counts.verdicts.iter().map(verdict).collect();
    let attribution = |(attribution, count): &(_, u64)| AttributionCount { attribution: *attribution, count: *count };
    state.attributions = counts.attributions.iter().map(attribution).collect();
    state.latency = latency(&counts.latency);
    state.cache_hits = counts.hits;
    state.late = counts.late;
    state.parked = counts.parked;
    state.unsearched = counts.unsearched;
    let queue = |queue: &QueueLength| snapshot::QueueState {
        number: queue.number,
        length: queue.length.into(),
        capacity: queue.capacity.into(),
        dropped_full: queue.unread().saturating_sub(queue.dropped_user),
        dropped_user: queue.dropped_user,
    };
    state.queues = counts.queues.iter().map(queue).collect();
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
