//! Packets: never panics, and a truncated packet parses to the same result or to an error.
#![no_main]

use std::net::IpAddr;

use egret_enforcer::packet::{HEADERS, Unparsed, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let whole = parse(data);
    for length in [data.len() / 2, usize::from(HEADERS)] {
        let cut = parse(&data[..length.min(data.len())]);
        assert!(cut == whole || matches!(cut, Err(Unparsed::Malformed | Unparsed::NotIp)), "{cut:?} {whole:?}");
    }
    let Ok(flow) = whole else { return };
    let (local, peer) = match data[0] >> 4 {
        4 => (address::<4>(data, 12), address::<4>(data, 16)),
        _ => (address::<16>(data, 8), address::<16>(data, 24)),
    };
    assert_eq!((flow.local.ip(), flow.peer.ip()), (local, peer));
    let ports = [flow.local.port().to_be_bytes(), flow.peer.port().to_be_bytes()].concat();
    assert!(ports == [0; 4] || data.windows(4).any(|bytes| bytes == ports), "these ports are nowhere in it");
    assert!(ports == [0; 4] || flow.transport.has_ports());
});

fn address<const N: usize>(data: &[u8], at: usize) -> IpAddr
where
    IpAddr: From<[u8; N]>,
{
    IpAddr::from(<[u8; N]>::try_from(&data[at..at + N]).expect("of this length")).to_canonical()
}
