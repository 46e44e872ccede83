//! Attribute names, the same in JSON, spans, Parquet (with `_` for `.`) and metric labels.
//!
//! Those without `egret.` in front are OpenTelemetry's
//! (<https://opentelemetry.io/docs/specs/semconv/registry/attributes/>), except `connection.id`,
//! `process.start_time` and `systemd.unit`, for which it has none.

/// When it happened: RFC 3339 in UTC with nanoseconds.
pub const TIMESTAMP: &str = "timestamp";
/// What happened, one of [`egret_model::EventName`].
pub const EVENT_NAME: &str = "event.name";
/// Names one connection on this host since boot.
pub const CONNECTION_ID: &str = "connection.id";
/// Process id in the initial pid namespace.
pub const PROCESS_PID: &str = "process.pid";
/// Path of the file that the process runs.
pub const PROCESS_EXECUTABLE_PATH: &str = "process.executable.path";
/// Last component of that path.
pub const PROCESS_EXECUTABLE_NAME: &str = "process.executable.name";
/// SHA-256 of the file, lower-case hexadecimal.
pub const PROCESS_EXECUTABLE_SHA256: &str = "process.executable.sha256";
/// Argument vector, an array.
pub const PROCESS_COMMAND_ARGS: &str = "process.command_args";
/// Process id of the parent.
pub const PROCESS_PARENT_PID: &str = "process.parent_pid";
/// Effective user id.
pub const PROCESS_USER_ID: &str = "process.user.id";
/// Name of that user on this host.
pub const PROCESS_USER_NAME: &str = "process.user.name";
/// When the process was made: RFC 3339 in UTC with nanoseconds.
pub const PROCESS_START_TIME: &str = "process.start_time";
/// systemd unit of the process.
pub const SYSTEMD_UNIT: &str = "systemd.unit";
/// Full container id.
pub const CONTAINER_ID: &str = "container.id";
/// Container runtime: `docker`, `containerd`, `cri-o`, `podman`.
pub const CONTAINER_RUNTIME: &str = "container.runtime.name";
/// Transport, one of [`egret_model::Transport`].
pub const NETWORK_TRANSPORT: &str = "network.transport";
/// `ipv4` or `ipv6`.
pub const NETWORK_TYPE: &str = "network.type";
/// Address of this host's end.
pub const NETWORK_LOCAL_ADDRESS: &str = "network.local.address";
/// Port of this host's end.
pub const NETWORK_LOCAL_PORT: &str = "network.local.port";
/// Address of the other end.
pub const NETWORK_PEER_ADDRESS: &str = "network.peer.address";
/// Port of the other end.
pub const NETWORK_PEER_PORT: &str = "network.peer.port";
/// The name that was asked for.
pub const SERVER_ADDRESS: &str = "server.address";
/// Where that name was seen: `dns`, `sni`, `hosts`.
pub const NAME_SOURCE: &str = "egret.name.source";
/// How the process was found, one of [`egret_model::Attribution`].
pub const ATTRIBUTION: &str = "egret.attribution";
/// Capture layer, one of [`egret_model::Layer`].
pub const CAPTURE: &str = "egret.capture";
/// `allow`, `would_block`, `block`.
pub const VERDICT: &str = "egret.verdict";
/// `true` where the other end began the connection; absent otherwise.
pub const INBOUND: &str = "egret.inbound";
/// `true` where the connection already stood when egret started; absent otherwise.
pub const STANDING: &str = "egret.standing";
/// Errno name, see [`crate::errno::ErrnoName`].
pub const ERROR_TYPE: &str = "error.type";
/// Handshake latency, nanoseconds.
pub const CONNECT_DURATION_NS: &str = "egret.connect.duration_ns";
/// From the opening to this event, nanoseconds.
pub const CONNECTION_DURATION_NS: &str = "egret.connection.duration_ns";
/// Payload bytes sent.
pub const BYTES_SENT: &str = "egret.bytes.sent";
/// Payload bytes received.
pub const BYTES_RECEIVED: &str = "egret.bytes.received";
/// Of the bytes sent, those that no earlier record of the connection has; absent for all of them.
pub const BYTES_SENT_DELTA: &str = "egret.bytes.sent_delta";
/// Of the bytes received, those that no earlier record of the connection has; absent for all of them.
pub const BYTES_RECEIVED_DELTA: &str = "egret.bytes.received_delta";
/// TCP segments sent again.
pub const TCP_RETRANSMITS: &str = "egret.tcp.retransmits";
/// TCP smoothed round-trip time, nanoseconds.
pub const TCP_RTT_NS: &str = "egret.tcp.rtt_ns";
/// Why the verdict is what it is, one of [`egret_model::Reason`].
pub const VERDICT_REASON: &str = "egret.verdict.reason";
/// The rule that covers the flow, as the baseline has it.
pub const VERDICT_RULE: &str = "egret.verdict.rule";
/// How the process was found when the flow was judged, one of [`egret_model::Attribution`].
pub const VERDICT_ATTRIBUTION: &str = "egret.verdict.attribution";
/// From the packet's arrival at egret to its verdict, nanoseconds.
pub const VERDICT_DURATION_NS: &str = "egret.verdict.duration_ns";

/// Name of a sink; in spans about egret's own work.
pub const SINK: &str = "egret.sink";
/// Events that are meant; there too.
pub const EVENTS: &str = "egret.events";
/// Files that are meant; there too.
pub const FILES: &str = "egret.files";
/// Bytes of those files; there too.
pub const BYTES: &str = "egret.bytes";
/// A file's path; there too.
pub const FILE_PATH: &str = "file.path";
/// A file's size, bytes; there too.
pub const FILE_SIZE: &str = "file.size";

/// Port that the server of a connection listens on; in spans, where each end has its role.
pub const SERVER_PORT: &str = "server.port";
/// Address of the end that began a connection; in spans of accepted ones.
pub const CLIENT_ADDRESS: &str = "client.address";
/// Port of the end that began a connection; in spans of accepted ones.
pub const CLIENT_PORT: &str = "client.port";
/// The name that a look-up asked for; in spans of look-ups.
pub const DNS_QUESTION_NAME: &str = "dns.question.name";

/// All that records have, in the order in which they have them. New ones go to the end: files have columns in this order.
pub const ALL: [&str; 41] = [
    TIMESTAMP,
    EVENT_NAME,
    CONNECTION_ID,
    PROCESS_PID,
    PROCESS_EXECUTABLE_PATH,
    PROCESS_EXECUTABLE_NAME,
    PROCESS_EXECUTABLE_SHA256,
    PROCESS_COMMAND_ARGS,
    PROCESS_PARENT_PID,
    PROCESS_USER_ID,
    PROCESS_USER_NAME,
    PROCESS_START_TIME,
    SYSTEMD_UNIT,
    CONTAINER_ID,
    CONTAINER_RUNTIME,
    NETWORK_TRANSPORT,
    NETWORK_TYPE,
    NETWORK_LOCAL_ADDRESS,
    NETWORK_LOCAL_PORT,
    NETWORK_PEER_ADDRESS,
    NETWORK_PEER_PORT,
    SERVER_ADDRESS,
    NAME_SOURCE,
    ATTRIBUTION,
    CAPTURE,
    VERDICT,
    INBOUND,
    STANDING,
    ERROR_TYPE,
    CONNECT_DURATION_NS,
    CONNECTION_DURATION_NS,
    BYTES_SENT,
    BYTES_RECEIVED,
    TCP_RETRANSMITS,
    TCP_RTT_NS,
    VERDICT_REASON,
    VERDICT_RULE,
    VERDICT_ATTRIBUTION,
    VERDICT_DURATION_NS,
    BYTES_SENT_DELTA,
    BYTES_RECEIVED_DELTA,
];
