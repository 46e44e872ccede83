//! The first bytes that a TCP client sends, if they begin like TLS.
//!
//! The first bytes are checked once a connection, and the result is stored in the socket's state: all later
//! packets leave after one look-up.

use egret_state::HELLO_OVER;
use egret_wire::Kind;

use super::copy::Message;
use super::packet::{Packet, Payload};
use crate::socket;

/// `ContentType.handshake`, then the major version of every TLS record (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;
const MAJOR_VERSION: u8 = 3;
/// `HandshakeType.client_hello`, the first byte in the record (RFC 8446, 4).
const CLIENT_HELLO: u8 = 1;
/// The header of a record: type, version, length.
const RECORD_HEADER: u32 = 5;

/// Segments copied of one connection, and the bytes that they cover: a hello with post-quantum key shares has two
/// thousand.
const MAX_SEGMENTS: u8 = 4;
const MAX_BYTES: u32 = 8192;

/// The part of a hello in a packet.
#[inline(always)]
pub(crate) fn message(packet: &Packet) -> Option<Message> {
    // Created by the connect hook. A preexisting connection may have none, and its first bytes are past.
    let socket = socket::find(packet.sk()?)?;
    if socket.hello == HELLO_OVER {
        return None;
    }
    let payload = packet.payload()?;
    if payload.length == 0 {
        return None;
    }
    if socket.hello == 0 {
        let Some(length) = begins_as_hello(packet, &payload) else {
            socket.hello = HELLO_OVER;
            return None;
        };
        socket.hello_end = payload.sequence.wrapping_add(length);
    }
    socket.hello += 1;
    // A retransmitted segment is copied again: user space recognises it by its sequence number.
    let end = payload.sequence.wrapping_add(payload.length);
    if socket.hello >= MAX_SEGMENTS || end.wrapping_sub(socket.hello_end) as i32 >= 0 {
        socket.hello = HELLO_OVER;
    }
    let process = socket.process;
    Some(Message { kind: Kind::Hello, payload, process, user: process.uid })
}

/// Bytes from here to the end of the hello, if it begins here.
#[inline(always)]
fn begins_as_hello(packet: &Packet, payload: &Payload) -> Option<u32> {
    if payload.length <= RECORD_HEADER {
        // Written in small pieces: the first byte must match, and the end is not known yet.
        let first: u8 = packet.load(payload.offset)?;
        return (first == HANDSHAKE).then_some(MAX_BYTES);
    }
    let [kind, major, _, high, low, message]: [u8; 6] = packet.load(payload.offset)?;
    let is_hello = kind == HANDSHAKE && major == MAJOR_VERSION && message == CLIENT_HELLO;
    let length = RECORD_HEADER + (u32::from(high) << 8 | u32::from(low));
    is_hello.then_some(if length > MAX_BYTES { MAX_BYTES } else { length })
}
