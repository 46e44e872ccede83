//! Metrics of enforcement.

use std::collections::BTreeMap;

use egret_exporters::prometheus::Format;
use egret_model::snapshot::{
    AttributionCount, Bucket, EnforcementState, ExecutableFlows, FallbackCount, LatencyState, Phase, QueueState,
    Snapshot, VerdictCount,
};
use egret_model::{Attribution, Event, EventName, Reason, Timestamp, Verdict};

use crate::situation::{enforcement, event, metrics, of, samples, snapshot, some};

fn scrape(enforcement: Option<EnforcementState>, executables: usize) -> BTreeMap<String, f64> {
    let snapshot = Snapshot { enforcement, ..snapshot() };
    samples(&metrics(executables, 10).render(&snapshot, Format::Text).unwrap())
}

#[test]
fn verdicts_are_zero_without_enforcement() {
    let shown = scrape(None, 10);
    assert_eq!(of(&shown, "egret_verdicts_total").len(), 21);
    assert_eq!(of(&shown, "egret_verdict_attributions_total").len(), 5);
    assert!(some(&shown, "egret_verdicts_total").is_empty());
    for absent in ["egret_mode_since", "egret_verdict_duration", "egret_queue_", "egret_baseline", "egret_firewall"] {
        assert!(shown.keys().all(|series| !series.starts_with(absent)), "{absent}");
    }
}

/// Events have verdicts too, but they may be lost, and a connection has several events.
#[test]
fn verdicts_are_counted_from_the_snapshot_only() {
    let counts = vec![
        VerdictCount { verdict: Verdict::Allow, reason: Reason::Rule, count: 1000 },
        VerdictCount { verdict: Verdict::Block, reason: Reason::NoRule, count: 7 },
    ];
    let attributions = vec![AttributionCount { attribution: Attribution::Tuple, count: 1007 }];
    let state = EnforcementState { verdicts: counts, attributions, ..enforcement() };
    let metrics = metrics(10, 10);
    let blocked = Event { verdict: Some(Verdict::Block), ..event(EventName::ConnectionFailed, "/a") };
    metrics.count(&[blocked]);
    let snapshot = Snapshot { enforcement: Some(state), ..snapshot() };
    let shown = samples(&metrics.render(&snapshot, Format::Text).unwrap());
    let expected = [(r#"verdict="allow",reason="rule""#, 1000.0), (r#"verdict="block",reason="no_rule""#, 7.0)];
    assert_eq!(some(&shown, "egret_verdicts_total"), expected);
    assert_eq!(some(&shown, "egret_verdict_attributions_total"), [(r#"quality="tuple""#, 1007.0)]);
}

#[test]
fn mode_and_its_times_are_exposed() {
    let state = EnforcementState {
        only: Some("exe=/usr/bin/curl".into()),
        phase: Phase::InForce,
        restarts: 1,
        backend: Some("nftables"),
        generation: 4,
        firewall_recreated: 2,
        fallbacks: vec![FallbackCount { reason: "block_spike", count: 3 }],
        ..enforcement()
    };
    let shown = scrape(Some(state), 10);
    assert_eq!(shown["egret_mode_since_timestamp_seconds"], 1_700_000_000.5);
    assert_eq!(shown["egret_confirm_by_timestamp_seconds"], 1_700_000_000.5);
    assert_eq!(shown["egret_mode_limited"], 1.0);
    assert_eq!(some(&shown, "egret_enforcement_phase"), [(r#"phase="in_force""#, 1.0)]);
    assert_eq!(shown["egret_controller_restarts_total"], 1.0);
    assert_eq!(some(&shown, "egret_firewall_backend"), [(r#"backend="nftables""#, 1.0)]);
    assert_eq!(of(&shown, "egret_firewall_backend").len(), 3);
    assert_eq!((shown["egret_policy_generation"], shown["egret_firewall_recreated_total"]), (4.0, 2.0));
    assert_eq!(some(&shown, "egret_fallbacks_total"), [(r#"reason="block_spike""#, 3.0)]);
    assert_eq!(shown[r#"egret_last_fallback_timestamp_seconds{reason="block_spike"}"#], 1_700_000_000.5);
}

#[test]
fn times_without_a_value_have_no_sample() {
    let state = EnforcementState { confirm_by: None, last_fallback: None, backend: None, ..enforcement() };
    let shown = scrape(Some(state), 10);
    for absent in ["egret_confirm_by", "egret_last_fallback"] {
        assert!(shown.keys().all(|series| !series.starts_with(absent)), "{absent}");
    }
    assert!(some(&shown, "egret_firewall_backend").is_empty());
}

#[test]
fn verdict_latency_is_a_histogram() {
    let buckets = vec![Bucket { at_most_seconds: 0.0001, count: 5 }, Bucket { at_most_seconds: 0.001, count: 8 }];
    let latency = LatencyState { buckets, count: 9, sum_seconds: 0.25 };
    let shown = scrape(Some(EnforcementState { latency, ..enforcement() }), 10);
    let buckets = of(&shown, "egret_verdict_duration_seconds_bucket");
    assert_eq!(buckets, BTreeMap::from([(r#"le="+Inf""#, 9.0), (r#"le="0.0001""#, 5.0), (r#"le="0.001""#, 8.0)]));
    assert_eq!(shown["egret_verdict_duration_seconds_sum"], 0.25);
    assert_eq!(shown["egret_verdict_duration_seconds_count"], 9.0);
}

#[test]
fn queues_are_labelled_by_number() {
    let queue = |number, length| QueueState { number, length, capacity: 1024, dropped_full: 5, dropped_user: 1 };
    let state = EnforcementState { queues: vec![queue(10, 3), queue(11, 0)], ..enforcement() };
    let shown = scrape(Some(state), 10);
    assert_eq!(some(&shown, "egret_queue_length"), [(r#"queue="10""#, 3.0)]);
    assert_eq!(shown[r#"egret_queue_capacity{queue="11"}"#], 1024.0);
    assert_eq!(shown[r#"egret_queue_dropped_total{queue="10",reason="queue_full"}"#], 5.0);
    assert_eq!(shown[r#"egret_queue_dropped_total{queue="10",reason="socket_full"}"#], 1.0);
}

#[test]
fn packet_counters_are_exposed() {
    let state = EnforcementState {
        cache_hits: 1,
        granted: 2,
        late: 3,
        parked: 4,
        questions_pending: 5,
        unsearched: 6,
        ..enforcement()
    };
    let shown = scrape(Some(state), 10);
    let names = ["verdict_cache_hits_total", "flows_granted_total", "packets_late_total", "packets_parked_total"];
    assert_eq!(names.map(|name| shown[&format!("egret_{name}")]), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(shown["egret_questions_pending"], 5.0);
    assert_eq!(shown["egret_packets_unsearched_total"], 6.0);
}

fn flows(executable: Option<&str>, flows: u64, once: u64) -> ExecutableFlows {
    ExecutableFlows { executable: executable.map(Into::into), flows, once }
}

fn with_executables(executables: Vec<ExecutableFlows>) -> EnforcementState {
    let mut state = enforcement();
    state.baseline.as_mut().unwrap().executables = executables;
    state
}

#[test]
fn baseline_state_is_exposed() {
    let mut state = enforcement();
    let baseline = state.baseline.as_mut().unwrap();
    (baseline.rules, baseline.denied_rules, baseline.subjects) = (120, 2, 14);
    (baseline.gaps, baseline.learned, baseline.flows) = (1, 3, 4000);
    (baseline.novelty, baseline.novelty_at_most) = (Some(0.002), Some(0.091));
    baseline.last_saved = Some(Timestamp(1_700_000_001_000_000_000));
    baseline.problems = vec!["baseline:3: not a rule".into()];
    let shown = scrape(Some(state), 10);
    for (name, value) in [
        ("rules", 120.0),
        ("denied_rules", 2.0),
        ("subjects", 14.0),
        ("gaps", 1.0),
        ("learned_total", 3.0),
        ("flows", 4000.0),
        ("novelty_ratio", 0.002),
        ("novelty_bound_ratio", 0.091),
        ("saved_timestamp_seconds", 1_700_000_001.0),
        ("problems", 1.0),
    ] {
        assert_eq!(shown[&format!("egret_baseline_{name}")], value, "{name}");
    }
}

#[test]
fn baseline_executables_are_added_up_and_limited() {
    let state = with_executables(vec![
        flows(Some("/b"), 40, 4),
        flows(Some("/a"), 100, 0),
        flows(None, 8, 8),
        flows(Some("/b"), 60, 6),
        flows(Some("/c"), 10, 5),
        flows(Some("/d"), 10, 1),
        flows(Some("/unused"), 0, 0),
    ]);
    let shown = scrape(Some(state), 2);
    let label = |executable: &str| format!("executable=\"{executable}\"");
    let expected = [("/a", 100.0, 0.0), ("/b", 100.0, 0.1), ("other", 20.0, 0.3), ("unknown", 8.0, 1.0)];
    let of = |metric: &str| -> Vec<(String, f64)> {
        of(&shown, metric).into_iter().map(|(labels, value)| (labels.to_owned(), value)).collect()
    };
    assert_eq!(of("egret_baseline_subject_flows"), expected.map(|(path, flows, _)| (label(path), flows)));
    assert_eq!(of("egret_baseline_subject_novelty_ratio"), expected.map(|(path, _, novelty)| (label(path), novelty)));
}

#[test]
fn series_do_not_grow_with_the_baseline() {
    let many = (0..10_000).map(|number| flows(Some(&format!("/tmp/build-{number:0200}")), number + 1, 1)).collect();
    let shown = scrape(Some(with_executables(many)), 50);
    let flows = of(&shown, "egret_baseline_subject_flows");
    assert_eq!(flows.len(), 51);
    assert_eq!(flows.values().sum::<f64>(), 50_005_000.0);
    assert!(flows.keys().all(|labels| labels.len() < 300));
}
