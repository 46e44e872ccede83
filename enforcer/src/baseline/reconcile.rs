//! Three baselines into one: what was written last, what people made of it since, and what was learned meanwhile.
//!
//! What people did wins. A rule that they added is there, one that they removed is gone, and so is every generalisation
//! that would bring it back; what they say of a rule, and whether it allows or denies, is what they say. What was learned
//! is added to that, with the newer evidence.

use std::collections::BTreeMap;

use super::evidence::Evidence;
use super::file::{Baseline, Entry};
use super::rule::{Action, Rule};

/// The baseline that has what people did to `base` in `edited`, and what learning did to it in `learned`.
#[must_use]
pub fn reconcile(base: &Baseline, edited: Baseline, learned: &Baseline) -> Baseline {
    let history = keyed(
        &base.history.days().collect(),
        edited.history.days().collect(),
        learned.history.days().collect(),
        |base, edited, learned| newer(base, edited, learned, |day| day.flows),
    );
    Baseline {
        entries: entries(base, edited.entries, learned),
        notes: edited.notes,
        hosts: keyed(&base.hosts, edited.hosts, learned.hosts.clone(), |base, edited, learned| {
            newer(base, edited, learned, |period| period.map(|period| period.last))
        }),
        gaps: keyed(&set(&base.gaps), set(&edited.gaps), set(&learned.gaps), |_, gap, _| gap).into_keys().collect(),
        history: history.into_iter().collect(),
    }
}

fn set<T: Copy + Ord>(values: &[T]) -> BTreeMap<T, ()> {
    values.iter().map(|value| (*value, ())).collect()
}

/// What `edited` has, and what `learned` has that `base` had not. What is only in `base` and one of them was removed by the
/// other.
fn keyed<K: Ord, V>(
    base: &BTreeMap<K, V>,
    edited: BTreeMap<K, V>,
    mut learned: BTreeMap<K, V>,
    both: impl Fn(Option<&V>, V, V) -> V,
) -> BTreeMap<K, V> {
    let mut result = BTreeMap::new();
    for (key, theirs) in edited {
        match (learned.remove(&key), base.get(&key)) {
            (Some(ours), before) => drop(result.insert(key, both(before, theirs, ours))),
            (None, None) => drop(result.insert(key, theirs)),
            (None, Some(_)) => {}
        }
    }
    result.extend(learned.into_iter().filter(|(key, _)| !base.contains_key(key)));
    result
}

/// Of two values that were one, the one that changed; if both did, the one that is further on.
fn newer<V: PartialEq, T: PartialOrd>(base: Option<&V>, edited: V, learned: V, progress: impl Fn(&V) -> T) -> V {
    if base == Some(&edited) || base != Some(&learned) && progress(&learned) >= progress(&edited) {
        learned
    } else {
        edited
    }
}

fn entries(base: &Baseline, edited: BTreeMap<Rule, Entry>, learned: &Baseline) -> BTreeMap<Rule, Entry> {
    let removed: Vec<&Rule> = base.entries.keys().filter(|rule| !edited.contains_key(rule)).collect();
    let fresh = learned.entries.iter().filter(|(rule, _)| !base.entries.contains_key(rule));
    // A rule that was learned again after it was written, and before it was removed, is among those removed; one that
    // covers several is new. It must not bring back what somebody removed.
    let (refused, fresh): (Vec<_>, Vec<_>) =
        fresh.partition(|(rule, entry)| is_general(entry) && removed.iter().any(|removed| removed.is_within(rule)));
    let mut result = BTreeMap::new();
    for (rule, theirs) in edited {
        let (before, ours) = (base.entries.get(&rule), learned.entries.get(&rule));
        let entry = match (before, ours) {
            (_, Some(ours)) => Some(with_what_was_learned(before, theirs, ours)),
            (None, None) => Some(theirs),
            // Learning took it into a rule for several, unless that was refused, or somebody cares for it.
            (Some(before), None) => {
                let stays = theirs.action != before.action
                    || (&theirs.notes, &theirs.note) != (&before.notes, &before.note)
                    || refused.iter().any(|(general, _)| rule.is_within(general));
                stays.then_some(theirs)
            }
        };
        result.extend(entry.map(|entry| (rule, entry)));
    }
    for (rule, entry) in fresh {
        result.entry(rule.clone()).or_insert_with(|| entry.clone());
    }
    result
}

fn is_general(entry: &Entry) -> bool {
    entry.evidence.as_ref().is_some_and(|evidence| evidence.members.is_some())
}

/// What people say of a rule, with the newer evidence. If they said nothing of its action, a flow that succeeded meanwhile
/// made it one that allows.
fn with_what_was_learned(before: Option<&Entry>, theirs: Entry, ours: &Entry) -> Entry {
    let action = match before {
        Some(before) if before.action == theirs.action => ours.action,
        None if theirs.action == Action::Tried => ours.action,
        _ => theirs.action,
    };
    let before = before.map(|entry| &entry.evidence);
    let progress = |evidence: &Option<Evidence>| evidence.as_ref().map(|evidence| (evidence.last, evidence.count));
    let evidence = newer(before, theirs.evidence, ours.evidence.clone(), progress);
    Entry { action, evidence, ..theirs }
}
