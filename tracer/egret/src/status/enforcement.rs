//! Enforcement as text.

use std::time::Duration;

use egret_exporters::values;
use egret_model::Verdict;
use egret_model::snapshot::{BaselineState, ConnectionTable, EnforcementState, LatencyState, Phase, QueueState};
use egret_view::table::{duration, moment, printable};

use super::text::line;

/// The mode, with a pending revert and the last fallback.
pub(super) fn mode(out: &mut String, state: &EnforcementState) {
    let only = state.only.as_deref().map(|only| format!(", only for {}", printable(only, true)));
    let phase = match state.phase {
        Phase::Starting => ", starting: the mode is not in force yet",
        Phase::InForce => "",
        Phase::Failed => ", failed: enforce.on_failure is in force instead",
    };
    line(
        out,
        "mode",
        &format!("{} since {}{}{phase}", state.mode.as_str(), moment(state.since), only.unwrap_or_default()),
    );
    if let Some(by) = state.confirm_by {
        line(out, "", &format!("reverts at {} unless `egret mode confirm` comes first", moment(by)));
    }
    if state.restarts > 0 {
        line(out, "", &format!("the controller panicked and was restarted {} times, see the log", state.restarts));
    }
    if let Some(last) = state.last_fallback {
        let times: u64 = state.fallbacks.iter().map(|fallback| fallback.count).sum();
        let text = format!("fell back to shadow {times} times, last at {} ({})", moment(last.at), last.reason);
        line(out, "", &text);
    }
}

pub(super) fn work(out: &mut String, state: &EnforcementState) {
    if let Some(backend) = state.backend {
        let (generation, again) = (state.generation, state.firewall_recreated);
        line(out, "firewall", &format!("{backend}, generation {generation}, put back: {again}"));
    }
    if let Some(ConnectionTable { entries, limit }) = state.connection_table {
        line(out, "", &format!("{entries} of {limit} connections tracked"));
    }
    verdicts(out, state);
    if state.questions_pending > 0 {
        line(out, "questions", &format!("{} wait for an answer, see egret ask", state.questions_pending));
    }
    let is_shown = |queue: &&QueueState| queue.capacity > 0 || queue.dropped_full + queue.dropped_user > 0;
    state.queues.iter().filter(is_shown).for_each(|of| line(out, &format!("queue {}", of.number), &queue(of)));
    if let Some(state) = &state.baseline {
        baseline(out, state);
    }
}

fn verdicts(out: &mut String, state: &EnforcementState) {
    let sum = |verdict: Verdict| -> u64 {
        state.verdicts.iter().filter(|count| count.verdict == verdict).map(|count| count.count).sum()
    };
    let sums = values::VERDICTS.map(|verdict| format!("{} {}", sum(verdict), values::verdict(verdict)));
    line(out, "verdicts", &sums.join(", "));
    for kind in state.verdicts.iter().filter(|kind| kind.verdict != Verdict::Allow && kind.count > 0) {
        line(out, "", &format!("{} {}: {}", kind.count, values::verdict(kind.verdict), kind.reason.as_str()));
    }
    let EnforcementState { cache_hits, granted, late, parked, .. } = state;
    line(
        out,
        "",
        &format!("{cache_hits} from the cache, {late} late, {parked} delayed; {granted} more granted in the kernel"),
    );
    if state.unsearched > 0 {
        line(out, "", &format!("{} unattributed without a search because of the search limit", state.unsearched));
    }
    line(out, "", &latency(&state.latency));
    let ways: Vec<_> = state.attributions.iter().filter(|way| way.count > 0).collect();
    if !ways.is_empty() {
        let ways = ways.iter().map(|way| format!("{} by {}", way.count, values::attribution(way.attribution)));
        line(out, "", &format!("attributed: {}", ways.collect::<Vec<_>>().join(", ")));
    }
}

/// Latency of verdicts, to the precision of the buckets.
fn latency(latency: &LatencyState) -> String {
    if latency.count == 0 {
        return "no verdict was measured yet".to_owned();
    }
    let within = |share, words: &str| match latency.bound(share) {
        Some(bound) => format!("{words} within {}", time(bound)),
        None => format!(
            "{words} beyond {}",
            latency.buckets.last().map_or_else(String::new, |last| time(last.at_most_seconds))
        ),
    };
    format!("{}, {}", within(0.5, "half"), within(0.99, "99 of 100"))
}

fn time(seconds: f64) -> String {
    let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    duration(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), false)
}

fn queue(queue: &QueueState) -> String {
    let QueueState { length, capacity, dropped_full, dropped_user, .. } = queue;
    format!(
        "{length} of {capacity} packets wait; {dropped_full} came while it was full, {dropped_user} could not be delivered"
    )
}

pub(super) fn baseline(out: &mut String, state: &BaselineState) {
    let BaselineState { rules, denied_rules, subjects, flows, learned, full, gaps, .. } = state;
    line(out, "baseline", &format!("{rules} rules allow, {denied_rules} rules deny, for {subjects} subjects"));
    line(out, "", &format!("from {flows} flows; {learned} rules learned since the start"));
    if let Some(novelty) = state.novelty {
        let most = state.novelty_at_most.map(|most| format!(", at most {}", percent(most)));
        line(out, "", &format!("chance that the next flow is new: {}{}", percent(novelty), most.unwrap_or_default()));
    }
    if *full > 0 {
        line(out, "", &format!("full: {full} flows were not learned; see baseline.rules"));
    }
    if *gaps > 0 {
        line(out, "", &format!("incomplete: {gaps} intervals with losses"));
    }
    line(
        out,
        "",
        &state.last_saved.map_or_else(|| "not saved yet".to_owned(), |at| format!("saved at {}", moment(at))),
    );
    state.problems.iter().for_each(|problem| line(out, "", &format!("problem: {}", printable(problem, true))));
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}
