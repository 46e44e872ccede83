//! The state of the baseline.

use std::sync::Arc;

use serde::Serialize;

use crate::{Timestamp, time};

/// The baseline at one time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BaselineState {
    /// Rules that allow.
    pub rules: usize,
    /// Rules that deny.
    pub denied_rules: usize,
    /// Distinct subjects of the rules.
    pub subjects: usize,
    /// Intervals with lost events, whose flows the baseline may lack.
    pub gaps: usize,
    /// Rules learned since the start; a counter.
    pub learned: u64,
    /// Flows not learned because the maximum number of rules is reached; a counter.
    pub full: u64,
    /// Flows that rules were learned from, over all days, without rules whose flows enforcement never evaluates. The following
    /// fields are about the same rules.
    pub flows: u64,
    /// The probability that the next flow is one never seen before, 0 to 1 (Good-Turing); absent before the first flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub novelty: Option<f64>,
    /// The upper bound of that probability at a confidence of 0.95.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub novelty_at_most: Option<f64>,
    /// When the baseline was last written to its file; absent if it never was.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time::serialize_optional")]
    pub last_saved: Option<Timestamp>,
    /// The problems of the file.
    pub problems: Vec<String>,
    /// The flows by executable; an executable may occur several times.
    pub executables: Vec<ExecutableFlows>,
}

/// The flows that the rules of an executable were learned from. `once / flows` is the probability that its next flow is one never
/// seen before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExecutableFlows {
    /// Its path; absent for rules about any executable.
    pub executable: Option<Arc<str>>,
    pub flows: u64,
    /// Rules that matched a single flow.
    pub once: u64,
}
