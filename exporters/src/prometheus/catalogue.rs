//! Every metric in one table: registration, both encodings and `docs/metrics.md` are made from it.

mod enforcement;

pub(super) use self::enforcement::{
    BASELINE_DENIED_RULES, BASELINE_FLOWS, BASELINE_GAPS, BASELINE_LEARNED, BASELINE_NOVELTY, BASELINE_NOVELTY_BOUND,
    BASELINE_PROBLEMS, BASELINE_RULES, BASELINE_SAVED, BASELINE_SUBJECTS, BLOCKED, CONFIRM_BY, FALLBACKS,
    FIREWALL_BACKEND, FIREWALL_RECREATED, FLOWS_GRANTED, LAST_FALLBACK, MODE_LIMITED, MODE_SINCE, PACKETS_LATE,
    PACKETS_PARKED, PEER_BLOCKED, POLICY_GENERATION, QUESTIONS_PENDING, QUEUE_CAPACITY, QUEUE_DROPPED, QUEUE_LENGTH,
    SUBJECT_FLOWS, SUBJECT_NOVELTY, VERDICT_ATTRIBUTIONS, VERDICT_CACHE_HITS, VERDICT_DURATION, VERDICTS,
};

/// What a metric does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows, and begins at zero when egret starts.
    Counter,
    /// The state at the moment of the scrape.
    Gauge,
    /// Observations counted by size.
    Histogram,
}

impl Kind {
    /// The word of the exposition formats.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricInfo {
    /// Its name in queries; a histogram's is followed by `_bucket`, `_sum` or `_count`.
    pub name: &'static str,
    /// What it does over time.
    pub kind: Kind,
    /// Its labels, in the order in which samples have them.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// Units that names end in, before a counter's `_total`.
const UNITS: [&str; 3] = ["bytes", "ratio", "seconds"];

impl MetricInfo {
    /// The name of the family in OpenMetrics: a counter's has no `_total`.
    #[must_use]
    pub fn family(&self) -> &'static str {
        match self.kind {
            Kind::Counter => self.name.strip_suffix("_total").unwrap_or(self.name),
            Kind::Gauge | Kind::Histogram => self.name,
        }
    }

    /// The unit of its values; `None` for counts.
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

/// What labels say, in the order of the reference page.
pub(super) const LABELS: &[(&str, &str)] = &[
    ("backend", "`iptables-legacy`, `iptables-nft` or `nftables`."),
    ("degradation", "What the kernel, a mount or a privilege does not offer; `egret doctor` explains each."),
    ("direction", "Connections: `outbound` or `inbound` (the other end began it). Bytes: `sent` or `received`."),
    ("error_type", "Name of the errno (`ECONNREFUSED`); `unknown` where the kernel told none; `other`, see below."),
    ("event", "`event.name` of the records: `connection.open`, `connection.close`, `connection.failed`, ..."),
    ("executable", "True path of the file that the process runs; `unknown` where there is none; `other`, see below."),
    ("label", "A label with bounded values: `error_type`, `executable` or `peer`."),
    ("layer", "Capture layer: `sockets`, `syscalls` or `procfs`."),
    ("mode", "`observe`, `learn`, `shadow` or `enforce`."),
    ("network_type", "`ipv4`, `ipv6`, or `unknown` (packet sockets have neither)."),
    ("peer", "Name of the other end that was asked for, or else its address; `unknown`; `other`, see below."),
    ("quality", "How the process was found, best first: `cookie`, `tuple`, `diag`, `procfs`, `unknown`."),
    ("queue", "Number of the kernel's queue (NFQUEUE)."),
    (
        "reason",
        "Why something was lost or dropped; why egret fell back. Of verdicts: `rule` (a rule covers the flow), `no_rule` (none \
         does), `answer` (a person said so), `unattributed` (its process is not known), `unjudgeable` (no baseline could cover \
         it), `late` (the time was over), `inbound` (the other end opened it before), or `unknown`. Of queues: \
         `queue_full`, or `socket_full` (egret did not read fast enough).",
    ),
    ("sink", "Where events go: `parquet`, `otlp`, `prometheus`, `json`, `live`."),
    ("source", "Where a name was seen: `dns`, `sni`, `hosts`, or `none` where the peer has no name."),
    (
        "stage",
        "Where something was lost: `hook` (a run that the kernel skipped), `flow_ring`, `process_ring`, `name_ring`, \
         `kernel_state`, `user_state`, `decode`, `queue`, `output`, `scan`.",
    ),
    ("transport", "`tcp`, `mptcp`, `udp`, `udplite`, `icmp`, `sctp`, `raw`, `packet`, or `unknown`."),
    ("verdict", "`allow`, `would_block` or `block`."),
    ("version", "Version of egret."),
];

pub(super) const BUILD_INFO: MetricInfo =
    gauge("egret_build_info", &["version"], "The version that runs, as a label; the value is 1.");
pub(super) const EVENTS: MetricInfo = counter("egret_events_total", &["event"], "Events, by what happened.");
pub(super) const CONNECTIONS: MetricInfo = counter(
    "egret_connections_total",
    &["direction", "transport", "network_type", "executable"],
    "Connections opened or accepted, and first datagrams to or from a peer; not those that stood before the start.",
);
pub(super) const CONNECTION_FAILURES: MetricInfo = counter(
    "egret_connection_failures_total",
    &["error_type", "transport", "executable"],
    "Connections that could not be opened, and errors reported for datagrams.",
);
pub(super) const CONNECTIONS_CLOSED: MetricInfo = counter(
    "egret_connections_closed_total",
    &["direction", "transport"],
    "Connections, and uses of datagram sockets, that ended; also those that stood before the start.",
);
pub(super) const BYTES: MetricInfo = counter(
    "egret_bytes_total",
    &["direction", "executable"],
    "Payload bytes of connections that ended; counted when they end.",
);
pub(super) const RETRANSMITS: MetricInfo =
    counter("egret_retransmits_total", &[], "TCP segments sent again by connections that ended.");
pub(super) const CONNECT_DURATION: MetricInfo = histogram(
    "egret_connect_duration_seconds",
    &["transport"],
    "From the connect to the completed handshake, of connections that this host opened.",
);
pub(super) const CONNECTION_DURATION: MetricInfo =
    histogram("egret_connection_duration_seconds", &[], "From the opening of connections to their end.");
pub(super) const DNS_RESOLUTION_DURATION: MetricInfo = histogram(
    "egret_dns_resolution_duration_seconds",
    &[],
    "From question to answer of the DNS look-ups that processes made for their connections.",
);
pub(super) const TCP_RTT: MetricInfo =
    histogram("egret_tcp_rtt_seconds", &[], "Smoothed round-trip time of TCP connections at their end.");
pub(super) const PEER_CONNECTIONS: MetricInfo = counter(
    "egret_peer_connections_total",
    &["direction", "peer"],
    "The connections of egret_connections_total by who is at the other end.",
);
pub(super) const ATTRIBUTION: MetricInfo =
    counter("egret_attribution_total", &["quality"], "Events, by how their process was found.");
pub(super) const NAMES: MetricInfo = counter(
    "egret_names_total",
    &["source"],
    "Ends and failures of connections, by where the name of the peer was seen.",
);

pub(super) const MODE: MetricInfo = gauge("egret_mode", &["mode"], "1 for the mode at work, 0 for the others.");
pub(super) const CAPTURE_LAYER: MetricInfo =
    gauge("egret_capture_layer", &["layer"], "1 for the capture layer at work, 0 for the others.");
pub(super) const DEGRADATION: MetricInfo =
    gauge("egret_degradation", &["degradation"], "1 for what the capture layer lacks here, 0 for what it has.");
pub(super) const RECORDS_CAPTURED: MetricInfo = counter(
    "egret_records_captured_total",
    &[],
    "Records that the kernel side set out to write, and runs of its hooks that the kernel skipped.",
);
pub(super) const RECORDS_DELIVERED: MetricInfo =
    counter("egret_records_delivered_total", &[], "Records that were read, decoded and handed on.");
pub(super) const RECORDS_LOST: MetricInfo = counter(
    "egret_records_lost_total",
    &["stage", "reason"],
    "Records lost; these and the delivered ones make up the captured ones.",
);
pub(super) const RECORDS_INCOMPLETE: MetricInfo = counter(
    "egret_records_incomplete_total",
    &["stage", "reason"],
    "Losses of detail: a record was delivered, but something that it should say is missing.",
);
pub(super) const SINK_ENQUEUED: MetricInfo =
    counter("egret_sink_enqueued_total", &["sink"], "Events offered to a sink: sent, dropped or still queued.");
pub(super) const SINK_SENT: MetricInfo =
    counter("egret_sink_sent_total", &["sink"], "Events that the destination of a sink has.");
pub(super) const SINK_DROPPED: MetricInfo =
    counter("egret_sink_dropped_total", &["sink", "reason"], "Events that a sink gave up.");
pub(super) const SINK_QUEUE: MetricInfo =
    gauge("egret_sink_queue_events", &["sink"], "Events that wait for a sink, or that it has in hand.");
pub(super) const SINK_QUEUE_CAPACITY: MetricInfo =
    gauge("egret_sink_queue_capacity_events", &["sink"], "Events that may wait for a sink.");
pub(super) const NAMES_ADDRESSES: MetricInfo = gauge("egret_names_addresses", &[], "Addresses that have a name now.");
pub(super) const NAMES_ANSWERS: MetricInfo =
    counter("egret_names_answers_total", &[], "DNS answers that were understood.");
pub(super) const NAMES_SERVER_NAMES: MetricInfo =
    counter("egret_names_server_names_total", &[], "TLS server names that were seen.");
pub(super) const NAMES_MALFORMED: MetricInfo =
    counter("egret_names_malformed_total", &[], "DNS messages and TLS handshakes that could not be understood.");
pub(super) const NAMES_EVICTED: MetricInfo =
    counter("egret_names_evicted_total", &[], "Names that made room for newer ones before their time.");

pub(super) const SERIES: MetricInfo = gauge("egret_series", &[], "Series of this page.");
pub(super) const LABEL_VALUES: MetricInfo =
    gauge("egret_series_label_values", &["label"], "Values of a bounded label that have series of their own now.");
pub(super) const LABEL_VALUES_LIMIT: MetricInfo = gauge(
    "egret_series_label_values_limit",
    &["label"],
    "Values of a bounded label that may have series of their own; of error_type, by executable.",
);
pub(super) const SERIES_OTHER: MetricInfo =
    counter("egret_series_other_total", &["label"], "Times that something was counted under `other`.");
pub(super) const SERIES_REPLACED: MetricInfo = counter(
    "egret_series_replaced_total",
    &["label"],
    "Times that the series of a label value were removed because another value had become more frequent.",
);

// The `prometheus` crate's process collector makes these, with its own words.
const PROCESS_CPU: MetricInfo =
    counter("process_cpu_seconds_total", &[], "Total user and system CPU time spent in seconds.");
const PROCESS_MAX_FDS: MetricInfo = gauge("process_max_fds", &[], "Maximum number of open file descriptors.");
const PROCESS_OPEN_FDS: MetricInfo = gauge("process_open_fds", &[], "Number of open file descriptors.");
const PROCESS_RESIDENT: MetricInfo = gauge("process_resident_memory_bytes", &[], "Resident memory size in bytes.");
const PROCESS_START: MetricInfo =
    gauge("process_start_time_seconds", &[], "Start time of the process since unix epoch in seconds.");
const PROCESS_THREADS: MetricInfo = gauge("process_threads", &[], "Number of OS threads in the process.");
const PROCESS_VIRTUAL: MetricInfo = gauge("process_virtual_memory_bytes", &[], "Virtual memory size in bytes.");

static CATALOGUE: [MetricInfo; 76] = [
    BUILD_INFO,
    EVENTS,
    CONNECTIONS,
    CONNECTION_FAILURES,
    CONNECTIONS_CLOSED,
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
    QUESTIONS_PENDING,
    QUEUE_LENGTH,
    QUEUE_CAPACITY,
    QUEUE_DROPPED,
    BASELINE_RULES,
    BASELINE_DENIED_RULES,
    BASELINE_SUBJECTS,
    BASELINE_GAPS,
    BASELINE_LEARNED,
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
    SINK_QUEUE_CAPACITY,
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

/// Every metric that egret serves, in the order of `docs/metrics.md`.
#[must_use]
pub fn catalogue() -> &'static [MetricInfo] {
    &CATALOGUE
}
