//! The state of enforcement.

use std::sync::Arc;

use serde::Serialize;

use super::baseline::BaselineState;
use crate::{Attribution, Mode, Reason, Timestamp, Verdict, time};

/// How far the controller has come with the mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The mode is being put in force; until then it is not.
    #[default]
    Starting,
    /// The mode is in force.
    InForce,
    /// The controller failed too often: `enforce.on_failure` is in force instead of the mode.
    Failed,
}

impl Phase {
    pub const ALL: [Self; 3] = [Self::Starting, Self::InForce, Self::Failed];

    /// The name used in JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::InForce => "in_force",
            Self::Failed => "failed",
        }
    }
}

/// Enforcement at one time. Counters also survive changes of the mode.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EnforcementState {
    /// The mode in force.
    pub mode: Mode,
    /// Whether it is in force.
    pub phase: Phase,
    /// Restarts of the controller after a panic; a counter.
    pub restarts: u64,
    #[serde(serialize_with = "time::serialize")]
    pub since: Timestamp,
    /// When egret reverts to the previous mode unless this one is confirmed; absent without a pending confirmation.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time::serialize_optional")]
    pub confirm_by: Option<Timestamp>,
    /// The subject that the mode is limited to; absent if it applies to all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Arc<str>>,
    /// The firewall back end with rules installed, `iptables-legacy`, `iptables-nft` or `nftables`; absent without rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<&'static str>,
    /// Generation of the policy; when it changes, flows are evaluated again.
    pub generation: u32,
    /// Times that firewall rules were re-created after another program had removed them; a counter.
    pub firewall_recreated: u64,
    /// The last automatic fallback from `enforce`; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_fallback: Option<Fallback>,
    /// Automatic fallbacks by reason, every reason included; counters.
    pub fallbacks: Vec<FallbackCount>,
    /// Verdicts on queued packets, by verdict and reason; counters, zero where missing.
    pub verdicts: Vec<VerdictCount>,
    /// The same verdicts, by attribution; counters, zero where missing.
    pub attributions: Vec<AttributionCount>,
    /// The latency of the same verdicts, from the arrival of the packet at egret.
    pub latency: LatencyState,
    /// Of the same verdicts, those from the verdict cache; a counter.
    pub cache_hits: u64,
    /// Flows that the kernel let through because a similar flow was allowed before. They were not queued and are not among the
    /// verdicts. A counter.
    pub granted: u64,
    /// Packets evaluated at the deadline, before all facts were known; a counter.
    pub late: u64,
    /// Packets held until a digest or an answer arrived; a counter.
    pub parked: u64,
    /// Packets whose owner was not searched in `/proc` because the time budget of searches was used up; a counter.
    #[serde(default)]
    pub unsearched: u64,
    /// Questions to a user that are not answered yet.
    pub questions_pending: usize,
    pub queues: Vec<QueueState>,
    /// The conntrack table; absent where no packets are evaluated or connections are not tracked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_table: Option<ConnectionTable>,
    /// Absent where flows are neither learned nor evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineState>,
}

/// The number of verdicts with a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VerdictCount {
    pub verdict: Verdict,
    pub reason: Reason,
    pub count: u64,
}

/// The number of verdicts with an attribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AttributionCount {
    pub attribution: Attribution,
    pub count: u64,
}

/// An automatic fallback from `enforce`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fallback {
    pub reason: &'static str,
    #[serde(serialize_with = "time::serialize")]
    pub at: Timestamp,
}

/// The number of automatic fallbacks for a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FallbackCount {
    pub reason: &'static str,
    pub count: u64,
}

/// A histogram of verdict latencies.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LatencyState {
    /// Cumulative, by ascending upper bound.
    pub buckets: Vec<Bucket>,
    /// All verdicts, including those above the last bound.
    pub count: u64,
    pub sum_seconds: f64,
}

/// The number of verdicts up to a latency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bucket {
    pub at_most_seconds: f64,
    pub count: u64,
}

impl LatencyState {
    /// The smallest bucket bound that `quantile`, 0 to 1, of the verdicts are within; `None` if it is above the last bound or
    /// there are no verdicts.
    #[must_use]
    pub fn bound(&self, quantile: f64) -> Option<f64> {
        let wanted = (self.count > 0).then_some(self.count as f64 * quantile)?;
        self.buckets.iter().find(|bucket| bucket.count as f64 >= wanted).map(|bucket| bucket.at_most_seconds)
    }
}

/// The conntrack table at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConnectionTable {
    pub entries: u64,
    /// Maximum number of entries, above which the kernel drops packets of new connections; zero for no limit.
    pub limit: u64,
}

/// An NFQUEUE at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueState {
    pub number: u16,
    /// Packets waiting for a verdict.
    pub length: u64,
    /// Packets that can wait.
    pub capacity: u64,
    /// Packets that found the queue full; the failure policy decides whether they are let through or dropped. A counter.
    pub dropped_full: u64,
    /// Packets that the kernel could not deliver to egret because the socket buffer was full; a counter.
    pub dropped_user: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_is_the_smallest_bucket_that_holds_the_quantile() {
        let bucket = |at_most_seconds, count| Bucket { at_most_seconds, count };
        let buckets = vec![bucket(0.001, 50), bucket(0.01, 98)];
        let latency = LatencyState { buckets, count: 100, sum_seconds: 1.0 };
        assert_eq!((latency.bound(0.5), latency.bound(0.51), latency.bound(0.99)), (Some(0.001), Some(0.01), None));
        assert_eq!(LatencyState { count: 0, ..latency }.bound(0.5), None);
    }

    #[test]
    fn times_are_rfc_3339_and_unknown_values_are_absent() {
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
