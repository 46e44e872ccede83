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
    /// A connection that is open has moved data since it was last reported; carries the totals so far.
    #[serde(rename = "connection.update")]
    ConnectionUpdate,
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
            Self::ConnectionUpdate => "connection.update",
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

/// One thing that happened to a connection. What is not known is absent.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it happened, from the kernel's clock.
    pub time: Timestamp,
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
    /// Of `bytes_sent`, what no earlier event of the connection has reported; `None` for all of it.
    pub bytes_sent_delta: Option<u64>,
    /// Of `bytes_received`, what no earlier event of the connection has reported; `None` for all of it.
    pub bytes_received_delta: Option<u64>,
    /// TCP segments sent again.
    pub retransmits: Option<u32>,
    /// TCP smoothed round-trip time, nanoseconds.
    pub rtt_ns: Option<u64>,
    /// The other end began it: it was accepted, or the first datagram came from there.
    pub inbound: bool,
    /// The connection already stood when egret started.
    pub standing: bool,
    /// The process descends from the command that egret was asked to follow.
    pub followed: bool,
}

impl Event {
    /// An event of which nothing else is known.
    #[must_use]
    pub fn new(name: EventName, time: Timestamp, id: ConnectionId, layer: Layer) -> Self {
        Self {
            time,
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
            bytes_sent_delta: None,
            bytes_received_delta: None,
            retransmits: None,
            rtt_ns: None,
            inbound: false,
            standing: false,
            followed: false,
        }
    }

    /// Bytes sent that no earlier event of the connection has reported.
    #[must_use]
    pub fn unreported_sent(&self) -> Option<u64> {
        self.bytes_sent_delta.or(self.bytes_sent)
    }

    /// Bytes received that no earlier event of the connection has reported.
    #[must_use]
    pub fn unreported_received(&self) -> Option<u64> {
        self.bytes_received_delta.or(self.bytes_received)
    }

    /// `ipv4` or `ipv6`, from whichever end is known.
    #[must_use]
    pub fn network_type(&self) -> Option<NetworkType> {
        self.peer.network_type().or_else(|| self.local.network_type())
    }
}
