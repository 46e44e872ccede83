//! One thing that happened to a connection.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Attribution, Endpoint, Judgement, Layer, NetworkType, Process, Server, Timestamp, Transport, Verdict};

/// The value of `event.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventName {
    /// A connection was opened: a completed handshake, or a datagram socket connected to a peer. Without a
    /// connect duration on a transport with a handshake, the answer is still outstanding.
    #[serde(rename = "connection.open")]
    ConnectionOpen,
    /// A connection, or the use of a datagram socket, ended; carries the totals.
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
}

impl EventName {
    /// The name used in records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionOpen => "connection.open",
            Self::ConnectionClose => "connection.close",
            Self::ConnectionFailed => "connection.failed",
            Self::DatagramSend => "datagram.send",
            Self::Listen => "listen",
            Self::Accept => "accept",
        }
    }
}

/// Names one connection on this host since boot: the socket's cookie and when this use of it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    /// Socket cookie, or another number unique to the socket where the layer has no cookie.
    pub socket: u64,
    /// Begin of this use of the socket, nanoseconds on the clock of the layer.
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
    /// It is the one that egret runs in, which is the one that packets are judged in.
    pub own: bool,
}

/// One thing that happened to a connection. What is not known is absent.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it happened, from the kernel's clock.
    pub time: Timestamp,
    /// The same moment on the boot clock (`CLOCK_BOOTTIME`), which nobody sets, nanoseconds; zero when unknown. What is
    /// decided by the order of moments is decided by this.
    pub boot_ns: u64,
    /// What happened.
    pub name: EventName,
    /// To which connection.
    pub id: ConnectionId,
    /// Who holds it.
    pub process: Option<Arc<Process>>,
    /// How `process` was found.
    pub attribution: Attribution,
    /// Which layer saw it.
    pub layer: Layer,
    /// Transport; absent where the layer cannot tell.
    pub transport: Option<Transport>,
    /// This host's end.
    pub local: Endpoint,
    /// The other end.
    pub peer: Endpoint,
    /// The name that was asked for, and where it was seen.
    pub server: Option<Server>,
    /// What enforcement said.
    pub verdict: Option<Verdict>,
    /// How that came about.
    pub judgement: Option<Arc<Judgement>>,
    /// Errno, where something failed.
    pub error: Option<i32>,
    /// Handshake latency, nanoseconds.
    pub connect_duration_ns: Option<u64>,
    /// From the opening to now, nanoseconds.
    pub connection_duration_ns: Option<u64>,
    /// Payload bytes sent.
    pub bytes_sent: Option<u64>,
    /// Payload bytes received.
    pub bytes_received: Option<u64>,
    /// TCP segments sent again.
    pub retransmits: Option<u32>,
    /// TCP smoothed round-trip time, nanoseconds.
    pub rtt_ns: Option<u64>,
    /// The other end began it: it was accepted, or the first datagram came from there.
    pub inbound: bool,
    /// The connection already stood when egret started.
    pub standing: bool,
    /// The connect is not answered yet: another event reports what became of it.
    pub outstanding: bool,
    /// The network namespace of the socket.
    pub namespace: Option<NetworkNamespace>,
    /// The process descends from the command that egret was asked to follow.
    pub followed: bool,
}

impl Event {
    /// An event of which nothing else is known.
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
            judgement: None,
            error: None,
            connect_duration_ns: None,
            connection_duration_ns: None,
            bytes_sent: None,
            bytes_received: None,
            retransmits: None,
            rtt_ns: None,
            inbound: false,
            standing: false,
            outstanding: false,
            namespace: None,
            followed: false,
        }
    }

    /// `ipv4` or `ipv6`, from whichever end is known.
    #[must_use]
    pub fn network_type(&self) -> Option<NetworkType> {
        self.peer.network_type().or_else(|| self.local.network_type())
    }
}
