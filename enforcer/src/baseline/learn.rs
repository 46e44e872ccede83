//! Learning: from flows to rules.
//!
//! A flow that no rule covers becomes a rule that covers just it: its program, and the name that was asked for, or the
//! address where there was none. Nothing wider comes of learning; [`super::generalise`] makes several rules into one.
//!
//! A flow that failed allows nothing: it becomes a rule that says so ([`Action::Tried`]), until one like it succeeds. A flow
//! that enforcement blocked, or would have, teaches nothing, in whichever mode and from whichever log it comes.
//!
//! Nor does a flow in another network namespace than egret, which is exempt: any user can make one and give any address
//! to any peer in it, and a rule of it would hold in the host's. Only rules that name a container are learned there, as no
//! process of the host can use them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use egret_model::{Timestamp, Transport};

use super::destination::{Destination, Host, Ports};
use super::evidence::{Evidence, Gap};
use super::facts::{Facts, KERNEL, MEMORY, Outcome};
use super::file::{Baseline, Entry};
use super::generalise::{Thresholds, generalise};
use super::index::Index;
use super::lasting;
use super::rule::{Action, Rule};
use super::subject::Subject;
use super::value::Value;

/// What a learned rule says of processes besides their executable and what it interprets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
    /// The user.
    pub user: bool,
    /// The systemd unit, where its name comes back or is of a form in [`super::UNITS`].
    pub unit: bool,
    /// Names that change are replaced by patterns, by the tables [`super::EXECUTABLES`] and [`super::UNITS`].
    pub patterns: bool,
    /// The digest of the executable: an update of the program is then another program.
    pub sha256: bool,
}

impl Default for Precision {
    fn default() -> Self {
        Self { user: true, unit: true, patterns: true, sha256: false }
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
    /// About one user, so that nobody takes the room of the others with one program after another. Root may have all; users without
    /// a name, as their subordinate ids are, count as one.
    pub of_user: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { rules: MOST_RULES, of_subject: MOST_RULES, of_user: MOST_RULES }
    }
}

/// Rules among them of flows that only failed: what scans ports would else take the place of all others. Beyond, what fails
/// leaves no rule. One user may have half of them.
pub const MOST_TRIED: usize = 10_000;

impl Precision {
    /// The rule that covers this flow and as little else as can be said. A rule without what is unknown now would
    /// allow more than was seen: there is none then.
    #[must_use]
    pub fn rule_for(self, facts: &Facts<'_>) -> Option<Rule> {
        let transport = facts.transport?;
        let portless = facts.port.is_none() && WITH_PORTS.contains(&transport);
        // A file in memory may have any name: its digest alone identifies it.
        let nameless = facts.file == Some(MEMORY) && facts.sha256.is_none();
        let anonymous = self.user && facts.user.is_none() && facts.executable != Some(KERNEL);
        let has_no_digest = self.sha256 && facts.sha256.is_none() && facts.executable != Some(KERNEL);
        let is_unknown =
            facts.executable.is_none() || facts.is_script_unknown || facts.is_container_unknown || anonymous;
        if is_unknown || portless || nameless || has_no_digest {
            return None;
        }
        let rule = Rule::of(facts, self);
        (rule.destination.host != Host::Any).then_some(rule)
    }
}

/// Which of the [`Bounds`] is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Bounds::rules`].
    Rules,
    /// [`Bounds::of_subject`].
    RulesOfSubject,
    /// [`Bounds::of_user`].
    RulesOfUser,
}

/// Whose rules are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Account {
    /// Rules of any user, of the kernel and of root: nobody takes their room but root.
    Unbounded,
    /// A user with a name.
    User(Value),
    /// All users without one.
    Unnamed,
}

impl Account {
    fn of(subject: &Subject) -> Self {
        let name = match &subject.user {
            None => return Self::Unbounded,
            Some(Value::Exact(name)) => name,
            Some(pattern) => return Self::User(pattern.clone()),
        };
        match &**name {
            "root" | "0" => Self::Unbounded,
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => Self::Unnamed,
            _ => Self::User(Value::Exact(name.clone())),
        }
    }

    fn is_bounded(&self) -> bool {
        *self != Self::Unbounded
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
    /// Its program, its script, its user, its container or its peer is unknown: nothing can be learned.
    Unknown,
    /// No rule covers it, and the baseline is frozen.
    Frozen,
    /// No rule covers it, and there are as many already as [`Bounds`] allow.
    Full(Limit),
    /// It failed, and no rule covers it: it is noted as tried, if there is room.
    Failed,
    /// The peer has not answered yet.
    Outstanding,
    /// Enforcement blocked it, or would have.
    Blocked,
    /// A person let it pass when asked.
    Answered,
    /// It is in another network namespace than egret, and of no container that a rule names.
    OtherNamespace,
}

/// A baseline that grows, or that is frozen: then rules still gather evidence, and none comes.
#[derive(Clone, Debug, Default)]
pub struct Learner {
    baseline: Baseline,
    index: Index,
    precision: Precision,
    /// Flows that failed are learned like others.
    allow_failed: bool,
    bounds: Bounds,
    /// Rules by subject, without those of flows that only failed.
    of_subject: HashMap<Subject, usize>,
    /// The same by user.
    of_user: HashMap<Account, usize>,
    /// Rules of flows that only failed, by user.
    tried_of_user: HashMap<Account, usize>,
    /// Rules that were added since several were last made into one.
    fresh: usize,
    frozen: bool,
    /// The host whose flows come.
    host: Option<Arc<str>>,
    /// Rules by number of which all flows so far were counted before: those that came later were made here.
    known: usize,
    /// Rules of flows that only failed that were made here.
    tried: HashSet<Rule>,
    /// How many such rules there were before; all of them together are bounded by [`MOST_TRIED`].
    tried_before: usize,
}

impl Learner {
    /// Goes on with a baseline.
    #[must_use]
    pub fn new(baseline: Baseline, precision: Precision) -> Self {
        let mut learner = Self { precision, ..Self::default() };
        learner.replace(baseline);
        learner
    }

    /// Whether flows that failed are learned like those that succeeded.
    pub const fn set_allow_failed(&mut self, allow_failed: bool) {
        self.allow_failed = allow_failed;
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
        self.tried.clear();
        self.tried_of_user.clear();
        self.tried_before = 0;
        for (rule, _) in baseline.entries.iter().filter(|(_, entry)| entry.action == Action::Tried) {
            self.tried_before += 1;
            *self.tried_of_user.entry(Account::of(&rule.subject)).or_default() += 1;
        }
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
        self.of_user.clear();
        let rules = self.baseline.entries.iter().filter(|(_, entry)| entry.action != Action::Tried);
        for (rule, _) in rules {
            *self.of_user.entry(Account::of(&rule.subject)).or_default() += 1;
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
        let failed = match facts.outcome {
            Outcome::Outstanding => return (Learned::Outstanding, None),
            Outcome::Blocked => return (Learned::Blocked, None),
            Outcome::Answered => return (Learned::Answered, None),
            Outcome::Failed => !self.allow_failed,
            Outcome::Opened => false,
        };
        let found = self.index.find(facts).map(|(_, number, action)| (number, action));
        if facts.other_namespace && !self.is_of_container(facts, found.map(|(number, _)| number)) {
            return (Learned::OtherNamespace, None);
        }
        let (learned, number) = match found {
            Some((number, Action::Deny)) => (Learned::Denied, Some(number)),
            Some((number, _)) => (Learned::Known, Some(number)),
            None if self.frozen => (Learned::Frozen, None),
            None if failed => return (self.note_failed(facts, time, again), None),
            None => self.add(facts),
        };
        let rule = number.and_then(|number| self.index.rule(number));
        let was_counted = again && number.is_some_and(|number| number < self.known);
        if let (Learned::Known | Learned::New, Some(rule), false) = (learned, rule, was_counted) {
            count(&mut self.baseline, rule, time, failed);
            if !failed && !facts.exempt && !facts.other_namespace {
                self.baseline.history.note(learned, time);
            }
            if let Some(host) = &self.host {
                self.baseline.counted(host, time);
            }
        }
        (learned, rule)
    }

    /// Whether the rule about a flow, the one with this number or the one that would be added, names a container that only
    /// root could have made. A user can give a container without root any image, and its rules hold for that user in the
    /// host's network namespace.
    fn is_of_container(&self, facts: &Facts<'_>, number: Option<usize>) -> bool {
        let names_one = |rule: &Rule| rule.subject.names_container();
        let found = || match number {
            Some(number) => self.index.rule(number).is_some_and(names_one),
            None => self.precision.rule_for(facts).is_some_and(|rule| names_one(&rule)),
        };
        !facts.is_rootless && found()
    }

    /// Adds the rule for a flow that none covers, and says its number.
    fn add(&mut self, facts: &Facts<'_>) -> (Learned, Option<usize>) {
        let Some(rule) = self.precision.rule_for(facts) else { return (Learned::Unknown, None) };
        let of_subject = self.of_subject.get(&rule.subject).copied().unwrap_or_default();
        if self.index.len() >= self.bounds.rules {
            return (Learned::Full(Limit::Rules), None);
        }
        if of_subject >= self.bounds.of_subject {
            return (Learned::Full(Limit::RulesOfSubject), None);
        }
        let account = Account::of(&rule.subject);
        let of_user = self.of_user.get(&account).copied().unwrap_or_default();
        if account.is_bounded() && of_user >= self.bounds.of_user {
            return (Learned::Full(Limit::RulesOfUser), None);
        }
        self.of_user.insert(account, of_user + 1);
        self.of_subject.insert(rule.subject.clone(), of_subject + 1);
        self.fresh += 1;
        // One that was tried before keeps what was noted of that.
        self.baseline.entries.entry(rule.clone()).or_insert(Entry::new(Action::Allow)).action = Action::Allow;
        self.tried.remove(&rule);
        (Learned::New, Some(self.index.insert(rule, Action::Allow)))
    }

    /// Notes a flow that failed and that no rule covers.
    fn note_failed(&mut self, facts: &Facts<'_>, time: Timestamp, again: bool) -> Learned {
        let Some(rule) = self.precision.rule_for(facts) else { return Learned::Unknown };
        let is_there = self.baseline.entries.contains_key(&rule);
        if again && is_there && !self.tried.contains(&rule) {
            return Learned::Failed;
        }
        if !is_there {
            let tried = self.tried_before + self.tried.len();
            let has_room = tried < MOST_TRIED && self.baseline.entries.len() < self.bounds.rules;
            let account = Account::of(&rule.subject);
            let of_user = self.tried_of_user.get(&account).copied().unwrap_or_default();
            if !has_room || account.is_bounded() && of_user >= MOST_TRIED / 2 {
                return Learned::Failed;
            }
            self.tried_of_user.insert(account, of_user + 1);
            self.baseline.entries.insert(rule.clone(), Entry::new(Action::Tried));
            self.tried.insert(rule.clone());
        }
        count(&mut self.baseline, &rule, time, true);
        if let Some(host) = &self.host {
            self.baseline.counted(host, time);
        }
        Learned::Failed
    }
}

fn count(baseline: &mut Baseline, rule: &Rule, time: Timestamp, failed: bool) {
    let Some(entry) = baseline.entries.get_mut(rule) else { return };
    match (&mut entry.evidence, failed) {
        (Some(evidence), false) => evidence.add(time),
        (Some(evidence), true) => evidence.add_failed(time),
        (none, false) => *none = Some(Evidence::of(time)),
        (none, true) => *none = Some(Evidence::of_failed(time)),
    }
}

impl Rule {
    /// The rule about this flow alone, as far as it is known.
    #[must_use]
    pub fn of(facts: &Facts<'_>, precision: Precision) -> Self {
        let with_user = precision.user && facts.user.is_some();
        let is_pattern = precision.patterns && facts.file.is_none();
        let is_path = |path: &str| path != KERNEL;
        let executable = |path| match is_pattern && is_path(path) {
            true => lasting::executable(path, with_user),
            false => Value::from(path),
        };
        let unit = |unit| if precision.patterns { lasting::unit(unit) } else { lasting::service(unit) };
        let in_container = |name: Option<&str>| name.filter(|_| with_user || !facts.is_rootless).map(Value::from);
        let subject = Subject {
            executable: facts.executable.map(executable),
            file: facts.file.map(Value::from),
            script: facts.script.map(Value::from),
            sha256: facts.sha256.filter(|_| precision.sha256 || facts.file == Some(MEMORY)).map(Value::from),
            user: facts.user.as_deref().filter(|_| precision.user).map(Value::from),
            unit: facts.unit.filter(|_| precision.unit && (with_user || !facts.is_user_unit)).and_then(unit),
            // Its id changes with every start.
            container: None,
            image: in_container(facts.image.filter(|_| facts.pod.is_none())),
            pod: in_container(facts.pod),
            parent: None,
        };
        let host = match (facts.name, facts.address) {
            (Some(name), _) => Host::Name(name.into()),
            (None, Some(address)) => Host::at(address, facts.interface),
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
