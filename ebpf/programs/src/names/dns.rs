//! Packets to and from port 53.

use egret_wire::{Kind, NO_USER, ProcessRef};

use super::copy::Message;
use super::packet::{IPPROTO_TCP, Packet, Payload};
use crate::socket;

/// The port of resolvers (RFC 1035, 4.2).
pub(crate) const PORT: u16 = 53;
/// Bytes of the header of a DNS message, and of the shortest datagram.
const HEADER: u32 = 12;
/// The bit that answers have, in the third byte.
const RESPONSE: u8 = 0x80;

/// The message in a packet; over TCP a part of it.
#[inline(always)]
pub(crate) fn message(packet: &Packet, kind: Kind) -> Option<Message> {
    let payload = packet.payload()?;
    let shortest = if packet.protocol == IPPROTO_TCP { 1 } else { HEADER };
    if payload.length < shortest {
        return None;
    }
    if packet.protocol != IPPROTO_TCP && !is_of(kind, packet, &payload)? {
        return None;
    }
    let (process, user) = match socket::find(packet.sk()?) {
        Some(socket) if socket.process.pid != 0 => (socket.process, socket.process.uid),
        _ => (ProcessRef::UNKNOWN, NO_USER),
    };
    Some(Message { kind, payload, process, user })
}

/// Whether a header is that of a question or of an answer, as `kind` says, and has a question section (RFC 1035,
/// 4.1.1). Other datagrams on port 53 are not recorded.
#[inline(always)]
fn is_of(kind: Kind, packet: &Packet, payload: &Payload) -> Option<bool> {
    let [_, _, flags, _, high, low]: [u8; 6] = packet.load(payload.offset)?;
    let is_answer = flags & RESPONSE != 0;
    Some(is_answer == (kind as u8 == Kind::Answer as u8) && (high | low) != 0)
}
