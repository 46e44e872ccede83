//! What a baseline would have blocked.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use egret_model::{ConnectionId, Endpoint, Event, EventName, Timestamp, Transport};
use lru::LruCache;

use super::evidence::Evidence;
use super::facts::Facts;
use super::index::{Index, RuleMatch};
use super::learn::Precision;
use super::rule::Rule;
use crate::evaluate::{Exempt, Scope, UnattributedPolicy};

/// Groups of blocked flows that are counted separately; flows of others are counted together. Some 500 bytes each: 50 MB.
const GROUPS: usize = 100_000;

/// Flows that would have been blocked, by who and to whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blocked {
    /// The rule that would let them through. Where the program is not known, its subject has no executable, and there is
    /// no such rule.
    pub rule: Rule,
    /// A rule denies it, rather than none allowing it.
    pub denied: bool,
}

/// Flows remembered of which another event may come, some 120 bytes each: 8 MB. One that was evicted counts again.
const BEGUN: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// Evaluates recorded flows, those that enforcement would evaluate, by a baseline.
#[derive(Debug)]
pub struct Replay<'a> {
    index: &'a Index,
    scope: Option<&'a Scope>,
    pass_unattributed: bool,
    /// Flows that were counted already, and of which another event may come.
    begun: LruCache<(ConnectionId, Endpoint), ()>,
    /// Flows in all.
    pub flows: u64,
    /// Exempt flows, by reason.
    pub exempt: BTreeMap<Exempt, u64>,
    /// Flows that would have been let through.
    pub allowed: u64,
    /// Evaluated flows whose program is unknown. They are among the blocked, unless a rule for any subject or the configuration
    /// allows them.
    pub unattributed: u64,
    /// Blocked flows of groups beyond those counted separately.
    pub other: u64,
    precision: Precision,
    blocked: BTreeMap<Blocked, Evidence>,
}

impl<'a> Replay<'a> {
    /// Begins with no flow; every flow is evaluated.
    #[must_use]
    pub fn new(index: &'a Index, precision: Precision) -> Self {
        Self {
            index,
            scope: None,
            pass_unattributed: false,
            begun: LruCache::new(BEGUN),
            flows: 0,
            exempt: BTreeMap::new(),
            allowed: 0,
            unattributed: 0,
            other: 0,
            precision,
            blocked: BTreeMap::new(),
        }
    }

    /// With the scope of enforcement, and what it does with flows whose process is unknown.
    #[must_use]
    pub fn within(self, scope: &'a Scope, unattributed: UnattributedPolicy) -> Self {
        Self { scope: Some(scope), pass_unattributed: unattributed == UnattributedPolicy::Allow, ..self }
    }

    /// Flows that enforcement would have evaluated.
    #[must_use]
    pub fn evaluated(&self) -> u64 {
        self.flows - self.exempt.values().sum::<u64>()
    }

    /// Takes a flow that is evaluated.
    pub fn put(&mut self, facts: &Facts<'_>, time: Timestamp) {
        self.flows += 1;
        self.evaluate(facts, time);
    }

    /// Takes an event that begins a flow. One that says what became of a flow that was counted already counts no more: the
    /// answer to a connect, or the refusal of a datagram.
    pub fn put_event(&mut self, event: &Event, facts: &Facts<'_>) {
        let is_datagram = event.transport.is_some_and(|transport: Transport| !transport.has_handshake());
        let key = (event.id, event.peer);
        let says_more = !is_datagram || event.name == EventName::ConnectionFailed;
        if says_more && self.begun.contains(&key) {
            return;
        }
        if event.outstanding || is_datagram {
            self.begun.put(key, ());
        }
        self.flows += 1;
        if let Some(why) = self.scope.and_then(|scope| scope.exempt(event, facts)) {
            *self.exempt.entry(why).or_default() += 1;
            return;
        }
        self.evaluate(facts, event.time);
    }

    fn evaluate(&mut self, facts: &Facts<'_>, time: Timestamp) {
        self.unattributed += u64::from(facts.executable.is_none());
        let denied = match self.index.match_rule(facts) {
            RuleMatch::Allow(_) => {
                self.allowed += 1;
                return;
            }
            RuleMatch::Deny(_) => true,
            RuleMatch::NoRule if facts.executable.is_none() && self.pass_unattributed => {
                self.allowed += 1;
                return;
            }
            RuleMatch::NoRule => false,
        };
        let group = Blocked { rule: Rule::of(facts, self.precision), denied };
        if let Some(seen) = self.blocked.get_mut(&group) {
            seen.add(time);
        } else if self.blocked.len() < GROUPS {
            self.blocked.insert(group, Evidence::of(time));
        } else {
            self.other += 1;
        }
    }

    /// What would have been blocked, with how often and when.
    pub fn blocked(&self) -> impl ExactSizeIterator<Item = (&Blocked, &Evidence)> {
        self.blocked.iter()
    }
}
