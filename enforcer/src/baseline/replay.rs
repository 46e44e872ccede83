//! What a baseline would have blocked.

use std::collections::BTreeMap;

use egret_model::Timestamp;

use super::evidence::Evidence;
use super::facts::Facts;
use super::index::{Decision, Index};

/// Groups of blocked flows that are told apart; what comes beyond is counted together. Some 300 bytes each: 30 MB.
const GROUPS: usize = 100_000;

/// Flows that would have been blocked, by who and to whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blocked {
    /// The program, with what it interprets, and its user; `unknown` if it is not known.
    pub who: String,
    /// Transport, host and port.
    pub destination: String,
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
    /// Flows whose program is not known; they are among the blocked.
    pub unattributed: u64,
    /// Blocked flows of groups beyond those told apart.
    pub other: u64,
    blocked: BTreeMap<Blocked, Evidence>,
}

impl<'a> Replay<'a> {
    /// Nothing yet.
    #[must_use]
    pub const fn new(index: &'a Index) -> Self {
        Self { index, flows: 0, allowed: 0, unattributed: 0, other: 0, blocked: BTreeMap::new() }
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
        let group = Blocked { who: who(facts), destination: destination(facts), denied };
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

fn who(facts: &Facts<'_>) -> String {
    let mut who = facts.executable.unwrap_or("unknown").to_owned();
    if let Some(script) = &facts.script {
        who = format!("{who} {script}");
    }
    match &facts.user {
        Some(user) => format!("{who} ({user})"),
        None => who,
    }
}

fn destination(facts: &Facts<'_>) -> String {
    let address = facts.address.map(|address| address.to_string());
    let host = facts.name.map(str::to_owned).or(address).unwrap_or_else(|| "*".to_owned());
    let port = facts.port.map_or_else(|| "*".to_owned(), |port| port.to_string());
    format!("{} {host} {port}", facts.transport.unwrap_or("*"))
}
