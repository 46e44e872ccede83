//! Flows and their owners, as known when a packet is evaluated.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::{Attribution, Interface, Process, Server, Transport};

/// The endpoints of a flow, from an outgoing packet. A port is zero if the transport has none; the scope id of a link-local peer is
/// the index of its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    pub transport: Transport,
    pub local: SocketAddr,
    pub peer: SocketAddr,
    /// The interface of a link-local peer.
    pub interface: Option<Interface>,
}

/// The identity of a process in the kernel side, unique also if its pid is reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessId {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Effective user id.
    pub uid: u32,
    /// Start time, nanoseconds on the boot clock.
    pub start_ns: u64,
    /// Id of the exec of its image; a fork has that of its parent. Zero if unknown.
    pub exec_id: u64,
    pub cgroup_id: u64,
    /// Process id of the parent.
    pub parent_pid: u32,
}

/// The owner of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub process: ProcessId,
    /// The cookie of the socket, zero if unknown.
    pub cookie: u64,
    pub attribution: Attribution,
    /// The kernel side knows that the peer sent the first datagram.
    pub inbound: bool,
}

/// The full description of an owner and of the peer.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    pub process: Option<Arc<Process>>,
    /// Path of the parent's executable.
    pub parent: Option<Arc<str>>,
    /// The name of the peer.
    pub server: Option<Server>,
    /// The peer sent the first datagram, so that the socket answers.
    pub inbound: bool,
}
