//! Learning: from flows to rules.
//!
//! A flow that no rule covers becomes a rule that covers just it: its program, and the name that was asked for, or the
//! address where there was none. Nothing wider comes of learning; [`super::generalise`] makes several rules into one.

use std::collections::HashMap;
use std::sync::Arc;

use egret_model::{Timestamp, Transport};

use super::destination::{Destination, Host, Ports};
use super::evidence::{Evidence, Gap};
use super::facts::Facts;
use super::file::{Baseline, Entry};
use super::generalise::{Thresholds, generalise};
use super::index::Index;
use super::rule::{Action, Rule};
use super::subject::Subject;

/// What a learned rule says of processes besides their executable and what it interprets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
    /// The user.
    pub user: bool,
    /// The systemd unit, where it is a service: scopes have numbers that never come back.
    pub unit: bool,
    /// The digest of the executable: an update of the program is then another program.
    pub sha256: bool,
}

impl Default for Precision {
    fn default() -> Self {
        Self { user: true, unit: true, sha256: false }
    }
}

/// Rules that a baseline may come to have by learning. Each takes about 1 KB with its place in the index: 200 MB.
/// Generalising makes fewer of them.
pub const MOST_RULES: usize = 200_000;
/// After so many new rules it is worth looking for several that become one: until then they take about 1 MB.
const WORTH_GENERALISING: usize = 1000;

/// How many rules may come of learning, about 1 KB of memory each. Rules that people write are not bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// In all.
    pub rules: usize,
    /// About one subject, so that one program that talks to everybody leaves room for the others.
    pub of_subject: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { rules: MOST_RULES, of_subject: MOST_RULES }
    }
}

impl Precision {
    /// The rule that covers this flow and as little else as can be said. A rule that left out what is not known now would
    /// allow more than was seen: there is none then.
    #[must_use]
    pub fn rule_for(self, facts: &Facts<'_>) -> Option<Rule> {
        let transport = facts.transport?;
        let portless = facts.port.is_none() && WITH_PORTS.contains(&transport);
        let has_no_digest = self.sha256 && facts.sha256.is_none();
        if facts.executable.is_none() || self.user && facts.user.is_none() || has_no_digest || portless {
            return None;
        }
        let rule = Rule::of(facts, self);
        (rule.destination.host != Host::Any).then_some(rule)
    }
}

/// What became of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// A rule allows it already, and has its evidence.
    Known,
    /// A rule was added for it.
    New,
    /// A rule denies it: nothing is learned.
    Denied,
    /// Its program, its user or its peer is not known: nothing can be learned.
    Untold,
    /// No rule covers it, and the baseline is frozen.
    Frozen,
    /// No rule covers it, and there are as many already as [`Bounds`] allow.
    Full,
}

/// A baseline that grows, or that is frozen: then rules still gather evidence, and none comes.
#[derive(Clone, Debug, Default)]
pub struct Learner {
    baseline: Baseline,
    index: Index,
    precision: Precision,
    bounds: Bounds,
    /// Rules by subject.
    of_subject: HashMap<Subject, usize>,
    /// Rules that were added since several were last made into one.
    fresh: usize,
    frozen: bool,
    /// The host whose flows come.
    host: Option<Arc<str>>,
    /// Rules by number of which all flows so far were counted before: those that came later were made here.
    known: usize,
}

impl Learner {
    /// Goes on with a baseline.
    #[must_use]
    pub fn new(baseline: Baseline, precision: Precision) -> Self {
        let mut learner = Self { precision, ..Self::default() };
        learner.replace(baseline);
        learner
    }

    /// The baseline so far.
    #[must_use]
    pub const fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// The baseline.
    #[must_use]
    pub fn into_baseline(self) -> Baseline {
        self.baseline
    }

    /// Goes on with another baseline.
    pub fn replace(&mut self, baseline: Baseline) {
        self.baseline = baseline;
        self.count_anew();
        self.known = self.index.len();
    }

    /// How many rules may come of learning from now on.
    pub const fn bound(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Whether so many rules were added that [`Self::generalise`] is worth its time, which grows with all rules.
    #[must_use]
    pub const fn has_grown(&self) -> bool {
        self.fresh >= WORTH_GENERALISING
    }

    fn count_anew(&mut self) {
        self.index = Index::of(&self.baseline);
        self.of_subject.clear();
        for rule in self.baseline.entries.keys() {
            // Most rules are about a subject that is there already: no copy of it then.
            match self.of_subject.get_mut(&rule.subject) {
                Some(count) => *count += 1,
                None => drop(self.of_subject.insert(rule.subject.clone(), 1)),
            }
        }
    }

    /// Whether no rule is added from now on.
    pub const fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Flows are those of this host from now on.
    pub fn set_host(&mut self, host: &str) {
        if self.host.as_deref() != Some(host) {
            self.host = Some(host.into());
        }
    }

    /// Notes an interval in which events were lost.
    pub fn lost(&mut self, gap: Gap) {
        self.baseline.lose(gap);
    }

    /// Makes several learned rules into one where there are enough of them. Says which rules came of it; none where the
    /// baseline is frozen.
    pub fn generalise(&mut self, thresholds: Thresholds) -> Vec<Rule> {
        if self.frozen {
            return Vec::new();
        }
        self.fresh = 0;
        let made = generalise(&mut self.baseline, thresholds);
        if !made.is_empty() {
            self.count_anew();
            self.known = self.index.len();
        }
        made
    }

    /// Takes a flow.
    pub fn learn(&mut self, facts: &Facts<'_>, time: Timestamp) -> Learned {
        self.learn_by_rule(facts, time).0
    }

    /// Takes a flow, and says which rule is about it.
    pub fn learn_by_rule(&mut self, facts: &Facts<'_>, time: Timestamp) -> (Learned, Option<&Rule>) {
        self.take(facts, time, false)
    }

    /// Takes a flow that may have been counted before. It counts only if no rule covers it but one that was made since:
    /// reading the same log again changes nothing, but what the baseline was too frozen to learn then, it learns now.
    pub fn learn_again(&mut self, facts: &Facts<'_>, time: Timestamp) -> (Learned, Option<&Rule>) {
        self.take(facts, time, true)
    }

    fn take(&mut self, facts: &Facts<'_>, time: Timestamp, again: bool) -> (Learned, Option<&Rule>) {
        let found = self.index.find(facts).map(|(_, number, action)| (number, action));
        let (learned, number) = match found {
            Some((number, Action::Deny)) => (Learned::Denied, Some(number)),
            Some((number, Action::Allow)) => (Learned::Known, Some(number)),
            None if self.frozen => (Learned::Frozen, None),
            None => self.add(facts),
        };
        let rule = number.and_then(|number| self.index.rule(number));
        let was_counted = again && number.is_some_and(|number| number < self.known);
        if let (Learned::Known | Learned::New, Some(rule), false) = (learned, rule, was_counted) {
            count(&mut self.baseline, rule, time);
            self.baseline.history.note(learned, time);
            if let Some(host) = &self.host {
                self.baseline.counted(host, time);
            }
        }
        (learned, rule)
    }

    /// Adds the rule for a flow that none covers, and says its number.
    fn add(&mut self, facts: &Facts<'_>) -> (Learned, Option<usize>) {
        let Some(rule) = self.precision.rule_for(facts) else { return (Learned::Untold, None) };
        let of_subject = self.of_subject.get(&rule.subject).copied().unwrap_or_default();
        if self.index.len() >= self.bounds.rules || of_subject >= self.bounds.of_subject {
            return (Learned::Full, None);
        }
        self.of_subject.insert(rule.subject.clone(), of_subject + 1);
        self.fresh += 1;
        self.baseline.entries.insert(rule.clone(), Entry::new(Action::Allow));
        (Learned::New, Some(self.index.insert(rule, Action::Allow)))
    }
}

fn count(baseline: &mut Baseline, rule: &Rule, time: Timestamp) {
    let Some(entry) = baseline.entries.get_mut(rule) else { return };
    match &mut entry.evidence {
        Some(evidence) => evidence.add(time),
        none => *none = Some(Evidence::of(time)),
    }
}

impl Rule {
    /// The rule about this flow alone, as far as it is known.
    #[must_use]
    pub fn of(facts: &Facts<'_>, precision: Precision) -> Self {
        let subject = Subject {
            executable: facts.executable.map(Arc::from),
            script: facts.script.as_deref().map(Arc::from),
            sha256: facts.sha256.filter(|_| precision.sha256).map(Arc::from),
            user: facts.user.as_deref().filter(|_| precision.user).map(Arc::from),
            unit: facts.unit.filter(|unit| precision.unit && is_service(unit)).map(Arc::from),
            container: None,
            parent: None,
        };
        let host = match (facts.name, facts.address) {
            (Some(name), _) => Host::Name(name.into()),
            (None, Some(address)) => Host::Address(address),
            (None, None) => Host::Any,
        };
        let ports = facts.port.map_or(Ports::Any, Ports::one);
        Self { subject, destination: Destination { transport: facts.transport, host, ports } }
    }
}

/// Transports whose flows have a port.
const WITH_PORTS: [&str; 5] = [
    Transport::Tcp.as_str(),
    Transport::Mptcp.as_str(),
    Transport::Udp.as_str(),
    Transport::UdpLite.as_str(),
    Transport::Sctp.as_str(),
];

/// Whether a unit has the same name the next time. The manager of a user has the user's number in its name, which is as
/// lasting as the user.
fn is_service(unit: &str) -> bool {
    unit.ends_with(".service")
}
