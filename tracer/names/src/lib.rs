//! Host names of addresses: the names that were *asked for*, not those that addresses have.
//!
//! ```text
//! question, answer (port 53) -> message -> chain of records -> address: name, process, until
//! hello (first bytes of TCP) -> TLS greeting                -> socket: server name
//! find: the socket's server name > what the process was told > what anybody was told > the hosts file
//! ```
//!
//! Everything here works on bytes and times that it is given; the hosts file is all that it reads itself.
#![forbid(unsafe_code)]

use std::net::SocketAddr;

use egret_model::Timestamp;

mod chain;
mod dns;
mod hello;
mod hosts;
mod messages;
mod name;
mod names;
mod questions;
mod sockets;
mod stream;
mod table;
#[cfg(test)]
mod tests;

pub use names::{Names, Settings, State};

/// How bytes travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In a datagram of their own.
    Udp,
    /// In a stream.
    Tcp {
        /// Sequence number of the first of these bytes (behind a SYN that carries data, the SYN's and one).
        sequence: u32,
    },
}

/// What one packet carried behind its transport header.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// When the packet was seen.
    pub time: Timestamp,
    /// The socket that sent or got it.
    pub cookie: u64,
    /// The process that holds the socket.
    pub process: Option<u32>,
    /// How the bytes travelled.
    pub carrier: Carrier,
    /// The other end: the name server, or the server that is greeted.
    pub remote: SocketAddr,
    /// The bytes, as many as were captured.
    pub payload: &'a [u8],
    /// As many as there were.
    pub length: usize,
}

/// Multicast DNS (RFC 6762) and LLMNR (RFC 4795): anybody on the link may answer.
const MULTICAST_PORTS: [u16; 2] = [5353, 5355];

impl Segment<'_> {
    fn is_cut(&self) -> bool {
        self.payload.len() < self.length
    }

    fn full_length(&self) -> u32 {
        u32::try_from(self.length.max(self.payload.len())).unwrap_or(u32::MAX)
    }

    fn is_unicast_dns(&self) -> bool {
        !MULTICAST_PORTS.contains(&self.remote.port())
    }
}
