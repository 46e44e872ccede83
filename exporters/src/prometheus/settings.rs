//! How metrics are set up.

/// How metrics are set up. All bounds are numbers of label values; what goes beyond is counted under `other`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Executables that have their own series.
    pub executables: usize,
    /// Peers (names, or addresses without one) that have their own series; zero for none.
    pub peers: usize,
    /// Upper bounds of the buckets of latencies, seconds, ascending.
    pub latency_buckets: Vec<f64>,
    /// Events that may wait.
    pub queue_events: usize,
}
