use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const V4: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 7)];
const V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)];
const PORTS: [u8; 4] = [0xc0, 0x01, 0x01, 0xbb];

/// RFC 791, section 3.1. `words` of options, `fragment` as the field with the flags has it.
fn v4(protocol: u8, words: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + 4 * usize::from(words) + payload.len()).unwrap();
    let mut packet = vec![0x45 + words, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend(V4.iter().flat_map(Ipv4Addr::octets));
    packet.extend(vec![1; 4 * usize::from(words)]);
    packet.extend(payload);
    packet
}

/// RFC 8200, section 3.
fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    packet.extend([next, 64]);
    packet.extend(V6.iter().flat_map(Ipv6Addr::octets));
    packet.extend(payload);
    packet
}

/// Hop-by-hop or destination options of eight bytes.
const fn options(next: u8) -> [u8; 8] {
    [next, 0, 1, 4, 0, 0, 0, 0]
}

/// A fragment header; the offset is in units of eight bytes.
const fn fragment(next: u8, offset: u16) -> [u8; 8] {
    let [high, low] = ((offset << 3) | 1).to_be_bytes();
    [next, 0, high, low, 0, 0, 0, 1]
}

fn parsed(packet: &[u8]) -> (Transport, String, String) {
    let Flow { transport, local, peer, .. } = parse(packet).unwrap();
    (transport, local.to_string(), peer.to_string())
}

#[test]
fn ports_are_found_behind_ipv4_options() {
    for (protocol, transport) in
        [(6, Transport::Tcp), (17, Transport::Udp), (136, Transport::UdpLite), (132, Transport::Sctp)]
    {
        for words in [0, 1, 10] {
            let packet = v4(protocol, words, 0, &PORTS);
            assert!(packet.len() <= usize::from(HEADERS));
            let expected = (transport, "192.0.2.1:49153".to_owned(), "198.51.100.7:443".to_owned());
            assert_eq!(parsed(&packet), expected, "{words} words of options");
        }
    }
}

#[test]
fn ports_are_found_behind_ipv6_extension_headers() {
    let chained = [&options(43)[..], &[44, 2, 4, 0, 0, 0, 0, 0], &[0; 16], &fragment(51, 0), &[60, 4], &[0; 22]];
    let all = [&chained.concat()[..], &options(6), &PORTS].concat();
    for packet in [v6(6, &PORTS), v6(0, &[&options(6)[..], &PORTS].concat()), v6(0, &all)] {
        assert!(packet.len() <= usize::from(HEADERS));
        let expected = (Transport::Tcp, "[2001:db8::1]:49153".to_owned(), "[2001:db8::2]:443".to_owned());
        assert_eq!(parsed(&packet), expected, "{packet:02x?}");
    }
}

#[test]
fn packet_without_ports_has_addresses() {
    let peer = "198.51.100.7:0".to_owned();
    assert_eq!(parsed(&v4(1, 0, 0, &[8, 0])), (Transport::Icmp, "192.0.2.1:0".to_owned(), peer.clone()));
    assert_eq!(parsed(&v4(47, 0, 0, &[])), (Transport::Raw(47), "192.0.2.1:0".to_owned(), peer));
    assert_eq!(parsed(&v6(58, &[135, 0])).0, Transport::Icmp);
    assert_eq!(parsed(&v6(59, &[])).0, Transport::Raw(59));
}

#[test]
fn only_the_first_fragment_has_ports() {
    const MORE: u16 = 0x2000;
    assert!(parse(&v4(17, 0, MORE, &PORTS)).is_ok());
    assert_eq!(parse(&v4(17, 0, MORE | 185, &PORTS)), Err(Unparsed::Fragment));
    assert_eq!(parse(&v4(17, 0, 185, &PORTS)), Err(Unparsed::Fragment));
    assert!(parse(&v6(44, &[&fragment(17, 0)[..], &PORTS].concat())).is_ok());
    assert_eq!(parse(&v6(44, &[&fragment(17, 185)[..], &PORTS].concat())), Err(Unparsed::Fragment));
    // What seems to be another header is the middle of somebody's datagram.
    assert_eq!(parse(&v6(44, &[&fragment(60, 185)[..], &[255]].concat())), Err(Unparsed::Fragment));
}

#[test]
fn mapped_address_becomes_ipv4() {
    let mut packet = v6(6, &PORTS);
    packet.splice(24..40, V4[1].to_ipv6_mapped().octets());
    assert_eq!(parsed(&packet).2, "198.51.100.7:443");
}

#[test]
fn truncated_packet_is_refused() {
    let whole = [v4(6, 2, 0, &PORTS), v6(0, &[&options(17)[..], &PORTS].concat())];
    for packet in &whole {
        assert_eq!(parse(&[]), Err(Unparsed::NotIp));
        for length in 1..packet.len() {
            assert_eq!(parse(&packet[..length]), Err(Unparsed::Malformed), "{length} bytes");
        }
    }
    assert_eq!(parse(&[0x50; 64]), Err(Unparsed::NotIp));
    assert_eq!(parse(&[0x41; 64]), Err(Unparsed::Malformed), "a header of four bytes");
}

#[test]
fn connection_request_is_recognised_by_its_flags() {
    let with = |flags: u8| [&PORTS[..], &[0; 8], &[0x50, flags], &[0; 6]].concat();
    for (flags, is_one) in [(SYN, true), (SYN | 0xc0, true), (SYN | ACK, false), (ACK, false), (RST, false), (0, false)]
    {
        for packet in [v4(6, 3, 0, &with(flags)), v6(6, &with(flags)), v6(0, &[&options(6)[..], &with(flags)].concat())]
        {
            assert_eq!(is_request(&packet), is_one, "{flags:#x}");
        }
    }
    let cut = v4(6, 0, 0, &with(ACK));
    assert!(is_request(&cut[..20 + TCP_FLAGS]) && is_request(&[]), "truncated packets count as requests");
}

#[test]
fn too_many_extension_headers_are_refused() {
    let many = std::iter::repeat_n(options(60), 40).flatten().chain(options(6)).chain(PORTS).collect::<Vec<_>>();
    let packet = v6(60, &many);
    assert!(parse(&packet).is_ok());
    assert_eq!(parse(&packet[..usize::from(HEADERS)]), Err(Unparsed::Malformed));
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_headers_are_parsed_or_refused(
        version in prop::sample::select(vec![0x45u8, 0x46, 0x4f, 0x60]),
        next in prop::sample::select(vec![0u8, 6, 17, 43, 44, 50, 51, 58, 60, 132]),
        bytes in vec(prop_oneof![Just(0u8), Just(44), Just(51), Just(60), any::<u8>()], 40..200),
    ) {
        let mut packet = bytes;
        packet[0] = version;
        packet[if version == 0x60 { 6 } else { 9 }] = next;
        if let Ok(flow) = parse(&packet) {
            prop_assert!(flow.transport.has_ports() || (flow.local.port(), flow.peer.port()) == (0, 0));
        }
    }

    /// What is behind the ports changes nothing, nor that it is cut off.
    #[test]
    fn payload_does_not_change_the_parsed_packet(payload in vec(any::<u8>(), 0..100), protocol in prop::sample::select(vec![6u8, 17])) {
        let bytes = [&PORTS[..], &payload].concat();
        prop_assert_eq!(parse(&v4(protocol, 3, 0, &bytes)), parse(&v4(protocol, 3, 0, &PORTS)));
        prop_assert_eq!(parse(&v6(protocol, &bytes)), parse(&v6(protocol, &PORTS)));
        let whole = v4(protocol, 3, 0, &bytes);
        prop_assert_eq!(parse(&whole), parse(&whole[..36]));
    }
}
