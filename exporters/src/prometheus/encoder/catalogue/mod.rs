//! The catalogue of all metrics, which registration, both encodings and `docs/metrics.md` use.

mod enforcement;

pub(crate) use self::enforcement::{
    BASELINE_DENIED_RULES, BASELINE_FLOWS, BASELINE_FULL, BASELINE_GAPS, BASELINE_LEARNED, BASELINE_NOVELTY,
    BASELINE_NOVELTY_BOUND, BASELINE_PROBLEMS, BASELINE_RULES, BASELINE_SAVED, BASELINE_SUBJECTS, BLOCKED, CONFIRM_BY,
    CONNTRACK_ENTRIES, CONNTRACK_LIMIT, CONTROLLER_RESTARTS, FALLBACKS, FIREWALL_BACKEND, FIREWALL_RECREATED,
    FLOWS_GRANTED, LAST_FALLBACK, MODE_LIMITED, MODE_SINCE, PACKETS_LATE, PACKETS_PARKED, PACKETS_UNSEARCHED,
    PEER_BLOCKED, PHASE, POLICY_GENERATION, QUESTIONS_PENDING, QUEUE_CAPACITY, QUEUE_DROPPED, QUEUE_LENGTH,
    SUBJECT_FLOWS, SUBJECT_NOVELTY, VERDICT_ATTRIBUTIONS, VERDICT_CACHE_HITS, VERDICT_DURATION, VERDICTS,
};

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Grows from zero since the start of egret.
    Counter,
    /// The value at the time of the scrape.
    Gauge,
    /// Observations, counted by bucket.
    Histogram,
}

impl Kind {
    /// The name in the exposition formats.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The description of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricInfo {
    /// The name in queries; for a histogram without the suffix `_bucket`, `_sum` or `_count`.
    pub name: &'static str,
    pub kind: Kind,
    /// The labels, in the order of samples.
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// Units, the suffix of names before the `_total` of counters.
const UNITS: [&str; 3] = ["bytes", "ratio", "seconds"];

impl MetricInfo {
    /// The name of the family in OpenMetrics, without the `_total` of counters.
    #[must_use]
    pub fn family(&self) -> &'static str {
        match self.kind {
            Kind::Counter => self.name.strip_suffix("_total").unwrap_or(self.name),
            Kind::Gauge | Kind::Histogram => self.name,
        }
    }

    /// The unit; `None` for counts.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        let family = self.family();
        UNITS.into_iter().find(|unit| family.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
    }
}

type Labels = &'static [&'static str];

const fn counter(name: &'static str, labels: Labels, help: &'static str) -> MetricInfo {
    MetricInfo { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: Labels, help: &'static str) -> MetricInfo {
    MetricInfo { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: Labels, help: &'static str) -> MetricInfo {
    MetricInfo { name, kind: Kind::Histogram, labels, help }
}

/// Labels and their values, in the order of the reference page.
pub(crate) const LABELS: &[(&str, &str)] = &[
    ("backend", "`iptables-legacy`, `iptables-nft` or `nftables`."),
    (
        "degradation",
        "A feature that is missing, because of the kernel, a mount or a privilege; `egret doctor` explains each.",
    ),
    ("direction", "Connections: `outbound` or `inbound` (opened by the peer). Bytes: `sent` or `received`."),
    ("error_type", "Name of the errno (`ECONNREFUSED`); `unknown` if the kernel reports none; `other`, see below."),
    ("event", "`event.name` of the records: `connection.open`, `connection.close`, `connection.failed`, ..."),
    ("executable", "True path of the executable; `unknown` if there is none; `other`, see below."),
    ("label", "A label with a limited number of values: `error_type`, `executable` or `peer`."),
    ("layer", "Capture layer: `sockets`, `syscalls` or `procfs`."),
    ("mode", "`observe`, `learn`, `shadow` or `enforce`."),
    ("network_type", "`ipv4`, `ipv6`, or `unknown` (packet sockets have neither)."),
    ("peer", "Name of the peer that was asked for, or its address if it has none; `unknown`; `other`, see below."),
    ("quality", "Quality of the attribution, best first: `cookie`, `tuple`, `diag`, `procfs`, `unknown`."),
    ("queue", "Number of the NFQUEUE."),
    (
        "reason",
        "Why something was lost or dropped, or why egret fell back. Of verdicts: `rule` (a rule matches the flow), `no_rule` (no rule \
         matches), `answer` (a user decided), `unattributed` (its process is unknown), `unjudgeable` (no baseline could match \
         it), `late` (the deadline expired), `inbound` (the peer opened the connection before), or `unknown`. Of queues: \
         `queue_full`, or `socket_full` (egret did not read fast enough).",
    ),
    ("scope", "`loopback` if the peer has a loopback address, else `network`."),
    ("sink", "Destination of events: `parquet`, `otlp`, `prometheus`, `json`, `live`."),
    ("source", "Source of a name: `dns`, `sni`, `hosts`, or `none` if the peer has no name."),
    (
        "stage",
        "Where something was lost: `hook` (a run that the kernel skipped), `flow_ring`, `process_ring`, `name_ring`, \
         `kernel_state`, `user_state`, `decode`, `queue`, `output`, `scan`.",
    ),
    ("transport", "`tcp`, `mptcp`, `udp`, `udplite`, `icmp`, `sctp`, `raw`, `packet`, or `unknown`."),
    ("verdict", "`allow`, `would_block` or `block`."),
    ("version", "Version of egret."),
];

pub(crate) const BUILD_INFO: MetricInfo =
    gauge("egret_build_info", &["version"], "The version of egret as a label; the value is 1.");
pub(crate) const EVENTS: MetricInfo = counter("egret_events_total", &["event"], "Events, by event name.");
pub(crate) const CONNECTIONS: MetricInfo = counter(
    "egret_connections_total",
    &["direction", "transport", "network_type", "scope", "executable"],
    "Connections opened or accepted, and first datagrams to or from a peer, without preexisting ones.",
);
pub(crate) const CONNECTION_FAILURES: MetricInfo = counter(
    "egret_connection_failures_total",
    &["error_type", "transport", "scope", "executable"],
    "Connections that failed to open, and errors reported for datagrams.",
);
pub(crate) const CONNECTIONS_CLOSED: MetricInfo = counter(
    "egret_connections_closed_total",
    &["direction", "transport"],
    "Connections, and flows of datagram sockets, that ended, with preexisting ones.",
);
pub(crate) const BYTES: MetricInfo = counter(
    "egret_bytes_total",
    &["direction", "scope", "executable"],
    "Payload bytes; of open connections as of the last report of their totals.",
);
pub(crate) const CONNECTIONS_OPEN: MetricInfo = gauge(
    "egret_connections_open",
    &["executable"],
    "Open TCP connections and datagram sockets in use, as of the last report of totals.",
);
pub(crate) const RETRANSMITS: MetricInfo =
    counter("egret_retransmits_total", &[], "TCP retransmits of connections that ended.");
pub(crate) const CONNECT_DURATION: MetricInfo = histogram(
    "egret_connect_duration_seconds",
    &["transport"],
    "Duration of handshakes, of connections that this host opened.",
);
pub(crate) const CONNECTION_DURATION: MetricInfo =
    histogram("egret_connection_duration_seconds", &[], "Duration of connections that ended.");
pub(crate) const DNS_RESOLUTION_DURATION: MetricInfo = histogram(
    "egret_dns_resolution_duration_seconds",
    &[],
    "Duration of the DNS look-ups of processes for their connections, from query to answer.",
);
pub(crate) const TCP_RTT: MetricInfo =
    histogram("egret_tcp_rtt_seconds", &[], "Smoothed round-trip time of TCP connections at their end.");
pub(crate) const PEER_CONNECTIONS: MetricInfo = counter(
    "egret_peer_connections_total",
    &["direction", "scope", "peer"],
    "The connections of egret_connections_total, by peer.",
);
pub(crate) const ATTRIBUTION: MetricInfo = counter(
    "egret_attribution_total",
    &["quality"],
    "Events, by quality of the attribution, without updates of open connections.",
);
pub(crate) const NAMES: MetricInfo =
    counter("egret_names_total", &["source"], "Closed and failed connections, by source of the peer's name.");

pub(crate) const MODE: MetricInfo = gauge("egret_mode", &["mode"], "1 for the mode in force, 0 for the others.");
pub(crate) const CAPTURE_LAYER: MetricInfo =
    gauge("egret_capture_layer", &["layer"], "1 for the capture layer in use, 0 for the others.");
pub(crate) const DEGRADATION: MetricInfo = gauge(
    "egret_degradation",
    &["degradation"],
    "1 for features that the capture layer lacks on this host, 0 for the others.",
);
pub(crate) const RECORDS_CAPTURED: MetricInfo = counter(
    "egret_records_captured_total",
    &[],
    "Records that the kernel side produced or failed to write, and runs of its hooks that the kernel skipped.",
);
pub(crate) const RECORDS_DELIVERED: MetricInfo =
    counter("egret_records_delivered_total", &[], "Records that were read, decoded and passed on.");
pub(crate) const RECORDS_LOST: MetricInfo =
    counter("egret_records_lost_total", &["stage", "reason"], "Records lost; captured records are delivered or lost.");
pub(crate) const RECORDS_INCOMPLETE: MetricInfo =
    counter("egret_records_incomplete_total", &["stage", "reason"], "Records delivered with missing details.");
pub(crate) const SINK_ENQUEUED: MetricInfo =
    counter("egret_sink_enqueued_total", &["sink"], "Events offered to a sink: sent, dropped or queued.");
pub(crate) const SINK_SENT: MetricInfo =
    counter("egret_sink_sent_total", &["sink"], "Events delivered to the destination of a sink, or to its spool.");
pub(crate) const SINK_DROPPED: MetricInfo =
    counter("egret_sink_dropped_total", &["sink", "reason"], "Events that a sink dropped.");
pub(crate) const SINK_QUEUE: MetricInfo =
    gauge("egret_sink_queue_events", &["sink"], "Events in the queue of a sink and in its hands.");
pub(crate) const SINK_WAITING: MetricInfo =
    gauge("egret_sink_waiting_events", &["sink"], "Events in the queue of a sink, which its capacity limits.");
pub(crate) const SINK_QUEUE_CAPACITY: MetricInfo =
    gauge("egret_sink_queue_capacity_events", &["sink"], "Capacity of the queue of a sink.");
pub(crate) const SPOOL_FILES: MetricInfo =
    gauge("egret_sink_spool_files", &["sink"], "Files in the spool that wait for their upload.");
pub(crate) const SPOOL_BYTES: MetricInfo =
    gauge("egret_sink_spool_bytes", &["sink"], "Bytes of the files in the spool.");
pub(crate) const SPOOL_EVENTS: MetricInfo =
    gauge("egret_sink_spool_events", &["sink"], "Events in the files in the spool.");
pub(crate) const SPOOL_AGE: MetricInfo = gauge(
    "egret_sink_spool_oldest_seconds",
    &["sink"],
    "For how long egret has tried to upload the oldest file in the spool; 0 if the spool is empty.",
);
pub(crate) const SPOOL_UPLOADED: MetricInfo =
    counter("egret_sink_spool_uploaded_total", &["sink"], "Events in files that were uploaded.");
pub(crate) const SPOOL_DROPPED: MetricInfo = counter(
    "egret_sink_spool_dropped_total",
    &["sink", "reason"],
    "Events in files that left the spool without having been uploaded.",
);
pub(crate) const NAMES_ADDRESSES: MetricInfo = gauge("egret_names_addresses", &[], "Addresses that have a name now.");
pub(crate) const NAMES_ANSWERS: MetricInfo = counter("egret_names_answers_total", &[], "DNS answers that were parsed.");
pub(crate) const NAMES_SERVER_NAMES: MetricInfo =
    counter("egret_names_server_names_total", &[], "TLS server names that were seen.");
pub(crate) const NAMES_MALFORMED: MetricInfo =
    counter("egret_names_malformed_total", &[], "DNS messages and TLS handshakes that could not be parsed.");
pub(crate) const NAMES_EVICTED: MetricInfo =
    counter("egret_names_evicted_total", &[], "Names evicted before they expired.");

pub(crate) const SERIES: MetricInfo = gauge("egret_series", &[], "Series in this response.");
pub(crate) const LABEL_VALUES: MetricInfo =
    gauge("egret_series_label_values", &["label"], "Values of a bounded label with their own series.");
pub(crate) const LABEL_VALUES_LIMIT: MetricInfo = gauge(
    "egret_series_label_values_limit",
    &["label"],
    "Maximum number of values of a bounded label with their own series; of error_type, for each executable.",
);
pub(crate) const SERIES_OTHER: MetricInfo =
    counter("egret_series_other_total", &["label"], "Times that an event was counted under `other`.");
pub(crate) const SERIES_REPLACED: MetricInfo = counter(
    "egret_series_replaced_total",
    &["label"],
    "Times that the series of a label value were replaced by those of a more frequent value.",
);

// Names and help of Prometheus' client libraries.
pub(crate) const PROCESS_CPU: MetricInfo =
    counter("process_cpu_seconds_total", &[], "Total user and system CPU time spent in seconds.");
pub(crate) const PROCESS_MAX_FDS: MetricInfo =
    gauge("process_max_fds", &[], "Maximum number of open file descriptors.");
pub(crate) const PROCESS_OPEN_FDS: MetricInfo = gauge("process_open_fds", &[], "Number of open file descriptors.");
pub(crate) const PROCESS_RESIDENT: MetricInfo =
    gauge("process_resident_memory_bytes", &[], "Resident memory size in bytes.");
pub(crate) const PROCESS_START: MetricInfo =
    gauge("process_start_time_seconds", &[], "Start time of the process since unix epoch in seconds.");
pub(crate) const PROCESS_THREADS: MetricInfo = gauge("process_threads", &[], "Number of OS threads in the process.");
pub(crate) const PROCESS_VIRTUAL: MetricInfo =
    gauge("process_virtual_memory_bytes", &[], "Virtual memory size in bytes.");

static CATALOGUE: [MetricInfo; 90] = [
    BUILD_INFO,
    EVENTS,
    CONNECTIONS,
    CONNECTION_FAILURES,
    CONNECTIONS_CLOSED,
    CONNECTIONS_OPEN,
    PEER_CONNECTIONS,
    BYTES,
    RETRANSMITS,
    CONNECT_DURATION,
    CONNECTION_DURATION,
    DNS_RESOLUTION_DURATION,
    TCP_RTT,
    ATTRIBUTION,
    NAMES,
    BLOCKED,
    PEER_BLOCKED,
    MODE,
    MODE_SINCE,
    MODE_LIMITED,
    PHASE,
    CONTROLLER_RESTARTS,
    CONFIRM_BY,
    FALLBACKS,
    LAST_FALLBACK,
    FIREWALL_BACKEND,
    FIREWALL_RECREATED,
    POLICY_GENERATION,
    VERDICTS,
    VERDICT_ATTRIBUTIONS,
    VERDICT_DURATION,
    VERDICT_CACHE_HITS,
    FLOWS_GRANTED,
    PACKETS_LATE,
    PACKETS_PARKED,
    PACKETS_UNSEARCHED,
    QUESTIONS_PENDING,
    QUEUE_LENGTH,
    QUEUE_CAPACITY,
    QUEUE_DROPPED,
    CONNTRACK_ENTRIES,
    CONNTRACK_LIMIT,
    BASELINE_RULES,
    BASELINE_DENIED_RULES,
    BASELINE_SUBJECTS,
    BASELINE_GAPS,
    BASELINE_LEARNED,
    BASELINE_FULL,
    BASELINE_FLOWS,
    BASELINE_NOVELTY,
    BASELINE_NOVELTY_BOUND,
    BASELINE_SAVED,
    BASELINE_PROBLEMS,
    SUBJECT_FLOWS,
    SUBJECT_NOVELTY,
    CAPTURE_LAYER,
    DEGRADATION,
    RECORDS_CAPTURED,
    RECORDS_DELIVERED,
    RECORDS_LOST,
    RECORDS_INCOMPLETE,
    SINK_ENQUEUED,
    SINK_SENT,
    SINK_DROPPED,
    SINK_QUEUE,
    SINK_WAITING,
    SINK_QUEUE_CAPACITY,
    SPOOL_FILES,
    SPOOL_BYTES,
    SPOOL_EVENTS,
    SPOOL_AGE,
    SPOOL_UPLOADED,
    SPOOL_DROPPED,
    NAMES_ADDRESSES,
    NAMES_ANSWERS,
    NAMES_SERVER_NAMES,
    NAMES_MALFORMED,
    NAMES_EVICTED,
    SERIES,
    LABEL_VALUES,
    LABEL_VALUES_LIMIT,
    SERIES_OTHER,
    SERIES_REPLACED,
    PROCESS_CPU,
    PROCESS_MAX_FDS,
    PROCESS_OPEN_FDS,
    PROCESS_RESIDENT,
    PROCESS_START,
    PROCESS_THREADS,
    PROCESS_VIRTUAL,
];

/// All metrics, in the order of `docs/metrics.md`.
#[must_use]
pub fn catalogue() -> &'static [MetricInfo] {
    &CATALOGUE
}
