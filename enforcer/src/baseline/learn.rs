//! Learning: from flows to rules.
//!
//! A flow that no rule covers becomes a rule that covers just it: its program, and the name that was asked for, or the
//! address where there was none. Nothing wider comes of learning; [`super::generalise`] makes several rules into one.

use std::sync::Arc;

use egret_model::{Timestamp, Transport};

use super::destination::{Destination, Host, Ports};
use super::evidence::Evidence;
use super::facts::Facts;
use super::file::{Baseline, Entry};
use super::index::{Decision, Index};
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

impl Precision {
    /// The rule that covers this flow and as little else as can be said. A rule that left out what is not known now would
    /// allow more than was seen: there is none then.
    #[must_use]
    pub fn rule_for(self, facts: &Facts<'_>) -> Option<Rule> {
        let transport = facts.transport?;
        if self.user && facts.user.is_none() || facts.port.is_none() && WITH_PORTS.contains(&transport) {
            return None;
        }
        let host = match (facts.name, facts.address) {
            (Some(name), _) => Host::Name(name.into()),
            (None, Some(address)) => Host::Address(address),
            (None, None) => return None,
        };
        let subject = Subject {
            executable: Some(facts.executable?.into()),
            script: facts.script.as_deref().map(Arc::from),
            sha256: facts.sha256.filter(|_| self.sha256).map(Arc::from),
            user: facts.user.as_deref().filter(|_| self.user).map(Arc::from),
            unit: facts.unit.filter(|unit| self.unit && is_service(unit)).map(Arc::from),
            container: None,
            parent: None,
        };
        let ports = facts.port.map_or(Ports::Any, Ports::one);
        Some(Rule { subject, destination: Destination { transport: Some(transport), host, ports } })
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
}

/// A baseline that grows.
#[derive(Clone, Debug, Default)]
pub struct Learner {
    baseline: Baseline,
    index: Index,
    precision: Precision,
}

impl Learner {
    /// Goes on with a baseline.
    #[must_use]
    pub fn new(baseline: Baseline, precision: Precision) -> Self {
        Self { index: Index::of(&baseline), baseline, precision }
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

    /// Takes a flow.
    pub fn learn(&mut self, facts: &Facts<'_>, time: Timestamp) -> Learned {
        let covering = match self.index.decide(facts) {
            Decision::Deny(_) => return Learned::Denied,
            Decision::Allow(rule) => Some(rule),
            Decision::Unknown => None,
        };
        if let Some(entry) = covering.and_then(|rule| self.baseline.entries.get_mut(rule)) {
            match &mut entry.evidence {
                Some(evidence) => evidence.add(time),
                none => *none = Some(Evidence::of(time)),
            }
            return Learned::Known;
        }
        let Some(rule) = self.precision.rule_for(facts) else { return Learned::Untold };
        self.index.insert(rule.clone(), Action::Allow);
        let entry = Entry { evidence: Some(Evidence::of(time)), ..Entry::new(Action::Allow) };
        self.baseline.entries.insert(rule, entry);
        Learned::New
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
