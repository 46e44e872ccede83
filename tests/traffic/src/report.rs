//! The report: results of the system calls.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sockets;

/// The side of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Client,
    Server,
}

/// What carries the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    Tcp,
    Udp,
    Icmp,
    Raw,
    Packet,
    Unix,
    /// No traffic at all.
    None,
}

/// One connection, or the traffic with one peer of a datagram socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Flow {
    pub(crate) role: Role,
    pub(crate) transport: Transport,
    /// The thread that made the calls.
    pub(crate) tid: i32,
    /// `address:port`; a v4-mapped address is written as IPv4.
    pub(crate) local: Option<String>,
    pub(crate) peer: Option<String>,
    /// Payload bytes that sending calls accepted.
    pub(crate) sent: u64,
    /// Bytes that receiving calls returned.
    pub(crate) received: u64,
    /// Calls that sent something.
    pub(crate) sends: u64,
    /// Calls that received something.
    pub(crate) receives: u64,
    /// Name of the first error.
    pub(crate) errno: Option<String>,
    /// `SO_COOKIE`, read at the end: reading it makes the kernel assign one.
    pub(crate) cookie: Option<u64>,
    /// Details of this way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) details: BTreeMap<String, Value>,
}

impl Flow {
    pub(crate) fn new(role: Role, transport: Transport) -> Self {
        Self {
            role,
            transport,
            tid: nix::unistd::gettid().as_raw(),
            local: None,
            peer: None,
            sent: 0,
            received: 0,
            sends: 0,
            receives: 0,
            errno: None,
            cookie: None,
            details: BTreeMap::new(),
        }
    }

    pub(crate) fn client(transport: Transport) -> Self {
        Self::new(Role::Client, transport)
    }

    pub(crate) fn with_peer(mut self, peer: SocketAddr) -> Self {
        self.peer = Some(canonical(peer));
        self
    }

    /// Counts a sending call; `None` if it failed.
    pub(crate) fn note_send(&mut self, result: io::Result<usize>) -> Option<usize> {
        let bytes = self.note(result)?;
        self.sends += 1;
        self.sent += bytes as u64;
        Some(bytes)
    }

    /// Counts a receiving call; `None` if it failed, zero at the end of a stream.
    pub(crate) fn note_receive(&mut self, result: io::Result<usize>) -> Option<usize> {
        let bytes = self.note(result)?;
        self.receives += u64::from(bytes > 0);
        self.received += bytes as u64;
        Some(bytes)
    }

    /// Keeps the first error.
    pub(crate) fn note<T>(&mut self, result: io::Result<T>) -> Option<T> {
        result.inspect_err(|error| self.errno = self.errno.take().or_else(|| Some(errno_name(error)))).ok()
    }

    /// Records the local address of the socket, if it has a port.
    ///
    /// After a refused connect only the port is known: the kernel has cleared the address.
    pub(crate) fn note_local(&mut self, socket: &impl AsRawFd) {
        self.local = sockets::local_address(socket).filter(|local| local.port() != 0).map(canonical);
    }

    /// Records what identifies the socket, after its traffic.
    pub(crate) fn finish(&mut self, socket: &impl AsRawFd) {
        if self.local.is_none() {
            self.note_local(socket);
        }
        self.cookie = sockets::cookie(socket);
    }

    /// Adds a detail of this way.
    pub(crate) fn detail(&mut self, key: &str, value: impl Into<Value>) {
        self.details.insert(key.to_owned(), value.into());
    }

    /// Adds another flow's counts.
    pub(crate) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.sends += other.sends;
        self.receives += other.receives;
        self.errno = self.errno.take().or_else(|| other.errno.clone());
    }
}

/// The report of a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) way: String,
    pub(crate) pid: u32,
    /// What `/proc/self/exe` says.
    pub(crate) exe: String,
    /// Inode number of the network namespace.
    pub(crate) netns: u64,
    /// The only flow, or the sum of all.
    #[serde(flatten)]
    pub(crate) total: Flow,
    /// The flows one by one, if there were or could be several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) flows: Vec<Flow>,
    /// Processes that it started, in order.
    pub(crate) children: Vec<Report>,
}

impl Report {
    /// A report of this process about one flow.
    pub(crate) fn of(total: Flow) -> Self {
        Self {
            way: String::new(),
            pid: std::process::id(),
            exe: std::fs::read_link("/proc/self/exe").map_or_else(|_| String::new(), |exe| exe.display().to_string()),
            netns: crate::netns::inode(),
            total,
            flows: Vec::new(),
            children: Vec::new(),
        }
    }

    /// A report about several flows; `like` gives role and transport where there is none.
    pub(crate) fn of_all(like: Flow, flows: Vec<Flow>) -> Self {
        if let [only] = flows.as_slice() {
            return Self::of(only.clone());
        }
        let mut total = like;
        flows.iter().for_each(|flow| total.add(flow));
        let mut report = Self::of(total);
        report.flows = flows;
        report
    }

    pub(crate) fn with_child(mut self, child: Option<Self>) -> Self {
        self.children.extend(child);
        self
    }

    pub(crate) fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.total.detail(key, value);
        self
    }
}

/// `address:port`, a v4-mapped address as IPv4.
pub(crate) fn canonical(address: SocketAddr) -> String {
    SocketAddr::new(address.ip().to_canonical(), address.port()).to_string()
}

/// `ECONNREFUSED` and so on.
pub(crate) fn errno_name(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |number| format!("{:?}", Errno::from_raw(number)))
}
