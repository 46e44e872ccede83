//! Why a flow was let through or blocked.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Attribution;

/// Why a verdict is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A rule of the baseline covers the flow.
    Rule,
    /// No rule covers it.
    NoRule,
    /// A person was asked, and answered.
    Answer,
    /// Its process is not known; what is to be done then is configured.
    Unattributed,
    /// Nothing that a baseline could cover: the packet is of no transport with a peer, or cannot be understood.
    Unjudgeable,
    /// What there is to know of it did not come in time; what is to be done then is configured.
    Late,
    /// The other end opened the connection, before packets were judged: what a baseline says is for those who begin.
    Inbound,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] =
        [Self::Rule, Self::NoRule, Self::Answer, Self::Unattributed, Self::Unjudgeable, Self::Late, Self::Inbound];

    /// The name used in records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::NoRule => "no_rule",
            Self::Answer => "answer",
            Self::Unattributed => "unattributed",
            Self::Unjudgeable => "unjudgeable",
            Self::Late => "late",
            Self::Inbound => "inbound",
        }
    }
}

/// How a verdict came about; the verdict itself is [`crate::Event::verdict`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Why.
    pub reason: Reason,
    /// The rule that covers the flow, as the baseline has it, without action and evidence.
    pub rule: Option<Arc<str>>,
    /// How the process was found when the flow was judged.
    pub attribution: Attribution,
    /// From the packet's arrival at egret to its verdict, nanoseconds; absent for a flow that the kernel let through by
    /// itself, because an earlier one like it was allowed.
    pub duration_ns: Option<u64>,
}
