use std::cell::Cell;
use std::time::Instant;

use egret_model::{Reason, Verdict};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::ask::{Answered, Holds};
use crate::baseline::tests::strategy::{baseline, facts, rule};
use crate::baseline::{Facts, Index, RuleMatch, parse};
use crate::mode::Mode;

fn answered() -> impl Strategy<Value = Option<Answered>> {
    let holds = prop_oneof![Just(Holds::Flow), Just(Holds::All), Just(Holds::Until(Instant::now()))];
    of((any::<bool>(), holds).prop_map(|(allow, holds)| Answered { allow, holds }))
}

prop_compose! {
    fn policy()(
        baseline in baseline(),
        mode in select(vec![Mode::Learn, Mode::Shadow, Mode::Enforce]),
        only in of(rule().prop_map(|rule| rule.subject)),
        unattributed in select(vec![UnattributedPolicy::Allow, UnattributedPolicy::Block]),
        on_failure in select(vec![FailurePolicy::Open, FailurePolicy::Closed]),
        ask in any::<bool>(),
    ) -> Policy {
        let index = Index::of(&baseline).into();
        Policy { mode, index, only, unattributed, on_failure, ask, ..Policy::default() }
    }
}

fn in_mode(policy: &Policy, mode: Mode) -> Policy {
    Policy { mode, ..policy.clone() }
}

fn all(policy: &Policy, facts: &Facts<'_>, answered: Option<Answered>) -> [Evaluation; 3] {
    [evaluate(policy, facts, || answered), policy.late(), policy.unjudgeable()]
}

proptest! {
    #[test]
    fn enforcing_blocks_exactly_what_shadow_would(policy in policy(), facts in facts(), answered in answered()) {
        let everybody = Policy { only: None, ..policy };
        let shadow = all(&in_mode(&everybody, Mode::Shadow), &facts, answered);
        let enforce = all(&in_mode(&everybody, Mode::Enforce), &facts, answered);
        for (shadow, enforce) in shadow.into_iter().zip(enforce) {
            prop_assert_eq!(shadow.verdict == Verdict::WouldBlock, enforce.verdict == Verdict::Block);
            prop_assert_ne!(shadow.verdict, Verdict::Block);
            prop_assert_ne!(enforce.verdict, Verdict::WouldBlock);
            prop_assert_eq!((shadow.reason, shadow.rule), (enforce.reason, enforce.rule));
        }
    }

    #[test]
    fn modes_before_enforce_neither_block_nor_ask(policy in policy(), facts in facts(), answered in answered()) {
        for mode in [Mode::Learn, Mode::Shadow] {
            for evaluation in all(&in_mode(&policy, mode), &facts, answered) {
                prop_assert_ne!(evaluation.verdict, Verdict::Block);
                prop_assert!(!evaluation.ask);
                prop_assert!(mode == Mode::Shadow || evaluation.verdict == Verdict::Allow);
            }
        }
    }

    #[test]
    fn other_subjects_are_treated_as_in_shadow(policy in policy(), facts in facts(), answered in answered()) {
        let policy = in_mode(&policy, Mode::Enforce);
        let is_enforced = policy.only.as_ref().is_none_or(|only| only.covers(&facts));
        let other = if is_enforced { Policy { only: None, ..policy.clone() } } else { in_mode(&policy, Mode::Shadow) };
        prop_assert_eq!(evaluate(&policy, &facts, || answered), evaluate(&other, &facts, || answered));
        let unknown = if policy.only.is_none() { policy.clone() } else { in_mode(&policy, Mode::Shadow) };
        prop_assert_eq!([policy.late(), policy.unjudgeable()], [unknown.late(), unknown.unjudgeable()]);
    }

    #[test]
    fn reason_is_the_first_that_applies(policy in policy(), facts in facts(), answered in answered()) {
        let asked = Cell::new(false);
        let evaluation = evaluate(&policy, &facts, || { asked.set(true); answered });
        let matched = policy.index.match_rule(&facts);
        let expected = match (&matched, facts.executable, answered) {
            (RuleMatch::Allow(_) | RuleMatch::Deny(_), _, _) => Reason::Rule,
            (RuleMatch::NoRule, None, _) => Reason::Unattributed,
            (RuleMatch::NoRule, Some(_), Some(_)) => Reason::Answer,
            (RuleMatch::NoRule, Some(_), None) => Reason::NoRule,
        };
        prop_assert_eq!(evaluation.reason, expected);
        prop_assert_eq!(evaluation.rule.is_some(), expected == Reason::Rule);
        prop_assert_eq!(asked.get(), matches!(expected, Reason::Answer | Reason::NoRule), "an answer is used up");
        prop_assert!(!evaluation.ask || (evaluation.reason, evaluation.verdict) == (Reason::NoRule, Verdict::Block));
    }
}

#[test]
fn digests_are_asked_for_by_executable() {
    let index = |text: &str| Index::of(&parse(&format!("format 1\n{text}\n")).unwrap());
    let digest = "ab".repeat(32);
    let of_one = index(&format!("allow exe=/usr/bin/curl sha256={digest} -> tcp * 443\nallow exe=/bin/nc -> tcp * *"));
    assert!(of_one.wants_digest("/usr/bin/curl"));
    assert!(!of_one.wants_digest("/bin/nc"));
    assert!(index(&format!("deny sha256={digest} -> * * *")).wants_digest("/bin/nc"));
}

#[test]
fn rule_about_mptcp_matches_its_tcp_packets() {
    let index = |transport: &str| {
        let text = format!("format 1\nallow exe=/bin/app -> {transport} 192.0.2.1 443\n");
        std::sync::Arc::new(Index::of(&parse(&text).unwrap()))
    };
    let facts = |transport| Facts {
        executable: Some("/bin/app"),
        transport: Some(transport),
        address: Some([192, 0, 2, 1].into()),
        port: Some(443),
        ..Facts::default()
    };
    for (rule, flow, reason) in
        [("mptcp", "tcp", Reason::Rule), ("tcp", "tcp", Reason::Rule), ("mptcp", "udp", Reason::NoRule)]
    {
        let policy = Policy { index: index(rule), ..Policy::default() };
        assert_eq!(evaluate(&policy, &facts(flow), || None).reason, reason, "{rule} {flow}");
    }
}
