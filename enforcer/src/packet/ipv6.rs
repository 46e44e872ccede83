//! RFC 8200.

use std::net::IpAddr;

use super::{Headers, Unparsed, array, word};

/// Length of a header.
const FIXED: usize = 40;

/// Numbers of extension headers. What else IANA counts among them has a socket of its own protocol (mobility, host
/// identity), cannot be read on (encryption) or is not in use.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;

/// Every extension header is eight bytes at least, so that their number is bounded by the length of what is seen.
pub(super) fn headers(packet: &[u8]) -> Result<Headers<'_>, Unparsed> {
    let address = |at| array::<16>(packet, at).map(IpAddr::from);
    let (source, destination) = (address(8)?, address(24)?);
    let [mut protocol] = array(packet, 6)?;
    let mut payload = packet.get(FIXED..).ok_or(Unparsed::Malformed)?;
    while let Some(length) = length(protocol, payload)? {
        if protocol == FRAGMENT && word(payload, 2)? >> 3 != 0 {
            return Err(Unparsed::Fragment);
        }
        [protocol] = array(payload, 0)?;
        payload = payload.get(length..).ok_or(Unparsed::Malformed)?;
    }
    Ok(Headers { source, destination, protocol, payload })
}

/// The length of an extension header; nothing if it is none.
fn length(protocol: u8, header: &[u8]) -> Result<Option<usize>, Unparsed> {
    let units = || array(header, 1).map(|[units]: [u8; 1]| usize::from(units));
    Ok(match protocol {
        HOP_BY_HOP | ROUTING | DESTINATION => Some(8 * (units()? + 1)),
        FRAGMENT => Some(8),
        // RFC 4302: in units of four bytes, two less than there are. A multiple of eight in IPv6.
        AUTHENTICATION => Some((4 * (units()? + 2)).max(8)),
        _ => None,
    })
}
