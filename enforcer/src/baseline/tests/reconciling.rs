//! What people did to the file while learning went on.

use proptest::prelude::*;

use super::super::{Action, Baseline, Facts, Index, Learner, Precision, RuleMatch, Thresholds, parse, reconcile};
use super::strategy;
use egret_model::Timestamp;

/// What somebody makes of a baseline: removes some rules, says something of others, adds what another has.
fn edited(base: &Baseline, removed: &[bool], other: &Baseline) -> Baseline {
    let mut edited = base.clone();
    let mut number = 0;
    edited.entries.retain(|_, entry| {
        number += 1;
        if number % 3 == 0 {
            entry.notes.push(" Mine.".to_owned());
        }
        !removed.get(number).copied().unwrap_or(false)
    });
    for (rule, entry) in &other.entries {
        edited.entries.entry(rule.clone()).or_insert_with(|| entry.clone());
    }
    edited
}

fn learned(base: &Baseline, flows: &[(Facts<'static>, Timestamp)], generalised: bool) -> Baseline {
    let mut learner = Learner::new(base.clone(), Precision::default());
    learner.set_host("web1");
    for (facts, time) in flows {
        learner.learn(facts, *time);
    }
    if generalised {
        learner.generalise(Thresholds { names: 2, addresses: 2, ports: 2 });
    }
    learner.into_baseline()
}

fn flows() -> impl Strategy<Value = Vec<(Facts<'static>, Timestamp)>> {
    prop::collection::vec((strategy::facts(), strategy::time()), 0..30)
}

proptest! {
    #[test]
    fn unchanged_side_yields_the_other_side(base in strategy::baseline(), other in strategy::baseline(), removed in prop::collection::vec(any::<bool>(), 20), flows in flows(), generalised in any::<bool>()) {
        // In the order of the file, as they are written.
        let base = Baseline { gaps: { let mut gaps = base.gaps.clone(); gaps.sort(); gaps.dedup(); gaps }, ..base };
        let (edited, learned) = (edited(&base, &removed, &other), learned(&base, &flows, generalised));
        prop_assert_eq!(reconcile(&base, base.clone(), &learned), learned.clone());
        prop_assert_eq!(reconcile(&base, edited.clone(), &base), edited);
        prop_assert_eq!(reconcile(&learned, learned.clone(), &learned), learned);
    }

    #[test]
    fn edits_are_applied_and_learned_rules_kept(base in strategy::baseline(), other in strategy::baseline(), removed in prop::collection::vec(any::<bool>(), 20), flows in flows(), generalised in any::<bool>()) {
        let (edited, learned) = (edited(&base, &removed, &other), learned(&base, &flows, generalised));
        let result = reconcile(&base, edited.clone(), &learned);
        let gone: Vec<_> = base.entries.keys().filter(|rule| !edited.entries.contains_key(rule)).collect();
        for rule in &gone {
            prop_assert!(!result.entries.contains_key(rule), "{} was removed", rule);
        }
        for (rule, entry) in &edited.entries {
            let Some(kept) = result.entries.get(rule) else {
                // Only generalising takes a rule out, and only one that nobody touched, for one that covers it.
                prop_assert!(generalised && base.entries.get(rule).is_some_and(|before| before.notes == entry.notes));
                prop_assert!(result.entries.keys().any(|general| rule.is_within(general)), "{} is lost", rule);
                continue;
            };
            // A success makes an allowing rule of a tried one, whoever wrote that down.
            let succeeded = learned.entries.get(rule).filter(|_| entry.action == Action::Tried).map(|entry| entry.action);
            let undecided = base.entries.get(rule).is_none_or(|before| before.action == Action::Tried);
            let action = succeeded.filter(|_| undecided).unwrap_or(entry.action);
            prop_assert_eq!((kept.action, &kept.notes, &kept.note), (action, &entry.notes, &entry.note));
            let last = |entry: &super::super::Entry| entry.evidence.as_ref().map(|evidence| evidence.last);
            let newest = learned.entries.get(rule).map_or(last(entry), |learned| last(learned).max(last(entry)));
            prop_assert!(last(kept) >= last(entry) && last(kept) <= newest);
        }
        let index = Index::of(&result);
        for (rule, entry) in &learned.entries {
            let taken_back = entry.evidence.as_ref().is_some_and(|evidence| evidence.members.is_some()) && gone.iter().any(|removed| removed.is_within(rule));
            let fresh = !base.entries.contains_key(rule) && !taken_back;
            prop_assert!(!fresh || result.entries.contains_key(rule), "{} was learned", rule);
        }
        // Nothing is allowed by a rule that neither has, and what people denied is denied.
        let theirs = Index::of(&edited);
        for (facts, _) in &flows {
            let matched = index.match_rule(facts);
            if let RuleMatch::Allow(rule) = matched {
                let allows = |baseline: &Baseline| baseline.entries.get(rule).is_some_and(|entry| entry.action == Action::Allow);
                prop_assert!(allows(&edited) || allows(&learned), "{}", rule);
            }
            if matches!(theirs.match_rule(facts), RuleMatch::Deny(_)) {
                prop_assert!(matches!(matched, RuleMatch::Deny(_)), "{:?}", facts);
            }
        }
        prop_assert_eq!(parse(&result.to_string()), Ok(result));
    }

    #[test]
    fn flow_of_a_narrower_rule_matches_the_wider_one(first in strategy::rule(), second in strategy::rule(), facts in strategy::facts()) {
        prop_assert!(first.is_within(&first));
        if first.is_within(&second) && first.covers(&facts) {
            prop_assert!(second.covers(&facts), "{} in {}", first, second);
        }
    }
}

const WRITTEN: &str = "format 1
allow exe=/usr/bin/curl user=alice -> tcp a.example.org 443  # seen 1 time on 1 day, 2026-11-20T08:00:01Z to 2026-11-20T08:00:01Z
allow exe=/usr/bin/curl user=alice -> tcp b.example.org 443  # seen 1 time on 1 day, 2026-11-20T08:00:01Z to 2026-11-20T08:00:01Z
allow exe=/usr/bin/curl user=alice -> tcp c.example.org 443  # seen 1 time on 1 day, 2026-11-20T08:00:01Z to 2026-11-20T08:00:01Z
";

#[test]
fn generalising_does_not_restore_a_removed_rule() {
    let base = parse(WRITTEN).unwrap();
    let learned = learned(&base, &[], true);
    assert_eq!(learned.entries.len(), 1);
    let without_b = WRITTEN.lines().filter(|line| !line.contains("b.example.org")).map(|line| format!("{line}\n"));
    let result = reconcile(&base, parse(&without_b.collect::<String>()).unwrap(), &learned);
    let hosts: Vec<_> = result.entries.keys().map(|rule| rule.destination.host.to_string()).collect();
    assert_eq!(hosts, ["a.example.org", "c.example.org"]);
    let result = reconcile(&base, base.clone(), &learned);
    assert_eq!(result.entries.keys().next().unwrap().destination.host.to_string(), "*.example.org");
}

#[test]
fn commented_rule_is_not_absorbed_by_another() {
    let base = parse(WRITTEN).unwrap();
    let commented = WRITTEN
        .replace("allow exe=/usr/bin/curl user=alice -> tcp b", "# Ours.\nallow exe=/usr/bin/curl user=alice -> tcp b");
    let result = reconcile(&base, parse(&commented).unwrap(), &learned(&base, &[], true));
    let hosts: Vec<_> = result.entries.keys().map(|rule| rule.destination.host.to_string()).collect();
    assert_eq!(hosts, ["b.example.org", "*.example.org"]);
}
