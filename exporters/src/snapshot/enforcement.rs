//! What enforcement says of itself.

use std::sync::Arc;

use egret_model::{Attribution, Reason, Timestamp, Verdict};
use serde::Serialize;

use super::baseline::BaselineState;
use super::time;

/// Enforcement at one moment. Counts only ever grow, over changes of the mode too.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EnforcementState {
    /// The mode at work, that of [`super::Snapshot::mode`].
    pub mode: &'static str,
    /// Since when.
    #[serde(serialize_with = "time::text")]
    pub since: Timestamp,
    /// When egret goes back to the mode before by itself, unless somebody confirms this one; absent where nothing is to
    /// be confirmed.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time::optional")]
    pub confirm_by: Option<Timestamp>,
    /// The subject that the mode is kept to; absent where it holds for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Arc<str>>,
    /// Whose rules stand, `iptables-legacy`, `iptables-nft` or `nftables`; absent where none do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<&'static str>,
    /// Generation of the policy; another one judges flows anew.
    pub generation: u32,
    /// Times that rules which somebody else removed were put back.
    pub firewall_recreated: u64,
    /// The last time that egret went back to rehearsing by itself; absent where it never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_fallback: Option<Fallback>,
    /// How often it did, by reason: each that there can be, also at zero.
    pub fallbacks: Vec<FallbackCount>,
    /// Verdicts on packets that came to a queue, by verdict and reason. What is not there is zero.
    pub verdicts: Vec<VerdictCount>,
    /// The same verdicts, by how the process was found. What is not there is zero.
    pub attributions: Vec<AttributionCount>,
    /// How long the same verdicts took, from the packet's arrival at egret.
    pub latency: LatencyState,
    /// Of the same verdicts, those that were remembered from a flow like it.
    pub cache_hits: u64,
    /// Flows that the kernel let through by itself, because one like it was allowed before: they came to no queue, and are
    /// not among the verdicts.
    pub granted: u64,
    /// Packets for which the time was over before all that there is to know of them was known.
    pub late: u64,
    /// Packets that were held back, for a digest or an answer.
    pub parked: u64,
    /// Questions that wait for somebody's answer now.
    pub questions_pending: usize,
    /// The kernel's queues.
    pub queues: Vec<QueueState>,
    /// What is usual on this host; absent where nothing is learned and nothing judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineState>,
}

/// Verdicts of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VerdictCount {
    /// What was said.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// How often.
    pub count: u64,
}

/// Verdicts on packets whose process was found in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AttributionCount {
    /// How.
    pub attribution: Attribution,
    /// How often.
    pub count: u64,
}

/// A return to rehearsing that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fallback {
    /// Why.
    pub reason: &'static str,
    /// When.
    #[serde(serialize_with = "time::text")]
    pub at: Timestamp,
}

/// Returns to rehearsing for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FallbackCount {
    /// Why.
    pub reason: &'static str,
    /// How often.
    pub count: u64,
}

/// How long verdicts took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LatencyState {
    /// By upper bound, ascending.
    pub buckets: Vec<Bucket>,
    /// Verdicts, also those beyond the last bound.
    pub count: u64,
    /// What they took together.
    pub sum_seconds: f64,
}

/// Verdicts that took no longer than a bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bucket {
    /// The bound.
    pub at_most_seconds: f64,
    /// How many, those within lower bounds included.
    pub count: u64,
}

impl LatencyState {
    /// The least bound that so many of the verdicts, a share from 0 to 1, are within; `None` where none is, or there were
    /// no verdicts.
    #[must_use]
    pub fn bound(&self, share: f64) -> Option<f64> {
        let enough = (self.count > 0).then_some(self.count as f64 * share)?;
        self.buckets.iter().find(|bucket| bucket.count as f64 >= enough).map(|bucket| bucket.at_most_seconds)
    }
}

/// A queue of the kernel's at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueState {
    /// Its number.
    pub number: u16,
    /// Packets that wait for a verdict.
    pub length: u64,
    /// Packets that may wait.
    pub capacity: u64,
    /// Packets that found it full. What became of them is configured: let through, or dropped.
    pub dropped_full: u64,
    /// Packets that the kernel could not hand to egret, because the socket's buffer was full.
    pub dropped_user: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_a_share_is_the_least_that_holds_it() {
        let bucket = |at_most_seconds, count| Bucket { at_most_seconds, count };
        let buckets = vec![bucket(0.001, 50), bucket(0.01, 98)];
        let latency = LatencyState { buckets, count: 100, sum_seconds: 1.0 };
        assert_eq!((latency.bound(0.5), latency.bound(0.51), latency.bound(0.99)), (Some(0.001), Some(0.01), None));
        assert_eq!(LatencyState { count: 0, ..latency }.bound(0.5), None);
    }

    #[test]
    fn times_are_written_as_in_records_and_what_is_not_known_is_absent() {
        let state = EnforcementState {
            since: Timestamp(1_700_000_000_000_000_000),
            confirm_by: Some(Timestamp(1_700_000_300_000_000_000)),
            ..EnforcementState::default()
        };
        let json = serde_json::to_value(&state).unwrap();
        assert_eq!(json["since"], "2023-11-14T22:13:20.000000000Z");
        assert_eq!(json["confirm_by"], "2023-11-14T22:18:20.000000000Z");
        assert!(json.get("only").is_none() && json.get("last_fallback").is_none());
    }
}
