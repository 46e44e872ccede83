//! The configuration of the metrics.

/// The configuration of the metrics. Limits are numbers of label values; events of further values are counted under `other`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Maximum number of executables with their own series.
    pub executables: usize,
    /// Maximum number of peers (names, or addresses without one) with their own series; zero for none.
    pub peers: usize,
    /// Upper bounds of the buckets of latencies, seconds, ascending.
    pub latency_buckets: Vec<f64>,
    /// Capacity of the queue.
    pub queue_events: usize,
}

/// A metric that cannot be registered.
#[derive(Debug, thiserror::Error)]
#[error("metric {metric} cannot be registered")]
pub struct Error {
    pub metric: &'static str,
    pub source: prometheus::Error,
}
