//! The columns of a file: the table that schema, documentation and reader are derived from.
//!
//! The schema only grows: columns are added at the end, and none is removed, renamed or changed in type. So a reader of any version
//! reads files of any other: a column that the file lacks is null, and a column that the reader does not know is ignored.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::names;

/// Version of the schema, in the metadata of every file under [`SCHEMA_VERSION_KEY`]; increased when a column is added.
pub const SCHEMA_VERSION: u32 = 3;
/// Metadata key of the version of the schema.
pub const SCHEMA_VERSION_KEY: &str = "egret.schema.version";
/// Metadata key of the version of egret that wrote the file.
pub const EGRET_VERSION_KEY: &str = "egret.version";
/// Metadata key of the name of the host whose events the file has.
pub const HOST_KEY: &str = "host.name";

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A point in time, nanoseconds in UTC.
    Time,
    /// A string with few distinct values.
    Dictionary,
    /// A string with mostly distinct values.
    Utf8,
    /// A list of strings.
    List,
    U16,
    U32,
    U64,
    Bool,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// One of [`names::ALL`].
    pub attribute: &'static str,
    pub kind: Kind,
    /// Every row has a value.
    pub required: bool,
    /// Its description in the documentation.
    pub description: &'static str,
}

impl Column {
    #[must_use]
    pub fn name(&self) -> String {
        column_name(self.attribute)
    }

    fn field(&self) -> Field {
        Field::new(self.name(), self.kind.data_type(), !self.required)
    }
}

/// The name of the column of an attribute, with `_` for `.`.
#[must_use]
pub fn column_name(attribute: &str) -> String {
    attribute.replace('.', "_")
}

impl Kind {
    /// The Arrow type. Dictionaries exist in memory only; in the file they are strings.
    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Self::Dictionary => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            Self::Utf8 => DataType::Utf8,
            Self::List => DataType::List(Arc::new(element())),
            Self::U16 => DataType::UInt16,
            Self::U32 => DataType::UInt32,
            Self::U64 => DataType::UInt64,
            Self::Bool => DataType::Boolean,
        }
    }

    /// The type in the documentation.
    const fn shown(self) -> &'static str {
        match self {
            Self::Time => "timestamp, nanoseconds, UTC",
            Self::Dictionary | Self::Utf8 => "string",
            Self::List => "list of strings",
            Self::U16 => "unsigned, 16 bits",
            Self::U32 => "unsigned, 32 bits",
            Self::U64 => "unsigned, 64 bits",
            Self::Bool => "boolean",
        }
    }
}

/// An element of a list, with the name that the Parquet specification requires.
pub(super) fn element() -> Field {
    Field::new("element", DataType::Utf8, false)
}

const fn required(attribute: &'static str, kind: Kind, description: &'static str) -> Column {
    Column { attribute, kind, required: true, description }
}

const fn optional(attribute: &'static str, kind: Kind, description: &'static str) -> Column {
    Column { attribute, kind, required: false, description }
}

/// All columns, in the order of files.
pub const COLUMNS: [Column; names::ALL.len()] = {
    use Kind::{Bool, Dictionary, List, Time, U16, U32, U64, Utf8};
    [
        required(names::TIMESTAMP, Time, "time of the event"),
        required(
            names::EVENT_NAME,
            Dictionary,
            "`connection.open`, `connection.close`, `connection.failed`, `datagram.send`, `listen`, `accept`, or \
             `connection.update` (a connection that is still open)",
        ),
        required(names::CONNECTION_ID, Utf8, "identifies a connection on the host since boot"),
        optional(names::PROCESS_PID, U32, "process id in the initial pid namespace"),
        optional(names::PROCESS_EXECUTABLE_PATH, Dictionary, "path of the executable"),
        optional(names::PROCESS_EXECUTABLE_NAME, Dictionary, "last component of that path"),
        optional(names::PROCESS_EXECUTABLE_SHA256, Dictionary, "SHA-256 of the executable, lower-case hexadecimal"),
        optional(names::PROCESS_COMMAND_ARGS, List, "argument vector"),
        optional(names::PROCESS_PARENT_PID, U32, "process id of the parent"),
        optional(names::PROCESS_USER_ID, U32, "effective user id"),
        optional(names::PROCESS_USER_NAME, Dictionary, "name of that user on the host"),
        optional(names::PROCESS_START_TIME, Time, "start time of the process"),
        optional(names::SYSTEMD_UNIT, Dictionary, "systemd unit of the process"),
        optional(names::CONTAINER_ID, Dictionary, "full container id"),
        optional(names::CONTAINER_RUNTIME, Dictionary, "`docker`, `containerd`, `cri-o` or `podman`"),
        optional(
            names::NETWORK_TRANSPORT,
            Dictionary,
            "`tcp`, `mptcp`, `udp`, `udplite`, `icmp`, `sctp`, `raw` or `packet`",
        ),
        optional(names::NETWORK_TYPE, Dictionary, "`ipv4` or `ipv6`"),
        optional(names::NETWORK_LOCAL_ADDRESS, Dictionary, "address of the local endpoint"),
        optional(names::NETWORK_LOCAL_PORT, U16, "port of the local endpoint"),
        optional(names::NETWORK_PEER_ADDRESS, Dictionary, "address of the peer"),
        optional(names::NETWORK_PEER_PORT, U16, "port of the peer"),
        optional(names::SERVER_ADDRESS, Dictionary, "name of the peer that was asked for"),
        optional(names::NAME_SOURCE, Dictionary, "source of that name: `dns`, `sni` or `hosts`"),
        required(
            names::ATTRIBUTION,
            Dictionary,
            "attribution, how the process was found: `cookie`, `tuple`, `diag`, `procfs` or `unknown`",
        ),
        required(names::CAPTURE, Dictionary, "capture layer: `sockets`, `syscalls` or `procfs`"),
        optional(names::VERDICT, Dictionary, "`allow`, `would_block` or `block`"),
        required(names::INBOUND, Bool, "the peer opened the connection"),
        required(names::STANDING, Bool, "the connection is preexisting: older than egret"),
        optional(names::ERROR_TYPE, Dictionary, "name of the errno, where something failed"),
        optional(names::CONNECT_DURATION_NS, U64, "handshake latency, nanoseconds"),
        optional(names::CONNECTION_DURATION_NS, U64, "from the opening to this event, nanoseconds"),
        optional(names::BYTES_SENT, U64, "payload bytes sent"),
        optional(names::BYTES_RECEIVED, U64, "payload bytes received"),
        optional(names::TCP_RETRANSMITS, U32, "TCP retransmits"),
        optional(names::TCP_RTT_NS, U64, "TCP smoothed round-trip time, nanoseconds"),
        optional(
            names::VERDICT_REASON,
            Dictionary,
            "reason of the verdict: `rule`, `no_rule`, `answer`, `unattributed`, `unjudgeable`, `late` or `inbound`",
        ),
        optional(names::VERDICT_RULE, Dictionary, "rule of the baseline that matches the flow"),
        optional(
            names::VERDICT_ATTRIBUTION,
            Dictionary,
            "attribution at the time of the verdict, as in `egret_attribution`",
        ),
        optional(names::VERDICT_DURATION_NS, U64, "from the packet's arrival at egret to its verdict, nanoseconds"),
        optional(
            names::SCRIPT,
            Dictionary,
            "what an interpreter runs: the path of a script, `-m` and a module, the option of an inline program, `-` for standard \
             input, `?` where its command line does not show it",
        ),
        optional(names::NETWORK_NAMESPACE, U32, "inode number of the socket's network namespace"),
        optional(
            names::NETWORK_HOST,
            Bool,
            "that is egret's own network namespace, the one that enforcement evaluates",
        ),
        optional(names::CONNECT_OUTSTANDING, Bool, "the peer has not answered the connect yet; another event follows"),
        optional(
            names::EXECUTABLE_ORIGIN,
            Dictionary,
            "what `process_executable_path` names: `host`, `replaced`, `shared`, `private`, `memory`, `kernel` (a thread \
             of the kernel, which runs no file) or `unknown`",
        ),
        optional(
            names::PROCESS_EXECUTABLE_BUILD_ID,
            Dictionary,
            "build id of the executable, from its first and last 4096 bytes and its length, lower-case hexadecimal",
        ),
        optional(
            names::BYTES_SENT_DELTA,
            U64,
            "the part of `egret_bytes_sent` that no earlier row of the connection reports; null for all of it",
        ),
        optional(
            names::BYTES_RECEIVED_DELTA,
            U64,
            "the part of `egret_bytes_received` that no earlier row of the connection reports; null for all of it",
        ),
        optional(
            names::NAME_UNVERIFIED,
            Bool,
            "rules do not match by the name: it is from a name server that is not configured, given in another network namespace or \
             to another process, or only the client claims it",
        ),
        optional(
            names::CONTAINER_NAME,
            Dictionary,
            "name of the container; in a pod the name in the pod's specification",
        ),
        optional(names::CONTAINER_IMAGE_NAME, Dictionary, "name of the container's image, without tag and digest"),
        optional(
            names::CONTAINER_IMAGE_TAGS,
            List,
            "tags of that image: the one in the reference that it was pulled by",
        ),
        optional(
            names::CONTAINER_ROOTLESS,
            Bool,
            "a user other than root could create the container's cgroup and choose these names; null without a container",
        ),
        optional(names::K8S_NAMESPACE_NAME, Dictionary, "namespace of the pod"),
        optional(names::K8S_POD_NAME, Dictionary, "name of the pod"),
        optional(
            names::K8S_WORKLOAD_NAME,
            Dictionary,
            "name of the workload that created the pod, of any kind; the name of the pod if there is none",
        ),
        optional(names::K8S_DEPLOYMENT_NAME, Dictionary, "the same, if the workload is known to be a Deployment"),
        optional(names::K8S_STATEFULSET_NAME, Dictionary, "the same, if the workload is known to be a StatefulSet"),
        optional(names::K8S_CRONJOB_NAME, Dictionary, "the same, if the workload is known to be a CronJob"),
        optional(
            names::NETWORK_INTERFACE,
            Dictionary,
            "interface of a link-local peer (fe80::/10): its name, or its index if the name is unknown",
        ),
        optional(
            names::USER_UNIT,
            Bool,
            "a user other than root could choose the name of the unit, as that user's service manager does; null without a unit",
        ),
    ]
};

/// The Arrow schema.
pub(super) static SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(COLUMNS.iter().map(Column::field).collect::<Vec<_>>())));

/// The reference page of the schema, Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = format!(include_str!("reference.md"), version = SCHEMA_VERSION);
    for column in &COLUMNS {
        let null = if column.required { "never" } else { "where unknown" };
        // Writing to a `String` does not fail.
        let _ = writeln!(page, "| `{}` | {} | {null} | {} |", column.name(), column.kind.shown(), column.description);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::COLUMNS;
    use crate::names;

    #[test]
    fn every_attribute_has_a_column() {
        assert_eq!(COLUMNS.map(|column| column.attribute), names::ALL);
    }
}
