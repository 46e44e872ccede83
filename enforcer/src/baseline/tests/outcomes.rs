//! What becomes of a flow decides what is learned of it.

use egret_model::{
    Attribution, ConnectionId, Endpoint, Evaluation, Event, EventName, Layer, Reason, Timestamp, Transport, Verdict,
};

use super::super::{
    Action, Baseline, Caveat, Facts, Figures, Index, Learned, Learner, Outcome, Precision, Replay, RuleMatch,
    Thresholds, merge, parse, reconcile,
};

const SECOND: i64 = 1_000_000_000;

fn flow(outcome: Outcome) -> Facts<'static> {
    Facts {
        executable: Some("/usr/bin/curl"),
        user: Some("alice".into()),
        transport: Some("tcp"),
        name: Some("example.org"),
        port: Some(443),
        outcome,
        ..Facts::default()
    }
}

fn text(learner: &Learner) -> String {
    learner.baseline().to_string()
}

#[test]
fn failed_flows_are_tried_until_one_succeeds() {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    for second in 0..3 {
        assert_eq!(learner.learn(&flow(Outcome::Failed), Timestamp(second * SECOND)), Learned::Failed);
    }
    let tried = "tried exe=/usr/bin/curl user=alice -> tcp example.org 443  # failed 3 times on 1 day, \
                 1970-01-01T00:00:00Z to 1970-01-01T00:00:02Z\n";
    assert!(text(&learner).contains(tried), "{}", text(&learner));
    assert_eq!(Index::of(learner.baseline()).match_rule(&flow(Outcome::Opened)), RuleMatch::NoRule);
    let (_, all) = Figures::of(learner.baseline());
    assert_eq!((all.counts.rules, all.tried, all.failed), (0, 1, 3));
    assert!(all.caveats().contains(&Caveat::Tried(1)));
    assert_eq!(parse(&text(&learner)).as_ref(), Ok(learner.baseline()));

    assert_eq!(learner.learn(&flow(Outcome::Opened), Timestamp(5 * SECOND)), Learned::New);
    assert_eq!(learner.learn(&flow(Outcome::Failed), Timestamp(9 * SECOND)), Learned::Known);
    let allowed = "allow exe=/usr/bin/curl user=alice -> tcp example.org 443  # seen 1 time on 1 day, \
                   1970-01-01T00:00:05Z to 1970-01-01T00:00:05Z, failed 4 times\n";
    assert!(text(&learner).contains(allowed), "{}", text(&learner));
    assert_eq!(parse(&text(&learner)).as_ref(), Ok(learner.baseline()));
}

#[test]
fn failed_flows_are_learned_like_others_if_that_is_configured() {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    learner.set_allow_failed(true);
    assert_eq!(learner.learn(&flow(Outcome::Failed), Timestamp(0)), Learned::New);
    assert!(matches!(Index::of(learner.baseline()).match_rule(&flow(Outcome::Opened)), RuleMatch::Allow(_)));
}

#[test]
fn blocked_answered_and_outstanding_flows_are_not_learned() {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    learner.set_allow_failed(true);
    for (outcome, learned) in [
        (Outcome::Blocked, Learned::Blocked),
        (Outcome::Answered, Learned::Answered),
        (Outcome::Outstanding, Learned::Outstanding),
    ] {
        assert_eq!(learner.learn(&flow(outcome), Timestamp(0)), learned);
        assert_eq!(learner.learn_again(&flow(outcome), Timestamp(0)).0, learned);
    }
    assert_eq!(learner.baseline(), &Baseline::default());
}

#[test]
fn rereading_a_log_counts_no_failure_twice() {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    learner.learn(&flow(Outcome::Failed), Timestamp(0));
    let before = learner.baseline().clone();
    let mut learner = Learner::new(before.clone(), Precision::default());
    learner.learn_again(&flow(Outcome::Failed), Timestamp(0));
    assert_eq!(learner.baseline(), &before);
}

#[test]
fn tried_rule_that_succeeded_during_an_edit_allows() {
    let tried = parse("format 1\ntried exe=/a -> tcp example.org 443\n").unwrap();
    let allowed = parse("format 1\nallow exe=/a -> tcp example.org 443\n").unwrap();
    let denied = parse("format 1\ndeny exe=/a -> tcp example.org 443\n").unwrap();
    let action = |baseline: Baseline| baseline.entries.into_values().next().map(|entry| entry.action);
    assert_eq!(action(reconcile(&tried, tried.clone(), &allowed)), Some(Action::Allow));
    assert_eq!(action(reconcile(&tried, denied.clone(), &allowed)), Some(Action::Deny));
    let merged = |mut one: Baseline, other: &Baseline| {
        let opposed = merge(&mut one, other.clone());
        (action(one), opposed.len())
    };
    assert_eq!(merged(tried.clone(), &allowed), (Some(Action::Allow), 0));
    assert_eq!(merged(allowed.clone(), &tried), (Some(Action::Allow), 0));
    assert_eq!(merged(tried, &denied), (Some(Action::Deny), 0));
    assert_eq!(merged(allowed, &denied), (Some(Action::Deny), 1));
}

#[test]
fn tried_rules_are_not_generalised_and_are_removed_once_covered() {
    let lines: String = (0..9)
        .map(|number| {
            let action = if number < 8 { "allow" } else { "tried" };
            format!("{action} exe=/a -> tcp n{number}.example.org 443  # seen 1 time on 1 day, 2026-11-20T08:00:01Z to 2026-11-20T08:00:01Z\n")
        })
        .collect();
    let baseline = parse(&format!("format 1\n{lines}")).unwrap();
    let mut learner = Learner::new(baseline, Precision::default());
    assert_eq!(learner.generalise(Thresholds { names: 9, ..Thresholds::default() }), []);
    assert_eq!(learner.generalise(Thresholds::default()).len(), 1);
    assert_eq!(learner.baseline().entries.len(), 1, "{}", text(&learner));
}

fn event(name: EventName) -> Event {
    Event {
        transport: Some(Transport::Tcp),
        peer: Endpoint { address: Some([192, 0, 2, 1].into()), port: Some(443), interface: None },
        ..Event::new(name, Timestamp(0), ConnectionId { socket: 1, opened: 1 }, Layer::Sockets)
    }
}

#[test]
fn outcome_of_a_flow_is_read_from_its_event() {
    let judged = |reason| {
        let evaluation = Evaluation { reason, rule: None, attribution: Attribution::Cookie, duration_ns: None };
        Some(std::sync::Arc::new(evaluation))
    };
    let open = || event(EventName::ConnectionOpen);
    for (event, outcome) in [
        (open(), Outcome::Opened),
        (Event { outstanding: true, ..open() }, Outcome::Outstanding),
        (event(EventName::ConnectionFailed), Outcome::Failed),
        (Event { error: Some(1), ..event(EventName::DatagramSend) }, Outcome::Failed),
        (Event { verdict: Some(Verdict::Block), ..event(EventName::ConnectionFailed) }, Outcome::Blocked),
        (Event { verdict: Some(Verdict::WouldBlock), ..open() }, Outcome::Blocked),
        (Event { verdict: Some(Verdict::Allow), evaluation: judged(Reason::Answer), ..open() }, Outcome::Answered),
        (Event { verdict: Some(Verdict::Allow), evaluation: judged(Reason::NoRule), ..open() }, Outcome::Opened),
    ] {
        assert_eq!(Facts::of(&event).unwrap().outcome, outcome, "{event:?}");
    }
}

#[test]
fn replay_counts_a_flow_of_several_events_once() {
    let index = Index::default();
    let mut replay = Replay::new(&index, Precision::default());
    let datagram = |name| Event { transport: Some(Transport::Udp), ..event(name) };
    for event in [
        Event { outstanding: true, ..event(EventName::ConnectionOpen) },
        event(EventName::ConnectionFailed),
        datagram(EventName::DatagramSend),
        datagram(EventName::ConnectionFailed),
    ] {
        replay.put_event(&event, &Facts::of(&event).unwrap());
    }
    assert_eq!((replay.flows, replay.evaluated()), (2, 2));
}
