//! What a baseline would have blocked.

use std::collections::BTreeMap;

use egret_model::Timestamp;

use super::evidence::Evidence;
use super::facts::Facts;
use super::index::{Decision, Index};
use super::learn::Precision;
use super::rule::Rule;

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

/// Puts recorded flows to a baseline.
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    index: &'a Index,
    /// Flows in all.
    pub flows: u64,
    /// Flows that would have been let through.
    pub allowed: u64,
    /// Flows whose program is not known. They are among the blocked, unless a rule for anybody allows them.
    pub unattributed: u64,
    /// Blocked flows of groups beyond those told apart.
    pub other: u64,
    precision: Precision,
    blocked: BTreeMap<Blocked, Evidence>,
}

impl<'a> Replay<'a> {
    /// Nothing yet.
    #[must_use]
    pub const fn new(index: &'a Index, precision: Precision) -> Self {
        Self { index, flows: 0, allowed: 0, unattributed: 0, other: 0, precision, blocked: BTreeMap::new() }
    }

    /// Takes a flow.
    pub fn put(&mut self, facts: &Facts<'_>, time: Timestamp) {
        self.flows += 1;
        self.unattributed += u64::from(facts.executable.is_none());
        let denied = match self.index.decide(facts) {
            Decision::Allow(_) => {
                self.allowed += 1;
                return;
            }
            Decision::Deny(_) => true,
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
