//! Metrics.

use super::section;
use crate::kind::{Buckets, Count, Flag, Listen, Queue};

section! {
    /// Metrics for Prometheus at `/metrics`, and `/healthz` and `/readyz`. They are counts since the start, so they
    /// wait for a restart rather than begin anew.
    pub(crate) metrics: Metrics {
        /// Serve metrics.
        enabled: Flag = "true", Restart;

        /// Address and port to listen on. There is no encryption and nobody is asked who they are, and labels tell
        /// which programs talk to whom: hence the loopback. 9464 is the port that OpenTelemetry gives to such an
        /// exporter.
        listen: Listen = "127.0.0.1:9464", Restart;

        /// Executables that have series of their own; all others are counted together as `other`.
        executables: Count<0, 10_000> = "200", Restart;

        /// Peers that have series of their own; all others are counted together as `other`. With `0`, none.
        peers: Count<0, 10_000> = "100", Restart;

        /// Upper bounds of the buckets of latencies: two to a factor of ten, from the next rack to a lost cause.
        latency_buckets: Buckets = "100us,300us,1ms,3ms,10ms,30ms,100ms,300ms,1s,3s,10s,30s", Restart;

        /// Events that may wait to be counted, about 350 bytes each; what comes while it is full is dropped and counted
        /// as such.
        queue_events: Queue = "32768", Restart;
    }
}
