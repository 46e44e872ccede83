//! Generalising: one rule for several that were learned, by three rules that are written down here and nowhere else. Before,
//! names that change get their patterns (`lasting.rs`).
//!
//! | what is many | becomes | never |
//! |---|---|---|
//! | names below one, for one subject, transport and port | `*.` and the longest name that they are all below | at or above a public suffix (<https://publicsuffix.org/>), such as `com`, `co.uk` or a provider's domain for its customers |
//! | addresses without a name, for one subject, transport and port | their network of 24 bits, or of 64 for IPv6 | wider |
//! | ports from 1024 up, for one subject, transport and host | 1024-65535 | below 1024 |
//!
//! Only what was learned is generalised: rules that deny, rules without evidence and rules with a comment stay. The new
//! rule says how many it replaces and names some of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::destination::{Destination, Host, Ports};
use super::evidence::{EXAMPLES, Members};
use super::file::{Baseline, Entry};
use super::lasting;
use super::rule::{Action, Generalisation, Rule};

/// How many make a rule for all; zero for never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Names below one.
    pub names: usize,
    /// Addresses of a network.
    pub addresses: usize,
    /// High ports of a host.
    pub ports: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { names: 8, addresses: 16, ports: 8 }
    }
}

/// Ports that a rule may be generalised to.
const HIGH: Ports = Ports::Range(1024, u16::MAX);

/// Makes several learned rules into one where there are enough of them, until there is nowhere left. Says which rules
/// came of it.
///
/// What was made can be one of enough itself: ports of several names become high ports, after which the names may be below
/// one. Each time rules become wider, and none is wider than the table above allows, so there is an end.
pub fn generalise(baseline: &mut Baseline, thresholds: Thresholds) -> Vec<Rule> {
    let mut made: BTreeSet<Rule> = rename(baseline).into_iter().collect();
    loop {
        let fresh = generalise_once(baseline, thresholds);
        if fresh.is_empty() {
            break;
        }
        made.extend(fresh);
    }
    let made: Vec<Rule> = made.into_iter().filter(|rule| baseline.entries.contains_key(rule)).collect();
    let allows = |rule: &&Rule| baseline.entries.get(*rule).is_some_and(|entry| entry.action == Action::Allow);
    let allowing: Vec<&Rule> = made.iter().filter(allows).collect();
    let is_moot = |rule: &Rule, entry: &Entry| {
        entry.action == Action::Tried && entry.is_learned() && allowing.iter().any(|general| rule.is_within(general))
    };
    baseline.entries.retain(|rule, entry| !is_moot(rule, entry));
    made
}

/// Gives learned rules the patterns for names that change, as they would have been learned now.
fn rename(baseline: &mut Baseline) -> Vec<Rule> {
    let learned = baseline.entries.iter().filter(|(_, entry)| entry.is_learned());
    let renamed = learned.filter_map(|(rule, _)| {
        let subject = lasting::renamed(&rule.subject)?;
        Some((rule.clone(), Rule { subject, destination: rule.destination.clone() }))
    });
    // Where somebody wrote the same with a pattern, or denied it, both stay.
    let is_free = |pattern: &Rule| baseline.entries.get(pattern).is_none_or(Entry::is_learned);
    let renamed: Vec<(Rule, Rule)> = renamed.filter(|(_, pattern)| is_free(pattern)).collect();
    for (rule, pattern) in &renamed {
        let Some(entry) = baseline.entries.remove(rule) else { continue };
        let Some(there) = baseline.entries.get_mut(pattern) else {
            baseline.entries.insert(pattern.clone(), entry);
            continue;
        };
        // What failed under one name and succeeded under another is allowed.
        if entry.action == Action::Allow {
            there.action = Action::Allow;
        }
        if let (Some(sum), Some(evidence)) = (&mut there.evidence, &entry.evidence) {
            sum.merge(evidence);
        }
    }
    renamed.into_iter().map(|(_, pattern)| pattern).collect()
}

fn generalise_once(baseline: &mut Baseline, thresholds: Thresholds) -> Vec<Rule> {
    let mut made = Vec::new();
    for (kind, enough) in [
        (Generalisation::Names, thresholds.names),
        (Generalisation::Addresses, thresholds.addresses),
        (Generalisation::Ports, thresholds.ports),
    ] {
        if enough == 0 {
            continue;
        }
        for (rule, members) in groups(baseline, kind, enough) {
            replace(baseline, &rule, kind, &members);
            made.push(rule);
        }
    }
    made
}

/// The rules to make, each with those that it replaces.
fn groups(baseline: &Baseline, kind: Generalisation, enough: usize) -> Vec<(Rule, Vec<Rule>)> {
    let learned = baseline.entries.iter().filter(|(_, entry)| entry.action == Action::Allow && entry.is_learned());
    let learned = learned.map(|(rule, _)| rule);
    if kind == Generalisation::Names {
        return name_groups(learned, enough);
    }
    let mut groups: BTreeMap<Rule, Vec<Rule>> = BTreeMap::new();
    for rule in learned {
        if let Some(wider) = wider(rule, kind) {
            groups.entry(wider).or_default().push(rule.clone());
        }
    }
    groups.into_iter().filter(|(wider, members)| is_enough(wider, members, enough)).collect()
}

/// A rule that exists already takes in whatever falls under it; alone it stays as it is.
fn is_enough(wider: &Rule, members: &[Rule], enough: usize) -> bool {
    if members.contains(wider) { members.len() > 1 } else { members.len() >= enough }
}

/// The rule that this one would be part of; itself if it is such a rule.
fn wider(rule: &Rule, kind: Generalisation) -> Option<Rule> {
    let Destination { transport, host, ports } = &rule.destination;
    let (host, ports) = match (kind, host, ports) {
        (Generalisation::Addresses, Host::Address(address), _) => (Host::Network(network_of(*address)?), *ports),
        (Generalisation::Addresses, Host::Network(_), _) => (host.clone(), *ports),
        (Generalisation::Ports, _, Ports::Range(1024.., _)) => (host.clone(), HIGH),
        _ => return None,
    };
    let destination = Destination { transport: *transport, host, ports };
    Some(Rule { subject: rule.subject.clone(), destination })
}

fn network_of(address: IpAddr) -> Option<IpNet> {
    let length = if address.is_ipv4() { 24 } else { 64 };
    IpNet::new(address, length).ok().map(|network| network.trunc())
}

/// Names go below the longest name that enough of them are below: those of `a.b.example.org` rather than of
/// `example.org`, where there are enough of the former.
fn name_groups<'r>(learned: impl Iterator<Item = &'r Rule>, enough: usize) -> Vec<(Rule, Vec<Rule>)> {
    let mut by_suffix: BTreeMap<Rule, Vec<Rule>> = BTreeMap::new();
    for rule in learned {
        for suffix in suffixes_of(rule) {
            let host = Host::Below(suffix);
            let destination = Destination { host, ..rule.destination.clone() };
            by_suffix.entry(Rule { subject: rule.subject.clone(), destination }).or_default().push(rule.clone());
        }
    }
    let mut candidates: Vec<(Rule, Vec<Rule>)> = by_suffix.into_iter().collect();
    candidates.sort_by_key(|(rule, _)| std::cmp::Reverse(labels(rule)));
    let mut taken = BTreeSet::new();
    let mut made = Vec::new();
    for (wider, mut members) in candidates {
        members.retain(|member| !taken.contains(member));
        if is_enough(&wider, &members, enough) {
            taken.extend(members.iter().cloned());
            made.push((wider, members));
        }
    }
    made
}

fn labels(rule: &Rule) -> usize {
    match &rule.destination.host {
        Host::Below(suffix) => suffix.split('.').count(),
        _ => 0,
    }
}

/// The names that this rule's name is below, down to the one that somebody registered; of a rule for a suffix that suffix
/// too.
fn suffixes_of(rule: &Rule) -> Vec<Arc<str>> {
    let (name, first) = match &rule.destination.host {
        Host::Name(name) => (name, 1),
        Host::Below(suffix) => (suffix, 0),
        // Somebody wrote it: learning makes no such rule.
        Host::Any | Host::Domain(_) | Host::Address(_) | Host::LinkLocal(..) | Host::Network(_) => return Vec::new(),
    };
    let Some(registered) = psl::domain_str(name) else { return Vec::new() };
    let above = std::iter::successors(Some(&**name), |name| name.split_once('.').map(|(_, above)| above));
    above.skip(first).take_while(|suffix| suffix.len() >= registered.len()).map(Arc::from).collect()
}

/// Puts one rule in the place of others, with the evidence of all of them.
fn replace(baseline: &mut Baseline, rule: &Rule, kind: Generalisation, members: &[Rule]) {
    let mut sum = baseline.entries.remove(rule).and_then(|entry| entry.evidence);
    let before = sum.as_ref().and_then(|evidence| evidence.members.clone());
    let fresh: Vec<&Rule> = members.iter().filter(|member| *member != rule).collect();
    for member in &fresh {
        let Some(evidence) = baseline.entries.remove(*member).and_then(|entry| entry.evidence) else { continue };
        match &mut sum {
            Some(sum) => sum.merge(&evidence),
            none => *none = Some(evidence),
        }
    }
    let (count, mut examples) = before.map_or((0, Vec::new()), |members| (members.count, members.examples));
    examples.extend(fresh.iter().map(|member| example(member, kind)));
    examples.truncate(EXAMPLES);
    let count = count.saturating_add(u64::try_from(fresh.len()).unwrap_or(u64::MAX));
    if let Some(sum) = &mut sum {
        sum.members = Some(Members { kind, count, examples });
    }
    baseline.entries.insert(rule.clone(), Entry { evidence: sum, ..Entry::new(Action::Allow) });
}

fn example(member: &Rule, kind: Generalisation) -> String {
    match kind {
        Generalisation::Ports => member.destination.ports.to_string(),
        Generalisation::Names | Generalisation::Addresses => member.destination.host.to_string(),
    }
}
