//! RFC 791.

use std::net::IpAddr;

use super::{Headers, Unparsed, array, word};

/// Length of a header without options.
const FIXED: usize = 20;
/// The bits of the word with the flags that say where a fragment belongs.
const OFFSET: u16 = 0x1fff;

pub(super) fn headers(packet: &[u8]) -> Result<Headers<'_>, Unparsed> {
    let [first] = array(packet, 0)?;
    let length = 4 * usize::from(first & 0xf);
    if length < FIXED {
        return Err(Unparsed::Malformed);
    }
    let payload = packet.get(length..).ok_or(Unparsed::Malformed)?;
    if word(packet, 6)? & OFFSET != 0 {
        return Err(Unparsed::Fragment);
    }
    let [protocol] = array(packet, 9)?;
    let address = |at| array::<4>(packet, at).map(IpAddr::from);
    Ok(Headers { source: address(12)?, destination: address(16)?, protocol, payload })
}
