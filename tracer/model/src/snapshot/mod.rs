//! The state of the daemon at one time, for `egret status` and for a scrape of the metrics.

mod baseline;
mod enforcement;
mod sinks;

use std::sync::Arc;

use serde::Serialize;

pub use self::baseline::{BaselineState, ExecutableFlows};
pub use self::enforcement::{
    AttributionCount, Bucket, ConnectionTable, EnforcementState, Fallback, FallbackCount, LatencyState, Phase,
    QueueState, VerdictCount,
};
pub use self::sinks::{
    Account, CountedReason, DropCounts, DropReason, Drops, SinkState, SpoolDropReason, SpoolDrops, SpoolState,
};
use crate::{Degradation, Layer, Mode, OpenConnections, Tally};

/// The state of the daemon at one time.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    pub mode: Mode,
    /// The capture layer in use.
    pub layer: Layer,
    /// The capabilities that it lacks.
    pub degradations: Vec<Degradation>,
    /// Records captured, delivered and lost so far.
    pub tally: Tally,
    /// Open connections as of the last report of totals; absent where totals are not reported.
    #[serde(skip)]
    pub open: Option<Arc<OpenConnections>>,
    pub sinks: Vec<SinkState>,
    /// Host names; absent where none are collected.
    pub names: Option<NamesState>,
    /// Absent in `observe`.
    pub enforcement: Option<EnforcementState>,
    /// The baseline that is learned in `observe`; in other modes it is in `enforcement`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineState>,
}

/// The table of host names at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NamesState {
    /// Addresses that have a name now.
    pub addresses: usize,
    /// DNS answers parsed; a counter.
    pub answers: u64,
    /// TLS server names seen; a counter.
    pub server_names: u64,
    /// Messages that could not be parsed; a counter.
    pub malformed: u64,
    /// Names evicted before they expired; a counter.
    pub evicted: u64,
    /// Since when DNS answers are watched, over restarts: nanoseconds on the boot clock. Absent where none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watched_since_ns: Option<u64>,
}

/// Where snapshots come from.
pub trait Source: Send + Sync {
    fn snapshot(&self) -> Snapshot;
}
