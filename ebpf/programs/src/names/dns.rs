//! Packets to and from port 53.

use egret_wire::Kind;

use super::copy::Message;
use super::packet::{IPPROTO_TCP, Packet};
use crate::socket;

/// The port of resolvers (RFC 1035, 4.2).
pub(crate) const PORT: u16 = 53;
/// Header of a DNS message; a datagram that is shorter is none.
const HEADER: u32 = 12;

/// The message in a packet, or over TCP the part of one.
#[inline(always)]
pub(crate) fn message(packet: &Packet, kind: Kind) -> Option<Message> {
    let payload = packet.payload()?;
    let shortest = if packet.protocol == IPPROTO_TCP { 1 } else { HEADER };
    if payload.length < shortest {
        return None;
    }
    let pid = socket::find(packet.sk()?).map_or(0, |socket| socket.process.pid);
    Some(Message { kind, payload, pid })
}
