//! Finding the rules that cover a flow, however many rules there are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use egret_model::Transport;
use ipnet::IpNet;

use super::destination::Host;
use super::facts::Facts;
use super::file::Baseline;
use super::rule::{Action, Rule};
use super::subject::Subject;
use super::value::Value;

/// What a baseline says of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleMatch<'a> {
    /// A rule allows it, and none denies it.
    Allow(&'a Rule),
    /// A rule denies it.
    Deny(&'a Rule),
    /// No rule covers it.
    NoRule,
}

/// The rules of a baseline, by executable and then by host. Looking a flow up takes a few steps for each label of its
/// name and each length of prefix among the networks, not one for each rule.
#[derive(Clone, Debug, Default)]
pub struct Index {
    rules: Vec<(Rule, Action)>,
    by_executable: HashMap<Arc<str>, Hosts>,
    by_pattern: Patterns,
    of_any: Hosts,
    /// Executables of which a rule asks for the digest; `None` if a rule asks for that of any.
    digested: HashSet<Option<Value>>,
    /// Of those, the ones that are no single path.
    digested_widely: Vec<Option<Value>>,
    /// A rule asks for an image or a pod.
    names_containers: bool,
}

impl Index {
    /// Of a baseline. Rules of flows that only failed match nothing.
    #[must_use]
    pub fn of(baseline: &Baseline) -> Self {
        let mut index = Self::default();
        for (rule, entry) in baseline.entries.iter().filter(|(_, entry)| entry.action != Action::Tried) {
            index.insert(rule.clone(), entry.action);
        }
        index
    }

    /// Whether a rule is about these processes or some of them.
    #[must_use]
    pub fn has_subject(&self, subject: &Subject) -> bool {
        self.rules.iter().any(|(rule, _)| rule.subject.is_about(subject))
    }

    /// Adds a rule that is not there yet; says its number.
    pub(super) fn insert(&mut self, rule: Rule, action: Action) -> usize {
        let hosts = match &rule.subject.executable {
            Some(Value::Exact(path)) => self.by_executable.entry(Arc::clone(path)).or_default(),
            Some(pattern) => self.by_pattern.get_or_create(pattern),
            None => &mut self.of_any,
        };
        let number = self.rules.len();
        hosts.add(&rule.destination.host, number);
        hosts.denies_names |= action == Action::Deny && rule.destination.host.is_named();
        if rule.subject.sha256.is_some() {
            let executable = rule.subject.executable.clone();
            let is_wide = executable.as_ref().is_none_or(|executable| executable.as_exact().is_none());
            if self.digested.insert(executable.clone()) && is_wide {
                self.digested_widely.push(executable);
            }
        }
        self.names_containers |= rule.subject.image.is_some() || rule.subject.pod.is_some();
        self.rules.push((rule, action));
        number
    }

    /// The rule with a number.
    pub(super) fn rule(&self, number: usize) -> Option<&Rule> {
        self.rules.get(number).map(|(rule, _)| rule)
    }

    /// What the rules say of a flow: one that denies wins, whatever others allow.
    ///
    /// A socket of Multipath TCP sends TCP, and its peer may understand nothing else: rules for the one are rules for the
    /// other, whether a flow is known by its packet or by its socket. Those for TCP come first.
    #[must_use]
    pub fn match_rule(&self, facts: &Facts<'_>) -> RuleMatch<'_> {
        const TCP: [&str; 2] = [Transport::Tcp.as_str(), Transport::Mptcp.as_str()];
        if !facts.transport.is_some_and(|transport| TCP.contains(&transport)) {
            return self.match_as_it_is(facts);
        }
        let mut matches = TCP.into_iter().map(|transport| {
            let facts = Facts { transport: Some(transport), ..facts.clone() };
            self.match_as_it_is(&facts)
        });
        let matched = matches.find(|matched| *matched != RuleMatch::NoRule);
        matched.unwrap_or(RuleMatch::NoRule)
    }

    fn match_as_it_is(&self, facts: &Facts<'_>) -> RuleMatch<'_> {
        match self.find(facts) {
            Some((rule, _, Action::Allow)) => RuleMatch::Allow(rule),
            Some((rule, _, Action::Deny)) => RuleMatch::Deny(rule),
            Some((_, _, Action::Tried)) | None => RuleMatch::NoRule,
        }
    }

    /// What the rules say of a flow whichever name it asked for; [`RuleMatch::NoRule`] where that could matter. Of several
    /// rules that cover it, another one may be named than by [`Self::match_rule`].
    #[must_use]
    pub fn match_without_name(&self, facts: &Facts<'_>) -> RuleMatch<'_> {
        let matched = self.match_rule(&Facts { name: None, ..facts.clone() });
        match matched {
            RuleMatch::Allow(_) if self.hosts(facts).any(|hosts| hosts.denies_names) => RuleMatch::NoRule,
            matched => matched,
        }
    }

    /// Where the rules are that may cover a flow of this executable.
    fn hosts(&self, facts: &Facts<'_>) -> impl Iterator<Item = &Hosts> {
        let of_executable = facts.executable.and_then(|executable| self.by_executable.get(executable));
        let of_patterns: Vec<&Hosts> = facts.executable.map(|path| self.by_pattern.matching(path)).unwrap_or_default();
        of_executable.into_iter().chain(of_patterns).chain([&self.of_any])
    }

    /// The rule that decides about a flow, its number and what it says.
    pub(super) fn find(&self, facts: &Facts<'_>) -> Option<(&Rule, usize, Action)> {
        let mut allowed = None;
        for hosts in self.hosts(facts) {
            let denied = hosts.find(facts, |number| {
                let (rule, action) = self.rules.get(number).filter(|(rule, _)| rule.covers(facts))?;
                let found = Some((rule, number, *action));
                if *action == Action::Deny {
                    return found;
                }
                allowed = allowed.or(found);
                None
            });
            if denied.is_some() {
                return denied;
            }
        }
        allowed
    }

    /// Whether what the rules say may depend on the digest of this executable.
    #[must_use]
    pub fn wants_digest(&self, executable: &str) -> bool {
        let is_wanted = |asked: &Option<Value>| asked.as_ref().is_none_or(|asked| asked.matches(executable));
        !self.digested.is_empty()
            && (self.digested.contains(&Some(executable.into())) || self.digested_widely.iter().any(is_wanted))
    }

    /// Whether what the rules say may depend on the names of containers.
    #[must_use]
    pub const fn wants_containers(&self) -> bool {
        self.names_containers
    }

    /// Number of rules.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// Rules about executables by a pattern: by the directory above what varies, and by the file's name, empty where that varies.
/// Looking a path up takes two steps for each of its directories, and one for each pattern of the same place.
#[derive(Clone, Debug, Default)]
struct Patterns(HashMap<Box<str>, HashMap<Box<str>, SamePlace>>);

/// Rules about patterns that vary at one place, by their pattern.
type SamePlace = BTreeMap<Value, Hosts>;

impl Patterns {
    fn get_or_create(&mut self, pattern: &Value) -> &mut Hosts {
        let (directory, name) = pattern.place();
        let same_place = self.0.entry(directory.into()).or_default().entry(name.into()).or_default();
        same_place.entry(pattern.clone()).or_default()
    }

    fn matching(&self, executable: &str) -> Vec<&Hosts> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let directories = std::iter::successors(Some(executable), |path| path.rsplit_once('/').map(|(above, _)| above));
        let name = executable.rsplit('/').next().unwrap_or_default();
        let places = directories.skip(1).filter_map(|directory| self.0.get(directory));
        // A path without a directory in front.
        let places = places.chain(self.0.get("").filter(|_| !executable.starts_with('/')));
        let lists = places.flat_map(|names| [names.get(name), names.get("").filter(|_| !name.is_empty())]);
        lists.flatten().flatten().filter(|(pattern, _)| pattern.matches(executable)).map(|(_, hosts)| hosts).collect()
    }
}

/// Numbers of rules, by the host that they name.
#[derive(Clone, Debug, Default)]
struct Hosts {
    any: Vec<usize>,
    names: HashMap<Arc<str>, Vec<usize>>,
    below: HashMap<Arc<str>, Vec<usize>>,
    addresses: HashMap<IpAddr, Vec<usize>>,
    networks: HashMap<IpNet, Vec<usize>>,
    /// Lengths of the networks' prefixes.
    prefixes: BTreeSet<u8>,
    /// A rule denies a name.
    denies_names: bool,
}

impl Hosts {
    fn add(&mut self, host: &Host, number: usize) {
        let place = match host {
            Host::Any => &mut self.any,
            // The name itself has no such suffix: no flow meets the rule twice.
            Host::Domain(domain) => {
                self.names.entry(Arc::clone(domain)).or_default().push(number);
                self.below.entry(Arc::clone(domain)).or_default()
            }
            Host::Name(name) => self.names.entry(Arc::clone(name)).or_default(),
            Host::Below(suffix) => self.below.entry(Arc::clone(suffix)).or_default(),
            Host::Address(address) => self.addresses.entry(*address).or_default(),
            Host::LinkLocal(address, _) => self.addresses.entry((*address).into()).or_default(),
            Host::Network(network) => {
                self.prefixes.insert(network.prefix_len());
                self.networks.entry(*network).or_default()
            }
        };
        place.push(number);
    }

    /// Tries the rules that may cover a flow, until one gives something.
    fn find<T>(&self, facts: &Facts<'_>, mut with: impl FnMut(usize) -> Option<T>) -> Option<T> {
        let name = facts.name.and_then(|name| self.names.get(name));
        let suffixes = facts.name.into_iter().flat_map(suffixes).filter_map(|suffix| self.below.get(suffix));
        let address = facts.address.and_then(|address| self.addresses.get(&address));
        let networks = self.prefixes.iter().filter_map(|length| {
            let network = IpNet::new(facts.address?, *length).ok()?.trunc();
            self.networks.get(&network)
        });
        let lists = name.into_iter().chain(suffixes).chain(address).chain(networks).chain([&self.any]);
        lists.flatten().find_map(|number| with(*number))
    }
}

/// The names above one: `b.c` and `c` for `a.b.c`.
fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, above)| above)).skip(1)
}
