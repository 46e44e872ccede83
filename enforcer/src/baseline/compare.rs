//! Baselines next to each other: what differs, what they are together, what nothing uses.

use egret_model::Timestamp;

use super::file::Baseline;
use super::rule::{Action, Rule};

/// A rule that one baseline has and the other has not, or not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference<'a> {
    /// Only the second has it.
    Added(&'a Rule, Action),
    /// Only the first has it.
    Removed(&'a Rule, Action),
    /// They say different things of it; this is what the second says.
    Changed(&'a Rule, Action),
}

/// What has to be done to the first to make it the second, in the order of the rules. Evidence and comments are no
/// difference.
#[must_use]
pub fn diff<'a>(first: &'a Baseline, second: &'a Baseline) -> Vec<Difference<'a>> {
    let removed = first.entries.iter().filter(|(rule, _)| !second.entries.contains_key(rule));
    let removed = removed.map(|(rule, entry)| (rule, Difference::Removed(rule, entry.action)));
    let others = second.entries.iter().filter_map(|(rule, entry)| match first.entries.get(rule) {
        None => Some((rule, Difference::Added(rule, entry.action))),
        Some(before) if before.action != entry.action => Some((rule, Difference::Changed(rule, entry.action))),
        Some(_) => None,
    });
    let mut differences: Vec<_> = removed.chain(others).collect();
    differences.sort_by_key(|(rule, _)| *rule);
    differences.into_iter().map(|(_, difference)| difference).collect()
}

/// Adds a baseline of another host, or of another time. Returns the rules of which they say opposite things: those
/// deny from now on. What only failed in one is what the other says of it.
pub fn merge(into: &mut Baseline, other: Baseline) -> Vec<Rule> {
    for (host, period) in other.hosts {
        let here = into.hosts.entry(host).or_default();
        match (here, period) {
            (Some(here), Some(period)) => here.extend(period),
            (here, period) => *here = here.or(period),
        }
    }
    other.history.days().for_each(|(day, what)| into.history.add(day, what));
    into.gaps.extend(other.gaps);
    into.gaps.sort();
    into.gaps.dedup();
    let fresh: Vec<String> = other.notes.into_iter().filter(|note| !into.notes.contains(note)).collect();
    into.notes.extend(fresh);
    let mut opposed = Vec::new();
    for (rule, entry) in other.entries {
        let Some(here) = into.entries.get_mut(&rule) else {
            into.entries.insert(rule, entry);
            continue;
        };
        let actions = (here.action, entry.action);
        here.action = match actions {
            (Action::Deny, _) | (_, Action::Deny) => Action::Deny,
            (Action::Allow, _) | (_, Action::Allow) => Action::Allow,
            (Action::Tried, Action::Tried) => Action::Tried,
        };
        if matches!(actions, (Action::Allow, Action::Deny) | (Action::Deny, Action::Allow)) {
            opposed.push(rule);
        }
        let fresh: Vec<String> = entry.notes.into_iter().filter(|note| !here.notes.contains(note)).collect();
        here.notes.extend(fresh);
        here.note = here.note.take().or(entry.note);
        match (&mut here.evidence, entry.evidence) {
            (Some(evidence), Some(other)) => evidence.merge(&other),
            (none @ None, other) => *none = other,
            (Some(_), None) => {}
        }
    }
    opposed
}

/// Takes out the rules that learning made, of flows that were last seen, or last failed, before a moment. What nothing has ever used was written by
/// somebody on purpose, as was what denies: both stay.
pub fn prune(baseline: &mut Baseline, before: Timestamp) -> Vec<(Rule, Action)> {
    let is_unused = |entry: &super::file::Entry| {
        entry.action != Action::Deny && entry.evidence.as_ref().is_some_and(|evidence| evidence.last < before)
    };
    let unused = baseline.entries.iter().filter(|(_, entry)| is_unused(entry));
    let unused: Vec<(Rule, Action)> = unused.map(|(rule, entry)| (rule.clone(), entry.action)).collect();
    unused.iter().for_each(|(rule, _)| drop(baseline.entries.remove(rule)));
    unused
}
