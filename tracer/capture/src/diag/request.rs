//! Requests to `sock_diag`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use egret_model::Transport;
use netlink_packet_core::{Emitable, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer};
use netlink_packet_sock_diag::SOCK_DIAG_BY_FAMILY;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};

const HEADER_BYTES: usize = 16;
/// "Any cookie" (`INET_DIAG_NOCOOKIE`).
const NO_COOKIE: [u8; 8] = [0xff; 8];
/// `INET_DIAG_REQ_PROTOCOL`, Linux 5.9: the attribute for protocols that do not fit the request's byte.
const ATTRIBUTE_PROTOCOL: u16 = 3;
/// `IPPROTO_IP`, which no socket is listed under: a kernel without the attribute refuses the request instead of
/// listing another protocol.
const NO_PROTOCOL: u8 = 0;
/// `IPPROTO_RAW`, in a request all raw sockets.
const ANY_RAW: u8 = 255;

/// An Internet address family.
#[derive(Clone, Copy, Debug)]
pub(super) enum Family {
    V4,
    V6,
}

/// All sockets of a transport and family, except those that have no owner any more (TIME-WAIT) or not yet
/// (half-open).
pub(super) fn list(transport: Transport, family: Family) -> Vec<u8> {
    let states = StateFlags::all() - StateFlags::TIME_WAIT - StateFlags::SYN_RECV;
    let unspecified = match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let mut id = socket_id(SocketAddr::new(unspecified, 0), SocketAddr::new(unspecified, 0));
    id.cookie = [0; 8];
    inet(transport, id, states)
}

/// The socket between two addresses, which are both IPv4 or both IPv6.
///
/// For UDP the kernel expects the endpoints in reverse order ("swapped for historical reasons", `udp_dump_one()` in
/// net/ipv4/udp_diag.c).
pub(super) fn exact(transport: Transport, local: SocketAddr, peer: SocketAddr) -> Vec<u8> {
    let id = match transport {
        Transport::Udp | Transport::UdpLite => socket_id(peer, local),
        _ => socket_id(local, peer),
    };
    inet(transport, id, StateFlags::all())
}

fn socket_id(source: SocketAddr, destination: SocketAddr) -> SocketId {
    let scope = |address| match address {
        SocketAddr::V6(address) => address.scope_id(),
        SocketAddr::V4(_) => 0,
    };
    SocketId {
        source_port: source.port(),
        destination_port: destination.port(),
        source_address: source.ip(),
        destination_address: destination.ip(),
        interface_id: scope(source).max(scope(destination)),
        cookie: NO_COOKIE,
    }
}

fn inet(transport: Transport, socket_id: SocketId, states: StateFlags) -> Vec<u8> {
    let family = match socket_id.source_address {
        IpAddr::V4(_) => netlink_packet_sock_diag::AF_INET,
        IpAddr::V6(_) => netlink_packet_sock_diag::AF_INET6,
    };
    let (protocol, attribute) = protocol(transport);
    let request = InetRequest { family, protocol, extensions: ExtensionFlags::empty(), states, socket_id };
    let mut bytes = vec![0; request.buffer_len()];
    request.emit(&mut bytes);
    if let Some(number) = attribute {
        bytes.extend(8_u16.to_ne_bytes());
        bytes.extend(ATTRIBUTE_PROTOCOL.to_ne_bytes());
        bytes.extend(number.to_ne_bytes());
    }
    bytes
}

/// The protocol's byte, and its number where that needs an attribute.
fn protocol(transport: Transport) -> (u8, Option<u32>) {
    match transport {
        Transport::Tcp => (6, None),
        Transport::Udp => (17, None),
        Transport::UdpLite => (136, None),
        Transport::Sctp => (132, None),
        Transport::Mptcp => (NO_PROTOCOL, Some(262)),
        Transport::Raw(_) => (ANY_RAW, None),
        Transport::Icmp | Transport::Packet => (NO_PROTOCOL, None),
    }
}

/// Prepends the netlink header to a request.
pub(super) fn frame(payload: &[u8], dump: bool, sequence: u32) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes.extend(payload);
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut header = NetlinkBuffer::new(&mut bytes);
    header.set_length(length);
    header.set_message_type(SOCK_DIAG_BY_FAMILY);
    header.set_flags(if dump { NLM_F_REQUEST | NLM_F_DUMP } else { NLM_F_REQUEST });
    header.set_sequence_number(sequence);
    bytes
}
