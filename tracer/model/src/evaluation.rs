//! The evaluation of a flow, which leads to its verdict.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Attribution;

/// The reason of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A rule of the baseline matches the flow.
    Rule,
    /// No rule matches the flow.
    NoRule,
    /// A user answered the question about it.
    Answer,
    /// Its process is unknown; the verdict is configured.
    Unattributed,
    /// No baseline could match it: the packet has a transport without peers, or cannot be parsed.
    Unjudgeable,
    /// The facts were not known by the deadline; the verdict is configured.
    Late,
    /// The peer opened the connection before packets were evaluated; a baseline is about connections that the host opens.
    Inbound,
}

impl Reason {
    /// In the order of their indices.
    pub const ALL: [Self; 7] =
        [Self::Rule, Self::NoRule, Self::Answer, Self::Unattributed, Self::Unjudgeable, Self::Late, Self::Inbound];

    /// The name in records and metrics.
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

/// How a verdict was reached; the verdict itself is [`crate::Event::verdict`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    pub reason: Reason,
    /// The matching rule in the form of the baseline, without action and evidence.
    pub rule: Option<Arc<str>>,
    /// The attribution at the time of the evaluation.
    pub attribution: Attribution,
    /// From the arrival of the packet at egret to its verdict, nanoseconds; absent for a flow that the kernel let through because a
    /// similar one was allowed before.
    pub duration_ns: Option<u64>,
}
