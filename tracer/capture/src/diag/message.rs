//! Netlink messages in a buffer.

use std::io;

use netlink_packet_core::NetlinkBuffer;
use netlink_packet_sock_diag::SOCK_DIAG_BY_FAMILY;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// One message of an answer.
#[derive(Debug)]
pub(super) enum Message<'buffer> {
    /// A socket's description.
    Socket(&'buffer [u8]),
    /// The end of the answer, or the error that ended it.
    End(io::Result<()>),
    /// Something else, or an answer to an earlier request.
    Other,
}

/// A message could not be parsed.
#[derive(Debug)]
pub(super) struct Malformed;

/// Parses the first message; returns it with the bytes after it.
pub(super) fn next(bytes: &[u8], sequence: u32) -> Result<(Message<'_>, &[u8]), Malformed> {
    let message = NetlinkBuffer::new_checked(bytes).map_err(|_| Malformed)?;
    let length = usize::try_from(message.length()).map_err(|_| Malformed)?;
    let rest = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    if message.sequence_number() != sequence {
        return Ok((Message::Other, rest));
    }
    let payload = message.payload();
    let message = match message.message_type() {
        SOCK_DIAG_BY_FAMILY => Message::Socket(payload),
        NLMSG_ERROR | NLMSG_DONE => Message::End(result(payload)?),
        _ => Message::Other,
    };
    Ok((message, rest))
}

/// The payload of both kinds of end is zero or a negative errno.
fn result(payload: &[u8]) -> Result<io::Result<()>, Malformed> {
    let code = payload.first_chunk().ok_or(Malformed)?;
    Ok(match i32::from_ne_bytes(*code) {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code.saturating_neg())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(16 + payload.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(0_u16.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn messages_are_parsed_in_order() {
        let mut bytes = message(SOCK_DIAG_BY_FAMILY, 1, &[1, 2, 3]);
        bytes.extend(message(SOCK_DIAG_BY_FAMILY, 9, &[4]));
        bytes.extend(message(NLMSG_DONE, 1, &0_i32.to_ne_bytes()));
        let (first, rest) = next(&bytes, 1).unwrap();
        assert!(matches!(first, Message::Socket([1, 2, 3])));
        let (second, rest) = next(rest, 1).unwrap();
        assert!(matches!(second, Message::Other), "belongs to another request");
        let (third, rest) = next(rest, 1).unwrap();
        assert!(matches!(third, Message::End(Ok(()))));
        assert!(rest.is_empty());
    }

    #[test]
    fn error_carries_the_errno() {
        let bytes = message(NLMSG_ERROR, 1, &(-libc::ENOENT).to_ne_bytes());
        let (Message::End(Err(error)), _) = next(&bytes, 1).unwrap() else { panic!("not an end") };
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    }

    #[test]
    fn truncated_messages_and_wrong_lengths_are_malformed() {
        let whole = message(NLMSG_DONE, 1, &0_i32.to_ne_bytes());
        for length in 0..whole.len() {
            assert!(next(&whole[..length], 1).is_err(), "{length}");
        }
        for length in [0_u32, 15, 21, u32::MAX] {
            let mut changed = whole.clone();
            changed[..4].copy_from_slice(&length.to_ne_bytes());
            assert!(next(&changed, 1).is_err(), "{length}");
        }
        assert!(next(&message(NLMSG_DONE, 1, &[0, 0]), 1).is_err());
    }
}
