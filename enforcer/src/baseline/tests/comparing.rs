//! Baselines next to each other.

use proptest::prelude::*;

use super::super::{Action, Difference, diff, merge, parse, prune};
use super::strategy;

proptest! {
    #[test]
    fn applied_difference_leaves_no_difference(first in strategy::baseline(), second in strategy::baseline()) {
        let mut patched = first.clone();
        for difference in diff(&first, &second) {
            match difference {
                Difference::Removed(rule, _) => drop(patched.entries.remove(rule)),
                Difference::Added(rule, _) => drop(patched.entries.insert(rule.clone(), second.entries[rule].clone())),
                Difference::Changed(rule, action) => patched.entries.get_mut(rule).unwrap().action = action,
            }
        }
        prop_assert!(diff(&patched, &second).is_empty());
    }

    #[test]
    fn merge_has_every_rule_of_both_and_keeps_denials(first in strategy::baseline(), second in strategy::baseline()) {
        let mut both = first.clone();
        let opposed = merge(&mut both, second.clone());
        for (rule, entry) in first.entries.iter().chain(&second.entries) {
            prop_assert!(both.entries.contains_key(rule));
            let action = both.entries[rule].action;
            prop_assert!(entry.action != Action::Deny || action == Action::Deny);
            prop_assert!(entry.action != Action::Allow || action != Action::Tried);
        }
        for rule in &opposed {
            prop_assert_ne!(first.entries[rule].action, second.entries[rule].action);
        }
        prop_assert_eq!(parse(&both.to_string()), Ok(both.clone()));
        let mut again = both.clone();
        merge(&mut again, both.clone());
        prop_assert!(diff(&both, &again).is_empty());
    }

    #[test]
    fn pruning_removes_only_old_rules_that_allow(baseline in strategy::baseline(), before in strategy::time()) {
        let mut pruned = baseline.clone();
        let gone = prune(&mut pruned, before);
        prop_assert_eq!(pruned.entries.len() + gone.len(), baseline.entries.len());
        for (rule, entry) in &baseline.entries {
            let old = entry.evidence.as_ref().is_some_and(|evidence| evidence.last < before);
            prop_assert_eq!(gone.contains(&(rule.clone(), entry.action)), old && entry.action != Action::Deny);
        }
    }
}
