//! What the baseline says of itself.

use std::sync::Arc;

use egret_model::Timestamp;
use serde::Serialize;

use super::time;

/// The baseline at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BaselineState {
    /// Rules that allow.
    pub rules: usize,
    /// Rules that deny.
    pub denied_rules: usize,
    /// Who rules are about.
    pub subjects: usize,
    /// Intervals with losses: what happened in them may be missing.
    pub gaps: usize,
    /// Rules learned since the start; only ever grows.
    pub learned: u64,
    /// Flows of which nothing was learned because there are as many rules as may be; only ever grows.
    pub full: u64,
    /// Flows that rules were learned from, all days together.
    pub flows: u64,
    /// The chance that the next flow is one that was never seen, 0 to 1 (Good-Turing); absent before the first flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub novelty: Option<f64>,
    /// What that chance is at most, with a probability of 0.95.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub novelty_at_most: Option<f64>,
    /// When it was last written to its file; absent where it never was.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time::optional")]
    pub last_saved: Option<Timestamp>,
    /// What is wrong with the file, a problem each.
    pub problems: Vec<String>,
    /// What the novelty is made of, by executable; one may be there several times.
    pub executables: Vec<ExecutableFlows>,
}

/// What the rules of an executable were learned from. The share of `once` in `flows` is the chance that its next flow is
/// one that was never seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExecutableFlows {
    /// Its path; absent for rules about any.
    pub executable: Option<Arc<str>>,
    /// Flows.
    pub flows: u64,
    /// Rules that one flow alone came under.
    pub once: u64,
}
