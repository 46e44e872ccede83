//! Who sends a packet: what is known when it has to be judged.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::{Attribution, Process, Server, Transport};

/// The ends of a flow, as a packet on its way out has them. A port is zero where the transport has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Transport.
    pub transport: Transport,
    /// This host's end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
}

/// A process as the kernel side notes it: enough to tell it from every other, also from one with the same pid later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessId {
    /// Process id in the initial pid namespace.
    pub pid: u32,
    /// Effective user id.
    pub uid: u32,
    /// When the process was made, nanoseconds on the boot clock.
    pub start_ns: u64,
    /// The exec that made it what it is; children that run nothing else have their parent's. Zero if it is not known.
    pub exec_id: u64,
    /// Its control group.
    pub cgroup_id: u64,
    /// Process id of the parent.
    pub parent_pid: u32,
}

/// The process behind a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The process.
    pub process: ProcessId,
    /// The socket's cookie, zero if it is not known.
    pub cookie: u64,
    /// How it was found.
    pub attribution: Attribution,
}

/// A process and the other end, in full.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The process.
    pub process: Option<Arc<Process>>,
    /// Path of its parent's executable.
    pub parent: Option<Arc<str>>,
    /// The name that was asked for.
    pub server: Option<Server>,
    /// The peer sent the first datagram to this socket: what the socket sends to it are answers.
    pub inbound: bool,
}
