//! What a baseline would have blocked.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use egret_model::{ConnectionId, Endpoint, Event, EventName, Timestamp, Transport};
use lru::LruCache;

use super::evidence::Evidence;
use super::facts::Facts;
use super::index::{Decision, Index};
use super::learn::Precision;
use super::rule::Rule;
use crate::judge::{Exempt, Scope, Unattributed};

/// Groups of blocked flows that are told apart; what comes beyond is counted together. Some 500 bytes each: 50 MB.
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

/// Puts recorded flows to a baseline, as far as enforcement judges them.
#[derive(Debug)]
pub struct Replay<'a> {
    index: &'a Index,
    scope: Option<&'a Scope>,
    pass_unattributed: bool,
    /// Flows that were counted already, and of which another event may come.
    begun: LruCache<(ConnectionId, Endpoint), ()>,
    /// Flows in all.
    pub flows: u64,
    /// Flows that enforcement never judges, by why.
    pub exempt: BTreeMap<Exempt, u64>,
    /// Flows that would have been let through.
    pub allowed: u64,
    /// Judged flows whose program is not known. They are among the blocked, unless a rule for anybody or the configuration
    /// allows them.
    pub unattributed: u64,
    /// Blocked flows of groups beyond those told apart.
    pub other: u64,
    precision: Precision,
    blocked: BTreeMap<Blocked, Evidence>,
}

impl<'a> Replay<'a> {
    /// Nothing yet; every flow is judged.
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

    /// With what enforcement judges, and what it does with flows whose process is not known.
    #[must_use]
    pub fn within(self, scope: &'a Scope, unattributed: Unattributed) -> Self {
        Self { scope: Some(scope), pass_unattributed: unattributed == Unattributed::Allow, ..self }
    }

    /// Flows that enforcement would have judged.
    #[must_use]
    pub fn judged(&self) -> u64 {
        self.flows - self.exempt.values().sum::<u64>()
    }

    /// Takes a flow that is judged.
    pub fn put(&mut self, facts: &Facts<'_>, time: Timestamp) {
        self.flows += 1;
        self.judge(facts, time);
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
        self.judge(facts, event.time);
    }

    fn judge(&mut self, facts: &Facts<'_>, time: Timestamp) {
        self.unattributed += u64::from(facts.executable.is_none());
        let denied = match self.index.decide(facts) {
            Decision::Allow(_) => {
                self.allowed += 1;
                return;
            }
            Decision::Deny(_) => true,
            Decision::Unknown if facts.executable.is_none() && self.pass_unattributed => {
                self.allowed += 1;
                return;
            }
            Decision::Unknown => false,
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
