use egret_model::snapshot::{
    AttributionCount, BaselineState, Bucket, ConnectionTable, EnforcementState, Fallback, FallbackCount, LatencyState,
    Phase, QueueState, Snapshot, VerdictCount,
};
use egret_model::{Attribution, Layer, Mode, Reason, Tally, Timestamp, Verdict};

use super::{Configuration, Listening, Status, Usage, text};

const TEN_AT_NIGHT: Timestamp = Timestamp(1_699_999_200_000_000_000);

fn status(enforcement: Option<EnforcementState>) -> Status {
    let snapshot = Snapshot {
        open: None,
        mode: enforcement.as_ref().map_or(Mode::Observe, |state| state.mode),
        layer: Layer::Sockets,
        degradations: Vec::new(),
        tally: Tally::default(),
        sinks: Vec::new(),
        names: None,
        enforcement,
        baseline: None,
    };
    Status {
        version: "1.2.3",
        pid: 1,
        uptime_seconds: 60,
        starting: false,
        stopping: false,
        snapshot,
        listening: Listening { control: "/run/egret/egret.sock".into(), metrics: None },
        configuration: Configuration::default(),
        threads: Vec::new(),
        usage: Usage::default(),
        troubles: Vec::new(),
    }
}

fn enforcing() -> EnforcementState {
    let verdict = |verdict, reason, count| VerdictCount { verdict, reason, count };
    EnforcementState {
        mode: Mode::Enforce,
        phase: Phase::InForce,
        restarts: 0,
        since: TEN_AT_NIGHT,
        confirm_by: Some(Timestamp(TEN_AT_NIGHT.0 + 300_000_000_000)),
        only: Some("exe=/usr/bin/curl".into()),
        backend: Some("nftables"),
        generation: 3,
        firewall_recreated: 2,
        last_fallback: Some(Fallback { reason: "block_spike", at: TEN_AT_NIGHT }),
        fallbacks: vec![FallbackCount { reason: "block_spike", count: 2 }],
        verdicts: vec![
            verdict(Verdict::Allow, Reason::Rule, 1000),
            verdict(Verdict::Block, Reason::NoRule, 7),
            verdict(Verdict::Block, Reason::Late, 0),
        ],
        attributions: vec![AttributionCount { attribution: Attribution::Tuple, count: 1007 }],
        latency: LatencyState {
            buckets: vec![Bucket { at_most_seconds: 0.000_05, count: 900 }],
            count: 1007,
            sum_seconds: 0.1,
        },
        cache_hits: 400,
        granted: 5000,
        late: 1,
        parked: 4,
        unsearched: 0,
        questions_pending: 2,
        queues: vec![QueueState { number: 10, length: 3, capacity: 1024, dropped_full: 5, dropped_user: 6 }],
        connection_table: Some(ConnectionTable { entries: 12, limit: 262_144 }),
        baseline: Some(BaselineState {
            rules: 120,
            denied_rules: 2,
            subjects: 14,
            gaps: 1,
            learned: 3,
            full: 0,
            flows: 4000,
            novelty: Some(0.002),
            novelty_at_most: Some(0.091),
            last_saved: Some(TEN_AT_NIGHT),
            problems: vec!["baseline:3: \u{1b}[2J is no rule".into()],
            executables: Vec::new(),
        }),
    }
}

#[test]
fn without_enforcement_only_the_mode_is_shown() {
    let text = text::render(&status(None));
    assert!(text.contains("\nmode           observe\n"), "{text}");
    assert!(!text.contains("verdicts") && !text.contains("baseline"), "{text}");
}

#[test]
fn layers_that_see_less_are_marked() {
    let mut status = status(None);
    assert!(text::render(&status).contains("\ncapture        sockets\n"));
    status.snapshot.layer = Layer::Syscalls;
    let text = text::render(&status);
    assert!(
        text.contains("\ncapture        syscalls, which sees less than sockets; `egret doctor` says why\n"),
        "{text}"
    );
}

#[test]
fn text_has_the_state_of_enforcement() {
    let text = text::render(&status(Some(enforcing())));
    let expected = "\
mode           enforce since 2023-11-14T22:00:00Z, only for exe=/usr/bin/curl
               reverts at 2023-11-14T22:05:00Z unless `egret mode confirm` comes first
               fell back to shadow 2 times, last at 2023-11-14T22:00:00Z (block_spike)
";
    assert!(text.contains(expected), "{text}");
    let expected = "\
firewall       nftables, generation 3, put back: 2
               12 of 262144 connections tracked
verdicts       1000 allow, 0 would_block, 7 block
               7 block: no_rule
               400 from the cache, 1 late, 4 delayed; 5000 more granted in the kernel
               half within 50.0us, 99 of 100 beyond 50.0us
               attributed: 1007 by tuple
questions      2 wait for an answer, see egret ask
queue 10       3 of 1024 packets wait; 5 came while it was full, 6 could not be delivered
baseline       120 rules allow, 2 rules deny, for 14 subjects
               from 4000 flows; 3 rules learned since the start
               chance that the next flow is new: 0.20 %, at most 9.10 %
               incomplete: 1 intervals with losses
               saved at 2023-11-14T22:00:00Z
               problem: baseline:3: \\u{1b}[2J is no rule
";
    assert!(text.contains(expected), "{text}");
    assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
}

#[test]
fn json_has_the_state_of_enforcement() {
    let json = serde_json::to_value(status(Some(enforcing()))).unwrap();
    assert_eq!(json["mode"], "enforce");
    let state = &json["enforcement"];
    assert_eq!(state["since"], "2023-11-14T22:00:00.000000000Z");
    assert_eq!(state["verdicts"][1], serde_json::json!({"verdict": "block", "reason": "no_rule", "count": 7}));
    assert_eq!(state["attributions"][0], serde_json::json!({"attribution": "tuple", "count": 1007}));
    assert_eq!((&state["queues"][0]["length"], &state["baseline"]["novelty"]), (&3.into(), &0.002.into()));
}
