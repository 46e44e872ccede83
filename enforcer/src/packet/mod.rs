//! Packets: from the bytes that the kernel shows to the flow that they belong to.
//!
//! [`parse`] is pure and total: it sees bytes and nothing else, and never panics. Crates that take packets apart
//! were tried: etherparse 0.21, the best kept of them, reads past the end of what it was given when it goes through the
//! extension headers of a packet that is cut off, and packets are always cut off here.

mod ipv4;
mod ipv6;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use egret_model::{Flow, Transport};

/// How much of a packet has to be seen. An IPv4 header is 60 bytes at most and ports are the 4 behind it: 64. An IPv6 header
/// is 40, which leaves 84 for extension headers, more than hop-by-hop options, a routing header with one segment (24), a
/// fragment header, destination options (8 each) and an authentication header (24) take together. The flags of TCP are ten
/// bytes further on.
pub const HEADERS: u16 = 128;

/// Why a packet cannot be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unparsed {
    /// Neither version 4 nor version 6 of the Internet Protocol.
    #[error("not an IP packet")]
    NotIp,
    /// Its headers end before the ports, or contradict themselves.
    #[error("headers that are cut short or malformed")]
    Malformed,
    /// A fragment other than the first: it has no ports. Connection tracking puts fragments together before any rule sees
    /// them, so that none comes where that runs.
    #[error("a fragment without ports")]
    Fragment,
}

/// The flow of a packet that this host sends, from the packet's first bytes, of which [`HEADERS`] are enough.
///
/// Ports are zero where the transport has none; `ICMPv6` is ICMP.
///
/// # Errors
///
/// It has no flow, or these bytes are too few for it.
pub fn parse(packet: &[u8]) -> Result<Flow, Unparsed> {
    let headers = headers(packet)?;
    let transport = transport(headers.protocol);
    let (local, peer) = if transport.has_ports() { ports(headers.payload)? } else { (0, 0) };
    // Addresses are compared with those that sockets and rules have, where a mapped one is IPv4.
    let end = |address: IpAddr, port| SocketAddr::new(address.to_canonical(), port);
    Ok(Flow { transport, local: end(headers.source, local), peer: end(headers.destination, peer), interface: None })
}

/// Whether a TCP packet requests a connection. One that is too short to decide may.
pub fn is_request(packet: &[u8]) -> bool {
    let flags = headers(packet).ok().and_then(|headers| headers.payload.get(TCP_FLAGS));
    flags.is_none_or(|flags| flags & (SYN | ACK | RST | FIN) == SYN)
}

/// Where TCP has its flags, and what they are (RFC 9293, section 3.1).
const TCP_FLAGS: usize = 13;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

fn headers(packet: &[u8]) -> Result<Headers<'_>, Unparsed> {
    match packet.first().map(|first| first >> 4) {
        Some(4) => ipv4::headers(packet),
        Some(6) => ipv6::headers(packet),
        _ => Err(Unparsed::NotIp),
    }
}

/// What the headers of the Internet Protocol say.
struct Headers<'a> {
    source: IpAddr,
    destination: IpAddr,
    /// IANA's number of what comes behind them.
    protocol: u8,
    payload: &'a [u8],
}

fn transport(protocol: u8) -> Transport {
    match protocol {
        6 => Transport::Tcp,
        17 => Transport::Udp,
        136 => Transport::UdpLite,
        132 => Transport::Sctp,
        1 | 58 => Transport::Icmp,
        other => Transport::Raw(other),
    }
}

/// The four transports that have ports have them at the same place: the source's, then the destination's.
fn ports(header: &[u8]) -> Result<(u16, u16), Unparsed> {
    Ok((word(header, 0)?, word(header, 2)?))
}

/// The two bytes at a place.
fn word(bytes: &[u8], at: usize) -> Result<u16, Unparsed> {
    Ok(u16::from_be_bytes(array(bytes, at)?))
}

/// So many bytes from a place.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Unparsed> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().ok_or(Unparsed::Malformed)
}
