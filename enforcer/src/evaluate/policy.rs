//! The policy that flows are evaluated by.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::baseline::{Index, Subject};
use crate::mode::Mode;

/// What happens to flows whose process is unknown, and to packets that cannot be parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnattributedPolicy {
    /// They are allowed.
    #[default]
    Allow,
    /// They are blocked where the mode blocks.
    Block,
}

/// What happens to new flows while nothing evaluates them, and to packets that are not evaluated in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// They pass.
    #[default]
    Open,
    /// They are blocked.
    Closed,
}

/// How packets are blocked: one enum for configuration, policy and firewall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockAction {
    /// The program gets a TCP reset or an ICMP error at once.
    #[default]
    Reject,
    /// The program gets no answer, and waits for its timeout.
    Drop,
}

/// All that a verdict depends on besides the flow and its owner.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The mode in force.
    pub mode: Mode,
    /// The rules.
    pub index: Arc<Index>,
    /// In [`Mode::Enforce`], the subject whose flows are blocked; those of others are treated as in [`Mode::Shadow`]. `None`
    /// for all subjects.
    pub only: Option<Subject>,
    /// What happens to flows whose process is unknown.
    pub unattributed: UnattributedPolicy,
    /// What happens to flows that cannot be evaluated in time.
    pub on_failure: FailurePolicy,
    /// How flows are blocked.
    pub action: BlockAction,
    /// Whether a person is asked about flows that no rule matches.
    pub ask: bool,
    /// Number of the policy. Allowed flows are marked with it, so that another policy evaluates them again.
    pub generation: u32,
}
