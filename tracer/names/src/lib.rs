//! Host names of addresses: the names that were *queried*, not those of reverse look-ups.
//!
//! ```text
//! question, answer (port 53)     -> message -> chain of records -> address: name, process, expiry
//! ClientHello (first bytes, TCP) -> server name                 -> socket: server name
//! find: server name of the socket > answers to the process > answers to other processes > the hosts file
//! ```
//!
//! Every name is recorded. It is evidence, so that rules match by it, only if a configured name server sent it in the network
//! namespace of the host or of the connection, or if the connecting process itself received it: a process with its own namespace and
//! name server can give any name to any address.
//!
//! The crate processes bytes and times from its caller; it reads the hosts file and the resolver files itself.
#![forbid(unsafe_code)]

use std::net::SocketAddr;

use egret_model::Timestamp;

mod chain;
mod dns;
mod fair;
mod file_version;
mod hello;
mod hosts;
mod messages;
mod name;
mod names;
mod questions;
mod resolvers;
mod saved;
mod sockets;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod users;

pub use hosts::names_of_hosts;
pub use names::{Names, Settings, State};
pub use resolvers::{RESOLVER_FILES, name_servers, resolvers};
pub use saved::{Malformed, SavedName, SavedNames};

/// A process and the image that it runs: an exec starts another image, which has received no answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessImage {
    pub pid: u32,
    /// Id of the exec; a fork has that of its parent. Zero if unknown.
    pub exec_id: u64,
}

impl ProcessImage {
    /// Whether both run the same image: the same process, or a fork of it.
    fn is_same_image(self, other: Self) -> bool {
        if self.exec_id == 0 && other.exec_id == 0 { self.pid == other.pid } else { self.exec_id == other.exec_id }
    }
}

/// The socket whose peer is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    pub cookie: u64,
    /// Its owner.
    pub process: Option<ProcessImage>,
    /// Inode number of its network namespace; zero if unknown.
    pub namespace: u32,
}

impl Client {
    fn is_process(&self, process: Option<ProcessImage>) -> bool {
        self.process.zip(process).is_some_and(|(own, other)| own.pid == other.pid)
    }

    fn runs_image_of(&self, process: ProcessImage) -> bool {
        self.process.is_some_and(|own| own.is_same_image(process))
    }
}

/// The transport of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Udp,
    Tcp {
        /// Sequence number of the first byte (for data in a SYN, that of the SYN plus one).
        sequence: u32,
    },
}

/// The payload of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// When the packet was seen.
    pub time: Timestamp,
    /// The socket that sent or received it.
    pub cookie: u64,
    /// The owner of the socket.
    pub process: Option<ProcessImage>,
    /// The user of that process.
    pub user: Option<u32>,
    /// Inode number of the socket's network namespace; zero if unknown.
    pub namespace: u32,
    pub carrier: Carrier,
    /// The peer: the name server, or the TLS server.
    pub remote: SocketAddr,
    /// The captured bytes.
    pub payload: &'a [u8],
    /// The length before truncation.
    pub length: usize,
}

/// Multicast DNS (RFC 6762) and LLMNR (RFC 4795), to which any host on the link may answer.
const MULTICAST_PORTS: [u16; 2] = [5353, 5355];

impl Segment<'_> {
    fn is_truncated(&self) -> bool {
        self.payload.len() < self.length
    }

    fn full_length(&self) -> u32 {
        u32::try_from(self.length.max(self.payload.len())).unwrap_or(u32::MAX)
    }

    const fn client(&self) -> Client {
        Client { cookie: self.cookie, process: self.process, namespace: self.namespace }
    }

    fn is_unicast_dns(&self) -> bool {
        !MULTICAST_PORTS.contains(&self.remote.port())
    }
}
