//! Answers.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::extent::Extent;
use crate::baseline::{Rule, Subject};

/// What somebody says to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether such flows are let through.
    pub allow: bool,
    /// For how long.
    pub lasts: Lasts,
    /// For how much.
    #[serde(default, skip_serializing_if = "Extent::is_one_flow")]
    pub extent: Extent,
}

/// How long an answer lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lasts {
    /// For one flow, if that comes within a minute.
    Once,
    /// For some time.
    For(#[serde(with = "seconds")] Duration),
    /// Until egret ends.
    UntilRestart,
    /// For good: it becomes a rule of the baseline, and lasts until egret ends if that fails.
    Always,
}

/// Which questions are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one with this number.
    Id(u64),
    /// All of a subject that are open.
    Subject(Box<Subject>),
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What it is about, as rules: those of the questions, or wider ones.
    pub rules: Vec<Rule>,
    /// Whether they are to become rules of the baseline.
    pub always: bool,
}

/// Why an answer was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Nothing such is asked, or not any more.
    #[error("no such question is open")]
    NotOpen,
    /// It is to be for a domain, and this question is about none.
    #[error(
        "question {0} is about an address, or a name without a registered domain: there is no domain to answer for"
    )]
    NoDomain(u64),
    /// As many answers are in force as there may be.
    #[error("{0} answers are in force, which is as many as there may be: make rules of some, or withdraw some")]
    Full(usize),
}

/// An answer that applies to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Whether the flow is let through.
    pub allow: bool,
    /// For which flows it is.
    pub holds: Holds,
}

/// For which flows an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// This one alone.
    Flow,
    /// Those until a moment.
    Until(Instant),
    /// All.
    All,
}

/// Whole seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}
