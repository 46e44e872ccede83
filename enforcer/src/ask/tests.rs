use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::table::{ANSWERS, BESIDE, FORGOTTEN, ONCE, QUESTIONS, Table};
use super::*;
use crate::baseline::{Facts, Precision, Rule, Subject};

fn facts(program: u8, port: u16) -> Facts<'static> {
    let executable = ["/usr/bin/curl", "/usr/bin/python3", "/usr/bin/wget"][usize::from(program) % 3];
    Facts {
        executable: Some(executable),
        script: (program % 3 == 1).then_some("app.py"),
        user: Some("alice".into()),
        transport: Some("tcp"),
        name: (port.is_multiple_of(2)).then_some("example.org"),
        address: Some([192, 0, 2, 1].into()),
        port: Some(port),
        ..Facts::default()
    }
}

fn rule(program: u8, port: u16) -> Rule {
    Precision::default().rule_for(&facts(program, port)).unwrap()
}

fn ask(table: &mut Table, program: u8, port: u16, now: Instant) -> bool {
    table.ask(rule(program, port), &facts(program, port), now)
}

fn answer(allow: bool, lasts: Lasts) -> Answer {
    Answer { allow, lasts, extent: Extent::default() }
}

/// Facts about curl and a name.
fn named(name: &'static str, transport: &'static str, port: u16) -> Facts<'static> {
    Facts { name: Some(name), transport: Some(transport), ..facts(0, port) }
}

fn is_allowed(table: &mut Table, facts: &Facts<'_>, now: Instant) -> Option<bool> {
    let rule = Precision::default().rule_for(facts).unwrap();
    table.answered(&rule, now).map(|answered| answered.allow)
}

#[test]
fn answer_applies_to_its_extent() {
    let flows = [
        named("www.example.org", "tcp", 443),
        named("www.example.org", "udp", 443),
        named("example.org", "tcp", 443),
        named("a.b.example.org", "tcp", 80),
        named("www.example.com", "tcp", 443),
        named("www.example.com", "tcp", 80),
        Facts { name: None, ..named("", "tcp", 443) },
    ];
    for (hosts, any_port, rule, answered) in [
        (Hosts::This, false, "tcp www.example.org 443", "1000000"),
        (Hosts::This, true, "* www.example.org *", "1100000"),
        (Hosts::Domain, false, "tcp .example.org 443", "1010000"),
        (Hosts::Domain, true, "* .example.org *", "1111000"),
        (Hosts::Any, false, "tcp * 443", "1010101"),
        (Hosts::Any, true, "* * *", "1111111"),
    ] {
        let (mut table, now) = (Table::default(), Instant::now());
        for facts in &flows {
            assert!(table.ask(Precision::default().rule_for(facts).unwrap(), facts, now));
        }
        let answer = Answer { extent: Extent { hosts, any_port }, ..answer(true, Lasts::UntilRestart) };
        let settled = table.answer(&Which::Id(1), answer, now).unwrap();
        assert_eq!(settled.rules.iter().map(|rule| rule.destination.to_string()).collect::<Vec<_>>(), [rule]);
        let found = |facts: &Facts<'_>| if is_allowed(&mut table, facts, now).is_some() { '1' } else { '0' };
        assert_eq!(flows.iter().map(found).collect::<String>(), answered, "{rule}");
        assert_eq!(table.questions(now).len(), answered.matches('0').count(), "answered questions are closed: {rule}");
        assert_eq!(is_allowed(&mut table, &Facts { user: Some("bob".into()), ..flows[0].clone() }, now), None);
        assert!(table.withdraw(1));
        assert_eq!(is_allowed(&mut table, &flows[0], now), None);
    }
}

#[test]
fn wide_answer_to_several_questions_is_one_rule_per_subject() {
    let (mut table, now) = (Table::default(), Instant::now());
    for (program, port) in [(0, 443), (0, 80), (1, 443)] {
        ask(&mut table, program, port, now);
    }
    let everything = Extent { hosts: Hosts::Any, any_port: true };
    let answer = Answer { extent: everything, ..answer(false, Lasts::Always) };
    let settled = table.answer(&Which::Subject(Box::default()), answer, now).unwrap();
    let rules: Vec<String> = settled.rules.iter().map(ToString::to_string).collect();
    assert_eq!(
        rules,
        ["exe=/usr/bin/curl user=alice -> * * *", "exe=/usr/bin/python3 script=app.py user=alice -> * * *"]
    );
    assert_eq!(table.in_force(now).iter().map(|in_force| in_force.id).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn denying_answer_wins_before_the_narrowest_one() {
    let (mut table, now) = (Table::default(), Instant::now());
    let everything = Extent { hosts: Hosts::Any, any_port: true };
    for (port, allow, lasts, extent) in
        [(443, true, Lasts::Once, Extent::default()), (81, true, Lasts::UntilRestart, everything)]
    {
        ask(&mut table, 0, port, now);
        let id = table.questions(now)[0].id;
        table.answer(&Which::Id(id), Answer { allow, lasts, extent }, now).unwrap();
    }
    let flow = Some(Answered { allow: true, holds: Holds::Flow });
    let all = Some(Answered { allow: true, holds: Holds::All });
    assert_eq!(
        [0, 1].map(|_| table.answered(&rule(0, 443), now)),
        [flow, all],
        "the one for one flow is used up first"
    );
    ask(&mut table, 0, 443, now);
    let id = table.questions(now)[0].id;
    table.answer(&Which::Id(id), answer(false, Lasts::UntilRestart), now).unwrap();
    let denied = Some(Answered { allow: false, holds: Holds::All });
    assert_eq!([443, 81].map(|port| table.answered(&rule(0, port), now)), [denied, all]);
}

#[test]
fn wide_answer_for_one_flow_leaves_other_questions_open() {
    let (mut table, now) = (Table::default(), Instant::now());
    for port in [443, 81] {
        ask(&mut table, 0, port, now);
    }
    let extent = Extent { hosts: Hosts::Any, any_port: true };
    table.answer(&Which::Id(1), Answer { extent, ..answer(true, Lasts::Once) }, now).unwrap();
    assert_eq!(table.questions(now).len(), 1);
    assert!(table.answered(&rule(0, 81), now).is_some());
    assert!(table.answered(&rule(0, 443), now).is_none(), "it was for one");
}

#[test]
fn domain_wide_answer_is_refused_for_a_destination_without_a_domain() {
    let (mut table, now) = (Table::default(), Instant::now());
    for facts in [facts(0, 443), named("localhost", "tcp", 1), named("co.uk", "tcp", 2)] {
        assert!(table.ask(Precision::default().rule_for(&facts).unwrap(), &facts, now));
    }
    let extent = Extent { hosts: Hosts::Domain, any_port: false };
    for id in 1..=3 {
        let refused = table.answer(&Which::Id(id), Answer { extent, ..answer(true, Lasts::Always) }, now);
        assert_eq!(refused, Err(AnswerError::NoDomain(id)));
    }
    assert_eq!(table.questions(now).len(), 3, "they stay open");
}

#[test]
fn repeated_flow_raises_one_question() {
    let (mut table, start) = (Table::default(), Instant::now());
    let later = |seconds| start + Duration::from_secs(seconds);
    assert!(ask(&mut table, 1, 443, start));
    assert!(!ask(&mut table, 1, 443, later(5)));
    assert!(ask(&mut table, 1, 80, later(6)));
    assert!(ask(&mut table, 0, 443, later(7)));
    let questions = table.questions(later(65));
    assert_eq!(questions.iter().map(|question| question.id).collect::<Vec<_>>(), [1, 2, 3]);
    let json = serde_json::to_value(&questions[0]).unwrap();
    let expected = serde_json::json!({
        "id": 1, "executable": "/usr/bin/python3", "script": "app.py", "user": "alice", "unit": null, "container": null,
        "image": null, "pod": null, "parent": null, "transport": "tcp", "destination": "192.0.2.1", "address": "192.0.2.1", "port": 443,
        "rule": "exe=/usr/bin/python3 script=app.py user=alice -> tcp 192.0.2.1 443",
        "count": 2, "age_seconds": 65, "idle_seconds": 60,
    });
    assert_eq!(json, expected);
    assert_eq!(&*questions[1].destination, "example.org");
}

#[test]
fn rule_replaces_a_permanent_answer() {
    let (mut table, start) = (Table::default(), Instant::now());
    ask(&mut table, 0, 443, start);
    ask(&mut table, 0, 80, start);
    let settled = table.answer(&Which::Id(1), answer(true, Lasts::Always), start).unwrap();
    table.answer(&Which::Id(2), answer(true, Lasts::UntilRestart), start).unwrap();
    table.hand_over(&settled.rules, start);
    assert!(table.answered(&rule(0, 443), start).is_some(), "until the rule is in force");
    assert!(table.answered(&rule(0, 443), start + BESIDE).is_none(), "the rule may have been removed");
    assert!(table.answered(&rule(0, 80), start + BESIDE).is_some());
}

#[test]
fn answer_for_one_flow_is_used_once() {
    for wait in [Duration::ZERO, ONCE - Duration::from_secs(1), ONCE] {
        let (mut table, start) = (Table::default(), Instant::now());
        ask(&mut table, 0, 443, start);
        table.answer(&Which::Id(1), answer(true, Lasts::Once), start).unwrap();
        let expected = (wait < ONCE).then_some(Answered { allow: true, holds: Holds::Flow });
        assert_eq!(table.answered(&rule(0, 443), start + wait), expected, "{wait:?}");
        assert_eq!(table.answered(&rule(0, 443), start + wait), None, "it is used up");
    }
}

#[test]
fn answer_expires_after_its_duration() {
    let hour = Duration::from_secs(3600);
    for (lasts, holds) in [(Lasts::For(hour), false), (Lasts::UntilRestart, true), (Lasts::Always, true)] {
        let (mut table, start) = (Table::default(), Instant::now());
        ask(&mut table, 0, 443, start);
        let settled = table.answer(&Which::Id(1), answer(false, lasts), start).unwrap();
        assert_eq!(settled, Settled { rules: vec![rule(0, 443)], always: lasts == Lasts::Always });
        assert!(table.questions(start).is_empty());
        let denied = |answered: Option<Answered>| answered.is_some_and(|answered| !answered.allow);
        for _ in 0..2 {
            assert!(denied(table.answered(&rule(0, 443), start + hour - Duration::from_secs(1))));
        }
        assert_eq!(table.answered(&rule(0, 80), start), None, "it was asked of another port");
        assert_eq!(denied(table.answered(&rule(0, 443), start + hour)), holds);
    }
}

#[test]
fn answer_about_a_subject_settles_all_its_questions() {
    let (mut table, now) = (Table::default(), Instant::now());
    for (program, port) in [(0, 443), (0, 80), (1, 443)] {
        ask(&mut table, program, port, now);
    }
    let curl = Box::new(Subject { executable: Some("/usr/bin/curl".into()), ..Subject::default() });
    let settled = table.answer(&Which::Subject(curl.clone()), answer(true, Lasts::UntilRestart), now).unwrap();
    assert_eq!(settled.rules, [rule(0, 443), rule(0, 80)]);
    assert_eq!(table.questions(now).len(), 1);
    let again = table.answer(&Which::Subject(curl), answer(true, Lasts::UntilRestart), now);
    assert_eq!(again, Err(AnswerError::NotOpen));
    assert_eq!(table.answer(&Which::Id(1), answer(true, Lasts::Once), now), Err(AnswerError::NotOpen));
    assert_eq!(table.in_force(now).iter().map(|in_force| in_force.id).collect::<Vec<_>>(), [1, 2]);
    assert!(table.withdraw(1) && !table.withdraw(1));
    assert_eq!(table.answered(&rule(0, 443), now), None);
}

#[test]
fn least_recently_asked_question_is_evicted() {
    let (mut table, start) = (Table::default(), Instant::now());
    for port in 0..u16::try_from(QUESTIONS).unwrap() {
        ask(&mut table, 0, port, start + Duration::from_millis(port.into()));
    }
    let later = start + Duration::from_secs(1);
    assert!(!ask(&mut table, 0, 0, later));
    assert!(ask(&mut table, 0, 50_000, later));
    let questions = table.questions(later);
    assert_eq!(questions.len(), QUESTIONS);
    assert_eq!(questions.iter().map(|question| question.id).take(2).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn answers_beyond_the_limit_are_refused() {
    let (mut table, now) = (Table::default(), Instant::now());
    for port in 0..u16::try_from(ANSWERS).unwrap() {
        ask(&mut table, 0, port, now);
        table.answer(&Which::Id(u64::from(port) + 1), answer(true, Lasts::UntilRestart), now).unwrap();
    }
    ask(&mut table, 1, 1, now);
    let refused = table.answer(&Which::Subject(Box::default()), answer(true, Lasts::Once), now);
    assert_eq!(refused, Err(AnswerError::Full(ANSWERS)));
    assert_eq!(table.questions(now).len(), 1, "it stays open");
}

#[test]
fn answers_are_serialized_by_name() {
    for (lasts, text) in [
        (Lasts::Once, r#"{"allow":true,"lasts":"once"}"#),
        (Lasts::For(Duration::from_secs(90)), r#"{"allow":true,"lasts":{"for":90}}"#),
        (Lasts::UntilRestart, r#"{"allow":true,"lasts":"until_restart"}"#),
        (Lasts::Always, r#"{"allow":true,"lasts":"always"}"#),
    ] {
        assert_eq!(serde_json::to_string(&answer(true, lasts)).unwrap(), text);
        assert_eq!(serde_json::from_str::<Answer>(text).unwrap(), answer(true, lasts));
    }
    let wide = Answer { extent: Extent { hosts: Hosts::Domain, any_port: true }, ..answer(true, Lasts::Once) };
    let text = r#"{"allow":true,"lasts":"once","extent":{"hosts":"domain","any_port":true}}"#;
    assert_eq!(serde_json::to_string(&wide).unwrap(), text);
    assert_eq!(serde_json::from_str::<Answer>(text).unwrap(), wide);
}

#[test]
fn watchers_are_notified_until_they_are_dropped() {
    let questions = Questions::default();
    let notified = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let counts = || [notified[0].load(Ordering::Relaxed), notified[1].load(Ordering::Relaxed)];
    let count = Arc::clone(&notified);
    let watcher: Arc<Watcher> = Arc::new(move |change| {
        count[usize::from(change == Change::Answered)].fetch_add(1, Ordering::Relaxed);
    });
    questions.watch(&watcher);
    assert!(questions.ask(&facts(0, 443)) && questions.ask(&facts(0, 443)));
    assert!(!questions.ask(&Facts { user: None, ..facts(0, 443) }), "no rule can be made of it");
    assert_eq!((counts(), questions.changes()), ([1, 0], 1));
    assert_eq!(questions.answered(&facts(0, 443)), None);
    questions.answer(&Which::Id(1), answer(true, Lasts::Always)).unwrap();
    assert_eq!((counts(), questions.changes()), ([1, 1], 2));
    assert_eq!(questions.answered(&facts(0, 443)), Some(Answered { allow: true, holds: Holds::All }));
    drop(watcher);
    assert!(questions.withdraw(1));
    assert_eq!((counts(), questions.changes()), ([1, 1], 3));
    assert!(questions.open().is_empty() && questions.in_force().is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Ask(u8, u16),
    Answer(u64, bool, u64),
    Look(u8, u16),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..3, 0u16..200).prop_map(|(program, port)| Step::Ask(program, port)),
        1 => (0u64..400, any::<bool>(), 0u64..120).prop_map(|(id, allow, seconds)| Step::Answer(id, allow, seconds)),
        2 => (0u8..3, 0u16..200).prop_map(|(program, port)| Step::Look(program, port)),
        1 => (0u64..700).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Whatever happens, the table stays within its bounds, nothing stays that is over, and nobody is asked what has an
    /// answer in force.
    #[test]
    fn table_keeps_its_limits_and_asks_nothing_that_is_answered(steps in vec(step(), 0..600)) {
        let (mut table, mut now) = (Table::default(), Instant::now());
        for step in steps {
            match step {
                Step::Ask(program, port) => {
                    if table.answered(&rule(program, port), now).is_none() {
                        ask(&mut table, program, port, now);
                    }
                }
                Step::Answer(id, allow, 0) => {
                    let _ = table.answer(&Which::Id(id), answer(allow, Lasts::Once), now);
                }
                Step::Answer(id, allow, seconds) => {
                    let lasts = Lasts::For(Duration::from_secs(seconds));
                    let _ = table.answer(&Which::Id(id), answer(allow, lasts), now);
                }
                Step::Look(program, port) => {
                    if let Some(Answered { holds: Holds::Until(until), .. }) = table.answered(&rule(program, port), now) {
                        prop_assert!(until > now);
                    }
                }
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
            }
            table.expire(now);
            let (open, in_force) = (table.questions(now), table.in_force(now));
            prop_assert!(open.len() <= QUESTIONS);
            prop_assert!(open.iter().all(|question| question.idle_seconds < FORGOTTEN.as_secs() && question.count > 0));
            prop_assert!(open.windows(2).all(|pair| pair[0].id < pair[1].id));
            prop_assert!(open.iter().all(|question| in_force.iter().all(|in_force| in_force.rule != question.rule)));
        }
    }
}
