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

const fn answer(allow: bool, lasts: Lasts) -> Answer {
    Answer { allow, lasts }
}

#[test]
fn the_same_is_asked_once() {
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
        "parent": null, "transport": "tcp", "destination": "192.0.2.1", "address": "192.0.2.1", "port": 443,
        "rule": "exe=/usr/bin/python3 script=app.py user=alice -> tcp 192.0.2.1 443",
        "count": 2, "age_seconds": 65, "idle_seconds": 60,
    });
    assert_eq!(json, expected);
    assert_eq!(&*questions[1].destination, "example.org");
}

#[test]
fn a_rule_takes_over_what_an_answer_said() {
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
fn an_answer_for_one_flow_is_for_one() {
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
fn an_answer_lasts_as_long_as_it_was_given_for() {
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
fn all_questions_of_a_subject_are_answered_together() {
    let (mut table, now) = (Table::default(), Instant::now());
    for (program, port) in [(0, 443), (0, 80), (1, 443)] {
        ask(&mut table, program, port, now);
    }
    let curl = Subject { executable: Some("/usr/bin/curl".into()), ..Subject::default() };
    let settled = table.answer(&Which::Subject(curl.clone()), answer(true, Lasts::UntilRestart), now).unwrap();
    assert_eq!(settled.rules, [rule(0, 443), rule(0, 80)]);
    assert_eq!(table.questions(now).len(), 1);
    let again = table.answer(&Which::Subject(curl), answer(true, Lasts::UntilRestart), now);
    assert_eq!(again, Err(AnswerError::NotOpen));
    assert_eq!(table.answer(&Which::Id(1), answer(true, Lasts::Once), now), Err(AnswerError::NotOpen));
    assert_eq!(table.standing(now).iter().map(|standing| standing.id).collect::<Vec<_>>(), [1, 2]);
    assert!(table.withdraw(1) && !table.withdraw(1));
    assert_eq!(table.answered(&rule(0, 443), now), None);
}

#[test]
fn the_question_that_was_not_asked_for_longest_makes_place() {
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
fn no_more_answers_are_taken_than_there_may_be() {
    let (mut table, now) = (Table::default(), Instant::now());
    for port in 0..u16::try_from(ANSWERS).unwrap() {
        ask(&mut table, 0, port, now);
        table.answer(&Which::Id(u64::from(port) + 1), answer(true, Lasts::UntilRestart), now).unwrap();
    }
    ask(&mut table, 1, 1, now);
    let refused = table.answer(&Which::Subject(Subject::default()), answer(true, Lasts::Once), now);
    assert_eq!(refused, Err(AnswerError::Full(ANSWERS)));
    assert_eq!(table.questions(now).len(), 1, "it stays open");
}

#[test]
fn answers_are_told_on_the_wire_by_name() {
    for (lasts, text) in [
        (Lasts::Once, r#"{"allow":true,"lasts":"once"}"#),
        (Lasts::For(Duration::from_secs(90)), r#"{"allow":true,"lasts":{"for":90}}"#),
        (Lasts::UntilRestart, r#"{"allow":true,"lasts":"until_restart"}"#),
        (Lasts::Always, r#"{"allow":true,"lasts":"always"}"#),
    ] {
        assert_eq!(serde_json::to_string(&answer(true, lasts)).unwrap(), text);
        assert_eq!(serde_json::from_str::<Answer>(text).unwrap(), answer(true, lasts));
    }
}

#[test]
fn those_who_watch_are_told() {
    let questions = Questions::default();
    let told = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let counts = || [told[0].load(Ordering::Relaxed), told[1].load(Ordering::Relaxed)];
    let count = Arc::clone(&told);
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
    assert_eq!(questions.answered(&facts(0, 443)), Some(Answered { allow: true, holds: Holds::Stands }));
    drop(watcher);
    assert!(questions.withdraw(1));
    assert_eq!((counts(), questions.changes()), ([1, 1], 3));
    assert!(questions.open().is_empty() && questions.standing().is_empty());
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
    fn bounds_hold(steps in vec(step(), 0..600)) {
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
            let (open, standing) = (table.questions(now), table.standing(now));
            prop_assert!(open.len() <= QUESTIONS);
            prop_assert!(open.iter().all(|question| question.idle_seconds < FORGOTTEN.as_secs() && question.count > 0));
            prop_assert!(open.windows(2).all(|pair| pair[0].id < pair[1].id));
            prop_assert!(open.iter().all(|question| standing.iter().all(|standing| standing.rule != question.rule)));
        }
    }
}
