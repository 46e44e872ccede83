//! Events of connections.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Attribution, Endpoint, Evaluation, Layer, NetworkType, Process, Server, Timestamp, Transport, Verdict};

/// The value of `event.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventName {
    /// A connection was opened: the handshake was completed, or a datagram socket was connected. On a transport with a handshake, the
    /// answer is outstanding if there is no connect duration.
    #[serde(rename = "connection.open")]
    ConnectionOpen,
    /// A connection, or a flow of a datagram socket, ended; has the totals.
    #[serde(rename = "connection.close")]
    ConnectionClose,
    /// A connection could not be opened.
    #[serde(rename = "connection.failed")]
    ConnectionFailed,
    /// First datagram to a peer (every datagram with `--every-send`).
    #[serde(rename = "datagram.send")]
    DatagramSend,
    /// A socket began to listen.
    #[serde(rename = "listen")]
    Listen,
    /// A connection was accepted, or a first datagram received from a peer.
    #[serde(rename = "accept")]
    Accept,
    /// An open connection has transferred data since its last report; has the totals so far.
    #[serde(rename = "connection.update")]
    ConnectionUpdate,
}

impl EventName {
    /// The name in records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionOpen => "connection.open",
            Self::ConnectionClose => "connection.close",
            Self::ConnectionFailed => "connection.failed",
            Self::DatagramSend => "datagram.send",
            Self::Listen => "listen",
            Self::Accept => "accept",
            Self::ConnectionUpdate => "connection.update",
        }
    }
}

/// Identifies a connection on this host since boot: the cookie of the socket, and the begin of its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    /// Socket cookie, or another number unique to the socket where the layer has no cookie.
    pub socket: u64,
    /// Begin of this use of the socket, nanoseconds on the clock of the layer. For a preexisting connection, whose beginning is
    /// unknown, the start of this egret, so that two egrets do not use the same id for one connection.
    pub opened: u64,
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.socket, self.opened)
    }
}

/// A network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkNamespace {
    /// Inode number of the namespace, as `/proc/PID/ns/net` has it.
    pub inode: u32,
    /// It is egret's own namespace, the one in which packets are evaluated.
    pub own: bool,
}

/// An event of a connection. Unknown values are absent.
#[derive(Clone, Debug)]
pub struct Event {
    /// The time, from the kernel's clock.
    pub time: Timestamp,
    /// The same time on the boot clock (`CLOCK_BOOTTIME`), which cannot be set, nanoseconds; zero if unknown. Decisions that depend on
    /// the order of events use this clock.
    pub boot_ns: u64,
    pub name: EventName,
    pub id: ConnectionId,
    /// The owner.
    pub process: Option<Arc<Process>>,
    /// How `process` was found.
    pub attribution: Attribution,
    pub layer: Layer,
    /// Absent if the layer does not know it.
    pub transport: Option<Transport>,
    pub local: Endpoint,
    pub peer: Endpoint,
    /// The name of the peer that was looked up, and its source.
    pub server: Option<Server>,
    pub verdict: Option<Verdict>,
    /// How the verdict was reached.
    pub evaluation: Option<Arc<Evaluation>>,
    /// Errno, where something failed.
    pub error: Option<i32>,
    /// Handshake latency, nanoseconds.
    pub connect_duration_ns: Option<u64>,
    /// Time since the opening, nanoseconds.
    pub connection_duration_ns: Option<u64>,
    /// Payload bytes sent.
    pub bytes_sent: Option<u64>,
    /// Payload bytes received.
    pub bytes_received: Option<u64>,
    /// The part of `bytes_sent` that no earlier event of the connection reported; `None` for all of it.
    pub bytes_sent_delta: Option<u64>,
    /// The part of `bytes_received` that no earlier event of the connection reported; `None` for all of it.
    pub bytes_received_delta: Option<u64>,
    /// TCP retransmits.
    pub retransmits: Option<u32>,
    /// TCP smoothed round-trip time, nanoseconds.
    pub rtt_ns: Option<u64>,
    /// The peer opened the connection: it was accepted, or the first datagram came from the peer.
    pub inbound: bool,
    /// The connection is preexisting: older than egret.
    pub preexisting: bool,
    /// The connect is not answered yet; another event reports the result.
    pub outstanding: bool,
    /// The network namespace of the socket.
    pub namespace: Option<NetworkNamespace>,
    /// The process descends from the command that egret was asked to follow.
    pub followed: bool,
}

impl Event {
    /// Whether the socket is known to be in another network namespace than egret.
    #[must_use]
    pub fn in_other_namespace(&self) -> bool {
        self.namespace.is_some_and(|namespace| !namespace.own)
    }

    /// An event without any optional values.
    #[must_use]
    pub fn new(name: EventName, time: Timestamp, id: ConnectionId, layer: Layer) -> Self {
        Self {
            time,
            boot_ns: 0,
            name,
            id,
            process: None,
            attribution: Attribution::Unknown,
            layer,
            transport: None,
            local: Endpoint::default(),
            peer: Endpoint::default(),
            server: None,
            verdict: None,
            evaluation: None,
            error: None,
            connect_duration_ns: None,
            connection_duration_ns: None,
            bytes_sent: None,
            bytes_received: None,
            bytes_sent_delta: None,
            bytes_received_delta: None,
            retransmits: None,
            rtt_ns: None,
            inbound: false,
            preexisting: false,
            outstanding: false,
            namespace: None,
            followed: false,
        }
    }

    /// Bytes sent that no earlier event of the connection reported.
    #[must_use]
    pub fn unreported_sent(&self) -> Option<u64> {
        self.bytes_sent_delta.or(self.bytes_sent)
    }

    /// Bytes received that no earlier event of the connection reported.
    #[must_use]
    pub fn unreported_received(&self) -> Option<u64> {
        self.bytes_received_delta.or(self.bytes_received)
    }

    /// Makes all bytes unreported, for a reader without the earlier events of the connection.
    pub const fn forget_deltas(&mut self) {
        (self.bytes_sent_delta, self.bytes_received_delta) = (None, None);
    }

    /// The network type of the peer, or of the local endpoint if the peer is unknown.
    #[must_use]
    pub fn network_type(&self) -> Option<NetworkType> {
        self.peer.network_type().or_else(|| self.local.network_type())
    }
}
