//! Packet sockets: `include/uapi/linux/packet_diag.h`, since Linux 3.7.
//!
//! netlink-packet-sock-diag has the Internet and Unix families only, so that these two fixed layouts are read and
//! written here.

use egret_model::{Endpoint, Transport};
use netlink_packet_core::NlasIterator;

use super::socket::{DiagSocket, cookie};

const AF_PACKET: u8 = 17;
/// `sizeof(struct packet_diag_msg)`.
const ANSWER_BYTES: usize = 16;
/// `PACKET_SHOW_INFO`: index and owner.
const SHOW_INFO: u32 = 1;
/// `PACKET_DIAG_UID`.
const ATTRIBUTE_UID: u16 = 5;
/// `TCP_CLOSE`: the state of an unconnected socket.
const UNCONNECTED: u8 = 7;

/// `struct packet_diag_req`: family, protocol, padding, inode, what to show, cookie.
pub(super) fn request() -> Vec<u8> {
    let mut bytes = vec![AF_PACKET, 0, 0, 0];
    for number in [0, SHOW_INFO, u32::MAX, u32::MAX] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes
}

/// `struct packet_diag_msg` and its attributes. `None` if it is malformed.
pub(super) fn parse(payload: &[u8]) -> Option<DiagSocket> {
    let (fixed, attributes) = payload.split_at_checked(ANSWER_BYTES)?;
    let inode = u32::from_ne_bytes(fixed.get(4..8)?.try_into().ok()?);
    (*fixed.first()? == AF_PACKET).then_some(())?;
    Some(DiagSocket {
        transport: Transport::Packet,
        state: UNCONNECTED,
        local: Endpoint::default(),
        peer: Endpoint::default(),
        interface: 0,
        cookie: Some(cookie(fixed.get(8..16)?.try_into().ok()?)),
        inode: inode.into(),
        uid: uid(attributes),
    })
}

fn uid(attributes: &[u8]) -> Option<u32> {
    NlasIterator::new(attributes)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == ATTRIBUTE_UID)
        .and_then(|attribute| Some(u32::from_ne_bytes(attribute.value().try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Vec<u8> {
        let mut bytes = vec![AF_PACKET, 3, 0, 3];
        for number in [42_u32, 7, 1] {
            bytes.extend(number.to_ne_bytes());
        }
        bytes.extend([8_u16.to_ne_bytes(), ATTRIBUTE_UID.to_ne_bytes()].concat());
        bytes.extend(1000_u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn complete_answer_is_parsed() {
        let socket = parse(&answer()).unwrap();
        assert_eq!((socket.inode, socket.cookie, socket.uid), (42, Some(1 << 32 | 7), Some(1000)));
    }

    #[test]
    fn truncated_answer_has_no_owner_or_is_malformed() {
        let whole = answer();
        for length in 0..whole.len() {
            let parsed = parse(&whole[..length]);
            assert_eq!(parsed.is_some(), length >= ANSWER_BYTES, "{length}");
            assert_eq!(parsed.and_then(|socket| socket.uid), None);
        }
        let mut other_family = whole;
        other_family[0] = 1;
        assert_eq!(parse(&other_family), None);
    }
}
