//! Metrics.

use super::Fallback::Value;
use super::Reload::Restart;
use super::{Section, option};

pub(super) const SECTION: Section = Section {
    name: "metrics",
    about: "Metrics for Prometheus at `/metrics`, and `/healthz` and `/readyz`. They are counts since the start, so they wait \
            for a restart rather than begin anew.",
    options: &[
        option!(metrics.enabled, Value("true"), Restart, "Serve metrics."),
        option!(
            metrics.listen,
            Value("127.0.0.1:9464"),
            Restart,
            "Address and port to listen on. There is no encryption and nobody is asked who they are, and labels tell which \
             programs talk to whom: hence the loopback. 9464 is the port that OpenTelemetry gives to such an exporter."
        ),
        option!(
            metrics.executables,
            Value("200"),
            Restart,
            "Executables that have series of their own; all others are counted together as `other`."
        ),
        option!(
            metrics.peers,
            Value("100"),
            Restart,
            "Peers that have series of their own; all others are counted together as `other`. With `0`, none."
        ),
        option!(
            metrics.latency_buckets,
            Value("100us,300us,1ms,3ms,10ms,30ms,100ms,300ms,1s,3s,10s,30s"),
            Restart,
            "Upper bounds of the buckets of latencies: two to a factor of ten, from the next rack to a lost cause."
        ),
        option!(
            metrics.queue_events,
            Value("32768"),
            Restart,
            "Events that may wait to be counted, about 350 bytes each; what comes while it is full is dropped and counted as such."
        ),
    ],
};
