//! What egret says of itself: the same to a metrics scrape and to `egret status`.

mod baseline;
mod enforcement;
mod time;

use std::sync::Arc;

use egret_model::{Degradation, Layer, OpenConnections, Tally};
use serde::Serialize;

pub use self::baseline::{BaselineState, ExecutableFlows};
pub use self::enforcement::{
    AttributionCount, Bucket, EnforcementState, Fallback, FallbackCount, LatencyState, QueueState, VerdictCount,
};
use crate::sink::Account;

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
    /// Connections that are open, as of the last report of totals; absent where totals are not reported.
    #[serde(skip)]
    pub open: Option<Arc<OpenConnections>>,
    /// The sinks.
    pub sinks: Vec<SinkState>,
    /// Host names; absent where none are gathered.
    pub names: Option<NamesState>,
    /// Verdicts, and what they are made of; absent where egret only looks on.
    pub enforcement: Option<EnforcementState>,
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
