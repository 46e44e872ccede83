//! Metrics.

use super::section;
use crate::kind::{Buckets, Count, Flag, Listen, Queue};

section! {
    /// Metrics for Prometheus at `/metrics`, and the probes `/healthz` and `/readyz`. Counters begin at the start of egret,
    /// so changes here take effect after a restart instead of resetting them.
    pub(crate) metrics: Metrics {
        /// Serve metrics.
        enabled: Flag = "true", Restart;

        /// Address and port to listen on. The default is loopback, because there is neither encryption nor authentication
        /// and labels show which programs talk to which peers. 9464 is OpenTelemetry's port for Prometheus exporters.
        listen: Listen = "127.0.0.1:9464", Restart;

        /// Number of executables that have series of their own. All others are counted together as `other`.
        executables: Count<0, 10_000> = "200", Restart;

        /// Number of peers that have series of their own. All others are counted together as `other`. `0` turns these series
        /// off.
        peers: Count<0, 10_000> = "100", Restart;

        /// Upper bounds of the latency histograms' buckets. The default has two for each factor of ten, from a data centre's
        /// round trip to a time-out.
        latency_buckets: Buckets = "100us,300us,1ms,3ms,10ms,30ms,100ms,300ms,1s,3s,10s,30s", Restart;

        /// Capacity of this sink's queue in events, about 350 bytes each. While it is full, events are dropped and counted.
        queue_events: Queue = "32768", Restart;
    }
}
