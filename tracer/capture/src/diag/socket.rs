//! A listed socket.

use std::net::IpAddr;

use egret_model::{Endpoint, Transport, is_link_local};
use netlink_packet_core::Parseable;
use netlink_packet_sock_diag::inet::InetResponseHeader;

/// `TCP_ESTABLISHED`, also a connected datagram socket.
pub const TCP_ESTABLISHED: u8 = 1;
/// `TCP_LISTEN`.
pub const TCP_LISTEN: u8 = 10;

const SOCK_RAW: u16 = 3;

/// One socket of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiagSocket {
    /// What it carries.
    pub transport: Transport,
    /// `TCP_*` state; for others 1 if it is connected to a peer, else 7.
    pub state: u8,
    /// This host's endpoint; the unspecified address if it is bound to all addresses.
    pub local: Endpoint,
    /// The peer's endpoint, unknown if there is none.
    pub peer: Endpoint,
    /// Number of the interface that a link-local peer is behind; zero for others, and if the list does not have it.
    pub interface: u32,
    /// Socket cookie (`SO_COOKIE`); absent in lists of `/proc/net`.
    pub cookie: Option<u64>,
    /// Inode number in the kernel's sockfs, as in `/proc/PID/fd`; zero if the socket has no owner (not accepted
    /// yet, or closed).
    pub inode: u64,
    /// The user who created it; absent if the list does not have it.
    pub uid: Option<u32>,
}

impl DiagSocket {
    /// Whether it is a TCP socket that accepts connections.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.transport.has_handshake() && self.state == TCP_LISTEN
    }

    /// Whether it has a peer.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.peer.address.is_some()
    }
}

/// The cookie: two words in host byte order, the lower first.
pub(super) fn cookie(bytes: [u8; 8]) -> u64 {
    let [a, b, c, d, e, f, g, h] = bytes;
    u64::from(u32::from_ne_bytes([a, b, c, d])) | u64::from(u32::from_ne_bytes([e, f, g, h])) << 32
}

/// An answer of `inet_diag` to a request for `transport`. `None` if it is malformed.
pub(super) fn parse_inet(transport: Transport, payload: &[u8]) -> Option<DiagSocket> {
    let answer = InetResponseHeader::parse(payload).ok()?;
    let id = &answer.socket_id;
    Some(DiagSocket {
        transport: exact_transport(transport, u16::from(answer.family), id.source_port),
        state: answer.state,
        local: endpoint(transport, id.source_address, id.source_port),
        peer: peer(transport, id.destination_address, id.destination_port),
        interface: if is_link_local(id.destination_address) { id.interface_id } else { 0 },
        cookie: Some(cookie(id.cookie)),
        inode: answer.inode.into(),
        uid: Some(answer.uid),
    })
}

/// For raw sockets the port is the protocol's number.
pub(super) fn exact_transport(requested: Transport, family: u16, port: u16) -> Transport {
    match requested {
        Transport::Raw(_) => Transport::from_socket(family, SOCK_RAW, port),
        other => other,
    }
}

pub(super) fn endpoint(transport: Transport, address: IpAddr, port: u16) -> Endpoint {
    let has_ports = !matches!(transport, Transport::Raw(_) | Transport::Icmp | Transport::Packet);
    Endpoint { address: Some(address.to_canonical()), port: (has_ports && port != 0).then_some(port), interface: None }
}

/// The peer's endpoint: unknown if address and port are both zero.
pub(super) fn peer(transport: Transport, address: IpAddr, port: u16) -> Endpoint {
    let peer = endpoint(transport, address, port);
    let is_unknown = peer.port.is_none() && peer.address.is_some_and(|address| address.is_unspecified());
    if is_unknown { Endpoint::default() } else { peer }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct inet_diag_msg` of a mapped TCP connection, as `ss` gets it.
    fn answer() -> Vec<u8> {
        let mut bytes = vec![10, 1, 0, 0];
        bytes.extend(8080_u16.to_be_bytes());
        bytes.extend(40_000_u16.to_be_bytes());
        for last in [1, 2] {
            bytes.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, last]);
        }
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(0x1122_3344_u32.to_ne_bytes());
        bytes.extend(0x55_u32.to_ne_bytes());
        for number in [0_u32, 0, 0, 1000, 77] {
            bytes.extend(number.to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn mapped_addresses_become_ipv4_and_the_cookie_has_64_bits() {
        let socket = parse_inet(Transport::Tcp, &answer()).unwrap();
        assert_eq!(socket.local.to_text(), "127.0.0.1:8080");
        assert_eq!(socket.peer.to_text(), "127.0.0.2:40000");
        assert_eq!(socket.cookie, Some(0x55_1122_3344));
        assert_eq!((socket.inode, socket.uid, socket.state), (77, Some(1000), TCP_ESTABLISHED));
    }

    #[test]
    fn truncated_answer_is_malformed() {
        let whole = answer();
        for length in 0..whole.len() {
            assert_eq!(parse_inet(Transport::Tcp, &whole[..length]), None, "{length}");
        }
        let mut other_family = whole;
        other_family[0] = 1;
        assert_eq!(parse_inet(Transport::Tcp, &other_family), None);
    }

    #[test]
    fn protocol_of_a_raw_socket_is_read_from_its_port() {
        let mut bytes = answer();
        bytes[4..6].copy_from_slice(&89_u16.to_be_bytes());
        let socket = parse_inet(Transport::Raw(255), &bytes).unwrap();
        assert_eq!((socket.transport, socket.local.port), (Transport::Raw(89), None));
        bytes[4..6].copy_from_slice(&58_u16.to_be_bytes());
        assert_eq!(parse_inet(Transport::Raw(255), &bytes).unwrap().transport, Transport::Icmp);
    }
}
