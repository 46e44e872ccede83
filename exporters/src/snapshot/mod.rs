//! What egret says of itself: the same to a metrics scrape and to `egret status`.

mod baseline;
mod enforcement;
mod time;

use egret_model::{Degradation, Layer, Tally};
use serde::Serialize;

pub use self::baseline::{BaselineState, ExecutableFlows};
pub use self::enforcement::{
    AttributionCount, Bucket, EnforcementState, Fallback, FallbackCount, LatencyState, QueueState, VerdictCount,
};
use crate::sink::{Account, SpoolState};

/// What egret says of itself at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// `observe`, `learn`, `shadow` or `enforce`.
    pub mode: &'static str,
    /// The capture layer at work.
    pub layer: Layer,
    /// What it does not offer.
    pub degradations: Vec<Degradation>,
    /// Records captured, delivered and lost so far.
    pub tally: Tally,
    /// The sinks.
    pub sinks: Vec<SinkState>,
    /// Host names; absent where none are gathered.
    pub names: Option<NamesState>,
    /// Verdicts, and what they are made of; absent where egret only looks on.
    pub enforcement: Option<EnforcementState>,
    /// The baseline that is learned where egret only looks on; where it enforces, that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineState>,
}

/// A sink at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct SinkState {
    /// Its name: `parquet`, `otlp`, `prometheus`, `json`, `live`.
    pub name: &'static str,
    /// Events that may wait in its queue.
    pub capacity: usize,
    /// What became of its events.
    #[serde(flatten)]
    pub account: Account,
    /// What waits on this host's disk; absent where the destination needs no spool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spool: Option<SpoolState>,
}

/// The table of host names at one moment. Counts only ever grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NamesState {
    /// Addresses that have a name now.
    pub addresses: usize,
    /// DNS answers understood.
    pub answers: u64,
    /// TLS server names seen.
    pub server_names: u64,
    /// Messages that could not be understood.
    pub malformed: u64,
    /// Entries that made room for newer ones before their time.
    pub evicted: u64,
}

/// Where snapshots come from.
pub trait Source: Send + Sync {
    /// The state now.
    fn snapshot(&self) -> Snapshot;
}
