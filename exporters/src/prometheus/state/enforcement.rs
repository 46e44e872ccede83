//! The state of enforcement as metrics.

use egret_model::{Attribution, Reason, Verdict};

use super::baseline;
use crate::prometheus::encoder::catalogue::{
    CONFIRM_BY, CONNTRACK_ENTRIES, CONNTRACK_LIMIT, CONTROLLER_RESTARTS, FALLBACKS, FIREWALL_BACKEND,
    FIREWALL_RECREATED, FLOWS_GRANTED, LAST_FALLBACK, MODE_LIMITED, MODE_SINCE, PACKETS_LATE, PACKETS_PARKED,
    PACKETS_UNSEARCHED, PHASE, POLICY_GENERATION, QUESTIONS_PENDING, QUEUE_CAPACITY, QUEUE_DROPPED, QUEUE_LENGTH,
    VERDICT_ATTRIBUTIONS, VERDICT_CACHE_HITS, VERDICT_DURATION, VERDICTS,
};
use crate::prometheus::encoder::{Family, unix_seconds};
use crate::values;
use egret_model::snapshot::{
    AttributionCount, BaselineState, EnforcementState, Phase, QueueState, Snapshot, VerdictCount,
};

const BACKENDS: [&str; 3] = ["iptables-legacy", "iptables-nft", "nftables"];

/// The metrics of enforcement and of the baseline, with at most `limit` executables.
///
/// In `observe` the verdicts exist at zero, so that Prometheus sees the first increase, and so does the baseline that is learned.
pub(super) fn families(snapshot: &Snapshot, limit: usize) -> Vec<Family> {
    let of_baseline = |state: &Option<BaselineState>| {
        state.iter().flat_map(|state| baseline::families(state, limit)).collect::<Vec<_>>()
    };
    let Some(state) = &snapshot.enforcement else {
        let mut families = vec![verdicts(&[]), attributions(&[])];
        families.extend(of_baseline(&snapshot.baseline));
        return families;
    };
    let mut families = mode(state);
    families.extend([verdicts(&state.verdicts), attributions(&state.attributions)]);
    families.extend(work(state));
    families.extend(queues(&state.queues));
    let table = state.connection_table;
    families.push(Family::real(CONNTRACK_ENTRIES, table.map(|table| table.entries as f64)));
    families.push(Family::real(CONNTRACK_LIMIT, table.map(|table| table.limit as f64)));
    families.extend(of_baseline(&state.baseline));
    families
}

fn mode(state: &EnforcementState) -> Vec<Family> {
    let backend = |backend: &str| state.backend == Some(backend);
    let mut fallbacks = Family::new(FALLBACKS);
    state.fallbacks.iter().for_each(|fallback| fallbacks.add(&[fallback.reason], fallback.count));
    let mut last_fallback = Family::new(LAST_FALLBACK);
    if let Some(last) = state.last_fallback {
        last_fallback.add_real(&[last.reason], unix_seconds(last.at));
    }
    vec![
        Family::real(MODE_SINCE, Some(unix_seconds(state.since))),
        Family::single(MODE_LIMITED, u64::from(state.only.is_some())),
        Family::states(PHASE, Phase::ALL.map(Phase::as_str), |phase| phase == state.phase.as_str()),
        Family::single(CONTROLLER_RESTARTS, state.restarts),
        Family::real(CONFIRM_BY, state.confirm_by.map(unix_seconds)),
        fallbacks,
        last_fallback,
        Family::states(FIREWALL_BACKEND, BACKENDS, backend),
        Family::single(FIREWALL_RECREATED, state.firewall_recreated),
        Family::single(POLICY_GENERATION, state.generation.into()),
    ]
}

fn verdicts(counts: &[VerdictCount]) -> Family {
    let mut family = Family::new(VERDICTS);
    for (verdict, reason) in pairs() {
        let those = counts.iter().filter(|count| (count.verdict, count.reason) == (verdict, reason));
        family.add(&[values::verdict(verdict), reason.as_str()], those.map(|count| count.count).sum());
    }
    family
}

fn pairs() -> impl Iterator<Item = (Verdict, Reason)> {
    values::VERDICTS.into_iter().flat_map(|verdict| Reason::ALL.map(|reason| (verdict, reason)))
}

fn attributions(counts: &[AttributionCount]) -> Family {
    let mut family = Family::new(VERDICT_ATTRIBUTIONS);
    let sum = |quality: Attribution| {
        counts.iter().filter(|count| count.attribution == quality).map(|count| count.count).sum()
    };
    values::ATTRIBUTIONS.into_iter().for_each(|quality| family.add(&[values::attribution(quality)], sum(quality)));
    family
}

fn work(state: &EnforcementState) -> [Family; 7] {
    [
        Family::histogram(VERDICT_DURATION, &state.latency),
        Family::single(VERDICT_CACHE_HITS, state.cache_hits),
        Family::single(FLOWS_GRANTED, state.granted),
        Family::single(PACKETS_LATE, state.late),
        Family::single(PACKETS_PARKED, state.parked),
        Family::single(PACKETS_UNSEARCHED, state.unsearched),
        Family::single(QUESTIONS_PENDING, state.questions_pending as u64),
    ]
}

fn queues(queues: &[QueueState]) -> [Family; 3] {
    let (mut length, mut capacity) = (Family::new(QUEUE_LENGTH), Family::new(QUEUE_CAPACITY));
    let mut dropped = Family::new(QUEUE_DROPPED);
    for queue in queues {
        let number = queue.number.to_string();
        length.add(&[&number], queue.length);
        capacity.add(&[&number], queue.capacity);
        dropped.add(&[&number, "queue_full"], queue.dropped_full);
        dropped.add(&[&number, "socket_full"], queue.dropped_user);
    }
    [length, capacity, dropped]
}
