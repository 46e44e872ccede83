//! The columns of a file: a fixed table, from which schema, documentation and reader are made.
//!
//! The schema only grows: columns are added at the end, none is ever removed, renamed or given another type. So a reader
//! of any version reads files of any other: a column that the file lacks is null, one that the reader does not know is
//! passed over.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::names;

/// Version of the schema, under [`SCHEMA_VERSION_KEY`] in the metadata of every file; raised when a column is added.
pub const SCHEMA_VERSION: u32 = 3;
/// Key of the schema's version in the metadata of a file.
pub const SCHEMA_VERSION_KEY: &str = "egret.schema.version";
/// Key of the version of egret that wrote a file.
pub const EGRET_VERSION_KEY: &str = "egret.version";
/// Key of the name of the host that a file is about.
pub const HOST_KEY: &str = "host.name";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A point in time, nanoseconds in UTC.
    Time,
    /// A string; few different ones.
    Word,
    /// A string; all different.
    Text,
    /// A list of strings.
    Words,
    /// An unsigned integer of 16 bits.
    U16,
    /// An unsigned integer of 32 bits.
    U32,
    /// An unsigned integer of 64 bits.
    U64,
    /// True or false.
    Truth,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The attribute that it holds, one of [`names::ALL`].
    pub attribute: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Every row has a value.
    pub required: bool,
    /// What it means.
    pub meaning: &'static str,
}

impl Column {
    /// Its name: the attribute's, with `_` for `.`.
    #[must_use]
    pub fn name(&self) -> String {
        column_name(self.attribute)
    }

    fn field(&self) -> Field {
        Field::new(self.name(), self.kind.data_type(), !self.required)
    }
}

/// The column that holds an attribute: its name with `_` for `.`.
#[must_use]
pub fn column_name(attribute: &str) -> String {
    attribute.replace('.', "_")
}

impl Kind {
    /// The type in memory. In the file words are strings like any other: how they are encoded is the file's own affair.
    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Self::Word => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            Self::Text => DataType::Utf8,
            Self::Words => DataType::List(Arc::new(element())),
            Self::U16 => DataType::UInt16,
            Self::U32 => DataType::UInt32,
            Self::U64 => DataType::UInt64,
            Self::Truth => DataType::Boolean,
        }
    }

    /// The type as SQL engines and data frames name it.
    const fn shown(self) -> &'static str {
        match self {
            Self::Time => "timestamp, nanoseconds, UTC",
            Self::Word | Self::Text => "string",
            Self::Words => "list of strings",
            Self::U16 => "unsigned, 16 bits",
            Self::U32 => "unsigned, 32 bits",
            Self::U64 => "unsigned, 64 bits",
            Self::Truth => "boolean",
        }
    }
}

/// An element of a list, by the name that the Parquet specification gives it.
pub(super) fn element() -> Field {
    Field::new("element", DataType::Utf8, false)
}

const fn required(attribute: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { attribute, kind, required: true, meaning }
}

const fn optional(attribute: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { attribute, kind, required: false, meaning }
}

/// All columns, in the order in which files have them.
pub const COLUMNS: [Column; names::ALL.len()] = {
    use Kind::{Text, Time, Truth, U16, U32, U64, Word, Words};
    [
        required(names::TIMESTAMP, Time, "when it happened"),
        required(
            names::EVENT_NAME,
            Word,
            "`connection.open`, `connection.close`, `connection.failed`, `datagram.send`, `listen`, `accept`, or \
             `connection.update` (a connection that is still open)",
        ),
        required(names::CONNECTION_ID, Text, "names one connection on the host since boot"),
        optional(names::PROCESS_PID, U32, "process id in the initial pid namespace"),
        optional(names::PROCESS_EXECUTABLE_PATH, Word, "path of the file that the process runs"),
        optional(names::PROCESS_EXECUTABLE_NAME, Word, "last component of that path"),
        optional(names::PROCESS_EXECUTABLE_SHA256, Word, "SHA-256 of the file, lower-case hexadecimal"),
        optional(names::PROCESS_COMMAND_ARGS, Words, "argument vector"),
        optional(names::PROCESS_PARENT_PID, U32, "process id of the parent"),
        optional(names::PROCESS_USER_ID, U32, "effective user id"),
        optional(names::PROCESS_USER_NAME, Word, "name of that user on the host"),
        optional(names::PROCESS_START_TIME, Time, "when the process was made"),
        optional(names::SYSTEMD_UNIT, Word, "systemd unit of the process"),
        optional(names::CONTAINER_ID, Word, "full container id"),
        optional(names::CONTAINER_RUNTIME, Word, "`docker`, `containerd`, `cri-o` or `podman`"),
        optional(names::NETWORK_TRANSPORT, Word, "`tcp`, `mptcp`, `udp`, `udplite`, `icmp`, `sctp`, `raw` or `packet`"),
        optional(names::NETWORK_TYPE, Word, "`ipv4` or `ipv6`"),
        optional(names::NETWORK_LOCAL_ADDRESS, Word, "address of the host's end"),
        optional(names::NETWORK_LOCAL_PORT, U16, "port of the host's end"),
        optional(names::NETWORK_PEER_ADDRESS, Word, "address of the other end"),
        optional(names::NETWORK_PEER_PORT, U16, "port of the other end"),
        optional(names::SERVER_ADDRESS, Word, "the name that was asked for"),
        optional(names::NAME_SOURCE, Word, "where that name was seen: `dns`, `sni` or `hosts`"),
        required(
            names::ATTRIBUTION,
            Word,
            "how the process was found: `cookie`, `tuple`, `diag`, `procfs` or `unknown`",
        ),
        required(names::CAPTURE, Word, "capture layer: `sockets`, `syscalls` or `procfs`"),
        optional(names::VERDICT, Word, "`allow`, `would_block` or `block`"),
        required(names::INBOUND, Truth, "the other end began the connection"),
        required(names::STANDING, Truth, "the connection already stood when egret started"),
        optional(names::ERROR_TYPE, Word, "name of the errno, where something failed"),
        optional(names::CONNECT_DURATION_NS, U64, "handshake latency, nanoseconds"),
        optional(names::CONNECTION_DURATION_NS, U64, "from the opening to this event, nanoseconds"),
        optional(names::BYTES_SENT, U64, "payload bytes sent"),
        optional(names::BYTES_RECEIVED, U64, "payload bytes received"),
        optional(names::TCP_RETRANSMITS, U32, "TCP segments sent again"),
        optional(names::TCP_RTT_NS, U64, "TCP smoothed round-trip time, nanoseconds"),
        optional(
            names::VERDICT_REASON,
            Word,
            "why the verdict is what it is: `rule`, `no_rule`, `answer`, `unattributed`, `unjudgeable`, `late` or `inbound`",
        ),
        optional(names::VERDICT_RULE, Word, "the rule of the baseline that covers the flow"),
        optional(
            names::VERDICT_ATTRIBUTION,
            Word,
            "how the process was found when the flow was judged, as in `egret_attribution`",
        ),
        optional(names::VERDICT_DURATION_NS, U64, "from the packet's arrival at egret to its verdict, nanoseconds"),
        optional(
            names::BYTES_SENT_DELTA,
            U64,
            "of `egret_bytes_sent`, what no earlier row of the connection has; null for all of it",
        ),
        optional(
            names::BYTES_RECEIVED_DELTA,
            U64,
            "of `egret_bytes_received`, what no earlier row of the connection has; null for all of it",
        ),
    ]
};

/// The schema in memory.
pub(super) static SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(COLUMNS.iter().map(Column::field).collect::<Vec<_>>())));

/// The reference page of the schema, Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = format!(include_str!("reference.md"), version = SCHEMA_VERSION);
    for column in &COLUMNS {
        let null = if column.required { "never" } else { "where unknown" };
        // Writing to a `String` does not fail.
        let _ = writeln!(page, "| `{}` | {} | {null} | {} |", column.name(), column.kind.shown(), column.meaning);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::COLUMNS;
    use crate::names;

    #[test]
    fn every_attribute_has_its_column() {
        assert_eq!(COLUMNS.map(|column| column.attribute), names::ALL);
    }
}
