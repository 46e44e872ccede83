//! Names of attributes, the same in JSON, spans, Parquet (with `_` for `.`) and metric labels.
//!
//! Those without `egret.` in front are OpenTelemetry's
//! (<https://opentelemetry.io/docs/specs/semconv/registry/attributes/>), except `connection.id`,
//! `process.start_time` and `systemd.unit`, for which it has none.

use egret_model::WorkloadKind;

/// Time of the event: RFC 3339 in UTC with nanoseconds.
pub const TIMESTAMP: &str = "timestamp";
/// One of [`egret_model::EventName`].
pub const EVENT_NAME: &str = "event.name";
/// Identifies a connection on this host since boot.
pub const CONNECTION_ID: &str = "connection.id";
/// Process id in the initial pid namespace.
pub const PROCESS_PID: &str = "process.pid";
/// Path of the executable.
pub const PROCESS_EXECUTABLE_PATH: &str = "process.executable.path";
/// Last component of that path.
pub const PROCESS_EXECUTABLE_NAME: &str = "process.executable.name";
/// SHA-256 of the executable, lower-case hexadecimal.
pub const PROCESS_EXECUTABLE_SHA256: &str = "process.executable.sha256";
/// The origin of that path, one of [`egret_model::Origin`]; in JSON absent for a file of the host.
pub const EXECUTABLE_ORIGIN: &str = "egret.executable.origin";
/// Build id of the executable, from its first and last 4096 bytes and its length, lower-case hexadecimal.
pub const PROCESS_EXECUTABLE_BUILD_ID: &str = "process.executable.build_id.htlhash";
/// Argument vector, an array.
pub const PROCESS_COMMAND_ARGS: &str = "process.command_args";
/// Process id of the parent.
pub const PROCESS_PARENT_PID: &str = "process.parent_pid";
/// Effective user id.
pub const PROCESS_USER_ID: &str = "process.user.id";
/// Name of that user on this host.
pub const PROCESS_USER_NAME: &str = "process.user.name";
/// Start time of the process: RFC 3339 in UTC with nanoseconds.
pub const PROCESS_START_TIME: &str = "process.start_time";
/// systemd unit of the process.
pub const SYSTEMD_UNIT: &str = "systemd.unit";
/// Full container id.
pub const CONTAINER_ID: &str = "container.id";
/// Container runtime: `docker`, `containerd`, `cri-o`, `podman`.
pub const CONTAINER_RUNTIME: &str = "container.runtime.name";
/// Name of the container; in a pod the name in the pod's specification.
pub const CONTAINER_NAME: &str = "container.name";
/// Name of the container's image, without tag and digest.
pub const CONTAINER_IMAGE_NAME: &str = "container.image.name";
/// Tags of that image, an array: the one in the reference that it was pulled by.
pub const CONTAINER_IMAGE_TAGS: &str = "container.image.tags";
/// `true` if a user other than root could choose the name of the unit, as that user's service manager does; absent otherwise.
pub const USER_UNIT: &str = "egret.systemd.user_unit";
/// `true` if a user other than root could create the container's cgroup and choose these names; absent otherwise.
pub const CONTAINER_ROOTLESS: &str = "egret.container.rootless";
/// Namespace of the pod.
pub const K8S_NAMESPACE_NAME: &str = "k8s.namespace.name";
/// Name of the pod.
pub const K8S_POD_NAME: &str = "k8s.pod.name";
/// Name of the workload that created the pod, of any kind; the name of the pod if there is none.
pub const K8S_WORKLOAD_NAME: &str = "egret.k8s.workload.name";
/// The same, if the workload is known to be a Deployment.
pub const K8S_DEPLOYMENT_NAME: &str = "k8s.deployment.name";
/// The same, if the workload is known to be a `StatefulSet`.
pub const K8S_STATEFULSET_NAME: &str = "k8s.statefulset.name";
/// The same, if the workload is known to be a `CronJob`.
pub const K8S_CRONJOB_NAME: &str = "k8s.cronjob.name";
/// Transport, one of [`egret_model::Transport`].
pub const NETWORK_TRANSPORT: &str = "network.transport";
/// `ipv4` or `ipv6`.
pub const NETWORK_TYPE: &str = "network.type";
/// Address of the local endpoint.
pub const NETWORK_LOCAL_ADDRESS: &str = "network.local.address";
/// Port of the local endpoint.
pub const NETWORK_LOCAL_PORT: &str = "network.local.port";
/// Address of the peer.
pub const NETWORK_PEER_ADDRESS: &str = "network.peer.address";
/// Port of the peer.
pub const NETWORK_PEER_PORT: &str = "network.peer.port";
/// Name of the peer that was asked for.
pub const SERVER_ADDRESS: &str = "server.address";
/// Source of that name: `dns`, `sni`, `hosts`.
pub const NAME_SOURCE: &str = "egret.name.source";
/// One of [`egret_model::Attribution`].
pub const ATTRIBUTION: &str = "egret.attribution";
/// Capture layer, one of [`egret_model::Layer`].
pub const CAPTURE: &str = "egret.capture";
/// `allow`, `would_block`, `block`.
pub const VERDICT: &str = "egret.verdict";
/// `true` if the peer opened the connection; absent otherwise.
pub const INBOUND: &str = "egret.inbound";
/// `true` if the connection is preexisting; absent otherwise.
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
/// The bytes sent that no earlier record of the connection reports; absent for all of them.
pub const BYTES_SENT_DELTA: &str = "egret.bytes.sent_delta";
/// The bytes received that no earlier record of the connection reports; absent for all of them.
pub const BYTES_RECEIVED_DELTA: &str = "egret.bytes.received_delta";
/// TCP retransmits.
pub const TCP_RETRANSMITS: &str = "egret.tcp.retransmits";
/// TCP smoothed round-trip time, nanoseconds.
pub const TCP_RTT_NS: &str = "egret.tcp.rtt_ns";
/// Reason of the verdict, one of [`egret_model::Reason`].
pub const VERDICT_REASON: &str = "egret.verdict.reason";
/// The rule that matches the flow, in the form of the baseline.
pub const VERDICT_RULE: &str = "egret.verdict.rule";
/// Attribution at the time of the verdict, one of [`egret_model::Attribution`].
pub const VERDICT_ATTRIBUTION: &str = "egret.verdict.attribution";
/// From the packet's arrival at egret to its verdict, nanoseconds.
pub const VERDICT_DURATION_NS: &str = "egret.verdict.duration_ns";
/// What an interpreter runs, in the form of rules; `?` if it is unknown.
pub const SCRIPT: &str = "egret.script";
/// Interface of a link-local peer: its name, or its index if the name is unknown.
pub const NETWORK_INTERFACE: &str = "egret.network.interface";
/// Inode number of the socket's network namespace.
pub const NETWORK_NAMESPACE: &str = "egret.network.namespace";
/// `true` if that is egret's own namespace, the one that enforcement evaluates; absent otherwise.
pub const NETWORK_HOST: &str = "egret.network.host";
/// `true` if the peer has not answered the connect yet; absent otherwise.
pub const CONNECT_OUTSTANDING: &str = "egret.connect.outstanding";
/// `true` if the name is no evidence, see [`egret_model::Server`]; absent otherwise.
pub const NAME_UNVERIFIED: &str = "egret.name.unverified";

/// Name of a sink, in spans about egret's own work.
pub const SINK: &str = "egret.sink";
/// Number of events, in these spans.
pub const EVENTS: &str = "egret.events";
/// Number of files, in these spans.
pub const FILES: &str = "egret.files";
/// Bytes of those files, in these spans.
pub const BYTES: &str = "egret.bytes";
/// Path of a file, in these spans.
pub const FILE_PATH: &str = "file.path";
/// Size of a file in bytes, in these spans.
pub const FILE_SIZE: &str = "file.size";

/// Port of the server of a connection, in spans, where each endpoint has a role.
pub const SERVER_PORT: &str = "server.port";
/// Address of the client, in spans of accepted connections.
pub const CLIENT_ADDRESS: &str = "client.address";
/// Port of the client, in spans of accepted connections.
pub const CLIENT_PORT: &str = "client.port";
/// The queried name, in spans of look-ups.
pub const DNS_QUESTION_NAME: &str = "dns.question.name";

/// The attributes of records, in the order of records. New ones are added at the end, because the columns of files have this order.
pub const ALL: [&str; 60] = [
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
    SCRIPT,
    NETWORK_NAMESPACE,
    NETWORK_HOST,
    CONNECT_OUTSTANDING,
    EXECUTABLE_ORIGIN,
    PROCESS_EXECUTABLE_BUILD_ID,
    BYTES_SENT_DELTA,
    BYTES_RECEIVED_DELTA,
    NAME_UNVERIFIED,
    CONTAINER_NAME,
    CONTAINER_IMAGE_NAME,
    CONTAINER_IMAGE_TAGS,
    CONTAINER_ROOTLESS,
    K8S_NAMESPACE_NAME,
    K8S_POD_NAME,
    K8S_WORKLOAD_NAME,
    K8S_DEPLOYMENT_NAME,
    K8S_STATEFULSET_NAME,
    K8S_CRONJOB_NAME,
    NETWORK_INTERFACE,
    USER_UNIT,
];

/// The attribute with the name of a workload of this kind.
#[must_use]
pub const fn workload(kind: WorkloadKind) -> &'static str {
    match kind {
        WorkloadKind::Deployment => K8S_DEPLOYMENT_NAME,
        WorkloadKind::StatefulSet => K8S_STATEFULSET_NAME,
        WorkloadKind::CronJob => K8S_CRONJOB_NAME,
    }
}
